/*
 * conn.c - one WebSocket connection.
 *
 * Out: messages are queued by reference and joined into frames of our own making, so
 * that many of them leave in one write.  lws_write() with LWS_WRITE_HTTP passes bytes
 * to a WebSocket's socket as they are; it is called outside the writable callback
 * unless libwebsockets still holds a partial write, because asking for that callback
 * costs two system calls a time.
 *
 * In: a message that arrives whole is handed up where it lies; pieces are joined.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"

#define OUT_CHUNK (128 * 1024)
#define FLUSH_EARLY (64 * 1024)	/* queued bytes that leave before the end of the turn */
#define FRAME_HEADER_MAX 10
#define TAG_MASK ((uintptr_t) 7)

static unsigned char out[LWS_PRE + OUT_CHUNK + FRAME_HEADER_MAX];

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
queue_drop_first(FoxConn *conn)
{
	FoxBytes   *m = untag(conn->queue[conn->first]);

	conn->queued -= m->len;
	conn->net->stats.queued -= m->len;
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
	conn->queued += message->len;
	conn->net->stats.queued += message->len;
	mark_dirty(conn);
}

void
fox_conn_send(FoxConn *conn, FoxBytes *message, bool binary)
{
	if (conn->closing || conn->close_code != 0)
		return;
	queue_put(conn, message, binary ? FRAME_BINARY : FRAME_TEXT);
	if (conn->queued > FLUSH_EARLY && !lws_partial_buffered(conn->wsi))
		fox_conn_flush(conn);
	if (conn->queued > conn->net->config.out_hard_limit)
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
}

size_t
fox_conn_queued(const FoxConn *conn)
{
	return conn->queued;
}

/* --- writing --- */

static size_t
put_header(unsigned char *p, FoxFrame frame, size_t len)
{
	static const unsigned char opcodes[] = {[FRAME_TEXT] = 0x81, [FRAME_BINARY] = 0x82, [FRAME_PING] = 0x89};

	p[0] = opcodes[frame];
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

/* A message larger than the chunk is framed in a buffer of its own; libwebsockets keeps what the socket does not take. */
static bool
write_large(FoxConn *conn, FoxBytes *m, FoxFrame frame)
{
	unsigned char *p = malloc(LWS_PRE + FRAME_HEADER_MAX + m->len);
	size_t		n;
	bool		written;

	if (p == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
		return false;
	}
	n = put_header(p + LWS_PRE, frame, m->len);
	memcpy(p + LWS_PRE + n, m->data, m->len);
	written = write_raw(conn, p + LWS_PRE, n + m->len);
	free(p);
	return written;
}

void
fox_conn_flush(FoxConn *conn)
{
	while (conn->count > 0 && !conn->closing)
	{
		unsigned char *p = out + LWS_PRE;
		size_t		n = 0;

		if (lws_partial_buffered(conn->wsi))
		{
			lws_callback_on_writable(conn->wsi);
			return;
		}
		while (conn->count > 0)
		{
			uintptr_t	item = conn->queue[conn->first];
			FoxBytes   *m = untag(item);
			FoxFrame	frame = (FoxFrame) (item & TAG_MASK);

			if (n + FRAME_HEADER_MAX + m->len > OUT_CHUNK)
			{
				if (n == 0)
				{
					if (!write_large(conn, m, frame))
						return;
					queue_drop_first(conn);
				}
				break;
			}
			n += put_header(p + n, frame, m->len);
			memcpy(p + n, m->data, m->len);
			n += m->len;
			queue_drop_first(conn);
		}
		if (n > 0 && !write_raw(conn, p, n))
			return;
	}
	if (conn->count == 0 && conn->close_code != 0)
		lws_callback_on_writable(conn->wsi);	/* the Close frame is sent by libwebsockets */
	if (conn->count == 0 && conn->cap > 64)
		queue_clear(conn);		/* an idle connection keeps little */
}

void
fox_conn_close(FoxConn *conn, int code, const char *reason)
{
	if (conn->closing || conn->close_code != 0)
		return;
	conn->close_code = code;
	snprintf(conn->close_reason, sizeof(conn->close_reason), "%s", reason ? reason : "");
	mark_dirty(conn);
}

void
fox_conn_shut(FoxConn *conn, FoxCloseCause cause)
{
	if (conn->closing)
		return;
	conn->closing = true;
	conn->cause = cause;
	if (cause == FOX_CLOSE_SLOW)
		conn->net->stats.slow_cut++;
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

void
fox_conn_pause(FoxConn *conn, bool paused)
{
	lws_rx_flow_control(conn->wsi, paused ? 0 : 1);
}

/* --- pings --- */

void
fox_conn_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;
	FoxBytes   *empty;

	if (config->ping_interval_ms <= 0 || conn->closing)
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
	if (now_ms - conn->last_in_ms < (uint64_t) config->ping_interval_ms || (empty = fox_bytes_new("", 0)) == NULL)
		return;
	conn->ping_sent = true;
	queue_put(conn, empty, FRAME_PING);
	fox_bytes_unref(empty);
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
deliver(FoxConn *conn, char *data, size_t len, bool binary)
{
	if (conn->close_code == 0)
		conn->net->handler.message(conn->gate, data, len, binary);
}

static void
receive(FoxConn *conn, char *in, size_t len)
{
	struct lws *wsi = conn->wsi;
	bool		final = lws_is_final_fragment(wsi);

	heard(conn);
	conn->net->stats.bytes_in += len;
	if (conn->closing || conn->close_code != 0)
		return;
	if (conn->join == NULL && final && lws_is_first_fragment(wsi))
	{
		if (len > conn->net->config.max_message_size)
			too_big(conn);
		else
			deliver(conn, in ? in : "", len, lws_frame_is_binary(wsi));
		return;
	}
	if (conn->join_len + len > conn->net->config.max_message_size)
	{
		too_big(conn);
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
		deliver(conn, conn->join, conn->join_len, lws_frame_is_binary(wsi));
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
	conn->closing = true;
	fox_list_del(&conn->in_net);
	fox_list_del(&conn->in_dirty);
	queue_clear(conn);
	free(conn->join);
	conn->join = NULL;
	conn->net->stats.connections--;
	if (conn->net->shutting_down)
		conn->cause = FOX_CLOSE_SHUTDOWN;
	else if (conn->cause == FOX_CLOSE_LOST && conn->orderly)
		conn->cause = FOX_CLOSE_PEER;
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
			if (conn->gate == NULL || conn->closing)
				return -1;
			fox_conn_flush(conn);
			if (conn->count == 0 && conn->close_code != 0 && !lws_partial_buffered(wsi))
			{
				conn->orderly = true;
				lws_close_reason(wsi, (enum lws_close_status) conn->close_code,
								 (unsigned char *) conn->close_reason, strlen(conn->close_reason));
				return -1;
			}
			break;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			conn->orderly = true;
			break;
		case LWS_CALLBACK_CLOSED:
			closed(conn);
			break;
		default:
			break;
	}
	return 0;
}
