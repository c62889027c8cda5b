/*
 * router.c - the router of one database: its realms, its clock, its turn.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "core/auth_rule.h"
#include "core/callback.h"
#include "core/config_rows.h"
#include "core/denial.h"
#include "core/hook.h"
#include "core/mqtt_bridge.h"
#include "core/http_route.h"
#include "core/permission.h"
#include "core/catalog.h"
#include "core/service.h"
#include "core/review.h"
#include "core/roles.h"
#include "core/token.h"
#include "core/trust.h"
#include "core/unheard.h"

#include "base/pure.h"

FoxRouter *
fox_router_new(const FoxPorts *ports, const FoxRouterConfig *config)
{
	FoxRouter  *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->ports = *ports;
	r->config = *config;
	fox_list_init(&r->inflight);
	fox_list_init(&r->unsettled);
	fox_list_init(&r->retries);
	fox_list_init(&r->snapshots);
	fox_list_init(&r->bridges);
	fox_list_init(&r->handlers);
	fox_list_init(&r->callbacks_ending);
	fox_list_init(&r->sights);
	fox_list_init(&r->unwritten);
	fox_list_init(&r->heard);
	fox_list_init(&r->asks);
	fox_list_init(&r->config_rows);
	r->random[0] = ports->random64(ports->ctx) | 1;
	r->random[1] = ports->random64(ports->ctx);
	fox_hash_seed(ports->random64(ports->ctx));
	return r;
}

void
fox_router_configure(FoxRouter *r, const FoxRouterConfig *config)
{
	r->config = *config;
	fox_services_configured(r);
	fox_permissions_changed(r);	/* anonymous sessions may stand for another role */
}

bool
fox_router_strict_request_ids(const FoxRouter *r)
{
	return r->config.strict_request_ids;
}

uint64_t
fox_router_now(FoxRouter *r)
{
	return r->ports.now_us(r->ports.ctx);
}

void
fox_router_log(FoxRouter *r, FoxLogLevel level, const char *format, ...)
{
	char		text[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r->ports.log(r->ports.ctx, level, text);
}

/*
 * Publication ids are random over 1..2^53 (spec: global scope).  They guard nothing,
 * so xorshift128+ seeded from the strong source is enough and costs no system call.
 */
uint64_t
fox_router_publication_id(FoxRouter *r)
{
	uint64_t	a = r->random[0];
	uint64_t	b = r->random[1];

	r->random[0] = b;
	a ^= a << 23;
	r->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return FOX_PUBLICATION_OF_ROUTER(r->random[1] + b);
}

uint64_t
fox_router_random(FoxRouter *r)
{
	return r->ports.random64(r->ports.ctx);
}

bool
fox_router_timer_set(FoxRouter *r, FoxTimer *timer, uint64_t due_us, FoxTimerFn fn)
{
	return fox_timer_set(&r->timers, timer, due_us, fn);
}

void
fox_router_timer_clear(FoxRouter *r, FoxTimer *timer)
{
	fox_timer_clear(&r->timers, timer);
}

/* --- realms --- */

FoxRealm *
fox_realm_find(FoxRouter *r, FoxSlice name)
{
	return fox_map_get(&r->realms, name);
}

static FoxRealm *
realm_new(FoxRouter *r, FoxSlice name)
{
	FoxRealm   *realm = calloc(1, sizeof(*realm));
	char	   *copy = fox_strdup(name);

	if (realm == NULL || copy == NULL)
	{
		free(realm);
		free(copy);
		return NULL;
	}
	realm->router = r;
	realm->name = fox_slice(copy, name.len);
	fox_list_init(&realm->sessions);
	fox_list_init(&realm->offers);
	fox_list_init(&realm->auto_subscriptions);
	if (!fox_map_put(&r->realms, realm->name, realm))
	{
		free(copy);
		free(realm);
		return NULL;
	}
	return realm;
}

static void
realm_end_sessions(FoxRealm *realm, const char *reason)
{
	while (!fox_list_empty(&realm->sessions))
		fox_session_kill(fox_container(FoxSession, in_realm, realm->sessions.next), reason, FOX_ABSENT);
}

static void
realm_free(FoxRealm *realm)
{
	fox_sync_realm_end(realm);
	fox_retained_free(realm);
	fox_retained_exhume(realm);
	fox_index_free(&realm->subscriptions);
	fox_map_free(&realm->subscriptions_by_id);
	fox_index_free(&realm->registrations);
	fox_map_free(&realm->registrations_by_id);
	fox_map_free(&realm->queues);
	fox_map_free(&realm->casters);
	fox_reflect_free(realm);
	fox_history_free(realm);
	fox_trust_free(realm);
	fox_catalog_free(realm);
	fox_auto_subscriptions_free(realm);
	fox_permissions_free(realm);
	fox_hooks_free(realm);
	fox_auth_rules_free(realm);
	fox_map_del(&realm->router->realms, realm->name);
	free((char *) realm->name.ptr);
	free(realm);
}

static FoxDisclosure
disclosure_of(FoxSlice text)
{
	if (fox_slice_is(text, "\"forbidden\""))
		return FOX_DISCLOSE_NEVER;
	return fox_slice_is(text, "\"always\"") ? FOX_DISCLOSE_ALWAYS : FOX_DISCLOSE_ON_REQUEST;
}

bool
fox_discloses(FoxDisclosure disclosure, bool wished)
{
	return disclosure == FOX_DISCLOSE_ALWAYS || (wished && disclosure != FOX_DISCLOSE_NEVER);
}

/* args = [{"strict":bool,"disclosure":text}] */
void
fox_realm_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	row = FOX_ABSENT;
	size_t		pos = 0;

	if (c->deleted)
	{
		if (realm != NULL)
		{
			realm_end_sessions(realm, "wamp.close.close_realm");
			realm_free(realm);
		}
		return;
	}
	if (realm == NULL && (realm = realm_new(r, c->realm)) == NULL)
	{
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a realm is missing until the router restarts");
		return;
	}
	if (!fox_absent(c->args) && fox_json_element(c->args, &pos, &row))
	{
		realm->strict = fox_json_is_true(fox_json_get(row, "strict"));
		realm->disclosure = disclosure_of(fox_json_get(row, "disclosure"));
		fox_permissions_changed(r);	/* decisions say whom to name */
	}
}

/* --- roles --- */

uint64_t
fox_router_roles_wanted(FoxRouter *r)
{
	return ++r->roles_wanted;
}

void
fox_router_roles_read(FoxRouter *r, uint64_t n)
{
	r->roles_read = n;
	fox_ask_progress(r);
}

/* --- turn and end --- */

int
fox_router_tick(FoxRouter *r)
{
	uint64_t	now = fox_router_now(r);

	fox_permissions_settle(r);
	fox_timers_run(&r->timers, now, r);
	fox_ask_progress(r);
	if (fox_snapshots_run(r))
		return 0;
	return fox_timers_wait(&r->timers, now);
}

int
fox_router_wait(FoxRouter *r)
{
	return fox_list_empty(&r->snapshots) ? fox_timers_wait(&r->timers, fox_router_now(r)) : 0;
}

void
fox_router_shutdown(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		realm_end_sessions(slot->value, FOX_CLOSE_SYSTEM);
}

void
fox_router_free(FoxRouter *r)
{
	fox_bridges_free(r);
	fox_review_free(r);
	fox_denials_free(r);
	fox_router_shutdown(r);
	fox_asks_free(r);
	fox_callbacks_free(r);
	for (;;)
	{
		size_t		pos = 0;
		FoxMapSlot *slot = fox_map_next(&r->realms, &pos);

		if (slot == NULL)
			break;
		realm_free(slot->value);
	}
	fox_map_free(&r->realms);
	fox_map_free(&r->sessions);
	fox_map_free(&r->pendings);
	fox_map_free(&r->backends);
	fox_roots_free(r);
	fox_services_free(r);
	fox_mqtt_bridges_free(r);
	fox_config_rows_free(r);
	fox_unheard_free(r);
	fox_map_free(&r->logins);
	fox_map_free(&r->cookie_tasks);
	fox_map_free(&r->role_counts);
	fox_tokens_free(r);
	fox_map_free(&r->questions);
	fox_map_free(&r->inquiries);
	fox_roles_free(r);
	fox_timers_free(&r->timers);
	fox_after_free(r);
	free(r);
}
