'use strict';
// Sessions by HTTP: /root/auth, tokens and cookies, and how such a session ends.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const https = require('node:https');
const { start, stop, sql, env, withSettings } = require('./lib');
const { ask, closeAll } = require('./http');

const name = `s${process.pid}`;
const HOST = () => `127.0.0.1:${env.port}`;

before(async () => {
  start();
  await sql('SET client_min_messages = error', `CREATE SCHEMA ${name}`, `GRANT USAGE ON SCHEMA ${name} TO PUBLIC`,
    `CREATE ROLE ${name} LOGIN PASSWORD 'pass word' IN ROLE fox_wamp_connect`,
    `CREATE ROLE ${name}_other LOGIN PASSWORD 'other' IN ROLE fox_wamp_connect`,
    `CREATE FUNCTION ${name}.who() RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_array(fox_wamp.session_id(), current_user)$$`,
    `CREATE FUNCTION ${name}.wait() RETURNS int LANGUAGE sql AS $$SELECT 1 FROM pg_sleep(600)$$`,
    `SELECT fox_wamp.expose_root('${name}'), fox_wamp.expose_root('${name}a', auth => true), fox_wamp.expose_root('${name}p', style => 'plain')`,
    `SELECT fox_wamp.expose_function('${name}.who()', root => r) FROM unnest('{${name},${name}a,${name}p}'::text[]) r`,
    `SELECT fox_wamp.expose_function('${name}.who()', 'anyone', '${name}a', anonymous => true), fox_wamp.expose_function('${name}.wait()', root => '${name}')`,
    `SELECT fox_wamp.create_realm('${name}'), fox_wamp.expose_root('${name}r', '${name}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql('SET client_min_messages = error', `DROP SCHEMA ${name} CASCADE`, `DELETE FROM fox_wamp.root WHERE name LIKE '${name}%'`,
    `SELECT fox_wamp.drop_realm('${name}')`, `DROP ROLE ${name}, ${name}_other`);
  stop();
});

const json = (value) => ({ headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) });
const basic = (user, password) => ({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });
const result = (answer) => (answer.body.length > 0 ? JSON.parse(answer.body).Result : undefined);
async function logIn(options = json({ user: name, password: 'pass word' }), root = name) {
  const answer = await ask('POST', `/${root}/auth`, options);
  assert.equal(answer.status, 201, answer.body.toString());
  return result(answer);
}
const running = `EXISTS (SELECT FROM pg_stat_activity WHERE query = '${name}.wait' AND state = 'active')`;
/** Waits until the condition of SQL holds. */
const until = (condition) => sql(`DO $$ BEGIN FOR i IN 1..6000 LOOP
  IF ${condition} THEN RETURN; END IF; PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; RAISE 'it has not come'; END $$`);
const listed = async (id) => await sql(`SELECT count(*) FROM fox_wamp.session WHERE id = ${id}`) === '1';

test('a session begins, is used, and ends', async () => {
  const answer = await ask('POST', `/${name}/auth`, json({ user: name, password: 'pass word' }));
  assert.deepEqual([answer.status, answer.headers['cache-control'], answer.headers['set-cookie']], [201, 'no-store', undefined]);
  const { session, token, ...rest } = result(answer);
  assert.deepEqual(rest, { user: name, group: name, expires_in: 1800 });
  assert.match(token, /^fox_[0-9a-f]{64}$/);
  assert.equal(await sql(`SELECT authid, authrole, authmethod, transport FROM fox_wamp.session WHERE id = ${session}`), `${name}|${name}|ticket|http`);
  for (const root of [name, `${name}a`]) assert.deepEqual(result(await ask('GET', `/${root}/who`, bearer(token))), [session, name]);
  const own = new http.Agent();
  assert.deepEqual(result(await ask('POST', `/${name}/who`, { ...bearer(token), by: own })), [session, name], 'by another connection');
  assert.deepEqual(result(await ask('GET', `/${name}/auth`, bearer(token))), { session, ...rest });
  assert.equal((await ask('GET', `/${name}/auth?UserName=x&Session=${session}`, bearer(token))).status, 400);
  const end = await ask('DELETE', `/${name}/auth`, bearer(token));
  assert.deepEqual([end.status, end.body.length], [200, 0]);
  assert.equal(await listed(session), false);
  const gone = await ask('GET', `/${name}/who`, bearer(token));
  assert.deepEqual([gone.status, JSON.parse(gone.body).ErrorText], [401, 'the session has ended']);
  assert.equal((await ask('DELETE', `/${name}/auth`, bearer(token))).status, 401);
});

test('session_id(): 1 where nobody has to log in, 0 for who has not, or the session', async () => {
  assert.deepEqual(result(await ask('GET', `/${name}/who`)), [1, 'fox_wamp_anonymous']);
  assert.deepEqual(result(await ask('GET', `/${name}a/anyone`)), [0, 'fox_wamp_anonymous']);
  const { session, token } = await logIn();
  assert.deepEqual(result(await ask('GET', `/${name}a/anyone`, bearer(token))), [session, name]);
});

test('ways to log in', async () => {
  const form = { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: `user=${name}&password=pass+word` };
  for (const options of [form, { headers: basic(name, 'pass word') }]) {
    const { session, token, user } = await logIn(options);
    assert.equal(user, name);
    assert.deepEqual(result(await ask('GET', `/${name}/auth?username=${name}&session=${session}`, bearer(token))), undefined);
    assert.equal(await listed(session), false, "mORMot's way to end it");
  }
  const anonymous = await logIn({});
  assert.deepEqual(result(await ask('GET', `/${name}/who`, bearer(anonymous.token))), [anonymous.session, 'fox_wamp_anonymous']);
  const plain = await ask('POST', `/${name}p/auth`, json({ user: name, password: 'pass word' }));
  assert.equal(plain.status, 201);
  assert.equal(JSON.parse(plain.body).user, name);
});

test('what is refused', async () => {
  const post = (options, root = name) => ask('POST', `/${root}/auth`, options);
  for (const [options, status, root] of [
    [json({ user: name, password: 'wrong' }), 401], [json({ user: 'nobody', password: 'x' }), 401], [json({ user: name }), 400],
    [json({ password: 'x' }), 400], [json([name, 'pass word']), 400], [json({ user: 7, password: 'x' }), 400], [json({ user: 7, password: [] }), 400], [json({ user: null, password: null }), 400],
    [{ headers: { 'Content-Type': 'application/json' }, body: '{"user":' }, 400], [{ headers: { 'Content-Type': 'text/plain' }, body: 'x' }, 415],
    [{ headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'user=%FF&password=x' }, 400],
    [{ headers: { Authorization: 'Basic !!' } }, 401], [{}, 401, `${name}a`],
  ]) assert.equal((await post(options, root)).status, status, JSON.stringify(options));
  assert.equal((await ask('GET', `/${name}/auth`)).status, 401);
  assert.equal((await ask('GET', `/${name}/auth`, { headers: basic(name, 'pass word') })).status, 401, 'that is no session');
  const put = await ask('PUT', `/${name}/auth`);
  assert.deepEqual([put.status, put.headers.allow], [405, 'GET, HEAD, POST, DELETE']);
  const { token } = await logIn();
  assert.equal((await ask('GET', `/${name}r/auth`, bearer(token))).status, 401, 'of another realm');
  assert.equal((await ask('GET', `/${name}/who`, bearer(`fox_${'0'.repeat(64)}`))).status, 401);
  const forwarded = { Authorization: `Bearer ${token}`, 'X-Forwarded-For': '203.0.113.9' };
  await withSettings({ 'fox_wamp.trusted_proxies': '127.0.0.1' }, async () => {
    assert.equal((await ask('GET', `/${name}/who`, { headers: forwarded })).status, 401, 'it came over no safe way');
    assert.equal((await ask('GET', `/${name}/who`, { headers: { ...forwarded, 'X-Forwarded-Proto': 'https' } })).status, 200);
  });
});

test('a cookie', async () => {
  const answer = await ask('POST', `/${name}/auth`, json({ user: name, password: 'pass word', cookie: true }));
  const { session, token } = result(answer);
  assert.deepEqual(answer.headers['set-cookie'], [`fox_wamp_session=${token}; Path=/; HttpOnly; SameSite=Strict`]);
  const as = async (headers) => result(await ask('GET', `/${name}/who`, { headers: { Cookie: `a=b; fox_wamp_session=${token}`, Host: HOST(), ...headers } }))?.[0];
  assert.equal(await as({}), session);
  assert.equal(await as({ Origin: `http://${HOST()}`, 'Sec-Fetch-Site': 'same-origin' }), session);
  for (const headers of [{ Origin: `http://127.0.0.1:1` }, { 'Sec-Fetch-Site': 'same-site' }, { Origin: 'null' }])
    assert.notEqual(await as(headers), session, JSON.stringify(headers));
  const stranger = await ask('POST', `/${name}/auth`, { body: `user=${name}&password=pass+word&cookie=true`,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: 'https://evil.example' } });
  assert.equal(stranger.status, 403);
  const secure = await ask('POST', `/${name}/auth`, { ...json({ user: name, password: 'pass word', cookie: true }), client: https, port: env.tlsPort, by: false, rejectUnauthorized: false });
  assert.match(secure.headers['set-cookie'][0], /^__Host-fox_wamp_session=fox_[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  const end = await ask('DELETE', `/${name}/auth`, { headers: { Cookie: `fox_wamp_session=${token}` } });
  assert.deepEqual([end.status, end.headers['set-cookie']], [200, ['fox_wamp_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict']]);
  assert.equal(await as({}), 1, 'a cookie that stands for nothing counts for nothing');
});

test('requests of many connections go by it, and fail when it is killed', async () => {
  const { session, token } = await logIn();
  const by = new http.Agent({ maxSockets: 10 });
  const waiting = [1, 2, 3].map(() => ask('POST', `/${name}/wait`, { ...bearer(token), by }));
  const stream = http.get({ host: '127.0.0.1', port: env.port, path: `/${name}/events/${name}`, ...bearer(token) });
  const response = await new Promise((resolve) => stream.on('response', resolve));
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.session WHERE authid = '${name}' AND id <> ${session} AND transport = 'http'
    AND EXISTS (SELECT FROM fox_wamp.subscription WHERE topic = '${name}')`) > '0', true, 'a listener is a session');
  const events = [];
  response.on('data', (chunk) => events.push(chunk));
  const ended = new Promise((resolve) => response.on('end', resolve));
  await until(running);
  await sql(`SELECT fox_wamp.kill(${session})`);
  for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, JSON.parse(answer.body).ErrorText], [503, 'the session has ended']);
  await ended;
  assert.match(Buffer.concat(events).toString(), /event: end\n/);
  assert.equal((await ask('GET', `/${name}/who`, bearer(token))).status, 401);
  by.destroy();
});

test('of a connection that goes the call is canceled, and the session stays', async () => {
  const { session, token } = await logIn();
  const r = http.request({ host: '127.0.0.1', port: env.port, method: 'POST', path: `/${name}/wait`, ...bearer(token) });
  r.on('error', () => {});
  r.end();
  await until(running);
  r.socket.resetAndDestroy();
  await until(`NOT ${running}`);
  assert.deepEqual(result(await ask('GET', `/${name}/who`, bearer(token))), [session, name]);
});

test('nobody goes by what another request of the connection has left', async () => {
  const { token } = await logIn();
  const by = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const who = async (path, headers = {}) => ask('GET', `/${name}a/${path}`, { by, headers });
  const names = async (path, headers) => { const answer = await who(path, headers); return [answer.status, result(answer)?.[1]]; };
  assert.deepEqual(await names('anyone'), [200, 'fox_wamp_anonymous']);
  assert.deepEqual(await names('who', { Authorization: '' }), [401, undefined], 'an Authorization that says nothing is none');
  assert.equal((await who('events/a..b', { Authorization: `Bearer ${token}` })).status, 400, 'a listener that hears nothing');
  assert.deepEqual(await names('anyone'), [200, 'fox_wamp_anonymous']);
  assert.equal((await who('events/a..b', basic(name, 'pass word'))).status, 400);
  assert.deepEqual(await names('anyone'), [200, 'fox_wamp_anonymous']);
  by.destroy();
});

test('a role has a time of its own, in one database before all', async () => {
  const user = json({ user: `${name}_other`, password: 'other' });
  const usual = await logIn(user);
  const role = usual.group;
  const database = await sql('SELECT current_database()');
  const expires = async () => (await logIn(user)).expires_in;
  try {
    await sql(`ALTER ROLE ${role} SET fox_wamp.http_session_timeout = '5min'`);
    const session = await logIn(user);
    assert.equal(session.expires_in, 300);
    assert.equal(JSON.parse((await ask('GET', `/${name}/auth`, bearer(session.token))).body).Result.expires_in, 300);
    assert.equal(JSON.parse((await ask('GET', `/${name}/auth`, bearer(usual.token))).body).Result.expires_in, usual.expires_in, 'who was there before keeps the usual one');
    await sql(`ALTER ROLE ${role} IN DATABASE ${database} SET fox_wamp.http_session_timeout = '1s'`);
    const short = await logIn(user);
    assert.equal(short.expires_in, 1);
    await until(`NOT EXISTS (SELECT FROM fox_wamp.session WHERE id = ${short.session})`);
    assert.equal(await listed(session.session), true);
    // Where the library is not loaded nobody looks at the value.
    await sql(`ALTER ROLE ${role} IN DATABASE ${database} SET fox_wamp.http_session_timeout = 'soon'`);
    assert.equal(await expires(), usual.expires_in, 'what is none is passed over');
  } finally {
    await sql(`ALTER ROLE ${role} RESET ALL`, `ALTER ROLE ${role} IN DATABASE ${database} RESET ALL`);
  }
  assert.equal(await expires(), usual.expires_in);
});

test('who has too many loses the one unused for longest; and time ends the others', async () => {
  const user = json({ user: `${name}_other`, password: 'other' });
  let third;
  await withSettings({ 'fox_wamp.http_sessions_per_user': '2' }, async () => {
    const [first, second] = [await logIn(user), await logIn(user)];
    await ask('GET', `/${name}/who`, bearer(first.token));
    third = await logIn(user);
    assert.deepEqual(await Promise.all([first, second, third].map(({ session }) => listed(session))), [true, false, true]);
  });
  await withSettings({ 'fox_wamp.http_session_timeout': '1s' }, async () => {
    const short = await logIn(user);
    assert.equal(short.expires_in, 1);
    await until(`NOT EXISTS (SELECT FROM fox_wamp.session WHERE id = ${short.session})`);
    assert.equal(await listed(third.session), true, 'its time was told before');
  });
});
