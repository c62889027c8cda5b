/*
 * permission_settle.c - what sessions may have no longer, once rows or roles have changed.
 */
#include "core/permission_row.h"

#include "core/review.h"

#include "base/pure.h"

void
fox_permissions_changed(FoxRouter *r)
{
	r->permissions_number++;
	r->permissions_stale = true;
}

void
fox_decisions_outdated(FoxRouter *r, const FoxChange *c)
{
	r->permissions_number++;
	fox_review_wanted(r, c->args);
}

/* What was decided last, for the many who have one role, where nothing is decided by name. */
typedef struct Memo
{
	FoxAction	action;
	FoxPattern	what;
	FoxSlice	role;
	bool		may;
} Memo;

static bool
may_keep(Memo *memo, const FoxSession *s)
{
	FoxSlice	role = fox_session_role(s);

	if (s->exempt)
		return true;
	if (fox_absent(memo->role) || !fox_slice_eq(role, memo->role) ||
		(s->realm->permissions != NULL && !fox_list_empty(&s->realm->permissions->personal)))
		memo->may = fox_permission_look(s, memo->action, memo->what).verdict != FOX_FORBIDDEN;
	memo->role = role;
	return memo->may;
}

/* From the end: with the last member, at place 0, the subscription goes. */
static void
settle_subscription(FoxSubscription *sub)
{
	Memo		memo = {.action = FOX_MAY_SUBSCRIBE, .what = fox_pattern(sub->topic, sub->kind)};

	if (fox_uri_reserved(sub->topic))
		return;
	for (uint32_t i = sub->count; i-- > 0;)
		if (!may_keep(&memo, sub->members[i]->session))
			fox_member_revoke(sub->members[i], FOX_ERR_NOT_AUTHORIZED);
}

static void
settle_registration(FoxRegistration *reg)
{
	Memo		memo = {.action = FOX_MAY_REGISTER, .what = fox_pattern(reg->uri, reg->kind)};

	for (uint32_t i = reg->count; i-- > 0;)
		if (!may_keep(&memo, reg->callees[i]->session))
			fox_registration_revoke(reg->realm, reg->id, reg->callees[i]->session, FOX_ERR_NOT_AUTHORIZED);
}

/* Both maps change on the way: their ids are taken out first.  False: no memory. */
static bool
ids_of(const FoxIdMap *map, FoxBuf *ids)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	fox_buf_reset(ids);
	while ((slot = fox_map_next(map, &pos)) != NULL)
		fox_buf_put(ids, &slot->id, sizeof(slot->id));
	return !ids->failed;
}

static bool
settle_realm(FoxRealm *realm, FoxBuf *ids)
{
	uint64_t	id;

	if (!ids_of(&realm->subscriptions_by_id, ids))
		return false;
	for (size_t at = 0; at < ids->len; at += sizeof(id))
	{
		FoxSubscription *sub;

		memcpy(&id, ids->data + at, sizeof(id));
		if ((sub = fox_idmap_get(&realm->subscriptions_by_id, id)) != NULL)
			settle_subscription(sub);
	}
	if (!ids_of(&realm->registrations_by_id, ids))
		return false;
	for (size_t at = 0; at < ids->len; at += sizeof(id))
	{
		FoxRegistration *reg;

		memcpy(&id, ids->data + at, sizeof(id));
		if ((reg = fox_idmap_get(&realm->registrations_by_id, id)) != NULL)
			settle_registration(reg);
	}
	return true;
}

void
fox_permissions_settle(FoxRouter *r)
{
	FoxBuf		ids = {0};
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (!r->permissions_stale)
		return;
	r->permissions_stale = false;
	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
	{
		FoxRealm   *realm = slot->value;

		/* Without memory it is tried again in the next turn. */
		if (!realm->open && !settle_realm(realm, &ids))
			r->permissions_stale = true;
	}
	fox_buf_free(&ids);
}
