/*
 * test_exposed.c - SQL functions as procedures, as far as the router goes.
 */
#include "world.h"

static void
change(bool deleted, const char *uri, const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_EXPOSED, .deleted = deleted, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(uri), .args = fox_cstr(row)});
}

static void
expose(const char *uri, const char *row)
{
	change(false, uri, row);
}

static Peer *
caller(const char *uri)
{
	Peer	   *p = peer_join();

	peer_send(p, "[48,1,{},\"%s\",[1,\"x\"],{\"k\":2}]", uri);
	return p;
}

static void
a_call_goes_out_and_its_result_comes_back(void **state)
{
	Peer	   *p;

	(void) state;
	expose("root.f", "[{\"function\":\"app.f(integer)\",\"timeout\":250}]");
	p = caller("root.f");
	assert_string_equal(world_called(), "app.f(integer) guest 0 [1,\"x\"] {\"k\":2} 0 250");
	world_returns(false, "[3]", NULL);
	peer_expect(p, "[50,1,{},[3]]");
	world_returns(false, "[4]", NULL);
	peer_expect_nothing(p);
	peer_send(p, "[48,2,{},\"root.f\"]");
	assert_string_equal(world_called(), "app.f(integer) guest 0 - - 0 250");
	world_returns(false, "[]", "{\"a\":1}");
	peer_expect(p, "[50,2,{},[],{\"a\":1}]");
}

static void
errors_have_their_own_uri_unavailable_too(void **state)
{
	Peer	   *p;

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	p = caller("root.f");
	world_fails("pg.error.22012", "[\"division by zero\"]");
	peer_expect(p, "[8,48,1,{},\"pg.error.22012\",[\"division by zero\"]]");
	peer_send(p, "[48,2,{},\"root.f\"]");
	world_fails("wamp.error.unavailable", "[\"lost\"]");
	peer_expect(p, "[8,48,2,{},\"wamp.error.unavailable\",[\"lost\"]]");
	world_fails("wamp.error.unavailable", "[\"lost\"]");
	peer_expect_nothing(p);
}

static void
parts_of_a_result_go_to_who_wants_them(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	peer_send(p, "[48,1,{\"receive_progress\":true},\"root.f\"]");
	assert_string_equal(world_called(), "f() guest 0 - - 1 0");
	world_returns(true, "[1]", NULL);
	world_returns(true, "[2]", NULL);
	world_returns(false, "[]", NULL);
	peer_expect(p, "[50,1,{\"progress\":true},[1]]");
	peer_expect(p, "[50,1,{\"progress\":true},[2]]");
	peer_expect(p, "[50,1,{},[]]");
}

static void
canceled_timed_out_and_lost_calls_are_stopped(void **state)
{
	Peer	   *p;

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	p = caller("root.f");
	peer_send(p, "[49,1,{\"mode\":\"kill\"}]");
	assert_int_equal(world_canceled(), 1);
	peer_expect_nothing(p);
	world_fails("wamp.error.canceled", "[]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.canceled\",[]]");
	peer_send(p, "[48,2,{},\"root.f\"]");
	peer_send(p, "[49,2,{\"mode\":\"killnowait\"}]");
	assert_int_equal(world_canceled(), 2);
	peer_expect(p, "[8,48,2,{},\"wamp.error.canceled\",[\"the caller canceled the call\"]]");
	world_fails("wamp.error.canceled", "[]");
	peer_expect_nothing(p);
	peer_send(p, "[48,3,{\"timeout\":100},\"root.f\"]");
	world_pass_ms(200);
	assert_int_equal(world_canceled(), 3);
	peer_expect(p, "[8,48,3,{},\"wamp.error.timeout\",[\"the callee did not answer in time\"]]");
	peer_send(p, "[48,4,{},\"root.f\"]");
	peer_lose(p);
	assert_int_equal(world_canceled(), 4);
	world_returns(false, "[1]", NULL);
}

static void
concurrency_is_kept_and_can_be_changed(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	expose("root.f", "[{\"function\":\"f()\",\"concurrency\":1}]");
	peer_send(p, "[48,1,{},\"root.f\",[1]]");
	peer_send(p, "[48,2,{},\"root.f\",[2]]");
	assert_string_equal(world_called(), "f() guest 0 [1] - 0 0");
	world_returns(false, "[]", NULL);
	assert_string_equal(world_called(), "f() guest 0 [2] - 0 0");
	peer_send(p, "[48,3,{},\"root.f\",[3]]");
	assert_string_equal(world_called(), "");
	expose("root.f", "[{\"function\":\"g()\",\"concurrency\":2}]");
	assert_string_equal(world_called(), "g() guest 0 [3] - 0 0");
}

static void
the_database_goes_before_clients_and_no_client_takes_over(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	peer_send(p, "[64,1,{},\"root.f\"]");
	peer_expect(p, "[65,1,%]");
	expose("root.f", "[{\"function\":\"f()\"}]");
	peer_send(p, "[64,2,{\"force_reregister\":true},\"root.f\"]");
	peer_expect(p, "[8,64,2,{},\"wamp.error.procedure_already_exists\",[\"the procedure is already registered\"]]");
	peer_send(p, "[48,3,{},\"root.f\"]");
	assert_string_equal(world_called(), "f() guest 0 - - 0 0");
	change(true, "root.f", NULL);
	world_returns(false, "[7]", NULL);
	peer_expect(p, "[50,3,{},[7]]");
	peer_send(p, "[48,4,{},\"root.f\"]");
	peer_expect(p, "[8,48,4,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
	peer_send(p, "[64,5,{},\"root.f\"]");
	peer_expect(p, "[65,5,%]");
}

static void
what_a_reread_does_not_bring_has_gone(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	expose("root.g", "[{\"function\":\"g()\"}]");
	world_reread_begin();
	world_open_realm();
	expose("root.g", "[{\"function\":\"g()\"}]");
	fox_router_reread_end(world_router());
	peer_send(p, "[48,1,{},\"root.f\"]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
	peer_send(p, "[48,2,{},\"root.g\"]");
	assert_string_equal(world_called(), "g() guest 0 - - 0 0");
}

static void
read_again(const char *uri, const char *row)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_EXPOSED, .silent = true, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(uri), .args = fox_cstr(row)});
}

static void
what_goes_during_a_reread_does_not_come_back(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	world_reread_begin();
	world_open_realm();
	change(true, "root.f", NULL);
	change(true, "root.g", NULL);
	change(true, "root.h", NULL);
	expose("root.h", "[{\"function\":\"new()\"}]");
	peer_send(p, "[64,1,{},\"root.f\"]");
	peer_expect(p, "[65,1,%]");
	read_again("root.f", "[{\"function\":\"f()\"}]");
	read_again("root.g", "[{\"function\":\"g()\"}]");
	read_again("root.h", "[{\"function\":\"new()\"}]");
	fox_router_reread_end(world_router());
	peer_send(p, "[48,2,{},\"root.g\"]");
	peer_expect(p, "[8,48,2,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
	peer_send(p, "[48,3,{},\"root.f\"]");
	peer_expect(p, "[68,%,%,{}]");
	peer_send(p, "[48,4,{},\"root.h\"]");
	assert_string_equal(world_called(), "new() guest 0 - - 0 0");
}

static void
a_realm_that_is_dropped_takes_its_functions_along(void **state)
{
	Peer	   *p;

	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	p = caller("root.f");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_REALM, .deleted = true, .realm = FOX_LIT("realm1")});
	world_returns(false, "[7]", NULL);
	change(true, "root.f", NULL);
	expose("root.f", "[{\"function\":\"f()\"}]");
	assert_true(p != NULL);
}

static void
malformed_rows_are_nothing(void **state)
{
	(void) state;
	expose("root.f", "[{}]");
	expose("root.f", "[{\"function\":null}]");
	expose("root.f", "[]");
	caller("root.f");
	assert_string_equal(world_called(), "");
}

static void
sql_calls_with_its_own_role_and_casts_too(void **state)
{
	(void) state;
	expose("root.f", "[{\"function\":\"f()\"}]");
	fox_router_ask(world_router(), 1, FOX_LIT("{\"ask\":\"call\",\"realm\":\"realm1\",\"topic\":\"root.f\",\"role\":\"ann\",\"args\":[1]}"), 77);
	assert_string_equal(world_called(), "f() ann 77 [1] - 0 0");
	world_returns(false, "[5]", NULL);
	assert_string_equal(world_answer(), "{\"args\":[5],\"kwargs\":null}");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_CALL, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("root.f"),
					  .args = FOX_LIT("[2]"), .options = FOX_LIT("{\"role\":\"bob\",\"options\":{\"role\":\"ann\"}}")});
	assert_string_equal(world_called(), "f() bob 0 [2] - 0 0");
	world_returns(false, "[]", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_goes_out_and_its_result_comes_back, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(errors_have_their_own_uri_unavailable_too, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(parts_of_a_result_go_to_who_wants_them, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(canceled_timed_out_and_lost_calls_are_stopped, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(concurrency_is_kept_and_can_be_changed, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(the_database_goes_before_clients_and_no_client_takes_over, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_a_reread_does_not_bring_has_gone, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_goes_during_a_reread_does_not_come_back, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_realm_that_is_dropped_takes_its_functions_along, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(malformed_rows_are_nothing, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(sql_calls_with_its_own_role_and_casts_too, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
