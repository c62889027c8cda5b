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
#include "gate/mqtt_gate.h"

#define MQTT_ALIASES 32			/* that a client may set */
#define MQTT_SECOND 1000000u	/* microseconds */

typedef struct MqttSession MqttSession;

struct FoxMqttBroker
{
	FoxRouter  *router;
	FoxMqttConfig config;
	FoxMap		sessions;		/* by realm, a zero byte, client identifier */
	FoxNode		all;			/* the same, and those that are ending */
};

/*
 *      NEW ──CONNECT──► LOGGING_IN ──► JOINED ──DISCONNECT, violation, takeover──► DEAD
 *       └────────────────┴── violation, refusal, no CONNECT in time ────────────────┘
 */
typedef enum MqttState
{
	MQTT_NEW,
	MQTT_LOGGING_IN,
	MQTT_JOINED,
	MQTT_DEAD					/* nothing more is processed */
} MqttState;

typedef struct MqttPeer
{
	FoxGate		gate;
	MqttState	state;
	uint8_t		version;		/* of MQTT; 0 until CONNECT */
	bool		local;			/* may join without logging in */
	bool		confidential;	/* may say a password */
	char	   *certificate;	/* owned; NULL: none */
	bool		quiet;			/* it wants no reason strings */
	FoxMqttBroker *broker;
	FoxLogin   *login;			/* until JOINED */
	FoxBuf		connect;		/* CONNECT, while LOGGING_IN, and what has come behind it */
	FoxBuf		early;
	MqttSession *session;		/* while JOINED */
	FoxTransport transport;
	FoxTimer	timer;			/* for the keep alive */
	uint64_t	heard_us;
	uint32_t	keep_alive;		/* seconds; 0: none */
	uint32_t	max_packet;		/* that it takes */
	uint32_t	receive_maximum;	/* messages of QoS 1 and 2 that it takes without having acknowledged them */
	uint32_t	alias_maximum;	/* that we may set */
	FoxMap		aliases;		/* that we have set: by topic, keys are owned */
	char	   *heard_aliases[MQTT_ALIASES + 1];	/* topics in WAMP's notation */
	const char *transport_name;
	char		address[64];
} MqttPeer;

typedef struct MqttWill
{
	bool		armed;
	uint8_t		qos;
	bool		retain;
	uint32_t	delay;			/* seconds */
	FoxSlice	topic;			/* these three are owned, in one block; WAMP's notation */
	FoxSlice	payload;
	FoxSlice	props;
	char	   *block;
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
	uint64_t	expires_us;		/* 0: never */
	uint16_t	id;				/* once it is sent */
	uint8_t		qos;
	bool		retain;
	MqttOutState state;
	uint32_t	own_len;
	char		own[];			/* its subscription identifiers, encoded */
} MqttOut;

struct MqttSession
{
	FoxMqttBroker *broker;
	FoxNode		in_broker;
	FoxSession *core;
	MqttPeer   *peer;			/* NULL: the client is away */
	FoxSlice	key;			/* in broker->sessions */
	FoxSlice	client_id;		/* of the key */
	bool		ending;			/* not in broker->sessions any more; waits for its writes */
	uint32_t	generation;		/* counts peers, for answers that come late */
	uint32_t	expiry;			/* seconds that it outlives its peer; UINT32_MAX: for ever */
	FoxTimer	expiry_timer;
	FoxTimer	will_timer;
	MqttWill	will;
	FoxMap		subs;			/* MqttSub by filter */
	FoxIdMap	subs_by_id;
	MqttSub    *only;			/* if there is just one */
	uint32_t	patterns;		/* how many of them */
	FoxNode		asks;			/* SUBSCRIBEs that the core has not answered whole (mqtt_subscribe.c) */
	uint64_t	last_request;	/* for a subscription */
	FoxIdMap	received;		/* by packet id: QoS 2, from PUBLISH to PUBREL */
	uint32_t	unanswered;		/* messages of the peer's that take from its receive maximum */
	uint32_t	unsettled;		/* publishes that the core has not answered */
	FoxNode		waiting;
	FoxNode		sent;
	FoxIdMap	sent_by_id;
	uint32_t	waiting_count;
	uint32_t	sent_count;
	uint16_t	last_id;
	FoxLater	later;			/* an event that several subscriptions may bring */
	uint8_t		later_qos;
	bool		later_retain;
	FoxBuf		later_own;		/* their identifiers, encoded */
	char		block[];
};

extern const FoxSessionOps mqtt_ops;

/* --- mqtt_gate.c --- */

/* Sends a packet; without its reason string if the peer does not want or can not take that. */
extern void mqtt_send(MqttPeer *p, const FoxMqttPacket *packet);
/* Sends bytes that are a packet, and releases them; NULL is no memory. */
extern void mqtt_send_bytes(MqttPeer *p, FoxBytes *bytes);
/* From now on the keep alive is looked at. */
extern void mqtt_watch(MqttPeer *p);
/* Says why, to who understands it, and closes; the session is left as lost. */
extern void mqtt_cut(MqttPeer *p, FoxMqttReason reason, const char *text);

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

/* --- mqtt_connect.c --- */

extern void mqtt_connect(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes);
/* It is known who that is. */
extern void mqtt_join(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice realm, const FoxSessionInfo *info);
/* CONNACK that says why not, and closes. */
extern void mqtt_refuse(MqttPeer *p, FoxMqttReason reason, const char *text);

/* --- mqtt_session.c --- */

extern MqttSession *mqtt_session_find(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id);
/* NULL: *reason is a WAMP URI. */
extern MqttSession *mqtt_session_new(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id, const FoxSessionInfo *info,
									 const char **reason);
/* A peer takes the session up, or (re)joins it. */
extern void mqtt_session_attach(MqttSession *s, MqttPeer *p);
/* The peer goes; the session stays as long as it is to, and its will is dealt with. */
extern void mqtt_session_detach(MqttSession *s, bool lost);
extern void mqtt_session_end(MqttSession *s);
/* A publish has been answered. */
extern void mqtt_session_settled(MqttSession *s);
/* The core has ended it. */
extern void mqtt_session_gone(MqttSession *s);
extern bool mqtt_will_keep(MqttSession *s, const FoxMqttWill *will, FoxSlice topic);
extern void mqtt_will_forget(MqttSession *s);

/* --- mqtt_publish.c: from the client --- */

extern void mqtt_publish(MqttPeer *p, const FoxMqttPacket *packet);
extern void mqtt_pubrel(MqttPeer *p, const FoxMqttPacket *packet);
/* Publishes for the session; request as the core's. */
extern void mqtt_publish_as(MqttSession *s, uint64_t request, uint8_t qos, bool retain, FoxSlice topic, FoxSlice payload,
							FoxSlice props);
extern void mqtt_published(FoxSession *core, uint64_t request, FoxMqttReason reason, FoxSlice text);
/* What a client may not publish to; SUCCESS: it may. */
extern FoxMqttReason mqtt_topic_refusal(FoxSlice topic);

/* --- mqtt_subscribe.c --- */

extern void mqtt_subscribe(MqttPeer *p, const FoxMqttPacket *packet);
extern void mqtt_unsubscribe(MqttPeer *p, const FoxMqttPacket *packet);
/* The core has answered: with a subscription, or not. */
extern void mqtt_subscribed(MqttSession *s, uint64_t request, uint64_t id);
extern void mqtt_not_subscribed(MqttSession *s, uint64_t request, FoxMqttReason why);
extern void mqtt_asks_free(MqttSession *s);
extern MqttSub *mqtt_sub_by_id(const MqttSession *s, uint64_t id);
extern void mqtt_sub_free(MqttSession *s, MqttSub *sub);
extern void mqtt_subs_free(MqttSession *s);

/* --- mqtt_out.c: to the client --- */

extern void mqtt_event(FoxSession *core, const FoxSubscription *sub, FoxEvent *e);
extern void mqtt_event_once(FoxLater *later, FoxEvent *e);
/* An acknowledgement of the client's. */
extern void mqtt_acknowledged(MqttPeer *p, const FoxMqttPacket *packet);
/* A new peer is sent what an earlier one has not acknowledged, then what waits. */
extern void mqtt_resume(MqttSession *s);
extern void mqtt_out_free(MqttSession *s);

#endif
