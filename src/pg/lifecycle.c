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

#include "pg/compat.h"
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
static Oid	resume_at_end = InvalidOid; /* stopped for this transaction's statement */

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

/* Of a database with a slot; called where nothing may fail. */
static void
start_now(Oid database)
{
	FoxSlot    *slot = fox_shmem_slot(database);
	uint32		state = FOX_SLOT_STOPPED;

	if (slot == NULL)
		return;
	if (!pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STARTING))
	{
		/* One that is just stopping comes back when it has. */
		state = FOX_SLOT_STOPPING;
		pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_RESTARTING);
	}
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
	while ((state == FOX_SLOT_STARTING || state == FOX_SLOT_RUNNING || state == FOX_SLOT_RESTARTING) &&
		   !pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STOPPING))
		;
	fox_shmem_wake(slot);
	fox_launcher_wake();
	return wait_for_state(database, FOX_SLOT_STOPPED, STOP_TIMEOUT_MS);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && start_at_commit)
		start_now(MyDatabaseId);
	if (OidIsValid(resume_at_end))
		start_now(resume_at_end);
	start_at_commit = false;
	resume_at_end = InvalidOid;
}

static void
watch_transaction(void)
{
	static bool watches = false;

	if (!watches)
		RegisterXactCallback(at_transaction_end, NULL);
	watches = true;
}

/* The worker must see the extension, so it is started when this transaction has committed. */
static void
start(void)
{
	PreventCommandDuringRecovery("fox_wamp.start()");
	(void) fox_shmem_claim(MyDatabaseId);	/* what can fail does so now */
	if (!fox_launcher_ensure())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free background worker slot for fox_wamp"),
				 errhint("Raise max_worker_processes.")));
	watch_transaction();
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
	/* Kept to what can be added to a time. */
	PG_RETURN_BOOL(wait_for_state(MyDatabaseId, FOX_SLOT_RUNNING, Max(Min(ms, PG_INT32_MAX), 0)));
}

/* --- statements that need a database without other sessions --- */

/* The database that the statement wants for itself, or InvalidOid. */
static Oid
wanted_alone(Node *statement)
{
	const char *name = NULL;
	List	   *options = NIL;
	ListCell   *cell;
	Oid			database;

	if (IsA(statement, DropdbStmt))
		name = castNode(DropdbStmt, statement)->dbname;
	else if (IsA(statement, RenameStmt) && castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE)
		name = castNode(RenameStmt, statement)->subname;
	else if (IsA(statement, CreatedbStmt))
	{
		name = "template1";
		options = castNode(CreatedbStmt, statement)->options;
	}
	else if (IsA(statement, AlterDatabaseStmt))
		options = castNode(AlterDatabaseStmt, statement)->options;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		if (IsA(statement, CreatedbStmt) && strcmp(option->defname, "template") == 0 && option->arg != NULL)
			name = defGetString(option);
		if (IsA(statement, AlterDatabaseStmt) && strcmp(option->defname, "tablespace") == 0)
			name = castNode(AlterDatabaseStmt, statement)->dbname;
	}
	if (name == NULL)
		return InvalidOid;
	database = get_database_oid(name, true);
	/* Only a copy can be made of the database one is in. */
	return database == MyDatabaseId && !IsA(statement, CreatedbStmt) ? InvalidOid : database;
}

/*
 * The router comes back when the transaction has ended, however it did: before that
 * it would wait for the statement's lock.  Where the database is gone the launcher
 * notices.  Who does not own the database stops nothing: the statement will be refused.
 */
static void
utility_hook(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = previous_hook ? previous_hook : standard_ProcessUtility;
	bool		alone = context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock();
	Oid			database = alone ? wanted_alone(pstmt->utilityStmt) : InvalidOid;
	FoxSlot    *slot = OidIsValid(database) ? fox_shmem_slot(database) : NULL;
	uint32		state = slot ? pg_atomic_read_u32(&slot->state) : FOX_SLOT_FREE;

	if ((state == FOX_SLOT_STARTING || state == FOX_SLOT_RUNNING) && FOX_OWNS_DATABASE(database, GetUserId()))
	{
		watch_transaction();
		resume_at_end = database;
		(void) stop_now(database);
	}
	next(pstmt, query, read_only_tree, context, params, env, dest, qc);
}

void
fox_lifecycle_install_hook(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
}
