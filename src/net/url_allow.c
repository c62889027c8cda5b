/*
 * url_allow.c - which URLs the server may call (see url_allow.h).
 */
#include "net/url_allow.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRY_MAX 2048

typedef struct Parts
{
	char	   *scheme;
	char	   *host;
	char	   *port;
	char	   *path;
	bool		own_port;		/* the URL names it */
} Parts;

static char *
part(CURLU *url, CURLUPart what, unsigned flags)
{
	char	   *text = NULL;

	return curl_url_get(url, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static void
forget(Parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->path);
}

/* NULL: p is to be forgotten; else what is wrong, and it is not. */
static const char *
read_parts(const char *text, Parts *p)
{
	CURLU	   *url = curl_url();
	const char *problem = NULL;
	char	   *user = NULL;
	char	   *port = NULL;

	*p = (Parts) {0};
	if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
		problem = "It is no URL.";
	else
	{
		user = part(url, CURLUPART_USER, 0);
		port = part(url, CURLUPART_PORT, 0);
		*p = (Parts) {
			.scheme = part(url, CURLUPART_SCHEME, 0), .host = part(url, CURLUPART_HOST, 0),
			.port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT), .path = part(url, CURLUPART_PATH, 0), .own_port = port != NULL
		};
		if (p->scheme == NULL || (strcmp(p->scheme, "http") != 0 && strcmp(p->scheme, "https") != 0))
			problem = "Its scheme must be http or https.";
		else if (user != NULL)
			problem = "It must not hold a user or a password.";
		else if (p->host == NULL || p->port == NULL || p->path == NULL)
			problem = "It has no host.";
	}
	for (const char *c = text; problem == NULL && *c != '\0'; c++)
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f || *c == '\\')
			problem = "Characters other than printable ASCII must be percent-encoded, or as Punycode in a host.";
	curl_free(user);
	curl_free(port);
	curl_url_cleanup(url);
	if (problem != NULL)
		forget(p);
	return problem;
}

const char *
fox_url_problem(const char *url)
{
	Parts		p;
	const char *problem = read_parts(url, &p);

	if (problem == NULL)
		forget(&p);
	return problem;
}

/* A server may take what is encoded for what it stands for: such a path could lead anywhere. */
static bool
path_is_plain(const char *path)
{
	for (const char *c = path; (c = strchr(c, '%')) != NULL; c++)
		if (strncasecmp(c, "%2e", 3) == 0 || strncasecmp(c, "%2f", 3) == 0 || strncasecmp(c, "%5c", 3) == 0)
			return false;
	return true;
}

static bool
is_below(const char *path, const char *top)
{
	size_t		len = strlen(top);

	if (len > 0 && top[len - 1] == '/')
		len--;
	return len == 0 || (strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0') && path_is_plain(path));
}

/* Where an entry names a host alone, a URL with that host to read it from; false: too long. */
static bool
as_url(const char *entry, char *url)
{
	if (strlen(entry) + sizeof("https://") > ENTRY_MAX)
		return false;
	strcpy(url, strstr(entry, "://") != NULL ? "" : "https://");
	strcat(url, strncmp(entry, "*.", 2) == 0 ? entry + 2 : entry);
	return true;
}

static bool
host_is_below(const char *host, const char *domain)
{
	size_t		len = strlen(host);
	size_t		tail = strlen(domain);

	return len > tail + 1 && host[len - tail - 1] == '.' && strcasecmp(host + len - tail, domain) == 0;
}

/* Of a host alone: its port, or the one of the URL's scheme. */
static bool
host_allows(const Parts *u, const char *entry, const Parts *e)
{
	if (strncmp(entry, "*.", 2) == 0 ? !host_is_below(u->host, e->host) : strcasecmp(u->host, e->host) != 0)
		return false;
	if (e->own_port)
		return strcmp(u->port, e->port) == 0;
	return strcmp(u->port, strcmp(u->scheme, "http") == 0 ? "80" : "443") == 0;
}

static bool
entry_allows(const char *entry, const Parts *u)
{
	char		url[ENTRY_MAX];
	Parts		e;
	bool		allows;

	if (strcmp(entry, "*") == 0)
		return true;
	if (!as_url(entry, url) || read_parts(url, &e) != NULL)
		return false;
	allows = strstr(entry, "://") == NULL ? host_allows(u, entry, &e) :
		strcmp(u->scheme, e.scheme) == 0 && strcasecmp(u->host, e.host) == 0 && strcmp(u->port, e.port) == 0 &&
		is_below(u->path, e.path);
	forget(&e);
	return allows;
}

static bool
entry_valid(const char *entry)
{
	char		url[ENTRY_MAX];
	Parts		e;
	bool		host_alone = strstr(entry, "://") == NULL;
	bool		valid;

	if (strcmp(entry, "*") == 0)
		return true;
	if ((!host_alone && entry[0] == '*') || !as_url(entry, url) || strchr(url, '?') != NULL || strchr(url, '#') != NULL ||
		read_parts(url, &e) != NULL)
		return false;
	valid = path_is_plain(e.path) && (!host_alone || strchr(entry, '/') == NULL) && strchr(e.host, '*') == NULL;
	forget(&e);
	return valid;
}

/* Takes the next entry off *rest; false: there is none, or (too long) none that can be read. */
static bool
next_entry(const char **rest, char entry[ENTRY_MAX])
{
	while (**rest == ',' || **rest == ' ' || **rest == '\t' || **rest == '\n')
		(*rest)++;
	if (**rest == '\0')
		return false;
	for (size_t len = 0; len < ENTRY_MAX; len++, (*rest)++)
	{
		entry[len] = **rest;
		if (strchr(", \t\n", **rest) != NULL)	/* the end of the list too */
		{
			entry[len] = '\0';
			return true;
		}
	}
	return false;
}

bool
fox_url_allowed(const char *url, const char *list)
{
	char		entry[ENTRY_MAX];
	Parts		u;
	bool		allowed = false;

	if (read_parts(url, &u) != NULL)
		return false;
	while (!allowed && next_entry(&list, entry))
		allowed = entry_allows(entry, &u);
	forget(&u);
	return allowed;
}

bool
fox_url_list_valid(const char *list)
{
	char		entry[ENTRY_MAX];

	while (next_entry(&list, entry))
		if (!entry_valid(entry))
			return false;
	return list[strspn(list, ", \t\n")] == '\0';
}
