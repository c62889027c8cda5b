/*
 * mqtt_scram.c - messages of SCRAM-SHA-256 (see mqtt_scram.h).
 *
 * A log-in of WAMP-SCRAM computes over the very same text, so the messages are only taken apart here
 * and put together.
 */
#include "gate/mqtt_scram.h"

#include <string.h>

#include "codec/json.h"

#include "base/pure.h"

/* What stands before the next comma, without "<letter>="; it and the comma are taken off. */
static bool
attribute(FoxSlice *rest, char letter, FoxSlice *value)
{
	const char *comma = rest->len > 0 ? memchr(rest->ptr, ',', rest->len) : NULL;
	size_t		len = comma != NULL ? (size_t) (comma - rest->ptr) : rest->len;

	if (len < 2 || rest->ptr[0] != letter || rest->ptr[1] != '=')
		return false;
	*value = fox_slice(rest->ptr + 2, len - 2);
	len += comma != NULL;
	*rest = fox_slice(rest->ptr + len, rest->len - len);
	return true;
}

bool
fox_scram_first(FoxSlice data, FoxScramFirst *first)
{
	FoxSlice	rest;

	if (data.len < 3 || (data.ptr[0] != 'n' && data.ptr[0] != 'y') || data.ptr[1] != ',' || data.ptr[2] != ',')
		return false;
	first->flag = data.ptr[0];
	rest = fox_slice(data.ptr + 3, data.len - 3);
	return attribute(&rest, 'n', &first->name) && attribute(&rest, 'r', &first->nonce) && rest.len == 0;
}

bool
fox_scram_name(FoxSlice name, FoxBuf *out)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != '=')
			fox_buf_char(out, name.ptr[i]);
		else if (i + 2 < name.len && memcmp(name.ptr + i, "=2C", 3) == 0)
			fox_buf_char(out, ','), i += 2;
		else if (i + 2 < name.len && memcmp(name.ptr + i, "=3D", 3) == 0)
			fox_buf_char(out, '='), i += 2;
		else
			return false;
	return !out->failed;
}

bool
fox_scram_server_first(FoxSlice challenge, FoxBuf *out)
{
	static const struct
	{
		const char *before;
		const char *member;
	}			parts[] = {{"r=", "nonce"}, {",s=", "salt"}};
	FoxBuf		scratch = {0};
	uint64_t	iterations = 0;
	bool		fits = fox_slice_is(fox_json_get(challenge, "kdf"), "\"pbkdf2\"") &&
		fox_json_uint(fox_json_get(challenge, "iterations"), &iterations);

	for (size_t i = 0; fits && i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		fox_buf_str(out, parts[i].before);
		fox_buf_reset(&scratch);
		fox_buf_slice(out, fox_json_text(fox_json_get(challenge, parts[i].member), &scratch));
	}
	fox_buf_str(out, ",i=");
	fox_buf_u64(out, iterations);
	fox_buf_free(&scratch);
	return fits && !out->failed;
}

bool
fox_scram_final(FoxSlice data, char flag, FoxSlice *nonce, FoxSlice *proof)
{
	FoxSlice	binding;

	return attribute(&data, 'c', &binding) && fox_slice_is(binding, flag == 'n' ? "biws" : "eSws") &&
		attribute(&data, 'r', nonce) && attribute(&data, 'p', proof) && data.len == 0;
}
