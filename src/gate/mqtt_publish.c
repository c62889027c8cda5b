/*
 * mqtt_publish.c - messages from the client.
 *
 *      QoS 1:  PUBLISH ──(the core has taken it)──► PUBACK
 *      QoS 2:  PUBLISH ──(the core has taken it)──► PUBREC ──PUBREL──► PUBCOMP
 *
 * A message of QoS 2 is published when it comes; until PUBREL its packet identifier is known, so that the same
 * message again is not published twice.  Of a durable session the identifier is a row, which is written with what the
 * message has left in queues, or not at all.  One that is to be retained is taken when it is stored: its row is written
 * with the value, and says that the queues are still to be filled until that is written too.
 *
 * Answers go out in the order in which the messages came, whichever the core has answered first.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "core/denial.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define OWN_TOPIC "this topic is the server's own"
#define TOO_DEEP "a topic of more levels than fox_wamp.mqtt_max_topic_levels"

static FoxBuf uri;
static FoxBuf options;

/* What received holds: what has become of a message, and which connections have brought it. */
enum
{
	ASKED = 1,					/* the core has not answered yet */
	DISTRIBUTED,				/* not yet, but its row is under way with what it has set off */
	TAKEN,
	CARRIED = 4,				/* beside these */
	AGAIN = 8					/* so is this: the connection of now has brought it too, and waits for the answer */
};

static int
received(const MqttSession *s, uint16_t id)
{
	return (int) (uintptr_t) fox_idmap_get(&s->received, id);
}

static int
state_of(int known)
{
	return known & ~(CARRIED | AGAIN);
}

/* One that is there already stays what it is otherwise: this needs no memory then. */
static bool
set_received(MqttSession *s, uint16_t id, int state)
{
	return fox_idmap_put(&s->received, id, (void *) (uintptr_t) (state | (received(s, id) & (CARRIED | AGAIN))));
}

void
mqtt_received_carry(MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->received, &pos)) != NULL)
		slot->value = (void *) (((uintptr_t) slot->value | CARRIED) & ~(uintptr_t) AGAIN);
}

/*
 * A request of the core's: which packet of which peer it answers.  0 is nobody's.
 */
static uint64_t
request_of(const MqttSession *s, uint8_t qos, uint16_t id)
{
	return (uint64_t) (s->generation & 0xffffffff) << 20 | (uint64_t) qos << 16 | id;
}

static uint8_t
qos_in(uint64_t request)
{
	return request >> 16 & 3;
}

static uint16_t
id_in(uint64_t request)
{
	return (uint16_t) request;
}

bool
mqtt_too_deep(const FoxMqttBroker *b, FoxSlice topic, char separator)
{
	return b->config.max_levels > 0 && fox_topic_levels(topic, separator) > b->config.max_levels;
}

FoxMqttReason
mqtt_topic_refusal(FoxSlice topic)
{
	static const char *const reserved[] = {"wamp.", "fox_wamp.", "$SYS.", "$call.", "$reply."};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (fox_slice_begins(topic, fox_cstr(reserved[i])))
			return FOX_MQTT_NOT_AUTHORIZED;
	return FOX_MQTT_SUCCESS;
}

/* --- to the core --- */

FoxSlice
mqtt_publish_options(uint8_t qos, bool retain, FoxSlice props)
{
	static const char *const plain[] = {
		"{\"exclude_me\":false,\"qos\":0,\"acknowledge\":true}",
		"{\"exclude_me\":false,\"qos\":1,\"acknowledge\":true}",
		"{\"exclude_me\":false,\"qos\":2,\"acknowledge\":true}"
	};
	uint64_t	life;

	if (!retain)
		return fox_cstr(plain[qos]);
	fox_buf_reset(&options);
	fox_buf_str(&options, "{\"exclude_me\":false,\"retain\":true,\"acknowledge\":true,\"qos\":");
	fox_buf_u64(&options, qos);
	if ((life = mqtt_lifetime(props)) > 0)
	{
		fox_buf_str(&options, ",\"ttl\":");
		fox_buf_u64(&options, life / MQTT_SECOND);
		fox_buf_char(&options, '.');
		fox_buf_u64(&options, life % MQTT_SECOND / MQTT_MOMENT);
	}
	fox_buf_char(&options, '}');
	return fox_buf_view(&options);
}

void
mqtt_publish_as(MqttSession *s, uint64_t request, uint8_t qos, bool retain, FoxSlice topic, FoxSlice payload, FoxSlice props)
{
	s->unsettled++;
	fox_session_publish(s->core, request, mqtt_publish_options(qos, retain, props), topic, payload, props);
}

/* --- answers --- */

static void
acknowledge(MqttPeer *p, FoxMqttType type, uint16_t id, FoxMqttReason reason, FoxSlice text)
{
	FoxMqttPacket packet = {.type = type, .id = id, .reason = (uint8_t) reason};

	if (reason >= FOX_MQTT_UNSPECIFIED)
		mqtt_say_why(p, &packet, text);
	mqtt_send_written(p, &packet);
}

/* An answer that waits: until the core gives it, or until those before it have gone out. */
typedef struct MqttDue
{
	FoxNode		node;			/* in session->dues */
	uint8_t		qos;
	uint16_t	id;
	bool		done;
	FoxMqttReason reason;
	char	   *text;			/* owned; NULL: none */
} MqttDue;

static void
due_free(MqttSession *s, MqttDue *d)
{
	s->due_count--;
	fox_list_del(&d->node);
	free(d->text);
	free(d);
}

void
mqtt_dues_free(MqttSession *s)
{
	fox_list_each(n, &s->dues)
		due_free(s, fox_container(MqttDue, node, n));
}

/* NULL: no memory; then the answer goes out when it is there. */
static MqttDue *
due_new(MqttSession *s, uint8_t qos, uint16_t id)
{
	MqttDue    *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->qos = qos;
	d->id = id;
	s->due_count++;
	fox_list_push(&s->dues, &d->node);
	return d;
}

static MqttDue *
due_of(const MqttSession *s, uint8_t qos, uint16_t id)
{
	fox_list_each(n, &s->dues)
	{
		MqttDue    *d = fox_container(MqttDue, node, n);

		if (d->qos == qos && d->id == id && !d->done)
			return d;
	}
	return NULL;
}

/* Before 5.0 there is no answer but success, unless the client is to try again. */
static void
send_answer(MqttPeer *p, uint8_t qos, uint16_t id, FoxMqttReason reason, FoxSlice text)
{
	MqttSession *s = p->session;

	if (p->version != FOX_MQTT_50 && reason == FOX_MQTT_QUOTA)
	{
		mqtt_drop(p, "the message could not be taken");
		return;
	}
	if (qos == 1 || reason >= FOX_MQTT_UNSPECIFIED)
		s->unanswered--;
	acknowledge(p, qos == 1 ? FOX_MQTT_PUBACK : FOX_MQTT_PUBREC, id, reason, text);
}

/* Who knows of no receive maximum, as 5.0 does, is not read from while so many of its messages wait for their answer. */
static void
hold(MqttSession *s)
{
	MqttPeer   *p = s->peer;
	bool		held = p != NULL && s->due_count >= p->broker->config.max_inflight;

	if (p == NULL || p->version == FOX_MQTT_50 || p->internal || p->held == held)
		return;
	p->held = held;
	p->transport.ops->pause(p->transport.conn, held);
}

/* The answer to a PUBLISH of QoS 1 or 2. */
static void
answer(MqttPeer *p, uint8_t qos, uint16_t id, FoxMqttReason reason, FoxSlice text)
{
	MqttSession *s = p->session;
	MqttDue    *d = fox_list_empty(&s->dues) ? NULL : due_of(s, qos, id);

	s->answered = true;
	if (d == NULL && (fox_list_empty(&s->dues) || (d = due_new(s, qos, id)) == NULL))
	{
		send_answer(p, qos, id, reason, text);
		return;
	}
	d->done = true;
	d->reason = reason;
	d->text = fox_strdup(text);
	while (s->peer == p && !fox_list_empty(&s->dues) && (d = fox_container(MqttDue, node, s->dues.next))->done)
	{
		send_answer(p, d->qos, d->id, d->reason, fox_cstr(d->text));
		if (s->peer == p)
			due_free(s, d);
	}
	hold(s);
}

/* The client is told, or may be told later, that it need not send the message again. */
static void
settle_received(MqttSession *s, uint16_t id, FoxMqttReason reason)
{
	int			known = state_of(received(s, id));

	if (reason >= FOX_MQTT_UNSPECIFIED)
	{
		if (known == DISTRIBUTED)
			mqtt_store_progress(s, FOX_MQTT_RECEIVED_END, id);
		fox_idmap_del(&s->received, id);
		return;
	}
	if (known == ASKED)
		mqtt_store_progress(s, FOX_MQTT_RECEIVED, id);
	if (known != 0)
		(void) set_received(s, id, TAKEN);
}

FoxReceivedName
mqtt_received_as(FoxSession *core, uint64_t request)
{
	const MqttSession *s = fox_session_data(core);

	return s->durable && qos_in(request) == 2 ? (FoxReceivedName){s->row, id_in(request)} : (FoxReceivedName){0};
}

void
mqtt_distributed(FoxSession *core, uint64_t request)
{
	MqttSession *s = fox_session_data(core);

	if (qos_in(request) != 2 || state_of(received(s, id_in(request))) != ASKED)
		return;
	(void) set_received(s, id_in(request), DISTRIBUTED);
	mqtt_store_progress(s, FOX_MQTT_RECEIVED, id_in(request));
}

void
mqtt_received_restore(MqttSession *s, const FoxMqttRow *row)
{
	uint16_t	id = (uint16_t) row->number;
	FoxRouter  *r = s->broker->router;

	if (received(s, id) != 0)
		return;					/* the rows come once more */
	if (!set_received(s, id, fox_absent(row->topic) ? TAKEN : ASKED))
	{
		fox_router_warn(r, "a message of MQTT may be published twice", "out of memory");
		return;
	}
	if (fox_absent(row->topic))
		return;
	fox_session_distribute(s->core, request_of(s, 2, id), row->publication, row->topic, row->payload,
						   row->expires_us > 0 ? fox_router_now(r) + row->expires_us : 0);
	(void) set_received(s, id, TAKEN);
}

void
mqtt_published(FoxSession *core, uint64_t request, FoxMqttReason reason, FoxSlice text)
{
	MqttSession *s = fox_session_data(core);
	uint8_t		qos = qos_in(request);
	uint16_t	id = id_in(request);
	bool		again = qos == 2 && (received(s, id) & AGAIN) != 0;

	if (qos == 2)
		settle_received(s, id, reason);
	if (qos > 0 && s->peer != NULL && (again || request == request_of(s, qos, id)))
		answer(s->peer, qos, id, reason, text);
	mqtt_session_settled(s);
}

/* --- PUBLISH --- */

/* The topic in WAMP's notation, by its name or an alias; absent: the connection has been cut. */
static FoxSlice
topic_of(MqttPeer *p, const FoxMqttPacket *packet)
{
	uint32_t	alias = packet->props.alias;

	if (fox_mqtt_has(&packet->props, FOX_PROP_ALIAS) && (alias == 0 || alias > MQTT_ALIASES))
	{
		mqtt_cut(p, FOX_MQTT_BAD_ALIAS, "a topic alias that is 0 or larger than was announced");
		return FOX_ABSENT;
	}
	if (packet->topic.len == 0)
	{
		FoxSlice	topic = mqtt_alias_heard(p, alias);

		if (fox_absent(topic))
			mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "a topic alias that stands for nothing");
		return topic;
	}
	fox_buf_reset(&uri);
	fox_topic_from_mqtt(packet->topic, &uri);
	if (uri.failed || (alias > 0 && !mqtt_alias_hear(p, alias, fox_buf_view(&uri))))
	{
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
		return FOX_ABSENT;
	}
	return fox_buf_view(&uri);
}

/* The properties that go with the message: all but the alias, which is the connection's. */
static FoxSlice
message_props(const FoxMqttPacket *packet, FoxBuf *scratch)
{
	FoxSlice	raw = packet->props.raw;
	uint32_t	at = packet->props.alias_at;

	if (fox_absent(raw) || !fox_mqtt_has(&packet->props, FOX_PROP_ALIAS))
		return raw;
	fox_buf_put(scratch, raw.ptr, at);
	fox_buf_put(scratch, raw.ptr + at + 3, raw.len - at - 3);
	return scratch->len > 0 ? fox_buf_view(scratch) : FOX_ABSENT;
}

/* A message that came before and is not to be published again; the client may not have heard the answer. */
static bool
repeated(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	int			known = packet->qos == 2 ? received(s, packet->id) : 0;

	if (state_of(known) == TAKEN)
		acknowledge(p, FOX_MQTT_PUBREC, packet->id, FOX_MQTT_SUCCESS, FOX_ABSENT);
	else if ((known & (CARRIED | AGAIN)) == CARRIED)
	{
		/* From here on it is one of this connection's: it takes from its receive maximum, and its turn among the answers. */
		(void) fox_idmap_put(&s->received, packet->id, (void *) (uintptr_t) (state_of(known) | AGAIN));
		s->unanswered++;
		(void) due_new(s, 2, packet->id);
	}
	return known != 0;
}

/* False: the client has sent more than it may, or there is no memory. */
static bool
count_received(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;

	if (packet->qos == 0)
		return true;
	if (++s->unanswered > p->broker->config.max_inflight && p->version == FOX_MQTT_50 && !p->internal)
	{
		mqtt_cut(p, FOX_MQTT_RECEIVE_MAXIMUM, "more messages without acknowledgement than the receive maximum");
		return false;
	}
	if (packet->qos == 2 && !set_received(s, packet->id, ASKED))
	{
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
		return false;
	}
	return true;
}

/* Before 5.0 who publishes what it may not is told that all is well. */
static void
refuse_own(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice topic, FoxMqttReason reason, const char *text)
{
	MqttSession *s = p->session;

	fox_denied_to(s->core, "publish", topic, text);
	if (packet->qos == 0)
		return;
	if (packet->qos == 2 && p->version == FOX_MQTT_50)
		fox_idmap_del(&s->received, packet->id);
	else if (packet->qos == 2)
		(void) set_received(s, packet->id, TAKEN);
	answer(p, packet->qos, packet->id, p->version == FOX_MQTT_50 ? reason : FOX_MQTT_SUCCESS, fox_cstr(text));
}

void
mqtt_publish(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	FoxBuf		scratch = {0};
	FoxSlice	topic;
	FoxMqttReason reason;

	if (fox_mqtt_has(&packet->props, FOX_PROP_SUBSCRIPTION_ID))
	{
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "a subscription identifier is the server's to send");
		return;
	}
	if (repeated(p, packet) || fox_absent(topic = topic_of(p, packet)) || !count_received(p, packet))
		return;
	s->answered = false;
	p->broker->counters.publish_received++;
	p->broker->counters.payload_received += packet->payload.len;
	reason = mqtt_topic_refusal(topic);
	if (mqtt_too_deep(p->broker, topic, '.') || mqtt_too_deep(p->broker, packet->props.response_topic, '/'))
		refuse_own(p, packet, topic, FOX_MQTT_BAD_TOPIC, TOO_DEEP);
	else if (p->version == FOX_MQTT_50 && mqtt_publish_call(s, packet->qos, topic, packet->payload, message_props(packet, &scratch), &reason))
	{
		if (packet->qos == 2)
			settle_received(s, packet->id, reason);
		if (packet->qos > 0)
			answer(p, packet->qos, packet->id, reason, FOX_ABSENT);
	}
	else if (reason == FOX_MQTT_SUCCESS)
		mqtt_publish_as(s, request_of(s, packet->qos, packet->id), packet->qos, packet->retain, topic, packet->payload,
						message_props(packet, &scratch));
	else
		refuse_own(p, packet, topic, reason, OWN_TOPIC);
	if (packet->qos > 0 && p->state == MQTT_JOINED && !s->answered)
	{
		(void) due_new(s, packet->qos, packet->id);
		hold(s);
	}
	fox_buf_free(&scratch);
}

void
mqtt_pubrel(MqttPeer *p, const FoxMqttPacket *packet)
{
	int			known = received(p->session, packet->id);

	if (known != 0)
	{
		fox_idmap_del(&p->session->received, packet->id);
		p->session->unanswered -= (known & CARRIED) == 0;
		mqtt_store_progress(p->session, FOX_MQTT_RECEIVED_END, packet->id);
	}
	acknowledge(p, FOX_MQTT_PUBCOMP, packet->id, known != 0 ? FOX_MQTT_SUCCESS : FOX_MQTT_ID_NOT_FOUND, fox_cstr(MQTT_NO_MESSAGE));
}
