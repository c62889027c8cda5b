/*
 * row_way.c - the ways of triggers (see row_way.h).
 *
 * A way is made of the catalogs, and looking there for each statement costs an INSERT more than
 * the publishing.  So a backend keeps them, and lets go of one when the relation cache hears of
 * its table, or of the whole that its table is a part of; of all when a schema gets another name.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/errcodes.h"
#include "pg/row_way.h"
#include "pg/sqlarg.h"

#define MODE_AT 2				/* arguments before it */
#define COLUMNS_AT 3

typedef struct Kept
{
	Oid			trigger;		/* the key */
	Oid			relation;
	Oid			whole;			/* that the trigger was made for */
	bool		outdated;
	bool		by_setting;		/* its realm is the default one */
	MemoryContext context;		/* NULL: it could not be made */
	FoxRowWay  *way;
} Kept;

static HTAB *kept = NULL;

/* --- the trigger's arguments --- */

bool
fox_row_mode(const char *text, FoxRowMode *mode, bool *secured)
{
	static const char *const names[] = {FOX_ROW_EVENT, FOX_ROW_RETAIN, FOX_ROW_FORGET};

	for (int i = 0; i < lengthof(names); i++)
	{
		size_t		n = strlen(names[i]);

		if (strncmp(text, names[i], n) != 0)
			continue;
		*mode = (FoxRowMode) i;
		*secured = strcmp(text + n, FOX_ROW_SECURITY) == 0;
		return *secured || text[n] == '\0';
	}
	return false;
}

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

Oid
fox_row_way_table(const TriggerData *t)
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

static void
make_way(FoxRowWay *way, const TriggerData *t)
{
	const Trigger *trigger = t->tg_trigger;
	TupleDesc	desc = TRIGGER_FIRED_BY_TRUNCATE(t->tg_event) ? NULL : RelationGetDescr(t->tg_relation);

	if (trigger->tgnargs > MODE_AT && !fox_row_mode(trigger->tgargs[MODE_AT], &way->mode, &way->secured))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the third argument of publish_row() must be event, retain or forget, each with or without row_security")));
	way->realm = trigger->tgnargs > 1 ? pstrdup(trigger->tgargs[1]) : fox_default_realm();
	way->topic = fox_row_topic_read(template_of(t), desc);
	if (trigger->tgnargs > COLUMNS_AT && desc != NULL)
		fox_row_way_columns(way, trigger->tgargs + COLUMNS_AT, trigger->tgnargs - COLUMNS_AT, desc);
	if (desc != NULL)
		way->json = fox_row_json_plan(way->count > 0 ? way->shape : desc);
	way->table = get_rel_name(fox_row_way_table(t));
	if (way->secured)
		secure(way, t->tg_relation, fox_row_way_table(t));
}

/* --- those that are kept --- */

static void
outdate_relation(Datum arg pg_attribute_unused(), Oid relation)
{
	HASH_SEQ_STATUS all;
	Kept	   *k;

	hash_seq_init(&all, kept);
	while ((k = hash_seq_search(&all)) != NULL)
		k->outdated |= !OidIsValid(relation) || k->relation == relation || k->whole == relation;
}

static void
outdate_all(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(), uint32 hash pg_attribute_unused())
{
	outdate_relation((Datum) 0, InvalidOid);
}

static void
begin_keeping(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Kept), .hcxt = TopMemoryContext};

	kept = hash_create("fox_wamp ways of rows", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(outdate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, outdate_all, (Datum) 0);
}

/* A statement further out may still be going that way. */
static void
leave_to_transaction(Kept *k)
{
	if (k->context != NULL)
		MemoryContextSetParent(k->context, TopTransactionContext);
	k->context = NULL;
	k->way = NULL;
}

/* The triggers of tables that are no more would otherwise stay. */
static void
sweep(void)
{
	HASH_SEQ_STATUS all;
	Kept	   *k;

	hash_seq_init(&all, kept);
	while ((k = hash_seq_search(&all)) != NULL)
		if (k->outdated)
		{
			leave_to_transaction(k);
			(void) hash_search(kept, &k->trigger, HASH_REMOVE, NULL);
		}
}

static bool
is_valid(const Kept *k)
{
	return !k->outdated && k->way != NULL && (!k->by_setting || fox_is_default_realm(k->way->realm));
}

/* Under its key before it is made, for what is read may be outdated while it is read. */
static FoxRowWay *
keep_way(const TriggerData *t)
{
	Oid			trigger = t->tg_trigger->tgoid;
	MemoryContext context;
	MemoryContext saved;
	FoxRowWay  *way;
	Kept	   *k;
	bool		found;

	sweep();
	k = hash_search(kept, &trigger, HASH_ENTER, &found);
	if (found)
		leave_to_transaction(k);
	*k = (Kept) {.trigger = trigger, .relation = RelationGetRelid(t->tg_relation)};
	k->whole = fox_row_way_table(t);
	k->by_setting = t->tg_trigger->tgnargs <= 1;

	context = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp way of rows", ALLOCSET_SMALL_SIZES);
	saved = MemoryContextSwitchTo(context);
	way = palloc0(sizeof(*way));
	make_way(way, t);
	MemoryContextSwitchTo(saved);
	MemoryContextSetParent(context, TopMemoryContext);
	k = hash_search(kept, &trigger, HASH_FIND, NULL);
	k->context = context;
	k->way = way;
	return way;
}

FoxRowWay *
fox_row_way_of(FunctionCallInfo fcinfo)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	Kept	   *k;

	/* One statement has one way. */
	if (fcinfo->flinfo->fn_extra != NULL)
		return fcinfo->flinfo->fn_extra;
	if (kept == NULL)
		begin_keeping();
	k = hash_search(kept, &t->tg_trigger->tgoid, HASH_FIND, NULL);
	fcinfo->flinfo->fn_extra = k != NULL && is_valid(k) ? k->way : keep_way(t);
	return fcinfo->flinfo->fn_extra;
}
