/*
 * link.h - connections to other servers, on the loop: TCP, with TLS or without.
 *
 * Names are looked up by libuv's threads.  Those begin with all signals blocked, so that a signal handler runs in no thread
 * but the process's own; addresses need none.
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
