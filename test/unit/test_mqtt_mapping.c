/*
 * test_mqtt_mapping.c - topics of one broker as those of another, and where brokers listen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/mqtt_mapping.h"
#include "codec/mqtt_url.h"

static void
expect_match(const char *filter, const char *topic, bool matches)
{
	if (fox_mqtt_filter_matches(fox_cstr(filter), fox_cstr(topic)) != matches)
		fail_msg("%s and %s", filter, topic);
}

static void
test_filters(void **state)
{
	(void) state;
	expect_match("a/b", "a/b", true);
	expect_match("a/b", "a/b/c", false);
	expect_match("a/b", "a", false);
	expect_match("a/b", "a/c", false);
	expect_match("a/+", "a/b", true);
	expect_match("a/+", "a/", true);
	expect_match("a/+", "a", false);
	expect_match("a/+/c", "a/b/c", true);
	expect_match("+", "/a", false);
	expect_match("+/+", "/a", true);
	expect_match("#", "a/b", true);
	expect_match("a/#", "a", true);
	expect_match("a/#", "a/b/c", true);
	expect_match("a/#", "ab", false);
	expect_match("#", "$SYS/x", false);
	expect_match("+/x", "$SYS/x", false);
	expect_match("$SYS/#", "$SYS/x", true);
	expect_match("/", "/", true);
	expect_match("a//b", "a/b", false);
}

static FoxMqttMapping
mapping(const char *pattern, const char *local, const char *remote)
{
	return (FoxMqttMapping){fox_cstr(pattern), fox_cstr(local), fox_cstr(remote)};
}

/* other NULL: the mapping is not for that topic. */
static void
expect_topic(FoxMqttMapping m, bool remote, const char *topic, const char *other)
{
	FoxBuf		out = {0};
	bool		fits = fox_mqtt_mapping_topic(&m, remote, fox_cstr(topic), &out);

	if (fits != (other != NULL) || (fits && !fox_slice_is(fox_buf_view(&out), other)))
		fail_msg("%s is %.*s", topic, (int) out.len, out.data);
	fox_buf_free(&out);
}

static void
test_topics(void **state)
{
	(void) state;
	expect_topic(mapping("#", "here/", "there/"), false, "here/a/b", "there/a/b");
	expect_topic(mapping("#", "here/", "there/"), true, "there/a/b", "here/a/b");
	expect_topic(mapping("#", "here/", "there/"), true, "here/a/b", NULL);
	expect_topic(mapping("#", "here/", "there/"), false, "here", NULL);
	expect_topic(mapping("x/+", "", "a/"), false, "x/y", "a/x/y");
	expect_topic(mapping("x/+", "", "a/"), false, "x/y/z", NULL);
	expect_topic(mapping("", "one", "other"), false, "one", "other");
	expect_topic(mapping("", "one", "other"), true, "other", "one");
	expect_topic(mapping("", "one", "other"), false, "one/more", NULL);
	expect_topic(mapping("#", "", ""), false, "$SYS/a", NULL);
	expect_topic(mapping("#", "a/", ""), false, "a/", NULL);
}

static void
expect_problem(FoxMqttMapping m, bool in, const char *part)
{
	const char *problem = fox_mqtt_mapping_problem(&m, in);

	if (part == NULL ? problem != NULL : problem == NULL || strstr(problem, part) == NULL)
		fail_msg("%s: %s", m.pattern.ptr, problem != NULL ? problem : "nothing");
}

static void
test_problems(void **state)
{
	(void) state;
	expect_problem(mapping("#", "", ""), true, NULL);
	expect_problem(mapping("", "a", "b"), true, NULL);
	expect_problem(mapping("$SYS/#", "", ""), false, NULL);
	expect_problem(mapping("$SYS/#", "other/", ""), true, NULL);
	expect_problem(mapping("$SYS/#", "", ""), true, "own topics");
	expect_problem(mapping("x", "$call/", ""), true, "own topics");
	expect_problem(mapping("x", "wamp/", ""), true, "own topics");
	expect_problem(mapping("", "", "b"), false, "local prefix");
	expect_problem(mapping("", "a", ""), false, "remote prefix");
	expect_problem(mapping("a/#/b", "", ""), false, "no filter");
	expect_problem(mapping("#", "a", ""), false, "local prefix");
	expect_problem(mapping("x", "a/+/", ""), false, "wildcards");
	expect_problem(mapping("x", "$share/g/", ""), false, "shared");
	expect_problem(mapping("\xff", "", ""), false, "no filter");
}

static void
expect_url(const char *text, const char *host, int port, bool tls)
{
	FoxMqttUrl	url;
	const char *problem = fox_mqtt_url_read(fox_cstr(text), &url);

	if (problem != NULL || !fox_slice_is(url.host, host) || url.port != port || url.tls != tls)
		fail_msg("%s: %s", text, problem != NULL ? problem : "something else");
}

static void
expect_no_url(const char *text, const char *part)
{
	FoxMqttUrl	url;
	const char *problem = fox_mqtt_url_read(fox_cstr(text), &url);

	if (problem == NULL || strstr(problem, part) == NULL)
		fail_msg("%s: %s", text, problem != NULL ? problem : "nothing");
}

static void
test_urls(void **state)
{
	(void) state;
	expect_url("mqtt://host", "host", 1883, false);
	expect_url("mqtts://host", "host", 8883, true);
	expect_url("mqtt://10.0.0.1:2000", "10.0.0.1", 2000, false);
	expect_url("mqtts://[::1]:2000", "::1", 2000, true);
	expect_url("mqtt://[::1]", "::1", 1883, false);
	expect_no_url("tcp://host", "scheme");
	expect_no_url("mqtt:host", "scheme");
	expect_no_url("mqtt://", "no host");
	expect_no_url("mqtt://:1", "no host");
	expect_no_url("mqtt://[::1", "no host");
	expect_no_url("mqtt://[::1]x", "no host");
	expect_no_url("mqtt://a@host", "user");
	expect_no_url("mqtt://host/x", "path");
	expect_no_url("mqtt://a b", "ASCII");
	expect_no_url("mqtt://host:", "port");
	expect_no_url("mqtt://host:0", "port");
	expect_no_url("mqtt://host:65536", "port");
	expect_no_url("mqtt://host:1x", "port");
}

static void
expect_allowed(const char *list, const char *url, bool allowed)
{
	assert_true(fox_mqtt_url_list_valid(list));
	if (fox_mqtt_url_allowed(fox_cstr(url), list) != allowed)
		fail_msg("%s by %s", url, list);
}

static void
test_lists(void **state)
{
	static const char *const bad[] = {"mqtt://", "host:", "host:0", "http://host", "host/path", "a@host", "*:1883", "mqtt://*", "a.*", "**", "*.", "*.*.com", "[::1"};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (fox_mqtt_url_list_valid(bad[i]))
			fail_msg("%s", bad[i]);
	expect_allowed("", "mqtt://host", false);
	expect_allowed("*", "mqtts://host:99", true);
	expect_allowed("*", "http://host", false);
	expect_allowed("host", "mqtt://host", true);
	expect_allowed("host", "mqtts://HOST", true);
	expect_allowed("host", "mqtt://host:8883", true);
	expect_allowed("host", "mqtt://host:22", false);
	expect_allowed("host", "mqtt://host.evil", false);
	expect_allowed("host:22", "mqtt://host:22", true);
	expect_allowed("host:22", "mqtt://host", false);
	expect_allowed("mqtts://host", "mqtts://host", true);
	expect_allowed("mqtts://host", "mqtt://host:8883", false);
	expect_allowed("mqtt://host:22", "mqtt://host:22", true);
	expect_allowed("mqtt://host", "mqtt://host:22", false);
	expect_allowed("*.example.com", "mqtt://a.b.example.com", true);
	expect_allowed("*.example.com", "mqtt://example.com", false);
	expect_allowed("*.example.com", "mqtt://badexample.com", false);
	expect_allowed("*.example.com:99", "mqtt://a.example.com:99", true);
	expect_allowed("[::1]:99, 10.0.0.1", "mqtt://[::1]:99", true);
	expect_allowed("[::1]:99,10.0.0.1", "mqtt://10.0.0.1", true);
	expect_allowed(" [::1]:99 ,\n10.0.0.1 ", "mqtt://10.0.0.10", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_lists)
	};

	return cmocka_run_group_tests_name("mqtt_mapping", tests, NULL, NULL);
}
