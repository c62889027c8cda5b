/*
 * pool.c - executors of calls, as the router sees them (see pool.h).
 *
 *   queue ──send──► executor's queue (QUEUED) ──► it runs (TAKEN) ──answers──► gone
 *     ▲                   │
 *     └─── withdrawn ─────┘
 *
 * Calls are pipelined: an executor has some more in its queue while it runs one, and a call
 * goes where it is expected to begin first, by what the functions before it have taken of
 * late.  One that runs for longer than STUCK_MS gets no more, and what waits behind it is
 * withdrawn, so that a function that sleeps stops only itself; when all are like that another
 * executor starts, up to fox_wamp.executors.
 *
 * Calls go in the order in which they came, but those of others pass by those of a slow function that wait: an executor
 * that becomes free is for them first, however many calls of slow ones came before.  A call that is overtaken again and
 * again has its turn.
 *
 * A function that itself calls a function occupies two executors.  When no executor is
 * left that could ever take such a call it fails at once, for waiting would be for ever;
 * and so does one of an instance of a service that the function, or who waits for it, has.
 *
 * Calls of one instance go one at a time (pool_instance.h), those of a shared one if they look at its state
 * (pool_shared.h).
 *
 * An executor that dies fails the call that it had taken; the others of its queue run
 * elsewhere.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "pg/guc.h"
#include "pg/pool_instance.h"
#include "pg/pool_jobs.h"
#include "pg/pool_shared.h"
#include "pg/pool_times.h"
#include "pg/wire_msg.h"

#define EXECUTORS_MAX 64
#define WINDOW 16				/* calls at one executor, running and queued */
#define STUCK_MS 5
#define WAKE_US 100				/* until an executor has awoken: what can be done by then one that is awake does */
#define OVERTAKEN_MAX 100
#define RETRY_MS 100			/* while no executor can be started */
#define PATIENCE_MS 10000		/* for one to start */
#define ANSWERS_PER_TURN 256
#define STOP_MS 1000
#define ALL_WAIT "every executor waits for another function"
#define IN_USE "the instance is in use by the function that calls"

static FoxPoolHandler handler;
static uint64 boot_id;
static FoxPoolExecutor executors[EXECUTORS_MAX];
static bool cannot_start = false;

static FoxCallBoard *
board(const FoxPoolExecutor *x)
{
	return &((FoxLaneHeader *) dsm_segment_address(x->link.segment))->board;
}

static bool
is_ready(const FoxPoolExecutor *x)
{
	return x->link.up && pg_atomic_read_u32(&board(x)->pid) != 0;
}

static bool
is_stuck(const FoxPoolExecutor *x)
{
	return x->n > 0 && is_ready(x) && fox_pool_now - x->busy_since >= STUCK_MS * INT64CONST(1000);
}

/* --- executors --- */

/* Takes back what it has not begun; true: it has not. */
static bool
withdraw(FoxJob *job)
{
	uint32		expected = FOX_CALL_QUEUED;

	return job->sent &&
		pg_atomic_compare_exchange_u32(&board(job->executor)->places[job->place], &expected, FOX_CALL_WITHDRAWN);
}

static void
executor_died(FoxPoolExecutor *x)
{
	while (!fox_list_empty(&x->jobs))
	{
		FoxJob	   *job = fox_container(FoxJob, node, x->jobs.prev);

		if (!job->sent || withdraw(job))
			fox_job_take_back(job);
		else
			fox_job_doom(job, FOX_JOB_UNAVAILABLE, "the executor was lost while the function ran");
	}
	fox_link_drop(&x->link);
}

static bool
start(FoxPoolExecutor *x)
{
	cannot_start = !fox_link_start(&x->link, boot_id);
	x->idle_since = fox_pool_now;
	x->outdated = false;
	return !cannot_start;
}

/* One more, if there may be one; NULL: there is none. */
static FoxPoolExecutor *
start_another(void)
{
	int			limit = Min(fox_guc_executors, EXECUTORS_MAX);

	for (int i = 0; i < limit; i++)
		if (!executors[i].link.up)
			return start(&executors[i]) ? &executors[i] : NULL;
	return NULL;
}

/*
 * In how many microseconds it is going to begin with a call that it gets now.  What has taken longer than expected is
 * expected to go on for as long again.
 */
static int64
begins_in(const FoxPoolExecutor *x)
{
	const FoxJob *first = fox_container(FoxJob, node, x->jobs.next);
	int64		runs = fox_pool_now - x->busy_since;

	if (x->n == 0)
		return WAKE_US;
	return x->expected_us - first->expected_us + Max(first->expected_us - runs, runs - first->expected_us);
}

/* The one that will come to a new call first. */
static FoxPoolExecutor *
choose(void)
{
	FoxPoolExecutor *best = NULL;
	FoxPoolExecutor *starting = NULL;

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		FoxPoolExecutor *x = &executors[i];

		if (!x->link.up || x->outdated || x->n >= WINDOW || is_stuck(x))
			continue;
		if (!is_ready(x))
			starting = x;
		else if (best == NULL || begins_in(x) < begins_in(best))
			best = x;
	}
	return best != NULL ? best : starting != NULL ? starting : start_another();
}

static int
free_place(const FoxPoolExecutor *x)
{
	FoxCallBoard *b = board(x);

	for (int i = 0; i < FOX_CALL_PLACES; i++)
		if (pg_atomic_read_u32(&b->places[i]) == FOX_CALL_FREE)
			return i;
	return -1;
}

/* Its answer says so, or no answer is needed any more. */
static void
stop(FoxJob *job)
{
	FoxCallBoard *b;

	if (job->executor == NULL || withdraw(job))
	{
		fox_job_doom(job, FOX_JOB_CANCELED, "the call was canceled");
		return;
	}
	b = board(job->executor);
	pg_atomic_write_u64(&b->cancel, job->id);
	pg_atomic_fetch_add_u32(&b->signals, 1);
	if (pg_atomic_read_u32(&b->pid) != 0)
		kill((pid_t) pg_atomic_read_u32(&b->pid), SIGINT);
}

/* Its place on the board is taken; it is sent by deliver().  False: there is none. */
static bool
assign(FoxPoolExecutor *x, FoxJob *job)
{
	int			place = free_place(x);

	if (place < 0)
		return false;
	pg_atomic_write_u32(&board(x)->places[place], FOX_CALL_QUEUED);
	fox_job_send(job, x, place);
	return true;
}

/* False: there is no room in its queue of messages for now.  wake: nothing more is sent just now. */
static bool
send_job(FoxPoolExecutor *x, FoxJob *job, bool wake)
{
	shm_mq_result result = fox_pipe_send(&x->link.requests, job->len, job->message, true, wake);

	if (result == SHM_MQ_DETACHED)
		executor_died(x);
	else if (result == SHM_MQ_SUCCESS)
	{
		job->sent = true;
		if (job->canceled)
			stop(job);
	}
	return result == SHM_MQ_SUCCESS;
}

/* What is behind the last job that may have been sent in part. */
static void
take_back_behind(FoxPoolExecutor *x, const FoxJob *last)
{
	while (x->jobs.prev != &last->node)
	{
		FoxJob	   *job = fox_container(FoxJob, node, x->jobs.prev);

		pg_atomic_write_u32(&board(x)->places[job->place], FOX_CALL_FREE);
		fox_job_take_back(job);
	}
}

/* Sends what has been assigned, and wakes the executor once for all of it. */
static void
deliver(FoxPoolExecutor *x)
{
	FoxNode    *n = &x->jobs;

	while (n->prev != &x->jobs && !fox_container(FoxJob, node, n->prev)->sent)
		n = n->prev;
	x->full = false;
	for (FoxNode *next; n != &x->jobs; n = next)
	{
		FoxJob	   *job = fox_container(FoxJob, node, n);

		next = n->next;
		if (send_job(x, job, next == &x->jobs))
			continue;
		x->full = x->link.up;
		if (x->full)
			take_back_behind(x, job);
		break;
	}
}

static void
withdraw_waiting(FoxPoolExecutor *x)
{
	for (FoxNode *n = x->jobs.prev, *before; n != &x->jobs; n = before)
	{
		FoxJob	   *job = fox_container(FoxJob, node, n);

		before = n->prev;
		if (withdraw(job))
			fox_job_take_back(job);
	}
}

/* Could any executor ever take a call that another executor waits for? */
static bool
nested_may_wait(void)
{
	int			up = 0;

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		if (executors[i].link.up && fox_list_empty(&executors[i].nested))
			return true;
		up += executors[i].link.up;
	}
	return up < fox_guc_executors && !cannot_start;
}

static void
give_up_waiting(void)
{
	bool		any = false;
	bool		any_nested = false;
	bool		nested_may = nested_may_wait();

	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		any = any || executors[i].link.up;
		any_nested = any_nested || !fox_list_empty(&executors[i].nested);
	}
	if (any && fox_guc_executors > 0 && (nested_may || !any_nested))
		return;
	fox_list_each(n, &fox_job_queue)
	{
		FoxJob	   *job = fox_container(FoxJob, node, n);
		FoxJob	   *behind;

		while (!nested_may && (behind = fox_instance_nested(job)) != NULL)
			fox_job_doom(behind, FOX_JOB_UNAVAILABLE, ALL_WAIT);
		if (fox_guc_executors == 0)
			fox_job_doom(job, FOX_JOB_UNAVAILABLE, "fox_wamp.executors is 0");
		else if (job->caller != NULL && !nested_may)
			fox_job_doom(job, FOX_JOB_UNAVAILABLE, ALL_WAIT);
		else if (!any && fox_pool_now - job->since > PATIENCE_MS * INT64CONST(1000))
			fox_job_doom(job, FOX_JOB_UNAVAILABLE, "no executor could be started");
	}
}

/* Does a call of that function keep an executor busy, or have the last ones? */
static bool
is_slow(uint64 function)
{
	if (fox_time_is_long(function))
		return true;
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (is_stuck(&executors[i]) && fox_container(FoxJob, node, executors[i].jobs.next)->function == function)
			return true;
	return false;
}

/* Which call of the queue is next. */
static FoxJob *
next_job(void)
{
	FoxJob	   *first = fox_container(FoxJob, node, fox_job_queue.next);

	if (first->overtaken >= OVERTAKEN_MAX)
		return first;
	fox_list_each(n, &fox_job_queue)
	{
		FoxJob	   *job = fox_container(FoxJob, node, n);

		if (is_slow(job->function))
			continue;
		first->overtaken += job != first;
		return job;
	}
	return first;
}

static void
dispatch(void)
{
	while (!fox_list_empty(&fox_job_queue))
	{
		FoxPoolExecutor *x = choose();

		if (x == NULL || x->full || !assign(x, next_job()))
			break;
	}
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (executors[i].link.up)
			deliver(&executors[i]);
	if (!fox_list_empty(&fox_job_queue))
		give_up_waiting();
}

/* --- who waits for whom --- */

/* The executor that runs the job; NULL: none does yet. */
static FoxPoolExecutor *
runner(const FoxJob *job)
{
	return job->executor != NULL && job->executor->jobs.next == &job->node ? job->executor : NULL;
}

/* Is it the one, or does its function wait for what the one runs? */
static bool
depends(const FoxPoolExecutor *x, const FoxPoolExecutor *one, int depth)
{
	if (x == NULL || x == one || depth == EXECUTORS_MAX)
		return x != NULL;
	fox_list_each(n, &x->nested)
	{
		const FoxJob *job = fox_container(FoxJob, in_caller, n);
		const FoxJob *holder = fox_instance_holder(job);

		if (depends(runner(holder != NULL ? holder : job), one, depth + 1))
			return true;
	}
	return false;
}

/* --- answers --- */

/* Who waits for its caller has the instance: it would wait for itself. */
static void
looked(FoxJob *job)
{
	const FoxJob *holder;

	if (fox_absent(job->shared))
		return;
	fox_shared_looked(job);
	holder = fox_instance_in_use(job->shared);
	if (holder == NULL || holder == job || job->caller == NULL || !depends(runner(holder), job->caller, 0))
		return;
	stop(job);
	job->uri = FOX_JOB_UNAVAILABLE;
	job->text = IN_USE;
}

static void
answer(const void *data, Size len)
{
	FoxWire		w = fox_wire(data, len);
	uint8		type = fox_wire_u8(&w);
	FoxJob	   *job = fox_job_by_id(fox_wire_u64(&w));
	int64		took_us = (int64) fox_wire_u64(&w);
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
	if (type == FOX_CALL_LOOKS)
	{
		looked(job);
		return;
	}
	if (type == FOX_CALL_FAILED && job->uri != NULL)
	{
		fox_job_doom(job, job->uri, job->text);
		return;
	}
	session = job->key[0];
	invocation = job->key[1];
	if (type == FOX_CALL_RESULT)
		fox_shared_returned(job);
	if (type != FOX_CALL_PROGRESS)
	{
		fox_time_taken(job->function, took_us);
		fox_job_forget(job);
	}
	if (type == FOX_CALL_FAILED)
		handler.failed(handler.ctx, session, invocation, uri, args, kwargs);
	else
		handler.result(handler.ctx, session, invocation, type == FOX_CALL_PROGRESS, args, kwargs);
}

/* True: more may wait. */
static bool
take_answers(FoxPoolExecutor *x)
{
	for (int i = 0; i < ANSWERS_PER_TURN; i++)
	{
		shm_mq_result result;
		void	   *data;
		Size		len;

		if (!x->link.up)
			return false;
		result = fox_pipe_receive(&x->link.answers, &len, &data);
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
	fox_jobs_init();
	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		executors[i].link.kind = FOX_LANE_CALLS;
		fox_list_init(&executors[i].jobs);
		fox_list_init(&executors[i].nested);
	}
}

static FoxPoolExecutor *
executor_of(int pid)
{
	for (int i = 0; i < EXECUTORS_MAX && pid != 0; i++)
		if (executors[i].link.up && pg_atomic_read_u32(&board(&executors[i])->pid) == (uint32) pid)
			return &executors[i];
	return NULL;
}

void
fox_pool_call(const FoxFunctionCall *c)
{
	FoxJob	   *job = fox_job_new(c);
	const FoxJob *holder;

	if (job == NULL || (job->caller = executor_of(c->caller_pid)) == NULL)
		return;
	fox_list_push(&job->caller->nested, &job->in_caller);
	if ((holder = fox_instance_holder(job)) == NULL || !depends(runner(holder), job->caller, 0))
		return;
	if (fox_shared_unseen(job))
		fox_job_pass(job);
	else
		fox_job_doom(job, FOX_JOB_UNAVAILABLE, IN_USE);
}

void
fox_pool_cancel(uint64 session, uint64 invocation)
{
	FoxJob	   *job = fox_job_by_key(session, invocation);

	if (job == NULL || job->uri != NULL)
		return;
	if (job->executor != NULL && !job->sent)
		job->canceled = true;	/* half of it is under way: it is stopped when it is there */
	else
		stop(job);
}

static void
lower(long *wait, long ms)
{
	if (*wait < 0 || *wait > ms)
		*wait = ms;
}

/* What an executor needs in this turn. */
static void
tend(FoxPoolExecutor *x, long *wait)
{
	int64		idle_ms = (fox_pool_now - x->idle_since) / 1000;

	if (x->n > 1 && is_stuck(x))
		withdraw_waiting(x);
	deliver(x);
	if (x->n == 0 && x->outdated)
		fox_link_retire(&x->link);
	else if (x->n == 0 && (x - executors >= fox_guc_executors || idle_ms >= fox_guc_executor_idle))
		executor_died(x);		/* it ends when it notices */
	else if (x->n == 0)
		lower(wait, Max(1, fox_guc_executor_idle - idle_ms));
}

void
fox_pool_turn(long *wait)
{
	int			up = 0;

	fox_pool_now = GetCurrentTimestamp();
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (take_answers(&executors[i]))
			lower(wait, 0);
	fox_jobs_answer_doomed(&handler);
	for (int i = 0; i < EXECUTORS_MAX; i++)
		if (executors[i].link.up)
			tend(&executors[i], wait);
	dispatch();

	/* When to look again; answers wake the router by themselves. */
	for (int i = 0; i < EXECUTORS_MAX; i++)
	{
		const FoxPoolExecutor *x = &executors[i];

		up += x->link.up;
		if (x->full || (x->n > 0 && !is_stuck(x) && (x->n > 1 || !is_ready(x) || !fox_list_empty(&fox_job_queue))))
			lower(wait, STUCK_MS);
	}
	if (!fox_list_empty(&fox_job_queue) && up < fox_guc_executors)
		lower(wait, RETRY_MS);
	if (fox_jobs_doomed())
		lower(wait, 0);
}

void
fox_pool_renew(void)
{
	for (int i = 0; i < EXECUTORS_MAX; i++)
		executors[i].outdated = true;
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
	*calls = fox_jobs_open();
}
