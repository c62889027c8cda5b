/*
 * token.h - sessions that no connection holds: whoever brings its token is in such a session.
 *
 * It is a session like any other: listed, counted for its role, killed like them, and it ends by
 * fox_session_leave(), whatever ends it.  It does so by itself when nobody has brought its token for
 * the time that its log-in has said, or else the configuration's token_timeout_s.  Only the hash of a token is kept.
 */
#ifndef FOX_CORE_TOKEN_H
#define FOX_CORE_TOKEN_H

#include "core/core.h"

#define FOX_TOKEN 68			/* characters of a token: "fox_", and 32 bytes in hexadecimal */

/*
 * As fox_session_join(); token receives what says that it is this session's, and a zero byte.
 * A user has so many of them from one address as the configuration says: the one that was unused for
 * longest ends for the next one.
 */
extern FoxSession *fox_token_join(FoxRouter *r, FoxSlice realm, const FoxSessionInfo *info, const FoxSessionOps *ops, void *data,
								  char token[FOX_TOKEN + 1], const char **reason);
/* Has the text the form of a token? */
extern bool fox_token_formed(FoxSlice text);
/* Its session, which is put off by that; NULL: it has ended, or there was none. */
extern FoxSession *fox_token_session(FoxRouter *r, FoxSlice token);
/* For how long nobody need bring the token of the session; of one without a token 0. */
extern uint64_t fox_token_timeout_s(const FoxSession *s);
/* The session leaves, with a token or without. */
extern void fox_token_session_end(FoxSession *s);
extern void fox_tokens_free(FoxRouter *r);

#endif
