/*
 * store_item.h - one write of the writer's batch; internal to the writer.
 */
#ifndef FOX_PG_STORE_ITEM_H
#define FOX_PG_STORE_ITEM_H

#include "pg/store_sql.h"

/* A topic of the batch, as the batch has made it so far. */
typedef struct FoxStoreTopic
{
	FoxSlice	realm;
	FoxSlice	topic;
	bool		exists;			/* and locked by us */
	bool		slow;			/* locked by somebody else */
	FoxSlice	args;			/* only if the batch needs values */
	FoxSlice	kwargs;
} FoxStoreTopic;

extern uint64 fox_store_boot_id;
extern uint64 fox_store_rows_written;

/* What names a topic among all realms, palloc'ed. */
extern FoxSlice fox_store_key(FoxSlice realm, FoxSlice topic);

/* Carries it out and fills in its outcome; what must outlive SPI goes into memory.  Raises ERROR. */
extern void fox_store_item(FoxStoreItem *item, FoxStoreTopic *t, MemoryContext memory);

#endif
