/*
 * cbor.h - CBOR (RFC 8949), and its way to JSON and back.
 *
 *   integers      are exact from -2^64 to 2^64-1; a JSON integer outside of -2^63 to 2^64-1 becomes
 *                 a float
 *   floats        (half ones too) are shortest decimals with a point or an exponent (1.0); NaN and
 *                 infinities: null
 *   text          must be UTF-8; a lone surrogate in JSON becomes U+FFFD, so that every JSON value
 *                 has a CBOR form
 *   byte strings  are a string of \u0000 and base64, as WAMP has it; a JSON string of just that form
 *                 becomes a byte string, every other one text
 *   map           keys are text, or integers, which become their decimal text; members of the same
 *                 name stay
 *   tags          2 and 3 (big numbers) become an integer if their magnitude has 64 bits, otherwise a
 *                 float; of other tags the content is taken
 *   undefined     becomes null
 *
 * Strings, arrays and maps of indefinite length are read, not written.  Everything else
 * (other simple values, other keys, nesting deeper than FOX_JSON_DEPTH) is malformed.
 * An array or map that is long in bytes may get a longer head than it needs.
 */
#ifndef FOX_CODEC_CBOR_H
#define FOX_CODEC_CBOR_H

#include "codec/binary.h"

extern const FoxBinary fox_cbor;

/* These append to out; on false (malformed, no memory) its length is as before. */
extern bool fox_cbor_to_json(FoxSlice in, FoxBuf *out);
extern bool fox_cbor_from_json(FoxSlice json, FoxBuf *out);

/* Length of the first value, which is wholly checked, or 0 when it is malformed. */
extern size_t fox_cbor_skip(FoxSlice in);

#endif
