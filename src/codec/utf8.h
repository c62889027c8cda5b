/*
 * utf8.h - UTF-8 sequences, and the quick way through text.
 *
 * Text is mostly plain ASCII, which is skipped 16 bytes at a time where SSE2 is there.
 */
#ifndef FOX_CODEC_UTF8_H
#define FOX_CODEC_UTF8_H

#include "base/slice.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The end of the UTF-8 sequence at p (its first byte has the top bit set), or NULL. */
static inline const char *
fox_utf8_sequence(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *) p;
	size_t		left = (size_t) (end - p);

	if (u[0] < 0xC2)
		return NULL;			/* a continuation byte, or an overlong form */
	if (u[0] < 0xE0)
		return left >= 2 && (u[1] & 0xC0) == 0x80 ? p + 2 : NULL;
	if (u[0] < 0xF0)
	{
		if (left < 3 || (u[1] & 0xC0) != 0x80 || (u[2] & 0xC0) != 0x80 ||
			(u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F))
			return NULL;
		return p + 3;
	}
	if (u[0] > 0xF4 || left < 4 || (u[1] & 0xC0) != 0x80 || (u[2] & 0xC0) != 0x80 || (u[3] & 0xC0) != 0x80 ||
		(u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
		return NULL;
	return p + 4;
}

/* First byte at or after p that is not plain: a quote, a backslash, a control or the start of UTF-8. */
static inline const char *
fox_json_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16)
	{
		__m128i		v = _mm_loadu_si128((const __m128i *) p);
		__m128i		special = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
										   _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		/* signed comparison: bytes of 0x80 and above count as below space too */
		int			mask = _mm_movemask_epi8(_mm_or_si128(special, _mm_cmplt_epi8(v, _mm_set1_epi8(' '))));

		if (mask != 0)
			return p + __builtin_ctz((unsigned) mask);
		p += 16;
	}
#endif
	while (p < end && (signed char) *p >= ' ' && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Is text wholly valid UTF-8? */
static inline bool
fox_utf8_valid(FoxSlice text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	for (;;)
	{
#ifdef __SSE2__
		while (end - p >= 16 && _mm_movemask_epi8(_mm_loadu_si128((const __m128i *) p)) == 0)
			p += 16;
#endif
		while (p < end && (signed char) *p >= 0)
			p++;
		if (p == end)
			return true;
		do
		{
			if ((p = fox_utf8_sequence(p, end)) == NULL)
				return false;
		} while (p < end && (signed char) *p < 0);
	}
}

/* As much of the text as fits into max bytes, in whole sequences. */
static inline FoxSlice
fox_utf8_clip(FoxSlice text, size_t max)
{
	size_t		len = text.len < max ? text.len : max;

	while (len < text.len && len > 0 && ((unsigned char) text.ptr[len] & 0xC0) == 0x80)
		len--;
	return (FoxSlice){text.ptr, len};
}

#endif
