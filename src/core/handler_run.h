/*
 * handler_run.h - a handler, and what an executor does for it.
 *
 * Only for handler.c and handler_run.c.
 */
#ifndef FOX_CORE_HANDLER_RUN_H
#define FOX_CORE_HANDLER_RUN_H

#include "core/handler.h"

/* One call: of the function with an event, or to attend to the queue. */
typedef struct FoxRun
{
	FoxNode		node;			/* handler's waiting or running */
	uint64_t	number;
	bool		attends;
	uint8_t		hops;
	FoxSlice	topic;
	FoxSlice	args;			/* of the function */
	char		block[];
} FoxRun;

typedef struct FoxHandler
{
	FoxNode		in_router;
	FoxSession *session;
	uint64_t	id;
	bool		durable;
	bool		posts;			/* to a URL, and not to a function */
	uint32_t	concurrency;
	uint32_t	n_running;
	FoxNode		running;
	uint64_t	last_run;
	FoxNode		waiting;
	uint32_t	n_waiting;
	size_t		waiting_bytes;
	bool		rung;			/* the queue has something to do */
	uint32_t	vain;			/* so often in a row no executor could be had for it */
	FoxTimer	again;
	uint64_t	unwritten;		/* the first delivery that is not in the queue yet; 0: none */
	uint64_t	sent;			/* the last one */
	uint64_t	runs;
	uint64_t	failures;
	uint64_t	dropped;
	uint64_t	warned_us;
	uint64_t	unheard;		/* failures since then */
	char	   *last_error;		/* owned */
	FoxSlice	function;		/* into block, with a zero byte behind */
	char		block[];
} FoxHandler;

/* Sends as many calls to executors as there may be. */
extern void fox_handler_work(FoxHandler *h);
/* The queue has something to do. */
extern void fox_handler_ring(FoxHandler *h);
/* The function is to be called with these arguments, when its turn comes. */
extern void fox_handler_wait(FoxHandler *h, const FoxEvent *e, FoxSlice args);
/* An event is lost to the handler. */
extern void fox_handler_drop(FoxHandler *h, const char *why);
/* What it waits for is given up; what runs comes to its end, and nobody asks what has become of it. */
extern void fox_handler_give_up(FoxHandler *h);

#endif
