/*
 * pool_shared.c - which functions look at the state of shared instances (see pool_shared.h).
 *
 * One that has looked once counts as one that looks.  One that has not is known to do without until it does look.
 */
#include "postgres.h"

#include "base/hash.h"
#include "pg/pool_shared.h"

typedef enum Habit
{
	UNSEEN,						/* not in the map */
	DOES_WITHOUT,
	LOOKS
} Habit;

static FoxIdMap habits = {0};	/* by function */

static Habit
habit_of(uint64 function)
{
	return (Habit) (uintptr_t) fox_idmap_get(&habits, function);
}

bool
fox_shared_unseen(const FoxJob *job)
{
	return !fox_absent(job->shared) && habit_of(job->function) == UNSEEN;
}

/* Without memory it stays as it is. */
static void
learn(uint64 function, Habit habit)
{
	(void) fox_idmap_put(&habits, function, (void *) (uintptr_t) habit);
}

bool
fox_shared_looks(uint64 function)
{
	return habit_of(function) == LOOKS;
}

static FoxEntered
enter_of_function(FoxJob *job)
{
	static FoxBuf key = {0};

	fox_buf_reset(&key);
	key.failed = false;
	fox_buf_slice(&key, job->shared);
	fox_buf_put(&key, &job->function, sizeof(job->function));
	return key.failed ? FOX_ENTERED_NOT : fox_instance_enter(job, fox_buf_view(&key));
}

FoxEntered
fox_shared_enter(FoxJob *job)
{
	switch (habit_of(job->function))
	{
		case LOOKS:
			return fox_instance_enter(job, job->shared);
		case DOES_WITHOUT:
			return FOX_ENTERED;
		default:
			return enter_of_function(job);
	}
}

void
fox_shared_looked(FoxJob *job)
{
	learn(job->function, LOOKS);
	fox_instance_become(job, job->shared);
}

void
fox_shared_returned(FoxJob *job)
{
	if (fox_absent(job->shared) || habit_of(job->function) == LOOKS)
		return;
	learn(job->function, DOES_WITHOUT);
	fox_job_let_go(job);
}
