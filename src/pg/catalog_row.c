/*
 * catalog_row.c - rows of fox_wamp.service_address as the router has them (core/catalog.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "pg/catalog_row.h"
#include "pg/column.h"
#include "pg/sqlarg.h"

#define MICROSECONDS_1970 ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static void
append_bound(StringInfo out, const char *name, const RangeBound *bound)
{
	fox_append_member(out, name, bound->infinite ? FOX_LIT("null") : fox_cstr(psprintf(INT64_FORMAT, DatumGetInt64(bound->val))));
}

/* Of integers it is always [from, to). */
static void
append_range(StringInfo out, HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column, desc, &isnull);
	TypeCacheEntry *type = lookup_type_cache(INT8RANGEOID, TYPECACHE_RANGE_INFO);
	RangeBound	from;
	RangeBound	to;
	bool		empty;

	if (isnull)
		return;
	range_deserialize(type, DatumGetRangeTypeP(value), &from, &to, &empty);
	append_bound(out, "from", &from);
	append_bound(out, "to", &to);
}

static void
append_time(StringInfo out, const char *name, HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	TimestampTz value = DatumGetTimestampTz(heap_getattr(row, column, desc, &isnull));

	if (!isnull && !TIMESTAMP_NOT_FINITE(value))
		fox_append_member(out, name, fox_cstr(psprintf(INT64_FORMAT, Max(value + MICROSECONDS_1970, 0))));
}

/* service_address: id, realm, service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at, added */
bool
fox_catalog_row(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "url", fox_quoted_column(row, desc, 4));
	fox_append_member(&args, "node", fox_quoted_column(row, desc, 5));
	fox_append_member(&args, "uri_prefix", fox_quoted_column(row, desc, 6));
	fox_append_member(&args, "contract", fox_quoted_column(row, desc, 7));
	append_range(&args, row, desc, 8);
	fox_append_member(&args, "modulus", fox_integer_column(row, desc, 9));
	fox_append_member(&args, "remainder", fox_integer_column(row, desc, 10));
	append_time(&args, "expires_us", row, desc, 11);
	append_time(&args, "added_us", row, desc, 12);
	change->realm = fox_text_column(row, desc, 2);
	change->topic = fox_text_column(row, desc, 3);
	change->args = fox_cstr(psprintf("[{%s}]", args.data + 1));
	change->kwargs = fox_quoted_column(row, desc, 1);
	return true;
}
