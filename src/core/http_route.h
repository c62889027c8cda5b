/*
 * http_route.h - which function an HTTP request means: roots, which are rows of fox_wamp.root, and methods below them.
 */
#ifndef FOX_CORE_HTTP_ROUTE_H
#define FOX_CORE_HTTP_ROUTE_H

#include "codec/http_call.h"
#include "core/router.h"

typedef struct FoxRoot
{
	FoxSlice	name;
	FoxSlice	realm;
	FoxHttpStyle style;
	bool		auth;			/* who has not logged in calls what is `anonymous` only */
} FoxRoot;

/* Set of what a function may be called by. */
typedef enum FoxVerbs
{
	FOX_GET = 1,
	FOX_HEAD = 2,
	FOX_POST = 4,
	FOX_PUT = 8,
	FOX_PATCH = 16,
	FOX_DELETE = 32
} FoxVerbs;

#define FOX_VERBS_DEFAULT (FOX_GET | FOX_HEAD | FOX_POST)

/* Valid until rows change. */
typedef struct FoxMethod
{
	FoxSlice	procedure;
	unsigned	verbs;
	FoxHttpColumns columns;
	FoxBound	bound;
	bool		anonymous;		/* takes no log-in */
	FoxSlice	row;			/* of the table, as it stands in the path; absent: none */
	FoxSlice	column;			/* of that; absent: none */
} FoxMethod;

/* A row has come, has changed or has gone. */
extern void fox_root_change(FoxRouter *r, const FoxChange *c);
extern void fox_roots_free(FoxRouter *r);

/* Case does not matter.  NULL: there is none. */
extern const FoxRoot *fox_root_find(const FoxRouter *r, FoxSlice name);
/* The function of that name below the root; false: there is none. */
extern bool fox_method_find(FoxRouter *r, const FoxRoot *root, FoxSlice name, FoxMethod *out);
/*
 * What a path means: a name with dots for slashes, or a row of a table, maybe a method or a column of it
 * (/table/row, /table/row/name).  segments: still encoded; slices of out may point there.  False: nothing.
 */
extern bool fox_method_at(FoxRouter *r, const FoxRoot *root, const FoxSlice *segments, size_t n, FoxMethod *out);

/* Appends segments of a path, decoded and with dots between; false: a slash or a zero byte is in one, which no name has. */
extern bool fox_path_name(FoxBuf *name, const FoxSlice *segments, size_t n);

/* 0: it is none of them. */
extern unsigned fox_verb_named(FoxSlice name);
/* Appends the names of a set: "GET, HEAD, POST". */
extern void fox_verbs_put(unsigned verbs, FoxBuf *out);

#endif
