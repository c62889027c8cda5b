/*
 * post_lane.c - the executor of POST requests, as the router sees it (see post_lane.h).
 *
 * A request names a handler whose queue has something to send, and is answered when that has been
 * sent.  What is not answered when the process is lost has failed: the queue is attended to again.  One that has
 * other settings to begin with says so before it ends (id 0), and the next one has what it has not taken up.
 */
#include "postgres.h"

#include <stdlib.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "base/dlist.h"
#include "pg/guc.h"
#include "pg/lane_link.h"
#include "pg/post_lane.h"
#include "pg/wire_msg.h"

#define ANSWERS_PER_TURN 256
#define STOP_MS 1000

/* malloc'ed */
typedef struct Attend
{
	FoxNode		node;
	uint64		id;
	uint64		handler;
	uint64		session;
	uint64		invocation;
	bool		sent;
} Attend;

static FoxPoolHandler handler;
static uint64 boot_id;
static FoxLink link_to = {.kind = FOX_LANE_POSTS};
static FoxNode attends;
static uint64 last_id = 0;
static TimestampTz idle_since = 0;
static FoxBuf out = {0};

void
fox_posts_start(const FoxPoolHandler *new_handler, uint64 new_boot_id)
{
	handler = *new_handler;
	boot_id = new_boot_id;
	fox_list_init(&attends);
}

void
fox_posts_call(const FoxFunctionCall *c)
{
	Attend	   *a = malloc(sizeof(*a));

	if (a == NULL)
		/* A queue that nobody attends to would wait for ever. */
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	*a = (Attend) {.id = ++last_id, .handler = c->handler, .session = c->session, .invocation = c->invocation};
	fox_list_push(&attends, &a->node);
}

static void
fail(Attend *a, FoxSlice args)
{
	uint64		session = a->session;
	uint64		invocation = a->invocation;

	fox_list_del(&a->node);
	free(a);
	handler.failed(handler.ctx, session, invocation, FOX_LIT("wamp.error.unavailable"), args, FOX_ABSENT);
}

/* Those that are asked for while the others are told wait for the next process. */
static void
fail_all(FoxSlice args)
{
	FoxNode		failed;

	fox_list_init(&failed);
	while (!fox_list_empty(&attends))
	{
		FoxNode    *n = attends.next;

		fox_list_del(n);
		fox_list_push(&failed, n);
	}
	while (!fox_list_empty(&failed))
		fail(fox_container(Attend, node, failed.next), args);
}

static void
executor_died(void)
{
	fox_link_drop(&link_to);
	fail_all(FOX_LIT("[\"the executor of POST requests was lost\"]"));
}

/* False: there is no room for now. */
static bool
send_one(Attend *a)
{
	shm_mq_result result;

	fox_buf_reset(&out);
	fox_wire_put_u64(&out, a->id);
	fox_wire_put_u64(&out, a->handler);
	if (out.failed)
		return false;
	result = fox_pipe_send(&link_to.requests, out.len, out.data, true, true);
	a->sent = result == SHM_MQ_SUCCESS;
	return a->sent;
}

/* False: it is the last. */
static bool
answer(const void *data, Size len)
{
	FoxWire		w = fox_wire(data, len);
	uint64		id = fox_wire_u64(&w);
	FoxSlice	args = fox_wire_slice(&w);

	fox_list_each(n, &attends)
	{
		Attend	   *a = fox_container(Attend, node, n);
		uint64		session = a->session;
		uint64		invocation = a->invocation;

		if (w.bad || a->id != id)
			continue;
		fox_list_del(&a->node);
		free(a);
		handler.result(handler.ctx, session, invocation, false, args, FOX_ABSENT);
		break;
	}
	return w.bad || id != 0;
}

static void
retire(void)
{
	fox_link_retire(&link_to);
	fox_list_each(n, &attends)
		fox_container(Attend, node, n)->sent = false;
}

static void
take_answers(long *wait)
{
	for (int i = 0; i < ANSWERS_PER_TURN; i++)
	{
		void	   *data;
		Size		len;
		shm_mq_result result = fox_pipe_receive(&link_to.answers, &len, &data);

		if (result == SHM_MQ_DETACHED)
			executor_died();
		if (result != SHM_MQ_SUCCESS)
			return;
		if (!answer(data, len))
		{
			retire();
			break;
		}
	}
	*wait = 0;
}

static void
lower(long *wait, long ms)
{
	if (*wait < 0 || *wait > ms)
		*wait = ms;
}

void
fox_posts_turn(long *wait)
{
	TimestampTz now;
	long		idle_ms;

	if (fox_list_empty(&attends) && !link_to.up)
		return;
	now = GetCurrentTimestamp();
	if (link_to.up)
		take_answers(wait);
	if (!fox_list_empty(&attends))
	{
		idle_since = now;
		if (!fox_link_start(&link_to, boot_id))
			fail_all(FOX_LIT("[\"no executor could be started\"]"));
	}
	fox_list_each(n, &attends)
	{
		Attend	   *a = fox_container(Attend, node, n);

		if (a->sent)
			continue;
		if (!send_one(a))
		{
			lower(wait, 100);
			break;
		}
	}
	idle_ms = (long) ((now - idle_since) / 1000);
	if (link_to.up && fox_list_empty(&attends) && idle_ms >= fox_guc_executor_idle)
		fox_link_drop(&link_to);	/* it ends when it notices */
	else if (link_to.up && fox_list_empty(&attends))
		lower(wait, Max(1, fox_guc_executor_idle - idle_ms));
}

void
fox_posts_stop(void)
{
	TimestampTz begin = GetCurrentTimestamp();

	if (link_to.up)
		fox_link_terminate(&link_to);
	fox_link_drop(&link_to);
	while (!fox_link_ended(&link_to) && !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), STOP_MS))
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
