/*
 * mqtt_store.c - what of MQTT sessions outlives the router, and packets that wait until it does.
 *
 * A session that is to outlive its connection is written row by row, as it changes, in the order of the
 * changes; an executor writes what has gathered in one transaction.  What a packet promises (SUBACK, PUBREC,
 * PUBREL, PUBCOMP) is written before it is sent.  PUBACK needs no care here: the core answers a publish when
 * all who keep its event have written it.
 *
 * The router's copy is what counts while it runs; rows are read when it starts.
 */
#include <stdlib.h>

#include "gate/mqtt_private.h"

#include "base/pure.h"

/* A packet that waits. */
typedef struct MqttPromise
{
	FoxNode		in_broker;		/* in the order of places */
	FoxNode		in_session;
	MqttSession *session;
	uint32_t	generation;		/* of the peer that it is for */
	uint64_t	place;
	FoxBytes   *packet;
} MqttPromise;

/* --- rows --- */

static bool
store(const MqttSession *s, FoxMqttRow *row)
{
	row->session = s->row;
	return fox_router_store(s->broker->router, row) != 0;
}

bool
mqtt_store_session(MqttSession *s)
{
	FoxSessionInfo who = fox_session_identity(s->core);
	static const MqttWill none = {0};
	const MqttWill *w = s->will != NULL ? s->will : &none;
	FoxMqttRow	row = {
		.kind = FOX_MQTT_SESSION, .realm = mqtt_session_realm(s), .client_id = s->client_id,
		.authid = who.authid, .authrole = who.authrole, .authmethod = who.authmethod,
		.expiry = s->expiry, .connected = s->peer != NULL,
		.number = s->peer != NULL || s->sent_unknown ? FOX_MQTT_SENT_UNKNOWN : s->sent_number,
		.has_will = s->will != NULL, .topic = w->topic, .payload = w->payload, .props = w->props, .qos = w->qos, .retain = w->retain, .delay = w->delay
	};

	if (s->expiry > 0 && !s->durable)
	{
		s->durable = true;
		fox_session_keeps(s->core, true);
	}
	if (!s->stored && !s->durable && s->will == NULL)
		return true;
	s->stored = true;
	return store(s, &row);
}

void
mqtt_store_end(MqttSession *s)
{
	if (s->stored)
		(void) store(s, &(FoxMqttRow){.kind = FOX_MQTT_SESSION_END});
}

void
mqtt_store_sub(const MqttSession *s, const MqttSub *sub)
{
	if (s->durable)
		(void) store(s, &(FoxMqttRow){.kind = FOX_MQTT_SUBSCRIPTION, .filter = sub->filter, .qos = sub->qos,
					 .no_local = sub->no_local, .as_published = sub->as_published, .identifier = sub->identifier});
}

void
mqtt_store_unsub(const MqttSession *s, const MqttSub *sub)
{
	if (s->durable)
		(void) store(s, &(FoxMqttRow){.kind = FOX_MQTT_SUBSCRIPTION_END, .filter = sub->filter});
}

uint64_t
mqtt_store_message(const MqttSession *s, const MqttOut *o, const FoxMqttDelivery *d)
{
	return fox_router_store(s->broker->router,
							&(FoxMqttRow){.kind = FOX_MQTT_MESSAGE, .session = s->row, .number = o->number, .topic = d->topic,
							.payload = d->payload, .props = d->props, .own = fox_slice(o->own, o->own_len), .qos = o->qos,
							.retain = o->retain, .expires_us = o->expires_us});
}

void
mqtt_store_progress(const MqttSession *s, FoxMqttRowKind kind, uint64_t number)
{
	if (s->durable)
		(void) store(s, &(FoxMqttRow){.kind = kind, .number = number});
}

/* --- promises --- */

static void
promise_free(MqttPromise *w)
{
	fox_list_del(&w->in_broker);
	fox_list_del(&w->in_session);
	fox_bytes_unref(w->packet);
	free(w);
}

void
mqtt_promises_free(MqttSession *s)
{
	fox_list_each(n, &s->promises)
		promise_free(fox_container(MqttPromise, in_session, n));
}

void
mqtt_send_written(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	FoxRouter  *r = p->broker->router;
	uint64_t	place = fox_router_stored(r);
	MqttPromise *w;

	/* What waits goes first, even if it need not wait any more. */
	if (fox_list_empty(&s->promises) && (!s->durable || fox_router_is_written(r, place)))
	{
		mqtt_send(p, packet);
		return;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL || (w->packet = mqtt_encode(p, packet)) == NULL)
	{
		free(w);
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
		return;
	}
	w->session = s;
	w->generation = s->generation;
	w->place = place;
	fox_list_push(&p->broker->promises, &w->in_broker);
	fox_list_push(&s->promises, &w->in_session);
}

void
fox_mqtt_broker_written(FoxMqttBroker *b)
{
	while (!fox_list_empty(&b->promises))
	{
		MqttPromise *w = fox_container(MqttPromise, in_broker, b->promises.next);
		MqttSession *s = w->session;
		FoxBytes   *packet = w->packet;

		if (!fox_router_is_written(b->router, w->place))
			break;
		w->packet = NULL;
		if (s->peer != NULL && w->generation == s->generation)
			mqtt_send_bytes(s->peer, packet);
		else
			fox_bytes_unref(packet);
		promise_free(w);
	}
	mqtt_queues_written(b);
}
