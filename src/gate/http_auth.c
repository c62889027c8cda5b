/*
 * http_auth.c - /root/auth: sessions of HTTP clients, which have a token (core/token.h).
 *
 *   POST    begins one: {"user","password"}, a form of the same, an Authorization, or nothing for who is anonymous
 *   GET     says whose it is; with mORMot's UserName and Session, which must be right, it ends it
 *   DELETE  ends it
 */
#include <stdio.h>

#include "base/digest.h"
#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "core/core.h"
#include "core/token.h"
#include "gate/http_private.h"

#include "base/pure.h"

#define VERBS (FOX_GET | FOX_HEAD | FOX_POST | FOX_DELETE)

/* --- answers --- */

/* What the session's owner may know of it; token: NULL unless it is new. */
static void
reply_session(FoxHttpPeer *p, const FoxSession *s, const char *token)
{
	FoxBuf		body = {0};
	FoxBuf		headers = {0};
	bool		wrap = p->style == FOX_HTTP_RESULT;

	fox_buf_str(&body, wrap ? "{\"Result\":{" : "{");
	fox_json_put_number(&body, "session", fox_session_id(s));
	fox_json_put_member(&body, "user", s->authid);
	fox_json_put_member(&body, "group", fox_session_role(s));
	if (token != NULL)
		fox_json_put_member(&body, "token", fox_cstr(token));
	fox_json_put_number(&body, "expires_in", fox_token_timeout_s(s));
	fox_buf_str(&body, wrap ? "}}" : "}");
	fox_buf_str(&headers, "Cache-Control: no-store\r\n");
	if (token != NULL && p->wants_cookie)
		fox_http_put_cookie(&headers, p->secure, token);
	fox_http_reply(p, token != NULL ? 201 : 200, FOX_LIT(FOX_HTTP_TYPE_JSON), fox_buf_view(&headers), fox_buf_view(&body));
	if (body.cap > 0)
		fox_wipe(body.data, body.cap);
	fox_buf_free(&body);
	fox_buf_free(&headers);
}

void
fox_http_auth_accepted(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info)
{
	char		token[FOX_TOKEN + 1];
	const char *reason;
	FoxHttpSession *hs = fox_http_session_new(p, realm, info, token, &reason);

	if (hs == NULL)
		fox_http_fail_uri(p, fox_cstr(reason), fox_cstr(fox_session_join_text(reason)));
	else
		reply_session(p, hs->session, token);
	fox_wipe(token, sizeof(token));
}

/* --- POST --- */

/* What a body says; owned. */
typedef struct Said
{
	FoxBuf		user;
	FoxBuf		password;
	bool		has_user;
	bool		has_password;
	bool		cookie;
} Said;

static void
said_free(Said *said)
{
	if (said->password.cap > 0)
		fox_wipe(said->password.data, said->password.cap);
	fox_buf_free(&said->user);
	fox_buf_free(&said->password);
}

/* False: it is there, but no text. */
static bool
read_text(FoxSlice json, FoxBuf *out, bool *has)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_absent(json) ? FOX_ABSENT : fox_json_text(json, &scratch);

	*has = !fox_absent(text);
	fox_buf_slice(out, text);
	fox_buf_free(&scratch);
	return *has || fox_absent(json);
}

static bool
read_object(FoxSlice body, Said *said)
{
	FoxBuf		copy = {0};
	FoxSlice	object;
	FoxKind		kind;
	bool		ok;

	fox_buf_slice(&copy, body);
	ok = !copy.failed && fox_json_valid(fox_buf_view(&copy), &kind) && kind == FOX_JSON_OBJECT &&
		fox_json_scan(copy.data, copy.data + copy.len, &object, &kind) != NULL;
	if (ok)
	{
		ok = read_text(fox_json_get(object, "user"), &said->user, &said->has_user) &&
			read_text(fox_json_get(object, "password"), &said->password, &said->has_password);
		said->cookie = fox_json_is_true(fox_json_get(object, "cookie"));
	}
	if (copy.cap > 0)
		fox_wipe(copy.data, copy.cap);
	fox_buf_free(&copy);
	return ok;
}

static void
read_form(FoxSlice body, Said *said)
{
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_url_pair(body, &pos, &name, &value))
	{
		if (fox_slice_is(name, "user") && !said->has_user)
		{
			said->has_user = true;
			fox_url_decode(value, true, &said->user);
		}
		else if (fox_slice_is(name, "password") && !said->has_password)
		{
			said->has_password = true;
			fox_url_decode(value, true, &said->password);
		}
		else if (fox_slice_is(name, "cookie"))
			said->cookie = fox_slice_is(value, "true");
	}
}

/* 0, or the status of what is wrong with the body. */
static unsigned
read_body(const FoxHttpAsk *ask, Said *said)
{
	FoxSlice	type = fox_http_header(ask->headers, "content-type");

	if (ask->body.len == 0)
		return 0;
	if (fox_http_is_type(type, "application/json"))
	{
		if (!read_object(ask->body, said))
			return 400;
	}
	else if (fox_http_is_type(type, "application/x-www-form-urlencoded"))
		read_form(ask->body, said);
	else
		return 415;
	return said->has_user == said->has_password && fox_utf8_valid(fox_buf_view(&said->user)) &&
		fox_utf8_valid(fox_buf_view(&said->password)) ? 0 : 400;
}

static void
begin(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask)
{
	Said		said = {0};
	unsigned	status = read_body(ask, &said);

	p->wish = FOX_HTTP_WISH_SESSION;
	p->may_be_anyone = false;
	p->wants_cookie = said.cookie;
	p->secure = ask->secure;
	if (status == 400)
		fox_http_fail(p, 400, "the body must have a user and a password", FOX_ABSENT);
	else if (status != 0)
		fox_http_fail(p, status, "the body must be application/json or application/x-www-form-urlencoded", FOX_ABSENT);
	else if (said.cookie && !fox_http_may_use_cookie(ask))
		fox_http_fail(p, 403, "a cookie is given to pages of this address only, over TLS or from the loopback address", FOX_ABSENT);
	else if (said.has_user)
		fox_http_log_in_as(p, root, fox_buf_view(&said.user), fox_buf_view(&said.password));
	else
		fox_http_log_in(p, root, fox_http_header(ask->headers, "authorization"));
	said_free(&said);
}

/* --- GET and DELETE --- */

static void
end(FoxHttpPeer *p, const FoxHttpAsk *ask)
{
	FoxHttpSession *hs = p->shared;
	FoxBuf		headers = {0};

	fox_http_leave(p);
	fox_http_session_end(hs);
	if (!fox_absent(fox_http_header(ask->headers, "cookie")))
		fox_http_put_cookie(&headers, ask->secure, NULL);
	fox_http_reply(p, 200, FOX_ABSENT, fox_buf_view(&headers), FOX_LIT(""));
	fox_buf_free(&headers);
}

/* mORMot's way to say which session is to end; false: that is not said. */
static bool
names_session(FoxSlice query, FoxBuf *user, FoxBuf *session)
{
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;

	while (!fox_absent(query) && fox_url_pair(query, &pos, &name, &value))
	{
		if (fox_http_same(name, FOX_LIT("username")) && user->len == 0)
			fox_url_decode(value, true, user);
		else if (fox_http_same(name, FOX_LIT("session")) && session->len == 0)
			fox_url_decode(value, true, session);
	}
	return user->len > 0 || session->len > 0;
}

static void
look(FoxHttpPeer *p, const FoxHttpAsk *ask, FoxSlice query)
{
	const FoxSession *s = p->shared->session;
	FoxBuf		user = {0};
	FoxBuf		session = {0};
	char		id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long) fox_session_id(s));
	if (!names_session(query, &user, &session))
		reply_session(p, s, NULL);
	else if (fox_slice_is(ask->method, "GET") && fox_slice_is(fox_buf_view(&session), id) && fox_slice_eq(fox_buf_view(&user), s->authid))
		end(p, ask);
	else
		fox_http_fail(p, 400, "UserName and Session must be those of the session whose token the request brings", FOX_ABSENT);
	fox_buf_free(&user);
	fox_buf_free(&session);
}

void
fox_http_auth(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice query)
{
	if (fox_slice_is(ask->method, "OPTIONS"))
		fox_http_reply_options(p, VERBS, ask->headers);
	else if ((fox_verb_named(ask->method) & VERBS) == 0)
		fox_http_fail_verb(p, VERBS);
	else if (fox_slice_is(ask->method, "POST"))
		begin(p, root, ask);
	else if (!fox_http_identify(p, root, ask))
		return;
	else if (p->shared == NULL)
		fox_http_challenge(p, "the request brings no token of a session");
	else if (fox_slice_is(ask->method, "DELETE"))
		end(p, ask);
	else
		look(p, ask, query);
}
