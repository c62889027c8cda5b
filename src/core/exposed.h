/*
 * exposed.h - SQL functions that are procedures: rows of fox_wamp.exposed_function.
 *
 * The functions of a realm are registrations of one session of the router's own, so
 * that queueing, canceling, timeouts, progressive results and the meta API are those of
 * any other callee.  Its invocations leave by the port `call`; what comes back does so
 * by fox_router_function_result() and fox_router_function_failed().
 */
#ifndef FOX_CORE_EXPOSED_H
#define FOX_CORE_EXPOSED_H

#include "core/core.h"
#include "core/http_route.h"

/* A row has come, has changed or has gone. */
extern void fox_exposed_change(FoxRouter *r, const FoxChange *c);
/* What there is under the procedure, which is in lower case; false: nothing. */
extern bool fox_exposed_method(const FoxRealm *realm, FoxSlice procedure, FoxMethod *out);
/* The same procedure as it is written, if it differs by case; false: there is none. */
extern bool fox_exposed_spelling(const FoxRealm *realm, FoxSlice *procedure);
/* Is the contract (a JSON string; absent: the caller asks for none) that of the registration's service?  If not, *text says so. */
extern bool fox_exposed_agrees(const FoxRegistration *reg, FoxSlice contract, const char **text);
/* Is the registration one of them, which no client takes over? */
extern bool fox_exposed_holds(const FoxRegistration *reg);

#endif
