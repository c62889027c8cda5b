/*
 * mqtt_subscribe.c - SUBSCRIBE and UNSUBSCRIBE: filters become subscriptions of the core.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "core/auto_subscription.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define FILTER_MAX 2200			/* bytes: it is a key of a table */
#define NO_FILTER "a topic filter that is not valid, or has too many levels"
#define NO_MEMORY "out of memory"

static FoxBuf uri;
static FoxBuf options;
static FoxBuf codes;

/* --- what a session has subscribed to --- */

MqttSub *
mqtt_sub_by_id(const MqttSession *s, uint64_t id)
{
	return s->only != NULL ? s->only : fox_idmap_get(&s->subs_by_id, id);
}

/* The core is told that it is over. */
static void
leave(MqttSession *s, const MqttSub *sub)
{
	if (sub->callee && sub->id != 0)
		fox_session_unregister(s->core, 0, sub->id);
	else if (!sub->callee)
		fox_session_unsubscribe(s->core, 0, sub->id);
}

static void
find_only(MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot = s->subs.count == 1 ? fox_map_next(&s->subs, &pos) : NULL;

	s->only = slot != NULL ? slot->value : NULL;
}

static bool
sub_enter(MqttSession *s, MqttSub *sub)
{
	if (!fox_map_put(&s->subs, sub->filter, sub))
		return false;
	if (sub->id != 0 && !fox_idmap_put(&s->subs_by_id, sub->id, sub))
	{
		fox_map_del(&s->subs, sub->filter);
		return false;
	}
	s->patterns += sub->pattern;
	s->sys_subs += sub->sys;
	s->shared_subs += sub->shared;
	find_only(s);
	return true;
}

void
mqtt_sub_free(MqttSession *s, MqttSub *sub)
{
	mqtt_store_unsub(s, sub);
	fox_map_del(&s->subs, sub->filter);
	fox_idmap_del(&s->subs_by_id, sub->id);
	s->patterns -= sub->pattern;
	s->sys_subs -= sub->sys;
	s->shared_subs -= sub->shared;
	free(sub);
	find_only(s);
}

void
mqtt_subs_free(MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->subs, &pos)) != NULL)
	{
		MqttSub    *sub = slot->value;

		if (s->core != NULL && s->unsettled > 0)
			leave(s, sub);
		free(sub);
	}
	fox_map_free(&s->subs);
	fox_map_free(&s->subs_by_id);
	s->subs = s->subs_by_id = (FoxMap){0};
	s->only = NULL;
	s->patterns = s->sys_subs = s->shared_subs = 0;
}

/* --- SUBSCRIBE --- */

/* One filter of a SUBSCRIBE; the core's request has the number ask->first and its place. */
typedef struct MqttWish
{
	bool		answered;
	uint8_t		code;
	bool		pattern;
	bool		shared;
	bool		callee;
	bool		retained;		/* initial values are wanted */
	FoxMqttFilter f;
} MqttWish;

/*
 * A SUBSCRIBE, from the packet to its SUBACK: the core may answer at once, or when an authorizer has.
 */
typedef struct MqttAsk
{
	FoxNode		node;			/* in session->asks */
	uint16_t	id;
	uint32_t	generation;		/* of the peer that waits */
	uint32_t	identifier;
	bool		unasked;		/* nobody waits for it */
	bool		restored;		/* it was granted before the router started, or the client went: unasked too */
	uint64_t	first;
	uint32_t	count;
	uint32_t	open;			/* not answered yet, and one while they are being made */
	char	   *why;			/* owned: why the first one that is refused is; NULL: none is, or nothing is said */
	MqttWish	wishes[];		/* behind them their filters */
} MqttAsk;

static void
ask_free(MqttAsk *a)
{
	fox_list_del(&a->node);
	free(a->why);
	free(a);
}

void
mqtt_asks_free(MqttSession *s)
{
	fox_list_each(n, &s->asks)
		ask_free(fox_container(MqttAsk, node, n));
}

/* Copies the filters; NULL: no memory. */
static MqttAsk *
ask_new(MqttSession *s, FoxSlice filters)
{
	FoxSlice	rest = filters;
	FoxMqttFilter f;
	uint32_t	count = 0;
	MqttAsk    *a;
	char	   *at;

	while (fox_mqtt_filter_next(FOX_MQTT_SUBSCRIBE, &rest, &f))
		count++;
	a = calloc(1, sizeof(*a) + count * sizeof(MqttWish) + filters.len);
	if (a == NULL)
		return NULL;
	a->generation = s->generation;
	a->first = s->last_request + 1;
	a->count = count;
	a->open = count + 1;
	s->last_request += count;
	at = (char *) &a->wishes[count];
	rest = filters;
	for (uint32_t i = 0; fox_mqtt_filter_next(FOX_MQTT_SUBSCRIBE, &rest, &a->wishes[i].f); i++)
		a->wishes[i].f.filter = fox_slice_keep(&at, a->wishes[i].f.filter);
	fox_list_push(&s->asks, &a->node);
	return a;
}

/* why: a reason string for 5.0; absent: none. */
static void
send_codes(MqttPeer *p, FoxMqttType type, uint16_t id, FoxSlice why)
{
	FoxMqttPacket packet = {.type = type, .id = id, .payload = fox_buf_view(&codes)};

	if (codes.failed)
	{
		mqtt_cut(p, FOX_MQTT_QUOTA, NO_MEMORY);
		return;
	}
	mqtt_say_why(p, &packet, why);
	mqtt_send_written(p, &packet);
}

/* One answer more is there; with the last one SUBACK goes out. */
static void
count_down(MqttSession *s, MqttAsk *a)
{
	MqttPeer   *p = s->peer;

	if (--a->open > 0)
		return;
	fox_buf_reset(&codes);
	for (uint32_t i = 0; i < a->count; i++)
	{
		uint8_t		code = a->wishes[i].code;

		fox_buf_char(&codes, (char) (p == NULL || p->version == FOX_MQTT_50 || code < FOX_MQTT_UNSPECIFIED ? code : FOX_MQTT_UNSPECIFIED));
	}
	if (p != NULL && !a->unasked && a->generation == s->generation)
		send_codes(p, FOX_MQTT_SUBACK, a->id, fox_cstr(a->why));
	ask_free(a);
}

static void
put_options(FoxMqttFilterKind kind, FoxSlice group, bool retained)
{
	fox_buf_reset(&options);
	fox_buf_char(&options, '{');
	if (kind == FOX_MQTT_FILTER_TOPIC)
		fox_buf_str(&options, "\"match\":\"exact\",");
	if (!fox_absent(group))
	{
		fox_buf_str(&options, "\"share\":");
		fox_buf_json_str(&options, group);
		fox_buf_char(&options, ',');
	}
	fox_buf_str(&options, retained ? "\"retained\":true}" : "\"retained\":false}");
}

/* Who shares a registration is called in turn; a call goes to one, of whatever group. */
static void
put_register_options(FoxMqttFilterKind kind, bool shared)
{
	fox_buf_reset(&options);
	fox_buf_str(&options, shared ? "{\"invoke\":\"roundrobin\"" : "{\"invoke\":\"single\"");
	fox_buf_str(&options, kind == FOX_MQTT_FILTER_TOPIC ? ",\"match\":\"exact\"}" : "}");
}

static void
answer(MqttSession *s, MqttAsk *a, MqttWish *w, FoxMqttReason code)
{
	w->answered = true;
	w->code = (uint8_t) code;
	count_down(s, a);
}

static void
refuse(MqttSession *s, MqttAsk *a, MqttWish *w, FoxMqttReason code, FoxSlice why)
{
	if (a->why == NULL && !fox_absent(why))
		a->why = fox_strdup(why);
	answer(s, a, w, code);
}

/* Makes the request; the answer may be there when this returns. */
static void
wish(MqttSession *s, MqttAsk *a, uint32_t place)
{
	MqttWish   *w = &a->wishes[place];
	FoxSlice	filter = w->f.filter;
	FoxSlice	procedure = mqtt_procedure(filter);
	FoxSlice	group;
	FoxMqttFilterKind kind;
	bool		is_new = fox_map_get(&s->subs, filter) == NULL;

	fox_buf_reset(&uri);
	w->callee = !fox_absent(procedure);
	if ((w->callee && !a->restored && s->peer->version != FOX_MQTT_50) || filter.len > FILTER_MAX || !fox_filter_share(&filter, &group) ||
		(!a->unasked && mqtt_too_deep(s->broker, filter, '/')) ||
		(kind = fox_filter_from_mqtt(w->callee ? procedure : filter, &uri)) == FOX_MQTT_FILTER_INVALID)
	{
		refuse(s, a, w, FOX_MQTT_BAD_FILTER, fox_cstr(NO_FILTER));
		return;
	}
	w->pattern = kind == FOX_MQTT_FILTER_PATTERN && !w->callee;
	w->shared = !fox_absent(group);
	w->retained = fox_absent(group) && !a->restored && (w->f.retain_handling == 0 || (w->f.retain_handling == 1 && is_new));
	if (w->callee)
		put_register_options(kind, w->shared);
	else
		put_options(kind, group, w->retained);
	if (uri.failed || options.failed)
		refuse(s, a, w, FOX_MQTT_QUOTA, fox_cstr(NO_MEMORY));
	else if (w->callee)
		fox_session_register(s->core, a->first + place, fox_buf_view(&options), fox_buf_view(&uri));
	else if (a->restored)
		fox_session_resubscribe(s->core, a->first + place, fox_buf_view(&options), fox_buf_view(&uri));
	else
		fox_session_subscribe(s->core, a->first + place, fox_buf_view(&options), fox_buf_view(&uri));
}

static MqttWish *
wish_of(MqttSession *s, uint64_t request, MqttAsk **ask)
{
	fox_list_each(n, &s->asks)
	{
		MqttAsk    *a = fox_container(MqttAsk, node, n);

		if (request >= a->first && request < a->first + a->count && !a->wishes[request - a->first].answered)
		{
			*ask = a;
			return &a->wishes[request - a->first];
		}
	}
	return NULL;
}

/* The subscription of that filter, new or not, is as it was wished; NULL: no memory. */
static MqttSub *
settle(MqttSession *s, const MqttAsk *a, const MqttWish *w, uint64_t id)
{
	MqttSub    *sub = fox_map_get(&s->subs, w->f.filter);
	char	   *at;

	if (sub == NULL)
	{
		if ((sub = calloc(1, sizeof(*sub) + w->f.filter.len)) == NULL)
			return NULL;
		at = sub->block;
		sub->filter = fox_slice_keep(&at, w->f.filter);
		sub->id = id;
		sub->shared = w->shared;
		sub->pattern = w->pattern;
		sub->callee = w->callee;
		sub->sys = mqtt_is_sys(w->f.filter);
		if (!sub_enter(s, sub))
		{
			free(sub);
			return NULL;
		}
	}
	if (sub->id != id && fox_idmap_put(&s->subs_by_id, id, sub))
		sub->id = id;
	sub->qos = w->f.qos;
	sub->no_local = w->f.no_local;
	sub->as_published = w->f.retain_as_published;
	sub->identifier = a->identifier;
	if (!a->restored)
		mqtt_store_sub(s, sub);
	if (sub->sys && w->retained)
		mqtt_sys_subscribed(s, sub);
	return sub;
}

void
mqtt_subscribed(MqttSession *s, uint64_t request, uint64_t id)
{
	MqttAsk    *a;
	MqttWish   *w = wish_of(s, request, &a);

	if (w != NULL && settle(s, a, w, id) != NULL)
		answer(s, a, w, (FoxMqttReason) w->f.qos);
	else if (w != NULL)
		refuse(s, a, w, FOX_MQTT_QUOTA, fox_cstr(NO_MEMORY));
}

void
mqtt_not_subscribed(MqttSession *s, uint64_t request, FoxMqttReason reason, FoxSlice why)
{
	MqttAsk    *a;
	MqttWish   *w = wish_of(s, request, &a);

	if (w != NULL)
		refuse(s, a, w, reason, why);
}

static bool
is_of_group(FoxSlice filter)
{
	return fox_slice_begins(filter, FOX_LIT("$share/"));
}

/* A shared subscription can not leave out its own: who would hear that message instead? */
static bool
asks_no_local_of_group(FoxSlice payload)
{
	FoxMqttFilter f;

	while (fox_mqtt_filter_next(FOX_MQTT_SUBSCRIBE, &payload, &f))
		if (f.no_local && is_of_group(f.filter))
			return true;
	return false;
}

void
mqtt_subscribe(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	MqttAsk    *a;

	if (asks_no_local_of_group(packet->payload))
	{
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "no local on a shared subscription");
		return;
	}
	if ((a = ask_new(s, packet->payload)) == NULL)
	{
		mqtt_cut(p, FOX_MQTT_QUOTA, NO_MEMORY);
		return;
	}
	a->id = packet->id;
	a->identifier = packet->props.subscription_id;
	for (uint32_t i = 0; i < a->count; i++)
	{
		FoxMqttFilter *f = &a->wishes[i].f;

		f->no_local |= p->bridge && !is_of_group(f->filter);
		f->retain_as_published |= p->bridge;
		wish(s, a, i);
	}
	count_down(s, a);
}

/* Nobody is told what becomes of it. */
static void
wish_unasked(MqttSession *s, const FoxMqttFilter *f, uint32_t identifier, bool restored)
{
	FoxBuf		filter = {0};
	MqttAsk    *a;

	fox_mqtt_filter_put(FOX_MQTT_50, FOX_MQTT_SUBSCRIBE, f, &filter);
	a = filter.failed ? NULL : ask_new(s, fox_buf_view(&filter));
	fox_buf_free(&filter);
	if (a == NULL)
	{
		fox_router_warn(s->broker->router, "a subscription of MQTT is lost", "out of memory");
		return;
	}
	a->identifier = identifier;
	a->unasked = true;
	a->restored = restored;
	wish(s, a, 0);
	count_down(s, a);
}

void
mqtt_subscribe_as(MqttSession *s, const FoxMqttFilter *f)
{
	wish_unasked(s, f, 0, false);
}

void
mqtt_unsubscribe_as(MqttSession *s, MqttSub *sub)
{
	leave(s, sub);
	mqtt_sub_free(s, sub);
}

void
mqtt_sub_restore(MqttSession *s, const FoxMqttRow *row)
{
	FoxMqttFilter f = {row->filter, row->qos, row->no_local, row->as_published, 2};
	FoxSlice	filter = row->filter;
	FoxSlice	group;
	MqttSub    *sub;
	char	   *at;

	if (fox_absent(mqtt_procedure(row->filter)))
	{
		wish_unasked(s, &f, row->identifier, true);
		return;
	}
	if (fox_map_get(&s->subs, row->filter) != NULL || (sub = calloc(1, sizeof(*sub) + row->filter.len)) == NULL)
		return;
	at = sub->block;
	sub->filter = fox_slice_keep(&at, row->filter);
	sub->callee = true;
	sub->shared = fox_filter_share(&filter, &group) && !fox_absent(group);
	sub->qos = row->qos;
	if (!sub_enter(s, sub))
		free(sub);
}

/* The next of those that the client is called by. */
static MqttSub *
next_callee(const MqttSession *s, size_t *pos)
{
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->subs, pos)) != NULL)
		if (((MqttSub *) slot->value)->callee)
			return slot->value;
	return NULL;
}

void
mqtt_subs_back(MqttSession *s)
{
	size_t		pos = 0;
	MqttSub    *sub;

	while ((sub = next_callee(s, &pos)) != NULL)
		if (sub->id == 0)
			wish_unasked(s, &(FoxMqttFilter){.filter = sub->filter, .qos = sub->qos}, sub->identifier, true);
}

void
mqtt_subs_away(MqttSession *s)
{
	size_t		pos = 0;
	MqttSub    *sub;

	mqtt_callee_away(s);
	while ((sub = next_callee(s, &pos)) != NULL)
	{
		leave(s, sub);
		fox_idmap_del(&s->subs_by_id, sub->id);
		sub->id = 0;
	}
}

/* --- UNSUBSCRIBE --- */

void
mqtt_unsubscribe(MqttPeer *p, const FoxMqttPacket *packet)
{
	MqttSession *s = p->session;
	FoxSlice	rest = packet->payload;
	FoxMqttFilter f;

	fox_buf_reset(&codes);
	while (fox_mqtt_filter_next(FOX_MQTT_UNSUBSCRIBE, &rest, &f))
	{
		MqttSub    *sub = fox_map_get(&s->subs, f.filter);

		if (sub != NULL)
			mqtt_unsubscribe_as(s, sub);
		fox_buf_char(&codes, sub != NULL ? FOX_MQTT_SUCCESS : FOX_MQTT_NO_SUBSCRIPTION);
	}
	send_codes(p, FOX_MQTT_UNSUBACK, packet->id, FOX_ABSENT);
}

static void
subscribe_unasked(void *ctx, const FoxAutoSubscription *sub)
{
	MqttSession *s = ctx;

	if (s->peer != NULL && fox_map_get(&s->subs, sub->filter) == NULL)
		wish_unasked(s, &(FoxMqttFilter){sub->filter, sub->qos, sub->no_local, sub->as_published, sub->retain_handling}, 0, false);
}

void
mqtt_subscribe_unasked(MqttSession *s)
{
	fox_auto_subscriptions(s->core, subscribe_unasked, s);
}
