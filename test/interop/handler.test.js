'use strict';
// SQL functions as subscribers: what they are told, their order, their failures, and who they run as.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, sql, refusal, until, Raw } = require('./lib');
const { MqttClient } = require('./mqtt_client');

const schema = `h${process.pid}`;
let session;

/** Makes a function that keeps what it is called with, and attaches it. */
async function attach(pattern, options = '', name = 'keep', body = '') {
  await sql(`CREATE OR REPLACE FUNCTION ${schema}.${name}(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE plpgsql AS $fn$
    BEGIN
      ${body}
      INSERT INTO ${schema}.seen (pattern, topic, args, kwargs, details, role)
        VALUES ('${pattern}', $1, $2, $3, $4, current_user || ' ' || session_user || ' ' || coalesce(fox_wamp.session_id()::text, '-'));
    END $fn$`,
    `SELECT fox_wamp.attach('${pattern}', '${schema}.${name}(text,jsonb,jsonb,jsonb)'${options})`, 'SELECT fox_wamp.sync()');
}
const seen = (pattern, columns = 'args') => sql(`SELECT string_agg(concat_ws(' ', ${columns}), '|' ORDER BY id) FROM ${schema}.seen WHERE pattern = '${pattern}'`);
const detach = (pattern) => sql(`SELECT fox_wamp.detach('${pattern}')`);
const attached = (pattern, column) => sql(`SELECT ${column} FROM fox_wamp.attached WHERE pattern = '${pattern}'`);
const acknowledged = { acknowledge: true };

before(async () => {
  start();
  await sql(`CREATE SCHEMA ${schema}`, `CREATE TABLE ${schema}.seen (id bigserial, pattern text, topic text, args jsonb, kwargs jsonb, details jsonb, role text)`);
  session = await join();
});
after(async () => {
  await sql(`DROP SCHEMA ${schema} CASCADE`);
  stop();
});

for (const durable of [false, true]) {
  const kind = durable ? 'durable' : 'passing';
  const options = durable ? ", durable => true, retry_delay => '20 ms', max_attempts => 3" : '';

  test(`a ${kind} handler hears clients, SQL, stored values and NOTIFY, each once, a topic in order`, async () => {
    const pattern = `${kind}.all.#`;
    await attach(pattern, options);
    for (let i = 0; i < 20; i++) await session.publish(`${kind}.all.c`, [i], i === 0 ? { k: 'v' } : {}, i % 2 ? acknowledged : {});
    await sql(...Array.from({ length: 20 }, (_, i) => `SELECT fox_wamp.publish('${kind}.all.s', '[${i}]')`));
    await session.publish(`${kind}.all.r`, [{ x: 1 }], {}, { retain: true, acknowledge: true });
    await sql(`SELECT fox_wamp.bridge('${schema}', '${kind}.all.n')`, 'SELECT fox_wamp.sync()', `NOTIFY ${schema}, '{"note":1}'`);
    await sql(`SELECT fox_wamp.publish_now('${kind}.all.now', '[1]')`);
    await until(async () => (await sql(`SELECT count(*) FROM ${schema}.seen WHERE pattern = '${pattern}'`)) === '43');
    const numbers = Array.from({ length: 20 }, (_, i) => `[${i}]`).join('|');
    for (const topic of ['c', 's'])
      assert.equal(await sql(`SELECT string_agg(args::text, '|' ORDER BY id) FROM ${schema}.seen WHERE topic = '${kind}.all.${topic}'`), numbers, topic);
    assert.equal(await sql(`SELECT kwargs FROM ${schema}.seen WHERE topic = '${kind}.all.c' AND args = '[0]'`), '{"k": "v"}');
    assert.equal(await sql(`SELECT args FROM ${schema}.seen WHERE topic = '${kind}.all.r'`), '[{"x": 1}]');
    assert.equal(await sql(`SELECT args FROM ${schema}.seen WHERE topic = '${kind}.all.n'`), '[{"note": 1}]');
    assert.match(await sql(`SELECT details FROM ${schema}.seen WHERE topic = '${kind}.all.now'`), /"publication": \d+/);
    assert.equal(await sql(`SELECT fox_wamp.unbridge('${schema}')`), 't');
    assert.equal(await detach(pattern), 't');
  });

  test(`a ${kind} handler runs as the owner of its function, and can not be anybody else`, async () => {
    const pattern = `${kind}.role`;
    const role = `${schema}_${kind}`;
    await sql(`CREATE ROLE ${role}`, `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`,
      `GRANT INSERT ON ${schema}.seen TO ${role}`, `GRANT USAGE ON ${schema}.seen_id_seq TO ${role}`);
    await attach(pattern, options, `role_${kind}`);
    await sql(`ALTER FUNCTION ${schema}.role_${kind}(text,jsonb,jsonb,jsonb) OWNER TO ${role}`);
    assert.equal(await attached(pattern, 'owner'), role, 'the row follows');
    await session.publish(pattern, [1], {}, acknowledged);
    await until(async () => (await seen(pattern, 'role')) === `${role} ${role} -`);
    await sql(`CREATE OR REPLACE FUNCTION ${schema}.role_${kind}(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE plpgsql AS
      $fn$ BEGIN RESET ROLE; INSERT INTO ${schema}.seen (pattern, role) VALUES ('escaped', current_user); END $fn$`);
    await session.publish(pattern, [2], {}, acknowledged);
    await until(async () => /cannot set parameter "role"/.test(await attached(pattern, 'last_error')));
    assert.equal(await seen('escaped'), '');
    await sql(`ALTER ROLE ${role} RENAME TO ${role}_too`);
    await until(async () => (await attached(pattern, 'owner')) === `${role}_too`);
    await sql(`REASSIGN OWNED BY ${role}_too TO postgres`);
    await until(async () => (await attached(pattern, 'owner')) === 'postgres');
    await detach(pattern);
    await sql(`DROP OWNED BY ${role}_too`, `DROP ROLE ${role}_too`);
  });

  test(`a ${kind} handler follows CREATE OR REPLACE and RENAME, and goes with DROP`, async () => {
    const pattern = `${kind}.follow`;
    await attach(pattern, options, `follow_${kind}`);
    await sql(`ALTER FUNCTION ${schema}.follow_${kind}(text,jsonb,jsonb,jsonb) RENAME TO followed_${kind}`, 'SELECT fox_wamp.sync()');
    await session.publish(pattern, [1], {}, acknowledged);
    await until(async () => (await seen(pattern)) === '[1]');
    await sql(`CREATE OR REPLACE FUNCTION ${schema}.followed_${kind}(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS
      $fn$ INSERT INTO ${schema}.seen (pattern, args) VALUES ('${pattern}', '"replaced"') $fn$`);
    await session.publish(pattern, [2], {}, acknowledged);
    await until(async () => (await seen(pattern)) === '[1]|"replaced"');
    await sql(`DROP FUNCTION ${schema}.followed_${kind}(text,jsonb,jsonb,jsonb)`, 'SELECT fox_wamp.sync()');
    assert.equal(await attached(pattern, 'count(*)'), '0');
  });

  test(`a ${kind} handler that sets itself off does not do so for ever`, async () => {
    const pattern = `${kind}.loop`;
    await attach(pattern, options, `loop_${kind}`, `PERFORM fox_wamp.publish('${pattern}', jsonb_build_array((args->>0)::int + 1));`);
    await session.publish(pattern, [0], {}, acknowledged);
    await until(async () => /handlers have set off one another 16 times/.test(await attached(pattern, 'last_error')));
    await until(async () => (await attached(pattern, 'running + waiting')) === '0');
    assert.equal(await seen(pattern), Array.from({ length: 16 }, (_, i) => `[${i}]`).join('|'), 'and the last call has left nothing');
    await detach(pattern);
  });
}

test('what a durable handler fails is tried again, blocks its topic alone, and is kept in the end', async () => {
  const pattern = 'retry.#';
  await attach(pattern, ", durable => true, retry_delay => '10 ms', max_attempts => 4", 'retry',
    `IF args->>0 = 'bad' OR (args->>0 = 'later' AND (details->>'attempt')::int < 3) THEN RAISE EXCEPTION 'no %', args->>0; END IF;`);
  await sql(`SELECT fox_wamp.publish('retry.a', '["later"]'), fox_wamp.publish('retry.a', '["behind"]'), fox_wamp.publish('retry.b', '["bad"]'),
    fox_wamp.publish('retry.b', '["after"]'), fox_wamp.publish('retry.c', '["good"]')`);
  await until(async () => (await sql(`SELECT count(*) FROM ${schema}.seen WHERE pattern = '${pattern}'`)) === '4');
  const of = (topic) => sql(`SELECT string_agg(args->>0 || (details->>'attempt'), ' ' ORDER BY id) FROM ${schema}.seen WHERE topic = '${topic}'`);
  assert.equal(await of('retry.a'), 'later3 behind1');
  assert.equal(await of('retry.b'), 'after1', 'the one before is given up');
  assert.equal(await sql("SELECT topic, attempts, last_error, dead FROM fox_wamp.delivery WHERE topic LIKE 'retry.%'"), 'retry.b|4|P0001: no bad|t');
  assert.equal(await attached(pattern, "concat_ws(' ', waiting, failing, dead)"), '0 0 1');
  assert.equal(await sql("SELECT ok, detail FROM fox_wamp.doctor() WHERE check_name = 'handlers'"), 'f|1 events have failed for good');
  await sql(`CREATE OR REPLACE FUNCTION ${schema}.retry(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS
    $fn$ INSERT INTO ${schema}.seen (pattern, args) VALUES ('mended', args) $fn$`);
  assert.equal(await sql("SELECT fox_wamp.retry_delivery(id) FROM fox_wamp.delivery WHERE topic = 'retry.b'"), 't');
  await until(async () => (await seen('mended')) === '["bad"]');
  assert.equal(await sql("SELECT count(*) FROM fox_wamp.delivery WHERE topic LIKE 'retry.%'"), '0');
  await detach(pattern);
});

test('what a passing handler fails is counted, and gone', async () => {
  const pattern = 'fails';
  await attach(pattern, '', 'fails', "IF args->>0 = 'bad' THEN RAISE EXCEPTION 'no'; END IF;");
  await session.publish(pattern, ['bad'], {}, acknowledged);
  await session.publish(pattern, ['good'], {}, acknowledged);
  await until(async () => (await seen(pattern)) === '["good"]');
  assert.equal(await attached(pattern, "concat_ws(' ', runs, failures, dropped, last_error)"), '2 1 0 no');
  await detach(pattern);
});

test('PUBLISHED comes when a durable handler has it in its queue', async () => {
  const pattern = 'queued';
  await sql(`CREATE FUNCTION ${schema}.slow(topic text) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock(77)'`,
    `SELECT fox_wamp.attach('${pattern}', '${schema}.slow(text)', durable => true)`, 'SELECT fox_wamp.sync()');
  const holder = sql('BEGIN', 'SELECT pg_advisory_xact_lock(77)',
    `SELECT * FROM fox_wamp.wait_for('${pattern}.go', '60s')`, 'COMMIT');
  await until(async () => (await sql("SELECT count(*) FROM fox_wamp.subscription WHERE topic = 'queued.go'")) === '1');
  await session.publish(pattern, [1], {}, acknowledged);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.delivery WHERE topic = '${pattern}'`), '1', 'while the handler is at work it is still there');
  await session.publish(`${pattern}.go`, [], {}, acknowledged);
  await holder;
  await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.delivery WHERE topic = '${pattern}'`)) === '0');
  await detach(pattern);
});

test('a queue that can not be written for a while keeps the publisher waiting, and loses nothing', async () => {
  const pattern = 'locked.#';
  await attach(pattern, ', durable => true', 'locked');
  const holder = sql('BEGIN', 'LOCK TABLE fox_wamp.delivery', "SELECT * FROM fox_wamp.wait_for('unlock', '60s')", 'COMMIT');
  await until(async () => (await sql("SELECT count(*) FROM fox_wamp.subscription WHERE topic = 'unlock'")) === '1');
  let published = 0;
  const all = [1, 2, 3].map((n) => session.publish('locked.a', [n], {}, acknowledged).then(() => { published++; }));
  await until(async () => (await sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.backend_type = 'fox_wamp executor'")) !== '0');
  assert.equal(published, 0);
  await session.publish('unlock', [], {}, acknowledged);
  await Promise.all([holder, ...all]);
  await until(async () => (await seen(pattern)) === '[1]|[2]|[3]');
  await detach(pattern);
});

test('what jsonb can not hold is kept as failed; the character 0 it can, as elsewhere', async () => {
  const pattern = 'odd.#';
  await attach(pattern, ', durable => true', 'odd');
  const raw = await Raw.join();
  raw.ws.send('[16,1,{"acknowledge":true},"odd.a",[1e400000]]');
  assert.equal((await raw.next())[0], 17);
  raw.ws.send('[16,2,{"acknowledge":true},"odd.a",["a\\u0000b"],{"big":12345678901234567890.5}]');
  assert.equal((await raw.next())[0], 17);
  await until(async () => (await seen(pattern, 'args, kwargs')) === '[{"$text": "YQBi"}] {"big": 12345678901234567890.5}');
  assert.equal(await sql("SELECT dead, last_error FROM fox_wamp.delivery WHERE topic = 'odd.a'"), "t|22023: the event's arguments are nothing that jsonb takes");
  assert.equal(await sql("SELECT fox_wamp.drop_delivery(id) FROM fox_wamp.delivery WHERE topic = 'odd.a'"), 't');
  await detach(pattern);
});

test('what MQTT publishes, PUBACK and PUBCOMP come when it is in the queue', async () => {
  const pattern = 'thing.#';
  const c = await MqttClient.join(5);
  for (const durable of [false, true]) {
    await attach(pattern, `, durable => ${durable}`, 'mqtt', "IF topic = 'thing.broken' THEN RAISE EXCEPTION 'broken'; END IF;");
    await sql(`DELETE FROM ${schema}.seen`);
    assert.equal((await c.publish('thing/a', '{"t":21.5}', { qos: 1 })).cmd, 'puback');
    assert.equal((await c.publish('thing/b', Buffer.from([255, 0]), { qos: 2 })).cmd, 'pubcomp');
    await c.publish('thing/c', 'kept', { qos: 1, retain: true });
    await c.publish('thing/c', '', { qos: 1, retain: true });
    await until(async () => (await seen(pattern, 'topic, args, kwargs')) ===
      'thing.a [] {"t": 21.5}|thing.b [{"$text": "AC93QT0="}] {}|thing.c ["kept"] {}|thing.c [] {}');
  }
  assert.equal((await c.publish('thing/broken', 'x', { qos: 1 })).cmd, 'puback');
  assert.equal(await sql("SELECT count(*) FROM fox_wamp.delivery WHERE topic = 'thing.broken'"), '1');
  await detach(pattern);
  c.kill();
});

test('the router\'s own events can be handled too', async () => {
  const pattern = 'wamp.session.on_join';
  for (const durable of [false, true]) {
    await attach(pattern, `, durable => ${durable}`, 'meta');
    const other = await join();
    await until(async () => (await seen(pattern, "args->0->'session'") ?? '').split('|').includes(String(other.id)));
  }
  await detach(pattern);
});

test('several of a handler run at a time if that is asked for, of one topic one after the other', async () => {
  const pattern = 'many.#';
  for (const durable of [false, true]) {
    const key = durable ? 79 : 78;
    await sql(`CREATE OR REPLACE FUNCTION ${schema}.many(topic text, args jsonb) RETURNS void LANGUAGE plpgsql AS $fn$ BEGIN
      INSERT INTO ${schema}.seen (pattern, topic, args) VALUES ('many ${durable}', topic, args); PERFORM pg_advisory_xact_lock_shared(${key}); END $fn$`,
      `SELECT fox_wamp.attach('${pattern}', '${schema}.many(text,jsonb)', durable => ${durable}, concurrency => 2)`, 'SELECT fox_wamp.sync()');
    const holder = sql('BEGIN', `SELECT pg_advisory_xact_lock(${key})`, "SELECT * FROM fox_wamp.wait_for('many_go', '60s')", 'COMMIT');
    await until(async () => (await sql("SELECT count(*) FROM fox_wamp.subscription WHERE topic = 'many_go'")) === '1');
    await sql("SELECT fox_wamp.publish('many.a', '[1]'), fox_wamp.publish('many.a', '[2]'), fox_wamp.publish('many.b', '[1]')");
    await until(async () => (await sql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${key} AND NOT granted`)) === '2');
    await session.publish('many_go', [], {}, acknowledged);
    await holder;
    await until(async () => (await seen(`many ${durable}`)).split('|').length === 3);
    assert.equal(await sql(`SELECT string_agg(args::text, ' ' ORDER BY id) FROM ${schema}.seen WHERE pattern = 'many ${durable}' AND topic = 'many.a'`), '[1] [2]');
  }
  await detach(pattern);
});

test('who may attach is asked for EXECUTE, and clients can not see what is queued', async () => {
  assert.match((await refusal(sql("SET ROLE fox_wamp_anonymous", "SELECT fox_wamp.attach('x', 'now()')"))).message, /permission denied/);
  assert.match((await refusal(sql("SET ROLE fox_wamp_anonymous", 'TABLE fox_wamp.delivery'))).message, /permission denied/);
});
