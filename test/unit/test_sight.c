/*
 * test_sight.c - events and values that only those hear who may see a row, as far as the router goes.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

static void
change(FoxChangeKind kind, const char *topic, const char *args, const char *row)
{
	char		options[300];

	snprintf(options, sizeof(options), "{\"fox_wamp.row\":%s}", row ? row : "");
	fox_router_change(world_router(), &(FoxChange){.kind = kind, .pid = 1, .publication = 9, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(topic), .args = fox_cstr(args), .options = fox_cstr(row ? options : NULL)});
}

static Peer *
subscriber(const char *options, const char *topic)
{
	Peer	   *p = peer_join();

	peer_send(p, "[32,1,%s,\"%s\"]", options, topic);
	peer_expect(p, "[33,1,%]");
	return p;
}

#define ROW(text) "{\"table\":\"t\",\"row\":\"" text "\"}"

static void
who_sees_the_row_hears_of_it(void **state)
{
	Peer	   *p = subscriber("{}", "a");

	(void) state;
	change(FOX_CHANGE_EVENT, "a", "[1]", "{\"table\":\"t\",\"columns\":[\"id\"],\"row\":\"(1)\"}");
	assert_string_equal(world_called(), "sight [{\"roles\":[\"guest\"],\"table\":\"t\",\"columns\":[\"id\"],\"row\":\"(1)\"}]");
	peer_expect_nothing(p);
	world_returns(false, "[[[[\"guest\"],[]]]]", NULL);
	peer_expect(p, "[36,%,9,{},[1]]");
	change(FOX_CHANGE_EVENT, "a", "[2]", ROW("(2)"));
	world_returns(false, "[[[[],[]]]]", NULL);
	peer_expect_nothing(p);
	change(FOX_CHANGE_EVENT, "b", "[3]", ROW("(3)"));
	assert_true(strstr(world_called(), "(3)") == NULL);
}

static void
they_keep_their_order_and_are_asked_together(void **state)
{
	Peer	   *p = subscriber("{\"match\":\"prefix\"}", "a");

	(void) state;
	change(FOX_CHANGE_EVENT, "a.1", "[1]", ROW("(1)"));
	change(FOX_CHANGE_EVENT, "a.2", "[2]", ROW("(2)"));
	change(FOX_CHANGE_EVENT, "a.3", "[3]", ROW("(3)"));
	assert_int_equal(world_calls(), 1);
	world_returns(false, "[[[[\"guest\"],[]]]]", NULL);
	peer_expect(p, "[36,%,9,{\"topic\":\"a.1\"},[1]]");
	assert_non_null(strstr(world_called(), "\"(2)\"},{\"roles\":[\"guest\"],\"table\":\"t\",\"row\":\"(3)\""));
	world_fails("wamp.error.unavailable", "[\"no executor\"]");
	peer_expect_nothing(p);
	world_pass_ms(200);
	assert_non_null(strstr(world_called(), "\"(2)\"},{"));
	world_returns(false, "[[[[],[]],[[\"guest\"],[]]]]", NULL);
	peer_expect(p, "[36,%,9,{\"topic\":\"a.3\"},[3]]");
	peer_expect_nothing(p);
}

static void
who_sees_it_no_more_hears_that_it_has_gone(void **state)
{
	Peer	   *p = subscriber("{}", "a");

	(void) state;
	change(FOX_CHANGE_EVENT, "a", "[2]", "{\"table\":\"t\",\"row\":\"(2)\",\"former\":\"(1)\",\"former_args\":[1],\"former_kwargs\":{\"k\":1}}");
	assert_non_null(strstr(world_called(), "\"row\":\"(2)\",\"former\":\"(1)\"}"));
	world_returns(false, "[[[[],[\"guest\"]]]]", NULL);
	peer_expect(p, "[36,%,9,{},[1],{\"k\":1}]");
	change(FOX_CHANGE_PUT, "a", "[3]", ROW("(3)"));
	world_returns(false, "[[[[\"guest\"],[]]]]", NULL);
	peer_expect(p, "[36,%,9,{},[3]]");
	change(FOX_CHANGE_PUT, "a", "[4]", ROW("(4)"));
	assert_non_null(strstr(world_called(), "\"row\":\"(4)\",\"former\":\"(3)\"}"));
	world_returns(false, "[[[[],[\"guest\"]]]]", NULL);
	peer_expect(p, "[36,%,9,{}]");
	change(FOX_CHANGE_DELETE, "a", NULL, ROW("(4)"));
	assert_string_equal(world_called(), "sight [{\"roles\":[\"guest\"],\"table\":\"t\",\"row\":\"(4)\"}]");
	world_returns(false, "[[[[],[]]]]", NULL);
	peer_expect_nothing(p);
	/* What was everybody's. */
	change(FOX_CHANGE_PUT, "a", "[5]", NULL);
	peer_expect(p, "[36,%,9,{},[5]]");
	change(FOX_CHANGE_PUT, "a", "[6]", ROW("(6)"));
	world_returns(false, "[[[[],[]]]]", NULL);
	peer_expect(p, "[36,%,9,{}]");
}

static void
a_snapshot_has_only_what_the_session_sees(void **state)
{
	Peer	   *p;

	(void) state;
	change(FOX_CHANGE_PUT, "a.1", "[1]", ROW("(1)"));
	change(FOX_CHANGE_PUT, "a.2", "[2]", NULL);
	change(FOX_CHANGE_PUT, "a.3", "[3]", ROW("(3)"));
	p = subscriber("{\"match\":\"prefix\",\"retained\":true}", "a");
	assert_non_null(strstr(world_called(), "\"roles\":[\"guest\"]"));
	world_pass_ms(1);
	peer_expect_nothing(p);
	change(FOX_CHANGE_EVENT, "a.4", "[4]", NULL);
	peer_expect_nothing(p);
	/* The order of the question is the collection's own: both get the same answer. */
	world_returns(false, "[[[[],[]],[[],[]]]]", NULL);
	world_pass_ms(1);
	peer_expect(p, "[36,%,9,{\"topic\":\"a.2\",\"retained\":true},[2]]");
	peer_expect(p, "[36,%,9,{\"topic\":\"a.4\"},[4]]");
	p = subscriber("{\"match\":\"prefix\",\"retained\":true}", "a");
	(void) world_called();
	world_returns(false, "[[[[\"guest\"],[]],[[\"guest\"],[]]]]", NULL);
	world_pass_ms(1);
	peer_expect(p, "[36,%,9,{\"topic\":\"a.1\",\"retained\":true},[1]]");
	peer_expect(p, "[36,%,9,{\"topic\":\"a.2\",\"retained\":true},[2]]");
	peer_expect(p, "[36,%,9,{\"topic\":\"a.3\",\"retained\":true},[3]]");
	/* It can not be found out: the subscription ends. */
	p = subscriber("{\"match\":\"prefix\",\"retained\":true}", "a");
	world_fails("wamp.error.unavailable", "[\"no executor\"]");
	world_pass_ms(1);
	peer_expect(p, "[35,0,{\"subscription\":%,\"reason\":\"wamp.error.unavailable\"}]");
	/* Nobody waits for the answer any more. */
	p = subscriber("{\"match\":\"prefix\",\"retained\":true}", "a");
	peer_lose(p);
	world_returns(false, "[[[[\"guest\"],[]],[[\"guest\"],[]]]]", NULL);
	world_pass_ms(1);
}

static void
what_a_snapshot_has_does_not_come_again(void **state)
{
	Peer	   *first = subscriber("{}", "a");
	Peer	   *second;

	(void) state;
	change(FOX_CHANGE_PUT, "a", "[1]", ROW("(1)"));
	second = peer_join();
	peer_send(second, "[32,1,{\"retained\":true},\"a\"]");
	peer_expect(second, "[33,1,%]");
	world_returns(false, "[[[[\"guest\"],[]]]]", NULL);	/* of the snapshot */
	world_pass_ms(1);
	peer_expect(second, "[36,%,9,{\"retained\":true},[1]]");
	fox_router_function_result(world_router(), world_last_session(), 1, false, FOX_LIT("[[[[\"guest\"],[]]]]"), FOX_ABSENT);
	peer_expect(first, "[36,%,9,{},[1]]");
	peer_expect_nothing(second);
}

static void
no_client_names_a_row_and_sync_waits(void **state)
{
	Peer	   *p = subscriber("{}", "a");

	(void) state;
	peer_send(p, "[16,2,{\"acknowledge\":true,\"fox_wamp.row\":{\"table\":\"t\"}},\"a\",[1]]");
	peer_expect(p, "[8,16,2,{},\"wamp.error.invalid_argument\",[\"option fox_wamp.row is the database's own\"]]");
	change(FOX_CHANGE_EVENT, "a", "[1]", ROW("(1)"));
	fox_router_ask(world_router(), 6, FOX_LIT("{\"ask\":\"sync\"}"), 1);
	assert_string_equal(world_answer(), "");
	world_returns(false, "[[[[],[]]]]", NULL);
	assert_non_null(strstr(world_answer(), "\"ok\":true"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_sees_the_row_hears_of_it, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(they_keep_their_order_and_are_asked_together, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_sees_it_no_more_hears_that_it_has_gone, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_has_only_what_the_session_sees, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_a_snapshot_has_does_not_come_again, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(no_client_names_a_row_and_sync_waits, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
