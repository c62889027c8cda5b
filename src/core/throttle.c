/*
 * throttle.c - failed log-ins (see throttle.h).
 *
 * Each failure costs its share of a minute; who owes a whole one has to wait until a
 * share of it has passed.
 */
#include "core/throttle.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/hash.h"

#include "base/pure.h"

#define MINUTE_US UINT64_C(60000000)

static size_t
slot_of(FoxSlice key)
{
	return fox_hash_bytes(key.ptr, key.len) & (FOX_THROTTLE_SLOTS - 1);
}

bool
fox_throttle_open(const FoxThrottle *t, FoxSlice key, uint32_t limit, uint64_t now_us)
{
	return limit == 0 || t->paid_us[slot_of(key)] + MINUTE_US / limit <= now_us + MINUTE_US;
}

void
fox_throttle_failed(FoxThrottle *t, FoxSlice key, uint32_t limit, uint64_t now_us)
{
	uint64_t   *paid = &t->paid_us[slot_of(key)];

	if (limit == 0)
		return;
	if (*paid < now_us)
		*paid = now_us;
	if (*paid < now_us + MINUTE_US)
		*paid += MINUTE_US / limit;
}

FoxSlice
fox_throttle_address(const char *peer, char text[64])
{
	const char *end = strrchr(peer, ':');
	struct in6_addr in6;
	size_t		n = end != NULL ? (size_t) (end - peer) : strlen(peer);

	if (*peer == '[' && n > 2 && n < 64)
	{
		memcpy(text, peer + 1, n - 2);
		text[n - 2] = '\0';
		if (inet_pton(AF_INET6, text, &in6) == 1 && !IN6_IS_ADDR_V4MAPPED(&in6))
		{
			memcpy(text, &in6, 8);
			return fox_slice(text, 8);
		}
	}
	return fox_slice(peer, n);
}
