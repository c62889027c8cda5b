/*
 * authority_row.c - functions that rows of configuration name as authorizers, authenticators and publish hooks.
 *
 * A row names its function by the full signature, as fox_wamp.exposed_function does
 * (function_ddl.c).  The function runs as its owner or as the role that the row says, on
 * arguments that strangers have sent: who writes the row must be a member of that role.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/column.h"
#include "pg/compat.h"
#include "pg/function_ddl.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_authority_before);

/* What the functions of a table have to be, and where they stand in a row. */
typedef struct Kind
{
	const char *table;
	const char *noun;
	int			function;		/* columns */
	int			role;
	int			nargs;
	Oid			args[5];
	Oid			result;			/* or json, or jsonb */
	const char *signature;
} Kind;

static const Kind kinds[] = {
	{"permission", "an authorizer", 11, 12, 5, {JSONBOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID}, BOOLOID,
	"It must take (session jsonb, uri text, action text, options jsonb, match text) and return boolean, json or jsonb."},
	{"auth_method", "an authenticator", 4, 5, 4, {TEXTOID, TEXTOID, TEXTOID, JSONBOID}, TEXTOID,
	"It must take (realm text, authid text, method text, details jsonb) and return text, json or jsonb."},
	{"publish_hook", "a publish hook", 4, 5, 4, {TEXTOID, JSONBOID, JSONBOID, JSONBOID}, JSONBOID,
	"It must take (topic text, args jsonb, kwargs jsonb, details jsonb) and return jsonb or json."},
};

static const Kind *
kind_of(Relation relation)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kinds[i].table, RelationGetRelationName(relation)) == 0)
			return &kinds[i];
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("table \"%s\" is not one that this trigger knows", RelationGetRelationName(relation))));
}

static bool
fits(const Kind *kind, Form_pg_proc proc)
{
	return proc->prokind == PROKIND_FUNCTION && !proc->proretset && proc->pronargs == kind->nargs &&
		memcmp(proc->proargtypes.values, kind->args, sizeof(Oid) * kind->nargs) == 0 &&
		(proc->prorettype == kind->result || proc->prorettype == JSONOID || proc->prorettype == JSONBOID);
}

/* The role that it runs as unless the row says another. */
static Oid
check_function(const Kind *kind, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc proc;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (!fits(kind, proc))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s can not be %s", format_procedure(oid), kind->noun),
				 errdetail_internal("%s", kind->signature)));
	owner = proc->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
check_role(const Kind *kind, Oid oid, Oid role)
{
	if (!is_member_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of role \"%s\" to let %s run as it", GetUserNameFromId(role, false), format_procedure(oid))));
	if (FOX_ACLCHECK_FUNCTION(oid, role, ACL_EXECUTE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not execute %s", GetUserNameFromId(role, false), format_procedure(oid))));
}

Datum
fox_wamp_authority_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, 0);
	const Kind *kind = kind_of(data->tg_relation);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	HeapTuple	row = update ? data->tg_newtuple : data->tg_trigtuple;
	FoxSlice	function;
	FoxSlice	role;
	Oid			oid;
	Oid			owner;
	int			columns[1] = {kind->function};
	Datum		values[1];
	bool		nulls[1] = {false};

	(void) fox_trigger_data(fcinfo, kind->role);
	function = fox_text_column(row, desc, kind->function);
	role = fox_text_column(row, desc, kind->role);
	if (fox_absent(function) || fox_functions_renaming() ||
		(update && fox_same_column(data->tg_trigtuple, row, desc, kind->function) &&
		 fox_same_column(data->tg_trigtuple, row, desc, kind->role)))
		return PointerGetDatum(row);
	/* Raises the error for a function that is not there. */
	oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(function.ptr)));
	owner = check_function(kind, oid);
	check_role(kind, oid, fox_absent(role) ? owner : get_role_oid(role.ptr, false));
	values[0] = CStringGetTextDatum(format_procedure_qualified(oid));
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, columns, values, nulls));
}
