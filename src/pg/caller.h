/*
 * caller.h - who calls: what a SQL function may ask, and no setting can forge.
 */
#ifndef FOX_PG_CALLER_H
#define FOX_PG_CALLER_H

#include "postgres.h"

#include "base/slice.h"

typedef struct FoxCaller
{
	uint64		session;
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	role;			/* of the database, that it acts as; absent: none */
	FoxSlice	peer;			/* "127.0.0.1:54321" */
	FoxSlice	agent;			/* absent: unknown */
	FoxSlice	procedure;
	FoxSlice	realm;
	const struct FoxHttpCall *http;	/* the request that makes the call; NULL: none does */
} FoxCaller;

/* NULL: nobody calls. Borrowed until the next call of this. */
extern void fox_caller_set(const FoxCaller *caller);
extern const FoxCaller *fox_caller(void);

#endif
