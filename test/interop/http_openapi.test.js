'use strict';
// GET /root/openapi.json: what there is below a root, for who asks.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join } = require('./lib');
const { ask, closeAll } = require('./http');

const name = `o${process.pid}`;

before(async () => {
  start();
  await sql('SET client_min_messages = error', `CREATE SCHEMA ${name}`, `GRANT USAGE ON SCHEMA ${name} TO PUBLIC`,
    `CREATE TYPE ${name}.mood AS ENUM ('sad', 'ok')`, `CREATE TYPE ${name}.pair AS (x float8, moods ${name}.mood[])`,
    `CREATE DOMAIN ${name}."text/html" AS text`,
    `CREATE FUNCTION ${name}.add(a int, b bigint DEFAULT 1) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT a + b'`,
    `COMMENT ON FUNCTION ${name}.add(int, bigint) IS E'adds\\nwhatever there is'`,
    `CREATE FUNCTION ${name}.pairs(p ${name}.pair, VARIADIC n int[]) RETURNS TABLE (i int, at timestamptz) LANGUAGE sql AS 'SELECT 1, now()'`,
    `CREATE FUNCTION ${name}.page() RETURNS ${name}."text/html" LANGUAGE sql AS $$SELECT 'x'$$`,
    `CREATE FUNCTION ${name}.nothing() RETURNS void LANGUAGE sql AS ''`,
    `CREATE FUNCTION ${name}.secret() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `REVOKE EXECUTE ON FUNCTION ${name}.secret() FROM PUBLIC`,
    `SELECT fox_wamp.expose_root('${name}'), fox_wamp.expose_root('${name}p', style => 'plain')`,
    `SELECT fox_wamp.expose_function(oid, root => '${name}', methods => CASE proname WHEN 'page' THEN '{GET}'::text[] END) FROM pg_proc WHERE pronamespace = '${name}'::regnamespace`,
    `SELECT fox_wamp.expose_function('${name}.nothing()', root => '${name}p'), fox_wamp.expose_function('${name}.add(int,bigint)', root => '${name}p')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql('SET client_min_messages = error', `DROP SCHEMA ${name} CASCADE`, `DELETE FROM fox_wamp.root WHERE name LIKE '${name}%'`);
  stop();
});

const read = async (root) => {
  const answer = await ask('GET', `/${root}/openapi.json`);
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json; charset=UTF-8'], answer.body.toString());
  return JSON.parse(answer.body);
};

test('functions, by what they take and give', async () => {
  const api = await read(name);
  assert.equal(api.openapi, '3.1.0');
  assert.deepEqual(api.servers, [{ url: `/${name}` }]);
  assert.deepEqual(Object.keys(api.paths), ['/add', '/nothing', '/page', '/pairs'], 'not what the caller may not execute');
  const { get, post } = api.paths['/add'];
  assert.deepEqual(get, {
    operationId: 'get_add', summary: 'adds', description: 'whatever there is',
    parameters: [{ name: 'a', in: 'query', required: true, schema: { type: 'integer', format: 'int32' } },
      { name: 'b', in: 'query', required: false, schema: { type: 'integer', format: 'int64' } }],
    responses: {
      200: { description: 'the result', content: { 'application/json': { schema: { type: 'object', properties: { Result: { type: 'integer', format: 'int64' } } } } } },
      default: { description: 'an error' },
    },
  });
  assert.deepEqual(post.requestBody.content['application/json'].schema, {
    type: 'object', properties: { a: { type: 'integer', format: 'int32' }, b: { type: 'integer', format: 'int64' } }, required: ['a'],
  });
  const pairs = api.paths['/pairs'].post;
  assert.deepEqual(pairs.requestBody.content['application/json'].schema.properties.p,
    { type: 'object', properties: { x: { type: 'number' }, moods: { type: 'array', items: { type: 'string', enum: ['sad', 'ok'] } } } });
  assert.deepEqual(pairs.requestBody.content['application/json'].schema.required, ['p']);
  assert.deepEqual(pairs.responses[200].content['application/json'].schema.properties.Result,
    { type: 'array', items: { type: 'object', properties: { i: { type: 'integer', format: 'int32' }, at: { type: 'string', format: 'date-time' } } } });
  assert.deepEqual(Object.keys(api.paths['/page']), ['get']);
  assert.deepEqual(api.paths['/page'].get.responses[200].content, { 'text/html': {} });
  assert.equal(api.paths['/nothing'].get.responses[200].content, undefined);
});

test('functions of one name are one operation', async () => {
  await sql('SET client_min_messages = error', `CREATE FUNCTION ${name}.of(id int, deep boolean DEFAULT false) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    `CREATE FUNCTION ${name}.of(id text, name text) RETURNS text LANGUAGE sql AS $$SELECT ''$$`, `COMMENT ON FUNCTION ${name}.of(int, boolean) IS 'by number'`,
    `COMMENT ON FUNCTION ${name}.of(text, text) IS E'by name\\nwhatever that is'`, `SELECT fox_wamp.expose_function(oid, root => '${name}') FROM pg_proc WHERE proname = 'of' AND pronamespace = '${name}'::regnamespace`,
    'SELECT fox_wamp.sync()');
  const { get, post } = (await read(name)).paths['/of'];
  const number = { type: 'integer', format: 'int32' };
  const text = { type: 'string' };
  assert.deepEqual([get.summary, get.description], ['by number', 'by number\n\nby name\nwhatever that is']);
  assert.deepEqual(get.parameters, [{ name: 'id', in: 'query', required: true, schema: { anyOf: [number, text] } },
    { name: 'deep', in: 'query', required: false, schema: { type: 'boolean' } }, { name: 'name', in: 'query', required: false, schema: text }]);
  assert.deepEqual(post.requestBody.content['application/json'].schema.anyOf.map((body) => body.required), [['id'], ['id', 'name']]);
  const result = (schema) => ({ type: 'object', properties: { Result: schema } });
  assert.deepEqual(get.responses[200], { description: 'the result', content: { 'application/json': { schema: { anyOf: [result(number), result(text)] } } } });
});

test('a plain root says what it answers', async () => {
  const { paths } = await read(`${name}p`);
  assert.deepEqual(paths['/add'].get.responses[200].content['application/json'].schema, { type: 'integer', format: 'int64' });
  assert.deepEqual(Object.keys(paths['/nothing'].get.responses), ['204', 'default']);
});

test('it is a method like others: case, HEAD, verbs, entity tag', async () => {
  const first = await ask('GET', `/${name.toUpperCase()}/OpenAPI.json/`);
  assert.equal(first.status, 200);
  assert.equal((await ask('HEAD', `/${name}/openapi.json`)).status, 200);
  assert.equal((await ask('GET', `/${name}/openapi.json`, { headers: { 'If-None-Match': first.headers.etag } })).status, 304);
  const post = await ask('POST', `/${name}/openapi.json`);
  assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD']);
});

test('in SQL it is asked for roles that one has, and no other', async () => {
  const reads = (role) => sql('SET SESSION AUTHORIZATION fox_wamp_anonymous', `SELECT fox_wamp.openapi_of('${name}', '${role}') IS NOT NULL`);
  assert.equal(await reads('fox_wamp_anonymous'), 't');
  assert.equal(await reads('postgres'), 'f');
});

test('it goes with its root', async () => {
  await sql(`SELECT fox_wamp.expose_root('${name}x')`, 'SELECT fox_wamp.sync()');
  assert.deepEqual((await read(`${name}x`)).paths, {});
  const session = await join();
  const procedure = `${name}x.openapi.json`;
  assert.notEqual(await session.call('wamp.registration.lookup', [procedure]), null);
  await sql(`DELETE FROM fox_wamp.root WHERE name = '${name}x'`, 'SELECT fox_wamp.sync()');
  assert.equal(await session.call('wamp.registration.lookup', [procedure]), null);
  assert.equal((await ask('GET', `/${name}x/openapi.json`)).status, 404);
});
