/*
 * permission.h - who may publish to, subscribe to, call and register what.
 *
 * Rows of fox_wamp.permission.  Of those whose role the session has, the most specific
 * pattern that says something of the action decides; of several rows with that pattern
 * one that allows is enough.  Where no row says anything nothing is allowed.  Superusers
 * may everything, and so may the router's own sessions, whose GRANTs have been judged.
 *
 * A subscription or registration of a pattern needs a row whose pattern covers it, and no
 * more specific row may forbid a part of it, for events are not looked at one by one.
 *
 * A pattern may hold placeholders (placeholder.h): to each session it is a pattern of its own.
 *
 * The router's own procedures are everybody's; those that change what is another's take
 * a row for a pattern below wamp. - one for everything does not do.
 */
#ifndef FOX_CORE_PERMISSION_H
#define FOX_CORE_PERMISSION_H

#include "core/authority.h"
#include "core/core.h"
#include "core/cover.h"

typedef enum FoxAction
{
	FOX_MAY_PUBLISH,
	FOX_MAY_SUBSCRIBE,
	FOX_MAY_CALL,
	FOX_MAY_REGISTER,
	FOX_ACTIONS
} FoxAction;

typedef enum FoxVerdict
{
	FOX_FORBIDDEN,
	FOX_TO_BE_ASKED,			/* if the `authorizer` says so */
	FOX_ALLOWED
} FoxVerdict;

typedef struct FoxDecision
{
	FoxVerdict	verdict;
	FoxDisclosure disclosure;	/* of who publishes or calls */
	const FoxAuthority *authorizer;	/* of the row, valid until rows change; NULL: none */
} FoxDecision;

extern const char *fox_action_name(FoxAction action);	/* publish, subscribe, call, register */
/* For who is refused; valid until the next one. */
extern const char *fox_refusal_text(const FoxSession *s, FoxAction action, FoxSlice uri, const char *why);

/* A row of fox_wamp.permission has come, has changed or has gone. */
extern void fox_permission_change(FoxRouter *r, const FoxChange *c);
/* Rows, roles or the configuration have changed: decisions that were kept are void. */
extern void fox_permissions_changed(FoxRouter *r);
/* Authorizers may decide otherwise by now: the same for what they have decided. */
extern void fox_decisions_outdated(FoxRouter *r, const FoxChange *c);
/* Takes away what sessions may have no longer, if anything has changed.  For the top of a call into the core. */
extern void fox_permissions_settle(FoxRouter *r);
extern void fox_permissions_free(FoxRealm *realm);

/* What the rows say; kept with the session for PUBLISH and CALL. */
extern FoxDecision fox_permission_decide(FoxSession *s, FoxAction action, FoxPattern what);

static inline FoxDecision
fox_permission(FoxSession *s, FoxAction action, FoxSlice uri, FoxMatchKind kind)
{
	if (s->realm->open || s->exempt)
		return (FoxDecision){FOX_ALLOWED, s->realm->disclosure, NULL};
	return fox_permission_decide(s, action, fox_pattern(uri, kind));
}

/* An authorizer's answer that is good for the session until rows or roles change. */
extern void fox_permission_keep(FoxSession *s, FoxAction action, FoxSlice uri, FoxDecision decision);
extern void fox_permissions_forget(FoxSession *s);	/* what was kept */

#endif
