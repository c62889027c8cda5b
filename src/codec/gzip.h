/*
 * gzip.h - bodies of HTTP in gzip (RFC 1952).
 */
#ifndef FOX_CODEC_GZIP_H
#define FOX_CODEC_GZIP_H

#include "base/buf.h"

/* Appends the text compressed; false: no memory, and what was appended is to be dropped. */
extern bool fox_gzip(FoxSlice text, FoxBuf *out);

#endif
