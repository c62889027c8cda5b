/*
 * lifecycle.c - start(), stop(), restart(), wait_until_running(), and the utility
 * statements that need a database to themselves.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/timestamp.h"

#include "pg/errcodes.h"
#include "pg/launcher.h"
#include "pg/lifecycle.h"

#define STOP_TIMEOUT_MS 10000
#define POLL_MS 10

PG_FUNCTION_INFO_V1(fox_wamp_start);
PG_FUNCTION_INFO_V1(fox_wamp_stop);
PG_FUNCTION_INFO_V1(fox_wamp_restart);
PG_FUNCTION_INFO_V1(fox_wamp_wait_until_running);

static ProcessUtility_hook_type previous_hook = NULL;
static bool start_at_commit = false;

/* --- waiting --- */

/* Waits until the slot of a database is in that state; false when the time is over. */
static bool
wait_for_state(Oid database, FoxSlotState wanted, int64 timeout_ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	for (;;)
	{
		FoxSlot    *slot = fox_shmem_slot(database);
		uint32		state = slot ? pg_atomic_read_u32(&slot->state) : FOX_SLOT_STOPPED;

		if (state == wanted)
			return true;
		if (GetCurrentTimestamp() >= until)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT, POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* --- starting and stopping --- */

static void
start_now(Oid database)
{
	FoxSlot    *slot = fox_shmem_claim(database);
	uint32		state = FOX_SLOT_STOPPED;

	pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STARTING);
	fox_launcher_wake();
}

/* True: it runs no more.  A router that is not there is stopped. */
static bool
stop_now(Oid database)
{
	FoxSlot    *slot = fox_shmem_slot(database);
	uint32		state;

	if (slot == NULL)
		return true;
	state = pg_atomic_read_u32(&slot->state);
	while ((state == FOX_SLOT_STARTING || state == FOX_SLOT_RUNNING) &&
		   !pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STOPPING))
		;
	fox_shmem_wake(slot);
	fox_launcher_wake();
	return wait_for_state(database, FOX_SLOT_STOPPED, STOP_TIMEOUT_MS);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && start_at_commit)
		start_now(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		start_at_commit = false;
}

/* The worker must see the extension, so it is started when this transaction has committed. */
static void
start(void)
{
	static bool registered = false;

	PreventCommandDuringRecovery("fox_wamp.start()");
	(void) fox_shmem_claim(MyDatabaseId);	/* what can fail does so now */
	if (!fox_launcher_ensure())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free background worker slot for fox_wamp"),
				 errhint("Raise max_worker_processes.")));
	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	start_at_commit = true;
}

Datum
fox_wamp_start(PG_FUNCTION_ARGS)
{
	start();
	PG_RETURN_VOID();
}

static void
stop_or_error(void)
{
	if (!stop_now(MyDatabaseId))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_TIMEOUT),
				 errmsg("the router of this database did not stop in time"),
				 errhint("Look at pg_stat_activity for \"fox_wamp router\".")));
}

Datum
fox_wamp_stop(PG_FUNCTION_ARGS)
{
	stop_or_error();
	PG_RETURN_VOID();
}

Datum
fox_wamp_restart(PG_FUNCTION_ARGS)
{
	stop_or_error();
	start();
	PG_RETURN_VOID();
}

Datum
fox_wamp_wait_until_running(PG_FUNCTION_ARGS)
{
	Interval   *span;
	int64		ms;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the timeout must not be null")));
	span = PG_GETARG_INTERVAL_P(0);
	ms = span->time / 1000 + (span->day + (int64) span->month * 30) * 86400000;
	if (start_at_commit)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the router starts when this transaction has committed"),
				 errhint("Call fox_wamp.wait_until_running() in a transaction of its own.")));
	PG_RETURN_BOOL(wait_for_state(MyDatabaseId, FOX_SLOT_RUNNING, ms));
}

/* --- statements that need a database without other sessions --- */

/* The database that the statement wants for itself, or InvalidOid. */
static Oid
wanted_alone(Node *statement)
{
	if (IsA(statement, DropdbStmt))
		return get_database_oid(castNode(DropdbStmt, statement)->dbname, true);
	if (IsA(statement, RenameStmt) && castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE)
		return get_database_oid(castNode(RenameStmt, statement)->subname, true);
	if (IsA(statement, CreatedbStmt))
	{
		ListCell   *cell;

		foreach(cell, castNode(CreatedbStmt, statement)->options)
		{
			DefElem    *option = lfirst(cell);

			if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
				return get_database_oid(defGetString(option), true);
		}
	}
	return InvalidOid;
}

static void
utility_hook(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = previous_hook ? previous_hook : standard_ProcessUtility;
	Oid			database = wanted_alone(pstmt->utilityStmt);
	FoxSlot    *slot = OidIsValid(database) ? fox_shmem_slot(database) : NULL;
	uint32		state = slot ? pg_atomic_read_u32(&slot->state) : FOX_SLOT_FREE;
	bool		stopped = false;

	if (state == FOX_SLOT_STARTING || state == FOX_SLOT_RUNNING)
	{
		if (context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock())
			stopped = stop_now(database);
	}
	if (!stopped)
	{
		next(pstmt, query, read_only_tree, context, params, env, dest, qc);
		return;
	}
	PG_TRY();
	{
		next(pstmt, query, read_only_tree, context, params, env, dest, qc);
	}
	PG_CATCH();
	{
		start_now(database);
		PG_RE_THROW();
	}
	PG_END_TRY();
	start_now(database);		/* a dropped one is noticed by the launcher */
}

void
fox_lifecycle_install_hook(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
}
