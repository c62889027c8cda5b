/*
 * uri.c - checks of topics, procedures and patterns (see uri.h).
 */
#include "core/uri.h"

#include "base/pure.h"

static bool
component_valid(FoxSlice c, bool strict)
{
	for (size_t i = 0; i < c.len; i++)
	{
		unsigned char ch = (unsigned char) c.ptr[i];

		if (strict)
		{
			if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_'))
				return false;
		}
		else if (ch == '#' || ch <= ' ' || ch == 0x7f)
			return false;
	}
	return true;
}

bool
fox_uri_valid(FoxSlice uri, bool strict)
{
	FoxSlice	component;

	if (uri.len == 0 || uri.len > FOX_URI_MAX)
		return false;
	while (fox_uri_component(&uri, &component))
		if (component.len == 0 || !component_valid(component, strict))
			return false;
	return true;
}

bool
fox_uri_pattern_valid(FoxSlice uri, FoxMatchKind kind, bool strict)
{
	FoxSlice	component;

	if (uri.len > FOX_URI_MAX)
		return false;
	if (kind == FOX_EXACT)
		return fox_uri_valid(uri, strict);
	if (uri.len == 0)
		return kind != FOX_PATTERN;
	if (kind == FOX_PREFIX && uri.len > 1 && uri.ptr[uri.len - 1] == '.')
		uri.len--;				/* "a." is a prefix though not a URI */
	while (fox_uri_component(&uri, &component))
	{
		if (kind == FOX_PATTERN && fox_slice_is(component, "#"))
			return fox_absent(uri);
		if (kind == FOX_PATTERN && fox_slice_is(component, "*"))
			continue;
		if (component.len == 0 && kind != FOX_WILDCARD)
			return false;
		if (!component_valid(component, strict))
			return false;
	}
	return true;
}

bool
fox_uri_reserved(FoxSlice uri)
{
	return fox_slice_begins(uri, FOX_LIT("wamp.")) || fox_slice_begins(uri, FOX_LIT("fox_wamp."));
}

void
fox_uri_lower(char *to, FoxSlice uri)
{
	for (size_t i = 0; i < uri.len; i++)
		to[i] = uri.ptr[i] >= 'A' && uri.ptr[i] <= 'Z' ? (char) (uri.ptr[i] | 0x20) : uri.ptr[i];
}

bool
fox_uri_match_kind(FoxSlice uri, FoxSlice match, FoxMatchKind *kind)
{
	FoxSlice	component;

	if (fox_absent(match))
	{
		*kind = FOX_EXACT;
		while (fox_uri_component(&uri, &component))
			if (fox_slice_is(component, "*") || fox_slice_is(component, "#"))
				*kind = FOX_PATTERN;
		return true;
	}
	return fox_match_named(match, kind) && *kind != FOX_PATTERN;
}

bool
fox_match_named(FoxSlice name, FoxMatchKind *kind)
{
	if (fox_absent(name))
		return false;
	for (int k = FOX_EXACT; k <= FOX_PATTERN; k++)
		if (fox_slice_is(name, fox_match_name((FoxMatchKind) k)))
		{
			*kind = (FoxMatchKind) k;
			return true;
		}
	return false;
}

const char *
fox_match_name(FoxMatchKind kind)
{
	static const char *const names[] = {"exact", "prefix", "wildcard", "pattern"};

	return names[kind];
}
