'use strict';
// fox_wamp.watch(): a table's rows as events and as retained values.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, Raw, fresh, sql } = require('./lib');

before(start);
after(stop);

const name = () => fresh('t').replaceAll('.', '_');

/** What has come for the subscription until now, as [topic, args, kwargs]. */
async function events(raw) {
  const marker = fresh();
  await raw.ask([32, 90, {}, marker]);
  await sql(`SELECT fox_wamp.publish('${marker}', '["end"]')`);
  const got = [];
  for (;;) {
    const [type, , , details, args, kwargs] = await raw.next();
    assert.equal(type, 36);
    if (args && args[0] === 'end') return got;
    got.push([details.topic, ...(args ? [args] : []), ...(kwargs ? [kwargs] : [])]);
  }
}

/** One who hears everything below a topic; a snapshot comes first if it is wanted. */
async function listen(topic, options = {}) {
  const raw = await Raw.join();
  assert.equal((await raw.ask([32, 1, options, topic]))[0], 33);
  return raw;
}

test('every change of a row is an event, at commit and in order', async () => {
  const table = name();
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text)`);
  assert.equal(await sql(`SELECT fox_wamp.watch('${table}')`), `public.${table}.{id}`);
  const raw = await listen(`public.${table}.#`);
  const topic = (id) => `public.${table}.${id}`;
  await sql('BEGIN', `INSERT INTO ${table} VALUES (7, 'no')`, 'ROLLBACK');
  await sql(`INSERT INTO ${table} VALUES (1, 'a'), (2, 'b'); UPDATE ${table} SET name = name || '!' WHERE id = 2;`
    + ` UPDATE ${table} SET id = 3 WHERE id = 1; DELETE FROM ${table} WHERE id = 2; TRUNCATE ${table}`);
  const moved = [[{ id: 3, name: 'a' }], { operation: 'UPDATE', table, old: { id: 1, name: 'a' } }];
  assert.deepEqual(await events(raw), [
    [topic(1), [{ id: 1, name: 'a' }], { operation: 'INSERT', table }],
    [topic(2), [{ id: 2, name: 'b' }], { operation: 'INSERT', table }],
    [topic(2), [{ id: 2, name: 'b!' }], { operation: 'UPDATE', table, old: { id: 2, name: 'b' } }],
    [topic(1), ...moved],
    [topic(3), ...moved],
    [topic(2), [{ id: 2, name: 'b!' }], { operation: 'DELETE', table }],
    [`public.${table}`, [], { operation: 'TRUNCATE', table }],
  ].map(([t, args, kwargs]) => [t, args, kwargs]));
  assert.equal(await sql(`SELECT fox_wamp.unwatch('${table}')`), 't');
  await sql(`INSERT INTO ${table} VALUES (1, 'a')`);
  assert.deepEqual(await events(raw), []);
  raw.ws.terminate();
  await sql(`DROP TABLE ${table}`);
});

test('a condition, columns, operations; an UPDATE of other columns is no event', async () => {
  const table = name();
  const root = fresh();
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, amount int, note text)`,
    `SELECT fox_wamp.watch('${table}', '${root}.big.{id}', 'NEW.amount > 100', '{amount}')`,
    `SELECT fox_wamp.watch('${table}', '${root}.change.{id}', 'NEW.amount <> OLD.amount', operations => '{UPDATE}')`);
  const raw = await listen(`${root}.#`);
  await sql(`INSERT INTO ${table} VALUES (1, 10), (2, 200); UPDATE ${table} SET note = 'x';`
    + ` UPDATE ${table} SET amount = 300; DELETE FROM ${table}`);
  const got = await events(raw);
  assert.deepEqual(got.filter(([topic]) => topic.startsWith(`${root}.big`)), [
    [`${root}.big.2`, [{ amount: 200 }], { operation: 'INSERT', table }],
    [`${root}.big.1`, [{ amount: 300 }], { operation: 'UPDATE', table, old: { amount: 10 } }],
    [`${root}.big.2`, [{ amount: 300 }], { operation: 'UPDATE', table, old: { amount: 200 } }],
    [`${root}.big.1`, [{ amount: 300 }], { operation: 'DELETE', table }],
    [`${root}.big.2`, [{ amount: 300 }], { operation: 'DELETE', table }],
  ]);
  assert.deepEqual(got.filter(([topic]) => topic.startsWith(`${root}.change`)).map(([topic, [row]]) => [topic, row.note]),
    [[`${root}.change.1`, 'x'], [`${root}.change.2`, 'x']]);
  raw.ws.terminate();
  await sql(`DROP TABLE ${table}`);
});

test('a mirror: the rows that are there, then every change, nothing between', async () => {
  const table = name();
  const root = fresh();
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text)`, `INSERT INTO ${table} VALUES (1, 'a'), (2, 'b')`,
    `SELECT fox_wamp.watch('${table}', '${root}.{id}', retain => true)`, 'SELECT fox_wamp.sync()');
  const raw = await listen(`${root}.#`, { retained: true });
  await sql(`UPDATE ${table} SET id = 5, name = 'c' WHERE id = 1; DELETE FROM ${table} WHERE id = 2; INSERT INTO ${table} VALUES (6, 'd')`);
  assert.deepEqual(await events(raw), [
    [`${root}.1`, [{ id: 1, name: 'a' }]],
    [`${root}.2`, [{ id: 2, name: 'b' }]],
    [`${root}.1`],
    [`${root}.5`, [{ id: 5, name: 'c' }]],
    [`${root}.2`],
    [`${root}.6`, [{ id: 6, name: 'd' }]],
  ]);
  const late = await listen(`${root}.#`, { retained: true });
  assert.deepEqual(await events(late), [[`${root}.5`, [{ id: 5, name: 'c' }]], [`${root}.6`, [{ id: 6, name: 'd' }]]]);
  await sql(`SELECT fox_wamp.unwatch('${table}')`);
  assert.deepEqual(await events(late), [[`${root}.5`], [`${root}.6`]]);
  for (const peer of [raw, late]) peer.ws.terminate();
  await sql(`DROP TABLE ${table}`);
});

test('writers of the table need no rights here', async () => {
  const [table, role] = [name(), name()];
  const root = fresh();
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`, `SELECT fox_wamp.watch('${table}', '${root}.{id}', retain => true)`,
    `CREATE ROLE ${role}`, `GRANT ALL ON ${table} TO ${role}`, `SET ROLE ${role}`,
    `INSERT INTO ${table} VALUES (1), (2)`, `UPDATE ${table} SET id = 3 WHERE id = 1`, `DELETE FROM ${table} WHERE id = 2`);
  assert.equal(await sql(`SELECT topic FROM fox_wamp.retained WHERE topic LIKE '${root}.%'`), `${root}.3`);
  await sql(`DROP TABLE ${table}`, `DROP ROLE ${role}`, `DELETE FROM fox_wamp.retained WHERE topic LIKE '${root}.%'`);
});

test('a dump brings the watches back', async () => {
  const table = name();
  await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, amount int)`,
    `SELECT fox_wamp.watch('${table}', condition => 'NEW.amount > 1', columns => '{id}', retain => true)`);
  const definitions = `SELECT string_agg(pg_get_triggerdef(oid), '; ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = '${table}'::regclass`;
  const watched = `SELECT * FROM fox_wamp.watched WHERE relation = '${table}'::regclass`;
  const [triggers, was] = [await sql(definitions), await sql(watched)];
  await sql(`SELECT fox_wamp.unwatch('${table}')`, ...triggers.split('; '));
  assert.equal(await sql(watched), was);
  await sql(`DROP TABLE ${table}`);
});
