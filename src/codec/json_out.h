/*
 * json_out.h - JSON text: scalars of other encodings, and members of objects.
 */
#ifndef FOX_CODEC_JSON_OUT_H
#define FOX_CODEC_JSON_OUT_H

#include "base/buf.h"

static inline void
fox_json_put_char(FoxBuf *out, char c)
{
	if (out->len < out->cap)
		out->data[out->len++] = c;
	else
		fox_buf_char(out, c);
}

/* Appends n, or -1 - n when it is negative. */
extern void fox_json_put_integer(FoxBuf *out, bool negative, uint64_t n);

/* Appends text escaped as the inside of a JSON string; false when it is not UTF-8. */
extern bool fox_json_put_text(FoxBuf *out, FoxSlice text);

/* Appends bytes as the string that WAMP has for them in JSON: "\u0000" and their base64 form. */
extern void fox_json_put_bytes(FoxBuf *out, FoxSlice bytes);

/*
 * Appends the shortest number that reads back as v, always with a point or an exponent, so that
 * it is told from an integer; null for what JSON has no number for.
 */
extern void fox_json_put_double(FoxBuf *out, double v);

/* Appends a member's name to an object that has begun, behind a comma unless it is the first; its value is to follow. */
extern void fox_json_put_name(FoxBuf *out, const char *name);
/* The same with a string or a number as the value. */
extern void fox_json_put_member(FoxBuf *out, const char *name, FoxSlice text);
extern void fox_json_put_number(FoxBuf *out, const char *name, uint64_t n);

#endif
