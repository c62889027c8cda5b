/*
 * socket.c - a connection that is a socket: WebSocket and RawSocket.
 *
 * Messages are joined into frames of our own making, so that many of them leave in one
 * write (frame.c).  lws_write() with LWS_WRITE_HTTP passes bytes to a WebSocket's socket
 * as they are; it is called outside the writable callback unless libwebsockets still
 * holds a partial write, because asking for that callback costs two system calls a time.
 * What the socket does not take of a write libwebsockets sends before anything else, and
 * until then reads nothing.
 */
#include <sys/socket.h>

#include "net/internal.h"

#define PATIENCE_MS 1500

static unsigned char out[LWS_PRE + FOX_OUT_CHUNK];

static bool
write_raw(FoxConn *conn, unsigned char *p, size_t n)
{
	if (lws_write(conn->wsi, p, n, conn->framing->write) < 0)
	{
		fox_conn_shut(conn, FOX_CLOSE_LOST);
		return false;
	}
	conn->net->stats.bytes_out += n;
	return true;
}

static void
socket_flush(FoxConn *conn)
{
	while (conn->count > 0 && !lws_partial_buffered(conn->wsi))
		if (!write_raw(conn, out + LWS_PRE, fox_frame_join(conn, out + LWS_PRE)))
			return;
	if (lws_partial_buffered(conn->wsi))
	{
		fox_conn_hold(conn, HOLD_WRITE, true);
		return;					/* it has asked for the writable callback */
	}
	if (conn->held & HOLD_WRITE)
	{
		fox_conn_heard(conn);	/* it reads */
		fox_conn_hold(conn, HOLD_WRITE, false);
	}
	if (conn->state == CONN_CLOSING)
	{
		conn->state = CONN_CLOSED;	/* the peer answers, or the sweep cuts it */
		if (!conn->framing->says_goodbye)
		{
			fox_tls_end_stream(conn->wsi);
			shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
		}
	}
}

/* libwebsockets gives what it has read already only when it is woken. */
static void
socket_flow(FoxConn *conn, bool on)
{
	lws_rx_flow_control(conn->wsi, on);
	if (on)
		lws_cancel_service(conn->net->context);
}

/* Timeouts are looked at after a socket's event only: libwebsockets has to be woken for them. */
static void
socket_cut(FoxConn *conn)
{
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service(conn->net->context);
}

/* The ping has a payload, since libwebsockets keeps the answer to an empty one to itself. */
static void
socket_probe(FoxConn *conn)
{
	FoxBytes   *ping;

	if (!conn->framing->pings || conn->ping_sent || (ping = fox_bytes_new("fox", 3)) == NULL)
		return;
	conn->ping_sent = true;
	fox_conn_queue(conn, ping, FRAME_PING);
	fox_bytes_unref(ping);
}

/* A peer that does not read what is sent is not heard: it lives as long as it takes some. */
static void
socket_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;

	if (conn->state != CONN_OPEN || config->ping_interval_ms <= 0 || (conn->held & ~HOLD_WRITE) != 0)
		return;
	if (conn->ping_sent || conn->held != 0)
	{
		if (now_ms - conn->last_in_ms > (uint64_t) config->ping_interval_ms + (uint64_t) config->ping_timeout_ms)
		{
			conn->net->stats.dead_cut++;
			fox_conn_shut(conn, FOX_CLOSE_LOST);
		}
		return;
	}
	if (now_ms - conn->last_in_ms >= (uint64_t) config->ping_interval_ms)
		socket_probe(conn);
}

const FoxCarrier fox_socket = {socket_flush, socket_flow, socket_cut, socket_probe, socket_sweep, PATIENCE_MS};
