/*
 * lane.c - executors as the router sees them.
 *
 * Requests wait in the router's memory, then in the queue of an executor.
 *
 *   queue ──send──► system.sent ──outcome──► gone
 *                        │ slow
 *                        ▼
 *                  SlowTopic.waiting ──send──► slow.sent ──outcome──► gone
 *                        ▲                        │ still locked
 *                        └────────────────────────┘
 *
 * A topic that somebody else has locked gets a SlowTopic: its first write goes to
 * the slow executor, the others wait behind it.  When that write is through, they
 * go back to the end of the queue and the SlowTopic is gone.  Writes that were
 * already on their way to the system executor come back by themselves, in order,
 * because it refuses the topic until each SLOW has been confirmed (SLOW_SEEN).
 *
 * When an executor dies, whether its writes have committed is not known: they are
 * refused as unavailable.  Everything else is sent again.
 */
#include "postgres.h"

#include <stdlib.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timeout.h"

#include "base/hash.h"
#include "pg/guc.h"
#include "pg/lane.h"
#include "pg/lane_link.h"
#include "pg/lane_queue.h"
#include "pg/wire_msg.h"

#define WRITE_PATIENCE_MS 60000 /* a write that could not be tried or not be done for so long is refused */
#define SLOW_IDLE_MS 60000
#define SLOW_IN_FLIGHT 8
#define ANSWERS_PER_TURN 256
#define WAKE_MS 250				/* while something has to be looked at again */
#define STOP_DRAIN_MS 700
#define STOP_MS 1000

typedef struct Lane
{
	FoxLink		link;
	FoxNode		sent;
	uint64		rows;			/* of executors that have ended */
	uint64		link_rows;		/* of the one that runs */
} Lane;

typedef struct SlowTopic
{
	FoxNode		node;
	FoxSlice	key;			/* in block */
	FoxNode		waiting;
	FoxRequest *sent;			/* with the slow executor */
	char		block[];
} SlowTopic;

static const FoxLaneHandler *handler = NULL;
static FoxLaneHandler handler_copy;
static uint64 boot_id;
static Lane system_lane = {.link = {.slow = false}};
static Lane slow_lane = {.link = {.slow = true}};
static FoxNode queue;			/* for the system executor */
static FoxMap slow_map = {0};	/* SlowTopics by key */
static FoxNode slow_topics;		/* the same in the order of their turns */
static FoxIdMap by_id = {0};	/* every request that waits for an answer */
static uint64 next_id = 1;
static uint64 pending_writes = 0;
static int	registrations_under_way = 0;
static uint64 batches = 0;
static TimestampTz slow_used;
static TimestampTz turn_time;
static TimeoutId wake_timeout;

/* --- requests --- */

static void
forget(FoxRequest *r)
{
	fox_list_del(&r->node);
	if (r->id != 0)
		fox_idmap_del(&by_id, r->id);
	if (r->type == FOX_WIRE_WRITE)
		pending_writes--;
	else if (r->type == FOX_WIRE_REGISTRATION)
		registrations_under_way--;
	free(r);
}

/* Ends a write that makes no change. The handler may queue others meanwhile. */
static void
refuse(FoxRequest *r, FoxRefusal why, const char *text)
{
	uint64		token = r->token;

	forget(r);
	if (handler != NULL)
		handler->refused(handler->ctx, token, why, text);
}

static bool
enqueue(FoxRequest *r)
{
	if (r == NULL)
		return false;
	if (r->id != 0 && !fox_idmap_put(&by_id, r->id, r))
	{
		free(r);
		return false;
	}
	if (r->type == FOX_WIRE_WRITE)
		pending_writes++;
	else if (r->type == FOX_WIRE_REGISTRATION)
		registrations_under_way++;
	fox_list_push(&queue, &r->node);
	return true;
}

static void
enqueue_plain(FoxWireType type, bool settle)
{
	FoxBuf		message = {0};
	uint64		id = next_id++;

	fox_wire_put_u8(&message, type);
	fox_wire_put_u64(&message, id);
	fox_wire_put_u8(&message, settle);
	if (message.failed || !enqueue(fox_request_new(type, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""))))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	fox_buf_free(&message);
}

static bool
expired(const FoxRequest *r)
{
	return turn_time - r->since > INT64CONST(1000) * WRITE_PATIENCE_MS;
}

/* --- slow topics --- */

static SlowTopic *
slow_topic(FoxSlice key)
{
	SlowTopic  *t = fox_map_get(&slow_map, key);

	if (t != NULL)
		return t;
	t = malloc(sizeof(SlowTopic) + key.len);
	if (t == NULL)
		return NULL;
	memcpy(t->block, key.ptr, key.len);
	t->key = fox_slice(t->block, key.len);
	t->sent = NULL;
	fox_list_init(&t->waiting);
	if (!fox_map_put(&slow_map, t->key, t))
	{
		free(t);
		return NULL;
	}
	fox_list_push(&slow_topics, &t->node);
	return t;
}

/* The lock is gone, or at least its first victim: the others take the fast way again. */
static void
release_topic(SlowTopic *t)
{
	while (!fox_list_empty(&t->waiting))
	{
		FoxNode    *n = t->waiting.next;

		fox_list_del(n);
		fox_list_push(&queue, n);
	}
	fox_list_del(&t->node);
	fox_map_del(&slow_map, t->key);
	free(t);
}

/* The system executor has found the topic locked. */
static void
go_slow(FoxRequest *r)
{
	FoxBuf		message = {0};
	FoxRequest *seen = NULL;
	SlowTopic  *t = slow_topic(r->key);
	FoxNode    *after;

	fox_wire_put_u8(&message, FOX_WIRE_SLOW_SEEN);
	fox_wire_put_slice(&message, r->realm);
	fox_wire_put_slice(&message, r->topic);
	if (!message.failed)
		seen = fox_request_new(FOX_WIRE_SLOW_SEEN, 0, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	fox_buf_free(&message);
	/* Without this confirmation the topic would stay slow, but nothing would be lost. */
	(void) enqueue(seen);
	if (t == NULL)
	{
		refuse(r, FOX_REFUSED_UNAVAILABLE, "the router is out of memory");
		return;
	}
	/* Writes that came later may wait here already. */
	after = t->waiting.prev;
	while (after != &t->waiting && fox_container(FoxRequest, node, after)->id > r->id)
		after = after->prev;
	fox_list_del(&r->node);
	fox_list_push_front(after, &r->node);
}

/* --- the executor's end --- */

static void
lane_died(Lane *lane)
{
	FoxNode		lost;

	fox_link_drop(&lane->link);
	lane->rows += lane->link_rows;
	lane->link_rows = 0;

	/* What the old executor was to be told of slow topics, the new one must not hear. */
	if (!lane->link.slow)
		fox_list_each(n, &queue)
		{
			FoxRequest *r = fox_container(FoxRequest, node, n);

			if (r->type == FOX_WIRE_SLOW_SEEN)
				forget(r);
		}

	fox_list_init(&lost);
	while (!fox_list_empty(&lane->sent))
	{
		FoxRequest *r = fox_container(FoxRequest, node, lane->sent.prev);

		fox_list_del(&r->node);
		fox_list_push_front(r->type == FOX_WIRE_WRITE ? &lost : &queue, &r->node);
	}
	while (!fox_list_empty(&lost))
	{
		FoxRequest *r = fox_container(FoxRequest, node, lost.next);
		SlowTopic  *t = lane->link.slow ? fox_map_get(&slow_map, r->key) : NULL;

		if (t != NULL)
			release_topic(t);
		refuse(r, FOX_REFUSED_UNAVAILABLE, "the executor was lost before the commit was known");
	}
}

/* --- sending --- */

static shm_mq_result
send_request(Lane *lane, FoxRequest *r, bool flush)
{
	shm_mq_result result = shm_mq_send(lane->link.requests, r->len, r->message, true, flush);

	if (result == SHM_MQ_SUCCESS)
	{
		fox_list_del(&r->node);
		if (r->id == 0)
			forget(r);
		else
			fox_list_push(&lane->sent, &r->node);
	}
	return result;
}

static void
pump_system(void)
{
	if (!fox_link_start(&system_lane.link, boot_id))
	{
		while (!fox_list_empty(&queue))
		{
			FoxRequest *r = fox_container(FoxRequest, node, queue.next);

			if (r->type != FOX_WIRE_WRITE || !expired(r))
				break;
			refuse(r, FOX_REFUSED_UNAVAILABLE, "no executor could be started");
		}
		return;
	}
	while (!fox_list_empty(&queue))
	{
		FoxRequest *r = fox_container(FoxRequest, node, queue.next);
		shm_mq_result result = send_request(&system_lane, r, queue.next->next == &queue);

		if (result == SHM_MQ_DETACHED)
			lane_died(&system_lane);
		if (result != SHM_MQ_SUCCESS)
			return;
	}
}

static int
slow_in_flight(void)
{
	int			n = 0;

	fox_list_each(node, &slow_lane.sent)
		n++;
	return n;
}

static void
pump_slow(void)
{
	int			room;

	if (slow_map.count == 0)
	{
		if (slow_lane.link.up && turn_time - slow_used > INT64CONST(1000) * SLOW_IDLE_MS)
			lane_died(&slow_lane);	/* nothing is lost: nothing is under way */
		return;
	}
	slow_used = turn_time;
	room = fox_link_start(&slow_lane.link, boot_id) ? SLOW_IN_FLIGHT - slow_in_flight() : 0;
	for (size_t turns = slow_map.count; turns > 0 && !fox_list_empty(&slow_topics); turns--)
	{
		SlowTopic  *t = fox_container(SlowTopic, node, slow_topics.next);
		FoxRequest *r = t->sent != NULL ? NULL : fox_container(FoxRequest, node, t->waiting.next);
		shm_mq_result result;

		if (r != NULL && expired(r))
		{
			if (r->node.next == &t->waiting)
				release_topic(t);	/* r is in the queue for a moment */
			refuse(r, FOX_REFUSED_UNAVAILABLE, "another transaction keeps the value locked");
			continue;
		}
		if (r != NULL && room > 0)
		{
			result = send_request(&slow_lane, r, true);
			if (result == SHM_MQ_DETACHED)
			{
				lane_died(&slow_lane);
				return;
			}
			if (result != SHM_MQ_SUCCESS)
				return;
			t->sent = r;
			room--;
		}
		fox_list_del(&t->node);
		fox_list_push(&slow_topics, &t->node);
	}
}

/* --- answers --- */

static void
outcome(Lane *lane, FoxWire *w)
{
	FoxRequest *r = fox_idmap_get(&by_id, fox_wire_u64(w));
	FoxOutcome	what = fox_wire_u8(w);
	FoxRefusal	why = fox_wire_u8(w);
	FoxSlice	text = fox_wire_slice(w);
	SlowTopic  *t;
	char		message[512];

	if (w->bad || r == NULL || r->type != FOX_WIRE_WRITE)
		return;
	if (lane->link.slow)
	{
		t = fox_map_get(&slow_map, r->key);
		if (t != NULL && t->sent == r)
		{
			t->sent = NULL;
			if (what == FOX_OUTCOME_SLOW)
			{
				fox_list_del(&r->node);
				fox_list_push_front(&t->waiting, &r->node);
				return;
			}
			release_topic(t);
		}
	}
	else if (what == FOX_OUTCOME_SLOW)
	{
		go_slow(r);
		return;
	}
	if (what == FOX_OUTCOME_DONE)
	{
		forget(r);				/* the ring says so to the core */
		return;
	}
	strlcpy(message, text.ptr ? text.ptr : "", Min(sizeof(message), text.len + 1));
	refuse(r, why, fox_absent(text) ? NULL : message);
}

static void
rows(FoxWire *w)
{
	while (fox_wire_more(w))
	{
		FoxChange	row;

		fox_wire_row(w, &row);
		if (!w->bad && handler != NULL)
			handler->load_row(handler->ctx, &row);
	}
}

static void
setting(FoxWire *w)
{
	FoxSlice	name_slice = fox_wire_slice(w);
	FoxSlice	value_slice = fox_wire_slice(w);
	char	   *name = fox_absent(name_slice) ? NULL : fox_strdup(name_slice);
	char	   *value = fox_absent(value_slice) ? NULL : fox_strdup(value_slice);

	if (name != NULL && value != NULL && handler != NULL)
		handler->settings(handler->ctx, name, value);
	free(name);
	free(value);
}

static void
answer(Lane *lane, const void *data, Size len)
{
	FoxWire		w = fox_wire(data, len);
	uint8		type = fox_wire_u8(&w);
	FoxRequest *r;

	switch (type)
	{
		case FOX_WIRE_OUTCOMES:
			lane->link_rows = fox_wire_u64(&w);
			batches++;
			while (fox_wire_more(&w))
				outcome(lane, &w);
			break;
		case FOX_WIRE_LOAD_BEGIN:
			if (handler != NULL)
				handler->load_begin(handler->ctx);
			break;
		case FOX_WIRE_ROWS:
			rows(&w);
			break;
		case FOX_WIRE_SETTING:
			setting(&w);
			break;
		case FOX_WIRE_LOADED:
		case FOX_WIRE_DONE:
			r = fox_idmap_get(&by_id, fox_wire_u64(&w));
			if (r != NULL)
				forget(r);
			if (type == FOX_WIRE_LOADED && handler != NULL)
				handler->loaded(handler->ctx);
			break;
		default:
			w.bad = true;
	}
	if (w.bad)
		ereport(WARNING,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("fox_wamp router received a malformed answer from an executor")));
}

/* True: the turn's share is used up, more may wait. */
static bool
pump_answers(Lane *lane)
{
	for (int i = 0; i < ANSWERS_PER_TURN; i++)
	{
		shm_mq_result result;
		void	   *data;
		Size		len;

		if (!lane->link.up)
			return false;
		result = shm_mq_receive(lane->link.answers, &len, &data, true);
		if (result == SHM_MQ_DETACHED)
			lane_died(lane);
		if (result != SHM_MQ_SUCCESS)
			return false;
		answer(lane, data, len);
	}
	return true;
}

/* --- the face --- */

static bool
turn(void)
{
	FoxRequest *behind;
	bool		more;

	turn_time = GetCurrentTimestamp();
	more = pump_answers(&system_lane);
	more |= pump_answers(&slow_lane);
	while ((behind = fox_behind_take(next_id, registrations_under_way == 0)) != NULL)
	{
		next_id++;
		(void) enqueue(behind);
	}
	pump_system();
	pump_slow();
	if (!system_lane.link.up || slow_map.count > 0 || slow_lane.link.up)
		enable_timeout_after(wake_timeout, WAKE_MS);
	return more;
}

/* The handler of SIGALRM has set the latch already. */
static void
wake(void)
{
}

bool
fox_lane_start(const FoxLaneHandler *new_handler, uint64 new_boot_id)
{
	handler_copy = *new_handler;
	handler = &handler_copy;
	boot_id = new_boot_id;
	fox_list_init(&queue);
	fox_list_init(&slow_topics);
	fox_list_init(&system_lane.sent);
	fox_list_init(&slow_lane.sent);
	wake_timeout = RegisterTimeout(USER_TIMEOUT, wake);
	return fox_link_start(&system_lane.link, boot_id);
}

bool
fox_lane_write(const FoxWrite *w)
{
	static FoxBuf message = {0};
	FoxRequest *r;
	SlowTopic  *t;

	if (pending_writes >= (uint64) fox_guc_write_queue)
		return false;
	message.failed = false;
	fox_buf_reset(&message);
	fox_wire_put_write(&message, next_id, w);
	r = message.failed ? NULL : fox_request_new(FOX_WIRE_WRITE, next_id, fox_buf_view(&message), w->realm, w->topic);
	if (message.cap > 1024 * 1024)
		fox_buf_free(&message);
	if (r == NULL)
		return false;
	next_id++;
	r->token = w->token;
	t = slow_map.count > 0 ? fox_map_get(&slow_map, r->key) : NULL;
	if (!enqueue(r))
		return false;
	if (t != NULL)
	{
		fox_list_del(&r->node);
		fox_list_push(&t->waiting, &r->node);
	}
	return true;
}

void
fox_lane_boot(void)
{
	enqueue_plain(FOX_WIRE_BOOT, false);
}

void
fox_lane_reload(bool settle)
{
	enqueue_plain(FOX_WIRE_RELOAD, settle);
}

void
fox_lane_registration(FoxSlice realm, uint64 id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64 callees)
{
	fox_behind_registration(realm, id, uri, match, invoke, callees);
}

void
fox_lane_notify(FoxSlice channel, FoxSlice payload)
{
	fox_behind_notify(channel, payload);
}

bool
fox_lane_turn(void)
{
	return turn();
}

static void
nap(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
fox_lane_stop(void)
{
	TimestampTz start = GetCurrentTimestamp();

	/* The core may be gone: nobody hears of what happens from here on. */
	handler = NULL;
	while ((!fox_list_empty(&queue) || !fox_list_empty(&system_lane.sent)) && system_lane.link.up &&
		   !TimestampDifferenceExceeds(start, GetCurrentTimestamp(), STOP_DRAIN_MS))
	{
		turn();
		nap();
	}
	fox_link_terminate(&system_lane.link);
	fox_link_terminate(&slow_lane.link);
	fox_link_drop(&system_lane.link);
	fox_link_drop(&slow_lane.link);
	while (!(fox_link_ended(&system_lane.link) && fox_link_ended(&slow_lane.link)) &&
		   !TimestampDifferenceExceeds(start, GetCurrentTimestamp(), STOP_MS))
		nap();
}

void
fox_lane_stats(uint64 *pending, uint64 *batch_count, uint64 *row_count, int *executors)
{
	*pending = pending_writes;
	*batch_count = batches;
	*row_count = system_lane.rows + system_lane.link_rows + slow_lane.rows + slow_lane.link_rows;
	*executors = system_lane.link.up + slow_lane.link.up;
}
