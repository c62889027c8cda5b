/*
 * test_mqtt_topic.c - topics in two notations: the round trip over all short strings, and filters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "codec/mqtt_topic.h"
#include "core/uri.h"

static FoxBuf uri;
static FoxBuf topic;

static void
expect_pair(const char *mqtt, const char *wamp)
{
	fox_buf_reset(&uri);
	fox_topic_from_mqtt(fox_cstr(mqtt), &uri);
	if (!fox_slice_is(fox_buf_view(&uri), wamp))
		fail_msg("%s is %.*s, not %s", mqtt, (int) uri.len, uri.data, wamp);
	fox_buf_reset(&topic);
	fox_topic_to_mqtt(fox_cstr(wamp), &topic);
	if (!fox_slice_is(fox_buf_view(&topic), mqtt))
		fail_msg("%s is %.*s, not %s", wamp, (int) topic.len, topic.data, mqtt);
}

static void
test_pairs(void **state)
{
	(void) state;
	expect_pair("a/b/c", "a.b.c");
	expect_pair("x/a.b", "x.a%2Eb");
	expect_pair("a%2Fb", "a/b");
	expect_pair("a%2Bb", "a+b");
	expect_pair("a//b", "a.%00.b");
	expect_pair("/a", "%00.a");
	expect_pair("a/", "a.%00");
	expect_pair("/", "%00.%00");
	expect_pair("a b", "a%20b");
	expect_pair("100%", "100%");
	expect_pair("%2E", "%252E");
	expect_pair("%252E", "%25252E");
	expect_pair("%252F", "%2F");
	expect_pair("%00", "%2500");
	expect_pair("a%00", "a%00");
	expect_pair("%2e", "%2e");
	expect_pair("$SYS/x", "$SYS.x");
	expect_pair("a/*/b", "a.*.b");
	expect_pair("\xc3\xa9/\xe6\xbc\xa2", "\xc3\xa9.\xe6\xbc\xa2");
}

/* Every string over an alphabet of what has a meaning, up to that length. */
static void
round_trips(const char *alphabet, size_t longest, bool from_mqtt)
{
	size_t		n = strlen(alphabet);
	char		text[8];
	size_t		count = 1;

	for (size_t len = 1; len <= longest; len++)
	{
		count *= n;
		for (size_t i = 0; i < count; i++)
		{
			FoxSlice	t = fox_slice(text, len);
			size_t		rest = i;

			for (size_t k = 0; k < len; k++, rest /= n)
				text[k] = alphabet[rest % n];
			if (!from_mqtt && !fox_uri_valid(t, false))
				continue;
			fox_buf_reset(&uri);
			fox_buf_reset(&topic);
			if (from_mqtt)
			{
				fox_topic_from_mqtt(t, &uri);
				if (!fox_uri_valid(fox_buf_view(&uri), false))
					fail_msg("%.*s is %.*s, which is no URI", (int) len, text, (int) uri.len, uri.data);
				fox_topic_to_mqtt(fox_buf_view(&uri), &topic);
			}
			else
			{
				fox_topic_to_mqtt(t, &uri);
				assert_null(memchr(uri.data, '+', uri.len));
				fox_topic_from_mqtt(fox_buf_view(&uri), &topic);
			}
			if (!fox_slice_eq(fox_buf_view(&topic), t))
				fail_msg("%.*s is %.*s and comes back as %.*s", (int) len, text, (int) uri.len, uri.data,
						 (int) topic.len, topic.data);
		}
	}
}

static void
test_round_trip(void **state)
{
	(void) state;
	round_trips("a./ %2E05F", 6, true);
	round_trips("a./+%2B05F", 6, false);
	round_trips("%250E.", 7, true);
	round_trips("%250F/", 7, false);
}

static void
expect_filter(const char *filter, FoxMqttFilterKind kind, const char *wamp)
{
	fox_buf_reset(&uri);
	assert_int_equal(fox_filter_from_mqtt(fox_cstr(filter), &uri), kind);
	if (kind != FOX_MQTT_FILTER_INVALID && !fox_slice_is(fox_buf_view(&uri), wamp))
		fail_msg("%s is %.*s, not %s", filter, (int) uri.len, uri.data, wamp);
}

static void
test_filters(void **state)
{
	static const char *const bad[] = {"", "a/#/b", "a#", "#a", "a+/b", "+a", "a/+b", "#/a", "##", "++", "*/+"};

	(void) state;
	expect_filter("a/b", FOX_MQTT_FILTER_TOPIC, "a.b");
	expect_filter("a/+/c", FOX_MQTT_FILTER_PATTERN, "a.*.c");
	expect_filter("a/#", FOX_MQTT_FILTER_PATTERN, "a.#");
	expect_filter("#", FOX_MQTT_FILTER_PATTERN, "#");
	expect_filter("+", FOX_MQTT_FILTER_PATTERN, "*");
	expect_filter("/+", FOX_MQTT_FILTER_PATTERN, "%00.*");
	expect_filter("+/x.y/#", FOX_MQTT_FILTER_PATTERN, "*.x%2Ey.#");
	expect_filter("a/*", FOX_MQTT_FILTER_TOPIC, "a.*");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_filter(bad[i], FOX_MQTT_FILTER_INVALID, NULL);
}

static void
test_share(void **state)
{
	static const char *const bad[] = {"$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a"};
	FoxSlice	filter = fox_cstr("$share/g/a/+");
	FoxSlice	group;

	(void) state;
	assert_true(fox_filter_share(&filter, &group));
	assert_true(fox_slice_is(group, "g"));
	assert_true(fox_slice_is(filter, "a/+"));
	filter = fox_cstr("$shared/g/a");
	assert_true(fox_filter_share(&filter, &group));
	assert_true(fox_absent(group));
	assert_true(fox_slice_is(filter, "$shared/g/a"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		filter = fox_cstr(bad[i]);
		assert_false(fox_filter_share(&filter, &group));
	}
}

/* Any text is one level, which is that text. */
static void
test_level(void **state)
{
	static const char *const texts[][2] = {
		{"a.b", "a%2Eb"}, {"a%2Eb", "a%252Eb"}, {"a/b", "a/b"}, {"a b", "a%20b"}, {"%00", "%2500"}, {"*", "*"}, {"", ""}
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		FoxBuf		out = {0};

		fox_topic_level(fox_cstr(texts[i][0]), &out);
		assert_true(fox_slice_is(fox_buf_view(&out), texts[i][1]));
		fox_buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_share),
	};
	int			failed = cmocka_run_group_tests_name("mqtt_topic", tests, NULL, NULL);

	fox_buf_free(&uri);
	fox_buf_free(&topic);
	return failed;
}
