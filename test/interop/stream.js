'use strict';
// stream.js - WAMP RawSocket by raw bytes: frames, and a stream of which exact numbers of bytes are taken.

const assert = require('node:assert/strict');
const net = require('node:net');
const { env } = require('./lib');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const MESSAGE = 0;
const PING = 1;
const PONG = 2;
const LONGEST = 1 << 24;
const sockets = new Set();

function header(type, length) {
  const h = Buffer.alloc(4);
  h[0] = type | (length === LONGEST ? 8 : 0);
  h.writeUIntBE(length === LONGEST ? 0 : length, 1, 3);
  return h;
}

const frame = (type, payload) => Buffer.concat([header(type, Buffer.byteLength(payload)), Buffer.from(payload)]);
const wamp = (message) => frame(MESSAGE, JSON.stringify(message));

/** A stream of which exact numbers of bytes are taken. */
class Stream {
  static async connect(where = { host: '127.0.0.1', port: env.port }) {
    return Stream.over(net.connect(where), 'connect');
  }

  /** The same over a socket that says by that event that it is ready. */
  static async over(socket, ready) {
    const stream = new Stream();
    stream.socket = socket;
    sockets.add(socket);
    stream.chunks = [];
    stream.length = 0;
    socket.setNoDelay(true);
    socket.on('data', (data) => { stream.chunks.push(data); stream.length += data.length; stream.wake?.(); });
    stream.closed = new Promise((resolve) => { socket.on('close', () => { stream.ended = true; stream.wake?.(); resolve(); }); });
    await new Promise((resolve, reject) => { socket.on(ready, resolve); socket.on('error', reject); });
    socket.removeAllListeners('error').on('error', () => {});
    return stream;
  }

  /** The handshake with a serializer and a LENGTH; the stream after it, its joined session. */
  static async join(where, length = 15) {
    return (await Stream.connect(where)).joined(length);
  }

  async joined(length = 15) {
    const stream = this;
    stream.socket.write(Buffer.from([0x7f, length << 4 | 1, 0, 0]));
    stream.reply = await stream.take(4);
    stream.send([1, 'realm1', { roles: ROLES }]);
    assert.equal((await stream.message())[0], 2);
    return stream;
  }

  send(message) { this.socket.write(wamp(message)); }

  async take(n) {
    const late = Date.now() + 10000;
    while (this.length < n) {
      if (this.ended) throw new Error(`the stream ended after ${this.length} of ${n} bytes`);
      const left = late - Date.now();
      if (left <= 0) throw new Error(`${this.length} of ${n} bytes in time`);
      let timer;
      await Promise.race([
        new Promise((resolve) => { this.wake = resolve; }),
        new Promise((resolve) => { timer = setTimeout(resolve, left); }),
      ]);
      clearTimeout(timer);
    }
    const all = Buffer.concat(this.chunks);
    this.chunks = all.length > n ? [all.subarray(n)] : [];
    this.length = all.length - n;
    return all.subarray(0, n);
  }

  async frame() {
    const h = await this.take(4);
    const length = h[0] & 8 ? LONGEST : h.readUIntBE(1, 3);
    return { type: h[0] & 7, payload: await this.take(length) };
  }

  async message() {
    const { type, payload } = await this.frame();
    assert.equal(type, MESSAGE);
    return JSON.parse(payload);
  }

  /** Everything up to the end of the stream. */
  async rest() {
    await this.closed;
    return this.take(this.length);
  }
}

/** For after(): closes every stream. */
function closeAll() {
  for (const socket of sockets) socket.destroy();
}

module.exports = { ROLES, MESSAGE, PING, PONG, LONGEST, header, frame, wamp, Stream, closeAll };
