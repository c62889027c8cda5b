'use strict';
// lib.js - a cluster for the tests of a file, and clients for it.
//
// With FOX_PORT and PSQL in the environment (test/run-check sets them) the files
// share that cluster; alone, a file starts its own.

const { execFile, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const autobahn = require('autobahn');
const WebSocket = require('ws');

const cluster = path.join(__dirname, '..', 'cluster');
const run = promisify(execFile);
const env = { port: process.env.FOX_PORT, psql: process.env.PSQL, tlsPort: process.env.FOX_TLS_PORT, data: process.env.PGDATA };
const patience = 20000 * (process.env.FOX_PATIENCE ?? 1);
const open = new Set();
let dir;

autobahn.log && (autobahn.log.debug = () => {});

/** For before(): makes sure that a router runs. */
function start() {
  if (env.port && env.psql) return;
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-interop.'));
  fs.chmodSync(dir, 0o755);
  const child = spawnSync(cluster, ['start', path.join(dir, 'c')], { encoding: 'utf8', env: { ...process.env, FOX_PORT: '', FOX_TLS: '1' } });
  if (child.status !== 0) throw new Error(`test/cluster start: ${child.stderr}`);
  env.port = /^FOX_PORT=(.*)$/m.exec(child.stdout)[1];
  env.psql = /^PSQL=(.*)$/m.exec(child.stdout)[1];
  env.tlsPort = /^FOX_TLS_PORT=(.*)$/m.exec(child.stdout)[1];
  env.data = /^PGDATA=(.*)$/m.exec(child.stdout)[1];
}

/** For after(): closes what is open, ends the cluster if it is ours. */
function stop() {
  for (const close of open) close();
  open.clear();
  if (dir) {
    spawnSync(cluster, ['remove', path.join(dir, 'c')]);
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const url = () => `ws://127.0.0.1:${env.port}/ws`;

/** Runs SQL as one psql -c (one transaction unless it says otherwise); rows as text. */
async function sql(text, ...more) {
  const args = ['-Atq', '-v', 'ON_ERROR_STOP=1', '-c', text];
  for (const next of more) args.push('-c', next);
  const { stdout } = await run(env.psql, args);
  return stdout.trim();
}

/** For tests that call what changes other sessions: everybody may. */
const allowMeta = (realm = 'realm1') => sql(`INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call)
  VALUES ('${realm}', 'wamp.#', 'public', true) ON CONFLICT DO NOTHING`, 'SELECT fox_wamp.sync()');

/** A session of autobahn-js, closed after the file's tests. */
function join(options = {}) {
  return new Promise((resolve, reject) => {
    const connection = new autobahn.Connection({ url: url(), realm: 'realm1', max_retries: 0, ...options });
    const close = () => { try { connection.close(); } catch { /* closed already */ } };
    connection.onopen = (session) => {
      open.add(close);
      session.leaveNow = () => { open.delete(close); close(); };
      resolve(session);
    };
    connection.onclose = (reason, details) => { reject(Object.assign(new Error(reason), { details })); return true; };
    connection.open();
  });
}

/** WAMP by hand: what no client library sends. */
class Raw {
  static async connect(protocols = ['wamp.2.json'], options = {}) {
    const raw = new Raw();
    raw.queue = [];
    raw.waiting = [];
    raw.ws = new WebSocket(url(), protocols, options);
    raw.closed = new Promise((resolve) => raw.ws.on('close', (code) => {
      resolve(code);
      for (const w of raw.waiting.splice(0)) w.reject(new Error(`closed ${code}`));
    }));
    raw.ws.on('message', (data) => {
      const message = JSON.parse(data.toString());
      const w = raw.waiting.shift();
      if (w) w.resolve(message); else raw.queue.push(message);
    });
    await new Promise((resolve, reject) => { raw.ws.on('open', resolve); raw.ws.on('error', reject); });
    open.add(() => raw.ws.terminate());
    return raw;
  }

  /** Connects and joins; raw.id is the session. */
  static async join(realm = 'realm1') {
    const raw = await Raw.connect();
    raw.send([1, realm, { roles: { publisher: {}, subscriber: {}, caller: {}, callee: { features: { call_canceling: true, progressive_call_results: true } } } }]);
    const welcome = await raw.next();
    if (welcome[0] !== 2) throw new Error(JSON.stringify(welcome));
    raw.id = welcome[1];
    return raw;
  }

  send(message) { this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)); }

  next(ms = patience) {
    if (this.queue.length) return Promise.resolve(this.queue.shift());
    if (this.ws.readyState !== WebSocket.OPEN) return Promise.reject(new Error('closed'));
    return new Promise((resolve, reject) => {
      const w = { resolve: (m) => { clearTimeout(timer); resolve(m); }, reject: (e) => { clearTimeout(timer); reject(e); } };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(w), 1);
        reject(new Error('no message in time'));
      }, ms);
      this.waiting.push(w);
    });
  }

  /** Sends a request and returns the answer that belongs to it; events stay queued. */
  async ask(message) {
    this.send(message);
    const kept = [];
    for (;;) {
      const answer = await this.next();
      if (answer[1] === message[1] || (answer[0] === 8 && answer[2] === message[1])) {
        this.queue.unshift(...kept);
        return answer;
      }
      kept.push(answer);
    }
  }
}

/** Collects values; next() waits for one, rest() takes what is there. */
class Inbox {
  constructor() { this.items = []; this.waiting = []; }

  put(item) { const w = this.waiting.shift(); if (w) w(item); else this.items.push(item); }

  next(ms = patience) {
    if (this.items.length) return Promise.resolve(this.items.shift());
    return new Promise((resolve, reject) => {
      const w = (item) => { clearTimeout(timer); resolve(item); };
      const timer = setTimeout(() => { this.waiting.splice(this.waiting.indexOf(w), 1); reject(new Error('nothing came in time')); }, ms);
      this.waiting.push(w);
    });
  }

  rest() { return this.items.splice(0); }
}

/** Subscribes with autobahn-js; events arrive in the inbox as {topic, args, kwargs, retained}. */
async function listen(session, topic, options) {
  const inbox = new Inbox();
  inbox.subscription = await session.subscribe(topic, (args, kwargs, details) => inbox.put({
    topic: details.topic, args: args ?? [], kwargs: kwargs ?? {}, retained: Boolean(details.retained), publication: details.publication,
  }), options);
  return inbox;
}

let counter = 0;
/** A topic that no other test uses. */
const fresh = (name = 't') => `test.p${process.pid}.${name}${++counter}`;

/** The error that a promise is rejected with, as {error, args, kwargs}. */
async function refusal(promise) {
  try { await promise; } catch (e) { return e; }
  throw new Error('should have been refused');
}

/** Waits for a condition that other processes make true. */
async function until(condition, ms = patience) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not in time: ${condition}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** Ends the router, and waits until another one serves. */
async function restart() {
  await sql('SELECT fox_wamp.restart()');
  await until(async () => await sql('SELECT fox_wamp.wait_until_running()') === 't');
}

/** Runs statements, then has the router read its configuration again, and waits for that. */
async function reconfigure(...statements) {
  const reads = () => sql("SELECT value FROM fox_wamp.stat_router WHERE name = 'configurations_read'").then(Number);
  const before = await reads();
  await sql("LOAD 'fox_wamp'", ...statements, 'SELECT pg_reload_conf()');
  await until(async () => await reads() > before);
}

/** Runs body with settings that a reload changes. */
async function withSettings(settings, body) {
  const names = Object.keys(settings);
  await reconfigure(...names.map((n) => `ALTER SYSTEM SET ${n} = '${settings[n]}'`));
  try {
    await body();
  } finally {
    await reconfigure(...names.map((n) => `ALTER SYSTEM RESET ${n}`));
  }
}

module.exports = { start, stop, restart, reconfigure, url, sql, allowMeta, withSettings, join, listen, Raw, Inbox, fresh, refusal, until, env, autobahn, WebSocket };
