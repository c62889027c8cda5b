/*
 * hash.c - maps with open addressing (see hash.h).
 *
 * Deletion shifts the following entries back instead of leaving tombstones, so that
 * a map which lives for months does not slow down.
 */
#include "base/hash.h"

#include <stdlib.h>

#include "base/pure.h"

#define LOAD_NUMERATOR 3		/* a map grows when it is three quarters full */
#define LOAD_DENOMINATOR 4
#define FIRST_CAP 2				/* a session has many maps, and one entry in most of those that are not empty */

static uint64_t seed = 0x9e3779b97f4a7c15ull;

void
fox_hash_seed(uint64_t s)
{
	seed = s;
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t) a * b;

	return (uint64_t) m ^ (uint64_t) (m >> 64);
}

static uint64_t
read_up_to_8(const char *p, size_t n)
{
	uint64_t	v = 0;

	memcpy(&v, p, n);
	return v;
}

/* Multiply and fold, 16 bytes a step, with the process's seed in every step. */
uint64_t
fox_hash_bytes(const char *p, size_t n)
{
	uint64_t	h = seed ^ (n * 0xa0761d6478bd642full);

	while (n >= 16)
	{
		h = mix(h ^ read_up_to_8(p, 8), seed ^ read_up_to_8(p + 8, 8) ^ 0xe7037ed1a0b428dbull);
		p += 16;
		n -= 16;
	}
	if (n > 8)
		h = mix(h ^ read_up_to_8(p, 8), seed ^ read_up_to_8(p + 8, n - 8) ^ 0x8ebc6af09c88c6e3ull);
	else if (n > 0)
		h = mix(h ^ read_up_to_8(p, n), seed ^ 0x589965cc75374cc3ull);
	return mix(h, 0x1d8e4e27c47d124full ^ seed);
}

static uint64_t
spread(uint64_t id)
{
	return mix(id ^ seed, 0x9e3779b97f4a7c15ull);
}

static uint32_t
hash_of(FoxSlice key)
{
	return (uint32_t) fox_hash_bytes(key.ptr, key.len);
}

/* Where an entry wants to be. */
static size_t
home(const FoxMap *m, const FoxMapSlot *slot)
{
	return (slot->key ? slot->hash : spread(slot->id)) & (m->cap - 1);
}

static FoxMapSlot *
find(const FoxMap *m, FoxSlice key, uint32_t hash)
{
	size_t		mask = m->cap - 1;

	for (size_t i = hash & mask; m->slots[i].value != NULL; i = (i + 1) & mask)
	{
		FoxMapSlot *s = &m->slots[i];

		if (s->hash == hash && s->keylen == key.len &&
			(key.len == 0 || memcmp(s->key, key.ptr, key.len) == 0))
			return s;
	}
	return NULL;
}

static FoxMapSlot *
find_id(const FoxIdMap *m, uint64_t key)
{
	size_t		mask = m->cap - 1;

	for (size_t i = spread(key) & mask; m->slots[i].value != NULL; i = (i + 1) & mask)
		if (m->slots[i].id == key)
			return &m->slots[i];
	return NULL;
}

static void
place(FoxMap *m, FoxMapSlot entry)
{
	size_t		i = home(m, &entry);

	while (m->slots[i].value != NULL)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = entry;
}

static bool
make_room(FoxMap *m)
{
	FoxMap		grown = *m;

	if ((m->count + 1) * LOAD_DENOMINATOR <= m->cap * LOAD_NUMERATOR)
		return true;
	grown.cap = m->cap ? m->cap * 2 : FIRST_CAP;
	if ((grown.slots = calloc(grown.cap, sizeof(FoxMapSlot))) == NULL)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value != NULL)
			place(&grown, m->slots[i]);
	free(m->slots);
	*m = grown;
	return true;
}

static void *
take_out(FoxMap *m, FoxMapSlot *slot)
{
	size_t		mask = m->cap - 1;
	size_t		hole = (size_t) (slot - m->slots);
	void	   *value = slot->value;

	for (size_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask)
	{
		/* The entry may fill the hole unless its home lies between the hole and it. */
		if (((i - home(m, &m->slots[i])) & mask) >= ((i - hole) & mask))
		{
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	m->count--;
	return value;
}

void *
fox_map_get(const FoxMap *m, FoxSlice key)
{
	FoxMapSlot *s = m->count ? find(m, key, hash_of(key)) : NULL;

	return s ? s->value : NULL;
}

bool
fox_map_put(FoxMap *m, FoxSlice key, void *value)
{
	uint32_t	hash = hash_of(key);
	FoxMapSlot *s = m->count ? find(m, key, hash) : NULL;

	if (key.ptr == NULL)
		key.ptr = "";			/* without a key the entry would pass for an id's */
	if (s == NULL)
	{
		if (key.len > UINT32_MAX || !make_room(m))
			return false;
		place(m, (FoxMapSlot){.key = key.ptr, .hash = hash, .keylen = (uint32_t) key.len, .value = value});
		m->count++;
		return true;
	}
	s->key = key.ptr;			/* the new key's memory outlives the old one's */
	s->value = value;
	return true;
}

void *
fox_map_del(FoxMap *m, FoxSlice key)
{
	FoxMapSlot *s = m->count ? find(m, key, hash_of(key)) : NULL;

	return s ? take_out(m, s) : NULL;
}

void
fox_map_free(FoxMap *m)
{
	free(m->slots);
	*m = (FoxMap){0};
}

void *
fox_idmap_get(const FoxIdMap *m, uint64_t key)
{
	FoxMapSlot *s = m->count ? find_id(m, key) : NULL;

	return s ? s->value : NULL;
}

bool
fox_idmap_put(FoxIdMap *m, uint64_t key, void *value)
{
	FoxMapSlot *s = m->count ? find_id(m, key) : NULL;

	if (s == NULL)
	{
		if (!make_room(m))
			return false;
		place(m, (FoxMapSlot){.id = key, .value = value});
		m->count++;
		return true;
	}
	s->value = value;
	return true;
}

void *
fox_idmap_del(FoxIdMap *m, uint64_t key)
{
	FoxMapSlot *s = m->count ? find_id(m, key) : NULL;

	return s ? take_out(m, s) : NULL;
}

FoxMapSlot *
fox_map_next(const FoxMap *m, size_t *pos)
{
	while (*pos < m->cap)
	{
		FoxMapSlot *s = &m->slots[(*pos)++];

		if (s->value != NULL)
			return s;
	}
	return NULL;
}
