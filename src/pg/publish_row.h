/*
 * publish_row.h - a row on its way to a topic, as the trigger publish_row() and fox_wamp.watch() see it.
 */
#ifndef FOX_PG_PUBLISH_ROW_H
#define FOX_PG_PUBLISH_ROW_H

#include "postgres.h"
#include "access/htup_details.h"
#include "access/tupconvert.h"

#include "pg/row_topic.h"

/* The third argument of the trigger: what becomes of a row, and whether only those hear of it who may see it. */
#define FOX_ROW_EVENT "event"
#define FOX_ROW_RETAIN "retain"	/* a retained value mirrors it */
#define FOX_ROW_FORGET "forget"	/* that value goes, for the row is not to be mirrored any more */

#define FOX_ROW_SECURITY " row_security"	/* behind one of these */

typedef struct FoxRowWay
{
	bool		secured;
	char	   *secured_by;		/* the table whose policies count, quoted and with its schema */
	TupleDesc	secured_desc;	/* of its rows, if that of a partition is another; else NULL */
	TupleConversionMap *to_secured;
	char	   *realm;
	FoxRowTopic *topic;
	int			count;			/* columns that are published; 0: all */
	AttrNumber *columns;
	TupleDesc	shape;			/* of those */
	char	   *table;			/* its name: of a partition that of the whole */
} FoxRowWay;

/* Is the mode one of those three, with or without row security? */
extern bool fox_row_mode_is(const char *mode, const char *which);
extern bool fox_row_mode_secured(const char *mode);
/*
 * What core/sight.h wants of a row (NULL: of the table alone) and of the former one, as options of
 * a publish or audience of a value: {"fox_wamp.row":{…}}.  former_args, former_kwargs: JSON, or NULL.
 */
extern char *fox_row_sight(const FoxRowWay *way, HeapTuple row, HeapTuple former, TupleDesc desc, const char *former_args,
						   const char *former_kwargs);
/* The columns named are those of the way; ERROR WF003 unless the row has them.  In the current memory context. */
extern void fox_row_way_columns(FoxRowWay *way, char **names, int count, TupleDesc desc);
/* The row as JSON text, in a list: [row]. */
extern char *fox_row_args(const FoxRowWay *way, HeapTuple row, TupleDesc desc);

#endif
