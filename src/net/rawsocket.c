/*
 * rawsocket.c - a stream that is not HTTP: WAMP RawSocket, or MQTT.
 *
 * libwebsockets tells it from HTTP by the first byte, which also says which of the two it is,
 * and hands up what it reads, up to 64 kB at once, in memory that is ours until the callback returns.
 */
#include <stdio.h>

#include "net/internal.h"

#define MQTT_CONNECT 0x10		/* the first byte of a stream of MQTT */

/* What goes out as it is: the reply to the handshake. */
static void
send_plain(FoxConn *conn, const unsigned char *p, size_t n)
{
	FoxBytes   *bytes = fox_bytes_new(p, n);

	if (bytes == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_LOST);
		return;
	}
	fox_conn_queue(conn, bytes, FRAME_PLAIN);
	fox_bytes_unref(bytes);
}

static void
refuse(FoxConn *conn, FoxRawRefusal why)
{
	unsigned char reply[FOX_RAW_HELLO];

	conn->net->stats.refused++;
	fox_raw_refuse(reply, why);
	send_plain(conn, reply, sizeof(reply));
	fox_conn_close(conn, LWS_CLOSE_STATUS_NORMAL, NULL);
}

static void
greet(FoxConn *conn, const unsigned char *octets)
{
	static const char *const subprotocols[] = {
		[FOX_RAW_JSON] = "wamp.2.json", [FOX_RAW_MSGPACK] = "wamp.2.msgpack", [FOX_RAW_CBOR] = "wamp.2.cbor"
	};
	FoxNet	   *net = conn->net;
	FoxConnInfo info = {.transport = "rawsocket"};
	FoxRawHello hello;
	FoxRawRefusal why = fox_raw_hello(octets, &hello);
	unsigned char reply[FOX_RAW_HELLO];

	if (fox_peer_address(conn->wsi, &info))
		info.transport = "rawsocket-unix";
	if (why == FOX_RAW_WELCOME && (fox_listener_full(net) || fox_address_full(net, &info)))
		why = FOX_RAW_FULL;
	if (why != FOX_RAW_WELCOME)
	{
		refuse(conn, why);
		return;
	}
	conn->peer_max = hello.max;
	conn->binary = hello.serializer != FOX_RAW_JSON;
	conn->raw = (FoxRawReader) {.max = fox_raw_announced(net->config.max_message_size)};
	fox_raw_accept(reply, hello.serializer, conn->raw.max);
	send_plain(conn, reply, sizeof(reply));
	snprintf(info.subprotocol, sizeof(info.subprotocol), "%s", subprotocols[hello.serializer]);
	if (!fox_conn_open(conn, &info))
		fox_conn_shut(conn, FOX_CLOSE_PEER);
}

static void
answer_ping(FoxConn *conn, const FoxRawFrame *ping)
{
	FoxBytes   *pong = fox_bytes_new(ping->data, ping->len);

	if (pong == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_LOST);
		return;
	}
	fox_conn_put(conn, pong, FRAME_PONG);
	fox_bytes_unref(pong);
}

/* A stream that begins with a CONNECT. */
static bool
open_mqtt(FoxConn *conn)
{
	FoxNet	   *net = conn->net;
	FoxConnInfo info = {.transport = "tcp", .subprotocol = "mqtt"};

	if (fox_peer_address(conn->wsi, &info))
		info.transport = "unix";
	conn->framing = &fox_framing_mqtt;
	if (fox_listener_full(net) || fox_address_full(net, &info))
	{
		net->stats.refused++;
		return false;
	}
	return fox_conn_open(conn, &info);
}

/* The magic octet has to come alone for nothing else to be a RawSocket. */
static bool
receive_hello(FoxConn *conn, char **at, const char *end)
{
	FoxRawReader *r = &conn->raw;

	while (r->head_len < FOX_RAW_HELLO && *at < end)
		r->head[r->head_len++] = (unsigned char) *(*at)++;
	if (r->head[0] != FOX_RAW_MAGIC)
		return false;
	if (r->head_len == FOX_RAW_HELLO)
		greet(conn, r->head);
	return true;
}

static FoxRawResult
next_frame(FoxConn *conn, char **at, char *end, FoxRawFrame *frame)
{
	conn->raw.max = conn->in_max != 0 ? (uint32_t) fox_conn_in_max(conn) : fox_raw_announced(conn->net->config.max_message_size);
	return fox_raw_next(&conn->raw, at, end, frame);
}

static int
receive(FoxConn *conn, char *at, size_t len)
{
	char	   *end = at + len;
	FoxRawResult result = FOX_RAW_MORE;
	FoxRawFrame frame;

	fox_conn_heard(conn);
	conn->net->stats.bytes_in += len;
	if (conn->state == CONN_GREETING && conn->raw.head_len == 0 && *at == MQTT_CONNECT ? !open_mqtt(conn) :
		conn->state == CONN_GREETING && !receive_hello(conn, &at, end))
		return -1;
	if (conn->framing->batch == FOX_BATCH_STREAM)
	{
		fox_conn_deliver(conn, at, (size_t) (end - at), true);
		return 0;
	}
	while (conn->state == CONN_OPEN && (result = next_frame(conn, &at, end, &frame)) == FOX_RAW_FRAME)
		if (frame.type == FOX_RAW_MESSAGE)
			fox_conn_message(conn, frame.data, frame.len, conn->binary);
		else if (frame.type == FOX_RAW_PING)
			answer_ping(conn, &frame);
	if (result == FOX_RAW_TOO_LONG || result == FOX_RAW_NO_MEMORY)
		fox_conn_too_big(conn);
	else if (result == FOX_RAW_RESERVED)
		fox_conn_close(conn, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL);
	return 0;
}

int
fox_rawsocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxNet	   *net = lws_context_user(lws_get_context(wsi));
	FoxConn    *conn = user;

	switch (reason)
	{
		case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
			net->stats.refused++;
			return -1;			/* a WebSocket that asked for the name of this protocol */
		case LWS_CALLBACK_RAW_ADOPT:
			fox_conn_init(conn, net, wsi, &fox_framing_rawsocket, CONN_GREETING);
			break;
		case LWS_CALLBACK_RAW_RX:
			if (conn->net != NULL && in != NULL && len > 0)
				return receive(conn, in, len);
			break;
		case LWS_CALLBACK_RAW_WRITEABLE:
			if (conn->net == NULL || conn->state == CONN_CUT)
				return -1;
			fox_conn_flush(conn);
			break;
		case LWS_CALLBACK_RAW_CLOSE:
			if (conn != NULL)
				fox_conn_closed(conn);
			break;
		default:
			break;
	}
	return 0;
}
