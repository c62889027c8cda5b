/*
 * url.h - the target of an HTTP request: path, query, and what is percent-encoded in them.
 */
#ifndef FOX_CODEC_URL_H
#define FOX_CODEC_URL_H

#include "base/buf.h"

/* Path and query (absent: there is none) of a request target, in origin form or absolute. */
extern void fox_url_split(FoxSlice target, FoxSlice *path, FoxSlice *query);
/* Appends text decoded: %XX is a byte, and with plus a + is a space; a malformed % stays as it is. */
extern void fox_url_decode(FoxSlice text, bool plus, FoxBuf *out);
/* The same to where there is room for text.len bytes; how many there are. */
extern size_t fox_url_decode_to(FoxSlice text, bool plus, char *to);
/* Appends text encoded: what is not of RFC 3986's unreserved characters, nor of plain, as %XX. */
extern void fox_url_encode(FoxSlice text, const char *plain, FoxBuf *out);
/* Walks the segments of a path, still encoded: start with *pos = 0; false at the end.  A / at the end begins none. */
extern bool fox_url_segment(FoxSlice path, size_t *pos, FoxSlice *segment);
/* Walks name=value&…, still encoded; empty parts are left out, and without = the value is empty. */
extern bool fox_url_pair(FoxSlice query, size_t *pos, FoxSlice *name, FoxSlice *value);

#endif
