/*
 * json.c - a validating JSON scanner (see json.h).
 *
 * One pass, no allocation, no recursion: the nesting is a bit per level (array or
 * object).
 */
#include "codec/json.h"

#include <stdlib.h>

#include "codec/utf8.h"
#include "base/pure.h"

#define MAX_EXACT_ID ((uint64_t) 1 << 53)

static inline const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* --- strings --- */

/* p is behind the opening quote; returns the place behind the closing one, or NULL. */
static const char *
scan_string(const char *p, const char *end)
{
	for (;;)
	{
		p = fox_json_skip_plain(p, end);
		if (p >= end || (unsigned char) *p < 0x20)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
		{
			/* what is not ASCII comes in words */
			do
				if ((p = fox_utf8_sequence(p, end)) == NULL)
					return NULL;
			while (p < end && (signed char) *p < 0);
			continue;
		}
		if (end - p < 2)
			return NULL;
		if (p[1] == 'u')
		{
			if (end - p < 6 || !is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4]) || !is_hex(p[5]))
				return NULL;
			p += 6;
		}
		else if (p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
			p += 2;
		else
			return NULL;
	}
}

static const char *
scan_number(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (p >= end || !is_digit(*p))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (p < end && is_digit(*p))
			p++;
	if (p < end && *p == '.')
	{
		if (++p >= end || !is_digit(*p))
			return NULL;
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		if (++p < end && (*p == '+' || *p == '-'))
			p++;
		if (p >= end || !is_digit(*p))
			return NULL;
		while (p < end && is_digit(*p))
			p++;
	}
	return p;
}

static const char *
scan_word(const char *p, const char *end, const char *word, size_t n)
{
	return (size_t) (end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* A value that is no array and no object. */
static const char *
scan_scalar(const char *p, const char *end)
{
	switch (*p)
	{
		case '"':
			return scan_string(p + 1, end);
		case 't':
			return scan_word(p, end, "true", 4);
		case 'f':
			return scan_word(p, end, "false", 5);
		case 'n':
			return scan_word(p, end, "null", 4);
		default:
			return scan_number(p, end);
	}
}

/* --- values --- */

FoxKind
fox_json_kind(FoxSlice value)
{
	if (value.len == 0)
		return FOX_JSON_NONE;
	switch (value.ptr[0])
	{
		case 'n':
			return FOX_JSON_NULL;
		case 'f':
			return FOX_JSON_FALSE;
		case 't':
			return FOX_JSON_TRUE;
		case '"':
			return FOX_JSON_STRING;
		case '[':
			return FOX_JSON_ARRAY;
		case '{':
			return FOX_JSON_OBJECT;
		default:
			return FOX_JSON_NUMBER;
	}
}

/* A member's name and colon. */
static const char *
scan_key(const char *p, const char *end)
{
	p = skip_space(p, end);
	if (p >= end || *p != '"' || (p = scan_string(p + 1, end)) == NULL)
		return NULL;
	p = skip_space(p, end);
	return p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

const char *
fox_json_scan(const char *p, const char *end, FoxSlice *value, FoxKind *kind)
{
	unsigned char object[FOX_JSON_DEPTH];	/* per level: is it an object? */
	int			depth = 0;
	const char *start = skip_space(p, end);

	p = start;
	for (;;)
	{
		/* here a value begins */
		if (p >= end)
			return NULL;
		if (*p == '[' || *p == '{')
		{
			if (depth == FOX_JSON_DEPTH)
				return NULL;
			object[depth++] = *p == '{';
			p = skip_space(p + 1, end);
			if (p < end && *p == (object[depth - 1] ? '}' : ']'))
			{
				p++;
				depth--;
			}
			else
			{
				if (object[depth - 1] && (p = scan_key(p, end)) == NULL)
					return NULL;
				continue;
			}
		}
		else if ((p = scan_scalar(p, end)) == NULL)
			return NULL;

		/* here a value has ended */
		for (;;)
		{
			if (depth == 0)
			{
				FoxSlice	whole = fox_slice(start, (size_t) (p - start));

				if (value != NULL)
					*value = whole;
				if (kind != NULL)
					*kind = fox_json_kind(whole);
				return p;
			}
			p = skip_space(p, end);
			if (p >= end)
				return NULL;
			if (*p == ',')
				break;
			if (*p != (object[depth - 1] ? '}' : ']'))
				return NULL;
			p++;
			depth--;
		}
		p = skip_space(p + 1, end);
		if (object[depth - 1] && (p = scan_key(p, end)) == NULL)
			return NULL;
	}
}

bool
fox_json_valid(FoxSlice text, FoxKind *kind)
{
	const char *end = text.ptr + text.len;
	const char *p;

	if (fox_absent(text) || (p = fox_json_scan(text.ptr, end, NULL, kind)) == NULL)
		return false;
	return skip_space(p, end) == end;
}

/* --- walking what is known to be valid --- */

/* Steps over the opening bracket or a comma; false at the closing bracket. */
static bool
next_item(FoxSlice container, size_t *pos, const char **p)
{
	const char *end = container.ptr + container.len;

	*p = skip_space(container.ptr + *pos, end);
	if (*p >= end)
		return false;
	if (**p == ',' || *pos == 0)
		*p = skip_space(*p + 1, end);
	return *p < end && **p != ']' && **p != '}';
}

bool
fox_json_element(FoxSlice array, size_t *pos, FoxSlice *value)
{
	const char *p;

	if (fox_json_kind(array) != FOX_JSON_ARRAY || !next_item(array, pos, &p) ||
		(p = fox_json_scan(p, array.ptr + array.len, value, NULL)) == NULL)
		return false;
	*pos = (size_t) (p - array.ptr);
	return true;
}

bool
fox_json_member(FoxSlice object, size_t *pos, FoxSlice *key, FoxSlice *value)
{
	const char *end;
	const char *p;
	const char *q;

	if (fox_json_kind(object) != FOX_JSON_OBJECT || !next_item(object, pos, &p))
		return false;
	end = object.ptr + object.len;
	if (*p != '"' || (q = scan_string(p + 1, end)) == NULL)
		return false;
	*key = fox_slice(p + 1, (size_t) (q - p - 2));
	q = skip_space(q, end);
	if (q >= end || *q != ':' || (q = fox_json_scan(q + 1, end, value, NULL)) == NULL)
		return false;
	*pos = (size_t) (q - object.ptr);
	return true;
}

/* --- text --- */

static uint32_t
hex4(const char *p)
{
	uint32_t	v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t) (is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return v;
}

static void
put_utf8(FoxBuf *b, uint32_t c)
{
	char		u[4];
	size_t		n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1)
		u[0] = (char) c;
	else
	{
		for (size_t i = n - 1; i > 0; i--, c >>= 6)
			u[i] = (char) (0x80 | (c & 0x3F));
		u[0] = (char) ((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
	}
	fox_buf_put(b, u, n);
}

/* Unescapes the inside of a valid string; false for a lone surrogate, unless they are replaced. */
static bool
unescape(FoxSlice raw, bool replace, FoxBuf *out)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *end = raw.ptr + raw.len;

	for (const char *p = raw.ptr; p < end;)
	{
		const char *q = memchr(p, '\\', (size_t) (end - p));
		const char *simple;
		uint32_t	c;

		if (q == NULL)
			q = end;
		fox_buf_put(out, p, (size_t) (q - p));
		if ((p = q) == end)
			break;
		if (p[1] != 'u')
		{
			simple = strchr(from, p[1]);
			fox_buf_char(out, simple ? to[simple - from] : p[1]);
			p += 2;
			continue;
		}
		c = hex4(p + 2);
		p += 6;
		if (c >= 0xD800 && c <= 0xDFFF)
		{
			uint32_t	low = 0;

			if (c <= 0xDBFF && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
				low = hex4(p + 2);
			if (low >= 0xDC00 && low <= 0xDFFF)
			{
				c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				p += 6;
			}
			else if (replace)
				c = 0xFFFD;
			else
				return false;
		}
		put_utf8(out, c);
	}
	return !out->failed;
}

FoxSlice
fox_json_text(FoxSlice value, FoxBuf *scratch)
{
	FoxSlice	raw;
	size_t		start = scratch->len;

	if (fox_json_kind(value) != FOX_JSON_STRING)
		return FOX_ABSENT;
	raw = fox_slice(value.ptr + 1, value.len - 2);
	if (memchr(raw.ptr, '\\', raw.len) == NULL)
		return raw;
	if (!unescape(raw, false, scratch))
		return FOX_ABSENT;
	return fox_slice(scratch->data ? scratch->data + start : "", scratch->len - start);
}

void
fox_json_unescape(FoxSlice raw, FoxBuf *out)
{
	unescape(raw, true, out);
}

bool
fox_json_key_is(FoxSlice raw_key, const char *name)
{
	FoxBuf		plain = {0};
	bool		equal;

	if (memchr(raw_key.ptr, '\\', raw_key.len) == NULL)
		return fox_slice_is(raw_key, name);
	equal = unescape(raw_key, false, &plain) && fox_slice_is(fox_buf_view(&plain), name);
	fox_buf_free(&plain);
	return equal;
}

FoxSlice
fox_json_get(FoxSlice object, const char *name)
{
	FoxSlice	found = FOX_ABSENT;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_member(object, &pos, &key, &value))
		if (fox_json_key_is(key, name))
			found = value;
	return found;
}

/* --- scalars --- */

bool
fox_json_uint(FoxSlice value, uint64_t *out)
{
	uint64_t	v = 0;

	if (value.len == 0 || value.len > 16)
		return false;
	for (size_t i = 0; i < value.len; i++)
	{
		if (!is_digit(value.ptr[i]))
			return false;
		v = v * 10 + (uint64_t) (value.ptr[i] - '0');
	}
	if (v > MAX_EXACT_ID)
		return false;
	*out = v;
	return true;
}

bool
fox_json_double(FoxSlice value, double *out)
{
	char		text[64];

	if (fox_json_kind(value) != FOX_JSON_NUMBER || value.len >= sizeof(text))
		return false;
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	*out = strtod(text, NULL);
	return true;
}

bool
fox_json_is_true(FoxSlice value)
{
	return fox_json_kind(value) == FOX_JSON_TRUE;
}
