'use strict';
// SQL functions by HTTP: what is asked, and what is answered.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, sql, env } = require('./lib');
const { ask, closeAll } = require('./http');

before(async () => {
  start();
  await sql('SET client_min_messages = error', fs.readFileSync(path.join(__dirname, 'http_functions.sql'), 'utf8'));
});
after(async () => {
  closeAll();
  await sql('DROP SCHEMA web CASCADE; DROP ROLE web_user, web_admin, web_slow; DELETE FROM fox_wamp.root WHERE name <> \'root\'');
  stop();
});

const JSON_TYPE = 'application/json; charset=UTF-8';
const json = (value) => ({ headers: { 'Content-Type': 'application/json' }, body: typeof value === 'string' ? value : JSON.stringify(value) });
const form = (body) => ({ headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body });
const bytes = Buffer.from([0, 255, 16]);
/** An error whose text has that in it. */
const error = (code, text = '') => ({ code, text });

const cases = [
  // numbers, names, defaults
  ['GET', '/root/sum?a=3.12&b=4.2', '{"Result":7.32}'],
  ['GET', '/root/Sum?A=3.12&B=4.2', '{"Result":7.32}'],
  ['GET', '/ROOT/SUM/?b=4.2&a=3.12', '{"Result":7.32}'],
  ['GET', '/root/sum?a=1&b=2&zz=9&_=123', '{"Result":3}'],
  ['GET', '/root/sum?a=1&a=5&b=2', '{"Result":3}'],
  ['GET', '/root/sum?a=1', error(400, 'Missing Parameter'), { has: '"Parameter":"b"' }],
  ['GET', '/root/sum', error(400, 'Missing Parameter')],
  ['GET', '/root/sum?a=abc&b=1', error(400, 'invalid input syntax'), { has: '"SqlState":"22P02"' }],
  ['GET', '/root/sum?a=&b=1', error(400)],
  ['GET', '/root/isum?a=1', '{"Result":11}'],
  ['GET', '/root/isum?a=99999999999', error(400, 'out of range')],
  ['GET', '/root/isum?a=2147483647&b=1', error(500, 'integer out of range')],
  // text
  ['GET', '/root/hello', '{"Result":"Hello world"}'],
  ['GET', '/root/hello?name=J%C3%BCrgen+M', '{"Result":"Hello Jürgen M"}'],
  ['GET', '/root/hello?name=100%zz', '{"Result":"Hello 100%zz"}'],
  ['GET', '/root/hello?name=%FF', error(400, 'UTF8'), { has: '"SqlState":"22021"' }],
  ['GET', '/root/hello?name=a%00b', error(400), { has: '"SqlState":"22021"' }],
  ['GET', '/root/hello?name=', '{"Result":"Hello "}'],
  ['GET', '/root/hello?name=%22%3Cb%3E%5C', '{"Result":"Hello \\"<b>\\\\"}'],
  ['GET', '/root/hello?name=a%26b%3Dc&name=d', '{"Result":"Hello a&b=c"}'],
  // shapes of results
  ['GET', '/root/one', '{"Result":"OneValue"}'],
  ['GET', '/root/two', '{"Result":["One","two"]}'],
  ['GET', '/root/nothing', ''],
  ['GET', '/root/nul', '{"Result":null}'],
  ['GET', '/root/divmod?a=17&b=5', '{"Result":{"q":3,"r":2}}'],
  ['GET', '/root/divmod_list?a=17&b=5', '{"Result":[3,2]}'],
  ['GET', '/root/swap?x=1&y=2', '{"Result":{"x":2,"y":1}}'],
  ['GET', '/root/series?n=3', '{"Result":[1,2,3]}'],
  ['GET', '/root/series?n=0', '{"Result":[]}'],
  ['GET', '/root/rows?n=2', '{"Result":[{"i":1,"sq":1},{"i":2,"sq":4}]}'],
  ['GET', '/root/rows?n=0', '{"Result":[]}'],
  ['GET', '/root/big', '{"Result":9007199254740993}'],
  ['GET', '/root/nan', '{"Result":"NaN"}'],
  ['GET', '/root/bytes', '{"Result":"\\\\x00ff10"}'],
  // JSON, arrays, rows
  ['GET', '/root/echo_json?v=3.12', '{"Result":3.12}'],
  ['GET', '/root/echo_json?v=abc', '{"Result":"abc"}'],
  ['GET', '/root/echo_json?v=%7B%22x%22%3A%5B1%2C2%5D%7D', '{"Result":{"x":[1,2]}}'],
  ['GET', '/root/deep', '{"Result":{"c\\\\":[1,2.50,null],"a b":"\\" : ,"}}'],
  ['GET', '/root/plus_one?v=1&v=2', '{"Result":[2,3]}'],
  ['GET', '/root/plus_one?v=%7B1,2%7D', '{"Result":[2,3]}'],
  ['GET', '/root/plus_one?v=%5B1,2%5D', '{"Result":[2,3]}'],
  ['GET', '/root/plus_one?v=7', '{"Result":[8]}'],
  ['GET', '/root/joined?parts=a%22b&parts=c,d', '{"Result":"a\\"b|c,d"}'],
  ['GET', `/root/summyobject?a=${encodeURIComponent('{"x":1,"y":2}')}&b=${encodeURIComponent('{"x":3,"y":4}')}`, '{"Result":10}'],
  ['GET', '/root/summyobject?a=(1,2)&b=(3,4)', '{"Result":10}'],
  ['GET', `/root/summyobject?a=${encodeURIComponent('{bad')}&b=(3,4)`, error(400)],
  // bodies
  ['POST', '/root/sum', '{"Result":7.32}', json({ a: 3.12, b: 4.2 })],
  ['POST', '/root/sum', '{"Result":7.32}', json({ B: 4.2, A: 3.12, other: true })],
  ['POST', '/root/sum', '{"Result":3}', json('{"a":1,"A":5,"a":7,"b":2}')],
  ['POST', '/root/sum', '{"Result":7.32}', json([3.12, 4.2])],
  ['POST', '/root/sum', error(400, 'too many'), json([1, 2, 3])],
  ['POST', '/root/sum', '{"Result":3}', form('a=1&b=2')],
  ['POST', '/root/sum?a=1', '{"Result":3}', json({ b: 2 })],
  ['POST', '/root/sum?a=1&b=5', '{"Result":3}', json({ b: 2 })],
  ['POST', '/root/sum?a=1&b=2', '{"Result":3}'],
  ['POST', '/root/sum', error(400, 'JSON'), json('{"a":1,')],
  ['POST', '/root/sum', error(400, 'JSON'), json('1')],
  ['POST', '/root/sum', '{"Result":null}', json({ a: null, b: 1 })],
  ['POST', '/root/summyobject', '{"Result":10}', json({ a: { x: 1, y: 2 }, b: { x: 3, y: 4 } })],
  ['POST', '/root/sum', error(415), { headers: { 'Content-Type': 'image/png' }, body: bytes }],
  ['POST', '/root/sum', error(415), { headers: { 'Content-Type': 'text/plain' }, body: '1' }],
  ['POST', '/root/size_of', '{"Result":3}', { headers: { 'Content-Type': 'application/octet-stream' }, body: bytes }],
  ['POST', '/root/shout', '{"Result":"ABC"}', { headers: { 'Content-Type': 'text/plain; charset=UTF-8' }, body: 'abc' }],
  ['POST', '/root/whole', '{"Result":[1, {"a":2}]}', json('[1, {"a":2}]')],
  // paths and methods
  ['DELETE', '/root/sum?a=1&b=2', error(405), { headers: {}, answers: { allow: 'GET, HEAD, POST' } }],
  ['BREW', '/root/sum', error(405), { answers: { allow: 'GET, HEAD, POST' } }],
  ['GET', '/root/nosuch', error(404)],
  ['GET', '/other/sum', error(404)],
  ['GET', '/', error(404)],
  ['GET', '/root', error(404)],
  ['GET', '/root/sum%2Fx', error(404)],
  ['GET', '/root/sum%00', error(404)],
  ['GET', '/root//sum?a=1&b=2', error(404)],
  ['GET', '/root/../etc', error(404)],
  ['GET', '/root/%2e%2e/root/sum?a=1&b=2', error(404)],
  ['GET', '/root/%73um?a=1&b=2', '{"Result":3}'],
  // content
  ['GET', '/root/timestamp', /^\d+$/, { type: /^text\/plain/ }],
  ['GET', '/root/TimeStamp', /^\d+$/, { type: /^text\/plain/ }],
  ['GET', '/root/page', '<b>hi</b>', { type: /^text\/html/ }],
  ['GET', '/root/three', bytes, { type: /^application\/x-three$/ }],
  ['GET', '/root/file', bytes, { type: /^application\/octet-stream$/ }],
  ['GET', '/root/clock', '1234567890123', { type: /^text\/plain/ }],
  ['GET', '/root/pairs', '{"a" : 1}', { status: 201, type: /^application\/json/ }],
  ['POST', '/root/make', 'made', { status: 201, type: /^text\/plain/, answers: { location: '/x' } }],
  ['GET', '/root/refuse', error(410, 'not here')],
  ['GET', '/root/teapot', 'short and stout', { status: 418, type: /^text\/plain/ }],
  ['GET', '/root/inject', error(500, 'control character'), { lacks: 'x-b' }],
  ['GET', '/root/inject_name', error(500, 'can not be set'), { lacks: 'x-b' }],
  ['GET', '/root/inject_type', error(500, 'control character'), { lacks: 'x-b' }],
  ['GET', '/root/inject_length', error(500, 'can not be set')],
  ['GET', '/root/created', '{"Result":7}', { status: 201 }],
  // errors
  ['GET', '/root/missing', '{"ErrorCode":404,"ErrorText":"Missing Parameter"}', { status: 404 }],
  ['GET', '/root/bad', '{"ErrorCode":400,"ErrorText":"Bad Request"}', { status: 400 }],
  ['GET', '/root/bad_object', '{"ErrorCode":409,"ErrorText":{"why":"because"}}', { status: 409 }],
  ['GET', '/root/boom', error(500, 'P0001: kaboom')],
  ['GET', '/root/pay', error(402, 'Payment Required')],
  ['GET', '/root/divmod?a=1&b=0', error(500, '22012: division by zero')],
  ['GET', '/root/escape_role', error(401, 'cannot set parameter "role"')],
  // the plain style
  ['GET', '/rpc/sum?a=3.12&b=4.2', '7.32'],
  ['GET', '/rpc/two', '["One","two"]'],
  ['GET', '/rpc/nothing', '', { status: 204 }],
  ['GET', '/rpc/nul', 'null'],
  ['GET', '/rpc/rows?n=1', '[{"i":1,"sq":1}]'],
  ['GET', '/rpc/boom', '{"code":"P0001","message":"kaboom","details":null,"hint":null}', { status: 400 }],
  ['GET', '/rpc/pay', '{"code":"PT402","message":"Payment Required","details":null,"hint":"Upgrade"}', { status: 402 }],
  ['GET', '/rpc/sum?a=1&b=2&c=3', /unknown parameter/, { status: 404 }],
  ['POST', '/rpc/sum', /unknown parameter/, { ...json({ a: 1, b: 2, c: 3 }), status: 404 }],
  ['POST', '/rpc/sum', '3', json('{"a":1,"b":2,"a":3}')],
  ['GET', '/rpc/nosuch', '{"code":"404","message":"Not Found","details":null,"hint":null}', { status: 404 }],
  ['GET', '/root/habits', '{"Result":"GET /root/habits T/1"}', { status: 202, headers: { 'User-Agent': 'T/1' }, answers: { 'x-one': '1', 'x-two': '2' } }],
  ['GET', '/rpc/habits', '"GET /rpc/habits T/1"', { status: 202, headers: { 'User-Agent': 'T/1' }, answers: { 'x-one': '1', 'x-two': '2' } }],
];

for (const [method, target, expected, more = {}] of cases) {
  test(`${method} ${target}${more.body ? ` ${more.body}` : ''}`, async () => {
    const answer = await ask(method, target, more);
    const text = answer.body.toString();
    if (expected.code) {
      assert.equal(answer.status, expected.code, text);
      const { ErrorCode, ErrorText } = JSON.parse(text);
      assert.equal(ErrorCode, expected.code);
      assert.ok(ErrorText.includes(expected.text), text);
    } else {
      assert.equal(answer.status, more.status ?? 200, text);
      if (expected instanceof RegExp) assert.match(text, expected);
      else if (Buffer.isBuffer(expected)) assert.deepEqual(answer.body, expected);
      else assert.equal(text, expected);
    }
    assert.equal(Number(answer.headers['content-length'] ?? 0), answer.body.length);
    if (more.type) assert.match(answer.headers['content-type'], more.type);
    else if (text !== '' && !Buffer.isBuffer(expected)) assert.equal(answer.headers['content-type'], JSON_TYPE);
    if (more.has) assert.ok(text.includes(more.has), text);
    if (more.lacks) assert.equal(answer.headers[more.lacks], undefined);
    for (const [name, value] of Object.entries(more.answers ?? {})) assert.equal(answer.headers[name], value);
  });
}

test('HEAD has the headers of GET and no body', async () => {
  const get = await ask('GET', '/root/sum?a=1&b=2');
  const head = await ask('HEAD', '/root/sum?a=1&b=2');
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  assert.equal(head.headers['content-length'], get.headers['content-length']);
  assert.equal(head.headers['content-type'], get.headers['content-type']);
});

test('600 parameters are too many', async () => {
  const answer = await ask('GET', `/root/hello?${Array.from({ length: 600 }, (_, i) => `p${i}=1`).join('&')}`);
  assert.equal(answer.status, 400);
});

test('GET changes nothing, POST does, an exception takes it back', async () => {
  const auth = { headers: { Authorization: `Basic ${Buffer.from('web_admin:admin pw').toString('base64')}` } };
  const get = await ask('GET', '/root/inc_counter', auth);
  assert.equal(get.status, 405, get.body.toString());
  const post = await ask('POST', '/root/inc_counter', auth);
  assert.equal(post.body.toString(), '{"Result":11}');
  assert.equal(await sql('SELECT n FROM web.counter'), '11');
  assert.equal((await ask('POST', '/root/lost', auth)).status, 500);
  assert.equal((await ask('GET', '/root/count_lost', auth)).body.toString(), '{"Result":0}');
});

test('what a function may know of its request', async () => {
  const get = JSON.parse((await ask('GET', '/root/context?x=1', { headers: { 'User-Agent': 'T/1', 'X-Mine': 'mine', 'X-Forwarded-For': undefined } })).body).Result;
  assert.deepEqual(get, { method: 'GET', path: '/root/context', ip: '127.0.0.1', agent: 'T/1', x: 'mine', body: '\\x', session: 1, authid: 'anonymous', user: 'fox_wamp_anonymous' });
  const post = JSON.parse((await ask('POST', '/root/context', json('{}'))).body).Result;
  assert.equal(post.method, 'POST');
  assert.equal(post.body, '\\x7b7d');
  assert.equal(await sql('SELECT fox_wamp.remote_ip() IS NULL AND fox_wamp.http_method() IS NULL AND fox_wamp.in_body() IS NULL'), 't');
});

test('a function may refuse by the method', async () => {
  assert.equal((await ask('PUT', '/root/puts')).status, 200);
  assert.equal((await ask('GET', '/root/puts')).body.toString(), '{"ErrorCode":400,"ErrorText":"Bad Request"}');
  assert.equal((await ask('POST', '/root/puts')).headers.allow, 'GET, HEAD, PUT');
});

test('what is exposed is there at once, and gone at once', async () => {
  await sql('CREATE FUNCTION web.late() RETURNS int LANGUAGE sql AS \'SELECT 1\'', 'SELECT fox_wamp.expose_function(\'web.late()\')', 'SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/late')).body.toString(), '{"Result":1}');
  await sql('CREATE OR REPLACE FUNCTION web.late() RETURNS int LANGUAGE sql AS \'SELECT 2\'');
  assert.equal((await ask('GET', '/root/late')).body.toString(), '{"Result":2}');
  await sql('DROP FUNCTION web.late()', 'SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/late')).status, 404);
});

test('openapi.json has what the role may call', async () => {
  await sql("COMMENT ON FUNCTION web.sum(float8, float8) IS 'Adds\nTwo numbers.'");
  const answer = await ask('GET', '/root/openapi.json');
  assert.equal(answer.headers['content-type'], JSON_TYPE);
  const { openapi, paths } = JSON.parse(answer.body);
  assert.equal(openapi, '3.1.0');
  assert.deepEqual(Object.keys(paths['/sum']), ['get', 'post']);
  assert.equal(paths['/sum'].get.summary, 'Adds');
  assert.deepEqual(paths['/isum'].get.parameters.map((p) => [p.name, p.required, p.schema.type]), [['a', true, 'integer'], ['b', false, 'integer']]);
  assert.deepEqual(paths['/two'].get.responses['200'].content['application/json'].schema.properties.Result, { type: 'array', items: { type: 'string' } });
  assert.equal(paths['/secret'], undefined);
  const admin = await ask('GET', '/root/openapi.json', { headers: { Authorization: `Basic ${Buffer.from('web_admin:admin pw').toString('base64')}` } });
  assert.ok(JSON.parse(admin.body).paths['/secret']);
  assert.equal((await ask('POST', '/root/openapi.json')).headers.allow, 'GET, HEAD');
});
