/*
 * mqtt_private.h - MQTT's connections and sessions, shared by the files of its gate.
 *
 * A peer is a connection, a session is what a client identifier stands for: it may outlive many peers.
 * A session is one of the core's, whose subscriptions go on while no peer is there.
 */
#ifndef FOX_GATE_MQTT_PRIVATE_H
#define FOX_GATE_MQTT_PRIVATE_H

#include "base/dlist.h"
#include "base/hash.h"
#include "codec/mqtt_packet.h"
#include "core/login.h"
#include "gate/dialer.h"
#include "gate/mqtt_gate.h"
#include "gate/mqtt_scram.h"

#define MQTT_ALIASES 32			/* that a client may set */
#define MQTT_SECOND 1000000u	/* microseconds */
#define MQTT_NO_MESSAGE "no message is under way with this packet identifier"
#define MQTT_MOMENT (MQTT_SECOND / 10)	/* lives a message that is to live 0 seconds: it is for who is there */

typedef struct MqttSession MqttSession;

/* Numbers since the start, for $SYS. */
typedef struct MqttCounters
{
	uint64_t	received;		/* packets */
	uint64_t	sent;
	uint64_t	bytes_received;
	uint64_t	bytes_sent;
	uint64_t	publish_received;
	uint64_t	publish_sent;
	uint64_t	payload_received;
	uint64_t	payload_sent;
	uint64_t	dropped;		/* messages that found a full queue */
	uint64_t	connections;	/* of clients that have joined */
	uint64_t	sockets;		/* of anybody */
	uint64_t	maximum;		/* clients at a time */
	uint64_t	expired;		/* sessions */
} MqttCounters;

#define MQTT_RATES 9			/* of which there are averages */
#define MQTT_SPANS 3
#define MQTT_SYS_VALUES 64

struct FoxMqttBroker
{
	FoxRouter  *router;
	FoxMqttConfig config;
	FoxMap		sessions;		/* by realm, a zero byte, client identifier */
	FoxNode		all;			/* the same, and those that are ending */
	FoxNode		promises;		/* of mqtt_store.c */
	FoxNode		unwritten;		/* sessions whose next message waits for its row */
	FoxIdMap	restored;		/* while rows are read: by session->row */
	FoxNode		bridges;		/* of mqtt_bridge.c */
	FoxDialer	dialer;			/* dial: NULL until bridges are carried out */
	bool		closing;		/* the router ends: rows stay */
	uint64_t	clients;		/* that are connected */
	MqttCounters counters;
	uint64_t	started_us;
	FoxTimer	sys_timer;		/* of mqtt_sys.c, and what it keeps */
	double		averages[MQTT_RATES][MQTT_SPANS];
	uint64_t	last_counts[MQTT_RATES];
	uint64_t	last_values[MQTT_SYS_VALUES];	/* hashes */
};

/*
 *      NEW ──CONNECT──► LOGGING_IN ──► JOINED ──DISCONNECT, violation, takeover──► DEAD
 *       │              AUTH ▲  │ AUTH                                                ▲
 *       │               CHALLENGED                                                  │
 *       └────────────────┴── violation, refusal, no CONNECT in time ────────────────┘
 */
typedef enum MqttState
{
	MQTT_NEW,
	MQTT_LOGGING_IN,
	MQTT_CHALLENGED,			/* AUTH is to come */
	MQTT_JOINED,
	MQTT_DEAD					/* nothing more is processed */
} MqttState;

/* What is kept of a peer until it has joined. */
typedef struct MqttArrival
{
	FoxBuf		connect;		/* CONNECT, while LOGGING_IN, */
	FoxBuf		early;			/* and what has come behind it */
	FoxBuf		server_final;	/* of SCRAM-SHA-256, for CONNACK */
} MqttArrival;

typedef struct MqttPeer
{
	FoxGate		gate;
	MqttState	state;
	uint8_t		version;		/* of MQTT; 0 until CONNECT */
	bool		local;			/* may join without logging in */
	bool		confidential;	/* may say a password */
	bool		bridge;			/* another broker, which says so by FOX_MQTT_BRIDGE */
	bool		quiet;			/* it wants no reason strings */
	bool		internal;		/* a bridge's: it is known who that is, and what it takes */
	bool		held;			/* nothing is read from it now: too many of its messages wait for their answer */
	bool		challenged_again;	/* AUTH is to come, for login */
	char		scram_flag;		/* of SCRAM-SHA-256; 0: this connection does not authenticate by it */
	char	   *certificate;	/* owned; NULL: none */
	FoxMqttBroker *broker;
	FoxLogin   *login;			/* until JOINED, and while the client authenticates again */
	MqttArrival *arrival;		/* owned; NULL once it has joined */
	MqttSession *session;		/* while JOINED */
	FoxTransport transport;
	FoxTimer	timer;			/* for the keep alive */
	uint64_t	heard_us;
	uint32_t	keep_alive;		/* seconds; 0: none */
	uint32_t	max_packet;		/* that it takes */
	uint32_t	receive_maximum;	/* messages of QoS 1 and 2 that it takes without having acknowledged them */
	uint32_t	alias_maximum;	/* that we may set */
	struct MqttAliases *aliases;	/* of mqtt_alias.c; NULL: there are none */
	const char *transport_name;
	char		address[];
} MqttPeer;

typedef struct MqttWill
{
	uint8_t		qos;
	bool		retain;
	uint32_t	delay;			/* seconds */
	FoxSlice	topic;			/* in WAMP's notation */
	FoxSlice	payload;
	FoxSlice	props;
	char		block[];
} MqttWill;

typedef struct MqttSub
{
	uint64_t	id;				/* of the core's subscription */
	uint32_t	identifier;		/* the client's; 0: none */
	uint8_t		qos;
	bool		no_local;
	bool		as_published;
	bool		shared;
	bool		pattern;
	bool		sys;			/* of $SYS */
	bool		callee;			/* id is a registration; 0 while the client is away */
	FoxSlice	filter;
	char		block[];
} MqttSub;

/* A message of QoS 1 or 2 on its way to the client. */
typedef enum MqttOutState
{
	OUT_WAITING,
	OUT_SENT,					/* PUBLISH */
	OUT_RELEASED				/* PUBREC has come, PUBREL is sent */
} MqttOutState;

typedef struct MqttOut
{
	FoxNode		node;			/* session->waiting or session->sent */
	FoxBytes   *kept;			/* FOX_FORM_MQTT_KEPT */
	uint64_t	number;			/* the order of the session's messages */
	uint64_t	place;			/* QoS 2: until that is written it is not sent, or its identifier could be another's after a restart */
	uint64_t	expires_us;		/* 0: never */
	uint16_t	id;				/* follows from the number, so that it is the same after a restart */
	uint8_t		qos;
	bool		retain;
	bool		again;			/* an earlier run of the router may have sent it */
	MqttOutState state;
	uint32_t	own_len;
	char		own[];			/* its subscription identifiers, encoded */
} MqttOut;

struct MqttSession
{
	FoxMqttBroker *broker;
	FoxNode		in_broker;
	FoxNode		in_unwritten;
	FoxSession *core;
	MqttPeer   *peer;			/* NULL: the client is away */
	FoxSlice	key;			/* in broker->sessions */
	FoxSlice	client_id;		/* of the key */
	uint64_t	row;			/* its name in rows */
	bool		stored;			/* there are some */
	bool		durable;		/* its subscriptions and messages are among them */
	bool		ending;			/* not in broker->sessions any more; waits for its writes */
	bool		answered;		/* the publish in hand has been */
	bool		sent_unknown;	/* restored: an earlier run of the router may have sent more than sent_number */
	bool		later_retain;	/* these two are of later */
	uint8_t		later_qos;
	uint64_t	away_us;		/* restored: how long its client has been away */
	uint32_t	generation;		/* counts peers, for answers that come late */
	uint32_t	expiry;			/* seconds that it outlives its peer; UINT32_MAX: for ever */
	FoxTimer	expiry_timer;
	FoxTimer	will_timer;
	MqttWill   *will;			/* owned; NULL: none */
	FoxMap		subs;			/* MqttSub by filter */
	FoxIdMap	subs_by_id;
	uint32_t	sys_subs;		/* how many are of $SYS */
	uint32_t	shared_subs;	/* are shared */
	uint32_t	patterns;		/* are patterns */
	MqttSub    *only;			/* if there is just one */
	FoxNode		calls;			/* of the client's (mqtt_call.c) */
	uint64_t	last_call;
	FoxIdMap	invocations;	/* that it has not answered */
	FoxNode		asks;			/* SUBSCRIBEs that the core has not answered whole (mqtt_subscribe.c) */
	uint64_t	last_request;	/* for a subscription */
	FoxIdMap	received;		/* by packet id: QoS 2, from PUBLISH to PUBREL; see mqtt_publish.c */
	uint32_t	unanswered;		/* messages of the peer's that take from its receive maximum */
	uint32_t	unsettled;		/* publishes that the core has not answered */
	FoxNode		dues;			/* answers that wait for earlier ones (mqtt_publish.c) */
	uint32_t	due_count;
	FoxNode		waiting;
	FoxNode		sent;
	FoxIdMap	outs_by_id;		/* of both */
	uint32_t	waiting_count;
	uint32_t	sent_count;
	size_t		out_bytes;		/* of both */
	uint64_t   *dropped;		/* counts messages that find the queue full, for a bridge; NULL: nobody counts */
	uint64_t	last_number;
	uint64_t	sent_number;	/* of the last one that was sent */
	FoxNode		promises;		/* of mqtt_store.c */
	FoxLater	later;			/* an event that several subscriptions may bring */
	FoxBuf		later_own;		/* their identifiers, encoded */
	char		block[];
};

extern const FoxSessionOps mqtt_ops;

/* --- mqtt_bridge.c --- */

/* A client identifier that is no client's. */
extern bool mqtt_is_bridge(FoxSlice client_id);
/* The configuration may be another. */
extern void mqtt_bridges_configure(FoxMqttBroker *b);
extern void mqtt_bridges_free(FoxMqttBroker *b);

/* --- mqtt_gate.c --- */

/* Gives the packet a reason string, if the peer knows such; an absent or empty text is none. */
extern void mqtt_say_why(const MqttPeer *p, FoxMqttPacket *packet, FoxSlice text);
/* Sends a packet; without its reason string if the peer does not want or can not take that. */
extern void mqtt_send(MqttPeer *p, const FoxMqttPacket *packet);
/* Sends bytes that are a packet, and releases them; NULL is no memory.  Closes if it is larger than the peer takes. */
extern void mqtt_send_bytes(MqttPeer *p, FoxBytes *bytes);
/* The same, encoded for the peer; NULL: no memory. */
extern FoxBytes *mqtt_encode(MqttPeer *p, const FoxMqttPacket *packet);
/* From now on the keep alive is looked at. */
extern void mqtt_watch(MqttPeer *p);
/* Says why, to who understands it, and closes; the session is left as lost. */
extern void mqtt_cut(MqttPeer *p, FoxMqttReason reason, const char *text);

/* Sends the peer to another server, as it understands it, and closes. */
extern void mqtt_redirect(MqttPeer *p);
/* Closes without a word, from within the core: the session is left when the transport has gone. */
extern void mqtt_drop(MqttPeer *p, const char *text);

/* Takes a packet of a peer that has joined. */
extern void mqtt_packet(MqttPeer *p, FoxSlice bytes);

/* --- mqtt_login.c --- */

/* A peer has to log in within the time for that; false: no memory. */
extern bool mqtt_login_begin(MqttPeer *p);
/* Of a peer that goes. */
extern void mqtt_login_end(MqttPeer *p);
/* A CONNECT, whose bytes are those, is to say who that is; then it joins or is refused. */
extern void mqtt_login(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes);

/* An AUTH that was waited for. */
extern void mqtt_authenticate(MqttPeer *p, FoxSlice bytes);

/* A log-in of the peer's, which is not its own yet; NULL: no memory. */
extern FoxLogin *mqtt_login_new(MqttPeer *p, const FoxLoginOps *ops);
/* name@realm: the realm, or the default one; *name becomes what is before it. */
extern FoxSlice mqtt_realm_of(const FoxMqttBroker *b, FoxSlice *name);
/* Begins the log-in of the peer; scram may be NULL.  False: no memory. */
extern bool mqtt_hello(MqttPeer *p, FoxSlice realm, FoxSlice name, const char *methods, FoxSlice client_id,
					   const FoxScramFirst *scram);
/* What the client says first, and the name in it; false: malformed. */
extern bool mqtt_scram_first(const FoxMqttPacket *packet, FoxScramFirst *first, FoxBuf *name);
/* What the client says last, for the log-in; false: malformed. */
extern bool mqtt_scram_final(MqttPeer *p, const FoxMqttPacket *packet);
/* What the server says last, of a log-in that was accepted; false: no memory. */
extern bool mqtt_server_final(FoxSlice authextra, FoxBuf *out);
extern void mqtt_send_auth(MqttPeer *p, FoxMqttReason reason, FoxSlice data);

/* --- mqtt_reauth.c --- */

/* An AUTH of a peer that has joined. */
extern void mqtt_reauthenticate(MqttPeer *p, const FoxMqttPacket *packet);

/* --- mqtt_connect.c --- */

extern void mqtt_connect(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes);
/* A session expiry that is asked for, as far as the configuration allows it. */
extern uint32_t mqtt_expiry_within(const FoxMqttBroker *b, uint32_t asked);
/* It is known who that is. */
extern void mqtt_join(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice realm, const FoxSessionInfo *info);
/* CONNACK that says why not, and closes. */
extern void mqtt_refuse(MqttPeer *p, FoxMqttReason reason, const char *text);

/* --- mqtt_session.c --- */

extern MqttSession *mqtt_session_find(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id);
/* NULL: *reason is a WAMP URI. */
extern MqttSession *mqtt_session_new(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id, const FoxSessionInfo *info,
									 const char **reason);
extern FoxSlice mqtt_session_realm(const MqttSession *s);
/* A peer takes the session up, or (re)joins it. */
extern void mqtt_session_attach(MqttSession *s, MqttPeer *p);
/* The peer goes; the session stays as long as it is to, and its will is dealt with. */
extern void mqtt_session_detach(MqttSession *s, bool lost);
extern void mqtt_session_end(MqttSession *s);
/* The client is away, since before the router started: its time runs. */
extern void mqtt_session_away(MqttSession *s);
/* A publish has been answered. */
extern void mqtt_session_settled(MqttSession *s);
/* The core has ended it. */
extern void mqtt_session_gone(MqttSession *s);

/* --- mqtt_alias.c --- */

/* From now on the client's alias, up to MQTT_ALIASES, stands for the topic; false: no memory. */
extern bool mqtt_alias_hear(MqttPeer *p, uint32_t alias, FoxSlice topic);
/* In WAMP's notation; absent: it stands for nothing. */
extern FoxSlice mqtt_alias_heard(const MqttPeer *p, uint32_t alias);
/* The alias that the client is sent for the topic; it does not know it yet if *defines; 0: it has none, and gets none. */
extern uint32_t mqtt_alias_for(MqttPeer *p, FoxSlice topic, bool *defines);
extern void mqtt_aliases_free(MqttPeer *p);

/* --- mqtt_will.c --- */

/* Before it joins: false: it may not publish to that topic, and the client has been refused. */
extern bool mqtt_will_permitted(MqttPeer *p, FoxSlice realm, const FoxSessionInfo *info, const FoxMqttWill *will);
extern bool mqtt_will_keep(MqttSession *s, const FoxMqttWill *will, FoxSlice topic);
/* The same with properties that are encoded already. */
extern bool mqtt_will_set(MqttSession *s, const FoxMqttWill *will, FoxSlice topic, FoxSlice props, uint32_t delay);
extern void mqtt_will_publish(MqttSession *s);
/* The same of a session that is about to be gone. */
extern void mqtt_will_publish_apart(MqttSession *s);
extern void mqtt_will_forget(MqttSession *s);
/* Appends a set in its encoded form without its length, with its user properties and more of those (may be NULL). */
extern void mqtt_put_props(const FoxMqttProps *props, const FoxBuf *more_users, FoxBuf *out);

/* --- mqtt_store.c --- */

/* The row of the session as it is now, if it is to have one; false: too much waits. */
extern bool mqtt_store_session(MqttSession *s);
extern void mqtt_store_end(MqttSession *s);
extern void mqtt_store_sub(const MqttSession *s, const MqttSub *sub);
extern void mqtt_store_unsub(const MqttSession *s, const MqttSub *sub);
/* Of a durable session; its place, 0: too much waits. */
extern uint64_t mqtt_store_message(const MqttSession *s, const MqttOut *o, const FoxMqttDelivery *d);
/* What has become of a message, either way. */
extern void mqtt_store_progress(const MqttSession *s, FoxMqttRowKind kind, uint64_t number);
/* Sends a packet once all that has been stored is written. */
extern void mqtt_send_written(MqttPeer *p, const FoxMqttPacket *packet);
extern void mqtt_promises_free(MqttSession *s);

/* --- mqtt_publish.c: from the client --- */

extern void mqtt_publish(MqttPeer *p, const FoxMqttPacket *packet);
extern void mqtt_pubrel(MqttPeer *p, const FoxMqttPacket *packet);
/* Options of a publish, until the next ones. */
extern FoxSlice mqtt_publish_options(uint8_t qos, bool retain, FoxSlice props);
/* Publishes for the session; request as the core's. */
extern void mqtt_publish_as(MqttSession *s, uint64_t request, uint8_t qos, bool retain, FoxSlice topic, FoxSlice payload,
							FoxSlice props);
extern void mqtt_published(FoxSession *core, uint64_t request, FoxMqttReason reason, FoxSlice text);
/* Has the topic or the filter more levels than are taken here?  Separated as in packets ('/') or as in WAMP ('.'). */
extern bool mqtt_too_deep(const FoxMqttBroker *b, FoxSlice topic, char separator);
/* What a client may not publish to; SUCCESS: it may. */
extern FoxMqttReason mqtt_topic_refusal(FoxSlice topic);
/* A new peer's receive maximum is whole, whatever an earlier one has left open. */
extern void mqtt_received_carry(MqttSession *s);
/* The peer waits for no answer any more. */
extern void mqtt_dues_free(MqttSession *s);
extern void mqtt_received_restore(MqttSession *s, const FoxMqttRow *row);
/* Ops of the session. */
extern FoxReceivedName mqtt_received_as(FoxSession *core, uint64_t request);
extern void mqtt_distributed(FoxSession *core, uint64_t request);

/* --- mqtt_subscribe.c --- */

extern void mqtt_subscribe(MqttPeer *p, const FoxMqttPacket *packet);
extern void mqtt_unsubscribe(MqttPeer *p, const FoxMqttPacket *packet);
/* What the configuration has for the client, unless it has that already. */
extern void mqtt_subscribe_unasked(MqttSession *s);
/* The same by the gate itself, for a session that need not have a peer; and the other way. */
extern void mqtt_subscribe_as(MqttSession *s, const FoxMqttFilter *f);
extern void mqtt_unsubscribe_as(MqttSession *s, MqttSub *sub);
/* The core has answered: with a subscription, or not. */
extern void mqtt_subscribed(MqttSession *s, uint64_t request, uint64_t id);
extern void mqtt_not_subscribed(MqttSession *s, uint64_t request, FoxMqttReason reason, FoxSlice why);
extern void mqtt_asks_free(MqttSession *s);
extern MqttSub *mqtt_sub_by_id(const MqttSession *s, uint64_t id);
extern void mqtt_sub_free(MqttSession *s, MqttSub *sub);
extern void mqtt_subs_free(MqttSession *s);
extern void mqtt_sub_restore(MqttSession *s, const FoxMqttRow *row);

/* Registers the client, which is back, for what it is called for; and the other way. */
extern void mqtt_subs_back(MqttSession *s);
extern void mqtt_subs_away(MqttSession *s);

/* --- mqtt_call.c --- */

/* What a filter registers; absent: it is a subscription. */
extern FoxSlice mqtt_procedure(FoxSlice filter);
/* A message that is a call or a reply, and what becomes of it; false: it is neither. */
extern bool mqtt_publish_call(MqttSession *s, uint8_t qos, FoxSlice topic, FoxSlice payload, FoxSlice props, FoxMqttReason *reason);
extern void mqtt_result(FoxSession *core, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt);
extern void mqtt_call_failed(MqttSession *s, uint64_t request, const FoxFailure *why);
extern void mqtt_invoke(FoxSession *core, const FoxInvocation *inv);
/* What was asked of the client is not answered any more. */
extern void mqtt_callee_away(MqttSession *s);
extern void mqtt_calls_free(MqttSession *s);

/* --- mqtt_sys.c --- */

extern bool mqtt_is_sys(FoxSlice filter);
/* The values of the moment, for a new subscription. */
extern void mqtt_sys_subscribed(MqttSession *s, const MqttSub *sub);
/* The interval begins, if there is one. */
extern void mqtt_sys_start(FoxMqttBroker *b);

/* --- mqtt_out.c: to the client --- */

extern void mqtt_event(FoxSession *core, const FoxSubscription *sub, FoxEvent *e);
extern void mqtt_event_once(FoxLater *later, FoxEvent *e);
/* The event as MQTT says it, until the next is said; false: no memory, or its payload can not be said. */
extern bool mqtt_say(const FoxEvent *e, FoxMqttDelivery *d);
/* What was built; when memory is out slow readers give up what waits for them.  NULL: there is none all the same. */
extern FoxBytes *mqtt_bytes_of(const MqttPeer *p, const FoxBuf *b);
/*
 * Puts an alias for the topic before own, and takes the topic away if the client knows the alias: the first topics
 * of a connection get one.  *defines: the client has to hear this message, for later ones.
 */
extern FoxSlice mqtt_with_alias(MqttPeer *p, FoxSlice *topic, FoxSlice own, bool *defines);

/* --- mqtt_queue.c: the same with QoS 1 and 2 --- */

extern void mqtt_queue_event(MqttSession *s, FoxEvent *e, uint8_t qos, bool retain, FoxSlice own);
/* How long a message with these properties lives, from when it came, in microseconds; 0: without end. */
extern uint64_t mqtt_lifetime(FoxSlice props);
/* Whether that time is over; 0: it has no end. */
extern bool mqtt_expired(uint64_t expires_us, uint64_t now);
/* Properties with the time that is left until then, valid until the next ones. */
extern FoxSlice mqtt_age(FoxSlice props, uint64_t expires_us, uint64_t now);
/* A message for the client alone, by that subscription; it is not stored. */
extern void mqtt_send_message(MqttSession *s, const MqttSub *sub, FoxSlice topic, FoxSlice props, FoxSlice payload, bool retain);
/* More has been written: messages that waited for that are sent. */
extern void mqtt_queues_written(FoxMqttBroker *b);
/* An acknowledgement of the client's. */
extern void mqtt_acknowledged(MqttPeer *p, const FoxMqttPacket *packet);
/* A new peer is sent what an earlier one has not acknowledged, then what waits. */
extern void mqtt_resume(MqttSession *s);
extern void mqtt_out_free(MqttSession *s);
extern void mqtt_out_restore(MqttSession *s, const FoxMqttRow *row);

#endif
