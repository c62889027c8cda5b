/*
 * router.c - a router for targets that feed gates (see router.h).
 */
#include "router.h"

#include <stdlib.h>

#include "codec/http_call.h"
#include "core/auth.h"

static FoxRouter *router;
static uint64_t kept;			/* rows given to be written */

static uint64_t
now_us(void *ctx)
{
	static uint64_t t;

	(void) ctx;
	return t += 1000;
}

static uint64_t
random64(void *ctx)
{
	static uint64_t x = 88172645463325252ull;

	(void) ctx;
	return x = x * 6364136223846793005ull + 1442695040888963407ull;
}

static void
log_text(void *ctx, FoxLogLevel level, const char *text)
{
	(void) ctx, (void) level, (void) text;
}

/* Writes that wait for their commit: a store never answers within the call. */
static FoxChange waiting[256];
static int	n_waiting;

static FoxSlice
copy_of(FoxSlice s)
{
	return fox_absent(s) ? s : fox_slice(fox_strdup(s), s.len);
}

static bool
store(void *ctx, const FoxWrite *w)
{
	(void) ctx;
	if (n_waiting == 256 || w->publication % 4 == 0)
		return false;
	if (w->kind != FOX_WRITE_DISOWN)
		waiting[n_waiting++] = (FoxChange){
			.kind = w->kind == FOX_WRITE_DELETE ? FOX_CHANGE_DELETE : FOX_CHANGE_PUT, .token = w->token,
			.publication = w->publication, .realm = FOX_LIT("realm1"), .topic = copy_of(w->topic),
			.args = copy_of(w->args), .kwargs = copy_of(w->kwargs)};
	return true;
}

/* The last question of a log-in, answered by the next commit. */
static char *question;
static uint64_t login_token;

static bool
login(void *ctx, uint64_t token, FoxSlice text)
{
	(void) ctx;
	free(question);
	question = fox_strdup(text);
	login_token = token;
	return token % 7 != 0;
}

static void
login_gone(void *ctx, uint64_t token)
{
	(void) ctx, (void) token;
}

static void
answer_login(void)
{
	FoxPrincipal who = {.authid = FOX_LIT("ann"), .authrole = FOX_LIT("clerk"), .provider = FOX_LIT("fuzz"),
		.cra = FOX_LIT("PLAIN$secret"), .keys = FOX_LIT("[\"00\"]")};
	FoxAuthQuestion q;
	FoxBuf		out = {0};
	char	   *text = question;

	question = NULL;
	if (text == NULL)
		return;
	if (!fox_auth_read(fox_cstr(text), &q))
		abort();
	if (login_token % 3 == 0)
		fox_auth_welcome(&out, &who, FOX_ABSENT);
	else
		fox_auth_answer(&q, &who, &out);
	fox_router_login_answer(router, login_token, fox_buf_view(&out));
	fox_auth_free(&q);
	fox_buf_free(&out);
	free(text);
}

/* Calls of SQL functions, answered by the next commit. */
static uint64_t calls[64][2];
static int	n_calls;

static void
call(void *ctx, const FoxFunctionCall *c)
{
	(void) ctx;
	if (n_calls == 64)
		return;					/* its answer never comes */
	calls[n_calls][0] = c->session;
	calls[n_calls++][1] = c->invocation;
}

static void
cancel(void *ctx, uint64_t session, uint64_t invocation)
{
	(void) ctx, (void) session, (void) invocation;
}

/* With a reply as HTTP has it, a part of one, or an error. */
static void
answer_calls(void)
{
	FoxHttpReply reply = {.status = 201, .type = FOX_LIT("text/plain"), .headers = FOX_LIT(""), .body = FOX_LIT("x")};
	FoxBuf		bytes = {0};
	int			n = n_calls;

	n_calls = 0;
	fox_http_reply_put(&bytes, &reply);
	for (int i = 0; i < n; i++)
	{
		if (calls[i][1] % 3 == 0)
			fox_router_function_failed(router, calls[i][0], calls[i][1], FOX_LIT("pg.error.22012"), FOX_LIT("[\"no\"]"), FOX_ABSENT);
		else
			fox_router_function_result(router, calls[i][0], calls[i][1], false, FOX_LIT("[]"),
									   fox_slice(bytes.data, bytes.len - (calls[i][1] % 5 == 0 ? 1 : 0)));
	}
	fox_buf_free(&bytes);
}

void
fuzz_commit(void)
{
	answer_login();
	answer_calls();
	for (int i = 0; i < n_waiting; i++)
	{
		FoxChange	c = waiting[i];

		if (c.publication % 5 == 0)
			fox_router_refused(router, c.token, FOX_REFUSED_CONDITION, NULL);
		else
			fox_router_change(router, &c);
		free((char *) c.topic.ptr);
		free((char *) c.args.ptr);
		free((char *) c.kwargs.ptr);
	}
	n_waiting = 0;
	fox_router_deliveries_written(router, kept);
}

static bool
mqtt(void *ctx, const FoxMqttRow *row)
{
	(void) ctx;
	return row->number % 11 == 7 ? false : (kept++, true);
}

static void
keep(void *ctx, unsigned bit, bool on)
{
	(void) ctx, (void) bit, (void) on;
}

static void
answer(void *ctx, uint64_t ask, FoxSlice row, bool last)
{
	(void) ctx, (void) ask, (void) row, (void) last;
}

static void
notify(void *ctx, FoxSlice channel, FoxSlice payload)
{
	(void) ctx, (void) channel, (void) payload;
}

static void
stats(void *ctx, void (*put) (void *arg, const char *name, uint64_t value), void *arg)
{
	(void) ctx;
	put(arg, "none", 0);
}

static void
past(void *ctx, const FoxPastRow *row)
{
	(void) ctx, (void) row;
}

static void
registration(void *ctx, FoxSlice realm, uint64_t id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64_t callees)
{
	(void) ctx, (void) realm, (void) id, (void) uri, (void) match, (void) invoke, (void) callees;
}

FoxRouter *
fuzz_router_open(void)
{
	FoxPorts	ports = {.now_us = now_us, .random64 = random64, .log = log_text, .write = store, .login = login,
	.login_gone = login_gone, .answer = answer, .notify = notify, .registration = registration, .past = past,
	.mqtt = mqtt, .kept = keep, .stats = stats, .call = call, .cancel = cancel};
	FoxRouterConfig config = {.call_queue_limit = 4, .waiter_limit = 4, .anonymous = true, .token_timeout_s = 1, .tokens_per_user = 2};

	kept = 0;
	router = fox_router_new(&ports, &config);
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_REALM, .realm = FOX_LIT("realm1")});
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_PERMISSION, .realm = FOX_LIT("realm1"), .topic = FOX_LIT("#"),
					  .args = FOX_LIT("[{\"match\":\"pattern\",\"role\":\"public\",\"publish\":true,\"subscribe\":true,"
									  "\"call\":true,\"register\":true}]")});
	return router;
}

void
fuzz_router_close(void)
{
	fuzz_commit();
	fox_router_free(router);
	free(question);
	question = NULL;
	n_waiting = n_calls = 0;
}

/* --- transports --- */

static void (*target) (void *conn, FoxBytes *message, bool binary);

static void
send_message(void *conn, FoxBytes *message, bool binary)
{
	target(conn, message, binary);
}

static void
send_event(void *conn, FoxBytes *message, bool binary, uint64_t stream)
{
	(void) stream;
	target(conn, message, binary);
}

static bool
relieve(void *conn, size_t bytes)
{
	(void) conn;
	(void) bytes;
	return false;
}

static void
probe_conn(void *conn)
{
	(void) conn;
}

static void
close_conn(void *conn, int code, const char *reason)
{
	(void) conn, (void) code, (void) reason;
}

static void
limit_conn(void *conn, size_t bytes)
{
	(void) conn, (void) bytes;
}

static void
pause_conn(void *conn, bool paused)
{
	(void) conn, (void) paused;
}

FoxTransport
fuzz_transport(void *conn, void (*send) (void *conn, FoxBytes *message, bool binary))
{
	static const FoxTransportOps ops = {send_message, send_event, relieve, probe_conn, close_conn, limit_conn, pause_conn};

	target = send;
	return (FoxTransport){conn, &ops};
}
