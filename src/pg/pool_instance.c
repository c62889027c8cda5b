/*
 * pool_instance.c - instances of services that calls run for (see pool_instance.h).
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pg/guc.h"
#include "pg/pool_instance.h"

#define WAITING_BYTES_MAX ((Size) 128 * 1024 * 1024)	/* of all calls that wait for theirs: the others have room left */

/* malloc'ed, while a call has it */
struct FoxPoolInstance
{
	FoxJob	   *holder;
	FoxNode		waiting;
	int			n_waiting;
	FoxSlice	key;
	char		block[];
};

static FoxMap instances = {0};
static Size waiting_bytes = 0;

static FoxPoolInstance *
instance_new(FoxSlice key)
{
	FoxPoolInstance *i = malloc(sizeof(*i) + key.len + 1);
	char	   *at;

	if (i == NULL)
		return NULL;
	at = i->block;
	i->key = fox_slice_keep(&at, key);
	i->holder = NULL;
	i->n_waiting = 0;
	fox_list_init(&i->waiting);
	if (!fox_map_put(&instances, i->key, i))
	{
		free(i);
		return NULL;
	}
	return i;
}

FoxEntered
fox_instance_enter(FoxJob *job, FoxSlice key)
{
	FoxPoolInstance *i;

	if (fox_absent(key))
		return FOX_ENTERED;
	if ((i = fox_map_get(&instances, key)) == NULL && (i = instance_new(key)) == NULL)
		return FOX_ENTERED_NOT;
	if (i->holder == NULL)
	{
		job->instance = i;
		i->holder = job;
		return FOX_ENTERED;
	}
	if (i->n_waiting >= fox_guc_call_queue_limit || waiting_bytes + job->len > WAITING_BYTES_MAX)
		return FOX_ENTERED_FULL;
	job->instance = i;
	i->n_waiting++;
	waiting_bytes += job->len;
	fox_list_push(&i->waiting, &job->node);
	return FOX_ENTERED_LINE;
}

static void
leave_line(FoxJob *job)
{
	fox_list_del(&job->node);
	job->instance->n_waiting--;
	waiting_bytes -= job->len;
}

FoxJob *
fox_instance_leave(FoxJob *job)
{
	FoxPoolInstance *i = job->instance;
	FoxJob	   *next = NULL;

	if (i == NULL)
		return NULL;
	if (i->holder != job)
	{
		leave_line(job);
		job->instance = NULL;
		return NULL;
	}
	job->instance = NULL;
	if (!fox_list_empty(&i->waiting))
	{
		next = fox_container(FoxJob, node, i->waiting.next);
		leave_line(next);
	}
	i->holder = next;
	if (next == NULL)
	{
		fox_map_del(&instances, i->key);
		free(i);
	}
	return next;
}

FoxJob *
fox_instance_let_go(FoxJob *job)
{
	FoxJob	   *next = NULL;

	if (job->instance != NULL && job->instance->holder == job && !fox_list_empty(&job->instance->waiting))
	{
		next = fox_container(FoxJob, node, job->instance->waiting.next);
		leave_line(next);
		next->instance = NULL;
	}
	return next;
}

/* Their order stays, behind those of the other. */
static void
move_line(FoxPoolInstance *from, FoxPoolInstance *to)
{
	while (!fox_list_empty(&from->waiting))
	{
		FoxJob	   *job = fox_container(FoxJob, node, from->waiting.next);

		fox_list_del(&job->node);
		fox_list_push(&to->waiting, &job->node);
		job->instance = to;
	}
	to->n_waiting += from->n_waiting;
	from->n_waiting = 0;
}

void
fox_instance_become(FoxJob *job, FoxSlice key)
{
	FoxPoolInstance *former = job->instance;
	FoxPoolInstance *i = fox_map_get(&instances, key);

	/* Without memory it goes on as it is: what it has to wait for it waits for at the executor. */
	if (i == NULL && (i = instance_new(key)) == NULL)
		return;
	if (former == i || (former != NULL && former->holder != job))
		return;
	job->instance = i->holder == NULL ? i : NULL;
	if (i->holder == NULL)
		i->holder = job;
	if (former == NULL)
		return;
	move_line(former, i);
	fox_map_del(&instances, former->key);
	free(former);
}

const FoxJob *
fox_instance_in_use(FoxSlice key)
{
	const FoxPoolInstance *i = fox_map_get(&instances, key);

	return i != NULL ? i->holder : NULL;
}

const FoxJob *
fox_instance_holder(const FoxJob *job)
{
	return job->instance != NULL && job->instance->holder != job ? job->instance->holder : NULL;
}

FoxJob *
fox_instance_nested(const FoxJob *job)
{
	if (job->instance != NULL)
		fox_list_each(n, &job->instance->waiting)
			if (fox_container(FoxJob, node, n)->caller != NULL)
				return fox_container(FoxJob, node, n);
	return NULL;
}
