'use strict';
// WAMP RawSocket on the port of the WebSockets, by raw bytes.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, fresh, until } = require('./lib');
const { ROLES, MESSAGE, PING, PONG, LONGEST, header, frame, wamp, Stream, closeAll } = require('./stream');

before(start);
after(() => {
  closeAll();
  stop();
});

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
  const short = (await reader.frame()).payload;
  // Publications have up to 16 digits, and not all as many.
  const empty = short.length + 16 - String(JSON.parse(short)[2]).length;
  publisher.socket.write(framed(publish(LONGEST - empty)));
  let event;
  do event = await reader.frame(); while (event.type === PING);
  const { payload } = event;
  assert.ok(payload.length <= LONGEST && payload.length > LONGEST - 20);
  assert.equal(JSON.parse(payload)[1], subscription);
  // The same for what comes in.
  const longest = publish(LONGEST - publish(0).length);
  assert.equal(longest.length, LONGEST);
  publisher.socket.write(framed(longest));
  publisher.send([32, 2, {}, topic]);
  assert.equal((await publisher.message())[0], 33);
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

test('the session says by what transport it came', async () => {
  const [stream, session] = [await Stream.join(), await join()];
  stream.send([48, 1, {}, 'wamp.session.list']);
  const [, , , [ids]] = await stream.message();
  const of = async (id) => (await session.call('wamp.session.get', [id])).transport.type;
  const types = await Promise.all(ids.map((id) => of(id).catch(() => 'gone')));
  assert.ok(types.includes('rawsocket'));
  assert.equal(await of(session.id), 'websocket');
  assert.equal(await sql(`SELECT transport FROM fox_wamp.session WHERE id = ${session.id}`), 'websocket');
});
