/*
 * longpoll.h - WAMP over HTTP long-poll: sessions (longpoll.c) and their requests (longpoll_request.c).
 *
 * Requests come by whatever speaks HTTP (http.h), which asks here whether one is long-poll's.
 */
#ifndef FOX_NET_LONGPOLL_H
#define FOX_NET_LONGPOLL_H

#include "net/http.h"

#define FOX_POLL_ID 24			/* characters of a transport id, 6 random bits each */

typedef struct FoxPoll FoxPoll;

/* A /receive, or a /send that the session is held from taking; until its answer has left, or its client has gone. */
struct FoxPollRequest
{
	FoxHttp    *http;
	FoxPoll    *poll;			/* NULL: the session has ended */
	FoxNode		in_sends;
	FoxBuf		body;			/* of a /send, with a spare byte behind it */
	uint64_t	since_ms;
	bool		answered;		/* the answer is on its way */
	bool		share;			/* a page of another origin may read it */
};

struct FoxPoll
{
	FoxConn		conn;
	char		id[FOX_POLL_ID + 1];
	FoxPollRequest *receive;	/* the one that waits, or whose answer is on its way */
	FoxNode		sends;			/* those that wait, in the order in which they came */
	FoxNode		in_busy;
};

/* --- longpoll.c --- */

/* The session of that id, unless it has ended; or NULL. */
extern FoxPoll *fox_poll_find(const FoxNet *net, FoxSlice id);
/* What the verbs do; each answers, now or later. */
extern void fox_poll_open(FoxNet *net, FoxHttp *x, const FoxHttpRequest *request, bool share);
extern void fox_poll_receive(FoxPoll *poll, FoxHttp *x, bool share);
extern void fox_poll_send(FoxPoll *poll, FoxHttp *x, FoxSlice body, bool share);
extern void fox_poll_close(FoxPoll *poll, FoxHttp *x, bool share);

/* --- longpoll_request.c --- */

/* Lines for an answer with a body of that type; NULL: without one.  Gone with the next call. */
extern FoxSlice fox_poll_headers(unsigned status, const char *type, bool share);
/* Answers with a text, which may be empty. */
extern void fox_poll_say(FoxHttp *x, unsigned status, const char *text, bool share);
/* A request that waits from now on; NULL: no memory, and it is answered. */
extern FoxPollRequest *fox_poll_request_new(FoxPoll *poll, FoxHttp *x, bool share);
/* Answers one that waits, which is gone then. */
extern void fox_poll_request_say(FoxPollRequest *r, unsigned status, const char *text);
/* It has no session any more. */
extern void fox_poll_request_leave(FoxPollRequest *r);

/* --- what HTTP asks (http_exchange.c) --- */

/* Is the target below the prefix of long-poll? */
extern bool fox_longpoll_is(FoxSlice target);
/* The longest body that a request with such a target may have. */
extern size_t fox_longpoll_body_max(const FoxNet *net, FoxSlice target);
/* Takes such a request. */
extern void fox_longpoll_ask(FoxNet *net, FoxHttp *x, const FoxHttpRequest *request);
/* The answer to it has left, or its client has gone; r is freed. */
extern void fox_longpoll_over(FoxPollRequest *r);

#endif
