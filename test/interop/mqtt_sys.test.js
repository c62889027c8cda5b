'use strict';
// mqtt_sys.test.js - what the router says of itself below $SYS, and of MQTT clients that come and go.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, withSettings, until } = require('./lib');
const { MqttClient, ALL, unique } = require('./mqtt_client');

before(start);
after(stop);

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
