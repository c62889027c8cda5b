/*
 * table_batch.c - many statements in one transaction: fox_wamp.batch(), for PUT and POST /root/batch.
 *
 *   {"People":["DELETE",7,"PUT",{"id":6,"name":"x"},"POST",{"name":"y"}],"Orders":[…]} is answered with [200,200,8]:
 *   of each statement 200, or the ID of the new row.
 *
 * PUT has the columns of the primary key beside those that are set.  The first error takes back all; it says which
 * statement it is of.
 */
#include "postgres.h"

#include "access/relation.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "codec/json.h"
#include "core/http_route.h"
#include "pg/caller.h"
#include "pg/http_exec.h"
#include "pg/sqlarg.h"
#include "pg/table.h"

PG_FUNCTION_INFO_V1(fox_wamp_batch);

static void pg_attribute_noreturn()
bad(const char *text)
{
	fox_routine_stage = FOX_STAGE_BIND;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", text)));
}

static char *
text_of(FoxSlice raw)
{
	FoxBuf		bytes = {0};
	char	   *text;

	fox_json_unescape(raw, &bytes);
	text = pnstrdup(bytes.len > 0 ? bytes.data : "", bytes.len);
	fox_buf_free(&bytes);
	return text;
}

/* The table of that name below the caller's root, and what it takes; NULL: there is none. */
static char *
find_table(const char *name, unsigned *verbs)
{
	static void *plan = NULL;
	const FoxCaller *caller = fox_caller();
	MemoryContext memory = CurrentMemoryContext;
	const char *dot = memchr(caller->procedure.ptr, '.', caller->procedure.len);
	const char *values[3] = {pnstrdup(caller->realm.ptr, caller->realm.len),
		pnstrdup(caller->procedure.ptr, dot != NULL ? (Size) (dot - caller->procedure.ptr) : 0), name};
	FoxAsOwner	saved = fox_as_owner();
	char	   *relation = NULL;
	char	   *list;
	char	   *word;

	SPI_connect();
	if (fox_spi(&plan, "SELECT relation, pg_catalog.array_to_string(verbs, ' ') FROM fox_wamp.exposed_table"
				" WHERE realm OPERATOR(pg_catalog.=) $1 AND root OPERATOR(pg_catalog.=) $2"
				" AND pg_catalog.lower(name) OPERATOR(pg_catalog.=) pg_catalog.lower($3)", 3, values) == 1)
	{
		relation = MemoryContextStrdup(memory, fox_spi_value(1));
		list = fox_spi_value(2);
		*verbs = 0;
		while ((word = strtok_r(list, " ", &list)) != NULL)
			*verbs |= fox_verb_named(fox_cstr(word));
	}
	SPI_finish();
	fox_as_caller(saved);
	return relation;
}

/* --- statements --- */

/* The ID that a row's own columns are. */
static FoxTableValues *
key_of(const FoxTable *t, FoxSlice row)
{
	FoxTableValues *key = palloc0(sizeof(FoxTableValues));
	StringInfoData list;

	if (fox_json_kind(row) != FOX_JSON_OBJECT)
		bad("a row must be a JSON object of its columns");
	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	for (int i = 0; i < t->key_n; i++)
	{
		FoxSlice	value = fox_json_get(row, NameStr(TupleDescAttr(RelationGetDescr(t->relation), t->key[i] - 1)->attname));

		if (fox_absent(value))
			bad("Need a valid record and its ID");
		appendStringInfo(&list, "%s%.*s", i > 0 ? "," : "", (int) value.len, value.ptr);
	}
	appendStringInfoChar(&list, ']');
	(void) fox_table_add_id(t, FOX_ABSENT, fox_slice(list.data, list.len), key);
	return key;
}

static void
run_statement(const FoxTable *t, unsigned verb, FoxSlice what, StringInfo out)
{
	FoxTableValues *key;
	char	   *id;
	char	   *json;

	switch (verb)
	{
		case FOX_POST:
			json = fox_table_insert(t, what, &id);
			appendStringInfoString(out, json != NULL ? json : "200");
			return;
		case FOX_PUT:
		case FOX_PATCH:
			fox_table_update(t, key_of(t, what), what);
			break;
		default:
			key = palloc0(sizeof(FoxTableValues));
			(void) fox_table_add_id(t, FOX_ABSENT, what, key);
			fox_table_delete(t, key);
	}
	appendStringInfoString(out, "200");
}

/* The error says of which statement it is. */
static void
run_numbered(const FoxTable *t, unsigned verb, FoxSlice what, StringInfo out, int number)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		run_statement(t, verb, what, out);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(caller);
		e = CopyErrorData();
		FlushErrorState();
		e->message = psprintf("statement %d: %s", number, e->message != NULL ? e->message : "");
		ReThrowError(e);
	}
	PG_END_TRY();
}

static int
run_table(const char *name, FoxSlice list, int number, StringInfo out)
{
	FoxTable	t;
	FoxSlice	word;
	FoxSlice	what;
	unsigned	verbs = 0;
	char	   *relation = find_table(name, &verbs);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory;
	size_t		pos = 0;

	if (relation == NULL)
		bad(psprintf("there is no table \"%s\"", name));
	if (fox_json_kind(list) != FOX_JSON_ARRAY)
		bad("the statements of a table must be an array");
	fox_table_open(relation, &t);
	/* There may be as many statements as the body has room for. */
	memory = AllocSetContextCreate(caller, "fox_wamp statement", ALLOCSET_DEFAULT_SIZES);
	for (; fox_json_element(list, &pos, &word); number++)
	{
		unsigned	verb = fox_json_kind(word) == FOX_JSON_STRING ? fox_verb_named(fox_slice(word.ptr + 1, word.len - 2)) : 0;

		if ((verb & (FOX_POST | FOX_PUT | FOX_PATCH | FOX_DELETE) & verbs) == 0 || !fox_json_element(list, &pos, &what))
			bad(psprintf("statement %d: it must be one of POST, PUT, PATCH and DELETE that the table is exposed for, and a row or an ID", number));
		appendStringInfoString(out, number > 0 ? "," : "");
		MemoryContextSwitchTo(memory);
		run_numbered(&t, verb, what, out, number);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(memory);
	}
	MemoryContextDelete(memory);
	relation_close(t.relation, NoLock);
	return number;
}

Datum
fox_wamp_batch(PG_FUNCTION_ARGS)
{
	char	   *json = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StringInfoData out;
	FoxSlice	tables;
	FoxSlice	key;
	FoxSlice	list;
	FoxKind		kind;
	size_t		pos = 0;
	int			number = 0;

	if (fox_caller() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no client asks for a table")));
	fox_http_say_rows();
	(void) fox_json_scan(json, json + strlen(json), &tables, &kind);
	if (kind != FOX_JSON_OBJECT)
		bad("a batch must be a JSON object of tables");
	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	while (fox_json_member(tables, &pos, &key, &list))
		number = run_table(text_of(key), list, number, &out);
	appendStringInfoChar(&out, ']');
	fox_routine_stage = FOX_STAGE_RUN;
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
