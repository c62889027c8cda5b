'use strict';
// Services: schemas whose functions are methods, by HTTP and by WAMP.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, sql, join, listen, refusal, Raw } = require('./lib');
const { ask, closeAll } = require('./http');

const quiet = 'SET client_min_messages = error';

before(async () => {
  start();
  await sql(quiet, fs.readFileSync(path.join(__dirname, 'service_functions.sql'), 'utf8'));
  await sql(quiet, "SELECT fox_wamp.expose_root('named')", "SELECT fox_wamp.expose_root('bare', style => 'plain')",
    "SELECT fox_wamp.expose_service('calculator', publish_signature => true)", "SELECT fox_wamp.expose_service('calculator', 'Calc', root => 'named', result_as => 'object', contract => 'v7')",
    "SELECT fox_wamp.expose_service('calculator', root => 'bare', audit => true)", 'SELECT fox_wamp.sync()');
});
after(async () => {
  closeAll();
  await sql(quiet, "DELETE FROM fox_wamp.root WHERE name IN ('named', 'bare')", 'DROP SCHEMA calculator, tally, shapes CASCADE', 'DROP ROLE tally_owner');
  stop();
});

const json = (value) => ({ headers: { 'Content-Type': 'application/json' }, body: typeof value === 'string' ? value : JSON.stringify(value) });

for (const [method, target, expected, more = {}] of [
  ['GET', '/root/Calculator/Add?n1=1&n2=2', '{"Result":[3]}'],
  ['GET', '/root/calculator.add?N2=2&n1=1&other=5', '{"Result":[3]}'],
  ['POST', '/root/Calculator.Add', '{"Result":[3]}', json([1, 2])],
  ['POST', '/root/Calculator/Add', '{"Result":[3]}', json({ n2: 2, n1: 1 })],
  ['GET', `/root/Calculator/Add?${encodeURIComponent('[1,2]')}`, '{"Result":[3]}'],
  ['POST', '/root/Calculator/To_Text', '{"Result":["3.50"]}', json('{"value":3.50,"result":"x"}')],
  ['GET', '/root/calculator/to_text?value=3', 400],
  ['GET', '/root/calculator/divmod?a=17&b=5', '{"Result":[3,2]}'],
  ['GET', '/root/calculator/no_row', '{"Result":[null,null]}'],
  ['POST', '/root/calculator/nothing', '{"Result":[]}'],
  ['GET', '/root/calculator/series?n=3', '{"Result":[[1,2,3]]}'],
  ['GET', '/root/calculator/squares?n=2', '{"Result":[[{"i":1,"sq":1},{"i":2,"sq":4}]]}'],
  ['POST', '/root/calculator/bytes_of', '{"Result":[3]}', { headers: { 'Content-Type': 'application/octet-stream' }, body: Buffer.from([0, 255, 16]) }],
  ['POST', '/root/calculator/page', 'hi', { status: 201 }],
  ['GET', '/named/calc/add?n1=1&n2=2', '{"Result":{"Result":3}}'],
  ['GET', '/named/calc/divmod?a=17&b=5', '{"Result":{"q":3,"r":2}}'],
  ['GET', '/named/calc/no_row', '{"Result":{"q":null,"r":null}}'],
  ['GET', '/named/calc/to_text?value=1&result=', '{"Result":{"result":"1"}}'],
  ['POST', '/named/calc/nothing', '{"Result":{}}'],
  ['GET', '/bare/calculator/divmod?a=17&b=5', '[3,2]'],
  ['POST', '/bare/calculator/nothing', '[]'],
  // a body that names the method
  ['POST', '/root/Calculator', '{"Result":[3],"id":7}', json({ method: 'Add', params: [1, 2], id: 7 })],
  ['POST', '/root/calculator/', '{"Result":[3]}', json({ method: 'add', params: { n1: 1, n2: 2 } })],
  ['POST', '/root/calculator', '{"Result":[],"id":"x"}', json({ method: 'nothing', id: 'x' })],
  ['POST', '/bare/calculator', '[3,2]', json({ method: 'divmod', params: [17, 5], id: 1 })],
  ['POST', '/root/calculator', 404, json({ method: 'subtract', params: [1, 2] })],
  ['POST', '/root/calculator', 404, json({ method: 'add.x', params: [1, 2] })],
  ['POST', '/root/calculator', 400, json({ params: [1, 2] })],
  ['POST', '/root/calculator', 400, json({ method: 'add', params: 3 })],
  ['POST', '/root/calculator', 400, json({ method: 5 })],
  ['POST', '/root/calculator', 400, json('["add"]')],
  ['POST', '/root/calculator', 400, json('{"method"')],
  ['POST', '/root/calculator', 415, { headers: { 'Content-Type': 'text/plain' }, body: '{"method":"add"}' }],
  ['GET', '/root/calculator', 405],
  ['POST', '/root/calculator', 400, json({ method: 'add', params: [1] })],
  // errors, and what is no method
  ['GET', '/root/calculator/add?n1=1', 400],
  ['GET', '/root/calculator/add?n1=x&n2=2', 400],
  ['GET', '/root/calculator/boom?why=x', 500],
  ['GET', '/root/calculator/secret', 401],
  ['GET', '/root/calculator/divmod?a=1&b=0', 500],
  ['GET', '/root/calculator/subtract', 404],
  ['GET', '/root/calculator/trig', 404],
  ['GET', '/root/calculator/total', 404],
  ['GET', '/root/calculator/proc', 404],
  ['GET', '/root/calculators/add', 404],
  ['GET', '/root/calculator/add/%FF?n1=1&n2=2', 404],
  ['DELETE', '/root/calculator/add?n1=1&n2=2', 405],
  ['POST', '/root/calculator/_instance_', 400],
  ['POST', '/root/calculator/_free_/1', 400],
  ['GET', '/named/calc/_signature_', 404],
  ['GET', '/named/calc/_contract_', '{"Result":{"Result":"v7"}}'],
]) {
  test(`${method} ${target} ${more.body ?? ''}`, async () => {
    const answer = await ask(method, target, more);
    const text = answer.body.toString();
    if (typeof expected === 'number') assert.equal(answer.status, expected, text);
    else assert.deepEqual([answer.status, text], [more.status ?? 200, expected]);
  });
}

test('by WAMP it is answered alike, whatever the case', async () => {
  const session = await Raw.join();
  assert.deepEqual(await session.ask([48, 1, {}, 'root.calculator.add', [1, 2]]), [50, 1, {}, [3]]);
  assert.deepEqual(await session.ask([48, 2, {}, 'Root.Calculator.Add', [], { n1: 1, n2: 2 }]), [50, 2, {}, [3]]);
  assert.deepEqual(await session.ask([48, 3, {}, 'root.calculator.divmod', [17, 5]]), [50, 3, {}, [3, 2]]);
  assert.deepEqual(await session.ask([48, 4, {}, 'named.calc.divmod', [17, 5]]), [50, 4, {}, [], { q: 3, r: 2 }]);
  assert.deepEqual(await session.ask([48, 5, {}, 'root.calculator.nothing']), [50, 5, {}, []]);
  assert.deepEqual(await session.ask([48, 6, {}, 'root.calculator.squares', [1]]), [50, 6, {}, [[{ i: 1, sq: 1 }]]]);
  assert.equal((await session.ask([48, 7, {}, 'root.calculator.subtract']))[4], 'wamp.error.no_such_procedure');
});

test('however a caller spells a procedure, it is the permission of the procedure that counts', async () => {
  await sql("INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call) VALUES ('realm1', 'root.calculator.divmod', 'public', false)", 'SELECT fox_wamp.sync()');
  try {
    const session = await Raw.join();
    assert.equal((await session.ask([48, 1, {}, 'ROOT.calculator.DIVMOD', [17, 5]]))[4], 'wamp.error.not_authorized');
    assert.equal((await session.ask([48, 2, {}, 'root.calculator.divmod', [17, 5]]))[4], 'wamp.error.not_authorized');
  } finally {
    await sql("DELETE FROM fox_wamp.permission WHERE pattern = 'root.calculator.divmod'", 'SELECT fox_wamp.sync()');
  }
});

test('a contract is compared before the call', async () => {
  const hash = await sql("SELECT fox_wamp.contract('calculator')");
  assert.equal((await ask('GET', '/root/calculator/_contract_')).body.toString(), `{"Result":["${hash}"]}`);
  assert.match(hash, /^[0-9a-f]{64}$/);
  const signature = JSON.parse((await ask('GET', '/root/calculator/_signature_')).body).Result[0];
  assert.deepEqual([signature.contract, signature.implementation], ['calculator', 'shared']);
  assert.deepEqual(signature.methods.find((m) => m.method === 'to_text').arguments,
    [{ argument: 'value', direction: 'in', type: 'numeric' }, { argument: 'result', direction: 'both', type: 'text' }]);
  assert.deepEqual(signature.methods.find((m) => m.method === 'add').arguments.at(-1), { argument: 'Result', direction: 'result', type: 'integer' });

  const call = (contract, root = 'root') => ask('GET', `/${root}/add?n1=1&n2=2`, { headers: { 'X-Fox-Contract': contract } });
  assert.equal((await call(hash, 'root/calculator')).status, 200);
  assert.equal((await call('v7', 'named/calc')).status, 200);
  for (const [contract, root] of [['v7', 'root/calculator'], [hash, 'named/calc'], ['\xff', 'named/calc']]) {
    const answer = await call(contract, root);
    assert.equal(answer.status, 412, answer.body.toString());
  }
  const session = await Raw.join();
  assert.deepEqual(await session.ask([48, 1, { contract: hash }, 'root.calculator.add', [1, 2]]), [50, 1, {}, [3]]);
  assert.equal((await session.ask([48, 2, { contract: 'other' }, 'root.calculator.add', [1, 2]]))[4], 'fox_wamp.error.contract_mismatch');
});

test('methods come and go with the functions, and the contract with them, which listeners hear of', async () => {
  const session = await join();
  const heard = await listen(session, 'fox_wamp.meta.service.on_change');
  const status = async (name) => { await sql('SELECT fox_wamp.sync()'); return (await ask('GET', `/root/calculator/${name}`)).status; };
  const change = async (...statements) => {
    await sql(quiet, ...statements);
    // The root with a version of its own says nothing.
    const told = [await heard.next(), await heard.next()];
    assert.deepEqual(told.map((e) => e.args[0]).sort(), ['bare.calculator', 'root.calculator']);
    assert.equal(told[0].args[1], await sql("SELECT fox_wamp.contract('calculator')"));
  };
  await change('CREATE FUNCTION calculator.late() RETURNS int LANGUAGE sql AS \'SELECT 1\'');
  assert.equal(await status('late'), 200);
  await change('ALTER FUNCTION calculator.late() RENAME TO later');
  assert.deepEqual([await status('late'), await status('later')], [404, 200]);
  // Of two of one name each goes by itself.
  await change('CREATE FUNCTION calculator.later(n int) RETURNS int LANGUAGE sql AS \'SELECT n\'');
  assert.deepEqual([await status('later'), await status('later?n=1')], [200, 200]);
  await change('DROP FUNCTION calculator.later()');
  assert.deepEqual([await status('later'), await status('later?n=1')], [400, 200]);
  await change('DROP FUNCTION calculator.later(int)');
  assert.equal(await status('later'), 404);
  await sql(quiet, 'CREATE OR REPLACE FUNCTION calculator.add(n1 int, n2 int) RETURNS int LANGUAGE sql IMMUTABLE AS \'SELECT n1+n2+0\'');
  assert.deepEqual(heard.rest(), []);

  await sql(quiet, 'CREATE SCHEMA brief', "SELECT fox_wamp.expose_service('brief', 'Brief')");
  assert.deepEqual((await heard.next()).args, ['root.Brief', await sql("SELECT fox_wamp.contract('brief')")]);
  await sql('ALTER SCHEMA brief RENAME TO briefer');
  assert.deepEqual((await heard.next()).args, ['root.Brief', await sql("SELECT fox_wamp.contract('briefer')")]);
  assert.equal((await ask('GET', '/root/brief/_contract_')).status, 200);
  await sql('DROP SCHEMA briefer');
  assert.deepEqual((await heard.next()).args, ['root.Brief', null]);
  assert.equal((await ask('GET', '/root/brief/_contract_')).status, 404);
  session.leaveNow();
});

test('what is exposed is listed, and ended', async () => {
  await sql(quiet, 'CREATE SCHEMA listed', 'CREATE FUNCTION listed.one() RETURNS int LANGUAGE sql AS \'SELECT 1\'', "SELECT fox_wamp.expose_service('listed', lifetime => 'single')");
  assert.equal(await sql("SELECT string_agg(kind || ' ' || path || ' ' || coalesce(lifetime, '-'), ',' ORDER BY path) FROM fox_wamp.exposed WHERE procedure LIKE 'root.listed%' AND procedure NOT LIKE '%\\_'"),
    'service /root/listed single,method /root/listed/one -');
  assert.equal(await sql("SELECT fox_wamp.unexpose('listed.one'), fox_wamp.unexpose('listed'), fox_wamp.unexpose('listed')"), 'f|t|f');
  await sql('SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/listed/one')).status, 404);
  await sql('DROP SCHEMA listed CASCADE');
});

test('a call is noted where that is wanted, whatever comes of it', async () => {
  await sql('DELETE FROM fox_wamp.service_call');
  await ask('GET', '/bare/calculator/add?n1=1&n2=2');
  await ask('POST', '/bare/calculator/boom', json(['kaboom']));
  await ask('GET', '/bare/calculator/add?n1=x');
  const session = await join();
  await session.call('bare.calculator.divmod', [17, 5]);
  assert.equal(await sql(`SELECT string_agg(concat_ws(' ', procedure, input, output, error, authrole), E'\\n' ORDER BY id) FROM fox_wamp.service_call`), [
    'bare.calculator.add {"n1": 1, "n2": 2} [3] anonymous',
    'bare.calculator.boom {"why": "kaboom"} P0001: kaboom anonymous',
    'bare.calculator.add 22P02: invalid input syntax for type integer: "x" anonymous',
    'bare.calculator.divmod {"a": 17, "b": 5} [3, 2] anonymous',
  ].join('\n'));
  assert.equal(await sql("SELECT bool_and(peer LIKE '127.0.0.1:%' AND microseconds >= 0 AND at <= now() AND session > 0) FROM fox_wamp.service_call"), 't');
  session.leaveNow();
});

test('OpenAPI has the methods', async () => {
  const { paths } = JSON.parse((await ask('GET', '/root/openapi.json')).body);
  assert.deepEqual(Object.keys(paths).filter((p) => p.startsWith('/calculator')),
    ['add', 'boom', 'bytes_of', 'divmod', 'no_row', 'nothing', 'page', 'series', 'squares', 'to_text'].map((m) => `/calculator/${m}`));
  const result = (operations, style) => operations.get.responses[200].content['application/json'].schema.properties.Result;
  assert.deepEqual(result(paths['/calculator/divmod']), { type: 'array', prefixItems: [{ type: 'integer', format: 'int32' }, { type: 'integer', format: 'int32' }] });
  assert.deepEqual(result(paths['/calculator/add']), { type: 'array', prefixItems: [{ type: 'integer', format: 'int32' }] });
  assert.deepEqual(result(paths['/calculator/nothing']), { type: 'array', prefixItems: [] });
  assert.deepEqual(result(paths['/calculator/series']).prefixItems[0], { type: 'array', items: { type: 'integer', format: 'int32' } });
  const named = JSON.parse((await ask('GET', '/named/openapi.json')).body).paths;
  assert.deepEqual(result(named['/Calc/divmod']), { type: 'object', properties: { q: { type: 'integer', format: 'int32' }, r: { type: 'integer', format: 'int32' } } });
});

for (const [what, statement, error] of [
  ['a lifetime that there is not', "SELECT fox_wamp.expose_service('tally', lifetime => 'eternal')", /no lifetime "eternal"[\s\S]*per_group/],
  ['one of threads', "SELECT fox_wamp.expose_service('tally', lifetime => 'per_thread')", /can not have the lifetime per_thread/],
  ['another lifetime of the same schema', "SELECT fox_wamp.expose_service('calculator', 'other', lifetime => 'single')", /another lifetime already/],
  ['a root that there is not', "SELECT fox_wamp.expose_service('tally', root => 'nowhere')", /root "nowhere" does not exist/],
  ['a schema of the server\'s', "SELECT fox_wamp.expose_service('pg_catalog')", /can not be a service/],
  ['the name of another', "SELECT fox_wamp.expose_service('tally', 'Calculator')", /duplicate key/],
  ['a reserved name', "SELECT fox_wamp.expose_service('tally', 'Catalog')", /check constraint/],
  ['a name with a dot', "SELECT fox_wamp.expose_service('tally', 'a.b')", /check constraint/],
  ['a function by the name of a service', "SELECT fox_wamp.expose_function('calculator.nothing()', 'Calculator')", /is a service already/],
  ['a service by the name of a function', "SELECT fox_wamp.expose_function('calculator.nothing()', 'taken'), fox_wamp.expose_service('tally', 'Taken')", /is a function already/],
]) {
  test(`refused: ${what}`, async () => {
    assert.match((await refusal(sql(statement))).stderr, error);
  });
}

test('methods of one name are told apart by what is given', async () => {
  await sql(quiet, "SELECT fox_wamp.expose_service('shapes', publish_signature => true, audit => true)", 'SELECT fox_wamp.sync()');
  const get = async (target) => (await ask('GET', target)).body.toString();
  assert.equal(await get('/root/shapes/area?r=2'), '{"Result":[12]}');
  assert.equal(await get('/root/shapes/area?h=2&w=3'), '{"Result":[6]}');
  assert.equal((await ask('GET', '/root/shapes/area?w=3')).status, 400);
  assert.equal((await ask('GET', '/root/shapes/area')).status, 400);
  for (const [body, result] of [[[2], 12], [[2, 3], 6], [{ r: 1 }, 3], [{ w: 4, h: 5 }, 20]]) {
    assert.equal((await ask('POST', '/root/shapes/area', json(body))).body.toString(), `{"Result":[${result}]}`);
    assert.equal((await ask('POST', '/root/shapes', json({ method: 'area', params: body }))).body.toString(), `{"Result":[${result}]}`);
  }
  assert.equal((await ask('POST', '/root/shapes/area', json([1, 2, 3]))).status, 400);
  const s = await join();
  assert.equal(await s.call('root.shapes.area', [2]), 12);
  assert.equal(await s.call('root.shapes.area', [], { w: 2, h: 5 }), 10);
  assert.equal((await refusal(s.call('root.shapes.area', [1, 2, 3]))).error, 'wamp.error.invalid_argument');
  s.leaveNow();
  const methods = JSON.parse(await get('/root/shapes/_signature_')).Result[0].methods;
  assert.deepEqual(methods.map((m) => [m.method, m.arguments.map((a) => a.argument)]), [['area', ['r', 'Result']], ['area', ['w', 'h', 'Result']]]);
  assert.equal(await sql("SELECT count(*) FROM fox_wamp.service_call WHERE procedure = 'root.shapes.area' AND error IS NULL AND input::text = '{\"h\": 3, \"w\": 2}'"), '2');
});

test('what can not be told apart takes the place of what goes', async () => {
  const hash = () => sql("SELECT hash FROM fox_wamp.exposed_service WHERE name = 'shapes'");
  const before = await hash();
  await sql('DROP FUNCTION shapes.area(int, int)', 'SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/shapes/area?h=2&w=3')).body.toString(), '{"Result":["numeric 6"]}');
  assert.equal((await ask('GET', '/root/shapes/area?r=2')).body.toString(), '{"Result":[12]}');
  assert.notEqual(await hash(), before);
  await sql('DROP FUNCTION shapes.area(float8)', 'DROP FUNCTION shapes.area(numeric, numeric)', 'SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/shapes/area?a=1&b=2&c=3')).body.toString(), '{"Result":[1]}', 'and a name in another case');
  assert.equal((await ask('GET', '/root/shapes/area?r=2')).status, 400);
});
