/* Which URLs the server may call: parts of URLs, not texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "net/url_allow.h"

static void
allows(const char *list, const char *url)
{
	if (!fox_url_allowed(url, list))
		fail_msg("\"%s\" should allow %s", list, url);
}

static void
refuses(const char *list, const char *url)
{
	if (fox_url_allowed(url, list))
		fail_msg("\"%s\" should not allow %s", list, url);
}

static void
an_empty_list_allows_nothing(void **state)
{
	(void) state;
	refuses("", "http://good/");
	refuses(" , ", "http://good/");
}

static void
a_url_is_scheme_host_port_and_path(void **state)
{
	const char *list = "https://good/in/, http://local:9000";

	(void) state;
	allows(list, "https://good/in");
	allows(list, "https://good/in/");
	allows(list, "https://good/in/a?b=c#d");
	allows(list, "https://GOOD:443/in/a");
	allows(list, "http://local:9000");
	allows(list, "http://local:9000/any/thing");
	refuses(list, "http://good/in/");
	refuses(list, "https://good:444/in/");
	refuses(list, "https://good/");
	refuses(list, "https://good/inner");
	refuses(list, "http://local:90001/");
	refuses(list, "http://local/");
}

static void
what_looks_like_a_good_host_is_none(void **state)
{
	const char *list = "http://good, https://good/in";

	(void) state;
	refuses(list, "http://good@evil/");
	refuses(list, "http://good:80@evil/");
	refuses(list, "http://user@good/");
	refuses(list, "http://good.evil/");
	refuses(list, "http://evil/good");
	refuses(list, "http://evil#good");
	refuses(list, "http://evil?good");
	refuses(list, "http://evil\\@good/");
	refuses(list, "http://good\\.evil/");
	refuses(list, "http://good\xe2\x80\x8b/");
	refuses(list, " http://good/");
	refuses(list, "http://good/ x");
	refuses(list, "http://good/\r\nX: y");
	refuses(list, "ftp://good/");
	refuses(list, "file:///etc/passwd");
	refuses(list, "gopher://good/");
	refuses(list, "good");
	refuses(list, "");
}

static void
a_path_leads_nowhere_else(void **state)
{
	const char *list = "https://good/in/";

	(void) state;
	refuses(list, "https://good/in/../out");
	refuses(list, "https://good/in/%2e%2e/out");
	refuses(list, "https://good/in/%2E./out");
	refuses(list, "https://good/in%2fout");
	refuses(list, "https://good/in/%5c..%5cout");
	allows(list, "https://good/in/./a");
	allows("https://good", "https://good/%2e%2e/out");
}

static void
a_host_alone_means_its_usual_ports(void **state)
{
	(void) state;
	allows("good", "http://good/");
	allows("good", "https://good/x");
	refuses("good", "http://good:8080/");
	refuses("good", "http://good:443/");
	refuses("good", "http://a.good/");
	allows("good:8080", "http://good:8080/");
	allows("good:8080", "https://good:8080/");
	refuses("good:8080", "http://good/");
	allows("127.0.0.1", "http://127.0.0.1/");
	refuses("127.0.0.1", "http://127.0.0.2/");
	allows("[::1]:9000", "http://[::1]:9000/");
}

static void
a_domain_is_its_hosts(void **state)
{
	(void) state;
	allows("*.good.example", "https://a.good.example/");
	allows("*.good.example", "https://a.b.good.example/");
	refuses("*.good.example", "https://good.example/");
	refuses("*.good.example", "https://agood.example/");
	refuses("*.good.example", "https://.good.example/");
	allows("*", "http://anything:1/at/all");
	refuses("*", "ftp://anything/");
}

static void
lists_are_checked(void **state)
{
	(void) state;
	assert_true(fox_url_list_valid(""));
	assert_true(fox_url_list_valid("*"));
	assert_true(fox_url_list_valid("a, b:80,*.c\nhttps://d/e"));
	assert_false(fox_url_list_valid("ftp://a"));
	assert_false(fox_url_list_valid("a/b"));
	assert_false(fox_url_list_valid("https://*.a/"));
	assert_false(fox_url_list_valid("https://a@b/"));
	assert_false(fox_url_list_valid("https://a/%2e%2e"));
	assert_false(fox_url_list_valid("https://a/?b"));
	assert_false(fox_url_list_valid("a b\x01"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_allows_nothing),
		cmocka_unit_test(a_url_is_scheme_host_port_and_path),
		cmocka_unit_test(what_looks_like_a_good_host_is_none),
		cmocka_unit_test(a_path_leads_nowhere_else),
		cmocka_unit_test(a_host_alone_means_its_usual_ports),
		cmocka_unit_test(a_domain_is_its_hosts),
		cmocka_unit_test(lists_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
