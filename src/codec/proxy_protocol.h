/*
 * proxy_protocol.h - the PROXY protocol: what a proxy says of its client before the client's own bytes.
 *
 * Version 1 is a line, version 2 is binary:
 *
 *     PROXY TCP4 203.0.113.9 192.0.2.1 50000 8080 CR LF
 *
 *     12 octets of signature | version, command | family, transport | length (2 octets) | addresses, TLVs
 */
#ifndef FOX_CODEC_PROXY_PROTOCOL_H
#define FOX_CODEC_PROXY_PROTOCOL_H

#include "base/slice.h"

#define FOX_PROXY_V1_MAX 107	/* octets of a line */
#define FOX_PROXY_MAX 4096		/* octets of a header that is taken, its TLVs included */

typedef enum FoxProxyResult
{
	FOX_PROXY_MORE,				/* it is cut off, and all that has come is of it */
	FOX_PROXY_DONE,
	FOX_PROXY_BAD				/* the fault says why */
} FoxProxyResult;

typedef enum FoxProxyClient
{
	FOX_PROXY_ITSELF,			/* the proxy has come on its own behalf, to see whether anybody is there */
	FOX_PROXY_UNTOLD,			/* somebody, whose address it does not tell */
	FOX_PROXY_TOLD
} FoxProxyClient;

typedef enum FoxProxyTls
{
	FOX_PROXY_TLS_UNTOLD,
	FOX_PROXY_TLS_NO,
	FOX_PROXY_TLS_YES			/* the client came to the proxy by TLS */
} FoxProxyTls;

typedef struct FoxProxyHeader
{
	size_t		len;			/* of the header: what follows is the client's */
	FoxProxyClient client;
	char		peer[64];		/* FOX_PROXY_TOLD: "203.0.113.9:50000", "[2001:db8::7]:50000" */
	FoxProxyTls tls;
	const char *fault;			/* FOX_PROXY_BAD: what is wrong, for a log; a constant */
} FoxProxyHeader;

/* Reads the header that a connection begins with, of which len octets have come. */
extern FoxProxyResult fox_proxy_header(const char *p, size_t len, FoxProxyHeader *h);

#endif
