/*
 * after.c - subscriptions that wait until the storage has seen a publication.
 *
 * SUBSCRIBE.Options.after together with `retained` (router-semantics section 4), and
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
#define REMEMBERED 16384		/* a power of two */

struct FoxSeen
{
	FoxIdMap	ids;
	uint32_t	next;
	uint64_t	order[REMEMBERED];	/* of arrival, the oldest at next once it is full */
};

typedef struct FoxAwait
{
	FoxRouter  *router;
	FoxSession *session;
	FoxNode		in_router;
	FoxNode		in_session;
	FoxTimer	timer;
	uint64_t	publication;
	uint64_t	request;
	FoxSlice	options;
	FoxSlice	topic;
	char		block[];
} FoxAwait;

static void
await_free(FoxAwait *a)
{
	fox_timer_clear(&a->router->timers, &a->timer);
	fox_list_del(&a->in_router);
	fox_list_del(&a->in_session);
	a->session->awaits--;
	free(a);
}

static void
await_over(FoxAwait *a)
{
	FoxSession *s = a->session;

	/* The subscriber's answer may be the last thing this session does. */
	fox_list_del(&a->in_router);
	fox_list_del(&a->in_session);
	s->awaits--;
	fox_timer_clear(&a->router->timers, &a->timer);
	fox_broker_subscribe(s, a->request, a->options, a->topic);
	free(a);
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
	fox_idmap_del(&seen->ids, seen->order[seen->next]);
	seen->order[seen->next] = publication;
	(void) fox_idmap_put(&seen->ids, publication, seen);
	seen->next = (seen->next + 1) % REMEMBERED;
	fox_list_each(n, &r->awaits)
	{
		FoxAwait   *a = fox_container(FoxAwait, in_router, n);

		if (a->publication == publication)
			await_over(a);
	}
}

bool
fox_after_wait(FoxSession *s, uint64_t publication, uint64_t request, FoxSlice options, FoxSlice topic)
{
	FoxRouter  *r = s->realm->router;
	FoxAwait   *a;
	char	   *at;

	if (!FOX_DRAWN_BY_DATABASE(publication) || s->awaits >= r->config.waiter_limit ||
		(r->seen != NULL && fox_idmap_get(&r->seen->ids, publication) != NULL) ||
		(a = calloc(1, sizeof(*a) + options.len + topic.len + 1)) == NULL)
		return false;
	at = a->block;
	a->router = r;
	a->session = s;
	a->publication = publication;
	a->request = request;
	a->options = fox_slice_keep(&at, options);
	a->topic = fox_slice_keep(&at, topic);
	if (!fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + AFTER_US, await_timeout))
	{
		free(a);
		return false;
	}
	fox_list_push(&r->awaits, &a->in_router);
	fox_list_push(&s->awaiting, &a->in_session);
	s->awaits++;
	return true;
}

void
fox_after_session_end(FoxSession *s)
{
	fox_list_each(n, &s->awaiting)
		await_free(fox_container(FoxAwait, in_session, n));
}

void
fox_after_free(FoxRouter *r)
{
	if (r->seen != NULL)
		fox_map_free(&r->seen->ids);
	free(r->seen);
}
