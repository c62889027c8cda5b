/*
 * service_exec.c - a method of a service, in the executor (see service_exec.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "pg/service_exec.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_routine_problem);

static FoxServiceCall call;
static bool under_way = false;

const FoxServiceCall *
fox_service(void)
{
	return under_way ? &call : NULL;
}

void
fox_service_forget(void)
{
	under_way = false;
}

/* --- what the router says --- */

static char *
text_of(FoxSlice object, const char *name)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(fox_json_get(object, name), &scratch);
	char	   *copy = fox_absent(text) ? NULL : pnstrdup(text.ptr, text.len);

	fox_buf_free(&scratch);
	return copy;
}

static FoxLifetime
lifetime_of(const char *name)
{
	static const char *const names[] = {"single", "shared", "client_driven", "per_session", "per_user", "per_group"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (name != NULL && strcmp(names[i], name) == 0)
			return (FoxLifetime) i;
	elog(ERROR, "unknown lifetime of a service");
}

static void
read_about(FoxSlice about, const FoxCaller *caller)
{
	FoxSlice	row = fox_json_get(about, "service");

	call = (FoxServiceCall) {
		.caller = caller, .memory = CurrentMemoryContext, .root = text_of(row, "root"), .service = text_of(row, "service"), .schema = text_of(row, "schema"),
		.peer = text_of(about, "peer"), .named = text_of(about, "instance"), .lifetime = lifetime_of(text_of(row, "lifetime")),
		.names = fox_slice_is(fox_json_get(row, "result_as"), "\"object\""), .own = fox_json_is_true(fox_json_get(about, "own")),
		.known = fox_json_is_true(fox_json_get(about, "known")), .audit = fox_json_is_true(fox_json_get(row, "audit")),
		.since = GetCurrentTimestamp()
	};
	under_way = true;
}

/* --- the call --- */

void
fox_service_begin(FoxSlice about, const FoxCaller *caller, const FoxRoutine *f, void (*looks) (void))
{
	if (fox_absent(about))
		return;
	/* What goes wrong here is not to be taken for the arguments' fault. */
	fox_routine_stage = FOX_STAGE_RUN;
	read_about(about, caller);
	call.looks = looks;
	/* The extension's own methods, of contracts and of instances, see to themselves. */
	if (call.lifetime < FOX_LIFE_CLIENT || f->schema == get_namespace_oid("fox_wamp", false))
		return;
	fox_instance_take(&call);
	/* It may have waited for another call, whose work is to be seen. */
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
fox_service_bound(FoxRoutine *f, const FoxRoutineValues *values)
{
	if (under_way && call.audit)
		call.input = fox_audit_input(f, values);
}

void
fox_service_end(const StringInfoData *output)
{
	if (!under_way)
		return;
	fox_instance_touch(&call);
	if (call.audit)
		fox_audit_note(&call, output->len > 0 ? output->data : NULL, NULL);
}

/* Nothing that goes wrong here is the caller's business. */
void
fox_service_failed(const ErrorData *e)
{
	MemoryContext memory = CurrentMemoryContext;

	if (!under_way || !call.audit)
		return;
	PG_TRY();
	{
		char	   *error = psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message ? e->message : "");

		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		fox_audit_note(&call, NULL, error);
		PopActiveSnapshot();
		CommitTransactionCommand();
		MemoryContextSwitchTo(memory);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(memory);
	}
	PG_END_TRY();
}

/* --- the answer --- */

static void
append_name(StringInfo out, const char *name)
{
	escape_json(out, name[0] != '\0' ? name : "Result");
	appendStringInfoChar(out, ':');
}

/* Of a row: its values, or as many nulls. */
static void
append_columns(StringInfo out, const FoxRoutine *f, bool names, FoxSlice row)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	for (int i = 0; i < f->nout; i++)
	{
		bool		any = fox_json_kind(row) == FOX_JSON_OBJECT && fox_json_member(row, &pos, &key, &value);

		if (i > 0)
			appendStringInfoChar(out, ',');
		if (names && any)
			appendStringInfo(out, "\"%.*s\":", (int) key.len, key.ptr);
		else if (names)
			append_name(out, f->out_names[i]);
		if (any)
			appendBinaryStringInfo(out, value.ptr, (int) value.len);
		else
			appendStringInfoString(out, "null");
	}
}

void
fox_service_shape(const FoxRoutine *f, bool names, StringInfo json)
{
	FoxSlice	result = fox_slice(pnstrdup(json->data, json->len), json->len);

	resetStringInfo(json);
	appendStringInfoChar(json, names ? '{' : '[');
	if (f->nout > 1)
		append_columns(json, f, names, result);
	else if (f->kind != FOX_RESULT_VOID)
	{
		if (names)
			append_name(json, f->nout == 1 ? f->out_names[0] : "");
		appendBinaryStringInfo(json, result.ptr, (int) result.len);
	}
	appendStringInfoChar(json, names ? '}' : ']');
}

/* --- what can be a method --- */

Datum
fox_wamp_routine_problem(PG_FUNCTION_ARGS)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, PG_GETARG_DATUM(0));
	const char *problem = HeapTupleIsValid(proc) ? fox_routine_problem(proc) : "There is no such function.";

	if (HeapTupleIsValid(proc))
		ReleaseSysCache(proc);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
