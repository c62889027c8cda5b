/*
 * test_unheard.c - events of SQL that come by the ring and as rows are heard once; which topics are kept.
 */
#include <stdio.h>

#include "core/kept.h"

#include "world.h"

static Peer *
keeper(const char *options, const char *topic)
{
	size_t		pos = 0;
	FoxMapSlot *slot;
	Peer	   *p = peer_join();

	while ((slot = fox_map_next(&world_router()->sessions, &pos)) != NULL)
		if (!((FoxSession *) slot->value)->keeps)
			fox_session_keeps(slot->value, true);
	peer_send(p, "[32,1,%s,\"%s\"]", options, topic);
	peer_expect(p, "[33,1,%]");
	return p;
}

static void
comes(FoxChangeKind kind, bool as_row, uint64_t row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = kind, .silent = as_row, .unheard = row, .publication = 7,
					  .realm = FOX_LIT("realm1"), .topic = FOX_LIT("a.b"), .args = FOX_LIT("[1]")});
}

static void
by_the_ring_and_then_as_a_row(void **state)
{
	Peer	   *p = keeper("{}", "a.b");

	(void) state;
	comes(FOX_CHANGE_EVENT, false, 5);
	peer_expect(p, "[36,%,7,{},[1]]");
	assert_int_equal(world_over(), 5);
	comes(FOX_CHANGE_EVENT, true, 5);
	peer_expect_nothing(p);
	assert_int_equal(world_over(), 0);
}

static void
as_a_row_and_then_by_the_ring(void **state)
{
	Peer	   *p = keeper("{}", "a.b");

	(void) state;
	comes(FOX_CHANGE_EVENT, true, 5);
	peer_expect(p, "[36,%,7,{},[1]]");
	assert_int_equal(world_over(), 5);
	fox_router_deliveries_written(world_router(), 1);
	comes(FOX_CHANGE_EVENT, false, 5);
	peer_expect_nothing(p);
	assert_int_equal(world_over(), 0);
}

/* A value is stored all the same. */
static void
a_value_that_was_heard_as_a_row(void **state)
{
	Peer	   *p = keeper("{}", "a.b");

	(void) state;
	comes(FOX_CHANGE_PUT, true, 5);
	peer_expect(p, "[36,%,7,{},[1]]");
	assert_int_equal(fox_router_retained(world_router()), 0);
	comes(FOX_CHANGE_PUT, false, 5);
	peer_expect_nothing(p);
	assert_int_equal(fox_router_retained(world_router()), 1);
}

static void
what_is_written_is_forgotten(void **state)
{
	Peer	   *p = keeper("{}", "a.b");

	(void) state;
	comes(FOX_CHANGE_EVENT, false, 5);
	peer_expect(p, "[36,%,7,{},[1]]");
	fox_router_deliveries_written(world_router(), 1);
	assert_int_equal(world_router()->heard_by_row.count, 0);
}

/* Rows that are being read may be from before. */
static void
but_not_while_rows_are_read(void **state)
{
	Peer	   *p = keeper("{}", "a.b");

	(void) state;
	world_reread_begin();
	comes(FOX_CHANGE_EVENT, false, 5);
	peer_expect(p, "[36,%,7,{},[1]]");
	fox_router_deliveries_written(world_router(), 1);
	comes(FOX_CHANGE_EVENT, true, 5);
	peer_expect_nothing(p);
	world_open_realm();
	fox_router_reread_end(world_router());
	fox_router_deliveries_written(world_router(), 1);
	assert_int_equal(world_router()->heard_by_row.count, 0);
}

static void
a_realm_that_is_gone(void **state)
{
	(void) state;
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_EVENT, .unheard = 9, .realm = FOX_LIT("other"), .topic = FOX_LIT("a")});
	assert_int_equal(world_over(), 9);
}

static void
topics_are_kept_by_their_first_component(void **state)
{
	unsigned	a = fox_kept_bit(FOX_LIT("realm1"), FOX_LIT("a.b"));
	unsigned	bit;
	int			before = world_kept(&bit);
	Peer	   *p = keeper("{}", "a.b");
	Peer	   *q = keeper("{\"match\":\"prefix\"}", "a.c");

	(void) state;
	assert_int_equal(a, fox_kept_bit(FOX_LIT("realm1"), FOX_LIT("a")));
	assert_int_not_equal(a, FOX_KEPT_ALL);
	assert_int_not_equal(a, fox_kept_bit(FOX_LIT("realm2"), FOX_LIT("a.b")));
	assert_int_equal(world_kept(&bit), before + 1);
	assert_int_equal(bit, a);
	peer_lose(p);
	assert_int_equal(world_kept(&bit), before + 1);
	peer_lose(q);
	assert_int_equal(world_kept(&bit), before);
}

static void
patterns_that_leave_it_open(void **state)
{
	static const struct
	{
		const char *options;
		const char *topic;
	}			patterns[] = {{"{\"match\":\"wildcard\"}", ".b"}, {"{\"match\":\"prefix\"}", "a"}};
	unsigned	bit;
	int			before = world_kept(&bit);

	(void) state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
	{
		Peer	   *p = keeper(patterns[i].options, patterns[i].topic);

		assert_int_equal(world_kept(&bit), before + 1);
		assert_int_equal(bit, FOX_KEPT_ALL);
		peer_lose(p);
		assert_int_equal(world_kept(&bit), before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_the_ring_and_then_as_a_row, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(as_a_row_and_then_by_the_ring, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_value_that_was_heard_as_a_row, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_is_written_is_forgotten, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(but_not_while_rows_are_read, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_realm_that_is_gone, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(topics_are_kept_by_their_first_component, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(patterns_that_leave_it_open, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
