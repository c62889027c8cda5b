'use strict';
// Acknowledged delivery by hand: PUBLISHED waits for EVENT_RECEIVED.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, Raw, fresh } = require('./lib');

const EVENT_RECEIVED = 337;
const ACKNOWLEDGED = { acknowledge: true, x_acknowledged_delivery: true };

before(start);
after(stop);

/** A session that has announced that it acknowledges events. */
async function subscriber() {
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: { subscriber: { features: { x_acknowledged_event_delivery: true } } } }]);
  raw.welcome = await raw.next();
  raw.id = raw.welcome[1];
  return raw;
}

/** Nothing has come that was sent before the answer to a request of its own. */
async function assertSilent(raw) {
  const answer = await raw.ask([34, 999, 1]);
  assert.equal(answer[4], 'wamp.error.no_such_subscription');
  assert.deepEqual(raw.queue, []);
}

test('it is announced', async () => {
  assert.equal((await subscriber()).welcome[2].roles.broker.features.x_acknowledged_event_delivery, true);
});

test('PUBLISHED comes when all who acknowledge have done so', async () => {
  const [a, b, c, plain] = [await Raw.join(), await subscriber(), await subscriber(), await Raw.join()];
  const topic = fresh();
  for (const raw of [b, c, plain]) await raw.ask([32, 1, {}, topic]);
  a.send([16, 1, ACKNOWLEDGED, topic, ['x']]);
  const [event] = [await b.next(), await c.next()];
  assert.deepEqual(event.slice(3), [{ x_acknowledged_delivery: true }, ['x']]);
  assert.deepEqual((await plain.next()).slice(2), [event[2], {}, ['x']]);
  b.send([EVENT_RECEIVED, event[2]]);
  await assertSilent(b);
  await assertSilent(a);
  c.send([EVENT_RECEIVED, event[2]]);
  assert.deepEqual(await a.next(), [17, 1, event[2]]);
});

test('of a stored one too, after its commit', async () => {
  const [a, b] = [await Raw.join(), await subscriber()];
  const topic = fresh();
  await b.ask([32, 1, {}, topic]);
  a.send([16, 1, { ...ACKNOWLEDGED, retain: true }, topic, ['kept']]);
  const event = await b.next();
  assert.equal(await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${topic}'`), '["kept"]');
  await assertSilent(a);
  b.send([EVENT_RECEIVED, event[2]]);
  assert.deepEqual(await a.next(), [17, 1, event[2]]);
});

test('who is lost is not waited for, and nobody longer than the timeout', async () => {
  const [a, b] = [await Raw.join(), await subscriber()];
  const topic = fresh();
  await b.ask([32, 1, {}, topic]);
  assert.equal((await a.ask([16, 1, { ...ACKNOWLEDGED, timeout: 50 }, topic]))[4], 'wamp.error.timeout');
  a.send([16, 2, ACKNOWLEDGED, topic]);
  await b.next();
  await b.next();
  b.ws.terminate();
  assert.deepEqual((await a.next()).slice(0, 2), [17, 2]);
});

test('EVENT_RECEIVED of who has not announced it is a violation', async () => {
  const a = await Raw.join();
  a.send([EVENT_RECEIVED, 1]);
  assert.equal((await a.next())[2], 'wamp.error.protocol_violation');
  await a.closed;
});

test('SQL, which does not wait, refuses the option', async () => {
  await assert.rejects(sql(`SELECT fox_wamp.publish('${fresh()}', options => '{"x_acknowledged_delivery":true}')`), /There is no option/);
});
