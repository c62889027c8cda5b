/*
 * test_audience.c - retained values that are not for everybody.
 */
#include <stdio.h>

#include "world.h"

/* Subscribes for the values that are there; the subscription ends behind them. */
static void
expect_values(Peer *p, int request, const char *topic, const char *first)
{
	char		answer[64];

	peer_send(p, "[32,%d,{\"snapshot\":true},\"%s\"]", request, topic);
	snprintf(answer, sizeof(answer), "[33,%d,%%]", request);
	peer_expect(p, answer);
	world_pass_ms(1);
	if (first != NULL)
		peer_expect(p, first);
	peer_expect(p, "[35,0,{\"subscription\":%,\"reason\":\"fox_wamp.snapshot_end\"}]");
}

static void
store(Peer *p, int request, const char *lists, const char *topic)
{
	char		answer[64];

	peer_send(p, "[16,%d,{\"retain\":true,\"acknowledge\":true%s},\"%s\",[%d]]", request, lists, topic, request);
	world_commit();
	snprintf(answer, sizeof(answer), "[17,%d,%%]", request);
	peer_expect(p, answer);
}

static void
the_lists_are_kept_with_the_value(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	store(a, 1, ",\"eligible_authrole\":[\"boss\"]", "v");
	expect_values(b, 1, "v", NULL);
	store(a, 2, ",\"eligible_authrole\":[\"boss\",\"anonymous\"]", "v");
	expect_values(b, 2, "v", "[36,%,%,{\"retained\":true},[2]]");
	store(a, 3, ",\"exclude_authid\":[\"anonymous\"]", "v");
	expect_values(b, 3, "v", NULL);
	store(a, 4, ",\"eligible\":[]", "v");
	expect_values(b, 4, "v", NULL);
	/* The next value has lists of its own, or none. */
	store(a, 5, "", "v");
	expect_values(b, 5, "v", "[36,%,%,{\"retained\":true},[5]]");
}

static void
a_pattern_gives_what_is_for_the_subscriber(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	store(a, 1, ",\"exclude_authrole\":[\"anonymous\"]", "v.a");
	store(a, 2, "", "v.b");
	store(a, 3, ",\"eligible_authid\":[\"somebody\"]", "v.c");
	expect_values(b, 1, "v.#", "[36,%,%,{\"topic\":\"v.b\",\"retained\":true},[2]]");
}

static void
load(const char *options)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_PUT, .silent = true, .realm = FOX_LIT("realm1"),
					  .topic = FOX_LIT("v"), .args = FOX_LIT("[1]"), .publication = 5, .options = fox_cstr(options)});
}

static void
a_value_that_is_loaded_keeps_its_lists(void **state)
{
	Peer	   *b;

	(void) state;
	world_reread_begin();
	world_open_realm();
	load("{\"eligible_authrole\":[\"boss\"]}");
	fox_router_reread_end(world_router());
	b = peer_join();
	expect_values(b, 1, "v", NULL);
}

/* A change that a gap has swallowed is heard at the next reading, by those whom it is for. */
static void
a_value_that_is_read_again_is_an_event_for_its_audience(void **state)
{
	Peer	   *b = peer_join();

	(void) state;
	world_reread_begin();
	world_open_realm();
	fox_router_reread_end(world_router());
	peer_send(b, "[32,1,{},\"v\"]");
	peer_expect(b, "[33,1,%]");
	world_reread_begin();
	world_open_realm();
	load("{\"exclude_authrole\":[\"anonymous\"]}");
	fox_router_reread_end(world_router());
	peer_expect_nothing(b);
}

/* Plain SQL that changes a row: what the row says of its audience comes as options. */
static void
the_row_speaks_for_plain_sql(void **state)
{
	Peer	   *b = peer_join();
	FoxChange	put = {.kind = FOX_CHANGE_PUT, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("v"), .args = FOX_LIT("[1]"),
	.publication = 7, .options = FOX_LIT("{\"eligible_authid\":[\"somebody\"]}")};

	(void) state;
	peer_send(b, "[32,1,{},\"v\"]");
	peer_expect(b, "[33,1,%]");
	fox_router_change(world_router(), &put);
	peer_expect_nothing(b);
	expect_values(b, 2, "v", NULL);
	put.kind = FOX_CHANGE_DELETE;
	fox_router_change(world_router(), &put);
	peer_expect_nothing(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_lists_are_kept_with_the_value, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_pattern_gives_what_is_for_the_subscriber, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_value_that_is_loaded_keeps_its_lists, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_value_that_is_read_again_is_an_event_for_its_audience, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(the_row_speaks_for_plain_sql, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
