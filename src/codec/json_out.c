/*
 * json_out.c - scalars of other encodings as JSON text (see json_out.h).
 *
 * A double is printed by hand where that is exact: 15, 16 or 17 digits are tried as an
 * integer and a power of ten in long double, whose powers are exact to 10^27.  An attempt
 * holds when the quotient is strictly inside of half the gap to the next lower double:
 * that middle is a long double itself, so the rounding of the quotient cannot cross it.
 */
#include "codec/json_out.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "codec/utf8.h"
#include "base/pure.h"

void
fox_json_put_integer(FoxBuf *out, bool negative, uint64_t n)
{
	char		digits[24];
	char	   *end = digits + sizeof(digits);
	char	   *at = end;

	if (negative && n == UINT64_MAX)
	{
		fox_buf_slice(out, FOX_LIT("-18446744073709551616"));
		return;
	}
	n += negative;
	do
		*--at = (char) ('0' + n % 10);
	while ((n /= 10) != 0);
	if (negative)
		*--at = '-';
	fox_buf_put(out, at, (size_t) (end - at));
}

bool
fox_json_put_text(FoxBuf *out, FoxSlice text)
{
	static const char hex[] = "0123456789abcdef";
	const char *p = text.ptr;
	const char *end = p + text.len;
	const char *from = p;

	for (;;)
	{
		unsigned char c;
		char		escape[6] = {'\\', 'u', '0', '0'};

		p = fox_json_skip_plain(p, end);
		while (p < end && (signed char) *p < 0)
			if ((p = fox_utf8_sequence(p, end)) == NULL)
				return false;
		if (p == end)
			break;
		c = (unsigned char) *p;
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		fox_buf_put(out, from, (size_t) (p - from));
		from = ++p;
		if (c == '"' || c == '\\')
		{
			escape[1] = (char) c;
			fox_buf_put(out, escape, 2);
			continue;
		}
		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 15];
		fox_buf_put(out, escape, 6);
	}
	fox_buf_put(out, from, (size_t) (end - from));
	return true;
}

void
fox_json_put_bytes(FoxBuf *out, FoxSlice bytes)
{
	fox_buf_slice(out, FOX_LIT("\"\\u0000"));
	fox_base64_encode(bytes, out);
	fox_buf_char(out, '"');
}

#define EXACT_LIMIT 9007199254740992.0	/* 2^53 */

#if LDBL_MANT_DIG >= 64
static const long double power[] = {
	1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L,
	1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L,
};

/* Writes v, 1e-5 <= v < 1e15, with so many digits if that reads back as v; returns the length or 0. */
static size_t
try_digits(double v, int first, int digits, long double half_gap, char *text)
{
	int			places = digits - 1 - first;
	long double product = (long double) v * power[places];
	uint64_t	n = (uint64_t) (product + 0.5L);
	char	   *end = text + 40;
	char	   *at = end;

	if (fabsl((long double) n / power[places] - (long double) v) >= half_gap)
		return 0;
	while (places > 1 && n % 10 == 0)
	{
		n /= 10;
		places--;
	}
	for (; places > 0; places--, n /= 10)
		*--at = (char) ('0' + n % 10);
	*--at = '.';
	do
		*--at = (char) ('0' + n % 10);
	while ((n /= 10) != 0);
	memmove(text, at, (size_t) (end - at));
	return (size_t) (end - at);
}

static size_t
print_by_hand(double v, char *text)
{
	uint64_t	below;
	double		lower;
	long double half_gap;
	int			first = -5;		/* the power of ten of the first digit */
	size_t		n = 0;

	if (v < 1e-5 || v >= 1e15)
		return 0;
	while (first < 0 ? (long double) v * power[-first - 1] >= 1 : v >= (double) power[first + 1])
		first++;
	memcpy(&below, &v, sizeof(v));
	below--;
	memcpy(&lower, &below, sizeof(v));
	half_gap = ((long double) v - (long double) lower) / 2;
	for (int digits = 15; digits <= 17 && n == 0; digits++)
		n = try_digits(v, first, digits, half_gap, text);
	return n;
}
#else
static size_t
print_by_hand(double v, char *text)
{
	(void) v;
	(void) text;
	return 0;
}
#endif

/* With more digits a number never reads back worse: the fewest that do are bisected. */
static size_t
print_by_library(double v, char *text, size_t size)
{
	int			digits = v < DBL_MIN ? 1 : 15;
	int			most = 17;
	int			n;

	while (digits < most)
	{
		int			middle = (digits + most) / 2;

		snprintf(text, size, "%.*g", middle, v);
		if (strtod(text, NULL) == v)
			most = middle;
		else
			digits = middle + 1;
	}
	n = snprintf(text, size, "%.*g", digits, v);
	if (memchr(text, '.', (size_t) n) == NULL && memchr(text, 'e', (size_t) n) == NULL)
	{
		memcpy(text + n, ".0", 2);
		n += 2;
	}
	return (size_t) n;
}

void
fox_json_put_double(FoxBuf *out, double v)
{
	char		text[328];		/* the compiler believes in any %.17g */
	size_t		n;

	if (!isfinite(v))
	{
		fox_buf_slice(out, FOX_LIT("null"));
		return;
	}
	if (signbit(v))
	{
		fox_json_put_char(out, '-');
		v = -v;
	}
	if (v < EXACT_LIMIT && v == (double) (uint64_t) v)
	{
		fox_buf_u64(out, (uint64_t) v);
		fox_buf_slice(out, FOX_LIT(".0"));
		return;
	}
	if ((n = print_by_hand(v, text)) == 0)
		n = print_by_library(v, text, sizeof(text));
	fox_buf_put(out, text, n);
}
