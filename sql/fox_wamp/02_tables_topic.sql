-- Tables: realms, their topics, and what becomes of events.

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
