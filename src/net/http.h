/*
 * http.h - connections that speak HTTP, as the files of this folder see them.
 *
 * libwebsockets keeps the socket and its TLS, and reads nothing from it: its parser forgets
 * how a target was written, and knows neither chunks nor many headers.
 */
#ifndef FOX_NET_HTTP_H
#define FOX_NET_HTTP_H

#include <openssl/ssl.h>

#include "net/internal.h"

typedef struct HttpReplies HttpReplies;
typedef struct HttpConn HttpConn;
typedef struct FoxPollRequest FoxPollRequest;

/* Where requests come one after the other: a connection of HTTP/1.1, or a stream of HTTP/2. */
struct FoxHttp
{
	const HttpReplies *replies;
	HttpConn   *conn;
	void	   *gate;			/* NULL: no request has come to it yet */
	FoxPollRequest *poll;		/* a request of long-poll's; NULL: none, or it is over */
};

extern bool fox_http_init(FoxNet *net);
extern void fox_http_end(FoxNet *net);	/* the connections are libwebsockets' to close */
/* A connection has come: its first bytes are looked at here, and tell whose it is. */
extern void fox_http_greet(FoxNet *net, struct lws *wsi);
/* The socket has gone. */
extern void fox_http_destroyed(FoxNet *net, struct lws *wsi);
/* Closes those whose time is over; once a second. */
extern void fox_http_sweep(FoxNet *net, uint64_t now_ms);
/* Goes on with what has been answered, closes what is to be closed; not from a callback of libwebsockets. */
extern void fox_http_attend(FoxNet *net);
/* Has the peer ended its stream?  Then the connection is over, and so is what waits for an answer by it. */
extern bool fox_http_hung_up(FoxHttp *x);
/*
 * The same as fox_http_answer() in two steps: returns where the body of len bytes is to be written
 * before the second, or NULL: nowhere, for there is no memory, or nobody to read it.
 */
extern char *fox_http_answer_begin(FoxHttp *x, unsigned status, FoxSlice headers, size_t len);
extern void fox_http_answer_end(FoxHttp *x);

#endif
