-- callbacks as far as they go without a router: local ones, what refers to them, their release, and who may
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA recv;
CREATE DOMAIN recv.news_callback AS fox_wamp.callback;
CREATE TABLE recv.got (n serial, method text, args jsonb, kwargs jsonb);
CREATE FUNCTION recv.take(method text, args jsonb, kwargs jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO recv.got (method, args, kwargs) VALUES ($1, $2, $3)';
CREATE FUNCTION recv.double(method text, args jsonb) RETURNS numeric LANGUAGE sql AS 'SELECT 2 * (args ->> 0)::numeric';
CREATE FUNCTION recv.fails(method text) RETURNS int LANGUAGE sql AS 'SELECT 1 / 0';
CREATE TABLE recv.reader (cb recv.news_callback PRIMARY KEY REFERENCES fox_wamp.callback_registry ON DELETE CASCADE, topic text);

-- the same code, without any transport
SELECT fox_wamp.callback_local('recv.take(text,jsonb,jsonb)', 'news_callback') AS cb \gset
INSERT INTO recv.reader VALUES (:cb, 'sports'), (fox_wamp.callback_local('recv.fails(text)', 'news_callback'), 'weather');
SELECT fox_wamp.callback_local('recv.take(text,jsonb,jsonb)', 'news_callback') = :cb AS the_same;
SELECT kind, session, interface, service, owner = current_user AS mine, length(token) FROM fox_wamp.callback_registry ORDER BY uri;
SELECT topic, fox_wamp.callback_send(cb, 'news', '["goal"]', '{"minute": 7}') FROM recv.reader ORDER BY topic;
SELECT fox_wamp.callback_now(:cb, 'one', '1');
BEGIN;
SELECT fox_wamp.callback_send(:cb, 'rolled_back');
ROLLBACK;
SELECT * FROM recv.got ORDER BY n;
SELECT fox_wamp.callback_call(fox_wamp.callback_local('recv.double(text,jsonb)'), 'double', '[21]'),
	fox_wamp.callback_call(:cb, 'void') AS void;
SELECT fox_wamp.callback_call(cb, 'x') FROM recv.reader WHERE topic = 'weather';

-- an exception as a value
CREATE FUNCTION recv.handles() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE cb fox_wamp.callback := fox_wamp.callback_local('recv.take(text,jsonb,jsonb)', 'news_callback');
BEGIN
	RAISE 'no' USING ERRCODE = '22012', DETAIL = 'why', HINT = 'so';
EXCEPTION WHEN division_by_zero THEN
	RETURN fox_wamp.callback_send(cb, 'failed', jsonb_build_array(fox_wamp.exception_json() - 'Context'));
END $$;
SELECT recv.handles();
SELECT args FROM recv.got WHERE method = 'failed';
SELECT fox_wamp.exception_json();

-- its end
CREATE FUNCTION recv.callback_released(cb fox_wamp.callback, interface text) RETURNS void LANGUAGE sql AS 'SELECT 1 / 0';
UPDATE fox_wamp.callback_registry SET service = 'recv' WHERE id = :cb;
SELECT fox_wamp.callback_release(:cb);
CREATE OR REPLACE FUNCTION recv.callback_released(cb fox_wamp.callback, interface text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO got (method, args) VALUES ('released', jsonb_build_array(interface, (SELECT count(*) FROM reader r WHERE r.cb = $1))); END $$;
SELECT fox_wamp.callback_uri(:cb) LIKE 'fox_wamp.cb.%' AS uri;
SELECT fox_wamp.callback_release(:cb);
SELECT args FROM recv.got WHERE method = 'released';
SELECT topic FROM recv.reader;
SET client_min_messages = notice;
SELECT fox_wamp.callback_release(:cb), fox_wamp.callback_send(:cb, 'x'), fox_wamp.callback_uri(:cb);
SET fox_wamp.on_callback_released = error;
SELECT fox_wamp.callback_send(:cb, 'x');
RESET fox_wamp.on_callback_released;
SET client_min_messages = warning;

-- what is refused
SELECT fox_wamp.callback_local('recv.handles()') > 0;
CREATE FUNCTION recv.numbers(int) RETURNS void LANGUAGE sql AS '';
SELECT fox_wamp.callback_local('recv.numbers(int)');
\set VERBOSITY terse
SELECT fox_wamp.callback_send(NULL, 'x');
SELECT fox_wamp.callback_send(cb, NULL) FROM recv.reader;
SELECT fox_wamp.callback_send(cb, 'a b') FROM recv.reader;
SELECT fox_wamp.callback_send(cb, 'x', '[]', '[1]') FROM recv.reader;
SELECT fox_wamp.callback_call(cb, 'x', timeout => '0') FROM recv.reader;

-- who may: whoever knows a callback may send to it, and nobody reads them all
CREATE ROLE recv_role;
SET ROLE recv_role;
SELECT id FROM fox_wamp.callback_registry;
SELECT fox_wamp.callback_local('recv.fails(text)');
SELECT fox_wamp.callback_send(17, 'x');
SET fox_wamp.on_callback_released = error;
SELECT fox_wamp.callback_send(17, 'x');
RESET ROLE;
-- a function of somebody else's does nothing as who sends to it
GRANT fox_wamp_user TO recv_role;
CREATE SCHEMA recv_evil AUTHORIZATION recv_role;
SET ROLE recv_role;
CREATE FUNCTION recv_evil.who(method text) RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION recv_evil.stay(method text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'recv_evil', false); SET work_mem = '77MB'; END $$;
CREATE FUNCTION recv_evil.escape(method text) RETURNS void LANGUAGE plpgsql AS 'BEGIN RESET ROLE; END';
CREATE TABLE recv_evil.late (n int);
CREATE FUNCTION recv_evil.act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN CREATE ROLE recv_root SUPERUSER; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER act AFTER INSERT ON recv_evil.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION recv_evil.act();
CREATE FUNCTION recv_evil.wait(method text) RETURNS void LANGUAGE sql AS 'INSERT INTO recv_evil.late VALUES (1)';
SELECT fox_wamp.callback_local('recv_evil.who(text)') AS who, fox_wamp.callback_local('recv_evil.escape(text)') AS escape, fox_wamp.callback_local('recv_evil.wait(text)') AS wait, fox_wamp.callback_local('recv_evil.stay(text)') AS stay \gset
RESET ROLE;
SELECT fox_wamp.callback_send(:stay, 'x'), current_setting('search_path') ~ 'evil' AS path, current_setting('work_mem') = '77MB' AS memory;
SELECT fox_wamp.callback_call(:who, 'x'), fox_wamp.callback_send(:escape, 'x'), fox_wamp.callback_send(:wait, 'x');
SELECT count(*) FROM pg_roles WHERE rolname = 'recv_root';
-- nor as who ends it, whose registry it is: what refers to that goes, and its triggers are nobody's in particular
GRANT USAGE ON SCHEMA recv_evil TO PUBLIC;
SET ROLE recv_role;
CREATE TABLE recv_evil.saw (what text, who text);
GRANT INSERT ON recv_evil.saw TO PUBLIC;
CREATE FUNCTION recv_evil.see() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN INSERT INTO recv_evil.saw VALUES (TG_WHEN || TG_LEVEL, current_user); RETURN OLD; END';
CREATE TABLE recv_evil.mine (cb bigint REFERENCES fox_wamp.callback_registry ON DELETE CASCADE);
CREATE TRIGGER before_row BEFORE DELETE ON recv_evil.mine FOR EACH ROW EXECUTE FUNCTION recv_evil.see();
CREATE TRIGGER after_row AFTER DELETE ON recv_evil.mine FOR EACH ROW EXECUTE FUNCTION recv_evil.see();
CREATE TRIGGER after_all AFTER DELETE ON recv_evil.mine FOR EACH STATEMENT EXECUTE FUNCTION recv_evil.see();
CREATE TABLE recv_evil.later (cb bigint REFERENCES fox_wamp.callback_registry ON DELETE CASCADE);
CREATE CONSTRAINT TRIGGER act AFTER DELETE ON recv_evil.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION recv_evil.act();
INSERT INTO recv_evil.mine VALUES (:who);
INSERT INTO recv_evil.later VALUES (:escape);
-- the function of that type is told, and no other of its name
CREATE FUNCTION recv_evil.callback_released(bigint, text) RETURNS void LANGUAGE sql AS $$ INSERT INTO recv_evil.saw VALUES ('overload', current_user) $$;
CREATE FUNCTION recv_evil.callback_released(fox_wamp.callback, text) RETURNS void LANGUAGE sql AS $$ INSERT INTO recv_evil.saw VALUES ('released', current_user) $$;
RESET ROLE;
UPDATE fox_wamp.callback_registry SET service = 'recv_evil' WHERE id = :who;
SELECT fox_wamp.callback_release(:who), fox_wamp.end_callback(:wait);
SELECT fox_wamp.callback_release(:escape);
SELECT what, who FROM recv_evil.saw;
SELECT count(*) FROM recv_evil.mine;
DELETE FROM fox_wamp.callback_registry;
DROP OWNED BY recv_role;
DROP ROLE recv_role;
DELETE FROM fox_wamp.callback_registry;
SELECT count(*) FROM recv.reader;
DROP SCHEMA recv CASCADE;
-- no exception where there is no PL/pgSQL either
\c -
\set SHOW_CONTEXT never
SELECT fox_wamp.exception_json();
