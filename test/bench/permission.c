/*
 * permission.c - what a permission costs that the session has asked for before: the pure layers, without a server.
 *
 * A realm with 1,000 rows, a session that publishes to 100 topics in turn; of half of them
 * an authorizer has decided, which has said that its answer may be kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/authorizer.h"

#define TOPICS 100
#define ROWS 1000
#define ROUNDS 200000

static uint64_t asked;

static uint64_t
now_us(void *ctx)
{
	(void) ctx;
	return 1000000;
}

static uint64_t
random64(void *ctx)
{
	static uint64_t seed = 88172645463325252;

	(void) ctx;
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void
log_text(void *ctx, FoxLogLevel level, const char *text)
{
	(void) ctx, (void) level;
	fprintf(stderr, "%s\n", text);
}

static void
call(void *ctx, const FoxFunctionCall *c)
{
	(void) ctx;
	asked = c->invocation;
}

static void
done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
change(FoxRouter *r, FoxChangeKind kind, const char *topic, const char *args)
{
	fox_router_change(r, &(FoxChange){.kind = kind, .realm = FOX_LIT("realm1"), .topic = fox_cstr(topic), .args = fox_cstr(args)});
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

int
main(void)
{
	FoxPorts	ports = {.now_us = now_us, .random64 = random64, .log = log_text, .call = call};
	FoxRouterConfig config = {.anonymous_role = "guest"};
	FoxSessionOps ops = {.done = done};
	FoxSessionInfo info = {
		.authid = FOX_LIT("ann"), .authrole = FOX_LIT("clerk"), .authmethod = FOX_LIT("ticket"),
		.peer = FOX_LIT("127.0.0.1:1"), .protocol = FOX_LIT("wamp.2.json")
	};
	FoxRouter  *r = fox_router_new(&ports, &config);
	FoxSession *s;
	FoxPermit	permit;
	FoxWish		wishes[TOPICS];
	char		topics[TOPICS][32];
	const char *reason;
	uint64_t	begin;
	uint64_t	passed = 0;

	change(r, FOX_CHANGE_REALM, NULL, "[{\"strict\":false}]");
	for (int i = 0; i < ROWS; i++)
	{
		char		pattern[32];

		snprintf(pattern, sizeof(pattern), "area%d.#", i);
		change(r, FOX_CHANGE_PERMISSION, pattern, i % 2 == 0 ? "[{\"match\":\"pattern\",\"role\":\"clerk\",\"publish\":true}]" :
			   "[{\"match\":\"pattern\",\"role\":\"clerk\",\"publish\":true,\"function\":\"may(jsonb)\"}]");
	}
	s = fox_session_join(r, FOX_LIT("realm1"), &info, &ops, NULL, &reason);
	for (int i = 0; i < TOPICS; i++)
	{
		snprintf(topics[i], sizeof(topics[i]), "area%d.sensor.temperature", i);
		wishes[i] = (FoxWish){.action = FOX_MAY_PUBLISH, .request = 1, .options = FOX_LIT("{}"), .uri = fox_cstr(topics[i])};
		fox_session_publish(s, 1, FOX_LIT("{\"acknowledge\":true}"), wishes[i].uri, FOX_LIT("[1]"), FOX_ABSENT);
		if (i % 2 == 1)
			fox_router_function_result(r, 0, asked, false, FOX_LIT("[{\"allow\":true,\"cache\":true}]"), FOX_ABSENT);
		(void) fox_router_tick(r);
	}
	begin = clock_ns();
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < TOPICS; i++)
			passed += fox_permit(s, &wishes[i], false, &permit) == FOX_PASSES;
	if (passed != (uint64_t) ROUNDS * TOPICS)
	{
		printf("{\"error\":\"only %llu of %d checks have passed\"}\n", (unsigned long long) passed, ROUNDS * TOPICS);
		return 1;
	}
	printf("{\"scenario\":\"permission\",\"check_ns\":%.1f}\n", (double) (clock_ns() - begin) / (double) passed);
	return 0;
}
