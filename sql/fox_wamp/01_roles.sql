-- Roles, and what the database has to be like.

\echo Use "CREATE EXTENSION fox_wamp" to load this file. \quit

COMMENT ON SCHEMA fox_wamp IS 'fox_wamp: a live message router in the database';

-- Roles are of the whole cluster and outlive the extension.
DO $$
DECLARE
	role_name text;
BEGIN
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'fox_wamp needs a database with encoding UTF8'
			USING ERRCODE = 'feature_not_supported';
	END IF;
	FOREACH role_name IN ARRAY ARRAY['fox_wamp_user', 'fox_wamp_admin', 'fox_wamp_anonymous', 'fox_wamp_connect'] LOOP
		BEGIN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;
		END;
	END LOOP;
END
$$;

COMMENT ON ROLE fox_wamp_user IS 'fox_wamp: may publish, wait, lock and see what the router does';
COMMENT ON ROLE fox_wamp_admin IS 'fox_wamp: may start, stop and configure the router';
COMMENT ON ROLE fox_wamp_anonymous IS 'fox_wamp: role of clients that do not log in';
COMMENT ON ROLE fox_wamp_connect IS 'fox_wamp: members may log in as a client, with their own password';
GRANT fox_wamp_user TO fox_wamp_admin;
