/*
 * portions.h - the rows of a query that may have more of them than memory holds.
 */
#ifndef FOX_PG_PORTIONS_H
#define FOX_PG_PORTIONS_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"

/*
 * Hands each row to fn, with SPI connected and within a transaction.  What fn allocates is given back
 * after some hundred rows.
 */
extern void fox_read_portions(const char *sql, void (*fn) (void *ctx, HeapTuple row, TupleDesc desc), void *ctx);

#endif
