-- attach() as far as it goes without a router: rows that follow their functions, the queue, and what is refused
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA hand;
CREATE FUNCTION hand.all_of_it(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION hand.topic_only(topic varchar) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION hand.nothing() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION hand.old_json(topic text, args json) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
SELECT fox_wamp.attach('a.b', 'hand.all_of_it(text,jsonb,jsonb,jsonb)') > 0;
SELECT fox_wamp.attach('a.#', 'hand.topic_only(varchar)', durable => true, concurrency => 2, max_attempts => 3, retry_delay => '10ms') > 0;
SELECT fox_wamp.attach('a', 'hand.nothing()', 'prefix', durable => true) > 0;
SELECT fox_wamp.attach('a.*', 'hand.old_json(text,json)') > 0;
SELECT realm, pattern, match, function, owner = current_user AS mine, durable, concurrency, max_attempts, retry_delay FROM fox_wamp.handler ORDER BY id;
-- once more changes it
SELECT fox_wamp.attach('a.b', 'hand.all_of_it(text,jsonb,jsonb,jsonb)', concurrency => 7) = (SELECT id FROM fox_wamp.handler WHERE pattern = 'a.b');
SELECT pattern, concurrency FROM fox_wamp.handler ORDER BY id;

-- what is refused
CREATE FUNCTION hand.five(text, jsonb, jsonb, jsonb, text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION hand.number(int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION hand.texts(text, text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION hand.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE PROCEDURE hand.proc() LANGUAGE sql AS '';
SELECT fox_wamp.attach('a', 'hand.five(text,jsonb,jsonb,jsonb,text)');
SELECT fox_wamp.attach('a', 'hand.number(int)');
SELECT fox_wamp.attach('a', 'hand.texts(text,text)');
SELECT fox_wamp.attach('a', 'hand.trig()');
SELECT fox_wamp.attach('a', 'hand.proc()'::regprocedure);
\set VERBOSITY terse
SELECT fox_wamp.attach('a', NULL);
SELECT fox_wamp.attach(NULL, 'hand.nothing()');
SELECT fox_wamp.attach('a..b', 'hand.nothing()');
SELECT fox_wamp.attach('a', 'hand.nothing()', 'regex');
SELECT fox_wamp.attach('a', 'hand.nothing()', concurrency => 0);
SELECT fox_wamp.attach('a', 'hand.nothing()', max_attempts => 0);
SELECT fox_wamp.attach('a', 'hand.nothing()', retry_delay => '0');
SELECT fox_wamp.attach('a', 'hand.nothing()', realm => 'nowhere');
\set VERBOSITY default
INSERT INTO fox_wamp.handler (realm, pattern, match, function) VALUES ('realm1', 'x', 'exact', 'hand.gone()');

-- the queue is part of the transaction
SELECT count(*) FROM fox_wamp.delivery;
BEGIN;
SELECT count(fox_wamp.publish('a.b', '[1]', '{"k":1}'));
SELECT count(*) FROM fox_wamp.delivery;
SAVEPOINT s;
SELECT count(fox_wamp.publish('a.c', '[2]'));
ROLLBACK TO s;
SELECT count(fox_wamp.publish('b', '[3]'));
SELECT count(fox_wamp.publish('a', '["{\"x\""]', options => '{"retain":true}'));
COMMIT;
BEGIN;
SELECT count(fox_wamp.publish('a.b', '[4]'));
ROLLBACK;
DELETE FROM fox_wamp.retained WHERE topic = 'a';
SELECT h.pattern, d.topic, d.args, d.kwargs, d.hops, d.attempts, d.dead FROM fox_wamp.delivery d JOIN fox_wamp.handler h ON h.id = d.handler
	ORDER BY d.id;
DELETE FROM fox_wamp.delivery;
-- who is not eligible hears nothing; the handler is of its owner's role
SELECT count(fox_wamp.publish('a.b', '[5]', options => '{"eligible_authrole":["nobody"]}')),
	count(fox_wamp.publish('a.b', '[6]', options => jsonb_build_object('eligible_authrole', jsonb_build_array(current_user)))),
	count(fox_wamp.publish('a.b', '[7]', options => '{"exclude_authid":["handler"]}'));
SELECT h.pattern, d.args FROM fox_wamp.delivery d JOIN fox_wamp.handler h ON h.id = d.handler ORDER BY d.id;
DELETE FROM fox_wamp.delivery;
-- attached and detached again before the end of a transaction
BEGIN;
SELECT fox_wamp.attach('z', 'hand.nothing()', durable => true) > 0;
SELECT count(fox_wamp.publish('z', '[1]'));
ROLLBACK;
SELECT count(fox_wamp.publish('z', '[1]'));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(fox_wamp.publish('z', '[1]'));
SELECT fox_wamp.attach('z', 'hand.nothing()', durable => true) > 0;
SELECT count(fox_wamp.publish('z', '[2]'));
COMMIT;
SELECT topic, args FROM fox_wamp.delivery;
SELECT fox_wamp.drop_delivery(id) FROM fox_wamp.delivery;
SELECT fox_wamp.retry_delivery(0), fox_wamp.drop_delivery(0), (SELECT count(*) FROM fox_wamp.delivery);

-- the rows follow
ALTER FUNCTION hand.nothing() RENAME TO nothing_more;
ALTER SCHEMA hand RENAME TO hand2;
CREATE ROLE hand_role;
ALTER FUNCTION hand2.topic_only(varchar) OWNER TO hand_role;
SELECT pattern, function, owner = 'hand_role' AS handed FROM fox_wamp.handler WHERE owner = 'hand_role' OR pattern = 'z' AND function LIKE '%more()';
DROP FUNCTION hand2.old_json(text, json);
SELECT pattern, match, function FROM fox_wamp.handler ORDER BY id;
SELECT fox_wamp.detach('a'), fox_wamp.detach('a', match => 'prefix'), fox_wamp.detach('z', 'hand2.number(int)'), fox_wamp.detach('z', 'hand2.nothing_more()');
SELECT pattern FROM fox_wamp.handler ORDER BY id;

-- who may: an administrator who has the privileges of the function's owner
CREATE ROLE hand_admin;
GRANT fox_wamp_admin TO hand_admin;
GRANT USAGE ON SCHEMA hand2 TO hand_admin, hand_role;
SET ROLE hand_role;
SELECT fox_wamp.attach('b', 'hand2.topic_only(varchar)');
SET ROLE hand_admin;
SELECT fox_wamp.attach('b', 'hand2.topic_only(varchar)');
\set VERBOSITY sqlstate
SELECT fox_wamp.attach('b', 'pg_catalog.pg_reload_conf()');
\set VERBOSITY default
RESET ROLE;
GRANT hand_role TO hand_admin;
SET ROLE hand_admin;
SELECT fox_wamp.attach('b', 'hand2.topic_only(varchar)') > 0;
SELECT count(*) FROM fox_wamp.attached;
SELECT fox_wamp.detach('b');
RESET ROLE;

DROP SCHEMA hand2 CASCADE;
DROP OWNED BY hand_role;
DROP ROLE hand_role, hand_admin;
SELECT count(*) FROM fox_wamp.handler;
