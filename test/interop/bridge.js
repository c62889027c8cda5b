'use strict';
// bridge.js - bridges to other MQTT brokers, made by SQL and ended after the file's tests.

const assert = require('node:assert/strict');
const { reconfigure, sql, until, env } = require('./lib');
const { unique } = require('./mqtt_client');

const PATIENCE = 120000; // several attempts
const names = new Set();

/** Our own broker. */
const here = () => `mqtt://127.0.0.1:${env.port}`;

const literal = (v) => (typeof v === 'string' ? `'${v.replaceAll("'", "''")}'` : v);
const named = (args) => Object.entries(args).map(([k, v]) => `, ${k} => ${literal(v)}`).join('');

/** A column of its state. */
const state = async (name, column = 'state') => sql(`SELECT ${column} FROM fox_wamp.mqtt_bridge_state WHERE name = '${name}'`);
const connected = (name) => until(async () => await state(name) === 'connected', PATIENCE);
/** It is not connected, with such an error. */
const failed = async (name, why) => {
  let error = '';
  await until(async () => why.test(error = await state(name, 'last_error')), PATIENCE).catch(() => assert.match(error, why));
  assert.notEqual(await state(name), 'connected');
};
/** Ends a bridge. */
const drop = (name) => sql(`SELECT fox_wamp.drop_mqtt_bridge('${name}')`, 'SELECT fox_wamp.sync()');

/** Makes a bridge with these topics, [pattern, options], in one transaction. */
async function bridge(url, topics, options = {}) {
  const name = unique('b');
  names.add(name);
  await sql([`SELECT fox_wamp.mqtt_bridge('${name}', '${url}'${named(options)})`,
    ...topics.map(([pattern, more]) => `SELECT fox_wamp.mqtt_bridge_topic('${name}', '${pattern}'${named(more)})`)].join(';'), 'SELECT fox_wamp.sync()');
  return name;
}

/** The same, once it is connected. */
async function connect(url, topics, options) {
  const name = await bridge(url, topics, options);
  await connected(name);
  return name;
}

/** For before(): bridges may connect to brokers of this list. */
const allow = (list = '*') => reconfigure(`ALTER SYSTEM SET fox_wamp.mqtt_bridge_allow = '${list}'`);

/** For after(): ends those that are left. */
async function dropAll() {
  for (const name of names) await drop(name);
  await reconfigure('ALTER SYSTEM RESET fox_wamp.mqtt_bridge_allow');
}

module.exports = { allow, here, state, connected, failed, bridge, connect, drop, dropAll, names };
