/*
 * callback_end.c - how a callback ends: its service hears of it, then its row goes, and what refers to that.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/callback_row.h"
#include "pg/owner_role.h"
#include "pg/service_hook.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_callback_release);
PG_FUNCTION_INFO_V1(fox_wamp_end_callback);

/* callback_released(fox_wamp.callback, text), if it has that. */
static void
tell_service(const void *arg)
{
	const FoxCallbackRow *row = arg;
	Oid			types[2] = {InvalidOid, TEXTOID};
	Datum		values[2] = {Int64GetDatum(strtoll(row->id, NULL, 10)), CStringGetTextDatum(row->interface)};
	FoxServiceHook hook;

	types[0] = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("callback"), ObjectIdGetDatum(get_namespace_oid("fox_wamp", false)));
	if (fox_service_hook(&hook, row->service, "callback_released", lengthof(types), types))
		fox_service_hook_run(&hook, values);
}

/*
 * What refers to the row goes with it, and what has to be done then at the tables of others is done as nobody in particular:
 * a query's AFTER triggers have the role that it ends with, and anybody may refer to the registry.
 */
static void
delete_row(const FoxCallbackRow *row)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(strtoll(row->id, NULL, 10))};
	Oid			nobody = get_role_oid("fox_wamp_anonymous", false);
	FoxAsOwner	saved = fox_as_owner();
	EState	   *state;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (plan == NULL)
	{
		plan = SPI_prepare("DELETE FROM fox_wamp.callback_registry WHERE id OPERATOR(pg_catalog.=) $1", 1, types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the end of a callback");
	}
	AfterTriggerBeginQuery();
	if (SPI_execute_snapshot(plan, values, NULL, InvalidSnapshot, InvalidSnapshot, false, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete a callback");
	SetUserIdAndSecContext(nobody, saved.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	state = CreateExecutorState();
	AfterTriggerEndQuery(state);
	ExecResetTupleTable(state->es_tupleTable, false);
	ExecCloseResultRelations(state);
	FreeExecutorState(state);
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
}

/* Nobody else ends it meanwhile. */
static bool
find(FunctionCallInfo fcinfo, FoxCallbackRow *row)
{
	return !PG_ARGISNULL(0) && fox_callback_row(psprintf(INT64_FORMAT, PG_GETARG_INT64(0)), true, row);
}

Datum
fox_wamp_callback_release(PG_FUNCTION_ARGS)
{
	FoxCallbackRow row;

	if (!find(fcinfo, &row))
		PG_RETURN_BOOL(false);
	tell_service(&row);
	delete_row(&row);
	PG_RETURN_BOOL(true);
}

/* The same, whatever the service says. */
Datum
fox_wamp_end_callback(PG_FUNCTION_ARGS)
{
	FoxCallbackRow row;

	if (!find(fcinfo, &row))
		PG_RETURN_BOOL(false);
	(void) fox_guarded(tell_service, &row, psprintf("%s.callback_released()", row.service));
	delete_row(&row);
	PG_RETURN_BOOL(true);
}
