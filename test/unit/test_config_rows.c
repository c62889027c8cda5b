/*
 * test_config_rows.c - what of the rows of configuration is news: changes, and reads of all that overlap with them.
 */
#include <stdio.h>

#include "world.h"

#define GONE true
#define READ true

/* A trust level of topic t for a role, which an event shows. */
static void
row(const char *authrole, int level, bool deleted, bool silent)
{
	char		args[200];

	snprintf(args, sizeof(args), "[{\"match\":\"exact\",\"authrole\":\"%s\",\"level\":%d}]", authrole, level);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_TRUST, .deleted = deleted, .silent = silent,
					  .realm = FOX_LIT("realm1"), .topic = FOX_LIT("t"), .args = fox_cstr(args), .kwargs = fox_cstr(authrole)});
}

static void
read_begins(void)
{
	world_reread_begin();
	world_open_realm();
}

static void
read_ends(void)
{
	fox_router_reread_end(world_router());
}

/* level -1: none */
static void
expect_level(int level)
{
	Peer	   *from = peer_join();
	Peer	   *to = peer_join();
	char		expected[100];

	peer_send(to, "[32,1,{},\"t\"]");
	peer_expect(to, "[33,1,%]");
	peer_send(from, "[16,1,{},\"t\"]");
	snprintf(expected, sizeof(expected), level < 0 ? "[36,%%,%%,{}]" : "[36,%%,%%,{\"trustlevel\":%d}]", level);
	peer_expect(to, expected);
	peer_lose(from);
	peer_lose(to);
}

static void
what_is_not_read_again_has_gone(void **state)
{
	(void) state;
	row("", 1, !GONE, !READ);
	read_begins();
	row("", 1, !GONE, READ);
	read_ends();
	expect_level(1);
	read_begins();
	read_ends();
	expect_level(-1);
	row("", 2, !GONE, !READ);
	expect_level(2);
}

static void
what_is_read_and_new_counts(void **state)
{
	(void) state;
	row("", 1, !GONE, !READ);
	read_begins();
	row("", 3, !GONE, READ);
	read_ends();
	expect_level(3);
}

static void
what_the_ring_brings_meanwhile_is_newer(void **state)
{
	(void) state;
	row("", 1, !GONE, !READ);
	row("anonymous", 2, !GONE, !READ);
	read_begins();
	row("anonymous", 2, GONE, !READ);
	row("anonymous", 2, !GONE, READ);
	row("", 4, !GONE, !READ);
	row("", 1, !GONE, READ);
	read_ends();
	expect_level(4);
	/* The mark of what has gone is gone itself. */
	read_begins();
	row("anonymous", 5, !GONE, READ);
	read_ends();
	expect_level(5);
}

static void
rows_of_one_topic_are_told_apart(void **state)
{
	(void) state;
	row("", 1, !GONE, !READ);
	row("anonymous", 2, !GONE, !READ);
	read_begins();
	row("", 1, !GONE, READ);
	read_ends();
	expect_level(1);
}

static void
a_realm_that_is_not_read_again_has_gone(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	row("", 1, !GONE, !READ);
	fox_router_reread_begin(world_router());
	read_ends();
	peer_expect(p, "[6,{},\"wamp.close.close_realm\"]");
}

static void
a_policy_of_history_and_a_bridge_go_as_well(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HISTORY, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("h"),
					  .args = FOX_LIT("[{\"match\":\"exact\",\"keep_count\":5}]"), .kwargs = FOX_LIT("\"exact\"")});
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_BRIDGE_OUT, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("h"),
					  .args = FOX_LIT("[\"c\"]"), .kwargs = FOX_LIT("\"c\"")});
	peer_send(p, "[16,1,{\"acknowledge\":true},\"h\"]");
	peer_expect(p, "[17,1,%]");
	assert_int_equal(world_past(), 1);
	assert_int_equal(world_notified(), 1);
	read_begins();
	read_ends();
	assert_int_equal(world_past(), 0);
	peer_send(p, "[16,2,{\"acknowledge\":true},\"h\"]");
	peer_expect(p, "[17,2,%]");
	assert_int_equal(world_past(), 0);
	assert_int_equal(world_notified(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_not_read_again_has_gone, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_is_read_and_new_counts, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_the_ring_brings_meanwhile_is_newer, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(rows_of_one_topic_are_told_apart, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_realm_that_is_not_read_again_has_gone, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_policy_of_history_and_a_bridge_go_as_well, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
