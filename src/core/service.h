/*
 * service.h - interface services: schemas whose functions are methods, rows of fox_wamp.exposed_service.
 *
 * The methods are exposed functions (exposed.h), whose rows the database keeps.  Here is what
 * a call of one has to know of its service, and what is owed to instances: they end with
 * the session that they are of, or when nobody has called them for long.
 */
#ifndef FOX_CORE_SERVICE_H
#define FOX_CORE_SERVICE_H

#include "core/core.h"

typedef enum FoxWhose
{
	FOX_NOBODYS,				/* there is no instance */
	FOX_EVERYBODYS,				/* one, which ends with the service */
	FOX_NAMED,					/* callers make and name them */
	FOX_SESSIONS,
	FOX_USERS,
	FOX_GROUPS
} FoxWhose;

/* Valid until rows change. */
typedef struct FoxService
{
	FoxSlice	uri;			/* root.name, in front of its methods */
	FoxSlice	contract;		/* what callers may ask to be so */
	FoxSlice	row;			/* a JSON object, for the executor */
	FoxWhose	whose;			/* instances are */
} FoxService;

/* A row has come, has changed or has gone. */
extern void fox_service_change(FoxRouter *r, const FoxChange *c);
/* The configuration has changed. */
extern void fox_services_configured(FoxRouter *r);
extern void fox_services_free(FoxRouter *r);
/* The rows that there are have been read for the first time: instances of an earlier run end. */
extern void fox_services_loaded(FoxRouter *r);

/* By its URI in lower case; NULL: there is none. */
extern const FoxService *fox_service_find(const FoxRouter *r, FoxSlice uri);

/*
 * A call of a method: appends what the executor is to know (service_exec.h).  The instance is
 * a JSON string, or absent; kwargs may name it as _instance instead, and lose that member
 * to what is appended to rest.  What names the instance among those of all services is appended
 * to key, if the call is one that has it for itself, or would if its function asked for the state of a shared one.
 */
extern void fox_service_call(const FoxService *service, FoxSession *caller, FoxSlice instance, FoxSlice *kwargs, FoxBuf *rest, FoxBuf *about,
							 FoxBuf *key);
/* Whose an instance is that the caller has: all that comes from SQL has one name, and the role tells who it is. */
extern FoxSlice fox_service_user(const FoxSession *caller);
extern FoxSlice fox_service_group(const FoxSession *caller);
/* The session has ended, which has used services with instances. */
extern void fox_service_session_end(const FoxSession *s);

#define FOX_ERR_CONTRACT_MISMATCH "fox_wamp.error.contract_mismatch"

#endif
