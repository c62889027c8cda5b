/*
 * caller.c - who calls (see caller.h): the getters, NULL outside of a call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "codec/http_call.h"
#include "pg/caller.h"

PG_FUNCTION_INFO_V1(fox_wamp_session_id);
PG_FUNCTION_INFO_V1(fox_wamp_caller_authid);
PG_FUNCTION_INFO_V1(fox_wamp_caller_authrole);
PG_FUNCTION_INFO_V1(fox_wamp_called_procedure);
PG_FUNCTION_INFO_V1(fox_wamp_called_realm);

static const FoxCaller *current = NULL;

void
fox_caller_set(const FoxCaller *caller)
{
	current = caller;
}

const FoxCaller *
fox_caller(void)
{
	return current;
}

Datum
fox_wamp_session_id(PG_FUNCTION_ARGS)
{
	if (current == NULL || current->session == 0)
		PG_RETURN_NULL();
	if (current->http != NULL && current->http->caller < FOX_HTTP_SOMEBODY)
		PG_RETURN_INT64(current->http->caller == FOX_HTTP_ANYBODY ? 1 : 0);
	PG_RETURN_INT64((int64) current->session);
}

static Datum
text_or_null(FunctionCallInfo fcinfo, FoxSlice s)
{
	if (fox_absent(s))
		PG_RETURN_NULL();
	return PointerGetDatum(cstring_to_text_with_len(s.ptr, (int) s.len));
}

Datum
fox_wamp_caller_authid(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, current ? current->authid : FOX_ABSENT);
}

Datum
fox_wamp_caller_authrole(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, current ? current->authrole : FOX_ABSENT);
}

Datum
fox_wamp_called_procedure(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, current ? current->procedure : FOX_ABSENT);
}

Datum
fox_wamp_called_realm(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, current ? current->realm : FOX_ABSENT);
}
