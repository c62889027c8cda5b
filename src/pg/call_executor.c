/*
 * call_executor.c - the process that runs SQL functions for callers, and for events (handler_exec.h).
 *
 * A dynamic background worker with two queues, as executor.c, but apart from it: user
 * code runs here, in the caller's role (call_role.h), one call a transaction.  A call's
 * result leaves when it has committed; parts of a progressive one leave as they are made.
 *
 * SIGINT cancels the call that the board names (lane_seg.h), the call whose time is over,
 * or, from anybody but the router, the one that runs.  SIGTERM ends an idle process with
 * code 0, and one that runs a function at once.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "pg/call_error.h"
#include "pg/call_role.h"
#include "pg/caller.h"
#include "pg/connect.h"
#include "pg/handler_exec.h"
#include "pg/http_exec.h"
#include "pg/lane_seg.h"
#include "pg/overload.h"
#include "pg/pool.h"
#include "pg/routine.h"
#include "pg/service_exec.h"
#include "pg/sight_exec.h"
#include "pg/table.h"
#include "pg/wire_msg.h"

#define IDLE_STATS_MS 1000

extern PGDLLEXPORT void fox_wamp_call_executor_main(Datum main_arg);

/* A request, slices into the queue's memory. */
typedef struct Call
{
	uint64		id;
	uint64		place;
	FoxRunKind	kind;
	uint64		handler;
	uint8		hops;
	uint64		timeout_ms;
	bool		receive_progress;
	FoxSlice	function;
	FoxSlice	role;			/* absent: the function's owner */
	FoxSlice	args;
	FoxSlice	kwargs;
	FoxCaller	caller;
	FoxHttpCall http;			/* if caller.http says so */
	FoxSlice	service;		/* absent: it is a method of none */
	bool		says_if_it_looks;	/* at the state of that, if it is a shared one */
} Call;

static FoxLaneHeader *volatile lane;
static FoxPipe requests;
static FoxPipe answers;
static MemoryContext call_context;
static TimestampTz begun;		/* the call */
static FoxBuf out = {0};

/* --- signals --- */

static void
on_cancel(SIGNAL_ARGS)
{
	static uint32 seen = 0;
	int			save_errno = errno;

	if (lane != NULL)
	{
		FoxCallBoard *b = &lane->board;
		uint64		running = pg_atomic_read_u64(&b->running);
		uint32		sent = pg_atomic_read_u32(&b->signals);
		bool		by_router = sent != seen;

		seen = sent;
		if (running != 0 &&
			(!by_router || pg_atomic_read_u64(&b->cancel) == running ||
			 get_timeout_indicator(STATEMENT_TIMEOUT, false) || get_timeout_indicator(LOCK_TIMEOUT, false)))
		{
			InterruptPending = true;
			QueryCancelPending = true;
		}
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

/* The segment is unmapped before the process has ended, and signals come until then. */
static void
leave(int code, Datum arg)
{
	lane = NULL;
}

static void
on_terminate(SIGNAL_ARGS)
{
	int			save_errno = errno;

	ShutdownRequestPending = true;
	if (lane != NULL && pg_atomic_read_u64(&lane->board.running) != 0)
		die(postgres_signal_arg);
	SetLatch(MyLatch);
	errno = save_errno;
}

/* --- answers --- */

static void
send_answer(FoxCallMessage type, uint64 id, FoxSlice uri, FoxSlice args, FoxSlice kwargs)
{
	shm_mq_result result;

	fox_buf_reset(&out);
	out.failed = false;
	fox_wire_put_u8(&out, type);
	fox_wire_put_u64(&out, id);
	fox_wire_put_u64(&out, (uint64) (GetCurrentTimestamp() - begun));
	if (type == FOX_CALL_FAILED)
		fox_wire_put_slice(&out, uri);
	fox_wire_put_slice(&out, args);
	fox_wire_put_slice(&out, kwargs);
	if (out.failed)
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	/* A message that has begun has to be sent to its end. */
	HOLD_CANCEL_INTERRUPTS();
	result = fox_pipe_send(&answers, out.len, out.data, false, true);
	RESUME_CANCEL_INTERRUPTS();
	if (out.cap > 1024 * 1024)
		fox_buf_free(&out);
	if (result != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the router has gone */
}

/* A list of the one value that the text is. */
static FoxSlice
list_of(StringInfo json)
{
	char	   *list = palloc(json->len + 3);

	list[0] = '[';
	memcpy(list + 1, json->data, json->len);
	list[json->len + 1] = ']';
	list[json->len + 2] = '\0';
	return fox_slice(list, json->len + 2);
}

static void
send_row(void *ctx, const char *json, int len)
{
	StringInfoData row = {.data = unconstify(char *, json), .len = len};

	send_answer(FOX_CALL_PROGRESS, ((const Call *) ctx)->id, FOX_ABSENT, list_of(&row), FOX_ABSENT);
}

static void
say_that_it_looks(void)
{
	send_answer(FOX_CALL_LOOKS, pg_atomic_read_u64(&lane->board.running), FOX_ABSENT, FOX_ABSENT, FOX_ABSENT);
}

static void
send_result(const Call *c, const FoxRoutine *f, StringInfo json, bool sent_rows)
{
	FoxSlice	empty = FOX_LIT("[]");

	if (fox_service() != NULL && !sent_rows)
	{
		FoxSlice	values = fox_slice(json->data, json->len);

		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, fox_service()->names ? empty : values, fox_service()->names ? values : FOX_ABSENT);
	}
	else if (f->kind == FOX_RESULT_VOID || sent_rows)
		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, empty, FOX_ABSENT);
	else if (f->kind == FOX_RESULT_RECORD && !f->set && json->data[0] == '{')
		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, empty, fox_slice(json->data, json->len));
	else
		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, list_of(json), FOX_ABSENT);
}

/* --- one call --- */

static void
arm_timeout(uint64 ms)
{
	if (StatementTimeout > 0 && (ms == 0 || (uint64) StatementTimeout < ms))
		ms = (uint64) StatementTimeout;
	if (ms > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, (int) Min(ms, (uint64) INT_MAX));
}

static FoxRoutine *
find(const Call *c)
{
	FoxSupplied supplied = {
		.skipped = c->caller.bound == FOX_BOUND_ROW ? 1 : 0, .args = c->args, .kwargs = c->kwargs, .http = c->caller.http
	};

	return fox_overload_find(c->function, &supplied);
}

static void
bind_arguments(const Call *c, FoxRoutine *f, FoxRoutineValues *values)
{
	bool		http = c->caller.http != NULL;
	FoxSlice	kwargs = c->kwargs;

	fox_routine_bind_begin(f, values);
	if (c->caller.bound == FOX_BOUND_ROW || c->caller.bound == FOX_BOUND_TABLE)
		fox_table_bind(f, &c->caller, &kwargs, values);
	if (!http)
		fox_routine_bind_json(f, c->args, kwargs, values);
	else if (c->caller.bound != FOX_BOUND_ROWS)
		fox_http_bind(f, &c->http, values);
	fox_routine_bind_end(f, values);
}

/* What the function has returned, as its caller gets it. */
static void
shape(const Call *c, const FoxRoutine *f, StringInfo json)
{
	if (fox_service() != NULL && (c->caller.http == NULL || f->set || (f->media == NULL && !f->is_response)))
		fox_service_shape(f, fox_service()->names, json);
}

static void
run_procedure(const Call *c, StringInfo json, bool progressive)
{
	FoxRoutineValues values;
	FoxRoutine *f;
	Oid			role;

	SetCurrentStatementStartTimestamp();
	fox_routine_stage = FOX_STAGE_FIND;
	fox_http_say_nothing();
	StartTransactionCommand();
	MemoryContextSwitchTo(call_context);
	fox_routine_refresh();
	f = find(c);
	role = fox_absent(c->role) ? f->owner : fox_call_role(c->role);
	fox_routine_check(f, role);
	if (!f->is_volatile || (c->caller.http != NULL && fox_http_reads(&c->http)))
		XactReadOnly = true;
	fox_call_role_enter(role);
	arm_timeout(c->timeout_ms);
	if (pg_atomic_read_u64(&lane->board.cancel) == c->id)
		InterruptPending = QueryCancelPending = true;
	CHECK_FOR_INTERRUPTS();
	fox_service_begin(c->service, &c->caller, f, c->says_if_it_looks ? say_that_it_looks : NULL);
	bind_arguments(c, f, &values);
	fox_service_bound(f, &values);
	SPI_connect();
	fox_routine_run(f, role, &values, c->caller.http != NULL ? FOX_BINARY_HEX : FOX_BINARY_WAMP, json,
					progressive ? send_row : NULL, unconstify(Call *, c));
	SPI_finish();
	if (!progressive || !f->set)
		shape(c, f, json);
	fox_service_end(json);
	if (c->caller.http != NULL)
		fox_http_result(f, &c->http, json, call_context);
	fox_call_role_commit();
	disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(call_context);
	if (c->caller.http != NULL)
		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, FOX_LIT("[]"), fox_http_reply_made());
	else
		send_result(c, f, json, f->set && progressive);
}

static void
run(const Call *c, StringInfo json)
{
	fox_http_begin(c->caller.http, &c->caller);
	if (c->kind == FOX_RUN_PROCEDURE)
	{
		run_procedure(c, json, c->receive_progress);
		return;
	}
	if (c->kind == FOX_RUN_QUEUE)
		fox_handler_attend(c->handler, call_context, json);
	else if (c->kind == FOX_RUN_SIGHT)
		fox_sight_look(c->args, call_context, json);
	else if (c->kind == FOX_RUN_SERVICE)
		fox_instances_sweep(c->args, call_context, json);
	else
		fox_handler_call(c->function, c->args, c->hops);
	MemoryContextSwitchTo(call_context);
	send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, json->len > 0 ? list_of(json) : FOX_LIT("[]"), FOX_ABSENT);
}

/*
 * The caller hears of it, and the server's log of what nobody has meant, and of all that the router itself has asked.
 * What handlers do wrong is the router's to say, and not each time.
 */
static void
fail(const Call *c)
{
	ErrorData  *e;
	FoxCallError error;
	bool		canceled = pg_atomic_read_u64(&lane->board.cancel) == c->id;

	MemoryContextSwitchTo(call_context);
	e = CopyErrorData();
	fox_call_error(e, canceled, &error);
	if (c->kind != FOX_RUN_HANDLER && (!error.ours || fox_absent(c->caller.procedure)))
		EmitErrorReport();
	FlushErrorState();
	disable_timeout(STATEMENT_TIMEOUT, false);
	fox_call_role_abort();
	MemoryContextSwitchTo(call_context);
	fox_service_failed(e);
	if (c->caller.http != NULL)
	{
		fox_http_failed(&c->http, e, &error);
		send_answer(FOX_CALL_RESULT, c->id, FOX_ABSENT, FOX_LIT("[]"), fox_http_reply_made());
	}
	else
		send_answer(FOX_CALL_FAILED, c->id, fox_cstr(error.uri), fox_cstr(error.args), fox_cstr(error.kwargs));
}

static bool
take(const Call *c)
{
	uint32		expected = FOX_CALL_QUEUED;

	if (pg_atomic_compare_exchange_u32(&lane->board.places[c->place], &expected, FOX_CALL_TAKEN))
		return true;
	pg_atomic_write_u32(&lane->board.places[c->place], FOX_CALL_FREE);
	return false;
}

static void
execute(const Call *c)
{
	StringInfoData json;
	char		activity[256];
	FoxSlice	name;

	if (!take(c))
		return;
	pg_atomic_write_u64(&lane->board.running, c->id);
	pg_memory_barrier();
	begun = GetCurrentTimestamp();
	MemoryContextSwitchTo(call_context);
	initStringInfo(&json);
	name = fox_absent(c->caller.procedure) ? c->function : c->caller.procedure;
	name.len = Min(name.len, sizeof(activity) - 1);
	memcpy(activity, name.ptr, name.len);
	activity[name.len] = '\0';
	debug_query_string = activity;
	pgstat_report_activity(STATE_RUNNING, activity);
	fox_caller_set(c->kind == FOX_RUN_PROCEDURE ? &c->caller : NULL);
	PG_TRY();
	{
		run(c, &json);
	}
	PG_CATCH();
	{
		fail(c);
	}
	PG_END_TRY();
	fox_caller_set(NULL);
	fox_service_forget();
	debug_query_string = NULL;
	pg_atomic_write_u64(&lane->board.running, 0);
	QueryCancelPending = false;
	pg_atomic_write_u32(&lane->board.places[c->place], FOX_CALL_FREE);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextReset(call_context);
}

static void
take_request(const void *data, Size len)
{
	FoxWire		w = fox_wire(data, len);
	uint8		type = fox_wire_u8(&w);
	Call		c = {0};
	FoxSlice	http;

	c.id = fox_wire_u64(&w);
	c.place = fox_wire_u64(&w);
	c.kind = fox_wire_u8(&w);
	c.handler = fox_wire_u64(&w);
	c.hops = fox_wire_u8(&w);
	c.caller.session = fox_wire_u64(&w);
	c.timeout_ms = fox_wire_u64(&w);
	c.receive_progress = fox_wire_u8(&w) != 0;
	c.caller.realm = fox_wire_slice(&w);
	c.caller.procedure = fox_wire_slice(&w);
	c.function = fox_wire_slice(&w);
	c.caller.bound = fox_wire_u8(&w);
	c.caller.verbs = fox_wire_u8(&w);
	c.caller.table = fox_wire_slice(&w);
	c.role = c.caller.role = fox_wire_slice(&w);
	c.caller.authid = fox_wire_slice(&w);
	c.caller.authrole = fox_wire_slice(&w);
	c.caller.peer = fox_wire_slice(&w);
	c.caller.agent = fox_wire_slice(&w);
	c.caller.headers = fox_wire_slice(&w);
	c.args = fox_wire_slice(&w);
	c.kwargs = fox_wire_slice(&w);
	http = fox_wire_slice(&w);
	c.service = fox_wire_slice(&w);
	c.says_if_it_looks = fox_wire_u8(&w) != 0;
	if (!fox_absent(http))
		c.caller.http = &c.http;
	if (w.bad || (!fox_absent(http) && !fox_http_call_get(http, &c.http)) || type != FOX_CALL_REQUEST || c.place >= FOX_CALL_PLACES || c.kind > FOX_RUN_QUEUE || fox_absent(c.function))
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("fox_wamp executor received a malformed request")));
	execute(&c);
}

/* --- the process --- */

static void
loop(void)
{
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
		}
		result = fox_pipe_receive(&requests, &len, &data);
		if (result == SHM_MQ_DETACHED)
			return;
		if (result == SHM_MQ_SUCCESS)
		{
			take_request(data, len);
			(void) pgstat_report_stat(false);
			continue;
		}
		/* What it has counted is told at the latest when nothing has come for a while. */
		if ((WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, IDLE_STATS_MS, PG_WAIT_EXTENSION) & WL_TIMEOUT) != 0)
			(void) pgstat_report_stat(true);
		ResetLatch(MyLatch);
		fox_pipe_woken(&requests);
	}
}

void
fox_wamp_call_executor_main(Datum main_arg)
{
	before_shmem_exit(leave, (Datum) 0);
	lane = fox_lane_attach(main_arg, &requests, &answers);
	pqsignal(SIGTERM, on_terminate);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, on_cancel);
	BackgroundWorkerUnblockSignals();
	fox_connect(lane->database);
	fox_call_role_setup();
	fox_routine_setup();
	call_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp call", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_appname("fox_wamp call executor");
	pgstat_report_activity(STATE_IDLE, NULL);
	pg_atomic_write_u32(&lane->board.pid, (uint32) MyProcPid);

	loop();
	proc_exit(0);
}
