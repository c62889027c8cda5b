'use strict';
// receiver.js - an HTTP server that is POSTed to, and remembers.
const http = require('node:http');
const { Inbox } = require('./lib');

/** Starts one; answer(request, response, body) may be replaced at any time. */
async function receiver() {
  const inbox = new Inbox();
  const r = { inbox, count: 0, answer: (request, response) => response.end() };
  const server = http.createServer((request, response) => {
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
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  r.port = server.address().port;
  r.url = `http://127.0.0.1:${r.port}`;
  r.next = () => inbox.next();
  r.status = (status, text = '') => { r.answer = (request, response) => { response.statusCode = status; response.end(text); }; };
  r.close = () => { server.closeAllConnections(); return new Promise((resolve) => { server.close(resolve); }); };
  return r;
}

module.exports = { receiver };
