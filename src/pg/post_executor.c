/*
 * post_executor.c - the process that sends POST requests.
 *
 * A dynamic background worker with two queues, as executor.c, and connections to other servers.
 * Nothing of what it sends is kept here: see post_queue.c.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/boot_sql.h"
#include "pg/connect.h"
#include "pg/lane_seg.h"
#include "pg/post_queue.h"
#include "pg/store_sql.h"
#include "pg/wire_msg.h"

#define LOCK_TIMEOUT 1000		/* ms */
#define WAITS_MAX 256
#define IDLE_MS 1000

extern PGDLLEXPORT void fox_wamp_post_executor_main(Datum main_arg);

static shm_mq_handle *requests;
static shm_mq_handle *answers;
static FoxBuf out = {0};

static void
send_report(uint64 attend, const char *json)
{
	fox_buf_reset(&out);
	fox_wire_put_u64(&out, attend);
	fox_wire_put_slice(&out, fox_cstr(json));
	if (out.failed)
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (shm_mq_send(answers, out.len, out.data, false, true) != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the router has gone */
}

/* False: the router has gone. */
static bool
take_requests(void)
{
	for (;;)
	{
		void	   *data;
		Size		len;
		shm_mq_result result = shm_mq_receive(requests, &len, &data, true);
		FoxWire		w;
		uint64		id;
		uint64		handler;

		if (result != SHM_MQ_SUCCESS)
			return result != SHM_MQ_DETACHED;
		w = fox_wire(data, len);
		id = fox_wire_u64(&w);
		handler = fox_wire_u64(&w);
		if (w.bad)
			ereport(ERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("fox_wamp executor received a malformed request")));
		fox_post_attend(id, handler);
	}
}

/* libcurl's descriptors change from turn to turn, and a WaitEventSet takes none back. */
static void
wait_for_something(long ms)
{
	FoxPosterWait waits[WAITS_MAX];
	int			n = fox_post_waits(waits, WAITS_MAX, &ms);
	WaitEventSet *set = CreateWaitEventSet(CurrentMemoryContext, n + 2);
	WaitEvent	event;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < n; i++)
		AddWaitEventToSet(set, (waits[i].reads ? WL_SOCKET_READABLE : 0) | (waits[i].writes ? WL_SOCKET_WRITEABLE : 0),
						  waits[i].fd, NULL, NULL);
	(void) WaitEventSetWait(set, ms, &event, 1, PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
}

/* Those of the database go before the server's. */
static void
set_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_DATABASE, GUC_ACTION_SET, true, WARNING, false);
}

static void
reload(void)
{
	static const FoxBootSink sink = {.setting = set_setting};

	ProcessConfigFile(PGC_SIGHUP);
	fox_store_synchronous_commit(GetConfigOption("fox_wamp.synchronous_commit", true, false));
	fox_boot_settings(&sink);
}

static void
loop(void)
{
	while (!ShutdownRequestPending)
	{
		long		wait = IDLE_MS;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			reload();
		}
		if (!take_requests())
			return;
		fox_post_turn(&wait);
		(void) pgstat_report_stat(false);
		if (wait != 0)
			wait_for_something(wait);
	}
}

void
fox_wamp_post_executor_main(Datum main_arg)
{
	FoxLaneHeader *lane;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();

	lane = fox_lane_attach(main_arg, &requests, &answers);
	fox_connect(lane->database);
	fox_store_setup(lane->boot_id, LOCK_TIMEOUT);
	MemoryContextSwitchTo(TopMemoryContext);
	pgstat_report_appname("fox_wamp post executor");
	pgstat_report_activity(STATE_IDLE, NULL);
	fox_post_queues_start(send_report);

	loop();
	proc_exit(0);
}
