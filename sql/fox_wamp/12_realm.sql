-- Realms, and what is set for their topics.

CREATE FUNCTION fox_wamp.default_realm(realm text) RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$ SELECT coalesce($1, nullif(current_setting('fox_wamp.default_realm', true), ''), 'realm1') $$;
COMMENT ON FUNCTION fox_wamp.default_realm(text) IS 'internal: the realm, or the one of fox_wamp.default_realm when it is null';

CREATE FUNCTION fox_wamp.create_realm(name text, strict boolean DEFAULT false) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.realm (name, strict) VALUES ($1, $2);
		SELECT fox_wamp.open_realm($1);
	$$;
COMMENT ON FUNCTION fox_wamp.create_realm(text, boolean) IS 'makes a realm, in which everybody may do everything: see fox_wamp.permission';

CREATE FUNCTION fox_wamp.drop_realm(name text) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		DELETE FROM fox_wamp.retained r WHERE r.realm = $1;
		DELETE FROM fox_wamp.event_history h WHERE h.realm = $1;
		WITH gone AS (DELETE FROM fox_wamp.realm r WHERE r.name = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_realm(text) IS 'drops a realm with its retained values, event history and bridges; false if there is none';

CREATE FUNCTION fox_wamp.bridge(channel text, topic text, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.bridge (direction, realm, channel, pattern)
		VALUES ('in', fox_wamp.default_realm($3), $1, $2) ON CONFLICT DO NOTHING
	$$;
COMMENT ON FUNCTION fox_wamp.bridge(text, text, text) IS 'each NOTIFY on the channel becomes an event of the topic';

CREATE FUNCTION fox_wamp.bridge_out(pattern text, channel text, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.bridge (direction, realm, channel, pattern)
		VALUES ('out', fox_wamp.default_realm($3), $2, $1) ON CONFLICT DO NOTHING
	$$;
COMMENT ON FUNCTION fox_wamp.bridge_out(text, text, text) IS 'each event of the pattern becomes a NOTIFY on the channel';

CREATE FUNCTION fox_wamp.unbridge(channel text, realm text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.bridge b
					  WHERE b.channel = $1 AND b.realm = fox_wamp.default_realm($2) RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.unbridge(text, text) IS 'ends the bridges of a channel, both directions; false if there are none';

CREATE FUNCTION fox_wamp.stored_match(topic text, match text) RETURNS text
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
	AS $$ SELECT coalesce($2, CASE WHEN string_to_array($1, '.') && ARRAY['*', '#'] THEN 'pattern' ELSE 'exact' END) $$;
COMMENT ON FUNCTION fox_wamp.stored_match(text, text) IS 'internal: the match of a subscription to the topic without that option';

CREATE FUNCTION fox_wamp.keep_history(topic text, match text DEFAULT NULL, keep_count integer DEFAULT 1000,
									  keep_age interval DEFAULT NULL, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.history (realm, pattern, match, keep_count, keep_age)
		VALUES (fox_wamp.default_realm($5), $1, fox_wamp.stored_match($1, $2), $3, $4)
		ON CONFLICT ON CONSTRAINT history_pkey DO UPDATE SET keep_count = EXCLUDED.keep_count, keep_age = EXCLUDED.keep_age
	$$;
COMMENT ON FUNCTION fox_wamp.keep_history(text, text, integer, interval, text)
	IS 'keeps the last events of a topic or pattern: at most so many, at most so long';

CREATE FUNCTION fox_wamp.forget_history(topic text, match text DEFAULT NULL, realm text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.history h WHERE h.realm = fox_wamp.default_realm($3) AND h.pattern = $1
					  AND h.match = fox_wamp.stored_match($1, $2) RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.forget_history(text, text, text)
	IS 'ends what keep_history() began and drops the events; false if there was nothing';

CREATE FUNCTION fox_wamp.auto_subscribe(filter text, qos integer DEFAULT 1, role text DEFAULT NULL, client_id text DEFAULT NULL,
										no_local boolean DEFAULT false, retain_as_published boolean DEFAULT false,
										retain_handling integer DEFAULT 0, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.mqtt_auto_subscription (realm, filter, role, client_id, qos, no_local, retain_as_published, retain_handling)
		VALUES (fox_wamp.default_realm($8), $1, coalesce($3, 'public'), coalesce($4, ''), $2, $5, $6, $7)
		ON CONFLICT ON CONSTRAINT mqtt_auto_subscription_pkey DO UPDATE SET qos = EXCLUDED.qos, no_local = EXCLUDED.no_local,
			retain_as_published = EXCLUDED.retain_as_published, retain_handling = EXCLUDED.retain_handling
	$$;
COMMENT ON FUNCTION fox_wamp.auto_subscribe(text, integer, text, text, boolean, boolean, integer, text)
	IS 'MQTT clients are subscribed to the filter when they connect: all, members of a role, or one';

CREATE FUNCTION fox_wamp.drop_auto_subscription(filter text, role text DEFAULT NULL, client_id text DEFAULT NULL,
												realm text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.mqtt_auto_subscription a WHERE a.realm = fox_wamp.default_realm($4) AND a.filter = $1
					  AND a.role = coalesce($2, 'public') AND a.client_id = coalesce($3, '') RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_auto_subscription(text, text, text, text)
	IS 'ends what auto_subscribe() began, for who connects from now on; false if there was nothing';

CREATE FUNCTION fox_wamp.mqtt_bridge(name text, url text, username text DEFAULT NULL, password text DEFAULT NULL, client_id text DEFAULT NULL,
									 protocol text DEFAULT '5', keep_alive integer DEFAULT 60, clean_start boolean DEFAULT false,
									 notification_topic text DEFAULT NULL, ca text DEFAULT NULL, certificate text DEFAULT NULL,
									 private_key text DEFAULT NULL, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		-- Not ON CONFLICT, which would have to read what may only be written.
		WITH there AS (UPDATE fox_wamp.mqtt_bridge b SET url = fox_wamp.allowed_url($2, 'fox_wamp.mqtt_bridge_allow'), username = $3, password = $4, client_id = $5, protocol = $6, keep_alive = $7,
						   clean_start = $8, notification_topic = $9, ca = $10, certificate = $11, private_key = $12,
						   realm = fox_wamp.default_realm($13), enabled = true
					   WHERE b.name = $1 RETURNING 1)
		INSERT INTO fox_wamp.mqtt_bridge (name, url, username, password, client_id, protocol, keep_alive, clean_start, notification_topic,
										  ca, certificate, private_key, realm)
		SELECT $1, fox_wamp.allowed_url($2, 'fox_wamp.mqtt_bridge_allow'), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, fox_wamp.default_realm($13)
		WHERE NOT EXISTS (SELECT FROM there)
	$$;
COMMENT ON FUNCTION fox_wamp.mqtt_bridge(text, text, text, text, text, text, integer, boolean, text, text, text, text, text)
	IS 'connects the router to another MQTT broker, which fox_wamp.mqtt_bridge_allow has to allow; mqtt_bridge_topic() says what goes over';

CREATE FUNCTION fox_wamp.mqtt_bridge_topic(bridge text, pattern text, direction text DEFAULT 'out', qos integer DEFAULT 1,
										   local_prefix text DEFAULT '', remote_prefix text DEFAULT '') RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.mqtt_bridge_topic (bridge, pattern, direction, qos, local_prefix, remote_prefix) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT mqtt_bridge_topic_pkey DO UPDATE SET qos = EXCLUDED.qos
	$$;
COMMENT ON FUNCTION fox_wamp.mqtt_bridge_topic(text, text, text, integer, text, text)
	IS 'messages of the filter go over the bridge: out, in or both, with other prefixes there than here';

CREATE FUNCTION fox_wamp.drop_mqtt_bridge(name text) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.mqtt_bridge b WHERE b.name = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_mqtt_bridge(text) IS 'ends a bridge with its topics, and drops what waits for the remote; false if there was none';

CREATE FUNCTION fox_wamp.set_trust_level(uri text, level integer, authrole text DEFAULT NULL, match text DEFAULT NULL,
										 realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.trust_level (realm, pattern, match, authrole, level)
		VALUES (fox_wamp.default_realm($5), $1, fox_wamp.stored_match($1, $4), coalesce($3, ''), $2)
		ON CONFLICT ON CONSTRAINT trust_level_pkey DO UPDATE SET level = EXCLUDED.level
	$$;
COMMENT ON FUNCTION fox_wamp.set_trust_level(text, integer, text, text, text)
	IS 'events and calls of a topic, procedure or pattern carry the level, of one role or of all';

CREATE FUNCTION fox_wamp.reset_trust_level(uri text, authrole text DEFAULT NULL, match text DEFAULT NULL,
										   realm text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.trust_level t WHERE t.realm = fox_wamp.default_realm($4) AND t.pattern = $1
					  AND t.match = fox_wamp.stored_match($1, $3) AND t.authrole = coalesce($2, '') RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.reset_trust_level(text, text, text, text)
	IS 'ends what set_trust_level() began; false if there was nothing';
