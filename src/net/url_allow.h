/*
 * url_allow.h - which URLs the server may call.
 *
 * A list is separated by commas.  An entry is
 *
 *   https://host[:port][/path]   that scheme, host and port, and paths below that one
 *   host[:port]                  http and https at that host; without a port at 80 and 443
 *   *.domain[:port]              the same of all hosts below the domain
 *   *                            every URL
 *
 * Entry and URL are compared part by part, as libcurl reads them, which is who calls: what
 * only looks like an allowed host (http://good@evil/, http://good.evil/) is none.
 */
#ifndef FOX_NET_URL_ALLOW_H
#define FOX_NET_URL_ALLOW_H

#include <stdbool.h>

/* Why nothing can ever be sent to the URL, as a sentence; NULL: something can. */
extern const char *fox_url_problem(const char *url);
/* False for a URL with a problem, and for all when the list is empty. */
extern bool fox_url_allowed(const char *url, const char *list);
/* Can every entry of the list be read? */
extern bool fox_url_list_valid(const char *list);

#endif
