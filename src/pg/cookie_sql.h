/*
 * cookie_sql.h - cookies that stand for who has logged in: fox_wamp.auth_cookie.
 */
#ifndef FOX_PG_COOKIE_SQL_H
#define FOX_PG_COOKIE_SQL_H

#include "postgres.h"

#include "core/auth.h"

/* The question was one of core/cookie.h's, and is done. */
extern bool fox_cookie_told(FoxSlice question);

/* Both inside fox_store_begin() and _commit(): whom the question's cookie stands for, and that it stands for this one. */
extern void fox_cookie_find(const FoxAuthQuestion *q, const char *realm, FoxPrincipal *who);
/* welcome: as auth.h has it; absent: it does not stand for anybody. */
extern void fox_cookie_keep(const FoxAuthQuestion *q, const char *realm, FoxSlice welcome);

#endif
