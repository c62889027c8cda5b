'use strict';
// mqtt_auto_subscription.test.js - what MQTT clients are subscribed to without asking, and who is there: fox_wamp.mqtt_client.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, sql, until } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

const sync = 'SELECT fox_wamp.sync()';
const base = unique('auto');

before(start);
after(async () => {
  await sql("DELETE FROM fox_wamp.mqtt_auto_subscription WHERE filter ~ '^(\\$share/g/)?auto-'");
  stop();
});

const auto = (filter, more = '') => sql(`SELECT fox_wamp.auto_subscribe('${filter}'${more})`, sync);
const drop = (filter, more = '') => sql(`SELECT fox_wamp.drop_auto_subscription('${filter}'${more})`, sync).then((t) => t.split('\n')[0]);
const kept = (clientId) => ({ clientId, clean: false, properties: { sessionExpiryInterval: 600 } });

for (const v of [3, 4, 5]) {
  test(`a client hears what it has not subscribed to, version ${v}`, async () => {
    const t = unique(`${base}/v${v}`);
    await auto(`${t}/all`, ', qos => 2');
    await auto(`${t}/%c/in`);
    await auto(`${t}/user/%u`);
    await auto(`${t}/wild/+/#`, ', qos => 0');
    const c = await MqttClient.join(v);
    const other = await MqttClient.join(v);
    await other.publish(`${t}/all`, 'all', { qos: 2 });
    const p = await c.take('publish');
    assert.deepEqual([p.topic, p.payload.toString(), p.qos, p.retain], [`${t}/all`, 'all', 2, false]);
    await other.publish(`${t}/${other.id}/in`, 'no', { qos: 1 });
    await other.publish(`${t}/${c.id}/in`, 'mine', { qos: 1 });
    assert.equal(await c.text(), 'mine');
    await other.publish(`${t}/user/anonymous`, 'user', { qos: 1 });
    assert.equal(await c.text(), 'user');
    await other.publish(`${t}/wild/1/2/3`, 'wild', { qos: 1 });
    const wild = await c.take('publish');
    assert.deepEqual([wild.payload.toString(), wild.qos], ['wild', 0]);
    await c.nothing();
    // It may leave what it has not asked for.
    const gone = await c.unsubscribe(`${t}/all`);
    if (v === 5) assert.deepEqual(gone, [0]);
    await other.publish(`${t}/all`, 'again', { qos: 1 });
    await c.nothing();
    assert.equal(await drop(`${t}/all`), 't');
    assert.equal(await drop(`${t}/all`), 'f');
    const late = await MqttClient.join(v);
    await other.publish(`${t}/all`, 'too late', { qos: 1 });
    await late.nothing();
  });
}

test('roles, one client, retained messages, no local, and what the client has said itself', async () => {
  const t = unique(base);
  const id = unique('one');
  const one = await MqttClient.join(5);
  await one.publish(`${t}/kept`, 'kept', { qos: 1, retain: true });
  await auto(`${t}/kept`, `, client_id => '${id}'`);
  await auto(`${t}/silent`, `, client_id => '${id}', retain_handling => 2`);
  await one.publish(`${t}/silent`, 'kept', { qos: 1, retain: true });
  await auto(`${t}/admins`, ", role => 'fox_wamp_admin'");
  await auto(`${t}/anonymous`, ", role => 'fox_wamp_anonymous'");
  await auto(`${t}/own`, ', no_local => true');
  await auto(`${t}/flag`, ', retain_as_published => true');
  await auto(`$share/g/${t}/shared`);
  const c = await MqttClient.join(5, { clientId: id });
  const p = await c.take('publish');
  assert.deepEqual([p.topic, p.retain], [`${t}/kept`, true]);
  await c.nothing();
  const other = await MqttClient.join(5);
  await other.nothing();
  for (const topic of ['admins', 'anonymous', 'kept']) await other.publish(`${t}/${topic}`, topic, { qos: 1 });
  assert.equal(await c.text(), 'anonymous');
  assert.equal(await c.text(), 'kept');
  assert.equal(await other.text(), 'anonymous');
  await other.publish(`${t}/own`, 'own', { qos: 1 });
  assert.equal(await c.text(), 'own');
  await other.publish(`${t}/flag`, 'flag', { qos: 1, retain: true });
  assert.equal((await c.take('publish')).retain, true);
  assert.equal((await other.take('publish')).retain, true);
  await other.nothing();
  for (const client of [one, c, other]) client.kill();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.session WHERE client_id IN ('${id}', '${other.id}', '${one.id}')`) === '0');
  // Two members of the group share.
  const members = [await MqttClient.join(5), await MqttClient.join(4)];
  const sender = await MqttClient.join(5, { clientId: unique('sender') });
  await sender.unsubscribe(`$share/g/${t}/shared`);
  for (const n of ['1', '2']) await sender.publish(`${t}/shared`, n, { qos: 1 });
  const got = [];
  for (const m of members) got.push((await m.take((x) => x.cmd === 'publish' && x.topic === `${t}/shared`)).payload.toString());
  assert.deepEqual(got.sort(), ['1', '2']);
  for (const topic of ['kept', 'silent', 'flag']) await sender.publish(`${t}/${topic}`, '', { qos: 1, retain: true });
  // A subscription of the client's own stays as it is.
  const own = unique('own');
  await auto(`${t}/mine`, ', qos => 1');
  let d = await MqttClient.join(5, kept(own));
  await d.subscribe(`${t}/mine`, { qos: 0 });
  d.kill();
  d = await MqttClient.join(5, kept(own));
  await sender.publish(`${t}/mine`, 'x', { qos: 1 });
  assert.equal((await d.take('publish')).qos, 0);
  await d.leave({ properties: { sessionExpiryInterval: 0 } });
});

test('it is kept with the session, over a restart', async () => {
  const t = unique(base);
  const id = unique('kept');
  await auto(`${t}/%c`);
  let c = await MqttClient.join(5, kept(id));
  assert.equal(await sql(sync, `SELECT filter, qos FROM fox_wamp.mqtt_subscription f, fox_wamp.mqtt_session m WHERE m.id = f.session AND client_id = '${id}' AND filter ~ '^${t}'`),
    `t\n${t}/${id}|1`);
  await c.leave();
  await restart();
  const sender = await MqttClient.join(5);
  await sender.publish(`${t}/${id}`, 'waits', { qos: 1 });
  const row = () => sql(`SELECT connected, authid, authrole, subscriptions > 0, queued, last_seen < clock_timestamp() FROM fox_wamp.mqtt_client WHERE client_id = '${id}'`);
  assert.equal(await row(), 'f|anonymous|anonymous|t|1|t');
  c = await MqttClient.join(5, kept(id));
  assert.equal(await sql(`SELECT connected FROM fox_wamp.mqtt_client WHERE client_id = '${id}'`), 't');
  const p = await c.take('publish');
  assert.equal(p.payload.toString(), 'waits');
  await c.acknowledge(p);
  await until(async () => await row() === 't|anonymous|anonymous|t|0|t');
  assert.equal(await sql(`SELECT connected FROM fox_wamp.session WHERE client_id = '${id}'`), 't');
  c.kill();
  await until(async () => await row() === 'f|anonymous|anonymous|t|0|t');
  assert.equal(await sql(`SELECT connected FROM fox_wamp.session WHERE client_id = '${id}'`), 'f');
  // One that is not kept is there as long as it is connected.
  assert.equal(await sql(`SELECT connected, subscriptions, queued FROM fox_wamp.mqtt_client WHERE client_id = '${sender.id}'`), 't||');
  await sender.leave();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.mqtt_client WHERE client_id = '${sender.id}'`) === '0');
  await sql(`SELECT fox_wamp.kill_client('${id}', forget => true)`);
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.mqtt_client WHERE client_id = '${id}'`) === '0');
});

test('names that have a meaning in filters widen none', async () => {
  const t = unique(base);
  await auto(`${t}/%c/x`);
  const sender = await MqttClient.join(5);
  for (const id of ['+', '#', '%c', 'a/b', '+/x', '..']) {
    const c = await MqttClient.join(5, { clientId: id });
    await sender.publish(`${t}/other/x`, 'no', { qos: 1 });
    await sender.publish(`${t}/a/b/x`, 'no', { qos: 1 });
    await sender.publish(`${t}/${id.replaceAll('/', '%2F').replaceAll('+', '%2B').replaceAll('#', '%23')}/x`, 'own', { qos: 1 });
    if (id === '#') await c.nothing();
    else {
      assert.equal(await c.text(), 'own', id);
      await c.nothing();
    }
    await c.leave();
  }
});

test('a permission that the client has not keeps it from being subscribed', async () => {
  const realm = `auto_${process.pid}`;
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `SELECT fox_wamp.auto_subscribe('yes', realm => '${realm}'), fox_wamp.auto_subscribe('no', realm => '${realm}')`,
    `INSERT INTO fox_wamp.permission (realm, role, pattern, match, allow_publish, allow_subscribe) VALUES ('${realm}', 'public', 'yes', 'exact', true, true), ('${realm}', 'public', 'no', 'exact', true, false)`, sync);
  const c = await MqttClient.join(5, { username: `@${realm}` });
  await c.publish('no', 'no', { qos: 1 });
  await c.publish('yes', 'yes', { qos: 1 });
  assert.equal(await c.text(), 'yes');
  await c.nothing();
  await c.leave();
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.mqtt_auto_subscription WHERE realm = '${realm}'`), '0');
});

test('bad rows are refused', async () => {
  const t = unique(base);
  for (const filter of ['', `${t}/#/a`, `${t}+`, '$share/g', `$share/+/${t}`, `$call/${t}`]) await assert.rejects(auto(filter), /MQTT clients cannot be subscribed to/, filter);
  for (const filter of [`${t}/a%c`, `${t}/%cb/x`, `${t}/%u%c`]) await assert.rejects(auto(filter), /%u and %c are levels by themselves/, filter);
  await assert.rejects(auto(`$share/g/${t}`, ', no_local => true'), /cannot leave out/);
  await assert.rejects(auto(t, ', qos => 3'), /mqtt_auto_subscription_qos_check/);
  await assert.rejects(auto(t, ', retain_handling => 3'), /retain_handling_check/);
  await assert.rejects(auto(t, ", realm => 'nowhere'"), /foreign key/);
});
