/*
 * service_end.c - a service ends, and its instances with it.
 *
 * By whatever its row of fox_wamp.exposed_service goes, on_free() runs for each instance before that, in the same
 * transaction: what the hook has done is there exactly if the service is no more.  With another lifetime the instances
 * would be other ones, so that they end then too; with another name they follow.
 *
 * The row is locked by then, and who makes an instance has it locked as well, so that what there is now is all: a
 * snapshot of now finds it, whatever the transaction sees otherwise.
 *
 * Who ends a service need not be who owns it, so a hook that fails changes nothing but that it is not done; only a
 * cancellation, which is meant for the whole statement, is one.  A hook that has been dropped with its schema can not
 * run: fox_wamp.schemas_altered() says so.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/owner_role.h"
#include "pg/service_hook.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_instances_follow);

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

/* Of all instances of the service that the first two values name; with SPI connected. */
static uint64
change_instances(SPIPlanPtr *plan, const char *sql, int nargs, const char *const *values)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		datums[4];
	FoxAsOwner	saved = fox_as_owner();

	if (*plan == NULL && ((*plan = SPI_prepare(sql, nargs, types)) == NULL || SPI_keepplan(*plan) != 0))
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	for (int i = 0; i < nargs; i++)
		datums[i] = CStringGetTextDatum(values[i]);
	if (SPI_execute_snapshot(*plan, datums, NULL, GetLatestSnapshot(), InvalidSnapshot, false, true, 0) < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	fox_as_caller(saved);
	return SPI_processed;
}

static void
end_instances(const char *root, const char *service, const char *schema)
{
	static SPIPlanPtr plan = NULL;
	const char *values[2] = {root, service};
	FoxServiceHook hook;
	bool		any = fox_on_free(&hook, schema);
	uint64		n;
	SPITupleTable *rows;

	SPI_connect();
	n = change_instances(&plan, "DELETE FROM fox_wamp.service_instance WHERE root" EQ "$1 AND service" EQ "$2"
						 " RETURNING coalesce(state, 'null'::pg_catalog.jsonb)", 2, values);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n && any; i++)
	{
		Freed		freed = {&hook, SPI_getvalue(rows->vals[i], rows->tupdesc, 1)};

		(void) fox_guarded(run_hook, &freed, psprintf("on_free() of service \"%s.%s\"", root, service));
	}
	SPI_finish();
}

static void
rename_instances(const char *root, const char *service, const char *new_root, const char *new_service)
{
	static SPIPlanPtr plan = NULL;
	const char *values[4] = {root, service, new_root, new_service};

	SPI_connect();
	(void) change_instances(&plan, "UPDATE fox_wamp.service_instance SET root = $3, service = $4 WHERE root" EQ "$1 AND service" EQ "$2", 4, values);
	SPI_finish();
}

/* What identifies a service, and what its instances go by. */
typedef struct Row
{
	char	   *root;
	char	   *name;
	char	   *schema;
	char	   *lifetime;
} Row;

static char *
column(const TriggerData *data, HeapTuple tuple, const char *name)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);

	return SPI_getvalue(tuple, desc, SPI_fnumber(desc, name));
}

static Row
read_row(const TriggerData *data, HeapTuple tuple)
{
	return (Row) {column(data, tuple, "root"), column(data, tuple, "name"), column(data, tuple, "schema"), column(data, tuple, "lifetime")};
}

static void
follow(const Row *old, const Row *new)
{
	if (new == NULL || strcmp(old->lifetime, new->lifetime) != 0)
		end_instances(old->root, old->name, old->schema);
	else if (strcmp(old->root, new->root) != 0 || strcmp(old->name, new->name) != 0)
		rename_instances(old->root, old->name, new->root, new->name);
}

Datum
fox_wamp_instances_follow(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Row			old;
	Row			new;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	old = read_row(data, data->tg_trigtuple);
	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		follow(&old, NULL);
		return PointerGetDatum(data->tg_trigtuple);
	}
	new = read_row(data, data->tg_newtuple);
	follow(&old, &new);
	return PointerGetDatum(data->tg_newtuple);
}
