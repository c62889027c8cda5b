/*
 * history.c - policies and the events they keep (see history.h).
 *
 * What is in memory is what the table has, a moment later: an event that comes is
 * written behind, one that no policy keeps any more is deleted there.  So the limits
 * of the policies are kept here and nowhere else.  Positions are microseconds of the
 * clock that only grow, so that a router goes on where another one stopped.
 */
#include "core/history.h"

#include <stdlib.h>
#include <time.h>

#include "base/pure.h"

#define BYTES_MAX ((size_t) 16 * 1024 * 1024)	/* of one policy */
#define TRIM_US 1000000			/* what is too old goes at most so often */

struct FoxPolicy
{
	FoxRealm   *realm;
	FoxNode		in_realm;
	FoxMatchKind kind;
	uint64_t	keep_count;
	uint64_t	keep_us;		/* 0: for ever */
	size_t		bytes;
	FoxPast   **events;			/* circular */
	size_t		cap;
	size_t		first;
	size_t		count;
	FoxTimer	timer;			/* of the oldest event */
	FoxSlice	pattern;		/* owned, in block */
	char		block[];
};

struct FoxHistory
{
	FoxIndex	policies;
	FoxNode		list;
};

static int64_t
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- events --- */

static size_t
past_bytes(const FoxPast *past)
{
	return sizeof(*past) + past->topic.len + past->args.len + past->kwargs.len +
		past->publisher.authid.len + past->publisher.authrole.len;
}

/* In the hand of its maker: refs and kept are 1. */
static FoxPast *
past_new(FoxSlice topic, FoxSlice args, FoxSlice kwargs, const FoxDisclosed *publisher)
{
	FoxPast    *past = calloc(1, sizeof(*past) + topic.len + args.len + kwargs.len +
							  publisher->authid.len + publisher->authrole.len + 1);
	char	   *at;

	if (past == NULL)
		return NULL;
	at = past->block;
	past->refs = past->kept = 1;
	past->topic = fox_slice_keep(&at, topic);
	past->args = fox_slice_keep(&at, args);
	past->kwargs = fox_slice_keep(&at, kwargs);
	past->publisher.session = publisher->session;
	past->publisher.authid = fox_slice_keep(&at, publisher->authid);
	past->publisher.authrole = fox_slice_keep(&at, publisher->authrole);
	return past;
}

void
fox_past_unref(FoxPast *past)
{
	if (--past->refs == 0)
		free(past);
}

static void
write_behind(FoxRealm *realm, const FoxPast *past, bool deleted)
{
	FoxRouter  *r = realm->router;

	r->past_sent++;
	r->ports.past(r->ports.ctx, &(FoxPastRow){.deleted = deleted, .realm = realm->name, .position = past->position,
				  .publication = past->publication, .at_us = past->at_us, .topic = past->topic, .args = past->args,
				  .kwargs = past->kwargs, .session = past->publisher.session, .authid = past->publisher.authid,
				  .authrole = past->publisher.authrole});
}

/* One that kept it does so no more. */
static void
let_go(FoxRealm *realm, FoxPast *past)
{
	if (--past->kept == 0 && past->stored)
		write_behind(realm, past, true);
	fox_past_unref(past);
}

/* --- policies --- */

static FoxPast **
slot(const FoxPolicy *p, size_t i)
{
	return &p->events[(p->first + i) & (p->cap - 1)];
}

size_t
fox_policy_count(const FoxPolicy *p)
{
	return p->count;
}

FoxPast *
fox_policy_at(const FoxPolicy *p, size_t i)
{
	return *slot(p, i);
}

bool
fox_policy_place(const FoxPolicy *p, uint64_t publication, size_t *i)
{
	for (*i = p->count; *i > 0; (*i)--)
		if ((*slot(p, *i - 1))->publication == publication)
		{
			(*i)--;
			return true;
		}
	return false;
}

static void
drop_first(FoxPolicy *p)
{
	FoxPast    *past = *slot(p, 0);

	p->first = (p->first + 1) & (p->cap - 1);
	p->count--;
	p->bytes -= past_bytes(past);
	let_go(p->realm, past);
}

static void too_old(void *ctx, FoxTimer *timer);

static void
trim(FoxPolicy *p)
{
	FoxRouter  *r = p->realm->router;
	int64_t		now;

	while (p->count > p->keep_count || (p->bytes > BYTES_MAX && p->count > 0))
		drop_first(p);
	if (p->keep_us == 0)
		return;
	now = wall_us();
	while (p->count > 0 && (*slot(p, 0))->at_us + (int64_t) p->keep_us <= now)
		drop_first(p);
	if (p->count > 0 && p->timer.place == 0)
		(void) fox_timer_set(&r->timers, &p->timer, fox_router_now(r) + TRIM_US +
							 (uint64_t) ((*slot(p, 0))->at_us + (int64_t) p->keep_us - now), too_old);
}

static void
too_old(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	trim(fox_container(FoxPolicy, timer, timer));
}

/* The first event whose position is not below. */
static size_t
place_of(const FoxPolicy *p, uint64_t position)
{
	size_t		low = 0;
	size_t		high = p->count;

	if (high == 0 || (*slot(p, high - 1))->position < position)
		return high;
	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if ((*slot(p, middle))->position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
grow(FoxPolicy *p)
{
	size_t		cap = p->cap > 0 ? p->cap * 2 : 16;
	FoxPast   **events = malloc(cap * sizeof(*events));

	if (events == NULL)
		return false;
	for (size_t i = 0; i < p->count; i++)
		events[i] = *slot(p, i);
	free(p->events);
	p->events = events;
	p->cap = cap;
	p->first = 0;
	return true;
}

/* False: the policy has it already.  Without memory it goes without. */
static bool
keep(FoxPolicy *p, FoxPast *past)
{
	size_t		at = place_of(p, past->position);

	if (at < p->count && (*slot(p, at))->position == past->position)
		return false;
	if (p->count == p->cap && !grow(p))
		return true;
	p->count++;
	for (size_t i = p->count - 1; i > at; i--)
		*slot(p, i) = *slot(p, i - 1);
	*slot(p, at) = past;
	past->refs++;
	past->kept++;
	p->bytes += past_bytes(past);
	trim(p);
	return true;
}

static void
policy_free(FoxPolicy *p, bool forget)
{
	FoxRouter  *r = p->realm->router;

	if (forget)
		while (p->count > 0)
			drop_first(p);
	for (size_t i = 0; i < p->count; i++)
		fox_past_unref(*slot(p, i));
	fox_timer_clear(&r->timers, &p->timer);
	fox_index_del(&p->realm->history->policies, p->pattern, p->kind);
	fox_list_del(&p->in_realm);
	free(p->events);
	free(p);
}

static FoxPolicy *
policy_new(FoxRealm *realm, FoxSlice pattern, FoxMatchKind kind)
{
	FoxPolicy  *p = calloc(1, sizeof(*p) + pattern.len + 1);
	char	   *at;

	if (p == NULL)
		return NULL;
	if (realm->history == NULL && (realm->history = calloc(1, sizeof(*realm->history))) != NULL)
		fox_list_init(&realm->history->list);
	at = p->block;
	p->realm = realm;
	p->kind = kind;
	p->pattern = fox_slice_keep(&at, pattern);
	if (realm->history == NULL || !fox_index_put(&realm->history->policies, p->pattern, kind, p))
	{
		free(p);
		return NULL;
	}
	fox_list_push(&realm->history->list, &p->in_realm);
	return p;
}

void
fox_history_free(FoxRealm *realm)
{
	if (realm->history == NULL)
		return;
	fox_list_each(n, &realm->history->list)
		policy_free(fox_container(FoxPolicy, in_realm, n), false);
	fox_index_free(&realm->history->policies);
	free(realm->history);
	realm->history = NULL;
}

/* --- recording --- */

typedef struct Recording
{
	FoxRealm   *realm;
	FoxEvent   *event;			/* NULL: the event comes from the table */
	FoxPast    *past;
	bool		failed;
	bool		known;			/* a policy has it already: the table is read once more */
} Recording;

static void
record(void *ctx, void *value)
{
	Recording  *rec = ctx;
	const FoxPayload *json;
	size_t		place;

	if (rec->event != NULL && rec->event->late && fox_policy_place(value, rec->event->publication, &place))
		return;
	if (rec->past == NULL && !rec->failed)
	{
		FoxRouter  *r = rec->realm->router;

		if ((json = fox_event_json(rec->event)) != NULL)
			rec->past = past_new(rec->event->topic, json->args, json->kwargs, &rec->event->publisher);
		rec->failed = rec->past == NULL;
		if (rec->failed)
		{
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: an event is missing in the event history");
			return;
		}
		rec->past->publication = rec->event->publication;
		rec->past->at_us = wall_us();
		if (r->past_position < (uint64_t) rec->past->at_us)
			r->past_position = (uint64_t) rec->past->at_us;
		rec->past->position = ++r->past_position;
	}
	if (rec->past != NULL && !keep(value, rec->past))
		rec->known = true;
}

void
fox_history_record(FoxRealm *realm, FoxEvent *e)
{
	Recording	rec = {.realm = realm, .event = e};

	fox_index_match(&realm->history->policies, e->topic, record, &rec);
	if (rec.past == NULL)
		return;
	if (rec.past->kept > 1)
	{
		rec.past->stored = true;
		write_behind(realm, rec.past, false);
	}
	let_go(realm, rec.past);
}

/* --- looking --- */

typedef struct Search
{
	uint64_t	publication;	/* 0: any will do */
	FoxPolicy  *found;
} Search;

static void
look(void *ctx, void *value)
{
	Search	   *search = ctx;
	FoxPolicy  *p = value;
	size_t		i;

	trim(p);
	if (search->found == NULL && (search->publication == 0 || fox_policy_place(p, search->publication, &i)))
		search->found = p;
}

FoxPolicy *
fox_history_find(FoxRealm *realm, FoxSlice topic, FoxMatchKind kind, uint64_t publication)
{
	Search		search = {.publication = publication};
	FoxPolicy  *own;

	if (realm->history == NULL || fox_uri_reserved(topic))
		return NULL;
	if ((own = fox_index_get(&realm->history->policies, topic, kind)) != NULL)
		look(&search, own);
	if (search.found == NULL && kind == FOX_EXACT)
		fox_index_match(&realm->history->policies, topic, look, &search);
	return search.found;
}

bool
fox_past_is_for(const FoxPast *past, const FoxSubscription *sub)
{
	return (sub->kind != FOX_EXACT || fox_slice_eq(past->topic, sub->topic)) &&
		fox_filter_passes(sub->filter, past->args, past->kwargs);
}

bool
fox_history_replay(const FoxPolicy *p, uint64_t publication, FoxMember *m)
{
	FoxPast   **events;
	size_t		count = 0;
	size_t		i;

	if (!fox_policy_place(p, publication, &i) || (events = malloc((p->count - i) * sizeof(*events))) == NULL)
		return false;
	while (++i < p->count)
	{
		FoxPast    *past = *slot(p, i);

		if (!fox_past_is_for(past, m->subscription))
			continue;
		past->refs++;
		events[count++] = past;
	}
	return fox_snapshot_replay(m, events, count);
}

/* --- what the tables say --- */

/* topic = pattern, args = [{"match":text,"keep_count":number,"keep_ms":number or absent}] */
static void
policy_change(FoxRealm *realm, const FoxChange *c)
{
	FoxSlice	row = FOX_ABSENT;
	FoxBuf		scratch = {0};
	FoxSlice	match = FOX_ABSENT;
	FoxMatchKind kind;
	FoxPolicy  *p;
	uint64_t	count = 0;
	uint64_t	ms = 0;
	size_t		pos = 0;

	if (!fox_absent(c->args) && fox_json_element(c->args, &pos, &row))
		match = fox_json_text(fox_json_get(row, "match"), &scratch);
	if (fox_match_named(match, &kind) && fox_uri_pattern_valid(c->topic, kind, false))
	{
		p = realm->history != NULL ? fox_index_get(&realm->history->policies, c->topic, kind) : NULL;
		if (c->deleted && p != NULL)
			policy_free(p, true);
		else if (!c->deleted && p == NULL && (p = policy_new(realm, c->topic, kind)) == NULL)
			fox_router_log(realm->router, FOX_LOG_ERROR,
						   "out of memory: an event history is missing until the router restarts");
		if (!c->deleted && p != NULL)
		{
			(void) fox_json_uint(fox_json_get(row, "keep_count"), &count);
			(void) fox_json_uint(fox_json_get(row, "keep_ms"), &ms);
			p->keep_count = count;
			p->keep_us = ms * 1000;
			fox_timer_clear(&realm->router->timers, &p->timer);
			trim(p);
		}
	}
	fox_buf_free(&scratch);
}

/* options = {"position":number,"at":number,"session":number,"authid":text,"authrole":text}, the last three if disclosed */
static void
past_loaded(FoxRealm *realm, const FoxChange *c)
{
	FoxBuf		authid = {0};
	FoxBuf		authrole = {0};
	FoxDisclosed publisher = {.session = 0};
	Recording	rec = {.realm = realm};
	uint64_t	at = 0;
	uint64_t	position = 0;

	(void) fox_json_uint(fox_json_get(c->options, "session"), &publisher.session);
	(void) fox_json_uint(fox_json_get(c->options, "at"), &at);
	(void) fox_json_uint(fox_json_get(c->options, "position"), &position);
	publisher.authid = fox_json_text(fox_json_get(c->options, "authid"), &authid);
	publisher.authrole = fox_json_text(fox_json_get(c->options, "authrole"), &authrole);
	rec.past = past_new(c->topic, c->args, c->kwargs, &publisher);
	if (rec.past != NULL)
	{
		if (realm->router->past_position < position)
			realm->router->past_position = position;
		rec.past->publication = c->publication;
		rec.past->position = position;
		rec.past->at_us = (int64_t) at;
		rec.past->stored = true;
		if (realm->history != NULL)
			fox_index_match(&realm->history->policies, c->topic, record, &rec);
		rec.past->stored = rec.past->stored && !rec.known;
		let_go(realm, rec.past);
	}
	fox_buf_free(&authid);
	fox_buf_free(&authrole);
}

void
fox_history_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);

	if (realm == NULL)
		return;
	if (c->kind == FOX_CHANGE_HISTORY)
		policy_change(realm, c);
	else
		past_loaded(realm, c);
}

void
fox_router_past_written(FoxRouter *r, uint64_t rows)
{
	r->past_written = rows;
	fox_ask_progress(r);
}
