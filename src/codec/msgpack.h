/*
 * msgpack.h - MessagePack, and its way to JSON and back.
 *
 *   integers      are exact from -2^63 to 2^64-1; a JSON integer beyond becomes a float
 *   floats        are shortest decimals with a point or an exponent (1.0); NaN and infinities: null
 *   str           must be UTF-8; a lone surrogate in JSON becomes U+FFFD, so that every JSON value
 *                 has a MessagePack form
 *   bin           is a string of \u0000 and base64, as WAMP has it; a JSON string of just that form
 *                 becomes bin, every other one str
 *   map           keys are str, or integers, which become their decimal text; members of the same
 *                 name stay
 *   timestamps    (extension type -1) become RFC 3339 text, years 0 to 9999
 *   extensions    of applications (types 0 to 127) become bin
 *
 * Everything else (other extensions, other keys, nesting deeper than FOX_JSON_DEPTH, 0xc1)
 * is malformed.  An array or map that is long in bytes may get a longer head than it needs.
 */
#ifndef FOX_CODEC_MSGPACK_H
#define FOX_CODEC_MSGPACK_H

#include "codec/binary.h"

extern const FoxBinary fox_msgpack;

/* These append to out; on false (malformed, no memory) its length is as before. */
extern bool fox_msgpack_to_json(FoxSlice in, FoxBuf *out);
extern bool fox_msgpack_from_json(FoxSlice json, FoxBuf *out);

/* Length of the first value, which is wholly checked, or 0 when it is malformed. */
extern size_t fox_msgpack_skip(FoxSlice in);

#endif
