/*
 * pool_times.h - how long calls of a function take, going by the last ones.
 *
 * A guess, for choosing where the next call goes.  Of few functions at a time: a forgotten one is measured again.
 */
#ifndef FOX_PG_POOL_TIMES_H
#define FOX_PG_POOL_TIMES_H

#include "postgres.h"

/* In microseconds; function: the hash of what runs. */
extern int64 fox_time_expected(uint64 function);
/* Is that so long that others should not have to wait for it? */
extern bool fox_time_is_long(uint64 function);
extern void fox_time_taken(uint64 function, int64 us);

#endif
