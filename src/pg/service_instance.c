/*
 * service_instance.c - instances of services: rows of fox_wamp.service_instance (see service_exec.h).
 *
 * A call has the row of its instance locked until it ends, so that an instance has one call at a time.  A shared one
 * is locked by who first looks at its state: most shared services have none.  The rows are the router's business, not
 * the caller's: they are written even by a call that may write nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "codec/json.h"
#include "pg/call_role.h"
#include "pg/errcodes.h"
#include "pg/service_exec.h"
#include "pg/service_hook.h"
#include "pg/sqlarg.h"

#define PAGE 100				/* instances that are looked for together */
#define PAGE_TEXT CppAsString2(PAGE)
#define NO_INSTANCE "instance not found or deprecated"

#define EQ " OPERATOR(pg_catalog.=) "
#define THE_ROW " WHERE root" EQ "$1 AND service" EQ "$2 AND id" EQ "$3"

PG_FUNCTION_INFO_V1(fox_wamp_instance_state);
PG_FUNCTION_INFO_V1(fox_wamp_set_instance_state);
PG_FUNCTION_INFO_V1(fox_wamp_new_instance);
PG_FUNCTION_INFO_V1(fox_wamp_free_instance);

static void pg_attribute_noreturn()
refuse(int status, const char *uri, const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_RAISED),
			 errmsg_internal("%s", text),
			 err_generic_string(PG_DIAG_DATATYPE_NAME, uri),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, psprintf("%d", status))));
}

static void pg_attribute_noreturn()
refuse_instance(const char *text)
{
	refuse(403, "fox_wamp.error.no_such_instance", text);
}

/* --- one's own --- */

static char *
text_of(FoxSlice s)
{
	return pnstrdup(s.ptr, s.len);
}

/* Whose is it, and what is it called?  NULL: the caller has to name it. */
static char *
name_of(const FoxServiceCall *call, char **owner)
{
	*owner = text_of(call->caller->authid);
	switch (call->lifetime)
	{
		case FOX_LIFE_SESSION:
			if (!call->own)
				refuse_instance("the service is one of sessions, and there is none");
			return psprintf(UINT64_FORMAT, call->caller->session);
		case FOX_LIFE_USER:
			if (!call->known)
				refuse_instance("the service is one of users: log in");
			return *owner;
		case FOX_LIFE_GROUP:
			if (!call->known)
				refuse_instance("the service is one of groups: log in");
			return *owner = text_of(call->caller->authrole);
		case FOX_LIFE_SHARED:
			return *owner = "";
		default:
			return NULL;
	}
}

static char *
session_of(const FoxServiceCall *call)
{
	bool		bound = call->own && (call->lifetime == FOX_LIFE_SESSION || call->lifetime == FOX_LIFE_CLIENT);

	return bound ? psprintf(UINT64_FORMAT, call->caller->session) : NULL;
}

/* Until the transaction ends, so that no instance is left behind by it. */
static void
hold_service(const FoxServiceCall *call)
{
	static void *plan = NULL;
	const char *values[2] = {call->root, call->service};

	if (fox_spi_own(&plan, "SELECT FROM fox_wamp.exposed_service WHERE root" EQ "$1 AND name" EQ "$2 FOR KEY SHARE", 2, values) == 0)
		refuse_instance(NO_INSTANCE);
}

static void
make(const FoxServiceCall *call, const char *id, const char *owner)
{
	static void *plan = NULL;
	const char *values[5] = {call->root, call->service, id, owner, session_of(call)};

	hold_service(call);
	(void) fox_spi_own(&plan, "INSERT INTO fox_wamp.service_instance (root, service, id, owner, session)"
						   " VALUES ($1, $2, $3, $4, $5::pg_catalog.int8) ON CONFLICT DO NOTHING", 5, values);
}

static bool
lock_row(const FoxServiceCall *call, const char *id)
{
	static void *plan = NULL;
	const char *values[3] = {call->root, call->service, id};

	return fox_spi_own(&plan, "SELECT session, owner FROM fox_wamp.service_instance" THE_ROW " FOR UPDATE", 3, values) > 0;
}

/* The caller's, of the row that has been read: its session's, or where it has none its name's. */
static bool
is_owner(const FoxServiceCall *call)
{
	char	   *session = fox_spi_value(1);

	if (session != NULL)
		return call->own && strtoull(session, NULL, 10) == call->caller->session;
	return fox_slice_eq(fox_cstr(fox_spi_value(2)), call->caller->authid);
}

static void
take_named(FoxServiceCall *call)
{
	if (call->named == NULL || !lock_row(call, call->named) || !is_owner(call))
		refuse_instance(NO_INSTANCE);
	call->instance = call->named;
}

void
fox_instance_take(FoxServiceCall *call)
{
	char	   *owner;
	char	   *id = name_of(call, &owner);

	SPI_connect();
	if (id == NULL)
		take_named(call);
	else
	{
		/* It may end just before it is locked. */
		while (!lock_row(call, id))
			make(call, id, owner);
		call->instance = MemoryContextStrdup(call->memory, id);
	}
	SPI_finish();
}

void
fox_instance_touch(const FoxServiceCall *call)
{
	static void *plan = NULL;
	const char *values[3] = {call->root, call->service, call->instance};

	if (call->instance == NULL || call->lifetime == FOX_LIFE_SHARED)
		return;
	SPI_connect();
	(void) fox_spi_own(&plan, "UPDATE fox_wamp.service_instance SET touched = pg_catalog.clock_timestamp()" THE_ROW, 3, values);
	SPI_finish();
}

/* --- state --- */

/* The call, with its instance locked. */
static FoxServiceCall *
with_instance(void)
{
	FoxServiceCall *call = unconstify(FoxServiceCall *, fox_service());

	if (call == NULL || call->lifetime == FOX_LIFE_SINGLE)
		return NULL;
	if (call->looks != NULL)
		call->looks();
	call->looks = NULL;
	/* A part of the transaction may have been rolled back since, and with it a lock. */
	if (call->instance == NULL || call->lifetime == FOX_LIFE_SHARED)
		fox_instance_take(call);
	return call;
}

Datum
fox_wamp_instance_state(PG_FUNCTION_ARGS)
{
	static void *plan = NULL;
	MemoryContext memory = CurrentMemoryContext;
	FoxServiceCall *call = with_instance();
	char	   *state = NULL;

	if (call == NULL)
		PG_RETURN_NULL();
	SPI_connect();
	if (fox_spi_own(&plan, "SELECT state FROM fox_wamp.service_instance" THE_ROW, 3,
						(const char *[]) {call->root, call->service, call->instance}) > 0)
		state = fox_spi_value(1);
	if (state != NULL)
		state = MemoryContextStrdup(memory, state);
	SPI_finish();
	if (state == NULL)
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(state));
}

Datum
fox_wamp_set_instance_state(PG_FUNCTION_ARGS)
{
	static void *plan = NULL;
	const FoxServiceCall *call;
	const char *values[4] = {NULL};
	FoxSlice	state = fox_arg_json(fcinfo, 0);

	/* It is a change, and a GET makes none. */
	PreventCommandIfReadOnly("set_instance_state()");
	if ((call = with_instance()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no instance that could have a state"),
				 errhint("Only methods of services have one, unless their lifetime is single.")));
	values[0] = call->root;
	values[1] = call->service;
	values[2] = call->instance;
	values[3] = state.ptr;
	SPI_connect();
	(void) fox_spi_own(&plan, "UPDATE fox_wamp.service_instance SET state = $4::pg_catalog.jsonb" THE_ROW, 4, values);
	SPI_finish();
	PG_RETURN_VOID();
}

/* --- made and freed by clients --- */

static FoxServiceCall *
client_driven(void)
{
	FoxServiceCall *call = unconstify(FoxServiceCall *, fox_service());

	if (call == NULL || call->lifetime != FOX_LIFE_CLIENT)
		refuse(400, "wamp.error.invalid_argument", "callers make and free instances of client_driven services only");
	return call;
}

Datum
fox_wamp_new_instance(PG_FUNCTION_ARGS)
{
	FoxServiceCall *call = client_driven();
	char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out, OidFunctionCall0(F_GEN_RANDOM_UUID)));
	char	   *owner;

	(void) name_of(call, &owner);
	SPI_connect();
	make(call, id, owner);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

/* Deletes the row, with a version only as long as it is of that; its state, or NULL if it is no more. */
static char *
delete_row(const char *root, const char *service, const char *id, const char *version, MemoryContext memory)
{
	static void *plan = NULL;
	const char *values[4] = {root, service, id, version};
	char	   *state = NULL;

	SPI_connect();
	if (fox_spi_own(&plan, "DELETE FROM fox_wamp.service_instance" THE_ROW
						" AND ($4::pg_catalog.text IS NULL OR xmin" EQ "$4::pg_catalog.xid) RETURNING coalesce(state, 'null'::pg_catalog.jsonb)", 4, values) > 0)
		state = MemoryContextStrdup(memory, fox_spi_value(1));
	SPI_finish();
	return state;
}

Datum
fox_wamp_free_instance(PG_FUNCTION_ARGS)
{
	FoxServiceCall *call = client_driven();
	FoxServiceHook hook;
	char	   *state;

	SPI_connect();
	take_named(call);
	SPI_finish();
	state = delete_row(call->root, call->service, call->named, NULL, CurrentMemoryContext);
	call->instance = NULL;
	if (state != NULL && fox_on_free(&hook, call->schema))
		fox_on_free_run(&hook, state);
	PG_RETURN_VOID();
}

/* --- what ends by itself --- */

typedef struct Instance
{
	char	   *root;
	char	   *service;
	char	   *id;
	char	   *schema;
	char	   *version;		/* of its row: one that is used meanwhile stays; NULL: its time is over, whatever comes */
} Instance;

/* Shared ones last as long as their service. */
#define SWEPT " FROM fox_wamp.service_instance i JOIN fox_wamp.exposed_service s ON s.root" EQ "i.root AND s.name" EQ "i.service" \
	" WHERE s.lifetime OPERATOR(pg_catalog.<>) 'shared'"

static int
read_page(const char *what, const char *value, MemoryContext memory, Instance items[PAGE])
{
	static const struct
	{
		const char *what;
		const char *sql;
	}			conditions[] = {
		{"session", "i.session" EQ "$1::pg_catalog.int8"},
		{"before_us", "i.session IS NOT NULL AND i.created OPERATOR(pg_catalog.<) pg_catalog.to_timestamp($1::pg_catalog.float8 OPERATOR(pg_catalog./) 1e6)"},
		{"idle_ms", "i.touched OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)"
		" pg_catalog.make_interval(secs => $1::pg_catalog.float8 OPERATOR(pg_catalog./) 1000))"}
	};
	static void *plans[lengthof(conditions)] = {NULL};
	bool		idle = strcmp(what, "idle_ms") == 0;
	int			k = 0;
	int			n;

	while (strcmp(conditions[k].what, what) != 0)
		k++;
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	n = (int) fox_spi_own(&plans[k], psprintf("SELECT i.root, i.service, i.id, s.schema, i.xmin" SWEPT " AND %s LIMIT " PAGE_TEXT, conditions[k].sql), 1, &value);
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext saved = MemoryContextSwitchTo(memory);

		items[i].root = SPI_getvalue(row, desc, 1);
		items[i].service = SPI_getvalue(row, desc, 2);
		items[i].id = SPI_getvalue(row, desc, 3);
		items[i].schema = SPI_getvalue(row, desc, 4);
		items[i].version = idle ? SPI_getvalue(row, desc, 5) : NULL;
		MemoryContextSwitchTo(saved);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(memory);
	return n;
}

/* In the transaction of its on_free(), if that is to run. */
static void
end_instance(const Instance *item, bool with_hook, MemoryContext memory)
{
	FoxServiceHook hook;
	char	   *state;

	StartTransactionCommand();
	MemoryContextSwitchTo(memory);
	if (!with_hook || !fox_on_free(&hook, item->schema))
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		(void) delete_row(item->root, item->service, item->id, item->version, memory);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	else
	{
		fox_call_role_enter(hook.owner);
		if (StatementTimeout > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
		state = delete_row(item->root, item->service, item->id, item->version, memory);
		if (state != NULL)
			fox_on_free_run(&hook, state);
		fox_call_role_commit();
		disable_timeout(STATEMENT_TIMEOUT, false);
	}
	MemoryContextSwitchTo(memory);
}

/* A hook that fails keeps no instance alive. */
static bool
try_end(const Instance *item, MemoryContext memory)
{
	volatile bool done = false;

	PG_TRY();
	{
		end_instance(item, true, memory);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(memory);
		e = CopyErrorData();
		FlushErrorState();
		disable_timeout(STATEMENT_TIMEOUT, false);
		fox_call_role_abort();
		QueryCancelPending = false;
		MemoryContextSwitchTo(memory);
		ereport(WARNING,
				(errmsg("fox_wamp: on_free() of service \"%s.%s\" has failed: %s", item->root, item->service, e->message ? e->message : "")));
	}
	PG_END_TRY();
	return done;
}

static char *
count_left(MemoryContext memory)
{
	static void *plan = NULL;
	char	   *n;

	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) fox_spi_own(&plan, "SELECT pg_catalog.count(*)" SWEPT, 0, NULL);
	n = MemoryContextStrdup(memory, fox_spi_value(1));
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(memory);
	return n;
}

void
fox_instances_sweep(FoxSlice args, MemoryContext memory, StringInfo out)
{
	Instance	items[PAGE];
	FoxSlice	what = FOX_ABSENT;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			n;

	if (!fox_json_element(args, &pos, &what) || (pos = 0, !fox_json_member(what, &pos, &key, &value)))
		elog(ERROR, "malformed errand");
	do
	{
		n = read_page(pnstrdup(key.ptr, key.len), pnstrdup(value.ptr, value.len), memory, items);
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!try_end(&items[i], memory))
				end_instance(&items[i], false, memory);
		}
	} while (n == PAGE);
	appendStringInfoString(out, count_left(memory));
}
