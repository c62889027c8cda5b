/*
 * fuzz_binary.c - any bytes as MessagePack, CBOR and JSON: what one function takes the other takes,
 * what becomes JSON is JSON, and going round once more changes nothing.
 */
#include <stdlib.h>

#include "codec/wamp_msg.h"

static void
must(bool condition)
{
	if (!condition)
		abort();
}

/* JSON that has been through the format comes out as it went in. */
static void
round_again(const FoxBinary *format, FoxSlice json)
{
	FoxBuf		binary = {0};
	FoxBuf		once = {0};
	FoxBuf		twice = {0};

	must(fox_binary_from_json(format, json, &binary));
	must(format->length(fox_buf_view(&binary)) == binary.len);
	must(format->to_json(fox_buf_view(&binary), &once));
	fox_buf_reset(&binary);
	must(fox_binary_from_json(format, fox_buf_view(&once), &binary));
	must(format->to_json(fox_buf_view(&binary), &twice));
	must(fox_slice_eq(fox_buf_view(&once), fox_buf_view(&twice)));
	fox_buf_free(&binary);
	fox_buf_free(&once);
	fox_buf_free(&twice);
}

static void
values(const FoxBinary *format, FoxSlice data)
{
	FoxBuf		json = {0};
	FoxBuf		text = {0};
	uint64_t	n;
	size_t		len = format->length(data);
	FoxSlice	value = fox_slice(data.ptr, len);

	must(len <= data.len);
	must(format->to_json(data, &json) == (len > 0 && len == data.len));
	if (len > 0)
	{
		fox_buf_reset(&json);
		must(format->to_json(value, &json));
		must(fox_json_valid(fox_buf_view(&json), NULL));
		must(format->kind(value) == FOX_JSON_NONE || format->kind(value) == fox_json_kind(fox_buf_view(&json)) ||
			 fox_json_kind(fox_buf_view(&json)) == FOX_JSON_NULL);
		must(!format->uint(value, &n) || n <= UINT64_C(1) << 53);
		must(fox_absent(format->text(value, &text)) == (format->kind(value) != FOX_JSON_STRING));
		round_again(format, fox_buf_view(&json));
	}
	else
		must(json.len == 0);
	fox_buf_free(&json);
	fox_buf_free(&text);
}

/* What decodes must encode to something that decodes to the same. */
static void
messages(FoxEncoding encoding, FoxSlice data)
{
	FoxMsg		first = {0};
	FoxMsg		second = {0};
	FoxBuf		dict = {0};
	FoxBuf		dict_again = {0};
	FoxBuf		out = {0};

	if (fox_msg_decode(encoding, data, &first, &dict) == NULL)
	{
		fox_msg_encode(encoding, &first, &out);
		must(!out.failed);
		must(fox_msg_decode(encoding, fox_buf_view(&out), &second, &dict_again) == NULL);
		must(first.type == second.type && first.id == second.id && first.id2 == second.id2);
		must(fox_slice_eq(first.uri, second.uri) && fox_absent(first.kwargs) == fox_absent(second.kwargs));
	}
	fox_buf_free(&first.scratch);
	fox_buf_free(&second.scratch);
	fox_buf_free(&dict);
	fox_buf_free(&dict_again);
	fox_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	FoxSlice	data = fox_slice((const char *) bytes, size);
	FoxBuf		out = {0};

	for (FoxEncoding encoding = FOX_MSGPACK; encoding <= FOX_CBOR; encoding++)
	{
		values(fox_binary_of(encoding), data);
		messages(encoding, data);
		if (fox_json_valid(data, NULL))
			round_again(fox_binary_of(encoding), data);
		else
			must(!fox_binary_from_json(fox_binary_of(encoding), data, &out) && out.len == 0);
	}
	fox_buf_free(&out);
	return 0;
}
