'use strict';
// A procedure whose holder no longer answers: peers that read, and never answer a ping, by raw bytes.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const net = require('node:net');
const { start, stop, Raw, fresh, env, sql } = require('./lib');
const { Stream, PING, PONG, frame, closeAll } = require('./stream');

before(start);
after(() => {
  closeAll();
  for (const socket of mute) socket.destroy();
  stop();
});

const mute = new Set();
const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const EXISTS = 'wamp.error.procedure_already_exists';

/** A WebSocket made by hand, which registers uri and then answers nothing; opcodes are those of the frames it got. */
async function muteWebSocket(uri) {
  const socket = net.connect({ host: '127.0.0.1', port: env.port });
  mute.add(socket);
  const peer = { socket, opcodes: [], texts: [], wake() {} };
  let data = Buffer.alloc(0);
  let upgraded = false;
  socket.on('error', () => {});
  peer.closed = new Promise((resolve) => { socket.on('close', resolve); });
  socket.on('data', (more) => {
    data = Buffer.concat([data, more]);
    if (!upgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end < 0) return;
      upgraded = true;
      data = data.subarray(end + 4);
    }
    for (;;) {
      const short = data.length >= 2 ? data[1] & 127 : 0;
      const head = short === 126 ? 4 : 2;
      if (data.length < head) break;
      const length = short === 126 ? data.readUInt16BE(2) : short;
      if (data.length < head + length) break;
      peer.opcodes.push(data[0] & 15);
      if ((data[0] & 15) === 1) peer.texts.push(JSON.parse(data.subarray(head, head + length)));
      data = data.subarray(head + length);
    }
    peer.wake();
  });
  peer.has = async (what) => {
    while (!what()) await new Promise((resolve, reject) => { peer.wake = resolve; socket.once('close', () => reject(new Error('closed'))); });
  };
  const send = (opcode, payload) => {
    const body = Buffer.from(payload);
    const head = body.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | body.length]) : Buffer.from([0x80 | opcode, 0xfe, body.length >> 8, body.length & 255]);
    socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
  };
  peer.pong = () => send(10, 'fox');
  socket.write(`GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n`);
  send(1, JSON.stringify([1, 'realm1', { roles: ROLES }]));
  send(1, JSON.stringify([64, 1, {}, uri]));
  await peer.has(() => peer.texts.length >= 2);
  assert.deepEqual(peer.texts[1].slice(0, 2), [65, 1]);
  return peer;
}

test('a WebSocket that answers no ping loses its procedure', async () => {
  const uri = fresh('proc');
  const holder = await muteWebSocket(uri);
  const heir = await Raw.join();
  const began = Date.now();
  const answer = await heir.ask([64, 1, {}, uri]);
  assert.deepEqual(answer.slice(0, 2), [65, 1]);
  assert.ok(Date.now() - began >= 1500, 'it was given time to answer');
  await holder.has(() => holder.texts.length > 2);
  assert.ok(holder.opcodes.includes(9), 'it was pinged');
  assert.deepEqual([holder.texts[2][0], holder.texts[2][2]], [6, 'wamp.close.killed']);
  await holder.closed;
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.session WHERE id = ${holder.texts[0][1]}`), '0');
  const caller = await Raw.join();
  caller.send([48, 1, {}, uri, [1]]);
  const invocation = await heir.next();
  heir.send([70, invocation[1], {}, [2]]);
  assert.deepEqual(await caller.next(), [50, 1, {}, [2]]);
});

test('the same WebSocket keeps it when it answers the ping', async () => {
  const uri = fresh('proc');
  const holder = await muteWebSocket(uri);
  const heir = await Raw.join();
  const answer = heir.ask([64, 1, {}, uri]);
  await holder.has(() => holder.opcodes.includes(9));
  holder.pong();
  assert.equal((await answer)[4], EXISTS);
  assert.equal(holder.texts.length, 2);
});

test('a client that answers pings by itself keeps it', async () => {
  const uri = fresh('proc');
  const [holder, heir] = [await Raw.join(), await Raw.join()];
  await holder.ask([64, 1, {}, uri]);
  assert.equal((await heir.ask([64, 1, {}, uri]))[4], EXISTS);
  assert.equal((await holder.ask([32, 2, {}, uri]))[0], 33);
});

test('RawSocket: who is silent loses it, who answers keeps it', async () => {
  const uri = fresh('proc');
  const heir = await Raw.join();
  const live = await Stream.join();
  live.send([64, 1, {}, uri]);
  await live.message();
  const answer = heir.ask([64, 1, {}, uri]);
  const ping = await live.frame();
  assert.equal(ping.type, PING);
  live.socket.write(frame(PONG, ping.payload));
  assert.equal((await answer)[4], EXISTS);
  // Silent now.
  assert.deepEqual((await heir.ask([64, 2, {}, uri])).slice(0, 2), [65, 2]);
  assert.equal((await live.frame()).type, PING);
  assert.equal((await live.message())[2], 'wamp.close.killed');
});

test('a paused socket whose system still takes bytes loses it', async () => {
  const uri = fresh('proc');
  const holder = await Stream.join();
  holder.send([64, 1, {}, uri]);
  await holder.message();
  holder.socket.pause();
  const heir = await Raw.join();
  assert.deepEqual((await heir.ask([64, 1, {}, uri])).slice(0, 2), [65, 1]);
});
