/*
 * store_item.c - one write of the writer's batch.
 *
 * Runs inside the batch's transaction, on a topic that is locked or absent: judges
 * the write against the value as the batch has made it so far, then changes the row.
 * The table's trigger hands the change to the router; what it cannot see in the row
 * stands in the change context.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "codec/match.h"
#include "pg/change.h"
#include "pg/mqtt_row.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"
#include "pg/store_item.h"
#include "pg/store_plan.h"

#define MAX_TTL 3.0e9			/* seconds; a timestamp holds more */

uint64		fox_store_boot_id;
uint64		fox_store_rows_written = 0;

void
fox_store_value(const char *args, const char *kwargs, bytea *payload, const char *format,
				FoxSlice *args_out, FoxSlice *kwargs_out, FoxSlice *original_out)
{
	FoxSlice	message = payload == NULL ? FOX_ABSENT : fox_slice(VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));

	*original_out = FOX_ABSENT;
	if (payload != NULL && fox_mqtt_row_value(message, format, args_out, kwargs_out))
	{
		*original_out = message;
		return;
	}
	*args_out = fox_args_list(fox_cstr(args));
	*kwargs_out = fox_cstr(kwargs);
	if (payload != NULL && format != NULL && strcmp(format, "json") == 0)
	{
		FoxSlice	pair = message;
		FoxSlice	value;
		FoxKind		kind;
		size_t		pos = 0;

		if (fox_json_valid(pair, &kind) && kind == FOX_JSON_ARRAY && fox_json_element(pair, &pos, &value))
		{
			*args_out = fox_json_kind(value) == FOX_JSON_ARRAY ? value : FOX_ABSENT;
			*kwargs_out = fox_json_element(pair, &pos, &value) ? value : FOX_ABSENT;
		}
	}
	if (!fox_absent(*kwargs_out) && fox_json_kind(*kwargs_out) != FOX_JSON_OBJECT)
		*kwargs_out = FOX_ABSENT;
}

static Datum
text_datum(FoxSlice s)
{
	return PointerGetDatum(cstring_to_text_with_len(s.ptr, s.len));
}

/* JSON as a jsonb parameter; *changed is set when jsonb does not carry it exactly. */
static Datum
jsonb_datum(FoxSlice json, bool *isnull, bool *changed)
{
	*isnull = fox_absent(json);
	return *isnull ? (Datum) 0 : DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(json, changed)));
}

static Datum
payload_datum(FoxSlice args, FoxSlice kwargs)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoSpaces(&s, VARHDRSZ);
	appendStringInfoChar(&s, '[');
	appendBinaryStringInfo(&s, fox_absent(args) ? "null" : args.ptr, fox_absent(args) ? 4 : (int) args.len);
	appendStringInfoChar(&s, ',');
	appendBinaryStringInfo(&s, fox_absent(kwargs) ? "null" : kwargs.ptr, fox_absent(kwargs) ? 4 : (int) kwargs.len);
	appendStringInfoChar(&s, ']');
	SET_VARSIZE(s.data, s.len);
	return PointerGetDatum(s.data);
}

static void
refuse(FoxStoreItem *item, FoxRefusal why, const char *text)
{
	item->outcome = FOX_OUTCOME_REFUSED;
	item->why = why;
	item->text = text;
}

/* The owner by fox_wamp.lock; *publication is the row's. */
static bool
still_owner(const FoxWrite *w, uint64 *publication)
{
	Datum		values[2] = {text_datum(w->realm), text_datum(w->topic)};
	bool		isnull;
	bool		is = false;

	fox_plan_run(FOX_PLAN_OWNER, values, NULL);
	if (SPI_processed > 0)
	{
		is = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) == w->session;
		*publication = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return is;
}

/* False: refused, and the item says why. */
static bool
judge(FoxStoreItem *item, const FoxStoreTopic *t)
{
	const FoxWrite *w = &item->write;
	FoxMatch	match;

	if (fox_absent(w->when))
		return true;
	if (fox_json_kind(w->when) == FOX_JSON_NULL)
		match = t->exists ? FOX_MATCH_NO : FOX_MATCH_YES;
	else if (!t->exists)
		match = fox_condition_valid(w->when) ? FOX_MATCH_NO : FOX_MATCH_INVALID;
	else
		match = fox_match(w->when, fox_value_struct(t->args, t->kwargs));
	if (match == FOX_MATCH_INVALID)
		refuse(item, FOX_REFUSED_INVALID, "the condition is malformed");
	else if (match == FOX_MATCH_NO)
		refuse(item, FOX_REFUSED_CONDITION, NULL);
	return match == FOX_MATCH_YES;
}

/* Without an effect there is no ring entry, and so no answer. */
static void
check_effect(void)
{
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a trigger on fox_wamp.retained has suppressed the change")));
	fox_store_rows_written += SPI_processed;
}

/* False: the backend that is to own the value has ended. */
static bool
backend_started(int32_t pid, TimestampTz *start)
{
	Datum		value = Int32GetDatum(pid);
	bool		isnull = true;

	fox_plan_run(FOX_PLAN_BACKEND, &value, NULL);
	if (SPI_processed > 0)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			*start = DatumGetTimestampTz(value);
	}
	SPI_freetuptable(SPI_tuptable);
	return !isnull;
}

/* A session ends with this run of the router; a backend, which has a start, does not. */
static void
store_lock(const FoxWrite *w, TimestampTz backend_start)
{
	Datum		values[8];
	char		nulls[9] = "        ";
	bool		isnull;
	bool		changed = false;

	values[0] = text_datum(w->realm);
	values[1] = text_datum(w->topic);
	values[2] = Int64GetDatum((int64) w->session);
	values[3] = Int64GetDatum((int64) fox_store_boot_id);
	values[4] = Int32GetDatum(w->pid);
	values[5] = TimestampTzGetDatum(backend_start);
	if (w->pid != 0)
		nulls[3] = 'n';
	else
		nulls[4] = nulls[5] = 'n';
	values[6] = jsonb_datum(w->will, &isnull, &changed);
	values[7] = text_datum(w->will_on_end ? FOX_LIT("end") : FOX_LIT("lost"));
	fox_plan_run(FOX_PLAN_WILL, values, nulls);
}

static TimestampTz
expires_at(const FoxWrite *w)
{
	return GetCurrentTransactionStartTimestamp() + (int64) (Min(w->ttl, MAX_TTL) * USECS_PER_SEC);
}

/*
 * What may come again gets its row with the value, so that there are both or none.  False: it has come before, and the
 * item says what is left to do: nothing, or to wait for the ring if the executor that stored it was lost before it said so.
 */
static bool
receive(FoxStoreItem *item)
{
	const FoxWrite *w = &item->write;
	Datum		values[6];
	char		nulls[7] = "      ";
	bool		isnull;
	bool		same;
	bool		is_new;

	if (w->received.session == 0)
		return true;
	values[0] = Int64GetDatum((int64) w->received.session);
	values[1] = Int64GetDatum(w->received.packet);
	values[2] = Int64GetDatum((int64) w->publication);
	values[3] = text_datum(w->topic);
	values[4] = text_datum(w->original);	/* bytea is laid out like text */
	values[5] = TimestampTzGetDatum(expires_at(w));
	nulls[5] = w->ttl > 0 ? ' ' : 'n';
	fox_plan_run(FOX_PLAN_RECEIVED, values, nulls);
	is_new = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	same = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull)) == w->publication && !isnull;
	SPI_freetuptable(SPI_tuptable);
	if (!is_new && !same)
		refuse(item, FOX_REFUSED_REPEATED, NULL);
	return is_new;
}

static void
store_put(const FoxWrite *w, FoxStoreTopic *t, TimestampTz backend_start)
{
	Datum		values[8];
	char		nulls[9] = "        ";
	bool		isnull;
	bool		changed = false;

	values[0] = text_datum(w->realm);
	values[1] = text_datum(w->topic);
	values[2] = jsonb_datum(w->args, &isnull, &changed);
	nulls[2] = isnull ? 'n' : ' ';
	values[3] = jsonb_datum(w->kwargs, &isnull, &changed);
	nulls[3] = isnull ? 'n' : ' ';
	values[4] = values[7] = (Datum) 0;
	nulls[4] = nulls[7] = changed || !fox_absent(w->original) ? ' ' : 'n';
	if (!fox_absent(w->original))
	{
		values[4] = text_datum(w->original);	/* bytea is laid out like text */
		values[7] = text_datum(FOX_LIT("mqtt"));
	}
	else if (changed)
	{
		values[4] = payload_datum(w->args, w->kwargs);
		values[7] = text_datum(FOX_LIT("json"));
	}
	values[5] = TimestampTzGetDatum(expires_at(w));
	nulls[5] = w->ttl > 0 ? ' ' : 'n';
	values[6] = jsonb_datum(w->audience, &isnull, &changed);
	nulls[6] = isnull ? 'n' : ' ';

	fox_plan_run(t->exists ? FOX_PLAN_UPDATE : FOX_PLAN_INSERT, values, nulls);
	if (!t->exists && SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("another transaction has stored the topic in between")));
	check_effect();
	if (!fox_absent(w->will))
		store_lock(w, backend_start);
	t->exists = true;
	t->args = w->args;
	t->kwargs = w->kwargs;
}

static void
store_delete(const FoxWrite *w, FoxStoreTopic *t)
{
	Datum		values[2] = {text_datum(w->realm), text_datum(w->topic)};
	FoxChange	change = {.kind = FOX_CHANGE_EVENT};

	if (t->exists)
	{
		fox_plan_run(FOX_PLAN_DELETE, values, NULL);
		check_effect();
		t->exists = false;
		t->args = t->kwargs = FOX_ABSENT;
		return;
	}
	/* No row, no trigger: the event and the acknowledgement come from here. */
	change.token = w->token;
	change.publication = w->publication;
	change.session = w->session;
	change.realm = w->realm;
	change.topic = w->topic;
	change.args = w->args;
	change.kwargs = w->kwargs;
	fox_ring_add(&change);
}

/* The patch laid over what is stored; the result is the only argument. */
static void
merge_value(FoxWrite *w, const FoxStoreTopic *t, MemoryContext memory)
{
	FoxBuf		merged = {0};
	char	   *args = NULL;

	fox_json_merge(t->exists ? fox_value_struct(t->args, t->kwargs) : FOX_ABSENT,
				   fox_value_struct(w->args, w->kwargs), &merged);
	if (!merged.failed)
	{
		args = MemoryContextAlloc(memory, merged.len + 2);
		args[0] = '[';
		memcpy(args + 1, merged.data, merged.len);
		args[merged.len + 1] = ']';
		w->args = fox_slice(args, merged.len + 2);
		w->kwargs = FOX_ABSENT;
		w->original = FOX_ABSENT;
	}
	fox_buf_free(&merged);
	if (args == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

void
fox_store_item(FoxStoreItem *item, FoxStoreTopic *t, MemoryContext memory)
{
	FoxWrite	w = item->write;	/* merging must not change what a second attempt sees */
	FoxChangeContext context = {0};
	TimestampTz backend_start = 0;
	uint64		publication = 0;

	item->outcome = FOX_OUTCOME_DONE;
	item->text = NULL;
	if (t->slow)
	{
		item->outcome = FOX_OUTCOME_SLOW;
		return;
	}
	if (w.only_owner && !(t->exists && still_owner(&w, &publication)))
	{
		refuse(item, FOX_REFUSED_CONDITION, NULL);
		return;
	}
	if (!judge(item, t))
		return;
	if (w.pid != 0 && !fox_absent(w.will) && !backend_started(w.pid, &backend_start))
	{
		refuse(item, FOX_REFUSED_UNAVAILABLE, "the backend that was to own the value has ended");
		return;
	}
	if (!receive(item))
		return;

	context.token = w.token;
	context.publication = w.publication;
	context.session = w.session;
	switch (w.kind)
	{
		case FOX_WRITE_PUT:
			if (w.merge)
				merge_value(&w, t, memory);
			if (!fox_absent(w.will))
				context.owner = w.session;
			fox_change_context(&context);
			store_put(&w, t, backend_start);
			break;
		case FOX_WRITE_DELETE:
			fox_change_context(&context);
			store_delete(&w, t);
			break;
		case FOX_WRITE_DISOWN:
			if (t->exists)
			{
				Datum		values[2] = {text_datum(w.realm), text_datum(w.topic)};

				/* The value stays the same publication, and is no event. */
				context.quiet = true;
				context.publication = publication;
				fox_change_context(&context);
				fox_plan_run(FOX_PLAN_DISOWN, values, NULL);
			}
			refuse(item, FOX_REFUSED_DISOWNED, NULL);
			break;
	}
	fox_change_context(NULL);
}
