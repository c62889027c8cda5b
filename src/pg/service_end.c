/*
 * service_end.c - a service ends, and its instances with it.
 *
 * By whatever its row of fox_wamp.exposed_service goes, on_free() runs for each instance before that, in the same
 * transaction: what the hook has done is there exactly if the service is no more.  With another lifetime the instances
 * would be other ones, so that they end then too.
 *
 * Who ends a service need not be who owns it, so a hook that fails changes nothing but that it is not done; only a
 * cancellation, which is meant for the whole statement, is one.  A hook that has been dropped with its schema can not
 * run: fox_wamp.schemas_altered() says so.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "pg/owner_role.h"
#include "pg/service_hook.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_service_ends);

#define EQ " OPERATOR(pg_catalog.=) "

typedef struct Freed
{
	const FoxServiceHook *hook;
	const char *state;
} Freed;

static void
run_hook(const void *arg)
{
	const Freed *freed = arg;

	fox_on_free_run(freed->hook, freed->state);
}

static void
end_instances(const char *root, const char *service, const char *schema)
{
	static void *plan = NULL;
	const char *values[2] = {root, service};
	FoxServiceHook hook;
	bool		any = fox_on_free(&hook, schema);
	uint64		n;
	SPITupleTable *rows;

	SPI_connect();
	n = fox_spi_own(&plan, "DELETE FROM fox_wamp.service_instance WHERE root" EQ "$1 AND service" EQ "$2"
					" RETURNING coalesce(state, 'null'::pg_catalog.jsonb)", 2, values);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n && any; i++)
	{
		Freed		freed = {&hook, SPI_getvalue(rows->vals[i], rows->tupdesc, 1)};

		(void) fox_guarded(run_hook, &freed, psprintf("on_free() of service \"%s.%s\"", root, service));
	}
	SPI_finish();
}

static char *
column(const TriggerData *data, HeapTuple row, const char *name)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);

	return SPI_getvalue(row, desc, SPI_fnumber(desc, name));
}

Datum
fox_wamp_service_ends(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple	result;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	result = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	if (result == data->tg_trigtuple ||
		strcmp(column(data, data->tg_trigtuple, "lifetime"), column(data, result, "lifetime")) != 0)
		end_instances(column(data, data->tg_trigtuple, "root"), column(data, data->tg_trigtuple, "name"),
					  column(data, data->tg_trigtuple, "schema"));
	return PointerGetDatum(result);
}
