/*
 * retain.c - the router's copy of the retained values.
 *
 * The truth is the row in fox_wamp.retained; the copy
 * serves snapshots, filters and conditions that are not stored, and says which
 * waiter may be tried.  A value is immutable and reference-counted: a snapshot under
 * way keeps the one it saw.
 */
#include <stdlib.h>

#include "codec/match.h"
#include "core/core.h"

#include "base/pure.h"

FoxValue *
fox_retained_get(FoxRealm *realm, FoxSlice topic)
{
	return fox_trie_get(&realm->retained, topic, FOX_EXACT);
}

void
fox_value_unref(FoxValue *v)
{
	if (--v->refs == 0)
		free(v);
}

FoxValue *
fox_retained_put(FoxRealm *realm, const FoxValue *value)
{
	FoxValue   *old = fox_retained_get(realm, value->topic);
	FoxValue   *v = malloc(sizeof(*v) + value->topic.len + value->args.len + value->kwargs.len +
						   value->audience.len + value->original.len + 1);
	char	   *at;

	if (v == NULL)
		return NULL;
	at = v->block;
	*v = (FoxValue){.refs = 1, .publication = value->publication, .qos = value->qos, .expires_us = value->expires_us,
	.reread = realm->router->reread};
	v->topic = fox_slice_keep(&at, value->topic);
	v->args = fox_slice_keep(&at, value->args);
	v->kwargs = fox_slice_keep(&at, value->kwargs);
	v->audience = fox_slice_keep(&at, value->audience);
	v->row = fox_absent(v->audience) ? FOX_ABSENT : fox_json_get(v->audience, "fox_wamp.row");
	v->original = fox_slice_keep(&at, value->original);
	if (!fox_trie_put(&realm->retained, value->topic, FOX_EXACT, v))
	{
		free(v);
		return NULL;
	}
	if (old != NULL)
	{
		fox_will_drop(old);
		fox_value_unref(old);
	}
	return v;
}

void
fox_retained_del(FoxRealm *realm, FoxSlice topic)
{
	FoxValue   *old = fox_trie_del(&realm->retained, topic, FOX_EXACT);

	if (old == NULL)
		return;
	fox_will_drop(old);
	fox_value_unref(old);
}

static void
forget(void *ctx, void *value)
{
	(void) ctx;
	fox_will_drop(value);
	fox_value_unref(value);
}

void
fox_retained_free(FoxRealm *realm)
{
	fox_trie_each(&realm->retained, forget, NULL);
	fox_trie_free(&realm->retained);
}

void
fox_retained_bury(FoxRealm *realm, FoxSlice topic)
{
	char	   *key = fox_strdup(topic);

	if (key == NULL || fox_map_get(&realm->buried, topic) != NULL ||
		!fox_map_put(&realm->buried, fox_slice(key, topic.len), key))
		free(key);
}

bool
fox_retained_buried(FoxRealm *realm, FoxSlice topic)
{
	return realm->buried.count > 0 && fox_map_get(&realm->buried, topic) != NULL;
}

void
fox_retained_exhume(FoxRealm *realm)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&realm->buried, &pos)) != NULL)
		free(slot->value);
	fox_map_free(&realm->buried);
	realm->buried = (FoxMap){0};
}

bool
fox_retained_holds(FoxRealm *realm, FoxSlice topic, FoxSlice when)
{
	FoxValue   *v = fox_retained_get(realm, topic);

	if (fox_json_kind(when) == FOX_JSON_NULL)
		return v == NULL;
	return v != NULL && fox_match(when, fox_value_struct(v->args, v->kwargs)) == FOX_MATCH_YES;
}
