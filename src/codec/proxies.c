/*
 * proxies.c - proxies whose word about their clients counts.
 *
 * The list is read anew for each request that was forwarded: there are few of both,
 * and nothing has to be kept in step with the setting.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/proxies.h"

#include "base/pure.h"

typedef struct Network
{
	int			family;
	unsigned char address[16];
	int			bits;			/* that count */
} Network;

/* The item that begins at *p, without the blanks around it; *p goes behind the comma, or is NULL. */
static bool
next_item(const char **p, char *item, size_t size)
{
	const char *start = *p + strspn(*p, " \t");
	size_t		len = strcspn(start, ",");

	*p = start[len] == ',' ? start + len + 1 : NULL;
	while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= size)
		return false;
	memcpy(item, start, len);
	item[len] = '\0';
	return true;
}

/* An IPv4 address in IPv6's clothes is that IPv4 address. */
static void
unmap(Network *n)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (n->family != AF_INET6 || memcmp(n->address, mapped, sizeof(mapped)) != 0 || n->bits < 96)
		return;
	memmove(n->address, n->address + 12, 4);
	n->family = AF_INET;
	n->bits -= 96;
}

static bool
read_network(char *item, Network *n)
{
	char	   *slash = strchr(item, '/');
	char	   *end;
	long		bits = -1;

	if (slash != NULL)
	{
		*slash++ = '\0';
		bits = *slash >= '0' && *slash <= '9' ? strtol(slash, &end, 10) : -1;
		if (bits < 0 || *end != '\0')
			return false;
	}
	if (inet_pton(AF_INET, item, n->address) == 1)
		n->family = AF_INET;
	else if (inet_pton(AF_INET6, item, n->address) == 1)
		n->family = AF_INET6;
	else
		return false;
	n->bits = n->family == AF_INET ? 32 : 128;
	if (bits > n->bits)
		return false;
	if (bits >= 0)
		n->bits = (int) bits;
	unmap(n);
	return true;
}

static bool
holds(const Network *n, const Network *address)
{
	int			whole = n->bits / 8;
	int			rest = n->bits % 8;

	return n->family == address->family && memcmp(n->address, address->address, (size_t) whole) == 0 &&
		(rest == 0 || ((n->address[whole] ^ address->address[whole]) >> (8 - rest)) == 0);
}

bool
fox_proxies_valid(const char *list)
{
	char		item[64];
	Network		n;

	if (list[strspn(list, " \t")] == '\0')
		return true;
	while (list != NULL)
		if (!next_item(&list, item, sizeof(item)) || !read_network(item, &n))
			return false;
	return true;
}

bool
fox_proxies_hold(const char *list, const char *address)
{
	char		item[64];
	Network		n;
	Network		wanted;

	if (snprintf(item, sizeof(item), "%s", address) >= (int) sizeof(item) || strchr(item, '/') != NULL ||
		!read_network(item, &wanted))
		return false;
	while (list != NULL)
		if (next_item(&list, item, sizeof(item)) && read_network(item, &n) && holds(&n, &wanted))
			return true;
	return false;
}

bool
fox_proxies_client(const char *list, const char *header, char *client, size_t size)
{
	char		item[64];
	Network		n;

	client[0] = '\0';
	while (header != NULL)
	{
		if (!next_item(&header, item, sizeof(item)))
			client[0] = '\0';
		else if (!fox_proxies_hold(list, item))
			snprintf(client, size, "%s", item);
	}
	snprintf(item, sizeof(item), "%s", client);
	return strchr(item, '/') == NULL && read_network(item, &n);
}
