'use strict';
// mqtt_bridge.test.js - bridges to other brokers: mosquitto, and another realm of our own.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { start, stop, restart, sql, until, env } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');
const { Mosquitto, client, freePort } = require('./mosquitto');

const here = () => `mqtt://127.0.0.1:${env.port}`;
const literal = (v) => (typeof v === 'string' ? `'${v.replaceAll("'", "''")}'` : v);
const named = (args) => Object.entries(args).map(([k, v]) => `, ${k} => ${literal(v)}`).join('');
const names = new Set();
let mosquitto;

before(async () => {
  start();
  mosquitto = await Mosquitto.start();
});
after(async () => {
  for (const name of names) await drop(name);
  stop();
});

const state = async (name, column = 'state') => sql(`SELECT ${column} FROM fox_wamp.mqtt_bridge_state WHERE name = '${name}'`);
const connected = (name) => until(async () => await state(name) === 'connected');
const failed = async (name, why) => {
  let error = '';
  await until(async () => why.test(error = await state(name, 'last_error')), 60000).catch(() => assert.match(error, why));
  assert.notEqual(await state(name), 'connected');
};
const drop = (name) => sql(`SELECT fox_wamp.drop_mqtt_bridge('${name}')`, 'SELECT fox_wamp.sync()');

/** Makes a bridge with these topics, [pattern, options], in one transaction. */
async function bridge(url, topics, options = {}) {
  const name = unique('b');
  names.add(name);
  await sql([`SELECT fox_wamp.mqtt_bridge('${name}', '${url}'${named(options)})`,
    ...topics.map(([pattern, more]) => `SELECT fox_wamp.mqtt_bridge_topic('${name}', '${pattern}'${named(more)})`)].join(';'), 'SELECT fox_wamp.sync()');
  return name;
}

/** The same, once it is connected. */
async function connect(url, topics, options) {
  const name = await bridge(url, topics, options);
  await connected(name);
  return name;
}

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
  await drop(name);
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

test('what finds the queue full is counted', async () => {
  const t = unique('t');
  const name = await bridge(`mqtt://127.0.0.1:${await freePort()}`, [[`${t}/#`, {}]]);
  const most = Number(await sql("LOAD 'fox_wamp'", 'SHOW fox_wamp.mqtt_max_queued'));
  await sql(`SELECT count(fox_wamp.publish('${t}.x', '[1]')) FROM generate_series(1, ${most + 7})`, 'SELECT fox_wamp.sync()');
  assert.equal(await state(name, "queued || ' ' || dropped"), `${most} 7`);
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
