'use strict';
// WAMP RawSocket by raw bytes, on the port of the WebSockets and on a unix socket.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { start, stop, sql, join, fresh, until, env } = require('./lib');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const MESSAGE = 0;
const PING = 1;
const PONG = 2;
const LONGEST = 1 << 24;
const sockets = new Set();

before(start);
after(() => {
  for (const socket of sockets) socket.destroy();
  stop();
});

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
    const stream = new Stream();
    const socket = net.connect(where);
    stream.socket = socket;
    sockets.add(socket);
    stream.chunks = [];
    stream.length = 0;
    socket.setNoDelay(true);
    socket.on('data', (data) => { stream.chunks.push(data); stream.length += data.length; stream.wake?.(); });
    stream.closed = new Promise((resolve) => { socket.on('close', () => { stream.ended = true; stream.wake?.(); resolve(); }); });
    await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('error', reject); });
    socket.removeAllListeners('error').on('error', () => {});
    return stream;
  }

  /** The handshake with a serializer and a LENGTH; the stream after it, its joined session. */
  static async join(where, length = 15) {
    const stream = await Stream.connect(where);
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

for (const [what, octets, reply] of [
  ['serializer 0', [0x7f, 0xf0, 0, 0], '7f100000'],
  ['a serializer that does not exist', [0x7f, 0xff, 0, 0], '7f100000'],
  ['a reserved octet, the third', [0x7f, 0xf1, 1, 0], '7f300000'],
  ['a reserved octet, the fourth', [0x7f, 0xf1, 0, 1], '7f300000'],
  ['another first octet', [0x7e, 0xf1, 0, 0], ''],
]) {
  test(`a handshake with ${what} is refused`, async () => {
    const stream = await Stream.connect();
    stream.socket.write(Buffer.from(octets));
    assert.equal((await stream.rest()).toString('hex'), reply);
  });
}

test('a handshake octet by octet; the reply names serializer and longest message', async () => {
  const stream = await Stream.connect();
  for (const octet of [0x7f, 0xf1, 0, 0]) {
    await new Promise((resolve) => { stream.socket.write(Buffer.from([octet]), resolve); });
    await new Promise(setImmediate);
  }
  assert.equal((await stream.take(4)).toString('hex'), '7ff10000');
});

test('handshake, HELLO and SUBSCRIBE in one piece', async () => {
  const stream = await Stream.connect();
  stream.socket.write(Buffer.concat([Buffer.from([0x7f, 0xf1, 0, 0]),
    wamp([1, 'realm1', { roles: ROLES }]), wamp([32, 1, {}, fresh()])]));
  await stream.take(4);
  assert.equal((await stream.message())[0], 2);
  assert.deepEqual((await stream.message()).slice(0, 2), [33, 1]);
});

test('frames in pieces of every size', async () => {
  const stream = await Stream.join();
  const topic = fresh();
  stream.send([32, 1, {}, topic]);
  await stream.message();
  const frames = Buffer.concat([wamp([16, 2, { exclude_me: false, acknowledge: true }, topic, ['a']]),
    frame(PING, 'mid'), wamp([16, 3, { exclude_me: false }, topic, ['b'.repeat(100)]])]);
  for (const size of [1, 2, 3, 5, 64, 130, 1000]) {
    for (let i = 0; i < frames.length; i += size) {
      stream.socket.write(frames.subarray(i, i + size));
      if (size < 4) await new Promise(setImmediate);
    }
    const seen = [];
    for (let i = 0; i < 4; i++) {
      const { type, payload } = await stream.frame();
      seen.push(type === PONG ? `pong ${payload}` : JSON.parse(payload)[0] === 17 ? 'published' : JSON.parse(payload)[4][0]);
    }
    assert.deepEqual(seen.sort(), ['a', 'b'.repeat(100), 'pong mid', 'published']);
  }
});

test('WebSocket and RawSocket clients hear each other; sessions name the protocol', async () => {
  const stream = await Stream.join();
  const other = await join();
  const topic = fresh();
  assert.notEqual(await sql(`SELECT count(*) FROM fox_wamp.session WHERE protocol = 'wamp.2.json' AND peer = '127.0.0.1:${stream.socket.localPort}'`), '0');
  stream.send([32, 1, {}, topic]);
  await stream.message();
  await other.publish(topic, ['from WebSocket'], { k: 1 }, { acknowledge: true });
  assert.deepEqual((await stream.message()).slice(4), [['from WebSocket'], { k: 1 }]);
  stream.send([64, 2, {}, `${topic}.proc`]);
  assert.deepEqual((await stream.message()).slice(0, 2), [65, 2]);
  const answer = other.call(`${topic}.proc`, [20]);
  const invocation = await stream.message();
  stream.send([70, invocation[1], {}, [invocation[4][0] + 1]]);
  assert.equal(await answer, 21);
  other.leaveNow();
});

test('every PING is answered by one PONG with its payload', async () => {
  const stream = await Stream.join();
  const payloads = ['', 'x', 'p'.repeat(300000)];
  stream.socket.write(Buffer.concat(payloads.map((p) => frame(PING, p))));
  for (const payload of payloads) {
    assert.deepEqual(await stream.frame(), { type: PONG, payload: Buffer.from(payload) });
  }
  stream.socket.write(frame(PONG, 'nobody asked'));
  stream.send([32, 1, {}, fresh()]);
  assert.equal((await stream.message())[0], 33);
});

for (const [what, octets] of [
  ['type 3', [0x03, 0, 0, 2]],
  ['type 7', [0x07, 0, 0, 2]],
  ['a reserved bit', [0x10, 0, 0, 2]],
  ['the length bit and a length', [0x08, 0, 0, 2]],
]) {
  test(`a frame with ${what} ends the connection`, async () => {
    const stream = await Stream.join();
    stream.socket.write(Buffer.concat([Buffer.from(octets), Buffer.from('[]'), wamp([32, 1, {}, fresh()])]));
    assert.equal((await stream.rest()).length, 0);
  });
}

test('a violation is answered by ABORT, then the stream ends', async () => {
  const stream = await Stream.join();
  stream.send([1, 'realm1', { roles: ROLES }]);
  const abort = await stream.message();
  assert.deepEqual([abort[0], abort[2]], [3, 'wamp.error.protocol_violation']);
  await stream.closed;
});

test('a message of exactly 2^24 octets passes, both ways', async () => {
  const publisher = await Stream.join();
  const reader = await Stream.join();
  const topic = fresh();
  reader.send([32, 1, {}, topic]);
  const subscription = (await reader.message())[2];
  // The PUBLISH is shorter than its EVENT, whose length depends on the ids: the EVENT is made exact.
  const publish = (fill) => Buffer.from(`[16,1,{},"${topic}",["${'y'.repeat(fill)}"]]`);
  const framed = (bytes) => Buffer.concat([header(MESSAGE, bytes.length), bytes]);
  publisher.socket.write(framed(publish(0)));
  const empty = (await reader.frame()).payload.length;
  publisher.socket.write(framed(publish(LONGEST - empty)));
  const { payload } = await reader.frame();
  assert.ok(payload.length <= LONGEST && payload.length > LONGEST - 20);
  assert.equal(JSON.parse(payload)[1], subscription);
  // The same for what comes in.
  const longest = publish(LONGEST - publish(0).length);
  assert.equal(longest.length, LONGEST);
  publisher.socket.write(framed(longest));
  publisher.send([32, 2, {}, topic]);
  assert.equal((await publisher.message())[0], 33);
});

test('a message longer than announced ends the connection before it has come', async () => {
  await sql("LOAD 'fox_wamp'", "ALTER SYSTEM SET fox_wamp.max_message_size = '64kB'", 'SELECT pg_reload_conf()');
  try {
    let stream;
    await until(async () => {
      stream = await Stream.join();
      return stream.reply.toString('hex') === '7f710000';
    });
    stream.send([32, 1, {}, `t.${'x'.repeat(200)}`]);
    assert.equal((await stream.message())[0], 33);
    stream.socket.write(header(MESSAGE, 65537));
    await stream.closed;
  } finally {
    await sql("LOAD 'fox_wamp'", 'ALTER SYSTEM RESET fox_wamp.max_message_size', 'SELECT pg_reload_conf()');
    await until(async () => (await Stream.join()).reply.toString('hex') === '7ff10000');
  }
});

const counter = async (name) => Number(await sql(`SELECT value FROM fox_wamp.stat_router WHERE name = '${name}'`));

test('an event longer than its reader takes is left out and counted, the others come', async () => {
  const stream = await Stream.join(undefined, 2);
  const other = await join();
  const topic = fresh();
  const before = await counter('messages_too_large_for_peer');
  stream.send([32, 1, {}, topic]);
  await stream.message();
  await other.publish(topic, ['x'.repeat(3000)], {}, { acknowledge: true });
  await other.publish(topic, ['short'], {}, { acknowledge: true });
  assert.deepEqual((await stream.message())[4], ['short']);
  assert.equal(await counter('messages_too_large_for_peer'), before + 1);
  other.leaveNow();
});

test('an answer longer than its reader takes ends the connection: it would be waited for', async () => {
  const stream = await Stream.join(undefined, 2);
  const other = await join();
  const procedure = fresh();
  await other.register(procedure, () => 'x'.repeat(3000));
  stream.send([48, 1, {}, procedure]);
  assert.equal((await stream.rest()).length, 0);
  other.leaveNow();
});

test('the end of the stream frees what the session had', async () => {
  const stream = await Stream.join();
  const procedure = fresh();
  stream.send([64, 1, {}, procedure]);
  assert.equal((await stream.message())[0], 65);
  stream.socket.resetAndDestroy();
  const other = await join();
  await until(() => other.register(procedure, () => 1).then(() => true, () => false));
  other.leaveNow();
});

test('a unix socket: for the server alone, a stale file replaced, removed at the end', async () => {
  const { spawnSync } = require('node:child_process');
  const cluster = path.join(__dirname, '..', 'cluster');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-unix.'));
  const file = path.join(dir, 's');
  fs.chmodSync(dir, 0o777);
  // A socket whose process is no more.
  spawnSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`]);
  assert.ok(fs.statSync(file).isSocket());
  try {
    fs.chmodSync(file, 0o777); // this test may run as root, the server does not
    const child = spawnSync(cluster, ['start', path.join(dir, 'c')],
      { encoding: 'utf8', env: { ...process.env, FOX_PORT: '', FOX_CONF: `fox_wamp.unix_socket = '${file}'` } });
    assert.equal(child.status, 0, child.stderr);
    assert.equal(fs.statSync(file).mode & 0o777, 0o700);
    const stream = await Stream.join({ path: file });
    const topic = fresh();
    stream.send([32, 1, {}, topic]);
    assert.equal((await stream.message())[0], 33);
    const psql = /^PSQL=(.*)$/m.exec(child.stdout)[1];
    const peer = spawnSync(psql, ['-Atc', 'SELECT peer FROM fox_wamp.session'], { encoding: 'utf8' }).stdout.trim();
    assert.equal(peer, `unix:${process.pid}`);
    spawnSync(psql, ['-c', 'SELECT fox_wamp.stop()']);
    await stream.closed;
    await until(() => !fs.existsSync(file));
  } finally {
    spawnSync(cluster, ['remove', path.join(dir, 'c')]);
    fs.rmSync(dir, { recursive: true, force: true });
  }
});
