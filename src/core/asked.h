/*
 * asked.h - requests of a session that wait for what somebody says of them: an authorizer, a publish hook.
 *
 *      request ──► its session's list ──question──► answered ──► at the head ──► goes on
 *
 * Questions are put at once and may be answered in any order; requests leave the list in that in which they came,
 * since a session may count on it.  Who goes on goes through the whole request again, with s->resumed set.
 */
#ifndef FOX_CORE_ASKED_H
#define FOX_CORE_ASKED_H

#include "core/authorizer.h"

#define FOX_ANSWER_MS 5000		/* no answer within that is none */

typedef enum FoxAskedState
{
	FOX_ASKED_NOTHING,			/* it only keeps its place */
	FOX_ASKED_OPEN,
	FOX_ASKED_YES,
	FOX_ASKED_NO,
	FOX_ASKED_FAILED
} FoxAskedState;

typedef struct FoxAsked
{
	FoxSession *session;
	FoxAskedState state;
	bool		stays;			/* it was resumed, and is to be asked */
	bool		permitted;		/* it may; what is asked for now, or was, is the hook's */
	uint64_t	question;		/* to a procedure; 0: none was put */
	FoxInquiry *inquiry;		/* to a function, as long as it is not answered */
	uint64_t	number;			/* of the last change when the question was put */
	FoxDisclosure disclosure;
	FoxNode		in_session;
	FoxTimer	timer;
	size_t		bytes;			/* that it counts for */
	FoxWish		wish;			/* slices into block, or into altered */
	FoxBuf		altered;		/* what the hook has made of args and kwargs */
	FoxBuf		error;			/* its URI and its text, each with a zero byte behind it; empty: there is none */
	char		block[];
} FoxAsked;

/* At the end of the list; NULL: too much waits there. */
extern FoxAsked *fox_asked_new(FoxSession *s, const FoxWish *wish);
extern void fox_asked_free(FoxAsked *a);
/* Counts what its answer takes, as long as others before it wait.  False: too much waits there. */
extern bool fox_asked_more(FoxAsked *a, size_t bytes);
/* Who asks, as members of an object that has begun. */
extern void fox_asked_put_session(FoxBuf *b, const FoxSession *s);
/* A question is about to be put: the time for its answer begins.  False: no memory. */
extern bool fox_asked_open(FoxAsked *a);
/* The answer may come from anywhere below the core: the list moves in the router's next tick. */
extern void fox_asked_answered(FoxAsked *a, FoxAskedState state);
/* The first of the list may have its answer, since one before it has gone. */
extern void fox_asked_next(FoxSession *s);

#endif
