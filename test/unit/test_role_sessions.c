/*
 * test_role_sessions.c - how many sessions the clients of a role may have.
 */
#include <string.h>

#include "world.h"

#define FULL "[3,{\"message\":\"the role has as many sessions as it may\"},\"fox_wamp.error.too_many_sessions\"]"

static void
limit(uint32_t sessions)
{
	world_config()->sessions_per_role = sessions;
	fox_router_configure(world_router(), world_config());
}

static void
roles(const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_ROLES, .args = fox_cstr(row)});
}

static void
expect_full(void)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"caller\":{}}}]");
	peer_expect(p, FULL);
	assert_true(peer_closed(p));
}

static void
one_more_is_refused(void **state)
{
	Peer	   *first;

	(void) state;
	limit(2);
	first = peer_join();
	peer_join();
	expect_full();
	peer_lose(first);
	peer_join();
	expect_full();
	/* A limit that is lower than what is there ends nothing. */
	limit(1);
	expect_full();
	limit(0);
	peer_join();
}

static void
the_role_may_have_a_limit_of_its_own(void **state)
{
	(void) state;
	roles("[{\"members\":{},\"superusers\":[\"postgres\"],\"limits\":{\"guest\":1,\"other\":0}}]");
	peer_join();
	expect_full();
	limit(5);
	expect_full();
	roles("[{\"members\":{},\"limits\":{\"guest\":0}}]");
	expect_full();
	roles("[{\"members\":{}}]");
	peer_join();
	roles("[{\"members\":{},\"superusers\":[\"guest\"],\"limits\":{\"guest\":0}}]");
	peer_join();
}

/* Who has joined as one role leaves as that, whatever anonymous clients stand for by then. */
static void
another_anonymous_role(void **state)
{
	Peer	   *p;

	(void) state;
	limit(1);
	p = peer_join();
	strcpy(world_config()->anonymous_role, "visitor");
	limit(1);
	peer_lose(p);
	peer_join();
	expect_full();
	strcpy(world_config()->anonymous_role, "guest");
	limit(1);
	peer_join();
	expect_full();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_more_is_refused, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(the_role_may_have_a_limit_of_its_own, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(another_anonymous_role, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
