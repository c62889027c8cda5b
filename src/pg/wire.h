/*
 * wire.h - the glue between sockets and gates.
 */
#ifndef FOX_PG_WIRE_H
#define FOX_PG_WIRE_H

#include "core/router.h"
#include "net/net.h"

/* Makes the gates of that router; false: no memory. */
extern bool fox_wire_open(FoxRouter *router);
/* After a reload of the configuration. */
extern void fox_wire_configure(void);
/* The handler that opens a gate for every connection. */
extern FoxNetHandler fox_wire_handler(void);

/* From now on connections to other servers are made, on that loop; rows of MQTT sessions are restored. */
extern void fox_wire_dial(FoxNet *net);

/* Rows of MQTT sessions: those that an earlier run has left, that was all, and what was stored is written. */
extern void fox_wire_restore(const FoxMqttRow *row);
extern void fox_wire_restored(void);
extern void fox_wire_written(void);

#endif
