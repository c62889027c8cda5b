'use strict';
// mqtt_wamp.test.js - MQTT clients among those of WAMP and SQL: payloads, properties, retained values.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, Raw } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

before(start);
after(stop);

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
