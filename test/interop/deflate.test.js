'use strict';
// permessage-deflate (RFC 7692): by ws, the client libraries over it, and by raw bytes.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const zlib = require('node:zlib');
const { start, stop, sql, withSettings, join, listen, fresh, url, until, env, autobahn, Inbox, WebSocket } = require('./lib');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const HELLO = [1, 'realm1', { roles: ROLES }];
const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const RSV1 = 0x40;
const open = new Set();
let switchedOn; // for the rest of the file
let switchOff = () => {};
const text = (length) => 'All this happened, more or less. '.repeat(length / 33 + 1).slice(0, length);

before(start);
after(async () => {
  for (const end of open) end();
  switchOff();
  await switchedOn;
  stop();
});

const deflated = (plain) => {
  const bytes = zlib.deflateRawSync(plain, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  assert.ok(bytes.subarray(-4).equals(Buffer.from([0, 0, 0xff, 0xff])));
  return bytes.subarray(0, -4);
};
const inflated = (bytes) => zlib.inflateRawSync(Buffer.concat([bytes, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: zlib.constants.Z_SYNC_FLUSH });

/** A WebSocket of which every bit is ours. */
class Wire {
  /** Returns it with the answer's Sec-WebSocket-Extensions in extensions. */
  static async connect(offer, protocol = 'wamp.2.json') {
    const wire = new Wire();
    wire.frames = new Inbox();
    wire.socket = net.connect({ host: '127.0.0.1', port: env.port });
    open.add(() => wire.socket.destroy());
    wire.socket.setNoDelay(true);
    wire.closed = new Promise((resolve) => { wire.socket.on('close', resolve); });
    wire.socket.on('error', () => {});
    let bytes = Buffer.alloc(0);
    const head = new Promise((resolve, reject) => {
      wire.socket.on('close', () => reject(new Error('refused')));
      wire.socket.on('data', (data) => {
        bytes = Buffer.concat([bytes, data]);
        const end = wire.head ? 0 : bytes.indexOf('\r\n\r\n') + 4;
        if (!wire.head && end > 3) {
          wire.head = bytes.subarray(0, end).toString();
          bytes = bytes.subarray(end);
          resolve();
        }
        if (wire.head) bytes = wire.take(bytes);
      });
    });
    wire.socket.write(['GET /ws HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13', `Sec-WebSocket-Protocol: ${protocol}`, ...[].concat(offer ?? []).map((o) => `Sec-WebSocket-Extensions: ${o}`), '', ''].join('\r\n'));
    await head;
    assert.match(wire.head, /^HTTP\/1\.1 101 /);
    wire.extensions = /^sec-websocket-extensions: *(.*)\r$/im.exec(wire.head)?.[1];
    return wire;
  }

  static async join(offer = 'permessage-deflate', protocol = 'wamp.2.json') {
    const wire = await Wire.connect(offer, protocol);
    wire.text(JSON.stringify(HELLO));
    assert.equal((await wire.message())[0], 2);
    return wire;
  }

  /** Puts whole frames into the inbox and returns the rest. */
  take(bytes) {
    for (;;) {
      if (bytes.length < 2) return bytes;
      let [length, at] = [bytes[1], 2];
      if (length === 126) { if (bytes.length < 4) return bytes; length = bytes.readUInt16BE(2); at = 4; }
      else if (length === 127) { if (bytes.length < 10) return bytes; length = Number(bytes.readBigUInt64BE(2)); at = 10; }
      if (bytes.length < at + length) return bytes;
      this.frames.put({ fin: bytes[0] >> 7, rsv1: (bytes[0] & RSV1) !== 0, opcode: bytes[0] & 15, payload: bytes.subarray(at, at + length) });
      bytes = bytes.subarray(at + length);
    }
  }

  static frame(first, payload) {
    const [body, mask] = [Buffer.from(payload), randomBytes(4)];
    const n = body.length;
    const head = Buffer.alloc(n < 126 ? 2 : n < 65536 ? 4 : 10);
    head[0] = first;
    head[1] = 0x80 | (n < 126 ? n : n < 65536 ? 126 : 127);
    if (head.length === 4) head.writeUInt16BE(n, 2);
    if (head.length === 10) head.writeBigUInt64BE(BigInt(n), 2);
    for (let i = 0; i < n; i++) body[i] ^= mask[i & 3];
    return Buffer.concat([head, mask, body]);
  }

  write(first, payload) { this.socket.write(Wire.frame(first, payload)); }

  text(plain) { this.write(0x80 | TEXT, plain); }

  deflated(message) { this.write(0x80 | RSV1 | TEXT, deflated(JSON.stringify(message))); }

  /** The next message; raw tells of its frames. */
  async raw() {
    const frames = [];
    do frames.push(await this.frames.next()); while (!frames.at(-1).fin);
    assert.ok(frames.slice(1).every((f) => f.opcode === CONTINUATION && !f.rsv1));
    const [{ opcode, rsv1 }, payload] = [frames[0], Buffer.concat(frames.map((f) => f.payload))];
    return { opcode, rsv1, payload: rsv1 ? inflated(payload) : payload, wire: payload.length };
  }

  async message() { return JSON.parse((await this.raw()).payload); }

  /** The code of the Close frame that the router sends, whatever comes before it. */
  async closeCode() {
    for (;;) {
      const { opcode, payload } = await this.raw();
      if (opcode === CLOSE) {
        this.write(0x80 | CLOSE, payload);
        await this.closed;
        return payload.readUInt16BE(0);
      }
    }
  }
}

/** A joined session of ws. */
async function session(options, { protocol = 'wamp.2.json', to = url(), encode = JSON.stringify, decode = JSON.parse } = {}) {
  const ws = new WebSocket(to, [protocol], options);
  const inbox = new Inbox();
  open.add(() => ws.terminate());
  ws.on('message', (data) => inbox.put(decode(data)));
  await new Promise((resolve, reject) => { ws.on('open', resolve); ws.on('error', reject); });
  const s = {
    ws,
    next: () => inbox.next(),
    send: (message, how) => ws.send(encode(message), how),
    async ask(message, how) { s.send(message, how); return inbox.next(); },
  };
  assert.equal((await s.ask(HELLO))[0], 2);
  return s;
}

const ALWAYS = { perMessageDeflate: { threshold: 0 } };

test('switched off, nothing is negotiated, and a compressed frame ends the connection', async () => {
  const wire = await Wire.connect('permessage-deflate; client_max_window_bits');
  assert.equal(wire.extensions, undefined);
  wire.deflated(HELLO);
  assert.equal(await wire.closeCode(), 1002);
});

test('switched on by a reload, for later connections', async () => {
  const earlier = await session(ALWAYS);
  switchedOn = withSettings({ 'fox_wamp.websocket_compression': 'on' }, () => new Promise((resolve) => { switchOff = resolve; }));
  await until(async () => (await Wire.connect('permessage-deflate')).extensions !== undefined);
  assert.equal(earlier.ws.extensions, '');
  assert.equal((await earlier.ask([32, 1, {}, fresh()]))[0], 33);
});

for (const [offer, answer] of [
  [undefined, undefined],
  ['permessage-deflate', ANSWER],
  ['permessage-deflate; client_max_window_bits', ANSWER],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9', ANSWER],
  ['permessage-deflate; server_max_window_bits=10', `${ANSWER}; server_max_window_bits=10`],
  ['permessage-deflate; server_max_window_bits="15"; server_no_context_takeover', `${ANSWER}; server_max_window_bits=15`],
  ['x-webkit-deflate-frame, permessage-deflate', ANSWER],
  ['permessage-deflate; unknown, permessage-deflate', ANSWER],
  ['permessage-deflate, permessage-deflate; server_max_window_bits=9', ANSWER],
  ['permessage-deflate; server_max_window_bits=9, permessage-deflate', `${ANSWER}; server_max_window_bits=9`],
  [['permessage-bzip2', 'permessage-deflate'], ANSWER],
  ['permessage-deflate; server_max_window_bits', undefined],
  ['permessage-deflate; server_max_window_bits=16', undefined],
  ['permessage-deflate; client_max_window_bits=7', undefined],
  ['permessage-deflate; server_no_context_takeover; server_no_context_takeover', undefined],
  ['permessage-deflate; client_no_context_takeover=1', undefined],
  ['permessage-deflate; unknown', undefined],
  ['permessage-deflate; "', undefined],
  ['permessage-deflate, permessage-deflate ;;', undefined],
  ['permessage-bzip2', undefined],
]) {
  test(`offer ${JSON.stringify(offer)}: ${answer ? 'taken' : 'no extension'}`, async () => {
    const wire = await Wire.connect(offer);
    assert.equal(wire.extensions, answer);
    wire.text(JSON.stringify(HELLO));
    assert.equal((await wire.message())[0], 2);
  });
}

for (const options of [
  true, { serverNoContextTakeover: true, clientNoContextTakeover: true }, { serverMaxWindowBits: 9 }, { clientMaxWindowBits: 9, threshold: 0 },
  { threshold: 0, zlibDeflateOptions: { level: 9, memLevel: 9 } }, { threshold: 0, zlibDeflateOptions: { strategy: zlib.constants.Z_HUFFMAN_ONLY } },
]) {
  test(`ws with ${JSON.stringify(options)}: messages of every size, both ways, in order`, async () => {
    const s = await session({ perMessageDeflate: options });
    assert.match(s.ws.extensions, /permessage-deflate/);
    const topic = fresh();
    await s.ask([32, 1, {}, topic]);
    const sizes = [0, 1, 100, 400, 511, 512, 513, 1000, 2047, 2048, 4096, 65535, 65536, 131072, 300000];
    sizes.forEach((size, i) => s.send([16, i + 2, { exclude_me: false }, topic, [text(size)]]));
    for (const size of sizes) assert.equal((await s.next())[4][0], text(size));
    const noise = randomBytes(200000).toString('base64');
    assert.equal((await s.ask([16, 50, { exclude_me: false }, topic, [noise]]))[4][0], noise);
  });
}

test('fragments, also empty ones, with pings between them', async () => {
  const s = await session(ALWAYS);
  const topic = fresh();
  await s.ask([32, 1, {}, topic]);
  const message = JSON.stringify([16, 2, { exclude_me: false }, topic, [text(50000)]]);
  let pongs = 0;
  s.ws.on('pong', () => pongs++);
  for (let at = 0; at < message.length; at += 10000) {
    s.ws.send(message.slice(at, at + 10000), { fin: false, compress: true });
    s.ws.ping('p');
  }
  s.ws.send('', { fin: true });
  assert.equal((await s.next())[4][0], text(50000));
  assert.ok(pongs > 0);
});

test('raw: fragments of a compressed message, byte by byte', async () => {
  const wire = await Wire.join();
  const topic = fresh();
  const body = deflated(JSON.stringify([32, 7, {}, topic]));
  for (const [first, payload] of [[RSV1 | TEXT, ''], [CONTINUATION, body.subarray(0, 9)], [0x80 | PING, 'between'], [CONTINUATION, body.subarray(9)], [0x80 | CONTINUATION, '']]) {
    for (const byte of Wire.frame(first, payload)) await new Promise((resolve) => { wire.socket.write(Buffer.from([byte]), resolve); });
  }
  const [pong, subscribed] = [await wire.raw(), await wire.message()];
  assert.deepEqual([pong.opcode, pong.rsv1, pong.payload.toString()], [PONG, false, 'between']);
  assert.deepEqual(subscribed.slice(0, 2), [33, 7]);
});

test('raw: a compressed message in frames of every length, plain ones between them', async () => {
  const wire = await Wire.join();
  const topic = fresh();
  for (const size of [1, 100, 124, 125, 126, 127, 2040, 2048, 2049, 4096, 65530, 65536, 300000]) {
    const noise = randomBytes(size).toString('hex').slice(0, size);
    wire.deflated([16, size, { acknowledge: true }, topic, [noise]]);
    wire.text(JSON.stringify([16, size + 1, { acknowledge: true }, topic]));
    assert.deepEqual((await wire.message()).slice(0, 2), [17, size]);
    assert.deepEqual((await wire.message()).slice(0, 2), [17, size + 1]);
  }
});

test('raw: what is worth it is sent compressed, and refers to nothing before', async () => {
  const wire = await Wire.join();
  const topic = fresh();
  wire.deflated([32, 1, {}, topic]);
  await wire.message();
  const event = async (args) => {
    wire.deflated([16, 2, { exclude_me: false }, topic, args]);
    const raw = await wire.raw();
    assert.deepEqual(JSON.parse(raw.payload)[4], args);
    return raw;
  };
  assert.equal((await event(['short'])).rsv1, false);
  const first = await event([text(2000)]);
  const second = await event([text(2000)]);
  assert.ok(first.rsv1 && second.rsv1 && first.wire < 300 && Math.abs(first.wire - second.wire) < 20);
  assert.equal((await event([randomBytes(3000).toString('base64')])).rsv1, true);
  const long = await event([randomBytes(300000).toString('hex')]);
  assert.ok(long.rsv1 && long.wire > 131072 && long.wire < 400000, 'in several frames');
});

test('raw: a window of 10 bits: messages of more than 1024 bytes are not compressed', async () => {
  const wire = await Wire.join('permessage-deflate; server_max_window_bits=10');
  const topic = fresh();
  wire.deflated([32, 1, {}, topic]);
  await wire.message();
  for (const [size, compressed] of [[700, true], [1100, false]]) {
    wire.deflated([16, 2, { exclude_me: false }, topic, [text(size)]]);
    const raw = await wire.raw();
    assert.equal(raw.rsv1, compressed);
    assert.equal(JSON.parse(raw.payload)[4][0], text(size));
  }
});

test('an event reaches compressed and plain subscribers of all serializers, many of each', async () => {
  const json = { protocol: 'wamp.2.json' };
  const msgpack = new autobahn.serializer.MsgpackSerializer();
  const binary = { protocol: 'wamp.2.msgpack', encode: (m) => msgpack.serialize(m), decode: (d) => msgpack.unserialize(d) };
  const all = [];
  for (let i = 0; i < 5; i++) {
    for (const how of [json, binary]) for (const options of [ALWAYS, { perMessageDeflate: false }, { perMessageDeflate: { serverMaxWindowBits: 9 } }]) all.push(await session(options, how));
  }
  const topic = fresh();
  for (const s of all) assert.equal((await s.ask([32, 1, {}, topic]))[0], 33);
  for (const size of [10, 600, 5000, 300000]) {
    await sql(`SELECT fox_wamp.publish('${topic}', jsonb_build_array(repeat('event ', ${size / 5})))`);
    for (const s of all) assert.equal((await s.next())[4][0], 'event '.repeat(size / 5));
  }
});

test('batched: comes compressed, goes plain', async () => {
  const wire = await Wire.connect('permessage-deflate', 'wamp.2.json.batched');
  assert.equal(wire.extensions, ANSWER);
  const topic = fresh();
  wire.write(0x80 | RSV1 | TEXT, deflated([HELLO, [32, 1, {}, topic], [16, 2, { exclude_me: false }, topic, [text(3000)]]].map((m) => `${JSON.stringify(m)}\x1e`).join('')));
  let all = '';
  while (!all.includes('less.')) {
    const { rsv1, payload } = await wire.raw();
    assert.equal(rsv1, false);
    all += payload;
  }
  assert.deepEqual(all.slice(0, -1).split('\x1e').map((m) => JSON.parse(m)[0]), [2, 33, 36]);
});

test('over TLS', async () => {
  const ca = fs.readFileSync(path.join(env.data, 'server.crt'));
  const s = await session({ ...ALWAYS, ca }, { to: `wss://127.0.0.1:${env.tlsPort}/ws` });
  assert.match(s.ws.extensions, /permessage-deflate/);
  const topic = fresh();
  await s.ask([32, 1, {}, topic]);
  for (const size of [10, 3000, 300000]) assert.equal((await s.ask([16, 2, { exclude_me: false }, topic, [text(size)]]))[4][0], text(size));
});

test('autobahn-js and wampy as they are', async () => {
  const [a, topic] = [await join(), fresh()];
  const inbox = await listen(a, topic);
  const { Wampy } = await import('wampy');
  const wampy = new Wampy(url(), { realm: 'realm1', ws: WebSocket, maxRetries: 0 });
  open.add(() => wampy.disconnect().catch(() => {}));
  await wampy.connect();
  await wampy.publish(topic, { argsList: [text(5000)] });
  assert.equal((await inbox.next()).args[0], text(5000));
  await a.register(`${topic}.proc`, ([x]) => x + x);
  assert.equal((await wampy.call(`${topic}.proc`, [text(5000)])).argsList[0], text(5000) + text(5000));
});

test('a bomb is too long a message, and the router lives on', async () => {
  const bystander = await session(ALWAYS);
  for (const parts of [1, 3]) {
    const wire = await Wire.join();
    const bomb = deflated(`[16,1,{},"${fresh()}",["${'0'.repeat(17 << 20)}"]]`);
    assert.ok(bomb.length < 100000);
    const step = Math.ceil(bomb.length / parts);
    for (let i = 0; i < parts; i++) wire.write((i === 0 ? RSV1 | TEXT : 0) | (i === parts - 1 ? 0x80 : 0), bomb.subarray(i * step, (i + 1) * step));
    assert.equal(await wire.closeCode(), 1009);
  }
  assert.equal((await bystander.ask([32, 1, {}, fresh()]))[0], 33);
});

for (const [what, payload] of [
  ['noise', Buffer.from('ffffffffffffffff', 'hex')], ['half a message', deflated(JSON.stringify([32, 1, {}, text(500)])).subarray(0, 30)],
  ['nothing at all', ''], ['plain JSON', JSON.stringify(HELLO)], ['a reference to an earlier message', Buffer.from('cac9c907', 'hex')],
]) {
  test(`${what} as a compressed message: 1007`, async () => {
    const wire = await Wire.join();
    wire.write(0x80 | RSV1 | TEXT, payload);
    assert.equal(await wire.closeCode(), 1007);
  });
}

test('an empty message is a violation of WAMP, compressed as well', async () => {
  const wire = await Wire.join();
  wire.write(0x80 | RSV1 | TEXT, Buffer.from([0]));
  assert.equal((await wire.message())[0], 3);
  await wire.closed;
});

test('the last frame of a compressor that ends its blocks', async () => {
  const wire = await Wire.join();
  wire.write(0x80 | RSV1 | TEXT, Buffer.concat([zlib.deflateRawSync(JSON.stringify([32, 1, {}, fresh()])), Buffer.from([0])]));
  assert.equal((await wire.message())[0], 33);
});

for (const [what, frames] of [
  ['a continuation', [[TEXT, '[32,1,{}'], [0x80 | RSV1 | CONTINUATION, ',"a.b"]']]],
  ['a continuation of a compressed message', [[RSV1 | TEXT, 'x'], [0x80 | RSV1 | CONTINUATION, 'x']]],
  ['an empty continuation', [[TEXT, '[32,1,{}'], [RSV1 | CONTINUATION, '']]],
  ['a Ping', [[0x80 | RSV1 | PING, 'ping']]],
  ['an empty Ping', [[0x80 | RSV1 | PING, '']]],
  ['a Pong', [[0x80 | RSV1 | PONG, 'pong']]],
  ['a Close', [[0x80 | RSV1 | CLOSE, Buffer.from([3, 232])]]],
]) {
  test(`RSV1 on ${what}: 1002`, async () => {
    const wire = await Wire.join();
    for (const [first, payload] of frames) wire.write(first, payload);
    assert.equal(await wire.closeCode(), 1002);
  });
}

test('RSV2 and RSV3 mean nothing: 1002', async () => {
  for (const bits of [0x20, 0x10, 0x60]) {
    const wire = await Wire.join();
    wire.write(0x80 | bits | TEXT, JSON.stringify([32, 1, {}, fresh()]));
    assert.equal(await wire.closeCode(), 1002);
  }
});

test('pings and compressed messages in one write are no violation', async () => {
  const wire = await Wire.join();
  const topic = fresh();
  const parts = [];
  for (let i = 0; i < 200; i++) parts.push(Wire.frame(0x80 | PING, 'ping'), Wire.frame(0x80 | RSV1 | TEXT, deflated(JSON.stringify([16, i + 1, { acknowledge: true }, topic, [text(i * 10)]]))));
  const all = Buffer.concat(parts);
  for (let at = 0; at < all.length; at += 37) wire.socket.write(all.subarray(at, at + 37));
  for (let i = 0; i < 200;) {
    const { opcode, payload } = await wire.raw();
    if (opcode === PONG) continue;
    assert.deepEqual(JSON.parse(payload).slice(0, 2), [17, ++i]);
  }
});
