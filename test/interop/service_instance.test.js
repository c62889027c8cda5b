'use strict';
// Instances of services: whom they are of, what they know, and when they end.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, restart, sql, Raw, join, until, refusal, withSettings } = require('./lib');
const { ask, closeAll } = require('./http');

const quiet = 'SET client_min_messages = error';
const lifetimes = ['single', 'shared', 'client_driven', 'per_session', 'per_user', 'per_group'];

before(async () => {
  start();
  const text = fs.readFileSync(path.join(__dirname, 'service_functions.sql'), 'utf8');
  await sql(quiet, text.slice(text.indexOf('CREATE SCHEMA tally')), 'DROP SCHEMA IF EXISTS calculator CASCADE');
  // A schema has one lifetime: one with the same functions for each of the others.
  for (const lifetime of lifetimes) {
    await sql(quiet, `CREATE SCHEMA ${lifetime}`, `GRANT USAGE ON SCHEMA ${lifetime} TO PUBLIC`, ...['next(step int DEFAULT 1)', 'peek()', 'undone()', 'lose()', 'on_free(state jsonb)'].map((f) =>
      `DO $x$ BEGIN EXECUTE replace(pg_get_functiondef((SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'tally'::regnamespace AND p.proname = '${f.slice(0, f.indexOf('('))}')),
        'FUNCTION tally.', 'FUNCTION ${lifetime}.'); END $x$`),
    `ALTER FUNCTION ${lifetime}.on_free(jsonb) OWNER TO tally_owner`, `SELECT fox_wamp.expose_service('${lifetime}', lifetime => '${lifetime}')`);
  }
  await sql(quiet, "CREATE ROLE tally_a LOGIN PASSWORD 'a'", "CREATE ROLE tally_b LOGIN PASSWORD 'b'", 'GRANT fox_wamp_connect TO tally_a, tally_b', 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql(quiet, `DROP SCHEMA ${lifetimes.join(', ')}, tally CASCADE`, 'DROP ROLE tally_owner, tally_a, tally_b');
  stop();
});

const as = (who) => ({ headers: { Authorization: who && `Basic ${Buffer.from(`tally_${who}:${who}`).toString('base64')}` } });
const post = (target, options = {}) => ask('POST', `/root/${target}`, options);
const value = async (target, options) => {
  const answer = await post(target, options);
  assert.equal(answer.status, 200, answer.body.toString());
  return JSON.parse(answer.body).Result[0];
};
const status = async (target, options) => (await post(target, options)).status;
const call = async (session, request, procedure, args = [], kwargs = {}, options = {}) => {
  const answer = await session.ask([48, request, options, procedure, args, kwargs]);
  return answer[0] === 50 ? answer[3]?.[0] : answer[4];
};
const freed = () => sql("SELECT string_agg(coalesce(state::text, 'null') || ' ' || who, ',' ORDER BY coalesce(state::text, 'null')) FROM tally.freed");
const none = 'fox_wamp.error.no_such_instance';

test('single: there is no state', async () => {
  assert.equal((await ask('GET', '/root/single/peek')).body.toString(), '{"Result":[null]}');
  const answer = await post('single/next');
  assert.deepEqual([answer.status, JSON.parse(answer.body).ErrorText], [500, '55000: there is no instance that could have a state']);
});

test('shared: one state for all, changed by one call at a time, as transactions are', async () => {
  assert.equal(await value('shared/next'), 1);
  const session = await Raw.join();
  assert.equal(await call(session, 1, 'root.shared.next', [4]), 5);
  const many = await Promise.all(Array.from({ length: 8 }, () => value('shared/next', as('a'))));
  assert.deepEqual(many.sort((a, b) => a - b), [6, 7, 8, 9, 10, 11, 12, 13]);
  assert.equal(await status('shared/lose'), 500);
  assert.equal(await value('shared/undone'), 13);
  assert.equal((await ask('GET', '/root/shared/peek')).body.toString(), '{"Result":[13]}');
  assert.equal((await ask('GET', '/root/shared/next')).status, 405);
  assert.equal(await sql("SELECT state FROM fox_wamp.service_instance WHERE service = 'shared'"), '{"n": 13}');
});

test('client_driven: callers make, name and free them', async () => {
  await sql('DELETE FROM tally.freed');
  assert.equal((await ask('GET', '/root/client_driven/_instance_')).headers.allow, 'POST');
  const [one, two] = [await value('client_driven/_instance_'), await value('client_driven/_instance_')];
  assert.notEqual(one, two);
  assert.equal(await value(`client_driven/next/${one}`), 1);
  assert.equal(await value(`client_driven.next/${one}`), 2);
  assert.equal(await value(`client_driven/next/${two}`), 1);
  const rpc = await post('client_driven', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ method: 'next', params: { step: 5 }, id: one }) });
  assert.equal(rpc.body.toString(), `{"Result":[7],"id":"${one}"}`);
  assert.equal(JSON.parse((await ask('GET', `/root/client_driven/peek/${one}`)).body).Result[0], 7);
  for (const wrong of ['', '/nonsense', '/0', `/${one}x`, `/${one}/x`]) assert.equal(await status(`client_driven/next${wrong}`), 403, wrong);
  // Another's are none.
  const answer = await post(`client_driven/next/${one}`, as('a'));
  assert.deepEqual([answer.status, JSON.parse(answer.body).ErrorText], [403, 'instance not found or deprecated']);
  const mine = await value('client_driven/_instance_', as('a'));
  assert.equal(await value(`client_driven/next/${mine}`, as('a')), 1);
  assert.deepEqual([await status(`client_driven/next/${mine}`), await status(`client_driven/_free_/${mine}`, as('b'))], [403, 403]);
  assert.equal(await status('client_driven/_free_'), 403);
  assert.equal(await status(`client_driven/_free_/${one}`), 200);
  assert.equal(await status(`client_driven/_free_/${one}`), 403);
  assert.equal(await status(`client_driven/next/${one}`), 403);
  assert.equal(await freed(), '{"n": 7} tally_owner');
});

test('client_driven: a session\'s are named by option or argument, and end with it', async () => {
  await sql('DELETE FROM tally.freed');
  const session = await Raw.join();
  const other = await Raw.join();
  const id = await call(session, 1, 'root.client_driven._instance_');
  assert.equal(await call(session, 2, 'root.client_driven.next', [], { _instance: id, step: 2 }), 2);
  assert.equal(await call(session, 3, 'root.client_driven.next', [1], {}, { _instance: id }), 3);
  assert.equal(await call(session, 4, 'root.client_driven.next', [1]), none);
  assert.equal(await call(session, 5, 'root.client_driven.next', [1], { _instance: 5 }), none);
  assert.equal(await call(other, 1, 'root.client_driven.next', [1], { _instance: id }), none);
  const second = await call(session, 6, 'root.client_driven._instance_');
  assert.equal(await call(session, 7, 'root.client_driven._free_', [], { _instance: second }), undefined);
  assert.equal(await freed(), 'null tally_owner');
  session.ws.close();
  await until(async () => await freed() === 'null tally_owner,{"n": 3} tally_owner');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.service_instance WHERE id = '${id}'`), '0');
});

test('per_session: one for each session, and none without', async () => {
  await sql('DELETE FROM tally.freed');
  const [one, two] = [await Raw.join(), await Raw.join()];
  assert.equal(await call(one, 1, 'root.per_session.next'), 1);
  assert.equal(await call(one, 2, 'root.per_session.next'), 2);
  assert.equal(await call(two, 1, 'root.per_session.next'), 1);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.service_instance WHERE service = 'per_session' AND session IN (${one.id}, ${two.id}) AND id = session::text`), '2');
  assert.deepEqual([await status('per_session/next'), await status('per_session/next', as('a'))], [403, 403]);
  one.send([6, {}, 'wamp.close.normal']);
  await until(async () => await freed() === '{"n": 2} tally_owner');
});

test('a session by HTTP is one like others', async () => {
  await sql('DELETE FROM tally.freed');
  const begin = await post('auth', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user: 'tally_a', password: 'a' }) });
  const { token, session } = JSON.parse(begin.body).Result;
  const by = { headers: { Authorization: `Bearer ${token}` } };
  assert.deepEqual([await value('per_session/next', by), await value('per_session/next', by)], [1, 2]);
  const id = await value('client_driven/_instance_', by);
  assert.equal(await value(`client_driven/next/${id}`, by), 1);
  assert.equal(await status(`client_driven/next/${id}`, as('a')), 403, 'the same user, but not in the session');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.service_instance WHERE session = ${session}`), '2');
  assert.equal((await ask('DELETE', '/root/auth', by)).status, 200);
  await until(async () => await freed() === '{"n": 1} tally_owner,{"n": 2} tally_owner');
});

test('roles that call from SQL have instances of their own', async () => {
  await sql('GRANT fox_wamp_user TO tally_a, tally_b');
  const call = async (role, what) => JSON.parse(await sql(`SET ROLE tally_${role}`, `SELECT fox_wamp.call('root.${what}')`));
  const alone = [await call('a', 'per_user.next'), await call('b', 'per_user.next'), await call('a', 'per_group.next'), await call('b', 'per_group.next')];
  assert.deepEqual(alone.flat(), [1, 1, 1, 1]);
  assert.deepEqual([await call('a', 'per_user.next')].flat(), [2]);
  const id = [await call('a', 'client_driven._instance_')].flat()[0];
  const peek = (role) => sql(`SET ROLE tally_${role}`, `SELECT fox_wamp.call('root.client_driven.next', kwargs => jsonb_build_object('_instance', '${id}'))`);
  assert.match(await peek('a'), /1/);
  assert.match((await refusal(peek('b'))).message, /instance not found/);
  await sql("DELETE FROM fox_wamp.service_instance WHERE owner IN ('tally_a', 'tally_b')", 'REVOKE fox_wamp_user FROM tally_a, tally_b');
});

test('per_user and per_group: one for each who has logged in', async () => {
  for (const service of ['per_user', 'per_group']) {
    assert.equal(await value(`${service}/next`, as('a')), 1);
    assert.equal(await value(`${service}/next`, as('a')), 2);
    assert.equal(await value(`${service}/next`, as('b')), 1);
    assert.equal(await status(`${service}/next`), 403);
    const session = await Raw.join();
    assert.equal(await call(session, 1, `root.${service}.next`), none);
    assert.equal(await sql(`SELECT string_agg(id || ' ' || owner, ',' ORDER BY id) FROM fox_wamp.service_instance WHERE service = '${service}'`), 'tally_a tally_a,tally_b tally_b');
  }
});

test('what nobody calls for long ends, shared ones do not', async () => {
  await withSettings({ 'fox_wamp.instance_timeout': '1s' }, async () => {
    await sql('DELETE FROM tally.freed', "UPDATE fox_wamp.service_instance SET touched = '2000-01-01' WHERE service <> 'shared'");
    const id = await value('client_driven/_instance_', as('a'));
    await until(async () => await sql("SELECT string_agg(service, ',') FROM fox_wamp.service_instance") === 'shared');
    assert.equal(await status(`client_driven/next/${id}`, as('a')), 403);
    assert.match(await freed(), /\{"n": 2\} tally_owner/);
    assert.equal(await value('per_user/next', as('a')), 1);
  });
});

test('what is called while its end waits for it goes on', async () => {
  const id = await value('client_driven/_instance_', as('a'));
  await sql('CREATE TABLE tally.used (it bool)');
  const used = sql(`BEGIN; UPDATE fox_wamp.service_instance SET touched = '2000-01-01' WHERE id = '${id}'; COMMIT;
    BEGIN; UPDATE fox_wamp.service_instance SET touched = now() + interval '1 hour' WHERE id = '${id}';
    DO $$BEGIN WHILE NOT EXISTS (SELECT FROM tally.used) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$; COMMIT`);
  await withSettings({ 'fox_wamp.instance_timeout': '4s' }, async () => {
    await until(async () => await sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fox_wamp call executor' AND wait_event_type = 'Lock'") === '1');
    await sql('INSERT INTO tally.used VALUES (true)');
    await used;
    await until(async () => await sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fox_wamp call executor' AND state = 'active'") === '0');
  });
  assert.equal(await value(`client_driven/next/${id}`, as('a')), 1);
  await sql('DROP TABLE tally.used', `DELETE FROM fox_wamp.service_instance WHERE id = '${id}'`);
});

test('a hook that fails keeps nothing alive, unless it is a client who frees', async () => {
  await sql(quiet, "CREATE OR REPLACE FUNCTION client_driven.on_free(state jsonb) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'stays'; END$$");
  const id = await value('client_driven/_instance_', as('a'));
  assert.equal(await status(`client_driven/_free_/${id}`, as('a')), 500);
  assert.equal(await value(`client_driven/next/${id}`, as('a')), 1);
  const session = await Raw.join();
  const bound = await call(session, 1, 'root.client_driven._instance_');
  session.ws.close();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.service_instance WHERE id = '${bound}'`) === '0');
});

test('a hook runs as its owner, and no further', async () => {
  await sql(quiet, 'CREATE TABLE tally.escaped (who text)', 'GRANT ALL ON tally.escaped TO PUBLIC',
    "CREATE OR REPLACE FUNCTION client_driven.on_free(state jsonb) RETURNS void LANGUAGE plpgsql AS $$BEGIN BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END; BEGIN SET SESSION AUTHORIZATION DEFAULT; EXCEPTION WHEN OTHERS THEN NULL; END; INSERT INTO tally.escaped VALUES (current_user || ' by ' || current_setting('search_path')); END$$",
    // The caller's settings are not the hook's.
    'ALTER ROLE tally_a SET search_path = tally, pg_catalog');
  const id = await value('client_driven/_instance_', as('a'));
  assert.equal(await status(`client_driven/_free_/${id}`, as('a')), 200);
  const session = await Raw.join();
  await call(session, 1, 'root.client_driven._instance_');
  session.ws.close();
  await until(async () => await sql('SELECT count(*) FROM tally.escaped') === '2');
  assert.equal(await sql("SELECT string_agg(DISTINCT who, ',') FROM tally.escaped"), 'tally_owner by client_driven, pg_catalog, pg_temp');
  await sql('ALTER ROLE tally_a RESET search_path');
});

test('a service that ends waits for the call that has an instance, and frees what that leaves', async () => {
  await sql(quiet, 'DELETE FROM tally.freed', 'CREATE TABLE tally.gate (it bool)', 'GRANT SELECT ON tally.gate TO PUBLIC',
    `CREATE FUNCTION per_group.wait() RETURNS int LANGUAGE plpgsql AS $$
      BEGIN WHILE NOT EXISTS (SELECT FROM tally.gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN per_group.next(100); END$$`, 'SELECT fox_wamp.sync()');
  const n = await value('per_group/next', as('a'));
  await value('per_group/next', as('b'));
  const last = value('per_group/wait', { ...as('a'), by: false });
  await until(async () => await sql("SELECT count(*) FROM (SELECT FROM fox_wamp.service_instance WHERE service = 'per_group' AND id = 'tally_a' FOR UPDATE SKIP LOCKED) x") === '0');
  const ended = sql("SELECT fox_wamp.unexpose('per_group')");
  await until(async () => await sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT fox_wamp.unexpose%' AND wait_event_type = 'Lock'") === '1');
  await sql('INSERT INTO tally.gate VALUES (true)');
  assert.deepEqual([await last, await ended], [n + 100, 't']);
  const states = (await freed()).split(',');
  assert.equal(states.length, 2);
  assert.ok(states.includes(`{"n": ${n + 100}} tally_owner`), states.join());
  assert.equal(await status('per_group/next', as('a')), 404);
});

test('who is no method has no instance, and makes none', async () => {
  assert.equal(await sql('SELECT fox_wamp.instance_state() IS NULL'), 't');
  assert.match((await refusal(sql("SELECT fox_wamp.set_instance_state('1')"))).stderr, /no instance that could have a state/);
  assert.match((await refusal(sql('SELECT fox_wamp.new_instance()'))).stderr, /client_driven services only/);
});

test('a restart of the router ends what was of sessions, and nothing else', async () => {
  const session = await Raw.join();
  assert.equal(await call(session, 1, 'root.per_session.next'), 1);
  const before = await value('shared/next');
  const id = await value('client_driven/_instance_', as('a'));
  assert.equal(await value(`client_driven/next/${id}`, as('a')), 1);
  await restart();
  await until(async () => await sql('SELECT count(*) FROM fox_wamp.service_instance WHERE session IS NOT NULL') === '0');
  closeAll();
  assert.equal(await value('shared/next', { by: false }), before + 1);
  assert.equal(await value(`client_driven/next/${id}`, { ...as('a'), by: false }), 2);
});
