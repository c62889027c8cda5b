'use strict';
// The meta API with autobahn-js and by hand: who is there, killing, what is registered
// and subscribed, testaments, shards, revocation, reflection.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, listen, sql, Raw, fresh, refusal, until, allowMeta } = require('./lib');

before(async () => {
  start();
  await allowMeta();
});
after(stop);

const EXACT_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A raw session whose subscriber role has announced features. */
async function subscriber(features) {
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: { subscriber: { features }, publisher: {}, caller: {} } }]);
  raw.welcome = await raw.next();
  raw.id = raw.welcome[1];
  return raw;
}

test('the features are announced', async () => {
  const { broker, dealer } = (await subscriber({})).welcome[2].roles;
  for (const name of ['session_meta_api', 'subscription_meta_api', 'subscription_revocation', 'shareded_subscriptions']) {
    assert.equal(broker.features[name], true, name);
  }
  for (const name of ['session_meta_api', 'registration_meta_api', 'testament_meta_api']) assert.equal(dealer.features[name], true, name);
  assert.ok(broker.reflection && dealer.reflection);
});

test('sessions: on_join, list, count, get and the view agree', async () => {
  const a = await join();
  const joined = await listen(a, 'wamp.session.on_join');
  const raw = await Raw.join();
  let details;
  do [details] = (await joined.next()).args; while (details.session !== raw.id);
  assert.equal(details.authrole, 'anonymous');
  assert.equal(details.transport.type, 'websocket');
  assert.deepEqual(await a.call('wamp.session.get', [raw.id]), details);
  const [peer, protocol] = (await sql(`SELECT peer, protocol FROM fox_wamp.session WHERE id = ${raw.id}`)).split('|');
  assert.deepEqual([details.transport.peer, details.transport.protocol], [peer, protocol]);
  const list = await a.call('wamp.session.list');
  assert.ok(list.includes(raw.id) && list.includes(a.id));
  assert.ok(await a.call('wamp.session.count') >= 2);
  assert.equal(await a.call('wamp.session.count', [['no such role']]), 0);
  assert.equal((await refusal(a.call('wamp.session.get', [4711]))).error, 'wamp.error.no_such_session');
});

test('kill ends a session with GOODBYE and closes its transport', async () => {
  const a = await join();
  const left = await listen(a, 'wamp.session.on_leave');
  const raw = await Raw.join();
  assert.equal((await refusal(a.call('wamp.session.kill', [raw.id], { reason: 'no uri' }))).error, 'wamp.error.invalid_uri');
  assert.equal((await refusal(a.call('wamp.session.kill', [a.id]))).error, 'wamp.error.no_such_session');
  await a.call('wamp.session.kill', [raw.id], { reason: 'com.example.enough', message: 'go home' });
  assert.deepEqual(await raw.next(), [6, { message: 'go home' }, 'com.example.enough']);
  await raw.closed;
  let id;
  do [id] = (await left.next()).args; while (id !== raw.id);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.session WHERE id = ${raw.id}`), '0');
});

test('fox_wamp.kill() from SQL is the same', async () => {
  const raw = await Raw.join();
  await sql(`SELECT fox_wamp.kill(${raw.id}, 'com.example.by_sql')`);
  assert.deepEqual(await raw.next(), [6, {}, 'com.example.by_sql']);
});

test('registrations: events, questions and the table agree', async () => {
  const [a, b] = [await join(), await join()];
  const name = fresh('proc');
  const created = await listen(a, 'wamp.registration.on_create');
  const registered = await listen(a, 'wamp.registration.on_register');
  const unregistered = await listen(a, 'wamp.registration.on_unregister');
  const deleted = await listen(a, 'wamp.registration.on_delete');
  const r = await b.register(name, () => 1, { invoke: 'roundrobin' });
  let session;
  let details;
  do [session, details] = (await created.next()).args; while (details.uri !== name);
  assert.equal(session, b.id);
  assert.match(details.created, EXACT_TIME);
  assert.ok(Math.abs(Date.parse(details.created) - Date.now()) < 60000);
  assert.deepEqual([details.id, details.match, details.invoke], [r.id, 'exact', 'roundrobin']);
  assert.deepEqual((await registered.next()).args, [b.id, r.id]);
  assert.equal(await a.call('wamp.registration.lookup', [name]), r.id);
  assert.equal(await a.call('wamp.registration.match', [name]), r.id);
  assert.ok((await a.call('wamp.registration.list')).exact.includes(r.id));
  assert.equal((await a.call('wamp.registration.get', [r.id])).uri, name);
  assert.deepEqual(await a.call('wamp.registration.list_callees', [r.id]), [b.id]);
  assert.equal(await a.call('wamp.registration.count_callees', [r.id]), 1);
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await sql(`SELECT id, match, invoke, callees FROM fox_wamp.registration WHERE uri = '${name}'`), `${r.id}|exact|roundrobin|1`);
  await b.unregister(r);
  assert.deepEqual((await unregistered.next()).args, [b.id, r.id]);
  assert.deepEqual((await deleted.next()).args, [b.id, r.id]);
  assert.equal((await refusal(a.call('wamp.registration.get', [r.id]))).error, 'wamp.error.no_such_registration');
  assert.equal(await a.call('wamp.registration.match', [name]), null);
});

test('subscriptions: events, questions and the view agree', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh('topic');
  const subscribed = await listen(a, 'wamp.subscription.on_subscribe');
  const deleted = await listen(a, 'wamp.subscription.on_delete');
  const inbox = await listen(b, topic, { match: 'prefix' });
  const { id } = inbox.subscription;
  let event;
  do event = (await subscribed.next()).args; while (event[0] !== b.id);
  assert.deepEqual(event, [b.id, id]);
  assert.equal(await a.call('wamp.subscription.lookup', [topic, { match: 'prefix' }]), id);
  assert.equal(await a.call('wamp.subscription.lookup', [topic]), null);
  assert.deepEqual(await a.call('wamp.subscription.match', [`${topic}.x`]), [id]);
  assert.ok((await a.call('wamp.subscription.list')).prefix.includes(id));
  const details = await a.call('wamp.subscription.get', [id]);
  assert.match(details.created, EXACT_TIME);
  assert.equal(await sql(`SELECT topic, match, subscribers FROM fox_wamp.subscription WHERE id = ${id}`), `${details.uri}|${details.match}|1`);
  assert.deepEqual(await a.call('wamp.subscription.list_subscribers', [id]), [b.id]);
  assert.equal(await a.call('wamp.subscription.count_subscribers', [id]), 1);
  b.leaveNow();
  do event = (await deleted.next()).args; while (event[1] !== id);
  assert.equal((await refusal(a.call('wamp.subscription.count_subscribers', [id]))).error, 'wamp.error.no_such_subscription');
});

test('testaments are published when a session is lost, stored ones too', async () => {
  const a = await join();
  const [topic, stored] = [fresh('last'), fresh('stored')];
  const inbox = await listen(a, topic);
  const raw = await Raw.join();
  assert.deepEqual(await raw.ask([48, 1, {}, 'wamp.session.add_testament', [topic, ['second'], { by: 'raw' }]]), [50, 1, {}]);
  await raw.ask([48, 2, {}, 'wamp.session.add_testament', [topic, ['first'], {}], { scope: 'detached' }]);
  await raw.ask([48, 3, {}, 'wamp.session.add_testament', [stored, ['kept'], {}], { publish_options: { retain: true } }]);
  raw.ws.terminate();
  assert.deepEqual((await inbox.next()).args, ['first']);
  const second = await inbox.next();
  assert.deepEqual([second.args, second.kwargs], [['second'], { by: 'raw' }]);
  await until(async () => await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${stored}'`) === '["kept"]');
});

test('testaments that are flushed are not published', async () => {
  const a = await join();
  const topic = fresh('last');
  const inbox = await listen(a, topic);
  const b = await join();
  await b.call('wamp.session.add_testament', [topic, ['destroyed'], {}]);
  await b.call('wamp.session.add_testament', [topic, ['detached'], {}], { scope: 'detached' });
  await b.call('wamp.session.flush_testaments', [], { scope: 'destroyed' });
  b.leaveNow();
  assert.deepEqual((await inbox.next()).args, ['detached']);
  await a.publish(topic, ['end'], {}, { exclude_me: false });
  assert.deepEqual((await inbox.next()).args, ['end']);
});

test('events with a resource key go to one of the nodes, always the same', async () => {
  const topic = fresh('shard');
  const nodes = [await Raw.join(), await Raw.join()];
  for (const [i, node] of nodes.entries()) await node.ask([32, 1, { nkey: `node${i}` }, topic]);
  const publisher = await Raw.join();
  const seen = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 40; i++) await publisher.ask([16, 1 + round * 40 + i, { acknowledge: true, rkey: `sensor${i}` }, topic, [i]]);
    await publisher.ask([16, 1000 + round, { acknowledge: true }, topic, ['end']]);
    seen.push(await Promise.all(nodes.map(async (node) => {
      const got = [];
      for (;;) {
        const [value] = (await node.next())[4];
        if (value === 'end') return got;
        got.push(value);
      }
    })));
  }
  assert.equal(seen[0][0].length + seen[0][1].length, 40);
  assert.ok(seen[0][0].length > 5 && seen[0][1].length > 5);
  assert.deepEqual(seen[1], seen[0]);
});

test('a revoked subscription is taken back with UNSUBSCRIBED', async () => {
  const a = await join();
  const topic = fresh('revoked');
  const [knows, old] = [await subscriber({ subscription_revocation: true }), await subscriber({})];
  const [, , id] = await knows.ask([32, 1, {}, topic]);
  await old.ask([32, 1, {}, topic]);
  await a.call('wamp.subscription.remove_subscriber', [id, knows.id], { reason: 'com.example.no_more' });
  assert.deepEqual(await knows.next(), [35, 0, { subscription: id, reason: 'com.example.no_more' }]);
  await a.call('wamp.subscription.remove_subscriber', [id, old.id]);
  assert.equal(await a.call('wamp.subscription.lookup', [topic]), null);
  assert.equal((await old.ask([34, 2, id]))[4], 'wamp.error.no_such_subscription');
});

test('definitions for reflection', async () => {
  const a = await join();
  const uri = fresh('defined');
  const defined = await listen(a, 'wamp.reflect.on_define');
  await a.call('wamp.reflect.define', ['procedure', uri, { args: ['int'], result: 'int' }]);
  assert.deepEqual((await defined.next()).args, ['procedure', uri]);
  assert.deepEqual(await a.call('wamp.reflection.procedure.describe', [uri]), { args: ['int'], result: 'int' });
  assert.ok((await a.call('wamp.reflection.procedure.list')).includes(uri));
  await a.call('wamp.reflect.define', ['procedure', uri, null]);
  assert.equal(await a.call('wamp.reflect.describe', ['procedure', uri]), null);
});

test('who has subscribed to everything does not hear the router itself', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh('all');
  const everything = await listen(a, '', { match: 'prefix' });
  const r = await b.register(fresh('p'), () => 1);
  await b.unregister(r);
  await b.publish(topic, [1], {}, { acknowledge: true });
  let event;
  do {
    event = await everything.next();
    assert.ok(!event.topic.startsWith('wamp.'), event.topic);
  } while (event.topic !== topic);
});
