/*
 * table_request.c - the function that every exposed table is called by: fox_wamp.table_request().
 *
 * By HTTP the method, the path and the body say what is wanted, by WAMP its arguments do.
 *
 *   GET            rows, of which the query says which: columns that equal a value; order, limit, offset
 *   GET a row      that row;  GET a column of it: its value, a bytea as it is
 *   POST           a new row: 201, its ID, and where it is
 *   PUT, PATCH     sets columns of a row
 *   DELETE         deletes it
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "core/http_route.h"
#include "mb/pg_wchar.h"
#include "pg/caller.h"
#include "pg/guc.h"
#include "pg/http_exec.h"
#include "pg/table.h"

PG_FUNCTION_INFO_V1(fox_wamp_table_request);

#define ORDER_MAX 1000			/* bytes */
#define PAGE 100				/* rows that are fetched together */

typedef struct Request
{
	FoxTable	table;
	const FoxHttpCall *http;	/* NULL: it comes by WAMP */
	unsigned	verb;
	bool		of_row;
	const char *column;			/* of that row; NULL: all */
	FoxTableValues *values;		/* of the row's key, or what columns must be equal to */
	FoxSlice	body;			/* the row that is to be stored; absent: none */
	const char *order;
	int64		limit;			/* -1: none */
	int64		offset;
} Request;

static void pg_attribute_noreturn()
bad(const char *text)
{
	fox_routine_stage = FOX_STAGE_BIND;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", text)));
}

/* --- what is asked --- */

static int64
count_of(const char *name, const char *text)
{
	char	   *end;
	int64		n = strtoi64(text, &end, 10);

	strlcpy(fox_routine_argument, name, NAMEDATALEN);
	if (*text < '0' || *text > '9' || *end != '\0')
		bad("it must be a number of rows");
	fox_routine_argument[0] = '\0';
	return n;
}

static void
add_filter(Request *q, const char *name, char *text)
{
	int			column = fox_table_column_named(&q->table, name);

	strlcpy(fox_routine_argument, name, NAMEDATALEN);
	if (column == 0 || q->values->n == MaxHeapAttributeNumber)
		bad(psprintf("there is no column \"%s\"", name));
	fox_table_add(&q->table, column, text, q->values);
	fox_routine_argument[0] = '\0';
}

static char *
decoded(FoxSlice text)
{
	FoxBuf		bytes = {0};
	char	   *copy;
	bool		sound;

	fox_url_decode(text, true, &bytes);
	copy = pnstrdup(bytes.len > 0 ? bytes.data : "", bytes.len);
	sound = !bytes.failed && strlen(copy) == bytes.len && pg_verifymbstr(copy, (int) strlen(copy), true);
	fox_buf_free(&bytes);
	if (!sound)
		bad("it is not valid UTF-8");
	return copy;
}

static void
read_query(Request *q, FoxSlice query)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (!fox_absent(query) && fox_url_pair(query, &pos, &key, &value))
	{
		char	   *name = decoded(key);
		char	   *text = decoded(value);

		if (strcmp(name, "order") == 0)
			q->order = text;
		else if (strcmp(name, "limit") == 0)
			q->limit = count_of(name, text);
		else if (strcmp(name, "offset") == 0)
			q->offset = count_of(name, text);
		else
			add_filter(q, name, text);
	}
}

static void
read_body(Request *q)
{
	FoxSlice	type = fox_http_header(q->http->headers, "content-type");
	FoxKind		kind;

	if (!fox_absent(type) && !fox_http_is_type(type, "application/json"))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('P', 'T', '4', '1', '5')),
				 errmsg("a row must be application/json")));
	if (!fox_json_valid(q->http->body, &kind) || kind != FOX_JSON_OBJECT)
		bad("the body must be a JSON object");
	(void) fox_json_scan(q->http->body.ptr, q->http->body.ptr + q->http->body.len, &q->body, &kind);
}

static void
read_http(Request *q)
{
	q->verb = fox_verb_named(q->http->method);
	q->of_row = !fox_absent(q->http->row);
	if (q->of_row)
		(void) fox_table_add_id(&q->table, q->http->row, FOX_ABSENT, q->values);
	else if (q->verb & (FOX_GET | FOX_HEAD))
		read_query(q, q->http->query);
	if (!fox_absent(q->http->column))
		q->column = decoded(q->http->column);
	if (q->verb & (FOX_POST | FOX_PUT | FOX_PATCH))
		read_body(q);
}

/* The json in that argument; absent: it is null. */
static FoxSlice
json_arg(FunctionCallInfo fcinfo, int n)
{
	FoxSlice	json = FOX_ABSENT;
	char	   *raw;

	if (PG_ARGISNULL(n))
		return json;
	raw = text_to_cstring(PG_GETARG_TEXT_PP(n));
	(void) fox_json_scan(raw, raw + strlen(raw), &json, NULL);
	return fox_json_kind(json) == FOX_JSON_NULL ? FOX_ABSENT : json;
}

static void
read_where(Request *q, FoxSlice where)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_absent(where))
		return;
	if (fox_json_kind(where) != FOX_JSON_OBJECT)
		bad("where must be an object of columns");
	while (fox_json_member(where, &pos, &key, &value))
	{
		StringInfoData text;
		char	   *name = pnstrdup(key.ptr, key.len);
		int			column = fox_table_column_named(&q->table, name);

		initStringInfo(&text);
		if (column > 0 && !fox_json_literal(value, TupleDescAttr(RelationGetDescr(q->table.relation), column - 1)->atttypid, &text))
			bad("no column equals null");
		add_filter(q, name, text.data);
	}
}

/* method, id, column, row, where, order, limit, offset */
static void
read_arguments(FunctionCallInfo fcinfo, Request *q)
{
	FoxSlice	id = json_arg(fcinfo, 1);

	q->verb = PG_ARGISNULL(0) ? FOX_GET : fox_verb_named(fox_cstr(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	q->of_row = !fox_absent(id);
	if (q->of_row)
		(void) fox_table_add_id(&q->table, FOX_ABSENT, id, q->values);
	q->column = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	q->body = json_arg(fcinfo, 3);
	if (!q->of_row)
		read_where(q, json_arg(fcinfo, 4));
	q->order = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	if (!PG_ARGISNULL(6))
		q->limit = PG_GETARG_INT64(6);
	if (!PG_ARGISNULL(7))
		q->offset = PG_GETARG_INT64(7);
	if (q->limit < -1 || q->offset < 0)
		bad("limit and offset must be numbers of rows");
}

/* --- reading --- */

/* "name.desc,other" */
static void
append_order(const Request *q, StringInfo sql)
{
	char	   *list = pstrdup(q->order != NULL ? q->order : "");
	char	   *rest = list;
	char	   *word;
	int			n = 0;

	if (strlen(list) > ORDER_MAX)
		bad("order is too long");
	strlcpy(fox_routine_argument, "order", NAMEDATALEN);
	while ((word = strtok_r(rest, ",", &rest)) != NULL)
	{
		char	   *way = strrchr(word, '.');
		bool		down = way != NULL && strcmp(way, ".desc") == 0;
		int			column;

		if (down || (way != NULL && strcmp(way, ".asc") == 0))
			*way = '\0';
		if ((column = fox_table_column_named(&q->table, word)) == 0)
			bad(psprintf("there is no column \"%s\"", word));
		appendStringInfo(sql, "%st.%s%s", n++ == 0 ? " ORDER BY " : ", ", fox_table_column(&q->table, column), down ? " DESC" : "");
	}
	fox_routine_argument[0] = '\0';
	for (int i = 0; n == 0 && i < q->table.key_n; i++)
		appendStringInfo(sql, "%st.%s", i == 0 ? " ORDER BY " : ", ", fox_table_column(&q->table, q->table.key[i]));
}

/* Column 1 of the rows, joined by commas; few at a time are in memory, for a table may have any number. */
static char *
join_rows(Portal rows, MemoryContext caller)
{
	MemoryContext saved = MemoryContextSwitchTo(caller);
	StringInfoData all;

	initStringInfo(&all);
	MemoryContextSwitchTo(saved);
	appendStringInfoChar(&all, '[');
	for (SPI_cursor_fetch(rows, true, PAGE); SPI_processed > 0; SPI_cursor_fetch(rows, true, PAGE))
	{
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			char	   *row = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

			if (all.len + strlen(row) + 2 > (Size) fox_guc_max_message_size * 1024)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("the result is longer than fox_wamp.max_message_size")));
			appendStringInfo(&all, "%s%s", all.len > 1 ? "," : "", row);
			pfree(row);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	appendStringInfoChar(&all, ']');
	return all.data;
}

static char *
read_rows(Request *q)
{
	MemoryContext caller = CurrentMemoryContext;
	FoxTableValues *v = q->values;
	StringInfoData sql;
	Portal		portal;
	char	   *rows;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.to_json(t.*) FROM %s t", q->table.name);
	fox_table_where(&q->table, v, 0, &sql);
	append_order(q, &sql);
	if (q->limit >= 0)
		appendStringInfo(&sql, " LIMIT " INT64_FORMAT, q->limit);
	if (q->offset > 0)
		appendStringInfo(&sql, " OFFSET " INT64_FORMAT, q->offset);
	fox_routine_stage = FOX_STAGE_RUN;
	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, sql.data, v->n, v->types, v->values, v->nulls, false, CURSOR_OPT_NO_SCROLL);
	rows = join_rows(portal, caller);
	SPI_cursor_close(portal);
	SPI_finish();
	return rows;
}

/* Whole bytes are no JSON: HTTP gets them as they are. */
static char *
take_bytes(Datum value)
{
	bytea	   *bytes = DatumGetByteaPP(value);
	Size		n = VARSIZE_ANY_EXHDR(bytes);

	fox_http_say_body("application/octet-stream", fox_slice(VARDATA_ANY(bytes), n));
	return NULL;
}

static char *
read_row(Request *q)
{
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData sql;
	int			column = q->column != NULL ? fox_table_column_named(&q->table, q->column) : 0;
	bool		bytes = column > 0 && q->http != NULL &&
		getBaseType(TupleDescAttr(RelationGetDescr(q->table.relation), column - 1)->atttypid) == BYTEAOID;
	Datum		value;
	bool		isnull;
	char	   *json = NULL;

	if (q->column != NULL && column == 0)
		fox_table_no_row();
	initStringInfo(&sql);
	if (bytes)
		appendStringInfo(&sql, "SELECT t.%s", fox_table_column(&q->table, column));
	else if (column > 0)
		appendStringInfo(&sql, "SELECT pg_catalog.to_json(t.%s)", fox_table_column(&q->table, column));
	else
		appendStringInfoString(&sql, "SELECT pg_catalog.to_json(t.*)");
	appendStringInfo(&sql, " FROM %s t", q->table.name);
	fox_table_where(&q->table, q->values, 0, &sql);
	SPI_connect();
	if (fox_table_run(sql.data, q->values) == 0)
		fox_table_no_row();
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull && bytes)
		json = take_bytes(value);
	else if (!isnull)
		json = MemoryContextStrdup(caller, TextDatumGetCString(value));
	SPI_finish();
	return json;
}

/* --- the function --- */

static char *
insert(const Request *q)
{
	char	   *id;
	char	   *json = fox_table_insert(&q->table, q->body, &id);

	fox_http_say_status(201);
	if (id != NULL && q->http != NULL)
		fox_http_say_location(psprintf("%.*s%s%s", (int) q->http->path.len, q->http->path.ptr,
									   q->http->path.ptr[q->http->path.len - 1] == '/' ? "" : "/", id));
	return json;
}

static char *
carry_out(Request *q)
{
	if ((q->verb & (FOX_GET | FOX_HEAD)) != 0)
		return q->of_row ? read_row(q) : read_rows(q);
	if (q->verb == FOX_POST && !q->of_row)
		return insert(q);
	if (!q->of_row)
		bad("Need a valid record and its ID");
	if ((q->verb & (FOX_PUT | FOX_PATCH)) != 0)
		fox_table_update(&q->table, q->values, q->body);
	else if (q->verb == FOX_DELETE)
		fox_table_delete(&q->table, q->values);
	else
		bad("a row of a table is not posted to");
	fox_http_say_body(NULL, FOX_LIT(""));
	return NULL;
}

Datum
fox_wamp_table_request(PG_FUNCTION_ARGS)
{
	const FoxCaller *caller = fox_caller();
	Request		q = {.limit = -1, .body = FOX_ABSENT};
	char	   *json;

	if (caller == NULL || caller->bound != FOX_BOUND_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no client asks for a table")));
	fox_http_say_rows();
	fox_table_open(pnstrdup(caller->table.ptr, caller->table.len), &q.table);
	q.values = palloc0(sizeof(FoxTableValues));
	q.http = caller->http;
	fox_routine_stage = FOX_STAGE_BIND;
	if (q.http != NULL)
		read_http(&q);
	else
		read_arguments(fcinfo, &q);
	if ((q.verb & caller->verbs) == 0)
		bad("the table is not exposed for that method");
	json = carry_out(&q);
	relation_close(q.table.relation, NoLock);
	fox_routine_stage = FOX_STAGE_RUN;
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}
