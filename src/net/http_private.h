/*
 * http_private.h - what the files of HTTP share.
 *
 *   http.c           connections: the first bytes, the loop, the end
 *   http_socket.c    bytes of a socket, with TLS or without
 *   http_exchange.c  requests on their way to the gate or to long-poll, and answers on their way back
 *   http_in.c        HTTP/1.1: requests, as they come
 *   http_out.c       HTTP/1.1: answers, and streams of events
 *   http2.c          HTTP/2: connections and their streams
 *   http2_out.c      HTTP/2: answers
 *
 * A connection is in one of these states:
 *
 *   PROXIED   the PROXY header of a trusted proxy has not come whole
 *   HANDSHAKE TLS is not there yet
 *   GREETING  the first bytes are looked at and left where they are: what is a WebSocket's
 *             or a RawSocket's is libwebsockets' from then on
 *   LEAVING   it is to be libwebsockets' again
 *   READING   a head, then a body
 *   WAITING   a request has been handed over
 *   WRITING   its answer has not left whole
 *   STREAMING it comes in parts
 *   LINGERING it has, and the connection is to end: what still comes is dropped, lest the
 *             answer be lost with it
 *   MANIFOLD  HTTP/2: many requests at once, each with a state of its own
 *   DEAD      to be closed
 */
#ifndef FOX_NET_HTTP_PRIVATE_H
#define FOX_NET_HTTP_PRIVATE_H

#include <sys/epoll.h>

#include <openssl/ssl.h>

#include "codec/http_req.h"
#include "net/http.h"

#define FOX_HTTP_READ 65536		/* bytes at a time */
#define FOX_HTTP_SKIP_MAX (64 * 1024 * 1024)	/* bytes of a body that is not wanted */
#define FOX_HTTP_KEPT 16384		/* memory that an idle connection may keep */

typedef enum HttpState
{
	PROXIED,
	HANDSHAKE,
	GREETING,
	LEAVING,
	READING,
	WAITING,
	WRITING,
	STREAMING,
	LINGERING,
	MANIFOLD,
	DEAD
} HttpState;

/* How an answer leaves. */
struct HttpReplies
{
	char	   *(*begin) (FoxHttp *x, unsigned status, FoxSlice headers, size_t len);	/* see fox_http_answer_begin() */
	void		(*end) (FoxHttp *x);
	void		(*stream) (FoxHttp *x, unsigned status, FoxSlice headers);
	void		(*part) (FoxHttp *x, FoxSlice part);
	void		(*part_last) (FoxHttp *x);
};

typedef struct Http2 Http2;

struct HttpConn
{
	FoxHttp		http;
	FoxNet	   *net;
	struct lws *wsi;
	SSL		   *ssl;			/* NULL: none */
	int			fd;
	HttpState	state;
	uint32_t	events;			/* that epoll tells */
	uint64_t	since_ms;		/* the last progress */
	FoxNode		in_busy;
	FoxConnInfo info;			/* of the socket */
	Http2	   *two;			/* NULL unless MANIFOLD */
	FoxBuf		in;				/* from the first byte of the request on; PROXIED: of the header */
	FoxHttpHead head;			/* len 0: it has not come */
	FoxChunked	chunked;
	size_t		chunks_at;		/* what of `in` has been taken into the body */
	FoxBuf		body;			/* of chunks */
	uint64_t	skip;			/* bytes that come and are dropped */
	FoxBuf		out;
	size_t		sent;
	bool		keep;
	bool		old;			/* HTTP/1.0 */
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
extern void fox_http_watch(HttpConn *h, uint32_t events);
/* It has its turn in the next turn of the loop, when nobody above is at work. */
extern void fox_http_attend_to(HttpConn *h);
extern void fox_http_die(HttpConn *h);
extern void fox_http_progress(HttpConn *h);
/* Bytes that were read or written; -1: nothing now; 0: the end, orderly or not. */
extern ssize_t fox_http_take(HttpConn *h, char *p, size_t len, bool peek);
extern ssize_t fox_http_give(HttpConn *h, const char *p, size_t len);

/* --- http_exchange.c --- */

/* What speaks against a request whose head has come, with a body of so many bytes to follow: its status; 0: nothing. */
extern unsigned fox_http_objection(const FoxNet *net, FoxSlice target, uint64_t body);
/* The longest body that a request with such a target may have. */
extern size_t fox_http_body_max(const FoxNet *net, FoxSlice target);
/* Hands the request over, which has come by x, and whose bytes nobody needs afterwards.  False: there was no memory. */
extern bool fox_http_ask(FoxHttp *x, FoxHttpRequest *request);
/* Nothing is read from the connection, for it has sent too much. */
extern bool fox_http_held(const HttpConn *h);
/* The answer has left. */
extern void fox_http_over(FoxHttp *x);
/* Whoever is to answer is told that nobody waits any more. */
extern void fox_http_gone(FoxHttp *x);
/* The time as RFC 9110 wants it, whatever the locale. */
extern const char *fox_http_date(void);

/* --- http_in.c --- */

/* Reads and hands over as far as it goes just now. */
extern void fox_http_run(HttpConn *h);

/* --- http_out.c --- */

extern const HttpReplies fox_http1_replies;

/* The peer is told that nothing more comes, and given time to take what has. */
extern void fox_http_linger(HttpConn *h);
/* False: what is to leave has not left whole, or the connection is over. */
extern bool fox_http_write_out(HttpConn *h);
/* Goes on with what is to leave. */
extern void fox_http_writable(HttpConn *h);
/* Something is there on the socket of a stream. */
extern void fox_http_stream_event(HttpConn *h, uint32_t events);

/* --- http2.c --- */

/* Has the handshake chosen it? */
extern bool fox_http2_chosen(const HttpConn *h);
extern void fox_http2_begin(HttpConn *h);
/* Reads, answers and writes as far as it goes just now. */
extern void fox_http2_run(HttpConn *h);
/* Ends the connection if it is idle for too long, and streams that wait for the peer for too long. */
extern void fox_http2_sweep(HttpConn *h, uint64_t now_ms);
extern void fox_http2_end(HttpConn *h);

#endif
