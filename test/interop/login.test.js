'use strict';
// Logging in: users of fox_wamp.auth_user and roles of the server, by every method.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { start, stop, restart, sql, join, withSettings, fresh, refusal, until, Raw, autobahn, env } = require('./lib');
const { Stream, closeAll } = require('./stream');

const group = fresh('group');
const role = `role_${process.pid}`;
const user = fresh('user');
const ROLES = { caller: {}, subscriber: {} };

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'role''s own'`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}', 'secret')`);
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`, `DROP ROLE ${role}`);
  closeAll();
  stop();
});

// Guesses of this file come from one address.
const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, body);

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

/** A session of autobahn-js that logs in. */
const logIn = (authid, methods, onchallenge, more = {}) => join({ authid, authmethods: methods, onchallenge, ...more });
const ticket = (authid, secret, more) => logIn(authid, ['ticket'], () => secret, more);
const cra = (authid, secret) => logIn(authid, ['wampcra'], (session, method, extra) =>
  autobahn.auth_cra.sign(extra.salt ? autobahn.auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen) : secret, extra.challenge));
const denied = async (promise, uri = 'wamp.error.authentication_denied') => {
  const error = await refusal(promise);
  assert.equal(error.details.reason, uri);
};
const details = (id) => sql(`SELECT authid, authrole, authmethod FROM fox_wamp.session WHERE id = ${id}`);

/** HELLO by hand, and the answer to it. */
async function hello(more, realm = 'realm1') {
  const raw = await Raw.connect();
  raw.send([1, realm, { roles: ROLES, ...more }]);
  raw.answer = await raw.next();
  return raw;
}

test('ticket: a user with its password', async () => {
  const session = await ticket(user, 'secret');
  assert.equal(await details(session.id), `${user}|${role}|ticket`);
  session.leaveNow();
});

test('ticket: a role of the server with its own', async () => {
  const session = await ticket(role, "role's own");
  assert.equal(await details(session.id), `${role}|${role}|ticket`);
  session.leaveNow();
});

test('WAMP-CRA, salted and plain', async () => {
  const salted = await cra(user, 'secret');
  assert.equal(await details(salted.id), `${user}|${role}|wampcra`);
  salted.leaveNow();
  await sql(`SELECT fox_wamp.set_password('${user}', 'secret', plain_cra => true)`);
  const plain = await cra(user, 'secret');
  plain.leaveNow();
  await sql(`SELECT fox_wamp.set_password('${user}', 'secret')`);
});

test('a wrong password, an unknown name and a role that was granted nothing get the same answer', () => guessing(async () => {
  await sql(`CREATE ROLE ${role}_other LOGIN PASSWORD 'secret'`);
  for (const name of [user, 'nobody', `${role}_other`]) {
    await denied(ticket(name, name === user ? 'wrong' : 'secret'));
    await denied(cra(name, name === user ? 'wrong' : 'secret'));
  }
  await sql(`DROP ROLE ${role}_other`);
}));

// --- WAMP-SCRAM ---

/** As libsodium has it, which Autobahn|Python comes with. */
function argon2id13(password, salt, iterations, memory) {
  const python = spawnSync(process.env.PYTHON || '/usr/bin/python3', ['-c', `
import sys, base64, nacl.bindings as n
print(n.crypto_pwhash_alg(32, sys.argv[1].encode(), base64.b64decode(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) * 1024, n.crypto_pwhash_ALG_ARGON2ID13).hex())`,
  password, salt, iterations, memory].map(String), { encoding: 'utf8' });
  assert.equal(python.status, 0, python.stderr);
  return Buffer.from(python.stdout.trim(), 'hex');
}

/** Logs in as the specification has it; ours() may change what is sent. */
async function scram(authid, password, { realm = 'realm1', change = (m) => m, binding = 'biws' } = {}) {
  const nonce = crypto.randomBytes(16).toString('base64');
  const raw = await hello({ authid, authmethods: ['wamp-scram'], authextra: { nonce, channel_binding: null } }, realm);
  if (raw.answer[0] !== 4) return raw;
  const { nonce: both, salt, iterations, kdf, memory } = raw.answer[2];
  assert.equal(raw.answer[1], 'wamp-scram');
  raw.kdf = kdf;
  assert.ok(both.startsWith(nonce) && both.length >= nonce.length + 22);
  const salted = kdf === 'argon2id13' ? argon2id13(password, salt, iterations, memory) :
    crypto.pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  const name = authid.replace(/=/g, '=3D').replace(/,/g, '=2C');
  const text = `n=${name},r=${nonce},r=${both},s=${salt},i=${iterations},c=${binding},r=${both}`;
  const key = hmac(salted, 'Client Key');
  const signature = hmac(crypto.createHash('sha256').update(key).digest(), text);
  const proof = Buffer.from(key.map((byte, i) => byte ^ signature[i]));
  raw.sent = change([5, proof.toString('base64'), { nonce: both, channel_binding: null, cbind_data: null }]);
  raw.send(raw.sent);
  raw.answer = await raw.next();
  if (raw.answer[0] === 2) assert.equal(raw.answer[2].authextra.verifier, hmac(hmac(salted, 'Server Key'), text).toString('base64'));
  return raw;
}
const reason = (raw) => (raw.answer[0] === 3 ? raw.answer[2] : `no ABORT: ${JSON.stringify(raw.answer).slice(0, 80)}`);

test('WAMP-SCRAM: a role of the server with its own password, and a user', async () => {
  const raw = await scram(role, "role's own");
  assert.deepEqual([raw.answer[0], raw.answer[2].authid, raw.answer[2].authrole, raw.answer[2].authmethod, raw.answer[2].authprovider],
    [2, role, role, 'wamp-scram', 'postgresql']);
  assert.equal(raw.answer[2].authextra.scram_server_signature, raw.answer[2].authextra.verifier);
  const other = await scram(user, 'secret', { binding: '' });
  assert.deepEqual([other.answer[2].authid, other.answer[2].authrole, other.answer[2].authprovider], [user, role, 'fox_wamp']);
});

test('WAMP-SCRAM: names with commas, passwords that are normalized', async () => {
  const name = `${user},a=b`;
  await sql(`SELECT fox_wamp.create_user('${name}', '${group}', U&'\\2168\\00AA')`);
  assert.equal((await scram(name, 'IXa')).answer[0], 2);
  (await ticket(name, '\u2168\u00aa')).leaveNow();
  await sql(`SELECT fox_wamp.drop_user('${name}')`);
});

test('WAMP-SCRAM with Argon2id: users whose password was set so, and names that nobody has', () => withSettings({ 'fox_wamp.password_kdf': 'argon2id13', 'fox_wamp.auth_attempts': 0 }, async () => {
  const name = fresh('user');
  await sql(`SELECT fox_wamp.create_user('${name}', '${group}', U&'\\2168\\00AA')`);
  assert.match(await sql(`SELECT verifier FROM fox_wamp.auth_user WHERE logon_name = '${name}'`), /^ARGON2ID13\$2,19456:/);
  const raw = await scram(name, 'IXa');
  assert.deepEqual([raw.kdf, raw.answer[0]], ['argon2id13', 2]);
  assert.equal(reason(await scram(name, 'wrong')), 'wamp.error.authentication_denied');
  const nobody = await scram('nobody', 'wrong');
  assert.deepEqual([nobody.kdf, reason(nobody)], ['argon2id13', 'wamp.error.authentication_denied']);
  // A ticket is held against it too; roles of the server keep what they have.
  (await ticket(name, 'IXa')).leaveNow();
  await denied(ticket(name, 'wrong'));
  assert.equal((await scram(role, "role's own")).kdf, 'pbkdf2');
  await sql(`SELECT fox_wamp.drop_user('${name}')`);
}));

test('WAMP-SCRAM: what is wrong is refused, and an unknown name looks like any other', () => guessing(async () => {
  assert.equal(reason(await scram(role, 'wrong')), 'wamp.error.authentication_denied');
  assert.equal(reason(await scram('nobody', 'wrong')), 'wamp.error.authentication_denied');
  const salts = new Set();
  for (let i = 0; i < 2; i++) salts.add((await hello({ authid: 'nobody', authmethods: ['wamp-scram'], authextra: { nonce: 'egVDf3DMJh0=' } })).answer[2].salt);
  assert.equal(salts.size, 1);
  const known = Object.keys((await hello({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce: 'egVDf3DMJh0=' } })).answer[2]);
  const unknown = await hello({ authid: 'nobody', authmethods: ['wamp-scram'], authextra: { nonce: 'egVDf3DMJh0=' } });
  assert.deepEqual(Object.keys(unknown.answer[2]), known);
  for (const change of [
    (m) => [5, m[1], { ...m[2], nonce: 'another' }],
    (m) => [5, m[1], { ...m[2], channel_binding: 'tls-unique', cbind_data: 'AAAA' }],
    (m) => [5, '', m[2]],
    (m) => [5, `${m[1]}AAAA`, m[2]],
  ]) assert.equal(reason(await scram(role, "role's own", { change })), 'wamp.error.authentication_denied');
  // A replay of another log-in's answer.
  const first = await scram(role, "role's own");
  assert.equal(reason(await scram(role, "role's own", { change: () => first.sent })), 'wamp.error.authentication_denied');
  assert.equal(reason(await hello({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce: 'x' } })), 'wamp.error.authentication_failed');
}));

test('a role must be granted fox_wamp_connect, may log in, is not expired and may connect', () => guessing(async () => {
  const bad = async (...statements) => {
    const odd = `${role}_odd`;
    await sql(`CREATE ROLE ${odd} LOGIN PASSWORD 'pw'`, `GRANT fox_wamp_connect TO ${odd}`);
    assert.equal((await scram(odd, 'pw')).answer[0], 2);
    await sql(...statements.map((s) => s.replaceAll('%', odd)));
    assert.equal(reason(await scram(odd, 'pw')), 'wamp.error.authentication_denied');
    await denied(ticket(odd, 'pw'));
    await sql(`DROP OWNED BY ${odd}`, `DROP ROLE ${odd}`, 'GRANT CONNECT ON DATABASE postgres TO PUBLIC');
  };
  await bad('REVOKE fox_wamp_connect FROM %');
  await bad('ALTER ROLE % NOLOGIN');
  await bad("ALTER ROLE % VALID UNTIL '2020-01-01'");
  await bad('REVOKE CONNECT ON DATABASE postgres FROM PUBLIC');
  await bad('ALTER ROLE % PASSWORD NULL');
  await bad("SET password_encryption = 'md5'", "ALTER ROLE % PASSWORD 'pw'");
  await bad('ALTER ROLE % SUPERUSER');
  await bad('REVOKE fox_wamp_connect FROM %', 'ALTER ROLE % SUPERUSER');
}));

test('a superuser logs in where a setting says so, and only with the grant', () => guessing(async () => {
  const boss = `${role}_boss`;
  await sql(`CREATE ROLE ${boss} SUPERUSER LOGIN PASSWORD 'pw'`);
  await withSettings({ 'fox_wamp.superuser_login': 'on' }, async () => {
    assert.equal(reason(await scram(boss, 'pw')), 'wamp.error.authentication_denied');
    await sql(`GRANT fox_wamp_connect TO ${boss}`);
    assert.equal((await scram(boss, 'pw')).answer[0], 2);
  });
  await sql(`DROP ROLE ${boss}`);
}));

// --- cryptosign ---

const keyPair = () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
  return { privateKey, hex: Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url').toString('hex'), seed: Buffer.from(privateKey.export({ format: 'jwk' }).d, 'base64url') };
};

test('cryptosign, by the library and by hand; a signature over another challenge is refused', () => guessing(async () => {
  const key = keyPair();
  const roleKey = keyPair();
  await sql(`SELECT fox_wamp.add_key('${user}', '${key.hex.toUpperCase()}')`, `SELECT fox_wamp.add_key('${role}', '${roleKey.hex}')`);
  const pkey = autobahn.auth_cryptosign.load_private_key ? autobahn.nacl.sign.keyPair.fromSeed(new Uint8Array(key.seed)) : null;
  const session = await logIn(user, ['cryptosign'], (s, method, extra) => autobahn.auth_cryptosign.sign_challenge(pkey, extra), { authextra: { pubkey: key.hex } });
  assert.equal(await details(session.id), `${user}|${role}|cryptosign`);
  session.leaveNow();

  const by = async (authid, { hex, privateKey }, answer = (signature, challenge) => signature + challenge, over = null) => {
    const raw = await hello({ ...(authid && { authid }), authmethods: ['cryptosign'], authextra: { pubkey: hex } });
    const { challenge } = raw.answer[2];
    raw.send([5, answer(crypto.sign(null, Buffer.from(over ?? challenge, 'hex'), privateKey).toString('hex'), challenge), {}]);
    raw.challenge = challenge;
    raw.answer = await raw.next();
    return raw;
  };
  const first = await by(undefined, key); // the key says who it is
  assert.equal(first.answer[2].authid, user);
  assert.equal((await by(role, roleKey)).answer[2].authrole, role);
  assert.equal(reason(await by(user, key, undefined, first.challenge)), 'wamp.error.authentication_denied');
  assert.equal(reason(await by(user, key, (s) => s + first.challenge, first.challenge)), 'wamp.error.authentication_denied');
  assert.equal(reason(await by(user, roleKey)), 'wamp.error.authentication_denied');
  assert.equal(reason(await by('nobody', keyPair())), 'wamp.error.authentication_denied');
  assert.equal(reason(await by(undefined, keyPair())), 'wamp.error.authentication_denied');
  assert.equal(reason(await hello({ authid: user, authmethods: ['cryptosign'] })), 'wamp.error.authentication_failed');
  await sql(`SELECT fox_wamp.remove_key('${key.hex}')`);
  assert.equal(reason(await by(user, key)), 'wamp.error.authentication_denied');
  await sql(`SELECT fox_wamp.remove_key('${roleKey.hex}')`);
}));

// --- JSON Web Tokens ---

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const jwt = (alg, key, claims, header = {}) => {
  const text = `${encode({ alg, ...header })}.${encode({ sub: 'token', role, exp: now() + 60, ...claims })}`;
  const signature = typeof key === 'string' ? hmac(key, text)
    : crypto.sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
};

test('JSON Web Tokens: HS256, and RS256, ES256 and EdDSA from a JWKS', () => guessing(async () => {
  const secret = 'a secret of thirty-two bytes or more';
  const pairs = {
    RS256: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: crypto.generateKeyPairSync('ed25519'),
  };
  const keys = Object.entries(pairs).map(([alg, pair]) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid: `${user}.${alg}`, use: 'sig' }));
  await sql(`SELECT fox_wamp.add_jwt_secret('${user}.HS256', '${secret}')`);
  assert.equal(await sql(`SELECT fox_wamp.import_jwks('${JSON.stringify({ keys })}', roles => '{${role}}')`), '3');
  for (const alg of ['HS256', ...Object.keys(pairs)]) {
    const key = pairs[alg]?.privateKey ?? secret;
    const session = await ticket('', jwt(alg, key, {}), { authid: undefined });
    assert.equal(await details(session.id), `token|${role}|ticket`);
    session.leaveNow();
    (await ticket('token', jwt(alg, key, {}, { kid: `${user}.${alg}` }))).leaveNow();
    await denied(ticket('another', jwt(alg, key, {})));
    await denied(ticket('token', jwt(alg, key, { exp: now() - 40 })));
    await denied(ticket('token', jwt(alg, key, { nbf: now() + 60 })));
    await denied(ticket('token', jwt(alg, key, { aud: 'somebody' })));
    await denied(ticket('token', jwt(alg, key, {}, { kid: 'another' })));
    await denied(ticket('token', `${jwt(alg, key, {})}A`));
    await denied(ticket('token', jwt(alg, key, { sub: 'anonymous' })));
    await denied(ticket('token', jwt(alg, key, { role: 'pg_monitor' })), 'wamp.error.no_such_role');
    await denied(ticket('token', jwt(alg, key, { role: 'postgres' })), 'wamp.error.no_such_role');
    await denied(ticket('token', jwt(alg, key, { role: 7 })), 'wamp.error.no_such_role');
  }
  const none = `${encode({ alg: 'none' })}.${encode({ sub: 'token', role, exp: now() + 60 })}.`;
  await denied(ticket('token', none));
  // The public key as the secret of HS256.
  for (const format of [pairs.RS256.publicKey.export({ type: 'spki', format: 'pem' }), JSON.stringify(keys[0]), keys[0].n]) {
    await denied(ticket('token', jwt('HS256', format, {}, { kid: `${user}.RS256` })));
    await denied(ticket('token', jwt('HS256', format, {})));
  }
  await sql(`UPDATE fox_wamp.jwt_key SET audience = 'us', issuer = 'them', realm = 'realm1', authid_claim = 'email' WHERE kid = '${user}.HS256'`);
  (await ticket('a@b', jwt('HS256', secret, { aud: ['us'], iss: 'them', email: 'a@b' }))).leaveNow();
  await denied(ticket('a@b', jwt('HS256', secret, { aud: ['us'], email: 'a@b' })));
  await denied(ticket('a@b', jwt('HS256', secret, { iss: 'them', email: 'a@b' })));
  await denied(ticket('token', jwt('HS256', secret, { aud: ['us'], iss: 'them' })));
  for (const alg of ['HS256', ...Object.keys(pairs)]) assert.equal(await sql(`SELECT fox_wamp.remove_jwt_key('${user}.${alg}')`), 't');
  await denied(ticket('token', jwt('HS256', secret, {})));
  await assert.rejects(sql("SELECT fox_wamp.add_jwt_secret('short', 'too short')"), /key "short" is no key/);
}));

// --- what may log in how ---

test('a realm takes the methods of its rows, from the next HELLO on', async () => {
  const realm = fresh('realm');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, 'SELECT fox_wamp.sync()');
  assert.equal((await hello({}, realm)).answer[0], 2);
  await sql(`INSERT INTO fox_wamp.auth_method VALUES ('${realm}', 'wamp-scram')`, 'SELECT fox_wamp.sync()');
  assert.equal(reason(await hello({}, realm)), 'wamp.error.authentication_required');
  assert.equal(reason(await hello({ authid: role, authmethods: ['ticket'] }, realm)), 'wamp.error.no_matching_auth_method');
  assert.equal((await scram(role, "role's own", { realm })).answer[0], 2);
  await restart();
  assert.equal(reason(await hello({}, realm)), 'wamp.error.authentication_required');
  await sql(`UPDATE fox_wamp.auth_method SET method = 'anonymous' WHERE realm = '${realm}'`, 'SELECT fox_wamp.sync()');
  assert.equal((await hello({}, realm)).answer[0], 2);
  assert.equal(reason(await scram(role, "role's own", { realm })), 'wamp.error.no_matching_auth_method');
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  assert.equal(reason(await hello({}, realm)), 'wamp.error.no_such_realm');
});

test('a user of one realm joins no other', () => guessing(async () => {
  const realm = fresh('realm');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`, `SELECT fox_wamp.create_user('${user}.one', '${group}', 'pw', realm => '${realm}')`, 'SELECT fox_wamp.sync()');
  assert.equal((await scram(`${user}.one`, 'pw', { realm })).answer[0], 2);
  assert.equal(reason(await scram(`${user}.one`, 'pw')), 'wamp.error.authentication_denied');
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  assert.equal(await sql(`SELECT fox_wamp.drop_user('${user}.one')`), 'f');
}));

test('a page of another origin may log in, but is not anonymous; a forwarded request says no password', async () => {
  const page = await Raw.connect(['wamp.2.json'], { origin: 'https://example.com' });
  page.send([1, 'realm1', { roles: ROLES, authid: user, authmethods: ['anonymous', 'ticket'] }]);
  assert.deepEqual(await page.next(), [4, 'ticket', {}]);
  page.send([5, 'secret', {}]);
  assert.equal((await page.next())[0], 2);
  const forwarded = await Raw.connect(['wamp.2.json'], { headers: { 'X-Forwarded-For': '10.0.0.1' } });
  forwarded.send([1, 'realm1', { roles: ROLES, authid: user, authmethods: ['ticket'] }]);
  const [, { message }, uri] = await forwarded.next();
  assert.equal(uri, 'wamp.error.no_matching_auth_method');
  assert.match(message, /over TLS/);
});

test('anonymous clients of a realm for those who log in are told to', () => withSettings({ 'fox_wamp.anonymous': 'off' }, async () => {
  await until(async () => (await hello({})).answer[0] === 3);
  assert.equal(reason(await hello({})), 'wamp.error.authentication_required');
  (await ticket(user, 'secret')).leaveNow();
}));

// --- the order of messages, time and tries ---

for (const [what, messages] of [
  ['AUTHENTICATE without HELLO', [[5, 'secret', {}]]],
  ['a second HELLO', [[1, 'realm1', { roles: ROLES, authid: user, authmethods: ['ticket'] }], [1, 'realm1', { roles: ROLES }]]],
  ['SUBSCRIBE during a log-in', [[1, 'realm1', { roles: ROLES, authid: user, authmethods: ['ticket'] }], [32, 1, {}, 'a']]],
  ['AUTHENTICATE in a session', [[1, 'realm1', { roles: ROLES }], [5, 'secret', {}]]],
  ['CHALLENGE from a client', [[4, 'ticket', {}]]],
]) {
  test(`${what} is a protocol violation`, async () => {
    const raw = await Raw.connect();
    for (const message of messages) raw.send(message);
    let answer;
    do answer = await raw.next(); while (answer[0] !== 3);
    assert.equal(answer[2], 'wamp.error.protocol_violation');
    await raw.closed;
  });
}

test('two AUTHENTICATEs for one CHALLENGE', () => guessing(async () => {
  const raw = await hello({ authid: user, authmethods: ['ticket'] });
  raw.send([5, 'wrong', {}]);
  raw.send([5, 'secret', {}]);
  const answer = await raw.next();
  assert.ok(answer[0] === 3 && /protocol_violation|authentication_denied/.test(answer[2]));
}));

test('who does not log in in time is dropped, whatever was said', () => withSettings({ 'fox_wamp.auth_timeout': '300ms' }, async () => {
  const silent = await Raw.connect();
  const slow = await hello({ authid: user, authmethods: ['ticket'] });
  const joined = await hello({});
  for (const raw of [silent, slow]) {
    assert.equal((await raw.next())[2], 'wamp.error.timeout');
    await raw.closed;
  }
  assert.equal((await joined.ask([32, 1, {}, fresh()]))[0], 33);
}));

test('tries are limited, of a name and of an address', () => withSettings({ 'fox_wamp.auth_attempts': 3 }, async () => {
  await restart();
  for (let i = 0; i < 3; i++) await denied(ticket(`${user}.${i}`, 'wrong'));
  const error = await refusal(ticket(user, 'secret'));
  assert.match(error.details.message, /too many log-ins have failed/);
  assert.equal(await sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'logins_failed'"), '3');
  await restart();
}));

test('passwords and tokens are in no log', async () => {
  (await ticket(user, 'secret')).leaveNow();
  const log = fs.readFileSync(path.join(env.data, '..', 'log'), 'utf8');
  assert.ok(!/SCRAM-SHA-256\$/.test(log));
});

test('before the log-in messages are short, over every transport', async () => {
  const long = JSON.stringify([1, 'realm1', { roles: ROLES, authextra: { x: 'x'.repeat(140000) } }]);
  const raw = await Raw.connect();
  raw.send(long);
  assert.equal(await raw.closed, 1009);
  const stream = await Stream.connect();
  stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
  await stream.take(4);
  stream.send(JSON.parse(long));
  await stream.closed;
  // And afterwards they are not.
  const joined = await hello({});
  assert.equal((await joined.ask([48, 1, {}, 'wamp.session.count', ['x'.repeat(200000)]]))[0] > 0, true);
});

// --- authenticators ---

test('a procedure of the realm says who logs in', () => guessing(async () => {
  const realm = fresh('realm');
  await sql(`SELECT fox_wamp.create_realm('${realm}')`,
    `INSERT INTO fox_wamp.auth_method VALUES ('${realm}', 'anonymous')`,
    ...['ticket', 'wampcra', 'cryptosign', 'wamp-scram'].map((m) => `INSERT INTO fox_wamp.auth_method VALUES ('${realm}', '${m}', 'auth.check')`),
    'SELECT fox_wamp.sync()');
  const key = keyPair();
  const verifier = await sql("SELECT fox_wamp.scram_verifier('known')");
  const known = {
    'ticket good': role,
    'ticket nobody': `${role}_nobody`,
    'ticket renamed': { role, authid: 'another' },
    'wampcra plain': { role, secret: 'known' },
    'wampcra salted': { role, secret: autobahn.auth_cra.derive_key('known', 'salt', 100, 32), salt: 'salt', iterations: 100 },
    'wamp-scram ann': { role, verifier },
    [`cryptosign ${key.hex}`]: { role, authid: 'by key' },
  };
  // Without it nobody gets in.
  await denied(ticket('ann', 'good', { realm }), 'wamp.error.authentication_failed');
  const authenticator = await join({ realm });
  const asked = [];
  await authenticator.register('auth.check', ([inRealm, authid, more]) => {
    asked.push(more);
    assert.equal(inRealm, realm);
    const who = known[`${more.authmethod} ${more.ticket ?? more.authextra.pubkey ?? authid}`];
    if (!who) throw new autobahn.Error('no.such.user');
    return who;
  });
  const session = await ticket('ann', 'good', { realm });
  assert.equal(await sql(`SELECT authid, authrole, authmethod FROM fox_wamp.session WHERE id = ${session.id}`), `ann|${role}|ticket`);
  assert.equal((await session.call('wamp.session.get', [session.id])).authprovider, 'dynamic');
  assert.equal(asked.at(-1).session, session.id);
  session.leaveNow();
  const renamed = await ticket('ann', 'renamed', { realm });
  assert.equal(await sql(`SELECT authid FROM fox_wamp.session WHERE id = ${renamed.id}`), 'another');
  renamed.leaveNow();
  await denied(ticket('ann', 'bad', { realm }));
  await denied(ticket(user, 'secret', { realm })); // tables do not count here
  await denied(ticket('ann', 'nobody', { realm }), 'wamp.error.no_such_role');
  const craIn = (authid, secret) => logIn(authid, ['wampcra'], (s, method, extra) =>
    autobahn.auth_cra.sign(extra.salt ? autobahn.auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen) : secret, extra.challenge), { realm });
  for (const name of ['plain', 'salted']) {
    (await craIn(name, 'known')).leaveNow();
    await denied(craIn(name, 'wrong'));
  }
  await denied(craIn('ghost', 'known'));
  assert.equal((await scram('ann', 'known', { realm })).answer[2].authprovider, 'dynamic');
  assert.equal(reason(await scram('ann', 'wrong', { realm })), 'wamp.error.authentication_denied');
  assert.equal(reason(await scram('ghost', 'known', { realm })), 'wamp.error.authentication_denied');
  const raw = await hello({ authmethods: ['cryptosign'], authextra: { pubkey: key.hex } }, realm);
  raw.send([5, crypto.sign(null, Buffer.from(raw.answer[2].challenge, 'hex'), key.privateKey).toString('hex'), {}]);
  raw.answer = await raw.next();
  assert.equal(raw.answer[2].authid, 'by key');
  authenticator.leaveNow();
  await sql(`SELECT fox_wamp.drop_realm('${realm}')`);
  await assert.rejects(sql("INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'ticket', 'not..one')"), /invalid procedure/);
  await assert.rejects(sql("INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'ticket', 'wamp.session.list')"), /invalid procedure/);
  await assert.rejects(sql("INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'anonymous', 'auth.check')"), /check constraint/);
}));

// --- limits ---

test('a role has as many sessions as it may', async () => {
  const full = async (promise) => {
    const error = await refusal(promise);
    assert.equal(error.details.reason, 'fox_wamp.error.too_many_sessions');
    assert.equal(error.details.message, 'the role has as many sessions as it may');
  };
  const sync = 'SELECT fox_wamp.sync()';
  await withSettings({ 'fox_wamp.sessions_per_role': 1 }, async () => {
    const first = await ticket(user, 'secret');
    await full(ticket(role, "role's own"));
    first.leaveNow();
    await until(async () => (await sql(`SELECT count(*) FROM fox_wamp.session WHERE authrole = '${role}'`)) === '0');
    (await ticket(role, "role's own")).leaveNow();
  });
  await sql(`ALTER ROLE ${role} CONNECTION LIMIT 0`, sync);
  await full(ticket(user, 'secret'));
  await sql(`ALTER ROLE ${role} CONNECTION LIMIT -1`, sync);
  (await ticket(user, 'secret')).leaveNow();
});
