/* test_login.c - log-ins: the order of messages, negotiation, limits, and every method against known vectors. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/base64.h"
#include "codec/json.h"
#include "core/verifier.h"

#define ROLES "\"roles\":{\"caller\":{}}"
#define DENIED "[3,{\"message\":\"the log-in has failed\"},\"wamp.error.authentication_denied\"]"
#define FOUND "\"agent\":\"fox_wamp\",\"roles\":"

/* RFC 7677's user: its password is "pencil". */
#define PENCIL "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static int
open_world(void **state)
{
	(void) state;
	world_open();
	return 0;
}

static int
close_world(void **state)
{
	(void) state;
	world_close();
	return 0;
}

static FoxPrincipal
principal(const char *authid)
{
	return (FoxPrincipal){.authid = fox_cstr(authid), .authrole = FOX_LIT("clerk"), .provider = FOX_LIT("fox_wamp"),
		.scram = FOX_LIT(PENCIL), .cra = FOX_LIT("PLAIN$secret123"), .keys = FOX_ABSENT, .seed = {7}};
}

static FoxPrincipal
nobody(void)
{
	return (FoxPrincipal){.seed = {9}};
}

static void
say_hello(Peer *p, const char *more)
{
	peer_send(p, "[1,\"realm1\",{" ROLES "%s}]", more);
}

static Peer *
hello(const char *more)
{
	Peer	   *p = peer_open();

	say_hello(p, more);
	return p;
}

static void
expect_prefix(Peer *p, const char *text)
{
	const char *got = peer_next(p);

	if (strncmp(got, text, strlen(text)) != 0)
		fail_msg("expected %s..., got %s", text, got);
}

static void
expect_abort(Peer *p, const char *uri)
{
	const char *got = peer_next(p);

	if (strncmp(got, "[3,", 3) != 0 || strstr(got, uri) == NULL)
		fail_msg("expected ABORT %s, got %s", uri, got);
	assert_true(peer_closed(p));
}

/* The member of the CHALLENGE's extra that p has got, as text to be freed. */
static char *
challenge_member(const char *message, const char *name)
{
	FoxSlice	all = fox_cstr(message);
	FoxSlice	part = FOX_ABSENT;
	FoxBuf		scratch = {0};
	char	   *text;
	size_t		pos = 0;

	for (int i = 0; i < 3; i++)
		assert_true(fox_json_element(all, &pos, &part));
	part = fox_json_get(part, name);
	assert_false(fox_absent(part));
	text = fox_strdup(fox_json_kind(part) == FOX_JSON_STRING ? fox_json_text(part, &scratch) : part);
	fox_buf_free(&scratch);
	return text;
}

/* --- the order of messages --- */

static void
test_ticket(void **state)
{
	Peer	   *p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	FoxPrincipal ann = principal("ann");

	(void) state;
	peer_expect_nothing(p);
	world_login(&ann);
	peer_expect(p, "[4,\"ticket\",{}]");
	peer_send(p, "[5,\"pencil\",{}]");
	peer_expect_nothing(p);
	assert_int_equal(peer_limit(p), 131072);
	world_login(&ann);
	expect_prefix(p, "[2,");
	assert_int_equal(peer_limit(p), 0);
	peer_send(p, "[6,{},\"wamp.close.close_realm\"]");
	expect_prefix(p, "[6,");
	/* A session may be opened again, by another log-in. */
	say_hello(p, ",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(&ann);
	peer_expect(p, "[4,\"ticket\",{}]");
	peer_send(p, "[5,\"pen\",{}]");
	world_login(&ann);
	peer_expect(p, DENIED);
	assert_true(peer_closed(p));
}

static void
test_welcome(void **state)
{
	Peer	   *p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	FoxPrincipal ann = principal("ann");
	const char *welcome;

	(void) state;
	world_login(&ann);
	peer_next(p);
	peer_send(p, "[5,\"pencil\",{}]");
	world_login(&ann);
	welcome = peer_next(p);
	assert_non_null(strstr(welcome, "{\"authid\":\"ann\",\"authrole\":\"clerk\",\"authmethod\":\"ticket\","
						   "\"authprovider\":\"fox_wamp\",\"authextra\":{}," FOUND));
}

static void
test_out_of_order(void **state)
{
	static const char *const ticket = ",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]";
	FoxPrincipal ann = principal("ann");
	Peer	   *p;

	(void) state;
	p = peer_open();			/* AUTHENTICATE without HELLO */
	peer_send(p, "[5,\"pencil\",{}]");
	expect_abort(p, "protocol_violation");

	p = hello(ticket);			/* before the CHALLENGE */
	peer_send(p, "[5,\"pencil\",{}]");
	expect_abort(p, "protocol_violation");
	world_login(&ann);			/* whose answer finds nobody */
	peer_expect_nothing(p);

	p = hello(ticket);			/* a second HELLO */
	say_hello(p, ticket);
	expect_abort(p, "protocol_violation");

	p = hello(ticket);			/* HELLO instead of AUTHENTICATE */
	world_login(&ann);
	peer_next(p);
	say_hello(p, "");
	expect_abort(p, "protocol_violation");

	p = hello(ticket);			/* a second AUTHENTICATE */
	world_login(&ann);
	peer_next(p);
	peer_send(p, "[5,\"pen\",{}]");
	peer_send(p, "[5,\"pencil\",{}]");
	expect_abort(p, "protocol_violation");
	world_login(&ann);
	peer_expect_nothing(p);

	p = hello(ticket);			/* any other message */
	world_login(&ann);
	peer_next(p);
	peer_send(p, "[32,1,{},\"a.b\"]");
	expect_abort(p, "protocol_violation");

	p = hello("");				/* AUTHENTICATE in a session */
	expect_prefix(p, "[2,");
	peer_send(p, "[5,\"pencil\",{}]");
	expect_abort(p, "protocol_violation");

	p = hello(ticket);			/* ABORT of the client's */
	world_login(&ann);
	peer_next(p);
	peer_send(p, "[3,{},\"wamp.error.user_abort\"]");
	peer_expect_nothing(p);
	assert_true(peer_closed(p));

	p = hello(ticket);			/* the transport goes while an executor is at it */
	peer_lose(p);
	world_login(&ann);
}

static void
test_bad_answers(void **state)
{
	static const char *const answers[] = {
		NULL, "", "null", "[]", "{}", "{\"challenge\":{}}", "{\"welcome\":{}}", "{\"welcome\":{\"authid\":\"a\"}}",
		"{\"welcome\":{\"authid\":1,\"authrole\":\"a\"}}"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		Peer	   *p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");

		world_login_answer(answers[i]);
		expect_abort(p, "wamp.error.authentication_");
	}
}

static void
test_no_executor(void **state)
{
	Peer	   *p;

	(void) state;
	world_store_full(true);
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	expect_abort(p, "wamp.error.unavailable");
	world_store_full(false);
}

static void
test_time_is_up(void **state)
{
	FoxPrincipal ann = principal("ann");
	Peer	   *silent;
	Peer	   *slow;
	Peer	   *joined;

	(void) state;
	world_config()->auth_timeout_ms = 5000;
	fox_router_configure(world_router(), world_config());
	silent = peer_open();
	slow = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(&ann);
	peer_next(slow);
	joined = hello("");
	peer_next(joined);
	world_pass_ms(4900);
	peer_expect_nothing(silent);
	world_pass_ms(200);
	expect_abort(silent, "wamp.error.timeout");
	expect_abort(slow, "wamp.error.timeout");
	peer_expect_nothing(joined);
	assert_false(peer_closed(joined));
}

/* --- negotiation --- */

static void
rule(const char *method, bool deleted)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_AUTH, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(method), .deleted = deleted});
}

static void
expect_method(const char *more, const char *method)
{
	Peer	   *p = hello(more);
	char		wanted[64];

	snprintf(wanted, sizeof(wanted), "{\"method\":\"%s\"", method);
	if (strncmp(world_question(), wanted, strlen(wanted)) != 0)
		fail_msg("expected %s, got %s", wanted, world_question());
	peer_lose(p);
}

static void
test_negotiation(void **state)
{
	(void) state;
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"oauth\",7,\"wampcra\",\"ticket\"]", "wampcra");
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"anonymous\"]", "ticket");
	expect_prefix(hello(",\"authmethods\":[\"anonymous\",\"ticket\"]"), "[2,");
	expect_prefix(hello(",\"authmethods\":[\"oauth\",\"anonymous\"]"), "[2,");
	expect_prefix(hello(",\"authmethods\":[]"), "[2,");
	expect_prefix(hello(",\"authmethods\":\"ticket\""), "[2,");
	expect_abort(hello(",\"authmethods\":[\"oauth\"]"), "no_matching_auth_method");
	expect_abort(hello(",\"authmethods\":[\"tls\"]"), "no_matching_auth_method");
	expect_abort(hello(",\"authmethods\":[\"wampcra\"]"), "no_such_principal");
	expect_abort(hello(",\"authid\":\"\",\"authmethods\":[\"ticket\"]"), "no_such_principal");
	expect_abort(hello(",\"authid\":\"ann\\u0000x\",\"authmethods\":[\"wamp-scram\"]"), "none of them zero");

	rule("wamp-scram", false);
	assert_true(fox_router_authenticates(world_router()));
	expect_abort(hello(",\"authid\":\"a\",\"authmethods\":[\"ticket\"]"), "no_matching_auth_method");
	expect_abort(hello(""), "authentication_required");
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"wamp-scram\"]", "wamp-scram");
	rule("anonymous", false);
	expect_prefix(hello(""), "[2,");
	rule("wamp-scram", true);
	assert_false(fox_router_authenticates(world_router()));
	rule("anonymous", true);
	rule("no such method", false);
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\"]", "ticket");
}

static void
test_transport(void **state)
{
	(void) state;
	*world_peer() = (FoxPeer){"10.0.0.9:1", "wamp.2.json", false, "", "websocket", false, "", "", "", FOX_ABSENT};
	expect_abort(hello(""), "authentication_required");
	expect_abort(hello(",\"authmethods\":[\"anonymous\"]"), "authentication_required");
	expect_abort(hello(",\"authid\":\"a\",\"authmethods\":[\"ticket\"]"), "no_matching_auth_method");
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"wampcra\"]", "wampcra");
	*world_peer() = (FoxPeer){"10.0.0.9:1", "wamp.2.json", false, "", "websocket", true, "ann", "", "", FOX_ABSENT};
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"wampcra\"]", "ticket");
	expect_method(",\"authmethods\":[\"tls\"]", "tls");
	assert_non_null(strstr(world_question(), "\"certificate\":\"ann\""));
	/* A page of a web site's, on the loopback address: it has to log in. */
	*world_peer() = (FoxPeer){"127.0.0.1:1", "wamp.2.json", true, "https://example.com", "websocket", true, "", "", "", FOX_ABSENT};
	expect_abort(hello(""), "authentication_required");
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\"]", "ticket");
}

static void
test_tls(void **state)
{
	FoxPrincipal ann = principal("ann");
	FoxPrincipal none = nobody();
	Peer	   *p;

	(void) state;
	world_peer()->certificate = "ann";
	p = hello(",\"authmethods\":[\"tls\"]");
	world_login(&ann);
	expect_prefix(p, "[2,");
	p = hello(",\"authmethods\":[\"tls\"]");
	world_login(&none);
	expect_abort(p, "no_such_principal");
}

/* Rows that a re-read does not find are gone; what changes meanwhile holds. */
static void
test_reread(void **state)
{
	FoxRouter  *r = world_router();
	FoxChange	read = {.kind = FOX_CHANGE_AUTH, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("wampcra"), .silent = true};

	(void) state;
	rule("ticket", false);
	world_reread_begin();
	rule("wampcra", true);		/* newer than what is read */
	fox_router_change(r, &read);
	read.topic = FOX_LIT("cryptosign");
	fox_router_change(r, &read);
	fox_router_reread_end(r);
	expect_method(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"wampcra\",\"cryptosign\"]", "cryptosign");
	expect_abort(hello(",\"authid\":\"a\",\"authmethods\":[\"ticket\",\"wampcra\"]"), "no_matching_auth_method");
}

/* --- failures --- */

static void
fail_once(const char *address, const char *authid, const FoxPrincipal *who)
{
	char		more[100];
	Peer	   *p;

	world_peer()->address = address;
	snprintf(more, sizeof(more), ",\"authid\":\"%s\",\"authmethods\":[\"ticket\"]", authid);
	p = hello(more);
	world_login(who);
	peer_expect(p, "[4,\"ticket\",{}]");
	peer_send(p, "[5,\"wrong\",{}]");
	world_login(who);
	peer_expect(p, DENIED);
}

static void
test_attempts(void **state)
{
	FoxPrincipal ann = principal("ann");
	FoxPrincipal none = nobody();
	Peer	   *p;

	(void) state;
	world_config()->auth_attempts = 3;
	fox_router_configure(world_router(), world_config());
	fail_once("10.0.0.1:1", "a", &ann);
	fail_once("10.0.0.1:2", "b", &none);
	fail_once("10.0.0.1:3", "c", &ann);
	p = hello(",\"authid\":\"d\",\"authmethods\":[\"ticket\"]");	/* the address has had its tries */
	peer_expect(p, "[3,{\"message\":\"too many log-ins have failed: try again in a minute\"},\"wamp.error.authentication_denied\"]");
	fail_once("10.0.0.2:1", "a", &ann);
	fail_once("10.0.0.3:1", "a", &ann);
	world_peer()->address = "10.0.0.4:1";
	expect_abort(hello(",\"authid\":\"a\",\"authmethods\":[\"ticket\"]"), "authentication_denied");	/* the name has had its own */
	fail_once("10.0.0.4:2", "e", &none);
	world_pass_ms(20001);
	fail_once("10.0.0.1:4", "a", &none);	/* a third of a minute is one try */
	world_peer()->address = "10.0.0.1:5";
	expect_abort(hello(",\"authid\":\"f\",\"authmethods\":[\"ticket\"]"), "authentication_denied");
	/* Of IPv6 one network is one guesser. */
	fail_once("[2001:db8::1]:1", "g", &none);
	fail_once("[2001:db8::2]:1", "h", &none);
	fail_once("[2001:db8::3]:1", "i", &none);
	world_peer()->address = "[2001:db8::4]:1";
	expect_abort(hello(",\"authid\":\"j\",\"authmethods\":[\"ticket\"]"), "authentication_denied");
	fail_once("[2001:db8:0:1::1]:1", "k", &none);
}

/* A ticket on its way to an executor; the token of the question. */
static uint64_t
guess(Peer **p, const char *ticket, const FoxPrincipal *who)
{
	*p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(who);
	peer_expect(*p, "[4,\"ticket\",{}]");
	peer_send(*p, "[5,\"%s\",{}]", ticket);
	return world_login_token();
}

static void
test_attempts_at_once(void **state)
{
	static const char wrong[] = "{\"refused\":\"wamp.error.authentication_denied\",\"text\":\"the log-in has failed\"}";
	static const char right[] = "{\"welcome\":{\"authid\":\"ann\",\"authrole\":\"clerk\",\"authprovider\":\"x\",\"authextra\":{}}}";
	FoxPrincipal ann = principal("ann");
	Peer	   *peers[5];
	uint64_t	tokens[4];

	(void) state;
	world_config()->auth_attempts = 2;
	world_config()->cookie_seconds = 60;
	fox_router_configure(world_router(), world_config());
	world_peer()->new_cookie = "a cookie";
	for (int i = 0; i < 4; i++)
		tokens[i] = guess(&peers[i], "guess", &ann);
	/* One that is challenged by now, and answers when the tries are over. */
	peers[4] = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(&ann);
	peer_expect(peers[4], "[4,\"ticket\",{}]");

	/* As long as nothing has failed any number may come. */
	fox_router_login_answer(world_router(), tokens[0], FOX_LIT(right));
	expect_prefix(peers[0], "[2,");
	for (int i = 1; i < 3; i++)
	{
		fox_router_login_answer(world_router(), tokens[i], fox_cstr(wrong));
		peer_expect(peers[i], DENIED);
	}
	fox_router_login_answer(world_router(), tokens[3], FOX_LIT(right));
	peer_expect(peers[3], "[3,{\"message\":\"too many log-ins have failed: try again in a minute\"},\"wamp.error.authentication_denied\"]");
	assert_string_equal(world_question(), "{\"forget_cookie\":\"a cookie\"}");
	peer_send(peers[4], "[5,\"pencil\",{}]");
	expect_abort(peers[4], "too many log-ins have failed");
}

static void
test_leaving_guesser(void **state)
{
	FoxPrincipal ann = principal("ann");
	uint64_t	token;
	Peer	   *p;

	(void) state;
	world_config()->auth_attempts = 2;
	fox_router_configure(world_router(), world_config());
	/* Before the challenge it has tried nothing. */
	for (int i = 0; i < 3; i++)
	{
		p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
		token = world_login_token();
		peer_lose(p);
		assert_true(world_login_gone(token));
	}
	for (int i = 0; i < 2; i++)
	{
		token = guess(&p, "guess", &ann);
		peer_lose(p);
		assert_true(world_login_gone(token));
	}
	expect_abort(hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]"), "too many log-ins have failed");
}

/* --- WAMP-CRA --- */

static void
test_cra_derivation(void **state)
{
	FoxCraVerifier v;
	FoxBuf		made = {0};
	unsigned char key[32];
	FoxBuf		text = {0};

	(void) state;
	/* PBKDF2-HMAC-SHA-256 of RFC 7914, and what autobahn derives from it. */
	assert_true(fox_pbkdf2_sha256(FOX_LIT("passwd"), FOX_LIT("salt"), 1, key, sizeof(key)));
	fox_hex_encode(fox_bytes_slice(key, sizeof(key)), &text);
	assert_true(fox_slice_is(fox_buf_view(&text), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"));
	fox_buf_free(&text);
	assert_true(fox_cra_make(FOX_LIT("secret"), &made));
	assert_true(fox_cra_parse(fox_buf_view(&made), &v));
	assert_int_equal(v.iterations, 4096);
	assert_int_equal(v.key.len, 44);
	fox_buf_free(&made);
	assert_false(fox_cra_parse(FOX_LIT(""), &v));
	assert_false(fox_cra_parse(FOX_LIT("PLAIN$"), &v));
	assert_false(fox_cra_parse(FOX_LIT("WAMP-CRA$0:a$b"), &v));
	assert_false(fox_cra_parse(FOX_LIT("WAMP-CRA$x:a$b"), &v));
	assert_false(fox_cra_parse(FOX_LIT("WAMP-CRA$10:a"), &v));
	assert_false(fox_cra_parse(FOX_LIT("MD5$a"), &v));
}

static Peer *
cra_challenged(const FoxPrincipal *who, char **challenge, bool salted)
{
	Peer	   *p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	const char *got;

	world_login(who);
	got = peer_next(p);
	assert_int_equal(strstr(got, "\"salt\":") != NULL, salted);
	*challenge = challenge_member(got, "challenge");
	return p;
}

static void
cra_sign(Peer *p, const char *key, const char *challenge)
{
	unsigned char mac[32];
	FoxBuf		text = {0};

	assert_true(fox_hmac_sha256(fox_cstr(key), fox_cstr(challenge), mac));
	fox_base64_encode(fox_bytes_slice(mac, sizeof(mac)), &text);
	peer_send(p, "[5,\"%.*s\",{}]", (int) text.len, text.data);
	fox_buf_free(&text);
}

static void
test_cra(void **state)
{
	FoxPrincipal ann = principal("ann");
	FoxPrincipal none = nobody();
	char	   *first;
	char	   *second;
	char	   *session;
	Peer	   *p;
	const char *welcome;

	(void) state;
	p = cra_challenged(&ann, &first, false);
	cra_sign(p, "secret123", first);
	world_login(&ann);
	welcome = peer_next(p);
	session = strndup(welcome + 3, strcspn(welcome + 3, ","));	/* the id is the one that was signed */
	assert_non_null(strstr(first, session));
	free(session);

	p = cra_challenged(&ann, &second, false);	/* a replay of the first answer */
	assert_string_not_equal(first, second);
	cra_sign(p, "secret123", first);
	world_login(&ann);
	peer_expect(p, DENIED);
	free(first);
	free(second);

	p = cra_challenged(&none, &first, true);
	cra_sign(p, "", first);
	world_login(&none);
	peer_expect(p, DENIED);
	free(first);

	/* Who may not log in is not told by the right secret either. */
	ann.authid = FOX_ABSENT;
	p = cra_challenged(&ann, &first, false);
	cra_sign(p, "secret123", first);
	world_login(&ann);
	peer_expect(p, DENIED);
	free(first);
}

/* --- WAMP-SCRAM --- */

static void
test_scram_verifier(void **state)
{
	static const char *const bad[] = {
		"", "md5abc", "SCRAM-SHA-256", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==",
		"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$99999999999:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:!$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:",
	};
	FoxScramVerifier v;
	FoxScramVerifier other;
	unsigned char seed[32] = {1};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(fox_scram_parse(fox_cstr(bad[i]), &v));
	assert_true(fox_scram_parse(FOX_LIT(PENCIL), &v));
	assert_true(fox_scram_password_fits(&v, FOX_LIT("pencil")));
	assert_false(fox_scram_password_fits(&v, FOX_LIT("pencils")));
	assert_false(fox_scram_password_fits(&v, FOX_LIT("")));
	assert_false(fox_scram_password_fits(&v, fox_slice("pencil\0", 7)));
	fox_scram_make_up(seed, false, &v);
	fox_scram_make_up(seed, false, &other);
	assert_true(fox_slice_eq(v.salt_text, other.salt_text));
	assert_int_equal(v.iterations, 4096);
	seed[0] = 2;
	fox_scram_make_up(seed, false, &other);
	assert_false(fox_slice_eq(v.salt_text, other.salt_text));
}

static void
ask_scram(const char *more, const FoxPrincipal *who, const char *wanted)
{
	FoxAuthQuestion q;
	FoxBuf		question = {0};
	FoxBuf		out = {0};

	fox_buf_str(&question, "{\"method\":\"wamp-scram\",\"realm\":\"realm1\",\"authid\":\"user\",\"session\":1,");
	fox_buf_str(&question, more);
	fox_buf_char(&question, '}');
	assert_true(fox_auth_read(fox_buf_view(&question), &q));
	fox_auth_answer(&q, who, &out);
	fox_buf_char(&out, '\0');
	if (strcmp(out.data, wanted) != 0)
		fail_msg("expected %s, got %s", wanted, out.data);
	fox_auth_free(&q);
	fox_buf_free(&question);
	fox_buf_free(&out);
}

/* RFC 7677, section 3. */
#define RFC_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_STATE "\"authextra\":{\"nonce\":\"rOprNGfwEbeRWgbNEkqO\"},\"state\":{\"nonce\":\"" RFC_NONCE "\"," \
	"\"first\":\"n=user,r=rOprNGfwEbeRWgbNEkqO,r=" RFC_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096\"},"
#define RFC_PROOF "\"signature\":\"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=\","
#define REFUSED "{\"refused\":\"wamp.error.authentication_denied\",\"text\":\"the log-in has failed\"}"
#define RFC_WELCOME "{\"welcome\":{\"authid\":\"user\",\"authrole\":\"clerk\",\"authprovider\":\"fox_wamp\",\"authextra\":{" \
	"\"verifier\":\"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=\"," \
	"\"scram_server_signature\":\"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=\"}}}"

static void
test_scram_vector(void **state)
{
	FoxPrincipal user = principal("user");
	FoxPrincipal none = nobody();

	(void) state;
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{\"nonce\":\"" RFC_NONCE "\",\"channel_binding\":null,\"cbind_data\":null}", &user, RFC_WELCOME);
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{}", &user, RFC_WELCOME);
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{\"nonce\":\"another\"}", &user, REFUSED);
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{\"channel_binding\":\"tls-unique\"}", &user, REFUSED);
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{}", &none, REFUSED);
	ask_scram(RFC_STATE "\"signature\":\"\",\"extra\":{}", &user, REFUSED);
	ask_scram(RFC_STATE "\"signature\":\"AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=\",\"extra\":{}", &user, REFUSED);
	ask_scram("\"authextra\":{},\"state\":{}," RFC_PROOF "\"extra\":{}", &user, REFUSED);
	user.authid = FOX_ABSENT;
	ask_scram(RFC_STATE RFC_PROOF "\"extra\":{}", &user, REFUSED);
}

static void
test_scram_hello(void **state)
{
	static const char *const bad[] = {
		"", ",\"authextra\":{}", ",\"authextra\":7", ",\"authextra\":{\"nonce\":7}", ",\"authextra\":{\"nonce\":\"\"}",
		",\"authextra\":{\"nonce\":\"a,r=bbbb\"}", ",\"authextra\":{\"nonce\":\"AAAA\"}",
		",\"authextra\":{\"nonce\":\"egVDf3DMJh0=\",\"channel_binding\":\"tls-unique\"}"
	};
	FoxPrincipal ann = principal("ann");
	FoxPrincipal none = nobody();
	const char *got;
	char	   *salt[2];
	char	   *nonce;
	Peer	   *p;
	char		more[300];

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		snprintf(more, sizeof(more), ",\"authid\":\"ann\",\"authmethods\":[\"wamp-scram\"]%s", bad[i]);
		p = hello(more);
		world_login(&ann);
		expect_abort(p, "wamp.error.authentication_failed");
	}
	for (int i = 0; i < 2; i++)	/* the mock challenge keeps its salt, and never its nonce */
	{
		p = hello(",\"authid\":\"ghost\",\"authmethods\":[\"wamp-scram\"],\"authextra\":{\"nonce\":\"egVDf3DMJh0=\"}");
		world_login(&none);
		got = peer_next(p);
		assert_non_null(strstr(got, "\"kdf\":\"pbkdf2\",\"iterations\":4096"));
		salt[i] = challenge_member(got, "salt");
		nonce = challenge_member(got, "nonce");
		assert_int_equal(strncmp(nonce, "egVDf3DMJh0=", 12), 0);
		assert_true(strlen(nonce) >= 12 + 22);
		free(nonce);
	}
	assert_string_equal(salt[0], salt[1]);
	free(salt[0]);
	free(salt[1]);
}

/* What a role chooses for itself keeps no executor busy; for the client's own computing it counts. */
static void
test_many_iterations(void **state)
{
	FoxPrincipal ann = principal("ann");
	Peer	   *p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");

	(void) state;
	ann.scram = FOX_LIT("SCRAM-SHA-256$2000000000:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	world_login(&ann);
	peer_next(p);
	peer_send(p, "[5,\"pencil\",{}]");
	world_login(&ann);
	peer_expect(p, DENIED);
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wamp-scram\"],\"authextra\":{\"nonce\":\"egVDf3DMJh0=\"}");
	world_login(&ann);
	assert_non_null(strstr(peer_next(p), "\"iterations\":2000000000"));
}

static int	hashes_computed;

extern bool __real_fox_password_hash_fits(FoxSlice text, FoxSlice password);
extern bool __wrap_fox_password_hash_fits(FoxSlice text, FoxSlice password);

bool
__wrap_fox_password_hash_fits(FoxSlice text, FoxSlice password)
{
	hashes_computed++;
	return __real_fox_password_hash_fits(text, password);
}

static void
say_password(const char *name, const FoxPrincipal *who, const char *password, bool welcome)
{
	char		text[128];
	Peer	   *p;

	snprintf(text, sizeof(text), ",\"authid\":\"%s\",\"authmethods\":[\"ticket\"]", name);
	p = hello(text);
	world_login(who);
	peer_next(p);
	snprintf(text, sizeof(text), "[5,\"%s\",{}]", password);
	peer_send(p, text);
	world_login(who);
	if (welcome)
		assert_int_equal(strncmp(peer_next(p), "[2,", 3), 0);
	else
		peer_expect(p, DENIED);
}

/* A name without a hash has one that stands in for it: it is computed, and opens nothing. */
static void
test_stand_in(void **state)
{
	static const char bcrypt[] = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";	/* of "secret" */
	FoxPrincipal ann = principal("ann");
	FoxPrincipal ghost = nobody();

	(void) state;
	ann.scram = ghost.stand_in = fox_cstr(bcrypt);
	say_password("ann", &ann, "secret", true);
	say_password("ann", &ann, "wrong", false);
	assert_int_equal(hashes_computed, 2);
	say_password("ghost", &ghost, "wrong", false);
	say_password("ghost", &ghost, "secret", false);
	assert_int_equal(hashes_computed, 4);
	ann.scram = FOX_ABSENT;		/* she has no password */
	ann.stand_in = fox_cstr(bcrypt);
	say_password("ann", &ann, "secret", false);
	assert_int_equal(hashes_computed, 5);
	ann.stand_in = ghost.stand_in = FOX_LIT(PENCIL);
	say_password("ann", &ann, "pencil", false);
	say_password("ghost", &ghost, "pencil", false);
	assert_int_equal(hashes_computed, 5);
}

/* The derived key is that of another implementation (connectanum, in Dart). */
static void
test_argon2(void **state)
{
	unsigned char derived[FOX_SHA256];
	unsigned char expected[64];
	unsigned char seed[FOX_SHA256] = {1};
	char		salt[24];
	size_t		len;
	FoxScramVerifier v;
	FoxScramVerifier other;
	FoxBuf		made = {0};
	static const char *const bad[] = {
		"ARGON2ID13$2:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"ARGON2ID13$2,0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$2,19456:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	};

	(void) state;
	assert_true(fox_base64_decode(FOX_LIT("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, &len));
	assert_true(fox_argon2id(FOX_LIT("pencil"), fox_slice(salt, len), 4096, 100, derived, sizeof(derived)));
	assert_true(fox_base64_decode(FOX_LIT("6AIVIE+fg84WuUMIH3cJilV2H1kpnf4SHlOHTqatIFA="), (char *) expected, &len));
	assert_memory_equal(derived, expected, FOX_SHA256);
	assert_false(fox_argon2id(FOX_LIT("pencil"), FOX_LIT("short"), 1, 100, derived, sizeof(derived)));

	assert_true(fox_argon2_make(FOX_LIT("secret"), &made));
	assert_true(fox_scram_parse(fox_buf_view(&made), &v));
	assert_int_equal(v.iterations, FOX_ARGON2_ITERATIONS);
	assert_int_equal(v.memory, FOX_ARGON2_MEMORY);
	assert_true(fox_scram_affordable(&v));
	assert_true(fox_scram_password_fits(&v, FOX_LIT("secret")));
	assert_false(fox_scram_password_fits(&v, FOX_LIT("Secret")));
	fox_buf_free(&made);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(fox_scram_parse(fox_cstr(bad[i]), &v));
	fox_scram_make_up(seed, true, &other);
	assert_int_equal(other.memory, FOX_ARGON2_MEMORY);
	other.memory = FOX_ARGON2_MEMORY_MAX + 1;
	assert_false(fox_scram_affordable(&other));
	other.memory = 1024;
	other.iterations = 1025;
	assert_false(fox_scram_affordable(&other));
}

/* The client is told what to compute; whoever nobody is looks the same where the configuration says so. */
static void
test_argon2_challenge(void **state)
{
	FoxPrincipal ann = principal("ann");
	FoxPrincipal ghost = nobody();
	Peer	   *p;

	(void) state;
	ann.scram = FOX_LIT("ARGON2ID13$3,1024:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wamp-scram\"],\"authextra\":{\"nonce\":\"egVDf3DMJh0=\"}");
	world_login(&ann);
	assert_non_null(strstr(peer_next(p), "\"salt\":\"W22ZaJ0SNY7soEsUEjb6gQ==\",\"kdf\":\"argon2id13\",\"iterations\":3,\"memory\":1024}"));
	p = hello(",\"authid\":\"ghost\",\"authmethods\":[\"wamp-scram\"],\"authextra\":{\"nonce\":\"egVDf3DMJh0=\"}");
	world_login(&ghost);
	assert_non_null(strstr(peer_next(p), "\"kdf\":\"pbkdf2\""));
	world_config()->argon2 = true;
	fox_router_configure(world_router(), world_config());
	p = hello(",\"authid\":\"ghost\",\"authmethods\":[\"wamp-scram\"],\"authextra\":{\"nonce\":\"egVDf3DMJh0=\"}");
	world_login(&ghost);
	assert_non_null(strstr(peer_next(p), "\"kdf\":\"argon2id13\",\"iterations\":2,\"memory\":19456}"));
}

/* --- cryptosign --- */

static EVP_PKEY *key;
static char public_hex[65];

static void
make_key(unsigned char seed)
{
	unsigned char secret[32] = {seed};
	unsigned char public[32];
	size_t		len = sizeof(public);
	FoxBuf		hex = {0};

	EVP_PKEY_free(key);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &len), 1);
	fox_hex_encode(fox_bytes_slice(public, len), &hex);
	memcpy(public_hex, hex.data, 64);
	fox_buf_free(&hex);
}

static Peer *
sign_challenged(const FoxPrincipal *who, char **challenge)
{
	char		more[300];
	Peer	   *p;

	snprintf(more, sizeof(more), ",\"authid\":\"ann\",\"authmethods\":[\"cryptosign\"],\"authextra\":{\"pubkey\":\"%s\"}", public_hex);
	p = hello(more);
	world_login(who);
	*challenge = challenge_member(peer_next(p), "challenge");
	assert_int_equal(strlen(*challenge), 64);
	return p;
}

static void
sign(Peer *p, const char *challenge, const char *behind)
{
	unsigned char bytes[32];
	unsigned char signature[64];
	size_t		len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	FoxBuf		hex = {0};

	assert_true(fox_hex_decode(fox_cstr(challenge), bytes, sizeof(bytes)));
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, bytes, sizeof(bytes)), 1);
	EVP_MD_CTX_free(ctx);
	fox_hex_encode(fox_bytes_slice(signature, len), &hex);
	peer_send(p, "[5,\"%.*s%s\",{}]", (int) hex.len, hex.data, behind);
	fox_buf_free(&hex);
}

static void
test_cryptosign(void **state)
{
	static const char *const bad[] = {"", "00", "zz", NULL};
	FoxPrincipal ann = principal("ann");
	char		keys[200];
	char		more[300];
	char	   *first;
	char	   *second;
	Peer	   *p;

	(void) state;
	make_key(1);
	snprintf(keys, sizeof(keys), "[\"%s\",\"%064d\"]", public_hex, 0);
	ann.keys = fox_cstr(keys);
	p = sign_challenged(&ann, &first);
	sign(p, first, first);
	world_login(&ann);
	expect_prefix(p, "[2,");

	p = sign_challenged(&ann, &second);	/* without what was signed */
	sign(p, second, "");
	world_login(&ann);
	expect_prefix(p, "[2,");
	free(second);

	p = sign_challenged(&ann, &second);	/* a signature over another challenge, which it names */
	sign(p, first, first);
	world_login(&ann);
	peer_expect(p, DENIED);
	free(second);

	p = sign_challenged(&ann, &second);	/* the same, which it hides */
	sign(p, first, second);
	world_login(&ann);
	peer_expect(p, DENIED);
	free(second);

	p = sign_challenged(&ann, &second);
	peer_send(p, "[5,\"\",{}]");
	world_login(&ann);
	peer_expect(p, DENIED);
	free(second);
	free(first);

	make_key(2);				/* a key that is not ann's */
	p = sign_challenged(&ann, &first);
	sign(p, first, first);
	world_login(&ann);
	peer_expect(p, DENIED);
	free(first);

	for (int i = 0; bad[i] != NULL; i++)
	{
		snprintf(more, sizeof(more), ",\"authid\":\"ann\",\"authmethods\":[\"cryptosign\"],\"authextra\":{\"pubkey\":\"%s\"}", bad[i]);
		p = hello(more);
		world_login(&ann);
		expect_abort(p, "authentication_failed");
	}
	EVP_PKEY_free(key);
	key = NULL;
}

/* --- authenticators --- */

static void
authenticate_by(const char *method, const char *procedure)
{
	char		args[100];

	snprintf(args, sizeof(args), "[{\"authenticator\":\"%s\"}]", procedure);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_AUTH, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(method), .args = fox_cstr(args)});
}

static void
test_authenticator(void **state)
{
	Peer	   *callee = peer_join();
	FoxPrincipal ann = principal("ann");
	uint64_t	id;
	Peer	   *p;

	(void) state;
	peer_send(callee, "[64,1,{},\"auth.check\"]");
	peer_expect(callee, "[65,1,%]");
	authenticate_by("ticket", "auth.check");
	authenticate_by("wampcra", "auth.check");

	/* WAMP-CRA: asked at HELLO; what it says goes with both questions. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"],\"authextra\":{\"x\":1}");
	peer_expect(callee, "[68,%,%,{},[\"realm1\",\"ann\",{\"authmethod\":\"wampcra\",\"peer\":\"%.%.%.%:%\",\"transport\":\"websocket\","
				"\"session\":%,\"authextra\":{\"x\":%}}]]");
	id = peer_number(0);
	peer_expect_nothing(p);
	peer_send(callee, "[70,%llu,{},[{\"role\":\"clerk\",\"secret\":\"secret123\"}]]", (unsigned long long) id);
	peer_expect_nothing(p);
	world_pass_ms(1);
	assert_non_null(strstr(world_question(), "\"found\":{\"role\":\"clerk\",\"secret\":\"secret123\"}"));
	world_login(&ann);
	expect_prefix(p, "[4,\"wampcra\"");
	peer_send(p, "[5,\"\",{}]");
	assert_non_null(strstr(world_question(), "\"found\":{\"role\":\"clerk\",\"secret\":\"secret123\"}"));
	world_login(&ann);
	peer_expect(p, DENIED);

	/* A ticket: asked when it has come; a text is the role. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(&ann);
	peer_expect(p, "[4,\"ticket\",{}]");
	peer_send(p, "[5,\"t1cket\",{}]");
	assert_non_null(strstr(peer_next(callee), "\"ticket\":\"t1cket\""));
	peer_send(callee, "[70,%llu,{},[\"clerk\"]]", (unsigned long long) ++id);
	world_pass_ms(1);
	assert_non_null(strstr(world_question(), "\"found\":{\"role\":\"clerk\"}"));
	world_login_answer("{\"welcome\":{\"authid\":\"ann\",\"authrole\":\"clerk\",\"authprovider\":\"dynamic\",\"authextra\":{}}}");
	expect_prefix(p, "[2,");

	/* The empty one is nobody's: it is not asked, and the tables are not either. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"ticket\"]");
	world_login(&ann);
	peer_expect(p, "[4,\"ticket\",{}]");
	peer_send(p, "[5,\"\",{}]");
	peer_expect_nothing(callee);
	assert_non_null(strstr(world_question(), "\"found\":{}"));
	peer_lose(p);

	/* Its error: nobody, which the executor hears as any other; a result of no use, the same. */
	p = hello(",\"authid\":\"ghost\",\"authmethods\":[\"wampcra\"]");
	peer_next(callee);
	peer_send(callee, "[8,68,%llu,{},\"no.such.user\"]", (unsigned long long) ++id);
	world_pass_ms(1);
	assert_non_null(strstr(world_question(), "\"found\":{}"));
	peer_lose(p);
	p = hello(",\"authid\":\"ghost\",\"authmethods\":[\"wampcra\"]");
	peer_next(callee);
	peer_send(callee, "[70,%llu,{},[7]]", (unsigned long long) ++id);
	world_pass_ms(1);
	assert_non_null(strstr(world_question(), "\"found\":{}"));
	peer_lose(p);

	/* The peer goes: the call is cancelled. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	peer_next(callee);
	peer_lose(p);
	expect_prefix(callee, "[69,");
	id++;

	/* What the peer sends meanwhile is a violation. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	peer_next(callee);
	peer_send(p, "[5,\"\",{}]");
	expect_abort(p, "protocol_violation");
	peer_next(callee);
	id++;

	/* The callee goes, or was never there. */
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	peer_next(callee);
	peer_lose(callee);
	world_pass_ms(1);
	expect_abort(p, "wamp.error.authentication_failed");
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	world_pass_ms(1);
	expect_abort(p, "wamp.error.authentication_failed");

	/* And the time is limited here too. */
	world_config()->auth_timeout_ms = 1000;
	fox_router_configure(world_router(), world_config());
	authenticate_by("wampcra", "auth.never");
	rule("anonymous", false);
	callee = hello("");
	peer_next(callee);
	peer_send(callee, "[64,1,{},\"auth.never\"]");
	peer_expect(callee, "[65,1,%]");
	p = hello(",\"authid\":\"ann\",\"authmethods\":[\"wampcra\"]");
	world_pass_ms(1001);
	expect_abort(p, "wamp.error.timeout");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(test_ticket), TEST(test_welcome), TEST(test_out_of_order), TEST(test_bad_answers), TEST(test_no_executor),
		TEST(test_time_is_up), TEST(test_negotiation), TEST(test_transport), TEST(test_tls), TEST(test_reread),
		TEST(test_attempts), TEST(test_attempts_at_once), TEST(test_leaving_guesser), TEST(test_cra_derivation), TEST(test_cra),
		TEST(test_scram_verifier), TEST(test_scram_vector), TEST(test_scram_hello), TEST(test_many_iterations), TEST(test_stand_in), TEST(test_argon2),
		TEST(test_argon2_challenge), TEST(test_cryptosign), TEST(test_authenticator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
