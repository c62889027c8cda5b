/*
 * link.h - connections to other servers, on the loop: TCP, with TLS or without.
 */
#ifndef FOX_NET_LINK_H
#define FOX_NET_LINK_H

#include "gate/dialer.h"
#include "net/net.h"

/* It dials as long as net lives. */
extern FoxDialer fox_net_dialer(FoxNet *net);

/* What is wrong with these, of FoxDial, as a sentence in err; true: nothing is. */
extern bool fox_link_certificates_valid(FoxSlice ca, FoxSlice certificate, FoxSlice private_key, char *err, size_t errlen);

#endif
