/*
 * ring_drain.c - the commit ring as the router sees it.
 *
 * The router makes the ring, hands its resolved entries on in order, and withdraws
 * it when it ends.  It stops at the first entry that is still pending: what comes
 * after may depend on it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "pg/ring.h"
#include "pg/ring_seg.h"

/* The ring that this process made; NULL: none. */
static dsm_segment *segment = NULL;
static FoxSlot *slot = NULL;
static uint64 gaps_seen = 0;
static bool gap_open = false;	/* the router has yet to hear of what was lost, before this position */
static uint64 gap_at;
static uint32 kept[FOX_KEPT_BITS / 32];
static bool kept_known = false;	/* until then every topic may be kept */

static void
withdraw_at_exit(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	fox_ring_withdraw();
}

dsm_handle
fox_ring_create(Size size)
{
	FoxRingHeader *header;

	size = MAXALIGN(Max(size, 65536));
	if (size > (Size) 1024 * 1024 * 1024)
		size = (Size) 1024 * 1024 * 1024;
	fox_ring_withdraw();
	slot = fox_shmem_claim(MyDatabaseId);
	segment = dsm_create(MAXALIGN(sizeof(FoxRingHeader)) + size, 0);
	dsm_pin_mapping(segment);
	dsm_pin_segment(segment);
	header = dsm_segment_address(segment);
	memset(header, 0, sizeof(FoxRingHeader));
	header->boot_id = slot->boot_id;
	header->size = size;
	LWLockInitialize(&header->lock, fox_shmem_tranche());
	pg_atomic_init_u32(&header->withdrawn, 0);
	pg_atomic_init_u64(&header->head, 0);
	pg_atomic_init_u64(&header->tail, 0);
	pg_atomic_init_u64(&header->gaps, 0);
	for (int i = 0; i < lengthof(kept); i++)
		pg_atomic_init_u32(&header->kept[i], PG_UINT32_MAX);
	for (int i = 0; i < FOX_ASK_SLOTS; i++)
	{
		pg_atomic_init_u32(&header->mail[i].state, FOX_MAIL_FREE);
		header->mail[i].segment = DSM_HANDLE_INVALID;
	}
	header->magic = FOX_RING_MAGIC;

	fox_ring_adopt(segment, slot);
	gaps_seen = 0;
	gap_open = false;
	before_shmem_exit(withdraw_at_exit, (Datum) 0);

	LWLockAcquire(fox_shmem_lock(), LW_EXCLUSIVE);
	slot->ring = dsm_segment_handle(segment);
	LWLockRelease(fox_shmem_lock());
	return dsm_segment_handle(segment);
}

/* The entry at a position below head. */
static FoxEntry *
entry_at(FoxRingHeader *r, uint64 position)
{
	return (FoxEntry *) (FOX_RING_DATA(r) + position % r->size);
}

void
fox_ring_withdraw(void)
{
	FoxRingHeader *r = fox_ring_mapped();
	uint64		head;

	if (segment == NULL || r == NULL)
		return;
	LWLockAcquire(fox_shmem_lock(), LW_EXCLUSIVE);
	if (slot->ring == dsm_segment_handle(segment))
		slot->ring = DSM_HANDLE_INVALID;
	LWLockRelease(fox_shmem_lock());

	LWLockAcquire(&r->lock, LW_EXCLUSIVE);
	pg_atomic_write_u32(&r->withdrawn, 1);
	head = pg_atomic_read_u64(&r->head);
	LWLockRelease(&r->lock);

	/* Side segments that nobody will read any more. */
	for (uint64 at = pg_atomic_read_u64(&r->tail); at < head;)
	{
		FoxEntry   *e = entry_at(r, at);
		uint32		state = FOX_ENTRY_PENDING;

		at += e->length;
		if (pg_atomic_compare_exchange_u32(&e->state, &state, FOX_ENTRY_ABANDONED))
			continue;			/* its writer drops it */
		if (state == FOX_ENTRY_COMMITTED && e->side != DSM_HANDLE_INVALID)
			dsm_unpin_segment(e->side);
	}
	pg_atomic_write_u64(&r->tail, head);
	dsm_unpin_segment(dsm_segment_handle(segment));
	fox_ring_unmap();
	segment = NULL;
}

static FoxSlice
next_slice(const char **p, uint32 length)
{
	FoxSlice	s = FOX_ABSENT;

	if (length != FOX_ABSENT_LENGTH)
	{
		s = fox_slice(*p, length);
		*p += length;
	}
	return s;
}

void
fox_entry_read(const FoxEntry *e, const char *bytes, FoxChange *out)
{
	*out = (FoxChange) {
		.kind = e->kind, .deleted = e->deleted, .silent = e->silent, .bridged = e->bridged, .queued = e->queued,
		.hops = e->hops, .pid = e->pid, .token = e->token, .publication = e->publication, .session = e->session,
		.owner = e->owner, .unheard = e->unheard
	};
	out->realm = next_slice(&bytes, e->lengths[0]);
	out->topic = next_slice(&bytes, e->lengths[1]);
	out->args = next_slice(&bytes, e->lengths[2]);
	out->kwargs = next_slice(&bytes, e->lengths[3]);
	out->options = next_slice(&bytes, e->lengths[4]);
	out->original = next_slice(&bytes, e->lengths[5]);
}

static void
deliver(const FoxEntry *e, void (*fn) (void *ctx, const FoxChange *change), void *ctx)
{
	FoxChange	change;
	dsm_segment *side = NULL;
	const char *p = FOX_ENTRY_BYTES(e);

	if (e->side != DSM_HANDLE_INVALID)
	{
		side = dsm_attach(e->side);
		if (side == NULL)
		{
			FoxChange	gap = {.kind = FOX_CHANGE_GAP};

			fn(ctx, &gap);
			return;
		}
		dsm_unpin_segment(e->side);
		p = dsm_segment_address(side);
	}
	fox_entry_read(e, p, &change);
	fn(ctx, &change);
	if (side != NULL)
		dsm_detach(side);
}

/* The router is to hear of it behind the entries that came before it, which what it reads then may be newer than. */
static bool
tell_gap(uint64 tail, void (*fn) (void *ctx, const FoxChange *change), void *ctx)
{
	if (!gap_open || tail < gap_at)
		return false;
	gap_open = false;
	fn(ctx, &(FoxChange){.kind = FOX_CHANGE_GAP});
	return true;
}

int
fox_ring_drain(void (*fn) (void *ctx, const FoxChange *change), void *ctx, int max, int *blocking_pid)
{
	FoxRingHeader *r = fox_ring_mapped();
	uint64		tail;
	uint64		head;
	uint64		gaps;
	int			n = 0;

	*blocking_pid = 0;
	if (r == NULL)
		return 0;
	gaps = pg_atomic_read_u64(&r->gaps);
	pg_read_barrier();
	tail = pg_atomic_read_u64(&r->tail);
	head = pg_atomic_read_u64(&r->head);
	pg_read_barrier();
	if (gaps != gaps_seen)
	{
		gaps_seen = gaps;
		gap_open = true;
		gap_at = head;
	}
	n += tell_gap(tail, fn, ctx);
	while (tail < head && n < max)
	{
		FoxEntry   *e = entry_at(r, tail);
		uint32		state = pg_atomic_read_u32(&e->state);

		if (state == FOX_ENTRY_PENDING)
		{
			*blocking_pid = e->writer;
			break;
		}
		pg_read_barrier();
		if (state == FOX_ENTRY_COMMITTED)
		{
			deliver(e, fn, ctx);
			n++;
		}
		tail += e->length;
		pg_memory_barrier();	/* the bytes are read before they may be written again */
		pg_atomic_write_u64(&r->tail, tail);
		n += tell_gap(tail, fn, ctx);
	}
	return n;
}

void
fox_ring_reader_looks(bool looks)
{
	FoxRingHeader *r = fox_ring_mapped();

	if (r == NULL)
		return;
	pg_atomic_write_u32(&r->reader_looks, looks);
	pg_memory_barrier();
}

static void
say_kept(FoxRingHeader *r, int word)
{
	if (r != NULL && kept_known)
		pg_atomic_write_u32(&r->kept[word], kept[word]);
}

void
fox_ring_kept(unsigned bit, bool on)
{
	uint32		mask = (uint32) 1 << bit % 32;

	if (on)
		kept[bit / 32] |= mask;
	else
		kept[bit / 32] &= ~mask;
	say_kept(fox_ring_mapped(), bit / 32);
}

void
fox_ring_kept_known(void)
{
	kept_known = true;
	for (int i = 0; i < lengthof(kept); i++)
		say_kept(fox_ring_mapped(), i);
}
