'use strict';
// What clients may do: fox_wamp.permission, GRANT and REVOKE, authorizers.  The clients are
// anonymous, which stands for the role fox_wamp_anonymous.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, join, Raw, fresh, sql } = require('./lib');

const realm = fresh('realm');
const role = fresh('role').replaceAll('.', '_');

before(async () => {
  start();
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `CREATE ROLE "${role}"`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`, `DROP ROLE "${role}"`);
  stop();
});

const sync = 'SELECT fox_wamp.sync()';
const close = () => sql(`DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`, sync);
const permit = (who, pattern, allow, more = {}) => {
  const row = { realm: `'${realm}'`, role: `'${who}'`, pattern: `'${pattern}'`, ...Object.fromEntries(allow.map((a) => [`allow_${a}`, true])), ...more };
  return sql(`INSERT INTO fox_wamp.permission (${Object.keys(row)}) VALUES (${Object.values(row)})`, sync);
};

/** One who is told what it loses. */
async function attentive() {
  const raw = await Raw.connect();
  raw.send([1, realm, { roles: {
    publisher: {}, caller: {},
    subscriber: { features: { subscription_revocation: true } },
    callee: { features: { registration_revocation: true } },
  } }]);
  assert.equal((await raw.next())[0], 2);
  return raw;
}

const refused = (answer, verb, uri) => {
  assert.equal(answer[4], 'wamp.error.not_authorized');
  assert.deepEqual(answer[5], [`role "fox_wamp_anonymous" may not ${verb} "${uri}"`]);
};

test('a new realm is open; without rows nothing is allowed; a row allows, another forbids a part', async () => {
  const raw = await Raw.join(realm);
  assert.equal((await raw.ask([32, 1, {}, 'a']))[0], 33);
  assert.equal((await raw.ask([16, 2, { acknowledge: true }, 'b']))[0], 17);
  await close();
  refused(await raw.ask([32, 3, {}, 'a']), 'subscribe to', 'a');
  refused(await raw.ask([16, 4, { acknowledge: true }, 'a']), 'publish to', 'a');
  refused(await raw.ask([16, 5, { acknowledge: true, retain: true }, 'a', [1]]), 'publish to', 'a');
  refused(await raw.ask([48, 6, {}, 'a']), 'call', 'a');
  refused(await raw.ask([64, 7, {}, 'a']), 'register', 'a');
  assert.equal((await raw.ask([48, 8, {}, 'wamp.session.count']))[0], 50);
  refused(await raw.ask([48, 9, {}, 'wamp.session.kill_all']), 'call', 'wamp.session.kill_all');

  await permit('public', 'shop.#', ['publish', 'subscribe', 'call', 'register']);
  await permit('public', 'shop.secret.*', []);
  assert.equal((await raw.ask([32, 10, {}, 'shop.order.#']))[0], 33);
  refused(await raw.ask([32, 11, {}, 'shop.#']), 'subscribe to', 'shop.#');
  refused(await raw.ask([32, 12, { snapshot: true }, 'shop.secret.a']), 'subscribe to', 'shop.secret.a');
  refused(await raw.ask([32, 13, { match: 'prefix', retained: true }, 'sho']), 'subscribe to', 'sho');
  assert.equal((await raw.ask([32, 14, {}, 'shop.secret.a.b']))[0], 33);
  raw.ws.terminate();
});

test('a change of a row holds for live sessions, which are told', async () => {
  await close();
  await permit('fox_wamp_anonymous', '#', ['publish', 'subscribe', 'call', 'register']);
  const [ear, mouth] = [await attentive(), await Raw.join(realm)];
  const kept = (await ear.ask([32, 1, {}, 'a']))[2];
  const lost = (await ear.ask([32, 2, { match: 'prefix' }, 'b']))[2];
  const offered = (await ear.ask([64, 3, {}, 'b.proc']))[2];
  await sql('BEGIN', `INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('${realm}', 'b.#', 'public')`, 'ROLLBACK', sync);
  mouth.send([16, 1, {}, 'b.x', [1]]);
  assert.deepEqual((await ear.next()).slice(0, 2), [36, lost]);
  const since = process.hrtime.bigint();
  await sql(`INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('${realm}', 'b.#', 'public')`);
  assert.deepEqual(await ear.next(), [35, 0, { subscription: lost, reason: 'wamp.error.not_authorized' }]);
  assert.deepEqual(await ear.next(), [67, 0, { registration: offered, reason: 'wamp.error.not_authorized' }]);
  assert.ok(Number(process.hrtime.bigint() - since) < 5e9);
  mouth.send([16, 2, {}, 'b.x', [1]]);
  mouth.send([16, 3, {}, 'a', [2]]);
  assert.deepEqual((await ear.next()).slice(0, 2), [36, kept]);
  ear.ws.terminate();
  mouth.ws.terminate();
});

test('GRANT and REVOKE hold after sync()', async () => {
  await close();
  await permit(role, 'staff.#', ['subscribe']);
  const raw = await attentive();
  refused(await raw.ask([32, 1, {}, 'staff.a']), 'subscribe to', 'staff.a');
  await sql(`GRANT "${role}" TO fox_wamp_anonymous`, sync);
  const lost = (await raw.ask([32, 2, {}, 'staff.a']))[2];
  assert.ok(lost > 0);
  await sql(`REVOKE "${role}" FROM fox_wamp_anonymous`, sync);
  assert.deepEqual(await raw.next(), [35, 0, { subscription: lost, reason: 'wamp.error.not_authorized' }]);
  refused(await raw.ask([32, 3, {}, 'staff.a']), 'subscribe to', 'staff.a');
  // Without sync() it takes a moment longer.
  await sql(`GRANT "${role}" TO fox_wamp_anonymous`);
  for (let request = 4; (await raw.ask([32, request, {}, 'staff.a']))[0] !== 33; request++);
  await sql(`REVOKE "${role}" FROM fox_wamp_anonymous`);
  assert.equal((await raw.next())[0], 35);
  raw.ws.terminate();
});

test('rows outlive the router', async () => {
  await close();
  await permit('public', 'a', ['subscribe']);
  await restart();
  const raw = await Raw.join(realm);
  assert.equal((await raw.ask([32, 1, {}, 'a']))[0], 33);
  refused(await raw.ask([32, 2, {}, 'b']), 'subscribe to', 'b');
  raw.ws.terminate();
});

test('rows follow their realm to its new name', async () => {
  const [former, name] = [fresh('realm'), fresh('realm')];
  await sql(`SELECT fox_wamp.create_realm('${former}')`, `UPDATE fox_wamp.realm SET name = '${name}' WHERE name = '${former}'`, sync);
  const raw = await Raw.join(name);
  assert.equal((await raw.ask([32, 1, {}, 'a']))[0], 33);
  raw.ws.terminate();
  await sql(`SELECT fox_wamp.drop_realm('${name}')`);
});

test('wait_for() hears what its user may subscribe to', async () => {
  await close();
  await sql(`GRANT fox_wamp_user TO "${role}"`);
  const wait = (pattern) => sql(`SET ROLE "${role}"`, `SELECT topic FROM fox_wamp.wait_for('${pattern}', '20s', '${realm}')`);
  await assert.rejects(wait('a'), new RegExp(`role "${role}" may not subscribe to "a"`));
  await permit('fox_wamp_user', 'a', ['subscribe']);
  const waits = wait('a');
  const publishing = setInterval(() => sql(`SELECT fox_wamp.publish('a', realm => '${realm}')`).catch(() => {}), 200);
  assert.equal(await waits, 'a');
  clearInterval(publishing);
});

test('an authorizer decides', async () => {
  await close();
  await permit('public', 'auth.ask', ['register']);
  await permit('public', 'asked.#', ['subscribe', 'publish'], { authorizer: "'auth.ask'" });
  const raw = await Raw.join(realm);
  const missing = await raw.ask([32, 1, {}, 'asked.a']);
  assert.equal(missing[4], 'wamp.error.authorization_failed');
  const judge = await join({ realm });
  const asked = [];
  await judge.register('auth.ask', ([details, uri, action, options]) => {
    asked.push([uri, action, options]);
    assert.equal(details.role, 'fox_wamp_anonymous');
    return { allow: !uri.endsWith('no'), cache: true };
  });
  assert.equal((await raw.ask([32, 2, {}, 'asked.a']))[0], 33);
  assert.equal((await raw.ask([16, 3, { acknowledge: true }, 'asked.b']))[0], 17);
  assert.equal((await raw.ask([16, 4, { acknowledge: true }, 'asked.b']))[0], 17);
  assert.equal((await raw.ask([16, 5, { acknowledge: true }, 'asked.no']))[4], 'wamp.error.not_authorized');
  assert.deepEqual(asked, [['asked.a', 'subscribe', {}], ['asked.b', 'publish', { acknowledge: true }], ['asked.no', 'publish', { acknowledge: true }]]);
  judge.leaveNow();
  raw.ws.terminate();
});

test('what makes no sense is refused', async () => {
  const insert = (columns, values) => sql(`INSERT INTO fox_wamp.permission (realm, pattern, role${columns}) VALUES ('${realm}', ${values})`);
  await assert.rejects(insert('', "'a..b', 'public'"), /invalid pattern "a\.\.b"/);
  await assert.rejects(insert('', "'a', ''"), /check constraint "permission_role_check"/);
  await assert.rejects(insert(', match', "'a', 'public', 'most'"), /check constraint "permission_match_check"/);
  await assert.rejects(insert(', authorizer', "'a', 'public', ''"), /check constraint "permission_authorizer_check"/);
  await assert.rejects(sql("INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('nowhere', 'a', 'public')"), /foreign key constraint/);
});
