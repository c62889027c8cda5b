/*
 * test_deflate.c - offers of permessage-deflate, and messages compressed and decompressed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/deflate.h"
#include "codec/deflate_offer.h"

/* --- offers --- */

/* The header is in memory of its own, with no byte more. */
static FoxDeflateOffer
read_offer(const char *header)
{
	size_t		n = strlen(header);
	char	   *copy = malloc(n + (n == 0));
	FoxDeflateOffer offer;

	memcpy(copy, header, n);
	offer = fox_deflate_offer(fox_slice(copy, n));
	free(copy);
	return offer;
}

/* "-" where no offer is good. */
static const char *
answer(const char *header)
{
	static char text[FOX_DEFLATE_ANSWER];
	FoxDeflateOffer offer = read_offer(header);

	size_t		n;

	if (offer.window_bits == 0)
		return "-";
	n = fox_deflate_answer(&offer, text);
	assert_int_equal(n, strlen(text));
	return text;
}

#define PLAIN "; server_no_context_takeover; client_no_context_takeover"
#define LIMITED(bits) PLAIN "; server_max_window_bits=" #bits

static void
test_good_offers(void **state)
{
	static const char *const good[] = {
		"permessage-deflate", " permessage-deflate ", ",,permessage-deflate\t,", "permessage-deflate; client_max_window_bits",
		"permessage-deflate;client_max_window_bits=8", "permessage-deflate ; client_max_window_bits = \"10\"",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
		"permessage-bzip2, permessage-deflate", "x; a=\",permessage-deflate; b\", permessage-deflate", "x;a=\"\\\"\",permessage-deflate",
		"permessage-deflate; nonsense, permessage-deflate", "permessage-deflate, permessage-deflate; server_max_window_bits=9"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(answer(good[i]), PLAIN);
	assert_string_equal(answer("permessage-deflate; server_max_window_bits=15"), LIMITED(15));
	assert_string_equal(answer("permessage-deflate; server_max_window_bits=8"), LIMITED(8));
	assert_string_equal(answer("permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\""), LIMITED(10));
	assert_string_equal(answer("permessage-deflate; server_max_window_bits=9, permessage-deflate"), LIMITED(9));
	assert_int_equal(read_offer("permessage-deflate; x, y, permessage-deflate, permessage-deflate").made, 3);
	assert_int_equal(read_offer("permessage-deflate; server_max_window_bits=10").window_bits, 10);
	assert_int_equal(read_offer("permessage-deflate").window_bits, 15);
}

static void
test_declined_offers(void **state)
{
	static const char *const declined[] = {
		"", ",", "permessage-bzip2", "permessage-deflater", "Permessage-Deflate", "x-webkit-deflate-frame",
		"permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
		"permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
		"permessage-deflate; server_max_window_bits=+9", "permessage-deflate; server_max_window_bits=\"\"",
		"permessage-deflate; client_max_window_bits=20", "permessage-deflate; client_max_window_bits=1000000000000",
		"permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=\"\"",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10", "permessage-deflate; unknown",
		"permessage-deflate; unknown=1",
		/* malformed */
		"permessage-deflate;", "permessage-deflate; ;", "permessage-deflate; =1", "permessage-deflate; client_max_window_bits=",
		"permessage-deflate; client_max_window_bits=\"10", "permessage-deflate; client_max_window_bits=\"10\\", "permessage-deflate x",
		"permessage-deflate; a b", "permessage-deflate, x y", ";permessage-deflate", "=,permessage-deflate", "permessage-deflate, \x80"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(declined) / sizeof(declined[0]); i++)
		if (strcmp(answer(declined[i]), "-") != 0)
			fail_msg("taken: %s", declined[i]);
}

/* --- messages --- */

static FoxInflated
inflate_bytes(const void *bytes, size_t n, size_t max, FoxBuf *out)
{
	char	   *copy = malloc(n + (n == 0));
	FoxInflated result;

	memcpy(copy, bytes, n);
	result = fox_inflate(fox_slice(copy, n), max, out);
	free(copy);
	return result;
}

#define assert_inflates(bytes, text) \
	do { \
		FoxBuf out = {0}; \
		assert_int_equal(inflate_bytes(bytes, sizeof(bytes) - 1, 100, &out), FOX_INFLATED); \
		assert_int_equal(out.len, strlen(text)); \
		out.data[out.len] = '\0'; \
		assert_string_equal(out.data, text); \
		fox_buf_free(&out); \
	} while (0)

/* The examples of RFC 7692, 7.2.3. */
static void
test_examples(void **state)
{
	(void) state;
	assert_inflates("\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	assert_inflates("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");
	assert_inflates("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");	/* a final block */
	assert_inflates("\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello");	/* nothing behind it */
	assert_inflates("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello");	/* two blocks */
	assert_inflates("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "HelloHello");
	assert_inflates("\x00", "");
	assert_inflates("\x02\x00", "");
}

static void
test_corrupt(void **state)
{
	static const char *const corrupt[] = {
		"", "\x07", "\xff\xff\xff\xff", "\xf2\x48\xcd\xc9", "\x01\x05", "{\"plain\": \"text\"}",
		"\xca\xc9\xc9\x07"		/* refers to an earlier message */
	};

	(void) state;
	for (size_t i = 0; i < sizeof(corrupt) / sizeof(corrupt[0]); i++)
	{
		FoxBuf		out = {0};

		if (inflate_bytes(corrupt[i], strlen(corrupt[i]), 1000, &out) != FOX_INFLATE_CORRUPT)
			fail_msg("taken: %zu", i);
		fox_buf_free(&out);
		assert_inflates("\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");	/* the next one does not suffer */
	}
}

/* Round trips of every length near those where a buffer ends, and the limit to the byte. */
static void
test_lengths(void **state)
{
	static char plain[100000];

	(void) state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = "[36,1,{\"topic\":\"a\"}]"[i * i / 7 % 20];
	for (size_t n = 200; n <= sizeof(plain); n += n < 2100 ? 1 : 9973)
	{
		FoxBuf		deflated = {0};
		FoxBuf		out = {0};
		FoxBuf		less = {0};

		assert_true(fox_deflate(fox_slice(plain, n), &deflated));
		assert_true(deflated.len < n);
		assert_int_equal(inflate_bytes(deflated.data, deflated.len, n, &out), FOX_INFLATED);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.data, plain, n);
		assert_true(out.cap > out.len);
		assert_int_equal(inflate_bytes(deflated.data, deflated.len, n - 1, &less), FOX_INFLATE_TOO_LONG);
		fox_buf_free(&deflated);
		fox_buf_free(&out);
		fox_buf_free(&less);
	}
}

static void
test_incompressible(void **state)
{
	char		noise[1000];
	FoxBuf		out = {0};
	uint32_t	x = 1;

	(void) state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char) ((x = x * 1664525 + 1013904223) >> 24);
	assert_false(fox_deflate(fox_slice(noise, sizeof(noise)), &out));
	assert_int_equal(out.len, 0);
	assert_false(fox_deflate(fox_slice("", 0), &out) && out.len > 1);
	fox_buf_free(&out);
}

/* A bomb takes no more memory than the longest message, and the room for one more step. */
static void
test_bomb(void **state)
{
	static char zeros[8 << 20];
	FoxBuf		bomb = {0};
	FoxBuf		out = {0};

	(void) state;
	assert_true(fox_deflate(fox_slice(zeros, sizeof(zeros)), &bomb));
	assert_true(bomb.len < sizeof(zeros) / 100);
	assert_int_equal(inflate_bytes(bomb.data, bomb.len, 65536, &out), FOX_INFLATE_TOO_LONG);
	assert_true(out.cap <= 4 * 65536);
	fox_buf_free(&bomb);
	fox_buf_free(&out);
}

static void
test_shared_form(void **state)
{
	FoxBytes   *message = fox_bytes_new("plain", 5);
	FoxBytes   *other;

	(void) state;
	message->shorter = other = fox_bytes_ref(fox_bytes_new("p", 1));
	fox_bytes_unref(message);
	assert_int_equal(other->refs, 1);
	fox_bytes_unref(other);
	message = fox_bytes_new("plain", 5);
	message->shorter = message;
	fox_bytes_unref(message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_offers),
		cmocka_unit_test(test_declined_offers),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_incompressible),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_shared_form),
	};

	return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
