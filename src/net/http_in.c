/*
 * http_in.c - HTTP requests, as they come (see http_private.h).
 */
#include "net/http_private.h"

#define AHEAD_MAX 65536			/* bytes that are read while a request waits */

/* --- requests --- */

/* What of `in` is behind the request moves to its beginning. */
static void
drop_request(HttpConn *h)
{
	size_t		used = h->head.len;

	if (h->head.chunked)
		used = h->chunks_at;
	else
		used += (size_t) h->head.content_length;
	if (used > h->in.len)
	{
		h->skip = used - h->in.len;
		used = h->in.len;
	}
	if (used < h->in.len)
		memmove(h->in.data, h->in.data + used, h->in.len - used);
	h->in.len -= used;
	if (h->in.len == 0 && h->in.cap > FOX_HTTP_KEPT)
		fox_buf_free(&h->in);
	if (h->body.cap > FOX_HTTP_KEPT)
		fox_buf_free(&h->body);
	fox_buf_reset(&h->body);
	h->head = (FoxHttpHead) {.len = 0};
	h->chunked = (FoxChunked) {.state = 0};
	h->chunks_at = 0;
}

static void
hand_over(HttpConn *h, unsigned status)
{
	FoxHttpRequest request = {
		.status = status, .method = h->head.method, .target = h->head.target, .headers = h->head.headers,
		.measured = h->head.has_length
	};

	h->state = WAITING;
	if (status == 0)
		request.body = h->head.chunked ? fox_buf_view(&h->body) : fox_slice(h->in.data + h->head.len, (size_t) h->head.content_length);
	if (!fox_http_ask(&h->http, &request))
		fox_http_die(h);
	drop_request(h);
}

/* The request is answered before it is there; what comes of its body is dropped, if that is known to end. */
static void
refuse(HttpConn *h, unsigned status)
{
	h->bodyless = fox_slice_is(h->head.method, "HEAD");
	h->keep = status == 413 && h->head.keep && !h->head.chunked && !h->head.expects && h->head.content_length <= FOX_HTTP_SKIP_MAX;
	hand_over(h, status);
}

/* False: more of it is to come.  With head.len 0 it has been refused. */
static bool
read_head(HttpConn *h)
{
	FoxHttpParsed parsed = fox_http_head(h->in.data, h->in.len, &h->head);
	unsigned	objection;

	if (parsed == FOX_HTTP_MORE)
	{
		h->head.len = 0;
		return false;
	}
	if (parsed == FOX_HTTP_BAD)
	{
		unsigned	status = h->head.status;

		h->head = (FoxHttpHead) {.len = 0};
		refuse(h, status);
		return true;
	}
	h->keep = h->head.keep;
	h->old = h->head.old;
	h->bodyless = fox_slice_is(h->head.method, "HEAD");
	h->chunks_at = h->head.len;
	objection = fox_http_objection(h->net, h->head.target, h->head.content_length);
	if (objection != 0)
	{
		refuse(h, objection);
		return true;
	}
	if (h->head.expects && (h->head.chunked || h->in.len < h->head.len + h->head.content_length))
		(void) fox_http_give(h, "HTTP/1.1 100 Continue\r\n\r\n", 25);	/* the socket has room for so little */
	return true;
}

/* True: the request is whole. */
static bool
read_body(HttpConn *h)
{
	size_t		used = 0;
	unsigned	status;
	FoxHttpParsed parsed;

	if (!h->head.chunked)
		return h->in.len >= h->head.len + h->head.content_length;
	parsed = fox_chunked(&h->chunked, h->in.data + h->chunks_at, h->in.len - h->chunks_at,
						 fox_http_body_max(h->net, h->head.target), &h->body, &used, &status);
	if (parsed == FOX_HTTP_BAD)
	{
		refuse(h, status);
		return false;
	}
	h->chunks_at += used;
	if (parsed == FOX_HTTP_DONE)
		return true;
	/* Nothing of it is needed any more but the head, which slices point into. */
	h->in.len = h->head.len;
	h->chunks_at = h->head.len;
	return false;
}

/* `in` may have moved: the head's slices are made anew. */
static void
relocate(HttpConn *h)
{
	if (h->head.len > 0)
		(void) fox_http_head(h->in.data, h->head.len, &h->head);
}

static void
take_requests(HttpConn *h)
{
	while (h->state == READING && h->in.len > 0 && !fox_http_held(h))
	{
		if (h->skip > 0)
		{
			size_t		n = h->in.len < h->skip ? h->in.len : (size_t) h->skip;

			memmove(h->in.data, h->in.data + n, h->in.len - n);
			h->in.len -= n;
			h->skip -= n;
			continue;
		}
		if (h->head.len == 0 && !read_head(h))
			return;
		if (h->head.len == 0)
			continue;
		if (!read_body(h))
			return;
		hand_over(h, 0);
	}
}

/* --- reading --- */

/* False: nothing more for now. */
static bool
read_some(HttpConn *h)
{
	ssize_t		n;

	if (h->ended || (h->state == WAITING && h->in.len >= AHEAD_MAX) || fox_http_held(h))
		return false;
	n = fox_http_take(h, fox_http_chunk, sizeof(fox_http_chunk), false);
	if (n < 0)
		return false;
	if (n == 0)
	{
		h->ended = true;
		return false;
	}
	fox_http_progress(h);
	h->net->stats.bytes_in += (uint64_t) n;
	if (h->state == LINGERING)
		return true;
	fox_buf_put(&h->in, fox_http_chunk, (size_t) n);
	if (h->in.failed)
		fox_http_die(h);
	else
		relocate(h);
	return !h->in.failed && (size_t) n == sizeof(fox_http_chunk);
}

void
fox_http_run(HttpConn *h)
{
	bool		more = true;

	h->running = true;
	take_requests(h);
	while (more && (h->state == READING || h->state == LINGERING || h->state == WAITING))
	{
		HttpState	was = h->state;

		more = read_some(h);
		take_requests(h);
		if (h->state == READING && was == WAITING)
			more = true;		/* its answer was at hand */
	}
	h->running = false;
	if (fox_http_held(h))
		fox_http_watch(h, 0);
	else if (h->ended && (h->state == READING || h->state == LINGERING || (h->state == WAITING && h->http.poll != NULL)))
		fox_http_die(h);
	else if (h->state == READING || h->state == LINGERING)
		fox_http_watch(h, EPOLLIN);
	else if (h->state == WAITING)
		fox_http_watch(h, h->ended || h->in.len >= AHEAD_MAX ? 0 : EPOLLIN);
}
