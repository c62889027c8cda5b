'use strict';
// Eclipse Paho: what paho_python.py finds, each of its cases a test.
const { test, before, after } = require('node:test');
const { start, stop } = require('./lib');
const { pythonTap } = require('./python_tap');

before(start);
after(stop);

test('Eclipse Paho', (t) => pythonTap(t, 'paho_python.py'));
