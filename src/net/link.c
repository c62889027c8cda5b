/*
 * link.c - connections to other servers (see link.h).
 *
 *      LOOKING_UP ──► CONNECTING ──► SHAKING ──► OPEN
 *           │              │            │          │
 *           └──────────────┴────────────┴──────────┴──► FAILED ──attended to──► gone
 *
 * A link's functions may be called from within the core, so that a failure waits until the loop attends to it; libuv frees
 * nothing before it has said that a handle is closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/link_private.h"

#define READ_SIZE 65536

typedef enum LinkState
{
	LINK_LOOKING_UP,
	LINK_CONNECTING,
	LINK_SHAKING,
	LINK_OPEN,
	LINK_FAILED,
	LINK_GONE					/* waits for libuv */
} LinkState;

typedef struct Link Link;

struct Link
{
	FoxNet	   *net;
	FoxNode		in_net;
	const FoxDialOps *ops;
	void	   *data;
	LinkState	state;
	FoxLookUp  *look_up;		/* LOOKING_UP */
	struct addrinfo *found;		/* by the look-up */
	struct addrinfo *next;		/* the address to try after this one */
	uv_tcp_t	tcp;
	bool		has_tcp;
	uv_connect_t connect;
	uv_write_t	write;
	FoxLinkTls *tls;			/* NULL: none */
	FoxBuf		queue;			/* plain bytes that are not given to the socket yet */
	FoxBuf		writing;		/* that the socket is being given; len 0: none */
	char		host[256];
	char		port[8];
	char		why[256];		/* FAILED */
};

static char chunk[READ_SIZE];	/* one link after the other reads into it */

static void connect_next(Link *l);

/* --- ends --- */

static void __attribute__((format(printf, 2, 3)))
fail(Link *l, const char *format, ...)
{
	va_list		args;

	if (l->state >= LINK_FAILED)
		return;
	va_start(args, format);
	vsnprintf(l->why, sizeof(l->why), format, args);
	va_end(args);
	l->state = LINK_FAILED;
	l->net->failed_links++;
}

static void
link_free(Link *l)
{
	fox_list_del(&l->in_net);
	if (l->look_up != NULL)
		fox_look_up_cancel(l->look_up);
	if (l->found != NULL)
		freeaddrinfo(l->found);
	fox_link_tls_free(l->tls);
	fox_buf_free(&l->queue);
	fox_buf_free(&l->writing);
	free(l);
}

static void
tcp_closed(uv_handle_t *handle)
{
	link_free(handle->data);
}

static void
let_go(Link *l)
{
	if (l->state == LINK_FAILED)
		l->net->failed_links--;
	l->state = LINK_GONE;
	if (!l->has_tcp)
		link_free(l);
	else if (!uv_is_closing((uv_handle_t *) &l->tcp))
		uv_close((uv_handle_t *) &l->tcp, tcp_closed);
}

void
fox_links_attend(FoxNet *net)
{
	fox_list_each(n, &net->links)
	{
		Link	   *l = fox_container(Link, in_net, n);
		char		why[sizeof(l->why)];

		if (l->state != LINK_FAILED)
			continue;
		memcpy(why, l->why, sizeof(why));
		l->ops->closed(l->data, why);
		let_go(l);
	}
}

bool
fox_links_wait(const FoxNet *net)
{
	return net->failed_links > 0;
}

/* --- writing --- */

static void written(uv_write_t *req, int status);

/* One write at a time: meanwhile more gathers. */
static void
flush(Link *l)
{
	uv_buf_t	buf;
	int			n;

	if (l->state != LINK_OPEN && l->state != LINK_SHAKING)
		return;
	if (l->writing.len > 0)
		return;
	if (l->tls == NULL)
	{
		FoxBuf		empty = l->writing;

		l->writing = l->queue;
		l->queue = empty;
		fox_buf_reset(&l->queue);
	}
	else
	{
		if (l->state == LINK_OPEN && !fox_link_tls_write(l->tls, l->queue.data, l->queue.len))
			fail(l, "TLS: out of memory");
		if (l->state == LINK_OPEN)
			fox_buf_reset(&l->queue);
		fox_link_tls_drain(l->tls, &l->writing);
	}
	if (l->writing.failed || l->queue.failed)
		fail(l, "out of memory");
	if (l->writing.len == 0)
		return;
	buf = uv_buf_init(l->writing.data, (unsigned) l->writing.len);
	if ((n = uv_write(&l->write, (uv_stream_t *) &l->tcp, &buf, 1, written)) < 0)
	{
		fox_buf_reset(&l->writing);
		fail(l, "could not send: %s", uv_strerror(n));
		return;
	}
	l->net->stats.bytes_out += l->writing.len;
}

static void
written(uv_write_t *req, int status)
{
	Link	   *l = fox_container(Link, write, req);

	fox_buf_reset(&l->writing);
	if (status < 0)
		fail(l, "could not send: %s", uv_strerror(status));
	else
		flush(l);
}

void
fox_links_flush(FoxNet *net)
{
	fox_list_each(n, &net->links)
		flush(fox_container(Link, in_net, n));
}

static size_t
queued(const Link *l)
{
	return l->queue.len + l->writing.len;
}

/* --- reading --- */

static void
shake(Link *l)
{
	bool		done;
	char		err[sizeof(l->why)];

	if (!fox_link_tls_shake(l->tls, &done, err, sizeof(err)))
		fail(l, "%s", err);
	else if (done)
	{
		l->state = LINK_OPEN;
		l->ops->open(l->data);
	}
	flush(l);
}

static void
received(Link *l, const char *bytes, size_t len)
{
	static char plain[READ_SIZE];
	int			n;

	l->net->stats.bytes_in += len;
	if (l->tls == NULL)
	{
		l->ops->received(l->data, bytes, len);
		return;
	}
	if (!fox_link_tls_feed(l->tls, bytes, len))
		fail(l, "TLS: out of memory");
	if (l->state == LINK_SHAKING)
		shake(l);
	while (l->state == LINK_OPEN && (n = fox_link_tls_read(l->tls, plain, sizeof(plain))) != 0)
	{
		if (n < 0)
			fail(l, "the remote has closed the connection");
		else
			l->ops->received(l->data, plain, (size_t) n);
	}
}

static void
give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void) handle;
	(void) suggested;
	*buf = uv_buf_init(chunk, sizeof(chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	Link	   *l = stream->data;

	if (n > 0 && l->state < LINK_FAILED)
		received(l, buf->base, (size_t) n);
	else if (n == UV_EOF)
		fail(l, "the remote has closed the connection");
	else if (n < 0)
		fail(l, "the connection is lost: %s", uv_strerror((int) n));
}

/* While memory is short nothing is read. */
static void
read_or_hold(Link *l)
{
	if (l->state != LINK_SHAKING && l->state != LINK_OPEN)
		return;
	if (l->net->limits.pressed)
		uv_read_stop((uv_stream_t *) &l->tcp);
	else
		uv_read_start((uv_stream_t *) &l->tcp, give_chunk, on_read);
}

void
fox_links_pressed(FoxNet *net)
{
	fox_list_each(n, &net->links)
		read_or_hold(fox_container(Link, in_net, n));
}

/* --- connecting --- */

static void
tcp_dropped(uv_handle_t *handle)
{
	Link	   *l = handle->data;

	l->has_tcp = false;
	if (l->state == LINK_GONE)
		link_free(l);
	else if (l->state == LINK_CONNECTING)
		connect_next(l);
}

static void
on_connect(uv_connect_t *req, int status)
{
	Link	   *l = fox_container(Link, connect, req);

	if (l->state != LINK_CONNECTING)
		return;
	if (status < 0 && l->next != NULL)
	{
		uv_close((uv_handle_t *) &l->tcp, tcp_dropped);	/* the next address has a socket of its own */
		return;
	}
	if (status < 0)
	{
		fail(l, "could not connect to %s, port %s: %s", l->host, l->port, uv_strerror(status));
		return;
	}
	uv_tcp_nodelay(&l->tcp, 1);
	l->state = l->tls != NULL ? LINK_SHAKING : LINK_OPEN;
	read_or_hold(l);
	if (l->tls != NULL)
		shake(l);
	else
		l->ops->open(l->data);
}

static void
connect_to(Link *l, const struct sockaddr *address)
{
	int			n = uv_tcp_init(&l->net->loop, &l->tcp);

	l->state = LINK_CONNECTING;
	l->tcp.data = l;
	l->has_tcp = n == 0;
	if (n == 0)
		n = uv_tcp_connect(&l->connect, &l->tcp, address, on_connect);
	if (n < 0)
		fail(l, "could not connect to %s, port %s: %s", l->host, l->port, uv_strerror(n));
}

static void
connect_next(Link *l)
{
	const struct addrinfo *a = l->next;

	l->next = a->ai_next;
	connect_to(l, a->ai_addr);
}

static void
looked_up(void *data, int code, struct addrinfo *found)
{
	Link	   *l = data;

	l->look_up = NULL;
	l->found = l->next = found;
	if (found == NULL)
		fail(l, "there is no address of \"%s\": %s", l->host, gai_strerror(code));
	else
		connect_next(l);
}

/* --- the dialer --- */

static void *
dial(void *ctx, const FoxDial *to, const FoxDialOps *ops, void *data, char *err, size_t errlen)
{
	FoxNet	   *net = ctx;
	Link	   *l = calloc(1, sizeof(*l));
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (l == NULL)
	{
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	l->net = net;
	l->ops = ops;
	l->data = data;
	snprintf(l->host, sizeof(l->host), "%.*s", (int) to->host.len, to->host.ptr);
	snprintf(l->port, sizeof(l->port), "%u", to->port);
	if (to->tls && (l->tls = fox_link_tls_new(to, err, errlen)) == NULL)
	{
		free(l);
		return NULL;
	}
	fox_list_init(&l->in_net);
	fox_list_push(&net->links, &l->in_net);
	if (uv_ip4_addr(l->host, to->port, &v4) == 0)
		connect_to(l, (const struct sockaddr *) &v4);
	else if (uv_ip6_addr(l->host, to->port, &v6) == 0)
		connect_to(l, (const struct sockaddr *) &v6);
	else if ((l->look_up = fox_look_up(&net->look_ups, l->host, l->port, looked_up, l)) == NULL)
		fail(l, "there is no thread to look \"%s\" up", l->host);
	return l;
}

static void
send_bytes(void *link, FoxBytes *bytes)
{
	Link	   *l = link;

	if (l->state != LINK_OPEN)
		return;
	fox_buf_put(&l->queue, bytes->data, bytes->len);
	if (l->queue.failed)
		fail(l, "out of memory");
	else if (queued(l) > l->net->config.out_hard_limit)
		fail(l, "the remote is too slow: more waits for it than fox_wamp.out_queue_limit");
	fox_limits_queued(l->net, bytes->len);
}

static bool
is_slow(void *link)
{
	const Link *l = link;

	return queued(l) > l->net->config.out_soft_limit;
}

/* What is written already, the kernel sends; what it does not take at once is lost. */
static void
close_link(void *link)
{
	Link	   *l = link;

	flush(l);
	if (l->state == LINK_OPEN && l->tls != NULL && l->writing.len == 0)
	{
		fox_link_tls_end(l->tls);
		flush(l);
	}
	let_go(l);
}

FoxDialer
fox_net_dialer(FoxNet *net)
{
	return (FoxDialer){net, dial, send_bytes, is_slow, close_link};
}

void
fox_links_end(FoxNet *net)
{
	if (uv_is_closing((uv_handle_t *) &net->look_ups.wake))
		return;					/* they are gone already */
	fox_list_each(n, &net->links)
		let_go(fox_container(Link, in_net, n));
	fox_look_ups_end(&net->look_ups);
	for (int i = 0; i < 100 && uv_run(&net->loop, UV_RUN_NOWAIT) != 0 && !fox_list_empty(&net->links); i++)
		;
}
