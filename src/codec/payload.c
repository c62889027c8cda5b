/*
 * payload.c - payloads from one encoding to another (see payload.h).
 */
#include "codec/payload.h"

#include "codec/cbor.h"
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

bool
fox_payload_as(const FoxPayload *in, FoxEncoding encoding, FoxBuf *scratch, FoxPayload *out)
{
	const FoxBinary *from = fox_binary_of(in->encoding);
	const FoxBinary *to = fox_binary_of(encoding);
	size_t		start = scratch->len;
	size_t		middle;

	if (in->encoding == encoding)
	{
		*out = *in;
		return true;
	}
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
