'use strict';
// denials.test.js - fox_wamp.denials: what was denied to whom, by every door.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { start, stop, sql, join, Raw, fresh, refusal, withSettings } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');
const { ask, closeAll } = require('./http');

const realm = fresh('denied');
const root = `denied${process.pid}`;
const role = `denied_role_${process.pid}`;
const group = fresh('group');
const user = fresh('user');
const sync = 'SELECT fox_wamp.sync()';

before(async () => {
  start();
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `CREATE ROLE ${role}`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}', 'secret')`,
    `DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe) VALUES ('${realm}', 'open.#', 'public', true, true)`,
    `SELECT fox_wamp.expose_root('${root}', '${realm}')`, sync);
});
after(async () => {
  closeAll();
  await sql(`DELETE FROM fox_wamp.root WHERE name = '${root}'`, `SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`,
    `SELECT fox_wamp.drop_realm('${realm}')`, `REVOKE fox_wamp_connect FROM ${role}`, `DROP ROLE ${role}`);
  stop();
});

const denials = (where) => sql(`SELECT authid, client_id, role, action, topic, count FROM fox_wamp.denials WHERE realm = '${realm}' AND ${where} ORDER BY at, action`)
  .then((text) => (text ? text.split('\n') : []));

test('requests by WAMP, MQTT and HTTP', async () => {
  const raw = await Raw.join(realm);
  for (let i = 1; i <= 3; i++) await raw.ask([16, i, { acknowledge: true }, 'shut.wamp']);
  raw.send([16, 4, {}, 'shut.wamp']);
  await raw.ask([32, 5, { match: 'prefix' }, 'shut.']);
  await raw.ask([48, 6, {}, 'shut.call']);
  await raw.ask([64, 7, {}, 'shut.register']);
  await raw.ask([48, 8, {}, 'wamp.session.kill_all']);
  await raw.ask([16, 9, { acknowledge: true }, 'open.a']);
  const anonymous = 'anonymous||fox_wamp_anonymous';
  assert.deepEqual(await denials("topic NOT LIKE '%mqtt%'"), [`${anonymous}|publish|shut.wamp|4`, `${anonymous}|subscribe|shut.|1`, `${anonymous}|call|shut.call|1`,
    `${anonymous}|register|shut.register|1`, `${anonymous}|call|wamp.session.kill_all|1`]);
  assert.equal(await sql(`SELECT session, reason, now() - at < '1 min' FROM fox_wamp.denials WHERE realm = '${realm}' AND action = 'publish' AND topic = 'shut.wamp'`),
    `${raw.id}|role "fox_wamp_anonymous" may not publish to "shut.wamp"|t`);

  const id = unique('client');
  const c = await MqttClient.join(5, { clientId: id, username: `${user}@${realm}`, password: 'secret' });
  await c.publish('shut/mqtt', 'x', { qos: 1 });
  await c.publish('shut/mqtt', 'x');
  await c.publish('wamp/mqtt', 'x', { qos: 2 });
  await c.subscribe('shut/mqtt/#');
  const own = `${user}|${id}|${role}`;
  assert.deepEqual(await denials(`client_id = '${id}'`), [`${own}|publish|shut.mqtt|2`, `${own}|publish|wamp.mqtt|1`, `${own}|subscribe|shut.mqtt.#|1`]);
  await c.leave();
  await MqttClient.refusal(5, { clientId: `${id}w`, username: `${user}@${realm}`, password: 'secret', will: { topic: 'shut/will', payload: Buffer.from('x'), qos: 0, retain: false } });
  assert.deepEqual(await denials(`client_id = '${id}w'`), [`${user}|${id}w|${role}|publish|shut.will|1`]);

  for (let i = 0; i < 2; i++) assert.equal((await ask('POST', `/${root}/publish`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ topic: 'shut.http' }) })).status, 401);
  assert.deepEqual(await denials("topic = 'shut.http'"), [`${anonymous}|publish|shut.http|2`]);
});

test('an authorizer\'s no, and log-ins', () => withSettings({ 'fox_wamp.auth_attempts': 0 }, async () => {
  await sql(`INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, authorizer) VALUES ('${realm}', 'asked', 'public', true, 'no.such')`, sync);
  const raw = await Raw.join(realm);
  await raw.ask([16, 1, { acknowledge: true }, 'asked']);
  assert.deepEqual(await denials("topic = 'asked'"), ['anonymous||fox_wamp_anonymous|publish|asked|1']);
  for (const v of [3, 5]) await MqttClient.refusal(v, { clientId: 'guesser', username: `${user}@${realm}`, password: 'wrong' });
  await refusal(join({ realm, authmethods: ['ticket'], authid: user, onchallenge: () => 'wrong' }));
  assert.deepEqual(await denials("action = 'login'"), [`${user}|guesser||login||2`, `${user}|||login||1`]);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.denials WHERE realm = '${realm}' AND action = 'login' AND session IS NULL AND reason <> ''`), '2');
  // Names may be anything, and of any length; what is not UTF-8, or has a zero byte, does not break the view.
  const long = 'ü'.repeat(200);
  await MqttClient.refusal(5, { clientId: 'long', username: `${long}@${realm}`, password: 'x' });
  assert.match((await denials("client_id = 'long'"))[0], /^ü{127}\|long/);
  const zero = await Raw.connect();
  zero.send([1, realm, { roles: { caller: {} }, authmethods: ['ticket'], authid: 'a\0b' }]);
  assert.equal((await zero.next())[0], 3);
  assert.equal((await denials("authid = 'a'")).length, 1);
  // One's client identifier is not another's.
  const mine = await MqttClient.join(5, { clientId: 'mine', username: `${user}@${realm}`, password: 'secret' });
  assert.equal(await MqttClient.refusal(5, { clientId: 'mine', username: `@${realm}` }), 0x85);
  assert.deepEqual(await denials("client_id = 'mine'"), ['anonymous|mine|anonymous|login||1']);
  await mine.leave();
  raw.ws.terminate();
}));

test('the last ones are kept, all are counted, and some are in the log', async () => {
  const count = () => sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'denied'").then(Number);
  const before = await count();
  const raw = await Raw.join(realm);
  for (let i = 1; i <= 600; i++) raw.send([16, i, { acknowledge: true }, `many.t${i}`]);
  for (let i = 1; i <= 600; i++) await raw.next();
  assert.equal(await count(), before + 600);
  assert.equal(await sql('SELECT count(*) FROM fox_wamp.denials WHERE action <> \'login\''), '500');
  assert.equal(await sql("SELECT min(substr(topic, 7)::int), count(*) FROM fox_wamp.denials WHERE topic LIKE 'many.%'"), '101|500');
  assert.equal(await sql(`SELECT count(*) > 0 FROM fox_wamp.denials WHERE realm = '${realm}' AND action = 'login'`), 't');
  if (!process.env.FOX_LOG) return;
  // Which ones depends on what was denied in the same minute.
  const lines = fs.readFileSync(process.env.FOX_LOG, 'utf8').split('\n').filter((l) => l.includes('fox_wamp: denied '));
  assert.match(lines[0], /denied (publish|subscribe|call|register|login) .*in realm ".*": ./);
  assert.ok(lines.filter((l) => l.includes(`in realm "${realm}": role "fox_wamp_anonymous" may not publish to "many.`)).length <= 60);
});

test('they are for administrators', async () => {
  const name = `denied_user_${process.pid}`;
  await sql(`CREATE ROLE ${name}`, `GRANT fox_wamp_user TO ${name}`);
  await assert.rejects(sql(`SET ROLE ${name}`, 'SELECT * FROM fox_wamp.denials'), /permission denied/);
  await assert.rejects(sql(`SET ROLE ${name}`, "SELECT fox_wamp.ask_view('denials')").then((t) => { if (t === '') throw new Error('nothing'); }), /nothing/);
  await sql(`REVOKE fox_wamp_user FROM ${name}`, `GRANT fox_wamp_admin TO ${name}`);
  await sql(`SET ROLE ${name}`, 'SELECT count(*) FROM fox_wamp.denials');
  await sql(`DROP ROLE ${name}`);
});
