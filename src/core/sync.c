/*
 * sync.c - publishes that do not end at once: stored ones, and ones that wait.
 *
 *      publish ──► HELD ──(stored, or no write in flight)┐
 *         │                                              ▼
 *         ├──(watch, does not fit by the copy)──► WAITING ──(fits)──► INFLIGHT ──► done
 *         └──────────────────────────────────────────────────────────▲   │
 *                                        WAITING ◄──(watch, refused)─────┘
 *
 * The database judges; a change that comes back
 * through the ring with the token of a write in flight is its success, whatever the
 * lane says.  One waiter of a topic is tried at a time, in order of arrival.
 */
#include <stdlib.h>

#include "codec/match.h"
#include "core/core.h"

#include "base/pure.h"

#define WILL_RETRY_US 1000000
#define AGAIN_US 10000			/* doubled with every refusal, up to a second */
#define AGAIN_DOUBLINGS 6

static void waiter_timeout(void *ctx, FoxTimer *timer);
static bool sync_send(FoxPending *w);

/* --- pending publishes --- */

FoxPending *
fox_pending_new(FoxRealm *realm, FoxSession *s, const FoxPublish *p)
{
	FoxPending *w = calloc(1, sizeof(*w) + p->options.len + p->topic.len +
							p->payload.args.len + p->payload.kwargs.len + p->original.len + 1);
	char	   *at;

	if (w == NULL)
		return NULL;
	at = w->block;
	w->realm = realm;
	w->session = s;
	w->session_id = s ? s->id : 0;
	w->since_us = fox_router_now(realm->router);
	w->p.request = p->request;
	w->p.disclosure = p->disclosure;
	w->p.options = fox_slice_keep(&at, p->options);
	w->p.topic = fox_slice_keep(&at, p->topic);
	w->p.payload.encoding = p->payload.encoding;
	w->p.payload.args = fox_slice_keep(&at, p->payload.args);
	w->p.payload.kwargs = fox_slice_keep(&at, p->payload.kwargs);
	w->p.original = fox_slice_keep(&at, p->original);
	fox_publish_options(&w->p); /* once more, so that its slices are the copy's */
	fox_list_init(&w->in_order);
	fox_list_init(&w->in_session);
	fox_list_init(&w->in_unsettled);
	if (!w->p.watch)
	{
		w->ticket = ++realm->router->next_ticket;
		fox_list_push(&realm->router->unsettled, &w->in_unsettled);
	}
	if (s != NULL)
		fox_list_push(&s->pendings, &w->in_session);
	return w;
}

static void
pending_free(FoxPending *w)
{
	fox_timer_clear(&w->realm->router->timers, &w->timer);
	fox_list_del(&w->in_order);
	fox_list_del(&w->in_session);
	fox_list_del(&w->in_unsettled);
	free(w);
}

/* --- the session's order --- */

/*
 * Stored publishes of a session go one behind the other into the lane, which keeps
 * their order; one that is not stored waits until they are done.
 */
static void
release_held(FoxSession *s)
{
	if (s->releasing)
		return;					/* a write that is refused at once comes back here */
	s->releasing = true;
	while (!fox_list_empty(&s->held))
	{
		FoxPending *w = fox_container(FoxPending, in_order, s->held.next);

		if (!w->p.retain && s->writes > 0)
			break;
		fox_list_del(&w->in_order);
		s->held_count--;
		if (!w->p.retain)
		{
			fox_publish_now(s, &w->p);
			pending_free(w);
		}
		else if (!sync_send(w))
			fox_sync_finish(w, 0, FOX_ERR_UNAVAILABLE, "too many stored publishes wait for the database");
	}
	s->releasing = false;
}

static void
flight_ends(FoxPending *w)
{
	fox_idmap_del(&w->realm->router->pendings, w->token);
	fox_list_del(&w->in_order);
	if (w->session != NULL && w->queue == NULL)
		w->session->writes--;
}

FoxPending *
fox_sync_take(FoxRouter *r, uint64_t token)
{
	FoxPending *w = token ? fox_idmap_get(&r->pendings, token) : NULL;

	if (w != NULL)
		flight_ends(w);
	return w;
}

/* --- queues of waiters --- */

static FoxQueue *
queue_of(FoxRealm *realm, FoxSlice topic, bool create)
{
	FoxQueue   *q = fox_map_get(&realm->queues, topic);

	if (q != NULL || !create || (q = calloc(1, sizeof(*q) + topic.len)) == NULL)
		return q;
	q->realm = realm;
	memcpy(q->block, topic.ptr, topic.len);
	q->topic = fox_slice(q->block, topic.len);
	fox_list_init(&q->waiters);
	if (!fox_map_put(&realm->queues, q->topic, q))
	{
		free(q);
		return NULL;
	}
	return q;
}

static void
queue_free_if_idle(FoxQueue *q)
{
	if (q->trying != NULL || !fox_list_empty(&q->waiters))
		return;
	fox_map_del(&q->realm->queues, q->topic);
	fox_timer_clear(&q->realm->router->timers, &q->again);
	free(q);
}

static void
stop_waiting(FoxPending *w)
{
	fox_list_del(&w->in_order);
	if (w->session != NULL)
		w->session->waiting--;
}

static void
wait_in(FoxPending *w, FoxQueue *q, bool first)
{
	w->state = FOX_PENDING_WAITING;
	w->queue = q;
	if (first)
		fox_list_push_front(&q->waiters, &w->in_order);
	else
		fox_list_push(&q->waiters, &w->in_order);
	if (w->session != NULL)
		w->session->waiting++;
}

static void
look_again(void *ctx, FoxTimer *timer)
{
	FoxQueue   *q = fox_container(FoxQueue, again, timer);

	(void) ctx;
	fox_sync_wake(q->realm, q->topic);
}

/*
 * The database has refused what the copy allows, or has no room: the copy lags, and the
 * next change of the topic wakes the queue.  In case that change has already been
 * seen, the queue looks again after a while, less and less often.
 */
static void
wake_later(FoxQueue *q)
{
	FoxRouter  *r = q->realm->router;
	uint32_t	doublings = q->refusals < AGAIN_DOUBLINGS ? q->refusals : AGAIN_DOUBLINGS;

	q->refusals++;
	fox_timer_set(&r->timers, &q->again, fox_router_now(r) + ((uint64_t) AGAIN_US << doublings), look_again);
}

void
fox_sync_changed(FoxRealm *realm, FoxSlice topic)
{
	FoxQueue   *q = queue_of(realm, topic, false);

	if (q == NULL)
		return;
	q->refusals = 0;
	fox_sync_wake(realm, topic);
}

void
fox_sync_wake(FoxRealm *realm, FoxSlice topic)
{
	FoxQueue   *q = queue_of(realm, topic, false);

	if (q == NULL || q->trying != NULL)
		return;
	fox_list_each(n, &q->waiters)
	{
		FoxPending *w = fox_container(FoxPending, in_order, n);

		if (!fox_retained_holds(realm, topic, w->p.when))
			continue;
		stop_waiting(w);
		if (w->p.retain)
		{
			q->trying = w;
			if (!sync_send(w))
			{
				q->trying = NULL;
				wait_in(w, q, true);
				wake_later(q);
			}
			return;
		}
		fox_publish_now(w->session, &w->p);
		pending_free(w);
	}
	queue_free_if_idle(q);
}

static void
start_waiting(FoxPending *w)
{
	FoxRouter  *r = w->realm->router;
	FoxSession *s = w->session;
	uint64_t	timeout = w->p.timeout_ms ? w->p.timeout_ms : r->config.watch_timeout_ms;
	FoxQueue   *q = NULL;

	if (s->waiting < r->config.waiter_limit)
		q = queue_of(w->realm, w->p.topic, true);
	if (q == NULL)
	{
		fox_sync_finish(w, 0, FOX_ERR_UNAVAILABLE, "too many waiting publishes");
		return;
	}
	wait_in(w, q, false);
	if (timeout > 0)
	{
		w->deadline_us = fox_router_now(r) + timeout * 1000;
		fox_timer_set(&r->timers, &w->timer, w->deadline_us, waiter_timeout);
	}
	fox_sync_wake(w->realm, w->p.topic);
}

static void
waiter_timeout(void *ctx, FoxTimer *timer)
{
	FoxPending *w = fox_container(FoxPending, timer, timer);
	FoxQueue   *q = w->queue;

	(void) ctx;
	if (w->state != FOX_PENDING_WAITING)
		return;					/* just being tried: if that is refused, the refusal times out */
	stop_waiting(w);
	w->queue = NULL;
	fox_sync_finish(w, 0, FOX_ERR_TIMEOUT, "the condition did not hold in time");
	queue_free_if_idle(q);
}

/* --- writes --- */

bool
fox_sync_write(FoxPending *w, FoxWrite *write)
{
	FoxRouter  *r = w->realm->router;

	w->state = FOX_PENDING_INFLIGHT;
	w->token = ++r->next_token;
	write->token = w->token;
	write->realm = w->realm->name;
	write->topic = w->p.topic;
	write->args = w->p.payload.args;
	write->kwargs = w->p.payload.kwargs;
	write->original = w->p.original;
	write->publication = fox_router_publication_id(r);
	write->session = w->session_id;
	write->order = w->queue == NULL ? w->session_id : 0;
	write->pid = w->session ? w->session->pid : 0;
	if (w->session != NULL && !w->is_will && w->session->ops->received_as != NULL)
		write->received = w->session->ops->received_as(w->session, w->p.request);
	if (!fox_idmap_put(&r->pendings, w->token, w))
		return false;
	fox_list_push(&r->inflight, &w->in_order);
	if (w->session != NULL && w->queue == NULL)
		w->session->writes++;
	r->stats.writes++;
	if (!r->ports.write(r->ports.ctx, write))
	{
		flight_ends(w);
		r->stats.writes_refused++;
		return false;
	}
	return true;
}

/* What came by MQTT is empty when it has no bytes: null, [] and {} are values. */
static bool
deletes(const FoxPending *w)
{
	const FoxPublish *p = &w->p;
	FoxPayload	payload = p->payload;

	if (p->merge)
		return false;
	fox_payload_original(p->original, &payload);
	return payload.encoding == FOX_MQTT ? payload.args.len == 0 :
		fox_value_empty(payload.args, payload.kwargs, w->realm->router->config.kwargs_are_headers);
}

/* Sends the durable write of a retained publish; a waiter's stays in its queue's hand. */
static bool
sync_send(FoxPending *w)
{
	FoxPublish *p = &w->p;
	FoxWrite	write = {
		.kind = FOX_WRITE_PUT, .when = p->when, .will = p->will, .will_on_end = p->will_on_end,
		.merge = p->merge, .ttl = p->ttl
	};
	FoxBuf		lists = {0};
	bool		sent;

	if (p->has_audience)
	{
		fox_audience_json(p->options, &lists);
		if (lists.failed)
		{
			fox_buf_free(&lists);
			return false;
		}
		write.audience = fox_slice(lists.data, lists.len);
	}
	if (deletes(w))
		write.kind = FOX_WRITE_DELETE;
	sent = fox_sync_write(w, &write);
	fox_buf_free(&lists);
	return sent;
}

void
fox_sync_publish(FoxSession *s, const FoxPublish *p)
{
	FoxPending *w;

	if (!p->retain && !p->watch && s->writes == 0 && fox_list_empty(&s->held))
	{
		fox_publish_now(s, p);
		return;
	}
	if ((!p->watch && s->held_count >= s->realm->router->config.waiter_limit) ||
		(w = fox_pending_new(s->realm, s, p)) == NULL)
	{
		if (p->acknowledge)
			fox_session_fail(s, FOX_REQ_PUBLISH, p->request, FOX_ERR_UNAVAILABLE,
							 "too many publishes wait behind a stored one");
		else
			s->realm->router->stats.publishes_refused++;
		return;
	}
	if (p->watch)
	{
		start_waiting(w);
		return;
	}
	w->state = FOX_PENDING_HELD;
	fox_list_push(&s->held, &w->in_order);
	s->held_count++;
	release_held(s);
}

void
fox_sync_finish(FoxPending *w, uint64_t publication, const char *uri, const char *text)
{
	FoxSession *s = w->session;
	FoxQueue   *q = w->queue;
	FoxRealm   *realm = w->realm;

	if (uri != NULL && !w->is_will)
	{
		if (strcmp(uri, FOX_ERR_INVALID_PAYLOAD) == 0)
			realm->router->stats.condition_failed++;
		if (!w->p.acknowledge)
			realm->router->stats.publishes_refused++;
	}
	if (s != NULL && uri == NULL)
		fox_publish_delivered(s, &w->p, w->receipt, publication);
	else if (s != NULL && w->p.acknowledge)
		fox_session_fail(s, FOX_REQ_PUBLISH, w->p.request, uri, text);
	if (q != NULL && q->trying == w)
		q->trying = NULL;
	pending_free(w);
	if (s != NULL)
		release_held(s);
	if (q != NULL)
		fox_sync_wake(realm, q->topic);
}

static void
retry_will(void *ctx, FoxTimer *timer)
{
	FoxPending *w = fox_container(FoxPending, timer, timer);
	FoxWrite	write = {.kind = FOX_WRITE_PUT, .only_owner = true};

	(void) ctx;
	fox_list_del(&w->in_order);
	if (fox_value_empty(w->p.payload.args, w->p.payload.kwargs, w->realm->router->config.kwargs_are_headers))
		write.kind = FOX_WRITE_DELETE;
	if (!fox_sync_write(w, &write))
		fox_sync_retry_will(w);
}

/* Without memory for a timer the will is left for the next start of the router. */
void
fox_sync_retry_will(FoxPending *w)
{
	FoxRouter  *r = w->realm->router;

	if (fox_timer_set(&r->timers, &w->timer, fox_router_now(r) + WILL_RETRY_US, retry_will))
		fox_list_push(&r->retries, &w->in_order);
	else
		pending_free(w);
}

void
fox_router_refused(FoxRouter *r, uint64_t token, FoxRefusal why, const char *text)
{
	static const char *const uris[] = {
		[FOX_REFUSED_CONDITION] = FOX_ERR_INVALID_PAYLOAD,
		[FOX_REFUSED_INVALID] = FOX_ERR_INVALID_ARGUMENT,
		[FOX_REFUSED_UNAVAILABLE] = FOX_ERR_UNAVAILABLE,
		[FOX_REFUSED_DISOWNED] = NULL,
		[FOX_REFUSED_REPEATED] = NULL
	};
	FoxPending *w = fox_sync_take(r, token);

	if (w == NULL)
		return;					/* a DISOWN, which nobody waits for */
	r->stats.writes_refused++;
	if (w->is_will && why == FOX_REFUSED_UNAVAILABLE)
	{
		fox_sync_retry_will(w);
		return;
	}
	if (w->queue != NULL && why == FOX_REFUSED_CONDITION && w->session != NULL)
	{
		if (w->deadline_us != 0 && fox_router_now(r) >= w->deadline_us)
		{
			fox_sync_finish(w, 0, FOX_ERR_TIMEOUT, "the condition did not hold in time");
			return;
		}
		w->queue->trying = NULL;
		wait_in(w, w->queue, true);
		if (w->deadline_us != 0)
			fox_timer_set(&r->timers, &w->timer, w->deadline_us, waiter_timeout);
		wake_later(w->queue);
		return;
	}
	if (why == FOX_REFUSED_CONDITION && text == NULL)
		text = "the condition does not hold";
	fox_sync_finish(w, 0, uris[why], text);
}

void
fox_sync_withdraw(FoxSession *s, uint64_t request)
{
	fox_list_each(n, &s->pendings)
	{
		FoxPending *w = fox_container(FoxPending, in_session, n);
		FoxQueue   *q = w->queue;

		if (w->p.request != request)
			continue;
		if (w->state != FOX_PENDING_WAITING)
		{
			w->given_up = true;
			return;
		}
		stop_waiting(w);
		pending_free(w);
		queue_free_if_idle(q);
		return;
	}
}

void
fox_sync_realm_end(FoxRealm *realm)
{
	FoxRouter  *r = realm->router;

	fox_list_each(n, &r->inflight)
	{
		FoxPending *w = fox_container(FoxPending, in_order, n);

		if (w->realm != realm)
			continue;
		flight_ends(w);
		if (w->queue != NULL)
		{
			w->queue->trying = NULL;
			queue_free_if_idle(w->queue);
		}
		pending_free(w);
	}
	fox_list_each(n, &r->retries)
	{
		FoxPending *w = fox_container(FoxPending, in_order, n);

		if (w->realm == realm)
			pending_free(w);
	}
}

void
fox_sync_session_end(FoxSession *s, FoxEnd how)
{
	fox_list_each(n, &s->pendings)
	{
		FoxPending *w = fox_container(FoxPending, in_session, n);
		FoxQueue   *q = w->queue;

		if (w->state == FOX_PENDING_INFLIGHT)
		{
			/* It will be stored all the same; nobody is told, and its will is dealt with then. */
			w->session = NULL;
			w->said_goodbye = how == FOX_END_GOODBYE;
			fox_list_del(&w->in_session);
			continue;
		}
		pending_free(w);
		if (q != NULL)
			queue_free_if_idle(q);
	}
}
