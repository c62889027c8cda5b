/*
 * pool_times.c - how long calls of a function take (see pool_times.h).
 */
#include "postgres.h"

#include "pg/pool_times.h"

#define KNOWN 1024
#define UNKNOWN_US 1000
#define LONGEST_US 10000		/* counts for all that took longer: one that waited for a lock says little about the next */
#define LONG_US 8000
#define WEIGHT 8				/* of all before, and the last one's is 1 */

typedef struct Known
{
	uint64		function;
	int64		us;
} Known;

static Known known[KNOWN];

int64
fox_time_expected(uint64 function)
{
	const Known *k = &known[function % KNOWN];

	return k->function == function ? k->us : UNKNOWN_US;
}

bool
fox_time_is_long(uint64 function)
{
	return fox_time_expected(function) >= LONG_US;
}

void
fox_time_taken(uint64 function, int64 us)
{
	Known	   *k = &known[function % KNOWN];

	us = Max(0, Min(us, LONGEST_US));
	if (k->function == function)
		us = k->us + (us - k->us) / WEIGHT;
	*k = (Known) {function, us};
}
