/*
 * pool.c - executors of calls, as the router sees them (see pool.h).
 *
 *   queue ──send──► executor's queue (QUEUED) ──► it runs (TAKEN) ──answers──► gone
 *     ▲                   │
 *     └─── withdrawn ─────┘
 *
 * Calls are pipelined: an executor has some more in its queue while it runs one.  One that
 * runs for longer than STUCK_MS gets no more, and what waits behind it is withdrawn, so
 * that a function that sleeps stops only itself; when all are like that another executor
 * starts, up to fox_wamp.executors.
 *
 * A function that itself calls a function occupies two executors.  When no executor is
 * left that could ever take such a call it fails at once, for waiting would be for ever.
 *
 * An executor that dies fails the call that it had taken; the others of its queue run
 * elsewhere.
 */
#include "postgres.h"

#include <signal.h>
#include <stdlib.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "base/dlist.h"
#include "base/hash.h"
#include "pg/guc.h"
#include "pg/lane_link.h"
#include "pg/pool.h"
#include "pg/wire_msg.h"

#define EXECUTORS_MAX 64
#define WINDOW 16				/* calls at one executor, running and queued */
#define STUCK_MS 5
#define RETRY_MS 100			/* while no executor can be started */
#define PATIENCE_MS 10000		/* for one to start */
#define QUEUE_BYTES_MAX ((Size) 256 * 1024 * 1024)
#define ANSWERS_PER_TURN 256
#define STOP_MS 1000
#define PLACE_AT (1 + sizeof(uint64))	/* of the place's number in a message */

#define UNAVAILABLE "wamp.error.unavailable"
#define CANCELED "wamp.error.canceled"

typedef struct Executor Executor;

typedef struct Job
{
	FoxNode		node;			/* in queue, doomed or executor->jobs */
	uint64		id;
	uint64		key[2];			/* session, invocation */
	Executor   *executor;		/* that it is sent to; NULL: none */
	Executor   *caller;			/* that waits for it; NULL: none */
	int			place;
	bool		sent;			/* all of it */
	TimestampTz since;
	const char *uri;			/* why it is doomed; constants */
	const char *text;
	Size		len;
	char		message[];
} Job;

struct Executor
{
	FoxLink		link;
	FoxNode		jobs;			/* in the order of sending */
	int			n;
	int			nested;			/* calls that its function waits for */
	TimestampTz busy_since;		/* the first of the jobs has been the first */
	TimestampTz idle_since;
};

static FoxPoolHandler handler;
static uint64 boot_id;
static Executor executors[EXECUTORS_MAX];
static FoxNode queue;
static FoxNode doomed;			/* to be answered by the next turn */
static FoxMap by_key = {0};
static FoxIdMap by_id = {0};
static uint64 last_id = 0;
static int	queued = 0;
static Size bytes = 0;			/* of all jobs */
static bool cannot_start = false;
static TimestampTz now;

static FoxCallBoard *
board(const Executor *x)
{
	return &((FoxLaneHeader *) dsm_segment_address(x->link.segment))->board;
}

static bool
is_ready(const Executor *x)
{
	return x->link.up && pg_atomic_read_u32(&board(x)->pid) != 0;
}

static bool
is_stuck(const Executor *x)
{
	return x->n > 0 && is_ready(x) && now - x->busy_since >= STUCK_MS * INT64CONST(1000);
}

/* --- jobs --- */

static FoxSlice
key_of(const Job *job)
{
	return fox_slice((const char *) job->key, sizeof(job->key));
}

static void
enqueue(Job *job, bool front)
{
	job->executor = NULL;
	job->sent = false;
	queued++;
	if (front)
		fox_list_push_front(&queue, &job->node);
	else
		fox_list_push(&queue, &job->node);
}

/* Takes it from where it is. */
static void
unlink_job(Job *job)
{
	Executor   *x = job->executor;

	fox_list_del(&job->node);
	if (x != NULL)
	{
		x->n--;
		x->busy_since = x->idle_since = now;
	}
	else if (job->uri == NULL)
		queued--;
	job->executor = NULL;
}

static void
forget(Job *job)
{
	unlink_job(job);
	if (job->caller != NULL)
		job->caller->nested--;
	fox_map_del(&by_key, key_of(job));
	fox_idmap_del(&by_id, job->id);
	bytes -= job->len;
	free(job);
}

static void
doom(Job *job, const char *uri, const char *text)
{
	unlink_job(job);
	job->uri = uri;
	job->text = text;
	fox_list_push(&doomed, &job->node);
}

static void
answer_doomed(void)
{
	while (!fox_list_empty(&doomed))
	{
		Job		   *job = fox_container(Job, node, doomed.next);
		uint64		session = job->key[0];
		uint64		invocation = job->key[1];
		FoxBuf		args = {0};
		const char *uri = job->uri;

		fox_buf_char(&args, '[');
		fox_buf_json_str(&args, fox_cstr(job->text));
		fox_buf_char(&args, ']');
		forget(job);
		handler.failed(handler.ctx, session, invocation, fox_cstr(uri), args.failed ? FOX_ABSENT : fox_buf_view(&args), FOX_ABSENT);
		fox_buf_free(&args);
	}
}

/* --- executors --- */

/* Takes back what it has not begun; true: it has not. */
static bool
withdraw(Job *job)
{
	uint32		expected = FOX_CALL_QUEUED;

	return job->sent &&
		pg_atomic_compare_exchange_u32(&board(job->executor)->places[job->place], &expected, FOX_CALL_WITHDRAWN);
}

static void
executor_died(Executor *x)
{
	while (!fox_list_empty(&x->jobs))
	{
		Job		   *job = fox_container(Job, node, x->jobs.prev);

		if (!job->sent || withdraw(job))
		{
			unlink_job(job);
			enqueue(job, true);
		}
		else
			doom(job, UNAVAILABLE, "the executor was lost while the function ran");
	}
	fox_link_drop(&x->link);
}

static bool
start(Executor *x)
{
	cannot_start = !fox_link_start(&x->link, boot_id);
	x->idle_since = now;
	return !cannot_start;
}

/* One more, if there may be one; NULL: there is none. */
static Executor *
start_another(void)
{
	int			limit = Min(fox_guc_executors, EXECUTORS_MAX);

	for (int i = 0; i < limit; i++)
		if (!executors[i].link.up)
			return start(&executors[i]) ? &executors[i] : NULL;
	return NULL;
}

/* The one that will come to a new call first. */
static Executor *
choose(void)
{
	Executor   *best = NULL;
	Executor   *starting = NULL;

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		Executor   *x = &executors[i];

		if (!x->link.up || x->n >= WINDOW || is_stuck(x))
			continue;
		if (!is_ready(x))
			starting = x;
		else if (best == NULL || x->n < best->n)
			best = x;
	}
	return best != NULL ? best : starting != NULL ? starting : start_another();
}

static int
free_place(const Executor *x)
{
	FoxCallBoard *b = board(x);

	for (int i = 0; i < FOX_CALL_PLACES; i++)
		if (pg_atomic_read_u32(&b->places[i]) == FOX_CALL_FREE)
			return i;
	return -1;
}

/* False: there is no room in its queue of messages for now. */
static bool
send_job(Executor *x, Job *job)
{
	shm_mq_result result = shm_mq_send(x->link.requests, job->len, job->message, true, true);

	if (result == SHM_MQ_DETACHED)
		executor_died(x);
	else if (result == SHM_MQ_SUCCESS)
		job->sent = true;
	return result == SHM_MQ_SUCCESS;
}

static bool
assign(Executor *x, Job *job)
{
	uint64		place;
	int			n = free_place(x);

	if (n < 0)
		return false;
	place = (uint64) n;
	unlink_job(job);
	job->executor = x;
	job->place = n;
	memcpy(job->message + PLACE_AT, &place, sizeof(place));
	pg_atomic_write_u32(&board(x)->places[n], FOX_CALL_QUEUED);
	if (x->n++ == 0)
		x->busy_since = now;
	fox_list_push(&x->jobs, &job->node);
	return send_job(x, job);
}

/* What could not be sent at once; true: its queue takes more. */
static bool
resend(Executor *x)
{
	if (!fox_list_empty(&x->jobs))
	{
		Job		   *last = fox_container(Job, node, x->jobs.prev);

		if (!last->sent)
			return send_job(x, last);
	}
	return true;
}

static void
withdraw_waiting(Executor *x)
{
	for (FoxNode *n = x->jobs.prev, *before; n != &x->jobs; n = before)
	{
		Job		   *job = fox_container(Job, node, n);

		before = n->prev;
		if (!withdraw(job))
			continue;
		/* Its first job goes on as long as it has. */
		fox_list_del(&job->node);
		x->n--;
		enqueue(job, true);
	}
}

/* Could any executor ever take a call that another executor waits for? */
static bool
nested_may_wait(void)
{
	int			up = 0;

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		if (executors[i].link.up && executors[i].nested == 0)
			return true;
		up += executors[i].link.up;
	}
	return up < fox_guc_executors && !cannot_start;
}

static void
give_up_waiting(void)
{
	bool		any = false;
	bool		nested = nested_may_wait();

	for (int i = 0; i < EXECUTORS_MAX; i++)
		any = any || executors[i].link.up;
	fox_list_each(n, &queue)
	{
		Job		   *job = fox_container(Job, node, n);

		if (fox_guc_executors == 0)
			doom(job, UNAVAILABLE, "fox_wamp.executors is 0");
		else if (job->caller != NULL && !nested)
			doom(job, UNAVAILABLE, "every executor waits for another function");
		else if (!any && now - job->since > PATIENCE_MS * INT64CONST(1000))
			doom(job, UNAVAILABLE, "no executor could be started");
		else if (any)
			break;
	}
}

static void
dispatch(void)
{
	while (!fox_list_empty(&queue))
	{
		Executor   *x = choose();

		if (x == NULL || !resend(x) || !assign(x, fox_container(Job, node, queue.next)))
			break;
	}
	if (!fox_list_empty(&queue))
		give_up_waiting();
}

/* --- answers --- */

static void
answer(const void *data, Size len)
{
	FoxWire		w = fox_wire(data, len);
	uint8		type = fox_wire_u8(&w);
	Job		   *job = fox_idmap_get(&by_id, fox_wire_u64(&w));
	FoxSlice	uri = type == FOX_CALL_FAILED ? fox_wire_slice(&w) : FOX_ABSENT;
	FoxSlice	args = fox_wire_slice(&w);
	FoxSlice	kwargs = fox_wire_slice(&w);
	uint64		session;
	uint64		invocation;

	if (w.bad)
		ereport(WARNING,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("fox_wamp router received a malformed answer from an executor")));
	if (w.bad || job == NULL)
		return;
	session = job->key[0];
	invocation = job->key[1];
	if (type != FOX_CALL_PROGRESS)
		forget(job);
	if (type == FOX_CALL_FAILED)
		handler.failed(handler.ctx, session, invocation, uri, args, kwargs);
	else
		handler.result(handler.ctx, session, invocation, type == FOX_CALL_PROGRESS, args, kwargs);
}

/* True: more may wait. */
static bool
take_answers(Executor *x)
{
	for (int i = 0; i < ANSWERS_PER_TURN; i++)
	{
		shm_mq_result result;
		void	   *data;
		Size		len;

		if (!x->link.up)
			return false;
		result = shm_mq_receive(x->link.answers, &len, &data, true);
		if (result == SHM_MQ_DETACHED)
			executor_died(x);
		if (result != SHM_MQ_SUCCESS)
			return false;
		answer(data, len);
	}
	return true;
}

/* --- the face --- */

void
fox_pool_start(const FoxPoolHandler *new_handler, uint64 new_boot_id)
{
	handler = *new_handler;
	boot_id = new_boot_id;
	fox_list_init(&queue);
	fox_list_init(&doomed);
	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		executors[i].link.kind = FOX_LANE_CALLS;
		fox_list_init(&executors[i].jobs);
	}
}

static Executor *
executor_of(int pid)
{
	for (int i = 0; i < EXECUTORS_MAX && pid != 0; i++)
		if (executors[i].link.up && pg_atomic_read_u32(&board(&executors[i])->pid) == (uint32) pid)
			return &executors[i];
	return NULL;
}

static void
put_call(FoxBuf *b, uint64 id, const FoxFunctionCall *c)
{
	fox_buf_reset(b);
	b->failed = false;
	fox_wire_put_u8(b, FOX_CALL_REQUEST);
	fox_wire_put_u64(b, id);
	fox_wire_put_u64(b, 0);		/* the place, see PLACE_AT */
	fox_wire_put_u64(b, c->caller);
	fox_wire_put_u64(b, c->timeout_ms);
	fox_wire_put_u8(b, c->receive_progress);
	fox_wire_put_slice(b, c->realm);
	fox_wire_put_slice(b, c->procedure);
	fox_wire_put_slice(b, c->function);
	fox_wire_put_slice(b, c->role);
	fox_wire_put_slice(b, c->authid);
	fox_wire_put_slice(b, c->authrole);
	fox_wire_put_slice(b, c->args);
	fox_wire_put_slice(b, c->kwargs);
}

void
fox_pool_call(const FoxFunctionCall *c)
{
	static FoxBuf message = {0};
	Job		   *job;

	put_call(&message, last_id + 1, c);
	job = message.failed || fox_absent(c->function) ? NULL : malloc(sizeof(Job) + message.len);
	if (job != NULL)
	{
		*job = (Job) {.id = last_id + 1, .key = {c->session, c->invocation}, .since = GetCurrentTimestamp(), .len = message.len};
		memcpy(job->message, message.data, message.len);
		if (!fox_idmap_put(&by_id, job->id, job) || !fox_map_put(&by_key, key_of(job), job))
		{
			fox_idmap_del(&by_id, job->id);
			free(job);
			job = NULL;
		}
	}
	if (message.cap > 1024 * 1024)
		fox_buf_free(&message);
	if (job == NULL)
		/* A call that nobody answers would wait for ever. */
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	last_id++;
	bytes += job->len;
	if ((job->caller = executor_of(c->caller_pid)) != NULL)
		job->caller->nested++;
	enqueue(job, false);
	if (queued > fox_guc_call_queue_limit || bytes > QUEUE_BYTES_MAX)
		doom(job, UNAVAILABLE, "too many calls of SQL functions are waiting");
}

void
fox_pool_cancel(uint64 session, uint64 invocation)
{
	uint64		key[2] = {session, invocation};
	Job		   *job = fox_map_get(&by_key, fox_slice((const char *) key, sizeof(key)));
	FoxCallBoard *b;

	if (job == NULL || job->uri != NULL)
		return;
	if (job->executor == NULL || withdraw(job))
	{
		doom(job, CANCELED, "the call was canceled");
		return;
	}
	b = board(job->executor);
	pg_atomic_write_u64(&b->cancel, job->id);
	pg_atomic_fetch_add_u32(&b->signals, 1);
	if (pg_atomic_read_u32(&b->pid) != 0)
		kill((pid_t) pg_atomic_read_u32(&b->pid), SIGINT);
}

static void
lower(long *wait, long ms)
{
	if (*wait < 0 || *wait > ms)
		*wait = ms;
}

void
fox_pool_turn(long *wait)
{
	now = GetCurrentTimestamp();
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (take_answers(&executors[i]))
			lower(wait, 0);
	answer_doomed();
	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		Executor   *x = &executors[i];

		if (!x->link.up)
			continue;
		if (x->n > 1 && is_stuck(x))
			withdraw_waiting(x);
		if (x->n > 1 || (x->n > 0 && !is_ready(x)))
			lower(wait, STUCK_MS);
		if (!resend(x))
			lower(wait, STUCK_MS);
		else if (x->n == 0 && (i >= fox_guc_executors || now - x->idle_since >= fox_guc_executor_idle * INT64CONST(1000)))
			executor_died(x);	/* it ends when it notices */
		else if (x->n == 0)
			lower(wait, Max(1, fox_guc_executor_idle - (now - x->idle_since) / 1000));
	}
	dispatch();
	if (!fox_list_empty(&doomed))
		lower(wait, 0);
	if (!fox_list_empty(&queue))
		lower(wait, cannot_start ? RETRY_MS : STUCK_MS);
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (executors[i].n > 1)
			lower(wait, STUCK_MS);
}

void
fox_pool_stop(void)
{
	TimestampTz begin = GetCurrentTimestamp();
	bool		all_ended;

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		if (executors[i].link.up)
			fox_link_terminate(&executors[i].link);
		fox_link_drop(&executors[i].link);
	}
	do
	{
		all_ended = true;
		for (int i = 0; i < EXECUTORS_MAX; i++)
			all_ended = all_ended && fox_link_ended(&executors[i].link);
		if (!all_ended)
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	} while (!all_ended && !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), STOP_MS));
}

void
fox_pool_stats(int *count, int *missing, uint64 *calls)
{
	*count = 0;
	for (int i = 0; i < EXECUTORS_MAX; i++)
		*count += executors[i].link.up;
	*missing = cannot_start;
	*calls = by_id.count;
}
