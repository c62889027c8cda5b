/*
 * column.h - columns of the rows that a trigger sees.
 *
 * Columns are counted from 1, in the order of the extension's script: upgrades append.
 * What is returned is palloc'ed.
 */
#ifndef FOX_PG_COLUMN_H
#define FOX_PG_COLUMN_H

#include "postgres.h"
#include "access/htup.h"
#include "commands/trigger.h"
#include "fmgr.h"

#include "base/slice.h"

/* What the trigger was called with; ERROR 39P01 if it was not, or for a table of fewer columns. */
extern TriggerData *fox_trigger_data(FunctionCallInfo fcinfo, int columns);

/* Absent, false and 0 when the column is null. */
extern FoxSlice fox_text_column(HeapTuple tuple, TupleDesc desc, int column);
extern FoxSlice fox_json_column(HeapTuple tuple, TupleDesc desc, int column);
extern bool fox_bool_column(HeapTuple tuple, TupleDesc desc, int column);
extern uint64 fox_id_column(HeapTuple tuple, TupleDesc desc, int column);

/* The same as JSON; absent when it is null. */
extern FoxSlice fox_quoted_column(HeapTuple tuple, TupleDesc desc, int column);	/* of a text */
extern FoxSlice fox_boolean_column(HeapTuple tuple, TupleDesc desc, int column);
extern FoxSlice fox_integer_column(HeapTuple tuple, TupleDesc desc, int column);
/* A text as a JSON string; absent when that is. */
extern FoxSlice fox_quoted(FoxSlice text);

/* Two varlena columns of old and new row, byte by byte. */
extern bool fox_same_column(HeapTuple a, HeapTuple b, TupleDesc desc, int column);

#endif
