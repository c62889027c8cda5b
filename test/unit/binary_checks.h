/*
 * binary_checks.h - tables of a binary format against JSON.
 *
 * Included by the test of one format, after cmocka.h.
 */
#ifndef BINARY_CHECKS_H
#define BINARY_CHECKS_H

#include "codec/binary.h"
#include "hex.h"

typedef struct Pair
{
	const char *hex;
	const char *json;
} Pair;

/* hex becomes json, is skipped wholly with anything behind it, and no part of it is a value. */
static inline void
check_reads(const FoxBinary *format, const char *hex, const char *json)
{
	FoxSlice	in = unhex(hex);
	FoxBuf		out = {0};

	fox_buf_str(&out, "before");
	if (!format->to_json(in, &out))
		fail_msg("%s: refused, should be %s", hex, json);
	fox_buf_char(&out, '\0');
	assert_memory_equal(out.data, "before", 6);
	if (strcmp(out.data + 6, json) != 0)
		fail_msg("%s: became %s, should be %s", hex, out.data + 6, json);
	if (!fox_json_valid(fox_cstr(out.data + 6), NULL))
		fail_msg("%s: no JSON: %s", hex, out.data + 6);
	assert_int_equal(format->length(in), in.len);
	for (size_t n = 0; n < in.len; n++)
	{
		FoxSlice	part = exactly(fox_slice(in.ptr, n));

		if (format->length(part) != 0)
			fail_msg("%s: the first %zu bytes are a value", hex, n);
		out.len = 6;
		if (format->to_json(part, &out) || out.len != 6)
			fail_msg("%s: the first %zu bytes became JSON", hex, n);
		free_slice(part);
	}
	free_slice(in);
	fox_buf_free(&out);
}

static inline void
check_writes(const FoxBinary *format, const char *json, const char *hex)
{
	FoxSlice	text = exactly(fox_cstr(json));
	FoxBuf		out = {0};
	char	   *got;

	fox_buf_str(&out, "before");
	if (!fox_binary_from_json(format, text, &out))
		fail_msg("%s: refused, should be %s", json, hex);
	got = to_hex(fox_slice(out.data + 6, out.len - 6));
	if (strcmp(got, hex) != 0)
		fail_msg("%s: became %s, should be %s", json, got, hex);
	assert_int_equal(format->length(fox_slice(out.data + 6, out.len - 6)), out.len - 6);
	free(got);
	free_slice(text);
	fox_buf_free(&out);
}

static inline void
check_malformed(const FoxBinary *format, const char *hex)
{
	FoxSlice	in = unhex(hex);
	FoxBuf		out = {0};

	fox_buf_str(&out, "before");
	if (format->length(in) != 0)
		fail_msg("%s: skipped %zu", hex, format->length(in));
	if (format->to_json(in, &out))
		fail_msg("%s: became %.*s", hex, (int) out.len - 6, out.data + 6);
	assert_int_equal(out.len, 6);
	free_slice(in);
	fox_buf_free(&out);
}

/* JSON that comes back as it was. */
static inline void
check_round_trip(const FoxBinary *format, FoxSlice json)
{
	FoxBuf		binary = {0};
	FoxBuf		again = {0};

	if (!fox_binary_from_json(format, json, &binary))
		fail_msg("refused: %.*s", (int) json.len, json.ptr);
	assert_int_equal(format->length(fox_buf_view(&binary)), binary.len);
	if (!format->to_json(fox_buf_view(&binary), &again))
		fail_msg("not read back: %.*s", (int) json.len, json.ptr);
	if (!fox_slice_eq(json, fox_buf_view(&again)))
		fail_msg("%.*s came back as %.*s", (int) json.len, json.ptr, (int) again.len, again.data);
	fox_buf_free(&binary);
	fox_buf_free(&again);
}

/* n arrays in each other. */
static inline FoxSlice
nested(const char *open, size_t n_open, const char *close, size_t n_close)
{
	FoxBuf		b = {0};

	for (size_t i = 0; i < n_open; i++)
		fox_buf_str(&b, open);
	for (size_t i = 0; i < n_close; i++)
		fox_buf_str(&b, close);
	return fox_buf_view(&b);
}

/* What every format does with JSON. */
static inline void
check_json(const FoxBinary *format)
{
	static const char *const same[] = {
		"null", "true", "false", "0", "1", "-1", "23", "24", "-24", "-25", "-32", "-33", "31", "32", "127", "128",
		"255", "256", "-128", "-129", "65535", "65536", "-32768", "-32769", "2147483647", "-2147483648",
		"-2147483649", "4294967295", "4294967296", "9007199254740993", "9223372036854775807",
		"9223372036854775808", "18446744073709551615", "-9223372036854775808",
		"1.0", "-1.0", "0.0", "-0.0", "0.1", "0.5", "1.5", "3.14", "100.25", "1e+300", "-2.5e-10", "5e-324",
		"1.7976931348623157e+308", "0.30000000000000004", "123456789.12345679", "1e+23", "9007199254740991.0",
		"0.00001", "1.0000000000000002", "2.220446049250313e-16", "999999999999999.9", "0.1234567890123456",
		"\"\"", "\"a\"", "\"\\\"\\\\\"", "\"\\u0001\\u001f\\u000a\"", "\"\x7f\"",
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\\u0000AQI=\"", "\"\\u0000\"", "\"\\u0000AQI\"",
		"\"\\u0000AQJ=\"", "\"\\u0000 \"", "\"a\\u0000AQI=\"",
		"[]", "{}", "[[]]", "[{}]", "{\"\":[]}", "{\"a\":1,\"a\":2}", "[1,2.0,\"x\",null,true,false,{\"k\":[-5]}]",
		"{\"\\u0000AQI=\":\"\\u0000AQI=\"}",
		"{\"a long key that does not fit in any short head\":\"and a text that is longer than that, too\"}",
	};
	static const char *const differs[][2] = {
		{" [ 1 , { \"a\" : [ ] } ] ", "[1,{\"a\":[]}]"}, {"-0", "0"}, {"1e0", "1.0"}, {"1E2", "100.0"}, {"2.50", "2.5"},
		{"18446744073709551616", "1.8446744073709552e+19"}, {"-9223372036854775809", "-9.223372036854776e+18"},
		{"99999999999999999999", "1e+20"}, {"100000000000000000000000", "1e+23"}, {"1e999", "null"},
		{"0.1000000000000000055511151231257827021181583404541015625", "0.1"},
		{"\"\\/\\b\\f\\n\\r\\t\\u0041\"", "\"/\\u0008\\u000c\\u000a\\u000d\\u0009A\""},
		{"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""}, {"\"\\u20AC\"", "\"\xe2\x82\xac\""},
		{"\"\\ud83d\"", "\"\xef\xbf\xbd\""}, {"\"\\ude00\\ud83d\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\"\\ud83dx\\u0041\"", "\"\xef\xbf\xbdxA\""}, {"\"\\u0000AA\\/\\/\"", "\"\\u0000AA//\""},
		{"{\"\\u0061\":1}", "{\"a\":1}"},
	};
	static const char *const malformed[] = {"", " ", "[", "[1,]", "1 2", "nul", "\"\xff\"", "\"\\x\"", "{1:2}", "[}"};
	FoxBuf		out = {0};
	FoxSlice	deep;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		check_round_trip(format, fox_cstr(same[i]));
	for (size_t i = 0; i < sizeof(differs) / sizeof(differs[0]); i++)
	{
		FoxBuf		binary = {0};

		assert_true(fox_binary_from_json(format, fox_cstr(differs[i][0]), &binary));
		fox_buf_reset(&out);
		assert_true(format->to_json(fox_buf_view(&binary), &out));
		fox_buf_char(&out, '\0');
		assert_string_equal(out.data, differs[i][1]);
		fox_buf_free(&binary);
	}
	fox_buf_reset(&out);
	fox_buf_str(&out, "before");
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
	{
		if (fox_binary_from_json(format, fox_cstr(malformed[i]), &out))
			fail_msg("accepted: %s", malformed[i]);
		assert_int_equal(out.len, 6);
	}
	assert_false(fox_binary_from_json(format, FOX_ABSENT, &out));
	fox_buf_free(&out);

	deep = nested("[", FOX_JSON_DEPTH, "]", FOX_JSON_DEPTH);
	check_round_trip(format, deep);
	free_slice(deep);
	deep = nested("{\"a\":", FOX_JSON_DEPTH, "}", 0);
	assert_false(fox_binary_from_json(format, deep, &out));
	free_slice(deep);
	deep = nested("[", FOX_JSON_DEPTH + 1, "]", FOX_JSON_DEPTH + 1);
	assert_false(fox_binary_from_json(format, deep, &out));
	free_slice(deep);
}

/* Arrays, maps and strings of every size where a head changes. */
static inline void
check_sizes(const FoxBinary *format)
{
	static const size_t sizes[] = {15, 16, 17, 23, 24, 31, 32, 255, 256, 1000, 1024, 3000, 65535, 65536, 70000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		FoxBuf		array = {0};
		FoxBuf		map = {0};
		FoxBuf		text = {0};

		fox_buf_char(&array, '[');
		fox_buf_char(&map, '{');
		fox_buf_char(&text, '"');
		for (size_t n = 0; n < sizes[i]; n++)
		{
			fox_buf_str(&array, n > 0 ? ",[7]" : "[7]");
			fox_buf_str(&map, n > 0 ? ",\"" : "\"");
			fox_buf_u64(&map, n);
			fox_buf_str(&map, "\":{}");
			fox_buf_char(&text, (char) ('a' + n % 26));
		}
		fox_buf_char(&array, ']');
		fox_buf_char(&map, '}');
		check_round_trip(format, fox_buf_view(&array));
		check_round_trip(format, fox_buf_view(&map));
		text.data[0] = '"';
		fox_buf_char(&text, '"');
		check_round_trip(format, fox_buf_view(&text));
		/* the same with something to escape at its end */
		text.len--;
		fox_buf_str(&text, "\\u0001\"");
		check_round_trip(format, fox_buf_view(&text));
		fox_buf_free(&array);
		fox_buf_free(&map);
		fox_buf_free(&text);
	}
}

#endif
