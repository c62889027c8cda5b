/*
 * mqtt_call.c - calls: MQTT's requests and responses, and WAMP's procedures.
 *
 *      PUBLISH $call/a/b (response topic, correlation data)  ──►  CALL a.b
 *      PUBLISH response topic (correlation data)             ◄──  RESULT or ERROR
 *
 *      SUBSCRIBE $call/a/b, $share/g/$call/a/b               ──►  REGISTER a.b
 *      PUBLISH $call/a/b (response topic $reply/<number>)    ◄──  INVOCATION
 *      PUBLISH $reply/<number>                               ──►  YIELD, or ERROR with a user property `error`
 *
 * A response is published by the caller itself, so that it goes only where the caller may publish to.  Who is
 * away answers no calls: it is registered while it has a connection.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "codec/utf8.h"
#include "core/uri.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define CALL "$call."
#define REPLY "$reply."
#define REPLY_TOPIC "$reply/"
#define ERROR "error"			/* user property: the URI of an error */

/* A call of the client's. */
typedef struct MqttCall
{
	FoxNode		node;			/* in session->calls */
	MqttSession *session;
	uint64_t	request;
	FoxTimer	timer;			/* once the answer is there: it is published from a turn of its own */
	uint8_t		qos;
	FoxBuf		payload;		/* of the response */
	FoxBuf		props;
	FoxSlice	topic;			/* response topic in WAMP's notation; absent: nobody wants the result */
	FoxSlice	correlation;
	char		block[];
} MqttCall;

static FoxBuf scratch;
static FoxBuf options;

static FoxSlice
behind(FoxSlice topic, const char *prefix)
{
	size_t		n = strlen(prefix);

	return topic.len > n && memcmp(topic.ptr, prefix, n) == 0 ? fox_slice(topic.ptr + n, topic.len - n) : FOX_ABSENT;
}

/* --- properties --- */

/* Encoded properties as they are in a set; false: malformed. */
static bool
read_props(FoxSlice raw, FoxBuf *memory, FoxMqttProps *p)
{
	FoxMqttReader r;

	*p = (FoxMqttProps){.raw = FOX_ABSENT};
	if (fox_absent(raw))
		return true;
	fox_mqtt_put_varint(memory, (uint32_t) raw.len);
	fox_buf_slice(memory, raw);
	r = fox_mqtt_reader(fox_buf_view(memory));
	return !memory->failed && fox_mqtt_props_read(&r, FOX_MQTT_PUBLISH, p) == FOX_MQTT_SUCCESS;
}

/* Those of a message that goes another way: without response topic and correlation data, but with those given. */
static void
put_props(FoxBuf *out, FoxSlice raw, FoxSlice response_topic, FoxSlice correlation, FoxSlice error)
{
	FoxBuf		memory = {0};
	FoxBuf		user = {0};
	FoxMqttProps p;

	if (read_props(raw, &memory, &p))
	{
		p.present &= ~((uint64_t) 1 << FOX_PROP_RESPONSE_TOPIC | (uint64_t) 1 << FOX_PROP_CORRELATION |
					   (uint64_t) 1 << FOX_PROP_MESSAGE_EXPIRY | (uint64_t) 1 << FOX_PROP_ALIAS);
		if (!fox_absent(response_topic))
			fox_mqtt_set(&p, FOX_PROP_RESPONSE_TOPIC), p.response_topic = response_topic;
		if (!fox_absent(correlation))
			fox_mqtt_set(&p, FOX_PROP_CORRELATION), p.correlation = correlation;
		if (!fox_absent(error))
			fox_mqtt_user_put(&user, FOX_LIT(ERROR), fox_utf8_clip(error, UINT16_MAX));
		mqtt_put_props(&p, &user, out);
	}
	out->failed |= user.failed || memory.failed;
	fox_buf_free(&memory);
	fox_buf_free(&user);
}

/* --- the client calls --- */

static void
call_free(MqttCall *c)
{
	fox_router_timer_clear(c->session->broker->router, &c->timer);
	fox_list_del(&c->node);
	fox_buf_free(&c->payload);
	fox_buf_free(&c->props);
	free(c);
}

void
mqtt_calls_free(MqttSession *s)
{
	fox_list_each(n, &s->calls)
		call_free(fox_container(MqttCall, node, n));
	fox_map_free(&s->invocations);
	s->invocations = (FoxIdMap){0};
}

static MqttCall *
call_new(MqttSession *s, uint8_t qos, const FoxMqttProps *p)
{
	MqttCall   *c;
	char	   *at;

	fox_buf_reset(&scratch);
	if (fox_mqtt_has(p, FOX_PROP_RESPONSE_TOPIC))
		fox_topic_from_mqtt(p->response_topic, &scratch);
	c = scratch.failed ? NULL : calloc(1, sizeof(*c) + scratch.len + p->correlation.len + 1);
	if (c == NULL)
		return NULL;
	at = c->block;
	c->session = s;
	c->request = ++s->last_call;
	c->qos = qos;
	c->topic = fox_mqtt_has(p, FOX_PROP_RESPONSE_TOPIC) ? fox_slice_keep(&at, fox_buf_view(&scratch)) : FOX_ABSENT;
	c->correlation = fox_mqtt_has(p, FOX_PROP_CORRELATION) ? fox_slice_keep(&at, p->correlation) : FOX_ABSENT;
	fox_list_push(&s->calls, &c->node);
	return c;
}

static FoxMqttReason
call(MqttSession *s, uint8_t qos, FoxSlice procedure, FoxSlice payload, FoxSlice props)
{
	FoxBuf		memory = {0};
	FoxBuf		rest = {0};
	FoxMqttProps p;
	MqttCall   *c = read_props(props, &memory, &p) ? call_new(s, qos, &p) : NULL;

	if (c != NULL)
	{
		put_props(&rest, props, FOX_ABSENT, FOX_ABSENT, FOX_ABSENT);
		fox_buf_reset(&options);
		fox_buf_char(&options, '{');
		if (p.message_expiry > 0)
		{
			fox_buf_str(&options, "\"timeout\":");
			fox_buf_u64(&options, (uint64_t) p.message_expiry * 1000);
		}
		fox_buf_char(&options, '}');
		fox_session_call(s->core, c->request, fox_buf_view(&options), procedure, payload, rest.len > 0 ? fox_buf_view(&rest) : FOX_ABSENT);
	}
	fox_buf_free(&memory);
	fox_buf_free(&rest);
	return c != NULL ? FOX_MQTT_SUCCESS : FOX_MQTT_QUOTA;
}

static void
respond(void *ctx, FoxTimer *timer)
{
	MqttCall   *c = fox_container(MqttCall, timer, timer);

	(void) ctx;
	mqtt_publish_as(c->session, 0, c->qos, false, c->topic, fox_buf_view(&c->payload), fox_buf_view(&c->props));
	call_free(c);
}

static MqttCall *
call_of(const MqttSession *s, uint64_t request)
{
	fox_list_each(n, &s->calls)
	{
		MqttCall   *c = fox_container(MqttCall, node, n);

		if (c->request == request)
			return c;
	}
	return NULL;
}

static void
answered(MqttSession *s, uint64_t request, const FoxPayload *payload, FoxSlice error)
{
	FoxRouter  *r = s->broker->router;
	MqttCall   *c = call_of(s, request);
	FoxBuf		memory = {0};
	FoxPayload	said;

	if (c == NULL)
		return;
	if (!fox_absent(c->topic) && mqtt_topic_refusal(c->topic) == FOX_MQTT_SUCCESS && fox_payload_as(payload, FOX_MQTT, &memory, &said))
	{
		fox_buf_slice(&c->payload, said.args);
		put_props(&c->props, said.kwargs, FOX_ABSENT, c->correlation, error);
	}
	if (memory.failed || c->payload.failed || c->props.failed || fox_absent(c->topic) || mqtt_topic_refusal(c->topic) != FOX_MQTT_SUCCESS ||
		!fox_router_timer_set(r, &c->timer, fox_router_now(r), respond))
		call_free(c);
	fox_buf_free(&memory);
}

void
mqtt_result(FoxSession *core, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	(void) ppt;
	if (!progress)
		answered(fox_session_data(core), request, payload, FOX_ABSENT);
}

/* What the router has to say of it is the payload, if there is no other. */
void
mqtt_call_failed(MqttSession *s, uint64_t request, const FoxFailure *why)
{
	FoxBuf		args = {0};
	FoxPayload	payload = why->payload;

	if (fox_absent(payload.args) && fox_absent(payload.kwargs) && !fox_absent(why->text))
	{
		fox_buf_char(&args, '[');
		fox_buf_json_str(&args, why->text);
		fox_buf_char(&args, ']');
		payload = (FoxPayload){FOX_JSON, fox_buf_view(&args), FOX_ABSENT};
	}
	answered(s, request, &payload, why->uri);
	fox_buf_free(&args);
}

/* --- the client is called --- */

FoxSlice
mqtt_procedure(FoxSlice filter)
{
	FoxSlice	group;

	return fox_filter_share(&filter, &group) ? behind(filter, "$call/") : FOX_ABSENT;
}

void
mqtt_invoke(FoxSession *core, const FoxInvocation *inv)
{
	MqttSession *s = fox_session_data(core);
	const MqttSub *sub = fox_idmap_get(&s->subs_by_id, inv->registration);
	FoxBuf		topic = {0};
	FoxBuf		response = {0};
	FoxBuf		props = {0};
	FoxBuf		memory = {0};
	FoxPayload	said;

	if (sub == NULL || s->peer == NULL)
		return;					/* it is about to be gone */
	fox_buf_str(&topic, "$call/");
	if (fox_absent(inv->procedure))
		fox_buf_slice(&topic, mqtt_procedure(sub->filter));
	else
		fox_topic_to_mqtt(inv->procedure, &topic);
	fox_buf_str(&response, REPLY_TOPIC);
	fox_buf_u64(&response, inv->id);
	if (fox_payload_as(&inv->payload, FOX_MQTT, &memory, &said))
	{
		put_props(&props, said.kwargs, fox_buf_view(&response), FOX_ABSENT, FOX_ABSENT);
		if (!topic.failed && !props.failed && fox_idmap_put(&s->invocations, inv->id, s))
			mqtt_send_message(s, sub, fox_buf_view(&topic), fox_buf_view(&props), said.args, false);
	}
	fox_buf_free(&topic);
	fox_buf_free(&response);
	fox_buf_free(&props);
	fox_buf_free(&memory);
}

static FoxMqttReason
reply(MqttSession *s, FoxSlice number, FoxSlice payload, FoxSlice props)
{
	uint64_t	invocation;
	FoxBuf		rest = {0};
	FoxMqttReader users = fox_mqtt_reader(fox_absent(props) ? FOX_LIT("") : props);
	FoxSlice	error = FOX_ABSENT;
	FoxSlice	name;
	FoxSlice	value;
	FoxSlice	kwargs;

	if (!fox_json_uint(number, &invocation) || fox_idmap_del(&s->invocations, invocation) == NULL)
		return FOX_MQTT_NO_SUBSCRIBERS;
	while (fox_mqtt_user_next(&users, &name, &value))
		if (fox_slice_is(name, ERROR))
			error = value;
	put_props(&rest, props, FOX_ABSENT, FOX_ABSENT, FOX_ABSENT);
	kwargs = rest.len > 0 ? fox_buf_view(&rest) : FOX_ABSENT;
	if (!fox_absent(error) && fox_uri_valid(error, false))
		(void) fox_session_invocation_failed(s->core, invocation, FOX_LIT("{}"), error, payload, kwargs);
	else
		(void) fox_session_yield(s->core, invocation, FOX_LIT("{}"), payload, kwargs);
	fox_buf_free(&rest);
	return FOX_MQTT_SUCCESS;
}

void
mqtt_callee_away(MqttSession *s)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&s->invocations, &pos)) != NULL)
		(void) fox_session_invocation_failed(s->core, slot->id, FOX_LIT("{}"), FOX_LIT("wamp.error.canceled"), FOX_ABSENT, FOX_ABSENT);
	fox_map_free(&s->invocations);
	s->invocations = (FoxIdMap){0};
}

/* --- PUBLISH --- */

bool
mqtt_publish_call(MqttSession *s, uint8_t qos, FoxSlice topic, FoxSlice payload, FoxSlice props, FoxMqttReason *reason)
{
	FoxSlice	name;

	if (!fox_absent(name = behind(topic, CALL)))
		*reason = call(s, qos, name, payload, props);
	else if (!fox_absent(name = behind(topic, REPLY)))
		*reason = reply(s, name, payload, props);
	else
		return false;
	return true;
}
