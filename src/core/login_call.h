/*
 * login_call.h - the call of an authenticator, which says who a peer is.
 */
#ifndef FOX_CORE_LOGIN_CALL_H
#define FOX_CORE_LOGIN_CALL_H

#include "core/authority.h"
#include "core/core.h"

typedef struct FoxLoginCall FoxLoginCall;

/*
 * Calls it with the arguments, a JSON array.  done() comes once, from a later tick,
 * unless the call is freed before: found is the object that it has returned, an empty
 * one if it knows nobody, absent if it could not be called.  NULL: no memory, no such realm,
 * or too many are under way.
 */
extern FoxLoginCall *fox_login_call(FoxRouter *r, FoxSlice realm, const FoxAuthority *authenticator, FoxSlice args,
									void (*done) (void *ctx, FoxSlice found), void *ctx);
/* Cancels the call if it is still under way; also to be called by done(). */
extern void fox_login_call_free(FoxLoginCall *c);

#endif
