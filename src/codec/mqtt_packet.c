/*
 * mqtt_packet.c - the packets of MQTT, from bytes and to bytes (see mqtt_packet.h).
 */
#include "codec/mqtt_packet.h"

#include "base/pure.h"

#define CONNECT_RESERVED 0x01
#define CONNECT_CLEAN 0x02
#define CONNECT_WILL 0x04
#define CONNECT_WILL_QOS 0x18
#define CONNECT_WILL_RETAIN 0x20
#define CONNECT_PASSWORD 0x40
#define CONNECT_USER_NAME 0x80

#define FILTER_QOS 0x03
#define FILTER_NO_LOCAL 0x04
#define FILTER_AS_PUBLISHED 0x08
#define FILTER_HANDLING 0x30
#define FILTER_RESERVED 0xc0

/* --- reading --- */

static bool
has_wildcard(FoxSlice topic)
{
	return memchr(topic.ptr, '+', topic.len) != NULL || memchr(topic.ptr, '#', topic.len) != NULL;
}

/* Of a message, or of one that is left as a will. */
static bool
response_topic_valid(const FoxMqttProps *props)
{
	return !fox_mqtt_has(props, FOX_PROP_RESPONSE_TOPIC) || !has_wildcard(props->response_topic);
}

static FoxMqttReason
read_will(FoxMqttReader *r, uint8_t flags, uint8_t version, FoxMqttPacket *p)
{
	FoxMqttReason reason;

	p->has_will = true;
	p->will.qos = (flags & CONNECT_WILL_QOS) >> 3;
	p->will.retain = (flags & CONNECT_WILL_RETAIN) != 0;
	if (version == FOX_MQTT_50 &&
		(reason = fox_mqtt_props_read(r, FOX_PROPS_OF_WILL, &p->will.props)) != FOX_MQTT_SUCCESS)
		return reason;
	p->will.topic = fox_mqtt_string(r);
	p->will.payload = fox_mqtt_binary(r);
	if (r->bad)
		return FOX_MQTT_MALFORMED;
	return response_topic_valid(&p->will.props) ? FOX_MQTT_SUCCESS : FOX_MQTT_PROTOCOL_ERROR;
}

static FoxMqttReason
read_connect(FoxMqttReader *r, FoxMqttPacket *p)
{
	FoxSlice	name = fox_mqtt_string(r);
	uint8_t		level = (uint8_t) fox_mqtt_number(r, 1);
	uint8_t		flags;
	FoxMqttReason reason;

	if (r->bad)
		return FOX_MQTT_MALFORMED;
	if ((p->bridge = level == (FOX_MQTT_BRIDGE | FOX_MQTT_31) || level == (FOX_MQTT_BRIDGE | FOX_MQTT_311)))
		level &= (uint8_t) ~FOX_MQTT_BRIDGE;
	if (fox_slice_is(name, "MQIsdp") ? level != FOX_MQTT_31 :
		!fox_slice_is(name, "MQTT") || (level != FOX_MQTT_311 && level != FOX_MQTT_50))
		return FOX_MQTT_BAD_VERSION;
	p->version = level;
	flags = (uint8_t) fox_mqtt_number(r, 1);
	p->keep_alive = (uint16_t) fox_mqtt_number(r, 2);
	p->clean_start = (flags & CONNECT_CLEAN) != 0;
	if (r->bad || (flags & CONNECT_RESERVED) != 0 || (flags & CONNECT_WILL_QOS) == CONNECT_WILL_QOS ||
		((flags & CONNECT_WILL) == 0 && (flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN)) != 0))
		return FOX_MQTT_MALFORMED;
	if (level != FOX_MQTT_50 && (flags & CONNECT_PASSWORD) != 0 && (flags & CONNECT_USER_NAME) == 0)
		return FOX_MQTT_PROTOCOL_ERROR;
	if (level == FOX_MQTT_50)
	{
		reason = fox_mqtt_props_read(r, FOX_MQTT_CONNECT, &p->props);
		if (reason != FOX_MQTT_SUCCESS)
			return reason;
		if (fox_mqtt_has(&p->props, FOX_PROP_AUTH_DATA) && !fox_mqtt_has(&p->props, FOX_PROP_AUTH_METHOD))
			return FOX_MQTT_PROTOCOL_ERROR;
	}
	p->client_id = fox_mqtt_string(r);
	if ((flags & CONNECT_WILL) != 0 && (reason = read_will(r, flags, level, p)) != FOX_MQTT_SUCCESS)
		return reason;
	if ((flags & CONNECT_USER_NAME) != 0)
		p->user_name = fox_mqtt_string(r);
	if ((flags & CONNECT_PASSWORD) != 0)
		p->password = fox_mqtt_binary(r);
	return r->bad || fox_mqtt_left(r) > 0 ? FOX_MQTT_MALFORMED : FOX_MQTT_SUCCESS;
}

static FoxMqttReason
read_id(FoxMqttReader *r, FoxMqttPacket *p)
{
	p->id = (uint16_t) fox_mqtt_number(r, 2);
	if (r->bad)
		return FOX_MQTT_MALFORMED;
	return p->id == 0 ? FOX_MQTT_PROTOCOL_ERROR : FOX_MQTT_SUCCESS;
}

static FoxMqttReason
read_publish(FoxMqttReader *r, uint8_t version, uint8_t flags, FoxMqttPacket *p)
{
	FoxMqttReason reason;

	p->dup = (flags & 0x08) != 0;
	p->qos = (flags >> 1) & 3;
	p->retain = (flags & 0x01) != 0;
	if (p->qos == 3 || (p->qos == 0 && p->dup))
		return FOX_MQTT_MALFORMED;
	p->topic = fox_mqtt_string(r);
	if (r->bad)
		return FOX_MQTT_MALFORMED;
	if (p->qos > 0 && (reason = read_id(r, p)) != FOX_MQTT_SUCCESS)
		return reason;
	if (version == FOX_MQTT_50 && (reason = fox_mqtt_props_read(r, FOX_MQTT_PUBLISH, &p->props)) != FOX_MQTT_SUCCESS)
		return reason;
	p->payload = fox_mqtt_take(r, fox_mqtt_left(r));
	if (has_wildcard(p->topic))
		return FOX_MQTT_BAD_TOPIC;
	if (p->topic.len == 0 && !fox_mqtt_has(&p->props, FOX_PROP_ALIAS))
		return version == FOX_MQTT_50 ? FOX_MQTT_PROTOCOL_ERROR : FOX_MQTT_BAD_TOPIC;
	return response_topic_valid(&p->props) ? FOX_MQTT_SUCCESS : FOX_MQTT_PROTOCOL_ERROR;
}

/* Which codes may stand in which packet that has one, by the packet's type. */
static bool
code_valid(FoxMqttType type, uint8_t code)
{
	static const struct
	{
		FoxMqttType type;
		const char *codes;
	}			allowed[] = {
		{FOX_MQTT_PUBACK, "\x10\x80\x83\x87\x90\x91\x97\x99"},
		{FOX_MQTT_PUBREC, "\x10\x80\x83\x87\x90\x91\x97\x99"},
		{FOX_MQTT_PUBREL, "\x92"},
		{FOX_MQTT_PUBCOMP, "\x92"},
		{FOX_MQTT_DISCONNECT, "\x04\x80\x81\x82\x83\x87\x89\x8b\x8d\x8e\x8f\x90\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2"},
		{FOX_MQTT_AUTH, "\x18\x19"}
	};

	for (size_t i = 0; code != 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i].type == type)
			return strchr(allowed[i].codes, code) != NULL;
	return true;
}

/* The reason code and the properties, either of which may be left out at the end of a packet of 5.0. */
static FoxMqttReason
read_reason(FoxMqttReader *r, uint8_t version, FoxMqttPacket *p)
{
	FoxMqttReason reason = FOX_MQTT_SUCCESS;

	if (version == FOX_MQTT_50 && fox_mqtt_left(r) > 0)
	{
		p->reason = (uint8_t) fox_mqtt_number(r, 1);
		if (!code_valid(p->type, p->reason))
			return FOX_MQTT_PROTOCOL_ERROR;
		if (fox_mqtt_left(r) > 0)
			reason = fox_mqtt_props_read(r, p->type, &p->props);
	}
	if (reason == FOX_MQTT_SUCCESS && fox_mqtt_left(r) > 0)
		return FOX_MQTT_MALFORMED;
	return reason;
}

static bool
options_valid(uint8_t version, uint8_t options)
{
	if (version != FOX_MQTT_50)
		return options < 3;
	return (options & FILTER_QOS) != 3 && (options & FILTER_HANDLING) != FILTER_HANDLING && (options & FILTER_RESERVED) == 0;
}

static FoxMqttReason
read_filters(FoxMqttReader *r, uint8_t version, FoxMqttPacket *p)
{
	FoxMqttReason reason = read_id(r, p);

	if (reason == FOX_MQTT_SUCCESS && version == FOX_MQTT_50)
		reason = fox_mqtt_props_read(r, p->type, &p->props);
	if (reason != FOX_MQTT_SUCCESS)
		return reason;
	p->payload = fox_slice(r->at, fox_mqtt_left(r));
	if (p->payload.len == 0)
		return FOX_MQTT_PROTOCOL_ERROR;
	while (fox_mqtt_left(r) > 0 && !r->bad)
	{
		(void) fox_mqtt_string(r);
		if (p->type == FOX_MQTT_SUBSCRIBE && !options_valid(version, (uint8_t) fox_mqtt_number(r, 1)))
			return FOX_MQTT_MALFORMED;
	}
	return r->bad ? FOX_MQTT_MALFORMED : FOX_MQTT_SUCCESS;
}

static FoxMqttReason
read_codes(FoxMqttReader *r, uint8_t version, FoxMqttPacket *p)
{
	FoxMqttReason reason = read_id(r, p);

	if (reason == FOX_MQTT_SUCCESS && version == FOX_MQTT_50)
		reason = fox_mqtt_props_read(r, p->type, &p->props);
	if (reason == FOX_MQTT_SUCCESS)
		p->payload = fox_mqtt_take(r, fox_mqtt_left(r));
	if (reason == FOX_MQTT_SUCCESS && (p->payload.len > 0) != (p->type == FOX_MQTT_SUBACK || version == FOX_MQTT_50))
		return FOX_MQTT_MALFORMED;
	return reason;
}

static FoxMqttReason
read_connack(FoxMqttReader *r, uint8_t version, FoxMqttPacket *p)
{
	uint8_t		flags = (uint8_t) fox_mqtt_number(r, 1);
	FoxMqttReason reason = FOX_MQTT_SUCCESS;

	p->session_present = flags == 1;
	p->reason = (uint8_t) fox_mqtt_number(r, 1);
	if (r->bad || flags > 1)
		return FOX_MQTT_MALFORMED;
	if (version == FOX_MQTT_50)
		reason = fox_mqtt_props_read(r, FOX_MQTT_CONNACK, &p->props);
	return reason == FOX_MQTT_SUCCESS && fox_mqtt_left(r) > 0 ? FOX_MQTT_MALFORMED : reason;
}

/* The low bits of the first byte, which for all but PUBLISH are given. */
static bool
flags_valid(FoxMqttType type, uint8_t flags)
{
	if (type == FOX_MQTT_PUBLISH)
		return true;
	return flags == (type == FOX_MQTT_PUBREL || type == FOX_MQTT_SUBSCRIBE || type == FOX_MQTT_UNSUBSCRIBE ? 2 : 0);
}

FoxMqttReason
fox_mqtt_decode(uint8_t version, FoxSlice bytes, FoxMqttPacket *p)
{
	FoxMqttReader r = fox_mqtt_reader(bytes);
	uint8_t		first = (uint8_t) fox_mqtt_number(&r, 1);
	uint32_t	length = fox_mqtt_varint(&r);
	FoxMqttReason reason;

	memset(p, 0, sizeof(*p));
	p->type = (FoxMqttType) (first >> 4);
	if (r.bad || p->type == 0 || !flags_valid(p->type, first & 0x0f))
		return FOX_MQTT_MALFORMED;
	if (p->type == FOX_MQTT_AUTH && version != FOX_MQTT_50)
		return FOX_MQTT_MALFORMED;
	if (length > fox_mqtt_left(&r))
		return FOX_MQTT_TOO_LARGE;
	if (length < fox_mqtt_left(&r))
		return FOX_MQTT_MALFORMED;
	switch (p->type)
	{
		case FOX_MQTT_CONNECT:
			return read_connect(&r, p);
		case FOX_MQTT_CONNACK:
			return read_connack(&r, version, p);
		case FOX_MQTT_PUBLISH:
			return read_publish(&r, version, first & 0x0f, p);
		case FOX_MQTT_PUBACK:
		case FOX_MQTT_PUBREC:
		case FOX_MQTT_PUBREL:
		case FOX_MQTT_PUBCOMP:
			reason = read_id(&r, p);
			return reason != FOX_MQTT_SUCCESS ? reason : read_reason(&r, version, p);
		case FOX_MQTT_SUBSCRIBE:
		case FOX_MQTT_UNSUBSCRIBE:
			return read_filters(&r, version, p);
		case FOX_MQTT_SUBACK:
		case FOX_MQTT_UNSUBACK:
			return read_codes(&r, version, p);
		case FOX_MQTT_PINGREQ:
		case FOX_MQTT_PINGRESP:
			return length > 0 ? FOX_MQTT_MALFORMED : FOX_MQTT_SUCCESS;
		default:
			return read_reason(&r, version, p);
	}
}

bool
fox_mqtt_filter_next(FoxMqttType type, FoxSlice *payload, FoxMqttFilter *filter)
{
	FoxMqttReader r = fox_mqtt_reader(*payload);
	uint8_t		options = 0;

	if (payload->len == 0)
		return false;
	memset(filter, 0, sizeof(*filter));
	filter->filter = fox_mqtt_string(&r);
	if (type == FOX_MQTT_SUBSCRIBE)
		options = (uint8_t) fox_mqtt_number(&r, 1);
	filter->qos = options & FILTER_QOS;
	filter->no_local = (options & FILTER_NO_LOCAL) != 0;
	filter->retain_as_published = (options & FILTER_AS_PUBLISHED) != 0;
	filter->retain_handling = (options & FILTER_HANDLING) >> 4;
	*payload = fox_slice(r.at, fox_mqtt_left(&r));
	return !r.bad;
}

/* --- writing --- */

void
fox_mqtt_filter_put(uint8_t version, FoxMqttType type, const FoxMqttFilter *filter, FoxBuf *payload)
{
	uint8_t		options = filter->qos;

	if (version == FOX_MQTT_50)
		options |= (filter->no_local ? FILTER_NO_LOCAL : 0) | (filter->retain_as_published ? FILTER_AS_PUBLISHED : 0) |
			(uint8_t) (filter->retain_handling << 4);
	fox_mqtt_put_string(payload, filter->filter);
	if (type == FOX_MQTT_SUBSCRIBE)
		fox_buf_char(payload, (char) options);
}

static void
write_connect(const FoxMqttPacket *p, FoxBuf *out)
{
	uint8_t		flags = p->clean_start ? CONNECT_CLEAN : 0;

	if (p->has_will)
		flags |= CONNECT_WILL | (uint8_t) (p->will.qos << 3) | (p->will.retain ? CONNECT_WILL_RETAIN : 0);
	if (!fox_absent(p->user_name))
		flags |= CONNECT_USER_NAME;
	if (!fox_absent(p->password))
		flags |= CONNECT_PASSWORD;
	fox_mqtt_put_string(out, p->version == FOX_MQTT_31 ? FOX_LIT("MQIsdp") : FOX_LIT("MQTT"));
	fox_buf_char(out, (char) (p->version | (p->bridge ? FOX_MQTT_BRIDGE : 0)));
	fox_buf_char(out, (char) flags);
	fox_mqtt_put_number(out, p->keep_alive, 2);
	if (p->version == FOX_MQTT_50)
		fox_mqtt_props_write(&p->props, out);
	fox_mqtt_put_string(out, p->client_id);
	if (p->has_will)
	{
		if (p->version == FOX_MQTT_50)
			fox_mqtt_props_write(&p->will.props, out);
		fox_mqtt_put_string(out, p->will.topic);
		fox_mqtt_put_string(out, p->will.payload);
	}
	if (!fox_absent(p->user_name))
		fox_mqtt_put_string(out, p->user_name);
	if (!fox_absent(p->password))
		fox_mqtt_put_string(out, p->password);
}

static void
write_publish(uint8_t version, const FoxMqttPacket *p, FoxBuf *out)
{
	fox_mqtt_put_string(out, p->topic);
	if (p->qos > 0)
		fox_mqtt_put_number(out, p->id, 2);
	if (version == FOX_MQTT_50)
		fox_mqtt_props_write(&p->props, out);
	fox_buf_slice(out, p->payload);
}

/* A code of success without properties is left out. */
static void
write_reason(uint8_t version, const FoxMqttPacket *p, FoxBuf *out)
{
	bool		props = p->props.present != 0 || !fox_absent(p->props.user);

	if (version != FOX_MQTT_50 || (p->reason == FOX_MQTT_SUCCESS && !props))
		return;
	fox_buf_char(out, (char) p->reason);
	if (props)
		fox_mqtt_props_write(&p->props, out);
}

static void
write_body(uint8_t version, const FoxMqttPacket *p, FoxBuf *out)
{
	switch (p->type)
	{
		case FOX_MQTT_CONNECT:
			write_connect(p, out);
			break;
		case FOX_MQTT_CONNACK:
			fox_buf_char(out, p->session_present);
			fox_buf_char(out, (char) p->reason);
			if (version == FOX_MQTT_50)
				fox_mqtt_props_write(&p->props, out);
			break;
		case FOX_MQTT_PUBLISH:
			write_publish(version, p, out);
			break;
		case FOX_MQTT_PUBACK:
		case FOX_MQTT_PUBREC:
		case FOX_MQTT_PUBREL:
		case FOX_MQTT_PUBCOMP:
			fox_mqtt_put_number(out, p->id, 2);
			write_reason(version, p, out);
			break;
		case FOX_MQTT_SUBSCRIBE:
		case FOX_MQTT_UNSUBSCRIBE:
		case FOX_MQTT_SUBACK:
		case FOX_MQTT_UNSUBACK:
			fox_mqtt_put_number(out, p->id, 2);
			if (version == FOX_MQTT_50)
				fox_mqtt_props_write(&p->props, out);
			if (p->type != FOX_MQTT_UNSUBACK || version == FOX_MQTT_50)
				fox_buf_slice(out, p->payload);
			break;
		case FOX_MQTT_DISCONNECT:
		case FOX_MQTT_AUTH:
			write_reason(version, p, out);
			break;
		default:
			break;
	}
}

/* Puts the length before what was written from start on, where a byte for it stands. */
static void
close_packet(FoxBuf *out, size_t start)
{
	uint32_t	length = (uint32_t) (out->len - start - 1);
	size_t		more = fox_mqtt_varint_size(length) - 1;
	char	   *at;

	if (out->failed || (more > 0 && fox_buf_reserve(out, more) == NULL))
		return;
	at = out->data + start;
	if (more > 0)
	{
		memmove(at + 1 + more, at + 1, length);
		out->len += more;
	}
	for (; length > 127; length >>= 7)
		*at++ = (char) (length | 0x80);
	*at = (char) length;
}

void
fox_mqtt_encode(uint8_t version, const FoxMqttPacket *p, FoxBuf *out)
{
	uint8_t		flags = 0;
	size_t		start;

	if (p->type == FOX_MQTT_PUBLISH)
		flags = (uint8_t) ((p->dup ? 8 : 0) | p->qos << 1 | (p->retain ? 1 : 0));
	else if (p->type == FOX_MQTT_PUBREL || p->type == FOX_MQTT_SUBSCRIBE || p->type == FOX_MQTT_UNSUBSCRIBE)
		flags = 2;
	fox_buf_char(out, (char) (p->type << 4 | flags));
	start = out->len;
	fox_buf_char(out, 0);
	write_body(version, p, out);
	close_packet(out, start);
}

void
fox_mqtt_encode_delivery(uint8_t version, const FoxMqttDelivery *d, FoxBuf *out)
{
	uint32_t	props = (uint32_t) (d->props.len + d->own_props.len);
	uint32_t	length = (uint32_t) (2 + d->topic.len + (d->qos > 0 ? 2 : 0) + d->payload.len);

	if (version == FOX_MQTT_50)
		length += (uint32_t) fox_mqtt_varint_size(props) + props;
	fox_buf_char(out, (char) (FOX_MQTT_PUBLISH << 4 | (d->dup ? 8 : 0) | d->qos << 1 | (d->retain ? 1 : 0)));
	fox_mqtt_put_varint(out, length);
	fox_mqtt_put_string(out, d->topic);
	if (d->qos > 0)
		fox_mqtt_put_number(out, d->id, 2);
	if (version == FOX_MQTT_50)
	{
		fox_mqtt_put_varint(out, props);
		fox_buf_slice(out, d->own_props);
		fox_buf_slice(out, d->props);
	}
	fox_buf_slice(out, d->payload);
}
