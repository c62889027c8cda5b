-- publish() as far as it goes without a router: arguments, conditions, rows
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
SET client_min_messages = notice;
\set VERBOSITY default

-- one NOTICE per transaction
BEGIN;
SELECT fox_wamp.publish('a.b', '["hello"]') BETWEEN 1 AND 9007199254740992 AS id;
SELECT fox_wamp.publish('a.b', '"hello"', '{"k":1}') > 0 AS id;
COMMIT;
SET client_min_messages = warning;

-- what is refused
\set SHOW_CONTEXT never
DO $$
DECLARE
	r record;
	code text;
	message text;
	detail text;
BEGIN
	FOR r IN SELECT * FROM (VALUES
		(1, NULL, '{}', NULL),
		(2, '', '{}', NULL),
		(3, 'a..b', '{}', NULL),
		(4, 'a.#', '{}', NULL),
		(5, 'a b', '{}', NULL),
		(6, repeat('x', 2001), '{}', NULL),
		(7, 'a', '{"will":1}', NULL),
		(8, 'a', '{"watch":true}', NULL),
		(9, 'a', '{"retain":true,"will_on":"lost"}', NULL),
		(10, 'a', '{"retain":"yes"}', NULL),
		(11, 'a', '{"retian":true}', NULL),
		(12, 'a', '{"when":{"a":{"$foo":1}}}', NULL),
		(13, 'a', '[1]', NULL),
		(14, 'a', '{"retain":true,"ttl":-1}', NULL),
		(15, 'a', '{}', 'nowhere'),
		(16, 'wamp.session.on_join', '{}', NULL),
		(17, 'fox_wamp.a', '{"retain":true}', NULL)) AS t(n, topic, options, realm) ORDER BY n
	LOOP
		BEGIN
			PERFORM fox_wamp.publish(r.topic, '[1]', NULL, r.options::jsonb, r.realm);
			RAISE WARNING '%: accepted', r.n;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
			RAISE WARNING '%: % % %', r.n, code, left(message, 50), detail;
		END;
	END LOOP;
END
$$;
\set VERBOSITY terse

-- retained values
SELECT fox_wamp.publish('lamp', '[{"on":true}]', NULL, '{"retain":true}') AS id \gset
SELECT publication = :id AS same_publication FROM fox_wamp.retained;
SELECT topic, args, kwargs, owned, expires FROM fox_wamp.retained;
SELECT fox_wamp.publish('lamp', '[{"on":false}]', NULL, '{"retain":true,"when":null}');
SELECT fox_wamp.publish('lamp', '[{"on":false}]', NULL, '{"retain":true,"when":{"on":false}}');
SELECT fox_wamp.publish('lamp', NULL, '{"on":false}', '{"retain":true,"when":{"on":true},"ttl":60}') > 0 AS ok;
SELECT topic, args, kwargs, expires > now() AS expires FROM fox_wamp.retained;
SELECT fox_wamp.publish('lamp', '[{"colour":"red","on":null}]', NULL, '{"retain":true,"merge":true}') > 0 AS ok;
SELECT topic, args, kwargs, expires FROM fox_wamp.retained;
SELECT fox_wamp.publish('lamp', '[1]', NULL, '{"when":{"colour":"blue"}}');
SELECT fox_wamp.publish('lamp', '[null]', NULL, '{"retain":true}') > 0 AS deleted;
SELECT count(*) FROM fox_wamp.retained;

-- a will makes an owner; any other change drops it
SELECT fox_wamp.publish('mutex', '[{}]', NULL, '{"retain":true,"when":null,"will":null}') > 0 AS ok;
SELECT topic, owned FROM fox_wamp.retained;
SELECT l.topic, l.will, l.will_on, l.pid = pg_backend_pid() AS mine, l.backend_start = a.backend_start AS same_start, l.boot_id
	FROM fox_wamp.lock l JOIN pg_stat_activity a USING (pid);
BEGIN;
UPDATE fox_wamp.retained SET kwargs = '{"by":"sql"}';
SELECT topic, owned FROM fox_wamp.retained;
SELECT count(*) AS locks FROM fox_wamp.lock;
ROLLBACK;
SELECT count(*) AS locks FROM fox_wamp.lock;
DELETE FROM fox_wamp.retained;
SELECT count(*) AS locks FROM fox_wamp.lock;

-- plain SQL
INSERT INTO fox_wamp.retained (realm, topic, args, payload, format) VALUES ('realm1', 'x.y', '[1]', '[[1.0]]', 'json');
SELECT topic, args, payload IS NOT NULL AS payload, publication > 0 AS publication FROM fox_wamp.retained;
UPDATE fox_wamp.retained SET expires = NULL;
SELECT topic, args, payload IS NOT NULL AS payload FROM fox_wamp.retained;
UPDATE fox_wamp.retained SET args = '[2]';
SELECT topic, args, payload, format FROM fox_wamp.retained;
INSERT INTO fox_wamp.retained (realm, topic) VALUES ('realm1', 'x.*');
TRUNCATE fox_wamp.retained;

-- what waits is refused in a transaction that has written or sees an old snapshot
CREATE TEMPORARY TABLE written (a int);
BEGIN;
INSERT INTO written VALUES (1);
SELECT fox_wamp.publish('mutex', '[{}]', NULL, '{"retain":true,"when":null,"watch":true}');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT fox_wamp.lock('mutex');
ROLLBACK;

-- savepoints and PREPARE TRANSACTION
BEGIN;
SAVEPOINT s;
SELECT fox_wamp.publish('a', '[1]') > 0 AS ok;
ROLLBACK TO s;
SELECT fox_wamp.publish('a', '[2]') > 0 AS ok;
PREPARE TRANSACTION 'fox';

-- realms and bridges
SELECT fox_wamp.create_realm('second', true);
SELECT * FROM fox_wamp.realm ORDER BY name;
SELECT fox_wamp.publish('a', '[1]', realm => 'second') > 0 AS ok;
SELECT fox_wamp.bridge('orders', 'shop.orders');
SELECT fox_wamp.bridge_out('shop.#', 'shop', 'second');
SELECT fox_wamp.bridge('orders', 'shop.#');
SELECT * FROM fox_wamp.bridge ORDER BY direction;
SELECT fox_wamp.unbridge('orders'), fox_wamp.unbridge('orders');
SELECT fox_wamp.drop_realm('second'), fox_wamp.drop_realm('second');
SELECT * FROM fox_wamp.bridge;

-- privileges
CREATE ROLE fox_regress_user IN ROLE fox_wamp_user;
CREATE ROLE fox_regress_nobody;
SET ROLE fox_regress_user;
SELECT fox_wamp.publish('by.user', '[1]', NULL, '{"retain":true,"will":null}') > 0 AS ok;
SELECT topic, owned FROM fox_wamp.retained;
SELECT fox_wamp.publish('by.user', NULL, NULL, '{"retain":true}') > 0 AS ok;
DELETE FROM fox_wamp.retained;
SELECT fox_wamp.stop();
SELECT fox_wamp.ask('{"ask":"sessions"}');
RESET ROLE;
SET ROLE fox_regress_nobody;
SELECT fox_wamp.publish('a');
RESET ROLE;
DROP ROLE fox_regress_user, fox_regress_nobody;
-- every function, table, view has its comment
SELECT p.oid::regprocedure AS uncommented FROM pg_proc p
	WHERE pronamespace = 'fox_wamp'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
UNION ALL
SELECT c.oid FROM pg_class c
	WHERE relnamespace = 'fox_wamp'::regnamespace AND relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;
