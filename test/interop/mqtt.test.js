'use strict';
// mqtt.test.js - what MQTT promises, packet by packet, in every version that has it.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, Raw, withSettings, until } = require('./lib');
const { MqttClient, unique, str, packet } = require('./mqtt_client');

before(start);
after(stop);

/** A test for each version. */
function each(versions, name, body) {
  for (const version of versions) test(`${name} (${{ 3: '3.1', 4: '3.1.1', 5: '5.0' }[version]})`, () => body(version));
}
const ALL = [3, 4, 5];

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

// --- sessions ---

each([4, 5], 'a session that is kept: its subscriptions, what came meanwhile, and what was not acknowledged', async (v) => {
  const topic = unique('t');
  const options = { clientId: unique('kept'), clean: false, properties: v === 5 ? { sessionExpiryInterval: 100 } : undefined };
  let c = await MqttClient.join(v, options);
  const p = await MqttClient.join(v);
  await c.subscribe(topic, { qos: 2 });
  await p.publish(topic, 'first', { qos: 1 });
  await p.publish(topic, 'second', { qos: 2 });
  await c.take('publish');
  const second = await c.take('publish');
  c.send({ cmd: 'pubrec', messageId: second.messageId });
  await c.take('pubrel');
  c.kill();
  await c.end();
  await p.publish(topic, 'third', { qos: 1 });
  await p.publish(topic, 'missed', { qos: 0 });
  c = await MqttClient.join(v, options);
  assert.equal(c.connack.sessionPresent, true);
  const again = await c.take('publish');
  assert.equal(again.payload.toString(), 'first');
  assert.equal(again.dup, true);
  await c.acknowledge(again);
  assert.equal((await c.take('pubrel')).messageId, second.messageId);
  c.send({ cmd: 'pubcomp', messageId: second.messageId });
  const third = await c.take('publish');
  assert.equal(third.payload.toString(), 'third');
  assert.equal(third.dup, false);
  await c.acknowledge(third);
  await c.nothing();
  await c.leave();
  const fresh = await MqttClient.join(v, { ...options, clean: true });
  assert.equal(fresh.connack.sessionPresent, false);
  await p.publish(topic, 'x', { qos: 1 });
  await fresh.nothing();
  fresh.kill();
  p.kill();
});

test('clients are sent to another server, and taken again', async () => {
  const five = await MqttClient.join(5);
  const four = await MqttClient.join(4);
  await withSettings({ 'fox_wamp.mqtt_redirect': 'other.example:1883' }, async () => {
    assert.equal(await five.end(), 0x9c);
    assert.equal(five.packets.find((p) => p.cmd === 'disconnect').properties.serverReference, 'other.example:1883');
    await four.end();
    const c = await MqttClient.open(5);
    const ack = await c.connect();
    assert.equal(ack.reasonCode, 0x9c);
    assert.equal(ack.properties.serverReference, 'other.example:1883');
    await c.end();
    assert.equal(await MqttClient.refusal(4), 3);
  });
  await until(async () => MqttClient.join(5).then((c) => { c.kill(); return true; }, () => false));
});

test('answers go out in the order of the messages, whichever is taken first', async () => {
  const away = await MqttClient.join(5, { clean: false, properties: { sessionExpiryInterval: 600 } });
  const topic = unique('order');
  await away.subscribe(`${topic}/kept`, { qos: 1 });
  away.kill();
  const c = await MqttClient.join(5);
  for (const qos of [1, 2]) {
    const ids = [];
    for (let i = 0; i < 30; i++) {
      const messageId = 100 + i;
      ids.push(messageId);
      c.send({ cmd: 'publish', topic: `${topic}/${['kept', 'heard by nobody', 'retained'][i % 3]}`, payload: `${i}`, qos, retain: i % 3 === 2, dup: false, messageId });
    }
    const answers = [];
    for (let i = 0; i < 30; i++) answers.push((await c.take(qos === 1 ? 'puback' : 'pubrec')).messageId);
    assert.deepEqual(answers, ids);
    if (qos === 2) for (const messageId of ids) c.send({ cmd: 'pubrel', messageId });
  }
  await c.publish(`${topic}/retained`, '', { qos: 1, retain: true });
  c.kill();
  await (await MqttClient.join(5, { clientId: away.id })).leave();
});

test('a full queue: the new message goes, or the oldest one', async () => {
  for (const [policy, left] of [['drop_new', [0, 1, 2]], ['drop_old', [3, 4, 5]]]) {
    await withSettings({ 'fox_wamp.mqtt_max_queued': 3, 'fox_wamp.mqtt_queue_full': policy }, async () => {
      await sql('SELECT fox_wamp.sync()');
      const kept = { clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } };
      const topic = unique('full');
      const s = await MqttClient.join(5, kept);
      await s.subscribe(topic, { qos: 1 });
      s.kill();
      const c = await MqttClient.join(5);
      while (await sql(`SELECT count(*) FROM fox_wamp.mqtt_session WHERE client_id = '${kept.clientId}' AND disconnected IS NOT NULL`) === '0');
      for (let i = 0; i < 6; i++) assert.equal((await c.publish(topic, `${i}`, { qos: 1 })).reasonCode ?? 0, 0);
      const again = await MqttClient.join(5, kept);
      for (const n of left) {
        const p = await again.take('publish');
        assert.equal(p.payload.toString(), `${n}`);
        await again.acknowledge(p);
      }
      await again.nothing();
      again.kill();
      await (await MqttClient.join(5, { ...kept, clean: true, properties: {} })).leave();
      c.kill();
    });
  }
});

test('QoS 0 waits for who is away, if that is wished', () => withSettings({ 'fox_wamp.mqtt_queue_qos0': 'on', 'fox_wamp.mqtt_max_queued': 3 }, async () => {
  const topic = unique('absent');
  const options = { clientId: unique(), clean: false, properties: { sessionExpiryInterval: 600 } };
  let c = await MqttClient.join(5, options);
  const ends = await MqttClient.join(5);
  const other = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 1 });
  await ends.subscribe(topic, { qos: 1 });
  ends.kill();
  c.kill();
  await until(async () => await sql(`SELECT disconnected IS NOT NULL FROM fox_wamp.mqtt_session WHERE client_id = '${options.clientId}'`) === 't');
  for (const [text, qos] of [['0', 0], ['1', 1], ['2', 0], ['too many', 0]]) await other.publish(topic, text, { qos });
  await other.nothing();
  // Nothing of it is written.
  assert.equal(await sql(`SELECT string_agg(encode(payload, 'escape'), ' ') FROM fox_wamp.mqtt_message WHERE topic = '${topic}'`), '1');
  c = await MqttClient.join(5, options);
  const got = [await c.take('publish'), await c.take('publish'), await c.take('publish')];
  assert.deepEqual(got.map((p) => `${p.payload} ${p.qos} ${p.dup}`), ['0 0 false', '2 0 false', '1 1 false']);
  await c.acknowledge(got[2]);
  await c.nothing();
  c.kill();
  await (await MqttClient.join(5, { clientId: options.clientId })).leave();
}));

test('kill_client() ends a connection, or a session', async () => {
  const options = { clientId: unique('victim'), clean: false, properties: { sessionExpiryInterval: 600 } };
  const kill = (more = '') => sql(`SELECT fox_wamp.kill_client('${options.clientId}'${more})`);
  const rows = () => sql(`SELECT count(*) FROM fox_wamp.mqtt_session WHERE client_id = '${options.clientId}'`);
  const watcher = await MqttClient.join(5);
  const will = { topic: unique('will'), payload: Buffer.from('killed'), qos: 1, retain: false };
  await watcher.subscribe(will.topic, { qos: 1 });
  assert.equal(await kill(), 'f');
  const c = await MqttClient.join(5, { ...options, will });
  await c.subscribe('victim', { qos: 1 });
  assert.equal(await kill(", 'no_such_realm'"), 'f');
  assert.equal(await kill(), 't');
  assert.equal(await c.end(), 0x98);
  assert.equal(await watcher.text(), 'killed');
  assert.equal(await kill(), 'f');
  assert.equal(await rows(), '1');
  const old = await MqttClient.join(4, { clientId: options.clientId, clean: false });
  assert.equal(old.connack.sessionPresent, true);
  assert.equal(await kill(", 'realm1', true"), 't');
  assert.equal(await old.end(), undefined);
  await until(async () => await rows() === '0');
  const fresh = await MqttClient.join(5, options);
  assert.equal(fresh.connack.sessionPresent, false);
  fresh.kill();
  await until(async () => await kill(', forget => true') === 't' || await rows() === '0');
  await until(async () => await rows() === '0');
  // A session that ends with its connection.
  const short = await MqttClient.join(5, { clientId: options.clientId });
  assert.equal(await kill(), 't');
  assert.equal(await short.end(), 0x98);
  assert.equal(await sql("SELECT fox_wamp.kill_client(NULL)"), 'f');
  const name = `mqtt_killer_${process.pid}`;
  await sql(`CREATE ROLE ${name}`, `GRANT fox_wamp_user TO ${name}`);
  await assert.rejects(sql(`SET ROLE ${name}`, "SELECT fox_wamp.kill_client('x')"), /permission denied/);
  await sql(`REVOKE fox_wamp_user FROM ${name}`, `GRANT fox_wamp_admin TO ${name}`);
  assert.equal(await sql(`SET ROLE ${name}`, "SELECT fox_wamp.kill_client('x')"), 'f');
  await sql(`DROP ROLE ${name}`);
  await watcher.leave();
});

test('a session expires, and a DISCONNECT can change when', async () => {
  const clientId = unique('expires');
  let c = await MqttClient.join(5, { clientId, properties: { sessionExpiryInterval: 100 } });
  await c.leave({ reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
  c = await MqttClient.join(5, { clientId, clean: false });
  assert.equal(c.connack.sessionPresent, false);
  c.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 10 } });
  assert.equal(await c.end(), 0x82);
});

test('a message that waits loses of its time, and expires', async () => {
  const topic = unique('t');
  const options = { clientId: unique('late'), clean: false, properties: { sessionExpiryInterval: 100 } };
  let c = await MqttClient.join(5, options);
  const p = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 1 });
  await c.leave();
  await p.publish(topic, 'gone', { qos: 1, properties: { messageExpiryInterval: 1 } });
  await p.publish(topic, 'there', { qos: 1, properties: { messageExpiryInterval: 100 } });
  await until(async () => await sql(`SELECT bool_or(expires < now()) FROM fox_wamp.mqtt_message WHERE topic = '${topic}'`) === 't');
  c = await MqttClient.join(5, options);
  const got = await c.take('publish');
  assert.equal(got.payload.toString(), 'there');
  assert.ok(got.properties.messageExpiryInterval < 100);
  c.kill();
  p.kill();
});

each([4, 5], 'a publish that is sent right before DISCONNECT is not lost, whatever it waits for', async (v) => {
  const topic = unique('t');
  const s = await MqttClient.join(v);
  await s.subscribe(`${topic}/#`);
  for (let i = 0; i < 20; i++) {
    const c = await MqttClient.join(v);
    c.send({ cmd: 'publish', topic: `${topic}/r`, payload: `${i}`, qos: 0, retain: true });
    c.send({ cmd: 'publish', topic: `${topic}/r`, payload: '', qos: 0, retain: true });
    c.send({ cmd: 'publish', topic: `${topic}/last`, payload: `${i}`, qos: 0 });
    await c.leave();
    assert.equal(await s.text(), `${i}`);
    assert.equal(await s.text(), '');
    assert.equal(await s.text(), `${i}`);
  }
  s.kill();
});

// --- wills ---

each(ALL, 'a will is published when its client is lost, and not when it leaves', async (v) => {
  const topic = unique('w');
  const will = { topic, payload: Buffer.from('gone'), qos: 1, retain: false };
  const s = await MqttClient.join(v);
  await s.subscribe(topic, { qos: 2 });
  (await MqttClient.join(v, { will })).kill();
  const p = await s.take('publish');
  assert.equal(p.payload.toString(), 'gone');
  assert.equal(p.qos, 1);
  await s.acknowledge(p);
  await (await MqttClient.join(v, { will })).leave();
  const malformed = await MqttClient.join(v, { will });
  malformed.hex('0000');
  await malformed.end();
  await s.acknowledge(await s.take('publish'));
  const taken = await MqttClient.join(v, { will });
  await MqttClient.join(v, { clientId: taken.id });
  await s.acknowledge(await s.take('publish'));
  await s.nothing();
  s.kill();
});

test('a will is retained, has its properties, and waits for its delay', async () => {
  const topic = unique('w');
  const properties = { willDelayInterval: 1, contentType: 'x/y', userProperties: { a: 'b' } };
  const options = { clientId: unique('delay'), clean: false, properties: { sessionExpiryInterval: 100 },
    will: { topic, payload: Buffer.from('gone'), qos: 0, retain: true, properties } };
  const s = await MqttClient.join(5);
  await s.subscribe(topic);
  (await MqttClient.join(5, options)).kill();
  await new Promise((resolve) => setTimeout(resolve, 100));
  (await MqttClient.join(5, options)).kill();
  const p = await s.take('publish');
  assert.equal(p.properties.contentType, 'x/y');
  assert.equal(p.properties.userProperties.a, 'b');
  await s.nothing();
  await s.subscribe(topic);
  assert.equal((await s.take('publish')).retain, true);
  const c = await MqttClient.join(5, { ...options, clean: true, properties: undefined });
  await c.leave({ reasonCode: 4 });
  assert.equal(await s.text(), 'gone');
  await s.publish(topic, '', { qos: 1, retain: true });
  s.kill();
});

test('a new session under the name publishes the will that waits', async () => {
  const topic = unique('w');
  const clientId = unique('delay');
  const s = await MqttClient.join(5);
  await s.subscribe(topic);
  (await MqttClient.join(5, { clientId, clean: false, properties: { sessionExpiryInterval: 100 },
    will: { topic, payload: Buffer.from('gone'), qos: 0, retain: false, properties: { willDelayInterval: 100 } } })).kill();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await s.nothing();
  const c = await MqttClient.join(5, { clientId, clean: true });
  assert.equal(await s.text(), 'gone');
  c.kill();
  s.kill();
});

test('a will to what may not be published is refused with its client', async () => {
  const c = await MqttClient.open(5);
  assert.equal((await c.connect({ will: { topic: 'wamp/x', payload: Buffer.from('x'), qos: 0, retain: false } })).reasonCode, 0x87);
  await c.end();
});

// --- with WAMP and SQL ---

test('payloads from MQTT to WAMP, with their properties', async () => {
  const topic = unique('p').replaceAll('-', '_');
  const raw = await Raw.join();
  const c = await MqttClient.join(5);
  await raw.ask([32, 1, {}, `${topic}.x`]);
  const cases = [
    ['', [], {}], ['[1,2]', [1, 2], {}], ['{"a":1}', [], { a: 1 }], ['{"args":[1],"kwargs":{"b":2}}', [1], { b: 2 }],
    ['21.5', [21.5], {}], ['"s"', ['s'], {}], ['null', [null], {}], ['hello', ['hello'], {}], [Buffer.from([255, 0]), ['\0/wA='], {}],
  ];
  for (const [payload] of cases) await c.publish(`${topic}/x`, payload, { qos: 1 });
  await c.publish(`${topic}/x`, 'x', { qos: 1, properties: { contentType: 'a/b', userProperties: { k: 'v' }, correlationData: Buffer.from([1]) } });
  for (const [, args, kwargs] of cases) {
    const event = await raw.next();
    assert.deepEqual(event[4] ?? [], args);
    assert.deepEqual(event[5] ?? {}, kwargs);
  }
  assert.deepEqual((await raw.next())[3].mqtt, { content_type: 'a/b', correlation_data: '\0AQ==', user: [['k', 'v']] });
  c.kill();
});

test('payloads from WAMP and SQL to MQTT', async () => {
  const topic = unique('p').replaceAll('-', '_');
  const session = await join();
  const c = await MqttClient.join(5);
  await c.subscribe(`${topic}/#`, { qos: 2 });
  const cases = [
    [[], {}, ''], [[1], {}, '1'], [['s'], {}, '"s"'], [[1, 2], {}, '[1,2]'], [[], { a: 1 }, '{"a":1}'],
    [[1], { a: 1 }, '{"args":[1],"kwargs":{"a":1}}'], [['\0/wA='], {}, Buffer.from([255, 0])],
  ];
  for (const [args, kwargs, payload] of cases) {
    session.publish(`${topic}.x`, args, kwargs);
    const p = await c.take('publish');
    assert.deepEqual(p.payload, Buffer.from(payload));
    assert.equal(p.qos, 0);
  }
  await session.publish(`${topic}.a/b.c`, [1], {}, { acknowledge: true });
  const p = await c.take('publish');
  assert.equal(p.topic, `${topic}/a%2Fb/c`);
  assert.equal(p.qos, 1);
  assert.equal(p.properties.contentType, 'application/json');
  assert.equal(p.properties.payloadFormatIndicator, true);
  await c.acknowledge(p);
  await sql(`SELECT fox_wamp.publish('${topic}.sql', '[{"a":1}]', options => '{"retain":true}')`);
  const q = await c.take('publish');
  assert.deepEqual(JSON.parse(q.payload), { a: 1 });
  assert.equal(q.qos, 1);
  const s = await MqttClient.join(4);
  await s.subscribe(`${topic}/sql`);
  assert.deepEqual(JSON.parse(await s.text()), { a: 1 });
  await sql(`DELETE FROM fox_wamp.retained WHERE topic = '${topic}.sql'`);
  assert.equal(await s.text(), '{"a": 1}'.slice(0, 0));
  c.kill();
  s.kill();
  session.leaveNow();
});

test('properties and QoS from WAMP and SQL', async () => {
  const topic = unique('p').replaceAll('-', '_');
  const session = await join();
  const c = await MqttClient.join(5);
  const old = await MqttClient.join(4);
  await c.subscribe(`${topic}/#`, { qos: 2 });
  await old.subscribe(`${topic}/#`);
  const properties = { content_type: 'a/b', response_topic: 'r/t', correlation_data: '\0AQI=', user: [['k', 'v'], ['k', 'w'], ['n']], message_expiry: 60, other: 1 };
  const seen = (p) => ({ ...p.properties, userProperties: { ...p.properties.userProperties } });
  const expected = { payloadFormatIndicator: true, contentType: 'a/b', responseTopic: 'r/t', correlationData: Buffer.from([1, 2]), userProperties: { k: ['v', 'w'] } };
  const check = async (qos) => {
    const p = await c.take('publish');
    assert.equal(p.qos, qos);
    const { messageExpiryInterval, ...rest } = seen(p);
    assert.ok(messageExpiryInterval > 0 && messageExpiryInterval <= 60);
    assert.deepEqual(rest, expected);
    await c.acknowledge(p);
    assert.equal((await old.take('publish')).properties, undefined);
  };
  for (const qos of [0, 1, 2]) {
    session.publish(`${topic}.w`, [1], {}, { mqtt: properties, qos });
    await check(qos);
  }
  await session.publish(`${topic}.r`, [1], {}, { mqtt: properties, retain: true, acknowledge: true });
  await check(1);
  await session.publish(`${topic}.r`, [], {}, { retain: true, acknowledge: true });
  await c.acknowledge(await c.take('publish'));
  await sql(`SELECT fox_wamp.publish('${topic}.s', '[1]', options => '${JSON.stringify({ mqtt: { ...properties, correlation_data: '\u0001\u0002' }, qos: 2 })}')`);
  await check(2);
  for (const mqtt of [{ response_topic: 'a/#', user: 7, content_type: 1, correlation_data: [] }, {}]) {
    session.publish(`${topic}.bad`, [1], {}, { mqtt });
    const p = await c.take('publish');
    assert.equal(p.properties.responseTopic, undefined);
    assert.equal(p.properties.contentType, 'application/json');
  }
  const refused = await session.publish(`${topic}.x`, [], {}, { mqtt: 7, acknowledge: true }).catch((e) => e);
  assert.equal(refused.error, 'wamp.error.invalid_argument');
  await assert.rejects(sql(`SELECT fox_wamp.publish('${topic}.x', options => '{"qos":3}')`), /must be 0, 1 or 2/);
  await assert.rejects(sql(`SELECT fox_wamp.publish('${topic}.x', options => '{"mqtt":3}')`), /must be an object/);
  c.kill();
  old.kill();
  session.leaveNow();
});

test('what MQTT retains WAMP sees, and the other way', async () => {
  const topic = unique('r').replaceAll('-', '_');
  const session = await join();
  const c = await MqttClient.join(5);
  await c.publish(`${topic}/m`, '{"from":"mqtt"}', { qos: 1, retain: true });
  await session.publish(`${topic}.w`, [], { from: 'wamp' }, { acknowledge: true, retain: true });
  const seen = [];
  await session.subscribe(`${topic}.*`, (args, kwargs, details) => seen.push([details.topic, kwargs]), { retained: true });
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(seen, [[`${topic}.m`, { from: 'mqtt' }], [`${topic}.w`, { from: 'wamp' }]]);
  await c.subscribe(`${topic}/+`);
  assert.equal(await c.text(), '{"from":"mqtt"}');
  assert.deepEqual(JSON.parse(await c.text()), { from: 'wamp' });
  assert.equal(await sql(`SELECT kwargs->>'from' FROM fox_wamp.retained WHERE topic = '${topic}.m'`), 'mqtt');
  await sql(`DELETE FROM fox_wamp.retained WHERE topic LIKE '${topic}.%'`);
  c.kill();
  session.leaveNow();
});

test('one of a group hears an event, by WAMP too', async () => {
  const topic = unique('g').replaceAll('-', '_');
  const session = await join();
  const c = await MqttClient.join(5);
  let heard = 0;
  await session.subscribe(`${topic}.x`, () => { heard++; }, { share: 'g' });
  await c.subscribe(`$share/g/${topic}/x`);
  for (let i = 0; i < 4; i++) await c.publish(`${topic}/x`, `${i}`, { qos: 1 });
  await c.text();
  await c.text();
  await c.nothing();
  while (heard < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(heard, 2);
  c.kill();
  session.leaveNow();
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

test('$SYS: values at once, then what has changed; nobody else publishes there', () => withSettings({ 'fox_wamp.mqtt_sys_interval': '1s' }, async () => {
  for (const v of ALL) {
    const c = await MqttClient.join(v);
    assert.deepEqual(await c.subscribe(['$SYS/broker/+', '$SYS/broker/clients/connected', '$SYS/broker/load/messages/#', '$SYS/other'], { qos: v === 3 ? 0 : 1 }).then((g) => g.map((x) => x < 3)),
      [true, true, true, true]);
    const first = {};
    while (Object.keys(first).length < 9) {
      const p = await c.take('publish');
      await c.acknowledge(p);
      assert.equal(p.retain, true);
      first[p.topic.slice(12)] = p.payload.toString();
    }
    assert.equal(first.version, 'fox_wamp');
    assert.match(first.uptime, /^\d+ seconds$/);
    assert.ok(Number(first['clients/connected']) >= 1);
    assert.match(first['load/messages/received/15min'], /^\d+\.\d\d$/);
    let later;
    do {
      later = await c.take((p) => p.cmd === 'publish' && p.topic === '$SYS/broker/uptime');
      await c.acknowledge(later);
      assert.equal(later.retain, false);
    } while (later.payload.toString() === first.uptime);
    const refused = await c.publish('$SYS/broker/uptime', 'x', { qos: 1 });
    assert.equal(refused.reasonCode, v === 5 ? 0x87 : undefined);
    await c.unsubscribe('$SYS/broker/+');
    c.kill();
  }
}));

test('clients that come and go are events', async () => {
  const s = `presence_${process.pid}`;
  await sql(`CREATE TABLE ${s} (topic text, args jsonb)`, `CREATE FUNCTION ${s}(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO ${s} VALUES ($1, $2) $$`,
    `SELECT fox_wamp.attach('fox_wamp.mqtt.*', '${s}(text,jsonb,jsonb,jsonb)')`, 'SELECT fox_wamp.sync()');
  const watcher = await MqttClient.join(5);
  await watcher.subscribe('fox_wamp/mqtt/+');
  const session = await join();
  const heard = [];
  await session.subscribe('fox_wamp.mqtt.on_connect', ([details]) => heard.push(details));
  const id = unique('presence');
  const next = async (topic) => JSON.parse((await watcher.take((p) => p.cmd === 'publish' && p.topic === `fox_wamp/mqtt/${topic}` && p.payload.includes(`"${id}"`))).payload);
  const options = { clientId: id, clean: false, properties: { sessionExpiryInterval: 60 } };
  let c = await MqttClient.join(5, options);
  const came = await next('on_connect');
  assert.deepEqual([came.client_id, came.authid, came.authrole, came.authmethod, came.transport.type, came.transport.protocol], [id, 'anonymous', 'anonymous', 'anonymous', 'tcp', 'mqtt.5.0']);
  await c.leave();
  const { session: number, ...went } = await next('on_disconnect');
  assert.deepEqual(went, { client_id: id, authid: 'anonymous', authrole: 'anonymous', lost: false });
  assert.equal(number, came.session);
  c = await MqttClient.join(4, options);
  assert.equal((await next('on_connect')).session, number);
  c.kill();
  assert.equal((await next('on_disconnect')).lost, true);
  await MqttClient.join(5, { clientId: id });
  await next('on_connect');
  await sql(`SELECT fox_wamp.kill_client('${id}', forget => true)`);
  assert.equal((await next('on_disconnect')).lost, true);
  await until(async () => await sql(`SELECT count(*) FROM ${s} WHERE args->0->>'client_id' = '${id}'`) === '6');
  await until(() => heard.filter((d) => d.client_id === id).length === 3);
  session.leaveNow();
  await watcher.leave();
  await sql(`DROP FUNCTION ${s}`, `DROP TABLE ${s}`);
});

test('$SYS has the names that mosquitto has', async () => {
  // mosquitto 2.0, without its heap.
  const spans = (name) => ['1min', '5min', '15min'].map((span) => `load/${name}/${span}`);
  const names = ['bytes/received', 'bytes/sent', 'clients/active', 'clients/connected', 'clients/disconnected', 'clients/expired', 'clients/inactive', 'clients/maximum', 'clients/total',
    ...['bytes/received', 'bytes/sent', 'connections', 'messages/received', 'messages/sent', 'publish/dropped', 'publish/received', 'publish/sent', 'sockets'].flatMap(spans),
    'messages/received', 'messages/sent', 'messages/stored', 'publish/bytes/received', 'publish/bytes/sent', 'publish/messages/dropped', 'publish/messages/received', 'publish/messages/sent',
    'retained messages/count', 'shared_subscriptions/count', 'store/messages/bytes', 'store/messages/count', 'subscriptions/count', 'uptime', 'version'];
  const away = await MqttClient.join(5, { clientId: unique(), properties: { sessionExpiryInterval: 60 } });
  const topic = unique('sys');
  await away.subscribe(['$share/group/other', topic], { qos: 1 });
  away.kill();
  const c = await MqttClient.join(5);
  await c.publish(topic, 'x'.repeat(100), { qos: 1 });
  await c.subscribe('$SYS/#');
  const got = {};
  while (Object.keys(got).length < names.length) {
    const p = await c.take('publish');
    got[p.topic.replace('$SYS/broker/', '')] = p.payload.toString();
  }
  assert.deepEqual(Object.keys(got).sort(), names.sort());
  assert.ok(Number(got['shared_subscriptions/count']) >= 1);
  assert.ok(Number(got['store/messages/bytes']) >= 100);
  assert.ok(Number(got['clients/disconnected']) >= 1);
  c.kill();
  await (await MqttClient.join(5, { clientId: away.id })).leave();
});

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
