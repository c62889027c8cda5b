/*
 * mqtt_connect.c - CONNECT: who it is, which session that is, and what both sides will take.
 */
#include <stdlib.h>

#include "codec/mqtt_topic.h"
#include "core/denial.h"
#include "core/uri.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define NAME_MAX_ASSIGNED 32
#define IN_USE "the client identifier is in use by another user"

/* --- refusals --- */

/* The return codes of 3.1 and 3.1.1; 0: there is none, the connection just closes. */
static uint8_t
code_before_5(FoxMqttReason reason)
{
	switch (reason)
	{
		case FOX_MQTT_BAD_CLIENT_ID:
			return 2;
		case FOX_MQTT_UNAVAILABLE:
		case FOX_MQTT_QUOTA:
			return 3;
		case FOX_MQTT_BAD_LOGIN:
			return 4;
		case FOX_MQTT_NOT_AUTHORIZED:
			return 5;
		default:
			return 0;
	}
}

void
mqtt_refuse(MqttPeer *p, FoxMqttReason reason, const char *text)
{
	FoxMqttPacket packet = {.type = FOX_MQTT_CONNACK, .reason = (uint8_t) reason};

	mqtt_say_why(p, &packet, fox_cstr(text));
	if (p->version != FOX_MQTT_50)
		packet.reason = code_before_5(reason);
	if (packet.reason != 0)
		mqtt_send(p, &packet);
	mqtt_cut(p, reason, text);
}

/* --- what is asked for --- */

/* The identifier of a client that has none: 128 random bits. */
static FoxSlice
assign_id(FoxRouter *r, char *to)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

	for (int i = 0; i < NAME_MAX_ASSIGNED; i += 8)
	{
		uint64_t	chance = fox_router_random(r);

		for (int k = 0; k < 8; k++, chance >>= 5)
			to[i + k] = digits[chance & 31];
	}
	return fox_slice(to, NAME_MAX_ASSIGNED);
}

static void
read_limits(MqttPeer *p, const FoxMqttPacket *packet)
{
	const FoxMqttProps *props = &packet->props;
	uint32_t	most = p->broker->config.max_keep_alive;

	p->bridge = packet->bridge;
	p->quiet = fox_mqtt_has(props, FOX_PROP_REQUEST_PROBLEM) && props->request_problem == 0;
	if (fox_mqtt_has(props, FOX_PROP_MAXIMUM_PACKET))
		p->max_packet = props->maximum_packet;
	p->receive_maximum = fox_mqtt_has(props, FOX_PROP_RECEIVE_MAXIMUM) ? props->receive_maximum : UINT16_MAX;
	p->alias_maximum = props->alias_maximum;
	p->keep_alive = packet->keep_alive;
	if (!p->internal && p->version == FOX_MQTT_50 && most > 0 && (p->keep_alive == 0 || p->keep_alive > most))
		p->keep_alive = most;
}

uint32_t
mqtt_expiry_within(const FoxMqttBroker *b, uint32_t asked)
{
	return asked < b->config.max_session_expiry ? asked : b->config.max_session_expiry;
}

/* How long the session outlives its connection, in seconds; before 5.0 a session that is not clean is kept. */
static uint32_t
expiry_of(const MqttPeer *p, const FoxMqttPacket *packet)
{
	if (p->internal)
		return packet->props.session_expiry;
	return mqtt_expiry_within(p->broker, p->version == FOX_MQTT_50 ? packet->props.session_expiry : packet->clean_start ? 0 : UINT32_MAX);
}

static void
welcome(MqttPeer *p, const FoxMqttPacket *connect, bool present, FoxSlice assigned)
{
	const FoxMqttConfig *config = &p->broker->config;
	FoxMqttPacket packet = {.type = FOX_MQTT_CONNACK, .session_present = present};
	FoxMqttProps *props = &packet.props;

	if (p->session->expiry != connect->props.session_expiry)
	{
		fox_mqtt_set(props, FOX_PROP_SESSION_EXPIRY);
		props->session_expiry = p->session->expiry;
	}
	if (p->keep_alive != connect->keep_alive)
	{
		fox_mqtt_set(props, FOX_PROP_SERVER_KEEP_ALIVE);
		props->server_keep_alive = p->keep_alive;
	}
	if (!fox_absent(assigned))
	{
		fox_mqtt_set(props, FOX_PROP_ASSIGNED_ID);
		props->assigned_id = assigned;
	}
	if (p->scram_flag != 0)
	{
		fox_mqtt_set(props, FOX_PROP_AUTH_METHOD);
		props->auth_method = FOX_LIT(FOX_SCRAM_METHOD);
		fox_mqtt_set(props, FOX_PROP_AUTH_DATA);
		props->auth_data = fox_buf_view(&p->arrival->server_final);
	}
	fox_mqtt_set(props, FOX_PROP_RECEIVE_MAXIMUM);
	props->receive_maximum = config->max_inflight < UINT16_MAX ? config->max_inflight : UINT16_MAX;
	fox_mqtt_set(props, FOX_PROP_ALIAS_MAXIMUM);
	props->alias_maximum = MQTT_ALIASES;
	fox_mqtt_set(props, FOX_PROP_MAXIMUM_PACKET);
	props->maximum_packet = (uint32_t) config->max_packet;
	mqtt_send(p, &packet);
}

/* --- the session --- */

/* The will's topic in WAMP's notation. */
static FoxMqttReason
check_will(const FoxMqttBroker *b, const FoxMqttWill *will, FoxBuf *topic)
{
	if (will->topic.len == 0 || memchr(will->topic.ptr, '+', will->topic.len) != NULL ||
		memchr(will->topic.ptr, '#', will->topic.len) != NULL ||
		mqtt_too_deep(b, will->topic, '/') || mqtt_too_deep(b, will->props.response_topic, '/'))
		return FOX_MQTT_BAD_TOPIC;
	fox_topic_from_mqtt(will->topic, topic);
	if (!fox_uri_valid(fox_buf_view(topic), false))
		return FOX_MQTT_BAD_TOPIC;	/* it is too long */
	return mqtt_topic_refusal(fox_buf_view(topic));
}

/* The connection that has the session is told that another one has taken it. */
static void
take_over(MqttSession *s)
{
	MqttPeer   *old = s->peer;

	if (old != NULL)
		mqtt_cut(old, FOX_MQTT_TAKEN_OVER, "another connection has this client identifier");
}

static FoxMqttReason
reason_not_to_join(const char *uri)
{
	if (strcmp(uri, "fox_wamp.error.too_many_sessions") == 0)
		return FOX_MQTT_QUOTA;
	return strcmp(uri, "wamp.error.unavailable") == 0 ? FOX_MQTT_UNAVAILABLE : FOX_MQTT_NOT_AUTHORIZED;
}

/* The session to join; NULL: the client has been refused. */
static MqttSession *
session_for(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice realm, FoxSlice client_id, const FoxSessionInfo *info,
			bool *present)
{
	MqttSession *s = mqtt_session_find(p->broker, realm, client_id);
	const char *uri;

	*present = false;
	if (s != NULL && !fox_session_is_of(s->core, info))
	{
		fox_denied(p->broker->router, &(FoxDenied){.realm = realm, .authid = info->authid, .client_id = client_id, .role = info->authrole,
				   .action = "login", .reason = FOX_LIT(IN_USE)});
		mqtt_refuse(p, FOX_MQTT_BAD_CLIENT_ID, IN_USE);
		return NULL;
	}
	if (s != NULL)
	{
		take_over(s);
		s = mqtt_session_find(p->broker, realm, client_id);	/* it may have ended with its connection */
	}
	if (s != NULL && (packet->clean_start || !fox_session_renew(s->core, info)))
	{
		mqtt_session_end(s);
		s = NULL;
	}
	*present = s != NULL;
	if (s == NULL && (s = mqtt_session_new(p->broker, realm, client_id, info, &uri)) == NULL)
		mqtt_refuse(p, reason_not_to_join(uri), uri);
	return s;
}

/* What can be said without knowing who it is. */
void
mqtt_connect(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes)
{
	FoxBuf		topic = {0};
	FoxMqttReason reason = packet->has_will ? check_will(p->broker, &packet->will, &topic) : FOX_MQTT_SUCCESS;

	fox_buf_free(&topic);
	/* A client that has no name and wants its session kept is refused before 5.0, where it could not learn its name. */
	if (packet->client_id.len == 0 && (p->version == FOX_MQTT_31 || (p->version == FOX_MQTT_311 && !packet->clean_start)))
		mqtt_refuse(p, FOX_MQTT_BAD_CLIENT_ID, "a client identifier is needed");
	else if (mqtt_is_bridge(packet->client_id))
		mqtt_refuse(p, FOX_MQTT_BAD_CLIENT_ID, "the client identifier is one of the server's own");
	else if (reason != FOX_MQTT_SUCCESS)
		mqtt_refuse(p, reason, "the topic of the will is not one to publish to");
	else
		mqtt_login(p, packet, bytes);
}

/* False: no memory. */
static bool
keep_will(MqttSession *s, const FoxMqttWill *will)
{
	FoxBuf		topic = {0};
	bool		kept;

	fox_topic_from_mqtt(will->topic, &topic);
	kept = !topic.failed && mqtt_will_keep(s, will, fox_buf_view(&topic));
	fox_buf_free(&topic);
	return kept;
}

void
mqtt_join(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice realm, const FoxSessionInfo *info)
{
	char		name[NAME_MAX_ASSIGNED];
	FoxSlice	client_id = packet->client_id.len > 0 ? packet->client_id : assign_id(p->broker->router, name);
	FoxSessionInfo who = *info;
	bool		present;
	MqttSession *s;

	who.client_id = client_id;
	if (p->broker->config.redirect[0] != '\0')
	{
		mqtt_redirect(p);
		return;
	}
	if (packet->has_will && !mqtt_will_permitted(p, realm, &who, &packet->will))
		return;
	s = session_for(p, packet, realm, client_id, &who, &present);
	if (s == NULL)
		return;
	mqtt_will_forget(s);
	if (packet->has_will && !keep_will(s, &packet->will))
	{
		mqtt_refuse(p, FOX_MQTT_UNAVAILABLE, "out of memory");
		if (!present)
			mqtt_session_end(s);
		return;
	}
	read_limits(p, packet);
	s->expiry = expiry_of(p, packet);
	p->state = MQTT_JOINED;
	mqtt_session_attach(s, p);
	if (!mqtt_store_session(s))
	{
		mqtt_cut(p, FOX_MQTT_QUOTA, "too much waits for the database");
		return;
	}
	mqtt_watch(p);
	welcome(p, packet, present, packet->client_id.len == 0 ? client_id : FOX_ABSENT);
	if (p->state == MQTT_JOINED)
		mqtt_resume(s);
	if (p->state == MQTT_JOINED && !p->internal)
		mqtt_subscribe_unasked(s);
}
