/*
 * shmem.h - the root structure: which databases have a router, and how to reach it.
 *
 * Under 2 KB, from the slack of the main shared memory segment, so that it needs
 * no preload.  A magic and a layout version come first: a mismatch is an ERROR with
 * a HINT, never a wild write.
 */
#ifndef FOX_PG_SHMEM_H
#define FOX_PG_SHMEM_H

#include "postgres.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"

#define FOX_MAX_DATABASES 16

typedef enum FoxSlotState
{
	FOX_SLOT_FREE = 0,
	FOX_SLOT_STARTING,
	FOX_SLOT_RUNNING,			/* listening */
	FOX_SLOT_STOPPING,
	FOX_SLOT_RESTARTING,		/* stopping, and wanted again */
	FOX_SLOT_STOPPED			/* ended on request: the launcher leaves it alone */
} FoxSlotState;

typedef struct FoxSlot
{
	Oid			database;
	pg_atomic_uint32 state;		/* FoxSlotState */
	int			router_pid;
	int			router_procno;	/* index into ProcGlobal->allProcs, -1: none */
	int			port;			/* really bound */
	int			call_executors;	/* that run now */
	int			call_executors_missing; /* that could not be started */
	uint64		boot_id;		/* random, of this run of the router */
	dsm_handle	ring;			/* DSM_HANDLE_INVALID: none */
} FoxSlot;

/* The slot of this backend's database, or NULL. Attaches to the root on first use. */
extern FoxSlot *fox_shmem_slot(Oid database);
/* Makes or finds the slot; ERROR when all FOX_MAX_DATABASES are taken. */
extern FoxSlot *fox_shmem_claim(Oid database);
/* The same, but NULL when all are taken. */
extern FoxSlot *fox_shmem_try_claim(Oid database);
/* While the server loads the library: sets memory for the root aside. */
extern void fox_shmem_request(void);
/* Sets the router's latch; harmless when there is none. */
extern void fox_shmem_wake(FoxSlot *slot);
/* A lock for the slots (short sections only), and one shared by all rings for taking positions. */
extern LWLock *fox_shmem_lock(void);
extern int	fox_shmem_tranche(void);	/* tranche id for LWLocks in ring segments, registered in this process */

#endif
