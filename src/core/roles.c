/*
 * roles.c - which database roles have which, by GRANT (see roles.h).
 *
 * One set of pairs, replaced as a whole: GRANTs are rare.
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

/* row = {"members":{role:[other, …], …},"superusers":[role, …]} */
static bool
add_all(FoxMap *pairs, char *at, FoxSlice row)
{
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
	if (roles == NULL || roles->keys == NULL || !add_all(&roles->pairs, roles->keys, row))
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

void
fox_roles_free(FoxRouter *r)
{
	if (r->roles != NULL)
	{
		fox_map_free(&r->roles->pairs);
		free(r->roles->keys);
		free(r->roles);
	}
	r->roles = NULL;
}
