/*
 * bounced.c - what a writer has sent back (see bounced.h).
 *
 * One count by topic and one by order; entries live in TopMemoryContext for as long
 * as their count is not zero.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/hash.h"
#include "pg/bounced.h"
#include "pg/store_item.h"

typedef struct Bounced
{
	int			unseen;			/* times that the router has yet to take note */
	Size		keylen;
	char		key[FLEXIBLE_ARRAY_MEMBER];
} Bounced;

static FoxMap topics = {0};
static FoxIdMap orders = {0};

static Bounced *
bounced_new(FoxSlice key)
{
	Bounced    *b = MemoryContextAllocZero(TopMemoryContext, offsetof(Bounced, key) + key.len);

	b->keylen = key.len;
	if (key.len > 0)
		memcpy(b->key, key.ptr, key.len);
	return b;
}

static void pg_attribute_noreturn()
no_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory")));
}

static void
count_topic(FoxSlice key)
{
	Bounced    *b = fox_map_get(&topics, key);

	if (b == NULL)
	{
		b = bounced_new(key);
		if (!fox_map_put(&topics, fox_slice(b->key, b->keylen), b))
			no_memory();
	}
	b->unseen++;
}

static void
count_order(uint64 order)
{
	Bounced    *b = fox_idmap_get(&orders, order);

	if (b == NULL && !fox_idmap_put(&orders, order, b = bounced_new(FOX_LIT(""))))
		no_memory();
	b->unseen++;
}

FoxOutcome
fox_bounced(const FoxWrite *w)
{
	if (orders.count > 0 && w->order != 0 && fox_idmap_get(&orders, w->order) != NULL)
		return FOX_OUTCOME_BEHIND;
	if (topics.count > 0 && fox_map_get(&topics, fox_store_key(w->realm, w->topic)) != NULL)
		return FOX_OUTCOME_SLOW;
	return FOX_OUTCOME_DONE;
}

void
fox_bounce(const FoxWrite *w, FoxOutcome outcome)
{
	if (outcome != FOX_OUTCOME_SLOW && outcome != FOX_OUTCOME_BEHIND)
		return;
	if (outcome == FOX_OUTCOME_SLOW)
		count_topic(fox_store_key(w->realm, w->topic));
	if (w->order != 0)
		count_order(w->order);
}

void
fox_bounce_seen(FoxOutcome outcome, FoxSlice realm, FoxSlice topic, uint64 order)
{
	FoxSlice	key = fox_store_key(realm, topic);
	Bounced    *b = outcome == FOX_OUTCOME_SLOW ? fox_map_get(&topics, key) : NULL;

	if (b != NULL && --b->unseen == 0)
	{
		fox_map_del(&topics, key);
		pfree(b);
	}
	pfree((void *) key.ptr);
	b = order != 0 ? fox_idmap_get(&orders, order) : NULL;
	if (b != NULL && --b->unseen == 0)
	{
		fox_idmap_del(&orders, order);
		pfree(b);
	}
}
