/*
 * throttle.h - failed log-ins, by address and by name.
 *
 * A fixed table of counters, so that a guesser cannot make it grow; names that share a
 * counter share its limit.
 */
#ifndef FOX_CORE_THROTTLE_H
#define FOX_CORE_THROTTLE_H

#include "base/slice.h"

#define FOX_THROTTLE_SLOTS 8192	/* a power of two */

typedef struct FoxThrottle
{
	uint64_t	paid_us[FOX_THROTTLE_SLOTS];	/* until when the failures so far are paid for */
} FoxThrottle;

/* May the key try (again)?  limit failures a minute; 0: any number. */
extern bool fox_throttle_open(const FoxThrottle *t, FoxSlice key, uint32_t limit, uint64_t now_us);
extern void fox_throttle_failed(FoxThrottle *t, FoxSlice key, uint32_t limit, uint64_t now_us);

/* The part of a peer's address that one guesser has: no port, of IPv6 the first 64 bits; into a text of 64 bytes. */
extern FoxSlice fox_throttle_address(const char *peer, char text[64]);

#endif
