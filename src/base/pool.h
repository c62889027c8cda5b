/*
 * pool.h - memory that ends with its owner.
 *
 * What a session makes comes from its pool and goes with it, whether or not it has
 * been given back before: nothing of a session can leak.  Blocks lie close together,
 * and a block that was given back serves the next of its size.
 */
#ifndef FOX_BASE_POOL_H
#define FOX_BASE_POOL_H

#include <stddef.h>

typedef struct FoxPool FoxPool;

/* A pool, and in it a block for who owns it, which is not given back before the pool is; all zero; NULL: no memory. */
extern FoxPool *fox_pool_new(size_t owner_size, void **owner);
/* Frees the pool and all of its blocks; NULL is allowed. */
extern void fox_pool_free(FoxPool *p);
/* A block of size bytes, all zero; NULL: no memory.  The pool owns it. */
extern void *fox_pool_alloc(FoxPool *p, size_t size);
/* Gives a block of this pool back before the pool ends; NULL is allowed. */
extern void fox_pool_give(FoxPool *p, void *block);
/* What the pool takes of the process's memory, in bytes, spare blocks included. */
extern size_t fox_pool_bytes(const FoxPool *p);

#endif
