/*
 * publish_row.c - a trigger that publishes its row.
 *
 *     CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON shop.orders
 *         FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('shop.order.{id}');
 *
 * The event's argument is the row (of DELETE the old one) as JSON, its kwargs are the
 * operation, the table, and of an UPDATE the old row.  Who listens to the topic that a
 * row has left by an UPDATE hears of that too.  In C, because a trigger in PL/pgSQL costs
 * more than the publishing; for each row, because transition tables alone cost as much as
 * the calls, have no WHEN, and see nothing of a statement that names a partition.
 *
 * fox_wamp.watch() makes such triggers with more arguments: what becomes of the row
 * (row_way.h), and which columns are published.  With columns an UPDATE that changes
 * none of them is no event.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/rel.h"

#include "pg/errcodes.h"
#include "pg/publish_row.h"
#include "pg/ring.h"
#include "pg/row_mirror.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_publish_row);

/* --- the row --- */

static void
append_row(StringInfo out, const FoxRowWay *way, HeapTuple row, TupleDesc desc)
{
	if (way->count > 0)
	{
		Datum	   *values = palloc(sizeof(Datum) * way->count);
		bool	   *nulls = palloc(sizeof(bool) * way->count);

		for (int i = 0; i < way->count; i++)
			values[i] = heap_getattr(row, way->columns[i], desc, &nulls[i]);
		row = heap_form_tuple(way->shape, values, nulls);
		desc = way->shape;
	}
	fox_row_json_append(way->json, row, desc, out);
}

char *
fox_row_args(const FoxRowWay *way, HeapTuple row, TupleDesc desc)
{
	StringInfoData args;

	initStringInfo(&args);
	appendStringInfoChar(&args, '[');
	if (row != NULL)
		append_row(&args, way, row, desc);
	appendStringInfoChar(&args, ']');
	return args.data;
}

/* --- who may see it --- */

static void
append_image(StringInfo out, const char *name, const FoxRowWay *way, HeapTuple row, TupleDesc desc)
{
	if (way->to_secured != NULL)
		row = execute_attr_map_tuple(row, way->to_secured);
	if (way->secured_desc != NULL)
		desc = way->secured_desc;
	appendStringInfo(out, ",\"%s\":", name);
	escape_json(out, OidOutputFunctionCall(F_RECORD_OUT, heap_copy_tuple_as_datum(row, desc)));
}

char *
fox_row_sight(const FoxRowWay *way, HeapTuple row, HeapTuple former, TupleDesc desc, const char *former_args,
			  const char *former_kwargs)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"fox_wamp.row\":{\"table\":");
	escape_json(&out, way->secured_by);
	for (int i = 0; i < way->count; i++)
	{
		appendStringInfoString(&out, i == 0 ? ",\"columns\":[" : ",");
		escape_json(&out, NameStr(TupleDescAttr(way->shape, i)->attname));
	}
	if (way->count > 0)
		appendStringInfoChar(&out, ']');
	if (row != NULL)
		append_image(&out, "row", way, row, desc);
	if (former != NULL)
		append_image(&out, "former", way, former, desc);
	if (former_args != NULL)
		appendStringInfo(&out, ",\"former_args\":%s,\"former_kwargs\":%s", former_args, former_kwargs);
	appendStringInfoString(&out, "}}");
	return out.data;
}

/* Does an UPDATE leave all of the way's columns as they were? */
static bool
same_columns(const FoxRowWay *way, HeapTuple a, HeapTuple b, TupleDesc desc)
{
	for (int i = 0; i < way->count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(way->shape, i);
		bool		anull;
		bool		bnull;
		Datum		av = heap_getattr(a, way->columns[i], desc, &anull);
		Datum		bv = heap_getattr(b, way->columns[i], desc, &bnull);

		if (anull != bnull || (!anull && !datum_image_eq(av, bv, attribute->attbyval, attribute->attlen)))
			return false;
	}
	return way->count > 0;
}

/* --- the trigger --- */

static const char *
operation(TriggerEvent event)
{
	return TRIGGER_FIRED_BY_INSERT(event) ? "INSERT" : TRIGGER_FIRED_BY_UPDATE(event) ? "UPDATE" :
		TRIGGER_FIRED_BY_DELETE(event) ? "DELETE" : "TRUNCATE";
}

static void
check_use(FunctionCallInfo fcinfo)
{
	TriggerData *t = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"publish_row\" was not called by the trigger manager")));
	if (!TRIGGER_FIRED_AFTER(t->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(t->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(t->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be AFTER and FOR EACH ROW, or AFTER TRUNCATE", t->tg_trigger->tgname)));
}

/* --- what becomes of it --- */

static char *
kwargs_of(const FoxRowWay *way, const char *what, HeapTuple old, TupleDesc desc)
{
	StringInfoData kwargs;

	initStringInfo(&kwargs);
	appendStringInfoString(&kwargs, "{\"operation\":\"");
	appendStringInfoString(&kwargs, what);
	appendStringInfoString(&kwargs, "\",\"table\":");
	escape_json(&kwargs, way->table);
	if (old != NULL)
	{
		appendStringInfoString(&kwargs, ",\"old\":");
		append_row(&kwargs, way, old, desc);
	}
	appendStringInfoChar(&kwargs, '}');
	return kwargs.data;
}

static void
add_event(const FoxRowWay *way, const char *topic, const char *args, const char *kwargs, const char *options)
{
	FoxChange	change = {.kind = FOX_CHANGE_EVENT, .pid = MyProcPid};

	change.realm = fox_cstr(way->realm);
	change.topic = fox_cstr(topic);
	change.args = fox_cstr(args);
	change.kwargs = fox_cstr(kwargs);
	change.options = fox_cstr(options);
	change.publication = fox_draw_id();
	fox_message_check(change.args.len + change.kwargs.len + change.options.len);
	fox_ring_add(&change);
}

/* Who may see the new row hears nothing of the old one by that. */
static void
publish_secured(const FoxRowWay *way, const TriggerData *t, HeapTuple row, HeapTuple old)
{
	TupleDesc	desc = RelationGetDescr(t->tg_relation);
	char	   *topic = fox_row_topic_make(way->topic, row, desc);
	char	   *former = old != NULL ? fox_row_topic_make(way->topic, old, desc) : topic;
	char	   *gone_args = old != NULL ? fox_row_args(way, old, desc) : NULL;
	char	   *gone_kwargs = old != NULL ? kwargs_of(way, "DELETE", NULL, desc) : NULL;
	char	   *args = fox_row_args(way, row, desc);
	char	   *kwargs = kwargs_of(way, operation(t->tg_event), NULL, desc);

	if (strcmp(former, topic) != 0)
	{
		add_event(way, former, gone_args, gone_kwargs, fox_row_sight(way, old, NULL, desc, NULL, NULL));
		old = NULL;
		gone_args = NULL;
	}
	add_event(way, topic, args, kwargs, fox_row_sight(way, row, old, desc, gone_args, gone_kwargs));
}

static void
publish(const FoxRowWay *way, const TriggerData *t, HeapTuple row, HeapTuple old)
{
	TupleDesc	desc = RelationGetDescr(t->tg_relation);
	char	   *topic = fox_row_topic_make(way->topic, row, desc);
	char	   *former = old != NULL ? fox_row_topic_make(way->topic, old, desc) : topic;
	bool		moved = strcmp(former, topic) != 0;
	char	   *args;
	char	   *kwargs;

	if (old != NULL && !moved && same_columns(way, row, old, desc))
		return;
	args = fox_row_args(way, row, desc);
	kwargs = kwargs_of(way, operation(t->tg_event), old, desc);
	if (moved)
		add_event(way, former, args, kwargs, NULL);
	add_event(way, topic, args, kwargs, NULL);
}

/* The value of a topic that a row has left goes, unless another row of the same statement has come there. */
static void
leave(const FoxRowWay *way, const TriggerData *t, const char *topic, HeapTuple former)
{
	if (!fox_row_topic_taken(way->topic, fox_row_way_table(t), former, RelationGetDescr(t->tg_relation)))
		fox_mirror_delete(way->realm, topic);
}

static void
mirror(const FoxRowWay *way, const TriggerData *t, HeapTuple row, HeapTuple old)
{
	TupleDesc	desc = RelationGetDescr(t->tg_relation);
	char	   *topic = fox_row_topic_make(way->topic, row, desc);
	char	   *former = old != NULL ? fox_row_topic_make(way->topic, old, desc) : topic;
	bool		moved = strcmp(former, topic) != 0;
	char	   *args;
	char	   *audience;

	if (moved)
		leave(way, t, former, old);
	/* Where the key is looked at only in the end, the statement may have given it to another row before. */
	if (TRIGGER_FIRED_BY_DELETE(t->tg_event) && !OidIsValid(RelationGetPrimaryKeyIndex(t->tg_relation)))
		leave(way, t, topic, row);
	else if (TRIGGER_FIRED_BY_DELETE(t->tg_event) || way->mode == FOX_ROW_IS_FORGOTTEN)
		fox_mirror_delete(way->realm, topic);
	else if (old == NULL || moved || way->secured || !same_columns(way, row, old, desc))
	{
		args = fox_row_args(way, row, desc);
		audience = way->secured ? fox_row_sight(way, row, NULL, desc, NULL, NULL) : NULL;
		fox_message_check(strlen(args) + (audience != NULL ? strlen(audience) : 0));
		fox_mirror_put(way->realm, topic, args, audience);
	}
}

Datum
fox_wamp_publish_row(PG_FUNCTION_ARGS)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	bool		update;
	HeapTuple	row;
	HeapTuple	old;
	FoxRowWay  *way;

	check_use(fcinfo);
	fox_refuse_in_recovery();
	way = fox_row_way_of(fcinfo);
	fox_realm_check(way->realm);
	update = TRIGGER_FIRED_BY_UPDATE(t->tg_event);
	row = TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) ? NULL : update ? t->tg_newtuple : t->tg_trigtuple;
	old = update ? t->tg_trigtuple : NULL;
	if (way->mode == FOX_ROW_IS_EVENT)
		(way->secured ? publish_secured : publish) (way, t, row, old);
	else if (row == NULL)
		fox_mirror_clear(way->realm, fox_row_topic_regex(t->tg_trigger->tgargs[0]));
	else
		mirror(way, t, row, old);
	return PointerGetDatum(NULL);
}
