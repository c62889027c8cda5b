/*
 * poster.h - POST requests to other servers, many at a time.
 *
 * Nothing waits here: who owns the poster waits for its descriptors and takes turns.  No
 * redirect is followed and no proxy asked.
 */
#ifndef FOX_NET_POSTER_H
#define FOX_NET_POSTER_H

#include "base/slice.h"

typedef struct FoxPoster FoxPoster;

typedef struct FoxPost
{
	const char *url;
	const char *const *headers; /* "Name: value", then NULL */
	FoxSlice	body;
	long		timeout_ms;		/* until the answer is there */
	void	   *tag;			/* the caller's */
} FoxPost;

typedef struct FoxPosted
{
	void	   *tag;
	long		status;			/* of the answer; 0: there is none */
	const char *error;			/* why there is none, or it was cut off; NULL: it is complete */
	FoxSlice	body;			/* at most FOX_POSTED_MAX bytes: what is longer is cut off */
	uint64_t	took_ms;
} FoxPosted;

#define FOX_POSTED_MAX ((size_t) 64 * 1024)

typedef struct FoxPosterWait
{
	int			fd;
	bool		reads;
	bool		writes;
} FoxPosterWait;

/* One of a process, which it lives as long as; NULL: no memory. */
extern FoxPoster *fox_poster_new(void);
/* Copies everything; false: no memory, and done() is not called for it. */
extern bool fox_poster_send(FoxPoster *p, const FoxPost *post);
/* Goes on with what can go on; calls done() for what is over. */
extern void fox_poster_turn(FoxPoster *p, void (*done) (void *ctx, const FoxPosted *posted), void *ctx);
/* What the next turn is worth waiting for: at most max descriptors; *wait_ms: lowered (-1: for ever). */
extern int	fox_poster_waits(FoxPoster *p, FoxPosterWait *waits, int max, long *wait_ms);

#endif
