'use strict';
// publish_hook.test.js - SQL functions that see what clients publish before it goes on, by every door.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, listen, Raw, fresh, refusal, restart, until } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');
const { ask, closeAll } = require('./http');

const schema = `hooks_${process.pid}`;
const base = fresh('hook');
const sync = 'SELECT fox_wamp.sync()';
const mqttTopic = (topic) => topic.replaceAll('.', '/');

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `CREATE TABLE ${schema}.seen (n bigint GENERATED ALWAYS AS IDENTITY, topic text, args jsonb, kwargs jsonb, details jsonb, who text)`,
    `CREATE FUNCTION ${schema}.hook(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO ${schema}.seen (topic, args, kwargs, details, who) VALUES ($1, $2, $3, $4, current_user);
       IF kwargs ? 'refuse' OR args->>0 = 'refuse' THEN RETURN NULL; END IF;
       IF kwargs ? 'raise' THEN RAISE EXCEPTION 'no: %', kwargs->>'raise'; END IF;
       IF kwargs ? 'fill' THEN RETURN jsonb_build_object('args', jsonb_build_array(repeat('x', (kwargs->>'fill')::int))); END IF;
       IF kwargs ? 't' THEN RETURN jsonb_build_object('kwargs', kwargs || '{"checked": true}'); END IF;
       IF args->>0 = 'many' THEN RETURN '{"args": [1, 2], "kwargs": {"a": null}}'; END IF;
       IF args->>0 = 'empty' THEN RETURN '{"args": null}'; END IF;
       RETURN jsonb_build_object('args', args, 'kwargs', kwargs);
     END $$`, `SELECT fox_wamp.publish_hook('${base}.#', '${schema}.hook(text,jsonb,jsonb,jsonb)')`, sync);
});
after(async () => {
  closeAll();
  await sql(`SELECT fox_wamp.drop_publish_hook('${base}.#')`, `DROP SCHEMA ${schema} CASCADE`);
  stop();
});

const seen = (topic, what) => sql(`SELECT ${what} FROM ${schema}.seen WHERE topic = '${topic}' ORDER BY n DESC LIMIT 1`);

test('WAMP: altered, unaltered, refused, an error', async () => {
  const topic = `${base}.wamp`;
  const s = await join();
  const inbox = await listen(s, topic);
  const publish = (args, kwargs) => s.publish(topic, args, kwargs, { acknowledge: true, exclude_me: false });
  await publish([], { t: 21 });
  assert.deepEqual((await inbox.next()).kwargs, { t: 21, checked: true });
  await publish([1, 'x', null], { other: [1.50] });
  const e = await inbox.next();
  assert.deepEqual([e.args, e.kwargs], [[1, 'x', null], { other: [1.5] }]);
  await publish(['many']);
  assert.deepEqual((({ args, kwargs }) => ({ args, kwargs }))(await inbox.next()), { args: [1, 2], kwargs: { a: null } });
  await publish(['empty']);
  assert.deepEqual((await inbox.next()).args, []);
  const refused = await refusal(publish(['refuse']));
  assert.equal(refused.error, 'wamp.error.not_authorized');
  assert.match(refused.args[0], /may not publish to ".*\.wamp": the publish hook does not allow it/);
  const raised = await refusal(publish([], { raise: 'too hot' }));
  assert.equal(raised.error, 'pg.error.P0001');
  assert.equal(raised.args[0], 'no: too hot');
  assert.deepEqual(inbox.rest(), []);
  // Binary, which jsonb has not, goes through whole.
  const raw = await Raw.join();
  await raw.ask([32, 1, {}, topic]);
  await s.publish(topic, ['\u0000AAEC/w=='], {}, { acknowledge: true });
  assert.deepEqual((await raw.next())[4], ['\u0000AAEC/w==']);
  await s.publish(topic, ['\u0000AAEC/w=='], { t: 1 }, { acknowledge: true });
  assert.deepEqual((await raw.next()).slice(4), [['\u0000AAEC/w=='], { t: 1, checked: true }]);
  const details = JSON.parse(await seen(topic, 'details'));
  assert.equal(details.realm, 'realm1');
  assert.equal(details.authid, 'anonymous');
  assert.equal(details.role, 'fox_wamp_anonymous');
  assert.equal(details.session, s.id);
  assert.equal(details.options.acknowledge, true);
  assert.equal(await sql(`SELECT reason, count FROM fox_wamp.denials WHERE topic = '${topic}' AND action = 'publish'`).then((t) => t.split('|')[1]), '2');
  raw.ws.terminate();
  s.leaveNow();
});

test('MQTT: bytes and properties stay, or follow what was altered', async () => {
  const topic = mqttTopic(`${base}.mqtt`);
  const c = await MqttClient.join(5);
  await c.subscribe(topic, { qos: 2 });
  const properties = { contentType: 'application/x-own', responseTopic: 'answer/here', correlationData: Buffer.from([0, 255]), userProperties: { a: ['1', '2'], b: '3' }, payloadFormatIndicator: true };
  for (const qos of [0, 1, 2]) {
    for (const payload of ['{ "other" : 1.0, "a":[ ] }', 'text', '', '[1,  2]']) {
      await c.publish(topic, payload, { qos, properties });
      const p = await c.take('publish');
      assert.equal(p.payload.toString(), payload);
      assert.equal(p.qos, qos);
      assert.deepEqual(JSON.parse(JSON.stringify(p.properties)), JSON.parse(JSON.stringify(properties)));
      await c.acknowledge(p);
    }
    await c.publish(topic, Buffer.from([0xff, 0, 1]), { qos });
    const binary = await c.take('publish');
    assert.deepEqual([...binary.payload], [0xff, 0, 1]);
    await c.acknowledge(binary);
    await c.publish(topic, '{"t": 21}', { qos, properties });
    const p = await c.take('publish');
    assert.equal(JSON.stringify(JSON.parse(p.payload.toString())), '{"t":21,"checked":true}');
    assert.deepEqual(JSON.parse(JSON.stringify(p.properties)), JSON.parse(JSON.stringify({ ...properties, contentType: 'application/json' })));
    await c.acknowledge(p);
  }
  assert.deepEqual(JSON.parse(await seen(`${base}.mqtt`, "details->'mqtt'")).user, [['a', '1'], ['a', '2'], ['b', '3']]);
  assert.equal(await seen(`${base}.mqtt`, "details->>'client_id'"), c.id);
  for (const qos of [1, 2]) {
    const refused = await c.publish(topic, '"refuse"', { qos });
    assert.equal(refused.reasonCode, 0x87);
    assert.match(refused.properties.reasonString, /publish hook does not allow it/);
    const raised = await c.publish(topic, '{"raise":"it"}', { qos });
    assert.equal(raised.reasonCode, 0x80);
    assert.equal(raised.properties.reasonString, 'no: it');
  }
  await c.publish(topic, '"refuse"', { qos: 0 });
  await c.publish(topic, '"last"', { qos: 1 });
  assert.equal(await c.text(), '"last"');
  await c.nothing();
  // Before 5.0 there is no reason code.
  const old = await MqttClient.join(4);
  for (const qos of [1, 2]) await old.publish(topic, '"refuse"', { qos });
  await c.nothing();
  await old.leave();
  await c.leave();
});

test('MQTT: a retained message is stored as the hook has it, and a will has passed it too', async () => {
  const topic = `${base}.retained`;
  const c = await MqttClient.join(5, { will: { topic: mqttTopic(`${base}.will`), payload: Buffer.from('{"t":"will"}'), qos: 1, retain: false } });
  await c.publish(mqttTopic(topic), '{"t":1}', { qos: 1, retain: true });
  assert.equal(await sql(`SELECT kwargs FROM fox_wamp.retained WHERE topic = '${topic}'`), '{"t": 1, "checked": true}');
  const other = await MqttClient.join(5);
  await other.subscribe([mqttTopic(topic), mqttTopic(`${base}.will`)]);
  assert.deepEqual(JSON.parse(await other.text()), { t: 1, checked: true });
  await c.publish(mqttTopic(topic), '', { qos: 1, retain: true });
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${topic}'`), '0');
  await other.text();
  c.kill();
  assert.deepEqual(JSON.parse(await other.text()), { t: 'will', checked: true });
  // An administrator ends a session: its will goes on as well.
  const options = { clientId: unique('will'), will: { topic: mqttTopic(`${base}.will`), payload: Buffer.from('{"t":"killed"}'), qos: 0, retain: false } };
  const killed = await MqttClient.join(5, options);
  await sql(`SELECT fox_wamp.kill_client('${options.clientId}')`);
  await killed.end();
  assert.deepEqual(JSON.parse(await other.text()), { t: 'killed', checked: true });
  const gone = await MqttClient.join(5, options);
  await sql(`SELECT fox_wamp.kill_client('${options.clientId}', forget => true)`);
  await gone.end();
  assert.deepEqual(JSON.parse(await other.text()), { t: 'killed', checked: true });
  await other.leave();
});

test('what a hook returns is at most fox_wamp.max_message_size', async () => {
  const topic = `${base}.large`;
  const max = 16 * 1024 * 1024;
  const s = await join();
  await s.publish(topic, [], { fill: max - 20 }, { acknowledge: true });
  const refused = await refusal(s.publish(topic, [], { fill: max }, { acknowledge: true }));
  assert.equal(refused.error, 'pg.error.54000');
  assert.match(refused.args[0], /longer than fox_wamp.max_message_size/);
  const c = await MqttClient.join(5);
  assert.match((await c.publish(mqttTopic(topic), `{"fill":${max}}`, { qos: 1 })).properties.reasonString, /longer than fox_wamp.max_message_size/);
  await c.leave();
  s.leaveNow();
});

test('an error of any length', async () => {
  const topic = `${base}.long`;
  const text = 'é'.repeat(40000);
  const s = await join();
  assert.equal((await refusal(s.publish(topic, [], { raise: text }, { acknowledge: true }))).args[0], `no: ${text}`);
  // Of what is kept for the view, and said in the log, there is less.
  const reason = await sql(`SELECT reason FROM fox_wamp.denials WHERE topic = '${topic}'`);
  assert.ok(reason.startsWith('no: ééé') && Buffer.byteLength(reason) <= 4000, `${Buffer.byteLength(reason)}`);
  // A string of MQTT has at most 65535 bytes.
  const c = await MqttClient.join(5);
  const refused = await c.publish(mqttTopic(topic), JSON.stringify({ raise: text }), { qos: 1 });
  assert.ok(refused.properties.reasonString.startsWith('no: ééé') && Buffer.byteLength(refused.properties.reasonString) === 65534);
  await c.leave();
  s.leaveNow();
});

test('HTTP, and what SQL publishes', async () => {
  const topic = `${base}.http`;
  const s = await join();
  const inbox = await listen(s, topic);
  const post = (body) => ask('POST', '/root/publish', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ topic, ...body }) });
  assert.equal((await post({ kwargs: { t: 1 } })).status, 200);
  assert.deepEqual((await inbox.next()).kwargs, { t: 1, checked: true });
  assert.equal((await post({ args: ['refuse'] })).status, 401);
  const raised = await post({ kwargs: { raise: 'x' } });
  assert.ok(raised.status >= 400);
  assert.match(raised.body.toString(), /no: x/);
  await sql(`SELECT fox_wamp.publish('${topic}', NULL, '{"t": 2}')`);
  assert.deepEqual((await inbox.next()).kwargs, { t: 2 });
  s.leaveNow();
});

test('publishes of a session stay in order, hooked and not', async () => {
  const plain = fresh('plain');
  const reader = await Raw.join();
  await reader.ask([32, 1, { match: 'prefix' }, `${base}.order`]);
  await reader.ask([32, 2, {}, plain]);
  const c = await MqttClient.join(5);
  const raw = await Raw.join();
  const N = 300;
  for (let i = 0; i < N; i++) {
    c.send({ cmd: 'publish', topic: mqttTopic(i % 3 ? `${base}.order.m` : plain), payload: `${i}`, qos: 0 });
    raw.send([16, i + 1, {}, i % 3 ? `${base}.order.w` : plain, [i], { from: 'wamp' }]);
  }
  const got = { m: [], w: [] };
  while (got.m.length + got.w.length < 2 * N) {
    const event = await reader.next();
    got[event[5]?.from === 'wamp' ? 'w' : 'm'].push(event[4][0]);
  }
  for (const list of [got.m, got.w]) assert.deepEqual(list, Array.from({ length: N }, (_, i) => i));
  reader.ws.terminate();
  raw.ws.terminate();
  await c.leave();
});

test('rows: who may write them, as whom functions run, what becomes of them', async () => {
  const topic = `${base}.rows.a`;
  const admin = `hook_admin_${process.pid}`;
  const s = await join();
  const publish = () => s.publish(topic, [], { t: 1 }, { acknowledge: true });
  await sql(`CREATE ROLE ${admin}`, `GRANT fox_wamp_admin TO ${admin}`, `GRANT USAGE ON SCHEMA ${schema} TO ${admin}`);
  await assert.rejects(sql(`SET ROLE ${admin}`, `SELECT fox_wamp.publish_hook('${topic}', '${schema}.hook(text,jsonb,jsonb,jsonb)')`), /must be a member of role/);
  for (const bad of ["'pg_catalog.now()'", "'fox_wamp.default_realm(text)'"]) await assert.rejects(sql(`SELECT fox_wamp.publish_hook('${topic}', ${bad})`), /can not be a publish hook/);
  await assert.rejects(sql(`SELECT fox_wamp.publish_hook('wamp.#', '${schema}.hook(text,jsonb,jsonb,jsonb)')`), /router's own/);
  await assert.rejects(sql(`SELECT fox_wamp.publish_hook('a..b', '${schema}.hook(text,jsonb,jsonb,jsonb)')`), /invalid pattern/);
  // It runs as the role that the row says, which may not write there.
  await sql(`SELECT fox_wamp.publish_hook('${topic}', '${schema}.hook(text,jsonb,jsonb,jsonb)', role => '${admin}')`, sync);
  assert.match((await refusal(publish())).args[0], /permission denied for table seen/);
  await sql(`GRANT INSERT ON ${schema}.seen TO ${admin}`, `SELECT fox_wamp.publish_hook('${topic}', '${schema}.hook(text,jsonb,jsonb,jsonb)', role => '${admin}')`, sync);
  await publish();
  assert.equal(await seen(topic, 'who'), admin);
  // The row follows its function; without it nothing is published.
  await sql(`ALTER FUNCTION ${schema}.hook RENAME TO hook2`, sync);
  await publish();
  assert.equal(await sql(`SELECT DISTINCT function FROM fox_wamp.publish_hook WHERE pattern LIKE '${base}%'`), `${schema}.hook2(pg_catalog.text,pg_catalog.jsonb,pg_catalog.jsonb,pg_catalog.jsonb)`);
  await sql(`ALTER FUNCTION ${schema}.hook2 RENAME TO hook`, `CREATE FUNCTION ${schema}.short(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$`,
    `SELECT fox_wamp.publish_hook('${topic}', '${schema}.short(text,jsonb,jsonb,jsonb)')`, sync);
  await publish();
  await sql(`DROP FUNCTION ${schema}.short`, sync);
  assert.ok((await refusal(publish())).error);
  assert.match(await sql("SELECT detail FROM fox_wamp.doctor() WHERE check_name = 'authorizers'"), /short/);
  // Rows are read when the router starts.
  await restart();
  const again = await join();
  assert.ok((await refusal(again.publish(topic, [], {}, { acknowledge: true }))).error);
  assert.equal(await sql(`SELECT fox_wamp.drop_publish_hook('${topic}')`, sync).then((t) => t[0]), 't');
  assert.equal(await sql(`SELECT fox_wamp.drop_publish_hook('${topic}')`), 'f');
  await again.publish(topic, [], { t: 1 }, { acknowledge: true });
  again.leaveNow();
  await sql(`DROP OWNED BY ${admin}`, `DROP ROLE ${admin}`);
});

test('a session that ends while its publish waits', async () => {
  const topic = `${base}.slow`;
  // It answers when the gate opens.
  await sql(`CREATE TABLE ${schema}.gate AS SELECT true AS open`, `GRANT SELECT ON ${schema}.gate TO PUBLIC`,
    `CREATE FUNCTION ${schema}.slow(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN WHILE NOT (SELECT g.open FROM ${schema}.gate g) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN '{}'; END $$`,
    `SELECT fox_wamp.publish_hook('${topic}', '${schema}.slow(text,jsonb,jsonb,jsonb)')`, sync);
  const reader = await MqttClient.join(5);
  await reader.subscribe(mqttTopic(topic));
  // MQTT's client has said all before its DISCONNECT: it is carried out.
  const gate = (open) => sql(`UPDATE ${schema}.gate SET open = ${open}`);
  const asked = () => until(async () => await sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fox_wamp call executor' AND state = 'active'") === '1');
  await gate(false);
  const c = await MqttClient.join(5);
  c.send({ cmd: 'publish', topic: mqttTopic(topic), payload: 'said', qos: 0 });
  await c.leave();
  await asked();
  await gate(true);
  assert.equal(await reader.text(), 'said');
  await gate(false);
  const raw = await Raw.join();
  raw.send([16, 1, {}, topic, ['unsaid']]);
  await asked();
  raw.ws.terminate();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.session WHERE id = ${raw.id}`) === '0');
  await gate(true);
  await reader.nothing();
  await reader.leave();
  await sql(`SELECT fox_wamp.drop_publish_hook('${topic}')`, sync);
});
