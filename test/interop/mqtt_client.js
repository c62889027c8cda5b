'use strict';
// mqtt_client.js - MQTT by hand: packets as mqtt-packet makes them, or any bytes, over TCP, TLS or WebSocket.

const { test, after } = require('node:test');
const net = require('node:net');
const tls = require('node:tls');
const mqttPacket = require('mqtt-packet');
const WebSocket = require('ws');
const { env } = require('./lib');

const PATIENCE = 10000;
const open = new Set();
let count = 0;

after(() => { for (const c of open) c.kill(); });

/** A name that no other test has. */
const unique = (what = 'c') => `${what}-${process.pid}-${++count}`;

const ALL = [3, 4, 5];

/** A test for each version. */
function each(versions, name, body) {
  for (const version of versions) test(`${name} (${{ 3: '3.1', 4: '3.1.1', 5: '5.0' }[version]})`, () => body(version));
}

class MqttClient {
  /** Connects the transport; version is 3, 4 or 5. */
  static async open(version, transport = 'tcp', tlsOptions = {}) {
    const c = new MqttClient();
    c.version = version;
    c.packets = [];
    c.wakeups = [];
    c.closed = false;
    c.lastId = 0;
    c.parser = mqttPacket.parser({ protocolVersion: version });
    c.parser.on('packet', (packet) => { c.packets.push(packet); c.wake(); });
    c.parser.on('error', (error) => { c.error = error; c.wake(); });
    const onClose = () => { c.closed = true; open.delete(c); c.wake(); };
    if (transport === 'ws') {
      c.ws = new WebSocket(`ws://127.0.0.1:${env.port}/mqtt`, ['mqtt']);
      c.ws.on('message', (data) => c.parser.parse(data));
      c.ws.on('close', onClose);
      await new Promise((resolve, reject) => { c.ws.on('open', resolve); c.ws.on('error', reject); });
      c.write = (bytes) => c.ws.send(bytes);
      c.kill = () => c.ws.terminate();
    } else {
      c.socket = transport === 'tls' ?
        tls.connect({ host: '127.0.0.1', port: env.tlsPort, rejectUnauthorized: false, ...tlsOptions }) : net.connect(env.port, '127.0.0.1');
      c.socket.on('data', (data) => c.parser.parse(data));
      c.socket.on('close', onClose);
      await new Promise((resolve, reject) => { c.socket.on(transport === 'tls' ? 'secureConnect' : 'connect', resolve); c.socket.on('error', reject); });
      c.socket.on('error', () => {});
      c.write = (bytes) => c.socket.write(bytes);
      c.kill = () => c.socket.destroy();
    }
    open.add(c);
    return c;
  }

  /** The reason code of a CONNECT that is refused, in 5.0's or the older ones' numbers; the server has closed. */
  static async refusal(version, { transport, tlsOptions, ...options } = {}) {
    const c = await MqttClient.open(version, transport, tlsOptions);
    const ack = await c.connect(options);
    await c.end();
    return version === 5 ? ack.reasonCode : ack.returnCode;
  }

  /** Connects and joins; options are those of CONNECT, and transport. */
  static async join(version, { transport, tlsOptions, ...options } = {}) {
    const c = await MqttClient.open(version, transport, tlsOptions);
    c.connack = await c.connect(options);
    const code = version === 5 ? c.connack.reasonCode : c.connack.returnCode;
    if (code !== 0) throw new Error(`CONNACK 0x${code.toString(16)}`);
    return c;
  }

  connect(options = {}) {
    this.id = options.clientId ?? unique();
    this.send({ cmd: 'connect', protocolId: this.version === 3 ? 'MQIsdp' : 'MQTT', protocolVersion: this.version, clean: true, keepalive: 0, ...options, clientId: this.id });
    return this.take('connack');
  }

  wake() {
    for (const w of this.wakeups.splice(0)) w();
  }

  send(packet) {
    this.write(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  hex(text) {
    this.write(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
  }

  /** The first packet that fits: a kind, or a function; others stay. */
  async take(what) {
    const fits = typeof what === 'string' ? (p) => p.cmd === what : what;
    const end = Date.now() + PATIENCE;
    for (;;) {
      if (this.error) throw this.error;
      const i = this.packets.findIndex(fits);
      if (i >= 0) return this.packets.splice(i, 1)[0];
      if (this.closed) throw new Error(`the connection was closed, waiting for ${what}`);
      if (Date.now() > end) throw new Error(`no ${what} has come; there is ${JSON.stringify(this.packets.map((p) => p.cmd))}`);
      await new Promise((resolve) => { this.wakeups.push(resolve); setTimeout(resolve, 200); });
    }
  }

  /** The server closes; the reason of its DISCONNECT, if one came. */
  async end() {
    const end = Date.now() + PATIENCE;
    while (!this.closed) {
      if (Date.now() > end) throw new Error(`the server does not close; there is ${JSON.stringify(this.packets.map((p) => p.cmd))}`);
      await new Promise((resolve) => { this.wakeups.push(resolve); setTimeout(resolve, 200); });
    }
    return this.packets.find((p) => p.cmd === 'disconnect')?.reasonCode;
  }

  /** The payload of the next PUBLISH, which is not acknowledged. */
  async text() {
    return (await this.take('publish')).payload.toString();
  }

  /** Everything that was sent before has been looked at when this returns; fails if a PUBLISH is there. */
  async nothing() {
    this.send({ cmd: 'pingreq' });
    await this.take('pingresp');
    const p = this.packets.find((packet) => packet.cmd === 'publish');
    if (p) throw new Error(`unexpected PUBLISH to ${p.topic}: ${p.payload}`);
  }

  async subscribe(topic, options = {}, properties) {
    const messageId = ++this.lastId;
    const subscriptions = [].concat(topic).map((t) => ({ topic: t, qos: 0, nl: false, rap: false, rh: 0, ...options }));
    this.send({ cmd: 'subscribe', messageId, subscriptions, properties });
    const suback = await this.take((p) => p.cmd === 'suback' && p.messageId === messageId);
    return suback.granted.map((g) => (typeof g === 'object' ? g.qos : g));
  }

  async unsubscribe(topic) {
    const messageId = ++this.lastId;
    this.send({ cmd: 'unsubscribe', messageId, unsubscriptions: [].concat(topic) });
    return (await this.take((p) => p.cmd === 'unsuback' && p.messageId === messageId)).granted;
  }

  /** Publishes, and waits for what the QoS promises; the acknowledgement that ends it. */
  async publish(topic, payload = '', { qos = 0, retain = false, properties, messageId = qos ? ++this.lastId : undefined } = {}) {
    this.send({ cmd: 'publish', topic, payload, qos, retain, dup: false, messageId, properties });
    if (qos === 0) return undefined;
    const ack = await this.take((p) => p.cmd === (qos === 1 ? 'puback' : 'pubrec') && p.messageId === messageId);
    if (qos === 1 || ack.reasonCode >= 0x80) return ack;
    this.send({ cmd: 'pubrel', messageId });
    return this.take((p) => p.cmd === 'pubcomp' && p.messageId === messageId);
  }

  /** Acknowledges a PUBLISH to the end. */
  async acknowledge({ qos, messageId }) {
    if (qos === 1) this.send({ cmd: 'puback', messageId });
    if (qos !== 2) return;
    this.send({ cmd: 'pubrec', messageId });
    await this.take((p) => p.cmd === 'pubrel' && p.messageId === messageId);
    this.send({ cmd: 'pubcomp', messageId });
  }

  async leave(options = {}) {
    this.send({ cmd: 'disconnect', ...options });
    await this.end();
  }
}

/** A string, a number of bytes and a packet, as they stand on the wire. */
const str = (s) => Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), Buffer.from(s)]);
const packet = (first, ...parts) => {
  const body = Buffer.concat(parts.map((p) => Buffer.from(typeof p === 'number' ? [p] : p)));
  const length = [];
  let n = body.length;
  do { length.push((n & 127) | (n > 127 ? 128 : 0)); n >>= 7; } while (n > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
};

module.exports = { MqttClient, each, ALL, unique, str, packet };
