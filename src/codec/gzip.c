/*
 * gzip.c - bodies of HTTP in gzip (see gzip.h).
 */
#include "codec/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "base/pure.h"

#define GZIP (15 + 16)			/* zlib's way to ask for gzip's head, with the largest window */

bool
fox_gzip(FoxSlice text, FoxBuf *out)
{
	z_stream	z = {0};
	size_t		room;
	char	   *to;
	bool		done = false;

	if (text.len > INT_MAX || deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	room = deflateBound(&z, text.len);
	to = fox_buf_reserve(out, room);
	if (to != NULL)
	{
		z.next_in = (Bytef *) (uintptr_t) text.ptr;
		z.avail_in = (uInt) text.len;
		z.next_out = (Bytef *) to;
		z.avail_out = (uInt) room;
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		out->len += z.total_out;
	}
	deflateEnd(&z);
	return done;
}
