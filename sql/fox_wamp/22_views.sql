-- Views of what the router knows.

CREATE VIEW fox_wamp.session AS
	SELECT r.realm, r.id, r.authid, r.authrole, r.authmethod, r.peer, nullif(r.transport, '') AS transport, r.protocol,
		clock_timestamp() - r.age_ms * interval '1 ms' AS since, r.client_id, r.connected
	FROM fox_wamp.ask_view('sessions') AS a(a),
		jsonb_to_record(a) AS r(realm text, id bigint, authid text, authrole text, authmethod text, peer text,
								transport text, protocol text, age_ms bigint, client_id text, connected boolean);
COMMENT ON VIEW fox_wamp.session IS 'sessions there are now: of clients that are connected, and of MQTT clients that may come back';

CREATE VIEW fox_wamp.mqtt_client AS
	SELECT realm, client_id, coalesce(s.authid, m.authid) AS authid, coalesce(s.authrole, m.authrole) AS authrole,
		coalesce(s.connected, false) AS connected, coalesce(m.since, s.since) AS since,
		CASE WHEN s.connected THEN clock_timestamp() ELSE m.disconnected END AS last_seen,
		CASE WHEN m.id IS NOT NULL THEN (SELECT count(*) FROM fox_wamp.mqtt_subscription f WHERE f.session = m.id) END AS subscriptions,
		CASE WHEN m.id IS NOT NULL THEN (SELECT count(*) FROM fox_wamp.mqtt_message q WHERE q.session = m.id) END AS queued
	FROM fox_wamp.mqtt_session m FULL JOIN (SELECT * FROM fox_wamp.session c WHERE c.client_id IS NOT NULL) s USING (realm, client_id);
COMMENT ON VIEW fox_wamp.mqtt_client IS 'MQTT clients that are connected, and those whose sessions are kept, with what is kept for them (null: nothing is)';

CREATE VIEW fox_wamp.subscription AS
	SELECT r.realm, r.id, r.topic, r.match, r.filter, r.subscribers,
		clock_timestamp() - r.age_ms * interval '1 ms' AS since
	FROM fox_wamp.ask_view('subscriptions') AS a(a),
		jsonb_to_record(a) AS r(realm text, id bigint, topic text, match text, filter jsonb, subscribers bigint,
								age_ms bigint);
COMMENT ON VIEW fox_wamp.subscription IS 'topics and patterns that are subscribed to now';

CREATE VIEW fox_wamp.lock_waiter AS
	SELECT r.realm, r.topic, r.session, r.condition, clock_timestamp() - r.age_ms * interval '1 ms' AS since
	FROM fox_wamp.ask_view('waiters') AS a(a),
		jsonb_to_record(a) AS r(realm text, topic text, session bigint, condition jsonb, age_ms bigint);
COMMENT ON VIEW fox_wamp.lock_waiter IS 'publishes that wait for their condition to hold';

CREATE VIEW fox_wamp.stat_router AS
	SELECT r.* FROM fox_wamp.ask_view('stats') AS a(a),
		jsonb_to_record(a) AS r(name text, value bigint);
COMMENT ON VIEW fox_wamp.stat_router IS 'numbers of the router, one a row';

CREATE FUNCTION fox_wamp.ask_denials() RETURNS SETOF jsonb
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT fox_wamp.ask('{"ask": "denials"}') $$;
COMMENT ON FUNCTION fox_wamp.ask_denials() IS 'internal: the rows behind the view denials';

CREATE FUNCTION fox_wamp.ask_mqtt_bridges() RETURNS SETOF jsonb
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT fox_wamp.ask('{"ask": "mqtt_bridges"}') $$;
COMMENT ON FUNCTION fox_wamp.ask_mqtt_bridges() IS 'internal: the rows behind the view mqtt_bridge_state';

CREATE VIEW fox_wamp.mqtt_bridge_state AS
	SELECT r.name, r.state, clock_timestamp() - r.age_ms * interval '1 ms' AS since, r.protocol, r.messages_in, r.messages_out, r.dropped,
		(SELECT count(*) FROM fox_wamp.mqtt_session s JOIN fox_wamp.mqtt_message m ON m.session = s.id
			WHERE s.realm = b.realm AND s.client_id = '$bridge/' || b.name) AS queued,
		r.last_error, clock_timestamp() - r.error_age_ms * interval '1 ms' AS last_error_at
	FROM fox_wamp.ask_mqtt_bridges() AS a(a),
		jsonb_to_record(a) AS r(name text, state text, age_ms bigint, protocol text, messages_in bigint, messages_out bigint, dropped bigint,
								last_error text, error_age_ms bigint)
		LEFT JOIN fox_wamp.mqtt_bridge b ON b.name = r.name;
COMMENT ON VIEW fox_wamp.mqtt_bridge_state IS 'how bridges to other MQTT brokers are doing, and what they have carried since the router started';

CREATE VIEW fox_wamp.denials AS
	SELECT clock_timestamp() - r.age_ms * interval '1 ms' AS at, r.realm, r.session, r.authid, r.client_id, r.role, r.action, r.topic,
		r.count, r.reason
	FROM fox_wamp.ask_denials() AS a(a),
		jsonb_to_record(a) AS r(realm text, session bigint, authid text, client_id text, role text, action text, topic text,
								count bigint, reason text, age_ms bigint);
COMMENT ON VIEW fox_wamp.denials IS 'what was lately denied to whom, last by this session at this time, and how often';
COMMENT ON COLUMN fox_wamp.denials.at IS 'when it was denied last';
COMMENT ON COLUMN fox_wamp.denials.session IS 'to which session then; null: to a log-in';
COMMENT ON COLUMN fox_wamp.denials.authid IS 'who that was, or said to be';
COMMENT ON COLUMN fox_wamp.denials.client_id IS 'MQTT client identifier; null: it has none';
COMMENT ON COLUMN fox_wamp.denials.action IS 'publish, subscribe, call, register or login';
COMMENT ON COLUMN fox_wamp.denials.topic IS 'topic, procedure or pattern; null: of a log-in';
COMMENT ON COLUMN fox_wamp.denials.count IS 'how often, as long as it is remembered';

CREATE VIEW fox_wamp.attached AS
	SELECT h.id, h.realm, h.pattern, h.match, h.function, h.owner, h.durable, h.concurrency,
		CASE WHEN h.durable THEN (SELECT count(*) FROM fox_wamp.delivery d WHERE d.handler = h.id AND NOT d.dead)
			ELSE r.waiting END AS waiting,
		(SELECT count(*) FROM fox_wamp.delivery d WHERE d.handler = h.id AND NOT d.dead AND d.attempts > 0) AS failing,
		(SELECT count(*) FROM fox_wamp.delivery d WHERE d.handler = h.id AND d.dead) AS dead,
		r.running, r.runs, r.failures, r.dropped, r.last_error
	FROM fox_wamp.handler h
		LEFT JOIN (
			SELECT x.* FROM fox_wamp.ask_view('handlers') AS a(a),
				jsonb_to_record(a) AS x(id bigint, runs bigint, failures bigint, dropped bigint, waiting bigint, running bigint,
										last_error text)) AS r ON r.id = h.id;
COMMENT ON VIEW fox_wamp.attached IS 'handlers, what waits for them, and what the router has counted since its start';

CREATE VIEW fox_wamp.post_delivery AS
	SELECT d.id, d.handler AS receiver, d.topic, d.publication, d.details ->> 'method' AS method,
		CASE WHEN d.dead THEN 'dead' WHEN d.attempts > 0 THEN 'failing' ELSE 'waiting' END AS state,
		d.attempts, d.last_status, d.last_error, d.next_try, d.at, NULL::timestamptz AS sent
	FROM fox_wamp.delivery d
	UNION ALL
	SELECT l.delivery, l.receiver, l.topic, l.publication, l.method, 'delivered', l.attempts, l.status, NULL, NULL, NULL, l.at
	FROM fox_wamp.post_log l;
COMMENT ON VIEW fox_wamp.post_delivery IS 'internal: what has yet to be sent, and was sent in the last day';

CREATE VIEW fox_wamp.webhook_delivery AS
	SELECT p.id, p.receiver AS webhook, p.topic, p.publication, p.state, p.attempts, p.last_status, p.last_error, p.next_try, p.at, p.sent
	FROM fox_wamp.post_delivery p JOIN fox_wamp.webhook w ON w.id = p.receiver;
COMMENT ON VIEW fox_wamp.webhook_delivery IS 'what webhooks have yet to send, and have sent in the last day';

CREATE VIEW fox_wamp.callback_delivery AS
	SELECT p.id, p.receiver AS callback, p.method, p.state, p.attempts, p.last_status, p.last_error, p.next_try, p.at, p.sent
	FROM fox_wamp.post_delivery p JOIN fox_wamp.callback_registry c ON c.id = p.receiver;
COMMENT ON VIEW fox_wamp.callback_delivery IS 'what has yet to be sent to callbacks that are URLs, and was sent in the last day';

-- The triggers of watch(), which are the only place where it is kept.
CREATE VIEW fox_wamp.watched AS
	SELECT t.tgrelid::regclass AS relation, a.args[1] AS topic, a.args[2] AS realm,
		array_remove(ARRAY[
			CASE WHEN bit_or(t.tgtype) & 4 <> 0 THEN 'INSERT' END,
			CASE WHEN bit_or(t.tgtype) & 16 <> 0 THEN 'UPDATE' END,
			CASE WHEN bit_or(t.tgtype) & 8 <> 0 THEN 'DELETE' END], NULL) AS operations,
		min(substring(pg_get_triggerdef(t.oid) FROM ' WHEN \((.*)\) EXECUTE FUNCTION '))
			FILTER (WHERE a.args[3] NOT LIKE 'forget%') AS condition,
		nullif(a.args[4:], '{}') AS columns,
		bool_or(a.args[3] LIKE 'retain%') AS retain,
		bool_or(a.args[3] LIKE '% row_security') AS row_security
	FROM pg_trigger t, fox_wamp.trigger_args(t.tgargs) a(args)
	WHERE t.tgfoid = 'fox_wamp.publish_row()'::regprocedure AND t.tgparentid = 0 AND t.tgnargs >= 3
	GROUP BY t.tgrelid, a.args[1], a.args[2], a.args[4:];
COMMENT ON VIEW fox_wamp.watched IS 'tables that are watched';
