'use strict';
// Clients behind a proxy: who they are is told by trusted proxies alone.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { start, stop, sql, withSettings, fresh, Raw } = require('./lib');

const role = `proxied_${process.pid}`;
const user = fresh('user');

before(async () => {
  start();
  await sql(`CREATE ROLE ${role}`, `SELECT fox_wamp.create_group('${user}', '${role}')`,
    `SELECT fox_wamp.create_user('${user}', '${user}', 'secret')`);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${user}'`, `DROP ROLE ${role}`);
  stop();
});

/** A log-in by ticket with headers of a proxy: the client's address as the session has it, or why it was refused. */
async function peer(headers) {
  const raw = await Raw.connect(['wamp.2.json'], { headers });
  try {
    raw.send([1, 'realm1', { authid: user, authmethods: ['ticket'], roles: { caller: {} } }]);
    let answer = await raw.next();
    if (answer[0] === 4) {
      raw.send([5, 'secret', {}]);
      answer = await raw.next();
    }
    return answer[0] === 2 ? (await sql(`SELECT peer FROM fox_wamp.session WHERE id = ${answer[1]}`)).replace(/^127\.0\.0\.1:\d+$/, 'proxy') : answer[2];
  } finally {
    raw.ws.terminate();
  }
}
const trusting = (list, body) => withSettings({ 'fox_wamp.trusted_proxies': list }, body);

test('without a trusted proxy a forwarded client is a stranger on an open line', async () => {
  assert.equal(await peer({}), 'proxy');
  for (const list of ['', '10.0.0.0/8']) {
    await trusting(list, async () => {
      const answer = await peer({ 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' });
      assert.equal(answer, 'wamp.error.no_matching_auth_method');
      assert.equal(await peer({ Forwarded: 'for=203.0.113.9;proto=https' }), 'wamp.error.no_matching_auth_method');
    });
  }
});

test('a trusted proxy tells the address, and whether the client came over TLS', async () => {
  await trusting('10.0.0.0/8, 127.0.0.1', async () => {
    const https = { 'X-Forwarded-Proto': 'https' };
    assert.equal(await peer({ ...https, 'X-Forwarded-For': '198.51.100.1, 203.0.113.9, 10.1.2.3' }), '203.0.113.9:0');
    assert.equal(await peer({ ...https, 'X-Forwarded-For': '2001:db8::7' }), '[2001:db8::7]:0');
    assert.equal(await peer({ 'X-Forwarded-For': '203.0.113.9' }), 'wamp.error.no_matching_auth_method');
    assert.equal(await peer({ 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'http' }), 'wamp.error.no_matching_auth_method');
    // What is no address is not believed, nor anything else of such a header.
    for (const odd of ['nobody', '203.0.113.9:80', '203.0.113.9,', 'x'.repeat(600)]) {
      assert.equal(await peer({ ...https, 'X-Forwarded-For': odd }), 'wamp.error.no_matching_auth_method');
    }
    assert.equal(await peer({}), 'proxy');
  });
});

test('nobody is anonymous on the loopback address by a header', async () => {
  await trusting('127.0.0.1', async () => {
    for (const address of ['127.0.0.1', '::1', '10.0.0.1']) {
      const raw = await Raw.connect(['wamp.2.json'], { headers: { 'X-Forwarded-For': address, 'X-Forwarded-Proto': 'https' } });
      raw.send([1, 'realm1', { roles: { caller: {} } }]);
      assert.equal((await raw.next())[0], 3);
      raw.ws.terminate();
    }
  });
});

test('connections_per_address counts clients, not their proxy', async () => {
  await trusting('127.0.0.1', () => withSettings({ 'fox_wamp.connections_per_address': 1 }, async () => {
    const from = (address) => Raw.connect(['wamp.2.json'], { headers: { 'X-Forwarded-For': address } });
    const first = await from('203.0.113.20');
    await assert.rejects(from('203.0.113.20'), /429/);
    (await from('203.0.113.21')).ws.terminate();
    first.ws.terminate();
  }));
});

test('a list that is none is refused', async () => {
  for (const bad of ['localhost', '10.0.0.0/40', '127.0.0.1,']) {
    await assert.rejects(sql("LOAD 'fox_wamp'", `SET fox_wamp.trusted_proxies = '${bad}'`), /invalid value for parameter "fox_wamp.trusted_proxies"/);
  }
});
