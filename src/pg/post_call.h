/*
 * post_call.h - a POST request whose answer a function waits for.
 */
#ifndef FOX_PG_POST_CALL_H
#define FOX_PG_POST_CALL_H

#include "postgres.h"

/*
 * The answer's body, palloc'ed; NULL: it is empty.  ERROR when there is none in time, or its status is not 2xx.  It
 * can be canceled like any statement.
 */
extern char *fox_post_call(const char *url, const char *body, int64 timeout_ms);

#endif
