/*
 * buf.c - growing buffers and shared messages (see buf.h).
 */
#include "base/buf.h"

#include <stdlib.h>

#include "base/pure.h"

char *
fox_buf_reserve(FoxBuf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (b->cap - b->len < n)
	{
		size_t		cap = b->cap ? b->cap : 64;
		char	   *data;

		if (n > SIZE_MAX / 4)
			return b->failed = true, NULL;
		while (cap - b->len < n)
			cap *= 2;
		if ((data = realloc(b->data, cap)) == NULL)
			return b->failed = true, NULL;
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void
fox_buf_put(FoxBuf *b, const void *p, size_t n)
{
	char	   *at;

	if (n == 0 || (at = fox_buf_reserve(b, n)) == NULL)
		return;
	memcpy(at, p, n);
	b->len += n;
}

void
fox_buf_char(FoxBuf *b, char c)
{
	char	   *at = fox_buf_reserve(b, 1);

	if (at == NULL)
		return;
	*at = c;
	b->len++;
}

void
fox_buf_slice(FoxBuf *b, FoxSlice s)
{
	fox_buf_put(b, s.ptr, s.len);
}

void
fox_buf_str(FoxBuf *b, const char *s)
{
	fox_buf_put(b, s, strlen(s));
}

void
fox_buf_u64(FoxBuf *b, uint64_t v)
{
	char		digits[20];
	size_t		n = sizeof(digits);

	do
		digits[--n] = (char) ('0' + v % 10);
	while ((v /= 10) != 0);
	fox_buf_put(b, digits + n, sizeof(digits) - n);
}

void
fox_buf_i64(FoxBuf *b, int64_t v)
{
	if (v < 0)
		fox_buf_char(b, '-');
	fox_buf_u64(b, v < 0 ? -(uint64_t) v : (uint64_t) v);
}

void
fox_buf_json_str(FoxBuf *b, FoxSlice s)
{
	static const char hex[] = "0123456789abcdef";
	size_t		from = 0;

	fox_buf_char(b, '"');
	for (size_t i = 0; i < s.len; i++)
	{
		unsigned char c = (unsigned char) s.ptr[i];
		char		escape[6] = {'\\', 'u', '0', '0'};

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		fox_buf_put(b, s.ptr + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
		{
			escape[1] = (char) c;
			fox_buf_put(b, escape, 2);
			continue;
		}
		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 15];
		fox_buf_put(b, escape, 6);
	}
	fox_buf_put(b, s.ptr + from, s.len - from);
	fox_buf_char(b, '"');
}

void
fox_buf_reset(FoxBuf *b)
{
	b->len = 0;
	b->failed = false;
}

void
fox_buf_free(FoxBuf *b)
{
	free(b->data);
	*b = (FoxBuf){0};
}

FoxBytes *
fox_bytes_new(const void *p, size_t n)
{
	FoxBytes   *b;

	if (n > UINT32_MAX || (b = malloc(sizeof(*b) + n)) == NULL)
		return NULL;
	b->refs = 1;
	b->len = (uint32_t) n;
	b->shorter = NULL;
	if (n > 0)
		memcpy(b->data, p, n);
	return b;
}

void
fox_bytes_unref(FoxBytes *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	if (b->shorter != b)
		fox_bytes_unref(b->shorter);
	free(b);
}

char *
fox_strdup(FoxSlice s)
{
	char	   *copy = malloc(s.len + 1);

	if (copy == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}
