/*
 * ring.c - the commit ring: what transactions hand to the router, in order.
 *
 * A transaction collects its entries in its own memory, takes their places in
 * PRE_COMMIT and flips their state at COMMIT or ABORT.  The place is taken before
 * the commit so that a transaction which waits for our row locks can only come
 * after us; the flip neither allocates nor fails, because by then the commit is
 * durable.
 *
 * The router's side is ring_drain.c.
 *
 * What durable handlers hear is written to their queue at PRE_COMMIT as well (queue.h), and
 * what MQTT sessions keep beside theirs (unheard.h), for the same reason: so it has the order
 * of conflicting transactions.
 *
 * Values that would crowd the ring travel in a segment of their own.  Its pin
 * passes with the entry: the reader drops it after reading, the writer if the
 * transaction aborts, and whoever comes second if the ring was withdrawn between.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/queue.h"
#include "pg/ring.h"
#include "pg/ring_seg.h"
#include "pg/sqlarg.h"
#include "pg/unheard.h"

#define SIDE_LIMIT 65536
#define COLLECT_LIMIT ((Size) 512 * 1024 * 1024)

typedef struct Collected
{
	int			nest;			/* subtransaction level that it falls with */
	FoxEntry   *placed;			/* in the ring, once it has a place */
	dsm_handle	side;
	Size		bytes;			/* behind the header */
	FoxEntry		entry;			/* followed by the bytes */
} Collected;

/* Bytes follow the header in Collected as they do in the ring. */
#define COLLECTED_BYTES(c) ((char *) (c) + MAXALIGN(sizeof(Collected)))

/* The mapped ring. */
static dsm_segment *ring_segment = NULL;
static FoxRingHeader *ring = NULL;
static FoxSlot *ring_slot = NULL;

/* What this transaction has collected; the memory is the transaction's. */
static Collected **collected = NULL;
static int	n_collected = 0;
static int	max_collected = 0;
static Size collected_bytes = 0;
static bool placing = false;	/* PRE_COMMIT has begun: later entries get their place at once */
static bool lost = false;		/* entries were left out */
static bool noticed = false;	/* the NOTICE of this transaction has been given */
static FoxRingHeader *placed_in = NULL;


/* --- mapping --- */

void
fox_ring_unmap(void)
{
	/* The mapping is pinned, so no resource owner knows of it. */
	if (ring_segment != NULL)
		dsm_detach(ring_segment);
	ring_segment = NULL;
	ring = NULL;
}

void
fox_ring_adopt(dsm_segment *segment, FoxSlot *slot)
{
	ring_segment = segment;
	ring = dsm_segment_address(segment);
	ring_slot = slot;
}

FoxRingHeader *
fox_ring_mapped(void)
{
	return ring;
}

FoxRingHeader *
fox_ring_attach(void)
{
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);
	dsm_handle	handle;
	dsm_segment *segment;
	FoxRingHeader *header;

	if (slot == NULL)
		return NULL;
	ring_slot = slot;
	handle = slot->ring;
	if (handle == DSM_HANDLE_INVALID)
		return NULL;
	if (ring != NULL && dsm_segment_handle(ring_segment) == handle)
		return pg_atomic_read_u32(&ring->withdrawn) ? NULL : ring;

	/* Entries of this transaction that have a place still need the old mapping. */
	if (placed_in != NULL)
		return NULL;
	fox_ring_unmap();

	(void) fox_shmem_tranche();
	segment = dsm_attach(handle);
	if (segment == NULL)
		return NULL;			/* the router ended between */
	header = dsm_segment_address(segment);
	if (header->magic != FOX_RING_MAGIC)
	{
		dsm_detach(segment);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the router of this database runs another version of fox_wamp"),
				 errhint("Reconnect, or run SELECT fox_wamp.restart().")));
	}
	dsm_pin_mapping(segment);
	ring_segment = segment;
	ring = header;
	return pg_atomic_read_u32(&ring->withdrawn) ? NULL : ring;
}

void
fox_ring_no_router(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_NOT_RUNNING),
			 errmsg("no fox_wamp router runs for this database"),
			 errhint("SELECT fox_wamp.start();")));
}

/* --- taking a place --- */

/* With the lock held.  NULL: no room. */
static FoxEntry *
take_place(FoxRingHeader *r, uint32 length, uint64 *head)
{
	uint64		tail = pg_atomic_read_u64(&r->tail);
	Size		place = *head % r->size;
	Size		skip = r->size - place >= length ? 0 : r->size - place;
	FoxEntry   *e;

	if (*head + skip + length - tail > r->size)
		return NULL;
	if (skip > 0)
	{
		e = (FoxEntry *) (FOX_RING_DATA(r) + place);
		e->length = skip;
		pg_atomic_write_u32(&e->state, FOX_ENTRY_WRAP);
		*head += skip;
		place = 0;
	}
	*head += length;
	return (FoxEntry *) (FOX_RING_DATA(r) + place);
}

static uint32
ring_length(const Collected *c)
{
	Size		inner = c->side == DSM_HANDLE_INVALID ? c->bytes : 0;

	return MAXALIGN(MAXALIGN(sizeof(FoxEntry)) + inner);
}

/* Moves the bytes of a large entry into a segment of its own. False: no segment to be had. */
static bool
make_side(Collected *c)
{
	dsm_segment *segment = dsm_create(Max(c->bytes, 1), DSM_CREATE_NULL_IF_MAXSEGMENTS);

	if (segment == NULL)
		return false;
	memcpy(dsm_segment_address(segment), COLLECTED_BYTES(c), c->bytes);
	dsm_pin_segment(segment);
	c->side = dsm_segment_handle(segment);
	dsm_detach(segment);
	return true;
}

static void
drop_side(Collected *c)
{
	if (c->side != DSM_HANDLE_INVALID)
		dsm_unpin_segment(c->side);
	c->side = DSM_HANDLE_INVALID;
}

static bool
needs_side(const FoxRingHeader *r, const Collected *c)
{
	return c->bytes > Min(SIDE_LIMIT, r->size / 8);
}

/* Gives the entries from first on their places; false when one or more found no room. */
static bool
place_entries(FoxRingHeader *r, Collected **list, int n, FoxEntryState state)
{
	uint64		head;
	bool		complete = true;

	for (int i = 0; i < n; i++)
		if (needs_side(r, list[i]) && !make_side(list[i]))
			complete = false;

	LWLockAcquire(&r->lock, LW_EXCLUSIVE);
	head = pg_atomic_read_u64(&r->head);
	for (int i = 0; i < n; i++)
	{
		Collected  *c = list[i];
		uint32		length = ring_length(c);
		FoxEntry   *e;

		if (pg_atomic_read_u32(&r->withdrawn) ||
			(needs_side(r, c) && c->side == DSM_HANDLE_INVALID) ||
			(e = take_place(r, length, &head)) == NULL)
		{
			complete = false;
			continue;
		}
		memcpy(e, &c->entry, sizeof(FoxEntry));
		e->length = length;
		e->writer = MyProcPid;
		e->side = c->side;
		pg_atomic_write_u32(&e->state, state);
		if (c->side == DSM_HANDLE_INVALID)
			memcpy(FOX_ENTRY_BYTES(e), COLLECTED_BYTES(c), c->bytes);
		c->placed = e;
	}
	pg_write_barrier();
	pg_atomic_write_u64(&r->head, head);
	LWLockRelease(&r->lock);

	for (int i = 0; i < n; i++)
		if (list[i]->placed == NULL)
			drop_side(list[i]);
	return complete;
}

static void
report_lost(void)
{
	if (fox_guc_on_ring_full == FOX_RING_FULL_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_UNAVAILABLE),
				 errmsg("the commit ring of fox_wamp is full"),
				 errhint("Raise fox_wamp.ring_size, publish less in one transaction, or set fox_wamp.on_ring_full to \"gap\".")));
	if (!lost)
		ereport(WARNING,
				(errcode(ERRCODE_FOX_UNAVAILABLE),
				 errmsg("the commit ring of fox_wamp is full: events of this transaction are not delivered"),
				 errdetail("Retained values are read again by the router."),
				 errhint("Raise fox_wamp.ring_size.")));
	lost = true;
}

/*
 * Wakes the router, unless it has said that it looks by itself: a signal per commit
 * costs more than the commit's share of the ring.
 */
static void
ring_the_bell(FoxRingHeader *r)
{
	pg_memory_barrier();		/* our entries before the flag; the router does it the other way round */
	if (pg_atomic_read_u32(&r->reader_looks) == 0)
		fox_shmem_wake(ring_slot);
}

/* --- the transaction --- */

static void
forget_all(void)
{
	/* The memory goes with the transaction. */
	collected = NULL;
	n_collected = max_collected = 0;
	collected_bytes = 0;
	placing = lost = noticed = false;
	placed_in = NULL;
}

/* For those who are to hear it whatever happens to the router. */
static void
keep(const Collected *c)
{
	FoxChange	change;

	if (!c->entry.queued && c->entry.unheard == 0)
		return;
	fox_entry_read(&c->entry, COLLECTED_BYTES(c), &change);
	if (change.queued)
		fox_queue_write(&change);
	if (change.unheard != 0)
		fox_unheard_write(&change, change.unheard);
}

static void
pre_commit(void)
{
	FoxRingHeader *r;
	bool		overflow = lost;

	placing = true;
	/* Before the places are taken, for the router waits at them. */
	for (int i = 0; i < n_collected; i++)
		keep(collected[i]);
	if (n_collected == 0 && !overflow)
		return;
	r = fox_ring_attach();
	if (r == NULL)
		return;					/* what is retained is read when a router starts */
	placed_in = r;
	lost = false;
	if (!place_entries(r, collected, n_collected, FOX_ENTRY_PENDING) || overflow)
	{
		if (!pg_atomic_read_u32(&r->withdrawn))
			report_lost();
	}
}

static void
resolve(FoxEntryState state)
{
	FoxRingHeader *r = placed_in;

	if (r == NULL)
		return;
	for (int i = 0; i < n_collected; i++)
	{
		Collected  *c = collected[i];
		uint32		expected = FOX_ENTRY_PENDING;

		if (c->placed == NULL)
			continue;
		pg_write_barrier();
		if (!pg_atomic_compare_exchange_u32(&c->placed->state, &expected, state))
			drop_side(c);		/* abandoned: nobody will read it */
		else if (state == FOX_ENTRY_DEAD)
			drop_side(c);
	}
	if (state == FOX_ENTRY_COMMITTED && lost)
		pg_atomic_fetch_add_u64(&r->gaps, 1);
	ring_the_bell(r);
}

static void
xact_callback(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			pre_commit();
			break;
		case XACT_EVENT_COMMIT:
			resolve(FOX_ENTRY_COMMITTED);
			forget_all();
			break;
		case XACT_EVENT_ABORT:
			resolve(FOX_ENTRY_DEAD);
			forget_all();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (n_collected > 0 || lost)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has published through fox_wamp"),
						 errhint("The transaction called fox_wamp.publish() or changed the table fox_wamp.retained.")));
			break;
		default:
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mine pg_attribute_unused(),
				 SubTransactionId parent pg_attribute_unused(), void *arg pg_attribute_unused())
{
	int			level = GetCurrentTransactionNestLevel();

	/* Entries are in the order of their levels, the deepest last. */
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (n_collected > 0 && collected[n_collected - 1]->nest >= level)
		{
			Collected  *c = collected[--n_collected];

			collected_bytes -= c->bytes + sizeof(Collected);
			if (c->placed != NULL)
				pg_atomic_write_u32(&c->placed->state, FOX_ENTRY_DEAD);
			drop_side(c);
			pfree(c);
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = n_collected - 1; i >= 0 && collected[i]->nest >= level; i--)
			collected[i]->nest = level - 1;
	}
}

/* --- collecting --- */

static Size
slice_bytes(FoxSlice s, uint32 *length)
{
	*length = fox_absent(s) ? FOX_ABSENT_LENGTH : (uint32) s.len;
	return s.ptr == NULL ? 0 : s.len;
}

static Collected *
collect(const FoxChange *change, MemoryContext context)
{
	FoxSlice	slices[] = {change->realm, change->topic, change->args, change->kwargs, change->options, change->original};
	uint32		lengths[lengthof(slices)];
	Size		bytes = 0;
	Collected  *c;
	char	   *p;

	for (int i = 0; i < lengthof(slices); i++)
	{
		if (slices[i].len > MaxAllocSize)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a value is too large to be published")));
		bytes += slice_bytes(slices[i], &lengths[i]);
	}
	c = MemoryContextAllocExtended(context, MAXALIGN(sizeof(Collected)) + bytes, MCXT_ALLOC_HUGE);
	memset(c, 0, sizeof(Collected));
	c->nest = GetCurrentTransactionNestLevel();
	c->side = DSM_HANDLE_INVALID;
	c->bytes = bytes;
	c->entry.kind = change->kind;
	c->entry.deleted = change->deleted;
	c->entry.silent = change->silent;
	c->entry.bridged = change->bridged;
	c->entry.hops = fox_queue_hops(change);
	c->entry.pid = change->pid;
	c->entry.token = change->token;
	c->entry.publication = change->publication;
	c->entry.session = change->session;
	c->entry.owner = change->owner;
	memcpy(c->entry.lengths, lengths, sizeof(lengths));
	pg_atomic_init_u32(&c->entry.state, FOX_ENTRY_PENDING);
	p = COLLECTED_BYTES(c);
	for (int i = 0; i < lengthof(slices); i++)
		if (slices[i].ptr != NULL && slices[i].len > 0)
		{
			memcpy(p, slices[i].ptr, slices[i].len);
			p += slices[i].len;
		}
	return c;
}

void
fox_ring_add(const FoxChange *change)
{
	static bool registered = false;
	FoxRingHeader *r;
	Collected  *c;
	bool		queued;
	bool		unheard;

	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot publish during a parallel operation")));
	if (!registered)
	{
		RegisterXactCallback(xact_callback, NULL);
		RegisterSubXactCallback(subxact_callback, NULL);
		registered = true;
	}

	queued = fox_queue_takes(change);
	r = fox_ring_attach();
	unheard = fox_unheard_takes(change, r);
	if (r == NULL && placed_in == NULL && !noticed && !creating_extension && !queued && !unheard)
	{
		noticed = true;
		ereport(NOTICE,
				(errcode(ERRCODE_FOX_NOT_RUNNING),
				 errmsg("no fox_wamp router runs for this database: nobody hears of this"),
				 errhint("SELECT fox_wamp.start();")));
	}

	if (collected == NULL)
	{
		max_collected = 16;
		collected = MemoryContextAlloc(TopTransactionContext, max_collected * sizeof(Collected *));
	}
	if (collected_bytes > COLLECT_LIMIT)
	{
		if (queued)
			fox_queue_write(change);
		if (unheard)
			fox_unheard_write(change, fox_draw_id());
		if (r != NULL && !lost)
			report_lost();
		return;
	}
	if (n_collected == max_collected)
	{
		max_collected *= 2;
		collected = repalloc_huge(collected, max_collected * sizeof(Collected *));
	}
	c = collect(change, TopTransactionContext);
	c->entry.queued = queued;
	c->entry.unheard = unheard ? fox_draw_id() : 0;
	collected[n_collected++] = c;
	collected_bytes += c->bytes + sizeof(Collected);

	/* A callback that came after ours in PRE_COMMIT still changes rows. */
	if (placing)
		keep(c);
	if (placing && (placed_in != NULL || r != NULL))
	{
		if (placed_in == NULL)
			placed_in = r;
		if (!place_entries(placed_in, &c, 1, FOX_ENTRY_PENDING))
			report_lost();
	}
}

bool
fox_ring_put_now(const FoxChange *change)
{
	FoxRingHeader *r = fox_ring_attach();
	Collected  *c;
	bool		placed;

	if (r == NULL)
		return false;
	c = collect(change, CurrentMemoryContext);
	placed = place_entries(r, &c, 1, FOX_ENTRY_COMMITTED);
	pfree(c);
	if (placed)
		ring_the_bell(r);
	return placed;
}
