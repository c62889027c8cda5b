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

#include "core/ppt.h"
#include "codec/payload.h"
#include "core/router.h"
#include "core/timer.h"

typedef struct FoxSubscription FoxSubscription;
typedef struct FoxReceipt FoxReceipt;

/* Which request an answer belongs to; the values are WAMP's message codes. */
typedef enum FoxRequest
{
	FOX_REQ_PUBLISH = 16,
	FOX_REQ_SUBSCRIBE = 32,
	FOX_REQ_UNSUBSCRIBE = 34,
	FOX_REQ_CALL = 48,
	FOX_REQ_REGISTER = 64,
	FOX_REQ_UNREGISTER = 66,
	FOX_REQ_INVOCATION = 68,
	FOX_REQ_YIELD = 70
} FoxRequest;

/* Who an event or a call comes from, where that is disclosed. */
typedef struct FoxDisclosed
{
	uint64_t	session;		/* 0: not disclosed */
	FoxSlice	authid;
	FoxSlice	authrole;
} FoxDisclosed;

/*
 * What an event looks like to its readers, each form made once for all of them: WAMP's, by FoxEncoding, name the
 * subscription and are made anew for the next one; MQTT's do not.
 */
typedef enum FoxForm
{
	FOX_FORM_MQTT = FOX_MQTT,	/* of 3.1 and 3.1.1 */
	FOX_FORM_MQTT5,
	FOX_FORM_MQTT_KEPT,			/* what may wait until it can be sent */
	FOX_FORMS
} FoxForm;

/* What an event or an invocation says of the callback that it is for (callback.h). */
typedef struct FoxCallbackNote
{
	uint64_t	id;
	uint64_t	request;		/* so many it has got, with this one */
	FoxSlice	interface;
	FoxSlice	method;
} FoxCallbackNote;

typedef struct FoxEvent FoxEvent;

/* What a gate does with an event once it has been through all subscriptions; zero while there is nothing. */
typedef struct FoxLater
{
	struct FoxLater *next;
	void		(*run) (struct FoxLater *later, FoxEvent *e);
} FoxLater;

/*
 * One event on its way to many sessions.  Gates keep their encodings here, and the core drops them when it goes
 * on to the next event.
 */
struct FoxEvent
{
	uint64_t	publication;
	uint64_t	origin;			/* the session that has published it; 0: none of a client */
	FoxSlice	topic;
	FoxPayload	payload;
	FoxPpt		ppt;			/* of a payload that nobody looks into */
	FoxDisclosed publisher;
	const FoxCallbackNote *callback;	/* NULL: it is for everybody */
	uint8_t		qos;			/* as MQTT has it: 0, 1 or 2 */
	FoxSlice	mqtt;			/* what the publisher has for MQTT clients: a JSON object; absent: nothing */
	bool		kept;			/* it was published to be retained */
	bool		retained;		/* an initial value, not a change */
	uint64_t	expires_us;		/* of an initial value that goes by itself; 0: it stays */
	bool		has_trustlevel;
	uint32_t	trustlevel;
	bool		bridged;
	FoxReceipt *accepted;		/* waits until durable handlers have it in their queue; NULL: nobody waits */
	bool		queued;			/* they have */
	bool		late;			/* an earlier run of the router has taken it, and may have kept it in the event history */
	uint8_t		hops;			/* handlers that have set it off, one after the other */
	FoxReceipt *receipt;		/* collects acknowledgements; NULL: none are wanted */
	bool		wants_receipt;	/* of those whom it goes to just now */
	FoxBytes   *encoded[FOX_FORMS];
	const FoxSubscription *encoded_for;
	uint64_t	stream;			/* name of the events of that subscription and topic; 0: none yet */
	FoxLater   *later;
	FoxPayload	json;			/* once somebody has asked for it; in json_memory, or the payload itself */
	FoxBuf		json_memory;
};

/* The payload as JSON; NULL: no memory.  It lives as long as the event. */
extern const FoxPayload *fox_event_json(FoxEvent *e);
/* From now on encodings are those of sub; others are dropped. */
extern void fox_event_encode_for(FoxEvent *e, const FoxSubscription *sub);
/* What is called the same is one stream, of which a slow reader may hear the last event only. */
extern uint64_t fox_event_stream(FoxEvent *e, const FoxSubscription *sub);
/* later->run() is called when the event has been through all subscriptions; harmless if it waits for that already. */
extern void fox_event_later(FoxEvent *e, FoxLater *later);
/* The event has been through: runs what waits for that, and drops what has been made of it. */
extern void fox_event_done(FoxEvent *e);

typedef struct FoxInvocation
{
	uint64_t	id;
	uint64_t	registration;
	FoxSlice	procedure;		/* absent unless the registration is a pattern, or it is for a callback */
	const FoxCallbackNote *callback;	/* NULL: it is of an ordinary call */
	FoxDisclosed caller;
	bool		receive_progress;
	bool		progress;		/* more of the same call follows under this id */
	bool		has_trustlevel;
	uint32_t	trustlevel;
	uint64_t	timeout_ms;		/* that the callee is to keep; 0: none */
	FoxPayload	payload;
	const FoxPpt *ppt;
} FoxInvocation;

typedef enum FoxCancelMode
{
	FOX_CANCEL_SKIP,
	FOX_CANCEL_KILL,
	FOX_CANCEL_KILLNOWAIT
} FoxCancelMode;

/*
 * A failure as the other side hears it; text is a human-readable reason (absent: none)
 * for failures of the router's.
 */
typedef struct FoxFailure
{
	FoxSlice	uri;
	FoxSlice	text;
	FoxPayload	payload;
	const FoxPpt *ppt;			/* NULL: none */
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
	/* Under which name the publish is known should it come again.  NULL: it does not. */
	FoxReceivedName (*received_as) (FoxSession *s, uint64_t request);
	/*
	 * The event of the publish is with all who hear it; done() or failed() follows.  What they keep of it is written in
	 * one transaction with what is given to fox_router_store() now.  NULL: nothing is.
	 */
	void		(*distributed) (FoxSession *s, uint64_t request);
	void		(*result) (FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload,
						   const FoxPpt *ppt);
	void		(*invoke) (FoxSession *s, const FoxInvocation *inv);
	void		(*interrupt) (FoxSession *s, uint64_t invocation, FoxCancelMode mode, const char *reason);
	/* The router ended a subscription by itself. */
	void		(*unsubscribed) (FoxSession *s, uint64_t subscription, const char *reason);
	/* The router took a registration away; asked only of who has announced registration_revocation. */
	void		(*unregistered) (FoxSession *s, uint64_t registration, const char *reason);
	/* The HTTP request that makes the call, as http_call.h has it.  NULL: none does. */
	FoxSlice	(*http) (FoxSession *s, uint64_t request);
	/* Of the handshake that its peer has come with, those that are kept, as http_req.h walks them.  NULL: none are. */
	FoxSlice	(*headers) (const FoxSession *s);
	/* There is something new in its mailbox.  NULL: it keeps none. */
	void		(*mail) (FoxSession *s);
	/* fox_session_alive() is to be called at the next sign of life.  NULL: the session can not be lost unnoticed. */
	void		(*probe) (FoxSession *s);
	/* Would an event reach its peer now?  Asked where one of several is to have it.  NULL: yes. */
	bool		(*reachable) (const FoxSession *s);
	/*
	 * The peer's connection is to end, the session lives on if it is made to; false: there is none.  Unlike the others it
	 * may end the session.  NULL: a session ends with its connection.
	 */
	bool		(*disconnect) (FoxSession *s, const char *reason);
	/* The core has ended the session (killed, shutdown); the gate says so and closes its transport. */
	void		(*ended) (FoxSession *s, const char *reason, FoxSlice message);
} FoxSessionOps;

typedef struct FoxSessionInfo
{
	uint64_t	id;				/* that has been drawn for it; 0: none yet */
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	authmethod;
	FoxSlice	peer;
	FoxSlice	protocol;		/* "wamp.2.json", "sql", … */
	FoxSlice	agent;			/* what the peer calls its software; absent: it does not say */
	const char *transport;		/* "websocket", …; a constant; NULL: none */
	FoxEncoding encoding;		/* of the args and kwargs that it sends */
	bool		call_canceling;	/* features of the callee role */
	bool		progressive_results;
	bool		progressive_invocations;
	bool		call_timeout;
	bool		registration_revocation;
	bool		ppt_callee;
	bool		streams_calls;	/* of the caller role: progressive_call_invocations */
	bool		ppt_caller;
	bool		ppt_publisher;
	bool		ppt_subscriber;
	bool		subscription_revocation;	/* of the subscriber role */
	bool		acknowledges_events;	/* x_acknowledged_event_delivery */
	FoxSlice	authprovider;	/* absent: static */
	FoxSlice	role;			/* database role of a SQL session; absent: as authrole and authmethod say */
	FoxSlice	client_id;		/* of an MQTT client */
	bool		passing;		/* it is nobody's session: nobody hears of it, and it counts for none */
	int32_t		backend;		/* whose call this session is for; 0: none */
	uint64_t	timeout_s;		/* after which a session ends whose token nobody has brought; 0: as the configuration says */
} FoxSessionInfo;

typedef enum FoxEnd
{
	FOX_END_GOODBYE,			/* the client began it */
	FOX_END_LOST				/* anything else */
} FoxEnd;

/* --- joining and leaving --- */

/* NULL: *reason is a URI (no_such_realm, invalid_uri, unavailable, too_many_sessions).  data is the gate's. */
extern FoxSession *fox_session_join(FoxRouter *r, FoxSlice realm, const FoxSessionInfo *info,
									const FoxSessionOps *ops, void *data, const char **reason);
/* Such a reason in words; a constant. */
extern const char *fox_session_join_text(const char *reason);
/* Ends the session: registrations, subscriptions, calls, waiters go; then its wills are applied. Frees it. */
extern void fox_session_leave(FoxSession *s, FoxEnd how);
/* The session's peer has shown that it lives, after a probe().  Nothing is said to any session at once. */
extern void fox_session_alive(FoxSession *s);
/* Who it is: authid, authrole and authmethod; valid as long as it is. */
extern FoxSessionInfo fox_session_identity(const FoxSession *s);
/* Does the session belong to who has logged in like that? */
extern bool fox_session_is_of(const FoxSession *s, const FoxSessionInfo *info);
/* It goes on for who has logged in again, maybe in another role.  False: no memory, and nothing has changed. */
extern bool fox_session_renew(FoxSession *s, const FoxSessionInfo *info);
/* A client has taken up its session, or has gone, in an orderly way or not: those who want to know are told. */
extern void fox_session_connected(FoxSession *s);
extern void fox_session_disconnected(FoxSession *s, bool lost);
/* Would a publish to the topic be taken, now, unless an authorizer forbids it? */
extern bool fox_session_may_publish(FoxSession *s, FoxSlice topic);
extern uint64_t fox_session_id(const FoxSession *s);
extern void *fox_session_data(const FoxSession *s);
/* The database role that the session acts as: its authrole, the one that anonymous sessions stand for, or SQL's user. */
extern FoxSlice fox_session_role(const FoxSession *s);

/* What of the configuration a gate has to know. */
extern bool fox_router_strict_request_ids(const FoxRouter *r);

/* How many values are retained, in all realms. */
extern uint64_t fox_router_retained(const FoxRouter *r);
/* A line for the log. */
extern void fox_router_warn(FoxRouter *r, const char *what, const char *why);

/* Time, in microseconds that only grow, and chance, for gates; timers as in timer.h. */
extern uint64_t fox_router_now(FoxRouter *r);
extern uint64_t fox_router_random(FoxRouter *r);
extern bool fox_router_timer_set(FoxRouter *r, FoxTimer *timer, uint64_t due_us, FoxTimerFn fn);
extern void fox_router_timer_clear(FoxRouter *r, FoxTimer *timer);

/* --- what outlives the router --- */

/*
 * Has a row of an MQTT session written.  Its place in the order of all that is written; 0: too much waits.
 */
extern uint64_t fox_router_store(FoxRouter *r, const FoxMqttRow *row);
/* Up to which place there is something to write, and is it written? */
extern uint64_t fox_router_stored(const FoxRouter *r);
extern bool fox_router_is_written(const FoxRouter *r, uint64_t place);
/* Whoever waits for the event to be taken waits until that place is written; 0: is told that it was not. */
extern void fox_event_store(FoxEvent *e, uint64_t place);
/* Acknowledged publishes in the session's realm may have to wait for what is to be written. */
extern void fox_session_keeps(FoxSession *s, bool on);
/*
 * A retained message of the session's that an earlier run of the router has stored, but not distributed; original as in
 * FoxWrite, expires_us by the router's clock (0: never).  distributed() is called before this returns.
 */
extern void fox_session_distribute(FoxSession *s, uint64_t request, uint64_t publication, FoxSlice topic, FoxSlice original,
								   uint64_t expires_us);
/* A subscription that the session had before the router started, by the same request. */
extern void fox_session_resubscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic);

/* --- requests; answers come through the ops, at once or later; args and kwargs are in the session's encoding --- */

extern void fox_session_subscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic);
extern void fox_session_unsubscribe(FoxSession *s, uint64_t request, uint64_t subscription);
/* False: the session has not announced that it acknowledges events, which is a protocol violation. */
extern bool fox_session_event_received(FoxSession *s, uint64_t publication);
extern void fox_session_publish(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic,
								FoxSlice args, FoxSlice kwargs);
extern void fox_session_register(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure);
extern void fox_session_unregister(FoxSession *s, uint64_t request, uint64_t registration);
extern void fox_session_call(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure,
							 FoxSlice args, FoxSlice kwargs);
/* Does a CALL of that id go on with one that was sent before, under way or over? */
extern bool fox_session_call_continues(const FoxSession *s, uint64_t request);
extern void fox_session_cancel(FoxSession *s, uint64_t request, FoxSlice options);
/* False: the session has no such invocation, which is a protocol violation. */
extern bool fox_session_yield(FoxSession *s, uint64_t invocation, FoxSlice options, FoxSlice args, FoxSlice kwargs);
extern bool fox_session_invocation_failed(FoxSession *s, uint64_t invocation, FoxSlice details, FoxSlice uri,
										  FoxSlice args, FoxSlice kwargs);
/*
 * Which of a PUBLISH's, a CALL's, a YIELD's or an invocation's ERROR's options the session has not announced to use:
 * a static text, for a protocol violation; NULL: none.
 */
extern const char *fox_session_unannounced(const FoxSession *s, FoxRequest what, FoxSlice options);

/* --- for encoders --- */

extern uint64_t fox_subscription_id(const FoxSubscription *sub);
extern bool fox_subscription_is_exact(const FoxSubscription *sub);

#endif
