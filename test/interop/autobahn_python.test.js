'use strict';
// Autobahn|Python: what autobahn_python.py finds, each of its cases a test.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { start, stop, env, allowMeta } = require('./lib');

const PYTHON = process.env.PYTHON || '/usr/bin/python3';

before(async () => {
  start();
  await allowMeta();
});
after(stop);

test('Autobahn|Python', async (t) => {
  const python = spawn(PYTHON, [path.join(__dirname, 'autobahn_python.py')], {
    env: { ...process.env, FOX_PORT: env.port, PSQL: env.psql }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => { python.on('close', resolve); python.on('error', resolve); });
  let [said, cases, plan] = ['', 0, 0];
  for await (const line of createInterface({ input: python.stdout })) {
    const [, not, name] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      const failure = said;
      said = '';
      cases++;
      await t.test(name, () => assert.ok(!not, failure)).catch(() => {});
    } else if (/^1\.\.\d+$/.test(line)) plan = Number(line.slice(3));
    else said += `${line}\n`;
  }
  assert.ok(plan > 0 && cases === plan, `${PYTHON} ended with ${await ended} after ${cases} cases of ${plan}\n${said}`);
});
