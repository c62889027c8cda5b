/*
 * cookie.h - cookies: what a browser brings along, and what it is given; and the one of a WebSocket.
 */
#ifndef FOX_CODEC_COOKIE_H
#define FOX_CODEC_COOKIE_H

#include "base/buf.h"

#define FOX_COOKIE 64			/* characters of a token: 32 bytes in hexadecimal */

/* The value of that name in a Cookie header; absent: there is none. */
extern FoxSlice fox_cookie_value(FoxSlice header, const char *name);
/* Appends the value of a Set-Cookie header; UINT64_MAX seconds: for as long as the browser runs. */
extern void fox_cookie_put(FoxBuf *out, const char *name, const char *value, bool secure, uint64_t seconds);

/* --- of a WebSocket --- */

/* Its name; over TLS one that browsers take from nobody else (RFC 6265bis). */
extern const char *fox_cookie_name(bool secure);
/* The token in a Cookie header; absent: there is none of that name, or it is no token. */
extern FoxSlice fox_cookie_token(FoxSlice header, bool secure);

/* May a page of that origin use the cookie of that host: is it a page of the same host, whatever the port?  "": it is no browser. */
extern bool fox_cookie_origin(const char *origin, const char *host);

#endif
