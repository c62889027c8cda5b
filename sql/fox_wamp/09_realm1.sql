-- What there is from the start.

-- What everybody may do in a new realm, and what takes a permission of its own.
CREATE FUNCTION fox_wamp.open_realm(name text) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.permission (realm, pattern, role, allow_publish, allow_subscribe, allow_call, allow_register)
		VALUES ($1, '#', 'public', true, true, true, true),
			($1, 'wamp.#', 'fox_wamp_admin', false, false, true, false)
	$$;
COMMENT ON FUNCTION fox_wamp.open_realm(text)
	IS 'internal: everybody may do everything in the realm; only members of fox_wamp_admin may call what changes other sessions';

INSERT INTO fox_wamp.realm (name) VALUES ('realm1');
INSERT INTO fox_wamp.root (name, realm) VALUES ('root', 'realm1');
-- A dump brings the rows that there were; whoever restores one has row_security off.
SELECT fox_wamp.open_realm('realm1') WHERE pg_catalog.current_setting('row_security')::boolean;
