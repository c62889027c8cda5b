/*
 * store_sql.h - the writer of retained values.
 *
 * Runs in an executor, outside any transaction; each call makes its own.  Success
 * reaches the router by the ring entry that the table's trigger makes, so the
 * outcome given here only says what the router's queue has to know.
 */
#ifndef FOX_PG_STORE_SQL_H
#define FOX_PG_STORE_SQL_H

#include "postgres.h"

#include "core/ports.h"
#include "pg/wire_msg.h"

typedef struct FoxStoreItem
{
	uint64		id;				/* the caller's */
	FoxWrite	write;
	FoxOutcome	outcome;
	FoxRefusal	why;			/* if FOX_OUTCOME_REFUSED */
	const char *text;			/* may be NULL; in memory of the batch */
} FoxStoreItem;

/* Once, before anything else: pins the settings that a writer depends on. */
extern void fox_store_setup(uint64 boot_id, int lock_timeout_ms);
/* After a reload of the configuration. */
extern void fox_store_synchronous_commit(const char *value);

/*
 * Carries out the items in order, in one transaction if nothing goes wrong, and
 * fills in their outcomes.  A patient writer waits for locks up to its
 * lock_timeout; another one never does for rows that exist.  Results are in the
 * current memory context.
 *
 * A topic that came out slow stays so, and so does the order (FoxWrite) of the write,
 * until the router has taken note (bounced.h).
 */
extern void fox_store_batch(FoxStoreItem *items, int n, bool patient);

/* Rows written since the start. */
extern uint64 fox_store_rows(void);

/* A transaction with SPI connected and a snapshot; errors end it as usual. */
extern void fox_store_begin(void);
extern void fox_store_commit(void);

/* The value of a row: the exact message if the row keeps one, else its jsonb texts; and that message as it came by MQTT. */
extern void fox_store_value(const char *args, const char *kwargs, bytea *payload, const char *format,
							FoxSlice *args_out, FoxSlice *kwargs_out, FoxSlice *original_out);

#endif
