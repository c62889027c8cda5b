/*
 * lane_seg.h - the segment that router and executor share.
 *
 * A header, the queue of requests, the queue of answers.
 */
#ifndef FOX_PG_LANE_SEG_H
#define FOX_PG_LANE_SEG_H

#include "postgres.h"
#include "storage/shm_mq.h"

#define FOX_LANE_MAGIC UINT64CONST(0x666f786c616e6531)

/* A message that is longer passes in pieces. */
#define FOX_LANE_REQUESTS ((Size) 1024 * 1024)
#define FOX_LANE_ANSWERS ((Size) 256 * 1024)

/* Most that one transaction takes, and most bytes of it. */
#define FOX_LANE_BATCH 512
#define FOX_LANE_BATCH_BYTES ((Size) 4 * 1024 * 1024)

typedef struct FoxLaneHeader
{
	uint64		magic;
	uint64		boot_id;
	Oid			database;
	bool		slow;
} FoxLaneHeader;

#define FOX_LANE_SEGMENT (MAXALIGN(sizeof(FoxLaneHeader)) + FOX_LANE_REQUESTS + FOX_LANE_ANSWERS)
#define FOX_LANE_REQUEST_MQ(h) ((char *) (h) + MAXALIGN(sizeof(FoxLaneHeader)))
#define FOX_LANE_ANSWER_MQ(h) (FOX_LANE_REQUEST_MQ(h) + FOX_LANE_REQUESTS)

#endif
