/*
 * test_match.c - struct, emptiness, equality and conditions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/match.h"
#include "codec/number.h"

#define LONG_NINES "99999999999999999999999999999999999999999999"

static void
test_struct(void **state)
{
	static const struct
	{
		const char *args;
		const char *kwargs;
		const char *is;
	}			table[] = {
		{"[{\"a\":1}]", NULL, "{\"a\":1}"},
		{"[{\"a\":1}]", "{\"header\":1}", "{\"a\":1}"},
		{"[ {} ]", "{\"b\":1}", "{}"},
		{"[]", "{\"b\":1}", "{\"b\":1}"},
		{NULL, "{\"b\":1}", "{\"b\":1}"},
		{"[1]", "{\"b\":1}", "{\"b\":1}"},
		{"[1,2]", "{\"b\":1}", "{\"b\":1}"},
		{"[ 1 ]", NULL, "1"}, {"[1]", "{}", "1"}, {"[null]", "{ }", "null"}, {"[[1,2]]", NULL, "[1,2]"},
		{"[\"x\"]", "null", "\"x\""},
		{"[1,2]", NULL, "[1,2]"}, {"[{\"a\":1},{\"b\":2}]", NULL, "[{\"a\":1},{\"b\":2}]"},
		{"[]", NULL, "[]"}, {NULL, NULL, "[]"}, {NULL, "{}", "[]"}, {NULL, "null", "[]"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxSlice	got = fox_value_struct(fox_cstr(table[i].args), fox_cstr(table[i].kwargs));

		if (!fox_slice_is(got, table[i].is))
			fail_msg("struct of %s %s is %.*s", table[i].args, table[i].kwargs, (int) got.len, got.ptr);
	}
}

static void
test_empty(void **state)
{
	static const char *const no_args[] = {NULL, "[]", "[ ]", "[null]", "[ null ]"};
	static const char *const no_kwargs[] = {NULL, "null", "{}", "{ }"};
	static const char *const args[] = {"[0]", "[false]", "[\"\"]", "[[]]", "[{}]", "[null,null]", "[null,1]"};

	(void) state;
	for (size_t k = 0; k < 4; k++)
	{
		for (size_t a = 0; a < 5; a++)
			assert_true(fox_value_empty(fox_cstr(no_args[a]), fox_cstr(no_kwargs[k]), false));
		for (size_t a = 0; a < 7; a++)
			assert_false(fox_value_empty(fox_cstr(args[a]), fox_cstr(no_kwargs[k]), false));
	}
	assert_false(fox_value_empty(FOX_LIT("[null]"), FOX_LIT("{\"header\":1}"), false));
	assert_true(fox_value_empty(FOX_LIT("[null]"), FOX_LIT("{\"header\":1}"), true));
	assert_true(fox_value_empty(FOX_ABSENT, FOX_LIT("{\"header\":1}"), true));
	assert_false(fox_value_empty(FOX_LIT("[0]"), FOX_LIT("{\"header\":1}"), true));
}

static void
test_equal(void **state)
{
	static const struct
	{
		const char *a;
		const char *b;
		bool		equal;
	}			table[] = {
		{"null", "null", true}, {"true", "false", false}, {"null", "false", false}, {"0", "false", false},
		{"\"a\"", "\"\\u0061\"", true}, {"\"/\"", "\"\\/\"", true}, {"\"a\"", "\"A\"", false}, {"1", "\"1\"", false},
		{"\"\\ud83d\"", "\"\\ud83d\"", true}, {"\"\\ud83d\"", "\"\\ud83e\"", false},
		{"[]", "[]", true}, {"[]", "{}", false}, {"[1,2]", "[1.0, 2e0]", true}, {"[1,2]", "[2,1]", false},
		{"[1]", "[1,1]", false}, {"[1,1]", "[1]", false},
		{"{\"a\":1,\"b\":2}", "{ \"b\":2.0, \"\\u0061\":1 }", true}, {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
		{"{\"a\":1,\"b\":2}", "{\"a\":1}", false}, {"{\"a\":null}", "{}", false}, {"{\"a\":0,\"a\":1}", "{\"a\":1}", true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (fox_json_equal(fox_cstr(table[i].a), fox_cstr(table[i].b)) != table[i].equal ||
			fox_json_equal(fox_cstr(table[i].b), fox_cstr(table[i].a)) != table[i].equal)
			fail_msg("%s and %s", table[i].a, table[i].b);
}

static void
test_numbers(void **state)
{
	/* ascending; what stands in one line is equal */
	static const char *const table[][4] = {
		{"-1e400"}, {"-" LONG_NINES}, {"-10", "-1e1", "-1.0E+1", "-100e-1"}, {"-1.5"}, {"-1e-400"},
		{"0", "-0", "0.0", "0e99999999999999999999"}, {"1e-99999999999999999999"}, {"1e-400"},
		{"0.1", "1e-1", "0.10", "10E-2"}, {"0.10000000000000000000000000000001"}, {"1", "1.0", "1e0", "0.001e3"},
		{"1.00000000000000000000000000000001"}, {"9007199254740992"}, {"9007199254740993", "9007199254740993.000"},
		{LONG_NINES}, {LONG_NINES ".5"}, {"1e44"}, {"1e400"}, {"1e99999999999999999999"},
	};
	size_t		n = sizeof(table) / sizeof(table[0]);

	(void) state;
	for (size_t i = 0; i < n * 4; i++)
		for (size_t j = 0; j < n * 4; j++)
		{
			const char *a = table[i / 4][i % 4];
			const char *b = table[j / 4][j % 4];
			int			order = (i / 4 > j / 4) - (i / 4 < j / 4);
			int			got;

			if (a == NULL || b == NULL)
				continue;
			got = fox_number_compare(fox_cstr(a), fox_cstr(b));
			if ((got > 0) - (got < 0) != order)
				fail_msg("%s against %s: %d", a, b, got);
		}
}

typedef struct Case
{
	const char *condition;
	const char *value;
	FoxMatch	result;
} Case;

static void
check(const Case *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		FoxMatch	got = fox_match(fox_cstr(table[i].condition), fox_cstr(table[i].value));

		if (got != table[i].result)
			fail_msg("%s against %s: %d", table[i].condition, table[i].value, got);
	}
}

#define CHECK(table) check(table, sizeof(table) / sizeof(table[0]))
#define YES FOX_MATCH_YES
#define NO FOX_MATCH_NO
#define INVALID FOX_MATCH_INVALID

static void
test_conditions(void **state)
{
	static const Case table[] = {
		{"{}", "{\"a\":1}", YES}, {"{}", "{}", YES},
		{"{\"a\":1}", "{\"a\":1,\"b\":2}", YES}, {"{\"a\":1}", "{\"a\":1.0}", YES}, {"{\"a\":1}", "{\"a\":\"1\"}", NO},
		{"{\"a\":1}", "{\"a\":2}", NO}, {"{\"a\":1}", "{}", NO}, {"{\"a\":1,\"b\":2}", "{\"a\":1}", NO},
		{"{\"a\":null}", "{\"a\":null}", YES}, {"{\"a\":null}", "{}", NO}, {"{\"a\":null}", "{\"a\":0}", NO},
		{"{\"\\u0061\":\"\\u00e4\"}", "{\"a\":\"\xc3\xa4\"}", YES},
		/* in depth */
		{"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":2}}", YES}, {"{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2}}", NO},
		{"{\"a\":{}}", "{\"a\":{\"b\":1}}", YES}, {"{\"a\":{}}", "{\"a\":1}", NO}, {"{\"a\":{}}", "{}", NO},
		{"{\"a\":{\"b\":1}}", "{\"a\":1}", NO}, {"{\"a\":1}", "{\"a\":{\"b\":1}}", NO},
		/* arrays by length and element */
		{"{\"a\":[1,2]}", "{\"a\":[1,2.0]}", YES}, {"{\"a\":[1]}", "{\"a\":[1,2]}", NO}, {"{\"a\":[1,2]}", "{\"a\":[1]}", NO},
		{"{\"a\":[]}", "{\"a\":[]}", YES}, {"{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":1,\"c\":2}]}", YES},
		{"{\"a\":[2,1]}", "{\"a\":[1,2]}", NO}, {"{\"a\":[1]}", "{\"a\":1}", NO},
		/* a struct that is no object never matches one, and is no error */
		{"{\"a\":1}", "1", NO}, {"{\"a\":1}", "\"a\"", NO}, {"{\"a\":1}", "[{\"a\":1}]", NO}, {"{\"a\":1}", "null", NO},
		{"{}", "1", NO}, {"{}", "[]", NO},
		/* a condition that is no object matches an equal struct */
		{"1", "1.0", YES}, {"1", "2", NO}, {"\"a\"", "\"a\"", YES}, {"null", "null", YES}, {"null", "0", NO},
		{"[1,2]", "[1,2]", YES}, {"[1]", "1", NO}, {"true", "true", YES}, {"false", "0", NO},
		/* exact decimals */
		{"{\"a\":9007199254740993}", "{\"a\":9007199254740992}", NO}, {"{\"a\":0.1}", "{\"a\":1e-1}", YES},
		{"{\"a\":0.1}", "{\"a\":0.1000000000000000055511151231257827}", NO},
	};

	(void) state;
	CHECK(table);
}

static void
test_operators(void **state)
{
	static const Case table[] = {
		{"{\"a\":{\"$gt\":5}}", "{\"a\":5.1}", YES}, {"{\"a\":{\"$gt\":5}}", "{\"a\":5}", NO},
		{"{\"a\":{\"$gte\":5}}", "{\"a\":5.0}", YES}, {"{\"a\":{\"$gte\":5}}", "{\"a\":4}", NO},
		{"{\"a\":{\"$lt\":5}}", "{\"a\":-6}", YES}, {"{\"a\":{\"$lt\":5}}", "{\"a\":5}", NO},
		{"{\"a\":{\"$lte\":5}}", "{\"a\":5}", YES}, {"{\"a\":{\"$lte\":5}}", "{\"a\":5.0000000000000000000001}", NO},
		{"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":\"c\"}", YES}, {"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":\"ab\"}", NO},
		{"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":\"ba\"}", YES}, {"{\"a\":{\"$gt\":\"B\"}}", "{\"a\":\"b\"}", YES},
		{"{\"a\":{\"$gt\":5}}", "{\"a\":\"6\"}", NO}, {"{\"a\":{\"$gt\":5}}", "{\"a\":null}", NO}, {"{\"a\":{\"$gt\":5}}", "{}", NO},
		{"{\"a\":{\"$gt\":5}}", "6", NO}, {"{\"a\":{\"$lt\":5}}", "{\"a\":[]}", NO},
		/* all of them must hold */
		{"{\"a\":{\"$gt\":1,\"$lt\":3}}", "{\"a\":2}", YES}, {"{\"a\":{\"$gt\":1,\"$lt\":3}}", "{\"a\":3}", NO},
		{"{\"a\":{\"$gt\":1},\"b\":{\"$gt\":1}}", "{\"a\":2,\"b\":1}", NO},
		{"{\"a\":{\"$ne\":1}}", "{\"a\":2}", YES}, {"{\"a\":{\"$ne\":1}}", "{\"a\":1.0}", NO},
		{"{\"a\":{\"$ne\":1}}", "{\"a\":\"1\"}", YES}, {"{\"a\":{\"$ne\":1}}", "{}", YES},
		{"{\"a\":{\"$ne\":{\"b\":1}}}", "{\"a\":{\"b\":1}}", NO},
		{"{\"a\":{\"$in\":[1,\"x\",null]}}", "{\"a\":1e0}", YES}, {"{\"a\":{\"$in\":[1,\"x\",null]}}", "{\"a\":null}", YES},
		{"{\"a\":{\"$in\":[1,\"x\",null]}}", "{\"a\":2}", NO}, {"{\"a\":{\"$in\":[1,null]}}", "{}", NO}, {"{\"a\":{\"$in\":[]}}", "{\"a\":1}", NO},
		{"{\"a\":{\"$nin\":[1]}}", "{\"a\":1}", NO}, {"{\"a\":{\"$nin\":[1]}}", "{\"a\":2}", YES}, {"{\"a\":{\"$nin\":[1]}}", "{}", YES},
		{"{\"a\":{\"$exists\":true}}", "{\"a\":null}", YES}, {"{\"a\":{\"$exists\":true}}", "{\"b\":1}", NO},
		{"{\"a\":{\"$exists\":false}}", "{\"b\":1}", YES}, {"{\"a\":{\"$exists\":false}}", "{\"a\":null}", NO},
		{"{\"a\":{\"$regex\":\"^b[0-9]+$\"}}", "{\"a\":\"b12\"}", YES}, {"{\"a\":{\"$regex\":\"^b[0-9]+$\"}}", "{\"a\":\"xb12\"}", NO},
		{"{\"a\":{\"$regex\":\"b\"}}", "{\"a\":\"abc\"}", YES}, {"{\"a\":{\"$regex\":\"1\"}}", "{\"a\":1}", NO},
		{"{\"a\":{\"$regex\":\"\"}}", "{}", NO}, {"{\"a\":{\"$regex\":\"^a|\\\\.$\"}}", "{\"a\":\"x.\"}", YES},
		/* in depth, in arrays, and as the whole condition */
		{"{\"a\":{\"b\":{\"$gt\":1}}}", "{\"a\":{\"b\":2}}", YES}, {"{\"a\":[{\"$gt\":1}]}", "{\"a\":[2]}", YES},
		{"{\"$gt\":1}", "2", YES}, {"{\"$gt\":1}", "1", NO}, {"{\"$in\":[[1]]}", "[1]", YES},
	};

	(void) state;
	CHECK(table);
}

static void
test_invalid(void **state)
{
	static const char *const invalid[] = {
		"{\"a\":{\"$foo\":1}}", "{\"a\":{\"$\":1}}", "{\"a\":{\"$GT\":1}}", "{\"a\":{\"$gt\":1,\"$foo\":1}}",
		"{\"a\":{\"$gt\":1,\"b\":1}}", "{\"a\":{\"$in\":1}}", "{\"a\":{\"$in\":{}}}", "{\"a\":{\"$nin\":\"x\"}}",
		"{\"a\":{\"$exists\":1}}", "{\"a\":{\"$exists\":null}}", "{\"a\":{\"$regex\":1}}", "{\"a\":{\"$regex\":\"(\"}}",
		"{\"a\":{\"$regex\":\"[\"}}", "{\"a\":{\"$regex\":\"a\\u0000b\"}}", "{\"a\":{\"$regex\":\"\\ud800\"}}",
		"{\"$foo\":1}", "{\"b\":1,\"a\":{\"$foo\":1}}", "{\"a\":{\"b\":{\"$foo\":1}}}", "[{\"$foo\":1}]", "{\"a\":[1,{\"$foo\":1}]}",
		"{\"a\":1,\"$foo\":1}", "{\"a\":{\"\\u0024foo\":1}}", "{\"$regex\":\"(a)\\\\1\"}", "{\"$regex\":\"(a{1,100}){1,100}\"}",
	};
	static const char *const sound[] = {
		"{}", "null", "1", "[]", "[{}]", "{\"a\":{\"$gt\":null}}", "{\"a\":{\"$ne\":{\"$foo\":1}}}", "{\"a\":{\"$in\":[]}}",
		"{\"a\":\"$foo\"}", "{\"a\":{\"$exists\":false,\"$ne\":1}}", "{\"a\":{\"$regex\":\"\"}}", "{\"\":1}",
	};
	static const Case table[] = {
		/* whatever the value, also one that is not there */
		{"{\"a\":{\"$foo\":1}}", "{\"a\":1}", INVALID}, {"{\"a\":{\"$foo\":1}}", "{}", INVALID}, {"{\"a\":{\"$foo\":1}}", "1", INVALID},
		{"{\"b\":1,\"a\":{\"$foo\":1}}", "{\"b\":2}", INVALID}, {"{\"$foo\":1}", "1", INVALID},
		{"{\"a\":{\"$gt\":5,\"$foo\":1}}", "{\"a\":1}", INVALID}, {"{\"a\":{\"$regex\":\"(\"}}", "{\"a\":1}", INVALID},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		if (fox_condition_valid(fox_cstr(invalid[i])))
			fail_msg("accepted: %s", invalid[i]);
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
		if (!fox_condition_valid(fox_cstr(sound[i])))
			fail_msg("refused: %s", sound[i]);
	CHECK(table);
}

/* Members of the same name must not multiply the work from level to level. */
static void
test_duplicate_keys(void **state)
{
	FoxBuf		value = {0};

	(void) state;
	for (int i = 0; i < 100; i++)
		fox_buf_str(&value, "{\"k\":0,\"k\":");
	fox_buf_str(&value, "1");
	for (int i = 0; i < 100; i++)
		fox_buf_char(&value, '}');
	assert_true(fox_json_equal(fox_buf_view(&value), fox_buf_view(&value)));
	fox_buf_free(&value);
}

static void
test_condition_size(void **state)
{
	FoxBuf		condition = {0};

	(void) state;
	fox_buf_str(&condition, "[0");
	while (condition.len < FOX_CONDITION_MAX - 1)
		fox_buf_str(&condition, ",1");
	fox_buf_char(&condition, ']');
	assert_int_equal(condition.len > FOX_CONDITION_MAX, !fox_condition_valid(fox_buf_view(&condition)));
	fox_buf_reset(&condition);
	fox_buf_str(&condition, "[0");
	while (condition.len < FOX_CONDITION_MAX)
		fox_buf_str(&condition, ",1");
	fox_buf_char(&condition, ']');
	assert_false(fox_condition_valid(fox_buf_view(&condition)));
	fox_buf_free(&condition);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_struct), cmocka_unit_test(test_empty), cmocka_unit_test(test_equal),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_conditions), cmocka_unit_test(test_operators),
		cmocka_unit_test(test_invalid), cmocka_unit_test(test_duplicate_keys), cmocka_unit_test(test_condition_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
