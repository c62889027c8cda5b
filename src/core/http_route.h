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
	bool		anonymous;		/* takes no log-in */
	const char *built_in;		/* the extension's function; NULL: it is exposed */
} FoxMethod;

/* A row has come, has changed or has gone. */
extern void fox_root_change(FoxRouter *r, const FoxChange *c);
extern void fox_roots_free(FoxRouter *r);

/* Case does not matter.  NULL: there is none. */
extern const FoxRoot *fox_root_find(const FoxRouter *r, FoxSlice name);
/* The function of that name below the root; false: there is none. */
extern bool fox_method_find(FoxRouter *r, const FoxRoot *root, FoxSlice name, FoxMethod *out);

/*
 * A method that the router itself has below the root, and the SQL function behind it: a procedure like
 * any other from the first time on that it is asked for, until the root goes.  False: no memory.
 */
extern bool fox_method_own(FoxRouter *r, const FoxRoot *root, const char *name, const char *function, FoxMethod *out);

/* 0: it is none of them. */
extern unsigned fox_verb_named(FoxSlice name);
/* Appends the names of a set: "GET, HEAD, POST". */
extern void fox_verbs_put(unsigned verbs, FoxBuf *out);

#endif
