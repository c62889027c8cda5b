/*
 * conn.c - one connection: its queue, its limits, its end.
 *
 * Messages are queued by reference.  What brings them to the peer is the carrier: a
 * socket (socket.c), or requests that come and go (longpoll.c).
 */
#include <stdlib.h>

#include "codec/utf8.h"
#include "net/deflate.h"
#include "net/internal.h"

#define FLUSH_EARLY (64 * 1024)	/* queued bytes that leave before the end of the turn */
#define ITEM_COST 16			/* a queued message costs its bytes and this: empty ones are not free */
#define GREETING_MS 10000		/* for a handshake */

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

#define FIRST_CAP 2				/* most connections are idle, and most messages leave at once */

static bool
queue_grow(FoxConn *conn)
{
	uint32_t	cap = conn->cap ? conn->cap * 2 : FIRST_CAP;
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
	fox_latest_free(conn);
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

static FoxFrame
frame_of(bool binary)
{
	return binary ? FRAME_BINARY : FRAME_TEXT;
}

void
fox_conn_send(FoxConn *conn, FoxBytes *message, bool binary)
{
	FoxBytes   *compressed = conn->window_bits != 0 ? fox_deflated(conn, message) : NULL;

	if (conn->latest != NULL)
		fox_latest_release(conn, SIZE_MAX);
	if (compressed != NULL)
		fox_conn_put(conn, compressed, binary ? FRAME_COMPRESSED_BINARY : FRAME_COMPRESSED_TEXT);
	else
		fox_conn_put(conn, message, frame_of(binary));
}

static void
conflate(FoxConn *conn, FoxBytes *message, FoxFrame frame, uint64_t stream)
{
	if (!fox_latest_keep(conn, stream, message, frame) ||
		conn->queued + fox_latest_bytes(conn) > conn->net->config.out_hard_limit)
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
	fox_limits_queued(conn->net, message->len);
}

void
fox_conn_send_event(FoxConn *conn, FoxBytes *message, bool binary, uint64_t stream)
{
	const FoxNetConfig *config = &conn->net->config;
	bool		slow = conn->queued > config->out_soft_limit;

	if (conn->state != CONN_OPEN || !peer_takes(conn, message))
		return;
	if (slow && config->slow_reader == FOX_SLOW_DROP)
		conn->net->stats.events_dropped++;
	else if ((slow || conn->latest != NULL) && config->slow_reader == FOX_SLOW_CONFLATE)
		conflate(conn, message, frame_of(binary), stream);
	else
		fox_conn_send(conn, message, binary);
}

size_t
fox_conn_queued(const FoxConn *conn)
{
	return conn->queued;
}

/* --- writing --- */

void
fox_conn_flush(FoxConn *conn)
{
	if (conn->state > CONN_CLOSING)
		return;
	if (conn->queued <= conn->net->config.out_soft_limit)
		conn->over_since_ms = 0;
	conn->framing->carrier->flush(conn);
	if (conn->latest != NULL && conn->state == CONN_OPEN && conn->queued <= conn->net->config.out_soft_limit / 2)
	{
		fox_latest_release(conn, conn->net->config.out_soft_limit);
		conn->framing->carrier->flush(conn);
	}
	if (conn->count == 0 && conn->cap > 64)
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
	FoxSlice	text = fox_utf8_clip(fox_cstr(reason), sizeof(payload) - 2);
	FoxBytes   *frame;

	if (conn->state > CONN_OPEN)
		return;
	fox_latest_release(conn, SIZE_MAX);
	if (text.len > 0)
		memcpy(payload + 2, text.ptr, text.len);
	if (conn->cause == FOX_CLOSE_LOST)
		conn->cause = FOX_CLOSE_PEER;
	conn->state = CONN_CLOSING;
	conn->since_ms = uv_now(&conn->net->loop);
	mark_dirty(conn);
	if (!conn->framing->says_goodbye)
		return;
	if ((frame = fox_bytes_new(payload, text.len + 2)) == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_PEER);
		return;
	}
	fox_conn_queue(conn, frame, FRAME_CLOSE);
	fox_bytes_unref(frame);
}

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
	conn->framing->carrier->cut(conn);
}

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
	conn->framing->carrier->flow(conn, was);
}

void
fox_conn_pause(FoxConn *conn, bool paused)
{
	fox_conn_hold(conn, HOLD_GATE, paused);
}

/* --- the sweep --- */

/* True: it was cut, because its queue has been above the soft limit for too long. */
static bool
too_slow(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;

	if (conn->queued <= config->out_soft_limit || config->slow_reader != FOX_SLOW_DISCONNECT)
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

void
fox_conn_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxCarrier *carrier = conn->framing->carrier;

	if (conn->state != CONN_OPEN)
	{
		if (now_ms - conn->since_ms >= (uint64_t) (conn->state == CONN_GREETING ? GREETING_MS : carrier->patience_ms))
			fox_conn_shut(conn, FOX_CLOSE_LOST);
	}
	else if (!too_slow(conn, now_ms))
		carrier->sweep(conn, now_ms);
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
	else
		conn->framing->carrier->probe(conn);
}

/* --- messages --- */

void
fox_conn_message(FoxConn *conn, char *data, size_t len, bool binary)
{
	fox_rate_spend(conn->net, &conn->rate, len);
	conn->net->handler.message(conn->gate, data, len, binary);
}

/* Packets of MQTT; one that is not whole yet is kept, whatever of its carrier's messages it is in. */
static void
deliver_stream(FoxConn *conn, const char *data, size_t len, bool binary)
{
	const char *end = data + len;
	FoxMqttNext next = FOX_MQTT_MORE;
	FoxSlice	packet;

	if (!binary)
	{
		fox_conn_message(conn, (char *) data, len, false);	/* no part of a stream of bytes */
		return;
	}
	while (conn->state == CONN_OPEN &&
		   (next = fox_mqtt_next(&conn->stream, fox_conn_in_max(conn), &data, end, &packet)) == FOX_MQTT_PACKET)
		fox_conn_message(conn, (char *) packet.ptr, packet.len, true);
	if (next == FOX_MQTT_NO_MEMORY)
		fox_conn_too_big(conn);
}

void
fox_conn_deliver(FoxConn *conn, char *data, size_t len, bool binary)
{
	char	   *end = data + len;

	if (conn->framing->batch == FOX_BATCH_STREAM)
	{
		deliver_stream(conn, data, len, binary);
		return;
	}
	if (conn->framing->batch == FOX_BATCH_NONE)
	{
		fox_conn_message(conn, data, len, binary);
		return;
	}
	do
	{
		char	   *message;
		char		kept;

		if (!fox_batch_next(conn->framing->batch, &data, end, &message, &len))
		{
			fox_conn_close(conn, LWS_CLOSE_STATUS_PROTOCOL_ERR, "malformed batch");
			return;
		}
		kept = message[len];
		fox_conn_message(conn, message, len, binary);
		message[len] = kept;
	} while (data < end && conn->state == CONN_OPEN);
}

/* --- opening and closing --- */

static void
hold_rate(FoxRate *rate, bool on)
{
	fox_conn_hold(fox_container(FoxConn, rate, rate), HOLD_RATE, on);
}

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
	fox_rate_init(&conn->rate, hold_rate);
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
	conn->address = fox_address_enter(net, info);
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
	fox_rate_end(&conn->rate);
	fox_address_leave(conn->net, conn->address);
	conn->address = NULL;
	free(conn->join);
	conn->join = NULL;
	fox_raw_reader_free(&conn->raw);
	fox_mqtt_stream_free(&conn->stream);
	if (gate == NULL)
		return;
	conn->net->stats.connections--;
	if (conn->net->shutting_down)
		conn->cause = FOX_CLOSE_SHUTDOWN;
	conn->net->handler.close(gate, conn->cause);
}

void
fox_conn_limit(FoxConn *conn, size_t bytes)
{
	conn->in_max = bytes;
}

size_t
fox_conn_in_max(const FoxConn *conn)
{
	size_t		max = conn->net->config.max_message_size;

	return conn->in_max != 0 && conn->in_max < max ? conn->in_max : max;
}

void
fox_conn_too_big(FoxConn *conn)
{
	conn->net->stats.too_big++;
	conn->cause = FOX_CLOSE_TOO_BIG;
	fox_conn_close(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
}
