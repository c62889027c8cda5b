/* fuzz_json.c - any bytes are scanned; what is valid must survive walking and unescaping. */
#include <stdlib.h>

#include "codec/json.h"

static void
walk(FoxSlice value, int depth)
{
	FoxBuf		scratch = {0};
	FoxSlice	key;
	FoxSlice	item;
	size_t		pos = 0;
	FoxKind		kind;
	uint64_t	n;
	double		d;

	if (!fox_json_valid(value, &kind) || kind != fox_json_kind(value) || depth > FOX_JSON_DEPTH)
		abort();
	fox_json_text(value, &scratch);
	fox_json_uint(value, &n);
	fox_json_double(value, &d);
	while (fox_json_element(value, &pos, &item))
		walk(item, depth + 1);
	pos = 0;
	while (fox_json_member(value, &pos, &key, &item))
	{
		fox_json_key_is(key, "a");
		walk(item, depth + 1);
	}
	fox_buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoxSlice	value;

	if (size < 2000 && fox_json_scan((const char *) data, (const char *) data + size, &value, NULL) != NULL)
		walk(value, 0);
	return 0;
}
