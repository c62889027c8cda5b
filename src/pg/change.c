/*
 * change.c - the triggers that put every change of a retained value into the ring.
 *
 * They are the only way by which the router learns of stored values, whoever wrote
 * them: executors, publish(), plain SQL, logical replication.  What a writer knows
 * beyond the row (token, origin, options, owner) it leaves in the change context
 * before its statement.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "pg/change.h"
#include "pg/column.h"
#include "pg/errcodes.h"
#include "pg/mqtt_row.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"

/* Columns of fox_wamp.retained, in the script's order; upgrades append. */
enum
{
	COL_REALM = 1,
	COL_TOPIC,
	COL_ARGS,
	COL_KWARGS,
	COL_PAYLOAD,
	COL_FORMAT,
	COL_PUBLICATION,
	COL_OWNED,
	COL_UPDATED,
	COL_EXPIRES,
	COL_AUDIENCE,
	N_RETAINED_COLUMNS = COL_AUDIENCE
};

PG_FUNCTION_INFO_V1(fox_wamp_retained_before);
PG_FUNCTION_INFO_V1(fox_wamp_retained_trigger);

static bool context_set = false;
static FoxChangeContext context;

static void
forget_context(XactEvent event, void *arg pg_attribute_unused())
{
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
		context_set = false;
}

void
fox_change_context(const FoxChangeContext *new_context)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(forget_context, NULL);
		registered = true;
	}
	context_set = new_context != NULL;
	if (context_set)
		context = *new_context;
}

static void
delete_lock(FoxSlice realm, FoxSlice topic)
{
	static void *plan = NULL;
	const char *values[2] = {realm.ptr, topic.ptr};
	FoxAsOwner	saved = fox_as_owner();

	SPI_connect();
	fox_spi(&plan, "DELETE FROM fox_wamp.lock WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2", 2, values);
	SPI_finish();
	fox_as_caller(saved);
}

/* --- fox_wamp.retained, before the row is stored --- */

/* Here and not as a CHECK, which each statement would read anew: that was a quarter of what a publish of one value costs. */
static void
check_audience(FoxSlice audience)
{
	static const char *const lists[] = {
		"exclude", "exclude_authid", "exclude_authrole", "eligible", "eligible_authid", "eligible_authrole"
	};
	bool		good = fox_json_kind(audience) == FOX_JSON_OBJECT;
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	while (good && fox_json_member(audience, &pos, &key, &value))
	{
		good = false;
		for (int i = 0; i < (int) lengthof(lists); i++)
			good = good || fox_json_key_is(key, lists[i]);
		good = good && fox_json_kind(value) == FOX_JSON_ARRAY;
		if (fox_json_key_is(key, "fox_wamp.row"))
			good = fox_json_kind(value) == FOX_JSON_OBJECT;
	}
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid audience"),
				 errdetail("It is an object of the lists exclude, eligible, and those with _authid and _authrole.")));
}

Datum
fox_wamp_retained_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, N_RETAINED_COLUMNS);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	HeapTuple	old = data->tg_trigtuple;
	HeapTuple	row = update ? data->tg_newtuple : data->tg_trigtuple;
	uint64		owner = context_set ? context.owner : 0;
	bool		moved = update && (!fox_same_column(old, row, desc, COL_REALM) || !fox_same_column(old, row, desc, COL_TOPIC));
	int			columns[5];
	Datum		values[5];
	bool		nulls[5] = {false};
	int			n = 0;
	uint64		publication;
	FoxSlice	audience;
	FoxSlice	topic;

	/* The will of the owner goes with the value that it was for. */
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event) && fox_bool_column(old, desc, COL_OWNED) &&
		(owner == 0 || moved || TRIGGER_FIRED_BY_DELETE(data->tg_event)))
		delete_lock(fox_text_column(old, desc, COL_REALM), fox_text_column(old, desc, COL_TOPIC));
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		return PointerGetDatum(old);

	if (!update || moved)
	{
		topic = fox_text_column(row, desc, COL_TOPIC);
		if (!fox_absent(topic))
			fox_topic_check(topic.ptr);
	}
	if (!update || !fox_same_column(old, row, desc, COL_AUDIENCE))
	{
		audience = fox_json_column(row, desc, COL_AUDIENCE);
		if (!fox_absent(audience))
			check_audience(audience);
	}

	publication = fox_id_column(row, desc, COL_PUBLICATION);
	if (context_set && context.publication != 0)
		publication = context.publication;
	else if (publication == 0 || (update && publication == fox_id_column(old, desc, COL_PUBLICATION)))
		publication = fox_draw_id();
	columns[n] = COL_PUBLICATION;
	values[n++] = Int64GetDatum((int64) publication);
	columns[n] = COL_OWNED;
	values[n++] = BoolGetDatum(owner != 0);
	columns[n] = COL_UPDATED;
	values[n++] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

	if (update && fox_same_column(old, row, desc, COL_PAYLOAD) &&
		(!fox_same_column(old, row, desc, COL_ARGS) || !fox_same_column(old, row, desc, COL_KWARGS)))
	{
		columns[n] = COL_PAYLOAD;
		nulls[n] = true;
		values[n++] = (Datum) 0;
		columns[n] = COL_FORMAT;
		nulls[n] = true;
		values[n++] = (Datum) 0;
	}
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, n, columns, values, nulls));
}

/* --- fox_wamp.retained, after --- */

/* The exact message when the row keeps it, else what the jsonb columns say. */
static void
row_value(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	bool		isnull;
	Datum		payload = heap_getattr(row, COL_PAYLOAD, desc, &isnull);

	if (!isnull)
	{
		FoxSlice	format = fox_text_column(row, desc, COL_FORMAT);
		struct varlena *bytes = PG_DETOAST_DATUM(payload);
		FoxSlice	pair = fox_slice(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
		FoxKind		kind;
		size_t		pos = 0;
		FoxSlice	args;
		FoxSlice	kwargs;

		if (fox_mqtt_row_value(pair, format.ptr, &change->args, &change->kwargs))
		{
			change->original = pair;
			return;
		}
		if (fox_slice_is(format, "json") && fox_json_scan(pair.ptr, pair.ptr + pair.len, &pair, &kind) != NULL &&
			kind == FOX_JSON_ARRAY && fox_json_element(pair, &pos, &args))
		{
			if (!fox_json_element(pair, &pos, &kwargs))
				kwargs = FOX_ABSENT;
			change->args = fox_json_kind(args) == FOX_JSON_ARRAY ? args : FOX_ABSENT;
			change->kwargs = fox_json_kind(kwargs) == FOX_JSON_OBJECT ? kwargs : FOX_ABSENT;
			return;
		}
	}
	change->args = fox_args_list(fox_json_column(row, desc, COL_ARGS));
	change->kwargs = fox_json_column(row, desc, COL_KWARGS);
	if (!fox_absent(change->kwargs) && fox_json_kind(change->kwargs) != FOX_JSON_OBJECT)
		change->kwargs = FOX_ABSENT;
}

static void
add_row(HeapTuple row, TupleDesc desc, FoxChangeKind kind)
{
	FoxChange	change = {.kind = kind};

	change.realm = fox_text_column(row, desc, COL_REALM);
	change.topic = fox_text_column(row, desc, COL_TOPIC);
	if (kind == FOX_CHANGE_PUT)
	{
		row_value(row, desc, &change);
		change.publication = fox_id_column(row, desc, COL_PUBLICATION);
	}
	if (context_set)
	{
		change.token = context.token;
		change.session = context.session;
		change.pid = context.pid;
		change.options = context.options;
		change.owner = kind == FOX_CHANGE_PUT ? context.owner : 0;
		if (context.publication != 0)
			change.publication = context.publication;
	}
	/* Whom the value is for, where the publish does not say it. */
	if (fox_absent(change.options) && (kind == FOX_CHANGE_PUT || !context_set || context.own_audience))
		change.options = fox_json_column(row, desc, COL_AUDIENCE);
	if (change.publication == 0)
		change.publication = fox_draw_id();
	fox_ring_add(&change);
}

static void
truncated(void)
{
	static void *plan = NULL;
	FoxChange	change = {.kind = FOX_CHANGE_TRUNCATE};
	FoxAsOwner	saved = fox_as_owner();

	SPI_connect();
	fox_spi(&plan, "DELETE FROM fox_wamp.lock", 0, NULL);
	SPI_finish();
	fox_as_caller(saved);
	change.publication = fox_draw_id();
	fox_ring_add(&change);
}

Datum
fox_wamp_retained_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, N_RETAINED_COLUMNS);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);

	if (context_set && context.quiet)
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		truncated();
	else if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		add_row(data->tg_trigtuple, desc, FOX_CHANGE_PUT);
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		add_row(data->tg_trigtuple, desc, FOX_CHANGE_DELETE);
	else
	{
		if (!fox_same_column(data->tg_trigtuple, data->tg_newtuple, desc, COL_REALM) ||
			!fox_same_column(data->tg_trigtuple, data->tg_newtuple, desc, COL_TOPIC))
			add_row(data->tg_trigtuple, desc, FOX_CHANGE_DELETE);
		add_row(data->tg_newtuple, desc, FOX_CHANGE_PUT);
	}
	return PointerGetDatum(NULL);
}
