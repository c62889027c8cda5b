'use strict';
// mqtt_clients.test.js - clients of other people: mqtt.js, mosquitto_pub and mosquitto_sub, and WAMP beside them.

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn, execFile } = require('node:child_process');
const { promisify } = require('node:util');
const path = require('node:path');
const mqtt = require('mqtt');
const { start, stop, sql, join, listen, fresh, until, env } = require('./lib');
const { unique } = require('./mqtt_client');

const run = promisify(execFile);
before(start);
after(stop);

// --- mosquitto ---

const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'];
const tls = () => ['-p', env.tlsPort, '--cafile', path.join(env.data, 'server.crt'), '--insecure'];
const pub = (version, topic, message, ...more) => run('mosquitto_pub', ['-h', '127.0.0.1', '-p', env.port, '-V', version, '-t', topic, ...(message === null ? ['-n'] : ['-m', message]), ...more]);

/** mosquitto_sub that has its subscription; lines() waits for so many. */
async function sub(version, topic, ...more) {
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p', env.port, '-V', version, '-t', topic, '-F', '%t|%q|%r|%p', '-d', ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  const s = { child, text: '' };
  child.stdout.on('data', (data) => { s.text += data; });
  const whole = () => s.text.split('\n').slice(0, -1).filter((l) => l.includes('|'));
  s.lines = async (n) => {
    await until(() => whole().length >= n);
    return whole();
  };
  await until(() => /Subscribed/.test(s.text));
  return s;
}

for (const version of VERSIONS) {
  test(`mosquitto_pub and mosquitto_sub, every QoS, retained (${version})`, async () => {
    const topic = unique('mosquitto');
    const s = await sub(version, `${topic}/#`, '-q', '2');
    for (const qos of ['0', '1', '2']) await pub(version, `${topic}/${qos}`, `m${qos}`, '-q', qos);
    assert.deepEqual(await s.lines(3), [`${topic}/0|0|0|m0`, `${topic}/1|1|0|m1`, `${topic}/2|2|0|m2`]);
    s.child.kill();
    await pub(version, `${topic}/kept`, 'value', '-q', '1', '-r');
    const late = await sub(version, `${topic}/+`);
    assert.deepEqual(await late.lines(1), [`${topic}/kept|0|1|value`]);
    await pub(version, `${topic}/kept`, null, '-q', '1', '-r');
    assert.deepEqual(await late.lines(2), [`${topic}/kept|0|1|value`, `${topic}/kept|0|0|`]);
    late.child.kill();
    assert.equal(await sql(`SELECT count(*) FROM fox_wamp.retained WHERE topic LIKE '${topic}%'`), '0');
  });
}

test('mosquitto over TLS, and a large message', async () => {
  const topic = unique('large');
  const s = await sub('mqttv5', topic, ...tls());
  const text = 'x'.repeat(3000000);
  const child = spawn('mosquitto_pub', ['-h', '127.0.0.1', ...tls(), '-V', 'mqttv5', '-t', topic, '-s', '-q', '1']);
  child.stdin.end(text);
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0);
  assert.deepEqual(await s.lines(1), [`${topic}|0|0|${text}`]);
  s.child.kill();
});

test('mosquitto and WAMP', async () => {
  const topic = fresh('m');
  const session = await join();
  const inbox = await listen(session, `${topic}.#`);
  await pub('mqttv311', `${topic.replaceAll('.', '/')}/a`, '{"t":21.5}', '-q', '1');
  assert.deepEqual((await inbox.next()).kwargs, { t: 21.5 });
  const s = await sub('mqttv5', `${topic.replaceAll('.', '/')}/#`, '-q', '1');
  await session.publish(`${topic}.b`, ['from WAMP'], {}, { acknowledge: true });
  await sql(`SELECT fox_wamp.publish('${topic}.c', '[{"from":"SQL"}]')`);
  const lines = await s.lines(2);
  assert.deepEqual(lines.map((l) => l.split('|').slice(0, 3)), [[`${topic.replaceAll('.', '/')}/b`, '1', '0'], [`${topic.replaceAll('.', '/')}/c`, '1', '0']]);
  assert.deepEqual(lines.map((l) => JSON.parse(l.split('|')[3])), ['from WAMP', { from: 'SQL' }]);
  s.child.kill();
  session.leaveNow();
});

test('mosquitto_sub leaves a will when it is killed', async () => {
  const topic = unique('will');
  const s = await sub('mqttv5', topic);
  const dying = await sub('mqttv5', `${topic}/x`, '--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1');
  dying.child.kill('SIGKILL');
  assert.deepEqual(await s.lines(1), [`${topic}|0|0|gone`]);
  s.child.kill();
});

// --- mqtt.js ---

const urls = () => ({ tcp: `mqtt://127.0.0.1:${env.port}`, tls: `mqtts://127.0.0.1:${env.tlsPort}`, ws: `ws://127.0.0.1:${env.port}/mqtt`, wss: `wss://127.0.0.1:${env.tlsPort}/mqtt` });

for (const transport of ['tcp', 'tls', 'ws', 'wss']) {
  for (const protocolVersion of [4, 5]) {
    test(`mqtt.js over ${transport} (${protocolVersion})`, async () => {
      const topic = unique('js');
      const client = await mqtt.connectAsync(urls()[transport], { protocolVersion, rejectUnauthorized: false, clientId: unique() });
      const got = [];
      client.on('message', (t, payload, p) => got.push([t, payload.toString(), p.qos, p.properties?.userProperties]));
      await client.subscribeAsync(`${topic}/+`, { qos: 2 });
      const properties = protocolVersion === 5 ? { userProperties: { a: ['1', '2'] } } : undefined;
      for (const qos of [0, 1, 2]) await client.publishAsync(`${topic}/${qos}`, `payload ${qos}`, { qos, properties });
      await until(() => got.length === 3);
      assert.deepEqual(got.map((g) => g.slice(0, 3)), [0, 1, 2].map((qos) => [`${topic}/${qos}`, `payload ${qos}`, qos]));
      if (protocolVersion === 5) assert.deepEqual({ ...got[0][3] }, { a: ['1', '2'] });
      await client.unsubscribeAsync(`${topic}/+`);
      await client.endAsync();
    });
  }
}

test('mqtt.js: a session that is kept hears what it has missed', async () => {
  const topic = unique('kept');
  const options = { protocolVersion: 5, clean: false, clientId: unique(), properties: { sessionExpiryInterval: 600 } };
  const url = urls().tcp;
  const first = await mqtt.connectAsync(url, options);
  await first.subscribeAsync(topic, { qos: 1 });
  await first.endAsync();
  const other = await mqtt.connectAsync(url, { protocolVersion: 5 });
  for (let i = 0; i < 50; i++) await other.publishAsync(topic, `${i}`, { qos: 1 });
  const got = [];
  const second = mqtt.connect(url, options);
  second.on('message', (t, payload) => got.push(Number(payload)));
  await until(() => got.length === 50);
  assert.deepEqual(got, [...Array(50).keys()]);
  await second.endAsync(false, { properties: { sessionExpiryInterval: 0 } });
  await other.endAsync();
});
