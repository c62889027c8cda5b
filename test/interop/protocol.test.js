'use strict';
// Violations of the protocol, by hand: an ABORT that says why, then the close.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, Raw, fresh, WebSocket, url, join } = require('./lib');

before(start);
after(stop);

const HELLO = [1, 'realm1', { roles: { publisher: {}, subscriber: {}, caller: {}, callee: {} } }];

async function aborted(raw, reason = 'wamp.error.protocol_violation') {
  const abort = await raw.next();
  assert.equal(abort[0], 3, JSON.stringify(abort));
  assert.equal(typeof abort[1], 'object');
  assert.equal(abort[2], reason);
  await raw.closed;
}

test('WELCOME has a session id and the roles', async () => {
  const raw = await Raw.connect();
  raw.send(HELLO);
  const [type, id, details] = await raw.next();
  assert.equal(type, 2);
  assert.ok(Number.isSafeInteger(id) && id >= 1);
  assert.ok(details.roles.broker && details.roles.dealer);
});

test('an unknown realm', async () => {
  const raw = await Raw.connect();
  raw.send([1, 'no.such.realm', HELLO[2]]);
  await aborted(raw, 'wamp.error.no_such_realm');
});

const first = {
  'a message before HELLO': [32, 1, {}, 'a.b'],
  'no list': { hello: 1 },
  'an empty list': [],
  'an unknown message type': [99, 1],
  'a type that is no number': ['HELLO', 'realm1', {}],
  'a HELLO that is too short': [1],
  'a realm that is no string': [1, 42, {}],
  'details that are no object': [1, 'realm1', []],
  'broken JSON': '[1,"realm1",{',
  'trailing bytes': '[1,"realm1",{}] x',
};
for (const [name, message] of Object.entries(first)) {
  test(`before a session: ${name}`, async () => {
    const raw = await Raw.connect();
    raw.send(message);
    await aborted(raw);
  });
}

const later = {
  'a second HELLO': HELLO,
  'a WELCOME from the client': [2, 1, {}],
  'an EVENT from the client': [36, 1, 1, {}],
  'PUBLISH with too few members': [16, 1, {}],
  'PUBLISH with a topic that is no string': [16, 1, {}, 5],
  'PUBLISH with args that are no list': [16, 1, {}, 'a.b', {}],
  'PUBLISH with kwargs that are no object': [16, 1, {}, 'a.b', [], []],
  'CALL with options that are no object': [48, 1, 3, 'a.b'],
  'a request id of 0': [32, 0, {}, 'a.b'],
  'a request id that is no integer': [32, 1.5, {}, 'a.b'],
  'a request id above 2^53': '[32,9007199254740993,{},"a.b"]',
  'a YIELD that nobody asked for is not fatal to others; broken JSON is': '[70,',
  'binary on a text protocol': Buffer.from('[32,1,{},"a.b"]'),
};
for (const [name, message] of Object.entries(later)) {
  test(`in a session: ${name}`, async () => {
    const raw = await Raw.join();
    raw.send(message);
    await aborted(raw);
  });
}

test('the neighbours of a violator notice nothing', async () => {
  const good = await Raw.join();
  const bad = await Raw.join();
  bad.send('[');
  await aborted(bad);
  assert.equal((await good.ask([32, 1, {}, fresh()]))[0], 33);
});

test('GOODBYE is answered', async () => {
  const raw = await Raw.join();
  raw.send([6, {}, 'wamp.close.close_realm']);
  const answer = await raw.next();
  assert.deepEqual([answer[0], answer[2]], [6, 'wamp.close.goodbye_and_out']);
});

test('an unknown subscription or registration is an error, no violation', async () => {
  const raw = await Raw.join();
  assert.equal((await raw.ask([34, 1, 4711]))[4], 'wamp.error.no_such_subscription');
  assert.equal((await raw.ask([66, 2, 4711]))[4], 'wamp.error.no_such_registration');
});

test('a subprotocol that nobody speaks is refused', async () => {
  await assert.rejects(async () => {
    const raw = await Raw.connect(['soap.12']);
    raw.send(HELLO);
    await raw.next(2000);
  });
});

test('a page of another origin may not log in on loopback', async () => {
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1.evil.example']) {
    await assert.rejects(async () => {
      const raw = await Raw.connect(['wamp.2.json'], { origin });
      raw.send(HELLO);
      const answer = await raw.next();
      if (answer[0] === 3) throw new Error(answer[2]);
    }, undefined, origin);
  }
  const raw = await Raw.connect(['wamp.2.json'], { origin: 'http://localhost:3000' });
  raw.send(HELLO);
  assert.equal((await raw.next())[0], 2);
});

test('a forwarded request is not loopback', async () => {
  const raw = await Raw.connect(['wamp.2.json'], { headers: { 'X-Forwarded-For': '192.0.2.1' } });
  raw.send(HELLO);
  assert.equal((await raw.next())[0], 3);
});

test('a frame without a mask ends the connection, among the first and behind masked ones', async () => {
  for (const before of [0, 1, 4]) {
    const raw = await Raw.connect();
    if (before > 0) {
      raw.send(HELLO);
      await raw.next();
    }
    for (let i = 1; i < before; i++) await raw.ask([32, i, {}, fresh()]);
    raw.ws.send(JSON.stringify(before > 0 ? [32, 9, {}, fresh()] : HELLO), { mask: false });
    assert.equal(await raw.closed, 1002);
  }
});

test('masked frames of every length, many in one write, are taken', async () => {
  for (let n = 0; n < 150; n++) {
    const raw = await Raw.connect();
    raw.send(HELLO);
    await raw.next();
    raw.ws._socket.cork();
    for (let i = 1; i <= 9; i++) raw.send([16, i, {}, 'a.b', ['x'.repeat(n * (i % 3) * 3)]]);
    raw.ws._socket.uncork();
    assert.equal((await raw.ask([32, 10, {}, fresh()]))[0], 33);
    raw.ws.terminate();
  }
});

test('garbage instead of HTTP does not hurt', async () => {
  const net = require('node:net');
  for (const bytes of ['\0\0\0\0', 'GET\r\n\r\n', `GET /ws HTTP/1.1\r\n${'x'.repeat(20000)}`, '\x16\x03\x01\x02\x00']) {
    const socket = net.connect(new URL(url()).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes, 'latin1');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    socket.destroy();
  }
  (await join()).leaveNow();
  const half = new WebSocket(url(), 'wamp.2.json');
  half.on('error', () => {});
  half.terminate();
  (await join()).leaveNow();
});
