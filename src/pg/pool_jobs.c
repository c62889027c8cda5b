/*
 * pool_jobs.c - calls on their way through the pool (see pool_jobs.h).
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pg/guc.h"
#include "pg/pool_instance.h"
#include "pg/pool_jobs.h"
#include "pg/pool_shared.h"
#include "pg/pool_times.h"
#include "pg/wire_msg.h"

#define BYTES_MAX ((Size) 256 * 1024 * 1024)	/* of all jobs */
#define REFUSED_MAX 1024

TimestampTz fox_pool_now;
FoxNode		fox_job_queue;

static FoxNode doomed;
static FoxMap by_key = {0};
static FoxIdMap by_id = {0};
static uint64 last_id = 0;
static int	queued = 0;
static Size bytes = 0;
static uint64 refused[REFUSED_MAX][2];	/* keys of calls for which there was no memory */
static int	n_refused = 0;

void
fox_jobs_init(void)
{
	fox_list_init(&fox_job_queue);
	fox_list_init(&doomed);
}

static FoxSlice
key_of(const uint64 key[2])
{
	return fox_slice((const char *) key, 2 * sizeof(uint64));
}

FoxJob *
fox_job_by_id(uint64 id)
{
	return fox_idmap_get(&by_id, id);
}

FoxJob *
fox_job_by_key(uint64 session, uint64 invocation)
{
	uint64		key[2] = {session, invocation};

	return fox_map_get(&by_key, key_of(key));
}

/* --- coming --- */

static uint64
function_of(const FoxFunctionCall *c)
{
	return fox_hash_bytes(c->function.ptr, c->function.len);
}

static void
put_call(FoxBuf *b, uint64 id, const FoxFunctionCall *c)
{
	fox_buf_reset(b);
	b->failed = false;
	fox_wire_put_u8(b, FOX_CALL_REQUEST);
	fox_wire_put_u64(b, id);
	fox_wire_put_u64(b, 0);		/* the place, see FOX_JOB_PLACE_AT */
	fox_wire_put_u8(b, c->kind);
	fox_wire_put_u64(b, c->handler);
	fox_wire_put_u8(b, c->hops);
	fox_wire_put_u64(b, c->caller);
	fox_wire_put_u64(b, c->timeout_ms);
	fox_wire_put_u8(b, c->receive_progress);
	fox_wire_put_slice(b, c->realm);
	fox_wire_put_slice(b, c->procedure);
	fox_wire_put_slice(b, c->function);
	fox_wire_put_u8(b, (uint8) c->bound);
	fox_wire_put_u8(b, (uint8) c->verbs);
	fox_wire_put_slice(b, c->table);
	fox_wire_put_slice(b, c->role);
	fox_wire_put_slice(b, c->authid);
	fox_wire_put_slice(b, c->authrole);
	fox_wire_put_slice(b, c->peer);
	fox_wire_put_slice(b, c->agent);
	fox_wire_put_slice(b, c->headers);
	fox_wire_put_slice(b, c->args);
	fox_wire_put_slice(b, c->kwargs);
	fox_wire_put_slice(b, c->http);
	fox_wire_put_slice(b, c->service);
	fox_wire_put_u8(b, c->shared && !fox_shared_looks(function_of(c)));
}

/* All that is kept is the key, for the answer. */
static void
refuse(const FoxFunctionCall *c)
{
	if (n_refused == REFUSED_MAX)
		/* A call that nobody answers would wait for ever. */
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	refused[n_refused][0] = c->session;
	refused[n_refused++][1] = c->invocation;
}

static FoxJob *
make(const FoxFunctionCall *c, const FoxBuf *message)
{
	FoxJob	   *job;
	char	   *end;

	if (message->failed || fox_absent(c->function) || (job = malloc(sizeof(FoxJob) + message->len + c->instance.len + 1)) == NULL)
		return NULL;
	*job = (FoxJob) {
		.id = last_id + 1, .key = {c->session, c->invocation}, .function = function_of(c), .shared = FOX_ABSENT,
		.since = GetCurrentTimestamp(), .len = message->len
	};
	memcpy(job->message, message->data, message->len);
	end = job->message + message->len;
	if (c->shared)
		job->shared = fox_slice_keep(&end, c->instance);
	if (!fox_idmap_put(&by_id, job->id, job))
	{
		free(job);
		return NULL;
	}
	if (!fox_map_put(&by_key, key_of(job->key), job))
	{
		fox_idmap_del(&by_id, job->id);
		free(job);
		return NULL;
	}
	return job;
}

static void
enqueue(FoxJob *job)
{
	queued++;
	fox_list_push(&fox_job_queue, &job->node);
}

FoxJob *
fox_job_new(const FoxFunctionCall *c)
{
	static FoxBuf message = {0};
	FoxEntered	entered;
	FoxJob	   *job;

	put_call(&message, last_id + 1, c);
	job = make(c, &message);
	if (message.cap > 1024 * 1024)
		fox_buf_free(&message);
	if (job == NULL)
	{
		refuse(c);
		return NULL;
	}
	last_id++;
	bytes += job->len;
	fox_list_init(&job->node);
	fox_list_init(&job->in_caller);
	entered = c->shared ? fox_shared_enter(job) : fox_instance_enter(job, c->instance);
	if (entered == FOX_ENTERED_LINE)
		return job;
	enqueue(job);
	if (entered == FOX_ENTERED && queued <= fox_guc_call_queue_limit && bytes <= BYTES_MAX)
		return job;
	fox_job_doom(job, FOX_JOB_UNAVAILABLE, entered == FOX_ENTERED_FULL ? "too many calls of the instance are waiting" :
				 entered == FOX_ENTERED_NOT ? "out of memory" : "too many calls of SQL functions are waiting");
	return NULL;
}

/* --- going from place to place --- */

/* Takes it from where it is. */
static void
unlink_job(FoxJob *job)
{
	FoxPoolExecutor *x = job->executor;

	fox_list_del(&job->node);
	if (x != NULL)
	{
		x->n--;
		x->expected_us -= job->expected_us;
		x->busy_since = x->idle_since = fox_pool_now;
	}
	else if (job->uri == NULL && fox_instance_holder(job) == NULL)
		queued--;
	job->executor = NULL;
}

void
fox_job_send(FoxJob *job, FoxPoolExecutor *x, int place)
{
	uint64		number = (uint64) place;

	unlink_job(job);
	job->executor = x;
	job->place = place;
	job->sent = false;
	memcpy(job->message + FOX_JOB_PLACE_AT, &number, sizeof(number));
	job->expected_us = fox_time_expected(job->function);
	x->expected_us += job->expected_us;
	if (x->n++ == 0)
		x->busy_since = fox_pool_now;
	fox_list_push(&x->jobs, &job->node);
}

/* The first of the executor's goes on as long as it has. */
void
fox_job_take_back(FoxJob *job)
{
	fox_list_del(&job->node);
	job->executor->n--;
	job->executor->expected_us -= job->expected_us;
	job->executor = NULL;
	queued++;
	fox_list_push_front(&fox_job_queue, &job->node);
}

/* --- leaving --- */

/* Who has waited for it has waited in the queue too. */
static void
give_way(FoxJob *job)
{
	FoxJob	   *next = fox_instance_leave(job);

	if (next != NULL)
		enqueue(next);
}

void
fox_job_pass(FoxJob *job)
{
	(void) fox_instance_leave(job);
	enqueue(job);
}

void
fox_job_let_go(FoxJob *job)
{
	FoxJob	   *next;

	while ((next = fox_instance_let_go(job)) != NULL)
		enqueue(next);
}

void
fox_job_forget(FoxJob *job)
{
	unlink_job(job);
	give_way(job);
	fox_list_del(&job->in_caller);
	fox_map_del(&by_key, key_of(job->key));
	fox_idmap_del(&by_id, job->id);
	bytes -= job->len;
	free(job);
}

void
fox_job_doom(FoxJob *job, const char *uri, const char *text)
{
	unlink_job(job);
	give_way(job);
	job->uri = uri;
	job->text = text;
	fox_list_push(&doomed, &job->node);
}

bool
fox_jobs_doomed(void)
{
	return n_refused > 0 || !fox_list_empty(&doomed);
}

void
fox_jobs_answer_doomed(const FoxPoolHandler *handler)
{
	while (n_refused > 0)
	{
		n_refused--;
		handler->failed(handler->ctx, refused[n_refused][0], refused[n_refused][1], FOX_LIT(FOX_JOB_UNAVAILABLE),
						FOX_LIT("[\"out of memory\"]"), FOX_ABSENT);
	}
	while (!fox_list_empty(&doomed))
	{
		FoxJob	   *job = fox_container(FoxJob, node, doomed.next);
		uint64		session = job->key[0];
		uint64		invocation = job->key[1];
		const char *uri = job->uri;
		FoxBuf		args = {0};

		fox_buf_char(&args, '[');
		fox_buf_json_str(&args, fox_cstr(job->text));
		fox_buf_char(&args, ']');
		fox_job_forget(job);
		handler->failed(handler->ctx, session, invocation, fox_cstr(uri), args.failed ? FOX_ABSENT : fox_buf_view(&args), FOX_ABSENT);
		fox_buf_free(&args);
	}
}

uint64
fox_jobs_open(void)
{
	return by_id.count;
}
