/*
 * conn.c - one WebSocket connection.
 *
 * Out: messages are queued by reference and joined into frames of our own making, so
 * that many of them leave in one write.  lws_write() with LWS_WRITE_HTTP passes bytes
 * to a WebSocket's socket as they are; it is called outside the writable callback
 * unless libwebsockets still holds a partial write, because asking for that callback
 * costs two system calls a time.  Every write is a number of whole frames and what the
 * socket does not take of it libwebsockets sends before anything else, so that its own
 * Pong and Close frames never land inside one of ours; a message longer than a write
 * leaves as fragments, between which they may.
 *
 * In: libwebsockets hands up a pointer into its read buffer, where the next frame
 * follows without a gap.  The spare byte that we promise needs a copy.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"

#define FLUSH_EARLY (64 * 1024)	/* queued bytes that leave before the end of the turn */
#define FRAME_HEADER_MAX 10
#define ITEM_COST 16			/* a queued message costs its bytes and this: empty ones are not free */
#define CLOSE_PATIENCE_MS 1500	/* for what is queued to leave, and for the peer's Close frame */
#define TAG_MASK ((uintptr_t) 7)

static unsigned char out[LWS_PRE + FOX_OUT_CHUNK];
static char whole[FOX_RX_SIZE + 1];

/* --- the queue --- */

static FoxBytes *
untag(uintptr_t item)
{
	return (FoxBytes *) (item & ~TAG_MASK);
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

	count_queued(conn, -(ptrdiff_t) (m->len - conn->sent) - ITEM_COST);
	conn->sent = 0;
	conn->first = (conn->first + 1) & (conn->cap - 1);
	conn->count--;
	fox_bytes_unref(m);
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

static void
queue_put(FoxConn *conn, FoxBytes *message, FoxFrame frame)
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

/* Cuts the connections with the longest queues until the sum of all is within its limit. */
static void
cut_slowest(FoxNet *net)
{
	while (net->stats.queued > net->config.out_total_limit)
	{
		FoxConn    *slowest = NULL;

		fox_list_each(n, &net->conns)
		{
			FoxConn    *c = fox_container(FoxConn, in_net, n);

			if (slowest == NULL || c->queued > slowest->queued)
				slowest = c;
		}
		if (slowest == NULL || slowest->queued == 0)
			return;
		fox_conn_shut(slowest, FOX_CLOSE_SLOW);
	}
}

void
fox_conn_send(FoxConn *conn, FoxBytes *message, bool binary)
{
	if (conn->state != CONN_OPEN)
		return;
	queue_put(conn, message, binary ? FRAME_BINARY : FRAME_TEXT);
	if (conn->queued > FLUSH_EARLY)
		fox_conn_flush(conn);
	if (conn->queued > conn->net->config.out_hard_limit)
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
	if (conn->net->stats.queued > conn->net->config.out_total_limit)
		cut_slowest(conn->net);
}

size_t
fox_conn_queued(const FoxConn *conn)
{
	return conn->queued;
}

/* --- writing --- */

static size_t
put_header(unsigned char *p, unsigned char first, size_t len)
{
	p[0] = first;
	if (len < 126)
	{
		p[1] = (unsigned char) len;
		return 2;
	}
	if (len < 65536)
	{
		p[1] = 126;
		p[2] = (unsigned char) (len >> 8);
		p[3] = (unsigned char) len;
		return 4;
	}
	p[1] = 127;
	for (int i = 0; i < 8; i++)
		p[2 + i] = (unsigned char) ((uint64_t) len >> (56 - 8 * i));
	return 10;
}

/* Moves queued messages into the buffer as frames, as many as fit, and returns their length. */
static size_t
join_frames(FoxConn *conn, unsigned char *p)
{
	static const unsigned char opcodes[] = {[FRAME_TEXT] = 0x01, [FRAME_BINARY] = 0x02, [FRAME_PING] = 0x09, [FRAME_CLOSE] = 0x08};
	size_t		n = 0;

	while (conn->count > 0)
	{
		uintptr_t	item = conn->queue[conn->first];
		FoxBytes   *m = untag(item);
		size_t		left = m->len - conn->sent;
		unsigned char first = conn->sent == 0 ? opcodes[item & TAG_MASK] : 0;

		if (n + FRAME_HEADER_MAX + left > FOX_OUT_CHUNK)
		{
			size_t		part = FOX_OUT_CHUNK - FRAME_HEADER_MAX;

			if (n > 0)
				break;
			n = put_header(p, first, part);
			memcpy(p + n, m->data + conn->sent, part);
			n += part;
			conn->sent += (uint32_t) part;
			count_queued(conn, -(ptrdiff_t) part);
			break;
		}
		n += put_header(p + n, first | 0x80, left);
		memcpy(p + n, m->data + conn->sent, left);
		n += left;
		queue_drop_first(conn);
	}
	return n;
}

static bool
write_raw(FoxConn *conn, unsigned char *p, size_t n)
{
	if (lws_write(conn->wsi, p, n, LWS_WRITE_HTTP) < 0)
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
	while (conn->count > 0)
	{
		if (lws_partial_buffered(conn->wsi))
			return;				/* it has asked for the writable callback */
		if (!write_raw(conn, out + LWS_PRE, join_frames(conn, out + LWS_PRE)))
			return;
	}
	if (conn->state == CONN_CLOSING)
		conn->state = CONN_CLOSED;	/* the peer answers with its own Close frame, or the sweep cuts it */
	if (conn->cap > 64)
		queue_clear(conn);		/* an idle connection keeps little */
}

/* Our stream has ended: what is still queued can not be sent any more. */
static void
end_stream(FoxConn *conn, FoxConnState state)
{
	if (conn->state == CONN_OPEN)
		conn->closing_since_ms = uv_now(&conn->net->loop);
	conn->state = state;
	fox_list_del(&conn->in_dirty);
	queue_clear(conn);
}

/* The Close frame is the last message of the queue. */
void
fox_conn_close(FoxConn *conn, int code, const char *reason)
{
	char		payload[125] = {(char) (code >> 8), (char) code};
	size_t		len = reason ? strlen(reason) : 0;
	FoxBytes   *frame;

	if (conn->state != CONN_OPEN)
		return;
	if (len > sizeof(payload) - 2)
		for (len = sizeof(payload) - 2; len > 0 && (reason[len] & 0xc0) == 0x80; len--)
			;					/* not inside a character */
	if (len > 0)
		memcpy(payload + 2, reason, len);
	if (conn->cause == FOX_CLOSE_LOST)
		conn->cause = FOX_CLOSE_PEER;
	if ((frame = fox_bytes_new(payload, len + 2)) == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_PEER);
		return;
	}
	conn->state = CONN_CLOSING;
	conn->closing_since_ms = uv_now(&conn->net->loop);
	queue_put(conn, frame, FRAME_CLOSE);
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
	end_stream(conn, CONN_CUT);
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service(conn->net->context);
}

/* libwebsockets gives what it has read already only when it is woken. */
void
fox_conn_pause(FoxConn *conn, bool paused)
{
	if (conn->paused == paused || conn->state == CONN_CUT)
		return;
	conn->paused = paused;
	conn->ping_sent = false;
	conn->last_in_ms = uv_now(&conn->net->loop);
	lws_rx_flow_control(conn->wsi, paused ? 0 : 1);
	if (!paused)
		lws_cancel_service(conn->net->context);
}

/* --- pings --- */

/* The ping has a payload, since libwebsockets keeps the answer to an empty one to itself. */
void
fox_conn_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;
	FoxBytes   *ping;

	if (conn->state != CONN_OPEN)
	{
		if (now_ms - conn->closing_since_ms >= CLOSE_PATIENCE_MS)
			fox_conn_shut(conn, FOX_CLOSE_LOST);
		return;
	}
	if (config->ping_interval_ms <= 0 || conn->paused)
		return;
	if (conn->ping_sent)
	{
		if (now_ms - conn->last_in_ms > (uint64_t) config->ping_interval_ms + (uint64_t) config->ping_timeout_ms)
		{
			conn->net->stats.dead_cut++;
			fox_conn_shut(conn, FOX_CLOSE_LOST);
		}
		return;
	}
	if (now_ms - conn->last_in_ms < (uint64_t) config->ping_interval_ms || (ping = fox_bytes_new("fox", 3)) == NULL)
		return;
	conn->ping_sent = true;
	queue_put(conn, ping, FRAME_PING);
	fox_bytes_unref(ping);
}

static void
heard(FoxConn *conn)
{
	conn->last_in_ms = uv_now(&conn->net->loop);
	conn->ping_sent = false;
}

/* --- reading --- */

static void
too_big(FoxConn *conn)
{
	conn->net->stats.too_big++;
	conn->cause = FOX_CLOSE_TOO_BIG;
	fox_conn_close(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
}

static void
receive(FoxConn *conn, const char *in, size_t len)
{
	struct lws *wsi = conn->wsi;
	const FoxNet *net = conn->net;
	bool		final = lws_is_final_fragment(wsi);

	heard(conn);
	conn->net->stats.bytes_in += len;
	if (conn->state != CONN_OPEN)
		return;
	if (conn->join_len + len > net->config.max_message_size)
	{
		too_big(conn);
		return;
	}
	if (conn->join == NULL && final && lws_is_first_fragment(wsi) && len < sizeof(whole))
	{
		if (len > 0)
			memcpy(whole, in, len);
		net->handler.message(conn->gate, whole, len, lws_frame_is_binary(wsi));
		return;
	}
	if (conn->join_cap - conn->join_len < len + 1)
	{
		size_t		cap = conn->join_cap ? conn->join_cap : 8192;
		char	   *join;

		while (cap - conn->join_len < len + 1)
			cap *= 2;
		if ((join = realloc(conn->join, cap)) == NULL)
		{
			too_big(conn);
			return;
		}
		conn->join = join;
		conn->join_cap = cap;
	}
	if (len > 0)
		memcpy(conn->join + conn->join_len, in, len);
	conn->join_len += len;
	if (final)
	{
		net->handler.message(conn->gate, conn->join, conn->join_len, lws_frame_is_binary(wsi));
		free(conn->join);
		conn->join = NULL;
		conn->join_len = conn->join_cap = 0;
	}
}

/* --- opening and closing --- */

static void
header_text(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size)
{
	if (lws_hdr_copy(wsi, text, (int) size, token) < 0)
		text[0] = '\0';
}

static bool
peer_address(struct lws *wsi, char *text, size_t size)
{
	struct sockaddr_storage a;
	socklen_t	len = sizeof(a);
	char		host[INET6_ADDRSTRLEN] = "?";

	snprintf(text, size, "?");
	if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *) &a, &len) != 0)
		return false;
	if (a.ss_family == AF_INET)
	{
		struct sockaddr_in *in4 = (struct sockaddr_in *) &a;

		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%d", host, ntohs(in4->sin_port));
		return (ntohl(in4->sin_addr.s_addr) >> 24) == 127;
	}
	if (a.ss_family == AF_INET6)
	{
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &a;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%d", host, ntohs(in6->sin6_port));
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
			(IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
	}
	return false;
}

static int
opened(FoxNet *net, struct lws *wsi, FoxConn *conn)
{
	FoxConnInfo info;

	memset(conn, 0, sizeof(*conn));
	conn->net = net;
	conn->wsi = wsi;
	conn->cause = FOX_CLOSE_LOST;
	fox_list_init(&conn->in_dirty);
	fox_list_init(&conn->in_net);
	heard(conn);

	memset(&info, 0, sizeof(info));
	info.loopback = peer_address(wsi, info.peer, sizeof(info.peer));
	if (lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
		lws_hdr_custom_length(wsi, "forwarded:", 10) > 0)
		info.loopback = false;
	snprintf(info.subprotocol, sizeof(info.subprotocol), "%s", lws_get_protocol(wsi)->name);
	header_text(wsi, WSI_TOKEN_ORIGIN, info.origin, sizeof(info.origin));
	conn->gate = net->handler.open(net->handler.ctx, conn, &info);
	if (conn->gate == NULL)
	{
		end_stream(conn, CONN_CUT);
		net->stats.refused++;
		return -1;
	}
	fox_list_push(&net->conns, &conn->in_net);
	net->stats.connections++;
	net->stats.accepted++;
	return 0;
}

static void
closed(FoxConn *conn)
{
	void	   *gate = conn->gate;

	if (gate == NULL)
		return;
	conn->gate = NULL;
	end_stream(conn, CONN_CUT);
	fox_list_del(&conn->in_net);
	free(conn->join);
	conn->join = NULL;
	conn->net->stats.connections--;
	if (conn->net->shutting_down)
		conn->cause = FOX_CLOSE_SHUTDOWN;
	conn->net->handler.close(gate, conn->cause);
}

int
fox_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxConn    *conn = user;

	switch (reason)
	{
		case LWS_CALLBACK_ESTABLISHED:
			return opened(lws_context_user(lws_get_context(wsi)), wsi, conn);
		case LWS_CALLBACK_RECEIVE:
			if (conn->gate != NULL)
				receive(conn, in, len);
			break;
		case LWS_CALLBACK_RECEIVE_PONG:
			heard(conn);
			break;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			if (conn->gate == NULL || conn->state == CONN_CUT)
				return -1;
			fox_conn_flush(conn);
			break;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			if (conn->gate == NULL || conn->state > CONN_CLOSING)
				return -1;		/* it answers our Close frame: do not answer that */
			if (conn->cause == FOX_CLOSE_LOST)
				conn->cause = FOX_CLOSE_PEER;
			end_stream(conn, CONN_CLOSED);
			break;
		case LWS_CALLBACK_CLOSED:
			closed(conn);
			break;
		default:
			break;
	}
	return 0;
}
