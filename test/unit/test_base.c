/*
 * test_base.c - buffers, shared bytes, maps and lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/dlist.h"
#include "base/hash.h"

#define MANY 5000

static void
assert_text(const FoxBuf *b, const char *text)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(fox_buf_view(b).ptr, text, b->len);
}

static void
test_buf_append(void **state)
{
	FoxBuf		b = {0};

	(void) state;
	assert_non_null(fox_buf_view(&b).ptr);
	assert_int_equal(fox_buf_view(&b).len, 0);
	fox_buf_put(&b, NULL, 0);
	assert_null(b.data);
	fox_buf_str(&b, "a");
	fox_buf_char(&b, 'b');
	fox_buf_slice(&b, FOX_LIT("cd"));
	fox_buf_slice(&b, FOX_ABSENT);
	fox_buf_put(&b, "e\0f", 3);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "abcde\0f", 7);
	fox_buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_non_null(b.data);
	fox_buf_free(&b);
	assert_null(b.data);
	fox_buf_free(&b);
}

static void
test_buf_growth(void **state)
{
	FoxBuf		b = {0};

	(void) state;
	for (int i = 0; i < 100000; i++)
		fox_buf_char(&b, (char) i);
	assert_int_equal(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		if (b.data[i] != (char) i)
			fail_msg("byte %d was lost", i);
	assert_true(b.cap >= b.len && b.cap < 4 * b.len);

	/* one append larger than twice the capacity */
	fox_buf_reset(&b);
	assert_non_null(fox_buf_reserve(&b, 1000000));
	assert_int_equal(b.len, 0);
	assert_true(b.cap >= 1000000);
	fox_buf_free(&b);
}

static void
test_buf_failure(void **state)
{
	FoxBuf		b = {0};

	(void) state;
	fox_buf_str(&b, "kept");
	assert_null(fox_buf_reserve(&b, SIZE_MAX - 2));
	assert_true(b.failed);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "kept", 4);
	fox_buf_reset(&b);
	fox_buf_str(&b, "again");
	assert_text(&b, "again");
	fox_buf_free(&b);
}

static void
test_buf_numbers(void **state)
{
	FoxBuf		b = {0};

	(void) state;
	fox_buf_u64(&b, 0);
	fox_buf_char(&b, ' ');
	fox_buf_u64(&b, UINT64_MAX);
	fox_buf_char(&b, ' ');
	fox_buf_i64(&b, -1);
	fox_buf_char(&b, ' ');
	fox_buf_i64(&b, INT64_MIN);
	fox_buf_char(&b, ' ');
	fox_buf_i64(&b, INT64_MAX);
	assert_text(&b, "0 18446744073709551615 -1 -9223372036854775808 9223372036854775807");
	fox_buf_free(&b);
}

static void
test_buf_json_str(void **state)
{
	FoxBuf		b = {0};

	(void) state;
	fox_buf_json_str(&b, FOX_LIT(""));
	fox_buf_json_str(&b, FOX_LIT("a\"b\\c/\n\x1f\x7f\xc3\xa4"));
	fox_buf_json_str(&b, fox_slice("\0x\0", 3));
	assert_text(&b, "\"\"\"a\\\"b\\\\c/\\u000a\\u001f\x7f\xc3\xa4\"\"\\u0000x\\u0000\"");
	fox_buf_free(&b);
}

static void
test_bytes(void **state)
{
	FoxBytes   *b = fox_bytes_new("abc", 3);
	FoxBytes   *empty = fox_bytes_new(NULL, 0);
	char	   *copy = fox_strdup(fox_slice("xyz", 2));

	(void) state;
	assert_int_equal(b->refs, 1);
	assert_int_equal(b->len, 3);
	assert_ptr_equal(fox_bytes_ref(b), b);
	fox_bytes_unref(b);
	assert_int_equal(b->refs, 1);
	assert_memory_equal(b->data, "abc", 3);
	fox_bytes_unref(b);
	assert_int_equal(empty->len, 0);
	fox_bytes_unref(empty);
	fox_bytes_unref(NULL);
	assert_string_equal(copy, "xy");
	free(copy);
	copy = fox_strdup(FOX_ABSENT);
	assert_string_equal(copy, "");
	free(copy);
}

static char keys[MANY][16];

static FoxSlice
key(int i)
{
	snprintf(keys[i], sizeof(keys[i]), "key.%d", i);
	return fox_cstr(keys[i]);
}

/* Every key that must be there is, no other is, and the walk finds the same. */
static void
check_map(const FoxMap *m, const bool *there)
{
	FoxMapSlot *slot;
	size_t		n = 0;
	size_t		walked = 0;
	size_t		pos = 0;

	for (int i = 0; i < MANY; i++)
	{
		void	   *value = fox_map_get(m, key(i));

		n += there[i];
		if (value != (there[i] ? keys[i] : NULL))
			fail_msg("key %d", i);
	}
	assert_int_equal(m->count, n);
	while ((slot = fox_map_next(m, &pos)) != NULL)
	{
		walked++;
		assert_ptr_equal(slot->key, slot->value);
	}
	assert_int_equal(walked, n);
}

static void
test_map(void **state)
{
	FoxMap		m = {0};
	static bool there[MANY];

	(void) state;
	memset(there, 0, sizeof(there));
	check_map(&m, there);
	assert_null(fox_map_del(&m, key(0)));
	for (int i = 0; i < MANY; i++)
	{
		assert_true(fox_map_put(&m, key(i), keys[i]));
		there[i] = true;
	}
	check_map(&m, there);
	for (int i = 0; i < MANY; i++)
		if (i % 3 != 0)
		{
			assert_ptr_equal(fox_map_del(&m, key(i)), keys[i]);
			assert_null(fox_map_del(&m, key(i)));
			there[i] = false;
		}
	check_map(&m, there);
	for (int i = 0; i < MANY; i += 2)
	{
		assert_true(fox_map_put(&m, key(i), keys[i]));
		there[i] = true;
	}
	check_map(&m, there);
	fox_map_free(&m);
	assert_null(fox_map_get(&m, key(0)));
}

/* Replacing takes the new key's memory: the old one may go. */
static void
test_map_replace(void **state)
{
	FoxMap		m = {0};
	char	   *first = fox_strdup(FOX_LIT("same"));
	char	   *second = fox_strdup(FOX_LIT("same"));

	(void) state;
	assert_true(fox_map_put(&m, fox_cstr(first), first));
	assert_true(fox_map_put(&m, fox_cstr(second), second));
	free(first);
	assert_int_equal(m.count, 1);
	assert_ptr_equal(fox_map_get(&m, FOX_LIT("same")), second);
	assert_null(fox_map_get(&m, FOX_LIT("sam")));
	assert_true(fox_map_put(&m, FOX_LIT(""), second));
	assert_true(fox_map_put(&m, fox_slice("a\0b", 3), second));
	assert_null(fox_map_get(&m, fox_slice("a\0c", 3)));
	assert_ptr_equal(fox_map_get(&m, FOX_LIT("")), second);
	assert_int_equal(m.count, 3);
	fox_map_free(&m);
	free(second);
}

/*
 * A small full table is all collisions: whatever the seed, and whichever entry goes
 * from a run that may wrap around the end, the others must stay reachable.
 */
static void
test_map_collisions(void **state)
{
	enum { N = 12 };			/* fills a table of 16 as far as it goes */

	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		fox_hash_seed(seed * 0x9e3779b97f4a7c15ull);
		for (int gone = 0; gone < N; gone++)
		{
			FoxMap		m = {0};
			FoxIdMap	ids = {0};

			for (int i = 0; i < N; i++)
			{
				assert_true(fox_map_put(&m, key(i), keys[i]));
				assert_true(fox_idmap_put(&ids, (uint64_t) i, keys[i]));
			}
			assert_int_equal(m.cap, 16);
			for (int n = 0; n < N; n++)
			{
				int			out = (gone + n * 5) % N;

				assert_ptr_equal(fox_map_del(&m, key(out)), keys[out]);
				assert_ptr_equal(fox_idmap_del(&ids, (uint64_t) out), keys[out]);
				for (int k = 0; k < N; k++)
				{
					bool		stays = true;

					for (int j = 0; j <= n; j++)
						stays = stays && (gone + j * 5) % N != k;
					if (fox_map_get(&m, key(k)) != (stays ? keys[k] : NULL) ||
						fox_idmap_get(&ids, (uint64_t) k) != (stays ? keys[k] : NULL))
						fail_msg("seed %d, first deleted %d, key %d", (int) seed, gone, k);
				}
			}
			fox_map_free(&m);
			fox_map_free(&ids);
		}
	}
}

static void
test_idmap(void **state)
{
	FoxIdMap	m = {0};
	int			values[MANY];
	uint64_t	step = ((uint64_t) 1 << 53) / MANY;

	(void) state;
	assert_null(fox_idmap_get(&m, 0));
	assert_null(fox_idmap_del(&m, 0));
	for (int i = 0; i < MANY; i++)
		assert_true(fox_idmap_put(&m, (uint64_t) i * step, &values[i]));
	assert_int_equal(m.count, MANY);
	for (int i = 0; i < MANY; i += 2)
		assert_ptr_equal(fox_idmap_del(&m, (uint64_t) i * step), &values[i]);
	assert_int_equal(m.count, MANY / 2);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(fox_idmap_get(&m, (uint64_t) i * step), i % 2 ? &values[i] : NULL);
	assert_true(fox_idmap_put(&m, UINT64_MAX, &values[0]));
	assert_true(fox_idmap_put(&m, UINT64_MAX, &values[1]));
	assert_int_equal(m.count, MANY / 2 + 1);
	assert_ptr_equal(fox_idmap_get(&m, UINT64_MAX), &values[1]);
	fox_map_free(&m);
}

static void
test_hash_bytes(void **state)
{
	char		text[64];

	(void) state;
	memset(text, 'a', sizeof(text));
	fox_hash_seed(7);
	for (size_t n = 0; n <= sizeof(text); n++)
	{
		uint64_t	h = fox_hash_bytes(text, n);

		assert_true(h == fox_hash_bytes(text, n));
		for (size_t i = 0; i < n; i++)
		{
			text[i] ^= 1;
			assert_true(h != fox_hash_bytes(text, n));
			text[i] ^= 1;
		}
		fox_hash_seed(8);
		assert_true(h != fox_hash_bytes(text, n));
		fox_hash_seed(7);
	}
}

static void
test_list(void **state)
{
	struct
	{
		int			n;
		FoxNode		node;
	}			item[3] = {{.n = 0}, {.n = 1}, {.n = 2}};
	FoxNode		head;
	int			sum = 0;

	(void) state;
	fox_list_init(&head);
	assert_true(fox_list_empty(&head));
	fox_list_push(&head, &item[1].node);
	fox_list_push(&head, &item[2].node);
	fox_list_push_front(&head, &item[0].node);
	assert_ptr_equal(head.next, &item[0].node);
	assert_ptr_equal(head.prev, &item[2].node);
	fox_list_each(n, &head)
	{
		sum = sum * 10 + fox_container(__typeof__(item[0]), node, n)->n;
		fox_list_del(n);
		fox_list_del(n);
	}
	assert_int_equal(sum, 12);
	assert_true(fox_list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_append),
		cmocka_unit_test(test_buf_growth),
		cmocka_unit_test(test_buf_failure),
		cmocka_unit_test(test_buf_numbers),
		cmocka_unit_test(test_buf_json_str),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_replace),
		cmocka_unit_test(test_map_collisions),
		cmocka_unit_test(test_idmap),
		cmocka_unit_test(test_hash_bytes),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
