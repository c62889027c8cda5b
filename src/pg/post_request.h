/*
 * post_request.h - what a POST request of a delivery says of itself: its headers, and its signature.
 */
#ifndef FOX_PG_POST_REQUEST_H
#define FOX_PG_POST_REQUEST_H

#include "postgres.h"

#include "pg/post_sql.h"

#define FOX_POST_HEADERS 64

/* As FoxPost has them; palloc'ed. */
extern void fox_post_headers(const char *delivery, const FoxPostItem *item, const char *headers[FOX_POST_HEADERS]);

#endif
