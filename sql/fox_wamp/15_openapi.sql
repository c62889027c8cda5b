-- What there is below a root, as OpenAPI has it.

CREATE DOMAIN fox_wamp."application/json" AS json;
COMMENT ON DOMAIN fox_wamp."application/json" IS 'a result that HTTP sends as it is';

CREATE FUNCTION fox_wamp.openapi_type(type oid) RETURNS json
	LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
	AS $$
	DECLARE
		t pg_catalog.pg_type;
	BEGIN
		SELECT * INTO t FROM pg_catalog.pg_type WHERE oid = $1;
		RETURN CASE
			WHEN t.typtype = 'd' THEN fox_wamp.openapi_type(t.typbasetype)
			WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN json_build_object('type', 'array', 'items', fox_wamp.openapi_type(t.typelem))
			WHEN t.oid IN ('int2'::regtype, 'int4'::regtype) THEN '{"type":"integer","format":"int32"}'
			WHEN t.oid = 'int8'::regtype THEN '{"type":"integer","format":"int64"}'
			WHEN t.oid IN ('float4'::regtype, 'float8'::regtype, 'numeric'::regtype) THEN '{"type":"number"}'
			WHEN t.oid = 'bool'::regtype THEN '{"type":"boolean"}'
			WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype, 'record'::regtype) THEN '{}'
			WHEN t.oid = 'uuid'::regtype THEN '{"type":"string","format":"uuid"}'
			WHEN t.oid = 'date'::regtype THEN '{"type":"string","format":"date"}'
			WHEN t.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN '{"type":"string","format":"date-time"}'
			WHEN t.typtype = 'e' THEN (SELECT json_build_object('type', 'string', 'enum', json_agg(enumlabel ORDER BY enumsortorder))
				FROM pg_catalog.pg_enum WHERE enumtypid = t.oid)
			WHEN t.typtype = 'c' THEN (SELECT json_build_object('type', 'object', 'properties',
					coalesce(json_object_agg(attname, fox_wamp.openapi_type(atttypid) ORDER BY attnum), '{}'))
				FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)
			ELSE '{"type":"string"}'
		END;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_type(oid) IS 'internal: a type as JSON Schema';

CREATE FUNCTION fox_wamp.openapi_function(function oid, style text, result_as text, of_row boolean) RETURNS json
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH f AS (
			SELECT p.*, coalesce(p.proallargtypes, p.proargtypes::oid[]) AS types, obj_description(p.oid, 'pg_proc') AS comment
			FROM pg_proc p WHERE p.oid = $1
		), a AS (
			SELECT nullif(f.proargnames[i], '') AS name, type, coalesce(f.proargmodes[i], 'i') AS mode, i
			FROM f, unnest(f.types) WITH ORDINALITY u (type, i)
		), put AS (
			SELECT name, fox_wamp.openapi_type(type) AS schema, i,
				row_number() OVER (ORDER BY i) <= f.pronargs - f.pronargdefaults AND mode <> 'v' AS required
			FROM a, f WHERE mode IN ('i', 'b', 'v') AND ($4 IS NOT TRUE OR i > 1)
		), got AS (
			SELECT count(*) AS n, CASE WHEN $3 = 'array' THEN '{"type":"array"}'
				ELSE json_build_object('type', 'object', 'properties', json_object_agg(coalesce(name, 'column' || i), fox_wamp.openapi_type(type) ORDER BY i)) END AS row
			FROM a WHERE mode IN ('o', 'b', 't')
		), value AS (
			SELECT CASE WHEN f.proretset THEN json_build_object('type', 'array', 'items', one.schema) ELSE one.schema END AS schema
			FROM f, LATERAL (SELECT CASE WHEN (SELECT n FROM got) > 1 OR f.prorettype = 'record'::regtype
				THEN (SELECT row FROM got) ELSE fox_wamp.openapi_type(f.prorettype) END AS schema) one
		), outs AS (
			SELECT coalesce(nullif(name, ''), 'Result') AS name, fox_wamp.openapi_type(type) AS schema, i FROM a, f WHERE mode IN ('o', 'b') AND NOT f.proretset
			UNION ALL
			SELECT 'Result', value.schema, 0 FROM value, f WHERE f.proretset OR (f.prorettype <> 'void'::regtype AND NOT coalesce(f.proargmodes && '{o,b}', false))
		), answer AS (
			SELECT CASE $3
				WHEN 'values' THEN (SELECT json_build_object('type', 'array', 'prefixItems', coalesce(json_agg(schema ORDER BY i), '[]')) FROM outs)
				WHEN 'names' THEN (SELECT json_build_object('type', 'object', 'properties', coalesce(json_object_agg(name, schema ORDER BY i), '{}')) FROM outs)
				ELSE value.schema END AS schema
			FROM value
		), result AS (
			SELECT CASE
				WHEN f.prorettype = 'void'::regtype AND $3 NOT IN ('values', 'names') THEN json_build_object('description', 'done')
				WHEN f.prorettype = 'fox_wamp.http_response'::regtype THEN json_build_object('description', 'a reply of the function''s own', 'content', '{"*/*":{}}'::json)
				WHEN t.typtype = 'd' AND t.typname LIKE '%_/_%' AND NOT f.proretset
					THEN json_build_object('description', 'the result', 'content', json_build_object(t.typname, '{}'::json))
				ELSE json_build_object('description', 'the result', 'content', json_build_object('application/json', json_build_object('schema',
					CASE $2 WHEN 'plain' THEN answer.schema ELSE json_build_object('type', 'object', 'properties', json_build_object('Result', answer.schema)) END)))
			END AS reply
			FROM f JOIN pg_type t ON t.oid = f.prorettype, answer
		)
		SELECT json_strip_nulls(json_build_object(
			'summary', split_part(f.comment, E'\n', 1),
			'description', nullif(substr(f.comment, strpos(f.comment || E'\n', E'\n') + 1), ''),
			'parameters', (SELECT coalesce(json_agg(json_build_object('name', name, 'in', 'query', 'required', required, 'schema', schema) ORDER BY i), '[]')
				FROM put WHERE name IS NOT NULL),
			'body', (SELECT json_build_object('content', json_build_object('application/json', json_build_object('schema', json_build_object('type', 'object',
					'properties', json_object_agg(name, schema ORDER BY i), 'required', coalesce(json_agg(name ORDER BY i) FILTER (WHERE required), '[]')))))
				FROM put WHERE name IS NOT NULL HAVING count(*) > 0),
			'responses', json_build_object(CASE WHEN $2 = 'plain' AND f.prorettype = 'void'::regtype AND $3 NOT IN ('values', 'names') THEN '204' ELSE '200' END, result.reply,
				'default', '{"description":"an error"}'::json)))
		FROM f, result;
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_function(oid, text, text, boolean) IS 'internal: what the operations of a function have in common, with its parameters both in the query and in the body';

CREATE FUNCTION fox_wamp.openapi_any(schemas json[]) RETURNS json
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT CASE count(*) WHEN 0 THEN NULL WHEN 1 THEN min(s)::json ELSE json_build_object('anyOf', json_agg(s::json ORDER BY i)) END
		FROM (SELECT s::text AS s, min(i) AS i FROM unnest($1) WITH ORDINALITY u (s, i) WHERE s IS NOT NULL GROUP BY s::text) different
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_any(json[]) IS 'internal: the schema of what is of one of these';

-- A parameter is required if all require it.
CREATE FUNCTION fox_wamp.openapi_overloads(functions json[]) RETURNS json
	LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH f AS (
			SELECT f, i FROM unnest($1) WITH ORDINALITY u (f, i)
		), parameter AS (
			SELECT p ->> 'name' AS name, fox_wamp.openapi_any(array_agg(p -> 'schema' ORDER BY f.i)) AS schema,
				bool_and((p ->> 'required')::boolean) AND count(*) = array_length($1, 1) AS required, min(f.i * 1000 + k) AS place
			FROM f, json_array_elements(f.f -> 'parameters') WITH ORDINALITY a (p, k) GROUP BY 1
		), content AS (
			SELECT status, type, fox_wamp.openapi_any(array_agg(media -> 'schema' ORDER BY f.i)) AS schema
			FROM f, json_each(f.f -> 'responses') r (status, reply), json_each(reply -> 'content') c (type, media) GROUP BY 1, 2
		), response AS (
			SELECT status, json_strip_nulls(json_build_object('description', min(reply ->> 'description'), 'content',
				(SELECT json_object_agg(c.type, json_build_object('schema', c.schema)) FROM content c WHERE c.status = r.status))) AS reply
			FROM f, json_each(f.f -> 'responses') r (status, reply) GROUP BY 1
		)
		SELECT CASE WHEN array_length($1, 1) = 1 THEN $1[1] ELSE json_strip_nulls(json_build_object(
			'summary', (SELECT f.f -> 'summary' FROM f WHERE f.f -> 'summary' IS NOT NULL ORDER BY f.i LIMIT 1),
			'description', (SELECT string_agg(concat_ws(E'\n', f.f ->> 'summary', f.f ->> 'description'), E'\n\n' ORDER BY f.i) FROM f WHERE f.f -> 'summary' IS NOT NULL),
			'parameters', (SELECT coalesce(json_agg(json_build_object('name', name, 'in', 'query', 'required', required, 'schema', schema) ORDER BY place), '[]') FROM parameter),
			'body', (SELECT json_build_object('content', json_build_object('application/json', json_build_object('schema',
					fox_wamp.openapi_any(array_agg(f.f #> '{body,content,application/json,schema}' ORDER BY f.i)))))
				FROM f WHERE f.f -> 'body' IS NOT NULL HAVING count(*) > 0),
			'responses', (SELECT json_object_agg(status, reply ORDER BY status) FROM response))) END
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_overloads(json[]) IS 'internal: what openapi_function() says of functions of one name, in one';

-- A path may be of a function, of rows, or of a row, and has an operation for each method that the role may use.
CREATE FUNCTION fox_wamp.openapi_table(entry fox_wamp.exposed_table, style text, role name) RETURNS TABLE (path text, operations json)
	LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH t AS (
			SELECT c.oid, fox_wamp.openapi_type(c.reltype) AS schema, obj_description(c.oid, 'pg_class') AS comment,
				EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary) AS keyed
			FROM pg_class c WHERE c.oid = to_regclass($1.relation) AND has_schema_privilege($3, c.relnamespace, 'USAGE')
		), way (of_row, method, privilege, status) AS (VALUES
			(false, 'GET', 'SELECT', '200'), (false, 'POST', 'INSERT', '201'), (true, 'GET', 'SELECT', '200'),
			(true, 'PUT', 'UPDATE', '200'), (true, 'PATCH', 'UPDATE', '200'), (true, 'DELETE', 'DELETE', '200')
		), operation AS (
			SELECT w.of_row, w.method, json_strip_nulls(json_build_object(
				'operationId', lower(w.method) || CASE WHEN w.of_row THEN '_row_' ELSE '_' END || $1.name,
				'summary', split_part(t.comment, E'\n', 1),
				'parameters', CASE WHEN w.of_row THEN '[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]'::json
					WHEN w.method = 'GET' THEN (SELECT json_agg(json_build_object('name', a.name, 'in', 'query', 'required', false, 'schema', a.schema))
						FROM (SELECT attname::text AS name, fox_wamp.openapi_type(atttypid) AS schema FROM pg_attribute
								WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped
							UNION ALL VALUES ('order', '{"type":"string"}'::json), ('limit', '{"type":"integer"}'), ('offset', '{"type":"integer"}')) a) END,
				'requestBody', CASE WHEN w.method IN ('POST', 'PUT', 'PATCH')
					THEN json_build_object('content', json_build_object('application/json', json_build_object('schema', t.schema))) END,
				'responses', json_build_object(w.status, json_strip_nulls(json_build_object('description', 'done',
					'content', CASE WHEN w.method = 'GET' THEN json_build_object('application/json', json_build_object('schema',
						CASE $2 WHEN 'plain' THEN v.schema ELSE json_build_object('type', 'object', 'properties', json_build_object('Result', v.schema)) END)) END)),
					'default', '{"description":"an error"}'::json))) AS said
			FROM t, way w, LATERAL (SELECT CASE WHEN w.of_row THEN t.schema ELSE json_build_object('type', 'array', 'items', t.schema) END AS schema) v
			WHERE w.method = ANY ($1.verbs) AND (t.keyed OR NOT w.of_row)
				AND (has_table_privilege($3, t.oid, w.privilege) OR (w.privilege <> 'DELETE' AND has_any_column_privilege($3, t.oid, w.privilege)))
		)
		SELECT '/' || $1.name || CASE WHEN o.of_row THEN '/{id}' ELSE '' END,
			json_object_agg(lower(o.method), o.said ORDER BY array_position(ARRAY['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], o.method))
		FROM operation o GROUP BY o.of_row;
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_table(fox_wamp.exposed_table, text, name) IS 'internal: the paths of an exposed table, as far as the role may use it';

CREATE FUNCTION fox_wamp.openapi_of(root text, role name) RETURNS json
	LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT json_build_object('openapi', '3.1.0',
			'info', json_build_object('title', r.name || ' of ' || current_database(), 'version', '1'),
			'servers', json_build_array(json_build_object('url', '/' || r.name)),
			'paths', coalesce((
				SELECT json_object_agg(path, operations ORDER BY path COLLATE "C") FROM (
					(SELECT place.path, item.operations
					FROM (
							SELECT e.name, e.bound, e.table_name, s.name AS service, s.lifetime,
								array_agg(to_jsonb(coalesce(e.methods, ARRAY['GET', 'POST']))) AS methods,
								fox_wamp.openapi_overloads(array_agg(fox_wamp.openapi_function(p.oid, r.style, CASE WHEN s.name IS NULL THEN e.result_as
									WHEN e.result_as = 'array' THEN 'values' ELSE 'names' END, e.bound = 'row') ORDER BY p.pronargs DESC, e.function)) AS said
							FROM fox_wamp.exposed_function e JOIN pg_proc p ON p.oid = to_regprocedure(e.function)
								LEFT JOIN fox_wamp.exposed_service s ON (s.root, s.name) = (e.root, e.service)
							WHERE e.root = r.name AND (e.service IS NULL OR p.pronamespace <> 'fox_wamp'::regnamespace)
								AND has_function_privilege($2, p.oid, 'EXECUTE') AND has_schema_privilege($2, p.pronamespace, 'USAGE')
							GROUP BY e.name, e.bound, e.table_name, s.name, s.lifetime) f,
						LATERAL (SELECT '/' || f.table_name || '/{id}' || substr(f.name, length(f.table_name) + 1) WHERE f.bound IS NOT NULL
							UNION ALL SELECT '/' || f.name WHERE f.bound = 'table' OR f.bound IS NULL) q (dotted),
						LATERAL (SELECT CASE WHEN f.bound IS NULL AND f.service IS NULL THEN q.dotted ELSE replace(q.dotted, '.', '/') END ||
							CASE f.lifetime WHEN 'client_driven' THEN '/{instance}' ELSE '' END AS path) place,
						LATERAL (SELECT json_object_agg(o.name, o.said ORDER BY o.i) AS operations FROM (
							SELECT lower(m.name) AS name, json_strip_nulls(json_build_object(
								'operationId', lower(m.name) || '_' || ltrim(translate(place.path, '/{}', '_'), '_'), 'summary', f.said -> 'summary', 'description', f.said -> 'description',
								'parameters', CASE WHEN place.path LIKE '%{id}%' THEN
										('[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]'::jsonb || CASE WHEN m.name IN ('GET', 'DELETE') THEN (f.said -> 'parameters')::jsonb ELSE '[]' END)::json
									WHEN m.name IN ('GET', 'DELETE') THEN f.said -> 'parameters' END,
								'requestBody', CASE WHEN m.name NOT IN ('GET', 'DELETE') THEN f.said -> 'body' END,
								'responses', f.said -> 'responses')) AS said, m.i
							FROM unnest(ARRAY['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) WITH ORDINALITY m (name, i)
							WHERE (SELECT bool_and(a ? m.name) FROM unnest(f.methods) a)
							UNION ALL
							SELECT 'parameters', '[{"name":"instance","in":"path","required":true,"schema":{"type":"string"}}]', 0 WHERE place.path LIKE '%{instance}') o) item
					WHERE item.operations IS NOT NULL)
					UNION ALL
					SELECT o.* FROM fox_wamp.exposed_table t, fox_wamp.openapi_table(t, r.style, $2) o WHERE t.root = r.name) all_paths), '{}'))
		FROM fox_wamp.root r WHERE r.name = $1 AND pg_has_role(session_user, $2, 'MEMBER');
	$$;
COMMENT ON FUNCTION fox_wamp.openapi_of(text, name) IS 'the functions below a root that a role of the caller may execute, as OpenAPI 3.1';

CREATE FUNCTION fox_wamp.openapi() RETURNS fox_wamp."application/json"
	LANGUAGE sql STABLE
	RETURN fox_wamp.openapi_of(pg_catalog.split_part(fox_wamp.called_procedure(), '.', 1), current_user);
COMMENT ON FUNCTION fox_wamp.openapi() IS 'for GET /root/openapi.json: the functions below the root that the caller may execute';
