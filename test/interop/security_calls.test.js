'use strict';
// What the caller of an exposed function may try beyond functions_role.test.js: settings of its own
// role, transactions, results that are computed late, names of errors; and callers that go away.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, refusal, until, withSettings, Raw } = require('./lib');

const role = `calls_${process.pid}`;
const schema = `sc${process.pid}`;
const root = `scr${process.pid}`;
const expose = (signature) => `SELECT fox_wamp.expose_function('${schema}.${signature}', root => '${root}')`;
let session;

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${role}`, `CREATE SCHEMA ${schema}`, `GRANT ALL ON SCHEMA ${schema} TO PUBLIC`,
    `SELECT fox_wamp.expose_root('${root}')`, `CREATE TABLE ${schema}.seen (who text)`, `GRANT ALL ON ${schema}.seen TO PUBLIC`,
    `CREATE FUNCTION ${schema}.run(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE statement text; result text; BEGIN
        FOREACH statement IN ARRAY statements LOOP
          IF statement ~* '^(select|show)' THEN EXECUTE statement INTO result; ELSE EXECUTE statement; END IF;
        END LOOP; RETURN result; END $$`, expose('run(text[])'), 'SELECT fox_wamp.sync()');
  session = await join({ authid: role, authmethods: ['ticket'], onchallenge: () => 'pw' });
});
after(async () => {
  session.leaveNow();
  await sql(`DROP SCHEMA ${schema} CASCADE`, `DELETE FROM fox_wamp.root WHERE name = '${root}'`, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  stop();
});

const run = (...statements) => session.call(`${root}.run`, statements);
const refused = async (...statements) => { const e = await refusal(run(...statements)); return `${e.error} ${e.args[0]}`; };
const WHO = "SELECT current_user || '/' || session_user || '/' || current_setting('is_superuser')";
const own = `${role}/${role}/off`;

for (const setting of ["role = 'postgres'", "session_authorization = 'postgres'", "role = 'none'"]) {
  test(`ALTER ROLE … SET ${setting}, which every log-in of the role applies, makes it nobody else`, async () => {
    // Who may not become that role is only warned, as is who names no tablespace.
    await sql(`SET ROLE ${role}`, `ALTER ROLE ${role} SET ${setting}`, `ALTER ROLE ${role} SET default_tablespace = 'nowhere'`,
      `ALTER ROLE ${role} SET work_mem = '77MB'`);
    try {
      // What an executor knows of a role's settings may be a second old.
      await until(async () => (await run('SHOW work_mem')) === '77MB');
      assert.equal(await run(WHO), own);
      assert.equal(await run('SHOW role'), 'none');
      assert.match(await refused('RESET ROLE'), /not_authorized/);
      assert.match(await refused('SELECT pg_read_file(\'PG_VERSION\')'), /not_authorized/);
      assert.equal(await run('DO $d$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END $d$', WHO), own, 'after a subtransaction that was rolled back');
    } finally {
      await sql(`ALTER ROLE ${role} RESET ALL`);
      await until(async () => (await run('SHOW work_mem')) !== '77MB');
    }
  });
}

test('a caller reaches no file, program, secret, nor what only superusers set', async () => {
  for (const statement of ["SELECT pg_read_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')", "COPY pg_class TO PROGRAM 'true'", "COPY pg_class TO '/tmp/a'",
    "LOAD '/tmp/a.so'", 'SELECT pg_reload_conf()', "ALTER SYSTEM SET work_mem = '1MB'", "SET fox_wamp.superuser_login = 'on'", "SET fox_wamp.anonymous_role = 'postgres'",
    "SELECT set_config('is_superuser', 'on', false)", 'ALTER ROLE CURRENT_USER SUPERUSER', 'CREATE ROLE a', 'GRANT postgres TO CURRENT_USER', 'SELECT rolpassword FROM pg_authid',
    'SELECT verifier FROM fox_wamp.auth_user', 'SELECT jwk FROM fox_wamp.jwt_key', "SELECT fox_wamp.create_user('a', 'b', 'c')", 'SELECT fox_wamp.stop()',
    "INSERT INTO fox_wamp.permission (realm, role, pattern) VALUES ('realm1', 'public', 'a')", 'CREATE EVENT TRIGGER a ON ddl_command_end EXECUTE FUNCTION fox_wamp.config_trigger()']) {
    assert.match(await refused(statement), /^(wamp\.error\.not_authorized|pg\.error\.\w+) .*(permission denied|must be|cannot|superuser|not allowed|privilege)/i, statement);
  }
});

for (const setting of ['role', 'session_authorization']) {
  test(`ALTER DATABASE … SET ${setting}, which means its users, takes no right of the router's processes`, async () => {
    const [, , name] = [...(await sql('SELECT 1, 2, current_database()')).split('|')];
    const restart = [`SET ${setting} = postgres`, 'SELECT fox_wamp.restart()', "SELECT fox_wamp.wait_until_running('60s')"];
    await sql(`ALTER DATABASE ${name} SET ${setting} = '${role}'`);
    try {
      assert.match(await sql(...restart), /t$/);
      const other = await join({ authid: role, authmethods: ['ticket'], onchallenge: () => 'pw' });
      assert.equal(await other.call(`${root}.run`, [WHO]), own);
      other.leaveNow();
    } finally {
      await sql(`SET ${setting} = postgres`, `ALTER DATABASE ${name} RESET ${setting}`);
    }
    await sql('SELECT fox_wamp.restart()', "SELECT fox_wamp.wait_until_running('60s')");
    session = await join({ authid: role, authmethods: ['ticket'], onchallenge: () => 'pw' });
  });
}

test('no transaction is ended from within, by no statement', async () => {
  await run(`CREATE PROCEDURE ${schema}.ends() LANGUAGE plpgsql AS $p$ BEGIN INSERT INTO ${schema}.seen VALUES ('ended'); COMMIT; END $p$`);
  for (const statement of ['DO $d$ BEGIN COMMIT; END $d$', 'DO $d$ BEGIN ROLLBACK; END $d$', `CALL ${schema}.ends()`, 'COMMIT AND CHAIN', 'ROLLBACK', 'END', 'ABORT',
    "PREPARE TRANSACTION 'kept'", 'SAVEPOINT a', 'BEGIN', 'START TRANSACTION', 'VACUUM', 'DISCARD TEMP', 'DISCARD SEQUENCES', 'LISTEN x', 'UNLISTEN *']) {
    await refused(statement).then((error) => assert.match(error, /pg\.error\.|not_authorized/, statement),
      () => assert.ok(/DISCARD|UNLISTEN/.test(statement), `${statement} was carried out`));
    assert.equal(await run(WHO), own, statement);
  }
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.seen`), '0');
  assert.equal(await sql('SELECT count(*) FROM pg_prepared_xacts'), '0');
});

test('nobody decides what the next caller\'s transaction may do', async () => {
  await run('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', "SET default_transaction_isolation = 'serializable'", 'SET SESSION CHARACTERISTICS AS TRANSACTION DEFERRABLE',
    "SET row_security = off", "SET constraint_exclusion = off", "SET statement_timeout = 1", "SET lock_timeout = 1", "SET client_min_messages = 'error'");
  assert.equal(await run(`INSERT INTO ${schema}.seen VALUES ('next')`, 'SHOW transaction_isolation'), 'read committed');
  for (const [name, value] of [['row_security', 'on'], ['statement_timeout', '0'], ['lock_timeout', '0'], ['default_transaction_read_only', 'off']]) assert.equal(await run(`SHOW ${name}`), value);
  await sql(`TRUNCATE ${schema}.seen`);
});

test('what becomes JSON after the function has ended does so as the caller', async () => {
  const see = (what) => `INSERT INTO ${schema}.seen VALUES ('${what} ' || current_user || '/' || session_user)`;
  await sql(`CREATE TYPE ${schema}.pair AS (a int)`, `CREATE FUNCTION ${schema}.as_json(${schema}.pair) RETURNS json LANGUAGE plpgsql AS $$ BEGIN ${see('cast')}; RETURN '{"a":"cast"}'; END $$`,
    `CREATE CAST (${schema}.pair AS json) WITH FUNCTION ${schema}.as_json(${schema}.pair)`,
    `CREATE FUNCTION ${schema}.pairs() RETURNS ${schema}.pair[] LANGUAGE sql AS 'SELECT ARRAY[ROW(1)::${schema}.pair]'`, expose('pairs()'),
    `CREATE FUNCTION ${schema}.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${see('trigger')}; RETURN NULL; END $$`,
    `CREATE TABLE ${schema}.later (a int)`, `GRANT ALL ON ${schema}.later TO PUBLIC`,
    `CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ${schema}.later DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION ${schema}.touch()`, 'SELECT fox_wamp.sync()');
  await session.call(`${root}.pairs`);
  await run('SET CONSTRAINTS ALL DEFERRED', `INSERT INTO ${schema}.later VALUES (1)`);
  assert.match(await sql(`SELECT string_agg(who, ',') FROM ${schema}.seen WHERE who LIKE 'trigger%'`), new RegExp(`^trigger ${role}/${role}$`));
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.seen WHERE who NOT LIKE '% ${role}/${role}'`), '0');
});

test('a deferred trigger that fails undoes the call, and the caller hears of it', async () => {
  await run(`CREATE FUNCTION ${schema}.fails() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE 'too late'; END $f$`, `CREATE TABLE ${schema}.failing (a int)`,
    `CREATE CONSTRAINT TRIGGER t AFTER INSERT ON ${schema}.failing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.fails()`);
  assert.equal(await refused(`INSERT INTO ${schema}.failing VALUES (1)`), 'pg.error.P0001 too late');
  assert.equal(await run(WHO), own);
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.failing`), '0');
});

test('a function that raises fox_wamp\'s own error by hand names it as error() does', async () => {
  const raised = (uri) => `DO $d$ BEGIN RAISE 'raised' USING ERRCODE = 'WF009', DATATYPE = $u$${uri}$u$; END $d$`;
  for (const uri of ['com.example.mine', '"],"x":["']) assert.equal(await refused(raised(uri)), `${uri} raised`);
  for (const uri of ['no uri', 'a..b', 'a\n', '', 'x'.repeat(5000)]) assert.equal(await refused(raised(uri)), 'wamp.error.runtime_error raised', uri.slice(0, 20));
});

test('callers that go away while executors answer, in the middle of rows too', () => withSettings({ 'fox_wamp.auth_attempts': 0 }, async () => {
  await sql(`CREATE FUNCTION ${schema}.rows(n int) RETURNS SETOF text LANGUAGE sql AS $$ SELECT repeat('x', 1000) || i FROM generate_series(1, n) i $$`, expose('rows(int)'),
    `CREATE FUNCTION ${schema}.naps() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); END $$`, expose('naps()'), 'SELECT fox_wamp.sync()');
  const leave = [(raw) => raw.ws.terminate(), (raw) => raw.send([6, {}, 'wamp.close.close_realm']), (raw) => raw.send('no WAMP'),
    (raw) => { raw.send([49, 1, { mode: 'kill' }]); raw.ws.terminate(); }];
  for (let round = 0; round < 12; round++) {
    const raws = await Promise.all(Array.from({ length: 8 }, () => Raw.join()));
    raws.forEach((raw, i) => {
      raw.send([48, 1, { receive_progress: true }, `${root}.rows`, [2000]]);
      for (let request = 2; request < 6; request++) raw.send([48, request, { timeout: 1 + i }, `${root}.naps`]);
    });
    if (round % 3 > 0) await Promise.all(raws.map((raw) => raw.next()));
    raws.forEach((raw, i) => leave[(i + round) % leave.length](raw));
    await Promise.all(raws.map((raw, i) => ((i + round) % leave.length === 1 ? raw.ws.terminate() : raw.closed)));
  }
  assert.equal(await run(WHO), own);
  await until(async () => (await sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'function_calls_open'")) === '0');
}));
