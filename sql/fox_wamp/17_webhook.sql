-- Webhooks.

CREATE FUNCTION fox_wamp.allowed_url(url text, setting text) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_allowed_url' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.allowed_url(text, text) IS 'internal: the URL, if it is one that the setting allows; else an error';

CREATE FUNCTION fox_wamp.topic_matches(topic text, pattern text, match text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_topic_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.topic_matches(text, text, text) IS 'internal: would a subscription with that pattern and match hear events of the topic?';

CREATE FUNCTION fox_wamp.webhook(pattern text, url text, secret text DEFAULT NULL, headers jsonb DEFAULT NULL, match text DEFAULT NULL,
								concurrency integer DEFAULT 4, max_attempts integer DEFAULT 10, retry_delay interval DEFAULT '1s',
								timeout interval DEFAULT '10s', realm text DEFAULT NULL) RETURNS bigint
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.webhook (realm, pattern, match, url, secret, headers, concurrency, max_attempts, retry_delay, timeout)
		SELECT fox_wamp.default_realm($10), $1, fox_wamp.stored_match($1, $5), fox_wamp.allowed_url($2, 'fox_wamp.webhook_allow'), $3, $4, $6, $7, $8, $9
		ON CONFLICT ON CONSTRAINT webhook_realm_pattern_match_url_key DO UPDATE SET secret = EXCLUDED.secret, headers = EXCLUDED.headers,
			concurrency = EXCLUDED.concurrency, max_attempts = EXCLUDED.max_attempts, retry_delay = EXCLUDED.retry_delay, timeout = EXCLUDED.timeout
		RETURNING webhook.id
	$$;
COMMENT ON FUNCTION fox_wamp.webhook(text, text, text, jsonb, text, integer, integer, interval, interval, text)
	IS 'events of the pattern are sent to the URL, which fox_wamp.webhook_allow has to allow; returns the webhook''s id';

CREATE FUNCTION fox_wamp.drop_webhook(id bigint) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.webhook w WHERE w.id = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_webhook(bigint) IS 'ends a webhook, and drops the events in its queue; false if there was none';

-- What is for some only is in no history, so all that is there is for everybody who may hear the topic.
CREATE FUNCTION fox_wamp.replay_webhook(id bigint, since timestamptz) RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		again bigint;
		revived bigint;
	BEGIN
		INSERT INTO fox_wamp.delivery (handler, publication, topic, args, kwargs, details, at)
			SELECT w.id, e.publication, e.topic, e.args, e.kwargs, '{"replayed":true}', e.at
			FROM fox_wamp.webhook w JOIN fox_wamp.event_history e ON e.realm = w.realm
			WHERE w.id = $1 AND e.at >= $2 AND fox_wamp.topic_matches(e.topic, w.pattern, w.match)
				AND NOT EXISTS (SELECT FROM fox_wamp.delivery d WHERE d.handler = w.id AND d.publication = e.publication)
			ORDER BY e.position;
		GET DIAGNOSTICS again = ROW_COUNT;
		UPDATE fox_wamp.delivery d SET dead = false, attempts = 0, next_try = now()
			WHERE d.handler = $1 AND d.dead AND d.at >= $2 AND EXISTS (SELECT FROM fox_wamp.webhook w WHERE w.id = $1);
		GET DIAGNOSTICS revived = ROW_COUNT;
		PERFORM fox_wamp.handler_queued($1);
		RETURN again + revived;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.replay_webhook(bigint, timestamptz)
	IS 'sends once more what the history has kept of its topics since then, and what has failed for good; how many events';
