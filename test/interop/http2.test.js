'use strict';
// HTTP/2 on the TLS port: the same methods, many at once; peers that misbehave.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const path = require('node:path');
const tls = require('node:tls');
const { start, stop, sql, join, until, env, withSettings } = require('./lib');

const { NGHTTP2_CANCEL, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;
const clients = new Set();
const ca = () => fs.readFileSync(path.join(env.data, 'server.crt'));
const counter = async (name) => Number(await sql(`SELECT value FROM fox_wamp.stat_router WHERE name = '${name}'`));

before(async () => {
  start();
  await sql('SET client_min_messages = error', fs.readFileSync(path.join(__dirname, 'http_functions.sql'), 'utf8'), 'SELECT fox_wamp.sync()');
});
after(async () => {
  for (const c of clients) c.destroy();
  await sql('DROP SCHEMA web CASCADE; DROP ROLE web_user, web_admin, web_slow; DELETE FROM fox_wamp.root WHERE name <> \'root\'');
  stop();
});

/** A connection. */
async function connect() {
  const client = http2.connect(`https://127.0.0.1:${env.tlsPort}`, { ca: ca() });
  clients.add(client);
  client.errors = [];
  client.on('error', (e) => client.errors.push(e));
  await new Promise((resolve, reject) => { client.once('connect', resolve); client.once('error', reject); client.once('close', () => reject(new Error('closed'))); });
  return client;
}

/** A request, whose body its caller sends if it is null: the answer, or the code that its stream was reset with. */
function ask(client, headers, body) {
  const stream = client.request(typeof headers === 'string' ? { ':path': headers } : headers, { endStream: body === undefined });
  const chunks = [];
  let answer;
  const done = new Promise((resolve) => {
    stream.on('response', (h) => { answer = h; });
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () => resolve(answer === undefined ? { reset: stream.rstCode } : { status: answer[':status'], headers: answer, body: Buffer.concat(chunks), reset: stream.rstCode }));
  });
  if (body != null) stream.end(body);
  return Object.assign(done, { stream });
}
const text = async (asked) => (await asked).body.toString();
const post = (target, type = 'application/json') => ({ ':method': 'POST', ':path': target, 'content-type': type });

test('a method answers as by HTTP/1.1', async () => {
  const client = await connect();
  assert.equal(client.alpnProtocol, 'h2');
  const a = await ask(client, '/root/sum?a=3.12&b=4.2');
  assert.equal(a.body.toString(), '{"Result":7.32}');
  assert.equal(a.status, 200);
  assert.equal(a.headers['content-type'], 'application/json; charset=UTF-8');
  assert.equal(a.headers['content-length'], '15');
  assert.match(a.headers.date, /GMT$/);
  assert.equal(await text(ask(client, post('/root/sum'), '{"a":1,"b":2}')), '{"Result":3}');
  const none = await ask(client, '/root/nothing');
  assert.deepEqual([none.status, none.body.length, none.headers['content-length']], [200, 0, '0']);
  const head = await ask(client, { ':method': 'HEAD', ':path': '/root/sum?a=1&b=2' });
  assert.deepEqual([head.status, head.body.length, head.headers['content-length']], [200, 0, '12']);
  assert.equal((await ask(client, '/root/nosuch')).status, 404);
  const verb = await ask(client, { ':method': 'DELETE', ':path': '/root/sum?a=1&b=2' });
  assert.deepEqual([verb.status, verb.headers.allow], [405, 'GET, HEAD, POST']);
});

test('curl speaks it', () => {
  const out = execFileSync('curl', ['-sS', '--http2', '--cacert', path.join(env.data, 'server.crt'), '-w', ' %{http_version}',
    `https://127.0.0.1:${env.tlsPort}/root/sum?a=1&b=2`], { encoding: 'utf8' });
  assert.equal(out, '{"Result":3} 2');
});

test('many requests at once, each answered when it is done', async () => {
  const client = await connect();
  const order = [];
  const slow = ask(client, '/root/nap?s=1').then((a) => { order.push('slow'); return a; });
  const sums = await Promise.all(Array.from({ length: 90 }, (_, i) => text(ask(client, `/root/sum?a=${i}&b=1`))));
  order.push('sums');
  assert.deepEqual(sums, Array.from({ length: 90 }, (_, i) => `{"Result":${i + 1}}`));
  assert.equal((await slow).body.toString(), '{"Result":"slept"}');
  assert.deepEqual(order, ['sums', 'slow']);
});

test('large bodies, both ways, beside small ones', async () => {
  const client = await connect();
  const bytes = Buffer.alloc(900 * 1024, 7);
  const asked = Array.from({ length: 4 }, () => text(ask(client, post('/root/size_of', 'application/octet-stream'), bytes)));
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
  assert.deepEqual(await Promise.all(asked), Array(4).fill(`{"Result":${bytes.length}}`));
  const long = await text(ask(client, `/root/series?n=200000`));
  assert.equal(JSON.parse(long).Result.length, 200000);
});

test('a body that is too large is refused, and the connection goes on', async () => {
  const client = await connect();
  const declared = await ask(client, { ...post('/root/size_of', 'application/octet-stream'), 'content-length': 2 * 1024 * 1024 }, Buffer.alloc(2 * 1024 * 1024));
  assert.equal(declared.status, 413);
  const undeclared = await ask(client, post('/root/size_of', 'application/octet-stream'), Buffer.alloc(2 * 1024 * 1024));
  assert.equal(undeclared.status, 413);
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
});

test('bodies that have not come whole are bounded together', async () => {
  const client = await connect();
  const bytes = Buffer.alloc(1000 * 1000, 7);
  const asked = [];
  for (let i = 0; i < 5; i++) {
    asked.push(ask(client, post('/root/size_of', 'application/octet-stream'), null));
    asked[i].stream.write(bytes);
  }
  // The fifth is more than four times http_max_body with the others.
  const refused = await Promise.race(asked.map(async (a, i) => { asked[i].stream.once('response', (h) => { if (h[':status'] === 503) asked[i].stream.end(); }); return a; }));
  assert.equal(refused.status, 503);
  for (const a of asked) a.stream.end();
  const statuses = (await Promise.all(asked)).map((a) => a.status).sort();
  assert.deepEqual(statuses, [200, 200, 200, 200, 503]);
});

test('many headers of a function all come', async () => {
  await sql(`CREATE FUNCTION web.many() RETURNS fox_wamp.http_response LANGUAGE sql AS $$
    SELECT fox_wamp.returns('x', 200, 'text/plain', (SELECT jsonb_object_agg('X-H' || i, i::text) FROM generate_series(1, 100) i)) $$`, `SELECT fox_wamp.expose_function('web.many()')`, 'SELECT fox_wamp.sync()');
  const a = await ask(await connect(), '/root/many');
  assert.equal(Object.keys(a.headers).filter((name) => name.startsWith('x-h')).length, 100);
  assert.equal(a.headers['x-h100'], '100');
});

test('targets and headers have limits', async () => {
  const client = await connect();
  assert.equal((await ask(client, `/root/sum?a=${'1'.repeat(9000)}`)).status, 414);
  assert.equal((await ask(client, { ':path': '/root/sum?a=1&b=2', 'x-long': 'x'.repeat(40000) })).status, 431);
  assert.equal((await ask(client, { ':path': 'root/sum' })).reset, NGHTTP2_PROTOCOL_ERROR);
  const connecting = await ask(client, { ':method': 'CONNECT', ':authority': 'other:80' });
  assert.equal(connecting.status, 400);
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
});

test('headers reach a function, cookies in crumbs as one', async () => {
  await sql(`CREATE FUNCTION web.said(name text) RETURNS text LANGUAGE sql AS 'SELECT fox_wamp.in_header(name)'`, `SELECT fox_wamp.expose_function('web.said(text)')`, 'SELECT fox_wamp.sync()');
  const client = await connect();
  assert.equal(await text(ask(client, { ':path': '/root/said?name=Cookie', cookie: ['a=1', 'b=2'] })), '{"Result":"a=1; b=2"}');
  assert.equal(await text(ask(client, { ':path': '/root/said?name=X-Mine', 'x-mine': 'yes' })), '{"Result":"yes"}');
  assert.equal(await text(ask(client, '/root/said?name=host')), `{"Result":"127.0.0.1:${env.tlsPort}"}`);
});

test('a stream of events, beside requests, until the client has enough', async () => {
  const client = await connect();
  const session = await join();
  const { stream } = ask(client, { ':path': '/root/events/two.%23', accept: 'text/event-stream' });
  let heard = '';
  stream.on('data', (chunk) => { heard += chunk.toString(); });
  await new Promise((resolve) => stream.on('response', resolve));
  session.publish('two.a', [1]);
  await until(() => heard.includes('two.a'));
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
  stream.close(NGHTTP2_CANCEL);
  await until(async () => await sql(`SELECT count(*) FROM fox_wamp.subscription WHERE topic LIKE 'two.%'`) === '0');
});

test('who does not take the events of a stream loses it, and no other', () => withSettings({ 'fox_wamp.out_queue_limit': '256kB' }, async () => {
  const client = await connect();
  const before = await counter('slow_readers_cut');
  const { stream } = ask(client, { ':path': '/root/events/slow.%23', accept: 'text/event-stream' });
  await new Promise((resolve) => stream.on('response', resolve));
  stream.pause();
  const closed = new Promise((resolve) => stream.on('close', () => resolve(stream.rstCode)));
  const session = await join();
  const large = 'x'.repeat(60000);
  await until(async () => {
    session.publish('slow.a', [large]);
    return await counter('slow_readers_cut') > before;
  });
  stream.resume();
  assert.equal(await closed, NGHTTP2_ENHANCE_YOUR_CALM);
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
}));

test('long-poll: many sessions at once by one connection, beside methods', async () => {
  const client = await connect();
  const session = await join();
  const poll = async (target, body = '') => ask(client, post(`/longpoll${target}`), body);
  const opened = await Promise.all(Array.from({ length: 30 }, () => poll('/open', '{"protocols":["wamp.2.json"]}')));
  assert.deepEqual([...new Set(opened.map((a) => a.status))], [200]);
  const ids = opened.map((a) => JSON.parse(a.body).transport);
  const all = async (does) => Promise.all(ids.map(does));
  const receive = async (id) => JSON.parse((await poll(`/${id}/receive`)).body);
  const send = async (id, message) => assert.equal((await poll(`/${id}/send`, JSON.stringify(message))).status, 202);
  await all((id) => send(id, [1, 'realm1', { roles: { publisher: {}, subscriber: {} } }]));
  assert.deepEqual([...new Set((await all(receive)).map((m) => m[0]))], [2]);
  await all((id) => send(id, [32, 1, {}, 'two.poll']));
  assert.deepEqual([...new Set((await all(receive)).map((m) => m[0]))], [33]);
  const waits = all(receive);
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
  const long = 'x'.repeat(300000);
  await session.publish('two.poll', [long], {}, { acknowledge: true });
  for (const event of await waits) assert.deepEqual(event[4], [long]);
  await send(ids[0], [16, 2, { exclude_me: false }, 'two.poll', [long]]);
  assert.deepEqual((await receive(ids[1]))[4], [long]);
  // A receive whose stream is reset takes no message along, and a later one takes the place of one that waits.
  const [reset, former] = [ask(client, post(`/longpoll/${ids[2]}/receive`), ''), ask(client, post(`/longpoll/${ids[3]}/receive`), '')];
  assert.equal(JSON.parse((await reset).body)[0], 36);
  assert.equal(JSON.parse((await former).body)[0], 36);
  const gone = ask(client, post(`/longpoll/${ids[2]}/receive`), '');
  const first = ask(client, post(`/longpoll/${ids[3]}/receive`), '');
  gone.stream.close(NGHTTP2_CANCEL);
  await gone;
  const second = poll(`/${ids[3]}/receive`);
  assert.equal((await first).status, 409);
  await session.publish('two.poll', ['y'], {}, { acknowledge: true });
  assert.deepEqual(JSON.parse((await second).body)[4], ['y']);
  assert.deepEqual((await receive(ids[2]))[4], ['y']);
  assert.equal((await ask(client, { ':path': '/longpoll/open' })).status, 405);
  assert.equal((await poll('/open', ' '.repeat(5000))).status, 413);
  await all(async (id) => assert.equal((await poll(`/${id}/close`)).status, 202));
  assert.equal((await poll(`/${ids[0]}/receive`)).status, 404);
  assert.equal(await text(ask(client, '/root/sum?a=1&b=2')), '{"Result":3}');
});

test('a long-poll message may be longer than other bodies', async () => {
  const client = await connect();
  const { transport } = JSON.parse(await text(ask(client, post('/longpoll/open'), '{"protocols":["wamp.2.json"]}')));
  const send = (message) => ask(client, post(`/longpoll/${transport}/send`), JSON.stringify(message));
  assert.equal((await send([1, 'realm1', { roles: { publisher: {} } }])).status, 202);
  assert.equal((await send([16, 1, {}, 'two.long', ['x'.repeat(6 * 1024 * 1024)]])).status, 202);
  assert.equal((await send([16, 2, {}, 'two.long', ['x'.repeat(17 * 1024 * 1024)]])).status, 413);
  await until(async () => (await ask(client, post(`/longpoll/${transport}/receive`), '')).status === 404);
});

test('who does not offer it speaks HTTP/1.1, and nobody is offered it where it is off', async () => {
  const get = () => new Promise((resolve, reject) => https.get({ host: '127.0.0.1', port: env.tlsPort, path: '/root/sum?a=1&b=2', ca: ca(), agent: false },
    (r) => { r.resume(); r.on('end', () => resolve(r.httpVersion)); }).on('error', reject));
  assert.equal(await get(), '1.1');
  await withSettings({ 'fox_wamp.http2': 'off' }, () => new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: env.tlsPort, ca: ca(), ALPNProtocols: ['h2', 'http/1.1'] }, () => {
      try { assert.equal(socket.alpnProtocol, 'http/1.1'); resolve(); } catch (e) { reject(e); } finally { socket.destroy(); }
    });
  }));
});

/** Bytes to a connection that has chosen HTTP/2: what is answered until it ends. */
function raw(...pieces) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: env.tlsPort, ca: ca(), ALPNProtocols: ['h2'] }, () => { for (const p of pieces) socket.write(p); });
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (e) => (e.code === 'ECONNRESET' || e.code === 'EPIPE' ? resolve(Buffer.concat(chunks)) : reject(e)));
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const frame = (type, flags, id, payload = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
};
const SETTINGS = frame(4, 0, 0);
/** The error code of the GOAWAY among the frames. */
function goaway(answer) {
  for (let at = 0; at + 9 <= answer.length; at += 9 + answer.readUIntBE(at, 3)) if (answer[at + 3] === 7) return answer.readUInt32BE(at + 13);
  return undefined;
}

test('what is no HTTP/2 ends the connection with the reason', async () => {
  const PROTOCOL_ERROR = 1;
  const FRAME_SIZE_ERROR = 6;
  const COMPRESSION_ERROR = 9;
  await raw('GET / HTTP/1.1\r\n\r\n'); // no preface: ended
  assert.equal(goaway(await raw(PREFACE, SETTINGS, frame(1, 5, 2, Buffer.from([0x82])))), PROTOCOL_ERROR); // an even stream
  assert.equal(goaway(await raw(PREFACE, SETTINGS, frame(0, 1, 1, Buffer.from('x')))), PROTOCOL_ERROR); // data of no stream
  assert.equal(goaway(await raw(PREFACE, SETTINGS, frame(6, 0, 0, Buffer.alloc(7)))), FRAME_SIZE_ERROR); // a ping of 7 bytes
  assert.equal(goaway(await raw(PREFACE, SETTINGS, frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])))), COMPRESSION_ERROR);
  const random = Buffer.alloc(4096);
  for (let seed = 1; seed < 40; seed++) {
    for (let i = 0, x = seed; i < random.length; i++) random[i] = (x = (x * 1103515245 + 12345) & 0x7fffffff) >> 16;
    await raw(PREFACE, SETTINGS, random);
  }
  assert.equal(await text(ask(await connect(), '/root/sum?a=1&b=2')), '{"Result":3}');
});

test('a storm of resets ends the connection, and others go on', async () => {
  const literal = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const head = Buffer.concat([literal(':method', 'GET'), literal(':scheme', 'https'), literal(':path', '/root/nap?s=0.01'), literal(':authority', 'x')]);
  const CANCEL = Buffer.from([0, 0, 0, 8]);
  const storm = [];
  for (let id = 1; id < 10000; id += 2) storm.push(frame(1, 5, id, head), frame(3, 0, id, CANCEL));
  assert.notEqual(goaway(await raw(PREFACE, SETTINGS, Buffer.concat(storm))), undefined);
  assert.equal(await text(ask(await connect(), '/root/sum?a=1&b=2')), '{"Result":3}');
});

test('a connection that goes in the middle of everything leaves nothing', async () => {
  const open = await counter('http_connections');
  for (let i = 0; i < 20; i++) {
    const client = await connect();
    for (let n = 0; n < 20; n++) ask(client, n % 2 ? '/root/nap?s=0.2' : '/root/events/x.%23');
    ask(client, post('/root/size_of', 'application/octet-stream'), undefined);
    await text(ask(client, '/root/sum?a=1&b=2'));
    client.destroy();
  }
  await until(async () => await counter('http_connections') <= open);
});
