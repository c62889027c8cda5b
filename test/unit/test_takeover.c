/*
 * test_takeover.c - REGISTER of a procedure whose holder may be lost.
 */
#include "world.h"

#define EXISTS "[8,64,%,{},\"wamp.error.procedure_already_exists\",[\"the procedure is already registered\"]]"
#define KILLED "[6,{\"message\":\"it did not answer while another session asked for its procedure\"},\"wamp.close.killed\"]"

static Peer *
holder_of(const char *uri)
{
	Peer	   *p = peer_join();

	peer_send(p, "[64,1,{},\"%s\"]", uri);
	peer_expect(p, "[65,1,%]");
	peer_silent(p);
	return p;
}

static void
silent_holder_loses_it(void **state)
{
	Peer	   *holder = holder_of("a.b");
	Peer	   *heir = peer_join();
	Peer	   *caller = peer_join();
	uint64_t	invocation;

	(void) state;
	peer_send(heir, "[64,1,{},\"a.b\"]");
	assert_int_equal(peer_probes(holder), 1);
	world_pass_ms(1900);
	peer_expect_nothing(heir);
	peer_expect_nothing(holder);
	world_pass_ms(200);
	peer_expect(heir, "[65,1,%]");
	peer_expect(holder, KILLED);
	assert_true(peer_closed(holder));
	peer_send(caller, "[48,1,{},\"a.b\",[7]]");
	peer_expect(heir, "[68,%,%,{},[7]]");
	invocation = peer_number(0);
	peer_send(heir, "[70,%llu,{},[8]]", (unsigned long long) invocation);
	peer_expect(caller, "[50,1,{},[8]]");
}

static void
holder_that_lives_keeps_it(void **state)
{
	Peer	   *holder = holder_of("a.b");
	Peer	   *heir = peer_join();

	(void) state;
	peer_send(heir, "[64,1,{},\"a.b\"]");
	world_pass_ms(100);
	peer_lives(holder);
	peer_expect_nothing(heir);
	world_pass_ms(0);
	peer_expect(heir, EXISTS);
	world_pass_ms(10000);
	peer_expect_nothing(heir);
	peer_expect_nothing(holder);
	assert_false(peer_closed(holder));
	/* Asked again, it has to answer again. */
	peer_send(heir, "[64,2,{},\"a.b\"]");
	assert_int_equal(peer_probes(holder), 2);
	world_pass_ms(2100);
	peer_expect(heir, "[65,2,%]");
}

static void
first_of_two_heirs_gets_it(void **state)
{
	Peer	   *holder = holder_of("a.b");
	Peer	   *first = peer_join();
	Peer	   *second = peer_join();

	(void) state;
	peer_send(first, "[64,1,{},\"a.b\"]");
	world_pass_ms(10);
	peer_send(second, "[64,1,{},\"a.b\"]");
	world_pass_ms(3000);
	peer_expect(first, "[65,1,%]");
	peer_expect(second, EXISTS);
	peer_expect(holder, KILLED);
	assert_false(peer_closed(first));
}

static void
holder_that_goes_makes_way_at_once(void **state)
{
	Peer	   *lost = holder_of("a.b");
	Peer	   *heir = peer_join();
	Peer	   *tired = holder_of("c.d");
	unsigned long long registration = peer_number(0);

	(void) state;
	peer_send(heir, "[64,1,{},\"a.b\"]");
	peer_lose(lost);
	world_pass_ms(0);
	peer_expect(heir, "[65,1,%]");
	/* It gives the procedure back, and that is a sign of life. */
	peer_send(heir, "[64,2,{},\"c.d\"]");
	peer_lives(tired);
	peer_send(tired, "[66,2,%llu]", registration);
	peer_expect(tired, "[67,2]");
	world_pass_ms(0);
	peer_expect(heir, "[65,2,%]");
	assert_false(peer_closed(tired));
}

static void
heir_that_goes_asks_for_nothing(void **state)
{
	Peer	   *holder = holder_of("a.b");
	Peer	   *heir = peer_join();

	(void) state;
	peer_send(heir, "[64,1,{},\"a.b\"]");
	peer_lose(heir);
	world_pass_ms(10000);
	peer_expect_nothing(holder);
	assert_false(peer_closed(holder));
}

static void
only_single_registrations_of_others(void **state)
{
	Peer	   *p = holder_of("a.b");
	Peer	   *shared = peer_join();

	(void) state;
	peer_send(p, "[64,2,{},\"a.b\"]");
	peer_expect(p, EXISTS);
	peer_send(shared, "[64,1,{\"invoke\":\"roundrobin\"},\"c.d\"]");
	peer_expect(shared, "[65,1,%]");
	peer_send(p, "[64,3,{},\"c.d\"]");
	peer_expect(p, "[8,64,3,{},\"wamp.error.procedure_already_exists\",[\"the procedure is registered with another invocation policy\"]]");
	assert_int_equal(peer_probes(p) + peer_probes(shared), 0);
}

/* Who asks too often at a time is answered at once. */
static void
waiting_is_bounded(void **state)
{
	Peer	   *holder = holder_of("a.b");
	Peer	   *heir = peer_join();

	(void) state;
	for (int i = 1; i <= 64; i++)
		peer_send(heir, "[64,%d,{},\"a.b\"]", i);
	peer_expect_nothing(heir);
	peer_send(heir, "[64,65,{},\"a.b\"]");
	peer_expect(heir, EXISTS);
	peer_lives(holder);
	world_pass_ms(0);
	for (int i = 1; i <= 64; i++)
		peer_expect(heir, EXISTS);
	peer_send(heir, "[64,66,{},\"a.b\"]");
	peer_expect_nothing(heir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(silent_holder_loses_it, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(holder_that_lives_keeps_it, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(first_of_two_heirs_gets_it, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(holder_that_goes_makes_way_at_once, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(heir_that_goes_asks_for_nothing, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(only_single_registrations_of_others, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(waiting_is_bounded, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
}
