/*
 * test_msgpack.c - MessagePack to JSON and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "binary_checks.h"
#include "codec/msgpack.h"

static void
test_read(void **state)
{
	static const Pair table[] = {
		{"c0", "null"}, {"c2", "false"}, {"c3", "true"}, {"00", "0"}, {"7f", "127"}, {"ff", "-1"}, {"e0", "-32"},
		{"cc00", "0"}, {"ccff", "255"}, {"cdffff", "65535"}, {"ceffffffff", "4294967295"},
		{"cfffffffffffffffff", "18446744073709551615"}, {"cf0000000000000001", "1"},
		{"d0ff", "-1"}, {"d080", "-128"}, {"d07f", "127"}, {"d18000", "-32768"}, {"d17fff", "32767"},
		{"d280000000", "-2147483648"}, {"d300000000ffffffff", "4294967295"},
		{"d38000000000000000", "-9223372036854775808"}, {"d3ffffffffffffffff", "-1"},
		{"d37fffffffffffffff", "9223372036854775807"},
		{"ca3f800000", "1.0"}, {"ca3dcccccd", "0.10000000149011612"}, {"ca7fc00000", "null"}, {"caff800000", "null"},
		{"ca80000000", "-0.0"}, {"cb3ff0000000000000", "1.0"}, {"cb3fb999999999999a", "0.1"},
		{"cb7ff0000000000000", "null"}, {"cb7ff8000000000000", "null"}, {"cb0000000000000001", "5e-324"},
		{"cb4415af1d78b58c40", "1e+20"}, {"cb4340000000000000", "9007199254740992.0"},
		{"a0", "\"\""}, {"a3616263", "\"abc\""}, {"d903616263", "\"abc\""}, {"da0003616263", "\"abc\""},
		{"db00000003616263", "\"abc\""}, {"a4225c0a01", "\"\\\"\\\\\\u000a\\u0001\""}, {"a2c3a4", "\"\xc3\xa4\""},
		{"a4f09f9880", "\"\xf0\x9f\x98\x80\""}, {"a100", "\"\\u0000\""},
		{"c400", "\"\\u0000\""}, {"c40101", "\"\\u0000AQ==\""}, {"c4020102", "\"\\u0000AQI=\""},
		{"c50003010203", "\"\\u0000AQID\""}, {"c60000000401020304", "\"\\u0000AQIDBA==\""}, {"c403fffefb", "\"\\u0000//77\""},
		{"90", "[]"}, {"80", "{}"}, {"93010203", "[1,2,3]"}, {"dc0002c0c3", "[null,true]"}, {"dd0000000190", "[[]]"},
		{"81a16101", "{\"a\":1}"}, {"de0001a16190", "{\"a\":[]}"}, {"df00000001a16180", "{\"a\":{}}"},
		{"82a16101a16102", "{\"a\":1,\"a\":2}"}, {"8201c0ffc0", "{\"1\":null,\"-1\":null}"},
		{"81cfffffffffffffffff00", "{\"18446744073709551615\":0}"}, {"81d3800000000000000000", "{\"-9223372036854775808\":0}"},
		{"81a12200", "{\"\\\"\":0}"}, {"9281a16190a162", "[{\"a\":[]},\"b\"]"},
		{"d6ff00000000", "\"1970-01-01T00:00:00Z\""}, {"d6ffffffffff", "\"2106-02-07T06:28:15Z\""},
		{"d6ff5a4af6a5", "\"2018-01-02T03:04:05Z\""}, {"d6ff56d4e5ff", "\"2016-03-01T00:44:47Z\""},
		{"d6ff56d39000", "\"2016-02-29T00:25:36Z\""}, {"d7ff0000000400000000", "\"1970-01-01T00:00:00.000000001Z\""},
		{"d7ff00000007ffffffff", "\"2514-05-30T01:53:03.000000001Z\""},
		{"c70cff000000010000000000000000", "\"1970-01-01T00:00:00.000000001Z\""},
		{"c70cff3b9ac9ffffffffffffffffff", "\"1969-12-31T23:59:59.999999999Z\""},
		{"c70cff00000000fffffff1868b8400", "\"0000-01-01T00:00:00Z\""},
		{"c70cff000000000000003afff4417f", "\"9999-12-31T23:59:59Z\""}, {"c704ff00000000", "\"1970-01-01T00:00:00Z\""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_reads(&fox_msgpack, table[i].hex, table[i].json);
}

static void
test_malformed(void **state)
{
	static const char *const table[] = {
		"", "c1", "cc", "cd00", "ce000000", "cf00000000000000", "ca000000", "cb00000000000000",
		"a1", "d9", "d901", "da0001", "db00000001", "dbffffffff", "c401", "c6ffffffff",
		/* text that is no UTF-8 */
		"a1ff", "a180", "a2c080", "a2c3", "a3eda080", "a4f4908080", "81a1ff00",
		"b1616161616161616161616161616161ff61", "b16161616161616161616161616161ffff61",
		/* counts without elements */
		"91", "9201", "dc0001", "dcffff", "ddffffffff", "ddffffffff01", "dfffffffff", "df80000000", "81", "81a161", "8101",
		"8200c0", "92dd7fffffff", "9f01",
		/* keys */
		"81c000", "81c200", "81cb3ff000000000000000", "819000", "818000", "81c4016100", "81d6ff0000000000",
		/* extensions */
		"d400", "d480", "d7ff00", "c700ff", "c703ff000000", "c9ffffffffff", "d5ff0000",
		"d8ff00000000000000000000000000000000", "d7ffee6b280000000000", "c70cff3b9aca000000000000000000",
		"c70cff00000000fffffff1868b83ff", "c70cff000000000000003afff44180", "c70cff000000007fffffffffffffff",
		"c70cff000000008000000000000000",
	};
	FoxSlice	deep;
	char	   *hex;
	FoxBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_malformed(&fox_msgpack, table[i]);

	/* extensions of applications are bytes */
	assert_true(fox_msgpack_to_json(FOX_LIT("\xd6\x05\x00\x01\xfe\xff"), &out));
	assert_true(fox_slice_is(fox_buf_view(&out), "\"\\u0000AAH+/w==\""));
	assert_int_equal(fox_msgpack_skip(FOX_LIT("\xc7\x00\x7f")), 3);
	fox_buf_reset(&out);

	/* nesting, as deep as it goes and one level more */
	deep = nested("\x91", FOX_JSON_DEPTH - 1, "\x90", 1);
	assert_true(fox_msgpack_to_json(deep, &out));
	assert_true(fox_json_valid(fox_buf_view(&out), NULL));
	fox_buf_free(&out);
	free_slice(deep);
	deep = nested("\x91", FOX_JSON_DEPTH, "\x90", 1);
	hex = to_hex(deep);
	check_malformed(&fox_msgpack, hex);
	free(hex);
	free_slice(deep);
	deep = nested("\x81\xa1k", FOX_JSON_DEPTH, "\x80", 1);
	assert_int_equal(fox_msgpack_skip(deep), 0);
	free_slice(deep);
}

static void
test_write(void **state)
{
	static const Pair table[] = {
		{"c0", "null"}, {"c2", "false"}, {"c3", "true"}, {"00", "0"}, {"7f", "127"}, {"cc80", "128"}, {"ccff", "255"},
		{"cd0100", "256"}, {"cdffff", "65535"}, {"ce00010000", "65536"}, {"cf0000000100000000", "4294967296"},
		{"cfffffffffffffffff", "18446744073709551615"}, {"ff", "-1"}, {"e0", "-32"}, {"d0df", "-33"}, {"d080", "-128"},
		{"d1ff7f", "-129"}, {"d18000", "-32768"}, {"d2ffff7fff", "-32769"}, {"d280000000", "-2147483648"},
		{"d3ffffffff7fffffff", "-2147483649"}, {"d38000000000000000", "-9223372036854775808"},
		{"cbc3e0000000000000", "-9223372036854775809"}, {"cb43f0000000000000", "18446744073709551616"},
		{"cb3ff8000000000000", "1.5"}, {"cb3ff0000000000000", "1.0"}, {"cb8000000000000000", "-0.0"}, {"00", "-0"},
		{"cb7ff0000000000000", "1e400"}, {"cb54b249ad2594c37d", "1e100"},
		{"a0", "\"\""}, {"a161", "\"a\""}, {"a10a", "\"\\n\""}, {"a2c3a4", "\"\\u00e4\""}, {"a4f09f9880", "\"\\ud83d\\ude00\""},
		{"a3efbfbd", "\"\\ud83d\""}, {"a5e0a4850a61", "\"\xe0\xa4\x85\\na\""},
		{"c400", "\"\\u0000\""}, {"c40101", "\"\\u0000AQ==\""}, {"a400415139", "\"\\u0000AQ9\""},
		{"90", "[]"}, {"80", "{}"}, {"81a16192c0c0", "{\"a\":[null,null]}"}, {"81a50041513d3dc0", "{\"\\u0000AQ==\":null}"},
		{"dc001000000000000000000000000000000000", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"d9206161616161616161616161616161616161616161616161616161616161616161", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_writes(&fox_msgpack, table[i].json, table[i].hex);
}

static void
test_json(void **state)
{
	(void) state;
	check_json(&fox_msgpack);
	check_sizes(&fox_msgpack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
