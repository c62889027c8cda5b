/*
 * wamp_out.c - what the core says, as WAMP messages.
 *
 * An EVENT is encoded once for all members of a subscription and queued by
 * reference; everything else goes to one peer.
 */
#include "codec/mqtt_payload.h"
#include "gate/wamp_private.h"

#include "base/pure.h"

#define RELIEF 4096				/* bytes beside the payload that a message may take */

/* Messages are built one after the other in the same memory. */
static FoxBuf out;
static FoxBuf details;
static FoxBuf rewritten;		/* payloads for a peer of another encoding */

/* False: memory is out, or the payload can not be said in that encoding. */
static bool
encode(FoxEncoding encoding, const FoxMsg *msg)
{
	FoxPayload	payload = {msg->encoding, msg->args, msg->kwargs};
	FoxMsg		copy;

	fox_buf_reset(&out);
	if (encoding != msg->encoding && !(fox_absent(msg->args) && fox_absent(msg->kwargs)))
	{
		fox_buf_reset(&rewritten);
		if (!fox_payload_as(&payload, encoding, &rewritten, &payload))
			return false;
		copy = *msg;
		copy.args = payload.args;
		copy.kwargs = payload.kwargs;
		msg = &copy;
	}
	fox_msg_encode(encoding, msg, &out);
	return !out.failed;
}

/*
 * The message in bytes, for the caller to release.  When memory is out slow readers give up what
 * waits for them, and if that does not help the peer is cut: no session misses a message and goes
 * on.  A payload that can not be said in the peer's encoding is another's fault: NULL, and that is all.
 */
static FoxBytes *
bytes_for(FoxWampPeer *peer, const FoxMsg *msg)
{
	const FoxTransport *t = &peer->transport;
	FoxBytes   *bytes = NULL;

	do
	{
		if (encode(peer->encoding, msg))
			bytes = fox_bytes_new(out.data, out.len);
		else if (!out.failed && !rewritten.failed)
			return NULL;
	}
	while (bytes == NULL && t->ops->relieve(t->conn, 2 * (msg->args.len + msg->kwargs.len) + RELIEF));
	if (bytes == NULL)
		t->ops->close(t->conn, 1013, "out of memory");
	return bytes;
}

void
fox_wamp_send(FoxWampPeer *peer, const FoxMsg *msg)
{
	FoxBytes   *bytes;

	if (peer->transport_gone || (bytes = bytes_for(peer, msg)) == NULL)
		return;
	peer->transport.ops->send(peer->transport.conn, bytes, peer->encoding != FOX_JSON);
	fox_bytes_unref(bytes);
}

/* --- details: a JSON object in `details` --- */

static void
begin_details(void)
{
	fox_buf_reset(&details);
	fox_buf_char(&details, '{');
}

static void
put_member(const char *name)
{
	if (details.len > 1)
		fox_buf_char(&details, ',');
	fox_buf_char(&details, '"');
	fox_buf_str(&details, name);
	fox_buf_str(&details, "\":");
}

static void
put_true(const char *name, bool is)
{
	if (!is)
		return;
	put_member(name);
	fox_buf_str(&details, "true");
}

static void
put_number(const char *name, uint64_t n)
{
	put_member(name);
	fox_buf_u64(&details, n);
}

static void
put_text(const char *name, FoxSlice text)
{
	put_member(name);
	fox_buf_json_str(&details, text);
}

static FoxSlice
end_details(void)
{
	fox_buf_char(&details, '}');
	return details.failed ? FOX_LIT("{}") : fox_buf_view(&details);
}

/* role is caller or publisher. */
static void
put_disclosed(const char *role, const char *authid, const char *authrole, const FoxDisclosed *who)
{
	if (who->session == 0)
		return;
	put_number(role, who->session);
	put_text(authid, who->authid);
	put_text(authrole, who->authrole);
}

static void
put_callback(const FoxCallbackNote *note)
{
	if (note == NULL)
		return;
	put_number("callback", note->id);
	put_number("request", note->request);
	put_text("interface", note->interface);
	put_text("method", note->method);
}

static FoxSlice
message_details(FoxSlice text)
{
	begin_details();
	if (!fox_absent(text))
		put_text("message", text);
	return end_details();
}

/* --- messages --- */

void
fox_wamp_abort(FoxWampPeer *peer, const char *reason, const char *text)
{
	fox_wamp_send(peer, &(FoxMsg){.type = FOX_MSG_ABORT, .uri = fox_cstr(reason),
				  .dict = message_details(text ? fox_cstr(text) : FOX_ABSENT)});
	peer->state = WAMP_DEAD;
	if (!peer->transport_gone)
		peer->transport.ops->close(peer->transport.conn, 1002, reason);
}

void
fox_wamp_welcome(FoxWampPeer *peer, const FoxSessionInfo *who, FoxSlice authextra, FoxSlice features)
{
	begin_details();
	put_text("authid", who->authid);
	put_text("authrole", who->authrole);
	put_text("authmethod", who->authmethod);
	if (!fox_absent(who->authprovider))
		put_text("authprovider", who->authprovider);
	if (!fox_absent(authextra))
	{
		put_member("authextra");
		fox_buf_slice(&details, authextra);
	}
	fox_buf_char(&details, ',');
	fox_buf_slice(&details, features);
	fox_wamp_send(peer, &(FoxMsg){.type = FOX_MSG_WELCOME, .id = fox_session_id(peer->session), .dict = end_details()});
}

static FoxBytes *
encode_event(FoxWampPeer *peer, const FoxSubscription *sub, const FoxEvent *e)
{
	FoxMsg		msg = {.type = FOX_MSG_EVENT, .id = fox_subscription_id(sub), .id2 = e->publication,
	.args = e->payload.args, .kwargs = e->payload.kwargs, .encoding = e->payload.encoding};

	begin_details();
	if (!fox_subscription_is_exact(sub) || e->callback != NULL)
		put_text("topic", e->topic);
	put_callback(e->callback);
	put_true("retained", e->retained);
	put_true("x_acknowledged_delivery", e->wants_receipt);
	put_disclosed("publisher", "publisher_authid", "publisher_authrole", &e->publisher);
	if (e->has_trustlevel)
		put_number("trustlevel", e->trustlevel);
	fox_ppt_write(&e->ppt, &details);
	if (e->payload.encoding == FOX_MQTT && !fox_absent(e->payload.kwargs))
	{
		put_member("mqtt");
		fox_mqtt_props_json(e->payload.kwargs, &details);
	}
	msg.dict = end_details();
	return bytes_for(peer, &msg);
}

static void
wamp_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	FoxWampPeer *peer = fox_session_data(s);
	FoxBytes  **bytes = &e->encoded[peer->encoding];

	if (peer->transport_gone)
		return;
	fox_event_encode_for(e, sub);
	if (*bytes == NULL)
		*bytes = encode_event(peer, sub, e);
	if (*bytes == NULL)
		return;
	/* What is to be acknowledged can not be missed. */
	if (e->wants_receipt)
		peer->transport.ops->send(peer->transport.conn, *bytes, peer->encoding != FOX_JSON);
	else
		peer->transport.ops->send_event(peer->transport.conn, *bytes, peer->encoding != FOX_JSON, fox_event_stream(e, sub));
}

static void
wamp_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	FoxMsgType	type = (FoxMsgType) ((int) what + 1);	/* SUBSCRIBE 32 is answered by SUBSCRIBED 33, and so on */

	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = type, .id = request, .id2 = id});
}

static void
wamp_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxBuf		args = {0};
	FoxMsg		msg = {.type = FOX_MSG_ERROR, .type2 = (uint32_t) what, .id = request, .uri = why->uri,
	.args = why->payload.args, .kwargs = why->payload.kwargs, .encoding = why->payload.encoding};

	if (!fox_absent(why->text))
	{
		fox_buf_char(&args, '[');
		fox_buf_json_str(&args, why->text);
		fox_buf_char(&args, ']');
		if (!args.failed)
			msg.args = fox_buf_view(&args);
		msg.encoding = FOX_JSON;
	}
	begin_details();
	if (why->ppt != NULL)
		fox_ppt_write(why->ppt, &details);
	msg.dict = end_details();
	fox_wamp_send(fox_session_data(s), &msg);
	fox_buf_free(&args);
}

static void
wamp_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	begin_details();
	put_true("progress", progress);
	fox_ppt_write(ppt, &details);
	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = FOX_MSG_RESULT, .id = request, .dict = end_details(),
				  .args = payload->args, .kwargs = payload->kwargs, .encoding = payload->encoding});
}

static void
wamp_invoke(FoxSession *s, const FoxInvocation *inv)
{
	begin_details();
	if (!fox_absent(inv->procedure))
		put_text("procedure", inv->procedure);
	put_callback(inv->callback);
	put_true("receive_progress", inv->receive_progress);
	put_true("progress", inv->progress);
	if (inv->timeout_ms > 0)
		put_number("timeout", inv->timeout_ms);
	if (inv->has_trustlevel)
		put_number("trustlevel", inv->trustlevel);
	put_disclosed("caller", "caller_authid", "caller_authrole", &inv->caller);
	fox_ppt_write(inv->ppt, &details);
	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = FOX_MSG_INVOCATION, .id = inv->id, .id2 = inv->registration,
				  .dict = end_details(), .args = inv->payload.args, .kwargs = inv->payload.kwargs,
				  .encoding = inv->payload.encoding});
}

static void
wamp_interrupt(FoxSession *s, uint64_t invocation, FoxCancelMode mode, const char *reason)
{
	static const char *const modes[] = {"skip", "kill", "killnowait"};

	begin_details();
	put_text("mode", fox_cstr(modes[mode]));
	put_text("reason", fox_cstr(reason));
	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = FOX_MSG_INTERRUPT, .id = invocation, .dict = end_details()});
}

/* [type, 0, {"what":id,"reason":"…"}] */
static void
send_revoked(FoxSession *s, FoxMsgType type, const char *what, uint64_t id, const char *reason)
{
	begin_details();
	put_number(what, id);
	put_text("reason", fox_cstr(reason));
	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = type, .id = 0, .dict = end_details()});
}

static void
wamp_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	send_revoked(s, FOX_MSG_UNSUBSCRIBED, "subscription", subscription, reason);
}

static void
wamp_unregistered(FoxSession *s, uint64_t registration, const char *reason)
{
	send_revoked(s, FOX_MSG_UNREGISTERED, "registration", registration, reason);
}

static void
wamp_probe(FoxSession *s)
{
	FoxWampPeer *peer = fox_session_data(s);

	if (!peer->transport_gone)
		peer->transport.ops->probe(peer->transport.conn);
}

static void
wamp_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxWampPeer *peer = fox_session_data(s);

	fox_wamp_send(peer, &(FoxMsg){.type = FOX_MSG_GOODBYE, .uri = fox_cstr(reason), .dict = message_details(message)});
	peer->session = NULL;
	peer->state = WAMP_DEAD;
	if (!peer->transport_gone)
		peer->transport.ops->close(peer->transport.conn, 1000, reason);
}

static FoxSlice
wamp_headers(const FoxSession *s)
{
	const FoxWampPeer *p = fox_session_data(s);

	return fox_cstr(p->headers);
}

const FoxSessionOps fox_wamp_ops = {
	.event = wamp_event,
	.done = wamp_done,
	.failed = wamp_failed,
	.result = wamp_result,
	.invoke = wamp_invoke,
	.interrupt = wamp_interrupt,
	.unsubscribed = wamp_unsubscribed,
	.unregistered = wamp_unregistered,
	.headers = wamp_headers,
	.probe = wamp_probe,
	.ended = wamp_ended
};
