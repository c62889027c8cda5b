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
	if (p->login != NULL)
		fox_login_free(p->login);
	p->login = NULL;
	wipe(&p->credentials);
	wipe(&p->password);
	fox_http_leave_own(p);
}

/* --- the session --- */

/* Others of the connection may go by the session too; a listener's and a token's are of one request alone. */
static bool
is_passing(const FoxHttpPeer *p)
{
	return p->wish != FOX_HTTP_WISH_EVENTS && p->wish != FOX_HTTP_WISH_SESSION;
}

static void
join(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info)
{
	const char *reason = fox_http_join_own(p, realm, info);

	p->own_until_us = is_passing(p) ? fox_router_now(p->router) + HOLDS_US : 0;
	if (reason != NULL)
		fox_http_fail_uri(p, fox_cstr(reason), FOX_ABSENT);
	else
		fox_http_make_call(p);
}

static FoxSessionInfo
info_of(const FoxHttpPeer *p)
{
	return (FoxSessionInfo){.peer = fox_cstr(p->address), .protocol = FOX_LIT("http"), .transport = "http",
		.passing = is_passing(p), .subscription_revocation = true};
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
	(void) authextra;
	p->login = NULL;
	wipe(&p->password);
	if (p->wish == FOX_HTTP_WISH_SESSION)
		fox_http_auth_accepted(p, realm, info);
	else
		join(p, realm, info);
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

static void
put_user(FoxBuf *details, FoxSlice user)
{
	fox_buf_str(details, "{\"authmethods\":[\"ticket\"],\"authid\":");
	fox_buf_json_str(details, user);
	fox_buf_char(details, '}');
}

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
		put_user(details, fox_slice(bytes, (size_t) (colon - bytes)));
		fox_buf_put(&p->password, colon + 1, (size_t) (bytes + n - colon - 1));
	}
	fox_wipe(bytes, authorization.len);
	free(bytes);
	return ok;
}

/* The password is set.  The details are wiped. */
static void
begin(FoxHttpPeer *p, FoxSlice realm, FoxBuf *details)
{
	FoxSessionInfo info = info_of(p);

	p->login = fox_login_new(p->router, &(FoxLoginPeer){.address = p->address, .local = p->local, .confidential = p->confidential}, &login_ops, p);
	if (p->login == NULL || details->failed || p->password.failed)
	{
		fox_http_log_out(p);
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
	}
	else
		(void) fox_login_hello(p->login, realm, fox_buf_view(details), &info);
	wipe(details);
	fox_buf_free(details);
}

static void
begin_with(FoxHttpPeer *p, FoxSlice realm, FoxSlice authorization)
{
	FoxBuf		details = {0};

	if (fox_absent(authorization))
		fox_buf_str(&details, "{}");
	else if (!read_credentials(p, authorization, &details))
	{
		fox_http_challenge(p, "the Authorization must be Basic or Bearer");
		fox_buf_free(&details);
		return;
	}
	begin(p, realm, &details);
}

void
fox_http_log_in_as(FoxHttpPeer *p, const FoxRoot *root, FoxSlice user, FoxSlice password)
{
	FoxBuf		details = {0};

	fox_http_log_out(p);
	put_user(&details, user);
	fox_buf_slice(&p->password, password);
	begin(p, root->realm, &details);
}

/* A listener's session is its own, and ends with the one that it has shown the token of. */
static void
listen_as(FoxHttpPeer *p, const FoxRoot *root)
{
	FoxHttpSession *hs = p->shared;
	FoxSessionInfo info = info_of(p);
	FoxSessionInfo who = fox_session_identity(hs->session);

	info.authid = who.authid;
	info.authrole = who.authrole;
	info.authmethod = who.authmethod;
	p->shared = NULL;
	fox_http_log_out(p);
	fox_list_push(&hs->listeners, &p->in_listeners);
	join(p, root->realm, &info);
}

static void
go_by_token(FoxHttpPeer *p, const FoxRoot *root)
{
	if (p->wish == FOX_HTTP_WISH_EVENTS)
		listen_as(p, root);
	else if (fox_http_enter(p))
		fox_http_make_call(p);
	else
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
}

/* Of a proxy's connection every request may be somebody else's; an Authorization that is empty is nobody's. */
static bool
is_the_same(const FoxHttpPeer *p, const FoxRoot *root, FoxSlice authorization)
{
	return is_passing(p) && p->own.session != NULL && fox_slice_eq(authorization, fox_buf_view(&p->credentials)) &&
		fox_slice_eq(root->realm, fox_buf_view(&p->realm)) && fox_router_now(p->router) < p->own_until_us &&
		(fox_absent(authorization) ? p->local || p->may_be_anyone : authorization.len > 0);
}

void
fox_http_log_in(FoxHttpPeer *p, const FoxRoot *root, FoxSlice authorization)
{
	FoxSlice	realm;

	if (p->shared != NULL)
	{
		go_by_token(p, root);
		return;
	}
	if (fox_absent(authorization) && root->auth && !p->may_be_anyone)
	{
		fox_http_challenge(p, "log in to call that");
		return;
	}
	if (is_the_same(p, root, authorization))
	{
		p->session = p->own.session;
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
		begin_with(p, realm, authorization);
}
