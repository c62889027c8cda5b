/*
 * timer.h - deadlines: a binary heap of intrusive timers.
 */
#ifndef FOX_CORE_TIMER_H
#define FOX_CORE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FoxTimer FoxTimer;
typedef void (*FoxTimerFn) (void *ctx, FoxTimer *timer);

struct FoxTimer
{
	uint64_t	due_us;
	FoxTimerFn	fn;
	size_t		place;			/* 1-based place in the heap; 0: not set */
};

typedef struct FoxTimers
{
	FoxTimer  **heap;
	size_t		count;
	size_t		cap;
} FoxTimers;

/* Sets or moves a timer.  False: no memory, the timer is not set. */
extern bool fox_timer_set(FoxTimers *ts, FoxTimer *t, uint64_t due_us, FoxTimerFn fn);
extern void fox_timer_clear(FoxTimers *ts, FoxTimer *t);	/* harmless when not set */
extern void fox_timers_run(FoxTimers *ts, uint64_t now_us, void *ctx);
/* Milliseconds until the first is due, rounded up, at most a minute; -1: none. */
extern int	fox_timers_wait(const FoxTimers *ts, uint64_t now_us);
extern void fox_timers_free(FoxTimers *ts);

#endif
