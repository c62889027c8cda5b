/*
 * call_role.c - the role that a call runs as (see call_role.h).
 *
 * The process is a superuser's, so a call must find no way back: the user id is switched
 * as for a SECURITY DEFINER function, where the settings role and session_authorization
 * can not be changed; session_user is the role as well.  Deferred triggers, cursors WITH
 * HOLD and temporary objects would be taken up at commit, as the superuser: they have
 * their turn before, as the role.
 *
 * Session-level state goes at the end of each call: settings, advisory locks and those of
 * fox_wamp.lock(), prepared statements, cursors, temporary objects, sequences' last values,
 * LISTENs, and what setseed() has set: the next caller's random() is not to be foreseen.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/call_role.h"
#include "pg/compat.h"
#include "pg/locks.h"

#define SETTINGS_MS 1000		/* so old may be what we know of roles' settings */
#define SETTINGS_KNOWN 64

/* Has a role settings of its own?  Their catalog tells nobody of its changes. */
typedef struct Known
{
	Oid			role;
	bool		any;
	TimestampTz at;
} Known;

static Known known[SETTINGS_KNOWN];
static char last_name[NAMEDATALEN] = "";	/* that was asked for; empty: it has to be looked up */
static Oid	last_role;
static Oid	owner;				/* whom the process belongs to */
static Oid	session_role;		/* session_user is the last caller's until another comes: nothing else goes by it */
static bool session_superuser;
static int	nest;				/* of settings */

static void
pin(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

static void
roles_changed(Datum arg, int cache, uint32 hash)
{
	last_name[0] = '\0';
}

void
fox_call_role_setup(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum) 0);
	session_role = owner = GetUserId();
	session_superuser = true;
	pin("session_replication_role", "origin");
	pin("default_transaction_read_only", "off");
	pin("default_transaction_deferrable", "off");
	pin("check_function_bodies", "on");
	pin("row_security", "on");
}

Oid
fox_call_role(FoxSlice name)
{
	Oid			role = last_role;

	if (name.len == 0 || !fox_slice_eq(name, fox_cstr(last_name)))
	{
		char	   *text = pnstrdup(name.ptr, name.len);

		role = get_role_oid(text, true);
		if (!OidIsValid(role))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("role \"%s\" does not exist", text)));
		last_role = role;
		strlcpy(last_name, text, NAMEDATALEN);
	}
	return role;
}

/* --- settings --- */

/*
 * Not as at a log-in, where they become what the process falls back to, for others as well.  Those of a
 * connection's start, and those whose value is no good, are passed over; and nobody says by a setting who runs, for
 * any role may be written into one, to be judged here, where a superuser is, or what a request says (http_context.c).
 */
static void
apply(ArrayType *settings)
{
	Datum	   *items;
	int			n;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		char	   *value;

		ParseLongOption(TextDatumGetCString(items[i]), &name, &value);
		if (value != NULL && strcmp(name, "role") != 0 && strcmp(name, "session_authorization") != 0 && strncmp(name, "request.", 8) != 0)
			(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET, true, DEBUG1, false);
	}
}

/* Of that database, or of all (invalid); true: there are some. */
static bool
apply_of(Relation relation, Snapshot snapshot, Oid database, Oid role)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	row;
	bool		any;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(relation, DbRoleSettingDatidRolidIndexId, true, snapshot, 2, keys);
	row = systable_getnext(scan);
	any = HeapTupleIsValid(row);
	if (any)
	{
		bool		isnull;
		Datum		settings = heap_getattr(row, Anum_pg_db_role_setting_setconfig, RelationGetDescr(relation), &isnull);

		if (!isnull)
			apply(DatumGetArrayTypeP(settings));
	}
	systable_endscan(scan);
	return any;
}

static void
apply_settings(Oid role)
{
	Known	   *k = &known[role % SETTINGS_KNOWN];
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Relation	relation;
	Snapshot	snapshot;
	bool		any;

	if (k->role == role && !k->any && now - k->at < SETTINGS_MS * INT64CONST(1000))
		return;
	relation = table_open(DbRoleSettingRelationId, AccessShareLock);
	snapshot = RegisterSnapshot(GetCatalogSnapshot(DbRoleSettingRelationId));
	any = apply_of(relation, snapshot, InvalidOid, role);
	any = apply_of(relation, snapshot, MyDatabaseId, role) || any;	/* the latter holds */
	*k = (Known) {role, any, now};
	UnregisterSnapshot(snapshot);
	table_close(relation, AccessShareLock);
}

/* --- in and out --- */

void
fox_call_role_enter(Oid role)
{
	bool		is_superuser = superuser_arg(role);

	nest = NewGUCNestLevel();
	apply_settings(role);
	if (role != session_role || is_superuser != session_superuser)
	{
		SetSessionAuthorization(role, is_superuser);
		session_role = role;
		session_superuser = is_superuser;
	}
	SetUserIdAndSecContext(role, SECURITY_LOCAL_USERID_CHANGE);
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Neither of the transaction nor undone by its end. */
static void
release_session(void)
{
	LockReleaseAll(USER_LOCKMETHOD, true);
	DropAllPreparedStatements();
	ResetSequenceCaches();
	DirectFunctionCall1(setseed, Float8GetDatum((double) (int64) FOX_RANDOM64() / (double) PG_INT64_MAX));
	fox_backend_release();
}

void
fox_call_role_commit(void)
{
	for (;;)
	{
		AfterTriggerFireDeferred();
		if (!PreCommit_Portals(false))
			break;
	}
	PortalHashTableDeleteAll();
	ResetTempTableNamespace();
	PopActiveSnapshot();
	Async_UnlistenAll();
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(owner, 0);
	CommitTransactionCommand();
	release_session();
}

void
fox_call_role_abort(void)
{
	AbortCurrentTransaction();
	SetUserIdAndSecContext(owner, 0);
	PortalHashTableDeleteAll();
	release_session();
}
