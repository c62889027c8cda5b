/*
 * wamp_gate.h - WAMP v2 on a message transport: bytes in, bytes out.
 */
#ifndef FOX_GATE_WAMP_GATE_H
#define FOX_GATE_WAMP_GATE_H

#include "core/router.h"
#include "gate/gate.h"

/* The transport and the peer are copied.  NULL: no memory. */
extern void *fox_wamp_gate_open(FoxRouter *router, const FoxTransport *transport, const FoxPeer *peer);
/* One whole message; data may be changed and is not kept. */
extern void fox_wamp_gate_message(void *gate, char *data, size_t len, bool binary);
/* The peer has shown that it lives, after the transport's probe(). */
extern void fox_wamp_gate_alive(void *gate);
/* The transport has gone; frees the gate. */
extern void fox_wamp_gate_close(void *gate, FoxGateClose cause);

#endif
