/*
 * wire_msg.h - what router and executor say to each other.
 *
 * One message of a shm_mq is a type byte and fields in the machine's own byte
 * order, for both ends are one binary.  Byte strings carry a length; its highest
 * value marks the absent slice.  Reading is bounds-checked all the same, so that
 * a mix of two versions of the library ends in an ERROR, not in a crash.
 */
#ifndef FOX_PG_WIRE_MSG_H
#define FOX_PG_WIRE_MSG_H

#include "postgres.h"

#include "core/ports.h"

typedef enum FoxWireType
{
	/* requests; those with an id are answered under it */
	FOX_WIRE_WRITE = 1,			/* id, FoxWrite */
	FOX_WIRE_SLOW_SEEN,			/* behind, realm, topic, session: one answer SLOW or BEHIND has been taken up */
	FOX_WIRE_BOOT,				/* id */
	FOX_WIRE_RELOAD,			/* id */
	FOX_WIRE_SETTLE,			/* id; answered when the transactions that are open now have ended */
	FOX_WIRE_REGISTRATION,		/* id, rows of {realm, id, uri, match, invoke, callees} to the end */
	FOX_WIRE_NOTIFY,			/* id, rows of {channel, payload} to the end */
	FOX_WIRE_PAST,				/* id, FoxPastRows to the end */
	FOX_WIRE_LOGIN,				/* id, question of auth.h */
	FOX_WIRE_ROLES,				/* id; ROWS come before the answer */
	FOX_WIRE_DELIVERIES,		/* id, FoxDeliveries and FoxMqttRows to the end */
	FOX_WIRE_REQUESTS,			/* one more than there are */

	/* answers */
	FOX_WIRE_OUTCOMES = 64,		/* rows written, then {id, outcome, refusal, text} to the end */
	FOX_WIRE_ROWS,				/* FoxChange to the end */
	FOX_WIRE_SETTING,			/* name, value */
	FOX_WIRE_LOADED,			/* id */
	FOX_WIRE_DONE,				/* id */
	FOX_WIRE_FAILED,			/* id: it has not been done, and is to be sent again */
	FOX_WIRE_LOGIN_ANSWER,		/* id, answer of auth.h */
	FOX_WIRE_MQTT				/* FoxMqttRow to the end */
} FoxWireType;

typedef enum FoxOutcome
{
	FOX_OUTCOME_DONE = 1,		/* committed */
	FOX_OUTCOME_REFUSED,
	FOX_OUTCOME_SLOW,			/* somebody else has the row locked: nothing was done */
	FOX_OUTCOME_BEHIND			/* an earlier write of its session came out slow: nothing was done */
} FoxOutcome;

typedef struct FoxWire
{
	const char *at;
	const char *end;
	bool		bad;			/* cut off or malformed; what was read is zero then */
} FoxWire;

extern void fox_wire_put_u8(FoxBuf *b, uint8 v);
extern void fox_wire_put_u64(FoxBuf *b, uint64 v);
extern void fox_wire_put_slice(FoxBuf *b, FoxSlice s);
extern void fox_wire_put_write(FoxBuf *b, uint64 id, const FoxWrite *w);
extern void fox_wire_put_row(FoxBuf *b, const FoxChange *c);
extern void fox_wire_put_delivery(FoxBuf *b, const FoxDelivery *d);
extern void fox_wire_put_mqtt(FoxBuf *b, const FoxMqttRow *row);
extern void fox_wire_put_past(FoxBuf *b, const FoxPastRow *p);

static inline FoxWire
fox_wire(const void *data, Size len)
{
	return (FoxWire) {data, (const char *) data + len, false};
}

static inline bool
fox_wire_more(const FoxWire *w)
{
	return !w->bad && w->at < w->end;
}

/* Slices that are read point into the message. */
extern uint8 fox_wire_u8(FoxWire *w);
extern uint64 fox_wire_u64(FoxWire *w);
extern FoxSlice fox_wire_slice(FoxWire *w);
extern void fox_wire_write(FoxWire *w, FoxWrite *out);	/* behind type and id */
extern void fox_wire_delivery(FoxWire *w, FoxDelivery *out);
/* Of what is put where deliveries are too: a row of MQTT, or false and a delivery. */
extern bool fox_wire_is_mqtt(FoxWire *w);
extern void fox_wire_mqtt(FoxWire *w, FoxMqttRow *out);
extern void fox_wire_past(FoxWire *w, FoxPastRow *out);
extern void fox_wire_row(FoxWire *w, FoxChange *out);

#endif
