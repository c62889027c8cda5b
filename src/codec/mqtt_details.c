/*
 * mqtt_details.c - the option `mqtt` of a publish: properties that an event has for MQTT clients.
 *
 * It is written like Details.mqtt of an event; a member that MQTT can not say is left out.
 */
#include "base/base64.h"
#include "codec/json.h"
#include "codec/mqtt_packet.h"
#include "codec/mqtt_payload.h"

#include "base/pure.h"

/* A text that fits a property; absent: it does not. */
static FoxSlice
text_of(FoxSlice value, FoxBuf *scratch)
{
	FoxSlice	text = fox_json_kind(value) == FOX_JSON_STRING ? fox_json_text(value, scratch) : FOX_ABSENT;

	return fox_absent(text) || text.len > UINT16_MAX || memchr(text.ptr, '\0', text.len) != NULL ? FOX_ABSENT : text;
}

/* Bytes are WAMP's string that begins with U+0000, or those of any other string. */
static FoxSlice
bytes_of(FoxSlice value, FoxBuf *scratch, FoxBuf *memory)
{
	FoxSlice	text = fox_json_kind(value) == FOX_JSON_STRING ? fox_json_text(value, scratch) : FOX_ABSENT;
	size_t		len;

	if (fox_absent(text) || text.len > UINT16_MAX || text.len == 0 || text.ptr[0] != '\0')
		return text.len > UINT16_MAX ? FOX_ABSENT : text;
	fox_buf_slice(memory, text);	/* as much as is needed at most */
	if (memory->failed || !fox_base64_decode(fox_slice(text.ptr + 1, text.len - 1), memory->data, &len))
		return FOX_ABSENT;
	return fox_slice(memory->data, len);
}

static void
put_pair(FoxSlice name, FoxSlice value, FoxBuf *user)
{
	FoxBuf		scratch[2] = {{0}};
	FoxSlice	a = text_of(name, &scratch[0]);
	FoxSlice	b = text_of(value, &scratch[1]);

	if (!fox_absent(a) && !fox_absent(b))
		fox_mqtt_user_put(user, a, b);
	fox_buf_free(&scratch[0]);
	fox_buf_free(&scratch[1]);
}

/* A list of pairs. */
static void
put_users(FoxSlice list, FoxBuf *user)
{
	FoxSlice	pair;
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_kind(list) == FOX_JSON_ARRAY && fox_json_element(list, &pos, &pair))
	{
		size_t		at = 0;

		if (fox_json_kind(pair) == FOX_JSON_ARRAY && fox_json_element(pair, &at, &name) && fox_json_element(pair, &at, &value))
			put_pair(name, value, user);
	}
}

static void
set(FoxMqttProps *p, FoxMqttProp id, FoxSlice *field, FoxSlice value)
{
	if (fox_absent(value))
		return;
	fox_mqtt_set(p, id);
	*field = value;
}

bool
fox_mqtt_props_of(FoxSlice details, FoxSlice base, FoxBuf *out)
{
	FoxBuf		scratch[3] = {{0}};
	FoxBuf		memory = {0};
	FoxBuf		block = {0};
	FoxBuf		user = {0};
	FoxMqttProps p = {.raw = FOX_ABSENT};
	FoxMqttReader r;
	FoxSlice	topic;
	uint64_t	seconds;
	bool		done = false;

	fox_mqtt_put_varint(&block, (uint32_t) base.len);
	fox_buf_slice(&block, base);
	r = fox_mqtt_reader(fox_buf_view(&block));
	if (!block.failed && fox_mqtt_props_read(&r, FOX_MQTT_PUBLISH, &p) == FOX_MQTT_SUCCESS)
	{
		set(&p, FOX_PROP_CONTENT_TYPE, &p.content_type, text_of(fox_json_get(details, "content_type"), &scratch[0]));
		topic = text_of(fox_json_get(details, "response_topic"), &scratch[1]);
		if (!fox_absent(topic) && topic.len > 0 && memchr(topic.ptr, '+', topic.len) == NULL && memchr(topic.ptr, '#', topic.len) == NULL)
			set(&p, FOX_PROP_RESPONSE_TOPIC, &p.response_topic, topic);
		set(&p, FOX_PROP_CORRELATION, &p.correlation, bytes_of(fox_json_get(details, "correlation_data"), &scratch[2], &memory));
		if (fox_json_uint(fox_json_get(details, "message_expiry"), &seconds) && seconds <= UINT32_MAX)
		{
			fox_mqtt_set(&p, FOX_PROP_MESSAGE_EXPIRY);
			p.message_expiry = (uint32_t) seconds;
		}
		put_users(fox_json_get(details, "user"), &user);
		p.user = user.len > 0 ? fox_buf_view(&user) : FOX_ABSENT;
		fox_mqtt_props_write(&p, out);
		done = !out->failed && !user.failed;
	}
	for (int i = 0; i < 3; i++)
		fox_buf_free(&scratch[i]);
	fox_buf_free(&memory);
	fox_buf_free(&block);
	fox_buf_free(&user);
	return done;
}
