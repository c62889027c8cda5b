/*
 * test_cookie.c - cookies: headers, and logging in by what one stands for.
 */
#include "world.h"

#include <string.h>

#include "codec/cookie.h"

#define A16 "0123456789abcdef"
#define TOKEN A16 A16 A16 A16
#define OLD "ffffffffffffffff" A16 A16 A16

static void
expect_token(const char *header, bool secure, const char *token)
{
	FoxSlice	found = fox_cookie_token(fox_cstr(header), secure);

	if (token == NULL)
		assert_true(fox_absent(found));
	else
		assert_true(fox_slice_is(found, token));
}

static void
a_cookie_header(void **state)
{
	(void) state;
	expect_token("fox_wamp=" TOKEN, false, TOKEN);
	expect_token("a=b; fox_wamp=" TOKEN " ; c", false, TOKEN);
	expect_token("a=b;\tfox_wamp=" TOKEN, false, TOKEN);
	expect_token("__Host-fox_wamp=" TOKEN, true, TOKEN);
	expect_token("fox_wamp=" TOKEN, true, NULL);
	expect_token("__Host-fox_wamp=" TOKEN, false, NULL);
	expect_token("my_fox_wamp=" TOKEN, false, NULL);
	expect_token("fox_wamp=" TOKEN "0", false, NULL);
	expect_token("fox_wamp=" A16, false, NULL);
	expect_token("fox_wamp=" A16 A16 A16 "0123456789ABCDEF", false, NULL);
	expect_token("fox_wamp=", false, NULL);
	expect_token("fox_wamp", false, NULL);
	expect_token(";;", false, NULL);
	expect_token("", false, NULL);
}

static void
expect_set(bool secure, const char *text)
{
	FoxBuf		out = {0};

	fox_cookie_put(&out, fox_cookie_name(secure), TOKEN, secure, 60);
	assert_true(fox_slice_is(fox_buf_view(&out), text));
	fox_buf_free(&out);
}

static void
a_set_cookie_header(void **state)
{
	(void) state;
	expect_set(false, "fox_wamp=" TOKEN "; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
	expect_set(true, "__Host-fox_wamp=" TOKEN "; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
}

static void
pages_of_the_same_host(void **state)
{
	(void) state;
	assert_true(fox_cookie_origin("", "example.com"));
	assert_true(fox_cookie_origin("https://example.com", "example.com"));
	assert_true(fox_cookie_origin("https://Example.com:8443", "example.com:8080"));
	assert_true(fox_cookie_origin("http://[::1]:3000", "[::1]:8080"));
	assert_false(fox_cookie_origin("https://evil.example.com", "example.com"));
	assert_false(fox_cookie_origin("https://example.com.evil.org", "example.com"));
	assert_false(fox_cookie_origin("https://exam", "example.com"));
	assert_false(fox_cookie_origin("http://[::2]", "[::1]"));
	assert_false(fox_cookie_origin("null", "example.com"));
	assert_false(fox_cookie_origin("https://", ""));
}

/* --- logging in --- */

static Peer *
hello(const char *methods)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authid\":\"ann\",\"authmethods\":[%s]}]", methods);
	return p;
}

static bool
asked(const char *part)
{
	return strstr(world_question(), part) != NULL;
}

static void
expect(Peer *p, const char *part)
{
	const char *got = peer_next(p);

	if (strstr(got, part) == NULL)
		fail_msg("expected %s, got %s", part, got);
}

static const FoxPrincipal ann = {.authid = FOX_LIT("ann"), .authrole = FOX_LIT("clerk"), .provider = FOX_LIT("fox_wamp")};
static const FoxPrincipal pencil = {.authid = FOX_LIT("ann"), .authrole = FOX_LIT("clerk"), .provider = FOX_LIT("fox_wamp"),
	.scram = FOX_LIT("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")};
static const FoxPrincipal nobody = {0};

static int
set_up(void **state)
{
	world_set_up(state);
	world_config()->cookie_seconds = 60;
	fox_router_configure(world_router(), world_config());
	world_peer()->new_cookie = TOKEN;
	return 0;
}

static void
what_a_cookie_stands_for(void **state)
{
	Peer	   *p;

	(void) state;
	world_peer()->cookie = OLD;
	p = peer_open();
	assert_string_equal(world_question(), "{\"carry_cookie\":\"" OLD "\",\"to\":\"" TOKEN "\"}");
	peer_send(p, "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authmethods\":[\"cookie\"]}]");
	assert_true(asked("\"method\":\"cookie\"") && asked("\"cookie\":\"" TOKEN "\"") && !asked("ffff"));
	world_login(&ann);
	expect(p, "\"authid\":\"ann\",\"authrole\":\"clerk\",\"authmethod\":\"cookie\"");
}

/* It stands for who has logged in from then on. */
static void
one_that_stands_for_nobody(void **state)
{
	Peer	   *p = hello("\"cookie\",\"ticket\"");

	(void) state;
	world_login(&nobody);
	assert_true(asked("\"method\":\"ticket\"") && !asked("\"cookie\":"));
	world_login(&ann);
	expect(p, "[4,\"ticket\"");
	peer_send(p, "[5,\"pencil\",{}]");
	world_login(&pencil);
	expect(p, "[2,");
	assert_string_equal(world_question(), "{\"keep_cookie\":\"" TOKEN "\",\"realm\":\"realm1\",\"authid\":\"ann\",\"authrole\":\"clerk\","
						"\"authprovider\":\"fox_wamp\",\"authmethod\":\"ticket\",\"seconds\":60}");
	p = hello("\"cookie\",\"anonymous\"");
	world_login(&nobody);
	expect(p, "[2,");
	p = hello("\"cookie\"");
	world_login(&nobody);
	expect(p, "wamp.error.no_matching_auth_method");
	/* That is no guess. */
	world_config()->auth_attempts = 1;
	fox_router_configure(world_router(), world_config());
	for (int i = 0; i < 3; i++)
	{
		p = hello("\"cookie\",\"ticket\"");
		world_login(&nobody);
		world_login(&ann);
		expect(p, "[4,\"ticket\"");
	}
}

/* An answer that is right, behind too many that were not, or of a peer that has gone, leaves none. */
static void
none_of_who_is_not_let_in(void **state)
{
	Peer	   *late[2];

	(void) state;
	world_config()->auth_attempts = 1;
	fox_router_configure(world_router(), world_config());
	for (int i = 0; i < 2; i++)
	{
		late[i] = hello("\"ticket\"");
		world_login(&ann);
		expect(late[i], "[4,\"ticket\"");
	}
	peer_send(late[1], "[5,\"pencil\",{}]");
	peer_lose(late[0]);
	world_login_answer("{\"refused\":\"wamp.error.authentication_denied\",\"text\":\"no\"}");
	expect(late[1], "authentication_denied");
	late[0] = hello("\"ticket\"");
	expect(late[0], "too many log-ins have failed");
	assert_false(asked("keep_cookie"));
	world_config()->auth_attempts = 100;
	fox_router_configure(world_router(), world_config());
	late[0] = hello("\"ticket\"");
	world_login(&ann);
	peer_send(late[0], "[5,\"pencil\",{}]");
	peer_lose(late[0]);
	world_login(&pencil);
	assert_false(asked("keep_cookie"));
}

static void
without_one(void **state)
{
	Peer	   *p;

	(void) state;
	world_peer()->new_cookie = "";
	world_peer()->cookie = OLD;
	p = hello("\"cookie\"");
	expect(p, "wamp.error.no_matching_auth_method");
	world_peer()->new_cookie = TOKEN;
	world_config()->cookie_seconds = 0;
	fox_router_configure(world_router(), world_config());
	p = hello("\"cookie\",\"ticket\"");
	assert_true(asked("\"method\":\"ticket\"") && !asked("cookie"));
	/* A realm that names its methods takes it by its row. */
	world_config()->cookie_seconds = 60;
	fox_router_configure(world_router(), world_config());
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_AUTH, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("ticket")});
	p = hello("\"cookie\"");
	expect(p, "wamp.error.no_matching_auth_method");
}

/* Whoever brings cookies without end gets no more of the database than others. */
static void
too_many_cookies(void **state)
{
	(void) state;
	world_peer()->cookie = OLD;
	for (int i = 0; i < 1000; i++)
		peer_lose(peer_open());
	world_login_answer("{}");
	peer_open();
	world_peer()->cookie = A16 A16 A16 A16;
	peer_open();
	assert_true(asked("\"carry_cookie\":\"" OLD "\""));
}

static void
logging_out(void **state)
{
	Peer	   *p = hello("\"cookie\"");

	(void) state;
	world_login(&ann);
	expect(p, "[2,");
	peer_send(p, "[6,{},\"wamp.close.logout\"]");
	assert_string_equal(world_question(), "{\"forget_cookie\":\"" TOKEN "\"}");
	expect(p, "[6,");
	peer_send(p, "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authid\":\"ann\",\"authmethods\":[\"cookie\",\"ticket\"]}]");
	assert_true(asked("\"method\":\"ticket\"") && !asked("cookie"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_header),
		cmocka_unit_test(a_set_cookie_header),
		cmocka_unit_test(pages_of_the_same_host),
		cmocka_unit_test_setup_teardown(what_a_cookie_stands_for, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(one_that_stands_for_nobody, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(none_of_who_is_not_let_in, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(without_one, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(too_many_cookies, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(logging_out, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
