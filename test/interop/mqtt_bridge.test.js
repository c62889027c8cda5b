'use strict';
// mqtt_bridge.test.js - bridges to other brokers: mosquitto, and another realm of our own.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, sql, until, env } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');
const { Mosquitto, client, freePort } = require('./mosquitto');
const { allow, here, state, connected, failed, bridge, connect, drop, dropAll } = require('./bridge');

let mosquitto;

before(async () => {
  start();
  await allow();
  mosquitto = await Mosquitto.start();
});
after(async () => {
  await dropAll();
  stop();
});

const count = (n) => [...Array(n).keys()];
const properties = { contentType: 'text/x', responseTopic: 'answer/here', correlationData: Buffer.from([0, 1, 255]), userProperties: { a: ['1', '2'], b: '3' }, payloadFormatIndicator: false };
const plain = (p) => ({ ...p, userProperties: { ...p.userProperties }, payloadFormatIndicator: Boolean(p.payloadFormatIndicator), topicAlias: undefined });

for (const protocol of ['5', '3.1.1']) {
  test(`out, in and both, with prefixes, of every QoS (${protocol})`, async () => {
    const t = unique('t');
    const name = await connect(mosquitto.url, [
      ['#', { direction: 'out', qos: 2, local_prefix: `${t}/out/`, remote_prefix: `${t}/from/us/` }],
      ['+/x', { direction: 'in', qos: 2, local_prefix: `${t}/in/`, remote_prefix: `${t}/there/` }],
      [`${t}/both/#`, { direction: 'both', qos: 2 }],
      ['', { direction: 'out', local_prefix: `${t}/one`, remote_prefix: `${t}/eins` }],
    ], { protocol });
    assert.equal(await state(name, 'protocol'), protocol);
    const us = await client(here(), `${t}/#`);
    const them = await client(mosquitto.url, `${t}/#`);
    for (const qos of [0, 1, 2]) {
      await us.publishAsync(`${t}/out/a/${qos}`, `out ${qos}`, { qos });
      await them.publishAsync(`${t}/there/${qos}/x`, `in ${qos}`, { qos });
      await us.publishAsync(`${t}/both/us`, `ours ${qos}`, { qos });
      await them.publishAsync(`${t}/both/them`, `theirs ${qos}`, { qos });
    }
    await them.publishAsync(`${t}/there/nothing`, 'matches no row', { qos: 1 });
    await us.publishAsync(`${t}/one`, 'exactly', { qos: 1 });
    await us.hears(13);
    await them.hears(14);
    const line = (g) => `${g[0]} ${g[1]} ${g[2]}`;
    assert.deepEqual(us.got.map(line).filter((l) => /\/in\/|them/.test(l)).sort(), [0, 1, 2].flatMap((q) => [`${t}/in/${q}/x in ${q} ${q}`, `${t}/both/them theirs ${q} ${q}`]).sort());
    assert.deepEqual(them.got.map(line).filter((l) => /from\/us|both\/us|eins/.test(l)).sort(),
      [`${t}/eins exactly 1`, ...[0, 1, 2].flatMap((q) => [`${t}/from/us/a/${q} out ${q} ${q}`, `${t}/both/us ours ${q} ${q}`])].sort());
    // What has gone round would be here by now: it would have gone before this.
    await them.publishAsync(`${t}/both/them`, 'last', { qos: 2 });
    await us.publishAsync(`${t}/both/us`, 'last', { qos: 2 });
    await until(() => us.texts().includes(`${t}/both/them last`) && them.texts().includes(`${t}/both/us last`));
    for (const c of [us, them]) assert.equal(new Set(c.texts()).size, c.got.length);
    assert.deepEqual((await state(name, "messages_in || ' ' || messages_out || ' ' || dropped || ' ' || queued")).split(' '), ['7', '8', '0', '0']);
    await drop(name);
  });

  test(`retained messages, and bytes as they are (${protocol})`, async () => {
    const t = unique('t');
    const bytes = Buffer.from(count(256));
    const us = await client(here());
    const them = await client(mosquitto.url);
    await us.publishAsync(`${t}/out/before`, 'kept here', { qos: 1, retain: true });
    await them.publishAsync(`${t}/in/before`, 'kept there', { qos: 1, retain: true });
    const name = await connect(mosquitto.url, [[`${t}/out/#`, { direction: 'out' }], [`${t}/in/#`, { direction: 'in' }]], { protocol });
    await us.publishAsync(`${t}/out/bytes`, bytes, { qos: 1, retain: true, properties });
    await them.publishAsync(`${t}/in/bytes`, bytes, { qos: 1, retain: true, properties });
    const [late, there] = [await client(here()), await client(mosquitto.url)];
    for (const [c, side] of [[late, 'in'], [there, 'out']]) {
      await until(async () => {
        c.got.length = 0;
        await c.unsubscribeAsync(`${t}/${side}/#`);
        await c.subscribeAsync(`${t}/${side}/#`, { qos: 1 });
        await c.publishAsync(`${t}/${side}/end`, '', { qos: 1 });
        await until(() => c.got.some((g) => g[0].endsWith('/end')));
        return c.got.filter((g) => g[3]).length === 2;
      });
      const [first, second] = c.got.filter((g) => g[3]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
      assert.equal(first[1], side === 'in' ? 'kept there' : 'kept here');
      assert.equal(second[1], bytes.toString('latin1'));
      if (protocol === '5') assert.deepEqual(plain(second[4]), plain(properties));
    }
    await us.publishAsync(`${t}/out/bytes`, '', { qos: 1, retain: true });
    await them.publishAsync(`${t}/in/bytes`, '', { qos: 1, retain: true });
    await until(async () => await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic LIKE '${t}.in.%'`) === '1');
    await drop(name);
  });
}

test('nothing is lost with QoS 1 while the remote is ended and started again, either way', async () => {
  const t = unique('t');
  const name = await connect(mosquitto.url, [[`${t}/out/#`, { qos: 1 }], [`${t}/in/#`, { direction: 'in', qos: 1 }]]);
  const us = await client(here(), `${t}/in/#`);
  const them = await client(mosquitto.url, `${t}/out/#`, { clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } });
  const n = 300;
  const send = async (c, topic, from, to) => { for (let i = from; i < to; i++) await c.publishAsync(topic, `${i}`, { qos: 1 }); };
  const all = Promise.all([send(us, `${t}/out/x`, 0, n), send(them, `${t}/in/x`, 0, n)]);
  const heard = (c) => new Set(c.got.map((g) => Number(g[1]))).size;
  for (let i = 0; i < 2; i++) {
    const enough = Math.min(heard(us) + 20, n);
    await until(() => heard(us) >= enough);
    await mosquitto.stop();
    await until(async () => await state(name) !== 'connected');
    await mosquitto.run();
    await connected(name);
  }
  await all;
  await until(() => heard(us) === n && heard(them) === n);
  await drop(name);
});

test('nor while the router is, and messages wait in our session', async () => {
  const t = unique('t');
  const name = await connect(mosquitto.url, [[`${t}/out/#`, { qos: 2 }], [`${t}/in/#`, { direction: 'in', qos: 2 }]]);
  const them = await client(mosquitto.url, `${t}/out/#`, { qos: 2 });
  await mosquitto.stop();
  await until(async () => await state(name) !== 'connected');
  for (let i = 0; i < 20; i++) await sql(`SELECT fox_wamp.publish('${t}.out.x', '[${i}]', options => '{"qos": 2}')`);
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await state(name, 'queued'), '20');
  await restart();
  assert.equal(await state(name, 'queued'), '20');
  await mosquitto.run();
  await connected(name);
  await until(() => them.connected);
  await them.hears(20);
  assert.deepEqual(them.got.map((g) => Number(g[1])), count(20));
  const us = await client(here(), `${t}/in/#`, { clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } });
  const all = (async () => { for (let i = 0; i < 200; i++) await them.publishAsync(`${t}/in/x`, `${i}`, { qos: 2 }); })();
  await until(() => us.got.length > 20);
  await restart();
  await all;
  await until(() => us.got.length >= 200);
  assert.deepEqual(us.got.map((g) => Number(g[1])), count(200));
  await drop(name);
});

test('messages wait for a remote that nobody has reached yet', async () => {
  const t = unique('t');
  const port = await freePort();
  const name = await bridge(`mqtt://127.0.0.1:${port}`, [[`${t}/#`, {}]]);
  const us = await client(here());
  for (let i = 0; i < 5; i++) await us.publishAsync(`${t}/x`, `${i}`, { qos: 1 });
  await failed(name, new RegExp(`could not connect to 127.0.0.1, port ${port}: connection refused`));
  const them = await client(mosquitto.url, `${t}/#`);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET url = '${mosquitto.url}' WHERE name = '${name}'`);
  await them.hears(5);
  assert.deepEqual(them.got.map((g) => Number(g[1])), count(5));
  await drop(name);
});

test('with clean_start nothing waits', async () => {
  const t = unique('t');
  const port = await freePort();
  const name = await bridge(`mqtt://127.0.0.1:${port}`, [[`${t}/#`, {}]], { clean_start: true });
  const us = await client(here());
  const them = await client(mosquitto.url, `${t}/#`);
  await us.publishAsync(`${t}/x`, 'missed', { qos: 1 });
  await sql(`UPDATE fox_wamp.mqtt_bridge SET url = '${mosquitto.url}' WHERE name = '${name}'`, 'SELECT fox_wamp.sync()');
  await connected(name);
  await us.publishAsync(`${t}/x`, 'heard', { qos: 1 });
  await them.hears(1);
  assert.deepEqual(them.texts(), [`${t}/x heard`]);
  // A bridge that becomes one of that kind drops what has waited.
  await sql(`UPDATE fox_wamp.mqtt_bridge SET clean_start = false, enabled = false WHERE name = '${name}'`, 'SELECT fox_wamp.sync()');
  await us.publishAsync(`${t}/x`, 'dropped', { qos: 1 });
  assert.equal(await state(name, 'queued'), '1');
  await sql(`UPDATE fox_wamp.mqtt_bridge SET clean_start = true WHERE name = '${name}'`, 'SELECT fox_wamp.sync()');
  assert.equal(await state(name, 'queued'), '0');
  await drop(name);
});

for (const version of ['mqttv311', 'mqttv50']) {
  test(`mosquitto's own bridge to us: nothing comes back to it (${version})`, async () => {
    const t = unique('t');
    const other = await Mosquitto.start('connection us', `address 127.0.0.1:${env.port}`, `topic ${t}/# both 2`, 'notifications false', `remote_clientid ${t}`,
      `bridge_protocol_version ${version}`);
    await until(async () => await sql(`SELECT connected FROM fox_wamp.mqtt_client WHERE client_id = '${t}'`) === 't');
    const us = await client(here(), `${t}/#`);
    const them = await client(other.url, `${t}/#`);
    // It may have connected, and not yet subscribed.
    await until(async () => { await us.publishAsync(`${t}/there`, 'yet?', { qos: 1 }); return them.got.length > 0; });
    await us.publishAsync(`${t}/a`, 'ours', { qos: 2, retain: true });
    await them.publishAsync(`${t}/b`, 'theirs', { qos: 2, retain: true });
    await until(() => us.texts().includes(`${t}/b theirs`) && them.texts().includes(`${t}/a ours`));
    await them.publishAsync(`${t}/end`, 'x', { qos: 2 });
    await us.publishAsync(`${t}/end`, 'y', { qos: 2 });
    await until(() => us.texts().includes(`${t}/end x`) && them.texts().includes(`${t}/end y`));
    for (const c of [us, them]) assert.deepEqual(c.texts().filter((x) => !x.endsWith('yet?')).sort(), [`${t}/a ours`, `${t}/b theirs`, `${t}/end x`, `${t}/end y`]);
    const late = await client(other.url, `${t}/#`);
    await until(() => late.got.length >= 2);
    assert.deepEqual(late.texts().sort(), [`${t}/a ours`, `${t}/b theirs`]);
    await other.stop();
  });
}

test('what finds the queue full is counted', async () => {
  const t = unique('t');
  const name = await bridge(`mqtt://127.0.0.1:${await freePort()}`, [[`${t}/#`, {}]]);
  const most = Number(await sql("LOAD 'fox_wamp'", 'SHOW fox_wamp.mqtt_max_queued'));
  await sql(`SELECT count(fox_wamp.publish('${t}.x', '[1]')) FROM generate_series(1, ${most + 7})`, 'SELECT fox_wamp.sync()');
  assert.equal(await state(name, "queued || ' ' || dropped"), `${most} 7`);
  await drop(name);
});

test('rows change while it is connected', async () => {
  const t = unique('t');
  const name = await connect(mosquitto.url, [[`${t}/a`, { direction: 'both' }]]);
  const us = await client(here(), `${t}/#`);
  const them = await client(mosquitto.url, `${t}/#`);
  const row = (text) => sql(text, 'SELECT fox_wamp.sync()').then(() => connected(name));
  await row(`SELECT fox_wamp.mqtt_bridge_topic('${name}', '${t}/b', 'both')`);
  await row(`DELETE FROM fox_wamp.mqtt_bridge_topic WHERE bridge = '${name}' AND pattern = '${t}/a'`);
  for (const c of [us, them]) for (const topic of ['a', 'b']) await c.publishAsync(`${t}/${topic}`, c === us ? 'us' : 'them', { qos: 1 });
  await us.hears(3);
  await them.hears(3);
  for (const [c, other] of [[us, 'them'], [them, 'us']]) {
    assert.deepEqual(c.texts().filter((x) => x.endsWith(other)), [`${t}/b ${other}`]);
    assert.equal(c.got.length, 3);
  }
  await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = false WHERE name = '${name}'`, 'SELECT fox_wamp.sync()');
  assert.equal(await state(name), 'disabled');
  await us.publishAsync(`${t}/b`, 'waits', { qos: 1 });
  assert.equal(await state(name, 'queued'), '1');
  await row(`UPDATE fox_wamp.mqtt_bridge SET enabled = true WHERE name = '${name}'`);
  await until(() => them.texts().includes(`${t}/b waits`));
  await drop(name);
  assert.equal(await state(name), '');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.mqtt_client WHERE client_id = '$bridge/${name}'`), '0');
  await us.publishAsync(`${t}/b`, 'nobody carries it', { qos: 1 });
  await us.publishAsync(`${t}/b`, 'nor this', { qos: 1 });
  await them.publishAsync(`${t}/end`, '', { qos: 1 });
  await until(() => them.texts().includes(`${t}/end `));
  assert.equal(them.got.length, 5);
});

test('a topic on either side says whether there is a connection', async () => {
  const t = unique('t');
  const own = await Mosquitto.start();
  const name = await connect(own.url, [[`${t}/x`, {}]], { notification_topic: `${t}/state` });
  const us = await client(here(), `${t}/state`);
  const them = await client(own.url, `${t}/state`);
  await us.hears(1);
  await them.hears(1);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = false WHERE name = '${name}'`);
  await us.hears(2);
  await them.hears(2);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = true WHERE name = '${name}'`);
  await us.hears(3);
  await own.stop('SIGKILL');
  await us.hears(4);
  assert.deepEqual(us.got.map((g) => g[1]), ['1', '0', '1', '0']);
  assert.deepEqual(them.got.map((g) => g[1]).slice(0, 2), ['1', '0']);
  await drop(name);
});

test('another realm of our own, with a user who may not do everything', async () => {
  const realm = unique('realm').replaceAll('-', '_');
  const user = unique('user');
  const t = unique('t');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `CREATE ROLE "${user}"`, `SELECT fox_wamp.create_group('${user}', '${user}')`,
    `SELECT fox_wamp.create_user('${user}', '${user}', 'secret', '${realm}')`, `INSERT INTO fox_wamp.auth_method VALUES ('${realm}', 'ticket')`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe) VALUES ('${realm}', '#', '${user}', true, true), ('${realm}', '${t}.secret.#', '${user}', false, false)`,
    'SELECT fox_wamp.sync()');
  const name = await connect(here(), [[`${t}/open/#`, { direction: 'both', qos: 2 }], [`${t}/secret/#`, { direction: 'both', qos: 2 }]], { username: `${user}@${realm}`, password: 'secret' });
  assert.match(await state(name, 'last_error'), new RegExp(`refuses the subscription to ${t}/secret/#`));
  const us = await client(here(), `${t}/#`);
  const there = await client(here(), `${t}/open/+`, { username: `${user}@${realm}`, password: 'secret' });
  await us.publishAsync(`${t}/open/a`, 'from here', { qos: 2, properties });
  await there.publishAsync(`${t}/open/b`, 'from there', { qos: 2 });
  await us.publishAsync(`${t}/secret/x`, 'not for them', { qos: 2 });
  await us.hears(3);
  await there.hears(2);
  await until(async () => await state(name, 'dropped') === '1');
  assert.match(await state(name, 'last_error'), /the remote refuses a message: not authorized \(0x87\)/);
  assert.deepEqual(there.texts().sort(), [`${t}/open/a from here`, `${t}/open/b from there`]);
  assert.deepEqual(plain(there.got.find((g) => g[0].endsWith('a'))[4]), plain(properties));
  assert.equal(await state(name), 'connected');
  await drop(name);
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`, `SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${user}'`, `DROP ROLE "${user}"`);
});

test('the session here is the bridge\'s alone, and calls nobody', async () => {
  const t = unique('t');
  const name = await connect(mosquitto.url, [['#', { direction: 'in', remote_prefix: `${t}/` }]]);
  assert.equal(await MqttClient.refusal(5, { clientId: `$bridge/${name}` }), 0x85);
  assert.equal(await MqttClient.refusal(4, { clientId: '$bridge/any' }), 2);
  const them = await client(mosquitto.url);
  for (const topic of ['$call/fox_wamp/x', '$SYS/broker/version', 'wamp/session/x']) await them.publishAsync(`${t}/${topic}`, 'x', { qos: 1, properties: { responseTopic: 'x', correlationData: Buffer.from('1') } });
  const us = await client(here(), `${t}-end`);
  await them.publishAsync(`${t}/${t}-end`, 'end', { qos: 1 });
  await us.hears(1);
  assert.equal(await state(name), 'connected');
  assert.equal(await sql(`SELECT authid || ' ' || authmethod FROM fox_wamp.session WHERE client_id = '$bridge/${name}'`), 'mqtt_bridge internal');
  assert.equal(await sql(`SELECT fox_wamp.kill_client('$bridge/${name}')`), 't');
  await until(async () => /our own side ends the session/.test(await state(name, 'last_error')));
  await connected(name);
  await drop(name);
});
