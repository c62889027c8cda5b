-- SQL functions as subscribers.

CREATE FUNCTION fox_wamp.attach(pattern text, handler regprocedure, match text DEFAULT NULL, durable boolean DEFAULT false,
							   concurrency integer DEFAULT 1, max_attempts integer DEFAULT 10,
							   retry_delay interval DEFAULT '1s', realm text DEFAULT NULL) RETURNS bigint
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.handler (realm, pattern, match, function, durable, concurrency, max_attempts, retry_delay)
		SELECT fox_wamp.default_realm($8), $1, fox_wamp.stored_match($1, $3), $2::text, $4, $5, $6, $7
		ON CONFLICT ON CONSTRAINT handler_pkey DO UPDATE SET durable = EXCLUDED.durable, concurrency = EXCLUDED.concurrency,
			max_attempts = EXCLUDED.max_attempts, retry_delay = EXCLUDED.retry_delay
		RETURNING handler.id
	$$;
COMMENT ON FUNCTION fox_wamp.attach(text, regprocedure, text, boolean, integer, integer, interval, text)
	IS 'a function (topic text, args jsonb, kwargs jsonb, details jsonb), or with the first of these, is called for each event, as its owner; returns the handler''s id';

CREATE FUNCTION fox_wamp.detach(pattern text, handler regprocedure DEFAULT NULL, match text DEFAULT NULL,
							   realm text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.handler h WHERE h.realm = fox_wamp.default_realm($4) AND h.pattern = $1
					  AND h.match = fox_wamp.stored_match($1, $3)
					  AND ($2 IS NULL OR to_regprocedure(h.function) = $2) RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.detach(text, regprocedure, text, text)
	IS 'ends what attach() began, of one function or all, and drops the events in its queue; false if there was nothing';

CREATE FUNCTION fox_wamp.publish_hook(pattern text, function regprocedure, realm text DEFAULT NULL, match text DEFAULT NULL,
									 role text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.publish_hook (realm, pattern, match, function, function_role)
		SELECT fox_wamp.default_realm($3), $1, fox_wamp.stored_match($1, $4), $2::text, $5
		ON CONFLICT ON CONSTRAINT publish_hook_pkey DO UPDATE SET function = EXCLUDED.function, function_role = EXCLUDED.function_role
	$$;
COMMENT ON FUNCTION fox_wamp.publish_hook(text, regprocedure, text, text, text)
	IS 'a function (topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb sees what clients publish before it goes on: null refuses it, args and kwargs in the result take the place of what came';

CREATE FUNCTION fox_wamp.drop_publish_hook(pattern text, realm text DEFAULT NULL, match text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.publish_hook h WHERE h.realm = fox_wamp.default_realm($2) AND h.pattern = $1
					  AND h.match = fox_wamp.stored_match($1, $3) RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_publish_hook(text, text, text) IS 'ends what publish_hook() began; false if there was nothing';

CREATE FUNCTION fox_wamp.handler_queued(id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_handler_queued' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.handler_queued(bigint) IS 'internal: the queue of a handler has something to do';

CREATE FUNCTION fox_wamp.retry_delivery(id bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		the_handler bigint;
	BEGIN
		UPDATE fox_wamp.delivery d SET dead = false, attempts = 0, next_try = now() WHERE d.id = $1
			RETURNING d.handler INTO the_handler;
		PERFORM fox_wamp.handler_queued(the_handler);
		RETURN the_handler IS NOT NULL;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.retry_delivery(bigint) IS 'tries an event that has failed at once, and as often as a new one; false if there is none of that id';

CREATE FUNCTION fox_wamp.drop_delivery(id bigint) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.delivery d WHERE d.id = $1 RETURNING d.handler),
			rung AS (SELECT fox_wamp.handler_queued(g.handler) FROM gone g)
		SELECT count(*) > 0 FROM rung
	$$;
COMMENT ON FUNCTION fox_wamp.drop_delivery(bigint) IS 'drops an event from the queue of a handler; false if there is none of that id';
