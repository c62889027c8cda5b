/*
 * test_trie.c - URIs, patterns, the trie and the index over them, timers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/index.h"
#include "core/timer.h"

static void
test_uri_valid(void **state)
{
	static const char *const strict[] = {"a", "a.b_1.0c", "_", "com.myapp.topic1"};
	static const char *const loose[] = {"A", "a-b.c", "a/b", "\xc3\xa4.\xe2\x82\xac", "a.*", "a*b"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b", "a.#", "#", "a#", "a\tb", "a\n", "a.b\x7f"};
	char		longest[FOX_URI_MAX + 1];

	(void) state;
	for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++)
		assert_true(fox_uri_valid(fox_cstr(strict[i]), true) && fox_uri_valid(fox_cstr(strict[i]), false));
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++)
		if (fox_uri_valid(fox_cstr(loose[i]), true) || !fox_uri_valid(fox_cstr(loose[i]), false))
			fail_msg("%s", loose[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (fox_uri_valid(fox_cstr(bad[i]), true) || fox_uri_valid(fox_cstr(bad[i]), false))
			fail_msg("accepted: %s", bad[i]);
	assert_false(fox_uri_valid(fox_slice("a\0b", 3), false));
	memset(longest, 'a', sizeof(longest));
	assert_true(fox_uri_valid(fox_slice(longest, FOX_URI_MAX), true));
	assert_false(fox_uri_valid(fox_slice(longest, FOX_URI_MAX + 1), false));
	assert_false(fox_uri_pattern_valid(fox_slice(longest, FOX_URI_MAX + 1), FOX_PREFIX, false));
}

static void
test_pattern_valid(void **state)
{
	static const struct
	{
		const char *uri;
		FoxMatchKind kind;
		bool		valid;
	}			table[] = {
		{"a.b", FOX_EXACT, true}, {"a..b", FOX_EXACT, false}, {"", FOX_EXACT, false}, {"a.#", FOX_EXACT, false},
		{"a", FOX_PREFIX, true}, {"a.", FOX_PREFIX, true}, {"", FOX_PREFIX, true}, {"a..b", FOX_PREFIX, false},
		{"a #", FOX_PREFIX, false},
		{"a..b", FOX_WILDCARD, true}, {"..", FOX_WILDCARD, true}, {".a", FOX_WILDCARD, true}, {"a.", FOX_WILDCARD, true},
		{"a.b", FOX_WILDCARD, true}, {"a.#", FOX_WILDCARD, false},
		{"*", FOX_PATTERN, true}, {"#", FOX_PATTERN, true}, {"a.*.b", FOX_PATTERN, true}, {"*.#", FOX_PATTERN, true},
		{"a.#.b", FOX_PATTERN, false}, {"#.a", FOX_PATTERN, false}, {"a.b#", FOX_PATTERN, false}, {"a..#", FOX_PATTERN, false},
		{"", FOX_PATTERN, false}, {"#.#", FOX_PATTERN, false},
	};
	FoxMatchKind kind;

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int strict = 0; strict < 2; strict++)
			if (fox_uri_pattern_valid(fox_cstr(table[i].uri), table[i].kind, strict) != table[i].valid)
				fail_msg("%s as %s", table[i].uri, fox_match_name(table[i].kind));
	assert_true(fox_uri_reserved(FOX_LIT("wamp.x")) && fox_uri_reserved(FOX_LIT("fox_wamp.x")));
	assert_false(fox_uri_reserved(FOX_LIT("wampx.a")) || fox_uri_reserved(FOX_LIT("fox_wampx")) || fox_uri_reserved(FOX_LIT("a.wamp.")));
	assert_true(fox_uri_match_kind(FOX_LIT("a.b"), FOX_ABSENT, &kind) && kind == FOX_EXACT);
	assert_true(fox_uri_match_kind(FOX_LIT("a.*.b"), FOX_ABSENT, &kind) && kind == FOX_PATTERN);
	assert_true(fox_uri_match_kind(FOX_LIT("a.#"), FOX_ABSENT, &kind) && kind == FOX_PATTERN);
	assert_true(fox_uri_match_kind(FOX_LIT("a.*"), FOX_LIT("exact"), &kind) && kind == FOX_EXACT);
	assert_true(fox_uri_match_kind(FOX_LIT("a."), FOX_LIT("prefix"), &kind) && kind == FOX_PREFIX);
	assert_true(fox_uri_match_kind(FOX_LIT("a..b"), FOX_LIT("wildcard"), &kind) && kind == FOX_WILDCARD);
	assert_false(fox_uri_match_kind(FOX_LIT("a"), FOX_LIT("regex"), &kind));
	assert_false(fox_uri_match_kind(FOX_LIT("a"), FOX_LIT(""), &kind));
}

/* What was found: the values' texts, each followed by a space. */
static char found[4096];

static void
note(void *ctx, void *value)
{
	(void) ctx;
	snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", (const char *) value);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Compares what was found with `expected`, in any order (the latter is sorted). */
static void
assert_found(const char *expected)
{
	char		sorted[sizeof(found)] = "";
	char	   *words[64];
	size_t		n = 0;
	char	   *rest = NULL;

	for (char *w = strtok_r(found, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	qsort(words, n, sizeof(words[0]), by_text);
	for (size_t i = 0; i < n; i++)
	{
		strcat(sorted, i ? " " : "");
		strcat(sorted, words[i]);
	}
	assert_string_equal(sorted, expected);
	found[0] = '\0';
}

static void
put_all(FoxTrie *t, const char *const *uris, size_t n, FoxMatchKind kind)
{
	for (size_t i = 0; i < n; i++)
		assert_true(fox_trie_put(t, fox_cstr(uris[i]), kind, (void *) uris[i]));
	assert_int_equal(t->count, n);
}

static void
del_all(FoxTrie *t, const char *const *uris, size_t n, FoxMatchKind kind)
{
	for (size_t i = 0; i < n; i++)
	{
		assert_ptr_equal(fox_trie_get(t, fox_cstr(uris[i]), kind), uris[i]);
		assert_ptr_equal(fox_trie_del(t, fox_cstr(uris[i]), kind), uris[i]);
		assert_null(fox_trie_del(t, fox_cstr(uris[i]), kind));
		assert_int_equal(t->count, n - i - 1);
		for (size_t k = i + 1; k < n; k++)
			assert_ptr_equal(fox_trie_get(t, fox_cstr(uris[k]), kind), uris[k]);
	}
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
match(const FoxTrie *t, const char *topic, const char *expected)
{
	fox_trie_match(t, fox_cstr(topic), note, NULL);
	assert_found(expected);
}

static void
test_trie_patterns(void **state)
{
	static const char *const patterns[] = {"#", "*", "*.*", "*.b", "a.#", "a.*", "a.*.#", "a.*.c", "a.b", "a.b.#"};
	FoxTrie		t = {0};

	(void) state;
	match(&t, "a", "");
	assert_null(fox_trie_get(&t, FOX_LIT("a"), FOX_PATTERN));
	assert_null(fox_trie_del(&t, FOX_LIT("a"), FOX_PATTERN));
	put_all(&t, patterns, N(patterns), FOX_PATTERN);
	match(&t, "a", "# * a.#");
	match(&t, "b", "# *");
	match(&t, "a.b", "# *.* *.b a.# a.* a.*.# a.b a.b.#");
	match(&t, "a.b.c", "# a.# a.*.# a.*.c a.b.#");
	match(&t, "a.x.y.z", "# a.# a.*.#");
	match(&t, "x.b", "# *.* *.b");
	match(&t, "ab", "# *");
	assert_true(fox_trie_put(&t, FOX_LIT("a.b"), FOX_PATTERN, "other"));
	assert_int_equal(t.count, N(patterns));
	assert_string_equal(fox_trie_get(&t, FOX_LIT("a.b"), FOX_PATTERN), "other");
	assert_true(fox_trie_put(&t, FOX_LIT("a.b"), FOX_PATTERN, (void *) patterns[8]));
	del_all(&t, patterns, N(patterns), FOX_PATTERN);
	match(&t, "a.b", "");
	fox_trie_free(&t);
}

static void
test_trie_wildcards(void **state)
{
	static const char *const patterns[] = {".", "..", ".b", "a.", "a..c", "a.b.c", "*.b"};
	FoxTrie		t = {0};

	(void) state;
	put_all(&t, patterns, N(patterns), FOX_WILDCARD);
	match(&t, "a.b.c", ".. a..c a.b.c");
	match(&t, "a.x.c", ".. a..c");
	match(&t, "a.b", ". .b a.");
	match(&t, "*.b", "*.b . .b");	/* `*` is no wildcard here */
	match(&t, "a", "");
	match(&t, "a.b.c.d", "");
	del_all(&t, patterns, N(patterns), FOX_WILDCARD);
	fox_trie_free(&t);
}

static void
find(const FoxTrie *t, const char *pattern, FoxMatchKind kind, const char *expected)
{
	fox_trie_find(t, fox_cstr(pattern), kind, note, NULL);
	assert_found(expected);
}

static void
test_trie_topics(void **state)
{
	static const char *const topics[] = {"a", "a.*.c", "a.b", "a.b.c", "a.x.c", "b", "b.b"};
	FoxTrie		t = {0};

	(void) state;
	find(&t, "#", FOX_PATTERN, "");
	put_all(&t, topics, N(topics), FOX_EXACT);
	find(&t, "#", FOX_PATTERN, "a a.*.c a.b a.b.c a.x.c b b.b");
	find(&t, "a.#", FOX_PATTERN, "a a.*.c a.b a.b.c a.x.c");
	find(&t, "a.b.c.#", FOX_PATTERN, "a.b.c");
	find(&t, "*", FOX_PATTERN, "a b");
	find(&t, "*.b", FOX_PATTERN, "a.b b.b");
	find(&t, "a.*.c", FOX_PATTERN, "a.*.c a.b.c a.x.c");
	find(&t, "a.*.#", FOX_PATTERN, "a.*.c a.b a.b.c a.x.c");
	find(&t, "c.#", FOX_PATTERN, "");
	find(&t, "a..c", FOX_WILDCARD, "a.*.c a.b.c a.x.c");
	find(&t, ".b", FOX_WILDCARD, "a.b b.b");
	find(&t, "a.b", FOX_WILDCARD, "a.b");
	find(&t, "a.*.c", FOX_EXACT, "a.*.c");
	fox_trie_each(&t, note, NULL);
	assert_found("a a.*.c a.b a.b.c a.x.c b b.b");
	del_all(&t, topics, N(topics), FOX_EXACT);
	fox_trie_free(&t);
	fox_trie_free(&t);
}

/* Among many children the grandchildren of one name are found directly: whatever comes and goes, the same ones. */
static void
count_one(void *ctx, void *value)
{
	(void) value;
	++*(int *) ctx;
}

static void
test_trie_cousins(void **state)
{
	static const char *const patterns[] = {"a.*.x", "a.*.y.z", "*.5.x", "a.*.*", "a.*.y.#", "*.*.x"};
	static const char *const ends[] = {"x", "y.z", "y", "x.x"};
	static bool there[200][N(ends)];
	FoxTrie		t = {0};
	unsigned	seed = 1;

	(void) state;
	memset(there, 0, sizeof(there));
	for (int step = 0; step < 20000; step++)
	{
		char		topic[32];
		int			i = (int) (seed = seed * 1103515245 + 12345, seed >> 16) % 200;
		int			e = (int) (seed = seed * 1103515245 + 12345, seed >> 16) % (int) N(ends);
		bool		puts = step / 2000 % 2 == 0 ? (seed >> 8) % 4 != 0 : (seed >> 8) % 4 == 0;

		snprintf(topic, sizeof(topic), "a.%d.%s", i, ends[e]);
		if (puts)
			assert_true(fox_trie_put(&t, fox_cstr(topic), FOX_EXACT, (void *) "value"));
		else
			assert_int_equal(fox_trie_del(&t, fox_cstr(topic), FOX_EXACT) != NULL, there[i][e]);
		there[i][e] = puts;
		if (step % 100 != 0)
			continue;
		for (size_t p = 0; p < N(patterns); p++)
		{
			int			found = 0;
			int			expected = 0;

			for (int k = 0; k < 200; k++)
				expected += p == 0 || p == 5 ? there[k][0] : p == 1 ? there[k][1] : p == 2 ? k == 5 && there[k][0] :
					p == 3 ? there[k][0] + there[k][2] : there[k][1] + there[k][2];
			fox_trie_find(&t, fox_cstr(patterns[p]), FOX_PATTERN, count_one, &found);
			assert_int_equal(found, expected);
		}
	}
	fox_trie_free(&t);
}

static void
test_index(void **state)
{
	static const struct
	{
		const char *uri;
		FoxMatchKind kind;
		const char *value;
	}			table[] = {
		{"a.b.c", FOX_EXACT, "exact"}, {"", FOX_PREFIX, "prefix0"}, {"a.b", FOX_PREFIX, "prefix3"},
		{"a.", FOX_PREFIX, "prefix2"}, {"x.y", FOX_PREFIX, "other3"}, {"a.b.c", FOX_PREFIX, "prefix5"},
		{"a.b.c.d", FOX_PREFIX, "prefix7"}, {"a..c", FOX_WILDCARD, "wildcard"}, {"a.#", FOX_PATTERN, "pattern"},
	};
	FoxIndex   *x = calloc(1, sizeof(*x));

	(void) state;
	for (size_t i = 0; i < N(table); i++)
		assert_true(fox_index_put(x, fox_cstr(table[i].uri), table[i].kind, (void *) table[i].value));
	for (size_t i = 0; i < N(table); i++)
		assert_ptr_equal(fox_index_get(x, fox_cstr(table[i].uri), table[i].kind), table[i].value);
	fox_index_match(x, FOX_LIT("a.b.c"), note, NULL);
	assert_string_equal(found, "exact prefix5 prefix3 prefix2 prefix0 wildcard pattern ");
	found[0] = '\0';
	fox_index_match(x, FOX_LIT("a.bx"), note, NULL);
	assert_string_equal(found, "prefix3 prefix2 prefix0 pattern ");
	found[0] = '\0';

	/* a prefix that is put twice is there once */
	assert_true(fox_index_put(x, FOX_LIT("a.b"), FOX_PREFIX, "again3"));
	fox_index_del(x, FOX_LIT("a.b"), FOX_PREFIX);
	fox_index_del(x, FOX_LIT("a.b"), FOX_PREFIX);
	fox_index_del(x, FOX_LIT("a.b.c.d"), FOX_PREFIX);
	assert_int_equal(x->longest_prefix, 5);
	fox_index_del(x, FOX_LIT("a.b.c"), FOX_EXACT);
	fox_index_match(x, FOX_LIT("a.b.c"), note, NULL);
	assert_string_equal(found, "prefix5 prefix2 prefix0 wildcard pattern ");
	found[0] = '\0';
	for (size_t i = 0; i < N(table); i++)
		fox_index_del(x, fox_cstr(table[i].uri), table[i].kind);
	fox_index_match(x, FOX_LIT("a.b.c"), note, NULL);
	assert_string_equal(found, "");
	assert_int_equal(x->longest_prefix, 0);
	assert_int_equal(x->prefix_lengths[0] + x->prefix_lengths[3], 0);
	fox_index_free(x);
	free(x);
}

typedef struct Fired
{
	uint64_t	last;
	int			count;
	FoxTimers  *timers;
} Fired;

static void
fire(void *ctx, FoxTimer *t)
{
	Fired	   *f = ctx;

	assert_true(t->due_us >= f->last);
	assert_int_equal(t->place, 0);
	f->last = t->due_us;
	f->count++;
}

/* Sets itself once more, as a ping timer does. */
static void
fire_again(void *ctx, FoxTimer *t)
{
	fire(ctx, t);
	if (((Fired *) ctx)->count < 5)
		assert_true(fox_timer_set(((Fired *) ctx)->timers, t, t->due_us + 10, fire_again));
}

static void
test_timers(void **state)
{
	enum { MANY = 1000 };
	static FoxTimer t[MANY];
	FoxTimers	ts = {0};
	Fired		fired = {.timers = &ts};

	(void) state;
	assert_int_equal(fox_timers_wait(&ts, 0), -1);
	fox_timer_clear(&ts, &t[0]);
	for (int i = 0; i < MANY; i++)
		assert_true(fox_timer_set(&ts, &t[i], 1000 + (uint64_t) (i * 7919) % MANY, fire));
	assert_int_equal(fox_timers_wait(&ts, 0), 1);
	assert_int_equal(fox_timers_wait(&ts, 999), 1);
	assert_int_equal(fox_timers_wait(&ts, 1000), 0);
	for (int i = 0; i < MANY; i += 4)	/* a quarter goes, a quarter moves */
	{
		fox_timer_clear(&ts, &t[i]);
		fox_timer_clear(&ts, &t[i]);
		assert_true(fox_timer_set(&ts, &t[i + 1], 5000 + (uint64_t) i, fire));
	}
	fox_timers_run(&ts, 999, &fired);
	assert_int_equal(fired.count, 0);
	fox_timers_run(&ts, 1999, &fired);
	assert_int_equal(fired.count, MANY / 2);
	assert_int_equal(fox_timers_wait(&ts, 2000), 3);
	fox_timers_run(&ts, UINT64_MAX, &fired);
	assert_int_equal(fired.count, MANY / 4 * 3);
	assert_int_equal(ts.count, 0);

	fired = (Fired){.timers = &ts};
	assert_true(fox_timer_set(&ts, &t[0], 10, fire_again));
	fox_timers_run(&ts, 30, &fired);
	assert_int_equal(fired.count, 3);
	assert_int_equal(fox_timers_wait(&ts, 30), 1);
	fox_timers_run(&ts, 100, &fired);
	assert_int_equal(fired.count, 5);
	fox_timers_free(&ts);
	assert_int_equal(fox_timers_wait(&ts, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri_valid), cmocka_unit_test(test_pattern_valid), cmocka_unit_test(test_trie_patterns),
		cmocka_unit_test(test_trie_wildcards), cmocka_unit_test(test_trie_topics), cmocka_unit_test(test_trie_cousins), cmocka_unit_test(test_index),
		cmocka_unit_test(test_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
