-- Services: schemas whose functions are methods.

CREATE FUNCTION fox_wamp.routine_problem(function oid) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_routine_problem' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION fox_wamp.routine_problem(oid) IS 'internal: why clients can not call a function; null if they can';

-- Of functions that callers could not tell apart the oldest is the method, and of names that differ by case the oldest is its name.
-- Nobody takes a trigger's function or a hook for a method.
CREATE FUNCTION fox_wamp.service_functions(schema text, OUT function oid, OUT name text, OUT problem text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT f.oid, f.name, CASE
			WHEN f.unfit IS NOT NULL THEN f.unfit
			WHEN f.name <> f.first_name THEN format('There is an older one called %I, whose name differs by case only.', f.first_name)
			WHEN f.oid <> f.first THEN format('There is an older one whose arguments have the same names: %s.', f.first::regprocedure)
		END
		FROM (
			SELECT p.*, first_value(p.name) OVER (PARTITION BY p.unfit IS NULL, lower(p.name) ORDER BY p.oid) AS first_name,
				first_value(p.oid) OVER (PARTITION BY p.unfit IS NULL, p.name, p.arguments ORDER BY p.oid) AS first
			FROM (
				SELECT p.oid, p.proname AS name, fox_wamp.input_names(p.oid::regprocedure::text, NULL) AS arguments,
					CASE WHEN p.proname ~ '^[^[:space:]./?%&=+#*"]+$' THEN fox_wamp.routine_problem(p.oid) ELSE 'No client could call it by that name.' END AS unfit
				FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
				WHERE n.nspname = $1 AND p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
					AND lower(p.proname) NOT IN ('on_free', 'callback_released', '_contract_', '_signature_', '_instance_', '_free_')) p) f
	$$;
COMMENT ON FUNCTION fox_wamp.service_functions(text) IS 'internal: functions of a schema as those of a service, and what keeps them from being methods';

CREATE FUNCTION fox_wamp.service_methods(schema text, OUT function oid, OUT name text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT f.function, f.name FROM fox_wamp.service_functions($1) f WHERE f.problem IS NULL
	$$;
COMMENT ON FUNCTION fox_wamp.service_methods(text) IS 'internal: functions of a schema that are methods if it is a service';

-- Of all functions of the schema, or of those.
CREATE FUNCTION fox_wamp.tell_of_no_methods(schema text, functions oid[] DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		f record;
	BEGIN
		FOR f IN SELECT s.function, s.problem FROM fox_wamp.service_functions($1) s WHERE s.problem IS NOT NULL AND ($2 IS NULL OR s.function = ANY ($2))
				ORDER BY s.name, s.function
		LOOP
			RAISE NOTICE '% can not be a method of the service', f.function::regprocedure USING DETAIL = f.problem;
		END LOOP;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.tell_of_no_methods(text, oid[]) IS 'internal: which functions of a service are none of its methods, and why';

-- In the words of mORMot, where such contracts come from.
CREATE FUNCTION fox_wamp.signature_of(schema text, lifetime text) RETURNS json
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT json_build_object('contract', $1, 'implementation', $2, 'methods', coalesce((
			SELECT json_agg(json_build_object('method', m.name, 'arguments', coalesce((
					SELECT json_agg(json_build_object('argument', a.name, 'direction', a.direction, 'type', a.type) ORDER BY a.i)
					FROM (
						SELECT i, coalesce(nullif(p.proargnames[i], ''), '$' || i) AS name,
							CASE coalesce(p.proargmodes[i], 'i') WHEN 'b' THEN 'both' WHEN 'o' THEN 'out' WHEN 't' THEN 'out' ELSE 'in' END AS direction,
							format_type(t, NULL) AS type
						FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY u (t, i)
						UNION ALL
						SELECT 32767, 'Result', 'result', CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || format_type(p.prorettype, NULL)
						WHERE p.proretset OR (p.prorettype <> 'void'::regtype AND NOT coalesce(p.proargmodes && '{b,o}', false))
					) a), '[]')) ORDER BY m.name, pg_get_function_identity_arguments(p.oid))
			FROM fox_wamp.service_methods($1) m JOIN pg_proc p ON p.oid = m.function), '[]'))
	$$;
COMMENT ON FUNCTION fox_wamp.signature_of(text, text) IS 'internal: the methods of a schema with their arguments, always in the same words';

CREATE FUNCTION fox_wamp.hash_of(signature json) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT
	RETURN pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(signature::text, 'UTF8')), 'hex');
COMMENT ON FUNCTION fox_wamp.hash_of(json) IS 'internal: what a signature is known by';

CREATE FUNCTION fox_wamp.signature(schema regnamespace) RETURNS json
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.signature_of(n.nspname, coalesce((SELECT max(s.lifetime) FROM fox_wamp.exposed_service s WHERE s.schema = n.nspname), 'shared'))
		FROM pg_namespace n WHERE n.oid = $1
	$$;
COMMENT ON FUNCTION fox_wamp.signature(regnamespace) IS 'contract of a schema as a service, in full: its methods with their arguments';

CREATE FUNCTION fox_wamp.contract(schema regnamespace) RETURNS text
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN fox_wamp.hash_of(fox_wamp.signature(schema));
COMMENT ON FUNCTION fox_wamp.contract(regnamespace) IS 'contract of a schema as a service: the SHA-256 of its signature';

CREATE FUNCTION fox_wamp.exposed_service_before() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		lifetimes CONSTANT text := 'single, shared, client_driven, per_session, per_user, per_group';
		other text;
	BEGIN
		NEW.schema_oid := to_regnamespace(quote_ident(NEW.schema))::oid;
		IF NEW.schema_oid IS NULL THEN
			RAISE EXCEPTION 'schema "%" does not exist', NEW.schema USING ERRCODE = 'invalid_schema_name';
		ELSIF NEW.schema IN ('pg_catalog', 'information_schema', 'fox_wamp') OR NEW.schema LIKE 'pg\_%' THEN
			RAISE EXCEPTION 'schema "%" can not be a service', NEW.schema USING ERRCODE = 'WF003';
		ELSIF NEW.realm = '' THEN
			RAISE EXCEPTION 'root "%" does not exist', NEW.root
				USING ERRCODE = 'WF003', HINT = format('SELECT fox_wamp.expose_root(%L);', NEW.root);
		ELSIF NEW.lifetime = 'per_thread' THEN
			RAISE EXCEPTION 'a service can not have the lifetime per_thread'
				USING ERRCODE = 'WF003', DETAIL = 'Calls run in whichever process is free, and no caller has one of its own.',
					HINT = 'Lifetimes are ' || lifetimes || '.';
		ELSIF NOT NEW.lifetime = ANY (string_to_array(lifetimes, ', ')) THEN
			RAISE EXCEPTION 'there is no lifetime "%"', NEW.lifetime USING ERRCODE = 'WF003', HINT = 'Lifetimes are ' || lifetimes || '.';
		END IF;
		SELECT s.root || '.' || s.name || ': ' || s.lifetime INTO other FROM fox_wamp.exposed_service s
			WHERE s.schema = NEW.schema AND s.lifetime <> NEW.lifetime AND (s.root, s.name) <> (NEW.root, NEW.name)
				AND (TG_OP = 'INSERT' OR (s.root, s.name) <> (OLD.root, OLD.name)) LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'schema "%" has another lifetime already', NEW.schema USING ERRCODE = 'WF003', DETAIL = other;
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_function f WHERE f.root = NEW.root AND lower(f.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a function already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		IF EXISTS (SELECT FROM fox_wamp.exposed_table t WHERE t.root = NEW.root AND lower(t.name) = lower(NEW.name)) THEN
			RAISE EXCEPTION '"%.%" is a table already', NEW.root, NEW.name USING ERRCODE = 'unique_violation';
		END IF;
		NEW.hash := fox_wamp.hash_of(fox_wamp.signature_of(NEW.schema, NEW.lifetime));
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_service_before() IS 'internal: checks a service and writes the hash of its signature';

CREATE FUNCTION fox_wamp.service_rows(OUT realm text, OUT root text, OUT name text, OUT function text, OUT methods text[],
									  OUT anonymous boolean, OUT result_as text, OUT service text) RETURNS SETOF record
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT s.realm, s.root, s.name || '.' || m.name, (pg_identify_object('pg_proc'::regclass, m.function, 0)).identity, m.methods,
			s.anonymous, s.result_as, s.name
		FROM fox_wamp.exposed_service s, LATERAL (
			SELECT x.name, x.function, NULL::text[] AS methods FROM fox_wamp.service_methods(s.schema) x
			UNION ALL VALUES ('_contract_', 'fox_wamp.service_contract()'::regprocedure::oid, NULL::text[]),
				('_signature_', 'fox_wamp.service_signature()'::regprocedure::oid, NULL),
				('_instance_', 'fox_wamp.new_instance()'::regprocedure::oid, '{POST}'),
				('_free_', 'fox_wamp.free_instance()'::regprocedure::oid, '{POST}')) m
	$$;
COMMENT ON FUNCTION fox_wamp.service_rows() IS 'internal: what exposed_function has to have for the services that there are';

-- It changes nothing where all is as it should be: so what it changes may call it.
CREATE FUNCTION fox_wamp.services_follow() RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF NOT EXISTS (SELECT FROM fox_wamp.exposed_service) THEN
			RETURN;
		END IF;
		UPDATE fox_wamp.exposed_service s SET schema = n.nspname FROM pg_namespace n
			WHERE n.oid = s.schema_oid AND to_regnamespace(quote_ident(s.schema)) IS NULL;
		DELETE FROM fox_wamp.exposed_service s WHERE to_regnamespace(quote_ident(s.schema)) IS NULL;
		DELETE FROM fox_wamp.exposed_function e WHERE e.service IS NOT NULL AND NOT EXISTS (
			SELECT FROM fox_wamp.service_rows() w WHERE (w.root, w.name, w.function) = (e.root, e.name, e.function));
		UPDATE fox_wamp.exposed_function e SET anonymous = w.anonymous, result_as = w.result_as FROM fox_wamp.service_rows() w
			WHERE (w.root, w.name, w.service, w.function) = (e.root, e.name, e.service, e.function) AND (w.anonymous, w.result_as) <> (e.anonymous, e.result_as);
		INSERT INTO fox_wamp.exposed_function (realm, root, name, function, methods, anonymous, result_as, service)
			SELECT * FROM fox_wamp.service_rows() w WHERE NOT EXISTS (
				SELECT FROM fox_wamp.exposed_function e WHERE (e.root, e.name, e.function) = (w.root, w.name, w.function));
		UPDATE fox_wamp.exposed_service s SET hash = '' WHERE s.hash <> fox_wamp.hash_of(fox_wamp.signature_of(s.schema, s.lifetime));
	END
	$$;
COMMENT ON FUNCTION fox_wamp.services_follow() IS 'internal: methods are what the schemas of services have';

CREATE FUNCTION fox_wamp.exposed_service_after() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		PERFORM fox_wamp.services_follow();
		IF TG_OP = 'INSERT' THEN
			PERFORM fox_wamp.tell_of_no_methods(NEW.schema);
		END IF;
		RETURN NULL;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.exposed_service_after() IS 'internal: a service has its methods at once';

CREATE FUNCTION fox_wamp.instances_follow() RETURNS trigger
	AS 'MODULE_PATHNAME', 'fox_wamp_instances_follow' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.instances_follow() IS 'internal: ends the instances of a service, or gives them its new name';

CREATE FUNCTION fox_wamp.schemas_altered() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		service text;
	BEGIN
		IF TG_EVENT = 'sql_drop' THEN
			FOR service IN
				SELECT s.root || '.' || s.name FROM fox_wamp.exposed_service s
					JOIN pg_event_trigger_dropped_objects() d ON d.object_identity = format('%I.on_free(pg_catalog.jsonb)', s.schema)
				WHERE to_regnamespace(quote_ident(s.schema)) IS NULL
					AND EXISTS (SELECT FROM fox_wamp.service_instance i WHERE (i.root, i.service) = (s.root, s.name))
			LOOP
				RAISE WARNING 'instances of service "%" end without on_free(), which has been dropped with its schema', service
					USING HINT = 'It runs if unexpose() comes first.';
			END LOOP;
		ELSE
			PERFORM fox_wamp.tell_of_no_methods(s.schema, (SELECT coalesce(array_agg(c.objid), '{}') FROM pg_event_trigger_ddl_commands() c
					WHERE c.classid = 'pg_proc'::regclass))
				FROM (SELECT DISTINCT e.schema FROM fox_wamp.exposed_service e) s;
		END IF;
		PERFORM fox_wamp.services_follow();
	END
	$$;
COMMENT ON FUNCTION fox_wamp.schemas_altered() IS 'internal: services after a statement that may have changed their methods, and what is to be said of it';

-- By their names they come after those that follow single functions.
CREATE EVENT TRIGGER fox_wamp_schemas_altered ON ddl_command_end
	WHEN TAG IN ('CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION', 'ALTER TYPE', 'ALTER DOMAIN',
		'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION fox_wamp.schemas_altered();
CREATE EVENT TRIGGER fox_wamp_schemas_dropped ON sql_drop EXECUTE FUNCTION fox_wamp.schemas_altered();
COMMENT ON EVENT TRIGGER fox_wamp_schemas_altered IS 'fox_wamp: services have the methods that their schemas have';
COMMENT ON EVENT TRIGGER fox_wamp_schemas_dropped IS 'fox_wamp: services have the methods that their schemas have';

CREATE TRIGGER exposed_service_before BEFORE INSERT OR UPDATE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_service_before();
CREATE TRIGGER exposed_service_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
CREATE TRIGGER exposed_service_methods AFTER INSERT OR UPDATE ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.exposed_service_after();
CREATE TRIGGER exposed_service_instances BEFORE DELETE OR UPDATE OF root, name, lifetime ON fox_wamp.exposed_service
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.instances_follow();
COMMENT ON TRIGGER exposed_service_before ON fox_wamp.exposed_service IS 'checks the service and writes the hash of its signature';
COMMENT ON TRIGGER exposed_service_changed ON fox_wamp.exposed_service IS 'hands the change to the router';
COMMENT ON TRIGGER exposed_service_methods ON fox_wamp.exposed_service IS 'the functions of the schema are exposed';
COMMENT ON TRIGGER exposed_service_instances ON fox_wamp.exposed_service IS 'instances follow their service, and on_free() runs for them when it ends, or gets another lifetime';
ALTER TABLE fox_wamp.exposed_service ENABLE ALWAYS TRIGGER exposed_service_before;
ALTER TABLE fox_wamp.exposed_service ENABLE ALWAYS TRIGGER exposed_service_changed;

CREATE FUNCTION fox_wamp.expose_service(schema regnamespace, name text DEFAULT NULL, root text DEFAULT 'root', lifetime text DEFAULT 'shared',
										contract text DEFAULT NULL, publish_signature boolean DEFAULT false, anonymous boolean DEFAULT false,
										result_as text DEFAULT 'array', audit boolean DEFAULT false) RETURNS text
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.exposed_service (realm, root, name, schema, lifetime, contract, publish_signature, anonymous, result_as, audit, hash, schema_oid)
		VALUES (coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3,
				coalesce($2, (SELECT n.nspname FROM pg_namespace n WHERE n.oid = $1)), (SELECT n.nspname FROM pg_namespace n WHERE n.oid = $1),
				$4, $5, $6, $7, $8, $9, '', 0)
		RETURNING exposed_service.root || '.' || exposed_service.name
	$$;
COMMENT ON FUNCTION fox_wamp.expose_service(regnamespace, text, text, text, text, boolean, boolean, text, boolean)
	IS 'makes all functions of a schema, as they come and go, methods of a service; returns what stands in front of the names of its procedures';

CREATE FUNCTION fox_wamp.instance_state() RETURNS jsonb
	AS 'MODULE_PATHNAME', 'fox_wamp_instance_state' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.instance_state() IS 'in a method of a service: the state of its instance, which is locked until the call ends; null if none was set';

CREATE FUNCTION fox_wamp.set_instance_state(state jsonb) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_set_instance_state' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.set_instance_state(jsonb) IS 'in a method of a service: what instance_state() is from now on';

CREATE FUNCTION fox_wamp.new_instance() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_new_instance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.new_instance() IS 'for root.service._instance_: makes an instance that the caller names by what is returned';

CREATE FUNCTION fox_wamp.free_instance() RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_free_instance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.free_instance() IS 'for root.service._free_: ends an instance of the caller''s';

-- The service is the one that is called: nobody asks for another's.
CREATE FUNCTION fox_wamp.service_contract() RETURNS text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(s.contract, s.hash) FROM fox_wamp.exposed_service s, split_part(fox_wamp.called_procedure(), '.', 1) r, split_part(fox_wamp.called_procedure(), '.', 2) n
		WHERE (s.root, s.name) = (r, n)
	$$;
COMMENT ON FUNCTION fox_wamp.service_contract() IS 'for root.service._contract_: the version of the service, or the hash of its signature';

CREATE FUNCTION fox_wamp.service_signature() RETURNS json
	LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		s fox_wamp.exposed_service;
	BEGIN
		SELECT e.* INTO s FROM fox_wamp.exposed_service e, split_part(fox_wamp.called_procedure(), '.', 1) r, split_part(fox_wamp.called_procedure(), '.', 2) n
			WHERE (e.root, e.name) = (r, n);
		IF NOT coalesce(s.publish_signature, false) THEN
			PERFORM fox_wamp.error('the signature of the service is not published', 404);
		END IF;
		RETURN fox_wamp.signature_of(s.schema, s.lifetime);
	END
	$$;
COMMENT ON FUNCTION fox_wamp.service_signature() IS 'for root.service._signature_: what the methods are, if the service publishes that';
