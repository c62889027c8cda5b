/*
 * row_topic.c - topics made of a template and a row's columns (see row_topic.h).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/errcodes.h"
#include "pg/row_topic.h"
#include "pg/sqlarg.h"

typedef struct Piece
{
	char	   *text;			/* NULL: a column */
	AttrNumber	column;
} Piece;

struct FoxRowTopic
{
	const char *template;
	bool		by_settings;	/* the text of some column depends on them */
	int			count;
	Piece		pieces[FLEXIBLE_ARRAY_MEMBER];
};

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

/* The next {column} of the template; false: there is none. */
static bool
next_column(const char *template, const char **open, const char **close)
{
	*open = strchr(template, '{');
	*close = *open != NULL ? strchr(*open, '}') : NULL;
	return *close != NULL;
}

static AttrNumber
column_number(const char *template, char *column, TupleDesc desc)
{
	int			number = desc == NULL ? SPI_ERROR_NOATTRIBUTE : SPI_fnumber(desc, column);

	/* Those of the system, below 0, are none that a row keeps. */
	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("cannot make a topic of \"%s\"", template),
				 desc == NULL ? errdetail("A TRUNCATE has no row.") :
				 errdetail("The table has no column \"%s\".", column),
				 desc == NULL ? 0 : errhint("If it was renamed, make the trigger anew or call fox_wamp.watch() again.")));
	return (AttrNumber) number;
}

/* Unless it is known of the type that its text is always the same. */
static bool
depends_on_settings(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
			return false;
		default:
			return !type_is_enum(getBaseType(type));
	}
}

FoxRowTopic *
fox_row_topic_read(const char *template, TupleDesc desc)
{
	FoxRowTopic *t = palloc0(offsetof(FoxRowTopic, pieces) + sizeof(Piece) * (strlen(template) + 1));
	const char *at = template;
	const char *open;
	const char *close;

	t->template = pstrdup(template);
	while (next_column(at, &open, &close))
	{
		if (open > at)
			t->pieces[t->count++].text = pnstrdup(at, open - at);
		t->pieces[t->count].column = column_number(template, pnstrdup(open + 1, close - open - 1), desc);
		t->by_settings |= depends_on_settings(SPI_gettypeid(desc, t->pieces[t->count].column));
		t->count++;
		at = close + 1;
	}
	if (*at != '\0')
		t->pieces[t->count++].text = pstrdup(at);
	return t;
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* As postgres_fdw has it; to be undone by AtEOXact_GUC(). */
static int
enter_settings(void)
{
	int			nest = NewGUCNestLevel();

	if (DateStyle != USE_ISO_DATES)
		set("datestyle", "ISO");
	if (strcmp(pg_get_timezone_name(session_timezone), "UTC") != 0)
		set("timezone", "UTC");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		set("intervalstyle", "postgres");
	if (extra_float_digits != 1)
		set("extra_float_digits", "1");
	if (bytea_output != BYTEA_OUTPUT_HEX)
		set("bytea_output", "hex");
	return nest;
}

char *
fox_row_topic_make(const FoxRowTopic *t, HeapTuple row, TupleDesc desc)
{
	StringInfoData topic;
	int			nest = t->by_settings ? enter_settings() : 0;

	initStringInfo(&topic);
	for (int i = 0; i < t->count; i++)
		if (t->pieces[i].text != NULL)
			appendStringInfoString(&topic, t->pieces[i].text);
		else
			append_component(&topic, SPI_getvalue(row, desc, t->pieces[i].column));
	if (t->by_settings)
		AtEOXact_GUC(true, nest);
	fox_topic_check(topic.data);
	return topic.data;
}

bool
fox_row_topic_separates(const FoxRowTopic *t)
{
	bool		separated = true;

	for (int i = 0; i < t->count; i++)
	{
		if (t->pieces[i].text != NULL)
			separated |= strchr(t->pieces[i].text, '.') != NULL;
		else if (!separated)
			return false;
		else
			separated = false;
	}
	return true;
}

bool
fox_row_topic_has(const FoxRowTopic *t, AttrNumber column)
{
	for (int i = 0; i < t->count; i++)
		if (t->pieces[i].text == NULL && t->pieces[i].column == column)
			return true;
	return false;
}

static Oid
operator_schema(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	schema = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return schema;
}

/* Appends the condition that a row has this one's value in the column; false: it is a NULL, which takes no argument. */
static bool
append_equal(StringInfo query, int argument, AttrNumber column, HeapTuple row, TupleDesc desc, Datum *value)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
	Oid			equal = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR)->eq_opr;
	Oid			schema;
	bool		isnull;

	*value = heap_getattr(row, column, desc, &isnull);
	appendStringInfo(query, " AND %s", quote_identifier(NameStr(attribute->attname)));
	if (isnull)
		appendStringInfoString(query, " IS NULL");
	else
	{
		if (OidIsValid(equal))
		{
			schema = operator_schema(equal);
			appendStringInfo(query, " OPERATOR(%s.%s) $%d AND %s", quote_identifier(get_namespace_name(schema)), get_opname(equal),
							 argument + 1, quote_identifier(NameStr(attribute->attname)));
		}
		/* What is equal may be written in two ways, like 1.0 and 1.00, and a topic is what is written. */
		appendStringInfo(query, "::pg_catalog.text COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.=) $%d::pg_catalog.text", argument + 1);
	}
	return !isnull;
}

bool
fox_row_topic_taken(const FoxRowTopic *t, Oid table, HeapTuple row, TupleDesc desc)
{
	Oid		   *types = palloc(sizeof(Oid) * Max(t->count, 1));
	Datum	   *values = palloc(sizeof(Datum) * Max(t->count, 1));
	int			n = 0;
	StringInfoData query;
	FoxAsOwner	saved;
	bool		taken;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT FROM %s WHERE true",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table)));
	for (int i = 0; i < t->count; i++)
		if (t->pieces[i].text == NULL && append_equal(&query, n, t->pieces[i].column, row, desc, &values[n]))
			types[n++] = TupleDescAttr(desc, t->pieces[i].column - 1)->atttypid;
	saved = fox_as_owner();
	SPI_connect();
	if (SPI_execute_with_args(query.data, n, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", query.data);
	taken = SPI_processed > 0;
	SPI_finish();
	fox_as_caller(saved);
	return taken;
}

char *
fox_row_topic_fixed(const char *template)
{
	const char *open;
	const char *close;
	const char *end = template;

	if (!next_column(template, &open, &close))
		return pstrdup(template);
	for (const char *p = template; p < open; p++)
		if (*p == '.')
			end = p;
	return end == template ? NULL : pnstrdup(template, end - template);
}

char *
fox_row_topic_regex(const char *template)
{
	StringInfoData regex;
	const char *open;
	const char *close;

	initStringInfo(&regex);
	appendStringInfoChar(&regex, '^');
	while (*template != '\0')
	{
		bool		column = next_column(template, &open, &close);
		const char *until = column ? open : template + strlen(template);

		for (; template < until; template++)
		{
			if (strchr(".^$*+?()[]{}|\\", *template) != NULL)
				appendStringInfoChar(&regex, '\\');
			appendStringInfoChar(&regex, *template);
		}
		if (!column)
			break;
		appendStringInfoString(&regex, "[^.]+");
		template = close + 1;
	}
	appendStringInfoChar(&regex, '$');
	return regex.data;
}

/* One that is deferrable counts too, which the relcache does not tell of. */
int
fox_primary_key(Relation table, AttrNumber **columns)
{
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;
	int			n = 0;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisprimary)
		{
			n = index->rd_index->indnkeyatts;
			*columns = palloc(sizeof(AttrNumber) * n);
			memcpy(*columns, index->rd_index->indkey.values, sizeof(AttrNumber) * n);
		}
		index_close(index, AccessShareLock);
	}
	return n;
}

char *
fox_row_topic_default(Relation table, bool keys)
{
	StringInfoData template;
	AttrNumber *columns = NULL;
	int			n = keys ? fox_primary_key(table, &columns) : 0;

	initStringInfo(&template);
	append_component(&template, get_namespace_name(RelationGetNamespace(table)));
	appendStringInfoChar(&template, '.');
	append_component(&template, RelationGetRelationName(table));
	for (int i = 0; i < n; i++)
		appendStringInfo(&template, ".{%s}", get_attname(RelationGetRelid(table), columns[i], false));
	return template.data;
}
