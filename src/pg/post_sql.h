/*
 * post_sql.h - statements of the executor of POST requests.
 *
 * Each is a transaction of its own, and none is open while a request is under way.
 */
#ifndef FOX_PG_POST_SQL_H
#define FOX_PG_POST_SQL_H

#include "postgres.h"

#include "pg/delivery_queue.h"

/* One delivery, and where it goes; in the caller's memory. */
typedef struct FoxPostItem
{
	char	   *url;
	char	   *secret;			/* NULL: none */
	char	   *headers;		/* a JSON object; NULL: none */
	char	   *body;
	char	   *attempt;
	long		timeout_ms;
} FoxPostItem;

/* How it has gone. */
typedef struct FoxPostOutcome
{
	const char *id;				/* of the delivery */
	int			status;			/* 0: no answer */
	const char *error;			/* NULL: it has come to its end */
	uint64		took_ms;
	bool		gone;			/* nobody wants more of that kind */
} FoxPostOutcome;

/* Clears the queue of a handler that is no more; else as fox_queue_page(), and how many may be under way. */
extern int	fox_post_page(const char *handler, StringInfo left_alone, MemoryContext memory, FoxQueued items[FOX_QUEUE_PAGE], int *concurrency);
/* False: it is not to be sent any more. */
extern bool fox_post_item(const char *id, MemoryContext memory, FoxPostItem *item);
extern FoxQueueOutcome fox_post_note(const FoxPostOutcome *outcome);
extern int64 fox_post_next_ms(const char *handler);
/* Forgets what has been sent long ago. */
extern void fox_post_upkeep(void);

#endif
