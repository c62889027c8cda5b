/*
 * roles.h - which database roles have which, by GRANT: the router's copy.
 */
#ifndef FOX_CORE_ROLES_H
#define FOX_CORE_ROLES_H

#include "core/core.h"

/* The roles have been read anew. */
extern void fox_roles_change(FoxRouter *r, const FoxChange *c);
/* Has somebody of that role the privileges of another, which may be the role itself? */
extern bool fox_roles_has(const FoxRouter *r, FoxSlice role, FoxSlice other);
/* Is it a superuser's? */
extern bool fox_roles_super(const FoxRouter *r, FoxSlice role);
/* How many sessions the role may have by its CONNECTION LIMIT; false: any number. */
extern bool fox_roles_limit(const FoxRouter *r, FoxSlice role, uint32_t *limit);
extern void fox_roles_free(FoxRouter *r);

#endif
