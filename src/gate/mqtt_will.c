/*
 * mqtt_will.c - what a client leaves to be published when its connection is lost.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "core/denial.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define NO_WILL "the client may not publish to the topic of its will"

bool
mqtt_will_set(MqttSession *s, const FoxMqttWill *will, FoxSlice topic, FoxSlice props, uint32_t delay)
{
	MqttWill   *w = malloc(sizeof(*w) + topic.len + will->payload.len + props.len);
	char	   *at;

	if (w == NULL)
		return false;
	*w = (MqttWill){.qos = will->qos, .retain = will->retain, .delay = delay};
	at = w->block;
	w->topic = fox_slice_keep(&at, topic);
	w->payload = fox_slice_keep(&at, will->payload);
	w->props = fox_slice_keep(&at, props);
	s->will = w;
	return true;
}

void
mqtt_put_props(const FoxMqttProps *props, const FoxBuf *more_users, FoxBuf *out)
{
	FoxMqttProps kept = *props;
	FoxMqttReader users = fox_mqtt_reader(fox_absent(props->raw) ? FOX_LIT("") : props->raw);
	FoxBuf		user = {0};
	FoxBuf		block = {0};
	FoxSlice	name;
	FoxSlice	value;

	while (fox_mqtt_user_next(&users, &name, &value))
		fox_mqtt_user_put(&user, name, value);
	if (more_users != NULL)
		fox_buf_slice(&user, fox_buf_view(more_users));
	kept.user = user.len > 0 ? fox_buf_view(&user) : FOX_ABSENT;
	fox_mqtt_props_write(&kept, &block);
	out->failed |= user.failed || block.failed;
	if (!out->failed)
	{
		FoxMqttReader encoded = fox_mqtt_reader(fox_buf_view(&block));
		uint32_t	len = fox_mqtt_varint(&encoded);

		fox_buf_slice(out, fox_mqtt_take(&encoded, len));
	}
	fox_buf_free(&user);
	fox_buf_free(&block);
}

/* Of its properties the message takes along all but the delay. */
bool
mqtt_will_keep(MqttSession *s, const FoxMqttWill *will, FoxSlice topic)
{
	FoxMqttProps kept = will->props;
	FoxBuf		props = {0};
	bool		done;

	kept.present &= ~((uint64_t) 1 << FOX_PROP_WILL_DELAY);
	mqtt_put_props(&kept, NULL, &props);
	done = !props.failed && mqtt_will_set(s, will, topic, props.len > 0 ? fox_buf_view(&props) : FOX_ABSENT, will->props.will_delay);
	fox_buf_free(&props);
	return done;
}

void
mqtt_will_forget(MqttSession *s)
{
	free(s->will);
	s->will = NULL;
}

/* --- permission --- */

/*
 * Asked by a session of its own, which nothing happens to: until it is known that the client may join, the session of its
 * name, with its connection and its will, is left alone.
 */
bool
mqtt_will_permitted(MqttPeer *p, FoxSlice realm, const FoxSessionInfo *info, const FoxMqttWill *will)
{
	FoxSessionInfo who = *info;
	FoxBuf		topic = {0};
	FoxSession *core;
	const char *reason;
	bool		may = true;

	who.passing = true;
	core = fox_session_join(p->broker->router, realm, &who, &(FoxSessionOps){0}, NULL, &reason);
	if (core == NULL)
		return true;			/* nor will the client's own join, which says why */
	fox_topic_from_mqtt(will->topic, &topic);
	if (!topic.failed && !(may = fox_session_may_publish(core, fox_buf_view(&topic))))
		fox_denied_to(core, "publish", fox_buf_view(&topic), NO_WILL);
	fox_session_leave(core, FOX_END_GOODBYE);
	fox_buf_free(&topic);
	if (!may)
		mqtt_refuse(p, FOX_MQTT_NOT_AUTHORIZED, NO_WILL);
	return may;
}

/* --- publishing --- */

void
mqtt_will_publish(MqttSession *s)
{
	MqttWill   *w = s->will;

	if (w != NULL)
		mqtt_publish_as(s, 0, w->qos, w->retain, w->topic, w->payload, w->props);
	mqtt_will_forget(s);
}

/*
 * The will of a session that ends at once is published by another one: the core may have to ask before the message goes on.
 */
typedef struct MqttTestator
{
	FoxRouter  *router;
	FoxSession *core;
	FoxTimer	timer;			/* once it is answered */
} MqttTestator;

static void
over(void *ctx, FoxTimer *timer)
{
	MqttTestator *t = fox_container(MqttTestator, timer, timer);

	(void) ctx;
	fox_session_leave(t->core, FOX_END_GOODBYE);
	free(t);
}

/* The core may be at work with the session. */
static void
testator_done(FoxSession *core, FoxRequest what, uint64_t request, uint64_t id)
{
	MqttTestator *t = fox_session_data(core);

	(void) what, (void) request, (void) id;
	fox_router_timer_set(t->router, &t->timer, 0, over);
}

static void
testator_failed(FoxSession *core, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	(void) why;
	testator_done(core, what, request, 0);
}

static void
testator_ended(FoxSession *core, const char *reason, FoxSlice message)
{
	MqttTestator *t = fox_session_data(core);

	(void) reason, (void) message;
	fox_router_timer_clear(t->router, &t->timer);
	free(t);
}

static const FoxSessionOps testator_ops = {.done = testator_done, .failed = testator_failed, .ended = testator_ended};

void
mqtt_will_publish_apart(MqttSession *s)
{
	FoxSessionInfo info = fox_session_identity(s->core);
	MqttTestator *t = s->will != NULL ? calloc(1, sizeof(*t)) : NULL;
	const char *reason;

	if (t != NULL)
	{
		info.encoding = FOX_MQTT;
		info.client_id = s->client_id;
		info.passing = true;
		t->router = s->broker->router;
		t->core = fox_session_join(t->router, mqtt_session_realm(s), &info, &testator_ops, t, &reason);
		if (t->core != NULL)
			fox_session_publish(t->core, 0, mqtt_publish_options(s->will->qos, s->will->retain, s->will->props),
								s->will->topic, s->will->payload, s->will->props);
		else
			free(t);
	}
	mqtt_will_forget(s);
}
