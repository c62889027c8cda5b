/*
 * callback_send.c - what is sent to callbacks.
 *
 * An event or an invocation has the callback's URI, a dot and the method as its topic or procedure, and in its details
 * which callback it is for, the method, and how many it has got so far.  What is invoked may answer; that it
 * fails several times in a row, or does not answer, ends the callback.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/ask.h"
#include "core/call.h"
#include "core/callback.h"
#include "core/handler.h"
#include "core/mailbox.h"

#include "base/pure.h"

#define ONE_WAY_MS 60000		/* for an answer that nobody waits for */

/* --- one-way --- */

static bool
send_event(FoxCallback *cb, const FoxCallbackNote *note, FoxSlice topic, const FoxPayload *payload)
{
	FoxSubscription *sub = fox_idmap_get(&cb->realm->subscriptions_by_id, cb->target);
	FoxEvent	e = {.topic = topic, .payload = *payload, .callback = note, .qos = 1};

	e.publication = fox_router_publication_id(cb->router);
	for (uint32_t i = 0; sub != NULL && i < sub->count; i++)
		if (sub->members[i]->session == cb->session)
			fox_member_deliver(sub->members[i], &e);
	fox_event_done(&e);
	return true;
}

/* The realm's caller of callbacks whose answers nobody waits for. */

static FoxCallback *
callback_of_call(FoxSession *s, uint64_t request)
{
	const FoxCall *call = fox_idmap_get(&s->calls, request);

	return call != NULL ? fox_callback_find(s->realm->router, call->note.id) : NULL;
}

static void
one_way_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxCallback *cb = callback_of_call(s, request);

	(void) progress, (void) payload, (void) ppt;
	if (cb != NULL)
		cb->failures = 0;
}

static void
one_way_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxCallback *cb = callback_of_call(s, request);
	FoxRouter  *r = s->realm->router;

	(void) what;
	if (cb == NULL || ++cb->failures < r->config.callback_failures || r->config.callback_failures == 0)
		return;
	fox_router_log(r, FOX_LOG_WARNING, "a callback of interface \"%.*s\" has failed %u times in a row and is released: %.*s",
				   (int) cb->interface.len, cb->interface.ptr, cb->failures, (int) why->uri.len, why->uri.ptr);
	/* Not now: nothing may end while the core answers. */
	if (!fox_timer_set(&r->timers, &cb->again, fox_router_now(r), fox_callback_give_up))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a callback that fails goes on");
}

static void
one_way_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) reason, (void) message;
	s->realm->callbacks = NULL;
}

static const FoxSessionOps one_way_ops = {.result = one_way_result, .failed = one_way_failed, .ended = one_way_ended};

static const FoxSessionInfo one_way_info = {
	.authid = FOX_LIT("router"), .authrole = FOX_LIT("router"), .authmethod = FOX_LIT("internal"),
	.peer = FOX_LIT("router"), .protocol = FOX_LIT("internal")
};

static FoxSession *
caller_of(FoxRealm *realm)
{
	const char *reason;

	if (realm->callbacks == NULL)
		realm->callbacks = fox_session_join(realm->router, realm->name, &one_way_info, &one_way_ops, NULL, &reason);
	return realm->callbacks;
}

static bool
deliver_to_url(FoxCallback *cb, const FoxCallbackNote *note, const FoxPayload *payload)
{
	FoxRouter  *r = cb->router;
	FoxBuf		details = {0};
	FoxDelivery d = {
		.handler = cb->id, .publication = fox_router_publication_id(r), .topic = FOX_LIT("fox_wamp.callback"),
		.args = payload->args, .kwargs = payload->kwargs
	};
	bool		sent;

	fox_buf_str(&details, "{\"method\":");
	fox_buf_json_str(&details, note->method);
	fox_buf_char(&details, '}');
	d.details = fox_buf_view(&details);
	sent = !details.failed && r->ports.deliver(r->ports.ctx, &d);
	if (sent)
		fox_handler_delivering(r, cb->id);
	fox_buf_free(&details);
	return sent;
}

bool
fox_callback_send(FoxCallback *cb, FoxSlice method, FoxSlice args, FoxSlice kwargs)
{
	FoxCallbackNote note = {.id = cb->id, .request = ++cb->requests, .interface = cb->interface, .method = method};
	FoxPayload	payload = {FOX_JSON, args, kwargs};
	FoxSession *caller;
	FoxBuf		topic = {0};
	bool		sent = false;

	fox_buf_slice(&topic, cb->uri);
	fox_buf_char(&topic, '.');
	fox_buf_slice(&topic, method);
	if (cb->kind == FOX_CALLBACK_URL)
		sent = deliver_to_url(cb, &note, &payload);
	else if (cb->kind == FOX_CALLBACK_POLL)
		sent = fox_mailbox_put(cb->session, &note, &payload);
	else if (!topic.failed && cb->kind == FOX_CALLBACK_EVENT)
		sent = send_event(cb, &note, fox_buf_view(&topic), &payload);
	else if (!topic.failed && (caller = caller_of(cb->realm)) != NULL)
	{
		fox_call_callback(caller, ++cb->realm->callback_calls, cb, &note, ONE_WAY_MS, fox_buf_view(&topic), args, kwargs);
		sent = true;
	}
	fox_buf_free(&topic);
	return sent;
}

/* topic = id; options = {"method":text}, and "row" with what fox_callback_change() has, if that may not have come yet */
void
fox_callback_message(FoxRouter *r, const FoxChange *c)
{
	FoxBuf		scratch = {0};
	FoxSlice	method = fox_json_text(fox_json_get(c->options, "method"), &scratch);
	uint64_t	id;
	FoxCallback *cb = fox_json_uint(c->topic, &id) ? fox_callback_of(r, id, c->realm, fox_json_get(c->options, "row")) : NULL;

	if (cb == NULL || fox_absent(method))
		r->stats.callback_messages_dropped++;
	else if (!fox_callback_send(cb, method, c->args, c->kwargs))
	{
		r->stats.callback_messages_dropped++;
		fox_router_log(r, FOX_LOG_WARNING, "a callback of interface \"%.*s\" has missed a message", (int) cb->interface.len, cb->interface.ptr);
	}
	fox_buf_free(&scratch);
}

/* --- with an answer --- */

const char *
fox_callback_call(FoxCallback *cb, FoxSession *s, uint64_t request, uint64_t timeout_ms, FoxSlice method, FoxSlice args, FoxSlice kwargs)
{
	FoxCallbackNote note = {.id = cb->id, .request = cb->requests + 1, .interface = cb->interface, .method = method};
	FoxBuf		procedure = {0};

	if (cb->kind != FOX_CALLBACK_INVOCATION)
		return FOX_ERR_FEATURE_NOT_SUPPORTED;
	cb->requests++;
	fox_buf_slice(&procedure, cb->uri);
	fox_buf_char(&procedure, '.');
	fox_buf_slice(&procedure, method);
	if (!procedure.failed)
		fox_call_callback(s, request, cb, &note, timeout_ms, fox_buf_view(&procedure), args, kwargs);
	fox_buf_free(&procedure);
	return procedure.failed ? FOX_ERR_UNAVAILABLE : NULL;
}

/* fox_wamp.cb.node.token, the token being the last component; args = [method, its arguments] */
const char *
fox_callback_forward(FoxSession *s, FoxSlice uri, FoxSlice args, FoxSlice kwargs, const char **text)
{
	FoxRouter  *r = s->realm->router;
	FoxSlice	rest = fox_slice(uri.ptr + strlen(FOX_CALLBACK_URI), uri.len - strlen(FOX_CALLBACK_URI));
	FoxSlice	token = FOX_ABSENT;
	FoxSlice	first = FOX_ABSENT;
	FoxSlice	method;
	FoxBuf		scratch = {0};
	FoxBuf		others = {0};
	FoxCallback *cb;
	size_t		pos = 0;
	const char *error = NULL;

	while (fox_uri_component(&rest, &token))
		;
	cb = fox_map_get(&r->callbacks_by_token, token);
	if (cb == NULL || cb->ending)
	{
		*text = "the callback has been released";
		return FOX_ERR_NO_SUCH_PROCEDURE;
	}
	if (!fox_absent(args))
		(void) fox_json_element(args, &pos, &first);
	method = fox_json_text(first, &scratch);
	if (fox_absent(method) || !fox_uri_valid(method, false))
	{
		*text = "the first argument must be the method";
		error = FOX_ERR_INVALID_ARGUMENT;
	}
	else
	{
		fox_buf_char(&others, '[');
		for (bool more = false; fox_json_element(args, &pos, &first); more = true)
		{
			if (more)
				fox_buf_char(&others, ',');
			fox_buf_slice(&others, first);
		}
		fox_buf_char(&others, ']');
		if (others.failed || !fox_callback_send(cb, method, fox_buf_view(&others), kwargs))
			error = FOX_ERR_UNAVAILABLE;
	}
	fox_buf_free(&others);
	fox_buf_free(&scratch);
	return error;
}
