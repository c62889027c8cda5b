/*
 * auto_subscription.c - what MQTT clients are subscribed to when they connect (see auto_subscription.h).
 */
#include "core/auto_subscription.h"

#include <stdlib.h>

#include "codec/json.h"
#include "codec/mqtt_topic.h"
#include "core/core.h"
#include "core/permission_row.h"
#include "core/roles.h"

#include "base/pure.h"

#define FILTER_MAX 2000			/* bytes */

typedef struct AutoRow
{
	FoxNode		in_realm;
	FoxAutoSubscription sub;	/* its filter and these two are owned, in block */
	FoxSlice	role;			/* whose members it is for; "public": everybody */
	FoxSlice	client_id;		/* empty: every client's */
	char		block[];
} AutoRow;

/* --- rows --- */

static AutoRow *
row_find(FoxRealm *realm, FoxSlice filter, FoxSlice role, FoxSlice client_id)
{
	fox_list_each(n, &realm->auto_subscriptions)
	{
		AutoRow    *row = fox_container(AutoRow, in_realm, n);

		if (fox_slice_eq(row->sub.filter, filter) && fox_slice_eq(row->role, role) && fox_slice_eq(row->client_id, client_id))
			return row;
	}
	return NULL;
}

static AutoRow *
row_new(FoxRealm *realm, FoxSlice filter, FoxSlice role, FoxSlice client_id)
{
	AutoRow    *row = calloc(1, sizeof(*row) + filter.len + role.len + client_id.len);
	char	   *at;

	if (row == NULL)
		return NULL;
	at = row->block;
	row->sub.filter = fox_slice_keep(&at, filter);
	row->role = fox_slice_keep(&at, role);
	row->client_id = fox_slice_keep(&at, client_id);
	fox_list_push(&realm->auto_subscriptions, &row->in_realm);
	return row;
}

static void
row_free(AutoRow *row)
{
	fox_list_del(&row->in_realm);
	free(row);
}

static uint8_t
small(FoxSlice object, const char *name)
{
	uint64_t	number = 0;

	(void) fox_json_uint(fox_json_get(object, name), &number);
	return (uint8_t) number;
}

/* topic = filter, args = [{"role":text,"client_id":text,"qos":n,"no_local":bool,"retain_as_published":bool,"retain_handling":n}] */
void
fox_auto_subscription_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	object = FOX_ABSENT;
	FoxBuf		role_text = {0};
	FoxBuf		client_text = {0};
	FoxSlice	role;
	FoxSlice	client_id;
	AutoRow    *row;
	size_t		pos = 0;

	if (realm == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &object))
		return;
	role = fox_json_text(fox_json_get(object, "role"), &role_text);
	client_id = fox_json_text(fox_json_get(object, "client_id"), &client_text);
	row = row_find(realm, c->topic, role, client_id);
	if (c->deleted && row != NULL)
		row_free(row);
	else if (!c->deleted && row == NULL && (row = row_new(realm, c->topic, role, client_id)) == NULL)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: MQTT clients miss a subscription until the router restarts");
	if (!c->deleted && row != NULL)
	{
		row->sub.qos = small(object, "qos");
		row->sub.retain_handling = small(object, "retain_handling");
		row->sub.no_local = fox_json_is_true(fox_json_get(object, "no_local"));
		row->sub.as_published = fox_json_is_true(fox_json_get(object, "retain_as_published"));
	}
	fox_buf_free(&role_text);
	fox_buf_free(&client_text);
}

void
fox_auto_subscriptions_free(FoxRealm *realm)
{
	fox_list_each(n, &realm->auto_subscriptions)
		row_free(fox_container(AutoRow, in_realm, n));
}

/* --- filters --- */

/* The next level of a filter, which is taken off; false: that was all. */
static bool
next_level(FoxSlice *filter, FoxSlice *level)
{
	const char *slash;

	if (fox_absent(*filter))
		return false;
	slash = memchr(filter->ptr, '/', filter->len);
	*level = fox_slice(filter->ptr, slash != NULL ? (size_t) (slash - filter->ptr) : filter->len);
	*filter = slash != NULL ? fox_slice(slash + 1, filter->len - level->len - 1) : FOX_ABSENT;
	return true;
}

/* The name as a level, escaped as it is in other topics; false: it can be none. */
static bool
put_name(FoxSlice name, FoxBuf *out)
{
	FoxBuf		uri = {0};
	size_t		before = out->len;
	bool		can;

	fox_topic_level(name, &uri);
	can = !uri.failed && uri.len > 0;
	if (can)
		fox_topic_to_mqtt(fox_buf_view(&uri), out);
	fox_buf_free(&uri);
	return can && memchr(out->data + before, '#', out->len - before) == NULL;
}

/* False: there is a level that the session has no name for. */
static bool
fill_in(const FoxSession *s, FoxSlice filter, FoxBuf *out)
{
	FoxSlice	level;

	for (bool first = true; next_level(&filter, &level); first = false)
	{
		if (!first)
			fox_buf_char(out, '/');
		if (!fox_slice_is(level, "%u") && !fox_slice_is(level, "%c"))
			fox_buf_slice(out, level);
		else if (!put_name(fox_slice_is(level, "%u") ? s->authid : s->client_id, out))
			return false;
	}
	return !out->failed;
}

const char *
fox_auto_subscription_problem(FoxSlice filter, bool no_local)
{
	FoxBuf		uri = {0};
	FoxSlice	topic = filter;
	FoxSlice	rest = filter;
	FoxSlice	group;
	FoxSlice	level;
	bool		valid = filter.len > 0 && filter.len <= FILTER_MAX && fox_filter_share(&topic, &group) &&
		fox_filter_from_mqtt(topic, &uri) != FOX_MQTT_FILTER_INVALID;

	fox_buf_free(&uri);
	if (!valid)
		return "It is no filter of MQTT.";
	if (fox_slice_begins(filter, FOX_LIT("$call/")))
		return "Nobody is called without having asked for it.";
	if (no_local && !fox_absent(group))
		return "A shared subscription cannot leave out a client's own messages.";
	while (next_level(&rest, &level))
		for (size_t i = 0; i + 1 < level.len; i++)
			if (level.len > 2 && level.ptr[i] == '%' && (level.ptr[i + 1] == 'u' || level.ptr[i + 1] == 'c'))
				return "%u and %c are levels by themselves.";
	return NULL;
}

void
fox_auto_subscriptions(const FoxSession *s, void (*fn) (void *ctx, const FoxAutoSubscription *sub), void *ctx)
{
	fox_list_each(n, &s->realm->auto_subscriptions)
	{
		const AutoRow *row = fox_container(AutoRow, in_realm, n);
		FoxAutoSubscription sub = row->sub;
		FoxBuf		filter = {0};

		if ((row->client_id.len == 0 || fox_slice_eq(row->client_id, s->client_id)) &&
			(fox_slice_is(row->role, FOX_EVERYBODY) || fox_roles_has(s->realm->router, fox_session_role(s), row->role)) &&
			fill_in(s, row->sub.filter, &filter))
		{
			sub.filter = fox_buf_view(&filter);
			fn(ctx, &sub);
		}
		fox_buf_free(&filter);
	}
}
