'use strict';
// The TLS port: what the plain one serves, inside TLS; certificates that change; peers that misbehave.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { start, stop, sql, join, listen, fresh, until, env, Raw, WebSocket } = require('./lib');
const { Stream, closeAll } = require('./stream');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const sockets = new Set();
const file = (name) => path.join(env.data, name);
const where = (options = {}) => ({ host: '127.0.0.1', port: env.tlsPort, ca: fs.readFileSync(file('server.crt')), ...options });
const wss = () => `wss://127.0.0.1:${env.tlsPort}/ws`;
const counter = async (name) => Number(await sql(`SELECT value FROM fox_wamp.stat_router WHERE name = '${name}'`));

const log = () => fs.readFileSync(path.join(env.data, '..', 'log'), 'utf8');
let earlier; // what other files have left in the log of a shared cluster

before(() => {
  start();
  earlier = log().length;
});
after(() => {
  for (const s of sockets) s.destroy();
  closeAll();
  stop();
});

/** A TLS connection of which only the handshake has been made. */
function secure(options) {
  const socket = tls.connect(where(options));
  sockets.add(socket);
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('secureConnect', () => { socket.on('error', () => {}); resolve(socket); });
  });
}

const serial = async (options) => {
  const socket = await secure(options);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
};
const rawsocket = async (options) => (await Stream.over(tls.connect(where(options)), 'secureConnect')).joined();
// It takes an authority only together with a certificate of its own, for which nobody asks here.
const autobahn = () => join({ url: wss(), tlsConfiguration: { ca: where().ca, cert: where().ca, key: fs.readFileSync(file('server.key')) } });

test('autobahn-js over wss: events and calls, also from and to the plain port', async () => {
  const [a, b] = [await autobahn(), await join()];
  const topic = fresh();
  const inbox = await listen(a, topic);
  await b.publish(topic, ['plain'], {}, { acknowledge: true });
  assert.deepEqual((await inbox.next()).args, ['plain']);
  await a.register(`${topic}.proc`, ([x]) => x + 1);
  assert.equal(await b.call(`${topic}.proc`, [1]), 2);
  assert.equal(await sql(`SELECT transport FROM fox_wamp.session WHERE id = ${a.id}`), 'websocket');
  a.leaveNow();
  b.leaveNow();
});

test('RawSocket on the same port', async () => {
  const stream = await rawsocket();
  const topic = fresh();
  stream.send([32, 1, {}, topic]);
  await stream.message();
  await sql(`SELECT fox_wamp.publish('${topic}', '["sql"]')`);
  assert.deepEqual((await stream.message())[4], ['sql']);
  stream.send([48, 2, {}, 'wamp.session.list']);
  const ids = (await stream.message())[3][0];
  const types = await sql(`SELECT string_agg(DISTINCT transport, ',') FROM fox_wamp.session WHERE id IN (${ids.join()})`);
  assert.match(types, /rawsocket/);
});

test('HTTP long-poll on the same port', async () => {
  const agent = new https.Agent({ keepAlive: true });
  const post = (at, body = '') => new Promise((resolve, reject) => {
    https.request(where({ agent, method: 'POST', path: `/longpoll${at}`, headers: { 'Content-Length': Buffer.byteLength(body) } }), (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
    }).on('error', reject).end(body);
  });
  const { transport } = JSON.parse((await post('/open', '{"protocols":["wamp.2.json"]}')).body);
  const send = async (message) => assert.equal((await post(`/${transport}/send`, JSON.stringify(message))).status, 202);
  const receive = async () => JSON.parse((await post(`/${transport}/receive`)).body);
  const topic = fresh();
  await send([1, 'realm1', { roles: ROLES }]);
  const welcome = await receive();
  assert.equal(welcome[0], 2);
  await send([32, 1, {}, topic]);
  assert.equal((await receive())[0], 33);
  await sql(`SELECT fox_wamp.publish('${topic}', jsonb_build_array(repeat('x', 300000)))`);
  assert.equal((await receive())[4][0].length, 300000);
  assert.equal(await sql(`SELECT transport FROM fox_wamp.session WHERE id = ${welcome[1]}`), 'longpoll');
  assert.equal((await post(`/${transport}/close`)).status, 202);
  agent.destroy();
});

test('HTTP/1.1 is chosen where a list of protocols names it, and other lists are taken', async () => {
  assert.equal((await secure({ ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol, 'h2');
  assert.equal((await secure({ ALPNProtocols: ['wamp'] })).alpnProtocol, false);
  assert.equal((await secure({ servername: 'fox_wamp', checkServerIdentity: () => {} })).authorized, true);
});

test('TLS 1.1 is refused, 1.2 and 1.3 are not', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    assert.equal((await secure({ minVersion: version, maxVersion: version })).getProtocol(), version);
  }
  await assert.rejects(secure({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
});

for (const [what, bytes] of [
  ['HTTP', 'GET /ws HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['RawSocket', Buffer.from([0x7f, 0xf1, 0, 0, 0, 0, 0, 2, 0x5b, 0x5d])],
  ['noise', Buffer.alloc(70000, 0xa5)],
  ['a record that is too long', Buffer.from([0x16, 3, 1, 0xff, 0xff, 1])],
]) {
  test(`${what} in plain text on the TLS port ends the connection`, async () => {
    const socket = net.connect(where());
    sockets.add(socket);
    socket.on('error', () => {});
    const answer = [];
    socket.on('data', (data) => answer.push(data));
    socket.write(bytes);
    await new Promise((resolve) => { socket.on('close', resolve); });
    assert.ok(!/HTTP|wamp/.test(Buffer.concat(answer).toString('latin1')));
  });
}

test('TLS on the plain port ends the connection', async () => {
  await assert.rejects(secure({ port: env.port }));
});

/** The first message that a TLS client sends. */
function clientHello() {
  const { Duplex } = require('node:stream');
  return new Promise((resolve) => {
    const pipe = new Duplex({ read() {}, write(chunk, _, done) { resolve(chunk); done(); } });
    const client = tls.connect({ socket: pipe, rejectUnauthorized: false });
    client.on('error', () => {});
  });
}

test('a hundred handshakes that break off leave nothing', async () => {
  const pid = await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = current_database()");
  const descriptors = () => fs.readdirSync(`/proc/${pid}/fd`).length;
  const hello = await clientHello();
  await serial();
  const before = descriptors();
  for (let i = 0; i < 100; i++) {
    const socket = net.connect(where());
    socket.on('error', () => {});
    await new Promise((resolve) => { socket.on('connect', resolve); });
    await new Promise((resolve) => { socket.write(hello.subarray(0, i % 2 ? hello.length : 1 + (i * 7) % hello.length), resolve); });
    if (i % 4 < 2) socket.resetAndDestroy(); else socket.destroy();
  }
  await until(() => descriptors() <= before);
  const session = await autobahn();
  session.leaveNow();
});

test('handshakes and messages byte by byte', async () => {
  const plain = net.connect(where());
  sockets.add(plain);
  await new Promise((resolve) => { plain.on('connect', resolve); });
  plain.setNoDelay(true);
  const { Duplex } = require('node:stream');
  const slow = new Duplex({
    read() {},
    async write(chunk, _, done) {
      for (const byte of chunk) await new Promise((resolve) => { plain.write(Buffer.from([byte]), resolve); });
      done();
    },
  });
  plain.on('data', (data) => slow.push(data));
  const stream = await (await Stream.over(tls.connect(where({ socket: slow, servername: 'localhost' })), 'secureConnect')).joined();
  stream.send([32, 1, {}, fresh()]);
  assert.equal((await stream.message())[0], 33);
});

test('messages of 4 MB pass both ways, WebSocket and RawSocket', async () => {
  const text = 'v'.repeat(4 << 20);
  const [stream, session] = [await rawsocket(), await autobahn()];
  const topic = fresh();
  const inbox = await listen(session, topic);
  stream.send([16, 1, {}, topic, [text]]);
  assert.equal((await inbox.next()).args[0], text);
  stream.send([32, 2, {}, topic]);
  await stream.message();
  session.publish(topic, [text, 'back']);
  assert.deepEqual((await stream.message())[4], [text, 'back']);
  session.leaveNow();
});

test('a slow reader: everything comes, in order, when it reads again; others are not held up', async () => {
  const [reader, other] = [await rawsocket(), await autobahn()];
  const ws = new WebSocket(wss(), ['wamp.2.json'], { ca: where().ca });
  const topic = fresh();
  const seen = [];
  await new Promise((resolve, reject) => { ws.on('open', resolve); ws.on('error', reject); });
  sockets.add({ destroy: () => ws.terminate() });
  ws.on('message', (data) => seen.push(JSON.parse(data)));
  ws.send(JSON.stringify([1, 'realm1', { roles: ROLES }]));
  ws.send(JSON.stringify([32, 1, {}, topic]));
  await until(() => seen.length === 2);
  reader.send([32, 1, {}, topic]);
  await reader.message();
  reader.socket.pause();
  ws.pause();
  const text = 's'.repeat(100000);
  for (let i = 0; i < 120; i++) other.publish(topic, [i, text]);
  // Answered behind them: what is queued for both waits in the router.
  await other.publish(topic, ['end'], {}, { acknowledge: true });
  assert.ok(await counter('bytes_queued') > 1000000);
  // What a reader sends while it does not read is taken later.
  reader.send([48, 7, {}, 'wamp.session.count']);
  reader.socket.resume();
  ws.resume();
  let answered = false;
  for (let i = 0; i <= 120;) {
    const message = await reader.message();
    if (message[0] === 50) answered = true;
    else assert.equal(message[4][0], i++ === 120 ? 'end' : i - 1);
  }
  assert.ok(answered || (await reader.message())[0] === 50);
  await until(() => seen.length === 123);
  assert.deepEqual(seen.slice(2).map((m) => m[4][0]), [...Array(120).keys(), 'end']);
  other.leaveNow();
});

test('requests of one record, more than is read at once, are all answered', async () => {
  const stream = await rawsocket();
  const topic = fresh();
  const frames = [];
  for (let i = 0; i < 3000; i++) frames.push(Buffer.from(JSON.stringify([16, i + 1, { acknowledge: true }, topic, ['x'.repeat(i % 50)]])));
  stream.socket.write(Buffer.concat(frames.flatMap((f) => [Buffer.from([0, 0, f.length >> 8, f.length & 255]), f])));
  for (let i = 0; i < 3000; i++) assert.deepEqual((await stream.message()).slice(0, 2), [17, i + 1]);
});

test('the end of a stream is said: an ABORT, then close_notify', async () => {
  const stream = await rawsocket();
  stream.send([1, 'realm1', { roles: ROLES }]);
  assert.equal((await stream.message())[0], 3);
  // Without it node has an error, ECONNRESET, and no 'end'.
  await new Promise((resolve) => { stream.socket.on('end', resolve); });
  await stream.closed;
});

test('a certificate that changes: a live session stays, new ones see the new one, and a bad one changes nothing', async () => {
  const session = await autobahn();
  const inbox = await listen(session, fresh());
  const former = await serial();
  const kept = ['server.crt', 'server.key'].map((name) => [name, fs.readFileSync(file(name))]);
  const put = (name, bytes) => fs.writeFileSync(file(name), bytes);
  const dir = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'fox_wamp-tls.'));
  try {
    // Of another kind of key.
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '10', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${dir}/key`, '-out', `${dir}/crt`], { stdio: 'ignore' });
    put('server.crt', fs.readFileSync(`${dir}/crt`));
    put('server.key', fs.readFileSync(`${dir}/key`));
    await sql('SELECT pg_reload_conf()');
    let current;
    await until(async () => (current = await serial({ rejectUnauthorized: false })) !== former);
    assert.equal(await serial({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }), current);
    const stream = await rawsocket();
    const refused = () => (log().match(/could not use the certificate/g) ?? []).length;
    const before = refused();
    put('server.crt', 'no certificate');
    await sql('SELECT pg_reload_conf()');
    await until(() => refused() > before);
    assert.equal(await serial({ rejectUnauthorized: false }), current);
    await session.publish(inbox.subscription.topic, ['alive'], {}, { acknowledge: true, exclude_me: false });
    assert.deepEqual((await inbox.next()).args, ['alive']);
    stream.send([32, 1, {}, fresh()]);
    assert.equal((await stream.message())[0], 33);
  } finally {
    for (const [name, bytes] of kept) put(name, bytes);
    fs.rmSync(dir, { recursive: true });
    await sql('SELECT pg_reload_conf()');
    await until(async () => await serial({ rejectUnauthorized: false }) === former);
  }
  session.leaveNow();
});

test('nothing of that is in the log but the warning', () => {
  const lines = log().slice(earlier).split('\n');
  assert.deepEqual(lines.filter((line) => /libwebsockets|SSL|ssl routines/i.test(line) && !/could not use the certificate/.test(line)), []);
});
