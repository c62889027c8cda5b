/*
 * table_key.c - which row of a table an ID names (see table.h).
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "codec/http_call.h"
#include "codec/json.h"
#include "codec/url.h"
#include "mb/pg_wchar.h"
#include "pg/caller.h"
#include "pg/table.h"

/* --- tables and columns --- */

static void
read_key(FoxTable *t)
{
	Oid			index = RelationGetPrimaryKeyIndex(t->relation);
	HeapTuple	tuple;
	Form_pg_index form;

	if (!OidIsValid(index))
		return;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index);
	form = (Form_pg_index) GETSTRUCT(tuple);
	t->key_n = form->indnkeyatts;
	for (int i = 0; i < t->key_n; i++)
		t->key[i] = form->indkey.values[i];
	ReleaseSysCache(tuple);
}

void
fox_table_open(const char *name, FoxTable *out)
{
	RangeVar   *range = makeRangeVarFromNameList(stringToQualifiedNameList(name));
	Oid			oid = RangeVarGetRelid(range, AccessShareLock, false);

	*out = (FoxTable) {.relation = relation_open(oid, NoLock)};
	/* The lock stays, and with it what has been read of the table. */
	out->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(out->relation)), RelationGetRelationName(out->relation));
	read_key(out);
}

const char *
fox_table_column(const FoxTable *t, int column)
{
	return quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(t->relation), column - 1)->attname));
}

int
fox_table_column_named(const FoxTable *t, const char *name)
{
	TupleDesc	desc = RelationGetDescr(t->relation);
	int			found = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped)
			continue;
		if (strcmp(NameStr(column->attname), name) == 0)
			return i + 1;
		if (pg_strcasecmp(NameStr(column->attname), name) == 0)
			found = found == 0 ? i + 1 : -1;
	}
	return Max(found, 0);
}

/* --- values --- */

void
fox_table_add(const FoxTable *t, int column, char *literal, FoxTableValues *out)
{
	Form_pg_attribute a = TupleDescAttr(RelationGetDescr(t->relation), column - 1);
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(a->atttypid, &input, &ioparam);
	out->columns[out->n] = column;
	out->types[out->n] = a->atttypid;
	out->values[out->n] = OidInputFunctionCall(input, literal, ioparam, a->atttypmod);
	out->nulls[out->n] = literal == NULL ? 'n' : ' ';
	out->n++;
}

void
fox_table_where(const FoxTable *t, const FoxTableValues *values, int first, StringInfo sql)
{
	for (int i = first; i < values->n; i++)
		appendStringInfo(sql, "%st.%s = $%d", i == first ? " WHERE " : " AND ", fox_table_column(t, values->columns[i]), i + 1);
}

uint64
fox_table_run(const char *sql, FoxTableValues *values)
{
	int			result;

	fox_routine_stage = FOX_STAGE_RUN;
	result = SPI_execute_with_args(sql, values->n, values->types, values->values, values->nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}

void
fox_table_no_row(void)
{
	fox_routine_stage = FOX_STAGE_FIND;
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("there is no such row")));
}

/* --- IDs --- */

/* The stage says what the caller hears. */
static void pg_attribute_noreturn()
no_record(const char *why)
{
	fox_routine_stage = FOX_STAGE_RECORD;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", why)));
}

static char *
decoded(FoxSlice text)
{
	FoxBuf		bytes = {0};
	char	   *copy;
	bool		sound;

	fox_url_decode(text, false, &bytes);
	sound = !bytes.failed && (bytes.len == 0 || memchr(bytes.data, '\0', bytes.len) == NULL);
	copy = pnstrdup(bytes.len > 0 ? bytes.data : "", bytes.len);
	fox_buf_free(&bytes);
	if (!sound || !pg_verifymbstr(copy, (int) strlen(copy), true))
		no_record("it is not valid UTF-8");
	return copy;
}

static void
add_part(const FoxTable *t, int i, char *part, FoxTableValues *out, StringInfo id)
{
	if (i >= t->key_n)
		no_record("the primary key has fewer columns");
	fox_table_add(t, t->key[i], part, out);
	appendStringInfo(id, "%s%s", i > 0 ? "," : "", part);
}

/* Parts are decoded after they have been told apart, so that a comma can be in one. */
static int
add_encoded(const FoxTable *t, FoxSlice text, FoxTableValues *out, StringInfo id)
{
	int			n = 0;

	while (t->key_n > 1 && n < t->key_n)
	{
		const char *comma = text.len > 0 ? memchr(text.ptr, ',', text.len) : NULL;
		size_t		len = comma != NULL ? (size_t) (comma - text.ptr) : text.len;

		add_part(t, n++, decoded(fox_slice(text.ptr, len)), out, id);
		if (comma == NULL)
			return n;
		text = fox_slice(comma + 1, text.len - len - 1);
	}
	if (t->key_n > 1)
		no_record("the primary key has fewer columns");
	add_part(t, n++, decoded(text), out, id);
	return n;
}

static void
add_json(const FoxTable *t, int i, FoxSlice json, FoxTableValues *out, StringInfo id)
{
	StringInfoData part;

	initStringInfo(&part);
	if (i >= t->key_n || !fox_json_literal(json, TupleDescAttr(RelationGetDescr(t->relation), t->key[i] - 1)->atttypid, &part))
		no_record("a part of it is null, or one too many");
	add_part(t, i, part.data, out, id);
}

/* A text of several parts is written as in a path. */
static int
add_value(const FoxTable *t, FoxSlice json, FoxTableValues *out, StringInfo id)
{
	FoxSlice	value;
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(json, &scratch);
	size_t		pos = 0;
	int			n = 0;

	if (!fox_absent(text) && t->key_n > 1)
		n = add_encoded(t, fox_cstr(pnstrdup(text.ptr, text.len)), out, id);
	else if (fox_json_kind(json) == FOX_JSON_ARRAY)
		while (fox_json_element(json, &pos, &value))
			add_json(t, n++, value, out, id);
	else
		add_json(t, n++, json, out, id);
	fox_buf_free(&scratch);
	return n;
}

char *
fox_table_add_id(const FoxTable *t, FoxSlice encoded, FoxSlice json, FoxTableValues *out)
{
	FoxRoutineStage saved = fox_routine_stage;
	StringInfoData id;
	int			n;

	if (t->key_n == 0)
		no_record("the table has no primary key");
	fox_routine_stage = FOX_STAGE_RECORD;
	initStringInfo(&id);
	if (!fox_absent(encoded))
		n = add_encoded(t, encoded, out, &id);
	else if (!fox_absent(json))
		n = add_value(t, json, out, &id);
	else
		no_record("none is given");
	if (n < t->key_n)
		no_record("the primary key has more columns");
	fox_routine_stage = saved;
	return id.data;
}

/* --- functions of a row --- */

/* What is left of an object without the member `id`. */
static FoxSlice
without_id(FoxSlice object)
{
	StringInfoData out;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	while (fox_json_member(object, &pos, &key, &value))
		if (!fox_json_key_is(key, "id"))
			appendStringInfo(&out, "%s\"%.*s\":%.*s", out.len > 1 ? "," : "", (int) key.len, key.ptr, (int) value.len, value.ptr);
	appendStringInfoChar(&out, '}');
	return fox_slice(out.data, out.len);
}

/* The row, as a value of the table's row type. */
static Datum
read_row(const FoxTable *t, FoxTableValues *key)
{
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData sql;
	Datum		row;
	bool		isnull;

	initStringInfo(&sql);
	/* A bare "t" would be a column of that name, and the cast keeps the row in one piece. */
	appendStringInfo(&sql, "SELECT t.*::%s FROM %s t", t->name, t->name);
	fox_table_where(t, key, 0, &sql);
	SPI_connect();
	if (fox_table_run(sql.data, key) == 0)
		fox_table_no_row();
	row = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	MemoryContextSwitchTo(caller);
	row = datumCopy(row, false, -1);
	SPI_finish();
	return row;
}

static void
bind_row(const FoxRoutine *f, const FoxTable *t, FoxTableValues *key, FoxRoutineValues *out)
{
	if (f->nargs < 1 || f->args[0].type != get_rel_type_id(RelationGetRelid(t->relation)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the function takes no row of %s", t->name)));
	out->values[0] = read_row(t, key);
	out->nulls[0] = false;
	out->given[0] = true;
}

void
fox_table_bind(const FoxRoutine *f, const FoxCaller *caller, FoxSlice *kwargs, FoxRoutineValues *out)
{
	FoxTableValues *key = palloc0(sizeof(FoxTableValues));
	bool		of_row = caller->bound == FOX_BOUND_ROW;
	FoxSlice	encoded = caller->http != NULL ? caller->http->row : FOX_ABSENT;
	FoxSlice	json = FOX_ABSENT;
	FoxTable	t;

	/* What is bound to the table may have an argument of that name. */
	if (!fox_absent(*kwargs) && (of_row || fox_routine_argument_named(f, "id") < 0))
		json = fox_json_get(*kwargs, "id");
	if (!of_row && fox_absent(encoded) && fox_absent(json))
		return;
	fox_table_open(pnstrdup(caller->table.ptr, caller->table.len), &t);
	fox_caller_set_row(fox_table_add_id(&t, encoded, json, key));
	if (!fox_absent(json))
		*kwargs = without_id(*kwargs);
	if (of_row)
		bind_row(f, &t, key, out);
	fox_routine_stage = FOX_STAGE_BIND;
	relation_close(t.relation, NoLock);
}
