/*
 * test_batch.c - batches of messages, split and built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/batch.h"

/* What is in a batch, joined with "|"; "!" where it is malformed. */
static const char *
split(FoxBatch batch, const char *bytes, size_t n)
{
	static char text[128];
	char	   *copy = malloc(n + (n == 0));	/* no byte more */
	char	   *at = copy;
	size_t		used = 0;

	memcpy(copy, bytes, n);
	do
	{
		char	   *message;
		size_t		len;

		if (!fox_batch_next(batch, &at, copy + n, &message, &len))
		{
			text[used++] = '!';
			break;
		}
		memcpy(text + used, message, len);
		used += len;
		text[used++] = '|';
	} while (at < copy + n);
	text[used] = '\0';
	free(copy);
	return text;
}

static void
test_split(void **state)
{
	(void) state;
	assert_string_equal(split(FOX_BATCH_TEXT, "[1]\x1e[2]\x18", 8), "[1]|[2]|");
	assert_string_equal(split(FOX_BATCH_TEXT, "\x1e[2]\x1e", 5), "|[2]|");
	assert_string_equal(split(FOX_BATCH_TEXT, "[1]\x1e[2]", 7), "[1]|!");
	assert_string_equal(split(FOX_BATCH_TEXT, "", 0), "!");
	assert_string_equal(split(FOX_BATCH_BINARY, "\0\0\0\2ab\0\0\0\0\0\0\0\1c", 15), "ab||c|");
	assert_string_equal(split(FOX_BATCH_BINARY, "\0\0\0\2ab\0\0\0", 9), "ab|!");
	assert_string_equal(split(FOX_BATCH_BINARY, "\0\0\0\3ab", 6), "!");
	assert_string_equal(split(FOX_BATCH_BINARY, "\xff\xff\xff\xff" "ab", 6), "!");
	assert_string_equal(split(FOX_BATCH_BINARY, "", 0), "!");
}

/* Every part of a message in a batch is the same as of the whole. */
static void
check_copy(FoxBatch batch, const char *message, size_t len, const char *expected, size_t whole)
{
	unsigned char part[32];

	assert_int_equal(len + fox_batch_extra(batch), whole);
	for (size_t from = 0; from <= whole; from++)
		for (size_t n = 0; from + n <= whole; n++)
		{
			memset(part, '?', sizeof(part));
			fox_batch_copy(batch, fox_slice(message, len), from, n, part);
			assert_memory_equal(part, expected + from, n);
			assert_int_equal(part[n], '?');
		}
}

static void
test_copy(void **state)
{
	(void) state;
	check_copy(FOX_BATCH_TEXT, "[1,2]", 5, "[1,2]\x1e", 6);
	check_copy(FOX_BATCH_TEXT, "", 0, "\x1e", 1);
	check_copy(FOX_BATCH_BINARY, "abc", 3, "\0\0\0\3" "abc", 7);
	check_copy(FOX_BATCH_BINARY, "", 0, "\0\0\0\0", 4);
	check_copy(FOX_BATCH_NONE, "abc", 3, "abc", 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
