/*
 * test_http_gate.c - HTTP requests, from the connection to the call and back: paths, methods, log-ins, sessions.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "core/core.h"
#include "core/token.h"
#include "gate/http_gate.h"

/* One connection, and the last answer on it. */
typedef struct Client
{
	void	   *gate;
	unsigned	status;			/* 0: none has come */
	char	   *headers;
	char	   *body;
	bool		streaming;
	bool		ended;
} Client;

static Client clients[4];
static int	n_clients;

static void
keep(char **at, FoxSlice text)
{
	free(*at);
	*at = fox_strdup(fox_absent(text) ? FOX_LIT("") : text);
}

static void
on_answer(void *conn, unsigned status, FoxSlice headers, FoxSlice body)
{
	Client	   *c = conn;

	assert_int_equal(c->status, 0);
	c->status = status;
	keep(&c->headers, headers);
	keep(&c->body, body);
}

static void
on_stream(void *conn, unsigned status, FoxSlice headers)
{
	on_answer(conn, status, headers, FOX_LIT(""));
	((Client *) conn)->streaming = true;
}

static void
on_part(void *conn, FoxSlice part)
{
	keep(&((Client *) conn)->body, part);
}

static void
on_end(void *conn)
{
	((Client *) conn)->ended = true;
}

static Client *
client(void)
{
	Client	   *c = &clients[n_clients++];
	FoxHttpTransport transport = {c, on_answer, on_stream, on_part, on_end};

	c->gate = fox_http_gate_open(world_router(), &transport);
	return c;
}

static void
send_from(Client *c, const char *address, bool loopback, const char *method, const char *target, const char *headers, const char *body)
{
	c->status = 0;
	fox_http_gate_request(c->gate, &(FoxHttpAsk){
		.method = fox_cstr(method), .target = fox_cstr(target), .headers = fox_cstr(headers), .body = fox_cstr(body),
		.address = address, .origin = "", .loopback = loopback, .confidential = loopback, .certificate = ""
	});
}

static void
send(Client *c, const char *method, const char *target, const char *headers, const char *body)
{
	send_from(c, "127.0.0.1:1", true, method, target, headers, body);
}

static void
expect(Client *c, unsigned status, const char *has)
{
	if (c->status != status || (strstr(c->body, has) == NULL && strstr(c->headers, has) == NULL))
		fail_msg("%u %s %s, not %u %s", c->status, c->headers ? c->headers : "", c->body ? c->body : "", status, has);
}

/* --- the router's rows --- */

static void
row(FoxChangeKind kind, const char *topic, const char *args, const char *kwargs)
{
	fox_router_change(world_router(), &(FoxChange){.kind = kind, .realm = FOX_LIT("realm1"), .topic = fox_cstr(topic), .args = fox_cstr(args), .kwargs = fox_cstr(kwargs)});
}

static int
set_up(void **state)
{
	int			result = world_set_up(state);

	n_clients = 0;
	memset(clients, 0, sizeof(clients));
	world_config()->token_timeout_s = 60;
	world_config()->tokens_per_user = 2;
	world_config()->anonymous = true;
	fox_router_configure(world_router(), world_config());
	row(FOX_CHANGE_ROOT, "root", "[{\"style\":\"result\",\"auth\":false}]", NULL);
	row(FOX_CHANGE_ROOT, "api", "[{\"style\":\"plain\",\"auth\":true}]", NULL);
	row(FOX_CHANGE_EXPOSED, "root.f", "[{\"function\":\"f()\"}]", "\"f()\"");
	row(FOX_CHANGE_EXPOSED, "api.f", "[{\"function\":\"f()\"}]", "\"f()\"");
	row(FOX_CHANGE_EXPOSED, "root.People", "[{\"function\":\"t()\",\"methods\":[\"GET\",\"PUT\",\"POST\"],\"bound\":\"rows\",\"table\":\"a.people\"}]", "null");
	row(FOX_CHANGE_EXPOSED, "root.People.hex", "[{\"function\":\"hex(a.people)\",\"bound\":\"row\",\"table\":\"root.people\"}]", "\"hex\"");
	return result;
}

static int
tear_down(void **state)
{
	for (int i = 0; i < n_clients; i++)
	{
		if (clients[i].gate != NULL)
			fox_http_gate_close(clients[i].gate);
		free(clients[i].headers);
		free(clients[i].body);
	}
	return world_tear_down(state);
}

/* --- tests --- */

static void
paths(void **state)
{
	static const struct
	{
		const char *method;
		const char *target;
		unsigned	status;		/* 0: a call */
		const char *has;
	}			cases[] = {
		{"GET", "/root/f", 0, "f()"}, {"GET", "/ROOT/F/?x=1", 0, "f()"}, {"HEAD", "/root/%66", 0, "f()"}, {"GET", "/root", 404, "Not Found"},
		{"GET", "/", 404, ""}, {"GET", "x", 404, ""}, {"GET", "/root//f", 404, ""}, {"GET", "/root/f%2F", 404, ""}, {"GET", "/root/f%00", 404, ""}, {"GET", "/root/f/6", 404, ""},
		{"GET", "/none/f", 404, ""}, {"DELETE", "/root/f", 405, "Allow: GET, HEAD, POST"}, {"OPTIONS", "/root/f", 204, "Allow: OPTIONS, GET, HEAD, POST"},
		{"GET", "/root/people", 0, "t()"}, {"POST", "/root/People", 0, "t()"}, {"PUT", "/root/People", 405, "Allow: GET, HEAD, POST"},
		{"GET", "/root/People/6", 0, "t()"}, {"GET", "/root/People/a%2Fb", 0, "t()"}, {"POST", "/root/People/6", 405, "Allow: GET, HEAD, PUT"}, {"DELETE", "/root/People/6", 405, ""},
		{"GET", "/root/People/6/name", 0, "t()"}, {"PUT", "/root/People/6/name", 405, "Allow: GET, HEAD"}, {"GET", "/root/People/6/HEX", 0, "hex(a.people)"}, {"GET", "/root/People/hex", 0, "hex(a.people)"},
		{"GET", "/root/People/6/hex/7", 404, ""}, {"GET", "/root/openapi.json", 0, "fox_wamp.openapi()"}, {"PUT", "/root/batch", 0, "fox_wamp.batch(json)"},
		{"GET", "/root/timestamp", 200, ""}, {"BREW", "/root/f", 405, ""}, {"GET", "/api/f", 401, "WWW-Authenticate"}
	};
	Client	   *c = client();

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		send(c, cases[i].method, cases[i].target, "", "");
		if (cases[i].status != 0)
		{
			expect(c, cases[i].status, cases[i].has);
			continue;
		}
		if (strncmp(world_called(), cases[i].has, strlen(cases[i].has)) != 0 || c->status != 0)
			fail_msg("%s %s: %u", cases[i].method, cases[i].target, c->status);
		world_fails("pg.error.22012", "[\"division by zero\"]");
		expect(c, 500, "division by zero");
	}
}

static void
what_is_no_request_has_its_status(void **state)
{
	Client	   *c = client();

	(void) state;
	fox_http_gate_request(c->gate, &(FoxHttpAsk){.status = 413});
	expect(c, 413, "Too Large");
}

static void
a_connection_that_goes_takes_its_call_along(void **state)
{
	Client	   *c = client();
	int			before = world_canceled();

	(void) state;
	send(c, "GET", "/root/f", "", "");
	fox_http_gate_close(c->gate);
	c->gate = NULL;
	assert_int_equal(world_canceled(), before + 1);
	world_fails("pg.error.57014", "[\"canceled\"]");
}

/* The token of the answer, in a text that lives until the next one is taken. */
static const char *
bearer(Client *c)
{
	static char text[2][128];
	static int	turn;
	const char *token = strstr(c->body, "\"token\":\"");

	assert_non_null(token);
	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "Authorization: Bearer %.*s\r\n", FOX_TOKEN, token + 9);
	return text[turn];
}

static uint64_t
session_of(Client *c)
{
	return strtoull(strstr(c->body, "\"session\":") + 10, NULL, 10);
}

static void
a_session_is_of_many_connections(void **state)
{
	Client	   *a = client();
	Client	   *b = client();
	char		token[128];
	uint64_t	id;
	int			before;

	(void) state;
	send(a, "POST", "/root/auth", "", "");
	expect(a, 201, "\"user\":\"anonymous\"");
	id = session_of(a);
	snprintf(token, sizeof(token), "%s", bearer(a));
	assert_null(strstr(a->headers, "Set-Cookie"));
	send(a, "GET", "/api/f", token, "");
	assert_memory_equal(world_called(), "f()", 3);
	send(b, "GET", "/root/f", token, "");
	assert_int_equal(a->status, 0);
	world_fails("wamp.error.unavailable", "[\"b's\"]");
	expect(b, 503, "b's");
	/* The call of a connection that goes is canceled, the session stays. */
	before = world_canceled();
	send(b, "GET", "/root/f", token, "");
	fox_http_gate_close(b->gate);
	b->gate = NULL;
	assert_int_equal(world_canceled(), before + 1);
	/* What waits hears when the session is killed. */
	fox_session_kill(fox_idmap_get(&world_router()->sessions, id), "wamp.close.killed", FOX_ABSENT);
	expect(a, 503, "the session has ended");
	send(a, "GET", "/root/f", token, "");
	expect(a, 401, "the session has ended");
	send(a, "GET", "/root/f", "", "");
	assert_memory_equal(world_called(), "f()", 3);
}

static void
a_listener_ends_with_the_session_that_it_is_of(void **state)
{
	Client	   *a = client();
	Client	   *b = client();
	const char *token;

	(void) state;
	send(a, "POST", "/root/auth", "", "");
	token = bearer(a);
	send(b, "GET", "/root/events/x/%23", token, "");
	assert_true(b->status == 200 && b->streaming && !b->ended);
	send(a, "POST", "/root/publish", "Content-Type: application/json\r\n", "{\"topic\":\"x.y\",\"args\":[1]}");
	expect(a, 200, "\"id\":");
	assert_non_null(strstr(b->body, "\"topic\":\"x.y\",\"args\":[1]"));
	send(a, "DELETE", "/root/auth", token, "");
	expect(a, 200, "");
	assert_true(b->ended);
	assert_non_null(strstr(b->body, "event: end"));
}

static void
time_and_number_end_sessions(void **state)
{
	Client	   *c = client();
	char		first[128];
	char		second[128];

	(void) state;
	send(c, "POST", "/root/auth", "", "");
	snprintf(first, sizeof(first), "%s", bearer(c));
	send(c, "POST", "/root/auth", "", "");
	snprintf(second, sizeof(second), "%s", bearer(c));
	send(c, "GET", "/root/auth", first, "");
	expect(c, 200, "\"expires_in\":60");
	send(c, "POST", "/root/auth", "", "");
	send(c, "GET", "/root/auth", second, "");
	expect(c, 401, "the session has ended");	/* it was unused for longest */
	/* A call that runs keeps it. */
	send(c, "GET", "/root/f", first, "");
	world_pass_ms(61000);
	world_fails("pg.error.XX000", "[\"x\"]");
	send(c, "GET", "/root/auth", first, "");
	expect(c, 200, "");
	world_pass_ms(59000);
	send(c, "GET", "/root/auth", first, "");
	expect(c, 200, "");
	world_pass_ms(61000);
	send(c, "GET", "/root/auth", first, "");
	expect(c, 401, "");
	assert_int_equal(world_router()->tokens.count, 0);
	assert_int_equal(world_router()->token_holders.count, 0);
}

static void
who_logs_in(void **state)
{
	Client	   *c = client();

	(void) state;
	send(c, "POST", "/api/auth", "Content-Type: application/json\r\n", "{\"user\":\"eve\",\"password\":\"pw\"}");
	assert_non_null(strstr(world_question(), "\"authid\":\"eve\""));
	world_login_answer("{\"welcome\":{\"authid\":\"eve\",\"authrole\":\"clerk\",\"authprovider\":\"test\"}}");
	expect(c, 201, "\"user\":\"eve\",\"group\":\"clerk\"");
	send(c, "POST", "/api/auth", "Content-Type: application/json\r\n", "{\"user\":\"eve\",\"password\":\"no\"}");
	world_login_answer("{\"refused\":\"wamp.error.authentication_denied\",\"text\":\"no\"}");
	expect(c, 401, "\"message\":\"no\"");
	send(c, "POST", "/api/auth", "", "");
	expect(c, 401, "");
	/* From elsewhere neither passwords nor tokens are taken without TLS. */
	send_from(c, "203.0.113.9:1", false, "POST", "/root/auth", "Content-Type: application/json\r\n", "{\"user\":\"eve\",\"password\":\"pw\"}");
	expect(c, 401, "TLS");
	send(c, "POST", "/root/auth", "", "");
	send_from(c, "203.0.113.9:1", false, "GET", "/root/f", bearer(c), "");
	expect(c, 401, "TLS");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(paths), TEST(what_is_no_request_has_its_status), TEST(a_connection_that_goes_takes_its_call_along), TEST(a_session_is_of_many_connections),
		TEST(a_listener_ends_with_the_session_that_it_is_of), TEST(time_and_number_end_sessions), TEST(who_logs_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
