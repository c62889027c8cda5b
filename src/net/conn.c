/*
 * conn.c - one connection: its queue, its pings, its end.
 *
 * Messages are queued by reference and joined into frames of our own making, so that
 * many of them leave in one write (frame.c).  lws_write() with LWS_WRITE_HTTP passes
 * bytes to a WebSocket's socket as they are; it is called outside the writable callback
 * unless libwebsockets still holds a partial write, because asking for that callback
 * costs two system calls a time.  What the socket does not take of a write libwebsockets
 * sends before anything else, and until then reads nothing.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"

#define FLUSH_EARLY (64 * 1024)	/* queued bytes that leave before the end of the turn */
#define ITEM_COST 16			/* a queued message costs its bytes and this: empty ones are not free */
#define CLOSE_PATIENCE_MS 1500	/* for what is queued to leave, and for the peer's answer */
#define GREETING_MS 10000		/* for a handshake */

static unsigned char out[LWS_PRE + FOX_OUT_CHUNK];

/* --- the queue --- */

static FoxBytes *
untag(uintptr_t item)
{
	return (FoxBytes *) (item & ~FOX_FRAME_MASK);
}

static void
mark_dirty(FoxConn *conn)
{
	if (fox_list_empty(&conn->in_dirty))
		fox_list_push(&conn->net->dirty, &conn->in_dirty);
}

static bool
queue_grow(FoxConn *conn)
{
	uint32_t	cap = conn->cap ? conn->cap * 2 : 8;
	uintptr_t  *queue = malloc(cap * sizeof(*queue));

	if (queue == NULL)
		return false;
	for (uint32_t i = 0; i < conn->count; i++)
		queue[i] = conn->queue[(conn->first + i) & (conn->cap - 1)];
	free(conn->queue);
	conn->queue = queue;
	conn->first = 0;
	conn->cap = cap;
	return true;
}

static void
count_queued(FoxConn *conn, ptrdiff_t bytes)
{
	conn->queued += (size_t) bytes;
	conn->net->stats.queued += (uint64_t) bytes;
}

static void
queue_drop_first(FoxConn *conn)
{
	FoxBytes   *m = untag(conn->queue[conn->first]);

	count_queued(conn, (ptrdiff_t) conn->sent - (ptrdiff_t) m->len - ITEM_COST);
	conn->sent = 0;
	conn->first = (conn->first + 1) & (conn->cap - 1);
	conn->count--;
	fox_bytes_unref(m);
}

void
fox_conn_sent(FoxConn *conn, size_t part)
{
	conn->sent += (uint32_t) part;
	count_queued(conn, -(ptrdiff_t) part);
	if (conn->sent == fox_frame_length(conn->framing, conn->queue[conn->first]))
		queue_drop_first(conn);
}

static void
queue_clear(FoxConn *conn)
{
	while (conn->count > 0)
		queue_drop_first(conn);
	free(conn->queue);
	conn->queue = NULL;
	conn->cap = conn->first = 0;
}

void
fox_conn_queue(FoxConn *conn, FoxBytes *message, FoxFrame frame)
{
	if (conn->count == conn->cap && !queue_grow(conn))
	{
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
		return;
	}
	conn->queue[(conn->first + conn->count++) & (conn->cap - 1)] = (uintptr_t) fox_bytes_ref(message) | frame;
	count_queued(conn, (ptrdiff_t) message->len + ITEM_COST);
	mark_dirty(conn);
}

/* False: the peer does not take messages of that length, which is counted. */
static bool
peer_takes(FoxConn *conn, const FoxBytes *message)
{
	if (message->len <= conn->peer_max)
		return true;
	conn->net->stats.too_big_for_peer++;
	fox_net_log(conn->net, 1, "a message of %u bytes is longer than the %u bytes that its reader takes",
				message->len, conn->peer_max);
	return false;
}

void
fox_conn_put(FoxConn *conn, FoxBytes *message, FoxFrame frame)
{
	if (conn->state != CONN_OPEN)
		return;
	if (!peer_takes(conn, message))
	{
		conn->cause = FOX_CLOSE_TOO_BIG;
		fox_conn_close(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large for you");
		return;
	}
	fox_conn_queue(conn, message, frame);
	if (conn->queued > FLUSH_EARLY)
		fox_conn_flush(conn);
	if (conn->queued > conn->net->config.out_hard_limit)
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
	fox_limits_queued(conn->net, message->len);
}

void
fox_conn_send(FoxConn *conn, FoxBytes *message, bool binary)
{
	fox_conn_put(conn, message, binary ? FRAME_BINARY : FRAME_TEXT);
}

void
fox_conn_send_event(FoxConn *conn, FoxBytes *message, bool binary)
{
	if (conn->state != CONN_OPEN || !peer_takes(conn, message))
		return;
	if (conn->net->config.drop_events && conn->queued > conn->net->config.out_soft_limit)
		conn->net->stats.events_dropped++;
	else
		fox_conn_send(conn, message, binary);
}

size_t
fox_conn_queued(const FoxConn *conn)
{
	return conn->queued;
}

/* --- writing --- */

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

void
fox_conn_flush(FoxConn *conn)
{
	if (conn->state > CONN_CLOSING)
		return;
	if (conn->queued <= conn->net->config.out_soft_limit)
		conn->over_since_ms = 0;
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
	if (conn->cap > 64)
		queue_clear(conn);		/* an idle connection keeps little */
}

void
fox_conn_end_stream(FoxConn *conn, FoxConnState state)
{
	if (conn->state == CONN_OPEN)
		conn->since_ms = uv_now(&conn->net->loop);
	conn->state = state;
	fox_list_del(&conn->in_dirty);
	queue_clear(conn);
}

/* A Close frame is the last message of the queue. */
void
fox_conn_close(FoxConn *conn, int code, const char *reason)
{
	char		payload[125] = {(char) (code >> 8), (char) code};
	size_t		len = reason ? strlen(reason) : 0;
	FoxBytes   *frame;

	if (conn->state > CONN_OPEN)
		return;
	if (len > sizeof(payload) - 2)
		for (len = sizeof(payload) - 2; len > 0 && (reason[len] & 0xc0) == 0x80; len--)
			;					/* not inside a character */
	if (len > 0)
		memcpy(payload + 2, reason, len);
	if (conn->cause == FOX_CLOSE_LOST)
		conn->cause = FOX_CLOSE_PEER;
	conn->state = CONN_CLOSING;
	conn->since_ms = uv_now(&conn->net->loop);
	mark_dirty(conn);
	if (!conn->framing->says_goodbye)
		return;
	if ((frame = fox_bytes_new(payload, len + 2)) == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_PEER);
		return;
	}
	fox_conn_queue(conn, frame, FRAME_CLOSE);
	fox_bytes_unref(frame);
}

/* Timeouts are looked at after a socket's event only: libwebsockets has to be woken for them. */
void
fox_conn_shut(FoxConn *conn, FoxCloseCause cause)
{
	if (conn->state == CONN_CUT)
		return;
	if (conn->cause == FOX_CLOSE_LOST)
		conn->cause = cause;
	if (cause == FOX_CLOSE_SLOW)
		conn->net->stats.slow_cut++;
	fox_conn_end_stream(conn, CONN_CUT);
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service(conn->net->context);
}

/* libwebsockets gives what it has read already only when it is woken. */
void
fox_conn_hold(FoxConn *conn, FoxHold why, bool on)
{
	bool		was = conn->held != 0;

	if (conn->state == CONN_CUT)
		return;
	if (on)
		conn->held |= (uint8_t) why;
	else
		conn->held &= (uint8_t) ~why;
	if (was == (conn->held != 0))
		return;
	fox_conn_heard(conn);
	lws_rx_flow_control(conn->wsi, was);
	if (was)
		lws_cancel_service(conn->net->context);
}

void
fox_conn_pause(FoxConn *conn, bool paused)
{
	fox_conn_hold(conn, HOLD_GATE, paused);
}

/* --- pings --- */

/* True: it was cut, because its queue has been above the soft limit for too long. */
static bool
too_slow(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;

	if (conn->queued <= config->out_soft_limit || config->drop_events)
		conn->over_since_ms = 0;
	else if (conn->over_since_ms == 0)
		conn->over_since_ms = now_ms;
	else if (now_ms - conn->over_since_ms >= (uint64_t) config->out_soft_time_ms)
	{
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
		return true;
	}
	return false;
}

/* It has a payload, since libwebsockets keeps the answer to an empty one to itself. */
static void
send_ping(FoxConn *conn)
{
	FoxBytes   *ping = fox_bytes_new("fox", 3);

	if (ping == NULL)
		return;
	conn->ping_sent = true;
	fox_conn_queue(conn, ping, FRAME_PING);
	fox_bytes_unref(ping);
}

/*
 * A peer that does not read what is sent is not heard: it lives as long as it takes some.
 */
void
fox_conn_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;

	if (conn->state != CONN_OPEN)
	{
		if (now_ms - conn->since_ms >= (conn->state == CONN_GREETING ? GREETING_MS : CLOSE_PATIENCE_MS))
			fox_conn_shut(conn, FOX_CLOSE_LOST);
		return;
	}
	if (too_slow(conn, now_ms))
		return;
	if (config->ping_interval_ms <= 0 || (conn->held & ~HOLD_WRITE) != 0)
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
		send_ping(conn);
}

void
fox_conn_heard(FoxConn *conn)
{
	conn->last_in_ms = uv_now(&conn->net->loop);
	conn->ping_sent = false;
	if (conn->probed && conn->gate != NULL)
	{
		conn->probed = false;
		conn->net->handler.alive(conn->gate);
	}
}

void
fox_conn_probe(FoxConn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->probed = true;
	if ((conn->held & ~HOLD_WRITE) != 0)
		fox_conn_heard(conn);	/* nothing of it can be heard */
	else if (!conn->ping_sent)
		send_ping(conn);
}

/* --- opening and closing --- */

void
fox_conn_init(FoxConn *conn, FoxNet *net, struct lws *wsi, const FoxFraming *framing, FoxConnState state)
{
	memset(conn, 0, sizeof(*conn));
	conn->net = net;
	conn->wsi = wsi;
	conn->framing = framing;
	conn->peer_max = UINT32_MAX;
	conn->cause = FOX_CLOSE_LOST;
	conn->state = state;
	conn->since_ms = uv_now(&net->loop);
	fox_list_init(&conn->in_dirty);
	fox_list_init(&conn->in_net);
	fox_list_push(&net->conns, &conn->in_net);
	fox_conn_heard(conn);
	if (net->limits.pressed)
		fox_conn_hold(conn, HOLD_MEMORY, true);
}

bool
fox_conn_open(FoxConn *conn, const FoxConnInfo *info)
{
	FoxNet	   *net = conn->net;

	conn->state = CONN_OPEN;
	conn->gate = net->handler.open(net->handler.ctx, conn, info);
	if (conn->gate == NULL)
	{
		net->stats.refused++;
		return false;
	}
	net->stats.connections++;
	net->stats.accepted++;
	return true;
}

void
fox_conn_closed(FoxConn *conn)
{
	void	   *gate = conn->gate;

	if (conn->net == NULL)
		return;
	conn->gate = NULL;
	fox_conn_end_stream(conn, CONN_CUT);
	fox_list_del(&conn->in_net);
	free(conn->join);
	conn->join = NULL;
	fox_raw_reader_free(&conn->raw);
	if (gate == NULL)
		return;
	conn->net->stats.connections--;
	if (conn->net->shutting_down)
		conn->cause = FOX_CLOSE_SHUTDOWN;
	conn->net->handler.close(gate, conn->cause);
}

void
fox_conn_too_big(FoxConn *conn)
{
	conn->net->stats.too_big++;
	conn->cause = FOX_CLOSE_TOO_BIG;
	fox_conn_close(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
}
