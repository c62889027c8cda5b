/*
 * websocket.c - messages of a WebSocket.
 *
 * libwebsockets hands up a pointer into its read buffer, where the next frame follows
 * without a gap.  The spare byte that we promise needs a copy.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/internal.h"
#include "net/subprotocol.h"

static char whole[FOX_RX_SIZE + 1];

static void
receive(FoxConn *conn, const char *in, size_t len)
{
	struct lws *wsi = conn->wsi;
	bool		final = lws_is_final_fragment(wsi);

	fox_conn_heard(conn);
	conn->net->stats.bytes_in += len;
	if (conn->state != CONN_OPEN)
		return;
	if (conn->join_len + len > fox_conn_in_max(conn))
	{
		fox_conn_too_big(conn);
		return;
	}
	if (conn->join == NULL && final && lws_is_first_fragment(wsi) && len < sizeof(whole))
	{
		if (len > 0)
			memcpy(whole, in, len);
		fox_conn_deliver(conn, whole, len, lws_frame_is_binary(wsi));
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
		fox_conn_deliver(conn, conn->join, conn->join_len, lws_frame_is_binary(wsi));
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

	fox_conn_init(conn, net, wsi, &fox_framing_websocket[subprotocol->batch], CONN_OPEN);
	fox_peer_of_request(wsi, &info);
	snprintf(info.subprotocol, sizeof(info.subprotocol), "%s", subprotocol->encoding);
	if (fox_conn_open(conn, &info))
		return 0;
	fox_conn_closed(conn);
	return -1;
}

int
fox_websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
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
			fox_conn_heard(conn);
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
			fox_conn_end_stream(conn, CONN_CLOSED);
			break;
		case LWS_CALLBACK_CLOSED:
			fox_conn_closed(conn);
			break;
		default:
			break;
	}
	return 0;
}
