/*
 * exception_json.c - the exception that a PL/pgSQL block handles, as a JSON object.
 *
 * PL/pgSQL tells others nothing of it; but each of its functions that runs has left an entry in the stack of
 * error contexts, which leads to it.
 */
#include "postgres.h"

#include <dlfcn.h>

#include "fmgr.h"
#include "plpgsql.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(fox_wamp_exception_json);

/* Titles of the classes of SQLSTATEs, as conditions are written. */
static const struct
{
	const char *code;
	const char *title;
}			classes[] = {
	{"08", "connection_exception"}, {"09", "triggered_action_exception"}, {"0A", "feature_not_supported"},
	{"0B", "invalid_transaction_initiation"}, {"0F", "locator_exception"}, {"0L", "invalid_grantor"},
	{"0P", "invalid_role_specification"}, {"0Z", "diagnostics_exception"}, {"20", "case_not_found"},
	{"21", "cardinality_violation"}, {"22", "data_exception"}, {"23", "integrity_constraint_violation"},
	{"24", "invalid_cursor_state"}, {"25", "invalid_transaction_state"}, {"26", "invalid_sql_statement_name"},
	{"27", "triggered_data_change_violation"}, {"28", "invalid_authorization_specification"},
	{"2B", "dependent_privilege_descriptors_still_exist"}, {"2D", "invalid_transaction_termination"},
	{"2F", "sql_routine_exception"}, {"34", "invalid_cursor_name"}, {"38", "external_routine_exception"},
	{"39", "external_routine_invocation_exception"}, {"3B", "savepoint_exception"}, {"3D", "invalid_catalog_name"},
	{"3F", "invalid_schema_name"}, {"40", "transaction_rollback"}, {"42", "syntax_error_or_access_rule_violation"},
	{"44", "with_check_option_violation"}, {"53", "insufficient_resources"}, {"54", "program_limit_exceeded"},
	{"55", "object_not_in_prerequisite_state"}, {"57", "operator_intervention"}, {"58", "system_error"},
	{"F0", "config_file_error"}, {"HV", "fdw_error"}, {"P0", "plpgsql_error"}, {"PT", "http_error"},
	{"WF", "fox_wamp_error"}, {"XX", "internal_error"},
};

static const char *
class_of(const char *sqlstate)
{
	for (int i = 0; i < (int) lengthof(classes); i++)
		if (strncmp(classes[i].code, sqlstate, 2) == 0)
			return classes[i].title;
	return "exception";
}

/* Is the function one of PL/pgSQL's library? */
static bool
is_plpgsql(void (*callback) (void *arg))
{
	Dl_info		info;
	const char *name;

	if (dladdr((void *) callback, &info) == 0 || info.dli_fname == NULL)
		return false;
	name = strrchr(info.dli_fname, '/');
	return strcmp(name != NULL ? name + 1 : info.dli_fname, "plpgsql.so") == 0;
}

/* Of the innermost block that handles one; NULL: none does. */
static const ErrorData *
handled(void)
{
	for (ErrorContextCallback *c = error_context_stack; c != NULL; c = c->previous)
	{
		const PLpgSQL_execstate *state = c->arg;

		if (is_plpgsql(c->callback) && state != NULL && state->cur_error != NULL)
			return state->cur_error;
	}
	return NULL;
}

static void
put(StringInfo s, const char *name, const char *text)
{
	appendStringInfo(s, "%c\"%s\":", s->len == 0 ? '{' : ',', name);
	if (text == NULL)
		appendStringInfoString(s, "null");
	else
		escape_json(s, text);
}

Datum
fox_wamp_exception_json(PG_FUNCTION_ARGS)
{
	const ErrorData *e = handled();
	const char *sqlstate;
	StringInfoData s;

	if (e == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_STACKED_DIAGNOSTICS_ACCESSED_WITHOUT_ACTIVE_HANDLER),
				 errmsg("no exception is being handled"),
				 errhint("Call it in an EXCEPTION block of PL/pgSQL.")));
	initStringInfo(&s);
	sqlstate = unpack_sql_state(e->sqlerrcode);
	put(&s, "Class", class_of(sqlstate));
	put(&s, "SqlState", sqlstate);
	put(&s, "Message", e->message);
	put(&s, "Detail", e->detail);
	put(&s, "Hint", e->hint);
	put(&s, "Context", e->context);
	appendStringInfoChar(&s, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data));
}
