/*
 * locks.c - lock(), try_lock() and unlock().
 *
 * A lock is a retained value with a will, held by the session like an advisory lock:
 * the router carries it out at once, it survives ROLLBACK, and goes when the backend
 * ends.  Waiting here is outside the server's deadlock detection, so a transaction
 * that may hold row locks does not wait.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "codec/json.h"
#include "pg/ask.h"
#include "pg/errcodes.h"
#include "pg/locks.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_lock);
PG_FUNCTION_INFO_V1(fox_wamp_try_lock);
PG_FUNCTION_INFO_V1(fox_wamp_unlock);

/* The router's answer to a question comes this much after its own time limit. */
#define ANSWER_GRACE_MS 5000

static uint64 owner = 0;
static bool holds = false;		/* or may hold */

uint64
fox_backend_owner(void)
{
	if (owner == 0)
		owner = fox_draw_id();
	return owner;
}

static void
backend_end(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	fox_ask_backend_end();
}

void
fox_backend_end_needed(void)
{
	static bool registered = false;

	if (!registered)
	{
		before_shmem_exit(backend_end, (Datum) 0);
		registered = true;
	}
	holds = true;
}

void
fox_backend_release(void)
{
	if (holds)
		fox_ask_backend_end();
	holds = false;
	owner = 0;
}

void
fox_refuse_waiting(const char *what)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot wait in a transaction that has written", what),
				 errhint("Wait first, then begin the transaction that writes.")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot wait above isolation level READ COMMITTED", what)));
}

char *
fox_ask_once(const char *question, int64 timeout_ms)
{
	FoxAsk	   *ask = fox_ask_begin(question);
	bool		timed_out;
	char	   *row = fox_ask_next(ask, timeout_ms, &timed_out);

	fox_ask_end(ask);
	if (timed_out)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_TIMEOUT),
				 errmsg("the fox_wamp router did not answer in time"),
				 errhint("SELECT * FROM fox_wamp.doctor();")));
	return row;
}

static bool
ask_lock(const char *what, const char *realm, const char *topic, FoxSlice value, bool wait, int64 timeout)
{
	StringInfoData question;
	char	   *row;

	fox_refuse_in_recovery();
	fox_topic_check(topic);
	fox_realm_check(realm);
	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"%s\",\"realm\":", what);
	escape_json(&question, realm);
	appendStringInfoString(&question, ",\"topic\":");
	escape_json(&question, topic);
	if (!fox_absent(value))
		appendStringInfo(&question, ",\"value\":%.*s,\"wait\":%s", (int) value.len, value.ptr, wait ? "true" : "false");
	if (wait && timeout >= 0)
		appendStringInfo(&question, ",\"timeout_ms\":" INT64_FORMAT, timeout);
	appendStringInfoChar(&question, '}');
	fox_backend_end_needed();
	row = fox_ask_once(question.data,
					   wait && timeout < 0 ? -1 : (wait ? timeout : 30000) + ANSWER_GRACE_MS);
	return row != NULL && fox_json_is_true(fox_json_get(fox_cstr(row), "ok"));
}

/* The value that a lock shows; null and empty values would be no lock at all. */
static FoxSlice
lock_value(FunctionCallInfo fcinfo)
{
	FoxSlice	value = fox_arg_json(fcinfo, 1);

	if (fox_absent(value) || fox_json_kind(value) == FOX_JSON_NULL)
		return FOX_LIT("{}");
	return value;
}

/* lock(topic, value, timeout, realm) */
Datum
fox_wamp_lock(PG_FUNCTION_ARGS)
{
	char	   *topic = fox_arg_text(fcinfo, 0, "topic");

	fox_refuse_waiting("lock()");
	if (!ask_lock("lock", fox_arg_realm(fcinfo, 3), topic, lock_value(fcinfo), true, fox_arg_timeout(fcinfo, 2)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_TIMEOUT),
				 errmsg("could not lock \"%s\" in time", topic)));
	PG_RETURN_VOID();
}

/* try_lock(topic, value, realm) */
Datum
fox_wamp_try_lock(PG_FUNCTION_ARGS)
{
	char	   *topic = fox_arg_text(fcinfo, 0, "topic");

	PG_RETURN_BOOL(ask_lock("lock", fox_arg_realm(fcinfo, 2), topic, lock_value(fcinfo), false, 0));
}

/* unlock(topic, realm) */
Datum
fox_wamp_unlock(PG_FUNCTION_ARGS)
{
	char	   *topic = fox_arg_text(fcinfo, 0, "topic");

	PG_RETURN_BOOL(ask_lock("unlock", fox_arg_realm(fcinfo, 1), topic, FOX_ABSENT, false, 0));
}
