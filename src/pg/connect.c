/*
 * connect.c - how the router's processes connect to a database (see connect.h).
 *
 * ALTER DATABASE may store SET ROLE for all who connect, which means its users and would
 * leave a worker without its rights.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/guc.h"

#include "pg/connect.h"

void
fox_connect(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	SetConfigOption("role", "none", PGC_SUSET, PGC_S_SESSION);
	SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
}
