/*
 * pool.h - executors of calls, as the router sees them.
 *
 * SQL functions run in up to fox_wamp.executors processes, which start when there is
 * something to do and end when there has been nothing for fox_wamp.executor_idle.
 */
#ifndef FOX_PG_POOL_H
#define FOX_PG_POOL_H

#include "postgres.h"

#include "core/ports.h"

/* What a request and an answer begin with; then an id, of an answer the microseconds it took, and what pool.c and call_executor.c say. */
typedef enum FoxCallMessage
{
	FOX_CALL_REQUEST = 1,
	FOX_CALL_RESULT,			/* args, kwargs */
	FOX_CALL_PROGRESS,			/* the same, and more follows */
	FOX_CALL_FAILED,			/* uri, args, kwargs */
	FOX_CALL_LOOKS				/* as a result: the function asks for the state of its service's shared instance, and goes on */
} FoxCallMessage;

/* Called from fox_pool_turn() only. */
typedef struct FoxPoolHandler
{
	void	   *ctx;
	void		(*result) (void *ctx, uint64 session, uint64 invocation, bool progress, FoxSlice args, FoxSlice kwargs);
	void		(*failed) (void *ctx, uint64 session, uint64 invocation, FoxSlice uri, FoxSlice args, FoxSlice kwargs);
} FoxPoolHandler;

extern void fox_pool_start(const FoxPoolHandler *handler, uint64 boot_id);
/* Copies everything; the answer comes in a later turn. */
extern void fox_pool_call(const FoxFunctionCall *call);
extern void fox_pool_cancel(uint64 session, uint64 invocation);
/* Moves calls and answers; each turn of the loop.  *wait: lowered to the milliseconds until it has to be called again; 0: at once. */
extern void fox_pool_turn(long *wait);
extern void fox_pool_stop(void);	/* ends the executors and what they run, waits at most a second */
/* The configuration has been read anew: processes that began before end when they have nothing to do, and get nothing more. */
extern void fox_pool_renew(void);
/* Processes, processes that could not be started, calls that run or wait. */
extern void fox_pool_stats(int *executors, int *missing, uint64 *calls);

#endif
