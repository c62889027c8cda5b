/*
 * mqtt_bridge.h - bridges to other MQTT brokers: rows of fox_wamp.mqtt_bridge and mqtt_bridge_topic, and how they are doing.
 *
 * The core keeps the rows; who carries them out (gate/mqtt_bridge.h) is told of each change, and keeps the state up to date.
 */
#ifndef FOX_CORE_MQTT_BRIDGE_H
#define FOX_CORE_MQTT_BRIDGE_H

#include "base/dlist.h"
#include "codec/mqtt_mapping.h"
#include "core/router.h"

typedef struct FoxMqttBridgeTopic
{
	FoxNode		in_bridge;
	FoxMqttMapping mapping;		/* owned, in block */
	bool		in;
	bool		out;
	uint8_t		qos;
	FoxSlice	key;			/* of its row; in block */
	char		block[];
} FoxMqttBridgeTopic;

/* How a bridge is doing. */
typedef enum FoxMqttBridgePhase
{
	FOX_BRIDGE_DISABLED,
	FOX_BRIDGE_WAITING,			/* for the time of the next attempt */
	FOX_BRIDGE_CONNECTING,
	FOX_BRIDGE_CONNECTED
} FoxMqttBridgePhase;

typedef struct FoxMqttBridgeState
{
	FoxMqttBridgePhase phase;
	uint64_t	since_us;		/* of that */
	const char *protocol;		/* while it is connected: "5", "3.1.1" */
	uint64_t	in;				/* messages from the remote */
	uint64_t	out;
	uint64_t	dropped;		/* that found our queue full, or the other side could not take or was not to have */
	bool		told;			/* the log knows of the error, and nothing was well since */
	char		error[256];		/* the last one; "": there was none */
	uint64_t	error_us;
} FoxMqttBridgeState;

typedef struct FoxMqttBridge
{
	FoxNode		in_router;
	FoxNode		topics;			/* the most specific first */
	FoxMqttBridgeState state;
	void	   *runner;			/* of who carries it out */
	FoxSlice	name;			/* owned */
	char	   *row;			/* what the next ones are slices into; NULL: only topics are known yet */
	FoxSlice	realm;
	FoxSlice	url;
	FoxSlice	username;		/* absent: none */
	FoxSlice	password;		/* absent: none */
	FoxSlice	client_id;		/* for the remote */
	FoxSlice	notification_topic; /* absent: none */
	FoxSlice	ca;				/* these are PEM, or absent */
	FoxSlice	certificate;
	FoxSlice	private_key;
	uint32_t	keep_alive;		/* seconds */
	bool		version_5;		/* is tried first */
	bool		clean_start;
	bool		enabled;
} FoxMqttBridge;

/* Who carries bridges out, and is told of each change of their rows. */
typedef struct FoxMqttBridgeWatch
{
	void	   *ctx;
	/* It is about to change, or to go. */
	void		(*ends) (void *ctx, FoxMqttBridge *bridge, bool gone);
	/* It has changed.  Without a row it is not to be known any more. */
	void		(*begins) (void *ctx, FoxMqttBridge *bridge);
} FoxMqttBridgeWatch;

/* The watch is copied. */
extern void fox_mqtt_bridges_watch(FoxRouter *r, const FoxMqttBridgeWatch *watch);
/* Calls fn for each that has a row. */
extern void fox_mqtt_bridges_each(FoxRouter *r, void (*fn) (void *ctx, FoxMqttBridge *bridge), void *ctx);
/* The one of that name that has a row, or NULL. */
extern FoxMqttBridge *fox_mqtt_bridge_find(FoxRouter *r, FoxSlice name);

/* How it is doing from now on, and why (NULL: all is well): what is new of that is logged. */
extern void fox_mqtt_bridge_is(FoxRouter *r, FoxMqttBridge *bridge, FoxMqttBridgePhase phase, const char *why);

/* --- for the core --- */

/* A row of either table has come, has changed or has gone. */
extern void fox_mqtt_bridge_change(FoxRouter *r, const FoxChange *c);
extern void fox_mqtt_bridge_topic_change(FoxRouter *r, const FoxChange *c);
extern void fox_mqtt_bridges_answer(FoxRouter *r, uint64_t ask);
extern void fox_mqtt_bridges_free(FoxRouter *r);

#endif
