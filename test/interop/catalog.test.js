'use strict';
// Where services are: rows, what sessions announce, and calls of what is somewhere else.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, Raw, join, listen, until, refusal, restart, env } = require('./lib');
const { ask, closeAll } = require('./http');

const quiet = 'SET client_min_messages = error';

before(async () => {
  start();
  await sql(quiet, 'DELETE FROM fox_wamp.service_address', "INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call) VALUES ('realm1', 'fox_wamp.catalog.announce', 'public', true)",
    'CREATE SCHEMA away', 'GRANT USAGE ON SCHEMA away TO PUBLIC', "CREATE FUNCTION away.here(id int) RETURNS text LANGUAGE sql AS $$SELECT 'here ' || id$$",
    "SELECT fox_wamp.expose_service('away', 'Orders')", "SELECT fox_wamp.expose_root('bare', style => 'plain')", 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql(quiet, 'DELETE FROM fox_wamp.service_address', "DELETE FROM fox_wamp.permission WHERE pattern = 'fox_wamp.catalog.announce'", "DELETE FROM fox_wamp.root WHERE name = 'bare'", 'DROP SCHEMA away CASCADE');
  stop();
});

const get = async (path, options) => {
  const answer = await ask('GET', path, options);
  assert.equal(answer.status, 200, answer.body.toString());
  return JSON.parse(answer.body);
};
const ref = (service, url, more = {}) => ({ service, node: null, url, realm: 'realm1', uri_prefix: null, contract: null, ...more });
const put = (rows) => sql(`INSERT INTO fox_wamp.service_catalog (service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at) VALUES ${rows}`, 'SELECT fox_wamp.sync()');
const clear = () => sql('DELETE FROM fox_wamp.service_catalog WHERE session_id IS NULL', 'SELECT fox_wamp.sync()');
const call = async (session, request, procedure, args = [], kwargs = {}, options = {}) => {
  const answer = await session.ask([48, request, options, procedure, args, kwargs]);
  return answer[0] === 50 ? answer[3][0] : answer;
};

test('rows are found by name and number, by HTTP, by WAMP and by SQL alike', async () => {
  await put(`('Calc', 'http://old:1/root', NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('Calc', 'http://low:1/root', 'low', 'root.calc', 'v1', '[-5,100)', NULL, NULL, NULL),
    ('Calc', 'http://zero:1/root', NULL, NULL, NULL, NULL, 2, 0, NULL), ('Calc', 'http://one:1/root', NULL, NULL, NULL, NULL, 2, 1, NULL), ('Other', 'wss://other/ws', NULL, NULL, NULL, NULL, NULL, NULL, NULL)`);
  const session = await Raw.join();
  const numbers = [-6, -5, 0, 99, 100, 101, 102, 103, '9007199254740993', '-9223372036854775808', '9223372036854775807'];
  let request = 0;
  for (const number of numbers) {
    const by = [
      (await get(`/root/catalog?service=calc&shard=${number}`)).Result,
      await call(session, ++request, 'fox_wamp.catalog.get', ['CALC', typeof number === 'string' ? number : Number(number)]),
      JSON.parse(await sql(`SELECT to_json(r) FROM fox_wamp.retrieve_service('Calc', ${number < 0 ? `'${number}'` : number}) r`)),
    ];
    assert.deepEqual(by[1], by[0]);
    assert.deepEqual(by[2], by[0]);
    const remainder = Number(await sql(`SELECT (hashint8extended('${number}', 0)::bit(64) & 1::bit(64))::bigint`));
    const n = BigInt(number);
    assert.equal(by[0].found, true);
    assert.equal(by[0].ref.url, n >= -5n && n < 100n ? 'http://low:1/root' : `http://${['zero', 'one'][remainder]}:1/root`, String(number));
  }
  assert.deepEqual((await get('/root/catalog?service=Calc&shard=5')).Result, { found: true, ref: ref('Calc', 'http://low:1/root', { node: 'low', uri_prefix: 'root.calc', contract: 'v1' }) });
  assert.equal((await get('/root/catalog?service=Calc')).Result.ref.url, 'http://one:1/root', 'the newest');
  assert.deepEqual(await get('/bare/catalog?service=nothing'), { found: false, ref: null });
  assert.equal(await sql("SELECT to_json(r) FROM fox_wamp.retrieve_service('nothing') r"), '{"found":false,"ref":null}');
  assert.deepEqual((await get('/root/catalog')).Result.map((r) => r.service), ['Other', 'Calc', 'Calc', 'Calc', 'Calc']);
  assert.equal((await ask('GET', '/root/catalog?service=Calc&shard=x')).status, 400);
  assert.equal((await ask('GET', '/root/catalog?service=%FF')).status, 400);
  assert.equal((await ask('DELETE', '/root/catalog')).headers.allow, 'GET, HEAD, POST');
  assert.equal((await call(session, ++request, 'fox_wamp.catalog.get', []))[4], 'wamp.error.invalid_argument');
  assert.equal((await call(session, ++request, 'fox_wamp.catalog.get', ['Calc', 1.5]))[4], 'wamp.error.invalid_argument');
  await clear();
});

test('a remainder is that of hashint8extended, as an unsigned number', async () => {
  assert.equal(await sql(`SELECT count(*) FROM generate_series(-50, 50) k, (VALUES (1), (3), (7), (1000)) m (n)
    WHERE fox_wamp.shard_remainder(k, n) <> ((hashint8extended(k, 0)::numeric + 18446744073709551616) % 18446744073709551616) % n`), '0');
  for (const k of [-3, 0, 1, 123456789012]) {
    await put(`('H', 'http://right/root', NULL, NULL, NULL, NULL, 1009, ${await sql(`SELECT fox_wamp.shard_remainder(${k < 0 ? `'${k}'` : k}, 1009)`)}, NULL)`);
    assert.equal((await get(`/root/catalog?service=H&shard=${k}`)).Result.found, true);
    assert.equal((await get(`/root/catalog?service=H&shard=${k + 1}`)).Result.found, false);
    await clear();
  }
});

test('stat has addresses, as mORMot says them', async () => {
  await put(`('Calc', 'http://10.0.0.1:888/root', NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('calc', 'https://calc.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('Other', 'ws://[::1]:9/a/b', NULL, NULL, NULL, NULL, NULL, NULL, NULL)`);
  assert.deepEqual(await get('/root/stat?findservice=Calc'), [{ Address: 'calc.example', Port: '443', Root: '' }, { Address: '10.0.0.1', Port: '888', Root: 'root' }]);
  assert.deepEqual(await get('/root/stat?findservice=*'), [{ Address: '[::1]', Port: '9', Root: 'a' }, { Address: 'calc.example', Port: '443', Root: '' }, { Address: '10.0.0.1', Port: '888', Root: 'root' }]);
  assert.deepEqual(await get('/root/stat?findservice=none'), []);
  assert.equal((await ask('GET', '/root/stat')).status, 400);
  assert.equal((await ask('POST', '/root/stat')).status, 405);
  await clear();
});

test('what a session announces is there as long as it, and others hear of it', async () => {
  const watcher = await join();
  const heard = await listen(watcher, 'fox_wamp.meta.catalog');
  const session = await Raw.join();
  const offer = { service: 'Live', url: 'ws://live/ws', node: 'n1', uri_prefix: 'com.live', contract: 'v2', from: 10, to: null };
  const id = await call(session, 1, 'fox_wamp.catalog.announce', [], offer);
  const expected = ref('Live', 'ws://live/ws', { node: 'n1', uri_prefix: 'com.live', contract: 'v2' });
  assert.deepEqual((await heard.next()).args, ['added', expected]);
  assert.deepEqual(await call(session, 2, 'fox_wamp.catalog.get', ['live', 10]), { found: true, ref: expected });
  assert.deepEqual(await call(session, 3, 'fox_wamp.catalog.get', ['live', 9]), { found: false, ref: null });
  assert.equal(await call(session, 4, 'fox_wamp.catalog.announce', [], offer), id, 'the same again is the same');
  assert.equal(await sql("SELECT concat_ws(' ', service, node, url, shard, session_id) FROM fox_wamp.service_catalog"), `Live n1 ws://live/ws [10,) ${session.id}`);
  assert.match((await refusal(sql('DELETE FROM fox_wamp.service_catalog'))).stderr, /goes with the session/);
  const second = await call(session, 5, 'fox_wamp.catalog.announce', [], { service: 'Live', url: 'ws://live/ws', modulus: 2, remainder: 1 });
  assert.equal((await heard.next()).args[0], 'added');
  const other = await Raw.join();
  assert.equal(await call(other, 1, 'fox_wamp.catalog.withdraw', [second]), false);
  assert.equal(await call(session, 6, 'fox_wamp.catalog.withdraw', [second]), true);
  assert.equal((await heard.next()).args[0], 'removed');
  session.ws.close();
  assert.deepEqual((await heard.next()).args, ['removed', expected]);
  assert.equal(await sql('SELECT count(*) FROM fox_wamp.service_catalog'), '0');
  watcher.leaveNow();
});

test('what nobody refreshes in time goes, and rows do too', async () => {
  const watcher = await join();
  const heard = await listen(watcher, 'fox_wamp.meta.catalog');
  const session = await Raw.join();
  await call(session, 1, 'fox_wamp.catalog.announce', [], { service: 'Brief', url: 'http://brief/', ttl: 1 });
  assert.deepEqual([(await heard.next()).args[0], (await heard.next()).args[0]], ['added', 'removed']);
  await sql("INSERT INTO fox_wamp.service_catalog (service, url, expires_at) VALUES ('Brief', 'http://brief/', clock_timestamp() + interval '1s')");
  assert.deepEqual([(await heard.next()).args[0], (await heard.next()).args[0]], ['added', 'removed']);
  assert.deepEqual((await get('/root/catalog?service=Brief')).Result, { found: false, ref: null });
  assert.equal(await sql('SELECT count(*) FROM fox_wamp.service_catalog'), '0');
  watcher.leaveNow();
});

test('it is announced by HTTP for a while', async () => {
  const post = (body, path = '/root/catalog') => ask('POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const offer = { service: 'Posted', url: 'http://posted:8/root' };
  assert.equal((await post(offer)).status, 400, 'without a session it takes a ttl');
  const first = await post({ ...offer, ttl: 3600 });
  assert.equal(first.status, 200, first.body.toString());
  assert.equal((await post({ ...offer, ttl: 3600 })).body.toString(), first.body.toString());
  assert.equal((await get('/root/catalog?service=posted')).Result.ref.url, offer.url);
  assert.equal(await sql("SELECT expires_at > now() + interval '59 minutes' AND session_id IS NULL FROM fox_wamp.service_catalog"), 't');
  assert.equal((await ask('POST', '/root/catalog', { headers: { 'Content-Type': 'text/plain' }, body: '{}' })).status, 415);
  assert.equal((await post([])).status, 400);
  await restart();
  closeAll();
  assert.equal(await sql('SELECT count(*) FROM fox_wamp.service_catalog'), '0');
});

for (const [what, kwargs] of [['no url', { service: 'x' }], ['no service', { url: 'http://x' }], ['an empty one', { service: '', url: 'http://x' }], ['all', { service: '*', url: 'http://x' }],
  ['half a remainder', { service: 'x', url: 'u', modulus: 3 }], ['a remainder too large', { service: 'x', url: 'u', modulus: 3, remainder: 3 }], ['no modulus', { service: 'x', url: 'u', modulus: 0, remainder: 0 }],
  ['a range and a remainder', { service: 'x', url: 'u', from: 1, modulus: 3, remainder: 1 }], ['no number', { service: 'x', url: 'u', from: 'a' }], ['half a second', { service: 'x', url: 'u', ttl: 0.5 }]]) {
  test(`not announced: ${what}`, async () => {
    const session = await Raw.join();
    assert.equal((await session.ask([48, 1, {}, 'fox_wamp.catalog.announce', [], kwargs]))[4], 'wamp.error.invalid_argument');
    session.ws.close();
  });
}

test('who may not, announces nothing', async () => {
  await sql("DELETE FROM fox_wamp.permission WHERE pattern = 'fox_wamp.catalog.announce'", 'SELECT fox_wamp.sync()');
  const session = await Raw.join();
  assert.equal((await call(session, 1, 'fox_wamp.catalog.announce', [], { service: 'x', url: 'http://x' }))[4], 'wamp.error.not_authorized');
  await sql("INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call) VALUES ('realm1', 'fox_wamp.catalog.announce', 'public', true)", 'SELECT fox_wamp.sync()');
});

test('rows that make no sense are refused', async () => {
  for (const row of ["('x', 'no url', NULL, NULL, NULL, NULL, NULL, NULL, NULL)", "('*', 'http://x', NULL, NULL, NULL, NULL, NULL, NULL, NULL)", "('x', 'http://x', NULL, NULL, NULL, 'empty', NULL, NULL, NULL)",
    "('x', 'http://x', NULL, NULL, NULL, '[1,2)', 2, 1, NULL)", "('x', 'http://x', NULL, NULL, NULL, NULL, 2, 2, NULL)", "('x', 'http://x', NULL, NULL, NULL, NULL, 2, NULL, NULL)", "('x', E'http://x\\r\\nA: b', NULL, NULL, NULL, NULL, NULL, NULL, NULL)"]) {
    assert.match((await refusal(put(row))).stderr, /check constraint/, row);
  }
});

test('a call of what is elsewhere says where', async () => {
  await put(`('Elsewhere', 'http://far:1/root', 'far', NULL, NULL, NULL, NULL, NULL, NULL), ('Socket', 'ws://far/ws', 'far', 'com.socket', NULL, NULL, NULL, NULL, NULL)`);
  const answer = await ask('POST', '/root/Elsewhere/D%6F%5Fit?a=1&b=%2F');
  assert.deepEqual([answer.status, answer.headers.location, JSON.parse(answer.body)], [307, 'http://far:1/root/Elsewhere/D%6F%5Fit?a=1&b=%2F', { ErrorCode: 307, ErrorText: 'the service is at http://far:1/root' }].slice(0, 3));
  assert.equal((await ask('POST', '/root/elsewhere', { body: '{}' })).headers.location, 'http://far:1/root/elsewhere');
  assert.equal((await ask('GET', '/root/nowhere/do')).status, 404);
  const session = await Raw.join();
  const moved = await session.ask([48, 1, {}, 'root.elsewhere.do_it', [1]]);
  assert.deepEqual(moved.slice(4), ['fox_wamp.error.moved', ['the service is somewhere else'], ref('Elsewhere', 'http://far:1/root', { node: 'far' })]);
  assert.equal((await session.ask([48, 2, {}, 'com.socket.open']))[4], 'fox_wamp.error.moved');
  assert.equal((await session.ask([48, 3, {}, 'com.sockets.open']))[4], 'wamp.error.no_such_procedure');
  await clear();
  assert.equal((await ask('GET', '/root/Elsewhere/do')).status, 404);
});

test('a share that is elsewhere is called there, the others here', async () => {
  const reload = async (value) => {
    const reads = () => sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'configurations_read'").then(Number);
    const before = await reads();
    await sql("LOAD 'fox_wamp'", value === undefined ? 'ALTER SYSTEM RESET fox_wamp.node' : `ALTER SYSTEM SET fox_wamp.node = '${value}'`, 'SELECT pg_reload_conf()');
    await until(async () => await reads() > before);
  };
  await reload('near');
  try {
    await put(`('Orders', 'http://127.0.0.1:${env.port}/root', 'near', NULL, NULL, '[0,100)', NULL, NULL, NULL), ('Orders', 'http://far:1/root/', 'far', NULL, NULL, '[100,200)', NULL, NULL, NULL)`);
    const by = (shard) => ask('GET', '/root/orders/here?id=5', { headers: { 'X-Fox-Shard': shard } });
    assert.equal((await by(undefined)).body.toString(), '{"Result":["here 5"]}');
    assert.equal((await by('99')).body.toString(), '{"Result":["here 5"]}');
    assert.deepEqual([(await by('100')).status, (await by('100')).headers.location], [307, 'http://far:1/root/orders/here?id=5']);
    assert.equal((await by('500')).status, 200, 'nobody has it, so it is here');
    assert.equal((await by('x')).status, 400);
    const session = await Raw.join();
    assert.deepEqual(await session.ask([48, 1, { shard: 5 }, 'root.Orders.here', [5]]), [50, 1, {}, ['here 5']]);
    assert.equal((await session.ask([48, 2, { shard: 150 }, 'root.Orders.here', [5]]))[4], 'fox_wamp.error.moved');
  } finally {
    await clear();
    await reload();
  }
});

test('realms do not see each other\'s', async () => {
  await sql(quiet, "SELECT fox_wamp.create_realm('catalog2')", "SELECT fox_wamp.expose_root('second', 'catalog2')", "INSERT INTO fox_wamp.service_catalog (service, url, realm) VALUES ('Theirs', 'http://x', 'catalog2')", 'SELECT fox_wamp.sync()');
  assert.equal((await get('/root/catalog?service=Theirs')).Result.found, false);
  assert.equal((await get('/second/catalog?service=Theirs')).Result.found, true);
  await sql(quiet, "SELECT fox_wamp.drop_realm('catalog2')", 'SELECT fox_wamp.sync()');
  assert.equal(await sql('SELECT count(*) FROM fox_wamp.service_catalog'), '0');
});
