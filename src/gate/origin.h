/*
 * origin.h - whether a request may come from somebody who does not log in, by what a browser says of it.
 */
#ifndef FOX_GATE_ORIGIN_H
#define FOX_GATE_ORIGIN_H

#include "base/slice.h"

/*
 * A page of any web site can reach the loopback address through the browser of who
 * looks at it; only pages that came from the loopback address themselves may join
 * without logging in.  An empty origin is no browser's.
 */
extern bool fox_origin_is_local(FoxSlice origin);
/* Is it the loopback address or its name, with a port or without? */
extern bool fox_host_is_local(FoxSlice host);
/* Is it in the list, which has commas, or is the list "*"? */
extern bool fox_origin_listed(const char *list, FoxSlice origin);

#endif
