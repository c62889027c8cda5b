/*
 * deflate.c - compressing and decompressing whole messages (see deflate.h).
 */
#include "codec/deflate.h"

#include <zlib.h>

#include "base/pure.h"

#define WINDOW_BITS (-15)		/* raw */
#define MEM_LEVEL 8
#define LEVEL 1					/* the next ones save a few percent more of a WAMP message, in up to three times the time */
#define STEP 1024				/* room for what comes out, at least */

static const unsigned char last_block[] = {0, 0, 0xff, 0xff};

bool
fox_deflate(FoxSlice plain, FoxBuf *out)
{
	static z_stream z;
	static bool ready;
	char	   *p;
	int			result;

	if (!ready && deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	ready = true;
	if (plain.len > UINT32_MAX - sizeof(last_block) || (p = fox_buf_reserve(out, plain.len + sizeof(last_block))) == NULL)
		return false;
	z.next_in = (unsigned char *) plain.ptr;
	z.avail_in = (unsigned) plain.len;
	z.next_out = (unsigned char *) p;
	z.avail_out = (unsigned) (plain.len + sizeof(last_block));
	result = deflate(&z, Z_SYNC_FLUSH);
	deflateReset(&z);
	if (result != Z_OK || z.avail_in > 0 || z.avail_out == 0)
		return false;
	out->len += (size_t) ((char *) z.next_out - p) - sizeof(last_block);
	return true;
}

/* Inflates what z has, then the block that was left out; what came out is in the buffer. */
static FoxInflated
inflate_all(z_stream *z, size_t max, FoxBuf *out)
{
	bool		last = false;

	for (;;)
	{
		int			result;

		if (fox_buf_reserve(out, STEP) == NULL)
			return FOX_INFLATE_NO_MEMORY;
		z->next_out = (unsigned char *) out->data + out->len;
		z->avail_out = (unsigned) (out->cap - out->len - 1);
		result = inflate(z, Z_SYNC_FLUSH);
		out->len = (size_t) ((char *) z->next_out - out->data);
		if (out->len > max)
			return FOX_INFLATE_TOO_LONG;
		if (result == Z_STREAM_END)
		{
			/* The sender has marked a block as the final one; more may follow, the one left out does. */
			if (last || z->avail_in == 0)
				return FOX_INFLATED;
			inflateReset(z);
			continue;
		}
		if (result != Z_OK && result != Z_BUF_ERROR)
			return result == Z_MEM_ERROR ? FOX_INFLATE_NO_MEMORY : FOX_INFLATE_CORRUPT;
		if (z->avail_out == 0)
			continue;
		if (last)
			return (z->data_type & 128) != 0 ? FOX_INFLATED : FOX_INFLATE_CORRUPT;	/* set: between two blocks */
		last = true;
		z->next_in = (unsigned char *) last_block;
		z->avail_in = sizeof(last_block);
	}
}

FoxInflated
fox_inflate(FoxSlice deflated, size_t max, FoxBuf *out)
{
	static z_stream z;
	static bool ready;

	if (!ready && inflateInit2(&z, WINDOW_BITS) != Z_OK)
		return FOX_INFLATE_NO_MEMORY;
	ready = true;
	inflateReset(&z);
	z.next_in = (unsigned char *) deflated.ptr;
	z.avail_in = (unsigned) deflated.len;
	return inflate_all(&z, max, out);
}
