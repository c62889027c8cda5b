'use strict';
// mosquitto.js - brokers of other people, to bridge to: mosquitto on a port of its own, which can be ended and started again.

const { after } = require('node:test');
const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const mqtt = require('mqtt');
const { until } = require('./lib');

const brokers = new Set();
const clients = new Set();

after(async () => {
  for (const c of clients) c.end(true);
  for (const b of brokers) { await b.stop('SIGKILL'); fs.rmSync(b.dir, { recursive: true, force: true }); }
});

/** A port that nobody listens on. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
}

const answers = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

class Mosquitto {
  /** A broker that keeps sessions on disk; lines are more of its configuration, in which DIR is its directory. */
  static async start(...lines) {
    const b = new Mosquitto();
    b.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-mosquitto.'));
    fs.chmodSync(b.dir, 0o755);
    b.port = await freePort();
    b.configure(...lines);
    brokers.add(b);
    await b.run();
    return b;
  }

  configure(...lines) {
    const anonymous = lines.some((l) => l.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true'];
    fs.writeFileSync(path.join(this.dir, 'conf'), [`user ${os.userInfo().username}`, 'persistence true', `persistence_location ${this.dir}/`,
      'max_queued_messages 0', `listener ${this.port} 127.0.0.1`, ...anonymous, ...lines, ''].join('\n').replaceAll('DIR', this.dir));
  }

  async run() {
    this.child = spawn('mosquitto', ['-c', path.join(this.dir, 'conf')], { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    this.ended = new Promise((resolve) => { this.child.on('exit', resolve); this.child.on('error', resolve); });
    await until(() => answers(this.port));
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    await this.ended;
  }

  /** With `mosquitto_passwd`: a file for password_file. */
  user(name, password) {
    execFileSync('mosquitto_passwd', ['-b', '-c', path.join(this.dir, 'users'), name, password], { stdio: 'ignore' });
  }

  get url() { return `mqtt://127.0.0.1:${this.port}`; }
}

/** A client of some broker, which hears what it has subscribed to: got is [topic, payload, qos, retain, properties] each. */
async function client(url, filter, options = {}) {
  const { qos = 2, rap = false, ...more } = options;
  const c = await mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 100, ...more });
  clients.add(c);
  c.got = [];
  c.on('error', () => {});
  c.on('message', (topic, payload, p) => c.got.push([topic, payload.toString('latin1'), p.qos, p.retain, p.properties ?? {}]));
  if (filter) await c.subscribeAsync(filter, { qos, rap });
  c.texts = () => c.got.map((g) => `${g[0]} ${g[1]}`);
  c.hears = (n) => until(() => c.got.length >= n);
  return c;
}

module.exports = { Mosquitto, client, freePort };
