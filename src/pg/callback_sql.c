/*
 * callback_sql.c - what a function does with a callback: callback_send() and its like.
 *
 *   of a session   the commit ring ──► router ──► client; callback_now() goes into the ring at once
 *   of a URL       fox_wamp.delivery, as a webhook's events (post_queue.c)
 *   local          the function is called, here and now
 *
 * Who knows the id of a callback may send to it: ids are drawn by chance.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "codec/json.h"
#include "pg/ask.h"
#include "pg/callback_row.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/locks.h"
#include "pg/ring.h"
#include "pg/ring_seg.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_callback_send);
PG_FUNCTION_INFO_V1(fox_wamp_callback_now);
PG_FUNCTION_INFO_V1(fox_wamp_callback_call);
PG_FUNCTION_INFO_V1(fox_wamp_callback_release);
PG_FUNCTION_INFO_V1(fox_wamp_end_callback);
PG_FUNCTION_INFO_V1(fox_wamp_callback_local);

#define DEFAULT_TIMEOUT_MS 60000
#define ROUTER_GRACE_MS 5000

typedef struct Message
{
	FoxCallbackRow row;
	char	   *method;
	FoxSlice	args;
	FoxSlice	kwargs;
} Message;

/* --- arguments --- */

/* False: it has been released, which is said. */
static bool
find(FunctionCallInfo fcinfo, bool lock, FoxCallbackRow *row)
{
	char	   *id;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the callback must not be null")));
	id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	if (fox_callback_row(id, lock, row))
		return true;
	if (!lock)
		ereport(fox_guc_on_callback_released,
				(errcode(ERRCODE_FOX_NO_SUCH_PROCEDURE),
				 errmsg("the callback has been released")));
	return false;
}

/* callback, method; args and kwargs where they are. */
static bool
read_message(FunctionCallInfo fcinfo, int args, int kwargs, Message *m)
{
	const char *problem;

	fox_refuse_in_recovery();
	m->method = fox_arg_text(fcinfo, 1, "method");
	problem = fox_topic_problem(m->method, strlen(m->method));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid method \"%s\"", fox_clip(m->method)),
				 errdetail_internal("%s", problem)));
	m->args = fox_args_list(fox_arg_json(fcinfo, args));
	m->kwargs = fox_kwargs_check(fox_arg_json(fcinfo, kwargs));
	fox_message_check(m->args.len + m->kwargs.len);
	return find(fcinfo, false, &m->row);
}

static bool
is_kind(const Message *m, const char *kind)
{
	return strcmp(m->row.kind, kind) == 0;
}

/* --- functions that are called for others --- */

typedef struct Identity
{
	Oid			user;
	int			context;
	int			nest;			/* of settings */
} Identity;

/*
 * What follows is done as that role, with that schema as the search path: who sends or releases, and what it has set, is anybody's.  Nothing
 * that it does may be due at the end of the transaction, when it would be done as whoever has begun that.
 */
static Identity
begin_as(Oid role, const char *schema)
{
	Identity	before;

	GetUserIdAndSecContext(&before.user, &before.context);
	before.nest = NewGUCNestLevel();
	if (role != before.user)
		SetUserIdAndSecContext(role, before.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", psprintf("%s, pg_catalog, pg_temp", quote_identifier(schema)), PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	return before;
}

static void
end_as(Identity before)
{
	SPI_finish();
	AtEOXact_GUC(true, before.nest);
	SetUserIdAndSecContext(before.user, before.context);
}

/* --- local --- */

/* As the role that has made the callback: (method text, args jsonb, kwargs jsonb), or the first of these; its result, NULL for null and void. */
static char *
run_local(const Message *m)
{
	Oid			oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(m->row.uri)));
	const char *args[3] = {m->method, fox_jsonb_text(m->args, NULL), fox_jsonb_text(m->kwargs, NULL)};
	const char *schema = get_namespace_name(get_func_namespace(oid));
	MemoryContext memory = CurrentMemoryContext;
	Identity	before;
	StringInfoData sql;
	Datum		values[3];
	Oid			types[3] = {TEXTOID, JSONBOID, JSONBOID};
	int			n = get_func_nargs(oid);
	bool		is_void = get_func_rettype(oid) == VOIDOID;
	char	   *result = NULL;

	values[0] = CStringGetTextDatum(args[0]);
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(args[1] != NULL ? args[1] : "[]"));
	values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(args[2] != NULL ? args[2] : "{}"));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s%s(", is_void ? "" : "pg_catalog.to_jsonb(",
					 quote_qualified_identifier(schema, get_func_name(oid)));
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, "%s$%d", i > 0 ? "," : "", i + 1);
	appendStringInfoString(&sql, is_void ? ")" : "))");
	before = begin_as(get_role_oid(m->row.owner, false), schema);
	if (SPI_execute_with_args(sql.data, n, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not call %s", m->row.uri);
	if (SPI_processed > 0 && !is_void && (result = fox_spi_value(1)) != NULL)
		result = MemoryContextStrdup(memory, result);
	end_as(before);
	return result;
}

/* Whoever it is done for is not to hear of its errors: false, and a WARNING. */
static bool
guarded(void (*fn) (const FoxCallbackRow *row, const Message *m), const FoxCallbackRow *row, const Message *m, const char *what)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		fn(row, m);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(memory);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(e);
		ereport(WARNING,
				(errcode(e->sqlerrcode),
				 errmsg("%s has failed: %s", what, e->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = resources;
	return done;
}

static void
run_one_way(const FoxCallbackRow *row, const Message *m)
{
	(void) run_local(m);
}

static bool
send_local(const Message *m)
{
	return guarded(run_one_way, &m->row, m, psprintf("the callback %s", m->row.uri));
}

/* --- one-way --- */

static void
queue(const Message *m)
{
	static void *plan = NULL;
	StringInfoData details;
	FoxChange	rung = {.kind = FOX_CHANGE_QUEUED, .realm = FOX_LIT("")};
	const char *values[5] = {m->row.id, psprintf(UINT64_FORMAT, fox_draw_id()), fox_jsonb_text(m->args, NULL), fox_jsonb_text(m->kwargs, NULL), NULL};
	FoxAsOwner	saved = fox_as_owner();

	initStringInfo(&details);
	appendStringInfoString(&details, "{\"method\":");
	escape_json(&details, m->method);
	appendStringInfoChar(&details, '}');
	values[4] = details.data;
	SPI_connect();
	fox_spi(&plan,
			"INSERT INTO fox_wamp.delivery (handler, publication, topic, args, kwargs, details)"
			" VALUES ($1::pg_catalog.int8, $2::pg_catalog.int8, 'fox_wamp.callback', $3::pg_catalog.jsonb, $4::pg_catalog.jsonb, $5::pg_catalog.jsonb)",
			5, values);
	SPI_finish();
	fox_as_caller(saved);
	rung.topic = fox_cstr(m->row.id);
	fox_ring_add(&rung);
}

/* The router may hear of it before the row is committed: then it has the row from here. */
static void
fill_change(const Message *m, bool with_row, FoxChange *change)
{
	StringInfoData options;

	initStringInfo(&options);
	appendStringInfoString(&options, "{\"method\":");
	escape_json(&options, m->method);
	if (with_row)
		fox_append_member(&options, "row", fox_callback_row_json(&m->row));
	appendStringInfoChar(&options, '}');
	*change = (FoxChange) {
		.kind = FOX_CHANGE_CALLBACK_MESSAGE, .pid = MyProcPid, .realm = fox_cstr(m->row.realm), .topic = fox_cstr(m->row.id),
		.args = m->args, .kwargs = m->kwargs, .options = fox_slice(options.data, options.len)
	};
}

Datum
fox_wamp_callback_send(PG_FUNCTION_ARGS)
{
	Message		m;
	FoxChange	change;

	if (!read_message(fcinfo, 2, 3, &m))
		PG_RETURN_BOOL(false);
	if (is_kind(&m, "local"))
		PG_RETURN_BOOL(send_local(&m));
	if (is_kind(&m, "url"))
		queue(&m);
	else
	{
		fill_change(&m, false, &change);
		fox_ring_add(&change);
	}
	PG_RETURN_BOOL(true);
}

Datum
fox_wamp_callback_now(PG_FUNCTION_ARGS)
{
	Message		m;
	FoxChange	change;

	if (!read_message(fcinfo, 2, 3, &m))
		PG_RETURN_BOOL(false);
	if (is_kind(&m, "local"))
		PG_RETURN_BOOL(send_local(&m));
	fill_change(&m, true, &change);
	if (fox_ring_attach() == NULL)
		fox_ring_no_router();
	if (!fox_ring_put_now(&change))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_UNAVAILABLE),
				 errmsg("the commit ring of fox_wamp is full"),
				 errhint("Raise fox_wamp.ring_size.")));
	PG_RETURN_BOOL(true);
}

/* --- with an answer --- */

/* The only result if it is all there is, the kwargs if they are, else both. */
static FoxSlice
result_of(FoxSlice row)
{
	FoxSlice	args = fox_json_get(row, "args");
	FoxSlice	kwargs = fox_json_get(row, "kwargs");
	FoxSlice	first = FOX_ABSENT;
	FoxSlice	other;
	size_t		pos = 0;

	if (fox_json_kind(kwargs) == FOX_JSON_OBJECT)
		return fox_json_kind(args) == FOX_JSON_ARRAY ? row : kwargs;
	if (fox_json_kind(args) != FOX_JSON_ARRAY || !fox_json_element(args, &pos, &first))
		return FOX_ABSENT;
	return fox_json_element(args, &pos, &other) ? args : first;
}

static FoxSlice
ask(const Message *m, int64 timeout_ms)
{
	StringInfoData question;
	FoxSlice	answer;

	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"callback_call\",\"callback\":%s,\"timeout_ms\":" INT64_FORMAT ",\"method\":", m->row.id, timeout_ms);
	escape_json(&question, m->method);
	appendStringInfoString(&question, ",\"realm\":");
	escape_json(&question, m->row.realm);
	fox_append_member(&question, "row", fox_callback_row_json(&m->row));
	fox_append_member(&question, "args", m->args);
	fox_append_member(&question, "kwargs", m->kwargs);
	appendStringInfoChar(&question, '}');
	answer = fox_cstr(fox_ask_once(question.data, timeout_ms + ROUTER_GRACE_MS));
	return fox_absent(answer) ? answer : result_of(answer);
}

/* callback, method, args, timeout, kwargs */
Datum
fox_wamp_callback_call(PG_FUNCTION_ARGS)
{
	Message		m;
	int64		timeout_ms = fox_arg_timeout(fcinfo, 3);
	FoxSlice	result;

	if (timeout_ms == 0 || timeout_ms > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the timeout must be more than nothing and less than 25 days")));
	if (!read_message(fcinfo, 2, 4, &m))
		PG_RETURN_NULL();
	if (is_kind(&m, "local"))
		result = fox_cstr(run_local(&m));
	else
		result = ask(&m, timeout_ms < 0 ? DEFAULT_TIMEOUT_MS : timeout_ms);
	if (fox_absent(result))
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(result, NULL)));
}

/* --- the end --- */

/* callback_released(fox_wamp.callback, text) of the service; invalid: it has none. */
static Oid
hook_of(const char *service)
{
	Oid			schema = service[0] != '\0' ? get_namespace_oid(service, true) : InvalidOid;
	Oid			types[2] = {InvalidOid, TEXTOID};

	if (!OidIsValid(schema))
		return InvalidOid;
	types[0] = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("callback"), ObjectIdGetDatum(get_namespace_oid("fox_wamp", false)));
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("callback_released"),
						   PointerGetDatum(buildoidvector(types, 2)), ObjectIdGetDatum(schema));
}

static Oid
owner_of(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Its function has its owner's role, like an event handler. */
static void
tell_service(const FoxCallbackRow *row, const Message *m)
{
	Oid			hook = hook_of(row->service);
	Oid			types[2] = {INT8OID, TEXTOID};
	Datum		values[2] = {Int64GetDatum(strtoll(row->id, NULL, 10)), CStringGetTextDatum(row->interface)};
	Identity	before;

	if (!OidIsValid(hook))
		return;
	before = begin_as(owner_of(hook), row->service);
	if (SPI_execute_with_args(psprintf("SELECT %s($1, $2)", quote_qualified_identifier(row->service, "callback_released")),
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call callback_released()");
	end_as(before);
}

/* What refers to the row goes with it. */
static void
delete_row(const FoxCallbackRow *row)
{
	static void *plan = NULL;
	FoxAsOwner	saved = fox_as_owner();
	const char *id = row->id;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	fox_spi(&plan, "DELETE FROM fox_wamp.callback_registry WHERE id OPERATOR(pg_catalog.=) $1::pg_catalog.int8", 1, &id);
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
}

Datum
fox_wamp_callback_release(PG_FUNCTION_ARGS)
{
	FoxCallbackRow row;

	if (!find(fcinfo, true, &row))
		PG_RETURN_BOOL(false);
	tell_service(&row, NULL);
	delete_row(&row);
	PG_RETURN_BOOL(true);
}

/* The same, whatever the service says. */
Datum
fox_wamp_end_callback(PG_FUNCTION_ARGS)
{
	FoxCallbackRow row;

	if (!find(fcinfo, true, &row))
		PG_RETURN_BOOL(false);
	(void) guarded(tell_service, &row, NULL, psprintf("%s.callback_released()", row.service));
	delete_row(&row);
	PG_RETURN_BOOL(true);
}

/* --- local ones --- */

/* function, interface */
Datum
fox_wamp_callback_local(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	Oid		   *types;
	int			n;
	FoxCallbackRow row = {.kind = "local", .session = "0", .service = ""};

	(void) get_func_signature(oid, &types, &n);
	for (int i = 0; i < n; i++)
		if (n > 3 || getBaseType(types[i]) != (i == 0 ? TEXTOID : JSONBOID))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("%s can not be a callback", format_procedure(oid)),
					 errdetail("Its arguments must be (method text, args jsonb, kwargs jsonb), or the first of these.")));
	row.realm = fox_default_realm();
	row.uri = format_procedure_qualified(oid);
	row.interface = fox_arg_text(fcinfo, 1, "interface");
	row.owner = GetUserNameFromId(GetUserId(), false);
	fox_realm_check(row.realm);
	PG_RETURN_INT64(strtoll(fox_callback_enter(&row), NULL, 10));
}
