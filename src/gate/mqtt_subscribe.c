/*
 * mqtt_subscribe.c - SUBSCRIBE and UNSUBSCRIBE: filters become subscriptions of the core.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

static FoxBuf uri;
static FoxBuf options;
static FoxBuf codes;

/* --- what a session has subscribed to --- */

MqttSub *
mqtt_sub_by_id(const MqttSession *s, uint64_t id)
{
	return s->only != NULL ? s->only : fox_idmap_get(&s->subs_by_id, id);
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
	if (!fox_idmap_put(&s->subs_by_id, sub->id, sub))
	{
		fox_map_del(&s->subs, sub->filter);
		return false;
	}
	s->patterns += sub->pattern;
	find_only(s);
	return true;
}

void
mqtt_sub_free(MqttSession *s, MqttSub *sub)
{
	fox_map_del(&s->subs, sub->filter);
	fox_idmap_del(&s->subs_by_id, sub->id);
	s->patterns -= sub->pattern;
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
			fox_session_unsubscribe(s->core, 0, sub->id);
		free(sub);
	}
	fox_map_free(&s->subs);
	fox_map_free(&s->subs_by_id);
	s->subs = s->subs_by_id = (FoxMap){0};
	s->only = NULL;
	s->patterns = 0;
}

/* --- SUBSCRIBE --- */

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

/* A new subscription before the core knows of it; NULL: no memory. */
static MqttSub *
sub_new(FoxSlice filter)
{
	MqttSub    *sub = calloc(1, sizeof(*sub) + filter.len);
	char	   *at;

	if (sub == NULL)
		return NULL;
	at = sub->block;
	sub->filter = fox_slice_keep(&at, filter);
	return sub;
}

/* The code for SUBACK. */
static FoxMqttReason
subscribe(MqttSession *s, const FoxMqttFilter *f, uint32_t identifier)
{
	FoxSlice	filter = f->filter;
	FoxSlice	group;
	FoxMqttFilterKind kind;
	MqttSub    *sub = fox_map_get(&s->subs, f->filter);
	bool		is_new = sub == NULL;

	fox_buf_reset(&uri);
	if (!fox_filter_share(&filter, &group) || (kind = fox_filter_from_mqtt(filter, &uri)) == FOX_MQTT_FILTER_INVALID)
		return FOX_MQTT_BAD_FILTER;
	if (is_new && (sub = sub_new(f->filter)) == NULL)
		return FOX_MQTT_QUOTA;
	put_options(kind, group, fox_absent(group) && (f->retain_handling == 0 || (f->retain_handling == 1 && is_new)));
	if (uri.failed || options.failed)
		s->answer = 0, s->refusal = FOX_MQTT_QUOTA;
	else
		fox_session_subscribe(s->core, 0, fox_buf_view(&options), fox_buf_view(&uri));
	if (s->answer == 0)
	{
		if (is_new)
			free(sub);
		return s->refusal;
	}
	sub->qos = f->qos;
	sub->no_local = f->no_local;
	sub->as_published = f->retain_as_published;
	sub->identifier = identifier;
	if (!is_new)
		return (FoxMqttReason) f->qos;
	sub->id = s->answer;
	sub->shared = !fox_absent(group);
	sub->pattern = kind == FOX_MQTT_FILTER_PATTERN;
	if (sub_enter(s, sub))
		return (FoxMqttReason) f->qos;
	fox_session_unsubscribe(s->core, 0, sub->id);
	free(sub);
	return FOX_MQTT_QUOTA;
}

/* A shared subscription can not leave out its own: who would hear that message instead? */
static bool
asks_no_local_of_group(FoxSlice payload)
{
	FoxMqttFilter f;

	while (fox_mqtt_filter_next(FOX_MQTT_SUBSCRIBE, &payload, &f))
		if (f.no_local && f.filter.len >= 7 && memcmp(f.filter.ptr, "$share/", 7) == 0)
			return true;
	return false;
}

static void
answer(MqttPeer *p, FoxMqttType type, uint16_t id)
{
	if (codes.failed)
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
	else
		mqtt_send(p, &(FoxMqttPacket){.type = type, .id = id, .payload = fox_buf_view(&codes)});
}

void
mqtt_subscribe(MqttPeer *p, const FoxMqttPacket *packet)
{
	FoxSlice	rest = packet->payload;
	FoxMqttFilter f;

	if (asks_no_local_of_group(rest))
	{
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "no local on a shared subscription");
		return;
	}
	fox_buf_reset(&codes);
	while (fox_mqtt_filter_next(FOX_MQTT_SUBSCRIBE, &rest, &f))
	{
		FoxMqttReason code = subscribe(p->session, &f, packet->props.subscription_id);

		fox_buf_char(&codes, (char) (p->version == FOX_MQTT_50 || code < FOX_MQTT_UNSPECIFIED ? code : FOX_MQTT_UNSPECIFIED));
	}
	answer(p, FOX_MQTT_SUBACK, packet->id);
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
		{
			fox_session_unsubscribe(s->core, 0, sub->id);
			mqtt_sub_free(s, sub);
		}
		fox_buf_char(&codes, sub != NULL ? FOX_MQTT_SUCCESS : FOX_MQTT_NO_SUBSCRIPTION);
	}
	answer(p, FOX_MQTT_UNSUBACK, packet->id);
}
