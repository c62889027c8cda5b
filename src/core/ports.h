/*
 * ports.h - what the core asks of the world, and what the world tells the core.
 *
 * The core never waits: a request carries a token, the answer comes back later
 * through fox_router_change() or fox_router_refused() of router.h.  Everything in
 * these structs is borrowed for the length of the call.
 */
#ifndef FOX_CORE_PORTS_H
#define FOX_CORE_PORTS_H

#include "base/buf.h"

/*
 * Publication ids are random over 1..2^53; the odd ones are drawn in the database,
 * where they are known before the commit, the even ones by the router.
 */
#define FOX_PUBLICATION_OF_ROUTER(random) ((((random) >> 12) + 1) << 1)
#define FOX_PUBLICATION_OF_DATABASE(random) (((random) >> 12) << 1 | 1)
#define FOX_DRAWN_BY_DATABASE(publication) (((publication) & 1) != 0)

/* A message that its sender may send again, even to another run of the router: a row of fox_wamp.mqtt_received. */
typedef struct FoxReceivedName
{
	uint64_t	session;		/* as FoxMqttRow has it; 0: none */
	uint16_t	packet;
} FoxReceivedName;

/* A durable write of one topic's value. */
typedef enum FoxWriteKind
{
	FOX_WRITE_PUT,				/* store args/kwargs (merge: RFC 7396 into the stored struct) */
	FOX_WRITE_DELETE,			/* the value was empty: delete the row */
	FOX_WRITE_DISOWN			/* drop owner and will, keep the value (GOODBYE with will_on = lost) */
} FoxWriteKind;

typedef struct FoxWrite
{
	FoxWriteKind kind;
	uint64_t	token;			/* comes back in the change or the refusal */
	FoxSlice	realm;
	FoxSlice	topic;
	uint64_t	publication;
	uint64_t	session;		/* who publishes; the owner if there is a will */
	uint64_t	order;			/* writes of one such number take effect in their order; 0: of none */
	int32_t		pid;			/* backend of that session, which outlives the router; 0: none */
	FoxSlice	args;			/* JSON array or absent */
	FoxSlice	kwargs;			/* JSON object or absent */
	FoxSlice	when;			/* condition as JSON ("null": no value may exist); absent: unconditional */
	FoxSlice	will;			/* JSON; absent: no will, owner is cleared */
	FoxSlice	audience;		/* object of exclude and eligible lists; absent: everybody may hear the value */
	FoxSlice	original;		/* the message as it came by MQTT; absent: it did not */
	FoxReceivedName received;	/* stored once under it, with a row that waits for the distribution; session 0: none */
	bool		will_on_end;	/* will_on = "end" */
	bool		only_owner;		/* write only if `session` is still the owner, else refuse FOX_REFUSED_CONDITION */
	bool		merge;
	double		ttl;			/* seconds; 0: none */
} FoxWrite;

typedef enum FoxRefusal
{
	FOX_REFUSED_CONDITION,		/* when (or only_owner) does not hold; nothing was changed */
	FOX_REFUSED_INVALID,		/* the value or condition cannot be stored; text says why */
	FOX_REFUSED_UNAVAILABLE,	/* queue full, database in trouble, executor lost before commit was known */
	FOX_REFUSED_DISOWNED,		/* FOX_WRITE_DISOWN is done (it makes no change entry) */
	FOX_REFUSED_REPEATED		/* what came under that name before is stored: its sender need not know the difference */
} FoxRefusal;

/* Of topics, see kept.h. */
#define FOX_KEPT_BITS 1024
#define FOX_KEPT_ALL 0			/* of patterns that leave the first component open */

/* Something that has committed, in commit order: one entry of the ring. */
typedef enum FoxChangeKind
{
	FOX_CHANGE_EVENT = 1,		/* an event that is not stored (publish(), NOTIFY, delete of an absent value) */
	FOX_CHANGE_PUT,				/* a row of retained was inserted or updated */
	FOX_CHANGE_DELETE,
	FOX_CHANGE_TRUNCATE,		/* all of retained is gone: one delete per topic */
	FOX_CHANGE_REALM,			/* row of fox_wamp.realm: realm = name; args = '[{"strict":bool,"disclosure":text}]'; deleted flag */
	FOX_CHANGE_BRIDGE_OUT,		/* row of fox_wamp.bridge with direction out: topic = pattern, args = '["channel"]' */
	FOX_CHANGE_CALL,			/* a call whose result nobody wants: topic = procedure, options as in ask_call.c */
	FOX_CHANGE_HISTORY,			/* row of fox_wamp.history: topic = pattern, args as in history.c; deleted flag */
	FOX_CHANGE_PAST,			/* row of fox_wamp.event_history, at the start; options as in history.c */
	FOX_CHANGE_TRUST,			/* row of fox_wamp.trust_level: topic = pattern, args as in trust.c; deleted flag */
	FOX_CHANGE_AUTO_SUBSCRIPTION,	/* row of fox_wamp.mqtt_auto_subscription: topic = filter, args as in auto_subscription.c; deleted flag */
	FOX_CHANGE_MQTT_BRIDGE,		/* row of fox_wamp.mqtt_bridge: topic = name, args as in mqtt_bridge.c; deleted flag */
	FOX_CHANGE_MQTT_BRIDGE_TOPIC,	/* row of fox_wamp.mqtt_bridge_topic: topic = name of the bridge, args and kwargs as there; deleted flag */
	FOX_CHANGE_EXPOSED,			/* row of fox_wamp.exposed_function or .exposed_table: topic = URI, args as in exposed.c; deleted flag */
	FOX_CHANGE_SERVICE,			/* row of fox_wamp.exposed_service: topic = URI, args as in service.c; deleted flag */
	FOX_CHANGE_CATALOG,			/* row of fox_wamp.service_address: topic = service, args as in catalog.c; deleted flag */
	FOX_CHANGE_ROOT,			/* row of fox_wamp.root: topic = name, args as in http_route.c; deleted flag */
	FOX_CHANGE_AUTH,			/* row of fox_wamp.auth_method: topic = method, args as in auth_rule.h; deleted flag */
	FOX_CHANGE_PERMISSION,		/* row of fox_wamp.permission: topic = pattern, args as in permission.c; deleted flag */
	FOX_CHANGE_HOOK,			/* row of fox_wamp.publish_hook: topic = pattern, args as in hook.c; deleted flag */
	FOX_CHANGE_HANDLER,			/* row of fox_wamp.handler or fox_wamp.webhook: topic = pattern, args as in handler.c; deleted flag */
	FOX_CHANGE_CALLBACK,		/* row of fox_wamp.callback_registry: args as in callback.c; deleted flag */
	FOX_CHANGE_CALLBACK_MESSAGE,	/* for the callback whose id the topic is: options as in callback_send.c */
	FOX_CHANGE_CALLBACK_OVER,	/* the callback whose id the topic is is to be released */
	FOX_CHANGE_QUEUED,			/* fox_wamp.delivery has something to do for the handler whose id the topic is */
	FOX_CHANGE_ROLES,			/* which roles have which, all of them: args as in roles.c; no realm */
	FOX_CHANGE_DECISIONS,		/* what authorizers have decided is outdated, once a transaction has ended: args = its virtual id; no realm */
	FOX_CHANGE_GAP				/* the ring overflowed: entries are missing; state will be re-read */
} FoxChangeKind;

typedef struct FoxChange
{
	FoxChangeKind kind;
	bool		deleted;		/* of what is a row of configuration */
	bool		silent;			/* PUT at start-up or re-read: into the copy, no event unless different */
	bool		bridged;		/* came in by a bridge: never leaves by one */
	bool		queued;			/* its transaction has written it to fox_wamp.delivery, for durable handlers */
	uint8_t		hops;			/* handlers that have set it off, one after the other */
	uint64_t	token;			/* of the FoxWrite it answers; 0: none */
	uint64_t	publication;
	uint64_t	session;		/* origin session of a client's publish; 0: SQL */
	int32_t		pid;			/* origin backend of SQL's publish; 0: none */
	FoxSlice	realm;
	FoxSlice	topic;
	FoxSlice	args;
	FoxSlice	kwargs;			/* of a row of configuration: which of the topic's it is, if there may be many */
	FoxSlice	options;		/* JSON object of publish options that matter for delivery; absent: none */
	FoxSlice	original;		/* PUT: as in FoxWrite */
	uint64_t	owner;			/* PUT: session that owns the value (has a will); 0: none */
	uint64_t	unheard;		/* row of fox_wamp.mqtt_unheard with the same event; silent: it is that, and nothing else; 0: there is none */
} FoxChange;

/* A row of fox_wamp.event_history. */
typedef struct FoxPastRow
{
	bool		deleted;		/* realm and position say which one goes */
	FoxSlice	realm;
	uint64_t	position;
	uint64_t	publication;
	int64_t		at_us;			/* since 1970 */
	FoxSlice	topic;
	FoxSlice	args;			/* JSON or absent */
	FoxSlice	kwargs;
	uint64_t	session;		/* publisher; 0: not disclosed */
	FoxSlice	authid;
	FoxSlice	authrole;
} FoxPastRow;

/* An event for the queue of a durable handler: a row of fox_wamp.delivery. */
typedef struct FoxDelivery
{
	uint64_t	handler;
	uint64_t	publication;
	uint8_t		hops;
	FoxSlice	topic;
	FoxSlice	args;			/* JSON or absent */
	FoxSlice	kwargs;
	FoxSlice	details;		/* a JSON object */
} FoxDelivery;

/* Something to be written of an MQTT session that outlives its connection, or was read of it at the start. */
typedef enum FoxMqttRowKind
{
	FOX_MQTT_SESSION = 1,		/* what fox_wamp.mqtt_session has of it, its will with it */
	FOX_MQTT_SESSION_END,		/* all rows of the session go */
	FOX_MQTT_SUBSCRIPTION,
	FOX_MQTT_SUBSCRIPTION_END,	/* filter says which */
	FOX_MQTT_MESSAGE,			/* for the client; number says which, and their order */
	FOX_MQTT_MESSAGE_RELEASED,	/* PUBREC has come */
	FOX_MQTT_MESSAGE_END,
	FOX_MQTT_RECEIVED,			/* QoS 2 from the client; number is the packet identifier.  Read with a topic, and the message as
								 * payload: it is stored, but not yet distributed. */
	FOX_MQTT_RECEIVED_END,
	FOX_MQTT_UNHEARD_END		/* of no session: the row of fox_wamp.mqtt_unheard with that number goes */
} FoxMqttRowKind;

/* While there is a connection it is not written which messages have gone out. */
#define FOX_MQTT_SENT_UNKNOWN UINT64_MAX

typedef struct FoxMqttRow
{
	FoxMqttRowKind kind;
	uint64_t	session;		/* names the session in all of its rows */
	uint64_t	publication;	/* of FOX_MQTT_RECEIVED with a topic */
	uint64_t	number;			/* of a session: that of the last message that its client was sent; FOX_MQTT_SENT_UNKNOWN */
	FoxSlice	realm;
	FoxSlice	client_id;
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	authmethod;
	uint32_t	expiry;			/* seconds that it outlives its connection; UINT32_MAX: for ever */
	bool		connected;
	uint64_t	away_us;		/* read: for how long it has not been connected */
	bool		has_will;		/* of which topic, payload, props, qos, retain and delay are */
	uint32_t	delay;			/* seconds */
	FoxSlice	filter;
	uint32_t	identifier;
	bool		no_local;
	bool		as_published;
	uint8_t		qos;
	bool		retain;
	bool		released;
	FoxSlice	topic;			/* as the packets have it; of a will in WAMP's notation */
	FoxSlice	payload;
	FoxSlice	props;			/* encoded, without their length */
	FoxSlice	own;			/* those of the subscriptions */
	uint64_t	expires_us;		/* by the clock of the ports, read: the time that is left; 0: never */
} FoxMqttRow;

typedef enum FoxRunKind
{
	FOX_RUN_PROCEDURE,			/* for a caller, as its role */
	FOX_RUN_HANDLER,			/* for an event, as the function's owner; args are the function's arguments */
	FOX_RUN_SIGHT,				/* which roles may see which rows; args and answer as sight.c says */
	FOX_RUN_SERVICE,			/* instances of services that are to end; args and answer as service.c says */
	FOX_RUN_QUEUE,				/* all that is due of fox_wamp.delivery for a handler; answered as handler.c says */
	FOX_RUN_POSTS				/* the same of one whose events are POSTed to a URL */
} FoxRunKind;

/* What a procedure has to do with a table. */
typedef enum FoxBound
{
	FOX_UNBOUND,
	FOX_BOUND_ROWS,				/* it is the table itself, read and written */
	FOX_BOUND_TABLE,			/* a function that asks which table, and which row if any */
	FOX_BOUND_ROW				/* a function whose first argument is a row of it */
} FoxBound;

/* A call of a SQL function; session and invocation name it in what comes back. */
typedef struct FoxFunctionCall
{
	FoxRunKind	kind;
	uint64_t	handler;		/* of FOX_RUN_QUEUE and FOX_RUN_POSTS: its id */
	uint8_t		hops;			/* of FOX_RUN_HANDLER: of the event */
	uint64_t	session;		/* the router's own, that serves the functions of the realm; 0: the router asks for itself */
	uint64_t	invocation;
	FoxSlice	realm;
	FoxSlice	procedure;		/* absent: no caller has named one, the router asks */
	FoxSlice	function;		/* its signature, or those of all overloads with zero bytes between; absent: there was no memory for the arguments */
	FoxBound	bound;
	unsigned	verbs;			/* of FOX_BOUND_ROWS: what the table takes, as http_route.h has it */
	FoxSlice	table;			/* its qualified name; absent: it is bound to none */
	FoxSlice	role;			/* database role that it runs as; absent: its owner */
	uint64_t	caller;			/* session */
	FoxSlice	authid;
	FoxSlice	authrole;
	FoxSlice	peer;			/* of its connection, as "127.0.0.1:54321" */
	FoxSlice	agent;			/* what it calls its software; absent: unknown */
	FoxSlice	headers;		/* of its handshake, those that are kept; absent: none */
	int32_t		caller_pid;		/* backend that waits for it; 0: none */
	bool		receive_progress;
	uint64_t	timeout_ms;		/* of the statement; 0: none */
	FoxSlice	args;			/* JSON array or absent */
	FoxSlice	kwargs;			/* JSON object or absent */
	FoxSlice	http;			/* what http_call.h makes of a request, whose reply comes as kwargs; absent: none */
	FoxSlice	service;		/* that it is a method of, as fox_service_call() says it; absent: of none */
	FoxSlice	instance;		/* of that: its calls run one at a time, in their order; absent: of none */
	bool		shared;			/* the instance is everybody's: the call has it only if its function asks for the state */
} FoxFunctionCall;

typedef enum FoxLogLevel
{
	FOX_LOG_DEBUG,
	FOX_LOG_INFO,
	FOX_LOG_WARNING,
	FOX_LOG_ERROR
} FoxLogLevel;

typedef struct FoxPorts
{
	void	   *ctx;
	uint64_t	(*now_us) (void *ctx);	/* monotonic microseconds, the turn's clock */
	uint64_t	(*random64) (void *ctx);	/* cryptographically strong */
	void		(*log) (void *ctx, FoxLogLevel level, const char *text);

	/* Queues a durable write.  False: the queue is full; the core answers unavailable. */
	bool		(*write) (void *ctx, const FoxWrite *w);

	/* Puts a question of auth.h to an executor; false: too many wait.  See fox_router_login_answer(). */
	bool		(*login) (void *ctx, uint64_t token, FoxSlice question);
	/* Nobody waits for the answer any more; it may come all the same. */
	void		(*login_gone) (void *ctx, uint64_t token);

	/* Sends one row (a JSON object text) of an answer to a backend's question; last ends it. */
	void		(*answer) (void *ctx, uint64_t ask, FoxSlice row, bool last);

	/* Numbers of the layers around the core, for stat_router. */
	void		(*stats) (void *ctx, void (*put) (void *arg, const char *name, uint64_t value), void *arg);

	/* An event for a channel of bridge_out. */
	void		(*notify) (void *ctx, FoxSlice channel, FoxSlice payload);

	/*
	 * A registration came or went; written behind into fox_wamp.registration.
	 * callees == 0: it went.
	 */
	void		(*registration) (void *ctx, FoxSlice realm, uint64_t id, FoxSlice uri, FoxSlice match,
								 FoxSlice invoke, uint64_t callees);

	/* A row of the event history came or went; written behind, see fox_router_past_written(). */
	void		(*past) (void *ctx, const FoxPastRow *row);

	/* Queues an event for a durable handler, see fox_router_deliveries_written(); false: too much waits. */
	bool		(*deliver) (void *ctx, const FoxDelivery *d);
	/* The same of a row of an MQTT session: both are written in one order, and counted together. */
	bool		(*mqtt) (void *ctx, const FoxMqttRow *row);
	/* Sessions that keep their messages hear topics of that bit (kept.h), or none does any more. */
	void		(*kept) (void *ctx, unsigned bit, bool on);

	/* Runs a SQL function; answered later by fox_router_function_result() or _failed(). */
	void		(*call) (void *ctx, const FoxFunctionCall *call);
	/* Stops it, if it still runs; its answer is due all the same. */
	void		(*cancel) (void *ctx, uint64_t session, uint64_t invocation);
} FoxPorts;

#endif
