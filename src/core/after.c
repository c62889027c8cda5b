/*
 * after.c - subscriptions that wait until the storage has seen a publication.
 *
 * SUBSCRIBE.Options.after together with `retained`, and
 * without it where the event history does not have that publication yet.  Who
 * knows a publication id that the router drew has been told it after the router had
 * taken the publication in, so there is nothing to wait for.  An id that the
 * database drew is known to its publisher before the commit: it is waited for until
 * its change comes in, or until AFTER_US have passed.  The last of them are
 * remembered; one that was forgotten costs its subscriber that wait and no more.
 *
 * The SUBSCRIBE is answered when the wait is over, so that no live event can come
 * before the values that are stored.
 */
#include <stdlib.h>

#include "core/core.h"

#include "base/pure.h"

#define AFTER_US 3000000
#define REMEMBERED 16384

struct FoxSeen
{
	uint32_t	next;
	uint64_t	order[REMEMBERED];	/* of arrival, the oldest at next once it is full */
};

/* Who waits for one publication. */
typedef struct FoxAwaited
{
	uint64_t	publication;
	FoxNode		list;
} FoxAwaited;

typedef struct FoxAwait
{
	FoxAwaited *awaited;
	FoxSession *session;
	FoxNode		in_awaited;
	FoxNode		in_session;
	FoxTimer	timer;
	uint64_t	request;
	FoxSlice	options;
	FoxSlice	topic;
	char		block[];
} FoxAwait;

static FoxAwaited *
awaited_of(FoxRouter *r, uint64_t publication)
{
	FoxAwaited *awaited = fox_idmap_get(&r->awaited, publication);

	if (awaited != NULL || (awaited = malloc(sizeof(*awaited))) == NULL)
		return awaited;
	awaited->publication = publication;
	fox_list_init(&awaited->list);
	if (!fox_idmap_put(&r->awaited, publication, awaited))
	{
		free(awaited);
		return NULL;
	}
	return awaited;
}

static void
awaited_free_if_idle(FoxRouter *r, FoxAwaited *awaited)
{
	if (!fox_list_empty(&awaited->list))
		return;
	fox_idmap_del(&r->awaited, awaited->publication);
	free(awaited);
}

/* Nobody looks for it any more; it is the caller's. */
static void
await_unlink(FoxAwait *a)
{
	FoxRouter  *r = a->session->realm->router;

	fox_timer_clear(&r->timers, &a->timer);
	fox_list_del(&a->in_awaited);
	fox_list_del(&a->in_session);
	a->session->awaits--;
	awaited_free_if_idle(r, a->awaited);
}

static void
await_over(FoxAwait *a)
{
	await_unlink(a);
	fox_broker_subscribe(a->session, a->request, a->options, a->topic);
	fox_pool_give(a->session->pool, a);
}

static void
await_timeout(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	await_over(fox_container(FoxAwait, timer, timer));
}

void
fox_after_seen(FoxRouter *r, uint64_t publication)
{
	struct FoxSeen *seen = r->seen;

	if (!FOX_DRAWN_BY_DATABASE(publication))
		return;
	if (seen == NULL && (seen = r->seen = calloc(1, sizeof(*seen))) == NULL)
		return;
	seen->order[seen->next] = publication;
	seen->next = (seen->next + 1) % REMEMBERED;
	for (FoxAwaited *awaited; (awaited = fox_idmap_get(&r->awaited, publication)) != NULL;)
		await_over(fox_container(FoxAwait, in_awaited, awaited->list.next));
}

/* Looks through all of them: publications come far more often than who waits for one. */
static bool
is_seen(const struct FoxSeen *seen, uint64_t publication)
{
	if (seen == NULL)
		return false;
	for (uint32_t i = 0; i < REMEMBERED; i++)
		if (seen->order[i] == publication)
			return true;
	return false;
}

bool
fox_after_wait(FoxSession *s, uint64_t publication, uint64_t request, FoxSlice options, FoxSlice topic)
{
	FoxRouter  *r = s->realm->router;
	FoxAwait   *a;
	char	   *at;

	if (!FOX_DRAWN_BY_DATABASE(publication) || s->awaits >= r->config.waiter_limit ||
		is_seen(r->seen, publication) ||
		(a = fox_pool_alloc(s->pool, sizeof(*a) + options.len + topic.len + 1)) == NULL)
		return false;
	if ((a->awaited = awaited_of(r, publication)) == NULL ||
		!fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + AFTER_US, await_timeout))
	{
		if (a->awaited != NULL)
			awaited_free_if_idle(r, a->awaited);
		fox_pool_give(s->pool, a);
		return false;
	}
	at = a->block;
	a->session = s;
	a->request = request;
	a->options = fox_slice_keep(&at, options);
	a->topic = fox_slice_keep(&at, topic);
	fox_list_push(&a->awaited->list, &a->in_awaited);
	fox_list_push(&s->awaiting, &a->in_session);
	s->awaits++;
	return true;
}

void
fox_after_session_end(FoxSession *s)
{
	fox_list_each(n, &s->awaiting)
	{
		FoxAwait   *a = fox_container(FoxAwait, in_session, n);

		await_unlink(a);
		fox_pool_give(s->pool, a);
	}
}

void
fox_after_free(FoxRouter *r)
{
	free(r->seen);
	fox_map_free(&r->awaited);	/* empty: its sessions are gone */
}
