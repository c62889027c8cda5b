/*
 * decisions.c - forget_decisions(): what authorizers have decided is asked for anew.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/ring.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_forget_decisions);

/* At commit, like all that changes what clients may do. */
Datum
fox_wamp_forget_decisions(PG_FUNCTION_ARGS)
{
	fox_refuse_in_recovery();
	fox_ring_add(&(FoxChange){.kind = FOX_CHANGE_DECISIONS});
	PG_RETURN_VOID();
}
