'use strict';
// mqtt_malformed.test.js - packets that no client may send, byte by byte: 5.0 is told the reason, then the connection ends.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, withSettings } = require('./lib');
const { MqttClient, unique, str, packet } = require('./mqtt_client');

before(start);
after(stop);

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;
const id = [0, 7];

// What a joined client of 5.0 sends, and the reason code of the DISCONNECT.
const FIVE = [
  ['a type that is reserved', packet(0x00), MALFORMED],
  ['flags of PUBACK', packet(0x41, id), MALFORMED],
  ['flags of SUBSCRIBE', packet(0x80, id, 0, str('a'), 0), MALFORMED],
  ['flags of UNSUBSCRIBE', packet(0xa0, id, 0, str('a')), MALFORMED],
  ['flags of PUBREL', packet(0x60, id), MALFORMED],
  ['flags of PINGREQ', packet(0xc1), MALFORMED],
  ['flags of DISCONNECT', packet(0xe1), MALFORMED],
  ['a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), MALFORMED],
  ['a body of PINGREQ', packet(0xc0, 0), MALFORMED],
  ['QoS 3', packet(0x36, str('a'), id, 0), MALFORMED],
  ['DUP with QoS 0', packet(0x38, str('a'), 0), MALFORMED],
  ['packet identifier 0 of PUBLISH', packet(0x32, str('a'), [0, 0], 0), [MALFORMED, PROTOCOL_ERROR]],
  ['packet identifier 0 of SUBSCRIBE', packet(0x82, [0, 0], 0, str('a'), 0), [MALFORMED, PROTOCOL_ERROR]],
  ['packet identifier 0 of PUBACK', packet(0x40, [0, 0]), [MALFORMED, PROTOCOL_ERROR]],
  ['half a packet identifier', packet(0x40, 0), MALFORMED],
  ['a topic that is longer than the packet', packet(0x30, [0, 9], 'a'), MALFORMED],
  ['a topic that is not UTF-8', packet(0x30, [0, 2, 0xc3, 0x28], 0), MALFORMED],
  ['a topic with U+0000', packet(0x30, [0, 1, 0], 0), MALFORMED],
  ['a surrogate in a topic', packet(0x30, [0, 3, 0xed, 0xa0, 0x80], 0), MALFORMED],
  ['a wildcard in a topic', packet(0x30, str('a/+'), 0), 0x90],
  ['another wildcard in a topic', packet(0x30, str('#'), 0), 0x90],
  ['no topic and no alias', packet(0x30, str(''), 0), [PROTOCOL_ERROR, 0x90]],
  ['alias 0', packet(0x30, str('a'), 3, 35, [0, 0]), [0x94, PROTOCOL_ERROR]],
  ['an alias larger than announced', packet(0x30, str('a'), 3, 35, [0xff, 0xff]), 0x94],
  ['an alias that stands for nothing', packet(0x30, str(''), 3, 35, [0, 9]), PROTOCOL_ERROR],
  ['a property that does not exist', packet(0x30, str('a'), 2, 0x7f, 0), MALFORMED],
  ['a property of another packet', packet(0x30, str('a'), 5, 17, [0, 0, 0, 1]), [MALFORMED, PROTOCOL_ERROR]],
  ['a property twice', packet(0x30, str('a'), 4, [1, 0, 1, 0]), PROTOCOL_ERROR],
  ['a payload format that is neither', packet(0x30, str('a'), 2, [1, 2]), [PROTOCOL_ERROR, MALFORMED]],
  ['properties that are longer than the packet', packet(0x30, str('a'), 9, 1), MALFORMED],
  ['a property that is cut off', packet(0x30, str('a'), 2, 2, 0), MALFORMED],
  ['a wildcard in a response topic', packet(0x30, str('a'), 4, 8, str('#')), [PROTOCOL_ERROR, 0x90, MALFORMED]],
  ['SUBSCRIBE without filters', packet(0x82, id, 0), PROTOCOL_ERROR],
  ['UNSUBSCRIBE without filters', packet(0xa2, id, 0), PROTOCOL_ERROR],
  ['subscription options with reserved bits', packet(0x82, id, 0, str('a'), 0xc0), [MALFORMED, PROTOCOL_ERROR]],
  ['subscription options with QoS 3', packet(0x82, id, 0, str('a'), 3), [MALFORMED, PROTOCOL_ERROR]],
  ['retain handling 3', packet(0x82, id, 0, str('a'), 0x30), [PROTOCOL_ERROR, MALFORMED]],
  ['a filter without options', packet(0x82, id, 0, str('a')), MALFORMED],
  ['subscription identifier 0', packet(0x82, id, 2, [11, 0], str('a'), 0), PROTOCOL_ERROR],
  ['no local of a shared subscription', packet(0x82, id, 0, str('$share/g/a'), 4), PROTOCOL_ERROR],
  ['a second CONNECT', packet(0x10, str('MQTT'), 5, 2, [0, 0], 0, str('x')), PROTOCOL_ERROR],
  ['AUTH without a method', packet(0xf0), PROTOCOL_ERROR],
  ['a reason code of DISCONNECT that does not exist', packet(0xe0, 0x55), [MALFORMED, PROTOCOL_ERROR]],
  ['a reason code of PUBACK that does not exist', packet(0x40, id, 0x55), [MALFORMED, PROTOCOL_ERROR]],
  ['a session that is to be kept after all', packet(0xe0, 0, 5, 17, [0, 0, 0, 9]), PROTOCOL_ERROR],
  ...[['CONNACK', 0x20, [0, 0, 0]], ['SUBACK', 0x90, [...id, 0, 0]], ['UNSUBACK', 0xb0, [...id, 0, 0]], ['PINGRESP', 0xd0, []]]
    .map(([name, first, body]) => [`${name}, which only a server sends`, packet(first, body), [PROTOCOL_ERROR, MALFORMED]]),
];

for (const [what, bytes, codes] of FIVE) {
  test(`5.0: ${what}`, async () => {
    const c = await MqttClient.join(5);
    c.write(bytes);
    const code = await c.end();
    assert.ok([].concat(codes).includes(code), `0x${code?.toString(16)}`);
  });
}

// The same for the older ones, which are told nothing.
const OLDER = [
  ['flags of SUBSCRIBE', packet(0x80, id, str('a'), 0)],
  ['flags of PUBREL', packet(0x60, id)],
  ['QoS 3', packet(0x36, str('a'), id)],
  ['packet identifier 0', packet(0x32, str('a'), [0, 0])],
  ['a wildcard in a topic', packet(0x30, str('a/#'))],
  ['an empty topic', packet(0x30, str(''))],
  ['a topic that is not UTF-8', packet(0x30, [0, 1, 0xff])],
  ['SUBSCRIBE without filters', packet(0x82, id)],
  ['SUBSCRIBE with QoS 3', packet(0x82, id, str('a'), 3)],
  ['options of 5.0', packet(0x82, id, str('a'), 4)],
  ['AUTH', packet(0xf0)],
  ['a second CONNECT', packet(0x10, str('MQTT'), 4, 2, [0, 0], str('x'))],
  ['CONNACK', packet(0x20, [0, 0])],
  ['a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
];

for (const v of [3, 4]) {
  for (const [what, bytes] of OLDER) {
    test(`${v === 3 ? '3.1' : '3.1.1'}: ${what}`, async () => {
      const c = await MqttClient.join(v);
      c.write(bytes);
      await c.end();
      assert.deepEqual(c.packets, []);
    });
  }
}

// CONNECTs, and the reason code of CONNACK; undefined: nothing is said.
const head = (flags, ...rest) => packet(0x10, str('MQTT'), 5, flags, [0, 0], ...rest);
const CONNECTS = [
  ['the reserved flag', head(3, 0, str('x')), MALFORMED],
  ['a will QoS without a will', head(0x0a, 0, str('x')), MALFORMED],
  ['retain without a will', head(0x22, 0, str('x')), MALFORMED],
  ['a will QoS of 3', head(0x1e, 0, str('x'), 0, str('w'), str('')), MALFORMED],
  ['a will that is missing', head(6, 0, str('x')), MALFORMED],
  ['a wildcard in the topic of a will', head(6, 0, str('x'), 0, str('w/#'), str('')), [0x90, MALFORMED]],
  ['a wildcard in the response topic of a will', head(6, 0, str('x'), 4, 8, str('#'), str('w'), str('')), [PROTOCOL_ERROR, 0x90, MALFORMED]],
  ['a will whose topic is too long', head(6, 0, str('x'), 0, str('w'.repeat(2001)), str('')), 0x90],
  ['a user name that is missing', head(0x82, 0, str('x')), MALFORMED],
  ['bytes behind the end', head(2, 0, str('x'), 0), MALFORMED],
  ['a client identifier that is not UTF-8', head(2, 0, [0, 1, 0xff]), MALFORMED],
  ['receive maximum 0', head(2, 3, 33, [0, 0], str('x')), PROTOCOL_ERROR],
  ['maximum packet size 0', head(2, 5, 39, [0, 0, 0, 0], str('x')), PROTOCOL_ERROR],
  ['authentication data without a method', head(2, 4, 22, str('x'), str('x')), PROTOCOL_ERROR],
  ['flags of the packet', Buffer.concat([Buffer.from([0x11]), head(2, 0, str('x')).subarray(1)]), undefined],
  ['another protocol', packet(0x10, str('MQXX'), 5, 2, [0, 0], 0, str('x')), 1],
  ['PUBLISH as the first packet', packet(0x30, str('a'), 0), undefined],
];

for (const [what, bytes, codes] of CONNECTS) {
  test(`CONNECT: ${what}`, async () => {
    const c = await MqttClient.open(5);
    c.write(bytes);
    await c.end();
    const ack = c.packets.find((p) => p.cmd === 'connack');
    assert.ok(codes === undefined ? ack === undefined : [].concat(codes).includes(ack?.reasonCode), `${JSON.stringify(ack)}`);
  });
}

// --- more levels than fox_wamp.mqtt_max_topic_levels, which 128 are not

const top = unique();
const levels = (n, last = 'x') => [top, ...Array(n - 2).fill('x'), last].join('/');
const deep = levels(129);
const deepResponse = [0x80 | (deep.length + 3) & 0x7f, deep.length + 3 >> 7, 8, str(deep)];

test('128 levels are taken, with each version', async () => {
  for (const v of [3, 4, 5]) {
    const c = await MqttClient.join(v);
    const none = v === 5 ? [0] : [];
    c.write(packet(0x82, id, none, str(levels(128, '#')), 0));
    assert.deepEqual((await c.take('suback')).granted, [0]);
    c.write(packet(0x30, str(levels(128)), none));
    assert.equal((await c.take('publish')).topic, levels(128));
  }
});

for (const [what, bytes, answer] of [
  ['QoS 0', packet(0x30, str(deep), 0)],
  ['QoS 1', packet(0x32, str(deep), id, 0), 'puback'],
  ['QoS 2', packet(0x34, str(deep), id, 0), 'pubrec'],
  ['an empty last level', packet(0x32, str(levels(129, '')), id, 0), 'puback'],
  ['with an alias', packet(0x30, str(deep), 3, 35, [0, 1])],
  ['by that alias', Buffer.concat([packet(0x30, str(deep), 3, 35, [0, 1]), packet(0x32, str(''), id, 3, 35, [0, 1])]), 'puback'],
  ['the response topic', packet(0x32, str(top), id, ...deepResponse), 'puback'],
]) {
  test(`5.0: 129 levels: ${what}`, async () => {
    const c = await MqttClient.join(5);
    c.write(packet(0x82, id, 0, str(`${top}/#`), 0));
    await c.take('suback');
    c.write(bytes);
    if (answer) assert.equal((await c.take(answer)).reasonCode, 0x90);
    await c.publish(`${top}/after`, 'x', { qos: 1 });
    assert.equal((await c.take('publish')).topic, `${top}/after`, 'the only message');
  });
}

test('129 levels: published before 5.0, in a will, subscribed to', async () => {
  for (const v of [3, 4]) {
    const c = await MqttClient.join(v);
    c.write(packet(0x82, id, str(`${top}/#`), 0));
    await c.take('suback');
    c.write(packet(0x32, str(deep), id));
    await c.take('puback');
    await c.publish(`${top}/after`, 'x', { qos: 1 });
    assert.equal((await c.take('publish')).topic, `${top}/after`, 'the only message');
    const d = await MqttClient.join(v);
    d.write(packet(0x82, id, str('a'), 0, str(levels(129, '#')), 1, str(`$share/g/${levels(128)}`), 1));
    assert.deepEqual((await d.take('suback')).granted, [0, 0x80, 1]);
  }
  const five = await MqttClient.join(5);
  five.write(packet(0x82, id, 0, str(deep), 0, str(`$share/g/${deep}`), 0, str('a'), 2));
  assert.deepEqual((await five.take('suback')).granted, [0x8f, 0x8f, 2]);
  for (const will of [{ topic: deep, payload: Buffer.alloc(0) }, { topic: 'a', payload: Buffer.alloc(0), properties: { responseTopic: deep } }])
    assert.equal(await MqttClient.refusal(5, { will }), 0x90);
  const four = await MqttClient.open(4);
  four.write(packet(0x10, str('MQTT'), 4, 6, [0, 0], str(unique()), str(deep), str('')));
  await four.end();
  assert.ok(four.packets.every((p) => p.returnCode !== 0));
});

test('another number, and any', async () => {
  await withSettings({ 'fox_wamp.mqtt_max_topic_levels': '2' }, async () => {
    const c = await MqttClient.join(5);
    c.write(packet(0x82, id, 0, str('a/b'), 0, str('a/b/c'), 0));
    assert.deepEqual((await c.take('suback')).granted, [0, 0x8f]);
  });
  await withSettings({ 'fox_wamp.mqtt_max_topic_levels': '0' }, async () => {
    const c = await MqttClient.join(5);
    c.write(packet(0x82, id, 0, str(levels(900)), 0));
    assert.deepEqual((await c.take('suback')).granted, [0]);
  });
});

test('a packet that is larger than the server takes', async () => {
  const c = await MqttClient.join(5);
  const max = c.connack.properties.maximumPacketSize;
  const length = [];
  for (let n = max; ; n >>= 7) { length.push((n & 127) | (n > 127 ? 128 : 0)); if (n <= 127) break; }
  c.write(Buffer.from([0x30, ...length]));
  assert.equal(await c.end(), 0x95);
});

test('more messages under way than the receive maximum', async () => {
  const c = await MqttClient.join(5);
  const topic = unique('flood');
  for (let i = 1; i <= c.connack.properties.receiveMaximum + 1; i++) c.write(packet(0x34, str(topic), [i >> 8, i & 255], 0, 'x'));
  assert.equal(await c.end(), 0x93);
});
