'use strict';
// Logging in by a cookie that an earlier log-in has left.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, withSettings, fresh, until, Raw, WebSocket, env } = require('./lib');

const user = fresh('user');
const role = `role_${process.pid}`;
const NAME = /^fox_wamp=([0-9a-f]{64}); Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict$/;

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'one'`, `GRANT fox_wamp_connect TO ${role}`, `SELECT fox_wamp.create_group('${user}', '${role}')`,
    `SELECT fox_wamp.create_user('${user}', '${user}', 'secret')`);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${user}'`, `DROP ROLE ${role}`);
  stop();
});

const withCookies = (body) => withSettings({ 'fox_wamp.cookie_lifetime': '1h' }, body);

/** Opens a WebSocket with such headers; raw.cookie is what Set-Cookie says. */
async function open(headers = {}, options = {}) {
  let answer;
  const connecting = Raw.connect(['wamp.2.json'], { headers, ...options, finishRequest: (request) => { request.on('upgrade', (r) => { answer = r; }); request.end(); } });
  const raw = await connecting;
  raw.set = answer.headers['set-cookie']?.[0];
  raw.cookie = raw.set?.match(/=([0-9a-f]{64});/)?.[1];
  return raw;
}
async function hello(raw, methods, authid) {
  raw.send([1, 'realm1', { roles: { caller: {} }, authmethods: methods, ...(authid && { authid }) }]);
  return raw.next();
}
/** Logs in with a password; the cookie that is left. */
async function logIn(authid, password, headers) {
  const raw = await open(headers);
  assert.equal((await hello(raw, ['cookie', 'ticket'], authid))[1], 'ticket');
  raw.send([5, password, {}]);
  assert.equal((await raw.next())[0], 2);
  raw.ws.terminate();
  return raw.cookie;
}
const bring = (cookie, more = {}) => open({ Cookie: `theme=dark; fox_wamp=${cookie}`, ...more });
const NO_METHOD = 'wamp.error.no_matching_auth_method';

test('there is none unless it is switched on', async () => {
  const raw = await open();
  assert.equal(raw.set, undefined);
  assert.equal((await hello(raw, ['cookie'], user))[2], NO_METHOD);
});

test('who has logged in comes back by the cookie alone, on each connection by the last one', () => withCookies(async () => {
  const cookie = await logIn(user, 'secret');
  const back = await bring(cookie);
  assert.match(back.set, NAME);
  assert.notEqual(back.cookie, cookie);
  const welcome = (await hello(back, ['cookie']))[2];
  assert.deepEqual([welcome.authid, welcome.authrole, welcome.authmethod, welcome.authprovider], [user, role, 'cookie', 'fox_wamp']);
  // It is kept as a hash, for one hour in all.
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.auth_cookie c WHERE c::text LIKE '%${cookie}%' OR c::text LIKE '%${back.cookie}%'`), '0');
  assert.equal(await sql(`SELECT count(DISTINCT expires), count(replaced), count(*) FROM fox_wamp.auth_cookie WHERE authid = '${user}'`), '1|1|2');
  // A connection that logs in by nothing carries it on all the same.
  const idle = await bring(back.cookie);
  assert.equal((await hello(idle, ['anonymous']))[0], 2);
  assert.equal((await hello(await bring(idle.cookie), ['cookie']))[0], 2);
  // One that has been replaced counts for a while.
  assert.equal((await hello(await bring(cookie), ['cookie']))[0], 2);
}));

test('a role of the server, until its password is another one or it may log in no longer', () => withCookies(async () => {
  const cookie = await logIn(role, 'one');
  assert.equal((await hello(await bring(cookie), ['cookie']))[2].authprovider, 'postgresql');
  await sql(`ALTER ROLE ${role} NOLOGIN`);
  assert.equal((await hello(await bring(cookie), ['cookie']))[2], NO_METHOD);
  await sql(`ALTER ROLE ${role} LOGIN`);
  assert.equal((await hello(await bring(cookie), ['cookie']))[0], 2);
  await sql(`ALTER ROLE ${role} PASSWORD 'two'`);
  assert.equal((await hello(await bring(cookie), ['cookie', 'ticket'], role))[1], 'ticket');
}));

test('it ends: by forget_cookies(), by its time, by wamp.close.logout', () => withCookies(async () => {
  let cookie = await logIn(user, 'secret');
  assert.ok(Number(await sql(`SELECT fox_wamp.forget_cookies('${user}')`)) > 0);
  assert.equal((await hello(await bring(cookie), ['cookie']))[2], NO_METHOD);

  cookie = await logIn(user, 'secret');
  await sql(`UPDATE fox_wamp.auth_cookie SET expires = now() WHERE authid = '${user}'`);
  assert.equal((await hello(await bring(cookie), ['cookie']))[2], NO_METHOD);
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.auth_cookie WHERE authid = '${user}'`)) === '0');

  const raw = await bring(await logIn(user, 'secret'));
  assert.equal((await hello(raw, ['cookie']))[0], 2);
  raw.send([6, {}, 'wamp.close.logout']);
  assert.equal((await raw.next())[0], 6);
  assert.equal((await hello(await bring(raw.cookie), ['cookie']))[2], NO_METHOD);
}));

test('a cookie that a stranger has planted becomes nobody else\'s', () => withCookies(async () => {
  const planted = 'ab'.repeat(32);
  const cookie = await logIn(user, 'secret', { Cookie: `fox_wamp=${planted}` });
  assert.equal((await hello(await bring(planted), ['cookie']))[2], NO_METHOD);
  assert.equal((await hello(await bring(cookie), ['cookie']))[0], 2);
}));

test('only pages of the same host may use it, and only where no one listens in', () => withCookies(async () => {
  const cookie = await logIn(user, 'secret');
  const from = async (more) => (await hello(await bring(cookie, more), ['cookie']))[0];
  assert.equal(await from({ Origin: 'https://evil.example.com' }), 3);
  assert.equal(await from({ Origin: 'http://127.0.0.1:3000' }), 2);
  const forwarded = await open({ 'X-Forwarded-For': '192.0.2.1' });
  assert.equal(forwarded.set, undefined);
  if (!env.tlsPort) return;
  const tls = await new Promise((resolve, reject) => {
    const ws = new WebSocket(`wss://127.0.0.1:${env.tlsPort}/ws`, ['wamp.2.json'], { rejectUnauthorized: false });
    ws.on('upgrade', (answer) => { resolve(answer.headers['set-cookie'][0]); ws.terminate(); });
    ws.on('error', reject);
  });
  assert.match(tls, /^__Host-fox_wamp=[0-9a-f]{64}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict; Secure$/);
}));

test('of another realm, or where its rows do not name it, it does not count', () => withCookies(async () => {
  const cookie = await logIn(user, 'secret');
  const realm = fresh('realm');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
  const raw = await bring(cookie);
  raw.send([1, realm, { roles: { caller: {} }, authmethods: ['cookie'] }]);
  assert.equal((await raw.next())[2], NO_METHOD);
  await sql(`INSERT INTO fox_wamp.auth_method (realm, method) VALUES ('realm1', 'ticket'), ('realm1', 'anonymous')`, 'SELECT fox_wamp.sync()');
  assert.equal((await hello(await bring(cookie), ['cookie']))[2], NO_METHOD);
  await sql(`DELETE FROM fox_wamp.auth_method`, 'SELECT fox_wamp.sync()', `SELECT fox_wamp.drop_realm('${realm}')`);
}));
