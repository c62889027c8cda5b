/*
 * test_vectors.c - JSON test vectors of other WAMP implementations.
 *
 * wamp-vectors.tsv holds a name and a message in hex per line.
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

#define EVENT_RECEIVED 337		/* acknowledged delivery, which nobody implements */

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

static void
check_vector(const char *name, FoxSlice text, int *decoded)
{
	FoxMsg		msg = {0};
	FoxMsg		again = {0};
	FoxBuf		out = {0};
	FoxSlice	type;
	uint64_t	number;
	size_t		pos = 0;
	const char *error;

	if (!fox_json_valid(text, NULL) || !fox_json_element(text, &pos, &type) || !fox_json_uint(type, &number))
		fail_msg("%s: the vector is no message", name);
	error = fox_msg_decode_json(text, &msg);
	if (number == EVENT_RECEIVED)
		assert_string_equal(error, "unknown message type");
	else if (has_bare_payload(text))
		assert_string_equal(error, "arguments must be a list");
	else
	{
		if (error != NULL)
			fail_msg("%s: %s: %.*s", name, error, (int) text.len, text.ptr);
		assert_int_equal(msg.type, number);
		fox_msg_encode_json(&msg, &out);
		assert_false(out.failed);
		if (!fox_json_equal(text, fox_buf_view(&out)))
			fail_msg("%s: %.*s became %.*s", name, (int) text.len, text.ptr, (int) out.len, out.data);
		assert_null(fox_msg_decode_json(fox_buf_view(&out), &again));
		++*decoded;
	}
	fox_buf_free(&out);
	fox_buf_free(&msg.scratch);
	fox_buf_free(&again.scratch);
}

static void
test_vectors(void **state)
{
	FILE	   *file = fopen("wamp-vectors.tsv", "r");
	char		line[8192];
	int			decoded = 0;
	int			lines = 0;

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *hex = strchr(line, '\t');
		FoxBuf		text = {0};
		unsigned	byte;

		assert_non_null(hex);
		*hex++ = '\0';
		for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
			fox_buf_char(&text, (char) byte);
		check_vector(line, fox_buf_view(&text), &decoded);
		fox_buf_free(&text);
		lines++;
	}
	fclose(file);
	assert_int_equal(lines, 59);
	assert_true(decoded > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
