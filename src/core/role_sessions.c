/*
 * role_sessions.c - how many sessions a database role has (see role_sessions.h).
 *
 * A session keeps to the count that it has entered: the role that anonymous sessions stand
 * for may be another one when it leaves.
 */
#include "core/role_sessions.h"

#include <stdlib.h>

#include "core/roles.h"

#include "base/pure.h"

struct FoxRoleCount
{
	uint32_t	sessions;
	FoxSlice	role;			/* in block */
	char		block[];
};

bool
fox_role_full(const FoxRouter *r, FoxSlice role)
{
	const struct FoxRoleCount *c;
	uint32_t	own;
	uint32_t	limit = r->config.sessions_per_role > 0 ? r->config.sessions_per_role : UINT32_MAX;

	if (fox_roles_limit(r, role, &own) && own < limit)
		limit = own;
	if (limit == UINT32_MAX || fox_roles_super(r, role))
		return false;
	c = fox_map_get(&r->role_counts, role);
	return (c != NULL ? c->sessions : 0) >= limit;
}

static struct FoxRoleCount *
count_new(FoxRouter *r, FoxSlice role)
{
	struct FoxRoleCount *c = calloc(1, sizeof(*c) + role.len + 1);
	char	   *at;

	if (c == NULL)
		return NULL;
	at = c->block;
	c->role = fox_slice_keep(&at, role);
	if (fox_map_put(&r->role_counts, c->role, c))
		return c;
	free(c);
	return NULL;
}

void
fox_role_enter(FoxSession *s)
{
	FoxRouter  *r = s->realm->router;
	FoxSlice	role = fox_session_role(s);

	s->counted = fox_map_get(&r->role_counts, role);
	if (s->counted == NULL)
		s->counted = count_new(r, role);
	if (s->counted != NULL)
		s->counted->sessions++;
}

void
fox_role_leave(FoxSession *s)
{
	struct FoxRoleCount *c = s->counted;

	s->counted = NULL;
	if (c == NULL || --c->sessions > 0)
		return;
	fox_map_del(&s->realm->router->role_counts, c->role);
	free(c);
}
