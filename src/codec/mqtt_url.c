/*
 * mqtt_url.c - where brokers listen, and which of them may be connected to (see mqtt_url.h).
 */
#include "codec/mqtt_url.h"

#include <strings.h>

#include "base/pure.h"

#define PORT 1883
#define TLS_PORT 8883

static bool
read_port(FoxSlice text, uint16_t *port)
{
	uint32_t	n = 0;

	for (size_t i = 0; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || (n = n * 10 + (uint32_t) (text.ptr[i] - '0')) > UINT16_MAX)
			return false;
	}
	*port = (uint16_t) n;
	return n > 0;
}

/* Host, and the port behind it, if any; false: malformed brackets. */
static bool
split(FoxSlice text, FoxSlice *host, FoxSlice *port)
{
	const char *end;

	*port = FOX_ABSENT;
	if (text.len > 0 && text.ptr[0] == '[')
	{
		if ((end = memchr(text.ptr, ']', text.len)) == NULL)
			return false;
		*host = fox_slice(text.ptr + 1, (size_t) (end - text.ptr) - 1);
		text = fox_slice(end + 1, text.len - host->len - 2);
		if (text.len > 0 && text.ptr[0] != ':')
			return false;
		if (text.len > 0)
			*port = fox_slice(text.ptr + 1, text.len - 1);
		return true;
	}
	end = memchr(text.ptr, ':', text.len);
	*host = fox_slice(text.ptr, end != NULL ? (size_t) (end - text.ptr) : text.len);
	if (end != NULL)
		*port = fox_slice(end + 1, text.len - host->len - 1);
	return true;
}

/* Takes the scheme off; false: there is none that is known. */
static bool
take_scheme(FoxSlice *text, bool *tls)
{
	FoxSlice	scheme = FOX_LIT("mqtt://");

	*tls = fox_slice_begins(*text, FOX_LIT("mqtts://"));
	if (*tls)
		scheme = FOX_LIT("mqtts://");
	else if (!fox_slice_begins(*text, scheme))
		return false;
	*text = fox_slice(text->ptr + scheme.len, text->len - scheme.len);
	return true;
}

const char *
fox_mqtt_url_read(FoxSlice text, FoxMqttUrl *url)
{
	FoxSlice	port;

	if (!take_scheme(&text, &url->tls))
		return "Its scheme must be mqtt or mqtts.";
	if (memchr(text.ptr, '@', text.len) != NULL)
		return "It must not hold a user or a password.";
	if (memchr(text.ptr, '/', text.len) != NULL)
		return "It must have no path.";
	if (!split(text, &url->host, &port) || url->host.len == 0 || url->host.len > 255)
		return "It has no host.";
	for (size_t i = 0; i < url->host.len; i++)
		if ((unsigned char) url->host.ptr[i] <= ' ' || (unsigned char) url->host.ptr[i] >= 0x7f)
			return "Its host must be of printable ASCII characters.";
	url->port = url->tls ? TLS_PORT : PORT;
	if (!fox_absent(port) && !read_port(port, &url->port))
		return "Its port must be a number from 1 to 65535.";
	return NULL;
}

/* --- lists --- */

typedef struct Entry
{
	FoxSlice	host;
	uint16_t	port;			/* 0: the usual ones */
	bool		has_scheme;
	bool		tls;
} Entry;

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Takes the next entry off; false: that was all. */
static bool
next_entry(const char **list, FoxSlice *entry)
{
	const char *at = *list;

	while (is_space(*at) || *at == ',')
		at++;
	*entry = fox_slice(at, strcspn(at, ", \t\n"));
	*list = at + entry->len;
	return entry->len > 0;
}

static bool
read_entry(FoxSlice text, Entry *e)
{
	FoxSlice	port;

	*e = (Entry){0};
	e->has_scheme = take_scheme(&text, &e->tls);
	if (memchr(text.ptr, '/', text.len) != NULL || memchr(text.ptr, '@', text.len) != NULL || !split(text, &e->host, &port) || e->host.len == 0)
		return false;
	if (!fox_absent(port) && !read_port(port, &e->port))
		return false;
	if (e->has_scheme && e->port == 0)
		e->port = e->tls ? TLS_PORT : PORT;
	/* A star is a domain's, or everybody's. */
	return memchr(e->host.ptr, '*', e->host.len) == NULL ||
		(e->host.len == 1 && fox_absent(port) && !e->has_scheme) ||
		(fox_slice_begins(e->host, FOX_LIT("*.")) && e->host.len > 2 && memchr(e->host.ptr + 1, '*', e->host.len - 1) == NULL);
}

static bool
host_fits(FoxSlice pattern, FoxSlice host)
{
	FoxSlice	end = fox_slice(pattern.ptr + 1, pattern.len - 1);

	if (pattern.ptr[0] != '*')
		return pattern.len == host.len && strncasecmp(pattern.ptr, host.ptr, host.len) == 0;
	return host.len > end.len && strncasecmp(host.ptr + host.len - end.len, end.ptr, end.len) == 0;
}

static bool
allows(const Entry *e, const FoxMqttUrl *url)
{
	if (e->host.len == 1 && e->host.ptr[0] == '*')
		return true;
	if ((e->has_scheme && e->tls != url->tls) || !host_fits(e->host, url->host))
		return false;
	return e->port != 0 ? e->port == url->port : url->port == PORT || url->port == TLS_PORT;
}

bool
fox_mqtt_url_allowed(FoxSlice text, const char *list)
{
	FoxMqttUrl	url;
	FoxSlice	entry;
	Entry		e;

	if (fox_mqtt_url_read(text, &url) != NULL)
		return false;
	while (next_entry(&list, &entry))
		if (read_entry(entry, &e) && allows(&e, &url))
			return true;
	return false;
}

bool
fox_mqtt_url_list_valid(const char *list)
{
	FoxSlice	entry;
	Entry		e;

	while (next_entry(&list, &entry))
		if (!read_entry(entry, &e))
			return false;
	return true;
}
