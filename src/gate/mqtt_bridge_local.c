/*
 * mqtt_bridge_local.c - a bridge as a client of ours: its session, and packets from it, and to it.
 *
 * The session is made by its rows, not by packets: so messages wait in it before the remote is reached for the first
 * time.  Its peer is the bridge.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "gate/mqtt_bridge_private.h"

#include "base/pure.h"

static FoxBuf id_text;
static FoxBuf topic_text;
static FoxBuf out;

/* --- the session --- */

bool
mqtt_is_bridge(FoxSlice client_id)
{
	return fox_slice_begins(client_id, FOX_LIT(MQTT_BRIDGE_ID));
}

/* Until the next one. */
static FoxSlice
id_of(FoxSlice name)
{
	fox_buf_reset(&id_text);
	fox_buf_str(&id_text, MQTT_BRIDGE_ID);
	fox_buf_slice(&id_text, name);
	return fox_buf_view(&id_text);
}

MqttSession *
mqtt_bridge_find(const MqttBridge *b)
{
	return mqtt_session_find(b->broker, b->row->realm, id_of(b->row->name));
}

static FoxSessionInfo
identity(const MqttBridge *b)
{
	return (FoxSessionInfo){.authid = FOX_LIT("mqtt_bridge"), .authrole = FOX_LIT("mqtt_bridge"), .authmethod = FOX_LIT("internal"),
		.peer = b->row->url, .protocol = FOX_LIT("mqtt"), .encoding = FOX_MQTT, .client_id = id_of(b->row->name)};
}

static MqttSession *
make(MqttBridge *b)
{
	FoxSessionInfo info = identity(b);
	const char *reason;
	MqttSession *s = mqtt_session_new(b->broker, b->row->realm, info.client_id, &info, &reason);

	if (s == NULL)
	{
		fox_mqtt_bridge_is(b->broker->router, b->row, b->row->state.phase, fox_session_join_text(reason));
		return NULL;
	}
	b->created = true;
	s->expiry = UINT32_MAX;		/* it is the row that ends it */
	(void) mqtt_store_session(s);
	mqtt_session_away(s);
	return s;
}

/* Is it the filter of a row whose messages go out? */
static bool
is_wanted(const MqttBridge *b, FoxSlice filter)
{
	bool		wanted = false;

	fox_list_each(n, &b->row->topics)
	{
		const FoxMqttBridgeTopic *t = fox_container(FoxMqttBridgeTopic, in_bridge, n);

		fox_buf_reset(&topic_text);
		fox_mqtt_mapping_filter(&t->mapping, false, &topic_text);
		wanted |= t->out && fox_slice_eq(filter, fox_buf_view(&topic_text));
	}
	return wanted;
}

/* NULL: all are. */
static MqttSub *
unwanted(const MqttBridge *b, const MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->subs, &pos)) != NULL)
		if (!is_wanted(b, ((MqttSub *) slot->value)->filter))
			return slot->value;
	return NULL;
}

/*
 * retained: with what is retained.  Where messages go both ways that comes with a new subscription only, for later it
 * may be older than what is retained there.
 */
static void
subscribe(const MqttBridge *b, MqttSession *s, bool retained)
{
	MqttSub    *sub;

	while ((sub = unwanted(b, s)) != NULL)
		mqtt_unsubscribe_as(s, sub);
	fox_list_each(n, &b->row->topics)
	{
		const FoxMqttBridgeTopic *t = fox_container(FoxMqttBridgeTopic, in_bridge, n);
		FoxMqttFilter f = {.qos = t->qos, .no_local = true, .retain_as_published = true, .retain_handling = !retained ? 2 : t->in && !b->created ? 1 : 0};

		if (!t->out)
			continue;
		fox_buf_reset(&topic_text);
		fox_mqtt_mapping_filter(&t->mapping, false, &topic_text);
		f.filter = fox_buf_view(&topic_text);
		if (b->phase == BRIDGE_RUNNING && f.qos > b->max_qos)
			f.qos = b->max_qos;
		mqtt_subscribe_as(s, &f);
	}
}

void
mqtt_bridge_session(MqttBridge *b)
{
	MqttSession *s = mqtt_bridge_find(b);

	if (s == NULL && !b->row->clean_start)
		s = make(b);
	if (s == NULL)
		return;
	s->dropped = &b->row->state.dropped;
	subscribe(b, s, false);
}

void
mqtt_bridge_session_end(FoxMqttBroker *broker, FoxSlice realm, FoxSlice name)
{
	MqttSession *s = mqtt_session_find(broker, realm, id_of(name));

	if (s == NULL)
		return;
	s->dropped = NULL;
	mqtt_session_end(s);
}

void
mqtt_bridge_sessions_sweep(FoxMqttBroker *broker)
{
	fox_list_each(n, &broker->all)
	{
		MqttSession *s = fox_container(MqttSession, in_broker, n);
		FoxSlice	id = s->client_id;
		FoxMqttBridge *row;

		if (s->ending || !mqtt_is_bridge(id))
			continue;
		row = fox_mqtt_bridge_find(broker->router, fox_slice(id.ptr + sizeof(MQTT_BRIDGE_ID) - 1, id.len - sizeof(MQTT_BRIDGE_ID) + 1));
		if (row == NULL || row->clean_start || !fox_slice_eq(row->realm, mqtt_session_realm(s)))
			mqtt_session_end(s);
	}
}

/* --- topics --- */

/* A message of the remote's calls nobody here. */
static bool
is_call(FoxSlice topic)
{
	return fox_slice_begins(topic, FOX_LIT("$call/")) || fox_slice_begins(topic, FOX_LIT("$reply/"));
}

bool
mqtt_bridge_topic(const MqttBridge *b, bool remote, FoxSlice topic, FoxBuf *other)
{
	fox_list_each(n, &b->row->topics)
	{
		const FoxMqttBridgeTopic *t = fox_container(FoxMqttBridgeTopic, in_bridge, n);

		if ((remote ? t->in : t->out) && fox_mqtt_mapping_topic(&t->mapping, remote, topic, other))
			return other->len <= UINT16_MAX && !(remote && is_call(fox_buf_view(other)));
	}
	return false;
}

/* --- from our session --- */

/* An acknowledgement that our session is owed. */
typedef struct Owed
{
	FoxMqttType type;
	uint16_t	id;
	uint8_t		reason;
} Owed;

static void
owe(MqttBridge *b, FoxMqttType type, uint16_t id, FoxMqttReason reason)
{
	Owed		owed = {type, id, (uint8_t) reason};

	fox_buf_put(&b->owed, &owed, sizeof(owed));
	if (b->owed.failed)
		mqtt_bridge_fail(b, "out of memory");
	mqtt_bridge_soon(b);
}

/* Nobody will acknowledge the message but us. */
static void
settle(MqttBridge *b, const FoxMqttPacket *packet, FoxMqttReason reason)
{
	if (packet->qos > 0)
		owe(b, packet->qos == 1 ? FOX_MQTT_PUBACK : FOX_MQTT_PUBREC, packet->id, reason);
}

/* The message goes nowhere: our session need not keep it. */
static void
drop(MqttBridge *b, const FoxMqttPacket *packet)
{
	b->row->state.dropped++;
	settle(b, packet, FOX_MQTT_UNSPECIFIED);
}

void
mqtt_bridge_pay(MqttBridge *b)
{
	Owed		owed;

	for (size_t at = 0; at + sizeof(owed) <= b->owed.len; at += sizeof(owed))
	{
		memcpy(&owed, b->owed.data + at, sizeof(owed));
		mqtt_bridge_hand_in(b, &(FoxMqttPacket){.type = owed.type, .id = owed.id, .reason = owed.reason});
	}
	fox_buf_reset(&b->owed);
}

static void
send_out(MqttBridge *b, const FoxMqttPacket *packet)
{
	FoxMqttDelivery d = {.payload = packet->payload, .props = fox_absent(packet->props.raw) ? FOX_LIT("") : packet->props.raw,
		.own_props = FOX_LIT(""), .id = packet->id, .qos = packet->qos < b->max_qos ? packet->qos : b->max_qos,
		.retain = packet->retain && b->takes_retained, .dup = packet->dup && b->max_qos > 0};
	FoxBytes   *bytes;

	fox_buf_reset(&topic_text);
	if (!mqtt_bridge_topic(b, false, packet->topic, &topic_text) ||
		(packet->qos == 0 && b->broker->dialer.is_slow(b->link)))
	{
		drop(b, packet);
		return;
	}
	d.topic = fox_buf_view(&topic_text);
	fox_buf_reset(&out);
	fox_mqtt_encode_delivery(b->version, &d, &out);
	if (out.len > b->max_packet)
	{
		drop(b, packet);
		return;
	}
	if ((bytes = mqtt_bytes_of(NULL, &out)) == NULL)
	{
		mqtt_bridge_fail(b, "out of memory");
		return;
	}
	b->row->state.out++;
	b->broker->dialer.send(b->link, bytes);
	fox_bytes_unref(bytes);
	if (d.qos == 0)
		settle(b, packet, FOX_MQTT_SUCCESS);
}

/* Of a message of QoS 2 that the remote got as one of less it knows no more than that. */
static void
release(MqttBridge *b, const FoxMqttPacket *packet)
{
	if (b->max_qos < 2)
		owe(b, FOX_MQTT_PUBCOMP, packet->id, FOX_MQTT_SUCCESS);
	else
		mqtt_bridge_send(b, packet);
}

/* What the broker sends to the peer. */
static void
peer_send(void *conn, FoxBytes *message, bool binary)
{
	MqttBridge *b = conn;
	FoxMqttPacket packet;

	(void) binary;
	if (b->link == NULL || b->fault[0] != '\0' || fox_mqtt_decode(FOX_MQTT_50, fox_slice(message->data, message->len), &packet) != FOX_MQTT_SUCCESS)
		return;
	switch (packet.type)
	{
		case FOX_MQTT_PUBLISH:
			send_out(b, &packet);
			break;
		case FOX_MQTT_PUBACK:
		case FOX_MQTT_PUBREC:
		case FOX_MQTT_PUBCOMP:
			mqtt_bridge_send(b, &packet);
			break;
		case FOX_MQTT_PUBREL:
			release(b, &packet);
			break;
		case FOX_MQTT_CONNACK:
		case FOX_MQTT_DISCONNECT:
			if (packet.reason >= FOX_MQTT_UNSPECIFIED && !b->broker->closing)
				mqtt_bridge_fail(b, "our own side ends the session: %.*s (0x%02x)", (int) packet.props.reason_string.len,
								 fox_absent(packet.props.reason_string) ? "" : packet.props.reason_string.ptr, packet.reason);
			break;
		default:
			break;
	}
}

static void
peer_send_event(void *conn, FoxBytes *message, bool binary, uint64_t stream)
{
	(void) stream;
	peer_send(conn, message, binary);
}

static bool
peer_relieve(void *conn, size_t bytes)
{
	(void) conn;
	(void) bytes;
	return false;
}

static void
peer_probe(void *conn)
{
	(void) conn;
}

/* When the router ends there is no tick any more. */
static void
peer_close(void *conn, int code, const char *reason)
{
	MqttBridge *b = conn;

	(void) code;
	(void) reason;
	b->peer_closed = true;
	if (b->broker->closing && b->link != NULL)
	{
		mqtt_bridge_goodbye(b);
		b->broker->dialer.close(b->link);
		b->link = NULL;
	}
	else
		mqtt_bridge_soon(b);
}

static void
peer_limit(void *conn, size_t bytes)
{
	(void) conn;
	(void) bytes;
}

static void
peer_pause(void *conn, bool paused)
{
	(void) conn;
	(void) paused;
}

/* --- to our session --- */

/* The remote has a message that was of QoS 2 here: it takes none of more than 1. */
static bool
was_lowered(const MqttPeer *p, const FoxMqttPacket *packet)
{
	const MqttOut *o = packet->type == FOX_MQTT_PUBACK ? fox_idmap_get(&p->session->outs_by_id, packet->id) : NULL;

	return o != NULL && o->qos == 2;
}

void
mqtt_bridge_hand_in(MqttBridge *b, const FoxMqttPacket *packet)
{
	MqttPeer   *p = b->peer;
	FoxMqttPacket received = *packet;

	if (p == NULL || p->state != MQTT_JOINED)
		return;
	switch (packet->type)
	{
		case FOX_MQTT_PUBLISH:
			mqtt_publish(p, packet);
			break;
		case FOX_MQTT_PUBREL:
			mqtt_pubrel(p, packet);
			break;
		default:
			if (was_lowered(p, packet))
				received.type = FOX_MQTT_PUBREC;
			mqtt_acknowledged(p, &received);
	}
}

static void
announce(MqttBridge *b, FoxSlice payload)
{
	if (!fox_absent(b->row->notification_topic))
		mqtt_bridge_hand_in(b, &(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = b->row->notification_topic, .payload = payload, .retain = true});
}

/* The remote knows of no message that it has sent: what comes is new, whatever its identifier. */
static void
forget_received(MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->received, &pos)) != NULL)
		mqtt_store_progress(s, FOX_MQTT_RECEIVED_END, slot->id);
	fox_map_free(&s->received);
	s->received = (FoxIdMap){0};
}

bool
mqtt_bridge_attach(MqttBridge *b, bool remembered)
{
	static const FoxTransportOps ops = {peer_send, peer_send_event, peer_relieve, peer_probe, peer_close, peer_limit, peer_pause};
	FoxTransport transport = {b, &ops};
	FoxPeer		who = {"", "mqtt", true, "", "bridge", true, "", "", "", FOX_ABSENT};
	FoxSessionInfo info = identity(b);
	MqttPeer   *p = fox_mqtt_gate_open(b->broker, &transport, &who);
	MqttSession *s = mqtt_bridge_find(b);
	FoxMqttPacket packet = {.type = FOX_MQTT_CONNECT, .version = FOX_MQTT_50, .clean_start = b->row->clean_start, .client_id = info.client_id};

	if (p == NULL)
	{
		mqtt_bridge_fail(b, "out of memory");
		return false;
	}
	b->peer = p;
	p->internal = true;
	p->version = FOX_MQTT_50;
	mqtt_login_end(p);
	if (s != NULL && !remembered)
		forget_received(s);
	packet.props.session_expiry = b->row->clean_start ? 0 : UINT32_MAX;
	fox_mqtt_set(&packet.props, FOX_PROP_SESSION_EXPIRY);
	packet.props.receive_maximum = b->receive_maximum;
	fox_mqtt_set(&packet.props, FOX_PROP_RECEIVE_MAXIMUM);
	if (!fox_absent(b->row->notification_topic))
	{
		packet.has_will = true;
		packet.will = (FoxMqttWill){.topic = b->row->notification_topic, .payload = FOX_LIT("0"), .retain = true};
	}
	mqtt_join(p, &packet, b->row->realm, &info);
	if (p->state != MQTT_JOINED)
		return false;
	p->session->dropped = &b->row->state.dropped;
	subscribe(b, p->session, true);
	announce(b, FOX_LIT("1"));
	return p->state == MQTT_JOINED;
}

void
mqtt_bridge_detach(MqttBridge *b, bool lost)
{
	MqttPeer   *p = b->peer;

	if (!lost && p->state == MQTT_JOINED)
	{
		announce(b, FOX_LIT("0"));
		mqtt_packet(p, FOX_LIT("\xe0\x00"));	/* DISCONNECT */
	}
	b->peer = NULL;
	p->gate.ops->close(p, lost ? FOX_GATE_LOST : FOX_GATE_CLOSED);
	fox_buf_reset(&b->owed);
}
