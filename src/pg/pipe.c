/*
 * pipe.c - messages from a router to an executor, or the other way (see pipe.h).
 */
#include "postgres.h"

#include "pg/pipe.h"

void
fox_pipe_init(FoxPipeCount *count)
{
	pg_atomic_init_u64(&count->begun, 0);
	pg_atomic_init_u32(&count->sender, FOX_SENDER_NONE);
}

FoxPipe
fox_pipe(shm_mq_handle *queue, FoxPipeCount *count)
{
	return (FoxPipe) {.queue = queue, .count = count};
}

void
fox_pipe_close(FoxPipe *p)
{
	if (p->queue != NULL)
		shm_mq_detach(p->queue);
	*p = (FoxPipe) {0};
}

shm_mq_result
fox_pipe_send(FoxPipe *p, Size len, const void *data, bool nowait, bool flush)
{
	shm_mq_result result;

	pg_atomic_write_u64(&p->count->begun, p->passed + 1);
	result = shm_mq_send(p->queue, len, data, nowait, flush);
	if (result == SHM_MQ_SUCCESS)
		p->passed++;
	return result;
}

static bool
nothing_has_come(const FoxPipe *p)
{
	return pg_atomic_read_u64(&p->count->begun) == p->passed;
}

shm_mq_result
fox_pipe_receive(FoxPipe *p, Size *len, void **data)
{
	shm_mq_result result;

	if (!p->looks && nothing_has_come(p) && pg_atomic_read_u32(&p->count->sender) == FOX_SENDER_THERE)
		return SHM_MQ_WOULD_BLOCK;
	p->looks = false;
	result = shm_mq_receive(p->queue, len, data, true);
	if (result == SHM_MQ_SUCCESS)
		p->passed++;
	return result;
}

void
fox_pipe_woken(FoxPipe *p)
{
	p->looks = nothing_has_come(p);
}
