/*
 * longpoll.c - WAMP over HTTP long-poll: a connection that is no socket.
 *
 * A session is a FoxConn like any other, whose messages leave as the answers to
 * /receive and come as the bodies of /send.  It is alive as long as somebody polls.
 * A /send that the session is held from reading waits, and its client with it.
 *
 * A session that ends, or may read again, does so in the middle of something: it is put on
 * a list, from which a timer takes it in the next turn of the loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "codec/json.h"
#include "net/handshake.h"
#include "net/longpoll.h"
#include "net/subprotocol.h"

#define TYPE_JSON "application/json; charset=utf-8"
#define TYPE_BINARY "application/octet-stream"
#define RECEIVE_MS 8000			/* a /receive is answered by then: clients give up after 12 s */
#define ALIVE_MS 60000			/* without a /receive, where pings are off */
#define PATIENCE_MS 10000		/* for the last messages to be received */

static FoxPoll *
poll_of(FoxConn *conn)
{
	return fox_container(FoxPoll, conn, conn);
}

FoxPoll *
fox_poll_find(const FoxNet *net, FoxSlice id)
{
	return fox_map_get(&net->polls, id);
}

/* --- what has been sent --- */

static bool
is_sound(const FoxPoll *poll, FoxBuf *body)
{
	FoxBatch	batch = poll->conn.framing->batch;
	char	   *at = body->data;
	char	   *end = at + body->len;
	char	   *message = at;
	size_t		len = body->len;
	FoxKind		kind;

	if (len == 0)
		return false;
	do
	{
		if (batch == FOX_BATCH_NONE)
			at = end;
		else if (!fox_batch_next(batch, &at, end, &message, &len))
			return false;
		if (!poll->conn.binary && !fox_json_valid(fox_slice(message, len), &kind))
			return false;
	} while (at < end);
	return true;
}

/* A malformed message is delivered too: the gate tells the session why it ends. */
static void
take(FoxPoll *poll, FoxPollRequest *r)
{
	FoxBuf		body = r->body;

	fox_poll_request_leave(r);
	r->body = (FoxBuf) {0};
	if (poll->conn.state != CONN_OPEN)
		fox_poll_request_say(r, 410, "fox_wamp: the session is closing, receive its last messages\n");
	else
	{
		if (is_sound(poll, &body))
			fox_poll_request_say(r, 202, "");
		else
			fox_poll_request_say(r, 400, "fox_wamp: malformed\n");
		fox_conn_deliver(&poll->conn, body.data, body.len, poll->conn.binary);
	}
	fox_buf_free(&body);
}

/* In their order, while the session reads. */
static void
take_sends(FoxPoll *poll)
{
	while ((poll->conn.held & ~HOLD_WRITE) == 0 && !fox_list_empty(&poll->sends))
		take(poll, fox_container(FoxPollRequest, in_sends, poll->sends.next));
}

/* --- in the next turn --- */

static void
go_on(uv_timer_t *timer)
{
	FoxNet	   *net = timer->data;

	while (!fox_list_empty(&net->busy_polls))
	{
		FoxPoll    *poll = fox_container(FoxPoll, in_busy, net->busy_polls.next);

		fox_list_del(&poll->in_busy);
		if (poll->conn.state != CONN_CUT)
			take_sends(poll);
		else
		{
			fox_conn_closed(&poll->conn);
			free(poll);
		}
	}
}

static void
attend_to(FoxPoll *poll)
{
	FoxNet	   *net = poll->conn.net;

	if (fox_list_empty(&poll->in_busy))
		fox_list_push(&net->busy_polls, &poll->in_busy);
	uv_timer_start(&net->poll_timer, go_on, 0, 0);
}

/* --- the carrier --- */

/* A /receive that waits for messages. */
static FoxPollRequest *
waiting_receive(const FoxPoll *poll)
{
	return poll->receive != NULL && !poll->receive->answered ? poll->receive : NULL;
}

/*
 * Messages go from the queue to where they leave.  If the client has gone they stay queued for the next /receive,
 * and so does the request until its connection has been closed.
 */
static void
answer_receive(FoxPoll *poll)
{
	FoxConn    *conn = &poll->conn;
	FoxPollRequest *r = poll->receive;
	FoxHttp    *x = r->http;
	size_t		len = fox_frame_together(conn, FOX_OUT_CHUNK);
	char	   *body = NULL;

	if (!fox_http_hung_up(x))
		body = fox_http_answer_begin(x, 200, fox_poll_headers(200, conn->binary ? TYPE_BINARY : TYPE_JSON, r->share), len);
	if (body == NULL)
		return;
	r->answered = true;
	if (len == 0)
		fox_conn_sent(conn, 0);
	else
		fox_frame_take(conn, (unsigned char *) body, len);
	fox_http_answer_end(x);
}

static void
poll_flush(FoxConn *conn)
{
	FoxPoll    *poll = poll_of(conn);

	if (conn->count > 0 && waiting_receive(poll) != NULL)
		answer_receive(poll);
	if (conn->count == 0 && conn->state == CONN_CLOSING)
		fox_conn_shut(conn, FOX_CLOSE_PEER);
}

static void
poll_flow(FoxConn *conn, bool on)
{
	if (on && !fox_list_empty(&poll_of(conn)->sends))
		attend_to(poll_of(conn));
}

static void
poll_cut(FoxConn *conn)
{
	FoxPoll    *poll = poll_of(conn);
	FoxPollRequest *receive = waiting_receive(poll);

	fox_map_del(&conn->net->polls, fox_slice(poll->id, FOX_POLL_ID));
	if (receive != NULL)
		fox_poll_request_say(receive, 200, "");
	else if (poll->receive != NULL)
		fox_poll_request_leave(poll->receive);
	while (!fox_list_empty(&poll->sends))
		fox_poll_request_say(fox_container(FoxPollRequest, in_sends, poll->sends.next), 404, "fox_wamp: the transport has ended\n");
	attend_to(poll);
}

/* Who waits for messages is there; of another one the next request tells. */
static void
poll_probe(FoxConn *conn)
{
	if (poll_of(conn)->receive != NULL)
		fox_conn_heard(conn);
}

static void
poll_sweep(FoxConn *conn, uint64_t now_ms)
{
	const FoxNetConfig *config = &conn->net->config;
	FoxPoll    *poll = poll_of(conn);
	FoxPollRequest *receive = waiting_receive(poll);
	uint64_t	alive_ms = ALIVE_MS;

	if (config->ping_interval_ms > 0)
		alive_ms = (uint64_t) config->ping_interval_ms + (uint64_t) config->ping_timeout_ms;
	if (poll->receive != NULL)
		fox_conn_heard(conn);
	else if (now_ms - conn->last_in_ms > alive_ms)
	{
		conn->net->stats.dead_cut++;
		fox_conn_shut(conn, FOX_CLOSE_LOST);
	}
	if (receive != NULL && now_ms - receive->since_ms >= RECEIVE_MS)
		fox_poll_request_say(receive, 200, "");
}

const FoxCarrier fox_longpoll = {poll_flush, poll_flow, poll_cut, poll_probe, poll_sweep, PATIENCE_MS};

/* --- /open --- */

/* Sets *found to the first of the client's protocols that is one of ours, or NULL; false: that is no list of protocols. */
static bool
choose_protocol(FoxSlice body, const FoxSubprotocol **found)
{
	const char *end = body.ptr + body.len;
	FoxBuf		scratch = {0};
	FoxSlice	object;
	FoxSlice	list;
	FoxSlice	item;
	FoxKind		kind;
	size_t		pos = 0;

	*found = NULL;
	if (!fox_json_valid(body, &kind) || kind != FOX_JSON_OBJECT ||
		fox_json_scan(body.ptr, end, &object, &kind) == NULL)
		return false;
	list = fox_json_get(object, "protocols");
	if (fox_absent(list) || fox_json_kind(list) != FOX_JSON_ARRAY)
		return false;
	while (*found == NULL && fox_json_element(list, &pos, &item))
	{
		FoxSlice	name = fox_json_text(item, &scratch);

		if (!fox_absent(name))
			*found = fox_subprotocol(name);
		if (*found != NULL && (*found)->batch == FOX_BATCH_STREAM)
			*found = NULL;		/* requests and answers bring whole messages */
		fox_buf_reset(&scratch);
	}
	fox_buf_free(&scratch);
	return true;
}

/* False: no randomness, which does not happen. */
static bool
make_id(char *id)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[FOX_POLL_ID];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return false;
	for (int i = 0; i < FOX_POLL_ID; i++)
		id[i] = alphabet[bytes[i] & 63];
	return true;
}

static FoxPoll *
poll_new(FoxNet *net, const FoxSubprotocol *subprotocol, const FoxHttpRequest *request)
{
	FoxPoll    *poll = calloc(1, sizeof(*poll));
	FoxConnInfo info = *request->info;

	if (poll == NULL)
		return NULL;
	if (!make_id(poll->id) || !fox_map_put(&net->polls, fox_slice(poll->id, FOX_POLL_ID), poll))
	{
		free(poll);
		return NULL;
	}
	fox_list_init(&poll->sends);
	fox_list_init(&poll->in_busy);
	fox_conn_init(&poll->conn, net, NULL, &fox_framing_longpoll[subprotocol->batch], CONN_OPEN);
	poll->conn.binary = subprotocol->binary;
	info.transport = "longpoll";
	info.headers = fox_handshake_of_headers(net, request->headers);
	snprintf(info.subprotocol, sizeof(info.subprotocol), "%s", subprotocol->encoding);
	if (fox_conn_open(&poll->conn, &info))
		return poll;
	fox_conn_shut(&poll->conn, FOX_CLOSE_PEER);
	return NULL;
}

/* What speaks against another session; 0: nothing. */
static unsigned
refusal(const FoxNet *net, bool readable, const FoxSubprotocol *subprotocol, const FoxConnInfo *asker, const char **text)
{
	*text = "fox_wamp: the body must be {\"protocols\": [\"wamp.2.json\"]}\n";
	if (!readable)
		return 400;
	*text = "fox_wamp: ask for the protocol wamp.2.json, wamp.2.msgpack or wamp.2.cbor\n";
	if (subprotocol == NULL)
		return 400;
	*text = "fox_wamp: too many connections\n";
	if (fox_listener_full(net))
		return 503;
	*text = "fox_wamp: too many connections from your address\n";
	return fox_address_full(net, asker) ? 429 : 0;
}

void
fox_poll_open(FoxNet *net, FoxHttp *x, const FoxHttpRequest *request, bool share)
{
	const FoxSubprotocol *subprotocol;
	bool		readable = choose_protocol(request->body, &subprotocol);
	const char *text;
	unsigned	status = refusal(net, readable, subprotocol, request->info, &text);
	FoxPoll    *poll;
	char		body[128];
	int			len;

	if (status != 0)
	{
		net->stats.refused++;
		fox_poll_say(x, status, text, share);
	}
	else if ((poll = poll_new(net, subprotocol, request)) == NULL)
		fox_poll_say(x, 503, "fox_wamp: out of memory\n", share);
	else
	{
		len = snprintf(body, sizeof(body), "{\"protocol\":\"%s\",\"transport\":\"%s\"}", subprotocol->name, poll->id);
		fox_http_answer(x, 200, fox_poll_headers(200, TYPE_JSON, share), fox_slice(body, (size_t) len));
	}
}

/* --- /receive --- */

/* Two at once: the first gives way, with an error, so that two loops do not chase each other. */
void
fox_poll_receive(FoxPoll *poll, FoxHttp *x, bool share)
{
	FoxPollRequest *former = waiting_receive(poll);

	if (poll->receive != NULL && former == NULL)
	{
		fox_poll_say(x, 409, "fox_wamp: the answer to an earlier receive is on its way\n", share);
		return;
	}
	if (former != NULL)
		fox_poll_request_say(former, 409, "fox_wamp: another receive took over\n");
	fox_conn_heard(&poll->conn);
	poll->receive = fox_poll_request_new(poll, x, share);
	fox_conn_flush(&poll->conn);
}

/* --- /send --- */

void
fox_poll_send(FoxPoll *poll, FoxHttp *x, FoxSlice body, bool share)
{
	FoxPollRequest *r = fox_poll_request_new(poll, x, share);

	if (r == NULL)
		return;
	fox_buf_slice(&r->body, body);
	(void) fox_buf_reserve(&r->body, 1);
	poll->conn.join_cap += r->body.cap;
	if (r->body.failed)
	{
		fox_poll_request_say(r, 503, "fox_wamp: out of memory\n");
		return;
	}
	fox_list_push(&poll->sends, &r->in_sends);
	take_sends(poll);
}

/* --- /close --- */

void
fox_poll_close(FoxPoll *poll, FoxHttp *x, bool share)
{
	fox_conn_shut(&poll->conn, FOX_CLOSE_PEER);
	fox_poll_say(x, 202, "", share);
}

/* --- life --- */

void
fox_longpoll_init(FoxNet *net)
{
	fox_list_init(&net->busy_polls);
	uv_timer_init(&net->loop, &net->poll_timer);
	net->poll_timer.data = net;
}

void
fox_longpoll_end(FoxNet *net)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&net->polls, &pos)) != NULL)
	{
		fox_conn_shut(&((FoxPoll *) slot->value)->conn, FOX_CLOSE_SHUTDOWN);
		pos = 0;				/* the map has changed */
	}
	go_on(&net->poll_timer);
	fox_map_free(&net->polls);
	uv_close((uv_handle_t *) &net->poll_timer, NULL);
}
