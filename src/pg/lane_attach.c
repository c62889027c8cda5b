/*
 * lane_attach.c - the executor's ends of the queues.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"

#include "pg/lane_seg.h"

/* The segment is there until the queues are left. */
static void
leave(int code, Datum header)
{
	pg_atomic_write_u32(&((FoxLaneHeader *) DatumGetPointer(header))->answers.sender, FOX_SENDER_LEAVING);
}

FoxLaneHeader *
fox_lane_attach(Datum main_arg, FoxPipe *requests, FoxPipe *answers)
{
	dsm_segment *segment = dsm_attach(DatumGetUInt32(main_arg));
	FoxLaneHeader *lane;
	shm_mq	   *mq;

	if (segment == NULL)
		proc_exit(0);			/* the router ended before we began */
	dsm_pin_mapping(segment);
	lane = dsm_segment_address(segment);
	if (lane->magic != FOX_LANE_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the router of this database runs another version of fox_wamp"),
				 errhint("SELECT fox_wamp.restart().")));
	mq = (shm_mq *) FOX_LANE_REQUEST_MQ(lane);
	shm_mq_set_receiver(mq, MyProc);
	*requests = fox_pipe(shm_mq_attach(mq, segment, NULL), &lane->requests);
	mq = (shm_mq *) FOX_LANE_ANSWER_MQ(lane);
	shm_mq_set_sender(mq, MyProc);
	*answers = fox_pipe(shm_mq_attach(mq, segment, NULL), &lane->answers);
	before_shmem_exit(leave, PointerGetDatum(lane));
	pg_atomic_write_u32(&lane->answers.sender, FOX_SENDER_THERE);
	return lane;
}
