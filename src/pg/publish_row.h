/*
 * publish_row.h - a row on its way to a topic, as the trigger publish_row() and fox_wamp.watch() see it.
 */
#ifndef FOX_PG_PUBLISH_ROW_H
#define FOX_PG_PUBLISH_ROW_H

#include "postgres.h"
#include "access/htup_details.h"

#include "pg/row_way.h"

/*
 * What core/sight.h wants of a row (NULL: of the table alone) and of the former one, as options of
 * a publish or audience of a value: {"fox_wamp.row":{…}}.  former_args, former_kwargs: JSON, or NULL.
 */
extern char *fox_row_sight(const FoxRowWay *way, HeapTuple row, HeapTuple former, TupleDesc desc, const char *former_args,
						   const char *former_kwargs);
/* The row as JSON text, in a list: [row]. */
extern char *fox_row_args(const FoxRowWay *way, HeapTuple row, TupleDesc desc);

#endif
