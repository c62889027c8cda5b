/*
 * mqtt_gate.c - packets of an MQTT client, checked and handed on.
 *
 * What is malformed or out of place ends the connection; a client of 5.0 is told the reason by a
 * DISCONNECT first, or by a CONNACK if it has not joined yet.
 */
#include "gate/mqtt_gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/mqtt_payload.h"
#include "codec/utf8.h"
#include "gate/mqtt_private.h"
#include "gate/origin.h"

#include "base/pure.h"

static FoxBuf out;				/* packets are built one after the other in the same memory */

/* --- the broker --- */

FoxMqttBroker *
fox_mqtt_broker_new(FoxRouter *router, const FoxMqttConfig *config)
{
	FoxMqttBroker *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->router = router;
	fox_list_init(&b->all);
	fox_list_init(&b->promises);
	fox_list_init(&b->unwritten);
	fox_list_init(&b->bridges);
	fox_mqtt_broker_configure(b, config);
	b->started_us = fox_router_now(router);
	mqtt_sys_start(b);
	return b;
}

void
fox_mqtt_broker_configure(FoxMqttBroker *b, const FoxMqttConfig *config)
{
	bool		other_interval = b->config.sys_interval != config->sys_interval;

	b->config = *config;
	if (other_interval)
		mqtt_sys_start(b);
	fox_mqtt_strings_raw(config->raw_strings);
	mqtt_bridges_configure(b);
	if (config->redirect[0] == '\0')
		return;
	fox_list_each(n, &b->all)
	{
		MqttPeer   *p = fox_container(MqttSession, in_broker, n)->peer;

		if (p != NULL)
			mqtt_redirect(p);
	}
}

void
fox_mqtt_broker_free(FoxMqttBroker *b)
{
	b->closing = true;
	mqtt_bridges_free(b);
	fox_router_timer_clear(b->router, &b->sys_timer);
	fox_list_each(n, &b->all)
		mqtt_session_gone(fox_container(MqttSession, in_broker, n));
	fox_map_free(&b->sessions);
	free(b);
}

/* --- sending --- */

void
mqtt_send_bytes(MqttPeer *p, FoxBytes *bytes)
{
	if (bytes == NULL)
	{
		p->transport.ops->close(p->transport.conn, 1013, "out of memory");
		return;
	}
	if (bytes->len > p->max_packet)
	{
		fox_bytes_unref(bytes);
		mqtt_drop(p, "an answer is larger than the client takes");
		return;
	}
	p->broker->counters.sent++;
	p->broker->counters.bytes_sent += bytes->len;
	p->transport.ops->send(p->transport.conn, bytes, true);
	fox_bytes_unref(bytes);
}

FoxBytes *
mqtt_encode(MqttPeer *p, const FoxMqttPacket *packet)
{
	FoxMqttPacket plain;

	fox_buf_reset(&out);
	fox_mqtt_encode(p->version, packet, &out);
	if (fox_mqtt_has(&packet->props, FOX_PROP_REASON_STRING) && (p->quiet || out.len > p->max_packet))
	{
		plain = *packet;
		plain.props.present &= ~((uint64_t) 1 << FOX_PROP_REASON_STRING);
		fox_buf_reset(&out);
		fox_mqtt_encode(p->version, &plain, &out);
	}
	return out.failed ? NULL : fox_bytes_new(out.data, out.len);
}

void
mqtt_send(MqttPeer *p, const FoxMqttPacket *packet)
{
	mqtt_send_bytes(p, mqtt_encode(p, packet));
}

void
mqtt_say_why(const MqttPeer *p, FoxMqttPacket *packet, FoxSlice text)
{
	if (p->version != FOX_MQTT_50 || text.len == 0)
		return;
	fox_mqtt_set(&packet->props, FOX_PROP_REASON_STRING);
	packet->props.reason_string = fox_utf8_clip(text, UINT16_MAX);
}

void
mqtt_cut(MqttPeer *p, FoxMqttReason reason, const char *text)
{
	FoxMqttPacket packet = {.type = FOX_MQTT_DISCONNECT, .reason = (uint8_t) reason};
	MqttSession *s = p->session;

	if (p->state == MQTT_DEAD)
		return;
	if (p->state == MQTT_JOINED && p->version == FOX_MQTT_50)
	{
		mqtt_say_why(p, &packet, fox_cstr(text));
		mqtt_send(p, &packet);
	}
	p->state = MQTT_DEAD;
	p->session = NULL;
	if (s != NULL)
		mqtt_session_detach(s, true);
	mqtt_login_end(p);
	p->transport.ops->pause(p->transport.conn, false);
	p->transport.ops->close(p->transport.conn, 1002, text);
}

void
mqtt_redirect(MqttPeer *p)
{
	FoxMqttPacket packet = {.type = p->state == MQTT_JOINED ? FOX_MQTT_DISCONNECT : FOX_MQTT_CONNACK, .reason = FOX_MQTT_USE_ANOTHER};
	MqttSession *s = p->session;

	if (p->version == FOX_MQTT_50)
	{
		fox_mqtt_set(&packet.props, FOX_PROP_SERVER_REFERENCE);
		packet.props.server_reference = fox_cstr(p->broker->config.redirect);
		mqtt_send(p, &packet);
	}
	else if (p->state != MQTT_JOINED)
		mqtt_send(p, &(FoxMqttPacket){.type = FOX_MQTT_CONNACK, .reason = 3});
	p->state = MQTT_DEAD;
	p->session = NULL;
	if (s != NULL)
		mqtt_session_detach(s, true);
	p->transport.ops->close(p->transport.conn, 1001, "use another server");
}

void
mqtt_drop(MqttPeer *p, const char *text)
{
	p->state = MQTT_DEAD;
	p->transport.ops->close(p->transport.conn, 1013, text);
}

/* --- time --- */

static void
look_alive(void *ctx, FoxTimer *timer)
{
	MqttPeer   *p = fox_container(MqttPeer, timer, timer);
	FoxRouter  *r = p->broker->router;
	uint64_t	patience = (uint64_t) p->keep_alive * MQTT_SECOND / 2 * 3;

	(void) ctx;
	if (p->held)
		p->heard_us = fox_router_now(r);	/* it may have said something */
	if (p->state == MQTT_JOINED && p->keep_alive > 0)
	{
		if (fox_router_now(r) >= p->heard_us + patience)
			mqtt_cut(p, FOX_MQTT_KEEP_ALIVE, "nothing has come for one and a half times the keep alive");
		else
			fox_router_timer_set(r, &p->timer, p->heard_us + patience, look_alive);
	}
}

void
mqtt_watch(MqttPeer *p)
{
	fox_router_timer_clear(p->broker->router, &p->timer);
	look_alive(NULL, &p->timer);
}

/* --- receiving --- */

static void
disconnect(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;

	if (fox_mqtt_has(&packet->props, FOX_PROP_SESSION_EXPIRY))
	{
		if (s->expiry == 0 && packet->props.session_expiry > 0)
		{
			mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "a session that was to end with its connection can not be kept any more");
			return;
		}
		s->expiry = mqtt_expiry_within(p->broker, packet->props.session_expiry);
	}
	p->state = MQTT_DEAD;
	p->session = NULL;
	mqtt_session_detach(s, packet->reason != FOX_MQTT_SUCCESS);
	p->transport.ops->close(p->transport.conn, 1000, NULL);
}

static void
joined(MqttPeer *p, const FoxMqttPacket *packet)
{
	switch (packet->type)
	{
		case FOX_MQTT_PUBLISH:
			mqtt_publish(p, packet);
			break;
		case FOX_MQTT_PUBREL:
			mqtt_pubrel(p, packet);
			break;
		case FOX_MQTT_PUBACK:
		case FOX_MQTT_PUBREC:
		case FOX_MQTT_PUBCOMP:
			mqtt_acknowledged(p, packet);
			break;
		case FOX_MQTT_SUBSCRIBE:
			mqtt_subscribe(p, packet);
			break;
		case FOX_MQTT_UNSUBSCRIBE:
			mqtt_unsubscribe(p, packet);
			break;
		case FOX_MQTT_PINGREQ:
			mqtt_send(p, &(FoxMqttPacket){.type = FOX_MQTT_PINGRESP});
			break;
		case FOX_MQTT_DISCONNECT:
			disconnect(p, packet);
			break;
		case FOX_MQTT_CONNECT:
			mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "a second CONNECT");
			break;
		case FOX_MQTT_AUTH:
			mqtt_reauthenticate(p, packet);
			break;
		default:
			mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "a packet that only a server may send");
	}
}

static const char *
text_of(FoxMqttReason reason)
{
	switch (reason)
	{
		case FOX_MQTT_TOO_LARGE:
			return "the packet is larger than is taken here";
		case FOX_MQTT_BAD_TOPIC:
			return "the topic is empty or has a wildcard";
		case FOX_MQTT_PROTOCOL_ERROR:
			return "the packet has something that it must not have";
		default:
			return "malformed packet";
	}
}

void
mqtt_packet(MqttPeer *p, FoxSlice bytes)
{
	FoxMqttPacket packet;
	FoxMqttReason reason = fox_mqtt_decode(p->version, bytes, &packet);

	if (reason != FOX_MQTT_SUCCESS && packet.type != FOX_MQTT_CONNECT)
		mqtt_cut(p, reason, text_of(reason));
	else
		joined(p, &packet);
}

/* Who is not known yet is told by a CONNACK, and by nothing if it does not speak MQTT at all. */
static void
first_packet(MqttPeer *p, FoxSlice bytes)
{
	FoxMqttPacket packet;
	FoxMqttReason reason = fox_mqtt_decode(0, bytes, &packet);

	if (packet.type == FOX_MQTT_CONNECT)
		p->version = packet.version;
	if (packet.type == FOX_MQTT_CONNECT && reason == FOX_MQTT_SUCCESS)
		mqtt_connect(p, &packet, bytes);
	else if (reason == FOX_MQTT_BAD_VERSION)
	{
		p->version = FOX_MQTT_311;
		mqtt_send(p, &(FoxMqttPacket){.type = FOX_MQTT_CONNACK, .reason = 1});
		mqtt_cut(p, reason, "a version of MQTT that is not spoken here");
	}
	else if (packet.type == FOX_MQTT_CONNECT && p->version == FOX_MQTT_50)
		mqtt_refuse(p, reason, text_of(reason));
	else
		mqtt_cut(p, reason, "the first packet must be CONNECT");
}

static void
gate_message(void *gate, char *data, size_t len, bool binary)
{
	MqttPeer   *p = gate;
	FoxSlice	bytes = fox_slice(data, len);

	if (p->state == MQTT_DEAD)
		return;
	p->heard_us = fox_router_now(p->broker->router);
	p->broker->counters.received++;
	p->broker->counters.bytes_received += len;
	if (!binary)
		mqtt_cut(p, FOX_MQTT_MALFORMED, "MQTT is binary messages of a WebSocket");
	else if (p->state == MQTT_NEW)
		first_packet(p, bytes);
	else if (p->state == MQTT_JOINED)
		mqtt_packet(p, bytes);
	else if (p->state == MQTT_CHALLENGED)
		mqtt_authenticate(p, bytes);
	else
	{
		fox_buf_slice(&p->arrival->early, bytes);
		if (p->arrival->early.failed)
			mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
	}
}

static void
gate_alive(void *gate)
{
	(void) gate;				/* the keep alive is the client's sign of life */
}

static void
gate_close(void *gate, FoxGateClose cause)
{
	MqttPeer   *p = gate;
	MqttSession *s = p->session;

	(void) cause;				/* without a DISCONNECT every end of the transport is a loss */
	p->session = NULL;
	if (s != NULL)
		mqtt_session_detach(s, true);
	mqtt_login_end(p);
	fox_router_timer_clear(p->broker->router, &p->timer);
	mqtt_aliases_free(p);
	free(p->certificate);
	free(p);
}

static const FoxGateOps gate_ops = {gate_message, gate_alive, gate_close};

void *
fox_mqtt_gate_open(FoxMqttBroker *b, const FoxTransport *transport, const FoxPeer *peer)
{
	size_t		address_size = strlen(peer->address) + 1;
	MqttPeer   *p = calloc(1, sizeof(*p) + address_size);

	if (p == NULL)
		return NULL;
	b->counters.sockets++;
	p->gate.ops = &gate_ops;
	p->broker = b;
	p->transport = *transport;
	p->local = peer->loopback && fox_origin_is_local(fox_cstr(peer->origin));
	p->transport_name = peer->transport;
	p->max_packet = UINT32_MAX;
	memcpy(p->address, peer->address, address_size);
	p->confidential = peer->confidential;
	if (*peer->certificate != '\0')
		p->certificate = strdup(peer->certificate);
	if (!mqtt_login_begin(p))
	{
		free(p->certificate);
		free(p);
		return NULL;
	}
	return p;
}

/* --- what the core says --- */

static FoxMqttReason
reason_of(FoxSlice uri)
{
	static const struct
	{
		const char *uri;
		FoxMqttReason reason;
	}			reasons[] = {
		{"wamp.error.not_authorized", FOX_MQTT_NOT_AUTHORIZED},
		{"wamp.error.authorization_failed", FOX_MQTT_NOT_AUTHORIZED},
		{"wamp.error.invalid_uri", FOX_MQTT_BAD_TOPIC},
		{"wamp.error.unavailable", FOX_MQTT_QUOTA},
		{"wamp.error.invalid_argument", FOX_MQTT_IMPLEMENTATION}
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (fox_slice_is(uri, reasons[i].uri))
			return reasons[i].reason;
	return FOX_MQTT_UNSPECIFIED;
}

static void
mqtt_done(FoxSession *core, FoxRequest what, uint64_t request, uint64_t id)
{
	MqttSession *s = fox_session_data(core);

	if (what == FOX_REQ_PUBLISH)
		mqtt_published(core, request, FOX_MQTT_SUCCESS, FOX_ABSENT);
	else if (what == FOX_REQ_SUBSCRIBE || what == FOX_REQ_REGISTER)
		mqtt_subscribed(s, request, id);
}

static void
mqtt_failed(FoxSession *core, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	MqttSession *s = fox_session_data(core);

	if (what == FOX_REQ_PUBLISH)
		mqtt_published(core, request, reason_of(why->uri), why->text);
	else if (what == FOX_REQ_CALL)
		mqtt_call_failed(s, request, why);
	else if (what == FOX_REQ_SUBSCRIBE || what == FOX_REQ_REGISTER)
	{
		FoxMqttReason reason = reason_of(why->uri);

		mqtt_not_subscribed(s, request, reason == FOX_MQTT_BAD_TOPIC ? FOX_MQTT_BAD_FILTER : reason, why->text);
	}
}

static void
mqtt_unsubscribed(FoxSession *core, uint64_t subscription, const char *reason)
{
	MqttSession *s = fox_session_data(core);
	MqttSub    *sub = mqtt_sub_by_id(s, subscription);

	(void) reason;
	if (sub != NULL)
		mqtt_sub_free(s, sub);
}

static bool
mqtt_reachable(const FoxSession *core)
{
	return ((MqttSession *) fox_session_data(core))->peer != NULL;
}

static bool
mqtt_disconnect(FoxSession *core, const char *reason)
{
	MqttPeer   *p = ((MqttSession *) fox_session_data(core))->peer;

	if (p != NULL)
		mqtt_cut(p, FOX_MQTT_ADMINISTRATIVE, reason);
	return p != NULL;
}

static void
mqtt_ended(FoxSession *core, const char *reason, FoxSlice message)
{
	MqttSession *s = fox_session_data(core);
	MqttPeer   *p = s->peer;
	bool		shutdown = strcmp(reason, "wamp.close.system_shutdown") == 0;

	(void) message;
	s->broker->closing |= shutdown;
	if (p != NULL)
	{
		s->peer = NULL;
		s->broker->clients--;
		p->session = NULL;
		mqtt_cut(p, shutdown ? FOX_MQTT_SHUTTING_DOWN : FOX_MQTT_ADMINISTRATIVE, reason);
		if (!shutdown)
			fox_session_disconnected(core, true);
	}
	if (!shutdown)
		mqtt_will_publish_apart(s);
	mqtt_session_gone(s);
}

const FoxSessionOps mqtt_ops = {
	.event = mqtt_event,
	.done = mqtt_done,
	.failed = mqtt_failed,
	.received_as = mqtt_received_as,
	.distributed = mqtt_distributed,
	.result = mqtt_result,
	.invoke = mqtt_invoke,
	.unsubscribed = mqtt_unsubscribed,
	.unregistered = mqtt_unsubscribed,
	.reachable = mqtt_reachable,
	.disconnect = mqtt_disconnect,
	.ended = mqtt_ended
};
