/*
 * deflate.h - the bytes of a message, compressed as permessage-deflate has them (RFC 7692).
 *
 * That is DEFLATE that ends with an empty block, 00 00 ff ff, which is left out.  Every
 * message stands alone: one state for each direction serves the whole process.
 */
#ifndef FOX_CODEC_DEFLATE_H
#define FOX_CODEC_DEFLATE_H

#include "base/buf.h"

/* Appends the message, compressed, unless that is longer than it is; false: it is, or there is no memory. */
extern bool fox_deflate(FoxSlice plain, FoxBuf *out);

typedef enum FoxInflated
{
	FOX_INFLATED,
	FOX_INFLATE_CORRUPT,
	FOX_INFLATE_TOO_LONG,		/* than max */
	FOX_INFLATE_NO_MEMORY
} FoxInflated;

/* Appends the message, at most max bytes, to an empty buffer; a spare byte is behind it. */
extern FoxInflated fox_inflate(FoxSlice deflated, size_t max, FoxBuf *out);

#endif
