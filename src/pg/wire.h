/*
 * wire.h - the glue between sockets and gates.
 */
#ifndef FOX_PG_WIRE_H
#define FOX_PG_WIRE_H

#include "core/router.h"
#include "net/net.h"

/* The handler that opens a WAMP gate of that router for every connection. */
extern FoxNetHandler fox_wire_handler(FoxRouter *router);

#endif
