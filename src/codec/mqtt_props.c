/*
 * mqtt_props.c - the properties of MQTT 5.0 packets, by a table (see mqtt_props.h).
 */
#include "codec/mqtt_props.h"

#include "codec/mqtt_packet.h"
#include "base/pure.h"

typedef enum PropType
{
	PROP_NONE,					/* no such property */
	PROP_BYTE,
	PROP_SHORT,
	PROP_LONG,
	PROP_VARINT,
	PROP_STRING,
	PROP_BINARY,
	PROP_PAIR
} PropType;

typedef struct PropKind
{
	PropType	type;
	uint32_t	where;			/* packets, a bit by type; bit 0: wills */
	size_t		offset;
	uint32_t	least;			/* the smallest and the largest number that it may be */
	uint32_t	most;
} PropKind;

#define IN(type) (1u << FOX_MQTT_##type)
#define WILL 1u
#define ACKS (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | IN(SUBACK) | IN(UNSUBACK))
#define NUMBER(type, where, field, least, most) {type, where, offsetof(FoxMqttProps, field), least, most}
#define TEXT(type, where, field) {type, where, offsetof(FoxMqttProps, field), 0, 0}

static const PropKind kinds[FOX_PROP_COUNT] = {
	[FOX_PROP_PAYLOAD_FORMAT] = NUMBER(PROP_BYTE, IN(PUBLISH) | WILL, payload_format, 0, 1),
	[FOX_PROP_MESSAGE_EXPIRY] = NUMBER(PROP_LONG, IN(PUBLISH) | WILL, message_expiry, 0, UINT32_MAX),
	[FOX_PROP_CONTENT_TYPE] = TEXT(PROP_STRING, IN(PUBLISH) | WILL, content_type),
	[FOX_PROP_RESPONSE_TOPIC] = TEXT(PROP_STRING, IN(PUBLISH) | WILL, response_topic),
	[FOX_PROP_CORRELATION] = TEXT(PROP_BINARY, IN(PUBLISH) | WILL, correlation),
	[FOX_PROP_SUBSCRIPTION_ID] = NUMBER(PROP_VARINT, IN(PUBLISH) | IN(SUBSCRIBE), subscription_id, 1, FOX_MQTT_VARINT_MAX),
	[FOX_PROP_SESSION_EXPIRY] = NUMBER(PROP_LONG, IN(CONNECT) | IN(CONNACK) | IN(DISCONNECT), session_expiry, 0, UINT32_MAX),
	[FOX_PROP_ASSIGNED_ID] = TEXT(PROP_STRING, IN(CONNACK), assigned_id),
	[FOX_PROP_SERVER_KEEP_ALIVE] = NUMBER(PROP_SHORT, IN(CONNACK), server_keep_alive, 0, UINT16_MAX),
	[FOX_PROP_AUTH_METHOD] = TEXT(PROP_STRING, IN(CONNECT) | IN(CONNACK) | IN(AUTH), auth_method),
	[FOX_PROP_AUTH_DATA] = TEXT(PROP_BINARY, IN(CONNECT) | IN(CONNACK) | IN(AUTH), auth_data),
	[FOX_PROP_REQUEST_PROBLEM] = NUMBER(PROP_BYTE, IN(CONNECT), request_problem, 0, 1),
	[FOX_PROP_WILL_DELAY] = NUMBER(PROP_LONG, WILL, will_delay, 0, UINT32_MAX),
	[FOX_PROP_REQUEST_RESPONSE] = NUMBER(PROP_BYTE, IN(CONNECT), request_response, 0, 1),
	[FOX_PROP_RESPONSE_INFO] = TEXT(PROP_STRING, IN(CONNACK), response_info),
	[FOX_PROP_SERVER_REFERENCE] = TEXT(PROP_STRING, IN(CONNACK) | IN(DISCONNECT), server_reference),
	[FOX_PROP_REASON_STRING] = TEXT(PROP_STRING, IN(CONNACK) | ACKS | IN(DISCONNECT) | IN(AUTH), reason_string),
	[FOX_PROP_RECEIVE_MAXIMUM] = NUMBER(PROP_SHORT, IN(CONNECT) | IN(CONNACK), receive_maximum, 1, UINT16_MAX),
	[FOX_PROP_ALIAS_MAXIMUM] = NUMBER(PROP_SHORT, IN(CONNECT) | IN(CONNACK), alias_maximum, 0, UINT16_MAX),
	[FOX_PROP_ALIAS] = NUMBER(PROP_SHORT, IN(PUBLISH), alias, 0, UINT16_MAX),
	[FOX_PROP_MAXIMUM_QOS] = NUMBER(PROP_BYTE, IN(CONNACK), maximum_qos, 0, 1),
	[FOX_PROP_RETAIN_AVAILABLE] = NUMBER(PROP_BYTE, IN(CONNACK), retain_available, 0, 1),
	[FOX_PROP_USER] = {PROP_PAIR, IN(CONNECT) | IN(CONNACK) | IN(PUBLISH) | WILL | ACKS | IN(SUBSCRIBE) | IN(UNSUBSCRIBE) |
	IN(DISCONNECT) | IN(AUTH), 0, 0, 0},
	[FOX_PROP_MAXIMUM_PACKET] = NUMBER(PROP_LONG, IN(CONNECT) | IN(CONNACK), maximum_packet, 1, UINT32_MAX),
	[FOX_PROP_WILDCARD_AVAILABLE] = NUMBER(PROP_BYTE, IN(CONNACK), wildcard_available, 0, 1),
	[FOX_PROP_SUBSCRIPTION_ID_AVAILABLE] = NUMBER(PROP_BYTE, IN(CONNACK), subscription_id_available, 0, 1),
	[FOX_PROP_SHARED_AVAILABLE] = NUMBER(PROP_BYTE, IN(CONNACK), shared_available, 0, 1)
};

static FoxMqttReason
read_value(FoxMqttReader *r, const PropKind *kind, FoxMqttProps *p)
{
	void	   *field = (char *) p + kind->offset;
	uint32_t	number;

	switch (kind->type)
	{
		case PROP_STRING:
			*(FoxSlice *) field = fox_mqtt_string(r);
			break;
		case PROP_BINARY:
			*(FoxSlice *) field = fox_mqtt_binary(r);
			break;
		case PROP_PAIR:
			(void) fox_mqtt_string(r);
			(void) fox_mqtt_string(r);
			break;
		default:
			number = kind->type == PROP_VARINT ? fox_mqtt_varint(r) :
				fox_mqtt_number(r, kind->type == PROP_BYTE ? 1 : kind->type == PROP_SHORT ? 2 : 4);
			if (r->bad)
				break;
			if (number < kind->least || number > kind->most)
				return FOX_MQTT_PROTOCOL_ERROR;
			*(uint32_t *) field = number;
	}
	return r->bad ? FOX_MQTT_MALFORMED : FOX_MQTT_SUCCESS;
}

/* May there be more than one of it? */
static bool
may_repeat(FoxMqttProp id, int where)
{
	return id == FOX_PROP_USER || (id == FOX_PROP_SUBSCRIPTION_ID && where == FOX_MQTT_PUBLISH);
}

FoxMqttReason
fox_mqtt_props_read(FoxMqttReader *r, int where, FoxMqttProps *p)
{
	uint32_t	len = fox_mqtt_varint(r);
	FoxSlice	block = fox_mqtt_take(r, len);
	FoxMqttReader in;

	memset(p, 0, sizeof(*p));
	if (r->bad)
		return FOX_MQTT_MALFORMED;
	in = fox_mqtt_reader(block);
	if (len > 0)
		p->raw = block;
	while (fox_mqtt_left(&in) > 0)
	{
		uint32_t	at = (uint32_t) (in.at - block.ptr);
		uint32_t	id = fox_mqtt_varint(&in);
		FoxMqttReason reason;

		if (in.bad || id >= FOX_PROP_COUNT || kinds[id].type == PROP_NONE)
			return FOX_MQTT_MALFORMED;
		if ((kinds[id].where >> where & 1) == 0)
			return FOX_MQTT_PROTOCOL_ERROR;
		if (fox_mqtt_has(p, id) && !may_repeat(id, where))
			return FOX_MQTT_PROTOCOL_ERROR;
		reason = read_value(&in, &kinds[id], p);
		if (reason != FOX_MQTT_SUCCESS)
			return reason;
		fox_mqtt_set(p, id);
		if (id == FOX_PROP_ALIAS)
			p->alias_at = at;
		else if (id == FOX_PROP_MESSAGE_EXPIRY)
			p->expiry_at = at;
	}
	return FOX_MQTT_SUCCESS;
}

static void
write_value(const PropKind *kind, const FoxMqttProps *p, FoxBuf *out)
{
	const void *field = (const char *) p + kind->offset;

	switch (kind->type)
	{
		case PROP_STRING:
		case PROP_BINARY:
			fox_mqtt_put_string(out, *(const FoxSlice *) field);
			break;
		case PROP_VARINT:
			fox_mqtt_put_varint(out, *(const uint32_t *) field);
			break;
		default:
			fox_mqtt_put_number(out, *(const uint32_t *) field, kind->type == PROP_BYTE ? 1 : kind->type == PROP_SHORT ? 2 : 4);
	}
}

/* Bytes that the value takes. */
static size_t
value_size(const PropKind *kind, const FoxMqttProps *p)
{
	const void *field = (const char *) p + kind->offset;

	switch (kind->type)
	{
		case PROP_STRING:
		case PROP_BINARY:
			return 2 + ((const FoxSlice *) field)->len;
		case PROP_VARINT:
			return fox_mqtt_varint_size(*(const uint32_t *) field);
		default:
			return kind->type == PROP_BYTE ? 1 : kind->type == PROP_SHORT ? 2 : 4;
	}
}

void
fox_mqtt_props_write(const FoxMqttProps *p, FoxBuf *out)
{
	size_t		len = p->user.len;

	for (int id = 0; id < FOX_PROP_COUNT; id++)
		if (fox_mqtt_has(p, id) && id != FOX_PROP_USER)
			len += 1 + value_size(&kinds[id], p);
	fox_mqtt_put_varint(out, (uint32_t) len);
	for (int id = 0; id < FOX_PROP_COUNT; id++)
		if (fox_mqtt_has(p, id) && id != FOX_PROP_USER)
		{
			fox_buf_char(out, (char) id);
			write_value(&kinds[id], p, out);
		}
	if (!fox_absent(p->user))
		fox_buf_slice(out, p->user);
}

bool
fox_mqtt_user_next(FoxMqttReader *rest, FoxSlice *name, FoxSlice *value)
{
	FoxMqttProps skipped;

	while (fox_mqtt_left(rest) > 0)
	{
		uint32_t	id = fox_mqtt_varint(rest);

		if (rest->bad || id >= FOX_PROP_COUNT || kinds[id].type == PROP_NONE)
			return false;
		if (id == FOX_PROP_USER)
		{
			*name = fox_mqtt_string(rest);
			*value = fox_mqtt_string(rest);
			return !rest->bad;
		}
		if (read_value(rest, &kinds[id], &skipped) != FOX_MQTT_SUCCESS)
			return false;
	}
	return false;
}

void
fox_mqtt_user_put(FoxBuf *out, FoxSlice name, FoxSlice value)
{
	fox_buf_char(out, FOX_PROP_USER);
	fox_mqtt_put_string(out, name);
	fox_mqtt_put_string(out, value);
}
