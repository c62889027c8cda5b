'use strict';
// Calls of one instance go one at a time, in their order, and keep nobody else waiting.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, Raw, until, withSettings } = require('./lib');
const { ask, closeAll } = require('./http');

const quiet = 'SET client_min_messages = error';
const calls = () => sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'function_calls_open'").then(Number);

before(async () => {
  start();
  // Two schemas with the same functions: each has a lifetime of its own.
  for (const s of ['desk', 'counter']) {
    await sql(quiet, `CREATE SCHEMA ${s}`, `GRANT USAGE ON SCHEMA ${s} TO PUBLIC`, `CREATE TABLE ${s}.gate (name text)`, `GRANT SELECT ON ${s}.gate TO PUBLIC`,
      `CREATE FUNCTION ${s}.note(word text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE said text := coalesce(fox_wamp.instance_state() #>> '{}', '') || word;
        BEGIN PERFORM fox_wamp.set_instance_state(to_jsonb(said)); RETURN said; END$$`,
      // It returns when somebody has opened the gate, which is committed meanwhile.
      `CREATE FUNCTION ${s}.wait(gate text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
          WHILE NOT EXISTS (SELECT FROM ${s}.gate g WHERE g.name = wait.gate) LOOP PERFORM pg_sleep(0.01); END LOOP;
          RETURN ${s}.note(gate);
        END$$`,
      `CREATE FUNCTION ${s}.fast() RETURNS int LANGUAGE sql AS 'SELECT 1'`);
  }
  // Whatever goes wrong with the call that a function makes is what it returns.
  const asks = (name, of) => `CREATE FUNCTION ${name}() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN fox_wamp.call('root.${of}', '[]'); EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END$$`;
  await sql(quiet, asks('counter.again', 'counter.fast'), asks('counter.around', 'queue_between'), asks('public.queue_between', 'counter.fast'), "SELECT fox_wamp.expose_function('queue_between()')",
    // A shared one, and another.
    'CREATE SCHEMA board', 'CREATE SCHEMA hall', 'GRANT USAGE ON SCHEMA board, hall TO PUBLIC', 'CREATE TABLE board.gate (name text)', 'GRANT SELECT ON board.gate TO PUBLIC',
    ...['board.note', 'board.wait', 'board.fast', 'hall.note'].map((name) => `DO $x$ BEGIN EXECUTE replace(pg_get_functiondef('desk.${name.split('.')[1]}'::regproc), 'desk.', '${name.split('.')[0]}.'); END $x$`),
    `CREATE FUNCTION board.hold(gate text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM fox_wamp.instance_state(); RETURN board.wait(gate); END$$`,
    `CREATE FUNCTION board.stand(gate text) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN WHILE NOT EXISTS (SELECT FROM board.gate g WHERE g.name = stand.gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN gate; END$$`,
    `CREATE FUNCTION board.late() RETURNS text LANGUAGE sql AS $$SELECT board.note('')$$`,
    `CREATE FUNCTION board.ask_late() RETURNS text LANGUAGE plpgsql AS $$
      BEGIN PERFORM fox_wamp.instance_state(); RETURN fox_wamp.call('root.board.late', '[]'); EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END$$`,
    `CREATE FUNCTION board.deep(n int) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN RETURN CASE WHEN n = 0 THEN '0' ELSE fox_wamp.call('root.board.deep', to_jsonb(n - 1)) #>> '{}' END; END$$`,
    'CREATE FUNCTION queue_free() RETURNS int LANGUAGE sql AS $$SELECT 5$$', "SELECT fox_wamp.expose_function('queue_free()'), fox_wamp.expose_service('board'), fox_wamp.expose_service('hall')",
    "CREATE ROLE queue_a LOGIN PASSWORD 'a'", 'GRANT fox_wamp_connect TO queue_a',
    "SELECT fox_wamp.expose_service('desk', lifetime => 'client_driven'), fox_wamp.expose_service('counter', lifetime => 'per_group')", 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql(quiet, 'DROP SCHEMA desk, counter, board, hall CASCADE', 'DROP FUNCTION queue_between(), queue_free()', 'DROP ROLE queue_a');
  stop();
});

const instance = async (session, request = 1000) => (await session.ask([48, request, {}, 'root.desk._instance_']))[3][0];
const send = (session, request, method, args, id, options = {}) => session.send([48, request, { _instance: id, ...options }, `root.desk.${method}`, args]);
const open = (...gates) => sql(`INSERT INTO desk.gate SELECT unnest('{${gates}}'::text[])`);
const by = { headers: { Authorization: `Basic ${Buffer.from('queue_a:a').toString('base64')}`, 'Content-Type': 'application/json' } };
const post = (method, args) => ask('POST', `/root/counter/${method}`, { ...by, by: false, body: JSON.stringify(args) }).then((a) => JSON.parse(a.body).Result?.[0] ?? a.status);
const brief = (m) => (m[0] === 50 ? [m[1], m[3]?.[0]] : [m[2], m[4], m[5]?.[0]]);
const running = () => sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fox_wamp call executor' AND state = 'active'").then(Number);

test('many slow calls of an instance occupy one executor, and are answered in their order', async () => {
  const session = await Raw.join();
  const other = await Raw.join();
  const [one, two] = [await instance(session), await instance(other)];
  for (let i = 1; i <= 8; i++) send(session, i, i % 2 ? 'wait' : 'note', [`a${i}`], one);
  send(other, 1, 'note', ['b'], two);
  assert.deepEqual(brief(await other.next()), [1, 'b']);
  for (let i = 0; i < 20; i++) assert.equal((await ask('POST', '/root/desk/note', {})).status, 403, 'of no instance');
  assert.deepEqual(await other.ask([48, 2, {}, 'root.desk._contract_']).then((m) => m[0]), 50);
  assert.equal(await running(), 1);
  assert.equal(session.queue.length, 0);
  await open('a7', 'a5', 'a3');
  assert.equal(session.queue.length, 0, 'the first is not done');
  await open('a1');
  let said = '';
  for (let i = 1; i <= 8; i++) assert.deepEqual(brief(await session.next()), [i, said += `a${i}`]);
});

test('a call that is canceled, or whose time is over, leaves the others in their order', async () => {
  const session = await Raw.join();
  const id = await instance(session);
  send(session, 1, 'wait', ['c1'], id);
  send(session, 2, 'note', ['c2'], id);
  send(session, 3, 'note', ['c3'], id, { timeout: 50 });
  send(session, 4, 'note', ['c4'], id);
  session.send([49, 2, {}]);
  assert.deepEqual(brief(await session.next()).slice(0, 2), [2, 'wamp.error.canceled']);
  assert.deepEqual(brief(await session.next()).slice(0, 2), [3, 'wamp.error.timeout']);
  session.send([49, 1, { mode: 'kill' }]);
  assert.deepEqual(brief(await session.next()).slice(0, 2), [1, 'wamp.error.canceled']);
  assert.deepEqual(brief(await session.next()), [4, 'c4']);
});

test('requests of one group wait for each other, whatever connection they come by', async () => {
  const first = post('wait', ['d1']);
  await until(async () => await running() === 1);
  const last = post('note', ['d2']);
  await until(async () => await calls() === 2);
  assert.equal((await ask('GET', '/root/counter/fast')).status, 403);
  assert.equal(await running(), 1);
  await sql("INSERT INTO counter.gate VALUES ('d1')");
  assert.deepEqual([await first, await last], ['d1', 'd1d2']);
});

test('an instance that is freed while calls wait is none for them', async () => {
  const session = await Raw.join();
  const id = await instance(session);
  send(session, 1, 'wait', ['e1'], id);
  send(session, 2, '_free_', [], id);
  send(session, 3, 'note', ['e3'], id);
  await open('e1');
  assert.deepEqual(brief(await session.next()), [1, 'e1']);
  assert.equal((await session.next())[1], 2);
  assert.deepEqual(brief(await session.next()), [3, 'fox_wamp.error.no_such_instance', 'instance not found or deprecated']);
});

test('the session ends while its calls run and wait', async () => {
  const session = await Raw.join();
  const id = await instance(session);
  send(session, 1, 'wait', ['f1'], id);
  send(session, 2, 'note', ['f2'], id);
  await until(async () => await running() === 1);
  session.ws.terminate();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.service_instance WHERE id = '${id}'`) === '0');
  await until(async () => await calls() === 0);
});

test('no more wait than may', async () => {
  const session = await Raw.join();
  const other = await Raw.join();
  const [id, two] = [await instance(session), await instance(other)];
  await withSettings({ 'fox_wamp.call_queue_limit': '2' }, async () => {
    for (let i = 1; i <= 4; i++) send(session, i, i === 1 ? 'wait' : 'note', [`g${i}`], id);
    assert.deepEqual(brief(await session.next()), [4, 'wamp.error.unavailable', 'too many calls of the instance are waiting']);
    send(other, 1, 'note', ['h'], two);
    assert.deepEqual(brief(await other.next()), [1, 'h']);
    await open('g1');
    for (const said of ['g1', 'g1g2', 'g1g2g3']) assert.equal(brief(await session.next())[1], said);
  });
});

test('SQL may have the row locked: one call waits at the row, the others for it', async () => {
  const session = await Raw.join();
  const other = await Raw.join();
  const [id, two] = [await instance(session), await instance(other)];
  const locked = sql(`BEGIN; SELECT FROM fox_wamp.service_instance WHERE id = '${id}' FOR UPDATE; INSERT INTO fox_wamp.root (name, realm) VALUES ('lock_is_taken', 'realm1');
    DO $$BEGIN WHILE NOT EXISTS (SELECT FROM desk.gate WHERE name = 'i') LOOP PERFORM pg_sleep(0.01); END LOOP; END$$; ROLLBACK`);
  await until(async () => await sql(`SELECT count(*) FROM (SELECT FROM fox_wamp.service_instance WHERE id = '${id}' FOR UPDATE SKIP LOCKED) x`) === '0');
  for (let i = 1; i <= 4; i++) send(session, i, 'note', [`i${i}`], id);
  send(other, 1, 'note', ['j'], two);
  assert.deepEqual(brief(await other.next()), [1, 'j']);
  await until(async () => await running() === 1);
  await open('i');
  await locked;
  for (const said of ['i1', 'i1i2', 'i1i2i3', 'i1i2i3i4']) assert.equal(brief(await session.next())[1], said);
});

test('calls that look at a shared state wait for each other, and occupy one executor, from the first on', async () => {
  const [session, other] = [await Raw.join(), await Raw.join()];
  const call = (s, request, procedure, args) => s.send([48, request, {}, procedure, args]);
  for (let i = 1; i <= 8; i++) call(session, i, 'root.board.hold', ['k']);
  await until(async () => await calls() === 8 && await sql("SELECT count(*) FROM (SELECT FROM fox_wamp.service_instance WHERE service = 'board' FOR UPDATE SKIP LOCKED) x") === '0');
  // Others of the service, of another one, and of none go on.
  for (const [i, [procedure, args, is]] of [['root.board.fast', [], 1], ['root.hall.note', ['x'], 'x'], ['root.queue_free', [], 5], ['root.board._contract_', []]].entries()) {
    call(other, i + 1, procedure, args);
    const answer = brief(await other.next());
    assert.deepEqual(answer, [i + 1, is ?? answer[1]]);
  }
  // The functions of both services are different ones: that of hall is known to look by now, that of board is not.
  assert.equal(await running(), 1);
  call(other, 9, 'root.board.note', ['!']);
  await until(async () => await calls() === 9 && await running() === 2);
  for (let i = 10; i <= 12; i++) call(other, i, 'root.board.note', ['!']);
  call(other, 13, 'root.board.hold', ['k']);
  await until(async () => await calls() === 13);
  await sql("INSERT INTO board.gate VALUES ('k')");
  const said = [];
  for (let i = 1; i <= 8; i++) said.push(brief(await session.next())[1]);
  for (let i = 9; i <= 13; i++) said.push(brief(await other.next())[1]);
  said.sort((x, y) => x.length - y.length);
  for (let i = 0; i < said.length; i++) assert.equal(said[i], said.at(-1).slice(0, i + 1), 'each has seen what the one before has left');
});

test('calls that do not look at it run side by side, once the first has been seen', async () => {
  const session = await Raw.join();
  for (let i = 1; i <= 2; i++) session.send([48, i, {}, 'root.board.stand', ['m']]);
  await until(async () => await running() === 1 && await calls() === 2);
  await sql("INSERT INTO board.gate VALUES ('m')");
  for (let i = 1; i <= 2; i++) assert.deepEqual(brief(await session.next()), [i, 'm']);
  for (let i = 3; i <= 4; i++) session.send([48, i, {}, 'root.board.stand', ['n']]);
  await until(async () => await running() === 2);
  await sql("INSERT INTO board.gate VALUES ('n')");
  for (let i = 3; i <= 4; i++) assert.equal(brief(await session.next())[1], 'n');
});

test('who has looked at a shared state can not call who will, and may call itself if it does not look', async () => {
  const called = (method, ...args) => sql(`SELECT fox_wamp.call('root.board.${method}', '${JSON.stringify(args)}')`);
  // By a function that has not been seen yet it is found out when it looks, by one that has been before it runs.
  for (let i = 0; i < 2; i++) assert.match(await called('ask_late'), /the instance is in use by the function that calls/);
  for (let i = 0; i < 2; i++) assert.equal(await called('deep', 1), '"0"');
});

test('who has the instance can not call it again, not even by way of another', async () => {
  // All of SQL is one group.
  const called = (method) => sql(`SELECT fox_wamp.call('root.counter.${method}', '[]')`);
  for (const method of ['again', 'around']) assert.match(await called(method), /the instance is in use by the function that calls/);
  assert.equal(await called('fast'), '1');
});
