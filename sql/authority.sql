-- functions as authorizers and authenticators, as far as it goes without a router: what is refused, and rows that follow
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SCHEMA autho;
CREATE FUNCTION autho.may(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION autho.who(realm text, authid text, method text, details jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION autho.set(session jsonb, uri text, action text, options jsonb, match text) RETURNS SETOF boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION autho.number(session jsonb, uri text, action text, options jsonb, match text) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT fox_wamp.create_realm('autho');

-- an unqualified name is found by the path, and written in full
SET search_path = autho;
INSERT INTO fox_wamp.permission (realm, pattern, role, allow_call, authorizer_function)
	VALUES ('autho', 'a', 'public', true, 'may(jsonb, text, text, jsonb, text)') RETURNING authorizer_function;
INSERT INTO fox_wamp.auth_method (realm, method, authenticator_function)
	VALUES ('autho', 'ticket', 'who(text, text, text, jsonb)') RETURNING authenticator_function;
RESET search_path;

-- what can be none
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_function) VALUES ('autho', 'b', 'public', 'autho.set(jsonb,text,text,jsonb,text)');
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_function) VALUES ('autho', 'b', 'public', 'autho.number(jsonb,text,text,jsonb,text)');
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_function) VALUES ('autho', 'b', 'public', 'autho.who(text,text,text,jsonb)');
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_function) VALUES ('autho', 'b', 'public', 'autho.nothing(jsonb)');
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_function) VALUES ('autho', 'b', 'public', 'nonsense');
INSERT INTO fox_wamp.permission (realm, pattern, role, authorizer_role) VALUES ('autho', 'b', 'public', 'pg_monitor');
INSERT INTO fox_wamp.auth_method (realm, method, authenticator_function) VALUES ('autho', 'wampcra', 'autho.may(jsonb,text,text,jsonb,text)');
INSERT INTO fox_wamp.auth_method (realm, method, authenticator_function) VALUES ('autho', 'anonymous', 'autho.who(text,text,text,jsonb)');
INSERT INTO fox_wamp.auth_method (realm, method, authenticator, authenticator_function) VALUES ('autho', 'wampcra', 'a', 'autho.who(text,text,text,jsonb)');

-- the role that it runs as
CREATE ROLE autho_admin;
CREATE ROLE autho_judge;
GRANT fox_wamp_admin TO autho_admin;
GRANT USAGE ON SCHEMA autho TO autho_admin;
SET ROLE autho_admin;
UPDATE fox_wamp.permission SET allow_publish = true WHERE realm = 'autho' AND pattern = 'a';
UPDATE fox_wamp.permission SET authorizer_role = 'autho_judge' WHERE realm = 'autho' AND pattern = 'a';
RESET ROLE;
GRANT autho_judge TO autho_admin;
SET ROLE autho_admin;
UPDATE fox_wamp.permission SET authorizer_role = 'autho_judge' WHERE realm = 'autho' AND pattern = 'a';
RESET ROLE;
REVOKE EXECUTE ON FUNCTION autho.may FROM PUBLIC;
UPDATE fox_wamp.permission SET authorizer_role = 'autho_admin' WHERE realm = 'autho' AND pattern = 'a';

-- the rows follow, and stay when the function goes
ALTER SCHEMA autho RENAME TO autho2;
ALTER FUNCTION autho2.who RENAME TO whoever;
SELECT authorizer_function FROM fox_wamp.permission WHERE realm = 'autho' AND authorizer_function IS NOT NULL
UNION ALL SELECT authenticator_function FROM fox_wamp.auth_method WHERE realm = 'autho';
SELECT ok, detail FROM fox_wamp.doctor() WHERE check_name = 'authorizers';
DROP FUNCTION autho2.may, autho2.whoever;
SELECT ok, detail FROM fox_wamp.doctor() WHERE check_name = 'authorizers';
SELECT authorizer_function FROM fox_wamp.permission WHERE realm = 'autho' AND authorizer_function IS NOT NULL
UNION ALL SELECT authenticator_function FROM fox_wamp.auth_method WHERE realm = 'autho';

-- policies; an administrator that is no superuser may have them asked
SET ROLE autho_admin;
SELECT fox_wamp.use_topic_policies('autho');
SELECT fox_wamp.use_topic_policies('autho', 'chat.#');
INSERT INTO fox_wamp.topic_access (realm, topic, match) VALUES ('autho', 'a', 'exact');
DELETE FROM fox_wamp.topic_access;
SELECT fox_wamp.topic_policies('{}', 'a', 'publish', '{}', 'exact');
SELECT count(*) FROM fox_wamp.topic_access;
RESET ROLE;
SELECT pattern, role, allow_publish, allow_subscribe, allow_call, allow_register, authorizer_function
FROM fox_wamp.permission WHERE realm = 'autho' AND authorizer_function LIKE 'fox_wamp.%' ORDER BY pattern;
CREATE POLICY autho_read ON fox_wamp.topic_access FOR SELECT TO autho_judge USING (topic LIKE 'a.%');
CREATE POLICY autho_write ON fox_wamp.topic_access FOR INSERT TO autho_judge WITH CHECK (topic = 'a.b');
SELECT uri, action, match, fox_wamp.topic_policies('{"realm":"autho","role":"autho_judge"}', uri, action, '{}', match)->>'allow' AS allow
FROM (VALUES ('a.a', 'subscribe', 'exact'), ('b', 'subscribe', 'exact'), ('a.a', 'subscribe', 'prefix'), ('a.b', 'publish', 'exact'),
	('a.a', 'publish', 'exact'), ('b', 'call', 'exact')) v(uri, action, match);
SELECT fox_wamp.topic_policies('{"realm":"autho","role":"autho_nobody"}', 'a', 'publish', '{}', 'exact');
SELECT fox_wamp.topic_policies('{}', 'a', 'publish', '{}', 'exact');
SELECT current_user = session_user AS myself, count(*) FROM fox_wamp.topic_access;
DROP TABLE fox_wamp.topic_access;

SELECT fox_wamp.drop_realm('autho');
DROP SCHEMA autho2 CASCADE;
DROP ROLE autho_admin, autho_judge;
