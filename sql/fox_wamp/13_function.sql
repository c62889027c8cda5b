-- SQL functions and tables as procedures.

CREATE FUNCTION fox_wamp.expose_root(root text, realm text DEFAULT NULL, style text DEFAULT 'result', auth boolean DEFAULT false) RETURNS void
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.root (name, realm, style, auth) VALUES ($1, fox_wamp.default_realm($2), $3, $4)
		ON CONFLICT ON CONSTRAINT root_pkey DO UPDATE SET realm = EXCLUDED.realm, style = EXCLUDED.style, auth = EXCLUDED.auth
	$$;
COMMENT ON FUNCTION fox_wamp.expose_root(text, text, text, boolean)
	IS 'a name that exposed functions may have in front of theirs, the realm they are in, and how HTTP answers below it';

CREATE FUNCTION fox_wamp.expose_function(function regprocedure, name text DEFAULT NULL, root text DEFAULT 'root',
										 concurrency integer DEFAULT NULL, timeout interval DEFAULT NULL,
										 methods text[] DEFAULT NULL, anonymous boolean DEFAULT false,
										 result_as text DEFAULT 'object', table_bound regclass DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
	#variable_conflict use_column
	DECLARE
		p pg_proc;
		t fox_wamp.exposed_table;
		own text;
	BEGIN
		SELECT * INTO p FROM pg_proc WHERE oid = $1;
		SELECT e.* INTO t FROM fox_wamp.exposed_table e, pg_class c
		WHERE e.root = $3 AND c.oid = to_regclass(e.relation)
			AND CASE WHEN $9 IS NULL THEN p.pronargs > 0 AND c.reltype = p.proargtypes[0] ELSE c.oid = $9 END
		ORDER BY lower($2) LIKE lower(replace(e.name, '_', '\_')) || '.%' DESC NULLS LAST, e.name LIMIT 1;
		IF $9 IS NOT NULL AND t IS NULL THEN
			RAISE EXCEPTION 'table % is not exposed below root "%"', $9, $3
				USING ERRCODE = 'WF003', HINT = format('SELECT fox_wamp.expose_table(%L, root => %L);', $9, $3);
		END IF;
		own := coalesce($2, p.proname);
		IF t.name IS NOT NULL AND lower(own) NOT LIKE lower(replace(t.name, '_', '\_')) || '.%' THEN
			own := t.name || '.' || own;
		END IF;
		IF t.name IS NOT NULL AND $9 IS NULL AND 'id' = ANY (p.proargnames[2:]) THEN
			RAISE EXCEPTION 'an argument "id" of % could not be told from the row''s', $1
				USING ERRCODE = 'WF003';
		END IF;
		INSERT INTO fox_wamp.exposed_function (realm, root, name, function, concurrency, timeout, methods, anonymous, result_as, table_name, bound)
		VALUES (coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3, own, $1::text, $4, $5, $6, $7, $8,
			t.name, CASE WHEN t.name IS NULL THEN NULL WHEN $9 IS NULL THEN 'row' ELSE 'table' END);
		RETURN $3 || '.' || own;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.expose_function(regprocedure, text, text, integer, interval, text[], boolean, text, regclass)
	IS 'makes a function a procedure and an HTTP method that clients may call as their role; returns the name of the procedure';

CREATE FUNCTION fox_wamp.expose_table("table" regclass, name text DEFAULT NULL, root text DEFAULT 'root',
									  verbs text[] DEFAULT '{GET,POST,PUT,PATCH,DELETE}') RETURNS text
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		INSERT INTO fox_wamp.exposed_table (realm, root, name, relation, verbs)
		SELECT coalesce((SELECT r.realm FROM fox_wamp.root r WHERE r.name = $3), ''), $3, coalesce($2, c.relname),
			format('%I.%I', n.nspname, c.relname), $4
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
		RETURNING exposed_table.root || '.' || exposed_table.name
	$$;
COMMENT ON FUNCTION fox_wamp.expose_table(regclass, text, text, text[])
	IS 'lets clients read and write the rows of a table or view, as their role; returns the name of the procedure';

CREATE FUNCTION fox_wamp.unexpose(name text, root text DEFAULT 'root') RETURNS boolean
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		WITH functions AS (DELETE FROM fox_wamp.exposed_function e WHERE e.root = $2 AND e.name = $1 AND e.service IS NULL RETURNING 1),
			tables AS (DELETE FROM fox_wamp.exposed_table t WHERE t.root = $2 AND t.name = $1 RETURNING 1),
			services AS (DELETE FROM fox_wamp.exposed_service s WHERE s.root = $2 AND s.name = $1 RETURNING 1)
		SELECT EXISTS (SELECT FROM functions UNION ALL SELECT FROM tables UNION ALL SELECT FROM services);
	$$;
COMMENT ON FUNCTION fox_wamp.unexpose(text, text)
	IS 'ends what expose_function(), expose_table() and expose_service() began, with the functions that are bound to a table; false if there was nothing';

CREATE FUNCTION fox_wamp.table_request(method text DEFAULT 'GET', id json DEFAULT NULL, "column" text DEFAULT NULL, "row" json DEFAULT NULL,
									   "where" json DEFAULT NULL, "order" text DEFAULT NULL, "limit" bigint DEFAULT NULL, "offset" bigint DEFAULT NULL)
	RETURNS json
	AS 'MODULE_PATHNAME', 'fox_wamp_table_request' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.table_request(text, json, text, json, json, text, bigint, bigint)
	IS 'what an exposed table is called by; for clients only';

CREATE FUNCTION fox_wamp.batch(json) RETURNS json
	AS 'MODULE_PATHNAME', 'fox_wamp_batch' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION fox_wamp.batch(json)
	IS 'for PUT and POST /root/batch: {"table":["POST",row,"PUT",row,"DELETE",id,…]} in one transaction, answered with the new ID or 200 of each';

CREATE FUNCTION fox_wamp.error(message text DEFAULT NULL, status integer DEFAULT 400, uri text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_error' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION fox_wamp.error(text, integer, text)
	IS 'raises an error that the caller gets under the URI (wamp.error.runtime_error unless it is given)';

CREATE FUNCTION fox_wamp.session_id() RETURNS bigint
	AS 'MODULE_PATHNAME', 'fox_wamp_session_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_id()
	IS 'in a function that a client calls: its session; by HTTP 0 for who has not logged in, 1 where nobody has to; else null';

CREATE FUNCTION fox_wamp.session_user_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_session_user_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_user_id() IS 'in a function that a client calls: who has logged in; null for who is anonymous, and else';

CREATE FUNCTION fox_wamp.session_group_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_session_group_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.session_group_id() IS 'in a function that a client calls: the role that the client acts as; else null';

CREATE FUNCTION fox_wamp.own_user(OUT user_id text, OUT group_id text, OUT data jsonb)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.session_user_id(), fox_wamp.session_group_id(),
			(SELECT u.data FROM fox_wamp.auth_user u WHERE u.logon_name = fox_wamp.session_user_id())
	$$;
COMMENT ON FUNCTION fox_wamp.own_user() IS 'internal: what session_get_user() says of the caller';

CREATE FUNCTION fox_wamp.session_get_user(session bigint, OUT user_id text, OUT group_id text, OUT data jsonb)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF session = fox_wamp.session_id() THEN
			SELECT o.* INTO user_id, group_id, data FROM fox_wamp.own_user() o;
		ELSE
			SELECT nullif(s.authid, 'anonymous'), CASE s.authrole WHEN 'anonymous' THEN current_setting('fox_wamp.anonymous_role') ELSE s.authrole END, u.data
			INTO user_id, group_id, data
			FROM fox_wamp.session s LEFT JOIN fox_wamp.auth_user u ON u.logon_name = s.authid WHERE s.id = session;
		END IF;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.session_get_user(bigint)
	IS 'a copy of what is known of a session''s user; of another session than the caller''s for members of fox_wamp_admin only';

CREATE FUNCTION fox_wamp.caller_authid() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_caller_authid' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.caller_authid() IS 'in a function that a client calls: its authid; else null';

CREATE FUNCTION fox_wamp.caller_authrole() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_caller_authrole' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.caller_authrole() IS 'in a function that a client calls: its authrole; else null';

CREATE FUNCTION fox_wamp.called_procedure() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_called_procedure' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.called_procedure() IS 'in a function that a client calls: the procedure; else null';

CREATE FUNCTION fox_wamp.called_realm() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_called_realm' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.called_realm() IS 'in a function that a client calls: its realm; else null';

CREATE FUNCTION fox_wamp.http_method() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_http_method' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.http_method() IS 'in a function that an HTTP request calls: GET, POST, …; else null';

CREATE FUNCTION fox_wamp.request_path() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_request_path' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_path() IS 'in a function that an HTTP request calls: the path as it came; else null';

CREATE FUNCTION fox_wamp.request_table() RETURNS regclass
	AS 'MODULE_PATHNAME', 'fox_wamp_request_table' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_table() IS 'in a function that is bound to a table: that table; else null';

CREATE FUNCTION fox_wamp.request_id() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_request_id' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.request_id() IS 'in a function that is bound to a table: the primary key of the row that it is called of, with commas between its parts; else null';

CREATE FUNCTION fox_wamp.remote_ip() RETURNS inet
	AS 'MODULE_PATHNAME', 'fox_wamp_remote_ip' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.remote_ip() IS 'in a function that a client calls: the address it comes from, as far as proxies are trusted; else null';

CREATE FUNCTION fox_wamp.user_agent() RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_user_agent' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.user_agent() IS 'in a function that a client calls: the User-Agent of the HTTP request, or the agent of a WAMP client''s HELLO; else null';

CREATE FUNCTION fox_wamp.in_header(name text) RETURNS text
	AS 'MODULE_PATHNAME', 'fox_wamp_in_header' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.in_header(text) IS 'in a function that a client calls: the header of that name of the HTTP request, or of a WAMP client''s handshake, if fox_wamp.handshake_headers names it; else null';

CREATE FUNCTION fox_wamp.in_body() RETURNS bytea
	AS 'MODULE_PATHNAME', 'fox_wamp_in_body' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.in_body() IS 'in a function that an HTTP request calls: its body as it came; else null';

CREATE FUNCTION fox_wamp.set_status(status integer) RETURNS void
	AS 'MODULE_PATHNAME', 'fox_wamp_set_status' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION fox_wamp.set_status(integer) IS 'the status of the HTTP reply, if the function returns';

CREATE FUNCTION fox_wamp.returns(body bytea, status integer DEFAULT 200, content_type text DEFAULT 'text/plain; charset=UTF-8',
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ROW(status, content_type, headers, body, raw)::fox_wamp.http_response;
COMMENT ON FUNCTION fox_wamp.returns(bytea, integer, text, jsonb, boolean)
	IS 'all of an HTTP reply; with a status from 400 on it is the text of an error, unless raw';

CREATE FUNCTION fox_wamp.returns(body text, status integer DEFAULT 200, content_type text DEFAULT 'text/plain; charset=UTF-8',
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ROW(status, content_type, headers, pg_catalog.convert_to(body, 'UTF8'), raw)::fox_wamp.http_response;
COMMENT ON FUNCTION fox_wamp.returns(text, integer, text, jsonb, boolean)
	IS 'all of an HTTP reply; with a status from 400 on it is the text of an error, unless raw';

CREATE FUNCTION fox_wamp.returns(body anyelement, status integer DEFAULT 200, content_type text DEFAULT NULL,
								 headers jsonb DEFAULT NULL, raw boolean DEFAULT false) RETURNS fox_wamp.http_response
	LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT fox_wamp.returns($1::text, $2,
			coalesce($3, CASE WHEN pg_typeof($1) IN ('json', 'jsonb') THEN 'application/json' ELSE 'text/plain' END || '; charset=UTF-8'), $4, $5)
	$$;
COMMENT ON FUNCTION fox_wamp.returns(anyelement, integer, text, jsonb, boolean)
	IS 'the same of any value, as text; json and jsonb are of the type application/json';

CREATE VIEW fox_wamp.exposed AS
	SELECT CASE WHEN e.service IS NULL THEN 'function' ELSE 'method' END AS kind, e.realm, e.root || '.' || e.name AS procedure, e.function,
		pg_catalog.pg_get_function_arguments(p.oid) AS arguments, pg_catalog.pg_get_function_result(p.oid) AS result,
		CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
		e.concurrency, e.timeout, '/' || e.root || '/' || CASE WHEN e.service IS NULL THEN e.name ELSE pg_catalog.replace(e.name, '.', '/') END AS path,
		coalesce(e.methods, ARRAY['GET', 'HEAD', 'POST']) AS methods, NULL AS lifetime, NULL AS contract
	FROM fox_wamp.exposed_function e JOIN pg_catalog.pg_proc p ON p.oid = pg_catalog.to_regprocedure(e.function)
	UNION ALL
	SELECT 'table', t.realm, t.root || '.' || t.name, t.relation,
		(SELECT pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY k.i)
			FROM pg_catalog.pg_index x, LATERAL pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY k (attnum, i), pg_catalog.pg_attribute a
			WHERE x.indrelid = c.oid AND x.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum),
		pg_catalog.format_type(c.reltype, NULL), 'volatile', NULL, NULL, '/' || t.root || '/' || t.name, t.verbs, NULL, NULL
	FROM fox_wamp.exposed_table t JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.relation)
	UNION ALL
	SELECT 'service', s.realm, s.root || '.' || s.name, s.schema, NULL, NULL, NULL, NULL, NULL, '/' || s.root || '/' || s.name,
		ARRAY['POST'], s.lifetime, coalesce(s.contract, s.hash)
	FROM fox_wamp.exposed_service s;
COMMENT ON VIEW fox_wamp.exposed IS 'what the database offers to callers';
