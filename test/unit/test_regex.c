/*
 * test_regex.c - regular expressions: what they match, and that they are bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "codec/regex.h"

#define SECONDS_AT_MOST 30		/* of processor time, with the sanitizers' slowness and room to spare */

static void
test_matches(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *text;
		bool		matches;
	}			table[] = {
		{"", "", true}, {"", "abc", true}, {"b", "abc", true}, {"^b", "abc", false}, {"^abc$", "abc", true},
		{"a|^b", "xb", false}, {"a|^b", "b", true}, {"(^|,)b(,|$)", "a,b", true}, {"(^|,)b(,|$)", "ab", false},
		{"^b", "a\nb", false}, {"b", "a\nb", true}, {"a.b", "a\nb", true}, {"^\nb$", "\nb", true},
		{"a{2}", "aa", true}, {"^a{2}$", "aaa", false}, {"^a{2,}$", "aaa", true}, {"^a{1,2}$", "aaa", false},
		{"^(ab)+$", "abab", true}, {"^[^]a]+$", "bc", true}, {"^[]a]+$", "]a", true}, {"[[:digit:]]{3}", "x123", true},
		{"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "123e4567-e89b-12d3-a456-426614174000", true},
		{"\\.", "a.b", true}, {"\\.", "ab", false}, {"[a^]", "^", true}, {"\\^", "a^", true}, {"a\\|b", "a|b", true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxMatch	got = fox_regex_match(fox_cstr(table[i].pattern), fox_cstr(table[i].text));

		if (got != (table[i].matches ? FOX_MATCH_YES : FOX_MATCH_NO))
			fail_msg("%s on %s: %d", table[i].pattern, table[i].text, got);
	}
	assert_int_equal(fox_regex_match(FOX_LIT("a"), FOX_ABSENT), FOX_MATCH_NO);
	assert_int_equal(fox_regex_match(FOX_LIT("^a"), fox_slice("a\0b", 3)), FOX_MATCH_NO);
}

static void
test_refused(void **state)
{
	static const char *const table[] = {
		"(", ")", "a)(b", "[", "[]", "[^]", "[[:", "[[:nope:]]", "\\", "a\\", "(a)\\1", "a{", "a{1", "a{,2}", "a{x}",
		"a{2,1}", "a{99999999999999999999}", "a++++++++++++++++++++++++++++++", "((((((((((a+)+)+)+)+)+)+)+)+)+",
		"((a{1,50}){1,50}){1,50}", "((a{99}){99}){99}", "a{9}{9}{9}", "(a{20}|b{20}){20}",
		"(b|:**********)+", "((a*)*(a*)*(a*)*(a*)*)+z", "((((((((((a*)*)*)*)*)*)*)*)*)*)*", "(a|)*(a|)*(a|)*(|a)*(a?)*(^)*($)*(\\b)*(\\<)*",
		"(b????????????????????x????????????????????|a)+[6%]{92}$", "(a*){0,9}", "()*()*()*()*()*()*()*()*()*",
	};
	char		longest[257];

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (fox_regex_match(fox_cstr(table[i]), FOX_ABSENT) != FOX_MATCH_INVALID)
			fail_msg("accepted: %s", table[i]);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(fox_regex_match(fox_slice(longest, 256), FOX_ABSENT), FOX_MATCH_NO);
	assert_int_equal(fox_regex_match(fox_slice(longest, 257), FOX_ABSENT), FOX_MATCH_INVALID);
	memset(longest, '(', sizeof(longest));
	assert_int_equal(fox_regex_match(fox_slice(longest, 256), FOX_ABSENT), FOX_MATCH_INVALID);
	assert_int_equal(fox_regex_match(fox_slice("a\0", 2), FOX_ABSENT), FOX_MATCH_INVALID);
}

/* Each of these took seconds to minutes when the library was let search by itself. */
static void
test_bounded(void **state)
{
	static const char *const table[] = {
		"(a|b)*a(a|b){40}c", "(a|b)*a[ab]{200}c", "(.*a.{50}|.*b.{40})c", "((a*)*b)*((a|b)*a)*a.{60}c",
		"((a?)?)?c", "a.*?b.*?c", "(x+x+)+y", "(((a+)+)+)+c", "(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*c", "((a*)*(b*)*(a*)*)*c", "((((((((a*)*)*)*)*)*)*)*)*c",
		"(a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*)+c", "((a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?))+c", ".*.*.*.*.*.*.*.*.*.*c", "a[ab]{200}c|^x",
	};
	static char text[4097];
	uint32_t	random = 1;
	clock_t		start = clock();

	(void) state;
	for (size_t i = 0; i < sizeof(text); i++)
	{
		random = random * 1664525 + 1013904223;
		text[i] = random >> 24 & 1 ? 'a' : 'b';
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (fox_regex_match(fox_cstr(table[i]), fox_slice(text, 4096)) != FOX_MATCH_NO)
			fail_msg("%s", table[i]);
	assert_true(clock() - start < SECONDS_AT_MOST * CLOCKS_PER_SEC);
	assert_int_equal(fox_regex_match(FOX_LIT("a"), fox_slice(text, 4096)), FOX_MATCH_YES);
	assert_int_equal(fox_regex_match(FOX_LIT("a"), fox_slice(text, 4097)), FOX_MATCH_NO);
}

static void
test_count_in_condition(void **state)
{
	FoxBuf		condition = {0};

	(void) state;
	for (int n = 1; n <= FOX_CONDITION_REGEX_MAX + 1; n++)
	{
		fox_buf_reset(&condition);
		fox_buf_char(&condition, '[');
		for (int i = 0; i < n; i++)
			fox_buf_str(&condition, i ? ",{\"$regex\":\"a\"}" : "{\"$regex\":\"a\"}");
		fox_buf_char(&condition, ']');
		assert_int_equal(fox_condition_valid(fox_buf_view(&condition)), n <= FOX_CONDITION_REGEX_MAX);
	}
	fox_buf_free(&condition);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches), cmocka_unit_test(test_refused), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_count_in_condition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
