/*
 * call_error.c - what a caller hears of an ERROR (see call_error.h), and error(), which
 * says it in so many words.
 *
 *   finding it     no_such_procedure; not_authorized for 42501
 *   its arguments  invalid_argument, whatever the SQLSTATE, with the parameter's name
 *   running        error()'s own URI; not_authorized, timeout, canceled; else pg.error.<SQLSTATE>
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "core/uri.h"
#include "pg/call_error.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/routine.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_error);

#define RUNTIME_ERROR "wamp.error.runtime_error"

/* The URI travels as the name of the error's data type, the status as that of its constraint. */
Datum
fox_wamp_error(PG_FUNCTION_ARGS)
{
	char	   *message = PG_ARGISNULL(0) ? "Bad Request" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			status = PG_ARGISNULL(1) ? 400 : PG_GETARG_INT32(1);
	char	   *uri = PG_ARGISNULL(2) ? RUNTIME_ERROR : text_to_cstring(PG_GETARG_TEXT_PP(2));

	if (!fox_uri_valid(fox_cstr(uri), false))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid URI \"%s\"", fox_clip(uri))));
	if (status < 400 || status > 599)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the status of an error must be from 400 to 599")));
	ereport(ERROR,
			(errcode(ERRCODE_FOX_RAISED),
			 errmsg_internal("%s", message),
			 err_generic_string(PG_DIAG_DATATYPE_NAME, uri),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, psprintf("%d", status))));
	PG_RETURN_VOID();
}

static bool
is_pt(const char *state)
{
	return state[0] == 'P' && state[1] == 'T' && state[2] >= '4' && state[2] <= '5';
}

static void
running(const ErrorData *e, bool canceled, FoxCallError *out)
{
	const char *state = unpack_sql_state(e->sqlerrcode);

	out->ours = true;
	out->status = 400;
	if (e->sqlerrcode == ERRCODE_FOX_RAISED)
	{
		/* A function can RAISE this itself, with any name. */
		out->uri = e->datatype_name && fox_uri_valid(fox_cstr(e->datatype_name), false) ? e->datatype_name : RUNTIME_ERROR;
		out->status = e->constraint_name ? atoi(e->constraint_name) : 400;
	}
	else if (is_pt(state))
	{
		out->uri = RUNTIME_ERROR;
		out->status = atoi(state + 2);
	}
	else if (e->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		out->uri = "wamp.error.not_authorized";
		out->status = 403;
	}
	else if (e->sqlerrcode == ERRCODE_FOX_CONDITION_FAILED)
	{
		out->uri = "wamp.error.invalid_payload";
		out->status = 412;
	}
	else if (e->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		out->uri = canceled ? "wamp.error.canceled" : "wamp.error.timeout";
		out->status = 504;
	}
	else
	{
		out->uri = psprintf("pg.error.%s", state);
		out->status = 500;
		out->ours = false;
	}
}

static void
add_text(StringInfo out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	escape_json(out, text);
}

void
fox_call_error(ErrorData *e, bool canceled, FoxCallError *out)
{
	bool		of_record = fox_routine_stage == FOX_STAGE_RECORD;
	bool		binding = fox_routine_stage == FOX_STAGE_BIND || of_record;
	StringInfoData text;

	running(e, canceled, out);
	if (e->sqlerrcode == ERRCODE_QUERY_CANCELED || fox_routine_stage == FOX_STAGE_RUN)
		;
	else if (binding)
	{
		out->uri = "wamp.error.invalid_argument";
		out->status = is_pt(unpack_sql_state(e->sqlerrcode)) ? out->status : 400;
		out->ours = true;
	}
	else if (e->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		out->uri = "wamp.error.no_such_procedure";
		out->status = 404;
		out->ours = true;
	}

	if (of_record)
	{
		e->detail = e->message;
		e->message = pstrdup("Need a valid record and its ID");
	}
	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	escape_json(&text, e->message ? e->message : "");
	appendStringInfoChar(&text, ']');
	out->args = text.data;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	add_text(&text, "sqlstate", unpack_sql_state(e->sqlerrcode));
	add_text(&text, "message", e->message);
	if (binding || fox_guc_error_verbosity == FOX_ERRORS_VERBOSE)
		add_text(&text, "detail", e->detail);
	add_text(&text, "hint", e->hint);
	if (binding && fox_routine_argument[0] != '\0')
		add_text(&text, "parameter", fox_routine_argument);
	appendStringInfoChar(&text, '}');
	out->kwargs = text.data;
}
