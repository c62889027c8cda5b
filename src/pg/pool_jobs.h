/*
 * pool_jobs.h - calls on their way through the pool, and the executors they are at.
 *
 * Only for pool.c, which decides where they go.  A job is in one place at a time: the
 * queue, an executor's list, its instance's (pool_instance.h), or among the doomed, which
 * the next turn answers.
 */
#ifndef FOX_PG_POOL_JOBS_H
#define FOX_PG_POOL_JOBS_H

#include "postgres.h"
#include "utils/timestamp.h"

#include "base/dlist.h"
#include "pg/lane_link.h"
#include "pg/pool.h"

#define FOX_JOB_UNAVAILABLE "wamp.error.unavailable"
#define FOX_JOB_CANCELED "wamp.error.canceled"

/* Where the number of the place (lane_seg.h), which is known last, stands in a message. */
#define FOX_JOB_PLACE_AT (1 + sizeof(uint64))

typedef struct FoxPoolExecutor
{
	FoxLink		link;
	FoxNode		jobs;			/* in the order of sending */
	int			n;
	int64		expected_us;	/* that they are going to take, all in all */
	FoxNode		nested;			/* jobs that its function waits for */
	bool		full;			/* the last of them has not been sent whole: its queue of messages takes no more */
	bool		outdated;		/* it has begun with another configuration */
	TimestampTz busy_since;		/* the first of the jobs has been the first */
	TimestampTz idle_since;
} FoxPoolExecutor;

typedef struct FoxPoolInstance FoxPoolInstance;

/* malloc'ed */
typedef struct FoxJob
{
	FoxNode		node;
	uint64		id;
	uint64		key[2];			/* session, invocation */
	uint64		function;		/* hash of what it runs */
	FoxPoolExecutor *executor;	/* that it is sent to; NULL: none */
	FoxPoolExecutor *caller;	/* whose function waits for it; NULL: none */
	FoxNode		in_caller;
	FoxPoolInstance *instance;	/* that it has for itself, or waits for (pool_instance.h); NULL: of none */
	FoxSlice	shared;			/* key of the instance that is its own once it asks for the state (pool_shared.h); absent: there is no such */
	int			overtaken;		/* how often, by calls that came later */
	int			place;
	int64		expected_us;	/* that it is going to take there */
	bool		sent;			/* all of it */
	bool		canceled;		/* before that */
	TimestampTz since;
	const char *uri;			/* why it is doomed, or, at an executor, why it was stopped; constants */
	const char *text;
	Size		len;
	char		message[];
} FoxJob;

extern TimestampTz fox_pool_now;	/* of this turn */
extern FoxNode fox_job_queue;

extern void fox_jobs_init(void);
/* At the queue's end, or behind the others of its instance.  NULL: there is no memory, or too much waits; the next turn says so. */
extern FoxJob *fox_job_new(const FoxFunctionCall *call);
extern FoxJob *fox_job_by_id(uint64 id);
extern FoxJob *fox_job_by_key(uint64 session, uint64 invocation);
extern void fox_job_send(FoxJob *job, FoxPoolExecutor *x, int place);	/* to the executor's list */
extern void fox_job_take_back(FoxJob *job);	/* from there to the queue's front */
extern void fox_job_forget(FoxJob *job);
/* It waits for its instance no more, and has none. */
extern void fox_job_pass(FoxJob *job);
/* So do those that wait for the job's. */
extern void fox_job_let_go(FoxJob *job);
extern void fox_job_doom(FoxJob *job, const char *uri, const char *text);
/* True: there are some. */
extern bool fox_jobs_doomed(void);
extern void fox_jobs_answer_doomed(const FoxPoolHandler *handler);
extern uint64 fox_jobs_open(void);

#endif
