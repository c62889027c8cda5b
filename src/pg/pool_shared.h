/*
 * pool_shared.h - calls of shared services, whose instance is for those that look at its state.
 *
 * Which functions do is seen when they run.  From then on calls of such a function have the instance for themselves as
 * those of others have theirs (pool_instance.h), and the others pass.  Of a function that has not been seen yet one call
 * runs, and the rest wait for what is seen: else each might be at an executor to wait for the same row.
 */
#ifndef FOX_PG_POOL_SHARED_H
#define FOX_PG_POOL_SHARED_H

#include "pg/pool_instance.h"

/* Has the function looked at the state?  The hash of what runs. */
extern bool fox_shared_looks(uint64 function);
/* Would it be of a shared instance, and is not known to be or not to be? */
extern bool fox_shared_unseen(const FoxJob *job);
/* A job with `shared` enters what it has to have for itself, as far as is known. */
extern FoxEntered fox_shared_enter(FoxJob *job);
/* The executor says that the job's function asks for the state. */
extern void fox_shared_looked(FoxJob *job);
/* The job's function has returned. */
extern void fox_shared_returned(FoxJob *job);

#endif
