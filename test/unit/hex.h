/*
 * hex.h - binary test data written as hex, and comparisons that show it.
 */
#ifndef HEX_H
#define HEX_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* The bytes in memory of exactly their size, so that the sanitizer sees every read past their end. */
static inline FoxSlice
unhex(const char *hex)
{
	size_t		n = strlen(hex) / 2;
	char	   *bytes = malloc(n ? n : 1);
	unsigned	byte;

	for (size_t i = 0; i < n; i++)
	{
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		bytes[i] = (char) byte;
	}
	return fox_slice(bytes, n);
}

static inline void
free_slice(FoxSlice s)
{
	free((char *) s.ptr);
}

/* A terminated copy of bytes as hex; the caller frees it. */
static inline char *
to_hex(FoxSlice bytes)
{
	char	   *hex = malloc(2 * bytes.len + 1);

	for (size_t i = 0; i < bytes.len; i++)
		sprintf(hex + 2 * i, "%02x", (unsigned char) bytes.ptr[i]);
	hex[2 * bytes.len] = '\0';
	return hex;
}

/* A text in memory of exactly its size. */
static inline FoxSlice
exactly(FoxSlice s)
{
	char	   *copy = malloc(s.len ? s.len : 1);

	memcpy(copy, s.ptr, s.len);
	return fox_slice(copy, s.len);
}

#endif
