/*
 * match.h - struct, emptiness and conditions of values.
 *
 * What `when`, `filter` and reducers look at, and when a condition holds.  args and kwargs are valid JSON or absent.
 */
#ifndef FOX_CODEC_MATCH_H
#define FOX_CODEC_MATCH_H

#include "codec/json.h"

#define FOX_CONDITION_MAX 8192	/* bytes; it bounds what one event may cost */
#define FOX_CONDITION_REGEX_MAX 8	/* $regex and $jsonpath in one condition, for the same reason */

/*
 * The struct of a value: its only argument if that is an object; else its kwargs
 * if there are any; else its only argument; else the list of args ("[]" if absent).
 */
extern FoxSlice fox_value_struct(FoxSlice args, FoxSlice kwargs);

/* Empty: kwargs absent, null or {} (or not counted), and args absent, [], or [null]. */
extern bool fox_value_empty(FoxSlice args, FoxSlice kwargs, bool kwargs_are_headers);

/*
 * The value that a will stands for (section 3): an object of nothing but args (array)
 * and kwargs (object) is taken apart, null is the empty value, anything else the only
 * argument; that one is written to scratch, which must be empty.
 */
extern void fox_will_value(FoxSlice will, FoxSlice *args, FoxSlice *kwargs, FoxBuf *scratch);

typedef enum FoxMatch
{
	FOX_MATCH_NO,
	FOX_MATCH_YES,
	FOX_MATCH_INVALID			/* the condition itself is malformed, e.g. an unknown $operator */
} FoxMatch;

/*
 * Does value (one valid JSON value) match condition?  Objects in depth, scalars by
 * JSON equality with exact decimals, arrays element by element, and the operators
 * $gt $gte $lt $lte $ne $in $nin $exists $regex $jsonpath.
 */
extern FoxMatch fox_match(FoxSlice condition, FoxSlice value);

/*
 * Who evaluates $jsonpath; without one it is an unknown operator.  fn takes the path's
 * text and a value, or an absent one to judge the path alone.
 */
extern void fox_match_use_jsonpath(FoxMatch (*fn) (FoxSlice path, FoxSlice value));

/*
 * Is the condition well-formed and within the limits above?  Judged without a value;
 * false also for unknown operators.
 */
extern bool fox_condition_valid(FoxSlice condition);

/* JSON equality of two valid values: key order and number spelling do not count. */
extern bool fox_json_equal(FoxSlice a, FoxSlice b);

/* RFC 7396: appends to out the result of merging patch into target (absent target: {}). */
extern void fox_json_merge(FoxSlice target, FoxSlice patch, FoxBuf *out);

#endif
