'use strict';
// Remote procedures with autobahn-js.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, fresh, refusal, Raw, Inbox, autobahn, sql, until } = require('./lib');

before(start);
after(stop);

test('register, call, result with args and kwargs', async () => {
  const [callee, caller] = [await join(), await join()];
  const uri = fresh('add');
  await callee.register(uri, (args) => args[0] + args[1]);
  assert.equal(await caller.call(uri, [2, 3]), 5);
  await callee.register(`${uri}.both`, (args, kwargs) => new autobahn.Result(args, kwargs));
  const result = await caller.call(`${uri}.both`, [1], { k: 'v' });
  assert.deepEqual([result.args, { ...result.kwargs }], [[1], { k: 'v' }]);
});

test('errors of a procedure reach the caller', async () => {
  const [callee, caller] = [await join(), await join()];
  const uri = fresh('fail');
  await callee.register(uri, () => { throw new autobahn.Error('com.example.no', ['why'], { code: 7 }); });
  const error = await refusal(caller.call(uri));
  assert.equal(error.error, 'com.example.no');
  assert.deepEqual([error.args, { ...error.kwargs }], [['why'], { code: 7 }]);
});

test('no such procedure; registered twice; unregistered', async () => {
  const [a, b] = [await join(), await join()];
  const uri = fresh('once');
  assert.equal((await refusal(a.call(uri))).error, 'wamp.error.no_such_procedure');
  const registration = await a.register(uri, () => 1);
  assert.equal((await refusal(b.register(uri, () => 2))).error, 'wamp.error.procedure_already_exists');
  await a.unregister(registration);
  assert.equal((await refusal(b.call(uri))).error, 'wamp.error.no_such_procedure');
  await b.register(uri, () => 2);
  assert.equal(await a.call(uri), 2);
});

test('progressive results', async () => {
  const [callee, caller] = [await join(), await join()];
  const uri = fresh('steps');
  await callee.register(uri, (args, kwargs, details) => {
    assert.ok(details.progress);
    for (let i = 1; i <= args[0]; i++) details.progress([i]);
    return 'end';
  });
  const steps = [];
  const result = await caller.call(uri, [5], {}, { receive_progress: true }).then((r) => r, null, (p) => steps.push(p));
  assert.equal(result, 'end');
  assert.deepEqual(steps, [1, 2, 3, 4, 5]);
});

test('cancel kill: the callee is interrupted, its answer decides', async () => {
  const [callee, caller] = [await Raw.join(), await join()];
  const uri = fresh('slow');
  const [, , registration] = await callee.ask([64, 1, {}, uri]);
  const call = caller.call(uri);
  const invocation = await callee.next();
  assert.deepEqual([invocation[0], invocation[2]], [68, registration]);
  const refused = refusal(call);
  call.cancel({ mode: 'kill' });
  const interrupt = await callee.next();
  assert.deepEqual([interrupt[0], interrupt[1]], [69, invocation[1]]);
  callee.send([8, 68, invocation[1], {}, 'wamp.error.canceled']);
  assert.equal((await refused).error, 'wamp.error.canceled');
});

test('cancel skip and killnowait answer at once', async () => {
  const [callee, caller] = [await Raw.join(), await Raw.join()];
  const uri = fresh('slow');
  await callee.ask([64, 1, {}, uri]);
  for (const [i, mode] of ['skip', 'killnowait'].entries()) {
    caller.send([48, i + 1, {}, uri]);
    await callee.next();
    caller.send([49, i + 1, { mode }]);
    const error = await caller.next();
    assert.deepEqual([error[0], error[1], error[2], error[4]], [8, 48, i + 1, 'wamp.error.canceled']);
  }
  assert.equal((await callee.next())[0], 69);
});

test('a lost callee fails its calls', async () => {
  const [callee, caller] = [await Raw.join(), await join()];
  const uri = fresh('lost');
  await callee.ask([64, 1, {}, uri]);
  const call = caller.call(uri);
  await callee.next();
  callee.ws.terminate();
  assert.equal((await refusal(call)).error, 'wamp.error.canceled');
});

test('prefix and wildcard registrations, the best match wins', async () => {
  const [callee, caller] = [await join(), await join()];
  const base = fresh('pat');
  await callee.register(`${base}.a`, (args, kwargs, d) => `prefix ${d.procedure}`, { match: 'prefix' });
  await callee.register(`${base}..c`, (args, kwargs, d) => `wildcard ${d.procedure}`, { match: 'wildcard' });
  await callee.register(`${base}.a.c`, () => 'exact');
  assert.equal(await caller.call(`${base}.a.c`), 'exact');
  assert.equal(await caller.call(`${base}.a.x`), `prefix ${base}.a.x`);
  assert.equal(await caller.call(`${base}.b.c`), `wildcard ${base}.b.c`);
});

test('shared registration: roundrobin', async () => {
  const [a, b, caller] = [await join(), await join(), await join()];
  const uri = fresh('rr');
  await a.register(uri, () => 'a', { invoke: 'roundrobin' });
  await b.register(uri, () => 'b', { invoke: 'roundrobin' });
  const got = [];
  for (let i = 0; i < 4; i++) got.push(await caller.call(uri));
  assert.deepEqual(got.slice(0, 2).sort(), ['a', 'b']);
  assert.deepEqual(got.slice(0, 2), got.slice(2));
});

test('concurrency: the third call waits for the first result', async () => {
  const [callee, caller] = [await Raw.join(), await Raw.join()];
  const uri = fresh('two');
  await callee.ask([64, 1, { concurrency: 2 }, uri]);
  const invocations = new Inbox();
  for (let i = 1; i <= 3; i++) caller.send([48, i, {}, uri, [i]]);
  const first = await callee.next();
  await callee.next();
  await assert.rejects(callee.next(100), /no message in time/);
  callee.send([70, first[1], {}, ['done']]);
  const third = await callee.next();
  assert.deepEqual(third[4], [3]);
  assert.deepEqual((await caller.next()).slice(0, 2), [50, 1]);
  assert.deepEqual(invocations.rest(), []);
});

test('concurrency: 0 is an invalid argument', async () => {
  const callee = await Raw.join();
  const answer = await callee.ask([64, 1, { concurrency: 0 }, fresh('zero')]);
  assert.deepEqual([answer[0], answer[4]], [8, 'wamp.error.invalid_argument']);
});

test('a call timeout ends the call', async () => {
  const [callee, caller] = [await Raw.join(), await join()];
  const uri = fresh('timeout');
  await callee.ask([64, 1, {}, uri]);
  const error = await refusal(caller.call(uri, [], {}, { timeout: 200 }));
  assert.match(error.error, /^wamp\.error\.(timeout|canceled)$/);
});

test('fox_wamp.registration shows it while it lasts', async () => {
  const callee = await join();
  const uri = fresh('row');
  await callee.register(uri, () => 1);
  await until(async () => await sql(`SELECT callees FROM fox_wamp.registration WHERE uri = '${uri}'`) === '1');
  callee.leaveNow();
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.registration WHERE uri = '${uri}'`) === '0');
});
