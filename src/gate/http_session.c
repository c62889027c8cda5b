/*
 * http_session.c - the sessions that HTTP requests go by (see http_private.h).
 *
 * A connection has one of its own, which nobody hears of, for requests that say each time who asks;
 * one that listens to events has one that counts.  A session that has a token (core/token.h) is no
 * connection's: requests of many go by it, at the same time.
 */
#include <stdlib.h>

#include "codec/cookie.h"
#include "codec/http_req.h"
#include "codec/json.h"
#include "core/catalog.h"
#include "core/token.h"
#include "gate/http_private.h"
#include "gate/origin.h"

#include "base/pure.h"

/* --- what the core says --- */

/* Who waits for the answer; NULL: nobody any more. */
static FoxHttpPeer *
peer_of(const FoxSession *s, uint64_t request)
{
	const FoxHttpSession *hs = fox_session_data(s);
	FoxHttpPeer *p = hs->peer != NULL ? hs->peer : fox_idmap_get(&hs->asking, request);

	return p != NULL && p->request == request ? p : NULL;
}

static void
session_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxHttpPeer *p = peer_of(s, request);
	FoxHttpReply reply;

	(void) progress, (void) ppt;
	if (p == NULL)
		return;
	if (p->wish == FOX_HTTP_WISH_CALL)
		fox_http_bridge_result(p, payload);
	else if (p->wish == FOX_HTTP_WISH_CATALOG || p->wish == FOX_HTTP_WISH_STAT)
		fox_http_catalog_result(p, payload);
	else if (fox_absent(payload->kwargs) || !fox_http_reply_get(payload->kwargs, &reply))
		fox_http_fail(p, 500, "the reply could not be read", FOX_ABSENT);
	else
		fox_http_reply(p, reply.status, reply.type, reply.headers, reply.body);
}

static void
session_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxHttpPeer *p = peer_of(s, request);
	FoxBuf		scratch = {0};
	FoxSlice	text = why->text;
	size_t		pos = 0;

	(void) what;
	if (p == NULL || fox_http_bridge_gap(p, why))
		return;
	if (p->wish == FOX_HTTP_WISH_FUNCTION && fox_slice_is(why->uri, FOX_ERR_MOVED))
	{
		fox_http_fail_moved(p, &why->payload);
		return;
	}
	if (fox_absent(text) && !fox_absent(why->payload.args) && fox_json_element(why->payload.args, &pos, &text))
		text = fox_json_text(text, &scratch);
	fox_http_fail_uri(p, why->uri, text);
	fox_buf_free(&scratch);
}

static FoxSlice
session_http(FoxSession *s, uint64_t request)
{
	const FoxHttpPeer *p = peer_of(s, request);

	return p != NULL && p->wish == FOX_HTTP_WISH_FUNCTION ? fox_buf_view(&p->call) : FOX_ABSENT;
}

static void
session_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	FoxHttpPeer *p = peer_of(s, request);

	if (p != NULL)
		fox_http_bridge_done(p, what, id);
}

/* These two are of a listener's session. */
static void
session_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	const FoxHttpSession *hs = fox_session_data(s);

	(void) sub;
	if (hs->peer != NULL)
		fox_http_bridge_event(hs->peer, e);
}

static void
session_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	const FoxHttpSession *hs = fox_session_data(s);

	(void) subscription, (void) reason;
	if (hs->peer != NULL)
		fox_http_bridge_end(hs->peer);
}

/* Of a session that has a token. */
static void
dispose(FoxHttpSession *hs)
{
	FoxMapSlot *slot;
	size_t		pos = 0;

	while ((slot = fox_map_next(&hs->asking, &pos)) != NULL)
	{
		FoxHttpPeer *p = slot->value;

		fox_http_leave(p);
		fox_http_fail(p, 503, "the session has ended", FOX_ABSENT);
		pos = 0;				/* the map has changed */
	}
	while (!fox_list_empty(&hs->listeners))
	{
		FoxHttpPeer *p = fox_container(FoxHttpPeer, in_listeners, hs->listeners.next);

		fox_list_del(&p->in_listeners);
		fox_http_bridge_end(p);
	}
	fox_map_free(&hs->asking);
	free(hs);
}

static void
session_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxHttpSession *hs = fox_session_data(s);
	FoxHttpPeer *p = hs->peer;

	(void) reason, (void) message;
	if (p == NULL)
	{
		dispose(hs);
		return;
	}
	hs->session = NULL;
	fox_http_bridge_end(p);
	if (p->calling && p->session == s)
		fox_http_fail(p, 503, "the server shuts down", FOX_ABSENT);
}

static void
session_mail(FoxSession *s)
{
	fox_http_callback_mail(fox_session_data(s));
}

static const FoxSessionOps ops = {
	.event = session_event, .done = session_done, .unsubscribed = session_unsubscribed, .result = session_result,
	.failed = session_failed, .mail = session_mail, .http = session_http, .ended = session_ended
};

/* --- a connection's own --- */

const char *
fox_http_join_own(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info)
{
	const char *reason;

	p->own.peer = p;
	p->own.session = p->session = fox_session_join(p->router, realm, info, &ops, &p->own, &reason);
	return p->session == NULL ? reason : NULL;
}

void
fox_http_leave_own(FoxHttpPeer *p)
{
	FoxSession *s = p->own.session;

	p->own.session = NULL;
	fox_list_del(&p->in_listeners);
	if (s != NULL)
		fox_session_leave(s, FOX_END_LOST);
}

/* --- one that has a token --- */

FoxHttpSession *
fox_http_session_new(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info, char *token, const char **reason)
{
	FoxHttpSession *hs = calloc(1, sizeof(*hs));

	*reason = FOX_ERR_UNAVAILABLE;
	if (hs == NULL)
		return NULL;
	fox_list_init(&hs->listeners);
	hs->session = fox_token_join(p->router, realm, info, &ops, hs, token, reason);
	if (hs->session != NULL)
		return hs;
	free(hs);
	return NULL;
}

void
fox_http_session_end(FoxHttpSession *hs)
{
	FoxSession *s = hs->session;

	fox_token_session_end(s);
	dispose(hs);
	fox_session_leave(s, FOX_END_GOODBYE);
}

bool
fox_http_enter(FoxHttpPeer *p)
{
	p->session = p->shared->session;
	return fox_idmap_put(&p->shared->asking, p->request, p);
}

void
fox_http_leave(FoxHttpPeer *p)
{
	if (p->shared != NULL)
		fox_idmap_del(&p->shared->asking, p->request);
	if (p->wish == FOX_HTTP_WISH_POLL)
		fox_router_timer_clear(p->router, &p->heartbeat);
	p->shared = NULL;
	p->session = NULL;
}

/* --- which one a request is of --- */

/*
 * A page of another site, or of another port, may make a browser send it, and could not be told
 * from ours by the cookie alone.
 */
static bool
is_own_page(const FoxHttpAsk *ask)
{
	FoxSlice	site = fox_http_header(ask->headers, "sec-fetch-site");
	FoxSlice	host = fox_http_header(ask->headers, "host");
	const char *origin = strstr(ask->origin, "://");

	return (fox_absent(site) || fox_slice_is(site, "same-origin") || fox_slice_is(site, "none")) &&
		(ask->origin[0] == '\0' || (origin != NULL && !fox_absent(host) && fox_http_same(fox_cstr(origin + 3), host)));
}

static const char *
cookie_name(bool secure)
{
	return secure ? "__Host-fox_wamp_session" : "fox_wamp_session";
}

void
fox_http_put_cookie(FoxBuf *headers, bool secure, const char *token)
{
	fox_buf_str(headers, "Set-Cookie: ");
	fox_cookie_put(headers, cookie_name(secure), token != NULL ? token : "", secure, token != NULL ? UINT64_MAX : 0);
	fox_buf_str(headers, "\r\n");
}

bool
fox_http_may_use_cookie(const FoxHttpAsk *ask)
{
	return ask->confidential && is_own_page(ask);
}

static FoxHttpSession *
find(const FoxHttpPeer *p, const FoxRoot *root, FoxSlice token)
{
	FoxSession *s = fox_token_session(p->router, token);

	return s != NULL && fox_slice_eq(s->realm->name, root->realm) ? fox_session_data(s) : NULL;
}

bool
fox_http_identify(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask)
{
	FoxSlice	authorization = fox_http_header(ask->headers, "authorization");
	FoxSlice	cookies = fox_http_header(ask->headers, "cookie");
	FoxSlice	token;

	if (fox_absent(authorization))
	{
		if (!fox_absent(cookies) && fox_http_may_use_cookie(ask))
			p->shared = find(p, root, fox_cookie_value(cookies, cookie_name(ask->secure)));
		return true;
	}
	if (authorization.len <= 7 || !fox_http_same(fox_slice(authorization.ptr, 7), FOX_LIT("bearer ")))
		return true;
	token = fox_slice(authorization.ptr + 7, authorization.len - 7);
	if (!fox_token_formed(token))
		return true;
	p->shared = ask->confidential ? find(p, root, token) : NULL;
	if (p->shared == NULL)
		fox_http_challenge(p, ask->confidential ? "the session has ended" :
						   "a token is taken over TLS, a unix socket or from the loopback address only");
	return p->shared != NULL;
}
