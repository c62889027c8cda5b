/*
 * gate.h - a gate as the sockets see it, whatever it speaks.
 */
#ifndef FOX_GATE_GATE_H
#define FOX_GATE_GATE_H

#include "gate/transport.h"

typedef struct FoxGateOps
{
	/* What has come, as the transport delimits it: data may be changed and is not kept. */
	void		(*message) (void *gate, char *data, size_t len, bool binary);
	/* The peer has shown that it lives, after the transport's probe(). */
	void		(*alive) (void *gate);
	/* The transport has gone; frees the gate. */
	void		(*close) (void *gate, FoxGateClose cause);
} FoxGateOps;

/* Every gate begins with this. */
typedef struct FoxGate
{
	const FoxGateOps *ops;
} FoxGate;

#endif
