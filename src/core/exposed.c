/*
 * exposed.c - SQL functions as procedures (see exposed.h).
 */
#include "core/exposed.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/call.h"
#include "core/handler.h"
#include "core/sight.h"
#include "core/inquiry.h"
#include "core/service.h"

#include "base/pure.h"

/* A row: one of the functions of a name. */
typedef struct Overload
{
	FoxNode		node;			/* in exposed->overloads */
	FoxSlice	key;			/* which row of the URI's it is; these four are in block */
	FoxSlice	function;
	FoxSlice	table;			/* bound to it: qualified name if it is the table, else its URI in lower case; absent: none */
	FoxBound	bound;
	uint64_t	timeout_ms;		/* 0: none */
	uint64_t	concurrency;	/* 0: no limit */
	unsigned	verbs;			/* these three are HTTP's, see http_route.h */
	FoxHttpColumns columns;
	bool		anonymous;
	size_t		service;		/* see FoxExposed */
	char		block[];
} Overload;

/* A procedure; what its overloads say of it is put together. */
typedef struct FoxExposed
{
	FoxNode		node;			/* in set->all */
	FoxNode		overloads;
	uint64_t	registration;	/* 0: none, for want of memory */
	uint64_t	timeout_ms;
	uint64_t	concurrency;
	FoxBuf		functions;		/* their signatures, with zero bytes between */
	unsigned	verbs;
	FoxHttpColumns columns;
	FoxBound	bound;
	FoxSlice	table;
	bool		anonymous;
	size_t		service;		/* length of its service's URI, in front of its own; 0: it is of none */
	FoxSlice	uri;			/* in block */
	FoxSlice	lower;			/* the same in lower case */
	char		block[];
} FoxExposed;

/* What the realm's session serves; it ends with the session. */
typedef struct FoxExposedSet
{
	FoxSession *session;
	FoxNode		all;
	FoxMap		by_uri;
	FoxMap		by_lower;		/* the last of those that differ by case only */
	FoxIdMap	by_registration;
	FoxExposed *registering;
} FoxExposedSet;

static void
exposed_free(FoxExposedSet *set, FoxExposed *e)
{
	fox_list_del(&e->node);
	fox_map_del(&set->by_uri, e->uri);
	if (fox_map_get(&set->by_lower, e->lower) == e)
		fox_map_del(&set->by_lower, e->lower);
	fox_idmap_del(&set->by_registration, e->registration);
	fox_list_each(n, &e->overloads)
		free(fox_container(Overload, node, n));
	fox_buf_free(&e->functions);
	free(e);
}

/* --- the session --- */

static void
exposed_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	FoxExposedSet *set = s->data;

	(void) request;
	if (what == FOX_REQ_REGISTER && fox_idmap_put(&set->by_registration, id, set->registering))
		set->registering->registration = id;
}

static void
exposed_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxExposedSet *set = s->data;

	(void) request;
	if (what == FOX_REQ_REGISTER)
		fox_router_log(s->realm->router, FOX_LOG_WARNING, "procedure \"%.*s\" can not be served: %.*s",
					   (int) set->registering->uri.len, set->registering->uri.ptr, (int) why->uri.len, why->uri.ptr);
}

/* The qualified name of what it is bound to, which may be exposed under another name by now; absent: nothing. */
static FoxSlice
table_of(const FoxExposedSet *set, const FoxExposed *e)
{
	const FoxExposed *table = e;

	if (e->bound == FOX_BOUND_TABLE || e->bound == FOX_BOUND_ROW)
		table = fox_map_get(&set->by_lower, e->table);
	return table != NULL && table->bound == FOX_BOUND_ROWS ? table->table : FOX_ABSENT;
}

static const FoxService *
service_of(const FoxRouter *r, const FoxExposed *e)
{
	return e->service > 0 && e->service < e->lower.len ? fox_service_find(r, fox_slice(e->lower.ptr, e->service)) : NULL;
}

static void
exposed_invoke(FoxSession *s, const FoxInvocation *inv)
{
	FoxPorts   *ports = &s->realm->router->ports;
	FoxExposedSet *set = s->data;
	const FoxExposed *e = fox_idmap_get(&set->by_registration, inv->registration);
	const FoxCall *call = fox_idmap_get(&s->invocations, inv->id);
	FoxSession *caller = call->caller;
	FoxBuf		memory = {0};
	FoxBuf		about = {0};
	FoxBuf		rest = {0};
	FoxBuf		instance = {0};
	const FoxService *service = e != NULL ? service_of(s->realm->router, e) : NULL;
	FoxPayload	json;
	FoxFunctionCall c = {
		.session = s->id, .invocation = inv->id,
		.realm = s->realm->name, .procedure = FOX_ABSENT, .function = FOX_ABSENT,
		.role = fox_session_role(caller), .caller = caller->id, .authid = caller->authid, .authrole = caller->authrole,
		.peer = caller->peer, .agent = caller->agent,
		.headers = caller->ops->headers != NULL ? caller->ops->headers(caller) : FOX_ABSENT,
		.caller_pid = caller->backend, .receive_progress = inv->receive_progress,
		.http = caller->ops->http != NULL ? caller->ops->http(call->caller, call->request) : FOX_ABSENT, .service = FOX_ABSENT,
		.instance = FOX_ABSENT
	};

	/* Without memory, now or when it was registered, the call names no function, and fails. */
	if (e != NULL && fox_payload_as(&inv->payload, FOX_JSON, &memory, &json))
	{
		c.procedure = e->uri;
		c.function = fox_buf_view(&e->functions);
		c.bound = e->bound;
		c.verbs = e->verbs;
		c.table = table_of(set, e);
		c.timeout_ms = e->timeout_ms;
		c.args = json.args;
		c.kwargs = json.kwargs;
		if (service != NULL)
		{
			fox_service_call(service, caller, call->instance, &c.kwargs, &rest, &about, &instance);
			c.service = fox_buf_view(&about);
			c.authid = fox_service_user(caller);
			c.authrole = fox_service_group(caller);
			c.instance = instance.len > 0 ? fox_buf_view(&instance) : FOX_ABSENT;
			c.shared = service->whose == FOX_EVERYBODYS;
		}
		if (about.failed || rest.failed || instance.failed || (service == NULL && e->service > 0))
			c.function = FOX_ABSENT;
	}
	ports->call(ports->ctx, &c);
	fox_buf_free(&memory);
	fox_buf_free(&about);
	fox_buf_free(&rest);
	fox_buf_free(&instance);
}

static void
exposed_interrupt(FoxSession *s, uint64_t invocation, FoxCancelMode mode, const char *reason)
{
	FoxPorts   *ports = &s->realm->router->ports;

	(void) mode, (void) reason;
	ports->cancel(ports->ctx, s->id, invocation);
}

/* An administrator has taken it away (wamp.registration.remove_callee). */
static void
exposed_unregistered(FoxSession *s, uint64_t registration, const char *reason)
{
	FoxExposedSet *set = s->data;
	FoxExposed *e = fox_idmap_get(&set->by_registration, registration);

	if (e == NULL)
		return;
	fox_router_log(s->realm->router, FOX_LOG_INFO, "procedure \"%.*s\" is not served any more: %s",
				   (int) e->uri.len, e->uri.ptr, reason);
	exposed_free(set, e);
}

static void
exposed_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxExposedSet *set = s->data;

	(void) reason, (void) message;
	fox_list_each(n, &set->all)
		exposed_free(set, fox_container(FoxExposed, node, n));
	fox_map_free(&set->by_uri);
	fox_map_free(&set->by_lower);
	fox_map_free(&set->by_registration);
	s->realm->functions = NULL;
	free(set);
}

static const FoxSessionOps exposed_ops = {
	.done = exposed_done, .failed = exposed_failed, .invoke = exposed_invoke, .interrupt = exposed_interrupt,
	.unregistered = exposed_unregistered, .ended = exposed_ended
};

static FoxExposedSet *
set_of(FoxRealm *realm)
{
	static const FoxSessionInfo info = {
		.authid = FOX_LIT("database"), .authrole = FOX_LIT("database"), .authmethod = FOX_LIT("internal"),
		.peer = FOX_LIT("executor"), .protocol = FOX_LIT("sql"), .call_canceling = true,
		.progressive_results = true, .registration_revocation = true
	};
	FoxExposedSet *set;
	const char *reason;

	if (realm->functions != NULL)
		return realm->functions->data;
	if ((set = calloc(1, sizeof(*set))) == NULL)
		return NULL;
	fox_list_init(&set->all);
	realm->functions = set->session = fox_session_join(realm->router, realm->name, &info, &exposed_ops, set, &reason);
	if (set->session == NULL)
	{
		free(set);
		return NULL;
	}
	return set;
}

bool
fox_exposed_holds(const FoxRegistration *reg)
{
	return reg->count > 0 && reg->callees[0]->session->ops == &exposed_ops;
}

/* --- rows --- */

static FoxExposed *
exposed_new(FoxExposedSet *set, FoxSlice uri)
{
	FoxExposed *e = calloc(1, sizeof(*e) + 2 * uri.len + 1);
	char	   *at;

	if (e == NULL)
		return NULL;
	fox_list_init(&e->overloads);
	at = e->block;
	e->uri = fox_slice_keep(&at, uri);
	e->lower = fox_slice(at, uri.len);
	fox_uri_lower(at, uri);
	if (!fox_map_put(&set->by_lower, e->lower, e) || !fox_map_put(&set->by_uri, e->uri, e))
	{
		fox_map_del(&set->by_lower, e->lower);
		free(e);
		return NULL;
	}
	fox_list_push(&set->all, &e->node);
	return e;
}

/* Whatever a client has registered there has to go: the database decides what its procedures are. */
static void
serve(FoxExposedSet *set, FoxExposed *e)
{
	FoxCallee  *c = fox_idmap_get(&set->session->callees_by_id, e->registration);

	if (c == NULL)
	{
		set->registering = e;
		fox_dealer_register(set->session, 0, FOX_LIT("{\"match\":\"exact\",\"force_reregister\":true}"), e->uri, false);
		c = fox_idmap_get(&set->session->callees_by_id, e->registration);
	}
	if (c == NULL)
		return;
	c->concurrency = (uint32_t) e->concurrency;
	fox_calls_take_up(c->registration);
}

static void
unregister(FoxExposedSet *set, FoxExposed *e)
{
	uint64_t	registration = e->registration;

	e->registration = 0;
	fox_idmap_del(&set->by_registration, registration);
	if (registration != 0)
		fox_session_unregister(set->session, 0, registration);
}

static void
conceal(FoxExposedSet *set, FoxExposed *e)
{
	unregister(set, e);
	exposed_free(set, e);
}

/* GET brings HEAD along. */
static unsigned
verbs_of(FoxSlice methods)
{
	unsigned	verbs = 0;
	FoxSlice	name;
	size_t		pos = 0;

	if (fox_json_kind(methods) != FOX_JSON_ARRAY)
		return FOX_VERBS_DEFAULT;
	while (fox_json_element(methods, &pos, &name))
		if (fox_json_kind(name) == FOX_JSON_STRING)
			verbs |= fox_verb_named(fox_slice(name.ptr + 1, name.len - 2));
	return verbs & FOX_GET ? verbs | FOX_HEAD : verbs;
}

/* Of root.service, in front of root.service.method. */
static size_t
service_length(FoxSlice uri, FoxSlice service)
{
	const char *dot = memchr(uri.ptr, '.', uri.len);

	return fox_json_kind(service) != FOX_JSON_STRING || dot == NULL ? 0 : (size_t) (dot - uri.ptr) + 1 + service.len - 2;
}

static FoxHttpColumns
columns_of(FoxSlice row, bool service)
{
	bool		array = fox_slice_is(fox_json_get(row, "result_as"), "\"array\"");

	if (service)
		return array ? FOX_HTTP_VALUES : FOX_HTTP_NAMES;
	return array ? FOX_HTTP_ARRAY : FOX_HTTP_OBJECT;
}

/* NULL: no memory, or it is no such row. */
static Overload *
overload_new(FoxSlice uri, FoxSlice key, FoxSlice row)
{
	static const char *const bounds[] = {[FOX_BOUND_ROWS] = "\"rows\"", [FOX_BOUND_TABLE] = "\"table\"", [FOX_BOUND_ROW] = "\"row\""};
	FoxBuf		texts[2] = {{0}};
	FoxSlice	function = fox_json_text(fox_json_get(row, "function"), &texts[0]);
	FoxSlice	named = fox_json_get(row, "table");
	FoxSlice	table = fox_absent(named) ? FOX_ABSENT : fox_json_text(named, &texts[1]);
	FoxSlice	bound = fox_json_get(row, "bound");
	Overload   *o = fox_absent(function) ? NULL : calloc(1, sizeof(*o) + key.len + function.len + table.len + 1);
	char	   *at;

	if (o != NULL)
	{
		at = o->block;
		o->key = fox_slice_keep(&at, key);
		o->function = fox_slice_keep(&at, function);
		o->table = fox_slice_keep(&at, table);
		for (FoxBound b = FOX_BOUND_ROWS; b <= FOX_BOUND_ROW; b++)
			if (fox_slice_is(bound, bounds[b]))
				o->bound = b;
		(void) fox_json_uint(fox_json_get(row, "timeout"), &o->timeout_ms);
		(void) fox_json_uint(fox_json_get(row, "concurrency"), &o->concurrency);
		o->verbs = verbs_of(fox_json_get(row, "methods"));
		o->service = service_length(uri, fox_json_get(row, "service"));
		o->columns = columns_of(row, o->service > 0);
		o->anonymous = fox_json_is_true(fox_json_get(row, "anonymous"));
	}
	fox_buf_free(&texts[0]);
	fox_buf_free(&texts[1]);
	return o;
}

static Overload *
overload_find(const FoxExposed *e, FoxSlice key)
{
	fox_list_each(n, &e->overloads)
	{
		Overload   *o = fox_container(Overload, node, n);

		if (fox_slice_eq(o->key, key))
			return o;
	}
	return NULL;
}

static void
overload_free(Overload *o)
{
	if (o == NULL)
		return;
	fox_list_del(&o->node);
	free(o);
}

static uint64_t
stricter(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Where overloads differ, what is stricter holds, whatever their order; false: no memory. */
static bool
put_together(FoxExposed *e)
{
	fox_buf_reset(&e->functions);
	e->timeout_ms = e->concurrency = 0;
	e->verbs = UINT32_MAX;
	e->columns = FOX_HTTP_OBJECT;
	e->bound = FOX_UNBOUND;
	e->anonymous = true;
	fox_list_each(n, &e->overloads)
	{
		const Overload *o = fox_container(Overload, node, n);

		if (e->functions.len > 0)
			fox_buf_char(&e->functions, '\0');
		fox_buf_slice(&e->functions, o->function);
		e->timeout_ms = stricter(e->timeout_ms, o->timeout_ms);
		e->concurrency = stricter(e->concurrency, o->concurrency);
		e->verbs &= o->verbs;
		e->columns = o->columns != FOX_HTTP_OBJECT ? o->columns : e->columns;
		e->service = o->service;
		e->anonymous = e->anonymous && o->anonymous;
		e->bound = o->bound;
		e->table = o->table;
	}
	return !e->functions.failed;
}

static bool
expose(FoxRealm *realm, FoxSlice uri, FoxSlice key, FoxSlice row)
{
	FoxExposedSet *set = set_of(realm);
	Overload   *o = overload_new(uri, key, row);
	FoxExposed *e;

	if (set == NULL || o == NULL ||
		((e = fox_map_get(&set->by_uri, uri)) == NULL && (e = exposed_new(set, uri)) == NULL))
	{
		free(o);
		return false;
	}
	overload_free(overload_find(e, key));
	fox_list_push(&e->overloads, &o->node);
	if (!put_together(e))
		return false;
	serve(set, e);
	return true;
}

bool
fox_exposed_method(const FoxRealm *realm, FoxSlice procedure, FoxMethod *out)
{
	const FoxExposedSet *set = realm->functions != NULL ? realm->functions->data : NULL;
	const FoxExposed *e = set != NULL ? fox_map_get(&set->by_lower, procedure) : NULL;

	if (e == NULL)
		return false;
	*out = (FoxMethod){.procedure = e->uri, .verbs = e->verbs, .columns = e->columns, .bound = e->bound, .anonymous = e->anonymous};
	return true;
}

bool
fox_exposed_spelling(const FoxRealm *realm, FoxSlice *procedure)
{
	const FoxExposedSet *set = realm->functions != NULL ? realm->functions->data : NULL;
	const FoxExposed *e = NULL;
	char	   *lower = set != NULL ? malloc(procedure->len + 1) : NULL;

	if (lower != NULL)
	{
		fox_uri_lower(lower, *procedure);
		e = fox_map_get(&set->by_lower, fox_slice(lower, procedure->len));
	}
	free(lower);
	if (e != NULL)
		*procedure = e->uri;
	return e != NULL;
}

bool
fox_exposed_agrees(const FoxRegistration *reg, FoxSlice contract, const char **text)
{
	const FoxSession *s = reg->callees[0]->session;
	const FoxExposedSet *set = s->data;
	const FoxExposed *e = fox_idmap_get(&set->by_registration, reg->id);
	const FoxService *service = e != NULL ? service_of(s->realm->router, e) : NULL;
	FoxBuf		scratch = {0};
	bool		agrees;

	if (fox_absent(contract) || service == NULL)
		return true;
	agrees = fox_slice_eq(fox_json_text(contract, &scratch), service->contract);
	fox_buf_free(&scratch);
	if (!agrees)
		*text = "the service has another contract";
	return agrees;
}

/*
 * topic = URI, args = [{"function":text,"concurrency":number or null,"timeout":ms or null,
 * "methods":[text] or null,"anonymous":boolean,"result_as":text,"bound":text,"table":text,"service":text or null}],
 * kwargs: which of the URI's rows it is
 */
void
fox_exposed_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxExposedSet *set;
	FoxExposed *e;
	FoxSlice	row;
	size_t		pos = 0;
	bool		done = true;

	if (realm == NULL)
		return;
	if (!c->deleted)
		done = !fox_absent(c->args) && fox_json_element(c->args, &pos, &row) && expose(realm, c->topic, c->kwargs, row);
	else if ((set = realm->functions != NULL ? realm->functions->data : NULL) != NULL &&
			 (e = fox_map_get(&set->by_uri, c->topic)) != NULL)
	{
		overload_free(overload_find(e, c->kwargs));
		if (fox_list_empty(&e->overloads))
			conceal(set, e);
		else if ((done = put_together(e)))
			serve(set, e);
	}
	if (!done)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a procedure is missing until the router restarts");
}

/* --- what comes back --- */

void
fox_router_function_result(FoxRouter *r, uint64_t session, uint64_t invocation, bool progress, FoxSlice args, FoxSlice kwargs)
{
	FoxSession *s = fox_idmap_get(&r->sessions, session);

	if (session == 0)
		fox_inquiry_result(r, invocation, args, kwargs);
	else if (s != NULL && fox_is_handler(s))
		fox_handler_ran(s, invocation, args);
	else if (s != NULL && fox_is_sight(s))
		fox_sight_answered(s, invocation, args);
	else if (s != NULL)
		(void) fox_session_yield(s, invocation, progress ? FOX_LIT("{\"progress\":true}") : FOX_LIT("{}"), args, kwargs);
}

/* Not by fox_session_invocation_failed(): "unavailable" is meant as it is said, for there is no other callee. */
void
fox_router_function_failed(FoxRouter *r, uint64_t session, uint64_t invocation, FoxSlice uri, FoxSlice args, FoxSlice kwargs)
{
	FoxSession *s = fox_idmap_get(&r->sessions, session);
	FoxCall    *call = s != NULL ? fox_idmap_get(&s->invocations, invocation) : NULL;
	FoxFailure	why = {.uri = uri, .text = FOX_ABSENT, .payload = {FOX_JSON, args, kwargs}};

	if (session == 0)
		fox_inquiry_failed(r, invocation, uri, args);
	else if (s != NULL && fox_is_handler(s))
		fox_handler_failed(s, invocation, args);
	else if (s != NULL && fox_is_sight(s))
		fox_sight_answered(s, invocation, FOX_ABSENT);
	if (call == NULL)
		return;
	if (call->caller != NULL)
		call->caller->ops->failed(call->caller, FOX_REQ_CALL, call->request, &why);
	fox_call_end(call);
}
