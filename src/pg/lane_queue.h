/*
 * lane_queue.h - requests that wait in the router's memory, and what they carry.
 */
#ifndef FOX_PG_LANE_QUEUE_H
#define FOX_PG_LANE_QUEUE_H

#include "postgres.h"
#include "utils/timestamp.h"

#include "base/dlist.h"
#include "pg/wire_msg.h"

/* malloc'ed; in one list at a time. */
typedef struct FoxRequest
{
	FoxNode		node;
	FoxWireType type;
	uint64		id;				/* 0: never answered */
	uint64		token;			/* of a write or a log-in; of the event history, or of deliveries: rows up to the end of this message */
	uint64		session;		/* whose writes keep their order; 0: none */
	bool		repeatable;		/* a write that takes effect once, however often it is sent */
	uint64		fence;			/* writes that must be answered before it may leave its line (lane_slow.c) */
	TimestampTz since;
	FoxSlice	key;			/* of a write: realm, a zero byte, topic */
	FoxSlice	realm;			/* into the key */
	FoxSlice	topic;
	Size		len;
	char	   *message;
	char		block[];
} FoxRequest;

/* NULL: no memory. */
extern FoxRequest *fox_request_new(FoxWireType type, uint64 id, FoxSlice message, FoxSlice realm, FoxSlice topic);

/* --- write-behind: rows that are joined until the next turn takes them --- */

extern void fox_behind_registration(FoxSlice realm, uint64 id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64 callees);
extern void fox_behind_notify(FoxSlice channel, FoxSlice payload);
extern void fox_behind_past(const FoxPastRow *row);
extern bool fox_behind_mqtt(const FoxMqttRow *row);
extern bool fox_behind_deliver(const FoxDelivery *d);	/* false: too many wait */
/* The next message, under the id given; NULL: none. */
extern FoxRequest *fox_behind_take(uint64 id, bool registrations_too, bool past_too, bool deliveries_too);

#endif
