/*
 * service_hook.c - functions of a service's schema that are called when something ends (see service_hook.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

#include "pg/owner_role.h"
#include "pg/service_hook.h"

bool
fox_service_hook(FoxServiceHook *hook, const char *schema, const char *name, int nargs, const Oid *types)
{
	Oid			namespace = schema[0] != '\0' ? get_namespace_oid(schema, true) : InvalidOid;
	HeapTuple	proc = !OidIsValid(namespace) ? NULL :
		SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(name), PointerGetDatum(buildoidvector(types, nargs)), ObjectIdGetDatum(namespace));

	if (!HeapTupleIsValid(proc))
		return false;
	*hook = (FoxServiceHook) {.schema = schema, .name = name, .nargs = nargs, .owner = ((Form_pg_proc) GETSTRUCT(proc))->proowner};
	memcpy(hook->types, types, nargs * sizeof(Oid));
	ReleaseSysCache(proc);
	return true;
}

void
fox_service_hook_run(const FoxServiceHook *hook, Datum *values)
{
	Oid			types[FOX_HOOK_ARGS];
	FoxIdentity before = fox_identity_begin(hook->owner, hook->schema);

	memcpy(types, hook->types, sizeof(types));
	if (SPI_execute_with_args(psprintf("SELECT %s(%s)", quote_qualified_identifier(hook->schema, hook->name), hook->nargs == 1 ? "$1" : "$1, $2"),
							  hook->nargs, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call %s()", hook->name);
	fox_identity_end(before);
}

bool
fox_on_free(FoxServiceHook *hook, const char *schema)
{
	const Oid	types[] = {JSONBOID};

	return fox_service_hook(hook, schema, "on_free", lengthof(types), types);
}

void
fox_on_free_run(const FoxServiceHook *hook, const char *state)
{
	Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(state));

	fox_service_hook_run(hook, &value);
}
