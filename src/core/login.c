/*
 * login.c - one peer on its way into a realm, on the router's side (see login.h).
 *
 *   state       event                          next
 *   WAITING     HELLO of an anonymous client   gone: accepted, at once
 *   WAITING     HELLO                          ASKED: an executor looks for the principal
 *   WAITING     HELLO, with an authenticator   CALLED: it is asked who that is, then an executor
 *   ASKED       answer: a challenge            CHALLENGED
 *   CHALLENGED  AUTHENTICATE                   CHECKED: an executor looks whether it holds
 *   CHALLENGED  a ticket, with an authenticator   CALLED: it looks, then an executor at the role
 *   CALLED      result                         ASKED or CHECKED
 *   CALLED      it can not be called           gone: refused
 *   ASKED, CHECKED   answer: welcome           gone: accepted
 *   ASKED       a cookie stands for nobody     as HELLO, with the other methods
 *   ASKED, CHECKED   answer: refused, or none  gone: refused
 *   any         the time is up                 gone: refused
 *
 * Any other message of the peer's is a protocol violation: a challenge is answered once,
 * and each has its own.  What waits for an executor is limited, so that peers that no one
 * knows cost the database little; failures are limited by address and by name.  Who leaves
 * before the answer has failed as well, and of many answers that come at once those behind
 * the last failure that is allowed count for nothing, right or wrong.
 */
#include "core/login.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/auth_rule.h"
#include "core/cookie.h"
#include "core/core.h"
#include "core/denial.h"
#include "core/login_call.h"
#include "core/throttle.h"

#include "base/pure.h"

#define ASKED_MAX 1000			/* questions that wait for an executor */
#define AUTHID_MAX 255
#define TOO_MANY_FAILED "too many log-ins have failed: try again in a minute"

typedef enum LoginState
{
	WAITING,
	CALLED,
	ASKED,
	CHALLENGED,
	CHECKED
} LoginState;

struct FoxLogin
{
	LoginState	state;
	FoxRouter  *router;
	FoxLoginPeer peer;
	const FoxLoginOps *ops;
	void	   *data;
	FoxTimer	timer;			/* until it must be over */
	uint64_t	token;			/* of the question that is under way; 0: none */
	FoxSessionInfo info;
	FoxAuthMethod method;
	bool		cookie_failed;	/* it stands for nobody */
	FoxSlice	realm;			/* these four are owned, in block */
	FoxSlice	authid;			/* absent: none was said */
	FoxSlice	authextra;
	FoxSlice	methods;		/* that the peer knows, a JSON array; absent: none was said */
	char	   *block;
	FoxBuf		state_of_challenge;
	FoxLoginCall *call;			/* of the authenticator, while CALLED */
	FoxBuf		found;			/* what it has said, a JSON object; empty: it was not asked */
	FoxBuf		ticket;			/* that it looks at */
};

/* --- beginning and end --- */

static void
wipe(FoxBuf *b)
{
	if (b->cap > 0)
		fox_wipe(b->data, b->cap);
	fox_buf_free(b);
}

static void
dispose(FoxLogin *l)
{
	FoxRouter  *r = l->router;

	if (l->token != 0)
	{
		fox_idmap_del(&r->logins, l->token);
		r->ports.login_gone(r->ports.ctx, l->token);
	}
	fox_timer_clear(&r->timers, &l->timer);
	if (l->call != NULL)
		fox_login_call_free(l->call);
	fox_buf_free(&l->state_of_challenge);
	wipe(&l->found);
	wipe(&l->ticket);
	free(l->block);
	free(l);
}

/* Of a peer that has said who it wants to be, by what it has said. */
static void
note_denial(const FoxLogin *l, const char *reason, const char *text)
{
	FoxBuf		scratch = {0};

	if (l->block != NULL && strcmp(reason, FOX_ERR_TIMEOUT) != 0 && strcmp(reason, FOX_ERR_UNAVAILABLE) != 0)
		fox_denied(l->router, &(FoxDenied){.realm = l->realm, .authid = l->authid, .action = "login", .reason = fox_cstr(text),
				   .client_id = fox_auth_text(l->authextra, "client_id", &scratch)});
	fox_buf_free(&scratch);
}

static void
refuse(FoxLogin *l, const char *reason, const char *text)
{
	const FoxLoginOps *ops = l->ops;
	void	   *data = l->data;

	note_denial(l, reason, text);
	dispose(l);
	ops->refused(data, reason, text);
}

static void
time_is_up(void *ctx, FoxTimer *timer)
{
	FoxLogin   *l = fox_container(FoxLogin, timer, timer);

	(void) ctx;
	refuse(l, FOX_ERR_TIMEOUT, "the log-in took too long");
}

FoxLogin *
fox_login_new(FoxRouter *r, const FoxLoginPeer *peer, const FoxLoginOps *ops, void *data)
{
	FoxLogin   *l = calloc(1, sizeof(*l));
	uint64_t	timeout = r->config.auth_timeout_ms;

	if (l == NULL)
		return NULL;
	*l = (FoxLogin){.state = WAITING, .router = r, .peer = *peer, .ops = ops, .data = data};
	if (timeout > 0 && !fox_timer_set(&r->timers, &l->timer, fox_router_now(r) + timeout * 1000, time_is_up))
	{
		free(l);
		return NULL;
	}
	return l;
}

/* --- failures --- */

static bool
may_try(const FoxLogin *l)
{
	FoxRouter  *r = l->router;
	char		text[64];

	return fox_throttle_open(&r->failed_addresses, fox_throttle_address(l->peer.address, text), r->config.auth_attempts,
							 fox_router_now(r)) &&
		(fox_absent(l->authid) ||
		 fox_throttle_open(&r->failed_names, l->authid, r->config.auth_attempts, fox_router_now(r)));
}

static void
count_failure(FoxLogin *l)
{
	FoxRouter  *r = l->router;
	char		text[64];

	r->stats.logins_failed++;
	fox_throttle_failed(&r->failed_addresses, fox_throttle_address(l->peer.address, text), r->config.auth_attempts,
						fox_router_now(r));
	if (!fox_absent(l->authid))
		fox_throttle_failed(&r->failed_names, l->authid, r->config.auth_attempts, fox_router_now(r));
}

void
fox_login_free(FoxLogin *l)
{
	if (l->state == CHECKED || (l->state == CALLED && l->ticket.len > 0))
		count_failure(l);
	dispose(l);
}

/* --- questions --- */

/* Asks an executor; false: it has refused the log-in, which is gone. */
static bool
ask(FoxLogin *l, FoxSlice signature, FoxSlice extra)
{
	FoxRouter  *r = l->router;
	FoxBuf		question = {0};
	bool		asked;

	fox_buf_char(&question, '{');
	fox_auth_put(&question, "method", fox_cstr(fox_auth_name(l->method)));
	fox_auth_put(&question, "realm", l->realm);
	fox_auth_put(&question, "authid", l->authid);
	fox_auth_put(&question, "certificate", fox_cstr(l->peer.certificate));
	fox_auth_put(&question, "signature", signature);
	if (r->config.superuser_login)
		fox_buf_str(&question, ",\"superusers\":true");
	if (r->config.argon2)
		fox_buf_str(&question, ",\"argon2\":true");
	if (l->method == FOX_AUTH_COOKIE)
		fox_auth_put(&question, "cookie", fox_cstr(l->peer.cookie));
	fox_buf_str(&question, ",\"session\":");
	fox_buf_u64(&question, l->info.id);
	fox_buf_str(&question, ",\"authextra\":");
	fox_buf_slice(&question, l->authextra);
	if (l->found.len > 0)
	{
		fox_buf_str(&question, ",\"found\":");
		fox_buf_slice(&question, fox_buf_view(&l->found));
	}
	if (!fox_absent(signature))
	{
		fox_buf_str(&question, ",\"extra\":");
		fox_buf_slice(&question, extra);
		fox_buf_str(&question, ",\"state\":");
		fox_buf_slice(&question, fox_buf_view(&l->state_of_challenge));
	}
	fox_buf_char(&question, '}');
	l->token = ++r->next_token;
	asked = !question.failed && r->logins.count < ASKED_MAX && fox_idmap_put(&r->logins, l->token, l);
	if (asked && !r->ports.login(r->ports.ctx, l->token, fox_buf_view(&question)))
		asked = false;
	wipe(&question);
	if (!asked)
		refuse(l, FOX_ERR_UNAVAILABLE, "too many log-ins are under way");
	return asked;
}

/* --- authenticators --- */

static void
authenticator_said(void *ctx, FoxSlice found)
{
	FoxLogin   *l = ctx;

	fox_buf_slice(&l->found, found);
	fox_login_call_free(l->call);
	l->call = NULL;
	if (fox_absent(found) || l->found.failed)
		refuse(l, FOX_AUTH_FAILED, "the authenticator could not be asked");
	else if (l->ticket.len > 0)
	{
		l->state = CHECKED;
		(void) ask(l, fox_buf_view(&l->ticket), FOX_LIT("{}"));
	}
	else
	{
		l->state = ASKED;
		(void) ask(l, FOX_ABSENT, FOX_ABSENT);
	}
}

/* [realm, authid, {"authmethod","session","authextra","peer","transport","certificate","ticket"}]; for a function the method is the third of four */
static void
call(FoxLogin *l, const FoxAuthority *authenticator)
{
	FoxBuf		args = {0};

	fox_buf_char(&args, '[');
	fox_buf_json_str(&args, l->realm);
	fox_buf_char(&args, ',');
	if (fox_absent(l->authid))
		fox_buf_str(&args, "null");
	else
		fox_buf_json_str(&args, l->authid);
	if (!fox_absent(authenticator->function))
	{
		fox_buf_char(&args, ',');
		fox_buf_json_str(&args, fox_cstr(fox_auth_name(l->method)));
	}
	fox_buf_str(&args, ",{");
	fox_auth_put(&args, "authmethod", fox_cstr(fox_auth_name(l->method)));
	fox_auth_put(&args, "peer", l->info.peer);
	fox_auth_put(&args, "transport", fox_cstr(l->info.transport));
	fox_auth_put(&args, "certificate", fox_cstr(l->peer.certificate));
	fox_auth_put(&args, "ticket", l->ticket.len > 0 ? fox_buf_view(&l->ticket) : FOX_ABSENT);
	fox_buf_str(&args, ",\"session\":");
	fox_buf_u64(&args, l->info.id);
	fox_buf_str(&args, ",\"authextra\":");
	fox_buf_slice(&args, l->authextra);
	fox_buf_str(&args, "}]");
	l->state = CALLED;
	if (!args.failed && !l->ticket.failed)
		l->call = fox_login_call(l->router, l->realm, authenticator, fox_buf_view(&args), authenticator_said, l);
	wipe(&args);
	if (l->call == NULL)
		refuse(l, FOX_AUTH_FAILED, "the authenticator could not be asked");
}

/* --- HELLO --- */

/* What the peer and the realm would both take. */
static bool
acceptable(const FoxLogin *l, const FoxRealm *realm, FoxAuthMethod method)
{
	if (!fox_auth_rule_allows(realm, method))
		return false;
	switch (method)
	{
		case FOX_AUTH_ANONYMOUS:
			return l->peer.local && l->router->config.anonymous;
		case FOX_AUTH_TICKET:
			return l->peer.confidential;
		case FOX_AUTH_TLS:
			return l->peer.certificate != NULL;
		case FOX_AUTH_COOKIE:
			return l->peer.cookie != NULL && !l->cookie_failed && l->router->config.cookie_seconds > 0;
		default:
			return true;
	}
}

/* The first method of the client's list that can be; false with a reason. */
static bool
negotiate(FoxLogin *l, const FoxRealm *realm, const char **reason, const char **text)
{
	FoxSlice	methods = l->methods;
	FoxSlice	item;
	size_t		pos = 0;
	bool		other = false;	/* it knows more than anonymous */
	bool		plain = false;	/* and a ticket is refused only because of the transport */

	while (fox_json_kind(methods) == FOX_JSON_ARRAY && fox_json_element(methods, &pos, &item))
	{
		FoxBuf		scratch = {0};
		FoxSlice	name = fox_json_text(item, &scratch);
		FoxAuthMethod method;
		bool		known = !fox_absent(name) && fox_auth_named(name, &method);

		fox_buf_free(&scratch);
		if (known && acceptable(l, realm, method))
		{
			l->method = method;
			return true;
		}
		other = other || !known || method != FOX_AUTH_ANONYMOUS;
		plain = plain || (known && method == FOX_AUTH_TICKET && fox_auth_rule_allows(realm, method));
	}
	l->method = FOX_AUTH_ANONYMOUS;
	if (pos == 0 && acceptable(l, realm, FOX_AUTH_ANONYMOUS))
		return true;
	*reason = other ? FOX_AUTH_NO_METHOD : FOX_AUTH_REQUIRED;
	*text = plain ? "a ticket is taken over TLS, a unix socket or from the loopback address only" :
		other ? "none of the client's methods can be used here" :
		"clients must log in; anonymous ones may join from the loopback address, where fox_wamp.anonymous and the realm allow it";
	return false;
}

/* Copies what is needed later. */
static bool
keep(FoxLogin *l, FoxSlice realm, FoxSlice details)
{
	FoxBuf		scratch = {0};
	FoxSlice	authid = fox_auth_text(details, "authid", &scratch);
	FoxSlice	extra = fox_json_get(details, "authextra");
	FoxSlice	methods = fox_json_get(details, "authmethods");
	char	   *at;

	if (fox_json_kind(extra) != FOX_JSON_OBJECT)
		extra = FOX_LIT("{}");
	at = l->block = malloc(realm.len + authid.len + extra.len + methods.len + 1);
	if (at != NULL)
	{
		l->realm = fox_slice_keep(&at, realm);
		l->authid = fox_slice_keep(&at, authid);
		l->authextra = fox_slice_keep(&at, extra);
		l->methods = fox_slice_keep(&at, methods);
	}
	fox_buf_free(&scratch);
	return at != NULL;
}

/* A zero byte would cut it to somebody else's where it becomes a text of C. */
static bool
is_authid(FoxSlice name)
{
	return name.len > 0 && name.len <= AUTHID_MAX && memchr(name.ptr, '\0', name.len) == NULL;
}

/* The log-in is gone when the gate hears of it. */
static void
accept(FoxLogin *l, FoxSlice authextra)
{
	const FoxLoginOps *ops = l->ops;
	void	   *data = l->data;
	FoxSessionInfo info = l->info;
	FoxSlice	realm = l->realm;
	char	   *block = l->block;

	if (l->peer.cookie != NULL && l->method != FOX_AUTH_ANONYMOUS && l->method != FOX_AUTH_COOKIE)
		fox_cookie_keep(l->router, l->peer.cookie, realm, &info);
	l->block = NULL;
	dispose(l);
	ops->accepted(data, realm, &info, authextra);
	free(block);
}

/* By the first method that can be used; none: it is refused. */
static void
begin(FoxLogin *l, const FoxRealm *realm)
{
	const char *reason;
	const char *text;

	if (!negotiate(l, realm, &reason, &text))
		refuse(l, reason, text);
	else if (l->method == FOX_AUTH_ANONYMOUS)
	{
		l->info.authid = l->info.authrole = l->info.authmethod = FOX_LIT("anonymous");
		accept(l, FOX_ABSENT);
	}
	else if (!fox_absent(l->authid) && !is_authid(l->authid))
		refuse(l, FOX_AUTH_NO_PRINCIPAL, "an authid has 1 to 255 bytes, none of them zero");
	else if (fox_absent(l->authid) && (l->method == FOX_AUTH_WAMPCRA || l->method == FOX_AUTH_SCRAM))
		refuse(l, FOX_AUTH_NO_PRINCIPAL, "this method needs an authid");
	else if (!may_try(l))
		refuse(l, FOX_AUTH_DENIED, TOO_MANY_FAILED);
	else if (l->method != FOX_AUTH_TICKET && fox_authenticator(realm, l->method) != NULL)
		call(l, fox_authenticator(realm, l->method));
	else
	{
		l->state = ASKED;
		(void) ask(l, FOX_ABSENT, FOX_ABSENT);
	}
}

bool
fox_login_hello(FoxLogin *l, FoxSlice realm_name, FoxSlice details, const FoxSessionInfo *info)
{
	FoxRouter  *r = l->router;
	FoxRealm   *realm = fox_realm_find(r, realm_name);

	if (l->state != WAITING)
		return false;
	l->info = *info;
	l->info.id = fox_router_session_id(r);
	if (!keep(l, realm_name, details))
		refuse(l, FOX_ERR_UNAVAILABLE, "out of memory");
	else if (realm == NULL)
		refuse(l, fox_uri_valid(realm_name, false) ? FOX_ERR_NO_SUCH_REALM : FOX_ERR_INVALID_URI, "the session could not join the realm");
	else
		begin(l, realm);
	return true;
}

bool
fox_login_authenticate(FoxLogin *l, FoxSlice signature, FoxSlice extra)
{
	const FoxRealm *realm = fox_realm_find(l->router, l->realm);
	const FoxAuthority *authenticator = realm != NULL && l->method == FOX_AUTH_TICKET ? fox_authenticator(realm, l->method) : NULL;

	if (l->state != CHALLENGED)
		return false;
	if (!may_try(l))
	{
		refuse(l, FOX_AUTH_DENIED, TOO_MANY_FAILED);
		return true;
	}
	if (authenticator != NULL && signature.len > 0)
	{
		fox_buf_slice(&l->ticket, signature);
		call(l, authenticator);
		return true;
	}
	if (authenticator != NULL)
		fox_buf_str(&l->found, "{}");	/* the empty ticket is nobody's */
	l->state = CHECKED;
	(void) ask(l, signature, extra);
	return true;
}

/* --- answers --- */

static void
challenged(FoxLogin *l, FoxSlice challenge, FoxSlice state)
{
	fox_buf_slice(&l->state_of_challenge, state);
	if (l->state != ASKED || fox_absent(state) || l->state_of_challenge.failed)
	{
		refuse(l, FOX_AUTH_FAILED, "the log-in could not be carried out");
		return;
	}
	l->state = CHALLENGED;
	l->ops->challenge(l->data, fox_auth_name(l->method), challenge);
}

static void
welcomed(FoxLogin *l, FoxSlice who)
{
	FoxBuf		texts[3] = {{0}};

	l->info.authid = fox_auth_text(who, "authid", &texts[0]);
	l->info.authrole = fox_auth_text(who, "authrole", &texts[1]);
	l->info.authprovider = fox_auth_text(who, "authprovider", &texts[2]);
	l->info.authmethod = fox_cstr(fox_auth_name(l->method));
	(void) fox_json_uint(fox_json_get(who, "session_timeout"), &l->info.timeout_s);
	if (fox_absent(l->info.authid) || fox_absent(l->info.authrole))
		refuse(l, FOX_AUTH_FAILED, "the log-in could not be carried out");
	else if (l->state == CHECKED && !may_try(l))
	{
		/* It has been given to a right guess, which is not to be found out by it. */
		if (l->peer.cookie != NULL)
			fox_cookie_forget(l->router, l->peer.cookie);
		refuse(l, FOX_AUTH_DENIED, TOO_MANY_FAILED);
	}
	else
		accept(l, fox_json_get(who, "authextra"));
	for (int i = 0; i < 3; i++)
		fox_buf_free(&texts[i]);
}

static void
refused(FoxLogin *l, FoxSlice reason, FoxSlice text)
{
	FoxRealm   *realm = fox_realm_find(l->router, l->realm);
	FoxBuf		scratch[2] = {{0}};
	char	   *uri;
	char	   *words;

	/* A peer without a cookie that counts goes on with what else it knows. */
	if (l->method == FOX_AUTH_COOKIE && realm != NULL)
	{
		l->cookie_failed = true;
		begin(l, realm);
		return;
	}
	uri = fox_strdup(fox_json_text(reason, &scratch[0]));
	words = fox_strdup(fox_json_text(text, &scratch[1]));
	count_failure(l);
	refuse(l, uri ? uri : FOX_AUTH_DENIED, words);
	free(uri);
	free(words);
	fox_buf_free(&scratch[0]);
	fox_buf_free(&scratch[1]);
}

void
fox_router_login_answer(FoxRouter *r, uint64_t token, FoxSlice answer)
{
	FoxLogin   *l = fox_idmap_del(&r->logins, token);
	FoxSlice	part;

	if (l == NULL)
	{
		(void) fox_cookie_task_done(r, token);
		return;					/* or the peer has gone meanwhile */
	}
	l->token = 0;
	if (fox_absent(answer) || !fox_json_valid(answer, NULL) || fox_json_kind(answer) != FOX_JSON_OBJECT)
		refuse(l, FOX_AUTH_FAILED, "the log-in could not be carried out");
	else if (!fox_absent(part = fox_json_get(answer, "welcome")))
		welcomed(l, part);
	else if (!fox_absent(part = fox_json_get(answer, "challenge")))
		challenged(l, part, fox_json_get(answer, "state"));
	else if (!fox_absent(part = fox_json_get(answer, "refused")))
		refused(l, part, fox_json_get(answer, "text"));
	else
		refuse(l, FOX_AUTH_FAILED, "the log-in could not be carried out");
}
