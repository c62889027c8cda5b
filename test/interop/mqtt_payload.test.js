'use strict';
// mqtt_payload.test.js - what MQTT clients send, as JSON, text, bytes or nothing, where WAMP and SQL look into it: filters,
// conditions, the event history; and what a publish hook makes of it for MQTT clients that are away.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, sql, join, listen, Raw, fresh, refusal, until } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

const sync = 'SELECT fox_wamp.sync()';
const mqttTopic = (topic) => topic.replaceAll('.', '/');
const BYTES = Buffer.from([0xff, 0, 0x80]);

before(start);
after(stop);

// Payloads, and what they are in WAMP.
const PAYLOADS = [
  ['an object', '{"t":21,"unit":"C"}', [], { t: 21, unit: 'C' }],
  ['args and kwargs', '{"args":[1,"x"],"kwargs":{"t":5}}', [1, 'x'], { t: 5 }],
  ['a list', '[21,"C"]', [21, 'C'], {}],
  ['a list of one object', '[{"t":30}]', [{ t: 30 }], {}],
  ['a number', '21', [21], {}],
  ['a string', '"C"', ['C'], {}],
  ['null', 'null', [null], {}],
  ['text', 'it is 21 °C', ['it is 21 °C'], {}],
  ['bytes', BYTES, [`\u0000${BYTES.toString('base64')}`], {}],
  ['nothing', '', [], {}],
];
const byKind = (...kinds) => kinds.map((kind) => PAYLOADS.find(([k]) => k === kind).slice(2));
const heard = (inbox) => inbox.rest().map((e) => [e.args, e.kwargs]);

// Filters, and which of the payloads they let through.
const FILTERS = [
  [{ t: 21 }, ['an object']],
  [{ t: { $gt: 20 } }, ['an object', 'a list of one object']],
  [{ t: { $lt: 20 } }, ['args and kwargs']],
  [{ unit: { $regex: '^C' } }, ['an object']],
  [{ t: { $exists: true } }, ['an object', 'args and kwargs', 'a list of one object']],
  [{ $gte: 21 }, ['a number']],
  [{ $regex: '21' }, ['text']],
  [{ $regex: '^C$' }, ['a string']],
  [{ $jsonpath: '$[0] ? (@ == 21)' }, ['a list', 'a number']],
];

for (const qos of [0, 1, 2]) {
  test(`filters of WAMP subscribers, QoS ${qos}`, async () => {
    const topic = fresh();
    const s = await join();
    const inboxes = [];
    for (const [filter] of FILTERS) inboxes.push(await listen(s, topic, { filter }));
    const all = await listen(s, topic);
    const c = await MqttClient.join(5);
    for (const [, payload] of PAYLOADS) await c.publish(mqttTopic(topic), payload, { qos });
    for (const [, , args, kwargs] of PAYLOADS) {
      const e = await all.next();
      assert.deepEqual([e.args, e.kwargs], [args, kwargs]);
    }
    for (const [i, [filter, kinds]] of FILTERS.entries()) assert.deepEqual(heard(inboxes[i]), byKind(...kinds), JSON.stringify(filter));
    await c.leave();
    s.leaveNow();
  });
}

test('filters and retained messages: the stored ones, then those that come', async () => {
  const base = fresh();
  const c = await MqttClient.join(4);
  for (const [i, [, payload]] of PAYLOADS.entries()) await c.publish(mqttTopic(`${base}.${i}`), payload, { qos: 1, retain: true });
  const s = await join();
  for (const [filter, kinds] of FILTERS) {
    const inbox = await listen(s, `${base}.#`, { filter, retained: true });
    const expected = byKind(...kinds);
    for (const one of expected) {
      const e = await inbox.next();
      assert.deepEqual([e.args, e.kwargs, e.retained], [...one, true]);
    }
    await c.publish(mqttTopic(`${base}.no`), '{"t":"no"}', { qos: 1 });
    await c.publish(mqttTopic(`${base}.yes`), PAYLOADS.find(([k]) => k === kinds[0])[1], { qos: 1 });
    const e = await inbox.next();
    while (filter.t?.$exists && e.kwargs.t === 'no') Object.assign(e, await inbox.next());
    assert.deepEqual([e.topic, e.retained], [`${base}.yes`, false]);
  }
  for (let i = 0; i < PAYLOADS.length; i++) await c.publish(mqttTopic(`${base}.${i}`), '', { qos: 1, retain: true });
  await c.leave();
  s.leaveNow();
});

test('when judges what MQTT clients have stored, of WAMP and of SQL', async () => {
  const topic = fresh();
  const c = await MqttClient.join(5);
  const s = await join();
  const publish = (when) => s.publish(topic, ['mine'], {}, { acknowledge: true, retain: true, when });
  const store = (payload) => c.publish(mqttTopic(topic), payload, { qos: 1, retain: true });
  const cases = [
    ['{"state":"new","n":1.0}', { state: 'new', n: 1 }, { state: 'old' }],
    ['[{"state":"new"}]', { state: 'new' }, { n: 1 }],
    ['[1,2]', { $jsonpath: '$[1] ? (@ == 2)' }, { $jsonpath: '$[2]' }],
    ['7', { $gt: 6 }, { $gt: 7 }],
    ['ready to go', { $regex: '^ready' }, { $regex: '^go' }],
    ['{}', { $exists: true }, null],
    ['null', { $ne: 1 }, null],
    [BYTES, { $ne: 'x' }, { $regex: BYTES.toString('base64') }], // they are no text
  ];
  for (const [payload, yes, no] of cases) {
    await store(payload);
    assert.equal((await refusal(publish(no))).error, 'wamp.error.invalid_payload', `${payload} ${JSON.stringify(no)}`);
    await publish(yes).catch((e) => assert.fail(`${payload} ${JSON.stringify(yes)}: ${e.args}`));
    await store(payload);
    const text = (when) => `SELECT fox_wamp.publish('${topic}', '["sql"]', NULL, '${JSON.stringify({ retain: true, when })}') IS NOT NULL`;
    await assert.rejects(sql(text(no)), /condition/, `${payload} ${JSON.stringify(no)}`);
    assert.equal(await sql(text(yes)), 't', `${payload} ${JSON.stringify(yes)}`);
  }
  // Nothing deletes, and null waits for that.
  await store('x');
  await store('');
  await publish(null);
  assert.equal((await refusal(publish(null))).error, 'wamp.error.invalid_payload');
  await store('');
  await c.leave();
  s.leaveNow();
});

test('the event history has what MQTT clients sent, and a subscriber that comes back hears what it missed', async () => {
  const topic = fresh();
  await sql(`SELECT fox_wamp.keep_history('${topic}')`, sync);
  let c = await MqttClient.join(5);
  const first = await Raw.join();
  const seen = (await first.ask([16, 1, { acknowledge: true }, topic, ['first']]))[2];
  for (const qos of [0, 1, 2])
    for (const [, payload] of PAYLOADS) await c.publish(mqttTopic(topic), payload, { qos, retain: payload !== '' && qos === 1 });
  await c.publish(mqttTopic(topic), 'last', { qos: 1 });
  await sql(sync);
  const expected = [...PAYLOADS, ...PAYLOADS, ...PAYLOADS].map(([, , args, kwargs]) => [args, kwargs]);
  const shape = (e) => [e.args ?? [], e.kwargs ?? {}];
  const look = async () => {
    const s = await join();
    const sub = await s.subscribe(topic, () => {});
    const events = await s.call('wamp.subscription.get_events', [sub.id]);
    assert.deepEqual(events.map(shape), [[['first'], {}], ...expected, [['last'], {}]]);
    const missed = await listen(s, topic, { after: seen, match: 'exact' });
    for (const one of [...expected, [['last'], {}]]) {
      const e = await missed.next();
      assert.deepEqual([e.args, e.kwargs], one);
    }
    // With a filter too, in which each message counts as it is in JSON.
    const filtered = await listen(s, topic, { after: seen, filter: { t: { $gt: 20 } } });
    for (const one of [0, 1, 2].flatMap(() => byKind('an object', 'a list of one object'))) {
      const e = await filtered.next();
      assert.deepEqual([e.args, e.kwargs], one);
    }
    s.leaveNow();
  };
  await look();
  first.ws.terminate();
  await restart();
  await look();
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.event_history WHERE topic = '${topic}'`), String(expected.length + 2));
  c = await MqttClient.join(5);
  await c.publish(mqttTopic(topic), '', { qos: 1, retain: true });
  await sql(`SELECT fox_wamp.forget_history('${topic}')`);
  await c.leave();
});

test('what a publish hook has altered waits for MQTT clients that are away, over a restart', async () => {
  const name = `payload_${process.pid}`;
  const base = fresh();
  await sql(`CREATE FUNCTION ${name}(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN kwargs ? 't' THEN jsonb_build_object('kwargs', kwargs || '{"checked":true}')
      WHEN args->>0 LIKE 'it is%' THEN jsonb_build_object('args', jsonb_build_array('altered ' || (args->>0)))
      WHEN args = '[21]' THEN '{"args":[42]}' ELSE jsonb_build_object('args', args, 'kwargs', kwargs) END $$`,
    `SELECT fox_wamp.publish_hook('${base}.#', '${name}(text,jsonb,jsonb,jsonb)')`, `SELECT fox_wamp.keep_history('${base}.#')`, sync);
  const options = { clientId: unique('away'), clean: false, properties: { sessionExpiryInterval: 600 } };
  let reader = await MqttClient.join(5, options);
  await reader.subscribe(mqttTopic(`${base}.#`), { qos: 1 });
  await reader.leave();
  const s = await join();
  const inbox = await listen(s, `${base}.#`, { filter: { checked: true } });
  const c = await MqttClient.join(5);
  const messages = [];
  for (const retain of [false, true])
    for (const qos of [1, 2])
      for (const [what, payload] of PAYLOADS) {
        if (retain && what === 'nothing') continue;
        await c.publish(mqttTopic(`${base}.x`), payload, { qos, retain, properties: { userProperties: { n: String(messages.length) } } });
        messages.push([what, payload]);
      }
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.mqtt_message WHERE topic = '${mqttTopic(`${base}.x`)}'`), String(messages.length));
  // The filter sees what the hook has made.
  assert.equal(heard(inbox).length, 4 * 2);
  s.leaveNow();
  await restart();
  reader = await MqttClient.join(5, options);
  const altered = { 'an object': { t: 21, unit: 'C', checked: true }, 'args and kwargs': { args: [1, 'x'], kwargs: { t: 5, checked: true } }, text: 'altered it is 21 °C', 'a number': 42 };
  for (const [i, [what, payload]] of messages.entries()) {
    const p = await reader.take('publish');
    assert.equal(p.properties.userProperties.n, String(i));
    assert.equal(p.qos, 1);
    if (what in altered) assert.deepEqual(JSON.parse(p.payload), altered[what], what);
    else assert.deepEqual(p.payload, Buffer.from(payload), what);
    await reader.acknowledge(p);
  }
  await reader.nothing();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.mqtt_message WHERE topic = '${mqttTopic(`${base}.x`)}'`) === '0');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.event_history WHERE topic = '${base}.x' AND kwargs @> '{"checked":true}'`), '8');
  const again = await MqttClient.join(5);
  await again.publish(mqttTopic(`${base}.x`), '', { qos: 1, retain: true });
  await again.leave();
  await reader.leave({ properties: { sessionExpiryInterval: 0 } });
  await sql(`SELECT fox_wamp.drop_publish_hook('${base}.#'), fox_wamp.forget_history('${base}.#')`, `DROP FUNCTION ${name}`);
});
