-- what the extension's roles may call works for them
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never

-- nothing that runs as its caller needs a function which the caller may not execute
WITH functions AS (
		SELECT p.proname, p.prosecdef, p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '') AS source,
			p.prorettype = 'trigger'::regtype OR has_function_privilege('fox_wamp_admin', p.oid, 'EXECUTE') AS of_admin,
			has_function_privilege('fox_wamp_user', p.oid, 'EXECUTE') AS of_user
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'fox_wamp'::regnamespace AND l.lanname IN ('sql', 'plpgsql')),
	called AS (
		SELECT p.proname, bool_or(has_function_privilege('fox_wamp_admin', p.oid, 'EXECUTE')) AS by_admin, bool_or(has_function_privilege('fox_wamp_user', p.oid, 'EXECUTE')) AS by_user
		FROM pg_proc p WHERE p.pronamespace = 'fox_wamp'::regnamespace AND p.prorettype <> 'trigger'::regtype GROUP BY p.proname)
SELECT f.proname AS function, c.proname AS needs
FROM functions f JOIN called c ON f.source ~ ('\mfox_wamp\.' || c.proname || '\(') AND ((f.of_admin AND NOT c.by_admin) OR (f.of_user AND NOT c.by_user))
WHERE NOT f.prosecdef ORDER BY 1, 2;

CREATE ROLE privilege_admin IN ROLE fox_wamp_admin;
CREATE ROLE privilege_user IN ROLE fox_wamp_user;
CREATE SCHEMA privilege;
GRANT USAGE ON SCHEMA privilege TO privilege_admin;
CREATE TABLE privilege.item (id int PRIMARY KEY);
CREATE FUNCTION privilege.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION privilege.f(b text) RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION privilege.bound(privilege.item) RETURNS int LANGUAGE sql AS 'SELECT 3';
SET ROLE privilege_admin;
SELECT fox_wamp.expose_function('privilege.f(int)'), fox_wamp.expose_function('privilege.f(text)');
SELECT fox_wamp.expose_table('privilege.item'), fox_wamp.expose_function('privilege.bound(privilege.item)');
SELECT fox_wamp.expose_service('privilege');
SELECT procedure, function FROM fox_wamp.exposed ORDER BY procedure, function;
SET ROLE privilege_user;
SELECT length(fox_wamp.contract('privilege'));
SET ROLE privilege_admin;
SELECT fox_wamp.unexpose('f'), fox_wamp.unexpose('item'), fox_wamp.unexpose('privilege');
RESET ROLE;
DROP SCHEMA privilege CASCADE;
DROP ROLE privilege_admin, privilege_user;
