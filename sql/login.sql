-- who may log in: the functions, what they refuse, and who may see and do what
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY terse
CREATE ROLE login_admin;
CREATE ROLE login_clerk;
CREATE ROLE login_user;
GRANT fox_wamp_admin TO login_admin;
GRANT fox_wamp_user TO login_user;

SELECT fox_wamp.create_group('clerks', 'login_clerk');
SELECT fox_wamp.create_group('clerks', 'login_clerk');
SELECT fox_wamp.create_group('ghosts', 'login_nobody');
SELECT fox_wamp.create_user('ann', 'clerks', 'secret');
SELECT fox_wamp.create_user('bob', 'clerks');
SELECT fox_wamp.create_user('ann', 'clerks', 'secret');
SELECT fox_wamp.create_user('cid', 'nobodies');
SELECT fox_wamp.create_user('anonymous', 'clerks');
SELECT fox_wamp.create_user('', 'clerks');
SELECT fox_wamp.create_user('cid', 'clerks', 'secret', 'no realm');
SELECT logon_name, verifier ~ '^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$' AS verifier,
	cra_verifier ~ '^WAMP-CRA\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}$' AS cra_verifier
	FROM fox_wamp.auth_user ORDER BY logon_name;

SELECT fox_wamp.set_password('bob', 'one', plain_cra => true);
SELECT cra_verifier FROM fox_wamp.auth_user WHERE logon_name = 'bob';
SELECT fox_wamp.set_password('bob', NULL);
SELECT verifier IS NULL AND cra_verifier IS NULL AS no_password FROM fox_wamp.auth_user WHERE logon_name = 'bob';
SELECT fox_wamp.set_password('cid', 'one');

SELECT fox_wamp.add_key('ann', repeat('AB', 32));
SELECT fox_wamp.add_key('bob', repeat('ab', 32));
SELECT fox_wamp.add_key('bob', 'ab');
SELECT fox_wamp.add_key('login_clerk', repeat('cd', 32));
SELECT fox_wamp.add_key('login_nobody', repeat('ef', 32));
SELECT k.public_key, u.logon_name, k.pg_role FROM fox_wamp.auth_key k LEFT JOIN fox_wamp.auth_user u ON u.id = k.user_id ORDER BY 1;
SELECT fox_wamp.remove_key(repeat('CD', 32)), fox_wamp.remove_key(repeat('cd', 32));

SELECT fox_wamp.add_jwt_secret('k1', repeat('s', 32), roles => '{login_clerk}');
SELECT fox_wamp.add_jwt_secret('k2', 'too short');
SELECT fox_wamp.add_jwt_secret('k1', repeat('s', 32));
SELECT fox_wamp.import_jwks('{"keys":[
	{"kid":"e","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
	{"kid":"o","kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
	{"kid":"x","kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}]}', roles => '{login_clerk}', audience => 'us');
SELECT fox_wamp.import_jwks('{"keys":[{"kid":"n","kty":"none"}]}');
SELECT fox_wamp.import_jwks('{"keys":[{"kid":"r","kty":"RSA","n":"AQAB","e":"AQAB"}]}');
SELECT kid, alg, audience, roles, jwk ? 'd' AS private FROM fox_wamp.jwt_key ORDER BY kid;
SELECT fox_wamp.remove_jwt_key('o'), fox_wamp.remove_jwt_key('o');

INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'wamp-scram'), ('realm1', 'tls');
INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'password');
INSERT INTO fox_wamp.auth_method VALUES ('no realm', 'ticket');
DELETE FROM fox_wamp.auth_method;

-- an administrator writes verifiers and secrets, and reads none; gives only roles that it has
SET ROLE login_admin;
SELECT fox_wamp.create_user('dot', 'clerks', 'secret');
SELECT fox_wamp.set_password('dot', 'another');
SELECT fox_wamp.set_password('dot', 'another', plain_cra => true);
SELECT logon_name, realm FROM fox_wamp.auth_user ORDER BY logon_name;
SELECT verifier FROM fox_wamp.auth_user;
SELECT cra_verifier FROM fox_wamp.auth_user;
SELECT * FROM fox_wamp.auth_user;
SELECT jwk FROM fox_wamp.jwt_key;
SELECT kid FROM fox_wamp.jwt_key ORDER BY kid;
SELECT fox_wamp.create_group('bosses', 'pg_monitor');
UPDATE fox_wamp.auth_group SET pg_role = 'pg_monitor';
SELECT fox_wamp.add_key('pg_monitor', repeat('12', 32));
SELECT fox_wamp.add_jwt_secret('k3', repeat('s', 32));
SELECT fox_wamp.add_jwt_secret('k3', repeat('s', 32), roles => '{pg_monitor}');
SELECT fox_wamp.add_jwt_secret('k3', repeat('s', 32), roles => '{}');
SELECT fox_wamp.add_key('dot', repeat('34', 32));
SELECT fox_wamp.drop_user('dot'), fox_wamp.drop_user('dot');
SELECT fox_wamp.import_jwks('{"keys":[{"kid":"e","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}', roles => '{}');
RESET ROLE;
GRANT login_clerk TO login_admin;
SET ROLE login_admin;
SELECT fox_wamp.create_group('more clerks', 'login_clerk');
RESET ROLE;

-- others see nothing of that
SET ROLE login_user;
SELECT logon_name FROM fox_wamp.auth_user;
SELECT kid FROM fox_wamp.jwt_key;
SELECT public_key FROM fox_wamp.auth_key;
SELECT fox_wamp.create_user('eve', 'clerks');
SELECT fox_wamp.scram_verifier('secret');
RESET ROLE;

SELECT count(*) FROM fox_wamp.auth_key;
DELETE FROM fox_wamp.auth_user;
DELETE FROM fox_wamp.auth_group;
DELETE FROM fox_wamp.jwt_key;
SELECT count(*) FROM fox_wamp.auth_key;
DROP ROLE login_admin, login_clerk, login_user;
