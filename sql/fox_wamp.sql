\echo Use "CREATE EXTENSION fox_wamp" to load this file. \quit

COMMENT ON SCHEMA fox_wamp IS 'fox_wamp: a live message router in the database';

-- Roles are of the whole cluster and outlive the extension.
DO $$
DECLARE
	role_name text;
BEGIN
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'fox_wamp needs a database with encoding UTF8'
			USING ERRCODE = 'feature_not_supported';
	END IF;
	FOREACH role_name IN ARRAY ARRAY['fox_wamp_user', 'fox_wamp_admin', 'fox_wamp_anonymous'] LOOP
		BEGIN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;
		END;
	END LOOP;
END
$$;

COMMENT ON ROLE fox_wamp_user IS 'fox_wamp: may publish, wait, lock and see what the router does';
COMMENT ON ROLE fox_wamp_admin IS 'fox_wamp: may start, stop and configure the router';
COMMENT ON ROLE fox_wamp_anonymous IS 'fox_wamp: role of clients that do not log in';
GRANT fox_wamp_user TO fox_wamp_admin;
GRANT USAGE ON SCHEMA fox_wamp TO fox_wamp_user, fox_wamp_anonymous;

--
-- Tables
--

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.realm (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[^[:space:]#]+$' AND octet_length(name) <= 255),
	strict boolean NOT NULL DEFAULT false,
	disclosure text NOT NULL DEFAULT 'caller' CHECK (disclosure IN ('caller', 'forbidden', 'always'))
);
COMMENT ON TABLE fox_wamp.realm IS 'realms: separate worlds of topics and procedures';
COMMENT ON COLUMN fox_wamp.realm.name IS 'what clients name in HELLO';
COMMENT ON COLUMN fox_wamp.realm.strict IS 'topics and procedures must keep to the strict URI characters of WAMP';
COMMENT ON COLUMN fox_wamp.realm.disclosure IS 'whether publishers and callers are named: caller: on request (disclose_me, disclose_caller); forbidden: never, disclose_me is refused; always';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.retained (
	realm text COLLATE "C" NOT NULL,
	topic text COLLATE "C" NOT NULL,
	args jsonb,
	kwargs jsonb,
	payload bytea,
	format text,
	publication bigint NOT NULL,
	owned boolean NOT NULL DEFAULT false,
	updated timestamptz NOT NULL DEFAULT now(),
	expires timestamptz,
	audience jsonb,
	PRIMARY KEY (realm, topic)
);
CREATE INDEX retained_expires ON fox_wamp.retained (expires) WHERE expires IS NOT NULL;
COMMENT ON TABLE fox_wamp.retained IS 'retained values, one per topic; every change of a row is an event';
COMMENT ON COLUMN fox_wamp.retained.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.retained.topic IS 'components joined by dots';
COMMENT ON COLUMN fox_wamp.retained.args IS 'positional arguments: a JSON array';
COMMENT ON COLUMN fox_wamp.retained.kwargs IS 'keyword arguments: a JSON object';
COMMENT ON COLUMN fox_wamp.retained.payload IS 'the message as it was sent, where jsonb does not carry it exactly';
COMMENT ON COLUMN fox_wamp.retained.format IS 'how payload is written; json: the array [args, kwargs]';
COMMENT ON COLUMN fox_wamp.retained.publication IS 'id of the publication that made this value; drawn by the trigger';
COMMENT ON COLUMN fox_wamp.retained.owned IS 'a session owns the value: see fox_wamp.lock';
COMMENT ON COLUMN fox_wamp.retained.updated IS 'when the value was written';
COMMENT ON COLUMN fox_wamp.retained.expires IS 'when the value is deleted (option ttl)';
COMMENT ON COLUMN fox_wamp.retained.audience IS 'who hears the value: the options exclude and eligible, with their _authid and _authrole; null: everybody';

CREATE TABLE fox_wamp.lock (
	realm text COLLATE "C" NOT NULL,
	topic text COLLATE "C" NOT NULL,
	owner bigint NOT NULL,
	boot_id bigint,
	pid integer,
	backend_start timestamptz,
	will jsonb,
	will_on text NOT NULL DEFAULT 'lost' CHECK (will_on IN ('lost', 'end')),
	since timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (realm, topic)
);
COMMENT ON TABLE fox_wamp.lock IS 'owners of retained values and their wills: what the value becomes when the owner is gone';
COMMENT ON COLUMN fox_wamp.lock.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.lock.topic IS 'topic of the value';
COMMENT ON COLUMN fox_wamp.lock.owner IS 'session id of the owner';
COMMENT ON COLUMN fox_wamp.lock.boot_id IS 'run of the router that the session belongs to; null: a backend of this server';
COMMENT ON COLUMN fox_wamp.lock.pid IS 'process id if the owner is a backend';
COMMENT ON COLUMN fox_wamp.lock.backend_start IS 'start of that backend, as in pg_stat_activity';
COMMENT ON COLUMN fox_wamp.lock.will IS 'the value to be published; null deletes the value';
COMMENT ON COLUMN fox_wamp.lock.will_on IS 'lost: not after an orderly end of the session; end: at any end';
COMMENT ON COLUMN fox_wamp.lock.since IS 'when the value was taken';

CREATE UNLOGGED TABLE fox_wamp.registration (
	realm text COLLATE "C" NOT NULL,
	id bigint NOT NULL,
	uri text COLLATE "C" NOT NULL,
	match text NOT NULL,
	invoke text NOT NULL,
	callees bigint NOT NULL,
	PRIMARY KEY (realm, id)
);
COMMENT ON TABLE fox_wamp.registration IS 'procedures that are registered now; written by the router a moment later';
COMMENT ON COLUMN fox_wamp.registration.realm IS 'realm of the procedure';
COMMENT ON COLUMN fox_wamp.registration.id IS 'registration id';
COMMENT ON COLUMN fox_wamp.registration.uri IS 'procedure or pattern';
COMMENT ON COLUMN fox_wamp.registration.match IS 'exact, prefix or wildcard';
COMMENT ON COLUMN fox_wamp.registration.invoke IS 'single, first, last, roundrobin or random';
COMMENT ON COLUMN fox_wamp.registration.callees IS 'sessions that offer it';

CREATE TABLE fox_wamp.bridge (
	direction text NOT NULL CHECK (direction IN ('in', 'out')),
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	channel text NOT NULL,
	pattern text COLLATE "C" NOT NULL,
	PRIMARY KEY (direction, realm, channel, pattern)
);
COMMENT ON TABLE fox_wamp.bridge IS 'NOTIFY channels that become topics (in), topics that become NOTIFYs (out)';
COMMENT ON COLUMN fox_wamp.bridge.direction IS 'in: from NOTIFY; out: to NOTIFY';
COMMENT ON COLUMN fox_wamp.bridge.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.bridge.channel IS 'channel of LISTEN and NOTIFY';
COMMENT ON COLUMN fox_wamp.bridge.pattern IS 'the topic (in), or a pattern of topics (out)';

CREATE TABLE fox_wamp.notify_payload (
	id bigint PRIMARY KEY,
	payload text NOT NULL,
	at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notify_payload_at ON fox_wamp.notify_payload (at);
COMMENT ON TABLE fox_wamp.notify_payload IS 'events of bridge_out() that are too long for a NOTIFY';
COMMENT ON COLUMN fox_wamp.notify_payload.id IS 'what the NOTIFY names';
COMMENT ON COLUMN fox_wamp.notify_payload.payload IS 'the event';
COMMENT ON COLUMN fox_wamp.notify_payload.at IS 'when it was sent; old rows are deleted';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.history (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text NOT NULL CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	keep_count integer NOT NULL DEFAULT 1000 CHECK (keep_count BETWEEN 1 AND 1000000),
	keep_age interval CHECK (keep_age > interval '0' AND keep_age <= interval '100 years'),
	PRIMARY KEY (realm, pattern, match)
);
COMMENT ON TABLE fox_wamp.history IS 'topics and patterns whose last events are kept';
COMMENT ON COLUMN fox_wamp.history.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.history.pattern IS 'topic or pattern';
COMMENT ON COLUMN fox_wamp.history.match IS 'exact, prefix, wildcard, or pattern (* and #)';
COMMENT ON COLUMN fox_wamp.history.keep_count IS 'how many of the last events are kept';
COMMENT ON COLUMN fox_wamp.history.keep_age IS 'how long at most; null: for ever';

CREATE TABLE fox_wamp.event_history (
	realm text COLLATE "C" NOT NULL,
	position bigint NOT NULL,
	publication bigint NOT NULL,
	topic text COLLATE "C" NOT NULL,
	args jsonb,
	kwargs jsonb,
	payload bytea,
	format text,
	session bigint,
	authid text,
	authrole text,
	at timestamptz NOT NULL,
	PRIMARY KEY (realm, position)
);
COMMENT ON TABLE fox_wamp.event_history IS 'events that are kept; written by the router a moment later';
COMMENT ON COLUMN fox_wamp.event_history.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.event_history.position IS 'order of delivery: it only grows';
COMMENT ON COLUMN fox_wamp.event_history.publication IS 'id of the publication';
COMMENT ON COLUMN fox_wamp.event_history.topic IS 'components joined by dots';
COMMENT ON COLUMN fox_wamp.event_history.args IS 'positional arguments: a JSON array';
COMMENT ON COLUMN fox_wamp.event_history.kwargs IS 'keyword arguments: a JSON object';
COMMENT ON COLUMN fox_wamp.event_history.payload IS 'the message as it was sent, where jsonb does not carry it exactly';
COMMENT ON COLUMN fox_wamp.event_history.format IS 'how payload is written; json: the array [args, kwargs]';
COMMENT ON COLUMN fox_wamp.event_history.session IS 'session id of the publisher, if it was disclosed';
COMMENT ON COLUMN fox_wamp.event_history.authid IS 'its authid';
COMMENT ON COLUMN fox_wamp.event_history.authrole IS 'its authrole';
COMMENT ON COLUMN fox_wamp.event_history.at IS 'when it was delivered';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.trust_level (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text NOT NULL CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	authrole text COLLATE "C" NOT NULL DEFAULT '',
	level integer NOT NULL CHECK (level >= 0),
	PRIMARY KEY (realm, pattern, match, authrole)
);
COMMENT ON TABLE fox_wamp.trust_level IS 'trust levels that events and calls carry';
COMMENT ON COLUMN fox_wamp.trust_level.realm IS 'realm of the topic or procedure';
COMMENT ON COLUMN fox_wamp.trust_level.pattern IS 'topic, procedure or pattern of them';
COMMENT ON COLUMN fox_wamp.trust_level.match IS 'exact, prefix, wildcard, or pattern (* and #)';
COMMENT ON COLUMN fox_wamp.trust_level.authrole IS 'role of the publisher or caller; empty: any';
COMMENT ON COLUMN fox_wamp.trust_level.level IS 'what subscribers and callees are told';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.permission (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text NOT NULL DEFAULT 'pattern' CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	role text COLLATE "C" NOT NULL CHECK (role <> ''),
	allow_publish boolean DEFAULT false,
	allow_subscribe boolean DEFAULT false,
	allow_call boolean DEFAULT false,
	allow_register boolean DEFAULT false,
	disclose boolean,
	authorizer text CHECK (authorizer <> ''),
	PRIMARY KEY (realm, pattern, match, role)
);
COMMENT ON TABLE fox_wamp.permission IS 'what clients may do: the most specific pattern that says something to one of a session''s roles decides';
COMMENT ON COLUMN fox_wamp.permission.realm IS 'realm of the topic or procedure';
COMMENT ON COLUMN fox_wamp.permission.pattern IS 'topic, procedure or pattern of them';
COMMENT ON COLUMN fox_wamp.permission.match IS 'pattern (* and #), exact, prefix or wildcard';
COMMENT ON COLUMN fox_wamp.permission.role IS 'database role, and all that inherit its privileges; public: everybody';
COMMENT ON COLUMN fox_wamp.permission.allow_publish IS 'may publish to it; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_subscribe IS 'may subscribe to it, or to a pattern that it covers; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_call IS 'may call it; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_register IS 'may register it, or a pattern that it covers; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.disclose IS 'whether publishers and callers are named; null: as the realm has it';
COMMENT ON COLUMN fox_wamp.permission.authorizer IS 'procedure of a client''s that is asked each time before something is allowed; null: none';

SELECT pg_catalog.pg_extension_config_dump('fox_wamp.realm', 'WHERE name <> ''realm1''');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.retained', 'WHERE NOT owned');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.bridge', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.history', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.event_history', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.trust_level', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.permission', '');

--
-- Triggers: every change reaches the router, logical replication included
--

CREATE FUNCTION fox_wamp.retained_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_before() IS 'internal: checks the topic, draws the publication, drops the owner';

CREATE FUNCTION fox_wamp.retained_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_changed() IS 'internal: hands a change of a retained value to the router';

CREATE FUNCTION fox_wamp.realm_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_realm_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.realm_changed() IS 'internal: hands a change of a realm to the router';

CREATE FUNCTION fox_wamp.bridge_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_bridge_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.bridge_changed() IS 'internal: hands a change of a bridge to the router';

CREATE FUNCTION fox_wamp.history_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_history_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.history_changed() IS 'internal: hands a change of what is kept to the router';

CREATE FUNCTION fox_wamp.trust_level_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_trust_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.trust_level_changed() IS 'internal: hands a change of a trust level to the router';

CREATE FUNCTION fox_wamp.permission_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_permission_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.permission_changed() IS 'internal: hands a change of a permission to the router';

CREATE TRIGGER retained_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_before();
CREATE TRIGGER retained_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_changed();
CREATE TRIGGER retained_truncated AFTER TRUNCATE ON fox_wamp.retained
	FOR EACH STATEMENT EXECUTE FUNCTION fox_wamp.retained_changed();
-- By its name it comes before those of the foreign keys: a realm's new name is known before its rows have it.
CREATE TRIGGER "0_realm_changed" AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.realm
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.realm_changed();
CREATE TRIGGER bridge_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.bridge
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.bridge_changed();
CREATE TRIGGER history_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.history
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.history_changed();
CREATE TRIGGER trust_level_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.trust_level
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.trust_level_changed();
CREATE TRIGGER permission_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.permission
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.permission_changed();
COMMENT ON TRIGGER retained_before ON fox_wamp.retained IS 'checks the topic, draws the publication, drops the owner';
COMMENT ON TRIGGER retained_changed ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER retained_truncated ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER "0_realm_changed" ON fox_wamp.realm IS 'hands the change to the router';
COMMENT ON TRIGGER bridge_changed ON fox_wamp.bridge IS 'hands the change to the router';
COMMENT ON TRIGGER history_changed ON fox_wamp.history IS 'hands the change to the router';
COMMENT ON TRIGGER trust_level_changed ON fox_wamp.trust_level IS 'hands the change to the router';
COMMENT ON TRIGGER permission_changed ON fox_wamp.permission IS 'hands the change to the router';
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_before;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_changed;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_truncated;
ALTER TABLE fox_wamp.realm ENABLE ALWAYS TRIGGER "0_realm_changed";
ALTER TABLE fox_wamp.bridge ENABLE ALWAYS TRIGGER bridge_changed;
ALTER TABLE fox_wamp.history ENABLE ALWAYS TRIGGER history_changed;
ALTER TABLE fox_wamp.trust_level ENABLE ALWAYS TRIGGER trust_level_changed;
ALTER TABLE fox_wamp.permission ENABLE ALWAYS TRIGGER permission_changed;

-- What everybody may do in a new realm, and what takes a permission of its own.
CREATE FUNCTION fox_wamp.open_realm(name text) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe, allow_call, allow_register)
		VALUES ($1, '#', 'public', true, true, true, true),
			($1, 'wamp.#', 'fox_wamp_admin', false, false, true, false)
	$$;
COMMENT ON FUNCTION fox_wamp.open_realm(text)
	IS 'internal: everybody may do everything in the realm; only members of fox_wamp_admin may call what changes other sessions';

INSERT INTO fox_wamp.realm (name) VALUES ('realm1');
-- A dump brings the rows that there were; whoever restores one has row_security off.
SELECT fox_wamp.open_realm('realm1') WHERE pg_catalog.current_setting('row_security')::boolean;

--
-- The router
--

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

--
-- Publishing
--

CREATE FUNCTION fox_wamp.publish(topic text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL,
								 options jsonb DEFAULT NULL, realm text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'fox_wamp_publish' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.publish(text, jsonb, jsonb, jsonb, text)
	IS 'publishes an event at commit; options: retain, when, watch, will, will_on, merge, ttl, timeout, exclude*, eligible*';

CREATE FUNCTION fox_wamp.publish_now(topic text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL,
									 options jsonb DEFAULT NULL, realm text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'fox_wamp_publish_now' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.publish_now(text, jsonb, jsonb, jsonb, text)
	IS 'publishes an event at once, whatever becomes of the transaction';

CREATE FUNCTION fox_wamp.publish_row() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_publish_row' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.publish_row()
	IS 'AFTER trigger that publishes its row at commit; arguments: topic with {column}s (default schema.table), realm';

CREATE FUNCTION fox_wamp.watch(relation regclass, topic text DEFAULT NULL, condition text DEFAULT NULL, columns text[] DEFAULT NULL,
							   operations text[] DEFAULT '{INSERT,UPDATE,DELETE}', retain boolean DEFAULT false,
							   realm text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_watch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.watch(regclass, text, text, text[], text[], boolean, text)
	IS 'every change of a row is an event from now on, or with retain every row a retained value; returns the topic, with {column}s';

CREATE FUNCTION fox_wamp.unwatch(relation regclass, topic text DEFAULT NULL, realm text DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_unwatch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.unwatch(regclass, text, text)
	IS 'ends what watch() began, with its retained values, or all of it of the table; false if there was nothing';

CREATE FUNCTION fox_wamp.trigger_args(args bytea) RETURNS text[]
	AS 'MODULE_PATHNAME', 'fox_wamp_trigger_args' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.trigger_args(bytea) IS 'internal: pg_trigger.tgargs as texts';

CREATE FUNCTION fox_wamp.call(procedure text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL,
							  options jsonb DEFAULT NULL, realm text DEFAULT NULL) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_call' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.call(text, jsonb, jsonb, jsonb, text)
	IS 'calls a procedure at once and returns its result: the only one, or the kwargs, or an object of args and kwargs; options: timeout, disclose_me, rkey, runmode';

CREATE FUNCTION fox_wamp."cast"(procedure text, args jsonb DEFAULT NULL, kwargs jsonb DEFAULT NULL,
							  options jsonb DEFAULT NULL, realm text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_cast' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp."cast"(text, jsonb, jsonb, jsonb, text) IS 'calls a procedure at commit and wants no result';

CREATE FUNCTION fox_wamp.wait_for(pattern text, timeout interval DEFAULT '60s', realm text DEFAULT NULL,
								  OUT topic text, OUT args jsonb, OUT kwargs jsonb, OUT publication bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'fox_wamp_wait_for' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION fox_wamp.wait_for(text, interval, text) IS 'waits for the next event whose topic matches';

CREATE FUNCTION fox_wamp.lock(topic text, value jsonb DEFAULT '{}', timeout interval DEFAULT '60s', realm text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_lock' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.lock(text, jsonb, interval, text)
	IS 'waits for the lock of a topic and takes it, until unlock() or the end of this connection';

CREATE FUNCTION fox_wamp.try_lock(topic text, value jsonb DEFAULT '{}', realm text DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_try_lock' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.try_lock(text, jsonb, text) IS 'takes the lock of a topic if it is free now';

CREATE FUNCTION fox_wamp.unlock(topic text, realm text DEFAULT NULL) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_unlock' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.unlock(text, text) IS 'gives a lock back; false if this connection does not hold it';

--
-- Realms and bridges
--

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

CREATE FUNCTION fox_wamp.notify_payload(id bigint) RETURNS text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT p.payload FROM fox_wamp.notify_payload p WHERE p.id = $1 $$;
COMMENT ON FUNCTION fox_wamp.notify_payload(bigint) IS 'the event that a NOTIFY of bridge_out() names because it is too long for it';

--
-- Views of what the router knows
--

CREATE FUNCTION fox_wamp.ask(question jsonb) RETURNS SETOF jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_ask' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.ask(jsonb) IS 'internal: puts a question to the router; no rows without one';

CREATE FUNCTION fox_wamp.ask_view(what text) RETURNS SETOF jsonb
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.ask(jsonb_build_object('ask', $1))
		WHERE $1 IN ('sessions', 'subscriptions', 'waiters', 'stats')
	$$;
COMMENT ON FUNCTION fox_wamp.ask_view(text) IS 'internal: the rows behind the views';

CREATE VIEW fox_wamp.session AS
	SELECT r.realm, r.id, r.authid, r.authrole, r.authmethod, r.peer, nullif(r.transport, '') AS transport, r.protocol,
		clock_timestamp() - r.age_ms * interval '1 ms' AS since
	FROM fox_wamp.ask_view('sessions') AS a(a),
		jsonb_to_record(a) AS r(realm text, id bigint, authid text, authrole text, authmethod text, peer text,
								transport text, protocol text, age_ms bigint);
COMMENT ON VIEW fox_wamp.session IS 'clients that are connected now';

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

-- The triggers of watch(), which are the only place where it is kept.
CREATE VIEW fox_wamp.watched AS
	SELECT t.tgrelid::regclass AS relation, a.args[1] AS topic, a.args[2] AS realm,
		array_remove(ARRAY[
			CASE WHEN bit_or(t.tgtype) & 4 <> 0 THEN 'INSERT' END,
			CASE WHEN bit_or(t.tgtype) & 16 <> 0 THEN 'UPDATE' END,
			CASE WHEN bit_or(t.tgtype) & 8 <> 0 THEN 'DELETE' END], NULL) AS operations,
		min(substring(pg_get_triggerdef(t.oid) FROM ' WHEN \((.*)\) EXECUTE FUNCTION '))
			FILTER (WHERE a.args[3] <> 'forget') AS condition,
		nullif(a.args[4:], '{}') AS columns,
		bool_or(a.args[3] = 'retain') AS retain
	FROM pg_trigger t, fox_wamp.trigger_args(t.tgargs) a(args)
	WHERE t.tgfoid = 'fox_wamp.publish_row()'::regprocedure AND t.tgparentid = 0 AND t.tgnargs >= 3
	GROUP BY t.tgrelid, a.args[1], a.args[2], a.args[4:];
COMMENT ON VIEW fox_wamp.watched IS 'tables that are watched';

--
-- Privileges
--

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA fox_wamp FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	fox_wamp.publish(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_now(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_row(),
	fox_wamp.watch(regclass, text, text, text[], text[], boolean, text),
	fox_wamp.unwatch(regclass, text, text),
	fox_wamp.trigger_args(bytea),
	fox_wamp.call(text, jsonb, jsonb, jsonb, text),
	fox_wamp."cast"(text, jsonb, jsonb, jsonb, text),
	fox_wamp.wait_for(text, interval, text),
	fox_wamp.lock(text, jsonb, interval, text),
	fox_wamp.try_lock(text, jsonb, text),
	fox_wamp.unlock(text, text),
	fox_wamp.wait_until_running(interval),
	fox_wamp.sync(interval),
	fox_wamp.notify_payload(bigint),
	fox_wamp.default_realm(text),
	fox_wamp.ask_view(text),
	fox_wamp.doctor()
	TO fox_wamp_user;
GRANT EXECUTE ON FUNCTION
	fox_wamp.start(),
	fox_wamp.stop(),
	fox_wamp.restart(),
	fox_wamp.kill(bigint, text),
	fox_wamp.create_realm(text, boolean),
	fox_wamp.open_realm(text),
	fox_wamp.drop_realm(text),
	fox_wamp.bridge(text, text, text),
	fox_wamp.bridge_out(text, text, text),
	fox_wamp.unbridge(text, text),
	fox_wamp.stored_match(text, text),
	fox_wamp.keep_history(text, text, integer, interval, text),
	fox_wamp.forget_history(text, text, text),
	fox_wamp.set_trust_level(text, integer, text, text, text),
	fox_wamp.reset_trust_level(text, text, text, text)
	TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.realm, fox_wamp.retained, fox_wamp.lock, fox_wamp.registration, fox_wamp.bridge,
	fox_wamp.history, fox_wamp.event_history, fox_wamp.trust_level, fox_wamp.permission,
	fox_wamp.session, fox_wamp.subscription, fox_wamp.lock_waiter, fox_wamp.stat_router, fox_wamp.watched
	TO fox_wamp_user;
GRANT INSERT, UPDATE, DELETE ON fox_wamp.realm, fox_wamp.retained, fox_wamp.bridge, fox_wamp.history,
	fox_wamp.trust_level, fox_wamp.permission TO fox_wamp_admin;
