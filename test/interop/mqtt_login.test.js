'use strict';
// mqtt_login.test.js - who an MQTT client is and what it may do: the same tables as WAMP's.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { start, stop, sql, join, withSettings, fresh, until } = require('./lib');
const { MqttClient, unique, str, packet } = require('./mqtt_client');

const group = fresh('group');
const role = `mqtt_role_${process.pid}`;
const user = fresh('user');
const realm = `mqtt_realm_${process.pid}`;
const ALL = [3, 4, 5];

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'role''s own'`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}', 'secret')`,
    `SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`,
    `SELECT fox_wamp.drop_realm('${realm}')`, `DROP ROLE ${role}`);
  stop();
});

const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, async () => { await sql('SELECT fox_wamp.sync()'); await body(); });
const code = (v, five, before5) => (v === 5 ? five : before5);
const sync = 'SELECT fox_wamp.sync()';
const session = (protocol, name) => sql(`SELECT authid, authrole, authmethod, realm FROM fox_wamp.session WHERE protocol = '${protocol}' AND authid = '${name}'`);
const NAMES = { 3: 'mqtt.3.1', 4: 'mqtt.3.1.1', 5: 'mqtt.5.0' };

for (const v of ALL) {
  test(`a password: a user's, a role's, in a realm of its own (${NAMES[v]})`, async () => {
    for (const [username, password, name, where] of [
      [user, 'secret', user, 'realm1'], [role, "role's own", role, 'realm1'], [`${user}@${realm}`, 'secret', user, realm]]) {
      const c = await MqttClient.join(v, { username, password });
      assert.equal(await session(NAMES[v], name), `${name}|${role}|ticket|${where}`);
      await c.nothing();
      await c.leave();
    }
  });

  test(`wrong passwords, unknown names, no password, no realm (${NAMES[v]})`, () => guessing(async () => {
    const bad = code(v, 0x86, 4);
    assert.equal(await MqttClient.refusal(v, { username: user, password: 'wrong' }), bad);
    assert.equal(await MqttClient.refusal(v, { username: 'nobody', password: 'secret' }), bad);
    assert.equal(await MqttClient.refusal(v, { username: user }), bad);
    assert.equal(await MqttClient.refusal(v, { username: user, password: Buffer.from([0xff]) }), bad);
    assert.equal(await MqttClient.refusal(v, { username: user, password: Buffer.from('a\0b') }), bad);
    assert.equal(await MqttClient.refusal(v, { username: `${user}@no_such_realm`, password: 'secret' }), code(v, 0x87, 5));
  }));

  test(`what the rows of permission forbid (${NAMES[v]})`, async () => {
    await sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
      `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe) VALUES
        ('${realm}', 'open.#', '${role}', true, true), ('${realm}', 'open.secret.#', '${role}', false, false), ('${realm}', 'seen.#', '${role}', false, true)`, sync);
    const c = await MqttClient.join(v, { username: `${user}@${realm}`, password: 'secret' });
    const no = code(v, 0x87, 0x80);
    assert.deepEqual(await c.subscribe(['open/a', 'closed', 'open/#', 'open/+/x', 'seen/#', '#', '$share/g/closed'], { qos: 1 }), [1, no, no, no, 1, no, no]);
    for (const qos of [1, 2]) {
      await c.publish('open/a', `${qos}`, { qos });
      const p = await c.take('publish');
      assert.equal(p.payload.toString(), `${qos}`);
      await c.acknowledge(p);
      const refused = await c.publish('seen/a', 'x', { qos });
      if (v === 5) {
        assert.equal(refused.reasonCode, 0x87);
        assert.match(refused.properties.reasonString, /may not publish to "seen\.a"/);
      }
    }
    await c.publish('open/secret/a', 'x', { qos: 1, retain: true });
    await c.publish('closed', 'x');
    await c.nothing();
    assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE realm = '${realm}'`), '0');
    // What is taken away is not heard any more.
    await sql(`UPDATE fox_wamp.permission SET allow_subscribe = false WHERE realm = '${realm}'`, sync);
    await c.publish('open/a', 'unheard', { qos: 1 });
    await c.nothing();
    await c.leave();
    assert.equal(await MqttClient.refusal(v, { username: `${user}@${realm}`, password: 'secret', will: { topic: 'seen/will', payload: Buffer.from('x'), qos: 0, retain: false } }),
      code(v, 0x87, 5));
  });
}

test('before CONNACK a client may send on; it is looked at once it is known who that is', async () => {
  const c = await MqttClient.open(5);
  const topic = unique('early');
  c.write(Buffer.concat([
    packet(0x10, str('MQTT'), 5, 0xc2, [0, 0], 0, str(unique()), str(user), str('secret')),
    packet(0x82, [0, 1], 0, str(topic), 0), packet(0x30, str(topic), 0, 'first'), packet(0xc0)]));
  assert.equal((await c.take('connack')).reasonCode, 0);
  await c.take('suback');
  assert.equal(await c.text(), 'first');
  await c.take('pingresp');
  c.kill();
  const bad = await MqttClient.open(5);
  bad.write(Buffer.concat([packet(0x10, str('MQTT'), 5, 0xc2, [0, 0], 0, str(unique()), str(user), str('secret')), Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])]));
  assert.equal((await bad.take('connack')).reasonCode, 0);
  assert.equal(await bad.end(), 0x81);
});

test('a JSON Web Token is a password', () => guessing(async () => {
  const secret = crypto.randomBytes(32).toString('hex');
  const kid = `${user}.mqtt`;
  const text = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const token = (claims) => {
    const head = `${text({ alg: 'HS256', typ: 'JWT', kid })}.${text({ sub: 'device7', role, exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
    return `${head}.${crypto.createHmac('sha256', secret).update(head).digest('base64url')}`;
  };
  await sql(`SELECT fox_wamp.add_jwt_secret('${kid}', '${secret}')`);
  for (const v of ALL) {
    for (const username of ['', 'device7', `@${realm}`]) {
      const c = await MqttClient.join(v, { username, password: token({}) });
      assert.equal(await session(NAMES[v], 'device7'), `device7|${role}|ticket|${username.startsWith('@') ? realm : 'realm1'}`);
      await c.leave();
    }
    assert.equal(await MqttClient.refusal(v, { username: 'another', password: token({}) }), code(v, 0x86, 4));
    assert.equal(await MqttClient.refusal(v, { username: '', password: token({ exp: 1 }) }), code(v, 0x86, 4));
  }
  await sql(`DELETE FROM fox_wamp.jwt_key WHERE kid = '${kid}'`);
}));

// --- SCRAM-SHA-256 ---

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

const method = { authenticationMethod: 'SCRAM-SHA-256' };

/**
 * Enhanced authentication as RFC 5802 has it; begin(data) sends the client's first message, change may alter what it says last.
 * The packet that ends it: CONNACK, AUTH or DISCONNECT.
 */
async function exchange(c, name, password, begin, { header = 'n,,', change = (m) => m, first = (m) => m } = {}) {
  const nonce = crypto.randomBytes(12).toString('base64').replaceAll('=', '#');
  const bare = `n=${name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const ends = (p) => ['auth', 'connack', 'disconnect'].includes(p.cmd);
  begin(Buffer.from(first(header + bare)));
  const challenge = await c.take(ends);
  if (challenge.cmd !== 'auth') return challenge;
  assert.equal(challenge.reasonCode, 0x18);
  const text = challenge.properties.authenticationData.toString();
  const [, both, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text);
  assert.ok(both.startsWith(nonce));
  const salted = crypto.pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const last = `c=${Buffer.from(header).toString('base64')},r=${both}`;
  const message = `${bare},${text},${last}`;
  const key = hmac(salted, 'Client Key');
  const proof = Buffer.from(key.map((byte, i) => byte ^ hmac(crypto.createHash('sha256').update(key).digest(), message)[i]));
  c.send({ cmd: 'auth', reasonCode: 0x18, properties: { ...method, authenticationData: Buffer.from(change(`${last},p=${proof.toString('base64')}`)) } });
  const end = await c.take(ends);
  if (end.reasonCode === 0) {
    assert.equal(end.properties.authenticationMethod, 'SCRAM-SHA-256');
    assert.equal(end.properties.authenticationData.toString(), `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`);
  }
  return end;
}

/** Logs in; the client, or its CONNACK's code. */
async function scram(name, password, { username, clientId = unique(), ...options } = {}) {
  const c = await MqttClient.open(5);
  const connack = await exchange(c, name, password, (authenticationData) => c.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0,
    clientId, username, properties: { ...method, authenticationData } }), options);
  if (connack.reasonCode === 0) return c;
  await c.end();
  return connack.reasonCode;
}

/** Authenticates again; the reason code of what ends it. */
const again = async (c, name, password, options) => (await exchange(c, name, password,
  (authenticationData) => c.send({ cmd: 'auth', reasonCode: 0x19, properties: { ...method, authenticationData } }), options)).reasonCode;

test('SCRAM-SHA-256: a role of the server, a user, a realm', () => guessing(async () => {
  for (const [name, password, options, where] of [
    [role, "role's own", {}, 'realm1'], [user, 'secret', { header: 'y,,' }, 'realm1'], [`${user}@${realm}`, 'secret', {}, realm],
    ['', 'secret', { username: `${user}@${realm}` }, realm]]) {
    const c = await scram(name, password, options);
    assert.equal(await session('mqtt.5.0', (name || options.username).split('@')[0]), `${(name || options.username).split('@')[0]}|${role}|wamp-scram|${where}`);
    await c.nothing();
    await c.leave();
  }
  assert.equal(await scram(role, 'wrong'), 0x86);
  assert.equal(await scram('nobody', 'wrong'), 0x86);
  assert.equal(await scram(`${role}@no_such_realm`, 'x'), 0x87);
  for (const change of [(m) => m.replace('c=biws', 'c=eSws'), (m) => m.replace(',p=', ',x=1,p='), () => 'p=x', (m) => `${m.slice(0, -8)}AAAAAA==`]) {
    assert.ok([0x86, 0x87].includes(await scram(role, "role's own", { change })));
  }
  for (const first of [() => '', () => 'n,,', () => 'p=tls-unique,,n=x,r=12345678', () => 'n,a=other,n=x,r=12345678', () => 'n,,n=x=,r=12345678', (m) => `${m},m=1`, () => 'n,,n=x,r=']) {
    assert.ok([0x86, 0x87, 0x88].includes(await scram(role, "role's own", { first })));
  }
}));

test('who has logged in by SCRAM-SHA-256 authenticates again', () => guessing(async () => {
  const other = `${role}_other`;
  await sql(`CREATE ROLE ${other} LOGIN PASSWORD 'other'`, `GRANT fox_wamp_connect TO ${other}`);
  const c = await scram(user, 'secret');
  const topic = unique('again');
  await c.subscribe(topic);
  for (const name of [user, `${user}@realm1`, '']) assert.equal(await again(c, name, 'secret'), 0);
  // Other packets are carried out meanwhile.
  const during = again(c, user, 'secret');
  await c.publish(topic, 'meanwhile', { qos: 1 });
  assert.equal(await c.text(), 'meanwhile');
  assert.equal(await during, 0);
  // The session goes on, with the role of the last log-in.
  await sql(`SELECT fox_wamp.create_group('${other}', '${other}')`, `UPDATE fox_wamp.auth_user SET group_id = (SELECT id FROM fox_wamp.auth_group WHERE ident = '${other}') WHERE logon_name = '${user}'`);
  assert.equal(await again(c, user, 'secret'), 0);
  assert.equal(await session('mqtt.5.0', user), `${user}|${other}|wamp-scram|realm1`);
  await sql(`UPDATE fox_wamp.auth_user SET group_id = (SELECT id FROM fox_wamp.auth_group WHERE ident = '${group}') WHERE logon_name = '${user}'`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${other}'`);
  await c.publish(topic, 'goes on');
  assert.equal(await c.text(), 'goes on');
  await c.leave();
  // Failures end the connection, and with it what the session was to be kept for is left as it was.
  for (const [name, password, options] of [[user, 'wrong'], [other, 'other'], [`${user}@${realm}`, 'secret'], ['nobody', 'x'],
    [user, 'secret', { first: () => 'n,,' }], [user, 'secret', { change: () => 'c=biws' }], [user, 'secret', { header: 'p=tls-unique,,' }]]) {
    const bad = await scram(user, 'secret');
    assert.equal(await again(bad, name, password, options), 0x87, name);
    await bad.end();
  }
  const violations = [
    [{ reasonCode: 0x19, properties: { authenticationMethod: 'PLAIN', authenticationData: Buffer.from('x') } }],
    [{ reasonCode: 0x18, properties: { ...method, authenticationData: Buffer.from('c=biws,r=1,p=x') } }],
    [{ reasonCode: 0, properties: method }],
    [{ reasonCode: 0x19, properties: { ...method, authenticationData: Buffer.from('n,,n=,r=12345678') } }, { reasonCode: 0x19, properties: { ...method, authenticationData: Buffer.from('n,,n=,r=12345678') } }]];
  for (const packets of violations) {
    const bad = await scram(user, 'secret');
    for (const p of packets) bad.send({ cmd: 'auth', ...p });
    assert.equal(await bad.end(), 0x82);
  }
  const gone = await scram(user, 'secret');
  gone.send({ cmd: 'auth', reasonCode: 0x19, properties: { ...method, authenticationData: Buffer.from('n,,n=,r=12345678') } });
  await gone.leave();
  await sql(`REVOKE fox_wamp_connect FROM ${other}`, `DROP ROLE ${other}`);
}));

test('who does not say its proof in time is cut', () => withSettings({ 'fox_wamp.auth_timeout': '1s' }, async () => {
  const c = await scram(user, 'secret');
  c.send({ cmd: 'auth', reasonCode: 0x19, properties: { ...method, authenticationData: Buffer.from('n,,n=,r=12345678') } });
  assert.equal(await c.end(), 0x87);
}));

test('AUTH when none is waited for', async () => {
  const c = await MqttClient.join(5);
  c.send({ cmd: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'SCRAM-SHA-256' } });
  assert.equal(await c.end(), 0x82);
});

test('a realm takes anonymous clients or not', async () => {
  await sql(`INSERT INTO fox_wamp.auth_method (realm, method) VALUES ('${realm}', 'ticket')`, sync);
  for (const v of ALL) {
    assert.equal(await MqttClient.refusal(v, { username: `@${realm}` }), code(v, 0x87, 5));
    await (await MqttClient.join(v, { username: `${user}@${realm}`, password: 'secret' })).leave();
  }
  await sql(`DELETE FROM fox_wamp.auth_method WHERE realm = '${realm}'`, sync);
  await (await MqttClient.join(5, { username: `@${realm}` })).leave();
});

test('an authorizer decides, and an authenticator who somebody is', async () => {
  await sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe, authorizer) VALUES ('${realm}', 'asked.#', 'public', true, true, 'auth.ask')`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_register) VALUES ('${realm}', 'auth.#', 'public', true)`,
    `INSERT INTO fox_wamp.auth_method (realm, method, authenticator) VALUES ('${realm}', 'anonymous', NULL), ('${realm}', 'ticket', 'auth.who')`, sync);
  const judge = await join({ realm });
  await judge.register('auth.ask', ([, uri]) => !uri.endsWith('no'));
  await judge.register('auth.who', ([, authid, details]) => (details.ticket === 'sesame' && details.authextra.client_id.startsWith('known') ? { authid, role } : {}));
  assert.equal(await MqttClient.refusal(5, { username: `x@${realm}`, password: 'sesame' }), 0x86);
  for (const v of ALL) {
    const c = await MqttClient.join(v, { username: `x@${realm}`, password: 'sesame', clientId: unique('known') });
    const no = code(v, 0x87, 0x80);
    assert.deepEqual(await c.subscribe(['asked/a', 'asked/no', 'asked/b'], { qos: 1 }), [1, no, 1]);
    await c.publish('asked/a', 'yes', { qos: 0 });
    assert.equal(await c.text(), 'yes');
    const ack = await c.publish('asked/no', 'no', { qos: 1 });
    assert.equal(ack.reasonCode, code(v, 0x87, undefined));
    // A message of QoS 0 is not lost with a client that leaves at once.
    const other = await MqttClient.join(v, { username: `x@${realm}`, password: 'sesame', clientId: unique('known') });
    other.send({ cmd: 'publish', topic: 'asked/b', payload: 'last words', qos: 0 });
    await other.leave();
    assert.equal(await c.text(), 'last words');
    await c.leave();
  }
  judge.leaveNow();
  await sql(`DELETE FROM fox_wamp.auth_method WHERE realm = '${realm}'`, sync);
});

test('a session is its user\'s alone, and has the role of the last log-in', async () => {
  await sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe) VALUES ('${realm}', '#', 'public', true, true)`, sync);
  const mine = { username: `${user}@${realm}`, password: 'secret', clientId: unique('own'), clean: false, properties: { sessionExpiryInterval: 600 } };
  const c = await MqttClient.join(5, mine);
  await c.subscribe('own', { qos: 1 });
  assert.equal(await MqttClient.refusal(5, { username: `${role}@${realm}`, password: "role's own", clientId: mine.clientId }), 0x85);
  assert.equal(await MqttClient.refusal(4, { username: `@${realm}`, clientId: mine.clientId }), 2);
  await c.nothing();
  c.kill();
  const again = await MqttClient.join(5, mine);
  assert.equal(again.connack.sessionPresent, true);
  await again.publish('own', 'still there', { qos: 1 });
  assert.equal(await again.text(), 'still there');
  again.kill();
  await (await MqttClient.join(5, { ...mine, clean: true, properties: {} })).leave();
});


test('anonymous clients take over each other\'s sessions', async () => {
  for (const v of ALL) {
    const options = { clientId: unique('anonymous'), clean: false, ...(v === 5 && { properties: { sessionExpiryInterval: 600 } }) };
    const former = await MqttClient.join(v, options);
    await former.subscribe('taken/over', { qos: 1 });
    const c = await MqttClient.join(v, options);
    assert.equal(c.connack.sessionPresent, true);
    assert.equal(await former.end(), v === 5 ? 0x8e : undefined);
    await c.publish('taken/over', 'mine now', { qos: 1 });
    assert.equal(await c.text(), 'mine now');
    assert.equal(await MqttClient.refusal(v, { ...options, username: user, password: 'secret' }), code(v, 0x85, 2));
    c.kill();
    await (await MqttClient.join(v, { clientId: options.clientId, clean: true })).leave();
  }
});
