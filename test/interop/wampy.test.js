'use strict';
// The same with another client: wampy.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, url, fresh, Inbox, WebSocket, sql } = require('./lib');

const clients = [];
before(start);
after(async () => {
  for (const client of clients) await client.disconnect().catch(() => {});
  stop();
});

async function join(options = {}) {
  const { Wampy } = await import('wampy');
  const client = new Wampy(url(), { realm: 'realm1', ws: WebSocket, maxRetries: 0, uriValidation: 'loose', ...options });
  await client.connect();
  clients.push(client);
  return client;
}

test('subscribe and publish', async () => {
  const [a, b] = [await join(), await join()];
  const topic = fresh();
  const inbox = new Inbox();
  await b.subscribe(topic, (event) => inbox.put(event));
  await a.publish(topic, { argsList: [1, 'two'], argsDict: { three: 3 } });
  const event = await inbox.next();
  assert.deepEqual([event.argsList, event.argsDict], [[1, 'two'], { three: 3 }]);
});

test('prefix and wildcard', async () => {
  const [a, b] = [await join(), await join()];
  const base = fresh();
  const [prefix, wildcard] = [new Inbox(), new Inbox()];
  await b.subscribe(`${base}.p`, (e) => prefix.put(e.details.topic), { match: 'prefix' });
  await b.subscribe(`${base}..w`, (e) => wildcard.put(e.details.topic), { match: 'wildcard' });
  await a.publish(`${base}.p.x`, [1]);
  await a.publish(`${base}.x.w`, [2]);
  assert.deepEqual([await prefix.next(), await wildcard.next()], [`${base}.p.x`, `${base}.x.w`]);
});

test('register, call, error', async () => {
  const [a, b] = [await join(), await join()];
  const uri = fresh('add');
  await a.register(uri, ({ argsList }) => ({ argsList: [argsList[0] + argsList[1]] }));
  assert.deepEqual((await b.call(uri, [2, 3])).argsList, [5]);
  await assert.rejects(b.call(`${uri}.none`), (e) => (e.errorUri ?? e.error) === 'wamp.error.no_such_procedure');
});

test('progressive results', async () => {
  const [a, b] = [await join(), await join()];
  const uri = fresh('steps');
  await a.register(uri, ({ result_handler: yield_ }) => {
    for (let i = 1; i <= 3; i++) yield_({ argsList: [i], options: { progress: true } });
    return { argsList: ['end'] };
  });
  const steps = [];
  const last = await b.call(uri, [], { progress_callback: (r) => steps.push(r.argsList[0]) });
  assert.deepEqual([steps.filter((s) => s !== 'end'), last.argsList], [[1, 2, 3], ['end']]);
});

test('retained values', async () => {
  const b = await join();
  const topic = fresh();
  await sql(`SELECT fox_wamp.publish('${topic}', '["kept"]', options => '{"retain":true}')`, 'SELECT fox_wamp.sync()');
  const inbox = new Inbox();
  await b.subscribe(topic, (e) => inbox.put(e), { get_retained: true });
  const event = await inbox.next();
  assert.deepEqual([event.argsList, event.details.retained], [['kept'], true]);
});

test('log in with a ticket, and with WAMP-CRA', async () => {
  const crypto = require('node:crypto');
  const name = fresh('user');
  await sql('CREATE ROLE wampy_role', `SELECT fox_wamp.create_group('${name}', 'wampy_role')`, `SELECT fox_wamp.create_user('${name}', '${name}', 'secret')`);
  const who = { authid: name, realm: 'realm1' };
  const ticket = await join({ ...who, authmethods: ['ticket'], onChallenge: () => 'secret' });
  const cra = await join({ ...who, authmethods: ['wampcra'], onChallenge: (method, { challenge, salt, iterations, keylen }) =>
    crypto.createHmac('sha256', crypto.pbkdf2Sync('secret', salt, iterations, keylen, 'sha256').toString('base64')).update(challenge).digest('base64') });
  assert.equal(await sql(`SELECT count(*), min(authrole) FROM fox_wamp.session WHERE authid = '${name}'`), '2|wampy_role');
  await ticket.disconnect();
  await cra.disconnect();
  await sql(`SELECT fox_wamp.drop_user('${name}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${name}'`, 'DROP ROLE wampy_role');
});
