'use strict';
// Logging in: users of fox_wamp.auth_user and roles of the server, by every method.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { start, stop, sql, join, withSettings, fresh, refusal, until, Raw, autobahn, WebSocket, url } = require('./lib');

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
  stop();
});

// Guesses of this file come from one address.
const guessing = (body) => withSettings({ 'fox_wamp.auth_attempts': 0 }, async () => { await sql('SELECT pg_sleep(0.2)'); await body(); });

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
