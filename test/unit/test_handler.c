/*
 * test_handler.c - SQL functions as subscribers, as far as the router goes.
 */
#include "world.h"

static void
row(bool deleted, const char *pattern, const char *args)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HANDLER, .deleted = deleted, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(pattern), .args = fox_cstr(args), .kwargs = fox_cstr(args)});
}

static void
event_of_sql(const char *topic, bool queued, bool silent)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_EVENT, .queued = queued, .silent = silent, .pid = 1,
					  .publication = 9, .hops = 2, .realm = FOX_LIT("realm1"), .topic = fox_cstr(topic), .args = FOX_LIT("[1]")});
}

#define ONE "[{\"id\":7,\"match\":\"pattern\",\"function\":\"app.f()\",\"owner\":\"ann\",\"durable\":false,\"concurrency\":1}]"
#define TWO "[{\"id\":7,\"match\":\"pattern\",\"function\":\"app.f()\",\"owner\":\"ann\",\"durable\":false,\"concurrency\":2}]"
#define DURABLE "[{\"id\":8,\"match\":\"exact\",\"function\":\"app.g()\",\"owner\":\"ann\",\"durable\":true,\"concurrency\":1}]"

/* A row that comes has its queue looked after: there may be some of it from before. */
static void
attach(const char *pattern, const char *args, const char *queue)
{
	row(false, pattern, args);
	assert_string_equal(world_called(), queue);
	world_returns(false, "[{\"done\":0,\"failed\":0,\"more\":false}]", NULL);
}

/* The handler's row in the answer to who asks. */
static const char *
numbers(void)
{
	fox_router_ask(world_router(), 5, FOX_LIT("{\"ask\":\"handlers\"}"), 1);
	return world_answer();
}

static void
events_come_one_by_one(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("a.#", ONE, "queue 7");
	peer_send(p, "[16,1,{},\"a.x\",[\"one\"],{\"k\":1}]");
	assert_non_null(strstr(world_called(), "handler app.f() [\"a.x\",[\"one\"],{\"k\":1},{\"publication\":"));
	peer_send(p, "[16,2,{},\"a.y\",[\"two\"]]");
	peer_send(p, "[16,3,{},\"b\",[\"other\"]]");
	assert_string_equal(world_called(), "");
	world_returns(false, "[null]", NULL);
	assert_non_null(strstr(world_called(), "handler app.f() [\"a.y\",[\"two\"],{},{"));
	world_returns(false, "[null]", NULL);
	assert_string_equal(world_called(), "");
	event_of_sql("a", false, false);
	assert_string_equal(world_called(), "handler app.f() [\"a\",[1],{},{\"publication\":9}] 2");
	world_returns(false, "[null]", NULL);
}

static void
of_one_topic_only_one_is_at_work(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("#", TWO, "queue 7");
	peer_send(p, "[16,1,{},\"a\",[1]]");
	peer_send(p, "[16,2,{},\"a\",[2]]");
	peer_send(p, "[16,3,{},\"b\",[3]]");
	assert_int_equal(world_calls(), 3);
	assert_non_null(strstr(world_called(), "[\"b\",[3],"));
	world_returns(false, "[null]", NULL);
	assert_string_equal(world_called(), "");
}

static void
what_fails_or_finds_no_room_is_counted(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("a.#", ONE, "queue 7");
	for (int i = 1; i <= 5; i++)
		peer_send(p, "[16,%d,{},\"a\",[%d]]", i, i);
	assert_non_null(strstr(numbers(), "\"dropped\":1,\"waiting\":3,\"running\":1"));
	world_fails("pg.error.22012", "[\"division by zero\"]");
	assert_non_null(strstr(world_called(), "[\"a\",[2],"));
	assert_non_null(strstr(numbers(), "\"runs\":1,\"failures\":2,\"dropped\":1"));
	assert_non_null(strstr(numbers(), "\"last_error\":\"division by zero\""));
}

static void
a_durable_one_is_rung_for_what_the_database_has_queued(void **state)
{
	(void) state;
	attach("a", DURABLE, "queue 8");
	event_of_sql("a", true, false);
	assert_string_equal(world_delivered(), "");
	assert_string_equal(world_called(), "queue 8");
	event_of_sql("a", true, false);
	assert_string_equal(world_called(), "");
	world_returns(false, "[{\"done\":2,\"failed\":1,\"error\":\"no\",\"more\":false,\"next_ms\":500}]", NULL);
	assert_string_equal(world_called(), "queue 8");
	world_returns(false, "[{\"done\":0,\"failed\":0,\"more\":false}]", NULL);
	assert_non_null(strstr(numbers(), "\"runs\":3,\"failures\":1"));
	world_pass_ms(499);
	assert_string_equal(world_called(), "");
	world_pass_ms(1);
	assert_string_equal(world_called(), "queue 8");
	world_fails("wamp.error.unavailable", "[\"no executor\"]");
	world_pass_ms(100);
	assert_string_equal(world_called(), "queue 8");
	world_returns(false, "[{\"done\":0,\"failed\":0,\"more\":true}]", NULL);
	assert_string_equal(world_called(), "queue 8");
}

static void
what_a_re_read_finds_is_not_queued_again(void **state)
{
	(void) state;
	world_reread_begin();
	world_open_realm();
	attach("a", DURABLE, "queue 8");
	event_of_sql("a", false, true);
	assert_string_equal(world_called(), "");
	fox_router_reread_end(world_router());
	event_of_sql("a", false, true);
	assert_string_equal(world_delivered(), "");
	assert_string_equal(world_called(), "queue 8");
}

static void
published_when_it_is_in_the_queue(void **state)
{
	Peer	   *p;

	(void) state;
	attach("a", DURABLE, "queue 8");
	p = peer_join();
	peer_send(p, "[16,1,{},\"a\",[0]]");
	assert_string_equal(world_delivered(), "8 a [0]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"a\",[1]]");
	assert_string_equal(world_delivered(), "8 a [1]");
	peer_send(p, "[16,3,{\"acknowledge\":true},\"b\",[1]]");
	peer_expect(p, "[17,3,%]");
	fox_router_deliveries_written(world_router(), 1);
	assert_string_equal(world_called(), "queue 8");
	peer_expect_nothing(p);
	fox_router_deliveries_written(world_router(), 2);
	peer_expect(p, "[17,2,%]");
	world_returns(false, "[{\"done\":2,\"failed\":0,\"more\":false}]", NULL);
	assert_string_equal(world_called(), "queue 8");
	world_deliveries_full(true);
	peer_send(p, "[16,4,{\"acknowledge\":true},\"a\",[2]]");
	peer_expect(p, "[8,16,4,{},\"wamp.error.unavailable\",[\"the event is out, but not all who hear it could be asked to acknowledge it\"]]");
	world_deliveries_full(false);
	peer_send(p, "[16,5,{\"acknowledge\":true},\"a\",[3]]");
	peer_lose(p);
	fox_router_deliveries_written(world_router(), 3);
}

static void
sync_waits_for_the_queue(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("a", DURABLE, "queue 8");
	peer_send(p, "[16,1,{},\"a\",[0]]");
	(void) world_answer();
	fox_router_ask(world_router(), 6, FOX_LIT("{\"ask\":\"sync\"}"), 1);
	assert_null(strstr(world_answer(), "ok"));
	fox_router_deliveries_written(world_router(), 1);
	assert_non_null(strstr(world_answer(), "\"ok\":true"));
}

static void
who_is_not_eligible_hears_nothing(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("a", DURABLE, "queue 8");
	peer_send(p, "[16,1,{\"eligible_authrole\":[\"bob\"]},\"a\",[0]]");
	assert_string_equal(world_delivered(), "");
	peer_send(p, "[16,2,{\"eligible_authrole\":[\"ann\"]},\"a\",[0]]");
	assert_string_equal(world_delivered(), "8 a [0]");
}

static void
one_that_goes_has_its_queue_cleared(void **state)
{
	Peer	   *p = peer_join();

	(void) state;
	attach("a.#", ONE, "queue 7");
	peer_send(p, "[16,1,{},\"a\",[1]]");
	peer_send(p, "[16,2,{},\"a\",[2]]");
	(void) world_called();
	row(true, "a.#", ONE);
	assert_string_equal(world_called(), "queue 7");
	world_returns(false, "[{\"done\":0,\"failed\":0,\"more\":false}]", NULL);
	assert_string_equal(world_called(), "");
	peer_send(p, "[16,3,{},\"a\",[3]]");
	assert_string_equal(world_called(), "");
	assert_string_equal(numbers(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_come_one_by_one, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(of_one_topic_only_one_is_at_work, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_fails_or_finds_no_room_is_counted, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_durable_one_is_rung_for_what_the_database_has_queued, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_a_re_read_finds_is_not_queued_again, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(published_when_it_is_in_the_queue, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(sync_waits_for_the_queue, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_is_not_eligible_hears_nothing, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(one_that_goes_has_its_queue_cleared, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
