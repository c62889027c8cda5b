/*
 * ring.h - the commit ring: what transactions hand to the router, in order.
 *
 * A pinned DSM segment per database.  A backend collects entries in its transaction,
 * takes their place in PRE_COMMIT and flips their state at COMMIT or ABORT; the router drains committed entries from the tail and
 * stops at the first that is not resolved.
 */
#ifndef FOX_PG_RING_H
#define FOX_PG_RING_H

#include "postgres.h"
#include "storage/dsm.h"

#include "core/ports.h"

/* --- backend side --- */

/*
 * Adds one entry to the current transaction (dropped again if its subtransaction
 * aborts).  Slices are copied.  Registers the transaction callbacks at first use.
 * Without a router: NOTICE once per transaction with HINT "SELECT fox_wamp.start();".
 */
extern void fox_ring_add(const FoxChange *change);

/* Puts one entry at once, outside the transaction (publish_now). False: no router, or the ring is full. */
extern bool fox_ring_put_now(const FoxChange *change);

/* --- router side --- */

extern dsm_handle fox_ring_create(Size size);	/* router start: makes the segment, pins it, announces it in the root slot */
extern void fox_ring_withdraw(void);	/* router end */

/*
 * Hands committed entries to fn in order, at most max of them; returns how many.
 * *blocking_pid is set to the pid of the backend whose unresolved entry is at the
 * tail (0: none).
 */
extern int	fox_ring_drain(void (*fn) (void *ctx, const FoxChange *change), void *ctx, int max, int *blocking_pid);

/*
 * The router says whether it will drain again within a millisecond by itself, so that
 * commits need not wake it.  After taking that back it must drain once more before it
 * sleeps.
 */
extern void fox_ring_reader_looks(bool looks);

/* Topics of that bit (core/kept.h) are kept by sessions, or not any more; all of them may be until they are known. */
extern void fox_ring_kept(unsigned bit, bool on);
extern void fox_ring_kept_known(void);

#endif
