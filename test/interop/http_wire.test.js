'use strict';
// HTTP as it is on the wire, and who asks.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const fs = require('node:fs');
const path = require('node:path');
const tls = require('node:tls');

delete process.env.FOX_PORT;
delete process.env.PSQL;
const { start, stop, sql, env, join, withSettings, until, Raw } = require('./lib');
const { ask, raw, parse, closeAll } = require('./http');

before(async () => {
  start();
  await sql('SET client_min_messages = error', fs.readFileSync(path.join(__dirname, 'http_functions.sql'), 'utf8'));
});
after(() => {
  closeAll();
  stop();
});

const HOST = 'Host: localhost\r\n';
const basic = (user, password) => ({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
const text = (answer) => answer.body.toString();

// --- the wire

test('requests of one connection are answered in their order', async () => {
  const answers = parse(await raw(`GET /root/nap?s=0.1 HTTP/1.1\r\n${HOST}\r\nGET /root/sum?a=1&b=2 HTTP/1.1\r\n${HOST}\r\n`
    + `POST /root/sum HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"a":2,"b":2}GET /root/nosuch HTTP/1.1\r\n${HOST}\r\n`));
  assert.deepEqual(answers.map(text), ['{"Result":"slept"}', '{"Result":3}', '{"Result":4}', '{"ErrorCode":404,"ErrorText":"Not Found"}']);
});

test('a connection speaks long-poll and all else, in any order', async () => {
  const post = (target, body, more = '') => `POST ${target} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
  const open = post('/longpoll/open', '{"protocols":["wamp.2.json"]}');
  const sum = `GET /root/sum?a=1&b=%202 HTTP/1.1\r\n${HOST}\r\n`;
  const answers = parse(await raw(open + sum + open + post('/root/sum', '{"a":2,"b":2}') + post('/longpoll/open', ' '.repeat(5000)) + `GET /longpoll/open HTTP/1.1\r\n${HOST}\r\n` + sum));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200, 413, 405, 200]);
  assert.deepEqual([text(answers[1]), text(answers[3]), text(answers[6])], ['{"Result":3}', '{"Result":4}', '{"Result":3}']);
  // A whole session by one socket, which is not ended: whoever hangs up is not answered.
  const { transport } = JSON.parse(text(answers[0]));
  const socket = net.connect({ host: '127.0.0.1', port: env.port });
  let all = '';
  socket.on('data', (chunk) => { all += chunk; });
  const answered = async (n) => { await until(() => parse(all).length === n && parse(all).every((a) => a.body.length === Number(a.headers['content-length'] ?? 0))); return parse(all); };
  const at = (verb) => `/longpoll/${transport}/${verb}`;
  socket.write(sum + post(at('send'), '[1,"realm1",{"roles":{"publisher":{},"subscriber":{}}}]') + post(at('receive'), '') + sum
    + post(at('send'), '[32,1,{},"wire.poll"]') + post(at('receive'), '') + post(at('send'), '[16,2,{"exclude_me":false},"wire.poll",["x"]]') + post(at('receive'), '') + sum);
  const session = await answered(9);
  assert.deepEqual(session.map((a) => a.status), [200, 202, 200, 200, 202, 200, 202, 200, 200]);
  assert.deepEqual([2, 5, 7].map((i) => JSON.parse(text(session[i]))[0]), [2, 33, 36]);
  socket.write(post(at('close'), '') + post(at('receive'), ''));
  assert.deepEqual((await answered(11)).slice(9).map((a) => a.status), [202, 404]);
  socket.destroy();
});

test('a request may come byte by byte', async () => {
  const request = `POST /root/sum?a=1 HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"b":2}`;
  const [answer] = parse(await raw(...request));
  assert.equal(text(answer), '{"Result":3}');
});

test('bodies come in chunks too', async () => {
  const head = `POST /root/sum HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const [one, two] = parse(await raw(`${head}7\r\n{"a":1,\r\n6;x=y\r\n"b":2}\r\n0\r\nT: x\r\n\r\n${head}`, '1\r\n[\r\n', '4\r\n3,4]\r\n0\r\n\r', '\n'));
  assert.equal(text(one), '{"Result":3}');
  assert.ok(Math.abs(Date.parse(one.headers.date) - Date.now()) < 60000);
  assert.equal(text(two), '{"Result":7}');
});

test('a body that is too long is refused, and the connection goes on', async () => {
  const most = 1024 * 1024;
  const body = (n) => `POST /root/size_of HTTP/1.1\r\n${HOST}Content-Type: application/octet-stream\r\nContent-Length: ${n}\r\n\r\n${'x'.repeat(n)}`;
  const answers = parse(await raw(body(most), body(most + 1), `GET /root/one HTTP/1.1\r\n${HOST}\r\n`));
  assert.deepEqual(answers.map((a) => a.status), [200, 413, 200]);
  assert.equal(text(answers[0]), `{"Result":${most}}`);
  const chunked = `POST /root/size_of HTTP/1.1\r\n${HOST}Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;
  assert.deepEqual(parse(await raw(chunked, `${(most + 1).toString(16)}\r\n`, 'x'.repeat(most))).map((a) => a.status), [413]);
});

test('100 Continue comes where it is waited for', async () => {
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': 2, Expect: '100-continue' };
  const status = await new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: env.port, method: 'POST', path: '/root/shout', headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.on('continue', () => request.end('ab'));
    request.flushHeaders();
  });
  assert.equal(status, 200);
  const refused = await raw(`POST /root/shout HTTP/1.1\r\n${HOST}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n`);
  assert.match(refused, /^HTTP\/1\.1 413 /);
});

for (const [what, request, status] of [
  ['a target of more than 8 KiB', `GET /root/hello?name=${'x'.repeat(8200)} HTTP/1.1\r\n${HOST}\r\n`, 414],
  ['headers of more than 32 KiB', `GET /root/one HTTP/1.1\r\n${HOST}${'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1000)}\r\n`, 431],
  ['no Host', 'GET /root/one HTTP/1.1\r\n\r\n', 400],
  ['two lengths', `POST /root/one HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400],
  ['a length and chunks', `POST /root/one HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['an unknown coding', `POST /root/one HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
  ['a space before a colon', `GET /root/one HTTP/1.1\r\n${HOST}Content-Length : 3\r\n\r\n`, 400],
  ['a folded header', `GET /root/one HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n`, 400],
  ['lines that end with LF alone', 'GET /root/one HTTP/1.1\nHost: x\n\n', 400],
  ['another version', `GET /root/one HTTP/3.0\r\n${HOST}\r\n`, 505],
  ['malformed chunks', `POST /root/one HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
]) {
  test(`${what}: ${status}, and the connection ends`, async () => {
    const answers = parse(await raw(`${request}GET /root/one HTTP/1.1\r\n${HOST}\r\n`));
    assert.deepEqual(answers.map((a) => a.status), [status]);
    assert.equal(answers[0].headers.connection, 'close');
    assert.equal(JSON.parse(text(answers[0])).ErrorCode, status);
  });
}

test('HTTP/1.0 ends with its answer unless it is asked not to', async () => {
  const one = 'GET /root/one HTTP/1.0\r\n\r\n';
  assert.equal(parse(await raw(one + one)).length, 1);
  const kept = 'GET /root/one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
  const answers = parse(await raw(kept + kept));
  assert.deepEqual(answers.map((a) => a.headers.connection), ['keep-alive', 'keep-alive']);
});

test('what begins like HTTP is answered as HTTP: methods in small letters, empty lines, another upgrade than to a WebSocket, a newer 1.x', async () => {
  const one = `GET /root/one HTTP/1.1\r\n${HOST}`;
  assert.deepEqual(parse(await raw(`get /root/one HTTP/1.1\r\n${HOST}\r\n${one}\r\n`)).map((a) => a.status), [405, 200]);
  assert.deepEqual(parse(await raw(`\r\n\r\n${one}\r\n\r\n${one}\r\n`)).map(text), ['{"Result":"OneValue"}', '{"Result":"OneValue"}']);
  for (const upgrade of ['Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n', 'Connection: Upgrade\r\nUpgrade: foo\r\n']) {
    assert.deepEqual(parse(await raw(`${one}${upgrade}\r\n${one}\r\n`)).map(text), ['{"Result":"OneValue"}', '{"Result":"OneValue"}']);
  }
  assert.deepEqual(parse(await raw(`GET /root/one HTTP/1.2\r\n${HOST}\r\n`)).map(text), ['{"Result":"OneValue"}']);
});

test('a large result arrives whole', async () => {
  const answer = await ask('GET', '/root/series?n=1000000');
  assert.equal(JSON.parse(text(answer)).Result.length, 1000000);
});

test('HTTP inside TLS', async () => {
  const by = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  const options = { client: https, port: env.tlsPort, by };
  assert.equal(text(await ask('GET', '/root/sum?a=1&b=2', options)), '{"Result":3}');
  const body = 'y'.repeat(300000);
  const long = await ask('POST', '/root/shout', { ...options, headers: { 'Content-Type': 'text/plain' }, body });
  assert.equal(JSON.parse(text(long)).Result, body.toUpperCase());
  assert.equal(JSON.parse(text(await ask('GET', '/root/series?n=300000', options))).Result.length, 300000);
  by.destroy();
});

test('inside TLS a request may come in pieces too', async () => {
  const answer = await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: env.tlsPort, rejectUnauthorized: false }, () => {
      socket.write('GET /root/one HTTP/1.1\r\nHo', () => socket.write('st: localhost\r\nConnection: close\r\n\r\n'));
    });
    let all = '';
    socket.on('data', (chunk) => { all += chunk; });
    socket.on('end', () => resolve(all));
    socket.on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\{"Result":"OneValue"\}$/);
});

test('slow functions keep neither fast ones nor WAMP waiting', async () => {
  const session = await join();
  let slow = 0;
  const naps = Array.from({ length: 20 }, () => ask('GET', '/root/nap?s=0.2', { by: false }).then(() => { slow += 1; }));
  await sql(`DO $$ BEGIN FOR i IN 1..6000 LOOP
    IF (SELECT count(*) FROM pg_stat_activity WHERE query = 'root.nap' AND state = 'active') > 1 THEN RETURN; END IF;
    PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; RAISE 'they do not come'; END $$`);
  // One of the router's own, one of SQL, and one by WAMP.
  for (const path of ['timestamp', 'one']) assert.equal((await ask('GET', `/root/${path}`, { by: false })).status, 200);
  assert.equal(await session.call('root.one'), 'OneValue');
  await session.call('wamp.session.count');
  assert.ok(slow < 20, 'they have not all ended');
  await Promise.all(naps);
  session.leaveNow();
});

test('whoever hangs up is not waited for', async () => {
  const request = http.request({ host: '127.0.0.1', port: env.port, path: '/root/one' });
  request.on('error', () => {});
  request.end();
  request.destroy();
  assert.equal(text(await ask('GET', '/root/one')), '{"Result":"OneValue"}');
});

// --- what browsers ask

test('OPTIONS says what a resource takes; CORS is for the sites of http_origins', async () => {
  const asked = { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-a, content-type' };
  const closed = await ask('OPTIONS', '/root/sum', { headers: asked });
  assert.equal(closed.status, 204);
  assert.equal(closed.headers.allow, 'OPTIONS, GET, HEAD, POST');
  assert.equal(closed.headers['access-control-allow-origin'], undefined);
  await withSettings({ 'fox_wamp.http_origins': 'https://other.example, https://shop.example' }, async () => {
    const preflight = await ask('OPTIONS', '/root/sum', { headers: asked });
    assert.equal(preflight.headers['access-control-allow-origin'], 'https://shop.example');
    assert.equal(preflight.headers['access-control-allow-methods'], 'GET, HEAD, POST');
    assert.equal(preflight.headers['access-control-allow-headers'], 'x-a, content-type');
    const got = await ask('GET', '/root/sum?a=1&b=2', { headers: { Origin: 'https://shop.example' } });
    assert.equal(text(got), '{"Result":3}');
    assert.equal(got.headers['access-control-allow-origin'], 'https://shop.example');
    assert.equal(got.headers.vary, 'Origin');
    assert.equal((await ask('GET', '/root/sum?a=1&b=2', { headers: { Origin: 'https://evil.example' } })).status, 401);
  });
});

test('a page of another site, or under another name, is not anonymous', async () => {
  for (const headers of [{ Origin: 'https://evil.example' }, { Host: 'evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { 'X-Forwarded-For': '10.1.1.1' }]) {
    const answer = await ask('GET', '/root/one', { headers });
    assert.equal(answer.status, 401, text(answer));
    assert.match(String(answer.headers['www-authenticate']), /Basic realm="fox_wamp".*Bearer/);
  }
  assert.equal((await ask('GET', '/root/one', { headers: { Origin: 'http://localhost:3000' } })).status, 200);
});

test('proxies are believed if they are trusted', async () => {
  const headers = { 'X-Forwarded-For': '10.9.8.7', ...basic('web_admin', 'admin pw') };
  assert.equal((await ask('GET', '/root/context', { headers })).status, 401, 'a password does not come from afar without TLS');
  await withSettings({ 'fox_wamp.trusted_proxies': '127.0.0.1' }, async () => {
    const answer = await ask('GET', '/root/context', { headers: { ...headers, 'X-Forwarded-Proto': 'https' } });
    assert.equal(JSON.parse(text(answer)).Result.ip, '10.9.8.7');
  });
});

// --- who asks

test('Basic is the log-in of a role, of which GRANT decides', async () => {
  assert.equal(text(await ask('GET', '/root/whoami')), '{"Result":"fox_wamp_anonymous"}');
  assert.equal(text(await ask('GET', '/root/whoami', { headers: basic('web_admin', 'admin pw') })), '{"Result":"web_admin"}');
  assert.equal(text(await ask('GET', '/root/secret', { headers: basic('web_admin', 'admin pw') })), '{"Result":"classified"}');
  const anonymous = await ask('GET', '/root/secret');
  assert.equal(anonymous.status, 401);
  assert.ok(anonymous.headers['www-authenticate']);
  const other = await ask('GET', '/root/secret', { headers: basic('web_slow', 'slow pw') });
  assert.equal(other.status, 403);
  assert.equal(JSON.parse(text(other)).ErrorText, 'permission denied for function secret');
  for (const headers of [basic('web_admin', 'wrong'), basic('nobody', 'x'), { Authorization: 'Basic !!' }, { Authorization: 'Digest x' }, { Authorization: 'Bearer x' }])
    assert.equal((await ask('GET', '/root/whoami', { headers })).status, 401);
});

test('one connection may be of many', async () => {
  const request = (user) => `GET /root/whoami HTTP/1.1\r\n${HOST}${user ? `Authorization: ${basic(user, `${user.slice(4)} pw`).Authorization}\r\n` : ''}\r\n`;
  const answers = parse(await raw(request('web_admin') + request() + request('web_slow') + request('web_admin')));
  assert.deepEqual(answers.map((a) => JSON.parse(text(a)).Result), ['web_admin', 'fox_wamp_anonymous', 'web_slow', 'web_admin']);
});

test('a Bearer is a JSON Web Token', async () => {
  const secret = 'a secret of at least thirty-two bytes';
  await sql(`SELECT fox_wamp.add_jwt_secret('k1', '${secret}')`);
  const token = (claims, key = secret) => {
    const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'k1' })}.${part(claims)}`;
    return { Authorization: `Bearer ${signed}.${crypto.createHmac('sha256', key).update(signed).digest('base64url')}` };
  };
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const answer = await ask('GET', '/root/context', { headers: token({ sub: 'ann', role: 'web_admin', exp }) });
  const { user, authid, session } = JSON.parse(text(answer)).Result;
  assert.deepEqual([user, authid], ['web_admin', 'ann']);
  assert.ok(session > 1);
  assert.equal((await ask('GET', '/root/whoami', { headers: token({ sub: 'ann', role: 'web_admin', exp: 1000 }) })).status, 401);
  assert.equal((await ask('GET', '/root/whoami', { headers: token({ sub: 'ann', role: 'web_admin', exp }, 'another') })).status, 401);
  assert.equal((await ask('GET', '/root/whoami', { headers: token({ sub: 'ann', role: 'web_user', exp }) })).status, 401);
});

test('below a root with auth nobody is anonymous, but where a function says so', async () => {
  assert.equal((await ask('GET', '/closed/context')).status, 401);
  assert.equal(JSON.parse(text(await ask('GET', '/closed/open'))).Result.session, 0);
  assert.equal(JSON.parse(text(await ask('GET', '/closed/open', { headers: { Origin: 'https://any.example' } }))).Result.session, 0);
  assert.equal((await ask('GET', '/closed/context')).status, 401);
  const { user, session } = JSON.parse(text(await ask('GET', '/closed/context', { headers: basic('web_admin', 'admin pw') }))).Result;
  assert.equal(user, 'web_admin');
  assert.ok(session > 1);
});

test('fox_wamp.permission holds for HTTP', async () => {
  await sql(`INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call) VALUES ('realm1', 'root.hello', 'public', false)`, 'SELECT fox_wamp.sync()');
  assert.equal((await ask('GET', '/root/hello')).status, 401);
  assert.equal((await ask('GET', '/root/hello', { headers: basic('web_admin', 'admin pw') })).status, 403);
  assert.equal((await ask('GET', '/root/one')).status, 200);
  await sql(`DELETE FROM fox_wamp.permission WHERE pattern = 'root.hello'`, 'SELECT fox_wamp.sync()');
});

test('a role\'s statement_timeout ends its calls: 504', async () => {
  const answer = await ask('GET', '/root/nap?s=30', { headers: basic('web_slow', 'slow pw') });
  assert.equal(answer.status, 504, text(answer));
});

test('nobody hears of the sessions of requests', async () => {
  const session = await join();
  const before = await session.call('wamp.session.count');
  const joined = [];
  await session.subscribe('wamp.session.on_join', (args) => joined.push(args));
  await ask('GET', '/root/one', { by: false });
  assert.equal(await session.call('wamp.session.count'), before);
  assert.deepEqual(joined, []);
  session.leaveNow();
});

test('WebSockets are what they were', async () => {
  const peer = await Raw.join();
  const answer = await peer.ask([48, 1, {}, 'root.sum', [1, 2]]);
  assert.deepEqual(answer, [50, 1, {}, [3]]);
  assert.deepEqual(await peer.ask([48, 2, {}, 'root.make']), [50, 2, {}, [], { status: 201, content_type: 'text/plain; charset=UTF-8', headers: { Location: '/x' }, body: '\\x6d616465', raw: false }]);
});
