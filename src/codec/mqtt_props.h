/*
 * mqtt_props.h - the properties of MQTT 5.0 packets.
 */
#ifndef FOX_CODEC_MQTT_PROPS_H
#define FOX_CODEC_MQTT_PROPS_H

#include "codec/mqtt_reason.h"
#include "codec/mqtt_wire.h"

typedef enum FoxMqttProp
{
	FOX_PROP_PAYLOAD_FORMAT = 1,
	FOX_PROP_MESSAGE_EXPIRY = 2,
	FOX_PROP_CONTENT_TYPE = 3,
	FOX_PROP_RESPONSE_TOPIC = 8,
	FOX_PROP_CORRELATION = 9,
	FOX_PROP_SUBSCRIPTION_ID = 11,
	FOX_PROP_SESSION_EXPIRY = 17,
	FOX_PROP_ASSIGNED_ID = 18,
	FOX_PROP_SERVER_KEEP_ALIVE = 19,
	FOX_PROP_AUTH_METHOD = 21,
	FOX_PROP_AUTH_DATA = 22,
	FOX_PROP_REQUEST_PROBLEM = 23,
	FOX_PROP_WILL_DELAY = 24,
	FOX_PROP_REQUEST_RESPONSE = 25,
	FOX_PROP_RESPONSE_INFO = 26,
	FOX_PROP_SERVER_REFERENCE = 28,
	FOX_PROP_REASON_STRING = 31,
	FOX_PROP_RECEIVE_MAXIMUM = 33,
	FOX_PROP_ALIAS_MAXIMUM = 34,
	FOX_PROP_ALIAS = 35,
	FOX_PROP_MAXIMUM_QOS = 36,
	FOX_PROP_RETAIN_AVAILABLE = 37,
	FOX_PROP_USER = 38,
	FOX_PROP_MAXIMUM_PACKET = 39,
	FOX_PROP_WILDCARD_AVAILABLE = 40,
	FOX_PROP_SUBSCRIPTION_ID_AVAILABLE = 41,
	FOX_PROP_SHARED_AVAILABLE = 42
} FoxMqttProp;

#define FOX_PROP_COUNT 43

/* Where properties stand: the packet's type, or 0 for those of a will. */
#define FOX_PROPS_OF_WILL 0

/*
 * What is in a set says `present`, a bit by identifier.  User properties, and subscription
 * identifiers, of which there may be several, are only in `raw`.
 */
typedef struct FoxMqttProps
{
	uint64_t	present;
	FoxSlice	raw;			/* all of them as they came, without their length; absent: none */
	uint32_t	alias_at;		/* of raw: where the topic alias stands, and where the message expiry */
	uint32_t	expiry_at;
	uint32_t	message_expiry;
	uint32_t	subscription_id;	/* the last one */
	uint32_t	session_expiry;
	uint32_t	will_delay;
	uint32_t	maximum_packet;
	uint32_t	payload_format;
	uint32_t	server_keep_alive;
	uint32_t	request_problem;
	uint32_t	request_response;
	uint32_t	receive_maximum;
	uint32_t	alias_maximum;
	uint32_t	alias;
	uint32_t	maximum_qos;
	uint32_t	retain_available;
	uint32_t	wildcard_available;
	uint32_t	subscription_id_available;
	uint32_t	shared_available;
	FoxSlice	content_type;
	FoxSlice	response_topic;
	FoxSlice	correlation;
	FoxSlice	assigned_id;
	FoxSlice	auth_method;
	FoxSlice	auth_data;
	FoxSlice	response_info;
	FoxSlice	server_reference;
	FoxSlice	reason_string;
	FoxSlice	user;			/* to be written: user properties in their encoded form; absent: none */
} FoxMqttProps;

static inline bool
fox_mqtt_has(const FoxMqttProps *p, FoxMqttProp id)
{
	return (p->present >> id & 1) != 0;
}

static inline void
fox_mqtt_set(FoxMqttProps *p, FoxMqttProp id)
{
	p->present |= (uint64_t) 1 << id;
}

/* Reads the length and the properties; where is a packet's type or FOX_PROPS_OF_WILL. */
extern FoxMqttReason fox_mqtt_props_read(FoxMqttReader *r, int where, FoxMqttProps *p);
/* Appends the length and the properties that are present, user properties behind them. */
extern void fox_mqtt_props_write(const FoxMqttProps *p, FoxBuf *out);
/* The next user property of encoded properties: start with *rest; false at the end. */
extern bool fox_mqtt_user_next(FoxMqttReader *rest, FoxSlice *name, FoxSlice *value);
extern void fox_mqtt_user_put(FoxBuf *out, FoxSlice name, FoxSlice value);

#endif
