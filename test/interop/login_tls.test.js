'use strict';
// Logging in with a client's certificate: the common name is a user, or a role of the server.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, execFile } = require('node:child_process');
const { promisify } = require('node:util');
const net = require('node:net');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { start, stop, restart, sql, join, fresh, refusal, until, withSettings, env, WebSocket } = require('./lib');
const { MqttClient } = require('./mqtt_client');

const role = `tls_role_${process.pid}`;
const group = fresh('group');
const user = fresh('user');
const run = promisify(execFile);
let dir;

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: dir });

/** A certificate for that name, by the authority ca (or by itself). */
function certificate(file, name, { ca, days = '10', from } = {}) {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/O=fox/CN=${name}`, '-keyout', `${file}.key`, '-out', `${file}.csr`);
  const signer = ca ? ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial'] : ['-signkey', `${file}.key`];
  if (from) {
    fs.writeFileSync(path.join(dir, 'index.txt'), '');
    fs.writeFileSync(path.join(dir, 'serial'), '77');
    fs.writeFileSync(path.join(dir, 'ca.cnf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\nO=supplied\nCN=supplied\n');
    openssl('ca', '-batch', '-config', 'ca.cnf', '-cert', `${ca}.crt`, '-keyfile', `${ca}.key`, '-in', `${file}.csr`, '-out', `${file}.crt`, '-startdate', from, '-enddate', '20210101000000Z', '-notext');
  } else openssl('x509', '-req', '-in', `${file}.csr`, '-days', days, ...signer, '-out', `${file}.crt`);
}

const read = (file) => fs.readFileSync(path.join(dir, file));
const wss = () => `wss://127.0.0.1:${env.tlsPort}/ws`;
const trust = () => fs.readFileSync(path.join(env.data, 'server.crt'));
const client = (file) => ({ ca: trust(), cert: read(`${file}.crt`), key: read(`${file}.key`) });
const by = (file, more = {}) => join({ url: wss(), tlsConfiguration: client(file), authmethods: ['tls'], ...more });

before(async () => {
  start();
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-client.'));
  certificate('ca', 'authority');
  certificate('user', user, { ca: 'ca' });
  certificate('role', role, { ca: 'ca' });
  certificate('nobody', 'nobody', { ca: 'ca' });
  certificate('expired', user, { ca: 'ca', from: '20200101000000Z' });
  certificate('foreign', user);
  await sql(`CREATE ROLE ${role} LOGIN`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}')`);
  fs.copyFileSync(path.join(dir, 'ca.crt'), path.join(env.data, 'client_ca.crt'));
  fs.chmodSync(path.join(env.data, 'client_ca.crt'), 0o644);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`, `DROP ROLE ${role}`);
  fs.rmSync(path.join(env.data, 'client_ca.crt'));
  fs.rmSync(dir, { recursive: true });
  stop();
});

test('certificates of clients', () => withSettings({ 'fox_wamp.tls_ca_file': 'client_ca.crt', 'fox_wamp.auth_attempts': 0 }, async () => {
  let session;
  await until(async () => (session = await by('user').catch(() => null)) !== null);
  const details = (id) => sql(`SELECT authid, authrole, authmethod FROM fox_wamp.session WHERE id = ${id}`);
  assert.equal(await details(session.id), `${user}|${role}|tls`);
  session.leaveNow();
  session = await by('role', { authid: role });
  assert.equal(await details(session.id), `${role}|${role}|tls`);
  session.leaveNow();
  assert.equal((await refusal(by('nobody'))).details.reason, 'wamp.error.no_such_principal');
  assert.equal((await refusal(by('user', { authid: role }))).details.reason, 'wamp.error.no_such_principal');

  // One that does not count ends the handshake; without one there are other methods.
  for (const file of ['expired', 'foreign']) {
    const ws = new WebSocket(wss(), ['wamp.2.json'], client(file));
    const failed = await new Promise((resolve) => { ws.on('error', resolve); ws.on('open', () => resolve(null)); });
    assert.ok(failed, `${file} was taken`);
  }
  const without = await new Promise((resolve, reject) => {
    const ws = new WebSocket(wss(), ['wamp.2.json'], { ca: trust() });
    ws.on('error', reject);
    ws.on('open', () => ws.send(JSON.stringify([1, 'realm1', { roles: { caller: {} }, authmethods: ['tls'] }])));
    ws.on('message', (data) => { resolve(JSON.parse(data)); ws.terminate(); });
  });
  assert.equal(without[2], 'wamp.error.no_matching_auth_method');
}));

test('certificates of MQTT clients, and a port for them', () => withSettings({ 'fox_wamp.tls_ca_file': 'client_ca.crt', 'fox_wamp.auth_attempts': 0 }, async () => {
  const enter = (v, file, more = {}) => MqttClient.join(v, { transport: 'tls', tlsOptions: { ...client(file), ...more.tlsOptions }, ...more.connect });
  await until(() => enter(5, 'user').then((c) => c.leave().then(() => true), () => false));
  for (const [v, protocol] of [[3, 'mqtt.3.1'], [4, 'mqtt.3.1.1'], [5, 'mqtt.5.0']]) {
    for (const [file, name, connect] of [['user', user, {}], ['role', role, {}], ['user', user, { username: user }], ['user', user, { username: `${user}@realm1` }]]) {
      const c = await enter(v, file, { connect });
      assert.equal(await sql(`SELECT authid, authrole, authmethod FROM fox_wamp.session WHERE protocol = '${protocol}' AND client_id = '${c.id}'`), `${name}|${role}|tls`);
      await c.nothing();
      await c.leave();
    }
    const refused = (file, username) => MqttClient.refusal(v, { transport: 'tls', tlsOptions: client(file), username });
    assert.equal(await refused('nobody'), v === 5 ? 0x86 : 4);
    assert.equal(await refused('user', role), v === 5 ? 0x86 : 4);
    for (const file of ['expired', 'foreign']) await assert.rejects(enter(v, file));
  }
  await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', env.tlsPort, '--cafile', path.join(env.data, 'server.crt'), '--insecure', '--cert', path.join(dir, 'user.crt'), '--key', path.join(dir, 'user.key'), '-t', 'by/certificate', '-m', 'x', '-q', '1']);
  const port = await new Promise((resolve) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => resolve(p)); }); });
  await withSettings({ 'fox_wamp.mqtt_tls_port': port }, async () => {
    await restart();
    const c = await enter(5, 'user', { tlsOptions: { port } });
    await c.nothing();
    await c.leave();
    // It takes what the TLS port takes, and nothing without TLS.
    const session = await join({ url: `wss://127.0.0.1:${port}/ws`, tlsConfiguration: client('user'), authmethods: ['tls'] });
    session.leaveNow();
    await assert.rejects(run('mosquitto_pub', ['-h', '127.0.0.1', '-p', port, '-t', 'x', '-m', 'x']));
  });
  await restart();
  await assert.rejects(enter(5, 'user', { tlsOptions: { port } }));
}));

test('a certificate that is revoked', async () => {
  certificate('revoked', user, { ca: 'ca' });
  fs.writeFileSync(path.join(dir, 'index.txt'), '');
  fs.writeFileSync(path.join(dir, 'crlnumber'), '01');
  fs.writeFileSync(path.join(dir, 'crl.cnf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n');
  openssl('ca', '-config', 'crl.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key', '-revoke', 'revoked.crt');
  openssl('ca', '-config', 'crl.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key', '-gencrl', '-out', 'list.crl');
  fs.copyFileSync(path.join(dir, 'list.crl'), path.join(env.data, 'client.crl'));
  fs.chmodSync(path.join(env.data, 'client.crl'), 0o644);
  await withSettings({ 'fox_wamp.tls_ca_file': 'client_ca.crt' }, async () => {
    let session;
    await until(async () => (session = await by('revoked').catch(() => null)) !== null);
    session.leaveNow();
    await withSettings({ 'fox_wamp.tls_crl_file': 'client.crl' }, async () => {
      await until(async () => {
        const ws = new WebSocket(wss(), ['wamp.2.json'], client('revoked'));
        const failed = await new Promise((resolve) => { ws.on('error', resolve); ws.on('open', () => resolve(null)); });
        ws.terminate();
        return failed !== null && /revoked/.test(failed.message);
      });
      (await by('user')).leaveNow();
    });
  });
  fs.rmSync(path.join(env.data, 'client.crl'));
});

test('a ticket over TLS', async () => {
  await sql(`SELECT fox_wamp.set_password('${user}', 'pw')`);
  const session = await join({ url: wss(), tlsConfiguration: client('nobody'), authid: user, authmethods: ['ticket'], onchallenge: () => 'pw' });
  session.leaveNow();
});
