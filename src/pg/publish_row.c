/*
 * publish_row.c - a trigger that publishes its row.
 *
 *     CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON shop.orders
 *         FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('shop.order.{id}');
 *
 * The event's argument is the row (of DELETE the old one) as JSON, its kwargs are the
 * operation, the table, and of an UPDATE the old row.  In C, because a trigger in
 * PL/pgSQL costs more than the publishing.
 *
 * A column in the topic's template is one component.  What its value may not have in
 * a topic is written as in a URL, %2E for a dot, so that two rows never share a topic
 * by accident; an empty value is "%", a NULL "%00".
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/errcodes.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_publish_row);

static void
append_component(StringInfo topic, const char *value)
{
	if (value == NULL)
		appendStringInfoString(topic, "%00");
	else if (*value == '\0')
		appendStringInfoChar(topic, '%');
	else
		for (const unsigned char *p = (const unsigned char *) value; *p; p++)
		{
			if (*p <= ' ' || *p == 0x7f || strchr(".#*%{}", *p) != NULL)
				appendStringInfo(topic, "%%%02X", *p);
			else
				appendStringInfoChar(topic, (char) *p);
		}
}

/* The template with the row's values for its {columns}. */
static char *
make_topic(const char *template, HeapTuple row, TupleDesc desc)
{
	StringInfoData topic;

	initStringInfo(&topic);
	while (*template != '\0')
	{
		const char *open = strchr(template, '{');
		const char *close = open != NULL ? strchr(open, '}') : NULL;
		char	   *column;
		int			number;

		if (close == NULL)
		{
			appendStringInfoString(&topic, template);
			break;
		}
		appendBinaryStringInfo(&topic, template, (int) (open - template));
		column = pnstrdup(open + 1, close - open - 1);
		number = SPI_fnumber(desc, column);
		if (number == SPI_ERROR_NOATTRIBUTE || row == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
					 errmsg("cannot make a topic of \"%s\"", template),
					 row == NULL ? errdetail("A TRUNCATE has no row.") :
					 errdetail("The table has no column \"%s\".", column)));
		append_component(&topic, SPI_getvalue(row, desc, number));
		template = close + 1;
	}
	fox_topic_check(topic.data);
	return topic.data;
}

static char *
default_template(Relation table)
{
	StringInfoData template;

	initStringInfo(&template);
	append_component(&template, get_namespace_name(RelationGetNamespace(table)));
	appendStringInfoChar(&template, '.');
	append_component(&template, RelationGetRelationName(table));
	return template.data;
}

static void
append_row(StringInfo out, HeapTuple row, TupleDesc desc)
{
	Datum		json = DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(row, desc));
	text	   *t = DatumGetTextPP(json);

	appendBinaryStringInfo(out, VARDATA_ANY(t), (int) VARSIZE_ANY_EXHDR(t));
}

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
	if (t->tg_trigger->tgnargs > 2)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("publish_row() takes a topic and a realm, and no more")));
}

Datum
fox_wamp_publish_row(PG_FUNCTION_ARGS)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	bool		update;
	HeapTuple	row;
	TupleDesc	desc;
	FoxChange	change = {.kind = FOX_CHANGE_EVENT, .pid = MyProcPid};
	StringInfoData args;
	StringInfoData kwargs;
	char	   *realm;

	check_use(fcinfo);
	fox_refuse_in_recovery();
	update = TRIGGER_FIRED_BY_UPDATE(t->tg_event);
	row = TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) ? NULL : update ? t->tg_newtuple : t->tg_trigtuple;
	desc = RelationGetDescr(t->tg_relation);
	realm = t->tg_trigger->tgnargs > 1 ? t->tg_trigger->tgargs[1] : fox_default_realm();
	fox_realm_check(realm);

	initStringInfo(&args);
	appendStringInfoChar(&args, '[');
	if (row != NULL)
		append_row(&args, row, desc);
	appendStringInfoChar(&args, ']');
	initStringInfo(&kwargs);
	appendStringInfo(&kwargs, "{\"operation\":\"%s\",\"table\":", operation(t->tg_event));
	escape_json(&kwargs, RelationGetRelationName(t->tg_relation));
	if (update)
	{
		appendStringInfoString(&kwargs, ",\"old\":");
		append_row(&kwargs, t->tg_trigtuple, desc);
	}
	appendStringInfoChar(&kwargs, '}');
	fox_message_check((Size) args.len + (Size) kwargs.len);

	change.publication = fox_draw_id();
	change.realm = fox_cstr(realm);
	change.topic = fox_cstr(make_topic(t->tg_trigger->tgnargs > 0 ? t->tg_trigger->tgargs[0] :
									   default_template(t->tg_relation), row, desc));
	change.args = fox_slice(args.data, (Size) args.len);
	change.kwargs = fox_slice(kwargs.data, (Size) kwargs.len);
	fox_ring_add(&change);
	return PointerGetDatum(NULL);
}
