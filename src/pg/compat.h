/*
 * compat.h - what differs between PostgreSQL 14 and 18, and nowhere else.
 */
#ifndef FOX_PG_COMPAT_H
#define FOX_PG_COMPAT_H

#include "postgres.h"
#include "catalog/pg_database.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"

#if PG_VERSION_NUM >= 170000
#define FOX_MY_PROCNO() ((int) MyProcNumber)
#else
#define FOX_MY_PROCNO() (MyProc->pgprocno)
#endif

#if PG_VERSION_NUM >= 150000
#define FOX_RESERVE_GUC_PREFIX(prefix) MarkGUCPrefixReserved(prefix)
#else
#define FOX_RESERVE_GUC_PREFIX(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#if PG_VERSION_NUM >= 160000
#define FOX_OWNS_DATABASE(database, role) object_ownercheck(DatabaseRelationId, (database), (role))
#else
#define FOX_OWNS_DATABASE(database, role) pg_database_ownercheck((database), (role))
#endif

/* WaitEventSets belong to a resource owner since 17. */
#if PG_VERSION_NUM >= 170000
#define FOX_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(NULL, (n))
#else
#define FOX_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

#endif
