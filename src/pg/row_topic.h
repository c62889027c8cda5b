/*
 * row_topic.h - topics made of a template and a row's columns: shop.order.{id}.
 *
 * A column is one component.  What its value may not have in a topic is written as in a
 * URL, %2E for a dot, so that two rows never share a topic by accident; an empty value is
 * "%", a NULL "%00".
 */
#ifndef FOX_PG_ROW_TOPIC_H
#define FOX_PG_ROW_TOPIC_H

#include "postgres.h"
#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

typedef struct FoxRowTopic FoxRowTopic;

/* Reads the template, in the current memory context; ERROR WF003 unless the row has its columns. */
extern FoxRowTopic *fox_row_topic_read(const char *template, TupleDesc desc);
/*
 * The topic of a row, which is a valid one; row may be NULL where the template has no column.
 * It does not depend on the settings of who asks: times are ISO 8601, in UTC.
 */
extern char *fox_row_topic_make(const FoxRowTopic *t, HeapTuple row, TupleDesc desc);
/* Are rows that differ in its columns sure to have different topics?  There must be a dot between two of them. */
extern bool fox_row_topic_separates(const FoxRowTopic *t);
extern bool fox_row_topic_has(const FoxRowTopic *t, AttrNumber column);
/* Has the table a row, as it is now, that makes the same topic as this one of it (or of a part of it)? */
extern bool fox_row_topic_taken(const FoxRowTopic *t, Oid table, HeapTuple row, TupleDesc desc);
/* What is before the first component that is not fixed; NULL: nothing. */
extern char *fox_row_topic_fixed(const char *template);
/* A regular expression for all topics that the template makes. */
extern char *fox_row_topic_regex(const char *template);

/* The columns of the table's primary key in their order; 0: it has none. */
extern int	fox_primary_key(Relation table, AttrNumber **columns);
/* schema.table, and with keys .{column} for each column of the primary key. */
extern char *fox_row_topic_default(Relation table, bool keys);

#endif
