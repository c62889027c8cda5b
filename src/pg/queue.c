/*
 * queue.c - what durable handlers have yet to hear (see queue.h).
 *
 * Every process that publishes knows the durable handlers, by a read of fox_wamp.handler
 * that holds until the trigger there invalidates the table in every relation cache, which
 * is transactional.  The read takes the latest snapshot: what it finds serves later
 * transactions too.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "codec/json.h"
#include "core/core.h"
#include "pg/queue.h"
#include "pg/sqlarg.h"

#define HOPS_MAX 16

/* The handlers of one pattern, in a chain. */
typedef struct Durable
{
	struct Durable *next;
	char	   *id;
	FoxSlice	owner;
} Durable;

static MemoryContext memory = NULL;
static FoxMap realms = {0};		/* → FoxIndex of Durable */
static Oid	table = InvalidOid;
static bool known = false;
static bool handling = false;
static uint8 handled_hops;

/* --- knowing the handlers --- */

static void
table_changed(Datum arg, Oid relation)
{
	if (relation == table || !OidIsValid(relation))
		known = false;
}

static void
forget(void)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (memory == NULL)
	{
		memory = AllocSetContextCreate(TopMemoryContext, "fox_wamp durable handlers", ALLOCSET_SMALL_SIZES);
		CacheRegisterRelcacheCallback(table_changed, (Datum) 0);
	}
	while ((slot = fox_map_next(&realms, &pos)) != NULL)
		fox_index_free(slot->value);
	fox_map_free(&realms);
	realms = (FoxMap) {0};
	MemoryContextReset(memory);
}

static void
no_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory")));
}

static FoxIndex *
index_of(FoxSlice realm)
{
	FoxIndex   *index = fox_map_get(&realms, realm);

	if (index == NULL)
	{
		index = palloc0(sizeof(FoxIndex));
		if (!fox_map_put(&realms, realm, index))
			no_memory();
	}
	return index;
}

/* Columns: realm, pattern, match, id, owner. */
static void
know(HeapTuple row, TupleDesc desc)
{
	FoxIndex   *index = index_of(fox_cstr(SPI_getvalue(row, desc, 1)));
	FoxSlice	pattern = fox_cstr(SPI_getvalue(row, desc, 2));
	Durable    *handler = palloc0(sizeof(*handler));
	Durable    *first;
	FoxMatchKind kind;

	if (!fox_match_named(fox_cstr(SPI_getvalue(row, desc, 3)), &kind))
		return;
	handler->id = SPI_getvalue(row, desc, 4);
	handler->owner = fox_cstr(SPI_getvalue(row, desc, 5));
	first = fox_index_get(index, pattern, kind);
	if (first != NULL)
	{
		handler->next = first->next;
		first->next = handler;
	}
	else if (!fox_index_put(index, pattern, kind, handler))
		no_memory();
}

static void
read_handlers(void)
{
	FoxAsOwner	saved = fox_as_owner();
	MemoryContext caller;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute("SELECT realm, pattern, match, id, owner FROM fox_wamp.receiver WHERE durable ORDER BY id", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read fox_wamp.receiver");
	caller = MemoryContextSwitchTo(memory);
	for (uint64 i = 0; i < SPI_processed; i++)
		know(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(caller);
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
}

static void
know_handlers(void)
{
	forget();
	table = get_relname_relid("handler", get_namespace_oid("fox_wamp", false));
	if (!OidIsValid(table))
		return;					/* the extension is of an earlier version than the library */
	/* What changes while we read is to be read again. */
	known = true;
	PG_TRY();
	{
		read_handlers();
	}
	PG_CATCH();
	{
		known = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* --- who hears it --- */

typedef struct Visit
{
	const FoxChange *change;
	bool		any;
	void		(*fn) (const FoxChange *change, const Durable *handler);	/* NULL: whether there is any is all */
} Visit;

static void
visit(void *ctx, void *value)
{
	Visit	   *v = ctx;

	for (const Durable *handler = value; handler != NULL; handler = handler->next)
	{
		if (!fox_absent(v->change->options) && !fox_audience_has(v->change->options, 0, FOX_LIT("handler"), handler->owner))
			continue;
		v->any = true;
		if (v->fn != NULL)
			v->fn(v->change, handler);
	}
}

static bool
is_event(const FoxChange *c)
{
	return (c->kind == FOX_CHANGE_EVENT || c->kind == FOX_CHANGE_PUT || c->kind == FOX_CHANGE_DELETE) && !c->silent;
}

static bool
visit_handlers(const FoxChange *c, void (*fn) (const FoxChange *change, const Durable *handler))
{
	Visit		v = {c, false, fn};
	FoxIndex   *index;

	/* Who may see a row is not for the publisher to find out: the router queues it, when it knows. */
	if (!is_event(c) || (!fox_absent(c->options) && !fox_absent(fox_json_get(c->options, "fox_wamp.row"))))
		return false;
	if (!known)
		know_handlers();
	index = realms.count > 0 ? fox_map_get(&realms, c->realm) : NULL;
	if (index != NULL)
		fox_index_match(index, c->topic, visit, &v);
	return v.any;
}

/* Values that come out of a dump, as its script sets it up: their events were handled, or are in the dump as well. */
static bool
is_restored(void)
{
	return !check_function_bodies && !row_security;
}

bool
fox_queue_takes(const FoxChange *change)
{
	return !is_restored() && visit_handlers(change, NULL);
}

/* --- writing --- */

static void
write_row(const FoxChange *c, const Durable *handler)
{
	static void *plan = NULL;
	const char *values[6] = {
		handler->id, psprintf(UINT64_FORMAT, c->publication), psprintf("%u", c->hops), pnstrdup(c->topic.ptr, c->topic.len),
		fox_jsonb_text(c->args, NULL), fox_jsonb_text(c->kwargs, NULL)
	};

	fox_spi(&plan,
			"INSERT INTO fox_wamp.delivery (handler, publication, hops, topic, args, kwargs)"
			" VALUES ($1::pg_catalog.int8, $2::pg_catalog.int8, $3::pg_catalog.int2, $4, $5::pg_catalog.jsonb, $6::pg_catalog.jsonb)",
			6, values);
}

void
fox_queue_write(const FoxChange *change)
{
	FoxAsOwner	saved = fox_as_owner();

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) visit_handlers(change, write_row);
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
}

/* --- handlers that publish --- */

void
fox_queue_handling(uint8 hops)
{
	handling = true;
	handled_hops = hops;
}

void
fox_queue_handling_end(void)
{
	handling = false;
}

uint8
fox_queue_hops(const FoxChange *change)
{
	if (!handling || !is_event(change))
		return 0;
	if (handled_hops + 1 > HOPS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("handlers have set off one another %d times in a row", HOPS_MAX),
				 errdetail("The last one was about to publish to \"%.*s\".", (int) change->topic.len, change->topic.ptr)));
	return handled_hops + 1;
}
