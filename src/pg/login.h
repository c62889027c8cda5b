/*
 * login.h - log-ins, as an executor carries them out.
 */
#ifndef FOX_PG_LOGIN_H
#define FOX_PG_LOGIN_H

#include "postgres.h"

#include "base/buf.h"

/* Appends the answer to a question (core/auth.h); in a transaction of its own, errors end it as usual. */
extern void fox_login_answer(FoxSlice question, FoxBuf *out);

#endif
