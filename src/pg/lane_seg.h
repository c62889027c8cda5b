/*
 * lane_seg.h - the segment that router and executor share.
 *
 * A header, the queue of requests, the queue of answers.
 */
#ifndef FOX_PG_LANE_SEG_H
#define FOX_PG_LANE_SEG_H

#include "postgres.h"
#include "port/atomics.h"
#include "storage/shm_mq.h"

#include "pg/pipe.h"

#define FOX_LANE_MAGIC UINT64CONST(0x666f786c616e6533)

/* A message that is longer passes in pieces. */
#define FOX_LANE_REQUESTS ((Size) 1024 * 1024)
#define FOX_LANE_ANSWERS ((Size) 256 * 1024)

/* Most that one transaction takes, and most bytes of it. */
#define FOX_LANE_BATCH 512
#define FOX_LANE_BATCH_BYTES ((Size) 4 * 1024 * 1024)

typedef enum FoxLaneKind
{
	FOX_LANE_SYSTEM,
	FOX_LANE_SLOW,
	FOX_LANE_CALLS,
	FOX_LANE_POSTS
} FoxLaneKind;

/*
 * Where a call in the queue of an executor is.  The router puts it in (FREE to QUEUED)
 * and may take it back (QUEUED to WITHDRAWN); the executor takes it (QUEUED to TAKEN),
 * or throws a withdrawn one away, and frees its place.
 */
typedef enum FoxCallPlace
{
	FOX_CALL_FREE,
	FOX_CALL_QUEUED,
	FOX_CALL_WITHDRAWN,
	FOX_CALL_TAKEN
} FoxCallPlace;

#define FOX_CALL_PLACES 64

/*
 * Of an executor of calls.  A cancel names the call that it is for, so that one which
 * comes late hits no other; the counter tells the router's signals from an
 * administrator's pg_cancel_backend().
 */
typedef struct FoxCallBoard
{
	pg_atomic_uint32 pid;		/* 0: it has not begun yet */
	pg_atomic_uint64 running;	/* id of the call; 0: none */
	pg_atomic_uint64 cancel;	/* id of the call to be canceled */
	pg_atomic_uint32 signals;	/* sent by the router, ever */
	pg_atomic_uint32 places[FOX_CALL_PLACES];
} FoxCallBoard;

typedef struct FoxLaneHeader
{
	uint64		magic;
	uint64		boot_id;
	Oid			database;
	FoxLaneKind kind;
	FoxPipeCount requests;
	FoxPipeCount answers;
	FoxCallBoard board;
} FoxLaneHeader;

/* The executor's ends, until the process ends; exits when the router is gone already. */
extern FoxLaneHeader *fox_lane_attach(Datum main_arg, FoxPipe *requests, FoxPipe *answers);

#define FOX_LANE_SEGMENT (MAXALIGN(sizeof(FoxLaneHeader)) + FOX_LANE_REQUESTS + FOX_LANE_ANSWERS)
#define FOX_LANE_REQUEST_MQ(h) ((char *) (h) + MAXALIGN(sizeof(FoxLaneHeader)))
#define FOX_LANE_ANSWER_MQ(h) (FOX_LANE_REQUEST_MQ(h) + FOX_LANE_REQUESTS)

#endif
