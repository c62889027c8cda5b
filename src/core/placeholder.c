/*
 * placeholder.c - `%u` and `%c` in patterns (see placeholder.h).
 */
#include "core/placeholder.h"

#include "base/pure.h"

static FoxPlaceholder
placeholder(FoxSlice component)
{
	return fox_slice_is(component, "%u") ? FOX_PLACEHOLDER_USER : fox_slice_is(component, "%c") ? FOX_PLACEHOLDER_CLIENT : 0;
}

unsigned
fox_placeholders(FoxSlice uri)
{
	FoxSlice	component;
	unsigned	set = 0;

	while (fox_uri_component(&uri, &component))
		set |= placeholder(component);
	return set;
}

static bool
has_one_beside_text(FoxSlice component)
{
	for (size_t i = 0; i + 1 < component.len; i++)
		if (component.ptr[i] == '%' && (component.ptr[i + 1] == 'u' || component.ptr[i + 1] == 'c'))
			return component.len > 2;
	return false;
}

const char *
fox_placeholder_problem(FoxSlice uri, FoxMatchKind kind)
{
	FoxSlice	component;

	while (fox_uri_component(&uri, &component))
	{
		if (has_one_beside_text(component))
			return "%u and %c are components by themselves.";
		if (kind == FOX_PREFIX && fox_absent(uri) && placeholder(component) != 0)
			return "%u or %c at the end of a prefix would match longer names too: a dot belongs behind it.";
	}
	return NULL;
}

FoxSlice
fox_placeholder_value(const FoxNames *names, FoxSlice component)
{
	switch (placeholder(component))
	{
		case FOX_PLACEHOLDER_USER:
			return names->user;
		case FOX_PLACEHOLDER_CLIENT:
			return names->client;
		default:
			return component;
	}
}
