/*
 * fuzz_mqtt.c - packets of MQTT in a stream: whole and in pieces they are the same ones, what is well-formed
 * encodes to what decodes to the same, and topics and payloads come back from WAMP's notation.  The first byte
 * is the version and the size of the pieces.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "codec/mqtt_packet.h"
#include "codec/mqtt_payload.h"
#include "codec/mqtt_stream.h"
#include "codec/mqtt_topic.h"

static uint8_t version;

static void
check_topic(FoxSlice topic)
{
	FoxBuf		uri = {0};
	FoxBuf		back = {0};

	fox_topic_from_mqtt(topic, &uri);
	fox_topic_to_mqtt(fox_buf_view(&uri), &back);
	if (!fox_slice_eq(fox_buf_view(&back), topic))
		abort();
	fox_buf_free(&uri);
	fox_buf_free(&back);
}

static void
check_payload(FoxSlice payload, FoxSlice props)
{
	FoxBuf		scratch = {0};
	FoxSlice	args;
	FoxSlice	kwargs;

	if (!fox_mqtt_to_json(payload, &scratch, &args, &kwargs) ||
		(!fox_absent(args) && !fox_json_valid(args, NULL)) || (!fox_absent(kwargs) && !fox_json_valid(kwargs, NULL)))
		abort();
	fox_buf_reset(&scratch);
	if (!fox_absent(props))
		fox_mqtt_props_json(props, &scratch);
	if (scratch.len > 0 && !fox_json_valid(fox_buf_view(&scratch), NULL))
		abort();
	fox_buf_free(&scratch);
}

static void
check(FoxSlice packet)
{
	FoxMqttPacket p;
	FoxMqttPacket q;
	FoxMqttFilter f;
	FoxBuf		out = {0};
	FoxSlice	payload;

	if (fox_mqtt_decode(version, packet, &p) != FOX_MQTT_SUCCESS)
		return;
	fox_mqtt_encode(p.type == FOX_MQTT_CONNECT ? p.version : version, &p, &out);
	if (fox_mqtt_decode(version, fox_buf_view(&out), &q) != FOX_MQTT_SUCCESS || q.type != p.type || q.id != p.id ||
		q.reason != p.reason || q.qos != p.qos || !fox_slice_eq(q.topic, p.topic) || !fox_slice_eq(q.payload, p.payload))
		abort();
	fox_buf_free(&out);
	payload = p.payload;
	if (p.type == FOX_MQTT_SUBSCRIBE || p.type == FOX_MQTT_UNSUBSCRIBE)
		while (fox_mqtt_filter_next(p.type, &payload, &f))
		{
			fox_filter_from_mqtt(f.filter, &out);
			fox_buf_free(&out);
			out = (FoxBuf) {0};
		}
	if (p.type == FOX_MQTT_PUBLISH && p.topic.len > 0)
		check_topic(p.topic);
	if (p.type == FOX_MQTT_PUBLISH)
		check_payload(p.payload, p.props.raw);
}

/* A number that stands for the packets of the stream. */
static uint64_t
feed(const uint8_t *data, size_t size, size_t step)
{
	FoxMqttStream s = {0};
	FoxSlice	packet;
	uint64_t	sum = 0;

	for (size_t i = 0; i < size; i += step)
	{
		size_t		n = size - i < step ? size - i : step;
		char	   *piece = malloc(n);
		const char *at = piece;

		memcpy(piece, data + i, n);
		while (fox_mqtt_next(&s, 2048, &at, piece + n, &packet) == FOX_MQTT_PACKET)
		{
			check(packet);
			for (size_t k = 0; k < packet.len; k++)
				sum = sum * 31 + (unsigned char) packet.ptr[k] + 1;
		}
		if (at != piece + n)
			abort();
		free(piece);
	}
	fox_mqtt_stream_free(&s);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	version = (uint8_t) (3 + data[0] % 3);
	if (feed(data + 1, size - 1, size) != feed(data + 1, size - 1, 1 + data[0] / 4u))
		abort();
	return 0;
}
