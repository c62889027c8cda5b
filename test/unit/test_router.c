/*
 * test_router.c - core and gate together: messages in, messages out.
 */
#include "world.h"

#include <stdio.h>

static uint64_t
subscribe(Peer *p, int request, const char *options, const char *topic)
{
	char		expected[64];

	peer_send(p, "[32,%d,%s,\"%s\"]", request, options, topic);
	snprintf(expected, sizeof(expected), "[33,%d,%%]", request);
	peer_expect(p, expected);
	return peer_number(0);
}

static void
test_publish(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	subscribe(a, 1, "{}", "a.b");
	subscribe(b, 1, "{}", "a.b");
	peer_send(b, "[16,2,{\"acknowledge\":true},\"a.b\",[1,\"x\"],{\"k\":null}]");
	peer_expect(a, "[36,%,%,{},[1,\"x\"],{\"k\":null}]");
	peer_expect(b, "[17,2,%]");
	peer_send(b, "[16,3,{\"exclude_me\":false},\"a.b\"]");
	peer_expect(a, "[36,%,%,{}]");
	peer_expect(b, "[36,%,%,{}]");
	peer_send(b, "[16,4,{\"eligible\":[]},\"a.b\"]");
	peer_expect_nothing(a);
	peer_send(b, "[16,5,{\"acknowledge\":true},\"a..b\"]");
	peer_expect(b, "[8,16,5,{},\"wamp.error.invalid_uri\",[\"the topic is not a valid URI\"]]");
}

static void
test_patterns(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	subscribe(a, 1, "{}", "k.#");
	subscribe(a, 2, "{\"match\":\"wildcard\"}", "k..z");
	subscribe(a, 3, "{\"match\":\"prefix\"}", "k.y");
	subscribe(a, 4, "{}", "k.*.z");
	peer_send(b, "[16,1,{},\"k.yy.z\",[1]]");
	for (int i = 0; i < 4; i++)
		peer_expect(a, "[36,%,%,{\"topic\":\"k.yy.z\"},[1]]");
	peer_send(b, "[16,2,{},\"k\",[1]]");
	peer_expect(a, "[36,%,%,{\"topic\":\"k\"},[1]]");
	peer_expect_nothing(a);
}

static void
test_filter(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	subscribe(a, 1, "{\"filter\":{\"type\":\"post\"}}", "t");
	subscribe(a, 2, "{}", "t");
	peer_send(b, "[16,1,{},\"t\",[],{\"type\":\"post\"}]");
	peer_expect(a, "[36,%,%,{},[],{\"type\":\"post\"}]");
	peer_expect(a, "[36,%,%,{},[],{\"type\":\"post\"}]");
	peer_send(b, "[16,2,{},\"t\",[5]]");
	peer_expect(a, "[36,%,%,{},[5]]");
	peer_expect_nothing(a);
}

static void
test_call(void **state)
{
	Peer	   *caller = peer_join();
	Peer	   *callee = peer_join();

	(void) state;
	peer_send(callee, "[64,1,{},\"p\"]");
	peer_expect(callee, "[65,1,%]");
	peer_send(caller, "[48,1,{\"receive_progress\":true},\"p\",[2]]");
	peer_expect(callee, "[68,1,%,{\"receive_progress\":true},[2]]");
	peer_send(callee, "[70,1,{\"progress\":true},[10]]");
	peer_expect(caller, "[50,1,{\"progress\":true},[10]]");
	peer_send(callee, "[70,1,{},[20]]");
	peer_expect(caller, "[50,1,{},[20]]");
	peer_send(callee, "[70,1,{},[20]]");
	peer_expect(callee, "[3,{\"message\":\"YIELD for an invocation that does not exist\"},\"wamp.error.protocol_violation\"]");
	assert_true(peer_closed(callee));
	peer_send(caller, "[48,2,{},\"p\"]");
	peer_expect(caller, "[8,48,2,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
}

static void
test_cancel_and_timeout(void **state)
{
	Peer	   *caller = peer_join();
	Peer	   *callee = peer_join();

	(void) state;
	peer_send(callee, "[64,1,{},\"p\"]");
	peer_expect(callee, "[65,1,%]");
	peer_send(caller, "[48,1,{\"timeout\":50},\"p\"]");
	peer_expect(callee, "[68,1,%,{}]");
	world_pass_ms(60);
	peer_expect(caller, "[8,48,1,{},\"wamp.error.timeout\",[\"the callee did not answer in time\"]]");
	peer_expect(callee, "[69,1,{\"mode\":\"killnowait\",\"reason\":\"wamp.error.timeout\"}]");
	peer_send(callee, "[70,1,{},[1]]");
	peer_expect_nothing(caller);
	peer_send(caller, "[48,2,{},\"p\"]");
	peer_expect(callee, "[68,2,%,{}]");
	peer_send(caller, "[49,2,{\"mode\":\"kill\"}]");
	peer_expect(callee, "[69,2,{\"mode\":\"kill\",\"reason\":\"wamp.error.canceled\"}]");
	peer_send(callee, "[8,68,2,{},\"wamp.error.canceled\"]");
	peer_expect(caller, "[8,48,2,{},\"wamp.error.canceled\"]");
	peer_send(caller, "[48,3,{},\"p\"]");
	peer_expect(callee, "[68,3,%,{}]");
	peer_lose(callee);
	peer_expect(caller, "[8,48,3,{},\"wamp.error.canceled\",[\"the callee has gone\"]]");
}

static void
test_concurrency(void **state)
{
	Peer	   *caller = peer_join();
	Peer	   *callee = peer_join();

	(void) state;
	peer_send(callee, "[64,1,{\"concurrency\":0},\"p\"]");
	peer_expect(callee, "[8,64,1,{},\"wamp.error.invalid_argument\",[\"option concurrency must be an integer from 1 to 1000000\"]]");
	peer_send(callee, "[64,2,{\"concurrency\":1},\"p\"]");
	peer_expect(callee, "[65,2,%]");
	for (int i = 1; i <= 5; i++)
		peer_send(caller, "[48,%d,{},\"p\",[%d]]", i, i);
	peer_expect(callee, "[68,1,%,{},[1]]");
	peer_expect_nothing(callee);
	peer_expect(caller, "[8,48,5,{},\"wamp.error.unavailable\",[\"too many calls of that procedure are waiting\"]]");
	peer_send(callee, "[70,1,{\"progress\":true}]");
	peer_expect_nothing(callee);
	peer_send(callee, "[8,68,1,{},\"my.error\",[7]]");
	peer_expect(caller, "[8,48,1,{},\"my.error\",[7]]");
	peer_expect(callee, "[68,2,%,{},[2]]");
	peer_send(caller, "[49,3,{}]");
	peer_expect(caller, "[8,48,3,{},\"wamp.error.canceled\",[\"the caller canceled the call\"]]");
	peer_send(callee, "[70,2,{}]");
	peer_expect(caller, "[50,2,{}]");
	peer_expect(callee, "[68,3,%,{},[4]]");
	peer_send(callee, "[66,3,%llu]", (unsigned long long) peer_number(0));
	peer_expect(callee, "[67,3]");
	peer_send(callee, "[70,3,{}]");
	peer_expect(caller, "[50,4,{}]");
}

static void
test_retained(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	peer_send(a, "[16,1,{\"retain\":true,\"acknowledge\":true},\"r.b\",[2]]");
	peer_send(a, "[16,2,{\"retain\":true},\"r.a\",[1]]");
	peer_expect_nothing(a);		/* nothing is acknowledged before it is committed */
	world_commit();
	world_commit();
	peer_expect(a, "[17,1,%]");
	assert_int_equal(world_rows(), 2);
	subscribe(b, 1, "{\"retained\":true}", "r.#");
	peer_send(a, "[16,3,{},\"r.c\",[3]]");
	peer_expect_nothing(b);
	world_pass_ms(1);
	peer_expect(b, "[36,%,%,{\"topic\":\"r.a\",\"retained\":true},[1]]");
	peer_expect(b, "[36,%,%,{\"topic\":\"r.b\",\"retained\":true},[2]]");
	peer_expect(b, "[36,%,%,{\"topic\":\"r.c\"},[3]]");
	subscribe(b, 2, "{\"snapshot\":true}", "r.a");
	world_pass_ms(1);
	peer_expect(b, "[36,%,%,{\"retained\":true},[1]]");
	peer_expect(b, "[35,0,{\"subscription\":%,\"reason\":\"fox_wamp.snapshot_end\"}]");
	peer_send(a, "[16,4,{\"retain\":true,\"when\":{\"x\":1},\"acknowledge\":true},\"r.a\",[5]]");
	world_commit();
	peer_expect(a, "[8,16,4,{},\"wamp.error.invalid_payload\",[\"the condition does not hold\"]]");
	peer_send(a, "[16,5,{\"retain\":true,\"acknowledge\":true},\"r.a\"]");
	world_commit();
	peer_expect(a, "[17,5,%]");
	assert_int_equal(world_rows(), 1);
}

static void
test_publisher_order(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	subscribe(b, 1, "{}", "o.#");
	peer_send(a, "[16,1,{\"retain\":true},\"o.1\",[1]]");
	peer_send(a, "[16,2,{},\"o.2\",[2]]");
	peer_expect_nothing(b);
	world_commit();
	peer_expect(b, "[36,%,%,{\"topic\":\"o.1\"},[1]]");
	peer_expect(b, "[36,%,%,{\"topic\":\"o.2\"},[2]]");
}

#define LOCK "{\"acknowledge\":true,\"retain\":true,\"when\":null,\"will\":null,\"watch\":true}"

static void
test_mutex(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();
	Peer	   *c = peer_join();

	(void) state;
	peer_send(a, "[16,1," LOCK ",\"m\",[],{\"pid\":1}]");
	world_commit();
	peer_expect(a, "[17,1,%]");
	peer_send(b, "[16,1," LOCK ",\"m\",[],{\"pid\":2}]");
	peer_send(c, "[16,1," LOCK ",\"m\",[],{\"pid\":3}]");
	world_commit();
	peer_expect_nothing(b);
	fox_router_ask(world_router(), 1, fox_cstr("{\"ask\":\"waiters\"}"), 1);
	assert_non_null(strstr(world_answer(), "\"topic\":\"m\""));
	peer_lose(a);				/* its will deletes the value, the next in line gets it */
	world_commit();
	world_commit();
	peer_expect(b, "[17,1,%]");
	peer_expect_nothing(c);
	peer_send(b, "[16,2,{\"retain\":true},\"m\"]");
	world_commit();
	world_commit();
	peer_expect(c, "[17,1,%]");
	peer_send(c, "[6,{},\"wamp.close.normal\"]");	/* a GOODBYE keeps the value, drops the owner */
	peer_expect(c, "[6,{},\"wamp.close.goodbye_and_out\"]");
	world_commit();
	assert_int_equal(world_rows(), 1);
	peer_send(b, "[16,3," "{\"acknowledge\":true,\"retain\":true,\"when\":null,\"watch\":true,\"timeout\":20},\"m\",[1]]");
	world_pass_ms(30);
	peer_expect(b, "[8,16,3,{},\"wamp.error.timeout\",[\"the condition did not hold in time\"]]");
}

static void
test_will_of_a_write_in_flight(void **state)
{
	Peer	   *a = peer_join();

	(void) state;
	peer_send(a, "[16,1," LOCK ",\"m\",[1]]");
	peer_lose(a);
	world_commit();
	world_commit();
	assert_int_equal(world_rows(), 0);
}

static void
test_goodbye_of_a_write_in_flight(void **state)
{
	Peer	   *a = peer_join();

	(void) state;
	peer_send(a, "[16,1," LOCK ",\"m\",[1]]");
	peer_send(a, "[6,{},\"wamp.close.normal\"]");
	world_commit();
	world_commit();
	assert_int_equal(world_rows(), 1);
}

/* A snapshot leaves a live subscription of the same topic alone. */
static void
test_snapshot_beside_subscription(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();
	uint64_t	live = subscribe(a, 1, "{}", "s");

	(void) state;
	assert_true(subscribe(a, 2, "{\"snapshot\":true}", "s") != live);
	peer_send(b, "[16,1,{},\"s\",[1]]");
	peer_expect(a, "[36,%,%,{},[1]]");
	world_pass_ms(1);
	peer_expect(a, "[35,0,{\"subscription\":%,\"reason\":\"fox_wamp.snapshot_end\"}]");
	peer_send(b, "[16,2,{},\"s\",[2]]");
	peer_expect(a, "[36,%,%,{},[2]]");
}

/* The store has no room: a waiter keeps its place and its turn comes again. */
static void
test_full_store(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();

	(void) state;
	world_store_full(true);
	peer_send(a, "[16,1,{\"retain\":true,\"acknowledge\":true},\"m\",[1]]");
	peer_expect(a, "[8,16,1,{},\"wamp.error.unavailable\",[\"too many stored publishes wait for the database\"]]");
	for (int i = 1; i <= 50; i++)
		peer_send(b, "[16,%d," LOCK ",\"m\",[%d]]", i, i);
	world_pass_ms(100);
	peer_expect_nothing(b);
	world_store_full(false);
	world_pass_ms(2000);
	world_commit();
	peer_expect(b, "[17,1,%]");
	peer_expect_nothing(b);
}

/* The database refuses what the copy allows: no storm of tries, and the timeout holds. */
static void
test_refused_waiter_times_out(void **state)
{
	Peer	   *a = peer_join();

	(void) state;
	world_refuse(true);
	peer_send(a, "[16,1,{\"acknowledge\":true,\"retain\":true,\"when\":null,\"watch\":true,\"timeout\":500},\"m\",[1]]");
	for (int i = 0; i < 100; i++)
	{
		world_commit();
		world_pass_ms(10);
	}
	world_refuse(false);
	peer_expect(a, "[8,16,1,{},\"wamp.error.timeout\",[\"the condition did not hold in time\"]]");
	assert_true(world_writes() < 10);
}

static void
test_backend_lock(void **state)
{
	FoxRouter  *r = world_router();

	(void) state;
	fox_router_ask(r, 1, fox_cstr("{\"ask\":\"lock\",\"realm\":\"realm1\",\"topic\":\"l\",\"value\":5,\"wait\":false}"), 77);
	world_commit();
	assert_non_null(strstr(world_answer(), "{\"ok\":true"));
	fox_router_ask(r, 2, fox_cstr("{\"ask\":\"lock\",\"realm\":\"realm1\",\"topic\":\"l\",\"wait\":false}"), 78);
	world_commit();
	assert_string_equal(world_answer(), "{\"ok\":false}");
	fox_router_ask(r, 3, fox_cstr("{\"ask\":\"lock\",\"realm\":\"realm1\",\"topic\":\"l\",\"wait\":true,\"timeout_ms\":1000}"), 78);
	fox_router_ask(r, 3, FOX_ABSENT, 78);
	fox_router_ask(r, 4, fox_cstr("{\"ask\":\"backend_end\"}"), 77);
	world_commit();
	world_commit();
	assert_int_equal(world_rows(), 0);
	fox_router_ask(r, 5, fox_cstr("{\"ask\":\"wait_for\",\"realm\":\"realm1\",\"pattern\":\"w.#\",\"timeout_ms\":10}"), 79);
	world_pass_ms(20);
	assert_non_null(strstr(world_answer(), "wamp.error.timeout"));
}

static void
test_violations(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[", "[99,1,{}]", "[1,\"realm1\",{\"roles\":{\"caller\":{}}}]", "[32,1,[],\"a\"]",
		"[16,0,{},\"a\"]", "[33,1,1]", "[8,32,1,{},\"a.b\"]", "[70,9,{}]", "[2,1,{}]"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Peer	   *p = peer_join();
		const char *got;

		peer_send(p, "%s", bad[i]);
		got = peer_next(p);
		assert_memory_equal(got, "[3,", 3);
		assert_non_null(strstr(got, "\"wamp.error.protocol_violation\""));
		assert_true(peer_closed(p));
		peer_send(p, "[16,1,{\"acknowledge\":true},\"a\"]");
		peer_expect_nothing(p);
	}
}

static void
test_unknown_realm(void **state)
{
	Peer	   *p = peer_open();

	(void) state;
	peer_send(p, "[1,\"nowhere\",{\"roles\":{\"caller\":{}}}]");
	peer_expect(p, "[3,{\"message\":\"the session could not join the realm\"},\"wamp.error.no_such_realm\"]");
	p = peer_open();
	peer_send(p, "[32,1,{},\"a\"]");
	peer_expect(p, "[3,{\"message\":\"the first message must be HELLO\"},\"wamp.error.protocol_violation\"]");
}

static void
test_reread(void **state)
{
	FoxRouter  *r = world_router();
	Peer	   *a = peer_join();
	FoxChange	put = {.kind = FOX_CHANGE_PUT, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("x.1"),
	.args = FOX_LIT("[1]"), .publication = 1};
	FoxChange	stale = put;

	(void) state;
	subscribe(a, 1, "{}", "x.#");
	fox_router_change(r, &put);
	peer_expect(a, "[36,%,1,{\"topic\":\"x.1\"},[1]]");
	world_reread_begin();
	world_open_realm();
	put.kind = FOX_CHANGE_DELETE;
	put.publication = 2;
	fox_router_change(r, &put);
	peer_expect(a, "[36,%,2,{\"topic\":\"x.1\"},[1]]");
	stale.silent = true;
	fox_router_change(r, &stale);
	peer_expect_nothing(a);		/* the row that was read is older than the delete */
	fox_router_reread_end(r);
	stale.publication = 3;
	world_reread_begin();
	world_open_realm();
	fox_router_change(r, &stale);
	fox_router_reread_end(r);
	peer_expect(a, "[36,%,3,{\"topic\":\"x.1\"},[1]]");
	world_reread_begin();
	world_open_realm();
	fox_router_reread_end(r);
	peer_expect(a, "[36,%,%,{\"topic\":\"x.1\"}]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_publish, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_patterns, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_filter, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_call, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_cancel_and_timeout, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_concurrency, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_retained, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_publisher_order, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_mutex, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_will_of_a_write_in_flight, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_goodbye_of_a_write_in_flight, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_snapshot_beside_subscription, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_full_store, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_refused_waiter_times_out, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_backend_lock, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_violations, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_realm, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_reread, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
