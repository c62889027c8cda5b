/*
 * address.c - how many connections one address has.
 *
 * Connections of a unix socket have none.  Behind a proxy that does not tell all have the proxy's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/internal.h"

struct FoxAddress
{
	uint64_t	connections;
	size_t		len;
	char		text[];
};

/* "127.0.0.1:54321" and "[::1]:54321" without the port; absent: a unix socket. */
static FoxSlice
address_of(const FoxConnInfo *info)
{
	const char *colon = strrchr(info->peer, ':');

	if (colon == NULL || strncmp(info->peer, "unix", 4) == 0)
		return FOX_ABSENT;
	return fox_slice(info->peer, (size_t) (colon - info->peer));
}

bool
fox_address_full(const FoxNet *net, const FoxConnInfo *info)
{
	FoxSlice	text = address_of(info);
	const FoxAddress *a;

	if (net->config.connections_per_address <= 0 || fox_absent(text))
		return false;
	a = fox_map_get(&net->peers, text);
	return a != NULL && a->connections >= (uint64_t) net->config.connections_per_address;
}

FoxAddress *
fox_address_enter(FoxNet *net, const FoxConnInfo *info)
{
	FoxMap	   *addresses = &net->peers;
	FoxSlice	text = address_of(info);
	FoxAddress *a;

	if (fox_absent(text))
		return NULL;
	a = fox_map_get(addresses, text);
	if (a == NULL)
	{
		if ((a = calloc(1, sizeof(*a) + text.len)) == NULL)
			return NULL;
		memcpy(a->text, text.ptr, text.len);
		a->len = text.len;
		if (!fox_map_put(addresses, fox_slice(a->text, a->len), a))
		{
			free(a);
			return NULL;
		}
	}
	a->connections++;
	return a;
}

void
fox_address_leave(FoxNet *net, FoxAddress *a)
{
	if (a == NULL || --a->connections > 0)
		return;
	fox_map_del(&net->peers, fox_slice(a->text, a->len));
	free(a);
}
