/*
 * callback_sql.c - what a function does with a callback: callback_send() and its like.
 *
 *   of a session   the commit ring ──► router ──► client; callback_now() goes into the ring at once
 *   of a URL       fox_wamp.delivery, as a webhook's events (post_queue.c)
 *   local          the function is called, here and now
 *
 * Who knows the id of a callback may send to it: ids are drawn by chance.
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "net/url_allow.h"
#include "pg/ask.h"
#include "pg/call.h"
#include "pg/owner_role.h"
#include "pg/callback_row.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/locks.h"
#include "pg/post_call.h"
#include "pg/ring.h"
#include "pg/ring_seg.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_callback_send);
PG_FUNCTION_INFO_V1(fox_wamp_callback_now);
PG_FUNCTION_INFO_V1(fox_wamp_callback_call);

#define DEFAULT_TIMEOUT_MS 60000
#define ROUTER_GRACE_MS 5000

typedef struct Message
{
	FoxCallbackRow row;
	char	   *method;
	FoxSlice	args;
	FoxSlice	kwargs;
} Message;

/* --- arguments --- */

/* False: it has been released, which is said. */
static bool
find(FunctionCallInfo fcinfo, FoxCallbackRow *row)
{
	char	   *id;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the callback must not be null")));
	id = psprintf(INT64_FORMAT, PG_GETARG_INT64(0));
	if (fox_callback_row(id, false, row))
		return true;
	ereport(fox_guc_on_callback_released,
			(errcode(ERRCODE_FOX_NO_SUCH_PROCEDURE),
			 errmsg("the callback has been released")));
	return false;
}

/* callback, method; args and kwargs where they are. */
static bool
read_message(FunctionCallInfo fcinfo, int args, int kwargs, Message *m)
{
	const char *problem;

	fox_refuse_in_recovery();
	m->method = fox_arg_text(fcinfo, 1, "method");
	problem = fox_topic_problem(m->method, strlen(m->method));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid method \"%s\"", fox_clip(m->method)),
				 errdetail_internal("%s", problem)));
	m->args = fox_args_list(fox_arg_json(fcinfo, args));
	m->kwargs = fox_kwargs_check(fox_arg_json(fcinfo, kwargs));
	fox_message_check(m->args.len + m->kwargs.len);
	return find(fcinfo, &m->row);
}

static bool
is_kind(const Message *m, const char *kind)
{
	return strcmp(m->row.kind, kind) == 0;
}

/* --- one-way --- */

static void
run_local(const void *arg)
{
	const Message *m = arg;

	(void) fox_callback_run_local(&m->row, m->method, m->args, m->kwargs);
}

static bool
send_local(const Message *m)
{
	return fox_guarded(run_local, m, psprintf("the callback %s", m->row.uri));
}

static void
queue(const Message *m)
{
	static void *plan = NULL;
	StringInfoData details;
	FoxChange	rung = {.kind = FOX_CHANGE_QUEUED, .realm = FOX_LIT("")};
	const char *values[5] = {m->row.id, psprintf(UINT64_FORMAT, fox_draw_id()), fox_jsonb_text(m->args, NULL), fox_jsonb_text(m->kwargs, NULL), NULL};
	FoxAsOwner	saved = fox_as_owner();

	initStringInfo(&details);
	appendStringInfoString(&details, "{\"method\":");
	escape_json(&details, m->method);
	appendStringInfoChar(&details, '}');
	values[4] = details.data;
	SPI_connect();
	fox_spi(&plan,
			"INSERT INTO fox_wamp.delivery (handler, publication, topic, args, kwargs, details)"
			" VALUES ($1::pg_catalog.int8, $2::pg_catalog.int8, 'fox_wamp.callback', $3::pg_catalog.jsonb, $4::pg_catalog.jsonb, $5::pg_catalog.jsonb)",
			5, values);
	SPI_finish();
	fox_as_caller(saved);
	rung.topic = fox_cstr(m->row.id);
	fox_ring_add(&rung);
}

/* The router may hear of it before the row is committed: then it has the row from here. */
static void
fill_change(const Message *m, bool with_row, FoxChange *change)
{
	StringInfoData options;

	initStringInfo(&options);
	appendStringInfoString(&options, "{\"method\":");
	escape_json(&options, m->method);
	if (with_row)
		fox_append_member(&options, "row", fox_callback_row_json(&m->row));
	appendStringInfoChar(&options, '}');
	*change = (FoxChange) {
		.kind = FOX_CHANGE_CALLBACK_MESSAGE, .pid = MyProcPid, .realm = fox_cstr(m->row.realm), .topic = fox_cstr(m->row.id),
		.args = m->args, .kwargs = m->kwargs, .options = fox_slice(options.data, options.len)
	};
}

Datum
fox_wamp_callback_send(PG_FUNCTION_ARGS)
{
	Message		m;
	FoxChange	change;

	if (!read_message(fcinfo, 2, 3, &m))
		PG_RETURN_BOOL(false);
	if (is_kind(&m, "local"))
		PG_RETURN_BOOL(send_local(&m));
	if (is_kind(&m, "url"))
		queue(&m);
	else
	{
		fill_change(&m, false, &change);
		fox_ring_add(&change);
	}
	PG_RETURN_BOOL(true);
}

Datum
fox_wamp_callback_now(PG_FUNCTION_ARGS)
{
	Message		m;
	FoxChange	change;

	if (!read_message(fcinfo, 2, 3, &m))
		PG_RETURN_BOOL(false);
	if (is_kind(&m, "local"))
		PG_RETURN_BOOL(send_local(&m));
	fill_change(&m, true, &change);
	if (fox_ring_attach() == NULL)
		fox_ring_no_router();
	if (!fox_ring_put_now(&change))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_UNAVAILABLE),
				 errmsg("the commit ring of fox_wamp is full"),
				 errhint("Raise fox_wamp.ring_size.")));
	PG_RETURN_BOOL(true);
}

/* --- with an answer --- */

/* What a URL says is JSON, or nothing. */
static FoxSlice
post(const Message *m, int64 timeout_ms)
{
	StringInfoData body;
	char		at[MAXDATELEN + 1];
	FoxSlice	answer;

	if (!fox_url_allowed(m->row.uri, fox_guc_callback_url_allow))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("fox_wamp.callback_url_allow does not allow the URL of the callback")));
	initStringInfo(&body);
	appendStringInfo(&body, "{\"callback\":%s,\"interface\":", m->row.id);
	escape_json(&body, m->row.interface);
	appendStringInfoString(&body, ",\"method\":");
	escape_json(&body, m->method);
	fox_append_member(&body, "args", fox_absent(m->args) ? FOX_LIT("[]") : m->args);
	fox_append_member(&body, "kwargs", fox_absent(m->kwargs) ? FOX_LIT("{}") : m->kwargs);
	appendStringInfo(&body, ",\"at\":\"%s\"}", JsonEncodeDateTime(at, TimestampTzGetDatum(GetCurrentTimestamp()), TIMESTAMPTZOID, NULL));
	answer = fox_cstr(fox_post_call(m->row.uri, body.data, timeout_ms));
	if (!fox_absent(answer) && !fox_json_valid(answer, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_CALL_FAILED),
				 errmsg("what the callback has answered is not JSON")));
	return answer;
}

static FoxSlice
ask(const Message *m, int64 timeout_ms)
{
	StringInfoData question;
	FoxSlice	answer;

	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"callback_call\",\"callback\":%s,\"timeout_ms\":" INT64_FORMAT ",\"method\":", m->row.id, timeout_ms);
	escape_json(&question, m->method);
	appendStringInfoString(&question, ",\"realm\":");
	escape_json(&question, m->row.realm);
	fox_append_member(&question, "row", fox_callback_row_json(&m->row));
	fox_append_member(&question, "args", m->args);
	fox_append_member(&question, "kwargs", m->kwargs);
	appendStringInfoChar(&question, '}');
	answer = fox_cstr(fox_ask_once(question.data, timeout_ms + ROUTER_GRACE_MS));
	return fox_absent(answer) ? answer : fox_call_result(answer);
}

/* callback, method, args, timeout, kwargs */
Datum
fox_wamp_callback_call(PG_FUNCTION_ARGS)
{
	Message		m;
	int64		timeout_ms = fox_arg_timeout(fcinfo, 3);
	FoxSlice	result;

	if (timeout_ms < 0)
		timeout_ms = DEFAULT_TIMEOUT_MS;
	if (timeout_ms == 0 || timeout_ms > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the timeout must be more than nothing and less than 25 days")));
	if (!read_message(fcinfo, 2, 4, &m))
		PG_RETURN_NULL();
	if (is_kind(&m, "local"))
		result = fox_cstr(fox_callback_run_local(&m.row, m.method, m.args, m.kwargs));
	else if (is_kind(&m, "url"))
		result = post(&m, timeout_ms);
	else
		result = ask(&m, timeout_ms);
	if (fox_absent(result))
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(result, NULL)));
}
