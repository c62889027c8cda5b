/*
 * pool.c - memory that ends with its owner.
 *
 * Small blocks are cut from chunks, in a few sizes with a list of spare blocks each;
 * the first chunk is the pool's own, with its owner, and each other one is twice as large as the one before, up to a limit.  Large blocks are the
 * system's own, in a list.  Under AddressSanitizer all blocks are of that kind: a use
 * after giving back is then seen.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/dlist.h"
#include "base/pool.h"

#include "base/pure.h"

#ifndef SMALL_MAX
#if defined(__SANITIZE_ADDRESS__)
#define SMALL_MAX 0
#else
#define SMALL_MAX 1024
#endif
#endif

#define FIRST_SPARE 192			/* behind the owner: what a session needs that does nothing yet */
#define CHUNK_MIN 256			/* after that; each is twice as large as the one before */
#define CHUNK_MAX (64 * CHUNK_MIN)

static const size_t sizes[] = {32, 64, 96, 128, 192, 256, 384, 512, 640, 768, SMALL_MAX};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Before each block; sixteen bytes, so that what follows is aligned for any type. */
typedef struct Head
{
	_Alignas(16) size_t size;	/* of the block behind it */
	struct Head *next;			/* while it is spare */
} Head;

typedef struct Large
{
	FoxNode		node;
	_Alignas(16) Head head;
} Large;

typedef struct Chunk
{
	struct Chunk *next;
	_Alignas(16) char bytes[];
} Chunk;

struct FoxPool
{
	Chunk	   *chunks;
	char	   *at;				/* what is left of the newest */
	size_t		left;
	size_t		chunk;			/* the next is twice as large */
	size_t		bytes;
	FoxNode		large;
	Head	   *spare[SIZES];
};

static bool
is_large(size_t size)
{
	return SMALL_MAX == 0 || size > SMALL_MAX;
}

static size_t
size_class(size_t size)
{
	size_t		i = 0;

	while (sizes[i] < size)
		i++;
	return i;
}

static size_t
aligned(size_t size)
{
	return (size + 15) / 16 * 16;
}

FoxPool *
fox_pool_new(size_t owner_size, void **owner)
{
	size_t		needed = aligned(sizeof(FoxPool)) + aligned(owner_size);
	size_t		size = sizeof(Chunk) + needed + FIRST_SPARE;
	Chunk	   *chunk = malloc(size);
	FoxPool    *p;

	if (chunk == NULL)
		return NULL;
	chunk->next = NULL;
	p = memset(chunk->bytes, 0, needed);
	*owner = chunk->bytes + aligned(sizeof(*p));
	p->chunks = chunk;
	p->chunk = CHUNK_MIN / 2;
	p->bytes = size;
	p->at = chunk->bytes + needed;
	p->left = FIRST_SPARE;
	fox_list_init(&p->large);
	return p;
}

void
fox_pool_free(FoxPool *p)
{
	Chunk	   *chunk;

	if (p == NULL)
		return;
	fox_list_each(n, &p->large)
		free(fox_container(Large, node, n));
	chunk = p->chunks;			/* the pool itself lies in the last of them */
	while (chunk != NULL)
	{
		Chunk	   *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

static void *
alloc_large(FoxPool *p, size_t size)
{
	Large	   *l = size > SIZE_MAX - sizeof(*l) ? NULL : calloc(1, sizeof(*l) + size);

	if (l == NULL)
		return NULL;
	l->head.size = size;
	p->bytes += sizeof(*l) + size;
	fox_list_push(&p->large, &l->node);
	return &l->head + 1;
}

static Head *
cut(FoxPool *p, size_t size)
{
	size_t		needed = sizeof(Head) + size;
	Head	   *h;

	if (p->left < needed)
	{
		size_t		total = p->chunk < CHUNK_MAX ? p->chunk * 2 : CHUNK_MAX;
		Chunk	   *chunk;

		while (total < sizeof(Chunk) + needed)
			total *= 2;
		if ((chunk = malloc(total)) == NULL)
			return NULL;
		chunk->next = p->chunks;
		p->chunks = chunk;
		p->chunk = total;
		p->bytes += total;
		p->at = chunk->bytes;
		p->left = total - offsetof(Chunk, bytes);
	}
	h = (Head *) p->at;
	h->size = size;
	p->at += needed;
	p->left -= needed;
	return h;
}

void *
fox_pool_alloc(FoxPool *p, size_t size)
{
	size_t		i;
	Head	   *h;

	if (is_large(size))
		return alloc_large(p, size);
	i = size_class(size);
	if ((h = p->spare[i]) != NULL)
		p->spare[i] = h->next;
	else if ((h = cut(p, sizes[i])) == NULL)
		return NULL;
	return memset(h + 1, 0, sizes[i]);
}

void
fox_pool_give(FoxPool *p, void *block)
{
	Head	   *h;
	size_t		i;

	if (block == NULL)
		return;
	h = (Head *) block - 1;
	if (is_large(h->size))
	{
		Large	   *l = fox_container(Large, head, h);

		fox_list_del(&l->node);
		p->bytes -= sizeof(*l) + h->size;
		free(l);
		return;
	}
	i = size_class(h->size);
	h->next = p->spare[i];
	p->spare[i] = h;
}

size_t
fox_pool_bytes(const FoxPool *p)
{
	return p->bytes;
}
