/*
 * boot_sql.c - what an executor reads and clears up when a router starts.
 *
 * Wills come before the load, so that nobody sees a value whose owner is gone.
 * They are ordinary writes "if still the owner" and run in the writer's batches.
 * The load streams through a cursor: one snapshot, any size, little memory.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "codec/match.h"
#include "pg/boot_sql.h"
#include "pg/bounced.h"
#include "pg/config_row.h"
#include "pg/delivery_sql.h"
#include "pg/guc.h"
#include "pg/history_sql.h"
#include "pg/mqtt_sql.h"
#include "pg/portions.h"
#include "pg/unheard.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"
#include "pg/upkeep_sql.h"

#define WILL_BATCH 256
#define WILL_PORTION 50000
#define WILL_PATIENCE 50		/* tries for a will whose row is locked; each waits for lock_timeout */

/* Owners that are no more: sessions of another run of the router, backends that have ended. */
#define DEAD_OWNER \
	"(l.pid IS NULL AND l.boot_id IS DISTINCT FROM $1::int8" \
	" OR l.pid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_get_activity(l.pid) a" \
	" WHERE a.pid = l.pid AND a.backend_start = l.backend_start))"

/* --- wills --- */

/* The wills as writes, in the memory given; returns how many. */
static int
read_wills(uint64 boot_id, MemoryContext memory, FoxStoreItem **items)
{
	static void *plan = NULL;
	static FoxBuf wrapped = {0};	/* kept: an error may leave us on the way */
	const char *values[1];
	MemoryContext saved;
	int			n;

	fox_store_begin();
	values[0] = psprintf(INT64_FORMAT, (int64) boot_id);
	n = (int) fox_spi(&plan,
					  "SELECT l.realm, l.topic, l.owner::text, l.will::text FROM fox_wamp.lock l"
					  " WHERE " DEAD_OWNER " ORDER BY l.realm, l.topic LIMIT " CppAsString2(WILL_PORTION), 1, values);
	saved = MemoryContextSwitchTo(memory);
	*items = palloc0(sizeof(FoxStoreItem) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		FoxWrite   *w = &(*items)[i].write;

		w->kind = FOX_WRITE_PUT;
		w->only_owner = true;
		w->publication = fox_draw_id();
		w->realm = fox_cstr(SPI_getvalue(row, desc, 1));
		w->topic = fox_cstr(SPI_getvalue(row, desc, 2));
		w->session = (uint64) strtoll(SPI_getvalue(row, desc, 3), NULL, 10);
		fox_buf_reset(&wrapped);
		fox_will_value(fox_cstr(SPI_getvalue(row, desc, 4)), &w->args, &w->kwargs, &wrapped);
		if (wrapped.len > 0)
			w->args = fox_slice(pnstrdup(wrapped.data, wrapped.len), wrapped.len);
		if (fox_value_empty(w->args, w->kwargs, fox_guc_kwargs_are_headers))
			w->kind = FOX_WRITE_DELETE;
	}
	MemoryContextSwitchTo(saved);
	fox_store_commit();
	return n;
}

static void
report_will(const FoxStoreItem *item)
{
	if (item->outcome == FOX_OUTCOME_SLOW)
		ereport(WARNING,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("fox_wamp could not apply the will of topic \"%.*s\": its row is locked",
						(int) item->write.topic.len, item->write.topic.ptr),
				 errdetail("It is tried again every few seconds.")));
	else if (item->outcome == FOX_OUTCOME_REFUSED && item->why != FOX_REFUSED_CONDITION)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("fox_wamp could not apply the will of topic \"%.*s\": %s",
						(int) item->write.topic.len, item->write.topic.ptr, item->text ? item->text : "unknown error")));
}

/* True: there may be more.  Without patience what is locked is left for the next time, silently. */
static bool
apply_wills(uint64 boot_id, int patience)
{
	static MemoryContext memory = NULL;
	MemoryContext saved = CurrentMemoryContext;
	bool		complain = patience > 0;
	FoxStoreItem *items;
	int			n;

	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "fox_wamp wills", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(memory);
	n = read_wills(boot_id, memory, &items);
	MemoryContextSwitchTo(memory);
	for (int from = 0; from < n; from += WILL_BATCH)
	{
		int			count = Min(WILL_BATCH, n - from);

		CHECK_FOR_INTERRUPTS();
		fox_store_batch(items + from, count, false);
		for (int i = from; i < from + count; i++)
		{
			if (items[i].outcome == FOX_OUTCOME_SLOW)
				fox_bounce_seen(FOX_OUTCOME_SLOW, items[i].write.realm, items[i].write.topic, 0);
			/* The start of the router waits a little, not for ever. */
			while (items[i].outcome == FOX_OUTCOME_SLOW && patience-- > 0)
				fox_store_batch(items + i, 1, true);
			if (complain)
				report_will(items + i);
		}
	}
	MemoryContextSwitchTo(saved);
	MemoryContextReset(memory);
	return n >= WILL_PORTION && patience > 0;
}

/* Ownership of values that are gone; a value that could not take its will keeps its row. */
static void
drop_orphans(uint64 boot_id)
{
	static void *plan = NULL;
	const char *values[1];

	fox_store_begin();
	values[0] = psprintf(INT64_FORMAT, (int64) boot_id);
	fox_spi(&plan,
			"DELETE FROM fox_wamp.lock l WHERE " DEAD_OWNER
			" AND NOT EXISTS (SELECT FROM fox_wamp.retained r WHERE r.realm = l.realm AND r.topic = l.topic)",
			1, values);
	fox_store_commit();
}

void
fox_boot_clear(uint64 boot_id)
{
	static void *forget = NULL;

	/* First, for a second attempt must not drop what the router has written since. */
	if (forget == NULL)
	{
		/* Not TRUNCATE: its lock would wait for anybody who reads the table. */
		fox_store_begin();
		fox_spi(&forget, "DELETE FROM fox_wamp.registration", 0, NULL);
		fox_store_commit();
	}
	while (apply_wills(boot_id, WILL_PATIENCE))
		CHECK_FOR_INTERRUPTS();
	drop_orphans(boot_id);
	fox_delivery_clear();
	fox_delivery_owners();
	fox_mqtt_clear();
	while (fox_upkeep_expire())
		CHECK_FOR_INTERRUPTS();
}

void
fox_boot_sweep(uint64 boot_id)
{
	(void) apply_wills(boot_id, 0);
}

/* --- loading --- */

void
fox_boot_settings(const FoxBootSink *sink)
{
	static void *plan = NULL;
	const char *values[1];
	uint64		n;

	fox_store_begin();
	values[0] = psprintf("%u", MyDatabaseId);
	n = fox_spi(&plan,
				"SELECT split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)"
				" FROM pg_db_role_setting, unnest(setconfig) AS s"
				" WHERE setdatabase = $1::oid AND setrole = 0 AND s LIKE 'fox\\_wamp.%'", 1, values);
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		sink->setting(SPI_getvalue(row, SPI_tuptable->tupdesc, 1), SPI_getvalue(row, SPI_tuptable->tupdesc, 2));
	}
	fox_store_commit();
}

/* Of roles that inherit by GRANT, and of superusers, who need none; pg_has_role() knows the rules.  And limits of roles. */
static void
load_roles(const FoxBootSink *sink)
{
	static void *plan = NULL;
	FoxChange	change = {.kind = FOX_CHANGE_ROLES, .silent = true};

	(void) fox_spi(&plan,
				   "SELECT json_build_array(json_build_object("
				   "'members', (SELECT coalesce(json_object_agg(name, others), '{}') FROM ("
				   "SELECT m.rolname AS name, json_agg(r.rolname) AS others FROM pg_roles m, pg_roles r"
				   " WHERE NOT m.rolsuper AND m.oid <> r.oid AND m.oid IN (SELECT member FROM pg_auth_members)"
				   " AND r.oid IN (SELECT roleid FROM pg_auth_members) AND pg_has_role(m.oid, r.oid, 'USAGE')"
				   " GROUP BY m.rolname) AS member),"
				   " 'superusers', (SELECT json_agg(rolname) FROM pg_roles WHERE rolsuper),"
				   " 'limits', (SELECT json_object_agg(rolname, rolconnlimit) FROM pg_roles WHERE rolconnlimit >= 0)))::text", 0, NULL);
	change.args = fox_cstr(fox_spi_value(1));
	sink->row(&change);
}

/* Owned by a living backend: it is the owner in this router too. */
static void
load_retained_row(void *ctx, HeapTuple row, TupleDesc desc)
{
	const FoxBootSink *sink = ctx;
	FoxChange	change = {.kind = FOX_CHANGE_PUT, .silent = true};
	bool		isnull;
	Datum		payload = SPI_getbinval(row, desc, 5, &isnull);
	Datum		owner;
	Datum		pid;

	change.realm = fox_cstr(SPI_getvalue(row, desc, 1));
	change.topic = fox_cstr(SPI_getvalue(row, desc, 2));
	fox_store_value(SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 4), isnull ? NULL : DatumGetByteaPP(payload),
					SPI_getvalue(row, desc, 6), &change.args, &change.kwargs, &change.original);
	change.publication = (uint64) DatumGetInt64(SPI_getbinval(row, desc, 7, &isnull));
	owner = SPI_getbinval(row, desc, 8, &isnull);
	change.owner = isnull ? 0 : (uint64) DatumGetInt64(owner);
	pid = SPI_getbinval(row, desc, 9, &isnull);
	if (!isnull)
		change.pid = DatumGetInt32(pid);
	change.options = fox_cstr(SPI_getvalue(row, desc, 10));
	sink->row(&change);
}

static void
load_retained(const FoxBootSink *sink)
{
	fox_read_portions("SELECT r.realm, r.topic, r.args::text, r.kwargs::text, r.payload, r.format,"
					  " r.publication, l.owner, a.pid,"
					  " (CASE WHEN a.pid IS NULL THEN r.audience ELSE coalesce(r.audience, '{}') ||"
					  " jsonb_build_object('retain', true, 'will', l.will, 'will_on', l.will_on) END)::text"
					  " FROM fox_wamp.retained r"
					  " LEFT JOIN fox_wamp.lock l ON r.owned AND l.realm = r.realm AND l.topic = r.topic"
					  " LEFT JOIN pg_stat_get_activity(NULL) a"
					  " ON a.pid = l.pid AND a.backend_start = l.backend_start",
					  load_retained_row, unconstify(FoxBootSink *, sink));
}

void
fox_boot_load(const FoxBootSink *sink, bool at_start)
{
	int			nest;

	fox_store_begin();
	nest = NewGUCNestLevel();
	/* The writer's plans shun scans; this one is a scan. */
	set_config_option("enable_seqscan", "on", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	set_config_option("enable_hashjoin", "on", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	fox_config_load(sink);
	load_roles(sink);
	if (at_start)
		fox_past_load(sink);
	load_retained(sink);
	if (at_start)
		fox_mqtt_load(sink->mqtt);
	fox_unheard_load(sink->row);
	AtEOXact_GUC(true, nest);
	fox_store_commit();
}

void
fox_boot_roles(const FoxBootSink *sink)
{
	fox_store_begin();
	load_roles(sink);
	fox_store_commit();
}

/* --- settling --- */

static VirtualTransactionId *unsettled = NULL;

void
fox_settle_begin(void)
{
	Oid			schema;
	Oid			table;
	LOCKTAG		tag;
	VirtualTransactionId *conflicts;
	int			n = 0;

	if (unsettled != NULL)
		pfree(unsettled);
	unsettled = NULL;
	fox_store_begin();
	schema = get_namespace_oid("fox_wamp", true);
	table = OidIsValid(schema) ? get_relname_relid("retained", schema) : InvalidOid;
	if (OidIsValid(table))
	{
		SET_LOCKTAG_RELATION(tag, MyDatabaseId, table);
		conflicts = GetLockConflicts(&tag, ShareLock, &n);
		unsettled = MemoryContextAlloc(TopMemoryContext, sizeof(VirtualTransactionId) * (n + 1));
		memcpy(unsettled, conflicts, sizeof(VirtualTransactionId) * n);
		SetInvalidVirtualTransactionId(unsettled[n]);
	}
	fox_store_commit();
}

bool
fox_settled(void)
{
	int			from = 0;
	bool		settled;

	if (unsettled == NULL)
		return true;
	StartTransactionCommand();
	while (VirtualTransactionIdIsValid(unsettled[from]) && VirtualXactLock(unsettled[from], false))
		from++;
	settled = !VirtualTransactionIdIsValid(unsettled[from]);
	if (!settled && from > 0)
	{
		int			to = 0;

		while (VirtualTransactionIdIsValid(unsettled[from]))
			unsettled[to++] = unsettled[from++];
		SetInvalidVirtualTransactionId(unsettled[to]);
	}
	CommitTransactionCommand();
	if (settled)
	{
		pfree(unsettled);
		unsettled = NULL;
	}
	return settled;
}
