/*
 * mqtt_restore.c - sessions that an earlier run of the router has left, out of their rows.
 *
 * Each is away, until its client comes back or its time is over; the connection that it had when the
 * router ended was lost, with all that follows for its will.
 */
#include "gate/mqtt_private.h"

#include "base/pure.h"

static MqttSession *
session_of(FoxMqttBroker *b, const FoxMqttRow *row)
{
	return fox_idmap_get(&b->restored, row->session);
}

static bool
restore_will(MqttSession *s, const FoxMqttRow *row)
{
	FoxMqttWill will = {.qos = row->qos, .retain = row->retain, .payload = row->payload};

	return mqtt_will_set(s, &will, row->topic, row->props, row->delay);
}

static void
restore_session(FoxMqttBroker *b, const FoxMqttRow *row)
{
	FoxSessionInfo info = {.authid = row->authid, .authrole = row->authrole, .authmethod = row->authmethod, .peer = FOX_LIT(""),
	.protocol = FOX_LIT("mqtt"), .encoding = FOX_MQTT, .client_id = row->client_id, .registration_revocation = true};
	MqttSession *earlier = mqtt_session_find(b, row->realm, row->client_id);
	MqttSession *s;
	const char *reason;

	if (session_of(b, row) != NULL)
		return;					/* the rows come once more */
	if (earlier != NULL)
		mqtt_session_end(earlier);
	s = mqtt_session_new(b, row->realm, row->client_id, &info, &reason);
	if (s == NULL || !fox_idmap_put(&b->restored, row->session, s))
	{
		fox_router_warn(b->router, "an MQTT session could not be taken up again", reason);
		if (s != NULL)
			mqtt_session_end(s);
		(void) fox_router_store(b->router, &(FoxMqttRow){.kind = FOX_MQTT_SESSION_END, .session = row->session});
		return;
	}
	s->row = row->session;
	s->stored = true;
	s->expiry = row->expiry;
	s->away_us = row->away_us;
	s->durable = s->expiry > 0;
	s->sent_unknown = row->number == FOX_MQTT_SENT_UNKNOWN;
	s->sent_number = s->last_number = s->sent_unknown ? 0 : row->number;
	if (s->durable)
		fox_session_keeps(s->core, true);
	if (row->has_will && !restore_will(s, row))
		fox_router_warn(b->router, "the will of an MQTT session is lost", "out of memory");
}

void
fox_mqtt_broker_restore(FoxMqttBroker *b, const FoxMqttRow *row)
{
	MqttSession *s;

	if (row->kind == FOX_MQTT_SESSION)
		restore_session(b, row);
	else if ((s = session_of(b, row)) == NULL)
		return;
	else if (row->kind == FOX_MQTT_SUBSCRIPTION)
		mqtt_sub_restore(s, row);
	else if (row->kind == FOX_MQTT_MESSAGE)
		mqtt_out_restore(s, row);
	else if (row->kind == FOX_MQTT_RECEIVED)
		mqtt_received_restore(s, row);
}

void
fox_mqtt_broker_restored(FoxMqttBroker *b)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&b->restored, &pos)) != NULL)
		mqtt_session_away(slot->value);
	fox_map_free(&b->restored);
	b->restored = (FoxIdMap){0};
}
