/*
 * locks.h - what a backend leaves with the router, and waiting from SQL.
 */
#ifndef FOX_PG_LOCKS_H
#define FOX_PG_LOCKS_H

#include "postgres.h"

/* The id under which this backend owns values: random, for its life. */
extern uint64 fox_backend_owner(void);
/* From now on the router is told when this backend ends. */
extern void fox_backend_end_needed(void);
/* What this backend holds goes as if it ended; for processes that work for many. */
extern void fox_backend_release(void);
/* ERROR 25001 when the transaction has an xid or is above READ COMMITTED. */
extern void fox_refuse_waiting(const char *what);
/* Asks and returns the first row (NULL: none); ERROR WF005 when none came in time. */
extern char *fox_ask_once(const char *question, int64 timeout_ms);

#endif
