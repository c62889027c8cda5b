'use strict';
// Autobahn|Python: what autobahn_python.py finds, each of its cases a test.
const { test, before, after } = require('node:test');
const { start, stop, allowMeta } = require('./lib');
const { pythonTap } = require('./python_tap');

before(async () => {
  start();
  await allowMeta();
});
after(stop);

test('Autobahn|Python', (t) => pythonTap(t, 'autobahn_python.py'));
