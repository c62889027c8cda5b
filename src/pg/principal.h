/*
 * principal.h - who may log in: users of fox_wamp.auth_user, and roles of the server.
 */
#ifndef FOX_PG_PRINCIPAL_H
#define FOX_PG_PRINCIPAL_H

#include "postgres.h"

#include "core/auth.h"

/*
 * Who logs in under that name in that realm; who->authid is absent if nobody may.  with_password: by a
 * proof of a password, which expires.  Inside of fox_store_begin() and
 * _commit(), whose memory the slices are in.
 */
extern void fox_principal_find(const char *realm, const char *authid, bool with_password, bool superusers, FoxPrincipal *who);
/* The name whose public key that is; NULL: nobody's. */
extern char *fox_principal_of_key(const char *key);
/* The same, as an authenticator of the realm has found it; false: it names no role that may log in. */
extern bool fox_principal_found(const FoxAuthQuestion *q, FoxPrincipal *who);
/* Names that sessions have which did not log in are nobody's. */
extern bool fox_principal_name_valid(const char *authid);
/* May a role that has been named by a token be acted as?  It must be a member of fox_wamp_connect. */
extern bool fox_principal_role(const char *role, bool superusers);

#endif
