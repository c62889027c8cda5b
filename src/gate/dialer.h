/*
 * dialer.h - connections that a gate makes to other servers, as the gate sees them.
 */
#ifndef FOX_GATE_DIALER_H
#define FOX_GATE_DIALER_H

#include "base/buf.h"

typedef struct FoxDial
{
	FoxSlice	host;			/* a name, or an address */
	uint16_t	port;
	bool		tls;			/* and none of the next three is looked at without */
	FoxSlice	ca;				/* PEM: whose certificates are believed; absent: those of the system */
	FoxSlice	certificate;	/* PEM, to be shown; absent: none */
	FoxSlice	private_key;
} FoxDial;

/* None of these is called from within the dialer's functions. */
typedef struct FoxDialOps
{
	void		(*open) (void *data);
	/* Bytes have come; they are not kept. */
	void		(*received) (void *data, const char *bytes, size_t len);
	/* It has gone, or has not come: the last call, and the link is not to be named any more. */
	void		(*closed) (void *data, const char *why);
} FoxDialOps;

typedef struct FoxDialer
{
	void	   *ctx;
	/* Copies everything; NULL: it can not be, and err says why. */
	void	   *(*dial) (void *ctx, const FoxDial *to, const FoxDialOps *ops, void *data, char *err, size_t errlen);
	/* Queues; keeps a reference of its own.  If more is queued than may be, the link closes. */
	void		(*send) (void *link, FoxBytes *bytes);
	/* The other side is slow: what can be missed is not to be sent. */
	bool		(*is_slow) (void *link);
	/* After what is queued, as far as the socket takes it at once; closed() is not called any more. */
	void		(*close) (void *link);
} FoxDialer;

#endif
