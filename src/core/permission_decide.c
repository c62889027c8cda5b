/*
 * permission_decide.c - what the rows of fox_wamp.permission mean (see permission.h).
 *
 * A session keeps its decisions by URI; they carry the number of the last change, and the
 * first question after another change drops them.
 */
#include "core/permission_row.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "core/roles.h"

#include "base/pure.h"

#define KEPT_MAX 256			/* decisions of one session and action */
#define KEPT_URI_MAX 255
#define NAMED_MAX 255			/* bytes of a role in a text */

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

/* --- deciding --- */

typedef struct Look
{
	const FoxRouter *router;
	FoxSlice	role;
	FoxNames	names;			/* of the session, if there are rows that ask for them */
	FoxAction	action;
	bool		hidden;			/* a URI that no wildcard matches: only rows for such count */
	const FoxPermission *best;	/* some row of the pattern that decides; NULL: none yet */
	FoxVerdict	verdict;
	FoxSay			discloses;
	const FoxAuthority *authorizer;
} Look;

/* A session of SQL's is its role's; one that has no client identifier is nobody's. */
static FoxNames
names_of(const FoxSession *s)
{
	static FoxBuf user;
	static FoxBuf client;

	fox_buf_reset(&user);
	fox_buf_reset(&client);
	fox_topic_level(fox_absent(s->role) ? s->authid : s->role, &user);
	fox_topic_level(s->client_id, &client);
	return (FoxNames){
		.user = user.failed || user.len == 0 ? FOX_ABSENT : fox_buf_view(&user),
		.client = client.failed || client.len == 0 ? FOX_ABSENT : fox_buf_view(&client)
	};
}

/* The row's pattern as the session has it. */
static FoxPattern
pattern_of(const Look *l, const FoxPermission *p)
{
	FoxPattern	pattern = p->pattern;

	pattern.names = p->placeholders != 0 ? &l->names : NULL;
	return pattern;
}

static bool
concerns(const Look *l, const FoxPermission *p)
{
	return p->says[l->action] != FOX_SAYS_NOTHING && fox_uri_hidden(p->pattern.uri) == l->hidden &&
		(fox_slice_is(p->role, FOX_EVERYBODY) || fox_roles_has(l->router, l->role, p->role));
}

static FoxVerdict
verdict_of(const FoxPermission *p, FoxAction action)
{
	if (p->says[action] != FOX_SAYS_YES)
		return FOX_FORBIDDEN;
	return fox_authority_set(&p->authorizer) ? FOX_TO_BE_ASKED : FOX_ALLOWED;
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
		l->discloses = FOX_SAYS_NOTHING;
		l->authorizer = NULL;
	}
	if (order < 0 || verdict == FOX_FORBIDDEN)
		return;
	if (p->discloses > l->discloses)
		l->discloses = p->discloses;
	if (verdict > l->verdict)
	{
		l->verdict = verdict;
		l->authorizer = &p->authorizer;
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

static void
look_at_personal(const FoxRealm *realm, Look *l, FoxPattern what)
{
	fox_list_each(n, &realm->permissions->personal)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_personal, n);

		if (concerns(l, p) && fox_pattern_covers(pattern_of(l, p), what))
			consider(l, p);
	}
}

/* What the rows of exactly that pattern say, however it is spelled. */
static FoxVerdict
verdict_at(const FoxRealm *realm, const Look *asked, FoxPattern pattern)
{
	Look		l = {.router = asked->router, .role = asked->role, .names = asked->names, .action = asked->action, .hidden = asked->hidden};

	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (concerns(&l, p) && fox_pattern_covers(pattern_of(&l, p), pattern) && fox_pattern_covers(pattern, pattern_of(&l, p)))
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

		if (concerns(l, p) && fox_pattern_covers(pattern_of(l, p), what))
			consider(l, p);
	}
	fox_list_each(n, &realm->permissions->all)
	{
		const FoxPermission *p = fox_container(FoxPermission, in_realm, n);

		if (l->verdict != FOX_FORBIDDEN && concerns(l, p) && verdict_of(p, l->action) < l->verdict &&
			fox_patterns_meet(pattern_of(l, p), what) && fox_pattern_compare(p->pattern, l->best->pattern) > 0 &&
			verdict_at(realm, l, pattern_of(l, p)) < l->verdict)
			l->verdict = FOX_FORBIDDEN;
	}
}

FoxDecision
fox_permission_look(const FoxSession *s, FoxAction action, FoxPattern what)
{
	const FoxRealm *realm = s->realm;
	FoxDecision d = {FOX_FORBIDDEN, realm->disclosure, NULL};
	Look		l = {.router = realm->router, .role = fox_session_role(s), .action = action, .hidden = fox_uri_hidden(what.uri)};

	if (fox_roles_super(l.router, l.role))
		d.verdict = FOX_ALLOWED;
	if (d.verdict == FOX_ALLOWED || realm->permissions == NULL)
		return d;
	if (!fox_list_empty(&realm->permissions->personal))
		l.names = names_of(s);
	if (what.kind == FOX_EXACT)
	{
		fox_index_match(&realm->permissions->index, what.uri, look, &l);
		look_at_personal(realm, &l, what);
	}
	else
		look_at_pattern(realm, &l, what);
	d.verdict = l.verdict;
	d.authorizer = l.authorizer;
	if (l.discloses != FOX_SAYS_NOTHING)
		d.disclosure = l.discloses == FOX_SAYS_YES ? FOX_DISCLOSE_ALWAYS : FOX_DISCLOSE_NEVER;
	return d;
}

/* --- decisions that are kept --- */

static void
forget(FoxSession *s)
{
	struct FoxKept *kept = s->kept;

	for (int i = 0; i < FOX_ACTIONS; i++)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&kept->by_uri[i], &pos)) != NULL)
			fox_pool_give(s->pool, slot->value);
		fox_map_free(&kept->by_uri[i]);
	}
}

void
fox_permissions_forget(FoxSession *s)
{
	if (s->kept != NULL)
		forget(s);
	fox_pool_give(s->pool, s->kept);
	s->kept = NULL;
}

/* Without memory, or of a URI too long, the question is asked again the next time; one too many drops the others. */
void
fox_permission_keep(FoxSession *s, FoxAction action, FoxSlice uri, FoxDecision decision)
{
	FoxMap	   *map;
	Kept	   *k;
	char	   *at;

	if (uri.len > KEPT_URI_MAX || (s->kept == NULL && (s->kept = fox_pool_alloc(s->pool, sizeof(*s->kept))) == NULL))
		return;
	map = &s->kept->by_uri[action];
	if (s->kept->number != s->realm->router->permissions_number || map->count >= KEPT_MAX)
		forget(s);
	s->kept->number = s->realm->router->permissions_number;
	if ((k = fox_pool_alloc(s->pool, sizeof(*k) + uri.len)) == NULL)
		return;
	k->decision = decision;
	at = k->uri;
	uri = fox_slice_keep(&at, uri);
	fox_pool_give(s->pool, fox_map_del(map, uri));
	if (!fox_map_put(map, uri, k))
		fox_pool_give(s->pool, k);
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
	d = fox_permission_look(s, action, what);
	if (keep)
		fox_permission_keep(s, action, what.uri, d);
	return d;
}
