/*
 * store_sql.c - the writer of retained values.
 *
 * All that is waiting goes in one transaction, so that one fsync carries many
 * writes.  Existing rows are locked first, in one statement that never waits: what
 * somebody else has locked is sent back as slow, or one sleeping transaction would
 * stop every writer.  Conditions are then judged one after the other against the
 * value as the batch has made it so far.  A batch that fails is rolled back and its
 * items run singly, which keeps subtransactions out of the normal way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/hash.h"
#include "codec/match.h"
#include "pg/bounced.h"
#include "pg/errcodes.h"
#include "pg/store_item.h"
#include "pg/store_plan.h"
#include "pg/store_sql.h"

#define SINGLE_ATTEMPTS 10
#define RING_FULL_ATTEMPTS 200	/* of 10 ms */

/* Where the transaction was when it failed. */
static bool locking;

static void
pin(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

void
fox_store_setup(uint64 boot_id, int lock_timeout_ms)
{
	char		timeout[32];

	fox_store_boot_id = boot_id;
	snprintf(timeout, sizeof(timeout), "%d", lock_timeout_ms);
	pin("default_transaction_isolation", "read committed");
	pin("default_transaction_read_only", "off");
	pin("default_transaction_deferrable", "off");
	pin("search_path", "pg_catalog");
	pin("session_replication_role", "origin");
	pin("row_security", "off");
	pin("check_function_bodies", "on");
	pin("statement_timeout", "0");
	pin("lock_timeout", timeout);
	pin("idle_in_transaction_session_timeout", "0");
	pin("idle_session_timeout", "0");
	pin("max_parallel_workers_per_gather", "0");
	/* Plans are kept; one made while the table was small must not scan it later. */
	pin("enable_seqscan", "off");
	pin("enable_hashjoin", "off");
	pin("enable_mergejoin", "off");
	pin("enable_bitmapscan", "off");
	pin("plan_cache_mode", "force_generic_plan");
	pin("jit", "off");
	/* A write whose entry is lost would never be answered: it is refused instead. */
	pin("fox_wamp.on_ring_full", "error");
	fox_store_synchronous_commit(GetConfigOption("fox_wamp.synchronous_commit", true, false));
}

void
fox_store_synchronous_commit(const char *value)
{
	if (value != NULL && value[0] != '\0')
		(void) set_config_option("synchronous_commit", value, PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_SET, true, WARNING, false);
}

uint64
fox_store_rows(void)
{
	return fox_store_rows_written;
}

void
fox_store_begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
fox_store_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

FoxSlice
fox_store_key(FoxSlice realm, FoxSlice topic)
{
	char	   *key = palloc(realm.len + 1 + topic.len);

	memcpy(key, realm.ptr, realm.len);
	key[realm.len] = '\0';
	memcpy(key + realm.len + 1, topic.ptr, topic.len);
	return fox_slice(key, realm.len + 1 + topic.len);
}

/* --- locking --- */

/* Takes up what the last statement says of its rows. */
static void
take_locked(FoxMap *map, bool values, MemoryContext memory)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		FoxStoreTopic *t = fox_map_get(map, fox_store_key(fox_cstr(SPI_getvalue(row, desc, 1)),
												   fox_cstr(SPI_getvalue(row, desc, 2))));

		if (t == NULL)
			continue;
		t->exists = true;
		if (values)
		{
			MemoryContext saved;
			FoxSlice	original;
			bool		isnull;
			Datum		payload = SPI_getbinval(row, desc, 5, &isnull);
			char	   *args = SPI_getvalue(row, desc, 3);
			char	   *kwargs = SPI_getvalue(row, desc, 4);
			char	   *format = SPI_getvalue(row, desc, 6);

			/* What the value is made of must outlive SPI's memory. */
			saved = MemoryContextSwitchTo(memory);
			args = args ? pstrdup(args) : NULL;
			kwargs = kwargs ? pstrdup(kwargs) : NULL;
			fox_store_value(args, kwargs, isnull ? NULL : DatumGetByteaPCopy(payload), format,
							&t->args, &t->kwargs, &original);
			MemoryContextSwitchTo(saved);
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

static ArrayType *
text_array(FoxStoreTopic **topics, int n, bool realms)
{
	Datum	   *texts = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		FoxSlice	s = realms ? topics[i]->realm : topics[i]->topic;

		texts[i] = PointerGetDatum(cstring_to_text_with_len(s.ptr, s.len));
	}
	return construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT);
}

static void
run_on_topics(FoxPlan plan, FoxStoreTopic **topics, int n)
{
	Datum		values[2] = {PointerGetDatum(text_array(topics, n, true)),
	PointerGetDatum(text_array(topics, n, false))};

	fox_plan_run(plan, values, NULL);
}

static void
lock_topics(FoxMap *map, FoxStoreTopic **topics, int n, bool values, bool patient, MemoryContext memory)
{
	FoxStoreTopic **missing = palloc(sizeof(FoxStoreTopic *) * n);
	int			n_missing = 0;

	locking = true;
	if (patient)
		run_on_topics(FOX_PLAN_LOCK_PATIENT, topics, n);
	else
		run_on_topics(values ? FOX_PLAN_LOCK_VALUES : FOX_PLAN_LOCK, topics, n);
	take_locked(map, values || patient, memory);

	for (int i = 0; i < n; i++)
		if (!topics[i]->exists)
			missing[n_missing++] = topics[i];
	if (n_missing > 0 && !patient)
	{
		/* What is there all the same is locked by somebody else. */
		run_on_topics(FOX_PLAN_EXISTS, missing, n_missing);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			FoxStoreTopic *t = fox_map_get(map, fox_store_key(fox_cstr(SPI_getvalue(row, desc, 1)),
													   fox_cstr(SPI_getvalue(row, desc, 2))));

			if (t != NULL)
				t->slow = true;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	locking = false;
}

/* --- a transaction --- */

/* Has an earlier write of the same order come out slow in this batch? */
static bool
is_behind(const FoxStoreItem *items, int i)
{
	if (items[i].write.order != 0)
		for (int j = 0; j < i; j++)
			if (items[j].write.order == items[i].write.order &&
				(items[j].outcome == FOX_OUTCOME_SLOW || items[j].outcome == FOX_OUTCOME_BEHIND))
				return true;
	return false;
}

static void
run_items(FoxStoreItem *items, int n, bool patient, MemoryContext memory)
{
	static FoxMap map = {0};
	MemoryContext saved = MemoryContextSwitchTo(memory);
	FoxStoreTopic *topics = palloc0(sizeof(FoxStoreTopic) * n);
	FoxStoreTopic **list = palloc(sizeof(FoxStoreTopic *) * n);
	FoxStoreTopic **of_item = palloc0(sizeof(FoxStoreTopic *) * n);
	int			n_topics = 0;
	bool		values = false;
	bool		any_back = false;

	/* An attempt that failed has left its map. */
	fox_map_free(&map);
	map = (FoxMap) {0};
	for (int i = 0; i < n; i++)
	{
		const FoxWrite *w = &items[i].write;
		FoxSlice	key;

		if (items[i].outcome != FOX_OUTCOME_DONE)
			continue;
		key = fox_store_key(w->realm, w->topic);
		of_item[i] = fox_map_get(&map, key);
		if (of_item[i] == NULL)
		{
			of_item[i] = list[n_topics] = &topics[n_topics];
			n_topics++;
			of_item[i]->realm = w->realm;
			of_item[i]->topic = w->topic;
			if (!fox_map_put(&map, key, of_item[i]))
				ereport(ERROR,
						(errcode(ERRCODE_OUT_OF_MEMORY),
						 errmsg("out of memory")));
		}
		if (w->merge || (!fox_absent(w->when) && fox_json_kind(w->when) != FOX_JSON_NULL))
			values = true;
	}
	MemoryContextSwitchTo(saved);
	if (n_topics == 0)
		return;

	lock_topics(&map, list, n_topics, values, patient, memory);
	for (int i = 0; i < n; i++)
	{
		if (of_item[i] == NULL)
			any_back = true;
		else if (any_back && is_behind(items, i))
			items[i].outcome = FOX_OUTCOME_BEHIND;
		else
		{
			fox_store_item(&items[i], of_item[i], memory);
			any_back |= items[i].outcome == FOX_OUTCOME_SLOW;
		}
	}
}

/* NULL: committed.  Otherwise rolled back, and what the error was. */
static ErrorData *
run_transaction(FoxStoreItem *items, int n, bool patient)
{
	MemoryContext memory = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	volatile uint64 rows_before = fox_store_rows_written;

	locking = false;
	PG_TRY();
	{
		fox_store_begin();
		run_items(items, n, patient, memory);
		fox_store_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		fox_store_rows_written = rows_before;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	return error;
}

static bool
is_lock_trouble(const ErrorData *e)
{
	return e->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || e->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* The value's own fault, so that trying again is no use. */
static bool
is_data_trouble(const ErrorData *e)
{
	int			class = ERRCODE_TO_CATEGORY(e->sqlerrcode);

	return class == ERRCODE_DATA_EXCEPTION || class == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		class == ERRCODE_PROGRAM_LIMIT_EXCEEDED || class == ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION ||
		e->sqlerrcode == ERRCODE_RAISE_EXCEPTION || e->sqlerrcode == ERRCODE_FOX_INVALID_ARGUMENT;
}

static void
run_single(FoxStoreItem *item, bool patient)
{
	int			conflicts = 0;
	int			waits = 0;

	for (;;)
	{
		ErrorData  *e;

		item->outcome = FOX_OUTCOME_DONE;
		e = run_transaction(item, 1, patient);
		if (e == NULL)
			return;
		if (is_lock_trouble(e) ||
			(e->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE && ++conflicts >= SINGLE_ATTEMPTS))
		{
			item->outcome = FOX_OUTCOME_SLOW;
			return;
		}
		if (e->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
			continue;
		if (e->sqlerrcode == ERRCODE_FOX_UNAVAILABLE && ++waits < RING_FULL_ATTEMPTS)
		{
			/* The router is draining the ring. */
			(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		ereport(DEBUG1,
				(errcode(e->sqlerrcode),
				 errmsg_internal("fox_wamp refuses a retained value: %s", e->message)));
		item->outcome = FOX_OUTCOME_REFUSED;
		item->why = is_data_trouble(e) ? FOX_REFUSED_INVALID : FOX_REFUSED_UNAVAILABLE;
		item->text = e->message;
		return;
	}
}

void
fox_store_batch(FoxStoreItem *items, int n, bool patient)
{
	ErrorData  *e = NULL;

	for (int i = 0; i < n; i++)
		items[i].outcome = patient ? FOX_OUTCOME_DONE : fox_bounced(&items[i].write);

	if (n > 1)
		e = run_transaction(items, n, patient);
	else if (items[0].outcome == FOX_OUTCOME_DONE)
		run_single(&items[0], patient);
	if (e != NULL)
	{
		/* The table as a whole is locked: each item alone would only wait again. */
		bool		table_locked = locking && is_lock_trouble(e);

		for (int i = 0; i < n; i++)
		{
			items[i].outcome = patient ? FOX_OUTCOME_DONE : fox_bounced(&items[i].write);
			if (table_locked && items[i].outcome == FOX_OUTCOME_DONE)
				items[i].outcome = FOX_OUTCOME_SLOW;
			else if (items[i].outcome == FOX_OUTCOME_DONE)
				run_single(&items[i], patient);
			if (!patient)
				fox_bounce(&items[i].write, items[i].outcome);
		}
		return;
	}
	if (!patient)
		for (int i = 0; i < n; i++)
			fox_bounce(&items[i].write, items[i].outcome);
}
