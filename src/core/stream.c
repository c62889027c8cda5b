/*
 * stream.c - progressive call invocations: what a caller sends after the first CALL.
 *
 * All options but `progress` are those of the first CALL.  A call may end while its
 * caller is still sending; what then arrives under its request id is no new call, so
 * the ids of such calls are remembered until the last of it has come, or so many
 * others have been noted that it will not come any more.
 */
#include <stdlib.h>

#include "core/call.h"

#include "base/pure.h"

#define LATE_MAX 4096			/* remembered ids of one session */

typedef struct FoxLate
{
	FoxNode		node;
	uint64_t	request;
} FoxLate;

static void
late_free(FoxSession *s, FoxLate *late)
{
	fox_idmap_del(&s->late_calls, late->request);
	fox_list_del(&late->node);
	fox_pool_give(s->pool, late);
}

void
fox_late_note(FoxSession *s, uint64_t request)
{
	FoxLate    *late = fox_pool_alloc(s->pool, sizeof(*late));

	if (late == NULL)
		return;
	if (s->late_calls.count >= LATE_MAX)
		late_free(s, fox_container(FoxLate, node, s->late.next));
	late->request = request;
	if (fox_idmap_get(&s->late_calls, request) != NULL || !fox_idmap_put(&s->late_calls, request, late))
		fox_pool_give(s->pool, late);
	else
		fox_list_push(&s->late, &late->node);
}

bool
fox_late_take(FoxSession *s, uint64_t request, bool more)
{
	FoxLate    *late = fox_idmap_get(&s->late_calls, request);

	if (late != NULL && !more)
		late_free(s, late);
	return late != NULL;
}

void
fox_calls_late_free(FoxSession *s)
{
	fox_map_free(&s->late_calls);
}

bool
fox_session_call_continues(const FoxSession *s, uint64_t request)
{
	FoxCall    *call = fox_idmap_get(&s->calls, request);

	return (call != NULL && call->open) || fox_idmap_get(&s->late_calls, request) != NULL;
}

void
fox_call_continue(FoxCall *call, const FoxChunk *chunk)
{
	call->open = chunk->more;
	if (call->canceled)
		return;
	if (call->state == FOX_CALL_QUEUED)
	{
		if (!fox_call_keep(call, chunk))
			fox_call_fail(call, FOX_ERR_UNAVAILABLE, "too much of a call that waits for a free callee");
		return;
	}
	/* Without a copy of all of it the call stays where it is. */
	if (call->can_move && !fox_call_keep(call, chunk))
		fox_call_forget(call);
	fox_call_send(call, chunk);
}
