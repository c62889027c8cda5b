/*
 * bridge.c - events that become NOTIFYs.
 *
 * Each row of fox_wamp.bridge with direction "out" is a session of the router's own
 * with one subscription: delivery, patterns and order are those of any other
 * subscriber.  What came in by a bridge does not leave by one.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/core.h"

#include "base/pure.h"

typedef struct FoxBridge
{
	FoxNode		node;
	FoxSession *session;
	FoxSlice	pattern;		/* these two are owned, in block */
	FoxSlice	channel;
	char		block[];
} FoxBridge;

/* The only argument if there is nothing else, else an object of args and kwargs. */
static void
payload_of(const FoxEvent *e, FoxBuf *out)
{
	FoxSlice	first = FOX_ABSENT;
	FoxSlice	more;
	size_t		pos = 0;
	bool		one = false;

	if (!fox_absent(e->args) && fox_json_element(e->args, &pos, &first))
		one = !fox_json_element(e->args, &pos, &more);
	if (one && fox_absent(e->kwargs))
	{
		fox_buf_slice(out, first);
		return;
	}
	fox_buf_str(out, "{\"topic\":");
	fox_buf_json_str(out, e->topic);
	fox_buf_str(out, ",\"args\":");
	fox_buf_slice(out, fox_absent(e->args) ? FOX_LIT("[]") : e->args);
	fox_buf_str(out, ",\"kwargs\":");
	fox_buf_slice(out, fox_absent(e->kwargs) ? FOX_LIT("{}") : e->kwargs);
	fox_buf_char(out, '}');
}

static void
bridge_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	FoxBridge  *b = s->data;
	FoxPorts   *ports = &s->realm->router->ports;
	FoxBuf		payload = {0};

	(void) sub;
	if (e->bridged)
		return;
	payload_of(e, &payload);
	if (!payload.failed)
		ports->notify(ports->ctx, b->channel, fox_buf_view(&payload));
	fox_buf_free(&payload);
}

static void
bridge_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
bridge_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxBridge  *b = s->data;

	(void) what, (void) request;
	fox_router_log(s->realm->router, FOX_LOG_WARNING, "the bridge from \"%.*s\" does not work: %.*s",
				   (int) b->pattern.len, b->pattern.ptr, (int) why->uri.len, why->uri.ptr);
}

static void
bridge_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxBridge  *b = s->data;

	(void) reason, (void) message;
	fox_list_del(&b->node);
	free(b);
}

static void
bridge_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	(void) s, (void) subscription, (void) reason;
}

/* It neither calls nor is called, so the dealer's verbs never reach it. */
static const FoxSessionOps bridge_ops = {
	.event = bridge_event, .done = bridge_done, .failed = bridge_failed,
	.unsubscribed = bridge_unsubscribed, .ended = bridge_ended
};

static FoxBridge *
bridge_find(FoxRouter *r, FoxSlice realm, FoxSlice pattern, FoxSlice channel)
{
	fox_list_each(n, &r->bridges)
	{
		FoxBridge  *b = fox_container(FoxBridge, node, n);

		if (fox_slice_eq(b->session->realm->name, realm) && fox_slice_eq(b->pattern, pattern) &&
			fox_slice_eq(b->channel, channel))
			return b;
	}
	return NULL;
}

static void
bridge_new(FoxRouter *r, FoxSlice realm, FoxSlice pattern, FoxSlice channel)
{
	FoxBridge  *b = malloc(sizeof(*b) + pattern.len + channel.len + 1);
	FoxSessionInfo info = {.authid = FOX_LIT("bridge"), .authrole = FOX_LIT("bridge"),
	.authmethod = FOX_LIT("internal"), .peer = FOX_LIT("notify"), .protocol = FOX_LIT("notify"), .trustlevel = -1};
	const char *reason = FOX_ERR_UNAVAILABLE;

	if (b != NULL)
	{
		memcpy(b->block, pattern.ptr, pattern.len);
		memcpy(b->block + pattern.len, channel.ptr, channel.len);
		b->pattern = fox_slice(b->block, pattern.len);
		b->channel = fox_slice(b->block + pattern.len, channel.len);
		b->session = fox_session_join(r, realm, &info, &bridge_ops, b, &reason);
	}
	if (b == NULL || b->session == NULL)
	{
		fox_router_log(r, FOX_LOG_WARNING, "a bridge to channel \"%.*s\" does not work: %s",
					   (int) channel.len, channel.ptr, reason);
		free(b);
		return;
	}
	fox_list_push(&r->bridges, &b->node);
	fox_session_subscribe(b->session, 0, FOX_LIT("{}"), b->pattern);
}

/* topic = pattern, args = '["channel"]' */
void
fox_bridge_change(FoxRouter *r, const FoxChange *c)
{
	FoxBuf		scratch = {0};
	FoxSlice	item = FOX_ABSENT;
	FoxSlice	channel = FOX_ABSENT;
	FoxBridge  *b;
	size_t		pos = 0;

	if (!fox_absent(c->args) && fox_json_element(c->args, &pos, &item))
		channel = fox_json_text(item, &scratch);
	if (!fox_absent(channel))
	{
		b = bridge_find(r, c->realm, c->topic, channel);
		if (c->deleted && b != NULL)
			fox_session_kill(b->session, FOX_CLOSE_KILLED, FOX_ABSENT);
		else if (!c->deleted && b == NULL)
			bridge_new(r, c->realm, c->topic, channel);
	}
	fox_buf_free(&scratch);
}

void
fox_bridges_free(FoxRouter *r)
{
	while (!fox_list_empty(&r->bridges))
		fox_session_kill(fox_container(FoxBridge, node, r->bridges.next)->session, FOX_CLOSE_SYSTEM, FOX_ABSENT);
}
