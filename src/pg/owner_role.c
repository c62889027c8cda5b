/*
 * owner_role.c - functions of others, called in a role of theirs (see owner_role.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/owner_role.h"

FoxIdentity
fox_identity_begin(Oid role, const char *schema)
{
	FoxIdentity before;

	GetUserIdAndSecContext(&before.user, &before.context);
	before.nest = NewGUCNestLevel();
	if (role != before.user)
		SetUserIdAndSecContext(role, (before.context & ~SECURITY_NOFORCE_RLS) | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", psprintf("%s, pg_catalog, pg_temp", quote_identifier(schema)), PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	return before;
}

void
fox_identity_end(FoxIdentity before)
{
	SPI_finish();
	/* What it has set goes with it, as of a role that is left. */
	AtEOXact_GUC(false, before.nest);
	SetUserIdAndSecContext(before.user, before.context);
}

bool
fox_guarded(void (*fn) (const void *arg), const void *arg, const char *what)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		fn(arg);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(memory);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(e);
		ereport(WARNING,
				(errcode(e->sqlerrcode),
				 errmsg("%s has failed: %s", what, e->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = resources;
	return done;
}
