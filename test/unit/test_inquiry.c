/*
 * test_inquiry.c - functions of the database that the router asks: authorizers and authenticators.
 */
#include "world.h"

#include <string.h>

#define ALL "\"publish\":true,\"subscribe\":true,\"call\":true,\"register\":true"
#define REFUSED(what, verb, uri, why) "[8," what ",{},\"wamp.error." uri "\",[\"role \\\"guest\\\" may not " verb " \\\"x.a\\\": the authorizer " why "\"]]"
#define NO(what, verb) REFUSED(what, verb, "not_authorized", "does not allow it")
#define SILENT(what, verb) REFUSED(what, verb, "authorization_failed", "has given no answer")

static Peer *p;

static int
set_up(void **state)
{
	(void) state;
	world_open();
	world_permit("x.#", "public", ALL ",\"function\":\"app.may(jsonb)\",\"function_role\":\"judge\"");
	p = peer_open();
	peer_send(p, "[1,\"realm1\",{\"roles\":{\"publisher\":{},\"caller\":{\"features\":{\"call_canceling\":true}},"
			  "\"subscriber\":{\"features\":{\"subscription_revocation\":true}},"
			  "\"callee\":{\"features\":{\"registration_revocation\":true}}}}]");
	peer_next(p);
	return 0;
}

/* The last call asks the authorizer that, with such an end of its arguments. */
static void
expect_asked(const char *rest)
{
	const char *called = world_called();
	const char *beginning = "app.may(jsonb) judge 0 [{\"session\":";

	if (strncmp(called, beginning, strlen(beginning)) != 0 || strstr(called, rest) == NULL)
		fail_msg("asked: %s", called);
}

static void
says(const char *args)
{
	world_returns(false, args, NULL);
	world_pass_ms(0);
}

static void
a_function_decides(void **state)
{
	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	expect_asked("},\"x.a\",\"subscribe\",{},\"exact\"] - 0 5000");
	peer_expect_nothing(p);
	says("[true]");
	peer_expect(p, "[33,1,%]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"x.a\"]");
	expect_asked("},\"x.a\",\"publish\",{\"acknowledge\":true},\"exact\"]");
	says("[{\"allow\":true}]");
	peer_expect(p, "[17,2,%]");
	peer_send(p, "[64,3,{},\"x.a\"]");
	expect_asked("\"register\"");
	says("[false]");
	peer_expect(p, NO("64,3", "register"));
	peer_send(p, "[48,4,{},\"x.a\"]");
	expect_asked("\"call\"");
	/* Null is a no, a row of columns an object. */
	says("[null]");
	peer_expect(p, NO("48,4", "call"));
	peer_send(p, "[48,5,{},\"x.a\"]");
	world_returns(false, "[]", "{\"allow\":false}");
	world_pass_ms(0);
	peer_expect(p, NO("48,5", "call"));
}

static void
what_is_no_answer_denies(void **state)
{
	(void) state;
	peer_send(p, "[32,1,{},\"x.a\"]");
	world_fails("pg.error.22012", "[\"division by zero\"]");
	world_pass_ms(0);
	peer_expect(p, SILENT("32,1", "subscribe to"));
	peer_send(p, "[32,2,{},\"x.a\"]");
	says("[\"yes\"]");
	peer_expect(p, SILENT("32,2", "subscribe to"));
	peer_send(p, "[32,3,{},\"x.a\"]");
	world_pass_ms(5001);
	peer_expect(p, SILENT("32,3", "subscribe to"));
	assert_int_equal(world_canceled(), 1);
	/* It comes too late. */
	says("[true]");
	peer_expect_nothing(p);
}

static void
an_answer_is_kept_until_decisions_are_outdated(void **state)
{
	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"x.a\"]");
	expect_asked("\"publish\"");
	says("[{\"allow\":true,\"cache\":true}]");
	peer_expect(p, "[17,1,%]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"x.a\"]");
	peer_expect(p, "[17,2,%]");
	assert_string_equal(world_called(), "");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	peer_send(p, "[16,3,{\"acknowledge\":true},\"x.a\"]");
	expect_asked("\"publish\"");
	says("[{\"allow\":false,\"cache\":true}]");
	peer_expect(p, NO("16,3", "publish to"));
	peer_send(p, "[16,4,{\"acknowledge\":true},\"x.a\"]");
	assert_string_equal(world_called(), "");
	peer_expect(p, "[8,16,4,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"x.a\\\"\"]]");
}

static void
who_has_gone_or_given_up_needs_no_answer(void **state)
{
	(void) state;
	peer_send(p, "[48,1,{},\"x.a\"]");
	expect_asked("\"call\"");
	peer_send(p, "[49,1,{}]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.canceled\",[\"the caller canceled the call\"]]");
	assert_int_equal(world_canceled(), 1);
	says("[true]");
	peer_send(p, "[48,2,{},\"x.a\"]");
	peer_lose(p);
	assert_int_equal(world_canceled(), 2);
	says("[true]");
}

/* What sessions hold by a function's word is asked for anew, and by a row's alone is not. */
static void
what_was_allowed_is_reviewed(void **state)
{
	(void) state;
	world_permit("own.#", "public", ALL);
	peer_send(p, "[32,1,{},\"own.a\"]");
	peer_expect(p, "[33,1,%]");
	peer_send(p, "[32,2,{\"match\":\"prefix\"},\"x.a.\"]");
	says("[true]");
	peer_expect(p, "[33,2,%]");
	peer_send(p, "[64,3,{},\"x.p\"]");
	says("[true]");
	peer_expect(p, "[65,3,%]");
	while (*world_called() != '\0')
		;
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	fox_router_ask(world_router(), 7, FOX_LIT("{\"ask\":\"sync\"}"), 0);
	assert_string_equal(world_answer(), "");
	world_pass_ms(0);
	/* The registration has been asked for last, and the first question goes unanswered. */
	expect_asked("},\"x.p\",\"register\",{},\"exact\"]");
	says("[{\"allow\":true}]");
	peer_expect_nothing(p);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	world_pass_ms(0);
	expect_asked("\"register\"");
	says("[false]");
	peer_expect(p, "[67,0,{\"registration\":%,\"reason\":\"wamp.error.not_authorized\"}]");
	peer_lose(p);
	assert_string_equal(world_called(), "");
}

static void
a_review_takes_a_subscription_away(void **state)
{
	(void) state;
	peer_send(p, "[32,1,{\"match\":\"prefix\"},\"x.a.\"]");
	says("[true]");
	peer_expect(p, "[33,1,%]");
	(void) world_called();
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	world_pass_ms(0);
	expect_asked("},\"x.a.\",\"subscribe\",{},\"prefix\"]");
	fox_router_ask(world_router(), 7, FOX_LIT("{\"ask\":\"sync\"}"), 0);
	assert_string_equal(world_answer(), "");
	world_fails("pg.error.22012", "[\"division by zero\"]");
	world_pass_ms(0);
	peer_expect(p, "[35,0,{\"subscription\":%,\"reason\":\"wamp.error.not_authorized\"}]");
	assert_string_equal(world_answer(), "{\"ok\":true}");
	/* It waits for the end of the transaction, and once for one; what was kept meanwhile is void. */
	peer_send(p, "[32,2,{\"match\":\"prefix\"},\"x.a.\"]");
	says("[true]");
	peer_expect(p, "[33,2,%]");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS, .args = FOX_LIT("[\"3/7\"]")});
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS, .args = FOX_LIT("[\"3/7\"]")});
	world_pass_ms(0);
	assert_string_equal(world_called(), "fox_wamp.transaction_ended(text)  0 [\"3/7\"] - 0 10000");
	says("[true]");
	expect_asked("\"x.a.\"");
	says("[false]");
	peer_expect(p, "[35,0,{\"subscription\":%,\"reason\":\"wamp.error.not_authorized\"}]");
	/* The router may end in the middle of one. */
	peer_send(p, "[32,3,{\"match\":\"prefix\"},\"x.a.\"]");
	says("[true]");
	peer_expect(p, "[33,3,%]");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	world_pass_ms(0);
}

/* --- authenticators --- */

static Peer *
hello(const char *method, const char *details)
{
	Peer	   *peer = peer_open();

	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_AUTH, .realm = FOX_LIT("realm1"), .topic = fox_cstr(method),
					  .args = FOX_LIT("[{\"function\":\"app.who(text)\"}]")});
	peer_send(peer, "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authmethods\":[\"%s\"]%s}]", method, details);
	return peer;
}

static void
expect_found(const char *found)
{
	world_pass_ms(0);
	if (strstr(world_question(), found) == NULL)
		fail_msg("question: %s", world_question());
}

static void
expect_refused(Peer *peer, const char *uri)
{
	const char *got = peer_next(peer);

	if (strncmp(got, "[3,", 3) != 0 || strstr(got, uri) == NULL)
		fail_msg("got %s", got);
}

static void
a_function_says_who_logs_in(void **state)
{
	Peer	   *peer = hello("wampcra", ",\"authid\":\"ann\"");
	const char *called = world_called();

	(void) state;
	if (strstr(called, "app.who(text)  0 [\"realm1\",\"ann\",\"wampcra\",{\"authmethod\":\"wampcra\",") != called)
		fail_msg("called: %s", called);
	world_returns(false, "[{\"role\":\"clerk\",\"secret\":\"s\"}]", NULL);
	expect_found("\"found\":{\"role\":\"clerk\",\"secret\":\"s\"}");
	peer_lose(peer);
	/* A text is the role, null is nobody; a row of columns is an object. */
	peer = hello("cryptosign", ",\"authextra\":{\"pubkey\":\"ab\"}");
	world_returns(false, "[\"clerk\"]", NULL);
	expect_found("\"found\":{\"role\":\"clerk\"}");
	peer_lose(peer);
	peer = hello("wampcra", ",\"authid\":\"bob\"");
	world_returns(false, "[null]", NULL);
	expect_found("\"found\":{}");
	peer_lose(peer);
	peer = hello("wampcra", ",\"authid\":\"bob\"");
	world_returns(false, "[]", "{\"role\":\"clerk\"}");
	expect_found("\"found\":{\"role\":\"clerk\"}");
	peer_lose(peer);
	assert_int_equal(world_canceled(), 0);
}

static void
without_its_answer_nobody_gets_in(void **state)
{
	Peer	   *peer = hello("wampcra", ",\"authid\":\"ann\"");

	(void) state;
	/* An error of its own too: who knows nobody returns null. */
	world_fails("app.error.nobody", "[\"nobody\"]");
	world_pass_ms(0);
	expect_refused(peer, "wamp.error.authentication_failed");
	peer = hello("wampcra", ",\"authid\":\"ann\"");
	peer_lose(peer);
	assert_int_equal(world_canceled(), 1);
	world_returns(false, "[\"clerk\"]", NULL);
	world_pass_ms(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_function_decides, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_answer_denies, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_is_kept_until_decisions_are_outdated, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_has_gone_or_given_up_needs_no_answer, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(what_was_allowed_is_reviewed, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_review_takes_a_subscription_away, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_function_says_who_logs_in, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(without_its_answer_nobody_gets_in, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
