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
 * (publish_row.h), and which columns are published.  With columns an UPDATE that changes
 * none of them is no event.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/errcodes.h"
#include "pg/publish_row.h"
#include "pg/ring.h"
#include "pg/row_mirror.h"
#include "pg/sqlarg.h"

#define COLUMNS_AT 3			/* arguments before them */

PG_FUNCTION_INFO_V1(fox_wamp_publish_row);

/* --- the row --- */

void
fox_row_way_columns(FoxRowWay *way, char **names, int count, TupleDesc desc)
{
	way->count = count;
	way->columns = palloc(sizeof(AttrNumber) * Max(count, 1));
	way->shape = CreateTemplateTupleDesc(count);
	for (int i = 0; i < count; i++)
	{
		int			number = SPI_fnumber(desc, names[i]);

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
					 errmsg("the table has no column \"%s\"", names[i]),
					 errhint("If it was renamed, call fox_wamp.watch() again.")));
		way->columns[i] = (AttrNumber) number;
		TupleDescCopyEntry(way->shape, i + 1, desc, number);
	}
	way->shape = BlessTupleDesc(way->shape);
}

static void
append_row(StringInfo out, const FoxRowWay *way, HeapTuple row, TupleDesc desc)
{
	Datum		json;
	text	   *t;

	if (way->count > 0)
	{
		Datum	   *values = palloc(sizeof(Datum) * way->count);
		bool	   *nulls = palloc(sizeof(bool) * way->count);

		for (int i = 0; i < way->count; i++)
			values[i] = heap_getattr(row, way->columns[i], desc, &nulls[i]);
		row = heap_form_tuple(way->shape, values, nulls);
		desc = way->shape;
	}
	json = DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(row, desc));
	t = DatumGetTextPP(json);
	appendBinaryStringInfo(out, VARDATA_ANY(t), (int) VARSIZE_ANY_EXHDR(t));
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

bool
fox_row_mode_is(const char *mode, const char *which)
{
	size_t		n = strlen(which);

	return strncmp(mode, which, n) == 0 && (mode[n] == '\0' || strcmp(mode + n, FOX_ROW_SECURITY) == 0);
}

bool
fox_row_mode_secured(const char *mode)
{
	return strstr(mode, FOX_ROW_SECURITY) != NULL;
}

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

/* A partition's rows are judged as rows of the whole. */
static void
secure(FoxRowWay *way, Relation relation, Oid table)
{
	Relation	whole = table != RelationGetRelid(relation) ? relation_open(table, AccessShareLock) : NULL;

	way->secured = true;
	way->secured_by = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
	if (whole == NULL)
		return;
	way->secured_desc = CreateTupleDescCopy(RelationGetDescr(whole));
	way->to_secured = convert_tuples_by_name(RelationGetDescr(relation), way->secured_desc);
	relation_close(whole, NoLock);
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

static const char *
mode_of(const Trigger *t)
{
	return t->tgnargs > 2 ? t->tgargs[2] : FOX_ROW_EVENT;
}

static void
check_use(FunctionCallInfo fcinfo)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	const char *mode;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"publish_row\" was not called by the trigger manager")));
	if (!TRIGGER_FIRED_AFTER(t->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(t->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(t->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be AFTER and FOR EACH ROW, or AFTER TRUNCATE", t->tg_trigger->tgname)));
	mode = mode_of(t->tg_trigger);
	if (!fox_row_mode_is(mode, FOX_ROW_EVENT) && !fox_row_mode_is(mode, FOX_ROW_RETAIN) && !fox_row_mode_is(mode, FOX_ROW_FORGET))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the third argument of publish_row() must be event, retain or forget, each with or without row_security")));
}

/* The table that the trigger was made for: a partition has only a copy of it. */
static Oid
table_of(const TriggerData *t)
{
	Oid			table = RelationGetRelid(t->tg_relation);

	return t->tg_trigger->tgisclone ? llast_oid(get_partition_ancestors(table)) : table;
}

/* TRUNCATE has no row; of watch()'s triggers it goes to the part of the topic that all rows have in common. */
static char *
template_of(const TriggerData *t)
{
	char	   *template;
	char	   *fixed;

	if (t->tg_trigger->tgnargs == 0)
		return fox_row_topic_default(t->tg_relation, false);
	template = t->tg_trigger->tgargs[0];
	if (!TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) || t->tg_trigger->tgnargs < COLUMNS_AT)
		return template;
	fixed = fox_row_topic_fixed(template);
	return fixed != NULL ? fixed : fox_row_topic_default(t->tg_relation, false);
}

/* Made once a statement. */
static FoxRowWay *
way_of(FunctionCallInfo fcinfo)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	TupleDesc	desc = TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) ? NULL : RelationGetDescr(t->tg_relation);
	FoxRowWay  *way = fcinfo->flinfo->fn_extra;
	MemoryContext saved;

	if (way != NULL)
		return way;
	saved = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	way = palloc0(sizeof(*way));
	way->realm = t->tg_trigger->tgnargs > 1 ? pstrdup(t->tg_trigger->tgargs[1]) : fox_default_realm();
	way->topic = fox_row_topic_read(template_of(t), desc);
	if (t->tg_trigger->tgnargs > COLUMNS_AT && desc != NULL)
		fox_row_way_columns(way, t->tg_trigger->tgargs + COLUMNS_AT, t->tg_trigger->tgnargs - COLUMNS_AT, desc);
	way->table = get_rel_name(table_of(t));
	if (fox_row_mode_secured(mode_of(t->tg_trigger)))
		secure(way, t->tg_relation, table_of(t));
	MemoryContextSwitchTo(saved);
	fcinfo->flinfo->fn_extra = way;
	return way;
}

/* --- what becomes of it --- */

static char *
kwargs_of(const FoxRowWay *way, const char *what, HeapTuple old, TupleDesc desc)
{
	StringInfoData kwargs;

	initStringInfo(&kwargs);
	appendStringInfo(&kwargs, "{\"operation\":\"%s\",\"table\":", what);
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
	if (!fox_row_topic_taken(way->topic, table_of(t), former, RelationGetDescr(t->tg_relation)))
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
	else if (TRIGGER_FIRED_BY_DELETE(t->tg_event) || fox_row_mode_is(mode_of(t->tg_trigger), FOX_ROW_FORGET))
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
	way = way_of(fcinfo);
	fox_realm_check(way->realm);
	update = TRIGGER_FIRED_BY_UPDATE(t->tg_event);
	row = TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) ? NULL : update ? t->tg_newtuple : t->tg_trigtuple;
	old = update ? t->tg_trigtuple : NULL;
	if (fox_row_mode_is(mode_of(t->tg_trigger), FOX_ROW_EVENT))
		(way->secured ? publish_secured : publish) (way, t, row, old);
	else if (row == NULL)
		fox_mirror_clear(way->realm, fox_row_topic_regex(t->tg_trigger->tgargs[0]));
	else
		mirror(way, t, row, old);
	return PointerGetDatum(NULL);
}
