/*
 * test_hook.c - functions that see what clients publish before it goes on.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

static Peer *p;
static Peer *ear;

static void
hook(const char *match, const char *pattern, bool deleted)
{
	char		row[200];

	snprintf(row, sizeof(row), "[{\"match\":\"%s\",\"function\":\"app.%s(text,jsonb,jsonb,jsonb)\",\"function_role\":\"app\"}]", match,
			 strcmp(match, "exact") == 0 ? "one" : "all");
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HOOK, .deleted = deleted, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(pattern), .args = fox_cstr(row), .kwargs = fox_cstr(match)});
}

static int
set_up(void **state)
{
	(void) state;
	world_open();
	hook("pattern", "h.#", false);
	p = peer_join();
	ear = peer_join();
	peer_send(ear, "[32,1,{},\"h.#\"]");
	peer_expect(ear, "[33,1,%]");
	peer_send(ear, "[32,2,{},\"free\"]");
	peer_expect(ear, "[33,2,%]");
	return 0;
}

/* The last call is that of a hook, with such a part of its arguments. */
static void
expect_called(const char *function, const char *part)
{
	const char *called = world_called();

	if (strncmp(called, function, strlen(function)) != 0 || strstr(called, part) == NULL)
		fail_msg("called: %s", called);
}

static void
says(const char *args)
{
	world_returns(false, args, NULL);
	world_pass_ms(0);
}

static void
a_message_goes_on_as_it_was_or_altered(void **state)
{
	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"h.a\",[1],{\"k\":2}]");
	expect_called("app.all", "[\"h.a\",[1],{\"k\":2},{\"session\":");
	peer_expect_nothing(p);
	peer_expect_nothing(ear);
	says("[{}]");
	peer_expect(p, "[17,1,%]");
	peer_expect(ear, "[36,%,%,{\"topic\":\"h.a\"},[1],{\"k\":2}]");
	peer_send(p, "[16,2,{},\"h.a\",[1],{\"k\":2}]");
	says("[{\"args\":[1],\"kwargs\":{\"k\":3}}]");
	peer_expect(ear, "[36,%,%,{\"topic\":\"h.a\"},[1],{\"k\":3}]");
	peer_send(p, "[16,3,{},\"h.a\",[1],{\"k\":2}]");
	says("[{\"args\":7,\"kwargs\":null}]");
	peer_expect(ear, "[36,%,%,{\"topic\":\"h.a\"},[7]]");
	peer_send(p, "[16,4,{},\"h.a\"]");
	expect_called("app.all", "[\"h.a\",[],{},{\"session\":");
	says("[{\"args\":[],\"kwargs\":{}}]");
	peer_expect(ear, "[36,%,%,{\"topic\":\"h.a\"}]");
	/* What has no hook pays nothing. */
	peer_send(p, "[16,5,{},\"free\",[1]]");
	peer_expect(ear, "[36,%,%,{},[1]]");
	assert_string_equal(world_called(), "");
}

static void
null_refuses_and_an_error_is_the_publishers(void **state)
{
	(void) state;
	peer_send(p, "[16,1,{\"acknowledge\":true},\"h.a\"]");
	says("[null]");
	peer_expect(p, "[8,16,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"h.a\\\": "
				"the publish hook does not allow it\"]]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"h.a\"]");
	world_fails("pg.error.P0001", "[\"too hot\"]");
	world_pass_ms(0);
	peer_expect(p, "[8,16,2,{},\"pg.error.P0001\",[\"too hot\"]]");
	for (int i = 0; i < 3; i++)
	{
		static const char *const nonsense[] = {"[true]", "[[1]]", "[{\"kwargs\":[1]}]"};

		peer_send(p, "[16,3,{\"acknowledge\":true},\"h.a\"]");
		says(nonsense[i]);
		peer_expect(p, i < 2 ? "[8,16,3,{},\"wamp.error.invalid_argument\",[\"the publish hook has returned neither an object nor null\"]]" :
					"[8,16,3,{},\"wamp.error.invalid_argument\",[\"the publish hook has returned kwargs that are no object\"]]");
	}
	peer_send(p, "[16,4,{\"acknowledge\":true},\"h.a\"]");
	world_pass_ms(5001);
	peer_expect(p, "[8,16,4,{},\"wamp.error.authorization_failed\",[\"the publish hook has given no answer\"]]");
	says("[{}]");
	peer_expect_nothing(ear);
}

static void
publishes_stay_in_order(void **state)
{
	(void) state;
	peer_send(p, "[16,1,{},\"h.a\",[1]]");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"free\",[2]]");
	peer_send(p, "[48,3,{},\"wamp.session.count\"]");
	peer_expect_nothing(ear);
	says("[{}]");
	peer_expect(ear, "[36,%,%,{\"topic\":\"h.a\"},[1]]");
	peer_expect(ear, "[36,%,%,{},[2]]");
	peer_expect(p, "[50,3,{},[2]]");
	peer_expect(p, "[17,2,%]");
}

/* A text of so many bytes in what stands around it; until the next one. */
static const char *
around(const char *before, size_t n, const char *after)
{
	static FoxBuf text;

	fox_buf_reset(&text);
	fox_buf_str(&text, before);
	for (size_t i = 0; i < n; i++)
		fox_buf_char(&text, 'x');
	fox_buf_put(&text, after, strlen(after) + 1);
	return text.data;
}

static void
answers_that_wait_count_for_their_session(void **state)
{
	size_t		much = 9 * 1024 * 1024;

	(void) state;
	peer_deaf(ear, true);
	for (int i = 1; i <= 5; i++)
	{
		peer_send(p, "[16,%d,{\"acknowledge\":true},\"h.a\"]", i);
		if (i == 2 || i == 3)
			says(around("[{\"args\":[\"", much, "\"]}]"));
		else if (i == 4)
			world_fails("app.error", around("[\"", much, "\"]"));
		else if (i == 5)
			says("[{}]");
	}
	world_pass_ms(5001);
	peer_expect(p, "[8,16,1,{},\"wamp.error.authorization_failed\",[\"the publish hook has given no answer\"]]");
	peer_expect(p, "[17,2,%]");
	peer_expect(p, "[8,16,3,{},\"wamp.error.unavailable\",[\"too many requests wait for the publish hook\"]]");
	peer_expect(p, "[8,16,4,{},\"wamp.error.unavailable\",[\"too many requests wait for the publish hook\"]]");
	peer_expect(p, "[17,5,%]");
	/* What waits for nobody else goes on, however long it is. */
	peer_send(p, "[16,6,{\"acknowledge\":true},\"h.a\"]");
	says(around("[{\"args\":[\"", 2 * much, "\"]}]"));
	peer_expect(p, "[17,6,%]");
}

static void
the_most_specific_hook_counts_and_rows_go(void **state)
{
	(void) state;
	hook("exact", "h.a", false);
	peer_send(p, "[16,1,{},\"h.a\"]");
	expect_called("app.one", "\"h.a\"");
	says("[{}]");
	peer_send(p, "[16,2,{},\"h.b\"]");
	expect_called("app.all", "\"h.b\"");
	says("[{}]");
	hook("exact", "h.a", true);
	hook("pattern", "h.#", true);
	peer_send(p, "[16,3,{},\"h.a\"]");
	assert_string_equal(world_called(), "");
}

static void
permissions_come_first_and_an_authorizer(void **state)
{
	(void) state;
	world_forbid("#", "public");
	peer_send(p, "[16,1,{\"acknowledge\":true},\"h.a\"]");
	peer_expect(p, "[8,16,1,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"h.a\\\"\"]]");
	assert_string_equal(world_called(), "");
	world_permit("h.#", "public", "\"publish\":true,\"function\":\"app.may(jsonb)\"");
	peer_send(p, "[16,2,{\"acknowledge\":true},\"h.a\",[1]]");
	expect_called("app.may", "\"publish\"");
	says("[true]");
	expect_called("app.all", "[\"h.a\",[1],{},");
	says("[{\"args\":[2]}]");
	peer_expect(p, "[17,2,%]");
	/* Who may no longer is refused though the hook is content. */
	world_permit("h.#", "public", "\"publish\":true");
	peer_send(p, "[16,3,{\"acknowledge\":true},\"h.a\"]");
	world_forbid("h.#", "public");
	says("[{}]");
	peer_expect(p, "[8,16,3,{},\"wamp.error.not_authorized\",[\"role \\\"guest\\\" may not publish to \\\"h.a\\\"\"]]");
}

static void
who_has_gone_needs_no_answer_and_testaments_have_no_hook(void **state)
{
	Peer	   *other = peer_join();

	(void) state;
	peer_send(other, "[16,1,{},\"h.a\"]");
	peer_lose(other);
	assert_int_equal(world_canceled(), 1);
	says("[{}]");
	peer_expect_nothing(ear);
	peer_send(p, "[48,1,{},\"wamp.session.add_testament\",[\"h.a\",[],{}]]");
	peer_expect(p, "[8,48,1,{},\"wamp.error.not_authorized\",[\"a testament can not go to a topic that has a publish hook\"]]");
}

static void
malformed_rows_are_nothing(void **state)
{
	static const char *const rows[] = {"", "[]", "[1]", "[{}]", "[{\"match\":\"any\",\"function\":\"f()\"}]", "[{\"match\":\"exact\"}]"};

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HOOK, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("free"),
						  .args = fox_cstr(rows[i])});
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_HOOK, .realm = FOX_LIT("nowhere"), .topic = FOX_LIT("free"),
					  .args = FOX_LIT("[{\"match\":\"exact\",\"function\":\"f()\"}]")});
	peer_send(p, "[16,1,{},\"free\"]");
	assert_string_equal(world_called(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_goes_on_as_it_was_or_altered, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(null_refuses_and_an_error_is_the_publishers, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(publishes_stay_in_order, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(answers_that_wait_count_for_their_session, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(the_most_specific_hook_counts_and_rows_go, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(permissions_come_first_and_an_authorizer, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(who_has_gone_needs_no_answer_and_testaments_have_no_hook, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(malformed_rows_are_nothing, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
