-- Tables: what clients may call by a name.

CREATE TABLE fox_wamp.root (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND octet_length(name) <= 255 AND
		lower(name) NOT IN ('ws', 'wamp', 'fox_wamp', 'mqtt', 'longpoll', 'metrics', 'healthz', 'readyz', 'dashboard')),
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	style text NOT NULL DEFAULT 'result' CHECK (style IN ('result', 'plain')),
	auth boolean NOT NULL DEFAULT false,
	UNIQUE (name, realm)
);
CREATE UNIQUE INDEX root_name ON fox_wamp.root (lower(name));
COMMENT ON TABLE fox_wamp.root IS 'first components of the names of exposed functions, and the realm they are in';
COMMENT ON COLUMN fox_wamp.root.name IS 'first component of procedures';
COMMENT ON COLUMN fox_wamp.root.realm IS 'realm of the procedures';
COMMENT ON COLUMN fox_wamp.root.style IS 'how HTTP answers: result puts values into {"Result":…} and errors into {"ErrorCode":…,"ErrorText":…}, plain sends the value alone';
COMMENT ON COLUMN fox_wamp.root.auth IS 'by HTTP only who logs in may call a function that is not exposed as anonymous';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.exposed_table (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	relation text NOT NULL,
	verbs text[] NOT NULL CHECK (verbs <@ ARRAY['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] AND cardinality(verbs) > 0),
	PRIMARY KEY (realm, root, name),
	UNIQUE (root, name),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX exposed_table_name ON fox_wamp.exposed_table (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_table IS 'tables and views whose rows clients may read and write: /root/name';
COMMENT ON COLUMN fox_wamp.exposed_table.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_table.root IS 'first component of the path, and of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_table.name IS 'the second one';
COMMENT ON COLUMN fox_wamp.exposed_table.relation IS 'schema and name; follows ALTER, and the row goes with the table';
COMMENT ON COLUMN fox_wamp.exposed_table.verbs IS 'HTTP methods that it takes';

CREATE TABLE fox_wamp.exposed_service (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (name ~ '^[^[:space:]./?%&=+#*"]+$' AND octet_length(name) <= 255 AND
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	schema text NOT NULL,
	lifetime text NOT NULL DEFAULT 'shared',
	contract text CHECK (octet_length(contract) BETWEEN 1 AND 255),
	publish_signature boolean NOT NULL DEFAULT false,
	anonymous boolean NOT NULL DEFAULT false,
	result_as text NOT NULL DEFAULT 'array' CHECK (result_as IN ('object', 'array')),
	audit boolean NOT NULL DEFAULT false,
	hash text NOT NULL,
	schema_oid oid NOT NULL,
	PRIMARY KEY (root, name),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX exposed_service_name ON fox_wamp.exposed_service (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_service IS 'schemas whose functions are methods of a service: root.name.method';
COMMENT ON COLUMN fox_wamp.exposed_service.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_service.root IS 'first component of the procedures';
COMMENT ON COLUMN fox_wamp.exposed_service.name IS 'second component of the procedures';
COMMENT ON COLUMN fox_wamp.exposed_service.schema IS 'whose functions are the methods, as they come and go; follows ALTER, and the row goes with the schema';
COMMENT ON COLUMN fox_wamp.exposed_service.lifetime IS 'whom an instance, and its state, is of: single, shared, client_driven, per_session, per_user, per_group';
COMMENT ON COLUMN fox_wamp.exposed_service.contract IS 'version that callers may ask for; null: the hash';
COMMENT ON COLUMN fox_wamp.exposed_service.publish_signature IS 'callers may read what the methods are';
COMMENT ON COLUMN fox_wamp.exposed_service.anonymous IS 'by HTTP anybody may call the methods without logging in, from anywhere, as the anonymous role';
COMMENT ON COLUMN fox_wamp.exposed_service.result_as IS 'what the values of a method come in: an array in their order, or an object by their names';
COMMENT ON COLUMN fox_wamp.exposed_service.audit IS 'every call is noted in service_call';
COMMENT ON COLUMN fox_wamp.exposed_service.hash IS 'SHA-256 of the signature';
COMMENT ON COLUMN fox_wamp.exposed_service.schema_oid IS 'internal: by which the schema is found under a new name';

-- The triggers know the columns by their position: upgrades append.
CREATE TABLE fox_wamp.exposed_function (
	realm text COLLATE "C" NOT NULL,
	root text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL CHECK (
		lower(name) NOT IN ('auth', 'batch', 'callback', 'call', 'catalog', 'events', 'openapi.json', 'publish', 'stat', 'timestamp')),
	function text NOT NULL,
	concurrency integer CHECK (concurrency BETWEEN 1 AND 1000000),
	timeout interval CHECK (timeout BETWEEN interval '1 ms' AND interval '24 days'),
	methods text[] CHECK (methods <@ ARRAY['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] AND cardinality(methods) > 0),
	anonymous boolean NOT NULL DEFAULT false,
	result_as text NOT NULL DEFAULT 'object' CHECK (result_as IN ('object', 'array')),
	table_name text COLLATE "C",
	bound text CHECK (bound IN ('row', 'table')),
	service text COLLATE "C",
	PRIMARY KEY (realm, root, name, function),
	CHECK ((table_name IS NULL) = (bound IS NULL)),
	CHECK (table_name IS NULL OR lower(name) LIKE lower(replace(table_name, '_', '\_')) || '.%'),
	FOREIGN KEY (root, realm) REFERENCES fox_wamp.root (name, realm) ON UPDATE CASCADE ON DELETE CASCADE,
	FOREIGN KEY (root, table_name) REFERENCES fox_wamp.exposed_table (root, name) ON UPDATE CASCADE ON DELETE CASCADE,
	-- Deferred: a root that gets another name reaches both tables, one after the other.
	FOREIGN KEY (root, service) REFERENCES fox_wamp.exposed_service (root, name) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX exposed_function_name ON fox_wamp.exposed_function (root, lower(name));
COMMENT ON TABLE fox_wamp.exposed_function IS 'functions that clients may call as procedures: root.name';
COMMENT ON COLUMN fox_wamp.exposed_function.realm IS 'realm of the root';
COMMENT ON COLUMN fox_wamp.exposed_function.root IS 'first component of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_function.name IS 'the rest of the procedure';
COMMENT ON COLUMN fox_wamp.exposed_function.function IS 'schema, name and argument types; follows ALTER, and the row goes with the function';
COMMENT ON COLUMN fox_wamp.exposed_function.concurrency IS 'calls that may run at a time, the others wait; null: no limit';
COMMENT ON COLUMN fox_wamp.exposed_function.timeout IS 'how long a call may run; null: as statement_timeout says';
COMMENT ON COLUMN fox_wamp.exposed_function.methods IS 'HTTP methods that it may be called by; null: GET, HEAD and POST';
COMMENT ON COLUMN fox_wamp.exposed_function.anonymous IS 'by HTTP anybody may call it without logging in, from anywhere, as the anonymous role';
COMMENT ON COLUMN fox_wamp.exposed_function.result_as IS 'what HTTP makes of several columns: an object or an array';
COMMENT ON COLUMN fox_wamp.exposed_function.table_name IS 'exposed table that it is bound to, and whose name is the first component of its own';
COMMENT ON COLUMN fox_wamp.exposed_function.bound IS 'row: its first argument is a row of that; table: it asks request_table() and request_id()';
COMMENT ON COLUMN fox_wamp.exposed_function.service IS 'of which it is a method, and whose rows are kept by the extension; null: of none';

-- What an instance is to know is its own: state.  It goes with its service by the trigger exposed_service_instances.  A foreign key would
-- look at the service's row whenever a call writes its instance twice, and wait for who ends the service, and waits for the call.
CREATE TABLE fox_wamp.service_instance (
	root text COLLATE "C" NOT NULL,
	service text COLLATE "C" NOT NULL,
	id text COLLATE "C" NOT NULL,
	owner text NOT NULL,
	session bigint,
	state jsonb,
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	touched timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (root, service, id)
);
CREATE INDEX service_instance_session ON fox_wamp.service_instance (session) WHERE session IS NOT NULL;
COMMENT ON TABLE fox_wamp.service_instance IS 'instances of services; a call has its instance locked';
COMMENT ON COLUMN fox_wamp.service_instance.root IS 'root of the service';
COMMENT ON COLUMN fox_wamp.service_instance.service IS 'name of the service';
COMMENT ON COLUMN fox_wamp.service_instance.id IS 'by which callers name a client_driven one; else the session, user or group, empty if it is shared';
COMMENT ON COLUMN fox_wamp.service_instance.owner IS 'who may use it: authid, authrole, the role of who calls from SQL, or empty';
COMMENT ON COLUMN fox_wamp.service_instance.session IS 'with which it ends; null: with none';
COMMENT ON COLUMN fox_wamp.service_instance.state IS 'what instance_state() reads and set_instance_state() writes';
COMMENT ON COLUMN fox_wamp.service_instance.created IS 'when it was made';
COMMENT ON COLUMN fox_wamp.service_instance.touched IS 'when its last call ended; fox_wamp.instance_timeout later it goes, unless it is shared';

-- The trigger knows the columns by their position: upgrades append.
CREATE TABLE fox_wamp.service_address (
	id text COLLATE "C" PRIMARY KEY DEFAULT gen_random_uuid()::text,
	realm text COLLATE "C" NOT NULL REFERENCES fox_wamp.realm ON UPDATE CASCADE ON DELETE CASCADE,
	service text COLLATE "C" NOT NULL CHECK (service NOT IN ('', '*')),
	url text NOT NULL CHECK (url ~ '^[A-Za-z][A-Za-z0-9+.-]*://[^/[:space:][:cntrl:]]+[^[:space:][:cntrl:]]*$'),
	node text,
	uri_prefix text,
	contract text,
	shard int8range CHECK (NOT isempty(shard)),
	modulus integer CHECK (modulus > 0),
	remainder integer,
	expires_at timestamptz,
	added timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK ((modulus IS NULL) = (remainder IS NULL) AND remainder BETWEEN 0 AND modulus - 1 AND (shard IS NULL OR modulus IS NULL))
);
CREATE INDEX service_address_expires ON fox_wamp.service_address (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE fox_wamp.service_address IS 'where services are, as far as no session has announced it; see service_catalog';
COMMENT ON COLUMN fox_wamp.service_address.id IS 'names the row';
COMMENT ON COLUMN fox_wamp.service_address.realm IS 'whose clients see it';
COMMENT ON COLUMN fox_wamp.service_address.service IS 'name, whatever the case';
COMMENT ON COLUMN fox_wamp.service_address.url IS 'where it is: for HTTP that of the root, in front of /service/method';
COMMENT ON COLUMN fox_wamp.service_address.node IS 'fox_wamp.node of the router there';
COMMENT ON COLUMN fox_wamp.service_address.uri_prefix IS 'what its procedures begin with; null: any root and the name of the service';
COMMENT ON COLUMN fox_wamp.service_address.contract IS 'contract that it has there';
COMMENT ON COLUMN fox_wamp.service_address.shard IS 'numbers that it is for; null: all, or what the next two say';
COMMENT ON COLUMN fox_wamp.service_address.modulus IS 'it is for numbers whose hash leaves the remainder, divided by this';
COMMENT ON COLUMN fox_wamp.service_address.remainder IS 'see modulus';
COMMENT ON COLUMN fox_wamp.service_address.expires_at IS 'when the row goes; null: never';
COMMENT ON COLUMN fox_wamp.service_address.added IS 'the newest goes before others';

CREATE TABLE fox_wamp.service_call (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL,
	microseconds bigint NOT NULL,
	procedure text NOT NULL,
	instance text,
	input jsonb,
	output jsonb,
	error text,
	session bigint NOT NULL,
	authid text NOT NULL,
	authrole text NOT NULL,
	peer text
);
CREATE INDEX service_call_at ON fox_wamp.service_call (at);
COMMENT ON TABLE fox_wamp.service_call IS 'calls of services that are exposed with audit; whoever wants room deletes rows';
COMMENT ON SEQUENCE fox_wamp.service_call_id_seq IS 'numbers of calls';
COMMENT ON COLUMN fox_wamp.service_call.id IS 'number of the call';
COMMENT ON COLUMN fox_wamp.service_call.at IS 'when the call began';
COMMENT ON COLUMN fox_wamp.service_call.microseconds IS 'how long it took';
COMMENT ON COLUMN fox_wamp.service_call.procedure IS 'root.service.method';
COMMENT ON COLUMN fox_wamp.service_call.instance IS 'that a client has named';
COMMENT ON COLUMN fox_wamp.service_call.input IS 'arguments by name; null: they could not be read';
COMMENT ON COLUMN fox_wamp.service_call.output IS 'what was answered; null: an error';
COMMENT ON COLUMN fox_wamp.service_call.error IS 'SQLSTATE and message; null: there was none';
COMMENT ON COLUMN fox_wamp.service_call.session IS 'session of the caller';
COMMENT ON COLUMN fox_wamp.service_call.authid IS 'who has called';
COMMENT ON COLUMN fox_wamp.service_call.authrole IS 'in which role';
COMMENT ON COLUMN fox_wamp.service_call.peer IS 'from where';

CREATE TYPE fox_wamp.http_response AS (status integer, content_type text, headers jsonb, body bytea, raw boolean);
COMMENT ON TYPE fox_wamp.http_response IS 'what a function may return to say all of an HTTP reply, see returns()';
