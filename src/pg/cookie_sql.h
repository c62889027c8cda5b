/*
 * cookie_sql.h - cookies that stand for who has logged in: fox_wamp.auth_cookie.
 */
#ifndef FOX_PG_COOKIE_SQL_H
#define FOX_PG_COOKIE_SQL_H

#include "postgres.h"

#include "core/auth.h"

/* The question was one of core/cookie.h's, and is done. */
extern bool fox_cookie_told(FoxSlice question);

/* Whom the question's cookie stands for; inside fox_store_begin() and _commit(). */
extern void fox_cookie_find(const FoxAuthQuestion *q, const char *realm, FoxPrincipal *who);

#endif
