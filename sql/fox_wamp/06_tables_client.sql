-- Tables: who may log in, and do what.

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
