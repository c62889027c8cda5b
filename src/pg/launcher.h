/*
 * launcher.h - the process that starts routers and keeps them running.
 */
#ifndef FOX_PG_LAUNCHER_H
#define FOX_PG_LAUNCHER_H

#include "postgres.h"

#include "pg/shmem.h"

/* At server start, with shared_preload_libraries: the launcher starts with the server. */
extern void fox_launcher_register(void);
/* From a session: makes sure that one runs.  False: no free worker slot. */
extern bool fox_launcher_ensure(void);
extern void fox_launcher_wake(void);

/* The launcher's part of the root structure. */
typedef struct FoxLauncherSlot
{
	int			pid;			/* 0: none */
	int			procno;
	Oid			probe_database;
	bool		probe_found;
} FoxLauncherSlot;

extern FoxLauncherSlot *fox_shmem_launcher(void);
/* The n-th slot, whatever its state. */
extern FoxSlot *fox_shmem_nth(int n);

#endif
