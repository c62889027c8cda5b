'use strict';
// Entity tags and compression of what HTTP answers.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { start, stop, sql } = require('./lib');
const { ask, closeAll } = require('./http');

const schema = `z${process.pid}`;

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`,
    `CREATE FUNCTION ${schema}.many(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT repeat('a', n)$$`,
    `CREATE FUNCTION ${schema}.noise() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT string_agg(chr(33 + (hashint4(g) & 63)), '') FROM generate_series(1, 900) g$$`,
    `CREATE FUNCTION ${schema}.bytes() RETURNS fox_wamp.http_response LANGUAGE sql IMMUTABLE AS $$SELECT fox_wamp.returns(convert_to(repeat('a', 5000), 'UTF8'), 200, 'image/png')$$`,
    `CREATE FUNCTION ${schema}.own() RETURNS fox_wamp.http_response LANGUAGE sql IMMUTABLE AS $$SELECT fox_wamp.returns('x', headers => '{"ETag": "\\"mine\\""}')$$`,
    `CREATE FUNCTION ${schema}.fails() RETURNS int LANGUAGE sql AS $$SELECT 1 / 0$$`,
    `SELECT fox_wamp.expose_function(oid, '${schema}_' || proname) FROM pg_proc WHERE pronamespace = '${schema}'::regnamespace`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql(`DROP SCHEMA ${schema} CASCADE`);
  stop();
});

const get = (name, headers = {}, method = 'GET') => ask(method, `/root/${schema}_${name}`, { headers });

test('the same is not sent again to who has it', async () => {
  const first = await get('many?n=3');
  const tag = first.headers.etag;
  assert.match(tag, /^W\/"[0-9a-f]{24}"$/);
  for (const has of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
    const again = await get('many?n=3', { 'If-None-Match': has });
    assert.deepEqual([again.status, again.headers.etag, again.body.length], [304, tag, 0], has);
  }
  assert.equal((await get('many?n=3', { 'If-None-Match': tag }, 'HEAD')).status, 304);
  const other = await get('many?n=4', { 'If-None-Match': tag });
  assert.deepEqual([other.status, other.body.toString()], [200, '{"Result":"aaaa"}']);
});

test('a reply that changes something, an error, or one with a tag of its own has none of ours', async () => {
  const post = await ask('POST', `/root/${schema}_many`, { headers: { 'Content-Type': 'application/json', 'If-None-Match': '*' }, body: '{"n":3}' });
  assert.deepEqual([post.status, post.headers.etag], [200, undefined]);
  assert.equal((await get('fails')).headers.etag, undefined);
  assert.equal((await get('own')).headers.etag, '"mine"');
});

test('what is long is compressed for who takes it', async () => {
  const whole = `{"Result":"${'a'.repeat(5000)}"}`;
  for (const takes of ['gzip', 'br, gzip;q=0.5', 'deflate, GZIP']) {
    const answer = await get('many?n=5000', { 'Accept-Encoding': takes });
    assert.deepEqual([answer.headers['content-encoding'], answer.headers.vary], ['gzip', 'Accept-Encoding'], takes);
    assert.equal(zlib.gunzipSync(answer.body).toString(), whole);
    assert.equal(Number(answer.headers['content-length']), answer.body.length);
  }
  const { etag } = (await get('many?n=5000')).headers;
  assert.equal((await get('many?n=5000', { 'If-None-Match': etag })).headers.vary, 'Accept-Encoding');
  for (const takes of [undefined, 'br', 'gzip;q=0', 'gzip; q=0.0, br']) {
    const answer = await get('many?n=5000', { 'Accept-Encoding': takes });
    assert.deepEqual([answer.headers['content-encoding'], answer.headers.vary, answer.body.toString()], [undefined, 'Accept-Encoding', whole], takes);
  }
});

test('nothing is compressed that is short, or does not get shorter', async () => {
  for (const name of ['many?n=100', 'noise', 'bytes']) assert.equal((await get(name, { 'Accept-Encoding': 'gzip' })).headers['content-encoding'], undefined, name);
});

test('the tag is the same with compression', async () => {
  const { etag } = (await get('many?n=5000')).headers;
  const answer = await get('many?n=5000', { 'Accept-Encoding': 'gzip', 'If-None-Match': etag });
  assert.deepEqual([answer.status, answer.headers['content-encoding'], answer.headers.etag], [304, undefined, etag]);
});
