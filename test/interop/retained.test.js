'use strict';
// Retained values: rows that are snapshots and live events at once.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { start, stop, restart, join, listen, fresh, refusal, Raw, sql, env } = require('./lib');

before(start);
after(stop);

const keep = { acknowledge: true, retain: true };

test('a retained publish is a row when it is acknowledged', async () => {
  const a = await join();
  const topic = fresh();
  await a.publish(topic, [{ n: 1 }, 'x'], { k: [null] }, keep);
  assert.equal(await sql(`SELECT args, kwargs FROM fox_wamp.retained WHERE topic = '${topic}'`), '[{"n": 1}, "x"]|{"k": [null]}');
});

test('unacknowledged ones are rows after sync()', async () => {
  const a = await Raw.join();
  const topic = fresh();
  for (let i = 0; i < 100; i++) a.send([16, i + 1, { retain: true }, `${topic}.n${i}`, [i]]);
  // The answer of the last request says that the router has read all of them.
  await a.ask([32, 101, {}, fresh()]);
  assert.equal(await sql('SELECT fox_wamp.sync()'), 't');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic LIKE '${topic}.n%'`), '100');
});

test('retained: true gives the snapshot in topic order, then live events', async () => {
  const [a, b] = [await join(), await join()];
  const base = fresh();
  for (const n of ['c', 'a', 'b']) await a.publish(`${base}.${n}`, [n], {}, keep);
  const inbox = await listen(b, `${base}.#`, { retained: true });
  for (const n of ['a', 'b', 'c']) {
    const event = await inbox.next();
    assert.deepEqual([event.topic, event.args, event.retained], [`${base}.${n}`, [n], true]);
  }
  await a.publish(`${base}.b`, ['live'], {}, keep);
  await a.publish(`${base}.b`, ['not kept'], {}, { acknowledge: true });
  const live = [await inbox.next(), await inbox.next()];
  assert.deepEqual(live.map((e) => [e.args[0], e.retained]), [['live', false], ['not kept', false]]);
});

test('get_retained and retainedState do the same', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  await a.publish(topic, ['v'], {}, keep);
  for (const option of ['get_retained', 'retainedState']) {
    const inbox = await listen(b, topic, { [option]: true });
    const event = await inbox.next();
    assert.deepEqual([event.args, event.retained], [['v'], true]);
    await b.unsubscribe(inbox.subscription);
  }
});

test('snapshot: true ends with UNSUBSCRIBED', async () => {
  const [a, raw] = [await join(), await Raw.join()];
  const base = fresh();
  for (const n of ['a', 'b']) await a.publish(`${base}.${n}`, [n], {}, keep);
  const [, , subscription] = await raw.ask([32, 1, { snapshot: true }, `${base}.*`]);
  assert.deepEqual((await raw.next())[4], ['a']);
  assert.deepEqual((await raw.next())[4], ['b']);
  const end = await raw.next();
  assert.deepEqual([end[0], end[1], end[2].subscription, end[2].reason], [35, 0, subscription, 'fox_wamp.snapshot_end']);
});

test('no update is lost or doubled between snapshot and live events', async () => {
  const [a, b] = [await Raw.join(), await join()];
  const base = fresh();
  const topics = 50;
  for (let round = 0; round < 20; round++) {
    for (let t = 0; t < topics; t++) a.send([16, round * topics + t + 1, { retain: true }, `${base}.k${t}`, [round]]);
    if (round === 10) {
      await a.ask([32, 100000, {}, fresh()]);
      b.watching = listen(b, `${base}.#`, { retained: true });
    }
  }
  const inbox = await b.watching;
  const last = {};
  while (Object.keys(last).length < topics || Object.values(last).some((v) => v < 19)) {
    const { topic, args: [round], retained } = await inbox.next();
    if (topic in last) {
      assert.equal(round, last[topic] + 1, `${topic} jumped`);
      assert.equal(retained, false, 'an initial value comes once, first');
    }
    last[topic] = round;
  }
});

test('an empty value deletes the row, and the deletion is an event', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  await a.publish(topic, ['v'], {}, keep);
  const inbox = await listen(b, topic);
  await a.publish(topic, [], {}, keep);
  assert.deepEqual((await inbox.next()).args, []);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${topic}'`), '0');
  for (const value of [[0], [false], [''], [[]]]) {
    await a.publish(topic, value, {}, keep);
    assert.equal(await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${topic}'`), JSON.stringify(value));
  }
});

test('when: null and when: {…} judge the stored value', async () => {
  const a = await join();
  const topic = fresh();
  await a.publish(topic, [{ state: 'new', n: 1.0 }], {}, { ...keep, when: null });
  assert.equal((await refusal(a.publish(topic, [{ state: 'b' }], {}, { ...keep, when: null }))).error, 'wamp.error.invalid_payload');
  assert.equal((await refusal(a.publish(topic, [{ state: 'b' }], {}, { ...keep, when: { state: 'old' } }))).error, 'wamp.error.invalid_payload');
  assert.equal((await refusal(a.publish(topic, [{ state: 'b' }], {}, { ...keep, when: { n: '1' } }))).error, 'wamp.error.invalid_payload');
  await a.publish(topic, [{ state: 'b' }], {}, { ...keep, when: { state: 'new', n: 1 } });
  assert.equal(await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${topic}'`), '[{"state": "b"}]');
});

test('of many sessions racing for one topic exactly one is acknowledged', async () => {
  const topic = fresh();
  const sessions = await Promise.all(Array.from({ length: 10 }, () => join()));
  const results = await Promise.allSettled(sessions.map((s, i) => s.publish(topic, [{ winner: i }], {}, { ...keep, when: null })));
  const winners = results.flatMap((r, i) => (r.status === 'fulfilled' ? [i] : []));
  assert.equal(winners.length, 1);
  assert.equal(await sql(`SELECT args->0->'winner' FROM fox_wamp.retained WHERE topic = '${topic}'`), String(winners[0]));
});

test('a filter lets through what matches, stored values too', async () => {
  const [a, b] = [await join(), await join()];
  const base = fresh();
  await a.publish(`${base}.a`, [{ type: 'x' }], {}, keep);
  await a.publish(`${base}.b`, [{ type: 'y' }], {}, keep);
  const inbox = await listen(b, `${base}.#`, { retained: true, filter: { type: 'x' } });
  assert.equal((await inbox.next()).topic, `${base}.a`);
  await a.publish(`${base}.c`, [{ type: 'y' }], {}, { acknowledge: true });
  await a.publish(`${base}.d`, ['scalar'], {}, { acknowledge: true });
  await a.publish(`${base}.e`, [{ type: 'x', more: 1 }], {}, { acknowledge: true });
  assert.equal((await inbox.next()).topic, `${base}.e`);
});

test('values that jsonb refuses are kept exactly', async () => {
  const [a, b] = [await Raw.join(), await Raw.join()];
  const topic = fresh();
  a.send(`[16,1,{"acknowledge":true,"retain":true},"${topic}",["\\u0000bin"]]`);
  assert.equal((await a.next())[0], 17);
  await b.ask([32, 1, { retained: true }, topic]);
  assert.deepEqual((await b.next())[4], ['\u0000bin']);
});

test('merge and ttl', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  await a.publish(topic, [{ a: 1, b: 2 }], {}, keep);
  await a.publish(topic, [{ b: null, c: 3 }], {}, { ...keep, merge: true });
  assert.equal(await sql(`SELECT args FROM fox_wamp.retained WHERE topic = '${topic}'`), '[{"a": 1, "c": 3}]');
  const inbox = await listen(b, `${topic}.short`);
  await a.publish(`${topic}.short`, ['soon gone'], {}, { ...keep, ttl: 1 });
  assert.deepEqual((await inbox.next()).args, ['soon gone']);
  assert.deepEqual((await inbox.next(8000)).args, []);
});

/** A transaction that stays open until end() is called. */
function transaction(text) {
  const psql = spawn(env.psql, ['-Atq', '-v', 'ON_ERROR_STOP=1']);
  const begun = new Promise((resolve, reject) => {
    psql.stdout.once('data', resolve);
    psql.once('exit', () => reject(new Error('psql ended')));
  });
  psql.stdin.write(`BEGIN;\n${text};\n\\echo begun\n`);
  return begun.then(() => ({
    end: (how = 'COMMIT') => new Promise((resolve) => { psql.once('exit', resolve); psql.stdin.end(`${how};\n`); }),
  }));
}

test('a session\'s stored publishes keep their order when one meets a locked row', async () => {
  const [a, b, other] = [await Raw.join(), await join(), await join()];
  const base = fresh();
  await other.publish(`${base}.locked`, ['old'], {}, keep);
  const inbox = await listen(b, `${base}.#`);
  const holder = await transaction(`SELECT 1 FROM fox_wamp.retained WHERE topic = '${base}.locked' FOR UPDATE`);
  const sent = [];
  for (let i = 1; i <= 200; i++) {
    const topic = i % 50 === 1 ? `${base}.locked` : `${base}.n${i % 7}`;
    const retain = i % 11 !== 0;
    a.send([16, i, { acknowledge: true, retain }, topic, [i]]);
    sent.push(i);
  }
  // Everybody else goes on meanwhile.
  await other.publish(`${base}.n1`, ['other'], {}, keep);
  assert.deepEqual((await inbox.next()).args, ['other']);
  await holder.end();
  const seen = [];
  while (seen.length < sent.length) seen.push((await inbox.next()).args[0]);
  assert.deepEqual(seen, sent);
  for (const i of sent) assert.deepEqual((await a.next()).slice(0, 2), [17, i]);
});

test('after: the snapshot waits for a publication of a transaction that is still open', async () => {
  const [a, raw] = [await join(), await Raw.join()];
  const base = fresh();
  await a.publish(`${base}.a`, ['old'], {}, keep);
  // The id is known before the commit: that is what it is for.
  const psql = spawn(env.psql, ['-Atq', '-v', 'ON_ERROR_STOP=1']);
  const id = new Promise((resolve) => { psql.stdout.on('data', (data) => resolve(Number(data))); });
  psql.stdin.write(`BEGIN;\nSELECT fox_wamp.publish('${base}.a', '["new"]', options => '{"retain":true}');\n`);
  raw.send([32, 1, { retained: true, after: await id }, `${base}.#`]);
  // An answer of the router to something sent later says that the first request waits.
  assert.deepEqual((await raw.ask([32, 2, {}, fresh()])).slice(0, 2), [33, 2]);
  assert.equal(raw.queue.length, 0);
  psql.stdin.end('COMMIT;\n');
  assert.deepEqual((await raw.next()).slice(0, 2), [33, 1]);
  const event = await raw.next();
  assert.deepEqual([event[3].retained, event[4]], [true, ['new']]);
  // What has been seen already is not waited for.
  assert.deepEqual((await raw.ask([32, 3, { snapshot: true, after: await id }, `${base}.*`])).slice(0, 2), [33, 3]);
});

test('after: what never comes is waited for only so long, and a leaving session is no trouble', async () => {
  const [a, raw, gone] = [await join(), await Raw.join(), await Raw.join()];
  const topic = fresh();
  await a.publish(topic, ['v'], {}, keep);
  gone.send([32, 1, { retained: true, after: 12345 }, topic]);
  gone.ws.terminate();
  raw.send([32, 1, { retained: true, after: 12345 }, topic]);
  assert.deepEqual((await raw.next(10000)).slice(0, 2), [33, 1]);
  assert.deepEqual((await raw.next())[4], ['v']);
});

test('after: malformed, or without anything that is kept', async () => {
  const raw = await Raw.join();
  for (const after of ['1', -1, 0, 1.5, [], true]) {
    const answer = await raw.ask([32, 1, { retained: true, after }, fresh()]);
    assert.deepEqual([answer[0], answer[4]], [8, 'wamp.error.invalid_argument'], JSON.stringify(after));
  }
  assert.equal((await raw.ask([32, 1, { after: 7 }, fresh()]))[4], 'wamp.error.invalid_argument');
});

test('$jsonpath in filter and when', async () => {
  const [a, b, raw] = [await join(), await join(), await Raw.join()];
  const topic = fresh();
  const inbox = await listen(b, topic, { filter: { $jsonpath: '$.items[*] ? (@.price > 10)' } });
  const exact = await listen(b, topic, { filter: { n: { $jsonpath: '$ >= 3 && $ < 5' } } });
  await a.publish(topic, [{ items: [{ price: 3 }], n: 3 }], {}, { acknowledge: true });
  await a.publish(topic, [{ items: [{ price: 30 }], n: 9 }], {}, { acknowledge: true });
  await a.publish(topic, ['no object'], {}, { acknowledge: true });
  await a.publish(topic, [{ items: [{ price: 11, bin: '\u0000AAEC' }], n: 4 }], {}, { acknowledge: true });
  assert.deepEqual([(await inbox.next()).args[0].n, (await inbox.next()).args[0].n], [9, 4]);
  assert.deepEqual([(await exact.next()).args[0].n, (await exact.next()).args[0].n], [3, 4]);
  await a.publish(topic, [{ n: 1 }], {}, keep);
  const refused = await refusal(a.publish(topic, [{ n: 2 }], {}, { ...keep, when: { $jsonpath: '$.n > 1' } }));
  assert.equal(refused.error, 'wamp.error.invalid_payload');
  await a.publish(topic, [{ n: 2 }], {}, { ...keep, when: { $jsonpath: '$.n == 1' } });
  for (const path of ['$.', '', 5, null, '$ ? (', 'lax', '\u0000']) {
    const answer = await raw.ask([32, 1, { filter: { $jsonpath: path } }, topic]);
    assert.deepEqual([answer[0], answer[4]], [8, 'wamp.error.invalid_argument'], JSON.stringify(path));
  }
});

test('a $jsonpath that would take for ever is cut off, and the router lives on', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const deep = Array.from({ length: 8 }).reduce((path) => `$[*] ? (exists(${path}))`, '$[*] ? (@ == -1)');
  const inbox = await listen(b, topic, { filter: { k: { $jsonpath: deep } } });
  const plain = await listen(b, topic);
  await a.publish(topic, [{ k: Array.from({ length: 2000 }, (_, i) => i) }], {}, { acknowledge: true });
  await plain.next(); // in the time that every test waits at most
  assert.deepEqual(inbox.rest(), []);
});

test('nor does a session\'s publish overtake one of its own that waits for another row', async () => {
  const [first, s, b, other] = [await Raw.join(), await Raw.join(), await join(), await join()];
  const base = fresh();
  for (const row of ['a', 'b']) await other.publish(`${base}.${row}`, ['old'], {}, keep);
  const hold = (row) => transaction(`SELECT 1 FROM fox_wamp.retained WHERE topic = '${base}.${row}' FOR UPDATE`);
  const [a_holder, b_holder] = [await hold('a'), await hold('b')];
  const inbox = await listen(b, `${base}.#`);
  // The topic a has a line of its own before the session comes; its publish to b is refused only after that to a was sent.
  first.send([16, 1, { acknowledge: true, retain: true }, `${base}.a`, ['first']]);
  await other.publish(`${base}.c`, ['other'], {}, keep);
  ['b', 'a', 'c', 'a', 'b'].forEach((row, i) => s.send([16, i + 1, { acknowledge: true, retain: true }, `${base}.${row}`, [i]]));
  await other.publish(`${base}.d`, ['other'], {}, keep);
  await a_holder.end();
  assert.deepEqual((await first.next()).slice(0, 2), [17, 1]);
  await b_holder.end();
  const seen = [];
  while (seen.length < 5) {
    const { args: [value] } = await inbox.next();
    if (typeof value === 'number') seen.push(value);
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
});

/** Topics of the values that a subscriber gets for a pattern. */
async function values(pattern) {
  const peer = await Raw.join();
  peer.send([32, 1, { snapshot: true }, pattern]);
  const topics = [];
  for (;;) {
    const message = await peer.next();
    if (message[0] === 36) topics.push(message[3].topic);
    if (message[0] === 35) break;
  }
  peer.ws.terminate();
  return topics;
}

test('exclude and eligible hold for later subscribers too, of clients\' publishes, SQL\'s and rows', async () => {
  const a = await join();
  const base = fresh();
  await a.publish(`${base}.a`, [1], {}, keep);
  await a.publish(`${base}.b`, [1], {}, { ...keep, eligible_authrole: ['boss'] });
  await a.publish(`${base}.c`, [1], {}, { ...keep, exclude_authid: ['somebody'] });
  await sql(`SELECT fox_wamp.publish('${base}.d', '[1]', options => '{"retain":true,"exclude_authrole":["anonymous"]}')`,
    `SELECT fox_wamp.publish('${base}.e', '[1]', options => '{"retain":true,"eligible_authrole":["anonymous"]}')`,
    `INSERT INTO fox_wamp.retained (realm, topic, args, audience) VALUES ('realm1', '${base}.f', '[1]', '{"eligible":[]}')`,
    'SELECT fox_wamp.sync()');
  const mine = ['a', 'c', 'e'].map((t) => `${base}.${t}`);
  assert.deepEqual(await values(`${base}.#`), mine);
  assert.equal(await sql(`SELECT audience FROM fox_wamp.retained WHERE topic = '${base}.b'`), '{"eligible_authrole": ["boss"]}');
  await restart();
  assert.deepEqual(await values(`${base}.#`), mine);
  // A later publish without lists is for everybody; SQL that changes only the value leaves them.
  const b = await join();
  const inbox = await listen(b, `${base}.#`);
  await sql(`UPDATE fox_wamp.retained SET args = '[2]' WHERE topic = '${base}.d'`,
    `DELETE FROM fox_wamp.retained WHERE topic = '${base}.f'`,
    `SELECT fox_wamp.publish('${base}.b', '[2]', options => '{"retain":true}')`);
  assert.equal((await inbox.next()).topic, `${base}.b`);
  assert.deepEqual(await values(`${base}.#`), ['a', 'b', 'c', 'e'].map((t) => `${base}.${t}`));
});

test('an audience that is none is refused', async () => {
  for (const audience of ['[]', '1', '{"eligible":1}', '{"exclude":{"a":1}}', '{"eligble":[]}', '{"exclude_authid":null}'])
    await assert.rejects(sql(`INSERT INTO fox_wamp.retained (realm, topic, audience) VALUES ('realm1', '${fresh()}', '${audience}')`),
      /invalid audience/);
});
