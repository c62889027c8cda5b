/*
 * role_sessions.h - how many sessions a database role has, and how many it may have.
 */
#ifndef FOX_CORE_ROLE_SESSIONS_H
#define FOX_CORE_ROLE_SESSIONS_H

#include "core/core.h"

/*
 * Has the role as many sessions of clients as it may?  The limit is the lower one of the
 * configuration's and of the role's own (CONNECTION LIMIT); superusers have none.
 */
extern bool fox_role_full(const FoxRouter *r, FoxSlice role);

/* A client's session joins as its role, and leaves; without memory it is not counted. */
extern void fox_role_enter(FoxSession *s);
extern void fox_role_leave(FoxSession *s);

#endif
