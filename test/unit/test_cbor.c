/*
 * test_cbor.c - CBOR to JSON and back; many lines are from RFC 8949, appendix A.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "binary_checks.h"
#include "codec/cbor.h"

static void
test_read(void **state)
{
	static const Pair table[] = {
		{"00", "0"}, {"17", "23"}, {"1818", "24"}, {"1903e8", "1000"}, {"1a000f4240", "1000000"},
		{"1b000000e8d4a51000", "1000000000000"}, {"1bffffffffffffffff", "18446744073709551615"}, {"1800", "0"},
		{"20", "-1"}, {"29", "-10"}, {"3863", "-100"}, {"3903e7", "-1000"}, {"3b7fffffffffffffff", "-9223372036854775808"},
		{"3bffffffffffffffff", "-18446744073709551616"},
		{"f4", "false"}, {"f5", "true"}, {"f6", "null"}, {"f7", "null"},
		{"f90000", "0.0"}, {"f98000", "-0.0"}, {"f93c00", "1.0"}, {"f93e00", "1.5"}, {"f97bff", "65504.0"},
		{"f90001", "5.960464477539063e-08"}, {"f90400", "0.00006103515625"}, {"f9c400", "-4.0"},
		{"f97c00", "null"}, {"f97e00", "null"}, {"f9fc00", "null"},
		{"fa47c35000", "100000.0"}, {"fa7f7fffff", "3.4028234663852886e+38"}, {"fa7f800000", "null"},
		{"fb3ff199999999999a", "1.1"}, {"fbc010666666666666", "-4.1"}, {"fb7e37e43c8800759c", "1e+300"},
		{"fb7ff8000000000000", "null"},
		{"60", "\"\""}, {"6161", "\"a\""}, {"62225c", "\"\\\"\\\\\""}, {"62c3bc", "\"\xc3\xbc\""}, {"6100", "\"\\u0000\""},
		{"7803616263", "\"abc\""}, {"7b0000000000000003616263", "\"abc\""}, {"64f0908591", "\"\xf0\x90\x85\x91\""},
		{"40", "\"\\u0000\""}, {"4401020304", "\"\\u0000AQIDBA==\""}, {"5803fffefb", "\"\\u0000//77\""},
		{"80", "[]"}, {"83010203", "[1,2,3]"}, {"8301820203820405", "[1,[2,3],[4,5]]"}, {"9b000000000000000101", "[1]"},
		{"a0", "{}"}, {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"}, {"826161a161626163", "[\"a\",{\"b\":\"c\"}]"},
		{"a201022003", "{\"1\":2,\"-1\":3}"}, {"a2616101616102", "{\"a\":1,\"a\":2}"},
		{"a13bffffffffffffffff00", "{\"-18446744073709551616\":0}"},
		/* indefinite lengths */
		{"5f42010243030405ff", "\"\\u0000AQIDBAU=\""}, {"5fff", "\"\\u0000\""}, {"5f410141024103ff", "\"\\u0000AQID\""},
		{"7f657374726561646d696e67ff", "\"streaming\""}, {"7fff", "\"\""}, {"7f6060ff", "\"\""},
		{"9fff", "[]"}, {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"}, {"83018202039f0405ff", "[1,[2,3],[4,5]]"},
		{"bfff", "{}"}, {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"}, {"bf6346756ef563416d7421ff", "{\"Fun\":true,\"Amt\":-2}"},
		{"bf7f61616162ff01ff", "{\"ab\":1}"}, {"9f9fff9fffff", "[[],[]]"},
		/* tags */
		{"c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\""}, {"c11a514b67b0", "1363896240"},
		{"c1fb41d452d9ec200000", "1363896240.5"}, {"d9d9f783010203", "[1,2,3]"}, {"c0c1d818f6", "null"},
		{"d818456449455446", "\"\\u0000ZElFVEY=\""}, {"a16161c101", "{\"a\":1}"}, {"81c100", "[0]"},
		{"db000000010000000001", "1"},
		{"c240", "0"}, {"c24101", "1"}, {"c340", "-1"}, {"c34101", "-2"}, {"c248ffffffffffffffff", "18446744073709551615"},
		{"c348ffffffffffffffff", "-18446744073709551616"}, {"c24a0000ffffffffffffffff", "18446744073709551615"},
		{"c249010000000000000000", "1.8446744073709552e+19"}, {"c349010000000000000000", "-1.8446744073709552e+19"},
		{"c25f420100480000000000000000ff", "4.722366482869645e+21"}, {"c25f41014100ff", "256"},
		/* 2^71 + 2^18 is the middle of two doubles: even wins, unless anything is behind it */
		{"c249800000000000040000", "2.3611832414348226e+21"}, {"c249800000000000040001", "2.361183241434823e+21"},
		{"c349800000000000040000", "-2.361183241434823e+21"}, {"c34980000000000003ffff", "-2.3611832414348226e+21"},
		{"c349ffffffffffffffffff", "-4.722366482869645e+21"},
	};
	FoxBuf		big = {0};
	FoxBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_reads(&fox_cbor, table[i].hex, table[i].json);

	/* more than a double holds */
	fox_buf_put(&big, "\xc2\x58\xff", 3);
	for (int i = 0; i < 255; i++)
		fox_buf_char(&big, '\x01');
	assert_true(fox_cbor_to_json(fox_buf_view(&big), &out));
	assert_true(fox_slice_is(fox_buf_view(&out), "null"));
	fox_buf_free(&big);
	fox_buf_free(&out);
}

static void
test_malformed(void **state)
{
	static const char *const table[] = {
		"", "18", "19", "1a000000", "1b00000000000000", "1c", "1d", "1e", "1f", "3c", "3f", "5c", "7d", "9e", "bc", "dc", "df",
		"fc", "fd", "fe", "ff", "e0", "f0", "f3", "f800", "f818", "f81f", "f8ff", "f820", "f93c", "fa000000", "fb00000000000000",
		"41", "5801", "5bffffffffffffffff", "61", "7bffffffffffffffff", "7a7fffffff",
		/* text that is no UTF-8 */
		"61ff", "62c080", "61c3", "63eda080", "7f61c361a4ff", "a161ff00",
		/* counts without elements */
		"81", "9b8000000000000000", "9bffffffffffffffff", "bb8000000000000000", "bbffffffffffffffff", "bb0000000000000001",
		"a1", "a16161", "829a7fffffff", "9affffffff010101",
		/* indefinite lengths */
		"5f", "7f", "9f", "bf", "9f01", "9f9f01ff", "bf6161", "bf616101", "bf6161ff", "81ff", "a1ff", "a16161ff",
		"5f6161ff", "7f4161ff", "5f5f4101ffff", "7f7f6161ffff", "5f01ff", "7fc16161ff", "5f4101", "7f5f", "c1ff", "9fc1ff",
		"d8", "c1", "c0c0", "d9d9f7",
		/* keys */
		"a1f600", "a1f400", "a1f93c0000", "a18000", "a1a000", "a1416100", "a1c1616100", "a1c2410100",
		/* big numbers */
		"c2", "c201", "c26161", "c2f6", "c25f", "c25f6161ff", "c280", "c2c24101", "c358ff",
	};
	FoxSlice	deep;
	FoxBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_malformed(&fox_cbor, table[i]);

	/* nesting, as deep as it goes and one level more */
	for (int indefinite = 0; indefinite < 2; indefinite++)
	{
		deep = nested(indefinite ? "\x9f" : "\x81", FOX_JSON_DEPTH - 1, "\x80", 1);
		for (int i = 1; indefinite && i < FOX_JSON_DEPTH; i++)
		{
			FoxBuf		longer = {0};

			fox_buf_slice(&longer, deep);
			fox_buf_char(&longer, '\xff');
			free_slice(deep);
			deep = fox_buf_view(&longer);
		}
		fox_buf_reset(&out);
		assert_true(fox_cbor_to_json(deep, &out));
		assert_true(fox_json_valid(fox_buf_view(&out), NULL));
		free_slice(deep);
		deep = nested(indefinite ? "\x9f" : "\x81", FOX_JSON_DEPTH, indefinite ? "\xff" : "\x80",
					  indefinite ? FOX_JSON_DEPTH : 1);
		assert_int_equal(fox_cbor_skip(deep), indefinite ? deep.len : 0);
		free_slice(deep);
	}
	deep = nested("\x9f", FOX_JSON_DEPTH + 1, "\xff", FOX_JSON_DEPTH + 1);
	assert_int_equal(fox_cbor_skip(deep), 0);
	free_slice(deep);
	/* tags are no level */
	deep = nested("\xc1", 100000, "\x01", 1);
	assert_int_equal(fox_cbor_skip(deep), deep.len);
	free_slice(deep);
	fox_buf_free(&out);
}

static void
test_write(void **state)
{
	static const Pair table[] = {
		{"f6", "null"}, {"f4", "false"}, {"f5", "true"}, {"00", "0"}, {"17", "23"}, {"1818", "24"}, {"18ff", "255"},
		{"190100", "256"}, {"19ffff", "65535"}, {"1a00010000", "65536"}, {"1b0000000100000000", "4294967296"},
		{"1bffffffffffffffff", "18446744073709551615"}, {"20", "-1"}, {"37", "-24"}, {"3818", "-25"}, {"3863", "-100"},
		{"3b7fffffffffffffff", "-9223372036854775808"}, {"fbc3e0000000000000", "-9223372036854775809"},
		{"fb43f0000000000000", "18446744073709551616"}, {"fb3ff8000000000000", "1.5"}, {"fb3ff0000000000000", "1.0"},
		{"60", "\"\""}, {"6161", "\"a\""}, {"610a", "\"\\n\""}, {"64f09f9880", "\"\\ud83d\\ude00\""}, {"63efbfbd", "\"\\udc00\""},
		{"40", "\"\\u0000\""}, {"4101", "\"\\u0000AQ==\""}, {"6400415139", "\"\\u0000AQ9\""},
		{"80", "[]"}, {"a0", "{}"}, {"a1616182f6f6", "{\"a\":[null,null]}"}, {"a1650041513d3df6", "{\"\\u0000AQ==\":null}"},
		{"9818" "000000000000000000000000000000000000000000000000", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"7818616161616161616161616161616161616161616161616161", "\"aaaaaaaaaaaaaaaaaaaaaaaa\""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_writes(&fox_cbor, table[i].json, table[i].hex);
}

static void
test_json(void **state)
{
	(void) state;
	check_json(&fox_cbor);
	check_sizes(&fox_cbor);
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
