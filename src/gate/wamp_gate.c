/*
 * wamp_gate.c - messages of a WAMP client, checked and handed to the core.
 *
 * Every violation of the protocol ends in an ABORT that says why, before the
 * transport closes (WAMP basic profile, "Protocol Errors"); the session's state is
 * disposed of first, so that nothing it sent is processed any more.
 */
#include "gate/wamp_gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/cookie.h"
#include "gate/origin.h"
#include "gate/wamp_private.h"

#include "base/pure.h"

#define AGENT_MAX 256			/* bytes of what a peer says of its software */
#define LOGIN_MESSAGE_MAX 131072	/* bytes: a peer that no one knows is to cost little */
#define VIOLATION "wamp.error.protocol_violation"

static const char welcome[] = "\"agent\":\"fox_wamp\",\"roles\":{\"broker\":{\"features\":{"
"\"event_history\":true,"
"\"event_retention\":true,"
"\"pattern_based_subscription\":true,"
"\"payload_passthru_mode\":true,"
"\"publication_trustlevels\":true,"
"\"publisher_exclusion\":true,"
"\"publisher_identification\":true,"
"\"session_meta_api\":true,"
"\"shareded_subscriptions\":true,"	/* as the specification spells it */
"\"subscriber_blackwhite_listing\":true,"
"\"subscription_meta_api\":true,"
"\"subscription_revocation\":true,"
"\"x_acknowledged_event_delivery\":true"
"},\"reflection\":true},\"dealer\":{\"features\":{"
"\"call_canceling\":true,"
"\"call_reroute\":true,"
"\"call_timeout\":true,"
"\"call_trustlevels\":true,"
"\"caller_identification\":true,"
"\"pattern_based_registration\":true,"
"\"payload_passthru_mode\":true,"
"\"progressive_call_invocations\":true,"
"\"progressive_call_results\":true,"
"\"registration_meta_api\":true,"
"\"registration_revocation\":true,"
"\"session_meta_api\":true,"
"\"sharded_registration\":true,"
"\"shared_registration\":true,"
"\"testament_meta_api\":true"
"},\"reflection\":true}}";

static const FoxGateOps gate_ops = {fox_wamp_gate_message, fox_wamp_gate_alive, fox_wamp_gate_close};

static FoxMsg msg;				/* of the message in hand; the loop is single-threaded */
static FoxBuf dict;				/* what msg borrows besides the message */

/* JSON is what everything else is. */
static FoxEncoding
encoding_of(const char *subprotocol)
{
	if (strcmp(subprotocol, "wamp.2.msgpack") == 0)
		return FOX_MSGPACK;
	return strcmp(subprotocol, "wamp.2.cbor") == 0 ? FOX_CBOR : FOX_JSON;
}

void
fox_wamp_gate_alive(void *gate)
{
	FoxWampPeer *p = gate;

	if (p->session != NULL)
		fox_session_alive(p->session);
}

static void
end_session(FoxWampPeer *p, FoxEnd how)
{
	FoxSession *s = p->session;

	if (p->login != NULL)
		fox_login_free(p->login);
	p->login = NULL;
	p->session = NULL;
	if (s != NULL)
		fox_session_leave(s, how);
}

static void
peer_free(FoxWampPeer *p)
{
	free(p->certificate);
	free(p->agent);
	free(p->cookie);
	free(p->headers);
	free(p);
}

void
fox_wamp_gate_close(void *gate, FoxGateClose cause)
{
	FoxWampPeer *p = gate;

	(void) cause;				/* without a GOODBYE every end of the transport is a loss */
	p->transport_gone = true;
	end_session(p, FOX_END_LOST);
	peer_free(p);
}

static void
violation(FoxWampPeer *p, const char *text)
{
	end_session(p, FOX_END_LOST);
	fox_wamp_abort(p, VIOLATION, text);
}

/* --- HELLO --- */

static bool
feature(FoxSlice roles, const char *role, const char *name)
{
	FoxSlice	r = fox_json_get(roles, role);
	FoxSlice	features;

	if (fox_json_kind(r) != FOX_JSON_OBJECT)
		return false;
	features = fox_json_get(r, "features");
	return fox_json_kind(features) == FOX_JSON_OBJECT && fox_json_is_true(fox_json_get(features, name));
}

/* At least one of the four roles must be announced, each as an object. */
static bool
roles_valid(FoxSlice roles)
{
	static const char *const known[] = {"publisher", "subscriber", "caller", "callee"};
	bool		any = false;

	if (fox_json_kind(roles) != FOX_JSON_OBJECT)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		FoxSlice	role = fox_json_get(roles, known[i]);

		if (fox_absent(role))
			continue;
		if (fox_json_kind(role) != FOX_JSON_OBJECT)
			return false;
		any = true;
	}
	return any;
}

static void
features(FoxSlice roles, FoxSessionInfo *info)
{
	info->call_canceling = feature(roles, "callee", "call_canceling") || feature(roles, "callee", "call_cancelling");
	info->progressive_results = feature(roles, "callee", "progressive_call_results");
	info->progressive_invocations = feature(roles, "callee", "progressive_call_invocations");
	info->call_timeout = feature(roles, "callee", "call_timeout");
	info->registration_revocation = feature(roles, "callee", "registration_revocation");
	info->ppt_callee = feature(roles, "callee", "payload_passthru_mode");
	info->streams_calls = feature(roles, "caller", "progressive_call_invocations");
	info->ppt_publisher = feature(roles, "publisher", "payload_passthru_mode");
	info->ppt_subscriber = feature(roles, "subscriber", "payload_passthru_mode");
	info->ppt_caller = feature(roles, "caller", "payload_passthru_mode");
	/* Autobahn|Python acknowledges as a subscriber, and announces it as a publisher. */
	info->acknowledges_events = feature(roles, "subscriber", "x_acknowledged_event_delivery") ||
		feature(roles, "publisher", "x_acknowledged_event_delivery");
	info->subscription_revocation = feature(roles, "subscriber", "subscription_revocation");
}

/* What it says of its software, for who asks. */
static void
keep_agent(FoxWampPeer *p)
{
	FoxSlice	agent = fox_json_get(msg.dict, "agent");
	FoxBuf		text = {0};

	free(p->agent);
	p->agent = NULL;
	if (!fox_absent(agent) && agent.len <= AGENT_MAX && !fox_absent(agent = fox_json_text(agent, &text)) && memchr(agent.ptr, '\0', agent.len) == NULL)
		p->agent = fox_strdup(agent);
	fox_buf_free(&text);
}

static void
hello(FoxWampPeer *p)
{
	FoxSlice	roles = fox_json_get(msg.dict, "roles");
	FoxSessionInfo info = {
		.peer = fox_cstr(p->address), .protocol = fox_cstr(p->protocol), .transport = p->transport_name,
		.encoding = p->encoding
	};

	keep_agent(p);
	info.agent = fox_cstr(p->agent);
	if (!roles_valid(roles))
	{
		violation(p, "HELLO.Details.roles must announce at least one role");
		return;
	}
	features(roles, &info);
	if (!fox_login_hello(p->login, msg.uri, msg.dict, &info))
		violation(p, "HELLO while a log-in is under way");
}

static void
authenticate(FoxWampPeer *p)
{
	if (!fox_login_authenticate(p->login, msg.uri, msg.dict))
		violation(p, "AUTHENTICATE without a CHALLENGE that waits for it");
}

static void
login_challenge(void *data, const char *method, FoxSlice extra)
{
	fox_wamp_send(data, &(FoxMsg){.type = FOX_MSG_CHALLENGE, .uri = fox_cstr(method), .dict = extra});
}

static void
login_refused(void *data, const char *reason, const char *text)
{
	FoxWampPeer *p = data;

	p->login = NULL;
	fox_wamp_abort(p, reason, text);
}

static void
login_accepted(void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra)
{
	FoxWampPeer *p = data;
	const char *reason;

	p->login = NULL;
	p->last_request = 0;
	p->session = fox_session_join(p->router, realm, info, &fox_wamp_ops, p, &reason);
	if (p->session == NULL)
	{
		fox_wamp_abort(p, reason, fox_session_join_text(reason));
		return;
	}
	p->state = WAMP_JOINED;
	p->transport.ops->limit(p->transport.conn, 0);
	fox_wamp_welcome(p, info, authextra, FOX_LIT(welcome));
}

static const FoxLoginOps login_ops = {login_challenge, login_accepted, login_refused};

/* A peer without a session has a log-in, which waits for its HELLO. */
static bool
begin_login(FoxWampPeer *p)
{
	p->state = WAMP_NEW;
	p->login = fox_login_new(p->router, &(FoxLoginPeer){p->address, p->local, p->confidential, p->certificate, p->cookie},
							 &login_ops, p);
	p->transport.ops->limit(p->transport.conn, LOGIN_MESSAGE_MAX);
	return p->login != NULL;
}

void *
fox_wamp_gate_open(FoxRouter *router, const FoxTransport *transport, const FoxPeer *peer)
{
	size_t		address_size = strlen(peer->address) + 1;
	size_t		protocol_size = strlen(peer->subprotocol) + 1;
	FoxWampPeer *p = calloc(1, sizeof(*p) + address_size + protocol_size);

	if (p == NULL)
		return NULL;
	p->gate.ops = &gate_ops;
	p->router = router;
	p->transport = *transport;
	p->local = peer->loopback && fox_origin_is_local(fox_cstr(peer->origin));
	p->confidential = peer->confidential;
	p->transport_name = peer->transport;
	p->encoding = encoding_of(peer->subprotocol);
	memcpy(p->address, peer->address, address_size);
	p->protocol = memcpy(p->address + address_size, peer->subprotocol, protocol_size);
	if (*peer->certificate != '\0')
		p->certificate = strdup(peer->certificate);
	if (*peer->new_cookie != '\0')
		p->cookie = strdup(peer->new_cookie);
	if (p->cookie != NULL && *peer->cookie != '\0')
		fox_cookie_carry(router, peer->cookie, p->cookie);
	if (!fox_absent(peer->headers))
		p->headers = fox_strdup(peer->headers);
	if (!begin_login(p))
	{
		peer_free(p);
		return NULL;
	}
	return p;
}

/* --- an established session --- */

/* Who logs out wants to be nobody on this connection, and on later ones. */
static void
log_out(FoxWampPeer *p)
{
	if (p->cookie != NULL)
		fox_cookie_forget(p->router, p->cookie);
	free(p->cookie);
	p->cookie = NULL;
}

static void
goodbye(FoxWampPeer *p)
{
	if (fox_slice_is(msg.uri, "wamp.close.logout"))
		log_out(p);
	end_session(p, FOX_END_GOODBYE);
	fox_wamp_send(p, &(FoxMsg){.type = FOX_MSG_GOODBYE, .dict = FOX_LIT("{}"),
				  .uri = FOX_LIT("wamp.close.goodbye_and_out")});
	if (!begin_login(p))
		fox_wamp_abort(p, "wamp.error.unavailable", "out of memory");
}

/* Requests carry ids 1, 2, 3, … of the session; looked at only where an administrator wants that. */
static bool
request_id_fits(FoxWampPeer *p)
{
	if (!fox_router_strict_request_ids(p->router))
		return true;
	if (msg.type == FOX_MSG_CALL && msg.id <= p->last_request)
		return fox_session_call_continues(p->session, msg.id);
	return msg.id == ++p->last_request;
}

/* What a message may not say without an announcement; true: it was a violation. */
static bool
unannounced(FoxWampPeer *p, FoxRequest what)
{
	const char *text = fox_session_unannounced(p->session, what, msg.dict);

	if (text != NULL)
		violation(p, text);
	return text != NULL;
}

static void
error_of_callee(FoxWampPeer *p)
{
	if (msg.type2 != FOX_REQ_INVOCATION)
		violation(p, "ERROR.REQUEST.Type from a client must be INVOCATION");
	else if (unannounced(p, FOX_REQ_INVOCATION))
		return;
	else if (!fox_session_invocation_failed(p->session, msg.id, msg.dict, msg.uri, msg.args, msg.kwargs))
		violation(p, "ERROR for an invocation that does not exist");
}

static void
joined(FoxWampPeer *p)
{
	FoxSession *s = p->session;

	switch (msg.type)
	{
		case FOX_MSG_SUBSCRIBE:
		case FOX_MSG_UNSUBSCRIBE:
		case FOX_MSG_PUBLISH:
		case FOX_MSG_REGISTER:
		case FOX_MSG_UNREGISTER:
		case FOX_MSG_CALL:
			if (!request_id_fits(p))
			{
				violation(p, "request ids must be 1, 2, 3 and so on");
				return;
			}
			break;
		default:
			break;
	}
	switch (msg.type)
	{
		case FOX_MSG_PUBLISH:
			if (!unannounced(p, FOX_REQ_PUBLISH))
				fox_session_publish(s, msg.id, msg.dict, msg.uri, msg.args, msg.kwargs);
			break;
		case FOX_MSG_SUBSCRIBE:
			fox_session_subscribe(s, msg.id, msg.dict, msg.uri);
			break;
		case FOX_MSG_UNSUBSCRIBE:
			fox_session_unsubscribe(s, msg.id, msg.id2);
			break;
		case FOX_MSG_EVENT_RECEIVED:
			if (!fox_session_event_received(s, msg.id2))
				violation(p, "EVENT_RECEIVED without having announced x_acknowledged_event_delivery");
			break;
		case FOX_MSG_CALL:
			if (!unannounced(p, FOX_REQ_CALL))
				fox_session_call(s, msg.id, msg.dict, msg.uri, msg.args, msg.kwargs);
			break;
		case FOX_MSG_CANCEL:
			fox_session_cancel(s, msg.id, msg.dict);
			break;
		case FOX_MSG_YIELD:
			if (!unannounced(p, FOX_REQ_YIELD) &&
				!fox_session_yield(s, msg.id, msg.dict, msg.args, msg.kwargs))
				violation(p, "YIELD for an invocation that does not exist");
			break;
		case FOX_MSG_ERROR:
			error_of_callee(p);
			break;
		case FOX_MSG_REGISTER:
			fox_session_register(s, msg.id, msg.dict, msg.uri);
			break;
		case FOX_MSG_UNREGISTER:
			fox_session_unregister(s, msg.id, msg.id2);
			break;
		case FOX_MSG_GOODBYE:
			goodbye(p);
			break;
		case FOX_MSG_HELLO:
			violation(p, "HELLO in an established session");
			break;
		default:
			violation(p, "a message that only a router may send");
	}
}

void
fox_wamp_gate_message(void *gate, char *data, size_t len, bool binary)
{
	FoxWampPeer *p = gate;
	const char *error;

	if (p->state == WAMP_DEAD)
		return;
	if (binary != (p->encoding != FOX_JSON))
	{
		violation(p, binary ? "wamp.2.json messages are text frames" :
				  "wamp.2.msgpack and wamp.2.cbor messages are binary frames");
		return;
	}
	fox_buf_reset(&dict);
	error = fox_msg_decode(p->encoding, fox_slice(data, len), &msg, &dict);
	if (error != NULL)
		violation(p, error);
	else if (msg.type == FOX_MSG_ABORT)
	{
		end_session(p, FOX_END_LOST);
		p->state = WAMP_DEAD;
		p->transport.ops->close(p->transport.conn, 1000, "aborted by the client");
	}
	else if (p->state == WAMP_JOINED)
		joined(p);
	else if (msg.type == FOX_MSG_HELLO)
		hello(p);
	else if (msg.type == FOX_MSG_AUTHENTICATE)
		authenticate(p);
	else
		violation(p, "the first message must be HELLO");
}
