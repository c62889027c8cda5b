/*
 * url.c - the target of an HTTP request (see url.h).
 */
#include "codec/url.h"

#include "base/pure.h"

void
fox_url_split(FoxSlice target, FoxSlice *path, FoxSlice *query)
{
	const char *mark;

	if (target.len > 7 && strncmp(target.ptr, "http", 4) == 0)
	{
		const char *end = target.ptr + target.len;
		const char *at = target.ptr + (target.ptr[4] == 's' ? 5 : 4);

		if (end - at >= 3 && strncmp(at, "://", 3) == 0)
		{
			for (at += 3; at < end && *at != '/' && *at != '?'; at++)
				;
			target = fox_slice(at, (size_t) (end - at));
		}
	}
	mark = target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;
	*query = FOX_ABSENT;
	if (mark != NULL)
	{
		*query = fox_slice(mark + 1, (size_t) (target.ptr + target.len - mark - 1));
		target.len = (size_t) (mark - target.ptr);
	}
	*path = target;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
fox_url_decode_to(FoxSlice text, bool plus, char *to)
{
	char	   *begin = to;

	for (size_t i = 0; i < text.len; i++)
	{
		char		c = text.ptr[i];
		int			high;
		int			low;

		if (c == '%' && i + 2 < text.len && (high = hex_digit(text.ptr[i + 1])) >= 0 && (low = hex_digit(text.ptr[i + 2])) >= 0)
		{
			c = (char) (high << 4 | low);
			i += 2;
		}
		else if (c == '+' && plus)
			c = ' ';
		*to++ = c;
	}
	return (size_t) (to - begin);
}

void
fox_url_decode(FoxSlice text, bool plus, FoxBuf *out)
{
	char	   *to = fox_buf_reserve(out, text.len + 1);

	if (to != NULL)
		out->len += fox_url_decode_to(text, plus, to);
}

void
fox_url_encode(FoxSlice text, const char *plain, FoxBuf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		if (c != '\0' && (strchr(unreserved, c) != NULL || strchr(plain, c) != NULL))
		{
			fox_buf_char(out, (char) c);
			continue;
		}
		fox_buf_char(out, '%');
		fox_buf_char(out, digits[c >> 4]);
		fox_buf_char(out, digits[c & 15]);
	}
}

bool
fox_url_segment(FoxSlice path, size_t *pos, FoxSlice *segment)
{
	const char *slash;

	while (*pos < path.len && path.ptr[*pos] == '/' && *pos == 0)
		++*pos;
	if (*pos >= path.len)
		return false;
	slash = memchr(path.ptr + *pos, '/', path.len - *pos);
	*segment = fox_slice(path.ptr + *pos, slash != NULL ? (size_t) (slash - path.ptr) - *pos : path.len - *pos);
	*pos += segment->len + 1;
	return true;
}

bool
fox_url_pair(FoxSlice query, size_t *pos, FoxSlice *name, FoxSlice *value)
{
	while (*pos < query.len)
	{
		const char *begin = query.ptr + *pos;
		const char *end = memchr(begin, '&', query.len - *pos);
		const char *equals;
		size_t		len = end != NULL ? (size_t) (end - begin) : query.len - *pos;

		*pos += len + 1;
		if (len == 0)
			continue;
		equals = memchr(begin, '=', len);
		*name = fox_slice(begin, equals != NULL ? (size_t) (equals - begin) : len);
		*value = equals != NULL ? fox_slice(equals + 1, len - name->len - 1) : fox_slice(begin + len, 0);
		return true;
	}
	return false;
}
