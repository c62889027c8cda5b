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
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/connect.h"
#include "pg/lane_seg.h"
#include "pg/post_queue.h"
#include "pg/store_sql.h"
#include "pg/wire_msg.h"

#define LOCK_TIMEOUT 1000		/* ms */
#define IDLE_MS 1000
#define RETIRE_MS 5000

extern PGDLLEXPORT void fox_wamp_post_executor_main(Datum main_arg);

static FoxPipe requests;
static FoxPipe answers;
static FoxBuf out = {0};

/* attend 0: the process ends. */
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
	if (fox_pipe_send(&answers, out.len, out.data, false, true) != SHM_MQ_SUCCESS)
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
		shm_mq_result result = fox_pipe_receive(&requests, &len, &data);
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

/*
 * What is under way ends, then the next process begins with the settings as they are.  What takes too long is given up,
 * and sent again by that one: others are not to wait for it.
 */
static void
retire(void)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (!fox_post_queues_drained() && !ShutdownRequestPending && !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), RETIRE_MS))
	{
		long		wait = RETIRE_MS / 10;

		CHECK_FOR_INTERRUPTS();
		fox_post_turn(&wait);
		fox_post_queues_wait(wait);
	}
	send_report(0, NULL);
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
			retire();
			return;
		}
		if (!take_requests())
			return;
		fox_post_turn(&wait);
		(void) pgstat_report_stat(false);
		fox_post_queues_wait(wait);
		fox_pipe_woken(&requests);
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
