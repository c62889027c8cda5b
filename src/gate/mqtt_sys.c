/*
 * mqtt_sys.c - $SYS: numbers of the broker as topics, by the names that mosquitto gave them.
 *
 * They are no events of the core's: who subscribes gets the values of the moment as retained messages,
 * then those that have changed, after each interval.  Nothing of them is stored.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "gate/mqtt_private.h"

#include "base/pure.h"

#define SYS "$SYS/"
#define BROKER "$SYS/broker/"

typedef struct Value
{
	const char *name;			/* behind $SYS/broker/ */
	size_t		offset;			/* in MqttCounters; of a rate: index of the average */
} Value;

#define COUNTER(name, member) {name, offsetof(MqttCounters, member)}

static const Value counters[] = {
	COUNTER("messages/received", received),
	COUNTER("messages/sent", sent),
	COUNTER("publish/messages/received", publish_received),
	COUNTER("publish/messages/sent", publish_sent),
	COUNTER("publish/messages/dropped", dropped),
	COUNTER("publish/bytes/received", payload_received),
	COUNTER("publish/bytes/sent", payload_sent),
	COUNTER("bytes/received", bytes_received),
	COUNTER("bytes/sent", bytes_sent),
	COUNTER("clients/maximum", maximum),
	COUNTER("clients/expired", expired)
};

/* What has averages: over a minute, five and fifteen. */
static const Value rates[MQTT_RATES] = {
	COUNTER("load/messages/received", received),
	COUNTER("load/messages/sent", sent),
	COUNTER("load/publish/received", publish_received),
	COUNTER("load/publish/sent", publish_sent),
	COUNTER("load/publish/dropped", dropped),
	COUNTER("load/bytes/received", bytes_received),
	COUNTER("load/bytes/sent", bytes_sent),
	COUNTER("load/connections", connections),
	COUNTER("load/sockets", sockets)
};

static const struct
{
	const char *name;
	double		minutes;
}			spans[MQTT_SPANS] = {{"1min", 1}, {"5min", 5}, {"15min", 15}};

static uint64_t
counter(const FoxMqttBroker *b, const Value *v)
{
	return *(const uint64_t *) ((const char *) &b->counters + v->offset);
}

/* --- the values --- */

typedef void (*Take) (void *ctx, const char *name, const char *text);

static void
give(Take take, void *ctx, const char *name, uint64_t number)
{
	char		text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long) number);
	take(ctx, name, text);
}

static void
each_value(const FoxMqttBroker *b, Take take, void *ctx)
{
	uint64_t	stored = 0;
	uint64_t	bytes = 0;
	uint64_t	subscriptions = 0;
	uint64_t	shared = 0;
	uint64_t	connected = 0;
	uint64_t	total = 0;
	char		name[80];
	char		text[48];

	fox_list_each(n, &b->all)
	{
		const MqttSession *s = fox_container(MqttSession, in_broker, n);

		total++;
		connected += s->peer != NULL;
		subscriptions += s->subs.count;
		shared += s->shared_subs;
		stored += s->waiting_count + s->sent_count;
		bytes += s->out_bytes;
	}
	take(ctx, "version", "fox_wamp");
	snprintf(text, sizeof(text), "%llu seconds", (unsigned long long) ((fox_router_now(b->router) - b->started_us) / MQTT_SECOND));
	take(ctx, "uptime", text);
	give(take, ctx, "clients/total", total);
	give(take, ctx, "clients/connected", connected);
	give(take, ctx, "clients/active", connected);
	give(take, ctx, "clients/disconnected", total - connected);
	give(take, ctx, "clients/inactive", total - connected);
	give(take, ctx, "subscriptions/count", subscriptions);
	give(take, ctx, "shared_subscriptions/count", shared);
	give(take, ctx, "retained messages/count", fox_router_retained(b->router));
	give(take, ctx, "store/messages/count", stored);
	give(take, ctx, "store/messages/bytes", bytes);
	give(take, ctx, "messages/stored", stored);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		give(take, ctx, counters[i].name, counter(b, &counters[i]));
	for (int i = 0; i < MQTT_RATES; i++)
		for (int k = 0; k < MQTT_SPANS; k++)
		{
			snprintf(name, sizeof(name), "%s/%s", rates[i].name, spans[k].name);
			snprintf(text, sizeof(text), "%.2f", b->averages[i][k]);
			take(ctx, name, text);
		}
}

/* --- who hears them --- */

/* Does the filter match the topic, which begins as the filter does? */
static bool
matches(FoxSlice filter, FoxSlice topic)
{
	size_t		f = 0;
	size_t		t = 0;

	while (f < filter.len)
	{
		if (filter.ptr[f] == '#')
			return true;
		if (filter.ptr[f] == '+')
		{
			while (t < topic.len && topic.ptr[t] != '/')
				t++;
			f++;
		}
		else if (t < topic.len && filter.ptr[f] == topic.ptr[t])
			f++, t++;
		else
			/* a/# matches a as well */
			return t == topic.len && filter.len - f == 2 && memcmp(filter.ptr + f, "/#", 2) == 0;
	}
	return t == topic.len;
}

bool
mqtt_is_sys(FoxSlice filter)
{
	return filter.len > strlen(SYS) && memcmp(filter.ptr, SYS, strlen(SYS)) == 0;
}

typedef struct Initial
{
	MqttSession *s;
	const MqttSub *sub;
} Initial;

static void
send_initial(void *ctx, const char *name, const char *text)
{
	const Initial *to = ctx;
	char		topic[128];

	snprintf(topic, sizeof(topic), BROKER "%s", name);
	if (matches(to->sub->filter, fox_cstr(topic)))
		mqtt_send_message(to->s, to->sub, fox_cstr(topic), FOX_LIT(""), fox_cstr(text), true);
}

void
mqtt_sys_subscribed(MqttSession *s, const MqttSub *sub)
{
	if (s->peer != NULL && s->broker->config.sys_interval > 0)
		each_value(s->broker, send_initial, &(Initial){s, sub});
}

/* The first of the session's subscriptions that match. */
static const MqttSub *
sub_for(const MqttSession *s, FoxSlice topic)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->subs, &pos)) != NULL)
	{
		const MqttSub *sub = slot->value;

		if (sub->sys && matches(sub->filter, topic))
			return sub;
	}
	return NULL;
}

typedef struct Round
{
	FoxMqttBroker *b;
	size_t		place;			/* of the value */
} Round;

static void
send_change(void *ctx, const char *name, const char *text)
{
	Round	   *round = ctx;
	FoxMqttBroker *b = round->b;
	uint64_t	now = fox_hash_bytes(text, strlen(text));
	uint64_t   *last = &b->last_values[round->place++ % MQTT_SYS_VALUES];
	char		topic[128];

	if (*last == now)
		return;
	*last = now;
	snprintf(topic, sizeof(topic), BROKER "%s", name);
	fox_list_each(n, &b->all)
	{
		MqttSession *s = fox_container(MqttSession, in_broker, n);
		const MqttSub *sub = s->peer != NULL && s->sys_subs > 0 ? sub_for(s, fox_cstr(topic)) : NULL;

		if (sub != NULL)
			mqtt_send_message(s, sub, fox_cstr(topic), FOX_LIT(""), fox_cstr(text), false);
	}
}

/* --- time --- */

static void
average(FoxMqttBroker *b, double seconds)
{
	for (int i = 0; i < MQTT_RATES; i++)
	{
		uint64_t	count = counter(b, &rates[i]);
		double		per_minute = (double) (count - b->last_counts[i]) * 60 / seconds;

		for (int k = 0; k < MQTT_SPANS; k++)
		{
			double		stays = exp(-seconds / (60 * spans[k].minutes));

			b->averages[i][k] = b->averages[i][k] * stays + per_minute * (1 - stays);
		}
		b->last_counts[i] = count;
	}
}

static void
round_due(void *ctx, FoxTimer *timer)
{
	FoxMqttBroker *b = fox_container(FoxMqttBroker, sys_timer, timer);

	(void) ctx;
	average(b, b->config.sys_interval);
	each_value(b, send_change, &(Round){b, 0});
	mqtt_sys_start(b);
}

void
mqtt_sys_start(FoxMqttBroker *b)
{
	FoxRouter  *r = b->router;

	fox_router_timer_clear(r, &b->sys_timer);
	if (b->config.sys_interval > 0)
		fox_router_timer_set(r, &b->sys_timer, fox_router_now(r) + (uint64_t) b->config.sys_interval * MQTT_SECOND, round_due);
}
