'use strict';
// Event history: get_events, what survives the router, SUBSCRIBE's `after`.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, restart, join, sql, Raw, fresh, refusal } = require('./lib');

before(start);
after(stop);

let request = 100;
const ask = (raw, code, ...rest) => raw.ask([code, ++request, ...rest]);

/** A publish that is acknowledged; its publication id. */
const publish = async (raw, topic, args, options = {}) => (await ask(raw, 16, { acknowledge: true, ...options }, topic, args))[2];
const keep = async (topic, more = '') => sql(`SELECT fox_wamp.keep_history('${topic}'${more})`, 'SELECT fox_wamp.sync()');
const argsOf = (events) => events.map((e) => e.args[0]);

test('the feature is announced', async () => {
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: { subscriber: {} } }]);
  assert.equal((await raw.next())[2].roles.broker.features.event_history, true);
});

test('get_events with autobahn: limit, reverse, publisher, topic of a pattern', async () => {
  const topic = fresh();
  await keep(`${topic}.#`, ', keep_count => 3');
  const session = await join();
  const sub = await session.subscribe(`${topic}.#`, () => {});
  for (let i = 1; i <= 4; i++) await session.publish(`${topic}.x`, [i], { i }, { acknowledge: true, disclose_me: i === 4 });
  const events = await session.call('wamp.subscription.get_events', [sub.id]);
  assert.deepEqual(argsOf(events), [2, 3, 4]);
  assert.deepEqual(events[0].kwargs, { i: 2 });
  assert.equal(events[0].topic, `${topic}.x`);
  assert.equal(events[0].publisher, undefined);
  assert.equal(events[2].publisher, session.id);
  assert.match(events[0].timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.deepEqual(argsOf(await session.call('wamp.subscription.get_events', [sub.id, 2], { reverse: true })), [4, 3]);
  assert.deepEqual(argsOf(await session.call('wamp.subscription.get_events', [sub.id], { after_publication: events[0].publication })), [3, 4]);
  assert.deepEqual(argsOf(await session.call('wamp.subscription.get_events', [sub.id], { from_time: events[1].timestamp })), [3, 4]);
  assert.deepEqual(argsOf(await session.call('wamp.subscription.get_events', [sub.id], { until_time: events[1].timestamp })), [2, 3]);
  const other = await session.subscribe(fresh(), () => {});
  assert.equal((await refusal(session.call('wamp.subscription.get_events', [other.id]))).error, 'wamp.error.history_unavailable');
});

test('the table has what is kept, and nothing else', async () => {
  const topic = fresh();
  await keep(topic, ', keep_count => 2');
  const raw = await Raw.join();
  for (let i = 1; i <= 3; i++) await publish(raw, topic, [i]);
  await publish(raw, topic, [9], { exclude: [1] });
  const rows = () => sql('SELECT fox_wamp.sync()', `SELECT string_agg(args::text, ' ' ORDER BY position) FROM fox_wamp.event_history WHERE topic = '${topic}'`);
  assert.equal(await rows(), 't\n[2] [3]');
  assert.equal(await sql(`SELECT fox_wamp.forget_history('${topic}')`), 't');
  assert.equal((await rows()).trim(), 't');
  assert.equal(await sql(`SELECT fox_wamp.forget_history('${topic}')`), 'f');
});

test('a restart loses nothing that was written, and keeps messages that jsonb does not take', async () => {
  const topic = fresh();
  await keep(topic);
  let raw = await Raw.join();
  const sent = ['plain', 'nul \u0000 byte', 2];
  for (const value of sent) await publish(raw, topic, [value]);
  raw.send(`[16,1,{},"${topic}",[1e400000]]`);
  const last = await publish(raw, topic, ['last'], { disclose_me: true });
  await sql('SELECT fox_wamp.sync()');
  const publisher = raw.id;
  await restart();
  raw = await Raw.join();
  const sub = (await ask(raw, 32, {}, topic))[2];
  await publish(raw, topic, ['new']);
  const events = (await ask(raw, 48, {}, 'wamp.subscription.get_events', [sub]))[3][0];
  assert.deepEqual(argsOf(events), [...sent, Infinity, 'last', 'new']);
  assert.equal(events[4].publication, last);
  assert.equal(events[4].publisher, publisher);
  assert.equal(events[4].publisher_authrole, 'anonymous');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.event_history WHERE topic = '${topic}' AND payload IS NOT NULL`), '2');
});

test('SQL: publishes are kept in the order of their commits; bad patterns are refused', async () => {
  const topic = fresh();
  await keep(topic);
  await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`, `SELECT fox_wamp.publish('${topic}', '[2]', NULL, '{"retain":true}')`);
  await sql('SELECT fox_wamp.sync()');
  const session = await join();
  const sub = await session.subscribe(topic, () => {});
  assert.deepEqual(argsOf(await session.call('wamp.subscription.get_events', [sub.id])), [1, 2]);
  await assert.rejects(sql("SELECT fox_wamp.keep_history('a..b')"), /invalid pattern/);
  await assert.rejects(sql("SELECT fox_wamp.keep_history('wamp.x')"), /invalid pattern/);
  await assert.rejects(sql("SELECT fox_wamp.keep_history('a', keep_count => 0)"), /keep_count/);
});

test('after: what was missed, then live events, over a restart too', async () => {
  const topic = fresh();
  await keep(topic);
  let raw = await Raw.join();
  const seen = await publish(raw, topic, [1]);
  for (let i = 2; i <= 200; i++) await publish(raw, topic, [i]);
  await sql('SELECT fox_wamp.sync()');
  await restart();
  raw = await Raw.join();
  const publisher = await Raw.join();
  raw.send([32, 1, { after: seen }, topic]);
  for (let i = 201; i <= 300; i++) await publish(publisher, topic, [i]);
  assert.equal((await raw.next())[0], 33);
  for (let i = 2; i <= 300; i++) assert.deepEqual((await raw.next())[4], [i]);
  const refused = await ask(raw, 32, { after: 4 }, topic);
  assert.equal(refused[4], 'wamp.error.invalid_argument');
  const none = await ask(raw, 32, { after: seen }, fresh());
  assert.match(none[5][0], /no event history/);
});

test('after: the publication of a transaction that is just committing', async () => {
  const topic = fresh();
  await keep(topic);
  const raw = await Raw.join();
  const id = Number(await sql(`SELECT fox_wamp.publish('${topic}', '[1]')`));
  const answer = ask(raw, 32, { after: id }, topic);
  await sql(`SELECT fox_wamp.publish('${topic}', '[2]')`);
  assert.equal((await answer)[0], 33);
  assert.deepEqual((await raw.next())[4], [2]);
});

test('what nobody looks into is not kept', async () => {
  const topic = fresh();
  await keep(topic);
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: { publisher: { features: { payload_passthru_mode: true } }, subscriber: {} } }]);
  assert.equal((await raw.next())[0], 2);
  await publish(raw, topic, ['sealed'], { ppt_scheme: 'x_test' });
  await publish(raw, topic, ['open']);
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await sql(`SELECT args FROM fox_wamp.event_history WHERE topic = '${topic}'`), '["open"]');
});
