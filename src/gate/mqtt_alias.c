/*
 * mqtt_alias.c - topic aliases of MQTT 5.0, of a connection and in each direction of its own.
 *
 * Most clients use none: there is no table before the first one.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

typedef struct MqttAliases
{
	FoxMap		set;			/* by us: topic → alias; keys are owned */
	char	   *heard[MQTT_ALIASES + 1];	/* of the client's; in WAMP's notation, owned */
} MqttAliases;

static MqttAliases *
aliases_of(MqttPeer *p)
{
	if (p->aliases == NULL)
		p->aliases = calloc(1, sizeof(*p->aliases));
	return p->aliases;
}

void
mqtt_aliases_free(MqttPeer *p)
{
	MqttAliases *a = p->aliases;
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (a == NULL)
		return;
	for (int i = 0; i <= MQTT_ALIASES; i++)
		free(a->heard[i]);
	while ((slot = fox_map_next(&a->set, &pos)) != NULL)
		free((char *) slot->key);
	fox_map_free(&a->set);
	free(a);
	p->aliases = NULL;
}

/* --- the client's --- */

bool
mqtt_alias_hear(MqttPeer *p, uint32_t alias, FoxSlice topic)
{
	MqttAliases *a = aliases_of(p);

	if (a == NULL)
		return false;
	free(a->heard[alias]);
	a->heard[alias] = fox_strdup(topic);
	return a->heard[alias] != NULL;
}

FoxSlice
mqtt_alias_heard(const MqttPeer *p, uint32_t alias)
{
	return p->aliases != NULL ? fox_cstr(p->aliases->heard[alias]) : FOX_ABSENT;
}

/* --- ours --- */

uint32_t
mqtt_alias_for(MqttPeer *p, FoxSlice topic, bool *defines)
{
	MqttAliases *a = p->alias_maximum > 0 ? aliases_of(p) : NULL;
	uintptr_t	alias = a != NULL ? (uintptr_t) fox_map_get(&a->set, topic) : 0;
	char	   *key;

	*defines = false;
	if (a == NULL || alias != 0 || a->set.count >= p->alias_maximum || (key = fox_strdup(topic)) == NULL)
		return (uint32_t) alias;
	alias = a->set.count + 1;
	if (!fox_map_put(&a->set, fox_slice(key, topic.len), (void *) alias))
	{
		free(key);
		return 0;
	}
	*defines = true;
	return (uint32_t) alias;
}
