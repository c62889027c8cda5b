-- Triggers: every change reaches the router, logical replication included.

CREATE FUNCTION fox_wamp.retained_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_before() IS 'internal: checks the topic, draws the publication, drops the owner';

CREATE FUNCTION fox_wamp.retained_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_retained_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.retained_changed() IS 'internal: hands a change of a retained value to the router';

CREATE FUNCTION fox_wamp.config_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_config_trigger' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.config_changed() IS 'internal: hands a changed row of configuration to the router';

CREATE FUNCTION fox_wamp.exposed_function_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_exposed_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.exposed_function_before() IS 'internal: checks the function and writes its signature in full';

CREATE FUNCTION fox_wamp.exposed_table_before() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		kind "char";
	BEGIN
		SELECT c.relkind, format('%I.%I', n.nspname, c.relname) INTO kind, NEW.relation
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = NEW.relation::regclass;
		IF kind NOT IN ('r', 'p', 'v', 'm', 'f') OR NEW.relation LIKE 'pg\_temp%' THEN
			RAISE EXCEPTION '% is no table or view that lasts', NEW.relation USING ERRCODE = 'wrong_object_type';
		END IF;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_table_before() IS 'internal: checks the table and writes its name in full';

CREATE FUNCTION fox_wamp.input_names(function text, bound text) RETURNS text[]
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(array_agg(n ORDER BY n), '{}')
		FROM pg_proc p, generate_series(CASE $2 WHEN 'row' THEN 2 ELSE 1 END, coalesce(array_length(p.proallargtypes, 1), p.pronargs)) i,
			LATERAL lower(coalesce(p.proargnames[i], '')) n
		WHERE p.oid = to_regprocedure($1) AND coalesce(p.proargmodes[i], 'i') IN ('i', 'b', 'v')
	$$;
COMMENT ON FUNCTION fox_wamp.input_names(text, text) IS 'internal: what callers call the arguments of an exposed function';

-- One name, one meaning: of a service, of a table, of functions that can be told apart, of a column.
CREATE FUNCTION fox_wamp.exposed_name_free() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		PERFORM FROM fox_wamp.root r WHERE r.name = NEW.root FOR UPDATE;
		IF EXISTS (SELECT FROM fox_wamp.exposed_service s WHERE s.root = NEW.root AND lower(s.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a service already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		IF TG_TABLE_NAME = 'exposed_table' THEN
			IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND lower(e.name) = lower(NEW.name)) THEN
				RAISE EXCEPTION 'there is a function "%" below root "%"', NEW.name, NEW.root USING ERRCODE = 'duplicate_object';
			END IF;
			RETURN NULL;
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t WHERE t.root = NEW.root AND lower(t.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION 'there is a table "%" below root "%"', NEW.name, NEW.root USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND lower(e.name) = lower(NEW.name) AND e.name <> NEW.name) THEN
			RAISE EXCEPTION 'there is a function of that name in another case: "%"', NEW.name USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND e.name = NEW.name AND e.function <> NEW.function
				AND (e.bound, e.table_name) IS DISTINCT FROM (NEW.bound, NEW.table_name)) THEN
			RAISE EXCEPTION 'functions called "%" are bound to another table, or to none', NEW.name USING ERRCODE = 'duplicate_object';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function e WHERE e.root = NEW.root AND e.name = NEW.name AND e.function <> NEW.function
				AND fox_wamp.input_names(e.function, e.bound) = fox_wamp.input_names(NEW.function, NEW.bound)) THEN
			RAISE EXCEPTION 'another function called "%" has arguments of the same names', NEW.name USING ERRCODE = 'duplicate_object',
				DETAIL = 'Callers could not say which of them they mean.';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t JOIN pg_attribute a ON a.attrelid = to_regclass(t.relation)
				WHERE t.root = NEW.root AND t.name = NEW.table_name AND a.attnum > 0 AND NOT a.attisdropped
					AND lower(a.attname) = lower(substr(NEW.name, length(t.name) + 2))) THEN
			RAISE EXCEPTION 'the table has a column "%"', substr(NEW.name, length(NEW.table_name) + 2) USING ERRCODE = 'duplicate_object';
		END IF;
		RETURN NULL;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_name_free() IS 'internal: refuses a name that means something else below the root';

CREATE FUNCTION fox_wamp.handler_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_handler_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.handler_before() IS 'internal: checks the function, writes its signature in full, and its owner';

CREATE FUNCTION fox_wamp.webhook_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_webhook_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.webhook_before() IS 'internal: checks URL and headers, and writes the owner';

CREATE FUNCTION fox_wamp.functions_dropped() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_dropped' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_dropped() IS 'internal: functions that are no more are neither exposed nor handlers any more';

CREATE FUNCTION fox_wamp.functions_altering() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_altering' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_altering() IS 'internal: which functions rows name before a statement that may rename them';

CREATE FUNCTION fox_wamp.functions_altered() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_functions_altered' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.functions_altered() IS 'internal: rows name functions by their new names, and handlers their owners';

CREATE FUNCTION fox_wamp.authority_before() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_authority_before' LANGUAGE C;
COMMENT ON FUNCTION fox_wamp.authority_before() IS 'internal: checks an authorizer or authenticator, and writes its signature in full';

-- Who may act as a role may let others do so.
CREATE FUNCTION fox_wamp.auth_role_checked() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF NEW.pg_role IS NULL THEN
			RETURN NEW;
		END IF;
		IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = NEW.pg_role) THEN
			RAISE EXCEPTION 'role "%" does not exist', NEW.pg_role USING ERRCODE = 'undefined_object';
		END IF;
		IF NOT pg_has_role(current_user, NEW.pg_role, 'MEMBER') THEN
			RAISE EXCEPTION 'must be a member of role "%" to let clients act as it', NEW.pg_role
				USING ERRCODE = 'insufficient_privilege';
		END IF;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.auth_role_checked() IS 'internal: only a member of a role lets clients act as it';

CREATE FUNCTION fox_wamp.jwt_key_checked() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		name text;
	BEGIN
		-- A constraint would show the key in its message.
		IF fox_wamp.jwk_fits(NEW.alg, NEW.jwk) IS NOT TRUE THEN
			RAISE EXCEPTION 'key "%" is no key for HS256 (32 bytes or more), RS256 (2048 bits or more), ES256 or EdDSA', NEW.kid
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
		IF NEW.roles IS NULL AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
			RAISE EXCEPTION 'only a superuser lets the tokens of a key name any role' USING ERRCODE = 'insufficient_privilege';
		END IF;
		FOREACH name IN ARRAY coalesce(NEW.roles, '{}') LOOP
			IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
				RAISE EXCEPTION 'must be a member of role "%" to let clients act as it', name
					USING ERRCODE = 'insufficient_privilege';
			END IF;
		END LOOP;
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.jwt_key_checked() IS 'internal: the key must be one, and only a member of a role lets clients act as it';

CREATE TRIGGER retained_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_before();
CREATE TRIGGER retained_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.retained
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.retained_changed();
CREATE TRIGGER retained_truncated AFTER TRUNCATE ON fox_wamp.retained
	FOR EACH STATEMENT EXECUTE FUNCTION fox_wamp.retained_changed();
-- By its name it comes before those of the foreign keys: a realm's new name is known before its rows have it.
CREATE TRIGGER "0_realm_changed" AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.realm
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER bridge_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.bridge
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER history_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.history
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER trust_level_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.trust_level
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_auto_subscription_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_auto_subscription
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_bridge_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_bridge
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER mqtt_bridge_topic_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.mqtt_bridge_topic
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER root_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.root
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_function_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_function_before();
CREATE TRIGGER exposed_function_free AFTER INSERT OR UPDATE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_name_free();
CREATE TRIGGER exposed_table_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_table_before();
CREATE TRIGGER exposed_table_free AFTER INSERT OR UPDATE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_name_free();
CREATE TRIGGER exposed_table_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_table
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_function_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_function
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER handler_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.handler
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.handler_before();
CREATE TRIGGER handler_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.handler
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER webhook_before BEFORE INSERT OR UPDATE OR DELETE ON fox_wamp.webhook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.webhook_before();
CREATE TRIGGER webhook_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.webhook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER callback_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.callback_registry
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER auth_method_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.auth_method
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER auth_role_checked BEFORE INSERT OR UPDATE OF pg_role ON fox_wamp.auth_group
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.auth_role_checked();
CREATE TRIGGER auth_role_checked BEFORE INSERT OR UPDATE OF pg_role ON fox_wamp.auth_key
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.auth_role_checked();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.auth_method
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.permission
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER authority_before BEFORE INSERT OR UPDATE ON fox_wamp.publish_hook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.authority_before();
CREATE TRIGGER publish_hook_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.publish_hook
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
COMMENT ON TRIGGER authority_before ON fox_wamp.publish_hook IS 'checks the function and writes its signature in full';
COMMENT ON TRIGGER authority_before ON fox_wamp.auth_method IS 'checks the authenticator''s function and writes its signature in full';
COMMENT ON TRIGGER authority_before ON fox_wamp.permission IS 'checks the authorizer''s function and writes its signature in full';
CREATE TRIGGER permission_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.permission
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER jwt_key_checked BEFORE INSERT OR UPDATE ON fox_wamp.jwt_key
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.jwt_key_checked();
COMMENT ON TRIGGER jwt_key_checked ON fox_wamp.jwt_key IS 'the key must be one, and only a member of a role lets clients act as it';
COMMENT ON TRIGGER retained_before ON fox_wamp.retained IS 'checks the topic, draws the publication, drops the owner';
COMMENT ON TRIGGER retained_changed ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER retained_truncated ON fox_wamp.retained IS 'hands the change to the router';
COMMENT ON TRIGGER "0_realm_changed" ON fox_wamp.realm IS 'hands the change to the router';
COMMENT ON TRIGGER bridge_changed ON fox_wamp.bridge IS 'hands the change to the router';
COMMENT ON TRIGGER history_changed ON fox_wamp.history IS 'hands the change to the router';
COMMENT ON TRIGGER trust_level_changed ON fox_wamp.trust_level IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_auto_subscription_changed ON fox_wamp.mqtt_auto_subscription IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_bridge_changed ON fox_wamp.mqtt_bridge IS 'hands the change to the router';
COMMENT ON TRIGGER mqtt_bridge_topic_changed ON fox_wamp.mqtt_bridge_topic IS 'hands the change to the router';
COMMENT ON TRIGGER root_changed ON fox_wamp.root IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_function_before ON fox_wamp.exposed_function IS 'checks the function and writes its signature in full';
COMMENT ON TRIGGER exposed_function_changed ON fox_wamp.exposed_function IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_function_free ON fox_wamp.exposed_function IS 'refuses a name that means something else';
COMMENT ON TRIGGER exposed_table_before ON fox_wamp.exposed_table IS 'checks the table and writes its name in full';
COMMENT ON TRIGGER exposed_table_free ON fox_wamp.exposed_table IS 'refuses a name that means something else';
COMMENT ON TRIGGER exposed_table_changed ON fox_wamp.exposed_table IS 'hands the change to the router';
COMMENT ON TRIGGER handler_before ON fox_wamp.handler IS 'checks the function, writes its signature in full, and its owner';
COMMENT ON TRIGGER handler_changed ON fox_wamp.handler IS 'hands the change to the router';
COMMENT ON TRIGGER webhook_before ON fox_wamp.webhook IS 'checks URL and headers, and writes the owner';
COMMENT ON TRIGGER webhook_changed ON fox_wamp.webhook IS 'hands the change to the router';
COMMENT ON TRIGGER callback_changed ON fox_wamp.callback_registry IS 'hands the change to the router';
COMMENT ON TRIGGER auth_method_changed ON fox_wamp.auth_method IS 'hands the change to the router';
COMMENT ON TRIGGER auth_role_checked ON fox_wamp.auth_group IS 'only a member of a role lets clients act as it';
COMMENT ON TRIGGER auth_role_checked ON fox_wamp.auth_key IS 'only a member of a role lets clients act as it';
COMMENT ON TRIGGER permission_changed ON fox_wamp.permission IS 'hands the change to the router';
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_before;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_changed;
ALTER TABLE fox_wamp.retained ENABLE ALWAYS TRIGGER retained_truncated;
ALTER TABLE fox_wamp.realm ENABLE ALWAYS TRIGGER "0_realm_changed";
ALTER TABLE fox_wamp.bridge ENABLE ALWAYS TRIGGER bridge_changed;
ALTER TABLE fox_wamp.history ENABLE ALWAYS TRIGGER history_changed;
ALTER TABLE fox_wamp.trust_level ENABLE ALWAYS TRIGGER trust_level_changed;
ALTER TABLE fox_wamp.mqtt_auto_subscription ENABLE ALWAYS TRIGGER mqtt_auto_subscription_changed;
ALTER TABLE fox_wamp.mqtt_bridge ENABLE ALWAYS TRIGGER mqtt_bridge_changed;
ALTER TABLE fox_wamp.mqtt_bridge_topic ENABLE ALWAYS TRIGGER mqtt_bridge_topic_changed;
ALTER TABLE fox_wamp.root ENABLE ALWAYS TRIGGER root_changed;
ALTER TABLE fox_wamp.exposed_function ENABLE ALWAYS TRIGGER exposed_function_before;
ALTER TABLE fox_wamp.exposed_function ENABLE ALWAYS TRIGGER exposed_function_changed;
ALTER TABLE fox_wamp.exposed_table ENABLE ALWAYS TRIGGER exposed_table_before;
ALTER TABLE fox_wamp.exposed_table ENABLE ALWAYS TRIGGER exposed_table_changed;
ALTER TABLE fox_wamp.handler ENABLE ALWAYS TRIGGER handler_before;
ALTER TABLE fox_wamp.handler ENABLE ALWAYS TRIGGER handler_changed;
ALTER TABLE fox_wamp.publish_hook ENABLE ALWAYS TRIGGER publish_hook_changed;
ALTER TABLE fox_wamp.webhook ENABLE ALWAYS TRIGGER webhook_before;
ALTER TABLE fox_wamp.webhook ENABLE ALWAYS TRIGGER webhook_changed;
ALTER TABLE fox_wamp.callback_registry ENABLE ALWAYS TRIGGER callback_changed;
ALTER TABLE fox_wamp.auth_method ENABLE ALWAYS TRIGGER auth_method_changed;
ALTER TABLE fox_wamp.permission ENABLE ALWAYS TRIGGER permission_changed;

CREATE EVENT TRIGGER fox_wamp_functions_dropped ON sql_drop EXECUTE FUNCTION fox_wamp.functions_dropped();
CREATE EVENT TRIGGER fox_wamp_functions_altering ON ddl_command_start
	WHEN TAG IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.functions_altering();
CREATE EVENT TRIGGER fox_wamp_functions_altered ON ddl_command_end
	WHEN TAG IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.functions_altered();
CREATE EVENT TRIGGER fox_wamp_decisions_outdated ON ddl_command_end
	WHEN TAG IN ('CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'DROP FUNCTION', 'DROP ROUTINE', 'GRANT', 'REVOKE',
		'CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'ALTER TABLE')
	EXECUTE FUNCTION fox_wamp.decisions_outdated();
COMMENT ON EVENT TRIGGER fox_wamp_decisions_outdated IS 'fox_wamp: authorizers are asked again after a statement that may change what they say';
COMMENT ON EVENT TRIGGER fox_wamp_functions_dropped IS 'fox_wamp: functions that are no more are neither exposed nor handlers any more';
COMMENT ON EVENT TRIGGER fox_wamp_functions_altering IS 'fox_wamp: which functions rows name before a statement that may rename them';
COMMENT ON EVENT TRIGGER fox_wamp_functions_altered IS 'fox_wamp: rows name functions by their new names, and handlers their owners';
ALTER EVENT TRIGGER fox_wamp_decisions_outdated ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_dropped ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_altering ENABLE ALWAYS;
ALTER EVENT TRIGGER fox_wamp_functions_altered ENABLE ALWAYS;
