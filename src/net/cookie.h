/*
 * cookie.h - the cookie of a WebSocket's handshake.
 *
 * Every handshake gives a token that no other has: it can only become that of the peer which
 * has been given it.  What it stands for is the gate's to say, once the peer has logged in.
 */
#ifndef FOX_NET_COOKIE_H
#define FOX_NET_COOKIE_H

#include "net/internal.h"

/* Adds Set-Cookie to the answer, where cookies are wanted and the peer's way is confidential; false: there is no room. */
extern bool fox_cookie_answers(FoxConn *conn, struct lws *wsi, struct lws_process_html_args *headers);
/* The token that the handshake has given and the one that the peer has brought, into info. */
extern void fox_cookies_of_request(const FoxNet *net, uint64_t number, struct lws *wsi, FoxConnInfo *info);

#endif
