/*
 * broker.c - subscriptions.
 *
 * A subscription is one topic or pattern, one kind of match, one filter; its
 * members are sessions.
 */
#include <stdlib.h>

#include "codec/match.h"
#include "core/authorizer.h"
#include "core/callback.h"
#include "core/history.h"
#include "core/kept.h"

#include "base/pure.h"

uint64_t
fox_subscription_id(const FoxSubscription *sub)
{
	return sub->id;
}

bool
fox_subscription_is_exact(const FoxSubscription *sub)
{
	return sub->kind == FOX_EXACT;
}

bool
fox_filter_passes(FoxSlice filter, FoxSlice args, FoxSlice kwargs)
{
	return fox_absent(filter) || fox_match(filter, fox_value_struct(args, kwargs)) == FOX_MATCH_YES;
}

/* --- finding and making --- */

typedef struct SubscribeOptions
{
	FoxSlice	match;
	FoxSlice	filter;
	uint64_t	after;			/* 0: none */
	FoxSlice	nkey;
	FoxSlice	share;			/* the group of which one member hears an event */
	FoxBuf		nkey_memory;	/* owned, as the next is */
	FoxBuf		share_memory;
	bool		retained;
	bool		snapshot;
	bool		replay;			/* after: the events that were kept behind it */
} SubscribeOptions;

static void
forget_options(SubscribeOptions *o)
{
	fox_buf_free(&o->nkey_memory);
	fox_buf_free(&o->share_memory);
}

static bool
same(FoxSlice a, FoxSlice b)
{
	return fox_absent(a) == fox_absent(b) && fox_slice_eq(a, b);
}

static FoxSubscription *
subscription_find(FoxRealm *realm, FoxSlice topic, FoxMatchKind kind, const SubscribeOptions *o)
{
	FoxSubscription *sub = fox_index_get(&realm->subscriptions, topic, kind);

	while (sub != NULL && (sub->transient || !same(sub->filter, o->filter) || !same(sub->nkey, o->nkey) || !same(sub->share, o->share)))
		sub = sub->next_filter;
	return sub;
}

static FoxSubscription *
subscription_new(FoxRealm *realm, FoxSlice topic, FoxMatchKind kind, const SubscribeOptions *o)
{
	FoxSubscription *sub = calloc(1, sizeof(*sub) + topic.len + o->filter.len + o->nkey.len + o->share.len + 1);
	char	   *at;

	if (sub == NULL)
		return NULL;
	sub->realm = realm;
	sub->id = ++realm->router->next_id;
	sub->kind = kind;
	sub->created_us = fox_router_now(realm->router);
	at = sub->block;
	sub->topic = fox_slice_keep(&at, topic);
	sub->filter = fox_slice_keep(&at, o->filter);
	sub->nkey = fox_slice_keep(&at, o->nkey);
	sub->share = fox_slice_keep(&at, o->share);
	sub->next_filter = fox_index_get(&realm->subscriptions, topic, kind);
	if (!fox_idmap_put(&realm->subscriptions_by_id, sub->id, sub))
	{
		free(sub);
		return NULL;
	}
	if (!fox_index_put(&realm->subscriptions, sub->topic, kind, sub))
	{
		fox_idmap_del(&realm->subscriptions_by_id, sub->id);
		free(sub);
		return NULL;
	}
	return sub;
}

static void
subscription_free(FoxSubscription *sub)
{
	FoxRealm   *realm = sub->realm;
	FoxSubscription *first = fox_index_get(&realm->subscriptions, sub->topic, sub->kind);

	if (first == sub)
	{
		/* The key lives in the subscription, so the entry is made anew for the next one. */
		fox_index_del(&realm->subscriptions, sub->topic, sub->kind);
		if (sub->next_filter != NULL &&
			!fox_index_put(&realm->subscriptions, sub->next_filter->topic, sub->kind, sub->next_filter))
			fox_router_log(realm->router, FOX_LOG_ERROR, "out of memory: a filtered subscription is lost");
	}
	else
	{
		while (first != NULL && first->next_filter != sub)
			first = first->next_filter;
		if (first != NULL)
			first->next_filter = sub->next_filter;
	}
	fox_idmap_del(&realm->subscriptions_by_id, sub->id);
	free(sub->members);
	free(sub);
}

static FoxMember *
member_find(FoxSession *s, uint64_t subscription)
{
	fox_list_each(n, &s->members)
	{
		FoxMember  *m = fox_container(FoxMember, in_session, n);

		if (m->subscription->id == subscription)
			return m;
	}
	return NULL;
}

static FoxMember *
member_new(FoxSession *s, FoxSubscription *sub)
{
	FoxMember  *m;

	if (sub->count == sub->cap)
	{
		uint32_t	cap = sub->cap ? sub->cap * 2 : 2;
		FoxMember **members = realloc(sub->members, cap * sizeof(*members));

		if (members == NULL)
			return NULL;
		sub->members = members;
		sub->cap = cap;
	}
	if ((m = fox_pool_alloc(s->pool, sizeof(*m))) == NULL)
		return NULL;
	m->session = s;
	m->subscription = sub;
	m->place = sub->count;
	m->born = s->realm->router->sights_taken;
	sub->members[sub->count++] = m;
	fox_list_push(&s->members, &m->in_session);
	if (s->keeps)
		fox_kept_change(m, true);
	return m;
}

void
fox_member_free(FoxMember *m)
{
	FoxSubscription *sub = m->subscription;
	FoxSession *s = m->session;
	FoxMember  *last = sub->members[--sub->count];

	if (s->keeps)
		fox_kept_change(m, false);
	sub->members[m->place] = last;
	last->place = m->place;
	fox_list_del(&m->in_session);
	if (m->snapshot != NULL)
		fox_snapshot_free(m->snapshot);
	fox_receipts_member_end(m);
	fox_callbacks_target_gone(s, FOX_CALLBACK_EVENT, sub->id);
	fox_pool_give(s->pool, m);
	fox_meta_subscription(sub, s, FOX_META_LEFT);
	if (sub->count > 0)
		return;
	fox_meta_subscription(sub, s, FOX_META_DELETED);
	subscription_free(sub);
}

/* --- requests --- */

static const char *
read_options(FoxSlice options, SubscribeOptions *o, FoxBuf *scratch)
{
	static const char *const flags[] = {"retained", "retainedState", "get_retained", "snapshot"};
	FoxSlice	value = fox_json_get(options, "match");

	*o = (SubscribeOptions){.match = FOX_ABSENT, .nkey = FOX_ABSENT, .share = FOX_ABSENT};
	if (!fox_absent(value))
	{
		o->match = fox_json_text(value, scratch);
		if (fox_absent(o->match))
			return "option match must be a string";
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
	{
		value = fox_json_get(options, flags[i]);
		if (fox_absent(value) || fox_json_kind(value) == FOX_JSON_FALSE)
			continue;
		if (!fox_json_is_true(value))
			return "options retained, retainedState, get_retained and snapshot must be booleans";
		if (i == 3)
			o->snapshot = true;
		else
			o->retained = true;
	}
	value = fox_json_get(options, "nkey");
	if (!fox_absent(value) && fox_absent(o->nkey = fox_json_text(value, &o->nkey_memory)))
		return "option nkey must be a string";
	value = fox_json_get(options, "share");
	if (!fox_absent(value) && fox_absent(o->share = fox_json_text(value, &o->share_memory)))
		return "option share must be a string";
	value = fox_json_get(options, "after");
	if (!fox_absent(value) && fox_json_kind(value) != FOX_JSON_NULL)
	{
		if (!fox_json_uint(value, &o->after) || o->after == 0)
			return "option after must be a publication id";
		o->replay = !o->retained && !o->snapshot;
		if (o->replay && !fox_absent(o->nkey))
			return "option after does not go with option nkey, but for retained or snapshot";
	}
	o->filter = fox_json_get(options, "filter");
	if (!fox_absent(o->filter) && fox_json_kind(o->filter) == FOX_JSON_NULL)
		o->filter = FOX_ABSENT;
	if (!fox_absent(o->filter) && !fox_condition_valid(o->filter))
		return "option filter is too long, or has an unknown or malformed operator";
	return NULL;
}

/* Fills o, which is the caller's to forget, and kind; a static text, or NULL: nothing is wrong. */
static const char *
subscribe_options(FoxSlice options, FoxSlice topic, SubscribeOptions *o, FoxMatchKind *kind)
{
	FoxBuf		scratch = {0};
	const char *error = read_options(options, o, &scratch);

	if (error == NULL && !fox_uri_match_kind(topic, o->match, kind))
		error = "option match must be exact, prefix or wildcard";
	fox_buf_free(&scratch);
	return error;
}

/* The same of a request; false: it has been answered with an error, and o owns nothing. */
static bool
subscribe_checks(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic,
				 SubscribeOptions *o, FoxMatchKind *kind)
{
	const char *error = subscribe_options(options, topic, o, kind);
	const char *uri = FOX_ERR_INVALID_ARGUMENT;

	if (error == NULL && !fox_uri_pattern_valid(topic, *kind, s->realm->strict))
	{
		uri = FOX_ERR_INVALID_URI;
		error = "the topic is not a valid URI";
	}
	if (error == NULL)
		return true;
	forget_options(o);
	fox_session_fail(s, FOX_REQ_SUBSCRIBE, request, uri, error);
	return false;
}

/* Answers the request with what is wrong with option after. */
static void
no_replay(FoxSession *s, uint64_t request, FoxSlice topic, FoxMatchKind kind)
{
	fox_session_fail(s, FOX_REQ_SUBSCRIBE, request, FOX_ERR_INVALID_ARGUMENT,
					 fox_history_find(s->realm, topic, kind, 0) == NULL ?
					 "option after needs option retained or snapshot: this topic has no event history" :
					 "the publication of option after is not in the event history of this topic, or not any more");
}

/* Frees what o owns. */
static void
subscribe(FoxSession *s, uint64_t request, FoxSlice topic, FoxMatchKind kind, SubscribeOptions *o)
{
	FoxSubscription *sub = o->snapshot ? NULL : subscription_find(s->realm, topic, kind, o);
	FoxPolicy  *kept = o->replay ? fox_history_find(s->realm, topic, kind, o->after) : NULL;
	FoxMember  *m = NULL;
	bool		is_new;

	if (o->replay && kept == NULL)
	{
		forget_options(o);
		no_replay(s, request, topic, kind);
		return;
	}
	if (sub != NULL)
		m = member_find(s, sub->id);
	else
		sub = subscription_new(s->realm, topic, kind, o);
	forget_options(o);
	if (sub == NULL)
	{
		fox_session_fail(s, FOX_REQ_SUBSCRIBE, request, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	sub->transient = o->snapshot;
	is_new = m == NULL;
	if (is_new && (m = member_new(s, sub)) == NULL)
	{
		if (sub->count == 0)
			subscription_free(sub);
		fox_session_fail(s, FOX_REQ_SUBSCRIBE, request, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	s->ops->done(s, FOX_REQ_SUBSCRIBE, request, sub->id);
	if (is_new && sub->count == 1)
		fox_meta_subscription(sub, s, FOX_META_CREATED);
	if (is_new)
		fox_meta_subscription(sub, s, FOX_META_JOINED);
	if (m->snapshot == NULL &&
		((kept != NULL && !fox_history_replay(kept, o->after, m)) ||
		 ((o->retained || o->snapshot) && !fox_snapshot_begin(m, o->snapshot))))
	{
		s->ops->unsubscribed(s, sub->id, FOX_ERR_UNAVAILABLE);
		fox_member_free(m);
	}
}

/* May the session have it?  False: it waits or has been answered.  The router's own topics are everybody's. */
static bool
permitted(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic, FoxMatchKind kind, bool again)
{
	FoxPermit	permit;
	FoxPass		pass = FOX_PASSES;

	if (!fox_uri_reserved(topic))
		pass = fox_permit(s, &(FoxWish){FOX_MAY_SUBSCRIBE, request, options, topic, kind, FOX_ABSENT, FOX_ABSENT},
						  again, &permit);
	if (pass == FOX_REFUSED)
		fox_session_fail(s, FOX_REQ_SUBSCRIBE, request, permit.uri, permit.text);
	return pass == FOX_PASSES;
}

void
fox_broker_subscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic)
{
	SubscribeOptions o;
	FoxMatchKind kind;

	if (!subscribe_checks(s, request, options, topic, &o, &kind))
		return;
	if (permitted(s, request, options, topic, kind, true))
		subscribe(s, request, topic, kind, &o);
	else
		forget_options(&o);
}

void
fox_session_subscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic)
{
	SubscribeOptions o;
	FoxMatchKind kind;

	if (!subscribe_checks(s, request, options, topic, &o, &kind))
		return;
	if (!permitted(s, request, options, topic, kind, false))
	{
		forget_options(&o);
		return;
	}
	/* With an event history only what is not there yet is worth a wait. */
	if (o.after != 0 &&
		(!o.replay || (fox_history_find(s->realm, topic, kind, 0) != NULL &&
					   fox_history_find(s->realm, topic, kind, o.after) == NULL)) &&
		fox_after_wait(s, o.after, request, options, topic))
		forget_options(&o);
	else
		subscribe(s, request, topic, kind, &o);
}

void
fox_session_unsubscribe(FoxSession *s, uint64_t request, uint64_t subscription)
{
	FoxMember  *m = member_find(s, subscription);

	if (m == NULL)
	{
		fox_session_fail(s, FOX_REQ_UNSUBSCRIBE, request, FOX_ERR_NO_SUCH_SUBSCRIPTION, NULL);
		return;
	}
	fox_member_free(m);
	s->ops->done(s, FOX_REQ_UNSUBSCRIBE, request, 0);
}

const char *
fox_subscription_find(FoxRealm *realm, FoxSlice topic, FoxSlice options, FoxSubscription **found)
{
	SubscribeOptions o;
	FoxMatchKind kind;
	const char *error = subscribe_options(options, topic, &o, &kind);

	*found = error == NULL ? subscription_find(realm, topic, kind, &o) : NULL;
	forget_options(&o);
	return error;
}

void
fox_member_revoke(FoxMember *m, const char *reason)
{
	FoxSession *s = m->session;
	uint64_t	subscription = m->subscription->id;

	fox_member_free(m);
	if (s->subscription_revocation)
		s->ops->unsubscribed(s, subscription, reason);
}

uint32_t
fox_subscription_revoke(FoxRealm *realm, uint64_t subscription, FoxSession *s, const char *reason)
{
	FoxSubscription *sub = fox_idmap_get(&realm->subscriptions_by_id, subscription);
	uint32_t	revoked = 0;

	/* From the end: the last member that goes, at place 0, takes the subscription with it. */
	for (uint32_t i = sub != NULL ? sub->count : 0; i-- > 0;)
	{
		if (s != NULL && sub->members[i]->session != s)
			continue;
		fox_member_revoke(sub->members[i], reason);
		revoked++;
	}
	return revoked;
}
