/*
 * uri.h - which strings are topics, procedures and patterns.
 *
 * WAMP basic profile "URIs" (loose and strict), and
 * patterns of our own: `*` is one component, `#` (last only) the rest.
 */
#ifndef FOX_CORE_URI_H
#define FOX_CORE_URI_H

#include "base/slice.h"

#define FOX_URI_MAX 2000		/* bytes */

typedef enum FoxMatchKind
{
	FOX_EXACT,
	FOX_PREFIX,					/* a string prefix */
	FOX_WILDCARD,				/* empty components match one each */
	FOX_PATTERN					/* `*` and `#` */
} FoxMatchKind;

/* A concrete topic or procedure: no empty component, no `#`, no white space; strict: [0-9a-z_] only. */
extern bool fox_uri_valid(FoxSlice uri, bool strict);

/* A pattern of that kind. */
extern bool fox_uri_pattern_valid(FoxSlice uri, FoxMatchKind kind, bool strict);

/* Copies a URI in lower case, as far as ASCII goes: so HTTP compares them. */
extern void fox_uri_lower(char *to, FoxSlice uri);

/* `wamp.…` and `fox_wamp.…` belong to the router. */
extern bool fox_uri_reserved(FoxSlice uri);
/* They and what begins with `$` are not for patterns that begin with a wildcard. */
static inline bool
fox_uri_hidden(FoxSlice uri)
{
	return (uri.len > 0 && uri.ptr[0] == '$') || fox_uri_reserved(uri);
}

/*
 * The kind of a subscription or registration from its `match` option (absent slice:
 * none given): without one, a `*` component or a final `#` makes it a pattern.
 * False: the option's value is unknown.
 */
extern bool fox_uri_match_kind(FoxSlice uri, FoxSlice match, FoxMatchKind *kind);
extern const char *fox_match_name(FoxMatchKind kind);
/* The kind by its name, as fox_match_name() gives it; false: it is none. */
extern bool fox_match_named(FoxSlice name, FoxMatchKind *kind);

/* Takes the next component off *rest; false when there is none left. */
static inline bool
fox_uri_component(FoxSlice *rest, FoxSlice *component)
{
	const char *dot;

	if (rest->ptr == NULL)
		return false;
	dot = memchr(rest->ptr, '.', rest->len);
	if (dot == NULL)
	{
		*component = *rest;
		*rest = FOX_ABSENT;
	}
	else
	{
		*component = fox_slice(rest->ptr, (size_t) (dot - rest->ptr));
		*rest = fox_slice(dot + 1, rest->len - component->len - 1);
	}
	return true;
}

#endif
