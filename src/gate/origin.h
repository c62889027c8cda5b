/*
 * origin.h - which pages may join without logging in.
 *
 * A page of any web site can reach the loopback address through the browser of who
 * looks at it; only pages that came from the loopback address themselves may join
 * without logging in.
 */
#ifndef FOX_GATE_ORIGIN_H
#define FOX_GATE_ORIGIN_H

#include <stdbool.h>

extern bool fox_origin_is_local(const char *origin);

#endif
