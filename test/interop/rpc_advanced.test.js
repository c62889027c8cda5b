'use strict';
// The dealer's advanced features, by hand where autobahn-js has no word for them.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, fresh, refusal, Raw, sql, until } = require('./lib');

before(start);
after(stop);

const features = {
  call_canceling: true, call_timeout: true, payload_passthru_mode: true, progressive_call_invocations: true,
  progressive_call_results: true, registration_revocation: true,
};

/** A session by hand that has announced these features as caller and callee. */
async function peer(announced = features) {
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: { caller: { features: announced }, callee: { features: announced } } }]);
  const welcome = await raw.next();
  assert.equal(welcome[0], 2);
  raw.dealer = welcome[2].roles.dealer.features;
  return raw;
}

test('WELCOME announces them', async () => {
  const { dealer } = await peer();
  for (const name of ['call_canceling', 'call_reroute', 'call_timeout', 'caller_identification', 'pattern_based_registration',
    'payload_passthru_mode', 'progressive_call_invocations', 'progressive_call_results', 'registration_revocation',
    'sharded_registration', 'shared_registration']) assert.equal(dealer[name], true, name);
});

test('a call in pieces, its result in pieces', async () => {
  const [callee, caller] = [await peer(), await peer()];
  const uri = fresh('stream');
  await callee.ask([64, 1, {}, uri]);
  const sent = [];
  for (let i = 1; i <= 5; i++) caller.send([48, 1, { progress: i < 5, receive_progress: true }, uri, [i]]);
  for (let i = 1; i <= 5; i++) {
    const [type, id, , details, args] = await callee.next();
    assert.equal(type, 68);
    assert.equal(details.progress, i < 5 ? true : undefined);
    assert.equal(details.receive_progress, true);
    sent.push([id, ...args]);
    callee.send([70, id, { progress: i < 5 }, [i * 10]]);
    assert.deepEqual(await caller.next(), [50, 1, i < 5 ? { progress: true } : {}, [i * 10]]);
  }
  assert.deepEqual(sent, [1, 2, 3, 4, 5].map((i) => [sent[0][0], i]));
});

test('pieces that come after the end are no call', async () => {
  const [callee, caller] = [await peer(), await peer()];
  const uri = fresh('late');
  await callee.ask([64, 1, {}, uri]);
  caller.send([48, 1, { progress: true }, uri]);
  const invocation = await callee.next();
  callee.send([8, 68, invocation[1], {}, 'com.example.enough']);
  assert.equal((await caller.next())[4], 'com.example.enough');
  caller.send([48, 1, { progress: true }, uri, ['late']]);
  caller.send([48, 1, {}, uri, ['last']]);
  caller.send([48, 2, {}, uri, ['next']]);
  assert.deepEqual((await callee.next())[4], ['next']);
});

test('a progressive call to a callee of autobahn-js, which does not take them', async () => {
  const [callee, caller] = [await join(), await peer()];
  const uri = fresh('plain');
  await callee.register(uri, () => 1);
  caller.send([48, 1, { progress: true }, uri]);
  assert.equal((await caller.next())[4], 'wamp.error.feature_not_supported');
});

test('progressive calls and passthru without an announcement are violations', async () => {
  for (const options of [{ progress: true }, { ppt_scheme: 'x' }]) {
    const caller = await peer({});
    caller.send([48, 1, options, 'a.b']);
    const abort = await caller.next();
    assert.deepEqual([abort[0], abort[2]], [3, 'wamp.error.protocol_violation']);
    await caller.closed;
  }
});

test('a payload that nobody looks into', async () => {
  const [callee, caller, plain] = [await peer(), await peer(), await join()];
  const uri = fresh('ppt');
  const ppt = { ppt_scheme: 'x_test', ppt_serializer: 'cbor', ppt_cipher: 'xsalsa20poly1305', ppt_keyid: 'key 1' };
  await callee.ask([64, 1, {}, uri]);
  caller.send([48, 1, ppt, uri, ['\u0000oWFhAQ==']]);
  const [, id, , details, args] = await callee.next();
  assert.deepEqual([details, args], [ppt, ['\u0000oWFhAQ==']]);
  callee.send([70, id, ppt, ['\u0000AQID']]);
  assert.deepEqual(await caller.next(), [50, 1, ppt, ['\u0000AQID']]);
  const refused = refusal(plain.call(uri));
  const second = await callee.next();
  callee.send([70, second[1], ppt, ['\u0000AQID']]);
  assert.deepEqual((await callee.next()).slice(0, 5), [8, 70, second[1], {}, 'wamp.error.feature_not_supported']);
  assert.equal((await refused).error, 'wamp.error.feature_not_supported');
});

test('unavailable callees of autobahn-js: the next one, once each', async () => {
  const { autobahn } = require('./lib');
  const [a, b, caller] = [await join(), await join(), await join()];
  const uri = fresh('reroute');
  const asked = [];
  let able = true;
  await a.register(uri, () => { asked.push('a'); throw new autobahn.Error('wamp.error.unavailable'); }, { invoke: 'first' });
  await b.register(uri, ([x]) => {
    asked.push('b');
    if (!able) throw new autobahn.Error('wamp.error.unavailable');
    return x;
  }, { invoke: 'first' });
  assert.equal(await caller.call(uri, ['payload']), 'payload');
  able = false;
  assert.equal((await refusal(caller.call(uri))).error, 'wamp.error.no_available_callee');
  assert.deepEqual(asked, ['a', 'b', 'a', 'b']);
});

test('force_reregister takes a procedure over', async () => {
  const [old, next, caller] = [await peer(), await join(), await join()];
  const uri = fresh('force');
  const [, , registration] = await old.ask([64, 1, {}, uri]);
  const running = caller.call(uri, ['old']);
  const invocation = await old.next();
  await next.register(uri, () => 'new', { force_reregister: true });
  const [type, zero, details] = await old.next();
  assert.deepEqual([type, zero, details.registration, typeof details.reason], [67, 0, registration, 'string']);
  assert.equal(await caller.call(uri), 'new');
  old.send([70, invocation[1], {}, ['old']]);
  assert.equal(await running, 'old');
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.registration WHERE uri = '${uri}'`) === '1');
});

test('a timeout that the callee keeps', async () => {
  const [callee, caller] = [await peer(), await join()];
  const uri = fresh('timeout');
  await callee.ask([64, 1, { forward_timeout: true }, uri]);
  const refused = refusal(caller.call(uri, [], {}, { timeout: 50 }));
  const [, id, , details] = await callee.next();
  assert.equal(details.timeout, 50);
  callee.send([8, 68, id, {}, 'wamp.error.timeout']);
  assert.equal((await refused).error, 'wamp.error.timeout');
});

test('one key, one shard', async () => {
  const uri = fresh('shard');
  const shards = [];
  for (const name of ['a', 'b', 'c']) {
    const shard = await join();
    await shard.register(uri, () => name, { invoke: 'roundrobin' });
    shards.push(shard);
  }
  const caller = await join();
  const of = (rkey) => caller.call(uri, [], {}, { runmode: 'partition', rkey });
  const keys = Array.from({ length: 30 }, (_, i) => `key${i}`);
  const first = await Promise.all(keys.map(of));
  assert.deepEqual(await Promise.all(keys.map(of)), first);
  assert.ok(new Set(first).size > 1);
  assert.equal((await refusal(caller.call(uri, [], {}, { runmode: 'partition' }))).error, 'wamp.error.invalid_argument');
});

test('least loaded: a callee that is at work is spared', async () => {
  const [slow, quick, caller] = [await peer(), await peer(), await peer()];
  const uri = fresh('load');
  await slow.ask([64, 1, { invoke: 'load' }, uri]);
  await quick.ask([64, 1, { invoke: 'load' }, uri]);
  caller.send([48, 1, {}, uri, ['long']]);
  const busy = await slow.next();
  assert.deepEqual(busy[4], ['long']);
  for (let i = 2; i <= 5; i++) {
    caller.send([48, i, {}, uri, [i]]);
    const invocation = await quick.next();
    assert.deepEqual(invocation[4], [i]);
    quick.send([70, invocation[1], {}]);
    assert.deepEqual(await caller.next(), [50, i, {}]);
  }
});
