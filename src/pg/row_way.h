/*
 * row_way.h - what publish_row() makes of the rows that a trigger shows it: read from the trigger's arguments once.
 */
#ifndef FOX_PG_ROW_WAY_H
#define FOX_PG_ROW_WAY_H

#include "postgres.h"
#include "access/tupconvert.h"
#include "commands/trigger.h"
#include "fmgr.h"

#include "pg/row_json.h"
#include "pg/row_topic.h"

/* The third argument of the trigger: what becomes of a row, and whether only those hear of it who may see it. */
#define FOX_ROW_EVENT "event"
#define FOX_ROW_RETAIN "retain" /* a retained value mirrors it */
#define FOX_ROW_FORGET "forget" /* that value goes, for the row is not to be mirrored any more */

#define FOX_ROW_SECURITY " row_security"	/* behind one of these */

typedef enum FoxRowMode
{
	FOX_ROW_IS_EVENT,
	FOX_ROW_IS_RETAINED,
	FOX_ROW_IS_FORGOTTEN
} FoxRowMode;

typedef struct FoxRowWay
{
	FoxRowMode	mode;
	bool		secured;
	char	   *secured_by;		/* the table whose policies count, quoted and with its schema */
	TupleDesc	secured_desc;	/* of its rows, if that of a partition is another; else NULL */
	TupleConversionMap *to_secured;
	char	   *realm;
	FoxRowTopic *topic;
	int			count;			/* columns that are published; 0: all */
	AttrNumber *columns;
	TupleDesc	shape;			/* of those */
	FoxRowJson *json;			/* how they are written */
	char	   *table;			/* its name: of a partition that of the whole */
} FoxRowWay;

/* Reads the third argument; false: it is none of those. */
extern bool fox_row_mode(const char *text, FoxRowMode *mode, bool *secured);
/* The columns named are those of the way; ERROR WF003 unless the row has them.  In the current memory context. */
extern void fox_row_way_columns(FoxRowWay *way, char **names, int count, TupleDesc desc);
/*
 * The way of the trigger that fcinfo is called for.  It is kept for the backend's later statements until the
 * table, or what its name depends on, changes, and is valid to the end of the transaction in any case.
 */
extern FoxRowWay *fox_row_way_of(FunctionCallInfo fcinfo);
/* The table that the trigger was made for: a partition has only a copy of it. */
extern Oid	fox_row_way_table(const TriggerData *t);

#endif
