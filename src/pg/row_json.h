/*
 * row_json.h - a row as the JSON object that row_to_json() makes of it, by a plan that is made once.
 *
 * row_to_json() looks up anew for each row what the columns' types are and how they are written,
 * which costs more than the writing.
 */
#ifndef FOX_PG_ROW_JSON_H
#define FOX_PG_ROW_JSON_H

#include "postgres.h"
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"

typedef struct FoxRowJson FoxRowJson;

/*
 * The plan for rows of desc, in the current memory context; it keeps no pointer to desc.  Arrays, composite values and
 * types that are not PostgreSQL's own leave the row to row_to_json().
 */
extern FoxRowJson *fox_row_json_plan(TupleDesc desc);
/* Appends the row, whose columns are those of the plan. */
extern void fox_row_json_append(FoxRowJson *plan, HeapTuple row, TupleDesc desc, StringInfo out);

#endif
