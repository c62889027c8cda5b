/*
 * pipe.h - messages from a router to an executor, or the other way.
 *
 * A shm_mq, and beside it in the segment how many messages have been begun: for who looks into an
 * empty shm_mq wakes the other side, to tell it of the room that there is.  So nobody looks who
 * can see that nothing has come.
 */
#ifndef FOX_PG_PIPE_H
#define FOX_PG_PIPE_H

#include "postgres.h"
#include "port/atomics.h"
#include "storage/shm_mq.h"

typedef enum FoxPipeSender
{
	FOX_SENDER_NONE,			/* not yet */
	FOX_SENDER_THERE,
	FOX_SENDER_LEAVING
} FoxPipeSender;

/* In the segment. */
typedef struct FoxPipeCount
{
	pg_atomic_uint64 begun;		/* messages, ever: a message is counted before it is sent */
	pg_atomic_uint32 sender;	/* FoxPipeSender */
} FoxPipeCount;

/* One end. */
typedef struct FoxPipe
{
	shm_mq_handle *queue;		/* NULL: closed */
	FoxPipeCount *count;
	uint64		passed;			/* messages that were sent whole, or received */
	bool		looks;			/* even if nothing has been begun */
} FoxPipe;

extern void fox_pipe_init(FoxPipeCount *count);
extern FoxPipe fox_pipe(shm_mq_handle *queue, FoxPipeCount *count);
extern void fox_pipe_close(FoxPipe *p);

/*
 * As shm_mq_send().  After SHM_MQ_WOULD_BLOCK the same message has to be sent again.  flush: the other side is woken now, for
 * all that has been sent.
 */
extern shm_mq_result fox_pipe_send(FoxPipe *p, Size len, const void *data, bool nowait, bool flush);
/* As shm_mq_receive(), without waiting.  SHM_MQ_DETACHED as soon as the sender has left in order. */
extern shm_mq_result fox_pipe_receive(FoxPipe *p, Size *len, void **data);
/* This process was woken, or has waited for long: if nothing has come, the sender may have gone without a word. */
extern void fox_pipe_woken(FoxPipe *p);

#endif
