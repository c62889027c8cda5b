/*
 * lane_behind.c - rows that are written behind what has happened (see lane_behind.h).
 *
 * Registrations are coalesced: while one message of them is under way, of many
 * changes of one registration only the last is kept.
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pg/lane_behind.h"

#define PAST_BYTES ((Size) 64 * 1024 * 1024)
#define DELIVERY_BYTES ((Size) 64 * 1024 * 1024)
#define NOTIFY_BYTES ((Size) 16 * 1024 * 1024)	/* more than that is dropped */

typedef struct Registration
{
	FoxBuf		row;
	Size		keylen;
	char		key[];
} Registration;

static FoxMap registrations = {0};
static FoxBuf notifications = {0};
static bool notifications_dropped = false;
static FoxBuf past = {0};
static uint64 past_rows = 0;	/* since the start, dropped ones too */
static bool past_dropped = false;
static FoxBuf deliveries = {0};
static uint64 deliveries_taken = 0;	/* since the start */

static void
no_memory(const char *what)
{
	ereport(WARNING,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("fox_wamp has no memory to write %s", what)));
}

void
fox_behind_registration(FoxSlice realm, uint64 id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64 callees)
{
	FoxBuf		key = {0};
	Registration *r;

	fox_buf_slice(&key, realm);
	fox_buf_char(&key, '\0');
	fox_wire_put_u64(&key, id);
	r = key.failed ? NULL : fox_map_get(&registrations, fox_buf_view(&key));
	if (r == NULL && !key.failed && (r = malloc(sizeof(Registration) + key.len)) != NULL)
	{
		memset(&r->row, 0, sizeof(r->row));
		r->keylen = key.len;
		memcpy(r->key, key.data, key.len);
		if (!fox_map_put(&registrations, fox_slice(r->key, r->keylen), r))
		{
			free(r);
			r = NULL;
		}
	}
	fox_buf_free(&key);
	if (r == NULL)
	{
		no_memory("fox_wamp.registration");
		return;
	}
	fox_buf_reset(&r->row);
	fox_wire_put_slice(&r->row, realm);
	fox_wire_put_u64(&r->row, id);
	fox_wire_put_slice(&r->row, uri);
	fox_wire_put_slice(&r->row, match);
	fox_wire_put_slice(&r->row, invoke);
	fox_wire_put_u64(&r->row, callees);
}

static FoxRequest *
take_registrations(uint64 id)
{
	FoxBuf		message = {0};
	FoxRequest *request = NULL;
	FoxMapSlot *slot;
	size_t		pos = 0;

	fox_wire_put_u8(&message, FOX_WIRE_REGISTRATION);
	fox_wire_put_u64(&message, id);
	while ((slot = fox_map_next(&registrations, &pos)) != NULL)
	{
		Registration *r = slot->value;

		if (r->row.failed)
			message.failed = true;
		else
			fox_buf_slice(&message, fox_buf_view(&r->row));
		fox_buf_free(&r->row);
		free(r);
	}
	fox_map_free(&registrations);
	registrations = (FoxMap) {0};
	if (!message.failed)
		request = fox_request_new(FOX_WIRE_REGISTRATION, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	if (request == NULL)
		no_memory("fox_wamp.registration");
	fox_buf_free(&message);
	return request;
}

void
fox_behind_notify(FoxSlice channel, FoxSlice payload)
{
	if (notifications.len + channel.len + payload.len > NOTIFY_BYTES || notifications.failed)
	{
		if (!notifications_dropped)
			ereport(WARNING,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("fox_wamp drops notifications: the executor does not keep up")));
		notifications_dropped = true;
		return;
	}
	fox_wire_put_slice(&notifications, channel);
	fox_wire_put_slice(&notifications, payload);
}

static FoxRequest *
take_notifications(uint64 id)
{
	FoxBuf		message = {0};
	FoxRequest *request = NULL;

	fox_wire_put_u8(&message, FOX_WIRE_NOTIFY);
	fox_wire_put_u64(&message, id);
	fox_buf_slice(&message, fox_buf_view(&notifications));
	if (!message.failed && !notifications.failed)
		request = fox_request_new(FOX_WIRE_NOTIFY, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	if (request == NULL)
		no_memory("notifications");
	fox_buf_free(&message);
	fox_buf_free(&notifications);
	notifications = (FoxBuf) {0};
	notifications_dropped = false;
	return request;
}

/* A deletion that is dropped leaves a row to the next start of the router, which deletes it. */
void
fox_behind_past(const FoxPastRow *row)
{
	past_rows++;
	if (past.failed || past.len + row->args.len + row->kwargs.len > PAST_BYTES)
	{
		if (!past_dropped)
			ereport(WARNING,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("fox_wamp does not write events to fox_wamp.event_history: the executor does not keep up")));
		past_dropped = true;
		return;
	}
	fox_wire_put_past(&past, row);
}

static FoxRequest *
take_past(uint64 id)
{
	FoxBuf		message = {0};
	FoxRequest *request = NULL;

	fox_wire_put_u8(&message, FOX_WIRE_PAST);
	fox_wire_put_u64(&message, id);
	if (!past.failed)
		fox_buf_slice(&message, fox_buf_view(&past));
	if (!message.failed)
		request = fox_request_new(FOX_WIRE_PAST, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	if (request == NULL || past.failed)
		no_memory("fox_wamp.event_history");
	if (request != NULL)
		request->token = past_rows;
	fox_buf_free(&message);
	fox_buf_free(&past);
	past = (FoxBuf) {0};
	past_dropped = false;
	return request;
}

/* What does not fit is refused at once: nothing that was taken is dropped. */
static bool
delivery_taken(Size before)
{
	if (deliveries.failed)
	{
		deliveries.failed = false;
		deliveries.len = before;
		return false;
	}
	deliveries_taken++;
	return true;
}

bool
fox_behind_deliver(const FoxDelivery *d)
{
	Size		before = deliveries.len;

	if (before + d->args.len + d->kwargs.len > DELIVERY_BYTES)
		return false;
	fox_wire_put_delivery(&deliveries, d);
	return delivery_taken(before);
}

/* What ends something is small, and not to be refused: the end would be repeated after a restart. */
bool
fox_behind_mqtt(const FoxMqttRow *row)
{
	Size		before = deliveries.len;

	if (row->kind == FOX_MQTT_MESSAGE && before + row->payload.len > DELIVERY_BYTES)
		return false;
	fox_wire_put_mqtt(&deliveries, row);
	return delivery_taken(before);
}

/* NULL: there is no memory now; they are taken in a later turn. */
static FoxRequest *
take_deliveries(uint64 id)
{
	FoxBuf		message = {0};
	FoxRequest *request = NULL;

	fox_wire_put_u8(&message, FOX_WIRE_DELIVERIES);
	fox_wire_put_u64(&message, id);
	fox_buf_slice(&message, fox_buf_view(&deliveries));
	if (!message.failed)
		request = fox_request_new(FOX_WIRE_DELIVERIES, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	fox_buf_free(&message);
	if (request == NULL)
		return NULL;
	request->token = deliveries_taken;
	fox_buf_free(&deliveries);
	deliveries = (FoxBuf) {0};
	return request;
}

FoxRequest *
fox_behind_take(uint64 id, bool registrations_too, bool past_too, bool deliveries_too)
{
	if (deliveries_too && deliveries.len > 0)
		return take_deliveries(id);
	if (notifications.len > 0)
		return take_notifications(id);
	if (registrations_too && registrations.count > 0)
		return take_registrations(id);
	if (past_too && (past.len > 0 || past.failed))
		return take_past(id);
	return NULL;
}
