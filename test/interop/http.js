'use strict';
// http.js - HTTP by a client that sends what it is told, and by bare sockets.
const http = require('node:http');
const net = require('node:net');
const { env } = require('./lib');

const agent = new http.Agent({ keepAlive: true });
const sockets = new Set();

/** A request to the router: the answer's status, headers and body. */
function ask(method, path, { headers = {}, body, port = env.port, by = agent, client = http, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const set = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    if (body !== undefined) set['Content-Length'] ??= Buffer.byteLength(body);
    // Node's own client knows a fixed set of methods; a bare socket sends any.
    if (!http.METHODS.includes(method)) return resolve(askRaw(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
    const r = client.request({ host: '127.0.0.1', port, method, path, headers: set, agent: by, ...options }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    r.on('error', reject);
    r.end(body);
  });
}

/** Sends bytes, ends the stream, and gives back all that is answered, as text. */
function raw(...pieces) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port: env.port, allowHalfOpen: true });
    const chunks = [];
    sockets.add(socket);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => { socket.destroy(); sockets.delete(socket); resolve(Buffer.concat(chunks).toString('latin1')); });
    socket.setNoDelay(true);
    const next = () => {
      if (pieces.length === 0) socket.end();
      else socket.write(pieces.shift(), () => setImmediate(next));
    };
    next();
  });
}

/** The same of one request; its answer as ask() gives it. */
async function askRaw(...pieces) {
  const [answer] = parse(await raw(...pieces));
  return answer;
}

/** Answers one behind the other, each with a length or without a body. */
function parse(text) {
  const answers = [];
  while (text.length > 0) {
    const end = text.indexOf('\r\n\r\n');
    const [line, ...lines] = text.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 2)]));
    const length = Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(line.split(' ')[1]), headers, body: Buffer.from(text.slice(end + 4, end + 4 + length), 'latin1') });
    text = text.slice(end + 4 + length);
  }
  return answers;
}

function closeAll() {
  agent.destroy();
  for (const socket of sockets) socket.destroy();
}

module.exports = { ask, raw, askRaw, parse, closeAll };
