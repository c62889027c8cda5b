/*
 * publish_row.h - a row on its way to a topic, as the trigger publish_row() and fox_wamp.watch() see it.
 */
#ifndef FOX_PG_PUBLISH_ROW_H
#define FOX_PG_PUBLISH_ROW_H

#include "postgres.h"
#include "access/htup_details.h"

#include "pg/row_topic.h"

/* The third argument of the trigger: what becomes of a row. */
#define FOX_ROW_EVENT "event"
#define FOX_ROW_RETAIN "retain"	/* a retained value mirrors it */
#define FOX_ROW_FORGET "forget"	/* that value goes, for the row is not to be mirrored any more */

typedef struct FoxRowWay
{
	char	   *realm;
	FoxRowTopic *topic;
	int			count;			/* columns that are published; 0: all */
	AttrNumber *columns;
	TupleDesc	shape;			/* of those */
	char	   *table;			/* its name: of a partition that of the whole */
} FoxRowWay;

/* The columns named are those of the way; ERROR WF003 unless the row has them.  In the current memory context. */
extern void fox_row_way_columns(FoxRowWay *way, char **names, int count, TupleDesc desc);
/* The row as JSON text, in a list: [row]. */
extern char *fox_row_args(const FoxRowWay *way, HeapTuple row, TupleDesc desc);

#endif
