/*
 * http_socket.c - bytes of a socket that speaks HTTP (see http_private.h).
 */
#define _GNU_SOURCE				/* POLLRDHUP */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "net/http_private.h"

char		fox_http_chunk[FOX_HTTP_READ];

void
fox_http_watch(HttpConn *h, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = h};

	if (h->events != events && epoll_ctl(h->net->http_poll, EPOLL_CTL_MOD, h->fd, &e) == 0)
		h->events = events;
}

void
fox_http_attend_to(HttpConn *h)
{
	if (fox_list_empty(&h->in_busy))
		fox_list_push(&h->net->busy_https, &h->in_busy);
}

void
fox_http_die(HttpConn *h)
{
	if (h->state == DEAD)
		return;
	h->state = DEAD;
	fox_http_watch(h, 0);
	fox_http_attend_to(h);
}

static ssize_t
tls_result(HttpConn *h, int n)
{
	int			why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(h->ssl, n);

	ERR_clear_error();
	if (n > 0)
		return n;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

ssize_t
fox_http_take(HttpConn *h, char *p, size_t len, bool peek)
{
	ssize_t		n;

	if (h->ssl != NULL)
		return tls_result(h, peek ? SSL_peek(h->ssl, p, (int) len) : SSL_read(h->ssl, p, (int) len));
	n = recv(h->fd, p, len, (peek ? MSG_PEEK : 0) | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	return n;
}

ssize_t
fox_http_give(HttpConn *h, const char *p, size_t len)
{
	ssize_t		n;

	if (h->ssl != NULL)
		return tls_result(h, SSL_write(h->ssl, p, (int) (len > INT32_MAX ? INT32_MAX : len)));
	n = send(h->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	return n;
}

bool
fox_http_hung_up(FoxHttp *x)
{
	struct pollfd end = {.fd = x->conn->fd, .events = POLLRDHUP};

	if (poll(&end, 1, 0) <= 0)
		return false;
	fox_http_die(x->conn);
	return true;
}

void
fox_http_progress(HttpConn *h)
{
	h->since_ms = uv_now(&h->net->loop);
}
