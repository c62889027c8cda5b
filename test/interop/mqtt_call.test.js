'use strict';
// mqtt_call.test.js - requests and responses of MQTT, and calls of WAMP: every side with every other.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, join, Raw, refusal, fresh } = require('./lib');
const { MqttClient, unique } = require('./mqtt_client');

before(start);
after(stop);

/** A client of 5.0 with a response topic of its own; call() waits for the response. */
async function requester(options = {}) {
  const c = await MqttClient.join(5, options);
  c.responses = unique('responses');
  await c.subscribe(c.responses);
  let n = 0;
  c.call = async (procedure, payload, { qos = 1, properties = {} } = {}) => {
    const correlationData = Buffer.from([++n, 0, 255]);
    const ack = await c.publish(`$call/${procedure}`, payload, { qos, properties: { responseTopic: c.responses, correlationData, ...properties } });
    if (qos === 1) assert.equal(ack.reasonCode ?? 0, 0);
    const p = await c.take((packet) => packet.cmd === 'publish' && packet.properties?.correlationData?.equals(correlationData));
    assert.equal(p.topic, c.responses);
    assert.equal(p.properties.responseTopic, undefined);
    return p;
  };
  return c;
}
const error = (p) => ({ ...p.properties.userProperties }).error;

test('MQTT calls WAMP: results, errors, nobody there', async () => {
  const procedure = fresh('p');
  const path = procedure.replaceAll('.', '/');
  const callee = await join();
  await callee.register(`${procedure}.add`, (args) => args[0] + args[1]);
  await callee.register(`${procedure}.kw`, (args, kwargs) => ({ got: kwargs }));
  await callee.register(`${procedure}.fail`, () => { throw new (require('autobahn').Error)('app.error.no', ['text'], { code: 7 }); });
  await callee.register(`${procedure}.nothing`, () => undefined);
  const c = await requester();
  for (const qos of [0, 1, 2]) assert.equal((await c.call(`${path}/add`, '[20,3]', { qos })).payload.toString(), '23');
  assert.deepEqual(JSON.parse((await c.call(`${path}/kw`, '{"a":1}')).payload), { got: { a: 1 } });
  const failed = await c.call(`${path}/fail`, '');
  assert.equal(error(failed), 'app.error.no');
  assert.deepEqual(JSON.parse(failed.payload), { args: ['text'], kwargs: { code: 7 } });
  assert.equal(error(await c.call(`${path}/nobody`, '')), 'wamp.error.no_such_procedure');
  assert.equal(error(await c.call('a//b', '')), 'wamp.error.no_such_procedure');
  await sql(`INSERT INTO fox_wamp.permission (realm, role, pattern, allow_call) VALUES ('realm1', 'public', '${procedure}.kw', false)`, 'SELECT fox_wamp.sync()');
  assert.equal(error(await c.call(`${path}/kw`, '{"a":1}')), 'wamp.error.not_authorized');
  await sql(`DELETE FROM fox_wamp.permission WHERE pattern = '${procedure}.kw'`);
  // Without a response topic nobody is told.
  await c.publish(`$call/${path}/add`, '[1,2]', { qos: 1 });
  await c.nothing();
  c.kill();
  callee.leaveNow();
});

test('an error whose URI is longer than a string of MQTT', async () => {
  const procedure = fresh('p');
  const callee = await Raw.join();
  await callee.ask([64, 1, {}, procedure]);
  const c = await requester();
  const response = c.call(procedure.replaceAll('.', '/'), '');
  const invocation = await callee.next();
  callee.send([8, 68, invocation[1], {}, `app.${'x'.repeat(70000)}`]);
  assert.equal(error(await response), `app.${'x'.repeat(65531)}`);
  await c.leave();
  callee.ws.terminate();
});

test('MQTT calls a function of SQL', async () => {
  await sql('CREATE FUNCTION mqtt_add(a int, b int) RETURNS int LANGUAGE sql AS $$SELECT a + b$$',
    "SELECT fox_wamp.expose_function('mqtt_add(int, int)')", 'SELECT fox_wamp.sync()');
  const name = await sql("SELECT root || '.' || name FROM fox_wamp.exposed_function WHERE function LIKE '%mqtt_add%'");
  const c = await requester();
  assert.equal((await c.call(name.replaceAll('.', '/'), '{"a":40,"b":2}')).payload.toString(), '42');
  c.kill();
  await sql('DROP FUNCTION mqtt_add(int, int)');
});

test('WAMP and MQTT call MQTT', async () => {
  const procedure = fresh('r');
  const path = procedure.replaceAll('.', '/');
  const responder = await MqttClient.join(5);
  assert.deepEqual(await responder.subscribe([`$call/${path}/one`, `$call/${path}/any/+`], { qos: 1 }), [1, 1]);
  const caller = await join();
  const serve = async (body, properties) => {
    const p = await responder.take('publish');
    await responder.acknowledge(p);
    assert.match(p.properties.responseTopic, /^\$reply\/\d+$/);
    assert.equal((await responder.publish(p.properties.responseTopic, body(p), { qos: 1, properties })).reasonCode ?? 0, 0);
    assert.equal((await responder.publish(p.properties.responseTopic, 'twice', { qos: 1 })).reasonCode, 0x10);
    return p;
  };
  let answer = caller.call(`${procedure}.one`, [20, 22]);
  assert.equal((await serve((p) => `${JSON.parse(p.payload).reduce((a, b) => a + b)}`)).topic, `$call/${path}/one`);
  assert.equal(await answer, 42);
  answer = caller.call(`${procedure}.any.thing`, [], { a: 'b' });
  assert.equal((await serve((p) => p.payload)).topic, `$call/${path}/any/thing`);
  assert.deepEqual((await answer).kwargs, { a: 'b' });
  answer = refusal(caller.call(`${procedure}.one`));
  await serve(() => '"reason"', { userProperties: { error: 'app.error.mine' } });
  const e = await answer;
  assert.deepEqual([e.error, e.args], ['app.error.mine', ['reason']]);

  const c = await requester();
  answer = c.call(`${path}/one`, Buffer.from([1, 255]), { properties: { userProperties: { trace: '7' }, contentType: 'x/y' } });
  const p = await serve((request) => request.payload, { contentType: 'z/w' });
  assert.equal(p.properties.userProperties.trace, '7');
  assert.equal(p.properties.contentType, 'x/y');
  assert.deepEqual((await answer).payload, Buffer.from([1, 255]));
  assert.equal((await answer).properties.contentType, 'z/w');

  // Another has the name already; one that leaves takes its answers along.
  assert.deepEqual(await c.subscribe(`$call/${path}/one`), [0x80]);
  answer = c.call(`${path}/one`, '');
  await responder.take('publish');
  responder.kill();
  assert.equal(error(await answer), 'wamp.error.canceled');
  assert.deepEqual(await c.subscribe(`$call/${path}/one`), [0]);
  assert.deepEqual(await c.unsubscribe(`$call/${path}/one`), [0]);
  assert.equal(error(await c.call(`${path}/one`, '')), 'wamp.error.no_such_procedure');
  c.kill();
  caller.leaveNow();
});

test('a session that is kept is registered while its client is there', async () => {
  const procedure = fresh('k');
  const path = procedure.replaceAll('.', '/');
  const kept = { clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } };
  const caller = await join();
  let responder = await MqttClient.join(5, kept);
  await responder.subscribe(`$call/${path}`);
  responder.kill();
  let e;
  do { e = await refusal(caller.call(procedure)); } while (e.error === 'wamp.error.canceled');
  assert.equal(e.error, 'wamp.error.no_such_procedure');
  responder = await MqttClient.join(5, kept);
  assert.equal(responder.connack.sessionPresent, true);
  const answer = caller.call(procedure);
  responder.send({ cmd: 'publish', topic: (await responder.take('publish')).properties.responseTopic, payload: '1', qos: 0 });
  assert.equal(await answer, 1);
  responder.kill();
  await (await MqttClient.join(5, { ...kept, clean: true, properties: {} })).leave();
  caller.leaveNow();
});

test('who shares a registration is called in turn', async () => {
  const procedure = fresh('shared');
  const path = procedure.replaceAll('.', '/');
  const caller = await join();
  const serving = async (filter, name, more) => {
    const c = await MqttClient.join(5, more);
    assert.deepEqual(await c.subscribe(filter), [0], name);
    c.serve = async () => {
      const p = await c.take('publish');
      assert.equal(p.topic, `$call/${path}`);
      c.send({ cmd: 'publish', topic: p.properties.responseTopic, payload: JSON.stringify(name), qos: 0 });
    };
    return c;
  };
  const one = await serving(`$share/g/$call/${path}`, 'one');
  const kept = { clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } };
  const two = await serving(`$share/another/$call/${path}`, 'two', kept);
  const wamp = await join();
  await wamp.register(procedure, () => 'wamp', { invoke: 'roundrobin' });
  const answers = [caller.call(procedure), caller.call(procedure), caller.call(procedure)];
  await Promise.all([one.serve(), two.serve()]);
  assert.deepEqual((await Promise.all(answers)).sort(), ['one', 'two', 'wamp']);
  // Who wants it alone can not have it; who leaves is not called any more, and is when it is back.
  const alone = await MqttClient.join(5);
  assert.deepEqual(await alone.subscribe(`$call/${path}`), [0x80]);
  assert.deepEqual(await one.unsubscribe(`$share/g/$call/${path}`), [0]);
  wamp.leaveNow();
  two.kill();
  let e;
  do { e = await refusal(caller.call(procedure)); } while (e.error === 'wamp.error.canceled');
  assert.equal(e.error, 'wamp.error.no_such_procedure');
  const back = await MqttClient.join(5, kept);
  const answer = caller.call(procedure);
  back.send({ cmd: 'publish', topic: (await back.take('publish')).properties.responseTopic, payload: '"back"', qos: 0 });
  assert.equal(await answer, 'back');
  for (const c of [one, alone, back]) c.kill();
  await (await MqttClient.join(5, { clientId: kept.clientId })).leave();
  caller.leaveNow();
});

test('calls are not for older versions, and take permissions', async () => {
  const old = await MqttClient.join(4);
  assert.deepEqual(await old.subscribe('$call/a'), [0x80]);
  await old.publish('$call/a', '[]', { qos: 1 });
  old.kill();
  const realm = `mqtt_call_${process.pid}`;
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
    `INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe, allow_call) VALUES ('${realm}', '#', 'public', true, true, false)`, 'SELECT fox_wamp.sync()');
  const c = await requester({ username: `@${realm}` });
  assert.equal(error(await c.call('x/y', '')), 'wamp.error.not_authorized');
  assert.deepEqual(await c.subscribe('$call/x/y'), [0x87]);
  c.kill();
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
});
