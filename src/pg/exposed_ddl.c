/*
 * exposed_ddl.c - fox_wamp.exposed_function and fox_wamp.handler keep to the functions that there are.
 *
 * A row names its function by the full signature, in text: that is what pg_dump can
 * restore and pg_upgrade can carry over (it refuses tables with regprocedure columns, and
 * OIDs of functions change).  So event triggers see to it: a function that is dropped
 * takes its row along; around a statement that may rename one - the function, its
 * schema, a type of its arguments - the OIDs behind the signatures are noted before and
 * looked at afterwards.  CREATE OR REPLACE needs nothing: executors notice by themselves.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "core/uri.h"
#include "pg/compat.h"
#include "pg/errcodes.h"
#include "pg/routine.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_exposed_before);
PG_FUNCTION_INFO_V1(fox_wamp_functions_dropped);
PG_FUNCTION_INFO_V1(fox_wamp_functions_altering);
PG_FUNCTION_INFO_V1(fox_wamp_functions_altered);

#define COL_REALM 1
#define COL_ROOT 2
#define COL_NAME 3
#define COL_FUNCTION 4

/* What is exposed, noted before a statement. */
typedef struct Noted
{
	int			n;
	char	  **functions;
	Oid		   *oids;
} Noted;

static MemoryContext noted_context = NULL;
static Noted noted;

static void
event_only(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as an event trigger")));
}

/* --- a row, before it is stored --- */

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
			 errmsg("invalid procedure \"%.100s\"", uri),
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
				 errmsg("root \"%.100s\" does not exist", column(row, desc, COL_ROOT)),
				 errhint("SELECT fox_wamp.expose_root(%s);", quote_literal_cstr(column(row, desc, COL_ROOT)))));
	check_uri(psprintf("%s.%s", column(row, desc, COL_ROOT), column(row, desc, COL_NAME)));
	/* Raises the error for a function that is not there. */
	oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(function)));
	check_function(oid);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		warn_of_public(oid);
	values[0] = CStringGetTextDatum(format_procedure_qualified(oid));
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, columns, values, nulls));
}

/* --- statements that change functions --- */

#define DROPPED(table) \
	"DELETE FROM " table " e USING pg_catalog.pg_event_trigger_dropped_objects() d" \
	" WHERE d.object_type OPERATOR(pg_catalog.=) 'function' AND e.function OPERATOR(pg_catalog.=) d.object_identity"
#define RENAMED(table) \
	"UPDATE " table " SET function = $2 WHERE function OPERATOR(pg_catalog.=) $1"

Datum
fox_wamp_functions_dropped(PG_FUNCTION_ARGS)
{
	static void *exposed = NULL;
	static void *handlers = NULL;
	FoxAsOwner	saved;

	event_only(fcinfo);
	saved = fox_as_owner();
	SPI_connect();
	fox_spi(&exposed, DROPPED("fox_wamp.exposed_function"), 0, NULL);
	fox_spi(&handlers, DROPPED("fox_wamp.handler"), 0, NULL);
	SPI_finish();
	fox_as_caller(saved);
	PG_RETURN_NULL();
}

Datum
fox_wamp_functions_altering(PG_FUNCTION_ARGS)
{
	static void *plan = NULL;
	FoxAsOwner	saved;
	MemoryContext caller;

	event_only(fcinfo);
	if (noted_context == NULL)
		noted_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp exposed functions", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(noted_context);
	noted.n = 0;

	saved = fox_as_owner();
	SPI_connect();
	fox_spi(&plan, "SELECT function, pg_catalog.to_regprocedure(function)::pg_catalog.oid::pg_catalog.text"
			" FROM (SELECT function FROM fox_wamp.exposed_function UNION SELECT function FROM fox_wamp.handler) f", 0, NULL);
	caller = MemoryContextSwitchTo(noted_context);
	noted.functions = palloc(sizeof(char *) * SPI_processed + 1);
	noted.oids = palloc(sizeof(Oid) * SPI_processed + 1);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *oid = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		if (oid == NULL)
			continue;
		noted.functions[noted.n] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		noted.oids[noted.n++] = atooid(oid);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
	fox_as_caller(saved);
	PG_RETURN_NULL();
}

Datum
fox_wamp_functions_altered(PG_FUNCTION_ARGS)
{
	static void *exposed = NULL;
	static void *handlers = NULL;
	static void *owners = NULL;
	FoxAsOwner	saved;

	event_only(fcinfo);
	saved = fox_as_owner();
	SPI_connect();
	for (int i = 0; i < noted.n; i++)
	{
		const char *values[2] = {noted.functions[i], NULL};

		if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(noted.oids[i])))
			continue;
		values[1] = format_procedure_qualified(noted.oids[i]);
		if (strcmp(values[0], values[1]) == 0)
			continue;
		fox_spi(&exposed, RENAMED("fox_wamp.exposed_function"), 2, values);
		fox_spi(&handlers, RENAMED("fox_wamp.handler"), 2, values);
	}
	noted.n = 0;
	/* The table's trigger writes the owner that there is. */
	fox_spi(&owners, "UPDATE fox_wamp.handler h SET owner = '' FROM pg_catalog.pg_proc p"
			" WHERE p.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure(h.function)"
			" AND pg_catalog.pg_get_userbyid(p.proowner) OPERATOR(pg_catalog.<>) h.owner", 0, NULL);
	SPI_finish();
	fox_as_caller(saved);
	PG_RETURN_NULL();
}
