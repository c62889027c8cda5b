/*
 * mqtt_bridge_private.h - a bridge, shared by the files that carry it out.
 */
#ifndef FOX_GATE_MQTT_BRIDGE_PRIVATE_H
#define FOX_GATE_MQTT_BRIDGE_PRIVATE_H

#include "codec/mqtt_stream.h"
#include "core/mqtt_bridge.h"
#include "gate/mqtt_bridge.h"
#include "gate/mqtt_private.h"

#define MQTT_BRIDGE_ID "$bridge/"

/*
 *            ┌───────────────────────── time ─────────────────────────┐
 *            ▼                                                        │
 *      DIALING ──open──► GREETING ──CONNACK──► RUNNING ──lost──► WAITING
 *            │               │                                        ▲
 *            └──failed───────┴──refused, nothing has come─────────────┘
 *
 * OFF: its row says so, or nobody dials.
 */
typedef enum MqttBridgePhase
{
	BRIDGE_OFF,
	BRIDGE_WAITING,
	BRIDGE_DIALING,
	BRIDGE_GREETING,			/* CONNECT has been sent */
	BRIDGE_RUNNING				/* the local session is attached */
} MqttBridgePhase;

/* How to say CONNECT: what a remote does not understand is followed by the next. */
typedef enum MqttBridgeTongue
{
	TONGUE_5,
	TONGUE_311_BRIDGE,			/* with the bit by which a broker knows a bridge: no message comes back, retain flags stay */
	TONGUE_311,
	TONGUES
} MqttBridgeTongue;

typedef struct MqttBridge
{
	FoxMqttBroker *broker;
	FoxNode		in_broker;
	FoxMqttBridge *row;			/* the core's */
	MqttBridgePhase phase;
	FoxTimer	timer;			/* for what the phase waits for */
	FoxTimer	soon;			/* what can not be done within a call of the core's */
	uint32_t	failures;		/* in a row */
	uint64_t	running_us;		/* since when */
	char		fault[200];		/* to be closed for, soon; "": none */
	char	   *realm;			/* of our session; owned */
	bool		begins_anew;	/* soon, by another connection */
	bool		gone;			/* its row: the remote is to keep nothing */
	/* the remote's side */
	void	   *link;
	MqttBridgeTongue tongue;
	uint8_t		version;		/* of what it speaks */
	FoxMqttStream stream;
	uint64_t	heard_us;
	uint64_t	pinged_us;		/* 0: it has answered */
	uint32_t	keep_alive;
	uint32_t	max_packet;		/* that it takes */
	uint32_t	receive_maximum;
	bool		takes_retained;
	uint8_t		max_qos;
	FoxNode		subscribed;		/* filters there that we know of */
	uint16_t	suback;			/* that is waited for; 0: none */
	/* our side */
	MqttPeer   *peer;			/* while RUNNING, and until its gate is closed */
	bool		peer_closed;	/* by its own side */
	bool		created;		/* our session is new, and no remote has been spliced to it yet: what one there knows is of another */
	bool		empties;		/* the next connection is there to end that one */
	bool		emptied;		/* that has been done */
	FoxBuf		owed;			/* acknowledgements to our session, soon (mqtt_bridge_local.c) */
} MqttBridge;

/* --- mqtt_bridge.c --- */

/* Closes both sides for that reason, soon, and tries again later. */
extern void mqtt_bridge_fail(MqttBridge *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same at once: not from within a call of the core's, the dialer's or a gate's. */
extern void mqtt_bridge_lost(MqttBridge *b, const char *why);
/* Connects again, soon. */
extern void mqtt_bridge_anew(MqttBridge *b);
/* There is something to do soon. */
extern void mqtt_bridge_soon(MqttBridge *b);
/* It is RUNNING, and pinged in time. */
extern void mqtt_bridge_watch(MqttBridge *b);

/* --- mqtt_bridge_remote.c: packets of the remote --- */

/* The connection is open: CONNECT. */
extern void mqtt_bridge_greet(MqttBridge *b);
extern void mqtt_bridge_received(MqttBridge *b, const char *bytes, size_t len);
/* Asks for a sign of life, or gives it up. */
extern void mqtt_bridge_ping(MqttBridge *b);
extern void mqtt_bridge_send(MqttBridge *b, const FoxMqttPacket *packet);
/* Says goodbye. */
extern void mqtt_bridge_goodbye(MqttBridge *b);
/* It may know of nothing any more. */
extern void mqtt_bridge_forget_subscribed(MqttBridge *b);

/* --- mqtt_bridge_local.c: our own session --- */

/* NULL: there is none. */
extern MqttSession *mqtt_bridge_find(const MqttBridge *b);
/* It has the subscriptions of the rows, and is made if it is one that is kept: messages wait in it from now on. */
extern void mqtt_bridge_session(MqttBridge *b);
/* It is taken up; remembered: the remote knows what was under way.  False: it can not be, and the bridge fails. */
extern bool mqtt_bridge_attach(MqttBridge *b, bool remembered);
/* The gate is closed; lost: with all that follows for the will. */
extern void mqtt_bridge_detach(MqttBridge *b, bool lost);
/* It ends, with all that is kept for it. */
extern void mqtt_bridge_session_end(FoxMqttBroker *broker, FoxSlice realm, FoxSlice name);
/* A packet of the remote's for our session. */
extern void mqtt_bridge_hand_in(MqttBridge *b, const FoxMqttPacket *packet);
/* Acknowledges what our session has sent and nobody is to have. */
extern void mqtt_bridge_pay(MqttBridge *b);
/* Ends sessions of bridges that are no more. */
extern void mqtt_bridge_sessions_sweep(FoxMqttBroker *broker);
/* Appends what a topic is called at the other side; false: it is not to go there. */
extern bool mqtt_bridge_topic(const MqttBridge *b, bool remote, FoxSlice topic, FoxBuf *other);

#endif
