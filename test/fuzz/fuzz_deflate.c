/*
 * fuzz_deflate.c - a header with offers, or a compressed message.  What comes out of a message
 * is the same after it went through ours.
 */
#include <stdlib.h>

#include "codec/deflate.h"
#include "codec/deflate_offer.h"

static void
read_header(FoxSlice header)
{
	FoxDeflateOffer offer = fox_deflate_offer(header);
	char		text[FOX_DEFLATE_ANSWER];

	if (offer.window_bits == 0)
		return;
	if (offer.made == 0 || offer.window_bits < 8 || offer.window_bits > 15)
		abort();
	if (fox_deflate_answer(&offer, text) >= sizeof(text))
		abort();
}

static void
read_message(FoxSlice message)
{
	const size_t max = 100000;
	FoxBuf		plain = {0};
	FoxBuf		deflated = {0};
	FoxBuf		again = {0};

	if (fox_inflate(message, max, &plain) == FOX_INFLATED)
	{
		if (plain.len > max || plain.cap <= plain.len)
			abort();
		if (fox_deflate(fox_buf_view(&plain), &deflated) &&
			(fox_inflate(fox_buf_view(&deflated), max, &again) != FOX_INFLATED ||
			 !fox_slice_eq(fox_buf_view(&plain), fox_buf_view(&again))))
			abort();
	}
	fox_buf_free(&plain);
	fox_buf_free(&deflated);
	fox_buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *copy;

	if (size == 0)
		return 0;
	copy = malloc(size - 1 + (size == 1));	/* no byte more */
	memcpy(copy, data + 1, size - 1);
	if (data[0] == 'o')
		read_header(fox_slice(copy, size - 1));
	else
		read_message(fox_slice(copy, size - 1));
	free(copy);
	return 0;
}
