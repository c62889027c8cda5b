-- What the tests of HTTP call.
CREATE SCHEMA web;
CREATE ROLE web_user;
CREATE ROLE web_admin LOGIN PASSWORD 'admin pw';
CREATE ROLE web_slow LOGIN PASSWORD 'slow pw';
GRANT fox_wamp_connect TO web_admin, web_slow;
ALTER ROLE web_slow SET statement_timeout = '300ms';
GRANT USAGE ON SCHEMA web TO PUBLIC;
CREATE TABLE web.counter (n integer NOT NULL);
INSERT INTO web.counter VALUES (10);
GRANT SELECT, UPDATE, INSERT, DELETE ON web.counter TO web_admin;

CREATE FUNCTION web.sum(a float8, b float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION web.isum(a int, b int DEFAULT 10) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION web.hello(name text DEFAULT 'world') RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'Hello ' || name$$;
CREATE FUNCTION web.one() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'OneValue'::text$$;
CREATE FUNCTION web.two() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$SELECT ARRAY['One', 'two']$$;
CREATE FUNCTION web.nothing() RETURNS void LANGUAGE sql AS 'SELECT';
CREATE FUNCTION web.nul() RETURNS int LANGUAGE sql AS 'SELECT NULL::int';
CREATE FUNCTION web.divmod(a int, b int, OUT q int, OUT r int) LANGUAGE sql IMMUTABLE AS 'SELECT a / b, a % b';
CREATE FUNCTION web.swap(INOUT x int, INOUT y int) LANGUAGE sql IMMUTABLE AS 'SELECT y, x';
CREATE FUNCTION web.series(n int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT * FROM generate_series(1, n)';
CREATE FUNCTION web.rows(n int) RETURNS TABLE (i int, sq int) LANGUAGE sql IMMUTABLE AS 'SELECT g, g * g FROM generate_series(1, n) g';
CREATE FUNCTION web.big() RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT 9007199254740993';
CREATE FUNCTION web.nan() RETURNS float8 LANGUAGE sql IMMUTABLE AS $$SELECT 'NaN'::float8$$;
CREATE FUNCTION web.bytes() RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT '\x00ff10'::bytea$$;
CREATE FUNCTION web.echo_json(v jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT v';
CREATE FUNCTION web.deep() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$SELECT jsonb_build_object('a b', '" : ,', 'c\', jsonb_build_array(1, 2.50, NULL))$$;
CREATE FUNCTION web.whole(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION web.plus_one(VARIADIC v int[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS 'SELECT array_agg(n + 1) FROM unnest(v) n';
CREATE FUNCTION web.joined(parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT array_to_string(parts, '|')$$;
CREATE TYPE web.point2 AS (x float8, y float8);
CREATE FUNCTION web.summyobject(a web.point2, b web.point2) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT a.x + a.y + b.x + b.y';
CREATE FUNCTION web.size_of(bytea) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length($1)';
CREATE FUNCTION web.shout(words text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(words)';
CREATE FUNCTION web.boom() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'kaboom'; END$$;
CREATE FUNCTION web.pay() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE SQLSTATE 'PT402' USING MESSAGE = 'Payment Required', HINT = 'Upgrade'; END$$;
CREATE FUNCTION web.inc_counter() RETURNS int LANGUAGE sql AS 'UPDATE web.counter SET n = n + 1 RETURNING n';
CREATE FUNCTION web.lost() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO web.counter VALUES (-1); RAISE EXCEPTION 'no'; END$$;
CREATE FUNCTION web.count_lost() RETURNS int8 LANGUAGE sql STABLE AS 'SELECT count(*) FROM web.counter WHERE n = -1';
CREATE FUNCTION web.secret() RETURNS text LANGUAGE sql AS $$SELECT 'classified'::text$$;
REVOKE EXECUTE ON FUNCTION web.secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.secret() TO web_admin;
CREATE FUNCTION web.whoami() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
CREATE FUNCTION web.escape_role() RETURNS text LANGUAGE plpgsql AS $$BEGIN RESET ROLE; RETURN current_user; END$$;
CREATE FUNCTION web.nap(s float8) RETURNS text LANGUAGE sql AS $$SELECT 'slept'::text FROM pg_sleep(s)$$;
CREATE DOMAIN web."text/html" AS text;
CREATE DOMAIN web."application/x-three" AS bytea;
CREATE FUNCTION web.page() RETURNS web."text/html" LANGUAGE sql IMMUTABLE AS $$SELECT '<b>hi</b>'::web."text/html"$$;
CREATE FUNCTION web.three() RETURNS web."application/x-three" LANGUAGE sql IMMUTABLE AS $$SELECT '\x00ff10'::web."application/x-three"$$;
CREATE FUNCTION web.file() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('\x00ff10'::bytea, 200, 'application/octet-stream')$$;
CREATE FUNCTION web.clock() RETURNS fox_wamp.http_response LANGUAGE sql AS 'SELECT fox_wamp.returns(1234567890123)';
CREATE FUNCTION web.pairs() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns(json_build_object('a', 1), 201)$$;
CREATE FUNCTION web.make() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('made', 201, headers => '{"Location":"/x"}')$$;
CREATE FUNCTION web.refuse() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('not here', 410)$$;
CREATE FUNCTION web.teapot() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('short and stout', 418, raw => true)$$;
CREATE FUNCTION web.inject() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('x', 200, headers => '{"X-A":"1\r\nX-B: 2"}')$$;
CREATE FUNCTION web.inject_name() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('x', 200, headers => '{"X-A: 1\r\nX-B":"2"}')$$;
CREATE FUNCTION web.inject_type() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('x', 200, E'text/plain\r\nX-B: 2')$$;
CREATE FUNCTION web.inject_length() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('x', 200, headers => '{"Content-Length":"0"}')$$;
CREATE FUNCTION web.missing() RETURNS void LANGUAGE sql AS $$SELECT fox_wamp.error('Missing Parameter', 404)$$;
CREATE FUNCTION web.bad() RETURNS void LANGUAGE sql AS 'SELECT fox_wamp.error()';
CREATE FUNCTION web.bad_object() RETURNS void LANGUAGE sql AS $$SELECT fox_wamp.error('{"why":"because"}', 409)$$;
CREATE FUNCTION web.created() RETURNS int LANGUAGE sql AS 'SELECT fox_wamp.set_status(201); SELECT 7';
CREATE FUNCTION web.habits() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('response.status', '202', true), set_config('response.headers', '[{"X-One":"1"},{"X-Two":"2"}]', true);
	RETURN current_setting('request.method') || ' ' || current_setting('request.path') || ' ' || (current_setting('request.headers')::json ->> 'user-agent');
END$$;
CREATE FUNCTION web.context() RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object('method', fox_wamp.http_method(), 'path', fox_wamp.request_path(), 'ip', fox_wamp.remote_ip(),
		'agent', fox_wamp.user_agent(), 'x', fox_wamp.in_header('x-mine'), 'body', fox_wamp.in_body(), 'session', fox_wamp.session_id(),
		'authid', fox_wamp.caller_authid(), 'user', current_user)$$;
CREATE FUNCTION web.puts() RETURNS void LANGUAGE plpgsql AS $$BEGIN IF fox_wamp.http_method() <> 'PUT' THEN PERFORM fox_wamp.error(); END IF; END$$;

SELECT fox_wamp.expose_root('rpc', style => 'plain');
SELECT fox_wamp.expose_root('closed', auth => true);
SELECT fox_wamp.expose_function(p.oid, root => r.root, methods => CASE p.proname WHEN 'puts' THEN ARRAY['GET', 'PUT'] END)
	FROM pg_proc p, (VALUES ('root'), ('rpc')) r (root) WHERE p.pronamespace = 'web'::regnamespace;
SELECT fox_wamp.expose_function('web.divmod(int,int)', 'divmod_list', result_as => 'array');
SELECT fox_wamp.expose_function('web.context()', root => 'closed');
SELECT fox_wamp.expose_function('web.context()', 'open', root => 'closed', anonymous => true);
SELECT fox_wamp.sync();
