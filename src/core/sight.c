/*
 * sight.c - events and values that only those hear who may see a row of a table (see sight.h).
 *
 *   change ──► sights, in order ──asked, some together──► an executor ──► delivered to the roles that see it
 *
 * The question is [{"roles":[name, …], …as in sight.h}, …]; the answer to each is
 * [[roles that see the row, …], [roles that see the former one, …]].  One question on
 * events is under way at a time, so that they keep their order.  Nothing is dropped when no
 * executor can be had: it is asked again.
 */
#include "core/sight.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

#define WAITING_BYTES ((size_t) 64 * 1024 * 1024)
#define TOGETHER 100			/* events in one question */
#define AGAIN_US 200000

/* An event that waits, with all that it is made of. */
typedef struct Seen
{
	FoxNode		node;			/* router->sights */
	FoxRealm   *realm;
	uint64_t	number;
	uint64_t	publisher;		/* session; 0: none */
	size_t		bytes;
	bool		was_public;		/* the former value was everybody's */
	FoxEvent	event;
	FoxSlice	options;
	FoxSlice	roles;			/* names in JSON, separated by commas */
	FoxSlice	former;			/* row of the former value, in place of the options' */
	char		block[];
} Seen;

typedef struct Question
{
	FoxNode		node;
	uint64_t	number;
	FoxSnapshot *snap;			/* NULL: the first events of the realm, so many */
	uint32_t	events;
	bool		forgotten;
} Question;

typedef struct Sight
{
	FoxSession *session;
	FoxNode		questions;
	uint64_t	last;
	bool		busy;			/* a question on events is under way */
	FoxTimer	again;
} Sight;

static void ask_events(FoxRouter *r);

/* --- the session that asks --- */

static void
sight_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
seen_free(FoxRouter *r, Seen *seen)
{
	fox_list_del(&seen->node);
	r->sight_bytes -= seen->bytes;
	r->sights_done++;
	free(seen);
}

static void
sight_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxRouter  *r = s->realm->router;
	Sight	   *sight = s->data;

	(void) reason, (void) message;
	fox_list_each(n, &r->sights)
	{
		Seen	   *seen = fox_container(Seen, node, n);

		if (seen->realm == s->realm)
			seen_free(r, seen);
	}
	fox_list_each(n, &sight->questions)
		free(fox_container(Question, node, n));
	fox_timer_clear(&r->timers, &sight->again);
	s->realm->sight = NULL;
	free(sight);
}

static const FoxSessionOps sight_ops = {.done = sight_done, .ended = sight_ended};

bool
fox_is_sight(const FoxSession *s)
{
	return s->ops == &sight_ops;
}

static Sight *
sight_of(FoxRealm *realm)
{
	static const FoxSessionInfo info = {
		.authid = FOX_LIT("sight"), .authrole = FOX_LIT("sight"), .authmethod = FOX_LIT("internal"),
		.peer = FOX_LIT("executor"), .protocol = FOX_LIT("sql")
	};
	Sight	   *sight;
	const char *reason;

	if (realm->sight != NULL)
		return realm->sight->data;
	if ((sight = calloc(1, sizeof(*sight))) == NULL)
		return NULL;
	fox_list_init(&sight->questions);
	realm->sight = sight->session = fox_session_join(realm->router, realm->name, &info, &sight_ops, sight, &reason);
	if (sight->session == NULL)
	{
		free(sight);
		return NULL;
	}
	return sight;
}

/* --- asking --- */

static bool
ask(Sight *sight, FoxSlice args, FoxSnapshot *snap, uint32_t events)
{
	FoxPorts   *ports = &sight->session->realm->router->ports;
	Question   *q = calloc(1, sizeof(*q));
	FoxFunctionCall c = {
		.kind = FOX_RUN_SIGHT, .session = sight->session->id, .realm = sight->session->realm->name,
		.procedure = FOX_LIT("fox_wamp.row_security"), .function = FOX_LIT("-"), .role = FOX_ABSENT, .authid = FOX_ABSENT,
		.authrole = FOX_ABSENT, .args = args, .kwargs = FOX_ABSENT
	};

	if (q == NULL)
		return false;
	q->number = c.invocation = ++sight->last;
	q->snap = snap;
	q->events = events;
	fox_list_push(&sight->questions, &q->node);
	ports->call(ports->ctx, &c);
	return true;
}

static void
put_question(FoxBuf *b, FoxSlice roles, FoxSlice row, FoxSlice former)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	fox_buf_str(b, b->len > 1 ? ",{\"roles\":[" : "{\"roles\":[");
	fox_buf_slice(b, roles);
	fox_buf_char(b, ']');
	while (fox_json_member(row, &pos, &key, &value))
	{
		if (!fox_json_key_is(key, "table") && !fox_json_key_is(key, "columns") && !fox_json_key_is(key, "row") &&
			!fox_json_key_is(key, "former"))
			continue;
		fox_buf_str(b, ",\"");
		fox_buf_slice(b, key);
		fox_buf_str(b, "\":");
		fox_buf_slice(b, value);
	}
	if (!fox_absent(former))
	{
		fox_buf_str(b, ",\"former\":");
		fox_buf_slice(b, former);
	}
	fox_buf_char(b, '}');
}

static void
again(void *ctx, FoxTimer *timer)
{
	(void) timer;
	ask_events(ctx);
}

static void
ask_later(Sight *sight)
{
	FoxRouter  *r = sight->session->realm->router;

	(void) fox_timer_set(&r->timers, &sight->again, fox_router_now(r) + AGAIN_US, again);
}

/* The first ones that wait, of one realm. */
static void
ask_events(FoxRouter *r)
{
	FoxRealm   *realm = fox_list_empty(&r->sights) ? NULL : fox_container(Seen, node, r->sights.next)->realm;
	Sight	   *sight = realm != NULL ? sight_of(realm) : NULL;
	FoxBuf		question = {0};
	uint32_t	events = 0;

	if (sight == NULL || sight->busy)
		return;
	fox_buf_char(&question, '[');
	fox_list_each(n, &r->sights)
	{
		Seen	   *seen = fox_container(Seen, node, n);

		if (seen->realm != realm || events == TOGETHER)
			break;
		put_question(&question, seen->roles, fox_json_get(seen->options, "fox_wamp.row"), seen->former);
		events++;
	}
	fox_buf_char(&question, ']');
	sight->busy = !question.failed && ask(sight, fox_buf_view(&question), NULL, events);
	if (!sight->busy)
		ask_later(sight);
	fox_buf_free(&question);
}

bool
fox_sight_of(FoxSession *s, FoxSlice rows, FoxSnapshot *snap)
{
	Sight	   *sight = sight_of(s->realm);
	FoxBuf		role = {0};
	FoxBuf		question = {0};
	FoxSlice	row;
	FoxSlice	list;
	FoxKind		kind;
	const char *at = rows.ptr;
	bool		asked;

	fox_buf_json_str(&role, fox_session_role(s));
	fox_buf_char(&question, '[');
	while ((at = fox_json_scan(at, rows.ptr + rows.len, &row, &kind)) != NULL)
	{
		put_question(&question, fox_buf_view(&role), row, FOX_ABSENT);
		if (at == rows.ptr + rows.len)
			break;
		at++;					/* the comma */
	}
	fox_buf_char(&question, ']');
	list = fox_buf_view(&question);
	asked = sight != NULL && !question.failed && !role.failed && ask(sight, list, snap, 0);
	fox_buf_free(&role);
	fox_buf_free(&question);
	return asked;
}

void
fox_sight_forget(FoxRealm *realm, const FoxSnapshot *snap)
{
	Sight	   *sight = realm->sight != NULL ? realm->sight->data : NULL;

	if (sight == NULL)
		return;
	fox_list_each(n, &sight->questions)
		if (fox_container(Question, node, n)->snap == snap)
			fox_container(Question, node, n)->forgotten = true;
}

/* --- events --- */

/* Absent: it acts as none, like a bridge. */
static FoxSlice
role_of(const FoxSession *s)
{
	return fox_meta_is_client(s) || !fox_absent(s->role) ? fox_session_role(s) : FOX_ABSENT;
}

bool
fox_sight_allows(const FoxPublish *p, const FoxMember *m)
{
	FoxSlice	role = role_of(m->session);

	return m->born < p->sight && !fox_absent(role) && fox_map_get(p->seers, role) != NULL;
}

typedef struct Roles
{
	FoxMap		known;			/* names are the sessions' */
	FoxBuf		json;
} Roles;

static void
collect_roles(void *ctx, void *value)
{
	Roles	   *roles = ctx;

	for (const FoxSubscription *sub = value; sub != NULL; sub = sub->next_filter)
		for (uint32_t i = 0; i < sub->count; i++)
		{
			FoxSlice	role = role_of(sub->members[i]->session);

			if (fox_absent(role) || fox_map_get(&roles->known, role) != NULL || !fox_map_put(&roles->known, role, roles))
				continue;
			if (roles->json.len > 0)
				fox_buf_char(&roles->json, ',');
			fox_buf_json_str(&roles->json, role);
		}
}

static Seen *
seen_new(FoxRealm *realm, const FoxEvent *e, const FoxPublish *p, FoxSlice roles, const FoxValue *former)
{
	FoxSlice	row = former == NULL || fox_absent(former->row) ? FOX_ABSENT : fox_json_get(former->row, "row");
	size_t		n = e->topic.len + e->payload.args.len + e->payload.kwargs.len + p->options.len + roles.len + row.len + 1;
	Seen	   *seen = calloc(1, sizeof(*seen) + n);
	char	   *at;

	if (seen == NULL)
		return NULL;
	at = seen->block;
	seen->realm = realm;
	seen->bytes = sizeof(*seen) + n;
	seen->event = (FoxEvent){.publication = e->publication, .qos = e->qos, .kept = e->kept, .bridged = e->bridged, .queued = e->queued, .hops = e->hops,
	.has_trustlevel = e->has_trustlevel, .trustlevel = e->trustlevel};
	seen->event.topic = fox_slice_keep(&at, e->topic);
	seen->event.payload.encoding = FOX_JSON;
	seen->event.payload.args = fox_slice_keep(&at, e->payload.args);
	seen->event.payload.kwargs = fox_slice_keep(&at, e->payload.kwargs);
	seen->options = fox_slice_keep(&at, p->options);
	seen->roles = fox_slice_keep(&at, roles);
	seen->former = fox_slice_keep(&at, row);
	seen->was_public = former != NULL && fox_absent(former->row);
	return seen;
}

void
fox_sight_deliver(FoxRealm *realm, const FoxEvent *e, const FoxSession *publisher, const FoxPublish *p,
				  const FoxValue *former)
{
	FoxRouter  *r = realm->router;
	Roles		roles = {{0}, {0}};
	Seen	   *seen = NULL;

	/* A value that goes has no successor that somebody might not see. */
	if (fox_absent(e->payload.args) && fox_absent(e->payload.kwargs))
		former = NULL;
	fox_index_match(&realm->subscriptions, e->topic, collect_roles, &roles);
	if (roles.json.len > 0)
	{
		if (!roles.json.failed && r->sight_bytes < WAITING_BYTES)
			seen = seen_new(realm, e, p, fox_buf_view(&roles.json), former);
		if (seen == NULL && r->stats.row_events_dropped++ == 0)
			fox_router_log(r, FOX_LOG_WARNING, "events of tables with row-level security are dropped: no executor answers in time");
	}
	fox_map_free(&roles.known);
	fox_buf_free(&roles.json);
	if (seen == NULL)
		return;
	seen->number = ++r->sights_taken;
	seen->publisher = publisher != NULL ? publisher->id : 0;
	r->sight_bytes += seen->bytes;
	fox_list_push(&r->sights, &seen->node);
	ask_events(r);
}

/* --- answers --- */

/* The names of a list, as keys into memory. */
static bool
read_roles(FoxSlice list, FoxMap *roles, FoxBuf *memory)
{
	FoxSlice	item;
	size_t		pos = 0;
	bool		done = !fox_absent(list) && fox_buf_reserve(memory, list.len + 1) != NULL;

	/* Names are not longer than they are in JSON: the memory does not move. */
	while (done && fox_json_element(list, &pos, &item))
	{
		FoxBuf		scratch = {0};
		FoxSlice	name = fox_json_text(item, &scratch);
		size_t		from = memory->len;

		if (!fox_absent(name))
		{
			fox_buf_slice(memory, name);
			done = !memory->failed && fox_map_put(roles, fox_slice(memory->data + from, name.len), roles);
		}
		fox_buf_free(&scratch);
	}
	return done;
}

static void
deliver(Seen *seen, FoxEvent *e, const FoxMap *seers)
{
	FoxRouter  *r = seen->realm->router;
	FoxPublish	p = {.options = seen->options};

	fox_publish_options(&p);
	p.exclude_me = seen->publisher != 0;
	p.seers = seers;
	p.sight = seen->number;
	fox_broker_deliver(seen->realm, e, fox_idmap_get(&r->sessions, seen->publisher), &p);
}

/* Those that saw the former row, and do not see this one, hear that it has gone. */
static void
deliver_gone(Seen *seen, const FoxMap *seers, FoxMap *former_seers)
{
	FoxSlice	row = fox_json_get(seen->options, "fox_wamp.row");
	FoxEvent	e = seen->event;
	FoxMapSlot *slot;
	size_t		pos = 0;

	while ((slot = fox_map_next((FoxMap *) seers, &pos)) != NULL)
		(void) fox_map_del(former_seers, fox_slice(slot->key, slot->keylen));
	if (former_seers->count == 0)
		return;
	e.payload.args = fox_json_get(row, "former_args");
	e.payload.kwargs = fox_json_get(row, "former_kwargs");
	deliver(seen, &e, former_seers);
}

static void
settle(Seen *seen, FoxSlice answer)
{
	FoxMap		seers = {0};
	FoxMap		former_seers = {0};
	FoxBuf		names = {0};
	FoxBuf		former_names = {0};
	FoxBuf		all = {0};
	FoxSlice	list = FOX_ABSENT;
	FoxSlice	former_list = FOX_ABSENT;
	size_t		pos = 0;

	if (fox_json_kind(answer) == FOX_JSON_ARRAY && fox_json_element(answer, &pos, &list))
		(void) fox_json_element(answer, &pos, &former_list);
	if (seen->was_public)
	{
		fox_buf_char(&all, '[');
		fox_buf_slice(&all, seen->roles);
		fox_buf_char(&all, ']');
		former_list = all.failed ? FOX_ABSENT : fox_buf_view(&all);
	}
	if (read_roles(list, &seers, &names))
	{
		if (read_roles(former_list, &former_seers, &former_names))
			deliver_gone(seen, &seers, &former_seers);
		if (seers.count > 0)
			deliver(seen, &seen->event, &seers);
	}
	fox_map_free(&seers);
	fox_map_free(&former_seers);
	fox_buf_free(&names);
	fox_buf_free(&former_names);
	fox_buf_free(&all);
	seen_free(seen->realm->router, seen);
}

static void
settle_events(FoxRealm *realm, uint32_t events, FoxSlice answers)
{
	FoxRouter  *r = realm->router;
	FoxSlice	answer;
	size_t		pos = 0;

	for (uint32_t i = 0; i < events && !fox_list_empty(&r->sights); i++)
	{
		Seen	   *seen = fox_container(Seen, node, r->sights.next);

		settle(seen, fox_json_element(answers, &pos, &answer) ? answer : FOX_ABSENT);
	}
}

/* args = [[answer, …]] */
void
fox_sight_answered(FoxSession *s, uint64_t invocation, FoxSlice args)
{
	Sight	   *sight = s->data;
	FoxRealm   *realm = s->realm;
	FoxSlice	answers = FOX_ABSENT;
	size_t		pos = 0;

	if (!fox_absent(args) && (!fox_json_element(args, &pos, &answers) || fox_json_kind(answers) != FOX_JSON_ARRAY))
		answers = FOX_ABSENT;
	fox_list_each(n, &sight->questions)
	{
		Question   *q = fox_container(Question, node, n);
		Question	asked = *q;

		if (q->number != invocation)
			continue;
		fox_list_del(&q->node);
		free(q);
		if (asked.snap != NULL)
		{
			if (!asked.forgotten)
				fox_snapshot_seen(asked.snap, answers);
			return;
		}
		sight->busy = false;
		if (fox_absent(answers))
			ask_later(sight);
		else
		{
			settle_events(realm, asked.events, answers);
			ask_events(realm->router);
			fox_ask_progress(realm->router);
		}
		return;
	}
}
