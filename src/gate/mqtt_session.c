/*
 * mqtt_session.c - what a client identifier stands for, with a connection or without.
 *
 *      (CONNECT) ──► attached ◄──CONNECT── away ──expired──► ending ──writes are settled──► gone
 *                       │                  ▲                    ▲
 *                       ├──expiry > 0──────┘                    │
 *                       └──expiry 0, clean start of another─────┘
 *
 * A session's publishes may wait behind stored ones of its own, so it leaves the core only when they
 * are settled; until then it hears nothing and its name is free.
 */
#include <stdlib.h>

#include "gate/mqtt_private.h"

#include "base/pure.h"

/* --- finding and making --- */

static FoxBuf key;

static FoxSlice
key_of(FoxSlice realm, FoxSlice client_id)
{
	fox_buf_reset(&key);
	fox_buf_slice(&key, realm);
	fox_buf_char(&key, '\0');
	fox_buf_slice(&key, client_id);
	return fox_buf_view(&key);
}

MqttSession *
mqtt_session_find(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id)
{
	return fox_map_get(&b->sessions, key_of(realm, client_id));
}

MqttSession *
mqtt_session_new(FoxMqttBroker *b, FoxSlice realm, FoxSlice client_id, const FoxSessionInfo *info, const char **reason)
{
	FoxSlice	name = key_of(realm, client_id);
	MqttSession *s = calloc(1, sizeof(*s) + name.len);
	char	   *at;

	*reason = "wamp.error.unavailable";
	if (s == NULL || key.failed)
	{
		free(s);
		return NULL;
	}
	at = s->block;
	s->broker = b;
	s->key = fox_slice_keep(&at, name);
	s->client_id = fox_slice(s->key.ptr + realm.len + 1, client_id.len);
	s->later.run = mqtt_event_once;
	fox_list_init(&s->waiting);
	fox_list_init(&s->sent);
	fox_list_init(&s->asks);
	fox_list_init(&s->promises);
	fox_list_init(&s->calls);
	fox_list_init(&s->dues);
	s->row = (fox_router_random(b->router) >> 12) + 1;
	fox_list_init(&s->in_broker);
	fox_list_init(&s->in_unwritten);
	s->core = fox_session_join(b->router, realm, info, &mqtt_ops, s, reason);
	if (s->core == NULL)
	{
		free(s);
		return NULL;
	}
	if (!fox_map_put(&b->sessions, s->key, s))
	{
		*reason = "wamp.error.unavailable";
		fox_session_leave(s->core, FOX_END_LOST);
		free(s);
		return NULL;
	}
	fox_list_push(&b->all, &s->in_broker);
	return s;
}

FoxSlice
mqtt_session_realm(const MqttSession *s)
{
	return fox_slice(s->key.ptr, s->key.len - s->client_id.len - 1);
}

/* Out of reach: nothing finds it any more, and nothing happens to it by itself. */
static void
hide(MqttSession *s)
{
	if (!s->ending)
	{
		fox_map_del(&s->broker->sessions, s->key);
		if (s->durable)
			fox_session_keeps(s->core, false);
	}
	s->ending = true;
	fox_router_timer_clear(s->broker->router, &s->expiry_timer);
	fox_router_timer_clear(s->broker->router, &s->will_timer);
}

void
mqtt_session_gone(MqttSession *s)
{
	hide(s);
	s->core = NULL;
	fox_list_del(&s->in_broker);
	fox_list_del(&s->in_unwritten);
	if (!s->broker->closing)
		mqtt_store_end(s);
	mqtt_promises_free(s);
	mqtt_dues_free(s);
	mqtt_will_forget(s);
	mqtt_out_free(s);
	mqtt_calls_free(s);
	mqtt_asks_free(s);
	mqtt_subs_free(s);
	fox_map_free(&s->received);
	fox_buf_free(&s->later_own);
	free(s);
}

/* --- ending --- */

static void
leave(MqttSession *s)
{
	FoxSession *core = s->core;

	fox_session_leave(core, FOX_END_GOODBYE);
	mqtt_session_gone(s);
}

static void
leave_soon(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	leave(fox_container(MqttSession, expiry_timer, timer));
}

void
mqtt_session_settled(MqttSession *s)
{
	s->unsettled--;
	if (s->ending && s->unsettled == 0)
		fox_router_timer_set(s->broker->router, &s->expiry_timer, 0, leave_soon);
}

void
mqtt_session_end(MqttSession *s)
{
	hide(s);
	mqtt_will_publish(s);
	mqtt_out_free(s);
	mqtt_subs_free(s);
	if (s->unsettled == 0)
		leave(s);
}

static void
expired(void *ctx, FoxTimer *timer)
{
	MqttSession *s = fox_container(MqttSession, expiry_timer, timer);

	(void) ctx;
	s->broker->counters.expired++;
	mqtt_session_end(s);
}

static void
will_due(void *ctx, FoxTimer *timer)
{
	MqttSession *s = fox_container(MqttSession, will_timer, timer);

	(void) ctx;
	mqtt_will_publish(s);
	(void) mqtt_store_session(s);
}

/* --- connections come and go --- */

void
mqtt_session_attach(MqttSession *s, MqttPeer *p)
{
	FoxRouter  *r = s->broker->router;

	fox_router_timer_clear(r, &s->expiry_timer);
	fox_router_timer_clear(r, &s->will_timer);
	s->peer = p;
	s->sent_unknown = false;
	s->broker->counters.connections++;
	if (++s->broker->clients > s->broker->counters.maximum)
		s->broker->counters.maximum = s->broker->clients;
	s->generation++;
	s->unanswered = 0;
	mqtt_received_carry(s);
	p->session = s;
	mqtt_subs_back(s);
	fox_session_connected(s->core);
}

void
mqtt_session_detach(MqttSession *s, bool lost)
{
	s->peer = NULL;
	s->broker->clients--;
	mqtt_dues_free(s);
	mqtt_subs_away(s);
	fox_session_disconnected(s->core, lost);
	if (!lost)
		mqtt_will_forget(s);
	if (s->expiry == 0)
	{
		mqtt_session_end(s);
		return;
	}
	if (s->will != NULL && s->will->delay == 0)
		mqtt_will_publish(s);
	s->away_us = 0;
	mqtt_session_away(s);
	(void) mqtt_store_session(s);
}

/* So many seconds after the client went. */
static void
set_timer(MqttSession *s, FoxTimer *timer, uint32_t seconds, FoxTimerFn fn)
{
	FoxRouter  *r = s->broker->router;
	uint64_t	after = (uint64_t) seconds * MQTT_SECOND;

	fox_router_timer_set(r, timer, fox_router_now(r) + (after > s->away_us ? after - s->away_us : 0), fn);
}

void
mqtt_session_away(MqttSession *s)
{
	if (s->expiry != UINT32_MAX)
		set_timer(s, &s->expiry_timer, s->expiry, expired);
	if (s->will != NULL)
		set_timer(s, &s->will_timer, s->will->delay, will_due);
}
