'use strict';
// call() and cast(): SQL as a caller of clients' procedures.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, join, fresh, sql, Inbox, Raw, autobahn } = require('./lib');

before(start);
after(stop);

/** What psql says of a statement that fails. */
async function failure(text) {
  try { await sql('\\set VERBOSITY verbose', text); } catch (e) { return e.stderr; }
  throw new Error('should have failed');
}

test('call() returns the only result, the kwargs, or both', async () => {
  const session = await join();
  const p = fresh('p');
  await session.register(`${p}.add`, ([a, b]) => a + b);
  await session.register(`${p}.named`, (args, kwargs) => new autobahn.Result([], { got: kwargs }));
  await session.register(`${p}.both`, (args, kwargs) => new autobahn.Result(args, kwargs));
  await session.register(`${p}.nothing`, () => new autobahn.Result([], {}));
  assert.equal(await sql(`SELECT fox_wamp.call('${p}.add', '[1, 2]')`), '3');
  assert.equal(await sql(`SELECT fox_wamp.call('${p}.named', kwargs => '{"a":1}')`), '{"got": {"a": 1}}');
  assert.equal(await sql(`SELECT fox_wamp.call('${p}.both', '[1]', '{"a":1}')`), '{"args": [1], "kwargs": {"a": 1}}');
  assert.equal(await sql(`SELECT fox_wamp.call('${p}.both', '[1, "x"]')`), '[1, "x"]');
  assert.equal(await sql(`SELECT fox_wamp.call('${p}.nothing') IS NULL`), 't');
  assert.equal(await sql(`SELECT fox_wamp.call('wamp.session.count') > '0'`), 't');
});

test('call() speaks with callees of every serializer', async () => {
  const p = fresh('p');
  for (const [name, serializer] of [['msgpack', 'MsgpackSerializer'], ['cbor', 'CBORSerializer']]) {
    const session = await join({ serializers: [new autobahn.serializer[serializer]()] });
    await session.register(`${p}.${name}`, ([value]) => ({ value, bytes: Buffer.from([0, 255]) }));
    assert.equal(await sql(`SELECT fox_wamp.call('${p}.${name}', '[{"n":[1.5,null]}]')`),
      '{"bytes": {"$text": "AEFQOD0="}, "value": {"n": [1.5, null]}}');
  }
});

test('errors of call() have SQLSTATEs, with the URI in DETAIL', async () => {
  const session = await join();
  const p = fresh('p');
  await session.register(`${p}.fails`, () => { throw new autobahn.Error('com.example.no', ['not today']); });
  await session.register(`${p}.hangs`, () => new Promise(() => {}));
  const failed = await failure(`SELECT fox_wamp.call('${p}.fails')`);
  assert.match(failed, /ERROR: {2}WF008: not today/);
  assert.match(failed, /DETAIL: {2}com\.example\.no/);
  assert.match(await failure(`SELECT fox_wamp.call('${p}.absent')`), /WF007[^]*wamp\.error\.no_such_procedure/);
  assert.match(await failure(`SELECT fox_wamp.call('${p}.hangs', options => '{"timeout":200}')`), /WF005[^]*wamp\.error\.timeout/);
  assert.match(await failure('SELECT fox_wamp.call(\'a b\')'), /WF003/);
  assert.match(await failure('SELECT fox_wamp.call(NULL)'), /WF003/);
  assert.match(await failure('SELECT fox_wamp.call(\'a\', kwargs => \'[1]\')'), /WF003/);
  assert.match(await failure('SELECT fox_wamp.call(\'a\', options => \'{"timeout":-1}\')'), /WF003/);
  assert.match(await failure('SELECT fox_wamp.call(\'a\', options => \'5\')'), /WF003/);
  assert.match(await failure('SELECT fox_wamp.call(\'a\', realm => \'nowhere\')'), /WF002/);
});

test('a cancelled statement cancels the call', async () => {
  const callee = await Raw.join();
  const p = fresh('p');
  await callee.ask([64, 1, {}, p]);
  const failed = failure(`SET statement_timeout = '500ms'; SELECT fox_wamp.call('${p}')`);
  const invocation = await callee.next();
  assert.equal(invocation[0], 68);
  assert.deepEqual((await callee.next(10000)).slice(0, 2), [69, invocation[1]]);
  assert.match(await failed, /57014/);
});

test('cast() calls at commit, in order, and never after a rollback', async () => {
  const session = await join();
  const p = fresh('p');
  const seen = new Inbox();
  await session.register(p, (args, kwargs) => { seen.put([args, kwargs]); });
  await sql(`BEGIN; SELECT fox_wamp.cast('${p}', '[1]'); ROLLBACK`);
  await sql(`BEGIN; SELECT fox_wamp.cast('${p}', '[2]', '{"k":1}'); SAVEPOINT a; SELECT fox_wamp.cast('${p}', '[3]');
    ROLLBACK TO a; SELECT fox_wamp.cast('${p}', '[4]'); COMMIT`);
  await sql(`SELECT fox_wamp.cast('${p}.nobody'); SELECT fox_wamp.cast('${p}', '[5]')`);
  assert.deepEqual([await seen.next(), await seen.next(), await seen.next()], [[[2], { k: 1 }], [[4], {}], [[5], {}]]);
  assert.notEqual(await sql('SELECT value FROM fox_wamp.stat_router WHERE name = \'casts_failed\''), '0');
});

test('a cast is one CALL, whatever its options say, and does not last for ever', async () => {
  const callee = await Raw.join();
  const p = fresh('p');
  await callee.ask([64, 1, {}, p]);
  await sql(`SELECT fox_wamp.cast('${p}', '[1]', options => '{"progress":true,"receive_progress":true,"timeout":200}')`);
  const first = await callee.next();
  assert.deepEqual([first[0], first[3], first[4]], [68, {}, [1]]);
  await sql(`SELECT fox_wamp.cast('${p}', '[2]')`);
  const second = await callee.next();
  if (second[0] === 69) assert.equal(second[1], first[1]);
  else assert.deepEqual([second[0], second[4]], [68, [2]]);
  const third = await callee.next();
  assert.deepEqual([second[0], third[0]].sort(), [68, 69], 'the first was told to stop');
});
