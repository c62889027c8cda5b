'use strict';
// Tables with row-level security: who hears of which row, by its role.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, sql, until } = require('./lib');

const schema = `s${process.pid}`;
const names = ['ann', 'bob', 'owner', 'bypass', 'nobody', 'some'].map((n) => `${schema}_${n}`);
const [ann, bob, owner, bypass, nobody, some] = names;
const sessions = {};

/** What a role's session hears of a topic: [topic, operation or retained, row]. */
async function hear(role, pattern, options = {}) {
  const heard = [];
  const subscription = await sessions[role].subscribe(pattern, (args, kwargs, details) => {
    heard.push([details.topic ?? pattern, details.retained ? 'retained' : kwargs?.operation ?? (args?.length ? 'put' : 'gone'), args?.[0] ?? null, kwargs?.old]);
  }, options);
  heard.subscription = subscription;
  return heard;
}
const everybody = async (pattern, options) => Object.fromEntries(await Promise.all(names.map(async (n) => [n, await hear(n, pattern, options)])));
/** The n-th element of what each hears, as one text. */
const of = (heard, column = (e) => `${e[1]} ${e[2]?.id ?? ''}`.trim()) => heard.map(column).join(', ');
/** Runs statements, and waits until everybody has heard what they set off: an answer comes behind the events before it. */
async function write(...statements) {
  const result = await sql(...statements, 'SELECT fox_wamp.sync()');
  await Promise.all(names.map((n) => sessions[n].call('wamp.session.count')));
  return result;
}

before(async () => {
  start();
  for (const name of names) await sql(`CREATE ROLE ${name} LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${name}`);
  await sql(`ALTER ROLE ${bypass} BYPASSRLS`, `CREATE SCHEMA ${schema}`, `GRANT USAGE ON SCHEMA ${schema} TO ${names.join(', ')}`,
    `CREATE TABLE ${schema}.doc (id int PRIMARY KEY, gone text, author name, body text)`, `ALTER TABLE ${schema}.doc DROP gone`,
    `ALTER TABLE ${schema}.doc ENABLE ROW LEVEL SECURITY`, `ALTER TABLE ${schema}.doc OWNER TO ${owner}`,
    `CREATE TABLE ${schema}.friend (who name, of name)`, `GRANT SELECT ON ${schema}.friend TO PUBLIC`,
    `CREATE POLICY own ON ${schema}.doc USING (author = current_user OR EXISTS (SELECT FROM ${schema}.friend f WHERE f.who = current_user AND f.of = author))`,
    `GRANT SELECT ON ${schema}.doc TO ${[ann, bob, bypass].join(', ')}`, `GRANT SELECT (id, author) ON ${schema}.doc TO ${some}`,
    `CREATE TABLE ${schema}.part (id int, day int, author name, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`,
    `CREATE TABLE ${schema}.part_1 (author name, x int, id int NOT NULL, day int NOT NULL)`, `ALTER TABLE ${schema}.part_1 DROP x`,
    `ALTER TABLE ${schema}.part ATTACH PARTITION ${schema}.part_1 FOR VALUES FROM (0) TO (10)`,
    `ALTER TABLE ${schema}.part ENABLE ROW LEVEL SECURITY`, `CREATE POLICY own ON ${schema}.part USING (author = current_user)`,
    `GRANT SELECT ON ${schema}.part TO ${[ann, bob].join(', ')}`);
  for (const name of names) sessions[name] = await join({ authid: name, authmethods: ['ticket'], onchallenge: () => 'pw' });
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`, `DELETE FROM fox_wamp.retained WHERE topic LIKE '${schema}.%'`, `DROP OWNED BY ${names.join(', ')}`, `DROP ROLE ${names.join(', ')}`);
  stop();
});

test('events go to those who may see the row, by policy, owner and BYPASSRLS', async () => {
  assert.equal(await sql(`SELECT fox_wamp.watch('${schema}.doc', row_security => true)`), `${schema}.doc.{id}`);
  const heard = await everybody(`${schema}.doc.#`);
  await write(`INSERT INTO ${schema}.doc VALUES (1, '${ann}', 'a'), (2, '${bob}', 'b'), (3, '${ann}', 'quo"te\\,(x)')`);
  assert.equal(of(heard[ann]), 'INSERT 1, INSERT 3');
  assert.equal(of(heard[bob]), 'INSERT 2');
  assert.equal(of(heard[owner]), 'INSERT 1, INSERT 2, INSERT 3', 'the owner is not subject to the policies');
  assert.equal(of(heard[bypass]), 'INSERT 1, INSERT 2, INSERT 3');
  assert.equal(of(heard[nobody]), '', 'without SELECT');
  assert.equal(of(heard[some]), '', 'without SELECT on all columns');
  assert.deepEqual(heard[ann][1], [`${schema}.doc.3`, 'INSERT', { id: 3, author: ann, body: 'quo"te\\,(x)' }, undefined]);

  // A row that is not one's own any more is gone; what it has become is nobody else's business.
  for (const name of names) heard[name].length = 0;
  await write(`UPDATE ${schema}.doc SET author = '${bob}', body = 'secret' WHERE id = 1`, `DELETE FROM ${schema}.doc WHERE id = 3`);
  assert.deepEqual(heard[ann].map((e) => e.slice(1)), [['DELETE', { id: 1, author: ann, body: 'a' }, undefined], ['DELETE', { id: 3, author: ann, body: 'quo"te\\,(x)' }, undefined]]);
  assert.deepEqual(heard[bob].map((e) => e.slice(1)), [['UPDATE', { id: 1, author: bob, body: 'secret' }, undefined]], 'and no old row that he could not see');
  assert.equal(of(heard[owner]), 'UPDATE 1, DELETE 3');

  // Policies that look into other tables see them as they are now.
  for (const name of names) heard[name].length = 0;
  await write(`INSERT INTO ${schema}.friend VALUES ('${ann}', '${bob}')`, `UPDATE ${schema}.doc SET body = 'for friends' WHERE id = 2`);
  await write(`DELETE FROM ${schema}.friend`, `UPDATE ${schema}.doc SET body = 'not for friends' WHERE id = 2`);
  assert.equal(of(heard[ann]), 'UPDATE 2');
  assert.equal(of(heard[bob]), 'UPDATE 2, UPDATE 2');

  // A new key is a new topic: gone from the one, there at the other.
  for (const name of names) heard[name].length = 0;
  await write(`UPDATE ${schema}.doc SET id = 12, author = '${ann}' WHERE id = 2`);
  assert.deepEqual(heard[bob].map((e) => e.slice(0, 2)), [[`${schema}.doc.2`, 'DELETE']]);
  assert.deepEqual(heard[ann].map((e) => e.slice(0, 2)), [[`${schema}.doc.12`, 'UPDATE']]);
  for (const name of names) heard[name].length = 0;
  await write(`TRUNCATE ${schema}.doc`);
  assert.equal(of(heard[bob]), 'TRUNCATE');
  assert.equal(of(heard[nobody]), '');
});

test('FORCE ROW LEVEL SECURITY counts for the owner, and roles that get something hear it from then on', async () => {
  await write(`ALTER TABLE ${schema}.doc FORCE ROW LEVEL SECURITY`, `GRANT SELECT ON ${schema}.doc TO ${nobody}`);
  const heard = await everybody(`${schema}.doc.#`);
  await write(`INSERT INTO ${schema}.doc VALUES (1, '${ann}', 'a'), (2, '${nobody}', 'n')`);
  assert.equal(of(heard[owner]), '');
  assert.equal(of(heard[ann]), 'INSERT 1');
  assert.equal(of(heard[nobody]), 'INSERT 2');
  assert.equal(of(heard[bypass]), 'INSERT 1, INSERT 2');
  await write(`ALTER TABLE ${schema}.doc NO FORCE ROW LEVEL SECURITY`, `REVOKE SELECT ON ${schema}.doc FROM ${nobody}`, `DROP POLICY own ON ${schema}.doc`);
  await write(`UPDATE ${schema}.doc SET body = 'x' WHERE id = 1`);
  assert.equal(of(heard[owner]), 'UPDATE 1');
  assert.equal(of(heard[ann]), 'INSERT 1', 'without a policy nobody sees anything');
  await write(`CREATE POLICY own ON ${schema}.doc USING (author = current_user OR 1 / (length(body) - 4) < 0)`);
  await write(`UPDATE ${schema}.doc SET body = 'four' WHERE id = 1`);
  assert.equal(of(heard[bob]), '', 'who a policy raises an error for sees nothing');
  await write(`DROP POLICY own ON ${schema}.doc`, `CREATE POLICY own ON ${schema}.doc USING (author = current_user)`,
    `DELETE FROM ${schema}.doc`, `SELECT fox_wamp.unwatch('${schema}.doc')`);
});

test('columns that are published are the ones that SELECT is needed on', async () => {
  await sql(`SELECT fox_wamp.watch('${schema}.doc', '${schema}.few.{id}', columns => '{id,author}', row_security => true)`);
  const heard = await everybody(`${schema}.few.#`);
  await write(`INSERT INTO ${schema}.doc VALUES (1, '${some}', 'x'), (2, '${ann}', 'y')`, `UPDATE ${schema}.doc SET author = '${some}' WHERE id = 2`);
  assert.deepEqual(heard[some].map((e) => e.slice(1, 3)), [['INSERT', { id: 1, author: some }], ['UPDATE', { id: 2, author: some }]]);
  assert.deepEqual(heard[ann].map((e) => e.slice(1, 3)), [['INSERT', { id: 2, author: ann }], ['DELETE', { id: 2, author: ann }]]);
  await write(`DELETE FROM ${schema}.doc`, `SELECT fox_wamp.unwatch('${schema}.doc')`);
});

test('a mirror shows each role its own rows: values that are there, and what changes', async () => {
  await write(`INSERT INTO ${schema}.doc SELECT n, CASE n % 2 WHEN 0 THEN '${ann}' ELSE '${bob}' END, 'body ' || n FROM generate_series(1, 1200) n`);
  await write(`SELECT fox_wamp.watch('${schema}.doc', '${schema}.mirror.{id}', retain => true, row_security => true)`);
  const heard = await everybody(`${schema}.mirror.#`, { retained: true });
  const snapshots = { [ann]: 600, [bob]: 600, [owner]: 1200, [bypass]: 1200, [nobody]: 0, [some]: 0 };
  await until(() => names.every((n) => heard[n].length >= snapshots[n]));
  for (const n of names) assert.deepEqual([heard[n].length, new Set(heard[n].map((e) => e[0])).size], [snapshots[n], snapshots[n]], n);
  assert.ok(heard[ann].every((e) => e[1] === 'retained' && e[2].author === ann));
  assert.deepEqual(heard[ann].map((e) => e[0]), [...heard[ann].map((e) => e[0])].sort(), 'in topic order');

  for (const n of names) heard[n].length = 0;
  await write(`UPDATE ${schema}.doc SET author = '${bob}' WHERE id = 2`, `DELETE FROM ${schema}.doc WHERE id = 4`, `UPDATE ${schema}.doc SET id = 5000 WHERE id = 1`);
  assert.deepEqual(heard[ann].map((e) => e.slice(0, 2)), [[`${schema}.mirror.2`, 'gone'], [`${schema}.mirror.4`, 'gone']]);
  assert.deepEqual(heard[bob].map((e) => e.slice(0, 2)), [[`${schema}.mirror.2`, 'put'], [`${schema}.mirror.1`, 'gone'], [`${schema}.mirror.5000`, 'put']]);
  assert.equal(heard[nobody].length, 0);

  // What a policy says later holds for the next snapshot, whatever was true when the value was stored.
  await write(`INSERT INTO ${schema}.friend VALUES ('${ann}', '${bob}')`, `DROP POLICY own ON ${schema}.doc`,
    `CREATE POLICY own ON ${schema}.doc USING (EXISTS (SELECT FROM ${schema}.friend f WHERE f.who = current_user AND f.of = author))`);
  const later = await join({ authid: ann, authmethods: ['ticket'], onchallenge: () => 'pw' });
  const got = [];
  await later.subscribe(`${schema}.mirror.#`, (args, kwargs, details) => { got.push(details.topic); }, { retained: true });
  await until(() => got.length === 601);
  // One value by its own topic, and one that is not for her.
  const exact = await hear(ann, `${schema}.mirror.3`, { retained: true });
  const denied = await hear(ann, `${schema}.mirror.6`, { retained: true });
  await until(() => exact.length === 1);
  await write(`TRUNCATE ${schema}.doc`);
  assert.equal(denied.length, 0);
  await write(`SELECT fox_wamp.unwatch('${schema}.doc')`);
});

test('live events and snapshots of the same moment: none lost, none doubled', async () => {
  await write(`DROP POLICY own ON ${schema}.doc`, `CREATE POLICY own ON ${schema}.doc USING (author = current_user)`,
    `INSERT INTO ${schema}.doc VALUES (1, '${ann}', '0')`, `SELECT fox_wamp.watch('${schema}.doc', '${schema}.race.{id}', retain => true, row_security => true)`);
  const writing = sql(`DO $$ BEGIN FOR i IN 1 .. 300 LOOP UPDATE ${schema}.doc SET body = i WHERE id = 1; COMMIT; END LOOP; END $$`);
  for (let round = 0; round < 10; round++) {
    const session = await join({ authid: ann, authmethods: ['ticket'], onchallenge: () => 'pw' });
    const bodies = [];
    await session.subscribe(`${schema}.race.1`, (args) => { if (args.length > 0) bodies.push(Number(args[0].body)); }, { retained: true });
    await until(() => bodies.length > 0);
    sessions[`race${round}`] = bodies;
  }
  await writing;
  await write('SELECT 1');
  for (let round = 0; round < 10; round++) {
    const bodies = sessions[`race${round}`];
    await until(() => bodies[bodies.length - 1] === 300);
    assert.deepEqual(bodies, bodies.map((_, i) => bodies[0] + i), `round ${round}`);
  }
  await write(`DELETE FROM ${schema}.doc`, `SELECT fox_wamp.unwatch('${schema}.doc')`);
});

test('an executor that ends loses no event and doubles none; a bridge has no sight', async () => {
  await write(`INSERT INTO ${schema}.doc VALUES (1, '${ann}', '0')`, `SELECT fox_wamp.watch('${schema}.doc', '${schema}.kill.{id}', row_security => true)`,
    `SELECT fox_wamp.bridge_out('${schema}.kill.#', '${schema}')`);
  const heard = await hear(ann, `${schema}.kill.1`);
  const writing = sql(`LISTEN ${schema}`, `DO $$ BEGIN FOR i IN 1 .. 3000 LOOP UPDATE ${schema}.doc SET body = i WHERE id = 1; COMMIT; END LOOP; END $$`, 'SELECT fox_wamp.sync()', 'SELECT 1');
  for (let n = 1; n <= 5; n++) {
    await until(() => heard.length > n * 100);
    await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'fox_wamp call executor'");
  }
  assert.doesNotMatch(await writing, /notification/i);
  await until(() => heard.length >= 3000);
  assert.deepEqual(heard.map((e) => Number(e[2].body)), Array.from({ length: 3000 }, (_, i) => i + 1));
  await write(`SELECT fox_wamp.unbridge('${schema}')`, `DELETE FROM ${schema}.doc`, `SELECT fox_wamp.unwatch('${schema}.doc')`);
});

test('of a partition the policies of the whole count', async () => {
  await sql(`SELECT fox_wamp.watch('${schema}.part', row_security => true)`);
  const heard = await everybody(`${schema}.part.#`);
  await write(`INSERT INTO ${schema}.part VALUES (1, 1, '${ann}')`, `INSERT INTO ${schema}.part_1 (id, day, author) VALUES (2, 2, '${bob}')`);
  assert.equal(of(heard[ann]), 'INSERT 1');
  assert.equal(of(heard[bob]), 'INSERT 2');
  await write(`SELECT fox_wamp.unwatch('${schema}.part')`);
});

test('a handler hears what its owner may see; no client can name a row', async () => {
  await sql(`SELECT fox_wamp.watch('${schema}.doc', '${schema}.handled.{id}', row_security => true)`,
    `CREATE TABLE ${schema}.seen (id int)`, `GRANT INSERT ON ${schema}.seen TO ${ann}`, `GRANT CREATE ON SCHEMA ${schema} TO ${ann}`,
    `CREATE FUNCTION ${schema}.see(topic text, args jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO ${schema}.seen VALUES ((args->0->>'id')::int) $$`,
    `ALTER FUNCTION ${schema}.see(text,jsonb) OWNER TO ${ann}`);
  for (const durable of [true, false]) {
    await sql(`SELECT fox_wamp.attach('${schema}.handled.#', '${schema}.see(text,jsonb)', durable => ${durable})`, 'SELECT fox_wamp.sync()');
    await write(`INSERT INTO ${schema}.doc VALUES (1, '${ann}', ''), (2, '${bob}', ''), (3, '${ann}', '')`);
    await until(async () => (await sql(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM ${schema}.seen`)) === '1 3');
    await sql(`SELECT fox_wamp.detach('${schema}.handled.#')`);
    await write(`DELETE FROM ${schema}.doc`, `DELETE FROM ${schema}.seen`);
  }
  await sql(`SELECT fox_wamp.unwatch('${schema}.doc')`);
  await assert.rejects(sessions[ann].publish(`${schema}.x`, [], {}, { acknowledge: true, 'fox_wamp.row': { table: 'pg_authid' } }), (e) => e.error === 'wamp.error.invalid_argument');
});
