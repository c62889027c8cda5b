/* fuzz_wamp_msg.c - what decodes must encode to something that decodes to the same. */
#include <stdlib.h>

#include "codec/wamp_msg.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FoxMsg first;
	static FoxMsg second;
	FoxBuf		out = {0};

	if (fox_msg_decode_json(fox_slice((const char *) data, size), &first) == NULL)
	{
		fox_msg_encode_json(&first, &out);
		if (fox_msg_decode_json(fox_buf_view(&out), &second) != NULL || first.type != second.type ||
			first.id != second.id || first.id2 != second.id2 || !fox_slice_eq(first.uri, second.uri))
			abort();
	}
	fox_buf_free(&out);
	return 0;
}
