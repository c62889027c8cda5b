/*
 * views.c - what the router knows, as rows: ask(), and sync() and kill().
 *
 * One set-returning function serves all views; the script unfolds its JSON rows.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "pg/ask.h"
#include "pg/compat.h"
#include "pg/errcodes.h"
#include "pg/locks.h"
#include "pg/ring_seg.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_ask);
PG_FUNCTION_INFO_V1(fox_wamp_sync);
PG_FUNCTION_INFO_V1(fox_wamp_kill);

#define VIEW_TIMEOUT_MS 30000

static void pg_attribute_noreturn()
answer_late(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_TIMEOUT),
			 errmsg("the fox_wamp router did not answer in time"),
			 errhint("SELECT * FROM fox_wamp.doctor();")));
}

/* ask(question jsonb) returns setof jsonb.  No router: no rows, for a view is not an error. */
Datum
fox_wamp_ask(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FoxSlice	question = fox_arg_json(fcinfo, 0);
	FoxAsk	   *ask;
	char	   *row;
	bool		timed_out;

	InitMaterializedSRF(fcinfo, SRF_SINGLE_USE_EXPECTED);
	if (fox_absent(question) || fox_ring_attach() == NULL)
		return (Datum) 0;
	ask = fox_ask_begin(question.ptr);
	while ((row = fox_ask_next(ask, VIEW_TIMEOUT_MS, &timed_out)) != NULL)
	{
		Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(row));
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
		pfree(row);
	}
	if (timed_out)
		answer_late();
	fox_ask_end(ask);
	return (Datum) 0;
}

/*
 * sync(timeout): first the ring up to where it is now, for everything committed
 * before this call has its place below that; then the router's own batches.
 */
Datum
fox_wamp_sync(PG_FUNCTION_ARGS)
{
	int64		timeout = fox_arg_timeout(fcinfo, 0);
	FoxRingHeader *ring = fox_ring_attach();
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);
	TimestampTz begin = GetCurrentTimestamp();
	uint64		head;
	int64		left = timeout;
	FoxAsk	   *ask;
	bool		timed_out;
	char	   *row;

	if (ring == NULL || slot == NULL)
		fox_ring_no_router();
	head = pg_atomic_read_u64(&ring->head);
	fox_shmem_wake(slot);
	while (pg_atomic_read_u64(&ring->tail) < head)
	{
		if (pg_atomic_read_u32(&ring->withdrawn))
			fox_ring_no_router();
		if (timeout >= 0 && (GetCurrentTimestamp() - begin) / 1000 >= timeout)
			PG_RETURN_BOOL(false);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 2, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	if (timeout >= 0)
		left = Max(timeout - (GetCurrentTimestamp() - begin) / 1000, 1);
	ask = fox_ask_begin("{\"ask\":\"sync\"}");
	row = fox_ask_next(ask, left, &timed_out);
	fox_ask_end(ask);
	PG_RETURN_BOOL(!timed_out && (row == NULL || !fox_slice_is(fox_json_get(fox_cstr(row), "ok"), "false")));
}

/* kill(session, reason) */
Datum
fox_wamp_kill(PG_FUNCTION_ARGS)
{
	StringInfoData question;
	char	   *row;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"kill\",\"session\":" INT64_FORMAT, PG_GETARG_INT64(0));
	if (!PG_ARGISNULL(1))
	{
		appendStringInfoString(&question, ",\"reason\":");
		escape_json(&question, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	}
	appendStringInfoChar(&question, '}');
	row = fox_ask_once(question.data, VIEW_TIMEOUT_MS);
	PG_RETURN_BOOL(row != NULL && fox_json_is_true(fox_json_get(fox_cstr(row), "ok")));
}
