-- services without a router: what becomes of instances when a service ends, and which functions are no methods
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE ROLE svc_owner IN ROLE fox_wamp_user;
CREATE ROLE svc_admin IN ROLE fox_wamp_admin;
CREATE SCHEMA svc AUTHORIZATION svc_owner;
GRANT USAGE, CREATE ON SCHEMA svc TO svc_admin;
SET ROLE svc_owner;
CREATE TABLE svc.freed (state jsonb, who name, path text);
CREATE FUNCTION svc.next() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION svc.on_free(state jsonb) RETURNS void LANGUAGE plpgsql
	AS $$BEGIN INSERT INTO freed VALUES (state, current_user, current_setting('search_path')); END$$;
RESET ROLE;

CREATE PROCEDURE begin_service(lifetime text DEFAULT 'client_driven') LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM fox_wamp.expose_service('svc', lifetime => lifetime);
		INSERT INTO fox_wamp.service_instance (root, service, id, owner, state)
			VALUES ('root', 'svc', '1', 'x', '{"n":1}'), ('root', 'svc', '2', 'x', NULL);
	END$$;
CREATE FUNCTION freed() RETURNS TABLE (state jsonb, who name, path text) LANGUAGE sql
	BEGIN ATOMIC
		SELECT f.state, f.who, f.path FROM svc.freed f ORDER BY f.state;
	END;

-- who administers exposes, and is told what is no method
CREATE SCHEMA svc_other;
CREATE FUNCTION svc_other.any(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION svc_other.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION svc_other.one() FROM PUBLIC;
SET ROLE svc_admin;
SET client_min_messages = notice;
SELECT fox_wamp.expose_service('svc_other');
SET client_min_messages = warning;
SELECT fox_wamp.unexpose('svc_other');
RESET ROLE;
DROP SCHEMA svc_other CASCADE;

-- by whatever it ends, once for each instance, as the owner of the hook and not as who has ended it
CALL begin_service();
BEGIN;
SET LOCAL ROLE svc_admin;
SELECT fox_wamp.unexpose('svc');
RESET ROLE;
SELECT * FROM freed();
SELECT count(*) FROM fox_wamp.service_instance;
ROLLBACK;
SELECT * FROM freed();
BEGIN;
SET LOCAL ROLE svc_admin;
DELETE FROM fox_wamp.exposed_service;
RESET ROLE;
SELECT state, who FROM freed();
ROLLBACK;
BEGIN;
DELETE FROM fox_wamp.root WHERE name = 'root';
SELECT state, who FROM freed();
ROLLBACK;
BEGIN;
SELECT fox_wamp.drop_realm('realm1');
SELECT state, who FROM freed();
ROLLBACK;
BEGIN;
SELECT fox_wamp.unexpose('svc');
SELECT fox_wamp.expose_service('svc', lifetime => 'per_user');
SELECT state, who FROM freed();
ROLLBACK;

-- another lifetime ends the instances, and another name or contract does not
BEGIN;
UPDATE fox_wamp.exposed_service SET lifetime = 'shared';
SELECT state, who FROM freed();
SELECT count(*) FROM fox_wamp.service_instance;
ROLLBACK;
BEGIN;
UPDATE fox_wamp.exposed_service SET contract = '2', lifetime = lifetime, name = 'other';
SELECT * FROM freed();
SELECT service, id FROM fox_wamp.service_instance ORDER BY id;
UPDATE fox_wamp.root SET name = 'branch' WHERE name = 'root';
SELECT root, service, id FROM fox_wamp.service_instance ORDER BY id;
ROLLBACK;

-- what is dropped can not run: with the schema that is told
BEGIN;
DROP SCHEMA svc CASCADE;
SELECT count(*) FROM fox_wamp.exposed_service;
SELECT count(*) FROM fox_wamp.service_instance;
ROLLBACK;
BEGIN;
DROP OWNED BY svc_owner CASCADE;
SELECT count(*) FROM fox_wamp.service_instance;
ROLLBACK;
BEGIN;
DROP FUNCTION svc.on_free(jsonb);
SELECT count(*) FROM fox_wamp.service_instance;
SELECT fox_wamp.unexpose('svc');
SELECT count(*) FROM fox_wamp.service_instance;
DROP SCHEMA svc CASCADE;
ROLLBACK;
BEGIN;
SELECT fox_wamp.unexpose('svc');
SELECT state, who FROM freed();
DROP SCHEMA svc CASCADE;
ROLLBACK;

-- a hook that fails stops nothing, and is undone; the others are not
SET ROLE svc_owner;
CREATE OR REPLACE FUNCTION svc.on_free(state jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO freed VALUES (state, current_user);
		IF state = 'null' THEN RAISE EXCEPTION 'of nothing'; END IF;
	END$$;
RESET ROLE;
BEGIN;
SELECT fox_wamp.unexpose('svc');
SELECT state, who FROM freed();
SELECT count(*) FROM fox_wamp.exposed_service;
ROLLBACK;

-- who ends a service lends the hook nothing, nor does the hook leave anything behind
CREATE SCHEMA svc_trap AUTHORIZATION svc_admin;
GRANT USAGE ON SCHEMA svc_trap TO PUBLIC;
CREATE TABLE svc_trap.caught (who name);
GRANT ALL ON svc_trap.caught TO PUBLIC;
CREATE FUNCTION svc_trap.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO svc_trap.caught VALUES (current_user); RETURN $1; END$$;
SET ROLE svc_owner;
CREATE FUNCTION svc.late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO svc_trap.caught VALUES (current_user); RETURN NULL; END$$;
CREATE TABLE svc.deferred (i int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON svc.deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION svc.late();
CREATE OR REPLACE FUNCTION svc.on_free(state jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM lower('A');
		PERFORM set_config('search_path', 'svc_trap', false);
		BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END;
		BEGIN SET SESSION AUTHORIZATION DEFAULT; EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END;
		BEGIN CREATE TEMPORARY TABLE t (i int); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END;
		BEGIN INSERT INTO svc.deferred VALUES (1); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END;
		PERFORM fox_wamp.publish('svc.freed');
	END$$;
RESET ROLE;
DELETE FROM fox_wamp.service_instance WHERE id = '2';
BEGIN;
SET LOCAL search_path = svc_trap, pg_catalog;
SELECT fox_wamp.unexpose('svc');
SHOW search_path;
COMMIT;
SELECT * FROM svc_trap.caught;

-- what a trigger does is for triggers
SELECT fox_wamp.instances_follow();

-- functions that are no methods
CREATE FUNCTION svc."a b"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION svc.any(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
SET client_min_messages = notice;
SELECT fox_wamp.expose_service('svc');
CREATE FUNCTION svc.of_record(record) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION svc."Next"(n int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION svc.area(w int, h int) RETURNS int LANGUAGE sql AS 'SELECT w * h';
REVOKE EXECUTE ON FUNCTION svc.area(int, int) FROM PUBLIC;
CREATE FUNCTION svc.area(w numeric, h numeric) RETURNS numeric LANGUAGE sql AS 'SELECT w * h';
ALTER FUNCTION svc.area(int, int) RENAME TO "a c";
CREATE FUNCTION svc.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION elsewhere(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION svc.on_free(state jsonb) RETURNS void LANGUAGE sql AS '';
SELECT procedure FROM fox_wamp.exposed WHERE kind = 'method' AND procedure NOT LIKE '%\_' ORDER BY procedure;

SET client_min_messages = warning;
DROP FUNCTION elsewhere(anyelement), freed();
DROP PROCEDURE begin_service(text);
DROP SCHEMA svc, svc_trap CASCADE;
DROP ROLE svc_owner, svc_admin;
