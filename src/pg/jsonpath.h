/*
 * jsonpath.h - the condition operator $jsonpath, by PostgreSQL's own evaluator.
 */
#ifndef FOX_PG_JSONPATH_H
#define FOX_PG_JSONPATH_H

#include "codec/match.h"

/* How long a path may take in a background worker, where nobody cancels it: the router, whose loop waits, has less. */
extern int	fox_jsonpath_limit_ms;

/*
 * Does the path hold for value (one JSON value in UTF-8)?  It does when its predicate
 * is true, or when it yields anything but a single false or null; errors inside the
 * path count as nothing found.  FOX_MATCH_INVALID when the path is no jsonpath; an
 * absent value only judges it.  In a background worker a path that takes longer than
 * the limit does not hold.  Never raises an ERROR but a backend's own cancel.
 */
extern FoxMatch fox_jsonpath_match(FoxSlice path, FoxSlice value);

#endif
