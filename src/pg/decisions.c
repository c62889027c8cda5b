/*
 * decisions.c - forget_decisions(): what authorizers have decided is asked for anew.
 *
 * The router hears of a commit before other processes hear that their caches of the catalogs
 * are outdated.  What it asks then would be answered by the old functions and policies: so it
 * first has an executor wait until the transaction has quite ended.
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"

#include "pg/errcodes.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_forget_decisions);
PG_FUNCTION_INFO_V1(fox_wamp_transaction_ended);

/* At commit, like all that changes what clients may do. */
Datum
fox_wamp_forget_decisions(PG_FUNCTION_ARGS)
{
	VirtualTransactionId id;

	fox_refuse_in_recovery();
	GET_VXID_FROM_PGPROC(id, *MyProc);
	fox_ring_add(&(FoxChange){.kind = FOX_CHANGE_DECISIONS,
				 .args = fox_cstr(psprintf("[\"%d/%u\"]", id.backendId, id.localTransactionId))});
	PG_RETURN_VOID();
}

/* Caches are told before the locks of a transaction go, that of its virtual id among them. */
Datum
fox_wamp_transaction_ended(PG_FUNCTION_ARGS)
{
	char	   *text = fox_arg_text(fcinfo, 0, "transaction");
	VirtualTransactionId id;

	if (sscanf(text, "%d/%u", &id.backendId, &id.localTransactionId) != 2 || !VirtualTransactionIdIsValid(id))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid virtual transaction id \"%.100s\"", text)));
	(void) VirtualXactLock(id, true);
	PG_RETURN_BOOL(true);
}
