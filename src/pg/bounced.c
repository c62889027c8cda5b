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

typedef struct Bounced
{
	int			unseen;			/* times that the router has yet to take note */
	Size		keylen;
	char		key[FLEXIBLE_ARRAY_MEMBER];
} Bounced;

static FoxMap bounced = {0};

/* The keys of topics and orders differ by their first byte. */
static FoxSlice
topic_key(FoxSlice realm, FoxSlice topic)
{
	char	   *key = palloc(realm.len + topic.len + 2);

	key[0] = 't';
	memcpy(key + 1, realm.ptr, realm.len);
	key[realm.len + 1] = '\0';
	memcpy(key + realm.len + 2, topic.ptr, topic.len);
	return fox_slice(key, realm.len + topic.len + 2);
}

static FoxSlice
order_key(uint64 order, char *key)
{
	key[0] = 'o';
	memcpy(key + 1, &order, sizeof(order));
	return fox_slice(key, 1 + sizeof(order));
}

#define ORDER_KEY (1 + sizeof(uint64))

static void
count(FoxSlice key)
{
	Bounced    *b = fox_map_get(&bounced, key);

	if (b == NULL)
	{
		b = MemoryContextAlloc(TopMemoryContext, offsetof(Bounced, key) + key.len);
		b->unseen = 0;
		b->keylen = key.len;
		memcpy(b->key, key.ptr, key.len);
		if (!fox_map_put(&bounced, fox_slice(b->key, b->keylen), b))
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
	}
	b->unseen++;
}

static void
discount(FoxSlice key)
{
	Bounced    *b = fox_map_get(&bounced, key);

	if (b != NULL && --b->unseen == 0)
	{
		fox_map_del(&bounced, key);
		pfree(b);
	}
}

FoxOutcome
fox_bounced(const FoxWrite *w)
{
	char		key[ORDER_KEY];

	if (bounced.count == 0)
		return FOX_OUTCOME_DONE;
	if (w->order != 0 && fox_map_get(&bounced, order_key(w->order, key)) != NULL)
		return FOX_OUTCOME_BEHIND;
	return fox_map_get(&bounced, topic_key(w->realm, w->topic)) != NULL ? FOX_OUTCOME_SLOW : FOX_OUTCOME_DONE;
}

void
fox_bounce(const FoxWrite *w, FoxOutcome outcome)
{
	char		key[ORDER_KEY];

	if (outcome != FOX_OUTCOME_SLOW && outcome != FOX_OUTCOME_BEHIND)
		return;
	if (outcome == FOX_OUTCOME_SLOW)
		count(topic_key(w->realm, w->topic));
	if (w->order != 0)
		count(order_key(w->order, key));
}

void
fox_bounce_seen(FoxOutcome outcome, FoxSlice realm, FoxSlice topic, uint64 order)
{
	char		key[ORDER_KEY];
	FoxSlice	of_topic;

	if (outcome == FOX_OUTCOME_SLOW)
	{
		of_topic = topic_key(realm, topic);
		discount(of_topic);
		pfree((void *) of_topic.ptr);
	}
	if (order != 0)
		discount(order_key(order, key));
}
