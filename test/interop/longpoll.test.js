'use strict';
// WAMP over HTTP long-poll, in a router whose limits are this file's own.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');

delete process.env.FOX_PORT;
delete process.env.PSQL;
process.env.FOX_CONF = "fox_wamp.max_message_size = '1MB'";
const { start, stop, withSettings, join, listen, fresh, until, env, autobahn, Raw, allowMeta } = require('./lib');

const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const agent = new http.Agent({ keepAlive: true });
const polls = new Set();

before(async () => {
  start();
  await allowMeta();
});
after(async () => {
  for (const poll of polls) await poll.close();
  agent.destroy();
  stop();
});

/** A request below /longpoll; the answer's status, headers and body. */
function request(path, { body = '', method = 'POST', headers = {}, agent: by = false, signal } = {}) {
  return new Promise((resolve, reject) => {
    const r = http.request({
      host: '127.0.0.1', port: env.port, method, path: `/longpoll${path}`, agent: by, signal,
      headers: { 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    r.on('error', reject);
    r.end(body);
  });
}

const hello = [1, 'realm1', { roles: ROLES }];
const batch = (messages) => messages.map((m) => `${JSON.stringify(m)}\x18`).join('');

class Poll {
  static async open(protocol = 'wamp.2.json', options = {}) {
    const poll = new Poll();
    poll.options = options;
    const opened = await request('/open', { ...options, body: JSON.stringify({ protocols: [protocol] }) });
    assert.equal(opened.status, 200, opened.body.toString());
    const answer = JSON.parse(opened.body);
    assert.equal(answer.protocol, protocol);
    assert.match(answer.transport, /^[A-Za-z0-9_-]{24}$/);
    poll.id = answer.transport;
    polls.add(poll);
    return poll;
  }

  static async join(options) {
    const poll = await Poll.open('wamp.2.json', options);
    assert.equal((await poll.send(hello)).status, 202);
    const welcome = await poll.next();
    assert.equal(welcome[0], 2);
    poll.session = welcome[1];
    return poll;
  }

  post(verb, body, more) { return request(`/${this.id}/${verb}`, { ...this.options, ...more, body }); }

  send(message) { return this.post('send', typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)); }

  receive(more) { return this.post('receive', '', more); }

  /** The next message; polls that end without one are repeated. */
  async next() {
    for (;;) {
      const { status, headers, body } = await this.receive();
      assert.equal(status, 200, body.toString());
      if (body.length) {
        assert.match(headers['content-type'], /^application\/json/);
        return JSON.parse(body);
      }
    }
  }

  async ask(message) {
    const sent = await this.send(message);
    assert.equal(sent.status, 202);
    assert.equal(sent.body.length, 0);
    return this.next();
  }

  close() {
    polls.delete(this);
    return this.post('close', '');
  }
}

for (const keepAlive of [true, false]) {
  test(`a session, ${keepAlive ? 'over connections that are kept' : 'with a connection for each request'}`, async () => {
    const poll = await Poll.join({ agent: keepAlive && agent });
    const topic = fresh();
    assert.equal((await poll.ask([32, 1, {}, topic]))[0], 33);
    await poll.send([16, 2, { exclude_me: false }, topic, ['x']]);
    await poll.send([16, 3, { exclude_me: false }, topic, ['y']]);
    assert.deepEqual((await poll.next())[4], ['x'], 'one message for an answer');
    assert.deepEqual((await poll.next())[4], ['y']);
    assert.equal((await poll.ask([6, {}, 'wamp.close.close_realm']))[0], 6);
    const closed = await poll.close();
    assert.equal(closed.status, 202);
    assert.equal(closed.body.length, 0);
    assert.equal((await poll.receive()).status, 404);
  });
}

test('events and calls pass between long-poll and WebSocket', async () => {
  const poll = await Poll.join();
  const other = await join();
  const topic = fresh();
  const procedure = fresh('proc');
  await poll.ask([32, 1, {}, topic]);
  const inbox = await listen(other, topic);
  const waits = poll.next();
  other.publish(topic, ['there']);
  assert.deepEqual((await waits)[4], ['there']);
  await poll.send([16, 2, {}, topic, ['back']]);
  assert.deepEqual((await inbox.next()).args, ['back']);

  await poll.ask([64, 3, {}, procedure]);
  const result = other.call(procedure, [20]);
  const invocation = await poll.next();
  assert.equal(invocation[0], 68);
  await poll.send([70, invocation[1], {}, [invocation[4][0] + 1]]);
  assert.equal(await result, 21);
  await other.register(`${procedure}.ws`, ([n]) => n * 2);
  const answer = await poll.ask([48, 4, {}, `${procedure}.ws`, [21]]);
  assert.deepEqual(answer, [50, 4, {}, [42]]);
  const info = await other.call('wamp.session.get', [poll.session]);
  assert.equal(info.transport?.type ?? info.transport, 'longpoll');
});

test('batched JSON: one answer has all that is queued', async () => {
  const poll = await Poll.open('wamp.2.json.batched');
  const topic = fresh();
  const publishes = Array.from({ length: 50 }, (_, i) => [16, i + 2, { exclude_me: false }, topic, [i]]);
  assert.equal((await poll.send(batch([hello, [32, 1, {}, topic], ...publishes]))).status, 202);
  const text = (await poll.receive()).body.toString();
  const messages = text.split(/[\x18\x1e]/);
  assert.equal(messages.pop(), '', 'every message is followed by a separator');
  assert.deepEqual(messages.slice(2).map((m) => JSON.parse(m)[4][0]), [...Array(50).keys()]);
});

test('batched MessagePack: messages have their length before them', async () => {
  const serializer = new autobahn.serializer.MsgpackSerializer();
  const poll = await Poll.open('wamp.2.msgpack.batched');
  const frame = (message) => {
    const bytes = Buffer.from(serializer.serialize(message));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(bytes.length);
    return Buffer.concat([head, bytes]);
  };
  const sent = await poll.send(Buffer.concat([frame(hello), frame([32, 1, {}, fresh()])]));
  assert.equal(sent.status, 202);
  const { body, headers } = await poll.receive();
  assert.equal(headers['content-type'], 'application/octet-stream');
  const length = body.readUInt32BE(0);
  assert.equal(serializer.unserialize(body.subarray(4, 4 + length))[0], 2);
  assert.equal(serializer.unserialize(body.subarray(8 + length))[0], 33);
});

test('an answer longer than a socket takes comes whole, to a reader that is slow', async () => {
  const poll = await Poll.join();
  const topic = fresh();
  await poll.ask([32, 1, {}, topic]);
  const long = 'long'.repeat(250000);
  await poll.send([16, 2, { exclude_me: false }, topic, [long]]);
  await poll.send([16, 3, { exclude_me: false }, topic, ['short']]);
  const body = await new Promise((resolve, reject) => {
    http.request({ host: '127.0.0.1', port: env.port, method: 'POST', path: `/longpoll/${poll.id}/receive`, agent: false, headers: { 'Content-Length': 0 } }, async (response) => {
      const chunks = [];
      for await (const chunk of response) {
        chunks.push(chunk);
        await new Promise(setImmediate);
      }
      resolve(Buffer.concat(chunks));
    }).on('error', reject).end();
  });
  assert.equal(JSON.parse(body)[4][0], long);
  assert.deepEqual((await poll.next())[4], ['short']);
});

test('a receive without a message is answered empty before clients give up', async () => {
  const poll = await Poll.join();
  let best = Infinity;
  for (let round = 0; round < 3 && best >= 12000; round++) {
    const began = Date.now();
    const { status, body } = await poll.receive();
    assert.equal(status, 200);
    assert.equal(body.length, 0);
    best = Math.min(best, Date.now() - began);
  }
  assert.ok(best < 12000, `${best} ms`);
});

test('of two receives the later one gets the message, the first an error', async () => {
  const poll = await Poll.join();
  const topic = fresh();
  await poll.ask([32, 1, {}, topic]);
  const first = poll.receive();
  const second = poll.receive();
  const answers = [first.then((a) => a.status), second.then((a) => a.status)];
  assert.equal(await Promise.race(answers), 409);
  await poll.send([16, 2, { exclude_me: false }, topic, ['x']]);
  assert.deepEqual((await Promise.all(answers)).sort(), [200, 409]);
});

test('what is wrong has a status that says so', async () => {
  const open = (body, more) => request('/open', { body, ...more });
  for (const body of ['', '{', '[]', '"wamp.2.json"', '{"protocols":"wamp.2.json"}', '{"protocols":[]}', '{"protocols":["wamp.2.xml",7,null]}', '\u0000', `{"protocols":${'['.repeat(500)}`]) {
    assert.equal((await open(body)).status, 400, body);
  }
  assert.equal((await open(' {"protocols":["wamp.2.xml","wamp.2.cbor"]} ')).status, 200);
  assert.equal((await open(' '.repeat(5000))).status, 413);
  for (const verb of ['receive', 'send', 'close', '', 'x']) {
    assert.equal((await request(`/${'A'.repeat(24)}/${verb}`)).status, 404);
  }
  const poll = await Poll.open();
  for (const path of ['', '/', '/x', '/open/', `/${poll.id}`, `/${poll.id}/`, `/${poll.id}/other`, `/${poll.id}x/receive`, `/${'x'.repeat(1000)}`]) {
    assert.equal((await request(path)).status, 404, path);
  }
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    const { status, headers, body } = await request(`/${poll.id}/receive`, { method });
    assert.equal(status, 405, method);
    assert.equal(headers.allow, 'POST, OPTIONS');
    assert.equal(body.length > 0, method !== 'HEAD');
  }
  assert.equal((await Poll.join()).id.length, 24, 'and it goes on');
});

test('pages of other origins may ask, but not with cookies', async () => {
  const Origin = 'https://example.org';
  const preflight = await request('/open', { method: 'OPTIONS', headers: { Origin } });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], '*');
  assert.equal(preflight.headers['access-control-allow-methods'], 'POST');
  const body = '{"protocols":["wamp.2.json"]}';
  assert.equal((await request('/open', { body, headers: { Origin, Cookie: 'a=b' } })).headers['access-control-allow-origin'], undefined);
  assert.equal((await request('/open', { body })).headers['access-control-allow-origin'], undefined);
  const opened = await request('/open', { body, headers: { Origin } });
  assert.equal(opened.headers['access-control-allow-origin'], '*');
  const { transport } = JSON.parse(opened.body);
  await request(`/${transport}/send`, { body: JSON.stringify(hello), headers: { Origin } });
  const [type, , reason] = JSON.parse((await request(`/${transport}/receive`)).body);
  assert.deepEqual([type, reason], [3, 'wamp.error.authentication_required']);
});

test('a malformed message is refused, the session told why, and gone after that', async () => {
  const bodies = { 'wamp.2.json': ['', '{', '[1,', 'null null', '\xff'], 'wamp.2.json.batched': ['', '[1]', '\x1e', '[\x1e'], 'wamp.2.cbor.batched': ['', Buffer.from([0, 0, 0, 9, 1]), Buffer.from([0xff, 0xff, 0xff, 0xff])] };
  for (const [protocol, list] of Object.entries(bodies)) {
    for (const body of list) {
      const poll = await Poll.open(protocol);
      polls.delete(poll);
      assert.equal((await poll.send(body)).status, 400, `${protocol} ${body}`);
      for (;;) {
        const { status, body: rest } = await poll.receive();
        if (status === 404) break;
        assert.equal(status, 200);
        if (protocol === 'wamp.2.json') assert.equal(JSON.parse(rest)[2], 'wamp.error.protocol_violation');
      }
    }
  }
});

test('a message above the limit ends the session', async () => {
  const poll = await Poll.join();
  polls.delete(poll);
  assert.equal((await poll.send('x'.repeat((1 << 20) + 1))).status, 413);
  await until(async () => (await poll.receive()).status === 404);
});

test('bytes that are no request do no harm', async () => {
  const poll = await Poll.join();
  const post = (verb, rest, version = '1.1') => `POST /longpoll/${poll.id}/${verb} HTTP/${version}\r\n${version === '1.1' ? 'Host: x\r\n' : ''}${rest}`;
  const heads = [
    [post('send', 'Content-Length: -5\r\n\r\n[1]'), 400],
    [post('send', 'Content-Length: 99999999999999999999999\r\n\r\n[1]'), 400],
    [post('send', 'Content-Length: 5x\r\n\r\n[1]'), 400],
    [post('send', 'Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n'), 411],
    [post('open', `Transfer-Encoding: chunked\r\n\r\n2000\r\n${' '.repeat(8192)}\r\n`), 413],
    [post('receive', '\r\n', '1.0'), 411],
  ];
  for (const [head, status] of heads) {
    const socket = net.connect(env.port, '127.0.0.1');
    socket.write(head.replace(`${poll.id}/open`, 'open'));
    const line = await new Promise((resolve) => {
      socket.once('data', (data) => resolve(data.toString().split('\r\n')[0]));
      socket.once('close', () => resolve('closed'));
    });
    assert.match(line, new RegExp(`^HTTP/1\\.1 ${status} `), head);
    socket.destroy();
  }
  for (const head of [post('send', 'Content-Length: 500\r\n\r\n[1'), post('receive', 'Content-Length: 0\r\n\r\n')]) {
    const socket = net.connect(env.port, '127.0.0.1');
    await new Promise((resolve) => { socket.write(head, resolve); });
    socket.destroy();
  }
  assert.equal((await poll.ask([32, 1, {}, fresh()]))[0], 33);
});

test('the session of a page that is closed ends, and its testament is published', async () => {
  const other = await join();
  const topic = fresh();
  const inbox = await listen(other, topic);
  const poll = await Poll.join();
  polls.delete(poll);
  assert.equal((await poll.ask([48, 1, {}, 'wamp.session.add_testament', [topic, ['gone'], {}]]))[0], 50);
  await withSettings({ 'fox_wamp.ping_interval': '1s', 'fox_wamp.ping_timeout': '2s' }, async () => {
    const page = new AbortController();
    const waits = poll.receive({ signal: page.signal }).catch((e) => e.name);
    page.abort();
    assert.equal(await waits, 'AbortError');
    assert.deepEqual((await inbox.next()).args, ['gone']);
    assert.equal((await poll.receive()).status, 404);
  });
});

test('where there are as many connections as there may be, nobody is let in', async () => {
  const [poll, other] = [await Poll.join(), await Raw.join()];
  const open = async () => {
    const answer = await request('/open', { body: '{"protocols":["wamp.2.json"]}' });
    if (answer.status === 200) await request(`/${JSON.parse(answer.body).transport}/close`);
    return answer.status;
  };
  await withSettings({ 'fox_wamp.max_connections': '1' }, async () => {
    await until(async () => await open() === 503);
    assert.equal((await poll.ask([32, 1, {}, fresh()]))[0], 33);
    assert.equal((await other.ask([32, 1, {}, fresh()]))[0], 33);
  });
  await until(async () => await open() === 200);
});

test('a session that another one kills receives its end, then its transport is gone', async () => {
  const poll = await Poll.join();
  polls.delete(poll);
  const killer = await Raw.join();
  const waits = poll.next();
  await killer.ask([48, 1, {}, 'wamp.session.kill', [poll.session], { reason: 'wamp.close.killed' }]);
  assert.deepEqual((await waits).slice(0, 1), [6]);
  await until(async () => (await poll.receive()).status === 404);
});

test('200 sessions at once', async () => {
  const topic = fresh();
  const many = await Promise.all(Array.from({ length: 200 }, () => Poll.join({ agent })));
  await Promise.all(many.map((poll) => poll.ask([32, 1, {}, topic])));
  const waits = many.map((poll) => poll.next());
  const other = await join();
  await other.publish(topic, ['all'], {}, { acknowledge: true });
  for (const event of await Promise.all(waits)) assert.deepEqual(event[4], ['all']);
  await Promise.all(many.map((poll) => poll.close()));
});

test('autobahn-js joins, publishes and calls by its long-poll transport', async () => {
  // The browser's class that it asks for; it takes 204 for an empty answer, but not the specification's 202.
  globalThis.XMLHttpRequest = class {
    open(method, url) { this.path = new URL(url).pathname.replace('/longpoll', ''); }

    setRequestHeader() {}

    send(body) {
      request(this.path, { body: body ?? '' }).then((answer) => {
        this.status = answer.status === 202 ? 204 : answer.status;
        this.responseText = answer.body.toString();
      }, () => { this.status = 0; }).then(() => {
        this.readyState = 4;
        this.onreadystatechange();
      });
    }
  };
  const connection = new autobahn.Connection({ transports: [{ type: 'longpoll', url: `http://127.0.0.1:${env.port}/longpoll` }], realm: 'realm1', max_retries: 0 });
  const session = await new Promise((resolve, reject) => {
    connection.onopen = resolve;
    connection.onclose = (reason) => reject(new Error(reason));
    connection.open();
  });
  const other = await join();
  const procedure = fresh('proc');
  await session.register(procedure, ([n]) => n + 1);
  assert.equal(await other.call(procedure, [1]), 2);
  const topic = fresh();
  const inbox = await listen(session, topic);
  await other.publish(topic, ['x'], {}, { acknowledge: true });
  assert.deepEqual((await inbox.next()).args, ['x']);
  const closed = new Promise((resolve) => { connection.onclose = resolve; });
  connection.close();
  assert.equal(await closed, 'closed');
  delete globalThis.XMLHttpRequest;
});
