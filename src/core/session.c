/*
 * session.c - joining, leaving, and what both leave behind.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "core/authorizer.h"
#include "core/callback.h"
#include "core/catalog.h"
#include "core/role_sessions.h"
#include "core/service.h"
#include "core/token.h"

#include "base/pure.h"

static bool
keep_info(FoxSession *s, const FoxSessionInfo *info)
{
	char	   *at = fox_pool_alloc(s->pool, info->authid.len + info->authrole.len + info->authmethod.len +
								info->peer.len + info->protocol.len + info->agent.len + info->authprovider.len + info->role.len +
								info->client_id.len + 1);

	char	   *former = s->identity;

	if (at == NULL)
		return false;
	s->identity = at;
	s->authid = fox_slice_keep(&at, info->authid);
	s->authrole = fox_slice_keep(&at, info->authrole);
	s->authmethod = fox_slice_keep(&at, info->authmethod);
	s->peer = fox_slice_keep(&at, info->peer);
	s->protocol = fox_slice_keep(&at, info->protocol);
	s->agent = fox_slice_keep(&at, info->agent);
	s->authprovider = fox_slice_keep(&at, info->authprovider);
	s->role = fox_slice_keep(&at, info->role);
	s->client_id = fox_slice_keep(&at, info->client_id);
	s->backend = info->backend;
	s->passing = info->passing;
	s->subscription_revocation = info->subscription_revocation;
	s->acknowledges_events = info->acknowledges_events;
	s->encoding = info->encoding;
	s->transport = info->transport;
	s->call_canceling = info->call_canceling;
	s->progressive_results = info->progressive_results;
	/* Without canceling it counts as not announced. */
	s->progressive_invocations = info->progressive_invocations && info->call_canceling;
	s->streams_calls = info->streams_calls;
	s->call_timeout = info->call_timeout;
	s->registration_revocation = info->registration_revocation;
	s->ppt_caller = info->ppt_caller;
	s->ppt_publisher = info->ppt_publisher;
	s->ppt_subscriber = info->ppt_subscriber;
	s->ppt_callee = info->ppt_callee;
	fox_pool_give(s->pool, former);	/* last, for info may speak of it */
	return true;
}

uint64_t
fox_router_session_id(FoxRouter *r)
{
	uint64_t	id;

	do
		id = (r->ports.random64(r->ports.ctx) >> 11) + 1;
	while (fox_idmap_get(&r->sessions, id) != NULL);
	return id;
}

/* Of the sessions of its role, which are counted if they are clients'. */
static bool
is_too_many(FoxSession *s, const char **reason)
{
	s->exempt = !s->passing && !fox_meta_is_client(s);
	if (!fox_meta_is_client(s) || !fox_role_full(s->realm->router, fox_session_role(s)))
		return false;
	*reason = FOX_ERR_TOO_MANY_SESSIONS;
	return true;
}

const char *
fox_session_join_text(const char *reason)
{
	return strcmp(reason, FOX_ERR_TOO_MANY_SESSIONS) == 0 ? "the role has as many sessions as it may" :
		"the session could not join the realm";
}

FoxSession *
fox_session_join(FoxRouter *r, FoxSlice realm_name, const FoxSessionInfo *info,
				 const FoxSessionOps *ops, void *data, const char **reason)
{
	FoxRealm   *realm = fox_realm_find(r, realm_name);
	FoxPool    *pool;
	void	   *block;
	FoxSession *s;

	if (realm == NULL)
	{
		*reason = fox_uri_valid(realm_name, false) ? FOX_ERR_NO_SUCH_REALM : FOX_ERR_INVALID_URI;
		return NULL;
	}
	*reason = FOX_ERR_UNAVAILABLE;
	if ((pool = fox_pool_new(sizeof(*s), &block)) == NULL)
		return NULL;
	s = block;
	s->pool = pool;
	s->realm = realm;
	s->ops = ops;
	s->data = data;
	s->joined_us = fox_router_now(r);
	s->id = info->id != 0 && fox_idmap_get(&r->sessions, info->id) == NULL ? info->id : fox_router_session_id(r);
	fox_list_init(&s->members);
	fox_list_init(&s->callees);
	fox_list_init(&s->callbacks);
	fox_list_init(&s->late);
	fox_list_init(&s->owned);
	fox_list_init(&s->pendings);
	fox_list_init(&s->held);
	fox_list_init(&s->awaiting);
	fox_list_init(&s->receipts);
	fox_list_init(&s->owed_receipts);
	fox_list_init(&s->claims);
	fox_list_init(&s->claimed);
	fox_list_init(&s->offers);
	fox_list_init(&s->testaments);
	fox_list_init(&s->asked);
	if (!keep_info(s, info) || is_too_many(s, reason) || !fox_idmap_put(&r->sessions, s->id, s))
	{
		fox_pool_free(pool);
		return NULL;
	}
	if (fox_meta_is_client(s))
		fox_role_enter(s);
	fox_list_push(&realm->sessions, &s->in_realm);
	if (!s->passing)
		fox_meta_session_joined(s);
	return s;
}

FoxSessionInfo
fox_session_identity(const FoxSession *s)
{
	return (FoxSessionInfo){.authid = s->authid, .authrole = s->authrole, .authmethod = s->authmethod};
}

bool
fox_session_is_of(const FoxSession *s, const FoxSessionInfo *info)
{
	return fox_slice_eq(s->authid, info->authid);
}

bool
fox_session_renew(FoxSession *s, const FoxSessionInfo *info)
{
	bool		same_role = fox_slice_eq(s->authrole, info->authrole);

	if (!keep_info(s, info))
		return false;
	if (!same_role)
	{
		fox_role_leave(s);
		fox_role_enter(s);
		fox_permissions_forget(s);
		fox_permissions_changed(s->realm->router);
	}
	return true;
}

bool
fox_session_may_publish(FoxSession *s, FoxSlice topic)
{
	return fox_uri_valid(topic, s->realm->strict) && !fox_uri_reserved(topic) &&
		fox_permission(s, FOX_MAY_PUBLISH, topic, FOX_EXACT).verdict != FOX_FORBIDDEN;
}

void
fox_session_leave(FoxSession *s, FoxEnd how)
{
	FoxRouter  *r = s->realm->router;

	s->leaving = true;
	fox_callbacks_session_end(s);
	fox_token_session_end(s);
	fox_receipts_session_end(s);
	/* The spec's order: what it offers goes first, then what it waits for, then its wills. */
	fox_list_each(n, &s->callees)
	{
		FoxCallee  *c = fox_container(FoxCallee, in_session, n);

		fox_calls_callee_lost(c);
		fox_callee_free(c);
	}
	fox_calls_caller_lost(s);
	fox_calls_free(s);
	fox_list_each(n, &s->members)
		fox_member_free(fox_container(FoxMember, in_session, n));
	fox_after_session_end(s);
	fox_authorizer_session_end(s);
	fox_takeover_session_end(s);
	fox_sync_session_end(s, how);
	if (!fox_list_empty(&s->testaments))
	{
		fox_testaments_publish(s);
		fox_sync_session_end(s, how);	/* of testaments that are stored */
	}
	fox_wills_apply(s, how);
	fox_catalog_session_end(s);
	if (s->has_instances)
		fox_service_session_end(s);
	fox_idmap_del(&r->sessions, s->id);
	fox_list_del(&s->in_realm);
	if (s->pid != 0)
		fox_idmap_del(&r->backends, (uint64_t) s->pid);
	if (!s->passing)
		fox_meta_session_left(s);
	fox_map_free(&s->calls);
	fox_map_free(&s->invocations);
	fox_map_free(&s->callees_by_id);
	fox_permissions_forget(s);
	fox_role_leave(s);
	fox_pool_free(s->pool);
}

const char *
fox_session_unannounced(const FoxSession *s, FoxRequest what, FoxSlice options)
{
	bool		passthru = what == FOX_REQ_PUBLISH ? s->ppt_publisher : what == FOX_REQ_CALL ? s->ppt_caller : s->ppt_callee;
	FoxPpt		ppt;

	if (!passthru && fox_ppt_read(options, &ppt))
		return "ppt_scheme without having announced payload_passthru_mode";
	if (what == FOX_REQ_CALL && !s->streams_calls && fox_json_is_true(fox_json_get(options, "progress")))
		return "a progressive CALL without having announced progressive_call_invocations";
	return NULL;
}

uint64_t
fox_session_id(const FoxSession *s)
{
	return s->id;
}

void *
fox_session_data(const FoxSession *s)
{
	return s->data;
}

FoxSlice
fox_session_role(const FoxSession *s)
{
	if (!fox_absent(s->role))
		return s->role;
	return fox_slice_is(s->authmethod, "anonymous") ? fox_cstr(s->realm->router->config.anonymous_role) : s->authrole;
}

void
fox_session_fail(FoxSession *s, FoxRequest what, uint64_t request, const char *uri, const char *text)
{
	FoxFailure	why = {.uri = fox_cstr(uri), .text = text ? fox_cstr(text) : FOX_ABSENT};

	s->ops->failed(s, what, request, &why);
}

void
fox_session_kill(FoxSession *s, const char *reason, FoxSlice message)
{
	s->ops->ended(s, reason, message);
	fox_session_leave(s, FOX_END_LOST);
}
