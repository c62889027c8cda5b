-- The router.

CREATE FUNCTION fox_wamp.start() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_start' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.start() IS 'starts the router of this database; inside a transaction, at its commit';

CREATE FUNCTION fox_wamp.stop() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_stop' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.stop() IS 'stops the router of this database until start()';

CREATE FUNCTION fox_wamp.restart() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_restart' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.restart() IS 'stops the router of this database and starts it again';

CREATE FUNCTION fox_wamp.wait_until_running(timeout interval DEFAULT '10s') RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_wait_until_running' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.wait_until_running(interval) IS 'true as soon as the router accepts connections, false after the timeout';

CREATE FUNCTION fox_wamp.doctor(OUT check_name text, OUT ok boolean, OUT detail text, OUT hint text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'fox_wamp_doctor' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.doctor() IS 'checks worker, port, preload and permissions, with hints that can be pasted';

CREATE FUNCTION fox_wamp.sync(timeout interval DEFAULT '10s') RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_sync' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.sync(interval) IS 'true when the router has applied all that was committed before, false after the timeout';

CREATE FUNCTION fox_wamp.kill(session bigint, reason text DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_kill' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.kill(bigint, text) IS 'ends a session; false if there is none of that id';

CREATE FUNCTION fox_wamp.kill_client(client_id text, realm text DEFAULT NULL, forget boolean DEFAULT false) RETURNS boolean
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(bool_or((a->>'ok')::boolean), false)
		FROM fox_wamp.ask(jsonb_build_object('ask', 'kill_client', 'client_id', $1, 'realm', fox_wamp.default_realm($2),
											 'forget', coalesce($3, false))) a
		WHERE $1 IS NOT NULL
	$$;
COMMENT ON FUNCTION fox_wamp.kill_client(text, text, boolean)
	IS 'ends the connection of an MQTT client, and with forget its session too, which otherwise stays as long as the client has wished; false if there is none';
