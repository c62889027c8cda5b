-- Tables: who hears events in the database, or at a URL.

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
