/*
 * ask.h - questions that are answered later, shared by ask.c, ask_view.c and ask_call.c.
 */
#ifndef FOX_CORE_ASK_H
#define FOX_CORE_ASK_H

#include "core/core.h"

/* A question under way; it is freed by fox_asker_free(), at the latest when its asker withdraws it. */
typedef struct FoxAsker
{
	FoxNode		node;			/* router->asks */
	FoxRouter  *router;
	uint64_t	ask;
	bool		is_sync;
	bool		done;			/* answered: it is taken down by the next turn */
	uint64_t	ticket;			/* sync: all publishes up to this one */
	uint64_t	sights;			/* so many events with a row are out */
	uint64_t	deliveries;		/* so many events are in the queues of handlers */
	uint64_t	past;			/* and so many rows of the event history */
	uint64_t	roles;			/* and so many changes of roles */
	uint64_t	reviews;		/* and so many reviews */
	FoxSession *session;		/* wait_for, call: a session for this one question */
	FoxTimer	timer;
} FoxAsker;

/* What a session of SQL's says of itself. */
extern const FoxSessionInfo fox_sql_info;

/* NULL: no memory; the question has been answered then. */
extern FoxAsker *fox_asker_new(FoxRouter *r, uint64_t ask);
extern void fox_asker_free(FoxAsker *a);

/* Answers, one row; an absent text is left out.  The row is empty afterwards. */
extern void fox_ask_answer_row(FoxRouter *r, uint64_t ask, FoxBuf *row, bool last);
extern void fox_ask_answer_error(FoxRouter *r, uint64_t ask, FoxSlice uri, FoxSlice text);

/* --- ask_view.c --- */

/* Answers with the rows of the view; false: there is none of that name. */
extern bool fox_ask_view(FoxRouter *r, uint64_t ask, FoxSlice name);

/* --- ask_call.c --- */

/* {"topic": procedure, "role", "args", "kwargs", "options", "timeout_ms"}: a call of the asker's, answered by one row of args and kwargs. */
extern void fox_ask_call(FoxRouter *r, uint64_t ask, FoxSlice question, FoxSlice realm, FoxSlice procedure, int pid);
/* A call whose result nobody wants (FOX_CHANGE_CALL). */
extern void fox_ask_cast(FoxRouter *r, const FoxChange *c);

#endif
