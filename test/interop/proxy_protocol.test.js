'use strict';
// Clients behind a proxy that passes on bytes: a PROXY header tells who they are, to every protocol and port.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const mqtt = require('mqtt');
const { start, stop, sql, join, reconfigure, withSettings, until, env } = require('./lib');
const { Stream, closeAll } = require('./stream');
const { ask, closeAll: closeHttp } = require('./http');

const name = `px${process.pid}`;
const PROXY = '127.0.0.2'; // it is trusted; 127.0.0.1, where all others come from, is not
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const servers = new Set();
const sockets = new Set();
let unfinished; // the answer to a header that does not come whole, which takes its time

before(async () => {
  start();
  await sql('SET client_min_messages = error', `CREATE ROLE ${name}`, `SELECT fox_wamp.create_group('${name}', '${name}'), fox_wamp.create_user('${name}', '${name}', 'secret')`,
    `CREATE SCHEMA ${name}`, `GRANT USAGE ON SCHEMA ${name} TO PUBLIC`, `CREATE FUNCTION ${name}.ip() RETURNS inet LANGUAGE sql AS 'SELECT fox_wamp.remote_ip()'`,
    `SELECT fox_wamp.expose_root('${name}'), fox_wamp.expose_function('${name}.ip()', root => '${name}')`, 'SELECT fox_wamp.sync()');
  await reconfigure(`ALTER SYSTEM SET fox_wamp.trusted_proxies = '${PROXY}'`, "ALTER SYSTEM SET fox_wamp.proxy_protocol = 'port, tls_port'");
  unfinished = answer('PROXY TCP4 203.0.113.9 ');
});
after(async () => {
  for (const s of sockets) s.destroy();
  for (const s of servers) s.close();
  closeAll();
  closeHttp();
  await reconfigure('ALTER SYSTEM RESET fox_wamp.trusted_proxies', 'ALTER SYSTEM RESET fox_wamp.proxy_protocol');
  await sql('SET client_min_messages = error', `DROP SCHEMA ${name} CASCADE`, `DELETE FROM fox_wamp.root WHERE name = '${name}'`, `SELECT fox_wamp.drop_user('${name}')`,
    `DELETE FROM fox_wamp.auth_group WHERE ident = '${name}'`, `DROP ROLE ${name}`);
  stop();
});

/** Version 2: a command and family, addresses, TLVs as [type, value]. */
function binary(commandAndFamily, addresses, tlvs = []) {
  const parts = tlvs.map(([type, value]) => Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]));
  const body = Buffer.concat([addresses, ...parts]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([SIGNATURE, commandAndFamily, length, body]);
}
const IPV4 = (client, port) => Buffer.from([...client.split('.').map(Number), 192, 0, 2, 1, port >> 8, port & 255, 31, 144]);
const v1 = (client, port = 50000) => Buffer.from(`PROXY ${client.includes(':') ? `TCP6 ${client} ::1` : `TCP4 ${client} 192.0.2.1`} ${port} 8080\r\n`);
const v2 = (client, port = 50000, tlvs = []) => binary(Buffer.from([0x21, 0x11]), IPV4(client, port), tlvs);
const BY_TLS = [0x20, Buffer.from([1, 0, 0, 0, 0])];
const IN_PLAIN = [0x20, Buffer.from([0, 0, 0, 0, 0])];

function connectFromProxy(port) {
  const socket = net.connect({ host: '127.0.0.1', port, localAddress: PROXY, noDelay: true });
  sockets.add(socket);
  socket.on('error', () => {});
  return socket;
}

/** A proxy of bytes: the port where it sends that header first, together with what comes first of the client. */
async function proxy(header, port) {
  const server = net.createServer((client) => {
    const router = connectFromProxy(port);
    sockets.add(client);
    client.on('error', () => {});
    client.once('data', (first) => {
      router.write(Buffer.concat([header, first]));
      client.pipe(router);
    });
    router.pipe(client);
    client.on('close', () => router.destroy());
    router.on('close', () => client.destroy());
  });
  servers.add(server);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server.address().port;
}

async function drip(socket, bytes) {
  for (const octet of bytes) {
    await new Promise((resolve) => { socket.write(Buffer.from([octet]), resolve); });
    await new Promise(setImmediate);
  }
}

/** What a connection of the proxy's is answered until it ends, having sent the pieces, each when the former has left. */
async function answer(...pieces) {
  const socket = connectFromProxy(env.port);
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve) => { socket.on('close', resolve); });
  for (const piece of pieces) await new Promise((resolve) => { socket.write(piece, resolve); });
  await closed;
  return Buffer.concat(chunks).toString('latin1');
}

const log = () => fs.readFileSync(path.join(env.data, '..', 'log'), 'utf8');
const ca = () => fs.readFileSync(path.join(env.data, 'server.crt'));
const peers = () => sql(`SELECT peer FROM fox_wamp.session WHERE authid = '${name}'`);
const credentials = { authid: name, authmethods: ['ticket'], onchallenge: () => 'secret' };
const basic = { Authorization: `Basic ${Buffer.from(`${name}:secret`).toString('base64')}` };
const result = (body) => JSON.parse(body).Result;

/** The client's address, as the router has it of a session by each protocol. */
const CLIENTS = {
  async WebSocket(port, secure) {
    const session = await join({ ...credentials, url: `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/ws`,
      ...(secure && { tlsConfiguration: { ca: ca(), cert: ca(), key: fs.readFileSync(path.join(env.data, 'server.key')) } }) });
    const seen = await peers();
    session.leaveNow();
    return seen;
  },
  async RawSocket(port, secure) {
    const stream = await (secure ? Stream.over(tls.connect({ host: '127.0.0.1', port, ca: ca() }), 'secureConnect') : Stream.connect({ host: '127.0.0.1', port }));
    stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
    await stream.take(4);
    stream.send([1, 'realm1', { authid: name, authmethods: ['ticket'], roles: { caller: {} } }]);
    assert.equal((await stream.message())[0], 4);
    stream.send([5, 'secret', {}]);
    assert.equal((await stream.message())[0], 2);
    const seen = await peers();
    stream.socket.destroy();
    return seen;
  },
  async MQTT(port, secure) {
    const client = await mqtt.connectAsync(`${secure ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}`, { username: name, password: 'secret', reconnectPeriod: 0, ca: secure ? ca() : undefined });
    const seen = await peers();
    await client.endAsync(true);
    return seen;
  },
  async 'HTTP/1.1'(port, secure) {
    const options = secure ? { client: https, by: false, ca: ca() } : { by: false };
    return result((await ask('GET', `/${name}/ip`, { ...options, port, headers: basic })).body);
  },
  async 'HTTP/2'(port) {
    const client = http2.connect(`https://127.0.0.1:${port}`, { ca: ca() });
    const stream = client.request({ ':path': `/${name}/ip`, authorization: basic.Authorization });
    let body = '';
    for await (const chunk of stream) body += chunk;
    client.destroy();
    return result(body);
  },
};

for (const [kind, client] of Object.entries(CLIENTS)) {
  const expected = (address) => (kind.startsWith('HTTP') ? address.replace(/:\d+$/, '').replace(/[[\]]/g, '') : address);
  test(`${kind}: the address is that of the header`, async () => {
    for (const [header, address] of [[v1('203.0.113.9'), '203.0.113.9:50000'], [v1('2001:db8::7', 7), '[2001:db8::7]:7'], [v2('203.0.113.10', 443), '203.0.113.10:443']]) {
      await until(async () => await peers() === '');
      assert.equal(await client(await proxy(header, env.tlsPort), true), expected(address));
    }
    if (kind === 'HTTP/2') return;
    await until(async () => await peers() === '');
    assert.equal(await client(await proxy(v2('203.0.113.11', 443, [BY_TLS]), env.port), false), expected('203.0.113.11:443'));
  });
}

test('octet by octet, and with what the client sends behind it', async () => {
  for (const header of [v1('203.0.113.9'), v2('203.0.113.9', 1, [[4, Buffer.alloc(40)]])]) {
    const stream = await Stream.over(connectFromProxy(env.port), 'connect');
    await drip(stream.socket, header);
    stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
    assert.equal((await stream.take(4)).toString('hex'), '7ff10000');
    const request = Buffer.from(`GET /${name}/ip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ${basic.Authorization}\r\n\r\n`);
    assert.match(await answer(Buffer.concat([header, request])), /^HTTP\/1\.1 4/, 'in plain text there is no password');
    const [a, b] = [header.subarray(0, 20), Buffer.concat([header.subarray(20), request.subarray(0, 10)])];
    assert.match(await answer(a, b, request.subarray(10)), /^HTTP\/1\.1 4/);
  }
});

test('TLS behind a header that comes in pieces', async () => {
  const socket = connectFromProxy(env.tlsPort);
  await drip(socket, v2('203.0.113.9'));
  const secure = tls.connect({ socket, ca: ca(), host: '127.0.0.1' });
  await new Promise((resolve, reject) => { secure.on('secureConnect', resolve); secure.on('error', reject); });
  secure.write(`GET /${name}/ip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ${basic.Authorization}\r\n\r\n`);
  let body = '';
  for await (const chunk of secure) body += chunk;
  assert.equal(result(body.slice(body.indexOf('\r\n\r\n') + 4)), '203.0.113.9');
});

test('a client of a proxy is not from the loopback address, whatever is told of it; the proxy itself is', async () => {
  const hello = async (header) => {
    const stream = await Stream.connect({ host: '127.0.0.1', port: await proxy(header, env.port) });
    stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
    await stream.take(4);
    stream.send([1, 'realm1', { roles: { caller: {} } }]);
    const welcome = await stream.message();
    const peer = welcome[0] === 2 ? await sql(`SELECT peer FROM fox_wamp.session WHERE id = ${welcome[1]}`) : welcome[0];
    stream.socket.destroy();
    return peer;
  };
  for (const header of [v1('127.0.0.1'), v1('::1'), v2('127.0.0.1'), Buffer.from('PROXY UNKNOWN\r\n'), Buffer.from('PROXY UNKNOWN ::1 ::1 1 2\r\n'),
    binary(Buffer.from([0x21, 0]), Buffer.alloc(0)), binary(Buffer.from([0x21, 0x31]), Buffer.alloc(216))]) {
    assert.equal(await hello(header), 3, header.toString('latin1'));
  }
  for (const header of [binary(Buffer.from([0x20, 0]), Buffer.alloc(0)), binary(Buffer.from([0x20, 0x11]), IPV4('203.0.113.9', 1))]) {
    assert.match(await hello(header), /^127\.0\.0\.2:\d+$/);
  }
});

test('a password is asked for only where all of the way is confidential', async () => {
  const ways = [[v1('203.0.113.9'), env.port], [v2('203.0.113.9'), env.port], [v2('203.0.113.9', 1, [IN_PLAIN]), env.port], [v2('203.0.113.9', 1, [IN_PLAIN]), env.tlsPort]];
  for (const [header, port] of ways) await assert.rejects(CLIENTS.RawSocket(await proxy(header, port), port === env.tlsPort));
});

test('connections_per_address counts those who are told, not their proxy', async () => {
  await withSettings({ 'fox_wamp.connections_per_address': 1 }, async () => {
    const raw = async (address) => {
      const stream = await Stream.connect({ host: '127.0.0.1', port: await proxy(v1(address), env.port) });
      stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
      return (await stream.take(4)).toString('hex');
    };
    assert.equal(await raw('203.0.113.20'), '7ff10000');
    assert.equal(await raw('203.0.113.20'), '7f400000');
    assert.equal(await raw('203.0.113.21'), '7ff10000');
  });
});

test('X-Forwarded-For is believed of a proxy behind the proxy', async () => {
  const ip = async (told) => result((await ask('GET', `/${name}/ip`, { by: false, port: await proxy(v2(told, 1, [BY_TLS]), env.port),
    headers: { ...basic, 'X-Forwarded-For': '198.51.100.7', 'X-Forwarded-Proto': 'https' } })).body);
  await reconfigure(`ALTER SYSTEM SET fox_wamp.trusted_proxies = '${PROXY}, 10.0.0.0/8'`);
  try {
    assert.equal(await ip('10.1.2.3'), '198.51.100.7');
  } finally {
    await reconfigure(`ALTER SYSTEM SET fox_wamp.trusted_proxies = '${PROXY}'`);
  }
});

const GET = `GET /${name}/ip HTTP/1.1\r\nHost: localhost\r\n\r\n`;
for (const [what, header] of Object.entries({
  'that is none': GET,
  'of MQTT': Buffer.from('100c00044d515454040200000000', 'hex'),
  'of version 1 in lower case': 'proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
  'with another protocol': 'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n',
  'with a name for an address': 'PROXY TCP4 localhost 5.6.7.8 1 2\r\n',
  'with a port that is none': 'PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n',
  'with one word more': 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n',
  'with a bare line feed': 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n',
  'whose line does not end': `PROXY UNKNOWN ${'x'.repeat(200)}`,
  'of version 3': Buffer.concat([SIGNATURE, Buffer.from([0x31, 0x11, 0, 12]), IPV4('1.2.3.4', 5)]),
  'with another command': Buffer.concat([SIGNATURE, Buffer.from([0x22, 0x11, 0, 12]), IPV4('1.2.3.4', 5)]),
  'with another family': binary(Buffer.from([0x21, 0x41]), IPV4('1.2.3.4', 5)),
  'with an address that is cut off': binary(Buffer.from([0x21, 0x21]), IPV4('1.2.3.4', 5)),
  'with a TLV that is cut off': binary(Buffer.from([0x21, 0x11]), Buffer.concat([IPV4('1.2.3.4', 5), Buffer.from([4, 0, 9, 1])])),
  'with a wrong checksum': v2('1.2.3.4', 5, [[3, Buffer.alloc(4)]]),
  'that is too long': v2('1.2.3.4', 5, [[4, Buffer.alloc(4096)]]),
})) {
  test(`a header ${what} ends the connection without an answer`, async () => {
    assert.equal(await answer(Buffer.concat([Buffer.from(header), Buffer.from(GET)])), '');
  });
}

test('the log says why; a header that ends too early is one of those, a connection without a byte is not', async () => {
  const refused = () => (log().match(/the PROXY header that 127\.0\.0\.2:\d+ began with was refused: .*/g) ?? []);
  // Messages are limited in rate: what came before is in another second.
  await until(async () => {
    const before = refused().length;
    await answer('PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n');
    return refused().slice(before).some((line) => line.endsWith('a port is none'));
  });
  await until(async () => {
    const socket = connectFromProxy(env.port);
    socket.end('PROXY TC');
    await new Promise((resolve) => { socket.resume().on('close', resolve); });
    return refused().some((line) => line.endsWith('the stream ended within it'));
  });
  const before = refused().length;
  const socket = connectFromProxy(env.port);
  socket.end();
  await new Promise((resolve) => { socket.resume().on('close', resolve); });
  assert.equal(refused().length, before);
});

test('a header that does not come whole is waited for no longer than a handshake', async () => {
  assert.equal(await unfinished, '');
});

test('who is not trusted can not tell: a header is garbage, and without one all goes on', async () => {
  for (const header of [v1('203.0.113.9'), v2('203.0.113.9')]) {
    const stream = await Stream.connect();
    stream.socket.write(Buffer.concat([header, Buffer.from([0x7f, 0xf1, 0, 0])]));
    assert.doesNotMatch((await stream.rest()).toString('latin1'), /\x7f|HTTP\/1\.1 2/);
  }
  const session = await join();
  assert.match(await sql(`SELECT peer FROM fox_wamp.session WHERE id = ${session.id ?? session._id}`), /^127\.0\.0\.1:/);
  session.leaveNow();
});

test('a port that is not named has no headers, a trusted proxy or not', async () => {
  await reconfigure("ALTER SYSTEM SET fox_wamp.proxy_protocol = 'tls_port'");
  try {
    assert.match(await answer(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')), /^HTTP\/1\.1 200/);
    const header = await answer(Buffer.concat([v1('203.0.113.9'), Buffer.from(GET)]));
    assert.match(header, /^HTTP\/1\.1 400/);
  } finally {
    await reconfigure("ALTER SYSTEM SET fox_wamp.proxy_protocol = 'port, tls_port'");
  }
});

test('doctor() tells of a port that expects what nobody may send', async () => {
  const proxies = () => sql("SELECT ok, detail FROM fox_wamp.doctor() WHERE check_name = 'proxies'");
  assert.equal(await proxies(), 't|PROXY headers are expected of trusted proxies');
  try {
    await reconfigure('ALTER SYSTEM RESET fox_wamp.trusted_proxies');
    assert.equal(await proxies(), 'f|PROXY headers are expected, but no proxy is trusted');
  } finally {
    await reconfigure(`ALTER SYSTEM SET fox_wamp.trusted_proxies = '${PROXY}'`);
  }
});

test('a list that names no ports is refused', async () => {
  for (const bad of ['8080', 'port,', ',', 'port tls_port', 'unix_socket', 'PORT']) {
    await assert.rejects(sql("LOAD 'fox_wamp'", `SET fox_wamp.proxy_protocol = '${bad}'`), /invalid value for parameter "fox_wamp.proxy_protocol"/);
  }
  for (const good of ['', ' ', 'port', ' mqtt_tls_port ,mqtt_port,tls_port , port ']) await sql("LOAD 'fox_wamp'", `SET fox_wamp.proxy_protocol = '${good}'`);
});
