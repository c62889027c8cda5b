'use strict';
// A realm's disclosure: whom it names to whom, from its row to the wire.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, Raw, fresh, sql } = require('./lib');

const DISALLOWED = 'wamp.error.option_disallowed.disclose_me';
const realm = fresh('realm');

before(async () => {
  start();
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  stop();
});

/** Details of an event and of an invocation, under that disclosure; the errors for who asks to be named. */
async function seen(disclosure) {
  await sql(`UPDATE fox_wamp.realm SET disclosure = '${disclosure}' WHERE name = '${realm}'`, 'SELECT fox_wamp.sync()');
  const [ear, mouth] = [await Raw.join(realm), await Raw.join(realm)];
  const uri = fresh();
  await ear.ask([32, 1, {}, uri]);
  await ear.ask([64, 2, {}, uri]);
  const asked = [await mouth.ask([16, 1, { acknowledge: true, disclose_me: true }, uri])];
  if (asked[0][0] === 17) assert.equal((await ear.next())[3].publisher, mouth.id);
  mouth.send([16, 2, {}, uri]);
  const event = (await ear.next())[3];
  mouth.send([48, 3, {}, uri]);
  const invocation = await ear.next();
  ear.send([70, invocation[1], {}]);
  await mouth.next();
  mouth.send([48, 4, { disclose_me: true }, uri]);
  if (disclosure === 'forbidden') asked.push(await mouth.next());
  else assert.equal((await ear.next())[3].caller, mouth.id);
  mouth.ws.terminate();
  await mouth.closed;
  ear.ws.terminate();
  return { id: mouth.id, publisher: event.publisher, caller: invocation[3].caller, errors: asked.filter((a) => a[0] === 8).map((a) => a[4]) };
}

test('caller: who asks for it is named', async () => {
  const { publisher, caller, errors } = await seen('caller');
  assert.deepEqual([publisher, caller, errors], [undefined, undefined, []]);
});

test('forbidden: who asks for it is refused', async () => {
  const { publisher, caller, errors } = await seen('forbidden');
  assert.deepEqual([publisher, caller, errors], [undefined, undefined, [DISALLOWED, DISALLOWED]]);
});

test('always: everybody is named', async () => {
  const { id, publisher, caller, errors } = await seen('always');
  assert.deepEqual([publisher, caller, errors], [id, id, []]);
});

test('the row outlives the router', async () => {
  await sql(`UPDATE fox_wamp.realm SET disclosure = 'forbidden' WHERE name = '${realm}'`);
  await restart();
  const raw = await Raw.join(realm);
  assert.equal((await raw.ask([16, 1, { acknowledge: true, disclose_me: true }, 'a.b']))[4], DISALLOWED);
});

test('another word is refused', async () => {
  await assert.rejects(sql(`UPDATE fox_wamp.realm SET disclosure = 'sometimes'`), /realm_disclosure_check/);
});
