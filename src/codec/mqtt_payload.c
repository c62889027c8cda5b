/*
 * mqtt_payload.c - application messages of MQTT and what WAMP has for them (see mqtt_payload.h).
 */
#include "codec/mqtt_payload.h"

#include "base/base64.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/mqtt_packet.h"
#include "base/pure.h"

static bool strings_raw;

void
fox_mqtt_strings_raw(bool raw)
{
	strings_raw = raw;
}

/* Where something begins in a buffer, which may move; taken when all is written. */
typedef struct Span
{
	bool		given;
	size_t		from;
	size_t		to;
} Span;

static FoxSlice
span_slice(const FoxBuf *b, Span s)
{
	return s.given ? fox_slice(b->data + s.from, s.to - s.from) : FOX_ABSENT;
}

static Span
put_span(FoxBuf *b, FoxSlice s)
{
	size_t		from = b->len;

	fox_buf_slice(b, s);
	return (Span){true, from, b->len};
}

/* --- to WAMP --- */

/* Is it an object of exactly args and kwargs? */
static bool
is_pair(FoxSlice object, FoxSlice *args, FoxSlice *kwargs)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			members = 0;

	*args = *kwargs = FOX_ABSENT;
	while (fox_json_member(object, &pos, &key, &value))
	{
		members++;
		if (fox_json_key_is(key, "args") && fox_json_kind(value) == FOX_JSON_ARRAY)
			*args = value;
		else if (fox_json_key_is(key, "kwargs") && fox_json_kind(value) == FOX_JSON_OBJECT)
			*kwargs = value;
	}
	return members == 2 && !fox_absent(*args) && !fox_absent(*kwargs);
}

static Span
put_single(FoxBuf *b, FoxSlice json)
{
	size_t		from = b->len;

	fox_buf_char(b, '[');
	fox_buf_slice(b, json);
	fox_buf_char(b, ']');
	return (Span){true, from, b->len};
}

static Span
put_bytes(FoxBuf *b, FoxSlice bytes)
{
	size_t		from = b->len;

	fox_buf_char(b, '[');
	if (fox_utf8_valid(bytes))
		fox_buf_json_str(b, bytes);
	else
		fox_json_put_bytes(b, bytes);
	fox_buf_char(b, ']');
	return (Span){true, from, b->len};
}

bool
fox_mqtt_to_json(FoxSlice bytes, FoxBuf *scratch, FoxSlice *args, FoxSlice *kwargs)
{
	Span		a = {0};
	Span		k = {0};
	FoxSlice	first;
	FoxSlice	second;
	FoxSlice	value;
	FoxKind		kind = FOX_JSON_NONE;
	const char *end = bytes.len > 0 ? fox_json_scan(bytes.ptr, bytes.ptr + bytes.len, &value, &kind) : NULL;

	if (end == NULL || !fox_json_valid(bytes, NULL))
		kind = FOX_JSON_NONE;
	if (bytes.len == 0)
		;
	else if (kind == FOX_JSON_NONE)
		a = put_bytes(scratch, bytes);
	else if (kind == FOX_JSON_ARRAY)
		a = put_span(scratch, value);
	else if (kind == FOX_JSON_OBJECT && is_pair(value, &first, &second))
	{
		a = put_span(scratch, first);
		k = put_span(scratch, second);
	}
	else if (kind == FOX_JSON_OBJECT)
		k = put_span(scratch, value);
	else
		a = put_single(scratch, value);
	if (scratch->failed)
		return false;
	*args = span_slice(scratch, a);
	*kwargs = span_slice(scratch, k);
	return true;
}

/* --- from WAMP --- */

static bool
is_empty_object(FoxSlice object)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	return !fox_json_member(object, &pos, &key, &value);
}

/* The bytes of a binary value, which is a string of U+0000 and base64. */
static bool
put_binary(FoxSlice string, FoxBuf *out)
{
	static const char mark[] = "\"\\u0000";
	FoxSlice	base64;
	char	   *to;
	size_t		len;

	if (string.len < sizeof(mark) || memcmp(string.ptr, mark, sizeof(mark) - 1) != 0)
		return false;
	base64 = fox_slice(string.ptr + sizeof(mark) - 1, string.len - sizeof(mark));
	to = fox_buf_reserve(out, base64.len / 4 * 3 + 1);
	if (to == NULL || !fox_base64_decode(base64, to, &len))
		return false;
	out->len += len;
	return true;
}

static const char *
put_value(FoxSlice value, FoxBuf *out)
{
	if (fox_json_kind(value) == FOX_JSON_STRING)
	{
		if (put_binary(value, out))
			return NULL;
		if (strings_raw)
		{
			fox_json_unescape(fox_slice(value.ptr + 1, value.len - 2), out);
			return "text/plain";
		}
	}
	fox_buf_slice(out, value);
	return "application/json";
}

bool
fox_mqtt_from_json(FoxSlice args, FoxSlice kwargs, FoxBuf *scratch, FoxSlice *bytes, FoxSlice *props)
{
	FoxSlice	only = FOX_ABSENT;
	FoxSlice	second = FOX_ABSENT;
	size_t		pos = 0;
	bool		any = !fox_absent(args) && fox_json_element(args, &pos, &only);
	bool		several = any && fox_json_element(args, &pos, &second);
	bool		named = !fox_absent(kwargs) && !is_empty_object(kwargs);
	const char *type = "application/json";
	Span		b = {true, scratch->len, 0};
	Span		p = {0};

	if (any && named)
	{
		fox_buf_str(scratch, "{\"args\":");
		fox_buf_slice(scratch, args);
		fox_buf_str(scratch, ",\"kwargs\":");
		fox_buf_slice(scratch, kwargs);
		fox_buf_char(scratch, '}');
	}
	else if (named)
		fox_buf_slice(scratch, kwargs);
	else if (several)
		fox_buf_slice(scratch, args);
	else
		type = any ? put_value(only, scratch) : NULL;
	b.to = p.from = scratch->len;
	if (type != NULL)
	{
		p.given = true;
		fox_buf_char(scratch, FOX_PROP_PAYLOAD_FORMAT);
		fox_buf_char(scratch, 1);
		fox_buf_char(scratch, FOX_PROP_CONTENT_TYPE);
		fox_mqtt_put_string(scratch, fox_cstr(type));
	}
	else
		fox_buf_char(scratch, 0);	/* so that there are bytes to point at */
	p.to = scratch->len;
	if (scratch->failed)
		return false;
	*bytes = span_slice(scratch, b);
	*props = span_slice(scratch, p);
	return true;
}

/* --- properties --- */

static void
put_name(FoxBuf *out, const char *name)
{
	if (out->data[out->len - 1] != '{')
		fox_buf_char(out, ',');
	fox_buf_json_str(out, fox_cstr(name));
	fox_buf_char(out, ':');
}

void
fox_mqtt_props_json(FoxSlice props, FoxBuf *out)
{
	FoxBuf		block = {0};
	FoxMqttReader r;
	FoxMqttReader users = fox_mqtt_reader(props);
	FoxMqttProps p = {0};
	FoxSlice	name;
	FoxSlice	value;

	fox_mqtt_put_varint(&block, (uint32_t) props.len);
	fox_buf_slice(&block, props);
	r = fox_mqtt_reader(fox_buf_view(&block));
	fox_buf_char(out, '{');
	if (!block.failed && !out->failed && fox_mqtt_props_read(&r, FOX_MQTT_PUBLISH, &p) == FOX_MQTT_SUCCESS)
	{
		if (fox_mqtt_has(&p, FOX_PROP_PAYLOAD_FORMAT))
		{
			put_name(out, "payload_format");
			fox_buf_u64(out, p.payload_format);
		}
		if (fox_mqtt_has(&p, FOX_PROP_MESSAGE_EXPIRY))
		{
			put_name(out, "message_expiry");
			fox_buf_u64(out, p.message_expiry);
		}
		if (fox_mqtt_has(&p, FOX_PROP_CONTENT_TYPE))
		{
			put_name(out, "content_type");
			fox_buf_json_str(out, p.content_type);
		}
		if (fox_mqtt_has(&p, FOX_PROP_RESPONSE_TOPIC))
		{
			put_name(out, "response_topic");
			fox_buf_json_str(out, p.response_topic);
		}
		if (fox_mqtt_has(&p, FOX_PROP_CORRELATION))
		{
			put_name(out, "correlation_data");
			fox_json_put_bytes(out, p.correlation);
		}
		if (fox_mqtt_has(&p, FOX_PROP_USER))
		{
			bool		first = true;

			put_name(out, "user");
			fox_buf_char(out, '[');
			for (; fox_mqtt_user_next(&users, &name, &value); first = false)
			{
				fox_buf_str(out, first ? "[" : ",[");
				fox_buf_json_str(out, name);
				fox_buf_char(out, ',');
				fox_buf_json_str(out, value);
				fox_buf_char(out, ']');
			}
			fox_buf_char(out, ']');
		}
	}
	fox_buf_char(out, '}');
	out->failed |= block.failed;
	fox_buf_free(&block);
}

/* --- in one piece --- */

void
fox_mqtt_pack(uint8_t qos, FoxSlice props, FoxSlice bytes, FoxBuf *out)
{
	fox_buf_char(out, (char) qos);
	fox_mqtt_put_varint(out, (uint32_t) props.len);
	fox_buf_slice(out, props);
	fox_buf_slice(out, bytes);
}

bool
fox_mqtt_unpack(FoxSlice packed, uint8_t *qos, FoxSlice *props, FoxSlice *bytes)
{
	FoxMqttReader r = fox_mqtt_reader(packed);

	*qos = (uint8_t) fox_mqtt_number(&r, 1);
	*props = fox_mqtt_take(&r, fox_mqtt_varint(&r));
	*bytes = fox_mqtt_take(&r, fox_mqtt_left(&r));
	if (props->len == 0)
		*props = FOX_ABSENT;
	return !r.bad && *qos <= 2;
}
