/*
 * lane_link.c - one executor process and the router's ends of its queues.
 *
 * The queues know the worker's handle, so that an executor which ends, or which the
 * postmaster never manages to start, shows as SHM_MQ_DETACHED.  Starts are spaced
 * out, for an executor that fails at once must not make a restart loop.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "pg/lane_link.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_LAST_MS 30000
#define STEADY_MS 60000			/* up for so long: the next start is a first one again */

static dsm_segment *
make_segment(FoxLink *link, uint64 boot_id)
{
	dsm_segment *segment = dsm_create(FOX_LANE_SEGMENT, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	FoxLaneHeader *header;
	shm_mq	   *mq;

	if (segment == NULL)
		return NULL;
	dsm_pin_mapping(segment);
	header = dsm_segment_address(segment);
	header->magic = FOX_LANE_MAGIC;
	header->boot_id = boot_id;
	header->database = MyDatabaseId;
	header->kind = link->kind;
	fox_pipe_init(&header->requests);
	fox_pipe_init(&header->answers);
	pg_atomic_write_u32(&header->requests.sender, FOX_SENDER_THERE);
	pg_atomic_init_u32(&header->board.pid, 0);
	pg_atomic_init_u64(&header->board.running, 0);
	pg_atomic_init_u64(&header->board.cancel, 0);
	pg_atomic_init_u32(&header->board.signals, 0);
	for (int i = 0; i < FOX_CALL_PLACES; i++)
		pg_atomic_init_u32(&header->board.places[i], FOX_CALL_FREE);
	mq = shm_mq_create(FOX_LANE_REQUEST_MQ(header), FOX_LANE_REQUESTS);
	shm_mq_set_sender(mq, MyProc);
	link->requests = fox_pipe(shm_mq_attach(mq, segment, NULL), &header->requests);
	mq = shm_mq_create(FOX_LANE_ANSWER_MQ(header), FOX_LANE_ANSWERS);
	shm_mq_set_receiver(mq, MyProc);
	link->answers = fox_pipe(shm_mq_attach(mq, segment, NULL), &header->answers);
	return segment;
}

static bool
register_worker(FoxLink *link)
{
	static const char *const functions[] = {"fox_wamp_executor_main", "fox_wamp_executor_main", "fox_wamp_call_executor_main",
	"fox_wamp_post_executor_main"};
	static const char *const names[] = {"executor", "slow executor", "call executor", "post executor"};
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(link->segment));
	strlcpy(worker.bgw_library_name, "fox_wamp", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, functions[link->kind], BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "fox_wamp %s of database %u", names[link->kind], MyDatabaseId);
	snprintf(worker.bgw_type, BGW_MAXLEN, "fox_wamp %s", names[link->kind]);
	return RegisterDynamicBackgroundWorker(&worker, &link->worker);
}

static void
forget(FoxLink *link)
{
	fox_pipe_close(&link->requests);
	fox_pipe_close(&link->answers);
	if (link->segment != NULL)
		dsm_detach(link->segment);
	link->segment = NULL;
}

bool
fox_link_start(FoxLink *link, uint64 boot_id)
{
	TimestampTz now;
	MemoryContext saved;

	if (link->up)
		return true;
	now = GetCurrentTimestamp();
	if (now < link->next_start)
		return false;
	if (link->backoff_ms == 0 || now - link->next_start > INT64CONST(1000) * STEADY_MS)
		link->backoff_ms = BACKOFF_FIRST_MS;
	else
		link->backoff_ms = Min(link->backoff_ms * 2, BACKOFF_LAST_MS);
	link->next_start = TimestampTzPlusMilliseconds(now, link->backoff_ms);

	if (link->worker != NULL)
		pfree(link->worker);
	link->worker = NULL;
	saved = MemoryContextSwitchTo(TopMemoryContext);
	link->segment = make_segment(link, boot_id);
	link->up = link->segment != NULL && register_worker(link);
	MemoryContextSwitchTo(saved);
	if (link->up)
	{
		shm_mq_set_handle(link->requests.queue, link->worker);
		shm_mq_set_handle(link->answers.queue, link->worker);
		link->warned = false;
		return true;
	}
	if (!link->warned)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("fox_wamp could not start an executor: no background worker or shared memory segment is free"),
				 errhint("Raise max_worker_processes.")));
	link->warned = true;
	/* A slot may come free at any time; failing to get one is no crash loop. */
	link->backoff_ms = 0;
	link->next_start = TimestampTzPlusMilliseconds(now, 1000);
	forget(link);
	return false;
}

void
fox_link_drop(FoxLink *link)
{
	link->up = false;
	forget(link);
}

void
fox_link_retire(FoxLink *link)
{
	fox_link_drop(link);
	link->backoff_ms = 0;
	link->next_start = 0;
}

void
fox_link_terminate(FoxLink *link)
{
	if (link->worker != NULL)
		TerminateBackgroundWorker(link->worker);
}

bool
fox_link_ended(const FoxLink *link)
{
	pid_t		pid;
	BgwHandleStatus status;

	if (link->worker == NULL)
		return true;
	status = GetBackgroundWorkerPid(link->worker, &pid);
	return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
}
