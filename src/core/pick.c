/*
 * pick.c - which of a registration's callees a call goes to.
 *
 * A callee will do for a call if it has announced what the call needs and has not
 * answered it with "unavailable" before; it can take it if it has a free place, too.
 * A call of one shard goes to the callee that its key stands for, by rendezvous
 * hashing: when a callee comes or goes only the keys that become or were its own move.
 */
#include "core/call.h"

#include "base/pure.h"

static bool
has_place(const FoxCallee *c)
{
	return c->concurrency == 0 || c->running < c->concurrency;
}

/* In the order of registration, so by serial. */
FoxCallee *
fox_callee_by_serial(const FoxRegistration *reg, uint64_t serial, uint32_t *at)
{
	uint32_t	low = 0;
	uint32_t	high = reg->count;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (reg->callees[middle]->serial < serial)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return low < reg->count && reg->callees[low]->serial == serial ? reg->callees[low] : NULL;
}

/* Callees that have refused the call carry the registration's newest stamp after this. */
static void
stamp_tried(FoxRegistration *reg, const FoxCall *call)
{
	uint32_t	at;
	FoxCallee  *c;

	reg->stamp++;
	for (uint32_t i = 0; i < call->tried_count; i++)
		if ((c = fox_callee_by_serial(reg, call->tried[i], &at)) != NULL)
			c->stamp = reg->stamp;
}

static bool
will_do(const FoxCallee *c, const FoxCall *call)
{
	return (call->only == 0 || call->only == c->serial) && (!call->needs_stream || c->session->progressive_invocations) &&
		(!fox_ppt_used(&call->ppt) || c->session->ppt_callee) && c->stamp != c->registration->stamp;
}

static FoxCallee *
shard_of(const FoxRegistration *reg, uint64_t key)
{
	FoxCallee  *best = NULL;
	uint64_t	highest = 0;

	for (uint32_t i = 0; i < reg->count; i++)
	{
		const uint64_t *serial = &reg->callees[i]->serial;
		uint64_t	weight = fox_shard_score(key, fox_slice((const char *) serial, sizeof(*serial)));

		if (best == NULL || weight > highest)
		{
			best = reg->callees[i];
			highest = weight;
		}
	}
	return best;
}

bool
fox_call_is_choosy(const FoxCall *call)
{
	return call->only != 0 || call->partition || call->needs_stream || fox_ppt_used(&call->ppt) || call->tried_count > 0;
}

bool
fox_dealer_any(FoxRegistration *reg, const FoxCall *call)
{
	stamp_tried(reg, call);
	if (call->partition)
		return reg->count > 0 && will_do(shard_of(reg, call->shard), call);
	for (uint32_t i = 0; i < reg->count; i++)
		if (will_do(reg->callees[i], call))
			return true;
	return false;
}

FoxCallee *
fox_dealer_pick(FoxRegistration *reg, const FoxCall *call)
{
	FoxCallee  *best = NULL;
	uint32_t	start = 0;

	if (reg->count == 0)
		return NULL;
	stamp_tried(reg, call);
	if (call->partition)
	{
		best = shard_of(reg, call->shard);
		return has_place(best) && will_do(best, call) ? best : NULL;
	}
	if (reg->invoke == FOX_INVOKE_ROUNDROBIN || reg->invoke == FOX_INVOKE_LOAD)
		start = reg->next % reg->count;
	else if (reg->invoke == FOX_INVOKE_RANDOM)
		start = (uint32_t) (fox_router_publication_id(reg->realm->router) % reg->count);
	for (uint32_t i = 0; i < reg->count; i++)
	{
		uint32_t	at = reg->invoke == FOX_INVOKE_LAST ? reg->count - 1 - i : (start + i) % reg->count;
		FoxCallee  *c = reg->callees[at];

		if (!has_place(c) || !will_do(c, call) || (best != NULL && c->running >= best->running))
			continue;
		best = c;
		reg->next = at + 1;
		if (reg->invoke != FOX_INVOKE_LOAD || c->running == 0)
			break;
	}
	return best;
}
