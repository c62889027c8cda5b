/*
 * test_service.c - services, as far as the router goes: what a call knows of them, and when instances are looked for.
 */
#include "world.h"

#include <stdio.h>

static void
change(FoxChangeKind kind, bool deleted, bool silent, const char *uri, const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = kind, .deleted = deleted, .silent = silent, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(uri), .args = fox_cstr(row)});
}

static void
serve(const char *lifetime, const char *contract)
{
	char		row[200];

	snprintf(row, sizeof(row), "[{\"lifetime\":\"%s\",\"contract\":\"%s\"}]", lifetime, contract);
	change(FOX_CHANGE_SERVICE, false, false, "root.Calc", row);
	change(FOX_CHANGE_EXPOSED, false, false, "root.Calc.add", "[{\"function\":\"c.add()\",\"service\":\"Calc\"}]");
}

static void
a_call_brings_its_service(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	serve("shared", "v1");
	peer_send(p, "[48,1,{},\"root.calc.ADD\",[1]]");
	assert_string_equal(world_called(), "c.add() guest 0 [1] - 0 0 {\"service\":{\"lifetime\":\"shared\",\"contract\":\"v1\"},"
						"\"peer\":\"127.0.0.1:1\",\"own\":true,\"known\":false}");
	world_returns(false, "[3]", NULL);
	peer_expect(p, "[50,1,{},[3]]");
}

static void
an_instance_is_named_by_option_or_argument(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	serve("client_driven", "v1");
	peer_send(p, "[48,1,{},\"root.Calc.add\",[],{\"a\":1,\"_instance\":\"x\",\"b\":2}]");
	assert_non_null(strstr(world_called(), "[] {\"a\":1,\"b\":2} 0 0 {\"service\":{\"lifetime\":\"client_driven\",\"contract\":\"v1\"},\"instance\":\"x\""));
	world_returns(false, "[]", NULL);
	peer_send(p, "[48,2,{\"_instance\":\"y\"},\"root.Calc.add\",[],{\"_instance\":\"x\"}]");
	assert_non_null(strstr(world_called(), "[] {} 0 0 {\"service\":{\"lifetime\":\"client_driven\",\"contract\":\"v1\"},\"instance\":\"y\""));
}

static void
a_call_that_waits_keeps_its_instance(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	serve("client_driven", "v1");
	change(FOX_CHANGE_EXPOSED, false, false, "root.Calc.add", "[{\"function\":\"c.add()\",\"service\":\"Calc\",\"concurrency\":1}]");
	peer_send(p, "[48,1,{\"_instance\":\"one\"},\"root.Calc.add\"]");
	peer_send(p, "[48,2,{\"_instance\":\"two\"},\"root.Calc.add\"]");
	(void) world_called();
	world_returns(false, "[]", NULL);
	assert_non_null(strstr(world_called(), "\"instance\":\"two\""));
}

static void
a_contract_that_is_another_is_refused(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	serve("shared", "v1");
	peer_send(p, "[48,1,{\"contract\":\"v\\u0031\"},\"root.Calc.add\"]");
	assert_int_equal(world_calls(), 1);
	peer_send(p, "[48,2,{\"contract\":\"v2\"},\"root.Calc.add\"]");
	peer_expect(p, "[8,48,2,{},\"fox_wamp.error.contract_mismatch\",[\"the service has another contract\"]]");
	peer_send(p, "[48,3,{\"contract\":5},\"root.Calc.add\"]");
	peer_expect(p, "[8,48,3,{},\"fox_wamp.error.contract_mismatch\",[\"the service has another contract\"]]");
	assert_int_equal(world_calls(), 1);
}

static void
who_listens_hears_of_contracts(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	serve("shared", "v1");
	peer_send(p, "[32,1,{},\"fox_wamp.meta.service.on_change\"]");
	(void) peer_next(p);
	serve("shared", "v2");
	assert_non_null(strstr(peer_next(p), "[\"root.Calc\",\"v2\"]"));
	serve("shared", "v2");
	peer_expect_nothing(p);
	change(FOX_CHANGE_SERVICE, true, false, "root.Calc", NULL);
	assert_non_null(strstr(peer_next(p), "[\"root.Calc\",null]"));
	peer_send(p, "[48,2,{},\"root.Calc.add\"]");
	assert_string_equal(world_called(), " guest 0 - - 0 0");	/* it names no function, and fails */
}

static void
a_call_has_the_instance_of_its_lifetime(void **state)
{
	Peer	   *p = peer_join();
	static const char *const lifetimes[][2] = {
		{"single", ""}, {"shared", "(if asked for) root.Calc "}, {"client_driven", "root.Calc x"}, {"per_session", "root.Calc %"},
		{"per_user", ""}				/* nobody has logged in */
	};

	(void) state;
	for (int i = 0; i < 5; i++)
	{
		serve(lifetimes[i][0], "v1");
		peer_send(p, "[48,%d,{\"_instance\":\"x\"},\"root.Calc.add\"]", i + 1);
		(void) world_called();
		if (strchr(lifetimes[i][1], '%') != NULL)
			assert_memory_equal(world_instance(), lifetimes[i][1], strcspn(lifetimes[i][1], "%"));
		else
			assert_string_equal(world_instance(), lifetimes[i][1]);
	}
}

static void
instances_are_looked_for_when_a_session_ends_and_after_a_while(void **state)
{
	Peer	   *p = peer_join();
	Peer	   *other = peer_join();

	(void) state;
	serve("per_session", "v1");
	peer_send(p, "[48,1,{},\"root.Calc.add\"]");
	(void) world_called();
	peer_lose(other);
	assert_string_equal(world_called(), "");
	peer_lose(p);
	assert_non_null(strstr(world_called(), "service [{\"session\":"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_brings_its_service, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(an_instance_is_named_by_option_or_argument, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_call_that_waits_keeps_its_instance, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_contract_that_is_another_is_refused, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_listens_hears_of_contracts, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_call_has_the_instance_of_its_lifetime, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(instances_are_looked_for_when_a_session_ends_and_after_a_while, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
