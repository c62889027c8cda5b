'use strict';
// Attacks: forged names, forged log-ins, oversized and malformed handshakes, sessions whose role goes.
// Getting out of a caller's role: functions_role.test.js; each method of logging in: login.test.js.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, sql, join, listen, withSettings, fresh, refusal, until, Raw, autobahn, env } = require('./lib');
const { Stream, closeAll } = require('./stream');

const role = `sec_${process.pid}`;
const user = fresh('user');
const group = fresh('group');
const schema = `sec_${process.pid}`;
const root = `secroot${process.pid}`;
const ROLES = { caller: {}, callee: {}, subscriber: {}, publisher: {} };
let router;

const routerPid = () => sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = current_database()");

before(async () => {
  start();
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'right'`, `GRANT fox_wamp_connect TO ${role}`,
    `SELECT fox_wamp.create_group('${group}', '${role}')`, `SELECT fox_wamp.create_user('${user}', '${group}', 'right')`,
    `CREATE SCHEMA ${schema}`, `GRANT ALL ON SCHEMA ${schema} TO PUBLIC`, `SELECT fox_wamp.expose_root('${root}')`,
    `CREATE FUNCTION ${schema}.run(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
      DECLARE statement text; result text; BEGIN
        FOREACH statement IN ARRAY statements LOOP
          IF statement ~* '^(select|show)' THEN EXECUTE statement INTO result; ELSE EXECUTE statement; END IF;
        END LOOP; RETURN result; END $$`,
    `SELECT fox_wamp.expose_function('${schema}.run(text[])', root => '${root}')`, 'SELECT fox_wamp.sync()');
  router = await routerPid();
});
after(async () => {
  await sql(`SELECT fox_wamp.drop_user('${user}')`, `DELETE FROM fox_wamp.auth_group WHERE ident = '${group}'`,
    `DROP SCHEMA ${schema} CASCADE`, `DELETE FROM fox_wamp.root WHERE name = '${root}'`, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  closeAll();
  stop();
});

/** Guesses of this file come from one address. */
const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, body);

async function hello(more, realm = 'realm1') {
  const raw = await Raw.connect();
  raw.send([1, realm, { roles: ROLES, ...more }]);
  raw.answer = await raw.next();
  return raw;
}
const reason = (answer) => (answer[0] === 3 ? answer[2] : `no ABORT: ${JSON.stringify(answer).slice(0, 120)}`);
const ticket = async (authid, secret) => {
  const raw = await hello({ ...(authid && { authid }), authmethods: ['ticket'] });
  assert.deepEqual(raw.answer, [4, 'ticket', {}]);
  raw.send([5, secret, {}]);
  return raw.next();
};

// --- names of the router's own ---

test('nobody publishes to, or registers, what is the router\'s', async () => {
  const raw = await Raw.join();
  let request = 0;
  for (const uri of ['wamp.session.on_join', 'wamp.forged', 'fox_wamp.gap', 'fox_wamp.forged', 'wamp.session.count']) {
    for (const options of [{}, { retain: true }, { retain: true, when: null }, { eligible: [raw.id] }]) {
      const answer = await raw.ask([16, ++request, { acknowledge: true, ...options }, uri, [1]]);
      assert.equal(answer[4], 'wamp.error.invalid_uri', `publish ${uri}`);
    }
    for (const options of [{}, { force_reregister: true }, { match: 'prefix' }, { invoke: 'random' }]) {
      assert.equal((await raw.ask([64, ++request, options, uri]))[4], 'wamp.error.invalid_uri', `register ${uri}`);
    }
    assert.equal((await raw.ask([48, ++request, {}, 'wamp.session.add_testament', [uri, [], {}]]))[0], 8);
    await assert.rejects(sql(`SELECT fox_wamp.publish('${uri}', '[1]')`), /invalid topic/);
    await assert.rejects(sql(`SELECT fox_wamp.publish('${uri}', '[1]', options => '{"retain": true}')`), /invalid topic/);
  }
});

test('a pattern of a client\'s gets no call of the router\'s procedures, and no authenticator\'s', async () => {
  const evil = await join();
  const caught = [];
  for (const [uri, match] of [['wam', 'prefix'], ['wamp', 'prefix'], ['.session.count', 'wildcard'], ['..', 'wildcard'], ['#', 'pattern'], ['*.session.#', 'pattern']]) {
    await evil.register(uri, (args, kwargs, details) => { caught.push([uri, details.procedure]); return 'forged'; }, { match })
      .catch((error) => assert.match(error.error, /^wamp\.error\.(invalid_uri|invalid_argument|not_authorized)$/));
  }
  const session = await join();
  assert.equal(typeof await session.call('wamp.session.count'), 'number');
  assert.match((await refusal(session.call('wamp.session.no_such'))).error, /no_such_procedure/);
  assert.match((await refusal(session.call('wamp.session.kill', [session.id]))).error, /not_authorized/);
  assert.deepEqual(caught, []);
  evil.leaveNow();
  session.leaveNow();
});

test('events of the router\'s topics come from the router alone', async () => {
  const watcher = await join();
  const inbox = await listen(watcher, 'wamp.session.on_join');
  const raw = await Raw.join();
  raw.send([16, 1, {}, 'wamp.session.on_join', [{ session: 1, authid: 'forged' }]]);
  const last = await Raw.join();
  const heard = [];
  do heard.push((await inbox.next()).args[0]); while (heard.at(-1).session !== last.id);
  assert.deepEqual(heard.filter((one) => one.authid !== 'anonymous'), []);
  watcher.leaveNow();
});

// --- what a HELLO claims ---

test('nobody is what its HELLO says', async () => {
  const claims = { authid: 'postgres', authrole: 'postgres', authmethod: 'ticket', authprovider: 'postgresql', session: 1, role: 'postgres', resumed: true };
  const raw = await hello({ ...claims, authextra: claims });
  assert.equal(raw.answer[0], 2);
  assert.deepEqual([raw.answer[2].authid, raw.answer[2].authrole, raw.answer[2].authmethod], ['anonymous', 'anonymous', 'anonymous']);
  assert.equal((await raw.ask([48, 1, {}, `${root}.run`, ["SELECT current_user || '/' || session_user"]]))[3][0], 'fox_wamp_anonymous/fox_wamp_anonymous');
});

test('a second HELLO in a session is a protocol violation', async () => {
  const raw = await Raw.join();
  raw.send([1, 'realm1', { roles: ROLES, authid: user, authmethods: ['ticket'] }]);
  assert.equal((await raw.next())[2], 'wamp.error.protocol_violation');
  await raw.closed;
});

test('an AUTHENTICATE that is none, and one that comes twice', () => guessing(async () => {
  for (const bad of [[5], [5, 7, {}], [5, null, {}], [5, {}, {}], [5, 'right', 7], [5, 'right', []]]) {
    const raw = await hello({ authid: user, authmethods: ['ticket'] });
    raw.send(bad);
    assert.match(reason(await raw.next()), /^wamp\.error\.(protocol_violation|authentication_denied)$/);
    await raw.closed;
  }
  const raw = await hello({ authid: user, authmethods: ['ticket'] });
  raw.send([5, 'right', {}]);
  raw.send([5, 'right', {}]);
  const answers = [await raw.next()];
  if (answers[0][0] === 2) answers.push(await raw.next());
  assert.equal(reason(answers.at(-1)), 'wamp.error.protocol_violation');
}));

// --- handshakes that are too much ---

test('a compressed HELLO becomes no longer than a plain one may be', async () => {
  await withSettings({ 'fox_wamp.websocket_compression': 'on' }, async () => {
    const bomb = JSON.stringify([1, 'realm1', { roles: ROLES, authextra: { x: 'x'.repeat(8 * 1024 * 1024) } }]);
    const raw = await Raw.connect(['wamp.2.json'], { perMessageDeflate: { threshold: 0 } });
    assert.match(raw.ws.extensions, /permessage-deflate/);
    raw.send(bomb);
    assert.equal(await raw.closed, 1009);
    const fitting = await Raw.connect(['wamp.2.json'], { perMessageDeflate: { threshold: 0 } });
    fitting.send(JSON.stringify([1, 'realm1', { roles: ROLES, authextra: { x: 'x'.repeat(100 * 1024) } }]));
    assert.equal((await fitting.next())[0], 2);
  });
});

test('nests of lists and objects end the connection and nothing else', async () => {
  for (const [open, close] of [['[', ']'], ['{"a":', '}'], ['[{"a":', '}]']]) {
    const times = Math.floor(60000 / (open.length + close.length));
    const raw = await Raw.connect();
    raw.send(`[1,"realm1",{"roles":{"caller":{}},"authextra":{"x":${open.repeat(times)}1${close.repeat(times)}}}]`);
    await raw.closed;
    const unclosed = await Raw.connect();
    unclosed.send(open.repeat(times));
    await unclosed.closed;
  }
  for (const [protocol, nest] of [['wamp.2.msgpack', Buffer.alloc(60000, 0x91)], ['wamp.2.cbor', Buffer.alloc(60000, 0x81)],
    ['wamp.2.msgpack', Buffer.from('dfffffffff', 'hex')], ['wamp.2.cbor', Buffer.from('9bffffffffffffffff', 'hex')],
    ['wamp.2.msgpack', Buffer.from('dbffffffff', 'hex')], ['wamp.2.cbor', Buffer.from('7bffffffffffffffff', 'hex')]]) {
    const raw = await Raw.connect([protocol]);
    raw.ws.removeAllListeners('message');
    raw.send(nest);
    await raw.closed;
  }
  assert.equal(await routerPid(), router);
});

test('thousands of authmethods are looked at once', async () => {
  const raw = await hello({ authid: user, authmethods: [...Array(20000).fill('x'), 'ticket'] });
  assert.deepEqual(raw.answer, [4, 'ticket', {}]);
  assert.equal(reason((await hello({ authmethods: [[], {}, 7, null, '', '\u0000', 'anonymous\u0000'] })).answer), 'wamp.error.no_matching_auth_method');
});

test('RawSocket: a HELLO that announces more than it may is not waited for', async () => {
  const stream = await Stream.connect();
  stream.socket.write(Buffer.from([0x7f, 0xf1, 0, 0]));
  await stream.take(4);
  stream.socket.write(Buffer.from([0, 0xff, 0xff, 0xff]));
  await stream.closed;
});

// --- log-ins: an unknown name is like any other ---

const b64 = (bytes) => Buffer.from(bytes).toString('base64');
/** Everything that the router says to that log-in, with what is random or the name's own taken out. */
async function said(method, authid) {
  const key = crypto.generateKeyPairSync('ed25519');
  const pubkey = Buffer.from(key.publicKey.export({ format: 'jwk' }).x, 'base64url').toString('hex');
  const raw = await hello({ authid, authmethods: [method], authextra: { nonce: b64(crypto.randomBytes(16)), pubkey } });
  const [type, name, extra] = raw.answer;
  const shape = (value) => (typeof value === 'string' ? value.length : value);
  const heard = [[type, name, Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, k === 'challenge' && v[0] === '{' ?
    Object.fromEntries(Object.entries(JSON.parse(v)).map(([k2, v2]) => [k2, k2 === 'authid' ? v2 === authid : k2 === 'session' ? typeof v2 : shape(v2)])) :
    k === 'kdf' ? v : shape(v)]))]];
  if (type !== 4) return heard;
  raw.send([5, method === 'wamp-scram' ? b64(crypto.randomBytes(32)) : method === 'cryptosign' ? crypto.randomBytes(96).toString('hex') : 'wrong', {}]);
  heard.push(await raw.next());
  return heard;
}

test('wrong password, unknown name, and every kind of role that may not: the same messages and the same words', () => guessing(async () => {
  const kinds = {
    nologin: 'ALTER ROLE % NOLOGIN', expired: "ALTER ROLE % VALID UNTIL '2020-01-01'", stranger: 'REVOKE fox_wamp_connect FROM %',
    boss: 'ALTER ROLE % SUPERUSER', md5: "ALTER ROLE % PASSWORD 'md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", none: 'ALTER ROLE % PASSWORD NULL',
  };
  for (const [kind, statement] of Object.entries(kinds)) {
    await sql(`CREATE ROLE ${role}_${kind} LOGIN PASSWORD 'right'`, `GRANT fox_wamp_connect TO ${role}_${kind}`, statement.replace('%', `${role}_${kind}`));
  }
  try {
    for (const method of ['ticket', 'wampcra', 'wamp-scram', 'cryptosign']) {
      const unknown = await said(method, 'nobody');
      assert.equal(unknown.length, 2);
      assert.deepEqual(unknown[1], [3, { message: 'the log-in has failed' }, 'wamp.error.authentication_denied']);
      for (const name of [role, user, 'postgres', 'fox_wamp_anonymous', 'pg_read_server_files', 'NOBODY', 'a"b\\c', 'ü\ud83e\udd8a', ...Object.keys(kinds).map((k) => `${role}_${k}`)]) {
        assert.deepEqual(await said(method, name), unknown, `${method} of ${name}`);
      }
    }
    for (const name of ['postgres', ...Object.keys(kinds).map((k) => `${role}_${k}`)]) {
      assert.equal(reason(await ticket(name, 'right')), 'wamp.error.authentication_denied', name);
    }
  } finally {
    for (const kind of Object.keys(kinds)) await sql(`DROP OWNED BY ${role}_${kind}`, `DROP ROLE ${role}_${kind}`);
  }
}));

test('names and tickets that are no text of the database\'s', () => guessing(async () => {
  for (const authid of ['a\u0000b', '\u0000', `${user}\u0000`, 'x'.repeat(255), '\ud800']) {
    assert.match(reason(await ticket(authid, 'right')), /authentication_denied/, JSON.stringify(authid));
  }
  for (const authid of ['', 'x'.repeat(256), 'x'.repeat(100000)]) {
    assert.equal(reason((await hello({ authid, authmethods: ['ticket'] })).answer), 'wamp.error.no_such_principal');
  }
  for (const authid of [7, {}, [], null]) assert.match(reason(await ticket(authid, 'right')), /authentication_denied/);
  for (const secret of ['', 'right\u0000', '\u0000', '\ud800', 'x'.repeat(100000), 'right ', 'RIGHT']) {
    assert.match(reason(await ticket(user, secret)), /authentication_denied|protocol_violation/, JSON.stringify(secret.slice(0, 10)));
  }
  assert.equal((await ticket(user, 'right'))[0], 2);
}));

// --- log-ins: answers that are used again ---

test('WAMP-CRA: the answer of one log-in is none of another', () => guessing(async () => {
  const sign = (extra, challenge = extra.challenge) => autobahn.auth_cra.sign(autobahn.auth_cra.derive_key('right', extra.salt, extra.iterations, extra.keylen), challenge);
  const first = await hello({ authid: user, authmethods: ['wampcra'] });
  const signature = sign(first.answer[2]);
  const second = await hello({ authid: user, authmethods: ['wampcra'] });
  second.send([5, signature, {}]);
  assert.equal(reason(await second.next()), 'wamp.error.authentication_denied');
  first.send([5, signature, {}]);
  assert.equal((await first.next())[0], 2);
  const third = await hello({ authid: user, authmethods: ['wampcra'] });
  third.send([5, signature, { challenge: first.answer[2].challenge, state: { challenge: first.answer[2].challenge } }]);
  assert.equal(reason(await third.next()), 'wamp.error.authentication_denied');
  const forged = await hello({ authid: user, authmethods: ['wampcra'] });
  forged.send([5, sign(forged.answer[2], forged.answer[2].challenge.replace(user, 'postgres')), {}]);
  assert.equal(reason(await forged.next()), 'wamp.error.authentication_denied');
}));

test('WAMP-SCRAM: nonces that are none, and a proof of whatever length', () => guessing(async () => {
  for (const nonce of [undefined, null, 7, {}, '', 'AAAA', 'a,r=b', 'AAAAAAAA,i=1', 'n=x,AAAAAAAA', 'x'.repeat(1000), '\u0000'.repeat(8), '=======', 'AAAAAAA\n']) {
    const raw = await hello({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce } });
    assert.equal(reason(raw.answer), 'wamp.error.authentication_failed', JSON.stringify(nonce));
  }
  assert.equal(reason((await hello({ authmethods: ['wamp-scram'], authextra: { nonce: b64(crypto.randomBytes(16)) } })).answer), 'wamp.error.no_such_principal');
  for (const proof of ['', 'AAAA', b64(Buffer.alloc(31)), b64(Buffer.alloc(32)), b64(Buffer.alloc(33)), b64(Buffer.alloc(60000)), '!'.repeat(44)]) {
    const raw = await hello({ authid: role, authmethods: ['wamp-scram'], authextra: { nonce: b64(crypto.randomBytes(16)) } });
    assert.equal(raw.answer[0], 4);
    raw.send([5, proof, { nonce: raw.answer[2].nonce }]);
    assert.equal(reason(await raw.next()), 'wamp.error.authentication_denied');
  }
}));

test('a verifier whose iterations are out of any range keeps nobody busy', () => guessing(async () => {
  const keys = `${b64(Buffer.alloc(32, 1))}:${b64(Buffer.alloc(32, 2))}`;
  for (const iterations of ['0', '2147483647', '2147483648', '99999999999999999999', '-1', '']) {
    await sql(`UPDATE fox_wamp.auth_user SET verifier = 'SCRAM-SHA-256$${iterations}:W22ZaJ0SNY7soEsUEjb6gQ==$${keys}' WHERE logon_name = '${user}'`);
    assert.equal(reason(await ticket(user, 'right')), 'wamp.error.authentication_denied', iterations);
  }
  await sql(`SELECT fox_wamp.set_password('${user}', 'right')`);
}));

test('what changes between CHALLENGE and AUTHENTICATE counts', () => guessing(async () => {
  const odd = `${role}_odd`;
  for (const statement of [`ALTER ROLE ${odd} NOLOGIN`, `ALTER ROLE ${odd} PASSWORD 'other'`, `REVOKE fox_wamp_connect FROM ${odd}`,
    `ALTER ROLE ${odd} VALID UNTIL '2020-01-01'`, `ALTER ROLE ${odd} SUPERUSER`, `DROP ROLE ${odd}`]) {
    await sql(`CREATE ROLE ${odd} LOGIN PASSWORD 'right'`, `GRANT fox_wamp_connect TO ${odd}`);
    const raw = await hello({ authid: odd, authmethods: ['ticket'] });
    await sql(statement);
    raw.send([5, 'right', {}]);
    assert.equal(reason(await raw.next()), 'wamp.error.authentication_denied', statement);
    await sql(`DROP ROLE IF EXISTS ${odd}`);
  }
}));

// --- tokens ---

test('JSON Web Tokens that are forged, out of time or no tokens', () => guessing(async () => {
  const secret = 'a secret of thirty-two bytes or more';
  const now = Math.floor(Date.now() / 1000);
  const url = (text) => Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)).toString('base64url');
  const make = (header, claims, key = secret) => {
    const text = `${url(header)}.${url(claims)}`;
    return `${text}.${crypto.createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const claims = { sub: 'token', role, exp: now + 60 };
  const header = { alg: 'HS256', kid: `${user}.key` };
  const good = make(header, claims);
  const [h, c, s] = good.split('.');
  await sql(`SELECT fox_wamp.add_jwt_secret('${user}.key', '${secret}', roles => '{${role}}')`);
  try {
    assert.equal((await ticket(undefined, good))[2].authid, 'token');
    const bad = {
      'alg none': `${url({ alg: 'none' })}.${c}.`,
      'alg None': `${url({ alg: 'None' })}.${c}.`,
      'alg none with the signature': `${url({ alg: 'none' })}.${c}.${s}`,
      'alg of another length': make({ ...header, alg: 'HS512' }, claims),
      'alg in small letters': make({ ...header, alg: 'hs256' }, claims),
      'alg as a list': make({ ...header, alg: ['HS256'] }, claims),
      'no alg': make({ kid: header.kid }, claims),
      'no signature': `${h}.${c}.`,
      'half a signature': `${h}.${c}.${s.slice(0, 20)}`,
      'the signature twice': `${h}.${c}.${s}${s}`,
      'claims of another': `${h}.${url({ ...claims, sub: 'postgres' })}.${s}`,
      'a key of its own': make({ ...header, jwk: { kty: 'oct', k: url('x'.repeat(40)) } }, claims, 'x'.repeat(40)),
      'a key from elsewhere': make({ ...header, jku: 'http://127.0.0.1/', x5u: 'http://127.0.0.1/' }, claims, 'x'.repeat(40)),
      'what is critical': make({ ...header, crit: ['exp'] }, claims),
      'another kid': make({ ...header, kid: 'another' }, claims),
      'a kid that is SQL': make({ ...header, kid: "' OR true --" }, claims),
      'a kid that is a path': make({ ...header, kid: '../../dev/null' }, claims, ''),
      'a kid that is a number': make({ ...header, kid: 7 }, claims),
      'a kid with an end': make({ ...header, kid: `${header.kid}x\u0000` }, claims),
      'no exp': make(header, { sub: 'token', role }),
      'exp as text': make(header, { ...claims, exp: String(now + 60) }),
      'exp null': make(header, { ...claims, exp: null }),
      'expired': make(header, { ...claims, exp: now - 31 }),
      'exp below all': make(header, '{"sub":"token","role":"' + role + '","exp":-1e999}'),
      'the last of two exp': make(header, `{"sub":"token","role":"${role}","exp":${now + 60},"exp":${now - 60}}`),
      'not yet': make(header, { ...claims, nbf: now + 31 + 60 }),
      'nbf as text': make(header, { ...claims, nbf: String(now - 60) }),
      'for somebody else': make(header, { ...claims, aud: 'somebody' }),
      'for a list of others': make(header, { ...claims, aud: ['a', 'b'] }),
      'for nobody': make(header, { ...claims, aud: [] }),
      'no sub': make(header, { role, exp: now + 60 }),
      'an empty sub': make(header, { ...claims, sub: '' }),
      'sub as an object': make(header, { ...claims, sub: {} }),
      'sub that is reserved': make(header, { ...claims, sub: 'anonymous' }),
      'a long sub': make(header, { ...claims, sub: 'x'.repeat(256) }),
      'sub with an end': make(header, { ...claims, sub: 'token\u0000' }),
      'claims as a list': make(header, '[]'),
      'claims that are no JSON': make(header, '{"sub":'),
      'a header that is no JSON': make('{', claims),
      'no base64': `${h}.${c}*.${s}`,
      'padded': `${h}==.${c}.${s}`,
      'a length that base64 has not': `${h}A.${c}.${s}`,
      'two parts': `${h}.${c}`,
      'four parts': `${good}.${s}`,
      'nothing but dots': '..',
      'oversized': make(header, { ...claims, x: 'x'.repeat(60000) }),
    };
    for (const [what, token] of Object.entries(bad)) assert.equal(reason(await ticket(undefined, token)), 'wamp.error.authentication_denied', what);
    for (const named of [{ role: 'postgres' }, { role: 'pg_read_server_files' }, { role: 'fox_wamp_admin' }, { role: `${role}\u0000` }, { role: [role] }, { role: null }, { role: 'nobody' }]) {
      assert.match(reason(await ticket(undefined, make(header, { ...claims, ...named }))), /no_such_role|authentication_denied/, JSON.stringify(named));
    }
    assert.equal(reason(await ticket(undefined, make(header, `{"sub":"token","role":"${role}","role":"postgres","exp":${now + 60}}`))), 'wamp.error.no_such_role');
  } finally {
    await sql(`SELECT fox_wamp.remove_jwt_key('${user}.key')`);
  }
}));

// --- sessions whose role goes ---

test('a role that is dropped, or loses what it had, while its session lives', async () => {
  const gone = `${role}_gone`;
  const realm = fresh('realm');
  await sql(`CREATE ROLE ${gone} LOGIN PASSWORD 'right'`, `CREATE ROLE ${gone}_staff`, `GRANT fox_wamp_connect, ${gone}_staff TO ${gone}`,
    `SELECT fox_wamp.create_realm('${realm}')`, `DELETE FROM fox_wamp.permission WHERE realm = '${realm}'`,
    `INSERT INTO fox_wamp.permission (realm, role, pattern, allow_publish, allow_subscribe) VALUES ('${realm}', '${gone}_staff', '#', true, true)`, 'SELECT fox_wamp.sync()');
  const enter = async (where) => {
    const raw = await hello({ authid: gone, authmethods: ['ticket'] }, where);
    raw.send([5, 'right', {}]);
    assert.equal((await raw.next())[0], 2);
    return raw;
  };
  const [inside, caller] = [await enter(realm), await enter('realm1')];
  assert.equal((await inside.ask([16, 1, { acknowledge: true }, 'a']))[0], 17);
  assert.equal((await caller.ask([48, 1, {}, `${root}.run`, ['SELECT current_user']]))[3][0], gone);
  await sql(`REVOKE ${gone}_staff FROM ${gone}`, 'SELECT fox_wamp.sync()');
  assert.equal((await inside.ask([16, 2, { acknowledge: true }, 'a']))[4], 'wamp.error.not_authorized');
  await sql(`GRANT ${gone}_staff TO ${gone}`, 'SELECT fox_wamp.sync()');
  assert.equal((await inside.ask([16, 3, { acknowledge: true }, 'a']))[0], 17);
  await sql(`DROP ROLE ${gone}`, 'SELECT fox_wamp.sync()');
  assert.equal((await inside.ask([16, 4, { acknowledge: true }, 'a']))[4], 'wamp.error.not_authorized');
  const refused = await caller.ask([48, 2, {}, `${root}.run`, ['SELECT current_user']]);
  assert.equal(refused[4], 'wamp.error.not_authorized');
  assert.match(refused[5][0], /does not exist/);
  await sql(`DROP OWNED BY ${gone}_staff`, `DROP ROLE ${gone}_staff`, `SELECT fox_wamp.drop_realm('${realm}')`);
});

// --- inside of a call: what is not in functions_role.test.js ---

test('no transaction is ended or prepared from inside, in whatever way', async () => {
  const session = await join();
  await sql(`CREATE PROCEDURE ${schema}.ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'`,
    `CREATE TABLE ${schema}.t (a int)`, `GRANT ALL ON ${schema}.t TO PUBLIC`,
    `CREATE FUNCTION ${schema}.ending() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN COMMIT; RETURN NULL; END'`,
    `CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON ${schema}.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${schema}.ending()`);
  for (const statement of ['COMMIT', 'ROLLBACK', 'BEGIN', 'SAVEPOINT a', "PREPARE TRANSACTION 'a'", 'DO $$ BEGIN COMMIT; END $$', 'DO $$ BEGIN ROLLBACK; END $$',
    `CALL ${schema}.ends()`, `INSERT INTO ${schema}.t VALUES (1)`, 'VACUUM', 'CREATE DATABASE a']) {
    const error = await refusal(session.call(`${root}.run`, [statement]));
    assert.match(error.error, /^(pg\.error\.|wamp\.error\.not_authorized)/, statement);
  }
  assert.equal(await sql(`SELECT count(*) FROM ${schema}.t`), '0');
  assert.equal(await session.call(`${root}.run`, ["SELECT current_user || '/' || session_user"]), 'fox_wamp_anonymous/fox_wamp_anonymous');
  session.leaveNow();
});

test('a caller reaches no file, program, superuser\'s setting or other role', async () => {
  const session = await join();
  for (const statement of ["SELECT pg_read_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')", "COPY pg_class TO PROGRAM 'true'", "CREATE TABLE t (a text); COPY t FROM '/etc/passwd'",
    "LOAD '/tmp/a.so'", 'SELECT pg_reload_conf()', "ALTER SYSTEM SET work_mem = '1MB'", "SET fox_wamp.superuser_login = 'on'", "SET fox_wamp.anonymous_role = 'postgres'",
    "SELECT set_config('is_superuser', 'on', false)", 'ALTER ROLE CURRENT_USER SUPERUSER', 'CREATE ROLE a', 'GRANT postgres TO CURRENT_USER', 'SELECT rolpassword FROM pg_authid',
    'SELECT verifier FROM fox_wamp.auth_user', 'SELECT jwk FROM fox_wamp.jwt_key', "SELECT fox_wamp.create_user('a', 'b', 'c')", 'SELECT fox_wamp.stop()',
    "INSERT INTO fox_wamp.permission (realm, role, pattern) VALUES ('realm1', 'public', 'a')", "CREATE EVENT TRIGGER a ON ddl_command_end EXECUTE FUNCTION fox_wamp.config_trigger()"]) {
    const error = await refusal(session.call(`${root}.run`, [statement]));
    assert.match(error.error, /^(wamp\.error\.not_authorized|pg\.error\.)/, statement);
    assert.match(error.args[0], /permission denied|must be|cannot|superuser|not allowed|does not exist|privilege/i, statement);
  }
  session.leaveNow();
});

test('a helper with SECURITY DEFINER and a path of its own is not led astray by the caller\'s', async () => {
  const session = await join();
  await sql(`CREATE TABLE ${schema}.price AS SELECT 1 AS v`, `CREATE FUNCTION ${schema}.price() RETURNS int LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = ${schema}, pg_temp AS 'BEGIN RETURN (SELECT v FROM price); END'`);
  const result = await session.call(`${root}.run`, ['CREATE TEMP TABLE price AS SELECT 2 AS v', 'SET search_path = pg_temp, public', `SELECT ${schema}.price()`]);
  assert.equal(result, '1');
  session.leaveNow();
});

test('callers that leave while their functions run hurt nobody', async () => {
  for (let round = 0; round < 3; round++) {
    const raws = await Promise.all(Array.from({ length: 30 }, () => Raw.join()));
    raws.forEach((raw, i) => {
      for (let n = 1; n <= 3; n++) raw.send([48, n, {}, `${root}.run`, [`SELECT pg_sleep(${i % 3 ? 0 : 0.01})`]]);
      raw.ws.terminate();
    });
  }
  const session = await join();
  assert.equal(await session.call(`${root}.run`, ['SELECT 7']), '7');
  session.leaveNow();
  assert.equal(await routerPid(), router);
});

// --- secrets ---

test('what clients prove themselves with stands in no log and no view, however much is logged', async () => {
  const secret = `secret-${crypto.randomBytes(8).toString('hex')}`;
  await sql(`SELECT fox_wamp.set_password('${user}', '${secret}')`);
  await withSettings({ log_min_messages: 'debug5', log_statement: 'all', log_min_duration_statement: '0', debug_print_plan: 'on' }, async () => {
    const session = await join({ authid: user, authmethods: ['ticket'], onchallenge: () => secret });
    assert.equal(reason(await ticket(user, `${secret}-wrong`)), 'wamp.error.authentication_denied');
    assert.equal(reason(await ticket(secret, 'wrong')), 'wamp.error.authentication_denied');
    const seen = await sql('SELECT string_agg(s::text, chr(10)) FROM fox_wamp.session s', 'SELECT string_agg(a::text, chr(10)) FROM pg_stat_activity a');
    assert.ok(!seen.includes(secret));
    session.leaveNow();
  });
  const log = fs.readFileSync(path.join(env.data, '..', 'log'), 'utf8').split('\n').filter((line) => line.includes(secret) && !line.includes('set_password'));
  assert.deepEqual(log.filter((line) => line.includes(`${secret}-wrong`)), []);
  assert.deepEqual(log, []);
  await sql(`SELECT fox_wamp.set_password('${user}', 'right')`);
});

test('after all that the router is the one that it was', async () => {
  assert.equal(await routerPid(), router);
});
