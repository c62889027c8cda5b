/*
 * trie.c - a tree of URI components (see trie.h).
 *
 * Each node has a map of literal children and one child for "any component"; the
 * value for "the rest" hangs on the node above it, because `a.#` matches `a` too.
 *
 * A node with many children knows as well what the children of those are called: where
 * `a.*.b` asks, only the nodes `b` are looked at, not all that stand between.
 */
#include "core/trie.h"

#include <stdlib.h>

#include "base/pure.h"

#define MANY 64

struct FoxTrieNode
{
	FoxTrieNode *parent;
	FoxTrieNode *any;			/* the child for `*` */
	FoxMap		children;		/* literal component → node; keys live in the nodes */
	FoxMap	   *cousins;		/* of many children: literal component → the first of their children called so; NULL: not kept */
	FoxTrieNode *next;			/* the others, where the grandparent keeps cousins */
	FoxTrieNode *previous;
	void	   *value;			/* of the URI that ends here */
	void	   *rest;			/* of the pattern that goes on with `#` */
	uint32_t	len;
	char		component[];
};

static FoxTrieNode *
node_new(FoxTrieNode *parent, FoxSlice component)
{
	FoxTrieNode *n = calloc(1, sizeof(*n) + component.len);

	if (n == NULL)
		return NULL;
	n->parent = parent;
	n->len = (uint32_t) component.len;
	if (component.len > 0)
		memcpy(n->component, component.ptr, component.len);
	return n;
}

/* --- cousins --- */

static FoxSlice
name_of(const FoxTrieNode *n)
{
	return fox_slice(n->component, n->len);
}

/* Who keeps n among its cousins; NULL: nobody. */
static FoxTrieNode *
keeper_of(const FoxTrieNode *n)
{
	FoxTrieNode *keeper = n->parent != NULL ? n->parent->parent : NULL;

	return keeper != NULL && keeper->cousins != NULL && keeper->any != n->parent && n->parent->any != n ? keeper : NULL;
}

static void
cousins_drop(FoxTrieNode *keeper)
{
	fox_map_free(keeper->cousins);
	free(keeper->cousins);
	keeper->cousins = NULL;
}

/* Without memory they are not kept. */
static void
cousin_enter(FoxTrieNode *keeper, FoxTrieNode *n)
{
	FoxTrieNode *first = fox_map_get(keeper->cousins, name_of(n));

	n->previous = first;
	n->next = first != NULL ? first->next : NULL;
	if (n->next != NULL)
		n->next->previous = n;
	if (first != NULL)
		first->next = n;
	else if (!fox_map_put(keeper->cousins, name_of(n), n))
		cousins_drop(keeper);
}

/* The key of the map is the first one's: it is made anew for the next. */
static void
cousin_leave(FoxTrieNode *keeper, FoxTrieNode *n)
{
	if (n->next != NULL)
		n->next->previous = n->previous;
	if (n->previous != NULL)
	{
		n->previous->next = n->next;
		return;
	}
	fox_map_del(keeper->cousins, name_of(n));
	if (n->next != NULL && !fox_map_put(keeper->cousins, name_of(n->next), n->next))
		cousins_drop(keeper);
}

static void
cousins_begin(FoxTrieNode *keeper)
{
	size_t		pos = 0;
	FoxMapSlot *child;

	keeper->cousins = calloc(1, sizeof(*keeper->cousins));
	while (keeper->cousins != NULL && (child = fox_map_next(&keeper->children, &pos)) != NULL)
	{
		size_t		at = 0;
		FoxMapSlot *slot;

		while (keeper->cousins != NULL && (slot = fox_map_next(&((FoxTrieNode *) child->value)->children, &at)) != NULL)
			cousin_enter(keeper, slot->value);
	}
}

/* A literal child has come. */
static void
child_entered(FoxTrieNode *child)
{
	FoxTrieNode *keeper = keeper_of(child);

	if (keeper != NULL)
		cousin_enter(keeper, child);
	if (child->parent->children.count == MANY && child->parent->cousins == NULL)
		cousins_begin(child->parent);
}

/* --- the tree --- */

static bool
is_any(FoxSlice c, FoxMatchKind kind)
{
	return (kind == FOX_WILDCARD && c.len == 0) || (kind == FOX_PATTERN && fox_slice_is(c, "*"));
}

static bool
is_rest(FoxSlice c, FoxMatchKind kind)
{
	return kind == FOX_PATTERN && fox_slice_is(c, "#");
}

/* The place of the value of a URI; NULL when it is not there (and create is false, or no memory). */
static void **
place(FoxTrie *t, FoxSlice uri, FoxMatchKind kind, bool create, FoxTrieNode **at)
{
	FoxTrieNode *n = t->root;
	FoxSlice	c;

	if (n == NULL)
	{
		if (!create || (n = t->root = node_new(NULL, fox_slice("", 0))) == NULL)
			return NULL;
	}
	while (fox_uri_component(&uri, &c))
	{
		FoxTrieNode *child;

		if (is_rest(c, kind))
		{
			*at = n;
			return &n->rest;
		}
		child = is_any(c, kind) ? n->any : fox_map_get(&n->children, c);
		if (child == NULL)
		{
			if (!create || (child = node_new(n, c)) == NULL)
				return NULL;
			if (is_any(c, kind))
				n->any = child;
			else if (!fox_map_put(&n->children, fox_slice(child->component, child->len), child))
			{
				free(child);
				return NULL;
			}
			else
				child_entered(child);
		}
		n = child;
	}
	*at = n;
	return &n->value;
}

bool
fox_trie_put(FoxTrie *t, FoxSlice uri, FoxMatchKind kind, void *value)
{
	FoxTrieNode *n;
	void	  **where = place(t, uri, kind, true, &n);

	if (where == NULL)
		return false;
	if (*where == NULL)
		t->count++;
	*where = value;
	return true;
}

void *
fox_trie_get(const FoxTrie *t, FoxSlice uri, FoxMatchKind kind)
{
	FoxTrieNode *n;
	void	  **where = place((FoxTrie *) t, uri, kind, false, &n);

	return where ? *where : NULL;
}

void *
fox_trie_del(FoxTrie *t, FoxSlice uri, FoxMatchKind kind)
{
	FoxTrieNode *n;
	void	  **where = place(t, uri, kind, false, &n);
	void	   *old;

	if (where == NULL || *where == NULL)
		return NULL;
	old = *where;
	*where = NULL;
	t->count--;

	/* Nodes that hold nothing go, up to the root, which stays. */
	while (n->parent != NULL && n->value == NULL && n->rest == NULL && n->any == NULL &&
		   n->children.count == 0)
	{
		FoxTrieNode *parent = n->parent;
		FoxTrieNode *keeper = keeper_of(n);

		if (keeper != NULL)
			cousin_leave(keeper, n);
		if (parent->any == n)
			parent->any = NULL;
		else
			fox_map_del(&parent->children, name_of(n));
		if (parent->cousins != NULL && parent->children.count < MANY / 2)
			cousins_drop(parent);
		if (n->cousins != NULL)
			cousins_drop(n);
		fox_map_free(&n->children);
		free(n);
		n = parent;
	}
	return old;
}

static void
node_free(FoxTrieNode *n)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (n == NULL)
		return;
	while ((slot = fox_map_next(&n->children, &pos)) != NULL)
		node_free(slot->value);
	node_free(n->any);
	if (n->cousins != NULL)
		cousins_drop(n);
	fox_map_free(&n->children);
	free(n);
}

void
fox_trie_free(FoxTrie *t)
{
	node_free(t->root);
	t->root = NULL;
	t->count = 0;
}

static void
match_node(FoxTrieNode *n, FoxSlice rest, FoxTrieFn fn, void *ctx)
{
	FoxSlice	c;
	FoxTrieNode *child;

	if (n->rest != NULL)
		fn(ctx, n->rest);
	if (!fox_uri_component(&rest, &c))
	{
		if (n->value != NULL)
			fn(ctx, n->value);
		return;
	}
	if ((child = fox_map_get(&n->children, c)) != NULL)
		match_node(child, rest, fn, ctx);
	if (n->any != NULL)
		match_node(n->any, rest, fn, ctx);
}

void
fox_trie_match(const FoxTrie *t, FoxSlice topic, FoxTrieFn fn, void *ctx)
{
	if (t->count > 0)
		match_node(t->root, topic, fn, ctx);
}

static void
each_node(FoxTrieNode *n, FoxTrieFn fn, void *ctx)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (n->value != NULL)
		fn(ctx, n->value);
	while ((slot = fox_map_next(&n->children, &pos)) != NULL)
		each_node(slot->value, fn, ctx);
}

static void
find_node(FoxTrieNode *n, FoxSlice rest, FoxMatchKind kind, FoxTrieFn fn, void *ctx)
{
	FoxSlice	c;

	if (!fox_uri_component(&rest, &c))
	{
		if (n->value != NULL)
			fn(ctx, n->value);
	}
	else if (is_rest(c, kind))
		each_node(n, fn, ctx);
	else if (is_any(c, kind))
	{
		size_t		pos = 0;
		FoxMapSlot *slot;
		FoxSlice	after = rest;

		if (n->cousins != NULL && fox_uri_component(&after, &c) && !is_any(c, kind) && !is_rest(c, kind))
		{
			for (FoxTrieNode *cousin = fox_map_get(n->cousins, c); cousin != NULL; cousin = cousin->next)
				find_node(cousin, after, kind, fn, ctx);
			return;
		}
		while ((slot = fox_map_next(&n->children, &pos)) != NULL)
			find_node(slot->value, rest, kind, fn, ctx);
	}
	else
	{
		FoxTrieNode *child = fox_map_get(&n->children, c);

		if (child != NULL)
			find_node(child, rest, kind, fn, ctx);
	}
}

void
fox_trie_find(const FoxTrie *t, FoxSlice pattern, FoxMatchKind kind, FoxTrieFn fn, void *ctx)
{
	if (t->count > 0)
		find_node(t->root, pattern, kind, fn, ctx);
}

void
fox_trie_each(const FoxTrie *t, FoxTrieFn fn, void *ctx)
{
	if (t->count > 0)
		each_node(t->root, fn, ctx);
}
