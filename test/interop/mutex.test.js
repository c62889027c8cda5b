'use strict';
// fox-wamp's recipe for a lock: a retained publish with a condition, a wait and a will.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { start, stop, join, listen, fresh, refusal, Raw, sql, until, url } = require('./lib');

before(start);
after(stop);

const lock = { acknowledge: true, retain: true, when: null, will: null, watch: true };
const lockNow = { acknowledge: true, retain: true, when: null, will: null };
const unlock = { acknowledge: true, retain: true };
const waiters = (topic) => sql(`SELECT count(*) FROM fox_wamp.lock_waiter WHERE topic = '${topic}'`);

test('the holder is acknowledged, the others wait in order of arrival', async () => {
  const topic = fresh('lock');
  const [a, b, c] = [await join(), await join(), await join()];
  const order = [];
  await a.publish(topic, [{ who: 'a' }], {}, lock).then(() => order.push('a'));
  const second = b.publish(topic, [{ who: 'b' }], {}, lock).then(() => order.push('b'));
  await until(async () => await waiters(topic) === '1');
  const third = c.publish(topic, [{ who: 'c' }], {}, lock).then(() => order.push('c'));
  await until(async () => await waiters(topic) === '2');
  assert.deepEqual(order, ['a']);
  await a.publish(topic, [], {}, unlock);
  await second;
  assert.deepEqual(order, ['a', 'b']);
  assert.equal(await sql(`SELECT args->0->>'who' FROM fox_wamp.retained WHERE topic = '${topic}'`), 'b');
  await b.publish(topic, [], {}, unlock);
  await third;
  await c.publish(topic, [], {}, unlock);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${topic}'`), '0');
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.lock WHERE topic = '${topic}'`), '0');
});

test('without watch a held lock is refused', async () => {
  const topic = fresh('lock');
  const [a, b] = [await join(), await join()];
  await a.publish(topic, [{ who: 'a' }], {}, lockNow);
  assert.equal((await refusal(b.publish(topic, [{ who: 'b' }], {}, lockNow))).error, 'wamp.error.invalid_payload');
});

// The best of the rounds counts: a loaded machine may delay any of them, but a release that waits for some
// timer of the router is late in all.
test('a destroyed socket releases within 100 ms, and the waiter gets it', async () => {
  const topic = fresh('lock');
  let best = Infinity;
  for (let round = 0; round < 5 || (best >= 100 && round < 50); round++) {
    const [holder, waiter] = [await Raw.join(), await Raw.join()];
    assert.equal((await holder.ask([16, 1, lock, topic, [{ round }]]))[0], 17);
    waiter.send([16, 1, lock, topic, [{ waiter: round }]]);
    await until(async () => await waiters(topic) === '1');
    const began = process.hrtime.bigint();
    holder.ws.terminate();
    assert.equal((await waiter.next())[0], 17);
    best = Math.min(best, Number(process.hrtime.bigint() - began) / 1e6);
    assert.equal((await waiter.ask([16, 2, unlock, topic, []]))[0], 17);
  }
  assert.ok(best < 100, `took ${best} ms at best`);
});

test('a holder that is killed releases', async () => {
  const topic = fresh('lock');
  const child = spawn(process.execPath, ['-e', `
    const autobahn = require('autobahn');
    const c = new autobahn.Connection({ url: '${url()}', realm: 'realm1' });
    c.onopen = (s) => s.publish('${topic}', [{}], {}, ${JSON.stringify(lock)}).then(() => console.log('held'), (e) => console.log(e));
    c.open();`], { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  assert.equal(String(await new Promise((resolve) => { child.stdout.once('data', resolve); })).trim(), 'held');
  const b = await join();
  const got = b.publish(topic, [{ who: 'b' }], {}, lock);
  await until(async () => await waiters(topic) === '1');
  child.kill('SIGKILL');
  await got;
  await b.publish(topic, [], {}, unlock);
});

test('a will with a value becomes the value, and an event', async () => {
  const topic = fresh('will');
  const [holder, other] = [await Raw.join(), await join()];
  const inbox = await listen(other, topic);
  const will = { args: ['offline'], kwargs: { at: 'once' } };
  await holder.ask([16, 1, { acknowledge: true, retain: true, will }, topic, ['online']]);
  assert.deepEqual((await inbox.next()).args, ['online']);
  holder.ws.terminate();
  const event = await inbox.next();
  assert.deepEqual([event.args, event.kwargs], [['offline'], { at: 'once' }]);
  assert.equal(await sql(`SELECT args->>0, owned FROM fox_wamp.retained WHERE topic = '${topic}'`), 'offline|f');
});

test('GOODBYE keeps the value, unless will_on is end', async () => {
  const topic = fresh('will');
  const a = await Raw.join();
  await a.ask([16, 1, { acknowledge: true, retain: true, will: null }, `${topic}.lost`, ['v']]);
  await a.ask([16, 2, { acknowledge: true, retain: true, will: null, will_on: 'end' }, `${topic}.end`, ['v']]);
  a.send([6, {}, 'wamp.close.normal']);
  assert.equal((await a.next())[0], 6);
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic = '${topic}.end'`) === '0');
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await sql(`SELECT owned FROM fox_wamp.retained WHERE topic = '${topic}.lost'`), 'f');
});

test('a change by somebody else ends ownership', async () => {
  const topic = fresh('will');
  const [a, b] = [await Raw.join(), await join()];
  await a.ask([16, 1, { acknowledge: true, retain: true, will: null }, topic, ['a']]);
  await b.publish(topic, ['b'], {}, unlock);
  a.ws.terminate();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.session WHERE id = ${a.id}`) === '0');
  await sql('SELECT fox_wamp.sync()');
  assert.equal(await sql(`SELECT args->>0 FROM fox_wamp.retained WHERE topic = '${topic}'`), 'b');
});

test('a waiter that goes leaves the queue', async () => {
  const topic = fresh('lock');
  const [holder, gone, stays] = [await join(), await Raw.join(), await join()];
  await holder.publish(topic, [{}], {}, lock);
  gone.send([16, 1, lock, topic, [{}]]);
  await until(async () => await waiters(topic) === '1');
  const got = stays.publish(topic, [{ who: 'stays' }], {}, lock);
  await until(async () => await waiters(topic) === '2');
  gone.ws.terminate();
  await until(async () => await waiters(topic) === '1');
  await holder.publish(topic, [], {}, unlock);
  await got;
  assert.equal(await sql(`SELECT args->0->>'who' FROM fox_wamp.retained WHERE topic = '${topic}'`), 'stays');
});

test('the wait is bounded by timeout', async () => {
  const topic = fresh('lock');
  const [a, b] = [await join(), await join()];
  await a.publish(topic, [{}], {}, lock);
  assert.equal((await refusal(b.publish(topic, [{}], {}, { ...lock, timeout: 200 }))).error, 'wamp.error.timeout');
});

test('SQL and WAMP contend for one lock', async () => {
  const topic = fresh('lock');
  const a = await join();
  await a.publish(topic, [{}], {}, lock);
  assert.equal(await sql(`SELECT fox_wamp.try_lock('${topic}')`), 'f');
  const bySql = sql(`SELECT fox_wamp.lock('${topic}')`, `SELECT fox_wamp.unlock('${topic}')`);
  await until(async () => await waiters(topic) === '1');
  await a.publish(topic, [], {}, unlock);
  assert.match(await bySql, /t$/);
  await a.publish(topic, [{}], {}, lockNow);
  await a.publish(topic, [], {}, unlock);
});
