/*
 * test_authorizer.c - permissions that a client's procedure decides.
 */
#include <stdio.h>

#include "world.h"

#include "core/core.h"

#define ASK ",\"authorizer\":\"auth.ask\""
#define ALL "\"publish\":true,\"subscribe\":true,\"call\":true,\"register\":true"

static Peer *judge;
static Peer *p;
static Peer *ear;

/* judge is the authorizer; p's requests below x. are asked for, and ear hears them. */
static int
set_up(void **state)
{
	(void) state;
	world_open();
	world_permit("x.#", "public", ALL ASK);
	world_permit("ear.#", "public", ALL);
	judge = peer_join();
	peer_send(judge, "[64,1,{},\"auth.ask\"]");
	peer_expect(judge, "[65,1,%]");
	p = peer_open();
	peer_send(p, "[1,\"realm1\",{\"roles\":{\"publisher\":{},\"subscriber\":{},\"callee\":{},\"caller\":{\"features\":"
			  "{\"call_canceling\":true,\"progressive_call_invocations\":true}}}}]");
	peer_next(p);
	ear = peer_join();
	peer_send(ear, "[32,1,{},\"open\"]");
	peer_expect(ear, "[33,1,%]");
	return 0;
}

/* The next question is this one; returns its invocation. */
static unsigned long long
question(const char *uri, const char *action, const char *options, const char *match)
{
	char		expected[400];

	snprintf(expected, sizeof(expected), "[68,%%,%%,{},[{\"session\":%%,\"realm\":\"realm1\",\"authid\":\"anonymous\","
			 "\"authrole\":\"anonymous\",\"authmethod\":\"anonymous\",\"role\":\"guest\"},\"%s\",\"%s\",%s,\"%s\"]]",
			 uri, action, options, match);
	for (char *at = expected; (at = strstr(at, "realm1")) != NULL;)
		memcpy(at, "realm%", 6);
	peer_expect(judge, expected);
	return (unsigned long long) peer_number(0);
}

static void
answer(unsigned long long invocation, const char *args)
{
	peer_send(judge, "[70,%llu,{}%s]", invocation, args);
	world_pass_ms(0);
}

static void
a_yes_and_a_no(void **state)
{
	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	peer_expect_nothing(p);
	answer(question("x.a", "subscribe", "{}", "exact"), ",[true]");
	peer_expect(p, "[33,1,%]");
	peer_send(p, "[32,2,{\"match\":\"prefix\"},\"x.a.\"]");
	answer(question("x.a.", "subscribe", "{\"match\":\"prefix\"}", "prefix"), ",[{\"allow\":false}]");
	peer_expect(p, "[8,32,2,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a.\\\": "
				"the authorizer does not allow it\"]]");
	peer_send(p, "[64,3,{},\"x.p\"]");
	answer(question("x.p", "register", "{}", "exact"), ",[{\"allow\":true}]");
	peer_expect(p, "[65,3,%]");
	peer_send(ear, "[48,2,{},\"x.p\",[1]]");
	answer(question("x.p", "call", "{}", "exact"), ",[true]");
	peer_expect(p, "[68,1,%,{},[1]]");
	/* What is a row's alone is not asked. */
	peer_send(p, "[16,4,{\"acknowledge\":true},\"open\"]");
	peer_expect(p, "[17,4,%]");
	peer_expect_nothing(judge);
}

static void
later_requests_keep_behind(void **state)
{
	unsigned long long first;
	unsigned long long second;

	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"x.a\",[1]]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"open\",[2]]");
	peer_send(p, "[16,3,{\"acknowledge\":true},\"x.b\",[3]]");
	peer_send(p, "[48,4,{},\"no.such\"]");
	first = question("x.a", "publish", "{\"acknowledge\":true}", "exact");
	second = question("x.b", "publish", "{\"acknowledge\":true}", "exact");
	answer(second, ",[true]");
	peer_expect_nothing(p);
	peer_expect_nothing(ear);
	answer(first, ",[false]");
	peer_expect(p, "[8,16,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"x.a\\\": "
				"the authorizer does not allow it\"]]");
	peer_expect(p, "[17,2,%]");
	peer_expect(p, "[17,3,%]");
	peer_expect(p, "[8,48,4,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
	peer_expect(ear, "[36,%,%,{},[2]]");
}

static void
no_answer_is_none(void **state)
{
	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	question("x.a", "subscribe", "{}", "exact");
	world_pass_ms(5001);
	peer_expect(p, "[8,32,1,{},\"wamp.error.authorization_failed\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"the authorizer has given no answer\"]]");
	while (*peer_next(judge) != '\0')
		;
	peer_send(p, "[32,2,{},\"x.a\"]");
	answer(question("x.a", "subscribe", "{}", "exact"), ",[\"perhaps\"]");
	peer_expect(p, "[8,32,2,{},\"wamp.error.authorization_failed\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"the authorizer has given no answer\"]]");
	peer_send(p, "[32,3,{},\"x.a\"]");
	peer_send(judge, "[8,68,%llu,{},\"com.error\"]", question("x.a", "subscribe", "{}", "exact"));
	world_pass_ms(0);
	peer_expect(p, "[8,32,3,{},\"wamp.error.authorization_failed\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"the authorizer has given no answer\"]]");
	peer_lose(judge);
	peer_send(p, "[32,4,{},\"x.a\"]");
	world_pass_ms(0);
	peer_expect(p, "[8,32,4,{},\"wamp.error.authorization_failed\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"the authorizer has given no answer\"]]");
}

static void
an_answer_may_be_kept(void **state)
{
	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"x.a\"]");
	answer(question("x.a", "publish", "{\"acknowledge\":true}", "exact"), ",[{\"allow\":true,\"cache\":true}]");
	peer_expect(p, "[17,1,%]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"x.a\"]");
	peer_expect(p, "[17,2,%]");
	peer_send(p, "[32,3,{},\"x.a\"]");
	answer(question("x.a", "subscribe", "{}", "exact"), ",[{\"allow\":false,\"cache\":true}]");
	peer_expect(p, "[8,32,3,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"the authorizer does not allow it\"]]");
	peer_send(p, "[32,4,{},\"x.a\"]");
	peer_expect(p, "[8,32,4,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\"\"]]");
	/* A change of rows voids it. */
	world_permit("y", "public", ALL);
	peer_send(p, "[16,5,{\"acknowledge\":true},\"x.a\"]");
	answer(question("x.a", "publish", "{\"acknowledge\":true}", "exact"), ",[true]");
	peer_expect(p, "[17,5,%]");
}

static void
it_says_who_is_named(void **state)
{
	(void) state;
	peer_send(ear, "[32,2,{},\"x.a\"]");
	answer(question("x.a", "subscribe", "{}", "exact"), ",[true]");
	peer_expect(ear, "[33,2,%]");
	peer_send(p, "[16,1,{},\"x.a\"]");
	answer(question("x.a", "publish", "{}", "exact"), ",[{\"allow\":true,\"disclose\":true}]");
	peer_expect(ear, "[36,%,%,{\"publisher\":%,\"publisher_authid\":\"anonymous\",\"publisher_authrole\":\"anonymous\"}]");
}

static void
a_change_of_rows_meanwhile_counts(void **state)
{
	unsigned long long asked;

	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	asked = question("x.a", "subscribe", "{}", "exact");
	world_permit("x.#", "public", "\"subscribe\":false");
	answer(asked, ",[true]");
	peer_expect(p, "[8,32,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\"\"]]");
	/* Who only keeps its place may be asked for in the end. */
	world_permit("x.#", "public", ALL ASK);
	peer_send(p, "[32,2,{},\"x.a\"]");
	peer_send(p, "[32,3,{},\"y.a\"]");
	asked = question("x.a", "subscribe", "{}", "exact");
	world_permit("y.#", "public", ALL ASK);
	answer(asked, ",[true]");
	peer_expect(p, "[33,2,%]");
	peer_expect_nothing(p);
	answer(question("y.a", "subscribe", "{}", "exact"), ",[true]");
	peer_expect(p, "[33,3,%]");
}

static void
an_answer_that_rows_have_overtaken_is_not_kept(void **state)
{
	unsigned long long asked;

	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"x.a\"]");
	asked = question("x.a", "publish", "{\"acknowledge\":true}", "exact");
	world_permit("x.#", "public", "\"publish\":false");
	answer(asked, ",[{\"allow\":true,\"cache\":true}]");
	for (int i = 1; i <= 2; i++)
	{
		peer_expect(p, "[8,16,%,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"x.a\\\"\"]]");
		peer_send(p, "[16,2,{\"acknowledge\":true},\"x.a\"]");
	}
}

static void
a_waiting_call_is_canceled(void **state)
{
	unsigned long long asked;

	(void) state;
	peer_send(p, "[48,1,{\"progress\":true},\"x.p\"]");
	peer_send(p, "[48,1,{\"progress\":true},\"x.p\"]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"open\"]");
	asked = question("x.p", "call", "{\"progress\":true}", "exact");
	peer_expect_nothing(judge);
	peer_send(p, "[49,1,{}]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.canceled\",[\"the caller canceled the call\"]]");
	world_pass_ms(0);
	peer_expect(p, "[17,2,%]");
	answer(asked, ",[true]");
	peer_send(p, "[48,1,{},\"x.p\"]");
	peer_expect_nothing(p);
	peer_expect_nothing(judge);
}

static void
parts_of_a_call_follow_its_beginning(void **state)
{
	unsigned long long asked;

	(void) state;
	peer_send(p, "[48,1,{\"progress\":true},\"x.p\",[1]]");
	peer_send(p, "[48,1,{},\"x.p\",[2]]");
	asked = question("x.p", "call", "{\"progress\":true}", "exact");
	answer(asked, ",[false]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not call \\\"x.p\\\": "
				"the authorizer does not allow it\"]]");
	world_pass_ms(0);
	peer_expect_nothing(p);
	peer_expect_nothing(judge);
}

static void
sessions_and_authorizers_may_go(void **state)
{
	unsigned long long asked;

	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	peer_send(p, "[32,2,{},\"x.b\"]");
	asked = question("x.a", "subscribe", "{}", "exact");
	peer_lose(p);
	answer(asked, ",[true]");
	peer_send(ear, "[32,2,{},\"x.a\"]");
	peer_lose(judge);
	world_pass_ms(5001);
	assert_non_null(strstr(peer_next(ear), "authorization_failed"));
}

static void
too_many_are_refused(void **state)
{
	(void) state;
	peer_deaf(judge, true);
	for (int i = 1; i <= 1000; i++)
		peer_send(p, "[32,%d,{},\"x.a\"]", i);
	peer_expect_nothing(p);
	peer_send(p, "[32,1001,{},\"x.a\"]");
	peer_expect(p, "[8,32,1001,{},\"wamp.error.authorization_failed\",[\"role \\\"guest\\\" may not subscribe to \\\"x.a\\\": "
				"too many requests wait for the authorizer\"]]");
}

/* It answers at once, so it cannot ask. */
static void
a_testament_takes_a_row_without_one(void **state)
{
	(void) state;
	peer_send(p, "[48,1,{},\"wamp.session.add_testament\",[\"x.a\",[],{}]]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"x.a\\\"\"]]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_yes_and_a_no, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(later_requests_keep_behind, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(no_answer_is_none, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_may_be_kept, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(it_says_who_is_named, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_change_of_rows_meanwhile_counts, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_that_rows_have_overtaken_is_not_kept, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_waiting_call_is_canceled, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(parts_of_a_call_follow_its_beginning, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(sessions_and_authorizers_may_go, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(too_many_are_refused, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_testament_takes_a_row_without_one, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
