/*
 * test_pool.c - memory that ends with its owner: both ways it is got, whatever the
 * sanitizers make of the one that is built in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/pool.h"

#define SMALL_MAX 1024
#define fox_pool_new chunked_pool_new
#define fox_pool_free chunked_pool_free
#define fox_pool_alloc chunked_pool_alloc
#define fox_pool_give chunked_pool_give
#define fox_pool_bytes chunked_pool_bytes
extern FoxPool *chunked_pool_new(size_t owner_size, void **owner);
extern void chunked_pool_free(FoxPool *p);
extern void *chunked_pool_alloc(FoxPool *p, size_t size);
extern void chunked_pool_give(FoxPool *p, void *block);
extern size_t chunked_pool_bytes(const FoxPool *p);
#include "../../src/base/pool.c"
#undef fox_pool_new
#undef fox_pool_free
#undef fox_pool_alloc
#undef fox_pool_give
#undef fox_pool_bytes

typedef struct Way
{
	FoxPool    *(*make) (size_t owner_size, void **owner);
	void		(*end) (FoxPool *p);
	void	   *(*alloc) (FoxPool *p, size_t size);
	void		(*give) (FoxPool *p, void *block);
	size_t		(*bytes) (const FoxPool *p);
} Way;

static const Way ways[] = {
	{fox_pool_new, fox_pool_free, fox_pool_alloc, fox_pool_give, fox_pool_bytes},
	{chunked_pool_new, chunked_pool_free, chunked_pool_alloc, chunked_pool_give, chunked_pool_bytes},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static bool
all_are(const unsigned char *block, size_t size, unsigned char c)
{
	for (size_t i = 0; i < size; i++)
		if (block[i] != c)
			return false;
	return true;
}

static FoxPool *
make(size_t way, size_t owner_size, unsigned char **owner)
{
	void	   *block;
	FoxPool    *p = ways[way].make(owner_size, &block);

	assert_non_null(p);
	assert_int_equal((uintptr_t) block % 16, 0);
	assert_true(all_are(block, owner_size, 0));
	*owner = block;
	return p;
}

/* Blocks of all sizes, given back in another order: none touches another, each comes as zeros, aligned. */
static void
test_blocks_are_apart(void **state)
{
	enum {N = 400};
	unsigned char *blocks[N] = {0};
	size_t		sizes_of[N];
	unsigned	random = 1;

	(void) state;
	for (size_t w = 0; w < WAYS; w++)
	{
		unsigned char *owner;
		FoxPool    *p = make(w, 100, &owner);

		memset(owner, 0xee, 100);
		memset(blocks, 0, sizeof(blocks));
		for (int turn = 0; turn < 20000; turn++)
		{
			int			i = (int) ((random = random * 1103515245 + 12345) >> 16) % N;

			if (blocks[i] != NULL)
			{
				assert_true(all_are(blocks[i], sizes_of[i], (unsigned char) (i + 1)));
				ways[w].give(p, blocks[i]);
				blocks[i] = NULL;
				continue;
			}
			sizes_of[i] = ((random = random * 1103515245 + 12345) >> 16) % (turn % 7 == 0 ? 5000 : 200);
			blocks[i] = ways[w].alloc(p, sizes_of[i]);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t) blocks[i] % 16, 0);
			assert_true(all_are(blocks[i], sizes_of[i], 0));
			memset(blocks[i], i + 1, sizes_of[i]);
		}
		assert_true(all_are(owner, 100, 0xee));
		ways[w].end(p);			/* what was not given back goes as well: the leak check of the sanitizers says so */
	}
}

/* What is given back serves the next of its size: taking and giving for ever takes no more memory. */
static void
test_given_blocks_serve_again(void **state)
{
	(void) state;
	for (size_t w = 0; w < WAYS; w++)
	{
		unsigned char *owner;
		FoxPool    *p = make(w, 1, &owner);
		size_t		bytes;
		void	   *blocks[100];

		for (int turn = 0; turn < 100; turn++)
		{
			for (int i = 0; i < 100; i++)
				assert_non_null(blocks[i] = ways[w].alloc(p, 10 * (size_t) i));
			if (turn == 0)
				bytes = ways[w].bytes(p);
			assert_int_equal(ways[w].bytes(p), bytes);
			for (int i = 0; i < 100; i++)
				ways[w].give(p, blocks[i]);
		}
		ways[w].give(p, NULL);
		ways[w].end(p);
	}
}

static void
test_impossible_sizes(void **state)
{
	(void) state;
	for (size_t w = 0; w < WAYS; w++)
	{
		unsigned char *owner;
		FoxPool    *p = make(w, 1, &owner);

		assert_null(ways[w].alloc(p, SIZE_MAX));
		assert_non_null(ways[w].alloc(p, 0));
		ways[w].end(p);
		ways[w].end(NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_apart),
		cmocka_unit_test(test_given_blocks_serve_again),
		cmocka_unit_test(test_impossible_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
