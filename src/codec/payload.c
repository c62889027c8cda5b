/*
 * payload.c - payloads from one encoding to another (see payload.h).
 */
#include "codec/payload.h"

#include "codec/cbor.h"
#include "codec/mqtt_payload.h"
#include "codec/msgpack.h"
#include "base/pure.h"

const FoxBinary *
fox_binary_of(FoxEncoding encoding)
{
	switch (encoding)
	{
		case FOX_MSGPACK:
			return &fox_msgpack;
		case FOX_CBOR:
			return &fox_cbor;
		default:
			return NULL;
	}
}

/* Appends value in the other encoding; two binary ones meet in JSON. */
static bool
rewrite(const FoxBinary *from, const FoxBinary *to, FoxSlice value, FoxBuf *out)
{
	FoxBuf		json = {0};
	bool		done;

	if (from == NULL)
		return fox_binary_from_json(to, value, out);
	if (to == NULL)
		return from->to_json(value, out);
	done = from->to_json(value, &json) && fox_binary_from_json(to, fox_buf_view(&json), out);
	out->failed |= json.failed;
	fox_buf_free(&json);
	return done;
}

/* Both halves of a payload, one behind the other in scratch. */
static bool
rewrite_both(const FoxPayload *in, FoxEncoding encoding, FoxBuf *scratch, FoxPayload *out)
{
	const FoxBinary *from = fox_binary_of(in->encoding);
	const FoxBinary *to = fox_binary_of(encoding);
	size_t		start = scratch->len;
	size_t		middle;

	if (!fox_absent(in->args) && !rewrite(from, to, in->args, scratch))
		return false;
	middle = scratch->len;
	if (!fox_absent(in->kwargs) && !rewrite(from, to, in->kwargs, scratch))
	{
		scratch->len = start;
		return false;
	}
	*out = (FoxPayload){
		.encoding = encoding,
		.args = fox_absent(in->args) ? FOX_ABSENT : fox_slice(scratch->data + start, middle - start),
		.kwargs = fox_absent(in->kwargs) ? FOX_ABSENT : fox_slice(scratch->data + middle, scratch->len - middle),
	};
	return true;
}

/* An application message of MQTT and args and kwargs meet in JSON. */
static bool
by_way_of_json(const FoxPayload *in, FoxEncoding encoding, FoxBuf *scratch, FoxPayload *out)
{
	FoxBuf		memory = {0};
	FoxPayload	json;
	bool		done = fox_payload_as(in, FOX_JSON, &memory, &json) && fox_payload_as(&json, encoding, scratch, out);

	scratch->failed |= memory.failed;
	fox_buf_free(&memory);
	return done;
}

bool
fox_payload_as(const FoxPayload *in, FoxEncoding encoding, FoxBuf *scratch, FoxPayload *out)
{
	FoxEncoding from = in->encoding;
	FoxPayload	made = {.encoding = encoding};	/* out may be in */
	bool		done;

	if (from == encoding)
	{
		*out = *in;
		return true;
	}
	if (from == FOX_MQTT && encoding == FOX_JSON)
		done = fox_mqtt_to_json(in->args, scratch, &made.args, &made.kwargs);
	else if (from == FOX_JSON && encoding == FOX_MQTT)
		done = fox_mqtt_from_json(in->args, in->kwargs, scratch, &made.args, &made.kwargs);
	else if (from == FOX_MQTT || encoding == FOX_MQTT)
		done = by_way_of_json(in, encoding, scratch, &made);
	else
		done = rewrite_both(in, encoding, scratch, &made);
	if (done)
		*out = made;
	return done;
}
