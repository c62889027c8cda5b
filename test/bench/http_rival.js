'use strict';
// http_rival.js - what a web service in Node.js does for the same request: http and a pool of pg's
// connections.  Takes the port to listen on; PostgreSQL is that of PGHOST, PGPORT and PGUSER.
const http = require('node:http');
const { Pool } = require('pg');

const pool = new Pool({ max: Number(process.env.POOL ?? 10) });

http.createServer(async (request, response) => {
  const { searchParams } = new URL(request.url, 'http://localhost');
  try {
    const { rows } = await pool.query({ name: 'sum', text: 'SELECT bench_sum($1, $2) AS v', values: [searchParams.get('a'), searchParams.get('b')] });
    const body = JSON.stringify({ Result: rows[0].v });
    response.writeHead(200, { 'Content-Type': 'application/json; charset=UTF-8', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  } catch (error) {
    response.writeHead(500);
    response.end(error.message);
  }
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
