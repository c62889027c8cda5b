/*
 * test_callback.c - receivers that clients have passed to SQL functions, as far as the router goes.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "core/mailbox.h"

static void
change(FoxChangeKind kind, bool deleted, const char *topic, const char *args, const char *options)
{
	fox_router_change(world_router(), &(FoxChange){.kind = kind, .deleted = deleted, .realm = FOX_LIT("realm1"), .topic = fox_cstr(topic),
					  .args = fox_cstr(args), .kwargs = kind == FOX_CHANGE_CALLBACK ? FOX_LIT("7") : FOX_ABSENT, .options = fox_cstr(options)});
}

/* The row of callback 7. */
static const char *
row_of(uint64_t session, const char *kind, const char *uri)
{
	static char text[300];

	snprintf(text, sizeof(text), "[{\"id\":7,\"session\":%llu,\"kind\":\"%s\",\"uri\":\"%s\",\"interface\":\"chat\",\"owner\":\"ann\",\"token\":\"f00\"}]",
			 (unsigned long long) session, kind, uri);
	return text;
}

static void
row(uint64_t session, const char *kind, const char *uri)
{
	change(FOX_CHANGE_CALLBACK, false, "", row_of(session, kind, uri), NULL);
}

static void
message(const char *method, const char *args)
{
	char		options[100];

	snprintf(options, sizeof(options), "{\"method\":\"%s\"}", method);
	change(FOX_CHANGE_CALLBACK_MESSAGE, false, "7", args, options);
}

static uint64_t
session_of(Peer *p)
{
	peer_send(p, "[48,99,{},\"wamp.session.list\"]");
	peer_expect(p, "[50,99,{},[[%]]]");
	return peer_number(0);
}

#define ENDING "end_callback(bigint) ann"

/* An executor is asked to delete the row. */
static void
expect_end(void)
{
	const char *called = world_called();

	if (strstr(called, "fox_wamp.end_callback(bigint) ann") == NULL || strstr(called, "[7]") == NULL)
		fail_msg("%s", called);
	world_returns(false, "[true]", NULL);
	world_pass_ms(1);
}

static void
a_subscription_hears_methods_until_it_ends(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	session = session_of(p);
	uint64_t	subscription;

	(void) state;
	peer_send(p, "[32,1,{},\"a.b\"]");
	peer_expect(p, "[33,1,%]");
	subscription = peer_number(0);
	row(session, "event", "a.b");
	message("said", "[1]");
	peer_expect(p, "[36,%,%,{\"topic\":\"a.b.said\",\"callback\":7,\"request\":1,\"interface\":\"chat\",\"method\":\"said\"},[1]]");
	assert_int_equal(peer_number(0), subscription);
	message("said", "[2]");
	peer_expect(p, "[36,%,%,{\"topic\":\"a.b.said\",\"callback\":7,\"request\":2,\"interface\":\"chat\",\"method\":\"said\"},[2]]");
	assert_string_equal(world_called(), "");
	peer_send(p, "[34,2,%llu]", (unsigned long long) subscription);
	peer_expect(p, "[35,2]");
	expect_end();
	message("said", "[3]");
	peer_expect_nothing(p);
}

static void
a_registration_answers_and_is_released_when_it_fails(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	session = session_of(p);

	(void) state;
	peer_send(p, "[64,1,{},\"a.p\"]");
	peer_expect(p, "[65,1,%]");
	row(session, "invocation", "a.p");
	world_config()->callback_failures = 2;
	fox_router_configure(world_router(), world_config());
	message("m", "[1]");
	peer_expect(p, "[68,%,%,{\"procedure\":\"a.p.m\",\"callback\":7,\"request\":1,\"interface\":\"chat\",\"method\":\"m\"},[1]]");
	peer_send(p, "[8,68,%llu,{},\"app.error\"]", (unsigned long long) peer_number(0));
	message("m", "[2]");
	peer_expect(p, "[68,%,%,{\"procedure\":\"a.p.m\",\"callback\":7,\"request\":2,\"interface\":\"chat\",\"method\":\"m\"},[2]]");
	peer_send(p, "[70,%llu,{}]", (unsigned long long) peer_number(0));
	for (int i = 3; i <= 4; i++)
	{
		message("m", NULL);
		peer_expect(p, "[68,%,%,{\"procedure\":\"a.p.m\",\"callback\":7,\"request\":%,\"interface\":\"chat\",\"method\":\"m\"}]");
		assert_string_equal(world_called(), "");
		peer_send(p, "[8,68,%llu,{},\"app.error\"]", (unsigned long long) peer_number(0));
	}
	world_pass_ms(1);
	expect_end();
}

static void
what_belongs_to_nobody_ends_at_once(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	session = session_of(p);

	(void) state;
	row(session, "event", "not.subscribed");
	expect_end();
	row(12345, "event", "a");
	expect_end();
	row(session, "poll", "");
	expect_end();
}

static void
a_row_that_can_not_be_deleted_is_tried_again(void **state)
{
	(void) state;
	row(12345, "event", "a");
	assert_non_null(strstr(world_called(), ENDING));
	world_fails("wamp.error.unavailable", "[\"no executor\"]");
	assert_string_equal(world_called(), "");
	world_pass_ms(1100);
	/* Its role may be no more: another one stands in. */
	assert_non_null(strstr(world_called(), "end_callback(bigint) fox_wamp_anonymous"));
	world_returns(false, "[true]", NULL);
	world_pass_ms(5000);
	assert_string_equal(world_called(), "");
}

static void
a_message_may_come_before_its_row(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	session = session_of(p);
	const char *text;
	char		options[400];

	(void) state;
	peer_send(p, "[32,1,{},\"a\"]");
	peer_expect(p, "[33,1,%]");
	text = row_of(session, "event", "a");
	snprintf(options, sizeof(options), "{\"method\":\"now\",\"row\":%.*s}", (int) strlen(text) - 2, text + 1);
	change(FOX_CHANGE_CALLBACK_MESSAGE, false, "7", "[1]", options);
	peer_expect(p, "[36,%,%,{\"topic\":\"a.now\",\"callback\":7,\"request\":1,\"interface\":\"chat\",\"method\":\"now\"},[1]]");
	row(session, "event", "a");
	message("then", "[2]");
	peer_expect(p, "[36,%,%,{\"topic\":\"a.then\",\"callback\":7,\"request\":2,\"interface\":\"chat\",\"method\":\"then\"},[2]]");
}

static void
who_has_its_uri_calls_it_and_its_owner_releases_it(void **state)
{
	Peer	   *p = peer_join();
	uint64_t	session = session_of(p);
	Peer	   *other = peer_join();

	(void) state;
	peer_send(p, "[32,1,{},\"a\"]");
	peer_expect(p, "[33,1,%]");
	row(session, "event", "a");
	peer_send(other, "[48,1,{},\"fox_wamp.cb.node.f00\",[\"hi\",1,2],{\"k\":3}]");
	peer_expect(other, "[50,1,{},[true]]");
	peer_expect(p, "[36,%,%,{\"topic\":\"a.hi\",\"callback\":7,\"request\":1,\"interface\":\"chat\",\"method\":\"hi\"},[1,2],{\"k\":3}]");
	peer_send(other, "[48,2,{},\"fox_wamp.cb.node.f01\",[\"hi\"]]");
	peer_expect(other, "[8,48,2,{},\"wamp.error.no_such_procedure\",[\"the callback has been released\"]]");
	peer_send(other, "[48,3,{},\"fox_wamp.cb.node.f00\",[5]]");
	peer_expect(other, "[8,48,3,{},\"wamp.error.invalid_argument\",[\"the first argument must be the method\"]]");
	peer_send(other, "[48,4,{},\"fox_wamp.callback.release\",[7]]");
	peer_expect(other, "[50,4,{},[false]]");
	peer_send(p, "[48,5,{},\"fox_wamp.callback.release\",[7]]");
	peer_expect(p, "[50,5,{},[true]]");
	expect_end();
}

static void
a_mailbox_is_bounded(void **state)
{
	Peer	   *p = peer_join();
	FoxSession *s = fox_idmap_get(&world_router()->sessions, session_of(p));
	FoxCallbackNote note = {.id = 7, .request = 1, .interface = FOX_LIT("chat"), .method = FOX_LIT("m")};
	FoxPayload	payload = {FOX_JSON, FOX_LIT("[1]"), FOX_ABSENT};
	FoxBuf		out = {0};

	(void) state;
	assert_int_equal(fox_mailbox_list(s, 0, 10, &out), 0);
	for (int i = 0; i < 1003; i++)
		assert_true(fox_mailbox_put(s, &note, &payload));
	assert_int_equal(fox_mailbox_list(s, 0, 2, &out), 2);
	fox_buf_char(&out, '\0');
	assert_memory_equal(out.data, "{\"seq\":3,\"overflow\":3},{\"seq\":4,", 32);
	fox_buf_reset(&out);
	fox_mailbox_forget(s, 1002);
	assert_int_equal(fox_mailbox_list(s, 0, 10, &out), 1);
	fox_buf_char(&out, '\0');
	assert_memory_equal(out.data, "{\"seq\":1003,\"callback\":7,\"request\":1,\"interface\":\"chat\",\"method\":\"m\",\"args\":[1],\"kwargs\":{},\"at\":\"", 97);
	fox_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_subscription_hears_methods_until_it_ends, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_registration_answers_and_is_released_when_it_fails, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_belongs_to_nobody_ends_at_once, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_row_that_can_not_be_deleted_is_tried_again, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_message_may_come_before_its_row, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_has_its_uri_calls_it_and_its_owner_releases_it, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_mailbox_is_bounded, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
