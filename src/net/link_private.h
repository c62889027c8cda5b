/*
 * link_private.h - links, for net.c; and TLS, for links.
 */
#ifndef FOX_NET_LINK_PRIVATE_H
#define FOX_NET_LINK_PRIVATE_H

#include "net/internal.h"
#include "net/link.h"

/* --- link.c --- */

/* Closes those that have failed meanwhile, and tells who has dialed. */
extern void fox_links_attend(FoxNet *net);
/* One has to be attended to. */
extern bool fox_links_wait(const FoxNet *net);
/* Sends what was queued. */
extern void fox_links_flush(FoxNet *net);
/* Memory is short, or is no more. */
extern void fox_links_pressed(FoxNet *net);
/* All are gone, and nobody is told. */
extern void fox_links_end(FoxNet *net);

/* --- link_tls.c --- */

typedef struct FoxLinkTls FoxLinkTls;

/* NULL: err says why. */
extern FoxLinkTls *fox_link_tls_new(const FoxDial *to, char *err, size_t errlen);
extern void fox_link_tls_free(FoxLinkTls *t);	/* NULL is ignored */
/* Bytes of the socket have come.  False: no memory. */
extern bool fox_link_tls_feed(FoxLinkTls *t, const char *bytes, size_t len);
/* Goes on with the handshake; *done: it is over.  False: it has failed, and err says why. */
extern bool fox_link_tls_shake(FoxLinkTls *t, bool *done, char *err, size_t errlen);
/* The next plain bytes: how many; 0: more have to come; -1: the stream has ended or is broken. */
extern int	fox_link_tls_read(FoxLinkTls *t, char *to, size_t len);
extern bool fox_link_tls_write(FoxLinkTls *t, const char *bytes, size_t len);
/* Our stream ends. */
extern void fox_link_tls_end(FoxLinkTls *t);
/* Appends what is to go to the socket. */
extern void fox_link_tls_drain(FoxLinkTls *t, FoxBuf *out);

#endif
