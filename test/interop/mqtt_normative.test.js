'use strict';
// mqtt_normative.test.js - statements of the OASIS texts that no other file tries, by their numbers (of 5.0 unless said otherwise).

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, until, withSettings, env, WebSocket } = require('./lib');
const { MqttClient, unique, str, packet } = require('./mqtt_client');

before(start);
after(stop);

const kept = (more = {}) => ({ clientId: unique(), clean: false, properties: { sessionExpiryInterval: 600, ...more } });
const away = (id) => until(async () => await sql(`SELECT disconnected IS NOT NULL FROM fox_wamp.mqtt_session WHERE client_id = '${id}'`) === 't');
const forget = async (id) => (await MqttClient.join(5, { clientId: id })).leave();
const passes = (seconds) => sql(`SELECT pg_sleep(${seconds})`);

test('1.5.4-3: U+FEFF is a character', async () => {
  const topic = unique('bom');
  const c = await MqttClient.join(5);
  await c.subscribe([`\ufeff${topic}`, topic]);
  await c.publish(`\ufeff${topic}`, 'bom', { qos: 1 });
  await c.publish(topic, 'plain', { qos: 1 });
  for (const expected of [`\ufeff${topic}`, topic]) {
    const p = await c.take('publish');
    assert.equal(p.topic, expected);
  }
  await c.leave();
});

test('3.1.2-11.2: a DISCONNECT may change when a session expires, within what the server allows', () => withSettings({ 'fox_wamp.mqtt_max_session_expiry': '1000s' }, async () => {
  const c = await MqttClient.join(5, kept({ sessionExpiryInterval: 4294967295 }));
  assert.equal(c.connack.properties.sessionExpiryInterval, 1000);
  await c.leave({ properties: { sessionExpiryInterval: 4294967295 } });
  await away(c.id);
  assert.equal(await sql(`SELECT expiry FROM fox_wamp.mqtt_session WHERE client_id = '${c.id}'`), '1000');
  await forget(c.id);
}));

test('3.1.2-24: no packet is larger than the client takes', async () => {
  const c = await MqttClient.open(5);
  c.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0, clientId: unique(), properties: { maximumPacketSize: 5 } });
  await c.end();
  assert.deepEqual(c.packets, []);
  const d = await MqttClient.join(5, { properties: { maximumPacketSize: 40 } });
  d.send({ cmd: 'subscribe', messageId: 9, subscriptions: Array.from({ length: 60 }, (_, i) => ({ topic: `t/${i}`, qos: 0, nl: false, rap: false, rh: 0 })) });
  assert.ok([undefined, 0x95].includes(await d.end()));
  assert.ok(!d.packets.some((p) => p.cmd === 'suback'));
});

test('3.1.2-29: without problem information there are no reason strings but in CONNACK and DISCONNECT', async () => {
  const c = await MqttClient.join(5, { properties: { requestProblemInformation: false } });
  const ack = await c.publish('wamp/x', 'x', { qos: 1 });
  assert.equal(ack.reasonCode, 0x87);
  assert.equal(ack.properties?.reasonString, undefined);
  c.write(packet(0x82, [0, 7], 0, str('a#'), 0));
  assert.equal((await c.take('suback')).properties?.reasonString, undefined);
  await c.leave();
});

test('3.4.2.2.2, 3.6 to 3.9: every acknowledgement that refuses says why', async () => {
  const c = await MqttClient.join(5);
  const says = async (bytes, kind, code) => {
    c.write(bytes);
    const p = await c.take(kind);
    assert.equal([p.reasonCode ?? p.granted].flat().at(-1), code);
    return p.properties?.reasonString;
  };
  const id = [0, 7];
  assert.match(await says(packet(0x32, str('wamp/x'), id, 0, 'x'), 'puback', 0x87), /own/);
  assert.match(await says(packet(0x34, str('wamp/x'), id, 0, 'x'), 'pubrec', 0x87), /own/);
  assert.match(await says(packet(0x62, id), 'pubcomp', 0x92), /packet identifier/);
  assert.match(await says(packet(0x50, id), 'pubrel', 0x92), /packet identifier/);
  assert.match(await says(packet(0x82, id, 0, str('a'), 1, str('a#'), 1), 'suback', 0x8f), /filter/);
  assert.match(await says(packet(0x82, id, 0, str('x'.repeat(2001)), 1), 'suback', 0x8f), /./);
  assert.equal(await says(packet(0x82, id, 0, str('a'), 1), 'suback', 1), undefined);
  await c.leave();
});

test('3.1.3-5, 3.1.3-4: client identifiers of many kinds', async () => {
  for (const clientId of ['a', '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', 'é漢/+#$ "\'', 'x'.repeat(1000)]) {
    for (const v of [3, 4, 5]) await (await MqttClient.join(v, { clientId })).leave();
  }
});

test('3.1.4-6: of a client that is refused nothing else is carried out', async () => {
  const topic = unique('refused');
  const s = await MqttClient.join(5);
  await s.subscribe(topic);
  const c = await MqttClient.open(5);
  c.write(Buffer.concat([packet(0x10, str('MQTT'), 5, 0xc2, [0, 0], 0, str(unique()), str('nobody'), str('wrong')), packet(0x30, str(topic), 0, 'unheard')]));
  assert.equal((await c.take('connack')).reasonCode, 0x86);
  await c.end();
  await s.nothing();
  await s.leave();
});

test('3.2.2-6: a CONNACK that refuses has no session present', async () => {
  const options = kept();
  const c = await MqttClient.join(5, options);
  c.kill();
  const d = await MqttClient.open(5);
  const ack = await d.connect({ ...options, will: { topic: 'wamp/x', payload: Buffer.from(''), qos: 0, retain: false } });
  assert.equal(ack.reasonCode, 0x87);
  assert.equal(ack.sessionPresent, false);
  await d.end();
  const again = await MqttClient.join(5, options);
  assert.equal(again.connack.sessionPresent, true);
  again.kill();
  await forget(options.clientId);
});

test('3.3.1-3: DUP of a message that comes in says nothing of what goes out', async () => {
  const topic = unique('dup');
  const c = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 1 });
  c.send({ cmd: 'publish', topic, payload: 'x', qos: 1, dup: true, messageId: 5 });
  const p = await c.take('publish');
  assert.equal(p.dup, false);
  await c.leave();
});

for (const qos of [0, 1]) {
  test(`3.3.2-6: the time that a retained message has left (QoS ${qos})`, async () => {
    const topic = unique('age');
    const c = await MqttClient.join(5);
    await c.publish(topic, 'ages', { qos: 1, retain: true, properties: { messageExpiryInterval: 100 } });
    await passes(1.5);
    await c.subscribe(topic, { qos });
    const left = (await c.take('publish')).properties.messageExpiryInterval;
    assert.ok(left < 100 && left > 0, `${left}`);
    // 3.3.2-5: what has none left is not sent.
    const brief = unique('age');
    await c.publish(brief, 'gone', { qos: 1, retain: true, properties: { messageExpiryInterval: 1 } });
    await until(async () => await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${brief}'`) === '0');
    await c.subscribe(brief, { qos });
    c.packets = c.packets.filter((p) => p.cmd !== 'publish' || p.topic !== topic);
    await c.nothing();
    await c.publish(topic, '', { retain: true, qos: 1 });
    await c.leave();
  });
}

test('3.3.2-5: a message that is to live 0 seconds is for who is there', async () => {
  const [topic, retained] = [unique('moment'), unique('moment')];
  const properties = { messageExpiryInterval: 0 };
  const options = kept();
  let c = await MqttClient.join(5, options);
  const p = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 1 });
  for (const qos of [0, 1]) {
    await p.publish(topic, `${qos}`, { qos, properties });
    const m = await c.take('publish');
    assert.deepEqual([m.payload.toString(), m.properties.messageExpiryInterval], [`${qos}`, 0]);
    await c.acknowledge(m);
  }
  c.kill();
  await away(options.clientId);
  await p.publish(topic, 'unheard', { qos: 1, properties });
  await p.publish(retained, 'unheard', { qos: 1, retain: true, properties });
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${retained}'`) === '0');
  c = await MqttClient.join(5, options);
  await c.nothing();
  await c.subscribe(retained);
  await c.nothing();
  c.kill();
  await p.leave();
  await forget(options.clientId);
});

test('4.4.0-1, 3.3.2-17: what is sent again has its properties, whatever time is left', async () => {
  const topic = unique('late');
  const options = kept();
  let c = await MqttClient.join(5, options);
  await c.subscribe(topic, { qos: 1 });
  await c.publish(topic, 'x', { qos: 1, properties: { messageExpiryInterval: 1, userProperties: { a: 'b' } } });
  assert.equal((await c.take('publish')).properties.messageExpiryInterval, 1);
  c.kill();
  await passes(1.1);
  c = await MqttClient.join(5, options);
  const again = await c.take('publish');
  assert.equal(again.dup, true);
  assert.equal(again.properties.userProperties.a, 'b');
  assert.equal(again.properties.messageExpiryInterval, 0);
  c.kill();
  await forget(options.clientId);
});

test('3.3.2-7: aliases are a connection\'s', async () => {
  const options = kept();
  const c = await MqttClient.join(5, options);
  await c.publish('aliased', 'x', { properties: { topicAlias: 1 } });
  await c.nothing();
  c.kill();
  await away(options.clientId);
  const d = await MqttClient.join(5, options);
  d.send({ cmd: 'publish', topic: '', payload: 'x', qos: 0, properties: { topicAlias: 1 } });
  assert.equal(await d.end(), 0x82);
  await forget(options.clientId);
});

test('3.3.4-6: a client publishes no subscription identifier', async () => {
  const c = await MqttClient.join(5);
  c.write(packet(0x30, str('a'), 2, [11, 1], 'x'));
  assert.ok([0x81, 0x82].includes(await c.end()));
});

test('3.3.4-9: the receive maximum of a new connection holds for what is sent again', async () => {
  const topic = unique('window');
  const options = kept({ receiveMaximum: 10 });
  const c = await MqttClient.join(5, options);
  await c.subscribe(topic, { qos: 1 });
  for (let i = 0; i < 6; i++) await c.publish(topic, `${i}`, { qos: 1 });
  for (let i = 0; i < 6; i++) await c.take('publish');
  c.kill();
  await away(options.clientId);
  const d = await MqttClient.join(5, { ...options, properties: { ...options.properties, receiveMaximum: 2 } });
  const got = [];
  for (let i = 0; i < 6; i++) {
    const p = await d.take('publish');
    got.push(`${p.payload} ${p.dup}`);
    if (i === 1) await d.nothing();
    if (i > 0) await d.acknowledge(p);
    if (i === 1) await d.acknowledge({ qos: 1, messageId: p.messageId - 1 });
  }
  assert.deepEqual(got, ['0 true', '1 true', '2 true', '3 true', '4 true', '5 true']);
  await d.nothing();
  d.kill();
  await forget(options.clientId);
});

test('4.9.0-1: a new connection may send as much as the receive maximum says, whatever an earlier one has left open', async () => {
  const options = kept();
  const c = await MqttClient.join(5, options);
  const most = c.connack.properties.receiveMaximum;
  for (let i = 1; i <= most; i++) c.send({ cmd: 'publish', topic: 'open', payload: '', qos: 2, messageId: i });
  for (let i = 1; i <= most; i++) await c.take('pubrec');
  c.kill();
  await away(options.clientId);
  const d = await MqttClient.join(5, options);
  for (let i = 1; i <= most; i++) d.send({ cmd: 'publish', topic: 'open', payload: '', qos: 2, messageId: 1000 + i });
  for (let i = 1; i <= most; i++) await d.take('pubrec');
  for (let i = 1; i <= most; i++) {
    d.send({ cmd: 'pubrel', messageId: i });
    await d.take((p) => p.cmd === 'pubcomp' && p.messageId === i);
  }
  // What was released is an earlier connection's: there is room for no more.
  d.send({ cmd: 'publish', topic: 'open', payload: '', qos: 1, messageId: 5000 });
  assert.equal(await d.end(), 0x93);
  await forget(options.clientId);
});

test('3.8.4-3: a filter that comes again takes the place of the former one', async () => {
  const topic = unique('again');
  const c = await MqttClient.join(5);
  assert.deepEqual(await c.subscribe(topic, { qos: 2 }, { subscriptionIdentifier: 1 }), [2]);
  assert.deepEqual(await c.subscribe(topic, { qos: 0 }, { subscriptionIdentifier: 2 }), [0]);
  await c.publish(topic, 'x', { qos: 2 });
  const p = await c.take('publish');
  assert.equal(p.qos, 0);
  assert.equal(p.properties.subscriptionIdentifier, 2);
  await c.nothing();
  await c.leave();
});

test('3.10.4-3, 4.5.0: what is under way goes on after UNSUBSCRIBE', async () => {
  const topic = unique('under');
  const c = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 2 });
  await c.publish(topic, 'x', { qos: 2 });
  const p = await c.take('publish');
  assert.deepEqual(await c.unsubscribe(topic), [0]);
  await c.acknowledge(p);
  await c.publish(topic, 'y', { qos: 2 });
  await c.nothing();
  await c.leave();
});

test('3.14.4-3: a DISCONNECT with another reason than 0 leaves the will', async () => {
  const topic = unique('will');
  const s = await MqttClient.join(5);
  await s.subscribe(topic);
  const will = { topic, payload: Buffer.from('left'), qos: 0, retain: false };
  await (await MqttClient.join(5, { will })).leave({ reasonCode: 0x80 });
  assert.equal(await s.text(), 'left');
  // 3.1.3-9, 3.1.2-8: the session ends before the delay is over.
  const c = await MqttClient.join(5, { will: { ...will, payload: Buffer.from('at its end'), properties: { willDelayInterval: 3600 } } });
  c.kill();
  assert.equal(await s.text(), 'at its end');
  await s.leave();
});

test('4.3.3: QoS 2 that was refused is forgotten: its identifier is free, and the message is new', async () => {
  const topic = unique('refused');
  const c = await MqttClient.join(5);
  for (let i = 0; i < 2; i++) {
    c.send({ cmd: 'publish', topic: 'wamp/no', payload: 'x', qos: 2, messageId: 7 });
    assert.equal((await c.take('pubrec')).reasonCode, 0x87);
  }
  await c.subscribe(topic);
  await c.publish(topic, 'new', { qos: 2, messageId: 7 });
  assert.equal(await c.text(), 'new');
  await c.leave();
});

test('4.4.0-2: a client that refuses a message has had it', async () => {
  const topic = unique('no');
  const options = kept();
  let c = await MqttClient.join(5, options);
  await c.subscribe(topic, { qos: 2 });
  for (const qos of [1, 2]) {
    await c.publish(topic, `${qos}`, { qos });
    const p = await c.take('publish');
    c.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: p.messageId, reasonCode: 0x83 });
  }
  await c.nothing();
  assert.ok(!c.packets.some((p) => p.cmd === 'pubrel'));
  c.kill();
  await away(options.clientId);
  c = await MqttClient.join(5, options);
  await c.nothing();
  c.kill();
  await forget(options.clientId);
});

test('4.6.0-6: messages of a topic come in their order, live and kept ones', async () => {
  const topic = unique('order');
  const options = kept({ receiveMaximum: 5 });
  const c = await MqttClient.join(5, options);
  await c.subscribe(topic, { qos: 2 });
  const p = await MqttClient.join(5);
  c.kill();
  await away(options.clientId);
  for (let i = 0; i < 30; i++) await p.publish(topic, `${i}`, { qos: 1 + (i % 2) });
  const d = await MqttClient.join(5, options);
  const got = [];
  for (let i = 0; i < 60; i++) {
    if (i < 30) await p.publish(topic, `${30 + i}`, { qos: 1 + (i % 2) });
    const m = await d.take('publish');
    got.push(Number(m.payload));
    await d.acknowledge(m);
  }
  assert.deepEqual(got, Array.from({ length: 60 }, (_, i) => i));
  d.kill();
  await p.leave();
  await forget(options.clientId);
});

test('4.7.3-3: the longest topic, and 4.7.3-4: nothing is normalised', async () => {
  const c = await MqttClient.join(5);
  await c.subscribe(['é', 'A', 'x/#']);
  for (const topic of ['e\u0301', 'a', 'x//y', 'x/y/']) await c.publish(topic, 'x', { qos: 1 });
  assert.equal((await c.take('publish')).topic, 'x//y');
  assert.equal((await c.take('publish')).topic, 'x/y/');
  await c.nothing();
  await c.leave();
});

test('4.8.2: of a group whose members are all away one keeps the message; to one that refuses it is not sent again', async () => {
  const topic = unique('group');
  const options = [kept(), kept()];
  const members = [];
  for (const o of options) {
    const m = await MqttClient.join(5, o);
    await m.subscribe(`$share/g/${topic}`, { qos: 1 });
    members.push(m);
  }
  const p = await MqttClient.join(5);
  for (const m of members) m.kill();
  for (const o of options) await away(o.clientId);
  for (let i = 0; i < 4; i++) await p.publish(topic, `${i}`, { qos: 1 });
  const got = [];
  for (const o of options) {
    const m = await MqttClient.join(5, o);
    m.send({ cmd: 'pingreq' });
    await m.take('pingresp');
    for (let next; (next = m.packets.find((q) => q.cmd === 'publish')); m.packets.splice(m.packets.indexOf(next), 1)) {
      got.push(next.payload.toString());
      m.send({ cmd: 'puback', messageId: next.messageId, reasonCode: 0x80 });
    }
    await m.nothing();
    m.kill();
    await away(o.clientId);
  }
  assert.deepEqual(got.sort(), ['0', '1', '2', '3']);
  for (const o of options) await forget(o.clientId);
  await p.leave();
});

test('4.12.0: other packets before CONNACK, and AUTH data without a method', async () => {
  const c = await MqttClient.open(5);
  c.write(Buffer.concat([packet(0x10, str('MQTT'), 5, 2, [0, 0], 34, [21], str('SCRAM-SHA-256'), [22], str('n,,n=nobody,r=1'), str('x'))]));
  const p = await c.take((q) => ['auth', 'connack'].includes(q.cmd));
  if (p.cmd === 'auth') {
    c.write(packet(0x30, str('a'), 0, 'x'));
    assert.equal((await c.take('connack')).reasonCode, 0x82);
  }
  await c.end();
});

test('6.0.0: WebSockets choose the subprotocol mqtt', async () => {
  const protocol = (list) => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${env.port}/mqtt`, list);
    ws.on('open', () => { resolve(ws.protocol); ws.terminate(); });
    ws.on('error', reject);
  });
  assert.equal(await protocol(['mqtt']), 'mqtt');
  assert.equal(await protocol(['other', 'mqtt']), 'mqtt');
  assert.equal(await protocol(['mqttv3.1']), 'mqttv3.1');
});

// --- 3.1.1 ---

test('3.1.1, 3.1.2-22: a password takes a user name; 5.0 does not ask for one', async () => {
  const c = await MqttClient.open(4);
  c.write(packet(0x10, str('MQTT'), 4, 0x42, [0, 0], str('x'), str('secret')));
  await c.end();
  assert.deepEqual(c.packets, []);
  const five = await MqttClient.open(5);
  five.write(packet(0x10, str('MQTT'), 5, 0x42, [0, 0], 0, str('x'), str('secret')));
  assert.equal((await five.take('connack')).reasonCode, 0x86);
  await five.end();
});

test('3.1.1, 3.1.2-6: a clean session does not last, nor does what it had', async () => {
  const topic = unique('clean');
  const id = unique();
  const c = await MqttClient.join(4, { clientId: id });
  await c.subscribe(topic, { qos: 1 });
  c.kill();
  const p = await MqttClient.join(4);
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.session WHERE client_id = '${id}'`) === '0');
  await p.publish(topic, 'x', { qos: 1 });
  const d = await MqttClient.join(4, { clientId: id, clean: false });
  assert.equal(d.connack.sessionPresent, false);
  await d.nothing();
  d.kill();
  await p.leave();
  await forget(id);
});

test('3.1.1 and 5.0 share a session', async () => {
  const topic = unique('both');
  const id = unique();
  let c = await MqttClient.join(4, { clientId: id, clean: false });
  await c.subscribe(topic, { qos: 1 });
  c.kill();
  await away(id);
  c = await MqttClient.join(5, { clientId: id, clean: false, properties: { sessionExpiryInterval: 100 } });
  assert.equal(c.connack.sessionPresent, true);
  await c.publish(topic, 'x', { qos: 1, properties: { userProperties: { a: 'b' }, messageExpiryInterval: 100 } });
  await c.take('publish');
  c.kill();
  await away(id);
  c = await MqttClient.join(4, { clientId: id, clean: false });
  const p = await c.take('publish');
  assert.equal(p.payload.toString(), 'x');
  assert.equal(p.dup, true);
  c.kill();
  await forget(id);
});
