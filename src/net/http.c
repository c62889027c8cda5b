/*
 * http.c - connections that speak HTTP: the first bytes, the loop, the end (see http_private.h).
 *
 * What the first bytes show to be a WebSocket's, a RawSocket's or MQTT's is
 * libwebsockets' from then on; they are looked at and left where they are.  Requests are
 * answered one after the other, in their order.  The sockets are in an epoll of their own,
 * which is one descriptor of the loop.
 */
#include <stdlib.h>
#include <unistd.h>

#include "net/http_private.h"
#include "net/tls_pause.h"

#define EVENTS 64
#define GREETING_MS 10000
#define REQUEST_MS 30000		/* for a request to come whole, or for its next piece */
#define IDLE_MS 75000			/* a kept connection without a request */
#define LINGER_MS 3000
#define WRITE_MS 60000			/* without the peer taking anything */

static int	ssl_index = -1;		/* where an SSL has its FoxHttp */

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
	FoxHttpHead head;

	if (p[0] != '\r' && (p[0] <= ' ' || p[0] >= 127))
		return THEIRS;
	switch (fox_http_head(p, len, &head))
	{
		case FOX_HTTP_MORE:
			return len >= sizeof(fox_http_chunk) ? OURS : NOT_TOLD;
		case FOX_HTTP_DONE:
			return head.upgrades ? THEIRS : OURS;
		default:
			return OURS;
	}
}

static void
let_go(HttpConn *h)
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
become_ours(HttpConn *h)
{
	h->state = READING;
	h->net->stats.http_connections++;
	(void) fox_peer_address(h->wsi, &h->info);
	h->info.transport = "http";
	if (h->ssl != NULL)
		SSL_set_mode(h->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	lws_set_timeout(h->wsi, NO_PENDING_TIMEOUT, 0);
	fox_http_progress(h);
	if (fox_http2_chosen(h))
		fox_http2_begin(h);
	else
		fox_http_run(h);
}

static void
greet(HttpConn *h)
{
	ssize_t		n = fox_http_take(h, fox_http_chunk, sizeof(fox_http_chunk), true);
	Whose		whose = fox_http2_chosen(h) ? OURS : n > 0 ? judge(fox_http_chunk, (size_t) n) : NOT_TOLD;

	/* Of TLS only the first record can be looked at; a WebSocket's head is in one. */
	if (whose == NOT_TOLD && h->ssl != NULL && h->looked)
		whose = OURS;
	h->looked = n > 0;
	if (n == 0)
		fox_http_die(h);
	else if (whose == THEIRS)
	{
		h->state = LEAVING;		/* libwebsockets may close others meanwhile, which are in hand */
		fox_http_attend_to(h);
	}
	else if (whose == OURS)
		become_ours(h);
}

/* Is told of what comes, once of each piece. */
static bool
attend_first_bytes(HttpConn *h, HttpState state)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = h};

	h->events = e.events;
	h->state = state;
	return epoll_ctl(h->net->http_poll, EPOLL_CTL_ADD, h->fd, &e) == 0;
}

/* libwebsockets reads nothing more until it is let. */
static void
look(HttpConn *h)
{
	fox_http_progress(h);
	if (attend_first_bytes(h, GREETING))
		lws_rx_flow_control(h->wsi, 0);
}

/* Now and not later: once libwebsockets has seen that HTTP/2 was chosen it reads, whatever it is told. */
static void
on_tls(const SSL *ssl, int where, int result)
{
	HttpConn   *h = SSL_get_ex_data(ssl, ssl_index);

	(void) result;
	if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && h != NULL && h->state == HANDSHAKE)
		look(h);
}

/* What comes now is the client's. */
static void
begin(HttpConn *h)
{
	if (h->ssl == NULL)
	{
		look(h);
		return;
	}
	h->state = HANDSHAKE;
	fox_http_progress(h);
	if (SSL_set_ex_data(h->ssl, ssl_index, h) == 1)
		SSL_set_info_callback(h->ssl, on_tls);
	fox_tls_resume(h->ssl);
}

/* The handshake of TLS, if there is one, waits for as long as the header does. */
static void
await_header(HttpConn *h)
{
	if (!attend_first_bytes(h, PROXIED))
		fox_http_die(h);
	else if (h->ssl == NULL)
		lws_rx_flow_control(h->wsi, 0);
}

static void
read_header(HttpConn *h)
{
	FoxProxyResult result = fox_proxied_read(h->net, h->wsi, &h->in);

	if (result == FOX_PROXY_BAD)
		fox_http_die(h);
	if (result != FOX_PROXY_DONE)
		return;
	(void) epoll_ctl(h->net->http_poll, EPOLL_CTL_DEL, h->fd, NULL);
	begin(h);
}

/* What it has sent too fast is paid for: it goes on. */
static void
hold_rate(FoxRate *rate, bool on)
{
	HttpConn   *h = fox_container(HttpConn, rate, rate);

	if (on)
		return;
	fox_http_progress(h);
	fox_http_attend_to(h);
}

void
fox_http_greet(FoxNet *net, struct lws *wsi)
{
	HttpConn   *h = calloc(1, sizeof(*h));

	if (h == NULL || !fox_idmap_put(&net->https, (uint64_t) (uintptr_t) wsi, h))
	{
		/* Nobody could look at it. */
		free(h);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		return;
	}
	h->http = (FoxHttp) {.replies = &fox_http1_replies, .conn = h};
	h->net = net;
	h->wsi = wsi;
	h->fd = lws_get_socket_fd(wsi);
	h->ssl = lws_get_ssl(wsi);
	fox_list_init(&h->in_busy);
	fox_rate_init(&h->rate, hold_rate);
	fox_http_progress(h);
	if (fox_proxied_by(net, wsi))
		await_header(h);
	else
		begin(h);
}

/* --- the loop --- */

static void
event(HttpConn *h, uint32_t events)
{
	switch (h->state)
	{
		case PROXIED:
			read_header(h);
			break;
		case GREETING:
			greet(h);
			break;
		case READING:
		case LINGERING:
			fox_http_run(h);
			break;
		case WAITING:
			if (events & (EPOLLHUP | EPOLLERR))
				fox_http_die(h);
			else
				fox_http_run(h);
			break;
		case STREAMING:
			fox_http_stream_event(h, events);
			break;
		case WRITING:
			fox_http_writable(h);
			break;
		case MANIFOLD:
			fox_http2_run(h);
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
		HttpConn   *h = fox_container(HttpConn, in_busy, net->busy_https.next);

		fox_list_del(&h->in_busy);
		if (h->state == DEAD)
			lws_set_timeout(h->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
		else if (h->state == LEAVING)
			let_go(h);
		else if (h->state == MANIFOLD)
			fox_http2_run(h);
		else
			fox_http_run(h);
	}
}

void
fox_http_sweep(FoxNet *net, uint64_t now_ms)
{
	static const uint64_t patience[] = {
		[PROXIED] = GREETING_MS, [HANDSHAKE] = GREETING_MS, [GREETING] = GREETING_MS, [LEAVING] = UINT64_MAX, [READING] = REQUEST_MS, [WAITING] = UINT64_MAX, [WRITING] = WRITE_MS, [STREAMING] = UINT64_MAX, [LINGERING] = LINGER_MS,
		[MANIFOLD] = UINT64_MAX, [DEAD] = UINT64_MAX
	};
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&net->https, &pos)) != NULL)
	{
		HttpConn   *h = slot->value;
		uint64_t	limit = h->state == READING && h->in.len == 0 && h->skip == 0 ? IDLE_MS : patience[h->state];

		if (fox_http_held(h))
			continue;
		if (h->state == MANIFOLD)
			fox_http2_sweep(h, now_ms);
		/* While memory is short nobody may keep much of it without an end in sight. */
		if (now_ms - h->since_ms > limit || (net->limits.pressed && h->state == READING && h->in.cap + h->body.cap > FOX_HTTP_KEPT))
			fox_http_die(h);
	}
	fox_http_attend(net);
}

void
fox_http_destroyed(FoxNet *net, struct lws *wsi)
{
	HttpConn   *h = fox_idmap_del(&net->https, (uint64_t) (uintptr_t) wsi);

	if (h == NULL)
		return;
	(void) epoll_ctl(net->http_poll, EPOLL_CTL_DEL, h->fd, NULL);
	fox_list_del(&h->in_busy);
	fox_rate_end(&h->rate);
	fox_address_leave(net, h->address);
	if (h->info.transport != NULL)
		net->stats.http_connections--;
	fox_http2_end(h);
	fox_http_gone(&h->http);
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
