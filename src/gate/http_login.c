/*
 * http_login.c - who asks by HTTP (see http_private.h).
 *
 * A log-in is that of a WAMP client: by the same rules, tables and limits.  It holds for
 * the next requests of the connection that say the same, for a while: a token may expire
 * and a password change.
 */
#include <stdlib.h>

#include "base/base64.h"
#include "base/digest.h"
#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "core/core.h"
#include "gate/http_private.h"

#include "base/pure.h"

#define HOLDS_US UINT64_C(30000000)

static void
wipe(FoxBuf *b)
{
	if (b->cap > 0)
		fox_wipe(b->data, b->cap);
	fox_buf_reset(b);
}

void
fox_http_log_out(FoxHttpPeer *p)
{
	FoxSession *s = p->session;

	fox_http_forget_inquiry(p);
	if (p->login != NULL)
		fox_login_free(p->login);
	p->login = NULL;
	p->session = NULL;
	wipe(&p->credentials);
	wipe(&p->password);
	if (s != NULL)
		fox_session_leave(s, FOX_END_LOST);
}

/* --- the session --- */

static void
session_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxHttpPeer *p = fox_session_data(s);
	FoxHttpReply reply;

	(void) progress, (void) ppt;
	if (p->request != request)
		return;
	if (p->wish == FOX_HTTP_WISH_CALL)
		fox_http_bridge_result(p, payload);
	else if (fox_absent(payload->kwargs) || !fox_http_reply_get(payload->kwargs, &reply))
		fox_http_fail(p, 500, "the reply could not be read", FOX_ABSENT);
	else
		fox_http_reply(p, reply.status, reply.type, reply.headers, reply.body);
}

static void
session_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxHttpPeer *p = fox_session_data(s);
	FoxBuf		scratch = {0};
	FoxSlice	text = why->text;
	size_t		pos = 0;

	(void) what;
	if (p->request != request || fox_http_bridge_gap(p, why))
		return;
	if (fox_absent(text) && !fox_absent(why->payload.args) && fox_json_element(why->payload.args, &pos, &text))
		text = fox_json_text(text, &scratch);
	fox_http_fail_uri(p, why->uri, text);
	fox_buf_free(&scratch);
}

static FoxSlice
session_http(FoxSession *s, uint64_t request)
{
	const FoxHttpPeer *p = fox_session_data(s);

	return p->request == request && p->wish == FOX_HTTP_WISH_FUNCTION ? fox_buf_view(&p->call) : FOX_ABSENT;
}

static void
session_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxHttpPeer *p = fox_session_data(s);

	(void) reason, (void) message;
	p->session = NULL;
	fox_http_bridge_end(p);
	if (p->calling)
		fox_http_fail(p, 503, "the server shuts down", FOX_ABSENT);
}

static void
session_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	FoxHttpPeer *p = fox_session_data(s);

	if (p->request == request)
		fox_http_bridge_done(p, what, id);
}

static void
session_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	(void) sub;
	fox_http_bridge_event(fox_session_data(s), e);
}

static void
session_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	(void) subscription, (void) reason;
	fox_http_bridge_end(fox_session_data(s));
}

static const FoxSessionOps ops = {.event = session_event, .done = session_done, .unsubscribed = session_unsubscribed, .result = session_result, .failed = session_failed, .http = session_http, .ended = session_ended};

static void
join(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info)
{
	const char *reason;

	p->session = fox_session_join(p->router, realm, info, &ops, p, &reason);
	p->session_until_us = fox_router_now(p->router) + HOLDS_US;
	if (p->session == NULL)
		fox_http_fail_uri(p, fox_cstr(reason), FOX_ABSENT);
	else
		fox_http_make_call(p);
}

static FoxSessionInfo
info_of(const FoxHttpPeer *p)
{
	return (FoxSessionInfo){.peer = fox_cstr(p->address), .protocol = FOX_LIT("http"), .transport = "http", .passing = p->wish != FOX_HTTP_WISH_EVENTS,
		.subscription_revocation = true};
}

/* --- logging in --- */

static void
login_challenge(void *data, const char *method, FoxSlice extra)
{
	FoxHttpPeer *p = data;

	(void) method, (void) extra;
	(void) fox_login_authenticate(p->login, fox_buf_view(&p->password), FOX_LIT("{}"));
}

static void
login_accepted(void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra)
{
	FoxHttpPeer *p = data;
	FoxSessionInfo passing = *info;

	(void) authextra;
	p->login = NULL;
	wipe(&p->password);
	passing.passing = p->wish != FOX_HTTP_WISH_EVENTS;
	join(p, realm, &passing);
}

static void
login_refused(void *data, const char *reason, const char *text)
{
	FoxHttpPeer *p = data;
	FoxSlice	uri = fox_cstr(reason);

	p->login = NULL;
	wipe(&p->password);
	wipe(&p->credentials);
	if (fox_slice_is(uri, FOX_ERR_UNAVAILABLE) || fox_slice_is(uri, FOX_ERR_TIMEOUT) || fox_slice_is(uri, FOX_ERR_TOO_MANY_SESSIONS) ||
		fox_slice_is(uri, FOX_ERR_NO_SUCH_REALM) || fox_slice_is(uri, FOX_AUTH_FAILED))
		fox_http_fail_uri(p, uri, fox_cstr(text));
	else
		fox_http_challenge(p, text);
}

static const FoxLoginOps login_ops = {login_challenge, login_accepted, login_refused};

/* Appends HELLO's details, and sets the password; false: it is no way to log in that is known. */
static bool
read_credentials(FoxHttpPeer *p, FoxSlice authorization, FoxBuf *details)
{
	char	   *bytes;
	const char *colon;
	size_t		n;
	bool		ok;

	if (authorization.len > 7 && fox_http_same(fox_slice(authorization.ptr, 7), FOX_LIT("bearer ")))
	{
		fox_buf_put(&p->password, authorization.ptr + 7, authorization.len - 7);
		fox_buf_str(details, "{\"authmethods\":[\"ticket\"]}");
		return true;
	}
	if (authorization.len <= 6 || !fox_http_same(fox_slice(authorization.ptr, 6), FOX_LIT("basic ")) ||
		(bytes = malloc(authorization.len)) == NULL)
		return false;
	ok = fox_base64_decode(fox_slice(authorization.ptr + 6, authorization.len - 6), bytes, &n) &&
		(colon = memchr(bytes, ':', n)) != NULL && fox_utf8_valid(fox_slice(bytes, n));
	if (ok)
	{
		fox_buf_str(details, "{\"authmethods\":[\"ticket\"],\"authid\":");
		fox_buf_json_str(details, fox_slice(bytes, (size_t) (colon - bytes)));
		fox_buf_char(details, '}');
		fox_buf_put(&p->password, colon + 1, (size_t) (bytes + n - colon - 1));
	}
	fox_wipe(bytes, authorization.len);
	free(bytes);
	return ok;
}

static void
begin(FoxHttpPeer *p, FoxSlice realm, FoxSlice authorization)
{
	FoxSessionInfo info = info_of(p);
	FoxBuf		details = {0};

	if (fox_absent(authorization))
		fox_buf_str(&details, "{}");
	else if (!read_credentials(p, authorization, &details))
	{
		fox_http_challenge(p, "the Authorization must be Basic or Bearer");
		fox_buf_free(&details);
		return;
	}
	p->login = fox_login_new(p->router, &(FoxLoginPeer){.address = p->address, .local = p->local, .confidential = p->confidential}, &login_ops, p);
	if (p->login == NULL || details.failed || p->password.failed)
	{
		fox_http_log_out(p);
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
	}
	else
		(void) fox_login_hello(p->login, realm, fox_buf_view(&details), &info);
	wipe(&details);
	fox_buf_free(&details);
}

void
fox_http_log_in(FoxHttpPeer *p, const FoxRoot *root, FoxSlice authorization)
{
	FoxSlice	realm;

	if (fox_absent(authorization) && root->auth && !p->may_be_anyone)
	{
		fox_http_challenge(p, "log in to call that");
		return;
	}
	/* Of a proxy's connection every request may be somebody else's. */
	if (p->session != NULL && fox_slice_eq(authorization, fox_buf_view(&p->credentials)) &&
		fox_slice_eq(root->realm, fox_buf_view(&p->realm)) && fox_router_now(p->router) < p->session_until_us &&
		(!fox_absent(authorization) || p->local || p->may_be_anyone))
	{
		fox_http_make_call(p);
		return;
	}
	fox_http_log_out(p);
	fox_buf_reset(&p->realm);
	fox_buf_slice(&p->realm, root->realm);
	fox_buf_slice(&p->credentials, authorization);
	realm = fox_buf_view(&p->realm);
	if (fox_absent(authorization) && p->may_be_anyone)
	{
		FoxSessionInfo info = info_of(p);

		info.authid = info.authrole = info.authmethod = FOX_LIT("anonymous");
		join(p, realm, &info);
	}
	else
		begin(p, realm, authorization);
}
