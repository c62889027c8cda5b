'use strict';
// Publish and subscribe with autobahn-js.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, listen, fresh, refusal, Raw } = require('./lib');

before(start);
after(stop);

test('an acknowledged publish reaches the subscriber, not the publisher', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const [mine, theirs] = [await listen(a, topic), await listen(b, topic)];
  const publication = await a.publish(topic, [1, 'ä€😀', null], { deep: { list: [true] } }, { acknowledge: true });
  const event = await theirs.next();
  assert.deepEqual(event.args, [1, 'ä€😀', null]);
  assert.deepEqual(event.kwargs, { deep: { list: [true] } });
  assert.equal(event.publication, publication.id);
  assert.deepEqual(mine.rest(), []);
});

test('exclude_me: false sends it to the publisher too', async () => {
  const a = await join();
  const topic = fresh();
  const mine = await listen(a, topic);
  a.publish(topic, ['x'], {}, { exclude_me: false });
  assert.deepEqual((await mine.next()).args, ['x']);
});

test('exclude and eligible choose sessions', async () => {
  const [a, b, c] = [await join(), await join(), await join()];
  const topic = fresh();
  const [forB, forC] = [await listen(b, topic), await listen(c, topic)];
  await a.publish(topic, ['not b'], {}, { acknowledge: true, exclude: [b.id] });
  await a.publish(topic, ['only b'], {}, { acknowledge: true, eligible: [b.id] });
  await a.publish(topic, ['both'], {}, { acknowledge: true });
  assert.deepEqual([(await forB.next()).args[0], (await forB.next()).args[0]], ['only b', 'both']);
  assert.deepEqual([(await forC.next()).args[0], (await forC.next()).args[0]], ['not b', 'both']);
});

test('prefix and wildcard subscriptions name the topic', async () => {
  const [a, b] = [await join(), await join()];
  const base = fresh();
  const prefix = await listen(b, `${base}.pre`, { match: 'prefix' });
  const wildcard = await listen(b, `${base}..z`, { match: 'wildcard' });
  const star = await listen(b, `${base}.*.z`);
  const hash = await listen(b, `${base}.#`);
  for (const tail of ['pre.a', 'prefixed', 'y.z', 'y.q.z']) await a.publish(`${base}.${tail}`, [tail], {}, { acknowledge: true });
  await a.publish(base, ['level'], {}, { acknowledge: true });
  const take = async (inbox, n) => {
    const events = [];
    for (let i = 0; i < n; i++) events.push(await inbox.next());
    assert.deepEqual(inbox.rest(), []);
    for (const e of events) assert.equal(e.topic, e.args[0] === 'level' ? base : `${base}.${e.args[0]}`);
    return events.map((e) => e.args[0]);
  };
  assert.deepEqual(await take(hash, 5), ['pre.a', 'prefixed', 'y.z', 'y.q.z', 'level']);
  assert.deepEqual(await take(prefix, 2), ['pre.a', 'prefixed']);
  assert.deepEqual(await take(wildcard, 1), ['y.z']);
  assert.deepEqual(await take(star, 1), ['y.z']);
});

test('order of one publisher holds, ten thousand events', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const inbox = await listen(b, topic);
  for (let i = 0; i < 10000; i++) a.publish(topic, [i]);
  for (let i = 0; i < 10000; i++) assert.equal((await inbox.next()).args[0], i);
});

test('no event after UNSUBSCRIBED', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const inbox = await listen(b, topic);
  await b.unsubscribe(inbox.subscription);
  await a.publish(topic, ['late'], {}, { acknowledge: true });
  const other = await listen(b, `${topic}.other`);
  await a.publish(`${topic}.other`, ['x'], {}, { acknowledge: true });
  await other.next();
  assert.deepEqual(inbox.rest(), []);
});

test('a topic of the router is refused, so is a bad one', async () => {
  const a = await join();
  assert.equal((await refusal(a.publish('wamp.my.topic', [], {}, { acknowledge: true }))).error, 'wamp.error.invalid_uri');
  assert.equal((await refusal(a.publish('white space', [], {}, { acknowledge: true }))).error, 'wamp.error.invalid_uri');
  assert.equal((await refusal(a.publish(fresh(), [], {}, { acknowledge: true, watch: true }))).error, 'wamp.error.invalid_argument');
  assert.equal((await refusal(a.publish(fresh(), [], {}, { acknowledge: true, will: null }))).error, 'wamp.error.invalid_argument');
});

test('numbers and strings pass as they are', async () => {
  const [a, b] = [await Raw.join(), await Raw.join()];
  const topic = fresh();
  const [, , subscription] = await b.ask([32, 1, {}, topic]);
  a.send(`[16,1,{},"${topic}",[12345678901234567890,1.10,1e400,"\\u0000\\ud800"],{"a":1,"a":2}]`);
  const text = await new Promise((resolve) => { b.ws.once('message', (data) => resolve(data.toString())); });
  assert.match(text, new RegExp(`^\\[36,${subscription},\\d+,.*,\\[12345678901234567890,1.10,1e400,"\\\\u0000\\\\ud800"\\],\\{"a":1,"a":2\\}\\]$`));
});

test('wamp.session.on_join and on_leave', async () => {
  const a = await join();
  const [joined, left] = [await listen(a, 'wamp.session.on_join'), await listen(a, 'wamp.session.on_leave')];
  const b = await Raw.join();
  let event;
  do event = await joined.next(); while (event.args[0].session !== b.id);
  b.ws.terminate();
  do event = await left.next(); while (event.args[0] !== b.id);
});

test('a megabyte in one message', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const inbox = await listen(b, topic);
  const big = 'x'.repeat(1 << 20);
  a.publish(topic, [big]);
  assert.equal((await inbox.next(10000)).args[0].length, big.length);
});

test('a payload in passthru mode goes to who has announced the mode, with its attributes', async () => {
  const features = { features: { payload_passthru_mode: true } };
  const peer = async (roles) => {
    const raw = await Raw.connect();
    raw.send([1, 'realm1', { roles }]);
    assert.equal((await raw.next())[0], 2);
    return raw;
  };
  const [publisher, knowing, ignorant] = [await peer({ publisher: features }), await peer({ subscriber: features }), await peer({ subscriber: {} })];
  const topic = fresh();
  for (const raw of [knowing, ignorant]) await raw.ask([32, 1, {}, topic]);
  const ppt = { ppt_scheme: 'x_test', ppt_serializer: 'cbor', ppt_cipher: 'xsalsa20poly1305', ppt_keyid: 'k' };
  publisher.send([16, 1, ppt, topic, ['\u0000AQID']]);
  publisher.send([16, 2, {}, topic, ['plain']]);
  const [, , , details, args] = await knowing.next();
  assert.deepEqual([details, args], [ppt, ['\u0000AQID']]);
  assert.deepEqual((await knowing.next())[4], ['plain']);
  assert.deepEqual((await ignorant.next())[4], ['plain']);
  // Who has not announced it may not use it.
  const other = await peer({ publisher: {} });
  other.send([16, 1, { ppt_scheme: 'x_test' }, topic, []]);
  const abort = await other.next();
  assert.deepEqual([abort[0], abort[2]], [3, 'wamp.error.protocol_violation']);
});
