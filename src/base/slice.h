/*
 * slice.h - a borrowed run of bytes.
 *
 * A slice owns nothing: it is valid as long as the bytes it points at.  The
 * absent slice has ptr == NULL; an empty one has len == 0 and ptr != NULL.
 */
#ifndef FOX_BASE_SLICE_H
#define FOX_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct FoxSlice
{
	const char *ptr;
	size_t		len;
} FoxSlice;

#define FOX_ABSENT ((FoxSlice){NULL, 0})
#define FOX_LIT(s) ((FoxSlice){(s), sizeof(s) - 1})

static inline FoxSlice
fox_slice(const char *ptr, size_t len)
{
	return (FoxSlice){ptr, len};
}

static inline FoxSlice
fox_cstr(const char *s)
{
	return (FoxSlice){s, s ? strlen(s) : 0};
}

static inline bool
fox_absent(FoxSlice s)
{
	return s.ptr == NULL;
}

/* Copies s to *at, which moves behind it, and returns the copy; an absent slice stays absent. */
static inline FoxSlice
fox_slice_keep(char **at, FoxSlice s)
{
	FoxSlice	copy = FOX_ABSENT;

	if (!fox_absent(s))
	{
		copy = fox_slice(*at, s.len);
		if (s.len > 0)
			memcpy(*at, s.ptr, s.len);
		*at += s.len;
	}
	return copy;
}

static inline bool
fox_slice_eq(FoxSlice a, FoxSlice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
fox_slice_is(FoxSlice a, const char *lit)
{
	return fox_slice_eq(a, fox_cstr(lit));
}

static inline bool
fox_slice_begins(FoxSlice a, FoxSlice with)
{
	return a.len >= with.len && (with.len == 0 || memcmp(a.ptr, with.ptr, with.len) == 0);
}

#endif
