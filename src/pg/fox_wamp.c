/*
 * fox_wamp.c - the library's door: what happens when PostgreSQL loads it.
 *
 * A realm is a separate world of topics and procedures.  A router serves the realms
 * of one database; the launcher serves the cluster; an executor runs a router's SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"

#include "pg/guc.h"
#include "pg/jsonpath.h"
#include "pg/launcher.h"
#include "pg/lifecycle.h"
#include "pg/shmem.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Is the library one that ALTER DATABASE … SET session_preload_libraries names? */
static bool
preloaded_by_session(void)
{
	return session_preload_libraries_string != NULL &&
		strstr(session_preload_libraries_string, "fox_wamp") != NULL;
}

/* An error here would end every connection to the database, so it becomes a warning. */
static void
ensure_launcher(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		(void) fox_launcher_ensure();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		LWLockReleaseAll();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("fox_wamp does not start: %s", error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

void
_PG_init(void)
{
	fox_guc_define();
	fox_match_use_jsonpath(fox_jsonpath_match);
	if (IsBinaryUpgrade)
		return;
	fox_lifecycle_install_hook();
	if (process_shared_preload_libraries_in_progress)
	{
		fox_shmem_request();
		fox_launcher_register();
	}
	else if (preloaded_by_session() && IsUnderPostmaster && MyBackendType == B_BACKEND)
		ensure_launcher();
}
