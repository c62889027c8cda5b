/*
 * http_bridge.c - WAMP's verbs by HTTP: POST /root/call, POST /root/publish, GET /root/events/PATTERN.
 *
 * The bodies are those of Crossbar's bridge: {"procedure" or "topic","args","kwargs","options"}.
 * Events are server-sent: each has its publication for an id, and a client that comes back
 * with the last one hears what it has missed, where events are kept; where that is not known any
 * more, an event `gap` takes the id back and ends the stream, and a client that comes again hears what is new.
 */
#include <stdio.h>

#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "core/core.h"
#include "gate/http_private.h"

#include "base/pure.h"

#define HEARTBEAT_US UINT64_C(15000000)
#define GAP "event: gap\nid:\nretry: 1000\ndata: {}\n\n"
#define REVOKED "event: end\ndata: {\"reason\":\"the subscription has ended\"}\n\n"

/* --- what is asked --- */

/* Appends the options that the body has, and one more; false: they are no object. */
static bool
put_options(FoxBuf *out, FoxSlice options, const char *name, const char *value)
{
	FoxSlice	key;
	FoxSlice	member;
	size_t		pos = 0;

	if (!fox_absent(options) && fox_json_kind(options) != FOX_JSON_OBJECT)
		return false;
	fox_buf_char(out, '{');
	while (!fox_absent(options) && fox_json_member(options, &pos, &key, &member))
	{
		/* One answer is all that there is. */
		if (fox_json_key_is(key, name) || fox_json_key_is(key, "receive_progress"))
			continue;
		fox_buf_char(out, '"');
		fox_buf_slice(out, key);
		fox_buf_str(out, "\":");
		fox_buf_slice(out, member);
		fox_buf_char(out, ',');
	}
	fox_buf_char(out, '"');
	fox_buf_str(out, name);
	fox_buf_str(out, "\":");
	fox_buf_str(out, value);
	fox_buf_char(out, '}');
	return true;
}

/* Reads the body into the peer; NULL, or what is wrong with it. */
static const char *
read_body(FoxHttpPeer *p, const FoxHttpAsk *ask)
{
	const char *what = p->wish == FOX_HTTP_WISH_CALL ? "procedure" : "topic";
	bool		call = p->wish == FOX_HTTP_WISH_CALL;
	FoxBuf		scratch = {0};
	FoxSlice	body;
	FoxSlice	uri;
	FoxKind		kind;

	if (!fox_json_valid(ask->body, &kind) || kind != FOX_JSON_OBJECT)
		return "the body must be a JSON object";
	fox_buf_reset(&p->call);
	fox_buf_slice(&p->call, ask->body);
	body = fox_buf_view(&p->call);
	if (p->call.failed || fox_json_scan(body.ptr, body.ptr + body.len, &body, &kind) == NULL)
		return "out of memory";
	p->args = fox_json_get(body, "args");
	p->kwargs = fox_json_get(body, "kwargs");
	if (!fox_absent(p->args) && fox_json_kind(p->args) != FOX_JSON_ARRAY)
		return "args must be an array";
	if (!fox_absent(p->kwargs) && fox_json_kind(p->kwargs) != FOX_JSON_OBJECT)
		return "kwargs must be an object";
	fox_buf_reset(&p->options);
	if (!put_options(&p->options, fox_json_get(body, "options"), call ? "progress" : "acknowledge", call ? "false" : "true"))
		return "options must be an object";
	uri = fox_json_text(fox_json_get(body, what), &scratch);
	fox_buf_reset(&p->procedure);
	fox_buf_slice(&p->procedure, uri);
	fox_buf_free(&scratch);
	if (fox_absent(uri))
		return call ? "the body must name a procedure" : "the body must name a topic";
	return p->procedure.failed || p->options.failed ? "out of memory" : NULL;
}

/* SUBSCRIBE's options, of the query and of what a browser says when it comes back. */
static void
read_events(FoxHttpPeer *p, const FoxHttpAsk *ask, FoxSlice pattern, FoxSlice query)
{
	FoxSlice	after = fox_http_header(ask->headers, "last-event-id");
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;
	uint64_t	id;
	bool		retained = false;

	p->resumes = !fox_absent(after);
	fox_buf_reset(&p->procedure);
	fox_buf_slice(&p->procedure, pattern);
	fox_buf_reset(&p->options);
	fox_buf_char(&p->options, '{');
	while (!fox_absent(query) && fox_url_pair(query, &pos, &name, &value))
	{
		if (fox_slice_is(name, "retained") && fox_slice_is(value, "true"))
			retained = true;
		else if (fox_slice_is(name, "after") && fox_absent(after))
			after = value;
	}
	if (!fox_absent(after) && fox_json_valid(after, NULL) && fox_json_uint(after, &id))
	{
		fox_buf_str(&p->options, "\"after\":");
		fox_buf_u64(&p->options, id);
		fox_buf_char(&p->options, ',');
	}
	fox_buf_str(&p->options, retained ? "\"retained\":true" : "\"retained\":false");
	fox_buf_char(&p->options, '}');
}

bool
fox_http_bridge(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query)
{
	const FoxSlice events = FOX_LIT("events.");
	FoxSlice	authorization = fox_http_header(ask->headers, "authorization");
	const char *text = NULL;
	unsigned	verbs = FOX_POST;

	if (fox_http_same(name, FOX_LIT("call")))
		p->wish = FOX_HTTP_WISH_CALL;
	else if (fox_http_same(name, FOX_LIT("publish")))
		p->wish = FOX_HTTP_WISH_PUBLISH;
	else if (name.len > events.len && fox_http_same(fox_slice(name.ptr, events.len), events))
	{
		p->wish = FOX_HTTP_WISH_EVENTS;
		verbs = FOX_GET;
	}
	else
		return false;
	p->may_be_anyone = false;
	if (fox_slice_is(ask->method, "OPTIONS"))
		fox_http_reply_options(p, verbs, ask->headers);
	else if ((fox_verb_named(ask->method) & verbs) == 0)
		fox_http_fail_verb(p, verbs);
	/* No page of another site can send that without asking for leave. */
	else if (verbs == FOX_POST && !fox_http_is_type(fox_http_header(ask->headers, "content-type"), "application/json"))
		fox_http_fail(p, 415, "the body must be application/json", FOX_ABSENT);
	else
	{
		/* A listener is a session of its own, which others see and limits count. */
		if (verbs == FOX_GET)
			fox_http_log_out(p);
		if (verbs == FOX_POST)
			text = read_body(p, ask);
		else
			read_events(p, ask, fox_slice(name.ptr + events.len, name.len - events.len), query);
		if (text != NULL)
			fox_http_fail(p, 400, text, FOX_ABSENT);
		else
			fox_http_log_in(p, root, authorization);
	}
	return true;
}

/* --- what is answered --- */

void
fox_http_bridge_ask(FoxHttpPeer *p)
{
	FoxSlice	uri = fox_buf_view(&p->procedure);
	FoxSlice	options = fox_buf_view(&p->options);
	FoxRequest	what = p->wish == FOX_HTTP_WISH_CALL ? FOX_REQ_CALL : FOX_REQ_PUBLISH;
	const char *unannounced = p->wish == FOX_HTTP_WISH_EVENTS ? NULL : fox_session_unannounced(p->session, what, options);

	if (unannounced != NULL)
		fox_http_fail(p, 400, unannounced, FOX_ABSENT);
	else if (p->wish == FOX_HTTP_WISH_CALL)
		fox_session_call(p->session, p->request, options, uri, p->args, p->kwargs);
	else if (p->wish == FOX_HTTP_WISH_PUBLISH)
		fox_session_publish(p->session, p->request, options, uri, p->args, p->kwargs);
	else
		fox_session_subscribe(p->session, p->request, options, uri);
}

void
fox_http_bridge_result(FoxHttpPeer *p, const FoxPayload *payload)
{
	FoxBuf		body = {0};

	fox_buf_str(&body, "{\"args\":");
	fox_buf_slice(&body, fox_absent(payload->args) ? FOX_LIT("[]") : payload->args);
	if (!fox_absent(payload->kwargs))
	{
		fox_buf_str(&body, ",\"kwargs\":");
		fox_buf_slice(&body, payload->kwargs);
	}
	fox_buf_char(&body, '}');
	fox_http_reply(p, 200, FOX_LIT(FOX_HTTP_TYPE_JSON), FOX_ABSENT, fox_buf_view(&body));
	fox_buf_free(&body);
}

static void
beat(void *ctx, FoxTimer *timer)
{
	FoxHttpPeer *p = fox_container(FoxHttpPeer, heartbeat, timer);

	(void) ctx;
	p->transport.send(p->transport.conn, FOX_LIT(":\n\n"));
	(void) fox_router_timer_set(p->router, timer, fox_router_now(p->router) + HEARTBEAT_US, beat);
}

static void
begin_stream(FoxHttpPeer *p)
{
	p->streaming = true;
	fox_http_reply(p, 200, FOX_LIT("text/event-stream"), FOX_LIT("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"), FOX_LIT(""));
	p->transport.send(p->transport.conn, FOX_LIT(":\n\n"));
	(void) fox_router_timer_set(p->router, &p->heartbeat, fox_router_now(p->router) + HEARTBEAT_US, beat);
}

static void
end_stream(FoxHttpPeer *p, FoxSlice last)
{
	p->streaming = false;
	fox_router_timer_clear(p->router, &p->heartbeat);
	p->transport.send(p->transport.conn, last);
	p->transport.end(p->transport.conn);
}

bool
fox_http_bridge_gap(FoxHttpPeer *p, const FoxFailure *why)
{
	if (p->wish != FOX_HTTP_WISH_EVENTS || !p->resumes || !fox_slice_is(why->uri, FOX_ERR_INVALID_ARGUMENT))
		return false;
	begin_stream(p);
	end_stream(p, FOX_LIT(GAP));
	return true;
}

void
fox_http_bridge_done(FoxHttpPeer *p, FoxRequest what, uint64_t id)
{
	char		text[40];
	int			n;

	if (what == FOX_REQ_PUBLISH)
	{
		n = snprintf(text, sizeof(text), "{\"id\":%llu}", (unsigned long long) id);
		fox_http_reply(p, 200, FOX_LIT(FOX_HTTP_TYPE_JSON), FOX_ABSENT, fox_slice(text, (size_t) n));
	}
	else if (what == FOX_REQ_SUBSCRIBE)
		begin_stream(p);
}
/* A line of data is one line. */
static void
put_line(FoxBuf *out, FoxSlice json)
{
	size_t		from = out->len;

	fox_buf_slice(out, json);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
}

void
fox_http_bridge_event(FoxHttpPeer *p, FoxEvent *e)
{
	const FoxPayload *json = fox_event_json(e);
	FoxBuf		out = {0};

	if (!p->streaming || json == NULL)
		return;
	fox_buf_str(&out, "id: ");
	fox_buf_u64(&out, e->publication);
	fox_buf_str(&out, "\ndata: {\"topic\":");
	fox_buf_json_str(&out, e->topic);
	if (e->retained)
		fox_buf_str(&out, ",\"retained\":true");
	fox_buf_str(&out, ",\"args\":");
	put_line(&out, fox_absent(json->args) ? FOX_LIT("[]") : json->args);
	fox_buf_str(&out, ",\"kwargs\":");
	put_line(&out, fox_absent(json->kwargs) ? FOX_LIT("{}") : json->kwargs);
	fox_buf_str(&out, "}\n\n");
	if (!out.failed)
		p->transport.send(p->transport.conn, fox_buf_view(&out));
	fox_buf_free(&out);
}

void
fox_http_bridge_end(FoxHttpPeer *p)
{
	if (p->streaming)
		end_stream(p, FOX_LIT(REVOKED));
}
