/*
 * test_codec.c - the JSON scanner, its walks and texts, merging, and WAMP messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/match.h"
#include "codec/utf8.h"
#include "codec/wamp_msg.h"

/*
 * The text in memory of exactly its size, so that the sanitizer sees every byte that
 * is read past its end.
 */
static bool
valid(FoxSlice text, FoxKind *kind)
{
	char	   *copy = malloc(text.len ? text.len : 1);
	bool		result;

	memcpy(copy, text.ptr, text.len);
	result = fox_json_valid(fox_slice(copy, text.len), kind);
	free(copy);
	return result;
}

static void
test_json_valid(void **state)
{
	static const struct
	{
		const char *text;
		FoxKind		kind;
	}			table[] = {
		{"null", FOX_JSON_NULL}, {" true\n", FOX_JSON_TRUE}, {"\tfalse\r", FOX_JSON_FALSE},
		{"0", FOX_JSON_NUMBER}, {"-0", FOX_JSON_NUMBER}, {"12", FOX_JSON_NUMBER},
		{"-1.50", FOX_JSON_NUMBER}, {"0e0", FOX_JSON_NUMBER}, {"1E+2", FOX_JSON_NUMBER},
		{"1.0e-99999", FOX_JSON_NUMBER}, {"123456789012345678901234567890", FOX_JSON_NUMBER},
		{"\"\"", FOX_JSON_STRING}, {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", FOX_JSON_STRING},
		{"\"\\u0000\\uAbCd\"", FOX_JSON_STRING}, {"\"\x7f\"", FOX_JSON_STRING},
		{"\"\\ud83d\\ude00\"", FOX_JSON_STRING}, {"\"\\ud83d\"", FOX_JSON_STRING},
		{"[]", FOX_JSON_ARRAY}, {"[ ]", FOX_JSON_ARRAY}, {"[1,[2,[]],{}]", FOX_JSON_ARRAY},
		{" [ 1 , 2 ] ", FOX_JSON_ARRAY},
		{"{}", FOX_JSON_OBJECT}, {"{ }", FOX_JSON_OBJECT}, {"{\"\":{\"\":[]}}", FOX_JSON_OBJECT},
		{" { \"a\" : 1 , \"a\" : 2 } ", FOX_JSON_OBJECT},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxKind		kind = FOX_JSON_NONE;

		if (!valid(fox_cstr(table[i].text), &kind) || kind != table[i].kind)
			fail_msg("valid, but refused or of kind %d: %s", kind, table[i].text);
	}
}

static void
test_json_invalid(void **state)
{
	static const char *const table[] = {
		"", " ", "nul", "nulL", "null1", "True", "tru", "truee", "fals", "NaN", "Infinity", "-",
		"+1", "01", "-01", "1.", ".5", "1.e1", "1e", "1e+", "1e-", "0x10", "1 2", "--1", "1_0",
		"\"", "\"a", "'a'", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\", "\"\\u",
		"\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\"\x1f\"", "\"\\U0041\"",
		"[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1}", "[1]]", "[\"a]",
		"{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}",
		"{\"a\" 1}", "{\"a\":}", "{1:1}", "{\"a\":1]", "{\"a\":1 \"b\":2}", "{\"a\"::1}",
		"{null:1}", "{\"a\",1}", "[\"a\":1]", "/**/1", "1//", "\xEF\xBB\xBF" "1", "\xC2\xA0" "1", "\v1",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (valid(fox_cstr(table[i]), NULL))
			fail_msg("accepted: %s", table[i]);
	assert_false(fox_json_valid(FOX_ABSENT, NULL));
	assert_false(valid(fox_slice("1\0", 2), NULL));
	assert_false(valid(fox_slice("\"a\0b\"", 5), NULL));
}

/* Whatever is cut off a valid text is missing. */
static void
test_json_cut_off(void **state)
{
	static const char text[] = "{\"a\\u00e4\\n\":[1.5e-3,true,false,null,\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"],\"b\":{}}";

	(void) state;
	assert_true(valid(FOX_LIT(text), NULL));
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		if (valid(fox_slice(text, n), NULL))
			fail_msg("accepted: %.*s", (int) n, text);
}

static void
test_json_utf8(void **state)
{
	static const char *const good[] = {
		"\"\xc2\x80\"", "\"\xdf\xbf\"", "\"\xe0\xa0\x80\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"",
		"\"\xef\xbf\xbf\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"", "{\"\xc3\xa4\":1}",
	};
	static const char *const bad[] = {
		"\"\x80\"", "\"\xbf\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xc2\"", "\"\xc2\xc2\"", "\"\xe0\x9f\xbf\"",
		"\"\xe2\x82\"", "\"\xe2\x82\x28\"", "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"", "\"\xf0\x8f\xbf\xbf\"",
		"\"\xf0\x9f\x98\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xfe\"",
		"\"\xff\"", "{\"\xff\":1}", "\"\xe2", "\"\xf0\x9f\x98",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!valid(fox_cstr(good[i]), NULL))
			fail_msg("good text %zu is refused", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (valid(fox_cstr(bad[i]), NULL))
			fail_msg("bad text %zu is accepted", i);
}

static bool
nested(int depth, const char *open, const char *inside, const char *close)
{
	FoxBuf		b = {0};
	bool		result;

	for (int i = 0; i < depth; i++)
		fox_buf_str(&b, open);
	fox_buf_str(&b, inside);
	for (int i = 0; i < depth; i++)
		fox_buf_str(&b, close);
	result = valid(fox_buf_view(&b), NULL);
	fox_buf_free(&b);
	return result;
}

static void
test_utf8_clip(void **state)
{
	/* one, two, three and four bytes */
	static const char text[] = "a\xc3\xa9\xe6\xbc\xa2\xf0\x9f\xa6\x8a";
	static const size_t fits[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

	(void) state;
	for (size_t max = 0; max < sizeof(fits) / sizeof(fits[0]); max++)
		assert_int_equal(fox_utf8_clip(fox_cstr(text), max).len, fits[max]);
	assert_int_equal(fox_utf8_clip(FOX_ABSENT, 5).len, 0);
}

static void
test_json_depth(void **state)
{
	(void) state;
	assert_int_equal(FOX_JSON_DEPTH, 128);
	assert_true(nested(128, "[", "", "]"));
	assert_false(nested(129, "[", "", "]"));
	assert_true(nested(128, "[", "1", "]"));
	assert_false(nested(129, "[", "1", "]"));
	assert_true(nested(128, "{\"a\":", "1", "}"));
	assert_false(nested(129, "{\"a\":", "1", "}"));
	assert_true(nested(64, "[{\"a\":", "null", "}]"));
	assert_false(nested(64, "[{\"a\":", "[]", "}]"));
	assert_false(nested(100000, "[", "", ""));
	assert_false(nested(127, "[", "[]", ""));
}

static void
test_json_scan(void **state)
{
	static const char text[] = "  {\"a\": 1} ,2";
	FoxSlice	value;
	FoxKind		kind;
	const char *end = fox_json_scan(text, text + sizeof(text) - 1, &value, &kind);

	(void) state;
	assert_string_equal(end, " ,2");
	assert_true(fox_slice_is(value, "{\"a\": 1}"));
	assert_int_equal(kind, FOX_JSON_OBJECT);
	assert_null(fox_json_scan(end, text + sizeof(text) - 1, NULL, NULL));
	assert_int_equal(fox_json_kind(FOX_ABSENT), FOX_JSON_NONE);
	assert_int_equal(fox_json_kind(FOX_LIT("-1")), FOX_JSON_NUMBER);
}

static void
test_json_walk(void **state)
{
	FoxSlice	object = FOX_LIT("{ \"a\" : 1 , \"b,]}\":[1,{\"a\":9}], \"\\u0061\":\"x\" ,\"\":null}");
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	(void) state;
	assert_true(fox_json_member(object, &pos, &key, &value));
	assert_true(fox_slice_is(key, "a") && fox_slice_is(value, "1"));
	assert_true(fox_json_member(object, &pos, &key, &value));
	assert_true(fox_slice_is(key, "b,]}") && fox_slice_is(value, "[1,{\"a\":9}]"));
	assert_true(fox_json_member(object, &pos, &key, &value));
	assert_true(fox_slice_is(key, "\\u0061") && fox_json_key_is(key, "a") && !fox_json_key_is(key, "b"));
	assert_true(fox_json_member(object, &pos, &key, &value));
	assert_true(key.len == 0 && fox_json_key_is(key, "") && fox_slice_is(value, "null"));
	assert_false(fox_json_member(object, &pos, &key, &value));
	assert_false(fox_json_member(object, &pos, &key, &value));
	assert_true(fox_slice_is(fox_json_get(object, "a"), "\"x\""));	/* the last of that name */
	assert_true(fox_absent(fox_json_get(object, "c")));
	assert_true(fox_absent(fox_json_get(FOX_LIT("[1]"), "a")));
	assert_true(fox_absent(fox_json_get(FOX_ABSENT, "a")));

	pos = 0;
	assert_true(fox_json_element(FOX_LIT("[ 1 , [] ]"), &pos, &value) && fox_slice_is(value, "1"));
	assert_true(fox_json_element(FOX_LIT("[ 1 , [] ]"), &pos, &value) && fox_slice_is(value, "[]"));
	assert_false(fox_json_element(FOX_LIT("[ 1 , [] ]"), &pos, &value));
	pos = 0;
	assert_false(fox_json_element(FOX_LIT("[ ]"), &pos, &value));
	assert_false(fox_json_element(FOX_LIT("{}"), &pos, &value));
	assert_false(fox_json_member(FOX_LIT("{ }"), &pos, &key, &value));
}

static void
test_json_text(void **state)
{
	static const struct
	{
		const char *value;
		const char *text;		/* NULL: none */
	}			table[] = {
		{"\"\"", ""}, {"\"plain \xc3\xa4\"", "plain \xc3\xa4"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac"},
		{"\"x\\ud83d\\ude00y\"", "x\xf0\x9f\x98\x80y"}, {"\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf"},
		{"\"\\ud83d\"", NULL}, {"\"\\ud83dx\"", NULL}, {"\"\\ud83d\\n\"", NULL}, {"\"\\ude00\"", NULL},
		{"\"\\ud83d\\ud83d\"", NULL}, {"\"\\ude00\\ud83d\"", NULL}, {"\"\\ud83d\\u0041\"", NULL},
		{"1", NULL}, {"null", NULL}, {"[\"a\"]", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxBuf		scratch = {0};
		FoxSlice	text;

		fox_buf_str(&scratch, "before");
		text = fox_json_text(fox_cstr(table[i].value), &scratch);
		if (fox_absent(text) != (table[i].text == NULL) || (table[i].text && !fox_slice_is(text, table[i].text)))
			fail_msg("text of %s", table[i].value);
		assert_memory_equal(scratch.data, "before", 6);
		fox_buf_free(&scratch);
	}
	{
		FoxBuf		scratch = {0};
		FoxSlice	nul = fox_json_text(FOX_LIT("\"a\\u0000b\""), &scratch);

		assert_int_equal(nul.len, 3);
		assert_memory_equal(nul.ptr, "a\0b", 3);
		fox_buf_free(&scratch);
	}
}

static void
test_json_scalars(void **state)
{
	static const char *const no_uint[] = {"-1", "-0", "1.0", "1e3", "9007199254740993", "99999999999999999999", "\"1\"", "null"};
	uint64_t	n;
	double		d;

	(void) state;
	assert_true(fox_json_uint(FOX_LIT("0"), &n) && n == 0);
	assert_true(fox_json_uint(FOX_LIT("9007199254740992"), &n) && n == (uint64_t) 1 << 53);
	for (size_t i = 0; i < sizeof(no_uint) / sizeof(no_uint[0]); i++)
		if (fox_json_uint(fox_cstr(no_uint[i]), &n))
			fail_msg("%s is taken for an integer", no_uint[i]);
	assert_false(fox_json_uint(FOX_ABSENT, &n));
	assert_true(fox_json_double(FOX_LIT("-1.5e1"), &d) && d == -15);
	assert_false(fox_json_double(FOX_LIT("\"1\""), &d));
	assert_false(fox_json_double(FOX_ABSENT, &d));
	assert_true(fox_json_is_true(FOX_LIT("true")));
	assert_false(fox_json_is_true(FOX_LIT("1")));
	assert_false(fox_json_is_true(FOX_ABSENT));
}

/* RFC 7396, appendix A, and what it leaves open. */
static void
test_merge(void **state)
{
	static const struct
	{
		const char *target;
		const char *patch;
		const char *result;
	}			table[] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
		{"{\"a\":\"foo\"}", "null", "null"},
		{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
		{NULL, "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}"},
		{"{\"a\":1}", "{}", "{\"a\":1}"},
		{"{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}"},
		{"{\"a\":1,\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}", "{\"a\":{\"x\":1,\"y\":2}}"},
		{"{}", "{\"a\":1,\"a\":2}", "{\"a\":2}"},
		{"{\"a\":0}", "{\"a\":1,\"a\":null}", "{}"},
		{"{}", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxBuf		out = {0};

		fox_json_merge(fox_cstr(table[i].target), fox_cstr(table[i].patch), &out);
		if (!fox_json_valid(fox_buf_view(&out), NULL) || !fox_json_equal(fox_buf_view(&out), fox_cstr(table[i].result)))
			fail_msg("%s with %s became %.*s", table[i].target, table[i].patch, (int) out.len, out.data);
		fox_buf_free(&out);
	}
}

static void
test_msg_decode(void **state)
{
	FoxMsg		m = {0};

	(void) state;
	assert_null(fox_msg_decode_json(FOX_LIT(" [ 8 , 48,7, {\"x\":1},\"a.\\u00e4\",[1, 2] ,{\"k\":null} ] \n"), &m));
	assert_int_equal(m.type, FOX_MSG_ERROR);
	assert_int_equal(m.type2, 48);
	assert_int_equal(m.id, 7);
	assert_true(fox_slice_is(m.dict, "{\"x\":1}") && fox_slice_is(m.uri, "a.\xc3\xa4"));
	assert_true(fox_slice_is(m.args, "[1, 2]") && fox_slice_is(m.kwargs, "{\"k\":null}"));

	/* nothing of the former message stays */
	assert_null(fox_msg_decode_json(FOX_LIT("[36,1,9007199254740992,{}]"), &m));
	assert_true(m.id == 1 && m.id2 == (uint64_t) 1 << 53 && m.type2 == 0);
	assert_true(fox_absent(m.uri) && fox_absent(m.args) && fox_absent(m.kwargs));
	assert_null(fox_msg_decode_json(FOX_LIT("[35,0,{\"subscription\":1}]"), &m));
	assert_null(fox_msg_decode_json(FOX_LIT("[35,4]"), &m));
	assert_true(m.id == 4 && fox_absent(m.dict));
	fox_buf_free(&m.scratch);
}

static void
test_msg_refused(void **state)
{
	static const char *const table[] = {
		"", "{}", "1", "[", "[]", "[null]", "[\"16\"]", "[16.0,1,{},\"a\"]", "[-1]", "[0]", "[7]", "[9]", "[71]",
		"[4294967312,1,{},\"a\"]", "[18446744073709551632,1,{},\"a\"]", "[1]", "[1,\"realm1\"]", "[1,null,{}]",
		"[1,\"realm1\",[]]", "[1,\"realm1\",{},1]", "[16]", "[16,1]", "[16,1,{}]", "[16,0,{},\"a\"]",
		"[16,-1,{},\"a\"]", "[16,1.5,{},\"a\"]", "[16,9007199254740993,{},\"a\"]", "[16,\"1\",{},\"a\"]",
		"[16,1,null,\"a\"]", "[16,1,{},1]", "[16,1,{},\"\\ud800\"]", "[16,1,{},\"a\",{}]", "[16,1,{},\"a\",null]",
		"[16,1,{},\"a\",[],[]]", "[16,1,{},\"a\",[],null]", "[16,1,{},\"a\",[],{},1]", "[16,1,{},\"a\",]",
		"[16,1,{},\"a\"", "[16,1,{},\"a\"]]", "[16,1,{},\"a\"] x", "[16 1,{},\"a\"]", "[,16,1,{},\"a\"]",
		"[33,1]", "[33,1,0]", "[34,1,\"1\"]", "[35]", "[35,0]", "[67,0]", "[35,0,1]", "[8,48,1,{}]", "[8,1001,1,{},\"a\"]",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxMsg		m = {0};

		if (fox_msg_decode_json(fox_cstr(table[i]), &m) == NULL)
			fail_msg("accepted: %s", table[i]);
		fox_buf_free(&m.scratch);
	}
}

static void
assert_encoded(const FoxMsg *m, const char *text)
{
	FoxBuf		out = {0};

	fox_msg_encode_json(m, &out);
	fox_buf_char(&out, '\0');
	assert_string_equal(out.data, text);
	fox_buf_free(&out);
}

static void
test_msg_encode(void **state)
{
	(void) state;
	assert_encoded(&(FoxMsg){.type = FOX_MSG_PUBLISH, .id = 1, .uri = FOX_LIT("a\"\n")}, "[16,1,{},\"a\\\"\\u000a\"]");
	assert_encoded(&(FoxMsg){.type = FOX_MSG_EVENT, .id = 1, .id2 = 2, .kwargs = FOX_LIT("{\"a\":1}")},
				   "[36,1,2,{},[],{\"a\":1}]");
	assert_encoded(&(FoxMsg){.type = FOX_MSG_RESULT, .id = 1, .dict = FOX_LIT("{\"progress\":true}"), .args = FOX_LIT("[1]")},
				   "[50,1,{\"progress\":true},[1]]");
	assert_encoded(&(FoxMsg){.type = FOX_MSG_ERROR, .type2 = 48, .id = 3, .uri = FOX_LIT("a")}, "[8,48,3,{},\"a\"]");
	assert_encoded(&(FoxMsg){.type = FOX_MSG_UNSUBSCRIBED, .id = 5}, "[35,5]");
	assert_encoded(&(FoxMsg){.type = FOX_MSG_UNSUBSCRIBED, .dict = FOX_LIT("{\"reason\":\"x\"}")}, "[35,0,{\"reason\":\"x\"}]");
	assert_string_equal(fox_msg_name(FOX_MSG_SUBSCRIBE), "SUBSCRIBE");
	assert_string_equal(fox_msg_name(0), "unknown");
	assert_string_equal(fox_msg_name(UINT32_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_valid), cmocka_unit_test(test_json_invalid),
		cmocka_unit_test(test_json_cut_off), cmocka_unit_test(test_json_utf8),
		cmocka_unit_test(test_utf8_clip),
		cmocka_unit_test(test_json_depth), cmocka_unit_test(test_json_scan),
		cmocka_unit_test(test_json_walk), cmocka_unit_test(test_json_text),
		cmocka_unit_test(test_json_scalars), cmocka_unit_test(test_merge),
		cmocka_unit_test(test_msg_decode), cmocka_unit_test(test_msg_refused),
		cmocka_unit_test(test_msg_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
