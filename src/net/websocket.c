/*
 * websocket.c - messages of a WebSocket.
 *
 * libwebsockets hands up a pointer into its read buffer, where the next frame follows
 * without a gap.  The spare byte that we promise needs a copy.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/deflate.h"
#include "net/cookie.h"
#include "net/deflate.h"
#include "net/handshake.h"
#include "net/internal.h"
#include "net/subprotocol.h"

static char whole[FOX_RX_SIZE + 1];

static void
fail_marked(FoxConn *conn)
{
	fox_conn_close(conn, LWS_CLOSE_STATUS_PROTOCOL_ERR, "not to be compressed");
}

static void
deliver(FoxConn *conn, char *data, size_t len)
{
	bool		binary = lws_frame_is_binary(conn->wsi);
	FoxBuf		message = {0};
	FoxInflated result;

	if (!conn->compressed)
	{
		fox_conn_deliver(conn, data, len, binary);
		return;
	}
	result = fox_inflate(fox_slice(data, len), fox_conn_in_max(conn), &message);
	if (result == FOX_INFLATED)
		fox_conn_deliver(conn, message.data, message.len, binary);
	else if (result == FOX_INFLATE_CORRUPT)
		fox_conn_close(conn, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "corrupt compressed message");
	else
		fox_conn_too_big(conn);
	fox_buf_free(&message);
}

static void
receive(FoxConn *conn, const char *in, size_t len)
{
	struct lws *wsi = conn->wsi;
	bool		final = lws_is_final_fragment(wsi);

	fox_conn_heard(conn);
	conn->net->stats.bytes_in += len;
	if (conn->state != CONN_OPEN)
		return;
	if (!fox_masking_holds(conn, len))
	{
		fox_conn_close(conn, LWS_CLOSE_STATUS_PROTOCOL_ERR, "unmasked frame");
		return;
	}
	if (conn->window_bits != 0 && !fox_deflate_marks(conn))
	{
		fail_marked(conn);
		return;
	}
	if (conn->join_len + len > fox_conn_in_max(conn))
	{
		fox_conn_too_big(conn);
		return;
	}
	if (conn->join == NULL && final && lws_is_first_fragment(wsi) && len < sizeof(whole))
	{
		if (len > 0)
			memcpy(whole, in, len);
		deliver(conn, whole, len);
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
			fox_conn_too_big(conn);
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
		deliver(conn, conn->join, conn->join_len);
		free(conn->join);
		conn->join = NULL;
		conn->join_len = conn->join_cap = 0;
	}
}

/* --- opening and closing --- */

static int
opened(FoxNet *net, struct lws *wsi, FoxConn *conn)
{
	const FoxSubprotocol *subprotocol = fox_subprotocol(fox_cstr(lws_get_protocol(wsi)->name));
	FoxConnInfo info = {.transport = "websocket"};
	uint8_t		window_bits = conn->window_bits;	/* of the handshake, and the next one */
	uint64_t	cookie_number = conn->cookie_number;

	fox_conn_init(conn, net, wsi, &fox_framing_websocket[subprotocol->batch], CONN_OPEN);
	conn->window_bits = window_bits;
	fox_peer_of_request(wsi, &info);
	fox_cookies_of_request(net, cookie_number, wsi, &info);
	info.headers = fox_handshake_of_websocket(net, wsi);
	snprintf(info.subprotocol, sizeof(info.subprotocol), "%s", subprotocol->encoding);
	fox_masking_begin(conn);
	if (fox_conn_open(conn, &info))
		return 0;
	fox_conn_closed(conn);
	return -1;
}

int
fox_websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxNet	   *net = lws_context_user(lws_get_context(wsi));
	FoxConn    *conn = user;

	switch (reason)
	{
		case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
			return !fox_deflate_accepts(net, conn, wsi);
		case LWS_CALLBACK_ADD_HEADERS:
			return !fox_deflate_answers(conn, wsi, in) || !fox_cookie_answers(conn, wsi, in);
		case LWS_CALLBACK_ESTABLISHED:
			return opened(net, wsi, conn);
		case LWS_CALLBACK_RECEIVE:
			if (conn->gate != NULL)
				receive(conn, in, len);
			break;
		case LWS_CALLBACK_RECEIVE_PONG:
			fox_conn_heard(conn);
			if (fox_deflate_marks_control(conn))
				fail_marked(conn);
			break;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			if (conn->gate == NULL || conn->state == CONN_CUT)
				return -1;
			if (fox_deflate_marks_ping(conn))
				fail_marked(conn);
			fox_conn_flush(conn);
			break;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			if (conn->gate == NULL || conn->state > CONN_CLOSING)
				return -1;		/* it answers our Close frame: do not answer that */
			if (conn->cause == FOX_CLOSE_LOST)
				conn->cause = FOX_CLOSE_PEER;
			fox_conn_end_stream(conn, CONN_CLOSED);
			if (!fox_deflate_marks_control(conn))
				break;
			lws_close_reason(wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
			return -1;
		case LWS_CALLBACK_CLOSED:
			fox_conn_closed(conn);
			break;
		default:
			break;
	}
	return 0;
}
