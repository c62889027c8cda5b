'use strict';
// mqtt_bridge_remote.test.js - bridges to brokers that do not take everything, are not there, or are not what they should be.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { start, stop, restart, sql, until } = require('./lib');
const { unique } = require('./mqtt_client');
const { Mosquitto, client } = require('./mosquitto');
const { allow, here, state, connected, failed, bridge, connect, drop, dropAll, names } = require('./bridge');

before(async () => {
  start();
  await allow();
});
after(async () => {
  await dropAll();
  stop();
});

// --- what goes wrong ---

test('a name without an address; a wrong password, and the right one', async () => {
  const nowhere = await bridge('mqtt://no-such-host.invalid', [['x', {}]]);
  await failed(nowhere, /there is no address of "no-such-host.invalid"/);
  assert.match(await sql("SELECT detail FROM fox_wamp.doctor() WHERE check_name = 'MQTT bridges' AND NOT ok"), new RegExp(`${nowhere}: there is no address`));
  await drop(nowhere);
  assert.equal(await sql("SELECT ok FROM fox_wamp.doctor() WHERE check_name = 'MQTT bridges'"), 't');
  const locked = await Mosquitto.start();
  locked.user('ann', 'right');
  locked.configure('allow_anonymous false', 'password_file DIR/users');
  await locked.stop();
  await locked.run();
  for (const protocol of ['5', '3.1.1']) {
    const name = await bridge(locked.url, [['x', {}]], { protocol, username: 'ann', password: 'wrong' });
    await failed(name, /the remote refuses the connection: (wrong user name or password|not authorized) \(0x/);
    await sql(`UPDATE fox_wamp.mqtt_bridge SET password = 'right' WHERE name = '${name}'`);
    await connected(name);
    await drop(name);
  }
});

/** A server that answers with these packets: one for each that comes. */
async function server(...answers) {
  const s = net.createServer((socket) => {
    const rest = [...answers];
    socket.unref();
    socket.on('error', () => {});
    socket.on('data', () => { const a = rest.shift(); if (a) socket.write(Buffer.from(a, 'hex')); else if (a === null) socket.end(); });
  });
  await new Promise((resolve) => { s.listen(0, '127.0.0.1', resolve); });
  s.unref();
  s.url = `mqtt://127.0.0.1:${s.address().port}`;
  return s;
}
test('remotes that say something else than they should', async () => {
  for (const [answers, why] of [
    [['ff00'], /the remote sends a malformed packet/],
    [['d000'], /the remote answers CONNECT with something else/],
    [['20020000'], /the remote answers CONNECT in another version of MQTT/],
    [['2003008900'], /the remote refuses the connection: it is busy \(0x89\)/],
    [['2003008700'], /not authorized \(0x87\)/],
    [['200300000030ffffff7f'], /a packet that is larger than/],
    [['2003000000c000'], /a packet that only a client may send/],
    [['2003000000e0028b00'], /the remote has ended the connection: it shuts down \(0x8b\)/],
    [['200300000030080001780323000161'], /a topic alias/],
    [[null], /the remote has closed the connection/],
  ]) {
    const remote = await server(...answers);
    const name = await bridge(remote.url, [['x', { direction: 'in' }]]);
    await failed(name, why);
    await drop(name);
  }
});

test('a remote that speaks 3.1.1 only is asked again in that version', async () => {
  const versions = [];
  const s = net.createServer((socket) => {
    socket.unref();
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (data[0] === 0x10) {
        versions.push(data[8]);
        socket.write(Buffer.from(data[8] === 4 ? '20020000' : '20020001', 'hex'));
      } else if (data[0] === 0x82) socket.write(Buffer.from([0x90, 3, data[2], data[3], 1]));
    });
  });
  s.unref();
  await new Promise((resolve) => { s.listen(0, '127.0.0.1', resolve); });
  const name = await connect(`mqtt://127.0.0.1:${s.address().port}`, [['x', { direction: 'in' }]]);
  assert.equal(await state(name, 'protocol'), '3.1.1');
  assert.deepEqual(versions, [5, 0x84, 4]);
  await drop(name);
});

test('a remote that takes less: its maximum packet size and QoS', async () => {
  const small = await Mosquitto.start('max_packet_size 2000', 'max_qos 1', 'retain_available false');
  const t = unique('t');
  const name = await connect(small.url, [[`${t}/#`, { qos: 2 }]]);
  const us = await client(here());
  const them = await client(small.url, `${t}/#`, { qos: 1 });
  await us.publishAsync(`${t}/large`, 'x'.repeat(3000), { qos: 1 });
  for (const qos of [0, 1, 2]) await us.publishAsync(`${t}/${qos}`, 'small', { qos, retain: true });
  await them.hears(3);
  assert.deepEqual(them.texts().sort(), [0, 1, 2].map((q) => `${t}/${q} small`));
  assert.equal(await state(name, 'dropped'), '1');
  for (const qos of [0, 1, 2]) await us.publishAsync(`${t}/${qos}`, '', { qos: 1, retain: true });
  // What has waited with more than the remote takes goes there with what it takes.
  for (const most of [1, 0]) {
    await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = false WHERE name = '${name}'`, 'SELECT fox_wamp.sync()');
    for (const qos of [2, 1, 2]) await us.publishAsync(`${t}/late`, `${most} ${qos}`, { qos });
    small.configure('max_packet_size 2000', `max_qos ${most}`, 'retain_available false');
    await small.stop();
    await small.run();
    await until(() => them.connected);
    them.got.length = 0;
    await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = true WHERE name = '${name}'`);
    await them.hears(3);
    assert.deepEqual(them.got.map((g) => [g[1], g[2]]), [2, 1, 2].map((q) => [`${most} ${q}`, Math.min(most, 1)]));
    await until(async () => await state(name, 'queued') === '0');
  }
  await drop(name);
});

// --- TLS ---

test('TLS: an authority that is believed, and others', async () => {
  const secure = await Mosquitto.start();
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: secure.dir });
  const certificate = (name, san) => {
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    fs.writeFileSync(path.join(secure.dir, 'ext'), `subjectAltName=${san}\n`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '10', '-extfile', 'ext', '-out', `${name}.crt`);
  };
  for (const ca of ['ca', 'other']) openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${ca}`, '-days', '10', '-keyout', `${ca}.key`, '-out', `${ca}.crt`);
  certificate('server', 'DNS:localhost');
  certificate('bridge', 'DNS:bridge');
  const read = (file) => fs.readFileSync(path.join(secure.dir, file), 'utf8');
  secure.configure('cafile DIR/ca.crt', 'certfile DIR/server.crt', 'keyfile DIR/server.key', 'require_certificate true');
  await secure.stop();
  await secure.run();
  const url = `mqtts://localhost:${secure.port}`;
  const t = unique('t');
  const name = await bridge(url, [[`${t}/#`, { direction: 'both' }]], { ca: read('other.crt') });
  await failed(name, /TLS: the server's certificate is not believed/);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET ca = NULL WHERE name = '${name}'`);
  await failed(name, /TLS: the server's certificate is not believed/);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET ca = '${read('ca.crt')}', url = 'mqtts://127.0.0.1:${secure.port}' WHERE name = '${name}'`);
  await failed(name, /TLS: the server's certificate is not believed: .*IP address mismatch/);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET url = '${url}' WHERE name = '${name}'`);
  await failed(name, /TLS: .*certificate required|closed|handshake/);
  await sql(`UPDATE fox_wamp.mqtt_bridge SET certificate = '${read('bridge.crt')}', private_key = '${read('bridge.key')}' WHERE name = '${name}'`);
  await connected(name);
  const us = await client(here(), `${t}/#`);
  const them = await client(url, `${t}/#`, { ca: read('ca.crt'), cert: read('bridge.crt'), key: read('bridge.key') });
  const text = 'x'.repeat(1000000);
  await us.publishAsync(`${t}/a`, text, { qos: 1 });
  await them.publishAsync(`${t}/b`, text, { qos: 1 });
  await us.hears(2);
  await them.hears(2);
  for (const c of [us, them]) assert.deepEqual(c.texts().sort(), [`${t}/a ${text}`, `${t}/b ${text}`]);
  await drop(name);
});

// --- rows ---

test('a session of the remote that knows of another one here is ended', async () => {
  const t = unique('t');
  const remote = await Mosquitto.start();
  const topics = [[`${t}/in`, { direction: 'in', qos: 2 }], [`${t}/out`, { qos: 2 }]];
  for (const protocol of ['5', '3.1.1']) {
    const name = await connect(remote.url, topics, { protocol, client_id: t });
    const them = await client(remote.url, `${t}/out`);
    await sql(`UPDATE fox_wamp.mqtt_bridge SET enabled = false WHERE name = '${name}'`);
    await until(async () => await state(name) === 'disabled');
    await them.publishAsync(`${t}/in`, 'for the former one', { qos: 2 });
    await drop(name);
    const again = await connect(remote.url, topics, { protocol, client_id: t });
    const us = await client(here(), `${t}/in`);
    await them.publishAsync(`${t}/in`, 'for this one', { qos: 2 });
    await us.publishAsync(`${t}/out`, 'from this one', { qos: 2 });
    await us.hears(1);
    await them.hears(1);
    assert.deepEqual([us.texts(), them.texts()], [[`${t}/in for this one`], [`${t}/out from this one`]]);
    await drop(again);
  }
});

test('a superuser says which brokers bridges may connect to', async () => {
  const remote = await Mosquitto.start();
  const name = await connect(remote.url, [['x', {}]]);
  const down = (why) => until(async () => (await state(name, "state || ' ' || last_error")) === `waiting ${why}`);
  await allow(`127.0.0.1:${remote.port + 1}, *.example.com`);
  await down('fox_wamp.mqtt_bridge_allow does not allow it');
  await assert.rejects(sql(`SELECT fox_wamp.mqtt_bridge('${name}', '${remote.url}')`), /fox_wamp.mqtt_bridge_allow does not allow that URL/);
  await assert.rejects(sql("LOAD 'fox_wamp'", 'SET ROLE fox_wamp_admin', "SET fox_wamp.mqtt_bridge_allow = '*'"), /permission denied/);
  await assert.rejects(sql("LOAD 'fox_wamp'", "SET fox_wamp.mqtt_bridge_allow = 'http://x'"), /It is a list of brokers such as/);
  await allow(`mqtt://127.0.0.1:${remote.port}`);
  await connected(name);
  // The database's own setting counts as well, once.
  await sql("ALTER DATABASE postgres SET fox_wamp.mqtt_bridge_allow = ''", 'SELECT pg_reload_conf()');
  await down('fox_wamp.mqtt_bridge_allow does not allow it');
  await sql('ALTER DATABASE postgres RESET fox_wamp.mqtt_bridge_allow');
  await allow();
  await restart();
  await connected(name);
  await drop(name);
});

test('rows that could not be carried out are refused, and passwords are not shown', async () => {
  const make = (more) => sql(`INSERT INTO fox_wamp.mqtt_bridge ${more}`);
  const refused = (more, why) => assert.rejects(make(more), why);
  const name = unique('b');
  await refused(`(name, realm, url) VALUES ('${name}', 'realm1', 'http://x')`, /invalid URL "http:\/\/x"[^]*scheme must be mqtt or mqtts/);
  await refused(`(name, realm, url) VALUES ('${name}', 'realm1', 'mqtt://a:b@x')`, /must not hold a user or a password/);
  await refused(`(name, realm, url) VALUES ('${name}', 'realm1', 'mqtt://')`, /It has no host/);
  await refused(`(name, realm, url) VALUES ('${name}', 'realm1', 'mqtt://x:70000')`, /a number from 1 to 65535/);
  await refused(`(name, realm, url) VALUES ('a/b', 'realm1', 'mqtt://x')`, /mqtt_bridge_name_check/);
  await refused(`(name, realm, url, password) VALUES ('${name}', 'realm1', 'mqtt://x', 'p')`, /mqtt_bridge_check/);
  await refused(`(name, realm, url, notification_topic) VALUES ('${name}', 'realm1', 'mqtt://x', 'a/#')`, /It has a wildcard/);
  await refused(`(name, realm, url, ca) VALUES ('${name}', 'realm1', 'mqtts://x', 'nonsense')`, /authorities are not in the PEM format/);
  await refused(`(name, realm, url, certificate) VALUES ('${name}', 'realm1', 'mqtts://x', 'nonsense')`, /go together/);
  await make(`(name, realm, url, enabled, username, password) VALUES ('${name}', 'realm1', 'mqtt://x', false, 'u', 'p')`);
  names.add(name);
  const topic = (pattern, more = '') => sql(`SELECT fox_wamp.mqtt_bridge_topic('${name}', '${pattern}'${more})`);
  await assert.rejects(topic('a/#/b'), /With its local prefix it is no filter of MQTT/);
  await assert.rejects(topic('$share/g/x'), /or a shared one/);
  await assert.rejects(topic('#', ", remote_prefix => 'a/+/'"), /A prefix has no wildcards/);
  await assert.rejects(topic('$SYS/#', ", 'in'"), /the router's own topics/);
  await assert.rejects(topic('x', ", 'through'"), /direction_check/);
  await assert.rejects(topic('', ''), /no filter of MQTT/);
  const as = (role, text) => sql(`SET ROLE ${role}`, text);
  await assert.rejects(as('fox_wamp_user', 'SELECT name FROM fox_wamp.mqtt_bridge'), /permission denied/);
  await assert.rejects(as('fox_wamp_user', 'SELECT * FROM fox_wamp.mqtt_bridge_state'), /permission denied/);
  await assert.rejects(as('fox_wamp_user', `SELECT fox_wamp.drop_mqtt_bridge('${name}')`), /permission denied/);
  await assert.rejects(as('fox_wamp_admin', 'SELECT password FROM fox_wamp.mqtt_bridge'), /permission denied/);
  assert.equal(await as('fox_wamp_admin', `SELECT username FROM fox_wamp.mqtt_bridge WHERE name = '${name}'`), 'u');
  await as('fox_wamp_admin', `SELECT fox_wamp.mqtt_bridge('${name}', 'mqtt://y', username => 'u', password => 'q')`);
  assert.equal(await as('fox_wamp_admin', `SELECT state IN ('waiting', 'connecting') FROM fox_wamp.mqtt_bridge_state WHERE name = '${name}'`), 't');
  assert.equal(await as('fox_wamp_admin', `SELECT fox_wamp.drop_mqtt_bridge('${name}')`), 't');
  assert.equal(await sql(`SELECT fox_wamp.drop_mqtt_bridge('${name}')`), 'f');
});
