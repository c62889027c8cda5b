/*
 * exposed_row.c - rows of fox_wamp.exposed_function before they are stored: the function must be one
 * that can be called, and is named by its full signature (function_ddl.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/uri.h"
#include "pg/compat.h"
#include "pg/errcodes.h"
#include "pg/routine.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_exposed_before);

#define COL_REALM 1
#define COL_ROOT 2
#define COL_NAME 3
#define COL_FUNCTION 4

static char *
column(HeapTuple row, TupleDesc desc, int n)
{
	bool		isnull;
	Datum		value = heap_getattr(row, n, desc, &isnull);

	return isnull ? pstrdup("") : TextDatumGetCString(value);
}

static void
check_uri(const char *uri)
{
	FoxSlice	slice = fox_cstr(uri);

	if (fox_uri_pattern_valid(slice, FOX_EXACT, false) && fox_uri_valid(slice, false) && !fox_uri_reserved(slice))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid procedure \"%s\"", fox_clip(uri)),
			 errdetail("No client could call it.")));
}

/* That a new function is everybody's is easily forgotten. */
static void
warn_of_public(Oid oid)
{
	if (FOX_ACLCHECK_FUNCTION(oid, ACL_ID_PUBLIC, ACL_EXECUTE) == ACLCHECK_OK)
		ereport(NOTICE,
				(errmsg("every role may call %s", format_procedure(oid)),
				 errhint("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;", format_procedure(oid))));
}

static void
check_function(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	const char *problem;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	problem = fox_routine_problem(tuple);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s can not be a procedure of clients", format_procedure(oid)),
				 errdetail_internal("%s", problem)));
	ReleaseSysCache(tuple);
}

Datum
fox_wamp_exposed_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple	row;
	TupleDesc	desc;
	char	   *function;
	Oid			oid;
	int			columns[1] = {COL_FUNCTION};
	Datum		values[1];
	bool		nulls[1] = {false};

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	desc = RelationGetDescr(data->tg_relation);
	function = column(row, desc, COL_FUNCTION);
	if (column(row, desc, COL_ROOT)[0] == '\0' || function[0] == '\0')
		return PointerGetDatum(row);	/* its constraints refuse it */
	if (column(row, desc, COL_REALM)[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("root \"%s\" does not exist", fox_clip(column(row, desc, COL_ROOT))),
				 errhint("SELECT fox_wamp.expose_root(%s);", quote_literal_cstr(column(row, desc, COL_ROOT)))));
	check_uri(psprintf("%s.%s", column(row, desc, COL_ROOT), column(row, desc, COL_NAME)));
	/* Raises the error for a function that is not there. */
	oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(function)));
	check_function(oid);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && get_func_namespace(oid) != get_namespace_oid("fox_wamp", false))
		warn_of_public(oid);
	values[0] = CStringGetTextDatum(format_procedure_qualified(oid));
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, columns, values, nulls));
}
