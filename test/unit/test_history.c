/*
 * test_history.c - events that are kept: policies, get_events, what the table is told, loading, `after`.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/history.h"

static int
set_up(void **state)
{
	(void) state;
	world_open();
	world_reread_begin();
	world_open_realm();
	fox_router_reread_end(world_router());
	return 0;
}

static void
policy(const char *pattern, const char *match, int count, uint64_t ms, bool deleted)
{
	char		args[200];

	snprintf(args, sizeof(args), "[{\"match\":\"%s\",\"keep_count\":%d,\"keep_ms\":%llu}]", match, count,
			 (unsigned long long) ms);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HISTORY, .deleted = deleted,
					  .realm = FOX_LIT("realm1"), .topic = fox_cstr(pattern), .args = fox_cstr(args)});
}

static void
loaded(const char *topic, const char *args, uint64_t publication, uint64_t position, uint64_t at)
{
	char		options[200];

	snprintf(options, sizeof(options), "{\"position\":%llu,\"at\":%llu}", (unsigned long long) position,
			 (unsigned long long) at);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_PAST, .silent = true, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(topic), .args = fox_cstr(args), .publication = publication,
					  .options = fox_cstr(options)});
}

static uint64_t
subscribe(Peer *p, const char *options, const char *topic)
{
	peer_send(p, "[32,77,%s,\"%s\"]", options, topic);
	peer_expect(p, "[33,77,%]");
	return peer_number(0);
}

static uint64_t
publish(Peer *p, const char *topic, const char *args)
{
	peer_send(p, "[16,5,{\"acknowledge\":true},\"%s\",%s]", topic, args);
	peer_expect(p, "[17,5,%]");
	return peer_number(0);
}

/* The args of the events that get_events gives, in their order. */
static const char *
events(Peer *p, uint64_t subscription, const char *kwargs)
{
	static char out[4096];
	const char *answer;
	const char *at;
	size_t		n = 0;

	peer_send(p, "[48,9,{},\"wamp.subscription.get_events\",[%llu],%s]", (unsigned long long) subscription, kwargs);
	answer = peer_next(p);
	out[0] = '\0';
	if (strncmp(answer, "[50,", 4) != 0)
		return answer;
	for (at = strstr(answer, "\"args\":"); at != NULL; at = strstr(at, "\"args\":"))
	{
		at += strlen("\"args\":");
		n += (size_t) snprintf(out + n, sizeof(out) - n, "%.*s", (int) (strcspn(at, "]") + 1), at);
	}
	return out;
}

static void
test_kept(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	sub;

	(void) state;
	(void) publish(p, "a.b", "[0]");
	policy("a.b", "exact", 3, 0, false);
	sub = subscribe(p, "{}", "a.b");
	assert_string_equal(events(p, sub, "{}"), "");
	for (int i = 1; i <= 4; i++)
	{
		char		args[20];

		snprintf(args, sizeof(args), "[%d]", i);
		(void) publish(p, "a.b", args);
	}
	(void) publish(p, "a.c", "[9]");
	peer_send(p, "[16,5,{\"exclude\":[1]},\"a.b\",[8]]");
	assert_string_equal(events(p, sub, "{}"), "[2][3][4]");
	assert_string_equal(events(p, sub, "{\"reverse\":true,\"limit\":2}"), "[4][3]");
	assert_string_equal(events(p, sub, "{\"limit\":1}"), "[2]");
	assert_string_equal(events(p, sub, "{\"topic\":\"a.c\"}"), "");
	assert_int_equal(world_past(), 3);
	policy("a.b", "exact", 1, 0, false);
	assert_string_equal(events(p, sub, "{}"), "[4]");
	assert_int_equal(world_past(), 1);
	policy("a.b", "exact", 1, 0, true);
	assert_int_equal(world_past(), 0);
	assert_non_null(strstr(events(p, sub, "{}"), "wamp.error.history_unavailable"));
}

static void
test_publications(void **state)
{
	Peer	   *p = peer_join();
	char		kwargs[100];
	uint64_t	ids[3];
	uint64_t	sub;

	(void) state;
	policy("a.", "prefix", 10, 0, false);
	sub = subscribe(p, "{\"filter\":{\"$ne\":7}}", "a.b");
	ids[0] = publish(p, "a.b", "[1]");
	(void) publish(p, "a.x", "[2]");
	(void) publish(p, "a.b", "[7]");
	ids[1] = publish(p, "a.b", "[3]");
	ids[2] = publish(p, "a.b", "[4]");
	snprintf(kwargs, sizeof(kwargs), "{\"after_publication\":%llu}", (unsigned long long) ids[0]);
	assert_string_equal(events(p, sub, kwargs), "[3][4]");
	snprintf(kwargs, sizeof(kwargs), "{\"from_publication\":%llu,\"before_publication\":%llu}",
			 (unsigned long long) ids[0], (unsigned long long) ids[2]);
	assert_string_equal(events(p, sub, kwargs), "[1][3]");
	snprintf(kwargs, sizeof(kwargs), "{\"until_publication\":%llu,\"reverse\":true}", (unsigned long long) ids[1]);
	assert_string_equal(events(p, sub, kwargs), "[3][1]");
	assert_non_null(strstr(events(p, sub, "{\"after_publication\":4}"), "wamp.error.invalid_argument"));
	assert_non_null(strstr(events(p, sub, "{\"from_time\":\"yesterday\"}"), "wamp.error.invalid_argument"));
	assert_string_equal(events(p, sub, "{\"from_time\":\"2020-01-01T00:00:00Z\"}"), "[1][3][4]");
	assert_string_equal(events(p, sub, "{\"until_time\":\"2020-01-01T00:00:00.000+02:00\"}"), "");
	assert_non_null(strstr(events(p, sub + 100, "{}"), "wamp.error.no_such_subscription"));
	assert_non_null(strstr(events(peer_join(), sub, "{}"), "wamp.error.not_authorized"));
}

/* Two policies keep one event once; it goes when neither keeps it. */
static void
test_shared(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	wide;

	(void) state;
	policy("#", "pattern", 2, 0, false);
	policy("a", "exact", 1, 0, false);
	wide = subscribe(p, "{}", "#");
	(void) publish(p, "a", "[1]");
	assert_int_equal(world_past(), 1);
	(void) publish(p, "b", "[2]");
	(void) publish(p, "b", "[3]");
	assert_int_equal(world_past(), 3);
	assert_string_equal(events(p, wide, "{}"), "[2][3]");
	(void) publish(p, "a", "[4]");
	assert_int_equal(world_past(), 2);
}

static void
test_loaded(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	sub;

	(void) state;
	policy("t", "exact", 2, 0, false);
	sub = subscribe(p, "{}", "t");
	(void) publish(p, "t", "[4]");
	loaded("t", "[1]", 11, 1000, 1000);
	loaded("t", "[2]", 12, 2000, 2000);
	/* Three came, the oldest has gone and one of them is new. */
	assert_string_equal(events(p, sub, "{}"), "[2][4]");
	assert_int_equal(world_past(), 0);
	loaded("t", "[2]", 12, 2000, 2000);
	assert_string_equal(events(p, sub, "{}"), "[2][4]");
	assert_int_equal(world_past(), 0);
	loaded("nobody", "[2]", 13, 3000, 3000);
	assert_int_equal(world_past(), -1);
	assert_string_equal(events(p, sub, "{\"before_time\":\"1970-01-01T00:00:00.002001Z\"}"), "[2]");
	assert_string_equal(events(p, sub, "{\"before_time\":\"1970-01-01T00:00:00.002Z\"}"), "");
	/* A minute is over for the one of 1970. */
	policy("t", "exact", 2, 60000, false);
	assert_string_equal(events(p, sub, "{}"), "[4]");
}

static void
test_after(void **state)
{
	Peer	   *p = peer_join();
	Peer	   *late = peer_join();
	uint64_t	ids[3];
	char		options[100];

	(void) state;
	policy("a.*", "pattern", 3, 0, false);
	peer_send(p, "[32,1,{\"after\":5},\"b\"]");
	assert_non_null(strstr(peer_next(p), "no event history"));
	for (int i = 0; i < 3; i++)
		ids[i] = publish(p, "a.b", i == 1 ? "[1]" : "[0]");
	(void) publish(p, "a.c", "[1]");
	peer_send(p, "[32,1,{\"after\":%llu},\"a.b\"]", (unsigned long long) ids[0]);
	assert_non_null(strstr(peer_next(p), "or not any more"));
	snprintf(options, sizeof(options), "{\"after\":%llu}", (unsigned long long) ids[1]);
	(void) subscribe(late, options, "a.b");
	(void) publish(p, "a.b", "[5]");
	peer_expect_nothing(late);
	fox_router_tick(world_router());
	peer_expect(late, "[36,%,%,{},[0]]");
	peer_expect(late, "[36,%,%,{},[5]]");
	(void) publish(p, "a.b", "[6]");
	peer_expect(late, "[36,%,%,{},[6]]");
	peer_expect_nothing(late);
}

/* The client knows the id of a transaction's event before the router does. */
static void
test_after_waits(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	policy("t", "exact", 3, 0, false);
	peer_send(p, "[32,1,{\"after\":7},\"t\"]");
	peer_expect_nothing(p);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_EVENT, .realm = FOX_LIT("realm1"),
					  .topic = FOX_LIT("t"), .publication = 7});
	peer_expect(p, "[33,1,%]");
	fox_router_tick(world_router());
	peer_expect_nothing(p);
	peer_send(p, "[32,2,{\"after\":9},\"t\"]");
	world_pass_ms(5000);
	assert_non_null(strstr(peer_next(p), "wamp.error.invalid_argument"));
}

/* A subscriber that goes while it is being served, and a policy that goes meanwhile. */
static void
test_after_interrupted(void **state)
{
	Peer	   *p = peer_join();
	Peer	   *late = peer_join();
	char		options[100];
	uint64_t	first;

	(void) state;
	policy("t", "exact", 1000, 0, false);
	first = publish(p, "t", "[0]");
	for (int i = 0; i < 500; i++)
		(void) publish(p, "t", "[1]");
	snprintf(options, sizeof(options), "{\"after\":%llu}", (unsigned long long) first);
	(void) subscribe(late, options, "t");
	(void) subscribe(p, options, "t");
	policy("t", "exact", 1000, 0, true);
	peer_lose(late);
	while (fox_router_tick(world_router()) == 0)
		;
	for (int i = 0; i < 500; i++)
		peer_expect(p, "[36,%,%,{},[1]]");
	peer_expect_nothing(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_publications, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_shared, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_loaded, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_after, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_after_waits, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_after_interrupted, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
