/*
 * call.c - calls, from CALL to the last RESULT or ERROR.
 *
 *      CALL ──► QUEUED ──(a callee has a free place)──► RUNNING ──YIELD/ERROR──► done
 *                 │  ▲                                    │  │
 *                 │  └──(unavailable; the others are busy)┘  │
 *                 │                                          │
 *                 └──cancel, timeout, caller gone──► done    └──skip, killnowait, timeout,
 *                                                               caller gone──► ORPHAN
 *      ORPHAN: the caller has its answer; the callee still owes one, which is thrown
 *      away when it comes, so that a late YIELD is no protocol violation.
 *
 * A call holds its callee's place until the callee's final answer, orphan or not: a
 * callee that is told to stop has not stopped yet.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/authorizer.h"
#include "core/call.h"
#include "core/callback.h"
#include "core/catalog.h"
#include "core/exposed.h"
#include "core/service.h"

#include "base/pure.h"

static void call_timeout(void *ctx, FoxTimer *timer);

/* --- the end of a call --- */

static void
leave_caller(FoxCall *call)
{
	if (call->caller != NULL)
	{
		fox_idmap_del(&call->caller->calls, call->request);
		if (call->open)
			fox_late_note(call->caller, call->request);
	}
	call->caller = NULL;
	call->open = false;
	fox_timer_clear(&call->router->timers, &call->timer);
}

void
fox_call_end(FoxCall *call)
{
	FoxCallee  *place;

	leave_caller(call);
	place = fox_call_detach(call);
	fox_call_forget(call);
	free(call->tried);
	free(call->head);
	free(call);
	if (place != NULL && place->registration->queued > 0)
		fox_calls_take_up(place->registration);
}

void
fox_call_answer_failed(FoxCall *call, const char *uri, const char *text)
{
	if (call->caller != NULL)
		fox_session_fail(call->caller, FOX_REQ_CALL, call->request, uri, text);
}

/* The caller has its answer; a running callee is told to stop and may answer late. */
static void
abandon(FoxCall *call, bool interrupt, const char *reason)
{
	if (call->state != FOX_CALL_RUNNING)
	{
		fox_call_end(call);
		return;
	}
	leave_caller(call);
	fox_call_forget(call);
	call->state = FOX_CALL_ORPHAN;
	if (interrupt && call->callee->call_canceling)
		call->callee->ops->interrupt(call->callee, call->invocation, FOX_CANCEL_KILLNOWAIT, reason);
}

void
fox_call_fail(FoxCall *call, const char *uri, const char *text)
{
	fox_call_answer_failed(call, uri, text);
	abandon(call, true, uri);
}

static void
call_timeout(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	fox_call_fail(fox_container(FoxCall, timer, timer), FOX_ERR_TIMEOUT, "the callee did not answer in time");
}

bool
fox_call_arm(FoxCall *call)
{
	FoxRouter  *r = call->router;

	return call->timeout_us == 0 || call->timer.place != 0 ||
		fox_timer_set(&r->timers, &call->timer, fox_router_now(r) + call->timeout_us, call_timeout);
}

/* --- CALL --- */

static const char *
call_options(FoxCall *call, FoxSlice options)
{
	FoxSlice	value = fox_json_get(options, "timeout");
	uint64_t	ms = 0;

	call->receive_progress = fox_json_is_true(fox_json_get(options, "receive_progress"));
	call->disclose_me = fox_json_is_true(fox_json_get(options, "disclose_me"));
	call->open = call->needs_stream = fox_json_is_true(fox_json_get(options, "progress"));
	fox_ppt_read(options, &call->ppt);
	if (!fox_absent(value) && !fox_json_uint(value, &ms))
		return "option timeout must be a number of milliseconds";
	call->timeout_us = ms * 1000;
	value = fox_json_get(options, "runmode");
	if (fox_absent(value))
		return NULL;
	if (!fox_slice_is(value, "\"partition\""))
		return "option runmode must be partition";
	value = fox_json_get(options, "rkey");
	if (fox_json_kind(value) != FOX_JSON_STRING && fox_json_kind(value) != FOX_JSON_NUMBER)
		return "option runmode needs option rkey, a string or a number";
	call->partition = true;
	call->shard = fox_shard_hash(value);
	return NULL;
}

/* Tells the caller where the procedure is, if that is somewhere else; known: it is here too, and only a share of it may be elsewhere. */
static bool
refuse_moved(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure, bool known)
{
	FoxFailure	why = {.uri = FOX_LIT(FOX_ERR_MOVED), .text = FOX_LIT("the service is somewhere else"), .payload = {.encoding = FOX_JSON}};
	FoxBuf		ref = {0};
	FoxCriterion criterion;
	const FoxOffer *offer;

	if (fox_list_empty(&s->realm->offers))
		return false;
	if (!fox_criterion_read(fox_json_get(options, "shard"), &criterion))
	{
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_INVALID_ARGUMENT, "option shard must be an integer");
		return true;
	}
	offer = known && !criterion.given ? NULL : fox_catalog_elsewhere(s->realm, procedure, criterion);
	if (offer == NULL)
		return false;
	fox_offer_put(&ref, offer);
	why.payload.kwargs = fox_buf_view(&ref);
	s->ops->failed(s, FOX_REQ_CALL, request, &why);
	fox_buf_free(&ref);
	return true;
}

/* Refuses what has not become a call. */
static void
refuse(FoxSession *s, uint64_t request, bool open, const char *uri, const char *text)
{
	fox_session_fail(s, FOX_REQ_CALL, request, uri, text);
	if (open)
		fox_late_note(s, request);
}

static FoxCall *
call_new(FoxSession *s, uint64_t request, FoxSlice procedure)
{
	FoxCall    *call = calloc(1, sizeof(*call));

	if (call == NULL || !fox_idmap_put(&s->calls, request, call))
	{
		free(call);
		return NULL;
	}
	call->router = s->realm->router;
	call->caller = s;
	call->encoding = s->encoding;
	call->request = request;
	call->procedure = procedure;
	fox_list_init(&call->node);
	fox_list_init(&call->chunks);
	return call;
}

static void
begin(FoxCall *call, FoxRegistration *reg, const FoxChunk *chunk)
{
	const char *text;
	const char *uri = fox_call_begin(call, reg, chunk, &text);

	if (uri != NULL)
		fox_call_fail(call, uri, text);
	else if (call->head == NULL)
	{
		call->procedure = FOX_ABSENT;
		call->ppt = (FoxPpt){.scheme = FOX_ABSENT};
		call->note.interface = call->note.method = FOX_ABSENT;
	}
}

void
fox_session_call(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure,
				 FoxSlice args, FoxSlice kwargs)
{
	FoxRouter  *r = s->realm->router;
	FoxChunk	chunk = {.more = fox_json_is_true(fox_json_get(options, "progress")), .args = args, .kwargs = kwargs};
	FoxCall    *call = fox_idmap_get(&s->calls, request);
	FoxRegistration *reg;
	FoxPermit	permit;
	FoxPass		pass;
	const char *uri = FOX_ERR_INVALID_ARGUMENT;
	const char *text;

	fox_permissions_settle(r);
	if (call != NULL && call->open)
	{
		fox_call_continue(call, &chunk);
		return;
	}
	if (fox_late_take(s, request, chunk.more))
		return;
	r->stats.calls++;
	if (!fox_uri_valid(procedure, s->realm->strict))
	{
		refuse(s, request, chunk.more, FOX_ERR_INVALID_URI, "the procedure is not a valid URI");
		return;
	}
	if (fox_uri_reserved(procedure))
	{
		fox_meta_call(s, request, procedure, args, kwargs);
		return;
	}
	/* Permissions are for a procedure as it is, however a caller spells it. */
	if ((reg = fox_dealer_find(s->realm, procedure)) == NULL && fox_exposed_spelling(s->realm, &procedure))
		reg = fox_dealer_find(s->realm, procedure);
	pass = fox_permit(s, &(FoxWish){FOX_MAY_CALL, request, options, procedure, FOX_EXACT, args, kwargs}, false, &permit);
	if (pass == FOX_REFUSED)
		refuse(s, request, chunk.more, permit.uri, permit.text);
	if (pass != FOX_PASSES)
		return;
	if (refuse_moved(s, request, options, procedure, reg != NULL))
	{
		if (chunk.more)
			fox_late_note(s, request);
		return;
	}
	if (reg == NULL)
	{
		refuse(s, request, chunk.more, FOX_ERR_NO_SUCH_PROCEDURE, "no callee has registered that procedure");
		return;
	}
	if (call != NULL)
	{
		refuse(s, request, false, FOX_ERR_INVALID_ARGUMENT, "a call with that request id is under way");
		return;
	}
	if ((call = call_new(s, request, procedure)) == NULL)
	{
		refuse(s, request, chunk.more, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	text = call_options(call, options);
	call->disclosure = permit.disclosure;
	if (text == NULL && call->disclose_me && call->disclosure == FOX_DISCLOSE_NEVER)
	{
		uri = FOX_ERR_DISCLOSE_ME;
		text = "this realm names no callers";
	}
	if (text == NULL && fox_exposed_holds(reg))
	{
		call->instance = fox_json_get(options, "_instance");
		if (!fox_exposed_agrees(reg, fox_json_get(options, "contract"), &text))
			uri = FOX_ERR_CONTRACT_MISMATCH;
	}
	if (text != NULL)
		fox_call_fail(call, uri, text);
	else
		begin(call, reg, &chunk);
}

void
fox_call_callback(FoxSession *s, uint64_t request, const FoxCallback *cb, const FoxCallbackNote *note, uint64_t timeout_ms,
				  FoxSlice procedure, FoxSlice args, FoxSlice kwargs)
{
	FoxCallee  *callee = fox_idmap_get(&cb->session->callees_by_id, cb->target);
	FoxChunk	chunk = {.args = args, .kwargs = kwargs};
	FoxCall    *call;

	s->realm->router->stats.calls++;
	if (callee == NULL || (call = call_new(s, request, procedure)) == NULL)
	{
		refuse(s, request, false, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	call->encoding = FOX_JSON;
	call->disclosure = FOX_DISCLOSE_NEVER;
	call->ppt = (FoxPpt){.scheme = FOX_ABSENT};
	call->note = *note;
	call->only = callee->serial;
	call->timeout_us = timeout_ms * 1000;
	begin(call, callee->registration, &chunk);
}

/* --- answers of the callee --- */

/* A payload that the router does not look into must not go to who would.  True: it is not sent on. */
static bool
refuse_passthru(FoxCall *call, FoxSlice options, FoxPpt *ppt)
{
	return fox_ppt_read(options, ppt) && call->caller != NULL && !call->caller->ppt_caller;
}

#define NO_PASSTHRU "the caller has not announced payload_passthru_mode"

bool
fox_session_yield(FoxSession *s, uint64_t invocation, FoxSlice options, FoxSlice args, FoxSlice kwargs)
{
	FoxCall    *call = fox_idmap_get(&s->invocations, invocation);
	bool		progress = fox_json_is_true(fox_json_get(options, "progress"));
	FoxPayload	payload = {s->encoding, args, kwargs};
	FoxPpt		ppt;

	if (call == NULL)
		return false;
	if (refuse_passthru(call, options, &ppt))
	{
		fox_session_fail(s, FOX_REQ_YIELD, invocation, FOX_ERR_FEATURE_NOT_SUPPORTED, NO_PASSTHRU);
		fox_call_answer_failed(call, FOX_ERR_FEATURE_NOT_SUPPORTED, NO_PASSTHRU);
		if (progress)
			abandon(call, true, FOX_ERR_FEATURE_NOT_SUPPORTED);
		else
			fox_call_end(call);
		return true;
	}
	if (progress)
	{
		if (call->caller != NULL && call->receive_progress)
		{
			call->progressed = true;
			fox_call_forget(call);
			call->caller->ops->result(call->caller, call->request, true, &payload, &ppt);
			if (call->timer.place != 0)
				fox_timer_set(&call->router->timers, &call->timer,
							  fox_router_now(call->router) + call->timeout_us, call_timeout);
		}
		return true;
	}
	if (call->caller != NULL)
		call->caller->ops->result(call->caller, call->request, false, &payload, &ppt);
	fox_call_end(call);
	return true;
}

bool
fox_session_invocation_failed(FoxSession *s, uint64_t invocation, FoxSlice details, FoxSlice uri,
							  FoxSlice args, FoxSlice kwargs)
{
	FoxCall    *call = fox_idmap_get(&s->invocations, invocation);
	FoxPpt		ppt;
	FoxFailure	why = {.uri = uri, .text = FOX_ABSENT, .payload = {s->encoding, args, kwargs}, .ppt = &ppt};

	if (call == NULL)
		return false;
	if (call->caller != NULL && !call->progressed && !call->canceled && fox_slice_is(uri, FOX_ERR_UNAVAILABLE))
	{
		fox_call_move(call);
		return true;
	}
	if (refuse_passthru(call, details, &ppt))
		fox_call_answer_failed(call, FOX_ERR_FEATURE_NOT_SUPPORTED, NO_PASSTHRU);
	else if (call->caller != NULL)
		call->caller->ops->failed(call->caller, FOX_REQ_CALL, call->request, &why);
	fox_call_end(call);
	return true;
}

/* --- ending early --- */

void
fox_session_cancel(FoxSession *s, uint64_t request, FoxSlice options)
{
	FoxCall    *call = fox_idmap_get(&s->calls, request);
	FoxSlice	mode = fox_json_get(options, "mode");
	FoxCancelMode how = FOX_CANCEL_KILLNOWAIT;

	if (call == NULL)
	{
		bool		open;

		/* Otherwise the answer and the CANCEL have crossed. */
		if (fox_authorizer_cancel(s, request, &open))
			refuse(s, request, open, FOX_ERR_CANCELED, "the caller canceled the call");
		return;
	}
	if (fox_absent(mode))
		;
	else if (fox_slice_is(mode, "\"skip\""))
		how = FOX_CANCEL_SKIP;
	else if (fox_slice_is(mode, "\"kill\""))
		how = FOX_CANCEL_KILL;
	else if (!fox_slice_is(mode, "\"killnowait\""))
	{
		fox_call_answer_failed(call, FOX_ERR_INVALID_ARGUMENT, "option mode must be skip, kill or killnowait");
		abandon(call, true, FOX_ERR_CANCELED);
		return;
	}
	if (call->state == FOX_CALL_RUNNING && how == FOX_CANCEL_KILL && call->callee->call_canceling)
	{
		call->canceled = true;
		call->callee->ops->interrupt(call->callee, call->invocation, how, FOX_ERR_CANCELED);
		return;					/* its ERROR is the answer */
	}
	fox_call_answer_failed(call, FOX_ERR_CANCELED, "the caller canceled the call");
	abandon(call, how != FOX_CANCEL_SKIP, FOX_ERR_CANCELED);
}

void
fox_calls_caller_lost(FoxSession *s)
{
	FoxIdMap	calls = s->calls;
	size_t		pos = 0;
	FoxMapSlot *slot;

	s->calls = (FoxIdMap){0};	/* nothing is taken out of the map that is walked */
	while ((slot = fox_map_next(&calls, &pos)) != NULL)
	{
		FoxCall    *call = slot->value;

		call->open = false;
		abandon(call, true, FOX_ERR_CANCELED);
	}
	fox_map_free(&calls);
	fox_calls_late_free(s);
}

/* The place goes away with its calls unanswered. */
void
fox_calls_callee_lost(FoxCallee *c)
{
	fox_list_each(n, &c->calls)
	{
		FoxCall    *call = fox_container(FoxCall, node, n);

		fox_call_answer_failed(call, FOX_ERR_CANCELED, "the callee has gone");
		call->place = NULL;
		fox_call_end(call);
	}
	c->concurrency = 0;
	c->running = 0;
}

/* Calls that run there go on; they no longer count against anybody's limit. */
void
fox_calls_let_go(FoxCallee *c)
{
	fox_list_each(n, &c->calls)
	{
		fox_container(FoxCall, node, n)->place = NULL;
		fox_list_del(n);
	}
	c->running = 0;
}

/* What remains at a callee's end: calls of registrations that it had taken back. */
void
fox_calls_free(FoxSession *s)
{
	FoxIdMap	invocations = s->invocations;
	size_t		pos = 0;
	FoxMapSlot *slot;

	s->invocations = (FoxIdMap){0};
	while ((slot = fox_map_next(&invocations, &pos)) != NULL)
	{
		fox_call_answer_failed(slot->value, FOX_ERR_CANCELED, "the callee has gone");
		fox_call_end(slot->value);
	}
	fox_map_free(&invocations);
}

void
fox_calls_registration_gone(FoxRegistration *reg)
{
	fox_list_each(n, &reg->queue)
	{
		FoxCall    *call = fox_container(FoxCall, node, n);

		fox_call_answer_failed(call, FOX_ERR_CANCELED, "the last callee has gone");
		fox_call_end(call);
	}
}
