/*
 * delivery.c - who hears an event.
 *
 * Delivery goes by subscription, because an EVENT is the same bytes for all members
 * of one: it is encoded once and queued by reference.
 */
#include "core/core.h"
#include "core/history.h"
#include "core/sight.h"

#include "base/pure.h"

bool
fox_subscription_lets(const FoxSubscription *sub, FoxEvent *e)
{
	const FoxPayload *json;

	if (fox_absent(sub->filter))
		return true;
	json = fox_event_json(e);
	return json != NULL && fox_filter_passes(sub->filter, json->args, json->kwargs);
}

typedef struct Delivery
{
	FoxEvent   *event;
	bool		hidden;			/* not for who subscribed to everything */
	bool		sharded;		/* it has a resource key */
	uint64_t	rkey_hash;
	const FoxSession *publisher;	/* NULL: nobody is to be left out as publisher */
	const FoxPublish *audience; /* NULL: no lists, and no row */
	bool		passthru;		/* only for who has announced payload_passthru_mode */
	uint64_t	delivered;
} Delivery;

void
fox_member_deliver(FoxMember *m, FoxEvent *e)
{
	if (m->snapshot == NULL)
		m->session->ops->event(m->session, m->subscription, e);
	else
		fox_snapshot_hold(m->snapshot, e);
}

static bool
may_hear(const Delivery *d, const FoxMember *m)
{
	return m->session != d->publisher && (!d->passthru || m->session->ppt_subscriber) &&
		(d->audience == NULL || fox_audience_allows(d->audience->options, m->session));
}

/* The member of a group that the event is for: in turn, and before others who can be reached; NULL: none. */
static FoxMember *
take_turn(const Delivery *d, FoxSubscription *sub)
{
	FoxMember  *taker = NULL;

	for (uint32_t i = 0; i < sub->count; i++)
	{
		FoxMember  *m = sub->members[(sub->next_share + i) % sub->count];
		bool		reachable = m->session->ops->reachable == NULL || m->session->ops->reachable(m->session);

		if (!may_hear(d, m) || (taker != NULL && !reachable))
			continue;
		taker = m;
		if (reachable)
			break;
	}
	if (taker != NULL)
		sub->next_share = taker->place + 1;
	return taker;
}

/* Of an event that wants receipts: to who gives one, or to the others. */
static void
deliver_to_members(Delivery *d, FoxSubscription *sub, const FoxMember *only)
{
	FoxEvent   *e = d->event;

	for (uint32_t i = 0; i < sub->count; i++)
	{
		FoxMember  *m = sub->members[i];

		if (only != NULL ? m != only : !may_hear(d, m))
			continue;
		if (d->audience != NULL && d->audience->seers != NULL && !fox_sight_allows(d->audience, m))
			continue;
		if (e->receipt != NULL && m->session->acknowledges_events != e->wants_receipt)
			continue;
		if (e->wants_receipt && !sub->transient)
			fox_receipt_expect(e->receipt, m);
		fox_member_deliver(m, e);
		d->delivered++;
	}
}

/* From now on the event asks for a receipt, or not: another encoding. */
static void
want_receipt(FoxEvent *e, bool wanted)
{
	fox_event_encode_for(e, NULL);
	e->wants_receipt = wanted;
}

static void
deliver_to(void *ctx, void *value)
{
	Delivery   *d = ctx;
	FoxSubscription *first = value;
	FoxSlice	node = FOX_ABSENT;

	if (d->hidden && !fox_uri_hidden(first->topic))
		return;
	if (d->sharded)
		node = fox_shard_node(first, d->rkey_hash, d->event);
	for (FoxSubscription *sub = first; sub != NULL; sub = sub->next_filter)
	{
		FoxMember  *only = NULL;

		if (d->sharded && !fox_absent(sub->nkey) && !fox_slice_eq(sub->nkey, node))
			continue;
		if (!fox_subscription_lets(sub, d->event))
			continue;
		if (!fox_absent(sub->share) && (only = take_turn(d, sub)) == NULL)
			continue;
		deliver_to_members(d, sub, only);
		if (d->event->receipt != NULL)
		{
			want_receipt(d->event, true);
			deliver_to_members(d, sub, only);
			want_receipt(d->event, false);
		}
	}
}

void
fox_broker_deliver(FoxRealm *realm, FoxEvent *e, const FoxSession *publisher, const FoxPublish *p)
{
	Delivery	d = {.event = e};

	if (p == NULL || p->exclude_me)
		d.publisher = publisher;
	if (p != NULL && p->has_audience)
		d.audience = p;
	d.passthru = fox_ppt_used(&e->ppt);
	d.hidden = fox_uri_hidden(e->topic);
	if (p != NULL && !fox_absent(p->rkey))
	{
		FoxBuf		scratch = {0};

		d.sharded = true;
		d.rkey_hash = fox_shard_hash(fox_json_text(p->rkey, &scratch));
		fox_buf_free(&scratch);
	}
	fox_index_match(&realm->subscriptions, e->topic, deliver_to, &d);
	if (realm->history != NULL && !d.hidden && !d.passthru && d.audience == NULL && !e->retained)
		fox_history_record(realm, e);
	fox_event_done(e);
	realm->router->stats.publishes++;
	realm->router->stats.events += d.delivered;
}
