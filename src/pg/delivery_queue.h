/*
 * delivery_queue.h - statements on the queue of one durable handler: its rows of fox_wamp.delivery.
 *
 * Within a transaction of the caller's, with SPI connected and a snapshot.
 */
#ifndef FOX_PG_DELIVERY_QUEUE_H
#define FOX_PG_DELIVERY_QUEUE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define FOX_QUEUE_PAGE 100		/* deliveries that are looked at together */

typedef struct FoxQueued
{
	char	   *id;
	char	   *topic;
} FoxQueued;

typedef enum FoxQueueOutcome
{
	FOX_QUEUE_DONE,
	FOX_QUEUE_FAILED,			/* to be tried again */
	FOX_QUEUE_DEAD,				/* not any more */
	FOX_QUEUE_LOCKED,
	FOX_QUEUE_GONE
} FoxQueueOutcome;

/*
 * What is in front of the queue, but for topics that wait and those that are left alone: elements
 * of an array as fox_queue_leave() appends them.  In memory.  0: nothing.
 */
extern int	fox_queue_page(const char *handler, StringInfo left_alone, MemoryContext memory, FoxQueued items[FOX_QUEUE_PAGE]);
extern void fox_queue_leave(StringInfo left_alone, const char *topic);

/*
 * The delivery has failed with that error, and with that status if it was answered with one (0: it was not).  The
 * delays double, up to an hour; the last time it is dead, which the log is told.
 */
extern FoxQueueOutcome fox_queue_note_failure(const char *id, const char *error, int status);

/* Until something that has failed is due, in milliseconds; -1: nothing has. */
extern int64 fox_queue_next_ms(const char *handler);
/* Drops it, if the handler is no more. */
extern void fox_queue_clear(const char *handler);

#endif
