/*
 * delivery_sql.h - events of clients on their way to the queues of durable handlers.
 */
#ifndef FOX_PG_DELIVERY_SQL_H
#define FOX_PG_DELIVERY_SQL_H

#include "postgres.h"

#include "pg/wire_msg.h"

/*
 * The rows of a FOX_WIRE_DELIVERIES message, behind its id, in one transaction.  A value that
 * jsonb refuses fails them all; a careful writer, which takes a subtransaction for each,
 * keeps it as one that has failed for good.
 */
extern void fox_delivery_write(FoxWire *rows, bool careful);
/* Deliveries of handlers that are no more. */
extern void fox_delivery_clear(void);
/* Rows of fox_wamp.handler name the owners that there are: what REASSIGN OWNED and a role's new name do is no event for a trigger. */
extern void fox_delivery_owners(void);

#endif
