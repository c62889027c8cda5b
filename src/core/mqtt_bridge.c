/*
 * mqtt_bridge.c - bridges to other MQTT brokers (see mqtt_bridge.h).
 */
#include "core/mqtt_bridge.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/json_out.h"
#include "core/core.h"

#include "base/pure.h"

struct FoxMqttBridges
{
	FoxNode		all;
	FoxMqttBridgeWatch watch;		/* begins: NULL as long as there is none */
};

static struct FoxMqttBridges *
bridges_of(FoxRouter *r)
{
	if (r->mqtt_bridges == NULL && (r->mqtt_bridges = calloc(1, sizeof(*r->mqtt_bridges))) != NULL)
		fox_list_init(&r->mqtt_bridges->all);
	return r->mqtt_bridges;
}

void
fox_mqtt_bridges_watch(FoxRouter *r, const FoxMqttBridgeWatch *watch)
{
	struct FoxMqttBridges *all = bridges_of(r);

	if (all != NULL)
		all->watch = *watch;
}

void
fox_mqtt_bridges_each(FoxRouter *r, void (*fn) (void *ctx, FoxMqttBridge *bridge), void *ctx)
{
	if (r->mqtt_bridges != NULL)
		fox_list_each(n, &r->mqtt_bridges->all)
			if (fox_container(FoxMqttBridge, in_router, n)->row != NULL)
				fn(ctx, fox_container(FoxMqttBridge, in_router, n));
}

/* --- bridges --- */

/* With a row or without. */
static FoxMqttBridge *
find(FoxRouter *r, FoxSlice name)
{
	if (r->mqtt_bridges != NULL)
		fox_list_each(n, &r->mqtt_bridges->all)
			if (fox_slice_eq(fox_container(FoxMqttBridge, in_router, n)->name, name))
				return fox_container(FoxMqttBridge, in_router, n);
	return NULL;
}

FoxMqttBridge *
fox_mqtt_bridge_find(FoxRouter *r, FoxSlice name)
{
	FoxMqttBridge *b = find(r, name);

	return b != NULL && b->row != NULL ? b : NULL;
}

/* The one of that name, new or not; NULL: no memory. */
static FoxMqttBridge *
enter(FoxRouter *r, FoxSlice name)
{
	FoxMqttBridge *b = find(r, name);
	char	   *copy;

	if (b != NULL || bridges_of(r) == NULL)
		return b;
	b = calloc(1, sizeof(*b));
	copy = fox_strdup(name);
	if (b == NULL || copy == NULL)
	{
		free(b);
		free(copy);
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a bridge to another MQTT broker is missing until the router restarts");
		return NULL;
	}
	b->name = fox_slice(copy, name.len);
	fox_list_init(&b->topics);
	fox_list_push(&r->mqtt_bridges->all, &b->in_router);
	return b;
}

static void
bridge_free(FoxMqttBridge *b)
{
	fox_list_each(n, &b->topics)
		free(fox_container(FoxMqttBridgeTopic, in_bridge, n));
	fox_list_del(&b->in_router);
	free(b->row);
	free((char *) b->name.ptr);
	free(b);
}

static void
ends(FoxRouter *r, FoxMqttBridge *b, bool gone)
{
	const FoxMqttBridgeWatch *watch = &r->mqtt_bridges->watch;

	if (watch->ends != NULL && b->row != NULL)
		watch->ends(watch->ctx, b, gone);
}

/* What it is has changed; without any row it goes. */
static void
begins(FoxRouter *r, FoxMqttBridge *b)
{
	const FoxMqttBridgeWatch *watch = &r->mqtt_bridges->watch;

	if (watch->begins != NULL)
		watch->begins(watch->ctx, b);
	if (b->row == NULL && fox_list_empty(&b->topics))
		bridge_free(b);
}

void
fox_mqtt_bridges_free(FoxRouter *r)
{
	if (r->mqtt_bridges == NULL)
		return;
	fox_list_each(n, &r->mqtt_bridges->all)
		bridge_free(fox_container(FoxMqttBridge, in_router, n));
	free(r->mqtt_bridges);
	r->mqtt_bridges = NULL;
}

/* --- rows --- */

/* A text member, kept at *at, where there is room for it. */
static FoxSlice
keep_text(FoxSlice object, const char *name, char **at)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_slice_keep(at, fox_json_text(fox_json_get(object, name), &scratch));

	fox_buf_free(&scratch);
	return text;
}

static uint32_t
number(FoxSlice object, const char *name)
{
	uint64_t	n = 0;

	(void) fox_json_uint(fox_json_get(object, name), &n);
	return (uint32_t) n;
}

static bool
set_row(FoxMqttBridge *b, FoxSlice object)
{
	char	   *row = malloc(object.len + 1);	/* longer than its texts together */
	char	   *at = row;

	if (row == NULL)
		return false;
	b->realm = keep_text(object, "realm", &at);
	b->url = keep_text(object, "url", &at);
	b->username = keep_text(object, "username", &at);
	b->password = keep_text(object, "password", &at);
	b->client_id = keep_text(object, "client_id", &at);
	b->notification_topic = keep_text(object, "notification_topic", &at);
	b->ca = keep_text(object, "ca", &at);
	b->certificate = keep_text(object, "certificate", &at);
	b->private_key = keep_text(object, "private_key", &at);
	b->keep_alive = number(object, "keep_alive");
	b->version_5 = number(object, "version") == 5;
	b->clean_start = fox_json_is_true(fox_json_get(object, "clean_start"));
	b->enabled = fox_json_is_true(fox_json_get(object, "enabled"));
	free(b->row);
	b->row = row;
	return true;
}

/*
 * topic = name, args = [{"realm":text,"url":text,"username":text,"password":text,"client_id":text,"notification_topic":text,
 * "ca":text,"certificate":text,"private_key":text,"keep_alive":n,"version":4 or 5,"clean_start":bool,"enabled":bool}]
 */
void
fox_mqtt_bridge_change(FoxRouter *r, const FoxChange *c)
{
	FoxMqttBridge *b = c->deleted ? find(r, c->topic) : enter(r, c->topic);
	FoxSlice	object = FOX_ABSENT;
	size_t		pos = 0;

	if (b == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &object))
		return;
	ends(r, b, c->deleted);
	if (c->deleted)
	{
		free(b->row);
		b->row = NULL;
	}
	else if (!set_row(b, object))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a bridge to another MQTT broker is not as its row says until the router restarts");
	begins(r, b);
}

static FoxMqttBridgeTopic *
topic_find(FoxMqttBridge *b, FoxSlice key)
{
	fox_list_each(n, &b->topics)
		if (fox_slice_eq(fox_container(FoxMqttBridgeTopic, in_bridge, n)->key, key))
			return fox_container(FoxMqttBridgeTopic, in_bridge, n);
	return NULL;
}

static size_t
length(const FoxMqttMapping *m)
{
	return m->pattern.len + m->local_prefix.len + m->remote_prefix.len;
}

static FoxMqttBridgeTopic *
topic_new(FoxMqttBridge *b, FoxSlice key, FoxSlice object)
{
	FoxMqttBridgeTopic *t = calloc(1, sizeof(*t) + key.len + object.len);
	FoxNode    *before;
	char	   *at;

	if (t == NULL)
		return NULL;
	at = t->block;
	t->key = fox_slice_keep(&at, key);
	t->mapping.pattern = keep_text(object, "pattern", &at);
	t->mapping.local_prefix = keep_text(object, "local_prefix", &at);
	t->mapping.remote_prefix = keep_text(object, "remote_prefix", &at);
	for (before = b->topics.next; before != &b->topics; before = before->next)
		if (length(&fox_container(FoxMqttBridgeTopic, in_bridge, before)->mapping) < length(&t->mapping))
			break;
	fox_list_push(before, &t->in_bridge);	/* at the tail of a list that begins behind it */
	return t;
}

/*
 * topic = name of the bridge, kwargs = which row it is, args = [{"pattern":text,"local_prefix":text,"remote_prefix":text,
 * "direction":text,"qos":n}]
 */
void
fox_mqtt_bridge_topic_change(FoxRouter *r, const FoxChange *c)
{
	FoxMqttBridge *b = c->deleted ? find(r, c->topic) : enter(r, c->topic);
	FoxSlice	object = FOX_ABSENT;
	FoxSlice	direction;
	FoxMqttBridgeTopic *t;
	size_t		pos = 0;

	if (b == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &object))
		return;
	ends(r, b, false);
	if ((t = topic_find(b, c->kwargs)) != NULL && c->deleted)
	{
		fox_list_del(&t->in_bridge);
		free(t);
	}
	else if (t == NULL && !c->deleted && (t = topic_new(b, c->kwargs, object)) == NULL)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a topic of a bridge is missing until the router restarts");
	if (t != NULL && !c->deleted)
	{
		direction = fox_json_get(object, "direction");
		t->in = !fox_slice_is(direction, "\"out\"");
		t->out = !fox_slice_is(direction, "\"in\"");
		t->qos = (uint8_t) number(object, "qos");
	}
	begins(r, b);
}

/* --- the state --- */

void
fox_mqtt_bridge_is(FoxRouter *r, FoxMqttBridge *b, FoxMqttBridgePhase phase, const char *why)
{
	FoxMqttBridgeState *state = &b->state;
	bool		is_new = state->phase != phase || state->since_us == 0;

	if (is_new)
		state->since_us = fox_router_now(r);
	state->phase = phase;
	if (why != NULL)
	{
		state->told &= strcmp(state->error, why) == 0;
		snprintf(state->error, sizeof(state->error), "%s", why);
		state->error_us = fox_router_now(r);
		if (!state->told)
			fox_router_log(r, FOX_LOG_WARNING, "the MQTT bridge \"%.*s\" to %.*s: %s", (int) b->name.len, b->name.ptr,
						   (int) b->url.len, b->url.ptr, why);
		state->told = true;
	}
	else if (is_new && phase == FOX_BRIDGE_CONNECTED)
	{
		state->told = false;
		fox_router_log(r, FOX_LOG_INFO, "the MQTT bridge \"%.*s\" to %.*s is connected", (int) b->name.len, b->name.ptr,
					   (int) b->url.len, b->url.ptr);
	}
}

/* --- the view --- */

void
fox_mqtt_bridges_answer(FoxRouter *r, uint64_t ask)
{
	static const char *const phases[] = {"disabled", "waiting", "connecting", "connected"};
	uint64_t	now = fox_router_now(r);
	FoxBuf		row = {0};

	if (r->mqtt_bridges != NULL)
		fox_list_each(n, &r->mqtt_bridges->all)
		{
			const FoxMqttBridge *b = fox_container(FoxMqttBridge, in_router, n);
			const FoxMqttBridgeState *state = &b->state;

			if (b->row == NULL)
				continue;
			fox_buf_reset(&row);
			fox_buf_char(&row, '{');
			fox_json_put_member(&row, "name", b->name);
			fox_json_put_member(&row, "state", fox_cstr(phases[state->phase]));
			fox_json_put_number(&row, "age_ms", (now - state->since_us) / 1000);
			if (state->phase == FOX_BRIDGE_CONNECTED)
				fox_json_put_member(&row, "protocol", fox_cstr(state->protocol));
			fox_json_put_number(&row, "messages_in", state->in);
			fox_json_put_number(&row, "messages_out", state->out);
			fox_json_put_number(&row, "dropped", state->dropped);
			if (state->error[0] != '\0')
			{
				fox_json_put_member(&row, "last_error", fox_cstr(state->error));
				fox_json_put_number(&row, "error_age_ms", (now - state->error_us) / 1000);
			}
			fox_buf_char(&row, '}');
			if (!row.failed)
				r->ports.answer(r->ports.ctx, ask, fox_buf_view(&row), false);
		}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}
