'use strict';
// Functions of the database as authorizers and authenticators, and policies of row-level security as an authorizer.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, join, Raw, fresh, sql, refusal, autobahn, withSettings, env } = require('./lib');

const realm = fresh('realm');
const schema = fresh('schema').replaceAll('.', '_');
const judge = `${schema}_judge`;
const member = `${schema}_member`;
const sync = 'SELECT fox_wamp.sync()';

before(async () => {
  start();
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `CREATE ROLE "${judge}"`, `CREATE ROLE "${member}"`,
    `GRANT fox_wamp_connect TO "${member}"`, `CREATE SCHEMA "${schema}"`, `GRANT USAGE ON SCHEMA "${schema}" TO "${judge}"`,
    `CREATE TABLE "${schema}".asked (n bigint GENERATED ALWAYS AS IDENTITY, uri text, action text, options jsonb, match text, runs_as text, session bigint)`,
    `GRANT SELECT, INSERT ON "${schema}".asked TO "${judge}"`,
    `CREATE FUNCTION "${schema}".judge(session jsonb, uri text, action text, options jsonb, match text) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO "${schema}".asked (uri, action, options, match, runs_as, session) VALUES ($2, $3, $4, $5, current_user, fox_wamp.session_id());
        IF uri LIKE '%.fails' THEN RAISE 'out of order'; END IF;
        RETURN CASE WHEN uri LIKE '%.null' THEN NULL ELSE jsonb_build_object('allow', uri NOT LIKE '%.no', 'cache', uri LIKE '%.kept') END;
      END $$`,
    `ALTER FUNCTION "${schema}".judge OWNER TO "${judge}"`,
    `CREATE FUNCTION "${schema}".yes(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT true'`);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`, `DROP SCHEMA "${schema}" CASCADE`, `DROP ROLE "${judge}"`, `DROP ROLE "${member}"`);
  stop();
});

/** One who is told what it loses. */
async function attentive(where) {
  const raw = await Raw.connect();
  raw.send([1, where, { roles: { subscriber: { features: { subscription_revocation: true } }, callee: { features: { registration_revocation: true } } } }]);
  assert.equal((await raw.next())[0], 2);
  return raw;
}
const close = () => sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`, `TRUNCATE "${schema}".asked RESTART IDENTITY`, sync);
const ask = (pattern, name, more = '') => sql(`INSERT INTO fox_wamp.permission (realm, role, pattern, allow_publish, allow_subscribe, allow_call, allow_register, authorizer_function, authorizer_role)
  VALUES ('${realm}', 'public', '${pattern}', true, true, true, true, '"${schema}".${name}(jsonb,text,text,jsonb,text)', ${more || 'NULL'})`, sync);
const asked = () => sql(`SELECT string_agg(action || ' ' || uri || ' ' || match, ', ' ORDER BY n) FROM "${schema}".asked`);

test('a function decides over SUBSCRIBE, PUBLISH, CALL and REGISTER, as its owner', async () => {
  await close();
  await ask('#', 'judge');
  const [p, callee] = [await Raw.join(realm), await Raw.join(realm)];
  assert.equal((await p.ask([32, 1, {}, 'a.yes']))[0], 33);
  assert.equal((await p.ask([16, 2, { acknowledge: true }, 'b.yes', [1]]))[0], 17);
  assert.equal((await callee.ask([64, 1, {}, 'c.yes']))[0], 65);
  p.send([48, 3, {}, 'c.yes', [5]]);
  const invocation = await callee.next();
  callee.send([70, invocation[1], {}, [6]]);
  assert.deepEqual((await p.next()).slice(3), [[6]]);
  for (const [request, answer] of [[[32, 4, {}, 'a.no']], [[16, 5, { acknowledge: true }, 'a.no']], [[48, 6, {}, 'a.no']], [[64, 7, {}, 'a.null']]]) {
    assert.equal((await p.ask(request, answer))[4], 'wamp.error.not_authorized');
  }
  assert.equal(await asked(), 'subscribe a.yes exact, publish b.yes exact, register c.yes exact, call c.yes exact, ' +
    'subscribe a.no exact, publish a.no exact, call a.no exact, register a.null exact');
  assert.equal(await sql(`SELECT DISTINCT runs_as FROM "${schema}".asked`), judge);
  assert.equal(await sql(`SELECT count(DISTINCT session) FROM "${schema}".asked`), '2');
  p.ws.terminate();
  callee.ws.terminate();
});

test('its errors deny, and stand in the log', async () => {
  await close();
  await ask('#', 'judge');
  const p = await Raw.join(realm);
  const answer = await p.ask([32, 1, {}, 'a.fails']);
  assert.equal(answer[4], 'wamp.error.authorization_failed');
  assert.match(answer[5][0], /the authorizer has given no answer/);
  const log = fs.readFileSync(path.join(env.data, '..', 'log'), 'utf8');
  assert.match(log, /ERROR: +out of order/);
  assert.match(log, new RegExp(`WARNING: .*function ${schema}\\.judge.* was asked by the router and has failed: pg\\.error\\.P0001: out of order`));
  p.ws.terminate();
});

test('an answer that is to be kept is asked for once, until rows or the function change', async () => {
  await close();
  await ask('#', 'judge');
  const p = await Raw.join(realm);
  for (let n = 1; n <= 3; n++) assert.equal((await p.ask([16, n, { acknowledge: true }, 'a.kept']))[0], 17);
  for (let n = 4; n <= 5; n++) assert.equal((await p.ask([16, n, { acknowledge: true }, 'a.yes']))[0], 17);
  assert.equal(await asked(), 'publish a.kept exact, publish a.yes exact, publish a.yes exact');
  await sql(`SELECT fox_wamp.forget_decisions()`, sync);
  await p.ask([16, 6, { acknowledge: true }, 'a.kept']);
  await p.ask([16, 7, { acknowledge: true }, 'a.kept']);
  assert.equal(await sql(`SELECT count(*) FROM "${schema}".asked WHERE uri = 'a.kept'`), '2');
  await sql(`ALTER FUNCTION "${schema}".judge COST 50`, sync);
  await p.ask([16, 8, { acknowledge: true }, 'a.kept']);
  assert.equal(await sql(`SELECT count(*) FROM "${schema}".asked WHERE uri = 'a.kept'`), '3');
  p.ws.terminate();
});

test('the row follows ALTER, a new body holds at once, and without the function nothing is allowed', async () => {
  await close();
  await sql(`CREATE FUNCTION "${schema}".passing(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT true'`);
  await ask('#', 'passing');
  const p = await Raw.join(realm);
  assert.equal((await p.ask([16, 1, { acknowledge: true }, 'a']))[0], 17);
  await sql(`ALTER FUNCTION "${schema}".passing RENAME TO passed`, sync);
  assert.equal(await sql(`SELECT authorizer_function FROM fox_wamp.permission WHERE realm = '${realm}'`),
    `${schema}.passed(pg_catalog.jsonb,pg_catalog.text,pg_catalog.text,pg_catalog.jsonb,pg_catalog.text)`);
  assert.equal((await p.ask([16, 2, { acknowledge: true }, 'a']))[0], 17);
  await sql(`CREATE OR REPLACE FUNCTION "${schema}".passed(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT false'`, sync);
  assert.equal((await p.ask([16, 3, { acknowledge: true }, 'a']))[4], 'wamp.error.not_authorized');
  const offered = await attentive(realm);
  await sql(`CREATE OR REPLACE FUNCTION "${schema}".passed(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT true'`, sync);
  const [kind, , registration] = await offered.ask([64, 1, {}, 'a.procedure']);
  assert.equal(kind, 65);
  await sql(`DROP FUNCTION "${schema}".passed`, sync);
  assert.deepEqual(await offered.next(), [67, 0, { registration, reason: 'wamp.error.not_authorized' }]);
  offered.ws.terminate();
  assert.equal((await p.ask([16, 4, { acknowledge: true }, 'a']))[4], 'wamp.error.authorization_failed');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.permission WHERE realm = '${realm}'`), '1');
  p.ws.terminate();
});

test('it runs as the role that the row says', async () => {
  await close();
  await sql(`GRANT INSERT ON "${schema}".asked TO "${member}"`, `GRANT USAGE ON SCHEMA "${schema}" TO "${member}"`);
  await ask('#', 'judge', `'${member}'`);
  const p = await Raw.join(realm);
  assert.equal((await p.ask([16, 1, { acknowledge: true }, 'a.yes']))[0], 17);
  assert.equal(await sql(`SELECT runs_as FROM "${schema}".asked`), member);
  p.ws.terminate();
});

test('one that sleeps stops neither the router nor other sessions, and is no answer in the end', async () => {
  await close();
  await sql(`CREATE FUNCTION "${schema}".sleepy(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(600) IS NULL'`);
  await ask('slow.#', 'sleepy');
  await sql(`INSERT INTO fox_wamp.permission (realm, role, pattern, allow_publish) VALUES ('${realm}', 'public', 'fast', true)`, sync);
  const [p, q] = [await Raw.join(realm), await Raw.join(realm)];
  p.send([32, 1, {}, 'slow.a']);
  assert.equal((await q.ask([16, 1, { acknowledge: true }, 'fast']))[0], 17);
  assert.equal((await p.next())[4], 'wamp.error.authorization_failed');
  p.ws.terminate();
  q.ws.terminate();
});

test('what can be no authorizer is refused, and so is who may not act as its role', async () => {
  const insert = (name, more = '') => sql(`INSERT INTO fox_wamp.permission (realm, role, pattern, authorizer_function${more && ', authorizer_role'}) VALUES ('${realm}', 'public', 'x', '${name}'${more})`);
  await assert.rejects(insert(`"${schema}".nowhere(jsonb)`), /nowhere\(jsonb\)" does not exist/);
  await assert.rejects(insert('pg_catalog.jsonb_typeof(jsonb)'), /can not be an authorizer/);
  await assert.rejects(insert(`"${schema}".yes(jsonb,text,text,jsonb,text)`, ", 'no such role'"), /role "no such role" does not exist/);
  await assert.rejects(sql(`INSERT INTO fox_wamp.permission (realm, role, pattern, authorizer, authorizer_function) VALUES ('${realm}', 'public', 'x', 'a', '"${schema}".yes(jsonb,text,text,jsonb,text)')`), /permission_one_authorizer/);
  await sql(`CREATE ROLE "${schema}_admin"`, `GRANT fox_wamp_admin TO "${schema}_admin"`, `GRANT USAGE ON SCHEMA "${schema}" TO "${schema}_admin"`);
  const admin = (name) => sql(`SET ROLE "${schema}_admin"`, `INSERT INTO fox_wamp.permission (realm, role, pattern, authorizer_function) VALUES ('${realm}', 'public', 'x', '"${schema}".${name}(jsonb,text,text,jsonb,text)')`);
  await assert.rejects(admin('yes'), /must be a member of role/);
  await assert.rejects(admin('judge'), /must be a member of role/);
  await sql(`GRANT "${judge}" TO "${schema}_admin"`);
  await admin('judge');
  await sql(`REVOKE USAGE ON SCHEMA "${schema}" FROM "${schema}_admin"`, `DROP ROLE "${schema}_admin"`);
});

// --- authenticators ---

const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, body);
const reason = async (promise) => (await refusal(promise)).details.reason;

test('a function says who logs in', () => guessing(async () => {
  const inside = fresh('realm');
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
  const hex = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const verifier = await sql("SELECT fox_wamp.scram_verifier('known')");
  await sql(`SELECT fox_wamp.create_realm('${inside}')`,
    `CREATE FUNCTION "${schema}".who(realm text, authid text, method text, details jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN
        IF authid = 'fails' THEN RAISE 'out of order'; END IF;
        RETURN CASE
          WHEN method = 'ticket' AND details->>'ticket' = 'open sesame' THEN
            jsonb_build_object('role', '${member}', 'authid', 'ali', 'extra', jsonb_build_object('realm', realm, 'said', authid, 'method', details->>'authmethod'))
          WHEN method = 'ticket' AND details->>'ticket' = 'no role' THEN jsonb_build_object('role', '${judge}')
          WHEN method = 'wampcra' AND authid = 'ann' THEN jsonb_build_object('role', '${member}', 'secret', 'known')
          WHEN method = 'wamp-scram' AND authid = 'ann' THEN jsonb_build_object('role', '${member}', 'verifier', '${verifier}', 'extra', '{"shoe": 44}'::jsonb)
          WHEN method = 'cryptosign' AND authid = 'ann' THEN jsonb_build_object('role', '${member}', 'public_key', '${hex}')
        END;
      END $$`,
    ...['ticket', 'wampcra', 'cryptosign', 'wamp-scram'].map((m) =>
      `INSERT INTO fox_wamp.auth_method (realm, method, authenticator_function) VALUES ('${inside}', '${m}', '"${schema}".who(text,text,text,jsonb)')`),
    sync);
  const logIn = (authid, methods, onchallenge) => join({ realm: inside, authid, authmethods: methods, onchallenge });
  const ticket = (authid, secret) => logIn(authid, ['ticket'], () => secret);

  const raw = await Raw.connect();
  raw.send([1, inside, { roles: { caller: {} }, authid: 'ann', authmethods: ['ticket'] }]);
  assert.equal((await raw.next())[1], 'ticket');
  raw.send([5, 'open sesame', {}]);
  const welcome = (await raw.next())[2];
  assert.deepEqual([welcome.authid, welcome.authrole, welcome.authmethod, welcome.authprovider], ['ali', member, 'ticket', 'dynamic']);
  assert.deepEqual(welcome.authextra, { realm: inside, said: 'ann', method: 'ticket' });
  raw.ws.terminate();
  assert.equal(await reason(ticket('ann', 'wrong')), 'wamp.error.authentication_denied');
  assert.equal(await reason(ticket('ann', 'no role')), 'wamp.error.no_such_role');
  assert.equal(await reason(ticket('fails', 'x')), 'wamp.error.authentication_failed');

  const cra = (authid, secret) => logIn(authid, ['wampcra'], (s, method, extra) => autobahn.auth_cra.sign(secret, extra.challenge));
  (await cra('ann', 'known')).leaveNow();
  assert.equal(await reason(cra('ann', 'wrong')), 'wamp.error.authentication_denied');
  assert.equal(await reason(cra('bob', 'known')), 'wamp.error.authentication_denied');

  const sign = async (key, pubkey) => {
    const peer = await Raw.connect();
    peer.send([1, inside, { roles: { caller: {} }, authid: 'ann', authmethods: ['cryptosign'], authextra: { pubkey } }]);
    const challenge = await peer.next();
    peer.send([5, crypto.sign(null, Buffer.from(challenge[2].challenge, 'hex'), key).toString('hex'), {}]);
    const answer = await peer.next();
    peer.ws.terminate();
    return answer[0];
  };
  assert.equal(await sign(privateKey, hex), 2);
  const other = crypto.generateKeyPairSync('ed25519');
  assert.equal(await sign(other.privateKey, other.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')), 3);

  await sql(`ALTER FUNCTION "${schema}".who RENAME TO whoever`, sync);
  (await ticket('ann', 'open sesame')).leaveNow();
  await sql(`DROP FUNCTION "${schema}".whoever`, sync);
  assert.equal(await reason(ticket('ann', 'open sesame')), 'wamp.error.authentication_failed');
  await sql(`SELECT fox_wamp.drop_realm('${inside}')`);
}));

// --- policies ---

test('policies of fox_wamp.topic_access decide', async () => {
  const inside = fresh('realm');
  const members = `"${schema}".members`;
  await sql(`SELECT fox_wamp.create_realm('${inside}')`, `SELECT fox_wamp.use_topic_policies('${inside}')`, sync);
  const p = await Raw.join(inside);
  let n = 0;
  const subscribes = async (topic, options = {}) => (await p.ask([32, ++n, options, topic]))[0] === 33;
  const publishes = async (topic) => (await p.ask([16, ++n, { acknowledge: true }, topic, [1]]))[0] === 17;
  const policy = (text) => sql(text, sync);

  // Without a policy nothing is allowed, but procedures are as the row has them.
  assert.equal(await subscribes('chat.a'), false);
  assert.equal(await publishes('chat.a'), false);
  assert.equal((await p.ask([64, ++n, {}, 'some.procedure']))[0], 65);

  await policy(`CREATE POLICY chat_read ON fox_wamp.topic_access FOR SELECT TO fox_wamp_anonymous USING (realm = '${inside}' AND topic LIKE 'chat.%')`);
  assert.equal(await subscribes('chat.a'), true);
  assert.equal(await subscribes('news.a'), false);
  assert.equal(await publishes('chat.a'), false);
  // A condition on topics is none on patterns.
  assert.equal(await subscribes('chat.#'), false);
  await policy(`ALTER POLICY chat_read ON fox_wamp.topic_access USING (realm = '${inside}' AND (topic LIKE 'chat.%' OR pattern = 'chat.#'))`);
  assert.equal(await subscribes('chat.#'), true);
  assert.equal(await subscribes('#'), false);

  await sql(`CREATE TABLE ${members} (topic text, authid text)`, `GRANT SELECT ON ${members} TO fox_wamp_anonymous`,
    `GRANT USAGE ON SCHEMA "${schema}" TO fox_wamp_anonymous`);
  await policy(`CREATE POLICY chat_write ON fox_wamp.topic_access FOR INSERT TO public WITH CHECK (EXISTS (
    SELECT FROM ${members} m WHERE m.topic = topic_access.topic AND m.authid = fox_wamp.caller_authid()))`);
  assert.equal(await publishes('chat.a'), false);
  await sql(`INSERT INTO ${members} VALUES ('chat.a', 'anonymous')`, sync);
  assert.equal(await publishes('chat.a'), false, 'kept');
  await sql('SELECT fox_wamp.forget_decisions()', sync);
  assert.equal(await publishes('chat.a'), true);
  assert.equal(await publishes('chat.b'), false);
  await policy('DROP POLICY chat_write ON fox_wamp.topic_access');
  assert.equal(await publishes('chat.a'), false);
  // What was allowed before ends when a policy allows it no longer.
  const ear = await attentive(inside);
  const [kept, lost] = [(await ear.ask([32, 1, {}, 'chat.a']))[2], (await ear.ask([32, 2, {}, 'chat.b']))[2]];
  await policy(`ALTER POLICY chat_read ON fox_wamp.topic_access USING (realm = '${inside}' AND topic = 'chat.a')`);
  assert.deepEqual(await ear.next(), [35, 0, { subscription: lost, reason: 'wamp.error.not_authorized' }]);
  await sql(`SELECT fox_wamp.publish('chat.b', realm => '${inside}'), fox_wamp.publish('chat.a', realm => '${inside}')`);
  assert.deepEqual((await ear.next()).slice(0, 2), [36, kept]);
  ear.ws.terminate();
  // Of another role.
  await policy(`ALTER POLICY chat_read ON fox_wamp.topic_access TO "${member}"`);
  assert.equal(await subscribes('chat.b'), false);

  assert.equal(await sql('SELECT count(*) FROM fox_wamp.topic_access'), '0');
  await assert.rejects(sql(`INSERT INTO fox_wamp.topic_access (realm, topic, match) VALUES ('${inside}', 'a', 'exact')`), /only the router asks/);
  p.ws.terminate();
  await sql('DROP POLICY chat_read ON fox_wamp.topic_access', `SELECT fox_wamp.drop_realm('${inside}')`, `REVOKE USAGE ON SCHEMA "${schema}" FROM fox_wamp_anonymous`);
});
