/*
 * jwt_sql.h - log-ins with a JSON Web Token, by the keys of fox_wamp.jwt_key.
 */
#ifndef FOX_PG_JWT_SQL_H
#define FOX_PG_JWT_SQL_H

#include "postgres.h"

#include "core/auth.h"

/* Appends the answer to a ticket that looks like a token.  Inside of fox_store_begin() and _commit(). */
extern void fox_jwt_answer(const FoxAuthQuestion *q, const char *realm, FoxBuf *out);

#endif
