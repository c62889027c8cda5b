/*
 * auth_rule.h - which methods of logging in a realm takes: rows of fox_wamp.auth_method.
 */
#ifndef FOX_CORE_AUTH_RULE_H
#define FOX_CORE_AUTH_RULE_H

#include "core/auth.h"
#include "core/authority.h"
#include "core/core.h"

/* A row has come, has changed or has gone: topic = method, args = [{"authenticator", "function", "function_role": text or null (authority.h)}]. */
extern void fox_auth_rule_change(FoxRouter *r, const FoxChange *c);

/* A realm without rows takes every method. */
extern bool fox_auth_rule_allows(const FoxRealm *realm, FoxAuthMethod method);

/* Who says who logs in by that method, until rows change; NULL: tables do. */
extern const FoxAuthority *fox_authenticator(const FoxRealm *realm, FoxAuthMethod method);
extern void fox_auth_rules_free(FoxRealm *realm);

#endif
