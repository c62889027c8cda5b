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

extern bool fox_http_init(FoxNet *net);
extern void fox_http_end(FoxNet *net);	/* the connections are libwebsockets' to close */
/* Has the connection come, as far as libwebsockets has told? */
extern bool fox_http_knows(const SSL *ssl);
/* A connection has come: its first bytes are looked at here, and tell whose it is. */
extern void fox_http_greet(FoxNet *net, struct lws *wsi);
/* The socket has gone. */
extern void fox_http_destroyed(FoxNet *net, struct lws *wsi);
/* Closes those whose time is over; once a second. */
extern void fox_http_sweep(FoxNet *net, uint64_t now_ms);
/* Goes on with what has been answered, closes what is to be closed; not from a callback of libwebsockets. */
extern void fox_http_attend(FoxNet *net);

#endif
