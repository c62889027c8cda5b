/*
 * permission.c - who may publish to, subscribe to, call and register what (see permission.h).
 *
 * A realm in which everybody may do everything is `open`, which is all that is asked for
 * there.  Elsewhere a session keeps its decisions by URI; they carry the number of the
 * last change, and the first question after another change drops them.
 */
#include "core/permission.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "core/roles.h"

#include "base/pure.h"

#define EVERYBODY "public"		/* which no database role can be named */
#define KEPT_MAX 1024			/* decisions of one session and action */
#define NAMED_MAX 255			/* bytes of a role in a text */

typedef enum Say
{
	SAYS_NOTHING,
	SAYS_NO,
	SAYS_YES
} Say;

typedef struct FoxPermission FoxPermission;

struct FoxPermission
{
	FoxPermission *next;		/* same pattern and kind, another role */
	FoxNode		in_realm;
	FoxPattern	pattern;
	Say			says[FOX_ACTIONS];
	Say			discloses;
	bool		gone;			/* deleted while a re-read is under way, which may bring it again */
	uint64_t	reread;			/* generation that has seen it */
	FoxSlice	role;			/* these are owned, in block, like the pattern */
	FoxSlice	authorizer;		/* absent: none */
	char		block[];
};

struct FoxPermissions
{
	FoxIndex	index;			/* → FoxPermission, first of a chain */
	FoxNode		all;
};

typedef struct Kept
{
	FoxDecision decision;
	char		uri[];
} Kept;

struct FoxKept
{
	uint64_t	number;			/* of the change that the decisions know */
	FoxMap		by_uri[FOX_ACTIONS];	/* → Kept */
};

const char *
fox_action_name(FoxAction action)
{
	static const char *const names[] = {"publish", "subscribe", "call", "register"};

	return names[action];
}

const char *
fox_refusal_text(const FoxSession *s, FoxAction action, FoxSlice uri, const char *why)
{
	static char text[2 * FOX_URI_MAX];
	static const char *const verbs[] = {"publish to", "subscribe to", "call", "register"};
	FoxSlice	role = fox_session_role(s);

	snprintf(text, sizeof(text), "role \"%.*s\" may not %s \"%.*s\"%s", (int) (role.len < NAMED_MAX ? role.len : NAMED_MAX),
			 role.len > 0 ? role.ptr : "", verbs[action], (int) uri.len, uri.len > 0 ? uri.ptr : "", why);
	return text;
}

/* --- rows --- */

static bool
allows_everybody_everything(const FoxPermission *p)
{
	static const FoxPattern everything = {FOX_LIT("#"), FOX_PATTERN};

	for (int i = 0; i < FOX_ACTIONS; i++)
		if (p->says[i] != SAYS_YES)
			return false;
	return fox_slice_is(p->role, EVERYBODY) && fox_pattern_covers(p->pattern, everything) &&
		p->discloses == SAYS_NOTHING && fox_absent(p->authorizer);
}

/* Rows for the router's own URIs play no part: those are asked for by themselves. */
static void
judge_open(FoxRealm *realm)
{
	bool		open = false;
	bool		other = false;

	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (p->gone || fox_uri_reserved(p->pattern.uri))
			continue;
		if (allows_everybody_everything(p))
			open = true;
		else
			other = true;
	}
	realm->open = open && !other;
	fox_permissions_changed(realm->router);
}

static FoxPermission *
find(const FoxRealm *realm, FoxPattern pattern, FoxSlice role)
{
	FoxPermission *p = fox_index_get(&realm->permissions->index, pattern.uri, pattern.kind);

	while (p != NULL && !fox_slice_eq(p->role, role))
		p = p->next;
	return p;
}

static bool
add(FoxRealm *realm, FoxPermission *p)
{
	FoxPermission *first = fox_index_get(&realm->permissions->index, p->pattern.uri, p->pattern.kind);

	if (first == NULL && !fox_index_put(&realm->permissions->index, p->pattern.uri, p->pattern.kind, p))
		return false;
	if (first != NULL)
	{
		p->next = first->next;
		first->next = p;
	}
	fox_list_push(&realm->permissions->all, &p->in_realm);
	return true;
}

/* The index borrows the pattern of a chain's first. */
static void
drop(FoxRealm *realm, FoxPermission *gone)
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
	fox_list_del(&gone->in_realm);
	free(gone);
}

static Say
say_of(FoxSlice value)
{
	return fox_json_is_true(value) ? SAYS_YES : fox_json_kind(value) == FOX_JSON_FALSE ? SAYS_NO : SAYS_NOTHING;
}

static FoxPermission *
permission_new(FoxPattern pattern, FoxSlice role, FoxSlice authorizer, FoxSlice row)
{
	FoxPermission *p = calloc(1, sizeof(*p) + pattern.uri.len + role.len + authorizer.len + 1);
	char	   *at;

	if (p == NULL)
		return NULL;
	at = p->block;
	p->pattern = (FoxPattern){fox_slice_keep(&at, pattern.uri), pattern.kind};
	p->role = fox_slice_keep(&at, role);
	p->authorizer = fox_slice_keep(&at, authorizer);
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
	return true;
}

/*
 * Replaces the row by p; p->gone: it is deleted.  While a re-read is under way a deleted
 * row stays as a mark, since the read may have begun before it was deleted.
 */
static bool
replace(FoxRealm *realm, FoxPermission *p, bool silent)
{
	FoxRouter  *r = realm->router;
	FoxPermission *former = find(realm, p->pattern, p->role);

	if (silent && former != NULL && former->reread == r->reread && r->rereading)
	{
		free(p);				/* what the ring has brought meanwhile is newer */
		return true;
	}
	p->reread = r->reread;
	if ((!p->gone || r->rereading) && !add(realm, p))
	{
		free(p);
		return false;
	}
	if (former != NULL)
		drop(realm, former);
	if (p->gone && !r->rereading)
		free(p);
	return true;
}

/* topic = pattern, args = [{"match":text,"role":text,"authorizer":text or null, action or "disclose": boolean or null}] */
void
fox_permission_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	row = FOX_ABSENT;
	FoxBuf		match_text = {0};
	FoxBuf		role_text = {0};
	FoxBuf		authorizer_text = {0};
	FoxPattern	pattern = {.uri = c->topic};
	FoxSlice	match;
	FoxSlice	role;
	FoxSlice	authorizer;
	FoxPermission *p;
	size_t		pos = 0;

	if (realm == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
		return;
	match = fox_json_text(fox_json_get(row, "match"), &match_text);
	role = fox_json_text(fox_json_get(row, "role"), &role_text);
	authorizer = fox_json_text(fox_json_get(row, "authorizer"), &authorizer_text);
	if (fox_match_named(match, &pattern.kind) && !fox_absent(role) && fox_uri_pattern_valid(c->topic, pattern.kind, false))
	{
		p = make_list(realm) ? permission_new(pattern, role, authorizer, row) : NULL;
		if (p != NULL)
			p->gone = c->deleted;
		if (p == NULL || !replace(realm, p, c->silent))
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: a permission is missing until the router restarts");
		if (realm->permissions != NULL)
			judge_open(realm);
	}
	fox_buf_free(&match_text);
	fox_buf_free(&role_text);
	fox_buf_free(&authorizer_text);
}

static void
sweep_realm(FoxRealm *realm)
{
	FoxRouter  *r = realm->router;

	if (realm->permissions == NULL)
		return;
	fox_list_each(n, &realm->permissions->all)
	{
		FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (p->gone || p->reread != r->reread)
			drop(realm, p);
	}
	judge_open(realm);
}

void
fox_permissions_sweep(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		sweep_realm(slot->value);
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

/* --- deciding --- */

typedef struct Look
{
	const FoxRouter *router;
	FoxSlice	role;
	FoxAction	action;
	bool		reserved;		/* the router's own URI: only rows for such count */
	const FoxPermission *best;	/* some row of the pattern that decides; NULL: none yet */
	FoxVerdict	verdict;
	Say			discloses;
	FoxSlice	authorizer;
} Look;

static bool
concerns(const Look *l, const FoxPermission *p)
{
	return !p->gone && p->says[l->action] != SAYS_NOTHING && fox_uri_reserved(p->pattern.uri) == l->reserved &&
		(fox_slice_is(p->role, EVERYBODY) || fox_roles_has(l->router, l->role, p->role));
}

static FoxVerdict
verdict_of(const FoxPermission *p, FoxAction action)
{
	if (p->says[action] != SAYS_YES)
		return FOX_FORBIDDEN;
	return fox_absent(p->authorizer) ? FOX_ALLOWED : FOX_TO_BE_ASKED;
}

static void
consider(Look *l, const FoxPermission *p)
{
	int			order = l->best == NULL ? 1 : fox_pattern_compare(p->pattern, l->best->pattern);
	FoxVerdict	verdict = verdict_of(p, l->action);

	if (order > 0)
	{
		l->best = p;
		l->verdict = FOX_FORBIDDEN;
		l->discloses = SAYS_NOTHING;
		l->authorizer = FOX_ABSENT;
	}
	if (order < 0 || verdict == FOX_FORBIDDEN)
		return;
	if (p->discloses > l->discloses)
		l->discloses = p->discloses;
	if (verdict > l->verdict)
	{
		l->verdict = verdict;
		l->authorizer = p->authorizer;
	}
}

static void
look(void *ctx, void *value)
{
	Look	   *l = ctx;

	for (const FoxPermission *p = value; p != NULL; p = p->next)
		if (concerns(l, p))
			consider(l, p);
}

/* What the rows of exactly that pattern say, however it is spelled. */
static FoxVerdict
verdict_at(const FoxRealm *realm, const Look *asked, FoxPattern pattern)
{
	Look		l = {.router = asked->router, .role = asked->role, .action = asked->action};

	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (concerns(&l, p) && fox_pattern_covers(p->pattern, pattern) && fox_pattern_covers(pattern, p->pattern))
			consider(&l, p);
	}
	return l.verdict;
}

/* The patterns that cover `what` decide, unless a more specific one forbids a part of it. */
static void
look_at_pattern(const FoxRealm *realm, Look *l, FoxPattern what)
{
	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (concerns(l, p) && fox_pattern_covers(p->pattern, what))
			consider(l, p);
	}
	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (l->verdict != FOX_FORBIDDEN && concerns(l, p) && verdict_of(p, l->action) < l->verdict &&
			fox_patterns_meet(p->pattern, what) && fox_pattern_compare(p->pattern, l->best->pattern) > 0 &&
			verdict_at(realm, l, p->pattern) < l->verdict)
			l->verdict = FOX_FORBIDDEN;
	}
}

static FoxDecision
decide(const FoxSession *s, FoxAction action, FoxPattern what)
{
	const FoxRealm *realm = s->realm;
	FoxDecision d = {FOX_FORBIDDEN, realm->disclosure, FOX_ABSENT};
	Look		l = {.router = realm->router, .role = fox_session_role(s), .action = action,
	.reserved = fox_uri_reserved(what.uri)};

	if (fox_roles_super(l.router, l.role))
		d.verdict = FOX_ALLOWED;
	if (d.verdict == FOX_ALLOWED || realm->permissions == NULL)
		return d;
	if (what.kind == FOX_EXACT)
		fox_index_match(&realm->permissions->index, what.uri, look, &l);
	else
		look_at_pattern(realm, &l, what);
	d.verdict = l.verdict;
	d.authorizer = l.authorizer;
	if (l.discloses != SAYS_NOTHING)
		d.disclosure = l.discloses == SAYS_YES ? FOX_DISCLOSE_ALWAYS : FOX_DISCLOSE_NEVER;
	return d;
}

/* --- decisions that are kept --- */

static void
forget(struct FoxKept *kept)
{
	for (int i = 0; i < FOX_ACTIONS; i++)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&kept->by_uri[i], &pos)) != NULL)
			free(slot->value);
		fox_map_free(&kept->by_uri[i]);
	}
}

void
fox_permissions_forget(FoxSession *s)
{
	if (s->kept != NULL)
		forget(s->kept);
	free(s->kept);
	s->kept = NULL;
}

/* Without memory, or of a URI too many, the question is asked again the next time. */
void
fox_permission_keep(FoxSession *s, FoxAction action, FoxSlice uri, FoxDecision decision)
{
	FoxMap	   *map;
	Kept	   *k;
	char	   *at;

	if (s->kept == NULL && (s->kept = calloc(1, sizeof(*s->kept))) == NULL)
		return;
	map = &s->kept->by_uri[action];
	if (s->kept->number != s->realm->router->permissions_number || map->count >= KEPT_MAX)
		forget(s->kept);
	s->kept->number = s->realm->router->permissions_number;
	if ((k = malloc(sizeof(*k) + uri.len)) == NULL)
		return;
	k->decision = decision;
	at = k->uri;
	uri = fox_slice_keep(&at, uri);
	free(fox_map_del(map, uri));
	if (!fox_map_put(map, uri, k))
		free(k);
}

FoxDecision
fox_permission_decide(FoxSession *s, FoxAction action, FoxPattern what)
{
	bool		keep = what.kind == FOX_EXACT && (action == FOX_MAY_PUBLISH || action == FOX_MAY_CALL);
	FoxDecision d;

	if (what.kind == FOX_EXACT && s->kept != NULL && s->kept->number == s->realm->router->permissions_number)
	{
		const Kept *k = fox_map_get(&s->kept->by_uri[action], what.uri);

		if (k != NULL)
			return k->decision;
	}
	d = decide(s, action, what);
	if (keep)
		fox_permission_keep(s, action, what.uri, d);
	return d;
}

/* --- changes --- */

void
fox_permissions_changed(FoxRouter *r)
{
	r->permissions_number++;
	r->permissions_stale = true;
}

static bool
may_keep(FoxSession *s, FoxAction action, FoxSlice uri, FoxMatchKind kind)
{
	return fox_uri_reserved(uri) || decide(s, action, (FoxPattern){uri, kind}).verdict != FOX_FORBIDDEN;
}

static void
settle_session(FoxSession *s)
{
	fox_list_each(n, &s->members)
	{
		const FoxSubscription *sub = fox_container(FoxMember, in_session, n)->subscription;

		if (!may_keep(s, FOX_MAY_SUBSCRIBE, sub->topic, sub->kind))
			fox_subscription_revoke(s->realm, sub->id, s, FOX_ERR_NOT_AUTHORIZED);
	}
	fox_list_each(n, &s->callees)
	{
		const FoxRegistration *reg = fox_container(FoxCallee, in_session, n)->registration;

		if (!may_keep(s, FOX_MAY_REGISTER, reg->uri, reg->kind))
			fox_registration_revoke(s->realm, reg->id, s, FOX_ERR_NOT_AUTHORIZED);
	}
}

void
fox_permissions_settle(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (!r->permissions_stale)
		return;
	r->permissions_stale = false;
	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
	{
		FoxRealm   *realm = slot->value;

		if (realm->open)
			continue;
		fox_list_each(n, &realm->sessions)
		{
			FoxSession *s = fox_container(FoxSession, in_realm, n);

			if (!s->exempt)
				settle_session(s);
		}
	}
}
