'use strict';
// python_tap.js - a Python program that prints TAP: each of its cases is a test.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { env } = require('./lib');

const PYTHON = process.env.PYTHON || '/usr/bin/python3';

/** Runs a program of this directory as subtests of t. */
async function pythonTap(t, program) {
  const python = spawn(PYTHON, [path.join(__dirname, program)], {
    env: { ...process.env, FOX_PORT: env.port, FOX_TLS_PORT: env.tlsPort, PSQL: env.psql }, stdio: ['ignore', 'pipe', 'inherit'],
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
}

module.exports = { pythonTap };
