-- webhooks as far as they go without a router: what is refused, the queue, replay, and who may
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '-'
-- nothing may be called until a superuser says so
\set VERBOSITY terse
SELECT fox_wamp.webhook('order.#', 'https://hooks.example/in');
\set VERBOSITY default
SET fox_wamp.webhook_allow = 'ftp://x';
SET fox_wamp.webhook_allow = 'https://hooks.example/in, local:9000';
SELECT fox_wamp.webhook('order.#', 'https://hooks.example/in', secret => 's3cret', headers => '{"X-Api": "k", "X-Empty": ""}', max_attempts => 3) > 0;
SELECT fox_wamp.webhook('order', 'http://local:9000', match => 'prefix') > 0;
SELECT realm, pattern, match, url, owner = current_user AS mine, secret, headers, concurrency, timeout, max_attempts, retry_delay FROM fox_wamp.webhook ORDER BY id;
-- once more changes it
SELECT fox_wamp.webhook('order.#', 'https://hooks.example/in', timeout => '2 s') = (SELECT id FROM fox_wamp.webhook WHERE pattern = 'order.#');
SELECT pattern, secret, headers, timeout FROM fox_wamp.webhook ORDER BY id;

-- what is refused
SELECT fox_wamp.webhook('a', 'http://hooks.example@evil/in');
SELECT fox_wamp.webhook('a', 'ftp://hooks.example/in');
\set VERBOSITY terse
SELECT fox_wamp.webhook('a', 'https://hooks.example.evil/in');
SELECT fox_wamp.webhook('a', 'https://hooks.example/in/../out');
SELECT fox_wamp.webhook('a', NULL);
SELECT fox_wamp.webhook(NULL, 'http://local:9000');
SELECT fox_wamp.webhook('a..b', 'http://local:9000');
SELECT fox_wamp.webhook('a', 'http://local:9000', match => 'regex');
SELECT fox_wamp.webhook('a', 'http://local:9000', realm => 'nowhere');
SELECT fox_wamp.webhook('a', 'http://local:9000', secret => '');
SELECT fox_wamp.webhook('a', 'http://local:9000', timeout => '0');
SELECT fox_wamp.webhook('a', 'http://local:9000', concurrency => 0);
\set VERBOSITY default
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => '["X"]');
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => '{"X Y": "z"}');
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => '{"X": 1}');
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => E'{"X": "a\\r\\nY: b"}');
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => '{"Host": "evil"}');
SELECT fox_wamp.webhook('a', 'http://local:9000', headers => '{"x-fox-signature": "mine"}');

-- the queue is part of the transaction
BEGIN;
SELECT count(fox_wamp.publish('order.1', '[1]'));
COMMIT;
BEGIN;
SELECT count(fox_wamp.publish('order.2', '[2]'));
ROLLBACK;
SELECT w.pattern, d.topic, d.state, d.attempts, d.last_status FROM fox_wamp.webhook_delivery d JOIN fox_wamp.webhook w ON w.id = d.webhook ORDER BY d.id;
SELECT b ->> 'topic' AS topic, b -> 'args' AS args, b -> 'kwargs' AS kwargs, (b ->> 'publication')::bigint > 0 AS publication, (b ->> 'at')::timestamptz <= now() AS at
	FROM (SELECT fox_wamp.post_body(d) AS b FROM fox_wamp.delivery d ORDER BY id LIMIT 1) x;

-- replay: what has failed for good, and what the history has kept
UPDATE fox_wamp.delivery SET dead = true, attempts = 3, last_status = 500, last_error = 'HTTP status 500';
SELECT state, attempts, last_status, last_error FROM fox_wamp.webhook_delivery ORDER BY id;
INSERT INTO fox_wamp.event_history (realm, position, publication, topic, args, at) VALUES ('realm1', 1000001, 12, 'order.7', '[7]', now() - interval '2 h'),
	('realm1', 1000002, 13, 'order.8', '[8]', now()), ('realm1', 1000003, 14, 'other', '[9]', now());
SELECT fox_wamp.replay_webhook(id, now() - interval '1 h') FROM fox_wamp.webhook ORDER BY id;
SELECT w.pattern, d.topic, d.state, d.attempts FROM fox_wamp.webhook_delivery d JOIN fox_wamp.webhook w ON w.id = d.webhook ORDER BY d.webhook, d.topic;
SELECT fox_wamp.replay_webhook(id, now() - interval '1 h') FROM fox_wamp.webhook ORDER BY id;
SELECT fox_wamp.replay_webhook(-1, '-infinity');
DELETE FROM fox_wamp.event_history WHERE position > 1000000;

-- who may, and who may read what
CREATE ROLE hook_admin;
CREATE ROLE hook_user;
GRANT fox_wamp_admin TO hook_admin;
GRANT fox_wamp_user TO hook_user;
SET ROLE hook_user;
SELECT fox_wamp.webhook('b', 'http://local:9000');
SELECT secret FROM fox_wamp.webhook;
SELECT url FROM fox_wamp.webhook;
SELECT count(*) FROM fox_wamp.webhook_delivery;
SET ROLE hook_admin;
SELECT fox_wamp.webhook('b', 'http://local:9000') > 0;
SELECT owner FROM fox_wamp.webhook WHERE pattern = 'b';
UPDATE fox_wamp.webhook SET owner = 'postgres' WHERE pattern = 'b';
SET fox_wamp.webhook_allow = '*';
RESET ROLE;

SELECT fox_wamp.drop_webhook(id) FROM fox_wamp.webhook;
SELECT fox_wamp.drop_webhook(0);
DELETE FROM fox_wamp.delivery;
DROP ROLE hook_admin, hook_user;
