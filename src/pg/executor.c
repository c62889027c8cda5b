/*
 * executor.c - the process that carries out the router's SQL.
 *
 * A dynamic background worker with two queues.  The system executor takes all
 * writes that are waiting as one batch; other requests end a batch, so that
 * requests take effect in the order in which they were sent.  The slow executor
 * takes writes one by one and waits for locks.
 *
 * No user code is called from here, and no lock is held between requests.  What is
 * not a write may fail (somebody has locked the table) without ending the process:
 * it is tried again or dropped with a WARNING, for the writes behind it must go on.
 *
 * It ends with code 0 at SIGTERM and when the router's end of the queue is gone; so
 * the router ends a slow one that it has not needed for a minute, for an executor
 * that went by itself could overlook a request that is just coming.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/boot_sql.h"
#include "pg/bounced.h"
#include "pg/connect.h"
#include "pg/delivery_sql.h"
#include "pg/history_sql.h"
#include "pg/lane_seg.h"
#include "pg/login.h"
#include "pg/store_sql.h"
#include "pg/upkeep_sql.h"
#include "pg/wire_msg.h"

#define SYSTEM_LOCK_TIMEOUT 10	/* ms */
#define SLOW_LOCK_TIMEOUT 200	/* ms; then another topic has its turn */
#define EXPIRE_MS 1000
#define SWEEP_MS 5000
#define RETRY_MS 100
#define ROWS_BYTES 65536

extern PGDLLEXPORT void fox_wamp_executor_main(Datum main_arg);

static FoxLaneHeader *lane;
static FoxPipe requests;
static FoxPipe answers;

/* The batch that is being collected. */
static MemoryContext batch_context;
static FoxStoreItem batch[FOX_LANE_BATCH];
static int	batch_n = 0;
static Size batch_bytes = 0;

/* A load that is wanted: its request, and what has to be done first. */
static uint64 load_id = 0;
static bool load_clear = false;
static bool load_past = false;	/* the event history too */
static bool load_complained = false;

static uint64 settle_id = 0;	/* the request that waits for open transactions; 0: none */
static uint64 roles_id = 0;		/* the request to read roles that is still to be done; 0: none */

static FoxBuf out = {0};
static FoxBuf login_out = {0};

/* --- answers --- */

static void
send_out(void)
{
	shm_mq_result result;

	if (out.failed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	result = fox_pipe_send(&answers, out.len, out.data, false, true);
	fox_buf_reset(&out);
	if (result != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the router has gone */
}

static void
send_id(FoxWireType type, uint64 id)
{
	fox_wire_put_u8(&out, type);
	fox_wire_put_u64(&out, id);
	send_out();
}

/* --- guarded work --- */

/* Runs fn; an error ends its transaction and is logged as a WARNING.  False: it failed. */
static bool
guarded(void (*fn) (void *), void *arg, const char *what, bool complain)
{
	MemoryContext saved = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		fn(arg);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(saved);
		e = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		fox_buf_reset(&out);
		if (complain)
			ereport(WARNING,
					(errcode(e->sqlerrcode),
					 errmsg("fox_wamp could not %s: %s", what, e->message)));
		FreeErrorData(e);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(saved);
	return done;
}

/* --- writes --- */

static void
run_batch(void)
{
	MemoryContext saved;
	char		activity[64];

	if (batch_n == 0)
		return;
	snprintf(activity, sizeof(activity), "fox_wamp: %d retained values", batch_n);
	pgstat_report_activity(STATE_RUNNING, activity);
	saved = MemoryContextSwitchTo(batch_context);
	if (lane->kind == FOX_LANE_SLOW)
		for (int i = 0; i < batch_n; i++)
			fox_store_batch(&batch[i], 1, true);
	else
		fox_store_batch(batch, batch_n, false);

	fox_wire_put_u8(&out, FOX_WIRE_OUTCOMES);
	fox_wire_put_u64(&out, fox_store_rows());
	for (int i = 0; i < batch_n; i++)
	{
		fox_wire_put_u64(&out, batch[i].id);
		fox_wire_put_u8(&out, batch[i].outcome);
		fox_wire_put_u8(&out, batch[i].why);
		fox_wire_put_slice(&out, fox_cstr(batch[i].outcome == FOX_OUTCOME_REFUSED ? batch[i].text : NULL));
	}
	send_out();
	MemoryContextSwitchTo(saved);
	MemoryContextReset(batch_context);
	batch_n = 0;
	batch_bytes = 0;
	(void) pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
take_write(FoxWire *message, const char *data, Size len)
{
	FoxStoreItem *item = &batch[batch_n];
	char	   *copy = MemoryContextAllocHuge(batch_context, len);
	FoxWire		mine;

	/* The queue's memory holds only until the next message. */
	memcpy(copy, data, len);
	mine = fox_wire(copy, len);
	mine.at += message->at - data;
	memset(item, 0, sizeof(*item));
	item->id = fox_wire_u64(&mine);
	fox_wire_write(&mine, &item->write);
	if (mine.bad)
	{
		message->bad = true;
		return;
	}
	batch_n++;
	batch_bytes += len;
	if (batch_n == FOX_LANE_BATCH || batch_bytes >= FOX_LANE_BATCH_BYTES || lane->kind == FOX_LANE_SLOW)
		run_batch();
}

/* --- loading --- */

static void
send_setting(const char *name, const char *value)
{
	if (strcmp(name, "fox_wamp.synchronous_commit") == 0)
		fox_store_synchronous_commit(value);
	fox_wire_put_u8(&out, FOX_WIRE_SETTING);
	fox_wire_put_slice(&out, fox_cstr(name));
	fox_wire_put_slice(&out, fox_cstr(value));
	send_out();
}

static void
send_row(const FoxChange *row)
{
	if (out.len > 0 && out.data[0] != FOX_WIRE_ROWS)
		send_out();
	if (out.len == 0)
		fox_wire_put_u8(&out, FOX_WIRE_ROWS);
	fox_wire_put_row(&out, row);
	if (out.len >= ROWS_BYTES)
		send_out();
}

static void
send_mqtt(const FoxMqttRow *row)
{
	if (out.len > 0 && out.data[0] != FOX_WIRE_MQTT)
		send_out();
	if (out.len == 0)
		fox_wire_put_u8(&out, FOX_WIRE_MQTT);
	fox_wire_put_mqtt(&out, row);
	if (out.len >= ROWS_BYTES)
		send_out();
}

static const FoxBootSink sink = {.setting = send_setting,.row = send_row,.mqtt = send_mqtt};

static void
load(void *arg pg_attribute_unused())
{
	if (load_clear)
		fox_boot_clear(lane->boot_id);
	load_clear = false;
	fox_boot_settings(&sink);
	fox_boot_load(&sink, load_past);
	if (out.len > 0)
		send_out();
	load_past = false;
	send_id(FOX_WIRE_LOADED, load_id);
}

static void
try_load(void)
{
	pgstat_report_activity(STATE_RUNNING, "fox_wamp: loading retained values");
	if (guarded(load, NULL, "load retained values; it tries again", !load_complained))
	{
		load_id = 0;
		load_complained = false;
	}
	else
		load_complained = true;
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
roles(void *arg pg_attribute_unused())
{
	fox_boot_roles(&sink);
	send_out();
}

/* Nobody may keep what has been revoked: it is tried until it succeeds. */
static void
try_roles(void)
{
	if (!guarded(roles, NULL, "read the roles; it tries again", true))
		return;
	send_id(FOX_WIRE_DONE, roles_id);
	roles_id = 0;
}

static void
settings(void *arg pg_attribute_unused())
{
	fox_boot_settings(&sink);
}

/* --- other requests --- */

static void
settle(void *arg pg_attribute_unused())
{
	fox_settle_begin();
}

/* Without knowing them none are waited for. */
static void
try_settle(void)
{
	if (!fox_settled())
		return;
	send_id(FOX_WIRE_DONE, settle_id);
	settle_id = 0;
}

static void
registration(void *rows)
{
	FoxWire		w = *(FoxWire *) rows;

	fox_upkeep_registration(&w);
}

static void
notify(void *rows)
{
	FoxWire		w = *(FoxWire *) rows;

	fox_upkeep_notify(&w);
}

static bool past_failed;		/* the first attempt at a message has */

static void
past(void *rows)
{
	FoxWire		w = *(FoxWire *) rows;
	bool		careful = past_failed;

	past_failed = true;
	fox_history_write(&w, careful);
}

static bool delivery_failed;	/* the first attempt at a message has */

static void
deliveries(void *rows)
{
	FoxWire		w = *(FoxWire *) rows;
	bool		careful = delivery_failed;

	delivery_failed = true;
	fox_delivery_write(&w, careful);
}

static void
expire(void *arg)
{
	*(bool *) arg = fox_upkeep_expire();
}

static void
sweep(void *arg pg_attribute_unused())
{
	fox_boot_sweep(lane->boot_id);
}

static void
owners(void *arg pg_attribute_unused())
{
	fox_delivery_owners();
}

/* A lock that somebody holds for a moment is waited out; then the rows are given up: false. */
static bool
run_rows(void (*fn) (void *), FoxWire *rows, const char *what)
{
	bool		done = false;

	pgstat_report_activity(STATE_RUNNING, "fox_wamp: write-behind");
	for (int i = 0; i < 5 && !done; i++)
		done = guarded(fn, rows, what, i == 4);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

static void
login(void *question)
{
	fox_login_answer(*(FoxSlice *) question, &login_out);
}

/* Without an answer (a table was locked, say) the log-in fails. */
static void
take_login(uint64 id, FoxSlice question)
{
	bool		done;

	pgstat_report_activity(STATE_RUNNING, "fox_wamp: log-in");
	fox_buf_reset(&login_out);
	login_out.failed = false;
	done = guarded(login, &question, "carry out a log-in", true) && !login_out.failed;
	fox_wire_put_u8(&out, FOX_WIRE_LOGIN_ANSWER);
	fox_wire_put_u64(&out, id);
	fox_wire_put_slice(&out, done ? fox_buf_view(&login_out) : FOX_ABSENT);
	send_out();
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
take_request(const char *data, Size len)
{
	FoxWire		message = fox_wire(data, len);
	uint8		type = fox_wire_u8(&message);
	FoxSlice	realm;
	FoxSlice	topic;
	uint64		order;
	uint64		id;
	bool		behind;

	/* A log-in is of no order with what is written. */
	if (type != FOX_WIRE_WRITE && type != FOX_WIRE_LOGIN)
		run_batch();
	switch (type)
	{
		case FOX_WIRE_WRITE:
			take_write(&message, data, len);
			break;
		case FOX_WIRE_SLOW_SEEN:
			behind = fox_wire_u8(&message) != 0;
			realm = fox_wire_slice(&message);
			topic = fox_wire_slice(&message);
			order = fox_wire_u64(&message);
			if (!message.bad)
				fox_bounce_seen(behind ? FOX_OUTCOME_BEHIND : FOX_OUTCOME_SLOW, realm, topic, order);
			break;
		case FOX_WIRE_BOOT:
			load_id = fox_wire_u64(&message);
			load_clear = load_past = true;
			try_load();
			break;
		case FOX_WIRE_RELOAD:
			load_id = fox_wire_u64(&message);
			try_load();
			break;
		case FOX_WIRE_SETTLE:
			settle_id = fox_wire_u64(&message);
			(void) guarded(settle, NULL, "look for open transactions", true);
			try_settle();
			break;
		case FOX_WIRE_ROLES:
			/* One reading answers for those that were asked for before it. */
			if (roles_id != 0)
				send_id(FOX_WIRE_DONE, roles_id);
			roles_id = fox_wire_u64(&message);
			try_roles();
			break;
		case FOX_WIRE_REGISTRATION:
			id = fox_wire_u64(&message);
			(void) run_rows(registration, &message, "write fox_wamp.registration");
			send_id(FOX_WIRE_DONE, id);
			break;
		case FOX_WIRE_NOTIFY:
			id = fox_wire_u64(&message);
			(void) run_rows(notify, &message, "send notifications");
			send_id(FOX_WIRE_DONE, id);
			break;
		case FOX_WIRE_PAST:
			id = fox_wire_u64(&message);
			past_failed = false;
			(void) run_rows(past, &message, "write fox_wamp.event_history");
			send_id(FOX_WIRE_DONE, id);
			break;
		case FOX_WIRE_DELIVERIES:
			id = fox_wire_u64(&message);
			delivery_failed = false;
			send_id(run_rows(deliveries, &message, "write fox_wamp.delivery; it tries again") ? FOX_WIRE_DONE : FOX_WIRE_FAILED, id);
			break;
		case FOX_WIRE_LOGIN:
			id = fox_wire_u64(&message);
			take_login(id, fox_wire_slice(&message));
			break;
		default:
			message.bad = true;
	}
	if (message.bad)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("fox_wamp executor received a malformed request")));
}

/* --- the process --- */

static void
upkeep(TimestampTz *last_expire)
{
	static TimestampTz last_sweep = 0;
	TimestampTz now = GetCurrentTimestamp();
	bool		more = false;

	if (!TimestampDifferenceExceeds(*last_expire, now, EXPIRE_MS))
		return;
	*last_expire = now;
	(void) guarded(expire, &more, "delete expired values", true);
	if (more)
		*last_expire = 0;
	/* Before the load the clearing at the start has yet to be done. */
	if (load_id == 0 && TimestampDifferenceExceeds(last_sweep, now, SWEEP_MS))
	{
		last_sweep = now;
		(void) guarded(sweep, NULL, "apply wills", true);
		(void) guarded(owners, NULL, "look for the owners of handlers", true);
	}
	(void) pgstat_report_stat(false);
}

static void
loop(void)
{
	TimestampTz last_expire = GetCurrentTimestamp();
	TimestampTz last_try = 0;
	TimestampTz last_settle = 0;

	while (!ShutdownRequestPending)
	{
		shm_mq_result result;
		void	   *data;
		Size		len;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			fox_store_synchronous_commit(GetConfigOption("fox_wamp.synchronous_commit", true, false));
			if (lane->kind == FOX_LANE_SYSTEM)
				(void) guarded(settings, NULL, "read the settings of the database", true);
		}

		result = fox_pipe_receive(&requests, &len, &data);
		if (result == SHM_MQ_SUCCESS)
		{
			take_request(data, len);
			continue;
		}
		run_batch();
		if (result == SHM_MQ_DETACHED)
			return;

		if (lane->kind == FOX_LANE_SYSTEM)
		{
			upkeep(&last_expire);
			if (load_id != 0 && TimestampDifferenceExceeds(last_try, GetCurrentTimestamp(), RETRY_MS))
			{
				last_try = GetCurrentTimestamp();
				try_load();
			}
			if (roles_id != 0)
				try_roles();
			if (settle_id != 0 && TimestampDifferenceExceeds(last_settle, GetCurrentTimestamp(), RETRY_MS))
			{
				last_settle = GetCurrentTimestamp();
				try_settle();
			}
		}

		(void) pgstat_report_stat(false);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 load_id != 0 || roles_id != 0 || settle_id != 0 ? RETRY_MS : EXPIRE_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		fox_pipe_woken(&requests);
	}
}

void
fox_wamp_executor_main(Datum main_arg)
{
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	/* A cancel has nobody to tell here, and would fall on other people's writes. */
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();

	lane = fox_lane_attach(main_arg, &requests, &answers);
	fox_connect(lane->database);
	fox_store_setup(lane->boot_id, lane->kind == FOX_LANE_SLOW ? SLOW_LOCK_TIMEOUT : SYSTEM_LOCK_TIMEOUT);
	batch_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(TopMemoryContext);
	pgstat_report_appname(lane->kind == FOX_LANE_SLOW ? "fox_wamp slow executor" : "fox_wamp executor");
	pgstat_report_activity(STATE_IDLE, NULL);

	loop();
	proc_exit(0);
}
