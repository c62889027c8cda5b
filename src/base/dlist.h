/*
 * dlist.h - intrusive doubly linked circular lists.
 */
#ifndef FOX_BASE_DLIST_H
#define FOX_BASE_DLIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct FoxNode
{
	struct FoxNode *prev;
	struct FoxNode *next;
} FoxNode;

/* A list is a head node that points at itself while empty. */
static inline void
fox_list_init(FoxNode *head)
{
	head->prev = head->next = head;
}

static inline bool
fox_list_empty(const FoxNode *head)
{
	return head->next == head;
}

static inline void
fox_list_push(FoxNode *head, FoxNode *n)	/* at the tail */
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void
fox_list_push_front(FoxNode *head, FoxNode *n)
{
	n->next = head->next;
	n->prev = head;
	head->next->prev = n;
	head->next = n;
}

/* Removes n and makes it a list of its own, so that removing it twice is harmless. */
static inline void
fox_list_del(FoxNode *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = n;
}

#define fox_container(type, member, node) ((type *) ((char *) (node) - offsetof(type, member)))

/* The element may be deleted inside the loop. */
#define fox_list_each(node, head) \
	for (FoxNode *node = (head)->next, *node##_next = node->next; node != (head); \
		 node = node##_next, node##_next = node->next)

#endif
