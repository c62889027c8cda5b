/*
 * login_call.c - the call of an authenticator (see login_call.h).
 *
 * A procedure is called by a session of its own, as a call() of SQL's is.  The core is in the
 * middle of something when the result comes: a timer that is due at once takes it up.
 */
#include "core/login_call.h"

#include <stdlib.h>

#include "base/digest.h"
#include "codec/json.h"
#include "core/ask.h"
#include "core/inquiry.h"

#include "base/pure.h"

#define WARN_US UINT64_C(60000000)
#define CALLS_MAX 1000			/* strangers are to leave room for the calls of those who are known */

struct FoxLoginCall
{
	FoxRouter  *router;
	FoxSession *session;		/* that calls a procedure; NULL: none */
	FoxInquiry *inquiry;		/* of a function; NULL: none, or it is answered */
	FoxTimer	timer;
	FoxBuf		found;
	bool		failed;
	void		(*done) (void *ctx, FoxSlice found);
	void	   *ctx;
};

static void
take_up(void *ctx, FoxTimer *timer)
{
	FoxLoginCall *c = fox_container(FoxLoginCall, timer, timer);

	(void) ctx;
	c->done(c->ctx, c->failed || c->found.failed ? FOX_ABSENT : fox_buf_view(&c->found));
}

static void
over(FoxLoginCall *c)
{
	(void) fox_timer_set(&c->router->timers, &c->timer, fox_router_now(c->router), take_up);
}

/* A text is the role; what is no object either says that it knows nobody. */
static void
take(FoxLoginCall *c, FoxSlice value)
{
	if (fox_json_kind(value) == FOX_JSON_OBJECT)
		fox_buf_slice(&c->found, value);
	else if (fox_json_kind(value) == FOX_JSON_STRING)
	{
		fox_buf_str(&c->found, "{\"role\":");
		fox_buf_slice(&c->found, value);
		fox_buf_char(&c->found, '}');
	}
	else
		fox_buf_str(&c->found, "{}");
}

static void
call_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxLoginCall *c = s->data;
	FoxBuf		memory = {0};
	FoxPayload	json;
	FoxSlice	first = FOX_ABSENT;
	size_t		pos = 0;

	(void) request, (void) ppt;
	if (progress)
		return;
	if (!fox_payload_as(payload, FOX_JSON, &memory, &json))
		c->failed = true;
	else
	{
		if (!fox_absent(json.args))
			(void) fox_json_element(json.args, &pos, &first);
		take(c, first);
	}
	fox_buf_free(&memory);
	over(c);
}

static void
function_said(void *ctx, FoxSlice value)
{
	FoxLoginCall *c = ctx;

	fox_inquiry_free(c->inquiry);
	c->inquiry = NULL;
	if (fox_absent(value))
		c->failed = true;
	else
		take(c, value);
	over(c);
}

/* Strangers cause this: not too often. */
static void
warn(FoxRouter *r, FoxSlice uri)
{
	uint64_t	now = fox_router_now(r);

	if (r->authenticator_warned_us != 0 && now - r->authenticator_warned_us < WARN_US)
		return;
	r->authenticator_warned_us = now;
	fox_router_log(r, FOX_LOG_WARNING, "an authenticator could not be called: %.*s", (int) uri.len, uri.ptr);
}

/* An error of the authenticator's own says that it knows nobody; one of the router's that it was not asked. */
static void
call_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxLoginCall *c = s->data;

	(void) what, (void) request;
	c->failed = !fox_absent(why->text) || fox_uri_reserved(why->uri);
	if (c->failed)
		warn(c->router, why->uri);
	else
		fox_buf_str(&c->found, "{}");
	over(c);
}

static void
call_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxLoginCall *c = s->data;

	(void) reason, (void) message;
	c->session = NULL;
	c->failed = true;
	over(c);
}

static const FoxSessionOps call_ops = {.result = call_result, .failed = call_failed, .ended = call_ended};

static bool
call_procedure(FoxLoginCall *c, FoxSlice realm, FoxSlice procedure, FoxSlice args)
{
	const char *reason;

	c->session = fox_session_join(c->router, realm, &fox_sql_info, &call_ops, c, &reason);
	if (c->session == NULL)
		return false;
	fox_session_call(c->session, 1, FOX_LIT("{}"), procedure, args, FOX_ABSENT);
	return true;
}

static bool
ask_function(FoxLoginCall *c, FoxSlice realm, const FoxAuthority *authenticator, FoxSlice args)
{
	FoxFunctionCall call = {
		.realm = realm, .function = authenticator->function, .role = authenticator->role, .authid = FOX_ABSENT,
		.timeout_ms = c->router->config.auth_timeout_ms, .args = args
	};

	c->inquiry = fox_inquiry_new(c->router, &call, function_said, c);
	return c->inquiry != NULL;
}

FoxLoginCall *
fox_login_call(FoxRouter *r, FoxSlice realm, const FoxAuthority *authenticator, FoxSlice args,
			   void (*done) (void *ctx, FoxSlice found), void *ctx)
{
	FoxLoginCall *c = r->login_calls < CALLS_MAX ? calloc(1, sizeof(*c)) : NULL;
	bool		called;

	if (c == NULL)
		return NULL;
	r->login_calls++;
	c->router = r;
	c->done = done;
	c->ctx = ctx;
	called = fox_absent(authenticator->function) ? call_procedure(c, realm, authenticator->procedure, args) :
		ask_function(c, realm, authenticator, args);
	if (called)
		return c;
	r->login_calls--;
	free(c);
	return NULL;
}

void
fox_login_call_free(FoxLoginCall *c)
{
	fox_timer_clear(&c->router->timers, &c->timer);
	if (c->session != NULL)
		fox_session_leave(c->session, FOX_END_GOODBYE);
	if (c->inquiry != NULL)
		fox_inquiry_free(c->inquiry);
	if (c->found.cap > 0)
		fox_wipe(c->found.data, c->found.cap);
	fox_buf_free(&c->found);
	c->router->login_calls--;
	free(c);
}
