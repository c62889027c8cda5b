/*
 * change.h - what the trigger on fox_wamp.retained cannot see in the row.
 *
 * Whoever writes a row on behalf of a publish names it here before the statement;
 * the trigger puts it into the ring entry.  Cleared at the end of the transaction
 * and by fox_change_context(NULL).
 */
#ifndef FOX_PG_CHANGE_H
#define FOX_PG_CHANGE_H

#include "core/ports.h"

typedef struct FoxChangeContext
{
	uint64_t	token;
	uint64_t	publication;	/* 0: the trigger draws one */
	uint64_t	session;		/* origin */
	int32_t		pid;
	FoxSlice	options;		/* JSON or absent; must live until the context is replaced */
	bool		own_audience;	/* a value that goes is for those that it was for */
	bool		quiet;			/* only the owner changes: no ring entry */
	uint64_t	owner;			/* not 0: the row keeps / takes this owner (the writer upserts fox_wamp.lock itself) */
} FoxChangeContext;

extern void fox_change_context(const FoxChangeContext *context);

#endif
