/*
 * ring_seg.h - the layout of the segment that ring.c and ask.c share.
 *
 * A header with the mailbox of questions, then the bytes of the ring.  Positions
 * only grow; a position modulo the size is a place.  Lengths are multiples of 8, so
 * the room left before the end always holds a wrap marker.
 */
#ifndef FOX_PG_RING_SEG_H
#define FOX_PG_RING_SEG_H

#include "postgres.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"

#include "core/ports.h"
#include "pg/shmem.h"

#define FOX_RING_MAGIC UINT64CONST(0x666f7872696e6733)
#define FOX_ASK_SLOTS 64

typedef enum FoxMailState
{
	FOX_MAIL_FREE = 0,
	FOX_MAIL_CLAIMED,			/* a backend is filling it in */
	FOX_MAIL_ASKED				/* for the router to take */
} FoxMailState;

typedef struct FoxMail
{
	pg_atomic_uint32 state;
	int			pid;
	dsm_handle	segment;		/* question and answer queue; invalid: the backend is ending */
} FoxMail;

typedef struct FoxRingHeader
{
	uint64		magic;
	uint64		boot_id;
	Size		size;			/* of the ring's bytes */
	LWLock		lock;			/* taking positions, withdrawing */
	pg_atomic_uint32 withdrawn;
	pg_atomic_uint64 head;		/* next position to be taken */
	pg_atomic_uint64 tail;		/* first position not yet handed to the router's core */
	pg_atomic_uint64 gaps;		/* transactions that committed with entries left out */
	pg_atomic_uint32 reader_looks;	/* the router looks by itself within a millisecond: no need to wake it */
	pg_atomic_uint32 kept[FOX_KEPT_BITS / 32];	/* topics that sessions which keep their messages may hear (core/kept.h) */
	FoxMail		mail[FOX_ASK_SLOTS];
} FoxRingHeader;

typedef enum FoxEntryState
{
	FOX_ENTRY_PENDING = 1,
	FOX_ENTRY_COMMITTED,
	FOX_ENTRY_DEAD,
	FOX_ENTRY_WRAP,					/* nothing more before the end of the ring */
	FOX_ENTRY_ABANDONED				/* the ring was withdrawn while it was pending */
} FoxEntryState;

/* In the ring: length and state first, for a wrap marker consists of these two. */
typedef struct FoxEntry
{
	uint32		length;			/* in the ring, header included */
	pg_atomic_uint32 state;
	int32		writer;			/* backend that took the place */
	dsm_handle	side;			/* where the bytes are; invalid: behind the header */
	uint8		kind;
	bool		deleted;
	bool		silent;
	bool		bridged;
	bool		queued;
	uint8		hops;
	int32		pid;
	uint64		token;
	uint64		publication;
	uint64		session;
	uint64		owner;
	uint64		unheard;
	uint32		lengths[6];		/* of the slices; FOX_ABSENT_LENGTH: absent */
} FoxEntry;

#define FOX_ABSENT_LENGTH PG_UINT32_MAX

#define FOX_ENTRY_BYTES(e) ((char *) (e) + MAXALIGN(sizeof(FoxEntry)))

#define FOX_RING_DATA(h) ((char *) (h) + MAXALIGN(sizeof(FoxRingHeader)))

/*
 * The ring of this database, mapped for the rest of this process's life or until
 * another router's ring takes its place; NULL without a router.
 */
extern FoxRingHeader *fox_ring_attach(void);
/* The ring as it is mapped now, for callbacks that must not attach; NULL: none. */
extern FoxRingHeader *fox_ring_mapped(void);

/* Makes the segment that this process created its mapped ring, or lets go of it. */
extern void fox_ring_adopt(dsm_segment *segment, FoxSlot *slot);
extern void fox_ring_unmap(void);

/* What the entry says; its slices point to bytes, which are behind its header or in its side segment. */
extern void fox_entry_read(const FoxEntry *e, const char *bytes, FoxChange *out);

/* Raises ERROR WF004 with its hint. */
extern void fox_ring_no_router(void) pg_attribute_noreturn();

#endif
