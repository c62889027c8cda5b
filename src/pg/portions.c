/*
 * portions.c - the rows of a query that may have more of them than memory holds (see portions.h).
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/portions.h"

#define FETCH 200

void
fox_read_portions(const char *sql, void (*fn) (void *ctx, HeapTuple row, TupleDesc desc), void *ctx)
{
	MemoryContext portion = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp portion", ALLOCSET_DEFAULT_SIZES);
	Portal		cursor = SPI_cursor_open_with_args(NULL, sql, 0, NULL, NULL, NULL, true, 0);

	for (;;)
	{
		MemoryContext saved;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(cursor, true, FETCH);
		if (SPI_processed == 0)
			break;
		saved = MemoryContextSwitchTo(portion);
		for (uint64 i = 0; i < SPI_processed; i++)
			fn(ctx, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(saved);
		MemoryContextReset(portion);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(cursor);
	MemoryContextDelete(portion);
}
