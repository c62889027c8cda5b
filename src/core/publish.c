/*
 * publish.c - PUBLISH, and the changes that come back from the database.
 */
#include "codec/match.h"
#include "codec/mqtt_payload.h"
#include "core/callback.h"
#include "core/ask.h"
#include "core/auto_subscription.h"
#include "core/exposed.h"
#include "core/catalog.h"
#include "core/service.h"
#include "core/http_route.h"
#include "core/handler.h"
#include "core/hook.h"
#include "core/mqtt_bridge.h"
#include "core/auth_rule.h"
#include "core/authorizer.h"
#include "core/config_rows.h"
#include "core/roles.h"
#include "core/sight.h"
#include "core/trust.h"
#include "core/unheard.h"

#include "base/pure.h"

static void
disclose(FoxEvent *e, const FoxSession *s, const FoxPublish *p)
{
	if (s != NULL && fox_discloses(p->disclosure, p->disclose_me))
		e->publisher = (FoxDisclosed){s->id, s->authid, s->authrole};
}

void
fox_payload_original(FoxSlice original, FoxPayload *payload)
{
	uint8_t		qos;
	FoxSlice	props;
	FoxSlice	bytes;

	if (!fox_absent(original) && fox_mqtt_unpack(original, &qos, &props, &bytes))
		*payload = (FoxPayload){FOX_MQTT, bytes, props};
}

/* Of who asks for an answer, and of SQL, an event is 1 if nothing else is said. */
static uint8_t
qos_of(const FoxPublish *p, bool acknowledged)
{
	return p->qos >= 0 ? (uint8_t) p->qos : acknowledged;
}

void
fox_publish_now(FoxSession *s, const FoxPublish *p)
{
	FoxRealm   *realm = s->realm;
	FoxEvent	e = {.topic = p->topic, .payload = p->payload, .ppt = p->ppt, .origin = s->id,
	.qos = qos_of(p, p->acknowledge), .mqtt = p->mqtt};

	if (!fox_absent(p->when) && !fox_retained_holds(realm, p->topic, p->when))
	{
		realm->router->stats.condition_failed++;
		if (p->acknowledge)
			fox_session_fail(s, FOX_REQ_PUBLISH, p->request, FOX_ERR_INVALID_PAYLOAD, "the condition does not hold");
		return;
	}
	e.publication = fox_router_publication_id(realm->router);
	disclose(&e, s, p);
	e.has_trustlevel = fox_trust_level(realm, e.topic, s->authrole, &e.trustlevel);
	e.accepted = fox_receipt_open(s, p, e.publication);
	e.receipt = p->acknowledged_delivery ? e.accepted : NULL;
	fox_broker_deliver(realm, &e, s, p);
	fox_publish_delivered(s, p, e.accepted, e.publication);
}

void
fox_session_distribute(FoxSession *s, uint64_t request, uint64_t publication, FoxSlice topic, FoxSlice original,
					   uint64_t expires_us)
{
	FoxPublish	p = {.request = request, .disclosure = s->realm->disclosure};
	FoxEvent	e = {.publication = publication, .topic = topic, .origin = s->id, .kept = true, .expires_us = expires_us,
	.queued = true, .late = true};
	FoxSlice	bytes;
	FoxSlice	props;

	if (fox_mqtt_unpack(original, &e.qos, &props, &bytes))
	{
		e.payload = (FoxPayload){FOX_MQTT, bytes, props};
		disclose(&e, s, &p);
		e.has_trustlevel = fox_trust_level(s->realm, topic, s->authrole, &e.trustlevel);
		fox_broker_deliver(s->realm, &e, s, &p);
	}
	s->ops->distributed(s, request);
}

void
fox_session_publish(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic,
					FoxSlice args, FoxSlice kwargs)
{
	FoxPublish	p = {.request = request, .options = options, .topic = topic, .payload = {s->encoding, args, kwargs}};
	FoxBuf		json = {0};
	FoxBuf		original = {0};
	FoxPermit	permit = {.disclosure = s->realm->disclosure};
	const char *error = fox_publish_options(&p);
	const char *uri = FOX_ERR_INVALID_ARGUMENT;

	if (error == NULL && !fox_absent(p.row))
		error = "option fox_wamp.row is the database's own";
	fox_permissions_settle(s->realm->router);
	if (error == NULL && (!fox_uri_valid(topic, s->realm->strict) || fox_uri_reserved(topic)))
	{
		uri = FOX_ERR_INVALID_URI;
		error = fox_uri_reserved(topic) ? "topics below wamp. and fox_wamp. are the router's own" :
			"the topic is not a valid URI";
	}
	if (error == NULL)
		switch (fox_permit(s, &(FoxWish){FOX_MAY_PUBLISH, request, options, topic, FOX_EXACT, args, kwargs}, false, &permit))
		{
			case FOX_WAITS:
				return;
			case FOX_REFUSED:
				uri = permit.uri;
				error = permit.text;
				break;
			case FOX_PASSES:
				break;
		}
	p.disclosure = permit.disclosure;
	if (error == NULL && p.disclose_me && p.disclosure == FOX_DISCLOSE_NEVER)
	{
		uri = FOX_ERR_DISCLOSE_ME;
		error = "this realm names no publishers";
	}
	if (error == NULL && p.acknowledged_delivery && s->receipt_count >= s->realm->router->config.waiter_limit)
	{
		uri = FOX_ERR_UNAVAILABLE;
		error = "too many publishes wait until their events are acknowledged";
	}
	if (p.retain && s->encoding == FOX_MQTT)
	{
		fox_mqtt_pack(qos_of(&p, p.acknowledge), kwargs, args, &original);
		p.original = fox_buf_view(&original);
	}
	if (error == NULL && p.retain && (original.failed || !fox_payload_as(&p.payload, FOX_JSON, &json, &p.payload)))
	{
		uri = FOX_ERR_UNAVAILABLE;
		error = "out of memory";
	}
	if (error == NULL)
		fox_sync_publish(s, &p);
	else if (p.acknowledge || fox_json_is_true(fox_json_get(options, "acknowledge")))
		fox_session_fail(s, FOX_REQ_PUBLISH, request, uri, error);
	else
		s->realm->router->stats.publishes_refused++;
	fox_buf_free(&json);
	fox_buf_free(&original);
}

/* --- changes --- */

/* Takes the change into the copy; false: it changes nothing there. */
static bool
copy_change(FoxRealm *realm, const FoxChange *c, const FoxPublish *p, uint8_t qos)
{
	FoxBuf		lists = {0};
	FoxSlice	audience = FOX_ABSENT;
	FoxValue   *v = fox_retained_get(realm, c->topic);

	if (c->kind == FOX_CHANGE_DELETE)
	{
		fox_retained_del(realm, c->topic);
		if (realm->router->rereading)
			fox_retained_bury(realm, c->topic);
		return v != NULL;
	}
	if (c->silent)
	{
		/* What the ring has brought since the re-read began is newer than what was read. */
		if (fox_retained_buried(realm, c->topic) || (v != NULL && v->reread == realm->router->reread))
			return false;
		if (v != NULL && v->publication == c->publication)
		{
			v->reread = realm->router->reread;
			return false;
		}
	}
	if (p->has_audience)
	{
		fox_audience_json(p->options, &lists);
		audience = fox_slice(lists.data, lists.len);
	}
	if (lists.failed ||
		fox_retained_put(realm, &(FoxValue){.topic = c->topic, .args = c->args, .kwargs = c->kwargs, .audience = audience,
						 .original = c->original, .qos = qos, .publication = c->publication,
						 .expires_us = p->ttl > 0 ? fox_router_now(realm->router) + (uint64_t) (p->ttl * 1e6) : 0}) == NULL)
		fox_router_log(realm->router, FOX_LOG_ERROR,
					   "out of memory: the copy of a retained value is stale until the router restarts");
	fox_buf_free(&lists);
	return true;
}

/* A write with a will has succeeded: its session owns the value, or the will is due at once. */
static void
take_ownership(FoxRealm *realm, const FoxPending *w, const FoxChange *c)
{
	FoxPorts   *ports = &realm->router->ports;
	FoxValue   *v;

	if (w->said_goodbye && !w->p.will_on_end)
		ports->write(ports->ctx, &(FoxWrite){.kind = FOX_WRITE_DISOWN, .realm = realm->name, .topic = c->topic,
					 .session = w->session_id, .only_owner = true});
	else if (w->session == NULL || w->given_up)
		fox_will_write(realm, c->topic, w->session_id, w->p.will);
	else if ((v = fox_retained_get(realm, c->topic)) != NULL)
		fox_will_set(w->session, v, w->session_id, w->p.will, w->p.will_on_end);
}

/* The same for a publish of SQL's, and at the load for one that an earlier router saw: the owner is the backend. */
static void
take_ownership_of_backend(FoxRealm *realm, const FoxPublish *p, const FoxChange *c)
{
	const char *reason = FOX_ERR_INVALID_ARGUMENT;
	FoxSession *s = fox_backend_session(realm->router, realm->name, c->pid, &reason);
	FoxValue   *v = fox_retained_get(realm, c->topic);

	if (s == NULL)
		fox_router_log(realm->router, FOX_LOG_WARNING,
					   "the will of backend %d is left for the next start of the router: %s", c->pid, reason);
	else if (v != NULL)
		fox_will_set(s, v, c->owner, p->will, p->will_on_end);
}

/*
 * A will that is none of this router's doing: an executor has found the backend that
 * owned the value dead.  It may have gone without a word, for the word went to an
 * earlier router.  NULL: nothing of the kind.
 */
static FoxSession *
found_dead(FoxRealm *realm, const FoxPending *w, const FoxChange *c)
{
	FoxValue   *v = w == NULL && c->token == 0 && c->session != 0 ? fox_retained_get(realm, c->topic) : NULL;
	FoxOwned   *o = v != NULL ? v->owned : NULL;

	return o != NULL && o->owner == c->session && o->session->pid != 0 ? o->session : NULL;
}

/* What an earlier run of the router has not brought into all queues. */
static void
hear_late(FoxRealm *realm, const FoxChange *c)
{
	FoxPublish	p = {.options = c->options, .exclude_me = true, .qos = -1};
	FoxEvent	e = {.publication = c->publication, .topic = c->topic, .kept = c->kind != FOX_CHANGE_EVENT,
	.payload = {FOX_JSON, c->args, c->kwargs}, .queued = true, .late = true};

	if (!fox_absent(c->options))
		fox_publish_options(&p);
	e.qos = qos_of(&p, true);
	e.mqtt = p.mqtt;
	e.ppt = p.ppt;
	fox_payload_original(c->original, &e.payload);
	fox_broker_deliver(realm, &e, NULL, &p);
}

static void
change_topic(FoxRouter *r, FoxRealm *realm, const FoxChange *c, bool heard)
{
	FoxPending *w = fox_sync_take(r, c->token);
	FoxSession *dead = found_dead(realm, w, c);
	FoxSession *publisher = w != NULL ? w->session : NULL;
	FoxPublish	sql = {.options = c->options, .exclude_me = true, .qos = -1};
	FoxPublish *p = w != NULL ? &w->p : &sql;
	FoxEvent	e = {.publication = c->publication, .topic = c->topic, .origin = c->session, .kept = c->kind != FOX_CHANGE_EVENT,
	.payload = {FOX_JSON, c->args, c->kwargs}, .bridged = c->bridged,
	.queued = c->queued || c->silent, .hops = c->hops, .retained = c->silent && !r->loaded};
	FoxValue   *former = NULL;	/* that the topic had */
	bool		changed = true;

	if (w == NULL && !fox_absent(c->options))
		fox_publish_options(&sql);
	e.qos = qos_of(p, w == NULL || p->acknowledge);
	e.mqtt = p->mqtt;
	fox_payload_original(w != NULL ? w->p.original : c->original, &e.payload);
	if (c->kind != FOX_CHANGE_EVENT)
	{
		if ((former = fox_retained_get(realm, c->topic)) != NULL)
			former->refs++;
		changed = copy_change(realm, c, p, e.qos);
	}
	if (w != NULL && c->kind == FOX_CHANGE_PUT && !fox_absent(w->p.will))
		take_ownership(realm, w, c);
	if (w == NULL && changed && c->kind == FOX_CHANGE_PUT && c->owner != 0 && c->pid != 0 && !fox_absent(sql.will))
		take_ownership_of_backend(realm, &sql, c);
	e.ppt = p->ppt;
	disclose(&e, publisher, p);
	e.has_trustlevel = fox_trust_level(realm, e.topic, publisher != NULL ? publisher->authrole :
									   c->pid != 0 ? fox_sql_info.authrole : FOX_ABSENT, &e.trustlevel);
	if (w != NULL && publisher != NULL)
	{
		e.accepted = w->receipt = fox_receipt_open(publisher, p, c->publication);
		e.receipt = p->acknowledged_delivery ? e.accepted : NULL;
	}
	if (publisher == NULL && c->pid != 0)
		publisher = fox_idmap_get(&r->backends, (uint64_t) c->pid);
	if (!heard && (changed || !c->silent))
	{
		if (fox_absent(p->row))
			fox_broker_deliver(realm, &e, publisher, p);
		else
			fox_sight_deliver(realm, &e, publisher, p, former);
	}
	if (former != NULL)
		fox_value_unref(former);
	if (w != NULL)
		fox_sync_finish(w, c->publication, NULL, NULL);
	if (c->kind != FOX_CHANGE_EVENT)
		fox_sync_changed(realm, c->topic);
	fox_after_seen(realm->router, c->publication);
	if (dead != NULL)
		fox_session_leave(dead, FOX_END_LOST);
}

/* --- sweeping: TRUNCATE, and what a re-read did not find --- */

typedef struct Sweep
{
	FoxRouter  *router;
	bool		all;
	FoxBuf		topics;			/* NUL-terminated topics that are gone */
} Sweep;

static void
sweep_value(void *ctx, void *value)
{
	Sweep	   *sweep = ctx;
	FoxValue   *v = value;

	if (sweep->all || v->reread != sweep->router->reread)
	{
		fox_buf_slice(&sweep->topics, v->topic);
		fox_buf_char(&sweep->topics, '\0');
	}
}

static void
sweep_realm(FoxRouter *r, FoxRealm *realm, bool all, bool bridged)
{
	Sweep		sweep = {r, all, {0}};

	fox_trie_each(&realm->retained, sweep_value, &sweep);
	for (size_t at = 0; at < sweep.topics.len;)
	{
		FoxSlice	topic = fox_cstr(sweep.topics.data + at);

		at += topic.len + 1;
		change_topic(r, realm, &(FoxChange){.kind = FOX_CHANGE_DELETE, .realm = realm->name, .topic = topic,
					 .publication = fox_router_publication_id(r), .bridged = bridged}, false);
	}
	if (sweep.topics.failed)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: some deleted retained values stay in the router's copy");
	fox_buf_free(&sweep.topics);
}

static void
sweep_all(FoxRouter *r, bool all)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		sweep_realm(r, slot->value, all, false);
}

void
fox_router_reread_begin(FoxRouter *r)
{
	r->reread++;
	r->rereading = true;
}

void
fox_router_reread_end(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	sweep_all(r, false);
	r->rereading = false;
	fox_config_rows_reread_end(r);
	if (!r->loaded)
		fox_services_loaded(r);
	r->loaded = true;
	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		fox_retained_exhume(slot->value);
}

/* --- the door --- */

void
fox_router_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm;
	bool		heard = c->unheard != 0 && fox_unheard_is_heard(r, c->unheard);

	/* What has committed later finds what was forbidden before. */
	if (c->kind != FOX_CHANGE_PERMISSION && c->kind != FOX_CHANGE_ROLES && !c->silent)
		fox_permissions_settle(r);
	if (!fox_config_row_is_news(r, c))
		return;
	switch (c->kind)
	{
		case FOX_CHANGE_REALM:
			fox_realm_change(r, c);
			break;
		case FOX_CHANGE_BRIDGE_OUT:
			fox_bridge_change(r, c);
			break;
		case FOX_CHANGE_CALL:
			fox_ask_cast(r, c);
			break;
		case FOX_CHANGE_HISTORY:
		case FOX_CHANGE_PAST:
			fox_history_change(r, c);
			break;
		case FOX_CHANGE_AUTH:
			fox_auth_rule_change(r, c);
			break;
		case FOX_CHANGE_TRUST:
			fox_trust_change(r, c);
			break;
		case FOX_CHANGE_AUTO_SUBSCRIPTION:
			fox_auto_subscription_change(r, c);
			break;
		case FOX_CHANGE_MQTT_BRIDGE:
			fox_mqtt_bridge_change(r, c);
			break;
		case FOX_CHANGE_MQTT_BRIDGE_TOPIC:
			fox_mqtt_bridge_topic_change(r, c);
			break;
		case FOX_CHANGE_EXPOSED:
			fox_exposed_change(r, c);
			break;
		case FOX_CHANGE_SERVICE:
			fox_service_change(r, c);
			break;
		case FOX_CHANGE_CATALOG:
			fox_catalog_change(r, c);
			break;
		case FOX_CHANGE_ROOT:
			fox_root_change(r, c);
			break;
		case FOX_CHANGE_HANDLER:
			fox_handler_change(r, c);
			break;
		case FOX_CHANGE_CALLBACK:
			fox_callback_change(r, c);
			break;
		case FOX_CHANGE_CALLBACK_MESSAGE:
			fox_callback_message(r, c);
			break;
		case FOX_CHANGE_CALLBACK_OVER:
			fox_callback_over(r, c);
			break;
		case FOX_CHANGE_HOOK:
			fox_hook_change(r, c);
			break;
		case FOX_CHANGE_QUEUED:
			fox_handler_queued(r, c);
			break;
		case FOX_CHANGE_PERMISSION:
			fox_permission_change(r, c);
			break;
		case FOX_CHANGE_ROLES:
			fox_roles_change(r, c);
			break;
		case FOX_CHANGE_DECISIONS:
			fox_decisions_outdated(r, c);
			break;
		case FOX_CHANGE_TRUNCATE:
			sweep_all(r, true);
			break;
		case FOX_CHANGE_GAP:
			r->stats.gaps++;
			fox_handlers_queued(r);
			break;
		default:
			if ((realm = fox_realm_find(r, c->realm)) == NULL)
				fox_router_refused(r, c->token, FOX_REFUSED_UNAVAILABLE, "the realm is gone");
			else if (c->unheard == 0 || !c->silent)
				change_topic(r, realm, c, heard);
			else if (!heard)
				hear_late(realm, c);
	}
	if (c->unheard != 0 && !heard)
		fox_unheard_heard(r, c);
	else if (c->unheard != 0 && !c->silent)
		fox_unheard_over(r, c->unheard);
	fox_ask_progress(r);
}
