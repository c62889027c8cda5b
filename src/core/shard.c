/*
 * shard.c - which node of several hears an event, or takes a call (pick.c).
 *
 * Subscribers of one topic may name their node (SUBSCRIBE.Options.nkey), publishers the
 * resource that an event is about (PUBLISH.Options.rkey): every resource's events then
 * go to one of the nodes, always the same one while the nodes stay the same, and a node
 * that comes or goes moves only its own share (rendezvous hashing).  The hash has no
 * seed, so that a restart of the router moves nothing.
 */
#include "core/core.h"

#include "base/pure.h"

static uint64_t
hash_on(uint64_t h, FoxSlice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char) s.ptr[i]) * UINT64_C(0x100000001b3);	/* FNV-1a */
	return h;
}

uint64_t
fox_shard_hash(FoxSlice rkey)
{
	return hash_on(UINT64_C(0xcbf29ce484222325), rkey);
}

/* The finish of splitmix64: FNV alone leaves the high bits of short keys alike. */
uint64_t
fox_shard_score(uint64_t rkey_hash, FoxSlice node)
{
	uint64_t	h = hash_on(rkey_hash, node);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

FoxSlice
fox_shard_node(const FoxSubscription *first, uint64_t rkey_hash, FoxEvent *e)
{
	FoxSlice	best = FOX_ABSENT;
	uint64_t	highest = 0;

	for (const FoxSubscription *sub = first; sub != NULL; sub = sub->next_filter)
	{
		uint64_t	n;

		if (fox_absent(sub->nkey) || !fox_subscription_lets(sub, e))
			continue;
		n = fox_shard_score(rkey_hash, sub->nkey);
		if (fox_absent(best) || n > highest)
		{
			best = sub->nkey;
			highest = n;
		}
	}
	return best;
}
