/*
 * snapshot.c - initial values of a subscription, or the events it missed, sent in slices.
 *
 * The values are collected by reference when the subscription begins, so that they
 * are those of one moment; a slice of them is sorted and sent each turn, so that no
 * other session waits: a heap gives them in topic order with the work of sorting spread
 * over the slices; live events of that subscription queue behind them.
 *
 * Values with a row (sight.h) are shown to an executor first, some at a time; what the
 * session may not see leaves the collection.
 */
#include <stdlib.h>

#include "core/history.h"
#include "core/sight.h"

#include "base/pure.h"

#define SLICE_US 500
#define SHOWN 500				/* values with a row that are asked about together */
#define HOLD_LIMIT (16 * 1024 * 1024)	/* bytes of live events behind one snapshot */

typedef struct HeldEvent
{
	struct HeldEvent *next;
	FoxEvent	event;
	char		block[];
} HeldEvent;

struct FoxSnapshot
{
	FoxMember  *member;
	FoxNode		in_router;
	bool		only;			/* end the subscription afterwards */
	bool		overflowed;		/* live events were too many: it ends after the values */
	FoxValue  **values;			/* a heap by topic, once unordered is 0 */
	size_t		count;
	size_t		cap;
	size_t		unseen;			/* values from there on are still to be asked about, if they have a row */
	size_t		asked_to;		/* those before it are being asked about */
	bool		has_rows;
	bool		blind;			/* it could not be asked: the subscription ends */
	size_t		unordered;		/* places of the heap's first half that are still to be sifted */
	FoxPast   **past;			/* instead of values: events that were kept */
	size_t		past_count;
	size_t		past_sent;
	bool		failed;			/* out of memory while collecting */
	size_t		held_bytes;
	HeldEvent  *held;
	HeldEvent **held_tail;
};

static void
collect(void *ctx, void *value)
{
	FoxSnapshot *snap = ctx;
	FoxValue   *v = value;

	if (snap->failed || (fox_uri_hidden(v->topic) && !fox_uri_hidden(snap->member->subscription->topic)) || (!fox_absent(v->audience) && !fox_audience_allows(v->audience, snap->member->session)) ||
		!fox_filter_passes(snap->member->subscription->filter, v->args, v->kwargs))
		return;
	if (snap->count == snap->cap)
	{
		size_t		cap = snap->cap ? snap->cap * 2 : 16;
		FoxValue  **values = realloc(snap->values, cap * sizeof(*values));

		if (values == NULL)
		{
			snap->failed = true;
			return;
		}
		snap->values = values;
		snap->cap = cap;
	}
	v->refs++;
	snap->has_rows |= !fox_absent(v->row);
	snap->values[snap->count++] = v;
}

typedef struct PrefixCollect
{
	FoxSnapshot *snap;
	FoxSlice	prefix;
} PrefixCollect;

static void
collect_prefix(void *ctx, void *value)
{
	PrefixCollect *pc = ctx;
	FoxValue   *v = value;

	if (fox_slice_begins(v->topic, pc->prefix))
		collect(pc->snap, v);
}

static bool
before(const FoxValue *x, const FoxValue *y)
{
	size_t		n = x->topic.len < y->topic.len ? x->topic.len : y->topic.len;
	int			c = memcmp(x->topic.ptr, y->topic.ptr, n);

	return c != 0 ? c < 0 : x->topic.len < y->topic.len;
}

static void
sift_down(FoxSnapshot *snap, size_t place)
{
	FoxValue   *v = snap->values[place];

	for (;;)
	{
		size_t		child = 2 * place + 1;

		if (child >= snap->count)
			break;
		if (child + 1 < snap->count && before(snap->values[child + 1], snap->values[child]))
			child++;
		if (!before(snap->values[child], v))
			break;
		snap->values[place] = snap->values[child];
		place = child;
	}
	snap->values[place] = v;
}

/* The first value by topic; the caller has its reference. */
static FoxValue *
take_first(FoxSnapshot *snap)
{
	FoxValue   *v = snap->values[0];

	snap->values[0] = snap->values[--snap->count];
	if (snap->count > 1)
		sift_down(snap, 0);
	return v;
}

/* All that is to be sent is known. */
static void
ready(FoxSnapshot *snap)
{
	snap->unordered = snap->count / 2;
	fox_list_push(&snap->member->subscription->realm->router->snapshots, &snap->in_router);
}

/* Asks about the next ones that have a row; false: there are none, or it can not be asked. */
static bool
show_some(FoxSnapshot *snap)
{
	FoxBuf		rows = {0};
	size_t		at = snap->unseen;
	bool		asked = false;

	for (int n = 0; at < snap->count && n < SHOWN; at++)
	{
		if (fox_absent(snap->values[at]->row))
			continue;
		if (rows.len > 0)
			fox_buf_char(&rows, ',');
		fox_buf_slice(&rows, snap->values[at]->row);
		n++;
	}
	snap->asked_to = at;
	if (rows.len > 0 || rows.failed)
	{
		asked = !rows.failed && fox_sight_of(snap->member->session, fox_buf_view(&rows), snap);
		snap->blind = !asked;
	}
	fox_buf_free(&rows);
	return asked;
}

static void
drop_values(FoxSnapshot *snap)
{
	while (snap->count > 0)
		fox_value_unref(snap->values[--snap->count]);
}

/* answer = [[[role] or [], …], …], one for each that was asked about */
void
fox_snapshot_seen(FoxSnapshot *snap, FoxSlice answer)
{
	size_t		kept = snap->unseen;
	size_t		pos = 0;

	for (size_t i = snap->unseen; i < snap->asked_to; i++)
	{
		FoxValue   *v = snap->values[i];
		FoxSlice	item = FOX_ABSENT;
		FoxSlice	seers = FOX_ABSENT;
		FoxSlice	role;
		size_t		in_item = 0;
		size_t		in_seers = 0;
		bool		sees = fox_absent(v->row);

		if (!sees && !fox_absent(answer) && fox_json_element(answer, &pos, &item) && fox_json_kind(item) == FOX_JSON_ARRAY &&
			fox_json_element(item, &in_item, &seers) && fox_json_kind(seers) == FOX_JSON_ARRAY)
			sees = fox_json_element(seers, &in_seers, &role);
		if (sees)
			snap->values[kept++] = v;
		else
			fox_value_unref(v);
	}
	memmove(snap->values + kept, snap->values + snap->asked_to, (snap->count - snap->asked_to) * sizeof(*snap->values));
	snap->count -= snap->asked_to - kept;
	snap->unseen = kept;
	snap->blind |= fox_absent(answer);
	if (!snap->blind && show_some(snap))
		return;
	if (snap->blind)
		drop_values(snap);
	ready(snap);
}

bool
fox_snapshot_begin(FoxMember *m, bool only)
{
	FoxSubscription *sub = m->subscription;
	FoxRealm   *realm = sub->realm;
	FoxSnapshot *snap = calloc(1, sizeof(*snap));

	if (snap == NULL)
		return false;
	snap->member = m;
	snap->only = only;
	snap->held_tail = &snap->held;
	fox_list_init(&snap->in_router);
	m->snapshot = snap;

	if (sub->kind == FOX_EXACT)
	{
		FoxValue   *v = fox_retained_get(realm, sub->topic);

		if (v != NULL)
			collect(snap, v);
	}
	else if (sub->kind == FOX_PREFIX)
		fox_trie_each(&realm->retained, collect_prefix, &(PrefixCollect){snap, sub->topic});
	else
		fox_trie_find(&realm->retained, sub->topic, sub->kind, collect, snap);
	if (snap->failed)
		return false;
	if (snap->has_rows && show_some(snap))
		return true;
	if (snap->blind)
		drop_values(snap);
	ready(snap);
	return true;
}

static void
drop_past(FoxPast **past, size_t from, size_t count)
{
	for (size_t i = from; i < count; i++)
		fox_past_unref(past[i]);
	free(past);
}

bool
fox_snapshot_replay(FoxMember *m, FoxPast **events, size_t count)
{
	FoxSnapshot *snap = calloc(1, sizeof(*snap));

	if (snap == NULL)
	{
		drop_past(events, 0, count);
		return false;
	}
	snap->member = m;
	snap->held_tail = &snap->held;
	snap->past = events;
	snap->past_count = count;
	fox_list_push(&m->subscription->realm->router->snapshots, &snap->in_router);
	m->snapshot = snap;
	return true;
}

static void
drop_held(FoxSnapshot *snap)
{
	while (snap->held != NULL)
	{
		HeldEvent  *h = snap->held;

		snap->held = h->next;
		free(h);
	}
	snap->held_tail = &snap->held;
}

void
fox_snapshot_hold(FoxSnapshot *snap, const FoxEvent *e)
{
	size_t		n = sizeof(HeldEvent) + e->topic.len + e->payload.args.len + e->payload.kwargs.len +
		e->publisher.authid.len + e->publisher.authrole.len + fox_ppt_size(&e->ppt) + 1;
	HeldEvent  *h;
	char	   *at;

	if (snap->only || snap->overflowed)
		return;					/* it wants no live events, or gets none any more */
	if (snap->held_bytes + n > HOLD_LIMIT || (h = malloc(n)) == NULL)
	{
		snap->overflowed = true;
		drop_held(snap);
		return;
	}
	at = h->block;
	h->next = NULL;
	h->event = *e;
	memset(h->event.encoded, 0, sizeof(h->event.encoded));
	h->event.encoded_for = NULL;
	h->event.receipt = h->event.accepted = NULL;	/* they may be gone by then */
	h->event.later = NULL;
	h->event.json_memory = (FoxBuf){0};
	h->event.topic = fox_slice_keep(&at, e->topic);
	h->event.payload.args = fox_slice_keep(&at, e->payload.args);
	h->event.payload.kwargs = fox_slice_keep(&at, e->payload.kwargs);
	h->event.ppt = fox_ppt_keep(&at, &e->ppt);
	h->event.publisher.authid = fox_slice_keep(&at, e->publisher.authid);
	h->event.publisher.authrole = fox_slice_keep(&at, e->publisher.authrole);
	snap->held_bytes += n;
	*snap->held_tail = h;
	snap->held_tail = &h->next;
}

void
fox_snapshot_free(FoxSnapshot *snap)
{
	if (snap->has_rows)
		fox_sight_forget(snap->member->subscription->realm, snap);
	for (size_t i = 0; i < snap->count; i++)
		fox_value_unref(snap->values[i]);
	drop_past(snap->past, snap->past_sent, snap->past_count);
	drop_held(snap);
	free(snap->values);
	fox_list_del(&snap->in_router);
	snap->member->snapshot = NULL;
	free(snap);
}

static void
send_event(FoxMember *m, FoxEvent *e)
{
	m->session->ops->event(m->session, m->subscription, e);
	fox_event_done(e);
}

/* Everything is sent: the member goes live, or its subscription ends. */
static void
finish(FoxSnapshot *snap)
{
	FoxMember  *m = snap->member;
	FoxSession *s = m->session;
	const char *end = snap->overflowed || snap->blind ? FOX_ERR_UNAVAILABLE : snap->only ? "fox_wamp.snapshot_end" : NULL;
	uint64_t	id = m->subscription->id;

	for (HeldEvent *h = snap->held; h != NULL; h = h->next)
		send_event(m, &h->event);
	fox_snapshot_free(snap);
	if (end != NULL)
	{
		fox_member_free(m);
		s->ops->unsubscribed(s, id, end);
	}
}

bool
fox_snapshots_run(FoxRouter *r)
{
	uint64_t	until = fox_router_now(r) + SLICE_US;

	while (!fox_list_empty(&r->snapshots))
	{
		FoxSnapshot *snap = fox_container(FoxSnapshot, in_router, r->snapshots.next);

		for (int i = 0; i < 64 && snap->past_sent < snap->past_count; i++)
		{
			FoxPast    *past = snap->past[snap->past_sent++];
			FoxEvent	e = {.publication = past->publication, .topic = past->topic,
			.payload = {FOX_JSON, past->args, past->kwargs}, .publisher = past->publisher};

			send_event(snap->member, &e);
			fox_past_unref(past);
		}
		for (int i = 0; i < 64 && snap->unordered > 0; i++)
			sift_down(snap, --snap->unordered);
		for (int i = 0; i < 64 && snap->unordered == 0 && snap->count > 0; i++)
		{
			FoxValue   *v = take_first(snap);
			FoxEvent	e = {.publication = v->publication, .topic = v->topic, .qos = v->qos, .expires_us = v->expires_us,
			.payload = {FOX_JSON, v->args, v->kwargs}, .retained = true};

			fox_payload_original(v->original, &e.payload);

			send_event(snap->member, &e);
			fox_value_unref(v);
		}
		if (snap->count == 0 && snap->past_sent == snap->past_count)
			finish(snap);
		else
		{
			fox_list_del(&snap->in_router);
			fox_list_push(&r->snapshots, &snap->in_router);
		}
		if (fox_router_now(r) >= until)
			break;
	}
	return !fox_list_empty(&r->snapshots);
}
