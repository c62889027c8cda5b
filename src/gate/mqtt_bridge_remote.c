/*
 * mqtt_bridge_remote.c - a bridge as the client of its remote: packets from it, and to it.
 *
 * Messages and acknowledgements go on to our session as they are, topics aside.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mqtt_bridge_private.h"

#include "base/pure.h"

#define CONNACK_311 4			/* bytes: a server that does not speak 5.0 says so in its own way */

static FoxBuf out;
static FoxBuf topic_text;

/* --- sending --- */

void
mqtt_bridge_send(MqttBridge *b, const FoxMqttPacket *packet)
{
	FoxBytes   *bytes;

	fox_buf_reset(&out);
	fox_mqtt_encode(b->version, packet, &out);
	if ((bytes = mqtt_bytes_of(NULL, &out)) == NULL)
	{
		mqtt_bridge_fail(b, "out of memory");
		return;
	}
	b->broker->dialer.send(b->link, bytes);
	fox_bytes_unref(bytes);
}

static void
announce(MqttBridge *b, FoxSlice payload)
{
	if (!fox_absent(b->row->notification_topic) && b->takes_retained)
		mqtt_bridge_send(b, &(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = b->row->notification_topic, .payload = payload, .retain = true});
}

void
mqtt_bridge_goodbye(MqttBridge *b)
{
	FoxMqttPacket packet = {.type = FOX_MQTT_DISCONNECT};

	if (b->phase != BRIDGE_RUNNING)
		return;
	announce(b, FOX_LIT("0"));
	if (b->gone)
		fox_mqtt_set(&packet.props, FOX_PROP_SESSION_EXPIRY);	/* 0: it keeps nothing */
	mqtt_bridge_send(b, &packet);
}

void
mqtt_bridge_ping(MqttBridge *b)
{
	if (b->pinged_us != 0 && b->heard_us < b->pinged_us)
	{
		mqtt_bridge_lost(b, "the remote does not answer PINGREQ");
		return;
	}
	b->pinged_us = fox_router_now(b->broker->router);
	mqtt_bridge_send(b, &(FoxMqttPacket){.type = FOX_MQTT_PINGREQ});
	mqtt_bridge_watch(b);
}

/* --- CONNECT --- */

static uint8_t
version_of(MqttBridgeTongue tongue)
{
	return tongue == TONGUE_5 ? FOX_MQTT_50 : FOX_MQTT_311;
}

static void
put_limits(const MqttBridge *b, FoxMqttProps *props)
{
	const FoxMqttConfig *config = &b->broker->config;

	if (!b->row->clean_start && !b->empties)
	{
		fox_mqtt_set(props, FOX_PROP_SESSION_EXPIRY);
		props->session_expiry = UINT32_MAX;
	}
	fox_mqtt_set(props, FOX_PROP_RECEIVE_MAXIMUM);
	props->receive_maximum = config->max_inflight < UINT16_MAX ? config->max_inflight : UINT16_MAX;
	fox_mqtt_set(props, FOX_PROP_MAXIMUM_PACKET);
	props->maximum_packet = (uint32_t) config->max_packet;
}

void
mqtt_bridge_greet(MqttBridge *b)
{
	const FoxMqttBridge *row = b->row;
	FoxMqttPacket packet = {
		.type = FOX_MQTT_CONNECT, .version = version_of(b->tongue), .bridge = b->tongue == TONGUE_311_BRIDGE, .client_id = row->client_id, .user_name = row->username,
		.password = row->password, .keep_alive = (uint16_t) row->keep_alive, .clean_start = row->clean_start || b->empties
	};

	b->version = packet.version;
	if (b->version == FOX_MQTT_50)
		put_limits(b, &packet.props);
	if (!fox_absent(row->notification_topic))
	{
		packet.has_will = true;
		packet.will = (FoxMqttWill){.topic = row->notification_topic, .payload = FOX_LIT("0"), .retain = true};
	}
	mqtt_bridge_send(b, &packet);
}

/* --- CONNACK --- */

static const char *
refusal_of(uint8_t version, uint8_t code)
{
	static const struct
	{
		uint8_t		before_5;	/* 0: there is none */
		FoxMqttReason reason;
		const char *text;
	}			refusals[] = {
		{1, FOX_MQTT_BAD_VERSION, "it does not speak this version of MQTT"},
		{2, FOX_MQTT_BAD_CLIENT_ID, "it does not take the client identifier"},
		{3, FOX_MQTT_UNAVAILABLE, "it is not available"},
		{4, FOX_MQTT_BAD_LOGIN, "wrong user name or password"},
		{5, FOX_MQTT_NOT_AUTHORIZED, "not authorized"},
		{0, FOX_MQTT_BUSY, "it is busy"},
		{0, FOX_MQTT_BANNED, "the client is banned"},
		{0, FOX_MQTT_SHUTTING_DOWN, "it shuts down"},
		{0, FOX_MQTT_KEEP_ALIVE, "it has heard nothing for too long"},
		{0, FOX_MQTT_TAKEN_OVER, "another client has the same client identifier"},
		{0, FOX_MQTT_RECEIVE_MAXIMUM, "it got more messages at a time than it takes"},
		{0, FOX_MQTT_TOO_LARGE, "a packet is larger than it takes"},
		{0, FOX_MQTT_QUOTA, "a quota is exceeded"},
		{0, FOX_MQTT_ADMINISTRATIVE, "by its administrator"},
		{0, FOX_MQTT_NO_RETAIN, "it takes nothing that is to be retained"},
		{0, FOX_MQTT_USE_ANOTHER, "another server is to be used"},
		{0, FOX_MQTT_MOVED, "the server has moved"},
		{0, FOX_MQTT_CONNECTION_RATE, "too many connections"}
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (code == (version == FOX_MQTT_50 ? (uint8_t) refusals[i].reason : refusals[i].before_5))
			return refusals[i].text;
	return "for a reason of its own";
}

/* What the remote says of why it ends, or does not begin. */
static void
fail_for(MqttBridge *b, const char *what, const FoxMqttPacket *packet)
{
	FoxSlice	reason = packet->props.reason_string;

	mqtt_bridge_fail(b, "%s: %s (0x%02x)%s%.*s", what, refusal_of(b->version, packet->reason), packet->reason,
					 fox_absent(reason) ? "" : ": ", (int) reason.len, fox_absent(reason) ? "" : reason.ptr);
}

static void
read_limits(MqttBridge *b, const FoxMqttProps *props)
{
	b->keep_alive = b->row->keep_alive;
	if (fox_mqtt_has(props, FOX_PROP_SERVER_KEEP_ALIVE) && props->server_keep_alive > 0)
		b->keep_alive = props->server_keep_alive;
	b->max_packet = fox_mqtt_has(props, FOX_PROP_MAXIMUM_PACKET) ? props->maximum_packet : UINT32_MAX;
	b->receive_maximum = fox_mqtt_has(props, FOX_PROP_RECEIVE_MAXIMUM) ? props->receive_maximum : UINT16_MAX;
	b->max_qos = fox_mqtt_has(props, FOX_PROP_MAXIMUM_QOS) ? (uint8_t) props->maximum_qos : 2;
	b->takes_retained = !fox_mqtt_has(props, FOX_PROP_RETAIN_AVAILABLE) || props->retain_available != 0;
}

/* --- subscriptions there --- */

/* A filter that the remote has of us. */
typedef struct Subscribed
{
	FoxNode		node;
	bool		wanted;
	FoxSlice	filter;
	char		block[];
} Subscribed;

static void
subscribed_free(Subscribed *s)
{
	fox_list_del(&s->node);
	free(s);
}

void
mqtt_bridge_forget_subscribed(MqttBridge *b)
{
	fox_list_each(n, &b->subscribed)
		subscribed_free(fox_container(Subscribed, node, n));
}

/* It is wanted.  Was it known?  Without memory it is not known the next time either. */
static bool
remember(MqttBridge *b, FoxSlice filter)
{
	Subscribed *s;
	char	   *at;

	fox_list_each(n, &b->subscribed)
	{
		s = fox_container(Subscribed, node, n);
		if (fox_slice_eq(s->filter, filter))
		{
			s->wanted = true;
			return true;
		}
	}
	if ((s = calloc(1, sizeof(*s) + filter.len)) == NULL)
		return false;
	at = s->block;
	s->wanted = true;
	s->filter = fox_slice_keep(&at, filter);
	fox_list_push(&b->subscribed, &s->node);
	return false;
}

/* No message of the session that is to be attached has that identifier. */
static uint16_t
free_id(const MqttBridge *b, uint16_t from)
{
	const MqttSession *s = mqtt_bridge_find(b);

	while (s != NULL && fox_idmap_get(&s->outs_by_id, from) != NULL)
		from--;
	return from;
}

/* From filters that no row has any more. */
static void
unsubscribe(MqttBridge *b)
{
	FoxBuf		filters = {0};

	fox_list_each(n, &b->subscribed)
	{
		Subscribed *s = fox_container(Subscribed, node, n);

		if (s->wanted)
			continue;
		fox_mqtt_filter_put(b->version, FOX_MQTT_UNSUBSCRIBE, &(FoxMqttFilter){.filter = s->filter}, &filters);
		subscribed_free(s);
	}
	if (filters.len > 0 && !filters.failed)
		mqtt_bridge_send(b, &(FoxMqttPacket){.type = FOX_MQTT_UNSUBSCRIBE, .id = free_id(b, UINT16_MAX - 1), .payload = fox_buf_view(&filters)});
	fox_buf_free(&filters);
}

/*
 * Where messages go both ways what is retained there comes with a new subscription only, for later it may be
 * older than what is retained here.
 */
static void
subscribe(MqttBridge *b, bool present)
{
	FoxBuf		filters = {0};
	FoxBuf		filter = {0};
	bool		all_known = present;

	fox_list_each(n, &b->subscribed)
		fox_container(Subscribed, node, n)->wanted = false;
	fox_list_each(n, &b->row->topics)
	{
		const FoxMqttBridgeTopic *t = fox_container(FoxMqttBridgeTopic, in_bridge, n);
		FoxMqttFilter f = {.qos = t->qos, .no_local = true, .retain_as_published = true, .retain_handling = t->out ? 1 : 0};

		if (!t->in)
			continue;
		fox_buf_reset(&filter);
		fox_mqtt_mapping_filter(&t->mapping, true, &filter);
		f.filter = fox_buf_view(&filter);
		all_known &= remember(b, f.filter) && t->out;
		fox_mqtt_filter_put(b->version, FOX_MQTT_SUBSCRIBE, &f, &filters);
	}
	unsubscribe(b);
	if (filters.failed || filter.failed)
		mqtt_bridge_fail(b, "out of memory");
	else if (filters.len > 0 && (!all_known || b->version == FOX_MQTT_50))
	{
		b->suback = free_id(b, UINT16_MAX);
		mqtt_bridge_send(b, &(FoxMqttPacket){.type = FOX_MQTT_SUBSCRIBE, .id = b->suback, .payload = fox_buf_view(&filters)});
	}
	fox_buf_free(&filter);
	fox_buf_free(&filters);
}

/* --- receiving --- */

static void
connected(MqttBridge *b)
{
	b->suback = 0;
	b->row->state.protocol = b->version == FOX_MQTT_50 ? "5" : "3.1.1";
	fox_mqtt_bridge_is(b->broker->router, b->row, FOX_BRIDGE_CONNECTED, NULL);
}

static void
suback(MqttBridge *b, const FoxMqttPacket *packet)
{
	size_t		i = 0;
	FoxBuf		text = {0};

	if (packet->id != b->suback)
		return;
	connected(b);
	fox_list_each(n, &b->row->topics)
	{
		const FoxMqttBridgeTopic *t = fox_container(FoxMqttBridgeTopic, in_bridge, n);

		if (!t->in || i >= packet->payload.len || (uint8_t) packet->payload.ptr[i++] < FOX_MQTT_UNSPECIFIED)
			continue;
		fox_buf_reset(&text);
		fox_buf_str(&text, "the remote refuses the subscription to ");
		fox_mqtt_mapping_filter(&t->mapping, true, &text);
		fox_buf_char(&text, '\0');
		if (!text.failed)
			fox_mqtt_bridge_is(b->broker->router, b->row, FOX_BRIDGE_CONNECTED, text.data);
	}
	fox_buf_free(&text);
}

/*
 * A session there that knows of another session here would take new messages for old ones.  It is ended by a connection
 * of its own: before 5.0 what begins clean is not kept, and mosquitto 2.0 does not keep it on disk.
 */
static bool
is_another(MqttBridge *b, bool present)
{
	if (!b->empties && (!b->created || b->emptied || !present))
		return false;
	mqtt_bridge_send(b, &(FoxMqttPacket){.type = FOX_MQTT_DISCONNECT});
	b->emptied = b->empties;
	b->empties = !b->empties;
	mqtt_bridge_anew(b);
	return true;
}

static void
connack(MqttBridge *b, const FoxMqttPacket *packet)
{
	bool		bad_version = packet->reason == (b->version == FOX_MQTT_50 ? FOX_MQTT_BAD_VERSION : 1);

	if (packet->reason == 0 && b->version != version_of(b->tongue))
		mqtt_bridge_fail(b, "the remote answers CONNECT in another version of MQTT");
	else if (bad_version && b->tongue + 1 < TONGUES)
	{
		b->tongue++;
		mqtt_bridge_anew(b);
	}
	else if (packet->reason != 0)
		fail_for(b, "the remote refuses the connection", packet);
	else if (!is_another(b, packet->session_present))
	{
		read_limits(b, &packet->props);
		if (!packet->session_present)
			mqtt_bridge_forget_subscribed(b);
		b->running_us = fox_router_now(b->broker->router);
		b->pinged_us = 0;
		mqtt_bridge_watch(b);
		subscribe(b, packet->session_present);
		announce(b, FOX_LIT("1"));
		if (mqtt_bridge_attach(b, packet->session_present) && b->suback == 0)
			connected(b);
		b->created = b->emptied = false;
	}
}

static void
acknowledge(MqttBridge *b, const FoxMqttPacket *packet)
{
	if (packet->qos > 0)
		mqtt_bridge_send(b, &(FoxMqttPacket){.type = packet->qos == 1 ? FOX_MQTT_PUBACK : FOX_MQTT_PUBREC, .id = packet->id});
}

static void
publish(MqttBridge *b, FoxMqttPacket *packet)
{
	if (fox_mqtt_has(&packet->props, FOX_PROP_ALIAS))
	{
		mqtt_bridge_fail(b, "the remote sends a topic alias, which it was not allowed");
		return;
	}
	fox_buf_reset(&topic_text);
	if (mqtt_bridge_topic(b, true, packet->topic, &topic_text))
	{
		packet->topic = fox_buf_view(&topic_text);
		b->row->state.in++;
		mqtt_bridge_hand_in(b, packet);
		return;
	}
	b->row->state.dropped++;
	acknowledge(b, packet);
}

static void
refused(MqttBridge *b, const FoxMqttPacket *packet)
{
	char		text[100];

	if ((packet->type != FOX_MQTT_PUBACK && packet->type != FOX_MQTT_PUBREC) || packet->reason < FOX_MQTT_UNSPECIFIED)
		return;
	snprintf(text, sizeof(text), "the remote refuses a message: %s (0x%02x)", refusal_of(FOX_MQTT_50, packet->reason), packet->reason);
	b->row->state.dropped++;
	fox_mqtt_bridge_is(b->broker->router, b->row, b->row->state.phase, text);
}

static void
running(MqttBridge *b, FoxMqttPacket *packet)
{
	switch (packet->type)
	{
		case FOX_MQTT_PUBLISH:
			publish(b, packet);
			break;
		case FOX_MQTT_PUBACK:
		case FOX_MQTT_PUBREC:
		case FOX_MQTT_PUBREL:
		case FOX_MQTT_PUBCOMP:
			refused(b, packet);
			mqtt_bridge_hand_in(b, packet);
			break;
		case FOX_MQTT_SUBACK:
			suback(b, packet);
			break;
		case FOX_MQTT_UNSUBACK:
		case FOX_MQTT_PINGRESP:
			break;
		case FOX_MQTT_DISCONNECT:
			fail_for(b, "the remote has ended the connection", packet);
			break;
		default:
			mqtt_bridge_fail(b, "the remote sends a packet that only a client may send");
	}
}

static void
take(MqttBridge *b, FoxSlice bytes)
{
	FoxMqttPacket packet;
	bool		greeting = b->phase == BRIDGE_GREETING;
	FoxMqttReason reason;

	if (greeting && bytes.len == CONNACK_311)
		b->version = FOX_MQTT_311;
	reason = fox_mqtt_decode(b->version, bytes, &packet);
	if (reason == FOX_MQTT_TOO_LARGE)
		mqtt_bridge_fail(b, "the remote sends a packet that is larger than fox_wamp.max_message_size");
	else if (reason != FOX_MQTT_SUCCESS)
		mqtt_bridge_fail(b, "the remote sends a malformed packet");
	else if (!greeting)
		running(b, &packet);
	else if (packet.type != FOX_MQTT_CONNACK)
		mqtt_bridge_fail(b, "the remote answers CONNECT with something else");
	else
		connack(b, &packet);
}

void
mqtt_bridge_received(MqttBridge *b, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	FoxMqttNext next = FOX_MQTT_MORE;
	FoxSlice	packet;

	b->heard_us = fox_router_now(b->broker->router);
	while (b->fault[0] == '\0' && !b->peer_closed && !b->begins_anew &&
		   (next = fox_mqtt_next(&b->stream, b->broker->config.max_packet, &bytes, end, &packet)) == FOX_MQTT_PACKET)
		take(b, packet);
	if (next == FOX_MQTT_NO_MEMORY)
		mqtt_bridge_fail(b, "out of memory");
}
