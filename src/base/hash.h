/*
 * hash.h - a map from byte strings or 64-bit integers to pointers.
 *
 * Open addressing with linear probing and backward-shift deletion; the string
 * map does not copy its keys: a key must live as long as its entry.
 */
#ifndef FOX_BASE_HASH_H
#define FOX_BASE_HASH_H

#include "base/slice.h"

typedef struct FoxMapSlot
{
	const char *key;			/* NULL in FoxIdMap */
	union
	{
		uint64_t	id;			/* of FoxIdMap */
		struct
		{
			uint32_t	hash;	/* of the key */
			uint32_t	keylen;
		};
	};
	void	   *value;			/* NULL: the slot is free */
} FoxMapSlot;

typedef struct FoxMap
{
	FoxMapSlot *slots;
	size_t		cap;			/* a power of two, or 0 */
	size_t		count;
} FoxMap;

typedef FoxMap FoxIdMap;

/* A zeroed map is an empty one. */
extern uint64_t fox_hash_bytes(const char *p, size_t n);	/* seeded per process, so that peers cannot force collisions */
extern void fox_hash_seed(uint64_t seed);
extern void *fox_map_get(const FoxMap *m, FoxSlice key);
/* Adds or replaces; value is not NULL.  False: no memory, or a key of 4 GB, and nothing changed. */
extern bool fox_map_put(FoxMap *m, FoxSlice key, void *value);
extern void *fox_map_del(FoxMap *m, FoxSlice key);	/* the former value or NULL */
extern void fox_map_free(FoxMap *m);	/* the slots, not keys and values */

extern void *fox_idmap_get(const FoxIdMap *m, uint64_t key);
extern bool fox_idmap_put(FoxIdMap *m, uint64_t key, void *value);
extern void *fox_idmap_del(FoxIdMap *m, uint64_t key);

/*
 * Walks the entries: start with *pos = 0; returns NULL at the end.  The map
 * must not change during the walk.
 */
extern FoxMapSlot *fox_map_next(const FoxMap *m, size_t *pos);

#endif
