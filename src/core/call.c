/*
 * call.c - calls, from CALL to the last RESULT or ERROR.
 *
 *      CALL ──► QUEUED ──(a callee has a free place)──► RUNNING ──YIELD/ERROR──► done
 *                 │                                       │
 *                 └──cancel, timeout, caller gone──► done └──skip, killnowait, timeout,
 *                                                            caller gone──► ORPHAN
 *      ORPHAN: the caller has its answer; the callee still owes one, which is thrown
 *      away when it comes, so that a late YIELD is no protocol violation.
 *
 * A call holds its callee's place until the callee's final answer, orphan or not: a
 * callee that is told to stop has not stopped yet.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/core.h"

#include "base/pure.h"

typedef enum CallState
{
	CALL_QUEUED,
	CALL_RUNNING,
	CALL_ORPHAN
} CallState;

struct FoxCall
{
	CallState	state;
	FoxRouter  *router;
	FoxSession *caller;			/* NULL once it is an orphan */
	uint64_t	request;
	FoxSession *callee;			/* while running or orphan */
	FoxCallee  *place;			/* whose limit it counts against; NULL after UNREGISTER */
	FoxRegistration *registration;	/* while queued */
	uint64_t	invocation;
	bool		receive_progress;
	bool		disclose_me;
	FoxNode		node;			/* in registration->queue or place->calls */
	FoxTimer	timer;
	uint64_t	timeout_us;
	FoxSlice	procedure;		/* these three only while queued, in block */
	FoxSlice	args;
	FoxSlice	kwargs;
	char	   *block;
};

static void call_timeout(void *ctx, FoxTimer *timer);

static void
leave_caller(FoxCall *call)
{
	if (call->caller != NULL)
		fox_idmap_del(&call->caller->calls, call->request);
	call->caller = NULL;
	fox_timer_clear(&call->router->timers, &call->timer);
}

/* Frees the call and the place it held. */
static void
call_end(FoxCall *call)
{
	FoxCallee  *place = call->place;

	leave_caller(call);
	fox_list_del(&call->node);
	if (call->state == CALL_QUEUED)
		call->registration->queued--;
	else
		fox_idmap_del(&call->callee->invocations, call->invocation);
	free(call->block);
	free(call);
	if (place != NULL)
	{
		place->running--;
		if (place->registration->queued > 0)
			fox_calls_take_up(place->registration);
	}
}

static void
answer_failed(FoxCall *call, const char *uri, const char *text)
{
	if (call->caller != NULL)
		fox_session_fail(call->caller, FOX_REQ_CALL, call->request, uri, text);
}

/* --- starting --- */

/* Sends the invocation; false without memory. */
static bool
start(FoxCall *call, FoxCallee *c, FoxSlice procedure, FoxSlice args, FoxSlice kwargs)
{
	FoxInvocation inv = {
		.id = c->session->last_invocation + 1, .registration = c->registration->id,
		.procedure = c->registration->kind == FOX_EXACT ? FOX_ABSENT : procedure,
		.receive_progress = call->receive_progress && c->session->progressive_results,
		.args = args, .kwargs = kwargs
	};

	if (!fox_idmap_put(&c->session->invocations, inv.id, call))
		return false;
	c->session->last_invocation = inv.id;
	if (call->disclose_me || c->disclose_caller)
		inv.caller = (FoxDisclosed){call->caller->id, call->caller->authid, call->caller->authrole};
	call->state = CALL_RUNNING;
	call->callee = c->session;
	call->place = c;
	call->invocation = inv.id;
	c->running++;
	fox_list_push(&c->calls, &call->node);
	c->session->ops->invoke(c->session, &inv);
	return true;
}

static bool
enqueue(FoxCall *call, FoxRegistration *reg, FoxSlice procedure, FoxSlice args, FoxSlice kwargs)
{
	char	   *at;

	if (reg->queued >= reg->realm->router->config.call_queue_limit)
		return false;
	at = call->block = malloc(procedure.len + args.len + kwargs.len + 1);
	if (at == NULL)
		return false;
	call->procedure = fox_slice_keep(&at, procedure);
	call->args = fox_slice_keep(&at, args);
	call->kwargs = fox_slice_keep(&at, kwargs);
	call->state = CALL_QUEUED;
	call->registration = reg;
	reg->queued++;
	fox_list_push(&reg->queue, &call->node);
	return true;
}

void
fox_calls_take_up(FoxRegistration *reg)
{
	FoxCallee  *c;

	while (!fox_list_empty(&reg->queue) && (c = fox_dealer_pick(reg)) != NULL)
	{
		FoxCall    *call = fox_container(FoxCall, node, reg->queue.next);

		fox_list_del(&call->node);
		reg->queued--;
		if (start(call, c, call->procedure, call->args, call->kwargs))
		{
			free(call->block);
			call->block = NULL;
			continue;
		}
		answer_failed(call, FOX_ERR_UNAVAILABLE, "out of memory");
		leave_caller(call);
		free(call->block);
		free(call);
	}
}

static const char *
call_options(FoxCall *call, FoxSlice options)
{
	FoxSlice	value = fox_json_get(options, "timeout");
	uint64_t	ms;

	call->receive_progress = fox_json_is_true(fox_json_get(options, "receive_progress"));
	call->disclose_me = fox_json_is_true(fox_json_get(options, "disclose_me"));
	if (fox_absent(value))
		return NULL;
	if (!fox_json_uint(value, &ms))
		return "option timeout must be a number of milliseconds";
	call->timeout_us = ms * 1000;
	return NULL;
}

void
fox_session_call(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure,
				 FoxSlice args, FoxSlice kwargs)
{
	FoxRouter  *r = s->realm->router;
	FoxRegistration *reg;
	FoxCallee  *c;
	FoxCall    *call;
	const char *error;
	bool		taken;

	r->stats.calls++;
	if (!fox_uri_valid(procedure, s->realm->strict))
	{
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_INVALID_URI, "the procedure is not a valid URI");
		return;
	}
	if (fox_uri_reserved(procedure))
	{
		fox_meta_call(s, request, procedure, args, kwargs);
		return;
	}
	if ((reg = fox_dealer_find(s->realm, procedure)) == NULL)
	{
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_NO_SUCH_PROCEDURE, "no callee has registered that procedure");
		return;
	}
	if (fox_idmap_get(&s->calls, request) != NULL)
	{
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_INVALID_ARGUMENT, "a call with that request id is under way");
		return;
	}
	if ((call = calloc(1, sizeof(*call))) == NULL || !fox_idmap_put(&s->calls, request, call))
	{
		free(call);
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	call->router = r;
	call->caller = s;
	call->request = request;
	fox_list_init(&call->node);
	error = call_options(call, options);
	if (error != NULL)
	{
		answer_failed(call, FOX_ERR_INVALID_ARGUMENT, error);
		leave_caller(call);
		free(call);
		return;
	}
	if (reg->queued == 0 && (c = fox_dealer_pick(reg)) != NULL)
		taken = start(call, c, procedure, args, kwargs);
	else
		taken = enqueue(call, reg, procedure, args, kwargs);
	if (!taken)
	{
		answer_failed(call, FOX_ERR_UNAVAILABLE, "too many calls of that procedure are waiting");
		leave_caller(call);
		free(call);
		return;
	}
	if (call->timeout_us > 0)
		fox_timer_set(&r->timers, &call->timer, fox_router_now(r) + call->timeout_us, call_timeout);
}

/* --- answers of the callee --- */

bool
fox_session_yield(FoxSession *s, uint64_t invocation, FoxSlice options, FoxSlice args, FoxSlice kwargs)
{
	FoxCall    *call = fox_idmap_get(&s->invocations, invocation);
	bool		progress = fox_json_is_true(fox_json_get(options, "progress"));

	if (call == NULL)
		return false;
	if (progress)
	{
		if (call->caller != NULL && call->receive_progress)
		{
			call->caller->ops->result(call->caller, call->request, true, args, kwargs);
			if (call->timeout_us > 0)
				fox_timer_set(&call->router->timers, &call->timer,
							  fox_router_now(call->router) + call->timeout_us, call_timeout);
		}
		return true;
	}
	if (call->caller != NULL)
		call->caller->ops->result(call->caller, call->request, false, args, kwargs);
	call_end(call);
	return true;
}

bool
fox_session_invocation_failed(FoxSession *s, uint64_t invocation, FoxSlice uri, FoxSlice args, FoxSlice kwargs)
{
	FoxCall    *call = fox_idmap_get(&s->invocations, invocation);
	FoxFailure	why = {.uri = uri, .text = FOX_ABSENT, .args = args, .kwargs = kwargs};

	if (call == NULL)
		return false;
	if (call->caller != NULL)
		call->caller->ops->failed(call->caller, FOX_REQ_CALL, call->request, &why);
	call_end(call);
	return true;
}

/* --- ending early --- */

/* The caller has its answer; a running callee is told to stop and may answer late. */
static void
abandon(FoxCall *call, bool interrupt, const char *reason)
{
	if (call->state == CALL_QUEUED)
	{
		call_end(call);
		return;
	}
	leave_caller(call);
	call->state = CALL_ORPHAN;
	if (interrupt && call->callee->call_canceling)
		call->callee->ops->interrupt(call->callee, call->invocation, FOX_CANCEL_KILLNOWAIT, reason);
}

static void
call_timeout(void *ctx, FoxTimer *timer)
{
	FoxCall    *call = fox_container(FoxCall, timer, timer);

	(void) ctx;
	answer_failed(call, FOX_ERR_TIMEOUT, "the callee did not answer in time");
	abandon(call, true, FOX_ERR_TIMEOUT);
}

void
fox_session_cancel(FoxSession *s, uint64_t request, FoxSlice options)
{
	FoxCall    *call = fox_idmap_get(&s->calls, request);
	FoxSlice	mode = fox_json_get(options, "mode");
	FoxCancelMode how = FOX_CANCEL_KILLNOWAIT;

	if (call == NULL)
		return;					/* the answer and the CANCEL have crossed */
	if (fox_absent(mode))
		;
	else if (fox_slice_is(mode, "\"skip\""))
		how = FOX_CANCEL_SKIP;
	else if (fox_slice_is(mode, "\"kill\""))
		how = FOX_CANCEL_KILL;
	else if (!fox_slice_is(mode, "\"killnowait\""))
	{
		fox_session_fail(s, FOX_REQ_CALL, request, FOX_ERR_INVALID_ARGUMENT,
						 "option mode must be skip, kill or killnowait");
		abandon(call, true, FOX_ERR_CANCELED);
		return;
	}
	if (call->state == CALL_RUNNING && how == FOX_CANCEL_KILL && call->callee->call_canceling)
	{
		call->callee->ops->interrupt(call->callee, call->invocation, how, FOX_ERR_CANCELED);
		return;					/* its ERROR is the answer */
	}
	answer_failed(call, FOX_ERR_CANCELED, "the caller canceled the call");
	abandon(call, how != FOX_CANCEL_SKIP, FOX_ERR_CANCELED);
}

void
fox_calls_caller_lost(FoxSession *s)
{
	for (;;)
	{
		size_t		pos = 0;
		FoxMapSlot *slot = fox_map_next(&s->calls, &pos);

		if (slot == NULL)
			return;
		abandon(slot->value, true, FOX_ERR_CANCELED);
	}
}

/* The place goes away with its calls unanswered. */
void
fox_calls_callee_lost(FoxCallee *c)
{
	fox_list_each(n, &c->calls)
	{
		FoxCall    *call = fox_container(FoxCall, node, n);

		answer_failed(call, FOX_ERR_CANCELED, "the callee has gone");
		call->place = NULL;
		call_end(call);
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
	for (;;)
	{
		size_t		pos = 0;
		FoxMapSlot *slot = fox_map_next(&s->invocations, &pos);
		FoxCall    *call;

		if (slot == NULL)
			return;
		call = slot->value;
		answer_failed(call, FOX_ERR_CANCELED, "the callee has gone");
		call_end(call);
	}
}

void
fox_calls_registration_gone(FoxRegistration *reg)
{
	fox_list_each(n, &reg->queue)
	{
		FoxCall    *call = fox_container(FoxCall, node, n);

		answer_failed(call, FOX_ERR_CANCELED, "the last callee has gone");
		call_end(call);
	}
}
