'use strict';
// Callbacks of clients that can not be reached: they poll, by HTTP sessions.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, sql, refusal, until } = require('./lib');
const { ask } = require('./http');

const schema = `cp${process.pid}`;
const json = (answer) => JSON.parse(answer.body);
const result = (answer) => json(answer).Result;

/** A session of HTTP; its requests bring its token. */
async function login() {
  const { token, session } = result(await ask('POST', '/root/auth'));
  const headers = { Authorization: `Bearer ${token}` };
  return {
    session,
    get: (path) => ask('GET', path, { headers }),
    post: (path, body) => ask('POST', path, { headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    del: (path) => ask('DELETE', path, { headers }),
    poll: (query = 'wait=0') => ask('GET', `/root/callback?${query}`, { headers }).then(result),
  };
}
const take = (client, cb = { poll: true }) => client.post(`/root/${schema}_take`, { cb });
const send = (id, ...numbers) => sql(...numbers.map((n) => `SELECT fox_wamp.callback_send(${id}, 'n', '[${n}]', '{"k":1}')`));
const registered = (id) => sql(`SELECT count(*) FROM fox_wamp.callback_registry WHERE id = ${id}`);

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`, `CREATE DOMAIN ${schema}.mail AS fox_wamp.callback`,
    `CREATE FUNCTION ${schema}.take(cb ${schema}.mail) RETURNS bigint LANGUAGE sql AS $$ SELECT cb::bigint $$`,
    `SELECT fox_wamp.expose_function('${schema}.take(${schema}.mail)', '${schema}_take')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`);
  stop();
});

test('a client that polls gets its messages, in order, with their callback, interface and method', async () => {
  const client = await login();
  const id = result(await take(client));
  assert.equal(result(await take(client)), id, 'the mailbox is the same callback');
  assert.deepEqual(await client.poll(), []);
  await sql('BEGIN', `SELECT fox_wamp.callback_send(${id}, 'no')`, 'ROLLBACK');
  await send(id, 1, 2, 3);
  await until(async () => (await client.poll()).length === 3);
  const [first, second, third] = await client.poll();
  assert.ok(Math.abs(Date.parse(first.at) - Date.now()) < 600000);
  assert.deepEqual(Object.keys(first), ['seq', 'callback', 'request', 'interface', 'method', 'args', 'kwargs', 'at']);
  assert.deepEqual({ ...first, at: 0 }, { seq: 1, callback: id, request: 1, interface: 'mail', method: 'n', args: [1], kwargs: { k: 1 }, at: 0 });
  assert.deepEqual([second.seq, third.seq, third.request], [2, 3, 3]);
});

test('after acknowledges and deletes, max limits', async () => {
  const client = await login();
  const id = result(await take(client));
  await send(id, 1, 2, 3, 4);
  await until(async () => (await client.poll()).length === 4);
  const seqs = async (query) => (await client.poll(query)).map((m) => m.seq);
  assert.deepEqual(await seqs('wait=0&max=2'), [1, 2]);
  assert.deepEqual(await seqs('wait=0&max=2&after=1'), [2, 3]);
  assert.deepEqual(await seqs('wait=0'), [2, 3, 4], 'the first has gone');
  assert.deepEqual(await seqs('wait=0&after=4'), []);
  assert.deepEqual(await seqs('wait=0'), []);
  await send(id, 5);
  assert.deepEqual(await seqs('wait=25&after=4'), [5]);
});

test('a poll waits for the next message, and is answered with none when its time is over', async () => {
  const client = await login();
  const id = result(await take(client));
  const waiting = [client.poll('wait=60'), client.poll('wait=60&after=0')];
  await send(id, 1);
  for (const answer of await Promise.all(waiting)) assert.deepEqual(answer.map((m) => m.args), [[1]]);
  assert.deepEqual(await client.poll('wait=1&after=1'), []);
});

test('a mailbox is bounded: what is too much goes, and a mark says so until it is acknowledged', async () => {
  const client = await login();
  const id = result(await take(client));
  await sql(`SELECT fox_wamp.callback_send(${id}, 'n', to_jsonb(n)) FROM generate_series(1, 1005) n`);
  await until(async () => (await client.poll('wait=0&max=1'))[0]?.overflow === 5);
  const list = await client.poll('wait=0&max=3');
  assert.deepEqual(list[0], { seq: 5, overflow: 5 });
  assert.deepEqual(list.slice(1).map((m) => [m.seq, m.args]), [[6, [6]], [7, [7]]]);
  assert.deepEqual((await client.poll('wait=0&max=2&after=6')).map((m) => m.seq), [7, 8]);
});

test('the mailbox, and what refers to it, end with the session', async () => {
  const client = await login();
  const id = result(await take(client));
  const waiting = client.get('/root/callback?wait=60');
  // Another request of the session is answered behind it.
  assert.equal((await client.get('/root/auth')).status, 200);
  assert.equal((await client.del('/root/auth')).status, 200);
  assert.equal((await waiting).status, 503);
  await until(async () => (await registered(id)) === '0');
  assert.equal((await client.get('/root/callback?wait=0')).status, 401);
});

test('DELETE releases a callback of the session, and of nobody else', async () => {
  const [client, other] = [await login(), await login()];
  const id = result(await take(client));
  assert.equal((await other.del(`/root/callback/${id}`)).status, 404);
  assert.equal((await ask('DELETE', `/root/callback/${id}`)).status, 404);
  assert.equal((await client.del('/root/callback/x')).status, 404);
  assert.equal((await client.del(`/root/callback/${id}`)).status, 200);
  assert.equal((await client.del(`/root/callback/${id}`)).status, 404);
  await until(async () => (await registered(id)) === '0');
  assert.notEqual(result(await take(client)), id);
});

test('what makes no sense is refused', async () => {
  const client = await login();
  assert.equal((await ask('GET', '/root/callback')).status, 401);
  for (const query of ['wait=x', 'max=0', 'max=-1', 'after=1.5', 'wait='])
    assert.equal((await client.get(`/root/callback?${query}`)).status, 400, query);
  assert.equal((await client.post('/root/callback', {})).status, 405);
  assert.equal((await client.get('/root/callback/1')).status, 405);
  assert.equal((await ask('OPTIONS', '/root/callback')).status, 204);
  // Neither who has no session nor who has a WAMP session has a mailbox, and who polls has no topics.
  const nobody = { post: (path, body) => ask('POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }) };
  assert.match(json(await take(nobody)).ErrorText, /only a session of HTTP can poll/);
  assert.match(json(await take(client, 'my.topic')).ErrorText, /an HTTP request has registered nothing/);
  assert.match((await refusal((await join()).call(`root.${schema}_take`, [{ poll: true }]))).args[0], /only a session of HTTP/);
  assert.equal((await client.get(`/root/${schema}_take?cb=${encodeURIComponent('{"poll":true}')}`)).status, 405, 'GET writes nothing');
});
