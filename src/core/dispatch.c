/*
 * dispatch.c - a call on its way from the caller to a callee.
 *
 * A call keeps copies of what it brings only where it may need them: while it waits in
 * the queue, and while it runs at a shared registration whose callee may yet answer
 * that it is unavailable, so that the call moves on to the next one.
 */
#include <stdlib.h>

#include "core/call.h"

#include "core/trust.h"

#include "base/pure.h"

#define NOBODY_ABLE "no callee of the procedure has announced what the call needs"

/* --- what is kept --- */

/* The call's own copies of what it has borrowed. */
static bool
keep_head(FoxCall *call)
{
	char	   *at;

	if (call->head != NULL)
		return true;
	at = malloc(call->procedure.len + call->instance.len + call->note.interface.len + call->note.method.len + fox_ppt_size(&call->ppt) + 1);
	if (at == NULL)
		return false;
	call->head = at;
	call->procedure = fox_slice_keep(&at, call->procedure);
	call->note.interface = fox_slice_keep(&at, call->note.interface);
	call->note.method = fox_slice_keep(&at, call->note.method);
	call->instance = fox_slice_keep(&at, call->instance);
	call->ppt = fox_ppt_keep(&at, &call->ppt);
	return true;
}

bool
fox_call_keep(FoxCall *call, const FoxChunk *chunk)
{
	size_t		size = sizeof(*chunk) + chunk->args.len + chunk->kwargs.len + 1;
	FoxChunk   *copy;
	char	   *at;

	if (!fox_list_empty(&call->chunks) && call->later_bytes + size > FOX_CALL_LATER_MAX)
		return false;
	if (call->router->call_bytes + size > FOX_CALLS_KEPT_MAX)
		return false;
	if ((copy = malloc(size)) == NULL)
		return false;
	at = copy->block;
	copy->more = chunk->more;
	copy->args = fox_slice_keep(&at, chunk->args);
	copy->kwargs = fox_slice_keep(&at, chunk->kwargs);
	if (!fox_list_empty(&call->chunks))
		call->later_bytes += size;
	call->kept_bytes += size;
	call->router->call_bytes += size;
	fox_list_push(&call->chunks, &copy->node);
	return true;
}

void
fox_call_forget(FoxCall *call)
{
	fox_list_each(n, &call->chunks)
	{
		fox_list_del(n);
		free(fox_container(FoxChunk, node, n));
	}
	call->router->call_bytes -= call->kept_bytes;
	call->kept_bytes = call->later_bytes = 0;
	call->can_move = false;
}

/* --- running --- */

void
fox_call_send(FoxCall *call, const FoxChunk *chunk)
{
	FoxSession *caller = call->caller;
	FoxInvocation inv = {
		.id = call->invocation, .registration = call->registration_id,
		.procedure = call->pattern || call->note.id != 0 ? call->procedure : FOX_ABSENT,
		.callback = call->note.id != 0 ? &call->note : NULL,
		.receive_progress = call->receive_progress && call->callee->progressive_results,
		.progress = chunk->more,
		.payload = {call->encoding, chunk->args, chunk->kwargs}, .ppt = &call->ppt
	};

	if (call->disclosed)
		inv.caller = (FoxDisclosed){caller->id, caller->authid, caller->authrole};
	if (call->timer.place == 0)
		inv.timeout_ms = call->timeout_us / 1000;
	inv.has_trustlevel = fox_trust_level(caller->realm, call->procedure, caller->authrole, &inv.trustlevel);
	call->callee->ops->invoke(call->callee, &inv);
}

/* Gives the call to a callee; false without memory. */
static bool
occupy(FoxCall *call, FoxCallee *c)
{
	FoxRegistration *reg = c->registration;
	uint64_t	invocation = c->session->last_invocation + 1;

	if (c->forward_timeout && c->session->call_timeout)
		fox_timer_clear(&call->router->timers, &call->timer);
	else if (!fox_call_arm(call))
		return false;
	if (!fox_idmap_put(&c->session->invocations, invocation, call))
		return false;
	c->session->last_invocation = invocation;
	call->state = FOX_CALL_RUNNING;
	call->callee = c->session;
	call->place = c;
	call->serial = c->serial;
	call->registration_id = reg->id;
	call->pattern = reg->kind != FOX_EXACT;
	call->invocation = invocation;
	call->disclosed = fox_discloses(call->disclosure, call->disclose_me || c->disclose_caller);
	c->running++;
	fox_list_push(&c->calls, &call->node);
	return true;
}

/* The same with what the call has kept. */
static bool
occupy_and_send_kept(FoxCall *call, FoxCallee *c)
{
	if (!occupy(call, c))
		return false;
	fox_list_each(n, &call->chunks)
		fox_call_send(call, fox_container(FoxChunk, node, n));
	return true;
}

/*
 * May the call move on from here to another callee?  Where much is kept already, running
 * calls leave the room to those that wait.
 */
static bool
is_movable(const FoxCall *call, const FoxRegistration *reg)
{
	return reg->invoke != FOX_INVOKE_SINGLE && reg->count > 1 && !call->partition &&
		call->router->call_bytes < FOX_CALLS_KEPT_MAX / 2;
}

/* --- waiting --- */

static bool
enqueue(FoxCall *call, FoxRegistration *reg)
{
	if (!fox_call_arm(call))
		return false;
	call->state = FOX_CALL_QUEUED;
	call->registration = reg;
	reg->queued++;
	if (!fox_call_is_choosy(call))
		reg->queued_plain++;
	fox_list_push(&reg->queue, &call->node);
	return true;
}

FoxCallee *
fox_call_detach(FoxCall *call)
{
	FoxCallee  *place = call->place;

	fox_list_del(&call->node);
	if (call->state == FOX_CALL_QUEUED)
	{
		call->registration->queued--;
		if (!fox_call_is_choosy(call))
			call->registration->queued_plain--;
	}
	else if (call->state != FOX_CALL_NEW)
		fox_idmap_del(&call->callee->invocations, call->invocation);
	if (place != NULL)
		place->running--;
	call->state = FOX_CALL_NEW;
	call->registration = NULL;
	call->callee = NULL;
	call->place = NULL;
	return place;
}

static void
fail_without_callee(FoxCall *call)
{
	if (call->tried_count > 0)
		fox_call_fail(call, FOX_ERR_NO_AVAILABLE_CALLEE, "every callee of the procedure is unavailable");
	else
		fox_call_fail(call, FOX_ERR_FEATURE_NOT_SUPPORTED, NOBODY_ABLE);
}

void
fox_calls_take_up(FoxRegistration *reg)
{
	fox_list_each(n, &reg->queue)
	{
		FoxCall    *call = fox_container(FoxCall, node, n);
		FoxCallee  *c = fox_dealer_pick(reg, call);

		if (c != NULL)
		{
			fox_call_detach(call);
			if (!occupy_and_send_kept(call, c))
				fox_call_fail(call, FOX_ERR_UNAVAILABLE, "out of memory");
			else if (is_movable(call, reg))
				call->can_move = true;
			else
				fox_call_forget(call);
		}
		else if (!fox_call_is_choosy(call))
			break;				/* nobody has a free place */
		else if (!fox_dealer_any(reg, call))
			fail_without_callee(call);
	}
}

/* --- from the caller --- */

const char *
fox_call_begin(FoxCall *call, FoxRegistration *reg, const FoxChunk *first, const char **text)
{
	FoxCallee  *c = NULL;

	if (fox_call_is_choosy(call) && !fox_dealer_any(reg, call))
	{
		*text = NOBODY_ABLE;
		return FOX_ERR_FEATURE_NOT_SUPPORTED;
	}
	if (reg->queued_plain == 0)
		c = fox_dealer_pick(reg, call);
	*text = "too many calls of that procedure are waiting";
	if (c == NULL && reg->queued >= reg->realm->router->config.call_queue_limit)
		return FOX_ERR_UNAVAILABLE;
	if (c == NULL && !fox_call_keep(call, first))
		return FOX_ERR_UNAVAILABLE;
	*text = "out of memory";
	call->can_move = c != NULL && is_movable(call, reg) && fox_call_keep(call, first);
	if ((c == NULL || call->can_move || call->open) && !keep_head(call))
		return FOX_ERR_UNAVAILABLE;
	if (c == NULL ? !enqueue(call, reg) : !occupy(call, c))
		return FOX_ERR_UNAVAILABLE;
	if (c != NULL)
		fox_call_send(call, first);
	return NULL;
}

/* --- from a callee that is unavailable --- */

static bool
note_tried(FoxCall *call)
{
	uint64_t   *tried = realloc(call->tried, (call->tried_count + 1) * sizeof(*tried));

	if (tried == NULL)
		return false;
	call->tried = tried;
	tried[call->tried_count++] = call->serial;
	return true;
}

void
fox_call_move(FoxCall *call)
{
	FoxRegistration *reg = fox_idmap_get(&call->caller->realm->registrations_by_id, call->registration_id);
	FoxCallee  *place = fox_call_detach(call);
	FoxCallee  *next = NULL;

	if (!call->can_move || reg == NULL || !note_tried(call))
		fox_call_fail(call, FOX_ERR_NO_AVAILABLE_CALLEE, "the callee is unavailable");
	else if ((next = fox_dealer_pick(reg, call)) != NULL)
	{
		if (!occupy_and_send_kept(call, next))
			fox_call_fail(call, FOX_ERR_UNAVAILABLE, "out of memory");
	}
	else if (!fox_dealer_any(reg, call))
		fail_without_callee(call);
	else if (!enqueue(call, reg))
		fox_call_fail(call, FOX_ERR_UNAVAILABLE, "out of memory");
	else
	{
		/* It has waited before all others. */
		fox_list_del(&call->node);
		fox_list_push_front(&reg->queue, &call->node);
	}
	if (place != NULL && place->registration->queued > 0)
		fox_calls_take_up(place->registration);
}
