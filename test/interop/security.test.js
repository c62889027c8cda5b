'use strict';
// Strangers: what is sent before a log-in and instead of one, names of the router's own, and
// what becomes of a session whose role changes.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, restart, sql, withSettings, fresh, url, Raw, WebSocket, autobahn, env } = require('./lib');

const role = `sec_${process.pid}`;
const group = fresh('group');
const user = fresh('user');
const DENIED = 'wamp.error.authentication_denied';
const ROLES = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const sync = 'SELECT fox_wamp.sync()';

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'role secret'`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}', 'my.pass.word')`);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  stop();
});

/** Guesses of this file come from one address. */
const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, body);

/** HELLO by hand, and the answer to it. */
async function hello(more) {
  const raw = await Raw.connect();
  raw.send([1, 'realm1', { roles: ROLES, ...more }]);
  raw.answer = await raw.next();
  return raw;
}

/** The answer to an AUTHENTICATE for that method. */
async function answered(more, signature, extra = {}) {
  const raw = await hello(more);
  assert.equal(raw.answer[0], 4, JSON.stringify(raw.answer));
  raw.send([5, typeof signature === 'function' ? signature(raw.answer[2]) : signature, extra]);
  raw.answer = await raw.next();
  return raw;
}
const ticket = (authid, secret) => answered({ authid, authmethods: ['ticket'] }, secret);
const reason = ({ answer }) => (answer[0] === 3 ? answer[2] : `no ABORT: ${JSON.stringify(answer).slice(0, 80)}`);

// --- handshakes ---

test('a HELLO that is short on the wire and long in memory', () => withSettings({ 'fox_wamp.websocket_compression': 'on' }, async () => {
  const ws = new WebSocket(url(), ['wamp.2.json'], { perMessageDeflate: { threshold: 0 } });
  await new Promise((resolve) => { ws.on('open', resolve); });
  assert.match(ws.extensions, /permessage-deflate/);
  ws.send(JSON.stringify([1, 'realm1', { roles: ROLES, authextra: { x: '0'.repeat(1 << 20) } }]));
  assert.equal(await new Promise((resolve) => { ws.on('close', resolve); }), 1009);
}));

test('a HELLO of megabytes in small frames', async () => {
  const ws = new WebSocket(url(), ['wamp.2.json'], { perMessageDeflate: false });
  const closed = new Promise((resolve) => { ws.on('close', resolve); ws.on('error', () => {}); });
  await new Promise((resolve) => { ws.on('open', resolve); });
  ws.send('[1,"realm1",{"roles":{},"x":"', { fin: false });
  for (let i = 0; i < 4000; i++) ws.send('x'.repeat(1000), { fin: false });
  assert.equal(await closed, 1009);
});

test('a HELLO that is deep, or names very many methods', async () => {
  const deep = await Raw.connect();
  deep.send(`[1,"realm1",{"roles":{"caller":{}},"authextra":${'['.repeat(50000)}${']'.repeat(50000)}}]`);
  assert.equal((await deep.next())[2], 'wamp.error.protocol_violation');
  assert.equal(reason(await hello({ authmethods: Array(10000).fill('none') })), 'wamp.error.no_matching_auth_method');
  assert.equal((await hello({ authmethods: [...Array(10000).fill('none'), 'anonymous'] })).answer[0], 2);
});

test('authextra of what size the limit allows, with whatever in it', () => guessing(async () => {
  const authextra = { pubkey: '00'.repeat(32), nonce: 'egVDf3DMJh0=', x: 'x'.repeat(120000), 'a"b\\': [null, { y: '\u2028' }] };
  for (const method of ['ticket', 'wampcra', 'wamp-scram', 'cryptosign']) {
    assert.equal(reason(await answered({ authid: user, authmethods: [method], authextra }, 'x')), DENIED);
  }
  assert.equal(reason(await ticket(user, 'x'.repeat(120000))), DENIED);
  for (const odd of [7, null, [], 'text']) assert.equal((await hello({ authid: user, authmethods: ['ticket'], authextra: odd })).answer[0], 4);
}));

test('an authid that is no name', () => guessing(async () => {
  const no = 'wamp.error.no_such_principal';
  for (const authid of ['', `${user}\0x`, '\0', 'x'.repeat(256), 'ü'.repeat(128)]) assert.equal(reason(await hello({ authid, authmethods: ['ticket'] })), no);
  for (const authid of ['x'.repeat(255), "' OR true --", '%', 'anonymous', 'sql', 'postgres', `${role} `, role.toUpperCase()]) {
    assert.equal(reason(await ticket(authid, 'role secret')), DENIED, authid);
  }
  for (const name of ['anonymous', 'sql', 'router', '']) await assert.rejects(sql(`SELECT fox_wamp.create_user('${name}', '${group}', 'x')`), /no user can be named/);
}));

test('binary that nests without end, or says that it is longer than it can be', async () => {
  for (const [protocol, bytes] of [['wamp.2.msgpack', Buffer.alloc(60000, 0x91)], ['wamp.2.cbor', Buffer.alloc(60000, 0x81)], ['wamp.2.cbor', Buffer.alloc(60000, 0x9f)],
    ['wamp.2.msgpack', Buffer.from('dfffffffff', 'hex')], ['wamp.2.cbor', Buffer.from('9bffffffffffffffff', 'hex')],
    ['wamp.2.msgpack', Buffer.from('dbffffffff', 'hex')], ['wamp.2.cbor', Buffer.from('7bffffffffffffffff', 'hex')]]) {
    const raw = await Raw.connect([protocol]);
    raw.ws.removeAllListeners('message');
    raw.send(bytes);
    await raw.closed;
  }
  assert.equal((await hello({})).answer[0], 2);
});

// --- proofs that are no proofs ---

test('a password with anything behind it is another one', () => guessing(async () => {
  for (const secret of ['my.pass.word\0', 'my.pass.word\0\0', '\0my.pass.word', 'my.pass.word ', '\0', '']) {
    assert.equal(reason(await ticket(user, secret)), DENIED, JSON.stringify(secret));
  }
}));

test('what changes between CHALLENGE and AUTHENTICATE counts', () => guessing(async () => {
  const odd = `${role}_odd`;
  for (const statement of [`ALTER ROLE ${odd} NOLOGIN`, `ALTER ROLE ${odd} PASSWORD 'other'`, `REVOKE fox_wamp_connect FROM ${odd}`,
    `ALTER ROLE ${odd} VALID UNTIL '2020-01-01'`, `ALTER ROLE ${odd} SUPERUSER`, `DROP ROLE ${odd}`]) {
    await sql(`CREATE ROLE ${odd} LOGIN PASSWORD 'right'`, `GRANT fox_wamp_connect TO ${odd}`);
    const raw = await hello({ authid: odd, authmethods: ['ticket'] });
    await sql(statement);
    raw.send([5, 'right', {}]);
    assert.equal((await raw.next())[2], DENIED, statement);
    await sql(`DROP ROLE IF EXISTS ${odd}`);
  }
}));

test('WAMP-SCRAM: nonces that would change the message that is signed', () => guessing(async () => {
  for (const nonce of ['', 'AAAAAAA', 'AAAAAAAA,r=AAAA', 'AAAA,AAA', 'AAAA=AAA', ' AAAAAAA', 'AAAAAAAA\n', 'A'.repeat(129), 'A'.repeat(132), 7, null, ['AAAAAAAA']]) {
    assert.equal(reason(await hello({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce } })), 'wamp.error.authentication_failed', `${nonce}`);
  }
  for (const proof of ['', 'A', 'A'.repeat(43), `${'A'.repeat(43)}=`, `${'A'.repeat(42)}==`, '='.repeat(44), 'A'.repeat(44), `\0${'A'.repeat(43)}`]) {
    assert.equal(reason(await answered({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce: 'AAAAAAAA' } }, proof)), DENIED);
  }
}));

test('WAMP-CRA: an answer to another challenge, and one that is nearly right', () => guessing(async () => {
  const of = { authid: user, authmethods: ['wampcra'] };
  const sign = ({ challenge, salt, iterations, keylen }) => autobahn.auth_cra.sign(autobahn.auth_cra.derive_key('my.pass.word', salt, iterations, keylen), challenge);
  let first;
  const joined = await answered(of, (extra) => { first = sign(extra); return first; });
  assert.equal(joined.answer[0], 2);
  const changes = [() => first, () => '', (s) => s.slice(0, -1), (s) => `${s}=`, (s) => ` ${s}`, (s) => s.toLowerCase(), (s) => `${s}\0`];
  for (const change of changes) assert.equal(reason(await answered(of, (extra) => change(sign(extra)))), DENIED);
  // The challenge names the session that it is for.
  const [one, two] = [await hello(of), await hello(of)];
  assert.notEqual(one.answer[2].challenge, two.answer[2].challenge);
  one.send([5, sign(two.answer[2]), {}]);
  assert.equal((await one.next())[2], DENIED);
  two.send([5, sign(two.answer[2]), {}]);
  assert.equal((await two.next())[1], JSON.parse(two.answer[2].challenge).session);
}));

test('an unknown name and a wrong secret are told apart by nothing that is said', () => guessing(async () => {
  const said = async (authid, method) => {
    const raw = await hello({ authid, authmethods: [method], authextra: { nonce: 'AAAAAAAA', pubkey: '00'.repeat(32) } });
    const [, , extra] = raw.answer;
    const shape = Object.entries(extra).map(([k, v]) => [k, typeof v === 'string' && k !== 'challenge' && k !== 'kdf' ? v.length : typeof v === 'number' ? v : typeof v]);
    raw.send([5, 'wrong', {}]);
    return JSON.stringify([shape, await raw.next()]);
  };
  for (const method of ['ticket', 'wampcra', 'wamp-scram', 'cryptosign']) {
    assert.equal(await said('nobody', method), await said(user, method));
    assert.equal(await said(role, method), await said(user, method));
  }
}));

test('guesses of many connections that were challenged before the first has failed', () => withSettings({ 'fox_wamp.auth_attempts': 3 }, async () => {
  await restart();
  const raws = [];
  for (let i = 0; i < 5; i++) raws.push(await hello({ authid: i === 4 ? role : `${user}${i}`, authmethods: ['ticket'] }));
  for (const raw of raws.slice(0, 3)) {
    raw.send([5, 'wrong', {}]);
    assert.equal((await raw.next())[1].message, 'the log-in has failed');
  }
  for (const raw of raws.slice(3)) {
    raw.send([5, 'role secret', {}]);
    assert.match((await raw.next())[1].message, /too many log-ins have failed/);
  }
  await restart();
}));

test('strangers that wait for an authenticator are so many and no more', () => withSettings({ 'fox_wamp.auth_timeout': '1h' }, async () => {
  const realm = fresh('realm');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`,
    `INSERT INTO fox_wamp.auth_method VALUES ('${realm}', 'anonymous', NULL), ('${realm}', 'wampcra', 'auth.never')`, sync);
  const authenticator = await Raw.connect();
  authenticator.send([1, realm, { roles: { callee: { features: { call_canceling: true } } } }]);
  assert.equal((await authenticator.next())[0], 2);
  assert.equal((await authenticator.ask([64, 1, {}, 'auth.never']))[0], 65);
  const hello = [1, realm, { roles: ROLES, authid: 'x', authmethods: ['wampcra'] }];
  const strangers = [];
  for (let i = 0; i < 1000; i++) {
    strangers.push(await Raw.connect());
    strangers[i].send(hello);
    await authenticator.next();
  }
  const late = await Raw.connect();
  late.send(hello);
  assert.deepEqual((await late.next()).slice(1), [{ message: 'the authenticator could not be asked' }, 'wamp.error.authentication_failed']);
  // Who goes makes room.
  strangers[0].ws.terminate();
  const [type] = await authenticator.next();
  const next = await Raw.connect();
  next.send(hello);
  assert.equal((await authenticator.next())[0], 68, `after ${type}`);
  for (const stranger of strangers) stranger.ws.terminate();
  authenticator.ws.terminate();
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
}));

// --- tokens ---

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const secret = 'a secret of thirty-two bytes or more';
const inAMinute = () => Math.floor(Date.now() / 1000) + 60;
const hs256 = (header, claims, key = secret) => {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${crypto.createHmac('sha256', key).update(text).digest('base64url')}`;
};

test('JSON Web Tokens that say themselves how they are to be believed', () => guessing(async () => {
  await sql(`SELECT fox_wamp.add_jwt_secret('${user}.key', '${secret}', roles => '{${role}}')`);
  const claims = { sub: 'token', role, exp: inAMinute() };
  const good = hs256({ alg: 'HS256' }, claims);
  assert.equal((await ticket('token', good)).answer[0], 2);
  const mine = crypto.generateKeyPairSync('ed25519');
  const jwk = mine.publicKey.export({ format: 'jwk' });
  const own = (header) => {
    const text = `${encode({ alg: 'EdDSA', ...header })}.${encode(claims)}`;
    return `${text}.${crypto.sign(null, Buffer.from(text), mine.privateKey).toString('base64url')}`;
  };
  const [head, body, signature] = good.split('.');
  const bad = {
    none: ['none', 'None', 'NONE', '', null, 'HS512'].map((alg) => `${encode({ alg })}.${body}.`),
    'none, signed': [hs256({ alg: 'none' }, claims)],
    'an algorithm that is none of the key': ['RS256', 'ES256', 'EdDSA', 'hs256', ['HS256']].map((alg) => hs256({ alg }, claims)),
    'a key of its own': [own({ jwk }), own({ jku: 'http://127.0.0.1/jwks' }), own({ jwk, kid: `${user}.key` })],
    'an empty key': [hs256({ alg: 'HS256' }, claims, ''), hs256({ alg: 'HS256', kid: `${user}.key` }, claims, '\0')],
    'a name of a key that is no name': ["' OR true --", '../../etc/passwd', '', '%'].map((kid) => hs256({ alg: 'HS256', kid }, claims)),
    'bad base64': [`${head}.${body}.${signature}=`, `${head}.${body}.${signature.slice(0, -2)}`, `${head}.${body}.${signature}\n`, `${head}=.${body}.${signature}`, `${head}.${body}.`],
    'another\'s signature': [`${head}.${encode({ ...claims, sub: 'boss' })}.${signature}`],
    'a long one': [hs256({ alg: 'HS256' }, { ...claims, x: 'x'.repeat(20000) })],
    'a time that is no number': ['9999999999', null, [], true, undefined, -1].map((exp) => hs256({ alg: 'HS256' }, { ...claims, exp })),
    'a critical extension': [hs256({ alg: 'HS256', crit: ['exp'] }, claims)],
    // The last of a name counts, for every claim.
    'two of a claim': [hs256({ alg: 'HS256' }, `{"exp":${inAMinute()},"sub":"token","role":"${role}","exp":1}`),
      hs256({ alg: 'HS256' }, `{"exp":${inAMinute()},"sub":"token","role":"${role}","sub":"boss"}`)],
    'no object': [hs256({ alg: 'HS256' }, '[]'), hs256({ alg: 'HS256' }, '"x"')],
  };
  for (const [what, tokens] of Object.entries(bad)) {
    for (const token of tokens) assert.equal(reason(await ticket('token', token)), DENIED, `${what}: ${token.slice(0, 200)}`);
  }
  await sql(`SELECT fox_wamp.remove_jwt_key('${user}.key')`);
  // A password may have two dots.
  assert.equal((await ticket(user, 'my.pass.word')).answer[0], 2);
}));

// --- names of the router's own ---

const OWN = ['wamp.session.on_join', 'wamp.anything', 'wamp.', 'fox_wamp.anything'];

test('nobody publishes under the router\'s names', async () => {
  const [ear, raw] = [await Raw.join(), await Raw.join()];
  assert.equal((await ear.ask([32, 1, {}, 'wamp.session.on_join']))[0], 33);
  let request = 0;
  for (const topic of OWN) {
    for (const options of [{}, { retain: true }, { retain: true, will: ['x'] }, { exclude_me: false }]) {
      const answer = await raw.ask([16, ++request, { ...options, acknowledge: true }, topic, [{ session: 1 }]]);
      assert.equal(answer[4], 'wamp.error.invalid_uri', JSON.stringify(answer));
    }
    const left = await raw.ask([48, ++request, {}, 'wamp.session.add_testament', [topic, ['x'], {}]]);
    assert.equal(left[4], 'wamp.error.invalid_uri', JSON.stringify(left));
    await assert.rejects(sql(`SELECT fox_wamp.publish('${topic}')`), /invalid topic|router's own/);
  }
  raw.ws.close();
  await raw.closed;
  const next = await Raw.join();
  const [type, , , , [details]] = await ear.next();
  assert.deepEqual([type, details.session], [36, next.id], 'the first that is heard is the router\'s');
});

test('nobody answers calls of the router\'s names, by no pattern either', async () => {
  const [raw, caller] = [await Raw.join(), await Raw.join()];
  let request = 0;
  for (const match of ['exact', 'prefix', 'wildcard']) {
    for (const uri of [...OWN, 'wamp.session.count']) {
      const answer = await raw.ask([64, ++request, { match, invoke: 'roundrobin' }, uri]);
      assert.equal(answer[4], 'wamp.error.invalid_uri', `${match} ${JSON.stringify(answer)}`);
    }
  }
  for (const [match, uri] of [['prefix', 'wam'], ['prefix', 'wamp'], ['prefix', 'fox_wamp'], ['wildcard', '.session.count'], ['wildcard', '..'], ['wildcard', '.nothing']]) {
    await raw.ask([64, ++request, { match, invoke: 'roundrobin' }, uri]);
  }
  assert.equal((await caller.ask([48, 1, {}, 'wamp.session.count']))[0], 50);
  assert.equal((await caller.ask([48, 2, {}, 'wamp.nothing']))[4], 'wamp.error.no_such_procedure');
  assert.equal((await caller.ask([48, 3, {}, 'wamp.session.nothing']))[4], 'wamp.error.no_such_procedure');
  assert.equal((await caller.ask([48, 4, {}, 'fox_wamp.nothing']))[4], 'wamp.error.no_such_procedure');
  assert.equal(raw.queue.length, 0);
  raw.ws.terminate();
});

test('what is another session\'s can not be taken or answered', async () => {
  const [callee, caller, thief] = [await Raw.join(), await Raw.join(), await Raw.join()];
  const procedure = fresh();
  const registration = (await callee.ask([64, 1, {}, procedure]))[2];
  const subscription = (await callee.ask([32, 2, {}, procedure]))[2];
  assert.equal((await thief.ask([66, 1, registration]))[4], 'wamp.error.no_such_registration');
  assert.equal((await thief.ask([34, 2, subscription]))[4], 'wamp.error.no_such_subscription');
  assert.equal((await thief.ask([64, 3, {}, procedure]))[4], 'wamp.error.procedure_already_exists');
  caller.send([48, 1, {}, procedure]);
  const [, invocation] = await callee.next();
  thief.send([49, 1, { mode: 'kill' }]);
  assert.equal((await thief.ask([48, 4, {}, 'wamp.session.count']))[0], 50);
  thief.send([70, invocation, {}, ['forged']]);
  assert.equal((await thief.next())[2], 'wamp.error.protocol_violation');
  callee.send([70, invocation, {}, ['true']]);
  assert.deepEqual(await caller.next(), [50, 1, {}, ['true']]);
});

// --- roles that change ---

test('a role that may not log in does so by no method; only passwords expire', () => guessing(async () => {
  const pair = crypto.generateKeyPairSync('ed25519');
  const pubkey = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x, 'base64url').toString('hex');
  const sign = ({ challenge }) => crypto.sign(null, Buffer.from(challenge, 'hex'), pair.privateKey).toString('hex');
  const byKey = () => answered({ authid: role, authmethods: ['cryptosign'], authextra: { pubkey } }, sign);
  await sql(`SELECT fox_wamp.add_key('${role}', '${pubkey}')`);
  try {
    assert.equal((await byKey()).answer[0], 2);
    await sql(`ALTER ROLE ${role} VALID UNTIL '2020-01-01'`);
    assert.equal((await byKey()).answer[0], 2);
    assert.equal(reason(await ticket(role, 'role secret')), DENIED);
    await sql(`ALTER ROLE ${role} VALID UNTIL 'infinity' NOLOGIN`);
    assert.equal(reason(await byKey()), DENIED);
    assert.equal(reason(await ticket(role, 'role secret')), DENIED);
    // As a group it needs no log-in of its own.
    assert.equal((await ticket(user, 'my.pass.word')).answer[0], 2);
  } finally {
    await sql(`ALTER ROLE ${role} LOGIN`, `SELECT fox_wamp.remove_key('${pubkey}')`);
  }
}));

test('a session outlives what let it in, and may do no more than its role may now', () => guessing(async () => {
  const [odd, root] = [`${role}_odd`, `sec${process.pid}`];
  await sql(`CREATE ROLE ${odd} LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${odd}`, `SELECT fox_wamp.expose_root('${root}')`,
    `CREATE FUNCTION public.${root}() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'`, `REVOKE EXECUTE ON FUNCTION public.${root}() FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION public.${root}() TO ${odd}`, `SELECT fox_wamp.expose_function('public.${root}()', root => '${root}')`, sync);
  try {
    const raw = await ticket(odd, 'pw');
    let request = 0;
    const call = () => raw.ask([48, ++request, {}, `${root}.${root}`]);
    assert.deepEqual((await call())[3], [odd]);
    await sql(`REVOKE EXECUTE ON FUNCTION public.${root}() FROM ${odd}`);
    assert.equal((await call())[4], 'wamp.error.not_authorized');
    await sql(`GRANT EXECUTE ON FUNCTION public.${root}() TO ${odd}`);
    assert.deepEqual((await call())[3], [odd]);
    await sql(`REVOKE fox_wamp_connect FROM ${odd}`, `ALTER ROLE ${odd} NOLOGIN`, sync);
    assert.equal(reason(await ticket(odd, 'pw')), DENIED);
    assert.deepEqual((await call())[3], [odd], 'it ends by kill(), or when its client goes');
    await sql(`REVOKE EXECUTE ON FUNCTION public.${root}() FROM ${odd}`, `DROP ROLE ${odd}`, sync);
    const gone = await call();
    assert.deepEqual([gone[4], gone[5]], ['wamp.error.not_authorized', [`role "${odd}" does not exist`]]);
    assert.equal((await raw.ask([48, ++request, {}, 'wamp.session.count']))[0], 50);
    await sql(`SELECT fox_wamp.kill(${raw.answer[1]})`);
    assert.equal((await raw.next())[0], 6);
  } finally {
    await sql(`DROP FUNCTION public.${root}()`, `DELETE FROM fox_wamp.root WHERE name = '${root}'`, `DROP ROLE IF EXISTS ${odd}`);
  }
}));

// --- secrets ---

test('what clients send to log in is in no log and no view, however much is logged', () => guessing(async () => {
  const log = path.join(env.data, '..', 'log');
  const guess = (what) => `Guess${what}${crypto.randomBytes(8).toString('hex')}`;
  const all = { log_statement: 'all', log_min_duration_statement: '0', log_parameter_max_length_on_error: '-1', log_min_messages: 'debug1', log_error_verbosity: 'verbose' };
  const from = fs.statSync(log).size;
  const said = [];
  await withSettings(all, async () => {
    said.push(guess('Password'), guess('Extra'), `eyJhbGciOiJIUzI1NiJ9.e30.${guess('Token')}`);
    assert.equal(reason(await answered({ authid: user, authmethods: ['ticket'], authextra: { key: said[1] } }, said[0])), DENIED);
    assert.equal(reason(await ticket(user, said[2])), DENIED);
    assert.equal(reason(await ticket(user, '')), DENIED);
    for (const method of ['wampcra', 'wamp-scram']) {
      said.push(guess('Proof'));
      assert.equal(reason(await answered({ authid: user, authmethods: [method], authextra: { nonce: 'AAAAAAAA' } }, said.at(-1))), DENIED);
    }
    assert.equal((await ticket(user, 'my.pass.word')).answer[0], 2);
    for (const view of ['fox_wamp.session', 'fox_wamp.stat_router', 'pg_stat_activity']) {
      const rows = await sql(`SELECT * FROM ${view}`);
      for (const text of said) assert.ok(!rows.includes(text), `${text} in ${view}`);
    }
  });
  const logged = fs.readFileSync(log).subarray(from).toString();
  assert.match(logged, /pg_stat_activity/, 'statements were logged');
  for (const text of [...said, 'my.pass.word', 'SCRAM-SHA-256$', 'WAMP-CRA$']) assert.ok(!logged.includes(text), `${text} in the log`);
}));

test('verifiers, secrets and keys are nobody\'s to read', async () => {
  const readable = await sql(`SELECT string_agg(c.table_name || '.' || c.column_name, ', ') FROM information_schema.columns c, pg_roles r
    WHERE c.table_schema = 'fox_wamp' AND c.column_name IN ('verifier', 'cra_verifier', 'jwk') AND r.rolname IN ('fox_wamp_user', 'fox_wamp_admin', 'fox_wamp_connect')
      AND has_column_privilege(r.oid, format('fox_wamp.%I', c.table_name)::regclass, c.column_name, 'SELECT')`);
  assert.equal(readable, '');
});

test('functions that run as their owner say where they look', async () => {
  assert.equal(await sql(`SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'fox_wamp' AND p.prosecdef AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'`), '');
});
