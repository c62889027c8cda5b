/*
 * request.h - one HTTP request of the long-poll transport.
 *
 * It exists from its headers until its answer has left, and is answered only inside of
 * a callback of its own socket: whoever has an answer for it elsewhere sets its status
 * and asks libwebsockets for the writable callback.
 */
#ifndef FOX_NET_REQUEST_H
#define FOX_NET_REQUEST_H

#include "net/internal.h"

#define FOX_POLL_ID 24			/* characters of a transport id, 6 random bits each */

typedef enum FoxVerb
{
	VERB_OPEN,
	VERB_RECEIVE,
	VERB_SEND,
	VERB_CLOSE
} FoxVerb;

typedef struct FoxPoll FoxPoll;

typedef struct FoxRequest
{
	FoxNet	   *net;
	struct lws *wsi;
	FoxPoll    *poll;			/* the session it is for; NULL: none, or it has ended */
	FoxNode		in_poll;
	FoxVerb		verb;
	FoxBuf		body;
	size_t		max;			/* bytes of a body */
	FoxBuf		location;		/* where a request that is not long-poll's is sent; empty: nowhere */
	size_t		dropped;		/* bytes that came behind an answer */
	size_t		weight;			/* bytes that it has in memory, as counted for its session */
	uint64_t	since_ms;		/* when the body was there */
	unsigned	status;			/* the answer; 0: not known yet */
	const char *text;			/* its body; a constant */
	bool		complete;		/* the body is there */
	bool		waiting;		/* a /send that is not delivered yet */
	bool		lingers;		/* answered; what still comes of the body is dropped */
	bool		draining;		/* answered, and the socket has not taken all of it */
	bool		keep;			/* the connection may serve another request */
	bool		bodyless;		/* the answer has headers only: HEAD */
	bool		share;			/* a page of another origin may read the answer */
	FoxConnInfo info;			/* of who opens a session */
} FoxRequest;

struct FoxPoll
{
	FoxConn		conn;
	char		id[FOX_POLL_ID + 1];
	FoxNode		requests;		/* in the order in which their bodies were there */
	FoxRequest *receive;		/* the /receive that waits, or whose answer is on its way */
	FoxNode		in_ended;
};

/* --- request.c --- */

#define FOX_TYPE_TEXT "text/plain"
#define FOX_TYPE_JSON "application/json; charset=utf-8"
#define FOX_TYPE_BINARY "application/octet-stream"

/* The answer's headers; returns where its body of len bytes is to be written, or NULL without memory. */
extern char *fox_request_head(FoxRequest *r, unsigned status, const char *type, size_t len);
/* Sends headers and body; the request may be gone then.  Returns what the callback returns. */
extern int	fox_request_send(FoxRequest *r);
/* Both, of the status and the text that the request has. */
extern int	fox_request_answer(FoxRequest *r);
/* Decides the answer; it leaves with the next callback. */
extern void fox_request_decide(FoxRequest *r, unsigned status, const char *text);
/* Begins or ends being a request of that session. */
extern void fox_request_join(FoxRequest *r, FoxPoll *poll);
extern void fox_request_leave(FoxRequest *r);

/* --- longpoll.c --- */

/* The session of that id, unless it has ended; or NULL. */
extern FoxPoll *fox_poll_find(const FoxNet *net, FoxSlice id);
/* The body is there, with a spare byte behind it.  Returns what the callback returns. */
extern int	fox_poll_request(FoxRequest *r);
/* The socket can be written to, and the request is not answered yet. */
extern int	fox_poll_writable(FoxRequest *r);

#endif
