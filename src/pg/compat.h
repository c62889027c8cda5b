/*
 * compat.h - what differs between PostgreSQL 14 and 18, and nowhere else.
 */
#ifndef FOX_PG_COMPAT_H
#define FOX_PG_COMPAT_H

#include "postgres.h"
#include "catalog/pg_database.h"
#include "funcapi.h"
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

#if PG_VERSION_NUM >= 160000
#define FOX_ACLCHECK_FUNCTION(function, role, mode) object_aclcheck(ProcedureRelationId, (function), (role), (mode))
#define FOX_ACLCHECK_SCHEMA(schema, role, mode) object_aclcheck(NamespaceRelationId, (schema), (role), (mode))
#else
#define FOX_ACLCHECK_FUNCTION(function, role, mode) pg_proc_aclcheck((function), (role), (mode))
#define FOX_ACLCHECK_SCHEMA(schema, role, mode) pg_namespace_aclcheck((schema), (role), (mode))
#endif

#if PG_VERSION_NUM >= 150000
#define FOX_PARSE_ANALYZE(raw, sql, types, n) parse_analyze_fixedparams((raw), (sql), (types), (n), NULL)
#else
#define FOX_PARSE_ANALYZE(raw, sql, types, n) parse_analyze((raw), (sql), (Oid *) (types), (n), NULL)
#endif

/* WaitEventSets belong to a resource owner since 17. */
#if PG_VERSION_NUM >= 170000
#define FOX_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(NULL, (n))
#else
#define FOX_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#define FOX_RANDOM64() pg_prng_uint64(&pg_global_prng_state)
#else
#define FOX_RANDOM64() ((uint64) random() << 42 ^ (uint64) random() << 21 ^ (uint64) random())
#endif

#if PG_VERSION_NUM < 150000
#include "miscadmin.h"
#include "utils/tuplestore.h"

#define SRF_SINGLE_USE_EXPECTED 0

/* As in later versions, without its flags. */
static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext saved;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	saved = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	result->setDesc = desc;
	MemoryContextSwitchTo(saved);
}
#endif

#endif
