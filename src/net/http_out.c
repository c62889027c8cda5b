/*
 * http_out.c - answers to HTTP requests, and streams (see http_private.h).
 */
#include <sys/socket.h>

#include "net/http_private.h"

/* --- answers --- */

void
fox_http_linger(HttpConn *h)
{
	fox_tls_end_stream(h->wsi);
	shutdown(h->fd, SHUT_WR);
	h->state = LINGERING;
	fox_http_progress(h);
	if (h->ended)
		fox_http_die(h);
	else
		fox_http_watch(h, EPOLLIN);
}

bool
fox_http_write_out(HttpConn *h)
{
	while (h->sent < h->out.len)
	{
		ssize_t		n = fox_http_give(h, h->out.data + h->sent, h->out.len - h->sent);

		if (n == 0)
			fox_http_die(h);
		else if (n < 0)
			fox_http_watch(h, h->state == STREAMING ? EPOLLIN | EPOLLOUT : EPOLLOUT);
		if (n <= 0)
			return false;
		fox_http_progress(h);
		h->net->stats.bytes_out += (uint64_t) n;
		h->sent += (size_t) n;
	}
	h->sent = 0;
	if (h->out.cap > FOX_HTTP_KEPT)
		fox_buf_free(&h->out);
	fox_buf_reset(&h->out);
	return true;
}

/* The answer has left. */
static void
answered(HttpConn *h)
{
	fox_http_over(&h->http);
	if (h->keep)
		h->state = READING;
	else
		fox_http_linger(h);
}

static void
put_head(FoxBuf *out, unsigned status, FoxSlice headers)
{
	fox_buf_str(out, "HTTP/1.1 ");
	fox_buf_u64(out, status);
	fox_buf_char(out, ' ');
	fox_buf_str(out, fox_http_phrase(status));
	fox_buf_str(out, "\r\n");
	fox_buf_str(out, "Date: ");
	fox_buf_str(out, fox_http_date());
	fox_buf_str(out, "\r\n");
	fox_buf_slice(out, headers);
}

static char *
begin(FoxHttp *x, unsigned status, FoxSlice headers, size_t len)
{
	HttpConn   *h = x->conn;
	FoxBuf	   *out = &h->out;
	bool		no_content = status == 204 || status == 304;
	char	   *body;

	if (h->state != WAITING)
		return NULL;
	put_head(out, status, headers);
	if (!no_content)
	{
		fox_buf_str(out, "Content-Length: ");
		fox_buf_u64(out, len);
		fox_buf_str(out, "\r\n");
	}
	if (!h->keep || h->old)
		fox_buf_str(out, h->keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
	fox_buf_str(out, "\r\n");
	if (h->bodyless || no_content)
		len = 0;
	body = fox_buf_reserve(out, len + 1);
	if (out->failed)
	{
		fox_http_die(h);
		return NULL;
	}
	out->len += len;
	return h->bodyless || no_content ? NULL : body;
}

static void
end(FoxHttp *x)
{
	HttpConn   *h = x->conn;

	if (h->state != WAITING)
		return;
	h->state = WRITING;
	if (fox_http_write_out(h))
		answered(h);
	/* What comes from now on epoll tells. */
	if (!h->running && (h->state != READING || h->in.len > 0 || h->ended || h->ssl != NULL || h->events != EPOLLIN))
		fox_http_attend_to(h);
}

/* --- streams --- */

static void
part(FoxHttp *x, FoxSlice bytes)
{
	HttpConn   *h = x->conn;

	if (h->state != STREAMING)
		return;
	if (h->sent > h->out.len / 2)
	{
		memmove(h->out.data, h->out.data + h->sent, h->out.len - h->sent);
		h->out.len -= h->sent;
		h->sent = 0;
	}
	fox_buf_slice(&h->out, bytes);
	if (h->out.failed || h->out.len - h->sent > h->net->config.out_hard_limit)
	{
		h->net->stats.slow_cut++;
		fox_http_die(h);
	}
	else if (h->events != (EPOLLIN | EPOLLOUT) && fox_http_write_out(h))
		fox_http_watch(h, EPOLLIN);
}

static void
stream(FoxHttp *x, unsigned status, FoxSlice headers)
{
	HttpConn   *h = x->conn;

	if (h->state != WAITING)
		return;
	put_head(&h->out, status, headers);
	fox_buf_str(&h->out, "Connection: close\r\n\r\n");
	h->keep = false;
	h->state = STREAMING;
	h->skip = UINT64_MAX;
	h->in.len = 0;
	part(x, FOX_LIT(""));
}

static void
part_last(FoxHttp *x)
{
	HttpConn   *h = x->conn;

	if (h->state != STREAMING)
		return;
	h->state = WRITING;
	if (h->out.len == 0)
		answered(h);
}

const HttpReplies fox_http1_replies = {begin, end, stream, part, part_last};

/* The peer has nothing more to say but that it has gone. */
void
fox_http_stream_event(HttpConn *h, uint32_t events)
{
	ssize_t		n = (events & ~(uint32_t) EPOLLOUT) != 0 ? fox_http_take(h, fox_http_chunk, sizeof(fox_http_chunk), false) : -1;

	if (n == 0)
		fox_http_die(h);
	else if ((events & EPOLLOUT) != 0 && fox_http_write_out(h))
		fox_http_watch(h, EPOLLIN);
}

void
fox_http_writable(HttpConn *h)
{
	if (!fox_http_write_out(h))
		return;
	answered(h);
	fox_http_run(h);
}
