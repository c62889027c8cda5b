/*
 * pure.h - the guard of the pure layers.
 *
 * Every .c file of base, codec, core and gate includes this header last.  Those
 * layers know neither PostgreSQL nor libwebsockets: they are compiled with plain
 * cc, unit-tested and fuzzed without a server, and can not block on SQL.
 */
#if defined(POSTGRES_H) || defined(PG_VERSION_NUM)
#error "a pure layer must not include postgres.h"
#endif
#if defined(LWS_LIBRARY_VERSION)
#error "a pure layer must not include libwebsockets.h"
#endif
