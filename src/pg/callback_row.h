/*
 * callback_row.h - rows of fox_wamp.callback_registry, as SQL functions and the router see them.
 */
#ifndef FOX_PG_CALLBACK_ROW_H
#define FOX_PG_CALLBACK_ROW_H

#include "postgres.h"

#include "base/slice.h"

typedef struct FoxCallbackRow
{
	char	   *id;
	char	   *kind;			/* event, invocation, poll, url, local */
	char	   *session;
	char	   *realm;
	char	   *uri;			/* topic, procedure, URL or function */
	char	   *interface;
	char	   *service;		/* schema of the function that it was passed to; empty: none */
	char	   *owner;			/* role that has passed it */
	char	   *token;
} FoxCallbackRow;

/* palloc'ed in the caller's context; false: there is none.  Locked until the transaction ends, if that is asked for. */
extern bool fox_callback_row(const char *id, bool lock, FoxCallbackRow *row);
/* What core/callback.c and core/handler.c read of it. */
extern FoxSlice fox_callback_row_json(const FoxCallbackRow *row);
/* Makes a row, or finds the one that is there for the same; its id, palloc'ed.  id and token are drawn here. */
extern char *fox_callback_enter(const FoxCallbackRow *row);

/*
 * Calls the function of a local one, (method text, args jsonb, kwargs jsonb) or with the first of these, as the role that has made the
 * callback.  Its result as JSON, palloc'ed; NULL for null and void.
 */
extern char *fox_callback_run_local(const FoxCallbackRow *row, const char *method, FoxSlice args, FoxSlice kwargs);

#endif
