/*
 * handler.c - SQL functions as subscribers (see handler.h).
 *
 *   not durable   event ──► waiting ──► an executor runs the function ──► gone, whatever has become of it
 *   durable       event ──► fox_wamp.delivery ──rings──► an executor attends to the queue
 *
 * An event of the database's has been queued by the transaction that it comes from; the
 * others leave by the port `deliver`.
 */
#include "core/handler_run.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/unheard.h"

#include "base/pure.h"

/* --- events --- */

static void
put_details(FoxBuf *b, const FoxEvent *e)
{
	fox_buf_str(b, "{\"publication\":");
	fox_buf_u64(b, e->publication);
	if (e->publisher.session != 0)
	{
		fox_buf_str(b, ",\"publisher\":");
		fox_buf_u64(b, e->publisher.session);
		fox_buf_str(b, ",\"publisher_authid\":");
		fox_buf_json_str(b, e->publisher.authid);
		fox_buf_str(b, ",\"publisher_authrole\":");
		fox_buf_json_str(b, e->publisher.authrole);
	}
	fox_buf_char(b, '}');
}

/* Its queue is rung when that is written. */
static void
note_sent(FoxHandler *h)
{
	h->sent = ++h->session->realm->router->deliveries_sent;
	if (h->unwritten == 0)
		h->unwritten = h->sent;
}

/* Into the table, by an executor: its word rings the queue. */
static void
deliver(FoxHandler *h, FoxEvent *e, const FoxPayload *json)
{
	FoxRouter  *r = h->session->realm->router;
	FoxDelivery d = {.handler = h->id, .publication = e->publication, .hops = e->hops, .topic = e->topic,
	.args = json->args, .kwargs = json->kwargs};
	FoxBuf		details = {0};

	put_details(&details, e);
	d.details = fox_buf_view(&details);
	if (details.failed || !r->ports.deliver(r->ports.ctx, &d))
	{
		fox_handler_drop(h, "too many events wait for the database");
		if (e->accepted != NULL)
			fox_receipt_fail(e->accepted);
	}
	else
	{
		note_sent(h);
		if (e->accepted != NULL)
			fox_receipt_expect_written(e->accepted, h->sent);
	}
	fox_buf_free(&details);
}

/* Topic, args, kwargs and details, as the function has them. */
static void
put_arguments(FoxBuf *b, const FoxEvent *e, const FoxPayload *json)
{
	fox_buf_char(b, '[');
	fox_buf_json_str(b, e->topic);
	fox_buf_char(b, ',');
	fox_buf_slice(b, fox_absent(json->args) ? FOX_LIT("[]") : json->args);
	fox_buf_char(b, ',');
	fox_buf_slice(b, fox_absent(json->kwargs) ? FOX_LIT("{}") : json->kwargs);
	fox_buf_char(b, ',');
	put_details(b, e);
	fox_buf_char(b, ']');
}

static void
wait_for_turn(FoxHandler *h, const FoxEvent *e, const FoxPayload *json)
{
	FoxBuf		args = {0};

	put_arguments(&args, e, json);
	if (args.failed)
		fox_handler_drop(h, "out of memory");
	else
		fox_handler_wait(h, e, fox_buf_view(&args));
	fox_buf_free(&args);
}

static void
handler_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	FoxHandler *h = s->data;
	const FoxPayload *json;

	(void) sub;
	if (e->retained)
		return;
	if (h->durable && e->queued)
	{
		fox_handler_ring(h);
	}
	else if ((json = fox_event_json(e)) == NULL)
		fox_handler_drop(h, "out of memory");
	else if (h->durable)
		deliver(h, e, json);
	else
		wait_for_turn(h, e, json);
}

void
fox_router_deliveries_written(FoxRouter *r, uint64_t deliveries)
{
	r->deliveries_written = deliveries;
	fox_list_each(n, &r->handlers)
	{
		FoxHandler *h = fox_container(FoxHandler, in_router, n);

		if (h->unwritten == 0 || h->unwritten > deliveries)
			continue;
		h->unwritten = h->sent > deliveries ? deliveries + 1 : 0;
		fox_handler_ring(h);
	}
	fox_receipts_written(r);
	fox_unheard_written(r);
	fox_ask_progress(r);
}

/* --- the session --- */

static void
handler_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
handler_refused(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxHandler *h = s->data;

	(void) what, (void) request;
	fox_router_log(s->realm->router, FOX_LOG_WARNING, "the handler %s hears nothing: %.*s", h->function.ptr,
				   (int) why->uri.len, why->uri.ptr);
}

static void
handler_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	(void) s, (void) subscription, (void) reason;
}

static void
handler_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxHandler *h = s->data;

	(void) reason, (void) message;
	if (h->durable)
		s->realm->durable_handlers--;
	fox_handler_give_up(h);
	fox_list_del(&h->in_router);
	free(h->last_error);
	free(h);
}

/* It neither calls nor is called, so the dealer's verbs never reach it. */
static const FoxSessionOps handler_ops = {
	.event = handler_event, .done = handler_done, .failed = handler_refused,
	.unsubscribed = handler_unsubscribed, .ended = handler_ended
};

bool
fox_is_handler(const FoxSession *s)
{
	return s->ops == &handler_ops;
}

/* --- rows --- */

static FoxHandler *
handler_find(FoxRouter *r, uint64_t id)
{
	fox_list_each(n, &r->handlers)
	{
		FoxHandler *h = fox_container(FoxHandler, in_router, n);

		if (h->id == id)
			return h;
	}
	return NULL;
}

static FoxHandler *
handler_new(FoxSlice function)
{
	FoxHandler *h = calloc(1, sizeof(*h) + function.len + 1);
	char	   *at;

	if (h == NULL)
		return NULL;
	at = h->block;
	h->function = fox_slice_keep(&at, function);
	fox_list_init(&h->in_router);
	fox_list_init(&h->running);
	fox_list_init(&h->waiting);
	return h;
}

/* Its role is the function's owner's, and so is its authrole, for the sake of who is eligible. */
static bool
join(FoxRouter *r, FoxSlice realm, FoxSlice pattern, FoxHandler *h, FoxSlice owner, FoxSlice match)
{
	FoxSessionInfo info = {.authid = FOX_LIT("handler"), .authrole = owner, .authmethod = FOX_LIT("internal"),
	.peer = FOX_LIT("executor"), .protocol = FOX_LIT("sql"), .role = owner};
	const char *reason;
	FoxBuf		options = {0};

	fox_buf_str(&options, "{\"match\":");
	fox_buf_slice(&options, match);
	fox_buf_char(&options, '}');
	if (!options.failed)
		h->session = fox_session_join(r, realm, &info, &handler_ops, h, &reason);
	if (h->session != NULL)
	{
		fox_list_push(&r->handlers, &h->in_router);
		/* A pattern is what a topic without that option may be.  A callback hears no topic. */
		if (pattern.len > 0)
			fox_session_subscribe(h->session, 0, fox_slice_is(match, "\"pattern\"") ? FOX_LIT("{}") : fox_buf_view(&options), pattern);
	}
	fox_buf_free(&options);
	return h->session != NULL;
}

static void
settle(FoxHandler *h, FoxSlice row)
{
	bool		durable = fox_json_is_true(fox_json_get(row, "durable"));
	uint64_t	concurrency = 1;

	(void) fox_json_uint(fox_json_get(row, "concurrency"), &concurrency);
	h->concurrency = (uint32_t) concurrency;
	h->session->realm->durable_handlers += (uint32_t) (durable - h->durable);
	h->durable = durable;
	h->posts = fox_json_is_true(fox_json_get(row, "posts"));
	/* What is open of an earlier run, or of when it was durable. */
	fox_handler_ring(h);
}

static void
attach(FoxRouter *r, const FoxChange *c, FoxSlice row, uint64_t id)
{
	FoxBuf		function = {0};
	FoxBuf		owner = {0};
	FoxSlice	name = fox_json_text(fox_json_get(row, "function"), &function);
	FoxSlice	role = fox_json_text(fox_json_get(row, "owner"), &owner);
	FoxHandler *h = handler_find(r, id);

	/* The session has its role for good. */
	if (h != NULL && !fox_slice_eq(h->session->authrole, role))
	{
		fox_session_kill(h->session, FOX_CLOSE_KILLED, FOX_ABSENT);
		h = NULL;
	}
	if (h == NULL && (h = handler_new(name)) != NULL)
	{
		h->id = id;
		if (!join(r, c->realm, c->topic, h, role, fox_json_get(row, "match")))
		{
			free(h);
			h = NULL;
		}
	}
	if (h != NULL)
		settle(h, row);
	else
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a handler is missing until the router restarts");
	fox_buf_free(&function);
	fox_buf_free(&owner);
}

/* An executor throws away what is left of its queue. */
static void
detach(FoxRouter *r, uint64_t id)
{
	FoxHandler *h = handler_find(r, id);
	FoxFunctionCall c = {
		.kind = FOX_RUN_QUEUE, .handler = id, .invocation = fox_router_publication_id(r), .realm = FOX_LIT(""),
		.procedure = FOX_LIT("fox_wamp.detach"), .function = FOX_LIT("-"), .role = FOX_ABSENT, .authid = FOX_ABSENT,
		.authrole = FOX_ABSENT, .args = FOX_ABSENT, .kwargs = FOX_ABSENT
	};

	if (h != NULL)
		fox_session_kill(h->session, FOX_CLOSE_KILLED, FOX_ABSENT);
	r->ports.call(r->ports.ctx, &c);
}

/*
 * topic = pattern, args = [{"id":n,"match":text,"function":text,"owner":text,"durable":bool,"concurrency":n}];
 * of a webhook with "posts":true, and a name as its function
 */
void
fox_handler_change(FoxRouter *r, const FoxChange *c)
{
	FoxSlice	row = FOX_ABSENT;
	uint64_t	id;
	size_t		pos = 0;

	if (fox_absent(c->args) || !fox_json_element(c->args, &pos, &row) || !fox_json_uint(fox_json_get(row, "id"), &id))
		return;
	if (c->deleted)
		detach(r, id);
	else if (fox_realm_find(r, c->realm) != NULL)
		attach(r, c, row, id);
}

void
fox_handler_queued(FoxRouter *r, const FoxChange *c)
{
	uint64_t	id;
	FoxHandler *h = fox_json_uint(c->topic, &id) ? handler_find(r, id) : NULL;

	if (h == NULL)
		return;
	fox_handler_ring(h);
}

void
fox_handler_delivering(FoxRouter *r, uint64_t id)
{
	FoxHandler *h = handler_find(r, id);

	if (h != NULL)
		note_sent(h);
	else
		r->deliveries_sent++;
}

void
fox_handlers_queued(FoxRouter *r)
{
	fox_list_each(n, &r->handlers)
	{
		FoxHandler *h = fox_container(FoxHandler, in_router, n);

		fox_handler_ring(h);
	}
}

void
fox_handlers_answer(FoxRouter *r, uint64_t ask)
{
	FoxBuf		row = {0};

	fox_list_each(n, &r->handlers)
	{
		const FoxHandler *h = fox_container(FoxHandler, in_router, n);

		fox_buf_reset(&row);
		fox_buf_str(&row, "{\"id\":");
		fox_buf_u64(&row, h->id);
		fox_buf_str(&row, ",\"runs\":");
		fox_buf_u64(&row, h->runs);
		fox_buf_str(&row, ",\"failures\":");
		fox_buf_u64(&row, h->failures);
		fox_buf_str(&row, ",\"dropped\":");
		fox_buf_u64(&row, h->dropped);
		fox_buf_str(&row, ",\"waiting\":");
		fox_buf_u64(&row, h->n_waiting);
		fox_buf_str(&row, ",\"running\":");
		fox_buf_u64(&row, h->n_running);
		if (h->last_error != NULL)
		{
			fox_buf_str(&row, ",\"last_error\":");
			fox_buf_json_str(&row, fox_cstr(h->last_error));
		}
		fox_buf_char(&row, '}');
		if (!row.failed)
			r->ports.answer(r->ports.ctx, ask, fox_buf_view(&row), false);
	}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}
