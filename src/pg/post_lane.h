/*
 * post_lane.h - the executor of POST requests, as the router sees it.
 *
 * One process sends all of them, many at a time (post_executor.c), so that no slow server
 * keeps a function waiting for an executor.  It starts when there is something to send and
 * ends when there has been nothing for fox_wamp.executor_idle.
 */
#ifndef FOX_PG_POST_LANE_H
#define FOX_PG_POST_LANE_H

#include "postgres.h"

#include "pg/pool.h"

extern void fox_posts_start(const FoxPoolHandler *handler, uint64 boot_id);
/* Of kind FOX_RUN_POSTS; answered in a later turn. */
extern void fox_posts_call(const FoxFunctionCall *call);
/* As fox_pool_turn(). */
extern void fox_posts_turn(long *wait);
extern void fox_posts_stop(void);

#endif
