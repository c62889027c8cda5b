/*
 * base64.c - base64 (see base64.h).
 */
#include "base/base64.h"

#include "base/pure.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Of each character its six bits plus one; 0 for what is not in the alphabet. */
static const unsigned char bits[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['+'] = 63, ['/'] = 64,
};

void
fox_base64_encode(FoxSlice bytes, FoxBuf *out)
{
	const unsigned char *u = (const unsigned char *) bytes.ptr;
	size_t		n = bytes.len;
	char	   *at;

	if (n > SIZE_MAX / 8)
	{
		out->failed = true;
		return;
	}
	if (n == 0 || (at = fox_buf_reserve(out, (n + 2) / 3 * 4)) == NULL)
		return;
	out->len += (n + 2) / 3 * 4;
	for (; n >= 3; n -= 3, u += 3, at += 4)
	{
		uint32_t	v = (uint32_t) u[0] << 16 | (uint32_t) u[1] << 8 | u[2];

		at[0] = alphabet[v >> 18];
		at[1] = alphabet[v >> 12 & 63];
		at[2] = alphabet[v >> 6 & 63];
		at[3] = alphabet[v & 63];
	}
	if (n > 0)
	{
		uint32_t	v = (uint32_t) u[0] << 16 | (n == 2 ? (uint32_t) u[1] << 8 : 0);

		at[0] = alphabet[v >> 18];
		at[1] = alphabet[v >> 12 & 63];
		at[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
		at[3] = '=';
	}
}

bool
fox_base64_decode(FoxSlice text, char *to, size_t *len)
{
	const unsigned char *u = (const unsigned char *) text.ptr;
	size_t		n = text.len;
	size_t		padding;
	char	   *start = to;

	*len = 0;
	if (n % 4 != 0)
		return false;
	if (n == 0)
		return true;
	padding = u[n - 1] != '=' ? 0 : u[n - 2] != '=' ? 1 : 2;
	for (size_t left = n / 4; left > 0; left--, u += 4)
	{
		size_t		drop = left == 1 ? padding : 0;
		uint32_t	a = bits[u[0]];
		uint32_t	b = bits[u[1]];
		uint32_t	c = drop == 2 ? 1 : bits[u[2]];
		uint32_t	d = drop > 0 ? 1 : bits[u[3]];
		uint32_t	v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);

		if (a == 0 || b == 0 || c == 0 || d == 0 || (v & ((1u << 8 * drop) - 1)) != 0)
			return false;
		*to++ = (char) (v >> 16);
		if (drop < 2)
			*to++ = (char) (v >> 8);
		if (drop < 1)
			*to++ = (char) v;
	}
	*len = (size_t) (to - start);
	return true;
}

bool
fox_base64url_decode(FoxSlice text, FoxBuf *out)
{
	size_t		padded = (text.len + 3) / 4 * 4;
	char	   *at = text.len % 4 == 1 ? NULL : fox_buf_reserve(out, padded + 1);
	size_t		len = 0;

	if (at == NULL)
		return false;
	for (size_t i = 0; i < padded; i++)
	{
		char		c = i < text.len ? text.ptr[i] : '=';

		if (i < text.len && (c == '+' || c == '/' || c == '='))
			return false;
		at[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	if (!fox_base64_decode(fox_slice(at, padded), at, &len))
		return false;
	out->len += len;
	return true;
}
