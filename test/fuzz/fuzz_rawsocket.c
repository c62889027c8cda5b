/*
 * fuzz_rawsocket.c - a RawSocket stream: the frames that come out are the same whole and in
 * pieces.  The first byte is the size of the pieces.
 */
#include <stdlib.h>

#include "codec/rawsocket.h"

static uint64_t sum;			/* over types and payloads */

static FoxRawResult
feed(FoxRawReader *r, const uint8_t *data, size_t n)
{
	char	   *piece = malloc(n + (n == 0));	/* no byte more, so that a read behind it is found */
	char	   *at = piece;
	FoxRawFrame frame;
	FoxRawResult result;

	if (n > 0)
		memcpy(piece, data, n);
	while ((result = fox_raw_next(r, &at, piece + n, &frame)) == FOX_RAW_FRAME)
	{
		sum = sum * 31 + frame.type + 1;
		for (size_t i = 0; i < frame.len; i++)
			sum = sum * 31 + (unsigned char) frame.data[i];
		frame.data[frame.len] = '!';
	}
	if (result == FOX_RAW_MORE && at != piece + n)
		abort();
	free(piece);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoxRawReader whole = {.max = 1024};
	FoxRawReader pieces = {.max = 1024};
	FoxRawResult result;
	FoxRawResult other = FOX_RAW_MORE;
	uint64_t	first;
	size_t		step;

	if (size == 0)
		return 0;
	step = 1 + data[0] % 64;
	sum = 0;
	result = feed(&whole, data + 1, size - 1);
	first = sum;
	sum = 0;
	for (size_t i = 1; i < size && other == FOX_RAW_MORE; i += step)
		other = feed(&pieces, data + i, size - i < step ? size - i : step);
	if (result != other || first != sum)
		abort();
	fox_raw_reader_free(&whole);
	fox_raw_reader_free(&pieces);
	return 0;
}
