/*
 * lane_link.h - one executor process and the router's ends of its queues.
 */
#ifndef FOX_PG_LANE_LINK_H
#define FOX_PG_LANE_LINK_H

#include "postgres.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "utils/timestamp.h"

#include "pg/lane_seg.h"

typedef struct FoxLink
{
	FoxLaneKind kind;
	bool		up;				/* started, and not known to have ended */
	dsm_segment *segment;
	FoxPipe		requests;
	FoxPipe		answers;
	BackgroundWorkerHandle *worker;
	TimestampTz next_start;		/* not before */
	int			backoff_ms;
	bool		warned;			/* of the missing worker slot */
} FoxLink;

/* Starts the executor if it is not up and a try is due; true: it is up. Never waits. */
extern bool fox_link_start(FoxLink *link, uint64 boot_id);
/* Gives up both queues; the executor ends when it notices. */
extern void fox_link_drop(FoxLink *link);
/* The same of one that is fine: the next may start at once. */
extern void fox_link_retire(FoxLink *link);
/* SIGTERM; true when the process is known to have ended. */
extern void fox_link_terminate(FoxLink *link);
extern bool fox_link_ended(const FoxLink *link);

#endif
