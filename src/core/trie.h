/*
 * trie.h - a tree of URI components.
 *
 * Holds either patterns (and is asked which match a topic) or topics (and is asked
 * which a pattern matches).  A look-up costs by the depth of the URI and by what it
 * finds, not by how much is stored.
 */
#ifndef FOX_CORE_TRIE_H
#define FOX_CORE_TRIE_H

#include "base/hash.h"
#include "core/uri.h"

typedef struct FoxTrieNode FoxTrieNode;

typedef struct FoxTrie
{
	FoxTrieNode *root;			/* NULL while nothing was ever stored */
	size_t		count;
} FoxTrie;

typedef void (*FoxTrieFn) (void *ctx, void *value);

/*
 * Stores value under a URI.  With patterns, a component `*` or an empty one (kind
 * FOX_WILDCARD) stands for any, a final `#` for the rest; kind FOX_EXACT takes every
 * component literally.  Replaces a former value.  False: no memory.
 */
extern bool fox_trie_put(FoxTrie *t, FoxSlice uri, FoxMatchKind kind, void *value);
extern void *fox_trie_get(const FoxTrie *t, FoxSlice uri, FoxMatchKind kind);
extern void *fox_trie_del(FoxTrie *t, FoxSlice uri, FoxMatchKind kind);	/* the former value or NULL */
extern void fox_trie_free(FoxTrie *t);

/* Calls fn for every stored pattern that matches the topic. */
extern void fox_trie_match(const FoxTrie *t, FoxSlice topic, FoxTrieFn fn, void *ctx);
/* Calls fn for every stored topic that the pattern matches (kind WILDCARD or PATTERN). */
extern void fox_trie_find(const FoxTrie *t, FoxSlice pattern, FoxMatchKind kind, FoxTrieFn fn, void *ctx);
/* Calls fn for every topic's value (not for patterns). */
extern void fox_trie_each(const FoxTrie *t, FoxTrieFn fn, void *ctx);

#endif
