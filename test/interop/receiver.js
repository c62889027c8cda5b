'use strict';
// receiver.js - an HTTP server that is POSTed to, and remembers.
const http = require('node:http');
const https = require('node:https');
const { Inbox } = require('./lib');

/** Starts one, with TLS if it is given a key and a certificate; answer(request, response, body) may be replaced at any time. */
async function receiver(tls) {
  const inbox = new Inbox();
  const r = { inbox, count: 0, answer: (request, response) => response.end() };
  const serve = (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const got = { method: request.method, url: request.url, headers: request.headers, text, body: text && JSON.parse(text) };
      r.count++;
      inbox.put(got);
      r.answer(request, response, got);
    });
  };
  const server = tls ? https.createServer(tls, serve) : http.createServer(serve);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  r.port = server.address().port;
  r.url = `${tls ? 'https' : 'http'}://127.0.0.1:${r.port}`;
  r.next = () => inbox.next();
  r.status = (status, text = '') => { r.answer = (request, response) => { response.statusCode = status; response.end(text); }; };
  r.close = () => { server.closeAllConnections(); return new Promise((resolve) => { server.close(resolve); }); };
  return r;
}

module.exports = { receiver };
