/*
 * proxies.h - proxies whose word about their clients counts.
 *
 * They are named by addresses and networks: "127.0.0.1, 10.0.0.0/8, ::1".
 */
#ifndef FOX_CODEC_PROXIES_H
#define FOX_CODEC_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

/* Is it a list of addresses and networks, or empty? */
extern bool fox_proxies_valid(const char *list);
/* Is the address, without a port, one of a valid list's? */
extern bool fox_proxies_hold(const char *list, const char *address);
/*
 * The client that an X-Forwarded-For header names, seen from a proxy of the list: the last address that is not such a
 * proxy itself, for what comes before it anybody may have written.  False: there is none, or it is no address.
 */
extern bool fox_proxies_client(const char *list, const char *header, char *client, size_t size);

#endif
