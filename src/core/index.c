/*
 * index.c - things found by URI under any kind of match (see index.h).
 *
 * A string prefix is looked up in one map, once for every length that any stored
 * prefix has: the cost follows the number of lengths, not of prefixes.
 */
#include "core/index.h"

#include "base/pure.h"

static FoxTrie *
trie_of(const FoxIndex *x, FoxMatchKind kind)
{
	return (FoxTrie *) (kind == FOX_WILDCARD ? &x->wildcard : &x->pattern);
}

bool
fox_index_put(FoxIndex *x, FoxSlice uri, FoxMatchKind kind, void *value)
{
	switch (kind)
	{
		case FOX_EXACT:
			return fox_map_put(&x->exact, uri, value);
		case FOX_PREFIX:
			if (fox_map_get(&x->prefix, uri) == NULL)
			{
				if (!fox_map_put(&x->prefix, uri, value))
					return false;
				x->prefix_lengths[uri.len]++;
				if (uri.len > x->longest_prefix)
					x->longest_prefix = (uint32_t) uri.len;
				return true;
			}
			return fox_map_put(&x->prefix, uri, value);
		default:
			return fox_trie_put(trie_of(x, kind), uri, kind, value);
	}
}

void *
fox_index_get(const FoxIndex *x, FoxSlice uri, FoxMatchKind kind)
{
	switch (kind)
	{
		case FOX_EXACT:
			return fox_map_get(&x->exact, uri);
		case FOX_PREFIX:
			return fox_map_get(&x->prefix, uri);
		default:
			return fox_trie_get(trie_of(x, kind), uri, kind);
	}
}

void
fox_index_del(FoxIndex *x, FoxSlice uri, FoxMatchKind kind)
{
	switch (kind)
	{
		case FOX_EXACT:
			fox_map_del(&x->exact, uri);
			break;
		case FOX_PREFIX:
			if (fox_map_del(&x->prefix, uri) != NULL)
				x->prefix_lengths[uri.len]--;
			while (x->longest_prefix > 0 && x->prefix_lengths[x->longest_prefix] == 0)
				x->longest_prefix--;
			break;
		default:
			fox_trie_del(trie_of(x, kind), uri, kind);
	}
}

void
fox_index_free(FoxIndex *x)
{
	fox_map_free(&x->exact);
	fox_map_free(&x->prefix);
	fox_trie_free(&x->wildcard);
	fox_trie_free(&x->pattern);
}

void
fox_index_match(const FoxIndex *x, FoxSlice uri, FoxTrieFn fn, void *ctx)
{
	void	   *value = fox_map_get(&x->exact, uri);

	if (value != NULL)
		fn(ctx, value);
	if (x->prefix.count > 0)
	{
		size_t		len = uri.len < x->longest_prefix ? uri.len : x->longest_prefix;

		for (size_t n = len + 1; n-- > 0;)
			if (x->prefix_lengths[n] > 0 &&
				(value = fox_map_get(&x->prefix, fox_slice(uri.ptr, n))) != NULL)
				fn(ctx, value);
	}
	fox_trie_match(&x->wildcard, uri, fn, ctx);
	fox_trie_match(&x->pattern, uri, fn, ctx);
}
