/*
 * table_write.c - rows of exposed tables, inserted, changed and deleted (see table.h).
 *
 * Columns are those that a JSON object names, the others keep what they have, or get their defaults.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "codec/json.h"
#include "codec/url.h"
#include "pg/compat.h"
#include "pg/table.h"

/* The members of the object, as values of columns. */
static void
read_columns(const FoxTable *t, FoxSlice object, FoxTableValues *out)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_absent(object) || fox_json_kind(object) != FOX_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a row must be a JSON object of its columns")));
	while (fox_json_member(object, &pos, &key, &value))
	{
		StringInfoData literal;
		FoxBuf		name = {0};
		char	   *text;
		int			column;
		bool		any;

		fox_json_unescape(key, &name);
		text = pnstrdup(name.len > 0 ? name.data : "", name.len);
		fox_buf_free(&name);
		strlcpy(fox_routine_argument, text, NAMEDATALEN);
		column = fox_table_column_named(t, text);
		if (column == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("there is no column \"%s\"", text)));
		for (int i = 0; i < out->n; i++)
			if (out->columns[i] == column)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" is given twice", text)));
		initStringInfo(&literal);
		any = fox_json_literal(value, TupleDescAttr(RelationGetDescr(t->relation), column - 1)->atttypid, &literal);
		fox_table_add(t, column, any ? literal.data : NULL, out);
		fox_routine_argument[0] = '\0';
	}
}

/* Columns, or the parameters of their values. */
static void
append_list(const FoxTable *t, const FoxTableValues *values, bool names, StringInfo sql)
{
	for (int i = 0; i < values->n; i++)
	{
		appendStringInfoString(sql, i > 0 ? ", " : "");
		if (names)
			appendStringInfoString(sql, fox_table_column(t, values->columns[i]));
		else
			appendStringInfo(sql, "$%d", i + 1);
	}
}

/* May the caller know which key a new row has? */
static bool
sees_key(const FoxTable *t)
{
	Oid			relation = RelationGetRelid(t->relation);

	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return t->key_n > 0;
	for (int i = 0; i < t->key_n; i++)
		if (pg_attribute_aclcheck(relation, (AttrNumber) t->key[i], GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			return false;
	return t->key_n > 0;
}

/* The key of the row that has been returned: JSON for one column, else a text as in a path. */
static char *
returned_key(const FoxTable *t, char **id)
{
	StringInfoData path;
	FoxBuf		encoded = {0};
	char	   *json;

	initStringInfo(&path);
	for (int i = 0; i < t->key_n; i++)
	{
		fox_buf_reset(&encoded);
		fox_url_encode(fox_cstr(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2 * i + 2)), "", &encoded);
		appendStringInfo(&path, "%s%.*s", i > 0 ? "," : "", (int) encoded.len, encoded.data);
	}
	fox_buf_free(&encoded);
	json = t->key_n == 1 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : psprintf("\"%s\"", path.data);
	*id = path.data;
	return json;
}

char *
fox_table_insert(const FoxTable *t, FoxSlice row, char **id)
{
	FoxTableValues *values = palloc0(sizeof(FoxTableValues));
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData sql;
	bool		returning = sees_key(t);
	char	   *json = NULL;

	*id = NULL;
	fox_routine_stage = FOX_STAGE_BIND;
	read_columns(t, row, values);
	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s", t->name);
	if (values->n == 0)
		appendStringInfoString(&sql, " DEFAULT VALUES");
	else
	{
		appendStringInfoString(&sql, " (");
		append_list(t, values, true, &sql);
		appendStringInfoString(&sql, ") VALUES (");
		append_list(t, values, false, &sql);
		appendStringInfoChar(&sql, ')');
	}
	for (int i = 0; returning && i < t->key_n; i++)
		appendStringInfo(&sql, "%s pg_catalog.to_json(%s), %s::pg_catalog.text", i == 0 ? " RETURNING" : ",",
						 fox_table_column(t, t->key[i]), fox_table_column(t, t->key[i]));
	SPI_connect();
	if (fox_table_run(sql.data, values) > 0 && returning)
	{
		char	   *path;

		json = MemoryContextStrdup(caller, returned_key(t, &path));
		*id = MemoryContextStrdup(caller, path);
	}
	SPI_finish();
	return json;
}

/* Runs a statement for the row that the last values name. */
static void
run_for_row(const FoxTable *t, StringInfo sql, FoxTableValues *values, int first)
{
	fox_table_where(t, values, first, sql);
	SPI_connect();
	if (fox_table_run(sql->data, values) == 0)
		fox_table_no_row();
	SPI_finish();
}

void
fox_table_update(const FoxTable *t, FoxTableValues *key, FoxSlice row)
{
	FoxTableValues *values = palloc0(sizeof(FoxTableValues));
	StringInfoData sql;
	int			n;

	fox_routine_stage = FOX_STAGE_BIND;
	read_columns(t, row, values);
	if ((n = values->n) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row has no column to be set")));
	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s t SET ", t->name);
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, "%s%s = $%d", i > 0 ? ", " : "", fox_table_column(t, values->columns[i]), i + 1);
	for (int i = 0; i < key->n; i++)
	{
		values->columns[n + i] = key->columns[i];
		values->types[n + i] = key->types[i];
		values->values[n + i] = key->values[i];
		values->nulls[n + i] = key->nulls[i];
	}
	values->n += key->n;
	run_for_row(t, &sql, values, n);
}

void
fox_table_delete(const FoxTable *t, FoxTableValues *key)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s t", t->name);
	run_for_row(t, &sql, key, 0);
}
