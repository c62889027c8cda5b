/*
 * test_rawsocket.c - the handshake and the frames of RawSocket, in pieces of every size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/rawsocket.h"

static void
test_hello(void **state)
{
	FoxRawHello hello;
	unsigned char reply[FOX_RAW_HELLO];

	(void) state;
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\xf1\0\0", &hello), FOX_RAW_WELCOME);
	assert_int_equal(hello.serializer, FOX_RAW_JSON);
	assert_int_equal(hello.max, 1 << 24);
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\x03\0\0", &hello), FOX_RAW_WELCOME);
	assert_int_equal(hello.serializer, FOX_RAW_CBOR);
	assert_int_equal(hello.max, 512);
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\xf0\0\0", &hello), FOX_RAW_BAD_SERIALIZER);
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\xf4\0\0", &hello), FOX_RAW_BAD_SERIALIZER);
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\xf1\1\0", &hello), FOX_RAW_BAD_RESERVED);
	assert_int_equal(fox_raw_hello((const unsigned char *) "\x7f\xf1\0\1", &hello), FOX_RAW_BAD_RESERVED);

	fox_raw_accept(reply, FOX_RAW_MSGPACK, 1 << 24);
	assert_memory_equal(reply, "\x7f\xf2\0\0", 4);
	fox_raw_accept(reply, FOX_RAW_JSON, 512);
	assert_memory_equal(reply, "\x7f\x01\0\0", 4);
	fox_raw_refuse(reply, FOX_RAW_FULL);
	assert_memory_equal(reply, "\x7f\x40\0\0", 4);
}

static void
test_announced(void **state)
{
	(void) state;
	assert_int_equal(fox_raw_announced(100), 512);
	assert_int_equal(fox_raw_announced(1023), 512);
	assert_int_equal(fox_raw_announced(1024), 1024);
	assert_int_equal(fox_raw_announced(((size_t) 1 << 24) - 1), 1 << 23);
	assert_int_equal(fox_raw_announced((size_t) 1 << 30), 1 << 24);
}

static void
test_header(void **state)
{
	unsigned char octets[FOX_RAW_HEADER];

	(void) state;
	fox_raw_header(octets, FOX_RAW_MESSAGE, 0x010203);
	assert_memory_equal(octets, "\0\1\2\3", 4);
	fox_raw_header(octets, FOX_RAW_PONG, 0xffffff);
	assert_memory_equal(octets, "\2\xff\xff\xff", 4);
	fox_raw_header(octets, FOX_RAW_PING, FOX_RAW_LONGEST);
	assert_memory_equal(octets, "\x09\0\0\0", 4);
}

/* The frames of a stream, fed in pieces of that size, each in memory of its own. */
static void
feed_in_pieces(size_t size)
{
	static const struct
	{
		FoxRawType	type;
		const char *text;
	}			frames[] = {
		{FOX_RAW_MESSAGE, "[1,\"realm1\",{}]"}, {FOX_RAW_PING, ""}, {FOX_RAW_MESSAGE, "x"},
		{FOX_RAW_PONG, "fox"}, {FOX_RAW_MESSAGE, ""}, {FOX_RAW_MESSAGE, "the last of them"}
	};
	char		stream[256];
	size_t		len = 0;
	size_t		seen = 0;
	FoxRawReader reader = {.max = 512};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
	{
		size_t		n = strlen(frames[i].text);

		fox_raw_header((unsigned char *) stream + len, frames[i].type, n);
		memcpy(stream + len + FOX_RAW_HEADER, frames[i].text, n);
		len += FOX_RAW_HEADER + n;
	}
	for (size_t pos = 0; pos < len; pos += size)
	{
		size_t		n = len - pos < size ? len - pos : size;
		char	   *piece = malloc(n);
		char	   *at = piece;
		FoxRawFrame frame;

		memcpy(piece, stream + pos, n);
		while (fox_raw_next(&reader, &at, piece + n, &frame) == FOX_RAW_FRAME)
		{
			assert_int_equal(frame.type, frames[seen].type);
			assert_int_equal(frame.len, strlen(frames[seen].text));
			assert_memory_equal(frame.data, frames[seen].text, frame.len);
			frame.data[frame.len] = '!';	/* as a gate may */
			seen++;
		}
		assert_ptr_equal(at, piece + n);
		free(piece);
	}
	assert_int_equal(seen, sizeof(frames) / sizeof(frames[0]));
	fox_raw_reader_free(&reader);
}

static void
test_pieces(void **state)
{
	(void) state;
	for (size_t size = 1; size <= 128; size++)
		feed_in_pieces(size);
}

static void
test_not_copied(void **state)
{
	char		stream[] = "\0\0\0\2[]\0\0\0\1x";
	char	   *at = stream;
	FoxRawReader reader = {.max = 512};
	FoxRawFrame frame;

	(void) state;
	assert_int_equal(fox_raw_next(&reader, &at, stream + 11, &frame), FOX_RAW_FRAME);
	assert_ptr_equal(frame.data, stream + 4);
	assert_int_equal(fox_raw_next(&reader, &at, stream + 11, &frame), FOX_RAW_FRAME);
	assert_int_equal(frame.data[0], 'x');
	assert_int_equal(fox_raw_next(&reader, &at, stream + 11, &frame), FOX_RAW_MORE);
	assert_null(reader.body);
}

static FoxRawResult
first_of(const char *octets, size_t n, uint32_t max, bool one_by_one)
{
	char		stream[16];
	char	   *at = stream;
	FoxRawReader reader = {.max = max};
	FoxRawFrame frame;
	FoxRawResult result = FOX_RAW_MORE;

	memcpy(stream, octets, n);
	if (!one_by_one)
		result = fox_raw_next(&reader, &at, stream + n, &frame);
	for (size_t i = 0; one_by_one && i < n && result == FOX_RAW_MORE; i++)
		result = fox_raw_next(&reader, &at, stream + i + 1, &frame);
	fox_raw_reader_free(&reader);
	return result;
}

static void
test_errors(void **state)
{
	(void) state;
	for (int pieces = 0; pieces < 2; pieces++)
	{
		assert_int_equal(first_of("\x03\0\0\0", 4, 512, pieces), FOX_RAW_RESERVED);
		assert_int_equal(first_of("\x07\0\0\0", 4, 512, pieces), FOX_RAW_RESERVED);
		assert_int_equal(first_of("\x10\0\0\0", 4, 512, pieces), FOX_RAW_RESERVED);
		assert_int_equal(first_of("\x80\0\0\0", 4, 512, pieces), FOX_RAW_RESERVED);
		assert_int_equal(first_of("\x08\0\0\1", 4, FOX_RAW_LONGEST, pieces), FOX_RAW_RESERVED);
		assert_int_equal(first_of("\0\0\2\0", 4, 512, pieces), FOX_RAW_MORE);
		assert_int_equal(first_of("\0\0\2\1", 4, 512, pieces), FOX_RAW_TOO_LONG);
		assert_int_equal(first_of("\x08\0\0\0", 4, FOX_RAW_LONGEST - 1, pieces), FOX_RAW_TOO_LONG);
		assert_int_equal(first_of("\x08\0\0\0", 4, FOX_RAW_LONGEST, pieces), FOX_RAW_MORE);
	}
}

/* A header that promises much takes no memory before the bytes are there. */
static void
test_longest(void **state)
{
	static char piece[65536];
	char		head[] = "\x08\0\0\0";
	char	   *at = head;
	FoxRawReader reader = {.max = FOX_RAW_LONGEST};
	FoxRawFrame frame;

	(void) state;
	assert_int_equal(fox_raw_next(&reader, &at, head + 4, &frame), FOX_RAW_MORE);
	assert_true(reader.cap <= 4096);
	memset(piece, 'y', sizeof(piece));
	for (uint32_t sent = sizeof(piece); sent < FOX_RAW_LONGEST; sent += sizeof(piece))
	{
		at = piece;
		assert_int_equal(fox_raw_next(&reader, &at, piece + sizeof(piece), &frame), FOX_RAW_MORE);
		assert_true(reader.cap <= 2 * sent + 1);
	}
	at = piece;
	assert_int_equal(fox_raw_next(&reader, &at, piece + sizeof(piece), &frame), FOX_RAW_FRAME);
	assert_int_equal(frame.len, FOX_RAW_LONGEST);
	frame.data[frame.len] = '\0';
	assert_int_equal(strspn(frame.data, "y"), FOX_RAW_LONGEST);
	assert_int_equal(fox_raw_next(&reader, &at, piece + sizeof(piece), &frame), FOX_RAW_MORE);
	assert_null(reader.body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_not_copied),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
