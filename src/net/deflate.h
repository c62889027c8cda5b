/*
 * deflate.h - permessage-deflate of WebSockets (see deflate.c).
 */
#ifndef FOX_NET_DEFLATE_H
#define FOX_NET_DEFLATE_H

#include <libwebsockets.h>

#include "net/net.h"

/* For a vhost: libwebsockets lets no compressed frame through without it. */
extern const struct lws_extension fox_deflate_extension[];

/* The handshake, before the connection is there: true, the offer that libwebsockets has come to is taken. */
extern bool fox_deflate_accepts(FoxNet *net, FoxConn *conn, struct lws *wsi);
/* Completes the answer; false: it has no room. */
extern bool fox_deflate_answers(const FoxConn *conn, struct lws *wsi, struct lws_process_html_args *headers);

/* A piece of a data frame has come; false: it is marked as compressed where that may not be. */
extern bool fox_deflate_marks(FoxConn *conn);
/* A control frame has come: it is marked as compressed. */
extern bool fox_deflate_marks_control(const FoxConn *conn);
/*
 * The same of a Ping, which libwebsockets answers without telling, having us write after
 * that.  Right behind a compressed message a Ping can not be told from it.
 */
extern bool fox_deflate_marks_ping(const FoxConn *conn);

/* The message as it goes to the connection compressed, which lives as long as it does; NULL: it goes as it is. */
extern FoxBytes *fox_deflated(const FoxConn *conn, FoxBytes *message);

#endif
