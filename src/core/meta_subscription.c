/*
 * meta_subscription.c - the subscription meta API: events of a subscription's life, and
 * questions about it.
 *
 * A subscription of the router's own topics and one that is made for a snapshot have
 * no events: the first would tell of itself, the second is over at once.
 */
#include <stdlib.h>

#include "codec/json_out.h"
#include "core/meta.h"

#include "base/pure.h"

static void
put_details(FoxBuf *b, const FoxSubscription *sub)
{
	fox_buf_char(b, '{');
	fox_json_put_number(b, "id", sub->id);
	fox_meta_put_time(b, "created", sub->realm->router, sub->created_us);
	fox_json_put_member(b, "uri", sub->topic);
	fox_json_put_member(b, "match", fox_cstr(fox_match_name(sub->kind)));
	if (!fox_absent(sub->filter))
	{
		fox_json_put_name(b, "filter");
		fox_buf_slice(b, sub->filter);
	}
	if (!fox_absent(sub->nkey))
		fox_json_put_member(b, "nkey", sub->nkey);
	fox_buf_char(b, '}');
}

void
fox_meta_subscription(const FoxSubscription *sub, const FoxSession *s, FoxMetaStep step)
{
	static const char *const topics[] = {
		[FOX_META_CREATED] = "wamp.subscription.on_create",
		[FOX_META_JOINED] = "wamp.subscription.on_subscribe",
		[FOX_META_LEFT] = "wamp.subscription.on_unsubscribe",
		[FOX_META_DELETED] = "wamp.subscription.on_delete"
	};
	FoxBuf		args = {0};

	if (sub->transient || fox_uri_reserved(sub->topic) || !fox_meta_heard(sub->realm, topics[step]))
		return;
	if (step != FOX_META_CREATED)
	{
		fox_meta_publish_ids(sub->realm, topics[step], s, sub->id);
		return;
	}
	fox_buf_char(&args, '[');
	fox_buf_u64(&args, s->id);
	fox_buf_char(&args, ',');
	put_details(&args, sub);
	fox_buf_char(&args, ']');
	fox_meta_publish(sub->realm, topics[step], &args, s);
}

/* --- procedures --- */

static const char *
subscription_list(FoxMetaCall *c)
{
	fox_buf_char(&c->out, '{');
	for (int kind = FOX_EXACT; kind <= FOX_PATTERN; kind++)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		fox_json_put_name(&c->out, fox_match_name((FoxMatchKind) kind));
		fox_buf_char(&c->out, '[');
		while ((slot = fox_map_next(&c->realm->subscriptions_by_id, &pos)) != NULL)
			if ((int) ((FoxSubscription *) slot->value)->kind == kind)
				fox_meta_put_id(&c->out, ((FoxSubscription *) slot->value)->id);
		fox_buf_char(&c->out, ']');
	}
	fox_buf_char(&c->out, '}');
	return NULL;
}

static const char *
subscription_lookup(FoxMetaCall *c)
{
	FoxBuf		scratch = {0};
	FoxSlice	topic = fox_meta_text(c, 0, "topic", &scratch);
	FoxSlice	options = fox_meta_arg(c, 1, "options");
	FoxSubscription *sub = NULL;
	const char *error = fox_absent(topic) ? FOX_ERR_INVALID_ARGUMENT : NULL;

	if (error == NULL &&
		(c->text = fox_subscription_find(c->realm, topic, fox_absent(options) ? FOX_LIT("{}") : options, &sub)) != NULL)
		error = FOX_ERR_INVALID_ARGUMENT;
	if (error == NULL && sub != NULL)
		fox_buf_u64(&c->out, sub->id);
	else if (error == NULL)
		fox_buf_str(&c->out, "null");
	fox_buf_free(&scratch);
	return error;
}

static void
add_matching(void *ctx, void *value)
{
	for (FoxSubscription *sub = value; sub != NULL; sub = sub->next_filter)
		fox_meta_put_id(ctx, sub->id);
}

static const char *
subscription_match(FoxMetaCall *c)
{
	FoxBuf		scratch = {0};
	FoxSlice	topic = fox_meta_text(c, 0, "topic", &scratch);
	const char *error = fox_absent(topic) ? FOX_ERR_INVALID_ARGUMENT : NULL;

	if (error == NULL)
	{
		size_t		start = c->out.len;

		fox_buf_char(&c->out, '[');
		if (fox_uri_valid(topic, false))
			fox_index_match(&c->realm->subscriptions, topic, add_matching, &c->out);
		if (!c->out.failed && c->out.len == start + 1)
		{
			c->out.len = start;
			fox_buf_str(&c->out, "null");
		}
		else
			fox_buf_char(&c->out, ']');
	}
	fox_buf_free(&scratch);
	return error;
}

static FoxSubscription *
subscription_arg(FoxMetaCall *c, const char **error)
{
	FoxSubscription *sub;
	uint64_t	id;

	*error = FOX_ERR_INVALID_ARGUMENT;
	if (!fox_meta_id(c, 0, "subscription", &id))
		return NULL;
	*error = FOX_ERR_NO_SUCH_SUBSCRIPTION;
	if ((sub = fox_idmap_get(&c->realm->subscriptions_by_id, id)) == NULL)
		c->text = "no subscription with that id is in the realm";
	return sub;
}

static const char *
subscription_get(FoxMetaCall *c)
{
	const char *error;
	FoxSubscription *sub = subscription_arg(c, &error);

	if (sub == NULL)
		return error;
	put_details(&c->out, sub);
	return NULL;
}

static const char *
subscription_list_subscribers(FoxMetaCall *c)
{
	const char *error;
	FoxSubscription *sub = subscription_arg(c, &error);

	if (sub == NULL)
		return error;
	fox_buf_char(&c->out, '[');
	for (uint32_t i = 0; i < sub->count; i++)
		fox_meta_put_id(&c->out, sub->members[i]->session->id);
	fox_buf_char(&c->out, ']');
	return NULL;
}

static const char *
subscription_count_subscribers(FoxMetaCall *c)
{
	const char *error;
	FoxSubscription *sub = subscription_arg(c, &error);

	if (sub == NULL)
		return error;
	fox_buf_u64(&c->out, sub->count);
	return NULL;
}

/* (subscription, subscriber, reason=…): beyond the specification, the administrator's way to revoke. */
static const char *
subscription_remove_subscriber(FoxMetaCall *c)
{
	const char *error;
	FoxSubscription *sub = subscription_arg(c, &error);
	FoxSession *s;
	char	   *reason;

	if (sub == NULL || (s = fox_meta_whom(c, "subscriber", "wamp.subscription.revoked", &reason, &error)) == NULL)
		return error;
	error = fox_subscription_revoke(c->realm, sub->id, s, reason) > 0 ? NULL : FOX_ERR_NO_SUCH_SESSION;
	if (error != NULL)
		c->text = "the session does not have that subscription";
	free(reason);
	return error;
}

const FoxMetaProcedure fox_meta_subscription_procedures[] = {
	{"wamp.subscription.list", subscription_list, false},
	{"wamp.subscription.lookup", subscription_lookup, false},
	{"wamp.subscription.match", subscription_match, false},
	{"wamp.subscription.get", subscription_get, false},
	{"wamp.subscription.list_subscribers", subscription_list_subscribers, false},
	{"wamp.subscription.count_subscribers", subscription_count_subscribers, false},
	{"wamp.subscription.remove_subscriber", subscription_remove_subscriber, true},
	{NULL, NULL, false}
};
