'use strict';
// Several functions of one name: which of them a call means, by HTTP and by WAMP.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join } = require('./lib');
const { ask, closeAll } = require('./http');

const name = `v${process.pid}`;

before(async () => {
  start();
  const f = (args, does, more = '') => `CREATE FUNCTION ${name}.area(${args}) RETURNS text LANGUAGE sql IMMUTABLE ${more} AS $$SELECT (${does})::text$$`;
  await sql('SET client_min_messages = error', `CREATE SCHEMA ${name}`, `GRANT USAGE ON SCHEMA ${name} TO PUBLIC`,
    f('side int', "'square ' || side"), f('a int, b int', "'rectangle ' || a * b"), f('a int, b int, c int', "'box ' || a * b * c"), f('r float8, unit text DEFAULT $d$m$d$', "'circle ' || r || unit"),
    f('bytea', "'bytes ' || length($1)"), f('words text, deep bool', "'words ' || words"),
    `CREATE FUNCTION ${name}.one(x int) RETURNS text LANGUAGE sql AS $$SELECT 'int'$$`, `CREATE FUNCTION ${name}.one(x text) RETURNS text LANGUAGE sql AS $$SELECT 'text'$$`,
    `CREATE FUNCTION ${name}.two(x int, y int DEFAULT 1) RETURNS text LANGUAGE sql AS $$SELECT 'y'$$`, `CREATE FUNCTION ${name}.two(x int, z bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$SELECT 'z'$$`,
    `CREATE TABLE ${name}.t (id int PRIMARY KEY)`, `INSERT INTO ${name}.t VALUES (1)`, `GRANT SELECT ON ${name}.t TO PUBLIC`,
    `CREATE FUNCTION ${name}.say(${name}.t) RETURNS text LANGUAGE sql AS $$SELECT 'row'$$`, `CREATE FUNCTION ${name}.say(${name}.t, loud bool) RETURNS text LANGUAGE sql AS $$SELECT 'ROW'$$`,
    `SELECT fox_wamp.expose_root('${name}'), fox_wamp.expose_root('${name}p', style => 'plain'), fox_wamp.expose_table('${name}.t', root => '${name}')`,
    `SELECT fox_wamp.expose_function(p.oid, root => r, methods => '{GET,POST}') FROM pg_proc p, unnest('{${name},${name}p}'::text[]) r WHERE pronamespace = '${name}'::regnamespace AND proname IN ('area', 'two')`,
    `SELECT fox_wamp.expose_function(oid, root => '${name}') FROM pg_proc WHERE pronamespace = '${name}'::regnamespace AND proname = 'say'`,
    `SELECT fox_wamp.expose_function('${name}.one(int)', root => '${name}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql('SET client_min_messages = error', `DROP SCHEMA ${name} CASCADE`, `DELETE FROM fox_wamp.root WHERE name LIKE '${name}%'`);
  stop();
});

const get = async (path, options, method = 'GET', root = name) => {
  const answer = await ask(method, `/${root}/${path}`, options);
  return answer.status === 200 ? JSON.parse(answer.body).Result ?? JSON.parse(answer.body) : [answer.status, JSON.parse(answer.body).ErrorText ?? JSON.parse(answer.body).message];
};
const post = (path, body, type = 'application/json', root = name) => get(path, { headers: { 'Content-Type': type }, body: type === 'application/json' ? JSON.stringify(body) : body }, 'POST', root);

test('by the names of parameters', async () => {
  assert.equal(await get('area?side=3'), 'square 3');
  assert.equal(await get('area?B=3&A=2'), 'rectangle 6');
  assert.equal(await get('area?a=2&b=3&c=4'), 'box 24');
  assert.equal(await get('area?r=1.5'), 'circle 1.5m');
  assert.equal(await get('area?r=1.5&unit=km&other=1'), 'circle 1.5km');
  assert.equal(await get('area?words=x&deep=true'), 'words x');
  assert.equal(await post('area', { a: 2, b: 3 }), 'rectangle 6');
  assert.equal(await post('area?a=2', { b: 3 }), 'rectangle 6');
  assert.equal(await post('area', 'a=2&b=3', 'application/x-www-form-urlencoded'), 'rectangle 6');
  assert.equal(await get('area?a=2&b=3', {}, 'GET', `${name}p`), 'rectangle 6');
});

test('by their number, and by the body', async () => {
  assert.equal(await post('area', [3, 4, 5]), 'box 60');
  assert.equal(await post('area', Buffer.from([1, 2]), 'application/octet-stream'), 'bytes 2');
  assert.deepEqual(await post('area', [3, 4]), [400, 'the call is ambiguous: several functions take these parameters']);
  assert.deepEqual(await post('area', 'x', 'text/plain'), [415, 'the function takes no body of the type text/plain']);
});

test('what fits none, or more than one', async () => {
  assert.deepEqual(await get('area?a=1'), [400, 'Missing Parameter']);
  assert.deepEqual((await get('area'))[0], 400);
  assert.deepEqual(await get('two?x=1'), [400, 'the call is ambiguous: several functions take these parameters']);
  assert.equal(await get('two?x=1&z=2'), 'z');
  assert.equal((await get('area?a=2&b=3&d=4', {}, 'GET', `${name}p`))[0], 404, 'the plain style takes no other names');
  const answer = await ask('PUT', `/${name}/area?side=1`);
  assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD, POST']);
});

test('by WAMP', async () => {
  const session = await join();
  const call = (args, kwargs) => session.call(`${name}.area`, args, kwargs);
  assert.equal(await call([], { a: 2, b: 3 }), 'rectangle 6');
  assert.equal(await call([2], { b: 3 }), 'rectangle 6');
  assert.equal(await call([2, 3, 4]), 'box 24');
  await assert.rejects(call([1], { nosuch: 2 }), (e) => e.error === 'wamp.error.invalid_argument');
  assert.equal(await session.call(`${name}.t.say`, [], { id: 1 }), 'row');
  assert.equal(await session.call(`${name}.t.say`, [], { id: 1, loud: true }), 'ROW');
  session.leaveNow();
});

test('of a row too', async () => {
  assert.equal(await get('t/1/say'), 'row');
  assert.equal(await get('t/1/say?loud=1'), 'ROW');
});

test('what could not be told apart is refused, and each goes by itself', async () => {
  await assert.rejects(sql(`SELECT fox_wamp.expose_function('${name}.one(text)', root => '${name}')`), /arguments of the same names/);
  await assert.rejects(sql(`SELECT fox_wamp.expose_function('${name}.two(int,int)', 'ONE', '${name}')`), /in another case|not unique/);
  await sql(`DROP FUNCTION ${name}.area(int)`, `ALTER FUNCTION ${name}.area(int, int, int) RENAME TO volume`, 'SELECT fox_wamp.sync()');
  assert.deepEqual(await get('area?side=3'), [400, 'Missing Parameter']);
  assert.equal(await get('area?a=2&b=3&c=4'), 'box 24', 'by the name that it was given');
  assert.equal(await get('area?a=2&b=3'), 'rectangle 6');
  const { paths } = JSON.parse((await ask('GET', `/${name}/openapi.json`)).body);
  assert.deepEqual(paths['/area'].get.parameters.map((p) => p.name).sort(), ['a', 'b', 'c', 'deep', 'r', 'unit', 'words'], 'those of all that there are');
  assert.equal(await sql(`SELECT fox_wamp.unexpose('area', '${name}')`, 'SELECT fox_wamp.sync()'), 't\nt');
  assert.equal((await get('area?a=2&b=3'))[0], 404);
});
