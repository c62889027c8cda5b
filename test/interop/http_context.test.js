'use strict';
// What a function may know of who calls it, by every door, and of an error.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { start, stop, sql, join, until, withSettings, Raw } = require('./lib');
const { ask, closeAll } = require('./http');

const name = `c${process.pid}`;
const key = 'a secret that is long enough for HS256 to take it';

before(async () => {
  start();
  await sql('SET client_min_messages = error', `CREATE SCHEMA ${name}`, `GRANT USAGE ON SCHEMA ${name} TO PUBLIC`,
    `CREATE ROLE ${name}`, `SELECT fox_wamp.create_group('${name}', '${name}'), fox_wamp.create_user('${name}.eve', '${name}', 'eve pw')`,
    `UPDATE fox_wamp.auth_user SET data = '{"seat":7}' WHERE logon_name = '${name}.eve'`,
    `CREATE ROLE ${name}_admin LOGIN PASSWORD 'admin pw' IN ROLE fox_wamp_admin, fox_wamp_connect`,
    `CREATE FUNCTION ${name}.me() RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('session', fox_wamp.session_id() > 1, 'user', fox_wamp.session_user_id(),
      'group', fox_wamp.session_group_id(), 'own', to_jsonb(fox_wamp.session_get_user(fox_wamp.session_id())), 'ip', fox_wamp.remote_ip(), 'agent', fox_wamp.user_agent(),
      'method', fox_wamp.http_method(), 'header', fox_wamp.in_header('host'), 'body', fox_wamp.in_body(), 'path', fox_wamp.request_path())$$`,
    `CREATE FUNCTION ${name}.header_of(name text) RETURNS text LANGUAGE sql AS $$SELECT CASE name WHEN 'agent' THEN fox_wamp.user_agent() ELSE fox_wamp.in_header(name) END$$`,
    `CREATE FUNCTION ${name}.user_of(session bigint) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(fox_wamp.session_get_user(session))'`,
    `CREATE FUNCTION ${name}.settings() RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_array(current_setting('request.method', true), current_setting('request.path', true),
      current_setting('request.headers', true), current_setting('request.jwt.claims', true))$$`,
    `CREATE FUNCTION ${name}.forge() RETURNS text LANGUAGE sql AS $$SELECT set_config('request.' || s, 'forged', false) FROM unnest('{method,path,headers,jwt.claims}'::text[]) s$$`,
    `CREATE FUNCTION ${name}.claims() RETURNS jsonb LANGUAGE sql AS $$SELECT current_setting('request.jwt.claims')::jsonb$$`,
    `CREATE TABLE ${name}.once (n int PRIMARY KEY)`, `INSERT INTO ${name}.once VALUES (1)`, `GRANT INSERT, SELECT ON ${name}.once TO PUBLIC`,
    `CREATE FUNCTION ${name}.twice() RETURNS void LANGUAGE sql AS 'INSERT INTO ${name}.once VALUES (1)'`,
    `SELECT fox_wamp.expose_root('${name}'), fox_wamp.expose_root('${name}p', style => 'plain')`,
    `SELECT fox_wamp.expose_function(p.oid, root => r) FROM pg_proc p, unnest('{${name},${name}p}'::text[]) r WHERE pronamespace = '${name}'::regnamespace`,
    `SELECT fox_wamp.add_jwt_secret('${name}', '${key}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql('SET client_min_messages = error', `DROP SCHEMA ${name} CASCADE`, `DELETE FROM fox_wamp.root WHERE name LIKE '${name}%'`,
    `SELECT fox_wamp.drop_user('${name}.eve'), fox_wamp.remove_jwt_key('${name}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${name}'`, `DROP ROLE ${name}, ${name}_admin`);
  stop();
});

const basic = (user, password) => ({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
const result = (answer) => JSON.parse(answer.body).Result;
const nobody = { method: null, header: null, body: null, path: null };

test('who asks by HTTP', async () => {
  const me = result(await ask('POST', `/${name}/me`, { headers: { ...basic(`${name}.eve`, 'eve pw'), 'User-Agent': 'T/1', Host: 'h', 'Content-Type': 'application/json' }, body: '{}' }));
  assert.deepEqual(me, { session: true, user: `${name}.eve`, group: name, own: { user_id: `${name}.eve`, group_id: name, data: { seat: 7 } },
    ip: '127.0.0.1', agent: 'T/1', method: 'POST', header: 'h', body: '\\x7b7d', path: `/${name}/me` });
  const anonymous = result(await ask('GET', `/${name}/me`));
  assert.deepEqual([anonymous.user, anonymous.group, anonymous.own], [null, 'fox_wamp_anonymous', { user_id: null, group_id: 'fox_wamp_anonymous', data: null }]);
});

test('who asks by WAMP, and by SQL', async () => {
  const session = await join({ authid: `${name}.eve`, authmethods: ['ticket'], onchallenge: () => 'eve pw' });
  const me = await session.call(`${name}.me`);
  assert.deepEqual(me, { session: true, user: `${name}.eve`, group: name, own: { user_id: `${name}.eve`, group_id: name, data: { seat: 7 } },
    ip: '127.0.0.1', agent: null, ...nobody });
  const eve = session.id;
  await assert.rejects(() => session.call(`${name}.user_of`, [1]), (e) => e.error === 'wamp.error.not_authorized');
  const admin = { headers: basic(`${name}_admin`, 'admin pw') };
  assert.deepEqual(result(await ask('GET', `/${name}/user_of?session=${eve}`, admin)), { user_id: `${name}.eve`, group_id: name, data: { seat: 7 } });
  assert.deepEqual(result(await ask('GET', `/${name}/user_of?session=7`, admin)), { user_id: null, group_id: null, data: null });
  session.leaveNow();
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { agent: 'T/1 ü', roles: { caller: {} } }]);
  assert.equal((await raw.next())[0], 2);
  raw.send([48, 1, {}, `${name}.me`]);
  const { agent, group } = (await raw.next())[3][0];
  assert.deepEqual([agent, group], ['T/1 ü', 'fox_wamp_anonymous']);
  const bySql = JSON.parse(await sql(`SELECT fox_wamp.call('${name}.me')`));
  assert.deepEqual({ ip: bySql.ip, agent: bySql.agent, method: bySql.method }, { ip: null, agent: null, method: null });
  assert.equal(await sql('SELECT num_nonnulls(fox_wamp.session_user_id(), fox_wamp.session_group_id(), fox_wamp.remote_ip(), fox_wamp.user_agent())'), '0');
});

/** A session whose handshake has the headers; what is given back asks a function for headers of it. */
async function joinWith(headers) {
  const raw = await Raw.connect(['wamp.2.json'], { headers });
  raw.send([1, 'realm1', { roles: { caller: {} } }]);
  assert.equal((await raw.next())[0], 2);
  let request = 0;
  const seen = async (header) => {
    raw.send([48, ++request, {}, `${name}.header_of`, [header]]);
    return (await raw.next())[3][0];
  };
  return async (...names) => {
    const values = [];
    for (const header of names) values.push(await seen(header));
    return values;
  };
}

/** The same by long-poll. */
async function pollWith(headers) {
  // Of bytes, for Node writes headers in the encoding of a body that is text.
  const post = async (path, body = '', more = {}) => (await ask('POST', `/longpoll/${path}`, { headers: more, body: Buffer.from(body) })).body;
  const { transport } = JSON.parse(await post('open', '{"protocols":["wamp.2.json"]}', headers));
  await post(`${transport}/send`, JSON.stringify([1, 'realm1', { roles: { caller: {} } }]));
  assert.equal(JSON.parse(await post(`${transport}/receive`))[0], 2);
  return async (...names) => {
    const values = [];
    for (const [i, header] of names.entries()) {
      await post(`${transport}/send`, JSON.stringify([48, i + 1, {}, `${name}.header_of`, [header]]));
      values.push(JSON.parse(await post(`${transport}/receive`))[3][0]);
    }
    return values;
  };
}

test('headers of the handshake that a WAMP client has come with', async () => {
  const headers = { 'X-Tenant': Buffer.from('acme, ü').toString('latin1'), 'Accept-Language': 'de', 'User-Agent': 'T/2', Cookie: 'a=1; b=2', 'X-Other': 'o' };
  const early = await joinWith(headers);
  await withSettings({ 'fox_wamp.handshake_headers': 'X-Tenant,ACCEPT-language , user-agent,cookie,x-long' }, async () => {
    const asked = ['x-tenant', 'Accept-Language', 'USER-AGENT', 'agent', 'cookie', 'x-long', 'x-other', 'host', 'sec-websocket-key'];
    for (const by of [joinWith, pollWith]) {
      const seen = await by(headers);
      assert.deepEqual(await seen(...asked), ['acme, ü', 'de', 'T/2', 'T/2', 'a=1; b=2', null, null, null, null], by.name);
    }
    assert.deepEqual(await (await joinWith({}))(...asked), Array(asked.length).fill(null));
    assert.deepEqual(await early('x-tenant', 'user-agent'), [null, null], 'it has come before');
    assert.equal(result(await ask('GET', `/${name}/header_of?name=x-other`, { headers })), 'o', 'a request has all of its own');
    assert.deepEqual(await (await pollWith({ ...headers, 'X-Long': 'l'.repeat(4000) }))('x-tenant', 'x-long'), ['acme, ü', 'l'.repeat(4000)]);
  });
  await withSettings({ 'fox_wamp.handshake_headers': 'x-long,x-tenant' }, async () => {
    const seen = await pollWith({ ...headers, 'X-Long': 'l'.repeat(4096) });
    assert.deepEqual(await seen('x-long', 'x-tenant'), [null, 'acme, ü'], 'no more than 4 kB are kept');
  });
});

test('headers that can not be kept of a handshake', async () => {
  for (const list of ['Connection', 'x-tenant, upgrade', 'Sec-WebSocket-Key', 'x tenant', 'x:', ', x', 'x,,y', 'x'.repeat(65)])
    await assert.rejects(() => sql("LOAD 'fox_wamp'", `SET fox_wamp.handshake_headers = '${list}'`), /invalid value for parameter "fox_wamp.handshake_headers"/, list);
  for (const list of ['', ' ', 'x', 'X-Tenant, Cookie', 'x'.repeat(64)]) await sql("LOAD 'fox_wamp'", `SET fox_wamp.handshake_headers = '${list}'`);
});

test('settings for functions that come from PostgREST', async () => {
  const claims = async (headers) => JSON.parse((await ask('GET', `/${name}p/claims`, { headers })).body);
  assert.deepEqual(await claims({}), { role: 'fox_wamp_anonymous' });
  assert.deepEqual(await claims(basic(`${name}.eve`, 'eve pw')), { role: name, sub: `${name}.eve` });
  const encode = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT', kid: name })}.${encode({ role: `${name}_admin`, sub: 'x', exp: Math.floor(Date.now() / 1000) + 3600, seat: 'ü' })}`;
  const token = `${signed}.${crypto.createHmac('sha256', key).update(signed).digest('base64url')}`;
  const own = await claims({ Authorization: `Bearer ${token}` });
  assert.deepEqual([own.role, own.sub, own.seat], [`${name}_admin`, 'x', 'ü']);
  assert.deepEqual(JSON.parse((await ask('GET', `/${name}/claims`)).body), { Result: { role: 'fox_wamp_anonymous' } }, 'in either style');
});

test('settings of a request are those of the call that it makes, whatever was called before', async () => {
  const seen = async (headers) => {
    const [method, path, all, claims] = result(await ask('GET', `/${name}/settings`, { headers }));
    return [method, path, JSON.parse(all)['x-who'], JSON.parse(claims)];
  };
  const anonymous = { role: 'fox_wamp_anonymous' };
  const session = await join();
  await sql(`ALTER ROLE fox_wamp_anonymous SET request.method = 'forged'`);
  for (let turn = 0; turn < 3; turn++) {
    for (const who of ['a', 'a', 'b']) assert.deepEqual(await seen({ 'X-Who': who }), ['GET', `/${name}/settings`, who, anonymous]);
    assert.deepEqual((await seen(basic(`${name}.eve`, 'eve pw')))[3], { role: name, sub: `${name}.eve` });
    assert.equal(result(await ask('POST', `/${name}/forge`)), 'forged');
    assert.deepEqual(await seen({ 'X-Who': 'a' }), ['GET', `/${name}/settings`, 'a', anonymous]);
    assert.ok((await session.call(`${name}.settings`)).every((value) => !value));
  }
  await sql('ALTER ROLE fox_wamp_anonymous RESET request.method');
  session.leave();
});

test('what an error tells of rows is for who may hear it', async () => {
  const detail = async () => JSON.parse((await ask('POST', `/${name}/twice`)).body).Detail;
  assert.equal(await detail(), undefined);
  await withSettings({ 'fox_wamp.error_verbosity': 'verbose' }, () => until(async () => (await detail()) === 'Key (n)=(1) already exists.'));
});
