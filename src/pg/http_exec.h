/*
 * http_exec.h - an HTTP request's function, in the executor: its arguments, its reply.
 *
 * In this order, within a call: begin, bind, result; or failed, whatever went wrong.
 */
#ifndef FOX_PG_HTTP_EXEC_H
#define FOX_PG_HTTP_EXEC_H

#include "codec/http_call.h"
#include "pg/call_error.h"
#include "pg/caller.h"
#include "pg/routine.h"

/* Is it a request that changes nothing? */
extern bool fox_http_reads(const FoxHttpCall *call);
/* Before the transaction of each call: what it leaves in settings stays for the next.  NULL: no request makes the call. */
extern void fox_http_begin(const FoxHttpCall *call, const FoxCaller *caller);

/* --- http_bind.c --- */

/* The arguments, from query and body; between fox_routine_bind_begin() and _end(). */
extern void fox_http_bind(FoxRoutine *f, const FoxHttpCall *call, FoxRoutineValues *out);

/* --- http_reply.c --- */

/* Makes the reply of a result; ERROR if it says what no reply can be. */
extern void fox_http_result(const FoxRoutine *f, const FoxHttpCall *call, StringInfo json, MemoryContext context);
/* Makes that of an error. */
extern void fox_http_failed(const FoxHttpCall *call, const ErrorData *e, const FoxCallError *error);
/* What was made, for the router; until the next one is. */
extern FoxSlice fox_http_reply_made(void);

/* --- http_encode.c --- */

/* Appends an entity tag to the headers, and makes of the reply what the asker takes: 304, or a compressed body. */
extern void fox_http_encode(FoxHttpReply *reply, const FoxHttpCall *call, StringInfo headers);

/* --- http_context.c --- */

/* What a function says of the reply beside its result. */
typedef struct FoxHttpSaid
{
	bool		rows;			/* its errors are those of rows, which have statuses of their own */
	unsigned	status;			/* 0: nothing */
	const char *location;		/* NULL: nothing */
	bool		has_body;		/* instead of the result */
	FoxSlice	type;			/* of that; absent: none */
	FoxSlice	body;
} FoxHttpSaid;

extern const FoxHttpSaid *fox_http_said(void);
extern void fox_http_say_nothing(void);	/* a call begins */
extern void fox_http_say_rows(void);
extern void fox_http_say_status(unsigned status);
/* These two are copied, for the transaction. */
extern void fox_http_say_location(const char *location);
extern void fox_http_say_body(const char *type, FoxSlice body);

#endif
