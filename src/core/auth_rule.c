/*
 * auth_rule.c - which methods of logging in a realm takes (see auth_rule.h).
 */
#include "core/auth_rule.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

struct FoxAuthenticator
{
	FoxAuthority authority;		/* slices into block */
	char		block[];
};

/* NULL: the row names none, or there is no memory. */
static struct FoxAuthenticator *
authenticator_of(FoxSlice args)
{
	FoxAuthorityRow row;
	struct FoxAuthenticator *a = NULL;
	FoxSlice	first = FOX_ABSENT;
	size_t		pos = 0;
	char	   *at;

	if (!fox_absent(args))
		(void) fox_json_element(args, &pos, &first);
	fox_authority_read(first, "authenticator", &row);
	if (fox_authority_set(&row.authority) && (a = malloc(sizeof(*a) + fox_authority_size(&row.authority) + 1)) != NULL)
	{
		at = a->block;
		a->authority = fox_authority_keep(&at, &row.authority);
	}
	fox_authority_row_free(&row);
	return a;
}

void
fox_auth_rule_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxAuthMethod method;
	unsigned	bit;

	if (realm == NULL || !fox_auth_named(c->topic, &method))
		return;
	bit = 1u << method;
	realm->auth_rules = c->deleted ? realm->auth_rules & ~bit : realm->auth_rules | bit;
	free(realm->authenticators[method]);
	realm->authenticators[method] = c->deleted ? NULL : authenticator_of(c->args);
}

bool
fox_auth_rule_allows(const FoxRealm *realm, FoxAuthMethod method)
{
	return realm->auth_rules == 0 || (realm->auth_rules >> method & 1) != 0;
}

const FoxAuthority *
fox_authenticator(const FoxRealm *realm, FoxAuthMethod method)
{
	return realm->authenticators[method] != NULL ? &realm->authenticators[method]->authority : NULL;
}

void
fox_auth_rules_free(FoxRealm *realm)
{
	for (int i = 0; i < FOX_AUTH_METHODS; i++)
		free(realm->authenticators[i]);
}

bool
fox_router_authenticates(const FoxRouter *r)
{
	FoxMapSlot *slot;
	size_t		pos = 0;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		if ((((FoxRealm *) slot->value)->auth_rules & ~(1u << FOX_AUTH_ANONYMOUS)) != 0)
			return true;
	return false;
}
