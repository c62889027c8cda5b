/*
 * roles.c - which database roles have which, by GRANT (see roles.h).
 *
 * One set of pairs, and the roles' limits, replaced as a whole: GRANTs are rare.
 */
#include "core/roles.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/permission.h"

#include "base/pure.h"

#define PAIR_MAX 512			/* bytes of two names; a role's has at most 63 */

struct FoxRoles
{
	FoxMap		pairs;			/* role '\0' other → something; '\0' role: a superuser */
	FoxMap		limits;			/* role → one more than the sessions that it may have */
	char	   *keys;
};

static FoxSlice
pair_of(char *at, FoxSlice role, FoxSlice other)
{
	char	   *end = at;

	fox_slice_keep(&end, role);
	*end++ = '\0';
	fox_slice_keep(&end, other);
	return fox_slice(at, (size_t) (end - at));
}

/* Writes the pair at *at, which moves behind it. */
static bool
add(FoxMap *pairs, char **at, FoxSlice role, FoxSlice other)
{
	FoxSlice	key = pair_of(*at, role, other);

	*at += key.len;
	return fox_map_put(pairs, key, pairs);
}

/* Writes the role at *at, which moves behind it. */
static bool
add_limit(FoxMap *limits, char **at, FoxSlice role, FoxSlice limit)
{
	FoxSlice	key = fox_slice_keep(at, role);
	uint64_t	n;

	return !fox_json_uint(limit, &n) || fox_map_put(limits, key, (void *) (uintptr_t) (n + 1));
}

/* row = {"members":{role:[other, …], …},"superusers":[role, …],"limits":{role:number, …}} */
static bool
add_all(struct FoxRoles *roles, char *at, FoxSlice row)
{
	FoxMap	   *pairs = &roles->pairs;
	FoxSlice	limits = fox_json_get(row, "limits");
	FoxSlice	members = fox_json_get(row, "members");
	FoxSlice	superusers = fox_json_get(row, "superusers");
	FoxBuf		role = {0};
	FoxBuf		other = {0};
	FoxSlice	key;
	FoxSlice	list;
	FoxSlice	item;
	size_t		pos = 0;
	size_t		i;
	bool		done = true;

	while (done && fox_json_kind(members) == FOX_JSON_OBJECT && fox_json_member(members, &pos, &key, &list))
	{
		fox_buf_reset(&role);
		fox_json_unescape(key, &role);
		for (i = 0; done && fox_json_kind(list) == FOX_JSON_ARRAY && fox_json_element(list, &i, &item);)
		{
			fox_buf_reset(&other);
			done = !role.failed && add(pairs, &at, fox_buf_view(&role), fox_json_text(item, &other));
		}
	}
	for (i = 0; done && fox_json_kind(superusers) == FOX_JSON_ARRAY && fox_json_element(superusers, &i, &item);)
	{
		fox_buf_reset(&other);
		done = add(pairs, &at, FOX_LIT(""), fox_json_text(item, &other));
	}
	for (i = 0; done && fox_json_kind(limits) == FOX_JSON_OBJECT && fox_json_member(limits, &i, &key, &item);)
	{
		fox_buf_reset(&role);
		fox_json_unescape(key, &role);
		done = !role.failed && add_limit(&roles->limits, &at, fox_buf_view(&role), item);
	}
	fox_buf_free(&role);
	fox_buf_free(&other);
	return done;
}

/* How many bytes all pairs take at most: each other with its role before it. */
static size_t
size_of(FoxSlice row)
{
	FoxSlice	members = fox_json_get(row, "members");
	FoxSlice	key;
	FoxSlice	list;
	FoxSlice	item;
	size_t		n = row.len + 1;
	size_t		pos = 0;

	while (fox_json_kind(members) == FOX_JSON_OBJECT && fox_json_member(members, &pos, &key, &list))
		for (size_t i = 0; fox_json_kind(list) == FOX_JSON_ARRAY && fox_json_element(list, &i, &item);)
			n += key.len + item.len + 1;
	return n;
}

/* args = [row] */
void
fox_roles_change(FoxRouter *r, const FoxChange *c)
{
	struct FoxRoles *roles = calloc(1, sizeof(*roles));
	FoxSlice	row = FOX_ABSENT;
	size_t		pos = 0;

	if (!fox_absent(c->args))
		(void) fox_json_element(c->args, &pos, &row);
	if (roles != NULL)
		roles->keys = malloc(size_of(row));
	/* Without memory nobody has anything of another's. */
	if (roles == NULL || roles->keys == NULL || !add_all(roles, roles->keys, row))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: grants of roles are missing until the next GRANT");
	fox_roles_free(r);
	r->roles = roles;
	fox_permissions_changed(r);
}

bool
fox_roles_has(const FoxRouter *r, FoxSlice role, FoxSlice other)
{
	char		key[PAIR_MAX];

	if (fox_slice_eq(role, other))
		return true;
	return r->roles != NULL && role.len + other.len < PAIR_MAX &&
		fox_map_get(&r->roles->pairs, pair_of(key, role, other)) != NULL;
}

bool
fox_roles_super(const FoxRouter *r, FoxSlice role)
{
	char		key[PAIR_MAX];

	return r->roles != NULL && role.len < PAIR_MAX - 1 &&
		fox_map_get(&r->roles->pairs, pair_of(key, FOX_LIT(""), role)) != NULL;
}

bool
fox_roles_limit(const FoxRouter *r, FoxSlice role, uint32_t *limit)
{
	uintptr_t	n = r->roles != NULL ? (uintptr_t) fox_map_get(&r->roles->limits, role) : 0;

	*limit = (uint32_t) (n - 1);
	return n != 0;
}

void
fox_roles_free(FoxRouter *r)
{
	if (r->roles != NULL)
	{
		fox_map_free(&r->roles->pairs);
		fox_map_free(&r->roles->limits);
		free(r->roles->keys);
		free(r->roles);
	}
	r->roles = NULL;
}
