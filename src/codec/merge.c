/*
 * merge.c - RFC 7396, JSON merge patch (see match.h).
 *
 * What does not change is copied as it is spelt.
 */
#include "codec/match.h"
#include "codec/members.h"

#include "base/pure.h"

static void
put_key(FoxBuf *out, FoxSlice raw_key, bool *first)
{
	if (!*first)
		fox_buf_char(out, ',');
	*first = false;
	fox_buf_char(out, '"');
	fox_buf_slice(out, raw_key);
	fox_buf_str(out, "\":");
}

static void
merge_members(const FoxMembers *target, const FoxMembers *patch, FoxBuf *out)
{
	bool		first = true;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	fox_buf_char(out, '{');
	while (fox_members_next(target, &pos, &key, &value))
	{
		FoxSlice	change = fox_members_get(patch, key);

		if (fox_json_kind(change) == FOX_JSON_NULL)
			continue;
		put_key(out, key, &first);
		if (fox_absent(change))
			fox_buf_slice(out, value);
		else
			fox_json_merge(value, change, out);
	}
	pos = 0;
	while (fox_members_next(patch, &pos, &key, &value))
	{
		if (fox_json_kind(value) == FOX_JSON_NULL || !fox_absent(fox_members_get(target, key)))
			continue;
		put_key(out, key, &first);
		fox_json_merge(FOX_ABSENT, value, out);
	}
	fox_buf_char(out, '}');
}

void
fox_json_merge(FoxSlice target, FoxSlice patch, FoxBuf *out)
{
	FoxMembers	old;
	FoxMembers	new;
	bool		ready;

	if (fox_json_kind(patch) != FOX_JSON_OBJECT)
	{
		fox_buf_slice(out, patch);
		return;
	}
	if (fox_json_kind(target) != FOX_JSON_OBJECT)
		target = FOX_LIT("{}");
	ready = fox_members_init(&old, target);
	ready = fox_members_init(&new, patch) && ready;
	if (ready)
		merge_members(&old, &new, out);
	else
		out->failed = true;
	fox_members_free(&old);
	fox_members_free(&new);
}
