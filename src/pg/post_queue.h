/*
 * post_queue.h - queues whose events are POSTed to a URL, as the one process that does it knows them.
 */
#ifndef FOX_PG_POST_QUEUE_H
#define FOX_PG_POST_QUEUE_H

#include "postgres.h"

#include "net/poster.h"

/* A report as core/handler_run.c reads it. */
typedef void (*FoxPostReport) (uint64 attend, const char *json);

extern void fox_post_queues_start(FoxPostReport report);
/* The queue of a handler has something to do; reported on when all that is due has been sent. */
extern void fox_post_attend(uint64 attend, uint64 handler);
/* Goes on with what can go on; *wait_ms: lowered to when to look again, whatever comes. */
extern void fox_post_turn(long *wait_ms);
/* What else is worth waking up for. */
extern int	fox_post_waits(FoxPosterWait *waits, int max, long *wait_ms);

#endif
