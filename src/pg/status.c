/*
 * status.c - fox_wamp.doctor(): is everything as it should be, and what to do if not.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/launcher.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_doctor);

static void
put_row(ReturnSetInfo *result, const char *name, bool ok, const char *detail, const char *hint)
{
	Datum		values[4] = {CStringGetTextDatum(name), BoolGetDatum(ok), CStringGetTextDatum(detail)};
	bool		nulls[4] = {false, false, false, hint == NULL || ok};

	if (!nulls[3])
		values[3] = CStringGetTextDatum(hint);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The one text that the query has as its answer, asked as the extension's owner; NULL: null. */
static char *
answer_of(void **plan, const char *query)
{
	MemoryContext caller = CurrentMemoryContext;
	FoxAsOwner	saved = fox_as_owner();
	char	   *answer;

	SPI_connect();
	fox_spi(plan, query, 0, NULL);
	answer = fox_spi_value(1);
	if (answer != NULL)
		answer = MemoryContextStrdup(caller, answer);
	SPI_finish();
	fox_as_caller(saved);
	return answer;
}

/* Functions that rows name as authorizers, authenticators and publish hooks and that are no more; NULL: none. */
static char *
missing_functions(void)
{
	static void *plan = NULL;

	return answer_of(&plan, "SELECT pg_catalog.string_agg(f.function, ', ' ORDER BY f.function) FROM (SELECT authorizer_function AS function FROM fox_wamp.permission"
					 " UNION SELECT authenticator_function FROM fox_wamp.auth_method UNION SELECT function FROM fox_wamp.publish_hook) f"
					 " WHERE f.function IS NOT NULL AND pg_catalog.to_regprocedure(f.function) IS NULL");
}

static void
put_bridges(ReturnSetInfo *result)
{
	static void *plan = NULL;
	char	   *down = answer_of(&plan, "SELECT pg_catalog.string_agg(name || coalesce(': ' || last_error, ''), '; ' ORDER BY name)"
								 " FROM fox_wamp.mqtt_bridge_state WHERE state IN ('waiting', 'connecting')");

	put_row(result, "MQTT bridges", down == NULL, down == NULL ? "none is without its connection" : psprintf("not connected: %s", down),
			"SELECT * FROM fox_wamp.mqtt_bridge_state; then change the row in fox_wamp.mqtt_bridge, or set its enabled to false.");
}

static void
put_handlers(ReturnSetInfo *result)
{
	static void *plan = NULL;
	uint64		dead = strtoull(answer_of(&plan, "SELECT pg_catalog.count(*) FROM fox_wamp.delivery WHERE dead"), NULL, 10);

	put_row(result, "handlers", dead == 0, dead == 0 ? "no event has failed for good" :
			psprintf(UINT64_FORMAT " events have failed for good", dead),
			"SELECT id, topic, last_error FROM fox_wamp.delivery WHERE dead; then fox_wamp.retry_delivery(id) or fox_wamp.drop_delivery(id).");
}

/* A port that expects what nobody may send. */
static void
put_proxies(ReturnSetInfo *result)
{
	FoxNetConfig net;
	bool		expected;
	bool		trusted;

	fox_guc_net_config(&net);
	expected = net.proxy_protocol != 0;
	trusted = net.trusted_proxies[strspn(net.trusted_proxies, " \t")] != '\0';
	put_row(result, "proxies", trusted || !expected,
			!expected ? "no port expects PROXY headers" :
			trusted ? "PROXY headers are expected of trusted proxies" : "PROXY headers are expected, but no proxy is trusted",
			"ALTER SYSTEM SET fox_wamp.trusted_proxies = 'address of the proxy'; SELECT pg_reload_conf();");
}

Datum
fox_wamp_doctor(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);
	uint32		state = slot ? pg_atomic_read_u32(&slot->state) : FOX_SLOT_STOPPED;
	char	   *missing;
	static const char *const states[] = {"not started", "starting", "running", "stopping", "restarting", "stopped"};
	bool		preloaded = strstr(shared_preload_libraries_string ? shared_preload_libraries_string : "", "fox_wamp") != NULL ||
		strstr(session_preload_libraries_string ? session_preload_libraries_string : "", "fox_wamp") != NULL;

	InitMaterializedSRF(fcinfo, 0);
	missing = missing_functions();
	put_row(result, "launcher", fox_shmem_launcher()->pid != 0,
			fox_shmem_launcher()->pid != 0 ? psprintf("pid %d", fox_shmem_launcher()->pid) : "not running",
			"SELECT fox_wamp.start();");
	put_row(result, "router", state == FOX_SLOT_RUNNING,
			state == FOX_SLOT_RUNNING ? psprintf("pid %d", slot->router_pid) : states[state],
			state == FOX_SLOT_STARTING ? "Look for warnings of fox_wamp in the server's log: its port may be taken, or max_worker_processes too small." :
			"SELECT fox_wamp.start();");
	put_row(result, "port", slot != NULL && slot->port == fox_guc_port,
			slot != NULL && slot->port != 0 ? psprintf("listening on %s, port %d", fox_guc_listen_addresses, slot->port) :
			"not listening", "SELECT fox_wamp.restart();");
	put_row(result, "call executors", slot == NULL || slot->call_executors_missing == 0,
			psprintf("%d of up to %d%s", slot ? slot->call_executors : 0, fox_guc_executors,
					 slot != NULL && slot->call_executors_missing != 0 ? ", no worker slot is free for another" : ""),
			"Raise max_worker_processes, or lower fox_wamp.executors.");
	put_row(result, "authorizers", missing == NULL, missing == NULL ? "every function that decides is there" : psprintf("missing: %s", missing),
			"Create the function again, or change the rows of fox_wamp.permission, fox_wamp.auth_method and fox_wamp.publish_hook that name it: until then nothing is allowed by them.");
	put_handlers(result);
	put_proxies(result);
	if (state == FOX_SLOT_RUNNING)
		put_bridges(result);
	put_row(result, "preload", preloaded,
			preloaded ? "the router comes back after a server restart" : "the router does not come back after a server restart",
			"ALTER SYSTEM SET shared_preload_libraries = 'fox_wamp'; (takes a restart), or "
			"ALTER DATABASE … SET session_preload_libraries = 'fox_wamp';");
	put_row(result, "encoding", GetDatabaseEncoding() == PG_UTF8,
			GetDatabaseEncodingName(), "Use a database with encoding UTF8.");
	return (Datum) 0;
}
