/*
 * shmem.c - the root structure (see shmem.h).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "pg/compat.h"
#include "pg/launcher.h"
#include "pg/shmem.h"

#define ROOT_MAGIC 0x464f5857	/* "FOXW" */
#define ROOT_VERSION 2

typedef struct Root
{
	uint32		magic;
	uint32		version;
	int			tranche;
	LWLock		lock;
	FoxLauncherSlot launcher;
	FoxSlot		slots[FOX_MAX_DATABASES];
} Root;

StaticAssertDecl(sizeof(Root) < 2048, "the root must fit into the slack of shared memory");

static Root *root = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_request = NULL;

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(sizeof(Root));
}
#endif

void
fox_shmem_request(void)
{
#if PG_VERSION_NUM >= 150000
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
#else
	RequestAddinShmemSpace(sizeof(Root));
#endif
}

static Root *
attach(void)
{
	bool		found;

	if (root != NULL)
		return root;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	root = ShmemInitStruct("fox_wamp", sizeof(Root), &found);
	if (!found)
	{
		memset(root, 0, sizeof(Root));
		root->tranche = LWLockNewTrancheId();
		LWLockInitialize(&root->lock, root->tranche);
		root->launcher.procno = -1;
		for (int i = 0; i < FOX_MAX_DATABASES; i++)
		{
			pg_atomic_init_u32(&root->slots[i].state, FOX_SLOT_FREE);
			root->slots[i].router_procno = -1;
			root->slots[i].ring = DSM_HANDLE_INVALID;
		}
		root->version = ROOT_VERSION;
		root->magic = ROOT_MAGIC;
	}
	LWLockRelease(AddinShmemInitLock);
	if (root->magic != ROOT_MAGIC || root->version != ROOT_VERSION)
	{
		root = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("another version of fox_wamp has been loaded by this server"),
				 errhint("Restart the server.")));
	}
	LWLockRegisterTranche(root->tranche, "fox_wamp");
	return root;
}

LWLock *
fox_shmem_lock(void)
{
	return &attach()->lock;
}

int
fox_shmem_tranche(void)
{
	return attach()->tranche;
}

FoxLauncherSlot *
fox_shmem_launcher(void)
{
	return &attach()->launcher;
}

FoxSlot *
fox_shmem_nth(int n)
{
	return &attach()->slots[n];
}

FoxSlot *
fox_shmem_slot(Oid database)
{
	Root	   *r = attach();

	for (int i = 0; i < FOX_MAX_DATABASES; i++)
		if (r->slots[i].database == database && pg_atomic_read_u32(&r->slots[i].state) != FOX_SLOT_FREE)
			return &r->slots[i];
	return NULL;
}

FoxSlot *
fox_shmem_try_claim(Oid database)
{
	Root	   *r = attach();
	FoxSlot    *slot;

	LWLockAcquire(&r->lock, LW_EXCLUSIVE);
	slot = fox_shmem_slot(database);
	for (int i = 0; slot == NULL && i < FOX_MAX_DATABASES; i++)
		if (pg_atomic_read_u32(&r->slots[i].state) == FOX_SLOT_FREE)
		{
			slot = &r->slots[i];
			slot->database = database;
			slot->router_pid = 0;
			slot->router_procno = -1;
			slot->port = 0;
			slot->call_executors = slot->call_executors_missing = 0;
			slot->boot_id = 0;
			slot->ring = DSM_HANDLE_INVALID;
			pg_atomic_write_u32(&slot->state, FOX_SLOT_STOPPED);
		}
	LWLockRelease(&r->lock);
	return slot;
}

FoxSlot *
fox_shmem_claim(Oid database)
{
	FoxSlot    *slot = fox_shmem_try_claim(database);

	if (slot == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d databases of this cluster have a router already", FOX_MAX_DATABASES),
				 errdetail("Routers that were stopped count until the server restarts."),
				 errhint("Use another cluster, or restart the server when some of them are stopped for good.")));
	return slot;
}

void
fox_shmem_wake(FoxSlot *slot)
{
	int			procno = slot->router_procno;

	if (procno >= 0)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}
