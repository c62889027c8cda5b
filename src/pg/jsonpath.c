/*
 * jsonpath.c - the condition operator $jsonpath (see jsonpath.h).
 *
 * PostgreSQL's evaluator reads no table and takes no lock, so the router may call it
 * in its loop.  What it raises ends here, for libwebsockets may stand further up the
 * stack.  Paths are strangers' programs: nested filters over the whole document take
 * time to the power of their depth, so a timer cancels what takes too long; the
 * evaluator looks for interrupts at each step.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "pg/jsonpath.h"
#include "pg/sqlarg.h"

int			fox_jsonpath_limit_ms = 1000;

static TimeoutId limit = MAX_TIMEOUTS;

static void
too_long(void)
{
	QueryCancelPending = true;
	InterruptPending = true;
}

static bool
holds(Datum path, Datum value)
{
	Jsonb	   *none = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	Jsonb	   *found = DatumGetJsonbP(DirectFunctionCall4(jsonb_path_query_array, value, path,
														   JsonbPGetDatum(none), BoolGetDatum(true)));
	JsonbValue *only;

	if (JB_ROOT_COUNT(found) != 1)
		return JB_ROOT_COUNT(found) > 1;
	only = getIthJsonbValueFromContainer(&found->root, 0);
	return only->type != jbvNull && !(only->type == jbvBool && !only->val.boolean);
}

/* In the private context; raises what the input functions and the evaluator raise. */
static FoxMatch
evaluate(FoxSlice path, FoxSlice value, volatile bool *path_is_valid)
{
	Datum		compiled = DirectFunctionCall1(jsonpath_in, CStringGetDatum(pnstrdup(path.ptr, path.len)));
	Datum		value_datum;

	*path_is_valid = true;
	if (fox_absent(value))
		return FOX_MATCH_NO;
	value_datum = DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(value, NULL)));
	return holds(compiled, value_datum) ? FOX_MATCH_YES : FOX_MATCH_NO;
}

FoxMatch
fox_jsonpath_match(FoxSlice path, FoxSlice value)
{
	static MemoryContext context = NULL;
	MemoryContext saved = CurrentMemoryContext;
	bool		limited = MyBackendType == B_BG_WORKER;
	volatile FoxMatch result = FOX_MATCH_NO;
	volatile bool path_is_valid = false;

	if (memchr(path.ptr, '\0', path.len) != NULL)
		return FOX_MATCH_INVALID;
	if (limited && limit == MAX_TIMEOUTS)
		limit = RegisterTimeout(USER_TIMEOUT, too_long);
	PG_TRY();
	{
		if (context == NULL)
			context = AllocSetContextCreate(TopMemoryContext, "fox_wamp jsonpath", ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(context);
		if (limited)
			enable_timeout_after(limit, fox_jsonpath_limit_ms);
		result = evaluate(path, value, &path_is_valid);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(saved);
		if (!limited && geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		result = path_is_valid ? FOX_MATCH_NO : FOX_MATCH_INVALID;
	}
	PG_END_TRY();
	if (limited)
	{
		disable_timeout(limit, false);
		QueryCancelPending = false;
	}
	MemoryContextSwitchTo(saved);
	if (context != NULL)
		MemoryContextReset(context);
	return result;
}
