/*
 * row_json.c - rows as JSON (see row_json.h).
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/row_json.h"

typedef enum Form
{
	FORM_BOOL,
	FORM_INT2,
	FORM_INT4,
	FORM_INT8,
	FORM_NUMBER,				/* NaN and the infinite ones as strings */
	FORM_TEXT,
	FORM_DATETIME,				/* ISO 8601, whatever the settings */
	FORM_JSON,
	FORM_JSONB,
	FORM_STRING					/* what the type's output function makes */
} Form;

typedef struct Column
{
	char	   *name;			/* "name": or ,"name": */
	int			name_length;
	int			number;			/* from 0 */
	Oid			type;			/* of a domain the base */
	Form		form;
	FmgrInfo	output;
} Column;

struct FoxRowJson
{
	bool		left;			/* to row_to_json() */
	Datum	   *values;
	bool	   *nulls;
	int			count;
	Column		columns[FLEXIBLE_ARRAY_MEMBER];
};

/* False: the type is none that is written here. */
static bool
form_of(Oid type, Form *form)
{
	switch (type)
	{
		case BOOLOID:
			*form = FORM_BOOL;
			break;
		case INT2OID:
			*form = FORM_INT2;
			break;
		case INT4OID:
			*form = FORM_INT4;
			break;
		case INT8OID:
			*form = FORM_INT8;
			break;
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			*form = FORM_NUMBER;
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			*form = FORM_TEXT;
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*form = FORM_DATETIME;
			break;
		case JSONOID:
			*form = FORM_JSON;
			break;
		case JSONBOID:
			*form = FORM_JSONB;
			break;
		default:
			/* Somebody may have made a cast to json for another's type, at any time. */
			if (type >= FirstNormalObjectId || type_is_array(type) || type_is_rowtype(type))
				return false;
			*form = FORM_STRING;
			break;
	}
	return true;
}

static char *
name_of(const char *name, bool first)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	if (!first)
		appendStringInfoChar(&quoted, ',');
	escape_json(&quoted, name);
	appendStringInfoChar(&quoted, ':');
	return quoted.data;
}

FoxRowJson *
fox_row_json_plan(TupleDesc desc)
{
	FoxRowJson *plan = palloc0(offsetof(FoxRowJson, columns) + sizeof(Column) * desc->natts);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Column	   *c = &plan->columns[plan->count];
		Oid			output;
		bool		varlena;

		if (attribute->attisdropped)
			continue;
		c->number = i;
		c->type = getBaseType(attribute->atttypid);
		if (!form_of(c->type, &c->form))
		{
			plan->left = true;
			return plan;
		}
		getTypeOutputInfo(c->type, &output, &varlena);
		fmgr_info_cxt(output, &c->output, CurrentMemoryContext);
		c->name = name_of(NameStr(attribute->attname), plan->count == 0);
		c->name_length = strlen(c->name);
		plan->count++;
	}
	plan->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	plan->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	return plan;
}

static void
append_bytes(StringInfo out, text *t)
{
	appendBinaryStringInfo(out, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

static void
append_text(StringInfo out, Datum value)
{
	text	   *t = DatumGetTextPP(value);
	const char *bytes = VARDATA_ANY(t);
	int			length = VARSIZE_ANY_EXHDR(t);

	for (int i = 0; i < length; i++)
		if ((unsigned char) bytes[i] < ' ' || bytes[i] == '"' || bytes[i] == '\\')
		{
			escape_json(out, text_to_cstring(t));
			return;
		}
	appendStringInfoChar(out, '"');
	appendBinaryStringInfo(out, bytes, length);
	appendStringInfoChar(out, '"');
}

static void
append_int(StringInfo out, int64 value)
{
	char		digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(out, digits, pg_lltoa(value, digits));
}

static void
append_datetime(StringInfo out, Datum value, Oid type)
{
	char		text[MAXDATELEN + 1];

	appendStringInfoChar(out, '"');
	appendStringInfoString(out, JsonEncodeDateTime(text, value, type, NULL));
	appendStringInfoChar(out, '"');
}

static void
append_number(StringInfo out, const char *digits)
{
	if (IsValidJsonNumber(digits, strlen(digits)))
		appendStringInfoString(out, digits);
	else
		escape_json(out, digits);
}

static void
append_value(StringInfo out, Column *c, Datum value)
{
	switch (c->form)
	{
		case FORM_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case FORM_INT2:
			append_int(out, DatumGetInt16(value));
			break;
		case FORM_INT4:
			append_int(out, DatumGetInt32(value));
			break;
		case FORM_INT8:
			append_int(out, DatumGetInt64(value));
			break;
		case FORM_NUMBER:
			append_number(out, OutputFunctionCall(&c->output, value));
			break;
		case FORM_TEXT:
			append_text(out, value);
			break;
		case FORM_DATETIME:
			append_datetime(out, value, c->type);
			break;
		case FORM_JSON:
			append_bytes(out, DatumGetTextPP(value));
			break;
		case FORM_JSONB:
			(void) JsonbToCString(out, &DatumGetJsonbP(value)->root, VARSIZE_ANY(DatumGetPointer(value)));
			break;
		case FORM_STRING:
			escape_json(out, OutputFunctionCall(&c->output, value));
			break;
	}
}

static void
append_whole(StringInfo out, HeapTuple row, TupleDesc desc)
{
	append_bytes(out, DatumGetTextPP(DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(row, desc))));
}

void
fox_row_json_append(FoxRowJson *plan, HeapTuple row, TupleDesc desc, StringInfo out)
{
	if (plan->left)
	{
		append_whole(out, row, desc);
		return;
	}
	heap_deform_tuple(row, desc, plan->values, plan->nulls);
	appendStringInfoChar(out, '{');
	for (int i = 0; i < plan->count; i++)
	{
		Column	   *c = &plan->columns[i];

		appendBinaryStringInfo(out, c->name, c->name_length);
		if (plan->nulls[c->number])
			appendStringInfoString(out, "null");
		else
			append_value(out, c, plan->values[c->number]);
	}
	appendStringInfoChar(out, '}');
}
