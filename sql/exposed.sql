-- expose_function() as far as it goes without a router: rows that follow their functions, and what is refused
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SCHEMA expo;
CREATE FUNCTION expo.add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION expo.rows(n int) RETURNS TABLE (i int) LANGUAGE sql AS 'SELECT generate_series(1, n)';

SELECT fox_wamp.expose_function('expo.add');
SELECT fox_wamp.expose_function('expo.add(int,int)');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'plus', concurrency => 2, timeout => '5s');
SELECT fox_wamp.expose_function('expo.rows(int)', 'math.rows');
SELECT kind, realm, procedure, function, arguments, result, volatility, concurrency, timeout FROM fox_wamp.exposed ORDER BY procedure;

-- a name is there once, whatever the case; some names and roots are the router's
SELECT fox_wamp.expose_function('expo.add(int,int)');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'ADD');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'Batch');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'a..b');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'a b');
SELECT fox_wamp.expose_function('expo.add(int,int)', '#');
SELECT fox_wamp.expose_function('expo.add(int,int)', '');
SELECT fox_wamp.expose_function('expo.add(int,int)', root => 'nowhere');
SELECT fox_wamp.expose_function('expo.add(int,int)', 'x', concurrency => 0);
SELECT fox_wamp.expose_function('expo.add(int,int)', 'x', timeout => '-1s');
SELECT fox_wamp.expose_function(NULL);
SELECT fox_wamp.expose_root('WAMP');
SELECT fox_wamp.expose_root('a.b');
SELECT fox_wamp.expose_root('Root');
SELECT fox_wamp.expose_root('x', 'nowhere');

-- what no caller could call
CREATE PROCEDURE expo.proc() LANGUAGE sql AS '';
CREATE FUNCTION expo.any(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION expo.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION expo.rec(a int) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION pg_temp.gone() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT fox_wamp.expose_function('expo.proc()'::regprocedure);
SELECT fox_wamp.expose_function('sum(int)');
SELECT fox_wamp.expose_function('expo.any(anyelement)');
SELECT fox_wamp.expose_function('expo.trig()');
DO $$
DECLARE
	detail text;
BEGIN
	PERFORM fox_wamp.expose_function('pg_temp.gone()');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RAISE WARNING '%: %', SQLSTATE, detail;
END
$$;
SELECT fox_wamp.expose_function('expo.rec(int)');
INSERT INTO fox_wamp.exposed_function (realm, root, name, function) VALUES ('realm1', 'root', 'x', 'nonsense');
INSERT INTO fox_wamp.exposed_function (realm, root, name, function) VALUES ('realm1', 'root', 'x', 'expo.nosuch(int)');

-- the rows follow
ALTER FUNCTION expo.add(int, int) RENAME TO added;
ALTER SCHEMA expo RENAME TO expo2;
CREATE TYPE expo2.pair AS (a int, b int);
CREATE FUNCTION expo2.of_pair(expo2.pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT fox_wamp.expose_function('expo2.of_pair(expo2.pair)');
ALTER TYPE expo2.pair RENAME TO "Pair of";
SELECT name, function FROM fox_wamp.exposed_function ORDER BY name;
BEGIN;
DROP FUNCTION expo2.added(int, int);
SELECT name FROM fox_wamp.exposed_function ORDER BY name;
ROLLBACK;
DROP TYPE expo2."Pair of" CASCADE;
SELECT name, function FROM fox_wamp.exposed_function ORDER BY name;
SELECT fox_wamp.expose_root('other');
SELECT fox_wamp.expose_function('expo2.added(int,int)', root => 'other');
SELECT fox_wamp.create_realm('expo');
SELECT fox_wamp.expose_root('other', 'expo');
SELECT realm, root, name FROM fox_wamp.exposed_function ORDER BY 1, 2, 3;
SELECT fox_wamp.drop_realm('expo');
SELECT realm, root, name FROM fox_wamp.exposed_function ORDER BY 1, 2, 3;
SELECT fox_wamp.unexpose('plus'), fox_wamp.unexpose('plus');

-- who may, and what everybody may ask
CREATE ROLE expo_role;
GRANT USAGE ON SCHEMA expo2 TO expo_role;
SET ROLE expo_role;
SELECT fox_wamp.expose_function('expo2.added(int,int)', 'x');
SELECT fox_wamp.session_id(), fox_wamp.caller_authid(), fox_wamp.caller_authrole(), fox_wamp.called_procedure(), fox_wamp.called_realm();
SELECT fox_wamp.error();
SELECT fox_wamp.error('no stock', 409, 'com.shop.no_stock');
SELECT fox_wamp.error('x', 200);
SELECT fox_wamp.error('x', 400, 'a..b');
RESET ROLE;

DROP SCHEMA expo2 CASCADE;
DROP ROLE expo_role;
SELECT count(*) FROM fox_wamp.exposed_function;
