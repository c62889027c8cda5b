/*
 * will.c - wills: the value a topic takes when its owner's session ends.
 *
 * The database judges whether the session
 * is still the owner (FoxWrite.only_owner), so a will never overwrites what somebody
 * else has stored since.
 */
#include <stdlib.h>

#include "codec/match.h"
#include "core/core.h"

#include "base/pure.h"

bool
fox_will_set(FoxSession *s, FoxValue *v, uint64_t owner, FoxSlice will, bool on_end)
{
	FoxOwned   *o = fox_pool_alloc(s->pool, sizeof(*o) + will.len);

	if (o == NULL)
		return false;
	fox_will_drop(v);
	o->session = s;
	o->value = v;
	o->owner = owner;
	o->on_end = on_end;
	memcpy(o->block, will.ptr, will.len);
	o->will = fox_slice(o->block, will.len);
	fox_list_push(&s->owned, &o->in_session);
	v->owned = o;
	return true;
}

void
fox_will_drop(FoxValue *v)
{
	if (v->owned == NULL)
		return;
	fox_list_del(&v->owned->in_session);
	fox_pool_give(v->owned->session->pool, v->owned);
	v->owned = NULL;
}

void
fox_will_write(FoxRealm *realm, FoxSlice topic, uint64_t owner, FoxSlice will)
{
	FoxBuf		scratch = {0};
	FoxPublish	p = {.options = FOX_LIT("{}"), .topic = topic, .retain = true};
	FoxPending *w;
	FoxWrite	write = {.kind = FOX_WRITE_PUT, .only_owner = true};

	fox_will_value(will, &p.payload.args, &p.payload.kwargs, &scratch);
	if (fox_value_empty(p.payload.args, p.payload.kwargs, realm->router->config.kwargs_are_headers))
		write.kind = FOX_WRITE_DELETE;
	w = fox_pending_new(realm, NULL, &p);
	fox_buf_free(&scratch);
	if (w == NULL)
	{
		fox_router_log(realm->router, FOX_LOG_ERROR,
					   "out of memory: a will is left for the next start of the router");
		return;
	}
	w->session_id = owner;
	w->is_will = true;
	if (!fox_sync_write(w, &write))
		fox_sync_retry_will(w);
}

void
fox_wills_apply(FoxSession *s, FoxEnd how)
{
	fox_list_each(n, &s->owned)
	{
		FoxOwned   *o = fox_container(FoxOwned, in_session, n);
		FoxValue   *v = o->value;

		if (how == FOX_END_LOST || o->on_end)
			fox_will_write(s->realm, v->topic, o->owner, o->will);
		else
			s->realm->router->ports.write(s->realm->router->ports.ctx,
										  &(FoxWrite){.kind = FOX_WRITE_DISOWN, .realm = s->realm->name, .order = s->id,
										  .topic = v->topic, .session = o->owner, .only_owner = true});
		fox_will_drop(v);
	}
}
