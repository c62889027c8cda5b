/*
 * http_gate.c - HTTP requests, routed and called (see http_gate.h).
 */
#include "gate/http_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec/http_req.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "core/core.h"
#include "gate/http_private.h"
#include "gate/origin.h"

#include "base/pure.h"

void *
fox_http_gate_open(FoxRouter *router, const FoxHttpTransport *transport)
{
	FoxHttpPeer *p = calloc(1, sizeof(*p));

	if (p != NULL)
	{
		p->router = router;
		fox_list_init(&p->in_listeners);
		p->transport = *transport;
	}
	return p;
}

/* The connection has gone; the session that the request goes by stays. */
static void
give_up(FoxHttpPeer *p)
{
	FoxSession *s = p->shared->session;
	uint64_t	request = p->request;
	bool		call = p->calling && p->wish != FOX_HTTP_WISH_PUBLISH;

	fox_http_leave(p);
	p->request = 0;
	if (call)
		fox_session_cancel(s, request, FOX_LIT("{\"mode\":\"killnowait\"}"));
}

void
fox_http_gate_close(void *gate)
{
	FoxHttpPeer *p = gate;

	if (p->shared != NULL)
		give_up(p);
	p->request = 0;
	p->calling = p->streaming = false;
	fox_router_timer_clear(p->router, &p->heartbeat);
	fox_http_log_out(p);
	fox_buf_free(&p->credentials);
	fox_buf_free(&p->password);
	fox_buf_free(&p->realm);
	fox_buf_free(&p->call);
	fox_buf_free(&p->procedure);
	fox_buf_free(&p->options);
	free(p);
}

/* --- paths --- */

#define SEGMENTS_MAX 32

/* A path in its parts, still encoded. */
typedef struct Path
{
	FoxSlice	root;
	FoxSlice	segments[SEGMENTS_MAX];	/* below it */
	size_t		n;
} Path;

/* False: no such path can be. */
static bool
read_path(FoxSlice text, Path *path)
{
	FoxSlice	segment;
	size_t		pos = 0;

	if (text.len == 0 || text.ptr[0] != '/' || !fox_url_segment(text, &pos, &path->root))
		return false;
	for (path->n = 0; fox_url_segment(text, &pos, &segment); path->n++)
	{
		if (segment.len == 0 || path->n == SEGMENTS_MAX)
			return false;
		path->segments[path->n] = segment;
	}
	return true;
}

/* --- what is built in --- */

static void
timestamp(FoxHttpPeer *p)
{
	char		text[24];
	int			n = snprintf(text, sizeof(text), "%lld", (long long) time(NULL));

	fox_http_reply(p, 200, FOX_LIT(FOX_HTTP_TYPE_TEXT), FOX_LIT("Cache-Control: no-store\r\n"), fox_slice(text, (size_t) n));
}

/* --- calls --- */

void
fox_http_make_call(FoxHttpPeer *p)
{
	p->calling = true;
	if (p->wish == FOX_HTTP_WISH_CATALOG || p->wish == FOX_HTTP_WISH_STAT)
		fox_session_call(p->session, p->request, FOX_LIT("{}"), fox_buf_view(&p->procedure), FOX_ABSENT, p->kwargs);
	else if (p->wish != FOX_HTTP_WISH_FUNCTION)
		fox_http_bridge_ask(p);
	else
		fox_session_call(p->session, p->request, fox_buf_view(&p->options), fox_buf_view(&p->procedure), FOX_ABSENT, FOX_ABSENT);
}

/* Appends a header as an option of CALL's. */
static void
put_option(FoxBuf *out, const char *name, FoxSlice header)
{
	if (fox_absent(header))
		return;
	fox_buf_str(out, out->len > 1 ? ",\"" : "\"");
	fox_buf_str(out, name);
	fox_buf_str(out, "\":");
	fox_buf_json_str(out, fox_utf8_valid(header) ? header : FOX_LIT(""));
}

static void
put_options(FoxBuf *out, FoxSlice headers, FoxSlice instance)
{
	fox_buf_reset(out);
	fox_buf_char(out, '{');
	put_option(out, "contract", fox_http_header(headers, "x-fox-contract"));
	put_option(out, "shard", fox_http_header(headers, "x-fox-shard"));
	if (!fox_absent(instance))
	{
		fox_buf_str(out, out->len > 1 ? ",\"_instance\":" : "\"_instance\":");
		fox_buf_slice(out, instance);
	}
	fox_buf_char(out, '}');
}

static void
call(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpTarget *t, const FoxHttpAsk *ask, FoxSlice path, FoxSlice query)
{
	const FoxMethod *m = &t->method;
	FoxSlice	authorization = fox_http_header(ask->headers, "authorization");
	FoxHttpCall c = {
		.style = root->style, .columns = m->columns, .method = ask->method, .path = path, .query = query,
		.headers = ask->headers, .body = t->body, .echo = t->echo, .peer = fox_cstr(ask->address), .row = m->row, .column = m->column
	};

	c.caller = p->shared != NULL ? FOX_HTTP_MEMBER : !fox_absent(authorization) ? FOX_HTTP_SOMEBODY :
		root->auth ? FOX_HTTP_NOBODY : FOX_HTTP_ANYBODY;
	fox_buf_reset(&p->call);
	fox_http_call_put(&p->call, &c);
	fox_buf_reset(&p->procedure);
	fox_buf_slice(&p->procedure, m->procedure);
	put_options(&p->options, ask->headers, t->instance);
	p->wish = FOX_HTTP_WISH_FUNCTION;
	p->may_be_anyone = m->anonymous;
	if (p->call.failed || p->procedure.failed || p->options.failed)
	{
		fox_buf_free(&p->call);
		fox_buf_free(&p->procedure);
		fox_buf_free(&p->options);
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
	}
	else
		fox_http_log_in(p, root, authorization);
}

/* --- requests --- */

static void
know_peer(FoxHttpPeer *p, const FoxHttpAsk *ask)
{
	FoxSlice	origin = fox_cstr(ask->origin);
	FoxSlice	host = fox_http_header(ask->headers, "host");
	FoxSlice	site = fox_http_header(ask->headers, "sec-fetch-site");
	bool		listed = fox_origin_listed(p->router->config.http_origins, origin);

	snprintf(p->address, sizeof(p->address), "%s", ask->address);
	snprintf(p->origin, sizeof(p->origin), "%s", listed ? ask->origin : "");
	p->confidential = ask->confidential;
	/* A name that only leads to the loopback address is a stranger's page, whatever its origin. */
	p->local = ask->loopback && (listed || (fox_origin_is_local(origin) && (fox_absent(host) || fox_host_is_local(host)) &&
											!fox_slice_is(site, "cross-site")));
}

/* False: it has been answered that there is none. */
static bool
find_target(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, const Path *at, FoxSlice name, FoxHttpTarget *t)
{
	FoxMethod  *m = &t->method;
	unsigned	status = 503;
	const char *wrong = NULL;

	if (fox_http_same(name, FOX_LIT("timestamp")))
	{
		*m = (FoxMethod){.verbs = FOX_GET | FOX_HEAD};
		return true;
	}
	if (fox_method_at(p->router, root, at->segments, at->n, m) || fox_http_service(p, root, ask, name, t, &status, &wrong) ||
		(wrong == NULL && fox_http_elsewhere(p, root, name, t)))
		return true;
	fox_http_fail(p, status, wrong, FOX_ABSENT);
	return false;
}

static void
serve(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, const FoxHttpTarget *t, FoxSlice path, FoxSlice query)
{
	const FoxMethod *m = &t->method;

	if (fox_slice_is(ask->method, "OPTIONS"))
		fox_http_reply_options(p, m->verbs, ask->headers);
	else if ((fox_verb_named(ask->method) & m->verbs) == 0)
		fox_http_fail_verb(p, m->verbs);
	else if (fox_absent(m->procedure))
		timestamp(p);
	else
		call(p, root, t, ask, path, query);
}

static void
route(FoxHttpPeer *p, const FoxHttpAsk *ask, const FoxRoot *root, const Path *at, FoxSlice name, FoxSlice path, FoxSlice query)
{
	FoxHttpTarget t = {.instance = FOX_ABSENT, .body = ask->body, .echo = FOX_ABSENT};

	if (fox_http_same(name, FOX_LIT("auth")))
	{
		fox_http_auth(p, root, ask, query);
		return;
	}
	if (!fox_slice_is(ask->method, "OPTIONS") && !fox_http_identify(p, root, ask))
		return;
	if (fox_http_bridge(p, root, ask, name, query) || fox_http_callback(p, root, ask, name, query) ||
		fox_http_catalog(p, root, ask, name, query))
		return;
	if (find_target(p, root, ask, at, name, &t))
		serve(p, root, ask, &t, path, query);
	fox_buf_free(&t.text);
}

static bool
is_encoded(FoxSlice headers)
{
	FoxSlice	encoding = fox_http_header(headers, "content-encoding");

	return encoding.len > 0 && !fox_http_same(encoding, FOX_LIT("identity"));
}

void
fox_http_gate_request(void *gate, const FoxHttpAsk *ask)
{
	static uint64_t last_request = 0;
	FoxHttpPeer *p = gate;
	const FoxRoot *root = NULL;
	FoxBuf		name = {0};
	FoxSlice	path;
	FoxSlice	query;
	Path		at;

	p->request = ++last_request;
	p->calling = false;
	p->session = NULL;
	p->shared = NULL;
	p->style = FOX_HTTP_RESULT;
	p->origin[0] = '\0';
	if (ask->status != 0)
	{
		fox_http_fail(p, ask->status, NULL, FOX_ABSENT);
		return;
	}
	if (ask->body.len > 0 && is_encoded(ask->headers))
	{
		fox_http_fail(p, 415, "a body must come without Content-Encoding", FOX_LIT("Accept-Encoding: identity\r\n"));
		return;
	}
	know_peer(p, ask);
	fox_url_split(ask->target, &path, &query);
	if (read_path(path, &at) && fox_path_name(&name, &at.root, 1))
		root = fox_root_find(p->router, fox_buf_view(&name));
	fox_buf_reset(&name);
	if (root == NULL)
		fox_http_fail(p, 404, NULL, FOX_ABSENT);
	else
	{
		p->style = root->style;
		/* What can be no name may be a row all the same. */
		if (!fox_path_name(&name, at.segments, at.n))
			fox_buf_reset(&name);
		route(p, ask, root, &at, fox_buf_view(&name), path, query);
	}
	fox_buf_free(&name);
}
