/*
 * handler_row.c - rows of fox_wamp.handler before they are stored, and calls to look into a queue.
 *
 * A handler runs as the owner of its function, so only who may act as that role can have it
 * run.  The row names the owner as well: the router holds it against who is eligible for an
 * event.  Like a row of fox_wamp.exposed_function it follows its function (exposed_ddl.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/column.h"
#include "pg/errcodes.h"
#include "pg/ring.h"
#include "pg/routine.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_handler_before);
PG_FUNCTION_INFO_V1(fox_wamp_handler_queued);

#define COL_FUNCTION 4
#define COL_OWNER 6
#define COLUMNS 10
#define ARGUMENTS 4

/* As a sentence; NULL: the function can be a handler. */
static const char *
problem_of(HeapTuple proc)
{
	Oid		   *types = ((Form_pg_proc) GETSTRUCT(proc))->proargtypes.values;
	int			n = ((Form_pg_proc) GETSTRUCT(proc))->pronargs;
	const char *problem = fox_routine_problem(proc);

	if (problem != NULL)
		return problem;
	for (int i = 0; i < n; i++)
	{
		Oid			type = getBaseType(types[i]);

		if (i >= ARGUMENTS || (i == 0 ? type != TEXTOID && type != VARCHAROID : type != JSONBOID && type != JSONOID))
			return "Its arguments must be (topic text, args jsonb, kwargs jsonb, details jsonb), or the first of these.";
	}
	return NULL;
}

static void
check(Oid oid, HeapTuple proc)
{
	Oid			owner = ((Form_pg_proc) GETSTRUCT(proc))->proowner;
	const char *problem = problem_of(proc);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s can not be a handler of events", format_procedure(oid)),
				 errdetail_internal("%s", problem)));
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s would run as role \"%s\", whose privileges you do not have", format_procedure(oid),
						GetUserNameFromId(owner, false))));
}

Datum
fox_wamp_handler_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, COLUMNS);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	FoxSlice	function;
	Oid			oid;
	HeapTuple	proc;
	int			columns[2] = {COL_FUNCTION, COL_OWNER};
	Datum		values[2];
	bool		nulls[2] = {false};

	/* Whoever publishes has to read the durable ones anew: see queue.c. */
	CacheInvalidateRelcache(data->tg_relation);
	function = fox_text_column(row, desc, COL_FUNCTION);
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event) || fox_absent(function))
		return PointerGetDatum(row);
	/* Raises the error for a function that is not there. */
	oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(function.ptr)));
	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist", function.ptr)));
	check(oid, proc);
	values[0] = CStringGetTextDatum(format_procedure_qualified(oid));
	values[1] = CStringGetTextDatum(GetUserNameFromId(((Form_pg_proc) GETSTRUCT(proc))->proowner, false));
	ReleaseSysCache(proc);
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 2, columns, values, nulls));
}

/* The queue of a handler has something to do that no event tells of. */
Datum
fox_wamp_handler_queued(PG_FUNCTION_ARGS)
{
	FoxChange	change = {.kind = FOX_CHANGE_QUEUED};

	change.realm = FOX_LIT("");
	change.topic = fox_cstr(psprintf(INT64_FORMAT, PG_GETARG_INT64(0)));
	fox_ring_add(&change);
	PG_RETURN_VOID();
}
