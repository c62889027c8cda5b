'use strict';
// Trust levels, from fox_wamp.trust_level to the wire.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, Raw, fresh, sql } = require('./lib');

const realm = fresh('realm');

before(async () => {
  start();
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  stop();
});

const set = (...args) => sql(`SELECT fox_wamp.set_trust_level(${args.join(', ')}, realm => '${realm}')`, 'SELECT fox_wamp.sync()');
const reset = (...args) => sql(`SELECT fox_wamp.reset_trust_level(${args.join(', ')}, realm => '${realm}')`);

/** The trust levels of an event of a client's, of one of SQL's, and of a call. */
async function levels(uri) {
  const [ear, mouth] = [await Raw.join(realm), await Raw.join(realm)];
  await ear.ask([32, 1, {}, uri]);
  await ear.ask([64, 2, {}, uri]);
  mouth.send([16, 1, {}, uri]);
  const event = (await ear.next())[3];
  await sql(`SELECT fox_wamp.publish('${uri}', realm => '${realm}')`);
  const fromSql = (await ear.next())[3];
  mouth.send([48, 2, {}, uri]);
  const invocation = await ear.next();
  ear.send([70, invocation[1], {}]);
  await mouth.next();
  for (const peer of [ear, mouth]) {
    peer.ws.terminate();
    await peer.closed;
  }
  return [event.trustlevel, fromSql.trustlevel, invocation[3].trustlevel];
}

test('without a row there is no level; one for all; one for a role; a pattern; none again', async () => {
  const uri = fresh();
  assert.deepEqual(await levels(uri), [undefined, undefined, undefined]);
  await set(`'${uri}'`, 5);
  assert.deepEqual(await levels(uri), [5, 5, 5]);
  await set(`'${uri}'`, 9, "authrole => 'sql'");
  assert.deepEqual(await levels(uri), [5, 9, 5]);
  await set("'#'", 1);
  assert.deepEqual(await levels(uri), [5, 9, 5]);
  assert.deepEqual(await levels(fresh()), [1, 1, 1]);
  assert.equal(await reset(`'${uri}'`), 't');
  assert.equal(await reset(`'${uri}'`), 'f');
  assert.deepEqual(await levels(uri), [1, 9, 1]);
  assert.equal(await reset(`'${uri}'`, "authrole => 'sql'"), 't');
  assert.deepEqual(await levels(uri), [1, 1, 1]);
  assert.equal(await reset("'#'"), 't');
  assert.deepEqual(await levels(uri), [undefined, undefined, undefined]);
});

test('the row outlives the router, follows an update, and goes with a rollback', async () => {
  const uri = fresh();
  await set(`'${uri}'`, 2);
  await restart();
  assert.deepEqual(await levels(uri), [2, 2, 2]);
  await sql(`UPDATE fox_wamp.trust_level SET authrole = 'anonymous', level = 3 WHERE pattern = '${uri}'`, 'SELECT fox_wamp.sync()');
  assert.deepEqual(await levels(uri), [3, undefined, 3]);
  await sql('BEGIN', `DELETE FROM fox_wamp.trust_level WHERE pattern = '${uri}'`, 'ROLLBACK', 'SELECT fox_wamp.sync()');
  assert.deepEqual(await levels(uri), [3, undefined, 3]);
});

test('what makes no sense is refused', async () => {
  await assert.rejects(set("'a..b'", 1), /invalid pattern "a\.\.b"/);
  await assert.rejects(set("'wamp.x'", 1), /invalid pattern "wamp\.x"/);
  await assert.rejects(set("'a'", 1, "match => 'most'"), /check constraint "trust_level_match_check"/);
  await assert.rejects(set("'a'", -1), /check constraint "trust_level_level_check"/);
  await assert.rejects(set("'a'", 'NULL'), /null value in column "level"/);
  await assert.rejects(sql("SELECT fox_wamp.set_trust_level('a', 1, realm => 'nowhere')"), /foreign key constraint/);
});

test('both features are announced', async () => {
  const peer = await Raw.connect();
  peer.send([1, 'realm1', { roles: { caller: {} } }]);
  const welcome = await peer.next();
  assert.equal(welcome[2].roles.broker.features.publication_trustlevels, true);
  assert.equal(welcome[2].roles.dealer.features.call_trustlevels, true);
  peer.ws.terminate();
});
