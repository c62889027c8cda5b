/*
 * change.c - the triggers that put every change of a table into the ring.
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
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "codec/json.h"
#include "core/uri.h"
#include "pg/change.h"
#include "pg/errcodes.h"
#include "pg/history_sql.h"
#include "pg/listen.h"
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
PG_FUNCTION_INFO_V1(fox_wamp_realm_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_bridge_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_history_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_trust_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_exposed_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_auth_method_trigger);
PG_FUNCTION_INFO_V1(fox_wamp_permission_trigger);

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

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, int columns)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	if (RelationGetDescr(data->tg_relation)->natts < columns)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("table \"%s\" is not one that this trigger knows", RelationGetRelationName(data->tg_relation))));
	return data;
}

static FoxSlice
text_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? FOX_ABSENT : fox_cstr(TextDatumGetCString(value));
}

static FoxSlice
json_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);
	Jsonb	   *jsonb;

	if (isnull)
		return FOX_ABSENT;
	jsonb = DatumGetJsonbP(value);
	return fox_cstr(JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
}

static bool
bool_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return !isnull && DatumGetBool(value);
}

static uint64
id_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? 0 : (uint64) DatumGetInt64(value);
}

/* Two varlena columns of old and new row, byte by byte. */
static bool
same_column(HeapTuple a, HeapTuple b, TupleDesc desc, int column)
{
	bool		anull;
	bool		bnull;
	Datum		av = heap_getattr(a, column, desc, &anull);
	Datum		bv = heap_getattr(b, column, desc, &bnull);
	struct varlena *at;
	struct varlena *bt;

	if (anull || bnull)
		return anull == bnull;
	if (av == bv)
		return true;
	at = PG_DETOAST_DATUM_PACKED(av);
	bt = PG_DETOAST_DATUM_PACKED(bv);
	return VARSIZE_ANY_EXHDR(at) == VARSIZE_ANY_EXHDR(bt) &&
		memcmp(VARDATA_ANY(at), VARDATA_ANY(bt), VARSIZE_ANY_EXHDR(at)) == 0;
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
	TriggerData *data = trigger_data(fcinfo, N_RETAINED_COLUMNS);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	HeapTuple	old = data->tg_trigtuple;
	HeapTuple	row = update ? data->tg_newtuple : data->tg_trigtuple;
	uint64		owner = context_set ? context.owner : 0;
	bool		moved = update && (!same_column(old, row, desc, COL_REALM) || !same_column(old, row, desc, COL_TOPIC));
	int			columns[5];
	Datum		values[5];
	bool		nulls[5] = {false};
	int			n = 0;
	uint64		publication;
	FoxSlice	audience;
	FoxSlice	topic;

	/* The will of the owner goes with the value that it was for. */
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event) && bool_column(old, desc, COL_OWNED) &&
		(owner == 0 || moved || TRIGGER_FIRED_BY_DELETE(data->tg_event)))
		delete_lock(text_column(old, desc, COL_REALM), text_column(old, desc, COL_TOPIC));
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		return PointerGetDatum(old);

	if (!update || moved)
	{
		topic = text_column(row, desc, COL_TOPIC);
		if (!fox_absent(topic))
			fox_topic_check(topic.ptr);
	}
	if (!update || !same_column(old, row, desc, COL_AUDIENCE))
	{
		audience = json_column(row, desc, COL_AUDIENCE);
		if (!fox_absent(audience))
			check_audience(audience);
	}

	publication = id_column(row, desc, COL_PUBLICATION);
	if (context_set && context.publication != 0)
		publication = context.publication;
	else if (publication == 0 || (update && publication == id_column(old, desc, COL_PUBLICATION)))
		publication = fox_draw_id();
	columns[n] = COL_PUBLICATION;
	values[n++] = Int64GetDatum((int64) publication);
	columns[n] = COL_OWNED;
	values[n++] = BoolGetDatum(owner != 0);
	columns[n] = COL_UPDATED;
	values[n++] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

	if (update && same_column(old, row, desc, COL_PAYLOAD) &&
		(!same_column(old, row, desc, COL_ARGS) || !same_column(old, row, desc, COL_KWARGS)))
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
		FoxSlice	format = text_column(row, desc, COL_FORMAT);
		struct varlena *bytes = PG_DETOAST_DATUM(payload);
		FoxSlice	pair = fox_slice(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
		FoxKind		kind;
		size_t		pos = 0;
		FoxSlice	args;
		FoxSlice	kwargs;

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
	change->args = fox_args_list(json_column(row, desc, COL_ARGS));
	change->kwargs = json_column(row, desc, COL_KWARGS);
	if (!fox_absent(change->kwargs) && fox_json_kind(change->kwargs) != FOX_JSON_OBJECT)
		change->kwargs = FOX_ABSENT;
}

static void
add_row(HeapTuple row, TupleDesc desc, FoxChangeKind kind)
{
	FoxChange	change = {.kind = kind};

	change.realm = text_column(row, desc, COL_REALM);
	change.topic = text_column(row, desc, COL_TOPIC);
	if (kind == FOX_CHANGE_PUT)
	{
		row_value(row, desc, &change);
		change.publication = id_column(row, desc, COL_PUBLICATION);
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
	if (fox_absent(change.options) && (kind == FOX_CHANGE_PUT || !context_set))
		change.options = json_column(row, desc, COL_AUDIENCE);
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
	TriggerData *data = trigger_data(fcinfo, N_RETAINED_COLUMNS);
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
		if (!same_column(data->tg_trigtuple, data->tg_newtuple, desc, COL_REALM) ||
			!same_column(data->tg_trigtuple, data->tg_newtuple, desc, COL_TOPIC))
			add_row(data->tg_trigtuple, desc, FOX_CHANGE_DELETE);
		add_row(data->tg_newtuple, desc, FOX_CHANGE_PUT);
	}
	return PointerGetDatum(NULL);
}

/* --- tables of what the router keeps to: each row is handed over whole --- */

/*
 * The first keys columns say which row it is: one that gets others is deleted and added.
 * check (or NULL) raises an error for a row that the router could not take.
 */
static void
hand_over(FunctionCallInfo fcinfo, int columns, int keys, void (*check) (HeapTuple row, TupleDesc desc),
		  void (*add) (HeapTuple row, TupleDesc desc, bool deleted))
{
	TriggerData *data = trigger_data(fcinfo, columns);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	bool		gone = TRIGGER_FIRED_BY_DELETE(data->tg_event);

	for (int i = 1; i <= keys && TRIGGER_FIRED_BY_UPDATE(data->tg_event); i++)
		gone = gone || !same_column(data->tg_trigtuple, data->tg_newtuple, desc, i);
	if (gone)
		add(data->tg_trigtuple, desc, true);
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		return;
	if (check != NULL)
		check(row, desc);
	add(row, desc, false);
}

/* Of tables whose columns 2 and 3 are a pattern and its match. */
static void
check_any_pattern(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = text_column(row, desc, 2);
	FoxSlice	match = text_column(row, desc, 3);
	FoxMatchKind kind;

	if (!fox_match_named(match, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("match must be exact, prefix, wildcard or pattern")));
	if (!fox_uri_pattern_valid(pattern, kind, false))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid pattern \"%.100s\"", pattern.ptr),
				 errdetail("No subscription with match \"%s\" could have it.", match.ptr)));
}

/* The same, where the router's own URIs make no sense. */
static void
check_pattern(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = text_column(row, desc, 2);

	check_any_pattern(row, desc);
	if (fox_uri_reserved(pattern))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid pattern \"%.100s\"", pattern.ptr),
				 errdetail("It is the router's own.")));
}

/* --- fox_wamp.realm (name, strict, disclosure) --- */

static void
add_realm(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_REALM, .deleted = deleted};

	change.realm = text_column(row, desc, 1);
	change.args = fox_cstr(psprintf("[{\"strict\":%s,\"disclosure\":\"%s\"}]", bool_column(row, desc, 2) ? "true" : "false",
									text_column(row, desc, 3).ptr));
	fox_ring_add(&change);
}

Datum
fox_wamp_realm_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 3, 1, NULL, add_realm);
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);	/* see fox_realm_check() */
	return PointerGetDatum(NULL);
}

/* --- fox_wamp.bridge (direction, realm, channel, pattern) --- */

static void
check_bridge(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = text_column(row, desc, 4);
	FoxSlice	channel = text_column(row, desc, 3);
	const char *problem;

	if (channel.len == 0 || channel.len >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid channel name \"%.100s\"", channel.ptr),
				 errdetail("A channel name has 1 to %d bytes.", NAMEDATALEN - 1)));
	if (fox_slice_is(text_column(row, desc, 1), "in"))
	{
		fox_topic_check(pattern.ptr);
		return;
	}
	problem = fox_pattern_problem(pattern.ptr, pattern.len);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid pattern \"%.100s\"", pattern.ptr),
				 errdetail_internal("%s", problem)));
}

static void
add_bridge(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_BRIDGE_OUT, .deleted = deleted};
	StringInfoData args;

	/* The router is a listener: what it listens on comes to it as a notification. */
	if (fox_slice_is(text_column(row, desc, 1), "in"))
	{
		Async_Notify(FOX_LISTEN_CHANGED, "");
		return;
	}
	change.realm = text_column(row, desc, 2);
	change.topic = text_column(row, desc, 4);
	initStringInfo(&args);
	appendStringInfoChar(&args, '[');
	escape_json(&args, text_column(row, desc, 3).ptr);
	appendStringInfoChar(&args, ']');
	change.args = fox_slice(args.data, args.len);
	fox_ring_add(&change);
}

Datum
fox_wamp_bridge_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 4, 4, check_bridge, add_bridge);
	return PointerGetDatum(NULL);
}

/* --- fox_wamp.history (realm, pattern, match, keep_count, keep_age) --- */

static void
add_history(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_HISTORY, .deleted = deleted};
	bool		isnull;
	int32		count = DatumGetInt32(heap_getattr(row, 4, desc, &isnull));
	Datum		age = heap_getattr(row, 5, desc, &isnull);

	change.realm = text_column(row, desc, 1);
	change.topic = text_column(row, desc, 2);
	change.args = fox_cstr(fox_history_row(text_column(row, desc, 3).ptr, count, isnull ? NULL : DatumGetIntervalP(age)));
	fox_ring_add(&change);
}

Datum
fox_wamp_history_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 5, 3, check_pattern, add_history);
	return PointerGetDatum(NULL);
}

/* --- fox_wamp.trust_level (realm, pattern, match, authrole, level) --- */

static void
add_trust_level(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_TRUST, .deleted = deleted};
	StringInfoData args;
	bool		isnull;

	initStringInfo(&args);
	appendStringInfo(&args, "[{\"match\":\"%s\",\"level\":%d,\"authrole\":", text_column(row, desc, 3).ptr,
					 DatumGetInt32(heap_getattr(row, 5, desc, &isnull)));
	escape_json(&args, text_column(row, desc, 4).ptr);
	appendStringInfoString(&args, "}]");
	change.realm = text_column(row, desc, 1);
	change.topic = text_column(row, desc, 2);
	change.args = fox_slice(args.data, args.len);
	fox_ring_add(&change);
}

Datum
fox_wamp_trust_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 5, 4, check_pattern, add_trust_level);
	return PointerGetDatum(NULL);
}

/* --- fox_wamp.exposed_function (realm, root, name, function, concurrency, timeout) --- */

static void
add_exposed(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_EXPOSED, .deleted = deleted};
	StringInfoData args;
	bool		isnull;
	Datum		value;

	initStringInfo(&args);
	appendStringInfoString(&args, "[{\"function\":");
	escape_json(&args, text_column(row, desc, 4).ptr);
	value = heap_getattr(row, 5, desc, &isnull);
	if (!isnull)
		appendStringInfo(&args, ",\"concurrency\":%d", DatumGetInt32(value));
	value = heap_getattr(row, 6, desc, &isnull);
	if (!isnull)
		appendStringInfo(&args, ",\"timeout\":" INT64_FORMAT, fox_interval_ms(DatumGetIntervalP(value)));
	appendStringInfoString(&args, "}]");
	change.realm = text_column(row, desc, 1);
	change.topic = fox_cstr(psprintf("%s.%s", text_column(row, desc, 2).ptr, text_column(row, desc, 3).ptr));
	change.args = fox_slice(args.data, args.len);
	fox_ring_add(&change);
}

Datum
fox_wamp_exposed_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 6, 3, NULL, add_exposed);
	return PointerGetDatum(NULL);
}

/* --- fox_wamp.auth_method (realm, method, authenticator) --- */

static void
check_auth_method(HeapTuple row, TupleDesc desc)
{
	FoxSlice	authenticator = text_column(row, desc, 3);

	if (!fox_absent(authenticator) && (!fox_uri_valid(authenticator, false) || fox_uri_reserved(authenticator)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid procedure \"%.100s\"", authenticator.ptr)));
}

static void
add_auth_method(HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = FOX_CHANGE_AUTH, .deleted = deleted};
	FoxSlice	authenticator = text_column(row, desc, 3);
	StringInfoData args;

	change.realm = text_column(row, desc, 1);
	change.topic = text_column(row, desc, 2);
	initStringInfo(&args);
	appendStringInfoString(&args, "[{\"authenticator\":");
	if (fox_absent(authenticator))
		appendStringInfoString(&args, "null");
	else
		escape_json(&args, authenticator.ptr);
	appendStringInfoString(&args, "}]");
	change.args = fox_slice(args.data, args.len);
	fox_ring_add(&change);
}

Datum
fox_wamp_auth_method_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 3, 2, check_auth_method, add_auth_method);
	return PointerGetDatum(NULL);
}

/*
 * --- fox_wamp.permission (realm, pattern, match, role, allow_publish, allow_subscribe, allow_call, allow_register,
 * disclose, authorizer) ---
 */

static void
add_permission(HeapTuple row, TupleDesc desc, bool deleted)
{
	static const char *const names[] = {"publish", "subscribe", "call", "register", "disclose"};
	FoxChange	change = {.kind = FOX_CHANGE_PERMISSION, .deleted = deleted};
	FoxSlice	authorizer = text_column(row, desc, 10);
	StringInfoData args;

	initStringInfo(&args);
	appendStringInfo(&args, "[{\"match\":\"%s\",\"role\":", text_column(row, desc, 3).ptr);
	escape_json(&args, text_column(row, desc, 4).ptr);
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		bool		isnull;
		Datum		says = heap_getattr(row, 5 + i, desc, &isnull);

		if (!isnull)
			appendStringInfo(&args, ",\"%s\":%s", names[i], DatumGetBool(says) ? "true" : "false");
	}
	if (!fox_absent(authorizer))
	{
		appendStringInfoString(&args, ",\"authorizer\":");
		escape_json(&args, authorizer.ptr);
	}
	appendStringInfoString(&args, "}]");
	change.realm = text_column(row, desc, 1);
	change.topic = text_column(row, desc, 2);
	change.args = fox_slice(args.data, args.len);
	fox_ring_add(&change);
}

Datum
fox_wamp_permission_trigger(PG_FUNCTION_ARGS)
{
	hand_over(fcinfo, 10, 4, check_any_pattern, add_permission);
	return PointerGetDatum(NULL);
}
