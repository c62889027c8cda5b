/*
 * callback_arg.h - arguments of a function that are callbacks: what the caller sends becomes a row's id.
 */
#ifndef FOX_PG_CALLBACK_ARG_H
#define FOX_PG_CALLBACK_ARG_H

#include "postgres.h"

#include "pg/routine.h"

/* Is it fox_wamp.callback, or a domain over it? */
extern bool fox_callback_is_type(Oid type);
/*
 * The literal of the i-th argument, which is one, or NULL for null.  Of the caller's session a URI that it has subscribed or
 * registered, or {"poll":true}; {"url":text}; the URI of a callback that somebody has passed on.  ERROR otherwise.
 */
extern char *fox_callback_argument(const FoxRoutine *f, int i, FoxSlice json);

#endif
