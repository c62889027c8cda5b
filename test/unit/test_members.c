/*
 * test_members.c - members by name, few and many, and what is built on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/match.h"
#include "codec/members.h"

#define MANY 20000

/* {"k0":base,"k1":base+1,...}, the keys of every seventh escaped. */
static void
numbered(FoxBuf *b, int n, int base)
{
	fox_buf_char(b, '{');
	for (int i = 0; i < n; i++)
	{
		fox_buf_str(b, i ? ",\"" : "\"");
		fox_buf_str(b, i % 7 == 0 ? "\\u006b" : "k");
		fox_buf_u64(b, (uint64_t) i);
		fox_buf_str(b, "\":");
		fox_buf_u64(b, (uint64_t) (base + i));
	}
	fox_buf_char(b, '}');
}

static void
test_get(void **state)
{
	(void) state;
	for (int n = 0; n <= 40; n++)
	{
		FoxBuf		b = {0};
		FoxMembers	m;
		FoxSlice	key;
		FoxSlice	value;
		size_t		pos = 0;
		int			walked = 0;

		numbered(&b, n, 100);
		assert_true(fox_members_init(&m, fox_buf_view(&b)));
		for (int i = 0; i < n; i++)
		{
			FoxBuf		name = {0};
			uint64_t	got;

			fox_buf_str(&name, i % 2 ? "\"k" : "\"\\u006B");
			fox_buf_u64(&name, (uint64_t) i);
			fox_buf_char(&name, '"');
			assert_true(fox_json_uint(fox_members_get(&m, fox_slice(name.data + 1, name.len - 2)), &got));
			assert_int_equal(got, 100 + i);
			fox_buf_free(&name);
		}
		assert_true(fox_absent(fox_members_get(&m, FOX_LIT("k"))));
		assert_true(fox_absent(fox_members_get(&m, FOX_LIT(""))));
		while (fox_members_next(&m, &pos, &key, &value))
			walked++;
		assert_int_equal(walked, n);
		fox_members_free(&m);
		fox_buf_free(&b);
	}
}

/* The last of a name counts, a lone surrogate is no other string, and a scalar has no members. */
static void
test_odd_names(void **state)
{
	static const char *const table[] = {
		"{\"a\":1,\"\\ud800\":2,\"\\u0061\":3,\"\":4,\"\\\\ud800\":5}",
		"{\"a\":1,\"\\ud800\":2,\"\\u0061\":3,\"\":4,\"\\\\ud800\":5,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}",
	};

	(void) state;
	for (size_t i = 0; i < 2; i++)
	{
		FoxMembers	m;
		FoxSlice	key;
		FoxSlice	value;
		size_t		pos = 0;

		assert_true(fox_members_init(&m, fox_cstr(table[i])));
		assert_true(fox_slice_is(fox_members_get(&m, FOX_LIT("a")), "3"));
		assert_true(fox_slice_is(fox_members_get(&m, FOX_LIT("")), "4"));
		assert_true(fox_slice_is(fox_members_get(&m, fox_slice("\"\\ud800\"" + 1, 6)), "2"));
		assert_true(fox_members_next(&m, &pos, &key, &value) && fox_slice_is(value, "2"));
		fox_members_free(&m);
	}
	{
		FoxMembers	m;

		assert_true(fox_members_init(&m, FOX_LIT("[1]")));
		assert_true(fox_absent(fox_members_get(&m, FOX_LIT("a"))));
		fox_members_free(&m);
	}
}

/* Large objects are compared and merged in a time that grows with their size only. */
static void
test_many(void **state)
{
	FoxBuf		a = {0};
	FoxBuf		b = {0};
	FoxBuf		out = {0};

	(void) state;
	numbered(&a, MANY, 1);
	numbered(&b, MANY + 1, 1);
	assert_true(fox_json_equal(fox_buf_view(&a), fox_buf_view(&a)));
	assert_false(fox_json_equal(fox_buf_view(&a), fox_buf_view(&b)));
	assert_int_equal(fox_match(fox_buf_view(&a), fox_buf_view(&b)), FOX_MATCH_YES);
	assert_int_equal(fox_match(fox_buf_view(&b), fox_buf_view(&a)), FOX_MATCH_NO);
	fox_json_merge(fox_buf_view(&a), fox_buf_view(&b), &out);
	assert_true(fox_json_equal(fox_buf_view(&out), fox_buf_view(&b)));
	fox_buf_free(&a);
	fox_buf_free(&b);
	fox_buf_free(&out);
}

static void
test_duplicates_in_conditions(void **state)
{
	(void) state;
	assert_int_equal(fox_match(FOX_LIT("{\"a\":1,\"a\":2}"), FOX_LIT("{\"a\":2}")), FOX_MATCH_YES);
	assert_int_equal(fox_match(FOX_LIT("{\"a\":1,\"\\u0061\":2}"), FOX_LIT("{\"a\":1}")), FOX_MATCH_NO);
	assert_int_equal(fox_match(FOX_LIT("{\"$gt\":5,\"$gt\":1}"), FOX_LIT("2")), FOX_MATCH_YES);
	assert_int_equal(fox_match(FOX_LIT("{\"\\u0024gt\":1}"), FOX_LIT("2")), FOX_MATCH_YES);
	assert_int_equal(fox_match(FOX_LIT("{\"a\":1,\"$gt\":5}"), FOX_LIT("{\"a\":1}")), FOX_MATCH_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get), cmocka_unit_test(test_odd_names), cmocka_unit_test(test_many),
		cmocka_unit_test(test_duplicates_in_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
