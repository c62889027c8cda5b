/*
 * wamp_out.c - what the core says, as WAMP messages.
 *
 * An EVENT is encoded once for all members of a subscription and queued by
 * reference; everything else goes to one peer.
 */
#include "gate/wamp_private.h"

#include "base/pure.h"

/* The messages of one turn are built in the same memory, one after the other. */
static FoxBuf out;

static void
send_buffer(FoxWampPeer *peer)
{
	FoxBytes   *bytes;

	if (peer->transport_gone || out.failed ||
		(bytes = fox_bytes_new(out.data, out.len)) == NULL)
		return;
	peer->transport.send(peer->transport.conn, bytes, false);
	fox_bytes_unref(bytes);
}

void
fox_wamp_send(FoxWampPeer *peer, const FoxMsg *msg)
{
	fox_buf_reset(&out);
	fox_msg_encode_json(msg, &out);
	send_buffer(peer);
}

/* {"message":"…"} or {} into buf */
static FoxSlice
message_dict(FoxBuf *buf, FoxSlice text)
{
	if (fox_absent(text))
		return FOX_LIT("{}");
	fox_buf_str(buf, "{\"message\":");
	fox_buf_json_str(buf, text);
	fox_buf_char(buf, '}');
	return buf->failed ? FOX_LIT("{}") : fox_buf_view(buf);
}

void
fox_wamp_abort(FoxWampPeer *peer, const char *reason, const char *text)
{
	FoxBuf		dict = {0};

	fox_wamp_send(peer, &(FoxMsg){.type = FOX_MSG_ABORT, .uri = fox_cstr(reason),
				  .dict = message_dict(&dict, text ? fox_cstr(text) : FOX_ABSENT)});
	fox_buf_free(&dict);
	peer->state = WAMP_DEAD;
	if (!peer->transport_gone)
		peer->transport.close(peer->transport.conn, 1002, reason);
}

static void
put_disclosed(FoxBuf *b, const char *role, const FoxDisclosed *who)
{
	if (who->session == 0)
		return;
	if (b->data[b->len - 1] != '{')
		fox_buf_char(b, ',');
	fox_buf_char(b, '"');
	fox_buf_str(b, role);
	fox_buf_str(b, "\":");
	fox_buf_u64(b, who->session);
	fox_buf_str(b, ",\"");
	fox_buf_str(b, role);
	fox_buf_str(b, "_authid\":");
	fox_buf_json_str(b, who->authid);
	fox_buf_str(b, ",\"");
	fox_buf_str(b, role);
	fox_buf_str(b, "_authrole\":");
	fox_buf_json_str(b, who->authrole);
}

static void
put_payload(FoxBuf *b, FoxSlice args, FoxSlice kwargs)
{
	if (!fox_absent(args) || !fox_absent(kwargs))
	{
		fox_buf_char(b, ',');
		fox_buf_slice(b, fox_absent(args) ? FOX_LIT("[]") : args);
	}
	if (!fox_absent(kwargs))
	{
		fox_buf_char(b, ',');
		fox_buf_slice(b, kwargs);
	}
	fox_buf_char(b, ']');
}

static FoxBytes *
encode_event(const FoxSubscription *sub, const FoxEvent *e)
{
	fox_buf_reset(&out);
	fox_buf_str(&out, "[36,");
	fox_buf_u64(&out, fox_subscription_id(sub));
	fox_buf_char(&out, ',');
	fox_buf_u64(&out, e->publication);
	fox_buf_str(&out, ",{");
	if (!fox_subscription_is_exact(sub))
	{
		fox_buf_str(&out, "\"topic\":");
		fox_buf_json_str(&out, e->topic);
	}
	if (e->retained)
		fox_buf_str(&out, out.data[out.len - 1] == '{' ? "\"retained\":true" : ",\"retained\":true");
	put_disclosed(&out, "publisher", &e->publisher);
	if (e->has_trustlevel)
	{
		fox_buf_str(&out, out.data[out.len - 1] == '{' ? "\"trustlevel\":" : ",\"trustlevel\":");
		fox_buf_i64(&out, e->trustlevel);
	}
	fox_buf_char(&out, '}');
	put_payload(&out, e->args, e->kwargs);
	return out.failed ? NULL : fox_bytes_new(out.data, out.len);
}

static void
wamp_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	FoxWampPeer *peer = fox_session_data(s);

	if (e->encoded == NULL || e->encoded_for != sub)
	{
		fox_bytes_unref(e->encoded);
		e->encoded = encode_event(sub, e);
		e->encoded_for = sub;
	}
	if (e->encoded != NULL && !peer->transport_gone)
		peer->transport.send(peer->transport.conn, e->encoded, false);
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
	.args = why->args, .kwargs = why->kwargs};

	if (!fox_absent(why->text))
	{
		fox_buf_char(&args, '[');
		fox_buf_json_str(&args, why->text);
		fox_buf_char(&args, ']');
		if (!args.failed)
			msg.args = fox_buf_view(&args);
	}
	fox_wamp_send(fox_session_data(s), &msg);
	fox_buf_free(&args);
}

static void
wamp_result(FoxSession *s, uint64_t request, bool progress, FoxSlice args, FoxSlice kwargs)
{
	fox_buf_reset(&out);
	fox_buf_str(&out, "[50,");
	fox_buf_u64(&out, request);
	fox_buf_str(&out, progress ? ",{\"progress\":true}" : ",{}");
	put_payload(&out, args, kwargs);
	send_buffer(fox_session_data(s));
}

static void
wamp_invoke(FoxSession *s, const FoxInvocation *inv)
{
	fox_buf_reset(&out);
	fox_buf_str(&out, "[68,");
	fox_buf_u64(&out, inv->id);
	fox_buf_char(&out, ',');
	fox_buf_u64(&out, inv->registration);
	fox_buf_str(&out, ",{");
	if (!fox_absent(inv->procedure))
	{
		fox_buf_str(&out, "\"procedure\":");
		fox_buf_json_str(&out, inv->procedure);
	}
	if (inv->receive_progress)
		fox_buf_str(&out, out.data[out.len - 1] == '{' ? "\"receive_progress\":true" : ",\"receive_progress\":true");
	put_disclosed(&out, "caller", &inv->caller);
	fox_buf_char(&out, '}');
	put_payload(&out, inv->args, inv->kwargs);
	send_buffer(fox_session_data(s));
}

static void
wamp_interrupt(FoxSession *s, uint64_t invocation, FoxCancelMode mode, const char *reason)
{
	static const char *const modes[] = {"skip", "kill", "killnowait"};
	FoxBuf		dict = {0};

	fox_buf_str(&dict, "{\"mode\":\"");
	fox_buf_str(&dict, modes[mode]);
	fox_buf_str(&dict, "\",\"reason\":");
	fox_buf_json_str(&dict, fox_cstr(reason));
	fox_buf_char(&dict, '}');
	fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = FOX_MSG_INTERRUPT, .id = invocation,
				  .dict = dict.failed ? FOX_LIT("{}") : fox_buf_view(&dict)});
	fox_buf_free(&dict);
}

static void
wamp_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	FoxBuf		dict = {0};

	fox_buf_str(&dict, "{\"subscription\":");
	fox_buf_u64(&dict, subscription);
	fox_buf_str(&dict, ",\"reason\":");
	fox_buf_json_str(&dict, fox_cstr(reason));
	fox_buf_char(&dict, '}');
	if (!dict.failed)
		fox_wamp_send(fox_session_data(s), &(FoxMsg){.type = FOX_MSG_UNSUBSCRIBED, .id = 0,
					  .dict = fox_buf_view(&dict)});
	fox_buf_free(&dict);
}

static void
wamp_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxWampPeer *peer = fox_session_data(s);
	FoxBuf		dict = {0};

	fox_wamp_send(peer, &(FoxMsg){.type = FOX_MSG_GOODBYE, .uri = fox_cstr(reason),
				  .dict = message_dict(&dict, message)});
	fox_buf_free(&dict);
	peer->session = NULL;
	peer->state = WAMP_DEAD;
	if (!peer->transport_gone)
		peer->transport.close(peer->transport.conn, 1000, reason);
}

const FoxSessionOps fox_wamp_ops = {
	.event = wamp_event,
	.done = wamp_done,
	.failed = wamp_failed,
	.result = wamp_result,
	.invoke = wamp_invoke,
	.interrupt = wamp_interrupt,
	.unsubscribed = wamp_unsubscribed,
	.ended = wamp_ended
};
