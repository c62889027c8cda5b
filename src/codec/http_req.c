/*
 * http_req.c - heads of HTTP/1.1 requests (see http_req.h).
 */
#include "codec/http_req.h"

#include "base/pure.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

bool
fox_http_is_type(FoxSlice type, const char *name)
{
	size_t		n = strlen(name);

	return type.len >= n && fox_http_same(fox_slice(type.ptr, n), fox_slice(name, n)) &&
		(type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' ');
}

bool
fox_http_same(FoxSlice a, FoxSlice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

/* Characters of methods and names of headers. */
bool
fox_http_is_token(FoxSlice s)
{
	for (size_t i = 0; i < s.len; i++)
	{
		unsigned char c = (unsigned char) s.ptr[i];

		if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return s.len > 0;
}

static FoxSlice
trimmed(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return fox_slice(p, (size_t) (end - p));
}

static bool
has_control(FoxSlice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char) s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 127)
			return true;
	return false;
}

bool
fox_http_lists(FoxSlice list, const char *word)
{
	const char *at = list.ptr;
	const char *end = list.ptr + list.len;

	while (!fox_absent(list) && at <= end)
	{
		const char *comma = at < end ? memchr(at, ',', (size_t) (end - at)) : NULL;

		if (fox_http_same(trimmed(at, comma != NULL ? comma : end), fox_cstr(word)))
			return true;
		if (comma == NULL)
			break;
		at = comma + 1;
	}
	return false;
}

/* --- lines --- */

bool
fox_http_header_next(FoxSlice headers, size_t *pos, FoxSlice *name, FoxSlice *value)
{
	const char *p = headers.ptr + *pos;
	const char *end = *pos < headers.len ? memchr(p, '\n', headers.len - *pos) : NULL;
	const char *colon = end != NULL ? memchr(p, ':', (size_t) (end - p)) : NULL;

	if (colon == NULL)
		return false;
	*name = fox_slice(p, (size_t) (colon - p));
	*value = trimmed(colon + 1, end - 1);
	*pos = (size_t) (end + 1 - headers.ptr);
	return true;
}

FoxSlice
fox_http_header(FoxSlice headers, const char *name)
{
	FoxSlice	wanted = fox_cstr(name);
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_http_header_next(headers, &pos, &key, &value))
		if (fox_http_same(key, wanted))
			return value;
	return FOX_ABSENT;
}

static FoxHttpParsed
bad(FoxHttpHead *h, unsigned status)
{
	h->status = status;
	return FOX_HTTP_BAD;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 0, or the status of what is wrong.  What is newer than HTTP/1.1 is spoken to as that. */
static unsigned
request_line(const char *p, const char *end, FoxHttpHead *h, int *minor)
{
	const char *space = memchr(p, ' ', (size_t) (end - p));
	const char *second = space != NULL ? memchr(space + 1, ' ', (size_t) (end - space - 1)) : NULL;

	if (second == NULL || end - second != 9 || strncmp(second + 1, "HTTP/", 5) != 0 || !is_digit(second[6]) || second[7] != '.' ||
		!is_digit(second[8]))
		return 400;
	if (second[6] != '1')
		return 505;
	h->method = fox_slice(p, (size_t) (space - p));
	h->target = fox_slice(space + 1, (size_t) (second - space - 1));
	*minor = second[8] == '0' ? 0 : 1;
	for (size_t i = 0; i < h->target.len; i++)
		if ((unsigned char) h->target.ptr[i] <= ' ' || h->target.ptr[i] == 127)
			return 400;
	return fox_http_is_token(h->method) && h->target.len > 0 ? 0 : 400;
}

static bool
number(FoxSlice text, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.len; i++)
	{
		if (!is_digit(text.ptr[i]))
			return false;
		*n = *n * 10 + (uint64_t) (text.ptr[i] - '0');
	}
	return text.len > 0 && text.len <= 18;
}

/* One header of those that say how the request goes on; 0, or the status of what is wrong. */
static unsigned
meaning(FoxHttpHead *h, FoxSlice name, FoxSlice value, bool *host)
{
	uint64_t	n;

	switch (lower(name.ptr[0]))
	{
		case 'c':
			if (fox_http_same(name, FOX_LIT("content-length")))
			{
				if (!number(value, &n) || (h->has_length && n != h->content_length))
					return 400;
				h->has_length = true;
				h->content_length = n;
			}
			else if (fox_http_same(name, FOX_LIT("connection")))
				h->keep = fox_http_lists(value, "close") ? false : h->keep || fox_http_lists(value, "keep-alive");
			break;
		case 'e':
			if (fox_http_same(name, FOX_LIT("expect")))
			{
				if (!fox_http_same(value, FOX_LIT("100-continue")))
					return 417;
				h->expects = true;
			}
			break;
		case 'h':
			if (fox_http_same(name, FOX_LIT("host")))
			{
				if (*host)
					return 400;
				*host = true;
			}
			break;
		case 't':
			if (fox_http_same(name, FOX_LIT("transfer-encoding")))
			{
				if (h->chunked)
					return 400;
				if (!fox_http_same(value, FOX_LIT("chunked")))
					return 501;
				h->chunked = true;
			}
			break;
		case 'u':
			h->upgrades = h->upgrades || (fox_http_same(name, FOX_LIT("upgrade")) && fox_http_lists(value, "websocket"));
			break;
		default:
			break;
	}
	return 0;
}

static FoxHttpParsed
header_lines(const char *p, const char *end, FoxHttpHead *h, int minor)
{
	bool		host = false;

	while (p < end)
	{
		const char *line_end = memchr(p, '\n', (size_t) (end - p));
		const char *colon;
		FoxSlice	name;
		FoxSlice	value;
		unsigned	status;

		if (line_end == NULL || line_end == p || line_end[-1] != '\r' ||
			(colon = memchr(p, ':', (size_t) (line_end - p))) == NULL)
			return bad(h, 400);
		name = fox_slice(p, (size_t) (colon - p));
		value = trimmed(colon + 1, line_end - 1);
		if (!fox_http_is_token(name) || has_control(value))
			return bad(h, 400);
		status = meaning(h, name, value, &host);
		if (status != 0)
			return bad(h, status);
		p = line_end + 1;
	}
	if ((h->chunked && (h->has_length || minor == 0)) || (minor == 1 && !host))
		return bad(h, 400);
	return FOX_HTTP_DONE;
}

/* Where the empty line ends; NULL: it has not come. */
static const char *
end_of_head(const char *p, const char *end)
{
	while ((p = memchr(p, '\n', (size_t) (end - p))) != NULL)
	{
		p++;
		if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
			return p + 2;
		if (end - p >= 1 && p[0] == '\n')
			return p + 1;		/* to be found malformed */
		if (p == end)
			break;
	}
	return NULL;
}

FoxHttpParsed
fox_http_head(const char *p, size_t len, FoxHttpHead *h)
{
	const char *begin = p;
	const char *end = p + len;
	const char *line;
	const char *stop;
	unsigned	wrong;
	int			minor;

	*h = (FoxHttpHead){.len = 0};
	while (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		p += 2;					/* RFC 9112, 2.2 */
	line = memchr(p, '\n', (size_t) (end - p));
	if (line == NULL && end - p > FOX_HTTP_TARGET_MAX + 32)
		return bad(h, 414);
	if (line == NULL)
		return FOX_HTTP_MORE;
	if (line == p || line[-1] != '\r')
		return bad(h, 400);
	wrong = request_line(p, line - 1, h, &minor);
	if (wrong != 0)
		return bad(h, wrong);
	if (h->target.len > FOX_HTTP_TARGET_MAX)
		return bad(h, 414);
	stop = end_of_head(line, end);
	if ((stop == NULL ? end : stop) - p > FOX_HTTP_HEAD_MAX)
		return bad(h, 431);
	if (stop == NULL)
		return FOX_HTTP_MORE;
	if (stop[-2] != '\r')
		return bad(h, 400);
	h->keep = minor == 1;
	h->old = minor == 0;
	h->len = (size_t) (stop - begin);
	h->headers = fox_slice(line + 1, (size_t) (stop - 2 - line - 1));
	return header_lines(line + 1, stop - 2, h, minor);
}

const char *
fox_http_phrase(unsigned status)
{
	static const struct
	{
		unsigned	status;
		const char *phrase;
	}			phrases[] = {
		{100, "Continue"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {203, "Non-Authoritative Information"},
		{204, "No Content"}, {205, "Reset Content"}, {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"},
		{303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
		{411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
		{415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {421, "Misdirected Request"}, {422, "Unprocessable Content"}, {423, "Locked"},
		{426, "Upgrade Required"}, {428, "Precondition Required"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {451, "Unavailable For Legal Reasons"}, {500, "Internal Server Error"},
		{501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return status < 300 ? "OK" : status < 400 ? "Redirect" : status < 500 ? "Client Error" : "Server Error";
}
