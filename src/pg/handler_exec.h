/*
 * handler_exec.h - event handlers as an executor runs them: as the owner of the function.
 */
#ifndef FOX_PG_HANDLER_EXEC_H
#define FOX_PG_HANDLER_EXEC_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "base/slice.h"

/* Calls the function with as many of the arguments as it takes, in a transaction; ERROR as it raises it. */
extern void fox_handler_call(FoxSlice function, FoxSlice args, uint8 hops);
/*
 * Calls the handler for what is due in its queue, one transaction each, for a while; appends
 * to report what core/handler_run.c reads.  Errors of the function stay in the queue.
 */
extern void fox_handler_attend(uint64 handler, MemoryContext memory, StringInfo report);

#endif
