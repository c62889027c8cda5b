/*
 * handshake.h - the headers that a WAMP client comes with, of a WebSocket's handshake or a long-poll's first request.
 *
 * Those that the configuration names are kept, for functions that ask; an idle session is to cost little, so there is a limit.
 */
#ifndef FOX_NET_HANDSHAKE_H
#define FOX_NET_HANDSHAKE_H

#include "net/internal.h"

#define FOX_HANDSHAKE_MAX 4096	/* bytes of one session; a header that does not fit is left out */

/* Lines as http_req.h walks them, with names in lower case; absent: none is kept.  Borrowed until the next call of one of these. */
extern FoxSlice fox_handshake_of_websocket(const FoxNet *net, struct lws *wsi);
extern FoxSlice fox_handshake_of_headers(const FoxNet *net, FoxSlice headers);

#endif
