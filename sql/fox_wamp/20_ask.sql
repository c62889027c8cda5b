-- Questions to the router.

CREATE FUNCTION fox_wamp.ask(question jsonb) RETURNS SETOF jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_ask' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.ask(jsonb) IS 'internal: puts a question to the router; no rows without one';

CREATE FUNCTION fox_wamp.ask_view(what text) RETURNS SETOF jsonb
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.ask(jsonb_build_object('ask', $1))
		WHERE $1 IN ('sessions', 'subscriptions', 'waiters', 'stats', 'handlers', 'catalog')
	$$;
COMMENT ON FUNCTION fox_wamp.ask_view(text) IS 'internal: the rows behind the views';
