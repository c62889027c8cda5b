/*
 * post_wait.c - waiting for answers of other servers (see post_wait.h).
 *
 * libcurl's descriptors change from turn to turn, and a WaitEventSet takes none back: there is a new one each time.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"

#include "pg/post_wait.h"

#define WAITS_MAX 256

void
fox_post_wait(FoxPoster *poster, long ms)
{
	FoxPosterWait waits[WAITS_MAX];
	int			n = fox_poster_waits(poster, waits, WAITS_MAX, &ms);
	WaitEventSet *set;
	WaitEvent	event;

	if (ms == 0)
		return;
	set = CreateWaitEventSet(CurrentMemoryContext, n + 2);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < n; i++)
		AddWaitEventToSet(set, (waits[i].reads ? WL_SOCKET_READABLE : 0) | (waits[i].writes ? WL_SOCKET_WRITEABLE : 0),
						  waits[i].fd, NULL, NULL);
	(void) WaitEventSetWait(set, ms, &event, 1, PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
}
