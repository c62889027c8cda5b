/*
 * pool_instance.h - instances of services that calls run for, and the calls that wait until it is their turn.
 *
 * A call has its instance for itself from when it enters until it leaves: answered, canceled or lost.  The next one goes
 * then, so that calls which wait for each other occupy one executor, and not all of them.  What the instance's row is
 * locked for besides, by SQL, they wait for at the executor.
 */
#ifndef FOX_PG_POOL_INSTANCE_H
#define FOX_PG_POOL_INSTANCE_H

#include "pg/pool_jobs.h"

typedef enum FoxEntered
{
	FOX_ENTERED,				/* it may run; it has no instance, or that for itself */
	FOX_ENTERED_LINE,			/* it waits */
	FOX_ENTERED_FULL,			/* too many do */
	FOX_ENTERED_NOT				/* no memory */
} FoxEntered;

/* key: of its instance, which is copied, or absent. */
extern FoxEntered fox_instance_enter(FoxJob *job, FoxSlice key);
/* Wherever it is.  The call whose turn it is, which is in no list any more; NULL: none. */
extern FoxJob *fox_instance_leave(FoxJob *job);
/* The first that waits for what the job has: it waits no more, and has none.  NULL: none does. */
extern FoxJob *fox_instance_let_go(FoxJob *job);
/*
 * What the job has for itself turns out to be that instance, and those that wait for it wait there; or it has nothing, and
 * now has that.  If another has the instance, the job goes on besides.
 */
extern void fox_instance_become(FoxJob *job, FoxSlice key);
/* The call that has the instance; NULL: nobody. */
extern const FoxJob *fox_instance_in_use(FoxSlice key);
/* The one that has the instance which the job waits for; NULL: it waits for none. */
extern const FoxJob *fox_instance_holder(const FoxJob *job);
/* One that waits for the job's instance, and whose own caller is a function that waits for it; NULL: none. */
extern FoxJob *fox_instance_nested(const FoxJob *job);

#endif
