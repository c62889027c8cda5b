'use strict';
// mqtt.test.js - what MQTT promises, packet by packet, in every version that has it.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql } = require('./lib');
const { MqttClient, each, ALL, unique, str, packet } = require('./mqtt_client');

before(start);
after(stop);

// --- connecting ---

each(ALL, 'a session begins, is pinged and ends', async (v) => {
  const c = await MqttClient.join(v);
  assert.equal(c.connack.sessionPresent, false);
  c.send({ cmd: 'pingreq' });
  await c.take('pingresp');
  await c.leave();
});

each(ALL, 'a user name of nothing but @realm chooses the realm', async (v) => {
  const realm = unique('realm').replaceAll('-', '_');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
  const topic = unique('t');
  const here = await MqttClient.join(v, { username: `@${realm}` });
  const there = await MqttClient.join(v);
  await here.subscribe(topic);
  await there.subscribe(topic);
  await there.publish(topic, 'there');
  await here.publish(topic, 'here');
  assert.equal(await here.text(), 'here');
  assert.equal(await there.text(), 'there');
  const c = await MqttClient.open(v);
  const ack = await c.connect({ username: '@no_such_realm' });
  assert.equal(v === 5 ? ack.reasonCode : ack.returnCode, v === 5 ? 0x87 : 5);
  await c.end();
  await here.leave();
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
});

test('what the server takes is announced to 5.0', async () => {
  const c = await MqttClient.join(5);
  const p = c.connack.properties;
  assert.ok(p.receiveMaximum >= 20 && p.topicAliasMaximum >= 10 && p.maximumPacketSize > 65536);
  c.kill();
});

test('an authentication method that is not known is refused', async () => {
  assert.equal(await MqttClient.refusal(5, { properties: { authenticationMethod: 'GS2-KRB5' } }), 0x8c);
});

test('a second connection takes the session over', async () => {
  for (const v of ALL) {
    const first = await MqttClient.join(v);
    const second = await MqttClient.join(v, { clientId: first.id });
    assert.equal(await first.end(), v === 5 ? 0x8e : undefined);
    await second.nothing();
    second.kill();
  }
});

test('an unknown protocol level is told so in the words of 3.1.1', async () => {
  const c = await MqttClient.open(4);
  c.write(packet(0x10, str('MQTT'), 6, 2, [0, 0], str('x')));
  assert.equal((await c.take('connack')).returnCode, 1);
  await c.end();
});

test('a client without a name: its name is assigned by 5.0, and 3.1.1 has none to keep', async () => {
  for (const clean of [0, 2]) {
    const five = await MqttClient.open(5);
    five.write(packet(0x10, str('MQTT'), 5, clean, [0, 0], 0, str('')));
    assert.ok((await five.take('connack')).properties.assignedClientIdentifier.length > 20);
    five.kill();
  }
  await (await MqttClient.join(4, { clientId: '' })).leave();
  for (const bytes of [packet(0x10, str('MQIsdp'), 3, 2, [0, 0], str('')), packet(0x10, str('MQTT'), 4, 0, [0, 0], str(''))]) {
    const c = await MqttClient.open(4);
    c.write(bytes);
    assert.equal((await c.take('connack')).returnCode, 2);
    await c.end();
  }
});

test('who is silent for one and a half times its keep alive is cut', async () => {
  const c = await MqttClient.join(5, { keepalive: 1 });
  assert.equal(await c.end(), 0x8d);
});

// --- publishing and subscribing ---

each(ALL, 'every QoS, in both directions', async (v) => {
  const topic = unique('t');
  const c = await MqttClient.join(v);
  const s = await MqttClient.join(v);
  for (const granted of [0, 1, 2]) {
    assert.deepEqual(await s.subscribe(topic, { qos: granted }), [granted]);
    for (const qos of [0, 1, 2]) {
      await c.publish(topic, `${qos} to ${granted}`, { qos });
      const p = await s.take('publish');
      assert.equal(p.payload.toString(), `${qos} to ${granted}`);
      assert.equal(p.qos, Math.min(qos, granted));
      assert.equal(p.retain, false);
      await s.acknowledge(p);
    }
  }
  await s.nothing();
  await s.unsubscribe(topic);
  await c.publish(topic, 'x', { qos: 1 });
  await s.nothing();
  c.kill();
  s.kill();
});

each([4, 5], 'a message of QoS 2 that comes again is published once', async (v) => {
  const topic = unique('t');
  const c = await MqttClient.join(v);
  await c.subscribe(topic);
  for (const dup of [false, true, true]) {
    c.send({ cmd: 'publish', topic, payload: 'once', qos: 2, dup, messageId: 77 });
    await c.take('pubrec');
  }
  c.send({ cmd: 'pubrel', messageId: 77 });
  await c.take('pubcomp');
  assert.equal(await c.text(), 'once');
  await c.nothing();
  c.send({ cmd: 'pubrel', messageId: 77 });
  const again = await c.take('pubcomp');
  assert.equal(again.reasonCode, v === 5 ? 0x92 : undefined);
  c.kill();
});

each([4, 5], 'wildcards match levels, and $-topics do not come to who asks for everything', async (v) => {
  const root = unique('w');
  const c = await MqttClient.join(v);
  const heard = async (filter, topic) => {
    await c.subscribe(filter);
    await c.publish(topic, 'x');
    c.send({ cmd: 'pingreq' });
    await c.take('pingresp');
    const i = c.packets.findIndex((p) => p.cmd === 'publish' && p.topic === topic);
    c.packets = [];
    await c.unsubscribe(filter);
    return i >= 0;
  };
  assert.ok(await heard(`${root}/#`, `${root}/a/b`));
  assert.ok(await heard(`${root}/#`, root));
  assert.ok(await heard(`${root}/+`, `${root}/`));
  assert.ok(!await heard(`${root}/+`, root));
  assert.ok(await heard(`${root}/+/c`, `${root}/b/c`));
  assert.ok(!await heard(`${root}/+`, `${root}/b/c`));
  assert.ok(await heard(`/${root}/+`, `/${root}/`));
  assert.ok(await heard(`+/+`, `/${root}`));
  assert.ok(await heard(`${root}/a.b/+`, `${root}/a.b/c`));
  assert.ok(!await heard(`${root}/a/b`, `${root}/a.b`));
  assert.ok(await heard(`${root} x/é/漢`, `${root} x/é/漢`));
  assert.ok(!await heard('#', `$x/${root}`));
  assert.ok(!await heard('+/#', `$x/${root}`));
  assert.ok(await heard('$x/#', `$x/${root}`));
  assert.ok(!await heard('+/*', `a/${root}`));
  c.kill();
});

test('overlapping subscriptions bring one copy, of the highest QoS and with all identifiers', async () => {
  const topic = unique('t');
  const c = await MqttClient.join(5);
  await c.subscribe(`${topic}/#`, { qos: 1 }, { subscriptionIdentifier: 5 });
  await c.subscribe(`${topic}/+`, { qos: 2 }, { subscriptionIdentifier: 300 });
  await c.subscribe(`${topic}/a`, { qos: 0 });
  await c.publish(`${topic}/a`, 'x', { qos: 2 });
  const p = await c.take('publish');
  assert.equal(p.qos, 2);
  assert.deepEqual([].concat(p.properties.subscriptionIdentifier).sort(), [300, 5]);
  await c.acknowledge(p);
  await c.nothing();
  c.kill();
});

test('no local, retain as published', async () => {
  const topic = unique('t');
  const c = await MqttClient.join(5);
  const other = await MqttClient.join(5);
  await c.subscribe(topic, { nl: true });
  await other.subscribe(topic, { rap: true });
  await c.publish(topic, 'x', { qos: 1, retain: true });
  await c.nothing();
  assert.equal((await other.take('publish')).retain, true);
  await other.publish(topic, 'y', { qos: 1 });
  assert.equal((await c.take('publish')).retain, false);
  assert.equal((await other.take('publish')).retain, false);
  await c.publish(topic, '', { retain: true, qos: 1 });
  c.kill();
  other.kill();
});

each([4, 5], 'retained messages: kept, replaced, deleted by no bytes, byte by byte the same', async (v) => {
  const topic = unique('r');
  const c = await MqttClient.join(v);
  for (const payload of [Buffer.from([0xff, 0, 1]), 'null', '[]', '{}', '{"a": 1.50}', ' text ']) {
    await c.publish(topic, payload, { qos: 1, retain: true });
    const s = await MqttClient.join(v);
    await s.subscribe(topic, { qos: 2 });
    const p = await s.take('publish');
    assert.equal(p.retain, true);
    assert.equal(p.qos, 1);
    assert.deepEqual(p.payload, Buffer.from(payload));
    s.kill();
  }
  await c.publish(topic, '', { qos: 1, retain: true });
  await c.subscribe(topic);
  await c.nothing();
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${topic}'`), '0');
  c.kill();
});

test('retain handling', async () => {
  const topic = unique('r');
  const c = await MqttClient.join(5);
  await c.publish(topic, 'kept', { qos: 1, retain: true });
  await c.subscribe(topic, { rh: 2 });
  await c.nothing();
  await c.subscribe(topic, { rh: 1 });
  await c.nothing();
  await c.subscribe(topic, { rh: 0 });
  assert.equal(await c.text(), 'kept');
  await c.unsubscribe(topic);
  await c.subscribe(topic, { rh: 1 });
  assert.equal(await c.text(), 'kept');
  await c.publish(topic, '', { qos: 1, retain: true });
  c.kill();
});

test('properties go with the message, and stay with the retained one', async () => {
  const topic = unique('p');
  const properties = {
    payloadFormatIndicator: true, contentType: 'text/x', responseTopic: 'a/b', correlationData: Buffer.from([1, 2, 255]),
    userProperties: { k: ['v', 'w'], l: 'm' },
  };
  const c = await MqttClient.join(5);
  await c.subscribe(topic);
  await c.publish(topic, 'x', { qos: 1, retain: true, properties });
  assert.deepEqual({ ...(await c.take('publish')).properties, userProperties: { ...properties.userProperties } }, properties);
  const s = await MqttClient.join(5);
  await s.subscribe(topic);
  assert.deepEqual({ ...(await s.take('publish')).properties, userProperties: { ...properties.userProperties } }, properties);
  await c.publish(topic, '', { qos: 1, retain: true });
  c.kill();
  s.kill();
});

test('topic aliases, both ways', async () => {
  const topic = unique('t');
  const c = await MqttClient.join(5, { properties: { topicAliasMaximum: 1 } });
  await c.subscribe(`${topic}/+`);
  c.send({ cmd: 'publish', topic: `${topic}/a`, payload: '1', qos: 0, properties: { topicAlias: 3 } });
  c.send({ cmd: 'publish', topic: '', payload: '2', qos: 0, properties: { topicAlias: 3 } });
  c.send({ cmd: 'publish', topic: `${topic}/b`, payload: '3', qos: 0, properties: { topicAlias: 3 } });
  c.send({ cmd: 'publish', topic: '', payload: '4', qos: 0, properties: { topicAlias: 3 } });
  const got = [];
  for (let i = 0; i < 4; i++) {
    const p = await c.take('publish');
    got.push([p.topic, p.properties?.topicAlias, p.payload.toString()]);
  }
  assert.deepEqual(got, [[`${topic}/a`, 1, '1'], ['', 1, '2'], [`${topic}/b`, undefined, '3'], [`${topic}/b`, undefined, '4']]);
  c.send({ cmd: 'publish', topic: '', payload: 'x', qos: 0, properties: { topicAlias: 4 } });
  assert.equal(await c.end(), 0x82);
  const d = await MqttClient.join(5);
  d.send({ cmd: 'publish', topic: 'x', payload: 'x', qos: 0, properties: { topicAlias: d.connack.properties.topicAliasMaximum + 1 } });
  assert.equal(await d.end(), 0x94);
});

test('a message that is larger than the client takes is not sent, and counts as heard', async () => {
  const topic = unique('t');
  const c = await MqttClient.join(5, { properties: { maximumPacketSize: 100, receiveMaximum: 1 } });
  const p = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 1 });
  for (const qos of [0, 1]) {
    await p.publish(topic, 'x'.repeat(200), { qos });
    await p.publish(topic, 'small', { qos });
    const got = await c.take('publish');
    assert.equal(got.payload.toString(), 'small');
    await c.acknowledge(got);
  }
  c.kill();
  p.kill();
});

test('flow control: no more is under way than either side takes', async () => {
  const topic = unique('t');
  const c = await MqttClient.join(5, { properties: { receiveMaximum: 2 } });
  const p = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 2 });
  for (let i = 0; i < 5; i++) await p.publish(topic, `${i}`, { qos: 2 });
  const first = await c.take('publish');
  await c.take('publish');
  await c.nothing();
  c.send({ cmd: 'pubrec', messageId: first.messageId });
  await c.take('pubrel');
  await c.nothing();
  c.send({ cmd: 'pubcomp', messageId: first.messageId });
  assert.equal(await c.text(), '2');
  await c.nothing();
  const most = p.connack.properties.receiveMaximum;
  for (let i = 1; i <= most + 1; i++) p.send({ cmd: 'publish', topic: 'x', payload: '', qos: 2, messageId: 1000 + i });
  assert.equal(await p.end(), 0x93);
  c.kill();
});

each([4, 5], 'shared subscriptions: each message to one of the group', async (v) => {
  const topic = unique('t');
  const members = [await MqttClient.join(v), await MqttClient.join(v), await MqttClient.join(v)];
  for (const m of members) assert.deepEqual(await m.subscribe(`$share/g/${topic}/+`, { qos: 1 }), [1]);
  const p = await MqttClient.join(v);
  await p.subscribe(`${topic}/#`);
  for (let i = 0; i < 9; i++) await p.publish(`${topic}/a`, `${i}`, { qos: 1 });
  const got = [];
  for (const m of members) for (let i = 0; i < 3; i++) {
    const q = await m.take('publish');
    await m.acknowledge(q);
    got.push(Number(q.payload.toString()));
  }
  assert.deepEqual(got.sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (let i = 0; i < 9; i++) await p.text();
  await members[0].leave();
  await members[1].unsubscribe(`$share/g/${topic}/+`);
  await p.publish(`${topic}/a`, 'last', { qos: 1 });
  assert.equal(await members[2].text(), 'last');
  await members[1].nothing();
  if (v === 5) {
    members[1].send({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: '$share/g/x', qos: 0, nl: true, rap: false, rh: 0 }] });
    assert.equal(await members[1].end(), 0x82);
  }
});

each(ALL, 'the codes of SUBACK and of what may not be published', async (v) => {
  const c = await MqttClient.join(v);
  const bad = v === 5 ? 0x8f : 0x80;
  assert.deepEqual(await c.subscribe(['a/#/b', 'ok', '$share/g', '$share/+/a'], { qos: 1 }), [bad, 1, bad, bad]);
  if (v === 5) assert.deepEqual(await c.unsubscribe(['ok', 'never']), [0, 0x11]);
  for (const topic of ['wamp/session/on_join', 'fox_wamp/x', '$SYS/x']) {
    for (const qos of [1, 2]) {
      const ack = await c.publish(topic, 'x', { qos });
      assert.equal(ack.reasonCode, v === 5 ? 0x87 : undefined);
    }
  }
  const long = await c.publish('x/'.repeat(1200), 'x', { qos: 1 });
  assert.equal(long.reasonCode, v === 5 ? 0x90 : undefined);
  c.kill();
});

// --- transports ---

for (const transport of ['tls', 'ws']) {
  each(ALL, `the same by ${transport}`, async (v) => {
    const topic = unique('t');
    const c = await MqttClient.join(v, { transport });
    await c.subscribe(topic, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      await c.publish(topic, 'x'.repeat(70000), { qos });
      const p = await c.take('publish');
      assert.equal(p.payload.length, 70000);
      await c.acknowledge(p);
    }
    await c.leave();
  });
}

test('packets may be cut and joined in WebSocket messages in any way, and text is none', async () => {
  const c = await MqttClient.open(4, 'ws');
  const bytes = Buffer.concat([packet(0x10, str('MQTT'), 4, 2, [0, 0], str(unique())), packet(0x82, [0, 1], str('x'), 0), packet(0xc0)]);
  for (const byte of bytes) c.write(Buffer.from([byte]));
  await c.take('connack');
  await c.take('suback');
  await c.take('pingresp');
  c.write(Buffer.concat([packet(0xc0), packet(0xc0), packet(0xc0).subarray(0, 1)]));
  await c.take('pingresp');
  await c.take('pingresp');
  c.write(Buffer.from([0]));
  await c.take('pingresp');
  c.ws.send('text');
  await c.end();
});
