/*
 * json_out.c - scalars of other encodings as JSON text (see json_out.h).
 *
 * A double is printed by hand: 15, 16 or 17 digits are tried as an integer and a power of ten in
 * long double.  An attempt holds when it is closer to the double than half the gap to the
 * next lower one.  With an exact power (below 10^28) the comparison is exact, as that middle is a long double
 * itself; otherwise errors are below 2^-62 of the value, and the C library decides what is
 * that close.  Where long double is no longer than double it does everything, slowly.
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
/* Writes n / 10^places, n > 0, with an exponent where there would be many zeros. */
static size_t
put_decimal(uint64_t n, int places, char *text)
{
	char		reversed[20];
	int			count = 0;
	int			exponent;
	char	   *at = text;

	for (; n % 10 == 0; n /= 10)
		places--;
	for (; n > 0; n /= 10)
		reversed[count++] = (char) ('0' + n % 10);
	exponent = count - 1 - places;
	if (exponent < -5 || exponent > 15)
	{
		*at++ = reversed[count - 1];
		if (count > 1)
			*at++ = '.';
		for (int i = count - 2; i >= 0; i--)
			*at++ = reversed[i];
		return (size_t) (at - text) + (size_t) sprintf(at, "e%+03d", exponent);
	}
	for (int i = exponent; i < 0; i++)
	{
		*at++ = '0';
		if (i == exponent)
			*at++ = '.';
	}
	for (int i = 0; i < count || i <= exponent + 1; i++)
	{
		if (i == exponent + 1 && exponent >= 0)
			*at++ = '.';
		*at++ = i < count ? reversed[count - 1 - i] : '0';
	}
	return (size_t) (at - text);
}

static const long double power[] = {
	1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L,
	1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L,
};
static const long double power_28[] = {
	1e0L, 1e28L, 1e56L, 1e84L, 1e112L, 1e140L, 1e168L, 1e196L, 1e224L, 1e252L, 1e280L, 1e308L, 1e336L,
};

/* x * 10^places */
static inline long double
shift(long double x, int places)
{
	int			n = places < 0 ? -places : places;
	long double p = n < 28 ? power[n] : power[n % 28] * power_28[n / 28];

	return places < 0 ? x / p : x * p;
}

/*
 * Writes the decimal and returns its length if it is nearest to v, otherwise 0.  half is the gap
 * between v and the next lower double, halved; above a power of two the gap is twice as wide.
 */
static size_t
try_decimal(double v, uint64_t n, int places, long double half, bool power_of_two, char *text)
{
	long double margin = abs(places) < 28 ? 0 : (long double) v * 0x1p-62L;
	long double distance = fabsl(shift((long double) n, -places) - (long double) v);
	size_t		len;

	if (n == 0 || distance > (power_of_two ? 2 * half : half) + margin)
		return 0;
	len = put_decimal(n, places, text);
	text[len] = '\0';
	return distance < half - margin || strtod(text, NULL) == v ? len : 0;
}

/* Writes a positive v; returns the length, or 0 when no attempt holds. */
static size_t
print_by_hand(double v, char *text)
{
	uint64_t	bits;
	double		lower;
	long double half;
	int			exponent;
	int			first;			/* the power of ten of the first digit */
	bool		power_of_two;

	memcpy(&bits, &v, sizeof(v));
	power_of_two = (bits & ((UINT64_C(1) << 52) - 1)) == 0;
	bits--;
	memcpy(&lower, &bits, sizeof(v));
	half = ((long double) v - (long double) lower) / 2;
	frexp(v, &exponent);
	/* the logarithm of two in 32 bits; it may be one too low */
	first = (int) ((exponent - 1) * INT64_C(1292913986) >> 32);
	if (shift(v, -(first + 1)) >= 1)
		first++;
	/* small numbers with few bits need few digits */
	for (int digits = v < DBL_MIN ? 1 : 15; digits <= 17; digits++)
	{
		int			places = digits - 1 - first;
		uint64_t	n = (uint64_t) (shift(v, places) + 0.5L);
		size_t		len = try_decimal(v, n, places, half, power_of_two, text);

		if (len > 0)
			return len;
	}
	return 0;
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

/* --- members --- */

void
fox_json_put_name(FoxBuf *out, const char *name)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		fox_buf_char(out, ',');
	fox_buf_json_str(out, fox_cstr(name));
	fox_buf_char(out, ':');
}

void
fox_json_put_member(FoxBuf *out, const char *name, FoxSlice text)
{
	fox_json_put_name(out, name);
	fox_buf_json_str(out, text);
}

void
fox_json_put_number(FoxBuf *out, const char *name, uint64_t n)
{
	fox_json_put_name(out, name);
	fox_buf_u64(out, n);
}
