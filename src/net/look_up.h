/*
 * look_up.h - addresses of names, while the loop goes on.
 *
 * The resolver waits for name servers as long as it likes, so that each name has a thread of its own, which nobody waits
 * for: not the loop, and not the end of the process.  It begins with all signals blocked, so that a signal handler runs
 * in no thread but the process's own, and calls nothing but the resolver.
 */
#ifndef FOX_NET_LOOK_UP_H
#define FOX_NET_LOOK_UP_H

#include <netdb.h>
#include <uv.h>

#include "base/dlist.h"

typedef struct FoxLookUp FoxLookUp;

typedef struct FoxLookUps
{
	uv_async_t	wake;
	FoxNode		all;
} FoxLookUps;

extern void fox_look_ups_init(FoxLookUps *ups, uv_loop_t *loop);
/* Cancels all; the loop has to run once more. */
extern void fox_look_ups_end(FoxLookUps *ups);

/*
 * done() is called by the loop with getaddrinfo()'s code and addresses, which it owns; not from within this call.
 * NULL: there is no memory, or no thread.
 */
extern FoxLookUp *fox_look_up(FoxLookUps *ups, const char *host, const char *port,
							  void (*done) (void *data, int code, struct addrinfo *found), void *data);
/* done() is not called any more; not from within it. */
extern void fox_look_up_cancel(FoxLookUp *l);

#endif
