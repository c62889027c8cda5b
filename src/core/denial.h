/*
 * denial.h - what was denied to whom, lately: for the view fox_wamp.denials and the log.
 */
#ifndef FOX_CORE_DENIAL_H
#define FOX_CORE_DENIAL_H

#include "core/session.h"

/* Who was denied what; absent or 0: not known. */
typedef struct FoxDenied
{
	FoxSlice	realm;
	uint64_t	session;
	FoxSlice	authid;
	FoxSlice	client_id;		/* of MQTT */
	FoxSlice	role;
	const char *action;			/* a constant */
	FoxSlice	topic;			/* or procedure */
	FoxSlice	reason;
} FoxDenied;

extern void fox_denied(FoxRouter *r, const FoxDenied *what);
extern void fox_denied_to(const FoxSession *s, const char *action, FoxSlice topic, const char *reason);
/* The rows of the view. */
extern void fox_denials_answer(FoxRouter *r, uint64_t ask);
extern void fox_denials_free(FoxRouter *r);

#endif
