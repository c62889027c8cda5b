-- What the tests of services call.
CREATE SCHEMA calculator; GRANT USAGE ON SCHEMA calculator TO PUBLIC;
CREATE FUNCTION calculator.add(n1 int, n2 int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n1+n2';
CREATE FUNCTION calculator.to_text(value numeric, INOUT result text) LANGUAGE sql IMMUTABLE AS $$SELECT value::text$$;
CREATE FUNCTION calculator.divmod(a int, b int, OUT q int, OUT r int) LANGUAGE sql IMMUTABLE AS 'SELECT a / b, a % b';
CREATE FUNCTION calculator.nothing() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION calculator.series(n int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT * FROM generate_series(1, n)';
CREATE FUNCTION calculator.squares(n int) RETURNS TABLE (i int, sq int) LANGUAGE sql IMMUTABLE AS 'SELECT g, g * g FROM generate_series(1, n) g';
CREATE FUNCTION calculator.no_row(OUT q int, OUT r int) LANGUAGE sql IMMUTABLE AS 'SELECT NULL::int, NULL::int WHERE false';
CREATE FUNCTION calculator.bytes_of(bytes bytea) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length(bytes)';
CREATE FUNCTION calculator.page() RETURNS fox_wamp.http_response LANGUAGE sql AS $$SELECT fox_wamp.returns('hi', 201, 'text/plain')$$;
CREATE FUNCTION calculator.boom(why text) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '%', why; END$$;
CREATE FUNCTION calculator.secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION calculator.secret() FROM PUBLIC;
-- these are none: a trigger's, an aggregate, a procedure, a hook
CREATE FUNCTION calculator.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE AGGREGATE calculator.total(int) (SFUNC = int4pl, STYPE = int);
CREATE PROCEDURE calculator.proc() LANGUAGE sql AS '';

-- A schema whose instances count.
CREATE SCHEMA tally; GRANT USAGE ON SCHEMA tally TO PUBLIC;
CREATE TABLE tally.freed (state jsonb, who text);
CREATE FUNCTION tally.next(step int DEFAULT 1) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := coalesce((fox_wamp.instance_state() ->> 'n')::int, 0) + step;
BEGIN PERFORM fox_wamp.set_instance_state(jsonb_build_object('n', n)); RETURN n; END$$;
CREATE FUNCTION tally.peek() RETURNS int LANGUAGE sql STABLE AS $$SELECT (fox_wamp.instance_state() ->> 'n')::int$$;
CREATE FUNCTION tally.undone() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM fox_wamp.set_instance_state('{"n":1000}');
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	RETURN (fox_wamp.instance_state() ->> 'n')::int;
END$$;
CREATE FUNCTION tally.lose() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM fox_wamp.set_instance_state('{"n":2000}'); RAISE EXCEPTION 'lost'; END$$;
CREATE FUNCTION tally.on_free(state jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO tally.freed VALUES (state, current_user)';
CREATE ROLE tally_owner; GRANT ALL ON SCHEMA tally TO tally_owner; GRANT ALL ON tally.freed TO tally_owner;
ALTER FUNCTION tally.on_free(jsonb) OWNER TO tally_owner;

-- Methods that have their name in common; the last two are none: of the same names, and of a name in another case.
CREATE SCHEMA shapes; GRANT USAGE ON SCHEMA shapes TO PUBLIC;
CREATE FUNCTION shapes.area(r float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 3 * r * r';
CREATE FUNCTION shapes.area(w int, h int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT w * h';
COMMENT ON FUNCTION shapes.area(int, int) IS 'of a rectangle';
CREATE FUNCTION shapes.area(h numeric, w numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'numeric ' || w * h$$;
CREATE FUNCTION shapes."Area"(a int, b int, c int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
