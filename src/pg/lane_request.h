/*
 * lane_request.h - what an executor is asked, from when it is wanted until it is answered.
 */
#ifndef FOX_PG_LANE_REQUEST_H
#define FOX_PG_LANE_REQUEST_H

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
/* Under way from now on, and found by its id; false: no memory, and nothing has changed. */
extern bool fox_request_file(FoxRequest *r);
/* NULL: none under way has that id. */
extern FoxRequest *fox_request_find(uint64 id);
/* Takes one that was filed out of its list, and frees it. */
extern void fox_request_end(FoxRequest *r);
/* How many of a type have been filed and not ended. */
extern uint64 fox_requests_under_way(FoxWireType type);

#endif
