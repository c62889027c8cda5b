/*
 * test_proxies.c - who is taken at their word about their clients.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "codec/proxies.h"

static void
test_lists(void **state)
{
	static const char *const good[] = {"", "  ", "127.0.0.1", "10.0.0.0/8", " 10.0.0.0/8 ,\t::1 , fd00::/7", "0.0.0.0/0", "::/0", "1.2.3.4/32", "::ffff:1.2.3.4"};
	static const char *const bad[] = {",", "127.0.0.1,", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/ 8", "10.0.0.0/-1", "10.0.0.0/8x",
		"10.0.0", "1.2.3.4:80", "[::1]", "10.0.0.0/99999999999999999999", "1.2.3.4;5.6.7.8", "/8",
	"00000000000000000000000000000000000000000000000000000000000000000000000000001.2.3.4"};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(fox_proxies_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(fox_proxies_valid(bad[i]));
}

static void
test_membership(void **state)
{
	(void) state;
	assert_true(fox_proxies_hold("10.0.0.0/8, ::1", "10.255.3.4"));
	assert_true(fox_proxies_hold("10.0.0.0/8, ::1", "::1"));
	assert_false(fox_proxies_hold("10.0.0.0/8, ::1", "11.0.0.1"));
	assert_false(fox_proxies_hold("10.0.0.0/8, ::1", "::2"));
	assert_false(fox_proxies_hold("", "10.0.0.1"));
	assert_false(fox_proxies_hold("0.0.0.0/0", "::1"));
	assert_true(fox_proxies_hold("0.0.0.0/0", "::ffff:10.0.0.1"));
	assert_true(fox_proxies_hold("::ffff:10.0.0.0/104", "10.9.9.9"));
	assert_true(fox_proxies_hold("192.168.4.0/22", "192.168.7.255"));
	assert_false(fox_proxies_hold("192.168.4.0/22", "192.168.8.0"));
	assert_false(fox_proxies_hold("0.0.0.0/0", "10.0.0.1/8"));
	assert_false(fox_proxies_hold("0.0.0.0/0", "proxy"));
}

/* The last that is not a proxy: whatever the client itself has written stands before it. */
static void
test_client(void **state)
{
	static const struct
	{
		const char *header;
		const char *client;		/* NULL: none */
	}			cases[] = {
		{"203.0.113.9", "203.0.113.9"},
		{"127.0.0.1, 203.0.113.9", "203.0.113.9"},
		{"198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"},
		{"2001:db8::1", "2001:db8::1"},
		{"10.0.0.7", NULL},
		{"", NULL},
		{"unknown", NULL},
		{"203.0.113.9, unknown", NULL},
		{"203.0.113.9,,", NULL},
		{"203.0.113.9/8", NULL},
		{"203.0.113.9, 203.0.113.9.203.0.113.9.203.0.113.9.203.0.113.9.203.0.113.9.203.0.113.9", NULL},
	};
	char		client[46];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool		found = fox_proxies_client("10.0.0.0/8", cases[i].header, client, sizeof(client));

		assert_int_equal(found, cases[i].client != NULL);
		if (found)
			assert_string_equal(client, cases[i].client);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_membership),
		cmocka_unit_test(test_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
