/*
 * test_vectors.c - test vectors of other WAMP implementations.
 *
 * wamp-vectors.tsv holds a name, an encoding, a message in hex and the same in JSON per line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/match.h"
#include "codec/wamp_msg.h"
#include "hex.h"

/*
 * Encrypted payloads as a bare string in the place of args: an early form of payload
 * passthru; the specification has a list with one binary element there.
 */
static bool
has_bare_payload(FoxSlice message)
{
	FoxSlice	value;
	FoxSlice	dict = FOX_ABSENT;
	FoxSlice	last = FOX_ABSENT;
	size_t		pos = 0;

	while (fox_json_element(message, &pos, &value))
	{
		if (fox_json_kind(value) == FOX_JSON_OBJECT)
			dict = value;
		last = value;
	}
	return !fox_absent(fox_json_get(dict, "enc_algo")) && fox_json_kind(last) == FOX_JSON_STRING;
}

/* The whole message as JSON: its own text, or what a binary one is rewritten to. */
static FoxSlice
as_json(const char *name, FoxEncoding encoding, FoxSlice message, FoxBuf *out)
{
	const FoxBinary *binary = fox_binary_of(encoding);

	if (binary == NULL)
		return message;
	assert_int_equal(binary->length(message), message.len);
	if (!binary->to_json(message, out))
		fail_msg("%s: no JSON", name);
	return fox_buf_view(out);
}

/* The JSON form of a binary message is rewritten in its encoding and comes back. */
static void
check_rewriting(FoxEncoding encoding, FoxSlice json)
{
	FoxBuf		binary = {0};
	FoxBuf		again = {0};

	if (encoding != FOX_JSON)
	{
		assert_true(fox_binary_from_json(fox_binary_of(encoding), json, &binary));
		assert_true(fox_binary_of(encoding)->to_json(fox_buf_view(&binary), &again));
		assert_true(fox_json_equal(json, fox_buf_view(&again)));
	}
	fox_buf_free(&binary);
	fox_buf_free(&again);
}

static void
check_vector(const char *name, FoxEncoding encoding, FoxSlice message, FoxSlice expected, int *decoded)
{
	FoxMsg		msg = {0};
	FoxMsg		again = {0};
	FoxBuf		dict = {0};
	FoxBuf		json = {0};
	FoxBuf		out = {0};
	FoxBuf		out_json = {0};
	FoxSlice	text = as_json(name, encoding, message, &json);
	FoxSlice	type;
	uint64_t	number;
	size_t		pos = 0;
	const char *error;

	if (!fox_json_valid(text, NULL) || !fox_json_element(text, &pos, &type) || !fox_json_uint(type, &number))
		fail_msg("%s: the vector is no message", name);
	if (!fox_json_equal(text, expected))
		fail_msg("%s: %.*s", name, (int) text.len, text.ptr);
	check_rewriting(encoding, expected);
	error = fox_msg_decode(encoding, message, &msg, &dict);
	if (has_bare_payload(text))
		assert_string_equal(error, "arguments must be a list");
	else
	{
		if (error != NULL)
			fail_msg("%s: %s: %.*s", name, error, (int) text.len, text.ptr);
		assert_int_equal(msg.type, number);
		assert_int_equal(msg.encoding, encoding);
		assert_true(fox_absent(msg.dict) || fox_json_kind(msg.dict) == FOX_JSON_OBJECT);
		fox_msg_encode(encoding, &msg, &out);
		assert_false(out.failed);
		/* binary forms are as short as can be, so that the same bytes come back */
		if (encoding != FOX_JSON && !fox_slice_eq(message, fox_buf_view(&out)))
			fail_msg("%s: other bytes", name);
		text = as_json(name, encoding, fox_buf_view(&out), &out_json);
		if (!fox_json_equal(expected, text))
			fail_msg("%s: %.*s became %.*s", name, (int) expected.len, expected.ptr, (int) text.len, text.ptr);
		fox_buf_reset(&dict);
		assert_null(fox_msg_decode(encoding, fox_buf_view(&out), &again, &dict));
		++*decoded;
	}
	fox_buf_free(&dict);
	fox_buf_free(&json);
	fox_buf_free(&out);
	fox_buf_free(&out_json);
	fox_buf_free(&msg.scratch);
	fox_buf_free(&again.scratch);
}

static FoxEncoding
encoding_of(const char *name)
{
	if (strcmp(name, "msgpack") == 0)
		return FOX_MSGPACK;
	if (strcmp(name, "cbor") == 0)
		return FOX_CBOR;
	assert_string_equal(name, "json");
	return FOX_JSON;
}

static void
test_vectors(void **state)
{
	FILE	   *file = fopen("wamp-vectors.tsv", "r");
	char		line[8192];
	int			decoded[FOX_ENCODINGS] = {0};
	int			lines[FOX_ENCODINGS] = {0};

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *name = strtok(line, "\t\n");
		char	   *encoding_name = strtok(NULL, "\t\n");
		char	   *hex = strtok(NULL, "\t\n");
		char	   *json = strtok(NULL, "\t\n");
		FoxEncoding encoding;
		FoxSlice	message;

		assert_non_null(json);
		encoding = encoding_of(encoding_name);
		message = unhex(hex);
		check_vector(name, encoding, message, fox_cstr(json), &decoded[encoding]);
		free_slice(message);
		lines[encoding]++;
	}
	fclose(file);
	assert_int_equal(lines[FOX_JSON], 59);
	assert_int_equal(lines[FOX_MSGPACK], 35);
	assert_int_equal(lines[FOX_CBOR], 35);
	assert_true(decoded[FOX_JSON] > 50);
	assert_int_equal(decoded[FOX_MSGPACK], 31);
	assert_int_equal(decoded[FOX_CBOR], 31);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
