'use strict';
// Webhooks: events as POST requests to a real server, their retries, their limits, and what they are kept from.
const { test, before, beforeEach, after } = require('node:test');
const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, restart, join, sql, withSettings, until, fresh, env } = require('./lib');
const { receiver } = require('./receiver');

let session;
let r;
let other;

/** A webhook to the receiver's path; its id. */
const webhook = (pattern, path = '/in', options = '', to = r) => sql(`SELECT fox_wamp.webhook('${pattern}', '${to.url}${path}'${options})`).then(async (id) => {
  await sql('SELECT fox_wamp.sync()');
  return id;
});
const drop = (id) => sql(`SELECT fox_wamp.drop_webhook(${id})`);
const deliveries = (id, columns) => sql(`SELECT string_agg(concat_ws(' ', ${columns}), '|' ORDER BY id) FROM fox_wamp.webhook_delivery WHERE webhook = ${id}`);
const acknowledged = { acknowledge: true };
const quick = ", retry_delay => '10 ms'";

before(async () => {
  start();
  r = await receiver();
  other = await receiver();
  // A reload reaches the router; sessions of psql have it from their beginning.
  await sql(`ALTER DATABASE postgres SET fox_wamp.webhook_allow = '127.0.0.1:${r.port}, http://127.0.0.1:${other.port}/only/here'`, 'SELECT pg_reload_conf()');
  session = await join();
});
beforeEach(() => r.inbox.rest());
after(async () => {
  await sql('DELETE FROM fox_wamp.webhook', 'ALTER DATABASE postgres RESET fox_wamp.webhook_allow', 'SELECT pg_reload_conf()');
  await Promise.all([r.close(), other.close()]);
  stop();
});

test('events of clients and of SQL arrive as JSON, once, those of a topic in order', async () => {
  const topic = fresh('hook');
  const id = await webhook(`${topic}.#`);
  const { publication } = await session.publish(`${topic}.a`, [1, { x: 'ü' }], { k: null }, acknowledged).then((p) => ({ publication: p.id }));
  const first = await r.next();
  assert.equal(`${first.method} ${first.url}`, 'POST /in');
  assert.equal(first.headers['content-type'], 'application/json');
  assert.equal(first.headers['x-fox-attempt'], '1');
  assert.equal(first.headers['x-fox-signature'], undefined);
  assert.deepEqual(Object.keys(first.body), ['topic', 'args', 'kwargs', 'publication', 'at']);
  assert.equal(first.body.topic, `${topic}.a`);
  assert.deepEqual(first.body.args, [1, { x: 'ü' }]);
  assert.deepEqual(first.body.kwargs, { k: null });
  assert.equal(first.body.publication, publication);
  assert.ok(Math.abs(Date.parse(first.body.at) - Date.now()) < 600000);
  await sql(...Array.from({ length: 30 }, (_, i) => `SELECT fox_wamp.publish('${topic}.s${i % 3}', '[${i}]')`));
  const got = [];
  for (let i = 0; i < 30; i++) got.push((await r.next()).body);
  for (const n of [0, 1, 2])
    assert.deepEqual(got.filter((b) => b.topic === `${topic}.s${n}`).map((b) => b.args[0]), Array.from({ length: 10 }, (_, i) => 3 * i + n));
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.delivery WHERE handler = ${id}`)) === '0');
  assert.equal(await sql(`SELECT count(*), min(state), max(last_status) FROM fox_wamp.webhook_delivery WHERE webhook = ${id}`), '31|delivered|200');
  assert.deepEqual(r.inbox.rest(), []);
  assert.equal(await drop(id), 't');
});

test('nothing is sent of a transaction that rolls back', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic);
  await sql('BEGIN', `SELECT fox_wamp.publish('${topic}', '["no"]')`, 'ROLLBACK', `SELECT fox_wamp.publish('${topic}', '["yes"]')`);
  assert.deepEqual((await r.next()).body.args, ['yes']);
  await drop(id);
});

test('with a secret a request is signed over its time and its body, and has the headers of the webhook', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/signed', `, secret => 'sésame', headers => '{"X-Api-Key": "k 1", "X-Empty": ""}'`);
  await session.publish(topic, ['x'], {}, acknowledged);
  const got = await r.next();
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(got.headers['x-fox-signature']);
  assert.equal(v1, createHmac('sha256', 'sésame').update(`${t}.${got.text}`).digest('hex'));
  assert.ok(Math.abs(t - Date.now() / 1000) < 600);
  assert.equal(got.headers['x-api-key'], 'k 1');
  assert.equal(got.headers['x-empty'], '');
  await drop(id);
});

test('other answers than 2xx are tried again, later events of the topic wait and others do not', async () => {
  const topic = fresh('hook');
  const id = await webhook(`${topic}.#`, '/retry', quick);
  let failures = 3;
  r.answer = (request, response, got) => {
    response.statusCode = got.body.topic.endsWith('.bad') && failures-- > 0 ? 503 : 204;
    response.end();
  };
  await sql(`SELECT fox_wamp.publish('${topic}.bad', '[1]')`, `SELECT fox_wamp.publish('${topic}.bad', '[2]')`, `SELECT fox_wamp.publish('${topic}.good', '[3]')`);
  const got = [];
  for (let i = 0; i < 6; i++) got.push(await r.next());
  assert.deepEqual(got.filter((g) => g.body.topic.endsWith('.bad')).map((g) => g.body.args[0]), [1, 1, 1, 1, 2]);
  assert.deepEqual(got.filter((g) => g.body.args[0] === 1).map((g) => g.headers['x-fox-attempt']), ['1', '2', '3', '4']);
  assert.equal(new Set(got.filter((g) => g.body.args[0] === 1).map((g) => g.body.publication)).size, 1);
  await until(async () => (await deliveries(id, 'attempts, last_status')) === '4 204|1 204|1 204');
  r.status(200);
  await drop(id);
});

test('what fails too often is dead, says why, and can be tried again or dropped', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/dead', `${quick}, max_attempts => 2`);
  r.status(500, 'no\ncan do');
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`, `SELECT fox_wamp.publish('${topic}', '[2]')`);
  await until(async () => (await deliveries(id, 'state, attempts, last_status')) === 'dead 2 500|dead 2 500');
  assert.equal(await sql(`SELECT DISTINCT last_error FROM fox_wamp.webhook_delivery WHERE webhook = ${id}`), 'HTTP status 500: no can do');
  r.status(200);
  r.inbox.rest();
  const [one, two] = (await deliveries(id, 'id')).split('|');
  assert.equal(await sql(`SELECT fox_wamp.drop_delivery(${one})`), 't');
  assert.equal(await sql(`SELECT fox_wamp.retry_delivery(${two})`), 't');
  assert.deepEqual((await r.next()).body.args, [2]);
  await until(async () => (await deliveries(id, 'state')) === 'delivered');
  await drop(id);
});

test('a status of 410 ends the webhook', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/gone');
  r.status(410);
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
  await r.next();
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.webhook WHERE id = ${id}`)) === '0');
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.delivery WHERE handler = ${id}`)) === '0');
  r.status(200);
});

test('no redirect is followed', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/redirect', ', max_attempts => 1');
  r.answer = (request, response) => response.writeHead(307, { Location: `${other.url}/only/here` }).end();
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
  await until(async () => (await deliveries(id, 'state, last_status')) === 'dead 307');
  assert.equal(other.count, 0);
  r.status(200);
  await drop(id);
});

test('a long answer is cut off, and counts by its status', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/long');
  r.answer = (request, response) => { response.on('error', () => {}); response.end('x'.repeat(8 * 1024 * 1024)); };
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
  await until(async () => (await deliveries(id, 'state, last_status')) === 'delivered 200');
  r.status(200);
  await drop(id);
});

test('a server that does not answer is given up after the timeout, and keeps neither functions nor other webhooks waiting', async () => {
  const topic = fresh('hook');
  const slow = await webhook(`${topic}.slow`, '/slow', `, timeout => '5 min', concurrency => 2`);
  const late = await webhook(`${topic}.late`, '/late', `, timeout => '200 ms', max_attempts => 1`);
  const fast = await webhook(`${topic}.fast`, '/fast');
  const held = [];
  r.answer = (request, response) => { if (request.url === '/fast') response.end(); else held.push(response); };
  await sql(...Array.from({ length: 40 }, () => `SELECT fox_wamp.publish('${topic}.slow', '[0]')`));
  assert.equal((await r.next()).url, '/slow');
  await sql(`SELECT fox_wamp.publish('${topic}.fast', '[1]')`);
  assert.equal((await r.next()).url, '/fast');
  // No transaction is open while a server thinks, but for the moments in which
  // an answer is noted, as the one of fast is; and functions run beside.
  await until(async () => (await sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'fox_wamp post executor' AND xact_start IS NULL")) === '1');
  await sql('CREATE SCHEMA IF NOT EXISTS hooks', "CREATE OR REPLACE FUNCTION hooks.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT fox_wamp.expose_function('hooks.one()', 'hooks_one')", 'GRANT USAGE ON SCHEMA hooks TO PUBLIC', 'SELECT fox_wamp.sync()');
  assert.equal(await session.call('root.hooks_one'), 1);
  await sql(`SELECT fox_wamp.publish('${topic}.late', '[1]')`);
  await until(async () => /^dead no answer: .*time/i.test(await deliveries(late, 'state, last_error')));
  r.status(200);
  for (const response of held) response.destroy();
  await Promise.all([slow, late, fast].map(drop));
  await sql('DROP SCHEMA hooks CASCADE');
});

test('what is kept and what is dead is sent again by replay', async () => {
  const topic = fresh('hook');
  await sql(`SELECT fox_wamp.keep_history('${topic}.#', keep_count => 10)`, 'SELECT fox_wamp.sync()');
  await session.publish(`${topic}.a`, ['before'], {}, acknowledged);
  await session.publish(`${topic}.b`, ['secret'], {}, { ...acknowledged, eligible_authrole: ['nobody'] });
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.event_history WHERE topic LIKE '${topic}.%'`)) === '1');
  const id = await webhook(`${topic}.#`, '/replay', ', max_attempts => 1');
  r.status(500);
  await sql(`SELECT fox_wamp.publish('${topic}.c', '["dead"]')`);
  await until(async () => (await deliveries(id, 'state')) === 'dead');
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.event_history WHERE topic LIKE '${topic}.%'`)) === '2');
  r.status(200);
  r.inbox.rest();
  assert.equal(await sql(`SELECT fox_wamp.replay_webhook(${id}, now() - interval '1 h')`), '2');
  assert.deepEqual([(await r.next()).body.args[0], (await r.next()).body.args[0]].sort(), ['before', 'dead']);
  assert.deepEqual(r.inbox.rest(), []);
  await drop(id);
  await sql(`SELECT fox_wamp.forget_history('${topic}.#')`);
});

test('what the setting does not allow is refused, and not sent any more once it says so', async () => {
  const topic = fresh('hook');
  for (const url of [`${other.url}/`, `${other.url}/only/hereafter`, `http://127.0.0.1:${r.port}@evil.example/`, `http://127.0.0.1.evil.example:${r.port}/`,
    `http://localhost:${r.port}/`, `https://127.0.0.1:${r.port + 1}/`, 'file:///etc/passwd'])
    await assert.rejects(sql(`SELECT fox_wamp.webhook('${topic}', '${url}')`), /does not allow that URL|invalid URL/, url);
  const id = await webhook(topic, '/only/here/x', ', max_attempts => 1', other);
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
  assert.equal((await other.next()).url, '/only/here/x');
  await sql(`ALTER DATABASE postgres SET fox_wamp.webhook_allow = '127.0.0.1:${r.port}'`);
  await withSettings({ 'fox_wamp.message_rate': 0 }, async () => {
    await sql(`SELECT fox_wamp.publish('${topic}', '[2]')`);
    await until(async () => /dead fox_wamp.webhook_allow does not allow/.test(await deliveries(id, 'state, last_error')));
  });
  assert.deepEqual(other.inbox.rest(), []);
  await drop(id);
});

test('over TLS the server has to have a certificate of an authority that is trusted', async () => {
  const file = (name) => path.join(env.data, name);
  const safe = await receiver({ key: fs.readFileSync(file('server.key')), cert: fs.readFileSync(file('server.crt')) });
  const topic = fresh('hook');
  await sql(`ALTER DATABASE postgres SET fox_wamp.webhook_allow = '127.0.0.1:${r.port}, ${safe.url}'`);
  const settings = { 'fox_wamp.webhook_ca_file': file('server.crt') };
  let id;
  await withSettings({ 'fox_wamp.webhook_ca_file': '' }, async () => {
    id = await webhook(topic, '/in', ', max_attempts => 1', safe);
    await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
    await until(async () => /dead no answer: .*certificate/.test(await deliveries(id, 'state, last_error')));
  });
  assert.equal(safe.count, 0);
  await withSettings(settings, async () => {
    await sql(`SELECT fox_wamp.publish('${topic}', '[2]')`);
    assert.deepEqual((await safe.next()).body.args, [2]);
  });
  await drop(id);
  await safe.close();
});

test('what was not answered is sent again after the executor, or the router, has ended', async () => {
  const topic = fresh('hook');
  const id = await webhook(topic, '/killed', quick);
  const held = [];
  r.answer = (request, response) => held.push(response);
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`);
  await r.next();
  await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'fox_wamp post executor'");
  assert.deepEqual((await r.next()).body.args, [1]);
  r.status(200);
  await restart();
  assert.deepEqual((await r.next()).body.args, [1]);
  await until(async () => (await deliveries(id, 'state')) === 'delivered');
  for (const response of held) response.destroy();
  await drop(id);
});
