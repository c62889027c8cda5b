/*
 * service_hook.h - functions of a service's schema by which it hears that something of its has ended.
 */
#ifndef FOX_PG_SERVICE_HOOK_H
#define FOX_PG_SERVICE_HOOK_H

#include "postgres.h"

#define FOX_HOOK_ARGS 2			/* at most */

typedef struct FoxServiceHook
{
	const char *schema;			/* as they were given */
	const char *name;
	int			nargs;
	Oid			types[FOX_HOOK_ARGS];
	Oid			owner;
} FoxServiceHook;

/* The function of the schema that has just these arguments; false: there is none, or no such schema. */
extern bool fox_service_hook(FoxServiceHook *hook, const char *schema, const char *name, int nargs, const Oid *types);
/* Calls it in its owner's role (owner_role.h); ERROR if it fails. */
extern void fox_service_hook_run(const FoxServiceHook *hook, Datum *values);

/* --- on_free(state jsonb): an instance has ended --- */

extern bool fox_on_free(FoxServiceHook *hook, const char *schema);
/* state: JSON */
extern void fox_on_free_run(const FoxServiceHook *hook, const char *state);

#endif
