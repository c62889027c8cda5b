/*
 * longpoll_request.c - requests of HTTP long-poll: their paths, and the answers' headers (see longpoll.h).
 *
 * A session is reached by an id that nobody can guess, not by cookies: so pages of any
 * origin may ask, and "*" tells their browsers so, unless cookies came along.  Whether
 * such a page may join is the gate's decision, by the Origin of /open.
 */
#include <stdlib.h>

#include "codec/http_req.h"
#include "net/longpoll.h"

#define PREFIX "/longpoll"
#define SMALL_BODY 4096			/* of what has no messages in it */

typedef enum Verb
{
	VERB_OPEN,
	VERB_RECEIVE,
	VERB_SEND,
	VERB_CLOSE
} Verb;

/* --- paths --- */

bool
fox_longpoll_is(FoxSlice target)
{
	size_t		n = strlen(PREFIX);

	return target.len >= n && memcmp(target.ptr, PREFIX, n) == 0 && (target.len == n || strchr("/?", target.ptr[n]) != NULL);
}

/* /open or /ID/VERB behind the prefix, and a query that clients add against caches.  False: no such resource. */
static bool
parse_path(const FoxNet *net, FoxSlice target, Verb *verb, FoxPoll **poll)
{
	static const struct
	{
		const char *name;
		Verb		verb;
	}			verbs[] = {{"/receive", VERB_RECEIVE}, {"/send", VERB_SEND}, {"/close", VERB_CLOSE}};
	const char *query = memchr(target.ptr, '?', target.len);
	const char *path = target.ptr + strlen(PREFIX);
	size_t		len = (size_t) ((query != NULL ? query : target.ptr + target.len) - path);

	*verb = VERB_OPEN;
	*poll = NULL;
	if (fox_slice_is(fox_slice(path, len), "/open"))
		return true;
	if (len <= FOX_POLL_ID + 1 || (*poll = fox_poll_find(net, fox_slice(path + 1, FOX_POLL_ID))) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (fox_slice_is(fox_slice(path + 1 + FOX_POLL_ID, len - 1 - FOX_POLL_ID), verbs[i].name))
		{
			*verb = verbs[i].verb;
			return true;
		}
	return false;
}

size_t
fox_longpoll_body_max(const FoxNet *net, FoxSlice target)
{
	Verb		verb;
	FoxPoll    *poll;

	return parse_path(net, target, &verb, &poll) && verb == VERB_SEND ? fox_conn_in_max(&poll->conn) : SMALL_BODY;
}

/* --- answers --- */

FoxSlice
fox_poll_headers(unsigned status, const char *type, bool share)
{
	static FoxBuf lines;

	fox_buf_reset(&lines);
	fox_buf_str(&lines, "Cache-Control: no-store\r\n");
	if (type != NULL)
	{
		fox_buf_str(&lines, "Content-Type: ");
		fox_buf_str(&lines, type);
		fox_buf_str(&lines, "\r\n");
	}
	if (status == 204 || status == 405)
		fox_buf_str(&lines, "Allow: POST, OPTIONS\r\n");
	if (share)
		fox_buf_str(&lines, "Access-Control-Allow-Origin: *\r\n");
	if (share && status == 204)
		fox_buf_str(&lines, "Access-Control-Allow-Methods: POST\r\nAccess-Control-Allow-Headers: Content-Type\r\n"
					"Access-Control-Max-Age: 86400\r\n");
	return fox_buf_view(&lines);
}

void
fox_poll_say(FoxHttp *x, unsigned status, const char *text, bool share)
{
	fox_http_answer(x, status, fox_poll_headers(status, *text != '\0' ? "text/plain" : NULL, share), fox_cstr(text));
}

/* --- requests that wait --- */

FoxPollRequest *
fox_poll_request_new(FoxPoll *poll, FoxHttp *x, bool share)
{
	FoxPollRequest *r = calloc(1, sizeof(*r));

	if (r == NULL)
	{
		fox_poll_say(x, 503, "fox_wamp: out of memory\n", share);
		return NULL;
	}
	r->http = x;
	r->poll = poll;
	r->share = share;
	r->since_ms = uv_now(&poll->conn.net->loop);
	fox_list_init(&r->in_sends);
	x->poll = r;
	return r;
}

void
fox_poll_request_leave(FoxPollRequest *r)
{
	if (r->poll == NULL)
		return;
	r->poll->conn.join_cap -= r->body.cap;
	if (r->poll->receive == r)
		r->poll->receive = NULL;
	r->poll = NULL;
	fox_list_del(&r->in_sends);
}

void
fox_poll_request_say(FoxPollRequest *r, unsigned status, const char *text)
{
	FoxHttp    *x = r->http;
	bool		share = r->share;

	fox_longpoll_over(r);
	fox_poll_say(x, status, text, share);
}

void
fox_longpoll_over(FoxPollRequest *r)
{
	fox_poll_request_leave(r);
	r->http->poll = NULL;
	fox_buf_free(&r->body);
	free(r);
}

void
fox_longpoll_ask(FoxNet *net, FoxHttp *x, const FoxHttpRequest *request)
{
	bool		share = request->info->origin[0] != '\0' && fox_absent(fox_http_header(request->headers, "cookie"));
	Verb		verb;
	FoxPoll    *poll;

	if (fox_slice_is(request->method, "OPTIONS"))
		fox_poll_say(x, 204, "", share);
	else if (!fox_slice_is(request->method, "POST"))
		fox_poll_say(x, 405, "fox_wamp: requests of WAMP long-poll are POST\n", share);
	else if (!parse_path(net, request->target, &verb, &poll))
		fox_poll_say(x, 404, "fox_wamp: no such transport\n", share);
	else if (request->status == 413)
	{
		if (verb == VERB_SEND)
			fox_conn_too_big(&poll->conn);
		fox_poll_say(x, 413, "fox_wamp: the request is too large\n", share);
	}
	else if (request->status != 0)
		fox_poll_say(x, request->status, "", share);
	else if (!request->measured)
		fox_poll_say(x, 411, "fox_wamp: a request needs a Content-Length\n", share);
	else if (verb == VERB_OPEN)
		fox_poll_open(net, x, request, share);
	else if (verb == VERB_RECEIVE)
		fox_poll_receive(poll, x, share);
	else if (verb == VERB_SEND)
		fox_poll_send(poll, x, request->body, share);
	else
		fox_poll_close(poll, x, share);
}
