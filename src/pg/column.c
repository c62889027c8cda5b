/*
 * column.c - columns of the rows that a trigger sees (see column.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "pg/column.h"

TriggerData *
fox_trigger_data(FunctionCallInfo fcinfo, int columns)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	if (RelationGetDescr(data->tg_relation)->natts < columns)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("table \"%s\" is not one that this trigger knows", RelationGetRelationName(data->tg_relation))));
	return data;
}

FoxSlice
fox_text_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? FOX_ABSENT : fox_cstr(TextDatumGetCString(value));
}

FoxSlice
fox_json_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);
	Jsonb	   *jsonb;

	if (isnull)
		return FOX_ABSENT;
	jsonb = DatumGetJsonbP(value);
	return fox_cstr(JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
}

bool
fox_bool_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return !isnull && DatumGetBool(value);
}

uint64
fox_id_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? 0 : (uint64) DatumGetInt64(value);
}

FoxSlice
fox_quoted(FoxSlice text)
{
	StringInfoData s;

	if (fox_absent(text))
		return FOX_ABSENT;
	initStringInfo(&s);
	escape_json(&s, text.ptr);
	return fox_slice(s.data, s.len);
}

FoxSlice
fox_quoted_column(HeapTuple tuple, TupleDesc desc, int column)
{
	return fox_quoted(fox_text_column(tuple, desc, column));
}

FoxSlice
fox_boolean_column(HeapTuple tuple, TupleDesc desc, int column)
{
	if (heap_attisnull(tuple, column, desc))
		return FOX_ABSENT;
	return fox_bool_column(tuple, desc, column) ? FOX_LIT("true") : FOX_LIT("false");
}

FoxSlice
fox_integer_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? FOX_ABSENT : fox_cstr(psprintf("%d", DatumGetInt32(value)));
}

/* Two varlena columns of old and new row, byte by byte. */
bool
fox_same_column(HeapTuple a, HeapTuple b, TupleDesc desc, int column)
{
	bool		anull;
	bool		bnull;
	Datum		av = heap_getattr(a, column, desc, &anull);
	Datum		bv = heap_getattr(b, column, desc, &bnull);
	struct varlena *at;
	struct varlena *bt;

	if (anull || bnull)
		return anull == bnull;
	if (av == bv)
		return true;
	at = PG_DETOAST_DATUM_PACKED(av);
	bt = PG_DETOAST_DATUM_PACKED(bv);
	return VARSIZE_ANY_EXHDR(at) == VARSIZE_ANY_EXHDR(bt) &&
		memcmp(VARDATA_ANY(at), VARDATA_ANY(bt), VARSIZE_ANY_EXHDR(at)) == 0;
}
