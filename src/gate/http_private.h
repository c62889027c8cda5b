/*
 * http_private.h - what the files of the HTTP gate share.
 *
 *   http_gate.c    requests: what is asked for, and the call
 *   http_answer.c  answers, errors, and what browsers want to hear
 *   http_login.c   who asks
 *   http_session.c sessions that requests go by
 *   http_auth.c    sessions that have a token: begun, looked at, ended
 *   http_bridge.c  WAMP's verbs
 *   http_callback.c  messages to callbacks, for who polls
 *   http_service.c methods of services
 *   http_catalog.c where services are
 */
#ifndef FOX_GATE_HTTP_PRIVATE_H
#define FOX_GATE_HTTP_PRIVATE_H

#include "codec/http_call.h"
#include "core/http_route.h"
#include "core/login.h"
#include "core/timer.h"
#include "gate/http_gate.h"

#define FOX_HTTP_ADDRESS 64
#define FOX_HTTP_ORIGIN 256

typedef enum FoxHttpWish
{
	FOX_HTTP_WISH_FUNCTION,		/* an exposed function by its path */
	FOX_HTTP_WISH_CALL,			/* these are http_bridge.c's */
	FOX_HTTP_WISH_PUBLISH,
	FOX_HTTP_WISH_EVENTS,
	FOX_HTTP_WISH_SESSION,		/* of http_auth.c */
	FOX_HTTP_WISH_POLL,			/* of http_callback.c */
	FOX_HTTP_WISH_CATALOG,		/* these are http_catalog.c's */
	FOX_HTTP_WISH_STAT
} FoxHttpWish;

/* A session that requests go by; data of its FoxSession. */
typedef struct FoxHttpSession
{
	FoxSession *session;		/* NULL: none */
	FoxHttpPeer *peer;			/* whose own it is; NULL: it has a token */
	FoxIdMap	asking;			/* of one that has a token: request → FoxHttpPeer that waits for its answer */
	FoxNode		listeners;		/* connections that listen to events for it, and end with it */
} FoxHttpSession;

struct FoxHttpPeer
{
	FoxRouter  *router;
	FoxHttpTransport transport;

	/* who asks, kept for the next requests of the connection */
	FoxHttpSession own;
	FoxLogin   *login;			/* under way */
	uint64_t	own_until_us;
	FoxBuf		credentials;	/* the Authorization that the session is of */
	FoxBuf		password;		/* while the log-in is under way */
	FoxBuf		realm;			/* that the session is in */
	char		certificate[256];

	/* the request in hand */
	uint64_t	request;		/* its number; 0: none is */
	FoxSession *session;		/* that it goes by; NULL: it is not known yet */
	FoxHttpSession *shared;		/* the same if it has a token, else NULL */
	FoxNode		in_listeners;
	FoxHttpWish	wish;
	FoxBuf		call;			/* what goes to the executor, or the body that args and kwargs are in */
	FoxBuf		procedure;		/* or topic */
	FoxBuf		options;
	FoxSlice	args;
	FoxSlice	kwargs;
	bool		resumes;		/* Last-Event-ID says from where on they are wanted */
	const char *function;		/* of the extension's, that makes the reply */
	struct FoxInquiry *inquiry;	/* while it runs */
	bool		streaming;		/* events are being sent */
	FoxTimer	heartbeat;		/* of a stream; of a poll, its end */
	uint64_t	after;			/* these two are a poll's */
	uint32_t	max;
	FoxHttpStyle style;
	char		address[FOX_HTTP_ADDRESS];
	char		origin[FOX_HTTP_ORIGIN];	/* "" if it may not read the answer */
	bool		local;			/* may ask without logging in */
	bool		confidential;
	bool		secure;			/* of who is to have a session: where its cookie goes */
	bool		wants_cookie;
	bool		may_be_anyone;	/* the same, for this function */
	bool		calling;		/* the session has the call */
};

/* --- http_gate.c --- */

/* The session is there: the call. */
extern void fox_http_make_call(FoxHttpPeer *p);

/* --- http_answer.c --- */

/* Ends the request in hand.  more: further lines, or absent. */
extern void fox_http_reply(FoxHttpPeer *p, unsigned status, FoxSlice type, FoxSlice more, FoxSlice body);
/* The same with an error's body; text may be NULL. */
extern void fox_http_fail(FoxHttpPeer *p, unsigned status, const char *text, FoxSlice more);
/* An error of the router's own, by its URI. */
extern void fox_http_fail_uri(FoxHttpPeer *p, FoxSlice uri, FoxSlice text);
/* OPTIONS: what the resource takes. */
extern void fox_http_reply_options(FoxHttpPeer *p, unsigned verbs, FoxSlice headers);
extern void fox_http_fail_verb(FoxHttpPeer *p, unsigned verbs);
/* For who has not logged in, or could not. */
extern void fox_http_challenge(FoxHttpPeer *p, const char *text);

/* --- http_login.c --- */

/* Sees to it that p->session is that of the request, then makes the call, or answers. */
extern void fox_http_log_in(FoxHttpPeer *p, const FoxRoot *root, FoxSlice authorization);
/* The same for who says a name and a password. */
extern void fox_http_log_in_as(FoxHttpPeer *p, const FoxRoot *root, FoxSlice user, FoxSlice password);
/* Nobody is logged in any more as the connection's own session. */
extern void fox_http_log_out(FoxHttpPeer *p);

/* --- http_session.c --- */

/*
 * Sets p->shared if the request brings the token of a session in the root's realm.  False: it brings one as Bearer that
 * counts for nothing, and has been answered.
 */
extern bool fox_http_identify(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask);
/* May a cookie say who asks? */
extern bool fox_http_may_use_cookie(const FoxHttpAsk *ask);
/* Appends the line that gives the token as a cookie, or with NULL takes it back. */
extern void fox_http_put_cookie(FoxBuf *headers, bool secure, const char *token);
/* The connection's own session joins; the reason if it can not, or NULL. */
extern const char *fox_http_join_own(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info);
extern void fox_http_leave_own(FoxHttpPeer *p);	/* it leaves, if there is one */
/* As fox_token_join(). */
extern FoxHttpSession *fox_http_session_new(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info, char *token, const char **reason);
extern void fox_http_session_end(FoxHttpSession *hs);
/* The request in hand goes by p->shared, until it is answered; false: no memory. */
extern bool fox_http_enter(FoxHttpPeer *p);
extern void fox_http_leave(FoxHttpPeer *p);

/* --- http_auth.c --- */

/* /root/auth */
extern void fox_http_auth(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice query);
/* Who was asked for has logged in. */
extern void fox_http_auth_accepted(FoxHttpPeer *p, FoxSlice realm, const FoxSessionInfo *info);

/* --- http_callback.c --- */

/* Takes the request if it is for callbacks; name as in fox_http_bridge(). */
extern bool fox_http_callback(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query);
/* There is something new in the session's mailbox. */
extern void fox_http_callback_mail(FoxHttpSession *hs);

/* --- http_service.c --- */

/* What a request is for: a method, and what it is to be called with. */
typedef struct FoxHttpTarget
{
	FoxMethod	method;
	FoxSlice	instance;		/* of its service, a JSON string; absent: none is named */
	FoxSlice	body;
	FoxSlice	echo;			/* JSON that the reply has as "id"; absent: none */
	FoxBuf		text;			/* what these may be slices of; to be freed */
} FoxHttpTarget;

/* The method of a service that the name means, or that the body names; false: *status and *wrong (or NULL) say why not. */
extern bool fox_http_service(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxHttpTarget *target,
							 unsigned *status, const char **wrong);

/* --- http_catalog.c --- */

/* Takes the request if it is about the catalog. */
extern bool fox_http_catalog(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query);
extern void fox_http_catalog_result(FoxHttpPeer *p, const FoxPayload *payload);
/* The name is one of a service that is somewhere else: the call is to say so. */
extern bool fox_http_elsewhere(FoxHttpPeer *p, const FoxRoot *root, FoxSlice name, FoxHttpTarget *target);
/* What the call has said of that. */
extern void fox_http_fail_moved(FoxHttpPeer *p, const FoxPayload *payload);

/* --- http_bridge.c --- */


/* Takes the request if it is for the bridge; name: what stands behind the root, in dots. */
extern bool fox_http_bridge(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query);
extern void fox_http_bridge_ask(FoxHttpPeer *p);
extern void fox_http_bridge_result(FoxHttpPeer *p, const FoxPayload *payload);
extern void fox_http_bridge_done(FoxHttpPeer *p, FoxRequest what, uint64_t id);
extern void fox_http_bridge_event(FoxHttpPeer *p, FoxEvent *e);
/* What was missed is not known any more: false, it is another failure. */
extern bool fox_http_bridge_gap(FoxHttpPeer *p, const FoxFailure *why);
extern void fox_http_bridge_end(FoxHttpPeer *p);	/* of a stream, if there is one */

#endif
