'use strict';
// mqtt_permission.test.js - permissions that go by who somebody is: %u and %c.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, withSettings, Raw, fresh, refusal } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

const role = `mqtt_named_role_${process.pid}`;
const group = fresh('group');
const user = fresh('user');
const realm = `mqtt_named_${process.pid}`;
const sync = 'SELECT fox_wamp.sync()';

before(async () => {
  start();
  await sql(`CREATE ROLE ${role}`, `GRANT fox_wamp_connect TO ${role}`, `SELECT fox_wamp.create_group('${group}', '${role}')`,
    ...[user, 'star *#', '$SYS'].map((name) => `SELECT fox_wamp.create_user('${name}', '${group}', 'secret')`),
    `SELECT fox_wamp.create_realm('${realm}')`, sync);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`, `DELETE FROM fox_wamp.auth_user WHERE group_id IN (SELECT id FROM fox_wamp.auth_group WHERE ident = '${group}')`,
    `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`, `REVOKE fox_wamp_connect FROM ${role}`, `DROP ROLE ${role}`);
  stop();
});

/** The realm has these rows and no others: [pattern, match], each allows all. */
const only = (...rows) => sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
  ...rows.map(([pattern, match = 'pattern', allow = true]) => `INSERT INTO fox_wamp.permission (realm, pattern, match, role, allow_publish, allow_subscribe, allow_call, allow_register)
    VALUES ('${realm}', '${pattern}', '${match}', 'public', ${allow}, ${allow}, ${allow}, ${allow})`), sync);
const enter = (clientId, name = '') => MqttClient.join(5, { clientId, username: `${name}@${realm}`, ...(name && { password: 'secret' }) });
const publishes = async (c, topic) => (await c.publish(topic, 'x', { qos: 1 })).reasonCode !== 0x87;
const wamp = (name) => join({ realm, authmethods: ['ticket'], authid: name, onchallenge: () => 'secret' });
const publishesBy = async (session, topic) => {
  try { await session.publish(topic, [], {}, { acknowledge: true }); return true; } catch (e) { assert.equal(e.error, 'wamp.error.not_authorized'); return false; }
};

test('%c is the client\'s own level, whatever its name has in it', async () => {
  await only(['devices.%c.#']);
  for (const [id, level] of [['plain', 'plain'], ['a.b', 'a.b'], ['a b', 'a b'], ['a/b', 'a%2Fb'], ['+', '%2B'], ['*', '*'], ['a%2Fb', 'a%252Fb'], ['%u', '%u'], ['%c', '%c'], ['ü', 'ü']]) {
    const c = await enter(id);
    assert.ok(await publishes(c, `devices/${level}`), id);
    assert.ok(await publishes(c, `devices/${level}/t/1`), id);
    // '*' beside a wildcard is no filter here.
    assert.deepEqual(await c.subscribe([`devices/${level}/#`, 'devices/+/#', 'devices/#', 'devices/+', '#', `devices/${level}x`]), [id === '*' ? 0x8f : 0, 0x87, 0x87, 0x87, 0x87, 0x87], id);
    for (const other of ['other', 'a', 'a/b', 'x/y', `${level}x`].filter((t) => t !== level)) assert.ok(!(await publishes(c, `devices/${other}`)), `${id}: ${other}`);
    assert.equal(await sql(`SELECT client_id FROM fox_wamp.session WHERE realm = '${realm}' AND protocol LIKE 'mqtt%'`), id);
    await c.leave();
  }
  // '#' is in no topic.
  const hash = await enter('#');
  assert.ok(!(await publishes(hash, 'devices/x')));
  hash.send({ cmd: 'subscribe', messageId: 9, subscriptions: ['devices/#', 'devices/+'].map((topic) => ({ topic, qos: 0, nl: false, rap: false, rh: 0 })) });
  const refused = await hash.take('suback');
  assert.deepEqual(refused.granted, [0x87, 0x87]);
  assert.match(refused.properties.reasonString, /./);
  await hash.leave();
  // A name that is assigned counts like any other; WAMP's sessions have none.
  const c = await enter('');
  assert.ok(await publishes(c, `devices/${c.connack.properties.assignedClientIdentifier}`));
  await c.leave();
  const raw = await Raw.join(realm);
  for (const topic of ['devices.x', 'devices.%c', 'devices.%00']) assert.equal((await raw.ask([16, 1, { acknowledge: true }, topic]))[4], 'wamp.error.not_authorized');
});

test('%u is the authid, on every door', async () => {
  await only(['users.%u.#'], ['users.%u.closed', 'pattern', false]);
  const level = user.replaceAll('.', '%2E');
  const c = await enter(unique(), user);
  assert.ok(await publishes(c, `users/${user}/a`));
  assert.ok(!(await publishes(c, `users/${user}/closed`)));
  assert.ok(!(await publishes(c, `users/${user.replaceAll('.', '/')}`)));
  assert.ok(!(await publishes(c, 'users/anonymous')));
  assert.deepEqual(await c.subscribe([`users/${user}/#`, `users/${user}/a/#`, 'users/#']), [0x87, 0, 0x87]);
  const s = await wamp(user);
  assert.ok(await publishesBy(s, `users.${level}.a`));
  assert.ok(!(await publishesBy(s, `users.${user}.a`)));
  await s.register(`users.${level}.call`, () => 'here');
  assert.equal(await s.call(`users.${level}.call`), 'here');
  assert.equal((await refusal(s.register('users.other.call', () => 0))).error, 'wamp.error.not_authorized');
  const star = await wamp('star *#');
  for (const topic of ['users.a', 'users.star%20*.a', `users.${level}`]) assert.ok(!(await publishesBy(star, topic)), topic);
  const anonymous = await Raw.join(realm);
  assert.equal((await anonymous.ask([16, 1, { acknowledge: true }, 'users.anonymous.a']))[0], 17);
  assert.equal((await anonymous.ask([16, 2, { acknowledge: true }, `users.${level}.a`]))[0], 8);
  // wait_for() is its role's.
  await sql(`GRANT fox_wamp_user TO ${role}`, sync);
  await assert.rejects(sql(`SET ROLE ${role}`, `SELECT fox_wamp.wait_for('users.other.a', '1s', '${realm}')`), /not subscribe to/);
  const waits = sql(`SET ROLE ${role}`, `SELECT (fox_wamp.wait_for('users.${role}.a', '20s', '${realm}')).topic`);
  for (let i = 0; i < 200 && await sql(`SELECT count(*) FROM fox_wamp.subscription WHERE topic = 'users.${role}.a'`) === '0'; i++) ;
  await sql(`SELECT fox_wamp.publish('users.${role}.a', '[1]', realm => '${realm}')`);
  assert.equal(await waits, `users.${role}.a`);
  await sql(`REVOKE fox_wamp_user FROM ${role}`);
  await c.leave();
  s.leaveNow();
  star.leaveNow();
});

test('a name opens nothing that begins with $ or is the router\'s own', async () => {
  await only(['%u.#'], ['%c.#']);
  const c = await enter('wamp', '$SYS');
  assert.deepEqual(await c.subscribe(['$SYS/#', '$SYS/broker/uptime', 'wamp/mine/#']), [0x87, 0x87, 0]);
  assert.ok(!(await publishes(c, 'wamp/mine')));
  await only(['#'], ['closed', 'exact', false]);
  assert.deepEqual(await c.subscribe(['$SYS/#', '$SYS/broker/uptime', '+/broker/uptime', 'open/#']), [0x87, 0x87, 0, 0]);
  await c.leave();
});

test('of two rows the one that says more decides, a placeholder as a name does', async () => {
  await only(['a.*', 'pattern', false], ['a.%c'], ['a.shut', 'pattern', false], ['b.%c.', 'prefix'], ['c..%c', 'wildcard'], ['d.%c', 'exact']);
  const c = await enter('me');
  assert.ok(await publishes(c, 'a/me'));
  assert.ok(!(await publishes(c, 'a/you')));
  for (const topic of ['b/me/x', 'b/me/x/y', 'c/any/me', 'd/me']) assert.ok(await publishes(c, topic), topic);
  for (const topic of ['b/me', 'b/me2/x', 'b/mex', 'c/any/you', 'd/you', 'd/me/x']) assert.ok(!(await publishes(c, topic)), topic);
  // Rows that go and come hold at once, for what is subscribed to as well, and for what was decided before.
  assert.deepEqual(await c.subscribe(['a/me', 'd/me']), [0, 0]);
  await sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}' AND pattern = 'a.%c'`, sync);
  assert.ok(!(await publishes(c, 'a/me')));
  await sql(`SELECT fox_wamp.publish('a.me', '[1]', realm => '${realm}'), fox_wamp.publish('d.me', '[2]', realm => '${realm}')`, sync);
  assert.equal(await c.text(), '2');
  await c.nothing();
  await c.leave();
});

test('placeholders that could not be meant are refused', async () => {
  const insert = (pattern, match) => sql(`INSERT INTO fox_wamp.permission (realm, pattern, match, role) VALUES ('${realm}', '${pattern}', '${match}', 'public')`);
  for (const [pattern, match] of [['a.x%c', 'pattern'], ['a.%cx.#', 'pattern'], ['%u%c', 'exact'], ['a..b%u', 'wildcard']]) await assert.rejects(insert(pattern, match), /components by themselves/);
  await assert.rejects(insert('a.%c', 'prefix'), /a dot belongs behind it/);
  await insert('a.100%', 'pattern');
  await insert('a.%25c', 'pattern');
});

test('a superuser may everything that a client may, and a row for # makes an administrator', async () => {
  const boss = `${role}_boss`;
  const admin = `${role}_admin`;
  await sql(`CREATE ROLE ${boss} SUPERUSER LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${boss}`, `CREATE ROLE ${admin} LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${admin}`);
  await only(['#', 'pattern', false], ['closed', 'exact', false]);
  const as = (name) => ({ username: `${name}@${realm}`, password: 'pw', will: { topic: 'secret/will', payload: Buffer.from('will'), qos: 1, retain: false } });
  assert.equal(await MqttClient.refusal(5, as(boss)), 0x86, 'without the setting');
  await withSettings({ 'fox_wamp.superuser_login': 'on' }, async () => {
    const c = await MqttClient.join(5, as(boss));
    assert.deepEqual(await c.subscribe(['#', 'closed', '$share/g/closed', '$call/closed']), [0, 0, 0, 0]);
    for (const topic of ['secret/x', 'closed']) assert.ok(await publishes(c, topic));
    // What is the router's own stays so.
    for (const topic of ['$SYS/x', 'wamp/x', 'fox_wamp/x']) assert.ok(!(await publishes(c, topic)));
    await c.leave();
  });
  assert.equal(await MqttClient.refusal(5, as(admin)), 0x87, 'the will of who may nothing');
  await sql(`INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe) VALUES ('${realm}', '#', '${admin}', true, true)`, sync);
  const c = await MqttClient.join(5, as(admin));
  assert.deepEqual(await c.subscribe(['secret/#', 'open', 'closed', '#']), [0, 0, 0x87, 0x87], 'a more specific row goes before');
  assert.ok(await publishes(c, 'secret/x'));
  assert.ok(!(await publishes(c, 'closed')));
  await c.leave();
  await sql(`DELETE FROM fox_wamp.permission WHERE role = '${admin}'`, `REVOKE fox_wamp_connect FROM ${boss}, ${admin}`, `DROP ROLE ${boss}`, `DROP ROLE ${admin}`, sync);
});

test('a CONNECT whose will is not permitted leaves the session of its name alone, with its connection and the will that waits', async () => {
  await only(['devices.#']);
  const options = { clientId: unique(), clean: false, username: `@${realm}`, properties: { sessionExpiryInterval: 600 } };
  const will = { topic: 'elsewhere', payload: Buffer.from(''), qos: 0, retain: false };
  const c = await MqttClient.join(5, { ...options, will: { ...will, topic: 'devices/x', payload: Buffer.from('left'), properties: { willDelayInterval: 1 } } });
  await c.subscribe('devices/y', { qos: 1 });
  for (const clean of [false, true]) assert.equal(await MqttClient.refusal(5, { ...options, clean, will }), 0x87);
  await c.nothing();
  const s = await enter(unique());
  await s.subscribe('devices/x');
  c.kill();
  assert.equal(await MqttClient.refusal(5, { ...options, will }), 0x87);
  assert.equal(await s.text(), 'left');
  const d = await MqttClient.join(5, options);
  assert.equal(d.connack.sessionPresent, true);
  await s.publish('devices/y', 'kept', { qos: 1 });
  assert.equal(await d.text(), 'kept');
  await d.leave({ properties: { sessionExpiryInterval: 0 } });
  await s.leave();
});
