/*
 * mqtt_out.c - events for the client.
 *
 * A message of QoS 0 is the same bytes for all clients of a version, unless one wants something of its own with it
 * (subscription identifiers, topic aliases, the retain flag): it is encoded once and queued by reference, and can
 * be missed.  One of QoS 1 or 2 goes through the session's queue (mqtt_queue.c).
 */
#include <stdlib.h>

#include "codec/mqtt_payload.h"
#include "codec/mqtt_topic.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define RELIEF 4096				/* bytes beside the payload that a message may take */

static FoxBuf out;
static FoxBuf rewritten;		/* a payload that came in another encoding */
static FoxBuf topic_text;
static FoxBuf own_props;
static FoxBuf said_props;		/* of an event of WAMP's */

/* --- encoding --- */

bool
mqtt_say(const FoxEvent *e, FoxMqttDelivery *d)
{
	FoxPayload	payload;

	fox_buf_reset(&rewritten);
	fox_buf_reset(&topic_text);
	fox_topic_to_mqtt(e->topic, &topic_text);
	if (topic_text.failed || topic_text.len > UINT16_MAX || !fox_payload_as(&e->payload, FOX_MQTT, &rewritten, &payload))
		return false;
	d->topic = fox_buf_view(&topic_text);
	d->payload = payload.args;
	d->props = fox_absent(payload.kwargs) ? FOX_LIT("") : payload.kwargs;
	if (!fox_absent(e->mqtt) && e->payload.encoding != FOX_MQTT)
	{
		FoxMqttReader r;
		uint32_t	len;

		fox_buf_reset(&said_props);
		if (!fox_mqtt_props_of(e->mqtt, d->props, &said_props))
			return false;
		r = fox_mqtt_reader(fox_buf_view(&said_props));
		len = fox_mqtt_varint(&r);
		d->props = fox_mqtt_take(&r, len);
	}
	return true;
}

FoxBytes *
mqtt_bytes_of(const MqttPeer *p, const FoxBuf *b)
{
	FoxBytes   *bytes;

	do
		bytes = b->failed ? NULL : fox_bytes_new(b->data, b->len);
	while (bytes == NULL && p != NULL && p->transport.ops->relieve(p->transport.conn, 2 * b->len + RELIEF));
	return bytes;
}

/* --- properties that are of the connection or the subscription --- */

static void
put_identifier(FoxBuf *b, uint32_t identifier)
{
	if (identifier == 0)
		return;
	fox_buf_char(b, FOX_PROP_SUBSCRIPTION_ID);
	fox_mqtt_put_varint(b, identifier);
}

FoxSlice
mqtt_with_alias(MqttPeer *p, FoxSlice *topic, FoxSlice own, bool *defines)
{
	uint32_t	alias = mqtt_alias_for(p, *topic, defines);

	if (alias == 0)
		return own;
	if (!*defines)
		*topic = FOX_LIT("");
	fox_buf_reset(&own_props);
	fox_buf_char(&own_props, FOX_PROP_ALIAS);
	fox_mqtt_put_number(&own_props, alias, 2);
	fox_buf_slice(&own_props, own);
	return fox_buf_view(&own_props);
}

/* --- QoS 0 --- */

/* An event's bytes for everybody of that version. */
static FoxBytes *
shared_bytes(const MqttPeer *p, FoxEvent *e)
{
	FoxBytes  **form = &e->encoded[p->version == FOX_MQTT_50 ? FOX_FORM_MQTT5 : FOX_FORM_MQTT];
	FoxMqttDelivery d = {0};

	if (*form == NULL && mqtt_say(e, &d))
	{
		fox_buf_reset(&out);
		fox_mqtt_encode_delivery(p->version, &d, &out);
		*form = mqtt_bytes_of(p, &out);
	}
	return *form;
}

static void
send_event(MqttPeer *p, FoxEvent *e, const FoxSubscription *sub, FoxBytes *bytes, bool must_be_heard)
{
	MqttCounters *counters = &p->broker->counters;

	if (bytes == NULL || bytes->len > p->max_packet)
		return;
	counters->sent++;
	counters->publish_sent++;
	counters->bytes_sent += bytes->len;
	counters->payload_sent += e->payload.args.len;
	if (must_be_heard)
		p->transport.ops->send(p->transport.conn, bytes, true);
	else
		p->transport.ops->send_event(p->transport.conn, bytes, true,
								sub != NULL ? fox_event_stream(e, sub) : fox_hash_bytes(e->topic.ptr, e->topic.len));
}

static void
deliver_now(MqttPeer *p, FoxEvent *e, const FoxSubscription *sub, bool retain, FoxSlice own)
{
	FoxMqttDelivery d = {.retain = retain, .own_props = own};
	uint64_t	now;
	FoxBytes   *bytes;
	bool		defines = false;

	if (!retain && own.len == 0 && p->alias_maximum == 0)
	{
		send_event(p, e, sub, shared_bytes(p, e), false);
		return;
	}
	now = fox_router_now(p->broker->router);
	if (mqtt_expired(e->expires_us, now) || !mqtt_say(e, &d))
		return;
	d.props = mqtt_age(d.props, e->expires_us, now);
	if (p->alias_maximum > 0)
		d.own_props = mqtt_with_alias(p, &d.topic, own, &defines);
	fox_buf_reset(&out);
	fox_mqtt_encode_delivery(p->version, &d, &out);
	bytes = mqtt_bytes_of(p, &out);
	send_event(p, e, sub, bytes, defines);
	fox_bytes_unref(bytes);
}

/* --- events --- */

static void
deliver(MqttSession *s, FoxEvent *e, const FoxSubscription *sub, uint8_t qos, bool retain, FoxSlice own)
{
	if (qos > 0 || (s->peer == NULL && s->expiry > 0 && s->broker->config.queue_qos0))
		mqtt_queue_event(s, e, qos, retain, own);
	else if (s->peer != NULL)
		deliver_now(s->peer, e, sub, retain, own);
}

static uint8_t
lower(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* What several subscriptions bring is one message, of the highest QoS and with all their identifiers. */
static void
note(MqttSession *s, const MqttSub *m, FoxEvent *e)
{
	uint8_t		qos = lower(m->qos, e->qos);

	if (s->later.next == NULL)
	{
		s->later_qos = 0;
		s->later_retain = false;
		fox_buf_reset(&s->later_own);
	}
	if (qos > s->later_qos)
		s->later_qos = qos;
	s->later_retain |= m->as_published && e->kept;
	put_identifier(&s->later_own, m->identifier);
	fox_event_later(e, &s->later);
}

void
mqtt_event_once(FoxLater *later, FoxEvent *e)
{
	MqttSession *s = fox_container(MqttSession, later, later);

	deliver(s, e, NULL, s->later_qos, s->later_retain, fox_buf_view(&s->later_own));
}

void
mqtt_event(FoxSession *core, const FoxSubscription *sub, FoxEvent *e)
{
	MqttSession *s = fox_session_data(core);
	const MqttSub *m = mqtt_sub_by_id(s, fox_subscription_id(sub));
	FoxBuf		own = {0};

	if (m == NULL || (m->no_local && e->origin == fox_session_id(core)))
		return;
	if (s->only == NULL && s->patterns > 0 && !e->retained && !m->shared)
	{
		note(s, m, e);
		return;
	}
	put_identifier(&own, m->identifier);
	deliver(s, e, sub, lower(m->qos, e->qos), e->retained || (m->as_published && e->kept), fox_buf_view(&own));
	fox_buf_free(&own);
}
