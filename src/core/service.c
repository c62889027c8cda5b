/*
 * service.c - interface services (see service.h).
 *
 * Instances are rows of fox_wamp.service_instance, which only executors see.  An executor
 * is sent through them when a session that has called a service ends, and, as long as it
 * finds some there, from time to time.
 */
#include "core/service.h"

#include <stdlib.h>
#include <time.h>

#include "codec/json.h"
#include "core/inquiry.h"
#include "core/meta.h"

#include "base/pure.h"

#define SWEEP_LEAST_US UINT64_C(1000000)
#define SWEEP_MOST_US UINT64_C(60000000)

typedef struct Service
{
	FoxService	pub;
	FoxSlice	key;			/* the URI in lower case */
	char		block[];
} Service;

typedef struct FoxServices
{
	FoxRouter  *router;
	FoxMap		by_uri;
	FoxTimer	sweep;
	FoxInquiry *sweeping;		/* while an executor does */
} FoxServices;

/* --- instances --- */

static FoxFunctionCall
errand(FoxSlice args)
{
	return (FoxFunctionCall){.kind = FOX_RUN_SERVICE, .realm = FOX_LIT(""), .function = FOX_LIT("fox_wamp.service_instance"), .args = args};
}

static void sweep_due(void *ctx, FoxTimer *timer);

static void
sweep_later(FoxServices *services)
{
	FoxRouter  *r = services->router;
	uint64_t	period = r->config.instance_timeout_ms * 1000 / 4;

	if (period == 0 || services->sweep.place != 0 || services->sweeping != NULL)
		return;
	period = period < SWEEP_LEAST_US ? SWEEP_LEAST_US : period > SWEEP_MOST_US ? SWEEP_MOST_US : period;
	(void) fox_timer_set(&r->timers, &services->sweep, fox_router_now(r) + period, sweep_due);
}

/* The value is how many are left. */
static void
swept(void *ctx, FoxSlice value)
{
	FoxServices *services = ctx;

	fox_inquiry_free(services->sweeping);
	services->sweeping = NULL;
	if (!fox_slice_is(value, "0"))
		sweep_later(services);
}

static void
sweep(FoxServices *services, FoxSlice args)
{
	FoxFunctionCall c = errand(args);

	if (services->sweeping == NULL)
		services->sweeping = fox_inquiry_new(services->router, &c, swept, services);
	if (services->sweeping == NULL)
		sweep_later(services);
}

static void
sweep_due(void *ctx, FoxTimer *timer)
{
	FoxServices *services = fox_container(FoxServices, sweep, timer);
	FoxBuf		args = {0};

	(void) ctx;
	fox_buf_str(&args, "[{\"idle_ms\":");
	fox_buf_u64(&args, services->router->config.instance_timeout_ms);
	fox_buf_str(&args, "}]");
	sweep(services, fox_buf_view(&args));
	fox_buf_free(&args);
}

void
fox_services_loaded(FoxRouter *r)
{
	FoxBuf		args = {0};
	struct timespec now;

	if (r->services == NULL || r->services->by_uri.count == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	fox_buf_str(&args, "[{\"before_us\":");
	fox_buf_u64(&args, (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000);
	fox_buf_str(&args, "}]");
	sweep(r->services, fox_buf_view(&args));
	fox_buf_free(&args);
}

void
fox_services_configured(FoxRouter *r)
{
	if (r->services == NULL || r->services->by_uri.count == 0)
		return;
	fox_timer_clear(&r->timers, &r->services->sweep);
	sweep_later(r->services);
}

/* If nobody can be sent, they are found by the sweep. */
void
fox_service_session_end(const FoxSession *s)
{
	FoxRouter  *r = s->realm->router;
	FoxBuf		args = {0};
	FoxFunctionCall c;

	fox_buf_str(&args, "[{\"session\":");
	fox_buf_u64(&args, s->id);
	fox_buf_str(&args, "}]");
	c = errand(fox_buf_view(&args));
	c.invocation = fox_router_publication_id(r);
	if (!args.failed)
		r->ports.call(r->ports.ctx, &c);
	fox_buf_free(&args);
}

/* --- rows --- */

static Service *
find(const FoxRouter *r, FoxSlice key)
{
	return r->services != NULL ? fox_map_get(&r->services->by_uri, key) : NULL;
}

const FoxService *
fox_service_find(const FoxRouter *r, FoxSlice uri)
{
	const Service *service = find(r, uri);

	return service != NULL ? &service->pub : NULL;
}

static FoxServices *
services_of(FoxRouter *r)
{
	if (r->services == NULL && (r->services = calloc(1, sizeof(*r->services))) != NULL)
		r->services->router = r;
	return r->services;
}

static FoxWhose
whose(FoxSlice lifetime)
{
	static const char *const lifetimes[] = {
		[FOX_NOBODYS] = "\"single\"", [FOX_EVERYBODYS] = "\"shared\"", [FOX_NAMED] = "\"client_driven\"", [FOX_SESSIONS] = "\"per_session\"",
		[FOX_USERS] = "\"per_user\"", [FOX_GROUPS] = "\"per_group\""
	};
	FoxWhose	w = FOX_GROUPS;

	while (w > FOX_NOBODYS && !fox_slice_is(lifetime, lifetimes[w]))
		w--;
	return w;
}

static Service *
service_new(FoxSlice uri, FoxSlice row)
{
	FoxBuf		text = {0};
	FoxSlice	contract = fox_json_text(fox_json_get(row, "contract"), &text);
	Service    *service = calloc(1, sizeof(*service) + 2 * uri.len + contract.len + row.len + 1);
	char	   *at;

	if (service != NULL)
	{
		at = service->block;
		service->pub.uri = fox_slice_keep(&at, uri);
		service->pub.contract = fox_slice_keep(&at, contract);
		service->pub.row = fox_slice_keep(&at, row);
		service->pub.whose = whose(fox_json_get(row, "lifetime"));
		fox_uri_lower(at, uri);
		service->key = fox_slice(at, uri.len);
	}
	fox_buf_free(&text);
	return service;
}

/* [root.name, contract or null if there is none any more] */
static void
tell(FoxRouter *r, FoxSlice realm_name, FoxSlice uri, FoxSlice contract)
{
	static const char topic[] = "fox_wamp.meta.service.on_change";
	FoxRealm   *realm = fox_realm_find(r, realm_name);
	FoxBuf		args = {0};

	if (realm == NULL || !fox_meta_heard(realm, topic))
		return;
	fox_buf_char(&args, '[');
	fox_buf_json_str(&args, uri);
	fox_buf_char(&args, ',');
	if (fox_absent(contract))
		fox_buf_str(&args, "null");
	else
		fox_buf_json_str(&args, contract);
	fox_buf_char(&args, ']');
	fox_meta_publish(realm, topic, &args, NULL);
}

/* topic = URI, args = [{"root","service","schema","lifetime","contract","audit"}] */
void
fox_service_change(FoxRouter *r, const FoxChange *c)
{
	FoxServices *services = services_of(r);
	FoxSlice	row = FOX_LIT("{}");
	size_t		pos = 0;
	Service    *service;
	Service    *former;

	if (!c->deleted && !fox_absent(c->args))
		(void) fox_json_element(c->args, &pos, &row);
	service = service_new(c->topic, row);
	former = services != NULL && service != NULL ? fox_map_del(&services->by_uri, service->key) : NULL;
	if (services == NULL || service == NULL || (!c->deleted && !fox_map_put(&services->by_uri, service->key, service)))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a service is missing until the router restarts");
	else if (!c->silent && (c->deleted || former == NULL || !fox_slice_eq(former->pub.contract, service->pub.contract)))
		tell(r, c->realm, c->topic, service->pub.contract);
	if (service != NULL && (services == NULL || fox_map_get(&services->by_uri, service->key) != service))
		free(service);
	free(former);
}

void
fox_services_free(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (r->services == NULL)
		return;
	if (r->services->sweeping != NULL)
		fox_inquiry_free(r->services->sweeping);
	fox_timer_clear(&r->timers, &r->services->sweep);
	while ((slot = fox_map_next(&r->services->by_uri, &pos)) != NULL)
		free(slot->value);
	fox_map_free(&r->services->by_uri);
	free(r->services);
	r->services = NULL;
}

/* --- calls --- */

/* Takes the member out of the object. */
static FoxSlice
take_instance(FoxSlice *kwargs, FoxBuf *rest)
{
	FoxSlice	instance = fox_absent(*kwargs) ? FOX_ABSENT : fox_json_get(*kwargs, "_instance");
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_absent(instance))
		return FOX_ABSENT;
	fox_buf_char(rest, '{');
	while (fox_json_member(*kwargs, &pos, &key, &value))
	{
		if (fox_json_key_is(key, "_instance"))
			continue;
		fox_buf_str(rest, rest->len > 1 ? ",\"" : "\"");
		fox_buf_slice(rest, key);
		fox_buf_str(rest, "\":");
		fox_buf_slice(rest, value);
	}
	fox_buf_char(rest, '}');
	*kwargs = fox_buf_view(rest);
	return instance;
}

FoxSlice
fox_service_user(const FoxSession *caller)
{
	return fox_slice_is(caller->authmethod, "sql") ? fox_session_role(caller) : caller->authid;
}

FoxSlice
fox_service_group(const FoxSession *caller)
{
	return fox_slice_is(caller->authmethod, "sql") ? fox_session_role(caller) : caller->authrole;
}

/* As the executor will find it, which refuses callers that have none. */
static void
put_key(const FoxService *service, const FoxSession *caller, FoxSlice instance, FoxBuf *key)
{
	FoxBuf		text = {0};

	fox_buf_slice(key, service->uri);
	fox_buf_char(key, ' ');
	if (service->whose == FOX_SESSIONS)
		fox_buf_u64(key, caller->id);
	else if (service->whose == FOX_NAMED)
		fox_buf_slice(key, fox_json_text(instance, &text));
	else if (service->whose != FOX_EVERYBODYS)
		fox_buf_slice(key, service->whose == FOX_USERS ? fox_service_user(caller) : fox_service_group(caller));
	fox_buf_free(&text);
}

void
fox_service_call(const FoxService *service, FoxSession *caller, FoxSlice instance, FoxSlice *kwargs, FoxBuf *rest, FoxBuf *about, FoxBuf *key)
{
	FoxSlice	named = take_instance(kwargs, rest);
	bool		own = fox_meta_is_client(caller);
	bool		known = !fox_slice_is(caller->authmethod, "anonymous");

	if (fox_absent(instance))
		instance = named;
	fox_buf_str(about, "{\"service\":");
	fox_buf_slice(about, service->row);
	if (!fox_absent(instance))
	{
		fox_buf_str(about, ",\"instance\":");
		fox_buf_slice(about, instance);
	}
	fox_buf_str(about, ",\"peer\":");
	fox_buf_json_str(about, caller->peer);
	/* Who has a session of its own, and who is known by name? */
	fox_buf_str(about, own ? ",\"own\":true" : ",\"own\":false");
	fox_buf_str(about, known ? ",\"known\":true}" : ",\"known\":false}");
	if (service->whose == FOX_EVERYBODYS)
		put_key(service, caller, instance, key);
	else if (service->whose >= FOX_NAMED)
	{
		if (service->whose == FOX_NAMED ? fox_json_kind(instance) == FOX_JSON_STRING : service->whose == FOX_SESSIONS ? own : known)
			put_key(service, caller, instance, key);
		caller->has_instances |= own;
		sweep_later(caller->realm->router->services);
	}
}
