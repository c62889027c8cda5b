'use strict';
// The manual and the catalog say the same: settings in the README, a comment on every object.
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { start, stop, sql } = require('./lib');

before(start);
after(stop);

const readme = fs.readFileSync(path.join(__dirname, '../../README.md'), 'utf8');

test("the README's table of settings is pg_settings", async () => {
  const rows = [...readme.matchAll(/^\| `(fox_wamp\.[a-z0-9_]+)` \| `([^`]*)` \|/gm)].map((m) => [m[1], m[2]]);
  // LOAD makes the settings known to a session that has not called a function yet.
  const listed = await sql("LOAD 'fox_wamp'", "SELECT string_agg(name, ',' ORDER BY name) FROM pg_settings WHERE name LIKE 'fox\\_wamp.%'");
  assert.equal(rows.map((r) => r[0]).sort().join(','), listed);
  for (const [name, value] of rows) {
    // The ports are the test cluster's own, and numbers without a unit.
    const shown = /port$/.test(name) ? `SELECT boot_val FROM pg_settings WHERE name = '${name}'` : `SELECT current_setting('${name}')`;
    assert.equal(await sql("LOAD 'fox_wamp'", shown), value, name);
  }
});

test('every object of the extension has a comment', async () => {
  const bare = await sql(`
    SELECT coalesce(string_agg(pg_describe_object(d.classid, d.objid, 0), ', '), '')
    FROM pg_depend d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'fox_wamp')
      AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
      AND obj_description(d.objid, d.classid::regclass::name) IS NULL`);
  assert.equal(bare, '');
});

test('no acting function may be executed by everybody', async () => {
  const open = await sql(`
    SELECT coalesce(string_agg(p.oid::regprocedure::text, ', '), '')
    FROM pg_proc p WHERE p.pronamespace = 'fox_wamp'::regnamespace
      AND has_function_privilege('public', p.oid, 'EXECUTE')
      AND p.proname NOT IN ('error', 'session_id', 'caller_authid', 'caller_authrole', 'called_procedure', 'called_realm',
        'session_user_id', 'session_group_id', 'session_get_user', 'own_user', 'request_table', 'table_request', 'batch',
        'http_method', 'request_path', 'request_id', 'remote_ip', 'user_agent', 'in_header', 'in_body',
        'returns', 'set_status', 'openapi', 'openapi_of', 'exception_json',
        'callback_send', 'callback_now', 'callback_call', 'callback_release', 'callback_uri', 'end_callback',
        'signature', 'contract', 'service_signature', 'service_contract', 'instance_state', 'set_instance_state', 'new_instance', 'free_instance')`);
  assert.equal(open, '', 'but what says only what the caller knows, speaks of its own answer, of the service that is called and its instance, or takes a callback, whose id can not be guessed');
});
