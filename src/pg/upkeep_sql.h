/*
 * upkeep_sql.h - what an executor writes besides retained values.
 */
#ifndef FOX_PG_UPKEEP_SQL_H
#define FOX_PG_UPKEEP_SQL_H

#include "postgres.h"

#include "pg/wire_msg.h"

/* Deletes a portion of the values whose time is over; true: there may be more. */
extern bool fox_upkeep_expire(void);
/* The rows of a FOX_WIRE_REGISTRATION or FOX_WIRE_NOTIFY message, behind its id. */
extern void fox_upkeep_registration(FoxWire *rows);
extern void fox_upkeep_notify(FoxWire *rows);

#endif
