/*
 * trust.h - trust levels of publications and calls, by their URI and by who sends them.
 *
 * WAMP advanced profile "Publication Trust Levels" and "Call Trust Levels": the levels
 * are the router's configuration, rows of fox_wamp.trust_level.
 */
#ifndef FOX_CORE_TRUST_H
#define FOX_CORE_TRUST_H

#include "core/core.h"

/* A row of fox_wamp.trust_level has come, has changed or has gone. */
extern void fox_trust_change(FoxRouter *r, const FoxChange *c);

/*
 * The level of what a sender of that role (absent: nobody that has one) sends to the URI.
 * False: no row says any.  Exact URIs go before prefixes, a longer prefix before a shorter
 * one, prefixes before wildcards and those before patterns; of several wildcards or
 * patterns the lowest level holds; for one URI the role's own row goes before everybody's.
 */
extern bool fox_trust_level(const FoxRealm *realm, FoxSlice uri, FoxSlice authrole, uint32_t *level);

extern void fox_trust_free(FoxRealm *realm);

#endif
