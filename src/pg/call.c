/*
 * call.c - call() and cast(): SQL as a WAMP caller.
 *
 * call() waits for the result and is carried out at once, whatever becomes of the
 * transaction.  The callee sees nothing of what the transaction has written so far,
 * and a callee that waits for one of its row locks waits until the call's timeout.
 * cast() is part of its transaction: the call is made at commit.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "codec/json.h"
#include "pg/ask.h"
#include "pg/call.h"
#include "pg/errcodes.h"
#include "pg/locks.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"

#define DEFAULT_TIMEOUT_MS 60000
#define ROUTER_GRACE_MS 5000	/* the router's own timeout comes first */

PG_FUNCTION_INFO_V1(fox_wamp_call);
PG_FUNCTION_INFO_V1(fox_wamp_cast);

typedef struct Call
{
	char	   *procedure;
	FoxSlice	args;
	FoxSlice	kwargs;
	FoxSlice	options;
	char	   *realm;
	int64		timeout_ms;
} Call;

static void pg_attribute_noreturn()
bad_options(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid call options"),
			 errdetail_internal("%s", detail)));
}

static void
read_options(Call *c)
{
	FoxSlice	timeout;
	uint64_t	ms;

	c->timeout_ms = DEFAULT_TIMEOUT_MS;
	if (fox_absent(c->options))
		return;
	if (fox_json_kind(c->options) == FOX_JSON_NULL)
	{
		c->options = FOX_ABSENT;
		return;
	}
	if (fox_json_kind(c->options) != FOX_JSON_OBJECT)
		bad_options("They must be a JSON object.");
	timeout = fox_json_get(c->options, "timeout");
	if (fox_absent(timeout))
		return;
	if (!fox_json_uint(timeout, &ms) || ms == 0 || ms > INT_MAX)
		bad_options("\"timeout\" must be a number of milliseconds from 1 to 2147483647.");
	c->timeout_ms = (int64) ms;
}

/* The arguments that both have in common: procedure, args, kwargs, options, realm. */
static void
read_call(FunctionCallInfo fcinfo, Call *c)
{
	const char *problem;

	c->procedure = fox_arg_text(fcinfo, 0, "procedure");
	problem = fox_topic_problem(c->procedure, strlen(c->procedure));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid procedure \"%s\"", fox_clip(c->procedure)),
				 errdetail_internal("%s", problem)));
	c->args = fox_args_list(fox_arg_json(fcinfo, 1));
	c->kwargs = fox_kwargs_check(fox_arg_json(fcinfo, 2));
	c->options = fox_arg_json(fcinfo, 3);
	c->realm = fox_arg_realm(fcinfo, 4);
	read_options(c);
	fox_message_check(c->args.len + c->kwargs.len);
	fox_realm_check(c->realm);
}

FoxSlice
fox_call_result(FoxSlice row)
{
	FoxSlice	args = fox_json_get(row, "args");
	FoxSlice	kwargs = fox_json_get(row, "kwargs");
	FoxSlice	first = FOX_ABSENT;
	FoxSlice	other;
	size_t		pos = 0;
	bool		named = fox_json_kind(kwargs) == FOX_JSON_OBJECT && fox_json_member(kwargs, &pos, &first, &other);
	bool		any;
	bool		one;

	pos = 0;
	any = fox_json_kind(args) == FOX_JSON_ARRAY && fox_json_element(args, &pos, &first);
	one = any && !fox_json_element(args, &pos, &other);
	if (!named)
		return one ? first : any ? args : FOX_ABSENT;
	return any ? row : kwargs;
}

Datum
fox_wamp_call(PG_FUNCTION_ARGS)
{
	Call		c;
	StringInfoData question;
	FoxSlice	result;

	read_call(fcinfo, &c);
	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"call\",\"timeout_ms\":" INT64_FORMAT ",\"realm\":", c.timeout_ms);
	escape_json(&question, c.realm);
	appendStringInfoString(&question, ",\"topic\":");
	escape_json(&question, c.procedure);
	appendStringInfoString(&question, ",\"role\":");
	escape_json(&question, GetUserNameFromId(GetUserId(), false));
	fox_append_member(&question, "args", c.args);
	fox_append_member(&question, "kwargs", c.kwargs);
	fox_append_member(&question, "options", c.options);
	appendStringInfoChar(&question, '}');

	result = fox_cstr(fox_ask_once(question.data, c.timeout_ms + ROUTER_GRACE_MS));
	if (!fox_absent(result))
		result = fox_call_result(result);
	if (fox_absent(result))
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(result, NULL)));
}

Datum
fox_wamp_cast(PG_FUNCTION_ARGS)
{
	Call		c;
	FoxChange	change = {.kind = FOX_CHANGE_CALL, .pid = MyProcPid};
	StringInfoData options;

	fox_refuse_in_recovery();
	read_call(fcinfo, &c);
	change.realm = fox_cstr(c.realm);
	change.topic = fox_cstr(c.procedure);
	change.args = c.args;
	change.kwargs = c.kwargs;
	initStringInfo(&options);
	appendStringInfoString(&options, "{\"role\":");
	escape_json(&options, GetUserNameFromId(GetUserId(), false));
	fox_append_member(&options, "options", c.options);
	appendStringInfoChar(&options, '}');
	change.options = fox_slice(options.data, options.len);
	fox_ring_add(&change);
	PG_RETURN_VOID();
}
