/*
 * origin.c - which pages may join without logging in (see origin.h).
 */
#include "gate/origin.h"

#include <stddef.h>
#include <string.h>

#include "base/pure.h"

bool
fox_origin_is_local(const char *origin)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *host = strstr(origin, "://");

	if (*origin == '\0')
		return true;			/* not a browser */
	if (host == NULL)
		return false;
	host += 3;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		size_t		n = strlen(hosts[i]);

		if (strncmp(host, hosts[i], n) == 0 && (host[n] == '\0' || host[n] == ':' || host[n] == '/'))
			return true;
	}
	return false;
}
