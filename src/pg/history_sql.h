/*
 * history_sql.h - the event history as an executor reads and writes it.
 */
#ifndef FOX_PG_HISTORY_SQL_H
#define FOX_PG_HISTORY_SQL_H

#include "postgres.h"

#include "pg/boot_sql.h"
#include "pg/wire_msg.h"

/* Rows of fox_wamp.event_history; inside fox_store_begin() and _commit(). */
extern void fox_past_load(const FoxBootSink *sink);

/*
 * The rows of a FOX_WIRE_PAST message, behind its id, in one transaction.  A value that
 * jsonb refuses fails them all; a careful writer, which takes a subtransaction for each,
 * keeps it as payload alone.
 */
extern void fox_history_write(FoxWire *rows, bool careful);

#endif
