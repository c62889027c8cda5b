/*
 * handler_exec.c - event handlers as an executor runs them (see handler_exec.h).
 *
 * A delivery leaves the queue in the transaction of the function that it is for: what the
 * function has done is there exactly if the event counts as handled, whatever dies when.
 * What fails is back in the queue when its transaction has ended, and is noted there.
 *
 * What has failed keeps the later ones of its topic waiting until it is due again.  Several
 * executors may attend to one queue: each goes through it in order, and from the first
 * delivery of a topic on that it finds locked leaves that topic alone.  It reads a page of it at a time, each from the front of the queue: a
 * delivery may be seen later than one of another topic that is behind it, but never later
 * than one that was published after it had committed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "pg/call_role.h"
#include "pg/delivery_queue.h"
#include "pg/handler_exec.h"
#include "pg/queue.h"
#include "pg/routine.h"
#include "pg/sqlarg.h"

#define SLICE 500				/* that one call attends to, and for so long */
#define SLICE_MS 50
#define LOCKED_MS 500			/* until what somebody has locked is looked at again */

typedef struct Round
{
	const char *handler;
	uint64		done;
	uint64		failed;
	char	   *error;			/* of the last failure; in memory */
	bool		locked;			/* somebody else had one */
	StringInfoData left_alone;	/* topics, as an array's elements */
	MemoryContext memory;		/* of the round */
	MemoryContext portion;		/* of one delivery */
} Round;

/* --- the function --- */

/* The first n of the list: a topic, and JSON as jsonb takes it. */
static FoxSlice
first_args(FoxSlice args, int n)
{
	StringInfoData list;
	FoxSlice	value;
	size_t		pos = 0;

	initStringInfo(&list);
	for (int i = 0; i < n && fox_json_element(args, &pos, &value); i++)
		appendStringInfo(&list, "%c%s", i == 0 ? '[' : ',', i == 0 ? pnstrdup(value.ptr, value.len) : fox_jsonb_text(value, NULL));
	appendStringInfoString(&list, n == 0 ? "[]" : "]");
	return fox_slice(list.data, list.len);
}

/* Nobody wants to know. */
static void
drop_row(void *ctx, const char *json, int len)
{
}

/* In the transaction that has begun, which it ends. */
static void
call_function(FoxSlice function, FoxSlice args, uint8 hops, MemoryContext memory)
{
	FoxRoutine *f;
	FoxRoutineValues values;
	StringInfoData result;

	fox_routine_refresh();
	f = fox_routine_find(function);
	fox_routine_check(f, f->owner);
	if (!f->is_volatile)
		XactReadOnly = true;
	fox_call_role_enter(f->owner);
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
	initStringInfo(&result);
	fox_routine_bind(f, first_args(args, f->nargs), FOX_ABSENT, &values);
	fox_queue_handling(hops);
	SPI_connect();
	fox_routine_run(f, f->owner, &values, FOX_BINARY_WAMP, &result, drop_row, NULL);
	SPI_finish();
	fox_call_role_commit();
	fox_queue_handling_end();
	disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(memory);
}

static void
abort_call(MemoryContext memory)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	fox_queue_handling_end();
	fox_call_role_abort();
	QueryCancelPending = false;
	MemoryContextSwitchTo(memory);
}

void
fox_handler_call(FoxSlice function, FoxSlice args, uint8 hops)
{
	MemoryContext memory = CurrentMemoryContext;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		MemoryContextSwitchTo(memory);
		call_function(function, args, hops, memory);
	}
	PG_CATCH();
	{
		/* Whoever hears of the error ends the transaction. */
		fox_queue_handling_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* --- the queue --- */

static int	nest;				/* of settings */

/* The database's search_path is anybody's. */
static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_statements(void)
{
	SPI_finish();
	PopActiveSnapshot();
	AtEOXact_GUC(true, nest);
}

static void
end(MemoryContext memory)
{
	end_statements();
	CommitTransactionCommand();
	MemoryContextSwitchTo(memory);
}

static int64
number(int column)
{
	char	   *text = fox_spi_value(column);

	return text != NULL ? (int64) strtoll(text, NULL, 10) : 0;
}

static char *
text_in(MemoryContext memory, int column)
{
	char	   *text = fox_spi_value(column);

	return text != NULL ? MemoryContextStrdup(memory, text) : NULL;
}

static int
read_page(Round *r, FoxQueued items[FOX_QUEUE_PAGE])
{
	int			n;

	begin();
	n = fox_queue_page(r->handler, &r->left_alone, r->memory, items);
	end(r->memory);
	return n;
}

/* Takes it out of the queue, in a transaction that has yet to end; false: it is locked or gone. */
static bool
take(const char *id, MemoryContext memory, char **function, FoxSlice *args, uint8 *hops)
{
	static void *plan = NULL;
	bool		taken;

	begin();
	taken = fox_spi(&plan,
					"DELETE FROM fox_wamp.delivery d USING fox_wamp.handler h"
					" WHERE d.id = (SELECT e.id FROM fox_wamp.delivery e WHERE e.id = $1::int8 AND NOT e.dead"
					" FOR UPDATE SKIP LOCKED) AND h.id = d.handler"
					" RETURNING h.function, d.hops, jsonb_build_array(d.topic, coalesce(d.args, '[]'), coalesce(d.kwargs, '{}'),"
					" d.details || jsonb_build_object('publication', d.publication, 'attempt', d.attempts + 1))::text",
					1, &id) > 0;
	if (taken)
	{
		*function = text_in(memory, 1);
		*hops = (uint8) number(2);
		*args = fox_cstr(text_in(memory, 3));
	}
	end_statements();
	if (!taken)
		CommitTransactionCommand();
	MemoryContextSwitchTo(memory);
	return taken;
}

/* Why it could not be taken. */
static FoxQueueOutcome
look_at(Round *r, const char *id)
{
	static void *plan = NULL;
	bool		there;

	begin();
	there = fox_spi(&plan, "SELECT FROM fox_wamp.delivery d WHERE d.id = $1::int8 AND NOT d.dead", 1, &id) > 0;
	end(r->portion);
	return there ? FOX_QUEUE_LOCKED : FOX_QUEUE_GONE;
}

static FoxQueueOutcome
note_failure(Round *r, const char *id)
{
	FoxQueueOutcome outcome;

	begin();
	outcome = fox_queue_note_failure(id, r->error, 0);
	end(r->portion);
	return outcome;
}

static int64
next_ms(const Round *r)
{
	int64		ms;

	begin();
	ms = fox_queue_next_ms(r->handler);
	end(r->memory);
	return r->locked && (ms < 0 || ms > LOCKED_MS) ? LOCKED_MS : ms;
}

static void
clear(const Round *r)
{
	begin();
	fox_queue_clear(r->handler);
	end(r->memory);
}

/* --- attending --- */

static void
note_error(Round *r)
{
	ErrorData  *e;

	MemoryContextSwitchTo(r->portion);
	e = CopyErrorData();
	FlushErrorState();
	r->error = MemoryContextStrdup(r->memory, psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message ? e->message : ""));
	abort_call(r->portion);
}

static FoxQueueOutcome
deliver(Round *r, const char *id)
{
	volatile bool taken = false;
	volatile bool failed = false;

	MemoryContextSwitchTo(r->portion);
	fox_routine_stage = FOX_STAGE_FIND;
	PG_TRY();
	{
		char	   *function = NULL;
		FoxSlice	args = FOX_ABSENT;
		uint8		hops = 0;

		taken = take(id, r->portion, &function, &args, &hops);
		if (taken)
			call_function(fox_cstr(function), args, hops, r->portion);
	}
	PG_CATCH();
	{
		failed = true;
		note_error(r);
	}
	PG_END_TRY();
	if (failed)
		return note_failure(r, id);
	return taken ? FOX_QUEUE_DONE : look_at(r, id);
}

/* True: the topic is to be left alone. */
static bool
attend_to(Round *r, const char *id)
{
	FoxQueueOutcome outcome = deliver(r, id);

	MemoryContextSwitchTo(r->memory);
	MemoryContextReset(r->portion);
	r->done += outcome == FOX_QUEUE_DONE;
	r->failed += outcome == FOX_QUEUE_FAILED || outcome == FOX_QUEUE_DEAD;
	r->locked |= outcome == FOX_QUEUE_LOCKED;
	return outcome == FOX_QUEUE_FAILED || outcome == FOX_QUEUE_LOCKED;
}

static bool
is_left_alone(const FoxQueued *items, const bool *left, int i)
{
	for (int k = 0; k < i; k++)
		if (left[k] && strcmp(items[k].topic, items[i].topic) == 0)
			return true;
	return false;
}

/* True: there is more. */
static bool
go_through(Round *r)
{
	TimestampTz begin_at = GetCurrentTimestamp();
	FoxQueued	items[FOX_QUEUE_PAGE];
	bool		left[FOX_QUEUE_PAGE];
	int			n;

	while ((n = read_page(r, items)) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			left[i] = is_left_alone(items, left, i) ? false : attend_to(r, items[i].id);
			if (left[i])
				fox_queue_leave(&r->left_alone, items[i].topic);
			if (r->done + r->failed >= SLICE || TimestampDifferenceExceeds(begin_at, GetCurrentTimestamp(), SLICE_MS))
				return true;
		}
	}
	return false;
}

void
fox_handler_attend(uint64 handler, MemoryContext memory, StringInfo report)
{
	Round		r = {.memory = memory};
	bool		more;

	MemoryContextSwitchTo(memory);
	initStringInfo(&r.left_alone);
	r.handler = psprintf(UINT64_FORMAT, handler);
	r.portion = AllocSetContextCreate(memory, "fox_wamp delivery", ALLOCSET_DEFAULT_SIZES);
	clear(&r);
	more = go_through(&r);
	appendStringInfo(report, "{\"done\":" UINT64_FORMAT ",\"failed\":" UINT64_FORMAT ",\"more\":%s,\"next_ms\":" INT64_FORMAT ",\"error\":",
					 r.done, r.failed, more ? "true" : "false", more ? 0 : next_ms(&r));
	if (r.error == NULL)
		appendStringInfoString(report, "null");
	else
		escape_json(report, r.error);
	appendStringInfoChar(report, '}');
}
