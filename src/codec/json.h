/*
 * json.h - a validating JSON scanner that hands out raw slices.
 *
 * The router passes args and kwargs on as the bytes that came in, so nothing is
 * parsed into a tree: a value is a slice that is known to be valid JSON (RFC
 * 8259, valid UTF-8, nesting at most FOX_JSON_DEPTH).
 */
#ifndef FOX_CODEC_JSON_H
#define FOX_CODEC_JSON_H

#include "base/buf.h"

#define FOX_JSON_DEPTH 128

typedef enum FoxKind
{
	FOX_JSON_NONE,				/* absent or malformed */
	FOX_JSON_NULL,
	FOX_JSON_FALSE,
	FOX_JSON_TRUE,
	FOX_JSON_NUMBER,
	FOX_JSON_STRING,
	FOX_JSON_ARRAY,
	FOX_JSON_OBJECT
} FoxKind;

/*
 * Validates the value that begins at p (leading white space allowed) and returns
 * its end, or NULL when it is malformed, too deep or cut off.  *value, if not
 * NULL, receives the raw value without surrounding white space; *kind its kind.
 */
extern const char *fox_json_scan(const char *p, const char *end, FoxSlice *value, FoxKind *kind);

/* True when text is exactly one valid value, white space around it allowed. */
extern bool fox_json_valid(FoxSlice text, FoxKind *kind);

/* Kind of an already validated value, from its first byte. */
extern FoxKind fox_json_kind(FoxSlice value);

/*
 * Walk the members of a validated object or the elements of a validated array:
 * start with *pos = 0; false at the end.  key is raw, without its quotes and
 * still escaped (see fox_json_key_is).
 */
extern bool fox_json_member(FoxSlice object, size_t *pos, FoxSlice *key, FoxSlice *value);
extern bool fox_json_element(FoxSlice array, size_t *pos, FoxSlice *value);
/* Compares a raw key (escapes and all) with a plain C string. */
extern bool fox_json_key_is(FoxSlice raw_key, const char *name);
/* The last member of that name, or the absent slice. */
extern FoxSlice fox_json_get(FoxSlice object, const char *name);

/* A non-negative integer without fraction or exponent, at most 2^53; false otherwise. */
extern bool fox_json_uint(FoxSlice value, uint64_t *out);
/* A JSON number of less than 64 characters as a double; false for anything else. */
extern bool fox_json_double(FoxSlice value, double *out);
extern bool fox_json_is_true(FoxSlice value);

/*
 * The text of a JSON string value.  Without escapes it is a slice of the value
 * itself; otherwise it is unescaped into scratch (appended, which may move what
 * scratch held before: keep one buffer per string that must stay).  Absent when
 * value is no string, holds a lone surrogate, or memory is out.
 */
extern FoxSlice fox_json_text(FoxSlice value, FoxBuf *scratch);

/* Appends the inside of a valid string, unescaped; a lone surrogate becomes U+FFFD. */
extern void fox_json_unescape(FoxSlice raw, FoxBuf *out);

#endif
