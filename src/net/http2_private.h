/*
 * http2_private.h - what http2.c and http2_out.c share: a connection of HTTP/2 (RFC 9113) and its streams.
 *
 * nghttp2 knows the frames, the compression of headers, the windows, and what a peer may not
 * do; a stream is an exchange with the gate like that of a connection of HTTP/1.1.
 */
#ifndef FOX_NET_HTTP2_PRIVATE_H
#define FOX_NET_HTTP2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "net/http_private.h"

struct Http2
{
	nghttp2_session *session;
	FoxNode		open;			/* streams */
	FoxNode		spare;			/* those that have been, with their gates */
	int			n_open;
	int			n_spare;
	size_t		held;			/* bytes of the bodies of requests */
};

typedef struct Http2Stream
{
	FoxHttp		http;
	FoxNode		in_list;		/* open or spare */
	int32_t		id;
	uint64_t	since_ms;		/* the peer has sent or taken something of it */
	unsigned	refused;		/* the status that it is refused with; 0: it is not */
	bool		whole;			/* the request has come to its end */
	bool		asked;			/* it is the gate's, until it is answered */
	bool		bodyless;		/* HEAD */
	FoxBuf		method;
	FoxBuf		target;
	FoxBuf		headers;		/* lines, as HTTP/1.1 would have them */
	FoxBuf		cookies;		/* which may come in crumbs */
	uint64_t	declared;		/* content-length */
	size_t		skipped;		/* bytes of a body that is not wanted */
	FoxBuf		body;
	FoxBuf		out;			/* of the answer's body */
	size_t		sent;
	bool		last;			/* nothing more comes to `out` */
	bool		waits;			/* nghttp2 has sent what there was */
} Http2Stream;

extern const HttpReplies fox_http2_replies;

extern void fox_http2_progress(Http2Stream *s);

#endif
