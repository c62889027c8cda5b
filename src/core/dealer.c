/*
 * dealer.c - registrations: who offers a procedure.
 *
 * A registration is one URI or pattern, one kind of match, one policy (`invoke`); its
 * callees are sessions.  Who of them is called: pick.c; its calls: call.c.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/callback.h"
#include "core/core.h"
#include "core/exposed.h"
#include "core/authorizer.h"

#include "base/pure.h"

static const char *const invoke_names[] = {"single", "roundrobin", "random", "first", "last", "load"};

const char *
fox_invoke_name(FoxInvoke invoke)
{
	return invoke_names[invoke];
}

typedef struct RegisterOptions
{
	FoxSlice	match;
	FoxInvoke	invoke;
	uint32_t	concurrency;
	bool		disclose_caller;
	bool		forward_timeout;
	bool		force;
} RegisterOptions;

static void
tell_registration(FoxRegistration *reg)
{
	FoxPorts   *ports = &reg->realm->router->ports;

	ports->registration(ports->ctx, reg->realm->name, reg->id, reg->uri, fox_cstr(fox_match_name(reg->kind)),
						fox_cstr(fox_invoke_name(reg->invoke)), reg->count);
}

static FoxRegistration *
registration_new(FoxRealm *realm, FoxSlice uri, FoxMatchKind kind, FoxInvoke invoke)
{
	FoxRegistration *reg = calloc(1, sizeof(*reg) + uri.len + 1);

	if (reg == NULL)
		return NULL;
	reg->realm = realm;
	reg->id = ++realm->router->next_id;
	reg->kind = kind;
	reg->invoke = invoke;
	reg->created_us = fox_router_now(realm->router);
	fox_list_init(&reg->queue);
	memcpy(reg->block, uri.ptr, uri.len);
	reg->uri = fox_slice(reg->block, uri.len);
	if (!fox_idmap_put(&realm->registrations_by_id, reg->id, reg))
	{
		free(reg);
		return NULL;
	}
	if (!fox_index_put(&realm->registrations, reg->uri, kind, reg))
	{
		fox_idmap_del(&realm->registrations_by_id, reg->id);
		free(reg);
		return NULL;
	}
	return reg;
}

static void
registration_free(FoxRegistration *reg)
{
	fox_calls_registration_gone(reg);
	fox_index_del(&reg->realm->registrations, reg->uri, reg->kind);
	fox_idmap_del(&reg->realm->registrations_by_id, reg->id);
	free(reg->callees);
	free(reg);
}

static FoxCallee *
callee_new(FoxSession *s, FoxRegistration *reg, const RegisterOptions *o)
{
	FoxCallee  *c;

	if (reg->count == reg->cap)
	{
		uint32_t	cap = reg->cap ? reg->cap * 2 : 1;
		FoxCallee **callees = realloc(reg->callees, cap * sizeof(*callees));

		if (callees == NULL)
			return NULL;
		reg->callees = callees;
		reg->cap = cap;
	}
	if ((c = fox_pool_alloc(s->pool, sizeof(*c))) == NULL || !fox_idmap_put(&s->callees_by_id, reg->id, c))
	{
		fox_pool_give(s->pool, c);
		return NULL;
	}
	c->session = s;
	c->registration = reg;
	c->concurrency = o->concurrency;
	c->disclose_caller = o->disclose_caller;
	c->forward_timeout = o->forward_timeout;
	c->serial = ++reg->last_serial;
	fox_list_init(&c->calls);
	reg->callees[reg->count++] = c;
	fox_list_push(&s->callees, &c->in_session);
	return c;
}

static void
callee_unlink(FoxCallee *c)
{
	FoxRegistration *reg = c->registration;
	uint32_t	i;

	/* The order of registration stays: `first` and `last` mean it. */
	fox_callee_by_serial(reg, c->serial, &i);
	memmove(reg->callees + i, reg->callees + i + 1, (reg->count - i - 1) * sizeof(*reg->callees));
	reg->count--;
	if (i < reg->next)
		reg->next--;
	fox_list_del(&c->in_session);
	fox_idmap_del(&c->session->callees_by_id, reg->id);
	fox_callbacks_target_gone(c->session, FOX_CALLBACK_INVOCATION, reg->id);
	fox_pool_give(c->session->pool, c);
}

void
fox_callee_free(FoxCallee *c)
{
	FoxRegistration *reg = c->registration;
	FoxSession *s = c->session;

	callee_unlink(c);
	tell_registration(reg);
	fox_meta_registration(reg, s, FOX_META_LEFT);
	if (reg->count == 0)
	{
		fox_meta_registration(reg, s, FOX_META_DELETED);
		registration_free(reg);
	}
	else
		fox_calls_take_up(reg);
}

/* --- taking away --- */

static void
take_from(FoxCallee *c, const char *reason)
{
	FoxRegistration *reg = c->registration;
	FoxSession *s = c->session;

	fox_calls_let_go(c);
	callee_unlink(c);
	if (s->registration_revocation)
		s->ops->unregistered(s, reg->id, reason);
	fox_meta_registration(reg, s, FOX_META_LEFT);
	if (reg->count == 0)
		fox_meta_registration(reg, s, FOX_META_DELETED);
}

/* Afterwards nobody holds the registration, which waits for somebody new or for its end. */
static void
take_away(FoxRegistration *reg, const char *reason)
{
	while (reg->count > 0)
		take_from(reg->callees[reg->count - 1], reason);
	tell_registration(reg);
}

uint32_t
fox_registration_revoke(FoxRealm *realm, uint64_t id, FoxSession *s, const char *reason)
{
	FoxRegistration *reg = fox_idmap_get(&realm->registrations_by_id, id);
	FoxCallee  *c = s != NULL ? fox_idmap_get(&s->callees_by_id, id) : NULL;
	uint32_t	held = reg != NULL ? reg->count : 0;

	if (reg == NULL || (s != NULL && c == NULL))
		return 0;
	if (c != NULL && reg->count > 1)
	{
		take_from(c, reason);
		tell_registration(reg);
		fox_calls_take_up(reg);
		return 1;
	}
	take_away(reg, reason);
	registration_free(reg);
	return held;
}

/* Another session takes the procedure over: for all but the calls that wait, a new registration. */
static void
renew(FoxRegistration *reg, FoxInvoke invoke)
{
	FoxRealm   *realm = reg->realm;

	take_away(reg, "wamp.error.forced_reregister");
	fox_idmap_del(&realm->registrations_by_id, reg->id);
	reg->id = ++realm->router->next_id;
	fox_idmap_put(&realm->registrations_by_id, reg->id, reg);	/* there is room: one has just gone */
	reg->invoke = invoke;
	reg->next = 0;
	reg->created_us = fox_router_now(realm->router);
}

/* --- requests --- */

static const char *
register_options(FoxSlice options, RegisterOptions *o, FoxBuf *scratch)
{
	FoxSlice	value = fox_json_get(options, "match");
	uint64_t	n;

	*o = (RegisterOptions){.match = FOX_ABSENT};
	if (!fox_absent(value))
	{
		o->match = fox_json_text(value, scratch);
		if (fox_absent(o->match))
			return "option match must be a string";
	}
	value = fox_json_get(options, "concurrency");
	if (!fox_absent(value) && fox_json_kind(value) != FOX_JSON_NULL)
	{
		if (!fox_json_uint(value, &n) || n == 0 || n > 1000000)
			return "option concurrency must be an integer from 1 to 1000000";
		o->concurrency = (uint32_t) n;
	}
	o->disclose_caller = fox_json_is_true(fox_json_get(options, "disclose_caller"));
	o->forward_timeout = fox_json_is_true(fox_json_get(options, "forward_timeout"));
	o->force = fox_json_is_true(fox_json_get(options, "force_reregister"));
	value = fox_json_get(options, "invoke");
	if (!fox_absent(value))
	{
		for (o->invoke = FOX_INVOKE_SINGLE; o->invoke <= FOX_INVOKE_LOAD; o->invoke++)
			if (value.len == strlen(invoke_names[o->invoke]) + 2 &&
				memcmp(value.ptr + 1, invoke_names[o->invoke], value.len - 2) == 0)
				return NULL;
		return "option invoke must be single, roundrobin, random, first, last or load";
	}
	return NULL;
}

void
fox_session_register(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure)
{
	fox_dealer_register(s, request, options, procedure, true);
}

void
fox_dealer_register(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice procedure, bool may_wait)
{
	RegisterOptions o;
	FoxBuf		scratch = {0};
	FoxMatchKind kind;
	FoxRegistration *reg;
	FoxPermit	permit;
	FoxPass		pass;
	const char *error = register_options(options, &o, &scratch);

	if (error == NULL && !fox_uri_match_kind(procedure, o.match, &kind))
		error = "option match must be exact, prefix or wildcard";
	fox_buf_free(&scratch);
	if (error != NULL)
	{
		fox_session_fail(s, FOX_REQ_REGISTER, request, FOX_ERR_INVALID_ARGUMENT, error);
		return;
	}
	if (!fox_uri_pattern_valid(procedure, kind, s->realm->strict) || fox_uri_reserved(procedure))
	{
		fox_session_fail(s, FOX_REQ_REGISTER, request, FOX_ERR_INVALID_URI, "the procedure is not a valid URI for clients");
		return;
	}
	pass = fox_permit(s, &(FoxWish){FOX_MAY_REGISTER, request, options, procedure, kind, FOX_ABSENT, FOX_ABSENT},
					  !may_wait, &permit);
	if (pass == FOX_REFUSED)
		fox_session_fail(s, FOX_REQ_REGISTER, request, permit.uri, permit.text);
	if (pass != FOX_PASSES)
		return;
	reg = fox_index_get(&s->realm->registrations, procedure, kind);
	if (reg != NULL && o.force && !fox_exposed_holds(reg))
		renew(reg, o.invoke);
	else if (reg != NULL && (reg->invoke == FOX_INVOKE_SINGLE || reg->invoke != o.invoke ||
							 fox_idmap_get(&s->callees_by_id, reg->id) != NULL))
	{
		if (may_wait && fox_takeover_wait(s, reg, request, options, procedure))
			return;
		fox_session_fail(s, FOX_REQ_REGISTER, request, FOX_ERR_PROCEDURE_EXISTS,
						 reg->invoke == o.invoke ? "the procedure is already registered" :
						 "the procedure is registered with another invocation policy");
		return;
	}
	if (reg == NULL)
		reg = registration_new(s->realm, procedure, kind, o.invoke);
	if (reg == NULL || callee_new(s, reg, &o) == NULL)
	{
		if (reg != NULL && reg->count == 0)
			registration_free(reg);
		fox_session_fail(s, FOX_REQ_REGISTER, request, FOX_ERR_UNAVAILABLE, "out of memory");
		return;
	}
	s->ops->done(s, FOX_REQ_REGISTER, request, reg->id);
	tell_registration(reg);
	if (reg->count == 1)
		fox_meta_registration(reg, s, FOX_META_CREATED);
	fox_meta_registration(reg, s, FOX_META_JOINED);
	fox_calls_take_up(reg);
}

void
fox_session_unregister(FoxSession *s, uint64_t request, uint64_t registration)
{
	FoxCallee  *c = fox_idmap_get(&s->callees_by_id, registration);

	if (c == NULL)
	{
		fox_session_fail(s, FOX_REQ_UNREGISTER, request, FOX_ERR_NO_SUCH_REGISTRATION, NULL);
		return;
	}
	fox_calls_let_go(c);
	fox_callee_free(c);
	s->ops->done(s, FOX_REQ_UNREGISTER, request, 0);
}

/* --- looking up --- */

typedef struct Find
{
	FoxRegistration *best;
} Find;

/* Which of two wildcard patterns is the more specific: the first component in which only one is literal decides. */
static bool
more_specific(FoxSlice a, FoxSlice b)
{
	FoxSlice	x;
	FoxSlice	y;

	while (fox_uri_component(&a, &x) && fox_uri_component(&b, &y))
	{
		bool		x_any = x.len == 0 || fox_slice_is(x, "*") || fox_slice_is(x, "#");
		bool		y_any = y.len == 0 || fox_slice_is(y, "*") || fox_slice_is(y, "#");

		if (x_any != y_any)
			return y_any;
		if (fox_slice_is(x, "#") != fox_slice_is(y, "#"))
			return fox_slice_is(y, "#");
	}
	return !fox_absent(a);
}

/* The index brings exact first, then prefixes from the longest, then the others. */
static void
find_better(void *ctx, void *value)
{
	Find	   *find = ctx;
	FoxRegistration *reg = value;

	if (find->best == NULL ||
		(find->best->kind >= FOX_WILDCARD && more_specific(reg->uri, find->best->uri)))
		find->best = reg;
}

FoxRegistration *
fox_dealer_find(FoxRealm *realm, FoxSlice procedure)
{
	Find		find = {NULL};

	find.best = fox_map_get(&realm->registrations.exact, procedure);
	if (find.best == NULL)
		fox_index_match(&realm->registrations, procedure, find_better, &find);
	return find.best;
}
