/*
 * cookie.h - cookies of logged-in peers, which an executor keeps in fox_wamp.auth_cookie.
 *
 * A cookie that a peer is given becomes that of the session which logs in; it may also
 * take over what the one stood for that the peer has brought along.
 */
#ifndef FOX_CORE_COOKIE_H
#define FOX_CORE_COOKIE_H

#include "core/core.h"

/* From now on `to` stands for what `from` does, if for anything; before any log-in of the peer is answered. */
extern void fox_cookie_carry(FoxRouter *r, const char *from, const char *to);
/* It stands for who has been let in, for as long as the configuration says. */
extern void fox_cookie_keep(FoxRouter *r, const char *cookie, FoxSlice realm, const FoxSessionInfo *who);
/* It stands for nobody any more. */
extern void fox_cookie_forget(FoxRouter *r, const char *cookie);
/* An answer of the port `login` has come; false: it was not to one of these. */
extern bool fox_cookie_task_done(FoxRouter *r, uint64_t token);

#endif
