/*
 * call_error.h - what a caller hears of an ERROR.
 */
#ifndef FOX_PG_CALL_ERROR_H
#define FOX_PG_CALL_ERROR_H

#include "postgres.h"
#include "lib/stringinfo.h"

typedef struct FoxCallError
{
	const char *uri;
	int			status;			/* as HTTP has it */
	bool		ours;			/* the caller's fault, or said on purpose: nothing for the server's log */
	char	   *args;			/* JSON array */
	char	   *kwargs;			/* JSON object */
} FoxCallError;

/*
 * Reads the stage of routine.h.  canceled: the caller wanted the end of it.  Everything is
 * in the current memory context.  e itself may get another message.
 */
extern void fox_call_error(ErrorData *e, bool canceled, FoxCallError *out);

#endif
