'use strict';
// WAMP's verbs by HTTP: Crossbar's bodies, and events that the server sends.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { start, stop, sql, join, listen, fresh, env, until, withSettings } = require('./lib');
const { ask, closeAll } = require('./http');

before(start);
after(() => {
  closeAll();
  stop();
});

const post = (path, body) => ask('POST', path, { headers: { 'Content-Type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) });
const json = (answer) => JSON.parse(answer.body);

/** An EventSource: next() is the next event as {id, data}, or a comment. */
async function events(path, headers = {}) {
  const source = { queue: [], waiting: [], text: '' };
  const response = await new Promise((resolve, reject) => {
    source.request = http.get({ host: '127.0.0.1', port: env.port, path, headers, agent: false }, resolve);
    source.request.on('error', reject);
  });
  source.response = response;
  source.request.on('error', () => {});
  response.on('error', () => {});
  source.ended = new Promise((resolve) => { response.on('close', resolve); });
  response.setEncoding('utf8');
  response.on('data', (chunk) => {
    source.text += chunk;
    for (let end = source.text.indexOf('\n\n'); end >= 0; end = source.text.indexOf('\n\n')) {
      const lines = source.text.slice(0, end).split('\n');
      source.text = source.text.slice(end + 2);
      const event = {};
      for (const line of lines) if (!line.startsWith(':')) event[line.slice(0, line.indexOf(':'))] = line.slice(line.indexOf(':') + 2);
      if (event.data === undefined) continue;
      event.data = JSON.parse(event.data);
      if (source.waiting.length) source.waiting.shift()(event); else source.queue.push(event);
    }
  });
  source.next = () => (source.queue.length ? Promise.resolve(source.queue.shift()) : new Promise((resolve) => { source.waiting.push(resolve); }));
  source.close = () => source.request.destroy();
  return source;
}

test('call reaches any procedure', async () => {
  const callee = await join();
  const procedure = fresh('proc');
  await callee.register(procedure, (args, kwargs) => new (require('autobahn').Result)([args.length], { k: kwargs.k }));
  assert.deepEqual(json(await post('/root/call', { procedure, args: [1, 2], kwargs: { k: 'v' } })), { args: [2], kwargs: { k: 'v' } });
  await sql('CREATE FUNCTION bridged(a int) RETURNS int LANGUAGE sql AS \'SELECT a\'', 'SELECT fox_wamp.expose_function(\'bridged(int)\')', 'SELECT fox_wamp.sync()');
  assert.deepEqual(json(await post('/root/call', { procedure: 'root.bridged', kwargs: { a: 5 } })), { args: [5] });
  assert.equal((await post('/root/call', { procedure: 'root.bridged', kwargs: { a: 'x' } })).status, 400);
  assert.deepEqual(json(await post('/root/Call', { procedure: 'root.bridged', args: [6] })), { args: [6] }, 'in any case');
  await sql('DROP FUNCTION bridged(int)');
  assert.equal((await post('/root/call', { procedure: fresh('none') })).status, 404);
  assert.equal((await post('/root/call', { procedure, options: { timeout: 'x' } })).status, 400);
  callee.leaveNow();
});

test('of a set that comes by progressive results all is in the one answer', async () => {
  const name = fresh('many').replace(/\W/g, '_');
  await sql(`CREATE FUNCTION ${name}() RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, 3)'`, `SELECT fox_wamp.expose_function('${name}()')`, 'SELECT fox_wamp.sync()');
  assert.deepEqual(json(await post('/root/call', { procedure: `root.${name}`, options: { receive_progress: true } })), { args: [[1, 2, 3]] });
  await sql(`DROP FUNCTION ${name}()`);
});

test('an error of the callee has its URI', async () => {
  const callee = await join();
  const procedure = fresh('fails');
  await callee.register(procedure, () => { throw new (require('autobahn').Error)('com.shop.no_stock', ['none left']); });
  const answer = await post('/root/call', { procedure });
  assert.equal(answer.status, 400);
  assert.deepEqual(json(answer), { ErrorCode: 400, ErrorText: 'none left', Uri: 'com.shop.no_stock' });
  callee.leaveNow();
});

test('publish is answered with the publication', async () => {
  const subscriber = await join();
  const topic = fresh('topic');
  const inbox = await listen(subscriber, topic);
  const answer = await post('/root/publish', { topic, args: ['a'], kwargs: { b: 1 }, options: { acknowledge: false } });
  const event = await inbox.next();
  assert.deepEqual([event.args, event.kwargs], [['a'], { b: 1 }]);
  assert.deepEqual(json(answer), { id: event.publication });
  subscriber.leaveNow();
});

test('bodies that are none', async () => {
  for (const body of ['', '[]', '{"a"', '{}', '{"topic":1}', '{"topic":"a","args":{}}', '{"topic":"a","kwargs":[]}', '{"topic":"a","options":1}', '{"topic":"a b"}',
    '{"topic":"a","options":{"ppt_scheme":"x"}}'])
    assert.equal((await post('/root/publish', body)).status, 400, body);
  const get = await ask('GET', '/root/publish');
  assert.equal(get.status, 405);
  assert.equal(get.headers.allow, 'POST');
});

test('events come as they are published', async () => {
  const topic = fresh('live');
  const source = await events(`/root/events/${topic}`);
  assert.equal(source.response.statusCode, 200);
  assert.equal(source.response.headers['content-type'], 'text/event-stream');
  const first = json(await post('/root/publish', { topic, args: ['a\nb'], kwargs: { k: 1 } }));
  assert.deepEqual(await source.next(), { id: String(first.id), data: { topic, args: ['a\nb'], kwargs: { k: 1 } } });
  await sql(`SELECT fox_wamp.publish('${topic}', '[2]')`);
  assert.deepEqual((await source.next()).data.args, [2]);
  source.close();
});

test('patterns, segments, retained values', async () => {
  const topic = fresh('kept');
  await sql(`SELECT fox_wamp.publish('${topic}.a.b', '[1]', options => '{"retain":true}')`, 'SELECT fox_wamp.sync()');
  const source = await events(`/root/events/${topic.split('.').join('/')}/%23?retained=true`);
  const { data } = await source.next();
  assert.deepEqual(data, { topic: `${topic}.a.b`, retained: true, args: [1], kwargs: {} });
  source.close();
});

test('whoever comes back hears what was missed', async () => {
  const topic = fresh('history');
  await sql(`SELECT fox_wamp.keep_history('${topic}', keep_count => 10)`, 'SELECT fox_wamp.sync()');
  const ids = [];
  for (const n of [1, 2, 3]) ids.push(json(await post('/root/publish', { topic, args: [n] })).id);
  const source = await events(`/root/events/${topic}`, { 'Last-Event-ID': String(ids[0]) });
  assert.deepEqual([(await source.next()).data.args, (await source.next()).data.args], [[2], [3]]);
  source.close();
});

test('a subscription that is not allowed, or not any more', async () => {
  const topic = fresh('forbidden');
  const source = await events(`/root/events/${topic}`);
  await sql(`INSERT INTO fox_wamp.permission (realm, pattern, role, allow_subscribe) VALUES ('realm1', '${topic}', 'public', false)`, 'SELECT fox_wamp.sync()');
  assert.equal((await source.next()).event, 'end');
  await source.ended;
  assert.equal((await ask('GET', `/root/events/${topic}`)).status, 401);
  assert.equal((await ask('GET', '/root/events/a b'.replace(' ', '%20'))).status, 400);
  assert.equal((await ask('GET', '/root/events')).status, 404);
  await sql(`DELETE FROM fox_wamp.permission WHERE pattern = '${topic}'`);
});

test('who does not take the events loses the connection', () => withSettings({ 'fox_wamp.out_queue_limit': '256kB' }, async () => {
  const topic = fresh('slow');
  const counter = async () => Number(await sql('SELECT value FROM fox_wamp.stat_router WHERE name = \'slow_readers_cut\''));
  const before = await counter();
  const source = await events(`/root/events/${topic}`);
  source.response.pause();
  const session = await join();
  await until(async () => {
    session.publish(topic, ['x'.repeat(60000)]);
    return await counter() > before;
  });
  source.response.resume();
  await source.ended;
  session.leaveNow();
}));

test('who hangs up is subscribed no longer', async () => {
  const topic = fresh('gone');
  const source = await events(`/root/events/${topic}`);
  const count = () => sql(`SELECT count(*) FROM fox_wamp.subscription WHERE topic = '${topic}'`);
  assert.equal(await count(), '1');
  source.close();
  await until(async () => await count() === '0');
});

test('what can not be made up for is a gap, and the stream begins anew', async () => {
  const topic = fresh('gap');
  const { id } = json(await post('/root/publish', { topic, args: [1] }));
  const source = await events(`/root/events/${topic}`, { 'Last-Event-ID': String(id) });
  assert.deepEqual(await source.next(), { event: 'gap', id: '', retry: '1000', data: {} });
  await source.ended;
  assert.equal((await ask('GET', `/root/events/${topic}?after=${id}`)).status, 400);
});

test('a body that a page of another site could send unasked is refused', async () => {
  const body = JSON.stringify({ topic: fresh('forged') });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', undefined])
    assert.equal((await ask('POST', '/root/publish', { headers: { 'Content-Type': type }, body })).status, 415, type);
  assert.equal((await ask('POST', '/root/publish', { headers: { 'Content-Type': 'application/json; charset=utf-8' }, body })).status, 200);
});

test('a listener is a session, and ends with it', async () => {
  const topic = fresh('killed');
  const watcher = await join();
  const source = await events(`/root/events/${topic}`);
  const [listener] = await watcher.call('wamp.subscription.list_subscribers', [await watcher.call('wamp.subscription.lookup', [topic])]);
  assert.equal((await watcher.call('wamp.session.get', [listener])).transport.type, 'http');
  assert.equal(await sql(`SELECT fox_wamp.kill(${listener})`), 't');
  await source.ended;
  watcher.leaveNow();
});
