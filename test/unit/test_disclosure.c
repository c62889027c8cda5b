/*
 * test_disclosure.c - whom a realm names to whom.
 */
#include "world.h"

#define PUBLISHER "{\"publisher\":%,\"publisher_authid\":\"anonymous\",\"publisher_authrole\":\"anonymous\"}"
#define CALLER "{\"caller\":%,\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"}"

static void
realm_is(const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_REALM, .realm = FOX_LIT("realm1"), .args = fox_cstr(row)});
}

static Peer *
listener(void)
{
	Peer	   *p = peer_join();

	peer_send(p, "[32,1,{},\"t\"]");
	peer_expect(p, "[33,1,%]");
	peer_send(p, "[64,2,{},\"p\"]");
	peer_expect(p, "[65,2,%]");
	peer_send(p, "[64,3,{\"disclose_caller\":true},\"q\"]");
	peer_expect(p, "[65,3,%]");
	return p;
}

static void
forbidden(void **state)
{
	Peer	   *ear = listener();
	Peer	   *p = peer_join();

	(void) state;
	realm_is("[{\"strict\":false,\"disclosure\":\"forbidden\"}]");
	peer_send(p, "[16,1,{\"disclose_me\":true,\"acknowledge\":true},\"t\"]");
	peer_expect(p, "[8,16,1,{},\"wamp.error.option_disallowed.disclose_me\",[\"this realm names no publishers\"]]");
	peer_send(p, "[16,2,{\"disclose_me\":true},\"t\"]");
	peer_expect_nothing(p);
	peer_send(p, "[48,3,{\"disclose_me\":true},\"p\"]");
	peer_expect(p, "[8,48,3,{},\"wamp.error.option_disallowed.disclose_me\",[\"this realm names no callers\"]]");
	peer_expect_nothing(ear);
	peer_send(p, "[16,4,{\"disclose_me\":false,\"acknowledge\":true},\"t\"]");
	peer_expect(p, "[17,4,%]");
	peer_expect(ear, "[36,%,%,{}]");
	peer_send(p, "[48,5,{},\"q\"]");
	peer_expect(ear, "[68,%,%,{}]");
}

static void
always(void **state)
{
	Peer	   *ear = listener();
	Peer	   *p = peer_join();

	(void) state;
	realm_is("[{\"strict\":false,\"disclosure\":\"always\"}]");
	peer_send(p, "[16,1,{},\"t\"]");
	peer_expect(ear, "[36,%,%," PUBLISHER "]");
	peer_send(p, "[48,2,{\"disclose_me\":false},\"p\"]");
	peer_expect(ear, "[68,%,%," CALLER "]");
}

static void
on_request(void **state)
{
	Peer	   *ear = listener();
	Peer	   *p = peer_join();

	(void) state;
	realm_is("[{\"strict\":false,\"disclosure\":\"always\"}]");
	realm_is("[{\"strict\":false,\"disclosure\":\"caller\"}]");
	peer_send(p, "[16,1,{},\"t\"]");
	peer_expect(ear, "[36,%,%,{}]");
	peer_send(p, "[16,2,{\"disclose_me\":true},\"t\"]");
	peer_expect(ear, "[36,%,%," PUBLISHER "]");
	peer_send(p, "[48,3,{},\"p\"]");
	peer_expect(ear, "[68,%,%,{}]");
	peer_send(p, "[48,4,{\"disclose_me\":true},\"p\"]");
	peer_expect(ear, "[68,%,%," CALLER "]");
	peer_send(p, "[48,5,{},\"q\"]");
	peer_expect(ear, "[68,%,%," CALLER "]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forbidden, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(always, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(on_request, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests_name("disclosure", tests, NULL, NULL);
}
