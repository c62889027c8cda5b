-- Callbacks.

CREATE FUNCTION fox_wamp.callback_send(cb fox_wamp.callback, method text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_callback_send' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.callback_send(fox_wamp.callback, text, jsonb, jsonb)
	IS 'sends to the callback at commit, those of one in order; false, with a warning, if it has been released';

CREATE FUNCTION fox_wamp.callback_now(cb fox_wamp.callback, method text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_callback_now' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.callback_now(fox_wamp.callback, text, jsonb, jsonb)
	IS 'the same at once, whatever becomes of the transaction: for progress';

CREATE FUNCTION fox_wamp.callback_call(cb fox_wamp.callback, method text, args jsonb DEFAULT NULL, timeout interval DEFAULT '60 s',
									  kwargs jsonb DEFAULT NULL) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_callback_call' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.callback_call(fox_wamp.callback, text, jsonb, interval, jsonb)
	IS 'calls the callback, which is a procedure or a function, and waits for its result';

CREATE FUNCTION fox_wamp.callback_release(cb fox_wamp.callback) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_callback_release' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.callback_release(fox_wamp.callback) IS 'ends the callback, and tells callback_released(callback, interface) of its service; false if there was none';

CREATE FUNCTION fox_wamp.end_callback(id bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_end_callback' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.end_callback(bigint) IS 'internal: as callback_release(), whatever the service says';

CREATE FUNCTION fox_wamp.callback_uri(cb fox_wamp.callback) RETURNS text
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT 'fox_wamp.cb.' || to_hex((SELECT system_identifier FROM pg_control_system())) || '.' || c.token
		FROM fox_wamp.callback_registry c WHERE c.id = $1
	$$;
COMMENT ON FUNCTION fox_wamp.callback_uri(fox_wamp.callback) IS 'URI by which others may call the callback, or pass it on; null if it has been released';

CREATE FUNCTION fox_wamp.callback_local(f regprocedure, interface text DEFAULT 'callback') RETURNS fox_wamp.callback
	AS 'MODULE_PATHNAME', 'fox_wamp_callback_local' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.callback_local(regprocedure, text) IS 'a callback that is a function (method text, args jsonb, kwargs jsonb), or with the first of these';

CREATE FUNCTION fox_wamp.exception_json() RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_exception_json' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.exception_json() IS 'in an EXCEPTION block of PL/pgSQL: what has happened, as {"Class","SqlState","Message","Detail","Hint","Context"}';

CREATE FUNCTION fox_wamp.notify_payload(id bigint) RETURNS text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT p.payload FROM fox_wamp.notify_payload p WHERE p.id = $1 $$;
COMMENT ON FUNCTION fox_wamp.notify_payload(bigint) IS 'the event that a NOTIFY of bridge_out() names because it is too long for it';
