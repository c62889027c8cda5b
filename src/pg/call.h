/*
 * call.h - what SQL makes of the answer to a call.
 */
#ifndef FOX_PG_CALL_H
#define FOX_PG_CALL_H

#include "postgres.h"

#include "base/slice.h"

/* Of {"args","kwargs"}: the only argument if it is all there is, the kwargs if they are, else an object of both; absent: nothing at all. */
extern FoxSlice fox_call_result(FoxSlice row);

#endif
