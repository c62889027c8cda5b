/*
 * http_gate.h - HTTP requests as calls of SQL functions: /root/method.
 *
 * A connection has one request at a time.  It is routed, its sender logs in as a WAMP client
 * would (Basic is a ticket of that name, Bearer a ticket that says the name itself, without
 * either anonymous), and it becomes a CALL of a session that nobody hears of.  What the
 * request says goes to the function's executor as it is, which decodes it in the caller's
 * role and makes the reply.
 */
#ifndef FOX_GATE_HTTP_GATE_H
#define FOX_GATE_HTTP_GATE_H

#include "core/router.h"

typedef struct FoxHttpPeer FoxHttpPeer;

/* The connection under it. */
typedef struct FoxHttpTransport
{
	void	   *conn;
	/* headers: lines that end with CRLF.  The next request may come before it returns. */
	void		(*answer) (void *conn, unsigned status, FoxSlice headers, FoxSlice body);
	/* The same without a body, which comes in parts by send(), until end(). */
	void		(*stream) (void *conn, unsigned status, FoxSlice headers);
	void		(*send) (void *conn, FoxSlice part);
	void		(*end) (void *conn);
} FoxHttpTransport;

typedef struct FoxHttpAsk
{
	unsigned	status;			/* not 0: it could not be read, and nothing else is known of it */
	FoxSlice	method;
	FoxSlice	target;
	FoxSlice	headers;
	FoxSlice	body;
	const char *address;		/* "127.0.0.1:54321" */
	const char *origin;			/* or "" */
	bool		loopback;		/* and not forwarded by a proxy */
	bool		confidential;
	bool		secure;			/* over TLS, up to us or to a proxy that is believed */
	const char *certificate;	/* common name of the client's certificate, which was checked; "" if none */
} FoxHttpAsk;

/* NULL: no memory. */
extern void *fox_http_gate_open(FoxRouter *router, const FoxHttpTransport *transport);
extern void fox_http_gate_request(void *gate, const FoxHttpAsk *ask);
extern void fox_http_gate_close(void *gate);

#endif
