/*
 * launcher.c - starts one router per database that wants one, and keeps it running.
 *
 *	 slot:	FREE ──start()──► STARTING ──listening──► RUNNING
 *			  ▲                  ▲                       │
 *			  │                  └──(died: 1 s later)────┤
 *			  └──database or extension gone──STOPPED◄──stop()── STOPPING
 *	 start() while STOPPING: RESTARTING, which becomes STARTING instead of STOPPED.
 *
 * A launcher that ends leaves its routers running; the next one knows them by the
 * pid in their slot, which a router sets when it comes and clears when it goes.
 *
 * Routers are BGW_NEVER_RESTART, because one whose database was dropped would be
 * restarted for ever.  After a crash of the server shared memory is empty: the
 * launcher, which the postmaster does restart, finds the databases anew by a probe in
 * each, one at a time, so that one spare worker slot is enough.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/connect.h"
#include "pg/launcher.h"

#define RESTART_MS 1000

PGDLLEXPORT void fox_wamp_launcher_main(Datum arg);
PGDLLEXPORT void fox_wamp_probe_main(Datum arg);

/* What the launcher knows of a slot's worker. */
typedef struct Supervised
{
	BackgroundWorkerHandle *handle;
	TimestampTz not_before;
} Supervised;

static Supervised supervised[FOX_MAX_DATABASES];
static bool warned_no_slot = false;

/* --- registering --- */

static void
fill_worker(BackgroundWorker *worker, const char *what, const char *function, int restart, Datum arg)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = restart;
	worker->bgw_main_arg = arg;
	worker->bgw_notify_pid = MyProcPid;
	snprintf(worker->bgw_name, BGW_MAXLEN, "fox_wamp %s", what);
	snprintf(worker->bgw_type, BGW_MAXLEN, "fox_wamp %s", what);
	snprintf(worker->bgw_library_name, BGW_MAXLEN, "fox_wamp");
	snprintf(worker->bgw_function_name, BGW_MAXLEN, "%s", function);
}

void
fox_launcher_register(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "launcher", "fox_wamp_launcher_main", 1, (Datum) 0);
	worker.bgw_notify_pid = 0;
	RegisterBackgroundWorker(&worker);
}

bool
fox_launcher_ensure(void)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	if (fox_shmem_launcher()->pid != 0)
		return true;
	fill_worker(&worker, "launcher", "fox_wamp_launcher_main", 1, (Datum) 0);
	worker.bgw_notify_pid = 0;
	return RegisterDynamicBackgroundWorker(&worker, &handle);
}

void
fox_launcher_wake(void)
{
	int			procno = fox_shmem_launcher()->procno;

	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

/* --- databases --- */

typedef struct Database
{
	Oid			oid;
	bool		connectable;
} Database;

/* All databases, in the current memory context; runs a transaction of its own. */
static List *
list_databases(void)
{
	MemoryContext mine = CurrentMemoryContext;
	List	   *list = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(mine);
		Database   *d = palloc(sizeof(*d));

		d->oid = form->oid;
		d->connectable = form->datallowconn && !form->datistemplate;
		list = lappend(list, d);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(mine);
	return list;
}

static bool
database_exists(Oid oid)
{
	List	   *list = list_databases();
	ListCell   *cell;
	bool		found = false;

	foreach(cell, list)
		found = found || ((Database *) lfirst(cell))->oid == oid;
	list_free_deep(list);
	return found;
}

static void
warn_no_slot(void)
{
	if (!warned_no_slot)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("fox_wamp: no free background worker slot"),
				 errhint("Raise max_worker_processes.")));
	warned_no_slot = true;
}

/* Asks a short worker whether the database has the extension; *asked: there was one to ask. */
static bool
probe(Oid database, bool *asked)
{
	FoxLauncherSlot *me = fox_shmem_launcher();
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	me->probe_database = database;
	me->probe_found = false;
	fill_worker(&worker, "probe", "fox_wamp_probe_main", BGW_NEVER_RESTART, ObjectIdGetDatum(database));
	*asked = RegisterDynamicBackgroundWorker(&worker, &handle);
	if (!*asked)
	{
		warn_no_slot();
		return false;
	}
	(void) WaitForBackgroundWorkerShutdown(handle);
	pfree(handle);
	return me->probe_found;
}

/* Wants a router for every database that has the extension; false: ask again later. */
static bool
find_databases(void)
{
	List	   *list = list_databases();
	ListCell   *cell;
	bool		asked = true;

	foreach(cell, list)
	{
		Database   *d = lfirst(cell);
		FoxSlot    *slot;

		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending || !asked)
			break;
		if (!d->connectable || fox_shmem_slot(d->oid) != NULL || !probe(d->oid, &asked))
			continue;
		slot = fox_shmem_try_claim(d->oid);
		if (slot != NULL)
			pg_atomic_write_u32(&slot->state, FOX_SLOT_STARTING);
		else
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("fox_wamp: database %u gets no router", d->oid),
					 errdetail("%d databases of this cluster have one already.", FOX_MAX_DATABASES)));
	}
	list_free_deep(list);
	return asked;
}

void
fox_wamp_probe_main(Datum arg)
{
	FoxLauncherSlot *launcher;

	if (IsBinaryUpgrade)
		proc_exit(0);
	BackgroundWorkerUnblockSignals();
	fox_connect(DatumGetObjectId(arg));
	StartTransactionCommand();
	launcher = fox_shmem_launcher();
	if (launcher->probe_database == MyDatabaseId)
		launcher->probe_found = OidIsValid(get_extension_oid("fox_wamp", true));
	CommitTransactionCommand();
	proc_exit(0);
}

/* --- supervision --- */

static void
start_router(FoxSlot *slot, Supervised *s)
{
	BackgroundWorker worker;

	if (!database_exists(slot->database))
	{
		pg_atomic_write_u32(&slot->state, FOX_SLOT_FREE);
		return;
	}
	fill_worker(&worker, "router", "fox_wamp_router_main", BGW_NEVER_RESTART, ObjectIdGetDatum(slot->database));
	if (RegisterDynamicBackgroundWorker(&worker, &s->handle))
		warned_no_slot = false;
	else
	{
		s->handle = NULL;
		warn_no_slot();
	}
	s->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RESTART_MS);
}

/* Looks after every slot; true: one waits for its time. */
static bool
supervise(void)
{
	bool		waits = false;

	for (int i = 0; i < FOX_MAX_DATABASES; i++)
	{
		FoxSlot    *slot = fox_shmem_nth(i);
		Supervised *s = &supervised[i];
		uint32		state;
		pid_t		pid;

		if (s->handle != NULL)
		{
			if (GetBackgroundWorkerPid(s->handle, &pid) != BGWH_STOPPED)
				continue;
			pfree(s->handle);
			s->handle = NULL;
		}
		if (slot->router_pid != 0)
			continue;			/* an earlier launcher's; it wakes us when it ends */
		state = pg_atomic_read_u32(&slot->state);
		if (state == FOX_SLOT_STOPPING)
			pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STOPPED);
		else if (state == FOX_SLOT_RESTARTING)
		{
			pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STARTING);
			waits = true;
		}
		else if (state == FOX_SLOT_RUNNING)
		{
			/* It died without saying so: begin anew. */
			pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_STARTING);
			s->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RESTART_MS);
			waits = true;
		}
		else if (state == FOX_SLOT_STARTING)
		{
			if (GetCurrentTimestamp() >= s->not_before)
				start_router(slot, s);
			waits = true;
		}
		else if (state == FOX_SLOT_STOPPED && !database_exists(slot->database))
			pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_FREE);
	}
	return waits;
}

static void
leave(int code, Datum arg)
{
	FoxLauncherSlot *me = fox_shmem_launcher();

	if (me->pid == MyProcPid)
	{
		me->pid = 0;
		me->procno = -1;
	}
}

/* False: another launcher runs. */
static bool
take_office(void)
{
	FoxLauncherSlot *me = fox_shmem_launcher();
	bool		mine;

	LWLockAcquire(fox_shmem_lock(), LW_EXCLUSIVE);
	mine = me->pid == 0;
	if (mine)
	{
		me->pid = MyProcPid;
		me->procno = FOX_MY_PROCNO();
	}
	LWLockRelease(fox_shmem_lock());
	return mine;
}

static bool
nobody_wanted(void)
{
	for (int i = 0; i < FOX_MAX_DATABASES; i++)
		if (pg_atomic_read_u32(&fox_shmem_nth(i)->state) != FOX_SLOT_FREE)
			return false;
	return true;
}

void
fox_wamp_launcher_main(Datum arg)
{
	bool		found;

	if (IsBinaryUpgrade)
		proc_exit(0);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	if (!take_office())
		proc_exit(0);
	before_shmem_exit(leave, (Datum) 0);
	pgstat_report_appname("fox_wamp launcher");

	/* A slot that is taken means a start() of this server's life; none means a fresh shared memory. */
	found = !nobody_wanted();
	while (!ShutdownRequestPending)
	{
		bool		waits;

		if (!found)
			found = find_databases();
		waits = supervise() || !found;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT,
						 waits ? RESTART_MS / 4 : 60000, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	proc_exit(0);
}
