/*
 * server_ports.c - the core's ports, as the server carries them out.
 *
 * Called from within the loop, often below libwebsockets: nothing here may raise an
 * error that a caller could want to survive, and nothing waits.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include <time.h>

#include "pg/ask.h"
#include "pg/lane.h"
#include "pg/lane_behind.h"
#include "pg/pool.h"
#include "pg/post_lane.h"
#include "pg/ring.h"
#include "pg/server_ports.h"

static uint64_t
now_us(void *ctx)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static uint64_t
random64(void *ctx)
{
	uint64_t	v;

	if (!pg_strong_random(&v, sizeof(v)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("fox_wamp: no random numbers to be had")));
	return v;
}

static void
log_text(void *ctx, FoxLogLevel level, const char *text)
{
	static const int levels[] = {
		[FOX_LOG_DEBUG] = DEBUG1,
		[FOX_LOG_INFO] = LOG,
		[FOX_LOG_WARNING] = WARNING,
		[FOX_LOG_ERROR] = WARNING	/* an ERROR would end the router */
	};

	ereport(levels[level], (errmsg_internal("fox_wamp: %s", text)));
}

static bool
write_value(void *ctx, const FoxWrite *w)
{
	return fox_lane_write(w);
}

static bool
login(void *ctx, uint64_t token, FoxSlice question)
{
	return fox_lane_login(token, question);
}

static void
login_gone(void *ctx, uint64_t token)
{
	fox_lane_login_gone(token);
}

static void
answer(void *ctx, uint64_t ask, FoxSlice row, bool last)
{
	fox_ask_answer(ask, row, last);
}

static void
notify(void *ctx, FoxSlice channel, FoxSlice payload)
{
	fox_behind_notify(channel, payload);
}

static void
registration(void *ctx, FoxSlice realm, uint64_t id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64_t callees)
{
	fox_behind_registration(realm, id, uri, match, invoke, callees);
}

static void
past(void *ctx, const FoxPastRow *row)
{
	fox_behind_past(row);
}

static bool
deliver(void *ctx, const FoxDelivery *d)
{
	return fox_behind_deliver(d);
}

static bool
mqtt(void *ctx, const FoxMqttRow *row)
{
	FoxMqttRow	absolute = *row;

	if (row->expires_us != 0)
		absolute.expires_us = (uint64) (GetCurrentTimestamp() + (int64) (row->expires_us - now_us(ctx)));
	return fox_behind_mqtt(&absolute);
}

static void
kept(void *ctx, unsigned bit, bool on)
{
	fox_ring_kept(bit, on);
}

static void
call(void *ctx, const FoxFunctionCall *c)
{
	if (c->kind == FOX_RUN_POSTS)
		fox_posts_call(c);
	else
		fox_pool_call(c);
}

static void
cancel(void *ctx, uint64_t session, uint64_t invocation)
{
	fox_pool_cancel(session, invocation);
}

FoxPorts
fox_server_ports(void)
{
	return (FoxPorts){
		.now_us = now_us,
		.random64 = random64,
		.log = log_text,
		.write = write_value,
		.login = login,
		.login_gone = login_gone,
		.answer = answer,
		.notify = notify,
		.registration = registration,
		.past = past,
		.deliver = deliver,
		.mqtt = mqtt,
		.kept = kept,
		.call = call,
		.cancel = cancel,
	};
}
