'use strict';
// Callbacks: what a client passes to a SQL function as a receiver, what is sent to it, and how it ends.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, join, sql, refusal, until, withSettings, Inbox, Raw, fresh } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

const schema = `cb${process.pid}`;
let session;

/** Creates functions in the test's schema, and exposes them below root. */
async function service(...functions) {
  for (const f of functions) await sql(`CREATE OR REPLACE FUNCTION ${schema}.${f}`);
}
const expose = (...signatures) => sql(...signatures.map((s) => `SELECT fox_wamp.expose_function('${schema}.${s}', '${schema}_${s.replace(/\(.*/, '')}')`), 'SELECT fox_wamp.sync()');
const call = (who, name, args = [], kwargs = {}) => who.call(`root.${schema}_${name}`, args, kwargs);
const rows = (where = 'true') => sql(`SELECT count(*) FROM fox_wamp.callback_registry WHERE service = '${schema}' AND (${where})`).then(Number);
const list = () => sql(`SELECT count(*) FROM ${schema}.chat_sub`).then(Number);

/** A subscription as a receiver: what it gets, with its topic. */
async function receiver(who, uri = fresh('cb')) {
  const inbox = new Inbox();
  inbox.subscription = await who.subscribe(uri, (args, kwargs, details) => inbox.put({ topic: details.topic, args, kwargs }));
  return Object.assign(inbox, { uri });
}
/** The same as a procedure, which answers with what answer() returns. */
async function callee(who, answer = () => null, uri = fresh('cb')) {
  const inbox = new Inbox();
  inbox.registration = await who.register(uri, (args, kwargs, details) => { inbox.put({ procedure: details.procedure, args, kwargs }); return answer(args, kwargs); });
  return Object.assign(inbox, { uri });
}

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`, `CREATE DOMAIN ${schema}.chat_callback AS fox_wamp.callback`,
    `CREATE TABLE ${schema}.chat_sub (cb ${schema}.chat_callback PRIMARY KEY REFERENCES fox_wamp.callback_registry ON DELETE CASCADE, room text)`,
    `GRANT ALL ON ${schema}.chat_sub TO PUBLIC`, `CREATE TABLE ${schema}.released (id bigserial, cb bigint, interface text, role text)`);
  await service(
    "join(cb " + schema + ".chat_callback, room text DEFAULT 'a') RETURNS text LANGUAGE sql AS $$ INSERT INTO " + schema + ".chat_sub VALUES (cb, room) ON CONFLICT (cb) DO NOTHING; SELECT cb::text $$",
    "leave(cb " + schema + ".chat_callback) RETURNS boolean LANGUAGE sql AS $$ SELECT fox_wamp.callback_release(cb) $$",
    "say(room text, what text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FILTER (WHERE fox_wamp.callback_send(cb, 'said', jsonb_build_array(what), '{\"k\":1}')) FROM " + schema + ".chat_sub s WHERE s.room = $1 $$",
    "progress(cb " + schema + ".chat_callback, fails boolean DEFAULT false) RETURNS int LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3 LOOP PERFORM fox_wamp.callback_now(cb, 'step', to_jsonb(i)); END LOOP; PERFORM fox_wamp.callback_send(cb, 'done'); IF fails THEN RAISE 'no'; END IF; RETURN 7; END $$",
    "ask_it(cb " + schema + ".chat_callback, n int) RETURNS jsonb LANGUAGE sql AS $$ SELECT fox_wamp.callback_call(cb, 'add', jsonb_build_array(n, 1), '20 s', '{\"k\":2}') $$",
    "pass_on(cb " + schema + ".chat_callback) RETURNS text LANGUAGE sql AS $$ SELECT fox_wamp.callback_uri(cb) $$",
    "fail_it(cb " + schema + ".chat_callback) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM 1/0; RETURN NULL; EXCEPTION WHEN division_by_zero THEN RETURN fox_wamp.callback_send(cb, 'failed', jsonb_build_array(fox_wamp.exception_json())); END $$",
    "stable_one(cb " + schema + ".chat_callback) RETURNS text LANGUAGE sql STABLE AS $$ SELECT cb::text $$",
    "callback_released(cb fox_wamp.callback, interface text) RETURNS void LANGUAGE sql AS $$ INSERT INTO " + schema + ".released (cb, interface, role) VALUES (cb, interface, current_user) $$");
  const cb = `(${schema}.chat_callback`;
  await expose(`join${cb},text)`, `leave${cb})`, 'say(text,text)', `progress${cb},boolean)`, `ask_it${cb},integer)`, `pass_on${cb})`, `fail_it${cb})`, `stable_one${cb})`);
  session = await join();
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`);
  stop();
});

test('a topic that the session has subscribed to receives methods with arguments, also when the call is long over', async () => {
  const r = await receiver(session);
  const id = await call(session, 'join', [r.uri]);
  assert.match(id, /^\d+$/);
  assert.equal(await sql(`SELECT kind, interface, service, uri FROM fox_wamp.callback_registry WHERE id = ${id}`), `event|chat_callback|${schema}|${r.uri}`);
  assert.equal(await call(session, 'say', ['a', 'hello']), 1);
  assert.deepEqual(await r.next(), { topic: `${r.uri}.said`, args: ['hello'], kwargs: { k: 1 } });
  await sql(`SELECT fox_wamp.callback_send(${id}, 'from_psql')`);
  assert.equal((await r.next()).topic, `${r.uri}.from_psql`);
  assert.equal(await call(session, 'join', [r.uri]), id, 'the same receiver is the same callback');
  await session.unsubscribe(r.subscription);
  await until(async () => (await rows(`uri = '${r.uri}'`)) === 0);
});

test('the EVENT and the INVOCATION say which callback they are for, which interface and method, and count', async () => {
  const raw = await Raw.join();
  const topic = fresh('cb');
  const [, , subscription] = await raw.ask([32, 1, {}, topic]);
  const [, , registration] = await raw.ask([64, 2, {}, `${topic}.p`]);
  const [, , , [event]] = await raw.ask([48, 3, {}, `root.${schema}_join`, [topic, 'form']]);
  const [, , , [procedure]] = await raw.ask([48, 4, {}, `root.${schema}_join`, [`${topic}.p`, 'form']]);
  await sql(`SELECT fox_wamp.callback_send(${event}, 'one.two', '[1]')`, `SELECT fox_wamp.callback_send(${event}, 'two', NULL, '{"a":1}')`, `SELECT fox_wamp.callback_send(${procedure}, 'three', '"x"')`);
  const [type, s, publication, details, args] = await raw.next();
  assert.deepEqual([type, s, args], [36, subscription, [1]]);
  assert.ok(publication > 0);
  assert.deepEqual(details, { topic: `${topic}.one.two`, callback: Number(event), request: 1, interface: 'chat_callback', method: 'one.two' });
  const second = await raw.next();
  assert.equal(second[3].request, 2);
  assert.deepEqual(second.slice(4), [[], { a: 1 }]);
  const invocation = await raw.next();
  assert.deepEqual([invocation[0], invocation[2], invocation[4]], [68, registration, ['x']]);
  assert.deepEqual(invocation[3], { procedure: `${topic}.p.three`, callback: Number(procedure), request: 1, interface: 'chat_callback', method: 'three' });
  raw.send([70, invocation[1], {}]);
  raw.ws.close();
  await until(async () => (await sql(`SELECT count(*) FROM ${schema}.chat_sub WHERE room = 'form'`)) === '0');
});

test('what a session has not subscribed to or registered itself is refused', async () => {
  const r = await receiver(session);
  const other = await join();
  for (const uri of [r.uri, fresh('nobody'), 'wamp.session.on_join'])
    assert.match((await refusal(call(other, 'join', [uri]))).args[0], /has neither subscribed to nor registered/, uri);
  const { error, kwargs } = await refusal(call(other, 'join', [r.uri]));
  assert.equal(error, 'wamp.error.invalid_argument');
  assert.equal(kwargs.parameter, 'cb');
  for (const bad of [17, true, {}, { poll: true }, { url: 'http://127.0.0.1:1/' }, [r.uri]]) assert.equal((await refusal(call(other, 'join', [bad]))).error, 'wamp.error.invalid_argument', JSON.stringify(bad));
  assert.equal(await rows(`uri = '${r.uri}'`), 0);
  assert.match((await refusal(call(session, 'stable_one', [r.uri]))).args[0], /a function that takes a callback writes/);
  await session.unsubscribe(r.subscription);
  other.leaveNow();
});

test('messages are delivered at commit, never of a transaction that rolls back, and in order', async () => {
  const r = await receiver(session);
  const id = await call(session, 'join', [r.uri, 'commit']);
  const send = (n) => `SELECT fox_wamp.callback_send(${id}, 'n', '[${n}]')`;
  await sql('BEGIN', send(1), 'SAVEPOINT s', send(2), 'ROLLBACK TO s', send(3), 'COMMIT', 'BEGIN', send(4), 'ROLLBACK', ...Array.from({ length: 20 }, (_, i) => send(5 + i)));
  const got = [];
  for (let i = 0; i < 22; i++) got.push((await r.next()).args[0]);
  assert.deepEqual(got, [1, 3, ...Array.from({ length: 20 }, (_, i) => 5 + i)]);
  await session.unsubscribe(r.subscription);
});

test('callback_now() is heard while the function runs, and although it fails; callback_send() is not', async () => {
  const r = await receiver(session);
  assert.equal(await call(session, 'progress', [r.uri]), 7);
  for (const n of [1, 2, 3]) assert.deepEqual((await r.next()).args, [n]);
  assert.equal((await r.next()).topic, `${r.uri}.done`);
  await refusal(call(session, 'progress', [r.uri, true]));
  for (const n of [1, 2, 3]) assert.deepEqual((await r.next()).args, [n]);
  assert.equal(await call(session, 'progress', [r.uri]), 7);
  assert.deepEqual((await r.next()).args, [1]);
  await session.unsubscribe(r.subscription);
});

test('a blocking call waits for the answer of the very session, whoever shares the procedure, and hears its error', async () => {
  const uri = fresh('shared');
  const other = await join();
  const options = { invoke: 'roundrobin' };
  await other.register(uri, () => { throw new Error('the wrong one'); }, options);
  const registration = await session.register(uri, ([a, b], kwargs, { procedure }) => (a < 0 ? Promise.reject(new Error('too few')) : { sum: a + b, k: kwargs.k, procedure }), options);
  for (let n = 1; n <= 4; n++) assert.deepEqual(await call(session, 'ask_it', [uri, n]), { sum: n + 1, k: 2, procedure: `${uri}.add` });
  assert.match((await refusal(call(session, 'ask_it', [uri, -1]))).args[0], /too few|runtime_error/);
  const r = await receiver(session);
  assert.match((await refusal(call(session, 'ask_it', [r.uri, 1]))).args[0], /only a procedure/);
  await session.unregister(registration);
  await until(async () => (await rows(`uri = '${uri}'`)) === 0);
  await session.unsubscribe(r.subscription);
  other.leaveNow();
});

test('UNSUBSCRIBE, UNREGISTER and the end of the session release, clean the tables that refer to it, and tell the service', async () => {
  await sql(`TRUNCATE ${schema}.released, ${schema}.chat_sub`);
  const other = await join();
  const a = await receiver(other);
  const b = await callee(other);
  const c = await receiver(other);
  const ids = [await call(other, 'join', [a.uri]), await call(other, 'join', [b.uri]), await call(other, 'join', [c.uri])];
  assert.equal(await list(), 3);
  const released = () => sql(`SELECT string_agg(cb::text, ' ' ORDER BY id) FROM ${schema}.released`);
  await other.unsubscribe(a.subscription);
  await until(async () => (await released()) === ids[0]);
  await other.unregister(b.registration);
  await until(async () => (await released()) === `${ids[0]} ${ids[1]}`);
  other.leaveNow();
  await until(async () => (await released()) === ids.join(' '));
  await until(async () => (await list()) === 0);
  assert.equal(await sql(`SELECT DISTINCT interface || ' ' || role FROM ${schema}.released`), 'chat_callback postgres', 'as the owner of the hook');
  assert.equal(await rows(), 0);
});

test('what is sent to a released callback is dropped with a warning, or raises an error', async () => {
  const r = await receiver(session);
  const id = await call(session, 'join', [r.uri]);
  assert.equal(await call(session, 'leave', [r.uri]), true);
  assert.equal(await sql(`SELECT fox_wamp.callback_send(${id}, 'x')`), 'f');
  assert.equal(await sql(`SELECT fox_wamp.callback_now(${id}, 'x')`), 'f');
  assert.equal(await sql(`SELECT fox_wamp.callback_release(${id})`), 'f');
  await assert.rejects(sql("LOAD 'fox_wamp'", "SET fox_wamp.on_callback_released = error", `SELECT fox_wamp.callback_send(${id}, 'x')`), /the callback has been released/);
  await session.unsubscribe(r.subscription);
  assert.deepEqual(r.rest(), []);
});

test('a client releases its own callback, and nobody else\'s', async () => {
  const r = await receiver(session);
  const other = await join();
  const id = Number(await call(session, 'join', [r.uri]));
  assert.equal(await other.call('fox_wamp.callback.release', [id]), false);
  assert.equal((await refusal(session.call('fox_wamp.callback.release', ['x']))).error, 'wamp.error.invalid_argument');
  assert.equal(await session.call('fox_wamp.callback.release', [id]), true);
  assert.equal(await session.call('fox_wamp.callback.release', [id]), false);
  await until(async () => (await rows(`id = ${id}`)) === 0);
  await session.unsubscribe(r.subscription);
  other.leaveNow();
});

test('a receiver that fails several times in a row is released, one that does so now and then is not', async () => {
  let fails = true;
  const bad = await callee(session, () => { if (fails) throw new Error('no'); });
  const id = await call(session, 'join', [bad.uri, 'fails']);
  const send = () => sql(`SELECT fox_wamp.callback_send(${id}, 'x')`);
  for (let i = 0; i < 4; i++) { await send(); await bad.next(); }
  fails = false;
  await send();
  await bad.next();
  fails = true;
  for (let i = 0; i < 4; i++) { await send(); await bad.next(); }
  assert.equal(await rows(`id = ${id}`), 1);
  await send();
  await until(async () => (await rows(`id = ${id}`)) === 0);
  await session.unregister(bad.registration);
});

test('a hook that fails keeps no callback', async () => {
  await service("callback_released(cb fox_wamp.callback, interface text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'not me'; END $$");
  const other = await join();
  const r = await receiver(other);
  await call(other, 'join', [r.uri, 'hook']);
  other.leaveNow();
  await until(async () => (await rows(`uri = '${r.uri}'`)) === 0);
  await service("callback_released(cb fox_wamp.callback, interface text) RETURNS void LANGUAGE sql AS $$ INSERT INTO " + schema + ".released (cb, interface, role) VALUES (cb, interface, current_user) $$");
});

test('a callback that was passed on is called by its URI, and goes to its origin', async () => {
  const r = await receiver(session);
  const uri = await call(session, 'pass_on', [r.uri]);
  assert.match(uri, /^fox_wamp\.cb\.[0-9a-f]+\.[0-9a-f]{32}$/);
  const other = await join();
  assert.equal(await other.call(uri, ['greet', 'hi', 2], { k: 'v' }), true);
  assert.deepEqual(await r.next(), { topic: `${r.uri}.greet`, args: ['hi', 2], kwargs: { k: 'v' } });
  const id = await call(other, 'join', [uri, 'chain']);
  assert.equal(await call(other, 'say', ['chain', 'through']), 1);
  assert.deepEqual((await r.next()).args, ['through']);
  assert.equal(await call(session, 'join', [r.uri]), id);
  assert.equal((await refusal(other.call(uri, [1]))).error, 'wamp.error.invalid_argument');
  assert.equal((await refusal(other.call(`${uri}0`, ['x']))).error, 'wamp.error.no_such_procedure');
  assert.equal((await refusal(call(other, 'join', [`${uri}0`]))).error, 'wamp.error.invalid_argument');
  await session.unsubscribe(r.subscription);
  await until(async () => (await rows(`id = ${id}`)) === 0);
  assert.equal((await refusal(other.call(uri, ['x']))).error, 'wamp.error.no_such_procedure');
  other.leaveNow();
});

test('an exception is sent as a value', async () => {
  const r = await receiver(session);
  assert.equal(await call(session, 'fail_it', [r.uri]), true);
  const [e] = (await r.next()).args;
  assert.deepEqual(Object.keys(e).sort(), ['Class', 'Context', 'Detail', 'Hint', 'Message', 'SqlState']);
  assert.deepEqual([e.Class, e.SqlState, e.Message, e.Detail], ['data_exception', '22012', 'division by zero', null]);
  assert.match(e.Context, /fail_it/);
  await session.unsubscribe(r.subscription);
});

test('an MQTT client has callbacks too: its topics', async () => {
  const c = await MqttClient.join(5);
  const topic = fresh('cb');
  const answers = unique('answers');
  await c.subscribe(answers);
  await c.subscribe(topic.replaceAll('.', '/'));
  await c.publish(`$call/root/${schema}_join`, JSON.stringify({ cb: topic, room: 'mqtt' }), { qos: 1, properties: { responseTopic: answers } });
  await c.take((p) => p.topic === answers);
  assert.equal(await call(session, 'say', ['mqtt', 'hello']), 1);
  const p = await c.take((packet) => packet.topic === `${topic.replaceAll('.', '/')}/said`);
  assert.deepEqual(JSON.parse(p.payload), { args: ['hello'], kwargs: { k: 1 } });
  await c.leave();
  await until(async () => (await rows(`uri = '${topic}'`)) === 0);
});

test('a session has no more callbacks than it may', async () => {
  const other = await join();
  await withSettings({ 'fox_wamp.callback_limit': 2 }, async () => {
    const all = await Promise.all(Array.from({ length: 3 }, () => receiver(other)));
    const [first, , last] = all;
    await call(other, 'join', [first.uri]);
    await call(other, 'join', [all[1].uri]);
    assert.match((await refusal(call(other, 'join', [last.uri]))).args[0], /as many callbacks as there may be/);
    await call(other, 'join', [first.uri]);
    await call(other, 'leave', [first.uri]);
    await call(other, 'join', [last.uri]);
  });
  other.leaveNow();
  await until(async () => (await list()) === 0);
});

test('callbacks of sessions that are no more are released when the router starts', async () => {
  const r = await receiver(session);
  await call(session, 'join', [r.uri, 'restart']);
  assert.equal(await rows(`uri = '${r.uri}'`), 1);
  await restart();
  await until(async () => (await rows()) === 0);
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.chat_sub WHERE room = 'restart'`), '0');
});
