'use strict';
// What WebSockets offer beside wamp.2.json.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, fresh, url, Inbox, WebSocket } = require('./lib');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const open = new Set();

before(start);
after(() => {
  for (const ws of open) ws.terminate();
  stop();
});

function connect(protocol, options = {}) {
  const ws = new WebSocket(url(), [protocol], options);
  open.add(ws);
  ws.inbox = new Inbox();
  ws.on('message', (data) => ws.inbox.put(data));
  ws.closed = new Promise((resolve) => { ws.on('close', (code) => resolve(code)); });
  return new Promise((resolve, reject) => { ws.on('open', () => resolve(ws)); ws.on('error', reject); });
}

const batch = (messages, separator = '\x1e') => messages.map((m) => JSON.stringify(m) + separator).join('');

/** The messages of n or more, whatever batches they came in. */
async function take(ws, n) {
  const messages = [];
  while (messages.length < n) {
    const text = (await ws.inbox.next()).toString();
    assert.ok(text.endsWith('\x1e'), 'every message is followed by a separator');
    messages.push(...text.slice(0, -1).split('\x1e').map((m) => JSON.parse(m)));
  }
  return messages;
}

for (const separator of ['\x1e', '\x18']) {
  test(`wamp.2.json.batched, separator ${separator.charCodeAt(0)}: requests of one message are answered in order`, async () => {
    const ws = await connect('wamp.2.json.batched');
    assert.equal(ws.protocol, 'wamp.2.json.batched');
    const topic = fresh();
    ws.send(batch([[1, 'realm1', { roles: ROLES }], [32, 1, {}, `${topic}.1`], [32, 2, {}, `${topic}.2`], [32, 3, {}, `${topic}.3`]], separator));
    const messages = await take(ws, 4);
    assert.deepEqual(messages.map((m) => m[0]), [2, 33, 33, 33]);
    assert.deepEqual(messages.slice(1).map((m) => m[1]), [1, 2, 3]);
  });
}

test('wamp.2.json.batched: many events share a message, a long one comes whole', async () => {
  const ws = await connect('wamp.2.json.batched');
  const topic = fresh();
  ws.send(batch([[1, 'realm1', { roles: ROLES }], [32, 1, {}, topic]]));
  await take(ws, 2);
  const publishes = [];
  for (let i = 0; i < 500; i++) publishes.push([16, i + 2, { exclude_me: false }, topic, [i]]);
  publishes.push([16, 502, { exclude_me: false }, topic, ['long'.repeat(100000)]]);
  publishes.push([16, 503, { exclude_me: false }, topic, ['last']]);
  ws.send(batch(publishes));
  const seen = [];
  let frames = 0;
  while (seen.length < 502) {
    seen.push(...await take(ws, 1));
    frames++;
  }
  assert.ok(frames < 100, `${frames} messages of the WebSocket`);
  assert.deepEqual(seen.slice(0, 500).map((m) => m[4][0]), [...Array(500).keys()]);
  assert.equal(seen[500][4][0].length, 400000);
  assert.equal(seen[501][4][0], 'last');
});

test('a malformed batch ends the connection', async () => {
  for (const bytes of ['', '[1,"realm1",{"roles":{"caller":{}}}]']) {
    const ws = await connect('wamp.2.json.batched');
    ws.send(bytes);
    assert.equal(await ws.closed, 1002);
  }
  const ws = await connect('wamp.2.cbor.batched');
  ws.send(Buffer.from([0, 0, 0, 9, 1]));
  assert.equal(await ws.closed, 1002);
});

test('a subprotocol that is not offered is refused', async () => {
  for (const protocol of ['wamp.2.xml', 'rawsocket', 'http']) {
    await assert.rejects(connect(protocol), protocol);
  }
});
