/*
 * tls.h - the certificate that the TLS port shows, and how it is changed while sessions live.
 */
#ifndef FOX_NET_TLS_H
#define FOX_NET_TLS_H

#include <libwebsockets.h>

#include "net/net.h"

typedef struct FoxTls FoxTls;

/* Loads what the configuration names; NULL with a text in err that says which setting is wrong, and why. */
extern FoxTls *fox_tls_new(const FoxNetConfig *config, char *err, size_t errlen);
/* The same again for later handshakes; false with a text in err: what was there before stays. */
extern bool fox_tls_reload(FoxTls *tls, const FoxNetConfig *config, char *err, size_t errlen);
/* NULL does nothing.  No handshake may come after. */
extern void fox_tls_free(FoxTls *tls);
/* A listening port's own context, which has no certificate: its handshakes take ours. */
extern void fox_tls_serve(FoxTls *tls, SSL_CTX *port);
/* Tells a TLS peer that our stream ends; of another connection it does nothing. */
extern void fox_tls_end_stream(struct lws *wsi);

/* Who the client's certificate says it is, if it has shown one: its common name, else "".  False: no TLS. */
extern bool fox_tls_peer(struct lws *wsi, char *name, size_t size);

#endif
