/*
 * base64.h - base64 with the standard alphabet and padding (RFC 4648).
 */
#ifndef FOX_BASE_BASE64_H
#define FOX_BASE_BASE64_H

#include "base/buf.h"

/* Appends the base64 form of bytes, which must not be inside of out. */
extern void fox_base64_encode(FoxSlice bytes, FoxBuf *out);

/*
 * Decodes text to the bytes at to, which has room for text.len / 4 * 3 of them and may be
 * where text is; *len receives how many they are.  Only the one form that encoding gives is taken:
 * false for foreign characters, missing padding, or bits behind the last byte; what is at to is undefined then.
 */
extern bool fox_base64_decode(FoxSlice text, char *to, size_t *len);

/* The same for the URL's alphabet without padding (RFC 4648, section 5), appended to out. */
extern bool fox_base64url_decode(FoxSlice text, FoxBuf *out);

#endif
