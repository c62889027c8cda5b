-- Clients that log in.

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
