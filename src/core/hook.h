/*
 * hook.h - functions of the database that see what clients publish before it goes on.
 *
 * Rows of fox_wamp.publish_hook.  Of those whose pattern matches the topic the most specific one counts.  What the
 * router and SQL publish has none.
 */
#ifndef FOX_CORE_HOOK_H
#define FOX_CORE_HOOK_H

#include "core/asked.h"

/* A row of fox_wamp.publish_hook has come, has changed or has gone. */
extern void fox_hook_change(FoxRouter *r, const FoxChange *c);
/* The function for the topic, valid until rows change; NULL: there is none. */
extern const FoxAuthority *fox_hook_find(const FoxRealm *realm, FoxSlice topic);
extern void fox_hooks_free(FoxRealm *realm);

/*
 * A publish that is permitted: is it past the hook of its topic, if there is one?  If it is, args and kwargs of the
 * wish are what the hook has made of them.
 */
extern FoxPass fox_hook_pass(FoxSession *s, const FoxWish *wish, FoxPermit *permit);
/* Asks the hook for a permitted publish that waits, if its topic has one. */
extern FoxPass fox_hook_ask(FoxAsked *a, FoxPermit *permit);

#endif
