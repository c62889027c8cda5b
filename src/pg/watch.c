/*
 * watch.c - fox_wamp.watch() and unwatch(): triggers that make a table stream.
 *
 * What watches a table are its triggers and nothing else, so that they are dumped,
 * dropped and attached to new partitions with it; fox_wamp.watched reads them.  Their
 * arguments are topic, realm, what becomes of a row (publish_row.h), and columns.
 *
 * The condition is their WHEN clause, which PostgreSQL judges.  With one there is a trigger
 * for each operation, since a clause that names OLD is none for INSERT; where a DELETE
 * meets one that speaks of NEW alone, it is judged by the row that goes.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "common/md5.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/errcodes.h"
#include "pg/publish_row.h"
#include "pg/row_mirror.h"
#include "pg/sqlarg.h"

#define PORTION 1000			/* rows of a table at a time */
#define NAME_PREFIX "fox_wamp_watch_"

PG_FUNCTION_INFO_V1(fox_wamp_watch);
PG_FUNCTION_INFO_V1(fox_wamp_unwatch);
PG_FUNCTION_INFO_V1(fox_wamp_trigger_args);

typedef struct Watch
{
	Relation	table;
	char	   *name;			/* of the table, quoted and with its schema */
	char	   *topic;
	char	   *condition;		/* NULL: none */
	char	  **columns;
	int			n_columns;
	bool		insert;
	bool		update;
	bool		delete;
	bool		retain;
	char	   *realm;
	bool		row_security;
} Watch;

/* --- statements --- */

typedef struct Refs
{
	bool		old;
	bool		new;
	bool		turn;			/* NEW becomes OLD */
} Refs;

static bool
find_refs(Node *node, Refs *refs)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef) && IsA(linitial(((ColumnRef *) node)->fields), String))
	{
		List	   *fields = ((ColumnRef *) node)->fields;
		const char *first = strVal(linitial(fields));

		refs->old = refs->old || strcmp(first, "old") == 0;
		refs->new = refs->new || strcmp(first, "new") == 0;
		if (refs->turn && strcmp(first, "new") == 0)
			linitial(fields) = makeString("old");
	}
	return raw_expression_tree_walker(node, find_refs, refs);
}

/* Where only the row that goes is there, what is said of NEW alone is said of that one. */
static void
fit_condition(CreateTrigStmt *stmt)
{
	Refs		refs = {0};
	bool		delete = stmt->events == TRIGGER_TYPE_DELETE;

	(void) find_refs(stmt->whenClause, &refs);
	if (refs.old && (stmt->events == TRIGGER_TYPE_INSERT || (delete && refs.new)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the condition of watch() names %s, which is not there when a row is %s",
						delete ? "NEW" : "OLD", delete ? "deleted" : "inserted"),
				 errhint("With operations => '{UPDATE}' it may name both; with retain it may name NEW alone.")));
	refs.turn = delete && !refs.old;
	if (refs.turn)
		(void) find_refs(stmt->whenClause, &refs);
}

static void
run_create_trigger(const char *sql)
{
	List	   *parsed = raw_parser(sql, RAW_PARSE_DEFAULT);
	RawStmt    *raw = parsed != NIL ? linitial_node(RawStmt, parsed) : NULL;
	PlannedStmt *planned = makeNode(PlannedStmt);

	/* A condition may hold anything. */
	if (list_length(parsed) != 1 || !IsA(raw->stmt, CreateTrigStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the condition of watch() is not one expression")));
	fit_condition((CreateTrigStmt *) raw->stmt);
	planned->commandType = CMD_UTILITY;
	planned->utilityStmt = raw->stmt;
	planned->stmt_location = raw->stmt_location;
	planned->stmt_len = raw->stmt_len;
	ProcessUtility(planned, sql, false, PROCESS_UTILITY_QUERY, NULL, NULL, None_Receiver, NULL);
	CommandCounterIncrement();
}

/* --- triggers --- */

/* One table may have many watches, each with its triggers: the same topic and realm are the same watch. */
static char *
trigger_name(const Watch *w, const char *what)
{
	char		digest[33];
	const char *error = NULL;
	char	   *text = psprintf("%s %s", w->realm, w->topic);

	if (!pg_md5_hash(text, strlen(text), digest, &error))
		elog(ERROR, "could not compute MD5 hash: %s", error);
	digest[12] = '\0';
	return psprintf(NAME_PREFIX "%s_%s", digest, what);
}

static void
create_trigger(const Watch *w, const char *what, const char *events, const char *condition, const char *mode)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s", trigger_name(w, what), events, w->name,
					 strcmp(events, "TRUNCATE") == 0 ? "STATEMENT" : "ROW");
	/* A comment at the end of the condition ends with its line. */
	if (condition != NULL)
		appendStringInfo(&sql, " WHEN (%s\n)", condition);
	appendStringInfo(&sql, " EXECUTE FUNCTION fox_wamp.publish_row(%s, %s, %s", quote_literal_cstr(w->topic),
					 quote_literal_cstr(w->realm), quote_literal_cstr(psprintf("%s%s", mode, w->row_security ? FOX_ROW_SECURITY : "")));
	for (int i = 0; i < w->n_columns; i++)
		appendStringInfo(&sql, ", %s", quote_literal_cstr(w->columns[i]));
	appendStringInfoChar(&sql, ')');
	run_create_trigger(sql.data);
}

static void
create_triggers(const Watch *w)
{
	const char *mode = w->retain ? FOX_ROW_RETAIN : FOX_ROW_EVENT;
	StringInfoData events;

	initStringInfo(&events);
	if (w->insert)
		appendStringInfoString(&events, " OR INSERT");
	if (w->update)
		appendStringInfoString(&events, " OR UPDATE");
	if (w->delete)
		appendStringInfoString(&events, " OR DELETE");
	if (w->condition == NULL)
		create_trigger(w, "row", events.data + strlen(" OR "), NULL, mode);
	else
	{
		if (w->insert)
			create_trigger(w, "insert", "INSERT", w->condition, mode);
		if (w->update)
			create_trigger(w, "update", "UPDATE", w->condition, mode);
		if (w->delete)
			create_trigger(w, "delete", "DELETE", w->retain ? NULL : w->condition, mode);
		/* The row is not one of those any more. */
		if (w->retain)
			create_trigger(w, "update_not", "UPDATE", psprintf("(%s\n) IS NOT TRUE", w->condition), FOX_ROW_FORGET);
	}
	if (w->delete)
		create_trigger(w, "truncate", "TRUNCATE", NULL, mode);
}

/* The triggers of a watch, or with NULL of those with any topic or realm; returns how many there were. */
static int
drop_triggers(Oid table, const char *name, const char *topic, const char *realm)
{
	static void *plan = NULL;
	const char *values[3] = {psprintf("%u", table), topic, realm};
	char	  **names;
	int			n;

	SPI_connect();
	n = (int) fox_spi(&plan,
					  "SELECT t.tgname, a.args[1], a.args[2], a.args[3] FROM pg_catalog.pg_trigger t,"
					  " fox_wamp.trigger_args(t.tgargs) a(args)"
					  " WHERE t.tgrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
					  " AND t.tgfoid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure('fox_wamp.publish_row()')"
					  " AND t.tgparentid OPERATOR(pg_catalog.=) 0 AND t.tgnargs OPERATOR(pg_catalog.>=) 3"
					  " AND ($2 IS NULL OR a.args[1] OPERATOR(pg_catalog.=) $2)"
					  " AND ($3 IS NULL OR a.args[2] OPERATOR(pg_catalog.=) $3)",
					  3, values);
	names = SPI_palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		FoxRowMode	mode;
		bool		secured;

		names[i] = psprintf("DROP TRIGGER %s ON %s", quote_identifier(SPI_getvalue(row, desc, 1)), name);
		if (fox_row_mode(SPI_getvalue(row, desc, 4), &mode, &secured) && mode == FOX_ROW_IS_RETAINED)
			fox_mirror_clear(SPI_getvalue(row, desc, 3), fox_row_topic_regex(SPI_getvalue(row, desc, 2)));
	}
	for (int i = 0; i < n; i++)
		if (SPI_execute(names[i], false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "SPI_execute failed: %s", names[i]);
	SPI_finish();
	return n;
}

/* --- the rows that are there --- */

static void
mirror_rows(const Watch *w)
{
	bool		whole = w->table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	FoxRowWay	way = {.realm = w->realm, .secured = w->row_security, .secured_by = w->name};
	MemoryContext portion = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp watch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext saved;
	SPIPlanPtr	plan;
	Portal		cursor;
	char	   *sql = psprintf("SELECT new.* FROM %s%s AS new%s%s%s", whole ? "" : "ONLY ", w->name,
							   w->condition != NULL ? " WHERE (" : "", w->condition != NULL ? w->condition : "",
							   w->condition != NULL ? "\n)" : "");

	SPI_connect();
	if ((plan = SPI_prepare(sql, 0, NULL)) == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	cursor = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(cursor, true, PORTION);
		if (SPI_processed == 0)
			break;
		/* Without dropped columns, whose numbers the table keeps. */
		if (way.topic == NULL)
		{
			way.topic = fox_row_topic_read(w->topic, SPI_tuptable->tupdesc);
			if (w->n_columns > 0)
				fox_row_way_columns(&way, w->columns, w->n_columns, SPI_tuptable->tupdesc);
			way.json = fox_row_json_plan(w->n_columns > 0 ? way.shape : SPI_tuptable->tupdesc);
		}
		saved = MemoryContextSwitchTo(portion);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			TupleDesc	desc = BlessTupleDesc(SPI_tuptable->tupdesc);
			char	   *args = fox_row_args(&way, row, desc);
			char	   *audience = way.secured ? fox_row_sight(&way, row, NULL, desc, NULL, NULL) : NULL;

			fox_message_check(strlen(args) + (audience != NULL ? strlen(audience) : 0));
			fox_mirror_put(w->realm, fox_row_topic_make(way.topic, row, desc), args, audience);
		}
		MemoryContextSwitchTo(saved);
		MemoryContextReset(portion);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(cursor);
	SPI_finish();
}

/* --- arguments --- */

static void pg_attribute_noreturn()
bad_argument(const char *text, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg_internal("%s", text), hint != NULL ? errhint("%s", hint) : 0));
}

static char **
text_list(FunctionCallInfo fcinfo, int n, const char *name, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	texts = palloc(sizeof(char *) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			bad_argument(psprintf("%s must not have a null", name), NULL);
		texts[i] = TextDatumGetCString(elements[i]);
	}
	return texts;
}

static void
read_operations(FunctionCallInfo fcinfo, Watch *w)
{
	int			n;
	char	  **operations = text_list(fcinfo, 4, "operations", &n);

	if (n == 0)
		bad_argument("operations must be a list of INSERT, UPDATE, DELETE", NULL);
	for (int i = 0; i < n; i++)
		if (pg_strcasecmp(operations[i], "INSERT") == 0)
			w->insert = true;
		else if (pg_strcasecmp(operations[i], "UPDATE") == 0)
			w->update = true;
		else if (pg_strcasecmp(operations[i], "DELETE") == 0)
			w->delete = true;
		else
			bad_argument(psprintf("there is no operation \"%s\" to watch", operations[i]), "They are INSERT, UPDATE, DELETE.");
}

/* Each row a topic of its own, and all of its life. */
static void
check_mirror(const Watch *w, const FoxRowTopic *topic)
{
	AttrNumber *keys = NULL;
	int			n = fox_primary_key(w->table, &keys);

	if (!w->insert || !w->update || !w->delete)
		bad_argument("watch() with retain takes all operations", NULL);
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("watch() with retain takes a READ COMMITTED transaction"),
				 errdetail("Another would not see all the rows that the table has when its triggers are made.")));
	/* unwatch() and TRUNCATE delete whatever has such a topic. */
	if (fox_row_topic_fixed(w->topic) == NULL)
		bad_argument(psprintf("watch() with retain needs a component without columns at the beginning of the topic \"%s\"", w->topic),
					 psprintf("Like %s.%s.", RelationGetRelationName(w->table), w->topic));
	if (!fox_row_topic_separates(topic))
		bad_argument(psprintf("watch() with retain needs a dot between two columns in the topic \"%s\"", w->topic),
					 "Otherwise two rows could have the same topic.");
	if (n == 0)
		bad_argument(psprintf("watch() with retain needs a primary key, which table \"%s\" has not",
							  RelationGetRelationName(w->table)), NULL);
	for (int i = 0; i < n; i++)
		if (!fox_row_topic_has(topic, keys[i]))
			bad_argument(psprintf("watch() with retain needs the whole primary key in the topic \"%s\"", w->topic),
						 psprintf("Put {%s} into it.", get_attname(RelationGetRelid(w->table), keys[i], false)));
}

/* A template that makes no topic of any row would fail each statement later. */
static void
check_topic(const Watch *w, const FoxRowTopic *topic)
{
	TupleDesc	desc = RelationGetDescr(w->table);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);

	memset(nulls, true, sizeof(bool) * desc->natts);
	(void) fox_row_topic_make(topic, heap_form_tuple(desc, values, nulls), desc);
}

static void
read_watch(FunctionCallInfo fcinfo, Watch *w)
{
	Oid			oid = PG_GETARG_OID(0);
	FoxRowTopic *topic;
	FoxRowWay	way = {0};

	if (get_rel_name(oid) == NULL)
		bad_argument(psprintf("there is no table with OID %u", oid), NULL);
	w->table = relation_open(oid, AccessShareLock);
	w->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(w->table)), RelationGetRelationName(w->table));
	w->topic = PG_ARGISNULL(1) ? fox_row_topic_default(w->table, true) : text_to_cstring(PG_GETARG_TEXT_PP(1));
	w->condition = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	w->columns = text_list(fcinfo, 3, "columns", &w->n_columns);
	read_operations(fcinfo, w);
	w->retain = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	w->realm = fox_arg_realm(fcinfo, 6);
	w->row_security = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	fox_realm_check(w->realm);
	topic = fox_row_topic_read(w->topic, RelationGetDescr(w->table));
	check_topic(w, topic);
	fox_row_way_columns(&way, w->columns, w->n_columns, RelationGetDescr(w->table));
	if (w->retain)
		check_mirror(w, topic);
}

/* --- SQL --- */

Datum
fox_wamp_watch(PG_FUNCTION_ARGS)
{
	Watch		w = {0};

	if (PG_ARGISNULL(0))
		bad_argument("watch() needs a table", NULL);
	fox_refuse_in_recovery();
	read_watch(fcinfo, &w);
	(void) drop_triggers(RelationGetRelid(w.table), w.name, w.topic, w.realm);
	create_triggers(&w);
	if (w.retain)
		mirror_rows(&w);
	relation_close(w.table, NoLock);
	PG_RETURN_TEXT_P(cstring_to_text(w.topic));
}

Datum
fox_wamp_unwatch(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	char	   *topic = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *realm = topic == NULL && PG_ARGISNULL(2) ? NULL : fox_arg_realm(fcinfo, 2);
	char	   *name = get_rel_name(oid);

	if (name == NULL)
		bad_argument("unwatch() needs a table", NULL);
	fox_refuse_in_recovery();
	PG_RETURN_BOOL(drop_triggers(oid, quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), name),
								 topic, realm) > 0);
}

/* pg_trigger.tgargs: each argument ends with a zero byte. */
Datum
fox_wamp_trigger_args(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const char *at = VARDATA_ANY(bytes);
	const char *end = at + VARSIZE_ANY_EXHDR(bytes);
	ArrayBuildState *list = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	for (const char *zero; at < end && (zero = memchr(at, '\0', end - at)) != NULL; at = zero + 1)
		accumArrayResult(list, PointerGetDatum(cstring_to_text_with_len(at, zero - at)), false, TEXTOID, CurrentMemoryContext);
	PG_RETURN_DATUM(makeArrayResult(list, CurrentMemoryContext));
}
