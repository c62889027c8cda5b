/*
 * caller.h - who calls: what a SQL function may ask, and no setting can forge.
 */
#ifndef FOX_PG_CALLER_H
#define FOX_PG_CALLER_H

#include "postgres.h"

#include "core/ports.h"

typedef struct FoxCaller
{
	uint64		session;
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	role;			/* of the database, that it acts as; absent: none */
	FoxSlice	peer;			/* "127.0.0.1:54321" */
	FoxSlice	agent;			/* absent: unknown */
	FoxSlice	headers;		/* that are kept of its handshake, as http_req.h walks them; absent: none */
	FoxSlice	procedure;
	FoxSlice	realm;
	FoxBound	bound;
	uint8		verbs;			/* that the table takes (core/http_route.h) */
	FoxSlice	table;			/* that the procedure is bound to, its qualified name; absent: none */
	const struct FoxHttpCall *http;	/* the request that makes the call; NULL: none does */
} FoxCaller;

/* NULL: nobody calls. Borrowed until the next call of this. */
extern void fox_caller_set(const FoxCaller *caller);
extern const FoxCaller *fox_caller(void);
/* The row of its table that the call is about, by its primary key as text; NULL: none.  Until the next fox_caller_set(). */
extern void fox_caller_set_row(const char *row);
extern const char *fox_caller_row(void);

#endif
