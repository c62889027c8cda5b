/*
 * testament.c - events that a session leaves behind to be published when it ends.
 *
 * The specification has two scopes.  A session here ends once, so that `detached` ones
 * go first and `destroyed` ones follow, each in the order in which they came; the scopes
 * still tell apart what a flush removes.
 */
#include <stdlib.h>

#include "core/hook.h"
#include "core/meta.h"
#include "core/permission.h"

#include "base/pure.h"

#define TESTAMENT_LIMIT 100		/* of one session */
#define TESTAMENT_BYTES (1024 * 1024)	/* of all of them together */

typedef struct Testament
{
	FoxNode		node;			/* session->testaments */
	bool		detached;		/* the scope; otherwise destroyed */
	size_t		bytes;
	FoxPublish	p;				/* slices into block */
	char		block[];
} Testament;

static void
testament_free(FoxSession *s, Testament *t)
{
	fox_list_del(&t->node);
	s->testament_count--;
	s->testament_bytes -= t->bytes;
	fox_pool_give(s->pool, t);
}

static bool
scope_of(FoxMetaCall *c, bool *detached)
{
	FoxSlice	scope = fox_meta_arg(c, -1, "scope");

	*detached = fox_slice_is(scope, "\"detached\"");
	if (fox_absent(scope) || *detached || fox_slice_is(scope, "\"destroyed\""))
		return true;
	c->text = "scope must be detached or destroyed";
	return false;
}

/* Nobody is there any more to be told: the options without those that acknowledge. */
static void
keep_options(FoxSlice given, FoxBuf *out)
{
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	fox_buf_char(out, '{');
	while (!fox_absent(given) && fox_json_member(given, &pos, &key, &value))
	{
		if (fox_json_key_is(key, "acknowledge") || fox_json_key_is(key, "x_acknowledged_delivery"))
			continue;
		if (out->len > 1)
			fox_buf_char(out, ',');
		fox_buf_char(out, '"');
		fox_buf_slice(out, key);
		fox_buf_str(out, "\":");
		fox_buf_slice(out, value);
	}
	fox_buf_char(out, '}');
}

/* Keeps a copy of what p says; false: no memory. */
static bool
testament_new(FoxSession *s, const FoxPublish *p, bool detached)
{
	size_t		n = p->options.len + p->topic.len + p->payload.args.len + p->payload.kwargs.len;
	Testament  *t = fox_pool_alloc(s->pool, sizeof(*t) + n + 1);
	char	   *at;

	if (t == NULL)
		return false;
	at = t->block;
	t->detached = detached;
	t->bytes = n;
	t->p.options = fox_slice_keep(&at, p->options);
	t->p.topic = fox_slice_keep(&at, p->topic);
	t->p.payload.args = fox_slice_keep(&at, p->payload.args);
	t->p.payload.kwargs = fox_slice_keep(&at, p->payload.kwargs);
	fox_publish_options(&t->p);
	fox_list_push(&s->testaments, &t->node);
	s->testament_count++;
	s->testament_bytes += n;
	return true;
}

/* What is wrong with the testament p; NULL: nothing. */
static const char *
check(FoxMetaCall *c, FoxPublish *p)
{
	if (!fox_absent(p->payload.args) && fox_json_kind(p->payload.args) != FOX_JSON_ARRAY)
		c->text = "args must be a list";
	else if (!fox_absent(p->payload.kwargs) && fox_json_kind(p->payload.kwargs) != FOX_JSON_OBJECT)
		c->text = "kwargs must be a dict";
	else
		c->text = fox_publish_options(p);
	if (c->text == NULL && (p->watch || !fox_absent(p->will)))
		c->text = "a testament neither waits nor has a will";
	if (c->text != NULL)
		return FOX_ERR_INVALID_ARGUMENT;
	if (!fox_uri_valid(p->topic, c->realm->strict) || fox_uri_reserved(p->topic))
	{
		c->text = "the topic is not a valid URI for clients";
		return FOX_ERR_INVALID_URI;
	}
	/* Authorizers are not asked: the answer is due at once. */
	if (fox_permission(c->session, FOX_MAY_PUBLISH, p->topic, FOX_EXACT).verdict != FOX_ALLOWED)
	{
		c->text = fox_refusal_text(c->session, FOX_MAY_PUBLISH, p->topic, "");
		return FOX_ERR_NOT_AUTHORIZED;
	}
	if (fox_hook_find(c->realm, p->topic) != NULL)
	{
		c->text = "a testament can not go to a topic that has a publish hook";
		return FOX_ERR_NOT_AUTHORIZED;
	}
	if (c->session->testament_count >= TESTAMENT_LIMIT ||
		p->options.len + p->topic.len + p->payload.args.len + p->payload.kwargs.len > TESTAMENT_BYTES - c->session->testament_bytes)
	{
		c->text = "the session has too many or too large testaments";
		return FOX_ERR_UNAVAILABLE;
	}
	return NULL;
}

/* (topic, args, kwargs, publish_options=…, scope=…) */
static const char *
add_testament(FoxMetaCall *c)
{
	FoxBuf		scratch = {0};
	FoxBuf		options = {0};
	FoxSlice	given = fox_meta_arg(c, -1, "publish_options");
	FoxPublish	p = {.topic = fox_meta_text(c, 0, "topic", &scratch),
	.payload = {FOX_JSON, fox_meta_arg(c, 1, "args"), fox_meta_arg(c, 2, "kwargs")}};
	const char *error = FOX_ERR_INVALID_ARGUMENT;
	bool		detached;

	if (fox_absent(p.topic) || !scope_of(c, &detached))
		;
	else if (!fox_absent(given) && fox_json_kind(given) != FOX_JSON_OBJECT)
		c->text = "publish_options must be a dict";
	else
	{
		keep_options(given, &options);
		p.options = fox_buf_view(&options);
		if (options.failed)
			error = FOX_ERR_UNAVAILABLE;
		else if ((error = check(c, &p)) == NULL && !testament_new(c->session, &p, detached))
			error = FOX_ERR_UNAVAILABLE;
	}
	fox_buf_free(&scratch);
	fox_buf_free(&options);
	return error;
}

static const char *
flush_testaments(FoxMetaCall *c)
{
	bool		detached;

	if (!scope_of(c, &detached))
		return FOX_ERR_INVALID_ARGUMENT;
	fox_list_each(n, &c->session->testaments)
	{
		Testament  *t = fox_container(Testament, node, n);

		if (t->detached == detached)
			testament_free(c->session, t);
	}
	return NULL;
}

void
fox_testaments_publish(FoxSession *s)
{
	for (int pass = 0; pass < 2; pass++)
		fox_list_each(n, &s->testaments)
		{
			Testament  *t = fox_container(Testament, node, n);
			FoxDecision d = fox_permission(s, FOX_MAY_PUBLISH, t->p.topic, FOX_EXACT);

			if (t->detached != (pass == 0))
				continue;
			t->p.disclosure = d.disclosure;
			if (d.verdict != FOX_ALLOWED || fox_hook_find(s->realm, t->p.topic) != NULL)
				s->realm->router->stats.publishes_refused++;
			else if (t->p.retain)
				fox_sync_publish(s, &t->p);
			else
				fox_publish_now(s, &t->p);
			testament_free(s, t);
		}
}

const FoxMetaProcedure fox_testament_procedures[] = {
	{"wamp.session.add_testament", add_testament, false},
	{"wamp.session.flush_testaments", flush_testaments, false},
	{NULL, NULL, false}
};
