-- Tables: what the router keeps of MQTT clients.

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
