/*
 * receipt.c - publishes that are answered when their event has been received.
 *
 * A PUBLISH with the option x_acknowledged_delivery is answered once every session has
 * acknowledged the event that hears it and has announced x_acknowledged_event_delivery.
 * Who leaves or unsubscribes is not waited for any longer.
 *
 * An acknowledged PUBLISH waits as well until the event is in the queue of every durable
 * handler that hears it, whose word for that is a number: so many events have been written.
 *
 * EVENT_RECEIVED names a publication and nothing else, so a session owes one however many
 * of its subscriptions match.  One that nobody waits for does no harm: a client with
 * several handlers sends several, and some come too late.
 */
#include <stdlib.h>

#include "core/core.h"

#include "base/pure.h"

struct FoxReceipt
{
	FoxSession *publisher;
	uint64_t	request;
	uint64_t	publication;
	bool		delivered;		/* all who owe are known */
	bool		failed;			/* without memory somebody was left out */
	FoxNode		in_publisher;
	FoxNode		owed;
	FoxTimer	timer;
};

/* What a session owes; its memory is the publisher's. */
typedef struct FoxOwed
{
	FoxReceipt *receipt;
	const FoxSubscription *subscription;	/* the first by which it hears the event; NULL: a queue owes it */
	uint64_t	deliveries;		/* that have to be written, then */
	FoxNode		in_session;		/* in the order of delivery; of the router's unwritten ones, if a queue owes it */
	FoxNode		in_receipt;
} FoxOwed;

static void
owed_free(FoxOwed *o)
{
	fox_list_del(&o->in_session);
	fox_list_del(&o->in_receipt);
	fox_pool_give(o->receipt->publisher->pool, o);
}

static void
receipt_free(FoxReceipt *r)
{
	fox_list_each(n, &r->owed)
		owed_free(fox_container(FoxOwed, in_receipt, n));
	fox_timer_clear(&r->publisher->realm->router->timers, &r->timer);
	fox_list_del(&r->in_publisher);
	r->publisher->receipt_count--;
	fox_pool_give(r->publisher->pool, r);
}

static void
fail(FoxSession *s, uint64_t request, const char *uri, const char *text)
{
	fox_session_fail(s, FOX_REQ_PUBLISH, request, uri, text);
}

static void
answer_if_complete(FoxReceipt *r)
{
	FoxSession *s = r->publisher;

	if (!r->delivered || !fox_list_empty(&r->owed))
		return;
	if (r->failed)
		fail(s, r->request, FOX_ERR_UNAVAILABLE,
			 "the event is out, but not all who hear it could be asked to acknowledge it");
	else
		s->ops->done(s, FOX_REQ_PUBLISH, r->request, r->publication);
	receipt_free(r);
}

static void
settle(FoxOwed *o)
{
	FoxReceipt *r = o->receipt;

	owed_free(o);
	answer_if_complete(r);
}

static void
too_late(void *ctx, FoxTimer *timer)
{
	FoxReceipt *r = fox_container(FoxReceipt, timer, timer);

	(void) ctx;
	fail(r->publisher, r->request, FOX_ERR_TIMEOUT,
		 "the event is out, but not everybody has acknowledged it in time");
	receipt_free(r);
}

FoxReceipt *
fox_receipt_open(FoxSession *publisher, const FoxPublish *p, uint64_t publication)
{
	FoxRouter  *router = publisher->realm->router;
	bool		queues = p->acknowledge && publisher->realm->durable_handlers > 0;
	FoxReceipt *r;

	if ((!p->acknowledged_delivery && !queues) || (r = fox_pool_alloc(publisher->pool, sizeof(*r))) == NULL)
		return NULL;
	if (p->acknowledged_delivery && p->timeout_ms > 0 &&
		!fox_timer_set(&router->timers, &r->timer, fox_router_now(router) + p->timeout_ms * 1000, too_late))
	{
		fox_pool_give(publisher->pool, r);
		return NULL;
	}
	r->publisher = publisher;
	r->request = p->request;
	r->publication = publication;
	fox_list_init(&r->owed);
	fox_list_push(&publisher->receipts, &r->in_publisher);
	publisher->receipt_count++;
	return r;
}

void
fox_receipt_expect(FoxReceipt *r, FoxMember *m)
{
	FoxSession *s = m->session;
	FoxOwed    *o;

	/* One event is delivered to all before the next is: if the session owes it already, that came last. */
	if (!fox_list_empty(&s->owed_receipts) &&
		fox_container(FoxOwed, in_session, s->owed_receipts.prev)->receipt == r)
		return;
	if ((o = fox_pool_alloc(r->publisher->pool, sizeof(*o))) == NULL)
	{
		r->failed = true;
		return;
	}
	o->receipt = r;
	o->subscription = m->subscription;
	fox_list_push(&s->owed_receipts, &o->in_session);
	fox_list_push(&r->owed, &o->in_receipt);
}

void
fox_receipt_expect_written(FoxReceipt *r, uint64_t deliveries)
{
	FoxOwed    *o = fox_pool_alloc(r->publisher->pool, sizeof(*o));

	if (o == NULL)
	{
		r->failed = true;
		return;
	}
	o->receipt = r;
	o->deliveries = deliveries;
	fox_list_push(&r->publisher->realm->router->unwritten, &o->in_session);
	fox_list_push(&r->owed, &o->in_receipt);
}

void
fox_receipt_fail(FoxReceipt *r)
{
	r->failed = true;
}

void
fox_receipts_written(FoxRouter *r)
{
	while (!fox_list_empty(&r->unwritten))
	{
		FoxOwed    *o = fox_container(FoxOwed, in_session, r->unwritten.next);

		if (o->deliveries > r->deliveries_written)
			break;
		settle(o);
	}
}

void
fox_publish_delivered(FoxSession *s, const FoxPublish *p, FoxReceipt *r, uint64_t publication)
{
	if (s->ops->distributed != NULL)
		s->ops->distributed(s, p->request);
	if (r != NULL)
	{
		r->delivered = true;
		answer_if_complete(r);
	}
	else if (p->acknowledged_delivery)
		fail(s, p->request, FOX_ERR_UNAVAILABLE,
			 "out of memory: the event is out, but nobody was asked to acknowledge it");
	else if (p->acknowledge)
		s->ops->done(s, FOX_REQ_PUBLISH, p->request, publication);
}

bool
fox_session_event_received(FoxSession *s, uint64_t publication)
{
	if (!s->acknowledges_events)
		return false;
	fox_list_each(n, &s->owed_receipts)
	{
		FoxOwed    *o = fox_container(FoxOwed, in_session, n);

		if (o->receipt->publication == publication)
		{
			settle(o);
			break;
		}
	}
	return true;
}

void
fox_receipts_member_end(FoxMember *m)
{
	fox_list_each(n, &m->session->owed_receipts)
	{
		FoxOwed    *o = fox_container(FoxOwed, in_session, n);

		if (o->subscription == m->subscription)
			settle(o);
	}
}

void
fox_receipts_session_end(FoxSession *s)
{
	fox_list_each(n, &s->receipts)
		receipt_free(fox_container(FoxReceipt, in_publisher, n));
}
