'use strict';
// Limits, each reached in a router whose settings are this file's own: slow readers, memory, long messages; and the unix socket.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-limits.'));
const file = path.join(dir, 's');
delete process.env.FOX_PORT;
delete process.env.PSQL;
process.env.FOX_CONF = `fox_wamp.unix_socket = '${file}'`;
const { start, stop, sql, join, fresh, until, withSettings } = require('./lib');
const { MESSAGE, header, Stream, closeAll } = require('./stream');

before(() => {
  // A socket whose process is no more; this test may run as root, the server does not.
  fs.chmodSync(dir, 0o777);
  spawnSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`]);
  fs.chmodSync(file, 0o777);
  start();
});
after(() => {
  closeAll();
  stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

const counter = async (name) => Number(await sql(`SELECT value FROM fox_wamp.stat_router WHERE name = '${name}'`));

/** A subscriber that takes nothing until it is resumed. */
async function sleeper(topic) {
  const stream = await Stream.join();
  stream.send([32, 1, {}, topic]);
  await stream.message();
  stream.socket.pause();
  return stream;
}

const MEGABYTE = 'm'.repeat(1 << 20);

test('slow_reader = drop: a slow reader misses events, which are counted, and stays', async () => {
  await withSettings({ 'fox_wamp.slow_reader': 'drop', 'fox_wamp.out_soft_limit': '2MB' }, async () => {
    const topic = fresh();
    const slow = await sleeper(topic);
    const other = await join();
    const before = await counter('events_dropped');
    let sent = 0;
    await until(async () => {
      await other.publish(topic, [MEGABYTE], {}, { acknowledge: true });
      sent++;
      return await counter('events_dropped') > before;
    }, 60000);
    const dropped = await counter('events_dropped') - before;
    slow.socket.resume();
    for (let i = 0; i < sent - dropped; i++) assert.equal((await slow.message())[4][0].length, MEGABYTE.length);
    await other.publish(topic, ['again'], {}, { acknowledge: true });
    assert.deepEqual((await slow.message())[4], ['again']);
    other.leaveNow();
  });
});

test('slow_reader = disconnect: a slow reader is cut when its time is up', async () => {
  await withSettings({ 'fox_wamp.out_soft_limit': '2MB', 'fox_wamp.out_soft_time': '100ms' }, async () => {
    const topic = fresh();
    const slow = await sleeper(topic);
    const other = await join();
    const before = await counter('slow_readers_cut');
    await until(async () => {
      for (let i = 0; i < 4; i++) await other.publish(topic, [MEGABYTE], {}, { acknowledge: true });
      return await counter('slow_readers_cut') > before;
    }, 60000);
    slow.socket.resume();
    await slow.closed;
    other.leaveNow();
  });
});

// The cap counts what a memory checker takes for itself.
const own = { skip: Boolean(process.env.FOX_WRAPPER) };
test('max_memory: above it the slowest are cut and nobody is let in, until there is room again', own, async () => {
  const topic = fresh();
  const slow = [];
  for (let i = 0; i < 4; i++) slow.push(await sleeper(`${topic}.${i}`));
  const other = await join();
  // Nobody is cut for its time: filling 64 MB may take long.
  await withSettings({ 'fox_wamp.max_memory': '64MB', 'fox_wamp.out_soft_time': '1h' }, async () => {
    await until(async () => {
      // The router may have stopped reading: it is not waited for.
      for (let i = 0; i < 12; i++) other.publish(`${topic}.${i % 4}`, [MEGABYTE]);
      return await counter('cut_for_memory') > 0;
    }, 60000);
    for (const stream of slow) stream.socket.resume();
    await until(async () => (await Stream.join().catch(() => null)) !== null, 60000);
    await other.publish(topic, [], {}, { acknowledge: true });
  });
  other.leaveNow();
});

test('a message longer than announced ends the connection before it has come', async () => {
  await withSettings({ 'fox_wamp.max_message_size': '64kB' }, async () => {
    let stream;
    await until(async () => {
      stream = await Stream.join();
      return stream.reply.toString('hex') === '7f710000';
    });
    stream.socket.write(header(MESSAGE, 65537));
    await stream.closed;
  });
});

test('a unix socket: for the server alone, a stale file replaced, removed at the end', async () => {
  assert.equal(fs.statSync(file).mode & 0o777, 0o700);
  const stream = await Stream.join({ path: file });
  stream.send([32, 1, {}, fresh()]);
  assert.equal((await stream.message())[0], 33);
  assert.equal(await sql(`SELECT count(*) FROM fox_wamp.session WHERE peer = 'unix:${process.pid}'`), '1');
  await sql('SELECT fox_wamp.stop()');
  await stream.closed;
  await until(() => !fs.existsSync(file));
  await sql('SELECT fox_wamp.start()', "SELECT fox_wamp.wait_until_running('30s')");
  await Stream.join({ path: file });
});
