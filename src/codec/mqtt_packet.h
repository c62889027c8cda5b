/*
 * mqtt_packet.h - the packets of MQTT 3.1, 3.1.1 and 5.0, from bytes and to bytes.
 *
 * Decoding checks all that one packet says by itself and tells malformed forms apart by
 * their reason code; what depends on the connection's past is the gate's affair.  All
 * slices are borrowed: from the bytes when decoded, from the caller when encoded.
 */
#ifndef FOX_CODEC_MQTT_PACKET_H
#define FOX_CODEC_MQTT_PACKET_H

#include "codec/mqtt_props.h"

typedef enum FoxMqttType
{
	FOX_MQTT_CONNECT = 1,
	FOX_MQTT_CONNACK,
	FOX_MQTT_PUBLISH,
	FOX_MQTT_PUBACK,
	FOX_MQTT_PUBREC,
	FOX_MQTT_PUBREL,
	FOX_MQTT_PUBCOMP,
	FOX_MQTT_SUBSCRIBE,
	FOX_MQTT_SUBACK,
	FOX_MQTT_UNSUBSCRIBE,
	FOX_MQTT_UNSUBACK,
	FOX_MQTT_PINGREQ,
	FOX_MQTT_PINGRESP,
	FOX_MQTT_DISCONNECT,
	FOX_MQTT_AUTH
} FoxMqttType;

/* The protocol levels of CONNECT. */
#define FOX_MQTT_31 3
#define FOX_MQTT_311 4
#define FOX_MQTT_50 5
/* Beside the older ones, as mosquitto has it: what the client has published does not come back to it, and retain flags stay. */
#define FOX_MQTT_BRIDGE 0x80

typedef struct FoxMqttWill
{
	uint8_t		qos;
	bool		retain;
	FoxSlice	topic;
	FoxSlice	payload;
	FoxMqttProps props;
} FoxMqttWill;

typedef struct FoxMqttPacket
{
	FoxMqttType type;
	bool		dup;			/* PUBLISH */
	bool		retain;
	uint8_t		qos;
	uint16_t	id;				/* of everything that is acknowledged, and of acknowledgements */
	uint8_t		reason;			/* CONNACK (its return code before 5.0), acknowledgements, DISCONNECT, AUTH */
	FoxMqttProps props;
	FoxSlice	topic;			/* PUBLISH */
	FoxSlice	payload;		/* PUBLISH; SUBSCRIBE and UNSUBSCRIBE: filters as fox_mqtt_filter_next() reads them;
								 * SUBACK and UNSUBACK: codes */
	uint8_t		version;		/* CONNECT, from here on */
	bool		bridge;			/* another broker, in 3.1 and 3.1.1: see FOX_MQTT_BRIDGE */
	bool		clean_start;
	uint16_t	keep_alive;
	FoxSlice	client_id;
	bool		has_will;
	FoxMqttWill will;
	FoxSlice	user_name;		/* absent: none */
	FoxSlice	password;		/* absent: none */
	bool		session_present;	/* CONNACK */
} FoxMqttPacket;

typedef struct FoxMqttFilter
{
	FoxSlice	filter;
	uint8_t		qos;
	bool		no_local;
	bool		retain_as_published;
	uint8_t		retain_handling;
} FoxMqttFilter;

/*
 * Takes one packet apart, of a connection of that version; a CONNECT has its own, which is 0 while
 * the packet is not known to be of a version that is spoken here.  Bytes that are fewer than the
 * packet's length says are too large a packet.  Anything but SUCCESS is what is wrong with it.
 */
extern FoxMqttReason fox_mqtt_decode(uint8_t version, FoxSlice bytes, FoxMqttPacket *p);
extern void fox_mqtt_encode(uint8_t version, const FoxMqttPacket *p, FoxBuf *out);

/* The next filter of a decoded SUBSCRIBE's or UNSUBSCRIBE's payload, of which it is taken off; false: that was all. */
extern bool fox_mqtt_filter_next(FoxMqttType type, FoxSlice *payload, FoxMqttFilter *filter);
/* Appends one. */
extern void fox_mqtt_filter_put(uint8_t version, FoxMqttType type, const FoxMqttFilter *filter, FoxBuf *payload);

/*
 * A PUBLISH to a subscriber.  props are those of the message in their encoded form, and own those that
 * stand before them: alias, subscription identifiers.
 */
typedef struct FoxMqttDelivery
{
	FoxSlice	topic;
	FoxSlice	payload;
	FoxSlice	props;
	FoxSlice	own_props;
	uint16_t	id;
	uint8_t		qos;
	bool		retain;
	bool		dup;
} FoxMqttDelivery;

extern void fox_mqtt_encode_delivery(uint8_t version, const FoxMqttDelivery *d, FoxBuf *out);

#endif
