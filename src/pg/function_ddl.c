/*
 * function_ddl.c - rows of configuration keep to the functions, and tables, that there are.
 *
 * A row names its function by the full signature, in text: that is what pg_dump can
 * restore and pg_upgrade can carry over (it refuses tables with regprocedure columns, and
 * OIDs of functions change).  So event triggers see to it: around a statement that may
 * rename a function - itself, its schema, a type of its arguments - the OIDs behind the
 * signatures are noted before and looked at afterwards.  CREATE OR REPLACE needs nothing:
 * executors notice by themselves.
 *
 * A table is followed in the same way, by its name.
 *
 * A function that is dropped takes its rows of fox_wamp.exposed_function and .handler along.  The rows
 * that name it as an authorizer, authenticator or publish hook stay, and let nobody in and nothing through: without
 * them others would decide, which may allow more.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "pg/function_ddl.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_functions_dropped);
PG_FUNCTION_INFO_V1(fox_wamp_functions_altering);
PG_FUNCTION_INFO_V1(fox_wamp_functions_altered);

/* A row that is nothing without its function goes with it. */
#define DELETE_DROPPED(table) \
	"DELETE FROM " table " e USING pg_catalog.pg_event_trigger_dropped_objects() d" \
	" WHERE d.object_type OPERATOR(pg_catalog.=) 'function' AND e.function OPERATOR(pg_catalog.=) d.object_identity"

/* The functions and tables that rows name, noted before a statement. */
typedef struct Noted
{
	int			n;
	char	  **names;
	Oid		   *oids;
	bool	   *tables;			/* it is the name of one */
} Noted;

/* Columns that name functions; each has a plan of its own. */
static struct Column
{
	const char *update;
	void	   *plan;
}			columns[] = {
	{"UPDATE fox_wamp.exposed_function SET function = $2 WHERE function OPERATOR(pg_catalog.=) $1", NULL},
	{"UPDATE fox_wamp.handler SET function = $2 WHERE function OPERATOR(pg_catalog.=) $1", NULL},
	{"UPDATE fox_wamp.permission SET authorizer_function = $2 WHERE authorizer_function OPERATOR(pg_catalog.=) $1", NULL},
	{"UPDATE fox_wamp.publish_hook SET function = $2 WHERE function OPERATOR(pg_catalog.=) $1", NULL},
	{"UPDATE fox_wamp.auth_method SET authenticator_function = $2 WHERE authenticator_function OPERATOR(pg_catalog.=) $1", NULL},
};

static struct Column table_column =
	{"UPDATE fox_wamp.exposed_table SET relation = $2 WHERE relation OPERATOR(pg_catalog.=) $1", NULL};

static MemoryContext noted_context = NULL;
static Noted noted;
static bool renaming = false;

bool
fox_functions_renaming(void)
{
	return renaming;
}

static void
event_only(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as an event trigger")));
}

Datum
fox_wamp_functions_dropped(PG_FUNCTION_ARGS)
{
	static void *exposed = NULL;
	static void *handlers = NULL;
	static void *tables = NULL;
	FoxAsOwner	saved;

	event_only(fcinfo);
	saved = fox_as_owner();
	SPI_connect();
	fox_spi(&exposed, DELETE_DROPPED("fox_wamp.exposed_function"), 0, NULL);
	fox_spi(&tables, "DELETE FROM fox_wamp.exposed_table e USING pg_catalog.pg_event_trigger_dropped_objects() d"
			" WHERE d.object_type OPERATOR(pg_catalog.=) ANY ('{table,view,materialized view,foreign table}')"
			" AND e.relation OPERATOR(pg_catalog.=) d.object_identity", 0, NULL);
	fox_spi(&handlers, DELETE_DROPPED("fox_wamp.handler"), 0, NULL);
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
		noted_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp functions", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(noted_context);
	noted.n = 0;

	saved = fox_as_owner();
	SPI_connect();
	fox_spi(&plan, "SELECT f.function, pg_catalog.to_regprocedure(f.function)::pg_catalog.oid::pg_catalog.text, NULL FROM ("
			"SELECT function FROM fox_wamp.exposed_function UNION SELECT function FROM fox_wamp.handler"
			" UNION SELECT function FROM fox_wamp.publish_hook"
			" UNION SELECT authorizer_function FROM fox_wamp.permission WHERE authorizer_function IS NOT NULL"
			" UNION SELECT authenticator_function FROM fox_wamp.auth_method WHERE authenticator_function IS NOT NULL) f"
			" UNION ALL SELECT relation, pg_catalog.to_regclass(relation)::pg_catalog.oid::pg_catalog.text, 'table' FROM fox_wamp.exposed_table",
			0, NULL);
	caller = MemoryContextSwitchTo(noted_context);
	noted.names = palloc(sizeof(char *) * SPI_processed + 1);
	noted.oids = palloc(sizeof(Oid) * SPI_processed + 1);
	noted.tables = palloc(sizeof(bool) * SPI_processed + 1);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *oid = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		if (oid == NULL)
			continue;
		noted.names[noted.n] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		noted.tables[noted.n] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3) != NULL;
		noted.oids[noted.n++] = atooid(oid);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
	fox_as_caller(saved);
	PG_RETURN_NULL();
}

/* The table's trigger writes the owner that there is. */
static void
follow_owners(void)
{
	static void *plan = NULL;

	fox_spi(&plan, "UPDATE fox_wamp.handler h SET owner = '' FROM pg_catalog.pg_proc p"
			" WHERE p.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure(h.function)"
			" AND pg_catalog.pg_get_userbyid(p.proowner) OPERATOR(pg_catalog.<>) h.owner", 0, NULL);
}

/* What was called `former` may have another name by now, or have gone. */
static void
follow(const char *former, Oid oid)
{
	const char *values[2] = {former, NULL};

	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(oid)))
		return;
	values[1] = format_procedure_qualified(oid);
	for (int k = 0; k < (int) lengthof(columns) && strcmp(values[0], values[1]) != 0; k++)
		fox_spi(&columns[k].plan, columns[k].update, 2, values);
}

static void
follow_table(const char *former, Oid oid)
{
	const char *values[2] = {former, NULL};

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(oid)))
		return;
	values[1] = quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), get_rel_name(oid));
	if (strcmp(values[0], values[1]) != 0)
		fox_spi(&table_column.plan, table_column.update, 2, values);
}

Datum
fox_wamp_functions_altered(PG_FUNCTION_ARGS)
{
	FoxAsOwner	saved;

	event_only(fcinfo);
	saved = fox_as_owner();
	SPI_connect();
	PG_TRY();
	{
		renaming = true;
		for (int i = 0; i < noted.n; i++)
			(noted.tables[i] ? follow_table : follow) (noted.names[i], noted.oids[i]);
		follow_owners();
	}
	PG_FINALLY();
	{
		renaming = false;
	}
	PG_END_TRY();
	noted.n = 0;
	SPI_finish();
	fox_as_caller(saved);
	PG_RETURN_NULL();
}
