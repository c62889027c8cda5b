'use strict';
// JSON, MessagePack and CBOR sessions beside each other: what was sent arrives.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, listen, fresh, refusal, sql, autobahn, WebSocket, url } = require('./lib');

before(start);
after(stop);

const serializers = {
  json: () => new autobahn.serializer.JSONSerializer(),
  msgpack: () => new autobahn.serializer.MsgpackSerializer(),
  cbor: () => new autobahn.serializer.CBORSerializer(),
};
const joinAs = (name) => join({ serializers: [serializers[name]()] });
const keep = { acknowledge: true, retain: true };

const values = [
  0, 1, -1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, -32768, -32769, 2 ** 53 - 1, -(2 ** 53) + 1,
  1.5, -0.25, 1e100, 1e-7, true, false, null, '', 'text', 'ünïcödé €', '\u{1F98A}', 'a"b\\c\n\u0001',
  [], {}, [[[[[]]]]], { a: { b: { c: [1, 'x', null] } } }, 'x'.repeat(40), 'y'.repeat(70000), Array.from({ length: 70 }, (_, i) => i),
  Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key${i}`, i])),
];

for (const from of Object.keys(serializers)) {
  for (const to of Object.keys(serializers)) {
    test(`${from} to ${to}: events, calls, results, errors`, async () => {
      const [a, b] = [await joinAs(from), await joinAs(to)];
      const topic = fresh();
      const inbox = await listen(b, topic);
      await a.publish(topic, values, { named: values, 'ключ': 1 }, { acknowledge: true });
      const event = await inbox.next();
      assert.deepEqual(event.args, values);
      assert.deepEqual(event.kwargs, { named: values, 'ключ': 1 });
      await a.publish(topic, [], {}, { acknowledge: true });
      assert.deepEqual((await inbox.next()).args, []);

      const procedure = fresh('p');
      await b.register(procedure, (args, kwargs) => new autobahn.Result(args, kwargs));
      const result = await a.call(procedure, values, { named: values });
      assert.deepEqual([result.args, result.kwargs], [values, { named: values }]);
      const failing = fresh('p');
      await b.register(failing, (args) => { throw new autobahn.Error('com.example.bad', args, { why: 'so' }); });
      const error = await refusal(a.call(failing, values));
      assert.deepEqual([error.error, error.args, error.kwargs], ['com.example.bad', values, { why: 'so' }]);
    });
  }

  test(`${from}: stored values, filters and conditions see the same as JSON`, async () => {
    const [a, b] = [await joinAs(from), await joinAs('json')];
    const topic = fresh();
    const inbox = await listen(b, topic, { filter: { type: 'x', n: { $gt: 2 } } });
    await a.publish(topic, [{ type: 'x', n: 1 }], {}, { acknowledge: true });
    await a.publish(topic, [{ type: 'x', n: 3, deep: [1.5, { a: null }] }], {}, keep);
    assert.deepEqual((await inbox.next()).args, [{ type: 'x', n: 3, deep: [1.5, { a: null }] }]);
    assert.equal(await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${topic}'`), '[{"n": 3, "deep": [1.5, {"a": null}], "type": "x"}]');
    assert.equal((await refusal(a.publish(topic, [{}], {}, { ...keep, when: { n: 4 } }))).error, 'wamp.error.invalid_payload');
    await a.publish(topic, [{ n: 9 }], {}, { ...keep, when: { n: 3 } });
    const own = await listen(a, topic, { retained: true });
    const event = await own.next();
    assert.deepEqual([event.args, event.retained], [[{ n: 9 }], true]);
  });
}

test('binary values: bytes in MessagePack and CBOR, "\\u0000" and base64 in JSON', async () => {
  const sessions = { json: await joinAs('json'), msgpack: await joinAs('msgpack'), cbor: await joinAs('cbor') };
  const bytes = Buffer.from([0, 1, 2, 250, 251, 252, 253, 254, 255]);
  const inJson = `\u0000${bytes.toString('base64')}`;
  for (const from of Object.keys(sessions)) {
    const topic = fresh();
    const inboxes = {};
    for (const to of Object.keys(sessions)) inboxes[to] = await listen(sessions[to], topic);
    await sessions[from].publish(topic, [from === 'json' ? inJson : bytes], {}, { acknowledge: true, exclude_me: false });
    for (const to of Object.keys(sessions)) {
      const [value] = (await inboxes[to].next()).args;
      if (to === 'json') assert.equal(value, inJson, `${from} to ${to}`);
      else assert.deepEqual(Buffer.from(value), bytes, `${from} to ${to}`);
    }
  }
});

/** A connection by hand; resolves with the ABORT that the bytes bring, decoded. */
function aborted(subprotocol, bytes, decode, binary = true) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url(), [subprotocol]);
    ws.on('open', () => ws.send(bytes, { binary }));
    ws.on('message', (data) => resolve(decode(data)));
    ws.on('error', reject);
    ws.on('close', (code) => reject(new Error(`closed ${code}`)));
  });
}

for (const name of ['msgpack', 'cbor']) {
  const serializer = serializers[name]();
  const decode = (data) => serializer.unserialize(data);
  const pack = async (message) => Buffer.from(await serializer.serialize(message));
  test(`${name}: what is malformed ends in ABORT`, async () => {
    const bad = [
      ['nothing', Buffer.alloc(0)],
      ['no array', await pack({ a: 1 })],
      ['cut off', (await pack([1, 'realm1', { roles: { caller: {} } }])).subarray(0, 12)],
      ['trailing bytes', Buffer.concat([await pack([1, 'realm1', { roles: { caller: {} } }]), Buffer.from([0])])],
      ['a length bomb', Buffer.from(name === 'cbor' ? [0x9a, 0xff, 0xff, 0xff, 0xff] : [0xdd, 0xff, 0xff, 0xff, 0xff])],
      ['depth', Buffer.concat([Buffer.alloc(100000, name === 'cbor' ? 0x81 : 0x91), Buffer.from([1])])],
      ['invalid UTF-8', Buffer.from(name === 'cbor' ? [0x83, 1, 0x62, 0xc3, 0x28, 0xa0] : [0x93, 1, 0xa2, 0xc3, 0x28, 0x80])],
    ];
    for (const [what, bytes] of bad) {
      const message = await aborted(`wamp.2.${name}`, bytes, decode);
      assert.deepEqual([message[0], message[2]], [3, 'wamp.error.protocol_violation'], what);
    }
    const text = await aborted(`wamp.2.${name}`, '[1,"realm1",{"roles":{"caller":{}}}]', decode, false);
    assert.deepEqual([text[0], text[2]], [3, 'wamp.error.protocol_violation']);
  });
}

test('64-bit integers pass exactly between sessions of one serializer and of two', async () => {
  const topic = fresh();
  const b = await joinAs('cbor');
  const inbox = await listen(b, topic);
  // By hand: CBOR in which 2^64-1 and -2^63 are eight-byte integers; JavaScript's numbers cannot say them.
  const head = Buffer.concat([Buffer.from([0x85, 0x10, 0x01, 0xa0, 0x78, topic.length]), Buffer.from(topic)]);
  const args = Buffer.from('821bffffffffffffffff3b7fffffffffffffff', 'hex');
  const ws = new WebSocket(url(), ['wamp.2.cbor']);
  await new Promise((resolve) => { ws.on('open', resolve); });
  ws.send(Buffer.from(await serializers.cbor().serialize([1, 'realm1', { roles: { publisher: {} } }])));
  await new Promise((resolve) => { ws.once('message', resolve); });
  const raw = new WebSocket(url(), ['wamp.2.cbor']);
  await new Promise((resolve) => { raw.on('open', resolve); });
  raw.send(Buffer.from(await serializers.cbor().serialize([1, 'realm1', { roles: { subscriber: {} } }])));
  await new Promise((resolve) => { raw.once('message', resolve); });
  raw.send(Buffer.from(await serializers.cbor().serialize([32, 1, {}, topic])));
  await new Promise((resolve) => { raw.once('message', resolve); });
  const text = new WebSocket(url(), ['wamp.2.json']);
  await new Promise((resolve) => { text.on('open', resolve); });
  text.send('[1,"realm1",{"roles":{"subscriber":{}}}]');
  await new Promise((resolve) => { text.once('message', resolve); });
  text.send(`[32,1,{},"${topic}"]`);
  await new Promise((resolve) => { text.once('message', resolve); });
  const [bytes, json] = [new Promise((resolve) => { raw.once('message', resolve); }), new Promise((resolve) => { text.once('message', resolve); })];
  ws.send(Buffer.concat([head, args]));
  assert.ok((await bytes).includes(args));
  assert.match(String(await json), /\[18446744073709551615,-9223372036854775808\]\]$/);
  await inbox.next();
  for (const one of [ws, raw, text]) one.terminate();
});
