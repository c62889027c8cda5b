'use strict';
// Limits, each reached in a router whose settings are this file's own: slow readers, memory, long messages; and the unix socket.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fox_wamp-limits.'));
const file = path.join(dir, 's');
delete process.env.FOX_PORT;
delete process.env.PSQL;
process.env.FOX_CONF = `fox_wamp.unix_socket = '${file}'`;
const { start, stop, sql, join, fresh, until, withSettings, Raw, env } = require('./lib');
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

test('slow_reader = conflate: of each topic a slow reader hears the last event, in order, and answers come behind', async () => {
  await withSettings({ 'fox_wamp.slow_reader': 'conflate', 'fox_wamp.out_soft_limit': '2MB' }, async () => {
    const topic = fresh();
    const slow = await sleeper(`${topic}.*`);
    const other = await join();
    const before = await counter('events_conflated');
    let sent = 0;
    // Six topics in turn; the seventh once, in the middle.
    await until(async () => {
      for (let i = 0; i < 6; i++, sent++) await other.publish(`${topic}.${i}`, [sent, MEGABYTE], {}, { acknowledge: true });
      if (await counter('events_conflated') < before + 20) return false;
      await other.publish(`${topic}.once`, ['once', MEGABYTE], {}, { acknowledge: true });
      return true;
    }, 60000);
    for (let i = 0; i < 6; i++, sent++) await other.publish(`${topic}.${i}`, [sent, MEGABYTE], {}, { acknowledge: true });
    slow.send([32, 2, {}, fresh()]);
    slow.socket.resume();
    const heard = [];
    for (;;) {
      const message = await slow.message();
      if (message[0] === 33) break;
      heard.push(message[4][0]);
    }
    const conflated = await counter('events_conflated') - before;
    assert.equal(heard.length + conflated, sent + 1);
    assert.deepEqual(heard.slice(-7), ['once', ...Array.from({ length: 6 }, (_, i) => sent - 6 + i)]);
    const numbers = heard.filter((n) => n !== 'once');
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
    await other.publish(`${topic}.0`, ['again'], {}, { acknowledge: true });
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

test('message_rate, byte_rate: who sends too fast is slowed down, and loses nothing', async () => {
  for (const [setting, value, size] of [['fox_wamp.message_rate', '400', 1], ['fox_wamp.byte_rate', '400kB', 1000]]) {
    await withSettings({ [setting]: value }, async () => {
      await until(async () => await sql(`SELECT setting FROM pg_settings WHERE name = '${setting}'`) !== '0');
      const before = await counter('rate_pauses');
      const [fast, other] = [await Raw.join(), await Raw.join()];
      const topic = fresh();
      await other.ask([32, 1, {}, topic]);
      // Twice as much as may come at once.
      for (let i = 0; i < 800; i++) fast.send([16, i + 1, {}, topic, ['x'.repeat(size), i]]);
      // Others are not slowed down meanwhile.
      await other.ask([32, 2, {}, fresh()]);
      for (let i = 0; i < 800; i++) assert.equal((await other.next())[4][1], i);
      assert.ok(await counter('rate_pauses') > before);
      await fast.ask([32, 801, {}, fresh()]);
      fast.ws.terminate();
      other.ws.terminate();
    });
  }
});

test('message_rate, byte_rate: by HTTP too, of one connection', async () => {
  for (const [setting, value, size] of [['fox_wamp.message_rate', '100', 1], ['fox_wamp.byte_rate', '100kB', 1000]]) {
    await withSettings({ [setting]: value }, async () => {
      await until(async () => await sql(`SELECT setting FROM pg_settings WHERE name = '${setting}'`) !== '0');
      const before = await counter('rate_pauses');
      const request = `GET /root/timestamp HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(size)}\r\n`;
      const socket = net.connect(env.port, '127.0.0.1');
      const answers = new Promise((resolve) => {
        let all = '';
        socket.on('data', (data) => { all += data; });
        socket.on('end', () => resolve(all.split('HTTP/1.1 200 OK').length - 1));
      });
      socket.write(`${request}\r\n`.repeat(199) + `${request}Connection: close\r\n\r\n`);
      assert.equal((await fetch(`http://127.0.0.1:${env.port}/root/timestamp`)).status, 200, 'others are not slowed down meanwhile');
      assert.equal(await answers, 200);
      assert.ok(await counter('rate_pauses') > before);
    });
  }
});

test('connections_per_address: HTTP counts too', async () => {
  const connect = () => new Promise((resolve, reject) => {
    const socket = net.connect(env.port, '127.0.0.1');
    socket.on('error', reject);
    socket.once('data', (data) => resolve([socket, data.toString('latin1')]));
    socket.write('GET /root/timestamp HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
  const first = await Raw.join();
  await withSettings({ 'fox_wamp.connections_per_address': '2' }, async () => {
    let kept;
    await until(async () => {
      const [socket, answer] = await connect();
      if (answer.startsWith('HTTP/1.1 200')) kept = socket;
      return kept !== undefined;
    });
    const [, refused] = await connect();
    assert.match(refused, /^HTTP\/1.1 429 Too Many Requests\r\n[^]*Connection: close/);
    await assert.rejects(Raw.join(), /429/);
    kept.destroy();
    await until(async () => (await connect().then(([socket, answer]) => { socket.destroy(); return answer; })).startsWith('HTTP/1.1 200'));
  });
  first.ws.terminate();
});

test('connections_per_address: one more is told so, on every transport; who leaves makes room', async () => {
  const first = await Raw.join();
  const now = Number(await sql("SELECT count(*) FROM fox_wamp.session WHERE peer LIKE '127.0.0.1:%'"));
  await withSettings({ 'fox_wamp.connections_per_address': String(now) }, async () => {
    await assert.rejects(Raw.join(), /429/);
    const plain = net.connect(env.port, '127.0.0.1');
    plain.write(Buffer.from('7ff10000', 'hex'));
    assert.equal((await new Promise((resolve) => { plain.once('data', resolve); })).toString('hex'), '7f400000');
    plain.destroy();
    const response = await fetch(`http://127.0.0.1:${env.port}/longpoll/open`, { method: 'POST', body: '{"protocols":["wamp.2.json"]}' });
    assert.equal(response.status, 429);
    (await Stream.join({ path: file })).socket.destroy();
    await until(async () => await sql("SELECT count(*) FROM fox_wamp.session WHERE peer LIKE 'unix:%'") === '0');
    first.ws.terminate();
    await until(async () => {
      try { (await Raw.join()).ws.terminate(); return true; } catch { return false; }
    });
  });
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
