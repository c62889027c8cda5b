'use strict';
// mqtt_session.test.js - what of a client outlives its connection: sessions, what waits for them, and wills.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, withSettings, until } = require('./lib');
const { MqttClient, each, ALL, unique, str, packet } = require('./mqtt_client');

before(start);
after(stop);

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

each([3, 4], 'a client that waits for no answer is read from as fast as its messages can be kept', async (v) => {
  const topic = unique('t');
  const many = 1000;
  const away = await MqttClient.join(v, { clean: false });
  await away.subscribe(`${topic}/#`, { qos: 2 });
  await away.leave();
  const c = await MqttClient.join(v, { keepalive: 60 });
  const ids = Array.from({ length: many }, (_, i) => i + 1);
  for (const qos of v === 3 ? [1] : [1, 2]) {
    c.write(Buffer.concat(ids.map((id) => packet(0x30 | qos << 1, str(`${topic}/${qos}`), [id >> 8, id & 255], `${id}`))));
    for (const id of ids) assert.equal((await c.take(qos === 1 ? 'puback' : 'pubrec')).messageId, id);
  }
  if (v === 4) {
    c.write(Buffer.concat(ids.map((id) => packet(0x62, [id >> 8, id & 255]))));
    for (const id of ids) assert.equal((await c.take('pubcomp')).messageId, id);
  }
  c.kill();
  const back = await MqttClient.join(v, { clientId: away.id, clean: false });
  for (const id of ids.slice(0, 50)) {
    const p = await back.take('publish');
    assert.equal(p.payload.toString(), `${id}`);
  }
  back.kill();
  await sql(`SELECT fox_wamp.kill_client('${away.id}', forget => true)`);
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
