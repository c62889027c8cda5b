/*
 * service_exec.h - a method of a service, in the executor: its instance, its answer, and what is noted of it.
 *
 * In this order, within a call: begin, bound, shape, end; or failed, when its transaction has been rolled back.  What
 * is said of a call that is of no service does nothing.
 */
#ifndef FOX_PG_SERVICE_EXEC_H
#define FOX_PG_SERVICE_EXEC_H

#include "pg/caller.h"
#include "pg/routine.h"

typedef enum FoxLifetime
{
	FOX_LIFE_SINGLE,			/* no instance */
	FOX_LIFE_SHARED,
	FOX_LIFE_CLIENT,			/* client_driven: callers make, name and free them */
	FOX_LIFE_SESSION,
	FOX_LIFE_USER,
	FOX_LIFE_GROUP
} FoxLifetime;

typedef struct FoxServiceCall
{
	const FoxCaller *caller;
	MemoryContext memory;		/* of the call, as all of this is */
	char	   *root;
	char	   *service;
	char	   *schema;
	char	   *peer;
	char	   *named;			/* instance that the caller has named; NULL: none */
	char	   *instance;		/* that it is of; NULL: of none, or it has not been asked for */
	void		(*looks) (void);	/* before a shared one is asked for; NULL: nobody wants to know, or does already */
	FoxLifetime lifetime;
	bool		names;			/* values are answered by their names */
	bool		own;			/* the caller has a session of its own */
	bool		known;			/* the caller has logged in */
	bool		audit;
	TimestampTz since;
	char	   *input;			/* for the audit; NULL: not known yet */
} FoxServiceCall;

/* The call under way; NULL: it is of no service. */
extern const FoxServiceCall *fox_service(void);

/* In the caller's role, before its arguments are read: takes the instance.  about: as fox_service_call() has written it, or absent; looks: NULL, or who is to know that the state of a shared one is asked for. */
extern void fox_service_begin(FoxSlice about, const FoxCaller *caller, const FoxRoutine *f, void (*looks) (void));
extern void fox_service_bound(FoxRoutine *f, const FoxRoutineValues *values);
/* What a routine has returned becomes all values of a method in one array, or in one object by their names. */
extern void fox_service_shape(const FoxRoutine *f, bool names, StringInfo json);
extern void fox_service_end(const StringInfoData *output);
extern void fox_service_failed(const ErrorData *e);
/* Whatever has become of it. */
extern void fox_service_forget(void);

/* --- service_instance.c --- */

/* Locks the caller's instance, which is made if callers do not make them; ERROR if it may not have it. */
extern void fox_instance_take(FoxServiceCall *call);
extern void fox_instance_touch(const FoxServiceCall *call);
/* Ends instances: of a session, from before a time, or that nobody has called for long.  Appends how many are left that may end. */
extern void fox_instances_sweep(FoxSlice args, MemoryContext memory, StringInfo out);

/* --- service_audit.c --- */

/* The arguments as a JSON object by their names, palloc'ed; as the caller. */
extern char *fox_audit_input(FoxRoutine *f, const FoxRoutineValues *values);
/* In a transaction. */
extern void fox_audit_note(const FoxServiceCall *call, const char *output, const char *error);

#endif
