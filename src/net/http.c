/*
 * http.c - connections that speak HTTP/1.1 (see http.h).
 *
 *   HANDSHAKE TLS is not there yet
 *   GREETING  the first bytes are looked at and left where they are: what is a WebSocket's,
 *             a RawSocket's or long-poll's is libwebsockets' from then on
 *   READING   a head, then a body
 *   WAITING   a request is the gate's
 *   WRITING   its answer has not left whole
 *   STREAMING it comes in parts
 *   LINGERING it has, and the connection is to end: what still comes is dropped, lest the
 *             answer be lost with it
 *   DEAD      to be closed
 *
 * Requests are answered one after the other, in their order.  The sockets are in an epoll
 * of their own, which is one descriptor of the loop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "codec/http_req.h"
#include "net/http.h"

#define READ_SIZE 65536
#define EVENTS 64
#define AHEAD_MAX 65536			/* bytes that are read while a request waits */
#define SKIP_MAX (64 * 1024 * 1024)	/* of a body that is not wanted */
#define GREETING_MS 10000
#define REQUEST_MS 30000		/* for a request to come whole, or for its next piece */
#define IDLE_MS 75000			/* a kept connection without a request */
#define LINGER_MS 3000
#define WRITE_MS 60000			/* without the peer taking anything */
#define KEPT 16384				/* memory that an idle connection may keep */

typedef enum HttpState
{
	HANDSHAKE,
	GREETING,
	READING,
	WAITING,
	WRITING,
	STREAMING,
	LINGERING,
	DEAD
} HttpState;

struct FoxHttp
{
	FoxNet	   *net;
	struct lws *wsi;
	SSL		   *ssl;			/* NULL: none */
	int			fd;
	HttpState	state;
	uint32_t	events;			/* that epoll tells */
	uint64_t	since_ms;		/* the last progress */
	FoxNode		in_busy;
	void	   *gate;			/* NULL: no request has come yet */
	FoxConnInfo info;			/* of the socket */
	FoxConnInfo asker;			/* of the request */
	FoxBuf		in;				/* from the first byte of the request on */
	FoxHttpHead head;			/* len 0: it has not come */
	FoxChunked	chunked;
	size_t		chunks_at;		/* what of `in` has been taken into the body */
	FoxBuf		body;			/* of chunks */
	uint64_t	skip;			/* bytes that come and are dropped */
	FoxBuf		out;
	size_t		sent;
	bool		keep;
	bool		bodyless;		/* HEAD */
	bool		ended;			/* the peer sends nothing more */
	bool		running;		/* run() is at work */
};

static char chunk[READ_SIZE];
static int	ssl_index = -1;		/* where an SSL has its FoxHttp */

/* --- the socket --- */

static void
watch(FoxHttp *h, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = h};

	if (h->events != events && epoll_ctl(h->net->http_poll, EPOLL_CTL_MOD, h->fd, &e) == 0)
		h->events = events;
}

/* It has its turn in the next turn of the loop, when nobody above is at work. */
static void
attend(FoxHttp *h)
{
	if (fox_list_empty(&h->in_busy))
		fox_list_push(&h->net->busy_https, &h->in_busy);
}

static void
die(FoxHttp *h)
{
	if (h->state == DEAD)
		return;
	h->state = DEAD;
	watch(h, 0);
	attend(h);
}

/* -1: nothing now; 0: the end, orderly or not. */
static ssize_t
tls_result(FoxHttp *h, int n)
{
	int			why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(h->ssl, n);

	ERR_clear_error();
	if (n > 0)
		return n;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static ssize_t
take(FoxHttp *h, char *p, size_t len, bool peek)
{
	ssize_t		n;

	if (h->ssl != NULL)
		return tls_result(h, peek ? SSL_peek(h->ssl, p, (int) len) : SSL_read(h->ssl, p, (int) len));
	n = recv(h->fd, p, len, (peek ? MSG_PEEK : 0) | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	return n;
}

static ssize_t
give(FoxHttp *h, const char *p, size_t len)
{
	ssize_t		n;

	if (h->ssl != NULL)
		return tls_result(h, SSL_write(h->ssl, p, (int) (len > INT32_MAX ? INT32_MAX : len)));
	n = send(h->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	return n;
}

static void
progress(FoxHttp *h)
{
	h->since_ms = uv_now(&h->net->loop);
}

/* --- answers --- */

static void
end_stream(FoxHttp *h)
{
	fox_tls_end_stream(h->wsi);
	shutdown(h->fd, SHUT_WR);
	h->state = LINGERING;
	progress(h);
	if (h->ended)
		die(h);
	else
		watch(h, EPOLLIN);
}

/* False: it has not left whole, or the connection is over. */
static bool
write_out(FoxHttp *h)
{
	while (h->sent < h->out.len)
	{
		ssize_t		n = give(h, h->out.data + h->sent, h->out.len - h->sent);

		if (n == 0)
			die(h);
		else if (n < 0)
			watch(h, h->state == STREAMING ? EPOLLIN | EPOLLOUT : EPOLLOUT);
		if (n <= 0)
			return false;
		progress(h);
		h->net->stats.bytes_out += (uint64_t) n;
		h->sent += (size_t) n;
	}
	h->sent = 0;
	if (h->out.cap > KEPT)
		fox_buf_free(&h->out);
	fox_buf_reset(&h->out);
	return true;
}

/* What of `in` is behind the request moves to its beginning. */
static void
drop_request(FoxHttp *h)
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
	if (h->in.len == 0 && h->in.cap > KEPT)
		fox_buf_free(&h->in);
	if (h->body.cap > KEPT)
		fox_buf_free(&h->body);
	fox_buf_reset(&h->body);
	h->head = (FoxHttpHead) {.len = 0};
	h->chunked = (FoxChunked) {.state = 0};
	h->chunks_at = 0;
}

/* The answer has left. */
static void
answered(FoxHttp *h)
{
	if (!h->keep)
	{
		end_stream(h);
		return;
	}
	drop_request(h);
	h->state = READING;
}

static void
put_head(FoxBuf *out, unsigned status, FoxSlice headers)
{
	fox_buf_str(out, "HTTP/1.1 ");
	fox_buf_u64(out, status);
	fox_buf_char(out, ' ');
	fox_buf_str(out, fox_http_phrase(status));
	fox_buf_str(out, "\r\n");
	fox_buf_slice(out, headers);
}

void
fox_http_answer(FoxHttp *h, unsigned status, FoxSlice headers, FoxSlice body)
{
	FoxBuf	   *out = &h->out;
	bool		no_content = status == 204 || status == 304;

	if (h->state != WAITING)
		return;
	put_head(out, status, headers);
	if (!no_content)
	{
		fox_buf_str(out, "Content-Length: ");
		fox_buf_u64(out, body.len);
		fox_buf_str(out, "\r\n");
	}
	fox_buf_str(out, h->keep ? "\r\n" : "Connection: close\r\n\r\n");
	if (!h->bodyless && !no_content)
		fox_buf_slice(out, body);
	if (out->failed)
	{
		die(h);
		return;
	}
	h->state = WRITING;
	if (write_out(h))
		answered(h);
	/* What comes from now on epoll tells. */
	if (!h->running && (h->state != READING || h->in.len > 0 || h->ended || h->ssl != NULL || h->events != EPOLLIN))
		attend(h);
}

/* --- streams --- */

void
fox_http_stream(FoxHttp *h, unsigned status, FoxSlice headers)
{
	if (h->state != WAITING)
		return;
	put_head(&h->out, status, headers);
	fox_buf_str(&h->out, "Connection: close\r\n\r\n");
	h->keep = false;
	h->state = STREAMING;
	h->skip = UINT64_MAX;
	h->in.len = 0;
	fox_http_part(h, FOX_LIT(""));
}

void
fox_http_part(FoxHttp *h, FoxSlice part)
{
	if (h->state != STREAMING)
		return;
	if (h->sent > h->out.len / 2)
	{
		memmove(h->out.data, h->out.data + h->sent, h->out.len - h->sent);
		h->out.len -= h->sent;
		h->sent = 0;
	}
	fox_buf_slice(&h->out, part);
	if (h->out.failed || h->out.len - h->sent > h->net->config.out_hard_limit)
	{
		h->net->stats.slow_cut++;
		die(h);
	}
	else if (h->events != (EPOLLIN | EPOLLOUT) && write_out(h))
		watch(h, EPOLLIN);
}

void
fox_http_part_last(FoxHttp *h)
{
	if (h->state != STREAMING)
		return;
	h->state = WRITING;
	if (h->out.len == 0)
		answered(h);
}

/* The peer has nothing more to say but that it has gone. */
static void
stream_event(FoxHttp *h, uint32_t events)
{
	ssize_t		n = (events & ~(uint32_t) EPOLLOUT) != 0 ? take(h, chunk, sizeof(chunk), false) : -1;

	if (n == 0)
		die(h);
	else if ((events & EPOLLOUT) != 0 && write_out(h))
		watch(h, EPOLLIN);
}

/* --- requests --- */

static void
hand_over(FoxHttp *h, unsigned status)
{
	FoxNet	   *net = h->net;
	FoxHttpRequest request = {.status = status, .info = &h->asker};

	h->state = WAITING;
	net->stats.http_requests++;
	h->asker = h->info;
	if (status == 0)
	{
		request.method = h->head.method;
		request.target = h->head.target;
		request.headers = h->head.headers;
		request.body = h->head.chunked ? fox_buf_view(&h->body) : fox_slice(h->in.data + h->head.len, (size_t) h->head.content_length);
		fox_peer_of_headers(net, request.headers, &h->asker);
	}
	if (h->gate == NULL && (h->gate = net->handler.http_open(net->handler.ctx, h)) == NULL)
	{
		die(h);
		return;
	}
	net->handler.http_request(h->gate, &request);
}

/* The request is answered before it is there; what comes of its body is dropped, if that is known to end. */
static void
refuse(FoxHttp *h, unsigned status)
{
	h->bodyless = fox_slice_is(h->head.method, "HEAD");
	h->keep = status == 413 && h->head.keep && !h->head.chunked && !h->head.expects && h->head.content_length <= SKIP_MAX;
	if (!h->keep)
		h->skip = UINT64_MAX;
	hand_over(h, status);
}

/* True: the head is there and may be followed by its body. */
static bool
read_head(FoxHttp *h)
{
	FoxHttpParsed parsed = fox_http_head(h->in.data, h->in.len, &h->head);
	size_t		max = h->net->config.http_max_body;

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
		return false;
	}
	if (h->net->limits.pressed)
	{
		refuse(h, 503);
		return false;
	}
	h->keep = h->head.keep;
	h->bodyless = fox_slice_is(h->head.method, "HEAD");
	h->chunks_at = h->head.len;
	if (h->head.content_length > max)
	{
		refuse(h, 413);
		return false;
	}
	if (h->head.expects && (h->head.chunked || h->in.len < h->head.len + h->head.content_length))
		(void) give(h, "HTTP/1.1 100 Continue\r\n\r\n", 25);	/* the socket has room for so little */
	return true;
}

/* True: the request is whole. */
static bool
read_body(FoxHttp *h)
{
	size_t		used = 0;
	unsigned	status;
	FoxHttpParsed parsed;

	if (!h->head.chunked)
		return h->in.len >= h->head.len + h->head.content_length;
	parsed = fox_chunked(&h->chunked, h->in.data + h->chunks_at, h->in.len - h->chunks_at, h->net->config.http_max_body,
						 &h->body, &used, &status);
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
relocate(FoxHttp *h)
{
	if (h->head.len > 0)
		(void) fox_http_head(h->in.data, h->head.len, &h->head);
}

static void
take_requests(FoxHttp *h)
{
	while (h->state == READING && h->in.len > 0)
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
		if (h->state != READING || !read_body(h))
			return;
		hand_over(h, 0);
	}
}

/* --- reading --- */

/* False: nothing more for now. */
static bool
read_some(FoxHttp *h)
{
	ssize_t		n;

	if (h->ended || (h->state == WAITING && h->in.len >= AHEAD_MAX))
		return false;
	n = take(h, chunk, sizeof(chunk), false);
	if (n < 0)
		return false;
	if (n == 0)
	{
		h->ended = true;
		return false;
	}
	progress(h);
	h->net->stats.bytes_in += (uint64_t) n;
	if (h->state == LINGERING)
		return true;
	fox_buf_put(&h->in, chunk, (size_t) n);
	if (h->in.failed)
		die(h);
	else
		relocate(h);
	return !h->in.failed && (size_t) n == sizeof(chunk);
}

/* As far as it goes just now. */
static void
run(FoxHttp *h)
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
	if (h->ended && (h->state == READING || h->state == LINGERING))
		die(h);
	else if (h->state == READING || h->state == LINGERING)
		watch(h, EPOLLIN);
	else if (h->state == WAITING)
		watch(h, h->ended || h->in.len >= AHEAD_MAX ? 0 : EPOLLIN);
}

/* --- the first bytes --- */

typedef enum Whose
{
	NOT_TOLD,
	OURS,
	THEIRS						/* libwebsockets' */
} Whose;

/* Only what is there is known: a head that comes in pieces is waited for. */
static Whose
judge(const char *p, size_t len)
{
	const char *space = memchr(p, ' ', len);
	FoxHttpHead head;

	if (p[0] < 'A' || p[0] > 'Z')
		return THEIRS;
	if (space != NULL && fox_request_begins_ours(fox_slice(space + 1, (size_t) (p + len - space - 1))))
		return THEIRS;
	switch (fox_http_head(p, len, &head))
	{
		case FOX_HTTP_MORE:
			return len >= sizeof(chunk) ? OURS : NOT_TOLD;
		case FOX_HTTP_DONE:
			return head.upgrades ? THEIRS : OURS;
		default:
			return OURS;
	}
}

static void
let_go(FoxHttp *h)
{
	FoxNet	   *net = h->net;
	struct lws *wsi = h->wsi;

	struct lws_pollfd ready = {.fd = h->fd, .events = LWS_POLLIN, .revents = LWS_POLLIN};

	(void) epoll_ctl(net->http_poll, EPOLL_CTL_DEL, h->fd, NULL);
	(void) fox_idmap_del(&net->https, (uint64_t) (uintptr_t) wsi);
	if (h->ssl != NULL)
		SSL_set_ex_data(h->ssl, ssl_index, NULL);
	free(h);
	lws_rx_flow_control(wsi, 1);
	/* What has been looked at there no socket tells again. */
	lws_service_fd(net->context, &ready);
}

static void
greet(FoxHttp *h)
{
	ssize_t		n = take(h, chunk, sizeof(chunk), true);
	Whose		whose = n > 0 ? judge(chunk, (size_t) n) : NOT_TOLD;

	if (n == 0)
		die(h);
	else if (whose == THEIRS)
		let_go(h);
	else if (whose == OURS)
	{
		h->state = READING;
		h->net->stats.http_connections++;
		(void) fox_peer_address(h->wsi, &h->info);
		h->info.transport = "http";
		if (h->ssl != NULL)
			SSL_set_mode(h->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		lws_set_timeout(h->wsi, NO_PENDING_TIMEOUT, 0);
		progress(h);
		run(h);
	}
}

/* libwebsockets reads nothing more until it is let. */
static void
look(FoxHttp *h)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = h};

	h->events = e.events;
	h->state = GREETING;
	progress(h);
	if (epoll_ctl(h->net->http_poll, EPOLL_CTL_ADD, h->fd, &e) == 0)
		lws_rx_flow_control(h->wsi, 0);
}

static void
on_tls(const SSL *ssl, int where, int result)
{
	FoxHttp    *h = SSL_get_ex_data(ssl, ssl_index);

	(void) result;
	if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && h != NULL && h->state == HANDSHAKE)
		look(h);
}

void
fox_http_greet(FoxNet *net, struct lws *wsi)
{
	FoxHttp    *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return;
	h->net = net;
	h->wsi = wsi;
	h->fd = lws_get_socket_fd(wsi);
	h->ssl = lws_get_ssl(wsi);
	fox_list_init(&h->in_busy);
	progress(h);
	if (!fox_idmap_put(&net->https, (uint64_t) (uintptr_t) wsi, h))
		free(h);
	else if (h->ssl == NULL)
		look(h);
	else if (SSL_set_ex_data(h->ssl, ssl_index, h) == 1)
		SSL_set_info_callback(h->ssl, on_tls);
}

/* --- the loop --- */

static void
event(FoxHttp *h, uint32_t events)
{
	switch (h->state)
	{
		case GREETING:
			greet(h);
			break;
		case READING:
		case LINGERING:
			run(h);
			break;
		case WAITING:
			if (events & (EPOLLHUP | EPOLLERR))
				die(h);
			else
				run(h);
			break;
		case STREAMING:
			stream_event(h, events);
			break;
		case WRITING:
			if (write_out(h))
			{
				answered(h);
				run(h);
			}
			break;
		default:
			break;
	}
}

static void
on_events(uv_poll_t *poll, int status, int what)
{
	FoxNet	   *net = poll->data;
	struct epoll_event events[EVENTS];
	int			n = epoll_wait(net->http_poll, events, EVENTS, 0);

	(void) status, (void) what;
	for (int i = 0; i < n; i++)
		event(events[i].data.ptr, events[i].events);
	fox_http_attend(net);
}

void
fox_http_attend(FoxNet *net)
{
	while (!fox_list_empty(&net->busy_https))
	{
		FoxHttp    *h = fox_container(FoxHttp, in_busy, net->busy_https.next);

		fox_list_del(&h->in_busy);
		if (h->state == DEAD)
			lws_set_timeout(h->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
		else
			run(h);
	}
}

void
fox_http_sweep(FoxNet *net, uint64_t now_ms)
{
	static const uint64_t patience[] = {
		[HANDSHAKE] = GREETING_MS, [GREETING] = GREETING_MS, [READING] = REQUEST_MS, [WAITING] = UINT64_MAX, [WRITING] = WRITE_MS, [STREAMING] = UINT64_MAX, [LINGERING] = LINGER_MS,
		[DEAD] = UINT64_MAX
	};
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&net->https, &pos)) != NULL)
	{
		FoxHttp    *h = slot->value;
		uint64_t	limit = h->state == READING && h->in.len == 0 && h->skip == 0 ? IDLE_MS : patience[h->state];

		/* While memory is short nobody may keep much of it without an end in sight. */
		if (now_ms - h->since_ms > limit || (net->limits.pressed && h->state == READING && h->in.cap + h->body.cap > KEPT))
			die(h);
	}
	fox_http_attend(net);
}

void
fox_http_destroyed(FoxNet *net, struct lws *wsi)
{
	FoxHttp    *h = fox_idmap_del(&net->https, (uint64_t) (uintptr_t) wsi);

	if (h == NULL)
		return;
	(void) epoll_ctl(net->http_poll, EPOLL_CTL_DEL, h->fd, NULL);
	fox_list_del(&h->in_busy);
	if (h->info.transport != NULL)
		net->stats.http_connections--;
	if (h->gate != NULL)
		net->handler.http_close(h->gate);
	fox_buf_free(&h->in);
	fox_buf_free(&h->body);
	fox_buf_free(&h->out);
	free(h);
}

bool
fox_http_init(FoxNet *net)
{
	fox_list_init(&net->busy_https);
	if (ssl_index < 0)
		ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	net->http_poll = epoll_create1(EPOLL_CLOEXEC);
	if (net->http_poll < 0)
		return false;
	uv_poll_init(&net->loop, &net->http_watch, net->http_poll);
	net->http_watch.data = net;
	uv_poll_start(&net->http_watch, UV_READABLE, on_events);
	return true;
}

void
fox_http_end(FoxNet *net)
{
	fox_map_free(&net->https);
	uv_poll_stop(&net->http_watch);
	close(net->http_poll);
}
