/*
 * mqtt_bridge.c - the life of bridges (see mqtt_bridge.h): when they connect, and what becomes of them.
 *
 * Nothing that ends a connection is done within a call of the core's or a dialer's: it waits for the next tick.
 */
#include "gate/mqtt_bridge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/mqtt_url.h"
#include "gate/mqtt_bridge_private.h"

#include "base/pure.h"

#define ANSWER_US (30 * (uint64_t) MQTT_SECOND)	/* for the connection, TLS and CONNACK together */
#define LASTS_US (10 * (uint64_t) MQTT_SECOND)	/* a connection that has lasted so long was a good one */
#define DELAY_MAX 60			/* seconds between attempts */
#define NOT_ALLOWED "fox_wamp.mqtt_bridge_allow does not allow it"

static void begin(MqttBridge *b);

/* --- time --- */

/* What the phase waits for has not come, or the time for an attempt has. */
static void
due(void *ctx, FoxTimer *timer)
{
	MqttBridge *b = fox_container(MqttBridge, timer, timer);

	(void) ctx;
	if (b->phase == BRIDGE_WAITING)
		begin(b);
	else if (b->phase == BRIDGE_RUNNING)
		mqtt_bridge_ping(b);
	else
		mqtt_bridge_lost(b, b->phase == BRIDGE_GREETING ? "the remote does not answer CONNECT" : "the remote does not answer");
}

static void
wait_for(MqttBridge *b, MqttBridgePhase phase, uint64_t us)
{
	FoxRouter  *r = b->broker->router;

	b->phase = phase;
	(void) fox_router_timer_set(r, &b->timer, us == 0 ? 0 : fox_router_now(r) + us, due);
}

void
mqtt_bridge_watch(MqttBridge *b)
{
	uint32_t	seconds = b->keep_alive > 1 ? b->keep_alive / 2 : 1;

	wait_for(b, BRIDGE_RUNNING, (uint64_t) seconds * MQTT_SECOND);
}

/* --- ends --- */

static void
hang_up(MqttBridge *b, bool lost)
{
	if (b->link != NULL && !lost)
		mqtt_bridge_goodbye(b);
	if (b->link != NULL)
		b->broker->dialer.close(b->link);
	b->link = NULL;
	if (b->peer != NULL)
		mqtt_bridge_detach(b, lost);
	fox_router_timer_clear(b->broker->router, &b->timer);
	fox_router_timer_clear(b->broker->router, &b->soon);
	fox_mqtt_stream_free(&b->stream);
	b->stream = (FoxMqttStream){0};
	b->fault[0] = '\0';
	b->peer_closed = b->begins_anew = false;
	b->suback = 0;
	b->phase = BRIDGE_OFF;
}

/* Every time twice as long, and never the same: remotes that come back are not asked by all at once. */
static uint64_t
delay_us(MqttBridge *b)
{
	uint64_t	seconds = b->failures < 7 ? (uint64_t) 1 << (b->failures - 1) : DELAY_MAX;
	uint64_t	most = (seconds < DELAY_MAX ? seconds : DELAY_MAX) * MQTT_SECOND;

	return most / 2 + fox_router_random(b->broker->router) % (most / 2);
}

void
mqtt_bridge_lost(MqttBridge *b, const char *why)
{
	FoxRouter  *r = b->broker->router;
	char		text[sizeof(b->fault)];

	snprintf(text, sizeof(text), "%s", why);	/* it may be the bridge's own */
	if (b->phase == BRIDGE_GREETING && b->tongue == TONGUE_311_BRIDGE)
		b->tongue = TONGUE_311;	/* some hang up on what they do not understand */
	if (b->phase == BRIDGE_RUNNING && fox_router_now(r) - b->running_us > LASTS_US)
		b->failures = 0;
	hang_up(b, true);
	b->failures++;
	wait_for(b, BRIDGE_WAITING, delay_us(b));
	fox_mqtt_bridge_is(r, b->row, FOX_BRIDGE_WAITING, text);
}

/* --- soon --- */

static void
soon_due(void *ctx, FoxTimer *timer)
{
	MqttBridge *b = fox_container(MqttBridge, soon, timer);

	(void) ctx;
	if (b->begins_anew)
	{
		hang_up(b, false);
		wait_for(b, BRIDGE_WAITING, 0);
		return;
	}
	if (b->fault[0] == '\0')
		mqtt_bridge_pay(b);
	if (b->fault[0] == '\0' && b->peer_closed)
		mqtt_bridge_fail(b, "our own side has ended the session");
	if (b->fault[0] != '\0')
		mqtt_bridge_lost(b, b->fault);
}

void
mqtt_bridge_soon(MqttBridge *b)
{
	(void) fox_router_timer_set(b->broker->router, &b->soon, 0, soon_due);
}

void
mqtt_bridge_anew(MqttBridge *b)
{
	b->begins_anew = true;
	mqtt_bridge_soon(b);
}

void
mqtt_bridge_fail(MqttBridge *b, const char *format, ...)
{
	va_list		args;

	if (b->fault[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(b->fault, sizeof(b->fault), format, args);
	va_end(args);
	mqtt_bridge_soon(b);
}

/* --- the connection --- */

static void
link_open(void *data)
{
	MqttBridge *b = data;

	b->phase = BRIDGE_GREETING;
	mqtt_bridge_greet(b);
}

static void
link_received(void *data, const char *bytes, size_t len)
{
	mqtt_bridge_received(data, bytes, len);
}

static void
link_closed(void *data, const char *why)
{
	MqttBridge *b = data;

	b->link = NULL;
	mqtt_bridge_lost(b, b->fault[0] != '\0' ? b->fault : why);
}

/* The time for an attempt has come. */
static void
begin(MqttBridge *b)
{
	static const FoxDialOps ops = {link_open, link_received, link_closed};
	const FoxMqttBridge *row = b->row;
	FoxMqttUrl	url;
	FoxDial		to = {.ca = row->ca, .certificate = row->certificate, .private_key = row->private_key};
	char		err[200];
	const char *problem = fox_mqtt_url_read(row->url, &url);

	mqtt_bridge_session(b);
	to.host = url.host;
	to.port = url.port;
	to.tls = url.tls;
	fox_mqtt_bridge_is(b->broker->router, b->row, FOX_BRIDGE_CONNECTING, NULL);
	wait_for(b, BRIDGE_DIALING, ANSWER_US);
	if (problem == NULL && !fox_mqtt_url_allowed(row->url, b->broker->config.bridge_allow))
		problem = NOT_ALLOWED;
	if (problem == NULL && (b->link = b->broker->dialer.dial(b->broker->dialer.ctx, &to, &ops, b, err, sizeof(err))) == NULL)
		problem = err;
	if (problem != NULL)
		mqtt_bridge_lost(b, problem);
}

/* --- rows --- */

static MqttBridge *
bridge_new(FoxMqttBroker *broker, FoxMqttBridge *row)
{
	MqttBridge *b = calloc(1, sizeof(*b));

	if (b == NULL)
	{
		fox_router_warn(broker->router, "a bridge to another MQTT broker does not work until the router restarts", "out of memory");
		return NULL;
	}
	b->broker = broker;
	b->row = row;
	row->runner = b;
	fox_list_init(&b->subscribed);
	fox_list_push(&broker->bridges, &b->in_broker);
	return b;
}

static void
bridge_free(MqttBridge *b)
{
	hang_up(b, false);
	mqtt_bridge_forget_subscribed(b);
	fox_buf_free(&b->owed);
	fox_list_del(&b->in_broker);
	b->row->runner = NULL;
	free(b->realm);
	free(b);
}

/* The session that there was goes, if it is another one now: in another realm, or none that is kept. */
static void
take_session(MqttBridge *b)
{
	if (b->realm != NULL && (b->row->clean_start || !fox_slice_eq(fox_cstr(b->realm), b->row->realm)))
		mqtt_bridge_session_end(b->broker, fox_cstr(b->realm), b->row->name);
	free(b->realm);
	b->realm = fox_strdup(b->row->realm);
	mqtt_bridge_session(b);
}

/* The connection goes by what the row has been. */
static void
row_ends(void *ctx, FoxMqttBridge *row, bool gone)
{
	MqttBridge *b = row->runner;

	(void) ctx;
	if (b == NULL)
		return;
	b->gone = gone;
	hang_up(b, false);
}

static void
row_begins(void *ctx, FoxMqttBridge *row)
{
	FoxMqttBroker *broker = ctx;
	MqttBridge *b = row->runner;

	if (row->row == NULL)
	{
		if (b == NULL)
			return;
		if (b->realm != NULL)
			mqtt_bridge_session_end(broker, fox_cstr(b->realm), row->name);
		bridge_free(b);
		return;
	}
	if (b == NULL && (b = bridge_new(broker, row)) == NULL)
		return;
	take_session(b);
	b->tongue = row->version_5 ? TONGUE_5 : TONGUE_311_BRIDGE;
	b->failures = 0;
	if (row->enabled)
		wait_for(b, BRIDGE_WAITING, 0);
	fox_mqtt_bridge_is(broker->router, row, row->enabled ? FOX_BRIDGE_CONNECTING : FOX_BRIDGE_DISABLED, NULL);
}

void
fox_mqtt_broker_bridge(FoxMqttBroker *broker, const FoxDialer *dialer)
{
	broker->dialer = *dialer;
	mqtt_bridge_sessions_sweep(broker);
	fox_mqtt_bridges_watch(broker->router, &(FoxMqttBridgeWatch){broker, row_ends, row_begins});
	fox_mqtt_bridges_each(broker->router, row_begins, broker);
}

void
mqtt_bridges_configure(FoxMqttBroker *broker)
{
	fox_list_each(n, &broker->bridges)
	{
		MqttBridge *b = fox_container(MqttBridge, in_broker, n);

		if (b->phase == BRIDGE_WAITING)
			wait_for(b, BRIDGE_WAITING, 0);	/* it may be allowed now */
		else if (b->phase != BRIDGE_OFF && !fox_mqtt_url_allowed(b->row->url, broker->config.bridge_allow))
			mqtt_bridge_fail(b, NOT_ALLOWED);
	}
}

void
mqtt_bridges_free(FoxMqttBroker *broker)
{
	fox_list_each(n, &broker->bridges)
		bridge_free(fox_container(MqttBridge, in_broker, n));
}
