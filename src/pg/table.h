/*
 * table.h - tables that callers read and write: a row by its primary key, and requests.
 *
 *   table_key.c      which row an ID names
 *   table_request.c  the verbs: fox_wamp.table_request()
 *   table_write.c    statements that write
 *   table_batch.c    many in one transaction: fox_wamp.batch()
 *
 * All of it runs in the caller's role, so that GRANT and row-level security decide.
 */
#ifndef FOX_PG_TABLE_H
#define FOX_PG_TABLE_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "pg_config_manual.h"
#include "utils/rel.h"

#include "base/slice.h"
#include "pg/caller.h"
#include "pg/routine.h"

/* What an exposed table is called by. */
#define FOX_TABLE_REQUEST "fox_wamp.table_request(text,json,text,json,json,text,bigint,bigint)"

/* All columns of a row that is set, and behind them its key. */
#define FOX_TABLE_VALUES_MAX (MaxHeapAttributeNumber + INDEX_MAX_KEYS)

/* Values of columns of a table, as parameters of a statement. */
typedef struct FoxTableValues
{
	int			n;
	int			columns[FOX_TABLE_VALUES_MAX];	/* attribute numbers */
	Oid			types[FOX_TABLE_VALUES_MAX];
	Datum		values[FOX_TABLE_VALUES_MAX];
	char		nulls[FOX_TABLE_VALUES_MAX];	/* as SPI has them */
} FoxTableValues;

typedef struct FoxTable
{
	Relation	relation;
	const char *name;			/* qualified and quoted */
	int			key_n;			/* columns of the primary key; 0: there is none */
	int			key[INDEX_MAX_KEYS];	/* their attribute numbers */
} FoxTable;

/* --- table_key.c --- */

/* Opens the table of that qualified name; it is closed at the transaction's end. ERROR when there is none. */
extern void fox_table_open(const char *name, FoxTable *out);
extern const char *fox_table_column(const FoxTable *t, int column);	/* its name, quoted */
/* The column of that name; the very name goes before the only one that differs by case.  0: there is none. */
extern int	fox_table_column_named(const FoxTable *t, const char *name);

/* Adds a value of a column, by the text that its type takes; NULL: it is null. */
extern void fox_table_add(const FoxTable *t, int column, char *literal, FoxTableValues *out);
/*
 * Adds those of the primary key.  encoded: as it stands in a path, a composite key with commas between its parts;
 * json: a scalar, or an array of them.  Returns the ID as text.  ERROR in the stage FOX_STAGE_RECORD when it can be none.
 */
extern char *fox_table_add_id(const FoxTable *t, FoxSlice encoded, FoxSlice json, FoxTableValues *out);
/* Appends " WHERE a = $n AND …" of the values from the first-th on. */
extern void fox_table_where(const FoxTable *t, const FoxTableValues *values, int first, StringInfo sql);
/* Runs it with the values as parameters, with SPI connected; how many rows there are. */
extern uint64 fox_table_run(const char *sql, FoxTableValues *values);
/* ERROR: there is no such row, or the caller does not see it. */
extern void fox_table_no_row(void) pg_attribute_noreturn();

/*
 * The row that the call of a bound function is about, which the path or kwargs' `id` names: fox_caller_row(), and of
 * FOX_BOUND_ROW the first argument.  *kwargs is without the ID afterwards.  Between fox_routine_bind_begin() and _end().
 */
extern void fox_table_bind(const FoxRoutine *f, const FoxCaller *caller, FoxSlice *kwargs, FoxRoutineValues *out);

/* --- table_write.c --- */

/* Inserts a JSON object's members; the ID as JSON, NULL if the caller may not know it.  *id: the same as it stands in a path. */
extern char *fox_table_insert(const FoxTable *t, FoxSlice row, char **id);
/* Sets them in the row that the values of the primary key name. */
extern void fox_table_update(const FoxTable *t, FoxTableValues *key, FoxSlice row);
extern void fox_table_delete(const FoxTable *t, FoxTableValues *key);

#endif
