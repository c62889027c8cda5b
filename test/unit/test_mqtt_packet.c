/*
 * test_mqtt_packet.c - packets of MQTT: what is well-formed comes back as it was, what is not says why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/mqtt_packet.h"
#include "codec/mqtt_payload.h"
#include "codec/mqtt_stream.h"

static char bytes[65536];

/* Hex digits, text between quotes, and ~ for the length of what follows, in one byte. */
static FoxSlice
from_text(const char *text)
{
	size_t		n = 0;
	size_t		length_at = 0;

	while (*text)
	{
		unsigned	byte;

		if (*text == ' ')
			text++;
		else if (*text == '~')
		{
			length_at = n++;
			text++;
		}
		else if (*text == '\'')
		{
			for (text++; *text != '\''; text++)
				bytes[n++] = *text;
			text++;
		}
		else
		{
			assert_int_equal(sscanf(text, "%2x", &byte), 1);
			bytes[n++] = (char) byte;
			text += 2;
		}
	}
	if (length_at > 0)
		bytes[length_at] = (char) (n - length_at - 1);
	return fox_slice(bytes, n);
}

static void
expect(uint8_t version, const char *text, FoxMqttReason reason)
{
	FoxSlice	in = from_text(text);
	char	   *exact = malloc(in.len + (in.len == 0));	/* a read behind it is found */
	FoxMqttPacket p;
	FoxMqttReason got;

	memcpy(exact, in.ptr, in.len);
	got = fox_mqtt_decode(version, fox_slice(exact, in.len), &p);
	if (got != reason)
		fail_msg("%s in version %d gives %#x, not %#x", text, version, got, reason);
	free(exact);
}

/* Decodes, encodes again, and it is the same. */
static FoxMqttPacket
again(uint8_t version, const char *text)
{
	static FoxMqttPacket p;
	FoxSlice	in = from_text(text);
	FoxBuf		out = {0};
	FoxMqttReason reason = fox_mqtt_decode(version, in, &p);

	if (reason != FOX_MQTT_SUCCESS)
		fail_msg("%s in version %d gives %#x", text, version, reason);
	fox_mqtt_encode(p.type == FOX_MQTT_CONNECT ? p.version : version, &p, &out);
	if (!fox_slice_eq(fox_buf_view(&out), in))
		fail_msg("%s does not come back as it was", text);
	fox_buf_free(&out);
	return p;
}

static void
test_connect(void **state)
{
	FoxMqttPacket p = again(0, "10 ~ 0004'MQTT' 04 02 003c 0001'c'");

	(void) state;
	assert_int_equal(p.version, FOX_MQTT_311);
	assert_true(p.clean_start);
	assert_int_equal(p.keep_alive, 60);
	assert_true(fox_slice_is(p.client_id, "c"));
	assert_true(fox_absent(p.user_name));
	p = again(0, "10 ~ 0006'MQIsdp' 03 00 0000 0003'abc'");
	assert_int_equal(p.version, FOX_MQTT_31);
	p = again(0, "10 ~ 0004'MQTT' 84 02 0000 0003'abc'");
	assert_true(p.version == FOX_MQTT_311 && p.bridge);
	p = again(0, "10 ~ 0006'MQIsdp' 83 00 0000 0003'abc'");
	assert_true(p.version == FOX_MQTT_31 && p.bridge);
	p = again(0, "10 ~ 0004'MQTT' 04 f6 0001 0001'c' 0001't' 0001'w' 0001'u' 0001'p'");
	assert_true(p.has_will && p.will.retain && p.will.qos == 2);
	assert_true(fox_slice_is(p.will.topic, "t") && fox_slice_is(p.will.payload, "w"));
	assert_true(fox_slice_is(p.user_name, "u") && fox_slice_is(p.password, "p"));
	p = again(0, "10 ~ 0004'MQTT' 05 06 0001 05 1100000e10 0001'c' 05 1800000005 0001't' 0001'w'");
	assert_int_equal(p.props.session_expiry, 3600);
	assert_int_equal(p.will.props.will_delay, 5);
	p = again(0, "10 ~ 0004'MQTT' 05 42 0001 00 0001'c' 0001'p'");
	assert_true(fox_slice_is(p.password, "p"));
}

static void
test_connect_malformed(void **state)
{
	(void) state;
	expect(0, "10 ~ 0004'MQTX' 04 02 003c 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "10 ~ 0004'MQTT' 63 02 003c 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "10 ~ 0004'MQTT' 85 02 003c 00 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "10 ~ 0006'MQIsdp' 84 02 003c 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "10 ~ 0006'MQIsdp' 04 02 003c 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "10 ~ 0000 04 02 003c 0001'c'", FOX_MQTT_BAD_VERSION);
	expect(0, "11 0d 0004'MQTT' 04 02 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 03 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 0a 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 22 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 1e 003c 0001'c' 0001't' 0001'w'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 42 003c 0001'c' 0001'p'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 04 06 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 82 003c 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c 0001'c' 00", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c 00ff'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c 0002 c328", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c 0002 6100", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 04 02 003c 0003 eda080", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 05 1600022121 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 0a 1100000001 1100000001 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 03 210000 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 05 2700000000 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 02 1702 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 02 0101 0001'c'", FOX_MQTT_PROTOCOL_ERROR);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 02 7f01 0001'c'", FOX_MQTT_MALFORMED);
	expect(0, "10 ~ 0004'MQTT' 05 02 003c 09 1701 0001'c'", FOX_MQTT_MALFORMED);
}

static void
test_publish(void **state)
{
	FoxMqttPacket p = again(4, "30 ~ 0001'a' 'xyz'");

	(void) state;
	assert_true(fox_slice_is(p.topic, "a") && fox_slice_is(p.payload, "xyz"));
	p = again(4, "3d ~ 0001'a' 0007 'x'");
	assert_true(p.dup && p.retain && p.qos == 2 && p.id == 7);
	p = again(5, "32 ~ 0001'a' 0001 03 230005 'x'");
	assert_int_equal(p.props.alias, 5);
	p = again(5, "30 ~ 0000 03 230005 'x'");
	assert_int_equal(p.topic.len, 0);
	assert_int_equal(fox_mqtt_decode(5, from_text("30 ~ 0001'a' 13 0101 0200000009 2600016b0002 7676 090001ff 'x'"), &p), FOX_MQTT_SUCCESS);
	assert_int_equal(p.props.message_expiry, 9);
	assert_int_equal(p.props.expiry_at, 2);
	assert_int_equal(p.props.correlation.len, 1);
	assert_true(fox_mqtt_has(&p.props, FOX_PROP_USER));
}

static void
test_publish_malformed(void **state)
{
	(void) state;
	for (uint8_t v = 4; v <= 5; v++)
	{
		const char *props = v == 5 ? "00" : "";
		char		text[64];

#define BOTH(reason, format, length) \
		(snprintf(text, sizeof(text), format, (length) + (v == 5), props), expect(v, text, reason))
		BOTH(FOX_MQTT_MALFORMED, "36 %02x 0001'a' 0001 %s", 5);
		BOTH(FOX_MQTT_MALFORMED, "38 %02x 0001'a' %s", 3);
		BOTH(FOX_MQTT_BAD_TOPIC, "30 %02x 0003'a/#' %s", 5);
		BOTH(FOX_MQTT_BAD_TOPIC, "30 %02x 0001'+' %s", 3);
		BOTH(FOX_MQTT_MALFORMED, "30 %02x 0003'a' 0062 %s", 5);
		BOTH(FOX_MQTT_MALFORMED, "30 %02x 0002 61ff %s", 4);
		BOTH(FOX_MQTT_MALFORMED, "30 %02x 0004 61edbfbf %s", 6);
		BOTH(FOX_MQTT_MALFORMED, "30 %02x 0003 61e282 %s", 5);
		BOTH(FOX_MQTT_PROTOCOL_ERROR, "32 %02x 0001'a' 0000 %s", 5);
		BOTH(FOX_MQTT_MALFORMED, "30 %02x 00ff'abc' %s", 5);
		expect(v, "32 ~ 0001'a'", FOX_MQTT_MALFORMED);
		expect(v, "30 ff", FOX_MQTT_MALFORMED);
		expect(v, "30 ffffffff", FOX_MQTT_MALFORMED);
		expect(v, "30 ffff7f", FOX_MQTT_TOO_LARGE);
		expect(v, "30 8300 0001'a'", FOX_MQTT_MALFORMED);
	}
	expect(4, "30 ~ 0000", FOX_MQTT_BAD_TOPIC);
	expect(5, "30 ~ 0000 00", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 06 230001 230002", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 02 0b00", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 02 0102", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 05 1100000001", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 04 080001'+'", FOX_MQTT_PROTOCOL_ERROR);
	expect(5, "30 ~ 0001'a' 04 030001ff", FOX_MQTT_MALFORMED);
	expect(5, "30 ~ 0001'a' 02 8b00", FOX_MQTT_MALFORMED);
}

static void
test_acknowledgements(void **state)
{
	static const char *const firsts[] = {"40", "50", "62", "70"};
	char		text[64];

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		for (uint8_t v = 3; v <= 5; v++)
		{
			snprintf(text, sizeof(text), "%s 02 0102", firsts[i]);
			assert_int_equal(again(v, text).id, 0x102);
			snprintf(text, sizeof(text), "%s 02 0000", firsts[i]);
			expect(v, text, FOX_MQTT_PROTOCOL_ERROR);
			snprintf(text, sizeof(text), "%s 01 00", firsts[i]);
			expect(v, text, FOX_MQTT_MALFORMED);
		}
		snprintf(text, sizeof(text), "%s 03 0001 00", firsts[i]);
		expect(4, text, FOX_MQTT_MALFORMED);
		expect(5, text, FOX_MQTT_SUCCESS);
		snprintf(text, sizeof(text), "%s 03 0001 8e", firsts[i]);
		expect(5, text, FOX_MQTT_PROTOCOL_ERROR);
	}
	assert_int_equal(again(5, "40 ~ 0001 87").reason, FOX_MQTT_NOT_AUTHORIZED);
	assert_true(fox_slice_is(again(5, "50 ~ 0001 80 05 1f0002'no'").props.reason_string, "no"));
	assert_int_equal(again(5, "62 ~ 0001 92").reason, FOX_MQTT_ID_NOT_FOUND);
	expect(5, "40 ~ 0001 80 02 1f", FOX_MQTT_MALFORMED);
	expect(4, "60 02 0001", FOX_MQTT_MALFORMED);
	expect(4, "41 02 0001", FOX_MQTT_MALFORMED);
}

static void
test_filters(void **state)
{
	FoxMqttPacket p = again(5, "82 ~ 0001 02 0b05 0001'a' 2d 0002'b#' 00");
	FoxMqttFilter f;

	(void) state;
	assert_int_equal(p.props.subscription_id, 5);
	assert_true(fox_mqtt_filter_next(p.type, &p.payload, &f));
	assert_true(fox_slice_is(f.filter, "a") && f.qos == 1 && f.no_local && f.retain_as_published && f.retain_handling == 2);
	assert_true(fox_mqtt_filter_next(p.type, &p.payload, &f));
	assert_true(fox_slice_is(f.filter, "b#") && f.qos == 0);
	assert_false(fox_mqtt_filter_next(p.type, &p.payload, &f));
	again(4, "82 ~ 0001 0001'a' 02");
	again(4, "a2 ~ 0001 0001'a' 0001'b'");
	again(5, "a2 ~ 0001 00 0001'a'");
	again(4, "90 ~ 0001 0180");
	again(5, "90 ~ 0001 00 0187");
	again(4, "b0 02 0001");
	again(5, "b0 ~ 0001 00 11");
	expect(4, "80 ~ 0001 0001'a' 00", FOX_MQTT_MALFORMED);
	expect(4, "a0 05 0001 0001'a'", FOX_MQTT_MALFORMED);
	expect(4, "82 ~ 0000 0001'a' 00", FOX_MQTT_PROTOCOL_ERROR);
	expect(4, "82 02 0001", FOX_MQTT_PROTOCOL_ERROR);
	expect(4, "82 ~ 0001 0001'a' 03", FOX_MQTT_MALFORMED);
	expect(4, "82 ~ 0001 0001'a' 04", FOX_MQTT_MALFORMED);
	expect(5, "82 ~ 0001 00 0001'a' 30", FOX_MQTT_MALFORMED);
	expect(5, "82 ~ 0001 00 0001'a' c0", FOX_MQTT_MALFORMED);
	expect(5, "82 ~ 0001 00 0001'a' 03", FOX_MQTT_MALFORMED);
	expect(4, "82 ~ 0001 000a'ab'", FOX_MQTT_MALFORMED);
	expect(4, "82 ~ 0001 0003'abc'", FOX_MQTT_MALFORMED);
	expect(4, "82 ~ 0001 0003 61c328 00", FOX_MQTT_MALFORMED);
	expect(5, "82 ~ 0001 02 0b00 0001'a' 00", FOX_MQTT_PROTOCOL_ERROR);
	expect(4, "a2 02 0001", FOX_MQTT_PROTOCOL_ERROR);
	expect(4, "a2 ~ 0000 0001'a'", FOX_MQTT_PROTOCOL_ERROR);
}

static void
test_others(void **state)
{
	(void) state;
	for (uint8_t v = 3; v <= 5; v++)
	{
		again(v, "c0 00");
		again(v, "d0 00");
		again(v, "e0 00");
		expect(v, "c1 00", FOX_MQTT_MALFORMED);
		expect(v, "e1 00", FOX_MQTT_MALFORMED);
		expect(v, "c0 01 00", FOX_MQTT_MALFORMED);
		expect(v, "00 00", FOX_MQTT_MALFORMED);
	}
	assert_int_equal(again(5, "e0 01 04").reason, FOX_MQTT_WITH_WILL);
	assert_int_equal(again(5, "e0 ~ 00 05 1100000001").props.session_expiry, 1);
	expect(4, "e0 01 00", FOX_MQTT_MALFORMED);
	expect(5, "e0 01 01", FOX_MQTT_PROTOCOL_ERROR);
	expect(4, "f0 00", FOX_MQTT_MALFORMED);
	again(5, "f0 ~ 18 08 150005'SCRAM'");
	assert_true(again(4, "20 02 01 00").session_present);
	assert_int_equal(again(5, "20 ~ 00 00 03 220005").props.alias_maximum, 5);
	expect(4, "20 02 02 00", FOX_MQTT_MALFORMED);
	expect(5, "20 ~ 00 00 05 1800000001", FOX_MQTT_PROTOCOL_ERROR);
}

static void
test_delivery(void **state)
{
	FoxBuf		out = {0};
	FoxMqttDelivery d = {.topic = FOX_LIT("a"), .payload = FOX_LIT("xy"), .props = FOX_LIT("\x01\x01"),
	.own_props = FOX_LIT("\x0b\x05"), .id = 9, .qos = 1, .retain = true};
	FoxMqttPacket p;

	(void) state;
	fox_mqtt_encode_delivery(5, &d, &out);
	assert_int_equal(fox_mqtt_decode(5, fox_buf_view(&out), &p), FOX_MQTT_SUCCESS);
	assert_int_equal(p.props.subscription_id, 5);
	assert_true(p.id == 9 && p.qos == 1 && p.retain && fox_slice_is(p.payload, "xy"));
	fox_buf_reset(&out);
	fox_mqtt_encode_delivery(4, &d, &out);
	assert_true(fox_slice_eq(fox_buf_view(&out), from_text("33 07 0001'a' 0009 'xy'")));
	fox_buf_free(&out);
}

/* The same packets whole, and in pieces of every size. */
static void
test_stream(void **state)
{
	static const char text[] = "c000 3006 0001'a''xyz' 30c801 0001'a'";
	FoxSlice	begin = from_text(text);
	char		stream[400];
	size_t		len = begin.len + 197;

	(void) state;
	memcpy(stream, begin.ptr, begin.len);
	memset(stream + begin.len, 'p', 197);
	stream[len++] = (char) 0xe0;
	stream[len++] = 0;
	for (size_t step = 1; step <= len; step++)
	{
		static const size_t lengths[] = {2, 8, 203, 2};
		FoxMqttStream s = {0};
		FoxSlice	packet;
		int			n = 0;

		for (size_t at = 0; at < len; at += step)
		{
			const char *p = stream + at;
			const char *end = stream + (at + step < len ? at + step : len);

			while (fox_mqtt_next(&s, 1000, &p, end, &packet) == FOX_MQTT_PACKET)
				assert_int_equal(packet.len, lengths[n++]);
			assert_ptr_equal(p, end);
		}
		assert_int_equal(n, 4);
		fox_mqtt_stream_free(&s);
	}
}

static void
test_stream_broken(void **state)
{
	static const char *const streams[] = {"30 ffffffff 00", "30 c801 0001'a'"};

	(void) state;
	for (size_t i = 0; i < 2; i++)
		for (size_t step = 1; step < 8; step++)
		{
			FoxSlice	in = from_text(streams[i]);
			FoxMqttStream s = {0};
			FoxSlice	packet;
			int			n = 0;

			for (size_t at = 0; at < in.len; at += step)
			{
				const char *p = in.ptr + at;
				const char *end = in.ptr + (at + step < in.len ? at + step : in.len);

				while (fox_mqtt_next(&s, 100, &p, end, &packet) == FOX_MQTT_PACKET)
				{
					n++;
					assert_int_equal(packet.len, i == 0 ? 5 : 3);
				}
			}
			assert_int_equal(n, 1);
			fox_mqtt_stream_free(&s);
		}
}

static void
expect_wamp(const char *bytes_text, const char *args, const char *kwargs)
{
	FoxBuf		scratch = {0};
	FoxSlice	a;
	FoxSlice	k;

	assert_true(fox_mqtt_to_json(from_text(bytes_text), &scratch, &a, &k));
	if (args == NULL ? !fox_absent(a) : !fox_slice_is(a, args))
		fail_msg("%s: args %.*s", bytes_text, (int) a.len, a.ptr);
	if (kwargs == NULL ? !fox_absent(k) : !fox_slice_is(k, kwargs))
		fail_msg("%s: kwargs %.*s", bytes_text, (int) k.len, k.ptr);
	fox_buf_free(&scratch);
}

static void
expect_mqtt(const char *args, const char *kwargs, const char *text)
{
	FoxBuf		scratch = {0};
	FoxSlice	b;
	FoxSlice	p;

	assert_true(fox_mqtt_from_json(fox_cstr(args), fox_cstr(kwargs), &scratch, &b, &p));
	if (!fox_slice_eq(b, from_text(text)))
		fail_msg("%s %s: %.*s", args, kwargs, (int) b.len, b.ptr);
	fox_buf_free(&scratch);
}

static void
test_payloads(void **state)
{
	(void) state;
	expect_wamp("", NULL, NULL);
	expect_wamp("'[1,2]'", "[1,2]", NULL);
	expect_wamp("' {\"a\":1} '", NULL, "{\"a\":1}");
	expect_wamp("'{\"args\":[1],\"kwargs\":{\"b\":2}}'", "[1]", "{\"b\":2}");
	expect_wamp("'{\"args\":[1],\"kwargs\":{},\"c\":1}'", NULL, "{\"args\":[1],\"kwargs\":{},\"c\":1}");
	expect_wamp("'{\"args\":1,\"kwargs\":{}}'", NULL, "{\"args\":1,\"kwargs\":{}}");
	expect_wamp("'21.5'", "[21.5]", NULL);
	expect_wamp("'null'", "[null]", NULL);
	expect_wamp("'hello'", "[\"hello\"]", NULL);
	expect_wamp("'1 2'", "[\"1 2\"]", NULL);
	expect_wamp("ff00", "[\"\\u0000/wA=\"]", NULL);
	expect_mqtt(NULL, NULL, "");
	expect_mqtt("[]", "{}", "");
	expect_mqtt("[1]", NULL, "'1'");
	expect_mqtt("[1]", "{}", "'1'");
	expect_mqtt("[1,2]", NULL, "'[1,2]'");
	expect_mqtt("[]", "{\"a\":1}", "'{\"a\":1}'");
	expect_mqtt("[1]", "{\"a\":1}", "'{\"args\":[1],\"kwargs\":{\"a\":1}}'");
	expect_mqtt("[\"\\u0000/wA=\"]", NULL, "ff00");
	expect_mqtt("[\"t\\n\"]", NULL, "'\"t\\n\"'");
	fox_mqtt_strings_raw(true);
	expect_mqtt("[\"t\\n\"]", NULL, "'t' 0a");
	fox_mqtt_strings_raw(false);
}

static void
test_properties_json(void **state)
{
	FoxBuf		out = {0};
	uint8_t		qos;
	FoxSlice	props = from_text("0101 0200000009 2600016b00027676 2600016b000178 090001ff 030001't' 080003'a/b'");
	FoxSlice	payload;

	(void) state;
	fox_mqtt_props_json(props, &out);
	assert_true(fox_slice_is(fox_buf_view(&out), "{\"payload_format\":1,\"message_expiry\":9,\"content_type\":\"t\","
							 "\"response_topic\":\"a/b\",\"correlation_data\":\"\\u0000/w==\",\"user\":[[\"k\",\"vv\"],[\"k\",\"x\"]]}"));
	fox_buf_reset(&out);
	fox_mqtt_pack(2, FOX_LIT("pp"), FOX_LIT("bytes"), &out);
	assert_true(fox_mqtt_unpack(fox_buf_view(&out), &qos, &props, &payload));
	assert_true(qos == 2 && fox_slice_is(props, "pp") && fox_slice_is(payload, "bytes"));
	assert_false(fox_mqtt_unpack(FOX_LIT("\x01\x05"), &qos, &props, &payload));
	fox_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_malformed),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_publish_malformed),
		cmocka_unit_test(test_acknowledgements),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_delivery),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_broken),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_properties_json),
	};

	return cmocka_run_group_tests_name("mqtt_packet", tests, NULL, NULL);
}
