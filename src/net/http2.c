/*
 * http2.c - HTTP/2: connections and the requests of their streams (see http2_private.h).
 *
 * What is limited: streams at once, the bytes of all their bodies together, headers as in
 * HTTP/1.1; resets, settings and pings by nghttp2, which ends a connection that floods.
 */
#include <stdlib.h>
#include <string.h>

#include "net/http2_private.h"

#define STREAMS_MAX 100
#define SPARES_MAX 8
#define SPARE_BYTES 2048		/* that each of their buffers may keep */
#define BODIES_MAX 4			/* of a connection, times what one may have, if that is more than http_max_body */
#define WINDOW (256 * 1024)		/* bytes of a body that are on their way */
#define IDLE_MS 75000			/* a connection without a request */
#define STALLED_MS 60000		/* a stream whose peer does not send the request's rest, or take the answer */

/* --- streams --- */

void
fox_http2_progress(Http2Stream *s)
{
	s->since_ms = uv_now(&s->http.conn->net->loop);
}

static Http2Stream *
new_stream(HttpConn *h, int32_t id)
{
	Http2	   *two = h->two;
	Http2Stream *s;

	if (!fox_list_empty(&two->spare))
	{
		s = fox_container(Http2Stream, in_list, two->spare.next);
		fox_list_del(&s->in_list);
		two->n_spare--;
	}
	else if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->http.replies = &fox_http2_replies;
	s->http.conn = h;
	s->id = id;
	fox_http2_progress(s);
	fox_list_push(&two->open, &s->in_list);
	two->n_open++;
	return s;
}

/* Nobody needs it any more. */
static void
drop_body(Http2Stream *s)
{
	s->http.conn->two->held -= s->body.len;
	if (s->body.cap > SPARE_BYTES)
		fox_buf_free(&s->body);
	fox_buf_reset(&s->body);
}

/* Empties its buffers for the next stream; those that have grown large go. */
static void
let_go_of_buffers(Http2Stream *s, size_t kept)
{
	FoxBuf	   *all[] = {&s->method, &s->target, &s->headers, &s->cookies, &s->body, &s->out};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		if (all[i]->cap > kept)
			fox_buf_free(all[i]);
		fox_buf_reset(all[i]);
	}
}

static void
free_stream(Http2Stream *s)
{
	fox_http_gone(&s->http);
	let_go_of_buffers(s, 0);
	free(s);
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *conn)
{
	Http2	   *two = ((HttpConn *) conn)->two;
	Http2Stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void) error;
	if (s == NULL)
		return 0;
	fox_list_del(&s->in_list);
	two->n_open--;
	drop_body(s);
	if (s->asked)
		fox_http_gone(&s->http);
	else
		fox_http_over(&s->http);
	if (two->n_spare >= SPARES_MAX)
		free_stream(s);
	else
	{
		let_go_of_buffers(s, SPARE_BYTES);
		*s = (Http2Stream) {
			.http = s->http, .method = s->method, .target = s->target, .headers = s->headers,
			.cookies = s->cookies, .body = s->body, .out = s->out
		};
		fox_list_push(&two->spare, &s->in_list);
		two->n_spare++;
	}
	return 0;
}

/* --- requests --- */

static void
ask(Http2Stream *s)
{
	HttpConn   *h = s->http.conn;
	FoxHttpRequest request = {.status = s->refused, .measured = true};

	if (s->asked || s->last)
		return;
	if (s->cookies.len > 0)
	{
		fox_buf_str(&s->headers, "cookie: ");
		fox_buf_slice(&s->headers, fox_buf_view(&s->cookies));
		fox_buf_str(&s->headers, "\r\n");
	}
	s->bodyless = fox_slice_is(fox_buf_view(&s->method), "HEAD");
	request.method = fox_buf_view(&s->method);
	request.target = fox_buf_view(&s->target);
	request.headers = fox_buf_view(&s->headers);
	request.body = fox_buf_view(&s->body);
	s->asked = true;
	if (s->headers.failed || s->target.failed || s->method.failed || s->body.failed || !fox_http_ask(&s->http, &request))
		(void) nghttp2_submit_rst_stream(h->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
	drop_body(s);
}

/* The rest of its body is read and dropped: few clients take an answer before they have sent all. */
static void
refuse(Http2Stream *s, unsigned status)
{
	s->refused = status;
	drop_body(s);
	ask(s);
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *conn)
{
	Http2Stream *s;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = new_stream(conn, frame->hd.stream_id);
	if (s == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	(void) nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
	return 0;
}

static bool
is(FoxSlice name, const char *text)
{
	return fox_slice_is(name, text);
}

/* No digits, or more than there can be bytes: nghttp2 has refused it. */
static uint64_t
number(FoxSlice digits)
{
	uint64_t	n = 0;

	for (size_t i = 0; i < digits.len && n < UINT64_MAX / 20; i++)
		n = n * 10 + (uint64_t) (digits.ptr[i] - '0');
	return n;
}

static void
put_line(Http2Stream *s, FoxSlice name, FoxSlice value)
{
	fox_buf_slice(&s->headers, name);
	fox_buf_str(&s->headers, ": ");
	fox_buf_slice(&s->headers, value);
	fox_buf_str(&s->headers, "\r\n");
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_bytes, size_t name_len, const uint8_t *value_bytes,
		  size_t value_len, uint8_t flags, void *conn)
{
	Http2Stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	FoxSlice	name = fox_slice((const char *) name_bytes, name_len);
	FoxSlice	value = fox_slice((const char *) value_bytes, value_len);

	(void) flags, (void) conn;
	if (s == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;				/* trailers are nobody's */
	if (s->headers.len + s->cookies.len + name_len + value_len > FOX_HTTP_HEAD_MAX)
		s->refused = 431;
	else if (is(name, ":method"))
		fox_buf_slice(&s->method, value);
	else if (is(name, ":path"))
		fox_buf_slice(&s->target, value);
	else if (is(name, ":authority"))
		put_line(s, FOX_LIT("host"), value);
	else if (is(name, "cookie"))
	{
		if (s->cookies.len > 0)
			fox_buf_str(&s->cookies, "; ");
		fox_buf_slice(&s->cookies, value);
	}
	else if (!is(name, ":scheme") && !(is(name, "host") && !fox_absent(fox_http_header(fox_buf_view(&s->headers), "host"))))
		put_line(s, name, value);
	if (is(name, "content-length"))
		s->declared = number(value);
	return 0;
}

/* The headers have come. */
static void
judge(Http2Stream *s)
{
	static const nghttp2_nv go_on = {(uint8_t *) ":status", (uint8_t *) "100", 7, 3, NGHTTP2_NV_FLAG_NONE};
	HttpConn   *h = s->http.conn;
	FoxSlice	target = fox_buf_view(&s->target);

	if (s->refused == 0 && target.len > FOX_HTTP_TARGET_MAX)
		s->refused = 414;
	else if (s->refused == 0 && (target.len == 0 || (target.ptr[0] != '/' && !is(target, "*"))))
		s->refused = 400;		/* CONNECT has no target */
	for (size_t i = 0; s->refused == 0 && i < target.len; i++)
		if ((unsigned char) target.ptr[i] <= ' ' || target.ptr[i] == 0x7f || target.ptr[i] == '#')
			s->refused = 400;
	if (s->refused == 0)
		s->refused = fox_http_objection(h->net, target, s->declared);
	if (s->refused != 0)
		refuse(s, s->refused);
	else if (!s->whole && fox_http_lists(fox_http_header(fox_buf_view(&s->headers), "expect"), "100-continue"))
		(void) nghttp2_submit_headers(h->two->session, NGHTTP2_FLAG_NONE, s->id, NULL, &go_on, 1, NULL);
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *conn)
{
	Http2Stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void) conn;
	if (s == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	s->whole |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		judge(s);
	if (s->whole)
		ask(s);
	return 0;
}

static int
on_body(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *conn)
{
	HttpConn   *h = conn;
	Http2Stream *s = nghttp2_session_get_stream_user_data(session, id);
	size_t		max;
	size_t		together;

	(void) flags;
	if (s == NULL)
		return 0;
	max = fox_http_body_max(h->net, fox_buf_view(&s->target));
	together = BODIES_MAX * (max > h->net->config.http_max_body ? max : h->net->config.http_max_body);
	fox_http2_progress(s);
	if (s->refused != 0)
	{
		s->skipped += len;
		if (s->skipped > FOX_HTTP_SKIP_MAX)
			(void) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	else if (s->body.len + len > max)
		refuse(s, 413);
	else if (h->two->held + len > together)
		refuse(s, 503);
	else
	{
		fox_buf_put(&s->body, bytes, len);
		if (s->body.failed)
			refuse(s, 503);
		else
			h->two->held += len;
	}
	return 0;
}

/* --- connections --- */

bool
fox_http2_chosen(const HttpConn *h)
{
	const unsigned char *name = NULL;
	unsigned	len = 0;

	if (h->ssl != NULL)
		SSL_get0_alpn_selected(h->ssl, &name, &len);
	return len == 2 && memcmp(name, "h2", 2) == 0;
}

static nghttp2_session *
new_session(HttpConn *h)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session = NULL;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	if (nghttp2_session_server_new(&session, callbacks, h) != 0)
		session = NULL;
	nghttp2_session_callbacks_del(callbacks);
	return session;
}

void
fox_http2_begin(HttpConn *h)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, FOX_HTTP_HEAD_MAX},
	};
	Http2	   *two = calloc(1, sizeof(*two));

	h->state = MANIFOLD;
	if (two == NULL || (two->session = new_session(h)) == NULL)
	{
		free(two);
		fox_http_die(h);
		return;
	}
	fox_list_init(&two->open);
	fox_list_init(&two->spare);
	h->two = two;
	if (nghttp2_submit_settings(two->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])) != 0 ||
		nghttp2_session_set_local_window_size(two->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0)
		fox_http_die(h);
	else
		fox_http2_run(h);
}

/* False: the connection is over, but for what nghttp2 has to say of that. */
static bool
read_all(HttpConn *h)
{
	/* Who does not read gets nothing done. */
	while (h->sent == h->out.len && h->state == MANIFOLD && !fox_http_held(h))
	{
		ssize_t		n = fox_http_take(h, fox_http_chunk, sizeof(fox_http_chunk), false);

		if (n < 0)
			return true;
		if (n == 0)
		{
			h->ended = true;
			return false;
		}
		fox_http_progress(h);
		h->net->stats.bytes_in += (uint64_t) n;
		if (nghttp2_session_mem_recv(h->two->session, (const uint8_t *) fox_http_chunk, (size_t) n) < 0)
			return false;
		if (!nghttp2_session_want_read(h->two->session))
			return false;
	}
	return true;
}

/* True: all has left. */
static bool
write_all(HttpConn *h)
{
	const uint8_t *bytes;
	ssize_t		n;

	do
	{
		if (h->state != MANIFOLD || !fox_http_write_out(h))
			return false;
		while ((n = nghttp2_session_mem_send(h->two->session, &bytes)) > 0)
		{
			fox_buf_put(&h->out, bytes, (size_t) n);
			if (h->out.len >= FOX_HTTP_KEPT)
				break;
		}
		if (n < 0 || h->out.failed)
			fox_http_die(h);
	} while (h->out.len > 0 && h->state == MANIFOLD);
	return h->state == MANIFOLD;
}

void
fox_http2_run(HttpConn *h)
{
	bool		goes_on;
	bool		sent;

	h->running = true;
	do
	{
		goes_on = read_all(h);
		sent = write_all(h);
	} while (goes_on && sent && SSL_pending(h->ssl) > 0 && !fox_http_held(h));
	h->running = false;
	if (h->state != MANIFOLD)
		return;
	if (h->ended)
		fox_http_die(h);
	else if (sent && (!goes_on || !nghttp2_session_want_read(h->two->session)))
		fox_http_linger(h);
	else if (sent)
		fox_http_watch(h, fox_http_held(h) ? 0 : EPOLLIN);
}

/* What the gate is at work on may take its time. */
static bool
is_stalled(const Http2Stream *s, uint64_t now_ms)
{
	bool		waits_for_peer = !s->whole || s->sent < s->out.len;

	return waits_for_peer && now_ms - s->since_ms > STALLED_MS;
}

void
fox_http2_sweep(HttpConn *h, uint64_t now_ms)
{
	if ((h->two->n_open == 0 && now_ms - h->since_ms > IDLE_MS) || (h->sent < h->out.len && now_ms - h->since_ms > STALLED_MS))
	{
		fox_http_die(h);
		return;
	}
	fox_list_each(n, &h->two->open)
	{
		Http2Stream *s = fox_container(Http2Stream, in_list, n);

		if (!is_stalled(s, now_ms))
			continue;
		s->since_ms = now_ms;
		(void) nghttp2_submit_rst_stream(h->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
		fox_http_attend_to(h);
	}
}

void
fox_http2_end(HttpConn *h)
{
	Http2	   *two = h->two;

	if (two == NULL)
		return;
	h->two = NULL;
	while (!fox_list_empty(&two->open) || !fox_list_empty(&two->spare))
	{
		FoxNode    *node = fox_list_empty(&two->open) ? two->spare.next : two->open.next;

		fox_list_del(node);
		free_stream(fox_container(Http2Stream, in_list, node));
	}
	nghttp2_session_del(two->session);
	free(two);
}
