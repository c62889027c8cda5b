/*
 * cookie.c - cookies (see cookie.h).
 */
#include "codec/cookie.h"

#include <strings.h>

#include "base/pure.h"

const char *
fox_cookie_name(bool secure)
{
	return secure ? "__Host-fox_wamp" : "fox_wamp";
}

static bool
is_token(FoxSlice text)
{
	if (text.len != FOX_COOKIE)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
			return false;
	return true;
}

/* Cuts the first pair off *header, without the blanks around it. */
static FoxSlice
next_pair(FoxSlice *header)
{
	const char *end = memchr(header->ptr, ';', header->len);
	FoxSlice	pair = {header->ptr, end != NULL ? (size_t) (end - header->ptr) : header->len};
	size_t		taken = pair.len < header->len ? pair.len + 1 : pair.len;

	header->ptr += taken;
	header->len -= taken;
	while (pair.len > 0 && (*pair.ptr == ' ' || *pair.ptr == '\t'))
		pair = fox_slice(pair.ptr + 1, pair.len - 1);
	while (pair.len > 0 && (pair.ptr[pair.len - 1] == ' ' || pair.ptr[pair.len - 1] == '\t'))
		pair.len--;
	return pair;
}

FoxSlice
fox_cookie_value(FoxSlice header, const char *name)
{
	size_t		n = strlen(name);

	while (header.len > 0)
	{
		FoxSlice	pair = next_pair(&header);

		if (pair.len > n && memcmp(pair.ptr, name, n) == 0 && pair.ptr[n] == '=')
			return fox_slice(pair.ptr + n + 1, pair.len - n - 1);
	}
	return FOX_ABSENT;
}

FoxSlice
fox_cookie_token(FoxSlice header, bool secure)
{
	FoxSlice	value = fox_cookie_value(header, fox_cookie_name(secure));

	return is_token(value) ? value : FOX_ABSENT;
}

void
fox_cookie_put(FoxBuf *out, const char *name, const char *value, bool secure, uint64_t seconds)
{
	fox_buf_str(out, name);
	fox_buf_char(out, '=');
	fox_buf_str(out, value);
	fox_buf_str(out, "; Path=/");
	if (seconds != UINT64_MAX)
	{
		fox_buf_str(out, "; Max-Age=");
		fox_buf_u64(out, seconds);
	}
	fox_buf_str(out, "; HttpOnly; SameSite=Strict");
	if (secure)
		fox_buf_str(out, "; Secure");
}

/* "example.com:8080" and "[::1]:8080" without the port. */
static size_t
host_len(const char *host)
{
	return *host == '[' ? strcspn(host, "]/") : strcspn(host, ":/");
}

bool
fox_cookie_origin(const char *origin, const char *host)
{
	const char *of = strstr(origin, "://");
	size_t		n;

	if (*origin == '\0')
		return true;
	if (of == NULL)
		return false;
	of += 3;
	n = host_len(of);
	return n > 0 && n == host_len(host) && strncasecmp(of, host, n) == 0;
}
