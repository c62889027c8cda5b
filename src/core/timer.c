/*
 * timer.c - deadlines (see timer.h).
 */
#include "core/timer.h"

#include <stdlib.h>

#include "base/pure.h"

static void
put_at(FoxTimers *ts, FoxTimer *t, size_t i)
{
	ts->heap[i - 1] = t;
	t->place = i;
}

static void
sift(FoxTimers *ts, FoxTimer *t)
{
	size_t		i = t->place;

	while (i > 1 && ts->heap[i / 2 - 1]->due_us > t->due_us)
	{
		put_at(ts, ts->heap[i / 2 - 1], i);
		i /= 2;
	}
	for (;;)
	{
		size_t		child = i * 2;

		if (child > ts->count)
			break;
		if (child < ts->count && ts->heap[child]->due_us < ts->heap[child - 1]->due_us)
			child++;
		if (ts->heap[child - 1]->due_us >= t->due_us)
			break;
		put_at(ts, ts->heap[child - 1], i);
		i = child;
	}
	put_at(ts, t, i);
}

bool
fox_timer_set(FoxTimers *ts, FoxTimer *t, uint64_t due_us, FoxTimerFn fn)
{
	t->due_us = due_us;
	t->fn = fn;
	if (t->place == 0)
	{
		if (ts->count == ts->cap)
		{
			size_t		cap = ts->cap ? ts->cap * 2 : 16;
			FoxTimer  **heap = realloc(ts->heap, cap * sizeof(*heap));

			if (heap == NULL)
				return false;
			ts->heap = heap;
			ts->cap = cap;
		}
		put_at(ts, t, ++ts->count);
	}
	sift(ts, t);
	return true;
}

void
fox_timer_clear(FoxTimers *ts, FoxTimer *t)
{
	FoxTimer   *last;
	size_t		i = t->place;

	if (i == 0)
		return;
	t->place = 0;
	last = ts->heap[--ts->count];
	if (last != t)
	{
		put_at(ts, last, i);
		sift(ts, last);
	}
}

void
fox_timers_run(FoxTimers *ts, uint64_t now_us, void *ctx)
{
	while (ts->count > 0 && ts->heap[0]->due_us <= now_us)
	{
		FoxTimer   *t = ts->heap[0];

		fox_timer_clear(ts, t);
		t->fn(ctx, t);
	}
}

int
fox_timers_wait(const FoxTimers *ts, uint64_t now_us)
{
	uint64_t	wait;

	if (ts->count == 0)
		return -1;
	if (ts->heap[0]->due_us <= now_us)
		return 0;
	wait = (ts->heap[0]->due_us - now_us + 999) / 1000;
	return wait > 60000 ? 60000 : (int) wait;
}

void
fox_timers_free(FoxTimers *ts)
{
	free(ts->heap);
	*ts = (FoxTimers){0};
}
