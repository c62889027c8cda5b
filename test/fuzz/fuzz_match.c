/* fuzz_match.c - two JSON values, one after the other: a condition and what it is held against. */
#include <stdlib.h>

#include "codec/match.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = (const char *) data + size;
	FoxSlice	condition;
	FoxSlice	value;
	FoxBuf		merged = {0};
	const char *p = fox_json_scan((const char *) data, end, &condition, NULL);

	if (size > 1000 || p == NULL || fox_json_scan(p, end, &value, NULL) == NULL)
		return 0;
	fox_match(condition, value);
	fox_condition_valid(condition);
	if (!fox_json_equal(value, value))
		abort();
	fox_json_merge(value, condition, &merged);
	if (!fox_json_valid(fox_buf_view(&merged), NULL))
		abort();
	fox_buf_free(&merged);
	return 0;
}
