/*
 * denial.c - what was denied, lately (see denial.h).
 *
 * The same thing denied to the same one again is counted.  Of different ones the last RECENT_MAX are
 * kept; log-ins, which strangers cause, have as many places of their own, and push nothing else out.
 *
 * The log hears of each that is not among them yet, of LINES_MAX in a minute; the next line says how many it has not heard of.
 */
#include "core/denial.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json_out.h"
#include "codec/utf8.h"
#include "core/ask.h"
#include "core/core.h"

#include "base/pure.h"

#define RECENT_MAX 500
#define LINES_MAX 60
#define MINUTE_US UINT64_C(60000000)
#define NAME_MAX 255			/* bytes of a name that somebody has claimed */
#define REASON_MAX (2 * FOX_URI_MAX)	/* a function may give any */

typedef struct Denial
{
	FoxNode		node;			/* in recent, the last one last */
	uint64_t	at_us;
	uint64_t	count;
	FoxDenied	what;
	FoxSlice	key;			/* in denials->by_key, and in block like all of them */
	char		block[];
} Denial;

typedef struct Recent
{
	FoxNode		list;
	size_t		count;
} Recent;

struct FoxDenials
{
	FoxMap		by_key;
	Recent		requests;
	Recent		logins;
	uint64_t	minute_us;		/* when the minute of the lines began */
	unsigned	lines;
	uint64_t	unsaid;
};

static struct FoxDenials *
denials_of(FoxRouter *r)
{
	if (r->denials == NULL && (r->denials = calloc(1, sizeof(*r->denials))) != NULL)
	{
		fox_list_init(&r->denials->requests.list);
		fox_list_init(&r->denials->logins.list);
	}
	return r->denials;
}

/* What is shown of a name: it may be anything that somebody has sent. */
static FoxSlice
clip(FoxSlice name)
{
	FoxSlice	shown = fox_utf8_clip(name, NAME_MAX);
	const char *zero = shown.len > 0 ? memchr(shown.ptr, '\0', shown.len) : NULL;

	return zero != NULL ? fox_slice(shown.ptr, (size_t) (zero - shown.ptr)) : shown;
}

static void
put_key(FoxBuf *key, const FoxDenied *d)
{
	const FoxSlice parts[] = {d->realm, d->authid, d->client_id, d->role, fox_cstr(d->action), d->topic};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		fox_buf_slice(key, parts[i]);
		fox_buf_char(key, '\0');
	}
}

static Denial *
denial_new(const FoxDenied *d, FoxSlice key)
{
	Denial	   *new = calloc(1, sizeof(*new) + key.len + d->realm.len + d->authid.len + d->client_id.len + d->role.len +
							 d->topic.len + d->reason.len + 1);
	char	   *at;

	if (new == NULL)
		return NULL;
	at = new->block;
	new->what = (FoxDenied){.session = d->session, .action = d->action};
	new->key = fox_slice_keep(&at, key);
	new->what.realm = fox_slice_keep(&at, d->realm);
	new->what.authid = fox_slice_keep(&at, d->authid);
	new->what.client_id = fox_slice_keep(&at, d->client_id);
	new->what.role = fox_slice_keep(&at, d->role);
	new->what.topic = fox_slice_keep(&at, d->topic);
	new->what.reason = fox_slice_keep(&at, d->reason);
	return new;
}

static void
forget(struct FoxDenials *all, Recent *recent, Denial *d)
{
	fox_map_del(&all->by_key, d->key);
	fox_list_del(&d->node);
	recent->count--;
	free(d);
}

/* --- the log --- */

static void
put(FoxBuf *line, const char *before, FoxSlice name, const char *behind)
{
	if (name.len == 0)
		return;
	fox_buf_str(line, before);
	fox_buf_slice(line, name);
	fox_buf_str(line, behind);
}

static void
say(FoxRouter *r, struct FoxDenials *all, const FoxDenied *d)
{
	uint64_t	now = fox_router_now(r);
	FoxBuf		line = {0};

	if (all->minute_us == 0 || now - all->minute_us >= MINUTE_US)
	{
		all->minute_us = now;
		all->lines = 0;
	}
	if (all->lines >= LINES_MAX)
	{
		all->unsaid++;
		return;
	}
	all->lines++;
	fox_buf_str(&line, "denied ");
	fox_buf_str(&line, d->action);
	put(&line, " to authid \"", d->authid, "\"");
	put(&line, " (client identifier \"", d->client_id, "\")");
	put(&line, " in realm \"", d->realm, "\"");
	put(&line, ": ", d->reason, "");
	if (all->unsaid > 0)
	{
		fox_buf_str(&line, " (denials since the last line that were not logged: ");
		fox_buf_u64(&line, all->unsaid);
		fox_buf_char(&line, ')');
		all->unsaid = 0;
	}
	fox_buf_char(&line, '\0');
	if (!line.failed)
		fox_router_log(r, FOX_LOG_INFO, "%s", line.data);
	fox_buf_free(&line);
}

/* --- denials --- */

static void
note(FoxRouter *r, struct FoxDenials *all, Recent *recent, const FoxDenied *what, FoxSlice key)
{
	Denial	   *d = fox_map_get(&all->by_key, key);

	if (d == NULL)
	{
		if (recent->count >= RECENT_MAX)
			forget(all, recent, fox_container(Denial, node, recent->list.next));
		say(r, all, what);
		if ((d = denial_new(what, key)) == NULL || !fox_map_put(&all->by_key, d->key, d))
		{
			free(d);
			return;
		}
		recent->count++;
	}
	else
		fox_list_del(&d->node);
	d->at_us = fox_router_now(r);
	d->count++;
	d->what.session = what->session;
	fox_list_push(&recent->list, &d->node);
}

void
fox_denied(FoxRouter *r, const FoxDenied *what)
{
	struct FoxDenials *all = denials_of(r);
	FoxDenied	d = *what;
	FoxBuf		key = {0};

	r->stats.denied++;
	d.realm = clip(d.realm);
	d.authid = clip(d.authid);
	d.client_id = clip(d.client_id);
	d.reason = fox_utf8_clip(d.reason, REASON_MAX);
	put_key(&key, &d);
	if (all != NULL && !key.failed)
		note(r, all, d.session == 0 ? &all->logins : &all->requests, &d, fox_buf_view(&key));
	fox_buf_free(&key);
}

void
fox_denied_to(const FoxSession *s, const char *action, FoxSlice topic, const char *reason)
{
	fox_denied(s->realm->router, &(FoxDenied){.realm = s->realm->name, .session = s->id, .authid = s->authid, .client_id = s->client_id,
			   .role = fox_session_role(s), .action = action, .topic = topic, .reason = fox_cstr(reason)});
}

/* --- the view --- */

static void
put_member(FoxBuf *row, const char *name, FoxSlice value)
{
	if (value.len > 0)
		fox_json_put_member(row, name, value);
}

static void
answer(FoxRouter *r, uint64_t ask, const Recent *recent)
{
	FoxBuf		row = {0};

	fox_list_each(n, &recent->list)
	{
		const Denial *d = fox_container(Denial, node, n);

		fox_buf_char(&row, '{');
		fox_json_put_member(&row, "action", fox_cstr(d->what.action));
		put_member(&row, "realm", d->what.realm);
		put_member(&row, "authid", d->what.authid);
		put_member(&row, "client_id", d->what.client_id);
		put_member(&row, "role", d->what.role);
		put_member(&row, "topic", d->what.topic);
		put_member(&row, "reason", d->what.reason);
		if (d->what.session != 0)
			fox_json_put_number(&row, "session", d->what.session);
		fox_json_put_number(&row, "count", d->count);
		fox_json_put_number(&row, "age_ms", (fox_router_now(r) - d->at_us) / 1000);
		fox_buf_char(&row, '}');
		fox_ask_answer_row(r, ask, &row, false);
	}
	fox_buf_free(&row);
}

void
fox_denials_answer(FoxRouter *r, uint64_t ask)
{
	if (r->denials != NULL)
	{
		answer(r, ask, &r->denials->requests);
		answer(r, ask, &r->denials->logins);
	}
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}

void
fox_denials_free(FoxRouter *r)
{
	struct FoxDenials *all = r->denials;

	if (all == NULL)
		return;
	fox_list_each(n, &all->requests.list)
		free(fox_container(Denial, node, n));
	fox_list_each(n, &all->logins.list)
		free(fox_container(Denial, node, n));
	fox_map_free(&all->by_key);
	free(all);
	r->denials = NULL;
}
