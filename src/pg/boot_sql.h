/*
 * boot_sql.h - what an executor reads and clears up when a router starts.
 */
#ifndef FOX_PG_BOOT_SQL_H
#define FOX_PG_BOOT_SQL_H

#include "postgres.h"

#include "core/ports.h"

/* Applies the wills of sessions that are no more, deletes what has expired, empties fox_wamp.registration. */
extern void fox_boot_clear(uint64 boot_id);

/*
 * Applies wills that are still open.  While a router runs they are those of
 * backends that ended without its hearing of it (they outlived another router), and
 * of rows that were locked at the start.
 */
extern void fox_boot_sweep(uint64 boot_id);

typedef struct FoxBootSink
{
	void		(*setting) (const char *name, const char *value);
	void		(*row) (const FoxChange *row);
	void		(*mqtt) (const FoxMqttRow *row);
} FoxBootSink;

/*
 * Settings of this database; realms, how they are logged in to, what is kept of events, those events (at_start),
 * trust levels, exposed functions, permissions, roles, bridges (out), retained values, and last (at_start) MQTT sessions.
 */
extern void fox_boot_settings(const FoxBootSink *sink);
extern void fox_boot_load(const FoxBootSink *sink, bool at_start);
/* Which roles have which. */
extern void fox_boot_roles(const FoxBootSink *sink);

/*
 * Transactions that may have written fox_wamp.retained before now and have not
 * ended.  Polled, not waited for: one that sleeps must not stop the writer.
 */
extern void fox_settle_begin(void);
extern bool fox_settled(void);

#endif
