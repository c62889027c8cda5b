-- Publishing, calling, waiting and locking.

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
