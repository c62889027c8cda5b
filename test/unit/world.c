/*
 * world.c - a router without a server (see world.h).
 */
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/match.h"
#include "gate/wamp_gate.h"

#define MAX 4096

struct Peer
{
	void	   *gate;
	char	   *messages[MAX];
	int			got;
	int			read;
	bool		closed;
	bool		deaf;
	bool		silent;
	size_t		limit;
	int			probes;
};

typedef struct Row
{
	char	   *topic;
	char	   *args;
	char	   *kwargs;
	uint64_t	owner;
} Row;

typedef struct Stored
{
	FoxWrite	w;
	char	   *copy[8];
} Stored;

static FoxRouter *router;
static uint64_t clock_us;
static Row	rows[MAX];
static int	n_rows;
static Stored queue[MAX];
static int	n_queue;
static Peer *peers[MAX];
static int	n_peers;
static char *last_answer;
static uint64_t numbers[16];
static bool store_full;
static bool refuse_all;
static int	n_writes;
static int	n_past = 0;
static FoxRouterConfig config;
static uint64_t login_token;
static uint64_t gone_login;
static char *login_question;
static FoxPeer facts;

static uint64_t
now_us(void *ctx)
{
	(void) ctx;
	return clock_us;
}

static uint64_t
random64(void *ctx)
{
	static uint64_t x = 88172645463325252ull;

	(void) ctx;
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x;
}

static void
log_text(void *ctx, FoxLogLevel level, const char *text)
{
	(void) ctx;
	if (level >= FOX_LOG_WARNING)
		fprintf(stderr, "log: %s\n", text);
}

static FoxSlice
dup_slice(FoxSlice s, char **keep)
{
	if (fox_absent(s))
		return FOX_ABSENT;
	*keep = fox_strdup(s);
	return fox_slice(*keep, s.len);
}

static bool
store_write(void *ctx, const FoxWrite *w)
{
	Stored	   *s = &queue[n_queue];

	(void) ctx;
	if (store_full)
		return false;
	n_queue++;
	memset(s, 0, sizeof(*s));
	s->w = *w;
	s->w.realm = dup_slice(w->realm, &s->copy[0]);
	s->w.topic = dup_slice(w->topic, &s->copy[1]);
	s->w.args = dup_slice(w->args, &s->copy[2]);
	s->w.kwargs = dup_slice(w->kwargs, &s->copy[3]);
	s->w.when = dup_slice(w->when, &s->copy[4]);
	s->w.will = dup_slice(w->will, &s->copy[5]);
	s->w.audience = dup_slice(w->audience, &s->copy[6]);
	s->w.original = dup_slice(w->original, &s->copy[7]);
	return true;
}

static bool
login(void *ctx, uint64_t token, FoxSlice question)
{
	(void) ctx;
	free(login_question);
	login_question = fox_strdup(question);
	login_token = token;
	return !store_full;
}

static void
login_gone(void *ctx, uint64_t token)
{
	(void) ctx;
	gone_login = token;
}

uint64_t
world_login_token(void)
{
	return login_token;
}

bool
world_login_gone(uint64_t token)
{
	return gone_login == token;
}

const char *
world_question(void)
{
	return login_question ? login_question : "";
}

void
world_login(const FoxPrincipal *who)
{
	FoxAuthQuestion q;
	FoxBuf		out = {0};

	assert_true(fox_auth_read(fox_cstr(login_question), &q));
	fox_auth_answer(&q, who, &out);
	fox_router_login_answer(router, login_token, fox_buf_view(&out));
	fox_auth_free(&q);
	fox_buf_free(&out);
}

void
world_login_answer(const char *answer)
{
	fox_router_login_answer(router, login_token, answer ? fox_cstr(answer) : FOX_ABSENT);
}

FoxRouterConfig *
world_config(void)
{
	return &config;
}

FoxPeer *
world_peer(void)
{
	return &facts;
}

static void
answer(void *ctx, uint64_t ask, FoxSlice row, bool last)
{
	(void) ctx, (void) ask, (void) last;
	if (fox_absent(row))
		return;
	free(last_answer);
	last_answer = fox_strdup(row);
}

static int	n_notified;

static void
notify(void *ctx, FoxSlice channel, FoxSlice payload)
{
	(void) ctx, (void) channel, (void) payload;
	n_notified++;
}

int
world_notified(void)
{
	return n_notified;
}

static void
stats(void *ctx, void (*put) (void *arg, const char *name, uint64_t value), void *arg)
{
	(void) ctx;
	put(arg, "none", 0);
}

/* The table of the event history, as a count of its rows. */
static void
past(void *ctx, const FoxPastRow *row)
{
	(void) ctx;
	n_past += row->deleted ? -1 : 1;
}

int
world_past(void)
{
	return n_past;
}

static void
registration(void *ctx, FoxSlice realm, uint64_t id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64_t callees)
{
	(void) ctx, (void) realm, (void) id, (void) uri, (void) match, (void) invoke, (void) callees;
}

static Row *
row_find(FoxSlice topic)
{
	for (int i = 0; i < n_rows; i++)
		if (fox_slice_is(topic, rows[i].topic))
			return &rows[i];
	return NULL;
}

static void
row_clear(Row *r)
{
	free(r->topic);
	free(r->args);
	free(r->kwargs);
}

static FoxSlice
text_slice(char *s)
{
	return s ? fox_cstr(s) : FOX_ABSENT;
}

static void
carry_out(const FoxWrite *w)
{
	Row		   *r = row_find(w->topic);
	FoxChange	c = {.kind = FOX_CHANGE_PUT, .token = w->token, .publication = w->publication,
	.session = w->session, .realm = w->realm, .topic = w->topic, .args = w->args, .kwargs = w->kwargs,
	.original = w->kind == FOX_WRITE_PUT ? w->original : FOX_ABSENT};
	bool		holds = true;

	n_writes++;
	if (refuse_all)
		holds = false;
	else if (w->only_owner)
		holds = r != NULL && r->owner == w->session;
	else if (!fox_absent(w->when))
		holds = fox_slice_is(w->when, "null") ? r == NULL :
			r != NULL && fox_match(w->when, fox_value_struct(text_slice(r->args), text_slice(r->kwargs))) == FOX_MATCH_YES;
	if (!holds)
	{
		fox_router_refused(router, w->token, FOX_REFUSED_CONDITION, NULL);
		return;
	}
	if (w->kind == FOX_WRITE_DISOWN)
	{
		r->owner = 0;
		fox_router_refused(router, w->token, FOX_REFUSED_DISOWNED, NULL);
		return;
	}
	if (r != NULL)
	{
		row_clear(r);
		*r = rows[--n_rows];
	}
	if (w->kind == FOX_WRITE_DELETE)
		c.kind = r != NULL ? FOX_CHANGE_DELETE : FOX_CHANGE_EVENT;
	else
		rows[n_rows++] = (Row){fox_strdup(w->topic), fox_absent(w->args) ? NULL : fox_strdup(w->args),
			fox_absent(w->kwargs) ? NULL : fox_strdup(w->kwargs), fox_absent(w->will) ? 0 : w->session};
	fox_router_change(router, &c);
}

void
world_commit(void)
{
	for (int i = 0; i < n_queue; i++)
	{
		Stored		s = queue[i];

		carry_out(&s.w);
		for (int k = 0; k < 8; k++)
			free(s.copy[k]);
	}
	n_queue = 0;
	fox_router_tick(router);
}

static uint64_t called_session;
static uint64_t called_invocation;
static char called[500];
static char instance[100];
static int	n_canceled;
static int	n_called;
static uint64_t over = 0;
static int	kept_bits = 0;
static unsigned kept_bit = 0;
static char delivered[500];
static bool deliveries_full;

static bool
mqtt(void *ctx, const FoxMqttRow *row)
{
	(void) ctx;
	if (row->kind == FOX_MQTT_UNHEARD_END)
		over = row->number;
	return true;
}

static void
keep(void *ctx, unsigned bit, bool on)
{
	(void) ctx;
	kept_bits += on ? 1 : -1;
	kept_bit = bit;
}

uint64_t
world_over(void)
{
	uint64_t	last = over;

	over = 0;
	return last;
}

int
world_kept(unsigned *bit)
{
	*bit = kept_bit;
	return kept_bits;
}

static bool
deliver(void *ctx, const FoxDelivery *d)
{
	FoxSlice	args = fox_absent(d->args) ? FOX_LIT("-") : d->args;

	(void) ctx;
	if (!deliveries_full)
		snprintf(delivered, sizeof(delivered), "%llu %.*s %.*s", (unsigned long long) d->handler,
				 (int) d->topic.len, d->topic.ptr, (int) args.len, args.ptr);
	return !deliveries_full;
}

const char *
world_delivered(void)
{
	static char taken[sizeof(delivered)];

	memcpy(taken, delivered, sizeof(taken));
	delivered[0] = '\0';
	return taken;
}

void
world_deliveries_full(bool full)
{
	deliveries_full = full;
}

uint64_t
world_last_session(void)
{
	return called_session;
}

int
world_calls(void)
{
	return n_called;
}

static void
call(void *ctx, const FoxFunctionCall *c)
{
	FoxSlice	args = fox_absent(c->args) ? FOX_LIT("-") : c->args;
	FoxSlice	kwargs = fox_absent(c->kwargs) ? FOX_LIT("-") : c->kwargs;

	(void) ctx;
	called_session = c->session;
	called_invocation = c->invocation;
	snprintf(instance, sizeof(instance), "%s%.*s", c->shared ? "(if asked for) " : "", (int) c->instance.len, c->instance.len > 0 ? c->instance.ptr : "");
	n_called++;
	if (c->kind == FOX_RUN_QUEUE)
		snprintf(called, sizeof(called), "queue %llu", (unsigned long long) c->handler);
	else if (c->kind == FOX_RUN_SERVICE)
		snprintf(called, sizeof(called), "service %.*s", (int) args.len, args.ptr);
	else if (c->kind == FOX_RUN_SIGHT)
		snprintf(called, sizeof(called), "sight %.*s", (int) args.len, args.ptr);
	else if (c->kind == FOX_RUN_HANDLER)
		snprintf(called, sizeof(called), "handler %.*s %.*s %u", (int) c->function.len, c->function.ptr,
				 (int) args.len, args.ptr, c->hops);
	else
		snprintf(called, sizeof(called), "%.*s %.*s %d %.*s %.*s %d %llu", (int) c->function.len, c->function.ptr,
			 (int) c->role.len, c->role.ptr, c->caller_pid, (int) args.len, args.ptr, (int) kwargs.len, kwargs.ptr,
			 c->receive_progress, (unsigned long long) c->timeout_ms);
	if (!fox_absent(c->service))
		snprintf(called + strlen(called), sizeof(called) - strlen(called), " %.*s", (int) c->service.len, c->service.ptr);
}

static void
cancel(void *ctx, uint64_t session, uint64_t invocation)
{
	(void) ctx;
	(void) session;
	assert_true(invocation != 0);
	n_canceled++;
}

const char *
world_called(void)
{
	static char taken[sizeof(called)];

	memcpy(taken, called, sizeof(taken));
	called[0] = '\0';
	return taken;
}

const char *
world_instance(void)
{
	return instance;
}

int
world_canceled(void)
{
	return n_canceled;
}

void
world_returns(bool progress, const char *args, const char *kwargs)
{
	fox_router_function_result(router, called_session, called_invocation, progress, fox_cstr(args), fox_cstr(kwargs));
}

void
world_fails(const char *uri, const char *args)
{
	fox_router_function_failed(router, called_session, called_invocation, fox_cstr(uri), fox_cstr(args), FOX_ABSENT);
}

static void
realm1(bool silent)
{
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_REALM, .silent = silent, .realm = FOX_LIT("realm1"),
					  .args = FOX_LIT("[{\"strict\":false}]")});
}

FoxRouter *
world_open(void)
{
	FoxPorts	ports = {.now_us = now_us, .random64 = random64, .log = log_text, .write = store_write, .login = login,
	.login_gone = login_gone, .answer = answer, .notify = notify, .registration = registration, .past = past, .stats = stats,
	.call = call, .cancel = cancel, .deliver = deliver, .mqtt = mqtt, .kept = keep};
	facts = (FoxPeer){"127.0.0.1:1", "wamp.2.json", true, "", "websocket", true, "", "", "", FOX_ABSENT};
	config = (FoxRouterConfig){.call_queue_limit = 3, .waiter_limit = 100, .anonymous = true, .anonymous_role = "guest"};

	clock_us = 1000000;
	n_writes = 0;
	n_past = 0;
	n_notified = 0;
	n_canceled = 0;
	n_called = 0;
	delivered[0] = '\0';
	deliveries_full = false;
	called[0] = '\0';
	router = fox_router_new(&ports, &config);
	realm1(false);
	world_open_realm();
	return router;
}

void
world_reread_begin(void)
{
	fox_router_reread_begin(router);
	realm1(true);
}

void
world_open_realm(void)
{
	world_permit("#", "public", "\"publish\":true,\"subscribe\":true,\"call\":true,\"register\":true");
	world_permit("wamp.#", "public", "\"call\":true");
}

static void
permission(bool deleted, const char *pattern, const char *role, const char *says)
{
	char		row[500];
	char		which[200];

	snprintf(row, sizeof(row), "[{\"match\":\"pattern\",\"role\":\"%s\"%s%s}]", role, *says ? "," : "", says);
	snprintf(which, sizeof(which), "[\"pattern\",\"%s\"]", role);
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_PERMISSION, .deleted = deleted, .realm = FOX_LIT("realm1"),
					  .topic = fox_cstr(pattern), .args = fox_cstr(row), .kwargs = fox_cstr(which)});
}

void
world_permit(const char *pattern, const char *role, const char *says)
{
	permission(false, pattern, role, says);
}

void
world_forbid(const char *pattern, const char *role)
{
	permission(true, pattern, role, "");
}

void
world_close(void)
{
	for (int i = 0; i < n_peers; i++)
	{
		if (peers[i]->gate != NULL)
			peer_lose(peers[i]);
		for (int k = 0; k < peers[i]->got; k++)
			free(peers[i]->messages[k]);
		free(peers[i]);
	}
	n_peers = 0;
	world_commit();
	fox_router_free(router);
	while (n_rows > 0)
		row_clear(&rows[--n_rows]);
	free(last_answer);
	last_answer = NULL;
	free(login_question);
	login_question = NULL;
}

int
world_set_up(void **state)
{
	(void) state;
	world_open();
	return 0;
}

int
world_tear_down(void **state)
{
	(void) state;
	world_close();
	return 0;
}

void
world_pass_ms(uint64_t ms)
{
	clock_us += ms * 1000;
	fox_router_tick(router);
}

void
world_store_full(bool full)
{
	store_full = full;
}

void
world_refuse(bool refuse)
{
	refuse_all = refuse;
}

int
world_writes(void)
{
	return n_writes;
}

int
world_rows(void)
{
	return n_rows;
}

const char *
world_answer(void)
{
	return last_answer ? last_answer : "";
}

FoxRouter *
world_router(void)
{
	return router;
}

/* --- peers --- */

static void
conn_send(void *conn, FoxBytes *m, bool binary)
{
	Peer	   *p = conn;

	assert_false(binary);
	if (p->deaf)
		return;
	assert_true(p->got < MAX);
	p->messages[p->got++] = fox_strdup(fox_slice(m->data, m->len));
}

static void
conn_send_event(void *conn, FoxBytes *message, bool binary, uint64_t stream)
{
	(void) stream;
	conn_send(conn, message, binary);
}

static bool
conn_relieve(void *conn, size_t bytes)
{
	(void) conn;
	(void) bytes;
	return false;
}

static void
conn_probe(void *conn)
{
	Peer	   *p = conn;

	p->probes++;
	if (!p->silent)
		fox_wamp_gate_alive(p->gate);
}

static void
conn_limit(void *conn, size_t bytes)
{
	((Peer *) conn)->limit = bytes;
}

static void
conn_pause(void *conn, bool paused)
{
	(void) conn, (void) paused;
}

static void
conn_close(void *conn, int code, const char *reason)
{
	(void) code, (void) reason;
	((Peer *) conn)->closed = true;
}

static const FoxTransportOps conn_ops = {conn_send, conn_send_event, conn_relieve, conn_probe, conn_close, conn_limit, conn_pause};

Peer *
peer_open(void)
{
	Peer	   *p = calloc(1, sizeof(*p));

	peers[n_peers++] = p;
	p->gate = fox_wamp_gate_open(router, &(FoxTransport){p, &conn_ops}, &facts);
	return p;
}

Peer *
peer_join(void)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"publisher\":{},\"subscriber\":{},\"caller\":{},"
			  "\"callee\":{\"features\":{\"call_canceling\":true,\"progressive_call_results\":true}}}}]");
	assert_memory_equal(peer_next(p), "[2,", 3);
	return p;
}

void
peer_send(Peer *p, const char *format,...)
{
	char		text[65536];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fox_wamp_gate_message(p->gate, text, strlen(text), false);
}

const char *
peer_next(Peer *p)
{
	return p->read < p->got ? p->messages[p->read++] : "";
}

void
peer_expect(Peer *p, const char *text)
{
	const char *got = peer_next(p);
	const char *g = got;
	int			n = 0;

	for (const char *t = text; *t; t++)
	{
		if (*t == '%' && isdigit((unsigned char) *g))
		{
			char	   *end;

			numbers[n++] = strtoull(g, &end, 10);
			g = end;
		}
		else if (*t != *g++)
			fail_msg("expected %s, got %s", text, *got ? got : "nothing");
	}
	if (*g)
		fail_msg("expected %s, got %s", text, got);
}

void
peer_expect_nothing(Peer *p)
{
	assert_string_equal(peer_next(p), "");
}

uint64_t
peer_number(int i)
{
	return numbers[i];
}

void
peer_deaf(Peer *p, bool deaf)
{
	p->deaf = deaf;
}

int
peer_probes(const Peer *p)
{
	return p->probes;
}

void
peer_silent(Peer *p)
{
	p->silent = true;
}

void
peer_lives(Peer *p)
{
	fox_wamp_gate_alive(p->gate);
}

size_t
peer_limit(const Peer *p)
{
	return p->limit;
}

bool
peer_closed(const Peer *p)
{
	return p->closed;
}

void
peer_lose(Peer *p)
{
	fox_wamp_gate_close(p->gate, FOX_GATE_LOST);
	p->gate = NULL;
}
