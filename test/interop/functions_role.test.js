'use strict';
// Attempts to get out of the caller's role, or to leave something to the next caller.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, sql, refusal, until } = require('./lib');

const schema = `e${process.pid}`;
const root = `er${process.pid}`;
const anonymous = 'fox_wamp_anonymous';
let session;

before(async () => {
  start();
  // One executor: whatever a call leaves, the next one finds.
  await sql("LOAD 'fox_wamp'", 'ALTER SYSTEM SET fox_wamp.executors = 1', 'SELECT pg_reload_conf()');
  await sql(`CREATE SCHEMA ${schema}`, `GRANT ALL ON SCHEMA ${schema} TO PUBLIC`, `SELECT fox_wamp.expose_root('${root}')`,
    `CREATE TABLE ${schema}.seen (what text, who text)`, `GRANT ALL ON ${schema}.seen TO PUBLIC`,
    `CREATE FUNCTION ${schema}.see(what text) RETURNS text LANGUAGE sql AS
       'INSERT INTO ${schema}.seen VALUES (what, current_user || ''/'' || session_user) RETURNING who'`);
  // What any caller could want to try, in one procedure: its own statements.
  await sql(`CREATE FUNCTION ${schema}.run(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE statement text; result text; BEGIN
        FOREACH statement IN ARRAY statements LOOP
          IF statement ~* '^(select|show|execute|fetch)' THEN EXECUTE statement INTO result; ELSE EXECUTE statement; END IF;
        END LOOP; RETURN result; END $$`,
  `SELECT fox_wamp.expose_function('${schema}.run(text[])', root => '${root}')`, 'SELECT fox_wamp.sync()');
  session = await join();
});
after(async () => {
  await sql('ALTER SYSTEM RESET fox_wamp.executors', 'SELECT pg_reload_conf()');
  await sql(`DROP SCHEMA ${schema} CASCADE`, `DELETE FROM fox_wamp.root WHERE name = '${root}'`);
  stop();
});

const run = (...statements) => session.call(`${root}.run`, statements);
const refused = async (...statements) => { const e = await refusal(run(...statements)); return `${e.error} ${e.args[0]}`; };
const seen = (what) => sql(`SELECT string_agg(who, ',') FROM ${schema}.seen WHERE what = '${what}'`);
const own = `${anonymous}/${anonymous}`;

test('both users are the caller\'s role, and it is no superuser', async () => {
  assert.equal(await run("SELECT current_user || '/' || session_user"), own);
  assert.equal(await run('SHOW is_superuser'), 'off');
  assert.match(await refused('SELECT pg_read_file(\'PG_VERSION\')'), /not_authorized/);
  assert.match(await refused('COPY pg_class TO PROGRAM \'cat\''), /not_authorized/);
});

for (const statement of ['RESET ROLE', 'SET ROLE postgres', 'SET ROLE NONE', 'SET LOCAL ROLE postgres', 'SET SESSION AUTHORIZATION postgres',
  'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION', "SELECT set_config('role', 'postgres', false)",
  "SELECT set_config('session_authorization', 'postgres', true)"]) {
  test(`${statement} is refused, and nothing is gained by catching that`, async () => {
    assert.match(await refused(statement), /not_authorized cannot set parameter/);
    assert.equal(await run(`DO $do$ BEGIN EXECUTE $q$${statement}$q$; EXCEPTION WHEN OTHERS THEN NULL; END $do$`,
      "SELECT current_user || '/' || session_user"), own);
    assert.equal(await run("SELECT current_user || '/' || session_user"), own);
  });
}

test('RESET ALL and DISCARD give nothing back', async () => {
  assert.equal(await run('RESET ALL', "SELECT current_user || '/' || session_user"), own);
  assert.match(await refused('DISCARD ALL'), /cannot be executed/);
  assert.match(await refused("SET session_replication_role = 'replica'"), /not_authorized/);
});

test('no transaction is ended, no channel listened to', async () => {
  assert.match(await refused('COMMIT'), /pg\.error\./);
  assert.match(await refused('LISTEN a'), /pg\.error\./);
});

test('a cursor WITH HOLD runs as the caller and is gone afterwards', async () => {
  await run(`DECLARE held CURSOR WITH HOLD FOR SELECT ${schema}.see('hold')`);
  assert.equal(await seen('hold'), own);
  assert.match(await refused('FETCH held'), /34000/);
});

test('a deferred trigger that defers again runs as the caller', async () => {
  await sql(`CREATE TABLE ${schema}.first (a int)`, `CREATE TABLE ${schema}.second (a int)`, `GRANT ALL ON ${schema}.first, ${schema}.second TO PUBLIC`);
  await run(`CREATE FUNCTION ${schema}.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
      PERFORM ${schema}.see('deferred'); IF TG_TABLE_NAME = 'first' THEN INSERT INTO ${schema}.second VALUES (1); END IF; RETURN NULL; END $f$`);
  await sql(`CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ${schema}.first DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.again()`,
    `CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ${schema}.second DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.again()`);
  await run(`INSERT INTO ${schema}.first VALUES (1)`);
  assert.equal(await seen('deferred'), `${own},${own}`);
  await run(`DECLARE held CURSOR WITH HOLD FOR INSERT INTO ${schema}.first VALUES (2) RETURNING a`).catch(() => {});
  assert.doesNotMatch(await seen('deferred'), /postgres/);
});

test('a deferred trigger that opens a cursor WITH HOLD whose query defers a trigger', async () => {
  await sql(`CREATE TABLE ${schema}.third (a int)`, `GRANT ALL ON ${schema}.third TO PUBLIC`);
  await run(`CREATE FUNCTION ${schema}.holding() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
      EXECUTE 'DECLARE h CURSOR WITH HOLD FOR SELECT ${schema}.insert_first()'; RETURN NULL; END $f$`,
  `CREATE FUNCTION ${schema}.insert_first() RETURNS int LANGUAGE sql AS 'INSERT INTO ${schema}.first VALUES (3) RETURNING a'`);
  await sql(`CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ${schema}.third DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.holding()`,
    `DELETE FROM ${schema}.seen`);
  await run(`INSERT INTO ${schema}.third VALUES (1)`);
  assert.equal(await seen('deferred'), `${own},${own}`);
});

test('SECURITY DEFINER helpers give their owner for their own time only', async () => {
  await sql(`CREATE FUNCTION ${schema}.definer(statement text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
      $f$ DECLARE r text; BEGIN EXECUTE statement INTO r; RETURN r; END $f$`);
  assert.equal(await run(`SELECT ${schema}.definer('SELECT current_user || ''/'' || session_user') || ' ' || current_user`),
    `postgres/${anonymous} ${anonymous}`);
  assert.match(await refused(`SELECT ${schema}.definer('RESET ROLE')`), /not_authorized/);
  assert.equal(await run("SELECT current_user || '/' || session_user"), own);
});

test('no setting outlives its call', async () => {
  const before = await run('SELECT current_setting(\'search_path\') || current_setting(\'work_mem\')');
  await run("SELECT set_config('search_path', 'evil', false)", "SET work_mem = '1MB'", "SELECT set_config('my.secret', 'mine', false)", "SET TIME ZONE 'Asia/Tokyo'");
  assert.equal(await run('SELECT current_setting(\'search_path\') || current_setting(\'work_mem\')'), before);
  assert.doesNotMatch(`${await run('SELECT current_setting(\'my.secret\', true)')}`, /mine/);
  assert.equal(await refused("SELECT set_config('search_path', 'evil', false)", 'SELECT 1 / 0'), 'pg.error.22012 division by zero');
  assert.equal(await run('SELECT current_setting(\'search_path\') || current_setting(\'work_mem\')'), before, 'after an error neither');
});

test('no lock, prepared statement, temporary object or sequence value outlives its call', async () => {
  await sql(`CREATE SEQUENCE ${schema}.seq`, `GRANT ALL ON ${schema}.seq TO PUBLIC`);
  const all = ['SELECT pg_advisory_lock(815)', 'PREPARE kept AS SELECT 1', 'CREATE TEMP TABLE left_table (a int)', 'CREATE TEMP TABLE left_too (a int) ON COMMIT DROP',
    `SELECT nextval('${schema}.seq')`, "CREATE FUNCTION pg_temp.left_function() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DECLARE left_cursor CURSOR WITH HOLD FOR SELECT 1"];
  for (const more of [[], ['SELECT 1 / 0']]) {
    await run(...all, ...more).catch((e) => assert.equal(e.error, 'pg.error.22012'));
    assert.equal(await sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 815"), '0');
    assert.equal(await run('SELECT count(*) FROM pg_prepared_statements'), '0');
    assert.equal(await run('SELECT count(*) FROM pg_cursors WHERE is_holdable'), '0');
    assert.match(await refused('SELECT count(*) FROM left_table'), /42P01/);
    assert.match(await refused('SELECT pg_temp.left_function()'), /pg\.error\.(42883|3F000)/);
    assert.match(await refused('SELECT lastval()'), /55000/);
    assert.match(await refused(`SELECT currval('${schema}.seq')`), /55000/);
  }
});

test('nobody chooses what another caller\'s random() gives', async () => {
  for (const more of [[], ['SELECT 1 / 0']]) {
    const chosen = await run('SELECT setseed(0.5)', 'SELECT random()');
    await run('SELECT setseed(0.5)', ...more).catch((e) => assert.equal(e.error, 'pg.error.22012'));
    assert.notEqual(await run('SELECT random()'), chosen);
  }
});

test('temporary objects do not get in the way of the next caller\'s function', async () => {
  await sql(`CREATE TABLE public.shadow_${process.pid} AS SELECT 'real' AS v`, `GRANT SELECT ON public.shadow_${process.pid} TO PUBLIC`,
    `CREATE FUNCTION ${schema}.look() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT v FROM shadow_${process.pid}); END'`,
    `SELECT fox_wamp.expose_function('${schema}.look()', root => '${root}')`, 'SELECT fox_wamp.sync()');
  assert.equal(await session.call(`${root}.look`), 'real');
  await run(`CREATE TEMP TABLE shadow_${process.pid} AS SELECT 'false' AS v`);
  assert.equal(await session.call(`${root}.look`), 'real');
  await sql(`DROP TABLE public.shadow_${process.pid}`);
});

test('a lock() of a function ends with its call', async () => {
  await sql(`GRANT fox_wamp_user TO ${anonymous}`);
  try {
    await run(`SELECT fox_wamp.try_lock('${schema}.lock')`);
    await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${schema}.lock'`)) === '0');
    assert.equal(await run(`SELECT fox_wamp.try_lock('${schema}.lock')`), 'true');
  } finally {
    await sql(`REVOKE fox_wamp_user FROM ${anonymous}`);
  }
});

test('conditions of domains, and defaults, run as the caller', async () => {
  await sql(`CREATE DOMAIN ${schema}.watched AS int CHECK (${schema}.see('domain') IS NOT NULL)`,
    `CREATE FUNCTION ${schema}.trap(a ${schema}.watched, b text DEFAULT ${schema}.see('default')) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN b; END'`,
    `SELECT fox_wamp.expose_function('${schema}.trap(${schema}.watched,text)', root => '${root}')`, 'SELECT fox_wamp.sync()');
  assert.equal(await session.call(`${root}.trap`, [1]), own);
  assert.equal(await seen('domain'), own);
  assert.equal(await seen('default'), own);
});

test('row-level security and privileges are those of each caller, whoever called before', async () => {
  const [ann, bob] = [`ann_${process.pid}`, `bob_${process.pid}`];
  await sql(`CREATE ROLE ${ann}`, `CREATE ROLE ${bob}`, `GRANT fox_wamp_user TO ${ann}, ${bob}`,
    `CREATE TABLE ${schema}.mine (owner text)`, `INSERT INTO ${schema}.mine VALUES ('${ann}'), ('${bob}')`, `GRANT SELECT ON ${schema}.mine TO PUBLIC`,
    `ALTER TABLE ${schema}.mine ENABLE ROW LEVEL SECURITY`, `CREATE POLICY p ON ${schema}.mine USING (owner = current_user)`,
    `CREATE FUNCTION ${schema}.mine() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT owner FROM ${schema}.mine'`,
    `SELECT fox_wamp.expose_function('${schema}.mine()', root => '${root}')`, 'SELECT fox_wamp.sync()');
  try {
    for (let i = 0; i < 8; i++) {
      for (const role of [ann, bob]) assert.equal(await sql(`SET ROLE ${role}`, `SELECT fox_wamp.call('${root}.mine')`), `["${role}"]`);
      assert.deepEqual(await session.call(`${root}.mine`), []);
    }
  } finally {
    await sql(`DROP FUNCTION ${schema}.mine()`, `DROP TABLE ${schema}.mine`, `DROP OWNED BY ${ann}, ${bob}`, `DROP ROLE ${ann}, ${bob}`);
  }
});

test('the executor can not be signalled by who runs in it, and a STABLE function writes nothing', async () => {
  assert.match(await refused('SELECT pg_terminate_backend(pg_backend_pid())'), /not_authorized/);
  assert.match(await refused('SELECT pg_cancel_backend(pg_backend_pid())'), /not_authorized/);
  await sql(`CREATE FUNCTION ${schema}.calm() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN ${schema}.see(''calm''); END'`,
    `SELECT fox_wamp.expose_function('${schema}.calm()', root => '${root}')`, 'SELECT fox_wamp.sync()');
  assert.equal((await refusal(session.call(`${root}.calm`))).error, 'pg.error.25006');
});

test('parallel workers of a call have its role too', async () => {
  await sql(`CREATE TABLE ${schema}.big AS SELECT g FROM generate_series(1, 20000) g`, `GRANT SELECT ON ${schema}.big TO PUBLIC`, `ANALYZE ${schema}.big`,
    `CREATE FUNCTION ${schema}.mask(g int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE STABLE AS
       $$BEGIN RETURN CASE WHEN current_user || '/' || session_user || current_setting('is_superuser') = '${own}off' THEN 1 ELSE 1000 END; END$$`,
    `CREATE FUNCTION ${schema}.parallel(OUT n int, OUT workers bool) LANGUAGE plpgsql SET force_parallel_mode = on SET parallel_setup_cost = 0
       SET parallel_tuple_cost = 0 SET min_parallel_table_scan_size = 0 AS $$
       DECLARE line text; BEGIN workers := false;
         SELECT max(${schema}.mask(g)) INTO n FROM ${schema}.big;
         FOR line IN EXECUTE 'EXPLAIN (ANALYZE) SELECT max(${schema}.mask(g)) FROM ${schema}.big' LOOP workers := workers OR line ~ 'Workers Launched: [1-9]'; END LOOP;
       END $$`, `SELECT fox_wamp.expose_function('${schema}.parallel()', root => '${root}')`, 'SELECT fox_wamp.sync()');
  const result = await session.call(`${root}.parallel`);
  assert.deepEqual(result.kwargs, { n: 1, workers: true });
});

test('a role that is no more is refused', async () => {
  const role = `gone_${process.pid}`;
  await sql("LOAD 'fox_wamp'", `ALTER SYSTEM SET fox_wamp.anonymous_role = '${role}'`, 'SELECT pg_reload_conf()');
  try {
    await until(async () => /role "gone_\d+" does not exist/.test(await refused('SELECT 1').catch(() => '')));
  } finally {
    await sql('ALTER SYSTEM RESET fox_wamp.anonymous_role', 'SELECT pg_reload_conf()');
  }
  await until(() => run('SELECT 1').then((v) => v === '1', () => false));
});

test('none of it was ever the superuser', async () => {
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.seen WHERE who <> '${own}'`), '0');
});
