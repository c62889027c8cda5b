/*
 * test_payload.c - payloads and messages in every encoding, and base64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/base64.h"
#include "codec/wamp_msg.h"
#include "hex.h"

static void
test_base64(void **state)
{
	static const char *const table[][2] = {
		{"", ""}, {"66", "Zg=="}, {"666f", "Zm8="}, {"666f6f", "Zm9v"}, {"666f6f62", "Zm9vYg=="},
		{"666f6f626172", "Zm9vYmFy"}, {"fbffbf", "+/+/"}, {"00", "AA=="}, {"ffff", "//8="},
	};
	static const char *const wrong[] = {
		"A", "AA", "AAA", "AA=", "A===", "====", "AB==", "AAB=", "AA==AA==", "=AAA", "A=AA", "AA=A", "AA A", "AA-_", "AAA\n",
		"AAAAA", "AA==\xff", "\xff\xff\xff\xff",
	};
	char		bytes[16];
	size_t		len;

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxSlice	in = unhex(table[i][0]);
		FoxSlice	text = exactly(fox_cstr(table[i][1]));
		FoxBuf		out = {0};

		fox_base64_encode(in, &out);
		assert_true(fox_slice_eq(fox_buf_view(&out), text));
		assert_true(fox_base64_decode(text, bytes, &len));
		assert_true(fox_slice_eq(fox_slice(bytes, len), in));
		/* in place */
		assert_true(fox_base64_decode(text, (char *) text.ptr, &len));
		assert_true(fox_slice_eq(fox_slice(text.ptr, len), in));
		free_slice(in);
		free_slice(text);
		fox_buf_free(&out);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (fox_base64_decode(fox_cstr(wrong[i]), bytes, &len))
			fail_msg("accepted: %s", wrong[i]);
}

/* One payload in the three encodings. */
static const struct
{
	const char *args;
	const char *kwargs;
}			forms[FOX_ENCODINGS] = {
	[FOX_JSON] = {"5b312c2d322c312e352c22c3a4222c225c753030303041513d3d225d", "7b2261223a5b5d7d"},
	[FOX_MSGPACK] = {"9501fecb3ff8000000000000a2c3a4c40101", "81a16190"},
	[FOX_CBOR] = {"850121fb3ff800000000000062c3a44101", "a1616180"},
};

static void
test_payload_as(void **state)
{
	(void) state;
	for (FoxEncoding from = 0; from < FOX_ENCODINGS; from++)
		for (FoxEncoding to = 0; to < FOX_ENCODINGS; to++)
			for (int present = 0; present < 4; present++)
			{
				FoxPayload	in = {.encoding = from};
				FoxPayload	out;
				FoxSlice	args = unhex(forms[to].args);
				FoxSlice	kwargs = unhex(forms[to].kwargs);
				FoxBuf		scratch = {0};

				fox_buf_str(&scratch, "before");
				if (present & 1)
					in.args = unhex(forms[from].args);
				if (present & 2)
					in.kwargs = unhex(forms[from].kwargs);
				assert_true(fox_payload_as(&in, to, &scratch, &out));
				assert_int_equal(out.encoding, to);
				assert_int_equal(fox_absent(out.args), !(present & 1));
				assert_int_equal(fox_absent(out.kwargs), !(present & 2));
				assert_true(!(present & 1) || fox_slice_eq(out.args, args));
				assert_true(!(present & 2) || fox_slice_eq(out.kwargs, kwargs));
				assert_true(from != to || (out.args.ptr == in.args.ptr && scratch.len == 6));
				assert_memory_equal(scratch.data, "before", 6);
				free_slice(in.args);
				free_slice(in.kwargs);
				free_slice(args);
				free_slice(kwargs);
				fox_buf_free(&scratch);
			}
}

static void
test_payload_refused(void **state)
{
	FoxPayload	json = {FOX_JSON, FOX_LIT("[1]"), FOX_LIT("{")};
	FoxPayload	msgpack = {FOX_MSGPACK, FOX_LIT("\x91\x01"), FOX_LIT("\x81\xa1x")};
	FoxPayload	cbor = {FOX_CBOR, FOX_LIT("\x81\xff"), FOX_ABSENT};
	FoxPayload	out;
	FoxBuf		scratch = {0};

	(void) state;
	fox_buf_str(&scratch, "before");
	assert_false(fox_payload_as(&json, FOX_CBOR, &scratch, &out));
	assert_false(fox_payload_as(&msgpack, FOX_JSON, &scratch, &out));
	assert_false(fox_payload_as(&msgpack, FOX_CBOR, &scratch, &out));
	assert_false(fox_payload_as(&cbor, FOX_JSON, &scratch, &out));
	assert_int_equal(scratch.len, 6);
	/* a buffer that has run out of memory takes nothing */
	msgpack.kwargs = FOX_ABSENT;
	scratch.failed = true;
	assert_false(fox_payload_as(&msgpack, FOX_JSON, &scratch, &out));
	assert_int_equal(scratch.len, 6);
	fox_buf_free(&scratch);
}

static const char *
decode(FoxEncoding encoding, const char *hex)
{
	FoxSlice	in = unhex(hex);
	FoxMsg		msg = {0};
	FoxBuf		dict = {0};
	const char *error = fox_msg_decode(encoding, in, &msg, &dict);

	free_slice(in);
	fox_buf_free(&msg.scratch);
	fox_buf_free(&dict);
	return error;
}

static void
test_decode_errors(void **state)
{
	static const struct
	{
		const char *msgpack;
		const char *cbor;
		const char *error;
	}			table[] = {
		{"80", "a0", "a message must be an array"},
		{"01", "01", "a message must be an array"},
		{"", "", "a message must be an array"},
		{"90", "80", "a message must not be empty"},
		{"90", "9fff", "a message must not be empty"},
		{"91a0", "8160", "the message type must be an integer"},
		{"91ff", "8120", "the message type must be an integer"},
		{"91cb3ff8000000000000", "81fb3ff8000000000000", "the message type must be an integer"},
		{"9107", "8107", "unknown message type"},
		{"91cfffffffffffffffff", "811bffffffffffffffff", "the message type must be an integer"},
		{"91cd0152", "81190152", "unknown message type"},
		{"91cd0151", "81190151", "the message has too few elements"},
		{"9120", "811820", "the message has too few elements"},
		{"93200180", "83182001a0", "the message has too few elements"},
		{"95200180a161c0", "85182001a06161f6", "the message has too many elements"},
		{"94200080a161", "84182000a06161", "an id must be an integer from 1 to 2^53"},
		{"9420ff80a161", "84182020a06161", "an id must be an integer from 1 to 2^53"},
		{"9420cb3ff800000000000080a161", "841820fb3ff8000000000000a06161", "an id must be an integer from 1 to 2^53"},
		{"9420cf002000000000000180a161", "8418201b0020000000000001a06161", "an id must be an integer from 1 to 2^53"},
		{"9420cb434000000000000180a161", "841820fb4340000000000001a06161", "an id must be an integer from 1 to 2^53"},
		{"9420a13180a161", "8418206131a06161", "an id must be an integer from 1 to 2^53"},
		{"9420c0", "841820f6", "an id must be an integer from 1 to 2^53"},
		{"94200190a161", "84182001806161", "options and details must be a dict"},
		{"9420018001", "84182001a001", "a URI must be a string"},
		{"94200180c40161", "84182001a04161", "a URI must be a string"},
		{"95100180a161c40161", "851001a061614161", "arguments must be a list"},
		{"95100180a16180", "851001a06161a0", "arguments must be a list"},
		{"96100180a1619090", "861001a061618080", "keyword arguments must be a dict"},
		{"922300", "82182300", "request id 0 needs details"},
		{"9408cd03e9", "84081903e9", "REQUEST.Type must be a message type"},
		{"94200180a161c0", "84182001a06161f6", "something follows the message"},
		{"94200180a161ff", "84182001a06161ff", "something follows the message"},
	};
	static const char *const malformed[FOX_ENCODINGS][8] = {
		[FOX_MSGPACK] = {"91", "94200180", "94200180a1", "94200180a1ff", "95100180a16191", "96100180a1619081c000", "942001c1",
			"ddffffffff20"},
		[FOX_CBOR] = {"81", "84182001a0", "84182001a061", "84182001a061ff", "851001a0616181", "861001a0616180a1f600",
			"9f182001a06161", "9f1820011c"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (FoxEncoding e = FOX_MSGPACK; e <= FOX_CBOR; e++)
		{
			const char *hex = e == FOX_MSGPACK ? table[i].msgpack : table[i].cbor;
			const char *error = decode(e, hex);

			if (error == NULL || strcmp(error, table[i].error) != 0)
				fail_msg("%s: %s, should be: %s", hex, error ? error : "accepted", table[i].error);
		}
	for (int i = 0; i < 8; i++)
	{
		assert_string_equal(decode(FOX_MSGPACK, malformed[FOX_MSGPACK][i]), "malformed MessagePack");
		assert_string_equal(decode(FOX_CBOR, malformed[FOX_CBOR][i]), "malformed CBOR");
	}
}

/* What is allowed, but not what most clients send. */
static void
test_decode_odd(void **state)
{
	static const struct
	{
		FoxEncoding encoding;
		const char *hex;
	}			table[] = {
		/* [16, 7, {"acknowledge": true}, "a.b", [[]], {"k": 1}], ids as floats, long heads */
		{FOX_MSGPACK, "dd00000006cb4030000000000000ca40e0000081ab61636b6e6f776c65646765c3d903612e62919081a16b01"},
		{FOX_CBOR, "9f10fa40e00000bf6b61636b6e6f776c65646765f5ff7f61617f612eff6162ff8180a1616b01ff"},
		{FOX_CBOR, "d9d9f78610f94700a16b61636b6e6f776c65646765f57f6161622e62ff8180a1616b01"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		FoxSlice	in = unhex(table[i].hex);
		FoxMsg		msg = {0};
		FoxBuf		dict = {0};
		const char *error;

		fox_buf_str(&dict, "before");
		error = fox_msg_decode(table[i].encoding, in, &msg, &dict);
		if (i == 1)
			assert_string_equal(error, "malformed CBOR");	/* a piece that is in pieces */
		else
		{
			assert_null(error);
			assert_int_equal(msg.type, FOX_MSG_PUBLISH);
			assert_int_equal(msg.id, 7);
			assert_true(fox_slice_is(msg.uri, "a.b"));
			assert_true(fox_slice_is(msg.dict, "{\"acknowledge\":true}"));
			assert_memory_equal(dict.data, "before", 6);
			/* the payload is where it was */
			assert_true(msg.args.ptr > in.ptr && msg.args.ptr + msg.args.len <= msg.kwargs.ptr);
			assert_true(msg.kwargs.ptr + msg.kwargs.len == in.ptr + in.len);
		}
		free_slice(in);
		fox_buf_free(&msg.scratch);
		fox_buf_free(&dict);
	}
}

static void
test_encode(void **state)
{
	static const char *const expected[FOX_ENCODINGS] = {
		[FOX_JSON] = "5b36382c392c382c7b7d2c5b5d2c7b7d5d",
		[FOX_MSGPACK] = "96440908809080",
		[FOX_CBOR] = "8618440908a080a0",
	};
	static const char *const empty_map[FOX_ENCODINGS] = {"{}", "\x80", "\xa0"};

	(void) state;
	for (FoxEncoding e = 0; e < FOX_ENCODINGS; e++)
	{
		FoxMsg		msg = {.type = FOX_MSG_INVOCATION, .id = 9, .id2 = 8, .kwargs = fox_cstr(empty_map[e])};
		FoxBuf		out = {0};
		char	   *hex;

		fox_msg_encode(e, &msg, &out);
		assert_false(out.failed);
		hex = to_hex(fox_buf_view(&out));
		assert_string_equal(hex, expected[e]);
		free(hex);
		fox_buf_reset(&out);
		msg.dict = FOX_LIT("{1");
		fox_msg_encode(e, &msg, &out);
		assert_int_equal(out.failed, e != FOX_JSON);
		fox_buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_payload_as),
		cmocka_unit_test(test_payload_refused),
		cmocka_unit_test(test_decode_errors),
		cmocka_unit_test(test_decode_odd),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
