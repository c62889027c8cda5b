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
	FOREACH role_name IN ARRAY ARRAY['fox_wamp_user', 'fox_wamp_admin', 'fox_wamp_anonymous', 'fox_wamp_connect'] LOOP
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
COMMENT ON ROLE fox_wamp_connect IS 'fox_wamp: members may log in as a client, with their own password';
GRANT fox_wamp_user TO fox_wamp_admin;

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
COMMENT ON COLUMN fox_wamp.retained.payload IS 'the message as it was sent, where jsonb does not carry it exactly, or if it came by MQTT';
COMMENT ON COLUMN fox_wamp.retained.format IS 'how payload is written; json: the array [args, kwargs]; mqtt: QoS, length of the properties, properties, bytes';
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
COMMENT ON COLUMN fox_wamp.event_history.format IS 'how payload is written; json: the array [args, kwargs]; mqtt: QoS, length of the properties, properties, bytes';
COMMENT ON COLUMN fox_wamp.event_history.session IS 'session id of the publisher, if it was disclosed';
COMMENT ON COLUMN fox_wamp.event_history.authid IS 'its authid';
COMMENT ON COLUMN fox_wamp.event_history.authrole IS 'its authrole';
COMMENT ON COLUMN fox_wamp.event_history.at IS 'when it was delivered';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.mqtt_auto_subscription (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	filter text COLLATE "C" NOT NULL,
	role text COLLATE "C" NOT NULL DEFAULT 'public',
	client_id text COLLATE "C" NOT NULL DEFAULT '',
	qos integer NOT NULL DEFAULT 1 CHECK (qos BETWEEN 0 AND 2),
	no_local boolean NOT NULL DEFAULT false,
	retain_as_published boolean NOT NULL DEFAULT false,
	retain_handling integer NOT NULL DEFAULT 0 CHECK (retain_handling BETWEEN 0 AND 2),
	PRIMARY KEY (realm, filter, role, client_id)
);
COMMENT ON TABLE fox_wamp.mqtt_auto_subscription IS 'what MQTT clients are subscribed to when they connect, without asking';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.realm IS 'realm that the client joins';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.filter IS 'as MQTT writes it; the levels %u and %c stand for the user and the client identifier';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.role IS 'role whose members it is for; public: everybody';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.client_id IS 'the only client; empty: all';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.qos IS 'highest QoS of what is sent';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.no_local IS 'without the client''s own messages';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.retain_as_published IS 'the retain flag stays';
COMMENT ON COLUMN fox_wamp.mqtt_auto_subscription.retain_handling IS 'retained messages: 0 and 1 with the subscription, 2 not';

-- The triggers know the columns of the next two by their position: upgrades append.
CREATE TABLE fox_wamp.mqtt_bridge (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	url text NOT NULL,
	username text,
	password text CHECK (password IS NULL OR username IS NOT NULL),
	client_id text CHECK (client_id <> ''),
	protocol text NOT NULL DEFAULT '5' CHECK (protocol IN ('5', '3.1.1')),
	keep_alive integer NOT NULL DEFAULT 60 CHECK (keep_alive BETWEEN 1 AND 65535),
	clean_start boolean NOT NULL DEFAULT false,
	notification_topic text,
	ca text,
	certificate text,
	private_key text,
	enabled boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE fox_wamp.mqtt_bridge IS 'connections to other MQTT brokers';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.name IS 'what it is called here';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.realm IS 'realm of the topics here';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.url IS 'where the remote broker listens, as fox_wamp.mqtt_bridge_allow allows: mqtt://host:port, or mqtts:// for TLS';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.username IS 'who the bridge is there; null: it does not say';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.password IS 'and its password: written by administrators, read by superusers';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.client_id IS 'its client identifier there; null: one of the bridge''s name, the server and the database';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.protocol IS 'version of MQTT: 5, or 3.1.1 if the remote does not speak it; or 3.1.1 from the start';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.keep_alive IS 'seconds within which the remote has to answer';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.clean_start IS 'neither side keeps messages while there is no connection';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.notification_topic IS 'topic, on both sides, of a retained 1 while there is a connection and 0 else; null: none';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.ca IS 'PEM: authorities whose certificates are believed; null: those of the system';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.certificate IS 'PEM: what the bridge shows; null: nothing';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.private_key IS 'PEM: its key, written by administrators, read by superusers';
COMMENT ON COLUMN fox_wamp.mqtt_bridge.enabled IS 'false: there is no connection, and what is to go out waits';

CREATE TABLE fox_wamp.mqtt_bridge_topic (
	bridge text COLLATE "C" NOT NULL REFERENCES fox_wamp.mqtt_bridge ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	direction text COLLATE "C" NOT NULL DEFAULT 'out' CHECK (direction IN ('out', 'in', 'both')),
	local_prefix text COLLATE "C" NOT NULL DEFAULT '',
	remote_prefix text COLLATE "C" NOT NULL DEFAULT '',
	qos integer NOT NULL DEFAULT 1 CHECK (qos BETWEEN 0 AND 2),
	PRIMARY KEY (bridge, pattern, direction, local_prefix, remote_prefix)
);
COMMENT ON TABLE fox_wamp.mqtt_bridge_topic IS 'topics whose messages go over a bridge';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.bridge IS 'name of the bridge';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.pattern IS 'filter as MQTT writes it, behind the prefix of either side; empty: the prefixes are the topics';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.direction IS 'out: to the remote; in: from it; both';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.local_prefix IS 'what topics begin with here';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.remote_prefix IS 'what they begin with there';
COMMENT ON COLUMN fox_wamp.mqtt_bridge_topic.qos IS 'highest QoS of what goes over';

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

CREATE TABLE fox_wamp.root (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND octet_length(name) <= 255 AND
		lower(name) NOT IN ('ws', 'wamp', 'fox_wamp', 'mqtt', 'longpoll', 'metrics', 'healthz', 'readyz', 'dashboard')),
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	style text NOT NULL DEFAULT 'result' CHECK (style IN ('result', 'plain')),
	auth boolean NOT NULL DEFAULT false,
	UNIQUE (name, realm)
);
CREATE UNIQUE INDEX root_name ON fox_wamp.root (lower(name));
COMMENT ON TABLE fox_wamp.root IS 'first components of the names of exposed functions, and the realm they are in';
COMMENT ON COLUMN fox_wamp.root.name IS 'first component of procedures';
COMMENT ON COLUMN fox_wamp.root.realm IS 'realm of the procedures';
COMMENT ON COLUMN fox_wamp.root.style IS 'how HTTP answers: result puts values into {"Result":…} and errors into {"ErrorCode":…,"ErrorText":…}, plain sends the value alone';
COMMENT ON COLUMN fox_wamp.root.auth IS 'by HTTP only who logs in may call a function that is not exposed as anonymous';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.exposed_table (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	relation text NOT NULL,
	verbs text[] NOT NULL CHECK (verbs <@ ARRAY['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] AND cardinality(verbs) > 0),
	PRIMARY KEY (realm, root, name),
	UNIQUE (root, name),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX exposed_table_name ON fox_wamp.exposed_table (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_table IS 'tables and views whose rows clients may read and write: /root/name';
COMMENT ON COLUMN fox_wamp.exposed_table.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_table.root IS 'first component of the path, and of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_table.name IS 'the second one';
COMMENT ON COLUMN fox_wamp.exposed_table.relation IS 'schema and name; follows ALTER, and the row goes with the table';
COMMENT ON COLUMN fox_wamp.exposed_table.verbs IS 'HTTP methods that it takes';

CREATE TABLE fox_wamp.exposed_service (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND octet_length(name) <= 255 AND
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	schema text NOT NULL,
	lifetime text NOT NULL DEFAULT 'shared',
	contract text CHECK (octet_length(contract) BETWEEN 1 AND 255),
	publish_signature boolean NOT NULL DEFAULT false,
	anonymous boolean NOT NULL DEFAULT false,
	result_as text NOT NULL DEFAULT 'array' CHECK (result_as IN ('object', 'array')),
	audit boolean NOT NULL DEFAULT false,
	hash text NOT NULL,
	schema_oid oid NOT NULL,
	PRIMARY KEY (root, name),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX exposed_service_name ON fox_wamp.exposed_service (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_service IS 'schemas whose functions are methods of a service: root.name.method';
COMMENT ON COLUMN fox_wamp.exposed_service.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_service.root IS 'first component of the procedures';
COMMENT ON COLUMN fox_wamp.exposed_service.name IS 'second component of the procedures';
COMMENT ON COLUMN fox_wamp.exposed_service.schema IS 'whose functions are the methods, as they come and go; follows ALTER, and the row goes with the schema';
COMMENT ON COLUMN fox_wamp.exposed_service.lifetime IS 'whom an instance, and its state, is of: single, shared, client_driven, per_session, per_user, per_group';
COMMENT ON COLUMN fox_wamp.exposed_service.contract IS 'version that callers may ask for; null: the hash';
COMMENT ON COLUMN fox_wamp.exposed_service.publish_signature IS 'callers may read what the methods are';
COMMENT ON COLUMN fox_wamp.exposed_service.anonymous IS 'by HTTP anybody may call the methods without logging in, from anywhere, as the anonymous role';
COMMENT ON COLUMN fox_wamp.exposed_service.result_as IS 'what the values of a method come in: an array in their order, or an object by their names';
COMMENT ON COLUMN fox_wamp.exposed_service.audit IS 'every call is noted in service_call';
COMMENT ON COLUMN fox_wamp.exposed_service.hash IS 'SHA-256 of the signature';
COMMENT ON COLUMN fox_wamp.exposed_service.schema_oid IS 'internal: by which the schema is found under a new name';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.exposed_function (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	function text NOT NULL,
	concurrency integer CHECK (concurrency BETWEEN 1 AND 1000000),
	timeout interval CHECK (timeout BETWEEN interval '1 ms' AND interval '24 days'),
	methods text[] CHECK (methods <@ ARRAY['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] AND cardinality(methods) > 0),
	anonymous boolean NOT NULL DEFAULT false,
	result_as text NOT NULL DEFAULT 'object' CHECK (result_as IN ('object', 'array')),
	table_name text COLLATE "C",
	bound text CHECK (bound IN ('row', 'table')),
	service text COLLATE "C",
	PRIMARY KEY (realm, root, name, function),
	CHECK ((table_name IS NULL) = (bound IS NULL)),
	CHECK (table_name IS NULL OR lower(name) LIKE lower(replace(table_name, '_', '\_')) || '.%'),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE,
	FOREIGN KEY (root, table_name) REFERENCES fox_wamp.exposed_table (root, name) ON UPDATE CASCADE ON DELETE CASCADE,
	-- Deferred: a root that gets another name reaches both tables, one after the other.
	FOREIGN KEY (root, service) REFERENCES fox_wamp.exposed_service (root, name) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX exposed_function_name ON fox_wamp.exposed_function (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_function IS 'functions that clients may call as procedures: root.name';
COMMENT ON COLUMN fox_wamp.exposed_function.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_function.root IS 'first component of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_function.name IS 'the rest of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_function.function IS 'schema, name and argument types; follows ALTER, and the row goes with the function';
COMMENT ON COLUMN fox_wamp.exposed_function.concurrency IS 'calls that may run at a time, the others wait; null: no limit';
COMMENT ON COLUMN fox_wamp.exposed_function.timeout IS 'how long a call may run; null: as statement_timeout says';
COMMENT ON COLUMN fox_wamp.exposed_function.methods IS 'HTTP methods that it may be called by; null: GET, HEAD and POST';
COMMENT ON COLUMN fox_wamp.exposed_function.anonymous IS 'by HTTP anybody may call it without logging in, from anywhere, as the anonymous role';
COMMENT ON COLUMN fox_wamp.exposed_function.result_as IS 'what HTTP makes of several columns: an object or an array';
COMMENT ON COLUMN fox_wamp.exposed_function.table_name IS 'exposed table that it is bound to, and whose name is the first component of its own';
COMMENT ON COLUMN fox_wamp.exposed_function.bound IS 'row: its first argument is a row of that; table: it asks request_table() and request_id()';
COMMENT ON COLUMN fox_wamp.exposed_function.service IS 'of which it is a method, and whose rows are kept by the extension; null: of none';

-- What an instance is to know is its own: state.  It goes with its service by the trigger exposed_service_instances.  A foreign key would
-- look at the service's row whenever a call writes its instance twice, and wait for who ends the service, and waits for the call.
CREATE TABLE fox_wamp.service_instance (
	root text COLLATE "C" NOT NULL,
	service text COLLATE "C" NOT NULL,
	id text COLLATE "C" NOT NULL,
	owner text NOT NULL,
	session bigint,
	state jsonb,
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	touched timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (root, service, id)
);
CREATE INDEX service_instance_session ON fox_wamp.service_instance (session) WHERE session IS NOT NULL;
COMMENT ON TABLE fox_wamp.service_instance IS 'instances of services; a call has its instance locked';
COMMENT ON COLUMN fox_wamp.service_instance.root IS 'root of the service';
COMMENT ON COLUMN fox_wamp.service_instance.service IS 'name of the service';
COMMENT ON COLUMN fox_wamp.service_instance.id IS 'by which callers name a client_driven one; else the session, user or group, empty if it is shared';
COMMENT ON COLUMN fox_wamp.service_instance.owner IS 'who may use it: authid, authrole, the role of who calls from SQL, or empty';
COMMENT ON COLUMN fox_wamp.service_instance.session IS 'with which it ends; null: with none';
COMMENT ON COLUMN fox_wamp.service_instance.state IS 'what instance_state() reads and set_instance_state() writes';
COMMENT ON COLUMN fox_wamp.service_instance.created IS 'when it was made';
COMMENT ON COLUMN fox_wamp.service_instance.touched IS 'when its last call ended; fox_wamp.instance_timeout later it goes, unless it is shared';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.service_address (
	id text COLLATE "C" PRIMARY KEY DEFAULT gen_random_uuid()::text,
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	service text COLLATE "C" NOT NULL CHECK (service NOT IN ('', '*')),
	url text NOT NULL CHECK (url ~ '^[A-Za-z][A-Za-z0-9+.-]*://[^/[:space:][:cntrl:]]+[^[:space:][:cntrl:]]*$'),
	node text,
	uri_prefix text,
	contract text,
	shard int8range CHECK (NOT isempty(shard)),
	modulus integer CHECK (modulus > 0),
	remainder integer,
	expires_at timestamptz,
	added timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK ((modulus IS NULL) = (remainder IS NULL) AND remainder BETWEEN 0 AND modulus - 1 AND (shard IS NULL OR modulus IS NULL))
);
CREATE INDEX service_address_expires ON fox_wamp.service_address (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE fox_wamp.service_address IS 'where services are, as far as no session has announced it; see service_catalog';
COMMENT ON COLUMN fox_wamp.service_address.id IS 'names the row';
COMMENT ON COLUMN fox_wamp.service_address.realm IS 'whose clients see it';
COMMENT ON COLUMN fox_wamp.service_address.service IS 'name, whatever the case';
COMMENT ON COLUMN fox_wamp.service_address.url IS 'where it is: for HTTP that of the root, in front of /service/method';
COMMENT ON COLUMN fox_wamp.service_address.node IS 'fox_wamp.node of the router there';
COMMENT ON COLUMN fox_wamp.service_address.uri_prefix IS 'what its procedures begin with; null: any root and the name of the service';
COMMENT ON COLUMN fox_wamp.service_address.contract IS 'contract that it has there';
COMMENT ON COLUMN fox_wamp.service_address.shard IS 'numbers that it is for; null: all, or what the next two say';
COMMENT ON COLUMN fox_wamp.service_address.modulus IS 'it is for numbers whose hash leaves the remainder, divided by this';
COMMENT ON COLUMN fox_wamp.service_address.remainder IS 'see modulus';
COMMENT ON COLUMN fox_wamp.service_address.expires_at IS 'when the row goes; null: never';
COMMENT ON COLUMN fox_wamp.service_address.added IS 'the newest goes before others';

CREATE TABLE fox_wamp.service_call (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL,
	microseconds bigint NOT NULL,
	procedure text NOT NULL,
	instance text,
	input jsonb,
	output jsonb,
	error text,
	session bigint NOT NULL,
	authid text NOT NULL,
	authrole text NOT NULL,
	peer text
);
CREATE INDEX service_call_at ON fox_wamp.service_call (at);
COMMENT ON TABLE fox_wamp.service_call IS 'calls of services that are exposed with audit; whoever wants room deletes rows';
COMMENT ON SEQUENCE fox_wamp.service_call_id_seq IS 'numbers of calls';
COMMENT ON COLUMN fox_wamp.service_call.id IS 'number of the call';
COMMENT ON COLUMN fox_wamp.service_call.at IS 'when the call began';
COMMENT ON COLUMN fox_wamp.service_call.microseconds IS 'how long it took';
COMMENT ON COLUMN fox_wamp.service_call.procedure IS 'root.service.method';
COMMENT ON COLUMN fox_wamp.service_call.instance IS 'that a client has named';
COMMENT ON COLUMN fox_wamp.service_call.input IS 'arguments by name; null: they could not be read';
COMMENT ON COLUMN fox_wamp.service_call.output IS 'what was answered; null: an error';
COMMENT ON COLUMN fox_wamp.service_call.error IS 'SQLSTATE and message; null: there was none';
COMMENT ON COLUMN fox_wamp.service_call.session IS 'session of the caller';
COMMENT ON COLUMN fox_wamp.service_call.authid IS 'who has called';
COMMENT ON COLUMN fox_wamp.service_call.authrole IS 'in which role';
COMMENT ON COLUMN fox_wamp.service_call.peer IS 'from where';

CREATE TYPE fox_wamp.http_response AS (status integer, content_type text, headers jsonb, body bytea, raw boolean);
COMMENT ON TYPE fox_wamp.http_response IS 'what a function may return to say all of an HTTP reply, see returns()';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.handler (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text NOT NULL CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	function text NOT NULL,
	id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	owner text NOT NULL DEFAULT '',
	durable boolean NOT NULL DEFAULT false,
	concurrency integer NOT NULL DEFAULT 1 CHECK (concurrency BETWEEN 1 AND 64),
	max_attempts integer NOT NULL DEFAULT 10 CHECK (max_attempts BETWEEN 1 AND 1000000),
	retry_delay interval NOT NULL DEFAULT '1 s' CHECK (retry_delay BETWEEN interval '1 ms' AND interval '1 hour'),
	PRIMARY KEY (realm, pattern, match, function)
);
COMMENT ON TABLE fox_wamp.handler IS 'functions that are called for events';
COMMENT ON COLUMN fox_wamp.handler.realm IS 'realm of the topics';
COMMENT ON COLUMN fox_wamp.handler.pattern IS 'topic or pattern';
COMMENT ON COLUMN fox_wamp.handler.match IS 'exact, prefix, wildcard, or pattern (* and #)';
COMMENT ON COLUMN fox_wamp.handler.function IS 'schema, name and argument types; follows ALTER, and the row goes with the function';
COMMENT ON COLUMN fox_wamp.handler.id IS 'what fox_wamp.delivery names';
COMMENT ON COLUMN fox_wamp.handler.owner IS 'the function''s, which it runs as; written by the trigger';
COMMENT ON COLUMN fox_wamp.handler.durable IS 'events are queued in fox_wamp.delivery until the function has seen them to their end';
COMMENT ON COLUMN fox_wamp.handler.concurrency IS 'events that may be handled at a time; those of one topic come one by one in any case';
COMMENT ON COLUMN fox_wamp.handler.max_attempts IS 'of a durable one: how often an event is tried';
COMMENT ON COLUMN fox_wamp.handler.retry_delay IS 'of a durable one: time between the first two attempts; it doubles, up to an hour';
COMMENT ON SEQUENCE fox_wamp.handler_id_seq IS 'numbers of handlers';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.publish_hook (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text NOT NULL DEFAULT 'pattern' CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	function text NOT NULL,
	function_role text COLLATE "C",
	PRIMARY KEY (realm, pattern, match)
);
COMMENT ON TABLE fox_wamp.publish_hook IS 'functions that see, alter or refuse what clients publish before it goes on';
COMMENT ON COLUMN fox_wamp.publish_hook.realm IS 'realm of the topics';
COMMENT ON COLUMN fox_wamp.publish_hook.pattern IS 'topic or pattern; the most specific one that matches a topic counts';
COMMENT ON COLUMN fox_wamp.publish_hook.match IS 'exact, prefix, wildcard, or pattern (* and #)';
COMMENT ON COLUMN fox_wamp.publish_hook.function IS 'schema, name and argument types; follows ALTER, and once it is dropped nothing is published';
COMMENT ON COLUMN fox_wamp.publish_hook.function_role IS 'role that the function runs as; null: its owner';

-- No foreign key: its checks would be locks on the handler's row, in every transaction that publishes.
CREATE TABLE fox_wamp.delivery (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	handler bigint NOT NULL,
	publication bigint NOT NULL,
	topic text COLLATE "C" NOT NULL,
	args jsonb,
	kwargs jsonb,
	details jsonb NOT NULL DEFAULT '{}',
	hops smallint NOT NULL DEFAULT 0,
	at timestamptz NOT NULL DEFAULT now(),
	attempts integer NOT NULL DEFAULT 0,
	last_error text,
	next_try timestamptz NOT NULL DEFAULT now(),
	dead boolean NOT NULL DEFAULT false,
	last_status integer
);
CREATE INDEX delivery_queue ON fox_wamp.delivery (handler, id) WHERE NOT dead;
CREATE INDEX delivery_failing ON fox_wamp.delivery (handler, topic, next_try) WHERE NOT dead AND attempts > 0;
CREATE INDEX delivery_dead ON fox_wamp.delivery (handler) WHERE dead;
COMMENT ON TABLE fox_wamp.delivery IS 'events that durable handlers have yet to see to their end';
COMMENT ON COLUMN fox_wamp.delivery.id IS 'their order';
COMMENT ON COLUMN fox_wamp.delivery.handler IS 'id of the handler or the webhook';
COMMENT ON COLUMN fox_wamp.delivery.publication IS 'id of the publication';
COMMENT ON COLUMN fox_wamp.delivery.topic IS 'components joined by dots';
COMMENT ON COLUMN fox_wamp.delivery.args IS 'positional arguments: a JSON array';
COMMENT ON COLUMN fox_wamp.delivery.kwargs IS 'keyword arguments: a JSON object';
COMMENT ON COLUMN fox_wamp.delivery.details IS 'what else the function is told';
COMMENT ON COLUMN fox_wamp.delivery.hops IS 'handlers that have set off the event, one after the other';
COMMENT ON COLUMN fox_wamp.delivery.at IS 'when it was queued';
COMMENT ON COLUMN fox_wamp.delivery.attempts IS 'how often the function has failed';
COMMENT ON COLUMN fox_wamp.delivery.last_error IS 'SQLSTATE and message of the last failure';
COMMENT ON COLUMN fox_wamp.delivery.next_try IS 'not before; until then later events of the topic wait';
COMMENT ON COLUMN fox_wamp.delivery.dead IS 'it is not tried any more, and later events of the topic do not wait for it';
COMMENT ON COLUMN fox_wamp.delivery.last_status IS 'of a webhook: HTTP status of the last answer; null: there was none';
COMMENT ON SEQUENCE fox_wamp.delivery_id_seq IS 'numbers of deliveries';

-- Their ids are of one series with those of handlers.  The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.webhook (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	pattern text COLLATE "C" NOT NULL,
	match text COLLATE "C" NOT NULL CHECK (match IN ('exact', 'prefix', 'wildcard', 'pattern')),
	id bigint PRIMARY KEY DEFAULT nextval('fox_wamp.handler_id_seq'),
	owner text NOT NULL DEFAULT '',
	concurrency integer NOT NULL DEFAULT 4 CHECK (concurrency BETWEEN 1 AND 64),
	url text NOT NULL,
	secret text CHECK (secret <> ''),
	headers jsonb,
	timeout interval NOT NULL DEFAULT '10 s' CHECK (timeout BETWEEN interval '10 ms' AND interval '5 min'),
	max_attempts integer NOT NULL DEFAULT 10 CHECK (max_attempts BETWEEN 1 AND 1000000),
	retry_delay interval NOT NULL DEFAULT '1 s' CHECK (retry_delay BETWEEN interval '1 ms' AND interval '1 hour'),
	UNIQUE (realm, pattern, match, url)
);
COMMENT ON TABLE fox_wamp.webhook IS 'URLs that events are sent to';
COMMENT ON COLUMN fox_wamp.webhook.realm IS 'realm of the topics';
COMMENT ON COLUMN fox_wamp.webhook.pattern IS 'topic or pattern';
COMMENT ON COLUMN fox_wamp.webhook.match IS 'exact, prefix, wildcard, or pattern (* and #)';
COMMENT ON COLUMN fox_wamp.webhook.id IS 'what fox_wamp.delivery names';
COMMENT ON COLUMN fox_wamp.webhook.owner IS 'role whose events it hears: who has made it';
COMMENT ON COLUMN fox_wamp.webhook.concurrency IS 'requests that may be under way at a time; those of one topic go one by one in any case';
COMMENT ON COLUMN fox_wamp.webhook.url IS 'where they go, as fox_wamp.webhook_allow allows';
COMMENT ON COLUMN fox_wamp.webhook.secret IS 'what requests are signed with; null: they are not';
COMMENT ON COLUMN fox_wamp.webhook.headers IS 'what requests have besides ours: an object of strings';
COMMENT ON COLUMN fox_wamp.webhook.timeout IS 'time until the answer has to be there';
COMMENT ON COLUMN fox_wamp.webhook.max_attempts IS 'how often an event is tried';
COMMENT ON COLUMN fox_wamp.webhook.retry_delay IS 'time between the first two attempts; it doubles, up to an hour';

-- No foreign key: whoever drops a receiver would wait for what is being sent.
CREATE UNLOGGED TABLE fox_wamp.post_log (
	delivery bigint PRIMARY KEY,
	receiver bigint NOT NULL,
	topic text COLLATE "C" NOT NULL,
	publication bigint NOT NULL,
	method text,
	attempts integer NOT NULL,
	status integer NOT NULL,
	took interval NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX post_log_receiver ON fox_wamp.post_log (receiver, at);
CREATE INDEX post_log_at ON fox_wamp.post_log (at);
COMMENT ON TABLE fox_wamp.post_log IS 'what was sent to URLs in the last day';
COMMENT ON COLUMN fox_wamp.post_log.delivery IS 'its number when it was in fox_wamp.delivery';
COMMENT ON COLUMN fox_wamp.post_log.receiver IS 'id of the webhook or the callback';
COMMENT ON COLUMN fox_wamp.post_log.topic IS 'components joined by dots';
COMMENT ON COLUMN fox_wamp.post_log.publication IS 'id of the publication';
COMMENT ON COLUMN fox_wamp.post_log.method IS 'of a callback';
COMMENT ON COLUMN fox_wamp.post_log.attempts IS 'how often it was sent';
COMMENT ON COLUMN fox_wamp.post_log.status IS 'HTTP status of the answer';
COMMENT ON COLUMN fox_wamp.post_log.took IS 'time from the last attempt to its answer';
COMMENT ON COLUMN fox_wamp.post_log.at IS 'when it was answered';

CREATE DOMAIN fox_wamp.callback AS bigint;
COMMENT ON DOMAIN fox_wamp.callback IS 'a receiver that a client passes to a function; a domain over it names its interface';

-- Logged, although most of its rows end with a session: users' tables refer to it, and a logged table can only refer to a logged one.
-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.callback_registry (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	uri text COLLATE "C" NOT NULL,
	interface text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL CHECK (kind IN ('event', 'invocation', 'poll', 'url', 'local')),
	service text COLLATE "C" NOT NULL,
	owner text COLLATE "C" NOT NULL,
	token text COLLATE "C" NOT NULL UNIQUE,
	id bigint PRIMARY KEY,
	session bigint NOT NULL,
	since timestamptz NOT NULL DEFAULT now(),
	UNIQUE (session, kind, realm, uri, interface, service, owner)
);
COMMENT ON TABLE fox_wamp.callback_registry IS 'callbacks; who refers to it ON DELETE CASCADE has them no longer than they can be reached';
COMMENT ON COLUMN fox_wamp.callback_registry.realm IS 'realm of the session';
COMMENT ON COLUMN fox_wamp.callback_registry.uri IS 'topic, procedure, URL or function';
COMMENT ON COLUMN fox_wamp.callback_registry.interface IS 'name of the domain that the argument had as its type';
COMMENT ON COLUMN fox_wamp.callback_registry.kind IS 'event, invocation, poll, url, or local: a function';
COMMENT ON COLUMN fox_wamp.callback_registry.service IS 'schema of the function that it was passed to';
COMMENT ON COLUMN fox_wamp.callback_registry.owner IS 'role that has passed it';
COMMENT ON COLUMN fox_wamp.callback_registry.token IS 'what its URI for others ends with';
COMMENT ON COLUMN fox_wamp.callback_registry.id IS 'drawn by chance: who knows it may send to it';
COMMENT ON COLUMN fox_wamp.callback_registry.session IS 'the client''s; 0: it needs none';
COMMENT ON COLUMN fox_wamp.callback_registry.since IS 'when it was passed first';

CREATE VIEW fox_wamp.receiver AS
	SELECT id, function AS name, realm, pattern, match, owner, durable, max_attempts, retry_delay FROM fox_wamp.handler
	UNION ALL
	SELECT id, 'webhook ' || id, realm, pattern, match, owner, true, max_attempts, retry_delay FROM fox_wamp.webhook
	UNION ALL
	SELECT id, 'callback ' || id, realm, '', 'exact', owner, true,
		coalesce(nullif(current_setting('fox_wamp.callback_failures')::integer, 0), 1000000), interval '1 s' FROM fox_wamp.callback_registry
	WHERE kind = 'url';
COMMENT ON VIEW fox_wamp.receiver IS 'internal: whom rows of fox_wamp.delivery may be for';

CREATE VIEW fox_wamp.post_target AS
	SELECT id, url, secret, headers, timeout, concurrency, 'fox_wamp.webhook_allow' AS allow FROM fox_wamp.webhook
	UNION ALL
	SELECT id, uri, NULL, NULL, interval '10 s', 1, 'fox_wamp.callback_url_allow' FROM fox_wamp.callback_registry WHERE kind = 'url';
COMMENT ON VIEW fox_wamp.post_target IS 'internal: receivers whose events are sent to a URL';

CREATE FUNCTION fox_wamp.post_body(d fox_wamp.delivery) RETURNS json
	LANGUAGE sql STABLE
	RETURN CASE WHEN d.topic = 'fox_wamp.callback' THEN json_build_object('callback', d.handler, 'request', d.id,
			'interface', (SELECT c.interface FROM fox_wamp.callback_registry c WHERE c.id = d.handler), 'method', d.details -> 'method',
			'args', coalesce(d.args, '[]'), 'kwargs', coalesce(d.kwargs, '{}'), 'at', d.at)
		ELSE json_build_object('topic', d.topic, 'args', coalesce(d.args, '[]'), 'kwargs', coalesce(d.kwargs, '{}'),
			'publication', d.publication, 'at', d.at) END;
COMMENT ON FUNCTION fox_wamp.post_body(fox_wamp.delivery) IS 'internal: what the request of a delivery says';

-- Written by the router alone, and read when it starts.
CREATE TABLE fox_wamp.mqtt_session (
	id bigint PRIMARY KEY,
	realm text COLLATE "C" NOT NULL,
	client_id text COLLATE "C" NOT NULL,
	authid text NOT NULL,
	authrole text NOT NULL,
	authmethod text NOT NULL,
	since timestamptz NOT NULL DEFAULT now(),
	expiry bigint,
	disconnected timestamptz,
	will_topic text COLLATE "C",
	will_payload bytea,
	will_properties bytea,
	will_qos smallint,
	will_retain boolean,
	will_delay bigint,
	sent bigint
);
COMMENT ON TABLE fox_wamp.mqtt_session IS 'sessions of MQTT clients that outlive their connections, or have a will';
COMMENT ON COLUMN fox_wamp.mqtt_session.id IS 'what the other tables name';
COMMENT ON COLUMN fox_wamp.mqtt_session.realm IS 'realm that the client has joined';
COMMENT ON COLUMN fox_wamp.mqtt_session.client_id IS 'the client''s name for itself';
COMMENT ON COLUMN fox_wamp.mqtt_session.authid IS 'user';
COMMENT ON COLUMN fox_wamp.mqtt_session.authrole IS 'role of the last log-in';
COMMENT ON COLUMN fox_wamp.mqtt_session.authmethod IS 'method of the last log-in';
COMMENT ON COLUMN fox_wamp.mqtt_session.since IS 'when it began';
COMMENT ON COLUMN fox_wamp.mqtt_session.expiry IS 'seconds that it outlives its connection; null: for ever';
COMMENT ON COLUMN fox_wamp.mqtt_session.disconnected IS 'when the connection ended; null: there is one';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_topic IS 'topic of the will; null: none is open';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_payload IS 'bytes of the will';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_properties IS 'its properties, as MQTT encodes them';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_qos IS 'its QoS';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_retain IS 'it is to be retained';
COMMENT ON COLUMN fox_wamp.mqtt_session.will_delay IS 'seconds after the end of the connection';
COMMENT ON COLUMN fox_wamp.mqtt_session.sent IS 'number of the last message that was sent before the connection ended; null: not known, for there is one or it ended with the router';

CREATE TABLE fox_wamp.mqtt_subscription (
	session bigint,
	filter text COLLATE "C",
	qos smallint NOT NULL,
	no_local boolean NOT NULL,
	retain_as_published boolean NOT NULL,
	identifier bigint,
	PRIMARY KEY (session, filter)
);
COMMENT ON TABLE fox_wamp.mqtt_subscription IS 'subscriptions of such sessions';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.session IS 'id of the session';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.filter IS 'as the client has sent it';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.qos IS 'highest QoS of what is sent';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.no_local IS 'without the client''s own messages';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.retain_as_published IS 'the retain flag stays';
COMMENT ON COLUMN fox_wamp.mqtt_subscription.identifier IS 'subscription identifier; null: none';

CREATE TABLE fox_wamp.mqtt_message (
	session bigint,
	number bigint,
	topic text COLLATE "C" NOT NULL,
	payload bytea NOT NULL,
	properties bytea NOT NULL,
	own_properties bytea NOT NULL,
	qos smallint NOT NULL,
	retain boolean NOT NULL,
	released boolean NOT NULL DEFAULT false,
	expires timestamptz,
	PRIMARY KEY (session, number)
);
COMMENT ON TABLE fox_wamp.mqtt_message IS 'messages that such sessions have yet to acknowledge';
COMMENT ON COLUMN fox_wamp.mqtt_message.session IS 'id of the session';
COMMENT ON COLUMN fox_wamp.mqtt_message.number IS 'their order; the packet identifier follows from it';
COMMENT ON COLUMN fox_wamp.mqtt_message.topic IS 'in MQTT''s notation';
COMMENT ON COLUMN fox_wamp.mqtt_message.payload IS 'bytes of the message';
COMMENT ON COLUMN fox_wamp.mqtt_message.properties IS 'its properties, as MQTT encodes them';
COMMENT ON COLUMN fox_wamp.mqtt_message.own_properties IS 'subscription identifiers, as MQTT encodes them';
COMMENT ON COLUMN fox_wamp.mqtt_message.qos IS '1 or 2';
COMMENT ON COLUMN fox_wamp.mqtt_message.retain IS 'it is sent with the retain flag';
COMMENT ON COLUMN fox_wamp.mqtt_message.released IS 'QoS 2: the client has it, and PUBREL is due';
COMMENT ON COLUMN fox_wamp.mqtt_message.expires IS 'after which it is not sent; null: it stays';

CREATE TABLE fox_wamp.mqtt_received (
	session bigint,
	packet bigint,
	publication bigint,
	topic text COLLATE "C",
	message bytea,
	expires timestamptz,
	stored timestamptz,
	PRIMARY KEY (session, packet)
);
COMMENT ON TABLE fox_wamp.mqtt_received IS 'messages of QoS 2 that such sessions have sent, and have yet to release';
COMMENT ON COLUMN fox_wamp.mqtt_received.session IS 'id of the session';
COMMENT ON COLUMN fox_wamp.mqtt_received.packet IS 'packet identifier';
COMMENT ON COLUMN fox_wamp.mqtt_received.publication IS 'of a retained message that is stored, and not yet in the queues of those who hear it; null, as are the others: it is there';
COMMENT ON COLUMN fox_wamp.mqtt_received.topic IS 'its topic';
COMMENT ON COLUMN fox_wamp.mqtt_received.message IS 'as the payload of fox_wamp.retained in format mqtt';
COMMENT ON COLUMN fox_wamp.mqtt_received.expires IS 'after which nobody is sent it; null: it stays';
COMMENT ON COLUMN fox_wamp.mqtt_received.stored IS 'their order';

CREATE TABLE fox_wamp.mqtt_unheard (
	id bigint PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind text NOT NULL CHECK (kind IN ('event', 'put', 'delete')),
	publication bigint NOT NULL,
	realm text COLLATE "C" NOT NULL,
	topic text COLLATE "C" NOT NULL,
	args json,
	kwargs json,
	options json,
	original bytea
);
COMMENT ON TABLE fox_wamp.mqtt_unheard IS 'events of committed transactions that such sessions may hear, and that are not in their queues yet';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.id IS 'what the router calls it';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.at IS 'their order';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.kind IS 'event: of publish(); put, delete: of a retained value';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.publication IS 'id of the publication';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.realm IS 'realm of the topic';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.topic IS 'in WAMP''s notation';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.args IS 'list of arguments';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.kwargs IS 'named arguments';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.options IS 'those of the publish that say who hears it, and how';
COMMENT ON COLUMN fox_wamp.mqtt_unheard.original IS 'as the payload of fox_wamp.retained';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.auth_method (
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	method text NOT NULL CHECK (method IN ('anonymous', 'ticket', 'wampcra', 'wamp-scram', 'cryptosign', 'tls', 'cookie')),
	authenticator text COLLATE "C" CHECK (authenticator IS NULL OR method NOT IN ('anonymous', 'cookie')),
	authenticator_function text CHECK (authenticator_function IS NULL OR method NOT IN ('anonymous', 'cookie')),
	authenticator_role text COLLATE "C",
	PRIMARY KEY (realm, method),
	CONSTRAINT auth_method_one_authenticator CHECK (authenticator IS NULL OR authenticator_function IS NULL),
	CONSTRAINT auth_method_role_of_function CHECK (authenticator_role IS NULL OR authenticator_function IS NOT NULL)
);
COMMENT ON TABLE fox_wamp.auth_method IS 'how clients may log in; a realm without rows takes every method';
COMMENT ON COLUMN fox_wamp.auth_method.realm IS 'realm that is logged in to';
COMMENT ON COLUMN fox_wamp.auth_method.method IS 'anonymous, ticket, wampcra, wamp-scram, cryptosign, tls or cookie';
COMMENT ON COLUMN fox_wamp.auth_method.authenticator IS 'procedure of the realm that says who a client is; null: tables do';
COMMENT ON COLUMN fox_wamp.auth_method.authenticator_function IS 'function that says it instead, by its full signature; follows ALTER, and once it is dropped nobody gets in';
COMMENT ON COLUMN fox_wamp.auth_method.authenticator_role IS 'role that the function runs as; null: its owner';

CREATE TABLE fox_wamp.auth_group (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ident text NOT NULL UNIQUE,
	pg_role text COLLATE "C" NOT NULL
);
COMMENT ON TABLE fox_wamp.auth_group IS 'groups of users: each stands for a role of the server';
COMMENT ON COLUMN fox_wamp.auth_group.id IS 'what auth_user names';
COMMENT ON COLUMN fox_wamp.auth_group.ident IS 'name of the group';
COMMENT ON COLUMN fox_wamp.auth_group.pg_role IS 'role of the server, which is the authrole of its users';
COMMENT ON SEQUENCE fox_wamp.auth_group_id_seq IS 'numbers of groups';

CREATE TABLE fox_wamp.auth_user (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	logon_name text COLLATE "C" NOT NULL UNIQUE
		CHECK (octet_length(logon_name) BETWEEN 1 AND 255 AND logon_name NOT IN ('anonymous', 'sql', 'router')),
	group_id bigint NOT NULL REFERENCES fox_wamp.auth_group,
	realm text COLLATE "C" REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	verifier text,
	cra_verifier text,
	data jsonb
);
COMMENT ON TABLE fox_wamp.auth_user IS 'clients that may log in and are no roles of the server';
COMMENT ON COLUMN fox_wamp.auth_user.id IS 'number of the user';
COMMENT ON COLUMN fox_wamp.auth_user.logon_name IS 'authid that it logs in with';
COMMENT ON COLUMN fox_wamp.auth_user.group_id IS 'its group, which says its role';
COMMENT ON COLUMN fox_wamp.auth_user.realm IS 'the only realm that it may join; null: any';
COMMENT ON COLUMN fox_wamp.auth_user.verifier IS 'of its password, for ticket and wamp-scram: as pg_authid.rolpassword, or derived by Argon2id (fox_wamp.password_kdf); or, for ticket alone, a hash of bcrypt or PBKDF2';
COMMENT ON COLUMN fox_wamp.auth_user.cra_verifier IS 'of its password, for wampcra';
COMMENT ON COLUMN fox_wamp.auth_user.data IS 'what applications keep of the user; session_get_user() tells it';
COMMENT ON SEQUENCE fox_wamp.auth_user_id_seq IS 'numbers of users';

CREATE TABLE fox_wamp.auth_key (
	public_key text COLLATE "C" PRIMARY KEY CHECK (public_key ~ '^[0-9a-f]{64}$'),
	user_id bigint REFERENCES fox_wamp.auth_user ON DELETE CASCADE,
	pg_role text COLLATE "C",
	CHECK (num_nonnulls(user_id, pg_role) = 1)
);
CREATE INDEX auth_key_user ON fox_wamp.auth_key (user_id);
CREATE INDEX auth_key_role ON fox_wamp.auth_key (pg_role);
COMMENT ON TABLE fox_wamp.auth_key IS 'public keys of clients, for cryptosign';
COMMENT ON COLUMN fox_wamp.auth_key.public_key IS 'Ed25519 public key in hexadecimal';
COMMENT ON COLUMN fox_wamp.auth_key.user_id IS 'user that has the private key';
COMMENT ON COLUMN fox_wamp.auth_key.pg_role IS 'or role of the server that has it';

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
	authorizer_function text,
	authorizer_role text COLLATE "C",
	PRIMARY KEY (realm, pattern, match, role),
	CONSTRAINT permission_one_authorizer CHECK (authorizer IS NULL OR authorizer_function IS NULL),
	CONSTRAINT permission_role_of_function CHECK (authorizer_role IS NULL OR authorizer_function IS NOT NULL)
);
COMMENT ON TABLE fox_wamp.permission IS 'what clients may do: the most specific pattern that says something to one of a session''s roles decides';
COMMENT ON COLUMN fox_wamp.permission.realm IS 'realm of the topic or procedure';
COMMENT ON COLUMN fox_wamp.permission.pattern IS 'topic, procedure or pattern of them; a component %u stands for the authid of a session, %c for its MQTT client identifier';
COMMENT ON COLUMN fox_wamp.permission.match IS 'pattern (* and #), exact, prefix or wildcard';
COMMENT ON COLUMN fox_wamp.permission.role IS 'database role, and all that inherit its privileges; public: everybody';
COMMENT ON COLUMN fox_wamp.permission.allow_publish IS 'may publish to it; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_subscribe IS 'may subscribe to it, or to a pattern that it covers; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_call IS 'may call it; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.allow_register IS 'may register it, or a pattern that it covers; null: a less specific pattern decides';
COMMENT ON COLUMN fox_wamp.permission.disclose IS 'whether publishers and callers are named; null: as the realm has it';
COMMENT ON COLUMN fox_wamp.permission.authorizer IS 'procedure of a client''s that is asked each time before something is allowed; null: none';
COMMENT ON COLUMN fox_wamp.permission.authorizer_function IS 'function that is asked instead, by its full signature; follows ALTER, and once it is dropped nothing is allowed';
COMMENT ON COLUMN fox_wamp.permission.authorizer_role IS 'role that the function runs as; null: its owner';

CREATE FUNCTION fox_wamp.topic_access_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_topic_access_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.topic_access_before() IS 'internal: only the router may ask';
CREATE FUNCTION fox_wamp.topic_policies(session jsonb, uri text, action text, options jsonb, match text) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_topic_policies' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION fox_wamp.topic_policies(jsonb, text, text, jsonb, text)
	IS 'internal: the authorizer that asks the policies of fox_wamp.topic_access';

-- The table is none of the extension's: pg_dump leaves out policies of those.  Its rows are questions of the
-- router's that are rolled back: unlogged, and of each process its own.
CREATE FUNCTION fox_wamp.create_topic_access() RETURNS void
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF to_regclass('fox_wamp.topic_access') IS NOT NULL THEN
			RETURN;
		END IF;
		CREATE UNLOGGED TABLE fox_wamp.topic_access (
			pid integer PRIMARY KEY DEFAULT pg_backend_pid(),
			realm text COLLATE "C" NOT NULL,
			topic text COLLATE "C",
			pattern text COLLATE "C",
			match text NOT NULL
		);
		ALTER TABLE fox_wamp.topic_access ENABLE ROW LEVEL SECURITY;
		CREATE TRIGGER topic_access_before BEFORE INSERT ON fox_wamp.topic_access
			FOR EACH ROW EXECUTE FUNCTION fox_wamp.topic_access_before();
		-- Nobody but the router may insert: that is the trigger's; its policies decide the rest.
		GRANT SELECT, INSERT ON fox_wamp.topic_access TO PUBLIC;
		COMMENT ON TABLE fox_wamp.topic_access IS 'always empty: its policies decide who may subscribe (SELECT) and publish (INSERT), see use_topic_policies()';
		COMMENT ON COLUMN fox_wamp.topic_access.pid IS 'process that asks';
		COMMENT ON COLUMN fox_wamp.topic_access.realm IS 'realm of the topic';
		COMMENT ON COLUMN fox_wamp.topic_access.topic IS 'topic that is published or subscribed to; null: a pattern is';
		COMMENT ON COLUMN fox_wamp.topic_access.pattern IS 'pattern that is subscribed to; null: a topic is';
		COMMENT ON COLUMN fox_wamp.topic_access.match IS 'exact, prefix, wildcard, or pattern (* and #)';
		COMMENT ON TRIGGER topic_access_before ON fox_wamp.topic_access IS 'only the router may ask';
	END
	$$;
COMMENT ON FUNCTION fox_wamp.create_topic_access() IS 'internal: makes the table fox_wamp.topic_access, which is no part of the extension';

CREATE FUNCTION fox_wamp.use_topic_policies(realm text DEFAULT 'realm1', pattern text DEFAULT '#') RETURNS void
	LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.create_topic_access();
		INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe, authorizer_function)
		VALUES ($1, $2, 'public', true, true, 'fox_wamp.topic_policies(jsonb,text,text,jsonb,text)')
		ON CONFLICT ON CONSTRAINT permission_pkey DO UPDATE SET allow_publish = true, allow_subscribe = true,
			authorizer = NULL, authorizer_function = EXCLUDED.authorizer_function, authorizer_role = NULL;
	$$;
COMMENT ON FUNCTION fox_wamp.use_topic_policies(text, text)
	IS 'policies of fox_wamp.topic_access decide who may publish to and subscribe to what matches the pattern';

CREATE FUNCTION fox_wamp.forget_decisions() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_forget_decisions' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.forget_decisions() IS 'authorizers are asked again, at commit: for triggers of what they look at';

CREATE FUNCTION fox_wamp.transaction_ended(transaction text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_transaction_ended' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION fox_wamp.transaction_ended(text) IS 'internal: waits until a transaction has quite ended, caches included';

-- A statement may have changed what functions and policies say; which ones is not worth finding out.
-- Without a router there are no decisions: that is nothing to tell of every statement.
CREATE FUNCTION fox_wamp.decisions_outdated() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
	AS $$
	BEGIN
		IF EXISTS (SELECT FROM fox_wamp.permission WHERE authorizer_function IS NOT NULL) THEN
			PERFORM fox_wamp.forget_decisions();
		END IF;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.decisions_outdated() IS 'internal: authorizers are asked again after a statement that may change what they say';

CREATE FUNCTION fox_wamp.jwk_fits(alg text, jwk jsonb) RETURNS boolean
	AS 'MODULE_PATHNAME', 'fox_wamp_jwk_fits' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.jwk_fits(text, jsonb) IS 'internal: the JWK is a key of that algorithm, and strong enough';

CREATE TABLE fox_wamp.jwt_key (
	kid text COLLATE "C" PRIMARY KEY,
	alg text NOT NULL,
	jwk jsonb NOT NULL,
	realm text COLLATE "C" REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	audience text,
	issuer text,
	role_claim text NOT NULL DEFAULT 'role',
	authid_claim text NOT NULL DEFAULT 'sub',
	roles text[]
);
COMMENT ON TABLE fox_wamp.jwt_key IS 'keys that JSON Web Tokens are signed with, which clients log in with';
COMMENT ON COLUMN fox_wamp.jwt_key.kid IS 'name of the key; a token without kid is held against all';
COMMENT ON COLUMN fox_wamp.jwt_key.alg IS 'HS256, RS256, ES256 or EdDSA: the only algorithm that counts with this key';
COMMENT ON COLUMN fox_wamp.jwt_key.jwk IS 'the key (RFC 7517)';
COMMENT ON COLUMN fox_wamp.jwt_key.realm IS 'the only realm that its tokens are taken for; null: any';
COMMENT ON COLUMN fox_wamp.jwt_key.audience IS 'what aud must name; null: tokens with an aud are refused';
COMMENT ON COLUMN fox_wamp.jwt_key.issuer IS 'what iss must be; null: anything';
COMMENT ON COLUMN fox_wamp.jwt_key.role_claim IS 'claim that names the role of the server, a member of fox_wamp_connect';
COMMENT ON COLUMN fox_wamp.jwt_key.authid_claim IS 'claim that is the authid';
COMMENT ON COLUMN fox_wamp.jwt_key.roles IS 'the only roles that its tokens may name; null: any member of fox_wamp_connect';

CREATE TABLE fox_wamp.auth_cookie (
	hash text COLLATE "C" PRIMARY KEY,
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	authid text COLLATE "C" NOT NULL,
	authrole text COLLATE "C" NOT NULL,
	authprovider text NOT NULL,
	authmethod text NOT NULL,
	credential text NOT NULL,
	since timestamptz NOT NULL DEFAULT now(),
	expires timestamptz NOT NULL,
	replaced timestamptz
);
CREATE INDEX auth_cookie_authid ON fox_wamp.auth_cookie (authid);
CREATE INDEX auth_cookie_expires ON fox_wamp.auth_cookie (expires);
CREATE INDEX auth_cookie_replaced ON fox_wamp.auth_cookie (replaced) WHERE replaced IS NOT NULL;
COMMENT ON TABLE fox_wamp.auth_cookie IS 'cookies that stand for who has logged in; written by the router';
COMMENT ON COLUMN fox_wamp.auth_cookie.hash IS 'SHA-256 of the cookie';
COMMENT ON COLUMN fox_wamp.auth_cookie.realm IS 'the only realm that it is taken for';
COMMENT ON COLUMN fox_wamp.auth_cookie.authid IS 'whom it stands for';
COMMENT ON COLUMN fox_wamp.auth_cookie.authrole IS 'role of the server; with another one the cookie is void';
COMMENT ON COLUMN fox_wamp.auth_cookie.authprovider IS 'who knows the client: fox_wamp, postgresql, or dynamic';
COMMENT ON COLUMN fox_wamp.auth_cookie.authmethod IS 'how it has logged in';
COMMENT ON COLUMN fox_wamp.auth_cookie.credential IS 'SHA-256 of its password''s verifier; with another one the cookie is void';
COMMENT ON COLUMN fox_wamp.auth_cookie.since IS 'when the cookie was given';
COMMENT ON COLUMN fox_wamp.auth_cookie.expires IS 'when the client has to log in again';
COMMENT ON COLUMN fox_wamp.auth_cookie.replaced IS 'when a later connection was given another one instead; it counts for another hour';

SELECT pg_catalog.pg_extension_config_dump('fox_wamp.realm', 'WHERE name <> ''realm1''');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.retained', 'WHERE NOT owned');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.bridge', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.history', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.event_history', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.trust_level', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.mqtt_auto_subscription', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.mqtt_bridge', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.mqtt_bridge_topic', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.root', 'WHERE name <> ''root''');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.exposed_table', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.exposed_service', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.exposed_function', 'WHERE service IS NULL');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.service_instance', 'WHERE session IS NULL');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.service_address', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.service_call', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.service_call_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.handler', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.handler_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.publish_hook', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.webhook', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.callback_registry', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.delivery', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.delivery_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_method', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_group', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_group_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_user', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_user_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.auth_key', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.permission', '');
SELECT pg_catalog.pg_extension_config_dump('fox_wamp.jwt_key', '');

--
-- Triggers: every change reaches the router, logical replication included
--

CREATE FUNCTION fox_wamp.retained_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_before() IS 'internal: checks the topic, draws the publication, drops the owner';

CREATE FUNCTION fox_wamp.retained_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_changed() IS 'internal: hands a change of a retained value to the router';

CREATE FUNCTION fox_wamp.config_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_config_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.config_changed() IS 'internal: hands a changed row of configuration to the router';

CREATE FUNCTION fox_wamp.exposed_function_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_exposed_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.exposed_function_before() IS 'internal: checks the function and writes its signature in full';

CREATE FUNCTION fox_wamp.exposed_table_before() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		kind "char";
	BEGIN
		SELECT c.relkind, format('%I.%I', n.nspname, c.relname) INTO kind, NEW.relation
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = NEW.relation::regclass;
		IF kind NOT IN ('r', 'p', 'v', 'm', 'f') OR NEW.relation LIKE 'pg\_temp%' THEN
			RAISE EXCEPTION '% is no table or view that lasts', NEW.relation USING ERRCODE = 'wrong_object_type';
		END IF;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_table_before() IS 'internal: checks the table and writes its name in full';

CREATE FUNCTION fox_wamp.input_names(function text, bound text) RETURNS text[]
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(array_agg(n ORDER BY n), '{}')
		FROM pg_proc p, generate_series(CASE $2 WHEN 'row' THEN 2 ELSE 1 END, coalesce(array_length(p.proallargtypes, 1), p.pronargs)) i,
			LATERAL lower(coalesce(p.proargnames[i], '')) n
		WHERE p.oid = to_regprocedure($1) AND coalesce(p.proargmodes[i], 'i') IN ('i', 'b', 'v')
	$$;
COMMENT ON FUNCTION fox_wamp.input_names(text, text) IS 'internal: what callers call the arguments of an exposed function';

-- One name, one meaning: of a service, of a table, of functions that can be told apart, of a column.
CREATE FUNCTION fox_wamp.exposed_name_free() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		PERFORM FROM fox_wamp.root r WHERE r.name = NEW.root FOR UPDATE;
		IF EXISTS (SELECT FROM fox_wamp.exposed_service s WHERE s.root = NEW.root AND lower(s.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a service already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		IF TG_TABLE_NAME = 'exposed_table' THEN
			IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND lower(e.name) = lower(NEW.name)) THEN
				RAISE EXCEPTION 'there is a function "%" below root "%"', NEW.name, NEW.root USING ERRCODE = 'duplicate_object';
			END IF;
			RETURN NULL;
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t WHERE t.root = NEW.root AND lower(t.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION 'there is a table "%" below root "%"', NEW.name, NEW.root USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND lower(e.name) = lower(NEW.name) AND e.name <> NEW.name) THEN
			RAISE EXCEPTION 'there is a function of that name in another case: "%"', NEW.name USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND e.name = NEW.name AND e.function <> NEW.function
				AND (e.bound, e.table_name) IS DISTINCT FROM (NEW.bound, NEW.table_name)) THEN
			RAISE EXCEPTION 'functions called "%" are bound to another table, or to none', NEW.name USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND e.name = NEW.name AND e.function <> NEW.function
				AND fox_wamp.input_names(e.function, e.bound) = fox_wamp.input_names(NEW.function, NEW.bound)) THEN
			RAISE EXCEPTION 'another function called "%" has arguments of the same names', NEW.name USING ERRCODE = 'duplicate_object',
				DETAIL = 'Callers could not say which of them they mean.';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t JOIN pg_attribute a ON a.attrelid = to_regclass(t.relation)
				WHERE t.root = NEW.root AND t.name = NEW.table_name AND a.attnum > 0 AND NOT a.attisdropped
					AND lower(a.attname) = lower(substr(NEW.name, length(t.name) + 2))) THEN
			RAISE EXCEPTION 'the table has a column "%"', substr(NEW.name, length(NEW.table_name) + 2) USING ERRCODE = 'duplicate_object';
		END IF;
		RETURN NULL;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_name_free() IS 'internal: refuses a name that means something else below the root';

CREATE FUNCTION fox_wamp.handler_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_handler_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.handler_before() IS 'internal: checks the function, writes its signature in full, and its owner';

CREATE FUNCTION fox_wamp.webhook_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_webhook_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.webhook_before() IS 'internal: checks URL and headers, and writes the owner';

CREATE FUNCTION fox_wamp.functions_dropped() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_dropped' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_dropped() IS 'internal: functions that are no more are neither exposed nor handlers any more';

CREATE FUNCTION fox_wamp.functions_altering() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_altering' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_altering() IS 'internal: which functions rows name before a statement that may rename them';

CREATE FUNCTION fox_wamp.functions_altered() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_altered' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_altered() IS 'internal: rows name functions by their new names, and handlers their owners';

CREATE FUNCTION fox_wamp.authority_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_authority_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.authority_before() IS 'internal: checks an authorizer or authenticator, and writes its signature in full';

-- Who may act as a role may let others do so.
CREATE FUNCTION fox_wamp.auth_role_checked() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF NEW.pg_role IS NULL THEN
			RETURN NEW;
		END IF;
		IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = NEW.pg_role) THEN
			RAISE EXCEPTION 'role "%" does not exist', NEW.pg_role USING ERRCODE = 'undefined_object';
		END IF;
		IF NOT pg_has_role(current_user, NEW.pg_role, 'MEMBER') THEN
			RAISE EXCEPTION 'must be a member of role "%" to let clients act as it', NEW.pg_role
				USING ERRCODE = 'insufficient_privilege';
		END IF;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.auth_role_checked() IS 'internal: only a member of a role lets clients act as it';

CREATE FUNCTION fox_wamp.jwt_key_checked() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		name text;
	BEGIN
		-- A constraint would show the key in its message.
		IF fox_wamp.jwk_fits(NEW.alg, NEW.jwk) IS NOT TRUE THEN
			RAISE EXCEPTION 'key "%" is no key for HS256 (32 bytes or more), RS256 (2048 bits or more), ES256 or EdDSA', NEW.kid
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
		IF NEW.roles IS NULL AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
			RAISE EXCEPTION 'only a superuser lets the tokens of a key name any role' USING ERRCODE = 'insufficient_privilege';
		END IF;
		FOREACH name IN ARRAY coalesce(NEW.roles, '{}') LOOP
			IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
				RAISE EXCEPTION 'must be a member of role "%" to let clients act as it', name
					USING ERRCODE = 'insufficient_privilege';
			END IF;
		END LOOP;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.jwt_key_checked() IS 'internal: the key must be one, and only a member of a role lets clients act as it';

CREATE TRIGGER retained_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_before();
CREATE TRIGGER retained_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_changed();
CREATE TRIGGER retained_truncated AFTER TRUNCATE ON fox_wamp.retained
	FOR EACH STATEMENT EXECUTE FUNCTION fox_wamp.retained_changed();
-- By its name it comes before those of the foreign keys: a realm's new name is known before its rows have it.
CREATE TRIGGER "0_realm_changed" AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.realm
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER bridge_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.bridge
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER history_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.history
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER trust_level_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.trust_level
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_auto_subscription_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_auto_subscription
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_bridge_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_bridge
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_bridge_topic_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_bridge_topic
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER root_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.root
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_function_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_function_before();
CREATE TRIGGER exposed_function_free AFTER INSERT OR UPDATE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_name_free();
CREATE TRIGGER exposed_table_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_table_before();
CREATE TRIGGER exposed_table_free AFTER INSERT OR UPDATE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_name_free();
CREATE TRIGGER exposed_table_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_function_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER handler_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.handler
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.handler_before();
CREATE TRIGGER handler_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.handler
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER webhook_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.webhook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.webhook_before();
CREATE TRIGGER webhook_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.webhook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER callback_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.callback_registry
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER auth_method_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.auth_method
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER auth_role_checked BEFORE INSERT OR UPDATE OF pg_role ON fox_wamp.auth_group
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.auth_role_checked();
CREATE TRIGGER auth_role_checked BEFORE INSERT OR UPDATE OF pg_role ON fox_wamp.auth_key
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.auth_role_checked();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.auth_method
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.permission
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.publish_hook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER publish_hook_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.publish_hook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
COMMENT ON TRIGGER authority_before ON fox_wamp.publish_hook IS 'checks the function and writes its signature in full';
COMMENT ON TRIGGER authority_before ON fox_wamp.auth_method IS 'checks the authenticator''s function and writes its signature in full';
COMMENT ON TRIGGER authority_before ON fox_wamp.permission IS 'checks the authorizer''s function and writes its signature in full';
CREATE TRIGGER permission_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.permission
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER jwt_key_checked BEFORE INSERT OR UPDATE ON fox_wamp.jwt_key
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.jwt_key_checked();
COMMENT ON TRIGGER jwt_key_checked ON fox_wamp.jwt_key IS 'the key must be one, and only a member of a role lets clients act as it';
COMMENT ON TRIGGER retained_before ON fox_wamp.retained IS 'checks the topic, draws the publication, drops the owner';
COMMENT ON TRIGGER retained_changed ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER retained_truncated ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER "0_realm_changed" ON fox_wamp.realm IS 'hands the change to the router';
COMMENT ON TRIGGER bridge_changed ON fox_wamp.bridge IS 'hands the change to the router';
COMMENT ON TRIGGER history_changed ON fox_wamp.history IS 'hands the change to the router';
COMMENT ON TRIGGER trust_level_changed ON fox_wamp.trust_level IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_auto_subscription_changed ON fox_wamp.mqtt_auto_subscription IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_bridge_changed ON fox_wamp.mqtt_bridge IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_bridge_topic_changed ON fox_wamp.mqtt_bridge_topic IS 'hands the change to the router';
COMMENT ON TRIGGER root_changed ON fox_wamp.root IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_function_before ON fox_wamp.exposed_function IS 'checks the function and writes its signature in full';
COMMENT ON TRIGGER exposed_function_changed ON fox_wamp.exposed_function IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_function_free ON fox_wamp.exposed_function IS 'refuses a name that means something else';
COMMENT ON TRIGGER exposed_table_before ON fox_wamp.exposed_table IS 'checks the table and writes its name in full';
COMMENT ON TRIGGER exposed_table_free ON fox_wamp.exposed_table IS 'refuses a name that means something else';
COMMENT ON TRIGGER exposed_table_changed ON fox_wamp.exposed_table IS 'hands the change to the router';
COMMENT ON TRIGGER handler_before ON fox_wamp.handler IS 'checks the function, writes its signature in full, and its owner';
COMMENT ON TRIGGER handler_changed ON fox_wamp.handler IS 'hands the change to the router';
COMMENT ON TRIGGER webhook_before ON fox_wamp.webhook IS 'checks URL and headers, and writes the owner';
COMMENT ON TRIGGER webhook_changed ON fox_wamp.webhook IS 'hands the change to the router';
COMMENT ON TRIGGER callback_changed ON fox_wamp.callback_registry IS 'hands the change to the router';
COMMENT ON TRIGGER auth_method_changed ON fox_wamp.auth_method IS 'hands the change to the router';
COMMENT ON TRIGGER auth_role_checked ON fox_wamp.auth_group IS 'only a member of a role lets clients act as it';
COMMENT ON TRIGGER auth_role_checked ON fox_wamp.auth_key IS 'only a member of a role lets clients act as it';
COMMENT ON TRIGGER permission_changed ON fox_wamp.permission IS 'hands the change to the router';
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_before;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_changed;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_truncated;
ALTER TABLE fox_wamp.realm ENABLE ALWAYS TRIGGER "0_realm_changed";
ALTER TABLE fox_wamp.bridge ENABLE ALWAYS TRIGGER bridge_changed;
ALTER TABLE fox_wamp.history ENABLE ALWAYS TRIGGER history_changed;
ALTER TABLE fox_wamp.trust_level ENABLE ALWAYS TRIGGER trust_level_changed;
ALTER TABLE fox_wamp.mqtt_auto_subscription ENABLE ALWAYS TRIGGER mqtt_auto_subscription_changed;
ALTER TABLE fox_wamp.mqtt_bridge ENABLE ALWAYS TRIGGER mqtt_bridge_changed;
ALTER TABLE fox_wamp.mqtt_bridge_topic ENABLE ALWAYS TRIGGER mqtt_bridge_topic_changed;
ALTER TABLE fox_wamp.root ENABLE ALWAYS TRIGGER root_changed;
ALTER TABLE fox_wamp.exposed_function ENABLE ALWAYS TRIGGER exposed_function_before;
ALTER TABLE fox_wamp.exposed_function ENABLE ALWAYS TRIGGER exposed_function_changed;
ALTER TABLE fox_wamp.exposed_table ENABLE ALWAYS TRIGGER exposed_table_before;
ALTER TABLE fox_wamp.exposed_table ENABLE ALWAYS TRIGGER exposed_table_changed;
ALTER TABLE fox_wamp.handler ENABLE ALWAYS TRIGGER handler_before;
ALTER TABLE fox_wamp.handler ENABLE ALWAYS TRIGGER handler_changed;
ALTER TABLE fox_wamp.publish_hook ENABLE ALWAYS TRIGGER publish_hook_changed;
ALTER TABLE fox_wamp.webhook ENABLE ALWAYS TRIGGER webhook_before;
ALTER TABLE fox_wamp.webhook ENABLE ALWAYS TRIGGER webhook_changed;
ALTER TABLE fox_wamp.callback_registry ENABLE ALWAYS TRIGGER callback_changed;
ALTER TABLE fox_wamp.auth_method ENABLE ALWAYS TRIGGER auth_method_changed;
ALTER TABLE fox_wamp.permission ENABLE ALWAYS TRIGGER permission_changed;

CREATE EVENT TRIGGER fox_wamp_functions_dropped ON sql_drop EXECUTE FUNCTION fox_wamp.functions_dropped();
CREATE EVENT TRIGGER fox_wamp_functions_altering ON ddl_command_start
	WHEN TAG IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.functions_altering();
CREATE EVENT TRIGGER fox_wamp_functions_altered ON ddl_command_end
	WHEN TAG IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.functions_altered();
CREATE EVENT TRIGGER fox_wamp_decisions_outdated ON ddl_command_end
	WHEN TAG IN ('CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'DROP FUNCTION', 'DROP ROUTINE', 'GRANT', 'REVOKE',
		'CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'ALTER TABLE')
	EXECUTE FUNCTION fox_wamp.decisions_outdated();
COMMENT ON EVENT TRIGGER fox_wamp_decisions_outdated IS 'fox_wamp: authorizers are asked again after a statement that may change what they say';
COMMENT ON EVENT TRIGGER fox_wamp_functions_dropped IS 'fox_wamp: functions that are no more are neither exposed nor handlers any more';
COMMENT ON EVENT TRIGGER fox_wamp_functions_altering IS 'fox_wamp: which functions rows name before a statement that may rename them';
COMMENT ON EVENT TRIGGER fox_wamp_functions_altered IS 'fox_wamp: rows name functions by their new names, and handlers their owners';
ALTER EVENT TRIGGER fox_wamp_decisions_outdated ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_dropped ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_altering ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_altered ENABLE ALWAYS;

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
INSERT INTO fox_wamp.root (name, realm) VALUES ('root', 'realm1');
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
							   realm text DEFAULT NULL, row_security boolean DEFAULT false) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_watch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.watch(regclass, text, text, text[], text[], boolean, text, boolean)
	IS 'every change of a row is an event from now on, or with retain every row a retained value, with row_security for those who may see it; returns the topic, with {column}s';

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

--
-- SQL functions as procedures
--

CREATE FUNCTION fox_wamp.expose_root(root text, realm text DEFAULT NULL, style text DEFAULT 'result', auth boolean DEFAULT false) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.root (name, realm, style, auth) VALUES ($1, fox_wamp.default_realm($2), $3, $4)
		ON CONFLICT ON CONSTRAINT root_pkey DO UPDATE SET realm = EXCLUDED.realm, style = EXCLUDED.style, auth = EXCLUDED.auth
	$$;
COMMENT ON FUNCTION fox_wamp.expose_root(text, text, text, boolean)
	IS 'a name that exposed functions may have in front of theirs, the realm they are in, and how HTTP answers below it';

CREATE FUNCTION fox_wamp.expose_function(function regprocedure, name text DEFAULT NULL, root text DEFAULT 'root',
										 concurrency integer DEFAULT NULL, timeout interval DEFAULT NULL,
										 methods text[] DEFAULT NULL, anonymous boolean DEFAULT false,
										 result_as text DEFAULT 'object', table_bound regclass DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	#variable_conflict use_column
	DECLARE
		p pg_proc;
		t fox_wamp.exposed_table;
		own text;
	BEGIN
		SELECT * INTO p FROM pg_proc WHERE oid = $1;
		SELECT e.* INTO t FROM fox_wamp.exposed_table e, pg_class c
		WHERE e.root = $3 AND c.oid = to_regclass(e.relation)
			AND CASE WHEN $9 IS NULL THEN p.pronargs > 0 AND c.reltype = p.proargtypes[0] ELSE c.oid = $9 END
		ORDER BY lower($2) LIKE lower(replace(e.name, '_', '\_')) || '.%' DESC NULLS LAST, e.name LIMIT 1;
		IF $9 IS NOT NULL AND t IS NULL THEN
			RAISE EXCEPTION 'table % is not exposed below root "%"', $9, $3
				USING ERRCODE = 'WF003', HINT = format('SELECT fox_wamp.expose_table(%L, root => %L);', $9, $3);
		END IF;
		own := coalesce($2, p.proname);
		IF t.name IS NOT NULL AND lower(own) NOT LIKE lower(replace(t.name, '_', '\_')) || '.%' THEN
			own := t.name || '.' || own;
		END IF;
		IF t.name IS NOT NULL AND $9 IS NULL AND 'id' = ANY (p.proargnames[2:]) THEN
			RAISE EXCEPTION 'an argument "id" of % could not be told from the row''s', $1
				USING ERRCODE = 'WF003';
		END IF;
		INSERT INTO fox_wamp.exposed_function (realm, root, name, function, concurrency, timeout, methods, anonymous, result_as, table_name, bound)
		VALUES (coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3, own, $1::text, $4, $5, $6, $7, $8,
			t.name, CASE WHEN t.name IS NULL THEN NULL WHEN $9 IS NULL THEN 'row' ELSE 'table' END);
		RETURN $3 || '.' || own;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.expose_function(regprocedure, text, text, integer, interval, text[], boolean, text, regclass)
	IS 'makes a function a procedure and an HTTP method that clients may call as their role; returns the name of the procedure';

CREATE FUNCTION fox_wamp.expose_table("table" regclass, name text DEFAULT NULL, root text DEFAULT 'root',
									  verbs text[] DEFAULT '{GET,POST,PUT,PATCH,DELETE}') RETURNS text
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.exposed_table (realm, root, name, relation, verbs)
		SELECT coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3, coalesce($2, c.relname),
			format('%I.%I', n.nspname, c.relname), $4
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
		RETURNING exposed_table.root || '.' || exposed_table.name
	$$;
COMMENT ON FUNCTION fox_wamp.expose_table(regclass, text, text, text[])
	IS 'lets clients read and write the rows of a table or view, as their role; returns the name of the procedure';

CREATE FUNCTION fox_wamp.unexpose(name text, root text DEFAULT 'root') RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH functions AS (DELETE FROM fox_wamp.exposed_function e WHERE e.root = $2 AND e.name = $1 AND e.service IS NULL RETURNING 1),
			tables AS (DELETE FROM fox_wamp.exposed_table t WHERE t.root = $2 AND t.name = $1 RETURNING 1),
			services AS (DELETE FROM fox_wamp.exposed_service s WHERE s.root = $2 AND s.name = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM functions UNION ALL SELECT FROM tables UNION ALL SELECT FROM services);
	$$;
COMMENT ON FUNCTION fox_wamp.unexpose(text, text)
	IS 'ends what expose_function(), expose_table() and expose_service() began, with the functions that are bound to a table; false if there was nothing';

CREATE FUNCTION fox_wamp.table_request(method text DEFAULT 'GET', id json DEFAULT NULL, "column" text DEFAULT NULL, "row" json DEFAULT NULL,
									   "where" json DEFAULT NULL, "order" text DEFAULT NULL, "limit" bigint DEFAULT NULL, "offset" bigint DEFAULT NULL)
	RETURNS json
	AS 'MODULE_PATHNAME', 'fox_wamp_table_request' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.table_request(text, json, text, json, json, text, bigint, bigint)
	IS 'what an exposed table is called by; for clients only';

CREATE FUNCTION fox_wamp.batch(json) RETURNS json
	AS 'MODULE_PATHNAME', 'fox_wamp_batch' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.batch(json)
	IS 'for PUT and POST /root/batch: {"table":["POST",row,"PUT",row,"DELETE",id,…]} in one transaction, answered with the new ID or 200 of each';

CREATE FUNCTION fox_wamp.error(message text DEFAULT NULL, status integer DEFAULT 400, uri text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_error' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.error(text, integer, text)
	IS 'raises an error that the caller gets under the URI (wamp.error.runtime_error unless it is given)';

CREATE FUNCTION fox_wamp.session_id() RETURNS bigint
	AS 'MODULE_PATHNAME', 'fox_wamp_session_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_id()
	IS 'in a function that a client calls: its session; by HTTP 0 for who has not logged in, 1 where nobody has to; else null';

CREATE FUNCTION fox_wamp.session_user_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_session_user_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_user_id() IS 'in a function that a client calls: who has logged in; null for who is anonymous, and else';

CREATE FUNCTION fox_wamp.session_group_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_session_group_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_group_id() IS 'in a function that a client calls: the role that the client acts as; else null';

CREATE FUNCTION fox_wamp.own_user(OUT user_id text, OUT group_id text, OUT data jsonb)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.session_user_id(), fox_wamp.session_group_id(),
			(SELECT u.data FROM fox_wamp.auth_user u WHERE u.logon_name = fox_wamp.session_user_id())
	$$;
COMMENT ON FUNCTION fox_wamp.own_user() IS 'internal: what session_get_user() says of the caller';

CREATE FUNCTION fox_wamp.session_get_user(session bigint, OUT user_id text, OUT group_id text, OUT data jsonb)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF session = fox_wamp.session_id() THEN
			SELECT o.* INTO user_id, group_id, data FROM fox_wamp.own_user() o;
		ELSE
			SELECT nullif(s.authid, 'anonymous'), CASE s.authrole WHEN 'anonymous' THEN current_setting('fox_wamp.anonymous_role') ELSE s.authrole END, u.data
			INTO user_id, group_id, data
			FROM fox_wamp.session s LEFT JOIN fox_wamp.auth_user u ON u.logon_name = s.authid WHERE s.id = session;
		END IF;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.session_get_user(bigint)
	IS 'a copy of what is known of a session''s user; of another session than the caller''s for members of fox_wamp_admin only';

CREATE FUNCTION fox_wamp.caller_authid() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_caller_authid' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.caller_authid() IS 'in a function that a client calls: its authid; else null';

CREATE FUNCTION fox_wamp.caller_authrole() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_caller_authrole' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.caller_authrole() IS 'in a function that a client calls: its authrole; else null';

CREATE FUNCTION fox_wamp.called_procedure() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_called_procedure' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.called_procedure() IS 'in a function that a client calls: the procedure; else null';

CREATE FUNCTION fox_wamp.called_realm() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_called_realm' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.called_realm() IS 'in a function that a client calls: its realm; else null';

CREATE FUNCTION fox_wamp.http_method() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_http_method' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.http_method() IS 'in a function that an HTTP request calls: GET, POST, …; else null';

CREATE FUNCTION fox_wamp.request_path() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_request_path' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_path() IS 'in a function that an HTTP request calls: the path as it came; else null';

CREATE FUNCTION fox_wamp.request_table() RETURNS regclass
	AS 'MODULE_PATHNAME', 'fox_wamp_request_table' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_table() IS 'in a function that is bound to a table: that table; else null';

CREATE FUNCTION fox_wamp.request_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_request_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_id() IS 'in a function that is bound to a table: the primary key of the row that it is called of, with commas between its parts; else null';

CREATE FUNCTION fox_wamp.remote_ip() RETURNS inet
	AS 'MODULE_PATHNAME', 'fox_wamp_remote_ip' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.remote_ip() IS 'in a function that a client calls: the address it comes from, as far as proxies are trusted; else null';

CREATE FUNCTION fox_wamp.user_agent() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_user_agent' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.user_agent() IS 'in a function that a client calls: the User-Agent of the HTTP request, or the agent of a WAMP client''s HELLO; else null';

CREATE FUNCTION fox_wamp.in_header(name text) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_in_header' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.in_header(text) IS 'in a function that a client calls: the header of that name of the HTTP request, or of a WAMP client''s handshake, if fox_wamp.handshake_headers names it; else null';

CREATE FUNCTION fox_wamp.in_body() RETURNS bytea
	AS 'MODULE_PATHNAME', 'fox_wamp_in_body' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.in_body() IS 'in a function that an HTTP request calls: its body as it came; else null';

CREATE FUNCTION fox_wamp.set_status(status integer) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_set_status' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.set_status(integer) IS 'the status of the HTTP reply, if the function returns';

CREATE FUNCTION fox_wamp.returns(body bytea, status integer DEFAULT 200, content_type text DEFAULT 'text/plain; charset=UTF-8',
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ROW(status, content_type, headers, body, raw)::fox_wamp.http_response;
COMMENT ON FUNCTION fox_wamp.returns(bytea, integer, text, jsonb, boolean)
	IS 'all of an HTTP reply; with a status from 400 on it is the text of an error, unless raw';

CREATE FUNCTION fox_wamp.returns(body text, status integer DEFAULT 200, content_type text DEFAULT 'text/plain; charset=UTF-8',
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ROW(status, content_type, headers, pg_catalog.convert_to(body, 'UTF8'), raw)::fox_wamp.http_response;
COMMENT ON FUNCTION fox_wamp.returns(text, integer, text, jsonb, boolean)
	IS 'all of an HTTP reply; with a status from 400 on it is the text of an error, unless raw';

CREATE FUNCTION fox_wamp.returns(body anyelement, status integer DEFAULT 200, content_type text DEFAULT NULL,
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.returns($1::text, $2,
			coalesce($3, CASE WHEN pg_typeof($1) IN ('json', 'jsonb') THEN 'application/json' ELSE 'text/plain' END || '; charset=UTF-8'), $4, $5)
	$$;
COMMENT ON FUNCTION fox_wamp.returns(anyelement, integer, text, jsonb, boolean)
	IS 'the same of any value, as text; json and jsonb are of the type application/json';

CREATE VIEW fox_wamp.exposed AS
	SELECT CASE WHEN e.service IS NULL THEN 'function' ELSE 'method' END AS kind, e.realm, e.root || '.' || e.name AS procedure, e.function,
		pg_catalog.pg_get_function_arguments(p.oid) AS arguments, pg_catalog.pg_get_function_result(p.oid) AS result,
		CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
		e.concurrency, e.timeout, '/' || e.root || '/' || CASE WHEN e.service IS NULL THEN e.name ELSE pg_catalog.replace(e.name, '.', '/') END AS path,
		coalesce(e.methods, ARRAY['GET', 'HEAD', 'POST']) AS methods, NULL AS lifetime, NULL AS contract
	FROM fox_wamp.exposed_function e JOIN pg_catalog.pg_proc p ON p.oid = pg_catalog.to_regprocedure(e.function)
	UNION ALL
	SELECT 'table', t.realm, t.root || '.' || t.name, t.relation,
		(SELECT pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY k.i)
			FROM pg_catalog.pg_index x, LATERAL pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY k (attnum, i), pg_catalog.pg_attribute a
			WHERE x.indrelid = c.oid AND x.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum),
		pg_catalog.format_type(c.reltype, NULL), 'volatile', NULL, NULL, '/' || t.root || '/' || t.name, t.verbs, NULL, NULL
	FROM fox_wamp.exposed_table t JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.relation)
	UNION ALL
	SELECT 'service', s.realm, s.root || '.' || s.name, s.schema, NULL, NULL, NULL, NULL, NULL, '/' || s.root || '/' || s.name,
		ARRAY['POST'], s.lifetime, coalesce(s.contract, s.hash)
	FROM fox_wamp.exposed_service s;
COMMENT ON VIEW fox_wamp.exposed IS 'what the database offers to callers';

--
-- Services: schemas whose functions are methods
--

CREATE FUNCTION fox_wamp.routine_problem(function oid) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_routine_problem' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION fox_wamp.routine_problem(oid) IS 'internal: why clients can not call a function; null if they can';

-- Of functions that callers could not tell apart the oldest is the method, and of names that differ by case the oldest is its name.
-- Nobody takes a trigger's function or a hook for a method.
CREATE FUNCTION fox_wamp.service_functions(schema text, OUT function oid, OUT name text, OUT problem text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT f.oid, f.name, CASE
			WHEN f.unfit IS NOT NULL THEN f.unfit
			WHEN f.name <> f.first_name THEN format('There is an older one called %I, whose name differs by case only.', f.first_name)
			WHEN f.oid <> f.first THEN format('There is an older one whose arguments have the same names: %s.', f.first::regprocedure)
		END
		FROM (
			SELECT p.*, first_value(p.name) OVER (PARTITION BY p.unfit IS NULL, lower(p.name) ORDER BY p.oid) AS first_name,
				first_value(p.oid) OVER (PARTITION BY p.unfit IS NULL, p.name, p.arguments ORDER BY p.oid) AS first
			FROM (
				SELECT p.oid, p.proname AS name, fox_wamp.input_names(p.oid::regprocedure::text, NULL) AS arguments,
					CASE WHEN p.proname ~ '^[^[:space:]./?%&=+#*"]+$' THEN fox_wamp.routine_problem(p.oid) ELSE 'No client could call it by that name.' END AS unfit
				FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
				WHERE n.nspname = $1 AND p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
					AND lower(p.proname) NOT IN ('on_free', 'callback_released', '_contract_', '_signature_', '_instance_', '_free_')) p) f
	$$;
COMMENT ON FUNCTION fox_wamp.service_functions(text) IS 'internal: functions of a schema as those of a service, and what keeps them from being methods';

CREATE FUNCTION fox_wamp.service_methods(schema text, OUT function oid, OUT name text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT f.function, f.name FROM fox_wamp.service_functions($1) f WHERE f.problem IS NULL
	$$;
COMMENT ON FUNCTION fox_wamp.service_methods(text) IS 'internal: functions of a schema that are methods if it is a service';

-- Of all functions of the schema, or of those.
CREATE FUNCTION fox_wamp.tell_of_no_methods(schema text, functions oid[] DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		f record;
	BEGIN
		FOR f IN SELECT s.function, s.problem FROM fox_wamp.service_functions($1) s WHERE s.problem IS NOT NULL AND ($2 IS NULL OR s.function = ANY ($2))
				ORDER BY s.name, s.function
		LOOP
			RAISE NOTICE '% can not be a method of the service', f.function::regprocedure USING DETAIL = f.problem;
		END LOOP;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.tell_of_no_methods(text, oid[]) IS 'internal: which functions of a service are none of its methods, and why';

-- In the words of mORMot, where such contracts come from.
CREATE FUNCTION fox_wamp.signature_of(schema text, lifetime text) RETURNS json
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT json_build_object('contract', $1, 'implementation', $2, 'methods', coalesce((
			SELECT json_agg(json_build_object('method', m.name, 'arguments', coalesce((
					SELECT json_agg(json_build_object('argument', a.name, 'direction', a.direction, 'type', a.type) ORDER BY a.i)
					FROM (
						SELECT i, coalesce(nullif(p.proargnames[i], ''), '$' || i) AS name,
							CASE coalesce(p.proargmodes[i], 'i') WHEN 'b' THEN 'both' WHEN 'o' THEN 'out' WHEN 't' THEN 'out' ELSE 'in' END AS direction,
							format_type(t, NULL) AS type
						FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY u (t, i)
						UNION ALL
						SELECT 32767, 'Result', 'result', CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || format_type(p.prorettype, NULL)
						WHERE p.proretset OR (p.prorettype <> 'void'::regtype AND NOT coalesce(p.proargmodes && '{b,o}', false))
					) a), '[]')) ORDER BY m.name, pg_get_function_identity_arguments(p.oid))
			FROM fox_wamp.service_methods($1) m JOIN pg_proc p ON p.oid = m.function), '[]'))
	$$;
COMMENT ON FUNCTION fox_wamp.signature_of(text, text) IS 'internal: the methods of a schema with their arguments, always in the same words';

CREATE FUNCTION fox_wamp.hash_of(signature json) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT
	RETURN pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(signature::text, 'UTF8')), 'hex');
COMMENT ON FUNCTION fox_wamp.hash_of(json) IS 'internal: what a signature is known by';

CREATE FUNCTION fox_wamp.signature(schema regnamespace) RETURNS json
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.signature_of(n.nspname, coalesce((SELECT max(s.lifetime) FROM fox_wamp.exposed_service s WHERE s.schema = n.nspname), 'shared'))
		FROM pg_namespace n WHERE n.oid = $1
	$$;
COMMENT ON FUNCTION fox_wamp.signature(regnamespace) IS 'contract of a schema as a service, in full: its methods with their arguments';

CREATE FUNCTION fox_wamp.contract(schema regnamespace) RETURNS text
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN fox_wamp.hash_of(fox_wamp.signature(schema));
COMMENT ON FUNCTION fox_wamp.contract(regnamespace) IS 'contract of a schema as a service: the SHA-256 of its signature';

CREATE FUNCTION fox_wamp.exposed_service_before() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		lifetimes CONSTANT text := 'single, shared, client_driven, per_session, per_user, per_group';
		other text;
	BEGIN
		NEW.schema_oid := to_regnamespace(quote_ident(NEW.schema))::oid;
		IF NEW.schema_oid IS NULL THEN
			RAISE EXCEPTION 'schema "%" does not exist', NEW.schema USING ERRCODE = 'invalid_schema_name';
		ELSIF NEW.schema IN ('pg_catalog', 'information_schema', 'fox_wamp') OR NEW.schema LIKE 'pg\_%' THEN
			RAISE EXCEPTION 'schema "%" can not be a service', NEW.schema USING ERRCODE = 'WF003';
		ELSIF NEW.realm = '' THEN
			RAISE EXCEPTION 'root "%" does not exist', NEW.root
				USING ERRCODE = 'WF003', HINT = format('SELECT fox_wamp.expose_root(%L);', NEW.root);
		ELSIF NEW.lifetime = 'per_thread' THEN
			RAISE EXCEPTION 'a service can not have the lifetime per_thread'
				USING ERRCODE = 'WF003', DETAIL = 'Calls run in whichever process is free, and no caller has one of its own.',
					HINT = 'Lifetimes are ' || lifetimes || '.';
		ELSIF NOT NEW.lifetime = ANY (string_to_array(lifetimes, ', ')) THEN
			RAISE EXCEPTION 'there is no lifetime "%"', NEW.lifetime USING ERRCODE = 'WF003', HINT = 'Lifetimes are ' || lifetimes || '.';
		END IF;
		SELECT s.root || '.' || s.name || ': ' || s.lifetime INTO other FROM fox_wamp.exposed_service s
			WHERE s.schema = NEW.schema AND s.lifetime <> NEW.lifetime AND (s.root, s.name) <> (NEW.root, NEW.name)
				AND (TG_OP = 'INSERT' OR (s.root, s.name) <> (OLD.root, OLD.name)) LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'schema "%" has another lifetime already', NEW.schema USING ERRCODE = 'WF003', DETAIL = other;
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function f WHERE f.root = NEW.root AND lower(f.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a function already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t WHERE t.root = NEW.root AND lower(t.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a table already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		NEW.hash := fox_wamp.hash_of(fox_wamp.signature_of(NEW.schema, NEW.lifetime));
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_service_before() IS 'internal: checks a service and writes the hash of its signature';

CREATE FUNCTION fox_wamp.service_rows(OUT realm text, OUT root text, OUT name text, OUT function text, OUT methods text[],
									  OUT anonymous boolean, OUT result_as text, OUT service text) RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT s.realm, s.root, s.name || '.' || m.name, (pg_identify_object('pg_proc'::regclass, m.function, 0)).identity, m.methods,
			s.anonymous, s.result_as, s.name
		FROM fox_wamp.exposed_service s, LATERAL (
			SELECT x.name, x.function, NULL::text[] AS methods FROM fox_wamp.service_methods(s.schema) x
			UNION ALL VALUES ('_contract_', 'fox_wamp.service_contract()'::regprocedure::oid, NULL::text[]),
				('_signature_', 'fox_wamp.service_signature()'::regprocedure::oid, NULL),
				('_instance_', 'fox_wamp.new_instance()'::regprocedure::oid, '{POST}'),
				('_free_', 'fox_wamp.free_instance()'::regprocedure::oid, '{POST}')) m
	$$;
COMMENT ON FUNCTION fox_wamp.service_rows() IS 'internal: what exposed_function has to have for the services that there are';

-- It changes nothing where all is as it should be: so what it changes may call it.
CREATE FUNCTION fox_wamp.services_follow() RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF NOT EXISTS (SELECT FROM fox_wamp.exposed_service) THEN
			RETURN;
		END IF;
		UPDATE fox_wamp.exposed_service s SET schema = n.nspname FROM pg_namespace n
			WHERE n.oid = s.schema_oid AND to_regnamespace(quote_ident(s.schema)) IS NULL;
		DELETE FROM fox_wamp.exposed_service s WHERE to_regnamespace(quote_ident(s.schema)) IS NULL;
		DELETE FROM fox_wamp.exposed_function e WHERE e.service IS NOT NULL AND NOT EXISTS (
			SELECT FROM fox_wamp.service_rows() w WHERE (w.root, w.name, w.function) = (e.root, e.name, e.function));
		UPDATE fox_wamp.exposed_function e SET anonymous = w.anonymous, result_as = w.result_as FROM fox_wamp.service_rows() w
			WHERE (w.root, w.name, w.service, w.function) = (e.root, e.name, e.service, e.function) AND (w.anonymous, w.result_as) <> (e.anonymous, e.result_as);
		INSERT INTO fox_wamp.exposed_function (realm, root, name, function, methods, anonymous, result_as, service)
			SELECT * FROM fox_wamp.service_rows() w WHERE NOT EXISTS (
				SELECT FROM fox_wamp.exposed_function e WHERE (e.root, e.name, e.function) = (w.root, w.name, w.function));
		UPDATE fox_wamp.exposed_service s SET hash = '' WHERE s.hash <> fox_wamp.hash_of(fox_wamp.signature_of(s.schema, s.lifetime));
	END
	$$;
COMMENT ON FUNCTION fox_wamp.services_follow() IS 'internal: methods are what the schemas of services have';

CREATE FUNCTION fox_wamp.exposed_service_after() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		PERFORM fox_wamp.services_follow();
		IF TG_OP = 'INSERT' THEN
			PERFORM fox_wamp.tell_of_no_methods(NEW.schema);
		END IF;
		RETURN NULL;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_service_after() IS 'internal: a service has its methods at once';

CREATE FUNCTION fox_wamp.instances_follow() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_instances_follow' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.instances_follow() IS 'internal: ends the instances of a service, or gives them its new name';

CREATE FUNCTION fox_wamp.schemas_altered() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		service text;
	BEGIN
		IF TG_EVENT = 'sql_drop' THEN
			FOR service IN
				SELECT s.root || '.' || s.name FROM fox_wamp.exposed_service s
					JOIN pg_event_trigger_dropped_objects() d ON d.object_identity = format('%I.on_free(pg_catalog.jsonb)', s.schema)
				WHERE to_regnamespace(quote_ident(s.schema)) IS NULL
					AND EXISTS (SELECT FROM fox_wamp.service_instance i WHERE (i.root, i.service) = (s.root, s.name))
			LOOP
				RAISE WARNING 'instances of service "%" end without on_free(), which has been dropped with its schema', service
					USING HINT = 'It runs if unexpose() comes first.';
			END LOOP;
		ELSE
			PERFORM fox_wamp.tell_of_no_methods(s.schema, (SELECT coalesce(array_agg(c.objid), '{}') FROM pg_event_trigger_ddl_commands() c
					WHERE c.classid = 'pg_proc'::regclass))
				FROM (SELECT DISTINCT e.schema FROM fox_wamp.exposed_service e) s;
		END IF;
		PERFORM fox_wamp.services_follow();
	END
	$$;
COMMENT ON FUNCTION fox_wamp.schemas_altered() IS 'internal: services after a statement that may have changed their methods, and what is to be said of it';

-- By their names they come after those that follow single functions.
CREATE EVENT TRIGGER fox_wamp_schemas_altered ON ddl_command_end
	WHEN TAG IN ('CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN',
		'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.schemas_altered();
CREATE EVENT TRIGGER fox_wamp_schemas_dropped ON sql_drop EXECUTE FUNCTION fox_wamp.schemas_altered();
COMMENT ON EVENT TRIGGER fox_wamp_schemas_altered IS 'fox_wamp: services have the methods that their schemas have';
COMMENT ON EVENT TRIGGER fox_wamp_schemas_dropped IS 'fox_wamp: services have the methods that their schemas have';

CREATE TRIGGER exposed_service_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_service_before();
CREATE TRIGGER exposed_service_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_service_methods AFTER INSERT OR UPDATE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_service_after();
CREATE TRIGGER exposed_service_instances BEFORE DELETE OR UPDATE OF root, name, lifetime ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.instances_follow();
COMMENT ON TRIGGER exposed_service_before ON fox_wamp.exposed_service IS 'checks the service and writes the hash of its signature';
COMMENT ON TRIGGER exposed_service_changed ON fox_wamp.exposed_service IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_service_methods ON fox_wamp.exposed_service IS 'the functions of the schema are exposed';
COMMENT ON TRIGGER exposed_service_instances ON fox_wamp.exposed_service IS 'instances follow their service, and on_free() runs for them when it ends, or gets another lifetime';
ALTER TABLE fox_wamp.exposed_service ENABLE ALWAYS TRIGGER exposed_service_before;
ALTER TABLE fox_wamp.exposed_service ENABLE ALWAYS TRIGGER exposed_service_changed;

CREATE FUNCTION fox_wamp.expose_service(schema regnamespace, name text DEFAULT NULL, root text DEFAULT 'root', lifetime text DEFAULT 'shared',
										contract text DEFAULT NULL, publish_signature boolean DEFAULT false, anonymous boolean DEFAULT false,
										result_as text DEFAULT 'array', audit boolean DEFAULT false) RETURNS text
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.exposed_service (realm, root, name, schema, lifetime, contract, publish_signature, anonymous, result_as, audit, hash, schema_oid)
		VALUES (coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3,
				coalesce($2, (SELECT n.nspname FROM pg_namespace n WHERE n.oid = $1)), (SELECT n.nspname FROM pg_namespace n WHERE n.oid = $1),
				$4, $5, $6, $7, $8, $9, '', 0)
		RETURNING exposed_service.root || '.' || exposed_service.name
	$$;
COMMENT ON FUNCTION fox_wamp.expose_service(regnamespace, text, text, text, text, boolean, boolean, text, boolean)
	IS 'makes all functions of a schema, as they come and go, methods of a service; returns what stands in front of the names of its procedures';

CREATE FUNCTION fox_wamp.instance_state() RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_instance_state' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.instance_state() IS 'in a method of a service: the state of its instance, which is locked until the call ends; null if none was set';

CREATE FUNCTION fox_wamp.set_instance_state(state jsonb) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_set_instance_state' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.set_instance_state(jsonb) IS 'in a method of a service: what instance_state() is from now on';

CREATE FUNCTION fox_wamp.new_instance() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_new_instance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.new_instance() IS 'for root.service._instance_: makes an instance that the caller names by what is returned';

CREATE FUNCTION fox_wamp.free_instance() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_free_instance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.free_instance() IS 'for root.service._free_: ends an instance of the caller''s';

-- The service is the one that is called: nobody asks for another's.
CREATE FUNCTION fox_wamp.service_contract() RETURNS text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(s.contract, s.hash) FROM fox_wamp.exposed_service s, split_part(fox_wamp.called_procedure(), '.', 1) r, split_part(fox_wamp.called_procedure(), '.', 2) n
		WHERE (s.root, s.name) = (r, n)
	$$;
COMMENT ON FUNCTION fox_wamp.service_contract() IS 'for root.service._contract_: the version of the service, or the hash of its signature';

CREATE FUNCTION fox_wamp.service_signature() RETURNS json
	LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		s fox_wamp.exposed_service;
	BEGIN
		SELECT e.* INTO s FROM fox_wamp.exposed_service e, split_part(fox_wamp.called_procedure(), '.', 1) r, split_part(fox_wamp.called_procedure(), '.', 2) n
			WHERE (e.root, e.name) = (r, n);
		IF NOT coalesce(s.publish_signature, false) THEN
			PERFORM fox_wamp.error('the signature of the service is not published', 404);
		END IF;
		RETURN fox_wamp.signature_of(s.schema, s.lifetime);
	END
	$$;
COMMENT ON FUNCTION fox_wamp.service_signature() IS 'for root.service._signature_: what the methods are, if the service publishes that';

--
-- What there is below a root, as OpenAPI has it
--

CREATE DOMAIN fox_wamp."application/json" AS json;
COMMENT ON DOMAIN fox_wamp."application/json" IS 'a result that HTTP sends as it is';

CREATE FUNCTION fox_wamp.openapi_type(type oid) RETURNS json
	LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		t pg_catalog.pg_type;
	BEGIN
		SELECT * INTO t FROM pg_catalog.pg_type WHERE oid = $1;
		RETURN CASE
			WHEN t.typtype = 'd' THEN fox_wamp.openapi_type(t.typbasetype)
			WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN json_build_object('type', 'array', 'items', fox_wamp.openapi_type(t.typelem))
			WHEN t.oid IN ('int2'::regtype, 'int4'::regtype) THEN '{"type":"integer","format":"int32"}'
			WHEN t.oid = 'int8'::regtype THEN '{"type":"integer","format":"int64"}'
			WHEN t.oid IN ('float4'::regtype, 'float8'::regtype, 'numeric'::regtype) THEN '{"type":"number"}'
			WHEN t.oid = 'bool'::regtype THEN '{"type":"boolean"}'
			WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype, 'record'::regtype) THEN '{}'
			WHEN t.oid = 'uuid'::regtype THEN '{"type":"string","format":"uuid"}'
			WHEN t.oid = 'date'::regtype THEN '{"type":"string","format":"date"}'
			WHEN t.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN '{"type":"string","format":"date-time"}'
			WHEN t.typtype = 'e' THEN (SELECT json_build_object('type', 'string', 'enum', json_agg(enumlabel ORDER BY enumsortorder))
				FROM pg_catalog.pg_enum WHERE enumtypid = t.oid)
			WHEN t.typtype = 'c' THEN (SELECT json_build_object('type', 'object', 'properties',
					coalesce(json_object_agg(attname, fox_wamp.openapi_type(atttypid) ORDER BY attnum), '{}'))
				FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)
			ELSE '{"type":"string"}'
		END;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_type(oid) IS 'internal: a type as JSON Schema';

CREATE FUNCTION fox_wamp.openapi_function(function oid, style text, result_as text, of_row boolean) RETURNS json
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH f AS (
			SELECT p.*, coalesce(p.proallargtypes, p.proargtypes::oid[]) AS types, obj_description(p.oid, 'pg_proc') AS comment
			FROM pg_proc p WHERE p.oid = $1
		), a AS (
			SELECT nullif(f.proargnames[i], '') AS name, type, coalesce(f.proargmodes[i], 'i') AS mode, i
			FROM f, unnest(f.types) WITH ORDINALITY u (type, i)
		), put AS (
			SELECT name, fox_wamp.openapi_type(type) AS schema, i,
				row_number() OVER (ORDER BY i) <= f.pronargs - f.pronargdefaults AND mode <> 'v' AS required
			FROM a, f WHERE mode IN ('i', 'b', 'v') AND ($4 IS NOT TRUE OR i > 1)
		), got AS (
			SELECT count(*) AS n, CASE WHEN $3 = 'array' THEN '{"type":"array"}'
				ELSE json_build_object('type', 'object', 'properties', json_object_agg(coalesce(name, 'column' || i), fox_wamp.openapi_type(type) ORDER BY i)) END AS row
			FROM a WHERE mode IN ('o', 'b', 't')
		), value AS (
			SELECT CASE WHEN f.proretset THEN json_build_object('type', 'array', 'items', one.schema) ELSE one.schema END AS schema
			FROM f, LATERAL (SELECT CASE WHEN (SELECT n FROM got) > 1 OR f.prorettype = 'record'::regtype
				THEN (SELECT row FROM got) ELSE fox_wamp.openapi_type(f.prorettype) END AS schema) one
		), outs AS (
			SELECT coalesce(nullif(name, ''), 'Result') AS name, fox_wamp.openapi_type(type) AS schema, i FROM a, f WHERE mode IN ('o', 'b') AND NOT f.proretset
			UNION ALL
			SELECT 'Result', value.schema, 0 FROM value, f WHERE f.proretset OR (f.prorettype <> 'void'::regtype AND NOT coalesce(f.proargmodes && '{o,b}', false))
		), answer AS (
			SELECT CASE $3
				WHEN 'values' THEN (SELECT json_build_object('type', 'array', 'prefixItems', coalesce(json_agg(schema ORDER BY i), '[]')) FROM outs)
				WHEN 'names' THEN (SELECT json_build_object('type', 'object', 'properties', coalesce(json_object_agg(name, schema ORDER BY i), '{}')) FROM outs)
				ELSE value.schema END AS schema
			FROM value
		), result AS (
			SELECT CASE
				WHEN f.prorettype = 'void'::regtype AND $3 NOT IN ('values', 'names') THEN json_build_object('description', 'done')
				WHEN f.prorettype = 'fox_wamp.http_response'::regtype THEN json_build_object('description', 'a reply of the function''s own', 'content', '{"*/*":{}}'::json)
				WHEN t.typtype = 'd' AND t.typname LIKE '%_/_%' AND NOT f.proretset
					THEN json_build_object('description', 'the result', 'content', json_build_object(t.typname, '{}'::json))
				ELSE json_build_object('description', 'the result', 'content', json_build_object('application/json', json_build_object('schema',
					CASE $2 WHEN 'plain' THEN answer.schema ELSE json_build_object('type', 'object', 'properties', json_build_object('Result', answer.schema)) END)))
			END AS reply
			FROM f JOIN pg_type t ON t.oid = f.prorettype, answer
		)
		SELECT json_strip_nulls(json_build_object(
			'summary', split_part(f.comment, E'\n', 1),
			'description', nullif(substr(f.comment, strpos(f.comment || E'\n', E'\n') + 1), ''),
			'parameters', (SELECT coalesce(json_agg(json_build_object('name', name, 'in', 'query', 'required', required, 'schema', schema) ORDER BY i), '[]')
				FROM put WHERE name IS NOT NULL),
			'body', (SELECT json_build_object('content', json_build_object('application/json', json_build_object('schema', json_build_object('type', 'object',
					'properties', json_object_agg(name, schema ORDER BY i), 'required', coalesce(json_agg(name ORDER BY i) FILTER (WHERE required), '[]')))))
				FROM put WHERE name IS NOT NULL HAVING count(*) > 0),
			'responses', json_build_object(CASE WHEN $2 = 'plain' AND f.prorettype = 'void'::regtype AND $3 NOT IN ('values', 'names') THEN '204' ELSE '200' END, result.reply,
				'default', '{"description":"an error"}'::json)))
		FROM f, result;
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_function(oid, text, text, boolean) IS 'internal: what the operations of a function have in common, with its parameters both in the query and in the body';

CREATE FUNCTION fox_wamp.openapi_any(schemas json[]) RETURNS json
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT CASE count(*) WHEN 0 THEN NULL WHEN 1 THEN min(s)::json ELSE json_build_object('anyOf', json_agg(s::json ORDER BY i)) END
		FROM (SELECT s::text AS s, min(i) AS i FROM unnest($1) WITH ORDINALITY u (s, i) WHERE s IS NOT NULL GROUP BY s::text) different
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_any(json[]) IS 'internal: the schema of what is of one of these';

-- A parameter is required if all require it.
CREATE FUNCTION fox_wamp.openapi_overloads(functions json[]) RETURNS json
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH f AS (
			SELECT f, i FROM unnest($1) WITH ORDINALITY u (f, i)
		), parameter AS (
			SELECT p ->> 'name' AS name, fox_wamp.openapi_any(array_agg(p -> 'schema' ORDER BY f.i)) AS schema,
				bool_and((p ->> 'required')::boolean) AND count(*) = array_length($1, 1) AS required, min(f.i * 1000 + k) AS place
			FROM f, json_array_elements(f.f -> 'parameters') WITH ORDINALITY a (p, k) GROUP BY 1
		), content AS (
			SELECT status, type, fox_wamp.openapi_any(array_agg(media -> 'schema' ORDER BY f.i)) AS schema
			FROM f, json_each(f.f -> 'responses') r (status, reply), json_each(reply -> 'content') c (type, media) GROUP BY 1, 2
		), response AS (
			SELECT status, json_strip_nulls(json_build_object('description', min(reply ->> 'description'), 'content',
				(SELECT json_object_agg(c.type, json_build_object('schema', c.schema)) FROM content c WHERE c.status = r.status))) AS reply
			FROM f, json_each(f.f -> 'responses') r (status, reply) GROUP BY 1
		)
		SELECT CASE WHEN array_length($1, 1) = 1 THEN $1[1] ELSE json_strip_nulls(json_build_object(
			'summary', (SELECT f.f -> 'summary' FROM f WHERE f.f -> 'summary' IS NOT NULL ORDER BY f.i LIMIT 1),
			'description', (SELECT string_agg(concat_ws(E'\n', f.f ->> 'summary', f.f ->> 'description'), E'\n\n' ORDER BY f.i) FROM f WHERE f.f -> 'summary' IS NOT NULL),
			'parameters', (SELECT coalesce(json_agg(json_build_object('name', name, 'in', 'query', 'required', required, 'schema', schema) ORDER BY place), '[]') FROM parameter),
			'body', (SELECT json_build_object('content', json_build_object('application/json', json_build_object('schema',
					fox_wamp.openapi_any(array_agg(f.f #> '{body,content,application/json,schema}' ORDER BY f.i)))))
				FROM f WHERE f.f -> 'body' IS NOT NULL HAVING count(*) > 0),
			'responses', (SELECT json_object_agg(status, reply ORDER BY status) FROM response))) END
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_overloads(json[]) IS 'internal: what openapi_function() says of functions of one name, in one';

-- A path may be of a function, of rows, or of a row, and has an operation for each method that the role may use.
CREATE FUNCTION fox_wamp.openapi_table(entry fox_wamp.exposed_table, style text, role name) RETURNS TABLE (path text, operations json)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH t AS (
			SELECT c.oid, fox_wamp.openapi_type(c.reltype) AS schema, obj_description(c.oid, 'pg_class') AS comment,
				EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary) AS keyed
			FROM pg_class c WHERE c.oid = to_regclass($1.relation) AND has_schema_privilege($3, c.relnamespace, 'USAGE')
		), way (of_row, method, privilege, status) AS (VALUES
			(false, 'GET', 'SELECT', '200'), (false, 'POST', 'INSERT', '201'), (true, 'GET', 'SELECT', '200'),
			(true, 'PUT', 'UPDATE', '200'), (true, 'PATCH', 'UPDATE', '200'), (true, 'DELETE', 'DELETE', '200')
		), operation AS (
			SELECT w.of_row, w.method, json_strip_nulls(json_build_object(
				'operationId', lower(w.method) || CASE WHEN w.of_row THEN '_row_' ELSE '_' END || $1.name,
				'summary', split_part(t.comment, E'\n', 1),
				'parameters', CASE WHEN w.of_row THEN '[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]'::json
					WHEN w.method = 'GET' THEN (SELECT json_agg(json_build_object('name', a.name, 'in', 'query', 'required', false, 'schema', a.schema))
						FROM (SELECT attname::text AS name, fox_wamp.openapi_type(atttypid) AS schema FROM pg_attribute
								WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped
							UNION ALL VALUES ('order', '{"type":"string"}'::json), ('limit', '{"type":"integer"}'), ('offset', '{"type":"integer"}')) a) END,
				'requestBody', CASE WHEN w.method IN ('POST', 'PUT', 'PATCH')
					THEN json_build_object('content', json_build_object('application/json', json_build_object('schema', t.schema))) END,
				'responses', json_build_object(w.status, json_strip_nulls(json_build_object('description', 'done',
					'content', CASE WHEN w.method = 'GET' THEN json_build_object('application/json', json_build_object('schema',
						CASE $2 WHEN 'plain' THEN v.schema ELSE json_build_object('type', 'object', 'properties', json_build_object('Result', v.schema)) END)) END)),
					'default', '{"description":"an error"}'::json))) AS said
			FROM t, way w, LATERAL (SELECT CASE WHEN w.of_row THEN t.schema ELSE json_build_object('type', 'array', 'items', t.schema) END AS schema) v
			WHERE w.method = ANY ($1.verbs) AND (t.keyed OR NOT w.of_row)
				AND (has_table_privilege($3, t.oid, w.privilege) OR (w.privilege <> 'DELETE' AND has_any_column_privilege($3, t.oid, w.privilege)))
		)
		SELECT '/' || $1.name || CASE WHEN o.of_row THEN '/{id}' ELSE '' END,
			json_object_agg(lower(o.method), o.said ORDER BY array_position(ARRAY['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], o.method))
		FROM operation o GROUP BY o.of_row;
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_table(fox_wamp.exposed_table, text, name) IS 'internal: the paths of an exposed table, as far as the role may use it';

CREATE FUNCTION fox_wamp.openapi_of(root text, role name) RETURNS json
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT json_build_object('openapi', '3.1.0',
			'info', json_build_object('title', r.name || ' of ' || current_database(), 'version', '1'),
			'servers', json_build_array(json_build_object('url', '/' || r.name)),
			'paths', coalesce((
				SELECT json_object_agg(path, operations ORDER BY path COLLATE "C") FROM (
					(SELECT place.path, item.operations
					FROM (
							SELECT e.name, e.bound, e.table_name, s.name AS service, s.lifetime,
								array_agg(to_jsonb(coalesce(e.methods, ARRAY['GET', 'POST']))) AS methods,
								fox_wamp.openapi_overloads(array_agg(fox_wamp.openapi_function(p.oid, r.style, CASE WHEN s.name IS NULL THEN e.result_as
									WHEN e.result_as = 'array' THEN 'values' ELSE 'names' END, e.bound = 'row') ORDER BY p.pronargs DESC, e.function)) AS said
							FROM fox_wamp.exposed_function e JOIN pg_proc p ON p.oid = to_regprocedure(e.function)
								LEFT JOIN fox_wamp.exposed_service s ON (s.root, s.name) = (e.root, e.service)
							WHERE e.root = r.name AND (e.service IS NULL OR p.pronamespace <> 'fox_wamp'::regnamespace)
								AND has_function_privilege($2, p.oid, 'EXECUTE') AND has_schema_privilege($2, p.pronamespace, 'USAGE')
							GROUP BY e.name, e.bound, e.table_name, s.name, s.lifetime) f,
						LATERAL (SELECT '/' || f.table_name || '/{id}' || substr(f.name, length(f.table_name) + 1) WHERE f.bound IS NOT NULL
							UNION ALL SELECT '/' || f.name WHERE f.bound = 'table' OR f.bound IS NULL) q (dotted),
						LATERAL (SELECT CASE WHEN f.bound IS NULL AND f.service IS NULL THEN q.dotted ELSE replace(q.dotted, '.', '/') END ||
							CASE f.lifetime WHEN 'client_driven' THEN '/{instance}' ELSE '' END AS path) place,
						LATERAL (SELECT json_object_agg(o.name, o.said ORDER BY o.i) AS operations FROM (
							SELECT lower(m.name) AS name, json_strip_nulls(json_build_object(
								'operationId', lower(m.name) || '_' || ltrim(translate(place.path, '/{}', '_'), '_'), 'summary', f.said -> 'summary', 'description', f.said -> 'description',
								'parameters', CASE WHEN place.path LIKE '%{id}%' THEN
										('[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]'::jsonb || CASE WHEN m.name IN ('GET', 'DELETE') THEN (f.said -> 'parameters')::jsonb ELSE '[]' END)::json
									WHEN m.name IN ('GET', 'DELETE') THEN f.said -> 'parameters' END,
								'requestBody', CASE WHEN m.name NOT IN ('GET', 'DELETE') THEN f.said -> 'body' END,
								'responses', f.said -> 'responses')) AS said, m.i
							FROM unnest(ARRAY['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) WITH ORDINALITY m (name, i)
							WHERE (SELECT bool_and(a ? m.name) FROM unnest(f.methods) a)
							UNION ALL
							SELECT 'parameters', '[{"name":"instance","in":"path","required":true,"schema":{"type":"string"}}]', 0 WHERE place.path LIKE '%{instance}') o) item
					WHERE item.operations IS NOT NULL)
					UNION ALL
					SELECT o.* FROM fox_wamp.exposed_table t, fox_wamp.openapi_table(t, r.style, $2) o WHERE t.root = r.name) all_paths), '{}'))
		FROM fox_wamp.root r WHERE r.name = $1 AND pg_has_role(session_user, $2, 'MEMBER');
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_of(text, name) IS 'the functions below a root that a role of the caller may execute, as OpenAPI 3.1';

CREATE FUNCTION fox_wamp.openapi() RETURNS fox_wamp."application/json"
	LANGUAGE sql STABLE
	RETURN fox_wamp.openapi_of(pg_catalog.split_part(fox_wamp.called_procedure(), '.', 1), current_user);
COMMENT ON FUNCTION fox_wamp.openapi() IS 'for GET /root/openapi.json: the functions below the root that the caller may execute';

--
-- SQL functions as subscribers
--

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

--
-- Webhooks
--

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

--
-- Callbacks
--

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

--
-- Clients that log in
--

CREATE FUNCTION fox_wamp.scram_verifier(password text) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_scram_verifier' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.scram_verifier(text) IS 'internal: what is kept of a password, by fox_wamp.password_kdf';

CREATE FUNCTION fox_wamp.cra_verifier(password text) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_cra_verifier' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fox_wamp.cra_verifier(text) IS 'internal: what is kept of a password for wampcra';

CREATE FUNCTION fox_wamp.create_group(ident text, role text) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$ INSERT INTO fox_wamp.auth_group (ident, pg_role) VALUES ($1, $2) $$;
COMMENT ON FUNCTION fox_wamp.create_group(text, text) IS 'makes a group of users that stands for a role of the server';

CREATE FUNCTION fox_wamp.create_user(name text, ident text, password text DEFAULT NULL, realm text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		the_group bigint;
	BEGIN
		IF octet_length($1) NOT BETWEEN 1 AND 255 OR $1 IN ('anonymous', 'sql', 'router') THEN
			RAISE EXCEPTION 'no user can be named "%"', $1 USING ERRCODE = 'invalid_name';
		END IF;
		SELECT g.id INTO the_group FROM fox_wamp.auth_group g WHERE g.ident = $2;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'group "%" does not exist', $2 USING ERRCODE = 'undefined_object';
		END IF;
		INSERT INTO fox_wamp.auth_user (logon_name, group_id, realm, verifier, cra_verifier)
		VALUES ($1, the_group, $4, fox_wamp.scram_verifier($3), fox_wamp.cra_verifier($3));
	END
	$$;
COMMENT ON FUNCTION fox_wamp.create_user(text, text, text, text) IS 'makes a user of a group, with a password if it is to have one';

CREATE FUNCTION fox_wamp.drop_user(name text) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.auth_user u WHERE u.logon_name = $1 RETURNING u.id)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.drop_user(text) IS 'drops a user and its public keys; false if there is none';

CREATE FUNCTION fox_wamp.set_password(name text, password text, plain_cra boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		UPDATE fox_wamp.auth_user u SET verifier = fox_wamp.scram_verifier($2),
			cra_verifier = CASE WHEN $3 THEN 'PLAIN$' || $2 ELSE fox_wamp.cra_verifier($2) END
			WHERE u.logon_name = $1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'user "%" does not exist', $1 USING ERRCODE = 'undefined_object';
		END IF;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.set_password(text, text, boolean)
	IS 'changes the password of a user, null for none; plain_cra keeps it as it is, for clients whose WAMP-CRA knows no salt';

CREATE FUNCTION fox_wamp.add_key(name text, public_key text) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.auth_key (public_key, user_id, pg_role)
		SELECT lower($2), u.id, CASE WHEN u.id IS NULL THEN $1 END
		FROM (VALUES ($1)) AS n(name) LEFT JOIN fox_wamp.auth_user u ON u.logon_name = n.name
	$$;
COMMENT ON FUNCTION fox_wamp.add_key(text, text) IS 'a user, or a role of the server, has a public key (Ed25519, hexadecimal) for cryptosign';

CREATE FUNCTION fox_wamp.remove_key(public_key text) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.auth_key k WHERE k.public_key = lower($1) RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.remove_key(text) IS 'ends what add_key() began; false if there was nothing';

CREATE FUNCTION fox_wamp.add_jwt_secret(kid text, secret text, roles text[] DEFAULT NULL, audience text DEFAULT NULL,
									   issuer text DEFAULT NULL, realm text DEFAULT NULL) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.jwt_key (kid, alg, jwk, roles, audience, issuer, realm)
		VALUES ($1, 'HS256', jsonb_build_object('kty', 'oct', 'k',
				translate(encode(convert_to($2, 'UTF8'), 'base64'), E'+/=\n', '-_')), $3, $4, $5, $6)
	$$;
COMMENT ON FUNCTION fox_wamp.add_jwt_secret(text, text, text[], text, text, text)
	IS 'takes tokens that are signed with a secret (HS256) of 32 bytes or more; roles: the only ones that they may name';

CREATE FUNCTION fox_wamp.import_jwks(jwks jsonb, roles text[] DEFAULT NULL, audience text DEFAULT NULL,
									issuer text DEFAULT NULL, realm text DEFAULT NULL) RETURNS integer
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		DELETE FROM fox_wamp.jwt_key j WHERE j.kid IN (SELECT k->>'kid' FROM jsonb_array_elements($1->'keys') k);
		WITH added AS (
			INSERT INTO fox_wamp.jwt_key (kid, alg, jwk, roles, audience, issuer, realm)
			SELECT k->>'kid',
				coalesce(k->>'alg', CASE k->>'kty' WHEN 'RSA' THEN 'RS256' WHEN 'EC' THEN 'ES256' WHEN 'OKP' THEN 'EdDSA' END),
				k - ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'], $2, $3, $4, $5
			FROM jsonb_array_elements($1->'keys') k
			WHERE coalesce(k->>'use', 'sig') = 'sig'
			RETURNING 1)
		SELECT count(*)::integer FROM added
	$$;
COMMENT ON FUNCTION fox_wamp.import_jwks(jsonb, text[], text, text, text)
	IS 'takes tokens that are signed with the keys of a JSON Web Key Set; roles: the only ones that they may name';

CREATE FUNCTION fox_wamp.remove_jwt_key(kid text) RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.jwt_key k WHERE k.kid = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM gone);
	$$;
COMMENT ON FUNCTION fox_wamp.remove_jwt_key(text) IS 'takes no more tokens that are signed with the key; false if there is none';

CREATE FUNCTION fox_wamp.forget_cookies(authid text) RETURNS bigint
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH gone AS (DELETE FROM fox_wamp.auth_cookie c WHERE c.authid = $1 RETURNING 1)
		SELECT count(*) FROM gone;
	$$;
COMMENT ON FUNCTION fox_wamp.forget_cookies(text) IS 'the client has to log in again wherever it is; how many cookies it had';

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
		WHERE $1 IN ('sessions', 'subscriptions', 'waiters', 'stats', 'handlers', 'catalog')
	$$;
COMMENT ON FUNCTION fox_wamp.ask_view(text) IS 'internal: the rows behind the views';

--
-- Where services are
--

CREATE TRIGGER service_address_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.service_address
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
COMMENT ON TRIGGER service_address_changed ON fox_wamp.service_address IS 'hands the change to the router';
ALTER TABLE fox_wamp.service_address ENABLE ALWAYS TRIGGER service_address_changed;

CREATE VIEW fox_wamp.service_catalog AS
	SELECT a.id, a.service, a.node, a.url, a.realm, a.uri_prefix, a.contract, a.shard, a.modulus, a.remainder, a.expires_at, NULL::bigint AS session_id, a.added
	FROM fox_wamp.service_address a WHERE a.expires_at > clock_timestamp() IS NOT FALSE
	UNION ALL
	SELECT r.id::text, r.service, r.node, r.url, r.realm, r.uri_prefix, r.contract,
		CASE WHEN a ? 'from' THEN int8range(r."from", r."to") END, r.modulus, r.remainder,
		CASE WHEN r.expires_us > 0 THEN to_timestamp(r.expires_us / 1e6) END, nullif(r.session, 0), to_timestamp(r.added_us / 1e6)
	FROM fox_wamp.ask_view('catalog') AS a(a),
		jsonb_to_record(a) AS r(id bigint, service text, node text, url text, realm text, uri_prefix text, contract text, "from" bigint, "to" bigint,
								modulus bigint, remainder bigint, expires_us bigint, session bigint, added_us bigint);
COMMENT ON VIEW fox_wamp.service_catalog IS 'where services are: rows of service_address, which may be written here too, and what sessions have announced';

CREATE FUNCTION fox_wamp.service_catalog_changed() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF TG_OP <> 'INSERT' THEN
			IF OLD.session_id IS NOT NULL OR NOT EXISTS (SELECT FROM fox_wamp.service_address a WHERE a.id = OLD.id) THEN
				RAISE EXCEPTION 'what a session has announced goes with the session' USING ERRCODE = 'object_not_in_prerequisite_state';
			END IF;
			IF TG_OP = 'DELETE' THEN
				DELETE FROM fox_wamp.service_address a WHERE a.id = OLD.id;
				RETURN OLD;
			END IF;
			UPDATE fox_wamp.service_address a SET (id, realm, service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at, added) =
				(NEW.id, NEW.realm, NEW.service, NEW.url, NEW.node, NEW.uri_prefix, NEW.contract, NEW.shard, NEW.modulus, NEW.remainder, NEW.expires_at, NEW.added)
				WHERE a.id = OLD.id;
			RETURN NEW;
		END IF;
		NEW.id := coalesce(NEW.id, gen_random_uuid()::text);
		NEW.realm := fox_wamp.default_realm(NEW.realm);
		NEW.added := coalesce(NEW.added, clock_timestamp());
		INSERT INTO fox_wamp.service_address (id, realm, service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at, added)
			VALUES (NEW.id, NEW.realm, NEW.service, NEW.url, NEW.node, NEW.uri_prefix, NEW.contract, NEW.shard, NEW.modulus, NEW.remainder, NEW.expires_at, NEW.added);
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.service_catalog_changed() IS 'internal: what is written to the view is rows of service_address';
CREATE TRIGGER service_catalog_changed INSTEAD OF INSERT OR UPDATE OR DELETE ON fox_wamp.service_catalog
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.service_catalog_changed();
COMMENT ON TRIGGER service_catalog_changed ON fox_wamp.service_catalog IS 'writes rows of service_address';

CREATE TYPE fox_wamp.service_ref AS (service text, node text, url text, realm text, uri_prefix text, contract text);
COMMENT ON TYPE fox_wamp.service_ref IS 'where a service is';

-- hashint8extended() is what PostgreSQL's hash partitions are found by; its result counts as unsigned.
CREATE FUNCTION fox_wamp.shard_remainder(criterion bigint, modulus bigint) RETURNS bigint
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS $$ SELECT mod(h + CASE WHEN h < 0 THEN 18446744073709551616 ELSE 0 END, $2)::bigint FROM (SELECT hashint8extended($1, 0)::numeric) x (h) $$;
COMMENT ON FUNCTION fox_wamp.shard_remainder(bigint, bigint) IS 'what the hash of a number leaves, divided by the number of shards';

CREATE FUNCTION fox_wamp.retrieve_service(service text, criterion bigint DEFAULT NULL, realm text DEFAULT NULL, OUT found boolean, OUT ref fox_wamp.service_ref)
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT best.ref IS DISTINCT FROM NULL, best.ref
		FROM (VALUES (1)) one LEFT JOIN (
			SELECT ROW(c.service, c.node, c.url, c.realm, c.uri_prefix, c.contract)::fox_wamp.service_ref AS ref
			FROM fox_wamp.service_catalog c
			WHERE lower(c.service) = lower($1) AND c.realm = fox_wamp.default_realm($3) AND ($2 IS NULL OR CASE WHEN c.shard IS NOT NULL THEN $2 <@ c.shard
				WHEN c.modulus IS NOT NULL THEN fox_wamp.shard_remainder($2, c.modulus) = c.remainder ELSE true END)
			ORDER BY $2 IS NOT NULL AND c.shard IS NOT NULL DESC, $2 IS NOT NULL AND c.modulus IS NOT NULL DESC, c.added DESC LIMIT 1) best ON true
	$$;
COMMENT ON FUNCTION fox_wamp.retrieve_service(text, bigint, text) IS 'where a service is, for a number if it has shards: ranges go before remainders, and the newest before others';

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

--
-- Privileges
--

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA fox_wamp FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	fox_wamp.publish(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_now(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_row(),
	fox_wamp.watch(regclass, text, text, text[], text[], boolean, text, boolean),
	fox_wamp.unwatch(regclass, text, text),
	fox_wamp.trigger_args(bytea),
	fox_wamp.forget_decisions(),
	fox_wamp.call(text, jsonb, jsonb, jsonb, text),
	fox_wamp."cast"(text, jsonb, jsonb, jsonb, text),
	fox_wamp.wait_for(text, interval, text),
	fox_wamp.lock(text, jsonb, interval, text),
	fox_wamp.try_lock(text, jsonb, text),
	fox_wamp.unlock(text, text),
	fox_wamp.wait_until_running(interval),
	fox_wamp.sync(interval),
	fox_wamp.notify_payload(bigint),
	fox_wamp.callback_local(regprocedure, text),
	fox_wamp.default_realm(text),
	fox_wamp.ask_view(text),
	fox_wamp.shard_remainder(bigint, bigint),
	fox_wamp.retrieve_service(text, bigint, text),
	fox_wamp.doctor()
	TO fox_wamp_user;
GRANT EXECUTE ON FUNCTION
	fox_wamp.start(),
	fox_wamp.stop(),
	fox_wamp.restart(),
	fox_wamp.kill(bigint, text),
	fox_wamp.kill_client(text, text, boolean),
	fox_wamp.ask_denials(),
	fox_wamp.create_realm(text, boolean),
	fox_wamp.open_realm(text),
	fox_wamp.drop_realm(text),
	fox_wamp.bridge(text, text, text),
	fox_wamp.bridge_out(text, text, text),
	fox_wamp.unbridge(text, text),
	fox_wamp.stored_match(text, text),
	fox_wamp.keep_history(text, text, integer, interval, text),
	fox_wamp.forget_history(text, text, text),
	fox_wamp.auto_subscribe(text, integer, text, text, boolean, boolean, integer, text),
	fox_wamp.drop_auto_subscription(text, text, text, text),
	fox_wamp.mqtt_bridge(text, text, text, text, text, text, integer, boolean, text, text, text, text, text),
	fox_wamp.mqtt_bridge_topic(text, text, text, integer, text, text),
	fox_wamp.drop_mqtt_bridge(text),
	fox_wamp.ask_mqtt_bridges(),
	fox_wamp.set_trust_level(text, integer, text, text, text),
	fox_wamp.use_topic_policies(text, text),
	fox_wamp.reset_trust_level(text, text, text, text),
	fox_wamp.expose_root(text, text, text, boolean),
	fox_wamp.expose_function(regprocedure, text, text, integer, interval, text[], boolean, text, regclass),
	fox_wamp.expose_table(regclass, text, text, text[]),
	fox_wamp.expose_service(regnamespace, text, text, text, text, boolean, boolean, text, boolean),
	fox_wamp.unexpose(text, text),
	fox_wamp.attach(text, regprocedure, text, boolean, integer, integer, interval, text),
	fox_wamp.detach(text, regprocedure, text, text),
	fox_wamp.publish_hook(text, regprocedure, text, text, text),
	fox_wamp.drop_publish_hook(text, text, text),
	fox_wamp.handler_queued(bigint),
	fox_wamp.retry_delivery(bigint),
	fox_wamp.drop_delivery(bigint),
	fox_wamp.allowed_url(text, text),
	fox_wamp.webhook(text, text, text, jsonb, text, integer, integer, interval, interval, text),
	fox_wamp.drop_webhook(bigint),
	fox_wamp.replay_webhook(bigint, timestamptz),
	fox_wamp.scram_verifier(text),
	fox_wamp.cra_verifier(text),
	fox_wamp.create_group(text, text),
	fox_wamp.create_user(text, text, text, text),
	fox_wamp.drop_user(text),
	fox_wamp.set_password(text, text, boolean),
	fox_wamp.add_key(text, text),
	fox_wamp.remove_key(text),
	fox_wamp.jwk_fits(text, jsonb),
	fox_wamp.add_jwt_secret(text, text, text[], text, text, text),
	fox_wamp.import_jwks(jsonb, text[], text, text, text),
	fox_wamp.remove_jwt_key(text),
	fox_wamp.forget_cookies(text)
	TO fox_wamp_admin;
-- What a function that a client calls, or a policy of row-level security, wants to know; whatever its role.
GRANT USAGE ON SCHEMA fox_wamp TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	fox_wamp.error(text, integer, text),
	fox_wamp.session_id(),
	fox_wamp.session_user_id(),
	fox_wamp.session_group_id(),
	fox_wamp.own_user(),
	fox_wamp.session_get_user(bigint),
	fox_wamp.caller_authid(),
	fox_wamp.caller_authrole(),
	fox_wamp.called_procedure(),
	fox_wamp.called_realm(),
	fox_wamp.http_method(),
	fox_wamp.request_path(),
	fox_wamp.request_table(),
	fox_wamp.request_id(),
	fox_wamp.table_request(text, json, text, json, json, text, bigint, bigint),
	fox_wamp.batch(json),
	fox_wamp.remote_ip(),
	fox_wamp.user_agent(),
	fox_wamp.in_header(text),
	fox_wamp.in_body(),
	fox_wamp.set_status(integer),
	fox_wamp.returns(text, integer, text, jsonb, boolean),
	fox_wamp.returns(bytea, integer, text, jsonb, boolean),
	fox_wamp.returns(anyelement, integer, text, jsonb, boolean),
	fox_wamp.openapi_of(text, name),
	fox_wamp.openapi(),
	fox_wamp.callback_send(fox_wamp.callback, text, jsonb, jsonb),
	fox_wamp.callback_now(fox_wamp.callback, text, jsonb, jsonb),
	fox_wamp.callback_call(fox_wamp.callback, text, jsonb, interval, jsonb),
	fox_wamp.callback_release(fox_wamp.callback),
	fox_wamp.end_callback(bigint),
	fox_wamp.callback_uri(fox_wamp.callback),
	fox_wamp.exception_json(),
	fox_wamp.signature(regnamespace),
	fox_wamp.contract(regnamespace),
	fox_wamp.instance_state(),
	fox_wamp.set_instance_state(jsonb),
	fox_wamp.service_contract(),
	fox_wamp.service_signature(),
	fox_wamp.new_instance(),
	fox_wamp.free_instance()
	TO PUBLIC;
GRANT SELECT ON fox_wamp.realm, fox_wamp.retained, fox_wamp.lock, fox_wamp.registration, fox_wamp.bridge,
	fox_wamp.history, fox_wamp.event_history, fox_wamp.trust_level, fox_wamp.mqtt_auto_subscription, fox_wamp.permission,
	fox_wamp.root, fox_wamp.exposed_table, fox_wamp.exposed_function, fox_wamp.exposed_service, fox_wamp.exposed, fox_wamp.service_address, fox_wamp.service_catalog, fox_wamp.watched,
	fox_wamp.handler, fox_wamp.delivery, fox_wamp.attached, fox_wamp.publish_hook,
	fox_wamp.session, fox_wamp.subscription, fox_wamp.lock_waiter, fox_wamp.stat_router
	TO fox_wamp_user;
GRANT INSERT, UPDATE, DELETE ON fox_wamp.realm, fox_wamp.retained, fox_wamp.bridge, fox_wamp.history,
	fox_wamp.trust_level, fox_wamp.mqtt_auto_subscription, fox_wamp.permission, fox_wamp.root, fox_wamp.exposed_table, fox_wamp.exposed_function, fox_wamp.exposed_service, fox_wamp.service_address, fox_wamp.service_catalog, fox_wamp.handler, fox_wamp.publish_hook, fox_wamp.webhook, fox_wamp.auth_method,
	fox_wamp.auth_group, fox_wamp.auth_user, fox_wamp.auth_key, fox_wamp.jwt_key TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.denials TO fox_wamp_admin;
GRANT INSERT, UPDATE, DELETE ON fox_wamp.mqtt_bridge, fox_wamp.mqtt_bridge_topic TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.mqtt_bridge_topic, fox_wamp.mqtt_bridge_state TO fox_wamp_admin;
GRANT SELECT (name, realm, url, username, client_id, protocol, keep_alive, clean_start, notification_topic, ca, certificate, enabled)
	ON fox_wamp.mqtt_bridge TO fox_wamp_admin;
GRANT UPDATE (attempts, next_try, dead), DELETE ON fox_wamp.delivery TO fox_wamp_admin;
GRANT SELECT, DELETE ON fox_wamp.service_instance, fox_wamp.service_call TO fox_wamp_admin;
GRANT REFERENCES (id) ON fox_wamp.callback_registry TO fox_wamp_user;
GRANT SELECT (realm, uri, interface, kind, service, owner, id, session, since) ON fox_wamp.callback_registry TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.webhook, fox_wamp.post_log, fox_wamp.webhook_delivery, fox_wamp.callback_delivery TO fox_wamp_admin;
GRANT USAGE ON SEQUENCE fox_wamp.handler_id_seq TO fox_wamp_admin;
GRANT DELETE ON fox_wamp.auth_cookie TO fox_wamp_admin;
GRANT SELECT (realm, authid, authrole, authprovider, authmethod, since, expires, replaced) ON fox_wamp.auth_cookie TO fox_wamp_admin;
-- Verifiers are written and never read.
GRANT SELECT ON fox_wamp.mqtt_client, fox_wamp.mqtt_session, fox_wamp.mqtt_subscription, fox_wamp.mqtt_message, fox_wamp.mqtt_received, fox_wamp.mqtt_unheard TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.auth_method, fox_wamp.auth_group, fox_wamp.auth_key TO fox_wamp_admin;
GRANT SELECT (id, logon_name, group_id, realm, data), UPDATE (data) ON fox_wamp.auth_user TO fox_wamp_admin;
GRANT SELECT (kid, alg, realm, audience, issuer, role_claim, authid_claim, roles) ON fox_wamp.jwt_key TO fox_wamp_admin;
