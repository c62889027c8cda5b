'use strict';
// What SQL does reaches subscribers at commit, and what clients do reaches SQL.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { start, stop, join, listen, fresh, sql, until, env, Inbox, Raw } = require('./lib');

before(start);
after(stop);

test('publish() arrives at commit', async () => {
  const inbox = await listen(await join(), fresh());
  const { topic } = inbox.subscription;
  const psql = spawn(env.psql, ['-Atq'], { stdio: ['pipe', 'pipe', 'inherit'] });
  psql.stdin.write(`BEGIN; SELECT fox_wamp.publish('${topic}', '["hello"]', '{"from":"sql"}'); SELECT 'ready';\n`);
  await new Promise((resolve) => { psql.stdout.on('data', (d) => String(d).includes('ready') && resolve()); });
  await assert.rejects(inbox.next(200), /nothing came/);
  psql.stdin.end('COMMIT;\n');
  const event = await inbox.next();
  assert.deepEqual([event.args, event.kwargs], [['hello'], { from: 'sql' }]);
});

test('publish() does not arrive after ROLLBACK, savepoints included', async () => {
  const session = await join();
  const inbox = await listen(session, fresh());
  const { topic } = inbox.subscription;
  await sql('BEGIN', `SELECT fox_wamp.publish('${topic}', '["rolled back"]')`, 'ROLLBACK');
  await sql('BEGIN', `SELECT fox_wamp.publish('${topic}', '[1]')`, 'SAVEPOINT s', `SELECT fox_wamp.publish('${topic}', '["savepoint"]')`,
    'ROLLBACK TO s', `SELECT fox_wamp.publish('${topic}', '[2]')`, 'COMMIT');
  assert.deepEqual([(await inbox.next()).args, (await inbox.next()).args], [[1], [2]]);
  assert.deepEqual(inbox.rest(), []);
});

test('conflicting transactions arrive in their order', async () => {
  const inbox = await listen(await join(), fresh());
  const { topic } = inbox.subscription;
  const table = `c${process.pid}`;
  await sql(`CREATE TABLE ${table}(n int)`, `INSERT INTO ${table} VALUES (0)`);
  const body = `DO $$ DECLARE v int; BEGIN FOR i IN 1..50 LOOP
    UPDATE ${table} SET n = n + 1 RETURNING n INTO v; PERFORM fox_wamp.publish('${topic}', jsonb_build_array(v)); COMMIT; END LOOP; END $$`;
  await Promise.all(Array.from({ length: 4 }, () => sql(body)));
  for (let i = 1; i <= 200; i++) assert.equal((await inbox.next()).args[0], i);
  await sql(`DROP TABLE ${table}`);
});

test('a large event passes, and many in one transaction', async () => {
  const inbox = await listen(await join(), fresh());
  const { topic } = inbox.subscription;
  await sql(`SELECT fox_wamp.publish('${topic}', jsonb_build_array(repeat('x', 500000)))`);
  assert.equal((await inbox.next()).args[0].length, 500000);
  await sql(`SELECT count(fox_wamp.publish('${topic}', jsonb_build_array(i))) FROM generate_series(1, 5000) i`);
  for (let i = 1; i <= 5000; i++) assert.equal((await inbox.next()).args[0], i);
});

test('INSERT, UPDATE and DELETE on fox_wamp.retained reach subscribers', async () => {
  const base = fresh();
  const inbox = await listen(await join(), `${base}.#`);
  await sql(`INSERT INTO fox_wamp.retained(realm, topic, args) VALUES ('realm1', '${base}.a', '[1]')`);
  assert.deepEqual((await inbox.next()).args, [1]);
  await sql(`UPDATE fox_wamp.retained SET args = '[2]', kwargs = '{"k":1}' WHERE topic = '${base}.a'`);
  const update = await inbox.next();
  assert.deepEqual([update.topic, update.args, update.kwargs], [`${base}.a`, [2], { k: 1 }]);
  await sql(`UPDATE fox_wamp.retained SET topic = '${base}.b' WHERE topic = '${base}.a'`);
  const moved = [await inbox.next(), await inbox.next()].map((e) => [e.topic, e.args]);
  assert.deepEqual(moved, [[`${base}.a`, []], [`${base}.b`, [2]]]);
  await sql(`DELETE FROM fox_wamp.retained WHERE topic = '${base}.b'`);
  const deleted = await inbox.next();
  assert.deepEqual([deleted.topic, deleted.args, deleted.kwargs], [`${base}.b`, [], {}]);
});

test('a retained publish() from SQL is a snapshot for later subscribers', async () => {
  const topic = fresh();
  await sql(`SELECT fox_wamp.publish('${topic}', '["kept"]', NULL, '{"retain":true}')`, 'SELECT fox_wamp.sync()');
  const inbox = await listen(await join(), topic, { retained: true });
  const event = await inbox.next();
  assert.deepEqual([event.args, event.retained], [['kept'], true]);
});

test('when from SQL raises WF001', async () => {
  const topic = fresh();
  const options = '{"retain":true,"when":null}';
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]', NULL, '${options}')`);
  await sql(`DO $$ BEGIN PERFORM fox_wamp.publish('${topic}', '[2]', NULL, '${options}'); RAISE 'not refused';
    EXCEPTION WHEN SQLSTATE 'WF001' THEN NULL; END $$`);
});

test('NOTIFY becomes an event, an event becomes a NOTIFY', async () => {
  const topic = fresh();
  const channel = `ch${process.pid}`;
  const session = await join();
  const inbox = await listen(session, topic);
  await sql(`SELECT fox_wamp.bridge('${channel}', '${topic}'), fox_wamp.bridge_out('${topic}.out.#', '${channel}_out')`, 'SELECT fox_wamp.sync()');
  await sql(`NOTIFY ${channel}, '{"plain":"json"}'`, `SELECT pg_notify('${channel}', 'plain text')`);
  const [json, text] = [await inbox.next(), await inbox.next()];
  assert.match(JSON.stringify(json), /plain.*json/);
  assert.deepEqual(text.args, ['plain text']);

  const heard = new Inbox();
  const psql = spawn(env.psql, ['-Atq'], { stdio: ['pipe', 'pipe', 'inherit'] });
  psql.stdout.on('data', (d) => heard.put(String(d)));
  psql.stdin.write(`LISTEN ${channel}_out; SELECT 'listening';\n`);
  await heard.next();
  await session.publish(`${topic}.out.a`, ['to sql'], {}, { acknowledge: true });
  let notified = '';
  await until(() => { psql.stdin.write('SELECT 1;\n'); notified += heard.rest().join(''); return notified.includes('to sql'); });
  assert.match(notified, new RegExp(`"${channel}_out" with payload`));
  psql.stdin.end();
  await sql(`SELECT fox_wamp.unbridge('${channel}'), fox_wamp.unbridge('${channel}_out')`);
});

test('wait_for() in SQL sees a client\'s event', async () => {
  const topic = fresh();
  const session = await join();
  const waiting = sql(`SELECT topic, args FROM fox_wamp.wait_for('${topic}.*', '10s')`);
  let done = false;
  waiting.finally(() => { done = true; });
  await until(async () => { await session.publish(`${topic}.x`, ['seen'], {}, { acknowledge: true }); return done; }, 10000);
  assert.equal(await waiting, `${topic}.x|["seen"]`);
});

test('publish_now() arrives in spite of ROLLBACK', async () => {
  const inbox = await listen(await join(), fresh());
  await sql('BEGIN', `SELECT fox_wamp.publish_now('${inbox.subscription.topic}', '["now"]')`, 'ROLLBACK');
  assert.deepEqual((await inbox.next()).args, ['now']);
});

test('the views show sessions and subscriptions', async () => {
  const session = await join();
  const topic = fresh();
  await listen(session, topic, { match: 'prefix' });
  assert.equal(await sql(`SELECT realm FROM fox_wamp.session WHERE id = ${session.id}`), 'realm1');
  assert.equal(await sql(`SELECT match, subscribers FROM fox_wamp.subscription WHERE topic = '${topic}'`), 'prefix|1');
  assert.notEqual(await sql('SELECT count(*) FROM fox_wamp.stat_router'), '0');
});

test('kill() ends a session', async () => {
  const session = await join();
  const id = session.id;
  const closed = new Promise((resolve) => { session.onleave = (reason) => resolve(reason); });
  assert.equal(await sql(`SELECT fox_wamp.kill(${id}, 'com.example.enough')`), 't');
  assert.equal(await closed, 'com.example.enough');
  assert.equal(await sql(`SELECT fox_wamp.kill(${id})`), 'f');
});

test('realms are worlds of their own', async () => {
  const realm = `r${process.pid}`;
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
  const [here, there] = [await join(), await join({ realm })];
  const topic = fresh();
  const [a, b] = [await listen(here, topic), await listen(there, topic)];
  await sql(`SELECT fox_wamp.publish('${topic}', '["there"]', NULL, NULL, '${realm}')`);
  assert.deepEqual((await b.next()).args, ['there']);
  assert.deepEqual(a.rest(), []);
});

test('publish_row() publishes each changed row, in order, under the topic of its template', async () => {
  const session = await join();
  const table = `row_${process.pid}`;
  const inbox = await listen(session, `${table}.#`);
  const byDefault = await listen(session, `public.${table}_2`);
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text, at numeric);
    CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW
      EXECUTE FUNCTION fox_wamp.publish_row('${table}.{id}.{name}');
    CREATE TRIGGER emptied AFTER TRUNCATE ON ${table} EXECUTE FUNCTION fox_wamp.publish_row('${table}.all');
    CREATE TABLE ${table}_2 (LIKE ${table});
    CREATE TRIGGER changed AFTER INSERT ON ${table}_2 FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row()`);
  await sql(`INSERT INTO ${table} VALUES (1, 'a "quoted" name', 1.50), (2, 'dotted.#*%', NULL), (3, '', NULL), (4, NULL, NULL);
    UPDATE ${table} SET at = 2 WHERE id = 1; DELETE FROM ${table} WHERE id = 2; TRUNCATE ${table};
    INSERT INTO ${table}_2 VALUES (7, 'x', 0)`);
  const events = [];
  for (let i = 0; i < 7; i++) events.push(await inbox.next());
  assert.deepEqual(events.map((e) => e.topic.slice(table.length)), ['.1.a%20"quoted"%20name', '.2.dotted%2E%23%2A%25', '.3.%', '.4.%00',
    '.1.a%20"quoted"%20name', '.2.dotted%2E%23%2A%25', '.all']);
  assert.deepEqual(events[0].args, [{ id: 1, name: 'a "quoted" name', at: 1.5 }]);
  assert.deepEqual(events[0].kwargs, { operation: 'INSERT', table });
  assert.deepEqual(events[4].args, [{ id: 1, name: 'a "quoted" name', at: 2 }]);
  assert.deepEqual(events[4].kwargs, { operation: 'UPDATE', table, old: { id: 1, name: 'a "quoted" name', at: 1.5 } });
  assert.deepEqual([events[5].args, events[5].kwargs.operation], [[{ id: 2, name: 'dotted.#*%', at: null }], 'DELETE']);
  assert.deepEqual([events[6].args, events[6].kwargs.operation], [[], 'TRUNCATE']);
  assert.deepEqual((await byDefault.next()).args, [{ id: 7, name: 'x', at: 0 }]);
  await sql(`DROP TABLE ${table}, ${table}_2`);
});
