/*
 * trust.c - trust levels (see trust.h).
 *
 * A realm that never had a row has no index, so that its messages pay one comparison.
 */
#include "core/trust.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

typedef struct FoxTrust FoxTrust;

struct FoxTrusts
{
	FoxIndex	index;			/* → FoxTrust, first of a chain that differs by role */
	FoxNode		all;
};

struct FoxTrust
{
	FoxTrust   *next;			/* same pattern and kind, another role */
	FoxNode		in_realm;
	FoxMatchKind kind;
	uint32_t	level;
	FoxSlice	pattern;		/* these two are owned, in block */
	FoxSlice	authrole;		/* empty: everybody's */
	char		block[];
};

static FoxTrust *
trust_new(FoxSlice pattern, FoxMatchKind kind, FoxSlice authrole)
{
	FoxTrust   *t = calloc(1, sizeof(*t) + pattern.len + authrole.len + 1);
	char	   *at;

	if (t == NULL)
		return NULL;
	at = t->block;
	t->kind = kind;
	t->pattern = fox_slice_keep(&at, pattern);
	t->authrole = fox_slice_keep(&at, authrole);
	return t;
}

static bool
trust_set(FoxRealm *realm, FoxSlice pattern, FoxMatchKind kind, FoxSlice authrole, uint32_t level)
{
	FoxTrust   *first;
	FoxTrust   *t;

	if (realm->trusts == NULL)
	{
		if ((realm->trusts = calloc(1, sizeof(*realm->trusts))) == NULL)
			return false;
		fox_list_init(&realm->trusts->all);
	}
	first = fox_index_get(&realm->trusts->index, pattern, kind);
	for (t = first; t != NULL && !fox_slice_eq(t->authrole, authrole);)
		t = t->next;
	if (t == NULL)
	{
		if ((t = trust_new(pattern, kind, authrole)) == NULL)
			return false;
		if (first == NULL && !fox_index_put(&realm->trusts->index, t->pattern, kind, t))
		{
			free(t);
			return false;
		}
		if (first != NULL)
		{
			t->next = first->next;
			first->next = t;
		}
		fox_list_push(&realm->trusts->all, &t->in_realm);
	}
	t->level = level;
	return true;
}

/* The index borrows the pattern of a chain's first. */
static void
trust_unset(FoxRealm *realm, FoxSlice pattern, FoxMatchKind kind, FoxSlice authrole)
{
	FoxTrust   *first = realm->trusts != NULL ? fox_index_get(&realm->trusts->index, pattern, kind) : NULL;
	FoxTrust  **link = &first;
	FoxTrust   *gone;

	while (*link != NULL && !fox_slice_eq((*link)->authrole, authrole))
		link = &(*link)->next;
	if ((gone = *link) == NULL)
		return;
	*link = gone->next;
	if (link == &first)
	{
		fox_index_del(&realm->trusts->index, pattern, kind);
		if (first != NULL && !fox_index_put(&realm->trusts->index, first->pattern, kind, first))
			fox_router_log(realm->router, FOX_LOG_ERROR,
						   "out of memory: trust levels are missing until the router restarts");
	}
	fox_list_del(&gone->in_realm);
	free(gone);
}

/* topic = pattern, args = [{"match":text,"authrole":text,"level":number}] */
void
fox_trust_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	row = FOX_ABSENT;
	FoxBuf		match_text = {0};
	FoxBuf		role_text = {0};
	FoxSlice	match;
	FoxSlice	authrole;
	FoxMatchKind kind;
	uint64_t	level = 0;
	size_t		pos = 0;

	if (realm == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
		return;
	match = fox_json_text(fox_json_get(row, "match"), &match_text);
	authrole = fox_json_text(fox_json_get(row, "authrole"), &role_text);
	if (fox_match_named(match, &kind) && !fox_absent(authrole) && fox_uri_pattern_valid(c->topic, kind, false))
	{
		(void) fox_json_uint(fox_json_get(row, "level"), &level);
		if (c->deleted)
			trust_unset(realm, c->topic, kind, authrole);
		else if (!trust_set(realm, c->topic, kind, authrole, (uint32_t) level))
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: a trust level is missing until the router restarts");
	}
	fox_buf_free(&match_text);
	fox_buf_free(&role_text);
}

/* --- looking --- */

typedef struct Look
{
	FoxSlice	authrole;
	const FoxTrust *found;
} Look;

static void
look(void *ctx, void *value)
{
	Look	   *l = ctx;
	const FoxTrust *own = NULL;
	const FoxTrust *everybody = NULL;

	for (const FoxTrust *t = value; t != NULL; t = t->next)
		if (t->authrole.len == 0)
			everybody = t;
		else if (!fox_absent(l->authrole) && fox_slice_eq(t->authrole, l->authrole))
			own = t;
	if (own == NULL)
		own = everybody;
	if (own != NULL &&
		(l->found == NULL || (own->kind >= FOX_WILDCARD && own->kind == l->found->kind && own->level < l->found->level)))
		l->found = own;
}

bool
fox_trust_level(const FoxRealm *realm, FoxSlice uri, FoxSlice authrole, uint32_t *level)
{
	Look		l = {.authrole = authrole};

	if (realm->trusts == NULL)
		return false;
	fox_index_match(&realm->trusts->index, uri, look, &l);
	if (l.found == NULL)
		return false;
	*level = l.found->level;
	return true;
}

void
fox_trust_free(FoxRealm *realm)
{
	if (realm->trusts == NULL)
		return;
	fox_list_each(n, &realm->trusts->all)
		free(fox_container(FoxTrust, in_realm, n));
	fox_index_free(&realm->trusts->index);
	free(realm->trusts);
	realm->trusts = NULL;
}
