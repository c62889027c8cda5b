-- fox_wamp.permission as far as it goes without a router: what a new realm has, and what is refused
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '-'
SELECT pattern, match, role, allow_publish AS pub, allow_subscribe AS sub, allow_call AS call, allow_register AS reg, disclose, authorizer
FROM fox_wamp.permission WHERE realm = 'realm1' ORDER BY pattern;
SELECT fox_wamp.create_realm('allowed');
SELECT pattern, role FROM fox_wamp.permission WHERE realm = 'allowed' ORDER BY pattern;
-- by hand a realm begins closed
INSERT INTO fox_wamp.realm (name) VALUES ('by_hand');
SELECT count(*) FROM fox_wamp.permission WHERE realm = 'by_hand';
-- the defaults forbid
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a.*.#', 'ann')
RETURNING match, allow_publish, allow_subscribe, allow_call, allow_register, disclose, authorizer;
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a.*.#', 'ann');
-- patterns
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a..b', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a.#.b', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', '', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, match, role) VALUES ('allowed', '', 'exact', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, match, role) VALUES ('allowed', 'a', 'any', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, match, role) VALUES
	('allowed', '', 'prefix', 'ann'), ('allowed', 'a..b', 'wildcard', 'ann'), ('allowed', 'wamp.session.kill', 'exact', 'ann');
-- placeholders are components by themselves
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a.x%c', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, match, role) VALUES ('allowed', 'a.%u', 'prefix', 'ann');
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a.%u.%c.#', 'ann');
UPDATE fox_wamp.permission SET pattern = 'b c' WHERE realm = 'allowed' AND match = 'exact';
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('allowed', 'a', '');
INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('nowhere', 'a', 'ann');
-- rows go with their realm
SELECT fox_wamp.drop_realm('allowed'), fox_wamp.drop_realm('by_hand');
SELECT count(*) FROM fox_wamp.permission WHERE realm <> 'realm1';
-- who may change them
CREATE ROLE permission_user;
GRANT fox_wamp_user TO permission_user;
SET ROLE permission_user;
SELECT count(*) FROM fox_wamp.permission;
DELETE FROM fox_wamp.permission;
SELECT fox_wamp.open_realm('realm1');
RESET ROLE;
DROP ROLE permission_user;
