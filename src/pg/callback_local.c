/*
 * callback_local.c - callbacks that are SQL functions: a service is called with no client at all.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "pg/owner_role.h"
#include "pg/callback_row.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_callback_local);

/* As the role that has made the callback: (method text, args jsonb, kwargs jsonb), or the first of these; its result, NULL for null and void. */
char *
fox_callback_run_local(const FoxCallbackRow *row, const char *method, FoxSlice args_json, FoxSlice kwargs_json)
{
	Oid			oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(row->uri)));
	const char *args[3] = {method, fox_jsonb_text(args_json, NULL), fox_jsonb_text(kwargs_json, NULL)};
	const char *schema = get_namespace_name(get_func_namespace(oid));
	MemoryContext memory = CurrentMemoryContext;
	FoxIdentity before;
	StringInfoData sql;
	Datum		values[3];
	Oid			types[3] = {TEXTOID, JSONBOID, JSONBOID};
	int			n = get_func_nargs(oid);
	bool		is_void = get_func_rettype(oid) == VOIDOID;
	char	   *result = NULL;

	values[0] = CStringGetTextDatum(args[0]);
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(args[1] != NULL ? args[1] : "[]"));
	values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(args[2] != NULL ? args[2] : "{}"));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s%s(", is_void ? "" : "pg_catalog.to_jsonb(",
					 quote_qualified_identifier(schema, get_func_name(oid)));
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, "%s$%d", i > 0 ? "," : "", i + 1);
	appendStringInfoString(&sql, is_void ? ")" : "))");
	before = fox_identity_begin(get_role_oid(row->owner, false), schema);
	if (SPI_execute_with_args(sql.data, n, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not call %s", row->uri);
	if (SPI_processed > 0 && !is_void && (result = fox_spi_value(1)) != NULL)
		result = MemoryContextStrdup(memory, result);
	fox_identity_end(before);
	return result;
}

/* function, interface */
Datum
fox_wamp_callback_local(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	Oid		   *types;
	int			n;
	FoxCallbackRow row = {.kind = "local", .session = "0", .service = ""};

	(void) get_func_signature(oid, &types, &n);
	for (int i = 0; i < n; i++)
		if (n > 3 || getBaseType(types[i]) != (i == 0 ? TEXTOID : JSONBOID))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("%s can not be a callback", format_procedure(oid)),
					 errdetail("Its arguments must be (method text, args jsonb, kwargs jsonb), or the first of these.")));
	row.realm = fox_default_realm();
	row.uri = format_procedure_qualified(oid);
	row.interface = fox_arg_text(fcinfo, 1, "interface");
	row.owner = GetUserNameFromId(GetUserId(), false);
	fox_realm_check(row.realm);
	PG_RETURN_INT64(strtoll(fox_callback_enter(&row), NULL, 10));
}
