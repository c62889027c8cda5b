/*
 * transport.h - what a gate knows of the socket under it.
 */
#ifndef FOX_GATE_TRANSPORT_H
#define FOX_GATE_TRANSPORT_H

#include "base/buf.h"

typedef struct FoxTransportOps
{
	void		(*send) (void *conn, FoxBytes *message, bool binary);	/* keeps a reference of its own */
	/* The same, of what the peer can miss, an earlier one of a stream above all. */
	void		(*send_event) (void *conn, FoxBytes *message, bool binary, uint64_t stream);
	/* Memory has run out: the slowest readers are cut, of so many bytes; false: there was nothing to free. */
	bool		(*relieve) (void *conn, size_t bytes);
	void		(*probe) (void *conn);	/* the gate is told of the peer's next sign of life */
	void		(*close) (void *conn, int code, const char *reason);	/* after what is queued is sent */
	void		(*limit) (void *conn, size_t bytes);	/* of one message from the peer; 0: what others may send */
	void		(*pause) (void *conn, bool paused);	/* nothing is read; what has been may still come */
} FoxTransportOps;

typedef struct FoxTransport
{
	void	   *conn;
	const FoxTransportOps *ops;
} FoxTransport;

typedef struct FoxPeer
{
	const char *address;		/* "127.0.0.1:54321" */
	const char *subprotocol;
	bool		loopback;		/* and not forwarded by a proxy */
	const char *origin;			/* Origin header or "" */
	const char *transport;		/* "websocket", "rawsocket", "rawsocket-unix", "tcp", "unix", "longpoll"; a constant */
	bool		confidential;	/* by TLS, or because it leaves no machine */
	const char *certificate;	/* common name of the client's certificate, which was checked; "" if none */
	const char *cookie;			/* that it has brought along; "" if none */
	const char *new_cookie;		/* that it has been given; "" if none */
	FoxSlice	headers;		/* of its handshake, those that are kept, as http_req.h walks them; absent: none */
} FoxPeer;

typedef enum FoxGateClose
{
	FOX_GATE_CLOSED,			/* orderly */
	FOX_GATE_LOST,
	FOX_GATE_SHUTDOWN
} FoxGateClose;

#endif
