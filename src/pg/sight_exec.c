/*
 * sight_exec.c - which roles may see which rows (see sight_exec.h).
 *
 * What is judged is a row as it was when it was published, which may be another by now or
 * be gone.  So the table's policies are judged over the row's text: the question is planned as
 *
 *     SELECT ordinality FROM unnest('{"(1,Ann)","(2,Bob)"}'::orders[]) WITH ORDINALITY
 *
 * with the quals that the server itself would put on a SELECT of the table, whose columns
 * have the same numbers there.  It runs as the role, in a transaction of its own, like a call
 * (call_role.h): subqueries, functions and settings are those that the role would find.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rowsecurity.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/varlena.h"

#include "codec/json.h"
#include "pg/call_role.h"
#include "pg/compat.h"
#include "pg/sight_exec.h"

#define LOG_MS 1000				/* between two errors of policies in the log */

/* A row, and who sees it. */
typedef struct Sighted
{
	char	   *text;			/* NULL: none, the privilege is all */
	List	   *seers;			/* of char * */
	bool		sees;			/* the role that is judged just now */
} Sighted;

typedef struct Question
{
	char	   *table;
	Oid			oid;			/* of it; invalid: there is none */
	List	   *columns;		/* of char *; NIL: all */
	List	   *roles;
	Sighted		row;
	Sighted		former;
	bool		has_former;
	bool		may;			/* the role that is judged just now may read the columns */
} Question;

/* --- reading the question --- */

static char *
text_of(FoxSlice json)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_absent(json) ? FOX_ABSENT : fox_json_text(json, &scratch);
	char	   *copy = fox_absent(text) ? NULL : pnstrdup(text.ptr, text.len);

	fox_buf_free(&scratch);
	return copy;
}

static List *
texts_of(FoxSlice list)
{
	List	   *texts = NIL;
	FoxSlice	value;
	size_t		pos = 0;

	while (!fox_absent(list) && fox_json_element(list, &pos, &value))
		texts = lappend(texts, text_of(value));
	return texts;
}

static List *
read_items(FoxSlice question)
{
	List	   *items = NIL;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_element(question, &pos, &value))
	{
		Question	   *item = palloc0(sizeof(*item));

		item->table = text_of(fox_json_get(value, "table"));
		item->columns = texts_of(fox_json_get(value, "columns"));
		item->roles = texts_of(fox_json_get(value, "roles"));
		item->row.text = text_of(fox_json_get(value, "row"));
		item->former.text = text_of(fox_json_get(value, "former"));
		item->has_former = item->former.text != NULL;
		items = lappend(items, item);
	}
	return items;
}

static bool
has_text(const List *texts, const char *text)
{
	ListCell   *cell;

	foreach(cell, texts)
		if (strcmp(lfirst(cell), text) == 0)
			return true;
	return false;
}

static List *
all_roles(const List *items)
{
	List	   *roles = NIL;
	ListCell   *cell;
	ListCell   *name;

	foreach(cell, items)
		foreach(name, ((Question *) lfirst(cell))->roles)
			if (!has_text(roles, lfirst(name)))
				roles = lappend(roles, lfirst(name));
	return roles;
}

/* --- privileges --- */

static bool
may_read(Relation table, const List *columns, Oid role)
{
	TupleDesc	desc = RelationGetDescr(table);
	Oid			oid = RelationGetRelid(table);

	if (FOX_ACLCHECK_SCHEMA(RelationGetNamespace(table), role, ACL_USAGE) != ACLCHECK_OK)
		return false;
	if (pg_class_aclcheck(oid, role, ACL_SELECT) == ACLCHECK_OK)
		return true;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && (columns == NIL || has_text(columns, NameStr(column->attname))) &&
			pg_attribute_aclcheck(oid, column->attnum, role, ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

/* --- policies --- */

typedef struct Collector
{
	DestReceiver pub;
	Sighted   **rows;
} Collector;

static bool
collect(TupleTableSlot *slot, DestReceiver *self)
{
	bool		isnull;
	int64		n = DatumGetInt64(slot_getattr(slot, 1, &isnull));

	((Collector *) self)->rows[n - 1]->sees = true;
	return true;
}

static void
begin(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
end(DestReceiver *self)
{
}

static Query *
analyze(const char *sql, int params)
{
	static const Oid types[1] = {TEXTOID};

	return FOX_PARSE_ANALYZE(linitial_node(RawStmt, pg_parse_query(sql)), sql, types, params);
}

/* The rows' texts as one of an array. */
static char *
array_of(Sighted **rows, int n)
{
	StringInfoData array;

	initStringInfo(&array);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&array, i == 0 ? "{\"" : ",\"");
		for (const char *p = rows[i]->text; *p != '\0'; p++)
		{
			if (*p == '"' || *p == '\\')
				appendStringInfoChar(&array, '\\');
			appendStringInfoChar(&array, *p);
		}
		appendStringInfoChar(&array, '"');
	}
	appendStringInfoChar(&array, '}');
	return array.data;
}

static PlannedStmt *
plan_of(Relation table, const char *sql, const char *name, ParamListInfo params)
{
	Query	   *query = analyze(sql, 1);
	Query	   *reading = analyze(psprintf("SELECT FROM ONLY %s", name), 0);
	List	   *quals = NIL;
	List	   *checks = NIL;
	bool		has_policies;
	bool		has_sublinks;

	get_row_security_policies(reading, rt_fetch(1, reading->rtable), 1, &quals, &checks, &has_policies, &has_sublinks);
	linitial_node(TargetEntry, query->targetList)->expr =
		(Expr *) makeVar(1, RelationGetNumberOfAttributes(table) + 1, INT8OID, -1, InvalidOid, 0);
	query->jointree->quals = (Node *) make_ands_explicit(quals);
	query->hasSubLinks = has_sublinks;
	AcquireRewriteLocks(query, true, false);
	return pg_plan_query(linitial_node(Query, QueryRewrite(query)), sql, 0, params);
}

static void
judge(Relation table, Sighted **rows, int n)
{
	Collector	collector = {.pub = {.receiveSlot = collect, .rStartup = begin, .rShutdown = end, .rDestroy = end, .mydest = DestNone},
	.rows = rows};
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), RelationGetRelationName(table));
	char	   *sql = psprintf("SELECT 1::pg_catalog.int8 FROM pg_catalog.unnest($1::%s[]) WITH ORDINALITY AS r", name);
	ParamListInfo params = makeParamList(1);
	QueryDesc  *desc;

	params->params[0].value = CStringGetTextDatum(array_of(rows, n));
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = TEXTOID;
	desc = CreateQueryDesc(plan_of(table, sql, name, params), sql, GetActiveSnapshot(), InvalidSnapshot,
						   (DestReceiver *) &collector, params, NULL, 0);
	ExecutorStart(desc, 0);
	ExecutorRun(desc, ForwardScanDirection, 0, true);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

/* --- as a role --- */

static void
look_at_table(const List *items, Oid oid, const char *role_name, Oid role)
{
	Relation	table;
	bool		all;
	Sighted   **rows = palloc(sizeof(Sighted *) * 2 * (list_length(items) + 1));
	int			n = 0;
	ListCell   *cell;

	table = table_open(oid, NoLock);
	all = check_enable_rls(oid, role, true) != RLS_ENABLED;
	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		if (item->oid != oid || !has_text(item->roles, role_name) || !may_read(table, item->columns, role))
			continue;
		item->row.sees = all || item->row.text == NULL;
		item->former.sees = all && item->has_former;
		if (!item->row.sees)
			rows[n++] = &item->row;
		if (!all && item->has_former)
			rows[n++] = &item->former;
	}
	if (n > 0)
		judge(table, rows, n);
	table_close(table, NoLock);
}

static void
find_table(Question *item)
{
	List	   *names = item->table != NULL ? textToQualifiedNameList(cstring_to_text(item->table)) : NIL;

	item->oid = names != NIL ? RangeVarGetRelid(makeRangeVarFromNameList(names), AccessShareLock, true) : InvalidOid;
}

/* Each table once. */
static void
look(const List *items, const char *role_name)
{
	Oid			role = get_role_oid(role_name, true);
	List	   *tables = NIL;
	ListCell   *cell;

	/* The role may have no way to look the name up. */
	foreach(cell, items)
		find_table(lfirst(cell));
	if (!OidIsValid(role))
	{
		CommitTransactionCommand();
		return;
	}
	XactReadOnly = true;
	fox_call_role_enter(role);
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		if (!OidIsValid(item->oid) || list_member_oid(tables, item->oid) || !has_text(item->roles, role_name))
			continue;
		tables = lappend_oid(tables, item->oid);
		look_at_table(items, item->oid, role_name, role);
	}
	fox_call_role_commit();
	disable_timeout(STATEMENT_TIMEOUT, false);
}

/* Whom a policy raises an error for sees nothing. */
static void
fail(const List *items)
{
	static TimestampTz logged = 0;
	ListCell   *cell;

	if (TimestampDifferenceExceeds(logged, GetCurrentTimestamp(), LOG_MS))
	{
		logged = GetCurrentTimestamp();
		EmitErrorReport();
	}
	FlushErrorState();
	disable_timeout(STATEMENT_TIMEOUT, false);
	fox_call_role_abort();
	QueryCancelPending = false;
	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		item->row.sees = item->former.sees = false;
	}
}

static void
look_as(const List *items, char *role, MemoryContext memory)
{
	MemoryContext portion = AllocSetContextCreate(memory, "fox_wamp sight", ALLOCSET_DEFAULT_SIZES);
	ListCell   *cell;

	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		item->row.sees = item->former.sees = false;
	}
	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		MemoryContextSwitchTo(portion);
		look(items, role);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(portion);
		fail(items);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		if (item->row.sees)
			item->row.seers = lappend(item->row.seers, role);
		if (item->former.sees)
			item->former.seers = lappend(item->former.seers, role);
	}
	MemoryContextDelete(portion);
}

/* --- the answer --- */

static void
put_roles(StringInfo out, const List *roles)
{
	ListCell   *cell;

	appendStringInfoChar(out, '[');
	foreach(cell, roles)
	{
		if (out->data[out->len - 1] != '[')
			appendStringInfoChar(out, ',');
		escape_json(out, lfirst(cell));
	}
	appendStringInfoChar(out, ']');
}

void
fox_sight_look(FoxSlice question, MemoryContext memory, StringInfo answer)
{
	List	   *items;
	ListCell   *cell;

	MemoryContextSwitchTo(memory);
	items = read_items(question);
	foreach(cell, all_roles(items))
		look_as(items, lfirst(cell), memory);
	appendStringInfoChar(answer, '[');
	foreach(cell, items)
	{
		Question	   *item = lfirst(cell);

		appendStringInfoString(answer, cell == list_head(items) ? "[" : ",[");
		put_roles(answer, item->row.seers);
		appendStringInfoChar(answer, ',');
		put_roles(answer, item->former.seers);
		appendStringInfoChar(answer, ']');
	}
	appendStringInfoChar(answer, ']');
}
