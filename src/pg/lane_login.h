/*
 * lane_login.h - log-ins that wait for the system executor.
 *
 * One may take milliseconds of hashing, and writes are not to wait for many of them: the
 * executor has two in hand at a time, and the others stand here.
 */
#ifndef FOX_PG_LANE_LOGIN_H
#define FOX_PG_LANE_LOGIN_H

#include "pg/lane_request.h"

extern void fox_logins_init(void);
/* The question of a log-in, as the request of that id; false: no memory. */
extern bool fox_logins_add(uint64 id, uint64_t token, FoxSlice question);
/* Drops it, unless it is under way. */
extern void fox_logins_drop(uint64_t token);
/* The next one, which is the caller's and under way from now on; NULL: none waits, or as many are as may be. */
extern FoxRequest *fox_logins_take(void);
/* One is under way no longer. */
extern void fox_logins_left(void);

#endif
