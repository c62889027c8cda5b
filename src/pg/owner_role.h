/*
 * owner_role.h - functions of others, called in a role of theirs by whoever happens to come by.
 */
#ifndef FOX_PG_OWNER_ROLE_H
#define FOX_PG_OWNER_ROLE_H

#include "postgres.h"

typedef struct FoxIdentity
{
	Oid			user;
	int			context;
	int			nest;			/* of settings */
} FoxIdentity;

/*
 * What follows is done as that role, with that schema as the search path and SPI connected: who comes by, and what it
 * has set, is anybody's.  Nothing that it does may be due at the end of the transaction, when it would be done as
 * whoever has begun that; nor does a setting of its outlast it, a search_path least of all.
 */
extern FoxIdentity fox_identity_begin(Oid role, const char *schema);
extern void fox_identity_end(FoxIdentity before);

/* Runs fn in a subtransaction; whoever it is done for is not to hear of its errors: false, and a WARNING. */
extern bool fox_guarded(void (*fn) (const void *arg), const void *arg, const char *what);

#endif
