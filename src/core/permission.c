/*
 * permission.c - the rows of fox_wamp.permission (see permission.h).
 *
 * A realm in which everybody may do everything is `open`, which is all that is asked for
 * there.  What the rows mean: permission_decide.c; what follows from their change for
 * sessions that are there: permission_settle.c.
 */
#include "core/permission_row.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

static bool
allows_everybody_everything(const FoxPermission *p)
{
	static const FoxPattern everything = {.uri = FOX_LIT("#"), .kind = FOX_PATTERN};

	for (int i = 0; i < FOX_ACTIONS; i++)
		if (p->says[i] != FOX_SAYS_YES)
			return false;
	return fox_slice_is(p->role, FOX_EVERYBODY) && fox_pattern_covers(p->pattern, everything) &&
		p->discloses == FOX_SAYS_NOTHING && !fox_authority_set(&p->authorizer);
}

static void
count(FoxRealm *realm, const FoxPermission *p, int one)
{
	if (fox_uri_reserved(p->pattern.uri))
		return;
	if (allows_everybody_everything(p))
		realm->permissions->open += (size_t) one;
	else
		realm->permissions->others += (size_t) one;
}

static void
judge_open(FoxRealm *realm)
{
	realm->open = realm->permissions->open > 0 && realm->permissions->others == 0;
	fox_permissions_changed(realm->router);
}

static FoxPermission *
find_personal(const FoxRealm *realm, FoxPattern pattern, FoxSlice role)
{
	fox_list_each(n, &realm->permissions->personal)
	{
		FoxPermission *p = fox_container(FoxPermission, in_personal, n);

		if (p->pattern.kind == pattern.kind && fox_slice_eq(p->pattern.uri, pattern.uri) && fox_slice_eq(p->role, role))
			return p;
	}
	return NULL;
}

static FoxPermission *
find(const FoxRealm *realm, FoxPattern pattern, FoxSlice role)
{
	FoxPermission *p = fox_index_get(&realm->permissions->index, pattern.uri, pattern.kind);

	if (fox_placeholders(pattern.uri) != 0)
		return find_personal(realm, pattern, role);
	while (p != NULL && !fox_slice_eq(p->role, role))
		p = p->next;
	return p;
}

/* Into the chain of its pattern. */
static bool
index_put(FoxRealm *realm, FoxPermission *p)
{
	FoxPermission *first = fox_index_get(&realm->permissions->index, p->pattern.uri, p->pattern.kind);

	if (first == NULL && !fox_index_put(&realm->permissions->index, p->pattern.uri, p->pattern.kind, p))
		return false;
	if (first != NULL)
	{
		p->next = first->next;
		first->next = p;
	}
	return true;
}

static bool
add(FoxRealm *realm, FoxPermission *p)
{
	if (p->placeholders != 0)
		fox_list_push(&realm->permissions->personal, &p->in_personal);
	else if (!index_put(realm, p))
		return false;
	fox_list_push(&realm->permissions->all, &p->in_realm);
	count(realm, p, 1);
	return true;
}

/* The index borrows the pattern of a chain's first. */
static void
index_del(FoxRealm *realm, FoxPermission *gone)
{
	FoxIndex   *index = &realm->permissions->index;
	FoxPermission *first = fox_index_get(index, gone->pattern.uri, gone->pattern.kind);
	FoxPermission **link = &first;

	while (*link != gone)
		link = &(*link)->next;
	*link = gone->next;
	if (link == &first)
	{
		fox_index_del(index, gone->pattern.uri, gone->pattern.kind);
		if (first != NULL && !fox_index_put(index, first->pattern.uri, first->pattern.kind, first))
			fox_router_log(realm->router, FOX_LOG_ERROR,
						   "out of memory: permissions are missing until the router restarts");
	}
}

static void
drop(FoxRealm *realm, FoxPermission *gone)
{
	if (gone->placeholders != 0)
		fox_list_del(&gone->in_personal);
	else
		index_del(realm, gone);
	count(realm, gone, -1);
	fox_list_del(&gone->in_realm);
	free(gone);
}

static FoxSay
say_of(FoxSlice value)
{
	return fox_json_is_true(value) ? FOX_SAYS_YES : fox_json_kind(value) == FOX_JSON_FALSE ? FOX_SAYS_NO : FOX_SAYS_NOTHING;
}

static FoxPermission *
permission_new(FoxPattern pattern, FoxSlice role, const FoxAuthority *authorizer, FoxSlice row)
{
	FoxPermission *p = calloc(1, sizeof(*p) + pattern.uri.len + role.len + fox_authority_size(authorizer) + 1);
	char	   *at;

	if (p == NULL)
		return NULL;
	at = p->block;
	p->pattern = fox_pattern(fox_slice_keep(&at, pattern.uri), pattern.kind);
	p->placeholders = fox_placeholders(pattern.uri);
	p->role = fox_slice_keep(&at, role);
	p->authorizer = fox_authority_keep(&at, authorizer);
	for (int i = 0; i < FOX_ACTIONS; i++)
		p->says[i] = say_of(fox_json_get(row, fox_action_name(i)));
	p->discloses = say_of(fox_json_get(row, "disclose"));
	return p;
}

static bool
make_list(FoxRealm *realm)
{
	if (realm->permissions != NULL)
		return true;
	if ((realm->permissions = calloc(1, sizeof(*realm->permissions))) == NULL)
		return false;
	fox_list_init(&realm->permissions->all);
	fox_list_init(&realm->permissions->personal);
	return true;
}

static bool
set(FoxRealm *realm, FoxPattern pattern, FoxSlice role, const FoxAuthority *authorizer, FoxSlice row)
{
	FoxPermission *p = make_list(realm) ? permission_new(pattern, role, authorizer, row) : NULL;
	FoxPermission *former = p != NULL ? find(realm, pattern, role) : NULL;

	if (p == NULL || !add(realm, p))
	{
		free(p);
		return false;
	}
	if (former != NULL)
		drop(realm, former);
	return true;
}

static void
unset(FoxRealm *realm, FoxPattern pattern, FoxSlice role)
{
	FoxPermission *p = realm->permissions != NULL ? find(realm, pattern, role) : NULL;

	if (p != NULL)
		drop(realm, p);
}

/*
 * topic = pattern, args = [{"match":text,"role":text, action or "disclose": boolean or null,
 * "authorizer", "function", "function_role": text or null (authority.h)}]
 */
void
fox_permission_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	row = FOX_ABSENT;
	FoxBuf		match_text = {0};
	FoxBuf		role_text = {0};
	FoxAuthorityRow authorizer;
	FoxPattern	pattern = {.uri = c->topic};
	FoxSlice	match;
	FoxSlice	role;
	size_t		pos = 0;

	if (realm == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
		return;
	match = fox_json_text(fox_json_get(row, "match"), &match_text);
	role = fox_json_text(fox_json_get(row, "role"), &role_text);
	fox_authority_read(row, "authorizer", &authorizer);
	if (fox_match_named(match, &pattern.kind) && !fox_absent(role) && fox_uri_pattern_valid(c->topic, pattern.kind, false))
	{
		if (c->deleted)
			unset(realm, pattern, role);
		else if (!set(realm, pattern, role, &authorizer.authority, row))
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: a permission is missing until the router restarts");
		if (realm->permissions != NULL)
			judge_open(realm);
	}
	fox_buf_free(&match_text);
	fox_buf_free(&role_text);
	fox_authority_row_free(&authorizer);
}

void
fox_permissions_free(FoxRealm *realm)
{
	if (realm->permissions == NULL)
		return;
	fox_list_each(n, &realm->permissions->all)
		free(fox_container(FoxPermission, in_realm, n));
	fox_index_free(&realm->permissions->index);
	free(realm->permissions);
	realm->permissions = NULL;
}
