/*
 * router.h - a router for targets that feed gates: realm1, where everybody may do everything, and a store
 * that answers between messages.
 */
#ifndef FOX_FUZZ_ROUTER_H
#define FOX_FUZZ_ROUTER_H

#include "core/router.h"
#include "gate/transport.h"

extern FoxRouter *fuzz_router_open(void);
/* Log-ins, writes and rows that wait are answered, some with a refusal. */
extern void fuzz_commit(void);
/* A transport that takes what a gate sends, events too, to the target's function, and does nothing else. */
extern FoxTransport fuzz_transport(void *conn, void (*send) (void *conn, FoxBytes *message, bool binary));
extern void fuzz_router_close(void);	/* once the gates are closed */

#endif
