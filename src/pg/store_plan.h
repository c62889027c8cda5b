/*
 * store_plan.h - the prepared statements of the writer.
 */
#ifndef FOX_PG_STORE_PLAN_H
#define FOX_PG_STORE_PLAN_H

#include "postgres.h"

typedef enum FoxPlan
{
	FOX_PLAN_LOCK,				/* realms, topics: lock without waiting */
	FOX_PLAN_LOCK_VALUES,		/* the same, with the values */
	FOX_PLAN_LOCK_PATIENT,		/* with the values, waiting */
	FOX_PLAN_EXISTS,			/* realms, topics: which are there */
	FOX_PLAN_OWNER,				/* realm, topic: owner, publication */
	FOX_PLAN_INSERT,			/* realm, topic, args, kwargs, payload, expires */
	FOX_PLAN_UPDATE,			/* the same */
	FOX_PLAN_DELETE,			/* realm, topic */
	FOX_PLAN_DISOWN,			/* realm, topic */
	FOX_PLAN_BACKEND,			/* pid: its start, if it lives */
	FOX_PLAN_WILL,				/* realm, topic, owner, boot id, pid, backend start, will, will_on */
	FOX_PLAN_RECEIVED,			/* session, packet, publication, topic, message, expires: whether it is new, publication */
	FOX_N_PLANS
} FoxPlan;

/* Runs it in the current SPI connection; nulls as SPI has them, NULL: none. */
extern void fox_plan_run(FoxPlan which, Datum *values, const char *nulls);

#endif
