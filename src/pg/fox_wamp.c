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

#include "pg/guc.h"
#include "pg/launcher.h"
#include "pg/lifecycle.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Is the library one that ALTER DATABASE … SET session_preload_libraries names? */
static bool
preloaded_by_session(void)
{
	return session_preload_libraries_string != NULL &&
		strstr(session_preload_libraries_string, "fox_wamp") != NULL;
}

void
_PG_init(void)
{
	fox_guc_define();
	if (IsBinaryUpgrade)
		return;
	fox_lifecycle_install_hook();
	if (process_shared_preload_libraries_in_progress)
		fox_launcher_register();
	else if (preloaded_by_session() && IsUnderPostmaster && MyBackendType == B_BACKEND)
		(void) fox_launcher_ensure();	/* never raises: that would lock everybody out */
}
