/*
 * index.h - things found by URI under any kind of match: subscriptions, registrations.
 *
 * Keys are borrowed: the URI must live as long as the entry.
 */
#ifndef FOX_CORE_INDEX_H
#define FOX_CORE_INDEX_H

#include "core/trie.h"

typedef struct FoxIndex
{
	FoxMap		exact;
	FoxMap		prefix;
	uint32_t	prefix_lengths[FOX_URI_MAX + 1];	/* how many prefixes of each length */
	uint32_t	longest_prefix;
	FoxTrie		wildcard;
	FoxTrie		pattern;
} FoxIndex;

extern bool fox_index_put(FoxIndex *x, FoxSlice uri, FoxMatchKind kind, void *value);
extern void *fox_index_get(const FoxIndex *x, FoxSlice uri, FoxMatchKind kind);
extern void fox_index_del(FoxIndex *x, FoxSlice uri, FoxMatchKind kind);
extern void fox_index_free(FoxIndex *x);

/* Calls fn for everything that matches the URI: exact, then the longest prefix first, wildcards, patterns. */
extern void fox_index_match(const FoxIndex *x, FoxSlice uri, FoxTrieFn fn, void *ctx);

#endif
