/*
 * test_trust.c - trust levels that events and invocations carry.
 */
#include <stdio.h>

#include "world.h"

static void
change(bool deleted, const char *pattern, const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_TRUST, .deleted = deleted, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(pattern), .args = fox_cstr(row)});
}

/* A row as the database gives it. */
static void
trust(const char *pattern, const char *match, const char *authrole, int level)
{
	char		row[200];

	snprintf(row, sizeof(row), "[{\"match\":\"%s\",\"authrole\":\"%s\",\"level\":%d}]", match, authrole, level);
	change(false, pattern, row);
}

static void
distrust(const char *pattern, const char *match, const char *authrole)
{
	char		row[200];

	snprintf(row, sizeof(row), "[{\"match\":\"%s\",\"authrole\":\"%s\",\"level\":0}]", match, authrole);
	change(true, pattern, row);
}

static Peer *
listener(const char *topic)
{
	Peer	   *p = peer_join();

	peer_send(p, "[32,1,{},\"%s\"]", topic);
	peer_expect(p, "[33,1,%]");
	return p;
}

static void
expect_event(Peer *from, Peer *to, const char *topic, int level)
{
	char		expected[100];

	peer_send(from, "[16,1,{},\"%s\"]", topic);
	snprintf(expected, sizeof(expected), level < 0 ? "[36,%%,%%,{}]" : "[36,%%,%%,{\"trustlevel\":%d}]", level);
	peer_expect(to, expected);
}

static void
an_exact_topic_goes_before_patterns(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = listener("a.b.c");

	(void) state;
	expect_event(a, b, "a.b.c", -1);
	trust("a.#", "pattern", "", 1);
	expect_event(a, b, "a.b.c", 1);
	trust("a..c", "wildcard", "", 2);
	expect_event(a, b, "a.b.c", 2);
	trust("a", "prefix", "", 3);
	expect_event(a, b, "a.b.c", 3);
	trust("a.b", "prefix", "", 4);
	expect_event(a, b, "a.b.c", 4);
	trust("a.b.c", "exact", "", 5);
	expect_event(a, b, "a.b.c", 5);
	trust("a.b.c", "exact", "", 0);
	expect_event(a, b, "a.b.c", 0);
	distrust("a.b.c", "exact", "");
	distrust("a.b", "prefix", "");
	distrust("a", "prefix", "");
	expect_event(a, b, "a.b.c", 2);
	distrust("a..c", "wildcard", "");
	distrust("a.#", "pattern", "");
	expect_event(a, b, "a.b.c", -1);
	distrust("a.#", "pattern", "");
}

static void
of_several_patterns_the_lowest_holds(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = listener("a.b.c");

	(void) state;
	trust("a.*.c", "pattern", "", 7);
	trust("#", "pattern", "", 6);
	trust("a.b.#", "pattern", "", 8);
	expect_event(a, b, "a.b.c", 6);
	trust(".b.c", "wildcard", "", 9);
	trust("a..", "wildcard", "", 10);
	expect_event(a, b, "a.b.c", 9);
}

static void
the_row_of_the_role_goes_before_everybodys(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = listener("t");

	(void) state;
	trust("t", "exact", "boss", 9);
	expect_event(a, b, "t", -1);
	trust("t", "exact", "", 1);
	expect_event(a, b, "t", 1);
	trust("t", "exact", "anonymous", 2);
	expect_event(a, b, "t", 2);
	/* The first of the chain goes: the others stay. */
	distrust("t", "exact", "boss");
	expect_event(a, b, "t", 2);
	distrust("t", "exact", "anonymous");
	expect_event(a, b, "t", 1);
	distrust("t", "exact", "anonymous");
	trust("#", "pattern", "anonymous", 3);
	expect_event(a, b, "t", 1);
	distrust("t", "exact", "");
	expect_event(a, b, "t", 3);
}

static void
a_publish_of_sql_has_the_role_sql(void **state)
{
	Peer	   *b = listener("t");
	FoxChange	event = {.kind = FOX_CHANGE_EVENT, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("t"), .publication = 3, .pid = 1};

	(void) state;
	trust("t", "exact", "sql", 4);
	fox_router_change(world_router(), &event);
	peer_expect(b, "[36,%,3,{\"trustlevel\":4}]");
	event.pid = 0;
	fox_router_change(world_router(), &event);
	peer_expect(b, "[36,%,3,{}]");
}

static void
a_call_has_the_level_of_its_procedure(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	peer_send(b, "[64,1,{\"match\":\"prefix\"},\"p\"]");
	peer_expect(b, "[65,1,%]");
	trust("p.pay", "exact", "", 3);
	peer_send(a, "[48,1,{},\"p.pay\"]");
	peer_expect(b, "[68,1,%,{\"procedure\":\"p.pay\",\"trustlevel\":3}]");
	peer_send(a, "[48,2,{},\"p.look\"]");
	peer_expect(b, "[68,2,%,{\"procedure\":\"p.look\"}]");
}

/* The database checks its rows; what is wrong all the same changes nothing. */
static void
malformed_rows_are_nothing(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = listener("t");

	(void) state;
	change(false, "t", "[]");
	change(false, "t", "[{}]");
	change(false, "t", "[{\"match\":\"exact\"}]");
	change(false, "t", "[{\"match\":\"most\",\"authrole\":\"\",\"level\":1}]");
	change(false, "", "[{\"match\":\"exact\",\"authrole\":\"\",\"level\":1}]");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_TRUST, .realm = FOX_LIT("no"), .topic = FOX_LIT("t"),
					  .args = FOX_LIT("[{\"match\":\"exact\",\"authrole\":\"\",\"level\":1}]")});
	expect_event(a, b, "t", -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_exact_topic_goes_before_patterns, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(of_several_patterns_the_lowest_holds, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(the_row_of_the_role_goes_before_everybodys, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_publish_of_sql_has_the_role_sql, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_call_has_the_level_of_its_procedure, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(malformed_rows_are_nothing, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
