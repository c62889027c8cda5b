/*
 * longpoll.c - WAMP over HTTP long-poll: a connection that is no socket.
 *
 * A session is a FoxConn like any other, whose messages leave as the answers to
 * /receive and come as the bodies of /send.  It is alive as long as somebody polls.
 * A /send that the session is held from reading waits, and its client with it.
 *
 * A session that ends does so in the middle of something: it is put on a list, from
 * which a timer frees it in the next turn of the loop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "codec/json.h"
#include "net/request.h"
#include "net/subprotocol.h"

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

/* --- the carrier --- */

/* A /receive that waits, and can still be answered. */
static FoxRequest *
waiting_receive(const FoxPoll *poll)
{
	return poll->receive != NULL && !poll->receive->draining ? poll->receive : NULL;
}

static void
poll_flush(FoxConn *conn)
{
	FoxRequest *receive = waiting_receive(poll_of(conn));

	if (conn->count > 0)
	{
		if (receive != NULL)
			lws_callback_on_writable(receive->wsi);
	}
	else if (conn->state == CONN_CLOSING)
		fox_conn_shut(conn, FOX_CLOSE_PEER);
}

static FoxRequest *
first_waiting(const FoxPoll *poll)
{
	fox_list_each(n, &poll->requests)
	{
		FoxRequest *r = fox_container(FoxRequest, in_poll, n);

		if (r->waiting)
			return r;
	}
	return NULL;
}

static void
poll_flow(FoxConn *conn, bool on)
{
	FoxRequest *r = first_waiting(poll_of(conn));

	if (on && r != NULL)
		lws_callback_on_writable(r->wsi);
}

/* Of the timer: what has ended is closed and freed. */
static void
reap(uv_timer_t *timer)
{
	FoxNet	   *net = timer->data;

	while (!fox_list_empty(&net->ended_polls))
	{
		FoxPoll    *poll = fox_container(FoxPoll, in_ended, net->ended_polls.next);

		fox_list_del(&poll->in_ended);
		fox_conn_closed(&poll->conn);
		free(poll);
	}
}

static void
poll_cut(FoxConn *conn)
{
	FoxPoll    *poll = poll_of(conn);
	FoxRequest *receive = waiting_receive(poll);

	fox_map_del(&conn->net->polls, fox_slice(poll->id, FOX_POLL_ID));
	while (!fox_list_empty(&poll->requests))
	{
		FoxRequest *r = fox_container(FoxRequest, in_poll, poll->requests.next);

		fox_request_leave(r);
		r->waiting = false;
		if (r == receive)
			fox_request_decide(r, 200, "");
		else if (r->status == 0)
			fox_request_decide(r, 404, "fox_wamp: the transport has ended\n");
	}
	fox_list_push(&conn->net->ended_polls, &poll->in_ended);
	uv_timer_start(&conn->net->reaper, reap, 0, 0);
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
	FoxRequest *receive = waiting_receive(poll);
	uint64_t	alive_ms = ALIVE_MS;

	if (config->ping_interval_ms > 0)
		alive_ms = (uint64_t) config->ping_interval_ms + (uint64_t) config->ping_timeout_ms;
	if (receive != NULL && now_ms - receive->since_ms >= RECEIVE_MS)
	{
		poll->receive = NULL;
		fox_request_decide(receive, 200, "");
	}
	if (receive != NULL || poll->receive != NULL)
		fox_conn_heard(conn);
	else if (now_ms - conn->last_in_ms > alive_ms)
	{
		conn->net->stats.dead_cut++;
		fox_conn_shut(conn, FOX_CLOSE_LOST);
	}
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
poll_new(FoxNet *net, const FoxSubprotocol *subprotocol, FoxConnInfo *info)
{
	FoxPoll    *poll = calloc(1, sizeof(*poll));

	if (poll == NULL)
		return NULL;
	if (!make_id(poll->id) || !fox_map_put(&net->polls, fox_slice(poll->id, FOX_POLL_ID), poll))
	{
		free(poll);
		return NULL;
	}
	fox_list_init(&poll->requests);
	fox_list_init(&poll->in_ended);
	fox_conn_init(&poll->conn, net, NULL, &fox_framing_longpoll[subprotocol->batch], CONN_OPEN);
	poll->conn.binary = subprotocol->binary;
	snprintf(info->subprotocol, sizeof(info->subprotocol), "%s", subprotocol->encoding);
	if (fox_conn_open(&poll->conn, info))
		return poll;
	fox_conn_shut(&poll->conn, FOX_CLOSE_PEER);
	return NULL;
}

static int
refuse(FoxRequest *r, unsigned status, const char *text)
{
	r->status = status;
	r->text = text;
	return fox_request_answer(r);
}

static int
answer_open(FoxRequest *r)
{
	const FoxSubprotocol *subprotocol;
	bool		readable = choose_protocol(fox_buf_view(&r->body), &subprotocol);
	FoxPoll    *poll;
	char		text[128];
	char	   *body;
	int			len;

	if (subprotocol == NULL || fox_listener_full(r->net) || fox_address_full(r->net, &r->info))
	{
		r->net->stats.refused++;
		if (!readable)
			return refuse(r, 400, "fox_wamp: the body must be {\"protocols\": [\"wamp.2.json\"]}\n");
		if (subprotocol == NULL)
			return refuse(r, 400, "fox_wamp: ask for the protocol wamp.2.json, wamp.2.msgpack or wamp.2.cbor\n");
		if (fox_listener_full(r->net))
			return refuse(r, 503, "fox_wamp: too many connections\n");
		return refuse(r, 429, "fox_wamp: too many connections from your address\n");
	}
	if ((poll = poll_new(r->net, subprotocol, &r->info)) == NULL)
		return refuse(r, 503, "fox_wamp: out of memory\n");
	len = snprintf(text, sizeof(text), "{\"protocol\":\"%s\",\"transport\":\"%s\"}", subprotocol->name, poll->id);
	if ((body = fox_request_head(r, 200, FOX_TYPE_JSON, (size_t) len)) == NULL)
		return -1;
	memcpy(body, text, (size_t) len);
	return fox_request_send(r);
}

/* --- /receive --- */

/* libwebsockets takes the end of a client's stream for a half-close, and would write to nobody. */
static bool
has_hung_up(struct lws *wsi)
{
	char		c;
	ssize_t		n = recv(lws_get_socket_fd(wsi), &c, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Messages stay queued for the next one, if the client of this one has gone. */
static int
answer_receive(FoxRequest *r)
{
	FoxConn    *conn = &r->poll->conn;
	size_t		len = fox_frame_together(conn, FOX_OUT_CHUNK);
	char	   *body;
	int			result;

	if (has_hung_up(r->wsi))
		return -1;
	body = fox_request_head(r, 200, conn->binary ? FOX_TYPE_BINARY : FOX_TYPE_JSON, len);
	if (body == NULL)
	{
		fox_conn_shut(conn, FOX_CLOSE_SLOW);
		return -1;
	}
	if (len == 0)
		fox_conn_sent(conn, 0);
	else
		fox_frame_take(conn, (unsigned char *) body, len);
	conn->net->stats.bytes_out += len;
	result = fox_request_send(r);
	fox_conn_flush(conn);
	return result;
}

/* Two at once: the first gives way, with an error, so that two loops do not chase each other. */
static int
begin_receive(FoxRequest *r)
{
	FoxPoll    *poll = r->poll;
	FoxRequest *former = waiting_receive(poll);

	if (poll->receive != NULL && former == NULL)
		return refuse(r, 409, "fox_wamp: the answer to an earlier receive is on its way\n");
	if (former != NULL)
		fox_request_decide(former, 409, "fox_wamp: another receive took over\n");
	fox_conn_heard(&poll->conn);
	poll->receive = r;
	return poll->conn.count > 0 ? answer_receive(r) : 0;
}

/* --- /send --- */

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
deliver(FoxPoll *poll, FoxRequest *r)
{
	r->waiting = false;
	if (poll->conn.state != CONN_OPEN)
	{
		fox_request_decide(r, 410, "fox_wamp: the session is closing, receive its last messages\n");
		return;
	}
	if (is_sound(poll, &r->body))
		fox_request_decide(r, 202, "");
	else
		fox_request_decide(r, 400, "fox_wamp: malformed\n");
	fox_conn_deliver(&poll->conn, r->body.data, r->body.len, poll->conn.binary);
}

/* Delivers what waits, in order, while the session reads. */
static void
deliver_waiting(FoxPoll *poll)
{
	FoxRequest *r;

	while ((poll->conn.held & ~HOLD_WRITE) == 0 && (r = first_waiting(poll)) != NULL)
		deliver(poll, r);
}

/* --- requests --- */

int
fox_poll_request(FoxRequest *r)
{
	FoxPoll    *poll = r->poll;

	if (r->verb == VERB_OPEN)
		return answer_open(r);
	fox_list_del(&r->in_poll);
	fox_list_push(&poll->requests, &r->in_poll);
	switch (r->verb)
	{
		case VERB_RECEIVE:
			return begin_receive(r);
		case VERB_SEND:
			r->waiting = true;
			deliver_waiting(poll);
			break;
		default:
			r->status = 202;
			fox_conn_shut(&poll->conn, FOX_CLOSE_PEER);
			break;
	}
	return r->status != 0 ? fox_request_answer(r) : 0;
}

int
fox_poll_writable(FoxRequest *r)
{
	if (r->waiting)
		deliver_waiting(r->poll);
	if (r->status != 0)
		return fox_request_answer(r);
	return r->poll != NULL && r->poll->receive == r && r->poll->conn.count > 0 ? answer_receive(r) : 0;
}

/* --- life --- */

void
fox_longpoll_init(FoxNet *net)
{
	fox_list_init(&net->ended_polls);
	uv_timer_init(&net->loop, &net->reaper);
	net->reaper.data = net;
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
	reap(&net->reaper);
	fox_map_free(&net->polls);
	uv_close((uv_handle_t *) &net->reaper, NULL);
}
