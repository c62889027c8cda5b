/*
 * session.h - sessions: what a gate asks of the core, and what the core tells a gate.
 *
 * The verbs are WAMP's, because the others' can be said in them; ids are those of
 * the spec's scopes (session: random, global; subscription and registration: of the
 * router; requests and invocations: of the session).  All slices are borrowed for
 * the length of the call, in both directions.
 */
#ifndef FOX_CORE_SESSION_H
#define FOX_CORE_SESSION_H

#include "core/router.h"

typedef struct FoxSubscription FoxSubscription;

/* Which request an answer belongs to; the values are WAMP's message codes. */
typedef enum FoxRequest
{
	FOX_REQ_PUBLISH = 16,
	FOX_REQ_SUBSCRIBE = 32,
	FOX_REQ_UNSUBSCRIBE = 34,
	FOX_REQ_CALL = 48,
	FOX_REQ_REGISTER = 64,
	FOX_REQ_UNREGISTER = 66,
	FOX_REQ_INVOCATION = 68
} FoxRequest;

/* Who an event or a call comes from, where that is disclosed. */
typedef struct FoxDisclosed
{
	uint64_t	session;		/* 0: not disclosed */
	FoxSlice	authid;
	FoxSlice	authrole;
} FoxDisclosed;

/*
 * One event on its way to many sessions.  The gate may keep its encoding here: it
 * is valid for one subscription and one encoding, and the core drops it when it
 * goes on to the next event.
 */
typedef struct FoxEvent
{
	uint64_t	publication;
	FoxSlice	topic;
	FoxSlice	args;
	FoxSlice	kwargs;
	FoxDisclosed publisher;
	bool		retained;		/* an initial value, not a change */
	bool		has_trustlevel;
	int			trustlevel;		/* of the publisher */
	bool		bridged;
	FoxBytes   *encoded;
	const FoxSubscription *encoded_for;
	int			encoding;
} FoxEvent;

typedef struct FoxInvocation
{
	uint64_t	id;
	uint64_t	registration;
	FoxSlice	procedure;		/* absent unless the registration is a pattern */
	FoxDisclosed caller;
	bool		receive_progress;
	FoxSlice	args;
	FoxSlice	kwargs;
} FoxInvocation;

typedef enum FoxCancelMode
{
	FOX_CANCEL_SKIP,
	FOX_CANCEL_KILL,
	FOX_CANCEL_KILLNOWAIT
} FoxCancelMode;

/*
 * A failure as the other side hears it.  dict is the callee's own Details (absent:
 * none), text a human-readable reason (absent: none) for failures of the router's.
 */
typedef struct FoxFailure
{
	FoxSlice	uri;
	FoxSlice	text;
	FoxSlice	args;
	FoxSlice	kwargs;
} FoxFailure;

/*
 * How the core reaches a session.  None of these may call back into the core; none
 * may end the session.
 */
typedef struct FoxSessionOps
{
	void		(*event) (FoxSession *s, const FoxSubscription *sub, FoxEvent *e);
	/* id: subscription, registration or publication; 0 for UNSUBSCRIBED and UNREGISTERED */
	void		(*done) (FoxSession *s, FoxRequest what, uint64_t request, uint64_t id);
	void		(*failed) (FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why);
	void		(*result) (FoxSession *s, uint64_t request, bool progress, FoxSlice args, FoxSlice kwargs);
	void		(*invoke) (FoxSession *s, const FoxInvocation *inv);
	void		(*interrupt) (FoxSession *s, uint64_t invocation, FoxCancelMode mode, const char *reason);
	/* The router ended a subscription by itself. */
	void		(*unsubscribed) (FoxSession *s, uint64_t subscription, const char *reason);
	/* The core has ended the session (killed, shutdown); the gate says so and closes its transport. */
	void		(*ended) (FoxSession *s, const char *reason, FoxSlice message);
} FoxSessionOps;

typedef struct FoxSessionInfo
{
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	authmethod;
	FoxSlice	peer;
	FoxSlice	protocol;		/* "wamp.2.json", "sql", … */
	bool		call_canceling;	/* features of the callee role */
	bool		progressive_results;
	bool		subscription_revocation;	/* of the subscriber role */
	FoxSlice	authprovider;	/* absent: static */
	int			trustlevel;		/* -1: none */
} FoxSessionInfo;

typedef enum FoxEnd
{
	FOX_END_GOODBYE,			/* the client began it */
	FOX_END_LOST				/* anything else */
} FoxEnd;

/* --- joining and leaving --- */

/* NULL: *reason is a WAMP URI (no_such_realm, invalid_uri, unavailable).  data is the gate's. */
extern FoxSession *fox_session_join(FoxRouter *r, FoxSlice realm, const FoxSessionInfo *info,
									const FoxSessionOps *ops, void *data, const char **reason);
/* Ends the session: registrations, subscriptions, calls, waiters go; then its wills are applied. Frees it. */
extern void fox_session_leave(FoxSession *s, FoxEnd how);
extern uint64_t fox_session_id(const FoxSession *s);
extern void *fox_session_data(const FoxSession *s);

/* What of the configuration a gate has to know. */
extern bool fox_router_anonymous(const FoxRouter *r);
extern bool fox_router_strict_request_ids(const FoxRouter *r);

/* --- requests; answers come through the ops, at once or later --- */

extern void fox_session_subscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic);
extern void fox_session_unsubscribe(FoxSession *s, uint64_t request, uint64_t subscription);
extern void fox_session_publish(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic,
								FoxSlice args, FoxSlice kwargs);
extern void fox_session_register(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure);
extern void fox_session_unregister(FoxSession *s, uint64_t request, uint64_t registration);
extern void fox_session_call(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure,
							 FoxSlice args, FoxSlice kwargs);
extern void fox_session_cancel(FoxSession *s, uint64_t request, FoxSlice options);
/* False: the session has no such invocation, which is a protocol violation. */
extern bool fox_session_yield(FoxSession *s, uint64_t invocation, FoxSlice options, FoxSlice args, FoxSlice kwargs);
extern bool fox_session_invocation_failed(FoxSession *s, uint64_t invocation, FoxSlice uri,
										  FoxSlice args, FoxSlice kwargs);

/* --- for encoders --- */

extern uint64_t fox_subscription_id(const FoxSubscription *sub);
extern bool fox_subscription_is_exact(const FoxSubscription *sub);

#endif
