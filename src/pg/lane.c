/*
 * lane.c - executors as the router sees them.
 *
 * Requests wait in the router's memory, then in the queue of an executor.
 *
 *   queue ──send──► system.sent ──outcome──► gone
 *                        │ locked, or behind a locked one of its session
 *                        ▼
 *                  lines of lane_slow.c ──send──► slow.sent ──outcome──► gone
 *                        ▲                           │ still locked
 *                        └───────────────────────────┘
 *
 * Writes that were already on their way to the system executor when a line began
 * come back by themselves, in order, because it refuses the topic and the session
 * until each return has been confirmed (SLOW_SEEN); the line stands still until the
 * last of them has been answered.
 *
 * When an executor dies, whether its writes have committed is not known: they are
 * refused as unavailable, but for those that take effect once however often they are
 * sent.  These and everything else are sent again.
 */
#include "postgres.h"

#include <stdlib.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timeout.h"

#include "base/digest.h"
#include "pg/guc.h"
#include "pg/lane.h"
#include "pg/lane_behind.h"
#include "pg/lane_link.h"
#include "pg/lane_load.h"
#include "pg/lane_login.h"
#include "pg/lane_slow.h"
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

static const FoxLaneHandler *handler = NULL;
static FoxLaneHandler handler_copy;
static uint64 boot_id;
static Lane system_lane = {.link = {.kind = FOX_LANE_SYSTEM}};
static Lane slow_lane = {.link = {.kind = FOX_LANE_SLOW}};
static FoxNode queue;			/* for the system executor */
static uint64 next_id = 1;
static uint64 writes_sent = 0;	/* to the system executor, ever */
static uint64 writes_answered = 0;	/* of those; answers keep the order */
static FoxRequest *put_off = NULL;	/* deliveries that could not be written, and since when */
static TimestampTz put_off_since;
static uint64 batches = 0;
static TimestampTz slow_used;
static TimestampTz turn_time;
static TimeoutId wake_timeout;

/* --- requests --- */

static void
forget(FoxRequest *r)
{
	if (r->type == FOX_WIRE_WRITE)
		fox_slow_left(r);
	else if (r->type == FOX_WIRE_LOGIN)
		fox_logins_left();
	fox_request_end(r);
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

/* NULL, or false: no memory; it is gone. */
static bool
enqueue(FoxRequest *r)
{
	if (r == NULL)
		return false;
	if (!fox_request_file(r))
	{
		free(r);
		return false;
	}
	fox_list_push(&queue, &r->node);
	return true;
}

static void
enqueue_plain(FoxWireType type)
{
	FoxBuf		message = {0};
	uint64		id = next_id++;

	fox_wire_put_u8(&message, type);
	fox_wire_put_u64(&message, id);
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

/* The system executor has sent it back untouched. */
static void
returned(FoxRequest *r, bool behind)
{
	FoxBuf		message = {0};
	FoxRequest *seen = NULL;

	fox_wire_put_u8(&message, FOX_WIRE_SLOW_SEEN);
	fox_wire_put_u8(&message, behind);
	fox_wire_put_slice(&message, r->realm);
	fox_wire_put_slice(&message, r->topic);
	fox_wire_put_u64(&message, r->session);
	if (!message.failed)
		seen = fox_request_new(FOX_WIRE_SLOW_SEEN, 0, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	fox_buf_free(&message);
	/* Without this confirmation the topic would stay slow, but nothing would be lost. */
	(void) enqueue(seen);
	if (!fox_slow_returned(r, behind, writes_sent))
		refuse(r, FOX_REFUSED_UNAVAILABLE, "the router is out of memory");
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
	if (lane->link.kind == FOX_LANE_SYSTEM)
		fox_list_each(n, &queue)
		{
			FoxRequest *r = fox_container(FoxRequest, node, n);

			if (r->type == FOX_WIRE_SLOW_SEEN)
				forget(r);
		}

	if (lane->link.kind == FOX_LANE_SYSTEM)
		writes_answered = writes_sent;
	fox_list_init(&lost);
	while (!fox_list_empty(&lane->sent))
	{
		FoxRequest *r = fox_container(FoxRequest, node, lane->sent.prev);

		fox_list_del(&r->node);
		if (r->repeatable && lane->link.kind == FOX_LANE_SLOW)
			fox_slow_again(r);
		else
			fox_list_push_front(r->type == FOX_WIRE_WRITE && !r->repeatable ? &lost : &queue, &r->node);
	}
	while (!fox_list_empty(&lost))
	{
		FoxRequest *r = fox_container(FoxRequest, node, lost.next);

		refuse(r, FOX_REFUSED_UNAVAILABLE, "the executor was lost before the commit was known");
	}
}

/* --- sending --- */

static shm_mq_result
send_request(Lane *lane, FoxRequest *r, bool flush)
{
	shm_mq_result result = fox_pipe_send(&lane->link.requests, r->len, r->message, true, flush);

	if (result == SHM_MQ_SUCCESS)
	{
		if (r->type == FOX_WIRE_WRITE && lane->link.kind == FOX_LANE_SYSTEM)
			writes_sent++;
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

	if (fox_slow_topics() == 0)
	{
		if (slow_lane.link.up && turn_time - slow_used > INT64CONST(1000) * SLOW_IDLE_MS)
			lane_died(&slow_lane);	/* nothing is lost: nothing is under way */
		return;
	}
	slow_used = turn_time;
	room = fox_link_start(&slow_lane.link, boot_id) ? SLOW_IN_FLIGHT - slow_in_flight() : 0;
	for (size_t turns = fox_slow_topics(); turns > 0 && fox_slow_topics() > 0; turns--)
	{
		FoxRequest *r = fox_slow_next(writes_answered);
		shm_mq_result result;

		if (r == NULL)
			continue;
		if (expired(r))
		{
			refuse(r, FOX_REFUSED_UNAVAILABLE, "another transaction keeps the value locked");
			continue;
		}
		if (room == 0)
			continue;
		result = send_request(&slow_lane, r, true);
		if (result == SHM_MQ_DETACHED)
			lane_died(&slow_lane);
		if (result != SHM_MQ_SUCCESS)
			return;
		fox_slow_sent(r);
		room--;
	}
}

/* --- answers --- */

static void
outcome(Lane *lane, FoxWire *w)
{
	FoxRequest *r = fox_request_find(fox_wire_u64(w));
	FoxOutcome	what = fox_wire_u8(w);
	FoxRefusal	why = fox_wire_u8(w);
	FoxSlice	text = fox_wire_slice(w);
	char		message[512];

	if (w->bad || r == NULL || r->type != FOX_WIRE_WRITE)
		return;
	if (lane->link.kind == FOX_LANE_SYSTEM)
		writes_answered++;
	if (what == FOX_OUTCOME_SLOW || what == FOX_OUTCOME_BEHIND)
	{
		if (lane->link.kind == FOX_LANE_SLOW)
			fox_slow_again(r);
		else
			returned(r, what == FOX_OUTCOME_BEHIND);
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
login_answer(FoxWire *w)
{
	FoxRequest *r = fox_request_find(fox_wire_u64(w));
	FoxSlice	text = fox_wire_slice(w);
	uint64		token;

	if (r == NULL || r->type != FOX_WIRE_LOGIN)
		return;
	token = r->token;
	fox_wipe(r->message, r->len);
	forget(r);
	if (handler != NULL)
		handler->login_answer(handler->ctx, token, text);
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
		case FOX_WIRE_ROWS:
			fox_load_rows(handler, &w);
			break;
		case FOX_WIRE_MQTT:
			fox_load_mqtt(handler, &w);
			break;
		case FOX_WIRE_SETTING:
			fox_load_setting(handler, &w);
			break;
		case FOX_WIRE_LOADED:
		case FOX_WIRE_DONE:
			r = fox_request_find(fox_wire_u64(&w));
			if (r != NULL && r->type == FOX_WIRE_PAST && handler != NULL)
				handler->past_written(handler->ctx, r->token);
			if (r != NULL && r->type == FOX_WIRE_DELIVERIES && handler != NULL)
				handler->deliveries_written(handler->ctx, r->token);
			if (r != NULL && r->type == FOX_WIRE_ROLES && handler != NULL)
				handler->roles_read(handler->ctx);
			if (r != NULL && r->type == FOX_WIRE_SETTLE && handler != NULL)
				handler->settled(handler->ctx);
			if (r != NULL)
				forget(r);
			if (type == FOX_WIRE_LOADED && handler != NULL)
				handler->loaded(handler->ctx);
			break;
		case FOX_WIRE_FAILED:
			r = fox_request_find(fox_wire_u64(&w));
			if (r == NULL || r->type != FOX_WIRE_DELIVERIES)
				break;
			fox_list_del(&r->node);
			put_off = r;
			put_off_since = turn_time;
			break;
		case FOX_WIRE_LOGIN_ANSWER:
			login_answer(&w);
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
		result = fox_pipe_receive(&lane->link.answers, &len, &data);
		if (result == SHM_MQ_DETACHED)
			lane_died(lane);
		if (result != SHM_MQ_SUCCESS)
			return false;
		answer(lane, data, len);
	}
	return true;
}

static void
take_up_logins(void)
{
	FoxRequest *r;

	while ((r = fox_logins_take()) != NULL)
	{
		uint64		token = r->token;

		if (enqueue(r))
			continue;
		fox_logins_left();
		if (handler != NULL)
			handler->login_answer(handler->ctx, token, FOX_ABSENT);
	}
}

/* --- the face --- */

static bool
none_under_way(FoxWireType type)
{
	return fox_requests_under_way(type) == 0;
}

bool
fox_lane_turn(void)
{
	FoxRequest *behind;
	bool		more;

	turn_time = GetCurrentTimestamp();
	more = pump_answers(&system_lane);
	more |= pump_answers(&slow_lane);
	while ((behind = fox_behind_take(next_id, none_under_way(FOX_WIRE_REGISTRATION), none_under_way(FOX_WIRE_PAST),
									 none_under_way(FOX_WIRE_DELIVERIES))) != NULL)
	{
		next_id++;
		(void) enqueue(behind);
	}
	/* One message of them is under way at a time, so that they keep their order. */
	if (put_off != NULL && turn_time - put_off_since >= INT64CONST(1000) * WAKE_MS)
	{
		fox_list_push(&queue, &put_off->node);
		put_off = NULL;
	}
	take_up_logins();
	pump_system();
	pump_slow();
	if (!system_lane.link.up || put_off != NULL || fox_slow_topics() > 0 || slow_lane.link.up)
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
	fox_logins_init();
	fox_slow_init(&queue);
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

	if (fox_requests_under_way(FOX_WIRE_WRITE) >= (uint64) fox_guc_write_queue)
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
	r->session = w->order;
	r->repeatable = w->received.session != 0;
	if (!enqueue(r))
		return false;
	fox_slow_divert(r, writes_sent);
	return true;
}

bool
fox_lane_login(uint64_t token, FoxSlice question)
{
	if (!fox_logins_add(next_id, token, question))
		return false;
	next_id++;
	return true;
}

void
fox_lane_login_gone(uint64_t token)
{
	fox_logins_drop(token);
}

void
fox_lane_boot(void)
{
	enqueue_plain(FOX_WIRE_BOOT);
}

void
fox_lane_reload(void)
{
	enqueue_plain(FOX_WIRE_RELOAD);
}

void
fox_lane_settle(void)
{
	enqueue_plain(FOX_WIRE_SETTLE);
}

void
fox_lane_roles(void)
{
	enqueue_plain(FOX_WIRE_ROLES);
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
		(void) fox_lane_turn();
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
	*pending = fox_requests_under_way(FOX_WIRE_WRITE);
	*batch_count = batches;
	*row_count = system_lane.rows + system_lane.link_rows + slow_lane.rows + slow_lane.link_rows;
	*executors = system_lane.link.up + slow_lane.link.up;
}
