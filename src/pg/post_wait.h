/*
 * post_wait.h - waiting for answers of other servers, and for all that wakes a process of PostgreSQL's.
 */
#ifndef FOX_PG_POST_WAIT_H
#define FOX_PG_POST_WAIT_H

#include "postgres.h"

#include "net/poster.h"

/* Until the latch is set, which is reset then, the poster has something to do, or so many milliseconds are over. */
extern void fox_post_wait(FoxPoster *poster, long ms);

#endif
