/*
 * core.h - the core's own nouns, shared by its files and by nobody else.
 */
#ifndef FOX_CORE_CORE_H
#define FOX_CORE_CORE_H

#include "base/pool.h"
#include "core/auth.h"
#include "core/index.h"
#include "core/session.h"
#include "core/throttle.h"
#include "core/timer.h"

typedef struct FoxRealm FoxRealm;
typedef struct FoxMember FoxMember;
typedef struct FoxRegistration FoxRegistration;
typedef struct FoxCallee FoxCallee;
typedef struct FoxCall FoxCall;
typedef struct FoxCallback FoxCallback;
typedef struct FoxValue FoxValue;
typedef struct FoxOwned FoxOwned;
typedef struct FoxPending FoxPending;
typedef struct FoxQueue FoxQueue;
typedef struct FoxSnapshot FoxSnapshot;
typedef struct FoxPast FoxPast;

#define FOX_REFLECT_KINDS 3		/* topics, procedures, errors */

typedef struct FoxRouterStats
{
	uint64_t	publishes;
	uint64_t	events;
	uint64_t	calls;
	uint64_t	condition_failed;
	uint64_t	publishes_refused;	/* without acknowledgement, so nobody was told */
	uint64_t	writes;
	uint64_t	writes_refused;
	uint64_t	gaps;
	uint64_t	casts_failed;
	uint64_t	logins_failed;
	uint64_t	handler_runs;	/* of SQL functions, for events */
	uint64_t	handler_failures;
	uint64_t	handler_events_dropped;
	uint64_t	row_events_dropped;
	uint64_t	callback_messages_dropped;
	uint64_t	denied;			/* requests and log-ins */
} FoxRouterStats;

struct FoxRouter
{
	FoxPorts	ports;
	FoxRouterConfig config;
	FoxMap		realms;
	FoxIdMap	sessions;
	FoxIdMap	pendings;		/* writes in flight by token */
	FoxNode		inflight;		/* the same in order */
	FoxNode		unsettled;		/* held or in flight, in order of arrival */
	FoxNode		retries;		/* wills that wait for the database */
	FoxNode		snapshots;		/* that have more to send */
	FoxNode		bridges;		/* FoxBridge of ask/bridge.c */
	FoxNode		handlers;		/* FoxHandler of handler.c */
	uint64_t	deliveries_sent;	/* events for durable handlers, and how many are in their queue */
	uint64_t	deliveries_written;
	FoxNode		unwritten;		/* receipts for them, in order (receipt.c) */
	FoxNode		heard;			/* these two are unheard.c's */
	FoxIdMap	heard_by_row;
	uint32_t	kept[FOX_KEPT_BITS];	/* of kept.c: memberships */
	FoxNode		sights;			/* events that wait until it is known who may see their rows (sight.c), in order */
	size_t		sight_bytes;	/* of these */
	uint64_t	sights_taken;	/* how many there were, and how many are out */
	uint64_t	sights_done;
	FoxNode		asks;			/* FoxAsker of ask.c */
	FoxIdMap	awaited;		/* publications that subscriptions wait for (after.c) */
	struct FoxSeen *seen;		/* of after.c */
	struct FoxRoles *roles;		/* of roles.c; NULL: no GRANT is known */
	uint64_t	roles_wanted;	/* how often they may have changed, and up to which time they are read */
	uint64_t	roles_read;
	uint64_t	permissions_number;	/* of the last change of permissions or roles */
	struct FoxDenials *denials;	/* of denial.c; NULL: there was none yet */
	struct FoxReview *review;	/* of review.c; NULL: there was none yet */
	uint64_t	reviews_wanted;	/* how often, and how many of these wishes are fulfilled */
	uint64_t	reviews_done;
	bool		permissions_stale;	/* sessions may have what they may have no longer (permission.c) */
	FoxIdMap	questions;		/* to authorizers: request → FoxAsked of authorizer.c */
	uint64_t	last_question;
	FoxIdMap	inquiries;		/* FoxInquiry of inquiry.c */
	uint64_t	last_inquiry;
	uint64_t	inquiry_warned_us;	/* when the log last heard that one has failed */
	FoxIdMap	callbacks;		/* FoxCallback of callback.c */
	FoxMap		callbacks_by_token;
	FoxNode		callbacks_ending;	/* whose rows are to be deleted */
	uint32_t	callbacks_being_deleted;
	uint64_t	past_position;	/* of the last event that history.c has kept */
	uint64_t	past_sent;		/* rows of the event history for the table, and how many are there */
	uint64_t	past_written;
	FoxIdMap	backends;		/* pid → FoxSession of SQL sessions */
	FoxIdMap	logins;			/* that wait for an executor, by token */
	uint32_t	login_calls;	/* authenticators that are being asked */
	uint64_t	authenticator_warned_us;	/* when the log last heard that one could not be called */
	FoxIdMap	cookie_tasks;	/* of cookie.c, by token */
	FoxMap		role_counts;	/* of role_sessions.c */
	FoxMap		tokens;			/* of token.c, by hash */
	FoxMap		token_holders;
	FoxThrottle failed_addresses;
	FoxThrottle failed_names;
	FoxTimers	timers;
	size_t		call_bytes;		/* that calls keep copies of */
	uint64_t	next_token;
	uint64_t	next_ticket;
	uint64_t	next_id;		/* subscriptions and registrations */
	uint64_t	random[2];		/* state of the generator of publication ids */
	uint64_t	reread;			/* generation of the current or last re-read */
	bool		rereading;
	FoxMap		roots;			/* of http_route.c */
	struct FoxMqttBridges *mqtt_bridges;	/* of mqtt_bridge.c; NULL: there never was one */
	struct FoxServices *services;	/* of service.c; NULL: there never was one */
	FoxNode		config_rows;	/* of config_rows.c */
	FoxMap		config_rows_by_key;
	bool		loaded;			/* the first re-read is over */
	FoxRouterStats stats;
};

/* Are publishers and callers named? */
typedef enum FoxDisclosure
{
	FOX_DISCLOSE_ON_REQUEST,
	FOX_DISCLOSE_NEVER,			/* and who asks for it is refused */
	FOX_DISCLOSE_ALWAYS
} FoxDisclosure;

struct FoxRealm
{
	FoxRouter  *router;
	FoxSlice	name;			/* owned */
	bool		strict;
	FoxDisclosure disclosure;
	FoxIndex	subscriptions;	/* → FoxSubscription, first of a chain that differs by filter */
	FoxIdMap	subscriptions_by_id;
	FoxIndex	registrations;
	FoxIdMap	registrations_by_id;
	FoxTrie		retained;		/* → FoxValue */
	FoxMap		buried;			/* topics deleted while a re-read is under way; keys are owned */
	FoxMap		queues;			/* topic → FoxQueue of waiters */
	struct FoxHistory *history;	/* of history.c; NULL: no event is kept */
	unsigned	auth_rules;		/* set of FoxAuthMethod that it takes; empty: all */
	struct FoxAuthenticator *authenticators[FOX_AUTH_METHODS];	/* of auth_rule.c: who is asked who a peer is; NULL: tables are */
	struct FoxTrusts *trusts;	/* of trust.c; NULL: no level is set */
	struct FoxPermissions *permissions;	/* of permission.c; NULL: there never was a row */
	bool		open;			/* everybody may do everything */
	struct FoxHooks *hooks;		/* of hook.c; NULL: there never was one */
	FoxSession *asking;			/* of authorizer.c, or NULL */
	FoxNode		sessions;
	FoxMap		casters;		/* of ask_call.c: role → FoxSession; keys are the session's */
	uint64_t	casts;			/* the last request of any */
	FoxSession *functions;		/* of exposed.c, or NULL */
	FoxSession *callbacks;		/* of callback_send.c, or NULL */
	uint64_t	callback_calls;	/* the last request of it */
	uint32_t	durable_handlers;
	FoxSession *sight;			/* of sight.c, or NULL */
	FoxMap		reflect[FOX_REFLECT_KINDS];	/* by URI; keys and values are reflect.c's */
	FoxNode		offers;			/* FoxOffer of catalog.c */
	FoxNode		auto_subscriptions;	/* of auto_subscription.c */
	uint32_t	reflect_count;
	size_t		reflect_bytes;
};

struct FoxSession
{
	FoxPool    *pool;			/* of what is the session's alone, itself included */
	FoxRealm   *realm;
	FoxNode		in_realm;
	const FoxSessionOps *ops;
	void	   *data;
	uint64_t	id;
	int32_t		pid;			/* of a SQL session's backend; 0: none */
	int32_t		backend;		/* of a SQL session for one call; 0: none */
	bool		call_canceling;
	bool		progressive_results;
	bool		progressive_invocations;
	bool		streams_calls;
	bool		call_timeout;
	bool		registration_revocation;
	bool		subscription_revocation;
	bool		acknowledges_events;
	bool		ppt_caller;
	bool		ppt_publisher;
	bool		ppt_subscriber;
	bool		ppt_callee;
	bool		passing;		/* requests of somebody who has no session go by it */
	bool		leaving;		/* it hears nothing any more */
	bool		has_instances;	/* of services (service.c), that end with it */
	bool		keeps;			/* what it hears is kept for it while it is away (fox_session_keeps) */
	bool		exempt;			/* no permission is asked for: the router's own, or SQL's, which has GRANT */
	bool		releasing;		/* release_held is at work: no need to enter it again */
	FoxEncoding encoding;
	char	   *identity;		/* what the next eight are slices into */
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	authmethod;
	FoxSlice	peer;
	FoxSlice	protocol;
	FoxSlice	agent;
	FoxSlice	authprovider;
	FoxSlice	role;			/* absent: see fox_session_role() */
	FoxSlice	client_id;		/* of MQTT; absent: it has none */
	const char *transport;		/* a constant, or NULL */
	uint64_t	joined_us;
	FoxNode		members;		/* its subscriptions */
	FoxNode		callbacks;		/* that it has passed to SQL functions (callback.c) */
	struct FoxMailbox *mailbox;	/* of mailbox.c; NULL: nothing came so far */
	FoxNode		callees;		/* its registrations */
	FoxIdMap	callees_by_id;	/* the same: registration → FoxCallee */
	FoxNode		owned;			/* values whose will it holds */
	FoxNode		pendings;		/* writes in flight and waiting publishes */
	FoxNode		held;			/* publishes that wait for a retained one */
	uint32_t	writes;			/* in flight, waiters not counted */
	uint32_t	held_count;
	uint32_t	waiting;
	uint32_t	awaits;
	FoxNode		awaiting;		/* subscriptions that wait for a publication (after.c) */
	FoxNode		receipts;		/* of its own publishes that others are to acknowledge (receipt.c) */
	FoxNode		owed_receipts;	/* what it is to acknowledge */
	FoxNode		claims;			/* REGISTERs that wait for another session (takeover.c) */
	FoxNode		claimed;		/* those that wait for this one */
	uint32_t	receipt_count;
	uint32_t	claim_count;
	struct FoxToken *token;		/* of token.c; NULL: a connection holds it */
	struct FoxRoleCount *counted;	/* where it is counted (role_sessions.c); NULL: nowhere */
	struct FoxKept *kept;		/* decisions, of permission.c */
	FoxNode		asked;			/* requests that wait for an authorizer, in order (authorizer.c) */
	uint32_t	asked_count;
	size_t		asked_bytes;
	struct FoxAsked *resumed;	/* the one that goes on just now */
	FoxIdMap	calls;			/* as caller: request → FoxCall */
	FoxIdMap	invocations;	/* as callee: invocation → FoxCall */
	uint64_t	last_invocation;
	FoxNode		late;			/* calls that have ended before their last CALL; see stream.c */
	FoxIdMap	late_calls;
	FoxNode		offers;			/* what it has announced (catalog.c) */
	FoxNode		testaments;
	uint32_t	testament_count;
	size_t		testament_bytes;
};

/* --- auto_subscription.c --- */

extern void fox_auto_subscriptions_free(FoxRealm *realm);

/* --- router.c --- */

extern FoxRealm *fox_realm_find(FoxRouter *r, FoxSlice name);
extern uint64_t fox_router_publication_id(FoxRouter *r);
extern uint64_t fox_router_session_id(FoxRouter *r);	/* that no session has */
extern void fox_router_log(FoxRouter *r, FoxLogLevel level, const char *format, ...)
			__attribute__((format(printf, 3, 4)));

/* Is somebody named who (or whose callee) has wished it so, or not? */
extern bool fox_discloses(FoxDisclosure disclosure, bool wished);
extern void fox_realm_change(FoxRouter *r, const FoxChange *c);	/* a row of fox_wamp.realm */

/* --- session.c --- */

extern void fox_session_fail(FoxSession *s, FoxRequest what, uint64_t request, const char *uri, const char *text);
extern void fox_session_kill(FoxSession *s, const char *reason, FoxSlice message);

/* --- publish options (options.c) --- */

typedef struct FoxPublish
{
	uint64_t	request;
	FoxSlice	options;
	FoxSlice	topic;
	FoxPayload	payload;		/* JSON if it is to be stored */
	FoxSlice	original;		/* that payload as it came, if it came by MQTT (mqtt_payload.h); absent otherwise */
	int			qos;			/* -1: not given */
	FoxSlice	mqtt;			/* properties for MQTT clients: a JSON object; absent: none */
	bool		acknowledge;
	bool		acknowledged_delivery;	/* and only when the event was acknowledged */
	bool		exclude_me;
	bool		disclose_me;
	bool		retain;
	bool		watch;
	bool		merge;
	bool		will_on_end;
	bool		has_audience;	/* some exclude or eligible list is there */
	FoxDisclosure disclosure;	/* of the publisher */
	FoxPpt		ppt;
	FoxSlice	when;			/* absent: none */
	FoxSlice	will;
	FoxSlice	rkey;			/* a JSON string; absent: none */
	FoxSlice	row;			/* of a table, which a hearer has to be able to see; absent: none (sight.h) */
	const FoxMap *seers;		/* roles that can; NULL: not known, or everybody */
	uint64_t	sight;			/* number of that event among those with a row */
	double		ttl;
	uint64_t	timeout_ms;
} FoxPublish;

/* Fills p from p->options; NULL, or a static text that says which option is wrong. */
extern const char *fox_publish_options(FoxPublish *p);
/* Appends the object of the exclude and eligible lists among the options. */
extern void fox_audience_json(FoxSlice options, FoxBuf *out);
/* May the session hear an event published with these options? */
extern bool fox_audience_allows(FoxSlice options, const FoxSession *s);
/* The same of one that is known by these; id 0: by none. */
extern bool fox_audience_has(FoxSlice options, uint64_t id, FoxSlice authid, FoxSlice authrole);

/* payload as it came by MQTT, if original is not absent. */
extern void fox_payload_original(FoxSlice original, FoxPayload *payload);

/* --- broker.c --- */

struct FoxSubscription
{
	FoxSubscription *next_filter;	/* same topic and kind, another filter, node key or group */
	FoxRealm   *realm;
	uint64_t	id;
	FoxMatchKind kind;
	bool		transient;		/* made for one snapshot; shared with nobody */
	FoxMember **members;
	uint32_t	count;
	uint32_t	cap;
	uint64_t	created_us;
	FoxSlice	topic;			/* these four are owned, in the same block */
	FoxSlice	filter;			/* absent: none */
	FoxSlice	nkey;			/* absent: hears events of every resource key */
	FoxSlice	share;			/* absent: every member hears an event; else one of them */
	uint32_t	next_share;		/* the member whose turn it is */
	char		block[];
};

struct FoxMember
{
	FoxSession *session;
	FoxSubscription *subscription;
	FoxNode		in_session;
	uint32_t	place;			/* in subscription->members */
	uint64_t	born;			/* behind so many events with a row (sight.c), which it does not hear */
	FoxSnapshot *snapshot;		/* while initial values are on their way */
};

/* What is left of a SUBSCRIBE once its wait is over. */
extern void fox_broker_subscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic);
extern void fox_member_free(FoxMember *m);
/* Takes its subscription from the session, which is told why if it has announced subscription_revocation. */
extern void fox_member_revoke(FoxMember *m, const char *reason);
/* Does the struct of a value (JSON) match the filter?  An absent filter lets everything through. */
extern bool fox_filter_passes(FoxSlice filter, FoxSlice args, FoxSlice kwargs);
/* The subscription that SUBSCRIBE with these options would join, or NULL; a static text says what is wrong with them. */
extern const char *fox_subscription_find(FoxRealm *realm, FoxSlice topic, FoxSlice options, FoxSubscription **found);
/*
 * Takes the subscription away from a session, or with NULL from all; who has announced
 * subscription_revocation is told why.  Returns how many had it.
 */
extern uint32_t fox_subscription_revoke(FoxRealm *realm, uint64_t subscription, FoxSession *s, const char *reason);

/* --- delivery.c --- */

/* Delivers e to everybody in the realm who may hear it; publisher may be NULL. */
extern void fox_broker_deliver(FoxRealm *realm, FoxEvent *e, const FoxSession *publisher, const FoxPublish *p);
extern void fox_member_deliver(FoxMember *m, FoxEvent *e);
/* Does the event match the subscription's filter? */
extern bool fox_subscription_lets(const FoxSubscription *sub, FoxEvent *e);

/* --- shard.c --- */

extern uint64_t fox_shard_hash(FoxSlice rkey);
/* Of several nodes the one with the highest score is the resource's. */
extern uint64_t fox_shard_score(uint64_t rkey_hash, FoxSlice node);
/* Of the chain's node keys whose subscriptions the event fits, the one that hears it; absent: none has a key. */
extern FoxSlice fox_shard_node(const FoxSubscription *first, uint64_t rkey_hash, FoxEvent *e);

/* --- after.c --- */

/* The storage has seen the publication: subscriptions that waited for it go on. */
extern void fox_after_seen(FoxRouter *r, uint64_t publication);
/* The subscription waits for the publication; false: it need not. */
extern bool fox_after_wait(FoxSession *s, uint64_t publication, uint64_t request, FoxSlice options, FoxSlice topic);
extern void fox_after_session_end(FoxSession *s);
extern void fox_after_free(FoxRouter *r);

/* --- history.c (see history.h) --- */

extern void fox_history_change(FoxRouter *r, const FoxChange *c);
extern void fox_history_free(FoxRealm *realm);

/* --- snapshot.c --- */

/* Begins to send the retained values that m's subscription matches; ends the subscription after them if only. */
extern bool fox_snapshot_begin(FoxMember *m, bool only);
/* Begins to send events that were kept, in their order; the array and its references are the snapshot's, or freed. */
extern bool fox_snapshot_replay(FoxMember *m, FoxPast **events, size_t count);
/* A live event waits its turn; what is too much for that ends the subscription after its snapshot. */
extern void fox_snapshot_hold(FoxSnapshot *snap, const FoxEvent *e);
extern void fox_snapshot_free(FoxSnapshot *snap);
/* The values have been looked at by an executor: those that the session may not see are gone. */
extern void fox_snapshot_seen(FoxSnapshot *snap, FoxSlice answer);
extern bool fox_snapshots_run(FoxRouter *r);	/* one slice; true: more is left */

/* --- retain.c: the copy --- */

struct FoxValue
{
	uint32_t	refs;
	uint64_t	reread;			/* generation that has seen it */
	FoxOwned   *owned;			/* will of a live session, or NULL */
	uint64_t	publication;
	FoxSlice	topic;
	FoxSlice	args;
	FoxSlice	kwargs;
	FoxSlice	audience;		/* exclude and eligible lists, and the row; absent: none */
	FoxSlice	row;			/* of it: who can not see it is not to hear the value; absent: none */
	FoxSlice	original;		/* as it came by MQTT; absent: it did not */
	uint8_t		qos;
	uint64_t	expires_us;		/* 0: not known to go */
	char		block[];
};

extern FoxValue *fox_retained_get(FoxRealm *realm, FoxSlice topic);
/* Replaces the value of its topic by a copy of what value has from publication on; NULL without memory. */
extern FoxValue *fox_retained_put(FoxRealm *realm, const FoxValue *value);
extern void fox_retained_del(FoxRealm *realm, FoxSlice topic);
extern void fox_retained_free(FoxRealm *realm);
/* Topics that were deleted during a re-read, which may still bring their old rows. */
extern void fox_retained_bury(FoxRealm *realm, FoxSlice topic);
extern bool fox_retained_buried(FoxRealm *realm, FoxSlice topic);
extern void fox_retained_exhume(FoxRealm *realm);
extern void fox_value_unref(FoxValue *v);
/* Does the condition hold for the stored value, as far as the copy knows?  when "null": there is none. */
extern bool fox_retained_holds(FoxRealm *realm, FoxSlice topic, FoxSlice when);

/* --- will.c --- */

struct FoxOwned
{
	FoxSession *session;
	FoxValue   *value;
	FoxNode		in_session;
	uint64_t	owner;			/* as fox_wamp.lock has it */
	bool		on_end;
	FoxSlice	will;
	char		block[];
};

/* The session owns the value from now on. */
extern bool fox_will_set(FoxSession *s, FoxValue *v, uint64_t owner, FoxSlice will, bool on_end);
extern void fox_will_drop(FoxValue *v);	/* harmless without one */
/* Writes the wills of a session that ends. */
extern void fox_wills_apply(FoxSession *s, FoxEnd how);
/* Writes one will of a session that is no more. */
extern void fox_will_write(FoxRealm *realm, FoxSlice topic, uint64_t owner, FoxSlice will);

/* --- sync.c: writes in flight, waiters --- */

typedef enum FoxPendingState
{
	FOX_PENDING_HELD,			/* behind a retained publish of the same session */
	FOX_PENDING_WAITING,		/* a watch whose condition does not hold */
	FOX_PENDING_INFLIGHT
} FoxPendingState;

struct FoxPending
{
	FoxPendingState state;
	FoxRealm   *realm;
	FoxSession *session;		/* NULL: gone, or the router's own write */
	uint64_t	session_id;
	uint64_t	token;			/* in flight */
	uint64_t	ticket;			/* order of arrival; waiters have none */
	uint64_t	since_us;
	uint64_t	deadline_us;	/* of a wait; 0: none */
	bool		is_will;
	bool		given_up;		/* its SQL statement was canceled while the write was in flight */
	bool		said_goodbye;	/* its session ended orderly while the write was in flight */
	FoxQueue   *queue;			/* of waiters, once it has been in one */
	FoxNode		in_order;		/* router->inflight, queue->waiters or session->held */
	FoxNode		in_session;
	FoxNode		in_unsettled;
	FoxTimer	timer;
	FoxReceipt *receipt;		/* NULL: none, or not delivered yet */
	FoxPublish	p;				/* slices into block */
	char		block[];
};

struct FoxQueue
{
	FoxRealm   *realm;
	FoxNode		waiters;
	FoxPending *trying;			/* the one whose write is in flight */
	FoxTimer	again;			/* looks once more after a refusal */
	uint32_t	refusals;		/* since the topic last changed */
	FoxSlice	topic;
	char		block[];
};

/* Takes up a publish that is valid: stores, waits, or holds it back. */
extern void fox_sync_publish(FoxSession *s, const FoxPublish *p);
/* The queue of waiting publishes of a topic looks whether one fits now. */
extern void fox_sync_wake(FoxRealm *realm, FoxSlice topic);
extern void fox_sync_changed(FoxRealm *realm, FoxSlice topic);	/* the same, because its value has changed */
extern void fox_sync_session_end(FoxSession *s, FoxEnd how);
extern void fox_sync_withdraw(FoxSession *s, uint64_t request);	/* a waiting publish is given up, silently */
extern void fox_sync_realm_end(FoxRealm *realm);	/* forgets its writes; its sessions are gone */
extern FoxPending *fox_sync_take(FoxRouter *r, uint64_t token);	/* removes it from flight */
extern void fox_sync_finish(FoxPending *w, uint64_t publication, const char *uri, const char *text);
/* Sends; false: there is no room for it now, and it is not in flight. */
extern bool fox_sync_write(FoxPending *w, FoxWrite *write);
extern void fox_sync_retry_will(FoxPending *w);	/* once more in a second */
extern FoxPending *fox_pending_new(FoxRealm *realm, FoxSession *s, const FoxPublish *p);

/* --- receipt.c --- */

/* Of a publish that wants one; NULL: it does not, or there is no memory. */
extern FoxReceipt *fox_receipt_open(FoxSession *publisher, const FoxPublish *p, uint64_t publication);
/* The member's session is to acknowledge the event before the publish is answered. */
extern void fox_receipt_expect(FoxReceipt *r, FoxMember *m);
/* The event of an acknowledged publish is on its way to everybody: the answer, or what it waits for. */
extern void fox_publish_delivered(FoxSession *s, const FoxPublish *p, FoxReceipt *r, uint64_t publication);
/* So many events for durable handlers have to be in their queue before the publish is answered. */
extern void fox_receipt_expect_written(FoxReceipt *r, uint64_t deliveries);
/* Somebody can not be waited for: the publish will be answered with an error. */
extern void fox_receipt_fail(FoxReceipt *r);
/* router->deliveries_written has grown. */
extern void fox_receipts_written(FoxRouter *r);
extern void fox_receipts_member_end(FoxMember *m);
extern void fox_receipts_session_end(FoxSession *s);

/* --- publish.c --- */

extern void fox_publish_now(FoxSession *s, const FoxPublish *p);	/* deliver and acknowledge */

/* --- dealer.c, pick.c, call.c, dispatch.c, stream.c --- */

typedef enum FoxInvoke
{
	FOX_INVOKE_SINGLE,
	FOX_INVOKE_ROUNDROBIN,
	FOX_INVOKE_RANDOM,
	FOX_INVOKE_FIRST,
	FOX_INVOKE_LAST,
	FOX_INVOKE_LOAD				/* the fewest running calls */
} FoxInvoke;

struct FoxCallee
{
	FoxSession *session;
	FoxRegistration *registration;
	FoxNode		in_session;
	FoxNode		calls;			/* running here */
	uint32_t	running;
	uint32_t	concurrency;	/* 0: unlimited */
	bool		disclose_caller;
	bool		forward_timeout;
	uint64_t	serial;			/* order of registration */
	uint64_t	stamp;			/* see pick.c */
};

struct FoxRegistration
{
	FoxRealm   *realm;
	uint64_t	id;
	FoxMatchKind kind;
	FoxInvoke	invoke;
	FoxCallee **callees;
	uint32_t	count;
	uint32_t	cap;
	uint32_t	next;			/* roundrobin */
	uint32_t	queued;
	uint32_t	queued_plain;	/* of them, those for which any callee will do */
	FoxNode		queue;			/* calls that wait for a free callee */
	uint64_t	last_serial;
	uint64_t	stamp;
	uint64_t	created_us;
	FoxSlice	uri;
	char		block[];
};

extern const char *fox_invoke_name(FoxInvoke invoke);
/* REGISTER; with may_wait it waits for a session that may be lost (takeover.c), else its answer is final. */
extern void fox_dealer_register(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure, bool may_wait);
extern FoxRegistration *fox_dealer_find(FoxRealm *realm, FoxSlice procedure);
/* A callee with a free place that will do for the call, by the registration's policy, or NULL. */
extern FoxCallee *fox_dealer_pick(FoxRegistration *reg, const FoxCall *call);
extern bool fox_dealer_any(FoxRegistration *reg, const FoxCall *call);	/* will any do, free or not? */
/* NULL: there is none; *at is the place in reg->callees, where it is or would be. */
extern FoxCallee *fox_callee_by_serial(const FoxRegistration *reg, uint64_t serial, uint32_t *at);
/*
 * Takes the registration away from a session, or with NULL from all, who are told if they have
 * announced registration_revocation.  Running calls go on; with the last callee waiting ones fail.
 * Returns how many had it.
 */
extern uint32_t fox_registration_revoke(FoxRealm *realm, uint64_t id, FoxSession *s, const char *reason);
extern void fox_callee_free(FoxCallee *c);	/* its calls must be gone */
extern void fox_calls_take_up(FoxRegistration *reg);	/* queued calls go to free callees */
extern void fox_calls_callee_lost(FoxCallee *c);
extern void fox_calls_let_go(FoxCallee *c); /* UNREGISTER: running calls go on without it */
extern void fox_calls_caller_lost(FoxSession *s);	/* and what it was still sending */
extern void fox_calls_late_free(FoxSession *s);
extern void fox_calls_registration_gone(FoxRegistration *reg);
extern void fox_calls_free(FoxSession *s);	/* dead calls that a callee still owed an answer to */

/* --- takeover.c --- */

/* The REGISTER waits until the registration's holder has shown that it lives, or is gone; false: it need not. */
extern bool fox_takeover_wait(FoxSession *s, FoxRegistration *reg, uint64_t request, FoxSlice options, FoxSlice procedure);
extern void fox_takeover_session_end(FoxSession *s);

/* --- meta*.c, testament.c, reflect.c: the router's own procedures and events --- */

typedef enum FoxMetaStep
{
	FOX_META_CREATED,
	FOX_META_JOINED,			/* REGISTER or SUBSCRIBE of a session */
	FOX_META_LEFT,
	FOX_META_DELETED
} FoxMetaStep;

/* A call of a procedure below wamp. or fox_wamp.; the answer comes at once. */
extern void fox_meta_call(FoxSession *s, uint64_t request, FoxSlice procedure, FoxSlice args, FoxSlice kwargs);
/* Is it a client's, and none of the router's own (SQL backends, bridges)? */
extern bool fox_meta_is_client(const FoxSession *s);
extern void fox_meta_session_joined(FoxSession *s);
extern void fox_meta_session_left(FoxSession *s);
/* A step in the life of a registration or subscription, which s has brought about. */
extern void fox_meta_registration(const FoxRegistration *reg, const FoxSession *s, FoxMetaStep step);
extern void fox_meta_subscription(const FoxSubscription *sub, const FoxSession *s, FoxMetaStep step);
extern void fox_testaments_publish(FoxSession *s);	/* of a session that ends; forgets them */
extern void fox_reflect_free(FoxRealm *realm);

/* --- ask.c, bridge.c --- */

/* The session that stands for a backend; it is in one realm as long as it holds something there. */
extern FoxSession *fox_backend_session(FoxRouter *r, FoxSlice realm, int32_t pid, const char **reason);

extern void fox_ask_progress(FoxRouter *r);	/* answers syncs that are due, reaps finished ones */
extern void fox_bridge_change(FoxRouter *r, const FoxChange *c);
extern void fox_bridges_free(FoxRouter *r);
extern void fox_asks_free(FoxRouter *r);

#define FOX_ERR_INVALID_URI "wamp.error.invalid_uri"
#define FOX_ERR_INVALID_ARGUMENT "wamp.error.invalid_argument"
#define FOX_ERR_INVALID_PAYLOAD "wamp.error.invalid_payload"
#define FOX_ERR_DISCLOSE_ME "wamp.error.option_disallowed.disclose_me"
#define FOX_ERR_NO_SUCH_REALM "wamp.error.no_such_realm"
#define FOX_ERR_NO_SUCH_SESSION "wamp.error.no_such_session"
#define FOX_ERR_NOT_AUTHORIZED "wamp.error.not_authorized"
#define FOX_ERR_AUTHORIZATION_FAILED "wamp.error.authorization_failed"
#define FOX_ERR_NO_SUCH_SUBSCRIPTION "wamp.error.no_such_subscription"
#define FOX_ERR_NO_SUCH_REGISTRATION "wamp.error.no_such_registration"
#define FOX_ERR_NO_SUCH_PROCEDURE "wamp.error.no_such_procedure"
#define FOX_ERR_PROCEDURE_EXISTS "wamp.error.procedure_already_exists"
#define FOX_ERR_UNAVAILABLE "wamp.error.unavailable"
#define FOX_ERR_NO_HISTORY "wamp.error.history_unavailable"
#define FOX_ERR_TIMEOUT "wamp.error.timeout"
#define FOX_ERR_FEATURE_NOT_SUPPORTED "wamp.error.feature_not_supported"
#define FOX_ERR_NO_AVAILABLE_CALLEE "wamp.error.no_available_callee"
#define FOX_ERR_TOO_MANY_SESSIONS "fox_wamp.error.too_many_sessions"
#define FOX_ERR_CANCELED "wamp.error.canceled"
#define FOX_CLOSE_KILLED "wamp.close.killed"
#define FOX_CLOSE_SYSTEM "wamp.close.system_shutdown"

#endif
