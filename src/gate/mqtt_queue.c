/*
 * mqtt_queue.c - messages of QoS 1 and 2 for the client.
 *
 * A message is kept once for all its readers, and each of them has its own entry:
 *
 *      waiting ──(fewer are under way than the client takes)──► sent ──PUBACK──► done
 *                                                                │
 *                                                                └──PUBREC──► released ──PUBCOMP──► done
 *
 * The entries of a durable session are rows as well (mqtt_store.c).  Those of QoS 0, which wait for a client that is
 * away if the configuration says so, are not: they are done when they are sent.
 */
#include <stdlib.h>

#include "gate/mqtt_private.h"

#include "base/pure.h"

static FoxBuf out;
static FoxBuf aged;

/* --- what is kept of a message --- */

typedef struct Kept
{
	uint32_t	topic_len;
	uint32_t	props_len;
} Kept;

static void
delivery_of(const FoxBytes *kept, FoxMqttDelivery *d)
{
	Kept		head;
	const char *at = kept->data + sizeof(head);

	memcpy(&head, kept->data, sizeof(head));
	d->topic = fox_slice(at, head.topic_len);
	d->props = fox_slice(at + head.topic_len, head.props_len);
	at += head.topic_len + head.props_len;
	d->payload = fox_slice(at, (size_t) (kept->data + kept->len - at));
}

static FoxBytes *
keep(const MqttPeer *p, FoxEvent *e)
{
	FoxBytes  **form = &e->encoded[FOX_FORM_MQTT_KEPT];
	FoxMqttDelivery d;
	Kept		head;

	if (*form == NULL && mqtt_say(e, &d))
	{
		head = (Kept){(uint32_t) d.topic.len, (uint32_t) d.props.len};
		fox_buf_reset(&out);
		fox_buf_put(&out, &head, sizeof(head));
		fox_buf_slice(&out, d.topic);
		fox_buf_slice(&out, d.props);
		fox_buf_slice(&out, d.payload);
		*form = mqtt_bytes_of(p, &out);
	}
	return *form;
}

/* --- time --- */

bool
mqtt_expired(uint64_t expires_us, uint64_t now)
{
	return expires_us != 0 && now >= expires_us;
}

/* Reads a copy of properties; false: they have no message expiry. */
static bool
read_expiry(FoxSlice props, FoxMqttProps *p)
{
	FoxMqttReader r;

	if (props.len == 0)
		return false;
	fox_buf_reset(&aged);
	fox_mqtt_put_varint(&aged, (uint32_t) props.len);
	fox_buf_slice(&aged, props);
	r = fox_mqtt_reader(fox_buf_view(&aged));
	return !aged.failed && fox_mqtt_props_read(&r, FOX_MQTT_PUBLISH, p) == FOX_MQTT_SUCCESS && fox_mqtt_has(p, FOX_PROP_MESSAGE_EXPIRY);
}

FoxSlice
mqtt_age(FoxSlice props, uint64_t expires_us, uint64_t now)
{
	FoxMqttProps p;
	uint64_t	left;

	if (expires_us == 0 || !read_expiry(props, &p))
		return props;
	left = mqtt_expired(expires_us, now) ? 0 : (expires_us - now + MQTT_SECOND - 1) / MQTT_SECOND;
	if (left > p.message_expiry)
		left = p.message_expiry;
	for (int i = 0; i < 4; i++)
		((char *) p.raw.ptr)[p.expiry_at + 1 + (uint32_t) i] = (char) (left >> (24 - 8 * i));
	return p.raw;
}

uint64_t
mqtt_lifetime(FoxSlice props)
{
	FoxMqttProps p;

	if (!read_expiry(props, &p))
		return 0;
	return p.message_expiry > 0 ? (uint64_t) p.message_expiry * MQTT_SECOND : MQTT_MOMENT;
}

/* When a message that has just come expires; 0: never. */
static uint64_t
expiry_of(FoxSlice props, uint64_t now)
{
	uint64_t	life = mqtt_lifetime(props);

	return life > 0 ? now + life : 0;
}

/* --- the queue --- */

static void
out_free(MqttSession *s, MqttOut *o)
{
	if (o->state == OUT_WAITING)
		s->waiting_count--;
	else
		s->sent_count--;
	s->out_bytes -= o->kept->len;
	fox_idmap_del(&s->outs_by_id, o->id);
	fox_list_del(&o->node);
	fox_bytes_unref(o->kept);
	free(o);
}

/* The client has it, or will never have it. */
static void
out_end(MqttSession *s, MqttOut *o)
{
	if (o->qos > 0)
		mqtt_store_progress(s, FOX_MQTT_MESSAGE_END, o->number);
	out_free(s, o);
}

void
mqtt_out_free(MqttSession *s)
{
	fox_list_each(n, &s->sent)
		out_free(s, fox_container(MqttOut, node, n));
	fox_list_each(n, &s->waiting)
		out_free(s, fox_container(MqttOut, node, n));
	fox_map_free(&s->outs_by_id);
	s->outs_by_id = (FoxIdMap){0};
}

/* False: it is not to be sent, for it has expired or is too large for the client. */
static bool
send_message(MqttSession *s, MqttOut *o, bool again)
{
	MqttPeer   *p = s->peer;
	FoxMqttDelivery d = {.id = o->id, .qos = o->qos, .retain = o->retain, .dup = again, .own_props = fox_slice(o->own, o->own_len)};
	uint64_t	now = fox_router_now(s->broker->router);
	FoxBytes   *bytes;
	bool		defines;

	if (!again && mqtt_expired(o->expires_us, now))
		return false;
	delivery_of(o->kept, &d);
	d.props = mqtt_age(d.props, o->expires_us, now);
	if (p->alias_maximum > 0)
		d.own_props = mqtt_with_alias(p, &d.topic, d.own_props, &defines);
	fox_buf_reset(&out);
	fox_mqtt_encode_delivery(p->version, &d, &out);
	if (out.len > p->max_packet)
		return false;
	bytes = mqtt_bytes_of(p, &out);
	p->broker->counters.publish_sent++;
	p->broker->counters.payload_sent += d.payload.len;
	mqtt_send_bytes(p, bytes);
	return true;
}

static uint32_t
window(const MqttSession *s)
{
	uint32_t	most = s->broker->config.max_inflight;

	return s->peer->receive_maximum < most ? s->peer->receive_maximum : most;
}

/* The message of QoS 2 that is next, and those behind it, wait until it is written. */
static bool
is_unwritten(MqttSession *s, const MqttOut *o)
{
	if (o->place == 0 || fox_router_is_written(s->broker->router, o->place))
		return false;
	fox_list_del(&s->in_unwritten);
	fox_list_push(&s->broker->unwritten, &s->in_unwritten);
	return true;
}

/* Sends what waits, as far as the client takes it. */
static void
send_waiting(MqttSession *s)
{
	while (s->peer != NULL && s->peer->state == MQTT_JOINED && s->sent_count < window(s) && !fox_list_empty(&s->waiting))
	{
		MqttOut    *o = fox_container(MqttOut, node, s->waiting.next);

		if (is_unwritten(s, o))
			break;
		fox_list_del(&o->node);
		fox_list_push(&s->sent, &o->node);
		o->state = OUT_SENT;
		s->waiting_count--;
		s->sent_count++;
		if (o->number > s->sent_number)
			s->sent_number = o->number;
		if (!send_message(s, o, o->again))
			out_end(s, o);
	}
}

static uint16_t
id_of(uint64_t number)
{
	return (uint16_t) (number % UINT16_MAX + 1);
}

/* The next message of that number waits; NULL: no memory.  kept is referenced. */
static MqttOut *
out_new(MqttSession *s, uint64_t number, FoxBytes *kept, FoxSlice own)
{
	MqttOut    *o = calloc(1, sizeof(*o) + own.len);

	if (o == NULL || !fox_idmap_put(&s->outs_by_id, id_of(number), o))
	{
		free(o);
		return NULL;
	}
	o->number = number;
	o->id = id_of(number);
	o->kept = fox_bytes_ref(kept);
	o->own_len = (uint32_t) own.len;
	if (own.len > 0)
		memcpy(o->own, own.ptr, own.len);
	fox_list_push(&s->waiting, &o->node);
	s->waiting_count++;
	s->out_bytes += kept->len;
	if (number > s->last_number)
		s->last_number = number;
	return o;
}

/* A number whose packet identifier is free: fewer messages wait than there are. */
static uint64_t
next_number(const MqttSession *s)
{
	uint64_t	number = s->last_number + 1;

	while (fox_idmap_get(&s->outs_by_id, id_of(number)) != NULL)
		number++;
	return number;
}

/* The queue is full: the oldest message goes, or false: the new one does. */
static bool
make_room(MqttSession *s)
{
	s->broker->counters.dropped++;
	if (s->dropped != NULL)
		++*s->dropped;
	if (!s->broker->config.drop_oldest || fox_list_empty(&s->waiting))
		return false;
	out_end(s, fox_container(MqttOut, node, s->waiting.next));
	return true;
}

void
mqtt_queue_event(MqttSession *s, FoxEvent *e, uint8_t qos, bool retain, FoxSlice own)
{
	FoxMqttDelivery d;
	FoxBytes   *kept;
	MqttOut    *o;
	uint64_t	place;

	if (s->waiting_count >= s->broker->config.max_queued && !make_room(s))
		return;
	kept = keep(s->peer, e);
	o = kept != NULL ? out_new(s, next_number(s), kept, own) : NULL;
	if (o == NULL)
	{
		fox_event_store(e, 0);
		return;
	}
	o->qos = qos;
	o->retain = retain;
	delivery_of(kept, &d);
	o->expires_us = e->expires_us > 0 ? e->expires_us : expiry_of(d.props, fox_router_now(s->broker->router));
	if (s->durable && qos > 0)
	{
		place = mqtt_store_message(s, o, &d);
		fox_event_store(e, place);
		o->place = qos == 2 ? place : 0;
		if (place == 0)
		{
			out_free(s, o);
			return;
		}
	}
	send_waiting(s);
}

void
mqtt_queues_written(FoxMqttBroker *b)
{
	FoxNode		due;

	fox_list_init(&due);
	while (!fox_list_empty(&b->unwritten))
	{
		FoxNode    *n = b->unwritten.next;

		fox_list_del(n);
		fox_list_push(&due, n);
	}
	while (!fox_list_empty(&due))
	{
		FoxNode    *n = due.next;

		fox_list_del(n);
		send_waiting(fox_container(MqttSession, in_unwritten, n));
	}
}

void
mqtt_out_restore(MqttSession *s, const FoxMqttRow *row)
{
	Kept		head = {(uint32_t) row->topic.len, (uint32_t) row->props.len};
	const MqttOut *known = fox_idmap_get(&s->outs_by_id, id_of(row->number));
	FoxBytes   *kept;
	MqttOut    *o = NULL;

	if (known != NULL && known->number == row->number)
		return;					/* the rows come once more */
	fox_buf_reset(&out);
	fox_buf_put(&out, &head, sizeof(head));
	fox_buf_slice(&out, row->topic);
	fox_buf_slice(&out, row->props);
	fox_buf_slice(&out, row->payload);
	kept = mqtt_bytes_of(NULL, &out);
	if (kept != NULL)
		o = out_new(s, row->number, kept, row->own);
	fox_bytes_unref(kept);
	if (o == NULL)
	{
		fox_router_warn(s->broker->router, "a message of MQTT waits for the next start of the router", "out of memory");
		return;
	}
	o->qos = row->qos;
	o->retain = row->retain;
	o->expires_us = row->expires_us > 0 ? fox_router_now(s->broker->router) + row->expires_us : 0;
	o->again = s->sent_unknown ? s->waiting_count + s->sent_count <= s->broker->config.max_inflight : o->number <= s->sent_number;
	if (row->released)
	{
		fox_list_del(&o->node);
		fox_list_push(&s->sent, &o->node);
		o->state = OUT_RELEASED;
		s->waiting_count--;
		s->sent_count++;
	}
}

void
mqtt_send_message(MqttSession *s, const MqttSub *sub, FoxSlice topic, FoxSlice props, FoxSlice payload, bool retain)
{
	FoxMqttDelivery d = {.retain = retain, .topic = topic, .props = props, .payload = payload, .own_props = FOX_LIT("")};
	Kept		head = {(uint32_t) topic.len, (uint32_t) props.len};
	FoxBytes   *kept;
	MqttOut    *o;

	fox_buf_reset(&out);
	if (sub->qos == 0)
	{
		fox_mqtt_encode_delivery(s->peer->version, &d, &out);
		if (out.len <= s->peer->max_packet)
			mqtt_send_bytes(s->peer, mqtt_bytes_of(s->peer, &out));
		return;
	}
	fox_buf_put(&out, &head, sizeof(head));
	fox_buf_slice(&out, topic);
	fox_buf_slice(&out, props);
	fox_buf_slice(&out, payload);
	kept = mqtt_bytes_of(s->peer, &out);
	if (kept != NULL && (o = out_new(s, next_number(s), kept, FOX_LIT(""))) != NULL)
	{
		o->qos = sub->qos;
		o->retain = retain;
		send_waiting(s);
	}
	fox_bytes_unref(kept);
}

/* --- acknowledgements --- */

static void
release(MqttPeer *p, uint16_t id, FoxMqttReason reason)
{
	FoxMqttPacket packet = {.type = FOX_MQTT_PUBREL, .id = id, .reason = (uint8_t) reason};

	if (reason != FOX_MQTT_SUCCESS)
		mqtt_say_why(p, &packet, fox_cstr(MQTT_NO_MESSAGE));
	mqtt_send_written(p, &packet);
}

void
mqtt_acknowledged(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	MqttOut    *o = fox_idmap_get(&s->outs_by_id, packet->id);
	bool		refused = packet->reason >= FOX_MQTT_UNSPECIFIED;

	if (o != NULL && o->state == OUT_WAITING)
		o = NULL;				/* the client can not know it */
	if (packet->type == FOX_MQTT_PUBREC && !refused)
	{
		if (o != NULL && o->qos == 2 && o->state == OUT_SENT)
		{
			o->state = OUT_RELEASED;
			mqtt_store_progress(s, FOX_MQTT_MESSAGE_RELEASED, o->number);
		}
		release(p, packet->id, o != NULL && o->qos == 2 ? FOX_MQTT_SUCCESS : FOX_MQTT_ID_NOT_FOUND);
		return;
	}
	/* PUBACK, PUBCOMP, or a PUBREC that refuses: of what is not under way they mean nothing. */
	if (o == NULL || (o->qos == 1) != (packet->type == FOX_MQTT_PUBACK) ||
		(packet->type == FOX_MQTT_PUBCOMP && o->state != OUT_RELEASED))
		return;
	out_end(s, o);
	send_waiting(s);
}

/* All at once, before any that come now: they are not acknowledged, so nothing holds them back. */
static void
send_waiting_qos0(MqttSession *s)
{
	fox_list_each(n, &s->waiting)
	{
		MqttOut    *o = fox_container(MqttOut, node, n);

		if (o->qos > 0)
			continue;
		(void) send_message(s, o, false);
		out_free(s, o);
	}
}

/* What the new peer does not take at once waits as it did, before all that has not been sent. */
static void
take_back(MqttSession *s)
{
	uint32_t	count = 0;
	FoxNode		back;

	fox_list_init(&back);
	fox_list_each(n, &s->sent)
	{
		MqttOut    *o = fox_container(MqttOut, node, n);

		if (o->state == OUT_RELEASED || ++count <= window(s))
			continue;
		o->state = OUT_WAITING;
		o->again = true;
		s->sent_count--;
		s->waiting_count++;
		fox_list_del(&o->node);
		fox_list_push(&back, &o->node);
	}
	while (!fox_list_empty(&back))
	{
		FoxNode    *last = back.prev;

		fox_list_del(last);
		fox_list_push_front(&s->waiting, last);
	}
}

void
mqtt_resume(MqttSession *s)
{
	take_back(s);
	send_waiting_qos0(s);
	fox_list_each(n, &s->sent)
	{
		MqttOut    *o = fox_container(MqttOut, node, n);

		if (o->state == OUT_RELEASED)
			release(s->peer, o->id, FOX_MQTT_SUCCESS);
		else if (!send_message(s, o, true))
			out_end(s, o);
	}
	send_waiting(s);
}
