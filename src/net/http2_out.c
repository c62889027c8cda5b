/*
 * http2_out.c - HTTP/2: answers (see http2_private.h).
 */
#include <stdio.h>
#include <string.h>

#include "net/http2_private.h"

static Http2Stream *
stream_of(FoxHttp *x)
{
	return fox_container(Http2Stream, http, x);
}

/* nghttp2 wants some of the answer's body. */
static ssize_t
read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source, void *conn)
{
	Http2Stream *s = source->ptr;
	size_t		n = s->out.len - s->sent < room ? s->out.len - s->sent : room;

	(void) session, (void) id, (void) conn;
	if (n > 0)
	{
		memcpy(to, s->out.data + s->sent, n);
		fox_http2_progress(s);
	}
	s->sent += n;
	if (s->sent < s->out.len)
		return (ssize_t) n;
	if (s->last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0)
	{
		s->waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t) n;
}

/* Written in the next turn, or at the end of the run that is under way. */
static void
go_on(Http2Stream *s)
{
	if (!s->http.conn->running)
		fox_http_attend_to(s->http.conn);
}

static void
put_pair(FoxBuf *pairs, FoxSlice name, FoxSlice value)
{
	nghttp2_nv	pair = {.name = (uint8_t *) name.ptr, .value = (uint8_t *) value.ptr, .namelen = name.len, .valuelen = value.len};

	fox_buf_put(pairs, &pair, sizeof(pair));
}

/* What is said of the connection has no place in HTTP/2. */
static bool
has_place(FoxSlice name)
{
	static const char *const none[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (fox_http_same(name, fox_cstr(none[i])))
			return false;
	return true;
}

/* Names have no capitals in HTTP/2, and nghttp2 copies what it is given. */
static void
submit(Http2Stream *s, unsigned status, FoxSlice headers, FoxSlice length, bool body)
{
	nghttp2_data_provider provider = {.source.ptr = s, .read_callback = read_body};
	static FoxBuf names;
	static FoxBuf pairs;
	char		code[12];
	size_t		pos = 0;
	FoxSlice	name;
	FoxSlice	value;

	fox_buf_reset(&names);
	fox_buf_reset(&pairs);
	/* So that names stay where they are. */
	(void) fox_buf_reserve(&names, headers.len);
	snprintf(code, sizeof(code), "%u", status);
	put_pair(&pairs, FOX_LIT(":status"), fox_cstr(code));
	put_pair(&pairs, FOX_LIT("date"), fox_cstr(fox_http_date()));
	if (!fox_absent(length))
		put_pair(&pairs, FOX_LIT("content-length"), length);
	while (!names.failed && fox_http_header_next(headers, &pos, &name, &value))
	{
		char	   *lower = names.data + names.len;

		if (!has_place(name))
			continue;
		for (size_t i = 0; i < name.len; i++)
			fox_buf_char(&names, (char) (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 'a' - 'A' : name.ptr[i]));
		put_pair(&pairs, fox_slice(lower, name.len), value);
	}
	if (names.failed || pairs.failed ||
		nghttp2_submit_response(s->http.conn->two->session, s->id, (const nghttp2_nv *) (const void *) pairs.data, pairs.len / sizeof(nghttp2_nv),
								body ? &provider : NULL) != 0)
		(void) nghttp2_submit_rst_stream(s->http.conn->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
	if (names.cap + pairs.cap > FOX_HTTP_KEPT)
	{
		fox_buf_free(&names);
		fox_buf_free(&pairs);
	}
	go_on(s);
}

static char *
begin(FoxHttp *x, unsigned status, FoxSlice headers, size_t len)
{
	Http2Stream *s = stream_of(x);
	bool		no_content = status == 204 || status == 304;
	bool		empty = s->bodyless || no_content;
	char	   *body;
	char		length[24];

	if (!s->asked || s->last)
		return NULL;
	s->asked = false;
	s->last = true;
	snprintf(length, sizeof(length), "%zu", len);
	if (empty)
		len = 0;
	body = fox_buf_reserve(&s->out, len + 1);
	if (s->out.failed)
	{
		fox_http_die(s->http.conn);
		return NULL;
	}
	s->out.len += len;
	submit(s, status, headers, no_content ? FOX_ABSENT : fox_cstr(length), len > 0);
	return empty ? NULL : body;
}

/* nghttp2 reads the body when it is written. */
static void
end(FoxHttp *x)
{
	(void) x;
}

static void
stream(FoxHttp *x, unsigned status, FoxSlice headers)
{
	Http2Stream *s = stream_of(x);

	if (s->asked && !s->last)
		submit(s, status, headers, FOX_ABSENT, true);
}

static void
part(FoxHttp *x, FoxSlice bytes)
{
	Http2Stream *s = stream_of(x);
	HttpConn   *h = s->http.conn;

	if (!s->asked || s->last)
		return;
	if (s->sent > s->out.len / 2)
	{
		memmove(s->out.data, s->out.data + s->sent, s->out.len - s->sent);
		s->out.len -= s->sent;
		s->sent = 0;
	}
	fox_buf_slice(&s->out, bytes);
	if (s->out.failed || s->out.len - s->sent > h->net->config.out_hard_limit)
	{
		h->net->stats.slow_cut++;
		s->last = true;			/* of it nothing more is taken */
		(void) nghttp2_submit_rst_stream(h->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	else if (s->waits)
	{
		s->waits = false;
		(void) nghttp2_session_resume_data(h->two->session, s->id);
	}
	go_on(s);
}

static void
part_last(FoxHttp *x)
{
	Http2Stream *s = stream_of(x);

	if (!s->asked || s->last)
		return;
	s->asked = false;
	s->last = true;
	if (s->waits)
		(void) nghttp2_session_resume_data(s->http.conn->two->session, s->id);
	s->waits = false;
	go_on(s);
}

const HttpReplies fox_http2_replies = {begin, end, stream, part, part_last};
