/*
 * mqtt_gate.h - MQTT 3.1, 3.1.1 and 5.0 on a transport: packets in, packets out.
 */
#ifndef FOX_GATE_MQTT_GATE_H
#define FOX_GATE_MQTT_GATE_H

#include "core/router.h"
#include "gate/gate.h"

typedef struct FoxMqttBroker FoxMqttBroker;

#define FOX_MQTT_ALLOW_SIZE 2048

typedef struct FoxMqttConfig
{
	char		default_realm[256];	/* of clients whose user name has no @realm */
	size_t		max_packet;		/* bytes of a client's packet */
	uint32_t	max_levels;		/* of a topic or a filter; 0: any number */
	uint32_t	max_inflight;	/* messages that one session has not acknowledged */
	uint32_t	max_queued;		/* messages that wait for one session */
	bool		queue_qos0;		/* for sessions that outlive their connection, QoS 0 waits as well */
	bool		drop_oldest;	/* when there are as many; else the new one is not kept */
	uint32_t	max_session_expiry;	/* seconds that a session outlives its connection */
	uint32_t	max_keep_alive;	/* seconds; 0: as the client likes */
	uint32_t	sys_interval;	/* seconds between values of $SYS; 0: there are none */
	char		redirect[256];	/* server that clients are to use; "": this one */
	char		bridge_allow[FOX_MQTT_ALLOW_SIZE];	/* brokers that bridges may connect to, as mqtt_url.h has it */
	bool		raw_strings;	/* a single string goes out as its text, not as JSON */
} FoxMqttConfig;

/* The sessions of all MQTT clients of a router; NULL: no memory. */
extern FoxMqttBroker *fox_mqtt_broker_new(FoxRouter *router, const FoxMqttConfig *config);
extern void fox_mqtt_broker_configure(FoxMqttBroker *b, const FoxMqttConfig *config);
/* After the router has been shut down, and all gates are closed. */
extern void fox_mqtt_broker_free(FoxMqttBroker *b);

/* What was given to the port `mqtt` has been written. */
extern void fox_mqtt_broker_written(FoxMqttBroker *b);
/* A row that an earlier run has left: sessions before what belongs to them, messages in their order. */
extern void fox_mqtt_broker_restore(FoxMqttBroker *b, const FoxMqttRow *row);
/* That was all. */
extern void fox_mqtt_broker_restored(FoxMqttBroker *b);

/* Its messages are whole packets, or the beginning of one that is too long or malformed.  NULL: no memory. */
extern void *fox_mqtt_gate_open(FoxMqttBroker *b, const FoxTransport *transport, const FoxPeer *peer);

#endif
