/*
 * http_private.h - what the files of HTTP share.
 *
 *   http.c         connections: the first bytes, the loop, the end
 *   http_socket.c  bytes of a socket, with TLS or without
 *   http_in.c      requests, as they come
 *   http_out.c     answers, and streams of events
 *
 * A connection is in one of these states:
 *
 *   HANDSHAKE TLS is not there yet
 *   GREETING  the first bytes are looked at and left where they are: what is a WebSocket's,
 *             a RawSocket's or long-poll's is libwebsockets' from then on
 *   LEAVING   it is to be libwebsockets' again
 *   READING   a head, then a body
 *   WAITING   a request is the gate's
 *   WRITING   its answer has not left whole
 *   STREAMING it comes in parts
 *   LINGERING it has, and the connection is to end: what still comes is dropped, lest the
 *             answer be lost with it
 *   DEAD      to be closed
 */
#ifndef FOX_NET_HTTP_PRIVATE_H
#define FOX_NET_HTTP_PRIVATE_H

#include <sys/epoll.h>

#include <openssl/ssl.h>

#include "codec/http_req.h"
#include "net/http.h"

#define FOX_HTTP_READ 65536		/* bytes at a time */
#define FOX_HTTP_KEPT 16384		/* memory that an idle connection may keep */

typedef enum HttpState
{
	HANDSHAKE,
	GREETING,
	LEAVING,
	READING,
	WAITING,
	WRITING,
	STREAMING,
	LINGERING,
	DEAD
} HttpState;

struct FoxHttp
{
	FoxNet	   *net;
	struct lws *wsi;
	SSL		   *ssl;			/* NULL: none */
	int			fd;
	HttpState	state;
	uint32_t	events;			/* that epoll tells */
	uint64_t	since_ms;		/* the last progress */
	FoxNode		in_busy;
	void	   *gate;			/* NULL: no request has come yet */
	FoxConnInfo info;			/* of the socket */
	FoxConnInfo asker;			/* of the request */
	FoxBuf		in;				/* from the first byte of the request on */
	FoxHttpHead head;			/* len 0: it has not come */
	FoxChunked	chunked;
	size_t		chunks_at;		/* what of `in` has been taken into the body */
	FoxBuf		body;			/* of chunks */
	uint64_t	skip;			/* bytes that come and are dropped */
	FoxBuf		out;
	size_t		sent;
	bool		keep;
	bool		bodyless;		/* HEAD */
	bool		ended;			/* the peer sends nothing more */
	bool		looked;			/* at the first bytes, which did not tell */
	bool		running;		/* run() is at work */
	FoxRate		rate;
	FoxAddress *address;		/* NULL: it is not counted, or not yet */
	bool		admitted;		/* its first request has told whose it is */
};

/* --- http_socket.c --- */

/* What is read passes by here; of nobody's for longer than a call. */
extern char fox_http_chunk[FOX_HTTP_READ];

/* The events that are told from now on. */
extern void fox_http_watch(FoxHttp *h, uint32_t events);
/* It has its turn in the next turn of the loop, when nobody above is at work. */
extern void fox_http_attend_to(FoxHttp *h);
extern void fox_http_die(FoxHttp *h);
extern void fox_http_progress(FoxHttp *h);
/* Bytes that were read or written; -1: nothing now; 0: the end, orderly or not. */
extern ssize_t fox_http_take(FoxHttp *h, char *p, size_t len, bool peek);
extern ssize_t fox_http_give(FoxHttp *h, const char *p, size_t len);

/* --- http_in.c --- */

/* Nothing is read from it, for it has sent too much. */
extern bool fox_http_held(const FoxHttp *h);
/* Reads and hands over as far as it goes just now. */
extern void fox_http_run(FoxHttp *h);
/* What of `in` is behind the request moves to its beginning. */
extern void fox_http_drop_request(FoxHttp *h);

/* --- http_out.c --- */

/* Goes on with what is to leave. */
extern void fox_http_writable(FoxHttp *h);
/* Something is there on the socket of a stream. */
extern void fox_http_stream_event(FoxHttp *h, uint32_t events);

#endif
