'use strict';
// SQL functions as procedures: arguments, results, errors, canceling, and what the role may not get at.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, join, sql, Raw, refusal, until, autobahn } = require('./lib');

const schema = `f${process.pid}`;
const root = `r${process.pid}`;
let session;

/** Makes a function in the tests' schema and exposes it; returns its URI. */
async function make(signature, definition, options = '') {
  const name = /^(\w+)/.exec(signature)[1];
  const types = await sql(`CREATE FUNCTION ${schema}.${signature} ${definition}`,
    `SELECT fox_wamp.expose_function(oid, root => '${root}'${options}) FROM pg_proc
      WHERE pronamespace = '${schema}'::regnamespace AND proname = '${name}'`, 'SELECT fox_wamp.sync()');
  assert.match(types, new RegExp(`^${root}\\.${name}`));
  return `${root}.${name}`;
}
const plpgsql = (body) => `LANGUAGE plpgsql AS $fn$ BEGIN ${body} END $fn$`;
const call = (name, args = [], kwargs = {}, options = {}) => session.call(`${root}.${name}`, args, kwargs, options);
const failure = async (...args) => { const e = await refusal(call(...args)); return { uri: e.error, args: e.args, ...e.kwargs }; };

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`, `SELECT fox_wamp.expose_root('${root}')`);
  session = await join();
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`, `DELETE FROM fox_wamp.root WHERE name = '${root}'`);
  stop();
});

// --- arguments

test('arguments by position and by name, defaults, null', async () => {
  await make('isum(a int, b int DEFAULT 10) RETURNS int', "LANGUAGE sql IMMUTABLE AS 'SELECT a + b'");
  assert.equal(await call('isum', [1, 2]), 3);
  assert.equal(await call('isum', [1]), 11);
  assert.equal(await call('isum', [], { b: 2, a: 1 }), 3);
  assert.equal(await call('isum', [1], { b: 5 }), 6);
  assert.equal(await call('isum', [], { A: 1, B: '7' }), 8);
  assert.equal(await call('isum', [null]), null);
});

test('what is wrong with arguments has the name of the parameter', async () => {
  await make('need(a int, b int) RETURNS int', "LANGUAGE sql AS 'SELECT a + b'");
  const wrong = async (args, kwargs) => { const e = await failure('need', args, kwargs); assert.equal(e.uri, 'wamp.error.invalid_argument'); return e; };
  let e = await wrong([1]);
  assert.deepEqual([e.message, e.parameter, e.args], ['Missing Parameter', 'b', ['Missing Parameter']]);
  e = await wrong(['abc', 1]);
  assert.deepEqual([e.sqlstate, e.parameter], ['22P02', 'a']);
  e = await wrong([1, 99999999999]);
  assert.deepEqual([e.sqlstate, e.parameter], ['22003', 'b']);
  assert.match((await wrong([1, 2, 3])).message, /too many arguments/);
  e = await wrong([], { a: 1, b: 2, c: 3 });
  assert.deepEqual([e.message, e.parameter], ['unknown parameter "c"', 'c']);
  assert.match((await wrong([1], { a: 1, b: 2 })).message, /given twice/);
  e = await wrong(['a\u0000b', 1]);
  assert.deepEqual([e.sqlstate, e.parameter], ['22021', 'a']);
  assert.equal((await failure('need', [2147483647, 1])).uri, 'pg.error.22003', 'an overflow while it runs is another thing');
});

test('composite, array, variadic, json, domain, enum and binary arguments', async () => {
  await sql(`CREATE TYPE ${schema}.obj AS (x float8, y float8, tags text[])`, `CREATE DOMAIN ${schema}.positive AS int CHECK (VALUE > 0)`,
    `CREATE TYPE ${schema}.mood AS ENUM ('sad', 'ok')`);
  await make(`norm(a ${schema}.obj, b ${schema}.obj) RETURNS text`, "LANGUAGE sql AS $$SELECT a.x + b.y || array_to_string(a.tags, '|', 'null')$$");
  assert.equal(await call('norm', [{ x: 1, y: 2, tags: ['p"q', 'r\\s', null, 'a,b'] }, { Y: 4 }]), '5p"q|r\\s|null|a,b');
  assert.equal(await call('norm', ['(1,2,"{t}")', { y: 1 }]), '2t');
  assert.equal((await failure('norm', [{ x: 'bad' }, {}])).parameter, 'a');
  await make(`objs(a ${schema}.obj[]) RETURNS float8`, 'LANGUAGE sql AS $$SELECT sum(x) FROM unnest(a)$$');
  assert.equal(await call('objs', [[{ x: 1, y: null }, { x: 2 }]]), 3);
  await make('matrix(m int[]) RETURNS int', "LANGUAGE sql AS 'SELECT m[2][1]'");
  assert.equal(await call('matrix', [[[1, 2], [3, 4]]]), 3);
  assert.equal(await call('matrix', ['{{1,2},{5,4}}']), 5);
  await make('plus_one(VARIADIC v int[]) RETURNS int[]', 'LANGUAGE sql AS $$SELECT array_agg(n + 1) FROM unnest(v) n$$');
  assert.deepEqual(await call('plus_one', [1, 2]), [2, 3]);
  assert.deepEqual(await call('plus_one', [[1, 2]]), [2, 3]);
  assert.deepEqual(await call('plus_one', [7]), [8]);
  assert.deepEqual(await call('plus_one', [], { v: [4] }), [5]);
  assert.equal(await call('plus_one', []), null);
  await make('same(v jsonb) RETURNS jsonb', "LANGUAGE sql AS 'SELECT v'");
  for (const v of [{ x: [1, 2, { y: null }] }, [1], 'text', 3.5, true]) assert.deepEqual(await call('same', [v]), v);
  await make(`small(p ${schema}.positive) RETURNS int`, "LANGUAGE sql AS 'SELECT p::int'");
  assert.equal(await call('small', [3]), 3);
  assert.deepEqual((({ uri, sqlstate, parameter }) => ({ uri, sqlstate, parameter }))(await failure('small', [-3])),
    { uri: 'wamp.error.invalid_argument', sqlstate: '23514', parameter: 'p' });
  await make(`feel(m ${schema}.mood) RETURNS ${schema}.mood`, "LANGUAGE sql AS 'SELECT m'");
  assert.equal(await call('feel', ['ok']), 'ok');
  assert.equal((await failure('feel', ['angry'])).sqlstate, '22P02');
});

test('binary goes in and out, in every serializer', async () => {
  await make('twice(b bytea) RETURNS bytea', "LANGUAGE sql AS 'SELECT b || b'");
  for (const serializer of ['JSONSerializer', 'MsgpackSerializer', 'CBORSerializer']) {
    const other = await join({ serializers: [new autobahn.serializer[serializer]()] });
    const sent = serializer === 'JSONSerializer' ? `\u0000${Buffer.from([0, 255, 16]).toString('base64')}` : new Uint8Array([0, 255, 16]);
    const got = await other.call(`${root}.twice`, [sent]);
    const bytes = typeof got === 'string' ? Buffer.from(got.slice(1), 'base64') : Buffer.from(got);
    assert.deepEqual([...bytes], [0, 255, 16, 0, 255, 16], serializer);
  }
  assert.equal(await call('twice', ['\\x0a']), `\u0000${Buffer.from([10, 10]).toString('base64')}`);
});

test('a default may be any expression, and another overload is never meant', async () => {
  await sql(`CREATE FUNCTION ${schema}.over(a text) RETURNS text LANGUAGE sql AS $$SELECT 'wrong'$$`);
  const uri = await sql(`CREATE FUNCTION ${schema}.over(a text, b text DEFAULT upper('x') || current_user) RETURNS text LANGUAGE sql AS 'SELECT a || b'`,
    `SELECT fox_wamp.expose_function('${schema}.over(text,text)', root => '${root}')`, 'SELECT fox_wamp.sync()');
  assert.match(uri, /over/);
  assert.equal(await call('over', ['a']), 'aXfox_wamp_anonymous');
  await make('quoted("from" text DEFAULT $q$it\'s$q$, "Order By" int DEFAULT -1) RETURNS text', "LANGUAGE sql AS 'SELECT \"from\" || \"Order By\"'");
  assert.equal(await call('quoted'), "it's-1");
  assert.equal(await call('quoted', [], { 'Order By': 2, from: 'x' }), 'x2');
});

// --- results

test('results: scalars, exact numbers, arrays, records, void, null', async () => {
  const raw = await Raw.join();
  const text = async (name, args = []) => {
    const answer = new Promise((resolve) => { raw.ws.once('message', (data) => resolve(data.toString())); });
    raw.send([48, raw.request = (raw.request ?? 0) + 1, {}, `${root}.${name}`, args]);
    raw.queue.length = 0;
    return (await answer).replace(/^\[50,\d+,\{\},?/, '').replace(/\]$/, '');
  };
  const one = async (name, result, body, expected, args) => {
    await make(`${name} RETURNS ${result}`, `LANGUAGE sql AS $$SELECT ${body}$$`);
    assert.equal(await text(/^\w+/.exec(name)[0], args), expected, name);
  };
  await one('big()', 'int8', '9007199254740993', '[9007199254740993]');
  await one('num()', 'numeric', '0.10000000000000000000000001', '[0.10000000000000000000000001]');
  await one('nan()', 'float8', "'NaN'::float8", '["NaN"]');
  await one('inf()', 'numeric', "'-Infinity'::numeric", '["-Infinity"]');
  await one('yes()', 'bool', 'true', '[true]');
  await one('str()', 'text', "'a\"b\\c' || chr(10) || 'ü'", '["a\\"b\\\\c\\nü"]');
  await one('two()', 'text[]', "ARRAY['One','two']", '[["One","two"]]');
  await one('nul()', 'int', 'NULL::int', '[null]');
  await one('js()', 'json', `'{"a": [1,  2]}'::json`, '[{"a": [1,  2]}]');
  await one('at()', 'timestamptz', "'2024-02-29 12:00+00'::timestamptz AT TIME ZONE 'UTC' AT TIME ZONE 'UTC'", `["${new Date(Date.UTC(2024, 1, 29, 12)).toISOString().slice(0, 19)}+00:00"]`);
  await one('divmod(a int, b int, OUT q int, OUT r int)', 'record', 'a/b, a%b', '[],{"q":3,"r":2}', [17, 5]);
  await one('swap(INOUT x int, INOUT y int)', 'record', 'y, x', '[],{"x":2,"y":1}', [1, 2]);
  await one('inc(INOUT x int)', 'int', 'x + 1', '[2]', [1]);
  await one('series(n int)', 'SETOF int', 'g FROM generate_series(1, n) g', '[[1,2,3]]', [3]);
  assert.equal(await text('series', [0]), '[[]]');
  await one('rows(n int)', 'TABLE(i int, sq int)', 'g, g*g FROM generate_series(1, n) g', '[[{"i":1,"sq":1},{"i":2,"sq":4}]]', [2]);
  await make('nothing() RETURNS void', "LANGUAGE sql AS 'SELECT'");
  assert.equal(await text('nothing'), '[]');
});

test('a set comes row by row to who wants progressive results', async () => {
  await make('drip(n int) RETURNS SETOF int', 'LANGUAGE sql VOLATILE AS $$SELECT g FROM generate_series(1, n) g$$');
  const seen = [];
  const last = await new Promise((resolve, reject) => {
    session.call(`${root}.drip`, [4], {}, { receive_progress: true }).then(resolve, reject, (value) => seen.push(value));
  });
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(last, null);
});

test('progressive rows are there before the function has ended', async () => {
  await make('slow_rows() RETURNS SETOF int', "LANGUAGE sql VOLATILE AS $$SELECT g FROM generate_series(1, 2) g, LATERAL pg_sleep(CASE WHEN g = 2 THEN 600 ELSE 0 END)$$");
  const raw = await Raw.join();
  raw.send([48, 1, { receive_progress: true }, `${root}.slow_rows`]);
  assert.deepEqual(await raw.next(), [50, 1, { progress: true }, [1]]);
  raw.send([49, 1, { mode: 'kill' }]);
  assert.deepEqual((await raw.next()).slice(0, 5), [8, 48, 1, {}, 'wamp.error.canceled']);
});

test('a result beyond max_message_size is an error, and the executor lives on', async () => {
  await make('long(n int) RETURNS SETOF text', "LANGUAGE sql AS $$SELECT repeat('x', 1000000) FROM generate_series(1, n)$$");
  assert.equal((await failure('long', [17])).uri, 'pg.error.54000');
  assert.equal((await call('long', [2])).length, 2);
});

// --- errors

test('errors have the URI that their SQLSTATE stands for', async () => {
  await make('boom() RETURNS int', plpgsql("RAISE EXCEPTION 'kaboom' USING HINT = 'do not', DETAIL = 'secret';"));
  assert.deepEqual(await failure('boom'), { uri: 'pg.error.P0001', args: ['kaboom'], sqlstate: 'P0001', message: 'kaboom', hint: 'do not' });
  await make('pay() RETURNS int', plpgsql("RAISE SQLSTATE 'PT402' USING MESSAGE = 'Payment Required';"));
  assert.equal((await failure('pay')).uri, 'wamp.error.runtime_error');
  await make('own() RETURNS void', plpgsql("PERFORM fox_wamp.error('no stock', 409, 'com.shop.no_stock');"));
  assert.deepEqual((({ uri, args }) => [uri, args])(await failure('own')), ['com.shop.no_stock', ['no stock']]);
  await make('div(a int) RETURNS int', "LANGUAGE sql AS 'SELECT 1 / a'");
  assert.equal((await failure('div', [0])).uri, 'pg.error.22012');
  await make('denied() RETURNS int', "LANGUAGE sql AS 'SELECT count(*)::int FROM pg_authid'");
  assert.equal((await failure('denied')).uri, 'wamp.error.not_authorized');
  await make('cond() RETURNS void', plpgsql("RAISE SQLSTATE 'WF001';"));
  assert.equal((await failure('cond')).uri, 'wamp.error.invalid_payload');
  assert.equal(await call('div', [1]), 1);
});

test('a call passes by those of a slow function that came before it', async () => {
  const slow = await make('sleeper(s float8) RETURNS text', "LANGUAGE sql AS $$SELECT 'slept'::text FROM pg_sleep(s)$$");
  const other = await make('passer() RETURNS int', 'LANGUAGE sql AS $$SELECT 1$$');
  for (const turn of ['not known', 'known']) {
    let ended = 0;
    const naps = Array.from({ length: 8 }, () => session.call(slow, [0.3]).then(() => { ended++; }));
    assert.equal(await session.call(other), 1);
    assert.ok(ended <= 2, `the slow function is ${turn}; ${ended} of its calls have ended`);
    await Promise.all(naps);
  }
});

test('a deferred constraint that fails at the end is the call\'s error, and nothing is written', async () => {
  await sql(`CREATE TABLE ${schema}.once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`, `GRANT ALL ON ${schema}.once TO PUBLIC`);
  await make('insert_twice() RETURNS int', `LANGUAGE sql AS 'INSERT INTO ${schema}.once VALUES (1), (1) RETURNING id'`);
  assert.equal((await failure('insert_twice')).uri, 'pg.error.23505');
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.once`), '0');
});

test('EXECUTE and USAGE of the caller\'s role are asked at each call', async () => {
  await make('guarded() RETURNS int', "LANGUAGE sql IMMUTABLE AS 'SELECT 1'");
  assert.equal(await call('guarded'), 1);
  await sql(`REVOKE EXECUTE ON FUNCTION ${schema}.guarded() FROM PUBLIC`);
  assert.equal((await failure('guarded')).uri, 'wamp.error.not_authorized');
  await sql(`GRANT EXECUTE ON FUNCTION ${schema}.guarded() TO fox_wamp_anonymous`);
  assert.equal(await call('guarded'), 1);
  await sql(`REVOKE USAGE ON SCHEMA ${schema} FROM PUBLIC`);
  assert.equal((await failure('guarded')).uri, 'wamp.error.not_authorized');
  await sql(`GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`);
  assert.equal(await call('guarded'), 1);
});

test('an inlined function is not run for a role that may not execute it', async () => {
  await sql(`CREATE FUNCTION ${schema}.inner() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'classified'$$`,
    `REVOKE EXECUTE ON FUNCTION ${schema}.inner() FROM PUBLIC`);
  await make('outer_one() RETURNS text', `LANGUAGE sql IMMUTABLE AS $$SELECT ${schema}.inner()$$`);
  assert.equal(await sql(`SELECT fox_wamp.call('${root}.outer_one')`), '"classified"', 'a superuser may');
  assert.equal((await failure('outer_one')).uri, 'wamp.error.not_authorized');
  assert.equal((await failure('outer_one')).uri, 'wamp.error.not_authorized');
});

// --- following the catalog

test('CREATE OR REPLACE, RENAME, SET SCHEMA and DROP are followed', async () => {
  await make('follow(a int) RETURNS int', "LANGUAGE sql AS 'SELECT a'");
  assert.equal(await call('follow', [1]), 1);
  await sql(`CREATE OR REPLACE FUNCTION ${schema}.follow(a int DEFAULT 5) RETURNS int LANGUAGE sql AS 'SELECT a * 100'`);
  assert.equal(await call('follow', [1]), 100);
  assert.equal(await call('follow'), 500);
  await sql(`ALTER FUNCTION ${schema}.follow(int) RENAME TO followed`);
  assert.equal(await sql(`SELECT function FROM fox_wamp.exposed WHERE procedure = '${root}.follow'`), `${schema}.followed(integer)`);
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await call('follow', [1]), 100, 'under the name that it is exposed by');
  await sql(`CREATE SCHEMA ${schema}_other`, `GRANT USAGE ON SCHEMA ${schema}_other TO PUBLIC`, `ALTER FUNCTION ${schema}.followed(int) SET SCHEMA ${schema}_other`,
    `ALTER SCHEMA ${schema}_other RENAME TO ${schema}_third`, 'SELECT fox_wamp.sync()');
  assert.equal(await call('follow', [1]), 100);
  await sql('BEGIN', `DROP SCHEMA ${schema}_third CASCADE`, 'ROLLBACK', 'SELECT fox_wamp.sync()');
  assert.equal(await call('follow', [1]), 100);
  await sql(`DROP SCHEMA ${schema}_third CASCADE`, 'SELECT fox_wamp.sync()');
  assert.equal((await failure('follow')).uri, 'wamp.error.no_such_procedure');
});

test('exposed functions outlive the router; unexpose() ends it; no client takes the name', async () => {
  await make('stays() RETURNS int', "LANGUAGE sql AS 'SELECT 1'");
  await restart();
  session = await join();
  assert.equal(await call('stays'), 1);
  for (const options of [{}, { force_reregister: true }, { invoke: 'roundrobin' }]) {
    assert.equal((await refusal(session.register(`${root}.stays`, () => 2, options))).error, 'wamp.error.procedure_already_exists');
  }
  assert.equal(await sql(`SELECT fox_wamp.unexpose('stays', '${root}')`), 't');
  assert.equal(await sql(`SELECT fox_wamp.unexpose('stays', '${root}')`, 'SELECT fox_wamp.sync()'), 'f\nt');
  assert.equal((await failure('stays')).uri, 'wamp.error.no_such_procedure');
  const registration = await session.register(`${root}.stays`, () => 2);
  assert.equal(await call('stays'), 2);
  await sql(`SELECT fox_wamp.expose_function('${schema}.stays()', root => '${root}')`, 'SELECT fox_wamp.sync()');
  assert.equal(await call('stays'), 1, 'the database goes before clients');
  assert.ok(registration);
});

// --- the caller

test('who calls is known, and no setting forges it', async () => {
  await make('me() RETURNS jsonb', `LANGUAGE sql AS $$SELECT jsonb_build_array(fox_wamp.session_id(), fox_wamp.caller_authid(),
    fox_wamp.caller_authrole(), fox_wamp.called_procedure(), fox_wamp.called_realm(), current_user, session_user)$$`);
  const me = await call('me');
  assert.deepEqual(me.slice(2), ['anonymous', `${root}.me`, 'realm1', 'fox_wamp_anonymous', 'fox_wamp_anonymous']);
  assert.equal(me[0], session.id);
  assert.equal(typeof me[1], 'string');
  assert.equal(await sql('SELECT fox_wamp.session_id() IS NULL AND fox_wamp.caller_authid() IS NULL'), 't');
  const fromSql = JSON.parse(await sql(`SELECT fox_wamp.call('${root}.me')`));
  assert.deepEqual(fromSql.slice(5), ['postgres', 'postgres']);
});

test('a call from SQL, and a cast, runs as the role of the statement', async () => {
  const role = `role_${process.pid}`;
  await sql(`CREATE ROLE ${role}`, `GRANT fox_wamp_user TO ${role}`, `CREATE TABLE ${schema}.who (name text)`, `GRANT ALL ON ${schema}.who TO PUBLIC`);
  await make('note() RETURNS text', `LANGUAGE sql AS $$INSERT INTO ${schema}.who VALUES (current_user) RETURNING name$$`);
  try {
    assert.equal(await sql(`SET ROLE ${role}`, `SELECT fox_wamp.call('${root}.note')`), `"${role}"`);
    await sql(`SET ROLE ${role}`, `SELECT fox_wamp.cast('${root}.note', options => '{"role":"postgres"}')`);
    await until(async () => (await sql(`SELECT string_agg(name, ',') FROM ${schema}.who`)) === `${role},${role}`);
  } finally {
    await sql(`DROP TABLE ${schema}.who`, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  }
});

// --- canceling, timeouts, many at once

for (const mode of ['kill', 'killnowait', 'skip']) {
  test(`cancel with mode ${mode}`, async () => {
    const name = `sleep_${mode}`;
    await make(`${name}() RETURNS text`, "LANGUAGE sql VOLATILE AS $$SELECT 'over' FROM pg_sleep(600)$$");
    const raw = await Raw.join();
    raw.send([48, 1, {}, `${root}.${name}`]);
    const running = async () => (await sql(`SELECT count(*) FROM pg_stat_activity WHERE query = '${root}.${name}' AND state = 'active'`)) === '1';
    await until(running);
    raw.send([49, 1, { mode }]);
    assert.deepEqual((await raw.next()).slice(0, 5), [8, 48, 1, {}, 'wamp.error.canceled']);
    if (mode === 'skip') {
      assert.ok(await running());
      await sql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = '${root}.${name}'`);
    }
    await until(async () => !(await running()));
  });
}

test('a late cancel hits no other call', async () => {
  await make('quick() RETURNS int', plpgsql('RETURN 1;'));
  const raw = await Raw.join();
  let results = 0;
  for (let i = 1; i <= 2000; i++) {
    raw.send([48, 2 * i - 1, {}, `${root}.quick`]);
    raw.send([49, 2 * i - 1, { mode: 'killnowait' }]);
    raw.send([48, 2 * i, {}, `${root}.quick`]);
  }
  for (let i = 0; i < 4000; i++) {
    const answer = await raw.next();
    if (answer[0] === 50) results++;
    else assert.equal(answer[2] % 2, 1, `a call that nobody has canceled: ${JSON.stringify(answer)}`);
  }
  assert.ok(results >= 2000);
});

test('a cancel that comes while the result is on the way breaks no message', async () => {
  await sql(`CREATE TABLE ${schema}.go (a int)`, `GRANT SELECT ON ${schema}.go TO PUBLIC`);
  const uri = await make('wide() RETURNS text', plpgsql(`WHILE NOT EXISTS (SELECT FROM ${schema}.go) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN repeat('x', 8000000);`));
  const raw = await Raw.join();
  const executor = `FROM pg_stat_activity WHERE query = '${uri}' AND state = 'active'`;
  const is = (condition) => until(async () => await sql(`SELECT count(*) ${executor} ${condition}`) === '1');
  const router = Number(await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = current_database()"));
  raw.send([48, 1, {}, uri]);
  await is('');
  process.kill(router, 'SIGSTOP'); // it takes nothing out of the queue, which is too short for all of the result
  try {
    await sql(`INSERT INTO ${schema}.go VALUES (1)`);
    await is("AND wait_event = 'MessageQueueSend'");
    await sql(`SELECT pg_cancel_backend(pid) ${executor}`);
    await is("AND wait_event = 'MessageQueueSend'");
  } finally {
    process.kill(router, 'SIGCONT');
  }
  const answer = await raw.next();
  assert.deepEqual([answer[0], answer[1], answer[3][0].length], [50, 1, 8000000]);
  assert.equal((await raw.ask([48, 2, {}, uri]))[0], 50);
});

test('a timeout of the call, of the exposed function and of the role stops the statement', async () => {
  const uri = await make('long_sleep() RETURNS text', "LANGUAGE sql VOLATILE AS $$SELECT '' FROM pg_sleep(600)$$");
  const idle = async () => (await sql(`SELECT count(*) FROM pg_stat_activity WHERE query = '${uri}' AND state = 'active'`)) === '0';
  assert.equal((await failure('long_sleep', [], {}, { timeout: 300 })).uri, 'wamp.error.timeout');
  await until(idle);
  await sql(`UPDATE fox_wamp.exposed_function SET timeout = '200ms' WHERE root = '${root}' AND name = 'long_sleep'`, 'SELECT fox_wamp.sync()');
  assert.equal((await failure('long_sleep')).uri, 'wamp.error.timeout');
  await sql(`UPDATE fox_wamp.exposed_function SET timeout = NULL WHERE root = '${root}' AND name = 'long_sleep'`, 'SELECT fox_wamp.sync()');
  await make('shown() RETURNS text', "LANGUAGE sql STABLE AS $$SELECT current_setting('statement_timeout')$$");
  await sql("ALTER ROLE fox_wamp_anonymous SET statement_timeout = '250ms'");
  try {
    // Executors hear of it within a second; until then only the call's own timeout ends it.
    let last;
    await until(async () => (last = await failure('long_sleep', [], {}, { timeout: 1000 })).sqlstate === '57014');
    assert.equal(last.uri, 'wamp.error.timeout');
    assert.equal(await sql(`SELECT fox_wamp.call('${root}.shown')`), '"0"', 'it is no setting of another role');
  } finally {
    await sql('ALTER ROLE fox_wamp_anonymous RESET statement_timeout');
  }
  // Each of two occupies an executor: both have heard of it.
  await make('rest() RETURNS int', "LANGUAGE sql VOLATILE AS $$SELECT 1 FROM pg_sleep(0.5)$$");
  await until(() => Promise.all([call('rest'), call('rest')]).then(() => true, () => false));
});

test('sleepers stop nobody else; what waits behind them is answered', async () => {
  await make('nap() RETURNS int', "LANGUAGE sql VOLATILE AS $$SELECT 1 FROM pg_sleep(600)$$");
  await make('fast(n int) RETURNS int', "LANGUAGE sql AS 'SELECT n'");
  const raw = await Raw.join();
  raw.send([48, 1, {}, `${root}.nap`]);
  assert.deepEqual(await Promise.all([...Array(500).keys()].map((n) => call('fast', [n]))), [...Array(500).keys()]);
  raw.send([48, 2, {}, `${root}.nap`]);
  const waiting = Promise.all([...Array(50).keys()].map((n) => call('fast', [n])));
  assert.equal(await session.call('wamp.session.get', [session.id]).then((s) => s.session), session.id, 'the router answers');
  raw.send([49, 1, { mode: 'kill' }]);
  assert.equal((await waiting).length, 50);
  raw.ws.terminate();
  await until(async () => (await sql(`SELECT count(*) FROM pg_stat_activity WHERE query = '${root}.nap' AND state = 'active'`)) === '0');
});

test('concurrency', async () => {
  await sql(`CREATE TABLE ${schema}.running (n int)`, `INSERT INTO ${schema}.running VALUES (0)`, `GRANT ALL ON ${schema}.running TO PUBLIC`);
  await make('alone() RETURNS int', `LANGUAGE plpgsql AS $$
    DECLARE others int; BEGIN SELECT count(*) INTO others FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711;
    PERFORM pg_advisory_xact_lock_shared(4711); PERFORM pg_sleep(0.05); RETURN others; END $$`, ', concurrency => 1');
  assert.deepEqual(await Promise.all([...Array(6)].map(() => call('alone'))), [0, 0, 0, 0, 0, 0]);
});

test('a function may call another one; a chain that nobody could serve fails at once', async () => {
  await make('leaf(n int) RETURNS int', "LANGUAGE sql AS 'SELECT n + 1'");
  await make('node(n int) RETURNS jsonb', `LANGUAGE sql AS $$SELECT fox_wamp.call('${root}.leaf', to_jsonb(n))$$`);
  await make('deep(n int) RETURNS jsonb', `LANGUAGE sql AS $$SELECT fox_wamp.call('${root}.deep', to_jsonb(n + 1))$$`);
  assert.equal((await failure('node', [1])).uri, 'wamp.error.not_authorized', 'anonymous may not call()');
  await sql('GRANT EXECUTE ON FUNCTION fox_wamp.call(text, jsonb, jsonb, jsonb, text) TO fox_wamp_anonymous');
  try {
    assert.equal(await call('node', [1]), 2);
    const e = await failure('deep', [1]);
    assert.match(e.uri, /pg\.error\.WF00[68]/);
    assert.match(e.message, /every executor waits for another function/);
    assert.equal(await call('leaf', [1]), 2);
  } finally {
    await sql('REVOKE EXECUTE ON FUNCTION fox_wamp.call(text, jsonb, jsonb, jsonb, text) FROM fox_wamp_anonymous');
  }
});


test('defaults are evaluated for each call, whatever the search path, and by the caller', async () => {
  await sql(`CREATE FUNCTION ${schema}.helper() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT current_user::text$$`,
    `CREATE FUNCTION ${schema}.lazy(a text DEFAULT ${schema}.helper(), b timestamptz DEFAULT clock_timestamp(), c int[] DEFAULT '{1,2}', d numeric DEFAULT 1 / 0.0)
       RETURNS text LANGUAGE sql AS 'SELECT a || c[2] || coalesce(d, 0)'`,
    `SELECT fox_wamp.expose_function('${schema}.lazy', root => '${root}')`.replace('lazy\'', 'lazy(text,timestamptz,int[],numeric)\''), 'SELECT fox_wamp.sync()');
  assert.equal(await call('lazy', [], { d: null }), 'fox_wamp_anonymous20');
  assert.equal((await failure('lazy')).uri, 'pg.error.22012', 'the author\'s fault');
});
