'use strict';
// Callbacks that are URLs: a real server of the client's is POSTed to.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, sql, refusal, until } = require('./lib');
const { receiver } = require('./receiver');
const { ask } = require('./http');

const schema = `cu${process.pid}`;
let r;
const post = (name, body) => ask('POST', `/root/${schema}_${name}`, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const registered = (id) => sql(`SELECT count(*) FROM fox_wamp.callback_registry WHERE id = ${id}`);

before(async () => {
  start();
  r = await receiver();
  await sql(`ALTER DATABASE postgres SET fox_wamp.callback_url_allow = 'http://127.0.0.1:${r.port}/cb'`, 'SELECT pg_reload_conf()',
    `CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`, `CREATE DOMAIN ${schema}.sink AS fox_wamp.callback`,
    `CREATE FUNCTION ${schema}.take(cb ${schema}.sink) RETURNS bigint LANGUAGE sql AS $$ SELECT cb::bigint $$`,
    `CREATE FUNCTION ${schema}.progress(cb ${schema}.sink) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM fox_wamp.callback_now(cb, 'now', '[1]'); RAISE 'rolled back'; END $$`,
    `SELECT fox_wamp.expose_function('${schema}.take(${schema}.sink)', '${schema}_take'), fox_wamp.expose_function('${schema}.progress(${schema}.sink)', '${schema}_progress')`,
    'SELECT fox_wamp.sync()');
  // An executor that began before the setting may still be there.
  await until(async () => (await post('take', { cb: { url: `${r.url}/cb/0` } })).status === 200);
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`, "DELETE FROM fox_wamp.callback_registry WHERE kind = 'url'", 'ALTER DATABASE postgres RESET fox_wamp.callback_url_allow', 'SELECT pg_reload_conf()');
  await r.close();
  stop();
});

test('a URL passed by HTTP is POSTed to, in order, at commit', async () => {
  const answer = await post('take', { cb: { url: `${r.url}/cb/1` } });
  const id = JSON.parse(answer.body).Result;
  assert.equal(JSON.parse((await ask('POST', `/root/${schema}_take?cb=${encodeURIComponent(JSON.stringify({ url: `${r.url}/cb/1` }))}`)).body).Result, id, 'in the query as well');
  await sql('BEGIN', `SELECT fox_wamp.callback_send(${id}, 'no')`, 'ROLLBACK', ...Array.from({ length: 5 }, (_, i) => `SELECT fox_wamp.callback_send(${id}, 'yes', '[${i}]', '{"k":"v"}')`));
  let last = 0;
  for (let i = 0; i < 5; i++) {
    const got = await r.next();
    assert.equal(`${got.method} ${got.url}`, 'POST /cb/1');
    assert.deepEqual({ ...got.body, at: null, request: null }, { callback: id, request: null, interface: 'sink', method: 'yes', args: [i], kwargs: { k: 'v' }, at: null });
    assert.ok(got.body.request > last);
    last = got.body.request;
  }
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.callback_delivery WHERE callback = ${id} AND method = 'yes' AND state = 'delivered' AND last_status = 200 AND sent <= now()`)) === '5');
});

test('a WAMP client may pass a URL too', async () => {
  const session = await join();
  const id = await session.call(`root.${schema}_take`, [{ url: `${r.url}/cb/2` }]);
  await sql(`SELECT fox_wamp.callback_send(${id}, 'hi')`);
  assert.equal((await r.next()).url, '/cb/2');
  assert.equal(await session.call('fox_wamp.callback.release', [id]), true);
  await until(async () => (await registered(id)) === '0');
});

test('callback_now() reaches a URL although the transaction rolls back', async () => {
  const url = `${r.url}/cb/now`;
  await post('take', { cb: { url } });
  assert.equal((await post('progress', { cb: { url } })).status, 500);
  assert.deepEqual((await r.next()).body.method, 'now');
});

test('a blocking call of a URL returns what it answers as JSON, and says what went wrong', async () => {
  const id = JSON.parse((await post('take', { cb: { url: `${r.url}/cb/call` } })).body).Result;
  const call = (timeout = '20 s') => sql(`SELECT fox_wamp.callback_call(${id}, 'add', '[1,2]', '${timeout}', '{"k":"v"}')`);
  r.answer = (request, response, { body }) => response.end(JSON.stringify({ sum: body.args[0] + body.args[1], method: body.method, k: body.kwargs.k }));
  assert.deepEqual(JSON.parse(await call()), { sum: 3, method: 'add', k: 'v' });
  const { body } = await r.next();
  assert.deepEqual([body.callback, body.interface, new Date(body.at).getFullYear() > 2000], [id, 'sink', true]);
  r.status(204);
  assert.equal(await call(), '');
  r.status(200, 'no json');
  await assert.rejects(call(), /is not JSON/);
  r.status(500);
  await assert.rejects(call(), /HTTP status 500/);
  r.answer = () => {};
  await assert.rejects(call('50 ms'), /has not answered: .*time/i);
  await assert.rejects(sql("SET statement_timeout = '50 ms'", `SELECT fox_wamp.callback_call(${id}, 'add')`), /statement timeout/);
  r.status(200);
  r.inbox.rest();
});

test('URLs that are not allowed are refused', async () => {
  const session = await join();
  for (const url of [`${r.url}/other`, `http://127.0.0.1:${r.port}@evil.example/cb`, 'http://169.254.169.254/latest/meta-data', 'file:///etc/passwd', ''])
    assert.match((await refusal(session.call(`root.${schema}_take`, [{ url }]))).args[0], /does not allow that URL|invalid URL/, url);
});

test('a URL that fails as often as it may, or says 410, is released', async () => {
  for (const status of [500, 410]) {
    const id = JSON.parse((await post('take', { cb: { url: `${r.url}/cb/${status}` } })).body).Result;
    r.status(status);
    await sql(`SELECT fox_wamp.callback_send(${id}, 'x')`, `SELECT fox_wamp.callback_send(${id}, 'y')`);
    if (status === 500)
      for (let i = 0; i < 4; i++) {
        await r.next();
        await until(async () => (await sql(`SELECT max(attempts) FROM fox_wamp.delivery WHERE handler = ${id}`)) === String(i + 1));
        await sql(`UPDATE fox_wamp.delivery SET next_try = now() WHERE handler = ${id}`, `SELECT fox_wamp.handler_queued(${id})`);
      }
    await r.next();
    await until(async () => (await registered(id)) === '0');
    await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.delivery WHERE handler = ${id}`)) === '0');
    r.status(200);
    r.inbox.rest();
  }
});
