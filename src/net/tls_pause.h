/*
 * tls_pause.h - a handshake that waits before it reads anything.
 *
 * libwebsockets begins a handshake while it takes a connection in.  Of a quick client it would
 * come to its end there, before anybody is told of the connection, and libwebsockets would read
 * what is not for it.  Nor does TLS begin where a PROXY header is yet to be read.
 */
#ifndef FOX_NET_TLS_PAUSE_H
#define FOX_NET_TLS_PAUSE_H

#include <openssl/ssl.h>

/* Nothing more comes of the socket; without memory the handshake does not wait. */
extern void fox_tls_pause(SSL *ssl);
/* It goes on when the socket is read again. */
extern void fox_tls_resume(SSL *ssl);

#endif
